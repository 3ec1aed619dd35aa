/* SPDX-License-Identifier: Apache-2.0 */
/* Whole transfers. See io.h. */
#include <errno.h>
#include <unistd.h>

#include "base/io.h"

#define READ_BYTES 65536

int rf_write_all(int fd, struct rf_slice data)
{
	for (size_t at = 0; at < data.len;) {
		ssize_t n = write(fd, data.data + at, data.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

int rf_read_all(int fd, size_t max_bytes, struct rf_buf *out)
{
	const size_t start = out->len;

	for (;;) {
		uint8_t *to = rf_buf_reserve(out, READ_BYTES);

		if (!to)
			return -ENOMEM;
		ssize_t n = read(fd, to, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->len += (size_t)n;
		out->data[out->len] = 0;
		if (out->len - start > max_bytes)
			return RF_E_LIMIT;
		if (n == 0)
			return 0;
	}
}
