/* SPDX-License-Identifier: Apache-2.0 */
/* The file of sinks, and the files it names. Each key is a row. See docs/howto/fleet.md. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "outbox/outbox.h"
#include "outbox/parts.h"

#define AUTHORITIES	  "/etc/ssl/certs/ca-certificates.crt"
#define AUTHORITIES_BYTES (4u << 20)
#define SECRET_MIN	  8
#define SECRET_MAX	  1024

#define AT(member) offsetof(struct outbox_sink, member)
static const struct yaml_field common_fields[] = {
	{"name", YAML_T_TEXT, AT(name), true},
	{"kind", YAML_T_TEXT, AT(kind), true},
	{"events", YAML_T_TEXTS, AT(events), false},
	{"at_least", YAML_T_TEXT, AT(at_least), false},
	{"url", YAML_T_TEXT, AT(url), false},
	{"secret_file", YAML_T_TEXT, AT(secret_file), false},
	{"allow_addresses", YAML_T_TEXTS, AT(allow), false},
	{"address", YAML_T_TEXT, AT(address), false},
	{"facility", YAML_T_INT, AT(facility), false},
	{"enterprise", YAML_T_INT, AT(enterprise), false},
	{"ca", YAML_T_TEXT, AT(ca), false},
	{"certificate", YAML_T_TEXT, AT(certificate), false},
	{"key", YAML_T_TEXT, AT(key), false},
	{"user", YAML_T_TEXT, AT(user), false},
	{"auth_file", YAML_T_TEXT, AT(auth_file), false},
	{"priv_file", YAML_T_TEXT, AT(priv_file), false},
	{"engine", YAML_T_TEXT, AT(engine), false},
	{"inform", YAML_T_BOOL, AT(inform), false},
};

/* Which kind of sink has which of the keys that not all have, and needs it. */
static const struct {
	const char *key, *kinds, *needed_by;
	size_t offset;
} keys[] = {
	{"url", "webhook", "webhook", AT(url)},
	{"secret_file", "webhook", "webhook", AT(secret_file)},
	{"allow_addresses", "webhook", "", AT(allow)},
	{"address", "syslog snmp", "syslog snmp", AT(address)},
	{"ca", "webhook syslog", "", AT(ca)},
	{"certificate", "webhook syslog", "", AT(certificate)},
	{"key", "webhook syslog", "", AT(key)},
	{"user", "snmp", "snmp", AT(user)},
	{"auth_file", "snmp", "snmp", AT(auth_file)},
	{"priv_file", "snmp", "snmp", AT(priv_file)},
	{"engine", "snmp", "", AT(engine)},
};
#undef AT

int outbox_file_read(const char *path, size_t max_bytes, struct rf_buf *out, struct rf_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	int rc = regular ? rf_read_all(fd, max_bytes, out) : -EINVAL;

	close(fd);
	if (!regular)
		return rf_fail(err, rc, "%s: no regular file", path);
	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "%s: larger than %zu bytes", path, max_bytes);
	return rc ? rf_fail(err, rc, "%s: cannot be read: %s", path, rf_code_text(rc)) : 0;
}

int outbox_secret_read(const char *path, struct rf_buf *out, struct rf_err *err)
{
	int rc = outbox_file_read(path, SECRET_MAX, out, err);

	while (!rc && out->len > 0 && strchr("\r\n", out->data[out->len - 1]))
		out->data[--out->len] = '\0';
	if (!rc && (out->len < SECRET_MIN || memchr(out->data, '\0', out->len)))
		rc = rf_fail(err, RF_E_MISSING, "%s: a secret has at least %d characters", path,
			     SECRET_MIN);
	return rc;
}

int outbox_authorities_read(const struct outbox_sink *sink, struct rf_buf *out, struct rf_err *err)
{
	return outbox_file_read(sink->ca ? sink->ca : AUTHORITIES, AUTHORITIES_BYTES, out, err);
}

/* Letters, digits, . _ - : it stands in log lines, ids of leases and arguments. */
static bool name_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len < OUTBOX_NAME_BYTES && name[0] != '-' && strspn(name, allowed) == len;
}

static int keys_check(const struct outbox_config *config, const struct outbox_sink *sink,
		      struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		const void *value;

		memcpy(&value, (const char *)sink + keys[i].offset, sizeof(value));
		if (value && !strstr(keys[i].kinds, sink->kind))
			return yaml_fail(&config->doc, sink->node, err,
					 "a sink of kind %s has no %s", sink->kind, keys[i].key);
		if (!value && strstr(keys[i].needed_by, sink->kind))
			return yaml_fail(&config->doc, sink->node, err,
					 "a sink of kind %s needs %s", sink->kind, keys[i].key);
	}
	return 0;
}

