/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of releases. What is free of charge to everybody counts: Debian's LTS does, Ubuntu Pro
 * and SUSE LTSS do not. A release whose date is not certain has no row.
 * Source: distro-info-data (Debian, Ubuntu), the vendors' life cycle pages.
 */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/releases.h"

struct release {
	const char *id;
	const char *version; /* VERSION_ID; of those with minor releases the part before the dot */
	const char *end;
};

static const struct release releases[] = {
	{"debian", "9", "2022-06-30"},
	{"debian", "10", "2024-06-30"},
	{"debian", "11", "2026-08-31"},
	{"debian", "12", "2028-06-30"},
	{"debian", "13", "2030-06-30"},
	{"ubuntu", "16.04", "2021-04-30"},
	{"ubuntu", "18.04", "2023-05-31"},
	{"ubuntu", "20.04", "2025-05-29"},
	{"ubuntu", "22.04", "2027-06-01"},
	{"ubuntu", "24.04", "2029-05-31"},
	{"ubuntu", "26.04", "2031-05-29"},
	{"rhel", "7", "2024-06-30"},
	{"rhel", "8", "2029-05-31"},
	{"rhel", "9", "2032-05-31"},
	{"rhel", "10", "2035-05-31"},
	{"almalinux", "8", "2029-03-01"},
	{"almalinux", "9", "2032-05-31"},
	{"almalinux", "10", "2035-05-31"},
	{"rocky", "8", "2029-05-31"},
	{"rocky", "9", "2032-05-31"},
	{"rocky", "10", "2035-05-31"},
	{"centos", "7", "2024-06-30"},
	{"opensuse-leap", "15.3", "2022-12-31"},
	{"opensuse-leap", "15.4", "2023-12-07"},
	{"opensuse-leap", "15.5", "2024-12-31"},
	{"opensuse-leap", "15.6", "2026-04-30"},
	{"opensuse-leap", "16.0", "2027-10-31"},
	{"sles", "12.5", "2024-10-31"},
	{"sles", "15.3", "2022-12-31"},
	{"sles", "15.4", "2023-12-31"},
	{"sles", "15.5", "2024-12-31"},
};

/* "9.4" is a minor release of "9". */
static bool same_version(const struct release *r, const char *version)
{
	size_t n = strlen(r->version);

	return strncmp(version, r->version, n) == 0 &&
	       (version[n] == '\0' || (version[n] == '.' && !strchr(r->version, '.')));
}

const char *release_support_end(const char *id, const char *version)
{
	for (size_t i = 0; i < RF_COUNT(releases); i++) {
		if (strcmp(releases[i].id, id) == 0 && same_version(&releases[i], version))
			return releases[i].end;
	}
	return NULL;
}
