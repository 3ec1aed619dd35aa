/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a host that another process reads. See through.h. */
#include "sys/through.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"

static int through_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
			char real[RF_MAX_PATH_BYTES])
{
	int rc = sys->through->read(sys->through->arg, path, max_bytes, out);

	/* Links were followed, and secrets taken out, where it was read. */
	(void)rf_copy(real, RF_MAX_PATH_BYTES, path);
	return rc == 0 && out->len > max_bytes ? RF_E_LIMIT : rc;
}

static int through_list(struct sys *sys, const char *dir, struct sys_names *out)
{
	RF_AUTOBUF struct rf_buf names = {0};
	size_t capacity = 0;
	int rc = sys->through->list(sys->through->arg, dir, &names);

	if (rc == 0 && names.len && names.data[names.len - 1] != '\0')
		rc = RF_E_SYNTAX;
	for (size_t at = 0; rc == 0 && at < names.len;
	     at += strlen((const char *)names.data + at) + 1)
		rc = names_add(out, &capacity, (const char *)names.data + at);
	if (rc == 0)
		names_sort_unique(out);
	return rc;
}

static int through_stat(struct sys *sys, const char *path, bool follow, struct sys_stat *out)
{
	(void)follow;
	memset(out, 0, sizeof(*out));
	return sys->through->exists(sys->through->arg, path);
}

static int through_readlink(struct sys *sys, const char *path, char *out, size_t size)
{
	(void)sys;
	(void)path;
	(void)out;
	(void)size;
	return RF_E_UNSUPPORTED;
}

static int through_space(struct sys *sys, const char *path, struct sys_space *out)
{
	(void)sys;
	(void)path;
	(void)out;
	return RF_E_UNSUPPORTED;
}

static int through_probe(struct sys *sys, const char *name, const char *arg, struct rf_buf *out)
{
	(void)sys;
	(void)name;
	(void)arg;
	(void)out;
	return RF_E_UNSUPPORTED;
}

static const struct sys_ops through_ops = {
	.read = through_read,
	.list = through_list,
	.stat = through_stat,
	.readlink = through_readlink,
	.space = through_space,
	.probe = through_probe,
};

int sys_open_through(const struct sys_through *through, struct sys **out, struct rf_err *err)
{
	struct sys *sys = sys_new(&through_ops);

	if (!sys)
		return rf_fail(err, -ENOMEM, "no memory for the host");
	sys->through = through;
	*out = sys;
	return 0;
}
