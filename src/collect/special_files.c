/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector special-files: programs that run with other rights than their caller's, and files that
 * anybody may write or nobody owns, in the folders of system programs. Links are not followed and
 * other file systems not entered. Source: inode(7), dpkg's info/PACKAGE.list.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/util.h"

#define DPKG_INFO   "/var/lib/dpkg/info"
#define MAX_ENTRIES 3000000u
#define MAX_HITS    20000u

static const char *const roots[] = {
	"/usr/bin",   "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec",
	"/usr/local", "/opt",	   "/bin",     "/sbin",	     "/lib",
};

struct hit {
	char *path, *package;
	const char *kind, *root;
	uint32_t mode;
};

struct walk {
	struct sys *sys;
	struct fact_sink *out;
	const struct util_users *users;
	bool owners_known; /* every account is in /etc/passwd */
	const char *root;
	uint64_t dev;
	uint64_t entries;
	struct hit *hits;
	size_t hits_count, hits_capacity;
};

static const char *kind_of(const struct walk *w, const struct sys_stat *st)
{
	bool is_file = st->type == S_IFREG;

	if (is_file && st->mode & S_ISUID)
		return "setuid";
	if (is_file && st->mode & S_ISGID)
		return "setgid";
	/* In a sticky directory others can only add files of their own. */
	if (st->mode & S_IWOTH && (is_file || (st->type == S_IFDIR && !(st->mode & S_ISVTX))))
		return "world_writable";
	if (w->owners_known &&
	    (!util_user_find(w->users, st->uid) || !util_group_find(w->users, st->gid)))
		return "unowned";
	return NULL;
}

static int add_hit(struct walk *w, const char *path, const char *kind, uint32_t mode)
{
	if (w->hits_count >= MAX_HITS)
		return 0;
	int rc = rf_grow((void **)&w->hits, &w->hits_capacity, w->hits_count + 1, sizeof(*w->hits));
	char *copy = rc < 0 ? NULL : rf_strdup(path);

	if (!copy)
		return -ENOMEM;
	w->hits[w->hits_count++] =
		(struct hit){.path = copy, .kind = kind, .root = w->root, .mode = mode};
	return 0;
}

/* Looks at one entry; returns 1 when it is a directory to go into. */
static int look(struct walk *w, const char *path)
{
	struct sys_stat st;

	/* What vanished meanwhile, or is closed to us, is no finding of its own. */
	if (sys_stat(w->sys, path, &st) < 0 || st.type == S_IFLNK)
		return 0;
	const char *kind = kind_of(w, &st);

	if (kind && add_hit(w, path, kind, st.mode) < 0)
		return -ENOMEM;
	return st.type == S_IFDIR && st.dev == w->dev;
}

static int walk_dir(struct walk *w, const char *dir, unsigned int depth)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = sys_list(w->sys, dir, &names, NULL);

	collect_heartbeat(w->out, dir);
	if (rc < 0 && rc != -ENOENT)
		util_gap(w->out, FACT_T_SPECIAL_FILE, dir, dir, rc);
	for (size_t i = 0; i < names.count; i++) {
		if (++w->entries > MAX_ENTRIES)
			return 0;
		if (!rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]))
			continue;
		rc = look(w, path);
		if (rc > 0 && depth < RF_MAX_DIR_DEPTH)
			rc = walk_dir(w, path, depth + 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* On hosts where /bin is a link to usr/bin, the packages still list some files below /bin. */
static const char *other_name(const char *path, char *out, size_t size)
{
	if (rf_starts(path, "/usr/"))
		return path + strlen("/usr");
	rf_format(out, size, "/usr%s", path);
	return out;
}

/* Finds the hits among the files of one package. */
static void match_list(struct rf_map *by_path, char *text, const char *package)
{
	char other[RF_MAX_PATH_BYTES];

	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		struct hit *hit = rf_map_get(by_path, line);

		if (!hit)
			hit = rf_map_get(by_path, other_name(line, other, sizeof(other)));
		/* No memory for the name: the hit stays without package, and says so. */
		if (hit && !hit->package)
			hit->package = rf_strdup(package);
	}
}

