/* SPDX-License-Identifier: Apache-2.0 */
/* The seam's files: a live host, a directory host, and nothing in between. */
#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/meta.h"

static int setup(void **state)
{
	struct test_host *h = rf_alloc(1, sizeof(*h));

	host_make(h);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	host_done(*state);
	rf_free(*state);
	return 0;
}

static struct sys *open_dir(struct test_host *h)
{
	struct sys *sys = NULL;
	struct rf_err err = {0};

	if (sys_open_dir(h->dir, &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return sys;
}

static void at(struct test_host *h, char *out, size_t size, const char *path)
{
	snprintf(out, size, "%s%s", h->dir, path);
}

/* What sys_read gives: the text, or the error's text. */
static const char *reads(struct sys *sys, const char *path, size_t max)
{
	static char out[1024];
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};
	int rc = sys_read(sys, path, max, &buf, &err);

	if (rc < 0)
		assert_int_equal(rc, err.code);
	snprintf(out, sizeof(out), "%s", rc < 0 ? rf_err_text(&err) : rf_buf_text(&buf));
	if (rc < 0)
		assert_null(buf.data);
	return out;
}

static int read_code(struct sys *sys, const char *path)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	return sys_read(sys, path, 4096, &buf, NULL);
}

static void test_live_reads(void **state)
{
	struct test_host *h = *state;
	struct sys *sys;
	struct rf_err err;
	char path[256], line[256];
	struct utsname u;
	int64_t n = -1;

	assert_int_equal(sys_open_live(&sys, &err), 0);
	assert_true(sys_is_live(sys));
	assert_int_equal(uname(&u), 0);
	assert_string_equal(sys_host_name(sys), u.nodename);
	assert_int_equal(sys_read_line(sys, "/proc/sys/kernel/osrelease", line, sizeof(line)), 0);
	assert_string_equal(line, u.release);
	assert_int_equal(sys_read_int(sys, "/proc/sys/kernel/pid_max", &n), 0);
	assert_true(n > 0);
	assert_int_equal(sys_read_int(sys, "/proc/version", &n), RF_E_LIMIT);
	assert_true(rf_starts(reads(sys, "/proc/self/status", 4096), "Name:"));
	host_file(h, "/f", "text\n");
	at(h, path, sizeof(path), "/f");
	assert_string_equal(reads(sys, path, 5), "text\n");
	assert_non_null(strstr(reads(sys, path, 4), "5 bytes, at most 4"));
	assert_int_equal(read_code(sys, "relative"), -EINVAL);
	assert_int_equal(read_code(sys, "/dev/null"), -EINVAL);
	assert_int_equal(read_code(sys, "/etc"), -EINVAL);
	assert_int_equal(read_code(sys, "/proc/999999999/status"), -ENOENT);
	sys_close(sys);
}

