/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network guard: who may send and receive which frame at a port, enforced in the kernel by the
 * programs of guard.bpf.c. They stay when this process dies. Everything here needs root; all state
 * is in the kernel's maps, so that several processes may open the same guard, one change at a time.
 * Configurations are fixed-size structs (layout.h): what *_get gave is the inverse of a *_set.
 */
#ifndef RF_ISOLATE_GUARD_GUARD_H
#define RF_ISOLATE_GUARD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "isolate/guard/layout.h"

#define GUARD_PIN_DIR "/sys/fs/bpf/ringfence"
#define GUARD_MTU     1518u /* max_bytes of an ordinary port: 1500 and the header, with one tag */
#define GUARD_PROBES  30    /* 24 forged frames, 6 honest ones */

struct guard;

/* How guard_open looks for the guard. */
struct guard_options {
	const char *pin_dir;  /* on a bpffs; NULL: GUARD_PIN_DIR */
	bool existing;	      /* never load: -ENOENT where no guard is pinned */
	enum guard_hook hook; /* only for a guard that is not there yet */
};

/*
 * Opens the host's guard: the pinned one; else the one whose programs still hang on a link, whose
 * pins somebody removed; else a new one. A pinned guard of another build is replaced on each of its
 * ports, in one step per port, and keeps its maps; where no program may be loaded it is used as it
 * is. -EPERM, RF_E_UNSUPPORTED (no BPF here), RF_E_DENIED (it is pinned, and not for this process),
 * RF_E_MISMATCH (maps of another layout: guard_unload first; another network namespace's).
 */
int guard_open(const struct guard_options *options, struct guard **out,
	       struct rf_err *err) RF_MUST_CHECK;
/* Forgets the guard; it goes on guarding. Accepts NULL. */
void guard_close(struct guard *guard);
/* Detaches every port and removes the pins: nothing of the guard is left. Closes guard. */
int guard_unload(struct guard *guard, struct rf_err *err) RF_MUST_CHECK;

/*
 * Hangs the guard on a link, both directions; a port that is new is denied everything until
 * guard_port_set. Again on a guarded link: mends what is missing, changes no policy. Never touches
 * another's filters. RF_E_UNSUPPORTED: an ingress qdisc is in the way.
 */
int guard_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;
/* Takes it off and forgets the port's policy and counters; 0 also where it was not guarded. The
 * clsact qdisc stays: it may be shared. */
