/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector time: which daemon keeps the time, from whom, and whether the kernel's clock follows.
 * It asks no server. Sources: chrony.conf(5), ntp.conf(5) of ntp and ntpsec, timesyncd.conf(5),
 * ntpd.conf(5) of OpenNTPD, adjtimex(2).
 */
#include <string.h>
#include <sys/timex.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/proc.h"
#include "collect/units.h"

/* A pool is one line and several servers: chrony's maxsources, and what ntpd takes of one. */
#define POOL_SERVERS 4

struct timekeeping;

struct time_daemon {
	const char *name;
	const char *units[4]; /* that start it; ends with NULL */
	const char *process;  /* as the kernel cuts it */
	const char *files[3]; /* configuration, the first that is there; ends with NULL */
	void (*read)(struct timekeeping *t, const char *path);
};

struct timekeeping {
	struct sys *sys;
	struct fact_sink *out;
	struct units units;
	struct rf_map processes; /* names of all that run */
	struct rf_map seen;	 /* files and addresses that were read */
	const struct time_daemon *daemon;
	int64_t sources_count;
	unsigned int depth;
	bool processes_seen;
};

static void timekeeping_done(struct timekeeping *t)
{
	units_done(&t->units);
	rf_map_done(&t->processes);
	rf_map_done(&t->seen);
}

/* A server as a line of configuration names it. */
struct server {
	const char *kind, *address;
	bool authenticated;
	int64_t servers; /* that it stands for */
};

static void put_source(struct timekeeping *t, const struct server *s, const char *path,
		       unsigned int line)
{
	RF_AUTOFREE char *key = rf_asprintf("%s %s", t->daemon->name, s->address);
	char where[UTIL_WHERE_BYTES];

	/* A server that is named twice is one server. */
	if (!key || rf_map_has(&t->seen, key) || rf_map_set(&t->seen, key, t) < 0)
		return;
	t->sources_count += s->servers;
	fact_put_time_source(t->out, &(struct fact_time_source){
					     .daemon = t->daemon->name,
					     .address = s->address,
					     .kind = s->kind,
					     .authenticated = FACT_BOOL(s->authenticated),
					     .source = util_where(where, path, line),
				     });
}

/* Reads a file once, line by line; false when there was nothing to read. */
static bool read_lines(struct timekeeping *t, const char *path,
		       void (*each)(struct timekeeping *, char *, const char *, unsigned int))
{
	RF_AUTOBUF struct rf_buf text = {0};
	unsigned int line = 0;

	if (t->depth >= RF_MAX_INCLUDE_DEPTH || t->seen.count >= RF_MAX_INCLUDE_FILES ||
	    rf_map_has(&t->seen, path) || rf_map_set(&t->seen, path, t) < 0)
		return false;
	if (util_read(t->sys, t->out, FACT_T_TIME_SOURCE, "", path, RF_MAX_FILE_BYTES, &text) <=
		    0 ||
	    !text.len)
		return false;
	char *cursor = (char *)text.data;

	t->depth++;
	for (char *row; (row = rf_line_next(&cursor));)
		each(t, rf_trim(row), path, ++line);
	t->depth--;
	return true;
}

static bool one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_equal_nocase(word, words[i]))
			return true;
	}
	return false;
}

/* What stands behind the address of a server. */
struct server_options {
	bool authenticated;
	int64_t servers;
};

static struct server_options read_options(char **cursor, bool pool)
{
	static const char *const keys[] = {"nts", "key", "autokey"};
	struct server_options o = {.servers = pool ? POOL_SERVERS : 1};

	for (char *word; (word = rf_word_next(cursor));) {
		if (one_of(word, keys, RF_COUNT(keys)))
			o.authenticated = true;
		if (pool && rf_equal_nocase(word, "maxsources")) {
			const char *n = rf_word_next(cursor);

			if (!n || rf_num(n, 10, 1, 16, &o.servers) < 0)
				o.servers = POOL_SERVERS;
		}
	}
	return o;
}

static void read_chrony_line(struct timekeeping *t, char *line, const char *path,
			     unsigned int number);

