/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy promises of the second layer (fences in the bridge, rules of nft), of uplinks, the
 * host's own ends of bridges and strict, and whether the kernel has it: the wants of a plan, held
 * against what is read back. Nothing is changed.
 */
#ifndef RF_ISOLATE_LAYER_VERIFY_H
#define RF_ISOLATE_LAYER_VERIFY_H

#include "isolate/promise.h"
#include "isolate/prover.h"
#include "isolate/verbs.h"

/* Appends what is promised of each want that is one of the second layer's; others, and those that
 * want nothing and find nothing, promise nothing. */
int layer_promises(const struct isolate_wants *wants, struct prover *prover,
		   struct isolate_promises *out, struct rf_err *err) RF_MUST_CHECK;

/* One want held against what there is; port is read for uplinks only. False: it promises nothing.
 * Pure. */
bool layer_judge(const struct change_spec *want, const struct prover_layer *layer,
		 const struct prover_port *port, struct isolate_promise *out);

#endif
