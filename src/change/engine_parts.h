/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the engine share: applying and undoing. Not for other files. */
#ifndef RF_CHANGE_ENGINE_PARTS_H
#define RF_CHANGE_ENGINE_PARTS_H

#include "change/engine.h"

/* 0 when the target has that digest now, RF_E_CHANGED when not. */
int engine_is(struct engine *engine, const struct verb_kind *kind, const char *target,
	      const uint8_t *digest, struct rf_err *err) RF_MUST_CHECK;

/* Whether the object went away meanwhile, and the change with it. */
bool engine_is_gone(struct engine *engine, const struct verb_kind *kind, const char *target);

/* Puts every touched target back, last first. RF_E_CHANGED when one could not be. */
int engine_undo(struct engine *engine, struct journal *journal, struct rf_err *err) RF_MUST_CHECK;

/* Leaves a process behind that undoes the plan after so many seconds unless it is confirmed. */
int engine_watch(struct engine *engine, const char *id, unsigned seconds,
		 struct rf_err *err) RF_MUST_CHECK;

/* Runs the hooks that the plan's steps name, checks or others; the failing ones become bits of
 * *failed, the message of a failing check err, of another out->text. */
int engine_hooks(struct engine *engine, bool checks, uint32_t *failed, struct priv_result *out,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
