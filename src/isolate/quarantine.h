/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine of a VM: how far it is shut in, and the verbs that do it, as rows of a plan like every
 * other change. In this order: "quarantine-port" switches the guard of each network card (and with
 * it, at once, all its frames); "vm-tune" limits processor, memory, disks and screens; "vm-cable"
 * plugs the card into a segment of its own, live and in the stored definition; "vm-freeze" halts
 * its processors; "quarantine-record" writes down who, why
 * and by which plan. Release is the undoing of those plans, newest first. The link state of a card
 * is never touched.
 */
#ifndef RF_ISOLATE_QUARANTINE_H
#define RF_ISOLATE_QUARANTINE_H

#include <net/if.h>

#include "change/plan.h"
#include "isolate/guard/guard.h"
#include "isolate/segment.h"

extern const struct verb_table quarantine_verbs;

/* Each level holds what the one before it does, as far as that makes sense. */
enum quarantine_level {
	QUARANTINE_OBSERVE,   /* frames are copied to the recorder, nothing is refused for it */
	QUARANTINE_RESTRICT,  /* and only the listed services are left */
	QUARANTINE_HONEYWALL, /* all it sends goes to its own segment or a honeypot, nothing else
				 comes */
	QUARANTINE_SEAL,      /* no frame in or out; what it tries is recorded */
	QUARANTINE_FREEZE,    /* and its processors stand still; memory is kept */
	QUARANTINE_LEVEL_COUNT
};
/* "observe" ... and back; RF_E_UNKNOWN for another word. */
const char *quarantine_level_name(enum quarantine_level level);
int quarantine_level_parse(const char *text, enum quarantine_level *out) RF_MUST_CHECK;

/* Payload of "quarantine-port", target: the link. */
struct quarantine_port {
	uint8_t level; /* enum guard_quarantine, not GUARD_FREE */
	uint8_t mac[6];
	uint8_t n_services;
	char mirror[IFNAMSIZ];	 /* segment that frames are copied to; "" */
	char redirect[IFNAMSIZ]; /* GUARD_HONEYWALL: where they go; else "" */
	struct guard_service services[GUARD_SERVICES];
};

/* State of such a port: 1 or 0 (guarded or not), struct guard_port from its mode on with both
 * ifindexes zero, then the two links' names, IFNAMSIZ each. */
#define QUARANTINE_PORT_STATE                                                                      \
	(1 + sizeof(struct guard_port) - offsetof(struct guard_port, mode) + 2 * IFNAMSIZ)

/* One network card to be shut in. */
struct quarantine_nic {
	const char *mac; /* as text */
	const char *tap; /* "" when the VM is off */
};

/* One VM to be shut in, and how. Texts are borrowed. */
struct quarantine_vm {
	const char *name, *uuid;
	bool running;
	bool in_libvirt; /* libvirt on this host has it: cables and processors can be changed */
	bool persistent; /* it has a stored definition */
	const struct quarantine_nic *nics;
	size_t nics_count;
	const char *const *disks; /* targets of its disks: vda */
	size_t disks_count;
	bool has_vnc, has_spice; /* screens of the running VM */
};

/*
 * A quarantine is done in two plans where nothing speaks against it: the cut, which needs nobody
 * but the kernel and is in force within milliseconds, and the rest, for which libvirt is asked. A
 * rest that fails is undone; the cut stays.
 */
enum quarantine_stage { QUARANTINE_CUT = 1, QUARANTINE_REST = 2, QUARANTINE_WHOLE = 3 };

struct quarantine_order {
	enum quarantine_level level;
	enum quarantine_stage stage;
	const char *honeypot; /* HONEYWALL: link whose peer answers; "" records only */
	bool record;	      /* somebody listens on the segments */
	const struct guard_service *services;
	size_t services_count;
	const char *segment_of_honeypot; /* bridge that the honeypot is plugged into; "" */
};

struct quarantine_wants {
	struct want *items;
	size_t count, capacity;
	struct rf_arena texts;
};

/*
 * Adds what has to be so for one VM. record is the line that is kept (JSON, at most 2047 bytes).
 * RF_E_SYNTAX for a card without a MAC address, RF_E_USAGE where the level asks for what the VM
 * does not have. Pure.
 */
int quarantine_wants_add(struct quarantine_wants *wants, const struct quarantine_vm *vm,
			 const struct quarantine_order *order, const char *record,
			 struct rf_err *err) RF_MUST_CHECK;
/* Whether the level has a rest for this VM. Pure. */
bool quarantine_has_rest(const struct quarantine_vm *vm, enum quarantine_level level);
/* Wants with this origin may be refused: the quarantine holds without them. */
#define QUARANTINE_LIMIT_ORIGIN "quarantine-limit"
/* One want, as a part of the plan that can be undone alone (struct change_spec). -ENOMEM. */
int quarantine_want_add(struct quarantine_wants *wants, const struct quarantine_vm *vm,
			struct change_spec *spec, const char *origin,
			const char *explanation) RF_MUST_CHECK;
/* What the VM may use of the host besides its network, at that level (quarantine_limits.c). */
int quarantine_limits_add(struct quarantine_wants *wants, const struct quarantine_vm *vm,
			  enum quarantine_level level) RF_MUST_CHECK;
/* Takes out of the first *count wants of a policy what a VM's quarantine at that level limits: it
 * stays as it is until release, which gives back what was before. Pure. */
void quarantine_limits_hold(struct want *wants, size_t *count, const char *vm,
			    enum quarantine_level level);
void quarantine_wants_done(struct quarantine_wants *wants);

/* What one card becomes by an order; RF_E_SYNTAX for no MAC address, RF_E_USAGE for no link. Pure.
 */
int quarantine_port_make(const struct quarantine_order *order, const char *mac,
			 struct quarantine_port *out, struct rf_err *err) RF_MUST_CHECK;
/* Why it cannot be; 0 when it can. Pure. */
int quarantine_payload_check(const struct quarantine_port *want, struct rf_err *err) RF_MUST_CHECK;
/* A port that has no policy, open as it was without a guard; and a port with its policy, shut in.
 * The links that its frames go to come last: segments are made where they are not. */
void quarantine_port_open(const uint8_t mac[6], struct guard_port *port);
void quarantine_port_shut(const struct quarantine_port *want, struct guard_port *port);
int quarantine_port_links(const struct quarantine_port *want, const char *link,
			  struct guard_port *port, struct rf_err *err) RF_MUST_CHECK;

/* The kinds, a file each (verbs.h says what a kind is). */
extern const struct verb_kind quarantine_kind_port, quarantine_kind_cable, quarantine_kind_run,
	quarantine_kind_record;
int quarantine_port_predict(const struct change_spec *spec, struct rf_slice before,
			    struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
int quarantine_port_check(const struct verb_env *env, const struct change_spec *spec,
			  struct rf_err *err) RF_MUST_CHECK;
int quarantine_record_predict(const struct change_spec *spec, struct rf_slice before,
			      struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
bool quarantine_port_show(const struct change_spec *spec, struct rf_slice state,
			  struct rf_buf *out);
void quarantine_port_payload(const struct change_spec *spec, struct rf_buf *out);

/* What a frame's way in and out is called in words: "sealed, copied to rfq...". */
void quarantine_port_words(const struct guard_port *port, const char *redirect, const char *mirror,
			   struct rf_buf *out);

/* The folder of records below the state folder, and the line that names the plan. */
#define QUARANTINE_DIR	     "quarantine"
#define QUARANTINE_PLAN_LINE "plan "

#endif
