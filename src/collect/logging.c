/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector logging: journald, rsyslog, syslog-ng, virtlogd and logrotate, as they are set up. It
 * reads no log. Sources: journald.conf(5), journal-upload.conf(5), virtlogd's shipped
 * configuration; rsyslog.c, syslog_ng.c and logrotate.c for the others.
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/log_syntax.h"
#include "collect/units.h"

void log_reader_done(struct log_reader *r)
{
	util_paths_done(&r->seen);
}

int log_reader_open(struct log_reader *r, enum fact_table_id table, const char *path,
		    struct rf_buf *text)
{
	if (!r->sys || r->depth >= RF_MAX_INCLUDE_DEPTH || r->seen.count >= RF_MAX_INCLUDE_FILES)
		return 0;
	for (size_t i = 0; i < r->seen.count; i++) {
		if (strcmp(r->seen.paths[i], path) == 0)
			return 0;
	}
	if (util_paths_add(&r->seen, path) < 0)
		return 0;
	return util_read(r->sys, r->out, table, "", path, RF_MAX_FILE_BYTES, text);
}

static const char *first_there(struct sys *sys, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (sys_exists(sys, paths[i]))
			return paths[i];
	}
	return NULL;
}

/* Settings of one section of a file and its drop-ins. */
struct section {
	struct conf_options *options;
	const char *section, *prefix;
};

static void each_section(void *ctx, const struct util_setting *s)
{
	const struct section *want = ctx;
	char key[160];

	if (strcmp(s->section, want->section) != 0)
		return;
	rf_format(key, sizeof(key), "%s%s", want->prefix, s->key);
	conf_put_at(want->options, key, s->value, s->path, s->line);
}

static void read_section(struct log_reader *r, const char *path, const struct section *want)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (!conf_masked(r->sys, path) &&
	    util_read(r->sys, r->out, FACT_T_LOG_OPTION, "", path, RF_MAX_FILE_BYTES, &text) > 0 &&
	    text.len)
		util_settings_walk((char *)text.data, path, "#;", false, each_section,
				   (void *)(uintptr_t)want);
}

/* NAME.conf of the first folder that has it, then NAME.conf.d of all. */
static void read_systemd_conf(struct log_reader *r, const char *name, const struct section *want)
{
	static const char *const roots[] = {"/etc/systemd", "/run/systemd",
					    "/usr/local/lib/systemd", "/usr/lib/systemd"};
	char dirs[RF_COUNT(roots)][96], main_file[96];
	const char *list[RF_COUNT(roots)];
	UTIL_AUTOPATHS struct util_paths paths = {0};
	bool found = false;

	for (size_t i = 0; i < RF_COUNT(roots); i++) {
		rf_format(dirs[i], sizeof(dirs[i]), "%s/%s.d", roots[i], name);
		list[i] = dirs[i];
		rf_format(main_file, sizeof(main_file), "%s/%s", roots[i], name);
		if (!found && sys_exists(r->sys, main_file)) {
			read_section(r, main_file, want);
			found = true;
		}
	}
	int rc = util_dropins(r->sys, list, RF_COUNT(list), ".conf", &paths);

	if (rc < 0)
		util_gap(r->out, FACT_T_LOG_OPTION, "", dirs[0], rc);
	for (size_t i = 0; i < paths.count; i++)
		read_section(r, paths.paths[i], want);
}

/* What journald does where its files say nothing and no distribution has changed it. */
static const struct {
	const char *key, *value;
} journald_defaults[] = {
	{"journald/Storage", "auto"},
	{"journald/Compress", "yes"},
	{"journald/Seal", "yes"},
	{"journald/RateLimitIntervalSec", "30s"},
	{"journald/RateLimitBurst", "10000"},
	{"journald/MaxLevelStore", "debug"},
	{"journald/MaxRetentionSec", "0"},
	{"journald/SystemMaxUse", ""},
};

static void put_persistent(struct log_reader *r, bool present)
{
	const char *storage = conf_get(r->options, "journald/Storage");
	bool persistent = false;

	if (present && storage)
		persistent = rf_equal_nocase(storage, "persistent") ||
			     (rf_equal_nocase(storage, "auto") &&
			      sys_exists(r->sys, "/var/log/journal"));
	conf_put(r->options, "journald/persistent", persistent ? "1" : "0", "/var/log/journal");
}

/* journal-upload sends the journal away over HTTP. */
static void put_upload(struct log_reader *r)
{
	CONF_AUTOOPTIONS struct conf_options options = {0};
	struct section want = {&options, "Upload", ""};

	read_systemd_conf(r, "journal-upload.conf", &want);
	const struct conf_option *url = conf_find(&options, "URL");

	if (!url || *url->value == '\0')
		return;
	/* A URL without a scheme is asked for by HTTPS. */
	bool tls = !rf_starts(url->value, "http://");

	fact_put_log_target(r->out,
			    &(struct fact_log_target){
				    .daemon = "journald",
				    .item = FACT_INT(0),
				    .selector = "*.*",
				    .kind = "remote",
				    .destination = url->value,
				    .protocol = "tcp",
				    .tls = FACT_BOOL(tls),
				    .tls_name_check = FACT_BOOL(tls),
				    /* It sends from the journal itself, which is on disk. */
				    .disk_queue = FACT_BOOL(true),
				    .source = url->source,
			    });
}

