/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of configuration text: one table of cases for each syntax, and what holds for all. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit.h"

static const struct edit_case {
	const char *name, *style, *op, *section, *key, *value;
	const char *in;
	const char *want; /* NULL: refused with rc */
	int rc;
} cases[] = {
	/* key = value */
	{"a new key goes to the end", "equals", "set", "", "deny", "5", "a = 1\n",
	 "a = 1\ndeny = 5\n"},
	{"of an empty file", "equals", "set", "", "deny", "5", "", "deny = 5\n"},
	{"a last line without an end gets one", "equals", "set", "", "deny", "5", "a = 1",
	 "a = 1\ndeny = 5\n"},
	{"a value is replaced, blanks stay", "equals", "set", "", "deny", "5",
	 "  deny  =  3\nb=2\n", "  deny  =  5\nb=2\n"},
	{"what holds stays", "equals", "set", "", "deny", "5", "deny=5\n", "deny=5\n"},
	{"a longer key is another", "equals", "set", "", "deny", "5", "deny_root = 1\n",
	 "deny_root = 1\ndeny = 5\n"},
	{"behind the comment that shows it", "equals", "set", "", "deny", "5",
	 "# deny = 3\nunlock = 1\n", "# deny = 3\ndeny = 5\nunlock = 1\n"},
	{"a key that stands twice: the last counts, the other goes", "equals", "set", "", "deny",
	 "5", "deny = 1\nb = 2\ndeny = 3\n", "b = 2\ndeny = 5\n"},
	{"removed wherever it stands", "equals", "remove", "", "deny", "",
	 "deny = 1\nb = 2\ndeny=3\n", "b = 2\n"},
	{"removing what is not there", "equals", "remove", "", "deny", "", "#deny = 1\n",
	 "#deny = 1\n"},
	{"CRLF stays", "equals", "set", "", "b", "9", "a=1\r\nb=2\r\n", "a=1\r\nb=9\r\n"},
	{"CRLF for a new line", "equals", "set", "", "c", "9", "a=1\r\n", "a=1\r\nc = 9\r\n"},
	{"a key with a line end is none", "equals", "set", "", "a b", "1", "", NULL, RF_E_SYNTAX},
	{"no key", "equals", "set", "", "", "1", "", NULL, RF_E_SYNTAX},
	{"no such operation", "equals", "twist", "", "a", "1", "", NULL, RF_E_UNKNOWN},
	{"no such style", "xyz", "set", "", "a", "1", "", NULL, RF_E_UNKNOWN},
	{"a list left open takes what comes behind it", "virtconf", "set", "", "namespaces",
	 "mount", "na= [ \"a\", # ]\n'b'\nx=1", NULL, RF_E_SYNTAX},
	/* KEY value */
	{"login.defs", "space", "set", "", "UMASK", "027", "UMASK\t\t022\nX y\n",
	 "UMASK\t\t027\nX y\n"},
	{"login.defs, new", "space", "set", "", "UMASK", "027", "X y\n", "X y\nUMASK\t027\n"},
	{"a sudoers line", "space", "set", "", "Defaults", "use_pty", "", "Defaults\tuse_pty\n"},
	/* ini */
	{"in its section", "ini", "set", "Journal", "Storage", "persistent",
	 "[Other]\nStorage=auto\n[Journal]\n#Storage=auto\n#Seal=yes\n",
	 "[Other]\nStorage=auto\n[Journal]\n#Storage=auto\nStorage=persistent\n#Seal=yes\n"},
	{"a section that ends", "ini", "set", "A", "k", "1", "[A]\nx=1\n\n[B]\nk=2\n",
	 "[A]\nx=1\nk=1\n\n[B]\nk=2\n"},
	{"a new section", "ini", "set", "Journal", "Storage", "persistent", "[Other]\nk=1\n",
	 "[Other]\nk=1\n[Journal]\nStorage=persistent\n"},
	{"a section is needed", "ini", "set", "", "Storage", "x", "", NULL, RF_E_MISSING},
	/* sshd: the first counts, and only before Match */
	{"first wins, later ones stay", "sshd", "set", "", "PermitRootLogin", "no",
	 "permitrootlogin yes\nPermitRootLogin yes\n", "permitrootlogin no\nPermitRootLogin yes\n"},
	{"new goes to the top", "sshd", "set", "", "X11Forwarding", "no",
	 "Include /etc/ssh/sshd_config.d/*.conf\nMatch User a\n X11Forwarding yes\n",
	 "X11Forwarding no\nInclude /etc/ssh/sshd_config.d/*.conf\nMatch User a\n X11Forwarding yes\n"},
	{"a Match block is not ours", "sshd", "remove", "", "X11Forwarding", "",
	 "X11Forwarding yes\nmatch all\nX11Forwarding yes\n", "match all\nX11Forwarding yes\n"},
	/* shell */
	{"a plain word", "shell", "set", "", "TMOUT", "900", "TMOUT=0 # never\n",
	 "TMOUT=900 # never\n"},
	{"quoted", "shell", "set", "", "A", "b c", "A=\"x y\"\n", "A=\"b c\"\n"},
	/* libvirt's daemons */
	{"a number", "virtconf", "set", "", "max_clients", "5000", "#max_clients = 1\n",
	 "#max_clients = 1\nmax_clients = 5000\n"},
	{"a text", "virtconf", "set", "", "auth_unix_rw", "polkit", "auth_unix_rw = \"none\" # x\n",
	 "auth_unix_rw = \"polkit\" # x\n"},
	{"a list", "virtconf", "set", "", "namespaces", "mount", "namespaces = []\n",
	 "namespaces = [ \"mount\" ]\n"},
	{"a list over lines goes whole", "virtconf", "remove", "", "cgroup_device_acl", "",
	 "a = 1\ncgroup_device_acl = [\n  \"/dev/null\", # ]\n  \"/dev/kvm\"\n]\nb = 2\n",
	 "a = 1\nb = 2\n"},
	{"digits that are a text", "virtconf", "set", "", "unix_sock_rw_perms", "0770", "",
	 "unix_sock_rw_perms = \"0770\"\n"},
	{"a quote in a text", "virtconf", "set", "", "log_filters", "a\"b", "",
	 "log_filters = \"a\\\"b\"\n"},
	/* .vmx */
	{"any case, one occurrence left", "vmx", "set", "", "ethernet0.noPromisc", "TRUE",
	 "Ethernet0.NoPromisc = \"FALSE\"\nx = \"1\"\nethernet0.nopromisc = \"FALSE\"\n",
	 "x = \"1\"\nethernet0.nopromisc = \"TRUE\"\n"},
	{"new", "vmx", "set", "", "isolation.tools.copy.disable", "TRUE", ".encoding = \"UTF-8\"\n",
	 ".encoding = \"UTF-8\"\nisolation.tools.copy.disable = \"TRUE\"\n"},
	{"escaped", "vmx", "set", "", "annotation", "a\"b|c", "", "annotation = \"a|22b|7Cc\"\n"},
	{"removed", "vmx", "remove", "", "RemoteDisplay.vnc.enabled", "",
	 "remotedisplay.vnc.ENABLED = \"TRUE\"\n", ""},
	/* words */
	{"a word is added", "shellwords", "add-word", "", "GRUB_CMDLINE_LINUX", "audit=1",
	 "GRUB_CMDLINE_LINUX=\"quiet\"\n", "GRUB_CMDLINE_LINUX=\"quiet audit=1\"\n"},
	{"to an empty list", "shellwords", "add-word", "", "GRUB_CMDLINE_LINUX", "audit=1",
	 "GRUB_CMDLINE_LINUX=\"\"\n", "GRUB_CMDLINE_LINUX=\"audit=1\"\n"},
	{"its namesake is replaced", "shellwords", "add-word", "", "GRUB_CMDLINE_LINUX", "audit=1",
	 "GRUB_CMDLINE_LINUX='audit=0 quiet audit=0'\n", "GRUB_CMDLINE_LINUX='audit=1 quiet'\n"},
	{"a variable that is not there", "shellwords", "add-word", "", "GRUB_CMDLINE_LINUX", "a=1",
	 "X=1\n", "X=1\nGRUB_CMDLINE_LINUX=\"a=1\"\n"},
	{"another variable is left alone", "shellwords", "remove-word", "", "GRUB_CMDLINE_LINUX",
	 "nosmep", "GRUB_CMDLINE_LINUX_DEFAULT=\"nosmep\"\nGRUB_CMDLINE_LINUX=\"a nosmep b\"\n",
	 "GRUB_CMDLINE_LINUX_DEFAULT=\"nosmep\"\nGRUB_CMDLINE_LINUX=\"a b\"\n"},
	{"removed by its name", "shellwords", "remove-word", "", "L", "mitigations",
	 "L=\"a mitigations=off\"\n", "L=\"a\"\n"},
	{"two words are none", "shellwords", "add-word", "", "L", "a b", "", NULL, RF_E_SYNTAX},
	{"a quote is no word", "shellwords", "add-word", "", "L", "a\"", "", NULL, RF_E_SYNTAX},
	{"a file of words", "words", "add-word", "", "", "audit=1", "root=/dev/a quiet\n",
	 "root=/dev/a quiet audit=1\n"},
	{"options of a mount", "fstab", "add-word", "", "/tmp", "nodev",
	 "# c\nUUID=1 / ext4 defaults 0 1\ntmpfs  /tmp  tmpfs  nosuid 0 0\n",
	 "# c\nUUID=1 / ext4 defaults 0 1\ntmpfs  /tmp  tmpfs  nosuid,nodev 0 0\n"},
	{"a mount that is not there", "fstab", "add-word", "", "/tmp", "nodev", "", NULL,
	 RF_E_MISSING},
	{"an option of a module", "modprobe", "set", "kvm", "nx_huge_pages", "auto",
	 "options kvm ignore_msrs=1 nx_huge_pages=off\n",
	 "options kvm ignore_msrs=1 nx_huge_pages=auto\n"},
	{"a module without options", "modprobe", "set", "kvm_intel", "nested", "0",
	 "options kvm x=1\n", "options kvm x=1\noptions kvm_intel nested=0\n"},
	/* lines */
	{"a line", "line", "set", "", "", "-w /etc/passwd -p wa", "-D\n",
	 "-D\n-w /etc/passwd -p wa\n"},
	{"a line that is there", "line", "set", "", "", "-D", " -D \n", " -D \n"},
	{"a line less", "line", "remove", "", "", "b", "a\nb\nb\nc", "a\nc"},
	{"no line", "line", "set", "", "", "", "", NULL, RF_E_MISSING},
	/* XML */
	{"an attribute", "xml", "set", "", "devices/memballoon/@model", "none",
	 "<domain><devices><memballoon model='virtio'/></devices></domain>\n",
	 "<domain><devices><memballoon model=\"none\"/></devices></domain>\n"},
	{"what holds keeps its quotes", "xml", "set", "", "devices/memballoon/@model", "none",
	 "<domain><devices><memballoon model='none'/></devices></domain>",
	 "<domain><devices><memballoon model='none'/></devices></domain>"},
	{"elements on the way are made", "xml", "set", "", "memoryBacking/nosharepages", "",
	 "<domain>\n  <name>a</name>\n</domain>\n",
	 "<domain>\n  <name>a</name>\n  <memoryBacking><nosharepages/></memoryBacking>\n</domain>\n"},
	{"with an attribute that the step names", "xml", "set", "",
	 "devices/controller[@type='usb']/@model", "none", "<domain><devices/></domain>",
	 "<domain><devices><controller type=\"usb\" model=\"none\"/></devices></domain>\n"},
	{"all of several", "xml", "set", "", "devices/disk/@sgio", "filtered",
	 "<domain><devices><disk/><disk sgio='unfiltered'/></devices></domain>",
	 "<domain><devices><disk sgio=\"filtered\"/><disk sgio=\"filtered\"/></devices></domain>\n"},
	{"below the element of the section", "xml", "set", "devices/interface[2]",
	 "filterref/@filter", "clean-traffic",
	 "<domain><devices><interface/><interface/></devices></domain>",
	 "<domain><devices><interface/><interface><filterref filter=\"clean-traffic\"/>"
	 "</interface></devices></domain>\n"},
	{"a section that is not there", "xml", "set", "devices/interface[3]", "@a", "b",
	 "<domain><devices><interface/></devices></domain>", NULL, RF_E_MISSING},
	{"elements go with their indentation", "xml", "remove", "", "devices/sound", "",
	 "<domain>\n  <devices>\n    <sound/>\n    <disk/>\n    <sound/>\n  </devices>\n</domain>\n",
	 "<domain>\n  <devices>\n    <disk/>\n  </devices>\n</domain>\n"},
	{"a union", "xml", "remove", "", "ip/tftp | ip/dhcp/bootp", "",
	 "<network><ip><tftp/><dhcp><bootp/></dhcp></ip></network>",
	 "<network><ip><dhcp/></ip></network>\n"},
	{"one inside the other", "xml", "remove", "", "//a", "", "<r><a><a/></a><b/></r>",
	 "<r><b/></r>\n"},
	{"the element itself", "xml", "remove", "devices/hostdev[1]", ".", "",
	 "<domain><devices><hostdev/><disk/></devices></domain>",
	 "<domain><devices><disk/></devices></domain>\n"},
	{"an attribute goes", "xml", "remove", "", "devices/graphics/@passwd", "",
	 "<domain><devices><graphics passwd='x' type='vnc'/></devices></domain>",
	 "<domain><devices><graphics type=\"vnc\"/></devices></domain>\n"},
	{"the text of an element", "xml", "set", "", "on_crash", "destroy",
	 "<domain><on_crash>restart</on_crash></domain>",
	 "<domain><on_crash>destroy</on_crash></domain>\n"},
	{"a foreign namespace", "xml", "remove", "", "*[local-name()='commandline']", "",
	 "<domain xmlns:qemu='u'><qemu:commandline><qemu:arg/></qemu:commandline></domain>",
	 "<domain xmlns:qemu=\"u\"/>\n"},
	{"a declaration and a comment stay", "xml", "remove", "", "a", "",
	 "<?xml version=\"1.0\"?>\n<!-- x -->\n<r><a/></r>\n",
	 "<?xml version=\"1.0\"?>\n<!-- x -->\n<r/>\n"},
	{"a value is escaped", "xml", "set", "", "@a", "<&\"", "<r/>",
	 "<r a=\"&lt;&amp;&quot;\"/>\n"},
	{"a document type is refused", "xml", "set", "", "@a", "b", "<!DOCTYPE r []><r/>", NULL,
	 RF_E_DENIED},
	{"no XML", "xml", "set", "", "@a", "b", "<r>", NULL, RF_E_SYNTAX},
	{"no file", "xml", "set", "", "@a", "b", "", NULL, RF_E_SYNTAX},
	{"a bad path", "xml", "set", "", "a[", "b", "<r/>", NULL, RF_E_SYNTAX},
	{"a step that cannot be made", "xml", "set", "", "a[1]/@b", "c", "<r/>", NULL,
	 RF_E_MISSING},
	{"NUL is no text", "line", "set", "", "", "a", NULL, NULL, RF_E_SYNTAX},
};

