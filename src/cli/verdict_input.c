/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers what verifying takes. Files are read first, then the program locks itself in, and only
 * then looks at a byte of evidence. See verdict_input.h.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "attest/words.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/story.h"
#include "cli/verdict_input.h"
#include "collect/evidence.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define MEMORY_NAME	 "memory.json"
#define MEMORY_MAX_BYTES (8u << 20)
#define MEMORY_MAX_HOSTS 16384u
#define ROOTS_MAX	 EKCERT_MAX_STORE
#define LIVE_NONCE_BYTES 20u

void verdict_input_done(struct verdict_input *in)
{
	story_done(&in->earlier);
	verdict_done(&in->verdict);
	rf_buf_done(&in->evidence);
	rf_buf_done(&in->memory);
	for (size_t i = 0; i < in->root_files_count; i++)
		rf_buf_done(&in->root_files[i]);
	rf_free(in->root_files);
	ekcert_store_free(in->roots);
	baseline_free(in->baseline);
	attest_hasher_free(in->hasher);
}

/* ---- roots ---- */

static bool may_hold_certificates(struct rf_slice file)
{
	static const char *const marks[] = {"-----BEGIN CERTIFICATE", "-----BEGIN TRUSTED CERT",
					    "-----BEGIN X509"};

	for (size_t i = 0; i < RF_COUNT(marks); i++) {
		if (memmem(file.data, file.len, marks[i], strlen(marks[i])))
			return true;
	}
	return file.len && file.data[0] == 0x30; /* DER: a SEQUENCE */
}

static int read_root(struct verdict_input *in, const char *dir, const char *name,
		     struct rf_err *err)
{
	RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, name);
	struct rf_buf *files = rf_resize(in->root_files, in->root_files_count + 1, sizeof(*files));

	if (!path || !files)
		return rf_fail(err, -ENOMEM, "no memory for root certificates");
	in->root_files = files;
	files[in->root_files_count] = (struct rf_buf){0};
	struct rf_buf *file = &files[in->root_files_count++];
	int rc = common_read_file(path, RF_MAX_FILE_BYTES, file, err);

	/* The folder of an authority holds its private key too. */
	if (rc == 0 && !may_hold_certificates(rf_buf_slice(file))) {
		rf_wipe(file->data, file->len);
		rf_buf_done(file);
		in->root_files_count--;
	}
	return rc;
}

/* Every certificate file of the folder; others are passed over. */
static int read_roots(struct verdict_input *in, const char *dir, struct rf_err *err)
{
	static const char *const endings[] = {".pem", ".crt", ".cer", ".der", ".crl"};
	struct dirent **names = NULL;
	int count = scandir(dir, &names, NULL, alphasort), rc = 0;

	if (count < 0)
		return rf_fail(err, -errno, "--ek-roots %s: %s", dir, rf_code_text(-errno));
	for (int i = 0; i < count; i++) {
		bool wanted = false;

		for (size_t k = 0; k < RF_COUNT(endings); k++)
			wanted |= rf_ends(names[i]->d_name, endings[k]);
		if (rc == 0 && wanted && in->root_files_count >= ROOTS_MAX)
			rc = rf_fail(err, RF_E_LIMIT, "--ek-roots %s: more than %u files", dir,
				     ROOTS_MAX);
		else if (rc == 0 && wanted && names[i]->d_name[0] != '.')
			rc = read_root(in, dir, names[i]->d_name, err);
		rf_free(names[i]);
	}
	rf_free(names);
	if (rc == 0 && in->root_files_count == 0)
		rc = rf_fail(
			err, RF_E_MISSING,
			"--ek-roots %s: no certificate in a file that ends in .pem, .crt, .cer or .der",
			dir);
	return rc;
}

static int open_roots(struct verdict_input *in, struct rf_err *err)
{
	int rc = in->root_files_count ? ekcert_store_new(&in->roots, err) : 0;

	for (size_t i = 0; rc == 0 && i < in->root_files_count; i++)
		rc = ekcert_store_add(in->roots, rf_buf_slice(&in->root_files[i]), NULL, err);
	return rc < 0 ? rf_wrap(err, rc, "--ek-roots") : 0;
}

