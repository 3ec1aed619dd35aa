/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest status: whether this host proves what it booted, for a person who never heard of
 * a PCR. Facts are collected as for check, by four collectors; nothing is judged but in words. The
 * kinds of measured boot are those of the 2010 page on VMkernel protection: PCR 19 after a dynamic
 * launch (TXT), else PCR 8, else none.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "cli/story.h"

#define UNKNOWN (-1)

enum light { GOOD, BAD, MAYBE, UNSEEN };

struct status {
	struct fact_store *store;
	struct rf_map values; /* column to text, all of one row */
};

struct line {
	enum light light;
	char seen[512];
	const char *next; /* NULL: nothing to do */
};

/* The one row that all of it is about. Names are unique among the tables. */
static const char facts_sql[] =
	"SELECT h.is_guest, h.init, h.as_root, t.version, t.manufacturer, t.vendor, "
	"t.firmware, t.software, t.resource_manager, t.locked_out, t.ek_certificate, t.banks, "
	"t.empty_banks, t.measured_boot, t.log_events, "
	"b.tpm_sha256_live, b.uefi, b.secure_boot, b.setup_mode, b.lockdown, "
	"b.module_sig_enforce, b.modules_loadable, b.ima_policy_modules, i.entries, "
	"i.violations, i.explains, a.baseline, a.state, a.changes, "
	"a.pcrs_unexplained, a.unexplained "
	"FROM host h LEFT JOIN tpm t ON t.host = h.host LEFT JOIN boot b ON b.host = h.host "
	"LEFT JOIN ima_summary i ON i.host = h.host LEFT JOIN attest_verdict a ON a.host = h.host";

static int64_t number(const struct status *s, const char *column)
{
	const char *text = rf_map_get(&s->values, column);
	int64_t n;

	return text && rf_num(text, 10, 0, INT64_MAX, &n) == 0 ? n : UNKNOWN;
}

static const char *text(const struct status *s, const char *column)
{
	const char *value = rf_map_get(&s->values, column);

	return value ? value : "";
}

static bool is(const struct status *s, const char *column, const char *word)
{
	return strcmp(text(s, column), word) == 0;
}

/* Why a column could not be had; its own words where the collector left none. */
static void unseen(const struct status *s, const char *column, struct line *out)
{
	sqlite3_stmt *stmt = NULL;

	out->light = UNSEEN;
	out->next = "run it as root";
	rf_copy(out->seen, sizeof(out->seen), "could not be seen");
	if (sqlite3_prepare_v2(
		    fact_store_db(s->store),
		    "SELECT reason FROM fact_gap g WHERE col IN (?1, '') AND EXISTS (SELECT 1 "
		    "FROM pragma_table_info(g.tbl) WHERE name = ?1) AND tbl IN ('tpm', 'boot', "
		    "'ima_summary', 'attest_verdict') ORDER BY col DESC",
		    -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 1, column, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW) {
		rf_copy(out->seen, sizeof(out->seen), (const char *)sqlite3_column_text(stmt, 0));
		out->next = number(s, "as_root") == 0 ? "run it as root" : NULL;
	}
	sqlite3_finalize(stmt);
}

static void say(struct line *out, enum light light, const char *seen, const char *next)
{
	out->light = light;
	rf_copy(out->seen, sizeof(out->seen), seen);
	out->next = next;
}

/* Letters of the TCG's list of makers; others are shown as they are. */
static const char *maker(const char *letters)
{
	static const char *const names[][2] = {
		{"IFX", "Infineon"},
		{"STM", "STMicroelectronics"},
		{"NTC", "Nuvoton"},
		{"INTC", "Intel"},
		{"AMD", "AMD"},
		{"MSFT", "Microsoft"},
		{"NSM", "National"},
		{"ATML", "Atmel"},
		{"IBM", "software (libtpms)"},
	};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(names[i][0], letters) == 0)
			return names[i][1];
	}
	return letters;
}

