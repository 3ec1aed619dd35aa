/* SPDX-License-Identifier: Apache-2.0 */
/* Places in libvirt's own XML text. See xmltext.h. */
#include "isolate/xmltext.h"

#include <string.h>

#include "base/str.h"

struct rf_slice xmltext_slice(const uint8_t *from, const uint8_t *to)
{
	return (struct rf_slice){from, (size_t)(to - from)};
}

const uint8_t *xmltext_find(struct rf_slice in, const char *text)
{
	return in.len ? memmem(in.data, in.len, text, strlen(text)) : NULL;
}

struct rf_slice xmltext_behind(struct rf_slice in, const uint8_t *at)
{
	return xmltext_slice(at, in.data + in.len);
}

struct rf_slice xmltext_element(struct rf_slice in, const char *name)
{
	char open[32], close[32];
	const uint8_t *at, *end, *stop;

	rf_format(open, sizeof(open), "<%s", name);
	rf_format(close, sizeof(close), "</%s>", name);
	for (at = xmltext_find(in, open); at; at = xmltext_find(xmltext_behind(in, at + 1), open)) {
		struct rf_slice rest = xmltext_behind(in, at);
		size_t n = strlen(open);

		if (rest.len > n &&
		    (rest.data[n] == ' ' || rest.data[n] == '/' || rest.data[n] == '>'))
			break;
	}
	end = at ? xmltext_find(xmltext_behind(in, at), ">") : NULL;
	if (!end)
		return (struct rf_slice){0};
	if (end[-1] == '/')
		return xmltext_slice(at, end + 1);
	stop = xmltext_find(xmltext_behind(in, end), close);
	return stop ? xmltext_slice(at, stop + strlen(close)) : (struct rf_slice){0};
}

bool xmltext_attribute(struct rf_slice element, const char *name, struct rf_slice *out)
{
	char wanted[40];
	const uint8_t *end = xmltext_find(element, ">");
	struct rf_slice tag = end ? xmltext_slice(element.data, end) : (struct rf_slice){0};

	rf_format(wanted, sizeof(wanted), " %s='", name);
	const uint8_t *at = xmltext_find(tag, wanted), *stop;

	if (!at)
		return false;
	at += strlen(wanted);
	stop = xmltext_find(xmltext_behind(tag, at), "'");
	if (!stop)
		return false;
	*out = xmltext_slice(at, stop);
	return true;
}
