/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the guard by nft (fallback*.c) share; nobody else includes it. */
#ifndef RF_ISOLATE_GUARD_FALLBACK_PARTS_H
#define RF_ISOLATE_GUARD_FALLBACK_PARTS_H

#include "isolate/guard/fallback.h"
#include "isolate/guard/nft.h"

#define FALLBACK_STATE	    "state" /* the chain whose rules carry what is no port's and no zone's */
#define FALLBACK_TAG	    'R'	    /* first byte of a rule's data */
#define FALLBACK_NAME_BYTES 32
#define FALLBACK_LINE_BYTES 192u
#define FALLBACK_LINES	    ((sizeof(struct guard_port) + FALLBACK_LINE_BYTES - 1) / FALLBACK_LINE_BYTES)

/* How pieces of the policy lie in a rule's data: in the chain "p_LINK_policy" 'P' the port's name
 * and 'L' lines of it, in "zone_5_policy" 'Z' its row, in "state" 'S' settings and 'B' births. */
struct fallback_settings {
	uint32_t secret;
	uint8_t strict, reserved[3];
};
#define FALLBACK_BIRTHS_LINE 10 /* rules in one piece */
struct fallback_piece {
	uint8_t kind, line;
	uint16_t count; /* 'B': of rules in this piece */
	uint32_t zone;
	union {
		char name[16];
		uint8_t bytes[FALLBACK_LINE_BYTES];
		struct guard_zone row;
		struct fallback_settings settings;
		struct guard_rule births[FALLBACK_BIRTHS_LINE];
	};
};
#define FALLBACK_PIECE_HEAD offsetof(struct fallback_piece, name)

/* A chain or set as it is made, or as it was read: what has to be the same. */
struct fold {
	char name[FALLBACK_NAME_BYTES]; /* a set's with "@" before it */
	uint64_t sum;
	uint32_t count, hook;
};
struct folds {
	struct fold *items;
	size_t count, capacity, last;
	uint32_t *places; /* a hash of names; items + 1 */
	size_t places_count;
	bool failed;
};
void folds_done(struct folds *folds);
/* The one of that name, made where there is none; never NULL. */
struct fold *folds_at(struct folds *folds, const char *name);
/* The order in which they were met does not matter. */
bool folds_equal(const struct folds *a, const struct folds *b);
uint64_t fold_bytes(uint64_t sum, const void *data, size_t len);
void fold_element(struct folds *folds, const struct nft_element *element);

/* What makes messages: batch, and folds for what they make. */
struct making {
	const struct fallback *state;
	struct nft_batch *batch;
	struct folds *folds;
	const struct fallback_port *port;
	uint32_t traits;		 /* of the port: its flags and those of steps */
	bool whole;			 /* the whole table is made, port by port */
	bool (*there)(const char *link); /* whether a link is there; NULL: each is */
	char chain[FALLBACK_NAME_BYTES]; /* of the rule at hand */
	struct nft_rule rule;
};

/* Rules: begin, expressions of nft.h, end; DROP counts. */
enum {
	FALLBACK_ACCEPT = NF_ACCEPT,
	FALLBACK_DROP = NF_DROP,
	FALLBACK_RETURN = NFT_RETURN,
	FALLBACK_JUMP = NFT_JUMP,
	FALLBACK_GOTO = NFT_GOTO,
	FALLBACK_GO_ON = 100, /* no verdict */
};
void making_chain(struct making *m, const char *name, int hook, int priority);
/* In a hook of the port's link itself. */
void making_link_chain(struct making *m, const char *name, int hook);
struct nlmsghdr *making_begin(struct making *m, const char *chain);
void making_end(struct making *m, int32_t verdict, const char *to);
void making_element(struct making *m, const struct nft_element *element);
/* The mark of this fallback's frames is on it (or not). */
void making_marked(struct making *m, struct nlmsghdr *message, bool has);
/* The pair of the frame's own zone and another is among those that may. own false: of zone 0. */
void making_pair(struct making *m, struct nlmsghdr *message, uint32_t to, bool own,
		 enum nft_lookup_way way);
/* "p_vnet0_arp" */
const char *making_port_chain(const struct fallback_port *port, const char *suffix,
			      char out[FALLBACK_NAME_BYTES]);

/* The sets of the table, in the order in which they are made. */
enum {
	SET_BY_SENDER,
	SET_BY_RECEIVER,
	SET_POLICED,
	SET_OWNERS,
	SET_PAIRS,
	SET_BLOCKED, /* filled by the rules: what is in it is no part of the policy */
	FALLBACK_SETS
};
extern const struct fallback_set {
	const char *name;
	enum nft_set_kind kind;
} fallback_sets[FALLBACK_SETS];
struct nft_element fallback_link_element(int set, const char *link, const char *chain);
bool fallback_allows(const struct guard_zone *row, uint32_t to);
uint32_t fallback_pair_key(uint32_t from, uint32_t to);

/* The table of a policy: messages into m->batch, what they make into m->folds. */
void fallback_make(struct making *m);
/* What is no port's: hooks, sets, zones; and those chains of it that settings change, again. */
void fallback_base_make(struct making *m);
void fallback_settings_make(struct making *m, bool again);
/* A zone's row: its chain (again: it is there), and the pairs that differ from the row before. */
void fallback_zone_make(struct making *m, const struct fallback_zone *zone,
			const struct guard_zone *before, bool again);
/* One port's chains and elements; and their taking away. */
void fallback_port_make(struct making *m, const struct fallback_port *port);
void fallback_port_unmake(struct making *m, const struct fallback_port *port);
/* What is copied and sent elsewhere (fallback_copy.c): chains in a table of their own, which hang
 * on the port's link. unmake does not fail where there are none. */
bool fallback_copies(const struct guard_port *port);
void fallback_copies_make(struct making *m);
void fallback_copies_unmake(struct making *m);
/* The link of such a chain, if it is one of them. */
bool fallback_copies_link(const char *chain, char out[16]);
/* Whether a link of that name is there. */
bool fallback_link_there(const char *link);
/* The pieces of the policy that m->port's own chain carries. */
void fallback_port_pieces(struct making *m);
/* The i-th chain of a port; NULL behind the last. */
const char *fallback_port_suffix(const struct fallback_port *port, size_t i);
/* Puts a change into the policy and makes the messages that it needs. -ENOMEM, RF_E_LIMIT. */
int fallback_change_make(struct fallback *f, const struct fallback_change *change,
			 struct making *m) RF_MUST_CHECK;

#endif
