/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest log: a log of measurements as text or JSON, with the PCR values that it gives.
 * It judges nothing. Events are printed as they are read, for an IMA list may hold millions.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "attest/evidence.h"
#include "attest/eventlog.h"
#include "attest/ima.h"
#include "attest/userspace.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"

#define ANY_PCR	   UINT32_MAX
#define NAME_BYTES 1280

struct printer {
	struct attest_hasher *hasher;
	uint32_t pcr; /* ANY_PCR, or this one alone */
	bool json, full;
	bool first_log, first_event;
};

enum kind { KIND_AUTO, KIND_BOOT, KIND_IMA, KIND_USERSPACE, KIND_COUNT };
static const char *const kind_names[KIND_COUNT] = {"auto", "boot", "ima", "userspace"};

/* Adds text of a stranger to a JSON object; names in logs may hold anything. */
static void put_text(json_t *object, const char *key, struct rf_slice text)
{
	char shown[NAME_BYTES];
	struct words w = words_into(shown, sizeof(shown));

	words_add_utf8(&w, text);
	json_object_set_new(object, key, json_string(shown));
}

static void put_hex(json_t *object, const char *key, const void *bytes, size_t len)
{
	RF_AUTOBUF struct rf_buf hex = {0};

	rf_buf_add_hex(&hex, bytes, len);
	json_object_set_new(object, key, json_string(rf_buf_text(&hex)));
}

static int print_object(struct printer *p, json_t *object)
{
	fputs(p->first_event ? "\n" : ",\n", stdout);
	p->first_event = false;
	int rc = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

	json_decref(object);
	return rc < 0 ? -ENOMEM : 0;
}

/* Begins a log's object; what follows are its events. */
static void log_begin(struct printer *p, const char *kind, const char *words)
{
	if (p->json)
		printf("%s{\"log\": \"%s\", \"events\": [", p->first_log ? "" : ",\n", kind);
	else
		printf("%s%s\n", p->first_log ? "" : "\n", words);
	p->first_log = false;
	p->first_event = true;
}

/* The values that PCRs have after the log, in each bank (JSON) or the strongest one (text). */
static void log_end(struct printer *p, const struct attest_pcr_values *values,
		    const uint32_t *touched)
{
	char name[16];
	size_t best = 0;

	for (size_t b = 0; b < values->banks_count; b++) {
		if (values->algs[b] == ATTEST_SHA256 ||
		    (values->algs[best] != ATTEST_SHA256 && values->algs[b] > values->algs[best]))
			best = b;
	}
	fputs(p->json ? "], \"pcrs\": {" : "", stdout);
	for (size_t b = 0; b < values->banks_count; b++) {
		const char *between = "";

		if (p->json)
			printf("%s\"%s\": {", b ? ", " : "",
			       attest_alg_name(values->algs[b], name));
		else if (b != best)
			continue;
		else
			printf("values that this log gives (%s):\n",
			       attest_alg_name(values->algs[b], name));
		for (uint32_t i = 0; i < ATTEST_PCRS; i++) {
			RF_AUTOBUF struct rf_buf hex = {0};
			const struct attest_digest *v = &values->values[b][i];

			if (!(touched[b] >> i & 1) || (p->pcr != ANY_PCR && p->pcr != i))
				continue;
			rf_buf_add_hex(&hex, v->bytes, attest_digest_size(values->algs[b]));
			printf(p->json ? "%s\"%u\": \"%s\"" : "%s  PCR %-2u  %s\n", between, i,
			       rf_buf_text(&hex));
			between = p->json ? ", " : "";
		}
		fputs(p->json ? "}" : "", stdout);
	}
	fputs(p->json ? "}}" : "", stdout);
}

static json_t *event_json(const struct eventlog_event *e, const struct eventlog_meaning *m)
{
	const char *type = eventlog_type_name(e->type);
	json_t *digests = json_object();
	json_t *object = json_pack("{s:I, s:I, s:s?, s:I, s:s, s:s, s:s, s:s}", "event",
				   (json_int_t)e->index, "pcr", (json_int_t)e->pcr, "type", type,
				   "type_number", (json_int_t)e->type, "part",
				   eventlog_component_name(m->component), "proof",
				   eventlog_proof_name(m->proof), "name", m->name, "text", m->text);
	char name[16];

	for (size_t i = 0; i < e->digests_count; i++)
		put_hex(digests, attest_alg_name(e->algs[i], name), e->digests[i].data,
			e->digests[i].len);
	json_object_set_new(object, "digests", digests);
	return object;
}

