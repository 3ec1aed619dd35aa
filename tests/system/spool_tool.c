/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the agent's spool for tests. usage: spool_tool --role DIR   adds and confirms, and says
 * each deed once it is done; spool_tool check DIR   says what is there.
 */
#include <stdio.h>
#include <string.h>

#include "agent/spool.h"

#define ROUNDS 2

static int fail(const struct rf_err *err)
{
	fprintf(stderr, "spool_tool: %s\n", rf_err_text(err));
	return 1;
}

/* Three records in a round, of which one is confirmed; little room, so that some are dropped. */
static int work(struct spool *spool, struct rf_err *err)
{
	static const enum wire_kind kinds[] = {WIRE_FACTS, WIRE_EVENT, WIRE_RESULT};
	int rc = 0;

	for (unsigned i = 0; !rc && i < 3 * ROUNDS; i++) {
		const struct wire_frame frame = {kinds[i % 3], rf_slice_text("{}"),
						 i % 3 == 1 ? (struct rf_slice){0}
							    : rf_slice_text("bytes")};
		uint64_t number = spool_number(spool);

		rc = spool_add(spool, &frame, err);
		if (rc == RF_E_LIMIT) {
			rc = 0;
			continue;
		}
		if (!rc)
			printf("added %llu %s\n", (unsigned long long)number,
			       wire_row(frame.kind)->name);
		if (!rc && i % 3 == 2) {
			rc = spool_confirm(spool, spool_confirmed(spool) + 1, err);
			printf("confirmed %llu\n", (unsigned long long)spool_confirmed(spool));
		}
		fflush(stdout);
	}
	return rc;
}

static int tell(struct spool *spool, struct rf_err *err)
{
	uint64_t at = 0;
	int rc = 1;

	while (rc == 1) {
		RF_AUTOBUF struct rf_buf store = {0};
		struct wire_frame frame;

		rc = spool_next(spool, at, &store, &frame, &at, err);
		if (rc == 1)
			printf("has %llu %s\n", (unsigned long long)at, wire_row(frame.kind)->name);
	}
	printf("next %llu\nconfirmed %llu\n", (unsigned long long)spool_number(spool),
	       (unsigned long long)spool_confirmed(spool));
	return rc;
}

int main(int argc, char **argv)
{
	const struct spool_limits limits = {.records = 3, .bytes = 1 << 20};
	struct spool *spool = NULL;
	struct spool_loss loss;
	struct rf_err err = {0};

	if (argc != 3)
		return 64;
	if (spool_open(argv[2], &limits, &spool, &err) < 0)
		return fail(&err);
	spool_loss_take(spool, &loss);
	printf("damaged %llu\n", (unsigned long long)loss.damaged);
	int rc = strcmp(argv[1], "--role") == 0 ? work(spool, &err) : tell(spool, &err);

	spool_close(spool);
	return rc < 0 ? fail(&err) : 0;
}
