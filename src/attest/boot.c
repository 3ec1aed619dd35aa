/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the story of one boot out of its logs, and replays a story, see boot.h. Not for judging it
 * and not for comparing it with another.
 * Source: the logs' own readers (eventlog, userspace); TCG PC Client Platform Firmware Profile.
 */
#include <errno.h>
#include <string.h>

#include "attest/boot.h"
#include "attest/efivar.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/str.h"

/* Storage that is not zeroed: most of an item is text that stays empty. */
static struct boot_item *item_room(struct boot *boot)
{
	if (boot->count >= EVENTLOG_MAX_EVENTS ||
	    rf_grow((void **)&boot->items, &boot->room, boot->count + 1, sizeof(*boot->items)))
		return NULL;
	return &boot->items[boot->count++];
}

struct boot_item *boot_add(struct boot *boot)
{
	struct boot_item *item = item_room(boot);

	if (item)
		memset(item, 0, sizeof(*item));
	return item;
}

/* Forgets all but the room. */
static void clear(struct boot *boot)
{
	struct boot_item *items = boot->items;
	size_t room = boot->room;

	memset(boot, 0, sizeof(*boot));
	boot->items = items;
	boot->room = room;
}

void boot_done(struct boot *boot)
{
	rf_free(boot->items);
	memset(boot, 0, sizeof(*boot));
}

const struct attest_digest *boot_item_digest(const struct boot_item *item, uint16_t alg)
{
	for (size_t i = 0; i < item->digests_count; i++) {
		if (item->digests[i].alg == alg)
			return &item->digests[i];
	}
	return NULL;
}

static void put_digests(struct boot_item *item, const struct eventlog_event *event)
{
	item->digests_count = event->digests_count;
	for (size_t i = 0; i < event->digests_count; i++) {
		item->digests[i].alg = event->algs[i];
		item->digests[i].len = (uint8_t)event->digests[i].len;
		memcpy(item->digests[i].bytes, event->digests[i].data, event->digests[i].len);
	}
}

/* Adds what one log of the TCG's form says. */
static int read_events(struct attest_hasher *hasher, const struct eventlog *log,
		       enum boot_source source, struct eventlog_state *state, struct boot *out)
{
	struct eventlog_meaning meaning;
	struct eventlog_event event;
	size_t at = 0;

	while (eventlog_next(log, &at, &event) == 1) {
		struct boot_item *item = item_room(out);

		if (!item)
			return out->count >= EVENTLOG_MAX_EVENTS ? RF_E_LIMIT : -ENOMEM;
		eventlog_explain(hasher, log, &event, state, &meaning);
		item->source = source;
		item->pcr = event.pcr;
		item->event = event.index;
		item->type = event.type;
		item->component = meaning.component;
		item->proof = meaning.proof;
		put_digests(item, &event);
		rf_copy(item->name, sizeof(item->name), meaning.name);
		rf_copy(item->text, sizeof(item->text), meaning.text);
		item->value = meaning.value;
	}
	return 0;
}

static int read_userspace(struct attest_hasher *hasher, struct rf_slice bytes, struct boot *out,
			  struct rf_err *err)
{
	struct userspace_record record;
	struct userspace_log log;
	int rc = userspace_open(bytes, &log, err);

	while (rc == 0 && (rc = userspace_next(&log, &record, err)) == 1) {
		struct boot_item *item = boot_add(out);

		if (!item)
			return rf_fail(err, RF_E_LIMIT, "userspace log: record %u: no room",
				       record.index);
		item->source = BOOT_USERSPACE_LOG;
		item->pcr = record.pcr;
		item->event = record.index;
		item->component = COMPONENT_OTHER;
		item->proof = userspace_explain(hasher, &record, item->text, sizeof(item->text));
		item->digests_count = record.digests_count;
		memcpy(item->digests, record.digests,
		       record.digests_count * sizeof(record.digests[0]));
		rf_copy(item->name, sizeof(item->name), record.type);
		rc = 0;
	}
	return rc;
}

/* ---- what shim measured ---- */

/* In every bank that we can compute, so that no bank can be told another story. */
static bool is_contents(struct attest_hasher *hasher, const struct boot_item *item,
			struct rf_slice contents)
{
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t same = 0;

	for (size_t i = 0; i < item->digests_count; i++) {
		const struct attest_digest *d = &item->digests[i];

		if (attest_digest_size(d->alg) == 0)
			continue;
		if (attest_hash(hasher, d->alg, contents, (struct rf_slice){0}, digest) < 0 ||
		    memcmp(digest, d->bytes, d->len) != 0)
			return false;
		same++;
	}
	return same > 0;
}

