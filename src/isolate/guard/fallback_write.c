/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard by nft, changed: one transaction a change, of what changes and nothing else, which the
 * kernel refuses where anybody else changed rules since they were read. A table that is not there,
 * or that somebody altered, is written as a whole. See fallback.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"

#define TRIES 5

static int fail(int rc, struct rf_err *err)
{
	if (rc == -ENOENT || nft_is_missing(rc))
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "BPF is forbidden here, and this kernel has no nf_tables for "
			       "bridges, or cannot tell a bridge by its name (nf_tables, "
			       "nft_meta_bridge)");
	if (rc == -ERESTART)
		return rf_fail(err, RF_E_CHANGED, "rules of nft: others change them all the time");
	return rf_fail(err, rc, "rules of nft: %s", rf_code_text(rc));
}

static int refuses(const char *link, const struct guard_port *port, struct rf_err *err)
{
	const char *why = fallback_refuses(port);

	return why ? rf_fail(err, RF_E_UNSUPPORTED, "%s: BPF is forbidden here, and %s", link, why)
		   : 0;
}

/* Not 0 in its high half, and 0 in its low one. */
static int secret_make(struct fallback *f)
{
	while (!f->secret) {
		if (getrandom(&f->secret, sizeof(f->secret), 0) != sizeof(f->secret))
			return -errno;
		f->secret &= GUARD_MARK_OURS;
	}
	return 0;
}

static int run(struct fallback *f, struct making *m, uint32_t generation)
{
	int rc = m->folds->failed ? -ENOMEM : nft_batch_run(m->batch);

	/* Ours is the next one, unless others come in between: then it is read anew. */
	f->generation = rc == 0 && generation ? generation + 1 : 0;
	f->there = f->whole = rc == 0;
	for (size_t i = 0; rc == 0 && i < f->ports_count; i++)
		f->copies |= fallback_copies(&f->ports[i].port);
	return rc;
}

/* A kernel without such hooks is not asked where there is nothing to clear. */
static void copies_clear(const struct fallback *f, struct nft_batch *batch)
{
	if (!f->copies)
		return;
	batch->family = NFPROTO_NETDEV;
	nft_table_remove(batch);
	batch->family = 0;
}

static int write_at(struct fallback *f, uint32_t generation)
{
	struct nft_batch batch = {.sequence = 0};
	struct folds made = {.items = NULL};
	struct making m = {
		.state = f, .batch = &batch, .folds = &made, .there = fallback_link_there};
	int rc = secret_make(f);

	if (!rc)
		rc = nft_batch_begin_at(&batch, FALLBACK_TABLE, generation);
	if (!rc) {
		copies_clear(f, &batch);
		nft_table_renew(&batch);
		fallback_make(&m);
		rc = run(f, &m, generation);
	}
	folds_done(&made);
	nft_batch_done(&batch);
	return rc;
}

int fallback_write(struct fallback *f, struct rf_err *err)
{
	for (size_t i = 0; i < f->ports_count; i++) {
		int rc = refuses(f->ports[i].name, &f->ports[i].port, err);

		if (rc)
			return rc;
	}
	int rc = write_at(f, 0);

	return rc ? fail(rc, err) : 0;
}

static int change_at(struct fallback *f, const struct fallback_change *change)
{
	struct nft_batch batch = {.sequence = 0};
	struct folds made = {.items = NULL};
	struct making m = {
		.state = f, .batch = &batch, .folds = &made, .there = fallback_link_there};
	uint32_t generation = f->generation;
	int rc = nft_batch_begin_at(&batch, FALLBACK_TABLE, generation);

	if (!rc)
		rc = fallback_change_make(f, change, &m);
	if (!rc)
		rc = run(f, &m, generation);
	/* Half a change is in f by now, and none in the kernel. */
	if (rc)
		f->generation = 0;
	folds_done(&made);
	nft_batch_done(&batch);
	return rc;
}

/* Of what is not there nothing can be taken away. */
static bool is_nothing(const struct fallback *f, const struct fallback_change *change)
{
	switch (change->what) {
	case FALLBACK_PORT:
		return !change->port && (!f->there || !fallback_find(f, change->link));
	case FALLBACK_ZONE:
		return false;
	case FALLBACK_STRICT:
		return change->strict == f->strict;
	case FALLBACK_BIRTHS:
		return change->births->count == 0 && f->births.count == 0;
	}
	return true;
}

int fallback_change(struct fallback *f, const struct fallback_change *change, struct rf_err *err)
{
	int rc = change->what == FALLBACK_PORT && change->port
			 ? refuses(change->link, change->port, err)
			 : 0;

	if (rc)
		return rc;
	rc = -ERESTART;
	/* ENOENT: a link went, and the kernel with it forgot what hung there. */
	for (unsigned i = 0; i < TRIES && (rc == -ERESTART || rc == -ENOENT); i++) {
		rc = fallback_renew(f, err);
		if (rc || (is_nothing(f, change) && (!f->there || f->whole)))
			return rc;
		if (f->there && f->whole) {
			rc = change_at(f, change);
			continue;
		}
		rc = fallback_change_make(f, change, NULL);
		if (!rc)
			rc = write_at(f, f->generation);
		if (rc)
			f->generation = 0;
	}
	if ((rc == -ENOENT || nft_is_missing(rc)) && change->what == FALLBACK_PORT &&
	    change->port && fallback_copies(change->port))
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "%s: BPF is forbidden here, and this kernel's nf_tables cannot "
			       "copy frames of a link or send them elsewhere (nft_dup_netdev, "
			       "nft_fwd_netdev; --record-max 0 and levels restrict, seal and "
			       "freeze need none)",
			       change->link);
	return rc ? fail(rc, err) : 0;
}

int fallback_remove(struct fallback *f, struct rf_err *err)
{
	struct nft_batch batch = {.sequence = 0};
	int rc = nft_batch_begin(&batch, FALLBACK_TABLE);

	if (!rc) {
		copies_clear(f, &batch);
		nft_table_remove(&batch);
		rc = nft_batch_run(&batch);
	}
	nft_batch_done(&batch);
	fallback_done(f);
	return rc && !nft_is_missing(rc) ? fail(rc, err) : 0;
}
