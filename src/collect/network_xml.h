/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's networks, storage pools, volumes and secrets: XML to rows. */
#ifndef RF_COLLECT_NETWORK_XML_H
#define RF_COLLECT_NETWORK_XML_H

#include "collect/images.h"
#include "collect/xml.h"
#include "model/fact.h"

/* What is known of a network or pool beside its XML. */
struct object_state {
	const char *layer; /* networks: persistent, live */
	const char *source;
	struct fact_int active, autostart;
	struct fact_int capacity_bytes, free_bytes; /* pools */
};

/* <network>. False when it has no name. */
bool network_put(const struct xml_node *xml, const struct object_state *state,
		 struct fact_sink *out);

/* <pool>. images is NULL when the host's file systems must not be looked at. */
bool pool_put(const struct xml_node *xml, const struct object_state *state, struct images *images,
	      struct fact_sink *out);

/* <volume> of a pool; path as the daemon says it, or NULL: then the XML's. */
bool volume_put(const struct xml_node *xml, const char *pool, const char *path, const char *source,
		struct images *images, struct fact_sink *out);

/* <secret>. False when it has no UUID. */
bool secret_put(const struct xml_node *xml, const char *source, struct fact_sink *out);

#endif
