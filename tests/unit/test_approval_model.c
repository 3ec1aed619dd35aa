/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approvals against an oracle: every sequence of up to six events over three people, one of them
 * with two accounts, with a clock that goes on and back and an object that drifts. The oracle has
 * no state: it looks through all that happened each time. A refused event is shown to leave the
 * record as it was, so that sequences with it are those without it; long random walks keep them in.
 */
#include "base/mem.h"
#include "govern/approval.h"
#include "test_base.h"

#define STEPS	 6
#define WALK	 24
#define MIN	 ((int64_t)60000)
#define T0	 (1000 * MIN)
#define WAIT_MS	 (6 * MIN)
#define SPAN_MS	 (10 * MIN) /* of a request, a window and a glass: two waits end each */
#define BEGIN_MS (T0 + WAIT_MS)

/* What can happen: a verb by an actor, or one of these. */
enum { WAIT = APPROVAL_VERB_COUNT, BACK, DRIFT, VOIDED };

static const struct approval_person actors[] = {{"ann", "s-ann", "lead"},
						{"ann-admin", "s-ann", "security"},
						{"bob", "s-bob", "lead"},
						{"cyd", "s-cyd", "security"}};
static const int persons[] = {0, 0, 1, 2}; /* of the actors */
static const int roles[] = {0, 1, 0, 1};

struct config {
	const char *name, *level;
	bool shared_role, granted; /* granted: ann granted role lead just now */
	int count;
};
static const struct config configs[] = {
	{"one", "one", false, false, 1},	 {"one, twice", "one", false, false, 2},
	{"one, granted", "one", false, true, 1}, {"two", "two", false, false, 1},
	{"two, shared", "two", true, false, 2},	 {"window", "window", false, false, 2},
};

struct happened {
	int kind, actor;
	int64_t clock_ms;
	bool drifted; /* the object is in its other state from here on */
};
struct history {
	const struct config *config;
	struct happened items[WALK];
	int count;
};

/* ---- the oracle ---- */

static int64_t latest(const struct history *h, int until)
{
	int64_t t = T0;

	for (int i = 0; i <= until && i < h->count; i++)
		t = h->items[i].clock_ms > t ? h->items[i].clock_ms : t;
	return t;
}

static int find(const struct history *h, int kind)
{
	for (int i = 0; i < h->count; i++) {
		if (h->items[i].kind == kind)
			return i;
	}
	return -1;
}

static int base_of(const struct history *h)
{
	int glass = find(h, APPROVAL_BREAK);

	return glass >= 0 ? glass : find(h, APPROVAL_REQUEST);
}

/* Where the n-th approval behind the base is, from 1; -1. */
static int nth_vote(const struct history *h, int n)
{
	for (int i = base_of(h) + 1; i < h->count; i++) {
		if (h->items[i].kind == APPROVAL_APPROVE && --n == 0)
			return i;
	}
	return -1;
}

static int votes_needed(const struct config *c)
{
	return strcmp(c->level, "one") == 0 ? 1 : 2;
}

static bool has_window(const struct config *c)
{
	return strcmp(c->level, "window") == 0;
}

static int uses(const struct history *h)
{
	int n = 0;

	for (int i = 0; i < h->count; i++)
		n += h->items[i].kind == APPROVAL_USE;
	return n;
}

static enum approval_state oracle_state(const struct history *h)
{
	const struct config *c = h->config;
	bool glass = find(h, APPROVAL_BREAK) >= 0;
	int base = base_of(h), last = nth_vote(h, votes_needed(c));
	int64_t now = latest(h, h->count);

	if (base < 0)
		return APPROVAL_NONE;
	if (find(h, APPROVAL_DENY) >= 0)
		return glass ? APPROVAL_INCIDENT : APPROVAL_DENIED;
	if (find(h, APPROVAL_CANCEL) >= 0 || find(h, VOIDED) >= 0)
		return APPROVAL_CANCELLED;
	if (uses(h) == c->count || (glass && last >= 0))
		return APPROVAL_CONSUMED;
	if (glass)
		return now >= latest(h, base) + SPAN_MS ? APPROVAL_INCIDENT : APPROVAL_GLASS;
	if (has_window(c) && nth_vote(h, 1) >= 0 && now >= BEGIN_MS + SPAN_MS)
		return APPROVAL_EXPIRED;
	if (last < 0)
		return now >= latest(h, base) + SPAN_MS ? APPROVAL_EXPIRED : APPROVAL_REQUESTED;
	if (!has_window(c) && now >= latest(h, last) + SPAN_MS)
		return APPROVAL_EXPIRED;
	return APPROVAL_APPROVED;
}

