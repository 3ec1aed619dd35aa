/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks IMA measurement lists and replays them, see ima.h. Which prefix a quote proves is in
 * ima_quoted.c. Source: kernel security/integrity/ima/ima_fs.c (the record), ima_crypto.c (what is
 * hashed, the boot aggregate), ima_queue.c (what is extended).
 */
#include <string.h>

#include "attest/ima_match.h"
#include "attest/ima_template.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"

#define OLD_NAME_MAX	  255
#define TEMPLATE_NAME_MAX 255

static uint32_t read_u32(struct rf_reader *r, bool big_endian)
{
	return big_endian ? rf_read_be32(r) : rf_read_le32(r);
}

/* Does the first entry make sense when read that way? */
static bool order_fits(const struct ima_list *list, bool big_endian)
{
	struct rf_reader r = rf_reader(list->bytes);
	uint32_t pcr = read_u32(&r, big_endian);

	rf_read_bytes(&r, list->template_digest_len);
	uint32_t name = read_u32(&r, big_endian);

	return !r.failed && pcr < ATTEST_PCRS && name > 0 && name <= TEMPLATE_NAME_MAX;
}

int ima_open(struct rf_slice in, uint8_t template_digest_len, struct ima_list *out,
	     struct rf_err *err)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};
	struct ima_list list = {.bytes = in, .template_digest_len = template_digest_len};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		if (attest_digest_size(algs[i]) == template_digest_len)
			list.template_alg = algs[i];
	}
	if (!list.template_alg)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "IMA list: no hash is known whose digests have %u bytes",
			       template_digest_len);
	if (in.len > IMA_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "IMA list: %zu bytes, %u are allowed", in.len,
			       IMA_MAX_BYTES);
	/* The host's own order: little endian but on s390x and big-endian POWER. */
	list.big_endian = !order_fits(&list, false) && order_fits(&list, true);
	*out = list;
	return 0;
}

/* digest[20], length, name: the one template without a length of its own. */
static int read_old(struct rf_reader *r, struct ima_entry *entry, bool big_endian,
		    struct rf_err *err)
{
	size_t start = r->pos;
	struct rf_slice digest = rf_read_bytes(r, 20);
	uint32_t len = read_u32(r, big_endian);

	if (!r->failed && len > OLD_NAME_MAX)
		return rf_fail(err, RF_E_SYNTAX, "name length %u, at most %d are allowed", len,
			       OLD_NAME_MAX);
	entry->name = rf_read_bytes(r, len);
	if (r->failed)
		return rf_reader_check(r, "template data", err);
	entry->template_data = (struct rf_slice){r->data + start, r->pos - start};
	if (entry->violation)
		return 0;
	entry->file_digest = digest;
	entry->file.alg = ATTEST_SHA1;
	entry->file.len = 20;
	memcpy(entry->file.bytes, digest.data, 20);
	return 0;
}

static bool all_zero(struct rf_slice s)
{
	uint8_t bits = 0;

	for (size_t i = 0; i < s.len; i++)
		bits |= s.data[i];
	return bits == 0;
}

static int read_entry(struct rf_reader *r, const struct ima_list *list, struct ima_entry *entry,
		      struct rf_err *err)
{
	entry->pcr = read_u32(r, list->big_endian);
	entry->template_digest = rf_read_bytes(r, list->template_digest_len);
	uint32_t name_len = read_u32(r, list->big_endian);

	if (r->failed)
		return rf_reader_check(r, "head", err);
	if (entry->pcr >= ATTEST_PCRS)
		return rf_fail(err, RF_E_SYNTAX, "PCR %u: there are %d", entry->pcr, ATTEST_PCRS);
	if (name_len == 0 || name_len > TEMPLATE_NAME_MAX)
		return rf_fail(err, RF_E_SYNTAX, "template name length %u, 1 to %d are allowed",
			       name_len, TEMPLATE_NAME_MAX);
	entry->template_name = rf_read_bytes(r, name_len);
	if (r->failed)
		return rf_reader_check(r, "template name", err);
	entry->template = ima_template_of_name(entry->template_name);
	entry->template_alg = list->template_alg;
	entry->violation = all_zero(entry->template_digest);
	if (entry->template == IMA_OLD)
		return read_old(r, entry, list->big_endian, err);
	uint32_t len = read_u32(r, list->big_endian);

