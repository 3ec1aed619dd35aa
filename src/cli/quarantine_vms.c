/* SPDX-License-Identifier: Apache-2.0 */
/* VMs and records of quarantines, and questions to a person. See quarantine.h. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/quarantine.h"
#include "isolate/vm_now.h"

/* ---- records ---- */

void quarantine_records_done(struct records *records)
{
	rf_free(records->items);
	memset(records, 0, sizeof(*records));
}

int quarantine_record_folder(const char *state, const char *mac, char *out, size_t size)
{
	uint8_t bytes[6];
	char segment[IFNAMSIZ];

	if (guard_mac_parse(mac, bytes) < 0)
		return RF_E_SYNTAX;
	segment_name(bytes, segment);
	return rf_format(out, size, "%s/" QUARANTINE_DIR "/record/%s", state, segment)
		       ? 0
		       : -ENAMETOOLONG;
}

int quarantine_record_load(const char *state, const char *uuid, struct quarantine_record *out,
			   struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[RF_MAX_PATH_BYTES];
	struct rf_err why = {0};

	if (!rf_format(path, sizeof(path), "%s/" QUARANTINE_DIR "/%s", state, uuid))
		return rf_fail(err, -ENAMETOOLONG, "the path is too long");
	int rc = common_read_file(path, QUARANTINE_RECORD_MAX_BYTES, &text, &why);

	if (rc == -ENOENT)
		return rc;
	if (!rc)
		rc = quarantine_record_parse(rf_buf_slice(&text), out, &why);
	return rc ? rf_fail(err, rc, "%s: %.300s", path, rf_err_text(&why)) : 0;
}

int quarantine_records_load(const char *state, struct records *out, struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];
	const struct dirent *entry;
	int rc = 0;

	if (!rf_format(path, sizeof(path), "%s/" QUARANTINE_DIR, state))
		return rf_fail(err, -ENAMETOOLONG, "the path is too long");
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0
				       : rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	while (rc == 0 && (entry = readdir(dir))) {
		struct quarantine_record record;
		struct rf_err why = {0};

		if (strlen(entry->d_name) != 36 ||
		    quarantine_record_load(state, entry->d_name, &record, &why) < 0) {
			if (why.code) {
				fprintf(stderr, "ringfence: %s\n", rf_err_text(&why));
				out->unread++;
			}
			continue;
		}
		rc = rf_grow((void **)&out->items, &out->capacity, out->count + 1,
			     sizeof(*out->items));
		if (!rc)
			out->items[out->count++] = record;
	}
	closedir(dir);
	return rc ? rf_fail(err, rc, "no memory") : 0;
}

/* ---- VMs ---- */

static const char question[] =
	"SELECT v.vm, coalesce(nullif(v.name, ''), v.vm), v.uuid, v.zone, v.class, v.path, v.layer,"
	" n.mac, n.target,"
	" EXISTS (SELECT 1 FROM vm t WHERE t.host = v.host AND t.vm = v.vm AND t.trusted_only = 1),"
	" EXISTS (SELECT 1 FROM vm p WHERE p.host = v.host AND p.vm = v.vm AND p.layer ="
	" 'persistent') FROM vm v LEFT JOIN vm_nic n ON n.host = v.host AND n.vm = v.vm AND n.layer ="
	" v.layer WHERE " VM_NOW
	" AND (?1 IS NULL OR v.name = ?1 OR v.vm = ?1 OR v.uuid = lower(?1))"
	" AND (?2 IS NULL OR v.zone = ?2) ORDER BY v.vm, n.nic";

enum column { VM, NAME, UUID, ZONE, CLASS, PATH, LAYER, MAC, TAP, TRUSTED, STORED };

void quarantine_subjects_done(struct subjects *subjects)
{
	rf_free(subjects->items);
	rf_arena_done(&subjects->texts);
	memset(subjects, 0, sizeof(*subjects));
}

static const char *text_of(struct subjects *s, sqlite3_stmt *row, enum column column)
{
	const char *text = (const char *)sqlite3_column_text(row, (int)column);

	return rf_arena_copy(&s->texts, text ? text : "");
}

/* A definition from a file says what its port would be called; it runs if there is such a link. */
static void nic_take(struct subjects *s, struct subject *subject, sqlite3_stmt *row)
{
	struct quarantine_nic *nic = &subject->nics[subject->vm.nics_count++];

	*nic = (struct quarantine_nic){text_of(s, row, MAC), text_of(s, row, TAP)};
	if (!nic->tap || (nic->tap[0] && !if_nametoindex(nic->tap)))
		nic->tap = "";
	subject->vm.running = subject->vm.running || nic->tap[0];
}