static struct change_spec spec_of(const struct edit_case *c)
{
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, "edit", "/etc/x", c->key, c->value, NULL), 0);
	rf_copy(spec.style, sizeof(spec.style), c->style);
	rf_copy(spec.op, sizeof(spec.op), c->op);
	rf_copy(spec.section, sizeof(spec.section), c->section);
	return spec;
}

static struct rf_slice input(const struct edit_case *c)
{
	static const uint8_t nul[] = "a\0b";

	return c->in ? rf_slice_text(c->in) : (struct rf_slice){nul, 3};
}

static void edits(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};
		struct change_spec spec = spec_of(&cases[i]);
		int rc = edit_apply(&spec, input(&cases[i]), &out, &err);

		if (rc != cases[i].rc)
			fail_msg("%s: %d, %s", cases[i].name, rc, rf_err_text(&err));
		if (cases[i].want && strcmp(rf_buf_text(&out), cases[i].want) != 0)
			fail_msg("%s:\n%s", cases[i].name, rf_buf_text(&out));
	}
}

/* A second edit changes nothing; what was set is there, what was removed is not. */
static void edits_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf got = {0};
		struct change_spec spec = spec_of(&cases[i]);

		if (!cases[i].want)
			continue;
		struct rf_slice text = rf_slice_text(cases[i].want);
		bool there = edit_get(&spec, text, &got);

		if (!edit_holds(&spec, text))
			fail_msg("%s: does not hold", cases[i].name);
		if (strcmp(spec.op, "set") == 0 &&
		    (!there || !strstr(rf_buf_text(&got), cases[i].value)))
			fail_msg("%s: reads %s", cases[i].name, rf_buf_text(&got));
		if (strcmp(spec.op, "remove") == 0 && there)
			fail_msg("%s: is still there", cases[i].name);
	}
}

