/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying a ledger from its bytes and the public key: pure, no file, no clock. Walks the lines,
 * grows the tree, and at each checkpoint compares the root with the signed one, so that the first
 * entry that is not what was signed can be named.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/parts.h"

bool ledger_line_next(struct rf_slice *rest, struct rf_slice *out, bool *torn)
{
	if (rest->len == 0)
		return false;
	const uint8_t *nl = memchr(rest->data, '\n', rest->len);

	*torn = !nl;
	out->data = rest->data;
	out->len = nl ? (size_t)(nl - rest->data) : rest->len;
	size_t full = out->len + (nl ? 1 : 0);

	rest->data += full;
	rest->len -= full;
	return true;
}

static int nodes_parse(const json_t *nodes, struct ledger_tree *tree)
{
	if (!json_is_array(nodes) || json_array_size(nodes) != ledger_tree_nodes(tree->size) ||
	    json_array_size(nodes) > LEDGER_MAX_DEPTH)
		return RF_E_SYNTAX;
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const char *text = json_string_value(json_array_get(nodes, i));
		size_t len;

		if (!text ||
		    rf_base64_decode(rf_slice_text(text), tree->nodes[i], LEDGER_HASH_BYTES, &len) <
			    0 ||
		    len != LEDGER_HASH_BYTES)
			return RF_E_SYNTAX;
	}
	return 0;
}

/* The size stands in the note's second line; the signature says later whether it may be believed.
 */
static int note_size(const char *note, uint64_t *out)
{
	const char *line = strchr(note, '\n'), *end = line ? strchr(line + 1, '\n') : NULL;
	char text[24];
	int64_t n;

	if (!end || (size_t)(end - line) > sizeof(text))
		return RF_E_SYNTAX;
	rf_format(text, sizeof(text), "%.*s", (int)(end - line - 1), line + 1);
	if (rf_num(text, 10, 0, INT64_MAX, &n) < 0)
		return RF_E_SYNTAX;
	*out = (uint64_t)n;
	return 0;
}

static int checkpoint_parse(const json_t *json, struct ledger_line *out)
{
	const char *note = json_string_value(json_object_get(json, "checkpoint"));

	if (json_object_size(json) != 2 || !note || !rf_copy(out->note, sizeof(out->note), note) ||
	    note_size(note, &out->tree.size) < 0)
		return RF_E_SYNTAX;
	out->is_checkpoint = true;
	return nodes_parse(json_object_get(json, "nodes"), &out->tree);
}

int ledger_line_parse(struct rf_slice bytes, struct ledger_line *out, struct rf_err *err)
{
	struct ledger_line line = {.bytes = bytes};
	json_error_t why;

	if (bytes.len > LEDGER_MAX_LINE_BYTES)
		return rf_fail(err, RF_E_LIMIT, "the line is too long");
	json_t *json =
		json_loadb((const char *)bytes.data, bytes.len, JSON_REJECT_DUPLICATES, &why);
	const json_t *number = json_object_get(json, "n");
	int rc = RF_E_SYNTAX;

	if (json_is_object(json) && json_object_get(json, "checkpoint")) {
		rc = checkpoint_parse(json, &line);
	} else if (json_is_integer(number) && json_integer_value(number) >= 0) {
		line.number = (uint64_t)json_integer_value(number);
		rc = 0;
	}
	json_decref(json);
	if (rc < 0)
		return rf_fail(err, rc, "the line is neither an entry nor a checkpoint");
	*out = line;
	return 0;
}

/* ---- the walk ---- */

struct walk {
	struct ledger_tree tree;
	struct note_key key;
	struct ledger_report report;
	uint64_t line;
	uint64_t proven; /* size of the last good checkpoint */
	struct checkpoint known;
	bool has_known, known_met;
};

static int found(struct walk *w, enum ledger_fault fault, uint64_t at, const char *fmt, ...)
	RF_PRINTF(4, 5);

/* Notes the first fault; 1 stops the walk. */
static int found(struct walk *w, enum ledger_fault fault, uint64_t at, const char *fmt, ...)
{
	va_list args;

	w->report.fault = fault;
	w->report.at = at;
	w->report.line = w->line;
	va_start(args, fmt);
	vsnprintf(w->report.text, sizeof(w->report.text), fmt, args);
	va_end(args);
	return 1;
}

/* An entry whose number is not the next: does the one that should be here come later? */
static bool comes_later(struct rf_slice rest, uint64_t number)
{
	struct rf_slice bytes;
	struct ledger_line line;
	bool torn;

	while (ledger_line_next(&rest, &bytes, &torn)) {
		if (ledger_line_parse(bytes, &line, NULL) == 0 && !line.is_checkpoint &&
		    line.number == number)
			return true;
	}
	return false;
}

static int entry_walk(struct walk *w, const struct ledger_line *line, struct rf_slice rest,
		      struct rf_err *err)
{
	uint64_t next = w->tree.size;

	if (line->number == next)
		return ledger_tree_add(&w->tree, line->bytes, err);
	if (line->number < next)
		return found(w, LEDGER_REORDERED, next,
			     "line %llu holds entry %llu, which belongs before entry %llu",
			     (unsigned long long)w->line, (unsigned long long)line->number,
			     (unsigned long long)next);
	if (comes_later(rest, next))
		return found(w, LEDGER_REORDERED, next,
			     "entry %llu stands in the place of entry %llu, which comes later",
			     (unsigned long long)line->number, (unsigned long long)next);
	return found(w, LEDGER_LOST, next, "entry %llu is missing: entry %llu follows instead",
		     (unsigned long long)next, (unsigned long long)line->number);
}

