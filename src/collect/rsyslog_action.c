/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rsyslog does with a line, as a row of log_target; see rsyslog.h. Source: the parameters of
 * the output modules in rsyslog's documentation.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/rsyslog.h"

struct target {
	const char *selector, *kind, *destination, *protocol;
	bool tls, name_check, disk_queue;
	unsigned int line;
};

static void put(const struct rsyslog_at *s, const struct target *t)
{
	char where[UTIL_WHERE_BYTES];

	fact_put_log_target(s->r->out, &(struct fact_log_target){
					       .daemon = "rsyslog",
					       .item = FACT_INT(s->r->items++),
					       .selector = t->selector,
					       .kind = t->kind,
					       .destination = t->destination,
					       .protocol = t->protocol,
					       .tls = FACT_BOOL(t->tls),
					       .tls_name_check = FACT_BOOL(t->name_check),
					       .disk_queue = FACT_BOOL(t->disk_queue),
					       .source = util_where(where, s->path, t->line),
				       });
}

const char *rsyslog_param(const struct rsyslog_param *params, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_equal_nocase(params[i].name, name) && params[i].value)
			return params[i].value;
	}
	return "";
}

static bool queue_on_disk(const char *type, const char *file)
{
	if (rf_equal_nocase(type, "disk"))
		return true;
	/* A queue in memory goes to disk when it has a file name; "direct", the default, is none.
	 */
	return *file &&
	       (rf_equal_nocase(type, "linkedlist") || rf_equal_nocase(type, "fixedarray"));
}

static bool auth_checks_name(const char *mode)
{
	return rf_equal_nocase(mode, "x509/name") || rf_equal_nocase(mode, "x509/fingerprint") ||
	       rf_equal_nocase(mode, "name") || rf_equal_nocase(mode, "fingerprint");
}

/* "gtls" and "ossl" encrypt, "ptcp" does not. */
static bool driver_encrypts(const struct rsyslog_at *s, const char *driver)
{
	const char *used =
		*driver ? driver : conf_get(s->r->options, "rsyslog/defaultnetstreamdriver");

	return used && (rf_equal_nocase(used, "gtls") || rf_equal_nocase(used, "ossl"));
}

/* What an output module does with a line. */
static const struct {
	const char *module, *kind, *protocol;
	const char *destination; /* the parameter that names it */
} modules[] = {
	{"omfile", "file", "", "file"},
	{"omfwd", "remote", "udp", "target"},
	{"omrelp", "remote", "relp", "target"},
	{"omudpspoof", "remote", "udp", "target"},
	{"omgssapi", "remote", "tcp", "target"},
	{"omelasticsearch", "remote", "tcp", "server"},
	{"omhttp", "remote", "tcp", "server"},
	{"omclickhouse", "remote", "tcp", "server"},
	{"omkafka", "remote", "tcp", "broker"},
	{"omhiredis", "remote", "tcp", "server"},
	{"omamqp1", "remote", "tcp", "host"},
	{"omrabbitmq", "remote", "tcp", "host"},
	{"ompgsql", "remote", "tcp", "server"},
	{"ommysql", "remote", "tcp", "server"},
	{"omsnmp", "remote", "udp", "server"},
	{"ommail", "remote", "tcp", "server"},
	{"ompipe", "pipe", "", "pipe"},
	{"omprog", "pipe", "", "binary"},
	{"omuxsock", "pipe", "", "socket"},
	{"omusrmsg", "user", "", "users"},
	{"omstdout", "pipe", "", ""},
	{"omjournal", "file", "", ""},
	{"omdiscard", "discard", "", ""},
};

/* HOST:PORT; the protocols of syslog have a port of their own, others are named as they are. */
static void remote_address(const struct rsyslog_param *params, size_t count, const char *name,
			   const char *protocol, char *out, size_t size)
{
	const char *port = rsyslog_param(params, count, "port");

	if (!*port)
		port = rsyslog_param(params, count, "serverport");
	if (!*port && strcmp(protocol, "tcp") != 0)
		port = "514";
	rf_format(out, size, "%s%s%s", name, *port ? ":" : "", port);
}

static void remote_details(const struct rsyslog_at *s, const char *type,
			   const struct rsyslog_param *params, size_t count, struct target *t)
{
	const char *protocol = rsyslog_param(params, count, "protocol");

	if (strcmp(type, "omfwd") == 0) {
		t->protocol = rf_equal_nocase(protocol, "tcp") ? "tcp" : "udp";
		/* TLS is a mode of the stream driver, and so of TCP alone. */
		t->tls = strcmp(t->protocol, "tcp") == 0 &&
			 strcmp(rsyslog_param(params, count, "StreamDriverMode"), "1") == 0 &&
			 driver_encrypts(s, rsyslog_param(params, count, "StreamDriver"));
		t->name_check = t->tls && auth_checks_name(rsyslog_param(params, count,
									 "StreamDriverAuthMode"));
	} else if (strcmp(type, "omrelp") == 0) {
		t->tls = rf_truth(rsyslog_param(params, count, "tls")) == 1;
		t->name_check =
			t->tls && auth_checks_name(rsyslog_param(params, count, "tls.authMode"));
	} else {
		t->tls = rf_starts(t->destination, "https://") ||
			 rf_truth(rsyslog_param(params, count, "usehttps")) == 1;
		t->name_check = t->tls &&
				rf_truth(rsyslog_param(params, count, "skipverifyhost")) != 1 &&
				rf_truth(rsyslog_param(params, count, "allowunsignedcerts")) != 1;
	}
}

