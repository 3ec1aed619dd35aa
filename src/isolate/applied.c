/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kept policy: bytes, and the verb that writes them. See applied.h. The file is a line
 * "ringfence-isolate 1", a line "zone NAME NUMBER" each, "policy BYTES", and the policy's own text.
 */
#include "isolate/applied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/files.h"
#include "isolate/verbs.h"

#define HEAD "ringfence-isolate 1"

int applied_encode(const struct policy_numbers *numbers, struct rf_slice yaml, struct rf_buf *out)
{
	rf_buf_printf(out, HEAD "\n");
	for (size_t i = 0; i < numbers->count; i++)
		rf_buf_printf(out, "zone %s %u\n", numbers->items[i].name,
			      numbers->items[i].number);
	rf_buf_printf(out, "policy %zu\n", yaml.len);
	return rf_buf_add(out, yaml.data, yaml.len);
}

/* Takes a line of at most size - 1 bytes; false where there is none. */
static bool line_take(struct rf_slice *rest, char *out, size_t size)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : 0;

	if (!end || len >= size || memchr(rest->data, '\0', len))
		return false;
	memcpy(out, rest->data, len);
	out[len] = '\0';
	*rest = (struct rf_slice){end + 1, rest->len - len - 1};
	return true;
}

static bool zone_take(const char *line, struct policy_numbers *out)
{
	struct policy_number *item = &out->items[out->count];
	const char *space = strrchr(line, ' ');
	int64_t n;

	if (out->count == GUARD_ZONES || !space || (size_t)(space - line) >= sizeof(item->name) ||
	    space == line || rf_num(space + 1, 10, 1, GUARD_ZONES - 1, &n) < 0)
		return false;
	memcpy(item->name, line, (size_t)(space - line));
	item->name[space - line] = '\0';
	item->number = (uint16_t)n;
	out->count++;
	return true;
}

int applied_decode(struct rf_slice bytes, struct policy_numbers *out_numbers,
		   struct rf_slice *out_yaml, struct rf_err *err)
{
	struct rf_slice rest = bytes;
	char line[96];
	int64_t n = -1;

	out_numbers->count = 0;
	*out_yaml = (struct rf_slice){NULL, 0};
	if (bytes.len == 0)
		return 0;
	bool good = line_take(&rest, line, sizeof(line)) && strcmp(line, HEAD) == 0;

	while (good && (good = line_take(&rest, line, sizeof(line))) && rf_starts(line, "zone "))
		good = zone_take(line + 5, out_numbers);
	if (!good || !rf_starts(line, "policy ") ||
	    rf_num(line + 7, 10, 0, POLICY_MAX_BYTES, &n) < 0 || (size_t)n != rest.len) {
		out_numbers->count = 0;
		return rf_fail(err, RF_E_SYNTAX, "the kept policy is not as it was written");
	}
	*out_yaml = rest;
	return 0;
}

int applied_parse(struct rf_slice bytes, struct policy_numbers *out_numbers,
		  struct rf_slice *out_yaml, struct policy **out, struct rf_err *err)
{
	struct policy *policy = NULL;
	int rc = applied_decode(bytes, out_numbers, out_yaml, err);

	if (!rc && out_yaml->len)
		rc = policy_parse_numbered(*out_yaml, APPLIED_TITLE, out_numbers, &policy, err);
	if (!rc)
		*out = policy;
	return rc;
}

/* ---- the verb ---- */

static int target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	return strcmp(target, "policy") == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.40s: only \"policy\" is kept", target);
}

/* The folder, made when it is not there; -ENOENT without make. */
static int folder_open(const struct verb_env *env, bool make)
{
	if (make && mkdirat(env->state, APPLIED_FOLDER, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd =
		openat(env->state, APPLIED_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int policy_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	int folder = folder_open(env, false), rc = folder < 0 ? folder : 0;

	(void)target;
	if (folder >= 0) {
		rc = files_read(folder, APPLIED_NAME, APPLIED_MAX_BYTES, out, err);
		close(folder);
	}
	/* Nothing was applied yet: no bytes. */
	if (rc == -ENOENT) {
		rf_err_clear(err);
		return 0;
	}
	return rc ? rf_fail(err, rc, "the kept policy: %s", rf_code_text(rc)) : 0;
}

static int policy_put(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	char fresh[CHANGE_ID_BYTES + 16];
	int folder = folder_open(env, true), rc = folder < 0 ? folder : 0;

	(void)target;
	rf_format(fresh, sizeof(fresh), ".%s", env->scratch);
	if (rc == 0 && state.len) {
		(void)unlinkat(folder, fresh, 0);
		rc = files_make(folder, fresh, 0600, state, err);
		if (rc == 0 && renameat(folder, fresh, folder, APPLIED_NAME) < 0)
			rc = -errno;
	} else if (rc == 0 && unlinkat(folder, APPLIED_NAME, 0) < 0 && errno != ENOENT) {
		rc = -errno;
	}
	if (rc == 0 && fsync(folder) < 0)
		rc = -errno;
	if (folder >= 0)
		close(folder);
	return rc ? rf_fail(err, rc, "the kept policy: %s", rf_code_text(rc)) : 0;
}

static const struct verb_kind kind_policy = {
	.name = "guard-policy",
	/* Last: what is kept is what was enforced. */
	.rank = 99,
	.check = target_check,
	.read = policy_read,
	.put = policy_put,
};

static void chunk_of(const struct change_spec *spec, struct applied_chunk *out)
{
	memcpy(out, spec->value, sizeof(*out));
}

static uint32_t chunk_bytes(const struct applied_chunk *chunk)
{
	uint32_t left = chunk->total_bytes - chunk->at;

	return left < APPLIED_CHUNK ? left : APPLIED_CHUNK;
}

static int chunk_check(const struct verb_env *env, const struct change_spec *spec,
		       struct rf_err *err)
{
	struct applied_chunk chunk;

	(void)env;
	chunk_of(spec, &chunk);
	if (chunk.total_bytes == 0 || chunk.total_bytes > APPLIED_MAX_BYTES ||
	    chunk.at >= chunk.total_bytes || chunk.at % APPLIED_CHUNK)
		return rf_fail(err, RF_E_LIMIT, "the policy's part %u of %u bytes cannot be",
			       chunk.at, chunk.total_bytes);
	return 0;
}

/* The first part begins anew, each further one goes behind what is there. */
static int chunk_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			 struct rf_err *err)
{
	struct applied_chunk chunk;

	chunk_of(spec, &chunk);
	if (chunk.at && before.len != chunk.at)
		return rf_fail(err, RF_E_MISMATCH, "the policy's parts do not follow each other");
	if (chunk.at)
		rf_buf_add(out, before.data, before.len);
	return rf_buf_add(out, chunk.bytes, chunk_bytes(&chunk));
}

static bool chunk_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (!state.len)
		return false;
	rf_buf_printf(out, "%zu bytes", state.len);
	return true;
}

static void chunk_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	struct applied_chunk chunk;

	chunk_of(spec, &chunk);
	rf_buf_printf(out, "%u bytes", chunk.total_bytes);
}

static const struct verb rows[] = {
	{"guard-policy", "keep the policy, for the guard's service and the next start of the host",
	 &kind_policy, sizeof(struct applied_chunk), NEEDS_LIVE, RISK_LOW, chunk_check,
	 chunk_predict, chunk_show, chunk_payload_show},
};

const struct verb_table isolate_policy_verbs = {rows, RF_COUNT(rows)};
