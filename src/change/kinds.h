/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects of this folder, and how their states look. A state is bytes; only the kind
 * itself and the verbs that work on it look inside.
 */
#ifndef RF_CHANGE_KINDS_H
#define RF_CHANGE_KINDS_H

#include "change/verb.h"

/* A file, folder, link or special file: all that a put restores. */
extern const struct verb_kind kind_file;
/* The same without content: mode, owner and labels only, so that of an image or a key no copy is
 * made. */
extern const struct verb_kind kind_meta;
/* A value of /proc/sys, /sys or a cgroup. */
extern const struct verb_kind kind_value;

enum file_type { FILE_ABSENT, FILE_REGULAR, FILE_FOLDER, FILE_LINK, FILE_OTHER };

#define FILE_TIME_NOW INT64_MIN /* mtime_s: not to be set */

struct file_state {
	enum file_type type;
	uint32_t mode, uid, gid;
	int64_t mtime_s; /* not part of what counts */
	uint32_t mtime_ns;
	struct rf_slice xattrs;	 /* NAME NUL, 4 bytes of length (little endian), value; sorted */
	struct rf_slice content; /* bytes of a file, target of a link */
};

/* To bytes and back; decoding borrows. RF_E_SYNTAX for bytes that are no state of a file. */
int file_state_encode(const struct file_state *state, struct rf_buf *out);
int file_state_decode(struct rf_slice in, struct file_state *out, struct rf_err *err) RF_MUST_CHECK;

/* The state of a value: its bytes as read, and as compared (blanks made one, [chosen] of a list).
 * text NULL: there is no such value. */
int value_state_encode(const char *text, struct rf_buf *out);
bool value_state_text(struct rf_slice state, struct rf_buf *out);

/* What paths and values may be changed (allow.c). Pure. RF_E_DENIED says what would have to be. */
int allow_path(const struct verb_env *env, const char *path, struct rf_err *err) RF_MUST_CHECK;
int allow_edit(const struct verb_env *env, const struct change_spec *spec,
	       struct rf_err *err) RF_MUST_CHECK;
int allow_mode(const struct verb_env *env, const struct change_spec *spec,
	       struct rf_err *err) RF_MUST_CHECK;
int allow_link(const struct verb_env *env, const struct change_spec *spec,
	       struct rf_err *err) RF_MUST_CHECK;
int allow_folder(const struct verb_env *env, const struct change_spec *spec,
		 struct rf_err *err) RF_MUST_CHECK;
int allow_value_path(const struct verb_env *env, const char *path,
		     struct rf_err *err) RF_MUST_CHECK;
int allow_value(const struct verb_env *env, const struct change_spec *spec,
		struct rf_err *err) RF_MUST_CHECK;

#endif
