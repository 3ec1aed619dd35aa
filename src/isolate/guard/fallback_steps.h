/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule of the guard by nft compares: for fallback_steps.c and fallback_rules.c alone. */
#ifndef RF_ISOLATE_GUARD_FALLBACK_STEPS_H
#define RF_ISOLATE_GUARD_FALLBACK_STEPS_H

#include "isolate/guard/fallback_parts.h"

/* What a step may depend on beside the port's flags, which are the low bits. */
#define TRAIT_VGT	 0x00010000u /* the VM tags */
#define TRAIT_TAGGED	 0x00020000u /* and always */
#define TRAIT_RESTRICTED 0x00040000u /* quarantine: the services listed and no others */
_Static_assert((GUARD_FLAGS_ALL & 0xffff0000u) == 0, "flags and traits do not meet");

enum {
	LL = NFT_PAYLOAD_LL_HEADER,
	NH = NFT_PAYLOAD_NETWORK_HEADER,
	TH = NFT_PAYLOAD_TRANSPORT_HEADER
};
enum {
	ACCEPT = FALLBACK_ACCEPT,
	DROP = FALLBACK_DROP,
	RETURN = FALLBACK_RETURN,
	JUMP = FALLBACK_JUMP,
	GOTO = FALLBACK_GOTO
};

/* Bytes of the frame, compared; len 0: no more. */
struct match {
	uint8_t base, offset, len;
	uint8_t value[16], mask[16]; /* mask all zero: the whole value */
	uint8_t op;		     /* enum nft_cmp_ops; 0 is equal */
};

#define B(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define IS(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_EQ                                       \
	}
#define NOT(base, at, n, ...)                                                                      \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_NEQ                                      \
	}
#define GT(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_GT                                       \
	}
#define GE(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_GTE                                      \
	}
#define AT(base, at, n)                                                                            \
	{                                                                                          \
		base, at, n, {0}, {0}, NFT_CMP_EQ                                                  \
	}
#define BITS(base, at, n, m, v)                                                                    \
	{                                                                                          \
		base, at, n, v, m, NFT_CMP_EQ                                                      \
	}
#define NEXT(number) IS(NH, 6, 1, number) /* header of IPv6 */

/* Loads and compares it. */
void match_put(struct nlmsghdr *message, const struct match *match);

/* Of a port with these traits: its rules by the table, those of an uplink, and the n-th chain that
 * the table has for it beside those that listed() knows (NULL: no more). */
void fallback_steps_make(struct making *m);
void fallback_uplink_steps_make(struct making *m);
const char *fallback_steps_chain(uint32_t traits, size_t n, bool (*listed)(const char *chain));

#endif