/* Every allocation fails once: an error or the whole result, never a part of it. */
static void no_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct change_spec spec = spec_of(&cases[i]);

		for (size_t n = 1; n < 12 && cases[i].want; n++) {
			RF_AUTOBUF struct rf_buf out = {0};

			rf_alloc_fail_after(n);
			int rc = edit_apply(&spec, input(&cases[i]), &out, NULL);

			rf_alloc_fail_after(0);
			if (rc == 0 && strcmp(rf_buf_text(&out), cases[i].want) != 0)
				fail_msg("%s: allocation %zu: %s", cases[i].name, n,
					 rf_buf_text(&out));
		}
	}
}

static void results_are_read_again(void **state)
{
	static const struct {
		const char *style, *target, *text;
		int rc;
	} rows[] = {
		{"virtconf", "/etc/libvirt/qemu.conf", "a = 1\n", 0},
		{"virtconf", "/etc/libvirt/qemu.conf", "a = \n", RF_E_SYNTAX},
		{"vmx", "/x.vmx", "a = \"1\"\n", 0},
		{"vmx", "/x.vmx", "a \"1\"\n", RF_E_SYNTAX},
		{"xml", "/x.xml", "<a/>", 0},
		{"xml", "/x.xml", "<a>", RF_E_SYNTAX},
		{"space", "/etc/sudoers.d/ringfence-a", "Defaults use_pty\n", 0},
		{"space", "/etc/sudoers.d/ringfence-a", "Defaults secure_path=\"\n", RF_E_SYNTAX},
		{"space", "/etc/login.defs", "anything\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct change_spec spec;

		assert_int_equal(change_spec_set(&spec, "edit", rows[i].target, "a", "1", NULL), 0);
		rf_copy(spec.style, sizeof(spec.style), rows[i].style);
		int rc = edit_check(&spec, rf_slice_text(rows[i].text), NULL);

		if (rc != rows[i].rc)
			fail_msg("%s %s: %d", rows[i].style, rows[i].text, rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits),
		cmocka_unit_test(edits_hold),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(results_are_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