/* ---- memory ---- */

static void key_text(const struct verdict *v, char *out, size_t size)
{
	struct words w = words_into(out, size);

	words_add_hex(&w, (struct rf_slice){v->ak_name, v->ak_name_len}, sizeof(v->ak_name));
}

static uint64_t member(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* What memory.json holds of that key. */
static struct verdict_memory recall(const json_t *hosts, const char *key)
{
	const json_t *one = json_object_get(hosts, key);

	if (!json_is_object(one))
		return (struct verdict_memory){0};
	return (struct verdict_memory){.known = true,
				       .clock_ms = member(one, "clock_ms"),
				       .firmware_version = member(one, "firmware_version"),
				       .reset_count = (uint32_t)member(one, "reset_count"),
				       .restart_count = (uint32_t)member(one, "restart_count"),
				       .ima_entries = (uint32_t)member(one, "ima_entries")};
}

/* The name of the key in the evidence, before the verdict; "" when there is none. */
static void find_key(struct verdict_input *in, char *out, size_t size)
{
	struct evidence evidence;
	struct attest_public ak;
	uint8_t name[2 + ATTEST_MAX_DIGEST];
	size_t len;
	struct words w = words_into(out, size);

	if (evidence_parse(rf_buf_slice(&in->evidence), &evidence, NULL) < 0 ||
	    !evidence.sections[EVIDENCE_AK_PUBLIC].data ||
	    attest_public_parse(evidence.sections[EVIDENCE_AK_PUBLIC], &ak, NULL) < 0 ||
	    attest_public_name(in->hasher, &ak, name, &len, NULL) < 0)
		return;
	words_add_hex(&w, (struct rf_slice){name, len}, sizeof(name));
}

static int memory_write(struct verdict_input *in, json_t *root, struct rf_err *err)
{
	const struct verdict_memory *m = &in->verdict.memory;
	json_t *hosts = json_object_get(root, "hosts");
	char key[2 * sizeof(in->verdict.ak_name) + 8];

	key_text(&in->verdict, key, sizeof(key));
	if (!json_object_get(hosts, key) && json_object_size(hosts) >= MEMORY_MAX_HOSTS)
		return rf_fail(err, RF_E_LIMIT, "%s/%s holds %u hosts already", in->folder,
			       MEMORY_NAME, MEMORY_MAX_HOSTS);
	json_object_set_new(hosts, key,
			    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "host", in->host,
				      "clock_ms", (json_int_t)m->clock_ms, "firmware_version",
				      (json_int_t)m->firmware_version, "reset_count",
				      (json_int_t)m->reset_count, "restart_count",
				      (json_int_t)m->restart_count, "ima_entries",
				      (json_int_t)m->ima_entries));
	RF_AUTOFREE char *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);

	if (!text)
		return rf_fail(err, -ENOMEM, "no memory for %s", MEMORY_NAME);
	return state_write(in->folder, MEMORY_NAME, rf_slice_text(text), err);
}

static json_t *memory_open(struct verdict_input *in, struct rf_err *err)
{
	json_error_t why;

	if (in->memory.len == 0)
		return json_pack("{s:s, s:{}}", "schema_version", "1.0", "hosts");
	json_t *root = json_loadb((const char *)in->memory.data, in->memory.len,
				  JSON_REJECT_DUPLICATES, &why);

	if (root && json_is_object(json_object_get(root, "hosts")))
		return root;
	rf_fail(err, RF_E_SYNTAX, "%s/%s is damaged (%s): remove it, if you know why", in->folder,
		MEMORY_NAME, root ? "no hosts" : why.text);
	json_decref(root);
	return NULL;
}

/* ---- what files give ---- */

