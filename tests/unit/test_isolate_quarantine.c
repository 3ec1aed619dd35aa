/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine without a kernel: what becomes of a port, where a card is plugged in, what a VM and a
 * level want, what the privileged side refuses, records, and the way to the host. On real ports:
 * tests/system/test_quarantine.py.
 */
#include "base/mem.h"
#include "base/str.h"
#include "collect/quarantine.h"
#include "facts_test.h"
#include "isolate/access.h"
#include "isolate/cable.h"
#include "isolate/quarantine.h"
#include "isolate/verbs.h"

#define UUID	 "00000000-0000-0000-0000-000000000001"
#define MAC_TEXT "52:54:00:00:00:01"

static const struct verb_table *const tables[] = {&isolate_verbs, &quarantine_verbs, &tune_verbs,
						  NULL};
static const struct verb_set set = {tables};
static const struct verb_env env = {.live = true};
static const uint8_t MAC[6] = {0x52, 0x54, 0, 0, 0, 1};

static int checked(const struct change_spec *spec)
{
	const struct verb *verb = NULL;

	return verb_check(&set, &env, spec, &verb, NULL);
}

static void targets(void **state)
{
	static const struct {
		const char *verb, *target, *value;
		bool taken;
	} CASES[] = {
		{"vm-cable", "live " UUID " " MAC_TEXT, "rfq525400000001", true},
		{"vm-cable", "stored " UUID " " MAC_TEXT, "br0", true},
		{"vm-cable", "dead " UUID " " MAC_TEXT, "br0", false},
		{"vm-cable", "live " UUID " 52:54:00:00:00", "br0", false},
		{"vm-cable", "live " UUID, "br0", false},
		{"vm-cable", "live web-1 " MAC_TEXT, "br0", false},
		{"vm-cable", "live " UUID " " MAC_TEXT, "br0'/><x", false},
		{"vm-cable", "live " UUID " " MAC_TEXT, "", false},
		{"vm-freeze", UUID, "paused", true},
		{"vm-freeze", UUID, "running", false},
		{"vm-freeze", "web-1", "paused", false},
		{"quarantine-record", "quarantine " UUID, "{}", true},
		{"quarantine-record", "quarantine ../../etc/passwd", "{}", false},
		{"quarantine-record", "quarantine ../../../etc/../00000000-00000000", "{}", false},
		{"quarantine-record", UUID, "{}", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct change_spec spec;

		assert_int_equal(change_spec_set(&spec, CASES[i].verb, CASES[i].target, NULL,
						 CASES[i].value, NULL),
				 0);
		assert_int_equal(checked(&spec) == 0, CASES[i].taken);
	}
}

static struct change_spec port_spec(const struct quarantine_port *payload)
{
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, "quarantine-port", "vnet0", NULL, NULL, NULL), 0);
	memcpy(spec.value, payload, sizeof(*payload));
	spec.value_bytes = sizeof(*payload);
	return spec;
}

static struct quarantine_port payload(enum guard_quarantine level)
{
	struct quarantine_port p = {.level = (uint8_t)level, .mirror = "rfq525400000001"};

	memcpy(p.mac, MAC, sizeof(p.mac));
	if (level == GUARD_HONEYWALL)
		rf_copy(p.redirect, sizeof(p.redirect), "vnet9");
	return p;
}

static void payloads(void **state)
{
	struct quarantine_port p = payload(GUARD_HONEYWALL);
	struct change_spec spec = port_spec(&p);

	(void)state;
	assert_int_equal(checked(&spec), 0);
	p.redirect[0] = '\0';
	spec = port_spec(&p);
	assert_int_not_equal(checked(&spec), 0);
	p = payload(GUARD_SEAL);
	rf_copy(p.mirror, sizeof(p.mirror), "eth0");
	spec = port_spec(&p);
	assert_int_equal(checked(&spec), RF_E_DENIED);
	p = payload(GUARD_SEAL);
	memset(p.mirror, 'a', sizeof(p.mirror));
	spec = port_spec(&p);
	assert_int_not_equal(checked(&spec), 0);
	p = payload(GUARD_FREE);
	spec = port_spec(&p);
	assert_int_not_equal(checked(&spec), 0);
	p = payload(GUARD_SEAL);
	p.n_services = 1;
	spec = port_spec(&p);
	assert_int_not_equal(checked(&spec), 0);
	p = payload(GUARD_SEAL);
	memset(p.mac, 0, sizeof(p.mac));
	spec = port_spec(&p);
	assert_int_not_equal(checked(&spec), 0);
}

