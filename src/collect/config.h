/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the config collector. */
#ifndef RF_COLLECT_CONFIG_H
#define RF_COLLECT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Walks the settings of an lvm.conf in place: key "section/name", value with the brackets and
 * quotes of lists taken off and their items joined by ','. Source: lvm.conf(5).
 */
void lvm_conf_walk(char *text,
		   void (*each)(void *ctx, const char *key, const char *value, unsigned int line),
		   void *ctx);

/* What a banner says once getty's escapes are taken out. */
struct banner {
	bool has_text; /* anything that can be read */
	bool has_os; /* an escape for system, release, version or machine, or the name of the OS */
};

/* Adds what text says; os is the ID of os-release. Source: agetty(8). */
void banner_read(const char *text, const char *os, struct banner *banner);

#endif
