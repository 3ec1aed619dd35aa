/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container of one host's evidence and its PCR section; see evidence.h. It knows lengths and
 * kinds, not what is in the sections: each has its own parser.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "attest/evidence.h"
#include "base/mem.h"
#include "base/reader.h"

static const char evidence_magic[8] = {'R', 'F', 'E', 'V', 'I', 'D', '1', '\n'};

static const char *const kind_names[] = {
	[EVIDENCE_META] = "meta",
	[EVIDENCE_QUOTE] = "quote",
	[EVIDENCE_SIGNATURE] = "signature",
	[EVIDENCE_AK_PUBLIC] = "attestation key",
	[EVIDENCE_EK_PUBLIC] = "endorsement key",
	[EVIDENCE_EK_CERT] = "endorsement certificate",
	[EVIDENCE_PCRS] = "PCR values",
	[EVIDENCE_BOOT_LOG] = "boot log",
	[EVIDENCE_IMA] = "IMA list",
	[EVIDENCE_USERSPACE] = "userspace log",
	[EVIDENCE_TXT_LOG] = "TXT log",
	[EVIDENCE_QUOTE12] = "TPM 1.2 quote",
	[EVIDENCE_FILES] = "boot files",
	[EVIDENCE_MODULES] = "modules",
	[EVIDENCE_NONCE] = "nonce",
	[EVIDENCE_SHIM] = "shim's variables",
};

const char *evidence_kind_name(uint32_t kind)
{
	return kind < RF_COUNT(kind_names) ? kind_names[kind] : NULL;
}

static int section_put(struct evidence *evidence, uint32_t kind, struct rf_slice bytes,
		       struct rf_err *err)
{
	const char *name = evidence_kind_name(kind);

	if (!name)
		return rf_fail(err, RF_E_UNSUPPORTED, "section kind %" PRIu32 " is not known",
			       kind);
	if (evidence->sections[kind].data && kind != EVIDENCE_EK_CERT)
		return rf_fail(err, RF_E_DUPLICATE, "%s twice", name);
	if (!evidence->sections[kind].data)
		evidence->sections[kind] = bytes;
	if (kind != EVIDENCE_EK_CERT)
		return 0;
	if (evidence->ek_chain_count >= RF_COUNT(evidence->ek_chain))
		return rf_fail(err, RF_E_LIMIT, "more than %zu certificates",
			       RF_COUNT(evidence->ek_chain));
	evidence->ek_chain[evidence->ek_chain_count++] = bytes;
	return 0;
}

bool evidence_is(struct rf_slice in)
{
	return in.len >= sizeof(evidence_magic) &&
	       memcmp(in.data, evidence_magic, sizeof(evidence_magic)) == 0;
}

int evidence_parse(struct rf_slice in, struct evidence *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct evidence evidence = {0};

	if (in.len > EVIDENCE_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "evidence: %zu bytes, %u are allowed", in.len,
			       EVIDENCE_MAX_BYTES);
	struct rf_slice magic = rf_read_bytes(&r, sizeof(evidence_magic));

	if (r.failed || memcmp(magic.data, evidence_magic, sizeof(evidence_magic)) != 0)
		return rf_fail(err, RF_E_SYNTAX, "evidence: does not begin with RFEVID1");
	while (rf_reader_left(&r)) {
		size_t at = r.pos;
		uint32_t kind = rf_read_le32(&r);
		struct rf_slice bytes = rf_read_bytes(&r, rf_read_le32(&r));
		int rc = rf_reader_check(&r, "section", err);

		/* Never NULL, even when empty: NULL says that there is no such section. */
		bytes.data = in.data + r.pos - bytes.len;
		if (rc == 0)
			rc = section_put(&evidence, kind, bytes, err);
		if (rc)
			return rf_wrap(err, rc, "evidence: at byte %zu", at);
	}
	*out = evidence;
	return 0;
}

int evidence_add(struct rf_buf *out, enum evidence_kind kind, struct rf_slice bytes)
{
	uint32_t number = kind;
	uint8_t head[8];

	if (!evidence_kind_name(number))
		return RF_E_UNKNOWN;
	if (bytes.len > EVIDENCE_MAX_BYTES || out->len > EVIDENCE_MAX_BYTES - bytes.len)
		return RF_E_LIMIT;
	for (unsigned int i = 0; i < 4; i++) {
		head[i] = (uint8_t)(number >> (8 * i));
		head[4 + i] = (uint8_t)(bytes.len >> (8 * i));
	}
	if (!out->len)
		rf_buf_add(out, evidence_magic, sizeof(evidence_magic));
	rf_buf_add(out, head, sizeof(head));
	return rf_buf_add(out, bytes.data, bytes.len);
}