static const char legend[] =
	"PCR: the register of the TPM chip that it went into. proved: what it says is what was "
	"measured;\nhint: what it says only stands beside the measurement, and may be anything\n";

static int print_event(struct printer *p, const struct eventlog_event *e,
		       const struct eventlog_meaning *m)
{
	if (p->json)
		return print_object(p, event_json(e, m));
	if (p->first_event) {
		fputs(legend, stdout);
		printf("%5s  %3s  %-11s  %-29s  %s\n", "event", "PCR", "proof", "part", "what");
	}
	p->first_event = false;
	printf("%5u  %3u  %-11s  %-29s  %s\n", e->index, e->pcr, eventlog_proof_name(m->proof),
	       eventlog_component_name(m->component), m->text[0] ? m->text : m->name);
	return 0;
}

static void boot_head(const struct eventlog *log, char *out, size_t size)
{
	static const char *const formats[] = {
		[EVENTLOG_TCG12] = "boot log, TCG 1.2",
		[EVENTLOG_TCG20] = "boot log, TCG 2.0",
		[EVENTLOG_TXT] = "log of a dynamic launch (TXT)",
	};
	char banks[128] = "", name[16];

	for (size_t i = 0; i < log->algs_count; i++)
		(void)rf_format(banks + strlen(banks), sizeof(banks) - strlen(banks), "%s%s",
				i ? ", " : "", attest_alg_name(log->algs[i], name));
	(void)rf_format(out, size, "%s%s: %zu events, banks %s%s",
			log->ccel ? "TDX log (registers instead of PCRs), " : "",
			formats[log->format], log->events_count, log->sha1_records ? "sha1" : banks,
			log->locality ? ", started by the processor's trusted part" : "");
}

static int print_boot_log(struct printer *p, struct rf_slice bytes, struct rf_err *err)
{
	struct eventlog log;
	struct eventlog_event event;
	struct eventlog_meaning meaning;
	struct eventlog_state state = {0};
	struct eventlog_replay replay;
	char head[256];
	size_t at = 0;
	int rc = eventlog_open(bytes, &log, err);

	if (rc == 0)
		rc = eventlog_replay(p->hasher, &log, &replay, err);
	if (rc < 0)
		return rf_wrap(err, rc, "boot log");
	boot_head(&log, head, sizeof(head));
	log_begin(p, log.format == EVENTLOG_TXT ? "txt" : log.ccel ? "ccel" : "boot", head);
	while (rc == 0 && eventlog_next(&log, &at, &event) > 0) {
		eventlog_explain(p->hasher, &log, &event, &state, &meaning);
		if (p->pcr == ANY_PCR || p->pcr == event.pcr)
			rc = print_event(p, &event, &meaning);
	}
	log_end(p, &replay.pcrs, replay.touched);
	return rc;
}

static json_t *ima_json(const struct ima_entry *e)
{
	json_t *object = json_pack("{s:I, s:I, s:b, s:b}", "event", (json_int_t)e->index, "pcr",
				   (json_int_t)e->pcr, "violation", e->violation, "signed",
				   e->signature.len || e->modsig.len);

	put_text(object, "template", e->template_name);
	put_text(object, "name", e->name);
	put_text(object, "digest_alg", e->file_alg);
	put_hex(object, "digest", e->file_digest.data, e->file_digest.len);
	return object;
}

static int print_ima_entry(struct printer *p, const struct ima_entry *e)
{
	char name[NAME_BYTES], digest[32];
	struct words w = words_into(name, sizeof(name)), d = words_into(digest, sizeof(digest));

	if (p->json)
		return print_object(p, ima_json(e));
	if (p->first_event)
		printf("%5s  %3s  %-19s  %s\n", "entry", "PCR", "digest", "file");
	p->first_event = false;
	words_add_utf8(&w, e->name);
	words_add_hex(&d, e->file_digest, 8);
	printf("%5u  %3u  %-19s  %s%s%s\n", e->index, e->pcr,
	       e->violation ? "(open for writing)" : digest, name,
	       e->signature.len || e->modsig.len ? " (signed)" : "",
	       e->violation ? " (content not known)" : "");
	return 0;
}

