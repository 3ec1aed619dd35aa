/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The promises about disks, by facts: a row for each, a question to the store that answers what is
 * configured, enforced and proven, and with which evidence. NULL is "not asked" or "not known", and
 * no answer for a disk is no promise. Sections are those of README.md, "Disks".
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/disk.h"
#include "isolate/tune.h"
#include "isolate/vm_now.h"

/* What runs, else what is defined. :vm is the VM's name. Media only. */
#define DISKS                                                                                      \
	"WITH me AS (SELECT v.* FROM vm v WHERE " VM_NOW " AND coalesce(nullif(v.name, ''), "      \
	"v.vm) = :vm), mine AS (SELECT d.*, me.state FROM vm_disk d JOIN me ON me.host = d.host "  \
	"AND me.vm = d.vm AND me.layer = d.layer WHERE d.medium = 1),"                             \
	" kept AS (SELECT * FROM mine WHERE device IN ('disk', 'lun'))"
/* Other VMs that name the same image, running or defined. */
#define OTHERS                                                                                     \
	"(SELECT group_concat(DISTINCT o.vm) FROM vm_disk o WHERE o.host = k.host AND o.vm <> "    \
	"k.vm AND o.layer IN ('live', 'persistent') AND o.path = k.path AND o.pool = k.pool AND "  \
	"k.path <> '' AND NOT (coalesce(o.readonly, 0) AND coalesce(k.readonly, 0)))"
/* And those that name the same LUN, whatever they call it. */
#define SHARERS                                                                                    \
	"(SELECT group_concat(DISTINCT o.vm) FROM vm_disk o WHERE o.host = k.host AND o.vm <> "    \
	"k.vm AND o.layer IN ('live', 'persistent') AND o.lun = k.lun AND k.lun <> '' AND NOT "    \
	"(coalesce(o.readonly, 0) AND coalesce(k.readonly, 0)))"
/* The thin volume that a disk is. */
#define THIN                                                                                       \
	"LEFT JOIN thin_volume t ON t.host = k.host AND (t.path = k.path OR t.mapper = k.path) "   \
	"LEFT JOIN thin_pool p ON p.host = t.host AND p.pool = t.pool"
#define PROCESS	     "vm_process p JOIN me ON me.host = p.host AND me.layer = 'live' AND p.vm = me.vm"
#define OPTION(name) "(SELECT q.value FROM qemu_option q WHERE q.key = '" name "')"

