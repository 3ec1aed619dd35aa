/* SPDX-License-Identifier: Apache-2.0 */
/* From facts and a policy to promises about closed switches: configured, enforced, proven, each
 * with its evidence; what is missing of the facts; the notes of a plan. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/closed.h"
#include "model/store.h"

#define POLICY                                                                                     \
	"isolate: 1\nassignments: []\nnetwork: {closed: [br-lab, 'deep*'], uplinks: [up0], routers: ['fw-*']}\n"

struct world {
	struct fact_store *store;
	struct fact_sink *sink;
	struct policy *policy;
	struct topology t;
	struct isolate_promises promises;
	char missing[CLOSED_MISSING_BYTES];
	struct closed_guards guards;
	uint32_t index;
};

static void link_put(struct world *w, const char *name, const char *kind, const char *master)
{
	bool tap = strcmp(kind, "tun") == 0;

	fact_put_link(w->sink, &(struct fact_link){.name = name,
						   .ifindex = FACT_INT(++w->index),
						   .kind = kind,
						   .role = tap ? "tap" : "virtual",
						   .master = master,
						   .up = FACT_BOOL(true),
						   .carrier = FACT_BOOL(true),
						   .lower = "",
						   .lower_index = FACT_INT(0),
						   .lower_netns = FACT_INT(-1),
						   .ip_forward = FACT_INT(0),
						   .ip6_forward = FACT_INT(0),
						   .rp_filter = FACT_INT(0),
						   .source = "test"});
}

static void card_put(struct world *w, const char *layer, const char *vm, const char *nic,
		     const char *bridge, const char *target)
{
	if (strcmp(nic, "net0") == 0)
		fact_put_vm(w->sink, &(struct fact_vm){.vm = vm,
						       .layer = layer,
						       .name = vm,
						       .format = "libvirt",
						       .source = "test"});
	fact_put_vm_nic(w->sink, &(struct fact_vm_nic){.vm = vm,
						       .layer = layer,
						       .nic = nic,
						       .mac = "52:54:00:00:00:01",
						       .kind = "bridge",
						       .network = bridge,
						       .target = target,
						       .source = "test"});
}

static void world_make(struct world *w)
{
	struct rf_err err = {0};

	*w = (struct world){.index = 0};
	assert_int_equal(fact_store_open(&w->store, &err), 0);
	w->sink = fact_store_sink(w->store, "h");
	assert_int_equal(policy_parse(rf_slice_text(POLICY), "p", &w->policy, &err), 0);
	fact_put_netns(w->sink, &(struct fact_netns){.netns = FACT_INT(3),
						     .name = "self",
						     .own = FACT_BOOL(true),
						     .readable = FACT_BOOL(true),
						     .source = "test"});
	link_put(w, "br-lab", "bridge", "");
	link_put(w, "br-prod", "bridge", "");
	link_put(w, "vnet0", "tun", "br-lab");
	card_put(w, "live", "web-1", "net0", "br-lab", "vnet0");
}

static void world_judge(struct world *w)
{
	struct rf_err err = {0};

	assert_int_equal(fact_store_finish(w->store, &err), 0);
	const struct topology_sources from = {w->store, policy_layer(w->policy), &w->guards};

	assert_int_equal(topology_load(&w->t, &from, &err), 0);
	assert_int_equal(closed_missing(w->store, w->missing), 0);
	assert_int_equal(closed_promises(&w->t, policy_layer(w->policy), w->missing, &w->promises),
			 0);
}

static void world_done(struct world *w)
{
	topology_done(&w->t);
	isolate_promises_done(&w->promises);
	policy_free(w->policy);
	fact_store_close(w->store);
}

static const struct isolate_promise *promise_of(const struct world *w, const char *subject,
						const char *what)
{
	for (size_t i = 0; i < w->promises.count; i++) {
		const struct isolate_promise *p = &w->promises.items[i];

		if (strcmp(p->subject, subject) == 0 && strcmp(p->what, what) == 0)
			return p;
	}
	fail_msg("no promise %s: %s", subject, what);
	return NULL;
}

#define LAB "closed switch br-lab"

static void test_closed_and_proven(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	world_judge(&w);
	assert_int_equal(w.promises.count, 6); /* five, and the glob that nothing has */
	assert_int_equal(isolate_promises_failed(&w.promises), 0);
	const struct isolate_promise *p = promise_of(&w, LAB, "no way leads to another switch");

	assert_int_equal(p->configured, PROMISE_NOT_ASKED);
	assert_int_equal(p->enforced, PROMISE_YES);
	assert_int_equal(p->proven, PROMISE_YES);
	assert_string_equal(p->evidence, "walked to its end: 1 links, 1 VMs");
	p = promise_of(&w, "closed switch deep*", "it is closed");
	assert_int_equal(p->enforced, PROMISE_NOT_ASKED);
	world_done(&w);
}