static bool drifted(const struct history *h)
{
	int base = base_of(h);
	bool now = h->count > 0 && h->items[h->count - 1].drifted;

	return base >= 0 && h->items[base].drifted != now;
}

static bool vote_counts(const struct history *h, int actor)
{
	int requester = persons[h->items[base_of(h)].actor];

	if (persons[actor] == requester)
		return false;
	if (h->config->granted && requester == 0 && roles[actor] == 0)
		return false;
	for (int n = 1, at; (at = nth_vote(h, n)) >= 0; n++) {
		if (persons[h->items[at].actor] == persons[actor])
			return false;
		if (!h->config->shared_role && votes_needed(h->config) > 1 &&
		    roles[h->items[at].actor] == roles[actor])
			return false;
	}
	return true;
}

enum answer { REFUSED, TAKEN, VOIDS };

static enum answer oracle_vote(const struct history *h, enum approval_state s, int actor)
{
	if ((s != APPROVAL_REQUESTED && s != APPROVAL_GLASS) || !vote_counts(h, actor))
		return REFUSED;
	if (s == APPROVAL_REQUESTED && drifted(h))
		return VOIDS;
	return s == APPROVAL_REQUESTED && has_window(h->config) &&
			       latest(h, h->count) >= BEGIN_MS + SPAN_MS
		       ? REFUSED
		       : TAKEN;
}

static enum answer oracle_use(const struct history *h, enum approval_state s, bool mine)
{
	if (s != APPROVAL_APPROVED || !mine)
		return REFUSED;
	if (drifted(h))
		return VOIDS;
	return has_window(h->config) && latest(h, h->count) < BEGIN_MS ? REFUSED : TAKEN;
}

static enum answer oracle(const struct history *h, int verb, int actor)
{
	enum approval_state s = oracle_state(h);
	bool mine = s != APPROVAL_NONE && persons[h->items[base_of(h)].actor] == persons[actor];
	bool open = s == APPROVAL_REQUESTED || s == APPROVAL_APPROVED;

	switch (verb) {
	case APPROVAL_REQUEST:
		return s == APPROVAL_NONE ? TAKEN : REFUSED;
	case APPROVAL_BREAK:
		return s == APPROVAL_NONE || (s == APPROVAL_REQUESTED && mine) ? TAKEN : REFUSED;
	case APPROVAL_APPROVE:
		return oracle_vote(h, s, actor);
	case APPROVAL_DENY:
		return (open || s == APPROVAL_GLASS) && !mine ? TAKEN : REFUSED;
	case APPROVAL_CANCEL:
		return open && mine ? TAKEN : REFUSED;
	default:
		return oracle_use(h, s, mine);
	}
}

/* ---- the machine beside it ---- */

struct world {
	struct approval a;
	struct history h;
	struct approval_rule rule;
	int64_t clock_ms;
	uint64_t seq;
	bool drifted;
	size_t tried, taken;
};

static void complain(const struct world *w, const char *what, int verb, int actor)
{
	RF_AUTOBUF struct rf_buf text = {0};

	for (int i = 0; i < w->h.count; i++)
		rf_buf_printf(&text, " %d/%d", w->h.items[i].kind, w->h.items[i].actor);
	fail_msg("%s: %s: event %d/%d behind%s: state %s, oracle %s", w->h.config->name, what, verb,
		 actor, rf_buf_text(&text), approval_state_name(w->a.state),
		 approval_state_name(oracle_state(&w->h)));
}

static int apply(struct world *w, int verb, int actor)
{
	static const uint8_t digests[2][APPROVAL_DIGEST_BYTES] = {{1}, {2}};
	const struct approval_grant grant = {"lead", "s-ann", T0};
	const struct approval_event event = {
		.verb = (enum approval_verb)verb,
		.seq = ++w->seq,
		.time_ms = w->clock_ms,
		.who = actors[actor],
		.digest = digests[w->drifted],
		.text = "because",
		.terms = {has_window(w->h.config) ? BEGIN_MS : 0, SPAN_MS, w->h.config->count},
		.grants = &grant,
		.grants_count = w->h.config->granted,
	};

	return approval_apply(&w->a, &w->rule, &event, NULL);
}

static void note(struct world *w, int kind, int actor)
{
	w->h.items[w->h.count++] = (struct happened){kind, actor, w->clock_ms, w->drifted};
}

