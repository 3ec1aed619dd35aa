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
static void mirror(struct guard_port *p)
{
	p->mirror_ifindex = 2;
}
static void watched(struct guard_port *p)
{
	p->quarantine = GUARD_WATCHED;
}
static void restricted(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
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
		{plain, NULL, 0},      {role, NULL, 0},	  {vst, "VLAN", 0},   {vgt, NULL, 0},
		{redirect, NULL, 0},   {mirror, NULL, 0}, {watched, NULL, 0}, {honeywall, NULL, 0},
		{restricted, NULL, 0}, {seal, NULL, 0},	  {rate, NULL, 0},    {flood, NULL, 0},
		{block, NULL, 0},      {change, NULL, 1}, {observe, NULL, 1}, {much, NULL, 1},
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

static void made(struct fallback *f, struct folds *out)
{
	struct nft_batch batch;
	struct making m = {.state = f, .batch = &batch, .folds = out};

	f->secret = 0x12340000;
	assert_int_equal(nft_batch_begin(&batch, FALLBACK_TABLE), 0);
	fallback_make(&m);
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
		{"role: uplink", offsetof(struct guard_port, role), 1, GUARD_ROLE_UPLINK},
		{"role: host", offsetof(struct guard_port, role), 1, GUARD_ROLE_HOST},
		{"mode: observe", offsetof(struct guard_port, mode), 1, GUARD_MODE_OBSERVE},
		{"vlan mode", offsetof(struct guard_port, vlan_mode), 1, GUARD_VLAN_VGT},
		{"pps", offsetof(struct guard_port, pps), 1, 5},
		{"flood", offsetof(struct guard_port, flood_pps), 1, 5},
		{"quarantine: seal", offsetof(struct guard_port, quarantine), 1, GUARD_SEAL},
		{"quarantine: restrict", offsetof(struct guard_port, quarantine), 1,
		 GUARD_RESTRICT},
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

static void folds_differ(struct fallback *f, const char *what, struct folds *before)
{
	struct folds after = {.items = NULL};

	made(f, &after);
	if (folds_equal(before, &after))
		fail_msg("%s: nothing follows from it", what);
	folds_done(before);
	*before = after;
}

static void test_settings_count(void **state)
{
	struct folds before = {.items = NULL};
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard_port a = port_of(1, 1), b = port_of(2, 2);
	struct guard_zone row = {.restricted = 1, .to = {0x6}};

	(void)state;
	assert_int_equal(fallback_port_set(&f, "vnet0", &a), 0);
	assert_int_equal(fallback_port_set(&f, "vnet1", &b), 0);
	made(&f, &before);
	/* A new guard lets zone 0 talk to itself; one row with two zones in it is two pairs more.
	 */
	assert_int_equal(folds_at(&before, "@pairs")->count, 1);
	assert_int_equal(fallback_zone_set(&f, 1, &row), 0);
	folds_differ(&f, "a zone's row", &before);
	assert_int_equal(folds_at(&before, "@pairs")->count, 3);
	f.strict = true;
	folds_differ(&f, "strict", &before);
	assert_int_equal(guard_rules_add(&f.births, GUARD_RULE_LINK, "vnet*", NULL), 0);
	folds_differ(&f, "births", &before);
	assert_int_equal(folds_at(&before, "births")->count, 2);
	assert_int_equal(folds_at(&before, "births_to")->count, 2);
	f.births.items[0].kind = GUARD_RULE_BRIDGE;
	folds_differ(&f, "births by bridge", &before);
	f.births.items[0].kind = GUARD_RULE_EXCEPT;
	folds_differ(&f, "births but", &before);
	f.secret = 0;
	folds_done(&before);
}

/* The numbers of tags that follow each other are one rule; none is for a tag without a number. */
static void test_vlans(void **state)
{
	static const struct {
		const char *name;
		uint16_t vids[6];
		uint32_t tagged,
			sent; /* rules in the chain "tagged"; in "sent", beside the plain */
	} rows[] = {
		{"untagged alone", {0}, 3, 0},
		{"one", {5}, 4, 1},
		{"a run", {5, 6, 7, 8}, 4, 1},
		{"two runs and untagged", {0, 5, 6, 4093, 4094}, 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct folds folds = {.items = NULL}, plain = {.items = NULL};
		FALLBACK_AUTO struct fallback f = {.ports = NULL};
		struct guard_port port = port_of(1, 1);

		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		made(&f, &plain);
		port.vlan_mode = GUARD_VLAN_VGT;
		for (size_t k = 0; k < RF_COUNT(rows[i].vids) && (k == 0 || rows[i].vids[k]); k++)
			port.vlans[rows[i].vids[k] / 64] |= 1ull << (rows[i].vids[k] % 64);
		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		made(&f, &folds);
		if (folds_at(&folds, "p_vnet0_tagged")->count != rows[i].tagged ||
		    folds_at(&folds, "p_vnet0_arrives")->count != rows[i].tagged ||
		    folds_at(&folds, "p_vnet0_sent")->count !=
			    folds_at(&plain, "p_vnet0_sent")->count + 1 + rows[i].sent)
			fail_msg("%s", rows[i].name);
		folds_done(&folds);
		folds_done(&plain);
	}
}

/* Rules of a service: by protocol where the port counts, in both chains. */
static void test_services(void **state)
{
	static const struct {
		const char *service;
		uint32_t rules;
	} rows[] = {{"10.0.0.53:udp/53", 1}, {"[2001:db8::1]:tcp/22", 1}, {"10.0.0.5", 1}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct folds folds = {.items = NULL};
		FALLBACK_AUTO struct fallback f = {.ports = NULL};
		struct guard_port port = port_of(1, 1);

		port.quarantine = GUARD_RESTRICT;
		assert_int_equal(guard_service_add(&port, rows[i].service, NULL), 0);
		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		made(&f, &folds);
		/* ARP, RARP, neighbour discovery; and the rest is refused. */
		assert_int_equal(folds_at(&folds, "p_vnet0_services")->count, 4 + rows[i].rules);
		assert_int_equal(folds_at(&folds, "p_vnet0_answers")->count, 4 + rows[i].rules);
		folds_done(&folds);
		port.services[0].protocol = 0;
		if (!port.services[0].port)
			continue;
		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		made(&f, &folds);
		assert_int_equal(folds_at(&folds, "p_vnet0_services")->count, 6);
		folds_done(&folds);
	}
}

/* ---- changes ---- */

static void many(struct fallback *f, unsigned count)
{
	char name[16];

	for (unsigned i = 0; i < count; i++) {
		struct guard_port port = port_of((uint8_t)i, (uint16_t)(1 + i % 5));

		port.mac[4] = (uint8_t)(i >> 8);
		rf_format(name, sizeof(name), "vnet%u", i);
		assert_int_equal(fallback_port_set(f, name, &port), 0);
	}
	f->secret = 0x12340000;
	f->there = f->whole = true;
}

/* Bytes of the transaction that a change is. */
static size_t change_bytes(struct fallback *f, const struct fallback_change *change)
{
	struct nft_batch batch;
	struct folds folds = {.items = NULL};
	struct making m = {.state = f, .batch = &batch, .folds = &folds};

	assert_int_equal(nft_batch_begin_at(&batch, FALLBACK_TABLE, 7), 0);
	assert_int_equal(fallback_change_make(f, change, &m), 0);
	assert_false(folds.failed);
	size_t len = batch.len;

	folds_done(&folds);
	nft_batch_done(&batch);
	return len;
}

static void test_a_change_does_not_grow_with_ports(void **state)
{
	static const struct guard_zone row = {.restricted = 1, .to = {0x3e}};
	struct guard_port fresh = port_of(0xfe, 2), other = port_of(3, 4), strange = port_of(4, 0);
	struct guard_rules births = {.count = 1, .items = {{GUARD_RULE_LINK, 0, "vnet*"}}};
	FALLBACK_AUTO struct fallback few = {.ports = NULL}, lots = {.ports = NULL};

	fresh.mac[0] = 0x06;
	fresh.pps = 7;
	strange.role = GUARD_ROLE_HOST;
	const struct fallback_change changes[] = {
		{.what = FALLBACK_PORT, .link = "tap9", .port = &fresh},
		{.what = FALLBACK_PORT, .link = "vnet3", .port = &other},
		{.what = FALLBACK_PORT, .link = "vnet4", .port = &strange},
		{.what = FALLBACK_PORT, .link = "vnet4"},
		{.what = FALLBACK_ZONE, .zone = 3, .row = &row},
		{.what = FALLBACK_ZONE, .zone = 3, .row = &row},
		{.what = FALLBACK_STRICT, .strict = true},
		{.what = FALLBACK_BIRTHS, .births = &births},
		{.what = FALLBACK_PORT, .link = "tap9"},
	};

	(void)state;
	many(&few, 8);
	many(&lots, 900);
	for (size_t i = 0; i < RF_COUNT(changes); i++) {
		size_t small = change_bytes(&few, &changes[i]);
		size_t large = change_bytes(&lots, &changes[i]);

		if (small != large || large > 64 << 10)
			fail_msg("change %zu: %zu bytes of 8 ports, %zu of 900", i, small, large);
	}
	assert_true(few.strict);
	assert_int_equal(few.births.count, 1);
	assert_null(fallback_find(&few, "tap9"));
	assert_int_equal(few.ports_count, 7);
}

/* An address that two ports have leaves the set with the last of them. */
static void test_shared_addresses(void **state)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard_port port = port_of(1, 1), none = {.mode = GUARD_MODE_DENY};
	const struct fallback_change off = {.what = FALLBACK_PORT, .link = "vnet0"};
	struct folds folds = {.items = NULL};

	(void)state;
	port.n_macs = 2;
	memcpy(port.macs[0], port.mac, 6);
	memcpy(port.macs[1], "\x52\x54\0\0\0\x09", 6);
	assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
	assert_int_equal(fallback_port_set(&f, "none", &none), 0);
	made(&f, &folds);
	/* Its own address is named twice, and an empty one is nobody's. */
	assert_int_equal(folds_at(&folds, "@owners")->count, 2);
	folds_done(&folds);
	port.n_macs = 0;
	assert_int_equal(fallback_port_set(&f, "vnet1", &port), 0);
	made(&f, &folds);
	assert_int_equal(folds_at(&folds, "@owners")->count, 2);
	folds_done(&folds);
	size_t shared = change_bytes(&f, &off);

	made(&f, &folds);
	assert_int_equal(folds_at(&folds, "@owners")->count, 1);
	folds_done(&folds);
	/* Alone it takes both of its addresses along: one message more. */
	port.n_macs = 2;
	assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
	assert_int_equal(fallback_port_set(&f, "vnet1", NULL), 0);
	assert_true(change_bytes(&f, &off) > shared);
}

static void test_changes_that_cannot_be(void **state)
{
	const struct guard_port port = port_of(1, 1);
	const struct guard_zone row = {.restricted = 1};
	struct guard_port tagged = port;
	const struct fallback_change changes[] = {
		{.what = FALLBACK_PORT, .link = "a-name-that-no-link-has", .port = &port},
		{.what = FALLBACK_ZONE, .zone = GUARD_ZONES, .row = &row},
		{.what = (enum fallback_what)9},
	};
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct rf_err err = {0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(changes); i++)
		assert_int_not_equal(fallback_change_make(&f, &changes[i], NULL), 0);
	assert_int_equal(f.ports_count + f.zones_count, 0);
	tagged.vlan_mode = GUARD_VLAN_VST;
	const struct fallback_change refused = {
		.what = FALLBACK_PORT, .link = "vnet0", .port = &tagged};

	assert_int_equal(fallback_change(&f, &refused, &err), RF_E_UNSUPPORTED);
	assert_non_null(strstr(rf_err_text(&err), "vnet0: BPF is forbidden here, and VLAN tags"));
}

/* Names of chains say whose they are, whatever a link is called. */
static void test_chains_of_a_port(void **state)
{
	struct fallback_port port = {.name = "tap-1.a_sent"};
	char chain[FALLBACK_NAME_BYTES];
	const char *suffix;
	size_t count = 0, judged = 0;

	(void)state;
	port.port = port_of(1, 1);
	assert_string_equal(making_port_chain(&port, "policy", chain), "p_tap-1.a_sent_policy");
	while ((suffix = fallback_port_suffix(&port, judged)))
		judged++;
	assert_true(judged > 18);
	port.port.mode = GUARD_MODE_DENY;
	while (fallback_port_suffix(&port, count))
		count++;
	assert_int_equal(count, 3);
	port.port.role = GUARD_ROLE_HOST;
	assert_string_equal(fallback_port_suffix(&port, 0), "policy");
	assert_null(fallback_port_suffix(&port, 1));
}

static struct nft_element link_of(const char *link, const char *chain)
{
	return fallback_link_element(SET_BY_SENDER, link, chain);
}

static void fold_links(struct folds *folds, const char *a, const char *b)
{
	const struct nft_element first = link_of(a, "c"), second = link_of(b, "c");

	fold_element(folds, &first);
	fold_element(folds, &second);
}

static void test_folds(void **state)
{
	struct folds a = {.items = NULL}, b = {.items = NULL};
	const struct nft_element there = link_of("vnet2", "c"), elsewhere = link_of("vnet2", "d");
	char name[32];

	(void)state;
	/* Elements in any order; rules in theirs. */
	fold_links(&a, "vnet0", "vnet1");
	fold_links(&b, "vnet1", "vnet0");
	assert_true(folds_equal(&a, &b));
	fold_element(&b, &there);
	assert_false(folds_equal(&a, &b));
	fold_element(&a, &elsewhere);
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
	/* Many names: each is found again. */
	for (unsigned i = 0; i < 2000; i++) {
		rf_format(name, sizeof(name), "chain%u", i);
		folds_at(&a, name)->count = i;
	}
	for (unsigned i = 2000; i-- > 0;) {
		rf_format(name, sizeof(name), "chain%u", i);
		assert_int_equal(folds_at(&a, name)->count, i);
	}
	assert_int_equal(a.count, 2000);
	folds_done(&a);
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

	(void)state;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 10);
	assert_int_equal(isolate_promises_failed(&promises), 0);
	for (size_t i = 0; i < promises.count; i++)
		assert_int_equal(promises.items[i].proven, PROMISE_NOT_ASKED);
	assert_non_null(strstr(promises.items[0].evidence, "99 rules read back, as made"));
	isolate_promises_done(&promises);
	/* What the policy does not promise is no promise; what nft does not do is a broken one. */
	port.flags = GUARD_ANY_V4 | GUARD_ROUTER;
	port.pps = 5;
	port.flags |= GUARD_BLOCK_ON_CHANGE;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	/* ARP and ND, IPv4, RA go; the rate and the block come. */
	assert_int_equal(promises.count, 10 - 3 + 2);
	assert_int_equal(isolate_promises_failed(&promises), 0);
	isolate_promises_done(&promises);
	port.flags = GUARD_MAC_CHANGE;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 10 - 1 + 1 + 1);
	assert_int_equal(isolate_promises_failed(&promises), 1);
	isolate_promises_done(&promises);
	/* In a quarantine: copied, then away from everybody. */
	port.flags = 0;
	port.pps = 0;
	port.mirror_ifindex = 4;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 11);
	isolate_promises_done(&promises);
	port.redirect_ifindex = 5;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 2);
	assert_int_equal(isolate_promises_failed(&promises), 0);
	isolate_promises_done(&promises);
	port.redirect_ifindex = port.mirror_ifindex = 0;
	seen.whole = false;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(isolate_promises_failed(&promises), promises.count);
	assert_non_null(strstr(promises.items[0].evidence, "altered"));
	isolate_promises_done(&promises);
	port.mode = GUARD_MODE_DENY;
	seen.whole = true;
	port.flags = 0;
	assert_int_equal(nft_promises(&seen, &promises), 0);
	assert_int_equal(promises.count, 1);
	assert_string_equal(promises.items[0].what, "nothing passes");
	isolate_promises_done(&promises);
}

