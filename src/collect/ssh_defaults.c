/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector ssh, defaults: what sshd does where its files say nothing. Source: `sshd -T` over an
 * empty file (9.2p1 of Debian 12), sshd_config(5) and the release notes of OpenSSH 8.0 to 10.0 for
 * what changed between.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/ssh.h"

#define ECDH_KEX                                                                                   \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"    \
	"ecdh-sha2-nistp521"
#define DH_KEX                                                                                     \
	"diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"                      \
	"diffie-hellman-group18-sha512,diffie-hellman-group14-sha256"
#define SNTRUP "sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com"

#define ED_CERT "ssh-ed25519-cert-v01@openssh.com"
#define EC_CERT                                                                                    \
	"ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,"       \
	"ecdsa-sha2-nistp521-cert-v01@openssh.com"
#define SK_CERT	 "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"
#define RSA_CERT "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com"
#define EC_KEY	 "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
#define SK_KEY	 "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com"
#define RSA_KEY	 "rsa-sha2-512,rsa-sha2-256"

#define KEYS_NOW                                                                                   \
	ED_CERT "," EC_CERT "," SK_CERT "," RSA_CERT ",ssh-ed25519," EC_KEY "," SK_KEY "," RSA_KEY
#define KEYS_WITH_SHA1                                                                             \
	ED_CERT "," EC_CERT "," SK_CERT "," RSA_CERT                                               \
		",ssh-rsa-cert-v01@openssh.com,ssh-ed25519," EC_KEY "," SK_KEY "," RSA_KEY         \
		",ssh-rsa"
#define KEYS_8_0                                                                                   \
	EC_CERT "," ED_CERT "," RSA_CERT ",ssh-rsa-cert-v01@openssh.com," EC_KEY                   \
		",ssh-ed25519," RSA_KEY ",ssh-rsa"

/* first and last version (major * 100 + minor) with this default; 0: no bound. value NULL: the
 * option does not exist there. */
