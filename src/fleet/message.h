/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of frames: for each kind one row of members with type and limits, from which its
 * struct, its reader and its writer come (docs/adr/0012). Not here: what a message means.
 */
#ifndef RF_FLEET_MESSAGE_H
#define RF_FLEET_MESSAGE_H

#include "fleet/members.h"
#include "fleet/wire.h"

#define MESSAGE_MAX_LIST 8u
#define MESSAGE_MAX_MS	 INT64_C(253402300799999) /* the year 9999 ends */

/* A list of bytes: of certificates. */
struct message_list {
	struct rf_slice items[MESSAGE_MAX_LIST];
	size_t count;
};

struct json_t;

/* How a type stands in a struct. NAME: letters, digits and . _ : @ / + - only, so that it can
 * stand in a path, a log or a query; TEXT: any UTF-8 without NUL; OBJECT: jansson's. */
#define MESSAGE_C_NAME	 const char *
#define MESSAGE_C_TEXT	 const char *
#define MESSAGE_C_INT	 int64_t
#define MESSAGE_C_BOOL	 bool
#define MESSAGE_C_BYTES	 struct rf_slice
#define MESSAGE_C_LIST	 struct message_list
#define MESSAGE_C_OBJECT struct json_t *

#define MESSAGE_MEMBER(kind, member, type, least, most, required) MESSAGE_C_##type member;

/* One message. What was read owns what its members point to (message_done); what is to be written
 * borrows: struct message m = {.kind = WIRE_CONFIRM, .confirm = {.number = 7}}. */
struct message {
	enum wire_kind kind;
	union {
#define MESSAGE_STRUCT(id, name)                                                                   \
	struct {                                                                                   \
		MESSAGE_##id(MESSAGE_MEMBER)                                                       \
	} name;
		MESSAGE_EACH(MESSAGE_STRUCT)
#undef MESSAGE_STRUCT
	};
	struct json_t *owned;
	struct rf_buf decoded;
};

/* Reads a frame's text. RF_E_SYNTAX: no JSON, or a member of a wrong type; RF_E_UNKNOWN, _MISSING,
 * _DUPLICATE: of a member; RF_E_LIMIT. The error names the member. */
int message_read(enum wire_kind kind, struct rf_slice text, struct message *out,
		 struct rf_err *err) RF_MUST_CHECK;
void message_done(struct message *message);
#define MESSAGE_AUTO __attribute__((cleanup(message_done)))

/* Appends the text alone, refusing what message_read would. It is what a command's signature is
 * over, as sent. */
int message_text(const struct message *message, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* Appends the whole frame; bytes stand beside the text. */
int message_frame(const struct message *message, struct rf_slice bytes, struct rf_buf *out,
		  struct rf_err *err) RF_MUST_CHECK;

#endif
