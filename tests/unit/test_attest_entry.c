/* SPDX-License-Identifier: Apache-2.0 */
/* From any entry of a Debian menu to any other, once or for good: what is predicted is what GRUB
 * then measures. GRUB's part is played by a small copy of what it does with such a file. */
#include "story_test.h"

#include "attest/predict_parts.h"

#define OLD "6.1.0-9-amd64"
#define NEW "6.1.0-10-amd64"

static const char *const versions[] = {NEW, OLD};

/* How the menu stands in the file and what is saved. */
struct setting {
	const char *fallback; /* the default where nothing is asked for once */
	const char *saved, *next;
	bool savedefault, recovery_differs;
};

/* An entry by its place: 0 the first one; else in the submenu, 1 + 2 * version + recovery. */
struct place {
	int entry;
	bool once;
};

static void put_body(struct rf_buf *out, const struct setting *s, const char *version, bool single)
{
	rf_buf_printf(out,
		      "{\n%s\tload_video\n\tif [ x$grub_platform = xxen ]; then insmod xzio; fi\n"
		      "\techo\t'Loading Linux %s ...'\n%s\tlinux\t/boot/vmlinuz-%s "
		      "root=/dev/vda2 ro %s\n\tinitrd\t/boot/initrd.img-%s\n}",
		      s->savedefault ? "\tsavedefault\n" : "", version,
		      single && s->recovery_differs ? "\techo 'a line more'\n" : "", version,
		      single ? "single" : "quiet", version);
}

/* As in the file, or as GRUB measures it. */
static void put_head(struct rf_buf *out, const char *word, const char *title, const char *id,
		     bool measured)
{
	rf_buf_printf(out,
		      measured ? "%s %s --class debian --id %s "
			       : "%s '%s' --class debian "
				 "$menuentry_id_option '%s' ",
		      word, title, id);
}

static void names_of(int entry, char title[64], char id[64])
{
	const char *version = versions[entry > 0 ? (entry - 1) / 2 : 0];
	bool single = entry > 0 && (entry - 1) % 2;

	if (entry == 0) {
		rf_copy(title, 64, "Debian");
		rf_copy(id, 64, "simple");
		return;
	}
	rf_format(title, 64, "Debian, with Linux %s%s", version, single ? " (recovery)" : "");
	rf_format(id, 64, "linux-%s-%s", version, single ? "recovery" : "advanced");
}

static void put_entry(struct rf_buf *out, const struct setting *s, int entry, bool measured)
{
	char title[64], id[64];

	names_of(entry, title, id);
	put_head(out, "menuentry", title, id, measured);
	put_body(out, s, versions[entry > 0 ? (entry - 1) / 2 : 0], entry > 0 && (entry - 1) % 2);
}

static void put_submenu(struct rf_buf *out, const struct setting *s, bool measured)
{
	put_head(out, "submenu", "Advanced options", "advanced", measured);
	rf_buf_add_text(out, "{\n");
	for (int entry = 1; entry <= 4; entry++) {
		rf_buf_add_byte(out, '\t');
		put_entry(out, s, entry, false);
		rf_buf_add_byte(out, '\n');
	}
	rf_buf_add_text(out, "}");
}

static void put_config(struct rf_buf *out, const struct setting *s)
{
	rf_buf_printf(out,
		      "if [ -s $prefix/grubenv ]; then\n  load_env\nfi\n"
		      "if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n"
		      "   set next_entry=\n   save_env next_entry\n   set boot_once=true\nelse\n"
		      "   set default=\"%s\"\nfi\nfunction savedefault {\n"
		      "  if [ -z \"${boot_once}\" ]; then\n    saved_entry=\"${chosen}\"\n"
		      "    save_env saved_entry\n  fi\n}\n",
		      s->fallback);
	put_entry(out, s, 0, false);
	rf_buf_add_byte(out, '\n');
	put_submenu(out, s, false);
	rf_buf_add_byte(out, '\n');
}

static void put_env(struct rf_buf *out, const struct setting *s)
{
	rf_buf_printf(out, "# GRUB Environment Block\nsaved_entry=%s\nnext_entry=%s\n####",
		      s->saved, s->next);
}

/* ---- what GRUB does ---- */

static void say(struct log_build *log, const char *fmt, ...) RF_PRINTF(2, 3);
static void say(struct log_build *log, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_grub(log, "grub_cmd: ", text);
}

