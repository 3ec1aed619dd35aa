/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding elements and attributes in XML that libvirt wrote itself: one canonical text, so nothing
 * of an XML parser is needed, and none runs with rights. Not for XML of anybody else. Pure.
 */
#ifndef RF_ISOLATE_XMLTEXT_H
#define RF_ISOLATE_XMLTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* The bytes from a place up to, not with, another. */
struct rf_slice xmltext_slice(const uint8_t *from, const uint8_t *to);
/* The first place of a text, or NULL. */
const uint8_t *xmltext_find(struct rf_slice in, const char *text);
/* From a place to the end. */
struct rf_slice xmltext_behind(struct rf_slice in, const uint8_t *at);
/* The element of that name: from its '<' to behind its end. Empty when there is none. */
struct rf_slice xmltext_element(struct rf_slice in, const char *name);
/* The value of an attribute of the element's own tag, as it is written. */
bool xmltext_attribute(struct rf_slice element, const char *name, struct rf_slice *out);

#endif
