/* SPDX-License-Identifier: Apache-2.0 */
/* IMA lists: first byte chooses the length of template digests; walked, replayed, compared. */
#include "attest/ima.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct attest_hasher *hasher;

static void check_slice(const struct ima_list *list, struct rf_slice s)
{
	if (s.len &&
	    (s.data < list->bytes.data || s.data + s.len > list->bytes.data + list->bytes.len))
		__builtin_trap();
}

static void walk(struct ima_list list)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};
	struct attest_pcr_values pcrs = {0};
	struct ima_state state;
	struct ima_entry e;
	char how[64];
	size_t at = 0;

	if (ima_state_init(&state, IMA_PCR, algs, 2, NULL) < 0)
		__builtin_trap();
	while (ima_next(&list, &e, NULL) == 1) {
		if (list.at <= at || list.at > list.bytes.len || e.pcr >= ATTEST_PCRS)
			__builtin_trap();
		at = list.at;
		check_slice(&list, e.name);
		check_slice(&list, e.template_data);
		check_slice(&list, e.file_digest);
		check_slice(&list, e.signature);
		check_slice(&list, e.modsig);
		check_slice(&list, e.buffer);
		int rc = ima_extend(hasher, &e, &state, NULL);

		if (rc != 0 && rc != RF_E_MISMATCH)
			__builtin_trap();
		rc = ima_boot_aggregate_check(hasher, &e, &pcrs, how);
	}
}

static void search(const struct ima_list *list)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};
	struct attest_pcr_values values = {.algs = {ATTEST_SHA256}, .banks_count = 1};
	struct ima_target target = {.values = &values};
	struct ima_search limits = {.max_extends = 200};
	struct ima_quoted quoted;
	struct ima_culprit culprit;
	struct ima_state state;

	values.present[0] = 1u << IMA_PCR;
	values.values[0][IMA_PCR] = (struct attest_digest){.alg = ATTEST_SHA256, .len = 32};
	values.values[0][IMA_PCR].bytes[0] = 1;
	if (ima_state_init(&state, IMA_PCR, algs, 2, NULL) < 0 ||
	    ima_find_quoted(hasher, list, &target, &state, &quoted, NULL) == 0 ||
	    ima_find_culprit(hasher, list, &target, &state, &limits, &culprit) > 0)
		__builtin_trap();
	/* A list is itself. */
	if (ima_compare(list, list, &culprit, NULL) > 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ima_list list;

	if (!hasher && attest_hasher_new(&hasher, NULL) < 0)
		__builtin_trap();
	if (size < 1)
		return 0;
	if (ima_open((struct rf_slice){data + 1, size - 1}, data[0], &list, NULL) < 0)
		return 0;
	walk(list);
	search(&list);
	return 0;
}
