/* SPDX-License-Identifier: Apache-2.0 */
/* A list of promises. See promise.h. */
#include "isolate/promise.h"

#include <errno.h>

#include "base/mem.h"

int isolate_promise_add(struct isolate_promises *promises, const struct isolate_promise *promise)
{
	if (rf_grow((void **)&promises->items, &promises->capacity, promises->count + 1,
		    sizeof(*promise)) < 0)
		return -ENOMEM;
	promises->items[promises->count++] = *promise;
	return 0;
}

void isolate_promises_done(struct isolate_promises *promises)
{
	rf_free(promises->items);
	*promises = (struct isolate_promises){0};
}

bool isolate_promise_fails(const struct isolate_promise *promise)
{
	return promise->configured == PROMISE_NO || promise->enforced == PROMISE_NO ||
	       promise->proven == PROMISE_NO;
}

size_t isolate_promises_failed(const struct isolate_promises *promises)
{
	size_t n = 0;

	for (size_t i = 0; i < promises->count; i++)
		n += isolate_promise_fails(&promises->items[i]);
	return n;
}
