/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence quarantine --status: what the records say, beside what guard and recorder have. */
#include <errno.h>
#include <net/if.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/quarantine.h"
#include "cli/rows.h"
#include "respond/recorder.h"

static const char create[] =
	"CREATE TABLE t (vm TEXT, level TEXT, in_force TEXT, since TEXT, days INT, by TEXT, reason "
	"TEXT, zone TEXT, port TEXT, diverted INT, refused INT, recording TEXT, recorded INT, lost "
	"INT, plan TEXT)";
static const char insert[] = "INSERT INTO t VALUES (?1,?2,?3,strftime('%Y-%m-%dT%H:%M:%SZ', ?4 / "
			     "1000, 'unixepoch'),?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)";

/* What guard and recorder say of one card. */
struct card_state {
	const char *in_force, *recording;
	uint64_t diverted, refused, recorded, lost;
	bool counted;
};

/* A VM that was started again has another port, with the card's address but for the first byte. */
static void port_find(const struct guard_links *links, struct quarantine_card *card)
{
	uint8_t mac[6];

	for (size_t i = 0; guard_mac_parse(card->mac, mac) == 0 && i < links->count; i++) {
		const struct guard_link *link = &links->items[i];

		if (guard_link_is_vm(link) && guard_link_is_port(link) &&
		    memcmp(link->mac + 1, mac + 1, 5) == 0)
			rf_copy(card->tap, sizeof(card->tap), link->name);
	}
}

/* Where rules of nft hold the port. */
static bool nft_holds(const char *tap, enum guard_quarantine wanted)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	const struct fallback_port *port = NULL;

	if (fallback_read(&f, NULL) == 0 && f.whole)
		port = fallback_find(&f, tap);
	return port && !port->stale && port->port.quarantine == wanted;
}

static void guard_ask(struct guard *guard, const struct quarantine_record *r,
		      const struct quarantine_card *card, struct card_state *out)
{
	static const enum guard_quarantine wanted[] = {GUARD_WATCHED, GUARD_RESTRICT,
						       GUARD_HONEYWALL, GUARD_SEAL, GUARD_SEAL};
	uint32_t ifindex = card->tap[0] ? if_nametoindex(card->tap) : 0;
	enum quarantine_level level = QUARANTINE_OBSERVE;
	struct guard_port port;
	struct guard_state state;
	struct guard_counts counts;

	out->in_force = ifindex ? "no" : "off";
	if (!guard) {
		out->in_force = ifindex ? "?" : "off";
		if (ifindex && quarantine_level_parse(r->level, &level) == 0 &&
		    nft_holds(card->tap, wanted[level]))
			out->in_force = "yes";
		return;
	}
	if (!ifindex || quarantine_level_parse(r->level, &level) < 0 ||
	    guard_port_get(guard, ifindex, &port) < 0 ||
	    guard_state(guard, ifindex, &state, NULL) < 0)
		return;
	if (port.quarantine == wanted[level] && state.in && state.out)
		out->in_force = "yes";
	if (guard_counts(guard, ifindex, &counts) < 0)
		return;
	out->counted = true;
	out->diverted = counts.diverted;
	out->refused = counts.refused[GUARD_QUARANTINE];
}

static void recorder_ask(const char *state, const struct quarantine_card *card,
			 struct card_state *out)
{
	char folder[RF_MAX_PATH_BYTES];
	struct recorder_status status;

	out->recording = "no";
	if (quarantine_record_folder(state, card->mac, folder, sizeof(folder)) < 0 ||
	    recorder_status(folder, &status) < 0)
		return;
	out->recording = !status.running ? "ended" : status.full ? "disk full" : "yes";
	out->recorded = status.frames;
	out->lost = status.lost;
}

