/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole collectors over a host whose files and answers are the input: the first byte picks one. For
 * the paths between a parser and its rows, includes and drop-ins among them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "collect/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	collect_fn *run;
	const char *paths[8]; /* ends with NULL */
} targets[] = {
	{collect_bridges,
	 {"/.ringfence/probe/rtnl-link", "/.ringfence/probe/rtnl-addr",
	  "/.ringfence/probe/rtnl-fdb", "/.ringfence/probe/rtnl-bridge-vlan"}},
	{collect_links, {"/.ringfence/probe/rtnl-link", "/.ringfence/probe/rtnl-addr"}},
	{collect_tc,
	 {"/.ringfence/probe/rtnl-link", "/.ringfence/probe/rtnl-qdisc",
	  "/.ringfence/probe/rtnl-filter/1:fffffff2", "/.ringfence/probe/rtnl-filter/2:fffffff2"}},
	{collect_firewall, {"/.ringfence/probe/nft/rules", "/.ringfence/probe/nft/chains"}},
	{collect_audit,
	 {"/.ringfence/probe/audit/rules", "/.ringfence/probe/audit/status",
	  "/etc/audit/rules.d/x.rules", "/etc/audit/auditd.conf"}},
	{collect_time,
	 {"/etc/chrony/chrony.conf", "/etc/ntp.conf", "/etc/systemd/timesyncd.conf",
	  "/.ringfence/probe/adjtimex"}},
	{collect_snmp, {"/etc/snmp/snmpd.conf", "/etc/snmp/snmpd.conf.d/a.conf"}},
	{collect_services,
	 {"/etc/systemd/system/default.target", "/etc/systemd/system/a.service", "/proc/7/stat",
	  "/proc/7/status"}},
	{collect_certificates,
	 {"/etc/pki/qemu/server-cert.pem", "/etc/pki/CA/cacrl.pem", "/etc/libvirt/qemu.conf",
	  "/.ringfence/probe/clock"}},
	{collect_listeners,
	 {"/.ringfence/probe/sock-diag/tcp4", "/.ringfence/probe/sock-diag/udp6", "/proc/7/stat"}},
	{collect_logging,
	 {"/etc/rsyslog.conf", "/etc/logrotate.conf", "/etc/syslog-ng/syslog-ng.conf",
	  "/etc/systemd/journald.conf", "/etc/libvirt/virtlogd.conf"}},
};

static int drop(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	RF_AUTOBUF struct rf_buf message = {0};
	int rc = fact_encode(table, "h", row, &message);

	/* A row that cannot go over the pipe to the judge would be a mistake of the collector. */
	if (rc < 0 && rc != RF_E_LIMIT && rc != -ENOMEM)
		abort();
	(void)sink;
	return 0;
}

static void write_file(const char *dir, const char *path, const uint8_t *data, size_t size)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", dir, path);
	for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static char dir[64];

static void remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s was left behind\n", dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct collect_request request = {.host = true};
	struct fact_sink sink = {.put = drop, .host = "h"};
	struct rf_err err = {0};
	struct sys *sys;

	if (size == 0 || size > 65536)
		return 0;
	size_t which = data[0] % RF_COUNT(targets);

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "/tmp/rf-fuzz-XXXXXX");
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
	}
	for (size_t i = 0; targets[which].paths[i]; i++)
		write_file(dir, targets[which].paths[i], data + 1, size - 1);
	if (sys_open_dir(dir, &sys, &err) < 0)
		return 0;
	(void)!targets[which].run(sys, &request, &sink, &err);
	sys_close(sys);
	for (size_t i = 0; targets[which].paths[i]; i++)
		write_file(dir, targets[which].paths[i], data, 0);
	return 0;
}
