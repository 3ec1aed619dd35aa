/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure of boot logs: which records, where, with which digests. Not for what they mean
 * (eventlog_explain.c) and not for PCR values (eventlog_replay.c).
 * Source: TCG PC Client Platform Firmware Profile 1.06, 10.2 (records) and 10.4.5 (EV_NO_ACTION);
 * Intel TXT Software Development Guide, appendix F (container, heap); UEFI 2.10, 38.4 (CCEL).
 */
#include <string.h>

#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/reader.h"

/* Offset and index of the next record share the caller's size_t. */
_Static_assert(sizeof(size_t) == 8, "the cursor needs 64 bits");

#define SPEC_ID_03	 "Spec ID Event03"     /* with its NUL: 16 bytes */
#define STARTUP_LOCALITY "StartupLocality"     /* with its NUL: 16 bytes */
#define TXT_CONTAINER	 "TXT Event Container" /* with its NUL: 20 bytes */
#define TXT_HEAD_BYTES	 48u

/* What the check of the whole log carries from event to event. */
struct check {
	struct eventlog *log;
	bool pcr0_extended, locality_seen, any_extended;
	uint32_t highest_pcr;
	bool separator;
};

static int broken(const struct eventlog_event *event, struct rf_err *err, int code,
		  const char *what)
{
	return rf_fail(err, code, "event %u at byte %zu: %s", event->index, event->offset, what);
}

static bool data_starts(struct rf_slice data, const char *text, size_t len)
{
	return data.len >= len && memcmp(data.data, text, len) == 0;
}

/* TCG_PCR_EVENT: SHA-1 alone. */
static void read_record12(struct rf_reader *r, struct eventlog_event *out)
{
	out->pcr = rf_read_le32(r);
	out->type = rf_read_le32(r);
	out->algs[0] = ATTEST_SHA1;
	out->digests[0] = rf_read_bytes(r, 20);
	out->digests_count = 1;
	out->data = rf_read_bytes(r, rf_read_le32(r));
}

/* Size that the header gives an algorithm; 0 when it does not list it. */
static size_t listed_size(const struct eventlog *log, uint16_t alg)
{
	for (size_t i = 0; i < log->algs_count; i++) {
		if (log->algs[i] == alg)
			return log->sizes[i];
	}
	return 0;
}

/* TCG_PCR_EVENT2's digests. A record may hold fewer than the header lists, never others. */
static int read_digests(const struct eventlog *log, struct rf_reader *r, uint32_t count,
			struct eventlog_event *out, struct rf_err *err)
{
	char name[16];

	if (count > log->algs_count)
		return rf_fail(err, RF_E_LIMIT,
			       "event %u at byte %zu: %u digests, the header allows %zu",
			       out->index, out->offset, count, log->algs_count);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t alg = rf_read_le16(r);
		size_t size = listed_size(log, alg);

		if (r->failed)
			return 0; /* the caller's check says where */
		if (size == 0)
			return rf_fail(err, RF_E_UNKNOWN,
				       "event %u at byte %zu: the header does not list %s",
				       out->index, out->offset, attest_alg_name(alg, name));
		for (uint32_t k = 0; k < i; k++) {
			if (out->algs[k] == alg)
				return rf_fail(err, RF_E_DUPLICATE,
					       "event %u at byte %zu: two digests of %s",
					       out->index, out->offset, attest_alg_name(alg, name));
		}
		out->algs[i] = alg;
		out->digests[i] = rf_read_bytes(r, size);
	}
	out->digests_count = count;
	return 0;
}

/* Reads the record at r, whichever form it has at this place of the log. */
static int read_record(const struct eventlog *log, struct rf_reader *r, uint32_t index,
		       struct eventlog_event *out, struct rf_err *err)
{
	int rc = 0;

	memset(out, 0, sizeof(*out));
	out->index = index;
	out->offset = r->pos;
	/* The first record has the old form in every log, so that old readers find the header. */
	if (index == 0 || log->sha1_records) {
		read_record12(r, out);
	} else {
		out->pcr = rf_read_le32(r);
		out->type = rf_read_le32(r);
		rc = read_digests(log, r, rf_read_le32(r), out, err);
		if (rc < 0)
			return rc;
		out->data = rf_read_bytes(r, rf_read_le32(r));
	}
	if (r->failed)
		return rf_fail(err, RF_E_TRUNCATED,
			       "event %u at byte %zu: %zu bytes wanted at byte %zu, %zu left",
			       index, out->offset, r->wanted, r->failed_at, r->len - r->failed_at);
	if (out->pcr >= ATTEST_PCRS)
		return rf_fail(err, RF_E_LIMIT, "event %u at byte %zu: PCR %u, the last is %d",
			       index, out->offset, out->pcr, ATTEST_PCRS - 1);
	return 0;
}

