/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syslog-ng.conf as far as it says where lines go: destinations that a log path uses. Filters are
 * kept as their names, rewrite rules and parsers are passed over. Source: syslog-ng's
 * administration guide, "destination drivers" and "log paths".
 */
#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/log_syntax.h"

#define MAX_DRIVERS 256
#define MAX_NESTING 32

/* A driver within a destination. */
struct driver {
	char destination[96];
	const char *kind; /* as in log_target */
	char target[512];
	const char *protocol;
	bool tls, name_check, disk_queue;
	char file[256];
	unsigned int line;
};

struct syslog_ng {
	struct log_reader *r;
	struct driver *drivers; /* MAX_DRIVERS of them */
	size_t drivers_count;
	const char *path;
	char *p;
	unsigned int line;
};

static void take(struct syslog_ng *s)
{
	if (*s->p == '\n')
		s->line++;
	if (*s->p)
		s->p++;
}

static void skip_space(struct syslog_ng *s)
{
	while (*s->p) {
		if (isspace((unsigned char)*s->p) || *s->p == ',') {
			take(s);
		} else if (*s->p == '#') {
			while (*s->p && *s->p != '\n')
				s->p++;
		} else {
			return;
		}
	}
}

/* The next token in out: a word, a quoted text, or one sign. False at the end. */
static bool token(struct syslog_ng *s, char *out, size_t size)
{
	size_t n = 0;

	skip_space(s);
	out[0] = '\0';
	if (!*s->p)
		return false;
	if (*s->p == '"' || *s->p == '\'') {
		char quote = *s->p;

		take(s);
		while (*s->p && *s->p != quote) {
			if (n + 1 < size)
				out[n++] = *s->p;
			take(s);
		}
		take(s);
		out[n] = '\0';
		return true;
	}
	if (strchr("(){};", *s->p)) {
		rf_format(out, size, "%c", *s->p);
		take(s);
		return true;
	}
	while (*s->p && !isspace((unsigned char)*s->p) && !strchr("(){};,\"'", *s->p)) {
		if (n + 1 < size)
			out[n++] = *s->p;
		s->p++;
	}
	out[n] = '\0';
	return true;
}

/* The next character that counts. */
static char peek(struct syslog_ng *s)
{
	skip_space(s);
	return *s->p;
}

/* Goes on behind the bracket that closes the one just read. */
static void skip_to_close(struct syslog_ng *s, char open, char close)
{
	unsigned int depth = 1;
	char word[16];

	while (depth && token(s, word, sizeof(word))) {
		if (word[0] == open && !word[1])
			depth++;
		if (word[0] == close && !word[1])
			depth--;
	}
}

static const struct {
	const char *name, *kind, *protocol;
} driver_kinds[] = {
	{"network", "remote", "tcp"}, {"syslog", "remote", "tcp"},
	{"tcp", "remote", "tcp"},     {"tcp6", "remote", "tcp"},
	{"udp", "remote", "udp"},     {"udp6", "remote", "udp"},
	{"http", "remote", "tcp"},    {"elasticsearch-http", "remote", "tcp"},
	{"kafka-c", "remote", "tcp"}, {"smtp", "remote", "tcp"},
	{"file", "file", ""},	      {"pipe", "pipe", ""},
	{"program", "pipe", ""},      {"unix-stream", "pipe", ""},
	{"unix-dgram", "pipe", ""},   {"usertty", "user", ""},
};

static void driver_option(struct syslog_ng *s, struct driver *d, char port[16], const char *name,
			  unsigned int depth);

/* Reads "( ... )" behind a driver or an option; the first text is the address. */
static void driver_body(struct syslog_ng *s, struct driver *d, char port[16], unsigned int depth)
{
	char word[512];

	while (token(s, word, sizeof(word))) {
		if (strcmp(word, ")") == 0)
			return;
		if (peek(s) == '(') {
			driver_option(s, d, port, word, depth + 1);
			continue;
		}
		if (depth == 0 && !d->target[0])
			rf_copy(d->target, sizeof(d->target), word);
	}
}