/* All entries; the running values go to values and touched as after a boot log. */
static int print_ima_entries(struct printer *p, struct ima_list *list, struct ima_state *state,
			     struct rf_err *err)
{
	struct ima_entry entry;
	int more = 1, rc = 0;

	while (rc == 0 && (more = ima_next(list, &entry, err)) > 0) {
		rc = ima_extend(p->hasher, &entry, state, err);
		if (rc == 0 && (p->pcr == ANY_PCR || p->pcr == entry.pcr))
			rc = print_ima_entry(p, &entry);
	}
	return rc < 0 ? rc : more;
}

static int print_ima(struct printer *p, struct rf_slice bytes, uint16_t alg, struct rf_err *err)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};
	struct ima_list list;
	struct ima_state state;
	struct attest_pcr_values values = {.banks_count = RF_COUNT(algs)};
	uint32_t touched[ATTEST_MAX_BANKS];
	int rc = ima_open(bytes, (uint8_t)attest_digest_size(alg), &list, err);

	if (rc == 0)
		rc = ima_state_init(&state, IMA_PCR, algs, RF_COUNT(algs), err);
	if (rc < 0)
		return rf_wrap(err, rc, "IMA list");
	log_begin(p, "ima", "IMA: what the kernel measured since it started");
	rc = print_ima_entries(p, &list, &state, err);
	for (size_t b = 0; b < RF_COUNT(algs); b++) {
		values.algs[b] = algs[b];
		touched[b] = 1u << IMA_PCR;
		memcpy(values.values[b][IMA_PCR].bytes, state.values[b], ATTEST_MAX_DIGEST);
	}
	/* What came before a broken place stands there; the output stays well-formed. */
	log_end(p, &values, touched);
	return rc < 0 ? rf_wrap(err, rc, "IMA list") : 0;
}

static int print_record(struct printer *p, const struct userspace_record *r)
{
	char text[NAME_BYTES];
	enum eventlog_proof proof = userspace_explain(p->hasher, r, text, sizeof(text));

	if (p->json) {
		json_t *object = json_pack(
			"{s:I, s:o, s:s, s:s, s:s, s:I}", "event", (json_int_t)r->index, "pcr",
			r->pcr == USERSPACE_NO_PCR ? json_null() : json_integer(r->pcr), "type",
			r->type, "proof", eventlog_proof_name(proof), "text", text, "timestamp_us",
			(json_int_t)r->timestamp_us);

		return print_object(p, object);
	}
	if (p->first_event) {
		fputs(legend, stdout);
		printf("%5s  %3s  %-11s  %s\n", "event", "PCR", "proof", "what");
	}
	p->first_event = false;
	printf("%5u  %3d  %-11s  %s\n", r->index, r->pcr == USERSPACE_NO_PCR ? -1 : (int)r->pcr,
	       eventlog_proof_name(proof), text);
	return 0;
}

static int print_userspace(struct printer *p, struct rf_slice bytes, struct rf_err *err)
{
	const struct attest_pcr_values none = {0};
	struct userspace_log log;
	struct userspace_record record;
	int more = 1, rc = userspace_open(bytes, &log, err);

	if (rc < 0)
		return rf_wrap(err, rc, "userspace log");
	log_begin(p, "userspace", "systemd: what was measured after the kernel started");
	while (rc == 0 && (more = userspace_next(&log, &record, err)) > 0) {
		if (p->pcr == ANY_PCR || p->pcr == record.pcr)
			rc = print_record(p, &record);
	}
	/* It goes on where the boot log ended, so that alone it gives no values. */
	log_end(p, &none, NULL);
	rc = rc < 0 ? rc : more;
	return rc < 0 ? rf_wrap(err, rc, "userspace log") : 0;
}

