/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that the guard's service gets of a policy: what is made is read back, and whatever a
 * reader process that was taken over may send is refused, or gives ports that the guard takes.
 */
#include "isolate/table.h"
#include "test_base.h"

#define YAML                                                                                       \
	"isolate: 1\n"                                                                             \
	"zones: {web: {exchanges-with: [web, outside]}, db: {exchanges-with: web}}\n"              \
	"assignments:\n"                                                                           \
	"  - {vm: 'web-*', profile: standard, zone: web}\n"                                        \
	"  - {vm: 'db-*', profile: standard, zone: db}\n"                                          \
	"network: {second-layer: [bridge, nft], bridges: [br0], ports: ['vnet*', tap0],"           \
	" uplinks: 'eth*', strict: yes}\n"

static struct policy_nic nics_items[] = {
	{"web-1", "", "", "net0", "52:54:00:00:00:01", "vnet0", "bridge", false},
	{"web-2", "", "", "net0", "52:54:00:00:00:02", "", "bridge", false},
	{"db-1", "", "", "net0", "52:54:00:00:00:03", "vnet2", "bridge", false},
	{"other", "", "", "net0", "52:54:00:00:00:04", "vnet3", "bridge", false},
	{"db-2", "", "", "net0", "not an address", "vnet4", "bridge", false},
};
static const struct policy_nics nics = {.items = nics_items, .count = RF_COUNT(nics_items)};

static void make(const char *yaml, struct rf_buf *out)
{
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	RF_AUTOBUF struct rf_buf kept = {0};
	struct rf_err err = {0};

	assert_non_null(numbers);
	assert_int_equal(applied_encode(numbers, rf_slice_text(yaml), &kept), 0);
	if (table_make(rf_buf_slice(&kept), &nics, out, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
}

static void what_is_made_is_read(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct table table;

	(void)state;
	make(YAML, &bytes);
	assert_int_equal(table_bytes(rf_buf_slice(&bytes)), (int64_t)bytes.len);
	assert_int_equal(table_read(rf_buf_slice(&bytes), &table, NULL), 0);
	/* A VM that is off may start; one without an assignment or an address gets no port. */
	assert_int_equal(table.head.ports_count, 3);
	assert_int_equal(table.head.zones_count, 3);
	assert_int_equal(table.head.second, 1u << POLICY_SECOND_BRIDGE | 1u << POLICY_SECOND_NFT);
	assert_int_equal(table.head.strict, 1);
	assert_int_equal(table.head.has_policy, 1);
	assert_string_equal(table.head.problem, "");
	assert_int_equal(table.head.rules.count, 2);
	assert_string_equal(table.head.rules.items[0].name, "vnet*");
	assert_true(table_names_match(&table.head.bridges, "br0"));
	assert_false(table_names_match(&table.head.bridges, "br01"));
	assert_true(table_names_match(&table.head.ports, "vnet17"));
	assert_true(table_names_match(&table.head.uplinks, "eth3"));
	assert_string_equal(table.ports[0].vm, "web-1");
	assert_string_equal(table.ports[0].tap, "vnet0");
	assert_string_equal(table.ports[1].vm, "web-2");
	assert_string_equal(table.ports[1].tap, "");
	assert_int_equal(table.ports[2].port.zone, 2);
	assert_int_equal(table.zones[1].number, 1);
	assert_int_equal(table.zones[1].row.to[0], 1 | 2 | 4);
	table_done(&table);
	table_done(&table);
}

/* As many ports as a host may have, and one more. */
static void limits(void **state)
{
	RF_AUTOFREE struct policy_nic *items = rf_alloc(GUARD_SLOTS, sizeof(*items));
	RF_AUTOFREE char(*macs)[18] = rf_alloc(GUARD_SLOTS, sizeof(*macs));
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	RF_AUTOBUF struct rf_buf kept = {0};

	(void)state;
	assert_true(items && macs && numbers);
	assert_int_equal(applied_encode(numbers, rf_slice_text(YAML), &kept), 0);
	for (size_t i = 0; i < GUARD_SLOTS; i++) {
		rf_format(macs[i], sizeof(macs[i]), "52:54:00:00:%02x:%02x", (unsigned)(i >> 8),
			  (unsigned)(i & 255));
		items[i] =
			(struct policy_nic){"web-1", "", "", "net0", macs[i], "", "bridge", false};
	}
	for (size_t count = POLICY_MAX_PORTS; count <= POLICY_MAX_PORTS + 1u; count++) {
		const struct policy_nics many = {.items = items, .count = count};
		RF_AUTOBUF struct rf_buf bytes = {0};
		struct table table;
		int rc = table_make(rf_buf_slice(&kept), &many, &bytes, NULL);

		assert_int_equal(rc, count == POLICY_MAX_PORTS ? 0 : RF_E_LIMIT);
		if (rc)
			continue;
		assert_true(bytes.len <= TABLE_MAX_BYTES);
		assert_int_equal(table_read(rf_buf_slice(&bytes), &table, NULL), 0);
		assert_int_equal(table.head.ports_count, count);
		table_done(&table);
	}
}

static void nothing_was_applied(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0}, long_one = {0};
	char reason[400];
	struct table table;

	(void)state;
	assert_int_equal(table_make((struct rf_slice){0}, &nics, &bytes, NULL), 0);
	assert_int_equal(table_read(rf_buf_slice(&bytes), &table, NULL), 0);
	assert_int_equal(table.head.has_policy, 0);
	assert_int_equal(table.head.ports_count + table.head.zones_count, 0);
	assert_string_equal(table.head.problem, "no policy was applied yet");
	table_done(&table);

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	assert_int_equal(table_empty(reason, &long_one), 0);
	assert_int_equal(table_read(rf_buf_slice(&long_one), &table, NULL), 0);
	assert_int_equal(strlen(table.head.problem), sizeof(table.head.problem) - 1);
	table_done(&table);
}

/* Kept bytes and policies that are none give no records. */
static void no_records_of_a_broken_policy(void **state)
{
	static const char *const texts[] = {
		"isolate: 2\nassignments: []\n",
		"isolate: 1\nassignments: [{vm: a, profile: nope, zone: web}]\n",
		"\t: [",
	};
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	assert_non_null(numbers);
	assert_true(table_make(rf_slice_text("isolate: 1\n"), &nics, &out, NULL) < 0);
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		RF_AUTOBUF struct rf_buf kept = {0};

		assert_int_equal(applied_encode(numbers, rf_slice_text(texts[i]), &kept), 0);
		assert_true(table_make(rf_buf_slice(&kept), &nics, &out, NULL) < 0);
	}
	assert_int_equal(out.len, 0);
}