/* What a port that was free becomes, level by level; a lower level is refused. */
static void levels_only_rise(void **state)
{
	RF_AUTOBUF struct rf_buf now = {0};
	struct guard_port port;

	(void)state;
	for (size_t i = 0; i < QUARANTINE_PORT_STATE; i++)
		rf_buf_add_byte(&now, 0);
	for (uint8_t level = GUARD_WATCHED; level <= GUARD_SEAL; level++) {
		struct quarantine_port p = payload((enum guard_quarantine)level);
		struct change_spec spec = port_spec(&p);
		RF_AUTOBUF struct rf_buf next = {0}, words = {0}, lower = {0};
		struct rf_err err = {0};

		assert_int_equal(quarantine_port_predict(&spec, rf_buf_slice(&now), &next, &err),
				 0);
		assert_int_equal(next.len, QUARANTINE_PORT_STATE);
		memset(&port, 0, sizeof(port));
		memcpy((uint8_t *)&port + PORT_SKIP, next.data + 1, sizeof(port) - PORT_SKIP);
		assert_int_equal(port.quarantine, level);
		assert_int_equal(port.mode,
				 level >= GUARD_RESTRICT ? GUARD_MODE_ENFORCE : GUARD_MODE_OBSERVE);
		assert_true(quarantine_port_show(&spec, rf_buf_slice(&next), &words));
		p = payload(GUARD_WATCHED);
		spec = port_spec(&p);
		assert_int_equal(
			quarantine_port_predict(&spec, rf_buf_slice(&next), &lower, &err) == 0,
			level == GUARD_WATCHED);
		rf_buf_reset(&now);
		rf_buf_add(&now, next.data, next.len);
	}
	rf_buf_add_byte(&now, 0);
	struct quarantine_port p = payload(GUARD_SEAL);
	struct change_spec spec = port_spec(&p);
	RF_AUTOBUF struct rf_buf out = {0};

	assert_int_equal(quarantine_port_predict(&spec, rf_buf_slice(&now), &out, NULL),
			 RF_E_SYNTAX);
	assert_int_equal(out.len, 0);
}

static void a_policy_cannot_let_out(void **state)
{
	const struct verb *verb = verb_find(&set, "guard-port");
	RF_AUTOBUF struct rf_buf before = {0}, after = {0};
	struct guard_port port;
	struct change_spec spec;

	(void)state;
	guard_port_init(&port, MAC);
	assert_int_equal(change_spec_set(&spec, "guard-port", "vnet0", NULL, NULL, NULL), 0);
	memcpy(spec.value, &port, sizeof(port));
	spec.value_bytes = sizeof(port);
	port.quarantine = GUARD_SEAL;
	rf_buf_add_byte(&before, 1);
	rf_buf_add(&before, (uint8_t *)&port + PORT_SKIP, sizeof(port) - PORT_SKIP);
	assert_int_equal(verb->predict(&spec, rf_buf_slice(&before), &after, NULL), 0);
	assert_true(rf_slice_equal(rf_buf_slice(&before), rf_buf_slice(&after)));
	memcpy(spec.value, &port, sizeof(port));
	assert_int_equal(checked(&spec), RF_E_DENIED);
}

/* ---- cables ---- */

static const char XML[] =
	"<domain><metadata><interface type='bridge'><mac address='" MAC_TEXT
	"'/><source bridge='lie'/></interface></metadata><devices>\n"
	"<interface type='direct'>\n<mac address='52:54:00:00:00:02'/>\n<source dev='eth0'/>\n"
	"</interface>\n<interface type='network'>\n<mac address='" MAC_TEXT "'/>\n"
	"<source network='default' portgroup='p1' portid='7e57' bridge='virbr0'/>\n"
	"<virtualport type='openvswitch'>\n<parameters interfaceid='i'/>\n</virtualport>\n"
	"<target dev='vnet0'/>\n<link state='up'/>\n</interface>\n</devices></domain>";

