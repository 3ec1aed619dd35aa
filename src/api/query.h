/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between the role api and the process that answers questions over facts: a head and a text,
 * each way, on one socket of this machine. A question's text is {"sql": ..., "hosts": [...]}; an
 * answer's is the body of a list with code 0, else why not. Whatever answers may have been taken
 * over by a question: the api reads heads with limits and bodies as JSON, and believes nothing.
 */
#ifndef RF_API_QUERY_H
#define RF_API_QUERY_H

#include <stdint.h>

#define QUERY_MAX_QUESTION_BYTES (4u << 20)
#define QUERY_MAX_ANSWER_BYTES	 (8u << 20)

struct query_head {
	uint64_t id;
	int32_t code;	/* 0; of an answer that failed RF_E_* or an errno */
	uint32_t bytes; /* of the text behind it */
};

#endif
