/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image is far larger than any file that is read whole, and only its header is asked for: a few
 * hundred bytes that name the image below it. See image.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/image.h"

/* Reads until size bytes, the end of the file, or a failure. */
static ssize_t read_from(int fd, off_t at, uint8_t *to, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, to + len, size - len, at + (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Opens a regular file, or a block device where that is wanted; nothing else. */
static int open_part(const char *path, bool block_too, struct stat *st, struct rf_err *why)
{
	char name[32];
	/* O_PATH first: opening a FIFO or a tape has effects of its own. */
	int path_fd = open(path, O_PATH | O_CLOEXEC);

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, st) < 0 ||
	    (!S_ISREG(st->st_mode) && !(block_too && S_ISBLK(st->st_mode)))) {
		close(path_fd);
		return rf_fail(why, -EINVAL,
			       block_too ? "neither a regular file nor a block device"
					 : "not a regular file");
	}
	(void)rf_format(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 ? -errno : fd;

	close(path_fd);
	return rc;
}

static int read_part(int fd, off_t at, size_t size, struct rf_buf *out)
{
	uint8_t *to = rf_buf_reserve(out, size);
	ssize_t n = to ? read_from(fd, at, to, size) : -ENOMEM;

	close(fd);
	if (n < 0)
		return (int)n;
	out->len += (size_t)n;
	out->data[out->len] = 0;
	return 0;
}

/* What a VM wrote to a raw disk, or LUKS keeps in its header, is none of our business: beyond the
 * bytes that name the format, only a qcow2 header is given, since that one names the image below.
 */
static void head_keep_format(struct rf_buf *out)
{
	static const uint8_t qcow[4] = {'Q', 'F', 'I', 0xfb};

	if (out->len >= sizeof(qcow) && memcmp(out->data, qcow, sizeof(qcow)) == 0)
		return;
	if (out->len > IMAGE_MAGIC_BYTES) {
		rf_wipe(out->data + IMAGE_MAGIC_BYTES, out->len - IMAGE_MAGIC_BYTES);
		out->len = IMAGE_MAGIC_BYTES;
	}
}

int image_head(const char *path, struct rf_buf *out, struct rf_err *why)
{
	struct stat st;
	int fd = open_part(path, true, &st, why);
	int rc = fd < 0 ? fd : read_part(fd, 0, IMAGE_HEAD_BYTES, out);

	if (rc == 0)
		head_keep_format(out);
	return rc;
}

int image_module_tail(const char *path, struct rf_buf *out, struct rf_err *why)
{
	struct stat st;

	/* This answer is not scrubbed, so it is given of modules only. */
	if (!rf_ends(path, ".ko"))
		return rf_fail(why, -EINVAL, "not a kernel module");
	int fd = open_part(path, false, &st, why);

	if (fd < 0)
		return fd;
	return read_part(fd, st.st_size > IMAGE_TAIL_BYTES ? st.st_size - IMAGE_TAIL_BYTES : 0,
			 IMAGE_TAIL_BYTES, out);
}

int image_boot(const char *path, struct rf_buf *out, struct rf_err *why)
{
	char magic[2];
	struct stat st;
	int fd = open_part(path, false, &st, why);

	if (fd < 0)
		return fd;
	if (pread(fd, magic, 2, 0) != 2 || memcmp(magic, "MZ", 2) != 0) {
		close(fd);
		return rf_fail(why, RF_E_UNSUPPORTED, "not a boot program (PE file)");
	}
	if (st.st_size > IMAGE_BOOT_MAX_BYTES) {
		close(fd);
		return rf_fail(why, RF_E_LIMIT, "%lld bytes", (long long)st.st_size);
	}
	return read_part(fd, 0, (size_t)st.st_size, out);
}

/* ---- samples ---- */

static bool is_blank(const uint8_t *block, size_t size)
{
	return block[0] == 0 && memcmp(block, block + 1, size - 1) == 0;
}

/* splitmix64, by Sebastiano Vigna: one number out of another, alike to no pattern of a medium. */
static uint64_t scatter(uint64_t n)
{
	n += 0x9e3779b97f4a7c15u;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
	n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
	return n ^ (n >> 31);
}

/* Which block the i-th sample is, of blocks in all; where there are few, each once. */
static uint64_t sample_at(uint64_t blocks, unsigned i)
{
	uint64_t strip = blocks / IMAGE_SAMPLES;

	if (blocks <= IMAGE_SAMPLES || i == 0)
		return i;
	if (i == IMAGE_SAMPLES - 1)
		return blocks - 1;
	return strip * i + scatter(blocks ^ i) % strip;
}

static void samples_take(int fd, uint64_t size, struct rf_buf *out)
{
	uint8_t block[IMAGE_SAMPLE_BYTES];
	uint64_t blocks = size / sizeof(block), first = UINT64_MAX;
	unsigned taken = 0, blank = 0;

	for (unsigned i = 0; i < IMAGE_SAMPLES && i < blocks; i++) {
		uint64_t at = sample_at(blocks, i) * sizeof(block);

		if (read_from(fd, (off_t)at, block, sizeof(block)) != (ssize_t)sizeof(block))
			continue;
		taken++;
		if (is_blank(block, sizeof(block)))
			blank++;
		else if (at < first)
			first = at;
	}
	rf_wipe(block, sizeof(block));
	rf_buf_printf(out, "size %llu\nread %u\nblank %u\n", (unsigned long long)size, taken,
		      blank);
	if (first != UINT64_MAX)
		rf_buf_printf(out, "first %llu\n", (unsigned long long)first);
}

int image_samples(const char *path, struct rf_buf *out, struct rf_err *why)
{
	struct stat st;
	int fd = open_part(path, true, &st, why);

	if (fd < 0)
		return fd;
	off_t size = lseek(fd, 0, SEEK_END); /* of a device stat(2) tells none */

	if (size > 0)
		samples_take(fd, (uint64_t)size, out);
	close(fd);
	if (size <= 0)
		return rf_fail(why, -EINVAL, "it has no size");
	return out->failed ? -ENOMEM : 0;
}
