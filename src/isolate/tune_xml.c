/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A setting in a VM's definition: read and changed through the XML editor of src/change, by the
 * row's XPath. Pure; the privileged side runs it apart. Source: libvirt's formatdomain.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit.h"
#include "isolate/tune.h"

/* The row's path with its item in the place of %s. */
static bool path_make(const struct tune_name *name, const char *below, struct change_spec *spec)
{
	const char *xml = name->row->xml, *at = strstr(xml, "%s");
	int before = at ? (int)(at - xml) : (int)strlen(xml);

	memset(spec, 0, sizeof(*spec));
	return rf_copy(spec->style, sizeof(spec->style), "xml") &&
	       rf_copy(spec->target, sizeof(spec->target), name->vm) &&
	       rf_format(spec->key, sizeof(spec->key), "%.*s%s%s%s%s", before, xml,
			 at ? name->item : "", at ? at + 2 : "", below ? "/" : "",
			 below ? below : "");
}

static const char *field_xml(const struct tune_field *field)
{
	return field->xml ? field->xml : field->name;
}

static bool value_get(const struct tune_name *name, const char *below, struct rf_slice xml,
		      struct rf_buf *out)
{
	RF_AUTOFREE struct change_spec *spec = rf_alloc(1, sizeof(*spec));

	if (!spec || !path_make(name, below, spec))
		return false;
	rf_copy(spec->op, sizeof(spec->op), "remove");
	return edit_get(spec, xml, out);
}

bool tune_xml_get(const struct tune_name *name, struct rf_slice xml, struct rf_buf *out)
{
	const struct tune_row *row = name->row;
	RF_AUTOBUF struct rf_buf raw = {0};
	bool any = false;

	if (row->value != TUNE_FIELDS) {
		if (!value_get(name, NULL, xml, &raw))
			return false;
		if (row->xml_word)
			return rf_buf_add_text(out, row->xml_word) == 0;
		/* A value that we would not write is shown as it stands. */
		if (tune_canon(row, rf_buf_text(&raw), out, NULL) < 0)
			rf_buf_add(out, raw.data, raw.len);
		return true;
	}
	for (size_t i = 0; i < row->fields_count; i++) {
		RF_AUTOBUF struct rf_buf one = {0};

		if (!value_get(name, field_xml(&row->fields[i]), xml, &one))
			continue;
		rf_buf_printf(out, "%s%s=%s", any ? " " : "", row->fields[i].name,
			      rf_buf_text(&one));
		any = true;
	}
	return any;
}

static int edit_one(const struct tune_name *name, const char *below, const char *value,
		    struct rf_buf *xml, struct rf_err *err)
{
	RF_AUTOFREE struct change_spec *spec = rf_alloc(1, sizeof(*spec));
	RF_AUTOBUF struct rf_buf next = {0};

	if (!spec)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!path_make(name, below, spec) ||
	    !rf_copy((char *)spec->value, sizeof(spec->value), value ? value : ""))
		return rf_fail(err, RF_E_LIMIT, "%s: too long", name->row->name);
	spec->value_bytes = (uint32_t)strlen(value ? value : "");
	rf_copy(spec->op, sizeof(spec->op), value ? "set" : "remove");
	char *attribute = name->row->xml_element && !value ? strrchr(spec->key, '/') : NULL;

	if (attribute)
		*attribute = '\0';
	int rc = edit_apply(spec, rf_buf_slice(xml), &next, err);

	if (rc < 0)
		return rc;
	rf_buf_reset(xml);
	return rf_buf_add(xml, next.data, next.len);
}

/* The value of a field in "name=1 name=2"; NULL: not named. */
static const char *field_value(char *text, const char *name)
{
	for (char *word; (word = rf_word_next(&text));) {
		size_t len = strcspn(word, "=");

		if (strlen(name) == len && memcmp(word, name, len) == 0 && word[len])
			return word + len + 1;
	}
	return NULL;
}

int tune_xml_put(const struct tune_name *name, struct rf_slice xml, const char *value,
		 struct rf_buf *out, struct rf_err *err)
{
	const struct tune_row *row = name->row;
	RF_AUTOBUF struct rf_buf doc = {0};
	int rc = rf_buf_add(&doc, xml.data, xml.len);

	if (value && row->xml_word)
		value = strcmp(value, row->xml_word) == 0 ? "" : NULL;
	if (!rc && row->value != TUNE_FIELDS)
		rc = edit_one(name, NULL, value, &doc, err);
	for (size_t i = 0; rc == 0 && row->value == TUNE_FIELDS && i < row->fields_count; i++) {
		RF_AUTOFREE char *copy = rf_strdup(value ? value : "");
		const char *one = copy ? field_value(copy, row->fields[i].name) : NULL;

		rc = copy ? edit_one(name, field_xml(&row->fields[i]), one, &doc, err) : -ENOMEM;
	}
	return rc ? rc : rf_buf_add(out, doc.data, doc.len);
}
