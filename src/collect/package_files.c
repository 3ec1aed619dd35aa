/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector package-files: are the programs, libraries and firmware of the hypervisor, the kernel
 * image of the running release and its loaded modules as dpkg unpacked them? MD5 is what dpkg keeps
 * (see sys/digest.c for what that is worth). Documentation is not looked at: some hosts leave it
 * out. What rpm shipped is not compared. Sources: deb-md5sums(5), dpkg-divert(1).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/dpkg.h"
#include "collect/util.h"

#define INFO	   "/var/lib/dpkg/info"
#define DIVERSIONS "/var/lib/dpkg/diversions"

/* The hypervisor's own files are some 80 MB: 130 ms for a warm cache at 650 MB/s. */
#define MAX_BYTES (160u << 20)

struct run {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_map diverted; /* path and package to where its file lies now */
	struct rf_map modules;	/* names of loaded modules */
	struct util_paths strings;
	char release[128]; /* of the running kernel; "" when not known */
	int64_t bytes;
	size_t unchecked_count; /* files beyond MAX_BYTES */
	size_t untold_count;	/* files of which no digest could be had */
	char unchecked[RF_MAX_PATH_BYTES], untold[RF_MAX_PATH_BYTES];
};

/* Packages of the hypervisor, in the order in which bytes are spent on them. */
static const char *const packages[] = {
	"qemu-*",
	"libvirt*",
	"swtpm*",
	"libtpms*",
	"ovmf*",
	"qemu-efi*",
	"seabios",
	"ipxe-qemu*",
	"vgabios",
	"pve-qemu-kvm*",
	"pve-edk2-firmware*",
};

/* Packages of the running kernel; %s is its release. */
static const char *const kernels[] = {
	"linux-image-%s",    "linux-image-%s-unsigned",	 "linux-image-unsigned-%s",
	"linux-modules-%s",  "linux-modules-extra-%s",	 "pve-kernel-%s",
	"proxmox-kernel-%s", "proxmox-kernel-%s-signed",
};

/* Where what runs lies. */
static const char *const places[] = {
	"/usr/bin/*",
	"/usr/sbin/*",
	"/bin/*",
	"/sbin/*",
	"/usr/lib/*",
	"/lib/*",
	"/usr/libexec/*",
	"/boot/vmlinuz*",
	"/usr/share/qemu/*",
	"/usr/share/OVMF/*",
	"/usr/share/AAVMF/*",
	"/usr/share/seabios/*",
	"/usr/share/qemu-efi*",
	"/usr/share/vgabios/*",
	"/usr/share/swtpm/*",
};

static bool is_one_of(const char *const *patterns, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_glob(patterns[i], text))
			return true;
	}
	return false;
}

/* kvm_intel for /lib/modules/6.1.0-40-amd64/kernel/arch/x86/kvm/kvm-intel.ko.xz; false when path
 * is no module. */
static bool module_name(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *ko = strstr(name, ".ko");

	if (!ko || (ko[3] && ko[3] != '.') || !rf_format(out, size, "%.*s", (int)(ko - name), name))
		return false;
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : *p;
	return true;
}

static bool wanted(const struct run *run, const char *path)
{
	char module[256];

	if (!is_one_of(places, RF_COUNT(places), path))
		return false;
	if (module_name(path, module, sizeof(module)))
		return rf_map_has(&run->modules, module);
	return true;
}

static void put_file(struct run *run, const char *package, const char *path, const char *state,
		     const char *source)
{
	fact_put_package_file(run->out, &(struct fact_package_file){.package = package,
								    .path = path,
								    .state = state,
								    .source = source});
}

/* Asks for the digest of a file that is there. */
static void compare(struct run *run, const char *package, const char *path, const char *want,
		    const char *source)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	int rc = sys_probe(run->sys, "file-md5", path, &answer, NULL);

	if (rc == -EACCES || rc == -EPERM || rc == -EIO) {
		put_file(run, package, path, "unreadable", source);
		return;
	}
	if (rc < 0 || answer.len < 32) {
		if (run->untold_count++ == 0)
			rf_copy(run->untold, sizeof(run->untold), path);
		return;
	}
	if (strncasecmp(rf_buf_text(&answer), want, 32) != 0)
		put_file(run, package, path, "changed", source);
}

static void check_file(struct run *run, const char *package, const char *path, const char *want,
		       const char *source)
{
	struct sys_stat st;
	RF_AUTOFREE char *key = rf_asprintf("%s %s", package, path);
	const char *moved = key ? rf_map_get(&run->diverted, key) : NULL;

	if (moved)
		path = moved;
	/* A link to the file is as good as the file: only what is behind it counts. */
	int rc = sys_stat_follow(run->sys, path, &st);

	if (rc == -ENOENT || rc == -ENOTDIR) {
		put_file(run, package, path, "missing", source);
		return;
	}
	if (rc == 0 && !S_ISREG(st.type)) {
		put_file(run, package, path, "changed", source);
		return;
	}
	if (rc == 0 && run->bytes + st.size_bytes > (int64_t)MAX_BYTES) {
		if (run->unchecked_count++ == 0)
			rf_copy(run->unchecked, sizeof(run->unchecked), path);
		return;
	}
	run->bytes += rc == 0 ? st.size_bytes : 0;
	compare(run, package, path, want, source);
}

