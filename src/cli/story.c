/* SPDX-License-Identifier: Apache-2.0 */
/* A boot's story out of a file, and reasons on the screen. See story.h. */
#include <errno.h>
#include <string.h>

#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "cli/story.h"

/* ---- files ---- */

/* A baseline is text; logs begin with a register's number. */
static bool is_text(struct rf_slice bytes)
{
	size_t look = bytes.len < 64 ? bytes.len : 64;

	return look > 0 && !memchr(bytes.data, 0, look);
}

static int open_ima(struct rf_slice bytes, uint16_t alg, struct story *out, struct rf_err *err)
{
	int rc = ima_open(bytes, (uint8_t)attest_digest_size(alg), &out->ima, err);

	out->has_ima = rc == 0;
	return rc < 0 ? rf_wrap(err, rc, "IMA list") : 0;
}

static int read_evidence(struct attest_hasher *hasher, struct story *out, struct rf_err *err)
{
	int rc = evidence_parse(rf_buf_slice(&out->file), &out->evidence, err);

	if (rc < 0)
		return rc;
	const struct boot_logs logs = boot_logs_of(&out->evidence);
	struct rf_slice ima = out->evidence.sections[EVIDENCE_IMA];

	rc = boot_read(hasher, &logs, &out->boot, err);
	if (rc == 0 && ima.len > 2)
		rc = open_ima((struct rf_slice){ima.data + 2, ima.len - 2},
			      (uint16_t)(ima.data[0] | ima.data[1] << 8), out, err);
	return rc;
}

static int read_kind(struct attest_hasher *hasher, struct story *out, struct rf_err *err)
{
	struct rf_slice bytes = rf_buf_slice(&out->file);
	uint16_t alg = ima_list_alg(bytes);
	struct boot_logs logs = {.firmware = bytes};

	if (evidence_is(bytes)) {
		out->kind = STORY_EVIDENCE;
		return read_evidence(hasher, out, err);
	}
	if (alg) {
		out->kind = STORY_IMA_LIST;
		return open_ima(bytes, alg, out, err);
	}
	out->kind = STORY_BOOT_LOG;
	return boot_read(hasher, &logs, &out->boot, err);
}

int story_read(struct attest_hasher *hasher, const char *path, struct story *out,
	       struct rf_err *err)
{
	out->path = path;
	int rc = common_read_file(path, EVIDENCE_MAX_BYTES, &out->file, err);

	if (rc < 0)
		return rc;
	if (is_text(rf_buf_slice(&out->file)) && !evidence_is(rf_buf_slice(&out->file))) {
		out->kind = STORY_BASELINE;
		return story_baseline(path, &out->baseline, err);
	}
	rc = read_kind(hasher, out, err);
	return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

void story_done(struct story *story)
{
	boot_done(&story->boot);
	baseline_free(story->baseline);
	rf_buf_done(&story->file);
	memset(story, 0, sizeof(*story));
}

/* A file beside the baseline, where its name is not absolute. */
static int read_beside(const char *baseline, const char *name, struct rf_buf *out,
		       struct rf_err *err)
{
	const char *slash = strrchr(baseline, '/');
	RF_AUTOFREE char *path =
		name[0] == '/' || !slash
			? rf_strdup(name)
			: rf_asprintf("%.*s/%s", (int)(slash - baseline), baseline, name);

