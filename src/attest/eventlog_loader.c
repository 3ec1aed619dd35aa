/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot log events of boot loaders and systems: grub, shim, systemd-boot and systemd-stub, Linux's
 * EFI stub, ESXi. Source: grub's tpm.c, shim's mok.c, systemd's measure.c and uki.h, Linux's
 * efistub.h, ESXi's boot loader (event tags), read for facts.
 */
#include <string.h>

#include "attest/efivar.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/str.h"

#define SHOWN_BYTES 32u

/* ---- names that tell what a file is ---- */

static const struct {
	const char *part;
	enum eventlog_component component;
} file_words[] = {
	{"initrd", COMPONENT_INITRD},	{"initramfs", COMPONENT_INITRD},
	{"ramdisk", COMPONENT_INITRD},	{"vmlinu", COMPONENT_KERNEL},
	{"bzimage", COMPONENT_KERNEL},	{"kernel", COMPONENT_KERNEL},
	{"ucode", COMPONENT_MICROCODE},
};

/* By the last part of the path first: a folder called kernel says little. */
static enum eventlog_component file_component(const char *path)
{
	char small[128];
	const char *slash = strrchr(path, '/');

	rf_copy(small, sizeof(small), slash && slash[1] ? slash + 1 : path);
	rf_lower(small);
	for (size_t i = 0; i < RF_COUNT(file_words); i++) {
		if (strstr(small, file_words[i].part))
			return file_words[i].component;
	}
	return COMPONENT_LOADER_FILE;
}

/* ---- EV_IPL ---- */

/* What grub writes before the text that it measures. Older grubs write no colon. */
static const struct {
	const char *prefix;
	enum eventlog_component component;
} grub_prefixes[] = {
	{"grub_cmd: ", COMPONENT_LOADER_COMMAND},
	{"kernel_cmdline: ", COMPONENT_CMDLINE},
	{"module_cmdline: ", COMPONENT_LOADER_COMMAND},
	{"grub_cmd ", COMPONENT_LOADER_COMMAND},
	{"kernel_cmdline ", COMPONENT_CMDLINE},
	{"module_cmdline ", COMPONENT_LOADER_COMMAND},
};

static bool slice_starts(struct rf_slice data, const char *prefix)
{
	size_t len = strlen(prefix);

	return data.len >= len && memcmp(data.data, prefix, len) == 0;
}

/* The digest covers what stands behind the prefix, with or without its NUL. */
static enum eventlog_proof read_grub(struct event_view *view, struct rf_slice rest)
{
	static const uint8_t nul;
	struct words name = words_into(view->out->name, sizeof(view->out->name));
	struct rf_slice text = event_without_nul(rest), word = text;
	const uint8_t *blank = text.len ? memchr(text.data, ' ', text.len) : NULL;

	if (blank)
		word.len = (size_t)(blank - text.data);
	words_add_utf8(&name, word);
	words_add_utf8(&view->text, text);
	view->out->value = text;
	if (!event_in_pcr(view, 8))
		return EVENTLOG_NOT_ALLOWED;
	int same = event_digest_is(view, text, (struct rf_slice){0});

	if (same == 0)
		same = event_digest_is(view, text, (struct rf_slice){&nul, 1});
	return same > 0 ? EVENTLOG_PROVED : EVENTLOG_DISPROVED;
}

/* Text of two-byte characters. */
static bool is_utf16(struct rf_slice data)
{
	return data.len >= 4 && data.data[0] != 0 && data.data[1] == 0 && data.data[2] != 0 &&
	       data.data[3] == 0;
}

/* ASCII out of UTF-16, up to its NUL; false when it is longer or not ASCII. */
static bool to_ascii(struct rf_slice data, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < data.len; i += 2) {
		if (data.data[i] == 0 && data.data[i + 1] == 0)
			break;
		if (data.data[i + 1] != 0 || data.data[i] > 0x7e || n + 1 >= size)
			return false;
		out[n++] = (char)data.data[i];
	}
	out[n] = '\0';
	return n > 0;
}

/* Sections of a unified kernel image, as systemd-stub names them. */
static const struct {
	const char *name;
	enum eventlog_component component;
} sections[] = {
	{".linux", COMPONENT_KERNEL},	     {".osrel", COMPONENT_LOADER_FILE},
	{".cmdline", COMPONENT_CMDLINE},     {".initrd", COMPONENT_INITRD},
	{".ucode", COMPONENT_MICROCODE},     {".splash", COMPONENT_LOADER_FILE},
	{".dtb", COMPONENT_LOADER_FILE},     {".dtbauto", COMPONENT_LOADER_FILE},
	{".hwids", COMPONENT_LOADER_FILE},   {".uname", COMPONENT_LOADER_FILE},
	{".sbat", COMPONENT_LOADER_FILE},    {".pcrpkey", COMPONENT_LOADER_FILE},
	{".profile", COMPONENT_LOADER_FILE}, {".efifw", COMPONENT_LOADER_FILE},
};

