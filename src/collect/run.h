/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs collectors, each in a sandboxed process of its own, and puts their rows into a fact store.
 * A collector that crashes, fails or is silent for too long loses its own tables (a gap says so)
 * or, when it reads files one after the other, only the file it was at.
 */
#ifndef RF_COLLECT_RUN_H
#define RF_COLLECT_RUN_H

#include "collect/collect.h"
#include "model/store.h"

struct collect_options {
	struct sys *sys;
	const struct collect_request *req;
	unsigned timeout_ms; /* silence that ends a collector; 0: RF_COLLECTOR_MS */
	/* Called when a collector starts and ends, and from time to time with a file; may be NULL.
	 */
	void (*progress)(void *arg, const char *collector, const char *detail);
	void *progress_arg;
	/* Test hook: this table instead of collectors[]; NULL otherwise. */
	const struct collector *table;
	size_t table_count;
	const char *record_dir; /* the folder that a recording host writes; NULL: none */
	bool no_sandbox;	/* test hook and sanitizer builds */
};

/* Returns 0 even when collectors failed; a negative code when the store or a fork failed. */
int collect_run(struct fact_store *store, const struct collect_options *options,
		struct rf_err *err) RF_MUST_CHECK;

#endif