	if (!path)
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	return common_read_file(path, BASELINE_MAX_FILE_BYTES, out, err);
}

int story_baseline(const char *path, struct baseline **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct baseline *baseline = NULL;
	int rc = common_read_file(path, BASELINE_MAX_BYTES, &text, err);

	if (rc == 0)
		rc = baseline_load(rf_buf_slice(&text), path, &baseline, err);
	for (size_t i = 0; rc == 0 && i < baseline_files_count(baseline); i++) {
		RF_AUTOBUF struct rf_buf file = {0};

		rc = read_beside(path, baseline_file_at(baseline, i), &file, err);
		if (rc == 0)
			rc = baseline_give_file(baseline, i, rf_buf_slice(&file), err);
		if (rc < 0)
			rc = rf_wrap(err, rc, "%s", path);
	}
	if (rc < 0)
		baseline_free(baseline);
	else
		*out = baseline;
	return rc;
}

/* ---- the screen ---- */

#define INDENT 10u /* a severity and two blanks */

void story_print_wrapped(FILE *out, const char *head, unsigned indent, const char *text)
{
	unsigned width = rows_width(), column = indent;

	fputs(head, out);
	while (*text) {
		size_t len = strcspn(text, " ");
		RF_AUTOFREE char *word = rf_strndup(text, len);
		unsigned wide = word ? (unsigned)rf_width(word) : (unsigned)len;

		if (column > indent && column + 1 + wide > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += wide;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static const char *color_of(enum reason_severity severity, bool color)
{
	static const char *const colors[] = {
		[REASON_INFO] = "\033[2m",	  [REASON_LOW] = "\033[36m",
		[REASON_MEDIUM] = "\033[33m",	  [REASON_HIGH] = "\033[31m",
		[REASON_CRITICAL] = "\033[1;31m",
	};

	return color ? colors[severity] : "";
}

void story_print_registers(FILE *out, uint32_t pcrs)
{
	if (!pcrs)
		return;
	fputs("\nPCRs are registers of the TPM chip that record what was started. Here:\n", out);
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (pcrs & 1u << pcr)
			fprintf(out, "  PCR %-2u  %s\n", pcr, reason_pcr_title(pcr));
	}
}

/* Would the next reason say the same next step? */
static bool same_next(const struct reason *a, const struct reason *b)
{
	return a->id == b->id && a->next == b->next && !b->allowed_by[0];
}

void story_print_reasons(FILE *out, const struct reasons *list, bool color)
{
	char text[1280], head[64];
	uint32_t pcrs = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct reason *r = &list->items[i];
		const struct reason_class *row = reason_class_of(r->id);

		pcrs |= r->pcrs | (r->pcr < ATTEST_PCRS ? 1u << r->pcr : 0);
		rf_format(head, sizeof(head), "%s%-8s%s  ", color_of(row->severity, color),
			  reason_severity_name(row->severity), color ? "\033[0m" : "");
		fputc('\n', out);
		story_print_wrapped(out, head, INDENT, reason_words(r, text, sizeof(text)));
		/* Many files of one kind: one next step behind the last of them. */
		if (!r->allowed_by[0] && i + 1 < list->count && same_next(r, &list->items[i + 1]))
			continue;
		rf_format(text, sizeof(text), "%s%s",
			  r->allowed_by[0] ? "allowed by the rule: " : "next: ",
			  r->allowed_by[0] ? r->allowed_by : reason_next(r));
		story_print_wrapped(out, "          ", INDENT, text);
	}
	if (list->dropped)
		fprintf(out, "\n... and %zu reasons more, for which there was no room\n",
			list->dropped);
	story_print_registers(out, pcrs);
}

static json_t *digest_json(const struct attest_digest *digest)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char name[16];

	if (!digest->alg)
		return json_null();
	rf_buf_printf(&text, "%s:", attest_alg_name(digest->alg, name));
	rf_buf_add_hex(&text, digest->bytes, digest->len);
	return json_string(rf_buf_text(&text));
}

static json_t *place_json(uint32_t place)
{
	return place == REASON_NOWHERE ? json_null() : json_integer(place);
}

json_t *story_reason_json(const struct reason *r)
{
	const struct reason_class *row = reason_class_of(r->id);
	json_t *pcrs = json_array();
	char title[256];
	uint32_t mask = r->pcrs | (r->pcr < ATTEST_PCRS ? 1u << r->pcr : 0);

	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (mask & 1u << pcr)
			json_array_append_new(pcrs, json_integer(pcr));
	}
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
			  "reason", row->id, "severity", reason_severity_name(row->severity),
			  "title", reason_title(r, title, sizeof(title)), "part",
			  r->component ? eventlog_component_name(r->component) : "", "subject",
			  r->subject, "was", r->was, "now", r->now, "detail", r->detail, "next",
			  reason_next(r), "pcrs", pcrs, "was_digest", digest_json(&r->was_digest),
			  "now_digest", digest_json(&r->now_digest), "event", place_json(r->event),
			  "old_event", place_json(r->old_event));

	if (object && r->allowed_by[0])
		json_object_set_new(object, "allowed_by", json_string(r->allowed_by));
	return object;
}
