/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard as verbs: what the privileged side refuses whoever asks, what a port and a zone become,
 * and facts and examples that lead to policies. Real ports: tests/system/test_isolate.py.
 */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/shape.h"
#include "isolate/verbs.h"

static const struct verb_table *const tables[] = {&isolate_verbs, &isolate_holder_verbs, NULL};
static const struct verb_set set = {tables};
static const struct verb_env env = {.live = true};
static const uint8_t MAC[6] = {0x52, 0x54, 0, 0, 0, 1};

static struct change_spec spec_of(const char *verb, const char *target, const void *payload,
				  size_t bytes)
{
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, verb, target, NULL, NULL, NULL), 0);
	memcpy(spec.value, payload, bytes);
	spec.value_bytes = (uint32_t)bytes;
	return spec;
}

static int checked(const struct change_spec *spec)
{
	const struct verb *verb = NULL;

	return verb_check(&set, &env, spec, &verb, NULL);
}

static void targets(void **state)
{
	static const struct {
		const char *verb, *target;
		bool taken;
	} CASES[] = {
		{"guard-port", "vnet0", true},
		{"guard-port", "tap-1.5_a", true},
		{"guard-port", "fifteen-letters", true},
		{"guard-port", "sixteen--letters", false},
		{"guard-port", "../vnet0", false},
		{"guard-port", "/sys/class/net", false},
		{"guard-port", "a b", false},
		{"guard-port", "-x", false},
		{"guard-port", "..", false},
		{"guard-port", "vnet%d", false},
		{"guard-zone", "zone 0", true},
		{"guard-zone", "zone 1023", true},
		{"guard-zone", "zone 1024", false},
		{"guard-zone", "zone 01", false},
		{"guard-zone", "zone -1", false},
		{"guard-zone", "zone", false},
		{"guard-zone", "vnet0", false},
		{"guard-holder", "guard", true},
		{"guard-holder", "vnet0", false},
	};
	struct guard_zone row = isolate_zone_new(0);
	struct guard_port port;

	(void)state;
	guard_port_init(&port, MAC);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		bool zone = strcmp(CASES[i].verb, "guard-zone") == 0;
		bool holder = strcmp(CASES[i].verb, "guard-holder") == 0;
		const void *payload = zone ? (const void *)&row : &port;
		struct change_spec spec =
			spec_of(CASES[i].verb, CASES[i].target, holder ? "bpf" : payload,
				holder ? 3
				: zone ? sizeof(row)
				       : sizeof(port));

		if ((checked(&spec) == 0) != CASES[i].taken)
			fail_msg("%s %s", CASES[i].verb, CASES[i].target);
	}
}

/* It moves to BPF and nowhere else; a state is one byte, and undone it is what it was. */
static void holder(void **state)
{
	static const struct {
		const char *value;
		bool taken;
	} values[] = {{"bpf", true}, {"nft", false}, {"", false}, {"bpfx", false}};
	static const struct {
		uint8_t bytes[2];
		size_t len;
		int rc;
		bool by_nft;
	} states[] = {{{0}, 1, 0, false},
		      {{1}, 1, 0, true},
		      {{1}, 0, RF_E_SYNTAX, false},
		      {{1, 0}, 2, RF_E_SYNTAX, false}};
	struct change_spec spec = spec_of("guard-holder", "guard", "bpf", 3);
	const struct verb *verb = NULL;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(values); i++) {
		struct change_spec one =
			spec_of("guard-holder", "guard", values[i].value, strlen(values[i].value));

		assert_int_equal(checked(&one) == 0, values[i].taken);
	}
	assert_int_equal(verb_check(&set, &env, &spec, &verb, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(states); i++) {
		const struct rf_slice before = {states[i].bytes, states[i].len};
		RF_AUTOBUF struct rf_buf after = {0}, words = {0};

		assert_int_equal(verb->predict(&spec, before, &after, NULL), states[i].rc);
		assert_int_equal(verb->show(&spec, before, &words), states[i].by_nft);
		if (states[i].rc)
			continue;
		assert_int_equal(after.len, 1);
		assert_int_equal(after.data[0], 0);
	}
	/* Who is no host has no guard; bytes that are none change nothing. */
	assert_int_equal(verb->kind->put(&(struct verb_env){.live = false}, "guard",
					 (struct rf_slice){states[0].bytes, 1}, NULL),
			 RF_E_UNSUPPORTED);
	assert_int_equal(
		verb->kind->put(&env, "guard", (struct rf_slice){(const uint8_t *)"\2", 1}, NULL),
		RF_E_SYNTAX);
}

