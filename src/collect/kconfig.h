/* SPDX-License-Identifier: Apache-2.0 */
/* How the running kernel was built and started, and its release. */
#ifndef RF_COLLECT_KCONFIG_H
#define RF_COLLECT_KCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "sys/sys.h"

/* Line number (0 to 3) of the uname probe: nodename, release, version, machine. False: not known.
 */
bool kernel_uname(struct sys *sys, unsigned int line, char *out, size_t size);

/* Zero-initialise. */
struct kconfig {
	struct rf_buf text;
	char source[384]; /* where it was found; "" when nowhere */
};
#define KCONFIG_AUTO __attribute__((cleanup(kconfig_done)))

/*
 * Looks for the configuration of the running kernel: /boot/config-RELEASE, the module folder,
 * /proc/config.gz. When there is none, source stays "" and every question is answered with 0.
 */
void kconfig_read(struct sys *sys, struct kconfig *config);
void kconfig_done(struct kconfig *config);

/* What the symbol (CONFIG_NAME) is: 'y', 'm', 'n' (not set), 'v' another value, 0 not known. */
char kconfig_get(const struct kconfig *config, const char *symbol);

/* Takes a gzip stream apart, up to max bytes. Returns 0, RF_E_SYNTAX, RF_E_LIMIT or -ENOMEM. */
int kconfig_gunzip(struct rf_slice in, size_t max, struct rf_buf *out) RF_MUST_CHECK;

/*
 * Walks the words of a kernel command line in place, as the kernel splits it: key is what stands
 * before the first =, value what stands behind it ("" when there is no =), quotes taken off.
 */
bool kernel_word_next(char **cursor, char **out_key, char **out_value);

/* The last value of that word of /proc/cmdline; false when the word is not there. */
bool kernel_cmdline_value(struct sys *sys, const char *key, char *out, size_t size);

#endif
