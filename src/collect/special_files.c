/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector special-files: programs that run with other rights than their caller's, and files that
 * anybody may write or nobody owns, in the folders of system programs. Links are not followed and
 * other file systems not entered. Source: the probe special-files, dpkg's info/PACKAGE.list.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/mountinfo.h"
#include "collect/special_files.h"
#include "collect/util.h"

#define DPKG_INFO "/var/lib/dpkg/info"
#define MAX_TREES 20000u /* questions to the probe */
#define MAX_HITS  20000u
/* Files of dpkg that are read between two signs of life. */
#define LISTS_A_STEP 200u

static const char *const roots[] = {
	"/usr/bin",    "/usr/sbin",    "/usr/lib",   "/usr/lib32", "/usr/lib64",
	"/usr/libx32", "/usr/libexec", "/usr/local", "/opt",	   "/bin",
	"/sbin",       "/lib",	       "/lib64",
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
	struct util_paths trees; /* directories to ask the probe of, in turn */
	struct rf_map asked;	 /* and those it was asked of: an answer may name them again */
	struct hit *hits;
	size_t hits_count, hits_capacity;
	size_t left_out;
	size_t looked, closed; /* folders that were and that could not be looked at */
	bool out_of_time;
};

bool special_line_parse(char *line, struct special_line *out)
{
	char *cursor = line;
	char *word = rf_word_next(&cursor);
	int64_t mode, uid, gid;

	*out = (struct special_line){0};
	if (!word)
		return false;
	if (strcmp(word, "later") == 0 || strcmp(word, "closed") == 0) {
		out->kind = word[0];
		out->path = rf_word_next(&cursor);
	} else {
		const char *m = rf_word_next(&cursor), *u = rf_word_next(&cursor);
		const char *g = rf_word_next(&cursor);

		if (!g || word[1] || !strchr("fdo", word[0]) || rf_num(m, 8, 0, 07777, &mode) < 0 ||
		    rf_num(u, 10, 0, UINT32_MAX, &uid) < 0 ||
		    rf_num(g, 10, 0, UINT32_MAX, &gid) < 0)
			return false;
		*out = (struct special_line){.kind = word[0],
					     .mode = (uint32_t)mode,
					     .uid = uid,
					     .gid = gid,
					     .path = rf_word_next(&cursor)};
	}
	if (!out->path || out->path[0] != '/')
		return false;
	mount_unescape(out->path);
	return true;
}

static const char *kind_of(const struct walk *w, const struct special_line *l)
{
	if (l->kind == 'f' && l->mode & S_ISUID)
		return "setuid";
	if (l->kind == 'f' && l->mode & S_ISGID)
		return "setgid";
	/* In a sticky directory others can only add files of their own. */
	if (l->mode & S_IWOTH && (l->kind == 'f' || (l->kind == 'd' && !(l->mode & S_ISVTX))))
		return "world_writable";
	if (w->owners_known &&
	    (!util_user_find(w->users, l->uid) || !util_group_find(w->users, l->gid)))
		return "unowned";
	return NULL;
}

static int add_hit(struct walk *w, const char *path, const char *kind, uint32_t mode)
{
	if (w->hits_count >= MAX_HITS) {
		w->left_out++;
		return 0;
	}
	int rc = rf_grow((void **)&w->hits, &w->hits_capacity, w->hits_count + 1, sizeof(*w->hits));
	char *copy = rc < 0 ? NULL : rf_strdup(path);

	if (!copy)
		return -ENOMEM;
	w->hits[w->hits_count++] =
		(struct hit){.path = copy, .kind = kind, .root = w->root, .mode = mode};
	return 0;
}

static int note_line(struct walk *w, struct special_line *l)
{
	switch (l->kind) {
	case 'l':
		return util_paths_add(&w->trees, l->path);
	case 'c':
		util_gap(w->out, FACT_T_SPECIAL_FILE, l->path, l->path, -EACCES);
		w->closed++;
		return 0;
	default: {
		const char *kind = kind_of(w, l);

		return kind ? add_hit(w, l->path, kind, l->mode) : 0;
	}
	}
}

/* Asks the probe of one tree. */
static int ask(struct walk *w, const char *dir)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	struct rf_err err = {0};
	struct special_line line;

	if (rf_map_has(&w->asked, dir))
		return 0;
	if (rf_map_set(&w->asked, dir, w) < 0)
		return -ENOMEM;
	/* Only to show that we are alive: nothing is written before the end, so that a second
	 * start has to look at everything again. */
	(void)collect_heartbeat(w->out, dir);
	int rc = sys_probe(w->sys, "special-files", dir, &answer, &err);

	if (rc < 0) {
		fact_gap(w->out, FACT_T_SPECIAL_FILE, dir, "", dir,
			 "What lies below could not be looked at: %s.", rf_err_text(&err));
		w->closed++;
		return 0;
	}
	w->looked++;
	char *cursor = answer.len ? (char *)answer.data : NULL;

	for (char *text; rc == 0 && (text = rf_line_next(&cursor));) {
		if (special_line_parse(text, &line))
			rc = note_line(w, &line);
	}
	return rc;
}

/* Names what was not reached; that no more is reached is told once. */
static void tell_time(struct walk *w, const char *next, size_t count)
{
	if (!w->out_of_time)
		fact_gap(
			w->out, FACT_T_SPECIAL_FILE, "", "", next,
			"There was no time for all folders of programs: %s, %zu more and what comes "
			"after them were not looked at; try again when the host is less busy.",
			next, count - 1);
	w->out_of_time = true;
}

