/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the fleet: last known, and what changed. A run is compared in memory with what is
 * known, so that the usual one, which changes nothing, costs one question and no write.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/acts.h"

/* Between control and resource in a key: no UTF-8 text has this byte. */
#define KEY_SEPARATOR 0xff

/* What is known of a host before a run. */
struct known {
	char *control, *resource, *evidence;
	char state[STORE_STATE_BYTES];
	int64_t since_ms;
	bool seen;
};

struct compare {
	struct store *store;
	const struct store_findings *run;
	const struct store_lease *lease;
	struct known *known;
	size_t known_count, capacity;
	struct rf_map by_key; /* place in known, counted from 1 */
	struct rf_err *err;
};

static int key_of(const char *control, const char *resource, struct rf_buf *out)
{
	rf_buf_reset(out);
	rf_buf_add_text(out, control);
	rf_buf_add_byte(out, KEY_SEPARATOR);
	rf_buf_add_text(out, resource);
	return out->failed ? -ENOMEM : 0;
}

static int known_key(struct compare *c, const char *control, const char *resource)
{
	RF_AUTOBUF struct rf_buf key = {0};
	int rc = key_of(control, resource, &key);

	return rc ? rc
		  : rf_map_set(&c->by_key, rf_buf_text(&key), (void *)(uintptr_t)c->known_count);
}

static int take_known(void *arg, const struct store_value *row)
{
	struct compare *c = arg;

	if (rf_grow((void **)&c->known, &c->capacity, c->known_count + 1, sizeof(*c->known)))
		return -ENOMEM;
	struct known *known = &c->known[c->known_count++];

	*known = (struct known){
		.control = rf_strdup(store_value_text(&row[0])),
		.resource = rf_strdup(store_value_text(&row[1])),
		.evidence = rf_strdup(store_value_text(&row[3])),
		.since_ms = row[4].number,
	};
	if (!known->control || !known->resource || !known->evidence ||
	    !rf_copy(known->state, sizeof(known->state), store_value_text(&row[2])))
		return -ENOMEM;
	return known_key(c, known->control, known->resource);
}

static void compare_done(struct compare *c)
{
	for (size_t i = 0; i < c->known_count; i++) {
		rf_free(c->known[i].control);
		rf_free(c->known[i].resource);
		rf_free(c->known[i].evidence);
	}
	rf_free(c->known);
	rf_map_done(&c->by_key);
}

/* To and from FAIL somebody wants to know; of a host's first run everything would be news. */
static int change_tell(struct compare *c, const struct store_finding *f, const char *old_state,
		       bool first)
{
	RF_AUTOFREE char *about = rf_asprintf("%s %s", f->control, f->resource);
	struct store_event event = {
		.kind = "finding",
		.host = c->run->host,
		.about = about,
		.old_state = old_state,
		.new_state = f->state,
		.text = f->evidence,
		.at_ms = c->run->at_ms,
	};

	if (first || (!rf_equal(old_state, "FAIL") && !rf_equal(f->state, "FAIL")))
		return 0;
	return about ? store_event_add(c->store, &event, c->err) : -ENOMEM;
}

/* f->state or old_state "": it is there no more, or was not. */
static int change_add(struct compare *c, const struct store_finding *f, const char *old_state,
		      bool first)
{
	int64_t seq = 0;
	int rc = store_counter_next(c->store, "change", &seq, c->err);

	if (!rc)
		rc = store_run(c->store, STORE_S_FINDING_CHANGE_ADD,
			       STORE_PARAMS(store_int(seq), store_text(c->run->host),
					    store_text(f->control), store_text(f->resource),
					    store_text(old_state), store_text(f->state),
					    store_int(c->run->at_ms)),
			       STORE_NO_ROWS, c->err);
	return rc ? rc : change_tell(c, f, old_state, first);
}

