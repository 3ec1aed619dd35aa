/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of digests, see digestset.h: open addressing, slots of 37 bytes, at most four fifths full.
 * Where a digest goes depends on a random key, because a hostile host chooses the digests that a
 * baseline learns from it and could pile them up in one place.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/rand.h>

#include "attest/digestset.h"
#include "base/mem.h"

#define KEPT_BYTES 32

struct slot {
	uint8_t alg; /* 0: empty; TPM numbers of hashes fit a byte */
	uint8_t digest[KEPT_BYTES];
	uint32_t value;
} __attribute__((packed));

struct digestset {
	uint64_t key[4];
	size_t room, count, capacity;
	struct slot slots[];
};

/* A look-up is one access to memory that no cache holds; with small pages their table misses, too.
 * Only a hint: what it costs when it is not taken is time. */
static void prefer_huge_pages(void *start, size_t bytes)
{
	const uintptr_t page = 2u << 20;
	uintptr_t from = ((uintptr_t)start + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)start + bytes) & ~(page - 1);

	if (to > from)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}

int digestset_new(size_t expected, struct digestset **out, struct rf_err *err)
{
	if (expected > DIGESTSET_MAX)
		return rf_fail(err, RF_E_LIMIT, "%zu digests, %u are allowed", expected,
			       DIGESTSET_MAX);
	/* 37 * (1 + 1/4 + 1/32) is 47.4 bytes for each digest. */
	size_t capacity = expected + expected / 4 + expected / 32 + 8;
	struct digestset *set = rf_alloc(1, sizeof(*set) + capacity * sizeof(struct slot));

	if (!set)
		return rf_fail(err, -ENOMEM, "%zu digests", expected);
	prefer_huge_pages(set, sizeof(*set) + capacity * sizeof(struct slot));
	if (RAND_bytes((unsigned char *)set->key, sizeof(set->key)) != 1) {
		rf_free(set);
		return rf_fail(err, RF_E_CRYPTO, "no random numbers");
	}
	set->room = expected;
	set->capacity = capacity;
	*out = set;
	return 0;
}

void digestset_free(struct digestset *set)
{
	rf_free(set);
}

/* 64 by 64 bits, both halves folded. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Where the search for a digest begins. */
static size_t home_of(const struct digestset *set, const struct slot *want)
{
	uint64_t w[4];

	memcpy(w, want->digest, sizeof(w));
	uint64_t hash = mix(w[0] ^ set->key[0], w[1] ^ set->key[1]) ^
			mix(w[2] ^ set->key[2], w[3] ^ set->key[3]) ^ want->alg;

	hash = mix(hash ^ set->key[1], set->key[3] | 1);
	return (size_t)((__uint128_t)hash * set->capacity >> 64);
}

static bool slot_make(uint16_t alg, struct rf_slice digest, uint32_t value, struct slot *out)
{
	if (alg == 0 || alg > 0xff || digest.len == 0 || digest.len > ATTEST_MAX_DIGEST)
		return false;
	*out = (struct slot){.alg = (uint8_t)alg, .value = value};
	memcpy(out->digest, digest.data, digest.len < KEPT_BYTES ? digest.len : KEPT_BYTES);
	return true;
}

/* The slot that holds the digest, or the empty one where it would go. */
static size_t slot_find(const struct digestset *set, const struct slot *want)
{
	size_t at = home_of(set, want);

	while (set->slots[at].alg != 0 &&
	       (set->slots[at].alg != want->alg ||
		memcmp(set->slots[at].digest, want->digest, KEPT_BYTES) != 0))
		at = at + 1 == set->capacity ? 0 : at + 1;
	return at;
}

int digestset_add(struct digestset *set, uint16_t alg, struct rf_slice digest, uint32_t value)
{
	struct slot want;

	if (!slot_make(alg, digest, value, &want))
		return RF_E_SYNTAX;
	size_t at = slot_find(set, &want);

	if (set->slots[at].alg != 0)
		return 0;
	if (set->count == set->room)
		return RF_E_LIMIT;
	set->slots[at] = want;
	set->count++;
	return 0;
}

