/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate before the HTTP parser: looks at each byte of a connection before evhttp does, and
 * lets through only what two parsers cannot understand in two ways (RFC 9112; section 11.2 on
 * smuggling). Whatever is unusual is refused, not mended: bodies without a length, two lengths,
 * bare line ends, folded lines, paths that would have to be normalised. Pure: no socket, no clock.
 *
 * Not here: what a path or a body means (route.h, schema.h).
 */
#ifndef RF_API_GATE_H
#define RF_API_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define GATE_MAX_HEAD_BYTES   8192u
#define GATE_MAX_TARGET_BYTES 2048u
#define GATE_MAX_FIELDS	      64u
#define GATE_MAX_BODY_BYTES   (256u << 10)

enum gate_phase {
	GATE_IDLE, /* nothing of a request yet */
	GATE_HEAD,
	GATE_BODY,
	GATE_WHOLE, /* a request is whole and has no answer yet: see gate_answered */
	GATE_REFUSED,
};

/* Why a connection ends: an HTTP status and a sentence. */
struct gate_refusal {
	int status;
	const char *text;
};

/* Zero-initialise; gate_done. */
struct gate {
	enum gate_phase phase;
	bool begun;	      /* the request's first line was read */
	struct rf_buf line;   /* the line that is not whole yet */
	size_t head_bytes;    /* of the head so far */
	unsigned fields;      /* of the head so far */
	unsigned seen;	      /* fields that may stand once: their bits */
	bool has_body_method; /* the method may have a body */
	uint64_t length;      /* Content-Length */
	uint64_t body_left;
	struct gate_refusal refusal;
};

/*
 * Looks at the next bytes of a connection. True: they may go on, and phase says where the
 * connection is. False: it ends, refusal says why (status 0: without an answer), and it stays so.
 */
bool gate_feed(struct gate *gate, struct rf_slice bytes);

/* The request has its answer: the next one may come. */
void gate_answered(struct gate *gate);
/* Frees. Accepts a zeroed gate. */
void gate_done(struct gate *gate);

/* The length of a request's target that is a path and a query as we take them; the refusal's status
 * is 0 when it is good. Exported for its fuzzer. */
struct gate_refusal gate_target_check(struct rf_slice target);

#endif
