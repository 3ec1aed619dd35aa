/* SPDX-License-Identifier: Apache-2.0 */
/* Prediction of unified kernel images: registers 4 and 11 are those of the boot that then comes,
 * and what is not known is marked. */
#include "story_test.h"

#include "attest/diff.h"
#include "attest/predict_parts.h"

static const char *const names[] = {".linux", ".osrel", ".cmdline", ".initrd", ".uname"};

/* What one section of an image of that version holds. */
static const char *contents(const char *version, const char *section, char out[64])
{
	rf_format(out, 64, "%s of %s", section, version);
	return out;
}

static void add_section(struct log_build *b, const char *name, const char *text)
{
	RF_AUTOBUF struct rf_buf data = {0};
	uint8_t with_nul[16] = {0};

	put_utf16(&data, name);
	put_le(&data, 0, 2);
	memcpy(with_nul, name, strlen(name));
	add_measured(b, 11, IPL, rf_buf_slice(&data),
		     (struct rf_slice){with_nul, strlen(name) + 1});
	add_measured(b, 11, IPL, rf_buf_slice(&data), story_text(text));
}

/* What systemd-boot and the kernel's own stub measure of an image's command line and initrd. */
static void add_handed_on(struct log_build *b, uint32_t pcr, const char *version, const char *name)
{
	char text[64];
	RF_AUTOBUF struct rf_buf data = {0}, options = {0};
	bool cmdline = strcmp(name, ".cmdline") == 0;

	contents(version, name, text);
	if (cmdline)
		assert_true(predict_options(story_text(text), &options));
	if (pcr == 12) {
		add_event(b, pcr, IPL, rf_buf_slice(&options));
		return;
	}
	put_le(&data, cmdline ? 0x8f3b22ed : 0x8f3b22ec, 4);
	put_le(&data, cmdline ? 26 : 13, 4);
	rf_buf_add(&data, cmdline ? "LOADED_IMAGE::LoadOptions" : "Linux initrd",
		   cmdline ? 26 : 13);
	add_measured(b, pcr, EVENT_TAG, rf_buf_slice(&data),
		     cmdline ? rf_buf_slice(&options) : story_text(text));
}

/* A boot of systemd-boot and an image of that version; more: a section that others do not have. */
static void make_boot(const char *version, const char *more, struct log_build *log,
		      struct boot *boot)
{
	char path[128], text[64];

	begin_log(log, ATTEST_SHA1, ATTEST_SHA256, 0);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(log, pcr, SEPARATOR, ZEROS);
	add_image(log, "\\EFI\\systemd\\systemd-bootx64.efi", story_text("systemd-boot"));
	rf_format(path, sizeof(path), "\\EFI\\Linux\\debian-%s.efi", version);
	add_image(log, path, story_text(contents(version, "image", text)));
	add_handed_on(log, 12, version, ".cmdline");
	for (size_t i = 0; i < RF_COUNT(names); i++)
		add_section(log, names[i], contents(version, names[i], text));
	if (more)
		add_section(log, more, "more");
	add_image(log, NULL, story_text(contents(version, "inner", text)));
	add_handed_on(log, 9, version, ".cmdline");
	add_handed_on(log, 9, version, ".initrd");
	const struct boot_logs logs = {.firmware = rf_buf_slice(&log->buf)};

	memset(boot, 0, sizeof(*boot));
	assert_int_equal(boot_read(log->hasher, &logs, boot, NULL), 0);
}

static size_t hash(struct attest_hasher *hasher, const char *text, struct attest_digest out[4])
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		out[i] = (struct attest_digest){.alg = algs[i],
						.len = (uint8_t)attest_digest_size(algs[i])};
		assert_int_equal(
			attest_hash(hasher, algs[i], story_text(text), NOTHING, out[i].bytes), 0);
	}
	return RF_COUNT(algs);
}

static size_t hash_options(struct attest_hasher *hasher, const char *text,
			   struct attest_digest out[4])
{
	RF_AUTOBUF struct rf_buf options = {0};

	size_t count = hash(hasher, "", out);

	assert_true(predict_options(story_text(text), &options));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(attest_hash(hasher, out[i].alg, rf_buf_slice(&options), NOTHING,
					     out[i].bytes),
				 0);
	return count;
}

struct image {
	struct predict_section sections[8];
};

static void put_image(struct attest_hasher *hasher, const char *version, const char *more,
		      struct image *image, struct predict_file *file)
{
	char text[64];

	memset(image, 0, sizeof(*image));
	memset(file, 0, sizeof(*file));
	rf_format(file->path, sizeof(file->path), "/boot/efi/EFI/Linux/debian-%s.efi", version);
	file->image_count = hash(hasher, contents(version, "image", text), file->image);
	file->kernel_count = hash(hasher, contents(version, "inner", text), file->kernel);
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		struct predict_section *s = &image->sections[file->sections_count++];

