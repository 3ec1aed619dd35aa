/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB's environment block, see grubenv.h. Not for what the values mean (predict_choose.c).
 * Source: grub 2.06, the file's description in the manual ("Environment block") and its reader's
 * behaviour: '#' begins padding, '\' takes the next byte as it is, values end at a line's end.
 */
#include <errno.h>
#include <string.h>

#include "attest/grubenv.h"
#include "base/mem.h"
#include "base/str.h"

static const char signature[] = "# GRUB Environment Block\n";

/* Behind the end of the line that holds at. A backslash takes the next byte with it. */
static size_t line_end(struct rf_slice block, size_t at)
{
	while (at < block.len && block.data[at] != '\n')
		at += block.data[at] == '\\' ? 2u : 1u;
	return at;
}

/* A name or a value as a text: it ends at a NUL, as all of GRUB's texts do. */
static bool take(struct rf_slice from, bool escaped, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < from.len; i++) {
		if (escaped && from.data[i] == '\\' && ++i == from.len)
			break;
		if (len + 1 >= size)
			return false;
		out[len++] = (char)from.data[i];
	}
	out[len] = '\0';
	return true;
}

/* Reads the variable at *at and moves behind its line. False at one that has no end. */
static bool next_variable(struct rf_slice block, size_t *at, struct rf_slice *name,
			  struct rf_slice *value)
{
	const uint8_t *equals = memchr(block.data + *at, '=', block.len - *at);

	if (!equals)
		return false;
	*name = (struct rf_slice){block.data + *at, (size_t)(equals - block.data) - *at};
	size_t start = (size_t)(equals - block.data) + 1, end = line_end(block, start);

	if (end >= block.len)
		return false;
	*value = (struct rf_slice){block.data + start, end - start};
	*at = end + 1;
	return true;
}

int grubenv_parse(struct rf_slice block, struct grubenv *out, struct rf_err *err)
{
	RF_AUTOFREE struct grubenv *env = rf_alloc(1, sizeof(*env));
	size_t at = sizeof(signature) - 1;
	struct rf_slice name, value;

	if (!env)
		return rf_fail(err, -ENOMEM, "no memory");
	if (block.len > GRUBENV_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", block.len,
			       GRUBENV_MAX_BYTES);
	if (block.len < at || memcmp(block.data, signature, at) != 0)
		return rf_fail(err, RF_E_SYNTAX, "no environment block of GRUB");
	while (at < block.len && !env->broken) {
		struct grubenv_variable *variable = &env->variables[env->count];

		if (block.data[at] == '#') {
			at = line_end(block, at) + 1;
			continue;
		}
		if (!next_variable(block, &at, &name, &value)) {
			env->broken = true;
			continue;
		}
		if (env->count == GRUBENV_MAX_VARIABLES)
			return rf_fail(err, RF_E_LIMIT, "more than %u variables",
				       GRUBENV_MAX_VARIABLES);
		if (!take(name, false, variable->name, sizeof(variable->name)) ||
		    !take(value, true, variable->value, sizeof(variable->value)))
			return rf_fail(err, RF_E_LIMIT, "variable %zu is too long", env->count + 1);
		env->count++;
	}
	*out = *env;
	return 0;
}

const char *grubenv_value(const struct grubenv *env, const char *name)
{
	for (size_t i = env->count; i > 0; i--) {
		if (strcmp(env->variables[i - 1].name, name) == 0)
			return env->variables[i - 1].value;
	}
	return NULL;
}