static void test_live_links(void **state)
{
	struct test_host *h = *state;
	struct sys *sys;
	char path[256], target[256];
	struct sys_stat st;

	assert_int_equal(sys_open_live(&sys, NULL), 0);
	host_file(h, "/d/f", "x");
	at(h, path, sizeof(path), "/l");
	assert_int_equal(symlink("d/f", path), 0);
	assert_int_equal(sys_readlink(sys, path, target, sizeof(target)), 0);
	assert_string_equal(target, "d/f");
	assert_int_equal(sys_readlink(sys, path, target, 3), -ENAMETOOLONG);
	assert_int_equal(sys_stat(sys, path, &st), 0);
	assert_int_equal(st.type, S_IFLNK);
	assert_int_equal(sys_stat_follow(sys, path, &st), 0);
	assert_int_equal(st.type, S_IFREG);
	assert_int_equal(st.size_bytes, 1);
	assert_true(sys_exists(sys, path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_false(sys_exists(sys, path));
	assert_int_equal(sys_readlink(sys, "/proc/self/exe", target, sizeof(target)), 0);
	assert_int_equal(target[0], '/');
	assert_int_equal(sys_readlink(sys, "/etc/passwd", target, sizeof(target)), -EINVAL);
	sys_close(sys);
}

static void test_live_lists_sorted(void **state)
{
	struct test_host *h = *state;
	struct sys *sys;
	SYS_AUTONAMES struct sys_names names = {0};
	struct sys_space space;
	char path[256];

	assert_int_equal(sys_open_live(&sys, NULL), 0);
	host_file(h, "/d/b", "");
	host_file(h, "/d/.a", "");
	host_file(h, "/d/c", "");
	at(h, path, sizeof(path), "/d");
	assert_int_equal(sys_list(sys, path, &names, NULL), 0);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.names[0], ".a");
	assert_string_equal(names.names[2], "c");
	at(h, path, sizeof(path), "/d/b");
	struct sys_names none = {0};
	assert_int_equal(sys_list(sys, path, &none, NULL), -ENOTDIR);
	assert_int_equal(sys_list(sys, "/nowhere", &none, NULL), -ENOENT);
	assert_null(none.names);
	assert_int_equal(sys_space(sys, h->dir, &space), 0);
	assert_true(space.size_bytes >= space.free_bytes && space.free_bytes >= 0);
	sys_close(sys);
}

/* Links out of the directory end inside it, whichever way they are written. */
static void test_dir_is_not_left(void **state)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{"/abs", "/etc/secret"}, {"/up", "../../../../../../etc/secret"},
		{"/updir", "../../.."},	 {"/proc-root", "/proc/self/root/etc/secret"},
		{"/loop", "loop"},
	};
	struct test_host *h = *state;
	char path[256];

	host_file(h, "/etc/secret", "inside\n");
	for (size_t i = 0; i < RF_COUNT(links); i++) {
		at(h, path, sizeof(path), links[i].name);
		assert_int_equal(symlink(links[i].target, path), 0);
	}
	struct sys *sys = open_dir(h);

	assert_false(sys_is_live(sys));
	assert_string_equal(reads(sys, "/abs", 99), "inside\n");
	assert_string_equal(reads(sys, "/up", 99), "inside\n");
	assert_string_equal(reads(sys, "/updir/etc/secret", 99), "inside\n");
	assert_string_equal(reads(sys, "/../../etc/./secret", 99), "inside\n");
	assert_int_equal(read_code(sys, "/proc-root"), -ENOENT);
	assert_int_equal(read_code(sys, "/loop"), -ELOOP);
	assert_int_equal(read_code(sys, "/etc/passwd"), -ENOENT);
	assert_int_equal(read_code(sys, "/proc/version"), -ENOENT);
	sys_close(sys);
}

