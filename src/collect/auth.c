/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector auth: password, lock-out and session policy as it takes effect. Each program's own
 * defaults come first, then its files in the order in which it reads them, then the arguments of
 * PAM modules (auth_pam.c) and the start files of shells (auth_shell.c).
 * Sources: login.defs(5) of shadow 4.13, pwquality.conf(5), faillock.conf(5), pwhistory.conf(5),
 * logind.conf(5), systemd.time(7), crontab(1), at.allow(5).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/auth.h"
#include "collect/util.h"

struct auth_value {
	char *value; /* NULL: not known, and a gap says why */
	char *source;
};

static const struct {
	const char *key, *value;
} defaults[] = {
	{"login.defs/PASS_MAX_DAYS", "-1"},
	{"login.defs/PASS_MIN_DAYS", "-1"},
	{"login.defs/PASS_WARN_AGE", "-1"},
	{"login.defs/ENCRYPT_METHOD", "DES"},
	{"login.defs/UMASK", "022"},
	{"login.defs/UID_MIN", "1000"},
	{"login.defs/UID_MAX", "60000"},
	{"login.defs/LOGIN_RETRIES", "3"},
	{"login.defs/LOGIN_TIMEOUT", "60"},
	{"login.defs/FAIL_DELAY", "1"},
	{"login.defs/CREATE_HOME", "no"},
	{"login.defs/USERGROUPS_ENAB", "no"},
	{"pwquality/minlen", "8"},
	{"pwquality/difok", "1"},
	{"pwquality/dcredit", "0"},
	{"pwquality/ucredit", "0"},
	{"pwquality/lcredit", "0"},
	{"pwquality/ocredit", "0"},
	{"pwquality/minclass", "0"},
	{"pwquality/maxrepeat", "0"},
	{"pwquality/maxclassrepeat", "0"},
	{"pwquality/maxsequence", "0"},
	{"pwquality/gecoscheck", "0"},
	{"pwquality/dictcheck", "1"},
	{"pwquality/usercheck", "1"},
	{"pwquality/usersubstr", "0"},
	{"pwquality/enforcing", "1"},
	{"pwquality/enforce_for_root", "0"},
	{"pwquality/local_users_only", "0"},
	{"pwquality/retry", "1"},
	{"faillock/deny", "3"},
	{"faillock/fail_interval", "900"},
	{"faillock/unlock_time", "600"},
	{"faillock/even_deny_root", "0"},
	{"faillock/audit", "0"},
	{"faillock/silent", "0"},
	{"faillock/local_users_only", "0"},
	{"faillock/nodelay", "0"},
	{"faillock/dir", "/var/run/faillock"},
	{"pwhistory/remember", "10"},
	{"pwhistory/enforce_for_root", "0"},
	{"pwhistory/retry", "1"},
	{"pwhistory/file", "/etc/security/opasswd"},
	{"nsswitch/passwd", "files"},
};

static const struct {
	const char *key, *value;
} logind_defaults[] = {
	{"logind/IdleAction", "ignore"},
	{"logind/IdleActionSec", "1800"},
	{"logind/StopIdleSessionSec", "infinity"},
	{"logind/KillUserProcesses", "no"},
	{"logind/RemoveIPC", "yes"},
	{"logind/UserStopDelaySec", "10"},
	{"logind/NAutoVTs", "6"},
	{"logind/ReserveVT", "6"},
};

static void value_free(struct auth_value *v)
{
	if (!v)
		return;
	rf_free(v->value);
	rf_free(v->source);
	rf_free(v);
}

void auth_set(struct auth *auth, const char *key, const char *value, const char *source)
{
	struct auth_value *old = rf_map_get(&auth->values, key);
	struct auth_value *v = rf_alloc(1, sizeof(*v));

	if (v) {
		v->value = rf_strdup(value);
		v->source = rf_strdup(source);
	}
	if (!v || (value && !v->value) || !v->source || rf_map_set(&auth->values, key, v) < 0) {
		value_free(v);
		auth->failed = true;
		return;
	}
	value_free(old);
}

const char *auth_get(const struct auth *auth, const char *key)
{
	const struct auth_value *v = rf_map_get(&auth->values, key);

	return v ? v->value : NULL;
}

void auth_unknown(struct auth *auth, const char *prefix, const char *path, int rc)
{
	for (size_t i = 0; i < auth->values.capacity; i++) {
		const struct rf_map_slot *slot = &auth->values.slots[i];
		struct auth_value *v = slot->value;

		if (!slot->key || !rf_starts(slot->key, prefix))
			continue;
		rf_free(v->value);
		v->value = NULL;
		util_gap(auth->out, FACT_T_AUTH_POLICY, slot->key, path, rc);
	}
}

