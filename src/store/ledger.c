/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's ledger in the store; see ledger.h. What is committed never changes and has no gap, as
 * the counter is locked until the commit: so a checkpoint is computed and signed without a lock,
 * and two that sign at once sign the same.
 */
#include "store/ledger.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/acts.h"

#define COUNTER "ledger"
/* Entries that one statement reads: of a large ledger the whole would take too long. */
#define BATCH INT64_C(5000)

struct append_act {
	const struct ledger_entry *entry;
	int64_t n;
};

static int append(struct store *store, void *arg, struct rf_err *err)
{
	struct append_act *act = arg;
	RF_AUTOBUF struct rf_buf line = {0};
	int64_t size = 0;
	int rc = store_counter_next(store, COUNTER, &size, err);

	act->n = size - 1;
	if (!rc)
		rc = ledger_entry_line((uint64_t)act->n, act->entry, &line, err);
	if (!rc)
		rc = store_run(store, STORE_S_LEDGER_ADD,
			       STORE_PARAMS(store_int(act->n), store_blob(rf_buf_slice(&line))),
			       STORE_NO_ROWS, err);
	return rc;
}

int store_ledger_append(struct store *store, const struct ledger_entry *entry, int64_t *out_n,
			struct rf_err *err)
{
	struct append_act act = {entry, 0};
	int rc = store_transaction(store, append, &act, err);

	if (!rc && out_n)
		*out_n = act.n;
	return rc;
}

/* An agent's entries -------------------------------------------------------------------------- */

struct same {
	struct rf_slice line;
	bool there, same;
};

static int take_same(void *arg, const struct store_value *row)
{
	struct same *same = arg;

	same->there = true;
	same->same = row[0].bytes.len == same->line.len &&
		     memcmp(row[0].bytes.data, same->line.data, same->line.len) == 0;
	return 0;
}

/* 0 when it is the next of its host's. */
static int include_check(struct store *store, const struct store_agent_entry *e, struct rf_err *err)
{
	struct same same = {.line = e->line};
	int64_t last = -1;
	int rc = store_run_int(store, STORE_S_LEDGER_AGENT_LAST, STORE_PARAMS(store_text(e->host)),
			       &last, err);

	if (!rc)
		rc = store_run(store, STORE_S_LEDGER_AGENT_GET,
			       STORE_PARAMS(store_text(e->host), store_int(e->entry)),
			       (struct store_rows){take_same, &same}, err);
	if (rc)
		return rc;
	if (same.there)
		return same.same ? rf_fail(err, RF_E_DUPLICATE, "entry %lld of %s is here already",
					   (long long)e->entry, e->host)
				 : rf_fail(err, RF_E_MISMATCH,
					   "entry %lld of %s is not the one that was given before",
					   (long long)e->entry, e->host);
	if (last >= 0 && e->entry < last)
		return rf_fail(err, RF_E_MISMATCH,
			       "entry %lld of %s is older than those that were given",
			       (long long)e->entry, e->host);
	if (last >= 0 && e->entry != last + 1)
		return rf_fail(err, RF_E_MISSING, "entry %lld of %s is missing",
			       (long long)last + 1, e->host);
	return 0;
}

