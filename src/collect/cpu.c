/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector cpu: what the kernel says of each CPU vulnerability. It repeats the kernel's words and
 * sorts them; it does not probe the CPU.
 * Source: Documentation/ABI/testing/sysfs-devices-system-cpu, kernel arch/x86/kernel/cpu/bugs.c.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "collect/collect.h"
#include "collect/util.h"

#define DIR "/sys/devices/system/cpu/vulnerabilities"

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

int collect_cpu(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[512], detail[1024];
	int rc = sys_list(sys, DIR, &names, err);

	(void)req;
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
