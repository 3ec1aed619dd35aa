/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to nf_tables of bridges and single links over nfnetlink: one transaction, all of it or
 * nothing, without a child process. What rule.c (second layer) and fallback.c (nft instead of BPF)
 * share; nobody else includes it. Source: linux/netfilter/nf_tables.h,
 * Documentation/userspace-api/netlink/.
 */
#ifndef RF_ISOLATE_GUARD_NFT_H
#define RF_ISOLATE_GUARD_NFT_H

/* Before the kernel's own, which define the same. */
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NFT_NAME_BYTES 16u   /* of a link */
#define NFT_ROOM_BYTES 2048u /* more than any one message has */
#define NFT_NO_HOOK    (-1)
/* linux/netfilter_bridge.h, which contradicts net/if.h. */
#define NFT_PRE_ROUTING 0
#define NFT_LOCAL_IN	1
#define NFT_FORWARD	2
#define NFT_LOCAL_OUT	3

/* Zero-initialise; nft_batch_done frees. Where memory is short it fails at nft_batch_run. */
struct nft_batch {
	const char *table;
	char *bytes;
	size_t len, capacity;
	uint32_t sequence, last; /* of the next message; of the one that is acknowledged */
	uint32_t sets;		 /* that got a number */
	char *scratch;		 /* written to where memory is short */
	uint8_t family;		 /* of what is put next (NFPROTO_NETDEV); 0: the bridge's */
};
int nft_batch_begin(struct nft_batch *batch, const char *table) RF_MUST_CHECK;
/* The same; the kernel refuses it whole (-ERESTART) where somebody changed any rule since that
 * generation. */
int nft_batch_begin_at(struct nft_batch *batch, const char *table,
		       uint32_t generation) RF_MUST_CHECK;
/* Of all rules in this network namespace: goes up by one with each transaction of anybody. */
int nft_generation(uint32_t *out) RF_MUST_CHECK;
/* Ends it and hands it to the kernel: 0, or the first error. */
int nft_batch_run(struct nft_batch *batch) RF_MUST_CHECK;
/* Frees it. */
void nft_batch_done(struct nft_batch *batch);

/* Makes sure of the table; makes it empty, whatever was in it. */
void nft_table_add(struct nft_batch *batch);
void nft_table_renew(struct nft_batch *batch);
/* Takes it away; 0 also where it was not there. */
void nft_table_remove(struct nft_batch *batch);
/* hook NFT_NO_HOOK: one to be jumped to. */
void nft_chain_add(struct nft_batch *batch, const char *name, int hook, int priority);
/* Of family NFPROTO_NETDEV: hook NF_NETDEV_INGRESS or NF_NETDEV_EGRESS of one link. */
void nft_chain_add_at(struct nft_batch *batch, const char *name, int hook, int priority,
		      const char *link);
/* Takes all rules out of a chain; the chain itself, which nothing may lead to any more. */
void nft_chain_flush(struct nft_batch *batch, const char *name);
void nft_chain_remove(struct nft_batch *batch, const char *name);

/* What a set is of. Names of links lead to chains, the others to nothing. */
enum nft_set_kind {
	NFT_SET_OF_LINKS,
	NFT_SET_OF_MACS,
	NFT_SET_OF_MARKS,
	NFT_SET_OF_NAMES, /* names of links that rules add (nft_learn); leads to nothing */
};
void nft_set_add(struct nft_batch *batch, const char *name, enum nft_set_kind kind);
/* An element: its key (at most NFT_NAME_BYTES; shorter names are padded), and chain: where it leads
 * to, or NULL. remove: takes it away, which fails where it is not there. */
struct nft_element {
	const char *set;
	enum nft_set_kind kind;
	uint8_t key[NFT_NAME_BYTES];
	const char *chain;
};
void nft_element_put(struct nft_batch *batch, const struct nft_element *element, bool remove);
size_t nft_key_bytes(enum nft_set_kind kind);

struct nft_rule {
	struct nft_batch *batch;
	struct nlmsghdr *message;
	struct nlattr *list;
};
/* A rule at the end of a chain: expressions, then nft_rule_end. */
void nft_rule_begin(struct nft_batch *batch, const char *chain, struct nft_rule *out);
/* The expressions so far. */
const void *nft_rule_bytes(const struct nft_rule *rule, size_t *out_len);
/* data of at most NFT_DATA_MAX bytes stays with the rule; NULL: none. */
#define NFT_DATA_MAX 254u
void nft_rule_end(struct nft_rule *rule, const void *data, size_t len);
/* It again, out of NFTA_RULE_USERDATA; NULL: there is none of ours. */
const uint8_t *nft_rule_data(const struct nlattr *userdata, size_t *out_len);

/* Loads what is known of a frame beside its bytes (NFT_META_...). */
void nft_meta(struct nlmsghdr *m, uint32_t key);
/* Loads bytes of the frame; where it has not as many, the rule does not match. */
void nft_payload(struct nlmsghdr *m, enum nft_payload_bases base, uint32_t offset, uint32_t len);
/* Masks what was loaded, and turns the bits of flip (NULL: none). */
void nft_mask(struct nlmsghdr *m, const void *mask, const void *flip, uint32_t len);
/* Turns what was loaded, of 4 bytes, from the host's order into one that compares byte by byte. */
void nft_order(struct nlmsghdr *m);
/* Adds what was loaded to a set. */
void nft_learn(struct nlmsghdr *m, const char *set);
/* In a hook of a link: sends a copy of the frame out of another; or the frame itself, which goes no
 * further. */
void nft_copy(struct nlmsghdr *m, uint32_t ifindex);
void nft_send(struct nlmsghdr *m, uint32_t ifindex);
/* Marks the frame. */
void nft_mark(struct nlmsghdr *m, uint32_t mark);
/* Goes on where more frames came than so many a second, after a burst. */
void nft_over(struct nlmsghdr *m, uint64_t per_second, uint32_t burst);
/* Goes on where what was loaded compares so (NFT_CMP_...), byte by byte. */
void nft_compare(struct nlmsghdr *m, uint32_t op, const void *value, size_t size);
/* Goes on where the set has what was loaded, or has it not; of a map, in its chain. */
enum nft_lookup_way { NFT_LOOKUP_HAS, NFT_LOOKUP_HAS_NOT, NFT_LOOKUP_GO };
void nft_lookup(struct nlmsghdr *m, const char *set, enum nft_lookup_way way);
/* Counts the frames that came here. */
void nft_counter(struct nlmsghdr *m);
/* NF_DROP, NF_ACCEPT, NFT_RETURN, or NFT_JUMP and NFT_GOTO with a chain. */
void nft_verdict(struct nlmsghdr *m, uint32_t code, const char *chain);

/* Asks for all rules, chains or tables (NFT_MSG_GETRULE ...) of a table, or the elements of a set.
 * -ENOENT where there is no such thing. */
struct nft_question {
	unsigned type;
	const char *table, *chain, *set; /* chain, set NULL: each */
	uint8_t family;			 /* 0: the bridge's */
};
int nft_ask(const struct nft_question *question,
	    int (*take)(const struct nlmsghdr *answer, void *arg), void *arg) RF_MUST_CHECK;
/* Whether an error says that this kernel has no nf_tables for bridges. */
bool nft_is_missing(int rc);

#endif
