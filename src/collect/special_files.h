/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of the probe special-files, line by line. */
#ifndef RF_COLLECT_SPECIAL_FILES_H
#define RF_COLLECT_SPECIAL_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct special_line {
	char kind;     /* f, d, o; l: a tree to ask of, c: one that is closed to us */
	uint32_t mode; /* 12 bits */
	int64_t uid, gid;
	char *path;
};

/* Takes one line apart, in place; false when it is none of sys/special.h. */
bool special_line_parse(char *line, struct special_line *out);

#endif