static bool same_but_for_order(const struct approval *a, const struct approval *b, int64_t clock_ms)
{
	struct approval x = *a;

	x.seen_ms = clock_ms > x.seen_ms ? clock_ms : x.seen_ms;
	x.seq = b->seq;
	x.todo = b->todo;
	return memcmp(&x, b, sizeof(x)) == 0;
}

/* A verb by an actor: both answer alike. True when something happened. */
static bool act(struct world *w, int verb, int actor)
{
	struct approval before = w->a;
	enum answer want = oracle(&w->h, verb, actor);
	int rc = apply(w, verb, actor);
	enum answer got = rc == 0 ? TAKEN : rc == RF_E_CHANGED ? VOIDS : REFUSED;
	bool runs = got == TAKEN && (verb == APPROVAL_USE || verb == APPROVAL_BREAK);

	w->tried++;
	if (got != want)
		complain(w, "answer", verb, actor);
	if (((w->a.todo & APPROVAL_TODO_RUN) != 0) != runs ||
	    ((w->a.todo & APPROVAL_TODO_ALARM) != 0) !=
		    (got == TAKEN && (verb == APPROVAL_BREAK || w->a.state == APPROVAL_INCIDENT)))
		complain(w, "todo", verb, actor);
	if (got == REFUSED && !same_but_for_order(&before, &w->a, w->clock_ms))
		complain(w, "a refusal changed the record", verb, actor);
	if (got == REFUSED)
		return false;
	note(w, got == VOIDS ? VOIDED : verb, actor);
	if (w->a.state != oracle_state(&w->h))
		complain(w, "state", verb, actor);
	w->taken++;
	return true;
}

/* The world goes on: time, a clock put back, an object that changes. Time is looked at. */
static bool nature(struct world *w, int kind)
{
	w->clock_ms += kind == WAIT ? WAIT_MS : kind == BACK ? -100 * MIN : 0;
	w->drifted ^= kind == DRIFT;
	note(w, kind, 0);
	if (apply(w, APPROVAL_LOOK, 0) != 0 || w->a.state != oracle_state(&w->h) ||
	    (w->a.todo & APPROVAL_TODO_RUN))
		complain(w, "time", kind, 0);
	return true;
}

static bool event_take(struct world *w, int event)
{
	const int verbs = APPROVAL_LOOK * (int)RF_COUNT(actors);

	return event < verbs ? act(w, event / (int)RF_COUNT(actors), event % (int)RF_COUNT(actors))
			     : nature(w, WAIT + event - verbs);
}
#define EVENTS (APPROVAL_LOOK * (int)RF_COUNT(actors) + 3)

static void world_begin(struct world *w, const struct config *config)
{
	const struct approval_site site = {.operation = "isolation.network.change",
					   .level = config->level,
					   .numbers = {[APPROVAL_REQUEST_MS] = SPAN_MS,
						       [APPROVAL_WINDOW_MS] = SPAN_MS,
						       [APPROVAL_GLASS_MS] = SPAN_MS},
					   .shared_role = config->shared_role};

	*w = (struct world){.clock_ms = T0, .h.config = config};
	assert_int_equal(approval_rule_make(&site, &w->rule, NULL), 0);
	assert_int_equal(apply(w, APPROVAL_LOOK, 0), 0); /* T0 has been seen */
}

/* A refused event is undone, as the record shows it did nothing, and not followed further. */
static void explore(struct world *w, int depth)
{
	for (int event = 0; event < EVENTS; event++) {
		/* What nobody asked for has no time to pass and nothing to drift. */
		if (w->h.count == 0 && event >= EVENTS - 3)
			break;
		const struct approval a = w->a;
		const int64_t clock_ms = w->clock_ms;
		const bool is_drifted = w->drifted;
		const int count = w->h.count;

		if (event_take(w, event) && depth > 1)
			explore(w, depth - 1);
		w->a = a;
		w->clock_ms = clock_ms;
		w->drifted = is_drifted;
		w->h.count = count;
	}
}

static void every_sequence(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(configs); i++) {
		world_begin(&w, &configs[i]);
		explore(&w, STEPS);
		assert_true(w.taken > 10000 && w.tried > w.taken);
	}
}

/* Refused events stay in; the walk ends when its history is full. */
static void random_walks(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;
	struct world w;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		world_begin(&w, &configs[(size_t)round % RF_COUNT(configs)]);
		for (int step = 0; step < 80 && w.h.count < WALK; step++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			event_take(&w, (int)(seed % EVENTS));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence),
		cmocka_unit_test(random_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
