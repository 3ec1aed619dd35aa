/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector sudo: the sudoers files as sudo reads them. Rules that a directory holds (LDAP, SSSD)
 * are not seen, and a gap says so. Source: sudoers(5), sudo.conf(5).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/dpkg.h"
#include "collect/rpm.h"
#include "collect/sudo.h"

#define SUDOERS "/etc/sudoers"

struct sudo_file {
	struct sudo_run *run;
	const char *path;
};

static void read_file(struct sudo_run *run, const char *path, bool must_exist,
		      const char *named_in);

static void on_error(void *ctx, unsigned int line, const char *what)
{
	struct sudo_file *file = ctx;
	char where[UTIL_WHERE_BYTES];

	util_where(where, file->path, line);
	fact_gap(file->run->out, FACT_T_SUDO_RULE, where, "", where,
		 "%s: %s: this line was left out; visudo -c shows it", where, what);
}

/* sudoers(5): names that hold a dot or end with ~ are left out. */
static void read_dir(struct sudo_run *run, const char *dir)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(run->sys, dir, &names, NULL);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return;
	if (rc < 0) {
		run->incomplete = true;
		util_gap(run->out, FACT_T_SUDO_RULE, dir, dir, rc);
		return;
	}
	for (size_t i = 0; i < names.count; i++) {
		char path[RF_MAX_PATH_BYTES];
		struct sys_stat st;

		if (strchr(names.names[i], '.') || rf_ends(names.names[i], "~") ||
		    !rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]))
			continue;
		if (sys_stat_follow(run->sys, path, &st) == 0 && S_ISDIR(st.type))
			continue;
		read_file(run, path, false, dir);
	}
}

/* Replaces %h by the short host name, and puts a relative name below the including file. */
static bool include_path(const struct sudo_file *file, const char *target, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf path = {0};
	const char *slash = strrchr(file->path, '/');
	const char *host = sys_host_name(file->run->sys);

	if (target[0] != '/' && slash)
		rf_buf_add(&path, file->path, (size_t)(slash - file->path) + 1);
	for (const char *p = target; *p; p++) {
		if (p[0] == '%' && p[1] == 'h') {
			rf_buf_add(&path, host, strcspn(host, "."));
			p++;
		} else if (p[0] == '%' && p[1] == '%') {
			rf_buf_add_byte(&path, '%');
			p++;
		} else {
			rf_buf_add_byte(&path, (uint8_t)*p);
		}
	}
	return !path.failed && rf_copy(out, size, rf_buf_text(&path));
}

static void on_include(void *ctx, const struct sudoers_include *include)
{
	struct sudo_file *file = ctx;
	struct sudo_run *run = file->run;
	char path[RF_MAX_PATH_BYTES], where[UTIL_WHERE_BYTES];

	util_where(where, file->path, include->line);
	if (!include_path(file, include->target, path, sizeof(path)) ||
	    run->depth >= RF_MAX_INCLUDE_DEPTH || run->paths.count >= RF_MAX_INCLUDE_FILES) {
		run->incomplete = true;
		fact_gap(run->out, FACT_T_SUDO_RULE, where, "", where,
			 "%s: more than %u files, or files within files more than %u deep: does "
			 "one include itself?",
			 where, RF_MAX_INCLUDE_FILES, RF_MAX_INCLUDE_DEPTH);
		return;
	}
	run->depth++;
	if (include->is_dir)
		read_dir(run, path);
	else
		read_file(run, path, true, where);
	run->depth--;
}

static void read_file(struct sudo_run *run, const char *path, bool must_exist, const char *named_in)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = util_read(run->sys, run->out, FACT_T_SUDO_RULE, path, path, RF_MAX_FILE_BYTES,
			   &text);

	if (rc == 0 && must_exist)
		fact_gap(run->out, FACT_T_SUDO_RULE, path, "", named_in,
			 "%s names %s, which is not there: visudo -c shows it", named_in, path);
	run->incomplete = run->incomplete || rc < 0;
	if (rc <= 0 || text.len == 0)
		return;
	if (util_paths_add(&run->paths, path) < 0) {
		run->tree.failed = true;
		return;
	}
	struct sudo_file file = {.run = run, .path = run->paths.paths[run->paths.count - 1]};
	const struct sudoers_hooks hooks = {.ctx = &file, .include = on_include, .error = on_error};

	sudoers_parse(&run->tree, file.path, rf_buf_text(&text), &hooks);
}

/* The services that nsswitch.conf names for sudoers, besides files. */
static void tell_directories(struct sudo_run *run)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(run->sys, "/etc/nsswitch.conf", RF_MAX_FILE_BYTES, &text, NULL) < 0 ||
	    text.len == 0)
		return;
	char *cursor = (char *)text.data, *line;

	while ((line = rf_line_next(&cursor))) {
		line[strcspn(line, "#")] = '\0';
		line = rf_trim(line);
		if (!rf_starts(line, "sudoers:"))
			continue;
		char *words = line + 8, *word;

		while ((word = rf_word_next(&words))) {
			if (strcmp(word, "files") == 0 || word[0] == '[')
				continue;
			fact_gap(run->out, FACT_T_SUDO_RULE, word, "", "/etc/nsswitch.conf",
				 "sudo also asks %s for rules, and those are not seen here: judge "
				 "them in the directory",
				 word);
		}
	}
}

static bool sudo_installed(struct sys *sys)
{
	static const char *const programs[] = {"/usr/bin/sudo", "/usr/local/bin/sudo", "/bin/sudo"};

	for (size_t i = 0; i < RF_COUNT(programs); i++) {
		if (sys_exists(sys, programs[i]))
			return true;
	}
	return false;
}

static void put_options(struct sudo_run *run)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};
	char version[64] = "";
	bool debian = dpkg_status_read(run->sys, &status, NULL) == 0;
	const struct dpkg_package *package = debian ? dpkg_find(&status, "sudo") : NULL;

	if (!package && debian)
		package = dpkg_find(&status, "sudo-ldap");
	if (package && package->version)
		dpkg_version_upstream(package->version, version, sizeof(version));
	else if (!debian && !rpm_version(run->sys, "sudo", version, sizeof(version)))
		version[0] = '\0';
	if (!run->incomplete) {
		sudo_options_put(run, version, debian);
		return;
	}
	fact_gap(run->out, FACT_T_SUDO_OPTION, "", "", SUDOERS,
		 "not every sudoers file could be read: run as root");
}

static void run_done(struct sudo_run *run)
{
	sudoers_done(&run->tree);
	util_paths_done(&run->paths);
	util_users_done(&run->users);
}

int collect_sudo(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	struct sudo_run run = {.sys = sys, .out = out};
	bool installed = sudo_installed(sys);

	(void)req;
	fact_put_sudo_option(out, &(struct fact_sudo_option){.key = "present",
							     .value = installed ? "1" : "0",
							     .source = "/usr/bin/sudo"});
	if (!installed)
		return fact_sink_check(out, err);
	/* Without /etc/passwd a Defaults line for a group is only matched by its name. */
	if (util_users_read(sys, &run.users, NULL) < 0)
		util_users_done(&run.users);
	read_file(&run, SUDOERS, false, SUDOERS);
	bool failed = run.tree.failed;

	if (!failed) {
		tell_directories(&run);
		sudo_rules_put(&run);
		put_options(&run);
	}
	run_done(&run);
	if (failed)
		return rf_fail(err, RF_E_LIMIT, SUDOERS ": more than %u entries, or no memory",
			       SUDOERS_MAX_ENTRIES);
	return fact_sink_check(out, err);
}