struct auth_file {
	struct auth *auth;
	const char *prefix; /* "pwquality/" */
	bool flags;	    /* a bare word is a flag that is on */
	bool spans;	    /* values of keys that end with Sec are time spans */
	const char *section;
};

/* systemd.time(7): "1h 30min" as seconds; "" and what is no time stay as written. */
static bool span_seconds(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {
		{"", 1},	 {"s", 1},	   {"sec", 1},	      {"second", 1},
		{"seconds", 1},	 {"m", 60},	   {"min", 60},	      {"minute", 60},
		{"minutes", 60}, {"h", 3600},	   {"hr", 3600},      {"hour", 3600},
		{"hours", 3600}, {"d", 86400},	   {"day", 86400},    {"days", 86400},
		{"w", 604800},	 {"week", 604800}, {"weeks", 604800},
	};
	int64_t total = 0;

	if (*text == '\0')
		return false;
	while (*text) {
		char unit[16], number[24];
		size_t digits = strspn(text, "0123456789"), letters, i = 0;
		int64_t n;

		rf_format(number, sizeof(number), "%.*s", (int)(digits < 20 ? digits : 20), text);
		if (rf_num(number, 10, 0, INT32_MAX, &n) < 0)
			return false;
		text += digits + strspn(text + digits, " ");
		letters = strcspn(text, " 0123456789");
		if (!rf_format(unit, sizeof(unit), "%.*s", (int)(letters < 15 ? letters : 15),
			       text))
			return false;
		while (i < RF_COUNT(units) && strcmp(units[i].unit, unit) != 0)
			i++;
		if (i == RF_COUNT(units))
			return false;
		total += n * units[i].seconds;
		text += letters + strspn(text + letters, " ");
	}
	*out = total;
	return true;
}

static void take_setting(void *ctx, const struct util_setting *s)
{
	const struct auth_file *file = ctx;
	char where[UTIL_WHERE_BYTES], key[256], number[24];
	const char *value = s->value;
	int64_t seconds;

	if (file->section && strcmp(s->section, file->section) != 0)
		return;
	if (!rf_format(key, sizeof(key), "%s%s", file->prefix, s->key))
		return;
	if (file->flags && *value == '\0' && !s->has_equals)
		value = "1";
	if (file->spans && rf_ends(key, "Sec") && span_seconds(value, &seconds)) {
		rf_format(number, sizeof(number), "%lld", (long long)seconds);
		value = number;
	}
	auth_set(file->auth, key, value, util_where(where, s->path, s->line));
}

static void read_settings(struct auth_file *file, const char *path, const char *comments)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(file->auth->sys, path, RF_MAX_FILE_BYTES, &text, NULL);

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
		auth_unknown(file->auth, file->prefix, path, rc);
	if (rc == 0 && text.len)
		util_settings_walk((char *)text.data, path, comments, file->flags, take_setting,
				   file);
}

/* The first of the paths that is there: /etc wins over the distribution's copy in /usr. */
static const char *first_of(struct sys *sys, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (sys_exists(sys, paths[i]))
			return paths[i];
	}
	return paths[0];
}

static void read_security(struct auth *auth)
{
	static const char *const logins[] = {"/etc/login.defs", "/usr/etc/login.defs"};
	static const char *const locks[] = {"/etc/security/faillock.conf",
					    "/usr/lib/pam/security/faillock.conf",
					    "/usr/etc/security/faillock.conf"};
	static const char *const histories[] = {"/etc/security/pwhistory.conf",
						"/usr/lib/pam/security/pwhistory.conf",
						"/usr/etc/security/pwhistory.conf"};
	static const char *const quality_dir[] = {"/etc/security/pwquality.conf.d"};
	UTIL_AUTOPATHS struct util_paths quality = {0};
	struct auth_file file = {.auth = auth, .prefix = "login.defs/"};
	int rc;

	read_settings(&file, first_of(auth->sys, logins, RF_COUNT(logins)), "#");
	file.flags = true;
	file.prefix = "faillock/";
	read_settings(&file, first_of(auth->sys, locks, RF_COUNT(locks)), "#");
	file.prefix = "pwhistory/";
	read_settings(&file, first_of(auth->sys, histories, RF_COUNT(histories)), "#");
	/* libpwquality reads the folder first, so that the main file wins. */
	file.prefix = "pwquality/";
	rc = util_dropins(auth->sys, quality_dir, 1, ".conf", &quality);
	if (rc == 0)
		rc = util_paths_add(&quality, "/etc/security/pwquality.conf");
	if (rc < 0)
		auth_unknown(auth, "pwquality/", quality_dir[0], rc);
	for (size_t i = 0; i < quality.count; i++)
		read_settings(&file, quality.paths[i], "#");
}

