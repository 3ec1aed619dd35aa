/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a policy: what is read and refused, who may share pages, what a host can give, what is
 * wanted then; page sharing asked of a QEMU that is played, one that lies or fails halfway among
 * them. Real VMs: tests/system/test_isolate_memory.py.
 */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/memory.h"
#include "isolate/memory_verify.h"
#include "isolate/ram.h"
#include "isolate/smaps.h"
#include "isolate/tune.h"

#define MIB (1ll << 20)
#define GIB (1024 * MIB)

/* ---- what is read ---- */

static struct policy *parse(const char *text, struct rf_err *err)
{
	struct policy *policy = NULL;

	return policy_parse(rf_slice_text(text), "p", &policy, err) == 0 ? policy : NULL;
}

static void refused(void **state)
{
	static const struct {
		const char *memory, *says;
	} CASES[] = {
		{"{page-sharingg: off}", "memory has no key page-sharingg"},
		{"{page-sharing: on}", "off, or label NAME"},
		{"{page-sharing: label}", "off, or label NAME"},
		{"{page-sharing: 'label '}", "a label is a name"},
		{"{page-sharing: label a b}", "a label is a name"},
		{"{page-sharing: {label: a}}", "one value"},
		{"{reservation-percent: 101}", "0 to 100"},
		{"{reservation-percent: -1}", "0 to 100"},
		{"{reservation-percent: 50, reservation-mib: 5}", "another key has said this"},
		{"{limit-percent: 100}", "110 to 1000"},
		{"{limit-mib: 99999999999999999999}", "64 to"},
		{"{balloon: maybe}", "forbidden, allowed"},
		{"{locked: perhaps}", "yes or no"},
		{"[]", "p:4"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct rf_err err = {0};
		char text[512];

		snprintf(
			text, sizeof(text),
			"isolate: 1\nassignments: []\nprofiles: {x: {based-on: trusted, memory:\n %s}}\n",
			CASES[i].memory);
		if (parse(text, &err) || !strstr(rf_err_text(&err), CASES[i].says))
			fail_msg("%s: %s", CASES[i].memory, rf_err_text(&err));
	}
}

static void refused_of_the_host(void **state)
{
	static const struct {
		const char *memory, *says;
	} CASES[] = {
		{"{page-sharing: label a}", "yes or no"},
		{"{page-sharing: off, sharing-label: a}", "exclude each other"},
		{"{advisor: fast}", "none, scan-time"},
		{"{max-page-sharing: 1}", "2 to"},
		{"{over-commit-percent: 9}", "10 to 1000"},
		{"{balloon: allowed}", "no key balloon"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct rf_err err = {0};
		char text[512];

		snprintf(text, sizeof(text), "isolate: 1\nassignments: []\nhost: {memory: %s}\n",
			 CASES[i].memory);
		if (parse(text, &err) || !strstr(rf_err_text(&err), CASES[i].says))
			fail_msg("%s: %s", CASES[i].memory, rf_err_text(&err));
	}
}

/* ---- who gets what ---- */

static struct memory_group groups[] = {{"/sys/fs/cgroup/machine.slice", 0, 0}};

#define RUNS(name, bytes_)                                                                         \
	{                                                                                          \
		.vm = (name), .uuid = "", .class = "", .bytes = (bytes_), .running = true,         \
		.defined = true, .balloon = true, .pid = 1, .version = 2,                          \
		.group = "/sys/fs/cgroup/machine.slice/x.scope", .groups = {0}, .groups_count = 1  \
	}

static struct memory_vm vms[] = {RUNS("a-1", 2 * GIB), RUNS("a-2", 1 * GIB), RUNS("b-1", 1 * GIB),
				 RUNS("other", 1 * GIB)};

static struct memory_input host_of(int64_t bytes)
{
	return (struct memory_input){
		.vms = vms,
		.count = RF_COUNT(vms),
		.groups = groups,
		.groups_count = RF_COUNT(groups),
		.host_bytes = bytes,
		.ksm = {.run = 1,
			.pages_shared = 100,
			.pages_to_scan = 100,
			.sleep_ms = 20,
			.max_page_sharing = 256,
			.across_nodes = 1,
			.advisor = "none"},
	};
}

#define PROFILES                                                                                   \
	"isolate: 1\nprofiles:\n  off: {based-on: trusted, memory: {page-sharing: off}}\n"         \
	"  blue: {based-on: trusted, memory: {page-sharing: label blue}}\n"                        \
	"  red: {based-on: trusted, memory: {page-sharing: label red}}\n"                          \
	"  full: {based-on: trusted, memory: {reservation-percent: 100, priority-percent: 50,\n"   \
	"    limit-percent: 125, balloon: forbidden, locked: yes, hugepages: yes}}\n"              \
	"  esx: {based-on: trusted, vmx: {sched.mem.pshare.enable: 'FALSE', sched.mem.min: 512,\n" \
	"    sched.mem.max: 4096, sched.mem.shares: high, sched.mem.maxmemctl: 0,\n"               \
	"    sched.mem.pin: 'TRUE'}}\n"                                                            \
	"  tight: {based-on: trusted, memory: {limit-mib: 512}}\n"                                 \
	"  much: {based-on: trusted, memory: {reservation-mib: 3072}}\n"

/* Resolves and says as lines what is wanted, then the notes ("!" for a conflict). */
static void told(const char *rest, const struct memory_input *input, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err err = {0};
	MEMORY_AUTORESULT struct memory_result result = {0};
	struct isolate_wants wants = {0};

	rf_buf_printf(&text, PROFILES "%s", rest);
	POLICY_AUTO struct policy *policy = parse(rf_buf_text(&text), &err);

	if (!policy || memory_resolve(policy, input, &result, &err) < 0 ||
	    memory_wants_add(policy, input, &result, &wants, &err) < 0) {
		fail_msg("%s", rf_err_text(&err));
		return;
	}
	for (size_t i = 0; i < wants.count; i++)
		rf_buf_printf(out, "%s=%s%s\n", wants.items[i].spec.target,
			      change_spec_value(&wants.items[i].spec),
			      strcmp(wants.items[i].spec.op, "remove") == 0 ? "(remove)" : "");
	for (size_t i = 0; i < result.notes_count; i++)
		rf_buf_printf(out, "%s%s: %s\n", result.notes[i].conflict ? "!" : "-",
			      result.notes[i].vm, result.notes[i].text);
	isolate_wants_done(&wants);
}

static const char *all_of(const char *rest, const struct memory_input *input, struct rf_buf *out)
{
	rf_buf_reset(out);
	told(rest, input, out);
	return rf_buf_text(out);
}

static void contains(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("%s is not in:\n%s", wanted, text);
}

static void contains_not(const char *text, const char *unwanted)
{
	if (strstr(text, unwanted))
		fail_msg("%s is in:\n%s", unwanted, text);
}

static void nothing_said_nothing_wanted(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	assert_string_equal(all_of("assignments: [{vm: '*', profile: standard}]\n", &in, &out), "");
}

static void sharing_off(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	assert_string_equal(all_of("assignments: [{vm: a-1, profile: off}]\n", &in, &out),
			    "a-1/live/memory.page-sharing=off\n"
			    "a-1/persistent/memory.page-sharing=off\n");
	/* One that is off has no live settings. */
	vms[0].running = false;
	assert_string_equal(all_of("assignments: [{vm: a-1, profile: off}]\n", &in, &out),
			    "a-1/persistent/memory.page-sharing=off\n");
	/* The built-in profiles of those that are not trusted say so, too. */
	vms[0].running = true;
	contains(all_of("assignments: [{vm: a-1, profile: hostile}]\n", &in, &out),
		 "a-1/live/memory.page-sharing=off\n");
}

static void one_group_shares(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
	const char *text = all_of("assignments: [{vm: 'a-*', profile: blue}]\n", &in, &out);

	(void)state;
	contains(text, "a-1/live/memory.page-sharing=on\n");
	contains(text, "a-1/persistent/memory.page-sharing=(remove)\n");
	contains(text, "a-2/live/memory.page-sharing=on\n");
	/* All others are out of it, whether the policy names them or not. */
	contains(text, "b-1/live/memory.page-sharing=off\n");
	contains(text, "other/live/memory.page-sharing=off\n");
	contains_not(text, "other/persistent");
}

static void two_groups_need_a_choice(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
#define TWO "assignments: [{vm: 'a-*', profile: blue}, {vm: b-1, profile: red}]\n"
	const char *text = all_of(TWO, &in, &out);

	(void)state;
	contains(text, "!b-1: its group red and group blue would share");
	contains_not(text, "=on");
	text = all_of(TWO "host: {memory: {sharing-label: red}}\n", &in, &out);
	contains_not(text, "!");
	contains(text, "b-1/live/memory.page-sharing=on\n");
	contains(text, "a-1/live/memory.page-sharing=off\n");
	contains(text, "-a-1: its group blue shares no pages on this host: group red does");
	text = all_of(TWO "host: {memory: {page-sharing: off}}\n", &in, &out);
	contains(text, "/sys/kernel/mm/ksm/run=2\n");
	contains(text, "a-1/live/memory.page-sharing=off\n");
	contains_not(text, "=on");
}

static void reservations(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
	const char *text = all_of("assignments: [{vm: 'a-*', profile: full}]\n", &in, &out);

	(void)state;
	contains(text, "/sys/fs/cgroup/machine.slice/memory.min=3221225472\n");
	contains(text, "/sys/fs/cgroup/machine.slice/memory.low=1610612736\n");
	contains(text, "a-1/live/memory.min=2147483648\n");
	contains(text, "a-1/live/memory.swap.max=0\n");
	contains(text, "a-1/live/memory.low=1073741824\n");
	contains(text, "a-1/live/memory.max=2621440\n");
	contains(text, "a-1/persistent/memory.max=2621440\n");
	contains(text, "a-1/persistent/memory.balloon=none\n");
	contains(text, "a-1/persistent/memory.locked=on\n");
	contains(text, "a-1/persistent/memory.hugepages=on\n");
	contains(text, "-a-1: its balloon is taken away at its next cold boot");
	contains_not(text, "!");
	/* A group that has more keeps it. */
	groups[0].min_bytes = 4 * GIB;
	contains_not(all_of("assignments: [{vm: 'a-*', profile: full}]\n", &in, &out),
		     "machine.slice/memory.min");
	groups[0].min_bytes = 0;
}

static void words_of_a_vmx(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
	const char *text = all_of("assignments: [{vm: a-1, profile: esx}]\n", &in, &out);

	(void)state;
	contains(text, "a-1/live/memory.page-sharing=off\n");
	contains(text, "a-1/live/memory.min=536870912\n");
	contains_not(text, "memory.swap.max");
	contains(text, "a-1/live/memory.max=4194304\n");
	contains(text, "a-1/live/memory.low=1417674752\n");
	contains(text, "a-1/persistent/memory.balloon=none\n");
	contains(text, "a-1/persistent/memory.locked=on\n");
}

static void what_cannot_be_given(void **state)
{
	struct memory_input in = host_of(3 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
	const char *text = all_of("assignments: [{vm: 'a-*', profile: full}]\n", &in, &out);

	(void)state;
	contains(text,
		 "!: the policy reserves 3072 MiB (a-1 2048 MiB, a-2 1024 MiB), and what this "
		 "host may reserve is 2764 MiB");
	in.host_bytes = 4 * GIB;
	text = all_of("assignments: []\nhost: {memory: {over-commit-percent: 100}}\n", &in, &out);
	contains(text,
		 "!: the running VMs have 5120 MiB (a-1 2048 MiB, a-2 1024 MiB, b-1 1024 MiB, "
		 "other 1024 MiB), and the most that this host may promise is 4096 MiB");
	text = all_of("assignments: []\nhost: {memory: {over-commit-percent: 125}}\n", &in, &out);
	contains_not(text, "!");
	in.host_bytes = 0;
	contains(all_of("assignments: []\nhost: {memory: {over-commit-percent: 125}}\n", &in, &out),
		 "!: how much memory this host has is not known");
	in.host_bytes = 64 * GIB;
	contains(all_of("assignments: [{vm: a-1, profile: tight}]\n", &in, &out),
		 "!a-1: profile tight limits it to 512 MiB and the VM has 2048 MiB");
	contains(all_of("assignments: [{vm: a-1, profile: much}]\n", &in, &out),
		 "!a-1: profile much reserves 3072 MiB for it and it has 2048 MiB");
	contains(all_of("assignments: [{vm: a-1, profile: full}, {vm: 'a-?', profile: off}]\n", &in,
			&out),
		 "!a-1: it is in two places");
	vms[0].version = 1;
	text = all_of("assignments: [{vm: a-1, profile: full}]\n", &in, &out);
	contains(text, "!a-1: profile full reserves memory, which this host's cgroups (version 1)");
	contains_not(text, "a-1/live/memory.min");
	vms[0].version = 2;
}

static void values_of_the_host(void **state)
{
	struct memory_input in = host_of(16 * GIB);
	RF_AUTOBUF struct rf_buf out = {0};
	const char *text;
#define SCAN                                                                                        \
	"pages-to-scan: 5, sleep-milliseconds: 100, max-page-sharing: 64, merge-across-nodes: no, " \
	"advisor: scan-time}}\n"

	(void)state;
	text = all_of("assignments: []\nhost: {memory: {" SCAN, &in, &out);
	contains(text, "!: merge-across-nodes can be changed only while no page is shared");
	/* Behind "off", which takes all shared pages apart, they can. */
	text = all_of("assignments: []\nhost: {memory: {page-sharing: off, " SCAN, &in, &out);
	assert_string_equal(text, "/sys/kernel/mm/ksm/run=2\n"
				  "/sys/kernel/mm/ksm/merge_across_nodes=0\n"
				  "/sys/kernel/mm/ksm/max_page_sharing=64\n"
				  "/sys/kernel/mm/ksm/advisor_mode=scan-time\n"
				  "/sys/kernel/mm/ksm/pages_to_scan=5\n"
				  "/sys/kernel/mm/ksm/sleep_millisecs=100\n");
	in.ksm = (struct memory_ksm){-1, -1, -1, -1, -1, -1, -1, ""};
	text = all_of("assignments: []\nhost: {memory: {page-sharing: off, " SCAN, &in, &out);
	assert_string_equal(text, "-: this kernel's KSM has no advisor (Linux 6.8 has): that key "
				  "does nothing here\n");
	contains(all_of("assignments: []\nhost: {memory: {page-sharing: on}}\n", &in, &out),
		 "!: this kernel cannot share pages");
}

/* What is wanted is what the privileged side takes. */
static void wants_are_allowed(void **state)
{
	static const struct verb_table *const tables[] = {&change_verbs, &tune_verbs, NULL};
	static const struct verb_set set = {tables};
	static const struct verb_env env = {.live = true};
	struct memory_input in = host_of(16 * GIB);
	MEMORY_AUTORESULT struct memory_result result = {0};
	struct isolate_wants wants = {0};
	struct rf_err err = {0};
	POLICY_AUTO struct policy *policy =
		parse(PROFILES "assignments: [{vm: a-1, profile: full}, {vm: a-2, profile: blue}]\n"
			       "host: {memory: {page-sharing: on, pages-to-scan: 7}}\n",
		      &err);

	(void)state;
	assert_non_null(policy);
	assert_int_equal(memory_resolve(policy, &in, &result, &err), 0);
	assert_int_equal(memory_wants_add(policy, &in, &result, &wants, &err), 0);
	assert_true(wants.count > 12);
	for (size_t i = 0; i < wants.count; i++) {
		const struct verb *verb = NULL;

		if (verb_check(&set, &env, &wants.items[i].spec, &verb, &err) < 0)
			fail_msg("%s: %s", wants.items[i].spec.target, rf_err_text(&err));
	}
	isolate_wants_done(&wants);
}

/* ---- what a host has ---- */

static void input_of_a_directory(void **state)
{
	struct test_host h;
	struct sys *sys = NULL;
	MEMORY_AUTOINPUT struct memory_input in = {0};

	(void)state;
	host_make(&h);
	host_file(&h, "/sys/kernel/mm/ksm/run", "1\n");
	host_file(&h, "/sys/kernel/mm/ksm/pages_shared", "12\n");
	host_file(&h, "/sys/kernel/mm/ksm/advisor_mode", "none [scan-time]\n");
	host_file(&h, "/proc/self/mountinfo",
		  "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	host_file(&h, "/proc/77/cgroup",
		  "0::/machine.slice/machine-qemu-1-a.scope/libvirt/emulator\n");
	host_file(&h, "/sys/fs/cgroup/machine.slice/memory.min", "4096\n");
	host_file(&h, "/sys/fs/cgroup/machine.slice/memory.low", "max\n");
	assert_int_equal(fact_store_open(&h.store, NULL), 0);
	assert_int_equal(
		sqlite3_exec(
			fact_store_db(h.store),
			"INSERT INTO host (host, memory_bytes) VALUES ('h', 1073741824);"
			"INSERT INTO vm (host, vm, layer, format, name, memory_bytes, balloon,"
			" path) VALUES ('h', 'a', 'live', 'libvirt', 'a', 1048576, 'virtio',"
			" ''), ('h', 'a', 'persistent', 'libvirt', 'a', 1048576, 'virtio', ''),"
			" ('h', 'b', 'persistent', 'libvirt', 'b', 7, 'none', '/x.xml');"
			"INSERT INTO vm_process (host, pid, vm) VALUES ('h', 77, 'a')",
			NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(memory_input_load(h.store, sys, &in, NULL), 0);
	sys_close(sys);
	assert_int_equal(in.count, 2);
	assert_int_equal(in.host_bytes, GIB);
	assert_int_equal(in.ksm.run, 1);
	assert_int_equal(in.ksm.pages_shared, 12);
	assert_int_equal(in.ksm.sleep_ms, -1);
	assert_string_equal(in.ksm.advisor, "scan-time");
	assert_true(in.vms[0].running && in.vms[0].defined && in.vms[0].balloon);
	assert_int_equal(in.vms[0].version, 2);
	assert_string_equal(in.vms[0].group, "/sys/fs/cgroup/machine.slice/machine-qemu-1-a.scope");
	assert_int_equal(in.vms[0].groups_count, 1);
	assert_string_equal(in.groups[0].path, "/sys/fs/cgroup/machine.slice");
	assert_int_equal(in.groups[0].min_bytes, 4096);
	assert_true(in.groups[0].low_bytes == INT64_MAX);
	assert_false(in.vms[1].running || in.vms[1].defined || in.vms[1].balloon);
	host_done(&h);
}

/* ---- a QEMU that is played ---- */

struct qemu {
	bool merge[3];
	int refuses;	    /* the piece whose setting fails; -1 */
	const char *answer; /* to everything, instead */
	unsigned sets;
};

static const char *const pieces[] = {"dimm0", "dimm1", "pc.ram"};

static int piece_of(json_t *arguments)
{
	const char *path = json_string_value(json_object_get(arguments, "path"));

	for (int i = 0; i < 3; i++) {
		if (path && rf_starts(path, "/objects/") && strcmp(path + 9, pieces[i]) == 0)
			return i;
	}
	return -1;
}

static int qemu_ask(void *arg, const char *command, json_t *arguments, struct rf_buf *out,
		    struct rf_err *err)
{
	struct qemu *q = arg;
	int i = piece_of(arguments);

	(void)err;
	if (q->answer) {
		rf_buf_add_text(out, q->answer);
	} else if (strcmp(command, "query-memdev") == 0) {
		rf_buf_add_text(out, "{\"return\":[");
		for (int n = 2; n >= 0; n--)
			rf_buf_printf(out, "{\"id\":\"%s\",\"size\":4096,\"merge\":%s}%s",
				      pieces[n], q->merge[n] ? "true" : "false", n ? "," : "]}");
	} else if (i < 0 || (strcmp(command, "qom-set") == 0 && i == q->refuses)) {
		rf_buf_add_text(out, "{\"error\":{\"desc\":\"cannot\"}}");
	} else if (strcmp(command, "qom-set") == 0) {
		q->merge[i] = json_is_true(json_object_get(arguments, "value"));
		q->sets++;
		rf_buf_add_text(out, "{\"return\":{}}");
	} else {
		fail_msg("%s is not what it has to ask", command);
	}
	json_decref(arguments);
	return 0;
}

static void sharing_is_asked(struct qemu *q, const char *says)
{
	const struct qmp_peer peer = {qemu_ask, q};
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	if (ram_sharing_read(&peer, &out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_string_equal(rf_buf_text(&out), says);
}

static void sharing_of_a_running_vm(void **state)
{
	struct qemu q = {.merge = {true, true, true}, .refuses = -1};
	const struct qmp_peer peer = {qemu_ask, &q};

	(void)state;
	sharing_is_asked(&q, "on");
	assert_int_equal(ram_sharing_put(&peer, "off", NULL), 0);
	sharing_is_asked(&q, "off");
	assert_int_equal(q.sets, 3);
	/* A second time there is nothing to do. */
	assert_int_equal(ram_sharing_put(&peer, "off", NULL), 0);
	assert_int_equal(q.sets, 3);
	/* What was mixed is put back as it was. */
	assert_int_equal(ram_sharing_put(&peer, "on: dimm1 pc.ram", NULL), 0);
	sharing_is_asked(&q, "on: dimm1 pc.ram");
	assert_int_equal(ram_sharing_put(&peer, "maybe", NULL), RF_E_SYNTAX);
}

static void refused_halfway_is_not_half_done(void **state)
{
	struct qemu q = {.merge = {true, true, true}, .refuses = 1};
	const struct qmp_peer peer = {qemu_ask, &q};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(ram_sharing_put(&peer, "off", &err), RF_E_PEER);
	assert_non_null(strstr(rf_err_text(&err), "cannot"));
	sharing_is_asked(&q, "on");
}

static void a_qemu_that_lies(void **state)
{
	static const struct {
		const char *answer;
		int rc;
	} CASES[] = {
		{"{\"return\":[]}", RF_E_UNSUPPORTED},
		{"{\"return\":{}}", RF_E_SYNTAX},
		{"{\"event\":\"X\"}", RF_E_SYNTAX},
		{"{\"error\":{\"desc\":\"no\"}}", RF_E_PEER},
		{"", RF_E_SYNTAX},
		{"{\"return\":[{\"id\":\"a/b\",\"merge\":true}]}", RF_E_SYNTAX},
		{"{\"return\":[{\"id\":\"\",\"merge\":true}]}", RF_E_SYNTAX},
		{"{\"return\":[{\"id\":\"a\",\"merge\":true},{\"id\":\"a\",\"merge\":false}]}",
		 RF_E_DUPLICATE},
		{"{\"return\":[{\"id\":7,\"merge\":true}]}", RF_E_SYNTAX},
		{"{\"return\":[{\"merge\":true}]}", RF_E_SYNTAX},
		{"{\"return\":[{\"id\":\"a\",\"merge\":1}]}", RF_E_SYNTAX},
		{"{\"return\":[{\"id\":\"a\"}]}", RF_E_SYNTAX},
		{"{\"return\":[true]}", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct qemu q = {.refuses = -1, .answer = CASES[i].answer};
		const struct qmp_peer peer = {qemu_ask, &q};
		RF_AUTOBUF struct rf_buf out = {0};
		int rc = ram_sharing_read(&peer, &out, NULL);

		if (rc != CASES[i].rc || out.len)
			fail_msg("%s: %d", CASES[i].answer, rc);
		assert_int_equal(ram_sharing_put(&peer, "off", NULL), CASES[i].rc);
	}
}

/* ---- definitions ---- */

static void elements_that_stand_for_a_word(void **state)
{
	static const struct {
		const char *row, *value, *before, *has, *has_not;
	} CASES[] = {
		{"memory.page-sharing", "off", "<domain><name>a</name></domain>",
		 "<memoryBacking><nosharepages/></memoryBacking>", NULL},
		{"memory.page-sharing", "on",
		 "<domain><memoryBacking><nosharepages/><locked/></memoryBacking></domain>",
		 "<locked/>", "nosharepages"},
		{"memory.locked", "on",
		 "<domain><memoryBacking><nosharepages/></memoryBacking></domain>", "<locked/>",
		 NULL},
		{"memory.hugepages", NULL,
		 "<domain><memoryBacking><hugepages><page size='2'/></hugepages></memoryBacking></domain>",
		 "<domain>", "hugepages"},
		{"memory.balloon", "none",
		 "<domain><devices><memballoon model='virtio'/></devices></domain>",
		 "<memballoon model=\"none\"/>", NULL},
		{"memory.max", "70000", "<domain/>", "<hard_limit>70000</hard_limit>", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct tune_name name = {
			.vm = "a", .layer = VIRT_PERSISTENT, .row = tune_find(CASES[i].row)};
		RF_AUTOBUF struct rf_buf out = {0}, value = {0};

		assert_non_null(name.row);
		assert_int_equal(tune_xml_put(&name, rf_slice_text(CASES[i].before), CASES[i].value,
					      &out, NULL),
				 0);
		contains(rf_buf_text(&out), CASES[i].has);
		if (CASES[i].has_not)
			contains_not(rf_buf_text(&out), CASES[i].has_not);
		bool set = tune_xml_get(&name, rf_buf_slice(&out), &value);

		assert_int_equal(set, CASES[i].value && strcmp(CASES[i].value, "on: ") != 0 &&
					      !(name.row->xml_word &&
						strcmp(CASES[i].value, name.row->xml_word) != 0));
		if (set)
			assert_string_equal(rf_buf_text(&value), CASES[i].value);
	}
}

/* ---- proofs ---- */

#define MAP(range, kib, flags)                                                                     \
	range " rw-p 00000000 00:00 0 \nSize: " kib " kB\nSwap: 4 kB\nVmFlags: rd wr " flags " \n"
#define RAM   "7f0000000000-7f0010000000"
#define LEFT  "7f0000000000-7f0008000000"
#define RIGHT "7f0008000000-7f0010000000"
#define VIDEO "7f0100000000-7f0101000000"

static void mappings(void **state)
{
	static const struct {
		const char *text;
		int rc;
		bool found, exact, mergeable;
		int64_t swap, mergeable_mib;
	} CASES[] = {
		{MAP(RAM, "262144", "mg"), 0, true, true, true, 4096, 256},
		{MAP(RAM, "262144", "mr mg sd"), 0, true, true, true, 4096, 256},
		{MAP(RAM, "262144", "hg"), 0, true, true, false, 4096, 0},
		{MAP(RAM, "262144", "hg") MAP(VIDEO, "16384", "mg"), 0, true, true, false, 4096,
		 16},
		/* NUMA nodes make two of one; one of them is enough to share. */
		{MAP(LEFT, "131072", "hg") MAP(RIGHT, "131072", "hg"), 0, true, true, false, 8192,
		 0},
		{MAP(LEFT, "131072", "hg") MAP(RIGHT, "131072", "mg"), 0, true, true, true, 8192,
		 128},
		/* Two that could be it: the worse one counts. */
		{MAP(RAM, "262144", "mg") MAP("7e0000000000-7e0010000000", "262144", "hg"), 0, true,
		 true, true, 4096, 256},
		/* Apart, and together enough. */
		{MAP(LEFT, "131072", "hg") MAP("7e0000000000-7e000a000000", "163840", "mg"), 0,
		 true, false, true, 8192, 160},
		{MAP(VIDEO, "16384", "mg"), 0, false, false, false, 0, 16},
		{"", RF_E_SYNTAX, false, false, false, 0, 0},
		{"VmFlags: mg\n", RF_E_SYNTAX, false, false, false, 0, 0},
		{RAM " rw-p 0 0 0\nSwap: x kB\n", RF_E_SYNTAX, false, false, false, 0, 0},
		{"7f0010000000-7f0000000000 rw-p 0 0 0\n", RF_E_SYNTAX, false, false, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct smaps_ram ram = {0};
		int rc = smaps_read(rf_slice_text(CASES[i].text), 256 * MIB, &ram, NULL);

		if (rc != CASES[i].rc || ram.found != CASES[i].found ||
		    ram.exact != CASES[i].exact || ram.mergeable != CASES[i].mergeable ||
		    (ram.found && ram.swap_bytes != CASES[i].swap) ||
		    ram.mergeable_bytes != CASES[i].mergeable_mib * MIB)
			fail_msg("case %zu: %d %d %d %d %lld %lld", i, rc, ram.found, ram.exact,
				 ram.mergeable, (long long)ram.swap_bytes,
				 (long long)ram.mergeable_bytes);
	}
}

static void unlink_in(const struct test_host *h, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	assert_int_equal(remove(full), 0);
}

static const struct memory_proof *proof_of(const struct memory_proofs *proofs, const char *name)
{
	for (size_t i = 0; i < proofs->count; i++) {
		if (strcmp(proofs->items[i].name, name) == 0)
			return &proofs->items[i];
	}
	fail_msg("no proof of: %s", name);
	return NULL;
}

#define SCOPE "/sys/fs/cgroup/machine.slice/x.scope"

/* A directory host: what a file of the kernel says decides, one file at a time. */
static void promises_are_proven(void **state)
{
	static const struct {
		const char *path, *good, *bad, *promise;
	} CASES[] = {
		{"/proc/1/smaps", MAP("7f0000000000-7f0080000000", "2097152", "hg"),
		 MAP("7f0000000000-7f0080000000", "2097152", "mg"), "no page is shared"},
		{"/proc/1/ksm_merging_pages", "0\n", "7\n", "no page is shared"},
		{"/sys/fs/cgroup/machine.slice/memory.min", "2147483648\n", "2147479552\n",
		 "its memory is reserved"},
		{SCOPE "/memory.min", "max\n", "0\n", "its memory is reserved"},
		{SCOPE "/libvirt/memory.min", "2147483648\n", "0\n", "its memory is reserved"},
		{SCOPE "/memory.swap.max", "0\n", "max\n", "its memory is reserved"},
		{SCOPE "/memory.swap.current", "0\n", "4096\n", "its memory is reserved"},
		{SCOPE "/memory.max", "2684354560\n", "max\n", "its memory is limited"},
		{SCOPE "/memory.current", "4096\n", "2684354561\n", "its memory is limited"},
		{MEMORY_KSM_DIR "/run", "2\n", "1\n", "no page of this host is shared"},
		{MEMORY_KSM_DIR "/pages_shared", "0\n", "1\n", "no page of this host is shared"},
		{MEMORY_KSM_DIR "/pages_sharing", "0\n", "1\n", "no page of this host is shared"},
	};
	struct test_host h;
	struct sys *sys = NULL;
	struct memory_input in = host_of(16 * GIB);
	MEMORY_AUTORESULT struct memory_result result = {0};
	struct rf_err err = {0};
	POLICY_AUTO struct policy *policy =
		parse("isolate: 1\nprofiles: {x: {based-on: trusted, memory: {page-sharing: off,\n"
		      "  reservation-percent: 100, limit-percent: 125}}}\n"
		      "assignments: [{vm: a-1, profile: x}]\nhost: {memory: {page-sharing: off}}\n",
		      &err);

	(void)state;
	assert_non_null(policy);
	assert_int_equal(memory_resolve(policy, &in, &result, &err), 0);
	host_make(&h);
	for (size_t i = 0; i < RF_COUNT(CASES); i++)
		host_file(&h, CASES[i].path, CASES[i].good);
	assert_int_equal(fact_store_open(&h.store, NULL), 0);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	for (size_t i = 0; i <= RF_COUNT(CASES); i++) {
		MEMORY_AUTOPROOFS struct memory_proofs proofs = {0};

		if (i < RF_COUNT(CASES))
			host_file(&h, CASES[i].path, CASES[i].bad);
		assert_int_equal(memory_verify(policy, &in, &result, sys, &proofs, NULL), 0);
		assert_int_equal(proofs.count, 4);
		for (size_t k = 0; k < proofs.count; k++) {
			const struct memory_proof *p = &proofs.items[k];
			bool wanted =
				i == RF_COUNT(CASES) || strcmp(p->name, CASES[i].promise) != 0;

			if ((p->enforced && p->proven) != wanted)
				fail_msg("%s: %s: %s", wanted ? "" : CASES[i].path, p->name,
					 p->evidence);
		}
		if (i < RF_COUNT(CASES))
			host_file(&h, CASES[i].path, CASES[i].good);
	}
	MEMORY_AUTOPROOFS struct memory_proofs none = {0};

	unlink_in(&h, "/proc/1/smaps");
	assert_int_equal(memory_verify(policy, &in, &result, sys, &none, NULL), 0);
	assert_false(proof_of(&none, "no page is shared")->proven);
	assert_non_null(strstr(proof_of(&none, "no page is shared")->evidence, "smaps"));
	sys_close(sys);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(refused_of_the_host),
		cmocka_unit_test(nothing_said_nothing_wanted),
		cmocka_unit_test(sharing_off),
		cmocka_unit_test(one_group_shares),
		cmocka_unit_test(two_groups_need_a_choice),
		cmocka_unit_test(reservations),
		cmocka_unit_test(words_of_a_vmx),
		cmocka_unit_test(what_cannot_be_given),
		cmocka_unit_test(values_of_the_host),
		cmocka_unit_test(wants_are_allowed),
		cmocka_unit_test(input_of_a_directory),
		cmocka_unit_test(sharing_of_a_running_vm),
		cmocka_unit_test(refused_halfway_is_not_half_done),
		cmocka_unit_test(a_qemu_that_lies),
		cmocka_unit_test(elements_that_stand_for_a_word),
		cmocka_unit_test(mappings),
		cmocka_unit_test(promises_are_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
