/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a host is not trusted, and what changed between two boots, in one vocabulary: a reason. Each
 * class of reasons is one row of a table (reason.c) with its severity, its words and its next step.
 * Verdict, explain, diff and baseline rules all speak of reasons; nothing else has words for them.
 */
#ifndef RF_ATTEST_REASON_H
#define RF_ATTEST_REASON_H

#include "attest/eventlog.h"
#include "attest/reason_file.h"

enum reason_severity {
	REASON_INFO,	/* worth a line, changes no verdict */
	REASON_LOW,	/* expected now and then: boot order, a phase more */
	REASON_MEDIUM,	/* a part changed that updates change */
	REASON_HIGH,	/* a protection is weaker, or a part changed that should not */
	REASON_CRITICAL /* forged, replayed, another machine */
};
const char *reason_severity_name(enum reason_severity severity); /* "high" */

/* What a class of reasons does to the verdict when no rule allows it. */
enum reason_effect {
	REASON_NOTES,
	REASON_WARNS,
	REASON_DISTRUSTS,
	REASON_BLINDS /* cannot judge */
};
const char *reason_effect_name(enum reason_effect effect); /* "untrusted" */

/* X(enumerator, "id", severity, effect): the words stand in reason.c. Ids are never reused. */
#define REASON_CLASSES(X)                                                                          \
	/* the evidence itself */                                                                  \
	X(REASON_EVIDENCE_BROKEN, "evidence-broken", HIGH, DISTRUSTS)                              \
	X(REASON_EVIDENCE_MISSING, "evidence-missing", HIGH, BLINDS)                               \
	X(REASON_NO_TPM, "no-tpm", HIGH, BLINDS)                                                   \
	X(REASON_QUOTE_FORGED, "quote-forged", CRITICAL, DISTRUSTS)                                \
	X(REASON_NONCE_WRONG, "nonce-wrong", CRITICAL, DISTRUSTS)                                  \
	X(REASON_NONCE_UNCHECKED, "nonce-unchecked", MEDIUM, NOTES)                                \
	X(REASON_REPLAYED, "evidence-replayed", CRITICAL, DISTRUSTS)                               \
	X(REASON_REBOOTED, "rebooted", INFO, NOTES)                                                \
	X(REASON_RESUMED, "resumed-without-reboot", LOW, NOTES)                                    \
	X(REASON_TPM_FIRMWARE, "tpm-firmware-changed", MEDIUM, WARNS)                              \
	X(REASON_WEAK_CRYPTO, "weak-cryptography", HIGH, WARNS)                                    \
	X(REASON_BANK_UNQUOTED, "bank-not-quoted", MEDIUM, WARNS)                                  \
	X(REASON_PCR_UNQUOTED, "pcr-not-quoted", HIGH, BLINDS)                                     \
	X(REASON_BANK_UNUSED, "bank-not-used-by-firmware", CRITICAL, DISTRUSTS)                    \
	/* identity */                                                                             \
	X(REASON_AK_UNFIT, "ak-unfit", CRITICAL, DISTRUSTS)                                        \
	X(REASON_OTHER_TPM, "other-tpm", CRITICAL, DISTRUSTS)                                      \
	X(REASON_OTHER_AK, "other-ak", CRITICAL, DISTRUSTS)                                        \
	X(REASON_EK_UNVERIFIED, "ek-not-verified", MEDIUM, NOTES)                                  \
	X(REASON_EK_REFUSED, "ek-certificate-refused", CRITICAL, DISTRUSTS)                        \
	X(REASON_SOFTWARE_TPM, "software-tpm", MEDIUM, NOTES)                                      \
	/* the logs against the PCRs */                                                            \
	X(REASON_LOG_BROKEN, "log-broken", HIGH, DISTRUSTS)                                        \
	X(REASON_LOG_MISSING, "log-missing", HIGH, BLINDS)                                         \
	X(REASON_PCR_UNEXPLAINED, "pcr-not-explained-by-log", CRITICAL, DISTRUSTS)                 \
	X(REASON_EVENT_FORGED, "event-forged", CRITICAL, DISTRUSTS)                                \
	X(REASON_EVENT_NOT_ALLOWED, "event-not-allowed-here", HIGH, DISTRUSTS)                     \
	X(REASON_EVENT_UNKNOWN, "event-type-unknown", MEDIUM, WARNS)                               \
	X(REASON_BOOT_FAILURE, "boot-failure", HIGH, WARNS)                                        \
	X(REASON_EXIT_MISSING, "exit-boot-services-missing", LOW, NOTES)                           \
	/* protections off */                                                                      \
	X(REASON_SECURE_BOOT_OFF, "secure-boot-off", HIGH, WARNS)                                  \
	X(REASON_SETUP_MODE, "secure-boot-setup-mode", HIGH, WARNS)                                \
	X(REASON_SHIM_VALIDATION_OFF, "shim-validation-off", HIGH, WARNS)                          \
	X(REASON_LOCKDOWN_OFF, "lockdown-off", MEDIUM, WARNS)                                      \
	X(REASON_IMA_OFF, "ima-off", MEDIUM, NOTES)                                                \
	/* what changed since the baseline, or between two boots */                                \
	X(REASON_FIRMWARE_CHANGED, "firmware-changed", HIGH, DISTRUSTS)                            \
	X(REASON_FIRMWARE_CONFIG_CHANGED, "firmware-configuration-changed", MEDIUM, WARNS)         \
	X(REASON_OPTION_ROM_CHANGED, "option-rom-changed", HIGH, DISTRUSTS)                        \
	X(REASON_MICROCODE_CHANGED, "microcode-changed", MEDIUM, WARNS)                            \
	X(REASON_SECURE_BOOT_CHANGED, "secure-boot-switched", HIGH, DISTRUSTS)                     \
	X(REASON_SECURE_BOOT_KEYS_CHANGED, "secure-boot-keys-changed", HIGH, DISTRUSTS)            \
	X(REASON_DBX_CHANGED, "revocation-list-changed", MEDIUM, WARNS)                            \
	X(REASON_AUTHORITY_CHANGED, "boot-signer-changed", HIGH, DISTRUSTS)                        \
	X(REASON_MOK_CHANGED, "mok-changed", HIGH, DISTRUSTS)                                      \
	X(REASON_SBAT_CHANGED, "sbat-level-changed", LOW, NOTES)                                   \
	X(REASON_BOOT_ORDER_CHANGED, "boot-order-changed", LOW, WARNS)                             \
	X(REASON_BOOT_ENTRY_CHANGED, "boot-entry-changed", MEDIUM, WARNS)                          \
	X(REASON_BOOT_APP_CHANGED, "boot-program-changed", HIGH, DISTRUSTS)                        \
	X(REASON_DRIVER_CHANGED, "firmware-driver-changed", HIGH, DISTRUSTS)                       \
	X(REASON_GPT_CHANGED, "partition-table-changed", MEDIUM, WARNS)                            \
	X(REASON_LOADER_COMMAND_CHANGED, "boot-loader-commands-changed", MEDIUM, WARNS)            \
	X(REASON_LOADER_FILE_CHANGED, "boot-loader-file-changed", MEDIUM, DISTRUSTS)               \
	X(REASON_KERNEL_CHANGED, "kernel-changed", MEDIUM, DISTRUSTS)                              \
	X(REASON_INITRD_CHANGED, "initrd-changed", MEDIUM, DISTRUSTS)                              \
	X(REASON_CMDLINE_CHANGED, "kernel-command-line-changed", MEDIUM, DISTRUSTS)                \
	X(REASON_DRTM_CHANGED, "dynamic-launch-changed", HIGH, DISTRUSTS)                          \
	X(REASON_ESX_CHANGED, "esx-part-changed", MEDIUM, DISTRUSTS)                               \
	X(REASON_ASSET_TAG_CHANGED, "asset-tag-changed", HIGH, DISTRUSTS)                          \
	X(REASON_USERSPACE_CHANGED, "userspace-measurement-changed", LOW, WARNS)                   \
	X(REASON_EVENT_CHANGED, "other-event-changed", MEDIUM, WARNS)                              \
	X(REASON_EVENT_REORDERED, "events-reordered", LOW, NOTES)                                  \
	/* IMA */                                                                                  \
	X(REASON_IMA_BROKEN, "ima-list-broken", HIGH, DISTRUSTS)                                   \
	X(REASON_IMA_UNEXPLAINED, "ima-list-does-not-explain-pcr", CRITICAL, DISTRUSTS)            \
	X(REASON_IMA_AGGREGATE, "ima-aggregate-does-not-fit-boot", HIGH, DISTRUSTS)                \
	X(REASON_IMA_VIOLATION, "ima-violation", MEDIUM, WARNS)                                    \
	X(REASON_IMA_UNKNOWN_FILE, "ima-file-unknown", HIGH, DISTRUSTS)                            \
	X(REASON_IMA_CHANGED_FILE, "ima-file-changed", HIGH, DISTRUSTS)                            \
	X(REASON_IMA_BAD_SIGNATURE, "ima-signature-bad", HIGH, DISTRUSTS)                          \
	X(REASON_IMA_UNJUDGED, "ima-files-not-judged", MEDIUM, NOTES)                              \
	X(REASON_IMA_WEAK, "ima-bank-weak", LOW, NOTES)                                            \
	/* the baseline */                                                                         \
	X(REASON_NO_BASELINE, "no-baseline", MEDIUM, BLINDS)                                       \
	X(REASON_NOT_APPROVED, "baseline-not-approved", HIGH, BLINDS)                              \
	X(REASON_RULE_UNUSED, "rule-without-effect", LOW, NOTES)                                   \
	X(REASON_BASELINE_EXPIRED, "maintenance-window-over", MEDIUM, WARNS)

