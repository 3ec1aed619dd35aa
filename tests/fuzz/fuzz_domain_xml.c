/* SPDX-License-Identifier: Apache-2.0 */
/* Domain XML to rows, their digest, and the differences to a fixed definition. */
#include "virt_fuzz.h"

#include "collect/domain.h"

static const char other[] =
	"<domain type='kvm'><name>a</name><memory>1</memory><devices><disk type='file'><source "
	"file='/a'/><target dev='vda'/></disk><interface type='user'/><graphics type='vnc'/><serial "
	"type='pty'/></devices></domain>";

static int read_one(struct rf_slice in, struct domain_source *src, struct fact_sink *sink,
		    struct xml_doc *doc, struct domain_facts *facts)
{
	if (xml_parse(in, "fuzz", doc, NULL) < 0)
		return -1;
	const struct xml_node *domain = domain_find(doc->root);

	return domain ? domain_read(domain, src, sink, facts, NULL) : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain_source a = {
		.vm = "v", .layer = "persistent", .path = "/x", .state = "", .source = "/x"};
	struct domain_source b = {
		.vm = "v", .layer = "live", .path = "", .state = "running", .source = "u"};
	struct fact_sink sink = FUZZ_SINK;
	struct xml_doc docs[2] = {0};
	struct domain_facts facts[2] = {0};

	if (read_one((struct rf_slice){data, size}, &a, &sink, &docs[0], &facts[0]) == 0) {
		domain_put(&facts[0], &sink);
		if (read_one(rf_slice_text(other), &b, &sink, &docs[1], &facts[1]) == 0)
			(void)domain_differ(&facts[0], &facts[1], &sink);
	}
	for (int i = 0; i < 2; i++) {
		domain_done(&facts[i]);
		xml_done(&docs[i]);
	}
	return 0;
}