static int row_add(sqlite3_stmt *row, const struct quarantine_record *r,
		   const struct quarantine_card *card, const struct card_state *s)
{
	const char *const texts[] = {r->vm,   r->level,	 s->in_force,  r->by,  r->reason,
				     r->zone, card->tap, s->recording, r->plan};
	static const int places[] = {1, 2, 3, 6, 7, 8, 9, 12, 15};
	const uint64_t numbers[] = {s->diverted, s->refused, s->recorded, s->lost};
	static const int number_places[] = {10, 11, 13, 14};
	int64_t age_ms = common_now_ms() - r->since_ms;
	int rc = sqlite3_bind_int64(row, 4, r->since_ms);

	for (size_t i = 0; rc == SQLITE_OK && i < RF_COUNT(texts); i++)
		rc = sqlite3_bind_text(row, places[i], texts[i], -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 5, age_ms > 0 ? age_ms / 86400000 : 0);
	for (size_t i = 0; rc == SQLITE_OK && i < RF_COUNT(numbers); i++)
		rc = !s->counted && i < 2
			     ? sqlite3_bind_null(row, number_places[i])
			     : sqlite3_bind_int64(row, number_places[i], (int64_t)numbers[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(row);
	sqlite3_reset(row);
	return rc == SQLITE_DONE ? 0 : RF_E_DATABASE;
}

static int rows_fill(sqlite3 *db, const char *state, struct guard *guard,
		     const struct records *records)
{
	struct guard_links links = {.count = 0};
	sqlite3_stmt *row = NULL;
	int rc = sqlite3_exec(db, create, NULL, NULL, NULL) == SQLITE_OK &&
				 sqlite3_prepare_v2(db, insert, -1, &row, NULL) == SQLITE_OK
			 ? 0
			 : RF_E_DATABASE;

	/* What cannot be read adds nothing: the port is then the one of the record. */
	if (guard_links_read(&links, NULL) < 0)
		links.count = 0;
	for (size_t i = 0; rc == 0 && i < records->count; i++) {
		struct quarantine_record *r = &records->items[i];

		for (size_t c = 0; rc == 0 && c < r->cards_count; c++) {
			struct card_state s = {0};

			port_find(&links, &r->cards[c]);
			guard_ask(guard, r, &r->cards[c], &s);
			recorder_ask(state, &r->cards[c], &s);
			rc = row_add(row, r, &r->cards[c], &s);
		}
	}
	sqlite3_finalize(row);
	guard_links_done(&links);
	return rc;
}

static int rows_show(sqlite3 *db, enum rows_format format, struct rf_err *err)
{
	struct rows_printer printer = {.format = format};
	sqlite3_stmt *rows = NULL;
	int step = SQLITE_ERROR, rc = 0;

	if (sqlite3_prepare_v2(db, "SELECT * FROM t ORDER BY vm, port", -1, &rows, NULL) ==
	    SQLITE_OK) {
		while (rc == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW)
			rc = rows_print(&printer, sqlite3_column_count(rows), rows);
	}
	sqlite3_finalize(rows);
	int done = rows_done(&printer, err);

	return rc ? rc : step != SQLITE_DONE ? RF_E_DATABASE : done;
}

int quarantine_status(const struct cli_args *args, const char *state, struct rf_err *err)
{
	const struct guard_options options = {.existing = true};
	struct records records = {0};
	struct guard *guard = NULL;
	enum rows_format format;
	sqlite3 *db = NULL;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (!rc)
		rc = quarantine_records_load(state, &records, err);
	/* Without rights to ask the guard: what the records say, and a "?". */
	if (!rc && guard_open(&options, &guard, NULL) < 0)
		guard = NULL;
	bool none = rc == 0 && records.count == 0 && format == ROWS_TABLE;

	if (none)
		printf("No VM is in quarantine.\n");
	if (!rc && !none && sqlite3_open(":memory:", &db) != SQLITE_OK)
		rc = rf_fail(err, RF_E_DATABASE, "no database");
	if (!rc && db)
		rc = rows_fill(db, state, guard, &records);
	if (!rc && db)
		rc = rows_show(db, format, err);
	sqlite3_close(db);
	guard_close(guard);
	quarantine_records_done(&records);
	return rc;
}