static void every_cut_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct table table = {.head = {.magic = 4711}};

	(void)state;
	make(YAML, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		struct rf_slice cut = {bytes.data, len};

		if (len < sizeof(table.head))
			assert_int_equal(table_bytes(cut), 0);
		assert_int_equal(table_read(cut, &table, NULL), RF_E_SYNTAX);
	}
	rf_buf_add_byte(&bytes, 0);
	assert_int_equal(table_read(rf_buf_slice(&bytes), &table, NULL), RF_E_SYNTAX);
	/* Untouched by all of that. */
	assert_int_equal(table.head.magic, 4711);
	assert_null(table.ports);
}

/* One thing is wrong in records that are good else. */
struct records {
	struct table_head head;
	struct table_port ports[3];
	struct table_zone zones[3];
} __attribute__((packed)); /* as they come: one behind the other */
static struct records good;

static const struct fault {
	const char *name;
	size_t at, len;
	uint8_t byte;
} faults[] = {
#define HEAD(field, byte)                                                                          \
	{                                                                                          \
		"head." #field, offsetof(struct records, head.field), 1, byte                      \
	}
#define HEAD_FULL(field)                                                                           \
	{                                                                                          \
		"head." #field " has no end", offsetof(struct records, head.field),                \
			sizeof(good.head.field), 'x'                                               \
	}
#define PORT(field, byte)                                                                          \
	{                                                                                          \
		"port." #field, offsetof(struct records, ports[2].field), 1, byte                  \
	}
#define PORT_FULL(field)                                                                           \
	{                                                                                          \
		"port." #field " has no end", offsetof(struct records, ports[2].field),            \
			sizeof(good.ports[2].field), 'x'                                           \
	}
#define ZONE(field, byte)                                                                          \
	{                                                                                          \
		"zone." #field, offsetof(struct records, zones[2].field), 1, byte                  \
	}
	HEAD(magic, 0),
	HEAD(ports_count, 4),
	HEAD(ports_count, 2),
	HEAD(zones_count, 4),
	{"more ports than a host has", offsetof(struct records, head.ports_count) + 2, 1, 1},
	{"more zones than a guard has", offsetof(struct records, head.zones_count) + 3, 1, 0xff},
	HEAD(second, 1),
	HEAD(second, 8),
	HEAD(strict, 2),
	HEAD(has_policy, 0xff),
	HEAD(reserved, 1),
	HEAD(wards_whole, 2),
	HEAD(wards_count, 1),
	HEAD_FULL(problem),
	HEAD(bridges.count, TABLE_NAMES + 1),
	{"names without number", offsetof(struct records, head.ports.count), 4, 0xff},
	HEAD_FULL(bridges.items[0]),
	HEAD_FULL(ports.items[1]),
	HEAD_FULL(uplinks.items[0]),
	HEAD(rules.count, GUARD_RULES + 1),
	HEAD(rules.items[0].kind, 9),
	HEAD(rules.items[1].reserved, 1),
	HEAD(rules.items[0].name, '"'),
	HEAD_FULL(rules.items[0].name),
	PORT_FULL(tap),
	PORT_FULL(vm),
	PORT(port.ifindex, 1),
	PORT(port.slot, 1),
	PORT(port.role, GUARD_ROLE_HOST),
	PORT(port.mode, 3),
	PORT(port.redirect_ifindex, 1),
	PORT(port.mirror_ifindex, 1),
	PORT(port.quarantine, GUARD_SEAL),
	PORT(port.n_v4, GUARD_V4 + 1),
	PORT(port.n_v6, 0xff),
	PORT(port.n_macs, GUARD_MACS + 1),
	PORT(port.n_groups, 0xff),
	PORT(port.n_types, 0xff),
	PORT(port.n_services, 1),
	PORT(port.mac[0], 1),
	PORT(port.reserved, 1),
	PORT(port.vlan_mode, 9),
	{"a port's zone", offsetof(struct records, ports[2].port.zone) + 1, 1, 0x80},
	{"flags that mean nothing", offsetof(struct records, ports[2].port.flags) + 3, 1, 0x80},
	ZONE(row.restricted, 2),
	ZONE(row.reserved, 1),
	{"a zone's number", offsetof(struct records, zones[2].number) + 1, 1, 0xff},
	{"the host is cut off from its uplink", offsetof(struct records, zones[0].row.to), 1, 0},
};