static void test_a_vm_with_two_cards(void **state)
{
	struct policy_notes notes = {0};
	struct world w;

	(void)state;
	world_make(&w);
	link_put(&w, "vnet1", "tun", "br-prod");
	card_put(&w, "live", "web-1", "net1", "br-prod", "vnet1");
	world_judge(&w);
	const struct isolate_promise *p = promise_of(&w, LAB, "no way leads to another switch");

	assert_int_equal(p->enforced, PROMISE_NO);
	assert_int_equal(p->proven, PROMISE_NO);
	assert_non_null(strstr(p->evidence, "br-lab reaches br-prod by VM web-1: port vnet0, nic "
					    "net0 52:54:00:00:00:01, nic net1"));
	assert_int_equal(isolate_promises_failed(&w.promises), 1);
	assert_int_equal(closed_notes(&w.promises, &notes), 0);
	assert_int_equal(notes.count, 1);
	assert_int_equal(notes.conflicts, 0);
	assert_non_null(strstr(notes.items[0].text, "VM web-1"));
	policy_notes_done(&notes);
	world_done(&w);
}

static void test_a_vm_that_may(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	link_put(&w, "vnet1", "tun", "br-lab");
	link_put(&w, "vnet2", "tun", "br-prod");
	card_put(&w, "live", "fw-1", "net0", "br-lab", "vnet1");
	card_put(&w, "live", "fw-1", "net1", "br-prod", "vnet2");
	world_judge(&w);
	assert_int_equal(isolate_promises_failed(&w.promises), 0);
	assert_non_null(strstr(promise_of(&w, LAB, "it has no uplink")->evidence,
			       "not through VM fw-1, which the policy lets stand between"));
	world_done(&w);
}

/* What a definition would bring at the next start is not yet enforced otherwise. */
static void test_a_definition_alone(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	card_put(&w, "persistent", "web-2", "net0", "br-lab", "");
	card_put(&w, "persistent", "web-2", "net1", "br-prod", "");
	world_judge(&w);
	const struct isolate_promise *p = promise_of(&w, LAB, "no way leads to another switch");

	assert_int_equal(p->configured, PROMISE_NO);
	assert_int_equal(p->enforced, PROMISE_YES);
	assert_int_equal(p->proven, PROMISE_YES);
	assert_non_null(strstr(p->evidence, "by VM web-2"));
	assert_int_equal(promise_of(&w, LAB, "it has no uplink")->configured, PROMISE_YES);
	world_done(&w);
}

static void test_a_network_by_its_name(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	link_put(&w, "virbr9", "bridge", "");
	fact_put_network(w.sink, &(struct fact_network){.network = "deep-1",
							.layer = "persistent",
							.bridge = "virbr9",
							.forward_mode = "nat",
							.forward_dev = "",
							.addresses_count = FACT_INT(1),
							.source = "test"});
	world_judge(&w);
	const struct isolate_promise *p =
		promise_of(&w, "closed switch virbr9", "it has no uplink");

	assert_int_equal(p->configured, PROMISE_NO);
	assert_int_equal(p->enforced, PROMISE_YES);
	assert_non_null(strstr(p->evidence, "network deep-1 has <forward mode='nat'/>"));
	p = promise_of(&w, "closed switch virbr9", "the host itself is not on it");
	assert_int_equal(p->configured, PROMISE_NO);
	world_done(&w);
}

static void test_uplinks_and_addresses(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	link_put(&w, "up0", "dummy", "br-lab");
	fact_put_address(w.sink, &(struct fact_address){.link = "br-lab",
							.address = "10.9.0.1",
							.family = FACT_INT(4),
							.source = "test"});
	world_judge(&w);
	assert_string_equal(promise_of(&w, LAB, "it has no uplink")->evidence,
			    "br-lab reaches up0: port up0");
	assert_string_equal(promise_of(&w, LAB, "the host itself is not on it")->evidence,
			    "br-lab reaches the host itself: br-lab has address 10.9.0.1");
	assert_int_equal(isolate_promises_failed(&w.promises), 2);
	world_done(&w);
}

/* A guard that only counts lets frames to the nearest bridge by: its programs' being there is no
 * answer. */
