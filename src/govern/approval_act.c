/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical bytes of what is approved; see approval_act.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "govern/approval_act.h"
#include "govern/approval_rule.h"
#include "govern/text.h"

static const uint8_t magic[8] = {'R', 'F', 'A', 'C', 'T', 0, 0, 1};

/* The two lists differ in these alone. */
struct list_kind {
	const char *what, *name, *value;
	size_t min_count, max_count, max_name_bytes, max_value_bytes;
	bool value_is_text;
};
static const struct list_kind objects_kind = {"objects",
					      "the id of an object",
					      "the state version of an object",
					      1,
					      APPROVAL_MAX_OBJECTS,
					      APPROVAL_MAX_ID_BYTES,
					      APPROVAL_MAX_ID_BYTES,
					      true};
static const struct list_kind params_kind = {
	"parameters",	     "the name of a parameter", "the value of a parameter", 0,
	APPROVAL_MAX_PARAMS, GOVERN_MAX_NAME_BYTES,	APPROVAL_MAX_VALUE_BYTES,   false};

static int slice_order(struct rf_slice a, struct rf_slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int pair_order(const void *a, const void *b)
{
	return slice_order((*(const struct approval_pair *const *)a)->name,
			   (*(const struct approval_pair *const *)b)->name);
}

static int pair_check(const struct list_kind *kind, const struct approval_pair *pair,
		      struct rf_err *err)
{
	int rc = govern_text_check(pair->name, kind->max_name_bytes, kind->name, err);

	if (rc < 0)
		return rc;
	if (kind->value_is_text)
		return govern_text_check(pair->value, kind->max_value_bytes, kind->value, err);
	if (pair->value.len > kind->max_value_bytes)
		return rf_fail(err, RF_E_LIMIT, "%s has %zu bytes; at most %zu can be approved",
			       kind->value, pair->value.len, kind->max_value_bytes);
	return 0;
}

static int count_check(const struct list_kind *kind, size_t count, struct rf_err *err)
{
	if (count >= kind->min_count && count <= kind->max_count)
		return 0;
	return rf_fail(err, count ? RF_E_LIMIT : RF_E_MISSING,
		       "%zu %s; one approval is about %zu to %zu of them", count, kind->what,
		       kind->min_count, kind->max_count);
}

static int operation_check(struct rf_slice name, struct rf_err *err)
{
	if (approval_operation_find(name))
		return 0;
	return rf_fail(err, RF_E_UNKNOWN, "no operation of this name can be approved");
}

static void put_u32(struct rf_buf *out, size_t n)
{
	const uint8_t bytes[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				 (uint8_t)n};

	rf_buf_add(out, bytes, sizeof(bytes));
}

static void put_field(struct rf_buf *out, struct rf_slice field)
{
	put_u32(out, field.len);
	rf_buf_add(out, field.data, field.len);
}

static int put_list(const struct list_kind *kind, const struct approval_pair *pairs, size_t count,
		    struct rf_buf *out, struct rf_err *err)
{
	int rc = count_check(kind, count, err);

	if (rc < 0)
		return rc;
	RF_AUTOFREE const struct approval_pair **sorted = rf_alloc(count, sizeof(*sorted));

	if (!sorted)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		rc = pair_check(kind, &pairs[i], err);
		if (rc < 0)
			return rc;
		sorted[i] = &pairs[i];
	}
	qsort(sorted, count, sizeof(*sorted), pair_order);
	put_u32(out, count);
	for (size_t i = 0; i < count; i++) {
		if (i && slice_order(sorted[i - 1]->name, sorted[i]->name) == 0)
			return rf_fail(err, RF_E_DUPLICATE, "%s is given twice: %.*s", kind->name,
				       (int)sorted[i]->name.len,
				       (const char *)sorted[i]->name.data);
		put_field(out, sorted[i]->name);
		put_field(out, sorted[i]->value);
	}
	return 0;
}

