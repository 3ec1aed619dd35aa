/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes pcapng: blocks appended to a buffer, in this machine's byte order, times in nanoseconds.
 * Not a reader. Source: draft-ietf-opsawg-pcapng (section, interface, enhanced packet and interface
 * statistics block).
 */
#ifndef RF_RESPOND_PCAPNG_H
#define RF_RESPOND_PCAPNG_H

#include <stdint.h>

#include "base/buf.h"

#define PCAPNG_SNAP_BYTES 262144u

/* Begins a section. Texts longer than 1 KiB are cut; "" leaves an option out. */
int pcapng_section(struct rf_buf *out, const char *program, const char *comment);
/* Describes its one interface (number 0): Ethernet, nanoseconds. */
int pcapng_interface(struct rf_buf *out, const char *name, const char *description);
/* A frame of original_bytes, of which frame was captured. */
int pcapng_packet(struct rf_buf *out, uint64_t time_ns, struct rf_slice frame,
		  uint32_t original_bytes);
/* How many frames came, and how many of them are in no block. */
int pcapng_statistics(struct rf_buf *out, uint64_t time_ns, uint64_t received, uint64_t dropped);

#endif
