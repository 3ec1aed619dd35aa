/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a network card is plugged in, in libvirt's XML of a VM: found, said in one line, and
 * replaced. The XML is libvirt's own canonical text, so nothing of an XML parser is needed, and
 * none runs with rights. Pure. Source: libvirt's formatdomain, src/conf/domain_conf.c (9.0).
 */
#ifndef RF_ISOLATE_CABLE_H
#define RF_ISOLATE_CABLE_H

#include "base/buf.h"

/* The text of the <interface> with that MAC address (lower case). RF_E_MISSING. */
int cable_find(struct rf_slice domain_xml, const char *mac, struct rf_slice *out) RF_MUST_CHECK;

/* Appends "bridge br0", "network default" or "network default PORTGROUP" (names as the XML has
 * them, escaped), and behind a line end its <virtualport> element, if it has one. RF_E_UNSUPPORTED
 * for a card that is plugged into neither. */
int cable_read(struct rf_slice interface, struct rf_buf *out) RF_MUST_CHECK;

/* Appends the interface plugged in as cable says. RF_E_SYNTAX where either is none of ours. */
int cable_replace(struct rf_slice interface, struct rf_slice cable,
		  struct rf_buf *out) RF_MUST_CHECK;

#endif
