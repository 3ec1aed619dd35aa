/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching VMs: counters out of a directory that stands for a host, rates as tables, records that
 * are none, and stories of a watcher whose helper is the test. Real VMs:
 * tests/system/test_isolate_cpu.py.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/watcher.h"

#define GROUP1 "/sys/fs/cgroup/cpu/machine/qemu-1-web.libvirt-qemu"
#define GROUP2 "/sys/fs/cgroup/machine.slice/machine-qemu-web.scope"
#define UUID   "7e577e57-0000-4000-8000-7e577e570001"
#define OTHER  "7e577e57-0000-4000-8000-7e577e570002"

/* ---- counters ---- */

static void vm_files(struct test_host *h, const char *name, int pid, int version)
{
	char path[160], text[320];

	rf_format(path, sizeof(path), "/run/libvirt/qemu/%s.pid", name);
	rf_format(text, sizeof(text), "%d\n", pid);
	host_file(h, path, text);
	rf_format(path, sizeof(path), "/proc/%d/cgroup", pid);
	rf_format(text, sizeof(text),
		  version == 2 ? "0::/machine.slice/machine-qemu-%s.scope/libvirt/emulator\n"
			       : "4:cpu:/machine/qemu-1-%s.libvirt-qemu/emulator\n0::/\n",
		  name);
	host_file(h, path, text);
	for (int i = 0; i < 3; i++) {
		rf_format(path, sizeof(path), "/proc/%d/task/%d/comm", pid, pid + i);
		rf_format(text, sizeof(text), i ? "CPU %d/KVM\n" : "qemu-system-x86%.0d\n", i - 1);
		host_file(h, path, text);
	}
	host_file(h, "/proc/self/mountinfo",
		  version == 2 ? "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
			       : "30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
}

static void stat_file(struct test_host *h, int pid, int number, const char *text)
{
	char path[80];

	rf_format(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, pid + number);
	host_file(h, path, text);
}

static void counters_are_read(void **state)
{
	static const struct {
		int version;
		const char *path, *text;
		bool steal, throttled, pressure;
	} CASES[] = {
		{1, NULL, NULL, true, true, false},
		{2, NULL, NULL, true, true, true},
		{1, GROUP1 "/cpu.stat", "nr_periods 3\n", true, false, false},
		{1, GROUP1 "/cpu.stat", "throttled_time x\n", true, false, false},
		{2, GROUP2 "/cpu.pressure", "full total=3\n", true, true, false},
		{2, GROUP2 "/cpu.pressure", "some avg10=0.00 total=\n", true, true, false},
		{2, "/proc/77/task/78/schedstat", "1 2\n", true, true, true},
		{2, "/proc/77/task/78/schedstat", "none\n", false, true, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		static struct hostile_subject subject;
		struct hostile_count now = {.at_ms = 0};
		struct sys *sys = NULL;
		struct test_host h;

		host_make(&h);
		vm_files(&h, "web", 77, CASES[i].version);
		stat_file(&h, 77, 0, "999 999 9\n");
		stat_file(&h, 77, 1, "1000 200 3\n");
		stat_file(&h, 77, 2, "50 30 1\n");
		host_file(&h, GROUP1 "/cpu.stat", "nr_periods 3\nthrottled_time 5000000\n");
		host_file(&h, GROUP2 "/cpu.stat", "usage_usec 3\nthrottled_usec 4000\n");
		host_file(&h, GROUP2 "/libvirt/cpu.stat", "throttled_usec 1000\n");
		host_file(&h, GROUP2 "/cpu.pressure",
			  "some avg10=0.00 avg60=0.00 avg300=0.00 total=777\nfull total=1\n");
		if (CASES[i].path)
			host_file(&h, CASES[i].path, CASES[i].text);
		assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
		assert_int_equal(hostile_subject_find(sys, "web", &subject, NULL), 0);
		assert_int_equal(subject.tasks_count, 2);
		assert_true(hostile_subject_has(sys, &subject, 77));
		assert_false(hostile_subject_has(sys, &subject, 80));
		hostile_count_read(sys, &subject, &now);
		if (now.has[HOSTILE_STEAL] != CASES[i].steal ||
		    now.has[HOSTILE_THROTTLED] != CASES[i].throttled ||
		    now.has[HOSTILE_PRESSURE] != CASES[i].pressure)
			fail_msg("case %zu", i);
		if (!CASES[i].path) {
			assert_int_equal(now.run_ns, 1050);
			assert_int_equal(now.wait_ns, 230);
			assert_int_equal(now.held_us, 5000);
			assert_int_equal(now.stall_us, CASES[i].version == 2 ? 777 : 0);
		}
		assert_int_equal(hostile_subject_find(sys, "db", &subject, NULL), RF_E_MISSING);
		sys_close(sys);
		host_done(&h);
	}
}

/* A VM without a group of its own is still counted by its threads. */
static void without_a_group(void **state)
{
	static struct hostile_subject subject;
	struct hostile_count now = {.at_ms = 0};
	struct sys *sys = NULL;
	struct test_host h;

	(void)state;
	host_make(&h);
	vm_files(&h, "web", 77, 2);
	host_file(&h, "/proc/77/cgroup", "0::/\n");
	stat_file(&h, 77, 1, "1000 200 3\n");
	stat_file(&h, 77, 2, "50 30 1\n");
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(hostile_subject_find(sys, "web", &subject, NULL), 0);
	hostile_count_read(sys, &subject, &now);
	assert_true(now.has[HOSTILE_STEAL] && !now.has[HOSTILE_THROTTLED]);
	sys_close(sys);
	host_done(&h);
}

static void rates_between_two_looks(void **state)
{
	struct hostile_look looks[3] = {{.fresh = false}};
	struct hostile_reading r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int c = 0; c < HOSTILE_COUNTERS; c++)
			looks[i].before.has[c] = looks[i].now.has[c] = true;
		looks[i].before.at_ms = 1000;
		looks[i].now.at_ms = 3000;
		looks[i].now.vcpus = 2;
	}
	/* The first used three times what the second did; the third nothing, and waited. */
	looks[0].now.run_ns = 3000000000;
	looks[1].now.run_ns = 1000000000;
	looks[2].now.wait_ns = 2000000000; /* of 2 s x 2 vCPUs: half */
	looks[2].now.stall_us = 1000000;
	looks[0].now.clears = 500;
	looks[0].now.misses = 30;
	looks[0].now.held_us = 500000;
	hostile_rates(looks, 3, 0, &r);
	assert_int_equal(r.rates[HOSTILE_MACHINE_CLEARS], 250);
	assert_int_equal(r.rates[HOSTILE_CACHE_MISSES], 15);
	assert_int_equal(r.rates[HOSTILE_THROTTLED], 2500);
	assert_int_equal(r.rates[HOSTILE_STEAL], 3750);
	assert_int_equal(r.rates[HOSTILE_PRESSURE], 3750);
	hostile_rates(looks, 3, 1, &r);
	assert_int_equal(r.rates[HOSTILE_STEAL], 1250);
	hostile_rates(looks, 3, 2, &r);
	assert_int_equal(r.rates[HOSTILE_STEAL], 0);
	/* Counts that went back, and looks at the same time. */
	looks[0].before.clears = 600;
	hostile_rates(looks, 3, 0, &r);
	assert_false(r.has[HOSTILE_MACHINE_CLEARS]);
	looks[0].now.at_ms = 1000;
	hostile_rates(looks, 3, 0, &r);
	for (int c = 0; c < HOSTILE_COUNTERS; c++)
		assert_false(r.has[c]);
	looks[0].now.at_ms = 3000;
	looks[0].fresh = true;
	hostile_rates(looks, 3, 0, &r);
	assert_false(r.has[HOSTILE_THROTTLED]);
}