static void cables(void **state)
{
	RF_AUTOBUF struct rf_buf was = {0}, moved = {0}, now = {0}, back = {0}, again = {0};
	struct rf_slice card, none;

	(void)state;
	assert_int_equal(cable_find(rf_slice_text(XML), MAC_TEXT, &card), 0);
	assert_int_equal(cable_read(card, &was), 0);
	assert_string_equal(rf_buf_text(&was),
			    "network default p1\n<virtualport type='openvswitch'>\n<parameters "
			    "interfaceid='i'/>\n</virtualport>");
	assert_int_equal(cable_replace(card, rf_slice_text("bridge rfq525400000001"), &moved), 0);
	assert_null(strstr(rf_buf_text(&moved), "virtualport"));
	assert_non_null(strstr(rf_buf_text(&moved), "<interface type='bridge'>"));
	assert_non_null(strstr(rf_buf_text(&moved), "<target dev='vnet0'/>\n<link state='up'/>"));
	assert_int_equal(cable_read(rf_buf_slice(&moved), &now), 0);
	assert_string_equal(rf_buf_text(&now), "bridge rfq525400000001");
	assert_int_equal(cable_replace(rf_buf_slice(&moved), rf_buf_slice(&was), &back), 0);
	assert_int_equal(cable_read(rf_buf_slice(&back), &again), 0);
	assert_string_equal(rf_buf_text(&again), rf_buf_text(&was));
	assert_int_equal(cable_find(rf_slice_text(XML), "52:54:00:00:00:03", &none), RF_E_MISSING);
	assert_int_equal(cable_find(rf_slice_text(XML), "52:54:00:00:00:02", &card), 0);
	rf_buf_reset(&was);
	assert_int_equal(cable_read(card, &was), RF_E_UNSUPPORTED);
	for (size_t len = 0; len < strlen(XML); len++)
		if (cable_find((struct rf_slice){(const uint8_t *)XML, len}, MAC_TEXT, &card) == 0)
			assert_true(card.data + card.len <= (const uint8_t *)XML + len);
}

static void cables_that_are_none(void **state)
{
	static const char *const BAD[] = {
		"", "bridge", "bridge ", "wire br0", "bridge br0 p1", "bridge a'b", "bridge a<b"};
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_slice card;

	(void)state;
	assert_int_equal(cable_find(rf_slice_text(XML), MAC_TEXT, &card), 0);
	for (size_t i = 0; i < RF_COUNT(BAD); i++)
		assert_int_equal(cable_replace(card, rf_slice_text(BAD[i]), &out), RF_E_SYNTAX);
}

/* ---- wants ---- */

static size_t count_of(const struct quarantine_wants *wants, const char *verb)
{
	size_t n = 0;

	for (size_t i = 0; i < wants->count; i++)
		n += strcmp(wants->items[i].spec.verb, verb) == 0;
	return n;
}

