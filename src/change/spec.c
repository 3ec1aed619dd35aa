/* SPDX-License-Identifier: Apache-2.0 */
/* Specs: filled by the planner, checked by everybody who gets one. See spec.h. */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/spec.h"

int change_spec_set(struct change_spec *spec, const char *verb, const char *target, const char *key,
		    const char *value, struct rf_err *err)
{
	memset(spec, 0, sizeof(*spec));
	spec->mode = spec->uid = spec->gid = CHANGE_LEAVE;
	if (!rf_copy(spec->verb, sizeof(spec->verb), verb) ||
	    !rf_copy(spec->target, sizeof(spec->target), target))
		return rf_fail(err, RF_E_LIMIT, "%s %.60s: longer than a change may be", verb,
			       target);
	if (!rf_copy(spec->key, sizeof(spec->key), key ? key : "") ||
	    !rf_copy((char *)spec->value, sizeof(spec->value), value ? value : ""))
		return rf_fail(err, RF_E_LIMIT, "%s: the key %.60s or its value is too long",
			       target, key ? key : "");
	spec->value_bytes = value ? (uint32_t)strlen(value) : 0;
	return 0;
}

const char *change_spec_value(const struct change_spec *spec)
{
	return spec->value[0] ? (const char *)spec->value : "";
}

/* A text that ends in its field, without control characters. A tab is none. */
static int text_check(const char *text, size_t size, const char *what, struct rf_err *err)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return rf_fail(err, RF_E_LIMIT, "the %s has no end", what);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == 0x7f || (c < 0x20 && c != '\t'))
			return rf_fail(err, RF_E_SYNTAX, "the %s holds a control character", what);
	}
	return rf_utf8_valid((const uint8_t *)text, len)
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "the %s is not UTF-8", what);
}

static bool mode_valid(uint32_t mode)
{
	return mode == CHANGE_LEAVE || mode <= 07777;
}

int change_spec_check(const struct change_spec *spec, struct rf_err *err)
{
	const struct {
		const char *text;
		size_t size;
		const char *what;
	} texts[] = {
		{spec->verb, sizeof(spec->verb), "verb"},
		{spec->op, sizeof(spec->op), "operation"},
		{spec->style, sizeof(spec->style), "style"},
		{spec->target, sizeof(spec->target), "target"},
		{spec->hook, sizeof(spec->hook), "hook"},
		{spec->part, sizeof(spec->part), "part"},
		{spec->section, sizeof(spec->section), "section"},
		{spec->key, sizeof(spec->key), "key"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(texts); i++)
		rc = text_check(texts[i].text, texts[i].size, texts[i].what, err);
	if (rc < 0)
		return rc;
	if (spec->value_bytes >= sizeof(spec->value))
		return rf_fail(err, RF_E_LIMIT, "the value is longer than a change may be");
	if (!mode_valid(spec->mode))
		return rf_fail(err, RF_E_SYNTAX, "%o are no permission bits", spec->mode);
	return 0;
}
