/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's network filters. A filter refers to others, so all of them are gathered first; what one
 * stops follows from the rules of everything it refers to, not from names: a "no-mac-spoofing"
 * whose rules were taken out stops nothing.
 */
#ifndef RF_COLLECT_NWFILTER_XML_H
#define RF_COLLECT_NWFILTER_XML_H

#include "base/arena.h"
#include "base/map.h"
#include "collect/xml.h"
#include "model/fact.h"

#define NWFILTER_MAX_FILTERS 10000u
#define NWFILTER_MAX_REFS    256u

struct nwfilter;

/* Zero-initialise. */
struct nwfilter_set {
	struct rf_arena arena;
	struct nwfilter **rows;
	size_t count, capacity;
	struct rf_map by_name;
};
#define NWFILTER_AUTOSET __attribute__((cleanup(nwfilter_set_done)))

/* Adds <filter>; what is needed of it is copied. RF_E_SYNTAX for one without a name, RF_E_DUPLICATE
 * when the name is there already, RF_E_LIMIT, -ENOMEM. */
int nwfilter_add(struct nwfilter_set *set, const struct xml_node *xml, const char *source,
		 struct rf_err *err) RF_MUST_CHECK;

/* Writes the rows. complete: the set is all that libvirt has, so that a filter that is not in it
 * does not exist; else it may only not have been among the files. */
void nwfilter_put(const struct nwfilter_set *set, bool complete, struct fact_sink *out);
void nwfilter_set_done(struct nwfilter_set *set);

/* The digest by which a shipped filter is recognised, 16 hexadecimal digits. */
int nwfilter_digest(const struct xml_node *xml, char out[17]) RF_MUST_CHECK;

/* 1 when the digest is that of a shipped filter of that name, 0 when the name is shipped with other
 * rules, -1 when libvirt ships no filter of that name. */
int nwfilter_shipped(const char *name, const char *digest);

#endif
