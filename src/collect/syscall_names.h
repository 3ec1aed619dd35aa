/* SPDX-License-Identifier: Apache-2.0 */
/* Names of system calls; -1 where an architecture does not have one. */
#ifndef RF_COLLECT_SYSCALL_NAMES_H
#define RF_COLLECT_SYSCALL_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct syscall_name {
	const char *name;
	int16_t x86_64, i386, arm64;
};

extern const struct syscall_name syscall_names[];
extern const size_t syscall_names_count;

#endif
