/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of libvirtd.conf, qemu.conf and their kin: name = "text" | number | [ list ]. */
#ifndef RF_COLLECT_VIRTCONF_H
#define RF_COLLECT_VIRTCONF_H

#include "collect/conf.h"

/* The first line that is not understood. libvirt refuses a file that has one. */
struct virtconf_problem {
	unsigned int line; /* 0: none */
	const char *what;
};

/*
 * Parses a NUL-terminated text; path stands in the source of each setting. Items of a list are
 * joined by ','. Of a name that stands twice the first counts, as in libvirt. Lines that are not
 * understood are skipped.
 */
void virtconf_parse(const char *text, const char *path, struct conf_options *out,
		    struct virtconf_problem *problem);

/* A setting that libvirt fills in itself. */
struct virtconf_default {
	const char *key, *value;
};

/*
 * Reads path into set. Returns 1 when it was read, 0 when it is not there, and a negative code when
 * it could not be read: then a gap for the whole of table's keys that begin with prefix says so.
 */
int virtconf_read(struct sys *sys, const char *path, enum fact_table_id table, const char *prefix,
		  struct conf_options *set, struct fact_sink *out);

#endif