static int row_take(struct subjects *s, const char **last, sqlite3_stmt *row, struct rf_err *err)
{
	const char *key = text_of(s, row, VM);

	if (!key)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!*last || strcmp(*last, key) != 0) {
		if (rf_grow((void **)&s->items, &s->capacity, s->count + 1, sizeof(*s->items)) < 0)
			return rf_fail(err, -ENOMEM, "no memory");
		s->items[s->count++] = (struct subject){
			.vm = {.name = text_of(s, row, NAME),
			       .uuid = text_of(s, row, UUID),
			       .running = strcmp(text_of(s, row, LAYER), "live") == 0,
			       .in_libvirt = text_of(s, row, PATH)[0] == '\0',
			       .persistent = sqlite3_column_int(row, STORED) != 0},
			.zone = text_of(s, row, ZONE),
			.trusted_only = sqlite3_column_int(row, TRUSTED) != 0,
			.class = text_of(s, row, CLASS),
			.key = key};
		*last = key;
	}
	struct subject *subject = &s->items[s->count - 1];

	if (sqlite3_column_type(row, MAC) == SQLITE_NULL)
		return 0;
	if (subject->vm.nics_count == QUARANTINE_MAX_CARDS)
		return rf_fail(err, RF_E_LIMIT, "%s has more than %d network cards",
			       subject->vm.name, QUARANTINE_MAX_CARDS);
	nic_take(s, subject, row);
	return s->texts.failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

void quarantine_subject_settle(struct subject *subject)
{
	subject->vm.nics = subject->nics;
	subject->vm.disks = subject->disks;
}

/* ---- what is limited besides the network ---- */

static const char devices_question[] =
	"WITH v AS (SELECT v.host, v.vm, v.layer FROM vm v WHERE " VM_NOW ")"
	" SELECT d.vm, 'disk', d.disk FROM vm_disk d JOIN v USING (host, vm, layer) WHERE d.medium = 1 "
	"AND d.device IN ('disk', 'lun')"
	" UNION ALL SELECT c.vm, c.kind, c.console FROM vm_console c JOIN v USING (host, vm, layer)"
	" ORDER BY 1, 3";

static struct subject *subject_of(struct subjects *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].key, key) == 0)
			return &s->items[i];
	return NULL;
}

static int device_take(void *arg, sqlite3_stmt *row)
{
	struct subjects *s = arg;
	const char *key = (const char *)sqlite3_column_text(row, 0);
	const char *kind = (const char *)sqlite3_column_text(row, 1);
	struct subject *subject = key && kind ? subject_of(s, key) : NULL;

	if (!subject)
		return 0;
	subject->vm.has_vnc |= strcmp(kind, "vnc") == 0;
	subject->vm.has_spice |= strcmp(kind, "spice") == 0;
	if (strcmp(kind, "disk") != 0)
		return 0;
	if (subject->vm.disks_count == QUARANTINE_MAX_DISKS)
		return RF_E_LIMIT;
	subject->disks[subject->vm.disks_count++] = text_of(s, row, 2);
	return s->texts.failed ? -ENOMEM : 0;
}

int quarantine_subjects_load(struct fact_store *store, const char *name, const char *zone,
			     struct subjects *out, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *last = NULL;
	int rc = 0, step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(fact_store_db(store), question, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 2, zone, -1, SQLITE_STATIC) == SQLITE_OK) {
		while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
			rc = row_take(out, &last, stmt, err);
	}
	sqlite3_finalize(stmt);
	if (rc == 0 && step == SQLITE_DONE)
		rc = fact_store_each(store, devices_question, device_take, out);
	else if (rc == 0)
		rc = RF_E_DATABASE;
	/* Items moved while the list grew. */
	for (size_t i = 0; i < out->count; i++)
		quarantine_subject_settle(&out->items[i]);
	return rc < 0 && !(err && err->code)
		       ? rf_fail(err, rc, "the facts about VMs cannot be read: %s",
				 rf_code_text(rc))
		       : rc;
}

/* ---- a person ---- */

static bool line_ask(const char *prompt, char *out, size_t size)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fprintf(stderr, "%s", prompt);
	fflush(stderr);
	if (!fgets(out, (int)size, stdin))
		return false;
	memmove(out, rf_trim(out), strlen(rf_trim(out)) + 1);
	return out[0] != '\0';
}

int quarantine_reason(const struct cli_args *args, char *out, size_t size, struct rf_err *err)
{
	const char *reason = cli_value(args, OPT_REASON);

	if (reason && reason[0]) {
		if (!rf_copy(out, size, reason))
			return rf_fail(err, RF_E_LIMIT, "--reason: at most %zu bytes", size - 1);
		for (char *p = out; *p; p++)
			*p = (unsigned char)*p < ' ' ? ' ' : *p;
		return 0;
	}
	if (line_ask("Why? (one sentence, for the ledger) ", out, size))
		return 0;
	return rf_fail(err, RF_E_USAGE,
		       "--reason: say why, in one sentence; it goes into the "
		       "ledger");
}

bool quarantine_agreed(const struct cli_args *args, const char *question_text)
{
	char answer[16];

	if (cli_has(args, OPT_YES))
		return true;
	return line_ask(question_text, answer, sizeof(answer)) &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}
