/* SPDX-License-Identifier: Apache-2.0 */
/* IMA's list of this host: where it is, and what it says of single files. */
#ifndef RF_COLLECT_IMA_LIST_H
#define RF_COLLECT_IMA_LIST_H

#include "attest/ima.h"
#include "base/map.h"
#include "sys/sys.h"

struct ima_file {
	const char *path;
	uint16_t alg; /* of its template digests */
	struct rf_buf bytes;
	struct rf_slice list; /* all of them */
};
#define IMA_FILE_AUTO __attribute__((cleanup(ima_file_done)))

/* Reads the list, whichever name this kernel gives it. 0, -ENOENT when the kernel measures nothing
 * or securityfs is not mounted, or another failure; path is set in any case. */
int ima_file_read(struct sys *sys, struct ima_file *out) RF_MUST_CHECK;
void ima_file_done(struct ima_file *file);

/* What IMA measured last of each file whose name holds a word. */
struct ima_index {
	struct ima_file file;
	struct rf_map by_path; /* to struct attest_digest, in digests */
	struct attest_digest *digests;
	size_t count, room;
};

/* Fills out with the files whose path holds part (".ko"). Codes as ima_file_read; RF_E_SYNTAX for
 * a broken list. ima_index_done frees in any case. */
int ima_index_read(struct sys *sys, const char *part, struct ima_index *out) RF_MUST_CHECK;
void ima_index_done(struct ima_index *index);

/* The digest that was measured last; NULL when the file is not in the list. alg is 0 when its
 * content is not known (a violation, or a hash without a number). */
const struct attest_digest *ima_index_find(const struct ima_index *index, const char *path);

#endif
