/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which secrets lie where; see scrub.h. Sources: shadow(5), opasswd(5), crypt(5), snmpd.conf(5),
 * qemu.conf of libvirt, sssd-ldap(5), nslcd.conf(5), iscsid.conf of open-iscsi, tgt's targets.conf,
 * targetcli's saveconfig.json, VMware's .vmx keys, GRUB's password_pbkdf2, qemu(1) -object secret,
 * apt_auth.conf(5), wg(8), chrony.conf(5) keyfile.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/scrub.h"

#define MAX_PASSES  16
#define SNIFF_BYTES 65536u

/* Keys of command lines and of XML, also of QEMU arguments inside it. */
static const char *const arg_keys[] = {
	"password",    "passwd",
	"pass",	       "passphrase",
	"secret",      "token",
	"key",	       "pwd",
	"*_password",  "*-password",
	"*.password",  "*_token",
	"*-token",     "*_secret",
	"*passphrase", "psk",
	"pin",	       "*_key",
	"apikey",      "api-key",
	"authtok",     "io.systemd.credential*",
	"credential",  "@data",
	NULL,
};
static const char *const xml_keys[] = {
	"password",    "passwd",      "passphrase",
	"*_password",  "*-password",  "*.password",
	"secret.data", "*passphrase", "io.systemd.credential*",
	"@data",       NULL,
};
static const char *const password_keys[] = {
	"*password*",	"*passwd*",    "*passphrase*",	"*_pass",	"pass",
	"*authtok",	"*secret",     "psk",		"*wep-key*",	"*token",
	"*bindpw",	"*privatekey", "*presharedkey", "*private-key", "pin",
	"userpassword", "*apikey",     "*api_key",	NULL,
};
static const char *const sssd_keys[] = {"*authtok", "*password", "*bindpw", "*secret", NULL};
static const char *const keyring_keys[] = {"key", "*_key", NULL};
static const char *const vmx_keys[] = {
	"*.vnc.key",
	"*password*",
	"*passwd*",
	"*passphrase*",
	"*userdata*",
	"guestinfo.ovfenv",
	"guestinfo.*secret*",
	"guestinfo.*token*",
	"guestinfo.*key*",
	"guestinfo.metadata*",
	"guestinfo.vendordata*",
	"encryption.*",
	"*datafilekey*",
	"*.secret",
	"*keysafe*",
	"*cloud-init*",
	"guestinfo.coreos.config.data*",
	"guestinfo.ignition.config.data*",
	NULL,
};
static const char *const note_keys[] = {"password", "passwd", "pwd", "passphrase", "pass", NULL};