static int include(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_agent_entry *e = arg;
	uint8_t sha256[STORE_SHA256_BYTES];
	char about[STORE_ID_BYTES + 32];
	RF_AUTOBUF struct rf_buf digest = {0};
	struct ledger_entry entry = {.kind = "agent",
				     .actor = "agent",
				     .about = about,
				     .text = "an entry of the host's own ledger",
				     .time_ms = e->at_ms};
	int64_t n = 0;
	int rc = include_check(store, e, err);

	if (rc)
		return rc;
	if (!rf_format(about, sizeof(about), "%s/%lld", e->host, (long long)e->entry))
		return rf_fail(err, RF_E_LIMIT, "an id is longer than %d bytes",
			       STORE_ID_BYTES - 1);
	if (EVP_Digest(e->line.data, e->line.len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	rf_buf_add_hex(&digest, sha256, sizeof(sha256));
	entry.digest = rf_buf_text(&digest);
	if (digest.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	rc = store_ledger_append(store, &entry, &n, err);
	return rc ? rc
		  : store_run(store, STORE_S_LEDGER_AGENT_ADD,
			      STORE_PARAMS(store_text(e->host), store_int(e->entry),
					   store_blob(e->line), store_int(n)),
			      STORE_NO_ROWS, err);
}

int store_ledger_include(struct store *store, const struct store_agent_entry *entry,
			 struct rf_err *err)
{
	struct store_agent_entry copy = *entry;

	return store_transaction(store, include, &copy, err);
}

/* Reading ------------------------------------------------------------------------------------- */

struct entry_rows {
	int (*take)(void *arg, int64_t n, struct rf_slice line);
	void *arg;
};

static int take_entry(void *arg, const struct store_value *row)
{
	struct entry_rows *rows = arg;

	return rows->take(rows->arg, row[0].number, row[1].bytes);
}

int store_ledger_each(struct store *store, int64_t from, int64_t limit,
		      int (*take)(void *arg, int64_t n, struct rf_slice line), void *arg,
		      struct rf_err *err)
{
	struct entry_rows rows = {take, arg};

	return store_run(store, STORE_S_LEDGER_EACH,
			 STORE_PARAMS(store_int(from), store_int(limit)),
			 (struct store_rows){take_entry, &rows}, err);
}

int store_ledger_agent_each(struct store *store, const char *host,
			    int (*take)(void *arg, int64_t entry, struct rf_slice line), void *arg,
			    struct rf_err *err)
{
	struct entry_rows rows = {take, arg};

	return store_run(store, STORE_S_LEDGER_AGENT_EACH, STORE_PARAMS(store_text(host)),
			 (struct store_rows){take_entry, &rows}, err);
}

/* The last checkpoint. */
struct signed_tree {
	struct ledger_tree tree;
	struct rf_err *err;
};

static int take_signed(void *arg, const struct store_value *row)
{
	struct signed_tree *s = arg;
	int rc = ledger_tree_read(row[1].bytes, &s->tree, s->err);

	if (!rc && s->tree.size != (uint64_t)row[0].number)
		rc = rf_fail(s->err, RF_E_MISMATCH, "the checkpoint is not of its place");
	return rc ? rf_wrap(s->err, rc, "the ledger in the store was altered") : 0;
}

/* The tree of the last checkpoint; the empty one before the first. */
static int signed_get(struct store *store, struct ledger_tree *out, struct rf_err *err)
{
	struct signed_tree s = {.err = err};
	int rc = store_run(store, STORE_S_LEDGER_SIGNED, STORE_NO_PARAMS,
			   (struct store_rows){take_signed, &s}, err);

	if (!rc)
		*out = s.tree;
	return rc;
}

int store_ledger_size(struct store *store, int64_t *out_size, int64_t *out_signed,
		      struct rf_err *err)
{
	struct ledger_tree tree = {0};
	int64_t size = 0;
	int rc = signed_get(store, &tree, err);

	if (!rc)
		rc = store_counter_get(store, COUNTER, &size, err);
	if (rc)
		return rc;
	*out_size = size;
	*out_signed = (int64_t)tree.size;
	return 0;
}

/* Growing a tree by the entries that follow. */
struct growing {
	struct ledger_tree *tree;
	struct rf_err *err;
};

static int take_leaf(void *arg, int64_t n, struct rf_slice line)
{
	struct growing *g = arg;

	if ((uint64_t)n != g->tree->size)
		return rf_fail(g->err, RF_E_MISMATCH,
			       "the ledger in the store was altered: entry %llu is missing",
			       (unsigned long long)g->tree->size);
	return ledger_tree_add(g->tree, line, g->err);
}

/* Grows it up to that size, or until the entries end. */
static int tree_grow(struct store *store, struct ledger_tree *tree, uint64_t size,
		     struct rf_err *err)
{
	struct growing g = {tree, err};
	int rc = 0;

	while (!rc && tree->size < size) {
		uint64_t before = tree->size, left = size - before;

		rc = store_ledger_each(store, (int64_t)before,
				       left < (uint64_t)BATCH ? (int64_t)left : BATCH, take_leaf,
				       &g, err);
		if (!rc && tree->size == before)
			rc = rf_fail(err, RF_E_MISMATCH,
				     "the ledger in the store was altered: entry %llu is missing",
				     (unsigned long long)before);
	}
	return rc;
}

/* The entries up to a checkpoint give the tree that it signs. */
static int signed_check(struct store *store, const struct ledger_tree *known,
			struct ledger_tree *out, struct rf_err *err)
{
	uint8_t want[LEDGER_HASH_BYTES], is[LEDGER_HASH_BYTES];
	int rc = tree_grow(store, out, known->size, err);

	if (!rc)
		rc = ledger_tree_root(known, want, err);
	if (!rc)
		rc = ledger_tree_root(out, is, err);
	if (!rc && memcmp(want, is, sizeof(is)) != 0)
		rc = rf_fail(err, RF_E_MISMATCH,
			     "the ledger in the store was altered: its first %llu entries are not "
			     "those that were signed",
			     (unsigned long long)known->size);
	return rc;
}

/* What agents' entries are held against: the fleet's that countersign them. Both come in order. */
struct agents_check {
	int64_t next, count;
	struct rf_err *err;
};

#define AGENT_MARK "\"kind\":\"agent\""

/* Quotes within a text of an entry are escaped: it cannot have the mark. */
static int take_marked(void *arg, int64_t n, struct rf_slice line)
{
	struct agents_check *c = arg;

	c->count += memmem(line.data, line.len, AGENT_MARK, strlen(AGENT_MARK)) != NULL;
	c->next = n + 1;
	return 0;
}

static int take_included(void *arg, const struct store_value *row)
{
	struct agents_check *c = arg;
	uint8_t sha256[STORE_SHA256_BYTES];
	RF_AUTOBUF struct rf_buf mark = {0};

	c->next = row[0].number + 1;
	c->count--;
	if (EVP_Digest(row[3].bytes.data, row[3].bytes.len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(c->err, RF_E_CRYPTO, "SHA-256 failed");
	rf_buf_add_text(&mark, "\"digest\":\"");
	rf_buf_add_hex(&mark, sha256, sizeof(sha256));
	rf_buf_add_text(&mark, "\"");
	if (mark.failed)
		return rf_fail(c->err, -ENOMEM, "no memory");
	if (!memmem(row[4].bytes.data, row[4].bytes.len, AGENT_MARK, strlen(AGENT_MARK)) ||
	    !memmem(row[4].bytes.data, row[4].bytes.len, mark.data, mark.len))
		return rf_fail(c->err, RF_E_MISMATCH,
			       "the ledger in the store was altered: entry %lld of %s is not the "
			       "one that entry %lld countersigns",
			       (long long)row[2].number, store_value_text(&row[1]),
			       (long long)row[0].number);
	return 0;
}

/* Each entry of an agent is the one that was countersigned, and none of them is gone. */
static int agents_check(struct store *store, int64_t size, struct rf_err *err)
{
	struct agents_check c = {.err = err};
	int64_t marked;
	int rc = 0;

	for (int64_t at = 0; !rc && at < size; at += BATCH)
		rc = store_ledger_each(store, at, size - at < BATCH ? size - at : BATCH,
				       take_marked, &c, err);
	marked = c.count;
	c.next = 0;
	for (int64_t before = -1; !rc && c.next != before && c.next < size;) {
		before = c.next;
		rc = store_run(store, STORE_S_LEDGER_AGENT_CHECK,
			       STORE_PARAMS(store_int(before), store_int(BATCH)),
			       (struct store_rows){take_included, &c}, err);
	}
	if (!rc && c.count)
		rc = rf_fail(err, RF_E_MISMATCH,
			     "the ledger in the store was altered: %lld entries of agents were "
			     "countersigned, %lld are there",
			     (long long)marked, (long long)(marked - c.count));
	return rc;
}

int store_ledger_check(struct store *store, uint8_t out_root[LEDGER_HASH_BYTES], struct rf_err *err)
{
	struct ledger_tree known = {0}, tree = {0};
	int64_t size = 0;
	int rc = signed_get(store, &known, err);

	if (!rc)
		rc = store_counter_get(store, COUNTER, &size, err);
	if (!rc)
		rc = signed_check(store, &known, &tree, err);
	if (!rc)
		rc = tree_grow(store, &tree, (uint64_t)size, err);
	if (!rc)
		rc = agents_check(store, size, err);
	return rc ? rc : ledger_tree_root(&tree, out_root, err);
}

/* Signing ------------------------------------------------------------------------------------- */

static int tree_sign(struct store *store, const struct store_signer *signer,
		     const struct ledger_tree *tree, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf note = {0}, line = {0};
	uint8_t root[LEDGER_HASH_BYTES];
	int rc = ledger_tree_root(tree, root, err);

	if (!rc)
		rc = signer->sign(signer->arg, tree->size, root, &note, err);
	if (!rc)
		rc = ledger_checkpoint_line(tree, rf_buf_text(&note), &line, err);
	if (!rc && (note.failed || line.failed))
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc ? rc
		  : store_run(store, STORE_S_LEDGER_SIGN,
			      STORE_PARAMS(store_int((int64_t)tree->size),
					   store_blob(rf_buf_slice(&line))),
			      STORE_NO_ROWS, err);
}

int store_ledger_sign(struct store *store, const struct store_signer *signer, int64_t *out_size,
		      struct rf_err *err)
{
	struct ledger_tree tree = {0};
	int64_t size = 0;
	int rc = signed_get(store, &tree, err);

	if (!rc)
		rc = store_counter_get(store, COUNTER, &size, err);
	if (!rc && (uint64_t)size < tree.size)
		rc = rf_fail(err, RF_E_MISMATCH,
			     "the ledger in the store was altered: %llu entries were signed, %lld "
			     "are there",
			     (unsigned long long)tree.size, (long long)size);
	if (!rc && (uint64_t)size > tree.size) {
		rc = tree_grow(store, &tree, (uint64_t)size, err);
		if (!rc)
			rc = tree_sign(store, signer, &tree, err);
	}
	if (!rc && out_size)
		*out_size = size;
	return rc;
}

/* Export -------------------------------------------------------------------------------------- */

struct export_rows {
	int (*take)(void *arg, struct rf_slice line);
	void *arg;
	struct rf_buf line;
};

static int line_give(struct export_rows *rows, struct rf_slice line)
{
	rf_buf_reset(&rows->line);
	rf_buf_add(&rows->line, line.data, line.len);
	rf_buf_add_byte(&rows->line, '\n');
	return rows->line.failed ? -ENOMEM : rows->take(rows->arg, rf_buf_slice(&rows->line));
}

static int take_export(void *arg, const struct store_value *row)
{
	struct export_rows *rows = arg;
	int rc = line_give(rows, row[1].bytes);

	return rc || row[2].kind == STORE_NULL ? rc : line_give(rows, row[2].bytes);
}

int store_ledger_export(struct store *store, int (*take)(void *arg, struct rf_slice line),
			void *arg, struct rf_err *err)
{
	struct export_rows rows = {take, arg, {0}};
	struct ledger_tree tree = {0};
	int rc = signed_get(store, &tree, err);

	for (int64_t at = 0; !rc && at < (int64_t)tree.size; at += BATCH) {
		int64_t end = at + BATCH < (int64_t)tree.size ? at + BATCH : (int64_t)tree.size;

		rc = store_run(store, STORE_S_LEDGER_EXPORT,
			       STORE_PARAMS(store_int(at), store_int(end)),
			       (struct store_rows){take_export, &rows}, err);
	}
	rf_buf_done(&rows.line);
	return rc;
}
