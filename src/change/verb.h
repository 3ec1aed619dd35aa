/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs: everything Ringfence can do to a host. A verb works on a kind of object, and an object is
 * three functions: read its state, put a state, and (the verb's part) compute the wanted state from
 * the present one. The last is pure. All else follows from that: a plan is the difference between
 * state and wanted state, the inverse is putting the old state back, verification is reading again,
 * a second apply has nothing to do. To add a verb is to add a row to a table.
 *
 * Tables are listed by the program (cli/roles.c), so that a pillar that stands above this folder,
 * such as isolate, brings its own rows.
 */
#ifndef RF_CHANGE_VERB_H
#define RF_CHANGE_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "change/spec.h"

/* What a kind keeps open while plans are made, taken and applied; the engine drops it. */
struct verb_keep {
	void *what;
	void (*drop)(void *what);
};

/* Where the host is: "/" or a directory that stands for one (an image, a test). */
struct verb_env {
	int root;  /* descriptor of the root directory */
	int state; /* descriptor of the state folder; 0 or -1: there is none */
	bool live; /* the root is this machine */
	const char *const
		*given; /* files and folders outside the allow-lists that the caller named */
	size_t given_count;
	char scratch[CHANGE_ID_BYTES]; /* suffix of temporary names: the plan's id */
	struct verb_keep *keep;	       /* NULL outside the engine */
};

/* What a change needs before it is in force. Worst last. */
enum change_needs { NEEDS_LIVE, NEEDS_RESTART, NEEDS_VM_BOOT, NEEDS_REBOOT };
#define CHANGE_NEEDS_COUNT 4
/* "live", "service restart" ... and back; RF_E_UNKNOWN for another word. */
const char *change_needs_name(enum change_needs needs);
int change_needs_parse(const char *text, enum change_needs *out) RF_MUST_CHECK;

enum change_risk { RISK_LOW, RISK_MEDIUM, RISK_HIGH };
#define CHANGE_RISK_COUNT 3
/* "low" ... and back; RF_E_UNKNOWN for another word. */
const char *change_risk_name(enum change_risk risk);
int change_risk_parse(const char *text, enum change_risk *out) RF_MUST_CHECK;

/* A kind of object. The digest of a state is SHA-256 of its bytes. */
struct verb_kind {
	const char *name; /* "file", "value", "port" ... */
	int rank;	  /* kinds with a lower rank are changed first */
	/* Whether target names such an object, and one that may be changed at all. Pure. */
	int (*check)(const struct verb_env *env, const char *target, struct rf_err *err);
	/* Appends the state: bytes that say all of the object that a put would restore. An object
	 * that is not there has a state too. */
	int (*read)(const struct verb_env *env, const char *target, struct rf_buf *out,
		    struct rf_err *err);
	/* Makes the object so. All or nothing where the kernel allows; where it does not, putting
	 * the same state again completes. */
	int (*put)(const struct verb_env *env, const char *target, struct rf_slice state,
		   struct rf_err *err);
	/* What goes with a state and has no inverse, once the object reads back so (viewers of a
	 * screen that was closed are put out). Where it fails the change stands, and the rest of
	 * the plan is carried out: it is told (priv_result.incomplete) and noted in the ledger.
	 * Not called where a change is undone. NULL: nothing. */
	int (*after)(const struct verb_env *env, const char *target, struct rf_slice state,
		     struct rf_err *err);
	/* The object is in the kernel's memory, gone with the power, and its states are ours, not a
	 * stranger's bytes. Changed first in a plan, as soon as the steps are on disk: before the
	 * rest of the journal and the ledger. */
	bool at_once;
	/* A put that was interrupted may leave a state that is neither the old nor the new. */
	bool partial;
	/* What of a state counts: the slice whose digest is taken. NULL: all of it. Pure. */
	struct rf_slice (*essence)(struct rf_slice state);
	/* Of a kind whose object another kind changes in part (a file and its mode): appends state
	 * with that part as it was. Pure. NULL: no other kind does. */
	int (*merge)(struct rf_slice state, struct rf_slice part, struct rf_buf *out);
	/* Whether a state says that the object went away, and the change with it (a VM was switched
	 * off): there is nothing to undo then. Pure. NULL: objects of this kind stay. */
	bool (*gone)(struct rf_slice state);
	/* Of an object that is gone: tidies what was made for it. NULL: nothing was. */
	int (*bury)(const struct verb_env *env, const char *target, struct rf_err *err);
};

struct verb {
	const char *name;
	const char *summary;
	const struct verb_kind *kind;
	size_t payload_bytes;	 /* size of a binary value; 0: the value is text */
	enum change_needs needs; /* defaults of a change by this verb */
	enum change_risk risk;
	/* Re-validates a spec, by the privileged side too; NULL: the kind's check of the target is
	 * enough. Pure. */
	int (*check)(const struct verb_env *env, const struct change_spec *spec,
		     struct rf_err *err);
	/* Appends the wanted state; before is the present one. Pure: runs in a process without
	 * files. Also refuses a result that the reader of the object would not accept. */
	int (*predict)(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
		       struct rf_err *err);
	/* For a person: what the spec's key is now in a state; false when it is not there. */
	bool (*show)(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out);
	/* Of a verb with a payload: the wanted value in words. NULL: the value is text. */
	void (*show_payload)(const struct change_spec *spec, struct rf_buf *out);
};

struct verb_table {
	const struct verb *rows;
	size_t count;
};

/* The verbs of this folder: file, value, libvirt definition, bridge port. */
extern const struct verb_table change_verbs;

/* The tables a program knows, ended by one with rows NULL. */
struct verb_set {
	const struct verb_table *const *tables; /* ends with NULL */
};

/* The row of that name, or NULL. */
const struct verb *verb_find(const struct verb_set *set, const char *name);

/* The digest of a state of this kind. */
int verb_digest(const struct verb_kind *kind, struct rf_slice state,
		uint8_t out[CHANGE_DIGEST_BYTES], struct rf_err *err) RF_MUST_CHECK;

/* Generic and verb-specific re-validation of one spec. RF_E_UNKNOWN for no such verb, RF_E_DENIED
 * for what no allow-list holds. *out_verb on success. */
int verb_check(const struct verb_set *set, const struct verb_env *env,
	       const struct change_spec *spec, const struct verb **out_verb,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
