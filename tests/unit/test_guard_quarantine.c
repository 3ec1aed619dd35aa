/* SPDX-License-Identifier: Apache-2.0 */
/* The quarantine of a port, without a kernel: services as text, and what no port may be. What the
 * programs do with it: tests/system/test_quarantine.py. */
#include <arpa/inet.h>

#include "base/mem.h"
#include "facts_test.h"
#include "isolate/guard/guard.h"

static const uint8_t MAC[6] = {0x52, 0x54, 0, 0, 0, 1};

static void services(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *words; /* of the last one */
	} CASES[] = {
		{"dhcp", 0, "[any]:udp/547"},
		{"dhcp", RF_E_DUPLICATE, NULL},
		{"10.0.0.53:udp/53", 0, "10.0.0.53:udp/53"},
		{"10.0.0.53:tcp/53", 0, "10.0.0.53:tcp/53"},
		{"10.0.0.5", 0, "10.0.0.5"},
		{"[2001:db8::1]:tcp/22", 0, "[2001:db8::1]:tcp/22"},
		{"2001:db8::5", 0, "[2001:db8::5]"},
		{"[2001:db8::6]", 0, "[2001:db8::6]"},
		{"10.0.0.6", RF_E_LIMIT, NULL},
		{"", RF_E_SYNTAX, NULL},
		{"any", RF_E_SYNTAX, NULL},
		{"0.0.0.0", RF_E_SYNTAX, NULL},
		{"::", RF_E_SYNTAX, NULL},
		{"10.0.0.53:", RF_E_SYNTAX, NULL},
		{"10.0.0.53:udp", RF_E_SYNTAX, NULL},
		{"10.0.0.53:udp/0", RF_E_SYNTAX, NULL},
		{"10.0.0.53:udp/65536", RF_E_SYNTAX, NULL},
		{"10.0.0.53:icmp/1", RF_E_SYNTAX, NULL},
		{"10.0.0.0/24", RF_E_SYNTAX, NULL},
		{"[2001:db8::1", RF_E_SYNTAX, NULL},
		{"[2001:db8::1]tcp/22", RF_E_SYNTAX, NULL},
		{"[]:tcp/22", RF_E_SYNTAX, NULL},
		{"dhcp ", RF_E_SYNTAX, NULL},
		{"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
		 RF_E_SYNTAX, NULL},
	};
	struct guard_port port;

	(void)state;
	guard_port_init(&port, MAC);
	port.quarantine = GUARD_RESTRICT;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf words = {0};
		struct guard_port before = port;
		struct rf_err err = {0};

		assert_int_equal(guard_service_add(&port, CASES[i].text, &err), CASES[i].rc);
		if (CASES[i].rc) {
			assert_memory_equal(&before, &port, sizeof(port));
			assert_non_null(strstr(err.text, CASES[i].text));
			continue;
		}
		guard_service_words(&port.services[port.n_services - 1], &words);
		assert_string_equal(rf_buf_text(&words), CASES[i].words);
	}
	assert_int_equal(port.n_services, GUARD_SERVICES);
	assert_int_equal(guard_port_check(&port, NULL), 0);
}

static void level(struct guard_port *p)
{
	p->quarantine = GUARD_SEAL + 1;
}
static void sealed(struct guard_port *p)
{
	p->quarantine = GUARD_SEAL;
}
static void sealed_uplink(struct guard_port *p)
{
	memset(p->mac, 0, 6);
	p->role = GUARD_ROLE_UPLINK;
	p->quarantine = GUARD_SEAL;
}
static void many(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
	p->n_services = GUARD_SERVICES + 1;
}
static void listed_not_restricted(struct guard_port *p)
{
	p->quarantine = GUARD_SEAL;
	assert_int_equal(guard_service_add(p, "10.0.0.1", NULL), 0);
}
static void behind_the_list(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
	p->services[0].family = 4;
}
static void no_family(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
	p->n_services = 1;
}
static void wide_v4(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
	p->n_services = 1;
	p->services[0].family = 4;
	p->services[0].address[0] = 1;
}
static void port_of_nothing(struct guard_port *p)
{
	p->quarantine = GUARD_RESTRICT;
	p->n_services = 1;
	p->services[0].family = 4;
	p->services[0].port = htons(1);
}
static void wall_to_nowhere(struct guard_port *p)
{
	p->quarantine = GUARD_HONEYWALL;
}
static void wall(struct guard_port *p)
{
	p->quarantine = GUARD_HONEYWALL;
	p->redirect_ifindex = 7;
	p->mirror_ifindex = 8;
}
static void copied_and_free(struct guard_port *p)
{
	p->mirror_ifindex = 8;
}
static void mirror_far(struct guard_port *p)
{
	p->quarantine = GUARD_WATCHED;
	p->mirror_ifindex = UINT32_MAX;
}
static void stray_bit(struct guard_port *p)
{
	p->reserved[1] = 1;
}

static void ports_are_checked(void **state)
{
	static const struct {
		void (*change)(struct guard_port *p);
		bool good;
	} CASES[] = {
		{level, false},
		{sealed, true},
		{sealed_uplink, false},
		{many, false},
		{behind_the_list, false},
		{listed_not_restricted, false},
		{no_family, false},
		{wide_v4, false},
		{port_of_nothing, false},
		{wall_to_nowhere, false},
		{wall, true},
		{copied_and_free, false},
		{mirror_far, false},
		{stray_bit, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct guard_port port;
		struct rf_err err = {0};

		guard_port_init(&port, MAC);
		CASES[i].change(&port);
		assert_int_equal(guard_port_check(&port, &err) == 0, CASES[i].good);
		assert_int_equal(err.code == 0, CASES[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services),
		cmocka_unit_test(ports_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