static const struct {
	const char *key;
	unsigned int first, last;
	const char *value;
} defaults[] = {
	{"acceptenv", 0, 0, ""},
	{"addressfamily", 0, 0, "any"},
	{"allowagentforwarding", 0, 0, "yes"},
	{"allowgroups", 0, 0, ""},
	{"allowstreamlocalforwarding", 0, 0, "yes"},
	{"allowtcpforwarding", 0, 0, "yes"},
	{"allowusers", 0, 0, ""},
	{"authenticationmethods", 0, 0, "any"},
	{"authorizedkeyscommand", 0, 0, "none"},
	{"authorizedkeyscommanduser", 0, 0, "none"},
	{"authorizedkeysfile", 0, 0, ".ssh/authorized_keys,.ssh/authorized_keys2"},
	{"authorizedprincipalsfile", 0, 0, "none"},
	{"banner", 0, 0, "none"},
	{"casignaturealgorithms", 802, 0, "ssh-ed25519," EC_KEY "," SK_KEY "," RSA_KEY},
	{"chrootdirectory", 0, 0, "none"},
	{"ciphers", 0, 909,
	 "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
	 "aes256-gcm@openssh.com"},
	{"ciphers", 1000, 0,
	 "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,"
	 "aes192-ctr,aes256-ctr"},
	{"clientalivecountmax", 0, 0, "3"},
	{"clientaliveinterval", 0, 0, "0"},
	{"compression", 0, 0, "yes"},
	{"denygroups", 0, 0, ""},
	{"denyusers", 0, 0, ""},
	{"disableforwarding", 0, 0, "no"},
	{"exposeauthinfo", 0, 0, "no"},
	{"fingerprinthash", 0, 0, "SHA256"},
	{"forcecommand", 0, 0, "none"},
	{"gatewayports", 0, 0, "no"},
	{"gssapiauthentication", 0, 0, "no"},
	{"gssapicleanupcredentials", 0, 0, "yes"},
	{"gssapistrictacceptorcheck", 0, 0, "yes"},
	{"hostbasedacceptedalgorithms", 0, 801, KEYS_8_0},
	{"hostbasedacceptedalgorithms", 802, 807, KEYS_WITH_SHA1},
	{"hostbasedacceptedalgorithms", 808, 0, KEYS_NOW},
	{"hostbasedauthentication", 0, 0, "no"},
	{"hostbasedusesnamefrompacketonly", 0, 0, "no"},
	{"hostkeyalgorithms", 0, 801, KEYS_8_0},
	{"hostkeyalgorithms", 802, 807, KEYS_WITH_SHA1},
	{"hostkeyalgorithms", 808, 0, KEYS_NOW},
	{"ignorerhosts", 0, 0, "yes"},
	{"ignoreuserknownhosts", 0, 0, "no"},
	{"kbdinteractiveauthentication", 0, 0, "yes"},
	{"kerberosauthentication", 0, 0, "no"},
	{"kexalgorithms", 0, 801, ECDH_KEX "," DH_KEX ",diffie-hellman-group14-sha1"},
	{"kexalgorithms", 802, 808, ECDH_KEX "," DH_KEX},
	{"kexalgorithms", 809, 809, ECDH_KEX ",sntrup761x25519-sha512@openssh.com," DH_KEX},
	{"kexalgorithms", 900, 908, "sntrup761x25519-sha512@openssh.com," ECDH_KEX "," DH_KEX},
	{"kexalgorithms", 909, 909, SNTRUP ",mlkem768x25519-sha256," ECDH_KEX "," DH_KEX},
	{"kexalgorithms", 1000, 0, "mlkem768x25519-sha256," SNTRUP "," ECDH_KEX},
	{"listenaddress", 0, 0, "0.0.0.0,::"},
	{"logingracetime", 0, 0, "120"},
	{"loglevel", 0, 0, "INFO"},
	{"macs", 0, 0,
	 "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,"
	 "hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,"
	 "umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"},
	{"maxauthtries", 0, 0, "6"},
	{"maxsessions", 0, 0, "10"},
	{"maxstartups", 0, 0, "10:30:100"},
	{"passwordauthentication", 0, 0, "yes"},
	{"permitemptypasswords", 0, 0, "no"},
	{"permitlisten", 0, 0, "any"},
	{"permitopen", 0, 0, "any"},
	{"permitrootlogin", 0, 0, "prohibit-password"},
	{"permittty", 0, 0, "yes"},
	{"permittunnel", 0, 0, "no"},
	{"permituserenvironment", 0, 0, "no"},
	{"permituserrc", 0, 0, "yes"},
	{"persourcemaxstartups", 805, 0, "none"},
	{"port", 0, 0, "22"},
	{"printlastlog", 0, 0, "yes"},
	{"printmotd", 0, 0, "yes"},
	{"pubkeyacceptedalgorithms", 0, 801, KEYS_8_0},
	{"pubkeyacceptedalgorithms", 802, 807, KEYS_WITH_SHA1},
	{"pubkeyacceptedalgorithms", 808, 0, KEYS_NOW},
	{"pubkeyauthentication", 0, 0, "yes"},
	{"rekeylimit", 0, 0, "0 0"},
	{"requiredrsasize", 901, 0, "1024"},
	{"revokedkeys", 0, 0, "none"},
	{"streamlocalbindmask", 0, 0, "0177"},
	{"streamlocalbindunlink", 0, 0, "no"},
	{"strictmodes", 0, 0, "yes"},
	{"subsystem", 0, 0, ""},
	{"syslogfacility", 0, 0, "AUTH"},
	{"tcpkeepalive", 0, 0, "yes"},
	{"trustedusercakeys", 0, 0, "none"},
	{"unusedconnectiontimeout", 902, 0, "none"},
	{"usedns", 0, 0, "no"},
	{"usepam", 0, 0, "no"},
	{"versionaddendum", 0, 0, "none"},
	{"x11displayoffset", 0, 0, "10"},
	{"x11forwarding", 0, 0, "no"},
	{"x11uselocalhost", 0, 0, "yes"},
};

unsigned int ssh_version_number(const char *text)
{
	unsigned int major = 0, minor = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && major < 100; p++)
		major = major * 10 + (unsigned int)(*p - '0');
	if (p == text || *p++ != '.')
		return 0;
	for (; *p >= '0' && *p <= '9' && minor < 10; p++)
		minor = minor * 10 + (unsigned int)(*p - '0');
	return major * 100 + minor;
}

/* NULL when the version has no such option; *known false when it takes a version to say. */
static const char *default_of(const char *key, unsigned int version, bool *known)
{
	*known = true;
	for (size_t i = 0; i < RF_COUNT(defaults); i++) {
		bool bounded = defaults[i].first || defaults[i].last;

		if (strcmp(defaults[i].key, key) != 0)
			continue;
		if (bounded && version == 0) {
			*known = false;
			return NULL;
		}
		if (version >= defaults[i].first &&
		    (defaults[i].last == 0 || version <= defaults[i].last))
			return defaults[i].value;
	}
	return NULL;
}