	entry->template_data = rf_read_bytes(r, len);
	if (r->failed)
		return rf_reader_check(r, "template data", err);
	return ima_template_read(entry, list->big_endian, err);
}

int ima_next(struct ima_list *list, struct ima_entry *out, struct rf_err *err)
{
	if (list->at >= list->bytes.len)
		return 0;
	if (list->count >= IMA_MAX_ENTRIES)
		return rf_fail(err, RF_E_LIMIT, "IMA list: more than %u entries", IMA_MAX_ENTRIES);
	struct ima_entry entry = {.index = list->count, .offset = list->at};
	struct rf_reader r = rf_reader(list->bytes);

	r.pos = list->at;
	int rc = read_entry(&r, list, &entry, err);

	if (rc)
		return rf_wrap(err, rc, "IMA entry %u at byte %zu", list->count, list->at);
	list->at = r.pos;
	list->count++;
	*out = entry;
	return 1;
}

int ima_state_init(struct ima_state *state, uint32_t pcr, const uint16_t *algs, size_t count,
		   struct rf_err *err)
{
	struct ima_state fresh = {.pcr = pcr, .banks_count = count};
	char name[16];

	if (count == 0 || count > ATTEST_MAX_BANKS || pcr >= ATTEST_PCRS)
		return rf_fail(err, RF_E_LIMIT, "IMA replay: %zu banks of PCR %u", count, pcr);
	for (size_t i = 0; i < count; i++) {
		if (attest_digest_size(algs[i]) == 0)
			return rf_fail(err, RF_E_UNSUPPORTED, "IMA replay: %s cannot be computed",
				       attest_alg_name(algs[i], name));
		fresh.algs[i] = algs[i];
	}
	*state = fresh;
	return 0;
}

/* H(template data). The old template hashes its name padded to 256 bytes, without the length. */
static int hash_template(struct attest_hasher *hasher, uint16_t alg, const struct ima_entry *entry,
			 uint8_t *out)
{
	uint8_t name[OLD_NAME_MAX + 1] = {0};

	if (entry->template != IMA_OLD)
		return attest_hash(hasher, alg, entry->template_data, (struct rf_slice){0}, out);
	memcpy(name, entry->name.data, entry->name.len);
	return attest_hash(hasher, alg, (struct rf_slice){entry->template_data.data, 20},
			   (struct rf_slice){name, sizeof(name)}, out);
}

int ima_bank_digest(struct attest_hasher *hasher, const struct ima_entry *entry,
		    const struct ima_state *state, size_t i, uint8_t out[ATTEST_MAX_DIGEST])
{
	uint16_t alg = state->algs[i];
	bool padded = state->padded_banks & 1u << i && alg != ATTEST_SHA1;

	memset(out, 0, ATTEST_MAX_DIGEST);
	if (entry->violation)
		memset(out, 0xff, padded ? 20 : attest_digest_size(alg));
	else if ((padded ? ATTEST_SHA1 : alg) != entry->template_alg)
		return hash_template(hasher, padded ? ATTEST_SHA1 : alg, entry, out);
	else
		memcpy(out, entry->template_digest.data, entry->template_digest.len);
	return 0;
}

