/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the files of a host, through the collectors that read them. The first byte chooses
 * the collector; the rest is every file that it reads. Rows are encoded and thrown away.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "collect/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FILES 8

static const struct {
	collect_fn *run;
	const char *files[MAX_FILES];
} targets[] = {
	{collect_accounts, {"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/login.defs"}},
	{collect_auth,
	 {"/etc/pam.d/login", "/etc/pam.d/passwd", "/etc/pam.d/su", "/etc/profile",
	  "/etc/systemd/logind.conf", "/etc/security/faillock.conf", "/etc/nsswitch.conf"}},
	{collect_sudo, {"/etc/sudoers", "/etc/passwd", "/etc/group", "/usr/bin/sudo"}},
	{collect_ssh, {"/etc/ssh/sshd_config", "/etc/ssh/extra", "/usr/sbin/sshd"}},
	{collect_polkit,
	 {"/etc/polkit-1/rules.d/a.rules", "/etc/polkit-1/actions/a.policy",
	  "/etc/polkit-1/localauthority/a/a.pkla"}},
	{collect_packages,
	 {"/var/lib/dpkg/status", "/var/lib/apt/lists/a_dists_b_main_Packages",
	  "/var/lib/apt/lists/a_dists_b_InRelease"}},
	{collect_package_sources,
	 {"/etc/apt/sources.list", "/etc/apt/sources.list.d/a.sources", "/etc/yum.repos.d/a.repo"}},
	{collect_package_files,
	 {"/var/lib/dpkg/status", "/var/lib/dpkg/info/libvirt0.md5sums", "/var/lib/dpkg/diversions",
	  "/proc/modules"}},
};

static int put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	RF_AUTOBUF struct rf_buf message = {0};

	return fact_encode(table, sink->host, row, &message);
}

static void write_file(const char *dir, const char *path, const uint8_t *data, size_t size)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", dir, path);
	for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	FILE *f = fopen(full, "wb");

	if (!f)
		abort();
	fwrite(data, 1, size, f);
	fclose(f);
}

static char dirs[RF_COUNT(targets)][32];

static void clean_up(void)
{
	char command[300];

	for (size_t i = 0; i < RF_COUNT(targets); i++) {
		snprintf(command, sizeof(command), "rm -rf '%s'", dirs[i]);
		if (dirs[i][0] && system(command) != 0)
			fprintf(stderr, "%s is left behind\n", dirs[i]);
	}
}

/* One folder for each collector, so that no other's files lie about. */
static const char *folder(size_t target)
{
	static bool registered;

	if (!registered)
		registered = atexit(clean_up) == 0;
	if (!dirs[target][0]) {
		snprintf(dirs[target], sizeof(dirs[target]), "/tmp/rf-fuzz-XXXXXX");
		if (!mkdtemp(dirs[target]))
			abort();
	}
	return dirs[target];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct collect_request req = {.host = true};
	struct fact_sink sink = {.put = put, .host = "h"};
	struct rf_err err = {0};
	struct sys *sys;

	if (size == 0 || size > 1u << 20)
		return 0;
	size_t target = data[0] % RF_COUNT(targets);
	const char *dir = folder(target);

	for (size_t i = 0; i < MAX_FILES && targets[target].files[i]; i++)
		write_file(dir, targets[target].files[i], data + 1, size - 1);
	if (sys_open_dir(dir, &sys, NULL) < 0)
		abort();
	/* A collector may refuse; what it may not is write a row that no sink takes. */
	int rc = targets[target].run(sys, &req, &sink, &err);

	(void)rc;
	sys_close(sys);
	if (fact_sink_check(&sink, &err) < 0)
		abort();
	return 0;
}
