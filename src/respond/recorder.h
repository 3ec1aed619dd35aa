/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder: one process for one link, started before the link is there, gone when the link is.
 * Frames go to a ring of pcapng files (ring.h) in FOLDER; FOLDER/status says how it goes and is
 * locked (flock) while it runs. It is not what holds the VM: without it no frame goes elsewhere.
 */
#ifndef RF_RESPOND_RECORDER_H
#define RF_RESPOND_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define RECORDER_FOLDER_FD  3 /* where the role finds its folder and its starter */
#define RECORDER_STARTER_FD 4
#define RECORDER_STATUS	    "status"

struct recorder_options {
	const char *link, *vm, *comment;
	uint64_t max_bytes;
};

/* The role: records until the link goes away, or until its starter goes away without a link having
 * come. Locks itself in. Returns an exit status. */
int recorder_run(const struct recorder_options *options);

/* Starts the role in the background, with its folder (made where missing) below the state folder.
 * Returns when it listens for the link. *out_starter: closing it says that no link will come. When
 * one runs there already nothing is started and *out_starter is -1. */
int recorder_start(const char *folder, const struct recorder_options *options, int *out_starter,
		   struct rf_err *err) RF_MUST_CHECK;

struct recorder_status {
	bool running, full;
	uint64_t frames, bytes, lost; /* lost: never written, for whatever reason */
};
/* What the status file of a folder says. -ENOENT where nothing was ever recorded. */
int recorder_status(const char *folder, struct recorder_status *out) RF_MUST_CHECK;

#endif
