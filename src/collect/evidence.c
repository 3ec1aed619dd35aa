/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers evidence: the TPM first, then the logs, which may have grown since; see evidence.h. It
 * asks and packs. Sources: TCG PC Client Platform Firmware Profile, the kernel's securityfs,
 * systemd's tpm2-measure.log.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/eventlog.h"
#include "attest/evidence.h"
#include "attest/ima.h"
#include "attest/userspace.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"
#include "collect/ima_list.h"
#include "collect/tpm_text.h"
#include "collect/util.h"
#include "sys/state.h"

#define MIN_NONCE   8
#define QUOTE_TRIES 5
/* What is quoted: 16 and 23 can be reset by anyone and prove nothing. */
#define QUOTED_PCRS 0x7effffu

struct builder {
	struct sys *sys;
	const struct evidence_request *request;
	struct rf_buf *out;
	struct rf_err *err;
	json_t *meta, *notes;
	bool has_ima;
	struct attest_pcr_values pcrs;
};

static void note(struct builder *b, const char *fmt, ...) RF_PRINTF(2, 3);

static void note(struct builder *b, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(b->notes, json_string(text));
}

static int add(struct builder *b, enum evidence_kind kind, struct rf_slice bytes)
{
	int rc = evidence_add(b->out, kind, bytes);

	return rc < 0 ? rf_fail(b->err, rc, "%s: no memory", evidence_kind_name(kind)) : 0;
}

static int add_json(struct builder *b, enum evidence_kind kind, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int rc = text ? add(b, kind, rf_slice_text(text)) : -ENOMEM;

	rf_free(text);
	json_decref(json);
	return rc;
}

static int add_ek(struct builder *b)
{
	RF_AUTOBUF struct rf_buf pub = {0}, cert = {0};
	struct rf_buf chain[TPM_MAX_CERTS] = {0};
	struct rf_err why = {0};
	enum tpm_ek_kind kind;
	size_t count = 0;

	/* Without it the quote still proves what was booted, on a machine that is known already. */
	if (evidence_ek(b->request->tpm, &kind, &pub, &cert, &why) < 0) {
		note(b, "no endorsement key: %s", rf_err_text(&why));
		return 0;
	}
	json_object_set_new(b->meta, "ek", json_string(tpm_ek_kind_name(kind)));
	int rc = add(b, EVIDENCE_EK_PUBLIC, rf_buf_slice(&pub));

	if (!cert.len)
		note(b, "the TPM holds no endorsement certificate: its maker vouches for nothing");
	else if (rc == 0)
		rc = add(b, EVIDENCE_EK_CERT, rf_buf_slice(&cert));
	if (cert.len && tpm_ek_chain(b->request->tpm, chain, &count, &why) < 0)
		note(b, "further endorsement certificates: %s", rf_err_text(&why));
	/* Seven at most: the container has room for eight, the endorsement key's own among them. */
	for (size_t i = 0; i < count; i++) {
		if (rc == 0 && i < 7)
			rc = add(b, EVIDENCE_EK_CERT, rf_buf_slice(&chain[i]));
		rf_buf_done(&chain[i]);
	}
	return rc;
}

static void values_of(const struct tpm_banks *banks, struct attest_pcr_values *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < banks->count; i++) {
		const struct tpm_bank *bank = &banks->banks[i];
		size_t to = out->banks_count;

		/* A bank that nobody here can compute can be shown to nobody. */
		if (bank->digest_len != attest_digest_size(bank->alg) || !bank->digest_len)
			continue;
		out->algs[to] = bank->alg;
		out->present[to] = bank->pcrs & QUOTED_PCRS;
		for (size_t p = 0; p < ATTEST_PCRS; p++) {
			out->values[to][p].alg = bank->alg;
			out->values[to][p].len = bank->digest_len;
			memcpy(out->values[to][p].bytes, bank->values[p], bank->digest_len);
		}
		out->banks_count++;
	}
}

