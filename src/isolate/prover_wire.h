/* SPDX-License-Identifier: Apache-2.0 */
/* What goes between `isolate verify` and who asks for it; sent as in change/priv_wire.h. Nobody
 * else's business. */
#ifndef RF_ISOLATE_PROVER_WIRE_H
#define RF_ISOLATE_PROVER_WIRE_H

#include "isolate/prover.h"

#define PROVE_MAGIC	 0x31465250u
#define PROVE_TEXT_BYTES 640
#define PROVE_MAX_BYTES	 (33u << 20) /* of a file */
#define PROVE_MAX_MS	 5000

enum prove_op {
	PROVE_HELLO = 1, /* -> number: 1 where a guard is loaded; text: what the sandbox lacks */
	PROVE_LINKS,	 /* -> memory: struct prover_link each */
	PROVE_PORT,	 /* text: link -> memory: struct prover_port */
	PROVE_SHAPE,	 /* text: link -> memory: struct shape_seen */
	PROVE_LAYER,	 /* text: link or "" -> memory: struct prover_layer */
	PROVE_READ,	 /* text: path, number: bytes at most -> memory */
	PROVE_LIST,	 /* text: path -> memory: names, each with its NUL */
	PROVE_EXISTS,	 /* text: path */
	PROVE_TRY,	 /* way, number: ms -> memory: struct shape_trial */
	PROVE_LOAD,	 /* text: VM, load -> memory: struct cpu_trial */
	PROVE_PAGES,	 /* number: ms -> memory: struct ksm_trial */
};

/* Each in a process of its own, with what it needs. */
enum prove_side {
	PROVE_ASKS,  /* the guard, links, files */
	PROVE_TRIES, /* frames, in an empty network namespace */
	PROVE_LOADS, /* processors and pages, in groups of its own */
	PROVE_SIDES
};

struct prove_request {
	uint32_t magic, op;
	uint64_t number;
	struct shape_way way;
	struct cpu_load load;
	char text[PROVE_TEXT_BYTES];
};

struct prove_reply {
	uint32_t magic;
	int32_t code;
	uint32_t number, has_memory;
	char text[512]; /* of an error */
};

/* Serves requests until the socket is closed. Each side locks itself in first. Does not return an
 * error: the first answer is it. */
void prover_serve(int socket, enum prove_side side);

#endif
