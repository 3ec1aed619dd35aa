/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict's checks of who signed: endorsement key, its certificate, and the names that the
 * host was enrolled with. That the AK lives beside this EK is proved at enrolment (enrol.h), not
 * here: so a baseline holds both names.
 * Source: TCG EK Credential Profile; CVE-2025-13609 (another TPM takes over a host's name).
 */
#include <errno.h>
#include <string.h>

#include "attest/ekcert.h"
#include "attest/verdict_parts.h"
#include "base/mem.h"
#include "base/str.h"
#include "attest/words.h"

/* What programs that play TPM call themselves, in certificates and in the collector's hint. */
static const char *const software_words[] = {"swtpm", "IBM Software TPM",
					     "Microsoft TPM Simulator"};

static bool holds(struct rf_slice bytes, const char *word)
{
	return bytes.len > 0 && memmem(bytes.data, bytes.len, word, strlen(word));
}

/* A hint is enough: nobody gains by calling a chip a program. */
static void note_software(struct judge *j)
{
	for (size_t i = 0; i < RF_COUNT(software_words); i++) {
		if (!holds(verdict_section(j, EVIDENCE_EK_CERT), software_words[i]) &&
		    !holds(verdict_section(j, EVIDENCE_META), software_words[i]))
			continue;
		verdict_reason(j, REASON_SOFTWARE_TPM, software_words[i], NULL);
		return;
	}
}

/* The certificate, by the roots that the caller trusts. */
static int judge_certificate(struct judge *j, const struct attest_public *ek, struct rf_err *err)
{
	const struct evidence *e = &j->evidence;
	struct ekcert_request request = {.leaf = verdict_section(j, EVIDENCE_EK_CERT),
					 .ek = ek,
					 .now_s = j->options->now_ms / 1000};
	struct ekcert_info info = {0};
	struct rf_err why = {0};

	if (!j->options->roots || !request.leaf.data) {
		verdict_reason(j, REASON_EK_UNVERIFIED, NULL,
			       request.leaf.data ? "no root certificates were given"
						 : "the TPM holds no certificate");
		return 0;
	}
	if (e->ek_chain_count > 1) {
		request.chain = e->ek_chain + 1;
		request.chain_count = e->ek_chain_count - 1;
	}
	int rc = ekcert_verify(j->options->roots, &request, &info, &why);

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory for the certificate");
	if (rc < 0)
		verdict_reason(j, REASON_EK_REFUSED, NULL, rf_err_text(&why));
	return 0;
}

/* The host's own word for it: a hint that helps who exchanged the chip himself. */
static const char *other_detail(const struct judge *j, enum reason_id id, bool same_ek)
{
	if (holds(verdict_section(j, EVIDENCE_META), "\"ak\":\"new\""))
		return id == REASON_OTHER_TPM
			       ? "the host says so, too: the chip that it has now does not know the "
				 "key of the enrolment"
			       : "the host says that its TPM does not know the key of the enrolment any "
				 "more, as after clearing it";
	return id == REASON_OTHER_AK && same_ek
		       ? "the endorsement key that came is the right one, but it is public and "
			 "proves nothing alone"
		       : NULL;
}

static void say_other(struct judge *j, enum reason_id id, struct rf_slice was, struct rf_slice now,
		      bool same_ek)
{
	struct reason *reason = verdict_reason(j, id, NULL, other_detail(j, id, same_ek));

	if (!reason)
		return;
	struct words w = words_into(reason->was, sizeof(reason->was));

	words_add_hex(&w, was, 10);
	w = words_into(reason->now, sizeof(reason->now));
	words_add_hex(&w, now, 10);
}

/* Is this the TPM, and the key in it, that the host was enrolled with? */
static void judge_names(struct judge *j)
{
	const struct verdict *out = j->out;
	struct rf_slice ak = {out->ak_name, out->ak_name_len};
	struct rf_slice ek = {out->ek_name, out->ek_name_len};

	if (!j->options->baseline)
		return;
	struct rf_slice want_ak = baseline_ak_name(j->options->baseline);
	struct rf_slice want_ek = baseline_ek_name(j->options->baseline);

	if (want_ek.len > 0 && ek.len > 0 && !rf_slice_equal(want_ek, ek))
		say_other(j, REASON_OTHER_TPM, want_ek, ek, false);
	else if (want_ak.len > 0 && ak.len > 0 && !rf_slice_equal(want_ak, ak))
		say_other(j, REASON_OTHER_AK, want_ak, ak,
			  want_ek.len && rf_slice_equal(want_ek, ek));
	/* An EK is public: beside it, anybody's AK would do. */
	else if (want_ak.len == 0 && want_ek.len > 0)
		verdict_reason(j, REASON_EVIDENCE_MISSING, "name of the attestation key",
			       "the baseline names the endorsement key only; enrol the host again");
}

int verdict_judge_identity(struct judge *j, struct rf_err *err)
{
	struct rf_slice bytes = verdict_section(j, EVIDENCE_EK_PUBLIC);
	struct attest_public ek;
	struct rf_err why = {0};
	int rc = 0;

	note_software(j);
	if (!bytes.data) {
		verdict_reason(j, REASON_EK_UNVERIFIED, NULL, "the endorsement key did not come");
	} else if (attest_public_parse(bytes, &ek, &why) < 0 || attest_ek_check(&ek, &why) < 0 ||
		   attest_public_name(j->hasher, &ek, j->out->ek_name, &j->out->ek_name_len, &why) <
			   0) {
		j->out->ek_name_len = 0;
		verdict_reason(j, REASON_EK_REFUSED, "endorsement key", rf_err_text(&why));
	} else {
		rc = judge_certificate(j, &ek, err);
	}
	if (rc == 0)
		judge_names(j);
	return rc;
}
