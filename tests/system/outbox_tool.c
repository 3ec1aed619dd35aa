/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox without a manager, for tests/system/test_outbox.py.
 * usage: outbox_tool prepare STORE SINK...                       a store in which events are kept
 *        outbox_tool add STORE KIND HOST ABOUT OLD NEW TEXT COUNT
 *        outbox_tool left STORE SINK                             how many it has not confirmed
 *        outbox_tool run STORE CONFIG                            until standard input ends
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "outbox/outbox.h"
#include "store/fleet.h"

static int add(struct store *store, char **argv, struct rf_err *err)
{
	const struct store_event event = {.kind = argv[3],
					  .host = argv[4],
					  .about = argv[5],
					  .old_state = argv[6],
					  .new_state = argv[7],
					  .text = argv[8],
					  .at_ms = 1795460400123};
	int64_t count = 0;
	int rc = rf_num(argv[9], 10, 1, 100000, &count);

	while (!rc && count-- > 0)
		rc = store_event_add(store, &event, err);
	return rc;
}

static int count_one(void *arg, const struct store_event *event)
{
	(void)event;
	++*(int *)arg;
	return 0;
}

static int in_store(int argc, char **argv, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int left = 0, rc = store_open(argv[2], &store, err);

	if (!rc && strcmp(argv[1], "add") == 0 && argc == 10)
		return add(store, argv, err);
	for (int i = 3; !rc && i < argc && strcmp(argv[1], "prepare") == 0; i++)
		rc = store_sink_add(store, argv[i], err);
	if (!rc && strcmp(argv[1], "left") == 0) {
		rc = store_event_each(store, argv[3], 1000000, count_one, &left, err);
		printf("%d\n", left);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct rf_err err = {0};
	int rc = 0;

	if (argc == 5 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "outbox-sink") == 0)
		return outbox_sink_run(3, argv[3], argv[4]);
	if (argc < 4)
		return 64;
	if (strcmp(argv[1], "prepare") == 0)
		rc = store_upgrade(argv[2], &err);
	if (!rc && strcmp(argv[1], "run") == 0) {
		const struct outbox_options options = {
			.store_url = argv[2], .config = argv[3], .holder = "test", .stop_fd = 0};

		rc = outbox_run(&options, &err);
	} else if (!rc) {
		rc = in_store(argc, argv, &err);
	}
	if (rc < 0)
		fprintf(stderr, "outbox_tool: %s\n", rf_err_text(&err));
	return rc < 0;
}
