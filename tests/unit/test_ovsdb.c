/* SPDX-License-Identifier: Apache-2.0 */
/* Bridges and ports of Open vSwitch out of its database file, transaction by transaction, and as
 * facts. Managers: test_config.c. */
#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/ovsdb.h"
#include "facts_test.h"

#define SCHEMA "OVSDB JSON 39 0123456789abcdef\n{\"name\": \"Open_vSwitch\", \"tables\": {}}\n"
#define FIRST                                                                                      \
	"OVSDB JSON 455 0123456789abcdef\n{\"Bridge\": {\"b1\": {\"name\": \"br-lab\", \"ports\": [\"set\", [[\"uuid\", \"p1\"], [\"uuid\", \"p2\"]]]}, \"b2\": {\"name\": \"br-prod\", \"ports\": [\"uuid\", \"p3\"]}}, \"Port\": {\"p1\": {\"name\": \"vnet0\", \"interfaces\": [\"uuid\", \"i1\"]}, \"p2\": {\"name\": \"br-lab\", \"interfaces\": [\"uuid\", \"i2\"]}, \"p3\": {\"name\": \"vnet1\", \"interfaces\": [\"uuid\", \"i3\"]}}, \"Interface\": {\"i1\": {\"name\": \"vnet0\"}, \"i2\": {\"name\": \"br-lab\", \"type\": \"internal\"}, \"i3\": {\"name\": \"vnet1\"}}, \"_comment\": \"ovs-vsctl\"}\n"
#define DIFF                                                                                       \
	"OVSDB JSON 245 0123456789abcdef\n{\"_is_diff\": true, \"Bridge\": {\"b1\": {\"ports\": [\"set\", [[\"uuid\", \"p1\"], [\"uuid\", \"p4\"]]]}}, \"Port\": {\"p4\": {\"name\": \"pt\", \"interfaces\": [\"uuid\", \"i4\"]}}, \"Interface\": {\"i4\": {\"name\": \"pt\", \"type\": \"patch\", \"options\": [\"map\", [[\"peer\", \"pu\"]]]}}}\n"
#define LAST                                                                                       \
	"OVSDB JSON 104 0123456789abcdef\n{\"_is_diff\": true, \"Interface\": {\"i4\": {\"options\": [\"map\", [[\"peer\", \"pv\"], [\"x\", \"y\"]]]}, \"i3\": null}}\n"

static void take(void *ctx, const struct ovsdb_port *port)
{
	rf_buf_printf(ctx, "%s@%s%s%s%s%s ", port->name, port->bridge, port->type[0] ? " " : "",
		      port->type, port->peer[0] ? ":" : "", port->peer);
}

static void ports_are_read(void **state)
{
	static const struct {
		const char *name, *text;
		int rc;
		const char *want;
	} cases[] = {
		{"nothing", "", 0, ""},
		{"schema alone", SCHEMA, 0, ""},
		{"two bridges", SCHEMA FIRST, 0,
		 "br-lab@br-lab internal vnet0@br-lab vnet1@br-prod "},
		{"what came and what went", SCHEMA FIRST DIFF, 0,
		 "br-lab@br-lab internal pt@br-lab patch:pu vnet1@br-prod "},
		{"a map's value that changed, a row that went", SCHEMA FIRST DIFF LAST, 0,
		 "br-lab@br-lab internal pt@br-lab patch:pv "},
		{"cut in the middle", SCHEMA FIRST "OVSDB JSON 99 x\n{}", RF_E_SYNTAX, ""},
		{"clustered", "OVSDB CLUSTER 5 x\n12345", RF_E_UNSUPPORTED, ""},
		{"columns of other kinds",
		 "OVSDB JSON 45 x\n{\"Bridge\":{\"b\":{\"name\":1,\"ports\":[\"set\",7]}}}", 0, ""},
		{"a port that leads nowhere",
		 "OVSDB JSON 53 x\n{\"Bridge\":{\"b\":{\"name\":\"x\",\"ports\":[\"uuid\",\"none\"]}}}",
		 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf got = {0};
		int rc = ovsdb_ports(cases[i].text, take, &got);

		if (rc != cases[i].rc || strcmp(rf_buf_text(&got), cases[i].want) != 0)
			fail_msg("%s: %d %s", cases[i].name, rc, rf_buf_text(&got));
	}
}

static void each_allocation_fails(void **state)
{
	bool done = false;

	(void)state;
	for (size_t n = 1; !done && n < 100; n++) {
		struct rf_buf got = {0};
		int rc;

		rf_alloc_fail_after(n);
		rc = ovsdb_ports(SCHEMA FIRST, take, &got);
		rf_alloc_fail_after(0);
		done = rc == 0 && !got.failed;
		assert_true(rc == 0 || rc == -ENOMEM);
		rf_buf_done(&got);
	}
	assert_true(done);
}

static void ports_are_facts(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/openvswitch/conf.db", SCHEMA FIRST DIFF);
	host_collect(&h, collect_ovs);
	assert_fact(
		&h,
		"SELECT group_concat(name || '@' || bridge || ' ' || type || ':' || peer, ' ') FROM "
		"ovs_port",
		"br-lab@br-lab internal: pt@br-lab patch:pu vnet1@br-prod :");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
	host_make(&h);
	host_file(&h, "/etc/openvswitch/conf.db", "OVSDB CLUSTER 5 x\n12345");
	host_collect(&h, collect_ovs);
	assert_fact(&h, "SELECT count(*) FROM ovs_port", "0");
	assert_fact(&h, "SELECT tbl || col FROM fact_gap", "ovs_port");
	host_done(&h);
	/* No Open vSwitch is no gap. */
	host_make(&h);
	host_collect(&h, collect_ovs);
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(each_allocation_fails),
		cmocka_unit_test(ports_are_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
