/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector libvirt: what one libvirt connection says of its VMs, networks, filters, storage and
 * secrets (the JSON document of sys/virt.h) as facts. It makes no connection itself, and does not
 * read definitions from folders (xml_files.c).
 */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/definitions.h"
#include "collect/libvirt_host.h"
#include "collect/network_xml.h"
#include "collect/nwfilter_xml.h"

static void json_done(json_t **value)
{
	json_decref(*value);
}
#define AUTOJSON __attribute__((cleanup(json_done)))

/* One run. */
struct run {
	struct sys *sys;
	struct fact_sink *out;
	const char *uri;
	struct images *look; /* NULL for a test or remote connection */
	struct definitions *definitions;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static struct fact_int bool_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_boolean(v) ? FACT_BOOL(json_is_true(v)) : (struct fact_int){0};
}

static struct fact_int int_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) ? FACT_INT(json_integer_value(v)) : (struct fact_int){0};
}

/* Parses the XML under key; false when there is none or it is broken, and then a gap says so. */
static bool parse_xml(struct run *r, const json_t *object, const char *key,
		      enum fact_table_id table, const char *what, struct xml_doc *doc)
{
	const json_t *v = json_object_get(object, key);
	struct rf_err err = {0};

	if (!json_is_string(v))
		return false;
	struct rf_slice text = {(const uint8_t *)json_string_value(v), json_string_length(v)};

	if (xml_parse(text, what, doc, &err) == 0)
		return true;
	fact_gap(r->out, table, text_of(object, "name"), "", r->uri, "%s", rf_err_text(&err));
	return false;
}

static const char *join_texts(const json_t *list, struct rf_buf *out)
{
	size_t i;
	const json_t *item;

	json_array_foreach(list, i, item)
	{
		if (json_is_string(item))
			rf_buf_printf(out, "%s%s", out->len ? "," : "", json_string_value(item));
	}
	return rf_buf_text(out);
}

static void read_snapshots(const json_t *domain, struct domain_source *src)
{
	const json_t *list = json_object_get(domain, "snapshots"), *item;
	int64_t oldest = 0;
	size_t i;

	if (!json_is_array(list))
		return;
	src->snapshots_count = FACT_INT(json_array_size(list));
	json_array_foreach(list, i, item)
	{
		int64_t ms = json_integer_value(json_object_get(item, "created_ms"));

		if (oldest == 0 || (ms > 0 && ms < oldest))
			oldest = ms;
	}
	src->snapshot_oldest_ms = FACT_INT(oldest);
}

/* libvirt's own file of a VM, which has the passwords that its API leaves out. */
static const struct xml_node *load_secrets(struct run *r, const char *dir, const char *name,
					   struct xml_doc *doc)
{
	RF_AUTOFREE char *path = rf_asprintf("%s/%s.xml", dir, name);

	if (!path || !r->look || !*name || strchr(name, '/') ||
	    definitions_load(r->sys, path, doc, NULL) < 0)
		return NULL;
	return domain_find(doc->root);
}

static int put_domain(struct run *r, const json_t *domain)
{
	RF_AUTOBUF struct rf_buf taints = {0};
	XML_AUTODOC struct xml_doc persistent = {0}, live = {0}, own = {0}, own_live = {0};
	const char *name = text_of(domain, "name");
	RF_AUTOFREE char *source = rf_asprintf("%s %s", r->uri, name);
	struct domain_source src = {.vm = name,
				    .layer = "persistent",
				    .path = "",
				    .state = text_of(domain, "state"),
				    .source = source ? source : name,
				    .autostart = bool_of(domain, "autostart"),
				    .managed_save = bool_of(domain, "managed_save"),
				    .without_secrets = true};

	if (!*name)
		return 0;
	if (json_is_array(json_object_get(domain, "taints")))
		src.taints = join_texts(json_object_get(domain, "taints"), &taints);
	read_snapshots(domain, &src);
	bool has_persistent = parse_xml(r, domain, "persistent_xml", FACT_T_VM, name, &persistent);
	bool has_live = parse_xml(r, domain, "live_xml", FACT_T_VM, name, &live);
	struct definition_pair pair = {.persistent_src = src, .live_src = src};

	pair.live_src.layer = "live";
	if (has_persistent) {
		pair.persistent = domain_find(persistent.root);
		pair.persistent_src.with_secrets = load_secrets(r, "/etc/libvirt/qemu", name, &own);
	}
	if (has_live) {
		pair.live = domain_find(live.root);
		pair.live_src.with_secrets = load_secrets(r, "/run/libvirt/qemu", name, &own_live);
	}
	if (!pair.persistent && !pair.live) {
		fact_gap(r->out, FACT_T_VM, name, "", r->uri, "libvirt gave no definition of it");
		return 0;
	}
	return definitions_put(r->definitions, &pair);
}