/* Shim's log entries hold names alone: the lists themselves come beside the log. */
static void add_contents(struct attest_hasher *hasher, struct rf_slice shim, struct boot *out)
{
	struct evidence_variable variable;
	size_t at = 0;

	for (size_t n = 0; n < EVIDENCE_MAX_VARIABLES; n++) {
		if (evidence_variable_next(shim, &at, &variable) != 1)
			return;
		for (size_t i = 0; i < out->count; i++) {
			struct boot_item *item = &out->items[i];

			if (item->component != COMPONENT_MOK_LIST || item->pcr != 14 ||
			    !is_contents(hasher, item, variable.contents))
				continue;
			struct words w = words_into(item->text, sizeof(item->text));

			item->value = variable.contents;
			words_printf(&w, "%s: ", item->name);
			if (efivar_database_words(&w, item->value, NULL) < 0)
				words_add(&w, ", broken from there on");
		}
	}
}

static int read_firmware(struct attest_hasher *hasher, struct rf_slice bytes, struct boot *out,
			 struct rf_err *err)
{
	int rc = eventlog_open(bytes, &out->firmware, err);

	if (rc == 0)
		rc = eventlog_replay(hasher, &out->firmware, &out->replay, err);
	if (rc == 0)
		rc = read_events(hasher, &out->firmware, BOOT_FIRMWARE_LOG, &out->state, out);
	return rc < 0 ? rf_wrap(err, rc, "boot log") : 0;
}

static int read_txt(struct attest_hasher *hasher, struct rf_slice bytes, struct boot *out,
		    struct rf_err *err)
{
	struct eventlog_state state = {0};
	int rc = eventlog_open(bytes, &out->txt, err);

	if (rc == 0)
		rc = eventlog_replay(hasher, &out->txt, &out->txt_replay, err);
	if (rc == 0)
		rc = read_events(hasher, &out->txt, BOOT_TXT_LOG, &state, out);
	return rc < 0 ? rf_wrap(err, rc, "TXT log") : 0;
}

struct boot_logs boot_logs_of(const struct evidence *evidence)
{
	const struct rf_slice *sections = evidence->sections;

	return (struct boot_logs){.firmware = sections[EVIDENCE_BOOT_LOG],
				  .txt = sections[EVIDENCE_TXT_LOG],
				  .userspace = sections[EVIDENCE_USERSPACE],
				  .shim = sections[EVIDENCE_SHIM]};
}

int boot_read(struct attest_hasher *hasher, const struct boot_logs *logs, struct boot *out,
	      struct rf_err *err)
{
	int rc = 0;

	clear(out);
	if (!logs->firmware.len && !logs->txt.len && !logs->userspace.len)
		return rf_fail(err, RF_E_MISSING, "there is no log of this boot");
	if (logs->firmware.len)
		rc = read_firmware(hasher, logs->firmware, out, err);
	if (rc == 0 && logs->shim.len)
		add_contents(hasher, logs->shim, out);
	if (rc == 0 && logs->txt.len)
		rc = read_txt(hasher, logs->txt, out, err);
	if (rc == 0 && logs->userspace.len)
		rc = read_userspace(hasher, logs->userspace, out, err);
	if (rc < 0)
		clear(out);
	return rc;
}

static int replay_item(struct attest_hasher *hasher, const struct boot_item *item, uint16_t alg,
		       struct attest_digest *values)
{
	const struct attest_digest *digest = boot_item_digest(item, alg);

	if (!digest || item->type == EV_NO_ACTION || item->pcr >= ATTEST_PCRS)
		return 0;
	return attest_extend(hasher, alg, values[item->pcr].bytes,
			     (struct rf_slice){digest->bytes, digest->len});
}

int boot_replay(struct attest_hasher *hasher, const struct boot *boot, uint16_t alg,
		uint8_t out[ATTEST_PCRS][ATTEST_MAX_DIGEST], struct rf_err *err)
{
	struct attest_digest values[ATTEST_PCRS] = {0};
	struct eventlog begin = {.locality = boot->firmware.locality,
				 .hcrtm = boot->firmware.hcrtm,
				 .drtm = boot->firmware.drtm || boot->txt.drtm,
				 .ccel = boot->firmware.ccel};
	char name[16];

	if (attest_digest_size(alg) == 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "the %s bank cannot be computed",
			       attest_alg_name(alg, name));
	eventlog_begin(&begin, alg, values);
	for (size_t i = 0; i < boot->count; i++) {
		int rc = replay_item(hasher, &boot->items[i], alg, values);

		if (rc < 0)
			return rf_fail(err, rc, "event %u cannot be replayed in the %s bank",
				       boot->items[i].event, attest_alg_name(alg, name));
	}
	for (size_t pcr = 0; pcr < ATTEST_PCRS; pcr++)
		memcpy(out[pcr], values[pcr].bytes, ATTEST_MAX_DIGEST);
	return 0;
}