static void read_chrony_files(struct timekeeping *t, const char *pattern)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	int rc = conf_glob(t->sys, pattern, &paths);

	if (rc < 0)
		util_gap(t->out, FACT_T_TIME_SOURCE, "", pattern, rc);
	for (size_t i = 0; i < paths.count; i++)
		read_lines(t, paths.paths[i], read_chrony_line);
}

/* confdir and sourcedir take several folders; of files with one name the first folder's counts. */
static void read_chrony_dirs(struct timekeeping *t, char *cursor, const char *suffix)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	const char *dirs[10];
	size_t count = 0;

	for (char *word; count < RF_COUNT(dirs) && (word = rf_word_next(&cursor));)
		dirs[count++] = word;
	int rc = util_dropins(t->sys, dirs, count, suffix, &paths);

	if (rc < 0)
		util_gap(t->out, FACT_T_TIME_SOURCE, "", count ? dirs[0] : "", rc);
	for (size_t i = 0; i < paths.count; i++)
		read_lines(t, paths.paths[i], read_chrony_line);
}

static void read_refclock(struct timekeeping *t, char *cursor, const char *path, unsigned int line)
{
	const char *driver = rf_word_next(&cursor);
	const char *device = driver ? rf_word_next(&cursor) : NULL;
	RF_AUTOFREE char *address =
		driver ? rf_asprintf("%s %s", driver, device ? device : "") : NULL;

	if (address)
		put_source(t, &(struct server){"refclock", rf_trim(address), false, 1}, path, line);
}

static void read_chrony_line(struct timekeeping *t, char *line, const char *path,
			     unsigned int number)
{
	static const char *const servers[] = {"server", "pool", "peer"};

	if (*line == '\0' || strchr("!;#%", *line))
		return;
	char *cursor = line;
	char *directive = rf_word_next(&cursor);

	if (!directive)
		return;
	rf_lower(directive);
	if (strcmp(directive, "confdir") == 0) {
		read_chrony_dirs(t, cursor, ".conf");
	} else if (strcmp(directive, "sourcedir") == 0) {
		read_chrony_dirs(t, cursor, ".sources");
	} else if (strcmp(directive, "refclock") == 0) {
		read_refclock(t, cursor, path, number);
	} else if (strcmp(directive, "include") == 0) {
		char *pattern = rf_word_next(&cursor);

		if (pattern)
			read_chrony_files(t, pattern);
	} else if (one_of(directive, servers, RF_COUNT(servers))) {
		char *address = rf_word_next(&cursor);
		struct server_options o = read_options(&cursor, strcmp(directive, "pool") == 0);

		if (address)
			put_source(t,
				   &(struct server){directive, address, o.authenticated, o.servers},
				   path, number);
	}
}

static void read_chrony(struct timekeeping *t, const char *path)
{
	read_lines(t, path, read_chrony_line);
}

/* In ntp.conf a server 127.127.T.U is a reference clock of type T. */
static void read_ntp_line(struct timekeeping *t, char *line, const char *path, unsigned int number)
{
	static const char *const servers[] = {"server", "pool", "peer"};

	line[strcspn(line, "#")] = '\0';
	char *cursor = line;
	char *directive = rf_word_next(&cursor);

	if (!directive)
		return;
	rf_lower(directive);
	if (strcmp(directive, "refclock") == 0) {
		read_refclock(t, cursor, path, number);
		return;
	}
	char *word = rf_word_next(&cursor);

	if (strcmp(directive, "includefile") == 0 && word) {
		read_lines(t, word, read_ntp_line);
		return;
	}
	if (!one_of(directive, servers, RF_COUNT(servers)))
		return;
	if (word && (strcmp(word, "-4") == 0 || strcmp(word, "-6") == 0))
		word = rf_word_next(&cursor);
	if (!word)
		return;
	struct server_options o = read_options(&cursor, strcmp(directive, "pool") == 0);
	bool clock = rf_starts(word, "127.127.");

	put_source(
		t,
		&(struct server){clock ? "refclock" : directive, word, o.authenticated, o.servers},
		path, number);
}

