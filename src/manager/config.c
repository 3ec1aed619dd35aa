/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's keys and their defaults; see config.h. */
#include "manager/config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/sys.h"

#define CONFIG_PATH "/etc/ringfence/manager.yaml"

#define TEXT(key)                                                                                  \
	{                                                                                          \
#key, YAML_T_TEXT, offsetof(struct config, key), false                             \
	}
#define NUMBER(key)                                                                                \
	{                                                                                          \
#key, YAML_T_INT, offsetof(struct config, key), false                              \
	}
#define FLAG(key)                                                                                  \
	{                                                                                          \
#key, YAML_T_BOOL, offsetof(struct config, key), false                             \
	}

struct bound {
	struct config config;
	const struct yaml_node *names;
};

/* Every key there is. */
static const struct yaml_field fields[] = {
	TEXT(name),
	TEXT(store),
	TEXT(listen),
	TEXT(metrics),
	TEXT(agents),
	TEXT(address),
	TEXT(ek_roots),
	TEXT(secrets),
	TEXT(sinks),
	TEXT(profile),
	TEXT(site),
	TEXT(untrusted),
	TEXT(sign_in),
	NUMBER(workers),
	NUMBER(evidence_s),
	NUMBER(facts_s),
	NUMBER(idle_s),
	NUMBER(certificate_days),
	NUMBER(evidence_days),
	NUMBER(changes_days),
	NUMBER(events_days),
	NUMBER(connections_max),
	NUMBER(joins_max),
	FLAG(without_tpm),
	FLAG(unproven_tpm),
	FLAG(approve),
	FLAG(programs),
	{"names", YAML_T_TEXTS, offsetof(struct bound, names), false},
};

/* What a number may be. */
static const struct {
	const char *key;
	size_t offset;
	int64_t least, most;
} ranges[] = {
	{"workers", offsetof(struct config, workers), 1, 64},
	{"evidence_s", offsetof(struct config, evidence_s), 1, 86400},
	{"facts_s", offsetof(struct config, facts_s), 5, 604800},
	{"idle_s", offsetof(struct config, idle_s), 5, 3600},
	{"certificate_days", offsetof(struct config, certificate_days), 1, 90},
	{"evidence_days", offsetof(struct config, evidence_days), 1, 36500},
	{"changes_days", offsetof(struct config, changes_days), 1, 36500},
	{"events_days", offsetof(struct config, events_days), 1, 36500},
	{"connections_max", offsetof(struct config, connections_max), 1, 200000},
	{"joins_max", offsetof(struct config, joins_max), 1, 1000},
};

static int ranges_check(const struct config *c, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(ranges); i++) {
		int64_t n = *(const int64_t *)((const char *)c + ranges[i].offset);

		if (n < ranges[i].least || n > ranges[i].most)
			return rf_fail(err, RF_E_LIMIT, "%s: %lld, allowed are %lld to %lld",
				       ranges[i].key, (long long)n, (long long)ranges[i].least,
				       (long long)ranges[i].most);
	}
	return 0;
}

static int names_take(struct config *c, const struct yaml_node *names, struct rf_err *err)
{
	if (!names)
		return 0;
	if (names->kind == YAML_TEXT) {
		c->names[c->names_count++] = names->text;
		return 0;
	}
	for (size_t i = 0; i < names->items_count; i++) {
		if (c->names_count == CONFIG_MAX_NAMES - 6)
			return yaml_fail(&c->doc, &names->items[i], err, "more than %u names",
					 CONFIG_MAX_NAMES - 6);
		c->names[c->names_count++] = names->items[i].text;
	}
	return 0;
}

/* Keeps a text of our own making for as long as the configuration lives. */
static const char *keep(struct config *c, const char *before, const char *text, const char *behind)
{
	for (size_t i = 0; i < RF_COUNT(c->kept); i++) {
		struct rf_buf *b = &c->kept[i];

		if (b->len)
			continue;
		rf_buf_printf(b, "%s%s%s", before, text, behind);
		return b->failed ? NULL : rf_buf_text(b);
	}
	return NULL;
}