static void test_dir_never_waits(void **state)
{
	struct test_host *h = *state;
	char path[256];

	at(h, path, sizeof(path), "/fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	struct sys *sys = open_dir(h);

	assert_int_equal(read_code(sys, "/fifo"), -EINVAL);
	assert_int_equal(read_code(sys, "/"), -EINVAL);
	sys_close(sys);
	assert_int_equal(sys_open_live(&sys, NULL), 0);
	assert_int_equal(read_code(sys, path), -EINVAL);
	sys_close(sys);
}

static void test_dir_meta_replaces(void **state)
{
	struct test_host *h = *state;
	struct sys_stat st;
	char target[64];

	host_file(h, "/etc/shadow", "root:*:1::::::\n");
	host_file(h, "/etc/plain", "abc");
	host_meta(h, "/etc/shadow\tf\t0640\t0\t42\t99\t1000\tacl");
	host_meta(h, "/etc/closed\tf\t0600\t0\t0\t\t\t\tEACCES");
	host_meta(h, "/root\td\t0700\t0\t0\t\t\t\tEACCES");
	host_meta(h, "/gone\t?\t\t\t\t\t\t\tENOENT");
	host_meta(h, "/proc/7/exe\tl\t0777\t0\t0\t0\t0\t\t/usr/bin/qemu (deleted)");
	host_meta(h, "/proc/8/exe\tl\t0777\t0\t0\t0\t0\terror\tEACCES");
	host_meta(h, "/sys/eth0\tl\t\t\t\t\t\t\t../etc");
	host_meta(h, "/big\tf\t\t\t\t9\t\tlarge");
	struct sys *sys = open_dir(h);

	assert_int_equal(sys_stat(sys, "/etc/shadow", &st), 0);
	assert_int_equal(st.type, S_IFREG);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(st.gid, 42);
	assert_int_equal(st.size_bytes, 99);
	assert_int_equal(st.mtime_ms, 1000);
	assert_true(st.has_acl);
	assert_int_equal(sys_stat(sys, "/etc/plain", &st), 0);
	assert_int_equal(st.size_bytes, 3);
	assert_int_equal(read_code(sys, "/etc/closed"), -EACCES);
	assert_int_equal(sys_stat(sys, "/etc/closed", &st), 0);
	assert_int_equal(st.mode, 0600);
	struct sys_names names = {0};
	assert_int_equal(sys_list(sys, "/root", &names, NULL), -EACCES);
	assert_false(sys_exists(sys, "/gone"));
	assert_int_equal(sys_readlink(sys, "/proc/7/exe", target, sizeof(target)), 0);
	assert_string_equal(target, "/usr/bin/qemu (deleted)");
	assert_int_equal(sys_readlink(sys, "/proc/8/exe", target, sizeof(target)), -EACCES);
	assert_int_equal(sys_stat(sys, "/proc/8/exe", &st), 0);
	assert_int_equal(st.type, S_IFLNK);
	assert_string_equal(reads(sys, "/sys/eth0/plain", 99), "abc");
	assert_int_equal(read_code(sys, "/big"), RF_E_LIMIT);
	assert_int_equal(read_code(sys, "/.ringfence/meta"), -ENOENT);
	assert_int_equal(sys_list(sys, "/", &names, NULL), 0);
	assert_int_equal(names.count, 5); /* big etc proc root sys; no .ringfence, no gone */
	sys_names_done(&names);
	assert_int_equal(sys_list(sys, "/proc", &names, NULL), 0);
	assert_int_equal(names.count, 2);
	sys_names_done(&names);
	sys_close(sys);
}

/* In a recorded host "not there" is said only of what was looked at. */
static void test_recorded_dir_knows_what_it_saw(void **state)
{
	struct test_host *h = *state;
	struct sys_names names = {0};
	struct sys_stat st;

	host_meta(h, "#recorded");
	host_meta(h, "/etc\td\t0755\t0\t0\t0\t0\tlisted");
	host_meta(h, "/etc/a\tf\t0644\t0\t0\t1\t0\t");
	host_meta(h, "/var/x\t?\t\t\t\t\t\t\tENOENT");
	struct sys *sys = open_dir(h);

	assert_int_equal(read_code(sys, "/etc/b"), -ENOENT);
	assert_int_equal(read_code(sys, "/etc/a"), RF_E_MISSING);
	assert_int_equal(read_code(sys, "/var/x"), -ENOENT);
	assert_int_equal(read_code(sys, "/var/x/y"), -ENOENT);
	assert_int_equal(read_code(sys, "/var/y"), RF_E_MISSING);
	assert_int_equal(sys_stat(sys, "/var/y", &st), RF_E_MISSING);
	assert_int_equal(sys_list(sys, "/var", &names, NULL), RF_E_MISSING);
	assert_int_equal(sys_list(sys, "/etc", &names, NULL), 0);
	assert_int_equal(names.count, 1);
	sys_names_done(&names);
	sys_close(sys);
}

static void test_dir_probes(void **state)
{
	struct test_host *h = *state;
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};
	struct sys_space space;

	host_file(h, "/.ringfence/probe/uname", "web-3\n6.1\n#1\nx86_64\n");
	host_file(h, "/.ringfence/probe/libvirt/qemu:%2F%2F%2Fsystem", "{}");
	host_file(h, "/.ringfence/probe/space/%2Fvar", "10 4\n");
	host_meta(h, "/.ringfence/probe/audit/status\t?\t\t\t\t\t\t\tEPERM no rights");
	struct sys *sys = open_dir(h);

	assert_string_equal(sys_host_name(sys), "web-3");
	assert_int_equal(sys_probe(sys, "libvirt", "qemu:///system", &buf, &err), 0);
	assert_string_equal(rf_buf_text(&buf), "{}");
	assert_int_equal(sys_probe(sys, "audit", "status", &buf, &err), -EPERM);
	assert_string_equal(rf_err_text(&err), "probe audit status: no rights");
	assert_int_equal(sys_probe(sys, "clock", "", &buf, &err), -ENOENT);
	assert_int_equal(sys_probe(sys, "nonsense", "", &buf, &err), RF_E_UNKNOWN);
	assert_int_equal(sys_probe(sys, "libvirt", "..", &buf, &err), -ENOENT);
	assert_string_equal(rf_buf_text(&buf), "{}");
	assert_int_equal(sys_space(sys, "/var", &space), 0);
	assert_int_equal(space.free_bytes, 4);
	assert_int_equal(sys_space(sys, "/", &space), RF_E_MISSING);
	sys_close(sys);
}