/* Lines of 32 hexadecimal digits, two blanks and a path without its first slash. */
static void check_lines(struct run *run, const struct dpkg_package *package, char *text,
			const char *source)
{
	char *cursor = text, *line;

	while ((line = rf_line_next(&cursor))) {
		char path[RF_MAX_PATH_BYTES];

		if (strspn(line, "0123456789abcdefABCDEF") != 32 || line[32] != ' ')
			continue;
		line[32] = '\0';
		const char *name = line + 33 + strspn(line + 33, " ");

		if (*name && rf_format(path, sizeof(path), "/%s", name) && wanted(run, path))
			check_file(run, package->name, path, line, source);
	}
}

/* NAME.md5sums, or NAME:ARCH.md5sums for a package that may be there in several architectures. */
static void check_package(struct run *run, const struct dpkg_package *package)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = -ENOENT;

	for (int i = 0; rc == -ENOENT && i < 2; i++) {
		if (rf_format(path, sizeof(path), INFO "/%s%s%s.md5sums", package->name,
			      i ? "" : ":", i ? "" : package->arch))
			rc = sys_read(run->sys, path, RF_MAX_FILE_BYTES, &text, NULL);
	}
	if (rc < 0) {
		fact_gap(run->out, FACT_T_PACKAGE_FILE, package->name, "", path,
			 "%s: %s, so that the files of %s were not compared", path,
			 rf_code_text(rc), package->name);
		return;
	}
	if (text.len)
		check_lines(run, package, (char *)text.data, path);
}

/* Triples of lines: the path, where files of other packages go, and whose file stays. */
static int read_diversions(struct run *run, const struct dpkg_status *status)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = util_read(run->sys, run->out, FACT_T_PACKAGE_FILE, "", DIVERSIONS,
			   RF_MAX_FILE_BYTES, &text);
	char *cursor = rc == 1 && text.len ? (char *)text.data : NULL;
	char *from, *to, *owner;

	while ((from = rf_line_next(&cursor)) && (to = rf_line_next(&cursor)) &&
	       (owner = rf_line_next(&cursor))) {
		for (size_t i = 0; i < status->count; i++) {
			const char *name = status->packages[i].name;

			if (strcmp(name, owner) == 0 ||
			    !is_one_of(packages, RF_COUNT(packages), name))
				continue;
			RF_AUTOFREE char *key = rf_asprintf("%s %s", name, from);

			if (!key || util_paths_add(&run->strings, to) < 0 ||
			    rf_map_set(&run->diverted, key,
				       run->strings.paths[run->strings.count - 1]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int read_modules(struct run *run)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = util_read(run->sys, run->out, FACT_T_PACKAGE_FILE, "", "/proc/modules",
			   RF_MAX_PROC_BYTES, &text);
	char *cursor = rc == 1 && text.len ? (char *)text.data : NULL, *line;

	while ((line = rf_line_next(&cursor))) {
		line[strcspn(line, " ")] = '\0';
		if (*line && rf_map_set(&run->modules, line, run) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void read_release(struct run *run)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char *cursor, *line;

	if (sys_probe(run->sys, "uname", "", &text, NULL) < 0 || text.len == 0)
		return;
	cursor = (char *)text.data;
	(void)rf_line_next(&cursor);
	line = rf_line_next(&cursor);
	if (line)
		rf_copy(run->release, sizeof(run->release), line);
}

/* Every installed package that a pattern names. */
static void check_pattern(struct run *run, const struct dpkg_status *status, const char *pattern)
{
	for (size_t i = 0; i < status->count; i++) {
		const struct dpkg_package *p = &status->packages[i];

		if (rf_equal(p->state, "installed") && rf_glob(pattern, p->name))
			check_package(run, p);
	}
}

static void check_all(struct run *run, const struct dpkg_status *status)
{
	char name[192];

	for (size_t i = 0; i < RF_COUNT(packages); i++)
		check_pattern(run, status, packages[i]);
	for (size_t i = 0; *run->release && i < RF_COUNT(kernels); i++) {
		const char *percent = strchr(kernels[i], '%');

		if (rf_format(name, sizeof(name), "%.*s%s%s", (int)(percent - kernels[i]),
			      kernels[i], run->release, percent + 2) &&
		    dpkg_find(status, name))
			check_package(run, dpkg_find(status, name));
	}
}

static void tell_rest(struct run *run)
{
	if (run->unchecked_count)
		fact_gap(run->out, FACT_T_PACKAGE_FILE, "", "", run->unchecked,
			 "%zu files from %s on were not compared: more than the %u MB that are "
			 "read; debsums compares them all",
			 run->unchecked_count, run->unchecked, MAX_BYTES >> 20);
	if (run->untold_count)
		fact_gap(run->out, FACT_T_PACKAGE_FILE, "", "state", run->untold,
			 "of %zu files, such as %s, there is no digest to compare",
			 run->untold_count, run->untold);
}

static int prepare(struct run *run, const struct dpkg_status *status)
{
	int rc = read_diversions(run, status);

	read_release(run);
	return rc < 0 ? rc : read_modules(run);
}

int collect_package_files(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
			  struct rf_err *err)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};
	struct run run = {.sys = sys, .out = out};
	int rc = dpkg_status_read(sys, &status, err);

	(void)req;
	if (rc == -ENOENT) {
		rf_err_clear(err);
		fact_gap(out, FACT_T_PACKAGE_FILE, "", "", DPKG_STATUS,
			 "only what dpkg installed is compared here: rpm -Va compares the rest");
		return fact_sink_check(out, err);
	}
	if (rc < 0)
		return rc;
	rc = prepare(&run, &status);
	if (rc == 0) {
		check_all(&run, &status);
		tell_rest(&run);
	}
	rf_map_done(&run.diverted);
	rf_map_done(&run.modules);
	util_paths_done(&run.strings);
	if (rc < 0)
		return rf_fail(err, rc, "package files: no memory");
	return fact_sink_check(out, err);
}
