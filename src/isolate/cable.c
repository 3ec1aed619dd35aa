/* SPDX-License-Identifier: Apache-2.0 */
/* A network card's place in libvirt's XML. See cable.h. */
#include "isolate/cable.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/xmltext.h"

/* Kinds of cards that can be plugged elsewhere, and what of <source> says where. What else stands
 * there (portid; bridge of a network) libvirt makes anew. */
static const struct {
	const char *type, *name, *group;
} kinds[] = {
	{"bridge", "bridge", NULL},
	{"network", "network", "portgroup"},
};

int cable_find(struct rf_slice domain_xml, const char *mac, struct rf_slice *out)
{
	/* Metadata, which may hold anything, stands before the devices. */
	const uint8_t *at = xmltext_find(domain_xml, "<devices>");
	char wanted[64];

	if (!at || !rf_format(wanted, sizeof(wanted), "<mac address='%s'/>", mac))
		return RF_E_MISSING;
	struct rf_slice rest = xmltext_behind(domain_xml, at);

	while ((at = xmltext_find(rest, "<interface "))) {
		static const char end[] = "</interface>";

		rest = xmltext_behind(rest, at);
		const uint8_t *stop = xmltext_find(rest, end);

		if (!stop)
			break;
		struct rf_slice one = xmltext_slice(at, stop + strlen(end));

		if (xmltext_find(one, wanted)) {
			*out = one;
			return 0;
		}
		rest = xmltext_behind(rest, stop);
	}
	return RF_E_MISSING;
}

static bool writable(struct rf_slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] < ' ' || word.data[i] == '\'' || word.data[i] == '<')
			return false;
	return word.len != 0;
}

/* libvirt writes one of each. Of two nobody could say which counts. */
static bool is_canonical(struct rf_slice interface)
{
	static const char *const names[] = {"<interface", "<source", "<virtualport"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		const uint8_t *at = xmltext_find(interface, names[i]);

		if (at && xmltext_find(xmltext_behind(interface, at + 1), names[i]))
			return false;
	}
	struct rf_slice source = xmltext_element(interface, "source");
	struct rf_slice port = xmltext_element(interface, "virtualport");
	const uint8_t *tag_end = xmltext_find(interface, ">");

	return tag_end && (!source.len || source.data > tag_end) &&
	       (!port.len || port.data > tag_end) &&
	       (!source.len || !port.len || source.data + source.len <= port.data ||
		port.data + port.len <= source.data);
}

int cable_read(struct rf_slice interface, struct rf_buf *out)
{
	struct rf_slice type, name, group, source = xmltext_element(interface, "source");
	struct rf_slice port = xmltext_element(interface, "virtualport");

	if (!is_canonical(interface) || !xmltext_attribute(interface, "type", &type))
		return RF_E_SYNTAX;
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (!rf_slice_equal(type, rf_slice_text(kinds[i].type)) ||
		    !xmltext_attribute(source, kinds[i].name, &name))
			continue;
		/* A blank would be taken for the end of the name. */
		if (!writable(name) || memchr(name.data, ' ', name.len))
			return RF_E_UNSUPPORTED;
		rf_buf_printf(out, "%s ", kinds[i].type);
		rf_buf_add(out, name.data, name.len);
		if (kinds[i].group && xmltext_attribute(source, kinds[i].group, &group)) {
			if (!writable(group))
				return RF_E_UNSUPPORTED;
			rf_buf_add_byte(out, ' ');
			rf_buf_add(out, group.data, group.len);
		}
		if (port.len) {
			rf_buf_add_byte(out, '\n');
			rf_buf_add(out, port.data, port.len);
		}
		return out->failed ? -ENOMEM : 0;
	}
	return RF_E_UNSUPPORTED;
}

/* The first line of a cable in its words; 2 or 3. */
static size_t words_of(struct rf_slice line, struct rf_slice words[3])
{
	size_t n = 0;

	while (line.len && n < 3) {
		const uint8_t *blank = n < 2 ? memchr(line.data, ' ', line.len) : NULL;
		const uint8_t *end = blank ? blank : line.data + line.len;

		words[n++] = xmltext_slice(line.data, end);
		line = blank ? xmltext_behind(line, blank + 1) : (struct rf_slice){0};
	}
	return n;
}

static int source_add(const struct rf_slice *words, size_t count, struct rf_buf *out)
{
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (!rf_slice_equal(words[0], rf_slice_text(kinds[i].type)) ||
		    (count == 3 && !kinds[i].group))
			continue;
		rf_buf_printf(out, "<source %s='%.*s'", kinds[i].name, (int)words[1].len,
			      (const char *)words[1].data);
		if (count == 3)
			rf_buf_printf(out, " %s='%.*s'", kinds[i].group, (int)words[2].len,
				      (const char *)words[2].data);
		rf_buf_printf(out, "/>");
		return 0;
	}
	return RF_E_SYNTAX;
}

/* Adds text but for two elements. */
static void add_without(struct rf_slice text, struct rf_slice a, struct rf_slice b,
			struct rf_buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		const uint8_t *at = text.data + i;
		bool inside = (a.len && at >= a.data && at < a.data + a.len) ||
			      (b.len && at >= b.data && at < b.data + b.len);

		if (!inside)
			rf_buf_add_byte(out, *at);
	}
}

int cable_replace(struct rf_slice interface, struct rf_slice cable, struct rf_buf *out)
{
	struct rf_slice source = xmltext_element(interface, "source");
	struct rf_slice port = xmltext_element(interface, "virtualport");
	struct rf_slice words[3], type;
	const uint8_t *line_end = cable.len ? memchr(cable.data, '\n', cable.len) : NULL;
	const uint8_t *tag_end = xmltext_find(interface, ">");
	size_t count = words_of(line_end ? xmltext_slice(cable.data, line_end) : cable, words);

	if (count < 2 || !is_canonical(interface) || !source.len || !tag_end ||
	    !xmltext_attribute(interface, "type", &type))
		return RF_E_SYNTAX;
	for (size_t i = 0; i < count; i++)
		if (!writable(words[i]))
			return RF_E_SYNTAX;
	rf_buf_add(out, interface.data, (size_t)(type.data - interface.data));
	rf_buf_add(out, words[0].data, words[0].len);
	struct rf_slice rest = xmltext_behind(interface, type.data + type.len);

	rf_buf_add(out, rest.data, (size_t)(tag_end + 1 - rest.data));
	if (source_add(words, count, out) < 0)
		return RF_E_SYNTAX;
	if (line_end) {
		rest = xmltext_behind(cable, line_end + 1);
		rf_buf_add(out, rest.data, rest.len);
	}
	add_without(xmltext_behind(interface, tag_end + 1), source, port, out);
	return out->failed ? -ENOMEM : 0;
}