static int finding_put(struct compare *c, const struct store_finding *f, int64_t since_ms)
{
	return store_run(c->store, STORE_S_FINDING_PUT,
			 STORE_PARAMS(store_text(c->run->host), store_text(f->control),
				      store_text(f->resource), store_text(f->state),
				      store_text(f->evidence), store_int(since_ms)),
			 STORE_NO_ROWS, c->err);
}

/* Takes one of the run in; known_before is how many there were. */
static int finding_compare(struct compare *c, const struct store_finding *f, size_t known_before)
{
	RF_AUTOBUF struct rf_buf key = {0};
	int rc = key_of(f->control, f->resource, &key);

	if (rc)
		return rc;
	size_t at = (size_t)(uintptr_t)rf_map_get(&c->by_key, rf_buf_text(&key));
	struct known *known = at && at <= known_before ? &c->known[at - 1] : NULL;

	if (at && (!known || known->seen))
		return rf_fail(c->err, RF_E_DUPLICATE, "%s is given twice for %s", f->control,
			       f->resource);
	if (known)
		known->seen = true;
	else
		rc = rf_map_set(&c->by_key, rf_buf_text(&key), (void *)(uintptr_t)SIZE_MAX);
	if (rc)
		return rc;
	/* Other words for the same answer are no transition. */
	if (known && rf_equal(known->state, f->state))
		return rf_equal(known->evidence, f->evidence) ? 0
							      : finding_put(c, f, known->since_ms);
	rc = finding_put(c, f, c->run->at_ms);
	return rc ? rc : change_add(c, f, known ? known->state : "", known_before == 0);
}

static int finding_gone(struct compare *c, const struct known *known)
{
	const struct store_finding gone = {known->control, known->resource, "", "", 0};
	int rc = store_run(c->store, STORE_S_FINDING_GONE,
			   STORE_PARAMS(store_text(c->run->host), store_text(known->control),
					store_text(known->resource)),
			   STORE_NO_ROWS, c->err);

	return rc ? rc : change_add(c, &gone, known->state, false);
}

static int compare_all(struct compare *c)
{
	char host_state[STORE_STATE_BYTES];
	int rc = store_host_lock(c->store, c->run->host, c->lease, host_state, c->err);

	if (!rc)
		rc = store_run(c->store, STORE_S_FINDING_EACH,
			       STORE_PARAMS(store_text(c->run->host)),
			       (struct store_rows){take_known, c}, c->err);
	for (size_t i = 0; !rc && i < c->run->count; i++)
		rc = finding_compare(c, &c->run->findings[i], c->known_count);
	for (size_t i = 0; !rc && i < c->known_count; i++)
		rc = c->known[i].seen ? 0 : finding_gone(c, &c->known[i]);
	return rc;
}

static int findings_put(struct store *store, void *arg, struct rf_err *err)
{
	struct compare c = *(struct compare *)arg;

	c.store = store;
	c.err = err;
	int rc = compare_all(&c);

	compare_done(&c);
	return rc == -ENOMEM ? rf_fail(err, rc, "no memory") : rc;
}

int store_findings_put(struct store *store, const struct store_findings *findings,
		       const struct store_lease *lease, struct rf_err *err)
{
	struct compare c = {.run = findings, .lease = lease};

	return store_transaction(store, findings_put, &c, err);
}

struct finding_rows {
	int (*take)(void *arg, const struct store_finding *finding);
	void *arg;
};

static int take_finding(void *arg, const struct store_value *row)
{
	struct finding_rows *rows = arg;
	struct store_finding finding = {
		store_value_text(&row[0]),
		store_value_text(&row[1]),
		store_value_text(&row[2]),
		store_value_text(&row[3]),
		row[4].number,
	};

	return rows->take(rows->arg, &finding);
}

int store_finding_each(struct store *store, const char *host,
		       int (*take)(void *arg, const struct store_finding *finding), void *arg,
		       struct rf_err *err)
{
	struct finding_rows rows = {take, arg};

	return store_run(store, STORE_S_FINDING_EACH, STORE_PARAMS(store_text(host)),
			 (struct store_rows){take_finding, &rows}, err);
}