/* Returns 0, or the failure that leaves the packages unknown. */
static int find_packages(struct walk *w)
{
	SYS_AUTONAMES struct sys_names names = {0};
	RF_AUTOMAP struct rf_map by_path = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = sys_list(w->sys, DPKG_INFO, &names, NULL);

	for (size_t i = 0; rc == 0 && i < w->hits_count; i++)
		rc = rf_map_set(&by_path, w->hits[i].path, &w->hits[i]);
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		if (!rf_ends(names.names[i], ".list") ||
		    !rf_format(path, sizeof(path), DPKG_INFO "/%s", names.names[i]) ||
		    sys_read(w->sys, path, RF_MAX_FILE_BYTES, &buf, NULL) < 0 || buf.len == 0)
			continue;
		collect_heartbeat(w->out, path);
		/* "libc6:amd64.list" is package libc6. */
		names.names[i][strcspn(names.names[i], ":")] = '\0';
		if (rf_ends(names.names[i], ".list"))
			names.names[i][strlen(names.names[i]) - strlen(".list")] = '\0';
		match_list(&by_path, (char *)buf.data, names.names[i]);
	}
	return rc;
}

static void put_hits(struct walk *w)
{
	int rc = w->hits_count ? find_packages(w) : 0;
	char mode[8];

	if (rc < 0)
		fact_gap(w->out, FACT_T_SPECIAL_FILE, "", "package", DPKG_INFO,
			 "Which package ships a file is read from dpkg's lists only, and %s cannot "
			 "be read (%s).",
			 DPKG_INFO, rf_code_text(rc));
	for (size_t i = 0; i < w->hits_count; i++) {
		struct hit *h = &w->hits[i];

		rf_format(mode, sizeof(mode), "%04o", (unsigned int)(h->mode & 07777));
		fact_put_special_file(w->out,
				      &(struct fact_special_file){.path = h->path,
								  .kind = h->kind,
								  .package = h->package ? h->package
									     : rc < 0	? NULL
											: "",
								  .mode_text = mode,
								  .source = h->root});
		rf_free(h->path);
		rf_free(h->package);
	}
	rf_free(w->hits);
	if (w->hits_count >= MAX_HITS || w->entries > MAX_ENTRIES)
		fact_gap(w->out, FACT_T_SPECIAL_FILE, "", "", "",
			 "There are more than %u files, or more than %u findings; the rest was "
			 "left out.",
			 MAX_ENTRIES, MAX_HITS);
}

struct sources {
	bool other;
};

static void note_source(void *ctx, const struct util_setting *s)
{
	struct sources *found = ctx;

	/* "passwd: files sss": systemd and compat add no owners of files. */
	if (!rf_starts(s->key, "passwd") && !rf_starts(s->key, "group"))
		return;
	found->other |= strstr(s->value, "sss") || strstr(s->value, "ldap") ||
			strstr(s->value, "winbind") || strstr(s->value, "nis");
}

/* Owners may live in a directory that we do not ask. */
static bool owners_known(struct sys *sys, struct fact_sink *out, const struct util_users *users)
{
	static const char *const path = "/etc/nsswitch.conf";
	RF_AUTOBUF struct rf_buf buf = {0};
	struct sources found = {.other = users->has_nis};

	if (util_read(sys, out, FACT_T_SPECIAL_FILE, path, path, RF_MAX_FILE_BYTES, &buf) > 0 &&
	    buf.len)
		util_settings_walk((char *)buf.data, path, "#", true, note_source, &found);
	if (found.other)
		fact_gap(out, FACT_T_SPECIAL_FILE, "", "kind", path,
			 "Accounts also come from a directory, so files without an owner in "
			 "/etc/passwd are not listed: the directory may know them.");
	return !found.other;
}

int collect_special_files(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
			  struct rf_err *err)
{
	UTIL_AUTOUSERS struct util_users users = {0};
	struct walk w = {.sys = sys, .out = out, .users = &users};
	int rc = util_users_read(sys, &users, NULL);

	(void)req;
	if (rc < 0)
		fact_gap(out, FACT_T_SPECIAL_FILE, "", "kind", "/etc/passwd",
			 "Files without owner are not listed: /etc/passwd cannot be read (%s).",
			 rf_code_text(rc));
	w.owners_known = rc == 0 && owners_known(sys, out, &users);
	rc = 0;
	for (size_t i = 0; rc == 0 && i < RF_COUNT(roots); i++) {
		struct sys_stat st;

		/* A link (/bin to usr/bin) is walked under its own name. */
		if (sys_stat(sys, roots[i], &st) < 0 || st.type != S_IFDIR)
			continue;
		w.root = roots[i];
		w.dev = st.dev;
		rc = walk_dir(&w, roots[i], 0);
	}
	put_hits(&w);
	return rc < 0 ? rf_fail(err, rc, "special files: %s", rf_code_text(rc)) : 0;
}
