/* SPDX-License-Identifier: Apache-2.0 */
/* The table of privileges, and sets of them. See privilege.h. */
#include "govern/privilege.h"

#include <string.h>

#include "base/mem.h"

static const struct {
	const char *name, *about;
} rows[] = {
#define PRIVILEGE_ROW(id, name, about) {name, about},
	PRIVILEGES(PRIVILEGE_ROW)
#undef PRIVILEGE_ROW
};

const char *privilege_name(enum privilege privilege)
{
	return (unsigned)privilege < RF_COUNT(rows) ? rows[privilege].name : "";
}

const char *privilege_about(enum privilege privilege)
{
	return (unsigned)privilege < RF_COUNT(rows) ? rows[privilege].about : "";
}

bool privilege_find(const char *name, enum privilege *out)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*out = (enum privilege)i;
			return true;
		}
	}
	return false;
}

void privilege_add(struct privilege_set *set, enum privilege privilege)
{
	if ((unsigned)privilege < PRIVILEGE_COUNT)
		set->bits[privilege / 64] |= UINT64_C(1) << (privilege % 64);
}

bool privilege_in(const struct privilege_set *set, enum privilege privilege)
{
	return (unsigned)privilege < PRIVILEGE_COUNT &&
	       (set->bits[privilege / 64] >> (privilege % 64) & 1);
}

void privilege_add_all(struct privilege_set *set, const struct privilege_set *more)
{
	for (size_t i = 0; i < PRIVILEGE_WORDS; i++)
		set->bits[i] |= more->bits[i];
}

bool privilege_none(const struct privilege_set *set)
{
	uint64_t any = 0;

	for (size_t i = 0; i < PRIVILEGE_WORDS; i++)
		any |= set->bits[i];
	return any == 0;
}

struct privilege_set privilege_all(void)
{
	struct privilege_set out = {0};

	for (unsigned i = 0; i < PRIVILEGE_COUNT; i++)
		privilege_add(&out, (enum privilege)i);
	return out;
}
