/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports of nft's rules have another name now. What the kernel does: test_fallback_copy.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/keeper.h"

/* Links by their numbers, one a place: "" is none. */
#define LINKS 4
struct links {
	struct guard_link items[LINKS];
	struct guard_links all;
};

static void links_fill(struct links *l, const char *const names[LINKS])
{
	*l = (struct links){.all = {.items = l->items}};
	for (uint32_t i = 0; i < LINKS; i++) {
		struct guard_link *link = &l->items[l->all.count];

		if (!names[i] || !names[i][0])
			continue;
		link->ifindex = i + 1;
		rf_copy(link->name, sizeof(link->name), names[i]);
		l->all.count++;
	}
}

static void test_moves(void **state)
{
	static const struct {
		const char *was, *names[LINKS];
		size_t count;
		const char *moves; /* "from>to " each */
	} cases[] = {
		{"nothing happened", {"vnet0", "vnet1", "eth0"}, 0, ""},
		{"one is renamed", {"x", "vnet1", "eth0"}, 1, "vnet0>x "},
		{"two change names", {"vnet1", "vnet0", "eth0"}, 2, "vnet0>vnet1 vnet1>vnet0 "},
		{"one went", {"", "vnet1", "eth0"}, 0, ""},
		{"one went, a new one has its name", {"", "vnet1", "eth0", "vnet0"}, 0, ""},
		{"who is no port is renamed", {"vnet0", "vnet1", "lan"}, 0, ""},
		{"no links", {""}, 0, ""},
	};
	static const char *const at_first[LINKS] = {"vnet0", "vnet1", "eth0"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct guard_port port = {.mode = GUARD_MODE_ENFORCE};
		struct keeper k = {.rules_fd = -1, .links_fd = -1};
		struct keeper_move moves[2];
		char text[120] = "";
		struct links l;

		assert_int_equal(fallback_port_set(&k.kept, "vnet0", &port), 0);
		assert_int_equal(fallback_port_set(&k.kept, "vnet1", &port), 0);
		links_fill(&l, at_first);
		assert_int_equal(keeper_note(&k, &l.all), 0);
		assert_int_equal(k.names_count, 2);
		links_fill(&l, cases[i].names);
		size_t count = keeper_moves(&k, &l.all, moves, RF_COUNT(moves));

		for (size_t n = 0; n < count; n++)
			rf_format(text + strlen(text), sizeof(text) - strlen(text), "%s>%s ",
				  moves[n].from, moves[n].to);
		if (count != cases[i].count || strcmp(text, cases[i].moves) != 0)
			fail_msg("%s: %zu, %s", cases[i].was, count, text);
		/* No more than there is room for. */
		assert_int_equal(keeper_moves(&k, &l.all, moves, 0), 0);
		keeper_close(&k);
		assert_null(k.names);
	}
}

/* What is kept no more is followed no more; a port that was never seen is no link's. */
static void test_noted(void **state)
{
	static const char *const first[LINKS] = {"vnet0"}, *const then[LINKS] = {"x"};
	const struct guard_port port = {.mode = GUARD_MODE_ENFORCE};
	struct keeper k = {.rules_fd = -1, .links_fd = -1};
	struct keeper_move move;
	struct links l;

	(void)state;
	assert_int_equal(fallback_port_set(&k.kept, "vnet0", &port), 0);
	assert_int_equal(fallback_port_set(&k.kept, "vnet7", &port), 0);
	links_fill(&l, first);
	assert_int_equal(keeper_note(&k, &l.all), 0);
	assert_int_equal(k.names_count, 1);
	assert_int_equal(fallback_port_set(&k.kept, "vnet0", NULL), 0);
	links_fill(&l, then);
	assert_int_equal(keeper_moves(&k, &l.all, &move, 1), 0);
	assert_int_equal(keeper_note(&k, &l.all), 0);
	assert_int_equal(k.names_count, 0);
	keeper_close(&k);
}

static void test_no_memory(void **state)
{
	static const char *const names[LINKS] = {"vnet0"};
	const struct guard_port port = {.mode = GUARD_MODE_ENFORCE};
	struct keeper k = {.rules_fd = -1, .links_fd = -1};
	struct links l;

	(void)state;
	links_fill(&l, names);
	assert_int_equal(fallback_port_set(&k.kept, "vnet0", &port), 0);
	rf_alloc_fail_after(1);
	assert_int_equal(keeper_note(&k, &l.all), -ENOMEM);
	rf_alloc_fail_after(0);
	assert_int_equal(k.names_count, 0);
	keeper_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_moves),
					   cmocka_unit_test(test_noted),
					   cmocka_unit_test(test_no_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
