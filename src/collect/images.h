/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host knows of the files a definition names: mode and owner of images, what lies below
 * them, devices that the host itself uses, and libvirt's own files of a VM.
 */
#ifndef RF_COLLECT_IMAGES_H
#define RF_COLLECT_IMAGES_H

#include "base/map.h"
#include "collect/domain.h"
#include "collect/mountinfo.h"
#include "collect/util.h"
#include "sys/sys.h"

/* Zero-initialise; images_open reads the mounts, swap areas and accounts once. */
struct images {
	struct sys *sys;
	struct util_users users;
	struct mount_table mounts;
	struct rf_map busy; /* kernel names of devices the host has mounted or swaps on */
	bool mounts_known;
	struct rf_map locked; /* files that a process holds QEMU's lock on: "08:01:131" */
	bool locks_known;
	unsigned sampled; /* devices that were looked at for old blocks */
};
/* Devices that are looked at for old blocks in one collection, and the most that is believed of
 * one. */
#define IMAGES_MAX_SAMPLED 64u
#define IMAGES_MAX_SAMPLES 1024
#define IMAGES_AUTO	   __attribute__((cleanup(images_done)))

/* Never fails: what could not be read is said per disk, as a gap. */
void images_open(struct images *images, struct sys *sys);
void images_done(struct images *images);

/* How many blocks of a block device were looked at, and how many of them hold nothing but zeros;
 * both stay as they are for what is no block device, or cannot be read. */
void images_sample(struct images *images, const char *path, struct fact_int *sampled,
		   struct fact_int *blank);

/* Fills the columns of vm_disk that need the host. */
void images_look(struct images *images, struct domain_facts *facts);

/* Writes gaps for those columns of every disk, once, when definitions are not this host's. */
void images_not_looked(struct fact_sink *out, const char *source);

/* Writes vm_file rows for libvirt's own files of a VM: XML, variables, saved memory, TPM state. */
void images_own_files(struct images *images, const struct domain_facts *facts,
		      struct fact_sink *out);

/* 1 when path is a device in use by the host, 0 when not, -1 when not known. */
int images_host_device(struct images *images, const char *path);

/* images_lock.c: reads /proc/locks; and 1 when a process holds QEMU's image lock on that file, 0
 * when none does, -1 when it is not known. */
void images_locks_open(struct images *images);
int images_locked(const struct images *images, const struct sys_stat *st);

/* The file behind a relative backing name, as QEMU finds it: beside the image that names it. */
bool images_backing_path(const char *image, const char *backing, char *out, size_t size);

/* True when QEMU reads the name as a protocol ("nbd://...", "json:...") and not as a file. */
bool images_is_protocol(const char *name);

#endif
