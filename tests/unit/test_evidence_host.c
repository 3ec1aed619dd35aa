/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of a host that is a folder: which sections, in which form, and what the notes say. */
#include "machine_test.h"

#include <jansson.h>

#include "attest/evidence.h"
#include "base/str.h"
#include "collect/evidence.h"

#define SECURITY "/sys/kernel/security"

static struct test_host host;
static struct rf_buf bytes;
static struct evidence evidence;

static int setup(void **state)
{
	(void)state;
	host_make(&host);
	host_file(&host, "/.ringfence/probe/uname", "web-3\n6.1.0\n#1\nx86_64\n");
	host_file(&host, "/.ringfence/probe/clock", "1700000000000\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rf_buf_done(&bytes);
	host_done(&host);
	return 0;
}

static void collect(void)
{
	const struct evidence_request request = {.tool = "test"};
	struct rf_err err = {0};
	struct sys *sys;

	rf_buf_reset(&bytes);
	assert_int_equal(sys_open_dir(host.dir, &sys, NULL), 0);
	if (evidence_collect(sys, &request, &bytes, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	sys_close(sys);
	assert_int_equal(evidence_parse(rf_buf_slice(&bytes), &evidence, NULL), 0);
}

static json_t *section_json(enum evidence_kind kind)
{
	struct rf_slice text = evidence.sections[kind];
	json_t *json = json_loadb((const char *)text.data, text.len, 0, NULL);

	assert_non_null(json);
	return json;
}

/* Does a note hold that word? */
static bool noted(const char *word)
{
	json_t *meta = section_json(EVIDENCE_META), *note;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(meta, "notes"), i, note) found |=
		strstr(json_string_value(note), word) != NULL;
	json_decref(meta);
	return found;
}

static void an_empty_host_says_what_is_missing(void **state)
{
	(void)state;
	collect();
	assert_null(evidence.sections[EVIDENCE_QUOTE].data);
	assert_null(evidence.sections[EVIDENCE_BOOT_LOG].data);
	assert_null(evidence.sections[EVIDENCE_IMA].data);
	assert_true(noted("no quote"));
	assert_true(noted("no boot log"));
	assert_true(noted("no IMA list"));
	json_t *meta = section_json(EVIDENCE_META);

	assert_string_equal(json_string_value(json_object_get(meta, "host")), "web-3");
	assert_string_equal(json_string_value(json_object_get(meta, "kernel")), "6.1.0");
	assert_int_equal(json_integer_value(json_object_get(meta, "time_ms")), 1700000000000);
	json_decref(meta);
}

static void logs_come_as_they_are(void **state)
{
	(void)state;
	host_bytes(&host, SECURITY "/tpm0/binary_bios_measurements", "a\0b", 3);
	host_file(&host, "/run/log/systemd/tpm2-measure.log", "us");
	host_file(&host, SECURITY "/slaunch/eventlog", "txt");
	host_bytes(&host, SECURITY "/ima/binary_runtime_measurements", "l\0st", 4);
	collect();
	assert_true(rf_slice_equal(evidence.sections[EVIDENCE_BOOT_LOG],
				   (struct rf_slice){(const uint8_t *)"a\0b", 3}));
	assert_true(rf_slice_equal(evidence.sections[EVIDENCE_USERSPACE], rf_slice_text("us")));
	assert_true(rf_slice_equal(evidence.sections[EVIDENCE_TXT_LOG], rf_slice_text("txt")));
	assert_true(rf_slice_equal(evidence.sections[EVIDENCE_IMA],
				   (struct rf_slice){(const uint8_t *)"\4\0l\0st", 6}));
	assert_false(noted("no boot log"));
}

static void newer_kernels_name_the_list_by_its_bank(void **state)
{
	(void)state;
	host_file(&host, SECURITY "/ima/binary_runtime_measurements_sha256", "x");
	collect();
	assert_true(rf_slice_equal(evidence.sections[EVIDENCE_IMA],
				   (struct rf_slice){(const uint8_t *)"\13\0x", 3}));
}

/* IMA's value was not read with the list: only where there is no list is it sent. */
static void the_value_of_ima_is_left_to_its_list(void **state)
{
	struct attest_pcr_values values;

	(void)state;
	host_file(&host, "/.ringfence/probe/tpm",
		  "pcr 0x0004 10 0101010101010101010101010101010101010101\n"
		  "pcr 0x0004 0 0202020202020202020202020202020202020202\n");
	collect();
	assert_int_equal(evidence_pcrs_parse(evidence.sections[EVIDENCE_PCRS], &values, NULL), 0);
	assert_int_equal(values.present[0], 1u << 10 | 1);
	host_file(&host, SECURITY "/ima/binary_runtime_measurements", "x");
	collect();
	assert_int_equal(evidence_pcrs_parse(evidence.sections[EVIDENCE_PCRS], &values, NULL), 0);
	assert_int_equal(values.present[0], 1);
}

static void probe(const char *name, const char *path, const char *answer)
{
	char file[512];

	snprintf(file, sizeof(file), "/.ringfence/probe/%s/", name);
	for (const char *p = path; *p; p++) {
		size_t n = strlen(file);

		snprintf(file + n, sizeof(file) - n, *p == '/' ? "%%2F" : "%c", *p);
	}
	host_file(&host, file, answer);
}

static void boot_files_get_their_digests(void **state)
{
	(void)state;
	host_file(&host, "/boot/grub/grub.cfg", "linux /vmlinuz");
	host_file(&host, "/boot/vmlinuz-6.1.0", "MZ");
	host_file(&host, "/boot/initrd.img", "x");
	host_file(&host, "/boot/grub/user.cfg", "password_pbkdf2 root grub.pbkdf2.sha512.1.AB\n");
	host_link(&host, "/boot/link", "grub");
	probe("file-digest", "/boot/grub/grub.cfg", "size 14\nsha1 aa\nsha256 bb\nnonsense\n");
	probe("file-digest", "/boot/vmlinuz-6.1.0", "size 2\nsha256 cc\n");
	probe("boot-image", "/boot/vmlinuz-6.1.0", "MZ and no more");
	collect();
	json_t *files = section_json(EVIDENCE_FILES);

	/* Left out: what a link leads to, and what the seam shows without its secrets. */
	assert_int_equal(json_array_size(files), 3);
	json_t *grub = json_array_get(files, 0), *initrd = json_array_get(files, 1),
	       *kernel = json_array_get(files, 2);

	assert_string_equal(json_string_value(json_object_get(grub, "path")),
			    "/boot/grub/grub.cfg");
	assert_int_equal(json_integer_value(json_object_get(grub, "size")), 14);
	assert_string_equal(json_string_value(json_object_get(grub, "sha256")), "bb");
	/* Where the host has no answer the file itself is hashed. */
	assert_string_equal(json_string_value(json_object_get(initrd, "sha256")),
			    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
	assert_int_equal(json_integer_value(json_object_get(initrd, "size")), 1);
	/* A broken program is a file like any other. */
	assert_null(json_object_get(kernel, "authenticode"));
	assert_string_equal(json_string_value(json_object_get(kernel, "sha256")), "cc");
	json_decref(files);
}

static void modules_come_as_facts_have_them(void **state)
{
	(void)state;
	host_file(&host, "/proc/modules", "kvm 100 0 - Live 0x0\n");
	host_file(&host, "/sys/module/kvm/taint", "\n");
	collect();
	json_t *modules = section_json(EVIDENCE_MODULES);

	assert_int_equal(json_array_size(modules), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(modules, 0), "name")),
			    "kvm");
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(modules, 0), "size_bytes")), 100);
	assert_null(json_object_get(json_array_get(modules, 0), "host"));
	json_decref(modules);
}