/* ntpsec also reads the folder ntp.d beside its file. */
static void read_ntp(struct timekeeping *t, const char *path)
{
	static const char *const dirs[] = {"/etc/ntpsec/ntp.d", "/etc/ntp.d"};
	UTIL_AUTOPATHS struct util_paths paths = {0};

	read_lines(t, path, read_ntp_line);
	if (strcmp(t->daemon->name, "ntpsec") != 0 ||
	    util_dropins(t->sys, dirs, RF_COUNT(dirs), ".conf", &paths) < 0)
		return;
	for (size_t i = 0; i < paths.count; i++)
		read_lines(t, paths.paths[i], read_ntp_line);
}

static void read_openntpd_line(struct timekeeping *t, char *line, const char *path,
			       unsigned int number)
{
	line[strcspn(line, "#")] = '\0';
	char *cursor = line;
	const char *directive = rf_word_next(&cursor);
	const char *address = directive ? rf_word_next(&cursor) : NULL;

	if (!address)
		return;
	if (strcmp(directive, "server") == 0)
		put_source(t, &(struct server){"server", address, false, 1}, path, number);
	else if (strcmp(directive, "servers") == 0)
		put_source(t, &(struct server){"pool", address, false, POOL_SERVERS}, path, number);
	else if (strcmp(directive, "sensor") == 0)
		put_source(t, &(struct server){"refclock", address, false, 1}, path, number);
}

static void read_openntpd(struct timekeeping *t, const char *path)
{
	read_lines(t, path, read_openntpd_line);
}

/* NTP= and FallbackNTP=, each a list that an empty value clears. */
struct timesyncd {
	struct rf_buf ntp, fallback;
	char ntp_path[256], fallback_path[256];
	unsigned int ntp_line, fallback_line;
};

static void timesyncd_set(struct rf_buf *list, char path[256], unsigned int *line,
			  const struct util_setting *s)
{
	if (*s->value == '\0')
		rf_buf_reset(list);
	rf_buf_printf(list, "%s ", s->value);
	rf_copy(path, 256, s->path);
	*line = s->line;
}

static void each_timesyncd(void *ctx, const struct util_setting *s)
{
	struct timesyncd *c = ctx;

	if (strcmp(s->section, "Time") != 0)
		return;
	if (strcmp(s->key, "NTP") == 0)
		timesyncd_set(&c->ntp, c->ntp_path, &c->ntp_line, s);
	if (strcmp(s->key, "FallbackNTP") == 0)
		timesyncd_set(&c->fallback, c->fallback_path, &c->fallback_line, s);
}

static void timesyncd_file(struct timekeeping *t, struct timesyncd *c, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (!conf_masked(t->sys, path) &&
	    util_read(t->sys, t->out, FACT_T_TIME_SOURCE, "", path, RF_MAX_FILE_BYTES, &text) > 0 &&
	    text.len)
		util_settings_walk((char *)text.data, path, "#;", false, each_timesyncd, c);
}

/* The shipped file shows the built-in servers in a comment: "#FallbackNTP=...". */
static void timesyncd_builtin(struct timekeeping *t, struct timesyncd *c, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	unsigned int line = 0;

	if (sys_read(t->sys, path, RF_MAX_FILE_BYTES, &text, NULL) < 0 || !text.len)
		return;
	char *cursor = (char *)text.data;

	for (char *row; (row = rf_line_next(&cursor));) {
		line++;
		if (!rf_starts(row, "#FallbackNTP="))
			continue;
		rf_buf_add_text(&c->fallback, row + strlen("#FallbackNTP="));
		rf_copy(c->fallback_path, sizeof(c->fallback_path), path);
		c->fallback_line = line;
	}
}

static void timesyncd_put(struct timekeeping *t, struct rf_buf *list, const char *path,
			  unsigned int line)
{
	char *cursor = list->len ? (char *)list->data : NULL;

	for (char *word; (word = rf_word_next(&cursor));)
		put_source(t, &(struct server){"server", word, false, 1}, path, line);
}

