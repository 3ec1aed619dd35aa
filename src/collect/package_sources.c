/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector package-sources: the archives that the host takes packages from. Sources:
 * sources.list(5), apt.conf(5) for what is a source file's name, yum.conf(5), dnf.conf(5),
 * zypper(8).
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/dpkg.h"
#include "collect/util.h"

#define MAX_ITEMS    10000u
#define EMBEDDED_KEY "(embedded key)"

/* One file, with the number of the next row. */
struct source_file {
	struct fact_sink *out;
	const char *path;
	int64_t item;
};

struct source {
	const char *uri, *suite, *components, *signed_by;
	bool unverified, enabled;
	unsigned int line;
};

/* Transports that nobody on the way can read or change; cdrom and file have no way. */
static bool is_encrypted(const char *uri)
{
	static const char *const closed[] = {
		"https:",	 "file:",	 "cdrom:", "copy:", "dir:", "tor+https:",
		"mirror+https:", "mirror+file:", "ssh:",   "rsh:",  "iso:", "hd:"};

	for (size_t i = 0; i < RF_COUNT(closed); i++) {
		if (strncasecmp(uri, closed[i], strlen(closed[i])) == 0)
			return true;
	}
	return uri[0] == '/';
}

static void put_source(struct source_file *file, const struct source *s)
{
	char where[UTIL_WHERE_BYTES];

	if (file->item >= MAX_ITEMS)
		return;
	fact_put_package_source(
		file->out,
		&(struct fact_package_source){.file = file->path,
					      .item = FACT_INT(file->item++),
					      .uri = s->uri,
					      .suite = s->suite,
					      .components = s->components,
					      .encrypted = FACT_BOOL(is_encrypted(s->uri)),
					      .signed_by = s->signed_by ? s->signed_by : "",
					      .unverified = FACT_BOOL(s->unverified),
					      .enabled = FACT_BOOL(s->enabled),
					      .source = util_where(where, file->path, s->line)});
}

static void doubt(struct source_file *file, unsigned int line, const char *what)
{
	char where[UTIL_WHERE_BYTES];

	util_where(where, file->path, line);
	fact_gap(file->out, FACT_T_PACKAGE_SOURCE, where, "", where, "%s: %s", where, what);
}

/* [ option=value ... ] of a one-line source; option names in lower case. */
static void take_options(char *text, struct source *s)
{
	char *cursor = text, *word;

	while ((word = rf_word_next(&cursor))) {
		char *equals = strchr(word, '=');

		if (!equals)
			continue;
		*equals = '\0';
		size_t n = strlen(word);

		/* name-=value and name+=value change a default list. */
		if (n && (word[n - 1] == '-' || word[n - 1] == '+'))
			word[n - 1] = '\0';
		if (rf_equal_nocase(word, "signed-by"))
			s->signed_by = equals + 1;
		else if (rf_equal_nocase(word, "trusted") ||
			 rf_equal_nocase(word, "allow-insecure") ||
			 rf_equal_nocase(word, "allow-weak"))
			s->unverified = s->unverified || rf_truth(equals + 1) == 1;
	}
}

/* A word, or [the name of a disc] with what follows up to a blank. */
static char *uri_next(char **cursor)
{
	char *p = *cursor + strspn(*cursor, " \t"), *end = p;

	while (*end && *end != ' ' && *end != '\t') {
		char *close = *end == '[' ? strchr(end, ']') : NULL;

		end = close ? close + 1 : end + 1;
	}
	*cursor = *end ? end + 1 : end;
	*end = '\0';
	return *p ? p : NULL;
}

/* deb [options] uri suite [components] */
static void one_line(struct source_file *file, char *line, unsigned int number)
{
	struct source s = {.line = number, .enabled = true};
	char nothing[1] = "", *cursor = line, *word = rf_word_next(&cursor);

	if (!word || (strcmp(word, "deb") != 0 && strcmp(word, "deb-src") != 0)) {
		doubt(file, number, "neither deb nor deb-src: apt refuses this file");
		return;
	}
	cursor = cursor ? cursor + strspn(cursor, " \t") : nothing;
	if (*cursor == '[') {
		char *close = strchr(cursor, ']');

		if (!close) {
			doubt(file, number, "options are opened with [ and not closed");
			return;
		}
		*close = '\0';
		take_options(cursor + 1, &s);
		cursor = close + 1;
	}
	s.uri = uri_next(&cursor);
	s.suite = rf_word_next(&cursor);
	if (!s.uri || !s.suite) {
		doubt(file, number, "the address or the suite is missing");
		return;
	}
	s.components = cursor ? rf_trim(cursor) : "";
	put_source(file, &s);
}

