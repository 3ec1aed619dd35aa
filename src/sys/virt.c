/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libvirt connection as a JSON document; see virt.h. The library is loaded when it is asked
 * for. Source: libvirt's public API (libvirt/libvirt.h), version 9.0. It only asks: nothing here
 * starts, stops or changes anything, and the connection is a read-only one where that is served.
 */
#include <errno.h>
#include <jansson.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/virt.h"
#include "sys/virt_load.h"

/* The functions we call. R: without it the library is too old; O: newer than some. */
#define VIRT_SYMBOLS(R, O)                                                                         \
	R(virInitialize)                                                                           \
	R(virSetErrorFunc)                                                                         \
	R(virGetLastErrorMessage)                                                                  \
	R(virGetLastErrorCode)                                                                     \
	R(virConnectOpenReadOnly)                                                                  \
	R(virConnectOpen)                                                                          \
	R(virConnectClose)                                                                         \
	R(virConnectGetURI)                                                                        \
	R(virConnectGetLibVersion)                                                                 \
	R(virConnectGetVersion)                                                                    \
	R(virConnectGetCapabilities)                                                               \
	R(virConnectListAllDomains)                                                                \
	R(virConnectListAllNetworks)                                                               \
	R(virConnectListAllNWFilters)                                                              \
	R(virConnectListAllStoragePools)                                                           \
	R(virConnectListAllSecrets)                                                                \
	R(virDomainGetName)                                                                        \
	R(virDomainGetUUIDString)                                                                  \
	R(virDomainGetID)                                                                          \
	R(virDomainGetState)                                                                       \
	R(virDomainGetAutostart)                                                                   \
	R(virDomainIsActive)                                                                       \
	R(virDomainIsPersistent)                                                                   \
	R(virDomainHasManagedSaveImage)                                                            \
	R(virDomainGetXMLDesc)                                                                     \
	R(virDomainListAllSnapshots)                                                               \
	R(virDomainSnapshotGetName)                                                                \
	R(virDomainSnapshotGetXMLDesc)                                                             \
	R(virDomainSnapshotFree)                                                                   \
	O(virDomainGetMessages)                                                                    \
	R(virDomainFree)                                                                           \
	R(virNetworkGetName)                                                                       \
	R(virNetworkIsActive)                                                                      \
	R(virNetworkIsPersistent)                                                                  \
	R(virNetworkGetAutostart)                                                                  \
	R(virNetworkGetXMLDesc)                                                                    \
	R(virNetworkFree)                                                                          \
	R(virNWFilterGetName)                                                                      \
	R(virNWFilterGetXMLDesc)                                                                   \
	R(virNWFilterFree)                                                                         \
	R(virStoragePoolGetName)                                                                   \
	R(virStoragePoolIsActive)                                                                  \
	R(virStoragePoolGetAutostart)                                                              \
	R(virStoragePoolGetInfo)                                                                   \
	R(virStoragePoolGetXMLDesc)                                                                \
	R(virStoragePoolListAllVolumes)                                                            \
	R(virStoragePoolFree)                                                                      \
	R(virStorageVolGetName)                                                                    \
	R(virStorageVolGetPath)                                                                    \
	R(virStorageVolGetXMLDesc)                                                                 \
	R(virStorageVolFree)                                                                       \
	R(virSecretGetUUIDString)                                                                  \
	R(virSecretGetXMLDesc)                                                                     \
	R(virSecretFree)

struct virt_api {
#define FIELD(name) __typeof__(&name) name;
	VIRT_SYMBOLS(FIELD, FIELD)
#undef FIELD
};

struct virt {
	struct virt_api api;
	virConnectPtr conn;
	json_t *doc, *gaps;
	size_t xml_bytes; /* so far, to stop before the document is larger than allowed */
	bool full;
};

