/* SPDX-License-Identifier: Apache-2.0 */
/* What a quarantine leaves to a VM is said: each kind, at the levels that it matters at, of this VM
 * and of what it is now alone. */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/remains.h"

#define BOTH                                                                                       \
	"INSERT INTO vm(host, vm, layer, format, name) VALUES"                                     \
	" ('h', 'v1', 'live', 'libvirt', 'web'), ('h', 'v1', 'persistent', 'libvirt', 'web'),"     \
	" ('h', 'v2', 'persistent', 'libvirt', 'other');"
#define DEVICE(layer, name, kind)                                                                  \
	"INSERT INTO vm_device(host, vm, layer, device, kind) VALUES ('h', 'v1', '" layer          \
	"', '" name "', '" kind "');"
#define DISK(device, medium)                                                                       \
	"INSERT INTO vm_disk(host, vm, layer, disk, device, medium) VALUES"                        \
	" ('h', 'v1', 'live', 'sda', '" device "', " medium ");"
#define VNC(policy)                                                                                \
	"INSERT INTO vm_console(host, vm, layer, console, kind, share_policy) VALUES"              \
	" ('h', 'v1', 'live', 'vnc0', 'vnc', '" policy "');"
#define NIC(kind)                                                                                  \
	"INSERT INTO vm_nic(host, vm, layer, nic, kind) VALUES ('h', 'v1', 'live', 'net0', '" kind \
	"');"

static void said(const char *facts, const char *vm, enum quarantine_level level, struct rf_buf *out)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;

	assert_int_equal(fact_store_open(&store, NULL), 0);
	if (sqlite3_exec(fact_store_db(store), BOTH, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(fact_store_db(store), facts, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", facts, sqlite3_errmsg(fact_store_db(store)));
	assert_int_equal(quarantine_remains(store, vm, "web", level, out), 0);
}

static void each_kind_at_its_levels(void **state)
{
	static const struct {
		const char *facts;
		enum quarantine_level from; /* QUARANTINE_LEVEL_COUNT: never */
		const char *words;
	} CASES[] = {
		{"", QUARANTINE_LEVEL_COUNT, NULL},
		{NIC("hostdev"), QUARANTINE_RESTRICT, "is no port of a bridge"},
		{NIC("direct"), QUARANTINE_RESTRICT, "(net0 direct)"},
		{NIC("bridge"), QUARANTINE_LEVEL_COUNT, NULL},
		{NIC("network"), QUARANTINE_LEVEL_COUNT, NULL},
		{DEVICE("live", "hostdev0", "hostdev"), QUARANTINE_RESTRICT, "(hostdev0)"},
		{DEVICE("live", "serial0", "serial"), QUARANTINE_SEAL, "serial console"},
		{DEVICE("live", "redir0", "redirdev"), QUARANTINE_SEAL, "USB"},
		{DEVICE("live", "fs0", "filesystem"), QUARANTINE_SEAL, "(fs0 filesystem)"},
		{DEVICE("live", "vsock0", "vsock"), QUARANTINE_SEAL, "(vsock0 vsock)"},
		{DEVICE("live", "sound0", "sound"), QUARANTINE_LEVEL_COUNT, NULL},
		/* It runs: what only its definition has is not there. */
		{DEVICE("persistent", "hostdev0", "hostdev"), QUARANTINE_LEVEL_COUNT, NULL},
		{DISK("cdrom", "1"), QUARANTINE_SEAL, "(sda)"},
		{DISK("floppy", "1"), QUARANTINE_SEAL, "(sda)"},
		{DISK("cdrom", "0"), QUARANTINE_LEVEL_COUNT, NULL},
		{DISK("disk", "1"), QUARANTINE_LEVEL_COUNT, NULL},
		{VNC(""), QUARANTINE_LEVEL_COUNT, NULL},
		{VNC("allow-exclusive"), QUARANTINE_LEVEL_COUNT, NULL},
		{VNC("ignore"), QUARANTINE_SEAL, "(vnc0 ignore)"},
		{VNC("force-shared"), QUARANTINE_SEAL, "viewers"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++)
		for (int level = 0; level < QUARANTINE_LEVEL_COUNT; level++) {
			RF_AUTOBUF struct rf_buf out = {0};
			bool wanted = level >= (int)CASES[i].from;

			said(CASES[i].facts, "v1", (enum quarantine_level)level, &out);
			if (wanted != (out.len != 0) ||
			    (wanted && (!strstr(rf_buf_text(&out), CASES[i].words) ||
					!rf_starts(rf_buf_text(&out), "web: "))))
				fail_msg("%s at %d: \"%s\"", CASES[i].facts, level,
					 rf_buf_text(&out));
		}
}

static void several_are_one_line_and_no_other_vms(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0}, other = {0};

	(void)state;
	said(DEVICE("live", "hostdev0", "hostdev") DEVICE("live", "hostdev1", "hostdev"), "v1",
	     QUARANTINE_FREEZE, &out);
	assert_non_null(strstr(rf_buf_text(&out), "(hostdev0, hostdev1).\n"));
	said(DEVICE("live", "hostdev0", "hostdev"), "v2", QUARANTINE_FREEZE, &other);
	assert_int_equal(other.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_at_its_levels),
		cmocka_unit_test(several_are_one_line_and_no_other_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