static void check_tpm(const struct status *s, struct line *out)
{
	int64_t version = number(s, "version");

	if (version == UNKNOWN) {
		unseen(s, "version", out);
	} else if (version == 0 && number(s, "is_guest") == 1) {
		say(out, BAD,
		    "this machine has none; it is a VM, so its hypervisor can give it one",
		    "shut the VM down, add to its definition (virsh edit) below <devices>: <tpm "
		    "model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>, start it again. "
		    "To try the commands without: swtpm socket --tpm2 --tpmstate dir=/tmp/tpm --server "
		    "type=tcp,port=2321 --ctrl type=tcp,port=2322 --flags not-need-init,startup-clear, "
		    "then ringfence attest evidence --tcti swtpm:port=2321 -o try.rfe");
	} else if (version == 0) {
		say(out, BAD,
		    "the system sees none: it is missing, or switched off in the firmware",
		    "in the firmware set-up (F2, F10 or Del while starting) look under Security or "
		    "Trusted Computing for 'TPM', 'TPM Security', 'Security Device Support', Intel 'PTT' "
		    "or AMD 'fTPM', switch it on, choose version 2.0 and SHA-256; where there is no such "
		    "setting, plug in the board maker's TPM 2.0 module");
	} else if (version == 1) {
		say(out, MAYBE, "TPM 1.2: it knows SHA-1 only, which can be forged",
		    "look in the firmware set-up for a switch from TPM 1.2 to 2.0, or plug in a 2.0 "
		    "module");
	} else {
		out->light = GOOD;
		rf_format(out->seen, sizeof(out->seen), "TPM 2.0%s%s %s%s%s",
			  text(s, "manufacturer")[0] ? ", " : "", maker(text(s, "manufacturer")),
			  text(s, "vendor"), text(s, "firmware")[0] ? ", firmware " : "",
			  text(s, "firmware"));
	}
}

static void check_chip(const struct status *s, struct line *out)
{
	if (number(s, "software") == UNKNOWN)
		unseen(s, "software", out);
	else if (number(s, "software") == 0)
		say(out, number(s, "ek_certificate") == 0 ? MAYBE : GOOD,
		    number(s, "ek_certificate") == 0
			    ? "its maker left no certificate in it: nobody vouches for the chip"
			    : "its maker vouches for it with a certificate",
		    number(s, "ek_certificate") == 0
			    ? "ask the maker for the certificate, or write this TPM's key down where you "
			      "can see the machine (ringfence attest baseline create)"
			    : NULL);
	else if (number(s, "is_guest") == 1)
		say(out, GOOD, "software, given to this VM by its hypervisor: as good as that one",
		    NULL);
	else
		say(out, BAD, "it is a program, not a chip: its keys lie in a file",
		    "use it for trying only; switch the real TPM on in the firmware set-up");
}

static void check_bank(const struct status *s, struct line *out)
{
	if (text(s, "empty_banks")[0]) {
		out->light = MAYBE;
		rf_format(out->seen, sizeof(out->seen),
			  "the firmware leaves a set of registers empty (%s); anyone may fill it",
			  text(s, "empty_banks"));
		out->next =
			"update the firmware, or switch that set off in the firmware set-up (or "
			"tpm2_pcrallocate), then power the host off and on";
	} else if (number(s, "tpm_sha256_live") == UNKNOWN) {
		unseen(s, "tpm_sha256_live", out);
	} else if (number(s, "tpm_sha256_live") == 1) {
		say(out, GOOD, "measurements are kept in SHA-256", NULL);
	} else {
		say(out, BAD, "measurements are not kept in SHA-256, and SHA-1 can be forged",
		    "switch the SHA-256 bank on in the firmware set-up, or run tpm2_pcrallocate "
		    "sha256:all; then power the host off and on");
	}
}

static void check_mode(const struct status *s, struct line *out)
{
	if (is(s, "measured_boot", "dynamic"))
		say(out, GOOD,
		    "from the firmware on, and once more by the processor (TXT: a dynamic launch, shown "
		    "in register 19)",
		    NULL);
	else if (is(s, "measured_boot", "static"))
		say(out, GOOD,
		    "from the power button to the kernel (a static root of trust, shown in register 8); "
		    "TXT is not used, and is not needed for it",
		    NULL);
	else if (is(s, "measured_boot", "firmware"))
		say(out, MAYBE,
		    "the firmware is, but the boot loader measures nothing: another kernel or command "
		    "line would not be noticed",
		    "boot by UEFI with GRUB and its tpm module (the signed GRUB of Debian, Ubuntu and "
		    "Red Hat has it), or with systemd-boot and a unified kernel image");
	else if (is(s, "measured_boot", "none"))
		say(out, BAD, "nothing is measured: the registers are empty",
		    "switch on UEFI (not legacy or CSM) and measuring, called 'TPM measurement', "
		    "'Measured Boot' or 'PCR', in the firmware set-up");
	else
		unseen(s, "measured_boot", out);
}