static const struct virt_symbol symbols[] = {
#define REQUIRED(name) {#name, offsetof(struct virt_api, name), true},
#define OPTIONAL(name) {#name, offsetof(struct virt_api, name), false},
	VIRT_SYMBOLS(REQUIRED, OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
};

/* libvirt prints errors to stderr unless somebody takes them. */
static void say_nothing(void *ctx, virErrorPtr error)
{
	(void)ctx;
	(void)error;
}

static int load(struct virt *v, struct rf_err *err)
{
	int rc = virt_load("libvirt.so.0", symbols, RF_COUNT(symbols), &v->api, err);

	if (rc < 0)
		return rc;
	v->api.virSetErrorFunc(NULL, say_nothing);
	return v->api.virInitialize() < 0 ? rf_fail(err, RF_E_PEER, "libvirt does not start") : 0;
}

static int connect_to(struct virt *v, const char *uri, struct rf_err *err)
{
	v->conn = v->api.virConnectOpenReadOnly(uri);
	/* Some drivers and daemons serve no read-only connection. */
	if (!v->conn)
		v->conn = v->api.virConnectOpen(uri);
	if (!v->conn)
		return rf_fail(err, RF_E_PEER, "%s", v->api.virGetLastErrorMessage());
	return 0;
}

/* Whether the last failure is that the object is gone meanwhile, or was never served: no gap. */
static bool vanished(struct virt *v)
{
	switch (v->api.virGetLastErrorCode()) {
	case VIR_ERR_NO_DOMAIN:
	case VIR_ERR_NO_NETWORK:
	case VIR_ERR_NO_NWFILTER:
	case VIR_ERR_NO_STORAGE_POOL:
	case VIR_ERR_NO_STORAGE_VOL:
	case VIR_ERR_NO_SECRET:
	case VIR_ERR_NO_DOMAIN_SNAPSHOT:
		return true;
	default:
		return false;
	}
}

static void gap(struct virt *v, const char *kind, const char *name)
{
	RF_AUTOFREE char *what = rf_asprintf("%s%s%s", kind, name ? " " : "", name ? name : "");

	json_array_append_new(v->gaps, json_pack("{s:s, s:s}", "what", what ? what : kind, "reason",
						 v->full ? "the inventory is larger than allowed"
							 : v->api.virGetLastErrorMessage()));
}

/* Text as JSON: bytes that are no UTF-8 are shown as \xNN; NULL becomes null. */
static json_t *text(const char *s)
{
	if (!s)
		return json_null();
	json_t *plain = json_string(s);

	if (plain)
		return plain;
	RF_AUTOBUF struct rf_buf shown = {0};

	rf_buf_add_visible(&shown, s, strlen(s));
	return json_string(rf_buf_text(&shown));
}

/* Takes XML that libvirt allocated (with malloc, as its API says). NULL becomes null. */
static json_t *take_xml(struct virt *v, char *xml)
{
	size_t len = xml ? strlen(xml) : 0;

	v->full = v->full || len > RF_MAX_XML_BYTES || v->xml_bytes + len > RF_MAX_JSON_BYTES / 2;
	v->xml_bytes += len;
	json_t *out = v->full ? json_null() : text(xml);

	rf_free(xml);
	return out;
}

/* A yes-or-no answer; what cannot be had is null. */
static json_t *truth(int answer)
{
	return answer < 0 ? json_null() : json_boolean(answer);
}

static json_t *domain_taints(struct virt *v, virDomainPtr dom)
{
	/* libvirt's names (virDomainTaint in conf/domain_conf.c) by the text that the API gives. */
	static const struct {
		const char *name, *text;
	} taints[] = {
		{"custom-argv", "custom configuration parameters specified"},
		{"custom-monitor", "custom monitor control commands issued"},
		{"high-privileges", "running with undesirable elevated privileges"},
		{"shell-scripts", "network configuration using opaque shell scripts"},
		{"disk-probing", "potentially unsafe disk format probing"},
		{"external-launch", "managing externally launched configuration"},
		{"host-cpu", "potentially unsafe use of host CPU passthrough"},
		{"hook-script", "configuration potentially modified by hook script"},
		{"cdrom-passthrough", "use of host cdrom passthrough"},
		{"custom-dtb", "custom device tree blob used"},
		{"custom-ga-command", "custom guest agent control commands issued"},
		{"custom-hypervisor-feature", "hypervisor feature autodetection override"},
		{"deprecated-config", "use of deprecated configuration settings"},
	};
	json_t *list = json_array();
	char **messages = NULL;
	int n = v->api.virDomainGetMessages
			? v->api.virDomainGetMessages(dom, &messages, VIR_DOMAIN_MESSAGE_TAINTING)
			: -1;

	for (int i = 0; i < n; i++) {
		const char *name = messages[i];

		for (size_t k = 0; k < RF_COUNT(taints); k++) {
			if (strstr(messages[i], taints[k].text))
				name = taints[k].name;
		}
		json_array_append_new(list, text(name));
		rf_free(messages[i]);
	}
	rf_free(messages);
	return list;
}

/* Seconds in <creationTime> of a snapshot's XML, in milliseconds. */
static json_t *snapshot_time(const char *xml)
{
	static const char tag[] = "<creationTime>";
	const char *at = xml ? strstr(xml, tag) : NULL;
	char digits[24];
	int64_t seconds;

	if (!at ||
	    !rf_format(digits, sizeof(digits), "%.*s", (int)strspn(at + strlen(tag), "0123456789"),
		       at + strlen(tag)) ||
	    rf_num(digits, 10, 0, INT64_MAX / 1000, &seconds) < 0)
		return json_null();
	return json_integer(seconds * 1000);
}

static json_t *domain_snapshots(struct virt *v, virDomainPtr dom)
{
	virDomainSnapshotPtr *all = NULL;
	int n = v->api.virDomainListAllSnapshots(dom, &all, 0);
	json_t *list = json_array();

	for (int i = 0; i < n; i++) {
		char *xml = v->api.virDomainSnapshotGetXMLDesc(all[i], 0);

		json_array_append_new(list, json_pack("{s:o, s:o}", "name",
						      text(v->api.virDomainSnapshotGetName(all[i])),
						      "created_ms", snapshot_time(xml)));
		rf_free(xml);
		v->api.virDomainSnapshotFree(all[i]);
	}
	rf_free(all);
	return list;
}

static const char *domain_state(struct virt *v, virDomainPtr dom)
{
	static const char *const names[] = {
		[VIR_DOMAIN_NOSTATE] = "no state",  [VIR_DOMAIN_RUNNING] = "running",
		[VIR_DOMAIN_BLOCKED] = "blocked",   [VIR_DOMAIN_PAUSED] = "paused",
		[VIR_DOMAIN_SHUTDOWN] = "shutdown", [VIR_DOMAIN_SHUTOFF] = "shut off",
		[VIR_DOMAIN_CRASHED] = "crashed",   [VIR_DOMAIN_PMSUSPENDED] = "suspended",
	};
	int state, reason;

	if (v->api.virDomainGetState(dom, &state, &reason, 0) < 0 || state < 0 ||
	    (size_t)state >= RF_COUNT(names))
		return NULL;
	return names[state];
}

/* Each add_ function puts one object into list, or leaves it out when it is gone. */
static void add_domain(struct virt *v, void *object, json_t *list)
{
	virDomainPtr dom = object;
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	const char *name = v->api.virDomainGetName(dom);
	int active = v->api.virDomainIsActive(dom), persistent = v->api.virDomainIsPersistent(dom);
	int autostart = -1;
	unsigned id = v->api.virDomainGetID(dom);
	char *live = active > 0 ? v->api.virDomainGetXMLDesc(dom, 0) : NULL;
	/* Of a VM that stopped meanwhile the stored definition came: that is not live. */
	if (live && v->api.virDomainIsActive(dom) == 0) {
		rf_free(live);
		live = NULL;
		active = 0;
	}
	bool failed = active < 0 || persistent < 0;

	if (active > 0 && !live)
		failed = true;
	char *stored =
		persistent > 0 ? v->api.virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE) : NULL;

	if (failed || (persistent > 0 && !stored)) {
		if (vanished(v) && !live && !stored)
			return;
		gap(v, "domain", name);
	}
	(void)v->api.virDomainGetUUIDString(dom, uuid);
	(void)v->api.virDomainGetAutostart(dom, &autostart);
	json_t *entry = json_pack(
		"{s:o, s:s, s:o, s:o, s:I, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "name", text(name),
		"uuid", uuid, "state", text(domain_state(v, dom)), "autostart", truth(autostart),
		"id", (json_int_t)(id == (unsigned)-1 ? -1 : (int64_t)id), "pid", "persistent",
		truth(persistent), "managed_save",
		truth(v->api.virDomainHasManagedSaveImage(dom, 0)), "live_xml", take_xml(v, live),
		"persistent_xml", take_xml(v, stored), "taints", domain_taints(v, dom), "snapshots",
		domain_snapshots(v, dom));

	json_array_append_new(list, entry);
}