static const struct scrub_rule rules[] = {
	/* Accounts. */
	{"/etc/shadow*", scrub_fields},
	{"/etc/gshadow*", scrub_fields},
	{"/etc/passwd*", scrub_fields},
	{"/etc/group*", scrub_fields},
	{"/var/backups/*shadow*", scrub_fields},
	{"/etc/ldap*.secret", scrub_whole},
	{"/etc/*_ldap.secret", scrub_whole},
	{"/etc/*-ldap.secret", scrub_whole},
	{"*.keytab", scrub_whole},
	{"/etc/sssd/*", scrub_assign, sssd_keys, SCRUB_LINE},
	{"/etc/nslcd*", scrub_words},
	{"/etc/*ldap*.conf", scrub_words},
	/* Boot. */
	{"/boot/*grub*", scrub_words},
	{"/etc/grub.d/*", scrub_words},
	{"/etc/default/*", scrub_assign, password_keys, SCRUB_LINE},
	/* Services. */
	{"*snmp*.conf*", scrub_words},
	{"*/snmp*/*", scrub_words},
	{"/etc/apt/auth.conf*", scrub_words},
	{"/etc/network/interfaces*", scrub_words},
	{"*.keys", scrub_words},
	{"*/systemd/*", scrub_assign, arg_keys, SCRUB_WORD},
	{"/etc/fstab", scrub_assign, password_keys, SCRUB_WORD},
	{"/etc/cron*", scrub_assign, arg_keys, SCRUB_WORD},
	{"/var/spool/cron/*", scrub_assign, arg_keys, SCRUB_WORD},
	{"/etc/networkmanager/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/wpa_supplicant/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/wireguard/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/netplan/*", scrub_assign, password_keys, SCRUB_LINE, true},
	{"/etc/cloud/*", scrub_assign, password_keys, SCRUB_LINE, true},
	{"/etc/yum*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/dnf/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/rsyslog*", scrub_assign, arg_keys, SCRUB_WORD},
	/* Storage. */
	{"/etc/iscsi/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/var/lib/iscsi/*", scrub_assign, password_keys, SCRUB_LINE},
	{"/etc/tgt/*", scrub_words},
	{"/etc/*target/*", scrub_assign, password_keys, SCRUB_WORD},
	{"/sys/kernel/config/target/*/password*", scrub_whole},
	{"/etc/ceph/*", scrub_assign, keyring_keys, SCRUB_LINE},
	{"*.keyring", scrub_assign, keyring_keys, SCRUB_LINE},
	{"/etc/pve/*", scrub_assign, password_keys, SCRUB_LINE, true},
	/* Processes. */
	{"/proc/*/cmdline", scrub_assign, arg_keys, SCRUB_ARG},
	{"/proc/*/cmdline", scrub_next_arg},
	{"/proc/*/environ", scrub_assign, password_keys, SCRUB_ARG},
	{"/proc/cmdline", scrub_assign, arg_keys, SCRUB_WORD},
	/* Virtualization. */
	{"/etc/libvirt/*.conf", scrub_assign, password_keys, SCRUB_LINE},
	{"*/libvirt/secrets/*.base64", scrub_whole},
	{"*master-key.aes", scrub_whole},
	{"*.vmx", scrub_assign, vmx_keys, SCRUB_LINE},
	{"*.vmx", scrub_assign, note_keys, SCRUB_WORD, true},
	{"*.xml", scrub_assign, xml_keys, SCRUB_XML},
	{"*.xml", scrub_elements},
	{"*.json", scrub_assign, password_keys, SCRUB_WORD},
	/* Everywhere. */
	{"*", scrub_pem},
	{"*", scrub_crypt},
	{"*", scrub_url},
};

void scrub_replace(struct scrub_edit *edit, size_t from, size_t to, const char *with)
{
	rf_buf_add(edit->out, edit->in.data + edit->copied, from - edit->copied);
	rf_buf_add_text(edit->out, with);
	edit->copied = to;
}

void scrub_finish(struct scrub_edit *edit)
{
	if (edit->copied > 0)
		rf_buf_add(edit->out, edit->in.data + edit->copied, edit->in.len - edit->copied);
}

bool scrub_lower(char *out, size_t size, const uint8_t *text, size_t len)
{
	if (len >= size)
		return false;
	if (len)
		memcpy(out, text, len);
	out[len] = '\0';
	rf_lower(out);
	return true;
}

bool scrub_is_plain(const uint8_t *value, size_t len)
{
	static const char *const plain[] = {"",	    "on",    "off",	"yes",	    "no",
					    "true", "false", "enabled", "disabled", SCRUB_SECRET};
	char text[16];

	if (!scrub_lower(text, sizeof(text), value, len))
		return false;
	for (size_t i = 0; i < RF_COUNT(plain); i++) {
		if (strcmp(text, plain[i]) == 0)
			return true;
	}
	return false;
}

