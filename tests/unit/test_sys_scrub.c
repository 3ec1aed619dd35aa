/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets do not pass, what is none stays as it is, and scrubbing twice changes nothing. */
#include <errno.h>

#include "facts_test.h"
#include "base/mem.h"
#include "sys/scrub.h"

struct row {
	const char *path, *in, *want; /* want NULL: unchanged */
};

static const struct row account_rows[] = {
	{"/etc/shadow", "root:$y$j9T$salt$hash:19000:0:99999:7:::\nbin:*:1::::::\n",
	 "root:$y$*:19000:0:99999:7:::\nbin:*:1::::::\n"},
	{"/etc/shadow", "a:!$6$rounds=5000$s$h:1\nb:!!:1\nc::1\nd:!:1\ne:!*:1\n",
	 "a:!$6$*:1\nb:!!:1\nc::1\nd:!:1\ne:!*:1\n"},
	{"/etc/shadow-", "old:abJnggxhB/yWI:1\nodd:what is this:1", "old:(des)*:1\nodd:(secret):1"},
	{"/etc/shadow", "bsdi:_J9..CCCCXBrApnT0/JQ:1\nagain:_*:1\n", "bsdi:_*:1\nagain:_*:1\n"},
	{"/etc/shadow", "no colon at all\n:::\n", NULL},
	{"/etc/gshadow", "wheel:$6$abc$def::root\ndisk:*::\n", "wheel:$6$*::root\ndisk:*::\n"},
	{"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n+::::::\n", NULL},
	{"/etc/passwd", "r:abJnggxhB/yWI:0:0::/:/bin/sh\n", "r:(des)*:0:0::/:/bin/sh\n"},
	{"/etc/security/opasswd", "u:1000:1:$5$abc$0123456789abc,$1$x$0123456789abcdef\n",
	 "u:1000:1:$5$*\n"},
	{"/etc/ldap.secret", "hunter2\n", "(secret)\n"},
	{"/etc/ldap.secret", "\n", NULL},
	{"/etc/sssd/sssd.conf",
	 "ldap_default_authtok_type = password\nldap_default_authtok = p w\n",
	 "ldap_default_authtok_type = password\nldap_default_authtok = (secret)\n"},
	{"/etc/nslcd.conf", "uri ldap://h/\nbindpw s3cret\n#bindpw older\n",
	 "uri ldap://h/\nbindpw (secret)\n#bindpw (secret)\n"},
};

static const struct row service_rows[] = {
	{"/etc/snmp/snmpd.conf", "rocommunity public default\nrwcommunity private\n", NULL},
	{"/etc/snmp/snmpd.conf", "rocommunity Public\nROCOMMUNITY6 \"my net\" 10.0.0.0/8\n",
	 "rocommunity (secret)\nROCOMMUNITY6 \"(secret)\" 10.0.0.0/8\n"},
	{"/etc/snmp/snmpd.conf", "com2sec -Cn ctx ro default s3c\ncom2sec ro default public\n",
	 "com2sec -Cn ctx ro default (secret)\ncom2sec ro default public\n"},
	{"/etc/snmp/snmpd.conf", "createUser -e 0x80 bob SHA-256 \"auth pass\" AES privpass\n",
	 "createUser -e 0x80 bob SHA-256 \"(secret)\" AES (secret)\n"},
	{"/etc/snmp/snmpd.conf", "trapsess -v 2c -c comm -Afoo host\n",
	 "trapsess -v 2c -c (secret) -A(secret) host\n"},
	{"/etc/snmp/snmpd.conf", "trapsink 10.0.0.1 comm 162\nrouser bob authpriv\n",
	 "trapsink 10.0.0.1 (secret) 162\nrouser bob authpriv\n"},
	{"/var/lib/snmp/snmpd.conf", "usmUser 1 3 0x80 \"bob\" \"bob\" NULL .1.3 0xkey .1 0xkey\n",
	 "usmUser 1 (secret) (secret) \"(secret)\" \"(secret)\" (secret) (secret) (secret) "
	 "(secret) (secret)\n"},
	{"/proc/net/snmp", "Ip: Forwarding DefaultTTL\n", NULL},
	{"/boot/grub/grub.cfg",
	 "set superusers=\"root\"\npassword_pbkdf2 root "
	 "grub.pbkdf2.sha512.10000.AAAA.BBBB\n",
	 "set superusers=\"root\"\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.(secret)\n"},
	{"/boot/grub/grub.cfg", "  password root plain\n", "  password root (secret)\n"},
	{"/boot/grub/grub.cfg", "password_pbkdf2 root\n", NULL},
	{"/etc/iscsi/iscsid.conf",
	 "node.session.auth.username = u\n"
	 "node.session.auth.password_in = two words\n",
	 "node.session.auth.username = u\nnode.session.auth.password_in = (secret)\n"},
	{"/etc/rtslib-fb-target/saveconfig.json",
	 "{\"chap_password\": \"a\\\"b\", \"chap_userid\": \"u\", \"password\": \"\"}",
	 "{\"chap_password\": \"(secret)\", \"chap_userid\": \"u\", \"password\": \"\"}"},
	{"/etc/tgt/conf.d/a.conf", "<target x>\n incominguser joe pw\n</target>\n",
	 "<target x>\n incominguser joe (secret)\n</target>\n"},
	{"/etc/chrony/chrony.keys", "1 SHA1 HEX:A1B2\n# comment\n2 plainkey\n",
	 "1 SHA1 (secret)\n# comment\n2 (secret)\n"},
	{"/etc/apt/auth.conf.d/x.conf", "machine h login joe password pw\n",
	 "machine h login joe password (secret)\n"},
	{"/etc/apt/sources.list", "deb https://joe:pw@deb.example/debian stable main\n",
	 "deb https://joe:(secret)@deb.example/debian stable main\n"},
	{"/etc/apt/sources.list", "deb http://deb.example:8080/ a\n# mailto://joe@x\n", NULL},
	{"/etc/systemd/system/a.service", "[Service]\nExecStart=/bin/x --token=abc --verbose\n",
	 "[Service]\nExecStart=/bin/x --token=(secret) --verbose\n"},
	{"/etc/fstab", "//h/s /mnt cifs username=u,password=p,vers=3 0 0\n",
	 "//h/s /mnt cifs username=u,password=(secret),vers=3 0 0\n"},
	{"/etc/ssh/sshd_config", "PasswordAuthentication no\nPermitRootLogin no\n", NULL},
	{"/etc/anything",
	 "-----BEGIN RSA PRIVATE KEY-----\nMII\nabc\n-----END RSA PRIVATE KEY-----\n"
	 "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
	 "-----BEGIN RSA PRIVATE KEY-----\n(secret)\n-----END RSA PRIVATE KEY-----\n"
	 "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"},
	{"/etc/anything", "-----BEGIN PRIVATE KEY-----cut",
	 "-----BEGIN PRIVATE KEY-----\n(secret)\n"},
	{"/root/ks.cfg", "rootpw --iscrypted $6$salt$0123456789abcdef\ncost $6$ each\n",
	 "rootpw --iscrypted $6$*\ncost $6$ each\n"},
};