static void free_domain(struct virt *v, void *object)
{
	v->api.virDomainFree(object);
}

/* The stored definition; drivers that keep only one do not know the flag. */
static char *network_stored_xml(struct virt *v, virNetworkPtr net)
{
	char *xml = v->api.virNetworkGetXMLDesc(net, VIR_NETWORK_XML_INACTIVE);

	if (!xml && v->api.virGetLastErrorCode() == VIR_ERR_INVALID_ARG)
		xml = v->api.virNetworkGetXMLDesc(net, 0);
	return xml;
}

static void add_network(struct virt *v, void *object, json_t *list)
{
	virNetworkPtr net = object;
	int active = v->api.virNetworkIsActive(net), autostart = -1;
	int persistent = v->api.virNetworkIsPersistent(net);
	char *live = active > 0 ? v->api.virNetworkGetXMLDesc(net, 0) : NULL;
	char *stored = persistent > 0 ? network_stored_xml(v, net) : NULL;

	if (!live && !stored) {
		if (!vanished(v))
			gap(v, "network", v->api.virNetworkGetName(net));
		return;
	}
	(void)v->api.virNetworkGetAutostart(net, &autostart);
	json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "name",
					      text(v->api.virNetworkGetName(net)), "active",
					      truth(active), "autostart", truth(autostart),
					      "persistent_xml", take_xml(v, stored), "live_xml",
					      take_xml(v, live)));
}

