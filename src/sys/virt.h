/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes "libvirt" and "libvirt-hypervisor" answer: everything we ask of one libvirt
 * connection, as JSON documents, so that they can be captured and judged elsewhere. libvirt is
 * loaded with dlopen when it is asked for: a machine without it judges files all the same.
 *
 *   {"uri": "qemu:///system", "version": "9.0.0",
 *    "domains": [{"name": "web", "uuid": "...", "state": "running", "autostart": true,
 *                 "id": 3 or -1, "pid": null, "persistent": true, "managed_save": false,
 *                 "live_xml": "<domain ...>" or null, "persistent_xml": "..." or null,
 *                 "taints": ["custom-argv"], "snapshots": [{"name": "s1", "created_ms": 0}]}],
 *    "networks": [{"name": "default", "active": true, "autostart": true,
 *                  "persistent_xml": "..." or null, "live_xml": "..." or null}],
 *    "nwfilters": [{"name": "clean-traffic", "xml": "..."}],
 *    "pools": [{"name": "default", "active": true, "autostart": false, "capacity_bytes": 0,
 *               "free_bytes": 0, "xml": "...",
 *               "volumes": [{"name": "a.qcow2", "path": "...", "xml": "..."}]}],
 *    "secrets": [{"uuid": "...", "xml": "..."}],
 *    "gaps": [{"what": "domain web", "reason": "..."}]}
 *
 * "libvirt-hypervisor" is asked apart, because a libvirt that has not done so yet first starts each
 * QEMU of the host to learn what it can do, which takes up to half a minute:
 *
 *   {"uri": "qemu:///system", "hypervisor_version": "7.2.22" or null,
 *    "capabilities": "<capabilities>..." or null, "gaps": []}
 *
 * XML is asked for without VIR_DOMAIN_XML_SECURE, so that no password is in it. An object that
 * vanishes between the list and the read is left out.
 */
#ifndef RF_SYS_VIRT_H
#define RF_SYS_VIRT_H

#include "base/buf.h"
#include "base/err.h"

/* The first document. Returns 0, RF_E_UNSUPPORTED when libvirt's library is not here, RF_E_PEER
 * when the daemon does not answer. */
int virt_inventory(const char *uri, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* The second document, with the same errors. */
int virt_hypervisor(const char *uri, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

#endif
