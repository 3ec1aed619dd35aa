/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and messages; see err.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct code_row {
	int code;
	const char *text;
	int http;
	int exit;
};

static const struct code_row code_rows[] = {
#define RF_X(name, num, text, http, exit) {name, text, http, exit},
	RF_ERROR_CODES(RF_X)
#undef RF_X
};

static const struct code_row *code_find(int code)
{
	for (size_t i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++) {
		if (code_rows[i].code == code)
			return &code_rows[i];
	}
	return NULL;
}

const char *rf_code_text(int code)
{
	const struct code_row *row = code_find(code);

	if (row)
		return row->text;
	if (code == 0)
		return "no error";
	/* strerrordesc_np is reentrant and untranslated, which strerror is not. */
	const char *text = code < 0 && code > -4096 ? strerrordesc_np(-code) : NULL;
	return text ? text : "unknown error";
}

int rf_code_exit(int code)
{
	const struct code_row *row = code_find(code);

	if (row)
		return row->exit;
	return code == 0 ? 0 : 1;
}

int rf_code_http(int code)
{
	const struct code_row *row = code_find(code);

	if (row)
		return row->http;
	return code == 0 ? 200 : 500;
}

/* Text of hostile origin lands on terminals and in logs: no byte may steer either. */
static void text_make_visible(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			*text = '?';
	}
}

static void text_mark_cut(char *text, size_t size, int wanted)
{
	if (wanted < 0 || (size_t)wanted < size)
		return;
	memcpy(text + size - 4, "...", 4);
}

int rf_fail(struct rf_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	text_mark_cut(err->text, sizeof(err->text), n);
	text_make_visible(err->text);
	err->code = code;
	return code;
}

int rf_wrap(struct rf_err *err, int code, const char *fmt, ...)
{
	char head[256];
	char tail[sizeof(err->text)];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	int n = vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	text_mark_cut(head, sizeof(head), n);
	const char *said = err->code ? err->text : rf_code_text(code);
	memcpy(tail, said, strlen(said) + 1);
	n = snprintf(err->text, sizeof(err->text), "%s: %s", head, tail);
	text_mark_cut(err->text, sizeof(err->text), n);
	text_make_visible(err->text);
	err->code = code;
	return code;
}

void rf_err_clear(struct rf_err *err)
{
	if (err)
		*err = (struct rf_err){0};
}

const char *rf_err_text(const struct rf_err *err)
{
	if (!err || err->code == 0)
		return "no error";
	return err->text[0] ? err->text : rf_code_text(err->code);
}
