/* SPDX-License-Identifier: Apache-2.0 */
/* SQL over the facts: which row of `vm` stands for a VM now. */
#ifndef RF_ISOLATE_VM_NOW_H
#define RF_ISOLATE_VM_NOW_H

/* Condition on v, a row of vm: libvirt's, what runs, or, of one that is off, its definition. */
#define VM_NOW                                                                                     \
	"v.format = 'libvirt' AND (v.layer = 'live' OR (v.layer = 'persistent' AND NOT EXISTS ("   \
	"SELECT 1 FROM vm l WHERE l.host = v.host AND l.vm = v.vm AND l.layer = 'live')))"

#endif
