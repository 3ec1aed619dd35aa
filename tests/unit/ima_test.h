/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes IMA lists by hand: each entry's template digest is computed here with OpenSSL's one-shot
 * functions, and so is what each bank becomes, apart from the code under test.
 */
#ifndef IMA_TEST_H
#define IMA_TEST_H

#include <openssl/evp.h>

#include "attest/ima.h"
#include "test_base.h"

struct maker {
	struct rf_buf list;
	bool big_endian;
	bool padded;				  /* an old kernel */
	uint16_t list_alg;			  /* of the template digests; 0: SHA-1 */
	uint32_t pcr;				  /* of the next entry; 0: 10 */
	uint8_t sha1[20], sha256[32], sha384[48]; /* PCR 10 as the TPM would have it */
	size_t offsets[64];			  /* of the first entries */
	size_t count;
};

static inline void h(const char *name, const void *data, size_t len, uint8_t *out)
{
	assert_int_equal(EVP_Digest(data, len, out, NULL, EVP_get_digestbyname(name), NULL), 1);
}

static inline void ima_u32(const struct maker *m, struct rf_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		rf_buf_add_byte(b, (uint8_t)(v >> 8 * (m->big_endian ? 3 - i : i)));
}

static inline void ima_field(const struct maker *m, struct rf_buf *b, const void *data, size_t len)
{
	ima_u32(m, b, (uint32_t)len);
	rf_buf_add(b, data, len);
}

/* "sha256:" NUL and a digest that begins with that byte. */
static inline void ima_digest_field(const struct maker *m, struct rf_buf *b, const char *prefix,
				    size_t digest_len, uint8_t first)
{
	RF_AUTOBUF struct rf_buf f = {0};
	uint8_t digest[64] = {first, 2, 3};

	rf_buf_add(&f, prefix, strlen(prefix) + 1);
	rf_buf_add(&f, digest, digest_len);
	ima_field(m, b, f.data, f.len);
}

static inline void extend_one(const char *alg, uint8_t *value, size_t size, const uint8_t *digest)
{
	uint8_t both[128];

	memcpy(both, value, size);
	memcpy(both + size, digest, size);
	h(alg, both, 2 * size, value);
}

static inline void extend_all(struct maker *m, const void *hashed, size_t len, bool violation)
{
	uint8_t sha1[64] = {0}, other[64] = {0};

	h("SHA1", hashed, len, sha1);
	if (violation)
		memset(sha1, 0xff, 20);
	extend_one("SHA1", m->sha1, 20, sha1);
	if (m->padded)
		memcpy(other, sha1, 20);
	else if (violation)
		memset(other, 0xff, sizeof(other));
	else
		h("SHA256", hashed, len, other);
	extend_one("SHA256", m->sha256, 32, other);
	if (!m->padded && !violation)
		h("SHA384", hashed, len, other);
	extend_one("SHA384", m->sha384, 48, other);
}

static inline size_t list_digest_len(const struct maker *m)
{
	return m->list_alg ? attest_digest_size(m->list_alg) : 20;
}

/* The record's head; hashed: what its template digest is made of (NULL: a violation). */
static inline void ima_head(struct maker *m, const char *template, const void *hashed, size_t len)
{
	uint8_t digest[64] = {0};

	if (m->count < RF_COUNT(m->offsets))
		m->offsets[m->count] = m->list.len;
	m->count++;
	if (hashed)
		h(m->list_alg == ATTEST_SHA256 ? "SHA256" : "SHA1", hashed, len, digest);
	ima_u32(m, &m->list, m->pcr ? m->pcr : 10);
	rf_buf_add(&m->list, digest, list_digest_len(m));
	ima_field(m, &m->list, template, strlen(template));
}

/* An entry of any template with template data made by the caller. */
static inline void ima_add_data(struct maker *m, const char *template, struct rf_slice data)
{
	ima_head(m, template, data.data, data.len);
	ima_field(m, &m->list, data.data, data.len);
	if (!m->pcr || m->pcr == 10)
		extend_all(m, data.data, data.len, false);
}

static inline void ima_add_named(struct maker *m, const char *alg, size_t digest_len,
				 const char *name, uint8_t first)
{
	RF_AUTOBUF struct rf_buf data = {0};

	ima_digest_field(m, &data, alg, digest_len, first);
	ima_field(m, &data, name, strlen(name) + 1);
	ima_add_data(m, "ima-ng", rf_buf_slice(&data));
}

/* An ordinary entry: ima-ng, SHA-256. */
static inline void ima_add(struct maker *m, const char *name, uint8_t first)
{
	ima_add_named(m, "sha256:", 32, name, first);
}

/* The old template: digest, name; hashed with the name padded to 256 bytes. */
static inline void ima_add_old(struct maker *m, const char *name, uint8_t first)
{
	uint8_t hashed[276] = {first, 2, 3};

	memcpy(hashed + 20, name, strlen(name));
	ima_head(m, "ima", hashed, sizeof(hashed));
	rf_buf_add(&m->list, hashed, 20);
	ima_field(m, &m->list, name, strlen(name));
	extend_all(m, hashed, sizeof(hashed), false);
}

/* Kernels give violations a digest of zeros, some only 20 bytes whatever the algorithm. */
static inline void ima_add_violation(struct maker *m, const char *name)
{
	RF_AUTOBUF struct rf_buf data = {0};

	rf_buf_reset(&data);
	ima_digest_field(m, &data, "sha256:", 20, 0);
	ima_field(m, &data, name, strlen(name) + 1);
	ima_head(m, "ima-ng", NULL, 0);
	ima_field(m, &m->list, data.data, data.len);
	extend_all(m, data.data, data.len, true);
}

static inline struct ima_list open_list(const struct maker *m)
{
	struct ima_list list;

	assert_int_equal(ima_open(rf_buf_slice(&m->list), (uint8_t)list_digest_len(m), &list, NULL),
			 0);
	return list;
}

static inline void put_value(struct attest_pcr_values *values, uint16_t alg, uint32_t pcr,
			     const uint8_t *bytes)
{
	size_t bank = 0;

	while (bank < values->banks_count && values->algs[bank] != alg)
		bank++;
	if (bank == values->banks_count)
		values->algs[values->banks_count++] = alg;
	values->present[bank] |= 1u << pcr;
	values->values[bank][pcr].alg = alg;
	values->values[bank][pcr].len = (uint8_t)attest_digest_size(alg);
	memcpy(values->values[bank][pcr].bytes, bytes, attest_digest_size(alg));
}

#endif
