/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector ssh: the SSH server's settings in effect, what Match blocks change, and its keys. Only
 * OpenSSH. Options on sshd's command line are not looked at. Source: sshd_config(5), sshd(8).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/dpkg.h"
#include "collect/rpm.h"
#include "collect/ssh.h"

static bool find_sshd(struct sys *sys, const char **path)
{
	static const char *const programs[] = {"/usr/sbin/sshd", "/usr/bin/sshd",
					       "/usr/local/sbin/sshd"};

	for (size_t i = 0; i < RF_COUNT(programs); i++) {
		*path = programs[i];
		if (sys_exists(sys, programs[i]))
			return true;
	}
	*path = programs[0];
	return false;
}

static void put_option(struct fact_sink *out, const char *key, const char *value,
		       const char *source)
{
	fact_put_ssh_option(
		out, &(struct fact_ssh_option){.key = key, .value = value, .source = source});
}

/* The upstream version of the package; "" and a gap when it cannot be found. */
static void find_version(struct sys *sys, struct fact_sink *out, char *version, size_t size)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};
	int rc = dpkg_status_read(sys, &status, NULL);
	const struct dpkg_package *package = rc == 0 ? dpkg_find(&status, "openssh-server") : NULL;

	*version = '\0';
	if (package && package->version) {
		dpkg_version_upstream(package->version, version, size);
		put_option(out, "version", version, DPKG_STATUS);
		return;
	}
	if (rc == -ENOENT && rpm_version(sys, "openssh-server", version, size)) {
		put_option(out, "version", version, "rpm database");
		return;
	}
	fact_gap(out, FACT_T_SSH_OPTION, "version", "",
		 rc == -ENOENT ? "rpm database" : DPKG_STATUS,
		 "neither dpkg nor rpm names openssh-server, so that the version of sshd is not "
		 "known (%s)",
		 rf_code_text(rc < 0 ? rc : RF_E_MISSING));
}

static void put_matches(struct fact_sink *out, const struct sshd_config *config)
{
	for (size_t i = 0; i < config->matches_count; i++) {
		const struct sshd_match *m = &config->matches[i];

		fact_put_ssh_match(out, &(struct fact_ssh_match){.item = FACT_INT(i),
								 .criteria = m->criteria,
								 .key = m->key,
								 .value = m->value,
								 .source = m->source});
	}
}

/* Options that could not be made whole have the source "unknown", and their gap is written. */
static void put_options(struct fact_sink *out, const struct conf_options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct conf_option *o = &options->items[i];

		if (strcmp(o->source, "unknown") != 0)
			put_option(out, o->key, o->value, o->source);
	}
}

int collect_ssh(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	static const char own[] = "/etc/ssh/sshd_config", shipped[] = "/usr/etc/ssh/sshd_config";
	SSHD_AUTOCONFIG struct sshd_config config = {0};
	const char *program;
	char version[64];

	(void)req;
	bool present = find_sshd(sys, &program);

	put_option(out, "present", present ? "1" : "0", program);
	if (!present)
		return fact_sink_check(out, err);
	find_version(sys, out, version, sizeof(version));
	const char *path = !sys_exists(sys, own) && sys_exists(sys, shipped) ? shipped : own;
	int rc = sshd_config_load(sys, out, path, &config);

	if (rc < 0)
		return rf_fail(err, rc, "%s: no memory, or too many options", path);
	put_matches(out, &config);
	/* A file that could not be read may hold a value that comes first. */
	if (!config.incomplete) {
		ssh_defaults_add(sys, out, &config.options, ssh_version_number(version));
		put_options(out, &config.options);
		ssh_keys_put(sys, out, &config.options);
	} else {
		fact_gap(out, FACT_T_SSH_KEY, "", "", path,
			 "%s could not be read as a whole, so that it is not known where keys lie",
			 path);
	}
	return fact_sink_check(out, err);
}
