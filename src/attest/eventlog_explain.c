/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What boot log events mean, and how far their digests prove it: the frame, and the events of the
 * firmware itself. Variables and images are in eventlog_boot.c, loaders and systems in
 * eventlog_loader.c, the list of types in eventlog_types.c. Not for comparing boots (diff) and not
 * for verdicts.
 * Source: TCG PC Client Platform Firmware Profile 1.06, 10.4; go-attestation's note on the limits
 * of event logs ("event type and data are not covered by the digest").
 */
#include <string.h>

#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/reader.h"

#define HEX_SHOWN 32u

/* ---- what all readers share ---- */

static int digest_equals(const struct event_view *view, size_t i, struct rf_slice a,
			 struct rf_slice b)
{
	const struct eventlog_event *event = view->event;
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t size = attest_digest_size(event->algs[i]);

	if (attest_hash(view->hasher, event->algs[i], a, b, digest) < 0)
		return -1;
	return size == event->digests[i].len && memcmp(digest, event->digests[i].data, size) == 0;
}

int event_digest_is(const struct event_view *view, struct rf_slice a, struct rf_slice b)
{
	if (view->strongest < 0 || digest_equals(view, (size_t)view->strongest, a, b) != 1)
		return 0;
	for (size_t i = 0; i < view->event->digests_count; i++) {
		/* -1: a bank that we cannot compute says nothing. */
		if ((int)i != view->strongest && digest_equals(view, i, a, b) == 0)
			return -1;
	}
	return 1;
}

enum eventlog_proof event_prove(const struct event_view *view, struct rf_slice data,
				enum eventlog_proof fallback)
{
	int same = event_digest_is(view, data, (struct rf_slice){0});

	if (same == 0)
		return fallback;
	return same > 0 ? EVENTLOG_PROVED : EVENTLOG_DISPROVED;
}

uint32_t event_pcr_mask(const struct eventlog *log, const struct eventlog_event *event)
{
	/* UEFI 2.10, 38.4.1: TDX registers and the PCRs they stand for. */
	static const uint32_t registers[] = {0x1, 0x83, 0x7c, 0xff00, 0x10000};

	if (!log->ccel)
		return 1u << event->pcr;
	return event->pcr < RF_COUNT(registers) ? registers[event->pcr] : 0;
}

bool event_in_pcr(const struct event_view *view, uint32_t pcr)
{
	return event_pcr_mask(view->log, view->event) & 1u << pcr;
}

struct rf_slice event_without_nul(struct rf_slice data)
{
	while (data.len > 0 && data.data[data.len - 1] == 0)
		data.len--;
	return data;
}

bool event_is_text(struct rf_slice data)
{
	data = event_without_nul(data);
	for (size_t i = 0; i < data.len; i++) {
		bool blank = data.data[i] == '\n' || data.data[i] == '\r' || data.data[i] == '\t';

		if (!blank && (data.data[i] < 0x20 || data.data[i] > 0x7e))
			return false;
	}
	return data.len > 0;
}

/* PROVED by H(data) or by H(data without its NUL). */
static enum eventlog_proof prove_text(struct event_view *view, enum eventlog_proof fallback)
{
	struct rf_slice data = view->event->data, bare = event_without_nul(data);
	enum eventlog_proof proof = event_prove(view, data, EVENTLOG_HINT);

	if (proof == EVENTLOG_HINT && bare.len != data.len)
		proof = event_prove(view, bare, EVENTLOG_HINT);
	return proof == EVENTLOG_HINT ? fallback : proof;
}

/* Shows data as text if it is text, otherwise as hexadecimal digits. */
static void show_data(struct event_view *view)
{
	struct rf_slice data = view->event->data;

	if (data.len == 0)
		words_add(&view->text, "no data");
	else if (event_is_text(data))
		words_add_utf8(&view->text, event_without_nul(data));
	else
		words_add_hex(&view->text, data, HEX_SHOWN);
}

static void set_name(struct event_view *view, const char *name)
{
	struct words w = words_into(view->out->name, sizeof(view->out->name));

	words_add(&w, name);
}

/* ---- firmware ---- */

enum eventlog_proof event_read_no_action(struct event_view *view)
{
	struct rf_slice data = view->event->data;
	struct words name = words_into(view->out->name, sizeof(view->out->name));
	struct rf_slice signature = {data.data, data.len < 16 ? data.len : 16};

	signature = event_without_nul(signature);
	if (!event_is_text(signature)) {
		words_printf(&view->text, "%zu bytes", data.len);
		return EVENTLOG_HINT;
	}
	words_add_utf8(&name, signature);
	words_add(&view->text, view->out->name);
	if (strcmp(view->out->name, "StartupLocality") == 0 && data.len == 17)
		words_printf(&view->text, " %u", data.data[16]);
	return EVENTLOG_HINT;
}

