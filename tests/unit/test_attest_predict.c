/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prediction: the values that it gives are those of the boot that then comes, register by register;
 * and what cannot be known is said.
 */
#include "story_test.h"

#include "attest/diff.h"
#include "attest/predict_parts.h"

#define NEW "6.1.0-56-amd64"

struct disk {
	struct predict_file files[16];
	size_t count;
	struct attest_hasher *hasher;
};

static void hash_all(struct disk *disk, const char *contents, struct attest_digest *out,
		     size_t *count)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		out[i].alg = algs[i];
		out[i].len = (uint8_t)attest_digest_size(algs[i]);
		assert_int_equal(attest_hash(disk->hasher, algs[i], story_text(contents), NOTHING,
					     out[i].bytes),
				 0);
	}
	*count = RF_COUNT(algs);
}

static void put_file(struct disk *disk, const char *path, const char *contents, const char *image)
{
	struct predict_file *file = &disk->files[disk->count++];

	memset(file, 0, sizeof(*file));
	rf_copy(file->path, sizeof(file->path), path);
	hash_all(disk, contents, file->flat, &file->flat_count);
	if (image)
		hash_all(disk, image, file->image, &file->image_count);
}

/* The disk of a machine, with the old kernel beside the new one. */
static void put_machine(struct disk *disk, const struct machine *m)
{
	char path[128], image[128];

	rf_format(path, sizeof(path), "/boot/vmlinuz-%s", m->version);
	rf_format(image, sizeof(image), "image of %s", m->kernel);
	put_file(disk, path, m->kernel, image);
	rf_format(path, sizeof(path), "/boot/initrd.img-%s", m->version);
	put_file(disk, path, m->initrd, NULL);
}

static void put_loader(struct disk *disk, const struct machine *m)
{
	put_file(disk, "/boot/efi/EFI/debian/grub.cfg", m->config, NULL);
	/* The EFI system partition knows no case. */
	put_file(disk, "/boot/efi/efi/debian/SHIMX64.EFI", "flat shim", m->shim);
	put_file(disk, "/boot/efi/EFI/debian/grubx64.efi", "flat grub", m->grub);
}

static const char new_config[] = "set timeout=0\n"
				 "menuentry 'Debian' {\n"
				 "\tlinux\t/boot/vmlinuz-" NEW " root=/dev/vda2 ro  quiet\n"
				 "\tinitrd /boot/initrd.img-" NEW "\n"
				 "}\n";

static struct machine updated(void)
{
	struct machine m = story_base;

	m.version = NEW;
	m.kernel = "kernel 56";
	m.initrd = "initrd 56";
	m.config = new_config;
	m.grub = "grub of the update";
	return m;
}

struct outcome {
	struct log_build log;
	struct boot last;
	struct predict_result result;
	struct rf_err err;
	int rc;
};

static void predict(struct disk *disk, const struct machine *last, const char *config,
		    const char *version, struct outcome *o)
{
	const struct predict_input input = {.files = disk->files,
					    .files_count = disk->count,
					    .config = config ? story_text(config) : NOTHING,
					    .version = version};

	memset(o, 0, sizeof(*o));
	machine_story(last, &o->log, &o->last);
	o->rc = predict_boot(o->log.hasher, &o->last, &input, &o->result, &o->err);
}

static void outcome_done(struct outcome *o)
{
	boot_done(&o->last);
	predict_done(&o->result);
	end_log(&o->log);
}

static bool noted(const struct outcome *o, const char *words)
{
	for (size_t i = 0; i < o->result.notes.count; i++) {
		if (strstr(o->result.notes.lines[i], words))
			return true;
	}
	return false;
}

static void show_notes(const struct outcome *o)
{
	for (size_t i = 0; i < o->result.notes.count; i++)
		print_message("  note: %s\n", o->result.notes.lines[i]);
}

/* Every register in every bank as the machine then has it. */
static void comes_true(struct outcome *o, const struct machine *next)
{
	static uint8_t expected[ATTEST_PCRS][ATTEST_MAX_DIGEST],
		got[ATTEST_PCRS][ATTEST_MAX_DIGEST];
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};
	struct reasons list = {0};
	struct log_build log;
	struct boot boot;
	char text[1024];

	machine_story(next, &log, &boot);
	for (size_t a = 0; a < RF_COUNT(algs); a++) {
		assert_int_equal(boot_replay(log.hasher, &boot, algs[a], expected, NULL), 0);
		assert_int_equal(boot_replay(log.hasher, &o->result.boot, algs[a], got, NULL), 0);
		assert_memory_equal(expected, got, sizeof(got));
	}
	assert_int_equal(boot_diff(&o->result.boot, &boot, &list), 0);
	diff_words(&list, text, sizeof(text));
	assert_string_equal(text, "nothing changed");
	reasons_done(&list);
	boot_done(&boot);
	end_log(&log);
}

static void disk_init(struct disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	assert_int_equal(attest_hasher_new(&disk->hasher, NULL), 0);
}

