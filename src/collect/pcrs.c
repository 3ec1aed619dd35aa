/* SPDX-License-Identifier: Apache-2.0 */
/* PCR values from sysfs; see pcrs.h. Source: Documentation/ABI/stable/sysfs-class-tpm. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "attest/ima.h"
#include "base/str.h"
#include "collect/pcrs.h"
#include "collect/util.h"

#define TPM	  "/sys/class/tpm/tpm0"
#define IMA_TRIES 32

bool pcr_text_untouched(const char *text)
{
	size_t n = strlen(text);

	return n == 0 || strspn(text, "0") == n || strspn(text, "f") == n;
}

unsigned int pcr_bank_measured(const struct pcr_bank *bank)
{
	unsigned int count = 0;

	for (size_t i = 0; i < 8; i++)
		count += !pcr_text_untouched(bank->text[i]);
	return count;
}

static void read_bank(struct sys *sys, struct fact_sink *gaps, struct pcr_bank *bank)
{
	char path[256], key[64];

	for (unsigned int i = 0; i < ATTEST_PCRS; i++) {
		rf_format(path, sizeof(path), TPM "/pcr-%s/%u", bank->name, i);
		int rc = sys_read_line(sys, path, bank->text[i], sizeof(bank->text[i]));

		if (rc == 0) {
			rf_lower(bank->text[i]);
			bank->there |= 1u << i;
			continue;
		}
		bank->text[i][0] = '\0';
		rf_format(key, sizeof(key), "%s/%u", bank->name, i);
		if (rc != -ENOENT && gaps)
			util_gap(gaps, FACT_T_PCR, key, path, rc);
	}
}

/* The bank's value of IMA's register now. True: it is what was read before. */
static bool ima_same(struct sys *sys, struct pcr_bank *bank)
{
	char path[256], now[sizeof(bank->text[0])];

	rf_format(path, sizeof(path), TPM "/pcr-%s/%u", bank->name, IMA_PCR);
	if (!(bank->there >> IMA_PCR & 1) || sys_read_line(sys, path, now, sizeof(now)) < 0)
		return true;
	rf_lower(now);
	bool same = strcmp(now, bank->text[IMA_PCR]) == 0;

	rf_copy(bank->text[IMA_PCR], sizeof(bank->text[0]), now);
	return same;
}

/* Banks are read one after another, and IMA goes on meanwhile: its register is read again until all
 * banks are of one moment, for no list explains values of two. */
static void ima_settle(struct sys *sys, struct pcr_banks *banks)
{
	bool same = banks->count < 2;

	for (unsigned int tries = 0; !same && tries < IMA_TRIES; tries++) {
		same = true;
		for (size_t i = 0; i < banks->count; i++)
			same &= ima_same(sys, &banks->banks[i]);
	}
}

/* A TPM 1.2 has one file of lines "PCR-00: 3A 3F ...". */
static void read_12(struct sys *sys, struct pcr_banks *out)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct pcr_bank *bank = &out->banks[0];

	if (sys_read(sys, TPM "/device/pcrs", RF_MAX_PROC_BYTES, &buf, NULL) < 0 || !buf.len)
		return;
	rf_copy(bank->name, sizeof(bank->name), "sha1");
	bank->alg = ATTEST_SHA1;
	out->count = 1;
	out->source = TPM "/device/pcrs";
	for (char *cursor = (char *)buf.data, *line; (line = rf_line_next(&cursor));) {
		char *colon = strchr(line, ':');
		size_t n = 0;
		int64_t pcr;

		if (!colon || !rf_starts(line, "PCR-"))
			continue;
		*colon = '\0';
		if (rf_num(line + 4, 10, 0, ATTEST_PCRS - 1, &pcr) < 0)
			continue;
		for (const char *p = colon + 1; *p && n < 40; p++) {
			if (*p != ' ')
				bank->text[pcr][n++] = *p;
		}
		bank->text[pcr][n] = '\0';
		rf_lower(bank->text[pcr]);
		bank->there |= 1u << pcr;
	}
}

void pcr_banks_read(struct sys *sys, struct fact_sink *gaps, struct pcr_banks *out)
{
	SYS_AUTONAMES struct sys_names names = {0};

	memset(out, 0, sizeof(*out));
	out->source = TPM;
	if (sys_list(sys, TPM, &names, NULL) < 0)
		names.count = 0;
	for (size_t i = 0; i < names.count && out->count < ATTEST_MAX_BANKS; i++) {
		struct pcr_bank *bank = &out->banks[out->count];

		if (!rf_starts(names.names[i], "pcr-") ||
		    !rf_copy(bank->name, sizeof(bank->name), names.names[i] + strlen("pcr-")))
			continue;
		bank->alg = attest_alg_of_name(bank->name);
		read_bank(sys, gaps, bank);
		out->count++;
	}
	ima_settle(sys, out);
	if (out->count == 0)
		read_12(sys, out);
}

void pcr_banks_of_values(const struct attest_pcr_values *values, const char *source,
			 struct pcr_banks *out)
{
	memset(out, 0, sizeof(*out));
	out->source = source;
	for (size_t b = 0; b < values->banks_count; b++) {
		struct pcr_bank *bank = &out->banks[out->count++];

		attest_alg_name(values->algs[b], bank->name);
		bank->alg = values->algs[b];
		bank->there = values->present[b];
		for (size_t i = 0; i < ATTEST_PCRS; i++) {
			RF_AUTOBUF struct rf_buf hex = {0};

			if (!(bank->there >> i & 1))
				continue;
			rf_buf_add_hex(&hex, values->values[b][i].bytes, values->values[b][i].len);
			rf_copy(bank->text[i], sizeof(bank->text[i]), rf_buf_text(&hex));
		}
	}
}

void pcr_banks_values(const struct pcr_banks *banks, struct attest_pcr_values *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t b = 0; b < banks->count; b++) {
		const struct pcr_bank *bank = &banks->banks[b];
		size_t to = out->banks_count, size = attest_digest_size(bank->alg);

		if (!bank->alg || !size)
			continue;
		out->algs[to] = bank->alg;
		for (size_t i = 0; i < ATTEST_PCRS; i++) {
			struct attest_digest *d = &out->values[to][i];
			size_t len = 0;

			if (!(bank->there >> i & 1) ||
			    rf_hex_decode(bank->text[i], d->bytes, sizeof(d->bytes), &len) < 0 ||
			    len != size)
				continue;
			d->alg = bank->alg;
			d->len = (uint8_t)len;
			out->present[to] |= 1u << i;
		}
		out->banks_count++;
	}
}