static void test_a_port_with_an_address(void **state)
{
	static char names[][16] = {"vnet1", "vnet0"};
	static const struct {
		bool ours;
		size_t guards;
		bool closed;
	} rows[] = {{false, 0, false},
		    {true, 0, false},
		    {true, 1, false},
		    {false, 2, false},
		    {true, 2, true}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct world w;

		world_make(&w);
		w.guards = (struct closed_guards){.names = names, .count = rows[i].guards};
		fact_put_address(w.sink, &(struct fact_address){.link = "vnet0",
								.address = "fe80::1",
								.family = FACT_INT(6),
								.source = "test"});
		fact_put_tc_program(w.sink,
				    &(struct fact_tc_program){.link = "vnet0",
							      .direction = "ingress",
							      .item = FACT_INT(0),
							      .kind = "bpf",
							      .name = "rf_guard_in",
							      .ours = FACT_BOOL(rows[i].ours),
							      .source = "test"});
		world_judge(&w);
		const struct isolate_promise *p =
			promise_of(&w, LAB, "the host itself is not on it");

		if ((p->enforced == PROMISE_YES) != rows[i].closed)
			fail_msg("row %zu: %s", i, p->evidence);
		world_done(&w);
	}
}

static void test_guards_that_refuse(void **state)
{
	static const struct {
		uint8_t role, mode, quarantine;
		bool refuses;
	} rows[] = {
		{GUARD_ROLE_VM, GUARD_MODE_ENFORCE, 0, true},
		{GUARD_ROLE_VM, GUARD_MODE_DENY, 0, true},
		{GUARD_ROLE_VM, GUARD_MODE_OBSERVE, 0, false},
		{GUARD_ROLE_VM, GUARD_MODE_OBSERVE, GUARD_WATCHED, false},
		{GUARD_ROLE_VM, GUARD_MODE_OBSERVE, GUARD_HONEYWALL, true},
		{GUARD_ROLE_VM, GUARD_MODE_OBSERVE, GUARD_SEAL, true},
		{GUARD_ROLE_UPLINK, GUARD_MODE_ENFORCE, 0, false},
		{GUARD_ROLE_HOST, GUARD_MODE_ENFORCE, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct guard_port port = {.role = rows[i].role,
						.mode = rows[i].mode,
						.quarantine = rows[i].quarantine};

		if (closed_guard_refuses(&port) != rows[i].refuses)
			fail_msg("row %zu", i);
	}
}

/* What cannot be seen is never proven. */
static void test_what_is_not_known(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	fact_gap(w.sink, FACT_T_NETNS_LINK, "12", "", "rtnl-link-in", "it could not be asked");
	world_judge(&w);
	assert_string_equal(w.missing,
			    "not all of it could be seen (netns_link): it could not be asked");
	const struct isolate_promise *p = promise_of(&w, LAB, "it has no uplink");

	assert_int_equal(p->enforced, PROMISE_YES);
	assert_int_equal(p->proven, PROMISE_NO);
	assert_string_equal(p->evidence, w.missing);
	world_done(&w);
	world_make(&w);
	link_put(&w, "tap7", "tun", "br-lab");
	world_judge(&w);
	p = promise_of(&w, LAB, "what is plugged into it is known");
	assert_int_equal(p->enforced, PROMISE_NO);
	assert_non_null(strstr(p->evidence, "tap7"));
	p = promise_of(&w, LAB, "it has no uplink");
	assert_int_equal(p->enforced, PROMISE_YES);
	assert_int_equal(p->proven, PROMISE_NO);
	world_done(&w);
}

static void test_words_of_the_policy(void **state)
{
	static const struct {
		const char *yaml, *error;
	} rows[] = {
		{"isolate: 1\nassignments: []\nnetwork: {closed: []}\n", NULL},
		{"isolate: 1\nassignments: []\nnetwork: {closed: br-lab}\n", NULL},
		{"isolate: 1\nassignments: []\nnetwork: {closed: [a, b], routers: fw}\n", NULL},
		{"isolate: 1\nassignments: []\nnetwork: {closed: ['']}\n",
		 "closed: a name, or a glob"},
		{"isolate: 1\nassignments: []\nnetwork: {closed: [[a]]}\n", "closed"},
		{"isolate: 1\nassignments: []\nnetwork: {closed: {a: b}}\n", "closed"},
		{"isolate: 1\nassignments: []\nnetwork: {open: [a]}\n", "open"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *policy = NULL;
		struct rf_err err = {0};
		int rc = policy_parse(rf_slice_text(rows[i].yaml), "p", &policy, &err);

		if (!rows[i].error) {
			assert_int_equal(rc, 0);
		} else {
			assert_true(rc < 0);
			assert_non_null(strstr(rf_err_text(&err), rows[i].error));
		}
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_and_proven),
		cmocka_unit_test(test_a_vm_with_two_cards),
		cmocka_unit_test(test_a_vm_that_may),
		cmocka_unit_test(test_a_definition_alone),
		cmocka_unit_test(test_a_network_by_its_name),
		cmocka_unit_test(test_uplinks_and_addresses),
		cmocka_unit_test(test_a_port_with_an_address),
		cmocka_unit_test(test_guards_that_refuse),
		cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_words_of_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
