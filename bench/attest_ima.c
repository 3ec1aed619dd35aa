/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast IMA lists are replayed and digests looked up. Processor time of this process, the best
 * of five turns, so that a busy machine disturbs little. usage: attest_ima [ENTRIES [FILE]] FILE: a
 * binary_runtime_measurements to replay instead
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attest/digestset.h"
#include "attest/ima.h"
#include "base/mem.h"
#include "base/str.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put32(struct rf_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		rf_buf_add_byte(b, (uint8_t)(v >> 8 * i));
}

/* ima-ng, SHA-256, a path of common length: 128 bytes a record, as on real hosts. */
static void add_entry(struct attest_hasher *hasher, struct rf_buf *list, uint32_t i)
{
	RF_AUTOBUF struct rf_buf data = {0};
	uint8_t digest[32] = {0};
	char name[64];

	rf_format(name, sizeof(name), "/usr/lib/x86_64/libsome%08u.so", i);
	memcpy(digest, &i, sizeof(i));
	put32(&data, 40);
	rf_buf_add(&data, "sha256:", 8);
	rf_buf_add(&data, digest, 32);
	put32(&data, (uint32_t)strlen(name) + 1);
	rf_buf_add(&data, name, strlen(name) + 1);
	if (attest_hash(hasher, ATTEST_SHA1, rf_buf_slice(&data), (struct rf_slice){0}, digest) < 0)
		memset(digest, 0, sizeof(digest));
	put32(list, IMA_PCR);
	rf_buf_add(list, digest, 20);
	put32(list, 6);
	rf_buf_add(list, "ima-ng", 6);
	put32(list, (uint32_t)data.len);
	rf_buf_add(list, data.data, data.len);
}

static void replay(struct attest_hasher *hasher, struct rf_slice in, const char *what,
		   const uint16_t *algs, size_t banks)
{
	double best = 1e9;
	uint32_t count = 0;

	for (int turn = 0; turn < 5; turn++) {
		struct ima_list list;
		struct ima_state state;
		struct ima_entry entry;
		struct rf_err err = {0};
		double start = now_s();
		int rc = ima_open(in, 20, &list, &err);

		if (rc == 0)
			rc = ima_state_init(&state, IMA_PCR, algs, banks, &err);
		while (rc == 0 && (rc = ima_next(&list, &entry, &err)) > 0)
			rc = ima_extend(hasher, &entry, &state, &err);
		double took = now_s() - start;

		if (rc < 0)
			printf("%s: %s\n", what, rf_err_text(&err));
		best = took < best ? took : best;
		count = list.count;
	}
	printf("%-34s %8u entries %8.2f ms %6.2f M entries/s\n", what, count, best * 1e3,
	       count / best / 1e6);
}

/* No entry can be named within the budget: what a search costs. */
static void search(struct attest_hasher *hasher, struct rf_slice in, uint16_t alg)
{
	struct attest_pcr_values values = {.algs = {alg}, .banks_count = 1};
	struct ima_target target = {.values = &values};
	struct ima_search limits = {.max_extends = 2000000};
	struct ima_culprit culprit;
	struct ima_state state;
	struct ima_list list;
	double start = now_s();

	values.present[0] = 1u << IMA_PCR;
	values.values[0][IMA_PCR].len = (uint8_t)attest_digest_size(alg);
	if (ima_open(in, 20, &list, NULL) < 0 ||
	    ima_state_init(&state, IMA_PCR, &alg, 1, NULL) < 0 ||
	    ima_find_culprit(hasher, &list, &target, &state, &limits, &culprit) != 0)
		printf("search: failed\n");
	printf("search for a planted entry, bank 0x%04x %6.2f M extends/s\n", alg,
	       (double)limits.max_extends / (now_s() - start) / 1e6);
}

static void digests(uint32_t count)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct digestset *set = NULL;
	uint8_t digest[32] = {0};
	uint64_t x = 1, found = 0;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(digest + 4, &i, sizeof(i));
		rf_buf_add_text(&text, "sha256:");
		rf_buf_add_hex(&text, digest, sizeof(digest));
		rf_buf_printf(&text, " /usr/lib/x86_64-linux-gnu/libsome%u.so\n", i);
	}
	double start = now_s();

	if (digestset_load(rf_buf_slice(&text), &set, NULL) < 0)
		return;
	printf("%zu digests loaded in %.3f s, %.1f bytes each\n", digestset_count(set),
	       now_s() - start, (double)digestset_bytes(set) / count);
	for (unsigned int miss = 0; miss < 2; miss++) {
		start = now_s();
		for (uint32_t i = 0; i < 2000000; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			uint32_t n = (uint32_t)(x >> 33) % count + (miss ? count : 0);

			memcpy(digest + 4, &n, sizeof(n));
			found += digestset_has(set, ATTEST_SHA256,
					       (struct rf_slice){digest, sizeof(digest)}, NULL);
		}
		printf("lookup of one that is %s: %.3f us (%llu found)\n",
		       miss ? "absent " : "present", (now_s() - start) / 2.0,
		       (unsigned long long)found);
	}
	digestset_free(set);
}

static void read_list(const char *path, struct rf_buf *list)
{
	FILE *f = fopen(path, "rb");
	uint8_t block[65536];

	for (size_t n; f && (n = fread(block, 1, sizeof(block), f)) > 0;)
		rf_buf_add(list, block, n);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	static const uint16_t banks[] = {ATTEST_SHA256, ATTEST_SHA1, ATTEST_SHA384};
	RF_AUTOBUF struct rf_buf list = {0};
	struct attest_hasher *hasher = NULL;
	int64_t count = 100000;

	if ((argc > 1 && rf_num(argv[1], 10, 1, IMA_MAX_ENTRIES, &count) < 0) ||
	    attest_hasher_new(&hasher, NULL) < 0) {
		fprintf(stderr, "usage: attest_ima [ENTRIES [FILE]]\n");
		return 1;
	}
	if (argc > 2)
		read_list(argv[2], &list);
	for (uint32_t i = 0; argc <= 2 && i < count; i++)
		add_entry(hasher, &list, i);
	replay(hasher, rf_buf_slice(&list), "SHA-1 check, SHA-256 bank", banks, 1);
	replay(hasher, rf_buf_slice(&list), "SHA-1 check, SHA-256 and SHA-1", banks, 2);
	replay(hasher, rf_buf_slice(&list), "SHA-1 check, three banks", banks, 3);
	search(hasher, rf_buf_slice(&list), ATTEST_SHA1);
	search(hasher, rf_buf_slice(&list), ATTEST_SHA256);
	digests(1000000);
	attest_hasher_free(hasher);
	return 0;
}