/* What a planner that was taken over might ask for. */
static void hostile_payloads(void **state)
{
	struct guard_port good, port;
	struct guard_zone row = isolate_zone_new(0);

	(void)state;
	guard_port_init(&good, MAC);
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		port = good;                                                                       \
		change;                                                                            \
		struct change_spec spec = spec_of("guard-port", "vnet0", &port, sizeof(port));     \
		assert_int_not_equal(checked(&spec), 0);                                           \
	} while (0)
	REFUSED(port.ifindex = 1);
	REFUSED(port.slot = 1);
	REFUSED(port.role = GUARD_ROLE_UPLINK);
	REFUSED(port.redirect_ifindex = 2);
	REFUSED(port.mode = 9);
	REFUSED(port.n_v4 = GUARD_V4 + 1);
	REFUSED(port.zone = GUARD_ZONES);
	REFUSED(port.flags = 0x80000000u);
	REFUSED(port.mac[0] = 1);
	struct change_spec spec = spec_of("guard-port", "vnet0", &good, sizeof(good) - 1);

	assert_int_not_equal(checked(&spec), 0);
	row.restricted = 2;
	spec = spec_of("guard-zone", "zone 1", &row, sizeof(row));
	assert_int_not_equal(checked(&spec), 0);
	row = (struct guard_zone){.restricted = 1};
	spec = spec_of("guard-zone", "zone 0", &row, sizeof(row));
	assert_int_equal(checked(&spec), RF_E_DENIED);
	spec = spec_of("guard-zone", "zone 1", &row, sizeof(row));
	assert_int_equal(checked(&spec), 0);
}

/* The wanted state is the payload, whatever was there; bytes that are no state are refused. */
static void predicted(void **state)
{
	const struct verb *verb = verb_find(&set, "guard-port");
	uint8_t before[PORT_STATE_BYTES] = {0};
	RF_AUTOBUF struct rf_buf out = {0}, again = {0}, words = {0};
	struct guard_port port;

	(void)state;
	guard_port_init(&port, MAC);
	struct change_spec spec = spec_of("guard-port", "vnet0", &port, sizeof(port));

	assert_int_equal(
		verb->predict(&spec, (struct rf_slice){before, sizeof(before)}, &out, NULL), 0);
	assert_int_equal(out.len, PORT_STATE_BYTES);
	assert_int_equal(out.data[0], 1);
	assert_memory_equal(out.data + 1, (uint8_t *)&port + PORT_SKIP, PORT_STATE_BYTES - 1);
	assert_int_equal(verb->predict(&spec, rf_buf_slice(&out), &again, NULL), 0);
	assert_true(rf_slice_equal(rf_buf_slice(&out), rf_buf_slice(&again)));
	assert_false(verb->show(&spec, (struct rf_slice){before, sizeof(before)}, &words));
	assert_true(verb->show(&spec, rf_buf_slice(&out), &words));
	assert_non_null(strstr(rf_buf_text(&words), "52:54:00:00:00:01"));
	before[0] = 4;
	assert_int_equal(
		verb->predict(&spec, (struct rf_slice){before, sizeof(before)}, &again, NULL),
		RF_E_SYNTAX);
	assert_int_equal(verb->predict(&spec, (struct rf_slice){before, 7}, &again, NULL),
			 RF_E_SYNTAX);

	const struct verb *zone = verb_find(&set, "guard-zone");
	struct guard_zone row = isolate_zone_new(0);

	spec = spec_of("guard-zone", "zone 3", &row, sizeof(row));
	rf_buf_reset(&words);
	zone->show_payload(&spec, &words);
	assert_string_equal(rf_buf_text(&words), "exchanges with zones 0");
	assert_int_equal(zone->predict(&spec, (struct rf_slice){before, 5}, &again, NULL),
			 RF_E_SYNTAX);
}

