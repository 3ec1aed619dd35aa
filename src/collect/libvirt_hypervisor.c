/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector libvirt-hypervisor: QEMU's version and the security models in use, as libvirt says
 * (the second JSON document of sys/virt.h). It is a collector of its own because a libvirt that was
 * just started needs long for this answer, and then nothing but this is lost.
 */
#include <jansson.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collect/collect.h"
#include "collect/libvirt_host.h"
#include "collect/xml.h"

static void json_done(json_t **value)
{
	json_decref(*value);
}
#define AUTOJSON __attribute__((cleanup(json_done)))

/* Names of <secmodel><model> in the capabilities, joined; NULL when there are no capabilities. */
static const char *secmodels(const json_t *doc, struct rf_buf *out)
{
	XML_AUTODOC struct xml_doc caps = {0};
	const char *text = json_string_value(json_object_get(doc, "capabilities"));

	if (!text || xml_parse(rf_slice_text(text), "capabilities", &caps, NULL) < 0)
		return NULL;
	for (const struct xml_node *n = xml_at(caps.root, "host/secmodel"); n;
	     n = xml_next(n, "secmodel"))
		rf_buf_printf(out, "%s%s", out->len ? "," : "", xml_text(n, "model"));
	return rf_buf_text(out);
}

static void put(const char *uri, const json_t *doc, struct fact_sink *out)
{
	static const char silent[] = "libvirt answered, but did not say";
	RF_AUTOBUF struct rf_buf models = {0};
	struct fact_libvirt_hypervisor row = {
		.uri = uri,
		.version = json_string_value(json_object_get(doc, "hypervisor_version")),
		.secmodels = secmodels(doc, &models),
		.source = uri};

	fact_put_libvirt_hypervisor(out, &row);
	if (!row.version)
		fact_gap(out, FACT_T_LIBVIRT_HYPERVISOR, uri, "version", uri, silent);
	if (!row.secmodels)
		fact_gap(out, FACT_T_LIBVIRT_HYPERVISOR, uri, "secmodels", uri, silent);
}

int collect_libvirt_hypervisor(struct sys *sys, const struct collect_request *req,
			       struct fact_sink *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct libvirt_host host;
	struct rf_err why = {0};
	json_error_t at;

	if (!req->uri)
		return 0;
	if (sys_probe(sys, "libvirt-hypervisor", req->uri, &text, &why) < 0) {
		libvirt_host_look(sys, &host);
		if (host.installed)
			fact_gap(out, FACT_T_LIBVIRT_HYPERVISOR, "", "", req->uri,
				 "libvirt did not answer at %s: %s; start its daemon, or run as a "
				 "user who may connect",
				 req->uri, rf_err_text(&why));
		return 0;
	}
	if (text.len > RF_MAX_JSON_BYTES)
		return rf_fail(err, RF_E_LIMIT, "libvirt's answer has over %u bytes",
			       RF_MAX_JSON_BYTES);
	AUTOJSON json_t *doc =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &at);

	if (!json_is_object(doc))
		return rf_fail(err, RF_E_SYNTAX, "libvirt's answer: line %d: %s", at.line, at.text);
	put(req->uri, doc, out);
	return 0;
}