static const struct row {
	const char *what;
	/* disk, configured, enforced, proven, evidence */
	const char *question;
} rows[] = {
	{"1. no other VM writes its image",
	 DISKS " SELECT k.disk, :listed OR NOT coalesce(k.shareable, 0), :listed OR " OTHERS
	       " IS NULL, CASE WHEN k.state = 'running' AND NOT k.readonly THEN k.locked END,"
	       " CASE WHEN :listed THEN 'the policy lists it as shared; ' ELSE '' END || "
	       "CASE WHEN k.shareable THEN 'shareable in the definition; ' ELSE '' END || "
	       "coalesce('also of ' || " OTHERS " || '; ', '') || k.path || "
	       "CASE k.locked WHEN 1 THEN ': a process holds its lock' WHEN 0 THEN ': nobody holds "
	       "a lock on it' ELSE '' END FROM kept k"},
	{"1. images are locked against other hosts",
	 DISKS " SELECT '', CASE WHEN :locking THEN coalesce(" OPTION(
		 "lock_manager") ", 'nop') IN ('lockd', 'sanlock') END, NULL, NULL, 'qemu.conf "
				 "lock_manager = ' || coalesce(" OPTION(
					 "lock_manager") ", 'not known') FROM me WHERE :locking"},
	{"2. its process is confined by a label of its own", DISKS
	 " SELECT '', coalesce((SELECT h.secmodels <> 'dac' AND h.secmodels <> '' AND "
	 "h.secmodels <> 'none' FROM libvirt_hypervisor h LIMIT 1), " OPTION(
		 "security_driver") " NOT IN ('', 'none', 'dac')), coalesce(p.label_enforced, "
				    "0), NOT coalesce(p.label_shared, 0), '/proc/' || p.pid "
				    "|| ': label ' || "
				    "coalesce(nullif(p.label, ''), 'none') FROM " PROCESS},
	{"2. its process holds no rights and has a filter of system calls",
	 DISKS " SELECT '', NOT (p.has_caps AND p.uid = 0), p.mnt_ns_private, NOT p.has_caps AND "
	       "p.seccomp = 2 AND p.no_new_privs, '/proc/' || p.pid || ': user ' || "
	       "coalesce(p.account, p.uid) || ', CapEff ' || coalesce(p.cap_effective, '?') || ', "
	       "Seccomp ' || coalesce(p.seccomp, '?') || ', NoNewPrivs ' || "
	       "coalesce(p.no_new_privs, '?') || CASE p.mnt_ns_private WHEN 0 THEN ', the host''s "
	       "own mount namespace' ELSE '' END FROM " PROCESS},
	{"3. nobody else may read or write its image", DISKS
	 " SELECT k.disk, NULL, NOT k.other_read AND NOT k.group_other_write, NULL, k.path || "
	 "' ' || coalesce(k.mode_text, '?') || ' ' || coalesce(k.owner, '?') || ':' || "
	 "coalesce(k.grp, '?') FROM kept k WHERE k.mode_bits IS NOT NULL"},
	{"3. nobody else may list or write its pool", DISKS
	 " SELECT k.disk, NULL, NOT s.other_read AND NOT s.other_write, NULL, s.path || ' ' "
	 "|| printf('%04o', s.mode) || ' ' || coalesce(s.owner, '?') FROM kept k JOIN "
	 "storage_pool s ON s.host = k.host AND s.kind = 'dir' AND (s.pool = k.pool OR "
	 "rtrim(s.path, '/') || '/' = substr(k.path, 1, length(rtrim(s.path, '/')) + 1)) WHERE "
	 "s.mode IS NOT NULL"},
	{"4. its image is encrypted",
	 DISKS " SELECT k.disk, k.encrypted, coalesce((SELECT v.encrypted FROM volume v WHERE "
	       "v.host = k.host AND v.path = k.path), k.encrypted), k.luks, k.path || CASE k.luks "
	       "WHEN 1 THEN ': LUKS header' WHEN 0 THEN ': no LUKS header' ELSE '' END FROM kept k "
	       "WHERE :encryption"},
	{"5. its format is stated, also below it: content is not probed",
	 DISKS " SELECT k.disk, k.format_stated AND coalesce(k.backing_format_stated, 1), NULL, "
	       "NULL, 'format ' || coalesce(nullif(k.format, ''), 'not stated') || ', ' || "
	       "coalesce(k.backing_depth, '?') || ' images below' FROM kept k"},
	{"5. what it deletes is given back",
	 DISKS " SELECT k.disk, k.discard = 'unmap', NULL, NULL, 'discard ' || "
	       "coalesce(nullif(k.discard, ''), 'not set') FROM kept k WHERE k.discard = 'unmap'"},
	/* A file system gives nobody another's old blocks; a volume on the bare device may. */
	{"5. nobody's old blocks are in it, and nobody gets its own", DISKS
	 " SELECT k.disk, CASE WHEN k.encrypted = 1 OR k.kind = 'file' THEN 1 WHEN t.volume IS "
	 "NOT NULL THEN p.zeroes WHEN k.kind = 'block' THEN k.sampled_count IS NOT NULL AND "
	 "k.blank_count = k.sampled_count END, NULL, CASE WHEN k.kind = 'block' AND k.encrypted "
	 "IS NOT 1 AND k.blank_count = k.sampled_count THEN 1 END, CASE WHEN "
	 "k.encrypted = 1 THEN 'encrypted: what is left of it says nothing' WHEN k.kind = 'file' "
	 "THEN 'a file: its file system hands out zeros' WHEN t.volume IS NOT NULL THEN 'thin "
	 "pool ' || t.pool || CASE p.zeroes WHEN 1 THEN ' zeroes a block before it is handed "
	 "out' WHEN 0 THEN ' hands out blocks as they were (lvchange --zero y)' ELSE ': not "
	 "known' END WHEN k.kind = 'block' THEN k.path || ': nothing wipes a device or volume "
	 "that is given to the next (virsh vol-wipe, or encrypt it)' ELSE k.kind || ': not "
	 "known' END || coalesce('; ' || k.blank_count || ' of ' || k.sampled_count || ' sampled "
	 "blocks are blank', '') FROM kept k " THIN " WHERE :residue"},
	/* What the next VM is given. */
	{"5. volumes of its pools that no VM has are blank", DISKS
	 " SELECT '', NULL, NULL, min(v.blank_count = v.sampled_count), count(*) || ' volumes, ' "
	 "|| sum(v.blank_count) || ' of ' || sum(v.sampled_count) || ' sampled blocks are blank' "
	 "|| coalesce('; not: ' || group_concat(CASE WHEN v.blank_count < v.sampled_count THEN "
	 "v.path END, ', ') || ' (virsh vol-wipe)', '') FROM volume v WHERE :residue AND "
	 "v.sampled_count IS NOT NULL AND EXISTS (SELECT 1 FROM kept k JOIN volume w ON w.host = "
	 "k.host AND (w.path = k.path OR (w.pool = k.pool AND w.volume = k.path)) WHERE w.host = "
	 "v.host AND w.pool = v.pool) AND NOT EXISTS (SELECT 1 FROM vm_disk o WHERE o.host = "
	 "v.host AND (o.path = v.path OR (o.pool = v.pool AND o.path = v.volume))) HAVING "
	 "count(*) > 0"},
	{"6. what its cgroup limits of devices holds", DISKS
	 " SELECT '', NULL, g.io_limited, NULL, 'io.max ' || g.io_max FROM me JOIN vm_process q "
	 "ON q.host = me.host AND q.vm = me.vm AND me.layer = 'live' JOIN vm_cgroup g ON g.host "
	 "= q.host AND g.pid = q.pid WHERE g.io_max <> ''"},
	{"7. its LUN is its own", DISKS
	 " SELECT k.disk, :listed OR " SHARERS " IS NULL, NULL, NULL, 'LUN ' || k.lun || "
	 "coalesce(' of ' || (SELECT nullif(trim(l.vendor || ' ' || l.model), '') FROM lun l "
	 "WHERE l.host = k.host AND l.wwid = k.lun LIMIT 1), '') || coalesce(', ' || (SELECT "
	 "l.paths_count FROM lun l WHERE l.host = k.host AND l.wwid = k.lun AND l.kind = "
	 "'multipath') || ' paths', '') || coalesce(', also of ' || " SHARERS ", '') FROM kept "
	 "k WHERE k.lun <> ''"},
	{"7. its remote storage asks for credentials and is encrypted on the way",
	 DISKS " SELECT k.disk, k.auth AND k.tls, NULL, NULL, k.path || CASE k.auth WHEN 1 THEN '' "
	       "ELSE ', no credentials' END || CASE k.tls WHEN 1 THEN '' ELSE ', no TLS' END FROM "
	       "kept k WHERE k.kind = 'network'"},
	{"8. it is no device of the host's own, and takes no raw SCSI commands", DISKS
	 " SELECT k.disk, NOT k.rawio AND k.sgio <> 'unfiltered', NOT coalesce(k.host_device, "
	 "0) AND (k.kind <> 'block' OR k.stable_name), NULL, k.kind || ' ' || k.path || CASE "
	 "k.host_device WHEN 1 THEN ', which the host itself uses' ELSE '' END || CASE WHEN "
	 "k.kind = 'block' AND NOT k.stable_name THEN ', a name that may be another disk''s "
	 "after a boot' ELSE '' END || CASE k.rawio WHEN 1 THEN ', rawio' ELSE '' END FROM "
	 "kept k"},
	{"8. no folder of the host is shared with it", DISKS
	 " SELECT '', count(d.device) = 0, NULL, NULL, coalesce(group_concat(d.path), 'none') "
	 "FROM me LEFT JOIN vm_device d ON d.host = me.host AND d.vm = me.vm AND d.layer = "
	 "me.layer AND d.kind = 'filesystem' GROUP BY me.vm"},
	{"8. no medium is in its drives", DISKS
	 " SELECT m.disk, 0, NULL, NULL, m.device || ' ' || m.path FROM mine m WHERE m.device "
	 "IN ('cdrom', 'floppy')"},
	{"10. its pool has room", DISKS
	 " SELECT k.disk, NULL, s.free_pct >= 10, NULL, s.pool || ': ' || s.free_pct || '% "
	 "free' FROM kept k JOIN storage_pool s ON s.host = k.host AND (s.pool = k.pool OR "
	 "rtrim(s.path, '/') || '/' = substr(k.path, 1, length(rtrim(s.path, '/')) + 1)) WHERE "
	 "s.free_pct IS NOT NULL"},
	{"10. growing to its size it does not fill its pool", DISKS
	 " SELECT k.disk, NULL, CASE WHEN k.virtual_bytes IS NOT NULL AND s.free_bytes IS NOT "
	 "NULL THEN k.virtual_bytes - coalesce(v.allocation_bytes, 0) <= s.free_bytes OR "
	 "coalesce((SELECT m.options LIKE '%prjquota%' OR m.options LIKE '%pquota%' FROM mount m "
	 "WHERE m.host = k.host AND (k.path LIKE rtrim(m.target, '/') || '/%') ORDER BY "
	 "length(m.target) DESC LIMIT 1), 0) END, NULL, s.pool || ': ' || k.virtual_bytes || ' "
	 "bytes at most, ' || coalesce(v.allocation_bytes, 0) || ' taken, ' || s.free_bytes || ' "
	 "free' FROM kept k JOIN volume v ON v.host = k.host AND v.path = k.path JOIN "
	 "storage_pool s ON s.host = v.host AND s.pool = v.pool WHERE k.virtual_bytes IS NOT "
	 "NULL AND s.free_bytes IS NOT NULL"},
	{"10. what it writes to its console is capped",
	 DISKS " SELECT '', CAST(o.value AS INTEGER) > 0, NULL, NULL, 'virtlogd max_size = ' || "
	       "o.value FROM me JOIN libvirt_option o ON o.host = me.host AND o.key = "
	       "'virtlogd/max_size'"},
};

