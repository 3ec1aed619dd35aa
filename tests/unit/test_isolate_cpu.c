/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's part of a policy: what is read and refused, places on hosts with and without SMT,
 * floors and weights, times of the week, and the wants that follow. Real VMs:
 * tests/system/test_isolate_cpu.py.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu.h"
#include "isolate/verbs.h"
#include "test_base.h"

#define HEAD "isolate: 1\nzones: {z: {}}\n"

/* ---- reading ---- */

static void refused(void **state)
{
	static const struct {
		const char *cpu, *says;
	} CASES[] = {
		{"[]", "map"},
		{"{speed: 3}", "no key speed"},
		{"{shares: 0}", "low, normal, high"},
		{"{shares: fast}", "low, normal, high"},
		{"{shares: 1000001}", "low, normal, high"},
		{"{cap: 50}", "percent of one CPU"},
		{"{cap: 0%}", "percent of one CPU"},
		{"{cap: -5%}", "percent of one CPU"},
		{"{cap: []}", "percent of one CPU"},
		{"{cap: 409601%}", "percent of one CPU"},
		{"{cap: 20%, floor: 30%}", "above cap"},
		{"{affinity: ''}", "numbers as 0-3,8"},
		{"{affinity: 3-1}", "numbers as 0-3,8"},
		{"{affinity: 0-5000}", "numbers as 0-3,8"},
		{"{numa: x}", "numbers as 0-3,8"},
		{"{ht-sharing: some}", "any, internal or none"},
		{"{hostile: maybe}", "off, report or apart"},
		{"{hostile: []}", "off, report or apart"},
		{"{sched.cpu.htsharing: none}", "no key sched.cpu.htsharing"},
		{"{cap-mhz: fast}", "MHz"},
		{"{floor-mhz: -2}", "MHz"},
		{"{schedule: {}}", "a list"},
		{"{schedule: [{shares: low}]}", "when is missing"},
		{"{schedule: [{when: never}]}", "no time of the week"},
		{"{schedule: [{when: '10:00-11:00', floor: 3%}]}", "no key floor"},
		{"{schedule: [x]}", "at most 4"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct policy *policy = NULL;
		struct rf_err err = {0};
		char text[512];

		rf_format(text, sizeof(text),
			  HEAD "assignments: []\nprofiles: {p: {based-on: standard, cpu: %s}}\n",
			  CASES[i].cpu);
		if (policy_parse(rf_slice_text(text), "p", &policy, &err) == 0)
			fail_msg("%s was read", CASES[i].cpu);
		if (!strstr(rf_err_text(&err), CASES[i].says))
			fail_msg("%s: %s", CASES[i].cpu, rf_err_text(&err));
		assert_null(policy);
	}
}

/* VMware's words mean the same. */
static void words_of_a_vmx(void **state)
{
	static const char text[] =
		HEAD "assignments: []\nprofiles: {p: {based-on: standard, vmx: {sched.cpu.shares: "
		     "high, sched.cpu.max: 1000, sched.cpu.min: -1, sched.cpu.affinity: '0,2-3', "
		     "sched.cpu.htsharing: None}}}\n";
	struct policy *policy = NULL;
	struct rf_err err = {0};

	(void)state;
	if (policy_parse(rf_slice_text(text), "p", &policy, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	policy_free(policy);
	policy = NULL;
	assert_int_not_equal(
		policy_parse(rf_slice_text(HEAD "assignments: []\nprofiles: {p: {based-on: "
						"standard, vmx: {sched.cpu.htsharing: some}}}\n"),
			     "p", &policy, &err),
		0);
	assert_null(policy);
}

/* "host: cpu:" */
static void the_host_is_read(void **state)
{
	static const struct {
		const char *cpu, *says;
	} BAD[] = {
		{"[]", "map"},
		{"{cells: 1}", "a host's cpu has no key cells"},
		{"{cell: ''}", "CPUs that are the VMs' alone"},
		{"{cell: 3-1}", "CPUs that are the VMs' alone"},
		{"{cell: []}", "CPUs that are the VMs' alone"},
		{"{hostile: []}", "a map of counters"},
		{"{hostile: {noise: 3}}", "no key noise"},
		{"{hostile: {steal: 30}}", "steal: off, or {above: N"},
		{"{hostile: {steal: {above: 101}}}", "in percent"},
		{"{hostile: {steal: {above: 0}}}", "in percent"},
		{"{hostile: {steal: {below: 3}}}", "in percent"},
		{"{hostile: {steal: {above: 10, below: 10}}}", "less than"},
		{"{hostile: {steal: {above: 10, beyond: 3}}}", "steal: off"},
		{"{hostile: {machine-clears: {above: -1}}}", "a second"},
		{"{hostile: {split-locks: {above: x}}}", "a minute"},
		{"{hostile: {machine-clears: off, split-locks: off}}", "no counter is judged"},
		{"{hostile: {minimum-seconds: 60, maximum-seconds: 30}}", "below the shortest"},
		{"{hostile: {settle-seconds: 86401}}", "settle-seconds"},
		{"{hostile: {cores: 0}}", "cores: 1 to"},
	};
	static const char good[] =
		HEAD "assignments: []\nhost: {cpu: {cell: '2-3,7', hostile: {machine-clears: off, "
		     "steal: {above: 40}, throttling: {above: 50, below: 20}, calm-seconds: 5, "
		     "cores: 2}}}\n";
	struct policy *policy = NULL;
	struct rf_err err = {0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(BAD); i++) {
		char text[512];

		rf_format(text, sizeof(text), HEAD "assignments: []\nhost: {cpu: %s}\n",
			  BAD[i].cpu);
		err = (struct rf_err){0};
		if (policy_parse(rf_slice_text(text), "p", &policy, &err) == 0)
			fail_msg("%s was read", BAD[i].cpu);
		if (!strstr(rf_err_text(&err), BAD[i].says))
			fail_msg("%s: %s", BAD[i].cpu, rf_err_text(&err));
		assert_null(policy);
	}
	assert_int_equal(policy_parse(rf_slice_text(good), "p", &policy, &err), 0);
	const struct policy_cpu_host *host = policy_cpu_host(policy);
	const struct hostile_rules *rules = &host->hostile;

	assert_true(host->has_cell && rf_cpus_has(&host->cell, 7) &&
		    rf_cpus_count(&host->cell) == 3);
	assert_int_equal(host->hostile_cores, 2);
	assert_int_equal(rules->limits[HOSTILE_MACHINE_CLEARS].on, 0);
	assert_int_equal(rules->limits[HOSTILE_STEAL].on, 4000);
	assert_int_equal(rules->limits[HOSTILE_STEAL].off, 2000);
	assert_int_equal(rules->limits[HOSTILE_THROTTLED].off, 2000);
	assert_int_equal(rules->calm_ms, 5000);
	/* What is not said is as usual. */
	assert_int_equal(rules->settle_ms, hostile_usual.settle_ms);
	assert_int_equal(rules->limits[HOSTILE_SPLIT_LOCKS].on,
			 hostile_usual.limits[HOSTILE_SPLIT_LOCKS].on);
	policy_free(policy);
	policy = NULL;
	assert_int_equal(
		policy_parse(rf_slice_text(HEAD "assignments: []\nhost: {cpu: {cell: all}}\n"), "p",
			     &policy, &err),
		0);
	assert_false(policy_cpu_host(policy)->has_cell);
	policy_free(policy);
}

/* ---- times ---- */

static void times_of_the_week(void **state)
{
	static const struct {
		const char *text;
		int wday, hour, minute; /* 0: Sunday */
		bool holds;
	} CASES[] = {
		{"mon-fri 18:00-08:00", 1, 18, 0, true},  {"mon-fri 18:00-08:00", 1, 17, 59, false},
		{"mon-fri 18:00-08:00", 6, 7, 59, true},  {"mon-fri 18:00-08:00", 6, 8, 0, false},
		{"mon-fri 18:00-08:00", 1, 7, 0, false},  {"mon-fri 18:00-08:00", 0, 20, 0, false},
		{"sat,sun 00:00-24:00", 0, 0, 0, true},	  {"sat,sun 00:00-24:00", 6, 23, 59, true},
		{"sat,sun 00:00-24:00", 1, 0, 0, false},  {"22:00-06:00", 3, 23, 0, true},
		{"22:00-06:00", 3, 6, 0, false},	  {"FRI-mon 09:00-10:00", 0, 9, 30, true},
		{"fri-mon 09:00-10:00", 2, 9, 30, false},
	};
	static const char *const BAD[] = {"",
					  "mon",
					  "25:00-26:00",
					  "10:00-10:00",
					  "9:00-10:00",
					  "mon-fri",
					  "10:00-11:00 mon",
					  "24:00-01:00",
					  "10:60-11:00",
					  "mon 10:00-24:01",
					  "mon,, 10:00-11:00",
					  "mon 10:00-11:00 x"};
	struct schedule s;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		const struct tm tm = {.tm_wday = CASES[i].wday,
				      .tm_hour = CASES[i].hour,
				      .tm_min = CASES[i].minute};

		assert_int_equal(schedule_parse(CASES[i].text, &s, NULL), 0);
		if (schedule_holds(&s, &tm) != CASES[i].holds)
			fail_msg("%s on day %d at %d:%02d", CASES[i].text, CASES[i].wday,
				 CASES[i].hour, CASES[i].minute);
	}
	for (size_t i = 0; i < RF_COUNT(BAD); i++) {
		if (schedule_parse(BAD[i], &s, NULL) != RF_E_SYNTAX)
			fail_msg("%s was read", BAD[i]);
	}
}

/* Berlin, 2026: the clock goes from 2:00 to 3:00 on 29 March, from 3:00 to 2:00 on 25 October. */
static void summer_time(void **state)
{
	static const struct {
		const char *window;
		int64_t now, next;
	} CASES[] = {
		/* 28 March 18:00 to 29 March 8:00 is 13 hours, not 14. */
		{"18:00-08:00", 1774717200, 1774717200 + 13 * 3600},
		/* 24 October 18:00 to 25 October 8:00 is 15. */
		{"18:00-08:00", 1792857600, 1792857600 + 15 * 3600},
		/* The skipped hour: nothing holds that day; asked at 1:30, it is the day after. */
		{"02:00-03:00", 1774744200, 1774744200 + 23 * 3600 + 30 * 60},
		/* The hour that comes twice holds twice. */
		{"02:00-03:00", 1792886400, 1792886400 + 2 * 3600},
	};
	struct schedule s;

	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	time_t probe = 1774744200 + 3600;
	struct tm tm;

	localtime_r(&probe, &tm);
	if (tm.tm_hour != 3) {
		print_message("skipped: no time zones here (tzdata)\n");
		skip();
	}
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		assert_int_equal(schedule_parse(CASES[i].window, &s, NULL), 0);
		if (schedule_next(&s, CASES[i].now) != CASES[i].next)
			fail_msg("%s: %lld", CASES[i].window,
				 (long long)(schedule_next(&s, CASES[i].now) - CASES[i].now));
	}
	assert_int_equal(schedule_parse("mon-sun 00:00-24:00", &s, NULL), 0);
	assert_int_equal(schedule_next(&s, 1774717200), 0);
	setenv("TZ", "UTC", 1);
	tzset();
}

/* ---- weights ---- */

static void floors_raise_weights(void **state)
{
	static const struct {
		double weights[3], floors[3], wanted[3];
		bool fits;
	} CASES[] = {
		{{1, 3, 0}, {0, 0, 0}, {1, 3, 0}, true},
		{{1, 3, 0}, {0.25, 0, 0}, {1, 3, 0}, true},
		{{1, 3, 0}, {0.5, 0, 0}, {3, 3, 0}, true},
		{{1, 1, 2}, {0.5, 0.25, 0}, {4, 2, 2}, true},
		{{1, 1, 1}, {0.5, 0.5, 0}, {0, 0, 0}, false},
		{{1, 9, 0}, {0.5, 0.5, 0}, {9, 9, 0}, true},
		{{1, 1, 1}, {0.6, 0.6, 0}, {0, 0, 0}, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		double w[3];

		memcpy(w, CASES[i].weights, sizeof(w));
		if (cpu_weights_raise(w, CASES[i].floors, 3) != CASES[i].fits)
			fail_msg("case %zu", i);
		for (size_t k = 0; CASES[i].fits && k < 3; k++) {
			double off = w[k] - CASES[i].wanted[k];

			if (off > 1e-6 || off < -1e-6)
				fail_msg("case %zu: weight %zu is %f", i, k, w[k]);
		}
	}
}

/* ---- places ---- */

/* A host of so many cores in two cells, each of so many threads: core n has CPUs n, n + cores. */
static void host_make_up(struct policy_host *host, size_t cores, size_t threads, int version)
{
	memset(host, 0, sizeof(*host));
	host->cores = rf_alloc(cores, sizeof(*host->cores));
	host->cores_count = cores;
	host->smt = threads > 1;
	host->cgroup_version = version;
	host->cell_dir = "";
	host->mhz = 2000;
	for (size_t i = 0; i < cores; i++) {
		host->cores[i].node = i >= cores / 2;
		for (size_t k = 0; k < threads; k++) {
			rf_cpus_add(&host->cores[i].cpus, (unsigned)(i + k * cores));
			rf_cpus_add(&host->online, (unsigned)(i + k * cores));
		}
	}
}

static void vm_add(struct policy_host *host, const char *name, int64_t vcpus)
{
	assert_int_equal(rf_grow((void **)&host->vms, &host->vms_capacity, host->vms_count + 1,
				 sizeof(*host->vms)),
			 0);
	host->vms[host->vms_count++] = (struct policy_vm){.name = name,
							  .class = "",
							  .zone = "",
							  .cpu_set = "",
							  .ht_asked = "",
							  .vcpus = vcpus,
							  .running = true,
							  .defined = true};
}

struct scene {
	struct policy *policy;
	struct policy_host host;
	struct cpu_result result;
	struct policy_notes notes;
	const char *host_says; /* "host:" of the policy */
};

static void scene_solve(struct scene *s, const char *profiles, const char *assignments)
{
	static const struct tm monday_noon = {.tm_wday = 1, .tm_hour = 12};
	char text[2048];
	struct rf_err err = {0};

	rf_format(text, sizeof(text), HEAD "profiles: {%s}\nassignments: [%s]\nhost: {%s}\n",
		  profiles, assignments, s->host_says ? s->host_says : "");
	if (policy_parse(rf_slice_text(text), "p", &s->policy, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(
		cpu_resolve(s->policy, &s->host, &monday_noon, &s->result, &s->notes, &err), 0);
}

static void scene_done(struct scene *s)
{
	policy_free(s->policy);
	policy_host_done(&s->host);
	cpu_result_done(&s->result);
	policy_notes_done(&s->notes);
}

static const char *place(const struct scene *s, size_t vm, struct rf_buf *text)
{
	rf_buf_reset(text);
	rf_cpus_format(&s->result.items[vm].cpus, text);
	return rf_buf_text(text);
}

static const struct policy_note *note_with(const struct scene *s, const char *text)
{
	for (size_t i = 0; i < s->notes.count; i++) {
		if (strstr(s->notes.items[i].text, text))
			return &s->notes.items[i];
	}
	for (size_t i = 0; i < s->notes.count; i++)
		print_message("note: %s\n", s->notes.items[i].text);
	fail_msg("no note says %s", text);
	return NULL;
}

#define INTERNAL	"i: {based-on: standard, cpu: {ht-sharing: internal}}"
#define NONE		"n: {based-on: standard, cpu: {ht-sharing: none}}"
#define TO(vm, profile) "{vm: " vm ", profile: " profile ", zone: z}"

static void cores_are_set_apart(void **state)
{
	struct scene s = {0};
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	/* 8 cores of 2 threads: CPUs n and n + 8. */
	host_make_up(&s.host, 8, 2, 2);
	vm_add(&s.host, "four", 4);
	vm_add(&s.host, "one", 1);
	vm_add(&s.host, "other", 2);
	vm_add(&s.host, "two", 2);
	scene_solve(&s, INTERNAL ", " NONE,
		    TO("four", "i") ", " TO("one", "i") ", " TO("two", "n"));
	assert_int_equal(s.notes.conflicts, 0);
	assert_string_equal(place(&s, 0, &text), "0-1,8-9");
	assert_int_equal(s.result.items[0].charged, 4);
	/* One vCPU has no partner: internal is none, booked double. */
	assert_int_equal(s.result.items[1].configured, HT_INTERNAL);
	assert_int_equal(s.result.items[1].effective, HT_NONE);
	assert_string_equal(place(&s, 1, &text), "2");
	assert_int_equal(s.result.items[1].charged, 2);
	assert_false(note_with(&s, "internal is none")->conflict);
	/* Two whole cores of one cell: core 3 is alone in the first. */
	assert_string_equal(place(&s, 3, &text), "4-5");
	assert_int_equal(s.result.items[3].charged, 4);
	struct rf_cpus first = cpu_item_vcpu(&s.result.items[3], 0);
	struct rf_cpus second = cpu_item_vcpu(&s.result.items[3], 1);

	assert_true(rf_cpus_has(&first, 4) && rf_cpus_count(&first) == 1);
	assert_true(rf_cpus_has(&second, 5) && rf_cpus_count(&second) == 1);
	/* Nobody else runs there, not even whom no profile names. */
	assert_string_equal(place(&s, 2, &text), "3,6-7,11,14-15");
	assert_false(s.result.items[2].managed);
	note_with(&s, "no core scheduling");
	scene_done(&s);
}

/* Who holds cores keeps them, whoever comes before it in the alphabet. */
static void planning_again_moves_nobody(void **state)
{
	struct scene s = {0};
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	host_make_up(&s.host, 4, 2, 2);
	vm_add(&s.host, "a", 2);
	vm_add(&s.host, "b", 2);
	vm_add(&s.host, "c", 1);
	s.host.vms[1].cpu_set = "0,4";
	s.host.vms[2].cpu_set = "1";
	scene_solve(&s, INTERNAL ", " NONE, TO("a", "i") ", " TO("b", "i") ", " TO("c", "n"));
	assert_int_equal(s.notes.conflicts, 0);
	assert_string_equal(place(&s, 0, &text), "2,6");
	assert_string_equal(place(&s, 1, &text), "0,4");
	assert_string_equal(place(&s, 2, &text), "1");
	scene_done(&s);
}

static void what_cannot_be_had(void **state)
{
	static const struct {
		size_t cores, threads;
		int64_t vcpus;
		const char *cpu, *says;
		bool conflict;
		enum ht_mode effective;
	} CASES[] = {
		{4, 2, 8, "ht-sharing: internal", "needs 4 whole cores", true, HT_INTERNAL},
		{4, 2, 4, "ht-sharing: none", "needs 4 whole cores", true, HT_NONE},
		{4, 1, 2, "ht-sharing: none", "holds by itself", false, HT_ANY},
		{4, 2, 2, "ht-sharing: internal, affinity: '0,1'", "overridden by its affinity",
		 false, HT_ANY},
		{4, 2, 4, "ht-sharing: internal, numa: 1, affinity: '0,2-3,6-7'", NULL, false,
		 HT_INTERNAL},
		{4, 2, 2, "affinity: '9'", "not online: 9", true, HT_ANY},
		{4, 2, 2, "affinity: '0', numa: 1", "nothing is left", true, HT_ANY},
		{4, 2, 2, "numa: 7", "nothing is left", true, HT_ANY},
		{4, 2, 2, "floor: 201%", "more than its 2 vCPUs", true, HT_ANY},
		{4, 2, 2, "floor: 150%, affinity: '3'", "have 100%", true, HT_ANY},
		{4, 2, 2, "floor-mhz: 3000, cap: 100%", "above its cap", true, HT_ANY},
		{4, 2, 0, "shares: low", "is not known", true, HT_ANY},
		{0, 1, 1, "shares: low", "on the host itself", true, HT_ANY},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct scene s = {0};
		char profile[256];

		host_make_up(&s.host, CASES[i].cores ? CASES[i].cores : 1, CASES[i].threads, 2);
		s.host.cores_count = CASES[i].cores;
		vm_add(&s.host, "v", CASES[i].vcpus);
		rf_format(profile, sizeof(profile), "p: {based-on: standard, cpu: {%s}}",
			  CASES[i].cpu);
		scene_solve(&s, profile, TO("v", "p"));
		if ((s.notes.conflicts > 0) != CASES[i].conflict ||
		    s.result.items[0].effective != CASES[i].effective)
			fail_msg("%s: %zu conflicts, %s", CASES[i].cpu, s.notes.conflicts,
				 ht_mode_name(s.result.items[0].effective));
		if (CASES[i].says)
			note_with(&s, CASES[i].says);
		scene_done(&s);
	}
}

static void floors_are_admitted(void **state)
{
	struct scene s = {0};

	(void)state;
	host_make_up(&s.host, 2, 1, 2);
	vm_add(&s.host, "a", 2);
	vm_add(&s.host, "b", 2);
	vm_add(&s.host, "c", 2);
	scene_solve(&s, "p: {based-on: standard, cpu: {floor: 70%}}",
		    TO("a", "p") ", " TO("b", "p") ", " TO("c", "p"));
	/* 210% of 200%: refused, with the names. */
	assert_int_equal(s.notes.conflicts, 1);
	note_with(&s, "a (70%), b (70%), c (70%)");
	scene_done(&s);
	memset(&s, 0, sizeof(s));
	host_make_up(&s.host, 2, 1, 2);
	vm_add(&s.host, "a", 1);
	vm_add(&s.host, "b", 1);
	scene_solve(&s,
		    "p: {based-on: standard, cpu: {shares: low, floor: 100%}}, "
		    "q: {based-on: standard, cpu: {shares: high}}",
		    TO("a", "p") ", " TO("b", "q"));
	/* Half of two CPUs: as much weight as the other, whose 2000 shares are 200. */
	assert_int_equal(s.notes.conflicts, 0);
	assert_int_equal(s.result.items[0].weight, 200);
	assert_int_equal(s.result.items[1].weight, 200);
	scene_done(&s);
}

/* The same shares in the unit of each cgroup version; words count each vCPU, numbers the VM. */
static void shares_and_caps(void **state)
{
	static const struct {
		const char *cpu;
		int version;
		int64_t weight, quota;
	} CASES[] = {
		{"shares: normal", 2, 200, -1},
		{"shares: normal", 1, 2048, -1},
		{"shares: low", 2, 100, -1},
		{"shares: high", 1, 4096, -1},
		{"shares: high", 2, 400, -1},
		{"shares: 3000", 2, 300, -1},
		{"shares: 3000", 1, 3072, -1},
		{"shares: 1", 2, 1, -1},
		{"shares: 1", 1, 2, -1},
		{"shares: 1000000", 2, 10000, -1},
		{"shares: 1000000", 1, 262144, -1},
		{"cap: 50%", 2, 200, 50000},
		{"cap: 150%", 1, 2048, 150000},
		{"cap-mhz: 1000", 2, 200, 50000},
		{"cap-mhz: -1", 2, 200, -1},
		{"cap: no", 2, 200, -1},
		{"cap: 50%, schedule: [{when: 'mon 10:00-14:00', cap: no, shares: low}]", 2, 100,
		 -1},
		{"cap: 50%, schedule: [{when: 'tue 10:00-14:00', cap: no}]", 2, 200, 50000},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct scene s = {0};
		char profile[256];

		host_make_up(&s.host, 2, 1, CASES[i].version);
		vm_add(&s.host, "v", 2);
		rf_format(profile, sizeof(profile), "p: {based-on: standard, cpu: {%s}}",
			  CASES[i].cpu);
		scene_solve(&s, profile, TO("v", "p"));
		if (s.result.items[0].weight != CASES[i].weight ||
		    s.result.items[0].quota_us != CASES[i].quota)
			fail_msg("%s: %lld %lld", CASES[i].cpu, (long long)s.result.items[0].weight,
				 (long long)s.result.items[0].quota_us);
		scene_done(&s);
	}
}

/* Every want is one that the privileged side takes. */
static void wants_are_taken(void **state)
{
	static const struct verb_table *const tables[] = {&tune_verbs, NULL};
	static const struct verb_set set = {tables};
	static const struct verb_env env = {.live = true};
	struct isolate_wants wants = {0};
	struct scene s = {0};
	struct rf_err err = {0};
	size_t removed = 0, found = 0;

	(void)state;
	host_make_up(&s.host, 4, 2, 1);
	vm_add(&s.host, "a", 2);
	vm_add(&s.host, "free", 1);
	vm_add(&s.host, "plain", 1);
	s.host.vms[0].iothreads = 1;
	s.host.vms[2].running = false;
	scene_solve(&s, INTERNAL ", p: {based-on: standard, cpu: {cap: 20%}}",
		    TO("a", "i") ", " TO("plain", "p"));
	assert_int_equal(cpu_wants_add(&s.result, &s.host, &wants, &err), 0);
	for (size_t i = 0; i < wants.count; i++) {
		const struct change_spec *spec = &wants.items[i].spec;
		const struct verb *verb = NULL;

		if (verb_check(&set, &env, spec, &verb, &err) < 0)
			fail_msg("%s: %s", spec->target, rf_err_text(&err));
		removed += strcmp(spec->op, "remove") == 0;
		found += strcmp(spec->target, "a/live/cpu.pin.iothread/1") == 0 &&
			 strcmp(change_spec_value(spec), "0,4") == 0;
		/* What no profile names keeps its definition, and what is off has nothing live. */
		assert_false(rf_starts(spec->target, "free/persistent"));
		assert_false(rf_starts(spec->target, "plain/live"));
	}
	assert_int_equal(found, 1);
	/* In a's definition: no quota, no period. */
	assert_int_equal(removed, 2);
	isolate_wants_done(&wants);
	scene_done(&s);
}

/* A policy that says nothing of the processor wants nothing of it. */
static void silence_wants_nothing(void **state)
{
	struct isolate_wants wants = {0};
	struct scene s = {0};

	(void)state;
	vm_add(&s.host, "a", 0);
	scene_solve(&s, "", TO("a", "hostile"));
	assert_int_equal(s.notes.count, 0);
	assert_false(s.result.any);
	assert_int_equal(cpu_wants_add(&s.result, &s.host, &wants, NULL), 0);
	assert_int_equal(wants.count, 0);
	isolate_wants_done(&wants);
	scene_done(&s);
}

#define HOSTILE "h: {based-on: standard, cpu: {hostile: apart}}"

/* A hostile VM gets whole cores, as few as the policy says; everybody else keeps off; and the plan
 * says that of those alone who move. */
static void hostile_vms_are_set_apart(void **state)
{
	static const struct {
		size_t cores, threads;
		int64_t vcpus;
		const char *profile, *host, *cpus, *others;
		const char *says; /* it cannot be had */
	} CASES[] = {
		{4, 2, 4, HOSTILE, NULL, "0,4", "1-3,5-7", NULL},
		{4, 1, 4, HOSTILE, NULL, "0", "1-3", NULL},
		{4, 1, 4, HOSTILE, "cpu: {hostile: {cores: 2}}", "0-1", "2-3", NULL},
		{4, 1, 1, HOSTILE, "cpu: {hostile: {cores: 2}}", "0", "1-3", NULL},
		{4, 1, 2, HOSTILE, "cpu: {cell: '1-3'}", "1", "2-3", NULL},
		{4, 1, 2, "h: {based-on: standard, cpu: {hostile: apart, affinity: '3'}}", NULL,
		 "3", "0-2", NULL},
		{1, 2, 2, HOSTILE, NULL, "0-1", "0-1", "cannot be set apart"},
		{4, 1, 2, HOSTILE, "cpu: {hostile: {cores: 4}, cell: '0-1'}", "0-1", "0-1",
		 "cannot be set apart"},
		/* Only watched: it stays where it is. */
		{4, 1, 2, "h: {based-on: standard, cpu: {hostile: report}}", NULL, "0-3", "0-3",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct scene before = {.host_says = CASES[i].host}, s = before;
		RF_AUTOBUF struct rf_buf text = {0};
		struct isolate_wants wants = {0};

		for (int apart = 0; apart < 2; apart++) {
			struct scene *now = apart ? &s : &before;

			host_make_up(&now->host, CASES[i].cores, CASES[i].threads, 2);
			vm_add(&now->host, "hog", CASES[i].vcpus);
			vm_add(&now->host, "other", 2);
			now->host.vms[0].apart = apart;
			scene_solve(now, CASES[i].profile, TO("hog", "h"));
			assert_int_equal(now->notes.conflicts, 0);
		}
		if (strcmp(place(&s, 0, &text), CASES[i].cpus) != 0)
			fail_msg("case %zu: on %s", i, rf_buf_text(&text));
		if (strcmp(place(&s, 1, &text), CASES[i].others) != 0)
			fail_msg("case %zu: others on %s", i, rf_buf_text(&text));
		if (CASES[i].says)
			note_with(&s, CASES[i].says);
		assert_int_equal(
			cpu_wants_between(&before.result, &s.result, &s.host, &wants, NULL), 0);
		bool moves = strcmp(CASES[i].cpus, CASES[i].others) != 0;
		bool stays = rf_cpus_equal(&before.result.items[0].cpus, &s.result.items[0].cpus);
		size_t hog = 0, other = 0;

		for (size_t k = 0; k < wants.count; k++) {
			hog += rf_starts(wants.items[k].spec.target, "hog/live/cpu.pin.");
			other += rf_starts(wants.items[k].spec.target, "other/live/cpu.pin.");
		}
		/* Each vCPU and the emulator; nothing of a definition. */
		assert_int_equal(hog, moves && !stays ? CASES[i].vcpus + 1 : 0);
		assert_int_equal(other, moves ? 3 : 0);
		assert_int_equal(wants.count, hog + other);
		isolate_wants_done(&wants);
		/* A definition stays as if nobody were apart. */
		wants = (struct isolate_wants){0};
		assert_int_equal(cpu_wants_add(&s.result, &s.host, &wants, NULL), 0);
		for (size_t k = 0; k < wants.count; k++) {
			const struct change_spec *spec = &wants.items[k].spec;

			if (!rf_starts(spec->target, "hog/persistent/cpu.pin.") ||
			    strcmp(spec->op, "remove") == 0)
				continue;
			rf_buf_reset(&text);
			rf_cpus_format(&before.result.items[0].cpus, &text);
			assert_string_equal(change_spec_value(spec), rf_buf_text(&text));
		}
		isolate_wants_done(&wants);
		scene_done(&before);
		scene_done(&s);
	}
}

static void the_cell_is_the_pool(void **state)
{
	static const struct {
		const char *cell, *dir, *says;
		bool conflict;
		size_t wants;
	} CASES[] = {
		{"2-3", "/sys/fs/cgroup/machine.slice", NULL, false, 2},
		{"2-3", "", "configured, not enforced", false, 0},
		{"2-9", "", "not online: 4-9", true, 0},
		{"0-3", "", "leaves no CPU for the host", true, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		struct isolate_wants wants = {0};
		char says[64];
		struct scene s = {.host_says = says}, none = {0};

		rf_format(says, sizeof(says), "cpu: {cell: '%s'}", CASES[i].cell);
		host_make_up(&s.host, 4, 1, 2);
		host_make_up(&none.host, 4, 1, 2);
		s.host.cell_dir = none.host.cell_dir = CASES[i].dir;
		vm_add(&s.host, "a", 2);
		scene_solve(&s, "", "");
		scene_solve(&none, "", "");
		assert_int_equal(s.notes.conflicts > 0, CASES[i].conflict);
		if (CASES[i].says)
			note_with(&s, CASES[i].says);
		assert_int_equal(cpu_cell_want(s.policy, NULL, &s.host, &wants, NULL), 0);
		if (!CASES[i].conflict) {
			/* A VM that no profile names keeps to it, too. */
			assert_string_equal(place(&s, 0, &text), "2-3");
			assert_int_equal(wants.count, CASES[i].wants);
		}
		if (wants.count && CASES[i].wants) {
			assert_string_equal(wants.items[0].spec.target,
					    "/sys/fs/cgroup/machine.slice/cpuset.cpus");
			assert_string_equal(change_spec_value(&wants.items[0].spec), "2-3");
			assert_string_equal(change_spec_value(&wants.items[1].spec), "root");
		}
		isolate_wants_done(&wants);
		wants = (struct isolate_wants){0};
		/* The next policy has none: first it is no partition any more. */
		assert_int_equal(cpu_cell_want(none.policy, s.policy, &s.host, &wants, NULL), 0);
		if (CASES[i].wants) {
			assert_string_equal(change_spec_value(&wants.items[0].spec), "member");
			assert_string_equal(change_spec_value(&wants.items[1].spec), "0-3");
		}
		isolate_wants_done(&wants);
		scene_done(&s);
		scene_done(&none);
	}
}

static void a_schedule_wants_a_timer(void **state)
{
	static const char late[] = "p: {based-on: standard, cpu: {schedule: [{when: '22:00-06:00', "
				   "shares: low}]}}";

	(void)state;
	for (int timer = 0; timer < 2; timer++) {
		struct scene s = {0};

		host_make_up(&s.host, 2, 1, 2);
		vm_add(&s.host, "night", 1);
		s.host.has_timer = timer;
		scene_solve(&s, late, TO("night", "p"));
		assert_int_equal(s.notes.conflicts, 0);
		if (!timer)
			note_with(&s, "1 VMs follow a schedule (night), and no timer");
		assert_int_equal(s.notes.count, timer ? 0 : 1);
		scene_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_is_read),
		cmocka_unit_test(hostile_vms_are_set_apart),
		cmocka_unit_test(the_cell_is_the_pool),
		cmocka_unit_test(a_schedule_wants_a_timer),
		cmocka_unit_test(refused),
		cmocka_unit_test(words_of_a_vmx),
		cmocka_unit_test(times_of_the_week),
		cmocka_unit_test(summer_time),
		cmocka_unit_test(floors_raise_weights),
		cmocka_unit_test(cores_are_set_apart),
		cmocka_unit_test(planning_again_moves_nobody),
		cmocka_unit_test(what_cannot_be_had),
		cmocka_unit_test(floors_are_admitted),
		cmocka_unit_test(shares_and_caps),
		cmocka_unit_test(wants_are_taken),
		cmocka_unit_test(silence_wants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
