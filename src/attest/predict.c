/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next boot of shim, grub and a Linux kernel will measure, see predict.h: the last boot's
 * items, with the digests of the files that lie on disk now. Unified kernel images are
 * predict_unified.c's. Not for firmware updates and what the system measures later (IMA, systemd).
 * Source: grub 2.06 (tpm.c, verifiers), shim 15.8 (verify protocol), and real logs.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/diff_parts.h"
#include "attest/predict_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

void predict_note(struct predict_notes *notes, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (notes->count == PREDICT_MAX_NOTES) {
		notes->dropped++;
		return;
	}
	struct words w = words_into(notes->lines[notes->count], sizeof(notes->lines[0]));

	words_add(&w, text);
	notes->count++;
}

static const struct attest_digest *digest_of(const struct attest_digest *list, size_t count,
					     uint16_t alg)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].alg == alg)
			return &list[i];
	}
	return NULL;
}

bool predict_all_match(const struct boot_item *item, const struct attest_digest *list, size_t count)
{
	for (size_t i = 0; i < item->digests_count; i++) {
		const struct attest_digest *d = digest_of(list, count, item->digests[i].alg);

		if (!d || memcmp(d->bytes, item->digests[i].bytes, item->digests[i].len) != 0)
			return false;
	}
	return item->digests_count > 0;
}

bool predict_replace(struct prediction *p, struct boot_item *item, const struct attest_digest *list,
		     size_t count)
{
	if (predict_all_match(item, list, count))
		return true;
	for (size_t i = 0; i < item->digests_count; i++) {
		if (!digest_of(list, count, item->digests[i].alg))
			return false;
	}
	for (size_t i = 0; i < item->digests_count; i++)
		item->digests[i] = *digest_of(list, count, item->digests[i].alg);
	p->changed++;
	return true;
}

/* ---- which kernel comes next ---- */

static int find_kernel(struct prediction *p, struct rf_err *err)
{
	for (size_t i = 0; i < p->last->count; i++) {
		const struct boot_item *item = &p->last->items[i];

		if (item->component == COMPONENT_KERNEL && item->pcr == 9 && !p->kernel)
			p->kernel = item;
	}
	if (!p->kernel)
		return rf_fail(err, RF_E_MISSING,
			       "the last boot's log names no kernel file (PCR 9): only boots by "
			       "grub with its TPM support, and of unified kernel images, are "
			       "predicted");
	return 0;
}

/* The kernel of the entry that starts, where that is known. 0 or RF_E_MISSING. */
static int chosen_kernel(struct prediction *p, struct rf_err *err)
{
	const struct predict_choice *choice = p->input->choice;
	char path[512];
	const char *found = choice ? predict_way_kernel(choice, path, sizeof(path)) : "";

	if (!found)
		return rf_fail(err, RF_E_MISSING,
			       "\"%s\" starts no Linux: what it measures cannot be predicted",
			       choice->title);
	if (!found[0]) {
		if (choice)
			predict_note(
				p->notes,
				"which kernel \"%.80s\" starts cannot be told: taken to be the "
				"newest one",
				choice->title);
		return 0;
	}
	p->kernel_file = predict_find_file(p->input, found);
	if (!p->kernel_file)
		return rf_fail(err, RF_E_MISSING,
			       "\"%s\" starts %s, which is not among the files on disk",
			       choice->title, found);
	return 0;
}

