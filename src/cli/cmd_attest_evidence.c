/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest evidence: what this host booted, in one file, signed by its TPM. It judges
 * nothing; `attest verify` does, anywhere. The connection to the TPM is opened first, then the
 * program locks itself in, and only then reads.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "attest/evidence.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "collect/evidence.h"
#include "sys/sandbox.h"
#include "sys/state.h"

struct job {
	const char *file, *name; /* where it goes; its last part */
	char folder[RF_MAX_PATH_BYTES];
	uint8_t nonce[ATTEST_MAX_DIGEST];
	struct evidence_request request;
	struct sys *sys;
};

static int options_parse(const struct cli_args *args, struct job *job, struct rf_err *err)
{
	const char *nonce = cli_value(args, OPT_NONCE), *ak = cli_value(args, OPT_AK);
	const char *dir = cli_value(args, OPT_STATE_DIR);
	size_t len = 0;

	job->file = cli_value(args, OPT_FILE);
	if (!job->file)
		return rf_fail(err, RF_E_USAGE, "where to? -o FILE");
	const char *slash = strrchr(job->file, '/');

	job->name = slash ? slash + 1 : job->file;
	if (!job->name[0] || strlen(job->name) > 200)
		return rf_fail(err, RF_E_USAGE, "-o %s: not the name of a file", job->file);
	if (!slash)
		rf_copy(job->folder, sizeof(job->folder), ".");
	else if (!rf_format(job->folder, sizeof(job->folder), "%.*s",
			    slash == job->file ? 1 : (int)(slash - job->file), job->file))
		return rf_fail(err, -ENAMETOOLONG, "-o %s", job->file);
	if (nonce && (rf_hex_decode(nonce, job->nonce, sizeof(job->nonce), &len) < 0 || len < 8 ||
		      len > TPM_MAX_NONCE))
		return rf_fail(err, RF_E_USAGE, "--nonce: 16 to %d hexadecimal digits",
			       2 * TPM_MAX_NONCE);
	job->request.nonce = (struct rf_slice){job->nonce, len};
	if (ak && strcmp(ak, "ecc") != 0 && strcmp(ak, "rsa") != 0)
		return rf_fail(err, RF_E_USAGE, "--ak %s: ecc or rsa", ak);
	job->request.ak = ak && strcmp(ak, "rsa") == 0 ? TPM_AK_RSA2048 : TPM_AK_P256;
	job->request.state_dir = dir ? dir : STATE_DIR;
	job->request.tool = "ringfence " RF_VERSION;
	return 0;
}

/* Everything that is opened outside the two folders is opened here. */
static int open_all(const struct cli_args *args, struct job *job, struct rf_err *err)
{
	const char *from = cli_value(args, OPT_FROM);
	char missing[SANDBOX_MISSING_BYTES];
	const char *writable[] = {job->folder, job->request.state_dir};
	const char *tcti = cli_value(args, OPT_TCTI);
	bool device = !tcti || rf_starts(tcti, "device");
	int rc = from ? common_open_source(args, &job->sys, err) : sys_open_live(&job->sys, err);

	if (rc == 0 && !from)
		rc = tpm_open(tcti, &job->request.tpm, err);
	if (rc == RF_E_MISSING)
		rf_wrap(err, rc,
			"no evidence without a TPM; ringfence attest status says what to do");
	if (rc == 0 && !from)
		rc = state_prepare(job->request.state_dir, err);
	if (rc == 0)
		rc = sandbox_enter(device ? SANDBOX_EVIDENCE : SANDBOX_EVIDENCE_SOFTWARE, writable,
				   from ? 1 : 2, missing, err);
	if (rc == 0 && missing[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: collecting without: %s\n", missing);
	return rc;
}

static void print_summary(const struct job *job, const struct evidence *e, size_t size)
{
	static const enum evidence_kind shown[] = {EVIDENCE_BOOT_LOG, EVIDENCE_TXT_LOG,
						   EVIDENCE_USERSPACE, EVIDENCE_IMA,
						   EVIDENCE_EK_CERT};
	RF_AUTOBUF struct rf_buf nonce = {0};
	struct rf_slice meta_text = e->sections[EVIDENCE_META];
	json_t *meta = json_loadb((const char *)meta_text.data, meta_text.len, 0, NULL);
	const char *between = e->sections[EVIDENCE_QUOTE].data ? ", " : "";
	json_t *note;
	size_t i;

	printf("%s: %zu bytes, readable by you alone\n  holds: %s", job->file, size,
	       e->sections[EVIDENCE_QUOTE].data ? "quote" : "");
	for (i = 0; i < RF_COUNT(shown); i++) {
		if (!e->sections[shown[i]].data)
			continue;
		printf("%s%s", between, evidence_kind_name(shown[i]));
		between = ", ";
	}
	puts("");
	json_array_foreach(json_object_get(meta, "notes"), i, note)
		printf("  note: %s\n", json_string_value(note));
	rf_buf_add_hex(&nonce, e->sections[EVIDENCE_NONCE].data, e->sections[EVIDENCE_NONCE].len);
	if (nonce.len)
		printf("Verify it on a machine that you trust:\n"
		       "  ringfence attest verify %s --nonce %s\n",
		       job->file, rf_buf_text(&nonce));
	json_decref(meta);
}

int cmd_attest_evidence(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct job job = {0};
	struct evidence parsed;
	int rc = options_parse(args, &job, err);

	if (rc == 0)
		rc = open_all(args, &job, err);
	if (rc == 0)
		rc = evidence_collect(job.sys, &job.request, &bytes, err);
	tpm_close(job.request.tpm);
	sys_close(job.sys);
	if (rc == 0)
		rc = state_write(job.folder, job.name, rf_buf_slice(&bytes), err);
	if (rc == 0)
		rc = evidence_parse(rf_buf_slice(&bytes), &parsed, err);
	if (rc == 0)
		print_summary(&job, &parsed, bytes.len);
	return rc;
}