static void read_one_line(struct source_file *file, char *text)
{
	char *cursor = text, *line;
	unsigned int number = 0;

	while ((line = rf_line_next(&cursor))) {
		number++;
		/* A # within [ ] of a disc's name is not rare enough to cut there. */
		if (!rf_starts(rf_trim(line), "deb cdrom"))
			line[strcspn(line, "#")] = '\0';
		line = rf_trim(line);
		if (*line && *line != '#')
			one_line(file, line, number);
	}
}

/* Fields of a deb822 stanza. */
struct stanza {
	char *uris, *suites, *components, *signed_by, *types;
	bool enabled, unverified;
	unsigned int line;
};

static void take_field(struct stanza *st, const char *key, char *value)
{
	static const char *const insecure[] = {"Trusted", "Allow-Insecure", "Allow-Weak"};

	if (rf_equal_nocase(key, "URIs") || rf_equal_nocase(key, "URI"))
		st->uris = value;
	else if (rf_equal_nocase(key, "Suites") || rf_equal_nocase(key, "Suite"))
		st->suites = value;
	else if (rf_equal_nocase(key, "Components") || rf_equal_nocase(key, "Component"))
		st->components = value;
	else if (rf_equal_nocase(key, "Types") || rf_equal_nocase(key, "Type"))
		st->types = value;
	else if (rf_equal_nocase(key, "Signed-By"))
		st->signed_by = value;
	else if (rf_equal_nocase(key, "Enabled"))
		st->enabled = rf_truth(value) != 0;
	for (size_t i = 0; i < RF_COUNT(insecure); i++) {
		if (rf_equal_nocase(key, insecure[i]) && rf_truth(value) == 1)
			st->unverified = true;
	}
}

/* One row for each address; suites and components stay together. */
static void put_stanza(struct source_file *file, const struct stanza *st)
{
	struct source s = {.suite = st->suites,
			   .components = st->components ? st->components : "",
			   .signed_by = st->signed_by,
			   .unverified = st->unverified,
			   .enabled = st->enabled,
			   .line = st->line};
	char *cursor = st->uris, *uri;

	if (!st->uris || !st->suites) {
		doubt(file, st->line, "a stanza without URIs or Suites: apt refuses this file");
		return;
	}
	if (st->signed_by && strstr(st->signed_by, "-----BEGIN"))
		s.signed_by = EMBEDDED_KEY;
	for (char *p = st->suites; *p; p++)
		*p = isspace((unsigned char)*p) ? ' ' : *p;
	while ((uri = rf_word_next(&cursor))) {
		s.uri = uri;
		put_source(file, &s);
	}
}

/* Lines of comment may stand anywhere in a stanza: they become empty continuation lines. */
static void blank_comments(char *text)
{
	for (char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (*p != '#')
			continue;
		for (; *p && *p != '\n'; p++)
			*p = ' ';
		p -= *p == '\n' ? 0 : 1;
	}
}

static void read_deb822(struct source_file *file, char *text)
{
	char *cursor = text, *key, *value;
	unsigned int line = 1;

	blank_comments(text);
	while (*cursor) {
		struct stanza st = {.enabled = true};
		/* Lines are counted before the walk cuts the text. */
		const char *first = cursor + strspn(cursor, " \t\r\n");

		for (const char *p = cursor; p < first; p++)
			line += *p == '\n';
		cursor += first - cursor;
		if (*cursor == '\0')
			return;
		st.line = line;
		const char *blank = strstr(cursor, "\n\n");
		const char *stop = blank ? blank + 1 : cursor + strlen(cursor);

		for (const char *p = cursor; p < stop; p++)
			line += *p == '\n';
		char *before = cursor;

		while (dpkg_field_next(&cursor, &key, &value))
			take_field(&st, key, value);
		/* The walk also went over the empty lines. */
		for (const char *p = stop; p < cursor && p > before; p++)
			line++;
		put_stanza(file, &st);
	}
}

/* A repository of yum, dnf or zypper. */
struct repo {
	struct source_file *file;
	struct source s;
	char uri[1024], id[256], key[1024];
	bool open;
	bool gpg_default; /* gpgcheck of the main configuration */
};

static void repo_put(struct repo *repo)
{
	if (repo->open && repo->uri[0])
		put_source(repo->file, &repo->s);
	else if (repo->open)
		doubt(repo->file, repo->s.line, "a repository without an address");
	repo->open = false;
}

static void repo_begin(struct repo *repo, const struct util_setting *s)
{
	rf_copy(repo->id, sizeof(repo->id), s->section);
	repo->uri[0] = repo->key[0] = '\0';
	repo->s = (struct source){.uri = repo->uri,
				  .suite = repo->id,
				  .components = "",
				  .signed_by = repo->key,
				  .unverified = !repo->gpg_default,
				  .enabled = true,
				  .line = s->line};
	repo->open = true;
}

