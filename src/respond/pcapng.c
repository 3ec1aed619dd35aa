/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of pcapng. See pcapng.h. */
#include "respond/pcapng.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define MAGIC		 0x1a2b3c4du
#define LINK_ETHERNET	 1u
#define TEXT_MAX_BYTES	 1024u
/* All around the body of a block: type, length, length again. */
#define FRAME_BYTES 12u

enum option {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_PROGRAM = 4,     /* of a section */
	OPT_NAME = 2,	     /* of an interface */
	OPT_DESCRIPTION = 3, /* of an interface */
	OPT_RESOLUTION = 9,  /* of an interface: a power of ten, negative */
	OPT_RECEIVED = 4,    /* of statistics */
	OPT_DROPPED = 5,     /* of statistics */
};

static void add16(struct rf_buf *out, uint16_t n)
{
	rf_buf_add(out, &n, sizeof(n));
}

static void add32(struct rf_buf *out, uint32_t n)
{
	rf_buf_add(out, &n, sizeof(n));
}

static void pad(struct rf_buf *out, size_t bytes)
{
	static const uint8_t zero[4];

	rf_buf_add(out, zero, -bytes & 3);
}

static void add_option(struct rf_buf *out, enum option code, const void *value, size_t bytes)
{
	add16(out, (uint16_t)code);
	add16(out, (uint16_t)bytes);
	rf_buf_add(out, value, bytes);
	pad(out, bytes);
}

static void add_text(struct rf_buf *out, enum option code, const char *text)
{
	size_t len = strnlen(text, TEXT_MAX_BYTES);

	if (len)
		add_option(out, code, text, len);
}

/* Puts a body into its frame. */
static int add_block(struct rf_buf *out, uint32_t type, struct rf_buf *body)
{
	uint32_t bytes = (uint32_t)body->len + FRAME_BYTES;

	add32(out, type);
	add32(out, bytes);
	rf_buf_add(out, body->data, body->len);
	add32(out, bytes);
	return out->failed || body->failed ? -ENOMEM : 0;
}

int pcapng_section(struct rf_buf *out, const char *program, const char *comment)
{
	RF_AUTOBUF struct rf_buf body = {0};

	add32(&body, MAGIC);
	add16(&body, 1);
	add16(&body, 0);
	/* The length of the section is not known: all ones. */
	add32(&body, UINT32_MAX);
	add32(&body, UINT32_MAX);
	add_text(&body, OPT_COMMENT, comment);
	add_text(&body, OPT_PROGRAM, program);
	add_option(&body, OPT_END, NULL, 0);
	return add_block(out, BLOCK_SECTION, &body);
}

int pcapng_interface(struct rf_buf *out, const char *name, const char *description)
{
	static const uint8_t nanoseconds = 9;
	RF_AUTOBUF struct rf_buf body = {0};

	add16(&body, LINK_ETHERNET);
	add16(&body, 0);
	add32(&body, PCAPNG_SNAP_BYTES);
	add_text(&body, OPT_NAME, name);
	add_text(&body, OPT_DESCRIPTION, description);
	add_option(&body, OPT_RESOLUTION, &nanoseconds, 1);
	add_option(&body, OPT_END, NULL, 0);
	return add_block(out, BLOCK_INTERFACE, &body);
}

static void add_time(struct rf_buf *out, uint64_t time_ns)
{
	add32(out, (uint32_t)(time_ns >> 32));
	add32(out, (uint32_t)time_ns);
}

/* Written in place: this is the one that comes a million times. */
int pcapng_packet(struct rf_buf *out, uint64_t time_ns, struct rf_slice frame,
		  uint32_t original_bytes)
{
	uint32_t captured =
		(uint32_t)(frame.len < PCAPNG_SNAP_BYTES ? frame.len : PCAPNG_SNAP_BYTES);
	uint32_t bytes = FRAME_BYTES + 20 + ((captured + 3) & ~3u);

	add32(out, BLOCK_PACKET);
	add32(out, bytes);
	add32(out, 0);
	add_time(out, time_ns);
	add32(out, captured);
	add32(out, original_bytes < captured ? captured : original_bytes);
	rf_buf_add(out, frame.data, captured);
	pad(out, captured);
	add32(out, bytes);
	return out->failed ? -ENOMEM : 0;
}

int pcapng_statistics(struct rf_buf *out, uint64_t time_ns, uint64_t received, uint64_t dropped)
{
	RF_AUTOBUF struct rf_buf body = {0};

	add32(&body, 0);
	add_time(&body, time_ns);
	add_option(&body, OPT_RECEIVED, &received, sizeof(received));
	add_option(&body, OPT_DROPPED, &dropped, sizeof(dropped));
	add_option(&body, OPT_END, NULL, 0);
	return add_block(out, BLOCK_STATISTICS, &body);
}
