/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's user side with any bytes: as addresses that a person wrote (first byte 'T'), as a tc
 * filter from netlink ('N'), and as a policy from another process ('P'): what the check lets pass
 * must give test frames that fit, of strangers that are none of the port's own.
 */
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/frames.h"
#include "isolate/guard/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_text(const uint8_t *data, size_t size)
{
	static const uint8_t MAC[6] = {2, 0, 0, 0, 0, 1};
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct guard_port port;
	char *cursor = text, *line;
	uint8_t mac[6];

	guard_port_init(&port, MAC);
	while (text && (line = rf_line_next(&cursor))) {
		unsigned before = port.n_v4 + port.n_v6;
		int rc = guard_port_add(&port, line, NULL);

		if (port.n_v4 + port.n_v6 != before + (rc == 0))
			abort();
		if (guard_mac_parse(line, mac) == 0 && strlen(line) != 17)
			abort();
	}
	if (guard_port_groups(&port, NULL) == 0 && port.n_groups > GUARD_GROUPS)
		abort();
}

static void as_filter(const uint8_t *data, size_t size)
{
	size_t len = sizeof(struct nlmsghdr) + size;
	RF_AUTOFREE struct nlmsghdr *message = rf_alloc(1, len + 4);
	struct filter filter;

	if (!message || size < 1)
		return;
	memcpy(message + 1, data, size);
	message->nlmsg_len = (uint32_t)len;
	message->nlmsg_type = data[0] & 1 ? RTM_NEWTFILTER : RTM_DELTFILTER;
	(void)guard_filter_parse(message, &filter);
}

static void as_policy(const uint8_t *data, size_t size)
{
	static struct guard_zone zones[GUARD_ZONES];
	struct test_subject subject;
	struct guard_port port = {0};

	memcpy(&port, data, size < sizeof(port) ? size : sizeof(port));
	if (guard_port_check(&port, NULL) != 0 || port.role != GUARD_ROLE_VM ||
	    port.mode == GUARD_MODE_DENY)
		return;
	guard_subject_init(&subject, &port, zones);
	for (size_t i = 0; i < GUARD_PROBES; i++) {
		struct test_frame frame = {.len = 0};

		GUARD_TESTS[i].build(&frame, &subject);
		(void)GUARD_TESTS[i].allowed(&subject);
		if (frame.len < 14 || frame.len > FRAME_ROOM)
			abort();
	}
	for (unsigned i = 0; i < port.n_macs; i++)
		if (memcmp(port.macs[i], subject.stranger, 6) == 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 65536)
		return 0;
	if (data[0] == 'T')
		as_text(data + 1, size - 1);
	if (data[0] == 'N')
		as_filter(data + 1, size - 1);
	if (data[0] == 'P')
		as_policy(data + 1, size - 1);
	return 0;
}