static void put_network(struct run *r, const json_t *network)
{
	static const char *const keys[][2] = {{"persistent_xml", "persistent"},
					      {"live_xml", "live"}};
	struct object_state state = {.source = r->uri,
				     .active = bool_of(network, "active"),
				     .autostart = bool_of(network, "autostart")};

	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		XML_AUTODOC struct xml_doc doc = {0};

		state.layer = keys[i][1];
		if (parse_xml(r, network, keys[i][0], FACT_T_NETWORK, text_of(network, "name"),
			      &doc))
			(void)network_put(doc.root, &state, r->out);
	}
}

static void put_pool(struct run *r, const json_t *pool)
{
	XML_AUTODOC struct xml_doc doc = {0};
	const char *name = text_of(pool, "name");
	const json_t *volumes = json_object_get(pool, "volumes"), *item;
	struct object_state state = {.source = r->uri,
				     .active = bool_of(pool, "active"),
				     .autostart = bool_of(pool, "autostart")};
	size_t i;

	/* A stopped pool has no size, and libvirt says 0. */
	if (state.active.v == 1) {
		state.capacity_bytes = int_of(pool, "capacity_bytes");
		state.free_bytes = int_of(pool, "free_bytes");
	}
	if (parse_xml(r, pool, "xml", FACT_T_STORAGE_POOL, name, &doc))
		(void)pool_put(doc.root, &state, r->look, r->out);
	json_array_foreach(volumes, i, item)
	{
		XML_AUTODOC struct xml_doc volume = {0};
		const char *path = json_string_value(json_object_get(item, "path"));

		if (parse_xml(r, item, "xml", FACT_T_VOLUME, text_of(item, "name"), &volume))
			(void)volume_put(volume.root, name, path, r->uri, r->look, r->out);
	}
}

static void put_filters(struct run *r, const json_t *filters)
{
	NWFILTER_AUTOSET struct nwfilter_set set = {0};
	const json_t *item;
	bool complete = json_is_array(filters);
	size_t i;

	json_array_foreach(filters, i, item)
	{
		XML_AUTODOC struct xml_doc doc = {0};
		struct rf_err err = {0};
		const char *name = text_of(item, "name");

		if (!parse_xml(r, item, "xml", FACT_T_NETWORK_FILTER, name, &doc)) {
			complete = false;
		} else if (nwfilter_add(&set, doc.root, r->uri, &err) < 0) {
			complete = false;
			fact_gap(r->out, FACT_T_NETWORK_FILTER, name, "", r->uri, "%s",
				 rf_err_text(&err));
		}
	}
	nwfilter_put(&set, complete, r->out);
}

static void put_secrets(struct run *r, const json_t *secrets)
{
	const json_t *item;
	size_t i;

	json_array_foreach(secrets, i, item)
	{
		XML_AUTODOC struct xml_doc doc = {0};

		if (parse_xml(r, item, "xml", FACT_T_SECRET, text_of(item, "uuid"), &doc))
			(void)secret_put(doc.root, r->uri, r->out);
	}
}

/* What the connection itself could not get. The table is told by the first word of "what". */
static void put_gaps(struct run *r, const json_t *gaps)
{
	static const struct {
		const char *word;
		enum fact_table_id table;
	} tables[] = {{"domain", FACT_T_VM},
		      {"network", FACT_T_NETWORK},
		      {"nwfilter", FACT_T_NETWORK_FILTER},
		      {"pool", FACT_T_STORAGE_POOL},
		      {"volume", FACT_T_VOLUME},
		      {"secret", FACT_T_SECRET}};
	const json_t *item;
	size_t i;

	json_array_foreach(gaps, i, item)
	{
		const char *what = text_of(item, "what");
		enum fact_table_id table = FACT_T_LIBVIRT;

		for (size_t k = 0; k < RF_COUNT(tables); k++) {
			if (rf_starts(what, tables[k].word))
				table = tables[k].table;
		}
		const char *name = strchr(what, ' ');

		fact_gap(r->out, table, name ? name + 1 : "", "", r->uri, "%s",
			 text_of(item, "reason"));
	}
}

static const char *text_or_null(const json_t *doc, const char *key)
{
	return *text_of(doc, key) ? text_of(doc, key) : NULL;
}