/* First the section's name is measured (with its NUL), then what it holds, both with the name as
 * data. */
static enum eventlog_proof read_section(struct event_view *view, size_t i)
{
	const char *name = sections[i].name;
	struct rf_slice with_nul = {(const uint8_t *)name, strlen(name) + 1};
	enum eventlog_proof proof = event_prove(view, with_nul, EVENTLOG_HINT);

	rf_copy(view->out->name, sizeof(view->out->name), name);
	view->out->component = sections[i].component;
	words_printf(&view->text, proof == EVENTLOG_HINT ? "contents of section %s" : "section %s",
		     name);
	return proof;
}

/* Command lines stand in the log as they were measured, but for NULs at the end; everything else
 * has a description here and its contents in the digest. */
static enum eventlog_proof prove_utf16(struct event_view *view)
{
	static const uint8_t nuls[2];
	struct rf_slice data = view->event->data;
	int same = event_digest_is(view, data, (struct rf_slice){0});

	for (size_t n = 1; same == 0 && n <= sizeof(nuls); n++)
		same = event_digest_is(view, data, (struct rf_slice){nuls, n});
	for (size_t n = 1; same == 0 && n <= 2 && data.data[data.len - n] == 0; n++)
		same = event_digest_is(view, (struct rf_slice){data.data, data.len - n},
				       (struct rf_slice){0});
	if (same == 0)
		return EVENTLOG_HINT;
	return same > 0 ? EVENTLOG_PROVED : EVENTLOG_DISPROVED;
}

static enum eventlog_proof read_systemd(struct event_view *view)
{
	char ascii[512];
	bool short_text = to_ascii(view->event->data, ascii, sizeof(ascii));

	for (size_t i = 0; short_text && i < RF_COUNT(sections); i++) {
		if (strcmp(ascii, sections[i].name) == 0 && event_in_pcr(view, 11))
			return read_section(view, i);
	}
	words_add_utf16(&view->text, view->event->data);
	enum eventlog_proof proof = prove_utf16(view);

	if (proof == EVENTLOG_HINT)
		view->out->component = short_text ? file_component(ascii) : COMPONENT_LOADER_FILE;
	else
		view->out->component = COMPONENT_CMDLINE;
	return proof;
}

/* Shim measures the contents of its variables and logs their names. */
static enum eventlog_proof read_shim(struct event_view *view)
{
	rf_copy(view->out->name, sizeof(view->out->name), view->out->text);
	view->out->component = slice_starts(view->event->data, "MokList") ? COMPONENT_MOK_LIST
									  : COMPONENT_SHIM_VARIABLE;
	return EVENTLOG_HINT;
}

static void set_last_part(struct event_view *view)
{
	const char *slash = strrchr(view->out->text, '/');

	rf_copy(view->out->name, sizeof(view->out->name),
		slash && slash[1] ? slash + 1 : view->out->text);
}

enum eventlog_proof event_read_ipl(struct event_view *view)
{
	struct rf_slice data = view->event->data;

	for (size_t i = 0; i < RF_COUNT(grub_prefixes); i++) {
		size_t len = strlen(grub_prefixes[i].prefix);

		if (!slice_starts(data, grub_prefixes[i].prefix))
			continue;
		view->out->component = grub_prefixes[i].component;
		return read_grub(view, (struct rf_slice){data.data + len, data.len - len});
	}
	if (is_utf16(data))
		return read_systemd(view);
	if (event_is_text(data))
		words_add_utf8(&view->text, event_without_nul(data));
	else
		words_printf(&view->text, "%zu bytes", data.len);
	if (event_in_pcr(view, 14) && (view->event->pcr == 14 || slice_starts(data, "Mok")))
		return read_shim(view);
	if (view->event->pcr >= 17)
		view->out->component = COMPONENT_DRTM;
	else if (view->event->pcr < 8 && !view->log->ccel)
		view->out->component = view->event->pcr == 4 ? COMPONENT_BOOT_APP : COMPONENT_GPT;
	else
		view->out->component = file_component(view->out->text);
	/* The path of a file whose contents are in the digest. */
	if (event_in_pcr(view, 9) && event_is_text(data)) {
		set_last_part(view);
		return EVENTLOG_HINT;
	}
	return event_prove(view, data, EVENTLOG_HINT);
}

/* ---- EV_EVENT_TAG ---- */

/* What the text behind a tag is. */
enum tag_form { TAG_ASCII, TAG_UTF16, TAG_CERTIFICATE, TAG_BYTES, TAG_VERSION };

struct tag_row {
	uint32_t id;
	uint32_t pcrs; /* bit n: it counts in PCR n */
	const char *name;
	enum eventlog_component component;
	enum tag_form form;
	bool proves; /* the digest is that of the text; otherwise of what the text names */
};

#define ESX 0x7800u /* PCR 11 to 14 */