/* Lines of the log fade over a minute; they are counted when they come, and not forgotten at once.
 */
static void split_locks_fade(void **state)
{
	struct hostile_look l = {.before = {.has = {[HOSTILE_SPLIT_LOCKS] = true}},
				 .now = {.at_ms = 1, .has = {[HOSTILE_SPLIT_LOCKS] = true}}};
	struct hostile_reading r;
	int64_t last = 13;

	(void)state;
	l.now.locks = 12;
	hostile_rates(&l, 1, 0, &r);
	assert_int_equal(r.rates[HOSTILE_SPLIT_LOCKS], 12);
	for (int64_t at = 1001; at < 200000; at += 1000) {
		l.before = l.now;
		l.now.at_ms = at;
		hostile_rates(&l, 1, 0, &r);
		assert_true(r.rates[HOSTILE_SPLIT_LOCKS] <= last);
		last = r.rates[HOSTILE_SPLIT_LOCKS];
		if (at < 10000)
			assert_true(last >= 9);
	}
	assert_int_equal(last, 0);
}

static void lines_of_the_log(void **state)
{
	static const char head[] = "x86/split lock detection: #";
	static const struct {
		const char *record;
		int tid;
	} CASES[] = {
		{"4,12,34,-;%sAC: CPU 0/KVM/4711 took a split_lock trap at address: 0x7f", 4711},
		{"4,12,34,-;%sDB: CPU 1/KVM/12 took a bus_lock trap at address: 0x7f\n", 12},
		{"12,12,34,-;%sAC: CPU 0/KVM/4711 took a split_lock trap at address: 0x7f", 0},
		{"9,12,34,-;%sAC: x/4711 took a split_lock trap at address: 0x7f", 0},
		{"4,12,34,-;says %sAC: x/4711 took a split_lock trap at address: 0x7f", 0},
		{"4,12,34,-;%sAC: x/-3 took a split_lock trap at address", 0},
		{"4,12,34,-;%sAC: x/99999999999 took a split_lock trap at address", 0},
		{"4,12,34,-;%sAC: 4711 took a split_lock trap at address", 0},
		{"4,12,34,-;%swarning on user-space split_locks", 0},
		{"no record%s", 0},
		{"%s", 0},
		{"4%s", 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		char record[256], *at = strstr(CASES[i].record, "%s");

		rf_format(record, sizeof(record), "%.*s%s%s", (int)(at - CASES[i].record),
			  CASES[i].record, head, at + 2);
		if (hostile_lock_line(record) != CASES[i].tid)
			fail_msg("%s: %d", record, hostile_lock_line(record));
	}
	assert_true(hostile_locks_logged(rf_slice_text("flags\t\t: fpu split_lock_detect md")));
	assert_true(hostile_locks_logged(rf_slice_text("flags : fpu bus_lock_detect")));
	assert_false(hostile_locks_logged(rf_slice_text("flags : fpu")));
	assert_false(hostile_locks_logged((struct rf_slice){NULL, 0}));
}

/* Whatever this machine has: what it has not is told as missing, and a thread that is none counts
 * nothing. */
static void the_processors_own(void **state)
{
	static struct hostile_subject self;
	struct hostile_count count = {.at_ms = 0};
	struct hostile_pmu *pmu = hostile_pmu_open(rf_slice_text("vendor_id : GenuineIntel"));

	(void)state;
	assert_non_null(pmu);
	self = (struct hostile_subject){.vm = "x", .tasks = {getpid()}, .tasks_count = 1};
	hostile_pmu_read(pmu, &self, &count);
	assert_int_equal(count.has[HOSTILE_MACHINE_CLEARS] ? 1 : 0,
			 count.has[HOSTILE_MACHINE_CLEARS] && count.clears >= 0);
	self.tasks[0] = 2147483646;
	count = (struct hostile_count){.at_ms = 0};
	hostile_pmu_read(pmu, &self, &count);
	assert_false(count.has[HOSTILE_MACHINE_CLEARS] || count.has[HOSTILE_CACHE_MISSES]);
	self.tasks_count = 0;
	hostile_pmu_read(pmu, &self, &count);
	assert_false(count.has[HOSTILE_SPLIT_LOCKS]);
	hostile_pmu_sweep(pmu);
	hostile_pmu_sweep(pmu);
	hostile_pmu_close(pmu);
	hostile_pmu_close(NULL);
	assert_true(hostile_pmu_clears(rf_slice_text("vendor_id : GenuineIntel\n")) != 0);
	assert_true(hostile_pmu_clears(rf_slice_text("vendor_id : AuthenticAMD\n")) == 0);
	assert_true(hostile_pmu_locks((struct rf_slice){NULL, 0}) == 0);
}

/* ---- records ---- */

static void table_of(const struct hostile_entry *entries, size_t count,
		     const struct hostile_rules *rules, struct hostile_table *out)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct hostile_head head;

	assert_int_equal(hostile_table_empty("", &bytes), 0);
	memcpy(&head, bytes.data, sizeof(head));
	head.count = (uint32_t)count;
	head.rules = *rules;
	memcpy(bytes.data, &head, sizeof(head));
	rf_buf_add(&bytes, entries, count * sizeof(*entries));
	assert_int_equal(hostile_table_read(rf_buf_slice(&bytes), out, NULL), 0);
}

