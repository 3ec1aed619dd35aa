/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says of disks ("disk" in a profile), what has to be so for it (limits, live and in
 * the definition), and what is only looked at: who else has an image, who may read it, what lies
 * below it, whether it is locked and encrypted. The sections' numbers are those of README.md.
 */
#ifndef RF_ISOLATE_DISK_H
#define RF_ISOLATE_DISK_H

#include "base/arena.h"
#include "base/yaml.h"
#include "isolate/promise.h"
#include "model/store.h"

struct policy;
struct isolate_wants;

/* A profile's disk block; said: there is one. Lists are borrowed from the policy. */
struct disk_profile {
	bool said;
	bool limits;			  /* one of the next five was said */
	uint64_t iops, bytes_s;		  /* a second; 0: no limit */
	uint64_t iops_burst, bytes_burst; /* a second, for burst_s seconds; 0: none */
	uint64_t burst_s;		  /* 0: 1 second */
	bool encryption, locking;	  /* required */
	bool residue;			  /* none may be left: required */
	const struct yaml_node *paths;	  /* globs that images lie at; NULL: anywhere */
	const struct yaml_node *luns;	  /* globs of the numbers worldwide; NULL: any */
	const struct yaml_node *shared;	  /* globs that several VMs may write; NULL: none */
};
/* Reads the block over what the profile is based on. */
int disk_profile_read(const struct yaml_doc *doc, const struct yaml_node *map,
		      struct disk_profile *profile, struct rf_err *err) RF_MUST_CHECK;

/* A disk of a VM of libvirt's, with a medium. Texts are never NULL. */
struct disk_item {
	const char *vm, *class, *disk, *path;
	bool live, defined, shareable;
};
struct disk_input {
	struct disk_item *items;
	size_t count, capacity;
	struct rf_arena texts;
};
/* Free with disk_input_done. */
int disk_input_load(struct fact_store *store, struct disk_input *out,
		    struct rf_err *err) RF_MUST_CHECK;
void disk_input_done(struct disk_input *input);

/* The disk block of a VM's profile, and the profile's name; NULL: no assignment names the VM, or
 * two disagree. Pure. */
const struct disk_profile *disk_profile_of(const struct policy *policy, const char *vm,
					   const char *class, const char **out_name);

/* Appends the limits that have to be so. Pure. */
int disk_wants_add(const struct policy *policy, const struct disk_input *input,
		   struct isolate_wants *wants, struct rf_err *err) RF_MUST_CHECK;

/* Appends the limits as libvirt has them, every number, whatever stood there before. Pure. */
void disk_limits_words(const struct disk_profile *profile, struct rf_buf *out);

/* What a disk may be, by a profile and the facts: ten items for each VM whose profile has a disk
 * block. */
int disk_promises_add(const struct policy *policy, const struct disk_input *input,
		      struct fact_store *store, struct isolate_promises *out,
		      struct rf_err *err) RF_MUST_CHECK;

#endif