static int walk_root(struct walk *w, const char *root)
{
	struct sys_stat st;

	/* A link (/bin to usr/bin) is walked under its own name. */
	if (sys_stat(w->sys, root, &st) < 0 || st.type != S_IFDIR)
		return 0;
	w->root = root;
	int rc = util_paths_add(&w->trees, root);

	for (size_t i = 0; rc == 0 && i < w->trees.count && i < MAX_TREES; i++) {
		if (w->looked > 0 && !collect_time_left(w->out)) {
			tell_time(w, w->trees.paths[i], w->trees.count - i);
			break;
		}
		rc = ask(w, w->trees.paths[i]);
	}
	if (w->trees.count > MAX_TREES)
		w->left_out += w->trees.count - MAX_TREES;
	util_paths_done(&w->trees);
	w->trees = (struct util_paths){0};
	return rc;
}

/* On hosts where /bin is a link to usr/bin, the packages still list some files below /bin. */
static const char *other_name(const char *path, char *out, size_t size)
{
	if (rf_starts(path, "/usr/"))
		return path + strlen("/usr");
	rf_format(out, size, "/usr%s", path);
	return out;
}

/* The hits by path, and which ends of paths there are among them at all: a host's packages list a
 * hundred thousand files, and nearly all are told apart by their last letters. */
struct hit_index {
	struct rf_map by_path;
	bool ends[4096];
};

static bool *end_of(struct hit_index *index, const char *path)
{
	size_t len = strlen(path);
	uint32_t end = 0;

	memcpy(&end, len < sizeof(end) ? path : path + len - sizeof(end),
	       len < sizeof(end) ? len : sizeof(end));
	return &index->ends[end * 2654435761u >> 20];
}

static int hit_add(struct hit_index *index, struct hit *hit)
{
	*end_of(index, hit->path) = true;
	return rf_map_set(&index->by_path, hit->path, hit);
}

/* Finds the hits among the files of one package. */
static void match_list(struct hit_index *index, char *text, const char *package)
{
	char other[RF_MAX_PATH_BYTES];

	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		if (!*end_of(index, line))
			continue;
		struct hit *hit = rf_map_get(&index->by_path, line);

		if (!hit)
			hit = rf_map_get(&index->by_path, other_name(line, other, sizeof(other)));
		if (hit && !hit->package)
			hit->package = rf_strdup(package);
	}
}

/* Returns 0, or the failure that leaves the packages unknown. */
static int find_packages(struct walk *w)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct hit_index index = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = sys_list(w->sys, DPKG_INFO, &names, NULL);

	for (size_t i = 0; rc == 0 && i < w->hits_count; i++)
		rc = hit_add(&index, &w->hits[i]);
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		if (i % LISTS_A_STEP == 0)
			(void)collect_heartbeat(w->out, DPKG_INFO);
		RF_AUTOBUF struct rf_buf buf = {0};

		if (!rf_ends(names.names[i], ".list") ||
		    !rf_format(path, sizeof(path), DPKG_INFO "/%s", names.names[i]) ||
		    sys_read(w->sys, path, RF_MAX_FILE_BYTES, &buf, NULL) < 0 || buf.len == 0)
			continue;
		/* "libc6:amd64.list" is package libc6. */
		names.names[i][strlen(names.names[i]) - strlen(".list")] = '\0';
		names.names[i][strcspn(names.names[i], ":")] = '\0';
		match_list(&index, (char *)buf.data, names.names[i]);
	}
	rf_map_done(&index.by_path);
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
	if (w->left_out > 0)
		fact_gap(w->out, FACT_T_SPECIAL_FILE, "", "", "",
			 "%zu files or folders more were left out: there are too many.",
			 w->left_out);
	/* No row means a clean system only where everything was looked at. */
	if (w->closed > 0 || w->looked == 0)
		fact_gap(
			w->out, FACT_T_SPECIAL_FILE, "", "", "",
			w->looked
				? "Some folders of programs could not be looked at; run as root, or "
				  "see ringfence facts fact_gap for which."
				: "No folder of programs could be looked at.");
}

static void note_source(void *ctx, const struct util_setting *s)
{
	bool *other = ctx;

	/* "passwd: files sss"; systemd and compat add no owners of files. */
	if (rf_starts(s->key, "passwd") || rf_starts(s->key, "group"))
		*other |= strstr(s->value, "sss") || strstr(s->value, "ldap") ||
			  strstr(s->value, "winbind") || strstr(s->value, "nis");
}

/* Owners may live in a directory that we do not ask. */
static bool owners_known(struct sys *sys, struct fact_sink *out, const struct util_users *users)
{
	static const char *const path = "/etc/nsswitch.conf";
	RF_AUTOBUF struct rf_buf buf = {0};
	bool other = users->has_nis;

	if (util_read(sys, out, FACT_T_SPECIAL_FILE, path, path, RF_MAX_FILE_BYTES, &buf) > 0 &&
	    buf.len)
		util_settings_walk((char *)buf.data, path, "#", true, note_source, &other);
	if (other)
		fact_gap(out, FACT_T_SPECIAL_FILE, "", "kind", path,
			 "Accounts also come from a directory, so files without an owner in "
			 "/etc/passwd are not listed: the directory may know them.");
	return !other;
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
	for (size_t i = 0; rc == 0 && !w.out_of_time && i < RF_COUNT(roots); i++)
		rc = walk_root(&w, roots[i]);
	put_hits(&w);
	rf_map_done(&w.asked);
	return rc < 0 ? rf_fail(err, rc, "special files: %s", rf_code_text(rc)) : 0;
}