static void records_are_checked(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte;
	} CASES[] = {
		{"magic", offsetof(struct hostile_head, magic), 0xff},
		{"count", offsetof(struct hostile_head, count), 2},
		{"count too high", offsetof(struct hostile_head, count) + 3, 1},
		{"rules", offsetof(struct hostile_head, rules) + 7, 0x80},
		{"name", sizeof(struct hostile_head) + offsetof(struct hostile_entry, vm), '/'},
		{"no name", sizeof(struct hostile_head) + offsetof(struct hostile_entry, vm), 0},
		{"uuid", sizeof(struct hostile_head) + offsetof(struct hostile_entry, uuid), 'X'},
		{"no uuid", sizeof(struct hostile_head) + offsetof(struct hostile_entry, uuid), 0},
		{"uuid's end",
		 sizeof(struct hostile_head) + offsetof(struct hostile_entry, uuid) + 36, 'a'},
		{"watch", sizeof(struct hostile_head) + offsetof(struct hostile_entry, watch), 3},
		{"apart", sizeof(struct hostile_head) + offsetof(struct hostile_entry, apart), 2},
		{"stuck", sizeof(struct hostile_head) + offsetof(struct hostile_entry, stuck), 9},
	};
	struct policy_vm vms[] = {{.name = "web", .uuid = UUID, .running = true},
				  {.name = "off", .uuid = OTHER}};
	struct cpu_item items[] = {{.vm = &vms[0], .managed = true}, {.vm = &vms[1]}};
	struct policy_cpu_host host = {.hostile = hostile_usual};
	struct cpu_result result = {.items = items, .count = 2, .host = &host};
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct hostile_table table;

	(void)state;
	items[0].cpu.hostile = HOSTILE_WATCH_APART;
	assert_int_equal(hostile_table_make(&result, &bytes), 0);
	assert_int_equal(hostile_table_bytes((struct rf_slice){bytes.data, 10}), 0);
	assert_int_equal(hostile_table_bytes(rf_buf_slice(&bytes)), bytes.len);
	assert_int_equal(hostile_table_read(rf_buf_slice(&bytes), &table, NULL), 0);
	assert_int_equal(table.head.count, 1);
	assert_string_equal(table.entries[0].vm, "web");
	assert_int_equal(table.entries[0].watch, HOSTILE_WATCH_APART);
	hostile_table_done(&table);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		uint8_t before = bytes.data[CASES[i].at];

		bytes.data[CASES[i].at] = CASES[i].byte;
		if (hostile_table_read(rf_buf_slice(&bytes), &table, NULL) != RF_E_SYNTAX)
			fail_msg("%s", CASES[i].what);
		bytes.data[CASES[i].at] = before;
	}
	assert_int_equal(
		hostile_table_read((struct rf_slice){bytes.data, bytes.len - 1}, &table, NULL),
		RF_E_SYNTAX);
}