		rf_copy(s->name, sizeof(s->name), names[i]);
		s->count = hash(hasher, contents(version, names[i], text), s->digests);
		if (strcmp(names[i], ".cmdline") == 0)
			s->options_count = hash_options(hasher, text, s->options);
	}
	if (more) {
		struct predict_section *s = &image->sections[file->sections_count++];

		rf_copy(s->name, sizeof(s->name), more);
		s->count = hash(hasher, "more", s->digests);
	}
	file->sections = image->sections;
}

static bool noted(const struct predict_result *result, const char *words)
{
	for (size_t i = 0; i < result->notes.count; i++) {
		if (strstr(result->notes.lines[i], words))
			return true;
	}
	return false;
}

static void same_register(struct attest_hasher *hasher, const struct boot *a, const struct boot *b,
			  uint32_t pcr, bool same)
{
	static uint8_t left[ATTEST_PCRS][ATTEST_MAX_DIGEST], right[ATTEST_PCRS][ATTEST_MAX_DIGEST];

	assert_int_equal(boot_replay(hasher, a, ATTEST_SHA256, left, NULL), 0);
	assert_int_equal(boot_replay(hasher, b, ATTEST_SHA256, right, NULL), 0);
	assert_int_equal(memcmp(left[pcr], right[pcr], 32) == 0, same);
}

/* The old image and the newer one lie on disk. */
struct scene {
	struct log_build last_log, next_log;
	struct boot last, next;
	struct predict_file files[2];
	struct image images[2];
	struct predict_result result;
	struct rf_err err;
};

static void scene_make(struct scene *s, const char *more)
{
	memset(s, 0, sizeof(*s));
	make_boot("6.1.0-9-amd64", NULL, &s->last_log, &s->last);
	make_boot("6.1.0-10-amd64", more, &s->next_log, &s->next);
	put_image(s->last_log.hasher, "6.1.0-9-amd64", NULL, &s->images[0], &s->files[0]);
	put_image(s->last_log.hasher, "6.1.0-10-amd64", more, &s->images[1], &s->files[1]);
}

static int scene_predict(struct scene *s, size_t files)
{
	const struct predict_input input = {.files = s->files, .files_count = files};

	return predict_boot(s->last_log.hasher, &s->last, &input, &s->result, &s->err);
}

static void scene_done(struct scene *s)
{
	predict_done(&s->result);
	boot_done(&s->last);
	boot_done(&s->next);
	end_log(&s->last_log);
	end_log(&s->next_log);
}

static void a_newer_image_is_predicted(void **state)
{
	struct scene s;

	(void)state;
	scene_make(&s, NULL);
	/* The image, five sections, the kernel in it, its command line twice, its initrd. */
	assert_int_equal(scene_predict(&s, 2), 10);
	for (uint32_t pcr = 0; pcr < 16; pcr++)
		same_register(s.last_log.hasher, &s.result.boot, &s.next, pcr, true);
	assert_false(noted(&s.result, "unknown"));
	scene_done(&s);
	/* Nothing new on disk: nothing changes. */
	scene_make(&s, NULL);
	assert_int_equal(scene_predict(&s, 1), 0);
	same_register(s.last_log.hasher, &s.result.boot, &s.last, 11, true);
	scene_done(&s);
}