static const struct row vm_rows[] = {
	{"/etc/libvirt/qemu.conf", "vnc_password = \"X\"\n#spice_password = \"Y\"\nvnc_tls = 1\n",
	 "vnc_password = \"(secret)\"\n#spice_password = \"(secret)\"\nvnc_tls = 1\n"},
	{"/etc/libvirt/qemu.conf", "vnc_password = \"\"\n", NULL},
	{"/etc/libvirt/qemu/a.xml", "<graphics type='vnc' passwd='pw' passwdValidTo='2030'/>",
	 "<graphics type='vnc' passwd='(secret)' passwdValidTo='2030'/>"},
	{"/tmp/no-suffix", " <domain><graphics passwd = \"p'w\"/></domain>",
	 " <domain><graphics passwd = \"(secret)\"/></domain>"},
	{"/x.xml",
	 "<password>pw</password><password/><cookie name='a'>v</cookie><passwd> </passwd>",
	 "<password>(secret)</password><password/><cookie name='a'>(secret)</cookie>"
	 "<passwd> </passwd>"},
	{"/x.xml", "<password><![CDATA[a<b]]></password>", "<password>(secret)</password>"},
	{"/x.xml", "<description>password='oops</description><name>n</name>",
	 "<description>password='(secret)</description><name>n</name>"},
	{"/x.xml", "<qemu:arg value='secret,id=s,data=abc'/><x data='1'/>",
	 "<qemu:arg value='secret,id=s,data=(secret)'/><x data='1'/>"},
	{"/x.xml", "<qemu:arg value='{&quot;password&quot;:&quot;pw&quot;}'/>",
	 "<qemu:arg value='{&quot;password&quot;:&quot;(secret)&quot;}'/>"},
	{"/vm/a.vmx",
	 "RemoteDisplay.vnc.key = \"abc\"\nremotedisplay.VNC.Password=\"a\\\"\n"
	 "RemoteDisplay.vnc.enabled = \"TRUE\"\n",
	 "RemoteDisplay.vnc.key = \"(secret)\"\nremotedisplay.VNC.Password=\"(secret)\"\n"
	 "RemoteDisplay.vnc.enabled = \"TRUE\"\n"},
	{"/vm/a.vmx",
	 "guestinfo.userdata = \"IyEv\"\ndataFileKey = \"vmware:key/x\"\n"
	 "encryption.keySafe = \"v\"\nencryption.required = \"TRUE\"\n",
	 "guestinfo.userdata = \"(secret)\"\ndataFileKey = \"(secret)\"\n"
	 "encryption.keySafe = \"(secret)\"\nencryption.required = \"TRUE\"\n"},
	{"/vm/a.vmx", "annotation = \"web|0Aroot password: hunter2 end\"\n",
	 "annotation = \"web|0Aroot password: (secret) end\"\n"},
	{"/vm/any", "config.version = \"8\"\nRemoteDisplay.vnc.password = \"p\"\n",
	 "config.version = \"8\"\nRemoteDisplay.vnc.password = \"(secret)\"\n"},
};