static void run_header(struct log_build *log, const struct setting *s)
{
	RF_AUTOBUF struct rf_buf env = {0};
	const char *fallback = strcmp(s->fallback, "${saved_entry}") == 0 ? s->saved : s->fallback;

	put_env(&env, s);
	say(log, "[ -s (hd0,gpt2)/boot/grub/grubenv ]");
	say(log, "load_env");
	add_file(log, 9, "(hd0,gpt2)/boot/grub/grubenv", rf_buf_text(&env));
	say(log, "[ %s ]", s->next);
	say(log, "set default=%s", s->next[0] ? s->next : fallback);
	if (!s->next[0])
		return;
	say(log, "set next_entry=");
	say(log, "save_env next_entry");
	say(log, "set boot_once=true");
}

static void run_entry(struct log_build *log, const struct setting *s, int entry)
{
	const char *version = versions[entry > 0 ? (entry - 1) / 2 : 0];
	bool single = entry > 0 && (entry - 1) % 2;
	char title[64], id[64], text[256];

	names_of(entry, title, id);
	say(log, "setparams %s", title);
	if (s->savedefault) {
		say(log, "savedefault");
		say(log, "[ -z %s ]", s->next[0] ? "true" : "");
		if (!s->next[0]) {
			say(log, "saved_entry=%s%s", entry ? "advanced>" : "", id);
			say(log, "save_env saved_entry");
		}
	}
	say(log, "load_video");
	say(log, "[ xefi = xxen ]");
	say(log, "echo Loading Linux %s ...", version);
	if (single && s->recovery_differs)
		say(log, "echo a line more");
	rf_format(text, sizeof(text), "linux /boot/vmlinuz-%s root=/dev/vda2 ro %s", version,
		  single ? "single" : "quiet");
	say(log, "%s", text);
	add_grub(log, "kernel_cmdline: ", text + strlen("linux "));
	rf_format(text, sizeof(text), "(hd0,gpt2)/boot/vmlinuz-%s", version);
	add_file(log, 9, text, version);
	say(log, "initrd /boot/initrd.img-%s", version);
	rf_format(text, sizeof(text), "(hd0,gpt2)/boot/initrd.img-%s", version);
	add_file(log, 9, text, text);
}

static void make_boot(const struct setting *s, int entry, struct log_build *log, struct boot *boot)
{
	RF_AUTOBUF struct rf_buf config = {0}, first = {0}, submenu = {0};

	put_config(&config, s);
	begin_log(log, ATTEST_SHA1, ATTEST_SHA256, 0);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(log, pcr, SEPARATOR, ZEROS);
	add_file(log, 9, "(hd0,gpt2)/boot/grub/grub.cfg", rf_buf_text(&config));
	run_header(log, s);
	put_entry(&first, s, 0, true);
	add_grub(log, "grub_cmd: ", rf_buf_text(&first));
	put_submenu(&submenu, s, true);
	add_grub(log, "grub_cmd: ", rf_buf_text(&submenu));
	if (entry > 0) {
		say(log, "setparams Advanced options");
		for (int e = 1; e <= 4; e++) {
			RF_AUTOBUF struct rf_buf inner = {0};

			put_entry(&inner, s, e, true);
			add_grub(log, "grub_cmd: ", rf_buf_text(&inner));
		}
	}
	run_entry(log, s, entry);
	const struct boot_logs logs = {.firmware = rf_buf_slice(&log->buf)};

	memset(boot, 0, sizeof(*boot));
	assert_int_equal(boot_read(log->hasher, &logs, boot, NULL), 0);
}

/* ---- the disk, and the prediction ---- */

struct disk {
	struct predict_file files[8];
	size_t count;
	struct rf_buf config, env;
};

static void put_file(struct attest_hasher *hasher, struct disk *disk, const char *path,
		     const char *contents)
{
	story_file(hasher, path, contents, &disk->files[disk->count++]);
}

