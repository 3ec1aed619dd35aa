/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site's own controls, profiles and waivers from a folder. The one file of this library that
 * reads the disk; what it reads goes through the same checks as ours.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

static int file_read(const char *path, struct rf_buf *out, struct rf_err *err)
{
	/* O_NONBLOCK: a FIFO in the folder must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return rf_fail(err, -EINVAL, "%s: not a regular file", path);
	}
	int rc = rf_read_all(fd, RF_MAX_YAML_BYTES, out);

	close(fd);
	return rc ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

static int site_file(struct control_set *set, const char *kind, const char *path,
		     struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err why = {0};

	if (file_read(path, &text, &why) < 0)
		return control_problem_add(set, &why, err);
	return control_set_add(set, kind, path, rf_buf_slice(&text), true, err);
}

static int site_walk(struct control_set *set, const char *kind, const char *dir, unsigned depth,
		     struct rf_err *err)
{
	struct dirent **names = NULL;
	int count = scandir(dir, &names, NULL, alphasort);
	int rc = 0;

	if (count < 0)
		return 0; /* a site need not have every folder */
	for (int i = 0; i < count; i++) {
		RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, names[i]->d_name);
		struct stat st;

		if (rc == 0 && names[i]->d_name[0] != '.' && path && lstat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode) && depth < RF_MAX_DIR_DEPTH)
				rc = site_walk(set, kind, path, depth + 1, err);
			else if (rf_ends(path, ".yaml"))
				rc = site_file(set, kind, path, err);
		}
		rf_free(names[i]);
	}
	rf_free(names);
	return rc;
}

int control_set_load_site(struct control_set *set, const char *dir, struct rf_err *err)
{
	RF_AUTOFREE char *controls = rf_asprintf("%s/controls", dir);
	RF_AUTOFREE char *profiles = rf_asprintf("%s/profiles", dir);
	RF_AUTOFREE char *waivers = rf_asprintf("%s/waivers.yaml", dir);
	struct stat st;

	if (!controls || !profiles || !waivers)
		return rf_fail(err, -ENOMEM, "no memory");
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return rf_fail(err, -ENOTDIR, "%s: no such folder", dir);
	int rc = site_walk(set, "controls", controls, 0, err);

	if (!rc)
		rc = site_walk(set, "profiles", profiles, 0, err);
	if (!rc && access(waivers, F_OK) == 0)
		rc = site_file(set, "waivers", waivers, err);
	return rc;
}
