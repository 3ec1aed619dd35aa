/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share; nobody else includes it. */
#ifndef RF_OUTBOX_PARTS_H
#define RF_OUTBOX_PARTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/yaml.h"
#include "outbox/event.h"

#define OUTBOX_TIME_BYTES  32
#define OUTBOX_TIME_MAX_MS 253402300799999 /* the end of the year 9999 */
#define OUTBOX_NAME_BYTES  64
#define OUTBOX_SINKS	   32
#define OUTBOX_ALLOWED	   32 /* addresses */
/* The number that is kept for examples (RFC 5612). A site with its own says so. */
#define OUTBOX_ENTERPRISE 32473
#define OUTBOX_ATTEMPT_MS 30000 /* one delivery, from its start to its end */

/* "2026-11-23T19:00:00.000Z" */
void outbox_time(int64_t at_ms, char out[OUTBOX_TIME_BYTES]);
/* The monotonic clock in ms. */
int64_t outbox_now_ms(void);
/* The seconds of the day's clock. */
int64_t outbox_clock_s(void);

/* One row of the configuration; texts borrow from it, NULL where not given. */
struct outbox_sink {
	const char *name, *kind;
	const struct outbox_transport *transport;
	const struct yaml_node *events; /* patterns of kinds; NULL: all */
	const char *at_least;		/* severity; NULL: all */
	/* webhook */
	const char *url, *secret_file;
	const struct yaml_node *allow; /* addresses that are refused otherwise */
	/* syslog, snmp */
	const char *address;
	int64_t facility, enterprise;
	/* webhook, syslog */
	const char *ca, *certificate, *key;
	/* snmp */
	const char *user, *auth_file, *priv_file, *engine;
	bool inform;
	const struct yaml_node *node; /* for messages */
};

struct outbox_config {
	struct yaml_doc doc;
	struct outbox_sink sinks[OUTBOX_SINKS];
	size_t sinks_count;
};

/* Reads a configuration; free with outbox_config_done. */
int outbox_config_read(const char *path, struct outbox_config *out,
		       struct rf_err *err) RF_MUST_CHECK;
void outbox_config_done(struct outbox_config *config);
/* The sink of that name, or NULL. */
const struct outbox_sink *outbox_config_sink(const struct outbox_config *config, const char *name);
/* Whether the sink wants to hear of such an event. */
bool outbox_sink_wants(const struct outbox_sink *sink, const char *kind, const char *new_state);
/* A whole file of at most max bytes (a secret, certificates). */
int outbox_file_read(const char *path, size_t max_bytes, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;
/* A secret of at least 8 bytes, without the end of its line. */
int outbox_secret_read(const char *path, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
/* Certificates of authorities: the sink's, or the system's. */
int outbox_authorities_read(const struct outbox_sink *sink, struct rf_buf *out,
			    struct rf_err *err) RF_MUST_CHECK;

/* How a kind of sink delivers. open reads files and connects to nobody; send ends within
 * OUTBOX_ATTEMPT_MS: 0, RF_E_DENIED when the receiver refuses this very event, or why it did not
 * work; *out_retry_s: what the receiver asked us to wait, else 0. */
struct outbox_transport {
	const char *kind;
	int (*open)(const struct outbox_sink *sink, void **out, struct rf_err *err);
	int (*send)(void *state, const struct outbox_event *event, int64_t *out_retry_s,
		    struct rf_err *err);
	void (*close)(void *state);
};
extern const struct outbox_transport outbox_webhook, outbox_tls, outbox_snmp;
/* The transport of that name, or NULL. */
const struct outbox_transport *outbox_transport_find(const char *kind);

/* Why nothing is sent to this address (IPv4 or IPv6): "" where it may be. own: what getifaddrs says
 * (NULL: nothing). */
struct sockaddr;
struct ifaddrs;
const char *outbox_address_refused(const struct sockaddr *address, const struct ifaddrs *own);
/* Whether text is an address, and the same one. */
bool outbox_address_is(const char *text, const struct sockaddr *address);

/* What a sink's process answers to an event: fixed size, and all that is read from it. */
struct outbox_answer {
	uint32_t magic;
	int32_t code; /* 0, or why not */
	int64_t seq, retry_s;
	char text[232];
};
#define OUTBOX_MAGIC	   0x52464f42u
#define OUTBOX_RETRY_MAX_S 3600
/* Makes an answer of len bytes safe to use; RF_E_SYNTAX when it is none to event seq. */
int outbox_answer_check(struct outbox_answer *answer, size_t len, int64_t seq) RF_MUST_CHECK;

#endif