enum eventlog_proof event_read_separator(struct event_view *view)
{
	static const uint8_t zeros[4], ones[4] = {0xff, 0xff, 0xff, 0xff}, error[4] = {1};
	const struct rf_slice error_value = {error, sizeof(error)};
	struct rf_slice data = view->event->data;
	bool fine = rf_slice_equal(data, (struct rf_slice){zeros, sizeof(zeros)}) ||
		    rf_slice_equal(data, (struct rf_slice){ones, sizeof(ones)});
	/* The profile measures the value 1 for an error, whatever the record's data is. */
	enum eventlog_proof as_error = event_prove(view, error_value, EVENTLOG_HINT);
	enum eventlog_proof proof = event_prove(view, data, EVENTLOG_DISPROVED);

	/* A system's own separators, beyond PCR 7, carry what it likes. */
	bool own = view->event->pcr > 7 && as_error == EVENTLOG_HINT;

	if ((fine && as_error == EVENTLOG_HINT) || own) {
		words_add(&view->text, fine ? "end of the firmware's measurements" : "");
		if (!fine)
			show_data(view);
		return proof;
	}
	view->out->component = COMPONENT_BOOT_FAILURE;
	view->state->failed_separator = true;
	words_add(&view->text, "the firmware reported an error: ");
	show_data(view);
	/* "All is well" over the digest of an error is a lie. */
	if (fine)
		return EVENTLOG_DISPROVED;
	return as_error == EVENTLOG_HINT ? proof : as_error;
}

/* Exit of boot services as the profile words it. */
enum exit_word { EXIT_NONE, EXIT_INVOKED, EXIT_DONE, EXIT_FAILED };

static enum exit_word exit_word(struct rf_slice text)
{
	static const struct {
		const char *text;
		enum exit_word word;
	} words[] = {{"Exit Boot Services Invocation", EXIT_INVOKED},
		     {"Exit Boot Services Returned with Success", EXIT_DONE},
		     {"Exit Boot Services Returned with Failure", EXIT_FAILED}};

	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (rf_slice_equal(text, rf_slice_text(words[i].text)))
			return words[i].word;
	}
	return EXIT_NONE;
}

/* A word that closes is obeyed even unproved; one that opens again must be proved, and cannot undo
 * a success. */
static void note_exit(struct event_view *view, enum exit_word word, enum eventlog_proof proof)
{
	struct eventlog_state *state = view->state;

	view->out->component = COMPONENT_EXIT_BOOT_SERVICES;
	if (word == EXIT_DONE)
		state->exit_boot_services = true;
	if (word == EXIT_INVOKED || word == EXIT_DONE)
		state->after_exit = true;
	else if (proof == EVENTLOG_PROVED && !state->exit_boot_services)
		state->after_exit = false;
}

enum eventlog_proof event_read_action(struct event_view *view)
{
	struct rf_slice text = event_without_nul(view->event->data);

	if (!event_is_text(text)) {
		show_data(view);
		return EVENTLOG_DISPROVED;
	}
	enum eventlog_proof proof = prove_text(view, EVENTLOG_DISPROVED);
	enum exit_word word = exit_word(text);

	words_add_utf8(&view->text, text);
	if (word != EXIT_NONE && event_in_pcr(view, 5))
		note_exit(view, word, proof);
	return proof;
}

enum eventlog_proof event_read_text_or_hint(struct event_view *view)
{
	show_data(view);
	return prove_text(view, EVENTLOG_HINT);
}

enum eventlog_proof event_read_crtm_version(struct event_view *view)
{
	struct rf_slice data = view->event->data;

	set_name(view, "version");
	if (data.len >= 4 && data.len % 2 == 0 && data.data[0] != 0 && data.data[1] == 0)
		words_add_utf16(&view->text, data);
	else if (data.len == 16 && !event_is_text(data))
		words_add_guid(&view->text, data);
	else
		show_data(view);
	/* Some vendors measure another text than they log: then the version is a hint. */
	return prove_text(view, EVENTLOG_HINT);
}

/* Base and length of a piece of memory whose hash is the digest. */
static void show_blob(struct event_view *view, struct rf_reader *r)
{
	uint64_t base = rf_read_le64(r), length = rf_read_le64(r);

	words_printf(&view->text, "%llu bytes at 0x%llx", (unsigned long long)length,
		     (unsigned long long)base);
}

enum eventlog_proof event_read_blob(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);

	if (event_is_text(view->event->data) || view->event->data.len != 16) {
		show_data(view);
		/* "ACPI DATA" tells which settings were hashed. */
		return prove_text(view, EVENTLOG_HINT);
	}
	show_blob(view, &r);
	return event_prove(view, view->event->data, EVENTLOG_HINT);
}

enum eventlog_proof event_read_blob2(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);
	struct words name = words_into(view->out->name, sizeof(view->out->name));
	struct rf_slice description = rf_read_bytes(&r, rf_read_u8(&r));

	words_add_utf8(&name, event_without_nul(description));
	words_add_utf8(&view->text, event_without_nul(description));
	if (rf_reader_left(&r) == 16) {
		words_add(&view->text, view->text.len > 0 ? ": " : "");
		show_blob(view, &r);
	}
	return event_prove(view, view->event->data, EVENTLOG_HINT);
}

