/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next boot of a unified kernel image will measure: the image itself (PCR 4, by the
 * firmware) and its sections (PCR 11, by systemd-stub: name and contents of each, in a fixed
 * order), its command line as systemd-boot and the kernel's own stub measure it again (PCR 12, 9),
 * and its initrd as the kernel takes it (PCR 9), see predict.h. Not for add-ons, credentials and
 * system extensions (PCR 12, 13).
 * Source: systemd, src/boot/efi/stub.c, src/boot/efi/boot.c, src/fundamental/uki.c;
 * systemd-measure(1); kernel, drivers/firmware/efi/libstub/efi-stub-helper.c; a real boot (lab).
 */
#include <errno.h>
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* systemd's order. What a later systemd adds is measured between these. */
static const char *const measured[] = {".linux",  ".osrel",   ".cmdline", ".initrd", ".ucode",
				       ".splash", ".dtb",     ".dtbauto", ".hwids",  ".uname",
				       ".sbat",	  ".pcrpkey", ".profile", ".efifw"};

bool predict_is_measured(const char *section)
{
	for (size_t i = 0; i < RF_COUNT(measured); i++) {
		if (strcmp(measured[i], section) == 0)
			return true;
	}
	return false;
}

bool predict_options(struct rf_slice cmdline, struct rf_buf *out)
{
	while (cmdline.len && cmdline.data[cmdline.len - 1] <= ' ')
		cmdline.len--;
	for (size_t i = 0; i < cmdline.len; i++) {
		if (cmdline.data[i] < ' ' || cmdline.data[i] > '~')
			return false;
		rf_buf_add_byte(out, cmdline.data[i]);
		rf_buf_add_byte(out, 0);
	}
	rf_buf_add_byte(out, 0);
	rf_buf_add_byte(out, 0);
	return !out->failed;
}

static bool is_section(const struct boot_item *item)
{
	return item->source == BOOT_FIRMWARE_LOG && item->pcr == 11 && item->name[0] == '.';
}

bool predict_is_unified(const struct boot *last)
{
	for (size_t i = 0; i < last->count; i++) {
		if (is_section(&last->items[i]) && strcmp(last->items[i].name, ".linux") == 0)
			return true;
	}
	return false;
}

/* The image that held the sections: the last one before them. */
static size_t find_image(const struct boot *last)
{
	size_t image = SIZE_MAX;

	for (size_t i = 0; i < last->count && !is_section(&last->items[i]); i++) {
		if (last->items[i].component == COMPONENT_BOOT_APP && last->items[i].pcr == 4)
			image = i;
	}
	return image;
}

/* "/EFI/Linux/debian-6.1.efi" of what the firmware logged. */
static bool file_path(const struct boot_item *item, char *out, size_t size)
{
	const char *start = strchr(item->text, '\\');

	if (!start || !rf_copy(out, size, start))
		return false;
	for (char *c = out; *c; c++)
		*c = *c == '\\' ? '/' : *c;
	return true;
}

static int choose_image(struct prediction *p, const struct boot_item *image, struct rf_err *err)
{
	char path[512], wanted[640];
	const char *name;

	if (!image || !file_path(image, path, sizeof(path)))
		return rf_fail(err, RF_E_MISSING,
			       "the last boot's log does not name the file of its unified kernel "
			       "image (PCR 4)");
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	p->old_kernel_file = predict_find_file(p->input, path);
	rf_copy(p->from, sizeof(p->from), diff_version(name));
	if (!p->from[0]) {
		p->kernel_file = p->old_kernel_file;
	} else if (p->input->version) {
		rf_format(wanted, sizeof(wanted), "%.*s%s", (int)(strlen(name) - strlen(p->from)),
			  name, p->input->version);
		for (size_t i = 0; i < p->input->files_count; i++) {
			if (strstr(p->input->files[i].path, wanted))
				p->kernel_file = &p->input->files[i];
		}
	} else {
		p->kernel_file = predict_newest(p->input, name);
	}
	if (!p->kernel_file || !p->kernel_file->sections_count || !p->kernel_file->image_count)
		return rf_fail(
			err, RF_E_MISSING,
			"no unified kernel image like %s is among the files on disk; without "
			"its digests nothing can be predicted",
			path);
	name = strrchr(p->kernel_file->path, '/');
	if (p->from[0] && name)
		rf_copy(p->to, sizeof(p->to), diff_version(name + 1));
	return 0;
}

static const struct predict_section *find_section(const struct predict_file *file, const char *name)
{
	for (size_t i = 0; file && i < file->sections_count; i++) {
		if (strcmp(file->sections[i].name, name) == 0)
			return &file->sections[i];
	}
	return NULL;
}

/* First the name is measured, then the contents: the second of a pair is predicted. */
static void predict_contents(struct prediction *p, struct boot_item *item)
{
	const struct predict_section *now = find_section(p->kernel_file, item->name);
	const struct predict_section *was = find_section(p->old_kernel_file, item->name);

	if (p->old_kernel_file && (!was || !predict_all_match(item, was->digests, was->count)))
		predict_note(
			p->notes,
			"PCR 11: unknown: section %s of the old image was not measured as it lies "
			"on disk; taken as it was",
			item->name);
	else if (!now)
		predict_note(p->notes, "PCR 11: unknown: the new image has no section %s",
			     item->name);
	else if (!predict_replace(p, item, now->digests, now->count))
		predict_note(
			p->notes,
			"PCR 11: unknown: not all digests of section %s are known; taken as it "
			"was",
			item->name);
}