static int sink_check(const struct outbox_config *config, const struct outbox_sink *sink,
		      struct rf_err *err)
{
	const struct yaml_doc *doc = &config->doc;

	if (!name_valid(sink->name))
		return yaml_fail(doc, sink->node, err,
				 "a sink's name has 1 to %d letters, digits, '.', '_' or '-'",
				 OUTBOX_NAME_BYTES - 1);
	if (!sink->transport)
		return yaml_fail(doc, sink->node, err,
				 "there is no kind %s of sinks: webhook, syslog or snmp",
				 sink->kind);
	if (outbox_config_sink(config, sink->name) != sink)
		return yaml_fail(doc, sink->node, err, "two sinks have the name %s", sink->name);
	if (sink->at_least && outbox_severity_find(sink->at_least) < 0)
		return yaml_fail(doc, sink->node, err,
				 "at_least: emergency, alert, critical, error, warning, notice, "
				 "info or debug");
	if (sink->facility < 0 || sink->facility > 23 || sink->enterprise < 1 ||
	    sink->enterprise > UINT32_MAX)
		return yaml_fail(doc, sink->node, err,
				 "facility is 0 to 23, enterprise a number assigned by IANA");
	if (sink->url && !rf_starts(sink->url, "https://"))
		return yaml_fail(doc, sink->node, err, "url: only https:// is sent to");
	return keys_check(config, sink, err);
}

static int sink_bind(struct outbox_config *config, const struct yaml_node *node, struct rf_err *err)
{
	struct outbox_sink *sink = &config->sinks[config->sinks_count];

	*sink = (struct outbox_sink){.facility = 13, /* log audit */
				     .enterprise = OUTBOX_ENTERPRISE,
				     .inform = true,
				     .node = node};
	int rc = yaml_bind(&config->doc, node, common_fields, RF_COUNT(common_fields), sink, err);

	if (rc < 0)
		return rc;
	sink->transport = outbox_transport_find(sink->kind);
	config->sinks_count++;
	return sink_check(config, sink, err);
}

static int config_bind(struct outbox_config *config, struct rf_err *err)
{
	const struct yaml_node *list = NULL;
	static const struct yaml_field fields[] = {{"sinks", YAML_T_LIST, 0, true}};
	int rc = yaml_bind(&config->doc, config->doc.root, fields, RF_COUNT(fields), &list, err);

	if (!rc && list->items_count > OUTBOX_SINKS)
		return yaml_fail(&config->doc, list, err, "more than %d sinks", OUTBOX_SINKS);
	for (size_t i = 0; !rc && i < list->items_count; i++)
		rc = sink_bind(config, &list->items[i], err);
	return rc;
}

int outbox_config_read(const char *path, struct outbox_config *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	*out = (struct outbox_config){0};
	int rc = outbox_file_read(path, RF_MAX_YAML_BYTES, &text, err);

	if (!rc)
		rc = yaml_parse(rf_buf_slice(&text), path, &out->doc, err);
	if (!rc)
		rc = config_bind(out, err);
	if (rc < 0)
		outbox_config_done(out);
	return rc;
}

void outbox_config_done(struct outbox_config *config)
{
	yaml_done(&config->doc);
	*config = (struct outbox_config){0};
}

int outbox_config_check(const char *path, struct rf_err *err)
{
	struct outbox_config *config = rf_alloc(1, sizeof(*config));

	if (!config)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = outbox_config_read(path, config, err);

	if (!rc)
		outbox_config_done(config);
	rf_free(config);
	return rc;
}

const struct outbox_sink *outbox_config_sink(const struct outbox_config *config, const char *name)
{
	for (size_t i = 0; i < config->sinks_count; i++) {
		if (rf_equal(config->sinks[i].name, name))
			return &config->sinks[i];
	}
	return NULL;
}

bool outbox_sink_wants(const struct outbox_sink *sink, const char *kind, const char *new_state)
{
	const struct yaml_node *events = sink->events;

	if (sink->at_least &&
	    (int)outbox_kind_find(kind, new_state)->severity > outbox_severity_find(sink->at_least))
		return false;
	if (!events)
		return true;
	if (events->kind == YAML_TEXT)
		return rf_glob(events->text, kind);
	for (size_t i = 0; i < events->items_count; i++) {
		if (rf_glob(events->items[i].text, kind))
			return true;
	}
	return false;
}