static void test_update(void **state)
{
	static const char *const configs[] = {new_config, NULL};
	const struct machine next = updated();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(configs); i++) {
		struct disk disk;
		struct outcome o;

		disk_init(&disk);
		put_machine(&disk, &story_base);
		put_machine(&disk, &next);
		put_loader(&disk, &next);
		predict(&disk, &story_base, configs[i], NULL, &o);
		if (o.rc <= 0)
			fail_msg("%s", rf_err_text(&o.err));
		comes_true(&o, &next);
		/* Without the text of grub.cfg it is an assumption, and called one. */
		assert_int_equal(noted(&o, "its text was not given"), configs[i] == NULL);
		assert_false(noted(&o, "cannot be predicted"));
		outcome_done(&o);
		attest_hasher_free(disk.hasher);
	}
}

/* Nothing was installed: the next boot is the last one. */
static void test_no_update(void **state)
{
	struct disk disk;
	struct outcome o;

	(void)state;
	disk_init(&disk);
	put_machine(&disk, &story_base);
	put_loader(&disk, &story_base);
	predict(&disk, &story_base, "menu", NULL, &o);
	assert_int_equal(o.rc, 0);
	comes_true(&o, &story_base);
	outcome_done(&o);
	attest_hasher_free(disk.hasher);
}

/* Only the initrd was made again. */
static void test_initrd(void **state)
{
	struct machine next = story_base;
	struct disk disk;
	struct outcome o;

	(void)state;
	next.initrd = "initrd with microcode";
	disk_init(&disk);
	put_machine(&disk, &next);
	put_loader(&disk, &next);
	predict(&disk, &story_base, NULL, NULL, &o);
	assert_int_equal(o.rc, 1);
	comes_true(&o, &next);
	outcome_done(&o);
	attest_hasher_free(disk.hasher);
}

/* A version that was asked for, not the newest. */
static void test_version(void **state)
{
	struct machine newest = updated(), next = updated();
	struct disk disk;
	struct outcome o;

	(void)state;
	newest.version = "6.1.0-100-amd64";
	newest.kernel = "kernel 100";
	disk_init(&disk);
	put_machine(&disk, &newest);
	put_machine(&disk, &next);
	put_loader(&disk, &next);
	predict(&disk, &story_base, NULL, NEW, &o);
	assert_true(o.rc > 0);
	comes_true(&o, &next);
	outcome_done(&o);
	predict(&disk, &story_base, NULL, NULL, &o);
	assert_true(o.rc > 0);
	assert_non_null(
		strstr(o.result.boot.items[o.result.boot.count - 3].text, "6.1.0-100-amd64"));
	outcome_done(&o);
	predict(&disk, &story_base, NULL, "6.1.0-57-amd64", &o);
	assert_int_equal(o.rc, RF_E_MISSING);
	outcome_done(&o);
	attest_hasher_free(disk.hasher);
}

/* What cannot be known is said, and named by its register. */
static void test_honest(void **state)
{
	static const struct {
		const char *name, *config, *words;
	} rows[] = {
		{"other options in the new entry",
		 "menuentry 'x' {\nlinux /boot/vmlinuz-" NEW " root=/dev/vda2 ro\ninitrd "
		 "/boot/initrd.img-" NEW "\n}\n",
		 "\"linux /boot/vmlinuz-6.1.0-55-amd64 root=/dev/vda2 ro quiet\" with the new "
		 "version does not stand in"},
		{"one entry more",
		 "menuentry 'x' {\nlinux /boot/vmlinuz-" NEW " root=/dev/vda2 ro quiet\ninitrd "
		 "/boot/initrd.img-" NEW "\n}\nmenuentry 'y' { }\n",
		 "another number of entries"},
		{"a version that only begins alike",
		 "menuentry 'x' {\nlinux /boot/vmlinuz-" NEW "0 root=/dev/vda2 ro quiet\n}\n",
		 "does not stand in"},
	};
	const struct machine next = updated();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct disk disk;
		struct outcome o;

		disk_init(&disk);
		put_machine(&disk, &next);
		put_loader(&disk, &next);
		predict(&disk, &story_base, rows[i].config, NULL, &o);
		assert_true(o.rc > 0);
		if (!noted(&o, rows[i].words) || !noted(&o, "PCR 8: cannot be predicted")) {
			print_message("%s\n", rows[i].name);
			show_notes(&o);
		}
		assert_true(noted(&o, rows[i].words));
		assert_true(noted(&o, "PCR 8: cannot be predicted"));
		outcome_done(&o);
		attest_hasher_free(disk.hasher);
	}
}

