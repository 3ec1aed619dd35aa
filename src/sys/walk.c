/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolves symbolic links part by part, as the kernel does (path_resolution(7)), over links that
 * may exist on disk, or only in a line of .ringfence/meta. It opens nothing itself.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "sys/internal.h"

#define MAX_LINKS 40 /* as the kernel's MAXSYMLINKS */

struct walk {
	char *done; /* resolved so far: "" or "/a/b" */
	size_t done_len;
	char todo[RF_MAX_PATH_BYTES];
	unsigned links;
};

static int push(struct walk *w, const char *part, size_t len)
{
	if (w->done_len + 1 + len >= RF_MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	w->done[w->done_len++] = '/';
	memcpy(w->done + w->done_len, part, len);
	w->done_len += len;
	w->done[w->done_len] = '\0';
	return 0;
}

static void pop(struct walk *w)
{
	while (w->done_len > 0 && w->done[w->done_len - 1] != '/')
		w->done_len--;
	if (w->done_len > 0)
		w->done_len--;
	w->done[w->done_len] = '\0';
}

/* Puts target in the place of the link that was just pushed. */
static int enter_link(struct walk *w, const char *target, const char *rest)
{
	char next[RF_MAX_PATH_BYTES];

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (!rf_format(next, sizeof(next), "%s/%s", target, rest))
		return -ENAMETOOLONG;
	pop(w);
	if (target[0] == '/') {
		w->done_len = 0;
		w->done[0] = '\0';
	}
	memcpy(w->todo, next, sizeof(next));
	return 0;
}

/* Takes the first part of todo; *rest is what follows it. False at the end. */
static bool take_part(const char *todo, const char **part, size_t *len, const char **rest)
{
	*part = todo + strspn(todo, "/");
	*len = strcspn(*part, "/");
	*rest = *part + *len + strspn(*part + *len, "/");
	return *len > 0;
}

int walk_resolve(const char *path, bool follow, walk_link_fn *link_of, void *ctx,
		 char out[RF_MAX_PATH_BYTES])
{
	struct walk w = {.done = out};
	char target[RF_MAX_PATH_BYTES];
	const char *part, *rest;
	size_t len;

	out[0] = '\0';
	if (!rf_copy(w.todo, sizeof(w.todo), path))
		return -ENAMETOOLONG;
	while (take_part(w.todo, &part, &len, &rest)) {
		int rc = 0;

		if (len == 2 && memcmp(part, "..", 2) == 0) {
			pop(&w);
		} else if (len != 1 || part[0] != '.') {
			rc = push(&w, part, len);
			if (rc == 0 && (follow || *rest))
				rc = link_of(ctx, out, target, sizeof(target));
		}
		if (rc == 1) {
			rc = enter_link(&w, target, rest);
			if (rc == 0)
				continue;
		}
		if (rc < 0)
			return rc;
		memmove(w.todo, rest, strlen(rest) + 1);
	}
	if (out[0] == '\0')
		memcpy(out, "/", 2);
	return 0;
}
