/* SPDX-License-Identifier: Apache-2.0 */
/* What a parsed sudoers file is made of, and how aliases are replaced; see sudoers.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collect/sudoers.h"

#define EXPAND_MAX_ITEMS 20000u

int sudoers_list_add(struct sudoers_list *list, const struct sudoers_item *item)
{
	void *array = list->items;
	int rc = rf_grow(&array, &list->capacity, list->count + 1, sizeof(*list->items));

	list->items = array;
	if (rc == 0)
		list->items[list->count++] = *item;
	return rc;
}

void sudoers_list_done(struct sudoers_list *list)
{
	rf_free(list->items);
	*list = (struct sudoers_list){0};
}

void sudoers_rule_done(struct sudoers_rule *rule)
{
	for (size_t i = 0; i < rule->count; i++) {
		sudoers_list_done(&rule->grants[i].hosts);
		rf_free(rule->grants[i].commands);
	}
	rf_free(rule->grants);
	sudoers_list_done(&rule->users);
}

void sudoers_done(struct sudoers *s)
{
	for (size_t kind = 0; kind < SUDOERS_KINDS; kind++) {
		struct rf_map *map = &s->aliases[kind];

		for (size_t i = 0; i < map->capacity; i++) {
			if (!map->slots[i].key)
				continue;
			sudoers_list_done(map->slots[i].value);
			rf_free(map->slots[i].value);
		}
		rf_map_done(map);
	}
	for (size_t i = 0; i < s->rules_count; i++)
		sudoers_rule_done(&s->rules[i]);
	for (size_t i = 0; i < s->bounds_count; i++) {
		sudoers_list_done(s->bounds[i]);
		rf_free(s->bounds[i]);
	}
	rf_free(s->rules);
	rf_free(s->defaults);
	rf_free(s->bounds);
	util_paths_done(&s->strings);
	*s = (struct sudoers){0};
}

struct expansion {
	const struct sudoers *s;
	enum sudoers_alias_kind kind;
	struct sudoers_list *out;
	unsigned int depth;
	size_t steps;
};

static int expand_list(struct expansion *e, const struct sudoers_list *list, bool negated)
{
	if (e->depth >= RF_MAX_INCLUDE_DEPTH)
		return RF_E_LIMIT;
	for (size_t i = 0; i < list->count; i++) {
		struct sudoers_item item = list->items[i];
		const struct sudoers_list *alias = NULL;
		int rc;

		if (++e->steps > EXPAND_MAX_ITEMS)
			return RF_E_LIMIT;
		if (!item.quoted && isupper((unsigned char)item.text[0]))
			alias = rf_map_get(&e->s->aliases[e->kind], item.text);
		item.negated = item.negated != negated;
		if (alias) {
			e->depth++;
			rc = expand_list(e, alias, item.negated);
			e->depth--;
		} else {
			rc = sudoers_list_add(e->out, &item);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int sudoers_expand(const struct sudoers *s, enum sudoers_alias_kind kind,
		   const struct sudoers_list *list, struct sudoers_list *out)
{
	struct expansion e = {.s = s, .kind = kind, .out = out};

	return expand_list(&e, list, false);
}