static void questions_are_checked(void **state)
{
	struct hostile_question q = {.ask = HOSTILE_ASK_APART, .uuid = UUID, .why = "x"}, out;
	const struct rf_slice bytes = {(const uint8_t *)&q, sizeof(q)};

	(void)state;
	assert_int_equal(hostile_question_read(bytes, &out), 0);
	assert_int_equal(hostile_question_read((struct rf_slice){bytes.data, 5}, &out),
			 RF_E_SYNTAX);
	memset(q.why, 'a', sizeof(q.why));
	assert_int_equal(hostile_question_read(bytes, &out), RF_E_SYNTAX);
	memset(q.why, 0, sizeof(q.why));
	q.uuid[0] = '\0';
	assert_int_equal(hostile_question_read(bytes, &out), RF_E_SYNTAX);
	q.ask = HOSTILE_ASK_TABLE;
	assert_int_equal(hostile_question_read(bytes, &out), 0);
	q.ask = HOSTILE_ASK_RELEASE + 1;
	assert_int_equal(hostile_question_read(bytes, &out), RF_E_SYNTAX);
}

/* ---- stories ---- */

struct theatre {
	struct test_host host;
	struct watcher *watcher;
	struct watcher_options with;
	struct rf_buf said, asked;
	int answer; /* what the helper says */
};

static void act(void *arg, const struct hostile_question *q, struct hostile_answer *out)
{
	struct theatre *t = arg;

	rf_buf_printf(&t->asked, "%s %s\n", q->ask == HOSTILE_ASK_APART ? "apart" : "release",
		      q->uuid + 35);
	*out = (struct hostile_answer){.rc = t->answer, .text = "so it is"};
}

static void say(void *arg, const char *line)
{
	struct theatre *t = arg;

	rf_buf_printf(&t->said, "%s\n", line);
}