/* Same banks and values, IMA's PCR aside, which grows as programs start. */
static bool same_values(const struct attest_pcr_values *a, const struct attest_pcr_values *b)
{
	if (a->banks_count != b->banks_count)
		return false;
	for (size_t i = 0; i < a->banks_count; i++) {
		if (a->algs[i] != b->algs[i] || a->present[i] != b->present[i])
			return false;
		for (size_t p = 0; p < ATTEST_PCRS; p++) {
			if (p != IMA_PCR && (a->present[i] >> p & 1) &&
			    memcmp(a->values[i][p].bytes, b->values[i][p].bytes,
				   a->values[i][p].len) != 0)
				return false;
		}
	}
	return true;
}

struct quoted {
	struct rf_buf attest, signature;
};

static int quote_once(struct builder *b, struct rf_slice blob, struct rf_slice nonce,
		      struct quoted *out)
{
	struct tpm_selection selections[TPM_MAX_BANKS];
	const struct tpm_quote_request request = {blob, nonce, selections, b->pcrs.banks_count};

	for (size_t i = 0; i < b->pcrs.banks_count; i++)
		selections[i] = (struct tpm_selection){b->pcrs.algs[i], b->pcrs.present[i]};
	rf_buf_reset(&out->attest);
	rf_buf_reset(&out->signature);
	return tpm_quote(b->request->tpm, &request, &out->attest, &out->signature, b->err);
}

/* Values and quote that belong together: nothing but IMA extended a PCR meanwhile. */
static int quote_stable(struct builder *b, struct rf_slice blob, struct rf_slice nonce,
			struct quoted *out)
{
	struct tpm_banks banks;
	int rc = tpm_banks_read(b->request->tpm, &banks, b->err);

	for (int i = 0; rc == 0 && i < QUOTE_TRIES; i++) {
		struct attest_pcr_values after;

		values_of(&banks, &b->pcrs);
		if (b->pcrs.banks_count == 0)
			return rf_fail(
				b->err, RF_E_UNSUPPORTED,
				"the TPM has no bank that we can compute; switch on SHA-256 in "
				"the firmware set-up");
		rc = quote_once(b, blob, nonce, out);
		if (rc == 0)
			rc = tpm_banks_read(b->request->tpm, &banks, b->err);
		values_of(&banks, &after);
		if (rc == 0 && same_values(&b->pcrs, &after))
			return 0;
	}
	return rc < 0 ? rc
		      : rf_fail(b->err, RF_E_CHANGED,
				"PCRs changed during each of %d quotes; try again when the host has "
				"finished starting",
				QUOTE_TRIES);
}

/*
 * By the key of this host's enrolment; where this TPM does not know it (it is another one, or was
 * cleared) by one that it does know. The verifier then says whose it is: better than no evidence.
 */
static int quote_by_key(struct builder *b, struct rf_slice nonce, struct rf_buf *blob,
			struct quoted *out)
{
	const struct evidence_request *request = b->request;
	int rc = evidence_ak(request->tpm, request->ak, request->state_dir, blob, b->err);

	if (rc == 0)
		rc = quote_stable(b, rf_buf_slice(blob), nonce, out);
	for (int fresh = 0; rc == RF_E_MISMATCH && fresh <= 1; fresh++) {
		rf_err_clear(b->err);
		rc = evidence_ak_other(request->tpm, request->ak, request->state_dir, fresh, blob,
				       b->err);
		if (rc == 0)
			rc = quote_stable(b, rf_buf_slice(blob), nonce, out);
		if (rc < 0)
			continue;
		json_object_set_new(b->meta, "ak", json_string("new"));
		note(b,
		     "this TPM does not know the attestation key of this host's enrolment: it is "
		     "another TPM, or it was cleared. A new key signed this evidence; the host must "
		     "be enrolled again");
	}
	return rc;
}