static void test_missing(void **state)
{
	const struct machine next = updated();
	struct machine odd = story_base;
	struct disk disk;
	struct outcome o;

	(void)state;
	disk_init(&disk);
	predict(&disk, &story_base, NULL, NULL, &o);
	assert_int_equal(o.rc, RF_E_MISSING);
	assert_non_null(strstr(rf_err_text(&o.err), "/boot/vmlinuz-6.1.0-55-amd64"));
	outcome_done(&o);
	/* The kernel's file, and nothing that tells its image. */
	put_file(&disk, "/boot/vmlinuz-" NEW, "kernel 56", NULL);
	predict(&disk, &story_base, NULL, NULL, &o);
	assert_true(o.rc > 0);
	assert_true(noted(&o, "PCR 4: the digest of /boot/vmlinuz-" NEW));
	assert_true(noted(&o, "/boot/initrd.img-" NEW " is not among the files"));
	assert_true(noted(&o, "/EFI/debian/shimx64.efi is not among the files"));
	outcome_done(&o);
	/* An old kernel whose image was measured in a way that we do not compute. */
	disk.count = 0;
	put_file(&disk, "/boot/vmlinuz-6.1.0-55-amd64", "kernel 55", "something else");
	put_machine(&disk, &next);
	predict(&disk, &story_base, NULL, NULL, &o);
	assert_true(noted(&o, "PCR 4: the image of the old kernel was measured in another way"));
	outcome_done(&o);
	/* A bank that the files' digests do not cover. */
	odd.alg = ATTEST_SHA384;
	predict(&disk, &odd, NULL, NULL, &o);
	assert_true(noted(&o, "not all of its digests are known"));
	outcome_done(&o);
	attest_hasher_free(disk.hasher);
}

static void test_versions(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} rows[] = {{"6.1.0-9", "6.1.0-10", -1},
		    {"6.1.0-55", "6.1.0-55", 0},
		    {"6.10", "6.9", 1},
		    {"6.1", "6.1.0", -1},
		    {"6.01", "6.1", 0},
		    {"", "1", -1},
		    {"a", "b", -1},
		    {"99999999999999999999", "100000000000000000000", -1}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		int order = predict_version_compare(rows[i].a, rows[i].b);

		assert_int_equal(order < 0 ? -1 : order > 0, rows[i].order);
		order = predict_version_compare(rows[i].b, rows[i].a);
		assert_int_equal(order < 0 ? -1 : order > 0, -rows[i].order);
	}
}

static void test_substitute(void **state)
{
	static const struct {
		const char *text, *from, *to, *out;
		size_t found;
	} rows[] = {{"a-1.0 b-1.0", "1.0", "2.0", "a-2.0 b-2.0", 2},
		    {"a-1.05", "1.0", "2.0", "a-1.05", 0},
		    {"a-21.0", "1.0", "2.0", "a-21.0", 0},
		    {"a-1.0.5", "1.0", "2.0", "a-2.0.5", 1},
		    {"", "1.0", "2.0", "", 0},
		    {"abc", "", "x", "abc", 0}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		assert_int_equal(predict_substitute(story_text(rows[i].text), rows[i].from,
						    rows[i].to, &out),
				 rows[i].found);
		assert_string_equal(rf_buf_text(&out), rows[i].out);
	}
}

static void test_config(void **state)
{
	static const struct {
		const char *config;
		size_t entries;
	} rows[] = {
		{"", 0},
		{"menuentry", 0},
		{"menuentry 'a' {\n}\n", 1},
		{"# menuentry 'a' {\nmenuentry \"b\" {\n}\nsubmenu c {\n menuentry d { }\n}\n", 2},
		{"set a='menuentry b {'\n", 0},
		{"if x; then\nmenuentry a { }\nfi; menuentry b { }\n", 2},
		{"menuentry 'a", 0}, /* it has no end: none */
		{"}}}menuentry a {", 0},
		{"\"\\", 0}};
	RF_AUTOFREE char *flat = predict_config_flat(
		story_text("menuentry 'Debian GNU'  --class debian $menuentry_id_option \"x\" {\n"
			   "\tlinux   /v ro\n}"));

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		assert_int_equal(predict_config_entries(story_text(rows[i].config)),
				 rows[i].entries);
	assert_non_null(flat);
	assert_true(predict_config_has(flat, story_text("linux /v ro")));
	assert_false(predict_config_has(flat, story_text("linux /v")));
	assert_false(predict_config_has(flat, story_text("/v ro")));
	assert_true(predict_config_has(
		flat,
		story_text("menuentry Debian GNU --class debian --id x {\n\tlinux /v ro\n}")));
}

static void test_memory(void **state)
{
	const struct machine next = updated();
	struct disk disk;
	int rc = -ENOMEM;

	(void)state;
	disk_init(&disk);
	put_machine(&disk, &next);
	put_loader(&disk, &next);
	for (size_t n = 1; rc == -ENOMEM && n < 2000; n++) {
		const struct predict_input input = {.files = disk.files,
						    .files_count = disk.count,
						    .config = story_text(new_config)};
		struct outcome o = {0};

		machine_story(&story_base, &o.log, &o.last);
		rf_alloc_fail_after(n);
		rc = predict_boot(o.log.hasher, &o.last, &input, &o.result, &o.err);
		rf_alloc_fail_after(0);
		outcome_done(&o);
	}
	assert_true(rc > 0);
	attest_hasher_free(disk.hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update),	 cmocka_unit_test(test_no_update),
		cmocka_unit_test(test_initrd),	 cmocka_unit_test(test_version),
		cmocka_unit_test(test_honest),	 cmocka_unit_test(test_missing),
		cmocka_unit_test(test_versions), cmocka_unit_test(test_substitute),
		cmocka_unit_test(test_config),	 cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
