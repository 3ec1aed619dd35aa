/* SPDX-License-Identifier: Apache-2.0 */
/* Collector ssh: order, quoting, includes and Match blocks of sshd_config; defaults; keys. */
#include "facts_test.h"

#include "base/limits.h"
#include "collect/ssh.h"

#define RSA                                                                                        \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQDUTQtpsP+ecttw+8AHfPpqnJJC/S5EOnsB5j71/QE3nA1w"             \
	"YIOSW469Y+N1ECcvPMlv5gNrjugiPN6RDNYOn07XNGSoK70iXs44wUZbMd2fxHoUjio4r06ebFmF"             \
	"SIOXrdqmWS1OAO70RH2KHKn8ZOT+ZhUwIH6LT8ZfBSAggIwcFQ=="
#define ECDSA                                                                                      \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBK5cOlmK8VDnUf9AEhEq7d5Q"             \
	"xGecJMli5gn/LdNZF7LATE7BVz5rgkVS/V6OF+E27tZH7Jgkv6iIPda1X152iEU="
#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAIEB8QwOGUTz4D2cFLgLvJK389wCAXKLHoPEKx3T2+ZN7"

static const char status_9_2[] = "Package: openssh-server\nStatus: install ok installed\n"
				 "Version: 1:9.2p1-2+deb12u10\n";

static void ssh_host(struct test_host *h, const char *config)
{
	host_make(h);
	host_file(h, "/usr/sbin/sshd", "");
	host_file(h, "/etc/passwd",
		  "root:x:0:0::/root:/bin/bash\nanna:x:7:7::/home/anna:/bin/sh\n");
	host_file(h, "/var/lib/dpkg/status", status_9_2);
	host_file(h, "/etc/ssh/sshd_config", config);
}

