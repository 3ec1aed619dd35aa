/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of reasons: one title and one next step for each class, for somebody who never heard
 * of a PCR; and lists of reasons. Not for finding reasons (verdict, diff, baseline do).
 * Source: the failures that other verifiers report and their users did not understand.
 */
#include <string.h>

#include "attest/reason.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

/* The one way to say "this was me". */
#define APPROVE                                                                                    \
	"approve this boot: " REASON_APPROVE "; "                                                  \
	"otherwise "
#define APART "keep this machine apart"

/* What the header's table says of each class, by its name. */
#define REASON_PARTS(name, id, severity, effect)                                                   \
	static const char name##_ID[] = id;                                                        \
	enum { name##_SEVERITY = REASON_##severity, name##_EFFECT = REASON_##effect };
REASON_CLASSES(REASON_PARTS)

#define ROW(name, title, next)                                                                     \
	[name] = {name##_ID, (enum reason_severity)name##_SEVERITY,                                \
		  (enum reason_effect)name##_EFFECT, title, next}

static const struct reason_class classes[REASON_COUNT] = {
	ROW(REASON_EVIDENCE_BROKEN, "The evidence cannot be read: it is damaged or forged",
	    "Collect it again on the host: ringfence attest evidence -o "
	    "FILE; if it is broken again, " APART),
	ROW(REASON_EVIDENCE_MISSING, "A part of the evidence is missing",
	    "Collect it again as root with this version: ringfence "
	    "attest evidence -o FILE"),
	ROW(REASON_NO_TPM, "The host has no TPM that can be used, so nothing can be proved",
	    "Switch the TPM on in the firmware setup (\"TPM\", \"PTT\" or \"fTPM\"), "
	    "then see: ringfence attest status"),
	ROW(REASON_QUOTE_FORGED, "The TPM did not sign this evidence",
	    "Keep this machine apart and collect fresh evidence from its "
	    "console; if it fails again, treat the host as taken over"),
	ROW(REASON_NONCE_WRONG, "The evidence answers another request than yours",
	    "Ask the host again with a new nonce: ringfence attest evidence "
	    "--nonce HEX -o FILE; if it fails again, " APART),
	ROW(REASON_NONCE_UNCHECKED, "Nobody checked that the evidence is fresh",
	    "Give the nonce that you sent to the host: ringfence attest "
	    "verify FILE --nonce HEX"),
	ROW(REASON_REPLAYED, "The evidence is older than what the host already showed",
	    "Collect fresh evidence from the host's console; if nobody copied an "
	    "old file by mistake, " APART),
	ROW(REASON_REBOOTED, "The host was restarted since the last evidence",
	    "Nothing to do if you restarted it; otherwise ask who did"),
	ROW(REASON_RESUMED, "The host slept and woke up without a restart",
	    "A server should not sleep: restart it, and switch suspend off: "
	    "systemctl mask sleep.target suspend.target"),
	ROW(REASON_TPM_FIRMWARE, "The TPM's own firmware is another version",
	    "If you updated the firmware, nothing to do; otherwise ask the "
	    "maker of the host why it changed"),
	ROW(REASON_WEAK_CRYPTO, "The proof rests on cryptography that is too weak",
	    "Switch the SHA-256 bank on in the firmware setup (TPM, \"PCR "
	    "banks\") and use a TPM 2.0"),
	ROW(REASON_BANK_UNQUOTED, "A bank of measurements is in use, and the TPM did not sign it",
	    "Collect the evidence again with this version, which signs all "
	    "banks: ringfence attest evidence -o FILE"),
	ROW(REASON_PCR_UNQUOTED, "A measurement register that matters is not signed by the TPM",
	    "Collect the evidence again with this version, which signs all "
	    "that matter: ringfence attest evidence -o FILE"),
	ROW(REASON_BANK_UNUSED,
	    "A bank of measurements was left empty by the firmware, so that "
	    "anybody can fill it",
	    "Switch this bank off in the firmware setup (TPM, \"PCR banks\"), or "
	    "update the firmware (CVE-2021-42299), then restart"),
	ROW(REASON_AK_UNFIT, "The signing key is not one that only a TPM can use",
	    "Enrol the host again: ringfence attest evidence makes a fit key; if "
	    "it does not, " APART),
	ROW(REASON_OTHER_TPM, "The TPM is not the one that this host was enrolled with",
	    "If you replaced the TPM or the board, enrol the host again: ringfence attest baseline "
	    "create EVIDENCE -o NEW --by YOU; otherwise another machine answers in its place: " APART),
	ROW(REASON_OTHER_AK, "The signing key is not the one that this host was enrolled with",
	    "If you cleared the TPM or removed the key's file, enrol the host again: ringfence attest "
	    "baseline create EVIDENCE -o NEW --by YOU; otherwise " APART),
	ROW(REASON_EK_UNVERIFIED, "No maker vouches for this TPM",
	    "Give the maker's root certificates: --ek-roots DIR (Infineon, "
	    "Nuvoton, ST, Intel and AMD publish them on their web pages)"),
	ROW(REASON_EK_REFUSED, "The TPM's certificate is not valid for this TPM",
	    "Compare the certificate with the maker's root certificates; if "
	    "they are the right ones, this TPM is not what it says: " APART),
	ROW(REASON_SOFTWARE_TPM, "The TPM is a program, not a chip",
	    "In a virtual machine trust it as far as its host; on a real "
	    "machine switch the chip on in the firmware setup"),
	ROW(REASON_LOG_BROKEN, "The boot log cannot be read: it is damaged or forged",
	    "Collect it again; if it is broken again, update the firmware, and "
	    "until then " APART),
	ROW(REASON_LOG_MISSING, "There is no boot log, so nothing says what was started",
	    "Restart the host by UEFI with a kernel that has TPM support, and collect evidence "
	    "again as root: ringfence attest evidence -o FILE"),
	ROW(REASON_PCR_UNEXPLAINED, "The TPM saw something start that the boot log does not show",
	    "Keep this machine apart and restart it from a medium you "
	    "trust; if it stays, the firmware's log is wrong: ask its maker"),
	ROW(REASON_EVENT_FORGED, "The boot log says something that its own digest disproves",
	    "Keep this machine apart: somebody changed the log, or the "
	    "firmware is faulty; compare with a host of the same model"),
	ROW(REASON_EVENT_NOT_ALLOWED, "The boot log has an entry where none of its kind may be",
	    "Look at it: ringfence attest log FILE; if hosts of the same "
	    "model do not show it, " APART),
	ROW(REASON_EVENT_UNKNOWN, "The boot log has an entry of a kind that is not known",
	    "Look at it: ringfence attest log FILE; if the maker of the host "
	    "explains it, approve it in the baseline"),
	ROW(REASON_BOOT_FAILURE, "The firmware reported an error during this boot",
	    "Look at the firmware's own event log (BMC or setup), mend the "
	    "cause and restart"),
	ROW(REASON_EXIT_MISSING, "The boot log does not show the handover to the system",
	    "Some firmware leaves it out: compare with a host of the same "
	    "model"),
	ROW(REASON_SECURE_BOOT_OFF, "Secure Boot is off: the firmware starts any program",
	    "Switch Secure Boot on in the firmware setup and restart"),
	ROW(REASON_SETUP_MODE, "Secure Boot has no owner: anybody may put in keys",
	    "Restore the factory keys in the firmware setup, switch Secure Boot "
	    "on and restart"),
	ROW(REASON_SHIM_VALIDATION_OFF, "The boot loader was told to check no signatures",
	    "Run mokutil --enable-validation and restart"),
	ROW(REASON_LOCKDOWN_OFF, "The kernel may be changed by root while it runs (no lockdown)",
	    "Switch Secure Boot on, or add lockdown=integrity to the kernel "
	    "command line, and restart"),
	ROW(REASON_IMA_OFF, "Programs that start after the kernel are not measured",
	    "Add ima_policy=tcb to the kernel command line and restart"),
	ROW(REASON_FIRMWARE_CHANGED, "The firmware is another one",
	    "If you updated the firmware, " APPROVE
	    "compare its version with the maker's and " APART),
	ROW(REASON_FIRMWARE_CONFIG_CHANGED, "A firmware setting or table is another one",
	    "If you changed the firmware setup, " APPROVE "look into the setup for what changed"),
	ROW(REASON_OPTION_ROM_CHANGED, "The program on an add-in card is another one",
	    "If you changed or updated a card, " APPROVE "take the card "
	    "out or " APART),
	ROW(REASON_MICROCODE_CHANGED, "The processor's microcode is another one",
	    "If you updated firmware or microcode, " APPROVE "ask the maker of the host why"),
	ROW(REASON_SECURE_BOOT_CHANGED, "Secure Boot was switched on or off",
	    "If it was you, " APPROVE "switch it back in the firmware "
	    "setup and " APART),
	ROW(REASON_SECURE_BOOT_KEYS_CHANGED, "The keys that may sign boot programs changed",
	    "If the maker's update brought new keys, " APPROVE
	    "restore the factory keys and " APART),
	ROW(REASON_DBX_CHANGED, "The list of revoked boot programs changed",
	    "If it grew by an update (fwupd), " APPROVE "install the newest list: fwupdmgr update"),
	ROW(REASON_AUTHORITY_CHANGED, "Another key vouched for what was started",
	    "If you changed the boot loader or its signer, " APPROVE "boot the old one and " APART),
	ROW(REASON_MOK_CHANGED,
	    "The machine owner's keys changed: somebody else may sign kernels "
	    "and modules",
	    "If you enrolled or removed a key, " APPROVE
	    "list them with mokutil --list-enrolled, delete the unknown one and " APART),
	ROW(REASON_SBAT_CHANGED, "The list of revoked boot loader versions changed",
	    "Nothing to do if shim or the firmware was updated"),
	ROW(REASON_BOOT_ORDER_CHANGED, "The order of boot devices changed",
	    "If you changed it, " APPROVE "put it back: efibootmgr -o"),
	ROW(REASON_BOOT_ENTRY_CHANGED, "An entry of the boot menu changed",
	    "If you changed it, " APPROVE "look at it: efibootmgr -v"),
	ROW(REASON_BOOT_APP_CHANGED, "Another boot program was started (shim, boot loader)",
	    "If shim or grub was updated, " APPROVE
	    "install it again from your distribution and " APART),
	ROW(REASON_DRIVER_CHANGED, "Another firmware driver was loaded",
	    "If you updated the firmware or a card, " APPROVE APART),
	ROW(REASON_GPT_CHANGED, "The partition table is another one",
	    "If you changed disks or partitions, " APPROVE "compare it with your records"),
	ROW(REASON_LOADER_COMMAND_CHANGED, "The boot loader ran other commands",
	    "If a kernel was installed or grub.cfg changed, " APPROVE
	    "compare /boot/grub/grub.cfg with your backup"),
	ROW(REASON_LOADER_FILE_CHANGED, "A file of the boot loader is another one",
	    "If grub was updated or configured, " APPROVE "install it again and " APART),
	ROW(REASON_KERNEL_CHANGED, "The kernel is another one",
	    "If you installed a kernel update, " APPROVE "boot the old kernel and " APART),
	ROW(REASON_INITRD_CHANGED, "The initrd (the first files of the system) is another one",
	    "If a kernel, driver or microcode update made a new one, " APPROVE
	    "make it again (update-initramfs -u, dracut -f) and " APART),
	ROW(REASON_CMDLINE_CHANGED, "The kernel was started with other options",
	    "If you changed them, " APPROVE "put them back in /etc/default/grub and restart"),
	ROW(REASON_DRTM_CHANGED, "The measured launch (Intel TXT or AMD SKINIT) ran other code",
	    "If you updated tboot, SINIT or the hypervisor, " APPROVE APART),
	ROW(REASON_ESX_CHANGED, "A part of ESXi is another one",
	    "If you patched ESXi or installed a driver, " APPROVE
	    "compare the VIBs with a host of the same version and " APART),
	ROW(REASON_ASSET_TAG_CHANGED, "The asset tag in the TPM is another one",
	    "If you gave the host a new tag, " APPROVE "find out who may write to its TPM"),
	ROW(REASON_USERSPACE_CHANGED, "The system's own measurements are others",
	    "If you changed disks, machine identity or boot phases, " APPROVE
	    "compare with the last boot: ringfence attest diff"),
	ROW(REASON_EVENT_CHANGED, "Another measurement of the boot changed",
	    "Look at it: ringfence attest diff OLD NEW; if you know the "
	    "cause, approve this boot"),
	ROW(REASON_EVENT_REORDERED, "The same parts started in another order",
	    "Nothing to do if it comes and goes; add a rule for it to the "
	    "baseline"),
	ROW(REASON_IMA_BROKEN, "The list of measured files cannot be read: damaged or forged",
	    "Collect it again; if it is broken again, " APART),
	ROW(REASON_IMA_UNEXPLAINED, "The list of measured files does not fit what the TPM recorded",
	    "Keep this machine apart: something in its evidence was planted, removed or changed; "
	    "restart it from a medium you trust"),
	ROW(REASON_IMA_AGGREGATE, "The list of measured files belongs to another boot",
	    "Collect the evidence again after a restart; if it stays, " APART),
	ROW(REASON_IMA_VIOLATION, "A file was written while it was measured: what ran is not known",
	    "Find out who writes to this file; a log or database should not "
	    "be measured: adapt the IMA policy"),
	ROW(REASON_IMA_UNKNOWN_FILE, "A file was run or read that was not known before",
	    "If you installed it, add it to the baseline's files (in a fleet: approve the host "
	    "again); otherwise look at it and " APART),
	ROW(REASON_IMA_CHANGED_FILE, "A file was run or read whose contents changed",
	    "If its package was updated, add the new digest to the baseline (in a fleet: approve "
	    "the host again); otherwise install the package again and " APART),
	ROW(REASON_IMA_BAD_SIGNATURE, "A file was run or read whose signature is wrong or missing",
	    "Install its package again from your distribution; if you "
	    "sign yourself, sign it; otherwise " APART),
	ROW(REASON_IMA_UNJUDGED,
	    "What ran after the boot was recorded, but no rule of the baseline judges it",
	    "Compare it with an earlier boot (ringfence attest diff OLD NEW), or give the baseline an ima: "
	    "part with digests or signers (docs/schema/baseline.md)"),
	ROW(REASON_IMA_WEAK, "The list of measured files is tied to the TPM by SHA-1 alone",
	    "Use a kernel of 5.8 or later"),
	ROW(REASON_NO_BASELINE, "There is no baseline to compare this boot with",
	    "Make one while you trust the host: ringfence attest baseline create"),
	ROW(REASON_NOT_APPROVED, "Nobody has approved the baseline yet",
	    "Look at it and approve it: ringfence attest baseline approve BASELINE BOOT "
	    "--by YOU"),
	ROW(REASON_RULE_UNUSED, "A rule of the baseline has no effect",
	    "Correct or remove it: ringfence attest baseline show"),
	ROW(REASON_BASELINE_EXPIRED, "The maintenance window of the baseline is over",
	    "Approve what changed in it, or remove the window"),
};

static const char *const severity_names[] = {
	[REASON_INFO] = "info", [REASON_LOW] = "low",		[REASON_MEDIUM] = "medium",
	[REASON_HIGH] = "high", [REASON_CRITICAL] = "critical",
};

static const char *const effect_names[] = {
	[REASON_NOTES] = "note",
	[REASON_WARNS] = "warning",
	[REASON_DISTRUSTS] = "untrusted",
	[REASON_BLINDS] = "cannot judge",
};

static const char *const pcr_titles[ATTEST_PCRS] = {
	"the firmware itself",
	"firmware settings",
	"programs on add-in cards",
	"settings of add-in cards",
	"boot programs (shim, boot loader)",
	"partition table and boot loader settings",
	"maker of the host",
	"Secure Boot: state, keys, signers",
	"boot loader commands and kernel options",
	"files that the boot loader read (kernel, initrd)",
	"programs that ran (IMA)",
	"parts of a unified kernel image, or ESXi",
	"kernel options and add-ons, or ESXi",
	"system extensions, or ESXi modules",
	"machine owner's keys (MOK), or ESXi options",
	"system identity (disks, machine)",
	"for tests, proves nothing",
	"measured launch: details",
	"measured launch: signers",
	"measured launch: hypervisor",
	"measured launch: modules",
	"measured launch: options",
	"measured launch: reserved",
	"for applications, proves nothing",
};

const char *reason_severity_name(enum reason_severity severity)
{
	return (size_t)severity < RF_COUNT(severity_names) ? severity_names[severity] : "info";
}

const char *reason_effect_name(enum reason_effect effect)
{
	return (size_t)effect < RF_COUNT(effect_names) ? effect_names[effect] : "note";
}

const char *reason_pcr_title(uint32_t pcr)
{
	return pcr < ATTEST_PCRS ? pcr_titles[pcr] : "not a register";
}

const struct reason_class *reason_class_of(enum reason_id id)
{
	return (size_t)id < REASON_COUNT ? &classes[id] : NULL;
}

enum reason_id reason_of_name(const char *id)
{
	size_t i = 0;

	while (i < REASON_COUNT && !rf_equal(classes[i].id, id))
		i++;
	return (enum reason_id)i;
}

struct reason *reasons_add(struct reasons *list, enum reason_id id)
{
	if (list->count >= REASONS_MAX || (size_t)id >= REASON_COUNT ||
	    rf_grow((void **)&list->items, &list->room, list->count + 1, sizeof(*list->items))) {
		list->dropped++;
		return NULL;
	}
	struct reason *reason = &list->items[list->count++];

	memset(reason, 0, sizeof(*reason));
	reason->id = id;
	reason->pcr = reason->event = reason->old_event = REASON_NOWHERE;
	return reason;
}

void reasons_clear(struct reasons *list)
{
	list->count = 0;
	list->dropped = 0;
}

void reasons_done(struct reasons *list)
{
	rf_free(list->items);
	memset(list, 0, sizeof(*list));
}

static void add_digest(struct words *w, const char *before, const struct attest_digest *digest)
{
	char name[16];

	words_printf(w, "%s%s ", before, attest_alg_name(digest->alg, name));
	words_add_hex(w, (struct rf_slice){digest->bytes, digest->len}, 8);
}

/* ": was A, is B", or one of them; digests only where there are no words. */
static void add_change(struct words *w, const struct reason *reason)
{
	bool words = reason->was[0] || reason->now[0];
	const char *before = reason->subject[0] ? " " : ": ";

	if (reason->was[0])
		words_printf(w, "%swas %s", before, reason->was);
	if (reason->now[0])
		words_printf(w, "%s%s", reason->was[0] ? ", is " : before, reason->now);
	if (words)
		return;
	if (reason->was_digest.alg)
		add_digest(w, reason->subject[0] ? " was " : ": was ", &reason->was_digest);
	if (reason->now_digest.alg)
		add_digest(w, reason->was_digest.alg ? ", is " : before, &reason->now_digest);
}

/* What follows the deed in the titles of files. */
static const char *file_tail(enum reason_id id)
{
	switch (id) {
	case REASON_IMA_UNKNOWN_FILE:
		return " that was not known before";
	case REASON_IMA_CHANGED_FILE:
		return " whose contents changed";
	case REASON_IMA_BAD_SIGNATURE:
		return " whose signature is wrong or missing";
	default:
		return NULL;
	}
}

static void add_title(struct words *w, const struct reason *reason)
{
	const struct reason_class *row = reason_class_of(reason->id);
	const char *tail = file_tail(reason->id);

	if (tail)
		words_printf(w, "%s%s", reason_file_deed(reason->file), tail);
	else
		words_add(w, row ? row->title : "An unknown reason");
}

const char *reason_title(const struct reason *reason, char *out, size_t size)
{
	struct words w = words_into(out, size);

	add_title(&w, reason);
	return out;
}

const char *reason_next(const struct reason *reason)
{
	const struct reason_class *row = reason_class_of(reason->id);

	return reason->next ? reason->next : row ? row->next : "";
}

const char *reason_words(const struct reason *reason, char *out, size_t size)
{
	struct words w = words_into(out, size);

	add_title(&w, reason);
	size_t title = w.len;

	if (reason->subject[0])
		words_printf(&w, ": %s", reason->subject);
	add_change(&w, reason);
	bool said = w.len > title;

	if (reason->detail[0])
		words_printf(&w, "%s%s", said ? "; " : ": ", reason->detail);
	return out;
}