static void what_is_not_known_is_marked(void **state)
{
	struct scene s;

	(void)state;
	/* A section more: its place among the others is not guessed. */
	scene_make(&s, ".sbat");
	assert_true(scene_predict(&s, 2) > 0);
	assert_true(noted(&s.result, "PCR 11: unknown: the new image has a section .sbat"));
	same_register(s.last_log.hasher, &s.result.boot, &s.next, 4, true);
	same_register(s.last_log.hasher, &s.result.boot, &s.next, 11, false);
	scene_done(&s);
	/* A section less. */
	scene_make(&s, NULL);
	s.files[1].sections_count--;
	assert_true(scene_predict(&s, 2) > 0);
	assert_true(noted(&s.result, "PCR 11: unknown: the new image has no section .uname"));
	scene_done(&s);
	/* The old image was measured as nobody here computes it. */
	scene_make(&s, NULL);
	s.images[0].sections[0].digests[1].bytes[0] ^= 1;
	s.files[0].kernel[1].bytes[0] ^= 1;
	assert_true(scene_predict(&s, 2) > 0);
	assert_true(noted(&s.result, "PCR 11: unknown: section .linux of the old image"));
	assert_true(noted(&s.result, "PCR 4: unknown: event"));
	scene_done(&s);
	/* A section that both images have, and that this stub does not measure. */
	scene_make(&s, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct predict_section *more = &s.images[i].sections[s.files[i].sections_count++];

		rf_copy(more->name, sizeof(more->name), ".sbat");
	}
	assert_true(scene_predict(&s, 2) > 0);
	assert_false(noted(&s.result, "unknown"));
	same_register(s.last_log.hasher, &s.result.boot, &s.next, 11, true);
	scene_done(&s);
	/* What is handed on is something else than the sections. */
	scene_make(&s, NULL);
	s.images[0].sections[2].options[1].bytes[0] ^= 1;
	s.images[1].sections[3].count = 0;
	assert_true(scene_predict(&s, 2) > 0);
	assert_true(noted(&s.result, "PCR 12: unknown: \""));
	assert_true(
		noted(&s.result, "PCR 9: unknown: \"LOADED_IMAGE::LoadOptions\" is not section"));
	assert_true(noted(&s.result, "PCR 9: unknown: section .initrd of the new image"));
	scene_done(&s);
	/* Not all banks are known. */
	scene_make(&s, NULL);
	s.images[1].sections[3].count = 1;
	assert_true(scene_predict(&s, 2) > 0);
	assert_true(noted(&s.result, "not all digests of section .initrd"));
	scene_done(&s);
}

static void without_an_image_nothing_is_predicted(void **state)
{
	struct scene s;

	(void)state;
	scene_make(&s, NULL);
	assert_int_equal(scene_predict(&s, 0), RF_E_MISSING);
	assert_non_null(strstr(rf_err_text(&s.err), "debian-6.1.0-9-amd64.efi"));
	scene_done(&s);
	scene_make(&s, NULL);
	s.files[0].sections_count = s.files[1].sections_count = 0;
	assert_int_equal(scene_predict(&s, 2), RF_E_MISSING);
	scene_done(&s);
}

/* The stub measures a command line without telling it: no words about words that nobody has. */
static void an_untold_command_line_is_no_other_order(void **state)
{
	struct log_build logs[2];
	struct boot boots[2] = {0};
	struct reasons list = {0};
	size_t told = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin_log(&logs[i], ATTEST_SHA1, ATTEST_SHA256, 0);
		for (uint32_t pcr = 0; pcr < 8; pcr++)
			add_event(&logs[i], pcr, SEPARATOR, ZEROS);
		add_section(&logs[i], ".linux", "the same");
		add_section(&logs[i], ".cmdline",
			    i ? "root=/dev/vda2 init=/bin/sh" : "root=/dev/vda2");
		const struct boot_logs of = {.firmware = rf_buf_slice(&logs[i].buf)};

		assert_int_equal(boot_read(logs[i].hasher, &of, &boots[i], NULL), 0);
	}
	assert_true(boot_diff(&boots[0], &boots[1], &list) >= 0);
	for (size_t i = 0; i < list.count; i++) {
		assert_null(strstr(list.items[i].detail, "another order"));
		told += list.items[i].id == REASON_CMDLINE_CHANGED &&
			strstr(list.items[i].detail, "the log does not tell its words");
	}
	assert_int_equal(told, 1);
	reasons_done(&list);
	for (size_t i = 0; i < 2; i++) {
		boot_done(&boots[i]);
		end_log(&logs[i]);
	}
}

static void options_are_those_of_the_log(void **state)
{
	static const struct {
		const char *text;
		size_t len, bytes; /* 0: none */
	} rows[] = {{"a b", 3, 8},  {"a b\n\0\0", 6, 8}, {"a ", 2, 4},	{"", 0, 2},
		    {"a\nb", 3, 0}, {"\xc3\xa4", 2, 0},	 {"a\0b", 3, 0}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		bool good = predict_options(
			(struct rf_slice){(const uint8_t *)rows[i].text, rows[i].len}, &out);

		if (good != (rows[i].bytes > 0) || (good && out.len != rows[i].bytes))
			fail_msg("row %zu: %d, %zu", i, good, out.len);
	}
}

static void only_what_the_stub_measures(void **state)
{
	(void)state;
	assert_true(predict_is_measured(".linux"));
	assert_true(predict_is_measured(".pcrpkey"));
	assert_false(predict_is_measured(".pcrsig"));
	assert_false(predict_is_measured(".text"));
	assert_false(predict_is_measured(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_image_is_predicted),
		cmocka_unit_test(what_is_not_known_is_marked),
		cmocka_unit_test(without_an_image_nothing_is_predicted),
		cmocka_unit_test(an_untold_command_line_is_no_other_order),
		cmocka_unit_test(options_are_those_of_the_log),
		cmocka_unit_test(only_what_the_stub_measures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