static void test_live_probes(void **state)
{
	static const char *const names[] = {"uname", "identity", "clock", "adjtimex"};
	static const char *const starts[] = {"", "euid ", "", "status "};
	RF_AUTOBUF struct rf_buf buf = {0};
	struct sys *sys;

	(void)state;
	assert_int_equal(sys_open_live(&sys, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		assert_int_equal(sys_probe(sys, names[i], NULL, &buf, NULL), 0);
		assert_true(buf.len > 1 && rf_starts(rf_buf_text(&buf), starts[i]));
	}
	assert_int_equal(sys_probe(sys, "uname", "x", &buf, NULL), -EINVAL);
	assert_int_equal(sys_probe(sys, "nft", "", &buf, NULL), -EINVAL);
	sys_close(sys);
}

static void grow(void *ctx)
{
	assert_int_equal(write(*(int *)ctx, "+", 1), 1);
}

static void test_changing_file(void **state)
{
	struct test_host *h = *state;
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};
	char path[256];

	host_file(h, "/log", "1");
	at(h, path, sizeof(path), "/log");
	int rfd = open(path, O_RDONLY), wfd = open(path, O_WRONLY | O_APPEND);
	struct file_pass pass = {.between = grow, .ctx = &wfd};

	assert_true(rfd >= 0 && wfd >= 0);
	assert_int_equal(file_read_fd(rfd, 99, true, &pass, &buf, &err), RF_E_CHANGED);
	assert_int_equal(file_read_fd(rfd, 99, false, &pass, &buf, &err), 0);
	assert_string_equal(rf_buf_text(&buf), "1+++");
	assert_int_equal(file_read_fd(rfd, 99, true, NULL, &buf, &err), 0);
	assert_string_equal(rf_buf_text(&buf), "1++++");
	close(rfd);
	close(wfd);
}

static void test_open_dir_refuses(void **state)
{
	static const char *const bad[] = {
		"etc/passwd\tf", "/a//b\tf",	   "/a/../b\tf",
		"/a/\tf",	 "/a\tx",	   "/a\tf\t9999",
		"/a\tf\t-1",	 "/a\tf\t0644\tx", "/a\tf\t\t\t\t\t\tnoflag",
		"/a\\q\tf",	 "/a\t?",	   "/a\tf\t\t\t\t\t\t\tEACCES\tmore",
		"/a/./b\tf",	 "/a\tf\t\t-1",
	};
	struct sys *sys = NULL;
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(sys_open_dir("/nowhere/at/all", &sys, &err), -ENOENT);
	for (size_t i = 0; i < RF_COUNT(bad); i++) {
		struct test_host h;

		host_make(&h);
		host_meta(&h, bad[i]);
		if (sys_open_dir(h.dir, &sys, &err) != RF_E_SYNTAX)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(rf_err_text(&err), ".ringfence/meta: line 1"));
		assert_null(sys);
		host_done(&h);
	}
}