static void wants_of_each_level(void **state)
{
	static const struct quarantine_nic NICS[] = {{MAC_TEXT, "vnet0"},
						     {"52:54:00:00:00:02", "vnet1"}};
	static const struct {
		enum quarantine_level level;
		bool running, in_libvirt, persistent;
		int rc;
		size_t ports, cables, freezes, limits;
	} CASES[] = {
		{QUARANTINE_OBSERVE, true, true, true, 0, 2, 0, 0, 0},
		{QUARANTINE_RESTRICT, true, false, false, 0, 2, 0, 0, 0},
		/* Page sharing, live and stored. */
		{QUARANTINE_RESTRICT, true, true, true, 0, 2, 0, 0, 2},
		/* And two numbers of the processor, two disks. */
		{QUARANTINE_HONEYWALL, true, true, true, 0, 2, 4, 0, 10},
		/* And two screens, which have no stored form. */
		{QUARANTINE_SEAL, true, true, true, 0, 2, 4, 0, 12},
		{QUARANTINE_SEAL, true, true, false, 0, 2, 2, 0, 7},
		{QUARANTINE_SEAL, true, false, false, 0, 2, 0, 0, 0},
		{QUARANTINE_SEAL, false, true, true, 0, 0, 2, 0, 5},
		{QUARANTINE_FREEZE, true, true, true, 0, 2, 4, 1, 12},
		{QUARANTINE_FREEZE, false, true, true, RF_E_USAGE, 0, 0, 0, 0},
		{QUARANTINE_FREEZE, true, false, false, RF_E_USAGE, 0, 0, 0, 0},
		{QUARANTINE_OBSERVE, false, true, true, RF_E_USAGE, 0, 0, 0, 0},
	};
	static const char *const DISKS[] = {"vda", "vdb"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct quarantine_wants wants = {0};
		const struct quarantine_vm vm = {.name = "web-1",
						 .uuid = UUID,
						 .running = CASES[i].running,
						 .in_libvirt = CASES[i].in_libvirt,
						 .persistent = CASES[i].persistent,
						 .nics = NICS,
						 .nics_count = 2,
						 .disks = DISKS,
						 .disks_count = 2,
						 .has_vnc = true,
						 .has_spice = true};
		const struct quarantine_order order = {.level = CASES[i].level,
						       .stage = QUARANTINE_WHOLE,
						       .honeypot = "",
						       .segment_of_honeypot = "",
						       .record = true};

		assert_int_equal(quarantine_wants_add(&wants, &vm, &order, "{}", NULL),
				 CASES[i].rc);
		if (!CASES[i].rc) {
			assert_int_equal(count_of(&wants, "quarantine-port"), CASES[i].ports);
			assert_int_equal(count_of(&wants, "vm-cable"), CASES[i].cables);
			assert_int_equal(count_of(&wants, "vm-freeze"), CASES[i].freezes);
			assert_int_equal(count_of(&wants, "quarantine-record"), 1);
			assert_int_equal(count_of(&wants, "vm-tune"), CASES[i].limits);
		}
		for (size_t w = 0; w < wants.count; w++) {
			assert_int_equal(checked(&wants.items[w].spec), 0);
			assert_string_equal(wants.items[w].spec.part, UUID);
		}
		quarantine_wants_done(&wants);
	}
}

/* A policy does not loosen what a quarantine limits, and sets all else. */
static void limits_are_held_against_a_policy(void **state)
{
	static const struct {
		const char *target;
		enum quarantine_level from; /* QUARANTINE_LEVEL_COUNT: never held */
	} CASES[] = {
		{"web-1/live/memory.page-sharing", QUARANTINE_RESTRICT},
		{"web-1/persistent/memory.page-sharing", QUARANTINE_RESTRICT},
		{"web-1/live/cpu.quota", QUARANTINE_HONEYWALL},
		{"web-1/persistent/cpu.period", QUARANTINE_HONEYWALL},
		{"web-1/live/disk.limits/vda", QUARANTINE_HONEYWALL},
		{"web-1/live/console.vnc", QUARANTINE_SEAL},
		{"web-1/live/cpu.shares", QUARANTINE_LEVEL_COUNT},
		{"web-1/live/cpu.pin.vcpu/0", QUARANTINE_LEVEL_COUNT},
		{"web-11/live/cpu.quota", QUARANTINE_LEVEL_COUNT},
		{"web/live/cpu.quota", QUARANTINE_LEVEL_COUNT},
		{"web-1", QUARANTINE_LEVEL_COUNT},
	};

	(void)state;
	for (int level = 0; level < QUARANTINE_LEVEL_COUNT; level++) {
		struct want wants[RF_COUNT(CASES) + 1] = {0};
		size_t count = RF_COUNT(wants), at = 0;

		for (size_t i = 0; i < RF_COUNT(CASES); i++) {
			rf_copy(wants[i].spec.verb, sizeof(wants[i].spec.verb), "vm-tune");
			rf_copy(wants[i].spec.target, sizeof(wants[i].spec.target),
				CASES[i].target);
		}
		/* Another verb, whatever its target is called. */
		rf_copy(wants[count - 1].spec.verb, sizeof(wants[0].spec.verb), "file");
		rf_copy(wants[count - 1].spec.target, sizeof(wants[0].spec.target),
			"web-1/live/cpu.quota");
		quarantine_limits_hold(wants, &count, "web-1", (enum quarantine_level)level);
		for (size_t i = 0; i < RF_COUNT(CASES); i++)
			if (level < (int)CASES[i].from)
				assert_string_equal(wants[at++].spec.target, CASES[i].target);
		assert_string_equal(wants[at++].spec.verb, "file");
		assert_int_equal(count, at);
	}
}

