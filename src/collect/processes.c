/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector processes: what runs, by whom, from which binary, in which unit. QEMU's own processes
 * have a collector of their own. Sources: proc(5), cgroups(7), systemd's CONTROL_GROUP_INTERFACE.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/proc.h"

#define PF_KTHREAD 0x00200000

bool proc_is_pid(const char *name)
{
	return *name && strspn(name, "0123456789") == strlen(name);
}

int proc_list(struct sys *sys, struct sys_names *out, struct rf_err *err)
{
	return sys_list(sys, "/proc", out, err);
}

/* A number of /proc; -1 when it is none. */
static int64_t word_number(char **cursor)
{
	const char *word = rf_word_next(cursor);
	int64_t n;

	return word && rf_num(word, 10, 0, INT64_MAX, &n) == 0 ? n : -1;
}

bool proc_stat_parse(const char *text, struct proc *out)
{
	RF_AUTOFREE char *copy = rf_strdup(text);
	char *open = copy ? strchr(copy, '(') : NULL;
	char *close = copy ? strrchr(copy, ')') : NULL; /* a name may hold brackets of its own */

	if (!open || !close || close < open)
		return false;
	*open = '\0';
	*close = '\0';
	char *cursor = copy, *rest = close + 1;
	int64_t pid = word_number(&cursor);

	/* State, parent, then group, session, terminal and its group, then flags. */
	rf_word_next(&rest);
	int64_t ppid = word_number(&rest);

	for (int i = 0; i < 4; i++)
		rf_word_next(&rest);
	int64_t flags = word_number(&rest);

	if (pid <= 0 || ppid < 0 || flags < 0)
		return false;
	out->pid = pid;
	out->ppid = ppid;
	out->is_kernel = flags & PF_KTHREAD;
	rf_copy(out->comm, sizeof(out->comm), open + 1);
	return true;
}

/* "Uid:\tREAL\tEFFECTIVE\t..." */
static int64_t status_uid(char *status)
{
	char *line;

	while ((line = rf_line_next(&status))) {
		if (!rf_starts(line, "Uid:"))
			continue;
		line += 4;
		rf_word_next(&line);
		return word_number(&line);
	}
	return -1;
}

int proc_read(struct sys *sys, const char *pid, struct proc *out)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[64];

	*out = (struct proc){.uid = -1};
	rf_format(path, sizeof(path), "/proc/%.16s/stat", pid);
	int rc = sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL);

	if (rc < 0)
		return rc == -ESRCH ? -ENOENT : rc;
	if (!proc_stat_parse(rf_buf_text(&text), out))
		return -ENOENT;
	rf_buf_reset(&text);
	rf_format(path, sizeof(path), "/proc/%.16s/status", pid);
	if (sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL) == 0)
		out->uid = text.len ? status_uid((char *)text.data) : -1;
	return 0;
}

static bool is_unit(const char *name, size_t n)
{
	static const char *const ends[] = {".service", ".scope", ".socket", ".mount", ".swap"};

	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		size_t k = strlen(ends[i]);

		if (n > k && strncmp(name + n - k, ends[i], k) == 0)
			return true;
	}
	return false;
}

/* The unit in one path of slices; false when there is none. */
static bool unit_of_path(const char *path, size_t len, char *out, size_t size)
{
	const char *end = path + len;

	while (path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t n = (size_t)((slash ? slash : end) - path);

		if (is_unit(path, n))
			return rf_format(out, size, "%.*s", (int)n, path);
		/* Only slices may stand above a unit: a container's own tree is not the host's. */
		if (n && !(n > 6 && strncmp(path + n - 6, ".slice", 6) == 0))
			return false;
		path += n + 1;
	}
	return false;
}

void proc_unit(const char *cgroup, char *out, size_t size)
{
	out[0] = '\0';
	while (*cgroup) {
		size_t n = strcspn(cgroup, "\n");
		const char *colon = memchr(cgroup, ':', n);
		const char *path =
			colon ? memchr(colon + 1, ':', n - (size_t)(colon + 1 - cgroup)) : NULL;

		/* "0::/..." is cgroup v2; of v1 only systemd's own hierarchy tells the unit. */
		bool ours =
			path && (path == colon + 1 || strncmp(colon + 1, "name=systemd", 12) == 0);

		if (ours && unit_of_path(path + 1, n - (size_t)(path + 1 - cgroup), out, size))
			return;
		out[0] = '\0';
		cgroup += n + (cgroup[n] == '\n');
	}
}

struct tally {
	size_t hidden_exe;
};

static void put_process(struct sys *sys, const struct proc *proc, struct fact_sink *out,
			struct tally *tally)
{
	RF_AUTOBUF struct rf_buf cgroup = {0};
	char path[64], exe[RF_MAX_PATH_BYTES], unit[256], source[32];
	struct fact_int uid = {0};

	rf_format(path, sizeof(path), "/proc/%lld/exe", (long long)proc->pid);
	bool has_exe = sys_readlink(sys, path, exe, sizeof(exe)) == 0;

	/* A process that ended between the two reads is no process. */
	rf_format(path, sizeof(path), "/proc/%lld/stat", (long long)proc->pid);
	if (!has_exe && !sys_exists(sys, path))
		return;
	if (!has_exe)
		tally->hidden_exe++;
	rf_format(path, sizeof(path), "/proc/%lld/cgroup", (long long)proc->pid);
	bool has_unit = sys_read(sys, path, RF_MAX_PROC_BYTES, &cgroup, NULL) == 0;

	proc_unit(rf_buf_text(&cgroup), unit, sizeof(unit));
	if (proc->uid >= 0)
		uid = FACT_INT(proc->uid);
	rf_format(source, sizeof(source), "/proc/%lld", (long long)proc->pid);
	fact_put_process(out, &(struct fact_process){
				      .pid = FACT_INT(proc->pid),
				      .ppid = FACT_INT(proc->ppid),
				      .name = proc->comm,
				      .uid = uid,
				      .exe = has_exe ? exe : NULL,
				      .exe_deleted = has_exe ? FACT_BOOL(rf_ends(exe, " (deleted)"))
							     : (struct fact_int){0},
				      .unit = has_unit ? unit : NULL,
				      .source = source,
			      });
}

static void tell_hidden(const struct tally *tally, struct fact_sink *out)
{
	static const char *const columns[] = {"exe", "exe_deleted"};

	for (size_t i = 0; tally->hidden_exe && i < RF_COUNT(columns); i++)
		fact_gap(out, FACT_T_PROCESS, "", columns[i], "/proc",
			 "the binaries of %zu processes cannot be seen: that takes root and the "
			 "right to trace them",
			 tally->hidden_exe);
}

int collect_processes(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names pids = {0};
	struct tally tally = {0};
	struct proc proc;
	int rc = proc_list(sys, &pids, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "processes");
	for (size_t i = 0; i < pids.count; i++) {
		if (!proc_is_pid(pids.names[i]) || proc_read(sys, pids.names[i], &proc) < 0 ||
		    proc.is_kernel)
			continue;
		put_process(sys, &proc, out, &tally);
	}
	tell_hidden(&tally, out);
	return 0;
}