struct asking {
	const char *vm;
	const struct disk_profile *profile;
	const struct disk_input *input;
	struct isolate_promises *out;
	bool listed; /* every disk that it shares is one that may be */
};

static enum promise_answer answer(sqlite3_stmt *stmt, int column)
{
	if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
		return PROMISE_NOT_ASKED;
	return sqlite3_column_int(stmt, column) ? PROMISE_YES : PROMISE_NO;
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

static bool listed(const struct yaml_node *globs, const char *path)
{
	if (globs && globs->kind == YAML_TEXT)
		return rf_glob(globs->text, path);
	for (size_t i = 0; globs && i < globs->items_count; i++) {
		if (globs->items[i].kind == YAML_TEXT && rf_glob(globs->items[i].text, path))
			return true;
	}
	return false;
}

static void subject_name(struct isolate_promise *p, const char *vm, const char *disk)
{
	rf_format(p->subject, sizeof(p->subject), "%.100s%s%.40s", vm, disk[0] ? " disk " : "",
		  disk);
}

static int row_take(const struct asking *a, const struct row *row, sqlite3_stmt *stmt)
{
	struct isolate_promise p = {.configured = answer(stmt, 1),
				    .enforced = answer(stmt, 2),
				    .proven = answer(stmt, 3)};

	subject_name(&p, a->vm, text_of(stmt, 0));
	rf_copy(p.what, sizeof(p.what), row->what);
	rf_copy(p.evidence, sizeof(p.evidence), text_of(stmt, 4));
	return isolate_promise_add(a->out, &p);
}

static void bind(sqlite3_stmt *stmt, const char *name, int value)
{
	int at = sqlite3_bind_parameter_index(stmt, name);

	if (at)
		sqlite3_bind_int(stmt, at, value);
}

/* Whether every disk that is shared is one that may be. */
static bool shared_are_listed(const struct asking *a)
{
	bool any = false;

	for (size_t i = 0; i < a->input->count; i++) {
		const struct disk_item *item = &a->input->items[i];

		if (strcmp(item->vm, a->vm) != 0 || !item->shareable)
			continue;
		if (!listed(a->profile->shared, item->path))
			return false;
		any = true;
	}
	return any;
}

static int question_ask(const struct asking *a, const struct row *row, sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0, step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(db, row->question, -1, &stmt, NULL) == SQLITE_OK) {
		int at = sqlite3_bind_parameter_index(stmt, ":vm");

		sqlite3_bind_text(stmt, at, a->vm, -1, SQLITE_STATIC);
		bind(stmt, ":listed", a->listed);
		bind(stmt, ":locking", a->profile->locking);
		bind(stmt, ":encryption", a->profile->encryption);
		bind(stmt, ":residue", a->profile->residue);
		while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
			rc = row_take(a, row, stmt);
	}
	sqlite3_finalize(stmt);
	return rc == 0 && step != SQLITE_DONE ? RF_E_DATABASE : rc;
}