enum eventlog_proof event_read_handoff(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);
	uint64_t count = rf_read_le64(&r);

	words_printf(&view->text, "%llu configuration tables", (unsigned long long)count);
	for (uint64_t i = 0; i < count && i < 4 && rf_reader_left(&r) >= 24; i++) {
		words_add(&view->text, i == 0 ? ": " : ", ");
		words_add_guid(&view->text, rf_read_bytes(&r, 16));
		rf_read_le64(&r);
	}
	return event_prove(view, view->event->data, EVENTLOG_HINT);
}

enum eventlog_proof event_read_hcrtm(struct event_view *view)
{
	show_data(view);
	/* It starts PCR 0; anywhere later it would be somebody else's. */
	return view->state->extended & 1u ? EVENTLOG_NOT_ALLOWED : EVENTLOG_HINT;
}

enum eventlog_proof event_read_drtm(struct event_view *view)
{
	const char *name = eventlog_type_name(view->event->type);

	set_name(view, name ? name + 3 : "");
	show_data(view);
	return event_prove(view, view->event->data, EVENTLOG_HINT);
}

/* ---- the frame ---- */

static enum eventlog_component component_of_pcr(const struct event_view *view)
{
	static const struct {
		uint32_t pcrs;
		enum eventlog_component component;
	} rows[] = {{0x01, COMPONENT_FIRMWARE},
		    {0x42, COMPONENT_FIRMWARE_CONFIG},
		    {0x0c, COMPONENT_OPTION_ROM},
		    {0x10, COMPONENT_BOOT_APP}};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (event_pcr_mask(view->log, view->event) & rows[i].pcrs)
			return rows[i].component;
	}
	return COMPONENT_OTHER;
}

static bool may_stand_here(const struct event_view *view, const struct event_type *row)
{
	uint32_t mask = event_pcr_mask(view->log, view->event);

	/* A register of a confidential VM stands for several PCRs, each with its own separator. */
	if (view->log->ccel)
		return (row->before | row->after) & mask;
	return (view->state->separators & mask ? row->after : row->before) & mask;
}

/* May it follow the exit of boot services? Asked with the state before the event. */
static bool may_follow_exit(const struct event_view *view)
{
	const struct eventlog_event *event = view->event;

	return event->type == EV_NO_ACTION || (event->pcr >= 17 && event->pcr <= 22) ||
	       view->out->component == COMPONENT_EXIT_BOOT_SERVICES;
}

/* A hint whose digest is that of a separator is a separator with another type: somebody wants the
 * PCR to look open. */
static bool hides_separator(const struct event_view *view)
{
	static const uint8_t values[][4] = {{0}, {0xff, 0xff, 0xff, 0xff}};

	for (size_t i = 0; i < RF_COUNT(values); i++) {
		struct rf_slice value = {values[i], sizeof(values[i])};

		if (event_digest_is(view, value, (struct rf_slice){0}) != 0)
			return true;
	}
	return false;
}

static int strongest_digest(const struct eventlog_event *event)
{
	int best = -1;
	size_t best_size = 0;

	for (size_t i = 0; i < event->digests_count; i++) {
		size_t size = attest_digest_size(event->algs[i]);

		if (size > best_size) {
			best = (int)i;
			best_size = size;
		}
	}
	return best;
}

static enum eventlog_proof judge(struct event_view *view, const struct event_type *row)
{
	bool allowed = may_stand_here(view, row), after_exit = view->state->after_exit;
	enum eventlog_proof proof = row->read(view);

	if (!allowed || (after_exit && !may_follow_exit(view)))
		return EVENTLOG_NOT_ALLOWED;
	if (proof == EVENTLOG_HINT && view->event->type != EV_NO_ACTION && hides_separator(view)) {
		view->state->separators |= event_pcr_mask(view->log, view->event);
		return EVENTLOG_NOT_ALLOWED;
	}
	return proof;
}

void eventlog_explain(struct attest_hasher *hasher, const struct eventlog *log,
		      const struct eventlog_event *event, struct eventlog_state *state,
		      struct eventlog_meaning *out)
{
	const struct event_type *row = event_type_find(event->type);

	out->name[0] = '\0';
	out->value = event->data;
	struct event_view view = {.hasher = hasher,
				  .log = log,
				  .event = event,
				  .state = state,
				  .out = out,
				  .text = words_into(out->text, sizeof(out->text)),
				  .strongest = strongest_digest(event)};

	if (row) {
		out->component = row->component;
		if (row->component == COMPONENT_NONE)
			out->component = component_of_pcr(&view);
		out->proof = judge(&view, row);
	} else {
		out->component = COMPONENT_OTHER;
		out->proof = EVENTLOG_UNKNOWN_TYPE;
		words_printf(&view.text, "type 0x%08x, %zu bytes", event->type, event->data.len);
	}
	if (event->type == EV_SEPARATOR)
		state->separators |= 1u << event->pcr;
	if (event->type != EV_NO_ACTION)
		state->extended |= 1u << event->pcr;
}