static void check(const struct row *row)
{
	const char *want = row->want ? row->want : row->in;
	RF_AUTOBUF struct rf_buf buf = {0};

	rf_buf_add_text(&buf, row->in);
	for (int pass = 1; pass <= 2; pass++) {
		assert_int_equal(scrub_file(row->path, NULL, &buf), 0);
		if (strcmp(rf_buf_text(&buf), want) != 0)
			fail_msg("%s, pass %d:\n%s\nwanted\n%s", row->path, pass, rf_buf_text(&buf),
				 want);
	}
}

static void test_accounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(account_rows); i++)
		check(&account_rows[i]);
}

static void test_services(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(service_rows); i++)
		check(&service_rows[i]);
}

static void test_machines(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(vm_rows); i++)
		check(&vm_rows[i]);
}

/* Arguments are separated by NUL; "|" stands for it here. */
static void test_command_lines(void **state)
{
	static const struct row rows[] = {
		{NULL, "qemu|-vnc|:0,password=on|-name|a,,b|",
		 "qemu|-vnc|:0,password=on|-name|a,,b|"},
		{NULL, "qemu|-spice|port=5900,password=a,,b,addr=::|",
		 "qemu|-spice|port=5900,password=(secret),addr=::|"},
		{NULL, "qemu|-object|secret,id=m,format=raw,file=/k|-object|secret,id=s,data=QQ==|",
		 "qemu|-object|secret,id=m,format=raw,file=/k|-object|secret,id=s,data=(secret)|"},
		{NULL,
		 "qemu|-object|{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"QQ\"}|-x|data=1|",
		 "qemu|-object|{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"(secret)\"}|-x|data=1|"},
		{NULL, "qemu|-drive|file=rbd:p/i:id=a:key=AQ==:mon=h,password-secret=s0|",
		 "qemu|-drive|file=rbd:p/i:id=a:key=(secret),password-secret=s0|"},
		{NULL, "x|--password|hunter2|--verbose|--Password=a b|passwd=|",
		 "x|--password|(secret)|--verbose|--Password=(secret)|passwd=|"},
		{NULL, "q|-smbios|type=11,value=io.systemd.credential:root=pw|",
		 "q|-smbios|type=11,value=io.systemd.credential:root=(secret)|"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		rf_buf_add_text(&buf, rows[i].in);
		for (size_t k = 0; k < buf.len; k++)
			buf.data[k] = buf.data[k] == '|' ? 0 : buf.data[k];
		assert_int_equal(scrub_file("/proc/12/cmdline", NULL, &buf), 0);
		assert_int_equal(scrub_file("/proc/12/cmdline", NULL, &buf), 0);
		for (size_t k = 0; k < buf.len; k++)
			buf.data[k] = buf.data[k] ? buf.data[k] : '|';
		assert_string_equal(rf_buf_text(&buf), rows[i].want);
	}
}

static void test_by_the_real_path(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	(void)state;
	rf_buf_add_text(&buf, "root:$y$j9T$s$h:1\n");
	assert_int_equal(scrub_file("/srv/link", "/etc/shadow", &buf), 0);
	assert_string_equal(rf_buf_text(&buf), "root:$y$*:1\n");
}

static void test_two_byte_text_is_refused(void **state)
{
	static const char texts[][9] = {"\xff\xfe<\0d\0", "\xfe\xff\0<\0d", "<\0d\0o\0",
					"\0<\0d\0o"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		rf_buf_add(&buf, texts[i], 6);
		assert_int_equal(scrub_file("/a.xml", NULL, &buf), RF_E_UNSUPPORTED);
		assert_int_equal(buf.len, 0);
	}
}

static void test_probe_answers(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	(void)state;
	rf_buf_add_text(&buf, "{\"xml\":\"<graphics passwd='a'/><g passwd=\\\"b\\\"/>\\n\"}");
	assert_int_equal(scrub_probe("uname", &buf), 0);
	assert_non_null(strstr(rf_buf_text(&buf), "passwd='a'"));
	assert_int_equal(scrub_probe("libvirt", &buf), 0);
	assert_string_equal(rf_buf_text(&buf), "{\"xml\":\"<graphics passwd='(secret)'/>"
					       "<g passwd=\\\"(secret)\\\"/>\\n\"}");
}

/* Without memory nothing passes as if it had been scrubbed. */
static void test_no_memory(void **state)
{
	(void)state;
	for (size_t n = 1; n < 8; n++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		rf_buf_add_text(&buf, "root:$y$j9T$s$h:1\n");
		rf_alloc_fail_after(n);
		int rc = scrub_file("/etc/shadow", NULL, &buf);

		rf_alloc_fail_after(0);
		if (rc == 0)
			assert_null(strstr(rf_buf_text(&buf), "j9T"));
		else
			assert_int_equal(rc, -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_by_the_real_path),
		cmocka_unit_test(test_two_byte_text_is_refused),
		cmocka_unit_test(test_probe_answers),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