static int known_meet(struct walk *w, const struct checkpoint *c, const uint8_t *root)
{
	if (!w->has_known || c->size != w->known.size)
		return 0;
	w->known_met = true;
	return memcmp(w->known.root, root, LEDGER_HASH_BYTES) == 0
		       ? 0
		       : found(w, LEDGER_FORGED, c->size ? c->size - 1 : 0,
			       "at entry %llu this is not the ledger of the checkpoint that was kept: "
			       "its history was written anew",
			       (unsigned long long)(c->size ? c->size - 1 : 0));
}

static int checkpoint_walk(struct walk *w, const struct ledger_line *line, struct rf_err *err)
{
	struct checkpoint c;
	uint8_t root[LEDGER_HASH_BYTES];
	uint64_t last = w->tree.size ? w->tree.size - 1 : 0;
	int rc = checkpoint_open(rf_slice_text(line->note), &w->key, &c, NULL);

	if (rc < 0)
		return found(w, LEDGER_FORGED, last,
			     "the checkpoint in line %llu, behind entry %llu, is not signed by %s",
			     (unsigned long long)w->line, (unsigned long long)last, w->key.name);
	if (c.size > w->tree.size)
		return found(w, LEDGER_LOST, w->tree.size,
			     "entry %llu is missing: %llu entries were signed here, %llu are left",
			     (unsigned long long)w->tree.size, (unsigned long long)c.size,
			     (unsigned long long)w->tree.size);
	if (c.size < w->tree.size)
		return c.size <= w->proven
			       ? found(w, LEDGER_REORDERED, last,
				       "line %llu holds the checkpoint of another place",
				       (unsigned long long)w->line)
			       : found(w, LEDGER_EDITED, c.size,
				       "entry %llu was put in: only %llu were signed here",
				       (unsigned long long)c.size, (unsigned long long)c.size);
	rc = ledger_tree_root(&w->tree, root, err);
	if (rc < 0)
		return rc;
	if (memcmp(root, c.root, sizeof(root)) != 0)
		return found(w, LEDGER_EDITED, last, "entry %llu is not what was signed",
			     (unsigned long long)last);
	w->proven = c.size;
	return known_meet(w, &c, root);
}

static int line_walk(struct walk *w, struct rf_slice bytes, bool torn, struct rf_slice rest,
		     struct rf_err *err)
{
	struct ledger_line line;

	w->line++;
	if (torn)
		return found(
			w, LEDGER_UNSIGNED, w->tree.size,
			"the last line is torn: an append was interrupted, or the file was cut");
	if (ledger_line_parse(bytes, &line, NULL) < 0)
		return found(w, LEDGER_MALFORMED, w->tree.size,
			     "line %llu, where entry %llu or its checkpoint should be, is neither",
			     (unsigned long long)w->line, (unsigned long long)w->tree.size);
	return line.is_checkpoint ? checkpoint_walk(w, &line, err)
				  : entry_walk(w, &line, rest, err);
}

static void end_check(struct walk *w)
{
	if (w->report.fault != LEDGER_INTACT)
		return;
	if (w->tree.size > w->proven) {
		found(w, LEDGER_UNSIGNED, w->proven,
		      "entry %llu and what follows has no checkpoint behind it",
		      (unsigned long long)w->proven);
		return;
	}
	if (!w->has_known || w->known_met || w->known.size == 0)
		return;
	if (w->known.size > w->proven)
		found(w, LEDGER_TRUNCATED, w->proven,
		      "the end was cut: entry %llu is missing, %llu were signed when the checkpoint "
		      "was kept",
		      (unsigned long long)w->proven, (unsigned long long)w->known.size);
	else
		found(w, LEDGER_FORGED, w->known.size,
		      "the checkpoint that was kept is of another ledger");
}

int ledger_verify(struct rf_slice file, const char *public_key, struct rf_slice known,
		  struct ledger_report *out, struct rf_err *err)
{
	struct walk w = {0};
	struct rf_slice rest = file, bytes;
	bool torn = false;
	int rc = note_key_parse(public_key, &w.key, err);

	if (!rc && known.len) {
		rc = checkpoint_open(known, &w.key, &w.known, err);
		w.has_known = rc == 0;
	}
	while (rc == 0 && ledger_line_next(&rest, &bytes, &torn))
		rc = line_walk(&w, bytes, torn, rest, err);
	if (rc < 0)
		return rc;
	end_check(&w);
	w.report.entries = w.proven;
	if (w.report.fault == LEDGER_INTACT)
		rf_format(w.report.text, sizeof(w.report.text),
			  "%llu entries, complete and unaltered up to the last checkpoint",
			  (unsigned long long)w.proven);
	*out = w.report;
	return 0;
}

int ledger_each(struct rf_slice file, int (*visit)(void *arg, struct rf_slice entry), void *arg,
		struct rf_err *err)
{
	struct rf_slice rest = file, bytes;
	bool torn = false;
	int rc = 0;

	while (rc >= 0 && ledger_line_next(&rest, &bytes, &torn)) {
		struct ledger_line line;

		if (ledger_line_parse(bytes, &line, NULL) == 0 && !line.is_checkpoint)
			rc = visit(arg, bytes);
	}
	return rc < 0 ? rf_fail(err, rc, "stopped") : 0;
}