/* The bank's index, a new one where need be; negative when there are too many. */
static int bank_of(struct attest_pcr_values *values, uint16_t alg)
{
	for (size_t i = 0; i < values->banks_count; i++) {
		if (values->algs[i] == alg)
			return (int)i;
	}
	if (values->banks_count >= ATTEST_MAX_BANKS)
		return -1;
	values->algs[values->banks_count] = alg;
	return (int)values->banks_count++;
}

static int pcr_put(struct attest_pcr_values *values, uint16_t alg, uint8_t pcr,
		   struct rf_slice bytes, struct rf_err *err)
{
	size_t size = attest_digest_size(alg);
	char name[16];

	attest_alg_name(alg, name);
	if (pcr >= ATTEST_PCRS)
		return rf_fail(err, RF_E_LIMIT, "PCR %u, the last is %d", pcr, ATTEST_PCRS - 1);
	if (!bytes.len || bytes.len > ATTEST_MAX_DIGEST || (size && bytes.len != size))
		return rf_fail(err, RF_E_SYNTAX, "%s PCR %u has %zu bytes", name, pcr, bytes.len);
	int bank = bank_of(values, alg);

	if (bank < 0)
		return rf_fail(err, RF_E_LIMIT, "more than %d banks", ATTEST_MAX_BANKS);
	if (values->present[bank] & (1u << pcr))
		return rf_fail(err, RF_E_DUPLICATE, "%s PCR %u twice", name, pcr);
	values->present[bank] |= 1u << pcr;
	values->values[bank][pcr].alg = alg;
	values->values[bank][pcr].len = (uint8_t)bytes.len;
	memcpy(values->values[bank][pcr].bytes, bytes.data, bytes.len);
	return 0;
}

int evidence_pcrs_parse(struct rf_slice in, struct attest_pcr_values *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct attest_pcr_values values = {0};

	while (rf_reader_left(&r)) {
		uint16_t alg = rf_read_be16(&r);
		uint8_t pcr = rf_read_u8(&r);
		struct rf_slice bytes = rf_read_bytes(&r, rf_read_u8(&r));
		int rc = rf_reader_check(&r, "record", err);

		if (rc == 0)
			rc = pcr_put(&values, alg, pcr, bytes, err);
		if (rc)
			return rf_wrap(err, rc, "PCR values");
	}
	*out = values;
	return 0;
}

int evidence_pcrs_add(struct rf_buf *out, const struct attest_pcr_values *values)
{
	for (size_t i = 0; i < values->banks_count && i < ATTEST_MAX_BANKS; i++) {
		for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr++) {
			const struct attest_digest *value = &values->values[i][pcr];
			const uint8_t head[4] = {(uint8_t)(values->algs[i] >> 8),
						 (uint8_t)values->algs[i], (uint8_t)pcr,
						 value->len};

			if (!(values->present[i] & (1u << pcr)))
				continue;
			rf_buf_add(out, head, sizeof(head));
			rf_buf_add(out, value->bytes, value->len);
		}
	}
	return out->failed ? -ENOMEM : 0;
}

int evidence_variable_next(struct rf_slice in, size_t *at, struct evidence_variable *out)
{
	struct rf_reader r = rf_reader(in);

	rf_read_bytes(&r, *at);
	if (!rf_reader_left(&r))
		return r.failed ? RF_E_TRUNCATED : 0;
	struct evidence_variable variable = {.name = rf_read_bytes(&r, rf_read_u8(&r))};

	variable.contents = rf_read_bytes(&r, rf_read_le32(&r));
	if (r.failed)
		return RF_E_TRUNCATED;
	*at = r.pos;
	*out = variable;
	return 1;
}

int evidence_variable_add(struct rf_buf *out, const char *name, struct rf_slice contents)
{
	size_t len = strlen(name);

	if (len > UINT8_MAX || contents.len > UINT32_MAX)
		return RF_E_LIMIT;
	rf_buf_add_byte(out, (uint8_t)len);
	rf_buf_add(out, name, len);
	for (unsigned int i = 0; i < 4; i++)
		rf_buf_add_byte(out, (uint8_t)(contents.len >> (8 * i)));
	rf_buf_add(out, contents.data, contents.len);
	return out->failed ? -ENOMEM : 0;
}