static const struct tag_row tags[] = {
	{2, ESX, "module", COMPONENT_ESX_MODULE, TAG_ASCII, false},
	{3, ESX, "boot option", COMPONENT_ESX_OPTION, TAG_ASCII, false},
	{4, ESX, "command line", COMPONENT_CMDLINE, TAG_ASCII, true},
	{6, ESX, "asset tag", COMPONENT_ASSET_TAG, TAG_BYTES, true},
	{7, ESX, "signer", COMPONENT_ESX_SIGNER, TAG_CERTIFICATE, true},
	{8, ESX, "version", COMPONENT_ESX_MODULE, TAG_VERSION, true},
	/* Linux's EFI stub */
	{0x8f3b22ec, 1u << 9, "initrd", COMPONENT_INITRD, TAG_ASCII, false},
	{0x8f3b22ed, 1u << 9, "load options", COMPONENT_CMDLINE, TAG_ASCII, false},
	/* systemd-boot and systemd-stub */
	{0xf5bc582a, 1u << 5, "loader.conf", COMPONENT_LOADER_FILE, TAG_UTF16, false},
	{0x6c46f751, 1u << 12, "device tree add-on", COMPONENT_LOADER_FILE, TAG_UTF16, false},
	{0x49dffe0f, 1u << 12, "initrd add-on", COMPONENT_INITRD, TAG_UTF16, false},
	{0xdac08e1a, 1u << 12, "microcode add-on", COMPONENT_MICROCODE, TAG_UTF16, false},
	{0x13aed6db, 1u << 12, "profile", COMPONENT_LOADER_FILE, TAG_UTF16, false},
	{0xd5cb7cbc, 1u << 1, "SMBIOS type 1", COMPONENT_FIRMWARE_CONFIG, TAG_UTF16, false},
	{0xe0d47bc8, 1u << 1, "SMBIOS type 2", COMPONENT_FIRMWARE_CONFIG, TAG_UTF16, false},
	{0xc0b3bd23, 1u << 1, "SMBIOS type 11", COMPONENT_FIRMWARE_CONFIG, TAG_UTF16, false},
};

/* A version record: four pairs of offset and length behind sixteen bytes. */
static void show_version(struct words *w, struct rf_slice record)
{
	static const char *const between[] = {"", ", ", " ", ", "};
	struct rf_reader r = rf_reader(record);

	rf_read_bytes(&r, 16); /* size, format, flags */
	for (size_t i = 0; i < RF_COUNT(between); i++) {
		uint16_t offset = rf_read_le16(&r), len = rf_read_le16(&r);

		if (r.failed || len == 0 || (size_t)offset + len > record.len)
			continue;
		words_add(w, w->len > 0 ? between[i] : "");
		words_add_utf8(w, event_without_nul((struct rf_slice){record.data + offset, len}));
	}
	if (w->len == 0)
		words_add(w, "not readable");
}

static void show_tag(struct words *w, enum tag_form form, struct rf_slice content)
{
	switch (form) {
	case TAG_UTF16:
		words_add_utf16(w, content);
		return;
	case TAG_CERTIFICATE:
		if (!efivar_subject_words(w, content))
			words_add_hex(w, content, SHOWN_BYTES);
		return;
	case TAG_VERSION:
		show_version(w, content);
		return;
	case TAG_ASCII:
	case TAG_BYTES:
		break;
	}
	if (form == TAG_ASCII || event_is_text(content))
		words_add_utf8(w, event_without_nul(content));
	else
		words_add_hex(w, content, SHOWN_BYTES);
}

/* A tag of nobody we know: whole data or content may be what was measured. */
static enum eventlog_proof read_unknown_tag(struct event_view *view, uint32_t id,
					    struct rf_slice content)
{
	words_printf(&view->text, "tag 0x%08x, %zu bytes", id, content.len);
	enum eventlog_proof proof = event_prove(view, view->event->data, EVENTLOG_HINT);

	return proof == EVENTLOG_HINT ? event_prove(view, content, EVENTLOG_HINT) : proof;
}

enum eventlog_proof event_read_tag(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);
	uint32_t id = rf_read_le32(&r);
	struct rf_slice content = rf_read_bytes(&r, rf_read_le32(&r));

	if (r.failed) {
		words_add(&view->text, "not a tagged event");
		return event_prove(view, view->event->data, EVENTLOG_HINT);
	}
	for (size_t i = 0; i < RF_COUNT(tags); i++) {
		const struct tag_row *tag = &tags[i];

		if (tag->id != id || !(event_pcr_mask(view->log, view->event) & tag->pcrs))
			continue;
		rf_copy(view->out->name, sizeof(view->out->name), tag->name);
		view->out->component = tag->component;
		view->out->value = content;
		show_tag(&view->text, tag->form, content);
		if (!tag->proves)
			return EVENTLOG_HINT;
		return event_prove(view, content, EVENTLOG_DISPROVED);
	}
	return read_unknown_tag(view, id, content);
}
