/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator entry; see mem.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Test hook only: 0 is off, otherwise the calls left until one fails. */
static size_t fail_after;

void rf_alloc_fail_after(size_t n)
{
	fail_after = n;
}

static bool fails_now(void)
{
	return fail_after != 0 && --fail_after == 0;
}

void *rf_alloc(size_t count, size_t size)
{
	if (fails_now())
		return NULL;
	return calloc(count ? count : 1, size ? size : 1);
}

void *rf_resize(void *old, size_t count, size_t size)
{
	if (fails_now())
		return NULL;
	return reallocarray(old, count ? count : 1, size ? size : 1);
}

char *rf_strndup(const char *text, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = rf_alloc(len + 1, 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

char *rf_strdup(const char *text)
{
	return text ? rf_strndup(text, strlen(text)) : NULL;
}

char *rf_asprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	char *text = rf_alloc((size_t)n + 1, 1);

	if (!text)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

void rf_free(void *p)
{
	free(p);
}

void rf_wipe(void *p, size_t size_bytes)
{
	if (p)
		explicit_bzero(p, size_bytes);
}

bool rf_equal_secret(const void *a, const void *b, size_t size_bytes)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;

	for (size_t i = 0; i < size_bytes; i++)
		diff |= (unsigned char)(x[i] ^ y[i]);
	return diff == 0;
}

int rf_grow(void **ptr, size_t *capacity, size_t want, size_t size)
{
	if (want <= *capacity)
		return 0;
	size_t cap = *capacity ? *capacity : 8;

	while (cap < want) {
		if (cap > SIZE_MAX / 2)
			return -ENOMEM;
		cap *= 2;
	}
	void *p = rf_resize(*ptr, cap, size);

	if (!p)
		return -ENOMEM;
	*ptr = p;
	*capacity = cap;
	return 0;
}