/* The table that shim leaves for the kernel goes first: variables may be cut. */
static void shims_lists_come_with_it(void **state)
{
	static const char guid[] = "-605dab50-e046-4300-abb6-3dd810dd8b23";
	struct evidence_variable variable;
	char path[160];
	size_t at = 0;

	(void)state;
	collect();
	assert_null(evidence.sections[EVIDENCE_SHIM].data);
	rf_format(path, sizeof(path), "/sys/firmware/efi/efivars/MokListRT%s", guid);
	host_file(&host, path, "\6\1\1\1cut");
	rf_format(path, sizeof(path), "/sys/firmware/efi/efivars/MokListXRT%s", guid);
	host_file(&host, path, "\6\1\1\1forbidden");
	host_file(&host, "/sys/firmware/efi/mok-variables/MokListRT", "whole list");
	collect();
	assert_int_equal(evidence_variable_next(evidence.sections[EVIDENCE_SHIM], &at, &variable),
			 1);
	assert_true(rf_slice_equal(variable.name, rf_slice_text("MokListRT")));
	assert_true(rf_slice_equal(variable.contents, rf_slice_text("whole list")));
	assert_int_equal(evidence_variable_next(evidence.sections[EVIDENCE_SHIM], &at, &variable),
			 1);
	assert_true(rf_slice_equal(variable.contents, rf_slice_text("forbidden")));
	assert_int_equal(evidence_variable_next(evidence.sections[EVIDENCE_SHIM], &at, &variable),
			 0);
	json_t *meta = section_json(EVIDENCE_META);

	assert_string_equal(json_string_value(json_object_get(meta, "boot")), "uefi");
	json_decref(meta);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_host_says_what_is_missing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(shims_lists_come_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(logs_come_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(newer_kernels_name_the_list_by_its_bank, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_value_of_ima_is_left_to_its_list, setup,
						teardown),
		cmocka_unit_test_setup_teardown(boot_files_get_their_digests, setup, teardown),
		cmocka_unit_test_setup_teardown(modules_come_as_facts_have_them, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