static int read_nonce(const struct cli_args *args, struct verdict_input *in, struct rf_err *err)
{
	const char *nonce = cli_value(args, OPT_NONCE);

	if (nonce && (rf_hex_decode(nonce, in->nonce, sizeof(in->nonce), &in->nonce_len) < 0 ||
		      in->nonce_len < 8))
		return rf_fail(err, RF_E_USAGE, "--nonce: 16 to %zu hexadecimal digits",
			       2 * sizeof(in->nonce));
	return 0;
}

/* --baseline, or, of this machine, the one that is kept beside its key. */
static int read_baseline(const struct cli_args *args, struct verdict_input *in, bool live,
			 struct rf_err *err)
{
	const char *path = cli_value(args, OPT_BASELINE);
	RF_AUTOFREE char *kept = rf_asprintf("%s/baseline.yaml", in->folder);

	if (path)
		return story_baseline(path, &in->baseline, err);
	if (!live || !kept)
		return 0;
	int rc = story_baseline(kept, &in->baseline, err);

	if (rc == -ENOENT)
		rf_err_clear(err);
	return rc == -ENOENT ? 0 : rc;
}

/* A host without any memory is one that is seen for the first time. */
static int read_memory(struct verdict_input *in, struct rf_err *err)
{
	int rc = in->remember
			 ? state_read(in->folder, MEMORY_NAME, MEMORY_MAX_BYTES, &in->memory, err)
			 : 0;

	if (rc != -ENOENT)
		return rc;
	rf_err_clear(err);
	return 0;
}

/* Another boot to compare a log with: a file that holds none is a mistake. */
static int read_earlier(const char *path, struct verdict_input *in, struct rf_err *err)
{
	int rc = story_read(in->hasher, path, &in->earlier, err);

	if (rc == 0 && in->earlier.boot.count == 0)
		rc = rf_fail(err, RF_E_MISSING, "--earlier %s: holds no boot log", path);
	return rc;
}

static int read_parts(const struct cli_args *args, struct verdict_input *in, bool live,
		      struct rf_err *err)
{
	const char *roots = cli_value(args, OPT_EK_ROOTS);
	const char *earlier = cli_value(args, OPT_EARLIER);
	int rc = state_folder(cli_value(args, OPT_STATE_DIR), "attest", in->folder,
			      sizeof(in->folder), err);

	in->remember = live || cli_has(args, OPT_REMEMBER);
	if (rc == 0)
		rc = read_nonce(args, in, err);
	if (rc == 0 && in->remember)
		rc = state_prepare(in->folder, err);
	if (rc == 0)
		rc = read_baseline(args, in, live, err);
	if (rc == 0)
		rc = read_memory(in, err);
	if (rc == 0 && roots)
		rc = read_roots(in, roots, err);
	if (rc == 0)
		rc = attest_hasher_new(&in->hasher, err);
	return rc == 0 && earlier ? read_earlier(earlier, in, err) : rc;
}