static void check_log(const struct status *s, struct line *out)
{
	if (number(s, "log_events") == 0 && number(s, "uefi") == 0)
		say(out, BAD, "none: this host was started by BIOS, which leaves none",
		    "install the host to start by UEFI (in a VM: <os firmware='efi'>), and switch CSM "
		    "(legacy) off in the firmware set-up");
	else if (number(s, "log_events") == 0)
		say(out, BAD, "none reached the system: the measurements cannot be explained",
		    "use a distribution's kernel, started by its signed GRUB (linux, not linux16) or by "
		    "systemd-boot: both go through the kernel's EFI stub, which hands the log on; if it "
		    "is so already, update the firmware");
	else if (number(s, "pcrs_unexplained") == UNKNOWN)
		unseen(s, "pcrs_unexplained", out);
	else if (number(s, "pcrs_unexplained") == 0)
		say(out, GOOD, "it is there, and explains every measurement", NULL);
	else {
		out->light = BAD;
		rf_format(out->seen, sizeof(out->seen),
			  "it does not explain all measurements (PCR %s)", text(s, "unexplained"));
		out->next =
			"run ringfence attest explain --live; it says which part of the boot it is";
	}
}

static void check_secure_boot(const struct status *s, struct line *out)
{
	if (number(s, "uefi") == 0)
		say(out, BAD, "off: this host does not boot by UEFI, so nothing checks signatures",
		    "install it to boot by UEFI (in a VM: <os firmware='efi'>), then switch Secure Boot "
		    "on");
	else if (number(s, "secure_boot") == UNKNOWN)
		unseen(s, "secure_boot", out);
	else if (number(s, "secure_boot") == 0)
		say(out, BAD, "off: any boot loader and kernel is started",
		    "switch Secure Boot on in the firmware set-up (Boot or Security); look first whether "
		    "own modules (ZFS, NVIDIA) are signed: mokutil --list-enrolled");
	else if (number(s, "setup_mode") == 1)
		say(out, BAD, "on, but in set-up mode: anyone may add keys",
		    "enrol the platform key in the firmware set-up ('restore factory keys')");
	else
		say(out, GOOD, "on: only signed boot loaders and kernels start", NULL);
}

static void check_lockdown(const struct status *s, struct line *out)
{
	if (is(s, "lockdown", "integrity") || is(s, "lockdown", "confidentiality"))
		say(out, GOOD, "on: not even root can change the running kernel", NULL);
	else if (is(s, "lockdown", ""))
		unseen(s, "lockdown", out);
	else
		say(out, BAD,
		    is(s, "lockdown", "absent") ? "this kernel does not have it"
						: "off: root can change the running kernel",
		    is(s, "lockdown", "absent")
			    ? "use a distribution's kernel (CONFIG_SECURITY_LOCKDOWN_LSM)"
			    : "add lockdown=integrity to GRUB_CMDLINE_LINUX in /etc/default/grub, run "
			      "update-grub (Red Hat: grub2-mkconfig) and restart");
}

static void check_modules(const struct status *s, struct line *out)
{
	if (number(s, "modules_loadable") == 0)
		say(out, GOOD, "the kernel loads no modules at all", NULL);
	else if (number(s, "module_sig_enforce") == 1)
		say(out, GOOD, "only signed ones are loaded; `ringfence modules` lists them", NULL);
	else if (number(s, "module_sig_enforce") == UNKNOWN)
		unseen(s, "module_sig_enforce", out);
	else
		say(out, BAD, "unsigned ones are loaded too; `ringfence modules` lists them",
		    "sign your own modules first, then add module.sig_enforce=1 to GRUB_CMDLINE_LINUX in "
		    "/etc/default/grub, run update-grub (Red Hat: grub2-mkconfig) and restart");
}