static bool looks_like_xml(struct rf_slice in)
{
	size_t i = in.len >= 3 && memcmp(in.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (i < in.len && isspace(in.data[i]))
		i++;
	return i < in.len && in.data[i] == '<';
}

static bool looks_like_vmx(struct rf_slice in)
{
	static const char *const marks[] = {"virtualHW.version", "virtualhw.version",
					    "config.version", "guestOS =", ".encoding ="};
	size_t len = in.len < SNIFF_BYTES ? in.len : SNIFF_BYTES;

	for (size_t i = 0; i < RF_COUNT(marks) && len > 0; i++) {
		if (memmem(in.data, len, marks[i], strlen(marks[i])))
			return true;
	}
	return false;
}

/* Markup or settings in two-byte letters, with a byte order mark or without. */
static bool is_utf16(struct rf_slice in)
{
	if (in.len < 4)
		return false;
	const uint8_t *b = in.data;
	bool little = (b[0] == 0xff && b[1] == 0xfe) || (b[0] == '<' && b[1] == 0);
	bool big = (b[0] == 0xfe && b[1] == 0xff) || (b[0] == 0 && b[1] == '<');

	return (little && b[2] && !b[3]) || (big && !b[2] && b[3]);
}

/* Returns 1 when something changed. */
static int apply(const struct scrub_rule *rule, struct rf_buf *bytes)
{
	RF_AUTOBUF struct rf_buf out = {0};

	rule->run(rule, rf_buf_slice(bytes), &out);
	if (out.failed)
		return -ENOMEM;
	if (out.len == 0)
		return 0;
	bool changed = out.len != bytes->len || memcmp(out.data, bytes->data, out.len) != 0;
	struct rf_buf old = *bytes;

	*bytes = out;
	out = old;
	/* What goes to the heap's free list holds no secret. */
	rf_wipe(out.data, out.len);
	return changed;
}

/* The path that stands for a file's kind when its name does not tell. */
static const char *kind_path(const char *name, struct rf_slice in)
{
	if (looks_like_xml(in))
		return ".xml";
	return !rf_ends(name, ".vmx") && looks_like_vmx(in) ? ".vmx" : "";
}

/* Which rules a file with these names needs. */
static void choose_rules(char names[3][RF_MAX_PATH_BYTES], bool chosen[RF_COUNT(rules)])
{
	bool twice = strcmp(names[0], names[1]) == 0;

	for (size_t i = 0; i < RF_COUNT(rules); i++) {
		const char *glob = rules[i].glob;

		chosen[i] = rf_glob(glob, names[0]) || (!twice && rf_glob(glob, names[1])) ||
			    (names[2][0] && rf_glob(glob, names[2]));
	}
}

/* Applies the chosen rules once. Returns 1 when something changed. */
static int apply_all(const bool chosen[RF_COUNT(rules)], struct rf_buf *bytes)
{
	int changed = 0;

	for (size_t i = 0; i < RF_COUNT(rules); i++) {
		int rc = chosen[i] ? apply(&rules[i], bytes) : 0;

		if (rc < 0)
			return rc;
		changed |= rc;
	}
	return changed;
}

/*
 * Lists that distributions publish, and dpkg's and rpm's tables of them: nothing in them is a
 * host's own, and they have tens of megabytes, through which every rule would search.
 */
static const char *const published[] = {
	"/var/lib/apt/lists/*_packages",      "/var/lib/dpkg/status",
	"/var/lib/dpkg/info/*.md5sums",	      "/var/lib/rpm/rpmdb.sqlite",
	"/usr/lib/sysimage/rpm/rpmdb.sqlite",
};

static bool is_published(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(published); i++) {
		if (rf_glob(published[i], name))
			return true;
	}
	return false;
}

int scrub_file(const char *path, const char *real, struct rf_buf *bytes)
{
	char names[3][RF_MAX_PATH_BYTES];
	bool chosen[RF_COUNT(rules)];

	if (!rf_copy(names[0], sizeof(names[0]), path) ||
	    !rf_copy(names[1], sizeof(names[1]), real ? real : path))
		return -ENAMETOOLONG;
	rf_lower(names[0]);
	rf_lower(names[1]);
	(void)rf_copy(names[2], sizeof(names[2]), kind_path(names[0], rf_buf_slice(bytes)));
	/* Also behind links: a list that is a link to something else is that. */
	if (is_published(names[0]) && is_published(names[1]))
		return 0;
	if (is_utf16(rf_buf_slice(bytes))) {
		rf_wipe(bytes->data, bytes->len);
		rf_buf_reset(bytes);
		return RF_E_UNSUPPORTED;
	}
	choose_rules(names, chosen);
	/* What one rule hides may uncover to another where something starts: until all is quiet. */
	int rc = 1;

	for (int pass = 0; pass < MAX_PASSES && rc == 1; pass++)
		rc = apply_all(chosen, bytes);
	if (rc == 1) {
		rf_wipe(bytes->data, bytes->len);
		rf_buf_reset(bytes);
		return RF_E_SYNTAX;
	}
	return rc;
}

int scrub_probe(const char *name, struct rf_buf *bytes)
{
	static const struct scrub_rule xml[] = {
		{"", scrub_assign, xml_keys, SCRUB_XML},
		{"", scrub_elements},
		{"", scrub_url},
	};

	for (size_t i = 0; i < RF_COUNT(xml) && rf_starts(name, "libvirt"); i++) {
		int rc = apply(&xml[i], bytes);

		if (rc < 0)
			return rc;
	}
	return 0;
}
