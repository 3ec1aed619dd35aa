/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who looks at a VM's VNC screen, and how they are put out. QEMU has no command for that; but a
 * viewer that asks for the screen alone has all others put out (RFC 6143, 7.3.1; QEMU's share
 * policy allow-exclusive, which is libvirt's default, too), and of those who have not said yet
 * which kind they are QEMU keeps 32. So a connection of our own, which libvirt hands out without
 * asking for a password, says the former, and others that say nothing push the latter out. Not for
 * SPICE, where libvirt itself puts viewers out (console.h).
 */
#ifndef RF_ISOLATE_VIEWERS_H
#define RF_ISOLATE_VIEWERS_H

#include "base/buf.h"
#include "base/err.h"

/* Out of libvirt's live XML: the place of the VNC screen among all screens of the VM. RF_E_MISSING
 * without one, RF_E_UNSUPPORTED where its share policy is one that puts nobody out. */
int viewers_screen(struct rf_slice domain_xml, unsigned *out_index) RF_MUST_CHECK;

/* Says on a connection that needs no password that it wants the screen alone. RF_E_PEER or
 * RF_E_SYNTAX where the other side does not speak RFB so. Waits for whoever does not answer. */
int viewers_alone(int fd, struct rf_err *err) RF_MUST_CHECK;

/* Out of the answer to query-vnc-servers: how many are connected, as text. For apart_run; arg is
 * not used. RF_E_SYNTAX, RF_E_PEER. */
int viewers_count_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err);

struct virt_vm;
/* Puts all viewers of a running VM out, and looks that they are. Without a VNC screen, or where the
 * share policy keeps them, nothing is done. RF_E_PEER where some stay. */
int viewers_put_out(struct virt_vm *vm, struct rf_err *err) RF_MUST_CHECK;

#endif
