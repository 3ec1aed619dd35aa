/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors and memory of a definition: <vcpu>, <cpu>, <cputune>, <memory>, <memoryBacking>,
 * <memtune> and the balloon. Source: libvirt's formatdomain and domain_conf.c of 9.0.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

/* VIR_DOMAIN_MEMORY_PARAM_UNLIMITED: from here on a limit limits nothing. */
#define UNLIMITED_KIB 9007199254740991LL

static int add_range(struct domain_cpuset *set, int64_t first, int64_t last, bool on)
{
	if (last < first)
		return RF_E_SYNTAX;
	for (int64_t cpu = first; cpu <= last; cpu++) {
		uint64_t bit = (uint64_t)1 << (cpu % 64);

		if (on)
			set->bits[cpu / 64] |= bit;
		else
			set->bits[cpu / 64] &= ~bit;
	}
	return 0;
}

int domain_cpuset_add(struct domain_cpuset *set, const char *text)
{
	char part[64];

	while (*text) {
		size_t len = strcspn(text, ",");
		int64_t first, last;

		if (len >= sizeof(part))
			return RF_E_SYNTAX;
		memcpy(part, text, len);
		part[len] = '\0';
		text += len + (text[len] == ',');
		char *word = rf_trim(part);
		bool on = *word != '^';

		word += !on;
		char *dash = strchr(word, '-');

		if (dash)
			*dash++ = '\0';
		int rc = rf_num(rf_trim(word), 10, 0, DOMAIN_MAX_CPUS - 1, &first);

		last = first;
		if (rc == 0 && dash)
			rc = rf_num(rf_trim(dash), 10, 0, DOMAIN_MAX_CPUS - 1, &last);
		if (rc == 0)
			rc = add_range(set, first, last, on);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool has_cpu(const struct domain_cpuset *set, size_t cpu)
{
	return cpu < DOMAIN_MAX_CPUS && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

const char *domain_cpuset_text(struct domain_facts *f, const struct domain_cpuset *set)
{
	RF_AUTOBUF struct rf_buf out = {0};

	for (size_t cpu = 0; cpu < DOMAIN_MAX_CPUS; cpu++) {
		if (set->bits[cpu / 64] == 0) {
			cpu |= 63;
			continue;
		}
		if (!has_cpu(set, cpu))
			continue;
		size_t last = cpu;

		while (has_cpu(set, last + 1))
			last++;
		rf_buf_printf(&out, "%s%zu", out.len ? "," : "", cpu);
		if (last > cpu)
			rf_buf_printf(&out, "-%zu", last);
		cpu = last;
	}
	return domain_text(f, "%s", rf_buf_text(&out));
}

static void read_features(struct domain_facts *f, const struct xml_node *cpu)
{
	struct fact_vm *vm = &f->vm;

	vm->cpu_features_required = vm->cpu_features_disabled = "";
	vm->nested = "";
	if (strcmp(vm->cpu_mode, "host-passthrough") == 0 ||
	    strcmp(vm->cpu_mode, "host-model") == 0 || strcmp(vm->cpu_mode, "maximum") == 0)
		vm->nested = "host";
	for (const struct xml_node *n = xml_child(cpu, "feature"); n; n = xml_next(n, "feature")) {
		const char *name = xml_attr_text(n, "name");
		const char *policy = xml_attr_text(n, "policy");
		bool nested = strcmp(name, "vmx") == 0 || strcmp(name, "svm") == 0;

		if (!*policy || strcmp(policy, "require") == 0 || strcmp(policy, "force") == 0) {
			vm->cpu_features_required = domain_join(f, vm->cpu_features_required, name);
			if (nested)
				vm->nested = "on";
		} else if (strcmp(policy, "disable") == 0 || strcmp(policy, "forbid") == 0) {
			vm->cpu_features_disabled = domain_join(f, vm->cpu_features_disabled, name);
			/* A VM has one of the two; what is required of either wins. */
			if (nested && strcmp(vm->nested, "on") != 0)
				vm->nested = "off";
		}
	}
}

static void read_pinning(struct domain_facts *f, const struct xml_node *tune)
{
	struct domain_cpuset hosts = {0}, pinned = {0};
	const char *all = xml_attr_text(xml_child(f->xml, "vcpu"), "cpuset");
	int64_t count = 0;
	int rc = domain_cpuset_add(&hosts, all);

	for (const struct xml_node *n = xml_child(tune, "vcpupin"); n; n = xml_next(n, "vcpupin")) {
		int64_t vcpu;

		if (rf_num(xml_attr_text(n, "vcpu"), 10, 0, DOMAIN_MAX_CPUS - 1, &vcpu) < 0)
			continue;
		if (!has_cpu(&pinned, (size_t)vcpu))
			count++;
		pinned.bits[vcpu / 64] |= (uint64_t)1 << (vcpu % 64);
		if (rc == 0)
			rc = domain_cpuset_add(&hosts, xml_attr_text(n, "cpuset"));
	}
	f->vm.cpu_pinned = FACT_INT(count);
	if (*all)
		f->vm.cpu_pinned = f->vm.vcpus;
	if (rc == 0)
		f->vm.cpu_set = domain_cpuset_text(f, &hosts);
	else
		domain_gap(f, FACT_T_VM, "", "cpu_set",
			   "a cpuset of the definition is not understood; correct it");
}

static struct fact_int on_off(const char *state)
{
	if (strcmp(state, "on") == 0)
		return FACT_INT(1);
	if (strcmp(state, "off") == 0)
		return FACT_INT(0);
	return (struct fact_int){0};
}

void domain_read_cpu(struct domain_facts *f)
{
	const struct xml_node *cpu = xml_child(f->xml, "cpu");
	const struct xml_node *topology = xml_child(cpu, "topology");
	const struct xml_node *tune = xml_child(f->xml, "cputune");
	struct fact_vm *vm = &f->vm;

	vm->vcpus = domain_number(f, xml_text(f->xml, "vcpu"), 1, "vcpus");
	if (xml_attr(topology, "sockets"))
		vm->sockets = domain_number(f, xml_attr_text(topology, "sockets"), 1, "sockets");
	vm->threads = domain_number(f, xml_attr_text(topology, "threads"), 1, "threads");
	vm->cpu_mode = xml_attr_text(cpu, "mode");
	vm->cpu_model = xml_text(cpu, "model");
	if (!*vm->cpu_mode && *vm->cpu_model)
		vm->cpu_mode = "custom";
	read_features(f, cpu);
	vm->cpu_shares = domain_number(f, xml_text(tune, "shares"), 0, "cpu_shares");
	vm->cpu_quota = domain_number(f, xml_text(tune, "quota"), 0, "cpu_quota");
	vm->iothreads = domain_number(f, xml_text(f->xml, "iothreads"), 0, "iothreads");
	vm->emulator_pinned = FACT_BOOL(xml_child(tune, "emulatorpin"));
	vm->pmu = on_off(xml_attr_text(xml_at(f->xml, "features/pmu"), "state"));
	read_pinning(f, tune);
}

static struct fact_int read_size(struct domain_facts *f, const struct xml_node *at, const char *col)
{
	int64_t bytes;

	if (!at)
		return FACT_INT(0);
	if (domain_size(at->text, xml_attr(at, "unit"), "KiB", &bytes) < 0) {
		domain_gap(f, FACT_T_VM, "", col, "'%.40s' %.20s is not a size; correct <%s>",
			   at->text, xml_attr_text(at, "unit"), at->name);
		return (struct fact_int){0};
	}
	return FACT_INT(bytes);
}

/* A limit of memtune: as large as libvirt's "unlimited" it is none. */
static struct fact_int read_limit(struct domain_facts *f, const char *name, const char *col)
{
	const struct xml_node *at = xml_child(xml_child(f->xml, "memtune"), name);
	struct fact_int limit;
	int64_t kib;

	if (at && domain_size(at->text, xml_attr(at, "unit"), "KiB", &kib) == RF_E_LIMIT)
		return FACT_INT(0);
	limit = read_size(f, at, col);
	if (limit.known && limit.v / 1024 >= UNLIMITED_KIB)
		limit.v = 0;
	return limit;
}

static void read_balloon(struct domain_facts *f)
{
	const struct xml_node *balloon = xml_at(f->xml, "devices/memballoon");
	struct fact_vm *vm = &f->vm;
	bool qemu = strcmp(vm->virt_type, "kvm") == 0 || strcmp(vm->virt_type, "qemu") == 0 ||
		    strcmp(vm->virt_type, "hvf") == 0;

	vm->balloon = xml_attr_text(balloon, "model");
	if (!*vm->balloon)
		vm->balloon = qemu ? "virtio" : strcmp(vm->virt_type, "xen") == 0 ? "xen" : "none";
	vm->balloon_autodeflate = FACT_BOOL(xml_attr_is(balloon, "autodeflate", "on"));
	vm->free_page_reporting = FACT_BOOL(xml_attr_is(balloon, "freePageReporting", "on"));
}

void domain_read_memory(struct domain_facts *f)
{
	const struct xml_node *memory = xml_child(f->xml, "memory");
	const struct xml_node *backing = xml_child(f->xml, "memoryBacking");
	struct fact_vm *vm = &f->vm;

	if (memory)
		vm->memory_bytes = read_size(f, memory, "memory_bytes");
	else
		domain_gap(f, FACT_T_VM, "", "memory_bytes", "the definition has no <memory>");
	vm->page_sharing = FACT_BOOL(!xml_child(backing, "nosharepages"));
	vm->memory_locked = FACT_BOOL(xml_child(backing, "locked"));
	vm->memory_access = xml_attr_text(xml_child(backing, "access"), "mode");
	vm->hugepages = FACT_BOOL(xml_child(backing, "hugepages"));
	vm->mem_hard_limit_bytes = read_limit(f, "hard_limit", "mem_hard_limit_bytes");
	vm->mem_soft_limit_bytes = read_limit(f, "soft_limit", "mem_soft_limit_bytes");
	vm->mem_min_guarantee_bytes = read_limit(f, "min_guarantee", "mem_min_guarantee_bytes");
	vm->dump_core = on_off(xml_attr_text(memory, "dumpCore"));
	read_balloon(f);
}
