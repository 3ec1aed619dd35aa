/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest baseline predict: what the next boot will measure, from the last one and the
 * boot files that lie on disk now. The predicted boot waits in the baseline for somebody's
 * approval.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/diff.h"
#include "attest/pe.h"
#include "attest/predict.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/baseline_file.h"
#include "cli/common.h"
#include "cli/file_digest.h"
#include "cli/rows.h"
#include "cli/story.h"

#define FILE_BYTES_MAX (256u << 20)
#define ALL_BYTES_MAX  (2048LL << 20)
#define DEPTH_MAX      8u
#define CONFIG_MAX     (1u << 20)
#define SETTINGS_MAX   65536u

static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};

struct job {
	struct attest_hasher *hasher;
	struct sys *sys;
	struct baseline *baseline;
	struct story story; /* of the evidence, if one was given */
	const struct boot *last;
	const char *last_name;
	struct predict_file *files;
	size_t files_count;
	int64_t bytes;
	struct rf_buf config;
	struct grubenv *env; /* NULL: it is there and could not be read */
	struct predict_choices *choices;
};

static void job_done(struct job *job)
{
	rf_free(job->env);
	rf_free(job->choices);
	rf_buf_done(&job->config);
	for (size_t i = 0; i < job->files_count; i++)
		rf_free((void *)(uintptr_t)job->files[i].sections);
	rf_free(job->files);
	story_done(&job->story);
	baseline_free(job->baseline);
	sys_close(job->sys);
}

/* ---- files ---- */

/* How many digests there are: all, or none where hashing failed. */
static size_t hash_all(struct job *job, struct rf_slice bytes, struct attest_digest out[4])
{
	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		out[i].alg = algs[i];
		out[i].len = (uint8_t)attest_digest_size(algs[i]);
		if (attest_hash(job->hasher, algs[i], bytes, (struct rf_slice){0}, out[i].bytes) <
		    0)
			return 0;
	}
	return RF_COUNT(algs);
}

static int hash_flat(struct job *job, struct rf_slice bytes, struct predict_file *file)
{
	file->flat_count = hash_all(job, bytes, file->flat);
	return file->flat_count ? 0 : RF_E_CRYPTO;
}

static void hash_options(struct job *job, struct rf_slice cmdline, struct predict_section *section)
{
	RF_AUTOBUF struct rf_buf options = {0};

	if (predict_options(cmdline, &options))
		section->options_count = hash_all(job, rf_buf_slice(&options), section->options);
}

/* Sections of a unified kernel image, and its kernel as an image. */
static void hash_sections(struct job *job, const struct pe *pe, struct predict_file *file)
{
	RF_AUTOFREE struct pe *inner = rf_alloc(1, sizeof(*inner));
	struct rf_slice kernel = pe_section_find(pe, ".linux");
	struct predict_section *sections =
		kernel.data ? rf_alloc(pe->sections_count, sizeof(*sections)) : NULL;

	if (!sections || !inner) {
		rf_free(sections);
		return;
	}
	for (size_t i = 0; i < pe->sections_count; i++) {
		struct predict_section *s = &sections[file->sections_count];

		if (!predict_is_measured(pe->sections[i].name))
			continue;
		file->sections_count++;
		rf_copy(s->name, sizeof(s->name), pe->sections[i].name);
		s->count = hash_all(job, pe->sections[i].data, s->digests);
		if (strcmp(s->name, ".cmdline") == 0)
			hash_options(job, pe->sections[i].data, s);
	}
	file->sections = sections;
	for (size_t i = 0; pe_open(kernel, inner, NULL) == 0 && i < RF_COUNT(algs); i++) {
		if (pe_digest(job->hasher, inner, algs[i], PE_AS_MEASURED,
			      &file->kernel[file->kernel_count]) == 0)
			file->kernel_count++;
	}
}

/* Most files are no programs; a program that cannot be read has no such digest. */
static void hash_image(struct job *job, struct rf_slice bytes, struct predict_file *file)
{
	RF_AUTOFREE struct pe *pe = rf_alloc(1, sizeof(*pe));

	if (!pe || bytes.len < 2 || bytes.data[0] != 'M' || bytes.data[1] != 'Z' ||
	    pe_open(bytes, pe, NULL) < 0)
		return;
	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		if (pe_digest(job->hasher, pe, algs[i], PE_AS_MEASURED,
			      &file->image[file->image_count]) == 0)
			file->image_count++;
	}
	hash_sections(job, pe, file);
}