static void free_network(struct virt *v, void *object)
{
	v->api.virNetworkFree(object);
}

static void add_filter(struct virt *v, void *object, json_t *list)
{
	const char *name = v->api.virNWFilterGetName(object);
	char *xml = v->api.virNWFilterGetXMLDesc(object, 0);

	if (!xml && !vanished(v))
		gap(v, "nwfilter", name);
	if (xml)
		json_array_append_new(
			list, json_pack("{s:o, s:o}", "name", text(name), "xml", take_xml(v, xml)));
}

static void free_filter(struct virt *v, void *object)
{
	v->api.virNWFilterFree(object);
}

static json_t *pool_volumes(struct virt *v, virStoragePoolPtr pool, const char *pool_name)
{
	virStorageVolPtr *all = NULL;
	int n = v->api.virStoragePoolListAllVolumes(pool, &all, 0);
	json_t *list = json_array();

	if (n < 0)
		gap(v, "volumes of pool", pool_name);
	for (int i = 0; i < n; i++) {
		char *xml = v->full ? NULL : v->api.virStorageVolGetXMLDesc(all[i], 0);
		char *path = xml ? v->api.virStorageVolGetPath(all[i]) : NULL;
		const char *name = v->api.virStorageVolGetName(all[i]);

		if (!xml && (v->full || !vanished(v)))
			gap(v, "volume", name);
		if (xml)
			json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name", text(name),
							      "path", text(path), "xml",
							      take_xml(v, xml)));
		rf_free(path);
		v->api.virStorageVolFree(all[i]);
	}
	rf_free(all);
	return list;
}

static void add_pool(struct virt *v, void *object, json_t *list)
{
	virStoragePoolPtr pool = object;
	const char *name = v->api.virStoragePoolGetName(pool);
	char *xml = v->api.virStoragePoolGetXMLDesc(pool, 0);
	int active = v->api.virStoragePoolIsActive(pool), autostart = -1;
	virStoragePoolInfo info;

	if (!xml) {
		if (!vanished(v))
			gap(v, "pool", name);
		return;
	}
	(void)v->api.virStoragePoolGetAutostart(pool, &autostart);
	bool known = v->api.virStoragePoolGetInfo(pool, &info) == 0;
	json_t *entry = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o}", "name", text(name), "active", truth(active),
		"autostart", truth(autostart), "xml", take_xml(v, xml), "capacity_bytes",
		known ? json_integer((json_int_t)info.capacity) : json_null(), "free_bytes",
		known ? json_integer((json_int_t)info.available) : json_null());

	/* The volumes of a stopped pool are not known to libvirt. */
	json_object_set_new(entry, "volumes",
			    active > 0 ? pool_volumes(v, pool, name) : json_array());
	json_array_append_new(list, entry);
}

static void free_pool(struct virt *v, void *object)
{
	v->api.virStoragePoolFree(object);
}

static void add_secret(struct virt *v, void *object, json_t *list)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	char *xml = v->api.virSecretGetXMLDesc(object, 0);

	(void)v->api.virSecretGetUUIDString(object, uuid);
	if (!xml && !vanished(v))
		gap(v, "secret", uuid);
	if (xml)
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "uuid", uuid, "xml", take_xml(v, xml)));
}

static void free_secret(struct virt *v, void *object)
{
	v->api.virSecretFree(object);
}

static int list_domains(struct virt *v, void ***out)
{
	return v->api.virConnectListAllDomains(v->conn, (virDomainPtr **)out, 0);
}

static int list_networks(struct virt *v, void ***out)
{
	return v->api.virConnectListAllNetworks(v->conn, (virNetworkPtr **)out, 0);
}

static int list_filters(struct virt *v, void ***out)
{
	return v->api.virConnectListAllNWFilters(v->conn, (virNWFilterPtr **)out, 0);
}

