/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's question over the facts of hosts (`ringfence query --fleet`), answered by a process
 * that holds nothing else: rows of the hosts that the person may see, and of the tables that the
 * question needs, are put into a database in memory; then it locks itself in, and asks. What may
 * not be seen is not there: no error, time or size of an answer tells of it.
 */
#ifndef RF_MANAGER_QUERY_H
#define RF_MANAGER_QUERY_H

#include <stdint.h>

#include "base/buf.h"

struct query_limits {
	int64_t time_ms, wall_ms; /* of the processor, for a busy machine is slow; by the clock */
	uint64_t rows;
	size_t fact_bytes, answer_bytes;
};
extern const struct query_limits query_limits_usual;

/*
 * Answers {"sql": ..., "hosts": [ids]} by {"items": [{column: value}], "next": ""} in out, in a
 * fork. RF_E_SYNTAX, RF_E_DENIED (not a SELECT over facts alone), RF_E_LIMIT (too many rows, facts
 * or bytes), RF_E_TIMEOUT, RF_E_PEER (it was ended), or the store's; err says which.
 */
int query_answer(const char *store_url, const struct query_limits *limits, struct rf_slice question,
		 struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* Starts the process that answers the role api (api/query.h), in its own sandbox from then on; the
 * other end of its socket. It ends with the socket. */
struct config;
int query_start(const struct config *config, int *out_fd, struct rf_err *err) RF_MUST_CHECK;

#endif