/* Asks for the digests; where nobody answers, as in a folder with a host's files, hashes here. */
static int add_file(struct job *job, const char *path, const struct sys_stat *st,
		    struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct predict_file *file = &job->files[job->files_count];

	if (job->files_count == PREDICT_MAX_FILES || st->size_bytes > FILE_BYTES_MAX ||
	    job->bytes + st->size_bytes > ALL_BYTES_MAX)
		return 0;
	job->bytes += st->size_bytes;
	file->flat_count = file_digest_ask(job->sys, path, file->flat);
	bool asked = file->flat_count > 0;
	int rc = asked ? sys_probe(job->sys, "boot-image", path, &bytes, NULL)
		       : file_digest_read(job->sys, path, FILE_BYTES_MAX, &bytes);

	/* A file that cannot be read is missing from the prediction, and that is said there. One
	 * that is no program has no image. */
	if ((rc < 0 && !asked) || !rf_copy(file->path, sizeof(file->path), path))
		return 0;
	job->files_count++;
	if (!asked && hash_flat(job, rf_buf_slice(&bytes), file) < 0)
		return rf_fail(err, RF_E_CRYPTO, "%s could not be hashed", path);
	if (rc == 0)
		hash_image(job, rf_buf_slice(&bytes), file);
	return 0;
}

/* Depth is bounded, symbolic links are not followed. */
static int walk(struct job *job, const char *dir, unsigned depth, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = 0;

	if (depth > DEPTH_MAX || sys_list(job->sys, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		char path[RF_MAX_PATH_BYTES];
		struct sys_stat st;

		if (!rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]) ||
		    sys_stat(job->sys, path, &st) < 0)
			continue;
		if (st.type == S_IFDIR)
			rc = walk(job, path, depth + 1, err);
		else if (st.type == S_IFREG)
			rc = add_file(job, path, &st, err);
	}
	return rc;
}

/* The environment block beside a configuration. One that is not there is empty, for GRUB too. */
static int read_env(struct job *job, const struct predict_file *config, struct rf_err *why)
{
	RF_AUTOBUF struct rf_buf block = {0};
	const char *slash = strrchr(config->path, '/');
	char path[640];

	if (!slash || !rf_format(path, sizeof(path), "%.*s/grubenv", (int)(slash - config->path),
				 config->path))
		return 0;
	int rc = sys_read(job->sys, path, GRUBENV_MAX_BYTES, &block, why);

	if (rc == -ENOENT || rc == RF_E_MISSING)
		return 0;
	return rc < 0 ? rc : grubenv_parse(rf_buf_slice(&block), job->env, why);
}

/* The text of every configuration that the boot loader read the last time, and what it remembers
 * between boots. */
static void read_config(struct job *job)
{
	struct rf_err why = {0};
	const struct predict_input input = {.files = job->files, .files_count = job->files_count};

	for (size_t i = 0; i < job->last->count; i++) {
		const struct boot_item *item = &job->last->items[i];
		const struct predict_file *file =
			item->pcr == 9 && diff_is_config(item->name)
				? predict_find_file(&input, diff_path(item->text))
				: NULL;

		if (!file || sys_read(job->sys, file->path, CONFIG_MAX, &job->config, NULL) < 0)
			continue;
		rf_buf_add_byte(&job->config, '\n');
		if (job->env && job->env->count == 0 && read_env(job, file, &why) < 0) {
			rf_free(job->env);
			job->env = NULL;
			fprintf(stderr, "ringfence: grubenv: %s\n", rf_err_text(&why));
		}
	}
}

static int read_files(struct job *job, struct rf_err *err)
{
	job->files = rf_alloc(PREDICT_MAX_FILES, sizeof(*job->files));
	job->env = rf_alloc(1, sizeof(*job->env));
	job->choices = rf_alloc(1, sizeof(*job->choices));
	if (!job->files || !job->env || !job->choices)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = walk(job, "/boot", 0, err);

	if (rc == 0)
		rc = walk(job, "/efi", 0, err);
	if (rc == 0 && job->files_count == 0)
		rc = rf_fail(err, RF_E_MISSING,
			     "nothing below /boot could be read; run it as root on the host, or "
			     "give --from");
	if (rc == 0)
		read_config(job);
	return rc;
}

/* ---- what is set and does not count yet ---- */

