/* SPDX-License-Identifier: Apache-2.0 */
/* The network cards of libvirt's VMs, out of the facts (vm, vm_nic). See policy.h. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/policy.h"
#include "isolate/vm_now.h"

/* A running VM is what runs; one that is off is its definition. */
static const char question[] =
	"SELECT coalesce(nullif(v.name, ''), v.vm), v.class, v.zone, n.nic, n.mac, n.target, n.kind"
	" FROM vm_nic n JOIN vm v ON v.host = n.host AND v.vm = n.vm AND v.layer = n.layer"
	" WHERE " VM_NOW " ORDER BY 1, n.nic, n.layer";

void policy_nics_done(struct policy_nics *nics)
{
	rf_free(nics->items);
	rf_arena_done(&nics->texts);
	memset(nics, 0, sizeof(*nics));
}

static int row_take(void *arg, sqlite3_stmt *stmt)
{
	struct policy_nics *nics = arg;
	const char *texts[7];

	if (rf_grow((void **)&nics->items, &nics->capacity, nics->count + 1, sizeof(*nics->items)) <
	    0)
		return -ENOMEM;
	for (int i = 0; i < 7; i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		texts[i] = rf_arena_copy(&nics->texts, text ? text : "");
	}
	nics->items[nics->count++] = (struct policy_nic){.vm = texts[0],
							 .class = texts[1],
							 .zone = texts[2],
							 .nic = texts[3],
							 .mac = texts[4],
							 .tap = texts[5],
							 .kind = texts[6]};
	return nics->texts.failed ? -ENOMEM : 0;
}

int policy_nics_load(struct fact_store *store, struct policy_nics *out, struct rf_err *err)
{
	struct policy_nics nics = {0};
	int rc = fact_store_each(store, question, row_take, &nics);

	if (rc < 0) {
		policy_nics_done(&nics);
		return rf_fail(err, rc, "the facts about VMs cannot be read");
	}
	*out = nics;
	return 0;
}
