/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apt's package lists; see apt.h. A list has up to 64 MB and 70,000 stanzas of which a host wants
 * a thousand, so that only the lines `Package:` are searched for. Sources: Debian's repository
 * format, apt_preferences(5) for NotAutomatic.
 */
#include <string.h>

#include "base/str.h"
#include "collect/apt.h"

#define NAME_MAX_BYTES 256u

/* The value of a line `field: value`, or false. */
static bool field_of(const char *line, size_t len, const char *field, struct rf_slice *out)
{
	size_t n = strlen(field);

	if (len <= n || line[n] != ':' || strncasecmp(line, field, n) != 0)
		return false;
	n++;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	while (len > n && (line[len - 1] == ' ' || line[len - 1] == '\r'))
		len--;
	*out = (struct rf_slice){(const uint8_t *)line + n, len - n};
	return true;
}

static bool slice_is(struct rf_slice s, const char *text)
{
	return s.len == strlen(text) && strncasecmp((const char *)s.data, text, s.len) == 0;
}

static bool slice_ends(struct rf_slice s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len >= n && memcmp(s.data + s.len - n, suffix, n) == 0;
}

static void release_line(const char *line, size_t len, struct apt_release *out)
{
	struct rf_slice value;

	if (field_of(line, len, "Origin", &value))
		rf_format(out->origin, sizeof(out->origin), "%.*s", (int)value.len, value.data);
	else if (field_of(line, len, "Label", &value))
		out->security = out->security || slice_is(value, "Debian-Security");
	else if (field_of(line, len, "Suite", &value) || field_of(line, len, "Codename", &value))
		out->security = out->security || slice_ends(value, "-security");
	else if (field_of(line, len, "NotAutomatic", &value))
		out->not_automatic = slice_is(value, "yes");
	else if (field_of(line, len, "ButAutomaticUpgrades", &value))
		out->upgrades_automatic = slice_is(value, "yes");
}

void apt_release_parse(const char *text, struct apt_release *out)
{
	*out = (struct apt_release){0};
	while (*text) {
		size_t len = strcspn(text, "\n");

		/* Behind the checksums of files there is nothing to learn. */
		if (rf_starts(text, "MD5Sum:") || rf_starts(text, "SHA1:") ||
		    rf_starts(text, "SHA256:"))
			return;
		release_line(text, len, out);
		text += len;
		text += *text == '\n';
	}
}

/* Reads a stanza from its Package line on; returns where it ends. */
static const char *stanza_read(const char *p, const char *end, struct apt_offer *offer)
{
	while (p < end && *p != '\n') {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		struct rf_slice value;

		if (field_of(p, len, "Version", &value))
			offer->version = value;
		else if (field_of(p, len, "Architecture", &value))
			offer->arch = value;
		p += len + (eol ? 1 : 0);
	}
	return p;
}

void apt_packages_walk(const char *text, size_t len, bool (*wanted)(void *ctx, const char *name),
		       void (*take)(void *ctx, const struct apt_offer *offer), void *ctx)
{
	static const char mark[] = "\nPackage: ";
	const size_t mark_len = sizeof(mark) - 1;
	const char *p = text, *end = text + len;

	/* The first stanza has no newline before it. */
	bool at_start = len >= mark_len && memcmp(text, mark + 1, mark_len - 1) == 0;

	for (;;) {
		if (!at_start) {
			p = p < end ? memmem(p, (size_t)(end - p), mark, mark_len) : NULL;
			if (!p)
				return;
			p++;
		}
		at_start = false;
		char name[NAME_MAX_BYTES];
		const char *start = p + mark_len - 1;
		const char *eol = memchr(start, '\n', (size_t)(end - start));
		struct rf_slice value = {(const uint8_t *)start,
					 (size_t)((eol ? eol : end) - start)};

		p = start;
		while (value.len && strchr(" \r\t", value.data[value.len - 1]))
			value.len--;
		if (value.len == 0 || value.len >= sizeof(name))
			continue;
		memcpy(name, value.data, value.len);
		name[value.len] = '\0';
		if (!wanted(ctx, name))
			continue;
		struct apt_offer offer = {.name = value};

		p = stanza_read(p, end, &offer);
		/* Step back onto the newline before the next stanza. */
		p -= p > start;
		if (offer.version.len)
			take(ctx, &offer);
	}
}
