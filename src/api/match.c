/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a path is; see route.h. */
#include <string.h>

#include "api/route.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const methods[ROUTE_METHODS] = {
	[ROUTE_GET] = "GET", [ROUTE_POST] = "POST", [ROUTE_PUT] = "PUT", [ROUTE_DELETE] = "DELETE"};

const char *route_method_name(enum route_method method)
{
	return (unsigned)method < ROUTE_METHODS ? methods[method] : "";
}

enum route_method route_method_find(const char *name)
{
	for (unsigned i = 0; i < ROUTE_METHODS; i++)
		if (rf_equal(name, methods[i]))
			return i;
	return rf_equal(name, "HEAD") ? ROUTE_GET : ROUTE_METHODS;
}

/* The part of a path behind *at, which stands on a '/'. */
static struct rf_slice next_part(const char **at)
{
	const char *start = *at + 1;
	const char *end = strchr(start, '/');
	size_t len = end ? (size_t)(end - start) : strlen(start);

	*at = start + len;
	return (struct rf_slice){(const uint8_t *)start, len};
}

/* Has the path as many and the same parts? Variables are any part. *fixed counts the others. */
static bool same_shape(const char *pattern, const char *path, unsigned *fixed)
{
	*fixed = 0;
	while (*pattern && *path) {
		struct rf_slice want = next_part(&pattern), part = next_part(&path);

		if (want.len && want.data[0] == '{') {
			if (!part.len)
				return false;
			continue;
		}
		if (!rf_slice_equal(want, part))
			return false;
		++*fixed;
	}
	return !*pattern && !*path;
}

static int take_vars(const char *pattern, const char *path, struct route_match *out,
		     struct rf_err *err)
{
	while (*pattern) {
		struct rf_slice want = next_part(&pattern), part = next_part(&path);
		RF_AUTOBUF struct rf_buf text = {0};

		if (!want.len || want.data[0] != '{')
			continue;
		size_t n = out->vars_count;
		int rc = schema_decode(part, false, &text, err);

		if (rc)
			return rf_wrap(err, rc, "the path");
		if (n == ROUTE_MAX_VARS || text.len > 512 ||
		    !rf_copy(out->vars[n], sizeof(out->vars[n]), rf_buf_text(&text)) ||
		    !rf_format(out->var_names[n], sizeof(out->var_names[n]), "%.*s",
			       (int)want.len - 2, (const char *)want.data + 1))
			return rf_fail(err, RF_E_LIMIT, "a part of the path is too long");
		out->vars_count++;
	}
	return 0;
}

int route_find_in(const struct route_rows *rows, enum route_method method, const char *path,
		  struct route_match *out, struct rf_err *err)
{
	unsigned best = 0, fixed;

	memset(out, 0, sizeof(*out));
	if (path[0] != '/')
		return rf_fail(err, RF_E_UNKNOWN, "there is no such path");
	for (size_t i = 0; i < rows->count; i++) {
		const struct route *row = &rows->rows[i];

		if (!same_shape(row->path, path, &fixed))
			continue;
		if (fixed + 1 > best) {
			best = fixed + 1;
			out->route = NULL;
			out->methods = 0;
		}
		if (fixed + 1 < best)
			continue;
		out->methods |= 1u << row->method;
		if (row->method == method)
			out->route = row;
	}
	if (!best)
		return rf_fail(err, RF_E_UNKNOWN, "there is no such path");
	if (!out->route)
		return rf_fail(err, RF_E_UNSUPPORTED, "this path has not that method");
	return take_vars(out->route->path, path, out, err);
}

int route_find(enum route_method method, const char *path, struct route_match *out,
	       struct rf_err *err)
{
	const struct route_rows all = {routes, routes_count};

	return route_find_in(&all, method, path, out, err);
}