/* In quarantine, and its rules or programs were taken away: the policy puts it back there. */
static void a_quarantine_that_was_lost(void **state)
{
	const struct verb *verb = verb_find(&set, "guard-port");
	uint8_t lost[PORT_STATE_BYTES] = {3};
	RF_AUTOBUF struct rf_buf out = {0};
	struct guard_port port, shut;

	(void)state;
	guard_port_init(&port, MAC);
	struct change_spec spec = spec_of("guard-port", "vnet0", &port, sizeof(port));

	shut = port;
	shut.quarantine = GUARD_SEAL;
	memcpy(lost + 1, (const uint8_t *)&shut + PORT_SKIP, PORT_STATE_BYTES - 1);
	assert_int_equal(verb->predict(&spec, (struct rf_slice){lost, sizeof(lost)}, &out, NULL),
			 0);
	assert_int_equal(out.data[0], 1);
	assert_memory_equal(out.data + 1, lost + 1, PORT_STATE_BYTES - 1);
}

/* A port that went away took its guard along: there is nothing to undo, and nothing to be had. */
static void a_port_that_is_gone(void **state)
{
	static const struct verb_table *const all[] = {&isolate_verbs, &isolate_layer_verbs,
						       &shape_verbs, NULL};
	static const struct verb_set every = {all};
	const struct verb *port = verb_find(&every, "guard-port"),
			  *off = verb_find(&every, "guard-uplink-off"),
			  *shape = verb_find(&every, "port-shape");
	uint8_t gone[PORT_STATE_BYTES] = {2}, there[PORT_STATE_BYTES] = {0};
	const struct rf_slice is_gone = {gone, sizeof(gone)}, shape_gone = {(uint8_t *)"x", 1};
	RF_AUTOBUF struct rf_buf out = {0}, read = {0};
	struct guard_port policy;
	struct shape limit = {0};

	(void)state;
	guard_port_init(&policy, MAC);
	struct change_spec spec = spec_of("guard-port", "vnet0", &policy, sizeof(policy));

	assert_true(port->kind->gone(is_gone));
	assert_true(off->kind->gone(is_gone));
	assert_false(port->kind->gone((struct rf_slice){there, sizeof(there)}));
	assert_false(port->kind->gone((struct rf_slice){gone, 1}));
	assert_int_equal(port->predict(&spec, is_gone, &out, NULL), RF_E_MISSING);
	assert_int_equal(out.len, 0);
	/* What is to be taken off it went with it. */
	assert_int_equal(off->predict(&spec, is_gone, &out, NULL), 0);
	assert_true(rf_slice_equal(rf_buf_slice(&out), is_gone));

	rf_buf_reset(&out);
	spec = spec_of("port-shape", "vnet0", &limit, sizeof(limit));
	assert_true(shape->kind->gone(shape_gone));
	assert_int_equal(shape->predict(&spec, shape_gone, &out, NULL), 0);
	assert_true(rf_slice_equal(rf_buf_slice(&out), shape_gone));
	limit.to_vm.on = 1;
	spec = spec_of("port-shape", "vnet0", &limit, sizeof(limit));
	assert_int_equal(shape->predict(&spec, shape_gone, &out, NULL), RF_E_MISSING);

	/* A link that no host has. */
	assert_int_equal(port->kind->read(&env, "no-such-link-0", &read, NULL), 0);
	assert_true(port->kind->gone(rf_buf_slice(&read)));
	rf_buf_reset(&read);
	assert_int_equal(shape->kind->read(&env, "no-such-link-0", &read, NULL), 0);
	assert_true(shape->kind->gone(rf_buf_slice(&read)));
	const struct verb *fence = verb_find(&every, "guard-fence");

	rf_buf_reset(&read);
	assert_int_equal(fence->kind->read(&env, "no-such-link-0", &read, NULL), 0);
	assert_true(fence->kind->gone(rf_buf_slice(&read)));
	assert_false(fence->kind->gone(shape_gone));
}

