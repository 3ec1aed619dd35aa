/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector snmp: who may ask net-snmp's daemon, as its configuration grants it. Community texts
 * are never kept. createUser grants nothing by itself: rouser, rwuser and access do. Source:
 * snmpd.conf(5), snmp_config(5).
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"

/* A grant that is complete only when group and access lines were read. */
struct grant {
	char *name;  /* security name, or the user */
	char *scope; /* where it may come from */
	char *file;
	unsigned int line;
	int well_known; /* 1, 0; a community only */
};

struct group {
	char *name;   /* group */
	char *member; /* security name */
	bool usm;
	char *file;
	unsigned int line;
};

struct access {
	char *group;
	char level[8];
	bool usm, any_model, writable;
};

struct snmp {
	struct sys *sys;
	struct fact_sink *out;
	struct util_paths seen; /* files read, against circles */
	struct grant *grants;
	size_t grants_count, grants_capacity;
	struct group *groups;
	size_t groups_count, groups_capacity;
	struct access *accesses;
	size_t accesses_count, accesses_capacity;
	const char *file; /* the line that is read now */
	unsigned int line;
	unsigned int depth;
	bool skip; /* inside [section] of another program */
};

static void snmp_done(struct snmp *s)
{
	for (size_t i = 0; i < s->grants_count; i++) {
		rf_free(s->grants[i].name);
		rf_free(s->grants[i].scope);
		rf_free(s->grants[i].file);
	}
	for (size_t i = 0; i < s->groups_count; i++) {
		rf_free(s->groups[i].name);
		rf_free(s->groups[i].member);
		rf_free(s->groups[i].file);
	}
	for (size_t i = 0; i < s->accesses_count; i++)
		rf_free(s->accesses[i].group);
	rf_free(s->grants);
	rf_free(s->groups);
	rf_free(s->accesses);
	util_paths_done(&s->seen);
}

static void put(struct snmp *s, struct fact_snmp_access *row, const char *file, unsigned int line)
{
	char where[UTIL_WHERE_BYTES];

	row->file = file;
	row->line = FACT_INT(line);
	row->source = util_where(where, file, line);
	fact_put_snmp_access(s->out, row);
}

/* "default" and 0.0.0.0/0 are everybody. */
static const char *scope_of(const char *source)
{
	static const char *const all[] = {"default", "0.0.0.0/0", "::/0", "0.0.0.0/0.0.0.0"};

	if (!source || *source == '\0')
		return "any";
	for (size_t i = 0; i < RF_COUNT(all); i++) {
		if (strcmp(source, all[i]) == 0)
			return "any";
	}
	return source;
}

static bool is_well_known(const char *community)
{
	return strcmp(community, "public") == 0 || strcmp(community, "private") == 0;
}

/* rocommunity COMMUNITY [SOURCE [OID | -V VIEW]] */
static void read_community(struct snmp *s, char **words, size_t count, bool writable)
{
	if (count < 2)
		return;
	/* Only the answer is kept of the community, never the text. */
	put(s,
	    &(struct fact_snmp_access){.kind = "community",
				       .version = FACT_INT(1),
				       .level = "",
				       .well_known = FACT_BOOL(is_well_known(words[1])),
				       .writable = FACT_BOOL(writable),
				       .scope = scope_of(count > 2 ? words[2] : NULL)},
	    s->file, s->line);
}

static const char *level_of(const char *text)
{
	if (rf_equal_nocase(text, "noauth") || rf_equal_nocase(text, "noAuthNoPriv"))
		return "noauth";
	if (rf_equal_nocase(text, "priv") || rf_equal_nocase(text, "authPriv"))
		return "priv";
	return "auth";
}

/* rouser [-s MODEL] USER [LEVEL [OID | -V VIEW]]; the level is auth where none is given. */
static void read_user(struct snmp *s, char **words, size_t count, bool writable)
{
	size_t at = count > 2 && strcmp(words[1], "-s") == 0 ? 3 : 1;

	if (count <= at)
		return;
	put(s,
	    &(struct fact_snmp_access){.kind = "user",
				       .version = FACT_INT(3),
				       .level = count > at + 1 ? level_of(words[at + 1]) : "auth",
				       .well_known = FACT_BOOL(false),
				       .writable = FACT_BOOL(writable),
				       .scope = "any"},
	    s->file, s->line);
}

/* com2sec [-Cn CONTEXT] NAME SOURCE COMMUNITY */
static void read_com2sec(struct snmp *s, char **words, size_t count)
{
	size_t at = count > 2 && strcmp(words[1], "-Cn") == 0 ? 3 : 1;
	void *array = s->grants;

	if (count < at + 3 ||
	    rf_grow(&array, &s->grants_capacity, s->grants_count + 1, sizeof(*s->grants)) < 0)
		return;
	s->grants = array;
	s->grants[s->grants_count++] = (struct grant){
		.name = rf_strdup(words[at]),
		.scope = rf_strdup(scope_of(words[at + 1])),
		.file = rf_strdup(s->file),
		.line = s->line,
		.well_known = is_well_known(words[at + 2]),
	};
}

