/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image is far larger than any file that is read whole, and only its header is asked for: a few
 * hundred bytes that name the image below it. See image.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/image.h"

/* Reads until size bytes, the end of the file, or a failure. */
static ssize_t read_start(int fd, uint8_t *to, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, to + len, size - len, (off_t)len);

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

int image_head(const char *path, struct rf_buf *out, struct rf_err *why)
{
	struct stat st;
	char name[32];
	/* O_PATH first: opening a FIFO or a tape has effects of its own. */
	int path_fd = open(path, O_PATH | O_CLOEXEC);

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
		close(path_fd);
		return rf_fail(why, -EINVAL, "neither a regular file nor a block device");
	}
	(void)rf_format(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 ? -errno : 0;

	close(path_fd);
	if (rc < 0)
		return rc;
	uint8_t *to = rf_buf_reserve(out, IMAGE_HEAD_BYTES);
	ssize_t n = to ? read_start(fd, to, IMAGE_HEAD_BYTES) : -ENOMEM;

	close(fd);
	if (n < 0)
		return (int)n;
	out->len += (size_t)n;
	out->data[out->len] = 0;
	return 0;
}