#define REASON_ENUM(name, id, severity, effect) name,
enum reason_id { REASON_CLASSES(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

/* The table's row. title: one line for a person who never heard of a PCR. next: the one thing to do
 * next, an instruction. */
struct reason_class {
	const char *id;
	enum reason_severity severity;
	enum reason_effect effect;
	const char *title; /* "The kernel is another one" */
	const char *next;
};
const struct reason_class *reason_class_of(enum reason_id id);
/* From "kernel-changed"; REASON_COUNT when there is none. */
enum reason_id reason_of_name(const char *id);

/* What a PCR stands for, a few words: "boot programs (shim, boot loader)". */
const char *reason_pcr_title(uint32_t pcr);

#define REASON_NOWHERE UINT32_MAX

/* One reason. Texts hold visible characters only. */
struct reason {
	enum reason_id id;
	enum eventlog_component component;
	uint32_t pcr;		 /* the first one; REASON_NOWHERE when it is about none */
	uint32_t pcrs;		 /* bit n: PCR n holds it; 0 when only pcr says where */
	uint16_t alg;		 /* of the bank, 0 for all */
	uint32_t event;		 /* in the (new) log, REASON_NOWHERE for none */
	uint32_t old_event;	 /* in the old log or baseline, REASON_NOWHERE for none */
	char subject[192];	 /* what it is about: a path, a variable, a key; "" none */
	char was[256], now[256]; /* "" for nothing */
	char detail[320];	 /* one sentence more, e.g. certificates added */
	struct attest_digest was_digest, now_digest; /* alg 0 for none */
	char allowed_by[96]; /* name of the baseline rule that allows it; then it has no effect */
	/* It distrusts, whatever its class does: the baseline expects the protection that is
	 * missing, or where code is measured nothing proves that the change is as harmless as it
	 * says. */
	bool demanded;
	enum reason_file file; /* what kind of file a reason of IMA is about */
	const char *next;      /* the next step where the class's does not fit; NULL: it does */
};

/* A list of reasons; at most REASONS_MAX are kept, the rest is counted. Reused between verdicts. */
#define REASONS_MAX 1024u
struct reasons {
	struct reason *items;
	size_t count, room;
	size_t dropped;
};
/* Adds a zeroed reason of that class (pcr, event, old_event: REASON_NOWHERE) to fill in. NULL when
 * memory or room is out: then it is counted in dropped, and the verdict cannot be "trusted". */
struct reason *reasons_add(struct reasons *list, enum reason_id id);
void reasons_clear(struct reasons *list); /* keeps the room */
void reasons_done(struct reasons *list);

/* The title of this one: its class's, or of a file what was done with it. Returns out (8 bytes or
 * more). */
const char *reason_title(const struct reason *reason, char *out, size_t size);
/* How a boot is approved on the host itself, as next steps say it; a manager has another way. */
#define REASON_APPROVE "ringfence attest baseline create EVIDENCE -o BASELINE --by YOU"

/* The one thing to do next about this one. */
const char *reason_next(const struct reason *reason);

/* One line in words, without the next step: "The kernel is another one: /boot/vmlinuz-6.1.0-55 was
 * sha256 1a2b..., is sha256 3c4d...; detail". Returns out (8 bytes or more). */
const char *reason_words(const struct reason *reason, char *out, size_t size);

#endif