static void read_timesyncd(struct timekeeping *t, const char *path)
{
	static const char *const dirs[] = {
		"/etc/systemd/timesyncd.conf.d", "/run/systemd/timesyncd.conf.d",
		"/usr/local/lib/systemd/timesyncd.conf.d", "/usr/lib/systemd/timesyncd.conf.d"};
	UTIL_AUTOPATHS struct util_paths paths = {0};
	struct timesyncd c = {0};
	int rc = util_dropins(t->sys, dirs, RF_COUNT(dirs), ".conf", &paths);

	if (rc < 0)
		util_gap(t->out, FACT_T_TIME_SOURCE, "", dirs[0], rc);
	timesyncd_file(t, &c, path);
	for (size_t i = 0; i < paths.count; i++)
		timesyncd_file(t, &c, paths.paths[i]);
	if (*rf_trim(c.ntp.len ? (char *)c.ntp.data : (char[]){""}) == '\0' && !c.fallback.len)
		timesyncd_builtin(t, &c, path);
	timesyncd_put(t, &c.ntp, c.ntp_path, c.ntp_line);
	if (t->sources_count == 0)
		timesyncd_put(t, &c.fallback, c.fallback_path, c.fallback_line);
	if (t->sources_count == 0)
		fact_gap(t->out, FACT_T_TIME_SOURCE, "", "", path,
			 "no NTP= is set, and the built-in servers of systemd-timesyncd are not "
			 "written anywhere: name the servers in %s",
			 path);
	rf_buf_done(&c.ntp);
	rf_buf_done(&c.fallback);
}

static const struct time_daemon daemons[] = {
	{"chrony",
	 {"chrony.service", "chronyd.service", NULL},
	 "chronyd",
	 {"/etc/chrony/chrony.conf", "/etc/chrony.conf", NULL},
	 read_chrony},
	{"ntpsec", {"ntpsec.service", NULL}, "ntpd", {"/etc/ntpsec/ntp.conf", NULL}, read_ntp},
	{"ntp", {"ntp.service", "ntpd.service", NULL}, "ntpd", {"/etc/ntp.conf", NULL}, read_ntp},
	{"openntpd",
	 {"openntpd.service", NULL},
	 "ntpd",
	 {"/etc/openntpd/ntpd.conf", "/etc/ntpd.conf", NULL},
	 read_openntpd},
	{"systemd-timesyncd",
	 {"systemd-timesyncd.service", NULL},
	 "systemd-timesyn",
	 {"/etc/systemd/timesyncd.conf", "/usr/lib/systemd/timesyncd.conf", NULL},
	 read_timesyncd},
};

static const char *daemon_file(const struct timekeeping *t, const struct time_daemon *d)
{
	for (size_t i = 0; d->files[i]; i++) {
		if (sys_exists(t->sys, d->files[i]))
			return d->files[i];
	}
	return NULL;
}

static const struct unit *daemon_unit(const struct timekeeping *t, const struct time_daemon *d)
{
	for (size_t i = 0; d->units[i]; i++) {
		const struct unit *unit = units_find(&t->units, d->units[i]);

		if (unit && unit->installed)
			return unit;
	}
	return NULL;
}

/* A file that a removed package left behind is no daemon, where units tell what is there. */
static bool daemon_there(const struct timekeeping *t, const struct time_daemon *d)
{
	return daemon_unit(t, d) || (t->units.count == 0 && daemon_file(t, d));
}

static bool daemon_enabled(const struct timekeeping *t, const struct time_daemon *d)
{
	const struct unit *unit = daemon_unit(t, d);

	return unit && unit->started && !unit->masked;
}

static void read_processes(struct timekeeping *t)
{
	SYS_AUTONAMES struct sys_names pids = {0};
	struct proc proc;

	if (proc_list(t->sys, &pids, NULL) < 0)
		return;
	for (size_t i = 0; i < pids.count; i++) {
		if (!proc_is_pid(pids.names[i]) || proc_read(t->sys, pids.names[i], &proc) < 0)
			continue;
		t->processes_seen = true;
		if (rf_map_set(&t->processes, proc.comm, t) < 0)
			return;
	}
}

/* Of several daemons the one that runs, else one that is enabled, else one that is there. */
static const struct time_daemon *choose(const struct timekeeping *t)
{
	const struct time_daemon *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < RF_COUNT(daemons); i++) {
		if (!daemon_there(t, &daemons[i]))
			continue;
		int rank = 1 + daemon_enabled(t, &daemons[i]) +
			   2 * rf_map_has(&t->processes, daemons[i].process);

		if (rank > best_rank) {
			best = &daemons[i];
			best_rank = rank;
		}
	}
	return best;
}

