/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE/COFF boot files, see pe.h. Not a loader: nothing is relocated, addresses in memory are not
 * looked at. Sources: Microsoft PE Format; Windows Authenticode Portable Executable Signature
 * Format ("Calculating the PE Image Hash"), as UEFI firmware does it; shim's SBAT.md.
 */
#include <string.h>

#include "attest/pe.h"
#include "base/mem.h"
#include "base/reader.h"

#define DOS_HEADER_BYTES 64u
#define COFF_BYTES	 24u /* with the signature PE\0\0 */
#define SECTION_BYTES	 40u
#define DIRECTORIES_MAX	 16u
#define SECURITY	 4u /* directory entry of the certificate table */

struct optional_header {
	size_t at, bytes;
	size_t directories_at; /* from its start */
	uint32_t directories;
};

static struct rf_slice slice_at(struct rf_slice file, size_t at, size_t len)
{
	return (struct rf_slice){file.data + at, len};
}

static struct rf_reader reader_at(struct rf_slice file, size_t at)
{
	struct rf_reader r = rf_reader(file);

	rf_read_bytes(&r, at);
	return r;
}

static int read_coff(struct pe *pe, struct optional_header *opt, struct rf_err *err)
{
	struct rf_reader r = reader_at(pe->file, 0x3c);

	if (pe->file.len < DOS_HEADER_BYTES || memcmp(pe->file.data, "MZ", 2) != 0)
		return rf_fail(err, RF_E_SYNTAX, "not a PE file: no MZ at its start");
	size_t at = rf_read_le32(&r);

	if (at > pe->file.len || pe->file.len - at < COFF_BYTES ||
	    memcmp(pe->file.data + at, "PE\0\0", 4) != 0)
		return rf_fail(err, RF_E_SYNTAX, "not a PE file: no PE header at byte %zu", at);
	r = reader_at(pe->file, at + 4);
	pe->machine = rf_read_le16(&r);
	pe->sections_count = rf_read_le16(&r);
	rf_read_bytes(&r, 12); /* time, symbols */
	opt->bytes = rf_read_le16(&r);
	opt->at = at + COFF_BYTES;
	if (pe->sections_count > PE_MAX_SECTIONS)
		return rf_fail(err, RF_E_LIMIT, "%zu sections, %u are allowed", pe->sections_count,
			       PE_MAX_SECTIONS);
	return 0;
}

static int read_optional(struct pe *pe, struct optional_header *opt, struct rf_err *err)
{
	struct rf_reader r = reader_at(pe->file, opt->at);
	uint16_t magic = rf_read_le16(&r);

	if (magic != 0x10b && magic != 0x20b)
		return rf_fail(err, RF_E_SYNTAX, "optional header: magic 0x%04x", magic);
	opt->directories_at = magic == 0x10b ? 96 : 112;
	r = reader_at(pe->file, opt->at + 60);
	pe->headers_bytes = rf_read_le32(&r);
	pe->checksum_at = opt->at + 64;
	r = reader_at(pe->file, opt->at + opt->directories_at - 4);
	opt->directories = rf_read_le32(&r);
	int rc = rf_reader_check(&r, "optional header", err);

	if (rc)
		return rc;
	if (opt->directories > DIRECTORIES_MAX ||
	    opt->bytes != opt->directories_at + 8 * (size_t)opt->directories)
		return rf_fail(err, RF_E_SYNTAX,
			       "optional header of %zu bytes with %u directory entries", opt->bytes,
			       opt->directories);
	size_t headers = opt->at + opt->bytes + pe->sections_count * SECTION_BYTES;

	if (pe->headers_bytes > pe->file.len || headers > pe->headers_bytes)
		return rf_fail(err, RF_E_SYNTAX,
			       "headers of %zu bytes: they take %zu, the file has %zu",
			       pe->headers_bytes, headers, pe->file.len);
	return 0;
}

/* The one directory entry that holds a place in the file, not in memory. */
static int read_security(struct pe *pe, const struct optional_header *opt, struct rf_err *err)
{
	if (opt->directories <= SECURITY)
		return 0;
	pe->directory_at = opt->at + opt->directories_at + 8 * SECURITY;
	struct rf_reader r = reader_at(pe->file, pe->directory_at);
	size_t at = rf_read_le32(&r), len = rf_read_le32(&r);

	pe->certificates_bytes = len;
	if (len == 0)
		return 0;
	if (at > pe->file.len || len > pe->file.len - at || at < pe->headers_bytes)
		return rf_fail(err, RF_E_TRUNCATED,
			       "certificate table: %zu bytes at %zu, the file has %zu", len, at,
			       pe->file.len);
	pe->signatures = slice_at(pe->file, at, len);
	pe->irregular = at + len != pe->file.len;
	return 0;
}

static int read_section(struct pe *pe, size_t i, struct rf_reader *r, struct rf_err *err)
{
	struct pe_section *section = &pe->sections[i];
	struct rf_slice name = rf_read_bytes(r, 8);
	size_t memory = rf_read_le32(r);

	rf_read_le32(r); /* address */
	size_t len = rf_read_le32(r), at = rf_read_le32(r);

	rf_read_bytes(r, 16); /* relocations, line numbers, flags */
	if (r->failed)
		return rf_reader_check(r, "section table", err);
	memcpy(section->name, name.data, name.len);
	section->name[name.len] = '\0';
	if (len == 0)
		return 0;
	if (at > pe->file.len || len > pe->file.len - at)
		return rf_fail(err, RF_E_TRUNCATED,
			       "section %zu: %zu bytes at %zu, the file has %zu", i + 1, len, at,
			       pe->file.len);
	section->raw = slice_at(pe->file, at, len);
	section->data = slice_at(pe->file, at, memory && memory < len ? memory : len);
	/* Insertion keeps what is in order already, and 96 are few. */
	size_t to = pe->order_count++;

	for (; to > 0 && pe->sections[pe->order[to - 1]].raw.data > section->raw.data; to--)
		pe->order[to] = pe->order[to - 1];
	pe->order[to] = (uint8_t)i;
	return 0;
}