static void read_logind(struct auth *auth)
{
	static const char *const programs[] = {"/usr/lib/systemd/systemd-logind",
					       "/lib/systemd/systemd-logind"};
	static const char *const mains[] = {"/etc/systemd/logind.conf", "/run/systemd/logind.conf",
					    "/usr/lib/systemd/logind.conf"};
	static const char *const dirs[] = {
		"/etc/systemd/logind.conf.d", "/run/systemd/logind.conf.d",
		"/usr/local/lib/systemd/logind.conf.d", "/usr/lib/systemd/logind.conf.d"};
	UTIL_AUTOPATHS struct util_paths files = {0};
	struct auth_file file = {
		.auth = auth, .prefix = "logind/", .spans = true, .section = "Login"};

	if (!sys_exists(auth->sys, programs[0]) && !sys_exists(auth->sys, programs[1]) &&
	    !sys_exists(auth->sys, mains[0]))
		return;
	for (size_t i = 0; i < RF_COUNT(logind_defaults); i++)
		auth_set(auth, logind_defaults[i].key, logind_defaults[i].value, "default");
	int rc = util_paths_add(&files, first_of(auth->sys, mains, RF_COUNT(mains)));

	if (rc == 0)
		rc = util_dropins(auth->sys, dirs, RF_COUNT(dirs), ".conf", &files);
	for (size_t i = 0; i < files.count; i++)
		read_settings(&file, files.paths[i], "#;");
	if (rc < 0)
		auth_unknown(auth, "logind/", dirs[0], rc);
}

static void read_nsswitch(struct auth *auth)
{
	static const char *const paths[] = {"/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"};
	const char *path = first_of(auth->sys, paths, RF_COUNT(paths));
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(auth->sys, path, RF_MAX_FILE_BYTES, &text, NULL);
	unsigned int number = 0;

	if (rc < 0 && rc != -ENOENT)
		auth_unknown(auth, "nsswitch/", path, rc);
	if (rc < 0 || text.len == 0)
		return;
	char *cursor = (char *)text.data, *line;

	while ((line = rf_line_next(&cursor))) {
		char where[UTIL_WHERE_BYTES];

		number++;
		line[strcspn(line, "#")] = '\0';
		line = rf_trim(line);
		if (rf_starts(line, "passwd:"))
			auth_set(auth, "nsswitch/passwd", rf_trim(line + 7),
				 util_where(where, path, number));
	}
}

/*
 * crontab(1), at.allow(5): with an .allow file only those in it; without one, everybody who is not
 * in .deny. Neither file: at is root's alone, cron is everybody's on Debian.
 */
static void read_allow(struct auth *auth, const char *key, const char *allow, const char *deny,
		       const char *const *programs)
{
	bool installed = false;

	for (; *programs; programs++)
		installed = installed || sys_exists(auth->sys, *programs);
	if (sys_exists(auth->sys, allow))
		auth_set(auth, key, "1", allow);
	else if (!installed)
		auth_set(auth, key, "1", "not installed");
	else if (deny && !sys_exists(auth->sys, deny))
		auth_set(auth, key, "1", deny);
	else
		auth_set(auth, key, "0", allow);
}

static void put_values(struct auth *auth)
{
	for (size_t i = 0; i < auth->values.capacity; i++) {
		const struct rf_map_slot *slot = &auth->values.slots[i];
		struct auth_value *v = slot->value;

		if (!slot->key)
			continue;
		if (v->value)
			fact_put_auth_policy(auth->out,
					     &(struct fact_auth_policy){.key = slot->key,
									.value = v->value,
									.source = v->source});
		value_free(v);
	}
	rf_map_done(&auth->values);
}

int collect_auth(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	static const char *const cron[] = {"/usr/bin/crontab", "/usr/sbin/cron", "/usr/sbin/crond",
					   NULL};
	static const char *const at[] = {"/usr/bin/at", "/usr/sbin/atd", NULL};
	struct auth auth = {.sys = sys, .out = out};

	(void)req;
	for (size_t i = 0; i < RF_COUNT(defaults); i++)
		auth_set(&auth, defaults[i].key, defaults[i].value, "default");
	read_security(&auth);
	read_logind(&auth);
	read_nsswitch(&auth);
	auth_set(&auth, "sssd/present", sys_exists(sys, "/usr/sbin/sssd") ? "1" : "0",
		 "/usr/sbin/sssd");
	read_allow(&auth, "cron/allow", "/etc/cron.allow", NULL, cron);
	read_allow(&auth, "at/allow", "/etc/at.allow", "/etc/at.deny", at);
	auth_pam(&auth);
	auth_shell(&auth);
	bool failed = auth.failed;

	put_values(&auth);
	if (failed)
		return rf_fail(err, -ENOMEM, "auth: no memory");
	return fact_sink_check(out, err);
}