/* A directory is no running host: nothing is read from it, and nothing put. */
static void a_folder_has_no_guard(void **state)
{
	const struct verb_env folder = {.live = false};
	const struct verb *zone = verb_find(&set, "guard-zone");
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	assert_int_equal(zone->kind->read(&folder, "zone 1", &out, NULL), RF_E_UNSUPPORTED);
	assert_int_equal(out.len, 0);
}

static void sql(struct fact_store *store, const char *text)
{
	assert_int_equal(sqlite3_exec(fact_store_db(store), text, NULL, NULL, NULL), SQLITE_OK);
}

/* What runs counts before what is defined; files of other products and approved ones do not. */
static void cards_from_facts(void **state)
{
	struct fact_store *store = NULL;
	struct policy_nics nics;

	(void)state;
	assert_int_equal(fact_store_open(&store, NULL), 0);
	sql(store, "INSERT INTO vm (host, vm, layer, format, name, class, zone) VALUES"
		   " ('h', 'a', 'live', 'libvirt', 'a', 'red', 'z'),"
		   " ('h', 'a', 'persistent', 'libvirt', 'a', '', ''),"
		   " ('h', 'b', 'persistent', 'libvirt', '', NULL, NULL),"
		   " ('h', 'b', 'approved', 'libvirt', 'b', '', ''),"
		   " ('h', 'c', 'persistent', 'vmx', 'c', '', '');"
		   "INSERT INTO vm_nic (host, vm, layer, nic, mac, target, kind) VALUES"
		   " ('h', 'a', 'live', 'net0', '52:54:00:00:00:01', 'vnet0', 'bridge'),"
		   " ('h', 'a', 'persistent', 'net0', '52:54:00:00:00:01', '', 'bridge'),"
		   " ('h', 'b', 'persistent', 'net0', NULL, NULL, 'network'),"
		   " ('h', 'b', 'approved', 'net0', '', '', 'network'),"
		   " ('h', 'c', 'persistent', 'ethernet0', '', '', 'bridged');");
	assert_int_equal(policy_nics_load(store, &nics, NULL), 0);
	assert_int_equal(nics.count, 2);
	assert_string_equal(nics.items[0].tap, "vnet0");
	assert_string_equal(nics.items[0].class, "red");
	assert_string_equal(nics.items[0].zone, "z");
	assert_string_equal(nics.items[1].vm, "b");
	assert_string_equal(nics.items[1].mac, "");
	policy_nics_done(&nics);
	fact_store_close(store);
}

static void the_examples(void **state)
{
	static const char *const names[] = {"separate", "tiers", "lab", "disks", "limits"};
	const char *source = getenv("SOURCE_DIR");

	(void)state;
	for (size_t i = 0; source && i < RF_COUNT(names); i++) {
		char path[512], text[8192];
		struct policy *policy = NULL;
		struct rf_err err = {0};

		snprintf(path, sizeof(path), "%s/examples/policies/isolate-%s.yaml", source,
			 names[i]);
		FILE *f = fopen(path, "rb");

		assert_non_null(f);
		size_t len = fread(text, 1, sizeof(text), f);

		fclose(f);
		if (policy_parse((struct rf_slice){(uint8_t *)text, len}, names[i], &policy,
				 &err) != 0)
			fail_msg("%s", rf_err_text(&err));
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(holder),
		cmocka_unit_test(hostile_payloads),
		cmocka_unit_test(predicted),
		cmocka_unit_test(a_quarantine_that_was_lost),
		cmocka_unit_test(a_folder_has_no_guard),
		cmocka_unit_test(a_port_that_is_gone),
		cmocka_unit_test(cards_from_facts),
		cmocka_unit_test(the_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