static int choose_kernel(struct prediction *p, struct rf_err *err)
{
	const char *path = diff_path(p->kernel->text);
	char wanted[640];

	p->old_kernel_file = predict_find_file(p->input, path);
	rf_copy(p->from, sizeof(p->from), diff_version(p->kernel->name));
	int rc = chosen_kernel(p, err);

	if (rc < 0)
		return rc;
	if (p->kernel_file) {
		path = p->kernel_file->path;
	} else if (!p->from[0]) {
		p->kernel_file = p->old_kernel_file;
	} else if (p->input->version) {
		rf_format(wanted, sizeof(wanted), "%.*s%s",
			  (int)(strlen(p->kernel->name) - strlen(p->from)), p->kernel->name,
			  p->input->version);
		for (size_t i = 0; i < p->input->files_count; i++) {
			if (rf_ends(p->input->files[i].path, wanted))
				p->kernel_file = &p->input->files[i];
		}
	} else {
		p->kernel_file = predict_newest(p->input, p->kernel->name);
	}
	if (!p->kernel_file)
		return rf_fail(err, RF_E_MISSING,
			       "no kernel like %s is among the files on disk; without its digest "
			       "nothing can be predicted",
			       path);
	if (p->from[0])
		rf_copy(p->to, sizeof(p->to),
			diff_version(strrchr(p->kernel_file->path, '/')
					     ? strrchr(p->kernel_file->path, '/')
					     : p->kernel_file->path));
	return 0;
}

/* ---- items ---- */

int predict_rename(struct prediction *p, struct boot_item *item)
{
	RF_AUTOBUF struct rf_buf name = {0}, text = {0};

	predict_substitute(rf_slice_text(item->name), p->from, p->to, &name);
	predict_substitute(rf_slice_text(item->text), p->from, p->to, &text);
	if (name.failed || text.failed)
		return -ENOMEM;
	rf_copy(item->name, sizeof(item->name), rf_buf_text(&name));
	rf_copy(item->text, sizeof(item->text), rf_buf_text(&text));
	return 0;
}

/* The item is of the file at that path now, on the same disk. */
static int move_file(struct prediction *p, struct boot_item *item, const char *path)
{
	const char *old = diff_path(item->text), *slash = strrchr(path, '/');
	char *text = rf_arena_printf(p->arena, "%.*s%s", (int)(old - item->text), item->text, path);

	if (!text)
		return -ENOMEM;
	rf_copy(item->text, sizeof(item->text), text);
	rf_copy(item->name, sizeof(item->name), slash ? slash + 1 : path);
	return 0;
}

/* A file that grub read: by its path, with the new version where it has one. */
static int predict_loader_file(struct prediction *p, struct boot_item *item)
{
	const char *other = predict_way_path(p, diff_path(item->text));
	int rc = other ? move_file(p, item, other) : predict_rename(p, item);
	const char *path = diff_path(item->text);
	const struct predict_file *file = predict_find_file(p->input, path);

	if (rc < 0)
		return rc;
	item->value = rf_slice_text("");
	if (!file)
		predict_note(p->notes, "%s is not among the files on disk: taken as it was", path);
	else if (!predict_replace(p, item, file->flat, file->flat_count))
		predict_note(p->notes,
			     "%s: not all of its digests are known: taken as it was (PCR 9)", path);
	return 0;
}

/* The kernel's image as shim measures it, without a path. */
static void predict_kernel_image(struct prediction *p, struct boot_item *item)
{
	const struct predict_file *old = p->old_kernel_file, *new = p->kernel_file;

	if (old == new &&predict_all_match(p->kernel, new->flat, new->flat_count))
		return;
	if (old && old->image_count && predict_all_match(p->kernel, old->flat, old->flat_count) &&
	    !predict_all_match(item, old->image, old->image_count)) {
		predict_note(p->notes,
			     "PCR 4: the image of the old kernel was measured in another way than "
			     "is known: it cannot be predicted");
		return;
	}
	if (!new->image_count || !predict_replace(p, item, new->image, new->image_count))
		predict_note(p->notes,
			     "PCR 4: the digest of %s as a boot program is not known: it cannot be "
			     "predicted",
			     new->path);
}

/* shim and grub themselves. */
static void predict_boot_program(struct prediction *p, struct boot_item *item)
{
	const char *start = strchr(item->text, '\\');
	char path[512];

	if (!start || !rf_copy(path, sizeof(path), start))
		return;
	for (char *c = path; *c; c++)
		*c = *c == '\\' ? '/' : *c;
	const struct predict_file *file = predict_find_file(p->input, path);

	if (!file || !file->image_count)
		predict_note(p->notes, "%s is not among the files on disk: taken as it was", path);
	else if (!predict_replace(p, item, file->image, file->image_count))
		predict_note(p->notes,
			     "%s: not all of its digests are known: taken as it was (PCR 4)", path);
}

