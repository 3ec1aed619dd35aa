/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of changes share: a host that is a folder, wants, plans made without the privileged
 * process, and a picture of the folder (bytes, modes, owners, links, labels) to compare with.
 */
#ifndef CHANGE_TEST_H
#define CHANGE_TEST_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/engine.h"
#include "change/plan.h"

static const struct verb_table *const test_tables[] = {&change_verbs, NULL};
static const struct verb_set test_verbs = {test_tables};

struct folder_host {
	char dir[64], state[96];
	struct priv_options options;
};

static inline void host_make(struct folder_host *h)
{
	memset(h, 0, sizeof(*h));
	/* Where fsync is free: some tests make thousands. */
	strcpy(h->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/rf-change-XXXXXX"
						     : "/tmp/rf-change-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->state, sizeof(h->state), "%s-state", h->dir);
	h->options.root = h->dir;
	h->options.state = h->state;
	umask(022);
}

static inline void host_done(struct folder_host *h)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s %s", h->dir, h->state);
	assert_int_equal(system(command), 0);
}

/* Writes DIR/path with its folders. */
static inline void host_file(const struct folder_host *h, const char *path, const char *text,
			     mode_t mode)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	for (char *p = full + strlen(h->dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	fwrite(text, 1, strlen(text), f);
	fclose(f);
	assert_int_equal(chmod(full, mode), 0);
}

static inline char *host_text(const struct folder_host *h, const char *path)
{
	static char text[65536];
	char full[512];

	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	FILE *f = fopen(full, "rb");

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static inline void picture_add(const char *base, const char *path, struct rf_buf *out)
{
	char full[1024], link[1024], names[1024];
	struct stat st;
	struct dirent **list = NULL;

	snprintf(full, sizeof(full), "%s%s", base, path);
	assert_int_equal(lstat(full, &st), 0);
	rf_buf_printf(out, "%s %o %u %u", path, st.st_mode, st.st_uid, st.st_gid);
	ssize_t n = llistxattr(full, names, sizeof(names));

	if (n > 0)
		rf_buf_add_hex(out, names, (size_t)n);
	if (S_ISLNK(st.st_mode)) {
		n = readlink(full, link, sizeof(link) - 1);
		rf_buf_printf(out, " -> %.*s", (int)n, link);
	}
	if (S_ISREG(st.st_mode)) {
		FILE *f = fopen(full, "rb");
		char block[4096];
		size_t got;

		/* Of a value of the kernel only the value is put back. */
		if (strncmp(path, "/proc", 5) != 0)
			rf_buf_printf(out, " %lld.%ld ", (long long)st.st_mtim.tv_sec,
				      st.st_mtim.tv_nsec);
		while (f && (got = fread(block, 1, sizeof(block), f)) > 0)
			rf_buf_add(out, block, got);
		fclose(f);
	}
	rf_buf_add_byte(out, '\n');
	int count = S_ISDIR(st.st_mode) ? scandir(full, &list, NULL, alphasort) : 0;

	for (int i = 0; i < count; i++) {
		char child[1024];

		snprintf(child, sizeof(child), "%s/%s", path, list[i]->d_name);
		if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0)
			picture_add(base, child, out);
		free(list[i]);
	}
	free(list);
}

/* Everything of the host as one text; rf_free it. */
static inline char *picture(const struct folder_host *h)
{
	struct rf_buf out = {0};

	picture_add(h->dir, "", &out);
	return rf_buf_take_text(&out);
}

/* ---- wants and plans ---- */

static inline struct want want_edit(const char *path, const char *style, const char *key,
				    const char *value)
{
	struct want w = {.explanation = "because", .origin = "test"};

	assert_int_equal(change_spec_set(&w.spec, "edit", path, key, value, NULL), 0);
	rf_copy(w.spec.style, sizeof(w.spec.style), style);
	rf_copy(w.spec.op, sizeof(w.spec.op), value ? "set" : "remove");
	return w;
}

static inline struct want want_mode(const char *path, uint32_t mode)
{
	struct want w = {.explanation = "because", .origin = "test"};

	assert_int_equal(change_spec_set(&w.spec, "mode", path, NULL, NULL, NULL), 0);
	w.spec.mode = mode;
	return w;
}

static inline struct want want_verb(const char *verb, const char *target, const char *value)
{
	struct want w = {.explanation = "because", .origin = "test"};

	assert_int_equal(change_spec_set(&w.spec, verb, target, NULL, value, NULL), 0);
	return w;
}

static inline int read_directly(void *arg, const struct change_spec *spec, struct rf_buf *out,
				struct rf_err *err)
{
	return engine_read(arg, spec, out, err);
}

static inline struct plan plan_for(struct engine *engine, const struct want *wants, size_t count)
{
	static uint64_t number = 1;
	const struct plan_maker maker = {.verbs = &test_verbs,
					 .env = &engine->env,
					 .read = read_directly,
					 .read_arg = engine,
					 .now_ms = 1763892610123,
					 .random = number++};
	struct plan plan = {0};
	struct rf_err err = {0};

	if (plan_make(&maker, wants, count, &plan, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return plan;
}

static inline struct engine must_open(const struct folder_host *h)
{
	struct engine engine;
	struct rf_err err = {0};

	if (engine_open(&engine, &h->options, &test_verbs, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	/* What is kept stands in the engine, and the caller's is another. */
	engine.env.keep = NULL;
	return engine;
}

static inline int plan_take(struct engine *engine, const struct plan *plan, struct rf_err *err)
{
	int rc = engine_begin(engine, plan->id, rf_slice_text("{}"), err);

	for (size_t i = 0; rc == 0 && i < plan->count; i++)
		rc = engine_step(engine, &plan->changes[i].spec, err);
	if (rc < 0)
		engine_abort(engine);
	return rc;
}

static inline int plan_apply(struct engine *engine, const struct plan *plan, unsigned confirm_s,
			     struct priv_result *result, struct rf_err *err)
{
	int rc = plan_take(engine, plan, err);

	return rc ? rc : engine_commit(engine, confirm_s, result, err);
}

#endif
