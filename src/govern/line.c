/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's lines, and the key that signs them: pure, no file, no clock. See ledger.h. For the
 * ledger's file (ledger.c) and for the fleet's, which is in the manager's store.
 *
 * A line is an entry, {"n":0,"time":"...","kind":"apply",...} with sorted keys, whose bytes are the
 * leaf, or {"checkpoint":"NOTE","nodes":["BASE64",...]}: the signed note and the tree's nodes.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/parts.h"

#define MAX_HOST 200

struct ledger_key {
	struct note_key key;
};

static int json_piece(const char *data, size_t len, void *out)
{
	return rf_buf_add(out, data, len) < 0 ? -1 : 0;
}

/* Canonical: sorted keys, no blanks, ASCII. */
static int json_add(const json_t *json, struct rf_buf *out)
{
	return json && json_dump_callback(json, json_piece, out,
					  JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) == 0
		       ? 0
		       : RF_E_SYNTAX;
}

int ledger_checkpoint_line(const struct ledger_tree *tree, const char *note, struct rf_buf *out,
			   struct rf_err *err)
{
	json_t *nodes = json_array(), *line = NULL;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < ledger_tree_nodes(tree->size); i++) {
		RF_AUTOBUF struct rf_buf node = {0};

		if (rf_base64_add(&node, tree->nodes[i], LEDGER_HASH_BYTES) < 0 ||
		    json_array_append_new(nodes, json_string(rf_buf_text(&node))) < 0)
			rc = rf_fail(err, -ENOMEM, "no memory");
	}
	if (rc == 0)
		line = json_pack("{s:s,s:O}", "checkpoint", note, "nodes", nodes);
	if (rc == 0 && json_add(line, out) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	json_decref(line);
	json_decref(nodes);
	return rc;
}

/* The third line of a note is the root. */
static int root_compare(const struct ledger_tree *tree, const char *note, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf want = {0};
	uint8_t root[LEDGER_HASH_BYTES];
	const char *line = strchr(note, '\n');
	int rc = ledger_tree_root(tree, root, err);

	if (rc)
		return rc;
	line = line ? strchr(line + 1, '\n') : NULL;
	if (rf_base64_add(&want, root, sizeof(root)) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!line || !rf_starts(line + 1, rf_buf_text(&want)))
		return rf_fail(err, RF_E_MISMATCH, "the tree is not the one of its checkpoint");
	return 0;
}

int ledger_tree_read(struct rf_slice bytes, struct ledger_tree *out, struct rf_err *err)
{
	struct ledger_line line;
	int rc = ledger_line_parse(bytes, &line, err);

	if (!rc && !line.is_checkpoint)
		rc = rf_fail(err, RF_E_SYNTAX, "the line is no checkpoint");
	if (!rc)
		rc = root_compare(&line.tree, line.note, err);
	if (!rc)
		*out = line.tree;
	return rc;
}

static void time_text(int64_t ms, char out[32])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char head[24];

	gmtime_r(&s, &tm);
	strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &tm);
	rf_format(out, 32, "%s.%03dZ", head, (int)(ms % 1000));
}

int ledger_entry_line(uint64_t number, const struct ledger_entry *e, struct rf_buf *out,
		      struct rf_err *err)
{
	const struct {
		const char *key, *text;
	} texts[] = {
		{"kind", e->kind ? e->kind : "note"},
		{"actor", e->actor},
		{"about", e->about},
		{"text", e->text},
		{"digest", e->digest},
	};
	char when[32];
	json_t *entry = json_object();
	int rc = 0;

	time_text(e->time_ms, when);
	rc |= json_object_set_new(entry, "n", json_integer((json_int_t)number));
	rc |= json_object_set_new(entry, "time", json_string(when));
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		if (texts[i].text)
			rc |= json_object_set_new(entry, texts[i].key, json_string(texts[i].text));
	}
	if (!rc)
		rc = json_add(entry, out);
	json_decref(entry);
	if (rc < 0)
		return rf_fail(err, RF_E_SYNTAX, "the entry of the ledger is no UTF-8 text");
	if (out->len > LEDGER_MAX_ENTRY_BYTES)
		return rf_fail(err, RF_E_LIMIT, "an entry of the ledger has at most %u bytes",
			       LEDGER_MAX_ENTRY_BYTES);
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

/* ---- the key ---- */

void ledger_origin(const char *host, char out[LEDGER_ORIGIN_BYTES])
{
	rf_format(out, LEDGER_ORIGIN_BYTES, "ringfence/%.*s", MAX_HOST, host);
	for (char *p = out; *p; p++)
		*p = strchr(" +\t\n", *p) ? '-' : *p;
}

int ledger_key_make(const char *host, struct rf_buf *out_pem, struct rf_buf *out_public,
		    struct rf_err *err)
{
	NOTE_AUTOKEY struct note_key key = {0};
	char origin[LEDGER_ORIGIN_BYTES], text[NOTE_KEY_TEXT];

	ledger_origin(host, origin);
	int rc = note_key_make(origin, &key, out_pem, err);

	if (!rc)
		rc = note_key_text(&key, text, err);
	if (!rc && rf_buf_add_text(out_public, text) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc;
}

int ledger_key_load(struct rf_slice pem, const char *public_key, struct ledger_key **out,
		    struct rf_err *err)
{
	NOTE_AUTOKEY struct note_key known = {0};
	struct ledger_key *key = rf_alloc(1, sizeof(*key));
	int rc = key ? note_key_parse(public_key, &known, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = note_key_load(known.name, pem, &key->key, err);
	if (!rc && memcmp(known.public_key, key->key.public_key, NOTE_PUBLIC) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "the ledger's two keys do not belong together");
	if (rc) {
		ledger_key_free(key);
		return rc;
	}
	*out = key;
	return 0;
}

void ledger_key_free(struct ledger_key *key)
{
	if (!key)
		return;
	note_key_done(&key->key);
	rf_free(key);
}

int ledger_key_sign(const struct ledger_key *key, uint64_t size,
		    const uint8_t root[LEDGER_HASH_BYTES], struct rf_buf *out_note,
		    struct rf_err *err)
{
	struct checkpoint c = {.size = size};

	memcpy(c.root, root, sizeof(c.root));
	rf_copy(c.origin, sizeof(c.origin), key->key.name);
	return checkpoint_sign(&c, &key->key, out_note, err);
}
