/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of the probe "tpm", line by line; see tpm_text.h. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/tpm_text.h"

static struct attest_digest *value_at(struct attest_pcr_values *pcrs, uint16_t alg, uint32_t pcr)
{
	size_t b = 0;

	while (b < pcrs->banks_count && pcrs->algs[b] != alg)
		b++;
	if (b == ATTEST_MAX_BANKS)
		return NULL;
	if (b == pcrs->banks_count)
		pcrs->algs[pcrs->banks_count++] = alg;
	pcrs->present[b] |= 1u << pcr;
	return &pcrs->values[b][pcr];
}

/* "0x000b 7 HEX". Banks that we cannot compute are left out. */
static void take_pcr(char *rest, struct attest_pcr_values *pcrs)
{
	uint8_t bytes[ATTEST_MAX_DIGEST];
	const char *alg_text = rf_word_next(&rest), *pcr_text = rf_word_next(&rest);
	const char *hex = rf_word_next(&rest);
	int64_t alg, pcr;
	size_t len = 0;

	if (!hex || rf_num(alg_text, 0, 1, UINT16_MAX, &alg) < 0 ||
	    rf_num(pcr_text, 10, 0, ATTEST_PCRS - 1, &pcr) < 0 ||
	    rf_hex_decode(hex, bytes, sizeof(bytes), &len) < 0 || len == 0 ||
	    len != attest_digest_size((uint16_t)alg))
		return;
	struct attest_digest *to = value_at(pcrs, (uint16_t)alg, (uint32_t)pcr);

	if (!to)
		return;
	*to = (struct attest_digest){.alg = (uint16_t)alg, .len = (uint8_t)len};
	memcpy(to->bytes, bytes, len);
}

static void take_certificate(char *rest, struct tpm_text *out)
{
	int64_t bytes;

	(void)rf_word_next(&rest);
	const char *text = rf_word_next(&rest);

	if (text && rf_num(text, 10, 0, 65536, &bytes) == 0)
		out->ek_certificate_bytes =
			(out->ek_certificate_bytes < 0 ? 0 : out->ek_certificate_bytes) + bytes;
}

void tpm_text_parse(char *text, struct tpm_text *out)
{
	memset(out, 0, sizeof(*out));
	const struct {
		const char *key;
		char *to;
		size_t size;
	} texts[] = {
		{"tcti", out->tcti, sizeof(out->tcti)},
		{"manufacturer", out->manufacturer, sizeof(out->manufacturer)},
		{"vendor", out->vendor, sizeof(out->vendor)},
		{"firmware", out->firmware, sizeof(out->firmware)},
		{"spec", out->spec, sizeof(out->spec)},
	};
	const struct {
		const char *key;
		int64_t *to;
	} numbers[] = {
		{"software", &out->software},
		{"resource_manager", &out->resource_manager},
		{"locked_out", &out->locked_out},
		{"lockout_counter", &out->lockout_counter},
		{"lockout_max", &out->lockout_max},
		{"owner_auth", &out->owner_auth},
		{"endorsement_auth", &out->endorsement_auth},
		{"lockout_auth", &out->lockout_auth},
	};

	for (size_t i = 0; i < RF_COUNT(numbers); i++)
		*numbers[i].to = -1;
	out->ek_certificate_bytes = -1;
	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		char *rest = strchr(line, ' ');

		if (!rest)
			continue;
		*rest++ = '\0';
		for (size_t i = 0; i < RF_COUNT(texts); i++) {
			if (strcmp(texts[i].key, line) == 0)
				rf_copy(texts[i].to, texts[i].size, rest);
		}
		for (size_t i = 0; i < RF_COUNT(numbers); i++) {
			int64_t n;

			if (strcmp(numbers[i].key, line) == 0 &&
			    rf_num(rest, 10, 0, UINT32_MAX, &n) == 0)
				*numbers[i].to = n;
		}
		if (strcmp(line, "pcr") == 0)
			take_pcr(rest, &out->pcrs);
		else if (strcmp(line, "ek_certificate") == 0)
			take_certificate(rest, out);
	}
}
