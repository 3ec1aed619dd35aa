/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A register whose value the log does not give: which event is the first that is not as expected?
 * The log is held against itself (an event too much, an end too much) and against an approved or
 * earlier boot. What is found so is a sign, no proof: the verdict is made already.
 * Source: the TPM's extend operation; what forged logs look like.
 */
#include <string.h>

#include "attest/eventlog_types.h"
#include "attest/verdict_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

#define EVENTS_MAX 192u /* of one register: each try costs so many hashes */
#define TEXT_BYTES 96u
#define NOTHING	   SIZE_MAX

/* The events of one register in one bank. */
struct chain {
	const struct boot_item *items[EVENTS_MAX];
	const struct attest_digest *digests[EVENTS_MAX];
	size_t count;
	bool cut; /* there are more */
	uint8_t start[ATTEST_MAX_DIGEST];
};

struct search {
	struct attest_hasher *hasher;
	uint16_t alg;
	const struct attest_digest *target; /* what the TPM signed */
	struct chain now, expected;
	const char *name; /* of the expected boot; NULL: there is none */
	bool approved;
};

static void chain_fill(struct chain *c, const struct boot *boot, uint32_t pcr, uint16_t alg)
{
	struct eventlog begin = {.locality = boot->firmware.locality,
				 .hcrtm = boot->firmware.hcrtm,
				 .drtm = boot->firmware.drtm || boot->txt.drtm};
	struct attest_digest values[ATTEST_PCRS] = {0};

	eventlog_begin(&begin, alg, values);
	memcpy(c->start, values[pcr].bytes, sizeof(c->start));
	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *item = &boot->items[i];
		const struct attest_digest *digest = boot_item_digest(item, alg);

		if (item->pcr != pcr || item->type == EV_NO_ACTION || !digest)
			continue;
		c->cut = c->count == EVENTS_MAX;
		if (c->cut)
			return;
		c->items[c->count] = item;
		c->digests[c->count++] = digest;
	}
}

/* ---- tries ---- */