/* The values were compared with `sshd -T` of OpenSSH 9.2p1. */
static void one_option(void **state)
{
	static const struct {
		const char *config, *key, *want;
	} cases[] = {
		{"", "present", "1"},
		{"", "version", "9.2p1"},
		{"", "permitrootlogin", "prohibit-password"},
		{"PermitRootLogin Yes\n", "permitrootlogin", "yes"},
		{"PermitRootLogin without-password\n", "permitrootlogin", "prohibit-password"},
		{"permitrootlogin no\nPermitRootLogin yes\n", "permitrootlogin", "no"},
		{"PermitRootLogin=no\n", "permitrootlogin", "no"},
		{"PermitRootLogin = no\n", "permitrootlogin", "no"},
		{"\t \"PermitRootLogin\" \"no\" # x\n", "permitrootlogin", "no"},
		{"#PermitRootLogin no\n", "permitrootlogin", "prohibit-password"},
		{"ChallengeResponseAuthentication no\n", "kbdinteractiveauthentication", "no"},
		{"AllowUsers \"a b\" c # d\nAllowUsers=e\n", "allowusers", "a b,c,e"},
		{"", "allowusers", ""},
		{"port = 2222\nPort 22\n", "port", "2222,22"},
		{"LoginGraceTime 1m30s\n", "logingracetime", "90"},
		{"LoginGraceTime 0\n", "logingracetime", "0"},
		{"ClientAliveInterval 1H\n", "clientaliveinterval", "3600"},
		{"ClientAliveInterval soon\n", "clientaliveinterval", "soon"},
		{"Banner \"/etc/my banner\"\n", "banner", "/etc/my banner"},
		{"Banner NONE\n", "banner", "none"},
		{"ForceCommand internal-sftp -x \"a\"\n", "forcecommand", "internal-sftp -x \"a\""},
		{"Subsystem sftp internal-sftp -l INFO\n", "subsystem",
		 "sftp internal-sftp -l INFO"},
		{"AcceptEnv LANG LC_*\nAcceptEnv X\n", "acceptenv", "LANG,LC_*,X"},
		{"MaxStartups 20\n", "maxstartups", "20:30:20"},
		{"PermitOpen a:1 b:2\nPermitOpen c:3\n", "permitopen", "a:1,b:2"},
		{"AuthenticationMethods publickey,password publickey\n", "authenticationmethods",
		 "publickey,password publickey"},
		{"ListenAddress 10.0.0.1\nListenAddress [fe80::1]:22 rdomain x\n", "listenaddress",
		 "10.0.0.1,[fe80::1]:22 rdomain x"},
		{"", "listenaddress", "0.0.0.0,::"},
		{"Ciphers aes256-ctr\n", "ciphers", "aes256-ctr"},
		{"Ciphers +aes128-cbc,aes128-ctr\n", "ciphers",
		 "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,"
		 "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-cbc"},
		{"MACs -*sha1*,umac*,*-etm@*\n", "macs", "hmac-sha2-256,hmac-sha2-512"},
		{"Ciphers ^aes256-ctr,aes128-cbc\n", "ciphers",
		 "aes256-ctr,aes128-cbc,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
		 "aes128-gcm@openssh.com,aes256-gcm@openssh.com"},
		{"Match all\nPermitRootLogin yes\n", "permitrootlogin", "prohibit-password"},
		{"X11Forwarding\nX11Forwarding \"no\nX11Forwarding yes\n", "x11forwarding", "yes"},
		{"Novelty 5\n", "novelty", "5"},
		{"", "hostkey", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;
		char sql[128];

		ssh_host(&h, cases[i].config);
		host_collect(&h, collect_ssh);
		snprintf(sql, sizeof(sql), "SELECT value FROM ssh_option WHERE key='%s'",
			 cases[i].key);
		if (strcmp(host_ask(&h, sql), cases[i].want) != 0)
			fail_msg("%s: %s is %s", cases[i].config, cases[i].key, host_ask(&h, sql));
		host_done(&h);
	}
}

static void includes_and_matches(void **state)
{
	struct test_host h;

	(void)state;
	ssh_host(&h, "Include sshd_config.d/*.conf missing.conf\n"
		     "PermitRootLogin yes\n"
		     "Match User  bob Address 10.0.0.0/8\n"
		     "  PasswordAuthentication yes\n"
		     "  Include /etc/ssh/extra\n"
		     "  AllowUsers x y\n"
		     "match GROUP \"my ops\"\n"
		     "\tBanner none\n");
	host_file(&h, "/etc/ssh/sshd_config.d/20-b.conf", "PermitRootLogin prohibit-password\n");
	host_file(&h, "/etc/ssh/sshd_config.d/10-a.conf",
		  "PermitRootLogin no\nMatch Host a\nX11Forwarding yes\n");
	host_file(&h, "/etc/ssh/sshd_config.d/30-c.txt", "MaxAuthTries 99\n");
	host_file(&h, "/etc/ssh/extra", "MaxAuthTries 2\nMatch LocalPort 23\nPermitTTY no\n");
	host_collect(&h, collect_ssh);
	assert_fact(&h, "SELECT value||' '||source FROM ssh_option WHERE key='permitrootlogin'",
		    "no /etc/ssh/sshd_config.d/10-a.conf:1");
	assert_fact(&h, "SELECT value FROM ssh_option WHERE key='maxauthtries'", "6");
	/* A Match block of an included file ends with that file. */
	assert_fact(&h, "SELECT value FROM ssh_option WHERE key='x11forwarding'", "no");
	assert_fact(&h,
		    "SELECT group_concat(criteria||'>'||key||'='||value, '; ') FROM "
		    "(SELECT * FROM ssh_match ORDER BY item)",
		    "Host a>x11forwarding=yes; "
		    "User bob Address 10.0.0.0/8>passwordauthentication=yes; "
		    "User bob Address 10.0.0.0/8>maxauthtries=2; "
		    "User bob Address 10.0.0.0/8, LocalPort 23>permittty=no; "
		    "User bob Address 10.0.0.0/8>allowusers=x,y; "
		    "GROUP my ops>banner=none");
	assert_fact(&h, "SELECT source FROM ssh_match WHERE key='permittty'", "/etc/ssh/extra:3");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void a_circle_ends(void **state)
{
	struct test_host h;

	(void)state;
	ssh_host(&h, "PermitRootLogin no\nInclude sshd_config sshd_config\n");
	host_collect(&h, collect_ssh);
	/* Who knows what would have come first: nothing is claimed. */
	assert_fact(&h, "SELECT count(*) FROM ssh_option WHERE key NOT IN ('present','version')",
		    "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='ssh_option' AND key=''", "1");
	host_done(&h);
}

static void without_rights(void **state)
{
	struct test_host h;

	(void)state;
	ssh_host(&h, "");
	host_meta(&h, "/etc/ssh/sshd_config\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_ssh);
	assert_fact(&h, "SELECT count(*) FROM ssh_option", "2");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='ssh_option' AND key=''",
		    "/etc/ssh/sshd_config cannot be read: run as root");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='ssh_key' AND key=''", "1");
	host_done(&h);
}

static void no_sshd(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/ssh/sshd_config", "PermitRootLogin yes\n");
	host_collect(&h, collect_ssh);
	assert_fact(&h, "SELECT value FROM ssh_option", "0");
	assert_fact(&h, "SELECT count(*) FROM ssh_option", "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void defaults_follow_the_version(void **state)
{
	static const struct {
		const char *version, *sql, *want;
	} cases[] = {
		{"1:8.0p1-1",
		 "SELECT value LIKE '%group14-sha1' FROM ssh_option WHERE "
		 "key='kexalgorithms'",
		 "1"},
		{"1:8.4p1-5",
		 "SELECT value LIKE '%sha1%' OR value LIKE '%sntrup%' FROM ssh_option "
		 "WHERE key='kexalgorithms'",
		 "0"},
		{"1:8.7p1-1",
		 "SELECT value LIKE '%,ssh-rsa' FROM ssh_option WHERE "
		 "key='hostkeyalgorithms'",
		 "1"},
		{"1:8.9p1-3ubuntu0.10",
		 "SELECT value LIKE '%ssh-rsa' FROM ssh_option WHERE "
		 "key='hostkeyalgorithms'",
		 "0"},
		{"1:9.6p1-3ubuntu13",
		 "SELECT substr(value,1,6) FROM ssh_option WHERE "
		 "key='kexalgorithms'",
		 "sntrup"},
		{"1:10.0p1-7",
		 "SELECT substr(value,1,17)||(value LIKE '%diffie%') FROM ssh_option "
		 "WHERE key='kexalgorithms'",
		 "mlkem768x25519-sh0"},
		{"1:9.0p1-1", "SELECT value FROM ssh_option WHERE key='requiredrsasize'", "-"},
		{"1:9.1p1-1", "SELECT value FROM ssh_option WHERE key='requiredrsasize'", "1024"},
		{"none", "SELECT reason FROM fact_gap WHERE key='ciphers'",
		 "ciphers depends on the version of OpenSSH, which could not be found: set it in "
		 "full"},
		{"none", "SELECT value FROM ssh_option WHERE key='macs'", "umac-128@openssh.com"},
		{"none", "SELECT value FROM ssh_option WHERE key='kexalgorithms'", "-"},
		{"none", "SELECT value FROM ssh_option WHERE key='maxauthtries'", "6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;
		char status[256];

		ssh_host(&h, "KexAlgorithms +x\nMACs -hmac*,*etm*,umac-64*\n");
		if (!strstr(cases[i].sql, "kex") || strcmp(cases[i].version, "none") != 0)
			host_file(&h, "/etc/ssh/sshd_config", "MACs -hmac*,*etm*,umac-64*\n");
		snprintf(status, sizeof(status),
			 "Package: openssh-server\nStatus: install ok installed\nVersion: %s\n",
			 cases[i].version);
		host_file(&h, "/var/lib/dpkg/status",
			  strcmp(cases[i].version, "none") ? status : "");
		host_collect(&h, collect_ssh);
		if (strcmp(host_ask(&h, cases[i].sql), cases[i].want) != 0)
			fail_msg("%s: %s: %s", cases[i].version, cases[i].sql,
				 host_ask(&h, cases[i].sql));
		host_done(&h);
	}
}

static void keys(void **state)
{
	struct test_host h;

	(void)state;
	ssh_host(&h, "HostKey /etc/ssh/a\nHostKey /etc/ssh/b\nHostKey /etc/ssh/gone\n"
		     "AuthorizedKeysFile .ssh/authorized_keys /etc/keys/%u /etc/keys/everyone\n");
	host_file(&h, "/etc/ssh/a", "private");
	host_file(&h, "/etc/ssh/a.pub", "ssh-rsa " RSA " root@h\n");
	host_file(&h, "/etc/ssh/b", "private");
	host_meta(&h, "/etc/ssh/b\tf\t0640\t0\t0");
	host_file(&h, "/root/.ssh/authorized_keys",
		  "# mine\n\nssh-rsa " RSA " me\n"
		  "from=\"10.0.0.1,\\\" x\",no-pty ecdsa-sha2-nistp256 " ECDSA "\n"
		  "no-pty ssh-ed25519 " ED25519 " restrict\n"
		  "garbage\nssh-rsa AAAA\nssh-rsa " ED25519 "\n");
	host_meta(&h, "/root/.ssh/authorized_keys\tf\t0644\t0\t0");
	host_file(&h, "/etc/keys/anna", "restrict ssh-ed25519 " ED25519 "\n");
	host_file(&h, "/etc/keys/everyone", "ssh-ed25519 " ED25519 "\n");
	host_collect(&h, collect_ssh);
	assert_fact(&h,
		    "SELECT algorithm||bits||kind||account||source FROM ssh_key "
		    "WHERE file='/etc/ssh/a'",
		    "ssh-rsa1024hostroot/etc/ssh/a.pub:1");
	assert_fact(&h, "SELECT mode FROM ssh_key WHERE file='/etc/ssh/b'", "416");
	assert_fact(&h, "SELECT bits FROM ssh_key WHERE file='/etc/ssh/b'", "NULL");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='/etc/ssh/b/1'", "2");
	assert_fact(&h, "SELECT count(*) FROM ssh_key WHERE file='/etc/ssh/gone'", "0");
	assert_fact(&h,
		    "SELECT group_concat(line||algorithm||bits||restricted||account||mode, ';') "
		    "FROM ssh_key WHERE file LIKE '/root%'",
		    "3ssh-rsa10240root420;4ecdsa-sha2-nistp2562561root420;"
		    "5ssh-ed255192560root420");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='ssh_key' AND key LIKE '/root%'",
		    "3");
	assert_fact(&h, "SELECT account||restricted FROM ssh_key WHERE file='/etc/keys/anna'",
		    "anna1");
	assert_fact(&h, "SELECT account FROM ssh_key WHERE file='/etc/keys/everyone'", "ALL");
	host_done(&h);
}

static void options_before_a_key(void **state)
{
	static const struct {
		const char *options;
		bool restricted;
	} cases[] = {
		{"", false},
		{"no-pty", false},
		{"restrict", true},
		{"no-pty,RESTRICT,pty", true},
		{"restricted", false},
		{"environment=\"X=from=a\"", false},
		{"environment=\"a,from=b\"", false},
		{"environment=\"\\\",command=\\\"\"", false},
		{"command=\"ls\"", true},
		{"From=\"a\"", true},
		{"from", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (ssh_options_restrict(cases[i].options, strlen(cases[i].options)) !=
		    cases[i].restricted)
			fail_msg("%s", cases[i].options);
	}
}

static void hostile_keys(void **state)
{
	static const char *const blobs[] = {
		"",
		"AAAA",
		"AAAAB3NzaC1yc2E=",
		"////////",
		"AAAAAAAA",
		"AAAAB3Nz!C1yc2E=",
		"AAAAC3NzaC1lZDI1NTE5AAA",
		"AAAAAXg=",
	};
	struct ssh_public_key key = {.bits = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
		int rc = ssh_public_key_parse(blobs[i], strlen(blobs[i]), &key);

		/* The last is a well-formed key of an algorithm that nobody knows. */
		assert_int_equal(rc, i == 7 ? 0 : RF_E_SYNTAX);
		assert_int_equal(key.bits, i == 7 ? 0 : 77);
	}
	assert_int_equal(ssh_public_key_parse(ED25519, strlen(ED25519), &key), 0);
	assert_string_equal(key.algorithm, "ssh-ed25519");
	assert_int_equal(key.bits, 256);
	assert_int_equal(ssh_version_number("9.2p1"), 902);
	assert_int_equal(ssh_version_number("10.0p2"), 1000);
	assert_int_equal(ssh_version_number("p1"), 0);
	assert_int_equal(ssh_version_number("7"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_option),	 cmocka_unit_test(includes_and_matches),
		cmocka_unit_test(a_circle_ends), cmocka_unit_test(without_rights),
		cmocka_unit_test(no_sshd),	 cmocka_unit_test(defaults_follow_the_version),
		cmocka_unit_test(keys),		 cmocka_unit_test(options_before_a_key),
		cmocka_unit_test(hostile_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