int eventlog_next(const struct eventlog *log, size_t *at, struct eventlog_event *out)
{
	uint32_t index = (uint32_t)(*at >> 32);
	struct rf_reader r = rf_reader(log->bytes);

	if (index >= log->events_count)
		return 0;
	rf_read_bytes(&r, index == 0 ? log->start : *at & UINT32_MAX);
	if (read_record(log, &r, index, out, NULL) < 0)
		return 0;
	*at = (size_t)(index + 1) << 32 | r.pos;
	return 1;
}

/* Reads the algorithms of a TCG_EfiSpecIDEvent. */
static int read_spec_id(struct eventlog *log, const struct eventlog_event *event,
			struct rf_err *err)
{
	struct rf_reader r = rf_reader(event->data);
	char name[16];

	/* Signature, platform class, version, errata, size of UINTN. */
	rf_read_bytes(&r, sizeof(SPEC_ID_03) + 4 + 4);
	uint32_t count = rf_read_le32(&r);

	if (!r.failed && (count == 0 || count > ATTEST_MAX_BANKS))
		return rf_fail(err, RF_E_LIMIT, "event 0: %u hash algorithms, 1 to %d are possible",
			       count, ATTEST_MAX_BANKS);
	for (uint32_t i = 0; i < count && !r.failed; i++) {
		uint16_t alg = rf_read_le16(&r), size = rf_read_le16(&r);
		size_t known = attest_digest_size(alg);

		if (r.failed)
			break;
		if (listed_size(log, alg) != 0)
			return rf_fail(err, RF_E_DUPLICATE, "event 0: %s listed twice",
				       attest_alg_name(alg, name));
		if (size == 0 || size > ATTEST_MAX_DIGEST || (known != 0 && size != known))
			return rf_fail(err, RF_E_SYNTAX, "event 0: a digest of %s has %u bytes",
				       attest_alg_name(alg, name), size);
		log->algs[i] = alg;
		log->sizes[i] = size;
		log->algs_count = i + 1;
	}
	rf_read_bytes(&r, rf_read_u8(&r)); /* the vendor's own */
	return rf_reader_check(&r, "event 0: Spec ID", err);
}

/* Takes the head off a TPM 1.2 TXT log. */
static int open_container(struct eventlog *log, struct rf_err *err)
{
	struct rf_reader r = rf_reader(log->bytes);

	rf_read_bytes(&r, sizeof(TXT_CONTAINER) + 12 + 4);
	uint32_t size = rf_read_le32(&r), first = rf_read_le32(&r), next = rf_read_le32(&r);
	int rc = rf_reader_check(&r, "TXT event container", err);

	if (rc < 0)
		return rc;
	if (first < TXT_HEAD_BYTES || first > next || next > size || next > log->bytes.len)
		return rf_fail(err, RF_E_SYNTAX,
			       "TXT event container: events from byte %u to %u of %u (%zu here)",
			       first, next, size, log->bytes.len);
	log->format = EVENTLOG_TXT;
	log->start = first;
	log->bytes.len = next;
	return 0;
}

/* "StartupLocality": PCR 0 began with that number in its last byte. */
static int check_locality(struct check *c, const struct eventlog_event *event, struct rf_err *err)
{
	if (event->data.len != sizeof(STARTUP_LOCALITY) + 1 || event->pcr != 0)
		return broken(event, err, RF_E_SYNTAX,
			      "a StartupLocality of another length or PCR");
	if (c->locality_seen)
		return broken(event, err, RF_E_DUPLICATE, "a second StartupLocality");
	if (c->pcr0_extended)
		return broken(event, err, RF_E_SYNTAX, "StartupLocality after PCR 0 was extended");
	uint8_t locality = event->data.data[sizeof(STARTUP_LOCALITY)];

	if (locality != 0 && locality != 3 && locality != 4)
		return broken(event, err, RF_E_SYNTAX, "StartupLocality is not 0, 3 or 4");
	c->locality_seen = true;
	c->log->locality = locality;
	return 0;
}

