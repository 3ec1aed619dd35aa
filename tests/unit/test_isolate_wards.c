/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard's service knows of VMs in quarantine: records written and read back, hostile ones
 * refused whole, the ward of a port found. On real ports: tests/system/test_quarantine.py.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/table.h"

#define MAC                                                                                        \
	{                                                                                          \
		0x52, 0x54, 0, 0, 0, 1                                                             \
	}

static struct table_ward ward_make(enum guard_quarantine level)
{
	struct table_ward ward = {
		.vm = "web-1",
		.shut = {.level = (uint8_t)level, .mac = MAC, .mirror = "rfq525400000001"}};

	if (level == GUARD_HONEYWALL)
		rf_copy(ward.shut.redirect, sizeof(ward.shut.redirect), "rfq525400000001");
	return ward;
}

static int reads(const struct table_ward *wards, size_t count, struct table *out)
{
	RF_AUTOBUF struct rf_buf bytes = {0};

	assert_int_equal(table_empty("no policy", &bytes), 0);
	assert_int_equal(table_wards_add(&bytes, wards, count, true), 0);
	assert_int_equal(table_bytes(rf_buf_slice(&bytes)), bytes.len);
	return table_read(rf_buf_slice(&bytes), out, NULL);
}

static void read_as_written(void **state)
{
	const struct table_ward wards[] = {ward_make(GUARD_SEAL), ward_make(GUARD_HONEYWALL)};
	struct table table;

	(void)state;
	assert_int_equal(reads(wards, RF_COUNT(wards), &table), 0);
	assert_int_equal(table.head.wards_count, 2);
	assert_true(table.head.wards_whole);
	assert_false(table.head.has_policy);
	assert_memory_equal(table.wards, wards, sizeof(wards));
	table_done(&table);
}

static void hostile_wards(void **state)
{
	static const struct {
		const char *name;
		size_t offset;
		uint8_t value;
	} CASES[] = {
		{"no such level", offsetof(struct table_ward, shut.level), 9},
		{"free", offsetof(struct table_ward, shut.level), GUARD_FREE},
		{"a honeywall without a link", offsetof(struct table_ward, shut.level),
		 GUARD_HONEYWALL},
		{"copied elsewhere", offsetof(struct table_ward, shut.mirror), 'e'},
		{"a group for an address", offsetof(struct table_ward, shut.mac), 1},
		{"services beyond their number", offsetof(struct table_ward, shut.n_services),
		 GUARD_SERVICES + 1},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct table_ward ward = ward_make(GUARD_SEAL);
		struct table table = {.wards = NULL};

		((uint8_t *)&ward)[CASES[i].offset] = CASES[i].value;
		if (reads(&ward, 1, &table) == 0)
			fail_msg("%s", CASES[i].name);
		assert_null(table.wards);
	}
	struct table_ward ward = ward_make(GUARD_SEAL);
	struct table table;

	memset(ward.vm, 'x', sizeof(ward.vm));
	assert_int_equal(reads(&ward, 1, &table), RF_E_SYNTAX);
	ward = ward_make(GUARD_SEAL);
	memset(ward.shut.mirror, 'r', sizeof(ward.shut.mirror));
	assert_int_not_equal(reads(&ward, 1, &table), 0);
}

static void too_many_or_cut_off(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	const struct table_ward ward = ward_make(GUARD_SEAL);
	struct table table;

	(void)state;
	assert_int_equal(table_wards_add(&bytes, &ward, 1, true), RF_E_LIMIT);
	assert_int_equal(table_empty("", &bytes), 0);
	assert_int_equal(table_wards_add(&bytes, NULL, GUARD_SLOTS + 1, true), RF_E_LIMIT);
	assert_int_equal(table_wards_add(&bytes, &ward, 1, false), 0);
	for (size_t len = 0; len < bytes.len; len += 97)
		assert_int_not_equal(table_read((struct rf_slice){bytes.data, len}, &table, NULL),
				     0);
	struct table_head head;

	memcpy(&head, bytes.data, sizeof(head));
	assert_false(head.wards_whole);
	head.wards_count = UINT32_MAX;
	memcpy(bytes.data, &head, sizeof(head));
	assert_int_equal(table_bytes(rf_buf_slice(&bytes)), RF_E_SYNTAX);
}

static void the_ward_of_a_port(void **state)
{
	static const struct {
		const char *kind;
		uint8_t mac[6];
		bool found;
	} CASES[] = {
		{"tun", {0xfe, 0x54, 0, 0, 0, 1}, true},
		{"veth", {0x52, 0x54, 0, 0, 0, 1}, true},
		{"tun", {0xfe, 0x54, 0, 0, 0, 2}, false},
		{"bridge", {0xfe, 0x54, 0, 0, 0, 1}, false},
		{"", {0xfe, 0x54, 0, 0, 0, 1}, false},
	};
	const struct table_ward ward = ward_make(GUARD_RESTRICT);
	struct table table;

	(void)state;
	assert_int_equal(reads(&ward, 1, &table), 0);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct guard_link link = {.ifindex = 7, .name = "vnet7"};

		rf_copy(link.kind, sizeof(link.kind), CASES[i].kind);
		memcpy(link.mac, CASES[i].mac, sizeof(link.mac));
		assert_int_equal(table_ward(&table, &link) != NULL, CASES[i].found);
	}
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_as_written),
		cmocka_unit_test(hostile_wards),
		cmocka_unit_test(too_many_or_cut_off),
		cmocka_unit_test(the_ward_of_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