static int list_pools(struct virt *v, void ***out)
{
	return v->api.virConnectListAllStoragePools(v->conn, (virStoragePoolPtr **)out, 0);
}

static int list_secrets(struct virt *v, void ***out)
{
	return v->api.virConnectListAllSecrets(v->conn, (virSecretPtr **)out, 0);
}

/* A kind of object: how to list, describe and let go of it. */
static const struct kind {
	const char *key;
	int (*list)(struct virt *v, void ***out);
	void (*add)(struct virt *v, void *object, json_t *list);
	void (*free)(struct virt *v, void *object);
} kinds[] = {
	{"domains", list_domains, add_domain, free_domain},
	{"networks", list_networks, add_network, free_network},
	{"nwfilters", list_filters, add_filter, free_filter},
	{"pools", list_pools, add_pool, free_pool},
	{"secrets", list_secrets, add_secret, free_secret},
};

static void add_kind(struct virt *v, const struct kind *kind)
{
	void **all = NULL;
	int n = kind->list(v, &all);
	json_t *list = json_array();

	/* A hypervisor that has no such thing has none of them: that is known. */
	if (n < 0 && v->api.virGetLastErrorCode() != VIR_ERR_NO_SUPPORT)
		gap(v, kind->key, NULL);
	for (int i = 0; i < n; i++) {
		if (v->full)
			gap(v, kind->key, "(rest)");
		else
			kind->add(v, all[i], list);
		kind->free(v, all[i]);
	}
	rf_free(all);
	json_object_set_new(v->doc, kind->key, list);
}

static json_t *version(int rc, unsigned long number)
{
	if (rc < 0 || number == 0)
		return json_null();
	return json_sprintf("%lu.%lu.%lu", number / 1000000, number / 1000 % 1000, number % 1000);
}

static void add_uri(struct virt *v, const char *uri)
{
	char *real_uri = v->api.virConnectGetURI(v->conn);

	json_object_set_new(v->doc, "uri", text(real_uri ? real_uri : uri));
	rf_free(real_uri);
}

/* What the daemon knows without starting a QEMU. virNodeGetSecurityModel is not among it. */
static void fill_inventory(struct virt *v)
{
	unsigned long library = 0;
	int rc = v->api.virConnectGetLibVersion(v->conn, &library);

	json_object_set_new(v->doc, "version", version(rc, library));
	for (size_t i = 0; i < RF_COUNT(kinds); i++)
		add_kind(v, &kinds[i]);
}

static void fill_hypervisor(struct virt *v)
{
	unsigned long hypervisor = 0;
	int rc = v->api.virConnectGetVersion(v->conn, &hypervisor);

	json_object_set_new(v->doc, "hypervisor_version", version(rc, hypervisor));
	char *xml = v->api.virConnectGetCapabilities(v->conn);

	if (!xml)
		gap(v, "capabilities", NULL);
	json_object_set_new(v->doc, "capabilities", take_xml(v, xml));
}

static int write_document(struct virt *v, struct rf_buf *out, struct rf_err *err)
{
	json_object_set(v->doc, "gaps", v->gaps);
	char *dump = json_dumps(v->doc, JSON_COMPACT);

	if (!dump)
		return rf_fail(err, -ENOMEM, "no memory for the inventory");
	size_t len = strlen(dump);
	int rc = len > RF_MAX_JSON_BYTES ? RF_E_LIMIT : rf_buf_add(out, dump, len);

	rf_free(dump);
	return rc == RF_E_LIMIT ? rf_fail(err, rc, "the inventory has %zu bytes", len) : rc;
}

static int ask(const char *uri, void (*fill)(struct virt *v), struct rf_buf *out,
	       struct rf_err *err)
{
	struct virt v = {.doc = json_object(), .gaps = json_array()};
	int rc = v.doc && v.gaps ? load(&v, err) : -ENOMEM;

	if (rc == 0)
		rc = connect_to(&v, uri, err);
	if (rc == 0) {
		add_uri(&v, uri);
		fill(&v);
		rc = write_document(&v, out, err);
	}
	if (v.conn)
		v.api.virConnectClose(v.conn);
	/* The library stays loaded: its threads and exit handlers may still want it. */
	json_decref(v.doc);
	json_decref(v.gaps);
	return rc;
}

int virt_inventory(const char *uri, struct rf_buf *out, struct rf_err *err)
{
	return ask(uri, fill_inventory, out, err);
}

int virt_hypervisor(const char *uri, struct rf_buf *out, struct rf_err *err)
{
	return ask(uri, fill_hypervisor, out, err);
}
