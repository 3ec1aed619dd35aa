/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the boot log's files: the table of event types and what its readers share. The closed
 * list of which type may stand where is here, one row for each type.
 */
#ifndef RF_ATTEST_EVENTLOG_TYPES_H
#define RF_ATTEST_EVENTLOG_TYPES_H

#include "attest/eventlog.h"
#include "attest/words.h"

/* Types that code outside the table asks for. */
#define EV_NO_ACTION	      0x00000003u
#define EV_SEPARATOR	      0x00000004u
#define EV_EVENT_TAG	      0x00000006u
#define EV_EFI_VARIABLE_BOOT  0x80000002u
#define EV_EFI_VARIABLE_BOOT2 0x8000000cu
#define EV_EFI_HCRTM_EVENT    0x80000010u

/* Everything a reader of one event needs. */
struct event_view {
	struct attest_hasher *hasher;
	const struct eventlog *log;
	const struct eventlog_event *event;
	struct eventlog_state *state;
	struct eventlog_meaning *out; /* its reader fills component, name, value */
	struct words text;	      /* into out->text */
	int strongest;		      /* index of the longest digest we can compute; -1: none */
};

struct event_type {
	uint32_t type;
	const char *name;
	uint32_t before; /* PCRs where it may stand while they are open (bit n: PCR n) */
	uint32_t after;	 /* ... and once their separator was seen */
	enum eventlog_component component; /* COMPONENT_NONE: by PCR */
	enum eventlog_proof (*read)(struct event_view *view);
};

/* NULL for a type that is not in the table. */
const struct event_type *event_type_find(uint32_t type);

/* The type of that name ("EV_IPL"). */
bool event_type_of_name(const char *name, uint32_t *out);

/* Types of a dynamic launch: Intel TXT and tboot 0x400 to 0x5ff, AMD 0x8000 to 0x80ff. */
bool event_type_is_drtm(uint32_t type);

/* Do all digests equal H(a || b)? 1 yes; 0 not even the strongest does, or there is none to ask;
 * -1 the banks tell different stories. */
int event_digest_is(const struct event_view *view, struct rf_slice a, struct rf_slice b);

/* PROVED when the digests are H(data), otherwise fallback (or DISPROVED when banks differ). */
enum eventlog_proof event_prove(const struct event_view *view, struct rf_slice data,
				enum eventlog_proof fallback);

/* True when the event stands in this PCR, or in the CCEL register that stands for it. */
bool event_in_pcr(const struct event_view *view, uint32_t pcr);

/* The PCRs that event's register stands for: one bit, more in a CCEL. */
uint32_t event_pcr_mask(const struct eventlog *log, const struct eventlog_event *event);

/* data without NULs at its end. */
struct rf_slice event_without_nul(struct rf_slice data);

/* True when data is ASCII text that can be seen; a NUL may end it. */
bool event_is_text(struct rf_slice data);

/* Readers (columns of the table). */
enum eventlog_proof event_read_no_action(struct event_view *view);
enum eventlog_proof event_read_separator(struct event_view *view);
enum eventlog_proof event_read_action(struct event_view *view);
enum eventlog_proof event_read_text_or_hint(struct event_view *view);
enum eventlog_proof event_read_crtm_version(struct event_view *view);
enum eventlog_proof event_read_blob(struct event_view *view);
enum eventlog_proof event_read_blob2(struct event_view *view);
enum eventlog_proof event_read_handoff(struct event_view *view);
enum eventlog_proof event_read_hcrtm(struct event_view *view);
enum eventlog_proof event_read_drtm(struct event_view *view);
enum eventlog_proof event_read_variable_config(struct event_view *view);
enum eventlog_proof event_read_variable_boot(struct event_view *view);
enum eventlog_proof event_read_variable_authority(struct event_view *view);
enum eventlog_proof event_read_image(struct event_view *view);
enum eventlog_proof event_read_gpt(struct event_view *view);
enum eventlog_proof event_read_ipl(struct event_view *view);
enum eventlog_proof event_read_tag(struct event_view *view);

#endif