static int add_quote(struct builder *b)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	struct quoted quoted = {0};
	struct rf_slice nonce = b->request->nonce, ak;
	uint8_t random[TPM_MAX_NONCE];
	int rc = 0;

	if (!nonce.len) {
		if (RAND_bytes(random, sizeof(random)) != 1)
			return rf_fail(b->err, RF_E_CRYPTO, "no random number");
		nonce = (struct rf_slice){random, sizeof(random)};
	} else if (nonce.len < MIN_NONCE || nonce.len > TPM_MAX_NONCE) {
		return rf_fail(b->err, RF_E_USAGE, "a nonce has %d to %d bytes, this one %zu",
			       MIN_NONCE, TPM_MAX_NONCE, nonce.len);
	}
	rc = quote_by_key(b, nonce, &blob, &quoted);
	if (rc == 0)
		rc = add(b, EVIDENCE_QUOTE, rf_buf_slice(&quoted.attest));
	if (rc == 0)
		rc = add(b, EVIDENCE_SIGNATURE, rf_buf_slice(&quoted.signature));
	if (rc == 0)
		rc = tpm_ak_public(rf_buf_slice(&blob), &ak, b->err);
	if (rc == 0)
		rc = add(b, EVIDENCE_AK_PUBLIC, ak);
	if (rc == 0)
		rc = add(b, EVIDENCE_NONCE, nonce);
	rf_buf_done(&quoted.attest);
	rf_buf_done(&quoted.signature);
	return rc;
}

/* Without a TPM of our own: the values that the seam has, proved by nothing. */
static void take_values(struct builder *b)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	struct tpm_text text;

	note(b, "no quote: the values of the PCRs are not proved");
	if (sys_probe(b->sys, "tpm", "", &answer, NULL) < 0 || !answer.len)
		return;
	tpm_text_parse((char *)answer.data, &text);
	b->pcrs = text.pcrs;
}

static int add_values(struct builder *b)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct attest_pcr_values values = b->pcrs;

	/* IMA's PCR was not read together with the quote; the verifier finds it from the list. */
	for (size_t i = 0; b->has_ima && i < values.banks_count; i++)
		values.present[i] &= ~(1u << IMA_PCR);
	int rc = evidence_pcrs_add(&bytes, &values);

	return rc == 0 ? add(b, EVIDENCE_PCRS, rf_buf_slice(&bytes)) : rc;
}

/* The logs that are taken as they are. */
static const struct log_row {
	enum evidence_kind kind;
	const char *path;
	size_t max_bytes;
	const char *without; /* NULL: most hosts have none */
} logs[] = {
	{EVIDENCE_BOOT_LOG, "/sys/kernel/security/tpm0/binary_bios_measurements",
	 EVENTLOG_MAX_BYTES,
	 "no boot log: the quote cannot be explained; `ringfence attest verify` says what to do"},
	{EVIDENCE_USERSPACE, "/run/log/systemd/tpm2-measure.log", USERSPACE_MAX_BYTES, NULL},
	{EVIDENCE_TXT_LOG, "/sys/kernel/security/slaunch/eventlog", EVENTLOG_MAX_BYTES, NULL},
};

static int add_logs(struct builder *b)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(logs); i++) {
		RF_AUTOBUF struct rf_buf log = {0};
		struct rf_err why = {0};
		int got = sys_read(b->sys, logs[i].path, logs[i].max_bytes, &log, &why);

		if (got == 0 && log.len)
			rc = add(b, logs[i].kind, rf_buf_slice(&log));
		else if (got < 0 && got != -ENOENT)
			note(b, "%s: %s", evidence_kind_name(logs[i].kind), rf_err_text(&why));
		else if (logs[i].without)
			note(b, "%s", logs[i].without);
	}
	return rc;
}

static int add_shim(struct builder *b)
{
	RF_AUTOBUF struct rf_buf section = {0};
	int rc = evidence_shim(b->sys, &section);

	if (rc < 0)
		return rf_fail(b->err, rc, "shim's variables");
	return section.len ? add(b, EVIDENCE_SHIM, rf_buf_slice(&section)) : 0;
}