static int lock_in(const struct cli_args *args, enum sandbox_profile profile,
		   const char *const *writable, size_t count, struct rf_err *err)
{
	char missing[SANDBOX_MISSING_BYTES];

	tzset();
	int rc = sandbox_enter(profile, writable, count, missing, err);

	if (rc == 0 && missing[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: judging without: %s\n", missing);
	return rc;
}

int verdict_input_read(const struct cli_args *args, struct verdict_input *in, struct rf_err *err)
{
	const char *writable[] = {in->folder};
	int rc = read_parts(args, in, false, err);

	if (rc == 0)
		rc = common_read_file(args->words[0], EVIDENCE_MAX_BYTES, &in->evidence, err);
	return rc == 0 ? lock_in(args, SANDBOX_JUDGE, writable, in->remember, err) : rc;
}

/* ---- what this machine gives ---- */

static int ask_tpm(const struct cli_args *args, struct verdict_input *in, struct sys *sys,
		   struct tpm *tpm, struct rf_err *err)
{
	const char *ak = cli_value(args, OPT_AK), *dir = cli_value(args, OPT_STATE_DIR);
	const struct evidence_request request = {
		.tpm = tpm,
		.nonce = {in->nonce, in->nonce_len},
		.ak = rf_equal(ak, "rsa") ? TPM_AK_RSA2048 : TPM_AK_P256,
		.state_dir = dir ? dir : STATE_DIR,
		.tool = "ringfence " RF_VERSION,
	};

	return evidence_collect(sys, &request, &in->evidence, err);
}

/* Fresh by a number of our own. */
static int make_nonce(struct verdict_input *in, struct rf_err *err)
{
	if (in->nonce_len > 0)
		return 0;
	if (getrandom(in->nonce, LIVE_NONCE_BYTES, 0) != (ssize_t)LIVE_NONCE_BYTES)
		return rf_fail(err, -errno, "no random number for the nonce");
	in->nonce_len = LIVE_NONCE_BYTES;
	return 0;
}

int verdict_input_live(const struct cli_args *args, struct verdict_input *in, struct rf_err *err)
{
	const char *tcti = cli_value(args, OPT_TCTI), *dir = cli_value(args, OPT_STATE_DIR);
	const char *writable[] = {dir ? dir : STATE_DIR};
	bool device = !tcti || rf_starts(tcti, "device");
	struct sys *sys = NULL;
	struct tpm *tpm = NULL;
	int rc = read_parts(args, in, true, err);

	if (rc == 0)
		rc = make_nonce(in, err);
	if (rc == 0)
		rc = sys_open_live(&sys, err);
	if (rc == 0)
		rc = tpm_open(tcti, &tpm, err);
	/* A machine without TPM has a verdict, too. */
	if (rc == RF_E_MISSING && !tcti) {
		rf_err_clear(err);
		rc = 0;
	}
	if (rc == 0)
		rc = lock_in(args, device ? SANDBOX_EVIDENCE : SANDBOX_EVIDENCE_SOFTWARE, writable,
			     1, err);
	if (rc == 0)
		rc = ask_tpm(args, in, sys, tpm, err);
	tpm_close(tpm);
	sys_close(sys);
	return rc;
}

/* ---- the verdict ---- */

static void find_host(struct verdict_input *in)
{
	struct evidence evidence;
	struct words w = words_into(in->host, sizeof(in->host));

	if (evidence_parse(rf_buf_slice(&in->evidence), &evidence, NULL) < 0)
		return;
	struct rf_slice meta = evidence.sections[EVIDENCE_META];
	json_t *root = meta.data ? json_loadb((const char *)meta.data, meta.len, 0, NULL) : NULL;
	const char *host = json_string_value(json_object_get(root, "host"));

	words_add_utf8(&w, rf_slice_text(host ? host : ""));
	json_decref(root);
}

static int judge_with(struct verdict_input *in, json_t *root, struct rf_err *err)
{
	char key[2 * sizeof(in->verdict.ak_name) + 8];
	struct verdict_memory before;

	find_key(in, key, sizeof(key));
	before = recall(json_object_get(root, "hosts"), key);
	const struct verdict_options options = {.nonce = {in->nonce, in->nonce_len},
						.baseline = in->baseline,
						.roots = in->roots,
						.earlier =
							in->earlier.path ? &in->earlier.boot : NULL,
						.earlier_name = in->earlier.path,
						.now_ms = common_now_ms(),
						.before = &before};
	int rc =
		attest_verify(in->hasher, rf_buf_slice(&in->evidence), &options, &in->verdict, err);

	if (rc == 0 && in->remember && in->verdict.memory.known &&
	    verdict_exit_code(in->verdict.state) == 0)
		rc = memory_write(in, root, err);
	return rc;
}

int verdict_input_judge(struct verdict_input *in, struct rf_err *err)
{
	int rc = open_roots(in, err);

	if (rc < 0)
		return rc;
	json_t *root = memory_open(in, err);

	if (!root)
		return err && err->code ? err->code : -ENOMEM;
	find_host(in);
	rc = judge_with(in, root, err);
	json_decref(root);
	return rc;
}
