/* SPDX-License-Identifier: Apache-2.0 */
/* The guard by nft: the policy it carries, what it refuses, what is made of it and how it is told
 * apart from what somebody altered. What the kernel does with the rules: tests/system. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"
#include "isolate/guard/guard.h"
#include "isolate/nft_promises.h"

static struct guard_port port_of(uint8_t last, uint16_t zone)
{
	const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, last};
	struct guard_port port;

	guard_port_init(&port, mac);
	port.zone = zone;
	return port;
}

static void test_ports_and_zones(void **state)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard_port port = port_of(1, 3);
	struct guard_zone row;

	(void)state;
	port.ifindex = 9;
	port.slot = 4;
	assert_int_equal(fallback_port_set(&f, "vnet0", NULL), 0);
	assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
	assert_int_equal(fallback_port_set(&f, "vnet1", &port), 0);
	assert_int_equal(f.ports_count, 2);
	assert_int_equal(fallback_find(&f, "vnet0")->port.ifindex, 0);
	assert_int_equal(fallback_find(&f, "vnet0")->port.slot, 0);
	f.ports[0].stale = true;
	port.zone = 5;
	assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
	assert_int_equal(f.ports_count, 2);
	assert_int_equal(fallback_find(&f, "vnet0")->port.zone, 5);
	assert_false(fallback_find(&f, "vnet0")->stale);
	assert_int_equal(fallback_port_set(&f, "vnet0", NULL), 0);
	assert_null(fallback_find(&f, "vnet0"));
	assert_int_equal(fallback_find(&f, "vnet1")->port.zone, 3);
	assert_int_equal(fallback_port_set(&f, "a-name-that-no-link-has", &port), RF_E_LIMIT);
	assert_int_equal(f.ports_count, 1);
	/* What a new guard has; what was set; what is no zone. */
	fallback_zone_get(&f, 0, &row);
	assert_int_equal(row.to[0], 1);
	fallback_zone_get(&f, 7, &row);
	assert_int_equal(row.to[0], 0);
	assert_int_equal(row.restricted, 1);
	row.to[0] = 0x81;
	assert_int_equal(fallback_zone_set(&f, 7, &row), 0);
	row.to[0] = 0x80;
	assert_int_equal(fallback_zone_set(&f, 7, &row), 0);
	assert_int_equal(f.zones_count, 1);
	fallback_zone_get(&f, 7, &row);
	assert_int_equal(row.to[0], 0x80);
	assert_int_equal(fallback_zone_set(&f, GUARD_ZONES, &row), RF_E_LIMIT);
}

static void test_too_many_ports(void **state)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	const struct guard_port port = port_of(1, 1);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < FALLBACK_PORTS; i++) {
		rf_format(name, sizeof(name), "vnet%u", i);
		assert_int_equal(fallback_port_set(&f, name, &port), 0);
	}
	assert_int_equal(fallback_port_set(&f, "more", &port), RF_E_LIMIT);
	assert_int_equal(fallback_port_set(&f, "vnet7", &port), 0);
}

static void role(struct guard_port *p)
{
	p->role = GUARD_ROLE_UPLINK;
}
static void vst(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VST;
}
static void vgt(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VGT;
}
static void redirect(struct guard_port *p)
{
	p->redirect_ifindex = 2;
}
static void honeywall(struct guard_port *p)
{
	p->quarantine = GUARD_HONEYWALL;
}
static void seal(struct guard_port *p)
{
	p->quarantine = GUARD_SEAL;
}
static void plain(struct guard_port *p)
{
	(void)p;
}
static void rate(struct guard_port *p)
{
	p->pps = 1;
}
static void flood(struct guard_port *p)
{
	p->flood_pps = 1;
}
static void block(struct guard_port *p)
{
	p->flags = GUARD_BLOCK_ON_CHANGE;
}
static void change(struct guard_port *p)
{
	p->flags = GUARD_MAC_CHANGE;
}
static void observe(struct guard_port *p)
{
	p->mode = GUARD_MODE_OBSERVE;
}
static void much(struct guard_port *p)
{
	rate(p);
	block(p);
	observe(p);
}