int predict_digest_rule(struct prediction *p, const struct boot_item *item, struct rf_slice text)
{
	static const uint8_t nul;
	const struct attest_digest *d = &item->digests[0];
	uint8_t digest[ATTEST_MAX_DIGEST];

	for (size_t n = 0; n < 2; n++) {
		if (attest_hash(p->hasher, d->alg, text, (struct rf_slice){&nul, n}, digest) == 0 &&
		    memcmp(digest, d->bytes, d->len) == 0)
			return (int)n;
	}
	return -1;
}

int predict_put_text(struct prediction *p, struct boot_item *item, const struct rf_buf *text,
		     size_t nuls)
{
	static const uint8_t nul;
	struct words name = words_into(item->name, sizeof(item->name));
	struct words words = words_into(item->text, sizeof(item->text));
	char *copy = rf_arena_text(p->arena, rf_buf_text(text), text->len);

	if (!copy)
		return -ENOMEM;
	item->value = (struct rf_slice){(const uint8_t *)copy, text->len};
	words_add_utf8(&name, (struct rf_slice){item->value.data, strcspn(copy, " ")});
	words_add_utf8(&words, item->value);
	for (size_t i = 0; i < item->digests_count; i++) {
		int rc = attest_hash(p->hasher, item->digests[i].alg, item->value,
				     (struct rf_slice){&nul, nuls}, item->digests[i].bytes);

		if (rc < 0)
			return rc;
	}
	p->changed++;
	return 0;
}

/* A command or a command line: the same with the new version, if that stands in grub.cfg. */
static int predict_text(struct prediction *p, struct boot_item *item)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_slice old = diff_text(item);
	size_t found = predict_substitute(old, p->from, p->to, &text);
	int nuls = found ? predict_digest_rule(p, item, old) : 0;
	bool command = item->component == COMPONENT_LOADER_COMMAND;

	if (text.failed)
		return -ENOMEM;
	if (!found || strcmp(p->from, p->to) == 0)
		return 0;
	/* setparams is what grub runs first in an entry: it stands in no file. */
	bool in_file = rf_starts(item->name, "setparams") || !p->config || !command ||
		       predict_config_has(p->config, rf_buf_slice(&text));

	if (nuls < 0 || !in_file) {
		predict_note(p->notes,
			     "PCR 8: cannot be predicted: \"%.80s\" with the new version %s",
			     item->text,
			     nuls < 0 ? "is not measured as a text"
				      : "does not stand in the boot loader's configuration");
		return 0;
	}
	return predict_put_text(p, item, &text, (size_t)nuls);
}

static bool is_loader_file(const struct boot_item *item)
{
	return item->source == BOOT_FIRMWARE_LOG && item->pcr == 9 &&
	       (item->component == COMPONENT_KERNEL || item->component == COMPONENT_INITRD ||
		item->component == COMPONENT_LOADER_FILE || item->component == COMPONENT_MICROCODE);
}

static int predict_item(struct prediction *p, size_t i)
{
	int done = predict_way_item(p, i);

	if (done != 0)
		return done < 0 ? done : 0;
	int entered = predict_menu_enter(p, &p->last->items[i]);
	struct boot_item *item = entered < 0 ? NULL : boot_add(p->out);

	if (!item)
		return -ENOMEM;
	*item = p->last->items[i];
	if (item->source != BOOT_FIRMWARE_LOG)
		return 0;
	if (predict_is_entry(item)) {
		int rc = predict_menu_entry(p, item);

		return rc == 0 ? predict_text(p, item) : rc < 0 ? rc : 0;
	}
	if (is_loader_file(item))
		return predict_loader_file(p, item);
	if (item->component == COMPONENT_BOOT_APP && item->pcr == 4) {
		if (p->roles[i] == COMPONENT_KERNEL && !item->name[0])
			predict_kernel_image(p, item);
		else if (item->name[0])
			predict_boot_program(p, item);
	}
	if (item->pcr == 8 &&
	    (item->component == COMPONENT_LOADER_COMMAND || item->component == COMPONENT_CMDLINE))
		return predict_text(p, item);
	return 0;
}

