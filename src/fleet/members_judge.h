/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the messages between the manager's roles agents and verify, as in members.h. */
#ifndef RF_FLEET_MEMBERS_JUDGE_H
#define RF_FLEET_MEMBERS_JUDGE_H

#define MESSAGE_JUDGE(M)                                                                           \
	M(judge, job, NAME, 1, 64, true)                                                           \
	M(judge, nonce, BYTES, 16, 64, true)                                                       \
	M(judge, now_ms, INT, 0, MESSAGE_MAX_MS, true)                                             \
	M(judge, baseline_bytes, INT, 0, 16777216, false) /* how many come before the evidence */  \
	M(judge, approved_by, TEXT, 1, 256, false) /* make a baseline of it, in that name */       \
	M(judge, any_program, BOOL, 0, 0, false)   /* that baseline is to judge no programs */     \
	M(judge, known, BOOL, 0, 0, false)	   /* what follows is remembered of the TPM */     \
	M(judge, clock_ms, INT, INT64_MIN, INT64_MAX, false)                                       \
	M(judge, firmware, INT, INT64_MIN, INT64_MAX, false)                                       \
	M(judge, resets, INT, 0, UINT32_MAX, false)                                                \
	M(judge, restarts, INT, 0, UINT32_MAX, false)                                              \
	M(judge, ima_entries, INT, 0, UINT32_MAX, false)                                           \
	M(judge, same, BYTES, 1, 256, false)   /* what the last good verdict's quote was over */   \
	M(judge, ak_name, BYTES, 1, 66, false) /* and who signed it */
#define MESSAGE_JUDGED(M)                                                                          \
	M(judged, job, NAME, 1, 64, true)                                                          \
	M(judged, state, NAME, 1, 32, true) /* TRUSTED, WARNING, UNTRUSTED, CANNOT_JUDGE */        \
	M(judged, reason, TEXT, 0, 8192, false)                                                    \
	M(judged, proved, BOOL, 0, 0, false) /* signature, nonce and digest of the quote */        \
	M(judged, ak_name, BYTES, 1, 66, false)                                                    \
	M(judged, clock_ms, INT, INT64_MIN, INT64_MAX, false)                                      \
	M(judged, firmware, INT, INT64_MIN, INT64_MAX, false)                                      \
	M(judged, resets, INT, 0, UINT32_MAX, false)                                               \
	M(judged, restarts, INT, 0, UINT32_MAX, false)                                             \
	M(judged, ima_entries, INT, 0, UINT32_MAX, false)                                          \
	M(judged, quoted, BYTES, 1, 256, false) /* selection and digest of the quote */            \
	M(judged, brief, BOOL, 0, 0, false)	/* without logs: as at the last good verdict */

#endif