/* Digests of what the stub takes out of a section and hands on: the command line, or the initrd. */
static size_t handed_on(const struct predict_section *section, bool options,
			const struct attest_digest **out)
{
	*out = !section ? NULL : options ? section->options : section->digests;
	return !section ? 0 : options ? section->options_count : section->count;
}

/* What is measured again behind the stub, or before it by systemd-boot. */
static void predict_handed_on(struct prediction *p, struct boot_item *item)
{
	const struct attest_digest *was, *now;
	bool options = item->component == COMPONENT_CMDLINE;
	const char *name = options ? ".cmdline" : ".initrd";
	size_t was_count = handed_on(find_section(p->old_kernel_file, name), options, &was);
	size_t now_count = handed_on(find_section(p->kernel_file, name), options, &now);
	int changed = p->changed;

	if (p->old_kernel_file && !predict_all_match(item, was, was_count)) {
		predict_note(p->notes,
			     "PCR %u: unknown: \"%.80s\" is not section %s of the old image; taken "
			     "as it was",
			     item->pcr, item->text, name);
		return;
	}
	if (!now_count || !predict_replace(p, item, now, now_count))
		predict_note(p->notes,
			     "PCR %u: unknown: section %s of the new image, as it is "
			     "handed on; taken as it was",
			     item->pcr, name);
	if (p->changed == changed || !options || item->pcr != 12)
		return;
	/* The old text would be a lie. */
	item->value = rf_slice_text("");
	rf_format(item->text, sizeof(item->text), "the command line in %s", p->kernel_file->path);
}

/* A section that is new comes between the others: its place is not guessed. One that the old image
 * has as well is none that this stub measures. */
static void note_new_sections(struct prediction *p)
{
	for (size_t i = 0; i < p->kernel_file->sections_count; i++) {
		const char *name = p->kernel_file->sections[i].name;
		bool known = find_section(p->old_kernel_file, name) != NULL;

		for (size_t k = 0; k < p->last->count && !known; k++)
			known = is_section(&p->last->items[k]) &&
				strcmp(p->last->items[k].name, name) == 0;
		if (!known)
			predict_note(
				p->notes,
				"PCR 11: unknown: the new image has a section %s, which the last "
				"boot did not measure",
				name);
	}
}

/* The kernel that the stub takes out of the image and starts, where the firmware measures it. */
static void predict_inner(struct prediction *p, struct boot_item *item)
{
	const struct predict_file *old = p->old_kernel_file, *now = p->kernel_file;

	if (old && !predict_all_match(item, old->kernel, old->kernel_count))
		predict_note(
			p->notes,
			"PCR 4: unknown: event %u is not the old image's kernel; taken as it was",
			item->event);
	else if (!now->kernel_count || !predict_replace(p, item, now->kernel, now->kernel_count))
		predict_note(p->notes, "PCR 4: unknown: the kernel in %s is no boot program",
			     now->path);
}

/* Is this the contents' event of its section? The name's came before. */
static bool is_contents(const struct boot *last, size_t i)
{
	for (size_t k = i; k > 0; k--) {
		if (is_section(&last->items[k - 1]))
			return strcmp(last->items[k - 1].name, last->items[i].name) == 0 &&
			       last->items[k - 1].proof == EVENTLOG_PROVED &&
			       last->items[i].proof != EVENTLOG_PROVED;
	}
	return false;
}

static int predict_item(struct prediction *p, size_t i, size_t image, bool *after)
{
	struct boot_item *item = boot_add(p->out);

	if (!item)
		return -ENOMEM;
	*item = p->last->items[i];
	if (item->source != BOOT_FIRMWARE_LOG)
		return 0;
	if (i == image) {
		int rc = predict_rename(p, item);

		if (rc == 0 &&
		    !predict_replace(p, item, p->kernel_file->image, p->kernel_file->image_count))
			predict_note(p->notes, "PCR 4: unknown: not all digests of %s are known",
				     p->kernel_file->path);
		return rc;
	}
	*after |= is_section(item);
	if (is_section(item) && is_contents(p->last, i))
		predict_contents(p, item);
	else if (*after && item->pcr == 4 && item->component == COMPONENT_BOOT_APP)
		predict_inner(p, item);
	else if ((item->pcr == 9 || item->pcr == 12) && item->component == COMPONENT_CMDLINE)
		predict_handed_on(p, item);
	else if (item->pcr == 9 && item->component == COMPONENT_INITRD)
		predict_handed_on(p, item);
	else if (item->pcr == 9 || item->pcr == 12 || item->pcr == 13)
		predict_note(p->notes, "PCR %u: \"%.80s\" is taken as it was", item->pcr,
			     item->text);
	return 0;
}

int predict_unified(struct prediction *p, struct rf_err *err)
{
	size_t image = find_image(p->last);
	bool after = false;
	int rc = choose_image(p, image == SIZE_MAX ? NULL : &p->last->items[image], err);

	for (size_t i = 0; rc == 0 && i < p->last->count; i++) {
		rc = predict_item(p, i, image, &after);
		if (rc < 0)
			rf_fail(err, rc, "%s", rf_code_text(rc));
	}
	if (rc == 0)
		note_new_sections(p);
	return rc;
}