static enum kind kind_of(struct rf_slice bytes)
{
	/* Each record of a JSON text sequence begins with a record separator. */
	if (bytes.len && (bytes.data[0] == 0x1e || bytes.data[0] == '{'))
		return KIND_USERSPACE;
	return ima_list_alg(bytes) ? KIND_IMA : KIND_BOOT;
}

static int print_log(struct printer *p, enum kind kind, struct rf_slice bytes, struct rf_err *err)
{
	uint16_t alg = ima_list_alg(bytes);

	if (kind == KIND_AUTO)
		kind = kind_of(bytes);
	if (kind == KIND_IMA)
		return print_ima(p, bytes, alg ? alg : ATTEST_SHA1, err);
	return kind == KIND_USERSPACE ? print_userspace(p, bytes, err)
				      : print_boot_log(p, bytes, err);
}

static int print_evidence_ima(struct printer *p, struct rf_slice section, struct rf_err *err)
{
	if (section.len < 2)
		return rf_fail(err, RF_E_TRUNCATED, "IMA list: no algorithm");
	return print_ima(p, (struct rf_slice){section.data + 2, section.len - 2},
			 (uint16_t)(section.data[0] | section.data[1] << 8), err);
}

/* The logs in a file of evidence; 0 also where it holds none. */
static int print_evidence(struct printer *p, struct rf_slice bytes, struct rf_err *err)
{
	static const struct {
		enum evidence_kind section;
		enum kind kind;
	} logs[] = {{EVIDENCE_BOOT_LOG, KIND_BOOT},
		    {EVIDENCE_TXT_LOG, KIND_BOOT},
		    {EVIDENCE_USERSPACE, KIND_USERSPACE},
		    {EVIDENCE_IMA, KIND_IMA}};
	struct evidence e;
	int rc = evidence_parse(bytes, &e, err);

	for (size_t i = 0; rc == 0 && i < RF_COUNT(logs); i++) {
		struct rf_slice section = e.sections[logs[i].section];

		if (section.data && logs[i].kind == KIND_IMA)
			rc = print_evidence_ima(p, section, err);
		else if (section.data)
			rc = print_log(p, logs[i].kind, section, err);
	}
	return rc;
}

static int options_parse(const struct cli_args *args, struct printer *p, enum kind *kind,
			 struct rf_err *err)
{
	const char *pcr = cli_value(args, OPT_PCR), *name = cli_value(args, OPT_FORMAT);
	enum rows_format format;
	int64_t number;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (rc < 0 || format == ROWS_CSV)
		return rc < 0 ? rc : rf_fail(err, RF_E_USAGE, "a log is printed as table or json");
	p->json = format == ROWS_JSON;
	p->pcr = ANY_PCR;
	if (pcr && rf_num(pcr, 10, 0, ATTEST_PCRS - 1, &number) < 0)
		return rf_fail(err, RF_E_USAGE, "--pcr %s: 0 to %d", pcr, ATTEST_PCRS - 1);
	if (pcr)
		p->pcr = (uint32_t)number;
	*kind = KIND_AUTO;
	while (name && *kind < KIND_COUNT && strcmp(kind_names[*kind], name) != 0)
		(*kind)++;
	return *kind < KIND_COUNT ? 0
				  : rf_fail(err, RF_E_USAGE,
					    "--format %s: auto, boot, ima or userspace", name);
}

int cmd_attest_log(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct printer p = {.first_log = true};
	enum kind kind;
	int rc = options_parse(args, &p, &kind, err);

	if (rc == 0)
		rc = common_read_file(args->words[0], EVIDENCE_MAX_BYTES, &file, err);
	if (rc == 0)
		rc = attest_hasher_new(&p.hasher, err);
	if (rc == 0)
		rc = common_lock_in(args, err);
	if (rc < 0) {
		attest_hasher_free(p.hasher);
		return rc;
	}
	fputs(p.json ? "{\"logs\": [" : "", stdout);
	if (evidence_is(rf_buf_slice(&file)))
		rc = print_evidence(&p, rf_buf_slice(&file), err);
	else
		rc = print_log(&p, kind, rf_buf_slice(&file), err);
	fputs(p.json ? "]}\n" : "", stdout);
	attest_hasher_free(p.hasher);
	return rc < 0 ? rf_wrap(err, rc, "%s", args->words[0]) : 0;
}