/* group GROUP MODEL SECNAME */
static void read_group(struct snmp *s, char **words, size_t count)
{
	void *array = s->groups;

	if (count < 4 ||
	    rf_grow(&array, &s->groups_capacity, s->groups_count + 1, sizeof(*s->groups)) < 0)
		return;
	s->groups = array;
	s->groups[s->groups_count++] = (struct group){
		.name = rf_strdup(words[1]),
		.member = rf_strdup(words[3]),
		.usm = !rf_equal_nocase(words[2], "v1") && !rf_equal_nocase(words[2], "v2c"),
		.file = rf_strdup(s->file),
		.line = s->line,
	};
}

/* access GROUP CONTEXT MODEL LEVEL PREFIX READ WRITE NOTIFY */
static void read_access(struct snmp *s, char **words, size_t count)
{
	void *array = s->accesses;

	if (count < 8 ||
	    rf_grow(&array, &s->accesses_capacity, s->accesses_count + 1, sizeof(*s->accesses)) < 0)
		return;
	s->accesses = array;
	struct access access = {
		.group = rf_strdup(words[1]),
		.usm = !rf_equal_nocase(words[3], "v1") && !rf_equal_nocase(words[3], "v2c"),
		.any_model = rf_equal_nocase(words[3], "any"),
		.writable = !rf_equal_nocase(words[7], "none"),
	};

	rf_copy(access.level, sizeof(access.level), level_of(words[4]));
	s->accesses[s->accesses_count++] = access;
}

/* authcommunity TYPES COMMUNITY [SOURCE ...]; TYPES holds read, write, ... */
static void read_authcommunity(struct snmp *s, char **words, size_t count)
{
	if (count >= 3)
		read_community(s, words + 1, count - 1, strstr(words[1], "write") != NULL);
}

static void read_authuser(struct snmp *s, char **words, size_t count)
{
	if (count >= 3)
		read_user(s, words + 1, count - 1, strstr(words[1], "write") != NULL);
}

static void read_listen(struct snmp *s, char **words, size_t count)
{
	if (count < 2)
		return;
	put(s,
	    &(struct fact_snmp_access){.kind = "listen",
				       .version = FACT_INT(0),
				       .level = "",
				       .well_known = FACT_BOOL(false),
				       .writable = FACT_BOOL(false),
				       .scope = words[1]},
	    s->file, s->line);
}

static void read_rocommunity(struct snmp *s, char **words, size_t count)
{
	read_community(s, words, count, false);
}

static void read_rwcommunity(struct snmp *s, char **words, size_t count)
{
	read_community(s, words, count, true);
}

static void read_rouser(struct snmp *s, char **words, size_t count)
{
	read_user(s, words, count, false);
}

static void read_rwuser(struct snmp *s, char **words, size_t count)
{
	read_user(s, words, count, true);
}

static void read_file(struct snmp *s, const char *path);

static void read_include(struct snmp *s, const char *pattern)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	int rc = conf_glob(s->sys, pattern, &paths);

	if (rc < 0)
		util_gap(s->out, FACT_T_SNMP_ACCESS, "", pattern, rc);
	for (size_t i = 0; i < paths.count; i++)
		read_file(s, paths.paths[i]);
}

static void read_include_file(struct snmp *s, char **words, size_t count)
{
	RF_AUTOFREE char *path = NULL;

	if (count < 2)
		return;
	path = words[1][0] == '/' ? rf_strdup(words[1]) : rf_asprintf("/etc/snmp/%s", words[1]);
	if (path)
		read_include(s, path);
}

static void read_include_dir(struct snmp *s, char **words, size_t count)
{
	RF_AUTOFREE char *pattern = count < 2 ? NULL : rf_asprintf("%s/*.conf", words[1]);

	if (pattern)
		read_include(s, pattern);
}

static const struct {
	const char *name;
	void (*read)(struct snmp *s, char **words, size_t count);
} directives[] = {
	{"rocommunity", read_rocommunity},
	{"rocommunity6", read_rocommunity},
	{"rwcommunity", read_rwcommunity},
	{"rwcommunity6", read_rwcommunity},
	{"authcommunity", read_authcommunity},
	{"authuser", read_authuser},
	{"rouser", read_rouser},
	{"rwuser", read_rwuser},
	{"com2sec", read_com2sec},
	{"com2sec6", read_com2sec},
	{"group", read_group},
	{"access", read_access},
	{"agentaddress", read_listen},
	{"includeFile", read_include_file},
	{"includeDir", read_include_dir},
};

