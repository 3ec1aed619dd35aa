/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of hostile configuration text: the first byte chooses the syntax, the rest is the file. A
 * result holds: editing it again gives the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit.h"
#include "fuzz_rest.h"

static const struct {
	const char *style, *op, *section, *key, *value;
} edits[] = {
	{"equals", "set", "", "deny", "5"},
	{"equals", "remove", "", "deny", ""},
	{"space", "set", "", "UMASK", "027"},
	{"ini", "set", "Journal", "Storage", "persistent"},
	{"shell", "set", "", "TMOUT", "900"},
	{"sshd", "set", "", "PermitRootLogin", "no"},
	{"virtconf", "set", "", "namespaces", "mount"},
	{"virtconf", "remove", "", "cgroup_device_acl", ""},
	{"vmx", "set", "", "ethernet0.noPromisc", "TRUE"},
	{"shellwords", "add-word", "", "GRUB_CMDLINE_LINUX", "audit=1"},
	{"shellwords", "remove-word", "", "GRUB_CMDLINE_LINUX", "audit"},
	{"words", "add-word", "", "", "audit=1"},
	{"fstab", "add-word", "", "/tmp", "nodev"},
	{"modprobe", "set", "kvm", "nested", "0"},
	{"line", "set", "", "", "-w /etc/passwd -p wa"},
	{"xml", "set", "", "devices/memballoon/@model", "none"},
	{"xml", "remove", "", "devices/sound | devices/hub", ""},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf out = {0}, shown = {0};
	struct change_spec spec;
	size_t i = size ? data[0] % RF_COUNT(edits) : 0;

	if (size < 1 ||
	    change_spec_set(&spec, "edit", "/etc/x", edits[i].key, edits[i].value, NULL) < 0)
		return 0;
	rf_copy(spec.style, sizeof(spec.style), edits[i].style);
	rf_copy(spec.op, sizeof(spec.op), edits[i].op);
	rf_copy(spec.section, sizeof(spec.section), edits[i].section);
	RF_AUTOFREE uint8_t *copy = fuzz_rest(data, size);

	if (!copy)
		return 0;
	struct rf_slice text = {copy, size - 1};

	(void)edit_get(&spec, text, &shown);
	(void)!edit_check(&spec, text, NULL);
	if (edit_apply(&spec, text, &out, NULL) < 0)
		return 0;
	RF_AUTOBUF struct rf_buf again = {0};

	if (edit_apply(&spec, rf_buf_slice(&out), &again, NULL) == 0 &&
	    !rf_slice_equal(rf_buf_slice(&out), rf_buf_slice(&again)))
		abort();
	return 0;
}
