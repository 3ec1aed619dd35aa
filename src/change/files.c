/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of our own state folder. See files.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "change/files.h"

static int make(int folder, const char *name, unsigned mode, struct rf_slice data, bool sync,
		struct rf_err *err)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	int rc = rf_write_all(fd, data);

	if (!rc && sync && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc < 0)
		unlinkat(folder, name, 0);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", name, rf_code_text(rc)) : 0;
}

int files_make(int folder, const char *name, unsigned mode, struct rf_slice data,
	       struct rf_err *err)
{
	return make(folder, name, mode, data, true, err);
}

int files_put(int folder, const char *name, unsigned mode, struct rf_slice data, struct rf_err *err)
{
	return make(folder, name, mode, data, false, err);
}

int files_read(int folder, const char *name, size_t max_bytes, struct rf_buf *out,
	       struct rf_err *err)
{
	struct stat st;
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	int rc = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;

	if (!rc)
		rc = rf_read_all(fd, max_bytes, out);
	close(fd);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", name, rf_code_text(rc)) : 0;
}