static void repo_setting(void *ctx, const struct util_setting *s)
{
	struct repo *repo = ctx;

	if (!repo->open || strcmp(repo->id, s->section) != 0) {
		repo_put(repo);
		if (strcmp(s->section, "main") == 0 || *s->section == '\0')
			return;
		repo_begin(repo, s);
	}
	/* baseurl wins over the lists of mirrors. */
	if (strcmp(s->key, "baseurl") == 0)
		rf_copy(repo->uri, sizeof(repo->uri), s->value);
	else if ((strcmp(s->key, "mirrorlist") == 0 || strcmp(s->key, "metalink") == 0) &&
		 repo->uri[0] == '\0')
		rf_copy(repo->uri, sizeof(repo->uri), s->value);
	else if (strcmp(s->key, "enabled") == 0)
		repo->s.enabled = rf_truth(s->value) != 0;
	else if (strcmp(s->key, "gpgcheck") == 0 || strcmp(s->key, "pkg_gpgcheck") == 0)
		repo->s.unverified = rf_truth(s->value) == 0;
	else if (strcmp(s->key, "gpgkey") == 0)
		rf_copy(repo->key, sizeof(repo->key), s->value);
}

static void gpg_setting(void *ctx, const struct util_setting *s)
{
	if (strcmp(s->section, "main") == 0 && strcmp(s->key, "gpgcheck") == 0)
		*(bool *)ctx = rf_truth(s->value) == 1;
}

/* dnf's own default is not to check; every distribution sets it in dnf.conf. */
static bool main_gpgcheck(struct sys *sys, bool is_zypp)
{
	static const char *const paths[] = {"/etc/dnf/dnf.conf", "/etc/yum.conf"};
	bool on = is_zypp;

	for (size_t i = 0; i < RF_COUNT(paths) && !is_zypp; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		if (sys_read(sys, paths[i], RF_MAX_FILE_BYTES, &text, NULL) < 0)
			continue;
		if (text.len)
			util_settings_walk((char *)text.data, paths[i], "#;", false, gpg_setting,
					   &on);
		break;
	}
	return on;
}

enum form { ONE_LINE, DEB822, REPO };

static void read_file(struct sys *sys, struct fact_sink *out, const char *path, enum form form)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct source_file file = {.out = out, .path = path};

	if (util_read(sys, out, FACT_T_PACKAGE_SOURCE, path, path, RF_MAX_FILE_BYTES, &text) <= 0 ||
	    text.len == 0)
		return;
	if (form == ONE_LINE) {
		read_one_line(&file, (char *)text.data);
	} else if (form == DEB822) {
		read_deb822(&file, (char *)text.data);
	} else {
		struct repo repo = {.file = &file,
				    .gpg_default = main_gpgcheck(sys, strstr(path, "/zypp/"))};

		util_settings_walk((char *)text.data, path, "#;", false, repo_setting, &repo);
		repo_put(&repo);
	}
	if (file.item >= MAX_ITEMS)
		fact_gap(out, FACT_T_PACKAGE_SOURCE, path, "", path,
			 "%s names more than %u archives: the rest was not looked at", path,
			 MAX_ITEMS);
}

/* apt ignores names with other characters than these. */
static bool apt_reads(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				 "_-.")] == '\0';
}

int collect_package_sources(struct sys *sys, const struct collect_request *req,
			    struct fact_sink *out, struct rf_err *err)
{
	static const struct {
		const char *pattern;
		enum form form;
		bool apt;
	} places[] = {
		{"/etc/apt/sources.list", ONE_LINE, true},
		{"/etc/apt/sources.list.d/*.list", ONE_LINE, true},
		{"/etc/apt/sources.list.d/*.sources", DEB822, true},
		{"/etc/yum.repos.d/*.repo", REPO, false},
		{"/etc/zypp/repos.d/*.repo", REPO, false},
	};

	(void)req;
	for (size_t i = 0; i < RF_COUNT(places); i++) {
		UTIL_AUTOPATHS struct util_paths files = {0};
		int rc = conf_glob(sys, places[i].pattern, &files);

		if (rc == -ENOMEM)
			return rf_fail(err, rc, "package sources: no memory");
		if (rc < 0)
			util_gap(out, FACT_T_PACKAGE_SOURCE, places[i].pattern, places[i].pattern,
				 rc);
		for (size_t k = 0; k < files.count; k++) {
			if (!places[i].apt || apt_reads(files.paths[k]))
				read_file(sys, out, files.paths[k], places[i].form);
		}
	}
	return fact_sink_check(out, err);
}