int ima_extend(struct attest_hasher *hasher, const struct ima_entry *entry, struct ima_state *state,
	       struct rf_err *err)
{
	uint8_t digest[ATTEST_MAX_DIGEST], values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];
	bool ours = entry->pcr == state->pcr;
	int rc = 0;

	if (!entry->violation)
		rc = hash_template(hasher, entry->template_alg, entry, digest);
	if (rc)
		return rf_fail(err, rc, "IMA entry %u: its digest cannot be computed",
			       entry->index);
	if (!entry->violation &&
	    memcmp(digest, entry->template_digest.data, entry->template_digest.len) != 0)
		return rf_fail(err, RF_E_MISMATCH,
			       "IMA entry %u at byte %zu (%.*s): what it says does not have the "
			       "digest it claims: the entry was changed",
			       entry->index, entry->offset,
			       entry->name.len < 200 ? (int)entry->name.len : 200,
			       entry->name.len ? (const char *)entry->name.data : "");
	for (size_t i = 0; ours && i < state->banks_count; i++) {
		size_t size = attest_digest_size(state->algs[i]);

		memcpy(values[i], state->values[i], size);
		rc = ima_bank_digest(hasher, entry, state, i, digest);
		if (rc == 0)
			rc = attest_extend(hasher, state->algs[i], values[i],
					   (struct rf_slice){digest, size});
		if (rc)
			return rf_fail(err, rc, "IMA entry %u: PCR %u cannot be extended",
				       entry->index, state->pcr);
	}
	for (size_t i = 0; ours && i < state->banks_count; i++)
		memcpy(state->values[i], values[i], attest_digest_size(state->algs[i]));
	state->entries++;
	return 0;
}

/* Is the digest H(PCR 0 to last) of that bank? 1, 0, or RF_E_MISSING. */
static int aggregate_is(struct attest_hasher *hasher, const struct attest_digest *want,
			const struct attest_pcr_values *pcrs, size_t bank, size_t last)
{
	uint8_t message[10 * ATTEST_MAX_DIGEST], got[ATTEST_MAX_DIGEST];
	size_t size = attest_digest_size(pcrs->algs[bank]);

	for (size_t pcr = 0; pcr <= last; pcr++) {
		const struct attest_digest *value = &pcrs->values[bank][pcr];

		if (!(pcrs->present[bank] & 1u << pcr) || size == 0 || value->len != size)
			return RF_E_MISSING;
		memcpy(message + pcr * size, value->bytes, size);
	}
	int rc = attest_hash(hasher, want->alg, (struct rf_slice){message, (last + 1) * size},
			     (struct rf_slice){0}, got);

	return rc < 0 ? rc : memcmp(got, want->bytes, want->len) == 0;
}

int ima_boot_aggregate_check(struct attest_hasher *hasher, const struct ima_entry *entry,
			     const struct attest_pcr_values *pcrs, char out_how[64])
{
	/* PCR 8 and 9 since 5.8, but never in SHA-1; before it only 0 to 7. */
	static const size_t lasts[] = {9, 7};
	bool tried = false;
	char hash[16], of[16];

	out_how[0] = '\0';
	if (!rf_slice_equal(entry->name, rf_slice_text("boot_aggregate")) || entry->violation)
		return RF_E_USAGE;
	if (entry->file_digest.len && all_zero(entry->file_digest)) {
		rf_copy(out_how, 64, "zeros: IMA started before there was a TPM");
		return 0;
	}
	if (attest_digest_size(entry->file.alg) != entry->file.len || entry->file.len == 0)
		return RF_E_UNSUPPORTED;
	for (size_t bank = 0; bank < pcrs->banks_count; bank++) {
		for (size_t i = 0; i < RF_COUNT(lasts); i++) {
			int rc = aggregate_is(hasher, &entry->file, pcrs, bank, lasts[i]);

			tried |= rc == 0 && pcrs->algs[bank] == entry->file.alg;
			if (rc != 1)
				continue;
			attest_alg_name(entry->file.alg, hash);
			attest_alg_name(pcrs->algs[bank], of);
			rf_format(out_how, 64, "%s of %s%sPCR 0 to %zu", hash,
				  pcrs->algs[bank] == entry->file.alg ? "" : of,
				  pcrs->algs[bank] == entry->file.alg ? "" : " ", lasts[i]);
			return 1;
		}
	}
	return tried ? 0 : RF_E_MISSING;
}

uint16_t ima_list_alg(struct rf_slice bytes)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		size_t at = 4 + attest_digest_size(algs[i]) + 4;

		if (bytes.len >= at + 3 && memcmp(bytes.data + at, "ima", 3) == 0)
			return algs[i];
	}
	return 0;
}
