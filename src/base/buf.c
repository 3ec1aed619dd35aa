/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer; see buf.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

uint8_t *rf_buf_reserve(struct rf_buf *buf, size_t more)
{
	if (buf->failed)
		return NULL;
	if (more >= SIZE_MAX - buf->len ||
	    rf_grow((void **)&buf->data, &buf->capacity, buf->len + more + 1, 1) < 0) {
		buf->failed = true;
		return NULL;
	}
	return buf->data + buf->len;
}

int rf_buf_add(struct rf_buf *buf, const void *data, size_t len)
{
	uint8_t *to = rf_buf_reserve(buf, len);

	if (!to)
		return -ENOMEM;
	if (len)
		memcpy(to, data, len);
	buf->len += len;
	buf->data[buf->len] = 0;
	return 0;
}

int rf_buf_add_text(struct rf_buf *buf, const char *text)
{
	return rf_buf_add(buf, text, strlen(text));
}

int rf_buf_add_byte(struct rf_buf *buf, uint8_t byte)
{
	return rf_buf_add(buf, &byte, 1);
}

int rf_buf_printf(struct rf_buf *buf, const char *fmt, ...)
{
	/* Into what room there is; what does not fit is written again. */
	size_t room = buf->failed || !buf->data ? 0 : buf->capacity - buf->len;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(room ? (char *)buf->data + buf->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	if ((size_t)n >= room) {
		uint8_t *to = rf_buf_reserve(buf, (size_t)n + 1);

		if (!to) {
			if (room)
				buf->data[buf->len] = 0;
			return -ENOMEM;
		}
		va_start(ap, fmt);
		vsnprintf((char *)to, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	buf->len += (size_t)n;
	return 0;
}

void rf_buf_reset(struct rf_buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = 0;
}

void rf_buf_done(struct rf_buf *buf)
{
	if (!buf)
		return;
	rf_free(buf->data);
	*buf = (struct rf_buf){0};
}

const char *rf_buf_text(const struct rf_buf *buf)
{
	return buf->data ? (const char *)buf->data : "";
}

char *rf_buf_take_text(struct rf_buf *buf)
{
	if (buf->failed || (!buf->data && rf_buf_add(buf, "", 0) < 0))
		return NULL;
	char *text = (char *)buf->data;

	*buf = (struct rf_buf){0};
	return text;
}

struct rf_slice rf_buf_slice(const struct rf_buf *buf)
{
	return (struct rf_slice){buf->data, buf->len};
}

struct rf_slice rf_slice_text(const char *text)
{
	return (struct rf_slice){(const uint8_t *)text, strlen(text)};
}

bool rf_slice_equal(struct rf_slice a, struct rf_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