/* GRUB_DEFAULT of /etc/default/grub; "" when it is not set there, or not as a plain text. */
static void read_setting(struct job *job, char *out, size_t size)
{
	static const char name[] = "GRUB_DEFAULT=";
	RF_AUTOBUF struct rf_buf text = {0};

	out[0] = '\0';
	if (sys_read(job->sys, "/etc/default/grub", SETTINGS_MAX, &text, NULL) < 0 || !text.len)
		return;
	for (char *cursor = (char *)text.data, *line; (line = rf_line_next(&cursor));) {
		char *value = rf_trim(line);

		if (!rf_starts(value, name))
			continue;
		value += sizeof(name) - 1;
		bool quoted = value[0] == '"' || value[0] == '\'';
		const char end[] = {quoted ? value[0] : ' ', '\0'};

		value += quoted;
		value[strcspn(value, end)] = '\0';
		rf_copy(out, size, strpbrk(value, "$`\\") ? "" : value);
	}
}

/* An administrator who changed the setting may take it for granted. */
static void note_setting(struct job *job)
{
	char setting[GRUBENV_MAX_VALUE], line[GRUBENV_MAX_VALUE + 32];
	const char *config = rf_buf_text(&job->config);

	read_setting(job, setting, sizeof(setting));
	rf_format(line, sizeof(line), "set default=\"%s\"",
		  strcmp(setting, "saved") == 0 ? "${saved_entry}" : setting);
	if (!setting[0] || !job->choices->count || strstr(config, line))
		return;
	RF_AUTOFREE char *note = rf_asprintf(
		"/etc/default/grub says GRUB_DEFAULT=%s, grub.cfg does not: it counts once update-grub "
		"(Red Hat: grub2-mkconfig) was run; predict again then",
		setting);

	if (note)
		story_print_wrapped(stdout, "note: ", 6, note);
}

/* ---- which boot was the last ---- */

static int find_last(struct job *job, struct rf_err *err)
{
	const struct baseline_boot *boot, *last = NULL;

	if (job->story.path) {
		job->last = &job->story.boot;
		job->last_name = job->story.path;
		return job->last->count
			       ? 0
			       : rf_fail(err, RF_E_MISSING, "%s holds no boot", job->story.path);
	}
	for (size_t i = 0; (boot = baseline_boot_at(job->baseline, i)); i++) {
		if (boot->approved_by && (!last || boot->approved_at_ms >= last->approved_at_ms))
			last = boot;
	}
	if (!last)
		return rf_fail(
			err, RF_E_MISSING,
			"no boot of the baseline is approved; give the last boot's evidence");
	job->last = &last->boot;
	job->last_name = last->name;
	return 0;
}

/* ---- the screen ---- */

static uint16_t shown_alg(const struct boot *boot)
{
	static const uint16_t order[] = {ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA1};

	for (size_t a = 0; a < RF_COUNT(order); a++) {
		for (size_t i = 0; i < boot->count; i++) {
			if (boot_item_digest(&boot->items[i], order[a]))
				return order[a];
		}
	}
	return ATTEST_SHA256;
}

static int print_values(struct job *job, const struct boot *next, struct rf_err *err)
{
	static uint8_t was[ATTEST_PCRS][ATTEST_MAX_DIGEST], now[ATTEST_PCRS][ATTEST_MAX_DIGEST];
	uint16_t alg = shown_alg(next);
	char name[16];
	int rc = boot_replay(job->hasher, job->last, alg, was, err);

	if (rc == 0)
		rc = boot_replay(job->hasher, next, alg, now, err);
	if (rc < 0)
		return rc;
	printf("\nRegisters of the TPM (PCRs) that will have another value (%s):\n",
	       attest_alg_name(alg, name));
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		RF_AUTOBUF struct rf_buf hex = {0};

		if (memcmp(was[pcr], now[pcr], ATTEST_MAX_DIGEST) == 0)
			continue;
		rf_buf_add_hex(&hex, now[pcr], attest_digest_size(alg));
		printf("  PCR %-2u  %s  %s\n", pcr, rf_buf_text(&hex), reason_pcr_title(pcr));
	}
	return 0;
}

static void print_notes(const struct predict_notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		story_print_wrapped(stdout, "note: ", 6, notes->lines[i]);
	if (notes->dropped)
		printf("note: and %zu notes more\n", notes->dropped);
}

