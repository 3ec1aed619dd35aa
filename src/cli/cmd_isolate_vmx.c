/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate export and import: a profile as lines of a .vmx file, and back. What the lines
 * are is isolate/vmxfile.h. Nothing of this host is looked at or changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/vmxfile.h"
#include "sys/sandbox.h"
#include "sys/swap.h"

#define NO_POLICY "isolate: 1\nassignments: []\n" /* the built-in profiles alone */

struct export
{
	const char *path, *profile_name, *vm; /* of the two last, one */
	bool dry_run;
	struct rf_buf yaml, file, result, diff;
	struct file_swap swap;
	struct policy *policy;
	struct vmx_wants wants;
};

static void export_done(struct export *e)
{
	file_swap_done(&e->swap);
	vmx_wants_done(&e->wants);
	policy_free(e->policy);
	rf_buf_done(&e->yaml);
	rf_buf_done(&e->file);
	rf_buf_done(&e->result);
	rf_buf_done(&e->diff);
}

static int options_read(const struct cli_args *args, struct export *e, struct rf_err *err)
{
	e->path = cli_value(args, OPT_VMX_FILE);
	e->profile_name = cli_value(args, OPT_OF_PROFILE);
	e->vm = cli_value(args, OPT_OF_VM);
	e->dry_run = cli_has(args, OPT_DRY_RUN);
	if (!e->path)
		return rf_fail(err, RF_E_USAGE, "which file? --vmx FILE.vmx");
	if (!e->profile_name == !e->vm)
		return rf_fail(err, RF_E_USAGE,
			       "of whom? --profile NAME or --vm NAME, one of them");
	return 0;
}

/* The policy is optional for a built-in profile alone. */
static int policy_read(const struct cli_args *args, struct export *e, struct rf_err *err)
{
	const char *name = args->words_count ? args->words[0] : ISOLATE_POLICY;
	struct rf_err why = {0};
	int rc = common_read_file(name, POLICY_MAX_BYTES, &e->yaml, &why);

	if (rc == -ENOENT && !args->words_count && e->profile_name)
		rc = rf_buf_add_text(&e->yaml, NO_POLICY);
	return rc < 0 ? rf_fail(err, rc, "%s", rf_err_text(&why)) : 0;
}

static int files_read(const struct cli_args *args, struct export *e, struct rf_err *err)
{
	int rc = policy_read(args, e, err);

	if (rc == 0)
		rc = common_read_file(e->path, RF_MAX_VMX_BYTES, &e->file, err);
	if (rc == -ENOENT)
		rc = 0; /* then it is a new file */
	return rc == 0 && !e->dry_run ? file_swap_open(e->path, &e->swap, err) : rc;
}

static int lock_in(const struct export *e, bool quiet, struct rf_err *err)
{
	const char *writable[] = {e->swap.dir};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = sandbox_enter(SANDBOX_JUDGE, writable, e->dry_run ? 0 : 1, missing, err);

	if (rc == 0 && missing[0] && !quiet)
		fprintf(stderr, "ringfence: judging without: %s\n", missing);
	return rc;
}

static int lines_make(const struct cli_args *args, struct export *e, struct rf_err *err)
{
	const struct policy_profile *profile = NULL;
	const char *name = args->words_count ? args->words[0] : ISOLATE_POLICY;
	int rc = policy_parse(rf_buf_slice(&e->yaml), name, &e->policy, err);

	if (rc == 0 && e->vm)
		rc = policy_profile_of(e->policy, e->vm, &profile, err);
	else if (rc == 0)
		profile = policy_profile_find(e->policy, e->profile_name);
	if (rc == 0 && !profile)
		rc = rf_fail(err, RF_E_MISSING, "no profile %.100s", e->profile_name);
	if (rc == 0)
		rc = vmx_wants_make(profile, rf_buf_slice(&e->file), &e->wants, err);
	if (rc == 0)
		rc = vmx_rewrite(rf_buf_slice(&e->file), &e->wants, &e->result, &e->diff, err);
	return rc < 0 ? rf_wrap(err, rc, "%s", e->path) : 0;
}

static void lines_show(const struct export *e)
{
	printf("%s", rf_buf_text(&e->diff));
	for (size_t i = 0; i < e->wants.count; i++) {
		const struct vmx_line_want *want = &e->wants.items[i];

		if (want->remark)
			printf("# %s: %s\n", want->key, want->remark);
	}
}

int cmd_isolate_export(const struct cli_args *args, struct rf_err *err)
{
	struct export e = {.swap = FILE_SWAP_NONE};
	int rc = options_read(args, &e, err);

	if (rc == 0)
		rc = files_read(args, &e, err);
	if (rc == 0)
		rc = lock_in(&e, cli_has(args, OPT_QUIET), err);
	if (rc == 0)
		rc = lines_make(args, &e, err);
	bool changes = rc == 0 && e.diff.len > 0;

	if (rc == 0 && changes)
		lines_show(&e);
	if (rc == 0 && !changes)
		printf("%s says it already: nothing to change\n", e.path);
	if (changes && !e.dry_run) {
		fflush(stdout);
		rc = file_swap_commit(&e.swap, rf_buf_slice(&e.result), err);
	}
	export_done(&e);
	if (rc < 0 || !changes)
		return rc;
	printf(args->counts[OPT_DRY_RUN] ? "Nothing was written.\n" : "Written.\n");
	return args->counts[OPT_DRY_RUN] ? CLI_FINDINGS : 0;
}

int cmd_isolate_import(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0}, policy = {0};
	char missing[SANDBOX_MISSING_BYTES], name[64];
	const char *slash = strrchr(args->words[0], '/');
	int rc = common_read_file(args->words[0], RF_MAX_VMX_BYTES, &file, err);

	if (rc == 0)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (rc < 0)
		return rc;
	rf_copy(name, sizeof(name), slash ? slash + 1 : args->words[0]);
	if (rf_ends(name, ".vmx"))
		name[strlen(name) - 4] = '\0';
	rc = vmx_import(rf_buf_slice(&file), name, &policy, err);
	if (rc < 0)
		return rf_wrap(err, rc, "%s", args->words[0]);
	fputs(rf_buf_text(&policy), stdout);
	return 0;
}
