/* SPDX-License-Identifier: Apache-2.0 */
/* A row for each kind of thing that stays with a VM in quarantine. See remains.h. */
#include "isolate/remains.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/vm_now.h"

/* Things of the VM ?1 as it is now: which, one name behind the other. */
#define WHICH(name, table, where)                                                                  \
	"SELECT group_concat(" name ", ', ') FROM (SELECT d.* FROM " table " d JOIN vm v ON "      \
	"v.host = d.host AND v.vm = d.vm AND v.layer = d.layer WHERE " VM_NOW                      \
	" AND v.vm = ?1 AND " where " ORDER BY 4) d"

static const struct {
	enum quarantine_level from;
	const char *which, *words;
} rows[] = {
	{QUARANTINE_RESTRICT,
	 WHICH("d.nic || ' ' || d.kind", "vm_nic",
	       "d.kind NOT IN ('network', 'bridge', 'ethernet', 'null')"),
	 "a network card is no port of a bridge, so that the guard sees none of its frames; take it "
	 "away (virsh detach-interface) or freeze the VM"},
	{QUARANTINE_RESTRICT, WHICH("d.device", "vm_device", "d.kind = 'hostdev'"),
	 "it keeps devices of the host, and what it does by them passes no guard"},
	{QUARANTINE_SEAL,
	 WHICH("d.device", "vm_device", "d.kind IN ('serial', 'console', 'parallel')"),
	 "its serial console stays open: QEMU could not give it back as it was"},
	{QUARANTINE_SEAL,
	 WHICH("d.console || ' ' || d.share_policy", "vm_console",
	       "d.kind = 'vnc' AND d.share_policy IN ('ignore', 'force-shared')"),
	 "viewers of its VNC screen stay connected: its share policy has nobody put out"},
	{QUARANTINE_SEAL, WHICH("d.device", "vm_device", "d.kind = 'redirdev'"),
	 "USB devices of a viewer's can still be redirected to it"},
	{QUARANTINE_SEAL,
	 WHICH("d.disk", "vm_disk", "d.device IN ('cdrom', 'floppy') AND d.medium = 1"),
	 "media stay in its drives (virsh change-media --eject takes them out)"},
	{QUARANTINE_SEAL,
	 WHICH("d.device || ' ' || d.kind", "vm_device",
	       "d.kind IN ('filesystem', 'shmem', 'vsock', 'smartcard')"),
	 "it goes on sharing these with the host"},
};

int quarantine_remains(struct fact_store *store, const char *vm, const char *name,
		       enum quarantine_level level, struct rf_buf *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(rows); i++) {
		if (level < rows[i].from)
			continue;
		bool good = sqlite3_prepare_v2(fact_store_db(store), rows[i].which, -1, &stmt,
					       NULL) == SQLITE_OK &&
			    sqlite3_bind_text(stmt, 1, vm, -1, SQLITE_STATIC) == SQLITE_OK &&
			    sqlite3_step(stmt) == SQLITE_ROW;
		const char *which = good ? (const char *)sqlite3_column_text(stmt, 0) : NULL;

		if (which && which[0])
			rf_buf_printf(out, "%s: %s (%s).\n", name, rows[i].words, which);
		sqlite3_finalize(stmt);
		rc = good ? 0 : RF_E_DATABASE;
	}
	return rc || !out->failed ? rc : -ENOMEM;
}
