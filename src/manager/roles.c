/* SPDX-License-Identifier: Apache-2.0 */
/* What all roles share; see roles.h. */
#include "manager/roles.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t role_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void role_ready(const char *name, const char *text, const char *missing)
{
	if (missing[0])
		fprintf(stderr, "ringfence-manager %s: its sandbox lacks: %s\n", name, missing);
	(void)!write(ROLE_FD_READY, text, strlen(text));
	(void)!write(ROLE_FD_READY, "\n", 1);
	close(ROLE_FD_READY);
}