int approval_act_encode(const struct approval_act *act, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf made = {0};
	int rc = operation_check(act->operation, err);

	if (rc < 0)
		return rc;
	rf_buf_add(&made, magic, sizeof(magic));
	put_field(&made, act->operation);
	rc = put_list(&objects_kind, act->objects, act->objects_count, &made, err);
	if (!rc)
		rc = put_list(&params_kind, act->params, act->params_count, &made, err);
	if (rc < 0)
		return rc;
	if (!made.failed && made.len > APPROVAL_MAX_ACT_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes; one approval is about at most %u",
			       made.len, APPROVAL_MAX_ACT_BYTES);
	if (made.failed || rf_buf_add(out, made.data, made.len) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	return 0;
}

static struct rf_slice read_field(struct rf_reader *r)
{
	return rf_read_bytes(r, rf_read_be32(r));
}

static int read_list(struct rf_reader *r, const struct list_kind *kind,
		     struct approval_pair **out_pairs, size_t *out_count, struct rf_err *err)
{
	size_t count = rf_read_be32(r);
	int rc = rf_reader_check(r, kind->what, err);

	if (!rc)
		rc = count_check(kind, count, err);
	if (rc < 0)
		return rc;
	struct approval_pair *pairs = rf_alloc(count, sizeof(*pairs));

	if (!pairs)
		return rf_fail(err, -ENOMEM, "no memory");
	*out_pairs = pairs; /* approval_act_done frees it, also after a refusal */
	*out_count = count;
	for (size_t i = 0; i < count; i++) {
		pairs[i].name = read_field(r);
		pairs[i].value = read_field(r);
		rc = rf_reader_check(r, kind->what, err);
		if (!rc)
			rc = pair_check(kind, &pairs[i], err);
		if (rc < 0)
			return rc;
		if (i && slice_order(pairs[i - 1].name, pairs[i].name) >= 0)
			return rf_fail(err, RF_E_SYNTAX, "%s: number %zu is not in order",
				       kind->what, i);
	}
	return 0;
}

static int act_read(struct rf_slice in, struct approval_act *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct rf_slice begin = rf_read_bytes(&r, sizeof(magic));

	out->operation = read_field(&r);
	int rc = rf_reader_check(&r, "approval", err);

	if (rc < 0)
		return rc;
	if (memcmp(begin.data, magic, sizeof(magic)) != 0)
		return rf_fail(err, RF_E_SYNTAX, "these are not the bytes of an approval");
	rc = operation_check(out->operation, err);
	if (!rc)
		rc = read_list(&r, &objects_kind, &out->objects, &out->objects_count, err);
	if (!rc)
		rc = read_list(&r, &params_kind, &out->params, &out->params_count, err);
	if (!rc && rf_reader_left(&r) > 0)
		rc = rf_fail(err, RF_E_SYNTAX, "%zu bytes behind the end", rf_reader_left(&r));
	return rc;
}

int approval_act_decode(struct rf_slice in, struct approval_act *out, struct rf_err *err)
{
	struct approval_act act = {0};

	if (in.len > APPROVAL_MAX_ACT_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes; one approval is about at most %u",
			       in.len, APPROVAL_MAX_ACT_BYTES);
	int rc = act_read(in, &act, err);

	if (rc < 0) {
		approval_act_done(&act);
		return rc;
	}
	*out = act;
	return 0;
}

void approval_act_done(struct approval_act *act)
{
	if (!act)
		return;
	rf_free(act->objects);
	rf_free(act->params);
	*act = (struct approval_act){0};
}

int approval_act_digest(const struct approval_act *act, uint8_t out[APPROVAL_DIGEST_BYTES],
			struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	uint8_t made[APPROVAL_DIGEST_BYTES];
	int rc = approval_act_encode(act, &bytes, err);

	if (rc < 0)
		return rc;
	if (EVP_Digest(bytes.data, bytes.len, made, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	memcpy(out, made, sizeof(made));
	return 0;
}