static void check_ima(const struct status *s, struct line *out)
{
	int64_t entries = number(s, "entries");

	if (entries == UNKNOWN) {
		unseen(s, "entries", out);
	} else if (entries < 2) {
		say(out, MAYBE, "off: what runs after the boot is not recorded",
		    "add ima_policy=tcb to GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub "
		    "(Red Hat: grub2-mkconfig) and restart; it costs some memory on busy hosts");
	} else if (number(s, "explains") == 0) {
		say(out, BAD, "its list is not the one that the TPM knows: it was changed",
		    "make evidence now (ringfence attest evidence) and treat this host as broken into");
	} else {
		out->light = number(s, "violations") > 0 || number(s, "ima_policy_modules") == 0
				     ? MAYBE
				     : GOOD;
		rf_format(out->seen, sizeof(out->seen), "on: %lld programs and files recorded%s%s",
			  (long long)entries,
			  number(s, "explains") == 1 ? ", as the TPM confirms" : "",
			  number(s, "violations") > 0 ? "; some while being written"
			  : number(s, "ima_policy_modules") == 0
				  ? "; modules and programs are left out"
				  : "");
		out->next = number(s, "violations") > 0
				    ? "ringfence query 'SELECT * FROM ima_summary' names the first"
			    : number(s, "ima_policy_modules") == 0
				    ? "load a policy with 'measure func=MODULE_CHECK' and 'measure "
				      "func=BPRM_CHECK', or boot with ima_policy=tcb"
				    : NULL;
	}
}

/* A boot that was compared with an approved one. */
static void check_approved(const struct status *s, struct line *out)
{
	int64_t changes = number(s, "changes");

	if (changes == UNKNOWN)
		unseen(s, "changes", out);
	else if (changes > 0)
		say(out, BAD, "this boot is not the one that was approved",
		    "ringfence attest explain --live says what changed");
	else if (is(s, "state", "trusted") || is(s, "state", "warning"))
		say(out, GOOD, "this boot is as somebody approved it", NULL);
	else
		say(out, is(s, "state", "untrusted") ? BAD : UNSEEN,
		    is(s, "state", "untrusted")
			    ? "what was measured is as approved, and yet not to be trusted"
			    : "it could not be judged whether this boot is the approved one",
		    "ringfence attest explain --live says why");
}

static void check_baseline(const struct status *s, struct line *out)
{
	if (!text(s, "baseline")[0])
		unseen(s, "baseline", out);
	else if (is(s, "baseline", "approved"))
		check_approved(s, out);
	else if (is(s, "baseline", "unapproved"))
		say(out, BAD, "there is one, but nobody approved it",
		    "read it, then: ringfence attest baseline approve (--help says how)");
	else
		say(out, BAD, "nobody said yet what this host may boot",
		    "when you trust how it is now: ringfence attest evidence -o first.rfe, then "
		    "ringfence attest baseline create first.rfe (--help says the rest)");
}

/* The questions, in the order in which a person would mend them. */
static const struct question {
	const char *key, *name;
	bool needs_tpm;
	void (*check)(const struct status *s, struct line *out);
} questions[] = {
	{"tpm", "security chip (TPM)", false, check_tpm},
	{"chip", "who vouches for it", true, check_chip},
	{"sha256", "strength of measurements", true, check_bank},
	{"measured_boot", "what is measured", true, check_mode},
	{"boot_log", "log of the boot", true, check_log},
	{"secure_boot", "Secure Boot", false, check_secure_boot},
	{"lockdown", "kernel lockdown", false, check_lockdown},
	{"modules", "kernel modules", false, check_modules},
	{"ima", "record of programs (IMA)", false, check_ima},
	{"baseline", "approved state", true, check_baseline},
};

/* The first sentence: does this host prove anything? */
static const char *conclusion(const struct status *s)
{
	if (number(s, "version") == UNKNOWN)
		return "Whether this host has a TPM could not be seen.";
	if (number(s, "version") == 0)
		return "This host cannot prove what it booted: it has no TPM.";
	if (is(s, "measured_boot", "dynamic"))
		return "This host measures its boot into a TPM, twice: from the firmware on, and by a "
		       "dynamic launch of the processor (TXT).";
	if (is(s, "measured_boot", "static"))
		return "This host measures its boot into a TPM, from the firmware to the kernel.";
	if (is(s, "measured_boot", "firmware"))
		return "This host has a TPM, but only its firmware measures into it: kernel and boot "
		       "loader are not covered.";
	if (is(s, "measured_boot", "none"))
		return "This host has a TPM that is not used: nothing is measured into it.";
	return "This host has a TPM; what is measured into it could not be seen.";
}