/* An action of a module that is not in the table: it is there, and no more is known. */
static void put_unknown(const struct rsyslog_at *s, struct target *t, const char *type)
{
	char key[32];

	rf_format(key, sizeof(key), "rsyslog/%d", s->r->items);
	fact_gap(s->r->out, FACT_T_LOG_TARGET, key, "kind", s->path,
		 "the output module %s is not known", type);
	t->destination = type;
	put(s, t);
}

void rsyslog_put_action(const struct rsyslog_at *s, const char *selector,
			const struct rsyslog_param *params, size_t count)
{
	const char *type = rsyslog_param(params, count, "type");
	char destination[1024];
	struct target t = {
		.selector = selector, .destination = destination, .protocol = "", .line = s->line};
	const char *key = "target";

	for (size_t i = 0; i < RF_COUNT(modules); i++) {
		if (!rf_equal_nocase(type, modules[i].module))
			continue;
		t.kind = modules[i].kind;
		t.protocol = modules[i].protocol;
		key = modules[i].destination;
	}
	const char *name = rsyslog_param(params, count, key);
	const char *dynamic = rsyslog_param(params, count, "dynaFile");

	if (!t.kind) {
		put_unknown(s, &t, type);
		return;
	}
	if (strcmp(t.kind, "remote") == 0) {
		remote_address(params, count, name, t.protocol, destination, sizeof(destination));
		remote_details(s, type, params, count, &t);
	} else {
		rf_format(destination, sizeof(destination), "%s%s", *name ? name : dynamic,
			  *name || !*dynamic ? "" : " (template)");
	}
	t.disk_queue = queue_on_disk(rsyslog_param(params, count, "queue.type"),
				     rsyslog_param(params, count, "queue.filename"));
	put(s, &t);
}

void rsyslog_put_discard(const struct rsyslog_at *s, const char *selector)
{
	put(s, &(struct target){.selector = selector,
				.kind = "discard",
				.destination = "",
				.protocol = "",
				.line = s->line});
}

/* @host, @@host:port, @@(o)[::1]:514;template */
static void put_legacy_remote(const struct rsyslog_at *s, const char *selector, char *text)
{
	bool tcp = text[1] == '@';
	char destination[1024];
	char *host = text + (tcp ? 2 : 1);

	if (*host == '(' && strchr(host, ')'))
		host = strchr(host, ')') + 1;
	host[strcspn(host, ";")] = '\0';
	bool has_port = *host == '[' ? strstr(host, "]:") != NULL : strchr(host, ':') != NULL;

	rf_format(destination, sizeof(destination), "%s%s", host, has_port ? "" : ":514");
	bool tls = tcp && s->legacy->tls_mode && driver_encrypts(s, s->legacy->driver);

	put(s, &(struct target){.selector = selector,
				.kind = "remote",
				.destination = destination,
				.protocol = tcp ? "tcp" : "udp",
				.tls = tls,
				.name_check = tls && auth_checks_name(s->legacy->auth_mode),
				.disk_queue =
					queue_on_disk(s->legacy->queue_type, s->legacy->queue_file),
				.line = s->line});
}

void rsyslog_put_legacy_action(const struct rsyslog_at *s, const char *selector, char *text)
{
	struct target t = {.selector = selector,
			   .protocol = "",
			   .disk_queue =
				   queue_on_disk(s->legacy->queue_type, s->legacy->queue_file),
			   .line = s->line};

	if (*text == '-')
		text++;
	if (*text == '@') {
		put_legacy_remote(s, selector, text);
	} else if (strcmp(text, "~") == 0 || strcmp(text, "stop") == 0) {
		rsyslog_put_discard(s, selector);
	} else {
		text[strcspn(text, ";")] = '\0';
		t.kind = *text == '/' || *text == '?' ? "file" : *text == '|' ? "pipe" : "user";
		if (*text == '^')
			t.kind = "pipe";
		t.destination = strchr("|^?", *text) && *text ? text + 1 : text;
		if (rf_starts(text, ":omusrmsg:"))
			t.destination = text + strlen(":omusrmsg:");
		else if (rf_starts(text, ":om"))
			t.kind = "remote";
		put(s, &t);
	}
	/* Queue settings hold for one action. */
	s->legacy->queue_type[0] = s->legacy->queue_file[0] = '\0';
}
