/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of collector ssh share. */
#ifndef RF_COLLECT_SSH_H
#define RF_COLLECT_SSH_H

#include "collect/collect.h"
#include "collect/sshd_config.h"

/* A version as major * 100 + minor (9.2p1 is 902), or 0 when text is none. */
unsigned int ssh_version_number(const char *text);

/*
 * Adds OpenSSH's own default of every option that is not set, and makes whole lists of the
 * algorithms that the configuration adds to (+), takes from (-) or moves in (^) the default.
 * version 0: not known; what then cannot be said is a gap.
 */
void ssh_defaults_add(struct sys *sys, struct fact_sink *out, struct conf_options *options,
		      unsigned int version);

/* Rows of ssh_key. */
void ssh_keys_put(struct sys *sys, struct fact_sink *out, const struct conf_options *options);

/* A key in its public form: algorithm and size. */
struct ssh_public_key {
	char algorithm[64];
	int64_t bits; /* 0 when the algorithm does not say */
};

/* Reads a base64 blob (RFC 4253 section 6.6) of len characters. 0 or RF_E_SYNTAX. */
int ssh_public_key_parse(const char *base64, size_t len, struct ssh_public_key *out) RF_MUST_CHECK;

/*
 * Splits one line of authorized_keys: its options (length may be 0) and its key. Returns 1 when it
 * holds a key, 0 for a comment or an empty line, RF_E_SYNTAX when it is neither.
 */
int ssh_authorized_line(const char *line, size_t *out_options_len, struct ssh_public_key *out_key);

/* True when the options before a key hold from=, command= or restrict. */
bool ssh_options_restrict(const char *options, size_t len);

#endif