static void test_what_nft_cannot(void **state)
{
	static const struct {
		void (*make)(struct guard_port *p);
		const char *refuses; /* part of it */
		size_t lacks;
	} rows[] = {
		{plain, NULL, 0},
		{role, "uplink", 0},
		{vst, "VLAN", 0},
		{vgt, "VLAN", 0},
		{redirect, "quarantine", 0},
		{honeywall, "quarantine", 0},
		{seal, NULL, 0},
		{rate, NULL, 1},
		{flood, NULL, 1},
		{block, NULL, 1},
		{change, NULL, 1},
		{observe, NULL, 1},
		{much, NULL, 3},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		FALLBACK_AUTO struct fallback f = {.ports = NULL};
		struct guard_port port = port_of(1, 1);
		struct rf_err err = {0};
		size_t n = 0;

		rows[i].make(&port);
		const char *why = fallback_refuses(&port);

		assert_int_equal(why != NULL, rows[i].refuses != NULL);
		while (fallback_lacks(&port, n))
			n++;
		assert_int_equal(n, rows[i].lacks);
		if (!why)
			continue;
		/* Nothing is sent to the kernel then. */
		assert_non_null(strstr(why, rows[i].refuses));
		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		assert_int_equal(fallback_write(&f, &err), RF_E_UNSUPPORTED);
		assert_non_null(strstr(rf_err_text(&err), "vnet0: BPF is forbidden here"));
	}
}

static void made(const struct fallback *f, struct folds *out)
{
	struct nft_batch batch;

	assert_int_equal(nft_batch_begin(&batch, FALLBACK_TABLE), 0);
	fallback_make(f, &batch, out);
	assert_false(out->failed);
	assert_true(batch.len > 1000);
	nft_batch_done(&batch);
}

/* Another policy is another table: each field that nft enforces changes what is made. */
static void test_each_field_counts(void **state)
{
	static const struct {
		const char *field;
		size_t offset, size;
		uint8_t value;
	} rows[] = {
		{"mode", offsetof(struct guard_port, mode), 1, GUARD_MODE_DENY},
		{"flags: any v4", offsetof(struct guard_port, flags), 1, GUARD_ANY_V4},
		{"flags: any v6", offsetof(struct guard_port, flags), 1, GUARD_ANY_V6},
		{"flags: link-local", offsetof(struct guard_port, flags), 1, GUARD_LINK_LOCAL},
		{"flags: DHCP", offsetof(struct guard_port, flags), 1, GUARD_DHCP_SERVER},
		{"flags: router", offsetof(struct guard_port, flags), 1, GUARD_ROUTER},
		{"flags: promiscuous", offsetof(struct guard_port, flags), 1, GUARD_PROMISCUOUS},
		{"flags: groups", offsetof(struct guard_port, flags), 1, GUARD_GROUPS_ONLY},
		{"mac", offsetof(struct guard_port, mac), 1, 0x02},
		{"zone", offsetof(struct guard_port, zone), 1, 9},
		{"n_macs", offsetof(struct guard_port, n_macs), 1, 1},
		{"n_v4", offsetof(struct guard_port, n_v4), 1, 1},
		{"n_v6", offsetof(struct guard_port, n_v6), 1, 1},
		{"n_types", offsetof(struct guard_port, n_types), 1, 1},
		{"quarantine", offsetof(struct guard_port, quarantine), 1, GUARD_SEAL},
	};
	struct folds before = {.items = NULL}, again = {.items = NULL};
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	const struct guard_port port = port_of(1, 1);

	(void)state;
	assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
	made(&f, &before);
	made(&f, &again);
	assert_true(folds_equal(&before, &again));
	folds_done(&again);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct guard_port other = port;
		struct folds after = {.items = NULL};

		memcpy((uint8_t *)&other + rows[i].offset, &rows[i].value, rows[i].size);
		assert_int_equal(fallback_port_set(&f, "vnet0", &other), 0);
		made(&f, &after);
		if (folds_equal(&before, &after))
			fail_msg("%s: nothing follows from it", rows[i].field);
		folds_done(&after);
	}
	folds_done(&before);
}

static void test_zones_count(void **state)
{
	struct folds before = {.items = NULL}, after = {.items = NULL};
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard_port a = port_of(1, 1), b = port_of(2, 2);
	struct guard_zone row = {.restricted = 1, .to = {0x6}};

	(void)state;
	assert_int_equal(fallback_port_set(&f, "vnet0", &a), 0);
	assert_int_equal(fallback_port_set(&f, "vnet1", &b), 0);
	made(&f, &before);
	assert_int_equal(fallback_zone_set(&f, 1, &row), 0);
	made(&f, &after);
	assert_false(folds_equal(&before, &after));
	/* The receiver's chain lets the sender's zone in: one rule more. */
	assert_int_equal(folds_at(&after, "to_zone2")->count,
			 folds_at(&before, "to_zone2")->count + 1);
	folds_done(&before);
	folds_done(&after);
}

