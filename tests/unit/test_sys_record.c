/* SPDX-License-Identifier: Apache-2.0 */
/* What was recorded from the live machine is read back the same from the directory alone. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/meta.h"

static int setup(void **state)
{
	struct test_host *h = rf_alloc(2, sizeof(*h));

	host_make(&h[0]); /* stands for a part of the live machine */
	host_make(&h[1]); /* the recording */
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct test_host *h = *state;

	host_done(&h[0]);
	host_done(&h[1]);
	rf_free(h);
	return 0;
}

static struct sys *recording(struct test_host *h)
{
	struct sys *sys = NULL;
	struct rf_err err = {0};

	if (sys_open_recording(h[1].dir, &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return sys;
}

static struct sys *replay(struct test_host *h)
{
	struct sys *sys = NULL;
	struct rf_err err = {0};

	if (sys_open_dir(h[1].dir, &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return sys;
}

/* Everything the seam says of a path, as text. */
static void ask(struct sys *sys, const char *path, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	SYS_AUTONAMES struct sys_names names = {0};
	struct sys_stat st;
	char target[256] = "";

	rf_buf_printf(out, "%s\nread %d ", path, sys_read(sys, path, 4096, &bytes, NULL));
	rf_buf_add_visible(out, rf_buf_text(&bytes), bytes.len);
	rf_buf_printf(out, "\nlist %d", sys_list(sys, path, &names, NULL));
	for (size_t i = 0; i < names.count; i++)
		rf_buf_printf(out, " %s", names.names[i]);
	rf_buf_printf(out, "\nlink %d %s", sys_readlink(sys, path, target, sizeof(target)), target);
	for (int follow = 0; follow < 2; follow++) {
		int rc = follow ? sys_stat_follow(sys, path, &st) : sys_stat(sys, path, &st);

		rf_buf_printf(out, "\nstat %d", rc);
		if (rc == 0)
			rf_buf_printf(out, " %o %o %u %u %lld %lld %d", st.type, st.mode, st.uid,
				      st.gid, (long long)st.size_bytes, (long long)st.mtime_ms,
				      st.has_acl);
	}
	rf_buf_printf(out, "\nexists %d\n", sys_exists(sys, path));
}

/* cmocka prints only the start of long texts: name the first line that differs. */
static void assert_same_lines(const char *a, const char *b)
{
	size_t same = 0, line = 0;

	for (; a[same] && a[same] == b[same]; same++)
		line = a[same] == '\n' ? same + 1 : line;
	if (a[same] || b[same])
		fail_msg("after %.300s\nlive %.300s\ndir  %.300s",
			 a + (line > 150 ? line - 150 : 0), a + line, b + line);
}

static void make_tree(struct test_host *h)
{
	static const char *const links[][2] = {
		{"etc/sub/link", "../plain"},
		{"etc/dirlink", "sub"},
		{"dangling", "nowhere/x"},
		{"loop", "loop"},
		{"up", "../../../../../../proc/version"},
	};
	char path[256];

	host_file(h, "/etc/plain", "plain\n");
	host_file(h, "/etc/sub/deep file", "a\tb");
	host_file(h, "/etc/tab\there", "");
	host_file(h, "/etc/key.pem",
		  "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	host_file(h, "/big", "");
	for (size_t i = 0; i < RF_COUNT(links); i++) {
		snprintf(path, sizeof(path), "%s/%s", h->dir, links[i][0]);
		assert_int_equal(symlink(links[i][1], path), 0);
	}
	snprintf(path, sizeof(path), "%s/big", h->dir);
	assert_int_equal(truncate(path, 5000), 0);
	snprintf(path, sizeof(path), "%s/fifo", h->dir);
	assert_int_equal(mkfifo(path, 0640), 0);
}

static void test_same_answers(void **state)
{
	static const char *const below[] = {
		"",
		"/etc",
		"/etc/plain",
		"/etc/sub",
		"/etc/sub/link",
		"/etc/dirlink",
		"/etc/dirlink/deep file",
		"/etc/dirlink/../plain",
		"/dangling",
		"/loop",
		"/up",
		"/fifo",
		"/big",
		"/nowhere",
		"/etc/plain/x",
		"/etc/tab\there",
		"/etc/key.pem",
		"/loop/x",
		"/etc//./sub/",
	};
	static const char *const above[] = {"/",
					    "/proc/sys/kernel/ostype",
					    "/proc/self/comm",
					    "/proc/mounts/x",
					    "/proc/1/exe",
					    "/dev/null"};
	struct test_host *h = *state;
	RF_AUTOBUF struct rf_buf live = {0}, dir = {0};

	make_tree(&h[0]);
	for (int pass = 0; pass < 2; pass++) {
		struct sys *sys = pass ? replay(h) : recording(h);
		struct rf_buf *out = pass ? &dir : &live;

		assert_int_equal(sys_is_live(sys), pass == 0);
		for (size_t i = 0; i < RF_COUNT(below); i++) {
			char path[512];

			snprintf(path, sizeof(path), "%s%s", h[0].dir, below[i]);
			ask(sys, path, out);
		}
		for (size_t i = 0; i < RF_COUNT(above); i++)
			ask(sys, above[i], out);
		rf_buf_add_text(out, sys_host_name(sys));
		sys_close(sys);
	}
	assert_same_lines(rf_buf_text(&live), rf_buf_text(&dir));
	assert_null(strstr(rf_buf_text(&live), "AAAA"));
	assert_non_null(strstr(rf_buf_text(&live), "plain"));
}

static void test_same_probes(void **state)
{
	static const char *const probes[][2] = {
		{"uname", ""},	     {"identity", ""},	   {"clock", ""},
		{"adjtimex", ""},    {"rtnl-link", ""},	   {"nft", "tables"},
		{"nft", "sets"},     {"rtnl-filter", "x"}, {"libvirt", "test:///no.xml"},
		{"audit", "status"},
	};
	struct test_host *h = *state;
	struct rf_buf answers[RF_COUNT(probes)] = {0};
	struct rf_err errors[RF_COUNT(probes)] = {0};
	int codes[RF_COUNT(probes)];
	struct sys_space a = {0}, b = {0};
	struct sys *sys = recording(h);

	for (size_t i = 0; i < RF_COUNT(probes); i++)
		codes[i] = sys_probe(sys, probes[i][0], probes[i][1], &answers[i], &errors[i]);
	assert_int_equal(sys_space(sys, "/", &a), 0);
	assert_int_equal(sys_space(sys, "/nowhere", &b), -ENOENT);
	sys_close(sys);
	sys = replay(h);
	for (size_t i = 0; i < RF_COUNT(probes); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};

		assert_int_equal(sys_probe(sys, probes[i][0], probes[i][1], &out, &err), codes[i]);
		assert_true(rf_slice_equal(rf_buf_slice(&out), rf_buf_slice(&answers[i])));
		if (codes[i] < 0)
			assert_string_equal(rf_err_text(&err), rf_err_text(&errors[i]));
		rf_buf_done(&answers[i]);
	}
	assert_int_equal(sys_space(sys, "/", &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(sys_space(sys, "/nowhere", &b), -ENOENT);
	assert_int_equal(sys_space(sys, "/tmp", &b), RF_E_MISSING);
	sys_close(sys);
}

static int read_code(struct sys *sys, const char *path)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	return sys_read(sys, path, 4096, &buf, NULL);
}

/* What nobody asked for is not "not there". */
static void test_what_was_not_asked(void **state)
{
	struct test_host *h = *state;
	struct sys_names names = {0};
	struct sys_stat st;
	struct sys *sys = recording(h);

	assert_int_equal(read_code(sys, "/proc/version"), 0);
	assert_int_equal(read_code(sys, "/no/such"), -ENOENT);
	sys_close(sys);
	sys = replay(h);
	assert_int_equal(read_code(sys, "/proc/version"), 0);
	assert_int_equal(read_code(sys, "/no/such"), -ENOENT);
	assert_int_equal(read_code(sys, "/proc/cpuinfo"), RF_E_MISSING);
	assert_int_equal(sys_stat(sys, "/proc", &st), RF_E_MISSING);
	assert_int_equal(sys_list(sys, "/proc", &names, NULL), RF_E_MISSING);
	assert_int_equal(sys_list(sys, "/", &names, NULL), RF_E_MISSING);
	assert_null(names.names);
	sys_close(sys);
}

/* Two processes record into one directory; neither undoes what the other saw. */
static void test_two_processes(void **state)
{
	struct test_host *h = *state;
	char dir[128], file[128];
	SYS_AUTONAMES struct sys_names names = {0};
	struct sys_stat st;

	host_file(&h[0], "/d/f", "text");
	snprintf(dir, sizeof(dir), "%s/d", h[0].dir);
	snprintf(file, sizeof(file), "%s/d/f", h[0].dir);
	struct sys *sys = recording(h);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int rc = sys_list(sys, dir, &names, NULL);

		_exit(rc == 0 && read_code(sys, "/proc/self/comm") == 0 ? 0 : 1);
	}
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sys_stat(sys, dir, &st), 0);
	assert_int_equal(read_code(sys, file), 0);
	assert_int_equal(read_code(sys, "/proc/self/status"), 0);
	sys_close(sys);
	sys = replay(h);
	assert_int_equal(sys_list(sys, dir, &names, NULL), 0);
	assert_int_equal(names.count, 1);
	assert_int_equal(read_code(sys, file), 0);
	assert_int_equal(read_code(sys, "/proc/self/status"), 0);
	assert_int_equal(read_code(sys, "/proc/self/comm"), 0);
	sys_close(sys);
}

static void test_refused_directories(void **state)
{
	struct test_host *h = *state;
	struct sys *sys = NULL;
	struct rf_err err = {0};

	host_file(&h[1], "/x", "");
	assert_int_equal(sys_open_recording(h[1].dir, &sys, &err), -ENOTEMPTY);
	assert_int_equal(sys_open_recording("/nowhere/at/all", &sys, &err), -ENOENT);
	assert_int_equal(sys_open_recording("/dev/null", &sys, &err), -ENOTDIR);
	assert_null(sys);
}

/* An answer that cannot be kept is an error, not a hole in the capture. */
static void test_full_disk(void **state)
{
	struct test_host *h = *state;
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};
	char path[128];
	struct sys *sys = recording(h);

	/* A file where a directory has to be. */
	host_file(&h[1], "/proc", "");
	assert_int_equal(sys_read(sys, "/proc/version", 4096, &buf, &err), -ENOTDIR);
	assert_non_null(strstr(rf_err_text(&err), "could not be recorded"));
	assert_null(buf.data);
	sys_close(sys);
	snprintf(path, sizeof(path), "%s/proc", h[1].dir);
	assert_int_equal(unlink(path), 0);
}

static void test_long_arguments(void **state)
{
	char arg[600], a[RF_MAX_PATH_BYTES], b[RF_MAX_PATH_BYTES];

	(void)state;
	memset(arg, '/', sizeof(arg) - 1);
	arg[sizeof(arg) - 1] = '\0';
	assert_int_equal(probe_path("libvirt", arg, a), 0);
	for (char *part = strtok(a, "/"); part; part = strtok(NULL, "/"))
		assert_true(strlen(part) <= 255);
	/* An argument that is the start of another has a file of its own. */
	memset(arg, 'x', sizeof(arg));
	arg[200] = '\0';
	assert_int_equal(probe_path("libvirt", arg, a), 0);
	arg[200] = 'x';
	arg[201] = '\0';
	assert_int_equal(probe_path("libvirt", arg, b), 0);
	assert_false(rf_starts(b + strlen(a), "/"));
	assert_int_equal(probe_path("libvirt", "..", a), 0);
	assert_string_equal(a, "/.ringfence/probe/libvirt/%2E.");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_same_answers),
		T(test_same_probes),
		T(test_what_was_not_asked),
		T(test_two_processes),
		T(test_refused_directories),
		T(test_full_disk),
		cmocka_unit_test(test_long_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