static const struct hostile_rules RULES = {
	.limits = {[HOSTILE_THROTTLED] = {5000, 1000}, [HOSTILE_MACHINE_CLEARS] = {10, 5}},
	.settle_ms = 2000,
	.minimum_ms = 3000,
	.calm_ms = 2000};

static void theatre_open(struct theatre *t, enum hostile_watch watch)
{
	struct hostile_entry entries[] = {{.vm = "web", .uuid = UUID, .watch = (uint8_t)watch},
					  {.vm = "db", .uuid = OTHER}};
	struct hostile_table table;

	*t = (struct theatre){.answer = 0};
	host_make(&t->host);
	vm_files(&t->host, "web", 77, 1);
	vm_files(&t->host, "db", 90, 1);
	for (int i = 1; i < 3; i++) {
		stat_file(&t->host, 77, i, "10 10 1\n");
		stat_file(&t->host, 90, i, "10 10 1\n");
	}
	t->with = (struct watcher_options){.act = act, .say = say, .arg = t};
	assert_int_equal(sys_open_dir(t->host.dir, &t->with.sys, NULL), 0);
	assert_int_equal(watcher_open(&t->with, &t->watcher, NULL), 0);
	table_of(entries, 2, &RULES, &table);
	assert_int_equal(watcher_table(t->watcher, &table, 0, NULL), 0);
}

static void theatre_close(struct theatre *t)
{
	watcher_close(t->watcher);
	sys_close(t->with.sys);
	rf_buf_done(&t->said);
	rf_buf_done(&t->asked);
	host_done(&t->host);
}

/* A second later; web was held back for so many ms of it. */
static void second(struct theatre *t, int64_t *now_ms, int64_t held_ms)
{
	static int64_t held;
	char text[64];

	held = *now_ms == 0 ? 0 : held + held_ms;
	*now_ms += 1000;
	rf_format(text, sizeof(text), "throttled_time %lld\n", (long long)held * 1000000);
	host_file(&t->host, GROUP1 "/cpu.stat", text);
	(void)watcher_look(t->watcher, *now_ms);
}

static void a_hostile_vm_goes_and_comes_back(void **state)
{
	RF_AUTOBUF struct rf_buf status = {0};
	struct watched w = {0};
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_APART);
	for (int i = 0; i < 4; i++)
		second(&t, &now, 900);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	assert_non_null(strstr(rf_buf_text(&t.said), "does not count: machine clears"));
	assert_non_null(strstr(rf_buf_text(&t.said),
			       "web: throttling: 90.00%, the limit is 50.00%, for 2 s: so it is"));
	assert_int_equal(watcher_status(t.watcher, 1234, &status), 0);
	assert_int_equal(watched_read(rf_buf_slice(&status), &w, NULL), 0);
	assert_int_equal(w.at_s, 1234);
	assert_string_equal(w.missing, "machine clears");
	/* Who is not watched stands in no account. */
	assert_int_equal(w.count, 1);
	const struct watched_vm *vm = watched_find(&w, "web");

	assert_true(vm && vm->apart && vm->times == 1);
	assert_string_equal(vm->state, "set apart");
	assert_string_equal(vm->cause, "throttling");
	assert_null(watched_find(&w, "db"));
	watched_done(&w);
	for (int i = 0; i < 4; i++)
		second(&t, &now, 0);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\nrelease 1\n");
	theatre_close(&t);
}

static void what_cannot_be_done_is_tried_again(void **state)
{
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_APART);
	t.answer = RF_E_LIMIT;
	for (int i = 0; i < 4; i++)
		second(&t, &now, 900);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	assert_non_null(strstr(rf_buf_text(&t.said), "cannot be set apart: so it is"));
	second(&t, &now, 900);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	t.answer = 0;
	second(&t, &now, 900);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\napart 1\n");
	theatre_close(&t);
}

static void a_report_moves_nobody(void **state)
{
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_REPORT);
	for (int i = 0; i < 4; i++)
		second(&t, &now, 900);
	for (int i = 0; i < 4; i++)
		second(&t, &now, 0);
	assert_int_equal(t.asked.len, 0);
	assert_non_null(strstr(rf_buf_text(&t.said), "(only reported)"));
	assert_non_null(strstr(rf_buf_text(&t.said), "web: calm again"));
	theatre_close(&t);
}

/* A new table keeps what is known of a VM that still runs, and of another process nothing; a policy
 * that changed its mind releases. */