/* ---- what cannot be seen from here ---- */

static const struct boot_item *find_config(const struct boot *boot)
{
	const struct boot_item *found = NULL;

	for (size_t i = 0; i < boot->count; i++) {
		if (is_loader_file(&boot->items[i]) && diff_is_config(boot->items[i].name))
			found = &boot->items[i];
	}
	return found;
}

static void note_config(struct prediction *p)
{
	const struct boot_item *was = find_config(p->last), *now = find_config(p->out);
	size_t entries = 0;

	if (!was || !now || predict_all_match(now, was->digests, was->digests_count))
		return;
	if (!p->config) {
		predict_note(p->notes,
			     "PCR 8: %s changed and its text was not given: its commands are taken "
			     "to be the old ones with the new version",
			     diff_path(now->text));
		return;
	}
	/* Those of a submenu come behind the command that enters it. */
	for (size_t i = 0; i < p->last->count && strcmp(p->last->items[i].name, "setparams") != 0;
	     i++)
		entries += predict_is_entry(&p->last->items[i]);
	if (entries != predict_config_entries(p->input->config))
		predict_note(p->notes,
			     "PCR 8: cannot be predicted: the menu of %s has another number of "
			     "entries than before",
			     diff_path(now->text));
}

static void note_later(struct prediction *p)
{
	bool userspace = false;

	for (size_t i = 0; i < p->last->count; i++)
		userspace |= p->last->items[i].source == BOOT_USERSPACE_LOG;
	if (userspace)
		predict_note(p->notes, "what systemd measures is taken as it was");
	predict_note(p->notes,
		     "programs that run (PCR 10, IMA) are not part of a prediction: the baseline's "
		     "`ima` judges them");
}

static int predict_all(struct prediction *p, struct rf_err *err)
{
	if (predict_is_unified(p->last)) {
		int rc = predict_unified(p, err);

		if (rc < 0)
			return rc;
		note_later(p);
		return p->changed;
	}
	int rc = find_kernel(p, err);

	if (rc == 0)
		rc = choose_kernel(p, err);
	if (rc == 0 && predict_way_open(p) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; rc == 0 && i < p->last->count; i++) {
		rc = predict_item(p, i);
		if (rc < 0)
			rf_fail(err, rc, "%s", rf_code_text(rc));
	}
	if (rc < 0)
		return rc;
	note_config(p);
	note_later(p);
	return p->changed;
}

void predict_done(struct predict_result *result)
{
	boot_done(&result->boot);
	rf_arena_done(&result->arena);
	memset(result, 0, sizeof(*result));
}

int predict_boot(struct attest_hasher *hasher, const struct boot *last,
		 const struct predict_input *input, struct predict_result *out, struct rf_err *err)
{
	RF_AUTOFREE enum eventlog_component *roles = diff_roles(last);
	RF_AUTOFREE char *config = input->config.len ? predict_config_flat(input->config) : NULL;
	struct prediction p = {.hasher = hasher,
			       .last = last,
			       .input = input,
			       .arena = &out->arena,
			       .out = &out->boot,
			       .notes = &out->notes,
			       .roles = roles,
			       .config = config,
			       .menu = input->config};

	if (!roles || (input->config.len && !config))
		return rf_fail(err, -ENOMEM, "no memory");
	out->boot.firmware.locality = last->firmware.locality;
	out->boot.firmware.hcrtm = last->firmware.hcrtm;
	out->boot.firmware.drtm = last->firmware.drtm || last->txt.drtm;
	return predict_all(&p, err);
}
