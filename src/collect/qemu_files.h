/* SPDX-License-Identifier: Apache-2.0 */
/* What a QEMU process has open: /proc/PID/fd. */
#ifndef RF_COLLECT_QEMU_FILES_H
#define RF_COLLECT_QEMU_FILES_H

#include "model/fact.h"
#include "sys/sys.h"

struct qemu_files {
	bool readable;	   /* the descriptors could be listed */
	bool has_kvm;	   /* one is a VM of KVM */
	char socket[1024]; /* path of the socket behind wanted_fd; "" when it has none */
};

/*
 * Writes vm_open_file rows, and says what the process row needs. vm is NULL while it is not known;
 * wanted_fd is the descriptor of the monitor's socket, or -1. The path of a listening unix socket
 * comes from /proc/PID/net/unix.
 */
void qemu_files_put(struct sys *sys, const char *pid, int64_t wanted_fd, struct fact_sink *out,
		    struct qemu_files *found);

/* The kind of an open path: disk, device, log, socket, memory, other. mode is its st_mode type, 0
 * when not known. */
const char *qemu_file_kind(const char *path, uint32_t type, int64_t size_bytes);

/* True for what libvirt gives every VM: /dev/kvm, its log, its pid file ... */
bool qemu_file_usual(const char *path);

#endif
