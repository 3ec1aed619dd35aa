/* SPDX-License-Identifier: Apache-2.0 */
/* Whole writes. See io.h. */
#include <errno.h>
#include <unistd.h>

#include "base/io.h"

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