static void test_folds(void **state)
{
	struct folds a = {.items = NULL}, b = {.items = NULL};

	(void)state;
	/* Elements in any order; rules in theirs. */
	fold_element(&a, "s", "vnet0", "c");
	fold_element(&a, "s", "vnet1", "c");
	fold_element(&b, "s", "vnet1", "c");
	fold_element(&b, "s", "vnet0", "c");
	assert_true(folds_equal(&a, &b));
	fold_element(&b, "s", "vnet2", "c");
	assert_false(folds_equal(&a, &b));
	fold_element(&a, "s", "vnet2", "d");
	assert_false(folds_equal(&a, &b));
	folds_done(&a);
	folds_done(&b);
	folds_at(&a, "chain")->hook = 1;
	folds_at(&b, "chain")->hook = 2;
	assert_false(folds_equal(&a, &b));
	b.items[0].hook = 1;
	assert_true(folds_equal(&a, &b));
	assert_int_not_equal(fold_bytes(fold_bytes(0, "a", 1), "b", 1),
			     fold_bytes(fold_bytes(0, "b", 1), "a", 1));
	folds_done(&a);
	folds_done(&b);
}

static void test_promises(void **state)
{
	struct guard_port port = port_of(1, 1);
	struct isolate_promises promises = {0};
	struct nft_seen seen = {.subject = "web-1 net0 on vnet0",
				.port = &port,
				.as_wanted = true,
				.whole = true,
				.rules = 99};
	char note[NFT_NOTE_BYTES];

	(void)state;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 9);
	assert_int_equal(isolate_promises_failed(&promises), 0);
	for (size_t i = 0; i < promises.count; i++)
		assert_int_equal(promises.items[i].proven, PROMISE_NOT_ASKED);
	assert_non_null(strstr(promises.items[0].evidence, "99 rules read back, as made"));
	isolate_promises_done(&promises);
	/* What the policy does not promise is no promise; what nft does not do is a broken one. */
	port.flags = GUARD_ANY_V4 | GUARD_ROUTER;
	port.pps = 5;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 9 - 3 + 1);
	assert_int_equal(isolate_promises_failed(&promises), 1);
	isolate_promises_done(&promises);
	seen.whole = false;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(isolate_promises_failed(&promises), promises.count);
	assert_non_null(strstr(promises.items[0].evidence, "altered"));
	isolate_promises_done(&promises);
	port.mode = GUARD_MODE_DENY;
	seen.whole = true;
	port.pps = 0;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 1);
	assert_string_equal(promises.items[0].what, "nothing passes");
	isolate_promises_done(&promises);
	nft_note("BPF is forbidden here: the kernel loads no program: Operation not permitted",
		 note);
	assert_non_null(strstr(note, "proof by frames"));
}

/* Each allocation fails once: an error, never half a table. */
static void test_no_memory(void **state)
{
	const struct guard_port port = port_of(1, 1);
	size_t failed = 0;
	bool done = false;

	(void)state;
	for (size_t n = 1; !done && n < 200; n++) {
		FALLBACK_AUTO struct fallback f = {.ports = NULL};
		struct nft_batch batch = {.sequence = 0};
		struct folds folds = {.items = NULL};

		rf_alloc_fail_after(n);
		int rc = fallback_port_set(&f, "vnet0", &port);

		if (!rc)
			rc = nft_batch_begin(&batch, FALLBACK_TABLE);
		if (!rc)
			fallback_make(&f, &batch, &folds);
		rf_alloc_fail_after(0);
		done = rc == 0 && !folds.failed && batch.len < (64u << 20);
		/* A batch that lacks a message is not sent. */
		if (rc == 0 && batch.len >= (64u << 20))
			assert_int_equal(nft_batch_run(&batch), -ENOMEM);
		failed += !done;
		folds_done(&folds);
		nft_batch_done(&batch);
	}
	assert_true(done);
	assert_true(failed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_and_zones), cmocka_unit_test(test_too_many_ports),
		cmocka_unit_test(test_what_nft_cannot), cmocka_unit_test(test_each_field_counts),
		cmocka_unit_test(test_zones_count),	cmocka_unit_test(test_folds),
		cmocka_unit_test(test_promises),	cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