/* Read after the quote, so that it is at least as long as what was quoted. */
static int add_ima(struct builder *b)
{
	IMA_FILE_AUTO struct ima_file file = {0};
	RF_AUTOBUF struct rf_buf section = {0};
	int rc = ima_file_read(b->sys, &file);

	if (rc < 0) {
		note(b, "no IMA list: what ran since the boot is not known (%s)", rf_code_text(rc));
		return 0;
	}
	rf_buf_add_byte(&section, (uint8_t)file.alg);
	rf_buf_add_byte(&section, (uint8_t)(file.alg >> 8));
	rf_buf_add(&section, file.list.data, file.list.len);
	b->has_ima = true;
	return section.failed ? rf_fail(b->err, -ENOMEM, "IMA list")
			      : add(b, EVIDENCE_IMA, rf_buf_slice(&section));
}

static void fill_meta(struct builder *b)
{
	RF_AUTOBUF struct rf_buf uname = {0};
	struct tpm_info info;
	int64_t now = 0;

	json_object_set_new(b->meta, "host", json_string(sys_host_name(b->sys)));
	json_object_set_new(b->meta, "tool", json_string(b->request->tool));
	/* Which firmware started the system: without UEFI there is no log of it. */
	if (sys_exists(b->sys, "/sys/firmware"))
		json_object_set_new(
			b->meta, "boot",
			json_string(sys_exists(b->sys, "/sys/firmware/efi") ? "uefi" : "bios"));
	if (util_clock_ms(b->sys, &now, NULL) == 0)
		json_object_set_new(b->meta, "time_ms", json_integer(now));
	if (sys_probe(b->sys, "uname", "", &uname, NULL) == 0 && uname.len) {
		char *cursor = (char *)uname.data;

		(void)rf_line_next(&cursor);
		const char *release = rf_line_next(&cursor);

		json_object_set_new(b->meta, "kernel", json_string(release ? release : ""));
	}
	if (!b->request->tpm || tpm_info_read(b->request->tpm, &info, NULL) < 0)
		return;
	json_object_set_new(b->meta, "tpm", json_string(info.software ? "swtpm" : "device"));
	json_object_set_new(b->meta, "tpm_manufacturer", json_string(info.manufacturer));
	json_object_set_new(b->meta, "tpm_vendor", json_string(info.vendor));
	json_object_set_new(b->meta, "tpm_firmware", json_string(info.firmware));
}

static int collect(struct builder *b)
{
	int rc = 0;

	fill_meta(b);
	if (b->request->tpm)
		rc = add_quote(b);
	else
		take_values(b);
	if (rc == 0)
		rc = add_logs(b);
	if (rc == 0)
		rc = add_shim(b);
	if (rc == 0)
		rc = add_ima(b);
	if (rc == 0)
		rc = add_values(b);
	if (rc == 0 && b->request->tpm)
		rc = add_ek(b);
	if (rc == 0)
		rc = add_json(b, EVIDENCE_FILES, boot_files_json(b->sys));
	if (rc == 0)
		rc = add_json(b, EVIDENCE_MODULES, modules_json(b->sys));
	return rc;
}

int evidence_collect(struct sys *sys, const struct evidence_request *request, struct rf_buf *out,
		     struct rf_err *err)
{
	struct builder b = {.sys = sys,
			    .request = request,
			    .out = out,
			    .err = err,
			    .meta = json_object(),
			    .notes = json_array()};
	int rc = b.meta && b.notes ? collect(&b) : -ENOMEM;

	json_object_set(b.meta, "notes", b.notes);
	json_decref(b.notes);
	if (rc == 0)
		rc = add_json(&b, EVIDENCE_META, b.meta);
	else
		json_decref(b.meta);
	if (rc == 0 && out->len > EVIDENCE_MAX_BYTES)
		rc = rf_fail(err, RF_E_LIMIT, "evidence of %zu bytes", out->len);
	return rc;
}