static void driver_option(struct syslog_ng *s, struct driver *d, char port[16], const char *name,
			  unsigned int depth)
{
	char word[512];

	take(s); /* the bracket */
	if (depth >= MAX_NESTING) {
		skip_to_close(s, '(', ')');
		return;
	}
	if (strcmp(name, "tls") == 0) {
		d->tls = true;
		d->name_check = true; /* peer-verify is on unless it is switched off */
		driver_body(s, d, port, depth);
		return;
	}
	if (strcmp(name, "disk-buffer") == 0) {
		d->disk_queue = true;
		skip_to_close(s, '(', ')');
		return;
	}
	if (!token(s, word, sizeof(word)) || strcmp(word, ")") == 0)
		return;
	if (strcmp(name, "port") == 0 || strcmp(name, "destport") == 0)
		rf_copy(port, 16, word);
	else if (strcmp(name, "peer-verify") == 0 || strcmp(name, "peer_verify") == 0)
		d->name_check = rf_starts(word, "required-trusted") || rf_truth(word) == 1;
	else if (strcmp(name, "transport") == 0)
		d->protocol = rf_starts(word, "udp") ? "udp" : "tcp";
	else if (strcmp(name, "url") == 0 || (strcmp(name, "server") == 0 && !d->target[0]))
		rf_copy(d->target, sizeof(d->target), word);
	if (strcmp(name, "transport") == 0 && rf_equal_nocase(word, "tls"))
		d->tls = true;
	skip_to_close(s, '(', ')');
}

static void read_driver(struct syslog_ng *s, const char *destination, const char *name)
{
	struct driver d = {.line = s->line, .protocol = "", .kind = NULL};
	char port[16] = "";

	take(s);
	rf_copy(d.destination, sizeof(d.destination), destination);
	rf_copy(d.file, sizeof(d.file), s->path);
	for (size_t i = 0; i < RF_COUNT(driver_kinds); i++) {
		if (strcmp(name, driver_kinds[i].name) == 0) {
			d.kind = driver_kinds[i].kind;
			d.protocol = driver_kinds[i].protocol;
		}
	}
	driver_body(s, &d, port, 0);
	if (!d.kind)
		rf_copy(d.target, sizeof(d.target), name);
	else if (strcmp(d.kind, "remote") == 0 && !strstr(d.target, "://")) {
		size_t n = strlen(d.target);

		rf_format(d.target + n, sizeof(d.target) - n, ":%s", *port ? port : "514");
	}
	d.tls = d.tls || rf_starts(d.target, "https://");
	if (s->drivers_count < MAX_DRIVERS)
		s->drivers[s->drivers_count++] = d;
}

/* destination NAME { driver(...); ... }; */
static void read_destination(struct syslog_ng *s)
{
	char name[96], word[96];

	if (!token(s, name, sizeof(name)) || peek(s) != '{')
		return;
	take(s);
	while (token(s, word, sizeof(word)) && strcmp(word, "}") != 0) {
		if (peek(s) == '(')
			read_driver(s, name, word);
	}
}

static void put_driver(struct syslog_ng *s, const struct driver *d, const char *selector)
{
	char where[UTIL_WHERE_BYTES], key[32];

	rf_format(key, sizeof(key), "syslog-ng/%d", s->r->items);
	if (!d->kind)
		fact_gap(s->r->out, FACT_T_LOG_TARGET, key, "kind", d->file,
			 "the destination driver %s is not known", d->target);
	fact_put_log_target(s->r->out, &(struct fact_log_target){
					       .daemon = "syslog-ng",
					       .item = FACT_INT(s->r->items++),
					       .selector = selector,
					       .kind = d->kind,
					       .destination = d->target,
					       .protocol = d->protocol,
					       .tls = FACT_BOOL(d->tls),
					       .tls_name_check = FACT_BOOL(d->tls && d->name_check),
					       .disk_queue = FACT_BOOL(d->disk_queue),
					       .source = util_where(where, d->file, d->line),
				       });
}

