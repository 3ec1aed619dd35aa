/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpkg's status file and version order; see dpkg.h. Not an rpm reader. Sources: deb-version(7),
 * deb822(5), dpkg's lib/dpkg/version.c for the order of characters.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/dpkg.h"

/* A line that goes on begins with a blank; the value ends before the next line that does not. */
bool dpkg_field_next(char **cursor, char **key, char **value)
{
	char *p = *cursor;

	for (;;) {
		if (*p == '\0' || *p == '\n') {
			*cursor = p + strspn(p, "\n");
			return false;
		}
		char *end = p;

		do {
			end = strchr(end, '\n');
			end = end ? end + 1 : p + strlen(p);
		} while (*end == ' ' || *end == '\t');
		char *colon = memchr(p, ':', (size_t)(end - p));

		*cursor = end;
		if (!colon || colon == p) {
			p = end; /* a line that is no field says nothing */
			continue;
		}
		*colon = '\0';
		*key = p;
		p = colon + 1 + strspn(colon + 1, " \t");
		char *last = end;

		while (last > p && strchr("\n\r \t", last[-1]))
			last--;
		*value = p;
		if (last < end)
			*last = '\0';
		return true;
	}
}

static void take_field(struct dpkg_package *package, const char *key, char *value)
{
	if (rf_equal_nocase(key, "Package")) {
		package->name = value;
	} else if (rf_equal_nocase(key, "Status")) {
		const char *last = strrchr(value, ' ');

		package->state = last ? last + 1 : value;
	} else if (rf_equal_nocase(key, "Version")) {
		package->version = value;
	} else if (rf_equal_nocase(key, "Architecture")) {
		package->arch = value;
	} else if (rf_equal_nocase(key, "Source")) {
		value[strcspn(value, " ")] = '\0'; /* `name (version)` where they differ */
		package->source = value;
	} else if (rf_equal_nocase(key, "Conffiles")) {
		package->conffiles = value;
	}
}

static int package_add(struct dpkg_status *status, struct dpkg_package *package)
{
	void *array = status->packages;

	if (!package->name) {
		status->broken_count++;
		return 0;
	}
	if (!package->source)
		package->source = package->name;
	if (!package->arch)
		package->arch = "";
	int rc = rf_grow(&array, &status->capacity, status->count + 1, sizeof(*status->packages));

	status->packages = array;
	if (rc == 0)
		status->packages[status->count++] = *package;
	return rc;
}

int dpkg_status_parse(struct dpkg_status *status)
{
	char *cursor = (char *)status->text.data;

	if (status->text.len == 0)
		return 0;
	cursor += strspn(cursor, "\n");
	while (*cursor) {
		struct dpkg_package package = {0};
		char *key, *value;

		while (dpkg_field_next(&cursor, &key, &value))
			take_field(&package, key, value);
		int rc = package_add(status, &package);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int dpkg_status_read(struct sys *sys, struct dpkg_status *status, struct rf_err *err)
{
	int rc = sys_read(sys, DPKG_STATUS, RF_MAX_DPKG_BYTES, &status->text, err);

	if (rc < 0)
		return rc;
	rc = dpkg_status_parse(status);
	return rc < 0 ? rf_fail(err, rc, DPKG_STATUS ": no memory") : 0;
}

void dpkg_status_done(struct dpkg_status *status)
{
	rf_buf_done(&status->text);
	rf_free(status->packages);
	*status = (struct dpkg_status){0};
}

const struct dpkg_package *dpkg_find(const struct dpkg_status *status, const char *name)
{
	for (size_t i = 0; i < status->count; i++) {
		const struct dpkg_package *package = &status->packages[i];

		if (strcmp(package->name, name) == 0 && rf_equal(package->state, "installed"))
			return package;
	}
	return NULL;
}

/* ~ sorts before everything, even the end; letters before all else. */
static int order(unsigned char c)
{
	if (isdigit(c))
		return 0;
	if (isalpha(c))
		return c;
	if (c == '~')
		return -1;
	return c ? c + 256 : 0;
}

/* Compares two parts (upstream versions or revisions) of given lengths. */
static int compare_part(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const char *a_end = a + a_len, *b_end = b + b_len;

	while (a < a_end || b < b_end) {
		int first_difference = 0;

		while ((a < a_end && !isdigit((unsigned char)*a)) ||
		       (b < b_end && !isdigit((unsigned char)*b))) {
			int x = a < a_end ? order((unsigned char)*a) : 0;
			int y = b < b_end ? order((unsigned char)*b) : 0;

			if (x != y)
				return x - y;
			a += a < a_end;
			b += b < b_end;
		}
		while (a < a_end && *a == '0')
			a++;
		while (b < b_end && *b == '0')
			b++;
		while (a < a_end && b < b_end && isdigit((unsigned char)*a) &&
		       isdigit((unsigned char)*b)) {
			if (first_difference == 0)
				first_difference = *a - *b;
			a++;
			b++;
		}
		if (a < a_end && isdigit((unsigned char)*a))
			return 1;
		if (b < b_end && isdigit((unsigned char)*b))
			return -1;
		if (first_difference)
			return first_difference;
	}
	return 0;
}

struct version {
	const char *epoch, *upstream, *revision;
	size_t epoch_len, upstream_len, revision_len;
};

static struct version version_split(const char *text)
{
	const char *colon = strchr(text, ':'), *rest = colon ? colon + 1 : text;
	const char *dash = strrchr(rest, '-');
	struct version v = {.epoch = text,
			    .epoch_len = colon ? (size_t)(colon - text) : 0,
			    .upstream = rest,
			    .upstream_len = dash ? (size_t)(dash - rest) : strlen(rest),
			    .revision = dash ? dash + 1 : "",
			    .revision_len = dash ? strlen(dash + 1) : 0};

	return v;
}

int dpkg_version_compare(const char *a, const char *b)
{
	struct version x = version_split(a), y = version_split(b);
	int c = compare_part(x.epoch, x.epoch_len, y.epoch, y.epoch_len);

	if (c == 0)
		c = compare_part(x.upstream, x.upstream_len, y.upstream, y.upstream_len);
	if (c == 0)
		c = compare_part(x.revision, x.revision_len, y.revision, y.revision_len);
	return c;
}

void dpkg_version_upstream(const char *version, char *out, size_t size)
{
	struct version v = version_split(version);

	rf_format(out, size, "%.*s", (int)v.upstream_len, v.upstream);
}
