/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup of a running VM. See vm_scope.h. Sources: cgroups(7), proc(5), libvirt's cgroups.html.
 */
#include "isolate/vm_scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define FILE_MAX_BYTES (1u << 20)

/* "cpu" in "cpu,cpuacct". */
static bool in_list(const char *list, size_t len, const char *name, size_t name_len)
{
	for (size_t i = 0; i < len;) {
		size_t n = 0;

		while (i + n < len && list[i + n] != ',')
			n++;
		if (n == name_len && memcmp(list + i, name, n) == 0)
			return true;
		i += n + 1;
	}
	return false;
}

/* The process's path in the hierarchy with the controller: v1 where one has it, else v2. */
static int path_find(const char *cgroup, const char *controller, char out[400])
{
	RF_AUTOFREE char *copy = rf_strdup(cgroup);
	char *cursor = copy;
	int version = 0;

	for (char *line; copy && (line = rf_line_next(&cursor));) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

		if (!path || path[1] != '/')
			continue;
		size_t len = (size_t)(path - list - 1);

		if (len == 0 && version == 0 && rf_copy(out, 400, path + 1))
			version = 2;
		if (in_list(list + 1, len, controller, strlen(controller)))
			return rf_copy(out, 400, path + 1) ? 1 : RF_E_LIMIT;
	}
	return copy ? version : -ENOMEM;
}

/* Where a hierarchy is mounted: field 5 of mountinfo, by the type and options behind " - ". */
static bool mount_find(const char *mountinfo, int version, const char *controller, char out[400])
{
	RF_AUTOFREE char *copy = rf_strdup(mountinfo);
	char *cursor = copy;

	for (char *line; copy && (line = rf_line_next(&cursor));) {
		char *tail = strstr(line, " - "), *words[5] = {NULL};

		if (!tail)
			continue;
		char *rest = tail + 3;
		const char *type = rf_word_next(&rest);

		(void)rf_word_next(&rest);
		const char *options = rf_word_next(&rest);

		*tail = '\0';
		for (size_t i = 0; i < RF_COUNT(words); i++)
			words[i] = rf_word_next(&line);
		bool fits = version == 2 ? rf_equal(type, "cgroup2")
					 : rf_equal(type, "cgroup") && options &&
						   in_list(options, strlen(options), controller,
							   strlen(controller));

		if (fits && words[4] && rf_equal(words[3], "/"))
			return rf_copy(out, 400, words[4]);
	}
	return false;
}

/* Threads lie in groups of their own below the VM's. */
static void strip_threads(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash &&
	    (strcmp(slash, "/emulator") == 0 ||
	     (rf_starts(slash, "/vcpu") && strspn(slash + 5, "0123456789") == strlen(slash + 5)) ||
	     (rf_starts(slash, "/iothread") &&
	      strspn(slash + 9, "0123456789") == strlen(slash + 9))))
		*slash = '\0';
	slash = strrchr(path, '/');
	if (slash && strcmp(slash, "/libvirt") == 0)
		*slash = '\0';
}

int vm_scope_parse(const char *cgroup, const char *mountinfo, const char *controller,
		   struct vm_scope *out, struct rf_err *err)
{
	char name[32], path[400], mount[400];
	struct vm_scope scope = {0};

	if (!rf_format(name, sizeof(name), "%.*s", (int)strcspn(controller, "."), controller))
		return rf_fail(err, RF_E_LIMIT, "%.40s is no controller", controller);
	scope.version = path_find(cgroup, name, path);
	if (scope.version < 0)
		return rf_fail(err, scope.version, "%s", rf_code_text(scope.version));
	if (scope.version == 0 || !mount_find(mountinfo, scope.version, name, mount))
		return rf_fail(err, RF_E_UNSUPPORTED, "no cgroup hierarchy with %s is mounted",
			       name);
	strip_threads(path);
	if (!path[0] || strcmp(path, "/") == 0)
		return rf_fail(err, RF_E_MISSING, "it has no cgroup of its own");
	if (strstr(path, "/../") || rf_ends(path, "/..") ||
	    !rf_format(scope.path, sizeof(scope.path), "%s%s", mount, path))
		return rf_fail(err, RF_E_LIMIT, "the path of its cgroup is not one of ours");
	*out = scope;
	return 0;
}

/* Reads one of the files that say where a VM is. */
struct reader {
	int (*read)(const struct reader *r, const char *path, struct rf_buf *out);
	int root;
	struct sys *sys;
};

static int read_below(const struct reader *r, const char *path, struct rf_buf *out)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			       .resolve = RESOLVE_IN_ROOT};
	long fd = syscall(SYS_openat2, r->root, path, &how, sizeof(how));
	uint8_t block[4096];
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (out->len < FILE_MAX_BYTES && (n = read((int)fd, block, sizeof(block))) > 0)
		rf_buf_add(out, block, (size_t)n);
	int rc = n < 0 ? -errno : out->failed ? -ENOMEM : 0;

	close((int)fd);
	return rc;
}

static int read_seam(const struct reader *r, const char *path, struct rf_buf *out)
{
	return sys_read(r->sys, path, FILE_MAX_BYTES, out, NULL);
}

static int scope_find(const struct reader *r, const char *vm, const char *controller,
		      struct vm_scope *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0}, cgroup = {0}, mounts = {0};
	char path[400];
	int64_t pid = 0;

	if (strchr(vm, '/') || !rf_format(path, sizeof(path), "/run/libvirt/qemu/%s.pid", vm))
		return rf_fail(err, RF_E_SYNTAX, "%.60s is no name of a VM", vm);
	int rc = r->read(r, path, &text);
	RF_AUTOFREE char *number = rc ? NULL : rf_buf_take_text(&text);

	if (rc < 0)
		return rf_fail(err, rc == -ENOENT ? RF_E_MISSING : rc,
			       "%s: which process it is is not known (%s: %s)", vm, path,
			       rf_code_text(rc));
	if (!number || rf_num(rf_trim(number), 10, 2, INT32_MAX, &pid) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s holds no process id", path);
	rf_format(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	rc = r->read(r, path, &cgroup);
	if (!rc)
		rc = r->read(r, "/proc/self/mountinfo", &mounts);
	if (rc < 0)
		return rf_fail(err, rc == -ENOENT ? RF_E_MISSING : rc, "%s: %s: %s", vm, path,
			       rf_code_text(rc));
	rc = vm_scope_parse(rf_buf_text(&cgroup), rf_buf_text(&mounts), controller, out, err);
	out->pid = (int)pid;
	return rc ? rf_wrap(err, rc, "%s", vm) : 0;
}

int vm_scope_find(int root, const char *vm, const char *controller, struct vm_scope *out,
		  struct rf_err *err)
{
	const struct reader reader = {.read = read_below, .root = root};

	return scope_find(&reader, vm, controller, out, err);
}

int vm_scope_see(struct sys *sys, const char *vm, const char *controller, struct vm_scope *out,
		 struct rf_err *err)
{
	const struct reader reader = {.read = read_seam, .sys = sys};

	return scope_find(&reader, vm, controller, out, err);
}