static void make_disk(struct attest_hasher *hasher, const struct setting *s, struct disk *disk)
{
	char path[256], contents[256];

	memset(disk, 0, sizeof(*disk));
	put_config(&disk->config, s);
	put_env(&disk->env, s);
	put_file(hasher, disk, "/boot/grub/grub.cfg", rf_buf_text(&disk->config));
	put_file(hasher, disk, "/boot/grub/grubenv", rf_buf_text(&disk->env));
	for (size_t v = 0; v < RF_COUNT(versions); v++) {
		rf_format(path, sizeof(path), "/boot/vmlinuz-%s", versions[v]);
		put_file(hasher, disk, path, versions[v]);
		rf_format(path, sizeof(path), "/boot/initrd.img-%s", versions[v]);
		rf_format(contents, sizeof(contents), "(hd0,gpt2)%s", path);
		put_file(hasher, disk, path, contents);
	}
}

static void disk_done(struct disk *disk)
{
	rf_buf_done(&disk->config);
	rf_buf_done(&disk->env);
}

static bool noted(const struct predict_notes *notes, const char *words)
{
	for (size_t i = 0; i < notes->count; i++) {
		if (strstr(notes->lines[i], words))
			return true;
	}
	return false;
}

static void predict(struct attest_hasher *hasher, const struct boot *last, const struct disk *disk,
		    struct predict_result *out)
{
	static struct predict_choices choices;
	static struct grubenv env;

	assert_int_equal(grubenv_parse(rf_buf_slice(&disk->env), &env, NULL), 0);
	assert_int_equal(predict_choose(rf_buf_slice(&disk->config), &env, &choices), 0);
	assert_true(choices.certain);
	const struct predict_input input = {.files = disk->files,
					    .files_count = disk->count,
					    .config = rf_buf_slice(&disk->config),
					    .choice = &choices.items[0]};
	struct rf_err err = {0};
	int rc = predict_boot(hasher, last, &input, out, &err);

	if (rc < 0)
		fail_msg("%s", rf_err_text(&err));
}

static void show_difference(const struct boot *got, const struct boot *wanted)
{
	for (size_t i = 0; i < got->count || i < wanted->count; i++) {
		const char *g = i < got->count ? got->items[i].text : "-";
		const char *w = i < wanted->count ? wanted->items[i].text : "-";

		if (strcmp(g, w) != 0)
			print_message("%zu: %.90s\n   not %.90s\n", i, g, w);
	}
}

/* Where it comes to: 8 and 9 as GRUB then measures them. */
static bool comes_true(struct attest_hasher *hasher, const struct boot *got,
		       const struct boot *wanted)
{
	static uint8_t a[ATTEST_PCRS][ATTEST_MAX_DIGEST], b[ATTEST_PCRS][ATTEST_MAX_DIGEST];

	assert_int_equal(boot_replay(hasher, got, ATTEST_SHA256, a, NULL), 0);
	assert_int_equal(boot_replay(hasher, wanted, ATTEST_SHA256, b, NULL), 0);
	if (memcmp(a, b, sizeof(a)) == 0)
		return true;
	show_difference(got, wanted);
	return false;
}

/* What must be written into the environment block for that entry to start. */
static void ask_for(const struct place *place, struct setting *s, char room[128])
{
	char title[64], id[64];

	names_of(place->entry, title, id);
	rf_format(room, 128, "%s%s", place->entry ? "advanced>" : "", id);
	s->next = place->once ? room : "";
	s->saved = place->once ? "simple" : room;
}

static void from_any_entry_to_any_other(void **state)
{
	size_t tried = 0;

	(void)state;
	for (int i = 0; i < 10 * 10 * 2; i++) {
		const struct place from = {i % 5, i / 5 % 2}, to = {i / 10 % 5, i / 50 % 2};
		struct setting was = {.fallback = "${saved_entry}", .savedefault = i / 100};
		struct setting now = was;
		struct predict_result result = {0};
		struct log_build last_log, next_log;
		struct boot last, next;
		char rooms[2][128];
		struct disk disk;

		ask_for(&from, &was, rooms[0]);
		ask_for(&to, &now, rooms[1]);
		make_boot(&was, from.entry, &last_log, &last);
		make_boot(&now, to.entry, &next_log, &next);
		make_disk(last_log.hasher, &now, &disk);
		predict(last_log.hasher, &last, &disk, &result);
		if (noted(&result.notes, "cannot be predicted") ||
		    !comes_true(last_log.hasher, &result.boot, &next))
			fail_msg("from %d%s to %d%s%s: %s", from.entry, from.once ? " once" : "",
				 to.entry, to.once ? " once" : "",
				 was.savedefault ? ", savedefault" : "", result.notes.lines[0]);
		predict_done(&result);
		boot_done(&last);
		boot_done(&next);
		end_log(&last_log);
		end_log(&next_log);
		disk_done(&disk);
		tried++;
	}
	assert_int_equal(tried, 200);
}