int guard_detach(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;

/* Detaches each port whose link is gone, for what nobody watched; gone (NULL: nobody) is told of
 * it. */
void guard_forget_gone(struct guard *guard, void (*gone)(void *arg, uint32_t ifindex), void *arg);

/* A port that enforces for this MAC address: no IP address, untagged, zone 0, GUARD_MTU. */
void guard_port_init(struct guard_port *port, const uint8_t mac[6]);
/* Why port cannot be set; 0 when it can. Pure. */
int guard_port_check(const struct guard_port *port, struct rf_err *err) RF_MUST_CHECK;
/* The port's policy, or -ENOENT. */
int guard_port_get(struct guard *guard, uint32_t ifindex, struct guard_port *out) RF_MUST_CHECK;
/* Switches the port to a policy: each frame meets the old or the new one, never a mixture. ifindex
 * and slot inside port are ignored. -ENOENT where the link is not guarded. */
int guard_port_set(struct guard *guard, uint32_t ifindex, const struct guard_port *port,
		   struct rf_err *err) RF_MUST_CHECK;
/* Lets a port send again that GUARD_BLOCK_ON_CHANGE blocked. */
int guard_port_unblock(struct guard *guard, uint32_t ifindex) RF_MUST_CHECK;
/* A link that had this name when its policy was set, and has another one now; also for a while
 * behind guard_detach. 0: there is none. */
uint32_t guard_port_called(struct guard *guard, const char *name);
/* ifindexes of the guarded links, at most max; returns how many there are. */
size_t guard_ports(struct guard *guard, uint32_t *out, size_t max);

/* Two zones that may exchange frames, both ways; a zone with itself: its members may. */
struct guard_pair {
	uint16_t a, b;
};
/* The matrix (GUARD_ZONES rows) of zones 0 to zones - 1 in which these pairs and nothing else are
 * allowed. RF_E_LIMIT names a zone that is not there. Pure. */
int guard_zones_compile(const struct guard_pair *pairs, size_t count, uint32_t zones,
			struct guard_zone *out, struct rf_err *err) RF_MUST_CHECK;
/* One row of the live matrix. A new guard lets zone 0 talk to itself, nobody else to anybody. */
int guard_zone_get(struct guard *guard, uint32_t zone, struct guard_zone *out) RF_MUST_CHECK;
int guard_zone_set(struct guard *guard, uint32_t zone, const struct guard_zone *row) RF_MUST_CHECK;

/* Strict: a guarded port receives only frames that came in by a guarded port. For bridges whose
 * uplink and own interface are guarded too. A new guard is not strict. */
bool guard_strict_get(const struct guard *guard);
void guard_strict_set(struct guard *guard, bool on);

/* What the kernel has at a link. */
struct guard_state {
	bool known;    /* it has a slot */
	bool in, out;  /* our program hangs there, with the tag of the pinned one */
	bool first_in; /* no other filter can let a frame pass before ours */
	bool first_out;
	bool blocked;
	uint32_t mode;
	enum guard_hook hook;
	uint64_t heals;
	char tag_in[17], tag_out[17]; /* hexadecimal, "" */
};
int guard_state(struct guard *guard, uint32_t ifindex, struct guard_state *out,
		struct rf_err *err) RF_MUST_CHECK;

/* Frames since the port was attached. */
struct guard_counts {
	uint64_t frames[2], bytes[2]; /* passed, by enum guard_direction */
	uint64_t refused[GUARD_VERDICTS];
	uint64_t heals;
	uint64_t diverted; /* copied or redirected by a quarantine */
};
/* ifindex 0: what was refused on links that nobody configured. -ENOENT */
int guard_counts(struct guard *guard, uint32_t ifindex, struct guard_counts *out) RF_MUST_CHECK;

/* Begins a quarantine's own count: what was diverted, and refused for GUARD_QUARANTINE. -ENOENT */
int guard_quarantine_count(struct guard *guard, uint32_t ifindex) RF_MUST_CHECK;

/* Hands over the samples of refused frames that wait; returns how many or a negative errno. */
int guard_events(struct guard *guard, void (*take)(void *arg, const struct guard_event *event),
		 void *arg) RF_MUST_CHECK;
/* Becomes readable when samples wait; -1 on failure. Belongs to guard. */
int guard_events_fd(struct guard *guard);

/* "source-mac" and why in words, of any number; never NULL. */
const char *guard_verdict_word(uint32_t verdict);
const char *guard_verdict_why(uint32_t verdict);

/* What would the live guard do with this frame? Nothing is sent, nothing counted. */
struct guard_question {
	uint32_t ifindex;
	enum guard_direction direction;
	struct rf_slice frame; /* from the Ethernet header on, 14 bytes to 64 KiB */
	uint32_t from_zone;    /* to the VM: the zone it came from */
	uint32_t gso_bytes;    /* as if cut into segments of so many bytes; 0 */
	uint32_t repeat;       /* to measure; 0: once */
};
struct guard_answer {
	bool passes;
	uint32_t verdict;  /* also where the port only observes */
	uint32_t zone;	   /* stamped on what passes */
	uint32_t vlan;	   /* tag added or removed; 0 */
	uint32_t redirect; /* 1: leaves by the port's redirect link */
	uint32_t ns;	   /* for one frame, where repeat was given */
};
int guard_trace(struct guard *guard, const struct guard_question *question,
		struct guard_answer *out, struct rf_err *err) RF_MUST_CHECK;

/* A promise of one port, three ways. */
struct guard_proof {
	const char *name; /* "another's source MAC address" */
	bool honest;	  /* the promise is that it passes; else that it is refused */
	bool configured;  /* the policy promises it; else the policy says the opposite */
	bool enforced; /* programs that judge, not only count, hang on the link before any other */
	bool proven;   /* the live program answered as the policy says */
	bool passes;   /* the answer */
	uint32_t verdict;
	char evidence[160];
};
/* Asks the live guard about GUARD_PROBES frames, made for this port's policy. -ENOENT where the
 * link is not guarded, RF_E_UNSUPPORTED where it is no VM's. */
int guard_probe(struct guard *guard, uint32_t ifindex, struct guard_proof out[GUARD_PROBES],
		struct rf_err *err) RF_MUST_CHECK;

/* 52:54:00:12:34:56; RF_E_SYNTAX. */
int guard_mac_parse(const char *text, uint8_t out[6]) RF_MUST_CHECK;
/* Adds 10.0.0.1, 10.0.0.0/24, 2001:db8::1 or 2001:db8::/64 to the port's addresses. RF_E_SYNTAX
 * (also bits behind the prefix), RF_E_LIMIT, RF_E_DUPLICATE. */
int guard_port_add(struct guard_port *port, const char *prefix, struct rf_err *err) RF_MUST_CHECK;
/* Adds "dhcp", 10.0.0.53:udp/53, [2001:db8::1]:tcp/22 or 10.0.0.5 to what a restricted port may
 * use, and says one. RF_E_SYNTAX, RF_E_LIMIT, RF_E_DUPLICATE; port is then untouched. */
int guard_service_add(struct guard_port *port, const char *text, struct rf_err *err) RF_MUST_CHECK;
void guard_service_words(const struct guard_service *service, struct rf_buf *out);
/* Adds the multicast MAC addresses that the port's own addresses need, and sets
 * GUARD_GROUPS_ONLY. RF_E_LIMIT. */
int guard_port_groups(struct guard_port *port, struct rf_err *err) RF_MUST_CHECK;

#include "isolate/guard/means.h"
#include "isolate/guard/watch.h"
#include "isolate/guard/fallback.h"

#endif