static void read_line(struct snmp *s, char *text)
{
	char *words[12];
	size_t count = 0;
	char *cursor = rf_trim(text);

	if (*cursor == '#' || *cursor == '\0')
		return;
	/* [snmp] says that what follows is for another program, [snmpd] that it is for ours. */
	if (*cursor == '[') {
		bool rest = strchr(cursor, ']') && strchr(cursor, ']')[1];

		if (!rest)
			s->skip = !rf_starts(cursor, "[snmpd]");
		return;
	}
	for (char *word; count < RF_COUNT(words) && (word = conf_word_next(&cursor));) {
		if (*word == '#')
			break;
		words[count++] = word;
	}
	for (size_t i = 0; count && !s->skip && i < RF_COUNT(directives); i++) {
		if (rf_equal_nocase(words[0], directives[i].name))
			directives[i].read(s, words, count);
	}
}

static bool path_seen(const struct snmp *s, const char *path)
{
	for (size_t i = 0; i < s->seen.count; i++) {
		if (strcmp(s->seen.paths[i], path) == 0)
			return true;
	}
	return false;
}

static void read_file(struct snmp *s, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	const char *file = s->file;
	unsigned int line = s->line;
	bool skip = s->skip;

	if (s->depth >= RF_MAX_INCLUDE_DEPTH || s->seen.count >= RF_MAX_INCLUDE_FILES ||
	    path_seen(s, path) || util_paths_add(&s->seen, path) < 0)
		return;
	if (util_read(s->sys, s->out, FACT_T_SNMP_ACCESS, "", path, RF_MAX_FILE_BYTES, &text) <=
		    0 ||
	    !text.len)
		return;
	char *cursor = (char *)text.data;

	s->file = path;
	s->line = 0;
	s->skip = false;
	s->depth++;
	for (char *row; (row = rf_line_next(&cursor));) {
		s->line++;
		read_line(s, row);
	}
	s->depth--;
	s->file = file;
	s->line = line;
	s->skip = skip;
}

/* What the groups of a security name may do: write anywhere, and the weakest level. */
static bool grant_resolve(const struct snmp *s, const char *name, bool usm, bool *out_writable,
			  const char **out_level)
{
	static const char *const levels[] = {"noauth", "auth", "priv"};
	size_t weakest = RF_COUNT(levels);

	*out_writable = false;
	for (size_t i = 0; i < s->groups_count; i++) {
		const struct group *g = &s->groups[i];

		if (g->usm != usm || !rf_equal(g->member, name))
			continue;
		for (size_t k = 0; k < s->accesses_count; k++) {
			const struct access *a = &s->accesses[k];

			if (!rf_equal(a->group, g->name) || (!a->any_model && a->usm != usm))
				continue;
			*out_writable = *out_writable || a->writable;
			for (size_t n = 0; n < weakest; n++) {
				if (strcmp(levels[n], a->level) == 0)
					weakest = n;
			}
		}
	}
	*out_level = weakest < RF_COUNT(levels) ? levels[weakest] : "";
	return weakest < RF_COUNT(levels);
}

static void put_grants(struct snmp *s)
{
	const char *level;
	bool writable;

	for (size_t i = 0; i < s->grants_count; i++) {
		const struct grant *g = &s->grants[i];

		/* A community that no group takes in opens nothing. */
		if (!g->file || !grant_resolve(s, g->name, false, &writable, &level))
			continue;
		put(s,
		    &(struct fact_snmp_access){.kind = "community",
					       .version = FACT_INT(1),
					       .level = "",
					       .well_known = FACT_BOOL(g->well_known),
					       .writable = FACT_BOOL(writable),
					       .scope = g->scope},
		    g->file, g->line);
	}
	for (size_t i = 0; i < s->groups_count; i++) {
		const struct group *g = &s->groups[i];

		if (!g->usm || !g->file || !grant_resolve(s, g->member, true, &writable, &level))
			continue;
		put(s,
		    &(struct fact_snmp_access){.kind = "user",
					       .version = FACT_INT(3),
					       .level = level,
					       .well_known = FACT_BOOL(false),
					       .writable = FACT_BOOL(writable),
					       .scope = "any"},
		    g->file, g->line);
	}
}

int collect_snmp(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	static const char *const files[] = {
		"/etc/snmp/snmpd.conf",	      "/etc/snmp/snmpd.local.conf",
		"/usr/share/snmp/snmpd.conf", "/usr/share/snmp/snmpd.local.conf",
		"/var/lib/snmp/snmpd.conf",   "/var/lib/net-snmp/snmpd.conf",
	};
	__attribute__((cleanup(snmp_done))) struct snmp s = {.sys = sys, .out = out};

	(void)req;
	(void)err;
	for (size_t i = 0; i < RF_COUNT(files); i++)
		read_file(&s, files[i]);
	put_grants(&s);
	return 0;
}
