/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screens of a running VM, opened and closed without a restart. VNC: QEMU stops to listen, and
 * listens again where it did (display-update, QEMU 7.1); viewers.h puts viewers out. SPICE: only
 * where it has a password, which libvirt lets expire, putting viewers out. A serial console is
 * neither: QEMU could not give it back as it was. Pure, but for the ways of tune_console.c.
 * Sources: QEMU's qapi/ui.json, libvirt's formatdomain (graphics).
 */
#ifndef RF_ISOLATE_CONSOLE_H
#define RF_ISOLATE_CONSOLE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define CONSOLE_CLOSED	"closed"
#define CONSOLE_OPEN	"open"
#define CONSOLE_EXPIRED "expired"

/* The first screen of that type ("vnc", "spice") in libvirt's XML, and its place among all of them
 * (out_index may be NULL); empty when there is none. */
struct rf_slice console_screen(struct rf_slice domain_xml, const char *type, unsigned *out_index);

/* What the child does: out of the answer to query-vnc-servers the places where it listens,
 * "127.0.0.1:5900 [::1]:5900 unix:/path", or "closed". arg is not used. RF_E_UNSUPPORTED with a
 * websocket, which display-update leaves open; RF_E_SYNTAX, RF_E_LIMIT, RF_E_PEER. */
int console_vnc_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err);
/* The arguments of display-update for such a text. RF_E_SYNTAX. */
int console_vnc_arguments(const char *places, json_t **out) RF_MUST_CHECK;

/* Until when the password of a SPICE screen holds, out of libvirt's XML with passwords: "open",
 * "expired" or "until=TIME connected=WORD", of which what is not set is left out. RF_E_MISSING
 * without such a screen, RF_E_UNSUPPORTED without a password. */
int console_spice_read(struct rf_slice domain_xml, struct rf_buf *out) RF_MUST_CHECK;
/* Appends the screen's element, changed so. RF_E_SYNTAX for a text that console_spice_read does not
 * give. The result holds the password. */
int console_spice_replace(struct rf_slice domain_xml, const char *value,
			  struct rf_buf *out) RF_MUST_CHECK;

#endif
