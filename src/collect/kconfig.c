/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of the running kernel, for facts that nothing in /proc or /sys tells.
 * Source: Kconfig's .config format; CONFIG_IKCONFIG_PROC for /proc/config.gz.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/kconfig.h"

#define MAX_CONFIG_BYTES (2u << 20)

bool kernel_uname(struct sys *sys, unsigned int line, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	if (sys_probe(sys, "uname", "", &buf, NULL) < 0 || buf.len == 0)
		return false;
	char *cursor = (char *)buf.data, *text = NULL;

	for (unsigned int i = 0; i <= line; i++) {
		text = rf_line_next(&cursor);
		if (!text)
			return false;
	}
	return *text && rf_copy(out, size, text);
}

static int inflate_all(z_stream *z, size_t max, struct rf_buf *out)
{
	uint8_t chunk[16384];
	int rc;

	do {
		z->next_out = chunk;
		z->avail_out = sizeof(chunk);
		rc = inflate(z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return rc == Z_MEM_ERROR ? -ENOMEM : RF_E_SYNTAX;
		if (out->len + sizeof(chunk) - z->avail_out > max)
			return RF_E_LIMIT;
		if (rf_buf_add(out, chunk, sizeof(chunk) - z->avail_out) < 0)
			return -ENOMEM;
	} while (rc != Z_STREAM_END);
	return 0;
}

int kconfig_gunzip(struct rf_slice in, size_t max, struct rf_buf *out)
{
	z_stream z = {.avail_in = (uInt)in.len};

	if (in.len > RF_MAX_FILE_BYTES)
		return RF_E_LIMIT;
	/* zlib's own type for input is not const. */
	z.next_in = (Bytef *)(uintptr_t)in.data;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	int rc = inflate_all(&z, max, out);

	inflateEnd(&z);
	return rc;
}

static bool read_plain(struct sys *sys, struct kconfig *config, const char *place)
{
	char release[256], path[RF_MAX_PATH_BYTES];

	if (!kernel_uname(sys, 1, release, sizeof(release)) || strchr(release, '/') ||
	    !rf_format(path, sizeof(path), "%s%s", place, release))
		return false;
	if (!rf_starts(place, "/boot") &&
	    !rf_format(path, sizeof(path), "%s%s/config", place, release))
		return false;
	rf_buf_reset(&config->text);
	return sys_read(sys, path, MAX_CONFIG_BYTES, &config->text, NULL) == 0 &&
	       rf_copy(config->source, sizeof(config->source), path);
}

void kconfig_read(struct sys *sys, struct kconfig *config)
{
	static const char *const places[] = {"/boot/config-", "/lib/modules/", "/usr/lib/modules/"};
	RF_AUTOBUF struct rf_buf packed = {0};

	for (size_t i = 0; i < RF_COUNT(places); i++) {
		if (read_plain(sys, config, places[i]))
			return;
	}
	rf_buf_reset(&config->text);
	config->source[0] = '\0';
	if (sys_read(sys, "/proc/config.gz", RF_MAX_PROC_BYTES, &packed, NULL) == 0 &&
	    kconfig_gunzip(rf_buf_slice(&packed), MAX_CONFIG_BYTES, &config->text) == 0)
		rf_copy(config->source, sizeof(config->source), "/proc/config.gz");
}

void kconfig_done(struct kconfig *config)
{
	rf_buf_done(&config->text);
}

char kconfig_get(const struct kconfig *config, const char *symbol)
{
	size_t n = strlen(symbol);

	if (!config->source[0])
		return 0;
	for (const char *p = rf_buf_text(&config->text); p && *p;) {
		if (strncmp(p, symbol, n) == 0 && p[n] == '=') {
			char v = p[n + 1];

			if (v != 'y' && v != 'm')
				return 'v';
			return p[n + 2] == '\n' || p[n + 2] == '\r' || p[n + 2] == '\0' ? v : 'v';
		}
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return 'n';
}

/* The kernel's own rule: a blank inside double quotes does not end a word (next_arg in
 * lib/cmdline.c). */
bool kernel_word_next(char **cursor, char **out_key, char **out_value)
{
	char *p = *cursor;
	bool quoted = false;

	while (p && (*p == ' ' || *p == '\t' || *p == '\n'))
		p++;
	if (!p || !*p)
		return false;
	char *word = p, *value = NULL;

	for (; *p && (quoted || (*p != ' ' && *p != '\t' && *p != '\n')); p++) {
		if (*p == '"')
			quoted = !quoted;
		if (*p == '=' && !value)
			value = p;
	}
	*cursor = *p ? p + 1 : p;
	*p = '\0';
	if (value)
		*value++ = '\0';
	char *last = value ? value + strlen(value) : p;

	if (last > word && last[-1] == '"' && (*word == '"' || (value && *value == '"')))
		last[-1] = '\0';
	*out_key = *word == '"' ? word + 1 : word;
	*out_value = !value ? word + strlen(word) : *value == '"' ? value + 1 : value;
	return true;
}

bool kernel_cmdline_value(struct sys *sys, const char *key, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	char *word, *value;
	bool found = false;

	if (sys_read(sys, "/proc/cmdline", RF_MAX_LINE_BYTES, &buf, NULL) < 0 || buf.len == 0)
		return false;
	for (char *cursor = (char *)buf.data; kernel_word_next(&cursor, &word, &value);) {
		if (strcmp(word, key) == 0)
			found = rf_copy(out, size, value);
	}
	return found;
}
