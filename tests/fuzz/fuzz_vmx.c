/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a .vmx and as its list of snapshots: decode, parse, and write every fact row. */
#include <stdint.h>
#include <stdlib.h>

#include "collect/vmx_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encodes each row as the pipe to the judge would, so that every text is looked at. */
static int put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	RF_AUTOBUF struct rf_buf message = {0};

	return fact_encode(table, sink->host, row, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fact_sink sink = {.put = put, .host = "h"};
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	struct vmx_snapshots snapshots;
	enum vmx_encoding result;
	struct vmx_vm vm;
	char name[64];

	if (size > RF_MAX_VMX_BYTES || rf_buf_add(&text, data, size))
		return 0;
	if (vmx_to_utf8(&text, name, sizeof(name), &result) ||
	    vmx_parse(&vmx, (char *)text.data, text.len, NULL))
		return 0;
	/* Every name finds its own last entry. */
	for (size_t i = 0; i < vmx.count; i++) {
		const struct vmx_entry *e = vmx_find(&vmx, vmx.entries[i].key);

		if (!e || e->superseded)
			abort();
	}
	vmx_snapshots_read(&vmx, &snapshots);
	vmx_vm_init(&vm, &sink, &vmx, "/vm/fuzz.vmx");
	vmx_facts(&vm, &snapshots);
	return 0;
}