static int paths_look(const struct asking *a)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && a->profile->paths && i < a->input->count; i++) {
		const struct disk_item *item = &a->input->items[i];
		struct isolate_promise p = {.enforced = PROMISE_NOT_ASKED,
					    .proven = PROMISE_NOT_ASKED};

		if (strcmp(item->vm, a->vm) != 0)
			continue;
		p.configured = listed(a->profile->paths, item->path) ? PROMISE_YES : PROMISE_NO;
		subject_name(&p, a->vm, item->disk);
		rf_copy(p.what, sizeof(p.what), "8. its image lies where the policy allows");
		rf_copy(p.evidence, sizeof(p.evidence), item->path);
		rc = isolate_promise_add(a->out, &p);
	}
	return rc;
}

/* ---- 7 and 8: what the policy names ---- */

static int text_bind(sqlite3 *db, const char *question, const char *vm, sqlite3_stmt **out)
{
	if (sqlite3_prepare_v2(db, question, -1, out, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(*out, 1, vm, -1, SQLITE_STATIC) != SQLITE_OK)
		return RF_E_DATABASE;
	return 0;
}

/* A LUN may be reached by many names: its number worldwide is what the policy lists. */
static int luns_look(const struct asking *a, sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int rc = a->profile->luns
			 ? text_bind(db,
				     DISKS " SELECT k.disk, k.lun, k.state = 'running' FROM "
					   "kept k WHERE k.lun <> ''",
				     a->vm, &stmt)
			 : 0;

	while (rc == 0 && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct isolate_promise p = {.enforced = PROMISE_NOT_ASKED,
					    .proven = PROMISE_NOT_ASKED};

		p.configured =
			listed(a->profile->luns, text_of(stmt, 1)) ? PROMISE_YES : PROMISE_NO;
		if (sqlite3_column_int(stmt, 2))
			p.enforced = p.configured;
		subject_name(&p, a->vm, text_of(stmt, 0));
		rf_copy(p.what, sizeof(p.what), "7. its LUN is one that the policy lists");
		rf_format(p.evidence, sizeof(p.evidence), "LUN %.200s", text_of(stmt, 1));
		rc = isolate_promise_add(a->out, &p);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : rc > 0 ? RF_E_DATABASE : rc;
}

/* What the definition does not tell: what its process really has open, by the name that the
 * definition has for it. Firmware and its variables are no disks. */
static int open_look(const struct asking *a, sqlite3 *db)
{
	struct isolate_promise p = {.configured = PROMISE_NOT_ASKED,
				    .enforced = PROMISE_NOT_ASKED,
				    .proven = PROMISE_YES};
	sqlite3_stmt *stmt = NULL;
	unsigned count = 0;
	int rc =
		a->profile->paths
			? text_bind(
				  db,
				  DISKS
				  " SELECT coalesce((SELECT m.path FROM mine m JOIN "
				  "vm_option r ON r.host = m.host AND r.vm = m.vm AND "
				  "r.layer = m.layer AND r.key = 'resolved/' || m.disk AND "
				  "r.value = o.path), o.path) FROM me JOIN vm_process q ON q.host = "
				  "me.host AND q.vm = me.vm AND me.layer = 'live' JOIN "
				  "vm_open_file o ON o.host = q.host AND o.pid = q.pid "
				  "WHERE o.kind = 'disk' AND o.path NOT LIKE '/usr/%' AND "
				  "o.path NOT LIKE '/var/lib/libvirt/qemu/%' ORDER BY 1",
				  a->vm, &stmt)
			: 0;

	while (rc == 0 && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = 0;
		count++;
		if (p.proven == PROMISE_NO || listed(a->profile->paths, text_of(stmt, 0)))
			continue;
		p.proven = PROMISE_NO;
		rf_format(p.evidence, sizeof(p.evidence), "it has %.200s open", text_of(stmt, 0));
	}
	sqlite3_finalize(stmt);
	if (rc != 0 && rc != SQLITE_DONE)
		return RF_E_DATABASE;
	if (!count)
		return 0;
	subject_name(&p, a->vm, "");
	rf_copy(p.what, sizeof(p.what),
		"8. its process has no image or device open that the policy does not allow");
	if (p.proven == PROMISE_YES)
		rf_format(p.evidence, sizeof(p.evidence), "%u open", count);
	return isolate_promise_add(a->out, &p);
}

/* ---- 6: limits ---- */

/* Whether a disk has what is wanted, and no limit that is not. */
static bool limits_same(const char *wanted, const char *have)
{
	const struct tune_row *row = tune_find("disk.limits");

	for (size_t i = 0; i < row->fields_count; i++) {
		const char *name = row->fields[i].name;

		/* How long a burst may last means nothing without one, and is 1 where none is said.
		 */
		if (!rf_ends(name, "_max_length") &&
		    tune_field(wanted, name) != tune_field(have, name))
			return false;
	}
	return true;
}

struct limits {
	char stored[512], live[512];
	bool is_stored, is_live;
};

static int limits_take(void *arg, sqlite3_stmt *stmt)
{
	struct limits *l = arg;
	bool live = sqlite3_column_int(stmt, 0) != 0;

	rf_format(live ? l->live : l->stored, sizeof(l->live), "%.500s", text_of(stmt, 1));
	l->is_live |= live;
	l->is_stored |= !live;
	return 0;
}

static int limits_read(sqlite3 *db, const struct disk_item *item, struct limits *out)
{
	static const char question[] =
		"SELECT d.layer = 'live', coalesce(d.limits, '') FROM vm_disk d JOIN vm v ON v.host = "
		"d.host AND v.vm = d.vm AND v.layer = d.layer WHERE v.format = 'libvirt' AND "
		"coalesce(nullif(v.name, ''), v.vm) = ?1 AND d.disk = ?2 AND d.layer IN ('live', "
		"'persistent')";
	sqlite3_stmt *stmt = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(db, question, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 1, item->vm, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 2, item->disk, -1, SQLITE_STATIC) == SQLITE_OK)
		while ((step = sqlite3_step(stmt)) == SQLITE_ROW)
			(void)limits_take(out, stmt);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? 0 : RF_E_DATABASE;
}

static enum promise_answer limits_answer(bool there, const char *wanted, const char *have)
{
	if (!there)
		return PROMISE_NOT_ASKED;
	return limits_same(wanted, have) ? PROMISE_YES : PROMISE_NO;
}

/* What the definition says is configured; what libvirt says of the running VM, which is what QEMU
 * took, is enforced. Whether QEMU obeys would take a load of our own in the guest: not proven. */
static int limits_look(const struct asking *a, sqlite3 *db)
{
	RF_AUTOBUF struct rf_buf wanted = {0};
	int rc = 0;

	if (!a->profile->limits)
		return 0;
	disk_limits_words(a->profile, &wanted);
	for (size_t i = 0; rc == 0 && i < a->input->count; i++) {
		const struct disk_item *item = &a->input->items[i];
		struct isolate_promise p = {.proven = PROMISE_NOT_ASKED};
		struct limits l = {.is_live = false};

		if (strcmp(item->vm, a->vm) != 0)
			continue;
		rc = limits_read(db, item, &l);
		p.configured = limits_answer(l.is_stored, rf_buf_text(&wanted), l.stored);
		p.enforced = limits_answer(l.is_live, rf_buf_text(&wanted), l.live);
		subject_name(&p, a->vm, item->disk);
		rf_copy(p.what, sizeof(p.what),
			"6. it reads and writes no more than the policy allows");
		rf_format(p.evidence, sizeof(p.evidence), "definition: %.140s; running: %.140s",
			  l.stored[0] ? l.stored : "no limit",
			  !l.is_live  ? "it does not"
			  : l.live[0] ? l.live
				      : "no limit");
		if (!rc)
			rc = isolate_promise_add(a->out, &p);
	}
	return rc;
}

int disk_promises_add(const struct policy *policy, const struct disk_input *input,
		      struct fact_store *store, struct isolate_promises *out, struct rf_err *err)
{
	for (size_t i = 0; i < input->count; i++) {
		const struct disk_item *item = &input->items[i];
		const char *name = "";
		struct asking a = {.vm = item->vm, .input = input, .out = out};
		int rc = 0;

		/* Sorted by VM: once for each. */
		if (i > 0 && strcmp(input->items[i - 1].vm, item->vm) == 0)
			continue;
		a.profile = disk_profile_of(policy, item->vm, item->class, &name);
		if (!a.profile || !a.profile->said)
			continue;
		a.listed = shared_are_listed(&a);
		for (size_t k = 0; rc == 0 && k < RF_COUNT(rows); k++)
			rc = question_ask(&a, &rows[k], fact_store_db(store));
		if (rc == 0)
			rc = limits_look(&a, fact_store_db(store));
		if (rc == 0)
			rc = paths_look(&a);
		if (rc == 0)
			rc = luns_look(&a, fact_store_db(store));
		if (rc == 0)
			rc = open_look(&a, fact_store_db(store));
		if (rc < 0)
			return rf_fail(err, rc, "%.60s: the facts about its disks: %s", item->vm,
				       rf_code_text(rc));
	}
	return 0;
}
