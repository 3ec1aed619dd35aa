/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: builds the frames that a port is asked about. Nothing of it is ever sent. */
#ifndef RF_ISOLATE_GUARD_FRAMES_H
#define RF_ISOLATE_GUARD_FRAMES_H

#include "isolate/guard/guard.h"

#define FRAME_ROOM 2048u

/* The larger half of what a kernel takes for a test; longer frames are told by their segments. */
struct test_frame {
	uint8_t bytes[FRAME_ROOM];
	size_t len;
	uint32_t gso_bytes;
};

/* Whom a test is about: what is the port's own, and what is certainly another's. */
struct test_subject {
	const struct guard_port *port;
	uint8_t stranger[6];
	uint32_t v4, other_v4; /* network order */
	uint8_t v6[16], other_v6[16];
	bool has_v4, has_v6;
	bool tagged; /* an honest frame carries tag vid (VGT) */
	uint16_t vid, wrong_vid;
	bool has_wrong_vid;
	uint32_t zone, wrong_zone; /* may reach the port, may not */
	bool has_zone, has_wrong_zone;
};

/* One kind of test: 24 forged frames first, then the honest ones. */
struct test_row {
	const char *name;
	enum guard_direction direction;
	bool honest;
	bool from_wrong_zone;
	void (*build)(struct test_frame *frame, const struct test_subject *subject);
	/* Does the policy let it pass? */
	bool (*allowed)(const struct test_subject *subject);
};

/* GUARD_PROBES rows. */
extern const struct test_row GUARD_TESTS[];

/* Chooses what is the port's own and what is another's. zones: the live matrix. */
void guard_subject_init(struct test_subject *subject, const struct guard_port *port,
			const struct guard_zone *zones);

/* Can a source address be the port's, as the policy says? */
bool guard_owns_v4(const struct guard_port *port, uint32_t address);
bool guard_owns_v6(const struct guard_port *port, const uint8_t address[16]);

#endif
