/* SPDX-License-Identifier: Apache-2.0 */
/* The package lists that apt has fetched: what is offered, and by whom. */
#ifndef RF_COLLECT_APT_H
#define RF_COLLECT_APT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* What a Release or InRelease file says of its archive. */
struct apt_release {
	char origin[128];
	bool security;		 /* a security archive, by its label, suite or codename */
	bool not_automatic;	 /* NotAutomatic: nothing is taken from it unasked */
	bool upgrades_automatic; /* ButAutomaticUpgrades: unless it came from there */
};

/* Reads the fields before the checksums. */
void apt_release_parse(const char *text, struct apt_release *out);

/* One stanza of a Packages file; texts are not NUL-terminated. */
struct apt_offer {
	struct rf_slice name, version, arch;
};

/*
 * Walks the stanzas of a Packages file. wanted is asked for each name, before anything else of its
 * stanza is looked at; take gets those that have a version.
 */
void apt_packages_walk(const char *text, size_t len, bool (*wanted)(void *ctx, const char *name),
		       void (*take)(void *ctx, const struct apt_offer *offer), void *ctx);

#endif