/* Each byte belongs to one section at most. */
static int check_layout(struct pe *pe, struct rf_err *err)
{
	const uint8_t *end = pe->file.data + pe->headers_bytes;

	pe->hashed_bytes = pe->headers_bytes;
	for (size_t i = 0; i < pe->order_count; i++) {
		struct rf_slice raw = pe->sections[pe->order[i]].raw;

		if (raw.data < end)
			return rf_fail(err, RF_E_SYNTAX,
				       "section %u overlaps what is before it in the file",
				       pe->order[i] + 1u);
		pe->irregular = pe->irregular || raw.data > end;
		end = raw.data + raw.len;
		pe->hashed_bytes += raw.len;
	}
	if (pe->signatures.len && pe->signatures.data < end)
		return rf_fail(err, RF_E_SYNTAX, "the certificate table overlaps a section");
	return 0;
}

int pe_open(struct rf_slice in, struct pe *out, struct rf_err *err)
{
	struct optional_header opt = {0};

	if (in.len > PE_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", in.len, PE_MAX_BYTES);
	*out = (struct pe){.file = in};
	int rc = read_coff(out, &opt, err);

	if (rc == 0)
		rc = read_optional(out, &opt, err);
	if (rc == 0)
		rc = read_security(out, &opt, err);
	struct rf_reader r = reader_at(in, opt.at + opt.bytes);

	for (size_t i = 0; rc == 0 && i < out->sections_count; i++)
		rc = read_section(out, i, &r, err);
	return rc ? rc : check_layout(out, err);
}

/* Steps 1 to 16 of the specification. Where there are holes, firmware counts on from the sum of
 * lengths and not from the last section's end, and so must we. */
int pe_digest(struct attest_hasher *hasher, const struct pe *pe, uint16_t alg,
	      enum pe_padding padding, struct attest_digest *out)
{
	static const uint8_t zeros[8];
	struct rf_slice parts[PE_MAX_SECTIONS + 5];
	size_t count = 0, at = pe->checksum_at + 4;
	size_t end = pe->file.len - pe->certificates_bytes;

	parts[count++] = slice_at(pe->file, 0, pe->checksum_at);
	if (pe->directory_at) {
		parts[count++] = slice_at(pe->file, at, pe->directory_at - at);
		at = pe->directory_at + 8;
	}
	parts[count++] = slice_at(pe->file, at, pe->headers_bytes - at);
	for (size_t i = 0; i < pe->order_count; i++)
		parts[count++] = pe->sections[pe->order[i]].raw;
	if (pe->hashed_bytes < end)
		parts[count++] = slice_at(pe->file, pe->hashed_bytes, end - pe->hashed_bytes);
	if (padding == PE_AS_SIGNED && !pe->signatures.len && pe->file.len % 8)
		parts[count++] = (struct rf_slice){zeros, 8 - pe->file.len % 8};
	struct attest_digest digest = {.alg = alg, .len = (uint8_t)attest_digest_size(alg)};
	int rc = attest_hash_parts(hasher, alg, parts, count, digest.bytes);

	if (rc == 0)
		*out = digest;
	return rc;
}

struct rf_slice pe_section_find(const struct pe *pe, const char *name)
{
	for (size_t i = 0; i < pe->sections_count; i++) {
		if (strcmp(pe->sections[i].name, name) == 0)
			return pe->sections[i].data;
	}
	return (struct rf_slice){0};
}

/* Cuts up to a comma; the comma goes. */
static struct rf_slice field_take(struct rf_slice *line)
{
	const uint8_t *comma = line->len ? memchr(line->data, ',', line->len) : NULL;
	size_t len = comma ? (size_t)(comma - line->data) : line->len;
	struct rf_slice field = {line->data, len};

	len += comma ? 1 : 0;
	line->data += len;
	line->len -= len;
	return field;
}

static bool number_read(struct rf_slice text, uint32_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len && n <= UINT32_MAX; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = 10 * n + (uint64_t)(text.data[i] - '0');
	}
	*out = (uint32_t)n;
	return text.len > 0 && n <= UINT32_MAX;
}

int pe_sbat_next(struct rf_slice section, size_t *at, struct pe_sbat *out, struct rf_err *err)
{
	struct rf_slice line = {0};
	struct pe_sbat row = {0};

	/* Empty lines, and the zeros that fill the section. */
	while (*at < section.len && memchr("\n\r", section.data[*at], 3))
		(*at)++;
	if (*at >= section.len)
		return 0;
	const uint8_t *start = section.data + *at;

	while (*at < section.len && !memchr("\n\r", section.data[*at], 3))
		(*at)++;
	line = (struct rf_slice){start, (size_t)(section.data + *at - start)};
	row.component = field_take(&line);
	if (row.component.len == 0 || !number_read(field_take(&line), &row.generation))
		return rf_fail(err, RF_E_SYNTAX,
			       ".sbat at byte %zu: not a component with its generation",
			       (size_t)(start - section.data));
	row.vendor = field_take(&line);
	row.package = field_take(&line);
	row.version = field_take(&line);
	row.url = line;
	*out = row;
	return 1;
}