static bool same(const struct attest_digest *a, const struct attest_digest *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void extend(const struct search *s, uint8_t value[ATTEST_MAX_DIGEST],
		   const struct attest_digest *digest)
{
	/* What cannot be extended equals nothing that was looked for. */
	if (attest_extend(s->hasher, s->alg, value, (struct rf_slice){digest->bytes, digest->len}) <
	    0)
		memset(value, 0, ATTEST_MAX_DIGEST);
}

static bool is_target(const struct search *s, const uint8_t *value)
{
	return memcmp(value, s->target->bytes, s->target->len) == 0;
}

/* The first `upto` events, then one of another boot (NULL: none), then those from `from` on. */
static bool gives_target(const struct search *s, size_t upto, const struct attest_digest *other,
			 size_t from)
{
	uint8_t value[ATTEST_MAX_DIGEST];

	memcpy(value, s->now.start, sizeof(value));
	for (size_t i = 0; i < upto; i++)
		extend(s, value, s->now.digests[i]);
	if (other)
		extend(s, value, other);
	for (size_t i = from; i < s->now.count; i++)
		extend(s, value, s->now.digests[i]);
	return is_target(s, value);
}

static bool expected_is_target(const struct search *s)
{
	uint8_t value[ATTEST_MAX_DIGEST];

	memcpy(value, s->expected.start, sizeof(value));
	for (size_t i = 0; i < s->expected.count; i++)
		extend(s, value, s->expected.digests[i]);
	return s->name && !s->expected.cut && is_target(s, value);
}

static size_t first_difference(const struct search *s)
{
	size_t i = 0;

	while (i < s->now.count && i < s->expected.count &&
	       same(s->now.digests[i], s->expected.digests[i]))
		i++;
	return i < s->now.count || i < s->expected.count ? i : NOTHING;
}

/* ---- words ---- */

static void add_item(struct words *w, const struct boot_item *item)
{
	char text[TEXT_BYTES];
	struct words cut = words_into(text, sizeof(text));

	words_add(&cut, item->text[0] ? item->text : item->name);
	words_printf(w, "event %u (%s)", item->event,
		     text[0] ? text : eventlog_component_name(item->component));
}

static void add_expected(struct words *w, const struct search *s, size_t at)
{
	char text[TEXT_BYTES];
	struct words cut = words_into(text, sizeof(text));

	if (at >= s->expected.count) {
		words_add(w, "nothing more");
		return;
	}
	words_add(&cut, s->expected.items[at]->text[0] ? s->expected.items[at]->text
						       : s->expected.items[at]->name);
	words_printf(w, "\"%s\"",
		     text[0] ? text : eventlog_component_name(s->expected.items[at]->component));
}

static void add_boot(struct words *w, const struct search *s)
{
	words_printf(w, "%s boot \"%s\"", s->approved ? "the approved" : "the earlier", s->name);
}

static void set_event(struct reason *reason, const struct search *s, size_t at)
{
	if (at < s->now.count)
		reason->event = s->now.items[at]->event;
}

/* ---- the log against itself ---- */

static bool try_alone(const struct search *s, struct reason *reason, struct words *w)
{
	for (size_t i = 0; i < s->now.count; i++) {
		if (!gives_target(s, i, NULL, s->now.count))
			continue;
		words_add(w, "the TPM saw nothing from ");
		add_item(w, s->now.items[i]);
		words_add(w, " on: the end of the log was added");
		set_event(reason, s, i);
		return true;
	}
	for (size_t i = 0; i < s->now.count; i++) {
		if (!gives_target(s, i, NULL, i + 1))
			continue;
		words_add(w, "the TPM never saw ");
		add_item(w, s->now.items[i]);
		words_add(w, ": it was added to the log");
		set_event(reason, s, i);
		return true;
	}
	return false;
}

/* ---- the log against another boot ---- */

/* One event of the expected boot in the place of one, or between two, gives the value. */
static bool try_one(const struct search *s, struct reason *reason, struct words *w)
{
	size_t at = first_difference(s);

	if (at == NOTHING || at >= s->expected.count)
		return false;
	bool instead = at < s->now.count && gives_target(s, at, s->expected.digests[at], at + 1);

	if (!instead && !gives_target(s, at, s->expected.digests[at], at))
		return false;
	words_add(w, "the TPM saw ");
	add_expected(w, s, at);
	words_add(w,
		  instead ? " where the log tells of " : ", which is missing in the log before ");
	if (at < s->now.count)
		add_item(w, s->now.items[at]);
	else
		words_add(w, "its end");
	set_event(reason, s, at);
	return true;
}

static void compare(const struct search *s, struct reason *reason, struct words *w)
{
	size_t at = first_difference(s);

	if (at == NOTHING) {
		words_add(w, "the log is that of ");
		add_boot(w, s);
		words_add(w, " to its last event: something more was measured and left no trace");
		return;
	}
	if (expected_is_target(s)) {
		words_add(w, "the TPM saw what it saw in ");
		add_boot(w, s);
		words_add(w, ", and the log tells another story from ");
	} else {
		words_add(w, "compared with ");
		add_boot(w, s);
		words_add(w, " the first that differs is ");
	}
	if (at < s->now.count)
		add_item(w, s->now.items[at]);
	else
		words_add(w, "its end");
	words_add(w, ", where was expected ");
	add_expected(w, s, at);
	set_event(reason, s, at);
}

/* ---- what to compare with ---- */

static const struct boot *find_expected(const struct judge *j, struct search *s)
{
	const struct verdict_options *options = j->options;
	const struct baseline_boot *boot = NULL;

	for (int approved = 1; options->baseline && !boot && approved >= 0; approved--) {
		if (baseline_nearest(options->baseline, &j->out->boot, approved, &boot, NULL) < 0)
			boot = NULL;
		s->approved = approved && boot;
	}
	if (boot) {
		s->name = boot->name;
		return &boot->boot;
	}
	s->name = options->earlier ? options->earlier_name : NULL;
	return options->earlier;
}

void verdict_say_divergence(struct judge *j, struct reason *reason, uint16_t alg)
{
	RF_AUTOFREE struct search *s = rf_alloc(1, sizeof(*s));
	struct words w = words_into(reason->detail, sizeof(reason->detail));

	if (!s || reason->pcr >= ATTEST_PCRS)
		return;
	s->hasher = j->hasher;
	s->alg = alg;
	s->target = &reason->now_digest;
	const struct boot *expected = find_expected(j, s);

	chain_fill(&s->now, &j->out->boot, reason->pcr, alg);
	if (expected)
		chain_fill(&s->expected, expected, reason->pcr, alg);
	if (s->now.cut || s->expected.cut) {
		words_printf(&w,
			     "which event differs first was not looked for: there are more "
			     "than %u",
			     EVENTS_MAX);
		return;
	}
	if (try_alone(s, reason, &w) || (expected && try_one(s, reason, &w)))
		return;
	if (expected)
		compare(s, reason, &w);
	else
		words_printf(
			&w,
			"its %zu events do not give the value that the TPM signed, and which of "
			"them is wrong cannot be told without an earlier boot: give --baseline "
			"or --earlier",
			s->now.count);
}