static void put_destination(struct syslog_ng *s, const char *name, const char *selector)
{
	for (size_t i = 0; i < s->drivers_count; i++) {
		if (strcmp(s->drivers[i].destination, name) == 0)
			put_driver(s, &s->drivers[i], selector);
	}
}

/* log { source(a); filter(b); destination(c); flags(final); }; */
static void read_log(struct syslog_ng *s)
{
	char word[96], argument[96], selector[256] = "";
	unsigned int depth = 1;

	if (peek(s) != '{')
		return;
	take(s);
	while (depth && token(s, word, sizeof(word))) {
		depth += word[0] == '{' && !word[1];
		depth -= word[0] == '}' && !word[1];
		if (peek(s) != '(')
			continue;
		take(s);
		if (!token(s, argument, sizeof(argument)) || strcmp(argument, ")") == 0)
			continue;
		size_t n = strlen(selector);

		if (strcmp(word, "filter") == 0 && n < sizeof(selector) - 1)
			rf_format(selector + n, sizeof(selector) - n, "%s%s", n ? " " : "",
				  argument);
		if (strcmp(word, "destination") == 0)
			put_destination(s, argument, *selector ? selector : "*.*");
		skip_to_close(s, '(', ')');
	}
}

static void parse(struct syslog_ng *s, char *text, const char *path);

/* @include "pattern", relative to /etc/syslog-ng */
static void read_include(struct syslog_ng *s)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	char pattern[512];

	if (!token(s, pattern, sizeof(pattern)) || !s->r->sys)
		return;
	RF_AUTOFREE char *full =
		rf_asprintf("%s%s", *pattern == '/' ? "" : "/etc/syslog-ng/", pattern);

	if (!full || conf_glob(s->r->sys, full, &paths) < 0)
		return;
	for (size_t i = 0; i < paths.count; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		/* scl.conf brings in snippets for sources: it names no destination of a site. */
		if (rf_ends(paths.paths[i], "/scl.conf") ||
		    log_reader_open(s->r, FACT_T_LOG_TARGET, paths.paths[i], &text) <= 0)
			continue;
		s->r->depth++;
		if (text.len)
			parse(s, (char *)text.data, paths.paths[i]);
		s->r->depth--;
	}
}

static void parse(struct syslog_ng *s, char *text, const char *path)
{
	const char *old_path = s->path;
	char *old_p = s->p;
	unsigned int old_line = s->line;
	char word[96];

	s->path = path;
	s->p = text;
	s->line = 1;
	while (token(s, word, sizeof(word))) {
		if (strcmp(word, "@include") == 0)
			read_include(s);
		else if (strcmp(word, "destination") == 0)
			read_destination(s);
		else if (strcmp(word, "log") == 0)
			read_log(s);
		else if (strcmp(word, "{") == 0)
			skip_to_close(s, '{', '}');
		else if (word[0] == '@')
			while (*s->p && *s->p != '\n')
				s->p++;
	}
	s->path = old_path;
	s->p = old_p;
	s->line = old_line;
}

void syslog_ng_parse(struct log_reader *r, char *text, const char *path)
{
	RF_AUTOFREE struct driver *drivers = rf_alloc(MAX_DRIVERS, sizeof(*drivers));
	struct syslog_ng s = {.r = r, .drivers = drivers};

	if (drivers)
		parse(&s, text, path);
}

bool syslog_ng_read(struct log_reader *r, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (log_reader_open(r, FACT_T_LOG_TARGET, path, &text) <= 0)
		return false;
	r->depth++;
	if (text.len)
		syslog_ng_parse(r, (char *)text.data, path);
	r->depth--;
	return true;
}