static void read_journald(struct log_reader *r)
{
	static const char *const programs[] = {"/usr/lib/systemd/systemd-journald",
					       "/lib/systemd/systemd-journald"};
	const char *program = first_there(r->sys, programs, RF_COUNT(programs));
	struct section want = {r->options, "Journal", "journald/"};
	bool present = program || sys_exists(r->sys, "/etc/systemd/journald.conf");

	conf_put(r->options, "journald/present", present ? "1" : "0",
		 program ? program : "/etc/systemd/journald.conf");
	if (present) {
		read_systemd_conf(r, "journald.conf", &want);
		for (size_t i = 0; i < RF_COUNT(journald_defaults); i++)
			conf_put_default(r->options, journald_defaults[i].key,
					 journald_defaults[i].value);
		put_upload(r);
	}
	put_persistent(r, present);
}

static void each_virtlogd(void *ctx, const struct util_setting *s)
{
	struct log_reader *r = ctx;
	char key[96];

	if (!s->has_equals)
		return;
	rf_format(key, sizeof(key), "virtlogd/%s", s->key);
	conf_put_at(r->options, key, s->value, s->path, s->line);
}

static void read_virtlogd(struct log_reader *r)
{
	static const char path[] = "/etc/libvirt/virtlogd.conf";
	static const char *const programs[] = {"/usr/sbin/virtlogd", "/sbin/virtlogd"};
	const char *program = first_there(r->sys, programs, RF_COUNT(programs));
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = util_read(r->sys, r->out, FACT_T_LOG_OPTION, "", path, RF_MAX_FILE_BYTES, &text);
	bool present = program || rc != 0;

	conf_put(r->options, "virtlogd/present", present ? "1" : "0", program ? program : path);
	if (!present || rc < 0)
		return;
	if (text.len)
		util_settings_walk((char *)text.data, path, "#", false, each_virtlogd, r);
	conf_put_default(r->options, "virtlogd/max_size", "2097152");
	conf_put_default(r->options, "virtlogd/max_backups", "3");
	conf_put_default(r->options, "virtlogd/max_age_days", "0");
}

static void read_rsyslog(struct log_reader *r)
{
	static const char *const programs[] = {"/usr/sbin/rsyslogd", "/sbin/rsyslogd"};
	const char *program = first_there(r->sys, programs, RF_COUNT(programs));
	bool conf = rsyslog_read(r, "/etc/rsyslog.conf");

	conf_put(r->options, "rsyslog/present", program || conf ? "1" : "0",
		 program ? program : "/etc/rsyslog.conf");
}

static void read_syslog_ng(struct log_reader *r)
{
	static const char *const programs[] = {"/usr/sbin/syslog-ng", "/sbin/syslog-ng"};
	const char *program = first_there(r->sys, programs, RF_COUNT(programs));
	bool conf = syslog_ng_read(r, "/etc/syslog-ng/syslog-ng.conf");

	conf_put(r->options, "syslog-ng/present", program || conf ? "1" : "0",
		 program ? program : "/etc/syslog-ng/syslog-ng.conf");
}

/* logrotate runs by a timer of systemd, or by cron. */
static void put_schedule(struct log_reader *r)
{
	UNITS_AUTO struct units units = {0};
	const char *cron = "/etc/cron.daily/logrotate";
	bool timer =
		units_read(r->sys, &units, NULL) == 0 && units_enabled(&units, "logrotate.timer");
	bool by_cron = sys_exists(r->sys, cron);

	conf_put(r->options, "logrotate/scheduled", timer || by_cron ? "1" : "0",
		 timer ? "logrotate.timer" : cron);
}

static void read_logrotate(struct log_reader *r)
{
	bool conf = logrotate_read(r, "/etc/logrotate.conf");

	conf_put(r->options, "logrotate/present", conf ? "1" : "0", "/etc/logrotate.conf");
	if (conf)
		put_schedule(r);
}

int collect_logging(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		    struct rf_err *err)
{
	static void (*const readers[])(struct log_reader *) = {
		read_journald, read_virtlogd, read_rsyslog, read_syslog_ng, read_logrotate};
	CONF_AUTOOPTIONS struct conf_options options = {0};

	(void)req;
	(void)err;
	for (size_t i = 0; i < RF_COUNT(readers); i++) {
		struct log_reader r = {.sys = sys, .out = out, .options = &options};

		readers[i](&r);
		log_reader_done(&r);
	}
	conf_emit(&options, FACT_T_LOG_OPTION, "", out);
	return 0;
}
