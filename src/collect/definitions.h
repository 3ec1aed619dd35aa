/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions of VMs, whatever they come from: every layer of a VM is written, with what the host
 * knows of its files, and what differs between the layers. Approved definitions come from a folder
 * of NAME.xml files that the site keeps.
 */
#ifndef RF_COLLECT_DEFINITIONS_H
#define RF_COLLECT_DEFINITIONS_H

#include "collect/collect.h"
#include "collect/domain.h"
#include "collect/images.h"

#define DEFINITIONS_MAX_APPROVED 100000u

struct approved;

/* Zero-initialise. */
struct definitions {
	struct sys *sys;
	struct fact_sink *out;
	struct images *images; /* NULL: the definitions are not this host's */
	struct approved *approved;
	size_t approved_count, approved_capacity;
	struct rf_map by_name;
};
#define DEFINITIONS_AUTO __attribute__((cleanup(definitions_done)))

/* Reads the names in the folder of approved definitions (NULL: there is none). What cannot be read
 * is a gap. Returns 0 or -ENOMEM. */
int definitions_open(struct definitions *d, struct sys *sys, struct fact_sink *out,
		     struct images *images, const char *approved_dir) RF_MUST_CHECK;
void definitions_done(struct definitions *d);

/* A VM's definitions; xml NULL where it has none in that layer. */
struct definition_pair {
	const struct xml_node *persistent, *live;
	struct domain_source persistent_src, live_src;
};

/* Writes every row of one VM, and of its approved definition when there is one of that name.
 * Returns 0 or -ENOMEM; what is not understood is a gap. */
int definitions_put(struct definitions *d, const struct definition_pair *pair) RF_MUST_CHECK;

/* Writes the approved definitions that no VM had. */
int definitions_put_unused(struct definitions *d) RF_MUST_CHECK;

/* Reads and parses a file; err says why it could not be done. Free doc with xml_done. */
int definitions_load(struct sys *sys, const char *path, struct xml_doc *doc,
		     struct rf_err *err) RF_MUST_CHECK;

#endif
