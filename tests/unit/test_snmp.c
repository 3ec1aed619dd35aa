/* SPDX-License-Identifier: Apache-2.0 */
/* snmpd.conf: who may ask, and how. */
#include "facts_test.h"
#include "base/mem.h"

static void test_lines(void **state)
{
	/* kind|version|level|well_known|writable|scope */
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"rocommunity public\n", "community|1||1|0|any"},
		{"rocommunity public default -V sys\n", "community|1||1|0|any"},
		{"rocommunity Public\n", "community|1||0|0|any"} /* case matters */,
		{"rocommunity s3cret 192.0.2.0/24\n", "community|1||0|0|192.0.2.0/24"},
		{"RWCOMMUNITY6 private ::1 # x\n", "community|1||1|1|::1"},
		{"authcommunity log,execute,write \"public\"\n", "community|1||1|1|any"},
		{"rouser bob\n", "user|3|auth|0|0|any"},
		{"rouser bob priv .1.3\n", "user|3|priv|0|0|any"},
		{"rwuser -s tsm bob noauth\n", "user|3|noauth|0|1|any"},
		{"authuser read,write bob authPriv\n", "user|3|priv|0|1|any"},
		{"agentAddress udp:127.0.0.1:161,udp6:[::1]:161\n",
		 "listen|0||0|0|udp:127.0.0.1:161,udp6:[::1]:161"},
		{"com2sec me 192.0.2.1 public\ngroup g v2c me\n"
		 "access g \"\" any noauth exact all none none\n",
		 "community|1||1|0|192.0.2.1"},
		{"com2sec -Cn ctx me default other\ngroup g v1 me\n"
		 "access g \"\" v1 noauth exact all all none\n",
		 "community|1||0|1|any"},
		{"com2sec me default public\n", "-"}, /* no group takes it in */
		{"com2sec me default public\ngroup g v1 me\n", "-"},
		{"group g usm bob\naccess g \"\" usm authPriv exact all none none\n",
		 "user|3|priv|0|0|any"},
		{"createUser bob SHA key AES key\n", "-"}, /* grants nothing by itself */
		{"[snmp]\nrocommunity public\n", "-"},
		{"[snmp]\n[snmpd]\nrocommunity public\n", "community|1||1|0|any"},
		{"rocommunity\nrouser\nagentaddress\ngroup\naccess a\ncom2sec x\n# rocommunity public\n",
		 "-"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/snmp/snmpd.conf", rows[i].text);
		host_collect(&h, collect_snmp);
		const char *got = host_ask(
			&h,
			"SELECT kind || '|' || version || '|' || level || '|' || well_known || '|' "
			"|| writable || '|' || scope FROM snmp_access");

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].text, got, rows[i].want);
		host_done(&h);
	}
}

static void test_includes(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/snmp/snmpd.conf",
		  "includeDir /etc/snmp/snmpd.conf.d\nincludeFile more.conf\nrouser last\n");
	host_file(&h, "/etc/snmp/snmpd.conf.d/a.conf",
		  "[snmp]\nincludeFile /etc/snmp/snmpd.conf\n");
	host_file(&h, "/etc/snmp/more.conf", "\nrocommunity topsecret\n");
	host_collect(&h, collect_snmp);
	assert_fact(&h, "SELECT group_concat(source || kind) FROM snmp_access",
		    "/etc/snmp/more.conf:2community,/etc/snmp/snmpd.conf:3user");
	/* The text of a community is nowhere. */
	assert_fact(&h,
		    "SELECT count(*) FROM snmp_access WHERE file || kind || level || scope || "
		    "source LIKE '%topsecret%'",
		    "0");
	host_done(&h);
}

static void test_unreadable(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_meta(&h, "/etc/snmp/snmpd.conf\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_snmp);
	assert_fact(&h, "SELECT reason LIKE '%run as root%' FROM fact_gap", "1");
	host_done(&h);
	host_make(&h);
	host_collect(&h, collect_snmp);
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
