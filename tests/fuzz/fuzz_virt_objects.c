/* SPDX-License-Identifier: Apache-2.0 */
/* Networks, network filters, pools, volumes and secrets; several documents split by a NUL. */
#include <string.h>

#include "virt_fuzz.h"

#include "collect/network_xml.h"
#include "collect/nwfilter_xml.h"

static void one(struct rf_slice in, struct nwfilter_set *set, struct fact_sink *sink)
{
	XML_AUTODOC struct xml_doc doc = {0};
	struct object_state state = {.layer = "persistent", .source = "/x"};

	if (xml_parse(in, "fuzz", &doc, NULL) < 0)
		return;
	(void)network_put(doc.root, &state, sink);
	(void)pool_put(doc.root, &state, NULL, sink);
	(void)volume_put(doc.root, "p", NULL, "/x", NULL, sink);
	(void)secret_put(doc.root, "/x", sink);
	if (nwfilter_add(set, doc.root, "/x", NULL) < 0)
		return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	NWFILTER_AUTOSET struct nwfilter_set set = {0};
	struct fact_sink sink = FUZZ_SINK;

	while (size > 0) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		one((struct rf_slice){data, len}, &set, &sink);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	nwfilter_put(&set, true, &sink);
	nwfilter_put(&set, false, &sink);
	return 0;
}
