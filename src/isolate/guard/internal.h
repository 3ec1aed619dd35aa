/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share; nobody else includes it. */
#ifndef RF_ISOLATE_GUARD_INTERNAL_H
#define RF_ISOLATE_GUARD_INTERNAL_H

#include <net/if.h>

#include "isolate/guard/guard.h"

/* Our place in a port's chain: first, and a handle that nobody takes by accident ("RF"). */
#define FILTER_PRIORITY 1u
#define FILTER_HANDLE	0x5246u
/* An entry of g_by_index that once was used: look in g_collided. No link has this number. */
#define ENTRY_LEFT     0xffffffff00000000ull
#define CONFIG_NONE    0u /* configuration 0 is never used */
#define PIN_PATH_BYTES 256

/* In the order of the maps in guard.bpf.c; the names are also those of the pins. */
#define GUARD_MAP_ROWS(X)                                                                          \
	X(BY_INDEX, g_by_index)                                                                    \
	X(SLOTS, g_slots)                                                                          \
	X(CONFIGS, g_configs)                                                                      \
	X(ZONES, g_zones)                                                                          \
	X(REFUSED, g_refused)                                                                      \
	X(SETTINGS, g_settings)                                                                    \
	X(NEAR, g_near)                                                                            \
	X(BUCKETS, g_buckets)                                                                      \
	X(TRAFFIC, g_traffic)                                                                      \
	X(COLLIDED, g_collided)                                                                    \
	X(OWNERS, g_owners)                                                                        \
	X(EVENTS, g_events)

enum guard_map {
#define GUARD_X(name, pin) MAP_##name,
	GUARD_MAP_ROWS(GUARD_X)
#undef GUARD_X
		MAP_COUNT
};

enum { PROG_IN, PROG_OUT, PROG_COUNT };

struct program {
	int fd;
	uint32_t id;
	uint8_t tag[8];
};

struct ring_buffer;
struct mnl_socket;

struct guard {
	int maps[MAP_COUNT];
	struct program programs[PROG_COUNT];
	int lock_fd; /* the pin directory: one change at a time */
	char dir[PIN_PATH_BYTES];
	/* Memory shared with the programs. */
	uint64_t *by_index, *slots, *near;
	struct guard_port *configs;
	struct guard_zone *zones;
	struct guard_refused *refused;
	struct guard_settings *settings;
	struct ring_buffer *ring;
	struct mnl_socket *nl; /* for filters; NULL until the first */
	void (*take)(void *arg, const struct guard_event *event);
	void *take_arg;
};

/* pin.c: maps and programs that are in the kernel already. */
const char *guard_map_name(enum guard_map map);
const char *guard_program_name(unsigned program);
/* Fills id and tag of a program from its fd. */
int guard_program_read(struct program *program) RF_MUST_CHECK;
/* Opens what is pinned in guard->dir; fds that are not there stay -1. Returns how many maps. */
int guard_pins_open(struct guard *guard);
/* Behind it: a program is pinned that could not be opened. */
bool guard_pins_closed(const struct guard *guard);
/* Pins what is open and not pinned yet; replace also exchanges the pinned programs. */
int guard_pins_write(struct guard *guard, bool replace, struct rf_err *err) RF_MUST_CHECK;
void guard_pins_remove(const struct guard *guard);
/* The same, but the folder stays; and closes the maps. */
void guard_pins_forget(struct guard *guard);
/* Finds the guard by the programs that hang on links. Returns how many maps it opened. */
int guard_pins_recover(struct guard *guard);
/* Makes sure that dir exists on a bpffs, mounting /sys/fs/bpf if nobody has. */
int guard_dir_prepare(const char *dir, struct rf_err *err) RF_MUST_CHECK;

/* nl.c: asks rtnetlink; each answer goes to take (may be NULL), which stops by returning -1. The
 * caller sets NLM_F_DUMP; without it the answer ends with an acknowledgement. Of a dump that
 * something changed in the middle of nothing is taken: it is asked again. -EINTR where it always
 * is. */
struct nlmsghdr;
int guard_nl_talk(struct nlmsghdr *request, int (*take)(const struct nlmsghdr *answer, void *arg),
		  void *arg) RF_MUST_CHECK;

/* A filter of a link, as a dump or a notice tells it. */
struct filter {
	uint32_t ifindex, parent, handle, priority;
	uint32_t program; /* id; 0: no BPF */
	uint8_t tag[8];
};
/* False where the message is none. */
bool guard_filter_parse(const struct nlmsghdr *message, struct filter *out);

/* tc.c: the filters of a link. */
int guard_filters_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;
int guard_filters_detach(struct guard *guard, uint32_t ifindex) RF_MUST_CHECK;
/* The filter with our handle (program 0 when there is none), and whether it stands first. */
int guard_filter_find(uint32_t ifindex, enum guard_direction direction, struct filter *out,
		      bool *out_first) RF_MUST_CHECK;

/* tcx.c: the same where the kernel has tcx. */
bool guard_tcx_works(void);
int guard_tcx_find(uint32_t ifindex, enum guard_direction direction, struct filter *out,
		   bool *out_first) RF_MUST_CHECK;
int guard_tcx_attach(struct guard *guard, uint32_t ifindex,
		     enum guard_direction direction) RF_MUST_CHECK;
int guard_tcx_detach(uint32_t ifindex, enum guard_direction direction) RF_MUST_CHECK;

/* hook.c: by tcx or clsact, as the guard was loaded. Attaching mends what is missing. */
int guard_hook_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;
int guard_hook_detach(struct guard *guard, uint32_t ifindex) RF_MUST_CHECK;
int guard_hook_find(const struct guard *guard, uint32_t ifindex, enum guard_direction direction,
		    struct filter *out, bool *out_first) RF_MUST_CHECK;

/* slot.c: which port has which slot and configuration. The caller holds the lock. */
uint32_t guard_slot_find(const struct guard *guard, uint32_t ifindex);
uint32_t guard_slot_config(const struct guard *guard, uint32_t slot);
int guard_slot_take(struct guard *guard, uint32_t ifindex, uint32_t *out_slot,
		    struct rf_err *err) RF_MUST_CHECK;
int guard_slot_switch(struct guard *guard, uint32_t slot, uint32_t ifindex,
		      const struct guard_port *port, struct rf_err *err) RF_MUST_CHECK;
void guard_slot_release(struct guard *guard, uint32_t slot);

/* port.c: puts back what is missing on a guarded link, and counts it. -ENOENT where it is none. */
int guard_mend(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;

/* One change at a time, also between processes. */
void guard_lock(struct guard *guard);
void guard_unlock(struct guard *guard);

#endif
