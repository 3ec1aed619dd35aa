/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest baseline create, show, approve: what a host booted when it was trusted, approved
 * by name. Only evidence that proves itself becomes a baseline. Prediction is
 * cmd_attest_predict.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attest/verdict.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/baseline_file.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "cli/story.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define NONCE_MAX_BYTES 64

/* ---- the file ---- */

static void split_path(const char *path, char dir[RF_MAX_PATH_BYTES], const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!slash)
		rf_copy(dir, RF_MAX_PATH_BYTES, ".");
	else
		rf_format(dir, RF_MAX_PATH_BYTES, "%.*s", slash == path ? 1 : (int)(slash - path),
			  path);
}

int baseline_file_lock_in(const char *path, bool quiet, struct rf_err *err)
{
	static char dir[RF_MAX_PATH_BYTES];
	const char *writable[] = {dir}, *name;
	char missing[SANDBOX_MISSING_BYTES];

	split_path(path, dir, &name);
	if (name[0] == '\0')
		return rf_fail(err, RF_E_USAGE, "%s is a folder; name a file", path);
	if (access(dir, W_OK) < 0)
		return rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno));
	int rc = sandbox_enter(SANDBOX_JUDGE, writable, 1, missing, err);

	if (rc == 0 && missing[0] && !quiet)
		fprintf(stderr, "ringfence: judging without: %s\n", missing);
	return rc;
}

int baseline_file_put(const char *path, struct rf_slice bytes, struct rf_err *err)
{
	char dir[RF_MAX_PATH_BYTES];
	const char *name;

	split_path(path, dir, &name);
	return state_write(dir, name, bytes, err);
}

int baseline_file_write(const struct baseline *baseline, const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct baseline *again = NULL;
	int rc = baseline_write(baseline, &text);

	if (rc < 0)
		return rf_fail(err, rc, "%s: no memory", path);
	/* What could not be read again must not take the place of what can. */
	rc = baseline_load(rf_buf_slice(&text), path, &again, err);
	baseline_free(again);
	if (rc < 0)
		return rf_wrap(err, rc, "the new baseline would not be readable");
	return baseline_file_put(path, rf_buf_slice(&text), err);
}

/* ---- create ---- */

struct creation {
	struct rf_buf file;
	struct evidence evidence;
	struct baseline *baseline; /* that was there already, or the new one */
	struct verdict verdict;
	uint8_t nonce[NONCE_MAX_BYTES];
	size_t nonce_len;
};

static void creation_done(struct creation *c)
{
	baseline_free(c->baseline);
	verdict_done(&c->verdict);
	rf_buf_done(&c->file);
}

/* Only what proves itself may be remembered as good: judged as if its own boot were approved. */
static int verify(struct attest_hasher *hasher, struct creation *c, const struct cli_args *args,
		  struct rf_err *err)
{
	struct verdict_options options = {.nonce = {c->nonce, c->nonce_len},
					  .now_ms = common_now_ms()};
	struct baseline *own = NULL;
	int rc = baseline_create(hasher, &c->evidence, "own", &own, err);

	if (rc == 0)
		rc = baseline_approve(own, "own", "nobody yet", options.now_ms, err);
	options.baseline = own;
	if (rc == 0)
		rc = attest_verify(hasher, rf_buf_slice(&c->file), &options, &c->verdict, err);
	baseline_free(own);
	if (rc < 0 || verdict_exit_code(c->verdict.state) == 0)
		return rc;
	printf("%s is no ground for a baseline: %s\n", args->words[0],
	       verdict_state_name(c->verdict.state));
	story_print_reasons(stdout, &c->verdict.reasons, rows_color(cli_value(args, OPT_COLOR)));
	return verdict_exit_code(c->verdict.state);
}

/* A boot more in a baseline that is there: of the same machine, or of a group without identity. */
static int add_to(struct creation *c, struct attest_hasher *hasher, const char *name,
		  struct rf_err *err)
{
	struct baseline *fresh = NULL;
	int rc = baseline_create(hasher, &c->evidence, name, &fresh, err);

	if (rc < 0)
		return rc;
	struct rf_slice ak = baseline_ak_name(c->baseline), ek = baseline_ek_name(c->baseline);
	bool other = (ak.len && !rf_slice_equal(ak, baseline_ak_name(fresh))) ||
		     (ek.len && !rf_slice_equal(ek, baseline_ek_name(fresh)));

	if (other)
		rc = rf_fail(err, RF_E_MISMATCH,
			     "the baseline belongs to another TPM; give another file, or remove "
			     "`identity` from it to use it for a group of hosts");
	else
		rc = baseline_add_boot(c->baseline, name, false, &c->verdict.boot, err);
	baseline_free(fresh);
	return rc;
}

