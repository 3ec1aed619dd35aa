/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMA's list against PCR 10, and what is in it; see measured.h. Source: the kernel's
 * Documentation/security/IMA-templates.rst; parsing and replay are src/attest's.
 */
#include <errno.h>
#include <string.h>

#include "attest/ima.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/ima_list.h"
#include "collect/kconfig.h"
#include "collect/measured.h"
#include "collect/util.h"

struct summary {
	struct fact_ima_summary row;
	uint64_t entries, violations, with_signature;
	char first_violation[512];
	char how[64];
};

static void gap(struct fact_sink *out, const char *column, const char *path, const char *text)
{
	fact_gap(out, FACT_T_IMA_SUMMARY, "", column, path, "%s", text);
}

/* Goes through all entries. Negative when the list is broken somewhere; what came before counts. */
static int count_entries(struct measured *m, struct ima_list list, struct summary *s,
			 struct rf_err *err)
{
	struct ima_entry entry;
	int rc;

	while ((rc = ima_next(&list, &entry, err)) > 0) {
		s->entries++;
		s->with_signature += entry.signature.len || entry.modsig.len;
		if (entry.index == 0) {
			int fits = ima_boot_aggregate_check(m->hasher, &entry, &m->actual, s->how);

			s->row.boot_aggregate = (struct fact_int){fits >= 0, fits};
		}
		if (!entry.violation)
			continue;
		if (s->violations++ == 0) {
			struct words w = words_into(s->first_violation, sizeof(s->first_violation));

			words_add_utf8(&w, entry.name);
		}
	}
	return rc;
}

/* Does a prefix of the list give PCR 10? The list is younger than the value. */
static void find_value(struct measured *m, const struct ima_list *list, struct summary *s,
		       struct fact_sink *out, const char *path)
{
	const struct ima_target target = {.values = &m->actual};
	struct ima_quoted quoted;
	struct ima_state state;
	struct rf_err err = {0};
	int rc = m->actual.banks_count ? ima_state_init(&state, IMA_PCR, m->actual.algs,
							m->actual.banks_count, &err)
				       : RF_E_MISSING;

	if (rc == 0)
		rc = ima_find_quoted(m->hasher, list, &target, &state, &quoted, &err);
	if (rc == RF_E_MISSING) {
		gap(out, "explains", path,
		    "The value of PCR 10 is not known, so that the list cannot be held against it.");
		gap(out, "weak_banks", path, "The value of PCR 10 is not known.");
		return;
	}
	m->ima_known = true;
	m->ima_explains = rc == 0;
	s->row.explains = FACT_BOOL(rc == 0);
	s->row.weak_banks = FACT_BOOL(rc == 0 && state.padded_banks);
}

static void put_list(struct measured *m, const struct ima_file *file, struct fact_sink *out)
{
	struct summary s = {.row.source = file->path};
	struct rf_err err = {0};
	struct ima_list list;
	int rc = ima_open(file->list, (uint8_t)attest_digest_size(file->alg), &list, &err);

	if (rc == 0)
		rc = count_entries(m, list, &s, &err);
	if (rc < 0)
		fact_gap(out, FACT_T_IMA_SUMMARY, "", "entries", file->path,
			 "The list is broken: %s.", rf_err_text(&err));
	else
		s.row.entries = FACT_INT(s.entries);
	s.row.violations = FACT_INT(s.violations);
	s.row.first_violation = s.first_violation;
	s.row.signed_entries = FACT_INT(s.with_signature);
	find_value(m, &list, &s, out, file->path);
	if (!s.row.boot_aggregate.known)
		gap(out, "boot_aggregate", file->path,
		    "The list begins with no boot aggregate that the known PCR values could be held "
		    "against.");
	fact_put_ima_summary(out, &s.row);
}

void measured_put_ima(struct measured *m, struct fact_sink *out)
{
	IMA_FILE_AUTO struct ima_file file = {0};
	int rc = ima_file_read(m->sys, &file);

	if (rc == 0) {
		put_list(m, &file, out);
		return;
	}
	KCONFIG_AUTO struct kconfig config = {0};

	kconfig_read(m->sys, &config);
	/* With securityfs there, a missing file means that the kernel measures nothing. */
	if (rc != -ENOENT || (!m->has_securityfs && kconfig_get(&config, "CONFIG_IMA") != 'n')) {
		util_gap(out, FACT_T_IMA_SUMMARY, "", file.path, rc == -ENOENT ? -EACCES : rc);
		return;
	}
	fact_put_ima_summary(out, &(struct fact_ima_summary){.entries = FACT_INT(0),
							     .violations = FACT_INT(0),
							     .first_violation = "",
							     .signed_entries = FACT_INT(0),
							     .explains = FACT_BOOL(false),
							     .weak_banks = FACT_BOOL(false),
							     .boot_aggregate = FACT_BOOL(false),
							     .source = file.path});
}