static int read_values(struct status *s, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = fact_store_db(s->store);
	int rc = 0;

	if (sqlite3_prepare_v2(db, facts_sql, -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	if (sqlite3_step(stmt) != SQLITE_ROW) {
		rc = common_collected(s->store, NULL, err);
		rc = rc < 0 ? rf_wrap(err, rc, "nothing could be seen of this host")
			    : rf_fail(err, RF_E_MISSING, "nothing could be seen of this host");
	}
	for (int i = 0; rc == 0 && i < sqlite3_column_count(stmt); i++) {
		const char *value = (const char *)sqlite3_column_text(stmt, i);
		char *copy = rf_strdup(value);

		if (value &&
		    (!copy || rf_map_set(&s->values, sqlite3_column_name(stmt, i), copy) < 0)) {
			rf_free(copy);
			rc = -ENOMEM;
		}
	}
	sqlite3_finalize(stmt);
	return rc;
}

static void print_line(const struct question *q, const struct line *line, bool color)
{
	static const char *const marks[] = {"✔", "✖", "▲", "?"};
	static const char *const colors[] = {"\033[32m", "\033[31m", "\033[33m", "\033[36m"};
	char head[96];

	rf_format(head, sizeof(head), "  %s%s%s %-26s ", color ? colors[line->light] : "",
		  marks[line->light], color ? "\033[0m" : "", q->name);
	story_print_wrapped(stdout, head, 31, line->seen);
	if (line->next)
		story_print_wrapped(stdout, "    next: ", 10, line->next);
}

static int print_json(const struct status *s, struct rf_err *err)
{
	static const char *const words[] = {"good", "bad", "partly", "unknown"};
	json_t *parts = json_array();

	for (size_t i = 0; i < RF_COUNT(questions); i++) {
		struct line line = {.light = UNSEEN};

		if (questions[i].needs_tpm && number(s, "version") == 0)
			continue;
		questions[i].check(s, &line);
		json_array_append_new(
			parts, json_pack("{s:s, s:s, s:s, s:s, s:s}", "part", questions[i].key,
					 "name", questions[i].name, "state", words[line.light],
					 "seen", line.seen, "next", line.next ? line.next : ""));
	}
	json_t *all = json_pack("{s:s, s:o}", "conclusion", conclusion(s), "parts", parts);
	int rc = all ? json_dumpf(all, stdout, JSON_INDENT(1)) : -1;

	json_decref(all);
	puts("");
	return rc < 0 ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

static void print_text(const struct status *s, bool color)
{
	size_t good = 0, asked = 0;

	story_print_wrapped(stdout, "", 0, conclusion(s));
	puts("");
	for (size_t i = 0; i < RF_COUNT(questions); i++) {
		struct line line = {.light = UNSEEN};

		if (questions[i].needs_tpm && number(s, "version") == 0)
			continue;
		questions[i].check(s, &line);
		print_line(&questions[i], &line, color);
		good += line.light == GOOD;
		asked++;
	}
	printf("\n%zu of %zu as it should be.", good, asked);
	puts(number(s, "version") == 0
		     ? " What needs a TPM was not asked."
		     : " Each register in words: ringfence attest explain --live");
}

int cmd_attest_status(const struct cli_args *args, struct rf_err *err)
{
	static const char *const names[] = {"host", "boot", "tpm", "attest", NULL};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	enum rows_format format;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (rc == 0 && format == ROWS_CSV)
		rc = rf_fail(err, RF_E_USAGE, "a status is printed as table or json");
	if (rc == 0)
		rc = common_some_facts(args, names, &store, err);
	if (rc == 0)
		rc = common_lock_in(args, err);
	if (rc < 0)
		return rc;
	struct status s = {.store = store};

	rc = read_values(&s, err);
	if (rc == 0 && format == ROWS_JSON)
		rc = print_json(&s, err);
	else if (rc == 0)
		print_text(&s, rows_color(cli_value(args, OPT_COLOR)));
	for (size_t i = 0; i < s.values.capacity; i++)
		rf_free(s.values.slots[i].key ? s.values.slots[i].value : NULL);
	rf_map_done(&s.values);
	return rc;
}