static void put_connection(struct run *r, const json_t *doc, const char *why)
{
	struct libvirt_host host;

	libvirt_host_look(r->sys, &host);
	struct fact_libvirt row = {.uri = r->uri,
				   .connected = FACT_BOOL(doc),
				   .version = text_or_null(doc, "version"),
				   .daemon = host.daemon,
				   .tcp_socket = host.tcp_socket,
				   .session_daemons = host.session_daemons,
				   .source = r->uri};
	const struct {
		const char *col;
		bool known;
		const char *reason;
	} cols[] = {{"version", row.version, why},
		    {"tcp_socket", row.tcp_socket.known, "/proc/net/tcp could not be read"},
		    {"session_daemons", row.session_daemons.known, "/proc could not be read"}};

	fact_put_libvirt(r->out, &row);
	for (size_t i = 0; i < RF_COUNT(cols); i++) {
		if (!cols[i].known)
			fact_gap(r->out, FACT_T_LIBVIRT, r->uri, cols[i].col, r->uri, "%s",
				 cols[i].reason);
	}
}

static int put_document(struct run *r, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "domains"), *item;
	int rc = 0;
	size_t i;

	json_array_foreach(list, i, item)
	{
		rc = put_domain(r, item);
		if (rc < 0)
			return rc;
	}
	rc = definitions_put_unused(r->definitions);
	json_array_foreach(json_object_get(doc, "networks"), i, item) put_network(r, item);
	put_filters(r, json_object_get(doc, "nwfilters"));
	json_array_foreach(json_object_get(doc, "pools"), i, item) put_pool(r, item);
	put_secrets(r, json_object_get(doc, "secrets"));
	put_gaps(r, json_object_get(doc, "gaps"));
	return rc;
}

/* No answer: the tables stay empty, and each says why. A host without libvirt has no VMs of it. */
static int put_unreachable(struct run *r, const struct rf_err *why)
{
	static const enum fact_table_id tables[] = {
		FACT_T_VM,	     FACT_T_VM_NIC,	FACT_T_VM_DISK, FACT_T_VM_DEVICE,
		FACT_T_VM_CONSOLE,   FACT_T_VM_CHANNEL, FACT_T_NETWORK, FACT_T_NETWORK_FILTER,
		FACT_T_STORAGE_POOL, FACT_T_VOLUME,	FACT_T_SECRET};
	struct libvirt_host host;

	libvirt_host_look(r->sys, &host);
	put_connection(r, NULL, rf_err_text(why));
	if (!host.installed)
		return 0;
	for (size_t i = 0; i < RF_COUNT(tables); i++)
		fact_gap(r->out, tables[i], "", "", r->uri,
			 "libvirt did not answer at %s: %s; start its daemon, or run as a user who "
			 "may connect",
			 r->uri, rf_err_text(why));
	return 0;
}

/* test:/// invents its VMs: their disks are not this machine's. */
static bool is_local(const char *uri)
{
	return !rf_starts(uri, "test:") && !strstr(uri, "+ssh") && !strstr(uri, "+tcp") &&
	       !strstr(uri, "+tls") && (strstr(uri, ":///") || !strstr(uri, "://"));
}

int collect_libvirt(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		    struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	IMAGES_AUTO struct images images = {0};
	DEFINITIONS_AUTO struct definitions definitions = {0};
	struct rf_err why = {0};
	json_error_t at;

	if (!req->uri)
		return 0;
	struct run r = {.sys = sys, .out = out, .uri = req->uri};
	int rc = sys_probe(sys, "libvirt", req->uri, &text, &why);

	if (rc < 0)
		return put_unreachable(&r, &why);
	if (text.len > RF_MAX_JSON_BYTES)
		return rf_fail(err, RF_E_LIMIT, "libvirt's answer has over %u bytes",
			       RF_MAX_JSON_BYTES);
	AUTOJSON json_t *doc =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &at);

	if (!json_is_object(doc))
		return rf_fail(err, RF_E_SYNTAX, "libvirt's answer: line %d: %s", at.line, at.text);
	images_open(&images, sys);
	r.look = is_local(req->uri) ? &images : NULL;
	if (!r.look)
		images_not_looked(out, req->uri);
	rc = definitions_open(&definitions, sys, out, r.look, req->approved_dir);
	r.definitions = &definitions;
	if (rc == 0) {
		put_connection(&r, doc, "libvirt did not say");
		rc = put_document(&r, doc);
	}
	return rc < 0 ? rf_fail(err, rc, "libvirt: %s", rf_code_text(rc)) : 0;
}
