/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a profile into any .vmx: read back it says what was wanted, all other lines are as they
 * were, and a second run changes nothing. What is imported is a policy. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "collect/vmx.h"
#include "isolate/vmxfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
	if (!truth)
		abort();
}

static const struct vmx_line_want *wanted(const struct vmx_wants *wants, const char *key)
{
	for (size_t i = 0; i < wants->count; i++) {
		if (strcasecmp(wants->items[i].key, key) == 0)
			return &wants->items[i];
	}
	return NULL;
}

/* Truths may be spelt otherwise: what was there already and meant the same stays. */
static bool says(const char *value, const char *want)
{
	return strcmp(value, want) == 0 ||
	       (rf_truth(want) >= 0 && rf_truth(value) == rf_truth(want));
}

static void read_back(const struct rf_buf *text, const struct vmx_wants *wants)
{
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf copy = {0};

	check(rf_buf_add(&copy, text->data, text->len) == 0);
	if (vmx_parse(&vmx, (char *)copy.data, copy.len, NULL) < 0)
		return; /* the lines that were added are more than a file may have */
	for (size_t i = 0; i < vmx.count; i++) {
		const struct vmx_line_want *want = wanted(wants, vmx.entries[i].key);

		check(!want || says(vmx.entries[i].value, want->value));
	}
	for (size_t i = 0; i < wants->count; i++) {
		char key[VMX_MAX_KEY_BYTES + 1] = "";

		check(rf_copy(key, sizeof(key), wants->items[i].key));
		rf_lower(key);
		check(vmx_find(&vmx, key) != NULL);
	}
}

/* Every entry that nobody asked for is there again, in order and with its value. */
static void others_kept(struct rf_slice before, const struct rf_buf *after,
			const struct vmx_wants *wants)
{
	VMX_AUTO struct vmx old = {0}, new = {0};
	RF_AUTOBUF struct rf_buf a = {0}, b = {0};
	size_t k = 0;

	check(rf_buf_add(&a, before.data, before.len) == 0);
	check(rf_buf_add(&b, after->data, after->len) == 0);
	if (vmx_parse(&old, (char *)a.data, a.len, NULL) < 0 ||
	    vmx_parse(&new, (char *)b.data, b.len, NULL) < 0)
		return;
	for (size_t i = 0; i < old.count; i++, k++) {
		check(k < new.count &&strcmp(old.entries[i].spelling, new.entries[k].spelling) ==
		      0);
		if (!wanted(wants, old.entries[i].key))
			check(strcmp(old.entries[i].value, new.entries[k].value) == 0);
	}
	check(old.problems_count == new.problems_count);
}

static void writes(const struct policy_profile *profile, struct rf_slice file)
{
	RF_AUTOBUF struct rf_buf once = {0}, twice = {0}, diff = {0};
	struct vmx_wants wants;

	if (vmx_wants_make(profile, file, &wants, NULL) < 0)
		return;
	if (vmx_rewrite(file, &wants, &once, NULL, NULL) == 0) {
		if (file.len) {
			read_back(&once, &wants);
			others_kept(file, &once, &wants);
		}
		check(vmx_rewrite(rf_buf_slice(&once), &wants, &twice, &diff, NULL) == 0);
		check(rf_slice_equal(rf_buf_slice(&once), rf_buf_slice(&twice)) && diff.len == 0);
	}
	vmx_wants_done(&wants);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char none[] = "isolate: 1\nassignments: []\n";
	static const char *const names[] = {"hostile", "sensor"};
	const struct rf_slice file = {data, size};
	RF_AUTOBUF struct rf_buf yaml = {0};
	struct policy *policy = NULL;

	if (size > RF_MAX_VMX_BYTES / 2)
		return 0;
	check(policy_parse(rf_slice_text(none), "p", &policy, NULL) == 0);
	for (size_t i = 0; i < 2; i++)
		writes(policy_profile_find(policy, names[i]), file);
	policy_free(policy);
	policy = NULL;
	if (vmx_import(file, "vm", &yaml, NULL) == 0)
		check(policy_parse(rf_buf_slice(&yaml), "p", &policy, NULL) == 0);
	policy_free(policy);
	return 0;
}
