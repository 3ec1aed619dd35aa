/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector cpu: the logical CPUs and what they share, and what the kernel says of each CPU
 * vulnerability. It repeats the kernel's words and sorts them; it does not probe the CPU.
 * Source: Documentation/ABI/testing/sysfs-devices-system-cpu, kernel arch/x86/kernel/cpu/bugs.c.
 */
#include <errno.h>
#include <string.h>

#include "base/cpus.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/util.h"

#define CPUS	  "/sys/devices/system/cpu"
#define DIR	  CPUS "/vulnerabilities"
#define MAX_NODES 1023

/* First words of the kernel's answers, and what they mean. */
static const struct {
	const char *prefix, *state;
} answers[] = {
	{"not affected", "not_affected"},
	{"mitigation:", "mitigated"},
	{"kvm: mitigation:", "mitigated"},
	{"vulnerable", "vulnerable"},
	{"kvm: vulnerable", "vulnerable"},
	{"processor vulnerable", "vulnerable"},
	{"unknown", "unknown"},
};

static const char *state_of(const char *detail)
{
	char text[1024];

	rf_copy(text, sizeof(text), detail);
	rf_lower(text);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (!rf_starts(text, answers[i].prefix))
			continue;
		/* "Mitigation: Clear CPU buffers; SMT vulnerable" is only half of one. */
		bool partly = strcmp(answers[i].state, "vulnerable") != 0 &&
			      strcmp(answers[i].state, "unknown") != 0 &&
			      strstr(text, "vulnerable");

		return partly ? "partial" : answers[i].state;
	}
	return "unknown";
}

/* ---- topology ---- */

/* The cell a CPU lies in: cpuN/nodeM is a link to it. */
static int64_t node_of(struct sys *sys, const char *dir)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int64_t node;

	if (sys_list(sys, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		if (rf_starts(names.names[i], "node") &&
		    rf_num(names.names[i] + 4, 10, 0, MAX_NODES, &node) == 0)
			return node;
	}
	return 0;
}

static int64_t number_in(struct sys *sys, const char *dir, const char *file, int64_t otherwise)
{
	char path[256], text[64];
	int64_t n;

	if (!rf_format(path, sizeof(path), "%s/%s", dir, file) ||
	    sys_read_line(sys, path, text, sizeof(text)) < 0 ||
	    rf_num(text, 10, 0, INT32_MAX, &n) < 0)
		return otherwise;
	return n;
}

static void cpu_put(struct sys *sys, unsigned cpu, struct fact_sink *out)
{
	char dir[128], path[256], key[16], list[1024];
	RF_AUTOBUF struct rf_buf siblings = {0};
	struct rf_cpus cpus = {0};

	rf_format(dir, sizeof(dir), CPUS "/cpu%u", cpu);
	rf_format(path, sizeof(path), "%s/topology/thread_siblings_list", dir);
	rf_format(key, sizeof(key), "%u", cpu);
	int rc = sys_read_line(sys, path, list, sizeof(list));

	if (rc == 0)
		rc = rf_cpus_parse(list, &cpus);
	if (rc == 0 && !rf_cpus_has(&cpus, cpu))
		rc = RF_E_SYNTAX;
	if (rc < 0) {
		util_gap(out, FACT_T_HOST_CPU, key, path, rc);
		return;
	}
	rf_cpus_format(&cpus, &siblings);
	fact_put_host_cpu(
		out,
		&(struct fact_host_cpu){
			.cpu = FACT_INT(cpu),
			.siblings = rf_buf_text(&siblings),
			.package = FACT_INT(number_in(sys, dir, "topology/physical_package_id", 0)),
			.node = FACT_INT(node_of(sys, dir)),
			.base_khz = FACT_INT(number_in(sys, dir, "cpufreq/base_frequency", 0)),
			.source = path});
}

static void topology(struct sys *sys, struct fact_sink *out)
{
	char online[4096];
	struct rf_cpus cpus = {0};
	int rc = sys_read_line(sys, CPUS "/online", online, sizeof(online));

	if (rc == 0)
		rc = rf_cpus_parse(online, &cpus);
	if (rc < 0) {
		fact_gap(out, FACT_T_HOST_CPU, "", "", CPUS "/online",
			 "Which CPUs are online cannot be read (%s: %s); /sys must be mounted.",
			 CPUS "/online", rf_code_text(rc));
		return;
	}
	for (unsigned cpu = 0; cpu < RF_MAX_CPUS; cpu++) {
		if (rf_cpus_has(&cpus, cpu))
			cpu_put(sys, cpu, out);
	}
}

/* ---- vulnerabilities ---- */

int collect_cpu(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[512], detail[1024];
	int rc = sys_list(sys, DIR, &names, err);

	(void)req;
	topology(sys, out);
	if (rc < 0) {
		fact_gap(
			out, FACT_T_CPU_VULN, "", "", DIR,
			"The kernel does not tell which CPU vulnerabilities it knows (%s cannot be "
			"listed: %s); Linux 4.15 and later do.",
			DIR, rf_code_text(rc));
		return 0;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (!rf_format(path, sizeof(path), "%s/%s", DIR, names.names[i]))
			continue;
		rc = sys_read_line(sys, path, detail, sizeof(detail));
		if (rc < 0) {
			util_gap(out, FACT_T_CPU_VULN, names.names[i], path, rc);
			continue;
		}
		fact_put_cpu_vuln(out, &(struct fact_cpu_vuln){.name = names.names[i],
							       .state = state_of(detail),
							       .detail = detail,
							       .source = path});
	}
	return 0;
}
