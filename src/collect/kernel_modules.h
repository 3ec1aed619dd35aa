/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the kernel collector that is about modules, and its parsers. */
#ifndef RF_COLLECT_KERNEL_MODULES_H
#define RF_COLLECT_KERNEL_MODULES_H

#include "collect/kconfig.h"
#include "model/fact.h"
#include "sys/sys.h"

/* Fills the tables module and module_block. */
void kernel_modules_collect(struct sys *sys, const struct kconfig *config, struct fact_sink *out);

/* What one line of modprobe.d says of a module. */
struct modprobe_line {
	const char *path;
	unsigned int line;
	const char *name;    /* as written */
	bool is_blacklist;   /* blacklist NAME */
	bool install_blocks; /* install NAME with true or false as the command */
};

/* Walks the install and blacklist lines of a text in place (modprobe.d(5)). */
void modprobe_walk(char *text, const char *path,
		   void (*each)(void *ctx, const struct modprobe_line *line), void *ctx);

#endif
