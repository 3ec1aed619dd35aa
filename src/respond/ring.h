/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of pcapng files in one folder: NNNNNN.pcapng, at most RING_FILES of them and max_bytes
 * together. The newest frames are kept: the oldest file makes room, also on a full disk. Each file
 * can be read on its own.
 */
#ifndef RF_RESPOND_RING_H
#define RF_RESPOND_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define RING_FILES     8u
#define RING_MIN_BYTES (1u << 20)

struct ring {
	int folder;	    /* descriptor, borrowed */
	uint64_t max_bytes; /* of all files */
	const char *link, *vm, *comment;
	int fd;
	uint32_t first, last; /* numbers of the oldest and newest file; last 0: none */
	uint64_t bytes;	      /* of the newest, up to the last whole block */
	struct rf_buf blocks; /* not written yet */
	uint64_t blocks_frames;
	/* What came of it. */
	uint64_t frames, bytes_recorded, lost; /* lost: there was no room on the disk */
	bool full;			       /* no room right now */
};

/* Finds what is in the folder and begins a new file behind it. */
int ring_open(struct ring *ring, struct rf_err *err) RF_MUST_CHECK;
/* Takes a frame. */
int ring_add(struct ring *ring, uint64_t time_ns, struct rf_slice frame,
	     uint32_t original_bytes) RF_MUST_CHECK;
/* Writes what was taken. Never fails for a full disk: that is counted. */
void ring_flush(struct ring *ring);
/* Ends the last file with its statistics. */
void ring_close(struct ring *ring, uint64_t time_ns, uint64_t dropped);

#endif