/* What GRUB will do cannot always be worked out; then no note is missing. */
static void what_cannot_be_told_is_said(void **state)
{
	static const struct {
		const char *name;
		struct setting was, now;
		int from, to;
		const char *note;
	} rows[] = {
		{"an entry with a command more",
		 {"0", "", "", false, true},
		 {"advanced>3", "", "", false, true},
		 0,
		 2,
		 "does other things than the entry that started the last time"},
		{"an entry with a command less",
		 {"1>1", "", "", false, true},
		 {"0", "", "", false, true},
		 2,
		 0,
		 "does other things"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct predict_result result = {0};
		struct setting now = rows[i].now;
		struct log_build log;
		struct boot last;
		struct disk disk;

		if (rows[i].to == 2)
			now.fallback = "advanced>linux-" NEW "-recovery";
		make_boot(&rows[i].was, rows[i].from, &log, &last);
		make_disk(log.hasher, &now, &disk);
		predict(log.hasher, &last, &disk, &result);
		if (!noted(&result.notes, rows[i].note) ||
		    !noted(&result.notes, "PCR 8: cannot be predicted"))
			fail_msg("%s: %s", rows[i].name, result.notes.lines[0]);
		predict_done(&result);
		boot_done(&last);
		end_log(&log);
		disk_done(&disk);
	}
}

/* An entry that starts no Linux, and one whose kernel is gone. */
static void an_entry_without_a_kernel(void **state)
{
	static const char *const configs[] = {
		"menuentry Firmware {\n\tfwsetup\n}\n",
		"menuentry Gone {\n\tlinux /boot/vmlinuz-gone ro\n}\n",
	};
	static const char *const words[] = {
		"\"Firmware\" starts no Linux",
		"\"Gone\" starts /boot/vmlinuz-gone, which is not among"};
	const struct setting s = {"0", "", "", false, false};
	static struct predict_choices choices;
	static struct grubenv env;
	struct log_build log;
	struct boot last;
	struct disk disk;

	(void)state;
	make_boot(&s, 0, &log, &last);
	make_disk(log.hasher, &s, &disk);
	for (size_t i = 0; i < RF_COUNT(configs); i++) {
		struct predict_result result = {0};
		struct rf_err err = {0};

		assert_int_equal(predict_choose(story_text(configs[i]), &env, &choices), 0);
		const struct predict_input input = {.files = disk.files,
						    .files_count = disk.count,
						    .config = story_text(configs[i]),
						    .choice = &choices.items[0]};

		assert_int_equal(predict_boot(log.hasher, &last, &input, &result, &err),
				 RF_E_MISSING);
		assert_non_null(strstr(rf_err_text(&err), words[i]));
		predict_done(&result);
	}
	boot_done(&last);
	end_log(&log);
	disk_done(&disk);
}

static void no_memory_is_told(void **state)
{
	struct setting was = {"${saved_entry}", "simple", "", true, false}, now = was;
	static struct predict_choices choices;
	static struct grubenv env;
	struct log_build log;
	struct boot last;
	struct disk disk;
	int rc = -ENOMEM;

	(void)state;
	now.next = "advanced>linux-" OLD "-advanced";
	make_boot(&was, 0, &log, &last);
	make_disk(log.hasher, &now, &disk);
	assert_int_equal(grubenv_parse(rf_buf_slice(&disk.env), &env, NULL), 0);
	assert_int_equal(predict_choose(rf_buf_slice(&disk.config), &env, &choices), 0);
	const struct predict_input input = {.files = disk.files,
					    .files_count = disk.count,
					    .config = rf_buf_slice(&disk.config),
					    .choice = &choices.items[0]};

	for (size_t n = 1; rc == -ENOMEM && n < 3000; n++) {
		struct predict_result result = {0};

		rf_alloc_fail_after(n);
		rc = predict_boot(log.hasher, &last, &input, &result, NULL);
		rf_alloc_fail_after(0);
		predict_done(&result);
	}
	assert_true(rc > 0);
	boot_done(&last);
	end_log(&log);
	disk_done(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_any_entry_to_any_other),
		cmocka_unit_test(what_cannot_be_told_is_said),
		cmocka_unit_test(an_entry_without_a_kernel),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