static bool in_patterns(const char *patterns, const char *name)
{
	RF_AUTOFREE char *copy = rf_strdup(patterns);
	char *cursor = copy;

	while (cursor) {
		char *pattern = cursor, *comma = strchr(cursor, ',');

		if (comma)
			*comma = '\0';
		cursor = comma ? comma + 1 : NULL;
		if (rf_glob(pattern, name))
			return true;
	}
	return false;
}

/* Adds the members of list that are (or are not) named by patterns, each behind a comma. */
static void add_members(struct rf_buf *text, const char *list, const char *patterns, bool named)
{
	RF_AUTOFREE char *copy = rf_strdup(list);
	char *cursor = copy;

	while (cursor) {
		char *name = cursor, *comma = strchr(cursor, ',');

		if (comma)
			*comma = '\0';
		cursor = comma ? comma + 1 : NULL;
		if (*name && in_patterns(patterns, name) == named)
			rf_buf_printf(text, "%s%s", text->len ? "," : "", name);
	}
}

/* sshd_config(5): + adds to the default list, - takes away by pattern, ^ puts first. */
static void list_whole(struct conf_options *options, const char *key, const char *standard)
{
	const struct conf_option *set = conf_find(options, key);
	RF_AUTOBUF struct rf_buf text = {0};
	RF_AUTOFREE char *source = set ? rf_strdup(set->source) : NULL;

	if (!source)
		return;
	const char *names = set->value + 1;

	switch (set->value[0]) {
	case '+':
		rf_buf_add_text(&text, standard);
		add_members(&text, names, standard, false);
		break;
	case '-':
		add_members(&text, standard, names, false);
		break;
	case '^':
		rf_buf_add_text(&text, names);
		add_members(&text, standard, names, false);
		break;
	default:
		return;
	}
	conf_put(options, key, rf_buf_text(&text), source);
}

static void find_host_keys(struct sys *sys, struct conf_options *options)
{
	static const char *const files[] = {"/etc/ssh/ssh_host_rsa_key",
					    "/etc/ssh/ssh_host_ecdsa_key",
					    "/etc/ssh/ssh_host_ed25519_key"};
	RF_AUTOBUF struct rf_buf text = {0};

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		if (sys_exists(sys, files[i]))
			rf_buf_printf(&text, "%s%s", text.len ? "," : "", files[i]);
	}
	conf_put_default(options, "hostkey", rf_buf_text(&text));
}

/* `MaxStartups 10` is short for 10:30:10. */
static void whole_maxstartups(struct conf_options *options)
{
	const struct conf_option *set = conf_find(options, "maxstartups");
	char text[64];

	if (!set || strchr(set->value, ':') ||
	    !rf_format(text, sizeof(text), "%s:30:%s", set->value, set->value))
		return;
	RF_AUTOFREE char *source = rf_strdup(set->source);

	if (source)
		conf_put(options, "maxstartups", text, source);
}

void ssh_defaults_add(struct sys *sys, struct fact_sink *out, struct conf_options *options,
		      unsigned int version)
{
	static const char *const lists[] = {"casignaturealgorithms",
					    "ciphers",
					    "macs",
					    "kexalgorithms",
					    "hostkeyalgorithms",
					    "pubkeyacceptedalgorithms",
					    "hostbasedacceptedalgorithms"};

	find_host_keys(sys, options);
	whole_maxstartups(options);
	for (size_t i = 0; i < RF_COUNT(defaults); i++) {
		const struct conf_option *set = conf_find(options, defaults[i].key);
		bool known, partial = false;
		const char *value = default_of(defaults[i].key, version, &known);

		for (size_t k = 0; set && k < RF_COUNT(lists); k++)
			partial = partial || (strcmp(lists[k], set->key) == 0 && *set->value &&
					      strchr("+-^", *set->value));
		if (value && partial)
			list_whole(options, defaults[i].key, value);
		else if (value)
			conf_put_default(options, defaults[i].key, value);
		else if (!known && (!set || partial))
			fact_gap(out, FACT_T_SSH_OPTION, defaults[i].key, "", "default",
				 "%s depends on the version of OpenSSH, which could not be found: "
				 "set it in full",
				 defaults[i].key);
		if (!known && partial)
			conf_put(options, defaults[i].key, "", "unknown");
	}
}
