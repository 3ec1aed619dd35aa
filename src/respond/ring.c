/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of pcapng files. See ring.h. */
#include "respond/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "respond/pcapng.h"

#define BATCH_BYTES (1u << 18)
#define NAME_BYTES  24
#define ENDING	    ".pcapng"

static void name_of(uint32_t number, char out[NAME_BYTES])
{
	rf_format(out, NAME_BYTES, "%06u" ENDING, number);
}

/* The number of a file of ours; 0 for another's. */
static uint32_t number_of(const char *name)
{
	char digits[16], again[NAME_BYTES];
	size_t len = strspn(name, "0123456789");
	int64_t n;

	if (!rf_format(digits, sizeof(digits), "%.*s", (int)len, name) ||
	    rf_num(digits, 10, 1, UINT32_MAX - 1, &n) < 0)
		return 0;
	name_of((uint32_t)n, again);
	return strcmp(again, name) == 0 ? (uint32_t)n : 0;
}

static int range_find(struct ring *ring)
{
	int fd = openat(ring->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!dir) {
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		return rc;
	}
	ring->first = ring->last = 0;
	while ((entry = readdir(dir))) {
		uint32_t n = number_of(entry->d_name);

		if (n && (n < ring->first || !ring->first))
			ring->first = n;
		if (n > ring->last)
			ring->last = n;
	}
	closedir(dir);
	return 0;
}

/* Takes the oldest file away; false when only the newest is left. */
static bool oldest_remove(struct ring *ring)
{
	char name[NAME_BYTES];

	while (ring->first && ring->first < ring->last) {
		name_of(ring->first++, name);
		if (unlinkat(ring->folder, name, 0) == 0)
			return true;
	}
	return false;
}

static int file_open(struct ring *ring)
{
	char name[NAME_BYTES];

	name_of(ring->last + 1, name);
	ring->fd = openat(ring->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			  0600);
	if (ring->fd < 0)
		return -errno;
	ring->last++;
	ring->first = ring->first ? ring->first : ring->last;
	ring->bytes = 0;
	while (ring->last - ring->first >= RING_FILES)
		if (!oldest_remove(ring))
			break;
	return 0;
}

static void file_close(struct ring *ring)
{
	if (ring->fd >= 0)
		close(ring->fd);
	ring->fd = -1;
}

static int head_add(struct ring *ring, struct rf_buf *out)
{
	int rc = pcapng_section(out, "ringfence", ring->comment);

	return rc ? rc : pcapng_interface(out, ring->link, ring->vm);
}

int ring_open(struct ring *ring, struct rf_err *err)
{
	int rc;

	ring->fd = -1;
	if (ring->max_bytes < RING_MIN_BYTES)
		ring->max_bytes = RING_MIN_BYTES;
	rc = range_find(ring);
	if (!rc)
		rc = file_open(ring);
	/* With no room at all there is none for the first file either: later, then. */
	if (rc == -ENOSPC || rc == -EDQUOT) {
		ring->full = true;
		rc = 0;
	}
	return rc ? rf_fail(err, rc, "the record of %s: %s", ring->link, rf_code_text(rc)) : 0;
}

/* Writes whole blocks, or nothing of them. A file that has none yet gets its head with them. */
static int blocks_write(struct ring *ring, struct rf_slice blocks)
{
	RF_AUTOBUF struct rf_buf head = {0};
	int rc = ring->fd < 0 ? file_open(ring) : 0;

	if (!rc && ring->bytes == 0)
		rc = head_add(ring, &head);
	if (!rc)
		rc = rf_write_all(ring->fd, rf_buf_slice(&head));
	if (!rc)
		rc = rf_write_all(ring->fd, blocks);
	if (!rc) {
		ring->bytes += head.len + blocks.len;
		return 0;
	}
	/* Half a block would make the file unreadable from there on. */
	if (ring->fd >= 0 && (ftruncate(ring->fd, (off_t)ring->bytes) < 0 ||
			      lseek(ring->fd, (off_t)ring->bytes, SEEK_SET) < 0))
		file_close(ring);
	return rc;
}

void ring_flush(struct ring *ring)
{
	struct rf_slice blocks = rf_buf_slice(&ring->blocks);

	if (!blocks.len)
		return;
	int rc = blocks_write(ring, blocks);

	while ((rc == -ENOSPC || rc == -EDQUOT) && oldest_remove(ring))
		rc = blocks_write(ring, blocks);
	ring->full = rc != 0;
	if (rc)
		ring->lost += ring->blocks_frames;
	else
		ring->frames += ring->blocks_frames;
	ring->bytes_recorded += rc ? 0 : blocks.len;
	rf_buf_reset(&ring->blocks);
	ring->blocks_frames = 0;
	if (ring->bytes < ring->max_bytes / RING_FILES || ring->fd < 0)
		return;
	file_close(ring);
	/* The next frames open the next file, also when there is no room for one now. */
	if (file_open(ring) < 0)
		ring->fd = -1;
}

int ring_add(struct ring *ring, uint64_t time_ns, struct rf_slice frame, uint32_t original_bytes)
{
	int rc = pcapng_packet(&ring->blocks, time_ns, frame, original_bytes);

	if (rc) {
		ring->lost += ring->blocks_frames + 1;
		rf_buf_done(&ring->blocks);
		ring->blocks_frames = 0;
		return rc;
	}
	ring->blocks_frames++;
	if (ring->blocks.len >= BATCH_BYTES)
		ring_flush(ring);
	return 0;
}

void ring_close(struct ring *ring, uint64_t time_ns, uint64_t dropped)
{
	uint64_t all = ring->frames + ring->blocks_frames + ring->lost + dropped;

	/* A file without a frame is closed with its statistics too: it says that nothing came. */
	if (pcapng_statistics(&ring->blocks, time_ns, all, dropped + ring->lost) == 0)
		ring_flush(ring);
	file_close(ring);
	rf_buf_done(&ring->blocks);
}