/* The cut is what the kernel does alone, the rest all else; each writes the record. */
static void stages(void **state)
{
	static const struct quarantine_nic NICS[] = {{MAC_TEXT, "vnet0"}};
	static const enum quarantine_stage STAGES[] = {QUARANTINE_CUT, QUARANTINE_REST,
						       QUARANTINE_WHOLE};
	struct quarantine_vm vm = {.name = "web-1",
				   .uuid = UUID,
				   .running = true,
				   .in_libvirt = true,
				   .persistent = true,
				   .nics = NICS,
				   .nics_count = 1};
	size_t counts[3], ports[3];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(STAGES); i++) {
		struct quarantine_wants wants = {0};
		const struct quarantine_order order = {.level = QUARANTINE_SEAL,
						       .stage = STAGES[i],
						       .honeypot = "",
						       .segment_of_honeypot = ""};

		assert_int_equal(quarantine_wants_add(&wants, &vm, &order, "{}", NULL), 0);
		counts[i] = wants.count;
		ports[i] = count_of(&wants, "quarantine-port");
		assert_int_equal(count_of(&wants, "quarantine-record"), 1);
		quarantine_wants_done(&wants);
	}
	assert_int_equal(counts[0], 2);
	assert_int_equal(ports[0], 1);
	assert_int_equal(ports[1], 0);
	assert_int_equal(counts[0] + counts[1], counts[2] + 1);
	assert_true(quarantine_has_rest(&vm, QUARANTINE_RESTRICT));
	assert_false(quarantine_has_rest(&vm, QUARANTINE_OBSERVE));
	vm.in_libvirt = false;
	assert_false(quarantine_has_rest(&vm, QUARANTINE_SEAL));
}