static void hostile_records(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct records bad;
	struct table table;

	(void)state;
	make(YAML, &bytes);
	assert_int_equal(bytes.len, sizeof(good));
	memcpy(&good, bytes.data, sizeof(good));
	for (size_t i = 0; i < RF_COUNT(faults); i++) {
		bad = good;
		memset((uint8_t *)&bad + faults[i].at, faults[i].byte, faults[i].len);
		if (memcmp(&bad, &good, sizeof(bad)) == 0)
			fail_msg("%s: nothing was changed", faults[i].name);
		if (table_read((struct rf_slice){(uint8_t *)&bad, sizeof(bad)}, &table, NULL) >= 0)
			fail_msg("%s is taken", faults[i].name);
	}
	assert_int_equal(
		table_read((struct rf_slice){(uint8_t *)&good, sizeof(good)}, &table, NULL), 0);
	table_done(&table);
}

static void the_record_of_a_link(void **state)
{
	static const struct {
		const char *name;
		uint8_t mac[6];
		bool by_name;
		const char *vm; /* NULL: none */
	} CASES[] = {
		/* A tap has its VM's address with another first byte. */
		{"tap9", {0xfe, 0x54, 0, 0, 0, 1}, false, "web-1"},
		{"tap9", {0x52, 0x54, 0, 0, 0, 2}, false, "web-2"},
		{"tap9", {0xfe, 0x54, 0, 0, 0, 9}, false, NULL},
		/* A name counts only where it is fresh, and then before the address. */
		{"vnet0", {0xfe, 0x54, 0, 0, 0, 3}, false, "db-1"},
		{"vnet0", {0xfe, 0x54, 0, 0, 0, 3}, true, "web-1"},
		{"tap9", {0xfe, 0x54, 0, 0, 0, 3}, true, "db-1"},
		/* A record without a name is not found by one. */
		{"", {0xfe, 0x54, 0, 0, 0, 9}, true, NULL},
	};
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct guard_link link = {.ifindex = 7};
	struct table table;

	(void)state;
	make(YAML, &bytes);
	assert_int_equal(table_read(rf_buf_slice(&bytes), &table, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		rf_copy(link.name, sizeof(link.name), CASES[i].name);
		memcpy(link.mac, CASES[i].mac, 6);
		const struct table_port *found = table_find(&table, &link, CASES[i].by_name);

		if (!found != !CASES[i].vm || (found && strcmp(found->vm, CASES[i].vm) != 0))
			fail_msg("case %zu: %s", i, found ? found->vm : "none");
	}
	/* Two cards of one address are nobody's. */
	memcpy(table.ports[1].port.mac, table.ports[0].port.mac, 6);
	memcpy(link.mac, (uint8_t[]){0xfe, 0x54, 0, 0, 0, 1}, 6);
	assert_null(table_find(&table, &link, false));
	table_done(&table);
}

/* Making and reading survive each allocation that fails, and say so. */
static void without_memory(void **state)
{
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	RF_AUTOBUF struct rf_buf kept = {0}, bytes = {0};
	struct table table;
	int rc = -ENOMEM;

	(void)state;
	assert_int_equal(applied_encode(numbers, rf_slice_text(YAML), &kept), 0);
	for (size_t n = 1; rc != 0 && n < 10000; n++) {
		RF_AUTOBUF struct rf_buf out = {0};

		rf_alloc_fail_after(n);
		rc = table_make(rf_buf_slice(&kept), &nics, &out, NULL);
		rf_alloc_fail_after(0);
		if (rc != 0)
			assert_true(rc < 0);
	}
	assert_int_equal(rc, 0);
	make(YAML, &bytes);
	for (size_t n = 1; n <= 2; n++) {
		rf_alloc_fail_after(n);
		rc = table_read(rf_buf_slice(&bytes), &table, NULL);
		rf_alloc_fail_after(0);
		assert_int_equal(rc, -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_read),
		cmocka_unit_test(limits),
		cmocka_unit_test(nothing_was_applied),
		cmocka_unit_test(no_records_of_a_broken_policy),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(hostile_records),
		cmocka_unit_test(the_record_of_a_link),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