/* Without names of its own it is known by what it is on this machine. */
static void names_default(struct config *c)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "::1"};

	c->names[c->names_count++] = c->name;
	for (size_t i = 0; i < RF_COUNT(local); i++)
		c->names[c->names_count++] = local[i];
}

static int untrusted_check(const struct config *c, struct rf_err *err)
{
	/* The levels that need nothing else said: honeywall wants a port. */
	static const char *const known[] = {"none", "observe", "restrict", "seal", "freeze"};

	for (size_t i = 0; i < RF_COUNT(known); i++) {
		if (rf_equal(c->untrusted, known[i]))
			return 0;
	}
	return rf_fail(err, RF_E_SYNTAX,
		       "untrusted is none, observe, restrict, seal or freeze, not %s",
		       c->untrusted);
}

static int fill(struct config *c, struct rf_err *err)
{
	char host[256] = "manager";

	(void)gethostname(host, sizeof(host) - 1);
	if (!c->name)
		c->name = keep(c, "", host, "");
	if (!c->store)
		c->store = keep(c, "sqlite:", c->state, "/store/manager.db");
	if (!c->ek_roots)
		c->ek_roots = keep(c, "", c->state, "/ek-roots");
	if (!c->secrets)
		c->secrets = keep(c, "", c->state, "/secrets");
	if (!c->sinks)
		c->sinks = keep(c, "", c->state, "/sinks.yaml");
	if (!c->untrusted)
		c->untrusted = "none";
	if (!c->address)
		c->address = keep(c, "", host, ":8444");
	if (!c->name || !c->store || !c->ek_roots || !c->secrets || !c->sinks || !c->address)
		return rf_fail(err, -ENOMEM, "no memory for the configuration");
	names_default(c);
	int rc = untrusted_check(c, err);

	return rc ? rc : ranges_check(c, err);
}

static int file_read(const char *path, struct rf_buf *out, struct rf_err *err)
{
	struct sys *sys = NULL;
	int rc = sys_open_live(&sys, err);

	if (!rc)
		rc = sys_read(sys, path ? path : CONFIG_PATH, RF_MAX_YAML_BYTES, out, err);
	sys_close(sys);
	return rc == -ENOENT && !path ? 0 : rc;
}

int config_load(const char *path, const char *state, struct config *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct bound b = {.config = {.state = state ? state : CONFIG_STATE,
				     .listen = "127.0.0.1:8443",
				     .metrics = "127.0.0.1:9443",
				     .agents = "[::]:8444",
				     .profile = "kvm-base",
				     .sign_in = "/run/ringfence-sign-in",
				     .evidence_s = 30,
				     .facts_s = 300,
				     .idle_s = 60,
				     .certificate_days = 30,
				     .evidence_days = 90,
				     .changes_days = 730,
				     .events_days = 30,
				     .connections_max = 20000,
				     .joins_max = 64,
				     .workers = sysconf(_SC_NPROCESSORS_ONLN),
				     .approve = true,
				     .programs = true}};
	int rc = file_read(path, &text, err);

	if (b.config.workers < 1 || b.config.workers > 16)
		b.config.workers = b.config.workers < 1 ? 1 : 16;
	if (!rc && text.len)
		rc = yaml_parse(rf_buf_slice(&text), path ? path : CONFIG_PATH, &b.config.doc, err);
	if (!rc && text.len)
		rc = yaml_bind(&b.config.doc, b.config.doc.root, fields, RF_COUNT(fields), &b, err);
	if (!rc)
		rc = names_take(&b.config, b.names, err);
	if (!rc)
		rc = fill(&b.config, err);
	if (rc) {
		config_done(&b.config);
		return rf_wrap(err, rc, "configuration");
	}
	*out = b.config;
	return 0;
}

void config_done(struct config *config)
{
	yaml_done(&config->doc);
	for (size_t i = 0; i < RF_COUNT(config->kept); i++)
		rf_buf_done(&config->kept[i]);
}