static int check_event(struct check *c, const struct eventlog_event *event, struct rf_err *err)
{
	struct eventlog *log = c->log;

	if (event->pcr > c->highest_pcr)
		c->highest_pcr = event->pcr;
	if (event->type == EV_NO_ACTION) {
		if (!data_starts(event->data, STARTUP_LOCALITY, sizeof(STARTUP_LOCALITY)))
			return 0;
		return check_locality(c, event, err);
	}
	if (event->pcr == 0 && !c->pcr0_extended) {
		c->pcr0_extended = true;
		log->hcrtm = event->type == EV_EFI_HCRTM_EVENT;
	}
	c->separator |= event->type == EV_SEPARATOR;
	/* Only a dynamic launch opens PCR 17 to 19; a log that begins there is TXT's own. */
	bool launch = event->pcr >= 17 && event->pcr <= 22;

	if (launch && !c->any_extended)
		log->format = EVENTLOG_TXT;
	log->drtm |= launch && (event->pcr <= 19 || event_type_is_drtm(event->type));
	c->any_extended = true;
	return 0;
}

/* Where the zeros or ones behind the last event may begin at the earliest. */
static size_t padding_start(struct rf_slice bytes)
{
	size_t at = bytes.len;
	uint8_t last = bytes.data[bytes.len - 1];

	if (last != 0 && last != 0xff)
		return at;
	while (at > 0 && bytes.data[at - 1] == last)
		at--;
	return at;
}

/* Reads every record once. */
static int check_all(struct eventlog *log, struct rf_err *err)
{
	struct check c = {.log = log};
	struct rf_reader r = rf_reader(log->bytes);
	struct eventlog_event event;
	size_t padding = padding_start(log->bytes);

	rf_read_bytes(&r, log->start);
	while (rf_reader_left(&r) > 0) {
		if (r.pos >= padding) {
			log->pad_bytes = rf_reader_left(&r);
			break;
		}
		if (log->events_count >= EVENTLOG_MAX_EVENTS)
			return rf_fail(err, RF_E_LIMIT, "more than %u events", EVENTLOG_MAX_EVENTS);
		int rc = read_record(log, &r, (uint32_t)log->events_count, &event, err);

		if (rc == 0 && log->events_count == 0 &&
		    data_starts(event.data, SPEC_ID_03, sizeof(SPEC_ID_03))) {
			if (event.type != EV_NO_ACTION)
				return broken(&event, err, RF_E_SYNTAX,
					      "the header is no EV_NO_ACTION");
			log->sha1_records = false;
			rc = read_spec_id(log, &event, err);
			if (rc == 0 && log->format == EVENTLOG_TCG12)
				log->format = EVENTLOG_TCG20;
		}
		if (rc == 0)
			rc = check_event(&c, &event, err);
		if (rc < 0)
			return rc;
		log->events_count++;
	}
	/* A confidential VM's log has one bank, SHA-384, and separators in its four registers only;
	 * firmware with a TPM measures into PCR 5 to 7 too. */
	log->ccel = !log->sha1_records && log->algs_count == 1 && log->algs[0] == ATTEST_SHA384 &&
		    c.separator && c.highest_pcr <= 4;
	return 0;
}

int eventlog_open(struct rf_slice in, struct eventlog *out, struct rf_err *err)
{
	struct eventlog log = {.bytes = in, .sha1_records = true};
	int rc = 0;

	if (in.len == 0)
		return rf_fail(err, RF_E_MISSING, "the boot log is empty");
	if (in.len > EVENTLOG_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "a boot log of %zu bytes, at most %u are read",
			       in.len, EVENTLOG_MAX_BYTES);
	if (data_starts(in, TXT_CONTAINER, sizeof(TXT_CONTAINER)))
		rc = open_container(&log, err);
	if (rc == 0)
		rc = check_all(&log, err);
	if (rc < 0)
		return rc;
	if (log.events_count == 0)
		return rf_fail(err, RF_E_MISSING, "the boot log holds no event");
	if (log.sha1_records) {
		log.algs[0] = ATTEST_SHA1;
		log.sizes[0] = 20;
		log.algs_count = 1;
	}
	*out = log;
	return 0;
}
