/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes with rights behind `isolate verify`: which files they hand over, what they answer
 * in a network of the test's own, and that who asks for something else gets nothing. That ports are
 * proven through them: tests/system/test_isolate.py.
 */
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "change/priv_wire.h"
#include "isolate/prover_wire.h"
#include "test_base.h"

static void paths(void **state)
{
	static const struct {
		const char *path;
		bool allowed;
	} CASES[] = {
		{"/proc", true},
		{"/proc/1/smaps", true},
		{"/proc/1/stat", true},
		{"/proc/1/status", true},
		{"/proc/4194304/task/7/status", true},
		{"/proc/12/task", true},
		{"/proc/self/mountinfo", true},
		{"/sys/fs/cgroup/machine.slice/a b/cpu.max", true},
		{"/sys/kernel/mm/ksm/run", true},
		{"/run/libvirt/qemu/web 1.pid", true},
		{"/", false},
		{"", false},
		{"/proc/", false},
		{"/proc/1", false},
		{"/proc/1/environ", false},
		{"/proc/1/mem", false},
		{"/proc/1/root/etc/shadow", false},
		{"/proc/1x/smaps", false},
		{"/proc//smaps", false},
		{"/proc/1/smaps/", false},
		{"/proc/1/task/x/stat", false},
		{"/proc/self/smaps", false},
		{"/etc/shadow", false},
		{"/sys/fs/cgroup/../../../etc/shadow", false},
		{"/sys/fs/cgroup/a/..", false},
		{"/run/libvirt/qemu/web.xml", false},
		{"/run/libvirt/qemu/../../x.pid", false},
		{"/run/libvirt/qemu/", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		if (prover_path_allowed(CASES[i].path) != CASES[i].allowed)
			fail_msg("%s", CASES[i].path);
	}
}

static bool rights;

static void need_rights(void)
{
	if (rights)
		return;
	print_message("skipped: needs root and namespaces\n");
	skip();
}

static struct prover *start(bool trials)
{
	struct prover *prover = NULL;
	struct rf_err err = {0};
	bool guarded;

	if (prover_start(trials, &prover, &guarded, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	return prover;
}

static void what_it_reads(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	SYS_AUTONAMES struct sys_names names = {0};
	struct prover *prover;
	struct sys *sys = NULL;
	char path[64], deep[900];

	(void)state;
	need_rights();
	prover = start(false);
	assert_int_equal(prover_host(prover, &sys, NULL), 0);
	rf_format(path, sizeof(path), "/proc/%d/smaps", (int)getpid());
	assert_int_equal(sys_read(sys, path, 32u << 20, &text, NULL), 0);
	assert_non_null(strstr(rf_buf_text(&text), "VmFlags"));
	assert_int_equal(sys_read(sys, path, 100, &text, NULL), RF_E_LIMIT);
	assert_int_equal(sys_read(sys, path, (size_t)1 << 40, &text, NULL), RF_E_LIMIT);
	assert_int_equal(sys_list(sys, "/proc", &names, NULL), 0);
	assert_true(names.count > 10);
	assert_int_equal(sys_read(sys, "/etc/passwd", 4096, &text, NULL), RF_E_DENIED);
	assert_int_equal(sys_read(sys, "/proc/self/environ", 4096, &text, NULL), RF_E_DENIED);
	assert_false(sys_exists(sys, "/etc/passwd"));
	assert_true(sys_exists(sys, path));
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	memcpy(deep, "/sys/fs/cgroup/", 15);
	assert_true(sys_read(sys, deep, 4096, &text, NULL) < 0);
	assert_int_equal(sys_read(sys, path, 32u << 20, &text, NULL), 0);
	sys_close(sys);
	prover_stop(prover);
}

static void links(void **state)
{
	static struct prover_port port;
	static struct prover_layer layer;
	static struct prover_link list[4];
	struct shape_seen seen;
	struct prover *prover;
	size_t count = 9;

	(void)state;
	need_rights();
	prover = start(false);
	assert_int_equal(prover_port(prover, "lo", &port, NULL), 0);
	assert_int_equal(port.ifindex, 1);
	assert_int_equal(port.guarded, 0);
	assert_int_equal(port.count, 0);
	assert_int_equal(prover_port(prover, "none0", &port, NULL), 0);
	assert_int_equal(port.ifindex, 0);
	assert_int_equal(prover_shape(prover, "lo", &seen, NULL), 0);
	assert_false(seen.state.now.to_vm.on);
	assert_int_equal(prover_shape(prover, "none0", &seen, NULL), RF_E_MISSING);
	assert_int_equal(prover_layer(prover, "lo", &layer, NULL), 0);
	assert_int_equal(layer.is_port + layer.strict + layer.rules.count, 0);
	assert_int_equal(prover_layer(prover, "", &layer, NULL), 0);
	assert_int_equal(prover_links(prover, list, RF_COUNT(list), &count, NULL), 0);
	assert_int_equal(count, 0);
	prover_stop(prover);
	prover_stop(NULL);
}

/* ---- trials ---- */

static struct shape_way way_of(uint64_t average, uint64_t peak, uint64_t burst)
{
	const struct shape_limit limit = {average, peak, burst};
	struct shape_way way;

	assert_int_equal(shape_way_make(&limit, 1518, &way, NULL), 0);
	return way;
}

static void hostile_trials(void **state)
{
	struct shape_way good = way_of(1000000, 0, 40000), bad = good;
	struct shape_trial trial = {.bytes = 4711};
	struct prover *prover;

	(void)state;
	need_rights();
	prover = start(false);
	assert_int_equal(prover_try(prover, &good, 100, &trial, NULL), RF_E_UNSUPPORTED);
	prover_stop(prover);
	prover = start(true);
	bad.average = 0;
	assert_true(prover_try(prover, &bad, 100, &trial, NULL) < 0);
	bad = (struct shape_way){.on = 0};
	assert_int_equal(prover_try(prover, &bad, 100, &trial, NULL), RF_E_SYNTAX);
	assert_int_equal(prover_try(prover, &good, 0, &trial, NULL), RF_E_SYNTAX);
	assert_int_equal(prover_try(prover, &good, PROVE_MAX_MS + 1, &trial, NULL), RF_E_SYNTAX);
	assert_int_equal(trial.bytes, 4711);
	prover_stop(prover);
}

/* What is put into groups of its own: of no VM that does not run, no load that is none, no more
 * time than allowed. */
static void hostile_loads(void **state)
{
	const struct cpu_load load = {.weight = 100};
	struct cpu_trial trial = {.wanted = 4711};
	struct ksm_trial pages = {.ms = 4711};
	struct prover *prover;

	(void)state;
	need_rights();
	prover = start(false);
	assert_int_equal(prover_load(prover, "web", &load, &trial, NULL), RF_E_UNSUPPORTED);
	assert_int_equal(prover_pages(prover, 100, &pages, NULL), RF_E_UNSUPPORTED);
	prover_stop(prover);
	prover = start(true);
	assert_int_equal(prover_load(prover, "no-such-vm-here", &load, &trial, NULL), RF_E_MISSING);
	assert_int_equal(prover_load(prover, "../../1", &load, &trial, NULL), RF_E_SYNTAX);
	assert_int_equal(prover_pages(prover, 0, &pages, NULL), RF_E_SYNTAX);
	assert_int_equal(prover_pages(prover, PROVE_MAX_MS + 1, &pages, NULL), RF_E_SYNTAX);
	assert_true(trial.wanted == 4711 && pages.ms == 4711);
	/* Whatever this kernel does with them, it says one of the three, or has no KSM. */
	int rc = prover_pages(prover, 100, &pages, NULL);

	assert_true(rc == RF_E_UNSUPPORTED || (rc == 0 && pages.answer <= KSM_UNKNOWN));
	prover_stop(prover);
}

/*
 * A burst that goes at peak lasts 170 ms here. Frames wait from its first moment on, so that a
 * trial which began with the first waiting frame would count it: more than twice the average. What
 * is measured is an upper bound by the kernel's clock, however busy the machine is.
 */
static void a_peak_is_not_taken_for_the_average(void **state)
{
	const struct shape_way ways[] = {way_of(2000000, 8000000, 1000000), way_of(2000000, 0, 0)};
	struct prover *prover;

	(void)state;
	need_rights();
	prover = start(true);
	/* Twice: the links of the first trial are gone. */
	for (size_t i = 0; i < RF_COUNT(ways); i++) {
		struct shape_trial trial = {0};
		struct rf_err err = {0};
		int rc = prover_try(prover, &ways[i], 400, &trial, &err);

		if (rc == RF_E_UNSUPPORTED) {
			print_message("skipped: %s\n", rf_err_text(&err));
			prover_stop(prover);
			skip();
		}
		if (rc != 0)
			fail_msg("%s", rf_err_text(&err));
		double share = (double)trial.bytes / ((double)trial.ns / 1e9) / 2e6;

		if (trial.bytes == 0 || share > 1.5)
			fail_msg("%.2f of the average", share);
	}
	prover_stop(prover);
}

/* ---- who asks is not trusted either ---- */

static int ask_raw(int socket, const struct prove_request *request, struct prove_reply *reply)
{
	int memory = -1;
	int rc = priv_send(socket, request, sizeof(*request), -1, NULL);

	if (!rc)
		rc = priv_receive(socket, reply, sizeof(*reply), &memory, NULL);
	if (memory >= 0)
		close(memory);
	return rc;
}

static int server_start(enum prove_side side, pid_t *out)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*out = fork();
	if (*out == 0) {
		close(pair[0]);
		prover_serve(pair[1], side);
		_exit(7);
	}
	close(pair[1]);
	return pair[0];
}

static void ended(int socket, pid_t pid)
{
	int status = 0;

	close(socket);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void hostile_requests(void **state)
{
	static struct prove_request r;
	struct prove_reply reply;
	pid_t pid;
	int s;

	(void)state;
	need_rights();
	s = server_start(PROVE_ASKS, &pid);
	r = (struct prove_request){.magic = 1, .op = PROVE_HELLO};
	assert_int_equal(ask_raw(s, &r, &reply), 0);
	assert_int_equal(reply.code, RF_E_SYNTAX);
	r = (struct prove_request){.magic = PROVE_MAGIC, .op = 4711};
	assert_int_equal(ask_raw(s, &r, &reply), 0);
	assert_int_equal(reply.code, RF_E_UNKNOWN);
	memset(r.text, 'x', sizeof(r.text));
	r.op = PROVE_PORT;
	assert_int_equal(ask_raw(s, &r, &reply), 0);
	assert_int_equal(reply.code, RF_E_SYNTAX);
	/* Each of the two does its own work only. */
	r = (struct prove_request){
		.magic = PROVE_MAGIC, .op = PROVE_TRY, .way = way_of(1000000, 0, 0), .number = 10};
	assert_int_equal(ask_raw(s, &r, &reply), 0);
	assert_int_equal(reply.code, RF_E_UNKNOWN);
	/* A message of another size ends it. */
	assert_int_equal(send(s, "x", 1, MSG_NOSIGNAL), 1);
	ended(s, pid);

	s = server_start(PROVE_TRIES, &pid);
	r = (struct prove_request){
		.magic = PROVE_MAGIC, .op = PROVE_READ, .number = 4096, .text = "/proc/1/smaps"};
	assert_int_equal(ask_raw(s, &r, &reply), 0);
	assert_int_equal(reply.code, RF_E_UNKNOWN);
	ended(s, pid);
}

static int begin(void **state)
{
	(void)state;
	rights = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(what_it_reads),
		cmocka_unit_test(links),
		cmocka_unit_test(hostile_trials),
		cmocka_unit_test(hostile_loads),
		cmocka_unit_test(a_peak_is_not_taken_for_the_average),
		cmocka_unit_test(hostile_requests),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