static void tables_come_and_go(void **state)
{
	struct hostile_entry entry = {.vm = "web", .uuid = UUID, .watch = HOSTILE_WATCH_APART};
	struct hostile_table table;
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_APART);
	second(&t, &now, 900);
	second(&t, &now, 900);
	table_of(&entry, 1, &RULES, &table);
	assert_int_equal(watcher_table(t.watcher, &table, now, NULL), 0);
	second(&t, &now, 900);
	second(&t, &now, 900);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	/* The same name, restarted: calm, and where its definition has it. */
	vm_files(&t.host, "web", 300, 1);
	stat_file(&t.host, 300, 1, "10 10 1\n");
	stat_file(&t.host, 300, 2, "10 10 1\n");
	table_of(&entry, 1, &RULES, &table);
	assert_int_equal(watcher_table(t.watcher, &table, now, NULL), 0);
	second(&t, &now, 0);
	second(&t, &now, 0);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	entry.apart = 1;
	entry.watch = HOSTILE_WATCH_OFF;
	table_of(&entry, 1, &RULES, &table);
	assert_int_equal(watcher_table(t.watcher, &table, now, NULL), 0);
	second(&t, &now, 0);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\nrelease 1\n");
	second(&t, &now, 0);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\nrelease 1\n");
	theatre_close(&t);
}

/* Threads that are gone: the VM ended, a new table is due, and nobody is judged by it. */
static void a_vm_that_ends(void **state)
{
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_APART);
	second(&t, &now, 900);
	stat_file(&t.host, 77, 1, "");
	stat_file(&t.host, 77, 2, "");
	now += 1000;
	assert_true(watcher_look(t.watcher, now));
	for (int i = 0; i < 4; i++)
		second(&t, &now, 900);
	assert_int_equal(t.asked.len, 0);
	theatre_close(&t);
}

/* The kernel names a thread; the VM that it is of has one more. */
static void the_log_counts(void **state)
{
	struct hostile_entry entry = {.vm = "web", .uuid = UUID, .watch = HOSTILE_WATCH_APART};
	struct hostile_rules rules = {.limits = {[HOSTILE_SPLIT_LOCKS] = {2, 1}}};
	struct hostile_table table;
	struct theatre t;
	int64_t now = 0;

	(void)state;
	theatre_open(&t, HOSTILE_WATCH_APART);
	watcher_close(t.watcher);
	t.with.locks_logged = true;
	assert_int_equal(watcher_open(&t.with, &t.watcher, NULL), 0);
	table_of(&entry, 1, &rules, &table);
	assert_int_equal(watcher_table(t.watcher, &table, 0, NULL), 0);
	second(&t, &now, 0);
	for (int i = 0; i < 3; i++) {
		watcher_log_line(t.watcher,
				 "4,1,2,-;x86/split lock detection: #AC: CPU 0/KVM/78 took a "
				 "split_lock trap at address: 0x1");
		watcher_log_line(t.watcher,
				 "4,1,2,-;x86/split lock detection: #AC: other/5555 took a "
				 "split_lock trap at address: 0x1");
	}
	second(&t, &now, 0);
	assert_string_equal(rf_buf_text(&t.asked), "apart 1\n");
	theatre_close(&t);
}

static void accounts_that_are_none(void **state)
{
	static const char *const BAD[] = {
		"",
		"{}",
		"[]",
		"{\"vms\":[]}",
		"{\"vms\":{},\"missing\":\"\",\"problem\":\"\"}",
		"{\"vms\":[{}],\"missing\":\"\",\"problem\":\"\"}",
		"{\"vms\":[{\"vm\":3}],\"missing\":\"\",\"problem\":\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(BAD); i++) {
		struct watched w = {.at_s = 77};

		if (watched_read(rf_slice_text(BAD[i]), &w, NULL) != RF_E_SYNTAX)
			fail_msg("%s", BAD[i]);
		assert_int_equal(w.at_s, 77);
	}
	watcher_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_read),
		cmocka_unit_test(without_a_group),
		cmocka_unit_test(rates_between_two_looks),
		cmocka_unit_test(split_locks_fade),
		cmocka_unit_test(lines_of_the_log),
		cmocka_unit_test(the_processors_own),
		cmocka_unit_test(records_are_checked),
		cmocka_unit_test(questions_are_checked),
		cmocka_unit_test(a_hostile_vm_goes_and_comes_back),
		cmocka_unit_test(what_cannot_be_done_is_tried_again),
		cmocka_unit_test(a_report_moves_nobody),
		cmocka_unit_test(tables_come_and_go),
		cmocka_unit_test(a_vm_that_ends),
		cmocka_unit_test(the_log_counts),
		cmocka_unit_test(accounts_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
