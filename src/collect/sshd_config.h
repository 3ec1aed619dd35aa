/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSH's server configuration: what sshd_config and its includes say, before any default. */
#ifndef RF_COLLECT_SSHD_CONFIG_H
#define RF_COLLECT_SSHD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "collect/conf.h"
#include "model/fact.h"
#include "sys/sys.h"

#define SSHD_MAX_MATCHES 10000u

/* An option of a Match block. */
struct sshd_match {
	char *criteria, *key, *value, *source;
};

struct sshd_config {
	struct conf_options options; /* global block; keys in lower case, first value wins */
	struct sshd_match *matches;
	size_t matches_count, matches_capacity;
	unsigned int files_count;
	bool incomplete; /* a file could not be read: nothing is known of what is not set */
};
#define SSHD_AUTOCONFIG __attribute__((cleanup(sshd_config_done)))

/*
 * Loads path and what it includes into config (zeroed). Doubts become gaps of ssh_option.
 * Returns 0, or -ENOMEM.
 */
int sshd_config_load(struct sys *sys, struct fact_sink *out, const char *path,
		     struct sshd_config *config) RF_MUST_CHECK;
void sshd_config_done(struct sshd_config *config);

/*
 * Splits a line's arguments as sshd does: blanks, both quotes, backslash before a quote, a
 * backslash or a blank; # at the start of a word ends the line. Returns 0, RF_E_SYNTAX for an open
 * quote, -ENOMEM.
 */
int sshd_config_words(const char *text, struct util_paths *words) RF_MUST_CHECK;

#endif
