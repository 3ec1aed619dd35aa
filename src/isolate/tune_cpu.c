/* SPDX-License-Identifier: Apache-2.0 */
/* Tunables of the processor. Sources: libvirt's formatdomain (cputune) and libvirt-domain.h. */
#include "base/mem.h"
#include "isolate/tune.h"

#define QUOTA_NONE 17592186044415 /* VIR_DOMAIN_..._QUOTA's largest, (1 << 44) - 1 */

static const struct tune_row rows[] = {
	/* Shares of cgroup v1 (2 to 262144) or a weight of v2 (1 to 10000): libvirt passes the
	 * number on as it is, so it means another thing on each. */
	{.name = "cpu.shares",
	 .summary = "weight against other VMs when CPUs are contended",
	 .unit = "shares or weight",
	 .value = TUNE_NUMBER,
	 .min = 1,
	 .max = 262144,
	 .way = &tune_param,
	 .group = VIRT_SCHEDULER,
	 .param = "cpu_shares",
	 .xml = "cputune/shares"},
	/* The whole VM, I/O threads and emulator included. */
	{.name = "cpu.quota",
	 .summary = "CPU time that the whole VM may use per period",
	 .unit = "microseconds",
	 .value = TUNE_NUMBER,
	 .min = 1000,
	 .max = QUOTA_NONE,
	 .unlimited = QUOTA_NONE,
	 .way = &tune_param,
	 .group = VIRT_SCHEDULER,
	 .param = "global_quota",
	 .xml = "cputune/global_quota"},
	{.name = "cpu.period",
	 .summary = "period of cpu.quota",
	 .unit = "microseconds",
	 .value = TUNE_NUMBER,
	 .min = 1000,
	 .max = 1000000,
	 .way = &tune_param,
	 .group = VIRT_SCHEDULER,
	 .param = "global_period",
	 .xml = "cputune/global_period"},
	{.name = "cpu.pin.vcpu",
	 .summary = "host CPUs that a vCPU may run on",
	 .value = TUNE_CPUS,
	 .item = TUNE_INDEX,
	 .way = &tune_pin,
	 .threads = VIRT_VCPU,
	 .xml = "cputune/vcpupin[@vcpu='%s']/@cpuset",
	 .xml_element = true},
	{.name = "cpu.pin.emulator",
	 .summary = "host CPUs that the emulator may run on",
	 .value = TUNE_CPUS,
	 .way = &tune_pin,
	 .threads = VIRT_EMULATOR,
	 .xml = "cputune/emulatorpin/@cpuset",
	 .xml_element = true},
	{.name = "cpu.pin.iothread",
	 .summary = "host CPUs that an I/O thread may run on",
	 .value = TUNE_CPUS,
	 .item = TUNE_INDEX,
	 .way = &tune_pin,
	 .threads = VIRT_IOTHREAD,
	 .xml = "cputune/iothreadpin[@iothread='%s']/@cpuset",
	 .xml_element = true},
};

const struct tune_rows tune_cpu_rows = {rows, RF_COUNT(rows)};
