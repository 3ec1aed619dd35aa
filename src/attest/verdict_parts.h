/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the verdict share; nobody else includes it. */
#ifndef RF_ATTEST_VERDICT_PARTS_H
#define RF_ATTEST_VERDICT_PARTS_H

#include "attest/ima.h"
#include "attest/verdict.h"

/* One judgement on its way. */
struct judge {
	struct attest_hasher *hasher;
	const struct verdict_options *options;
	struct verdict *out;
	struct evidence evidence;
	struct attest_public ak;
	uint16_t hash;			 /* of the signature, and so of the quoted digest */
	bool signature_good;		 /* the quote is by this AK, and answers the nonce */
	struct attest_pcr_values sent;	 /* PCR values as they came */
	struct attest_pcr_values proved; /* those that the quote proves: empty until then */
	bool ima_found;			 /* the quote proves the IMA list up to here: */
	struct ima_quoted ima;
	struct ima_state ima_state;
	struct rf_slice ima_covered;  /* that part of the list, without its head */
	uint16_t ima_alg;	      /* of its template digests */
	uint32_t ima_pcrs, ima_wrong; /* bit n: the list proves (does not fit) PCR n beside IMA's */
	bool log_broken;	      /* so that the story is empty */
	bool ima_said;		      /* why the list does not fit */
};

/* Adds a reason; subject and detail may be NULL. NULL when there is no room: then it is counted,
 * and the verdict is no pass. */
struct reason *verdict_reason(struct judge *j, enum reason_id id, const char *subject,
			      const char *detail);
/* The same about an event of the story. */
struct reason *verdict_reason_item(struct judge *j, enum reason_id id,
				   const struct boot_item *item);

/* Section of that kind; data NULL when it is absent. */
struct rf_slice verdict_section(const struct judge *j, enum evidence_kind kind);

/* Is there a firmware log of this TPM? A confidential VM's registers are none. */
bool verdict_has_log(const struct judge *j);
/* Index of a bank among values; banks_count when it is not there. */
size_t verdict_bank(const struct attest_pcr_values *values, uint16_t alg);
/* PCRs that the quote selects in that bank. */
uint32_t verdict_selected(const struct attest_quote *quote, uint16_t alg);
/* "0, 4, 7" */
void verdict_pcr_list(uint32_t mask, char *out, size_t size);

/* verdict_quote.c: AK, signature, nonce (signature_good). 0 or our own failure. */
int verdict_judge_quote(struct judge *j, struct rf_err *err) RF_MUST_CHECK;
/* The PCR values against the quoted digest (proved, quote_proved); through the IMA list where its
 * PCR did not come, or came from another moment. */
int verdict_judge_digest(struct judge *j, struct rf_err *err) RF_MUST_CHECK;
/* options.own_values: the values that came count as they are. */
void verdict_take_own(struct judge *j);
/* Against what was seen before: replay, restart, resume, other TPM firmware. */
void verdict_judge_memory(struct judge *j);

/* verdict_identity.c: EK, its certificate, the names in the baseline. */
int verdict_judge_identity(struct judge *j, struct rf_err *err) RF_MUST_CHECK;

/* verdict_ima.c: which part of the IMA list the quote proves; values: without IMA's PCR the quoted
 * digest itself decides. 0 and j->ima, j->ima_state; RF_E_MISMATCH, RF_E_MISSING, RF_E_SYNTAX ...
 */
int verdict_find_ima(struct judge *j, const struct attest_pcr_values *values,
		     struct rf_err *why) RF_MUST_CHECK;
/* Says why it could not be tied (rc of verdict_find_ima) and names the one entry at fault; true
 * when there is one, so that the list without it, and with it the values, are what was quoted. */
bool verdict_say_ima(struct judge *j, const struct attest_pcr_values *values, int rc,
		     const struct rf_err *why);
/* Judges the list once the values are proved. */
int verdict_judge_ima(struct judge *j, struct rf_err *err) RF_MUST_CHECK;

/* verdict_diverge.c: fills detail and event of a reason (pcr and now_digest are set) with the first
 * event of the register that is not as expected, as far as that can be told. */
void verdict_say_divergence(struct judge *j, struct reason *reason, uint16_t alg);

/* verdict_logs.c: story against itself; banks and PCRs against the story; protections. */
void verdict_judge_events(struct judge *j);
int verdict_judge_pcrs(struct judge *j, struct rf_err *err) RF_MUST_CHECK;
void verdict_judge_protections(struct judge *j);

#endif