/* Whose link a chain hangs on; of others' chains nobody's. */
static void test_chains_of_links(void **state)
{
	static const struct {
		const char *chain, *link; /* NULL: none of ours */
	} cases[] = {
		{"m_vnet0_from", "vnet0"},
		{"m_vnet0_to", "vnet0"},
		{"m_a_to_from", "a_to"},
		{"m_fifteen-letters_from", "fifteen-letters"},
		{"m_sixteen--letters_from", NULL},
		{"m__from", NULL},
		{"m_vnet0", NULL},
		{"p_vnet0_from", NULL},
		{"_from", NULL},
		{"", NULL},
	};
	char link[16];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		assert_int_equal(fallback_copies_link(cases[i].chain, link), cases[i].link != NULL);
		if (cases[i].link)
			assert_string_equal(link, cases[i].link);
	}
}

static bool nowhere(const char *link)
{
	(void)link;
	return false;
}

/* What hangs on the link is made where the link is; what the bridge refuses, always. */
static void test_copies(void **state)
{
	static const struct {
		uint32_t mirror, redirect;
		bool gone;
		uint32_t from, to; /* rules */
	} cases[] = {
		{0, 0, false, 0, 0}, {4, 0, false, 1, 1}, {0, 5, false, 2, 0},
		{4, 5, false, 3, 1}, {4, 5, true, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		FALLBACK_AUTO struct fallback f = {.ports = NULL, .secret = 0x10000};
		struct guard_port port = port_of(1, 1);
		struct nft_batch batch = {.sequence = 0};
		struct folds folds = {.items = NULL};
		struct making m = {.state = &f,
				   .batch = &batch,
				   .folds = &folds,
				   .there = cases[i].gone ? nowhere : NULL};

		port.mirror_ifindex = cases[i].mirror;
		port.redirect_ifindex = cases[i].redirect;
		assert_int_equal(fallback_port_set(&f, "vnet0", &port), 0);
		assert_int_equal(nft_batch_begin(&batch, FALLBACK_TABLE), 0);
		fallback_make(&m);
		assert_int_equal(folds_at(&folds, "m_vnet0_from")->count, cases[i].from);
		assert_int_equal(folds_at(&folds, "m_vnet0_to")->count, cases[i].to);
		assert_int_equal(fallback_copies(&port), cases[i].mirror || cases[i].redirect);
		/* Away from everybody: one rule refuses what it sends, two judge what comes. */
		if (cases[i].redirect) {
			assert_int_equal(folds_at(&folds, "p_vnet0_sent")->count, 1);
			assert_int_equal(folds_at(&folds, "p_vnet0_gets")->count, 2);
		}
		/* All that is put next is the bridge's again. */
		assert_int_equal(batch.family, 0);
		fallback_port_unmake(&m, fallback_find(&f, "vnet0"));
		assert_int_equal(batch.family, 0);
		folds_done(&folds);
		nft_batch_done(&batch);
	}
}

/* What is said, of each way; and nothing where there is nothing to say. */
static void test_notes(void **state)
{
	static const struct {
		enum guard_means means;
		bool nft_holds;
		const char *words; /* "": it is silent */
	} cases[] = {
		{GUARD_MEANS_BPF, false, ""},
		{GUARD_MEANS_BPF, true, "BPF may be used again"},
		{GUARD_MEANS_KEPT, false, "Operation not permitted"},
		{GUARD_MEANS_NFT, false, "proof by frames"},
		{GUARD_MEANS_NFT, true, "proof by frames"},
		{GUARD_MEANS_NONE, false, "Until then no port is changed"},
	};
	static const char why[] =
		"BPF is forbidden here: the kernel loads no program: Operation not permitted";
	char note[NFT_NOTE_BYTES];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		memset(note, 'x', sizeof(note));
		nft_note(cases[i].means, cases[i].nft_holds, why, note);
		if (!cases[i].words[0])
			assert_string_equal(note, "");
		assert_non_null(strstr(note, cases[i].words));
		assert_true(strlen(note) < sizeof(note) - 1);
	}
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
		struct making m = {.state = &f, .batch = &batch, .folds = &folds};

		rf_alloc_fail_after(n);
		int rc = fallback_port_set(&f, "vnet0", &port);

		if (!rc)
			rc = nft_batch_begin(&batch, FALLBACK_TABLE);
		if (!rc)
			fallback_make(&m);
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
		cmocka_unit_test(test_ports_and_zones),
		cmocka_unit_test(test_too_many_ports),
		cmocka_unit_test(test_what_nft_cannot),
		cmocka_unit_test(test_each_field_counts),
		cmocka_unit_test(test_settings_count),
		cmocka_unit_test(test_vlans),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_a_change_does_not_grow_with_ports),
		cmocka_unit_test(test_shared_addresses),
		cmocka_unit_test(test_changes_that_cannot_be),
		cmocka_unit_test(test_chains_of_a_port),
		cmocka_unit_test(test_folds),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_chains_of_links),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