static void put_option(struct timekeeping *t, const char *key, const char *value,
		       const char *source)
{
	fact_put_time_option(
		t->out, &(struct fact_time_option){.key = key, .value = value, .source = source});
}

static void put_daemon(struct timekeeping *t, const struct time_daemon *d)
{
	const struct unit *unit = d ? daemon_unit(t, d) : NULL;
	const char *file = d ? daemon_file(t, d) : NULL;
	const char *source = unit ? unit->path : file ? file : "no unit of a known daemon";
	char count[24];

	put_option(t, "daemon", d ? d->name : "none", source);
	if (!d || t->processes_seen) {
		bool runs = d && rf_map_has(&t->processes, d->process);

		put_option(t, "running", runs ? "1" : "0", "/proc");
	} else {
		put_option(t, "running", NULL, "/proc");
		fact_gap(t->out, FACT_T_TIME_OPTION, "running", "value", "/proc",
			 "no process could be listed");
	}
	put_option(t, "enabled", d && daemon_enabled(t, d) ? "1" : "0", source);
	rf_format(count, sizeof(count), "%lld", (long long)t->sources_count);
	put_option(t, "sources_count", count, file ? file : source);
}

/* Every daemon's servers are listed; only those of the one that keeps the time are counted. */
static void read_sources(struct timekeeping *t, const struct time_daemon *chosen)
{
	int64_t count = 0;

	for (size_t i = 0; i < RF_COUNT(daemons); i++) {
		const char *file = daemon_file(t, &daemons[i]);

		if (!file || !daemon_there(t, &daemons[i]))
			continue;
		t->daemon = &daemons[i];
		t->sources_count = 0;
		daemons[i].read(t, file);
		if (chosen == &daemons[i])
			count = t->sources_count;
	}
	t->sources_count = count;
}

struct clock_state {
	int64_t status, maxerror, offset;
	unsigned int found;
};

static void read_clock_line(struct clock_state *c, char *line)
{
	char *cursor = line;
	const char *key = rf_word_next(&cursor);
	const char *text = key ? rf_word_next(&cursor) : NULL;
	int64_t n;

	if (!text || rf_num(text, 10, INT64_MIN, INT64_MAX, &n) < 0)
		return;
	if (strcmp(key, "status") == 0) {
		c->status = n;
		c->found |= 1;
	} else if (strcmp(key, "maxerror") == 0) {
		c->maxerror = n;
		c->found |= 2;
	} else if (strcmp(key, "offset") == 0) {
		c->offset = n;
		c->found |= 4;
	}
}

static void put_clock(struct timekeeping *t)
{
	static const char *const keys[] = {"synced", "max_error_us", "offset_us"};
	RF_AUTOBUF struct rf_buf answer = {0};
	struct clock_state c = {0};
	struct rf_err err = {0};
	int rc = sys_probe(t->sys, "adjtimex", "", &answer, &err);
	char *cursor = answer.len ? (char *)answer.data : NULL;
	char text[24];

	for (char *line; rc == 0 && (line = rf_line_next(&cursor));)
		read_clock_line(&c, line);
	if (c.found != 7) {
		for (size_t i = 0; i < RF_COUNT(keys); i++)
			fact_gap(t->out, FACT_T_TIME_OPTION, keys[i], "value", "adjtimex",
				 "the kernel's clock could not be asked: %s",
				 rc ? rf_err_text(&err) : "the answer is incomplete");
		return;
	}
	/* With STA_NANO the offset is told in nanoseconds. */
	if (c.status & STA_NANO)
		c.offset /= 1000;
	put_option(t, "synced", c.status & STA_UNSYNC ? "0" : "1", "adjtimex");
	rf_format(text, sizeof(text), "%lld", (long long)c.maxerror);
	put_option(t, "max_error_us", text, "adjtimex");
	rf_format(text, sizeof(text), "%lld", (long long)c.offset);
	put_option(t, "offset_us", text, "adjtimex");
}

int collect_time(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	__attribute__((cleanup(timekeeping_done))) struct timekeeping t = {.sys = sys, .out = out};
	int rc = units_read(sys, &t.units, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "time keeping");
	read_processes(&t);
	const struct time_daemon *chosen = choose(&t);

	read_sources(&t, chosen);
	put_daemon(&t, chosen);
	put_clock(&t);
	return 0;
}