/* "first", then "boot-2" and so on: the first that is not taken. */
static const char *free_name(const struct baseline *baseline, char *out, size_t size)
{
	const struct baseline_boot *boot = NULL;
	size_t number = 0;

	do {
		number++;
		rf_format(out, size, "boot-%zu", number);
		if (number == 1)
			rf_copy(out, size, "first");
		for (size_t i = 0; baseline && (boot = baseline_boot_at(baseline, i)); i++) {
			if (strcmp(boot->name, out) == 0)
				break;
		}
	} while (boot);
	return out;
}

/* 0: written; above 0: an exit status, and what was found is printed. */
static int create(const struct cli_args *args, struct attest_hasher *hasher, struct creation *c,
		  struct rf_err *err)
{
	const char *path = cli_value(args, OPT_FILE), *by = cli_value(args, OPT_BY);
	const char *name = cli_value(args, OPT_NAME), *nonce = cli_value(args, OPT_NONCE);
	char number[32];
	bool there = path && access(path, F_OK) == 0;
	int rc = path ? 0 : rf_fail(err, RF_E_USAGE, "where to? -o FILE");

	if (rc == 0 && nonce && rf_hex_decode(nonce, c->nonce, sizeof(c->nonce), &c->nonce_len) < 0)
		rc = rf_fail(err, RF_E_USAGE, "--nonce %s: not hexadecimal", nonce);
	if (rc == 0)
		rc = common_read_file(args->words[0], EVIDENCE_MAX_BYTES, &c->file, err);
	if (rc == 0 && there)
		rc = story_baseline(path, &c->baseline, err);
	name = name ? name : free_name(c->baseline, number, sizeof(number));
	if (rc == 0)
		rc = baseline_file_lock_in(path, cli_has(args, OPT_QUIET), err);
	if (rc == 0)
		rc = evidence_parse(rf_buf_slice(&c->file), &c->evidence, err);
	if (rc == 0)
		rc = verify(hasher, c, args, err);
	if (rc != 0)
		return rc;
	rc = there ? add_to(c, hasher, name, err)
		   : baseline_create(hasher, &c->evidence, name, &c->baseline, err);
	if (rc == 0 && by)
		rc = baseline_approve(c->baseline, name, by, common_now_ms(), err);
	if (rc == 0)
		rc = baseline_file_write(c->baseline, path, err);
	if (rc < 0)
		return rc;
	printf("%s: boot \"%s\" %s, as the TPM proved it%s\n", path, name,
	       there ? "added" : "written",
	       c->nonce_len ? "" : " (at an unknown time: no --nonce)");
	if (by)
		printf("approved by %s\n", by);
	else
		printf("It counts once somebody answers for it:\n"
		       "  ringfence attest baseline show %s\n"
		       "  ringfence attest baseline approve %s \"%s\" --by \"YOUR NAME\"\n",
		       path, path, name);
	return 0;
}

int cmd_attest_baseline_create(const struct cli_args *args, struct rf_err *err)
{
	struct attest_hasher *hasher = NULL;
	struct creation c = {0};
	int rc = attest_hasher_new(&hasher, err);

	if (rc == 0)
		rc = create(args, hasher, &c, err);
	creation_done(&c);
	attest_hasher_free(hasher);
	return rc;
}

/* ---- show and approve ---- */

int cmd_attest_baseline_show(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct baseline *baseline = NULL;
	int rc = story_baseline(args->words[0], &baseline, err);

	if (rc == 0)
		rc = common_lock_in(args, err);
	if (rc == 0 && baseline_describe(baseline, &text) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (rc == 0)
		fputs(rf_buf_text(&text), stdout);
	baseline_free(baseline);
	return rc;
}

/* What waits for approval, for who forgot the name. */
static void list_waiting(const struct baseline *baseline)
{
	const struct baseline_boot *boot;

	fputs("boots in it:", stderr);
	for (size_t i = 0; (boot = baseline_boot_at(baseline, i)); i++)
		fprintf(stderr, " \"%s\"%s", boot->name, boot->approved_by ? " (approved)" : "");
	fputc('\n', stderr);
}

int cmd_attest_baseline_approve(const struct cli_args *args, struct rf_err *err)
{
	const char *path = args->words[0], *name = args->words[1];
	const char *by = cli_value(args, OPT_BY);
	struct baseline *baseline = NULL;
	int rc = by ? 0
		    : rf_fail(err, RF_E_USAGE, "who answers for it? --by \"YOUR NAME\" is needed");

	if (rc == 0)
		rc = story_baseline(path, &baseline, err);
	if (rc == 0)
		rc = baseline_file_lock_in(path, cli_has(args, OPT_QUIET), err);
	if (rc == 0) {
		rc = baseline_approve(baseline, name, by, common_now_ms(), err);
		if (rc == RF_E_MISSING)
			list_waiting(baseline);
	}
	if (rc == 0)
		rc = baseline_file_write(baseline, path, err);
	if (rc == 0)
		printf("%s: boot \"%s\" approved by %s\n", path, name, by);
	baseline_free(baseline);
	return rc;
}