bool digestset_has(const struct digestset *set, uint16_t alg, struct rf_slice digest,
		   uint32_t *out_value)
{
	struct slot want;

	if (!slot_make(alg, digest, 0, &want))
		return false;
	const struct slot *slot = &set->slots[slot_find(set, &want)];

	if (slot->alg == 0)
		return false;
	if (out_value)
		*out_value = slot->value;
	return true;
}

size_t digestset_count(const struct digestset *set)
{
	return set->count;
}

size_t digestset_bytes(const struct digestset *set)
{
	return sizeof(*set) + set->capacity * sizeof(struct slot);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* 0 to 15, or 16 for what is no hexadecimal digit. */
static unsigned int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0' + 0u;
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
}

/* The digest at the start of a line; returns how many characters it took, 0 when it is none. */
static size_t read_hex(struct rf_slice line, uint8_t out[ATTEST_MAX_DIGEST])
{
	size_t at = 0;

	while (at + 1 < line.len && at < 2 * ATTEST_MAX_DIGEST) {
		unsigned int high = nibble(line.data[at]), low = nibble(line.data[at + 1]);

		if (high > 15 || low > 15)
			break;
		out[at / 2] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	return at == line.len || is_blank(line.data[at]) ? at : 0;
}

static uint16_t alg_of_prefix(struct rf_slice line, const uint8_t *colon)
{
	char name[16] = "";
	size_t len = (size_t)(colon - line.data);

	if (len >= sizeof(name))
		return 0;
	memcpy(name, line.data, len);
	return attest_alg_of_name(name);
}

static uint16_t alg_of_length(size_t len)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		if (attest_digest_size(algs[i]) == len)
			return algs[i];
	}
	return 0;
}

static int load_line(struct digestset *set, struct rf_slice text, struct rf_slice line)
{
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t look = line.len < 16 ? line.len : 16;
	const uint8_t *colon = memchr(line.data, ':', look);
	uint16_t alg = colon ? alg_of_prefix(line, colon) : 0;

	if (colon && !alg)
		return RF_E_UNKNOWN;
	if (colon)
		line = (struct rf_slice){colon + 1, line.len - (size_t)(colon + 1 - line.data)};
	size_t hex = read_hex(line, digest);

	if (!colon)
		alg = alg_of_length(hex / 2);
	if (hex == 0 || !alg || hex / 2 != attest_digest_size(alg))
		return RF_E_SYNTAX;
	while (hex < line.len && is_blank(line.data[hex]))
		hex++;
	return digestset_add(set, alg, (struct rf_slice){digest, attest_digest_size(alg)},
			     (uint32_t)(line.data + hex - text.data));
}

static struct rf_slice line_at(struct rf_slice text, size_t at)
{
	const uint8_t *end = memchr(text.data + at, '\n', text.len - at);

	return (struct rf_slice){text.data + at,
				 end ? (size_t)(end - text.data) - at : text.len - at};
}

static bool is_empty_line(struct rf_slice line)
{
	size_t i = 0;

	while (i < line.len && is_blank(line.data[i]))
		i++;
	return i == line.len || line.data[0] == '#';
}

int digestset_load(struct rf_slice text, struct digestset **out, struct rf_err *err)
{
	struct digestset *set = NULL;
	size_t lines = 0, number = 0;

	if (text.len > DIGESTSET_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "digests: %zu bytes", text.len);
	for (size_t at = 0; at < text.len; at += line_at(text, at).len + 1)
		lines += !is_empty_line(line_at(text, at));
	int rc = digestset_new(lines, &set, err);

	for (size_t at = 0; rc == 0 && at < text.len;) {
		struct rf_slice line = line_at(text, at);

		number++;
		if (!is_empty_line(line))
			rc = load_line(set, text, line);
		if (rc)
			rf_fail(err, rc,
				"line %zu: not a digest: \"sha256:HEX label\" or \"HEX path\"",
				number);
		at += line.len + 1;
	}
	if (rc) {
		digestset_free(set);
		return rc;
	}
	*out = set;
	return 0;
}

struct rf_slice digestset_label(struct rf_slice text, uint32_t value)
{
	if (value >= text.len)
		return (struct rf_slice){0};
	struct rf_slice line = line_at(text, value);

	while (line.len && is_blank(line.data[line.len - 1]))
		line.len--;
	return line;
}