/* Lines for one path are one: what a later one leaves empty stays, flags add up. */
static void test_meta_merges(void **state)
{
	static const char in[] = "#recorded\n"
				 "/b\tf\t0600\t1\t2\t3\t4\tacl\n/b\tf\t\t\t\t9\t\tlisted\n"
				 "/e\tf\t\t\t\t\t\t\tEACCES no way\n/e\tf\t\t\t\t\t\tread\n"
				 "/n\\tl\tl\t\t\t\t\t\t\ta\\\\b\n"
				 "/s\t?\t\t\t\t\t\t\tENOENT\n/s\td\n"
				 "/x\td\t\t\t\t\t\tlisted\n/x\t?\t\t\t\t\t\t\tRF_E_LIMIT\n";
	static const char want[] = "#recorded\n"
				   "/b\tf\t0600\t1\t2\t9\t4\tacl,listed\t\n"
				   "/e\tf\t\t\t\t\t\tread\t\n"
				   "/n\\tl\tl\t\t\t\t\t\t\ta\\\\b\n"
				   "/s\td\t\t\t\t\t\t\t\n"
				   "/x\t?\t\t\t\t\t\terror\tRF_E_LIMIT\n";
	RF_AUTOBUF struct rf_buf out = {0};
	struct meta *meta = NULL;

	(void)state;
	assert_int_equal(meta_parse(in, strlen(in), &meta, NULL), 0);
	assert_int_equal(meta_write(meta, &out), 0);
	assert_string_equal(rf_buf_text(&out), want);
	meta_free(meta);
}

static void test_error_names(void **state)
{
	(void)state;
	assert_string_equal(meta_error_name(-EACCES), "EACCES");
	assert_string_equal(meta_error_name(RF_E_PEER), "RF_E_PEER");
	assert_string_equal(meta_error_name(-12345), "EIO");
	assert_int_equal(meta_error_code("RF_E_LIMIT"), RF_E_LIMIT);
	assert_int_equal(meta_error_code("ENOSUCH"), -EIO);
}

static void test_meta_limits(void **state)
{
	struct meta *meta = NULL;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	assert_int_equal(meta_parse("/a\0b", 4, &meta, &err), RF_E_SYNTAX);
	/* Long paths of short parts: each line names a thousand directories of its own. */
	for (int i = 0; i < 200; i++) {
		for (int k = 0; k < 1000; k++)
			rf_buf_printf(&text, "/%d", i);
		rf_buf_add_text(&text, "\tf\n");
	}
	assert_int_equal(meta_parse(rf_buf_text(&text), text.len, &meta, &err), RF_E_LIMIT);
	assert_null(meta);
}

static void test_no_memory(void **state)
{
	static const char in[] =
		"/a/b/c\tf\t0600\n/a/l\tl\t\t\t\t\t\t\tx\n/e\tf\t\t\t\t\t\t\tEIO why\n";
	struct test_host *h = *state;
	int failed = 0;

	host_file(h, "/f", "text");
	host_meta(h, in);
	for (size_t n = 1; n < 60; n++) {
		struct meta *meta = NULL;
		struct sys *sys = NULL;

		rf_alloc_fail_after(n);
		int rc = meta_parse(in, strlen(in), &meta, NULL);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || (rc == -ENOMEM && !meta));
		failed += rc < 0;
		meta_free(meta);
		rf_alloc_fail_after(n);
		rc = sys_open_dir(h->dir, &sys, NULL);
		if (rc == 0) {
			SYS_AUTONAMES struct sys_names names = {0};
			RF_AUTOBUF struct rf_buf buf = {0};

			(void)!sys_read(sys, "/f", 9, &buf, NULL);
			(void)!sys_list(sys, "/", &names, NULL);
		}
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || (rc == -ENOMEM && !sys));
		sys_close(sys);
	}
	assert_true(failed > 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_live_reads),
		T(test_live_links),
		T(test_live_lists_sorted),
		T(test_dir_is_not_left),
		T(test_dir_never_waits),
		T(test_dir_meta_replaces),
		T(test_recorded_dir_knows_what_it_saw),
		T(test_dir_probes),
		T(test_live_probes),
		T(test_changing_file),
		T(test_open_dir_refuses),
		T(test_meta_merges),
		T(test_error_names),
		T(test_meta_limits),
		T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