static int print(struct job *job, const struct predict_choice *choice,
		 const struct predict_result *result, struct rf_err *err)
{
	struct reasons list = {0};
	char sentence[2048];
	int rc = boot_diff(job->last, &result->boot, &list);

	if (rc < 0)
		return rf_fail(err, rc, "%s", rf_code_text(rc));
	printf("Next boot, compared with \"%s\":\n", job->last_name);
	if (choice)
		printf("  GRUB starts \"%s\"%s\n", choice->title,
		       choice->once ? ", for one boot, as was asked for (next_entry)" : "");
	story_print_wrapped(stdout, "  ", 2, diff_words(&list, sentence, sizeof(sentence)));
	reasons_done(&list);
	rc = print_values(job, &result->boot, err);
	fputc('\n', stdout);
	print_notes(&result->notes);
	return rc;
}

/* ---- the command ---- */

static int read_all(const struct cli_args *args, struct job *job, struct rf_err *err)
{
	int rc = story_baseline(args->words[0], &job->baseline, err);

	if (rc == 0 && args->words_count > 1)
		rc = story_read(job->hasher, args->words[1], &job->story, err);
	if (rc == 0)
		rc = find_last(job, err);
	if (rc == 0)
		rc = common_open_source(args, &job->sys, err);
	return rc == 0 ? read_files(job, err) : rc;
}

/* Keeps a predicted boot for approval. The second and later ones have a number behind the name. */
static int keep(const struct cli_args *args, struct job *job, const struct boot *next,
		size_t number, struct rf_err *err)
{
	const char *name = cli_value(args, OPT_NAME), *path = args->words[0];
	char numbered[256];

	name = name ? name : "next";
	rf_format(numbered, sizeof(numbered), number > 1 ? "%s (%zu)" : "%s", name, number);
	int rc = baseline_add_boot(job->baseline, numbered, true, next, err);

	if (rc == 0)
		rc = baseline_file_write(job->baseline, path, err);
	if (rc == 0)
		printf("\nAdded to %s as \"%s\". It counts once somebody answers for it:\n"
		       "  ringfence attest baseline approve %s \"%s\" --by \"YOUR NAME\"\n",
		       path, numbered, path, numbered);
	return rc;
}

/* One entry of the boot loader's menu; NULL where nobody knows which. */
static int predict_one(const struct cli_args *args, struct job *job,
		       const struct predict_choice *choice, size_t number, struct rf_err *err)
{
	const struct predict_input input = {.files = job->files,
					    .files_count = job->files_count,
					    .config = rf_buf_slice(&job->config),
					    .choice = choice};
	struct predict_result result = {0};
	int rc = predict_boot(job->hasher, job->last, &input, &result, err);
	bool changed = rc > 0;

	if (rc >= 0)
		rc = print(job, choice, &result, err);
	if (rc == 0 && changed)
		rc = keep(args, job, &result.boot, number, err);
	predict_done(&result);
	return rc;
}

/* Each entry that may start. One that starts no Linux keeps the others from nothing. */
static int predict(const struct cli_args *args, struct job *job, struct rf_err *err)
{
	struct predict_choices *choices = job->choices;
	size_t done = 0;
	int rc = predict_choose(rf_buf_slice(&job->config), job->env, choices);

	if (rc < 0)
		return rf_fail(err, rc, "%s", rf_code_text(rc));
	if (choices->count > 1)
		printf("Which entry of its menu GRUB starts is not certain: %zu are predicted.\n\n",
		       choices->count);
	for (size_t i = 0; i < choices->count; i++) {
		rc = predict_one(args, job, &choices->items[i], done + 1, err);
		if (rc == RF_E_MISSING && choices->count > 1)
			printf("note: %s\n", rf_err_text(err));
		else if (rc < 0)
			return rc;
		done += rc == 0;
		if (i + 1 < choices->count)
			fputc('\n', stdout);
	}
	if (choices->count == 0)
		rc = predict_one(args, job, NULL, 1, err);
	if (rc == 0 || done) {
		if (done > 1)
			fputc('\n', stdout);
		print_notes(&choices->notes);
		note_setting(job);
		if (choices->dropped)
			printf("note: %zu more entries of the menu may start and are not "
			       "predicted\n",
			       choices->dropped);
	}
	return done ? 0 : rc;
}

int cmd_attest_baseline_predict(const struct cli_args *args, struct rf_err *err)
{
	struct job job = {0};
	int rc = attest_hasher_new(&job.hasher, err);

	if (rc == 0)
		rc = read_all(args, &job, err);
	if (rc == 0)
		rc = baseline_file_lock_in(args->words[0], cli_has(args, OPT_QUIET), err);
	if (rc == 0)
		rc = predict(args, &job, err);
	attest_hasher_free(job.hasher);
	job_done(&job);
	return rc;
}