static void level_names(void **state)
{
	enum quarantine_level level;

	(void)state;
	for (unsigned i = 0; i < QUARANTINE_LEVEL_COUNT; i++) {
		assert_int_equal(quarantine_level_parse(
					 quarantine_level_name((enum quarantine_level)i), &level),
				 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(quarantine_level_parse("Seal", &level), RF_E_UNKNOWN);
}

static void segments(void **state)
{
	char name[IFNAMSIZ];

	(void)state;
	segment_name(MAC, name);
	assert_string_equal(name, "rfq525400000001");
	assert_true(segment_is_name(name));
	assert_false(segment_is_name("rfq52540000001"));
	assert_false(segment_is_name("rfq52540000000g"));
	assert_false(segment_is_name("rfx525400000001"));
	assert_false(segment_is_name(""));
}

/* ---- records ---- */

static void records(void **state)
{
	struct quarantine_record record = {.since_ms = 42, .cards_count = 1}, again;
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	rf_copy(record.vm, sizeof(record.vm), "web \"1\"");
	rf_copy(record.uuid, sizeof(record.uuid), UUID);
	rf_copy(record.level, sizeof(record.level), "seal");
	rf_copy(record.reason, sizeof(record.reason), "\xc3\xa4, and so on");
	rf_copy(record.cards[0].mac, sizeof(record.cards[0].mac), MAC_TEXT);
	assert_int_equal(quarantine_record_write(&record, &text, NULL), 0);
	assert_null(strchr(rf_buf_text(&text), '\n'));
	rf_buf_add_text(&text, "\nplan 20261123-101010-5f3a9c01\n");
	assert_int_equal(quarantine_record_parse(rf_buf_slice(&text), &again, NULL), 0);
	assert_string_equal(again.plan, "20261123-101010-5f3a9c01");
	again.plan[0] = '\0';
	assert_string_equal(again.vm, record.vm);
	assert_string_equal(again.reason, record.reason);
	assert_string_equal(again.cards[0].mac, MAC_TEXT);
	/* Half of it is none. */
	struct quarantine_record untouched = again;

	for (size_t len = 0; len + 40 < text.len; len += 7) {
		struct rf_slice cut = {text.data, len};

		if (quarantine_record_parse(cut, &again, NULL) < 0)
			assert_memory_equal(&again, &untouched, sizeof(again));
	}
	assert_int_equal(quarantine_record_parse(rf_slice_text("{\"vm\":\"a\"}"), &again, NULL),
			 RF_E_SYNTAX);
	/* A long name: the record says so instead of being cut. */
	record.cards_count = QUARANTINE_MAX_CARDS;
	memset(record.reason, 'r', sizeof(record.reason) - 1);
	memset(record.vm, 'v', sizeof(record.vm) - 1);
	for (size_t i = 0; i < QUARANTINE_MAX_CARDS; i++) {
		memset(record.cards[i].mac, 'm', sizeof(record.cards[i].mac) - 1);
		memset(record.cards[i].tap, 't', sizeof(record.cards[i].tap) - 1);
		memset(record.cards[i].redirect, 'x', sizeof(record.cards[i].redirect) - 1);
		memset(record.zone, '"', sizeof(record.zone) - 1);
	}
	rf_buf_reset(&text);
	int rc = quarantine_record_write(&record, &text, NULL);

	assert_true(rc == 0 ? text.len <= 2047 : rc == RF_E_LIMIT);
}

/* ---- the way to the host ---- */

static void ways_to_the_host(void **state)
{
#define V4(d)                                                                                      \
	{                                                                                          \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, d                              \
	}
#define V6(d)                                                                                      \
	{                                                                                          \
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, d                               \
	}
	static const struct access_neighbour NEIGHBOURS[] = {
		{V4(1), {0x52, 0x54, 0, 0, 0, 1}}, {V4(2), {0x52, 0x54, 0, 0, 0, 2}},
		{V4(3), {0x52, 0x54, 0, 0, 0, 3}}, {V6(1), {0x52, 0x54, 0, 0, 0, 5}},
		{V6(2), {0x52, 0x54, 0, 0, 0, 6}}, {V6(3), {0x52, 0x54, 0, 0, 0, 7}},
		{V4(4), {0x52, 0x54, 0, 0, 0, 8}},
	};
	static const struct access_files FILES = {
		"Iface\tDestination\tGateway\tFlags\n"
		"br0\t00000000\t0100000A\t0003\neth1\t0000000B\t0200000A\t0003\nnonsense\n",
		"sl local_address rem_address st\n"
		"0: 0500000A:0016 0300000A:C350 01\n1: 0500000A:0050 0200000A:C350 01\n"
		"2: 0500000A:0016 0200000A:C350 0A\n",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003 br0\n"
		"20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000003 00000400 00000001 00000000 00000003 br0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000003 ffffffff 00000001 00000000 00200200 lo\nfe80 00\n",
		"sl local_address rem_address st\n"
		"0: 000080FE000000000000000005000000:0016 000080FE000000000000000002000000:C350 01\n"
		/* IPv4 by a socket of IPv6. */
		"1: 0000000000000000FFFF00000500000A:0016 0000000000000000FFFF00000400000A:C350 "
		"01\n2: 00:0016 01\n",
		NEIGHBOURS,
		RF_COUNT(NEIGHBOURS)};
	static const struct {
		uint8_t last;
		const char *says;
	} CASES[] = {
		{1, "default gateway (10.0.0.1)"},
		{2, NULL},
		{3, "SSH from 10.0.0.3"},
		{4, NULL},
		{5, "default gateway (fe80::1)"},
		{6, "SSH from fe80::2"},
		{7, NULL},
		{8, "SSH from 10.0.0.4"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, CASES[i].last};
		RF_AUTOBUF struct rf_buf why = {0};
		bool leads = access_leads_through(&FILES, mac, &why);

		if (leads != (CASES[i].says != NULL))
			fail_msg("%u: %s", CASES[i].last, rf_buf_text(&why));
		if (CASES[i].says)
			assert_non_null(strstr(rf_buf_text(&why), CASES[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(payloads),
		cmocka_unit_test(levels_only_rise),
		cmocka_unit_test(a_policy_cannot_let_out),
		cmocka_unit_test(cables),
		cmocka_unit_test(cables_that_are_none),
		cmocka_unit_test(wants_of_each_level),
		cmocka_unit_test(limits_are_held_against_a_policy),
		cmocka_unit_test(stages),
		cmocka_unit_test(level_names),
		cmocka_unit_test(segments),
		cmocka_unit_test(records),
		cmocka_unit_test(ways_to_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
