/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that are calls of the manager's API: one row each says which route, what of the command
 * line goes where in it, and what of the answer a person is shown (fleet_rows.c). A test holds the
 * rows against the API's own table of routes.
 */
#ifndef RF_CLI_FLEET_H
#define RF_CLI_FLEET_H

#include "cli/cli.h"
#include "cli/client.h"

#define FLEET_MAX_WORDS	  4
#define FLEET_MAX_OPTIONS 12

/* What becomes of an argument's text. */
enum fleet_type {
	FLEET_TEXT,
	FLEET_NUMBER,
	FLEET_TRUTH,	/* a flag */
	FLEET_UNTRUTH,	/* a flag that says no */
	FLEET_TEXTS,	/* all of them, a list */
	FLEET_MAP,	/* NAME=VALUE, an object of texts */
	FLEET_DURATION, /* 30s, 15m, 8h, 90d: in ms */
	FLEET_UNTIL,	/* the same, as a time: from now */
	FLEET_SECONDS,	/* the same in seconds */
	FLEET_FILE,	/* a file with JSON: the value is what stands in it */
	FLEET_CONTENT,	/* a file: its text */
	FLEET_SOME,	/* as FLEET_TEXTS, but left out where there is none */
};

struct fleet_argument {
	const char *member; /* of the path "{member}", else of the body, or of a GET's query */
	enum fleet_type type;
	enum cli_option_id option; /* of an option; words have none */
	const char *otherwise;	   /* sent where it was not given; NULL: nothing */
};

struct fleet_row {
	const char *command; /* the command's name in commands.c */
	const char *method, *path;
	struct fleet_argument words[FLEET_MAX_WORDS]; /* in order; ends with member NULL. A list
							 takes all that are left */
	struct fleet_argument options[FLEET_MAX_OPTIONS];
	const char *columns; /* "NAME=name SEEN=~seen_ms": of a list; ~: a time, shown as how long
				ago; NULL: all that is there */
	const char *done;    /* what is said where the answer is empty; NULL: "done" */
	enum cli_option_id with; /* the row counts with this option alone (OPT_HELP: always) */
	bool fleet;		 /* with --fleet */
	bool stream;		 /* with --follow */
	bool paged;		 /* read to its end */
	bool to_file;		 /* its text goes into the file that is named, in place of a word */
	bool chosen;		 /* where --where is given: "hosts" of the body, or a list of these
				    hosts' items alone */
	bool order; /* hosts are to do it: "hosts" is what --where chooses, results are waited for
		     */
};
extern const struct fleet_row fleet_rows[];
extern const size_t fleet_rows_count;

/* The row of what was typed, the first that fits; NULL when there is none. */
const struct fleet_row *fleet_row_find(const struct cli_args *args);

/* A request from a row and what was typed: its path with the query, its body (owned; NULL: none).
 * now_ms: for FLEET_UNTIL. RF_E_USAGE names the option. */
struct fleet_request {
	struct rf_buf path;
	json_t *body;
};
int fleet_request_make(const struct fleet_row *row, const struct cli_args *args, int64_t now_ms,
		       struct fleet_request *out, struct rf_err *err) RF_MUST_CHECK;
void fleet_request_done(struct fleet_request *request);
#define FLEET_AUTOREQUEST __attribute__((cleanup(fleet_request_done)))

/* "90s", "15m", "8h", "30d" in ms; RF_E_USAGE. */
int fleet_duration(const char *text, int64_t *out_ms, struct rf_err *err) RF_MUST_CHECK;

/* How answers are shown. */
enum fleet_format { FLEET_TABLE, FLEET_JSON, FLEET_JSONL, FLEET_CSV };
/* -o; NULL: table. RF_E_USAGE. */
int fleet_format_parse(const char *name, enum fleet_format *out, struct rf_err *err) RF_MUST_CHECK;

/* Prints a list (its items), or one object, for a person or a program. Texts of hosts are made
 * visible: none of them moves a terminal's cursor. */
int fleet_show_items(FILE *out, const json_t *items, const char *columns, enum fleet_format format,
		     struct rf_err *err) RF_MUST_CHECK;
int fleet_show_one(FILE *out, const json_t *object, enum fleet_format format,
		   struct rf_err *err) RF_MUST_CHECK;
/* One event of a stream on a line. */
int fleet_show_event(FILE *out, const json_t *event, enum fleet_format format,
		     struct rf_err *err) RF_MUST_CHECK;

/* Reads the file of the sign-in and opens a client; login stays in use until the client is closed.
 */
int fleet_client(const struct cli_args *args, struct client_login *login, struct client **out,
		 struct rf_err *err) RF_MUST_CHECK;

/* A selector, "state=UNTRUSTED,name=web-*,label=zone=dmz", as a query of the list of hosts. NULL:
 * all. RF_E_USAGE. */
int fleet_where(const char *selector, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
/* The ids of the hosts that it chooses, retired ones left out (owned). RF_E_MISSING for none. */
int fleet_hosts(struct client *client, const char *selector, json_t **out,
		struct rf_err *err) RF_MUST_CHECK;
/* All pages of a list: its items (owned). */
int fleet_list(struct client *client, const char *path, json_t **out,
	       struct rf_err *err) RF_MUST_CHECK;
/* Has hosts do it: one call for each thousand of them, and waits for their results. The exit
 * status (1 when one of them failed, else 2 when one has findings, else 0), or an error. */
int fleet_order(struct client *client, const struct fleet_row *row, const struct cli_args *args,
		struct fleet_request *request, struct rf_err *err) RF_MUST_CHECK;

#define FLEET_HOST_ID 32 /* hexadecimal digits */

/* Whether text is the whole id of a host. */
bool fleet_host_is_id(const char *text);

/* The id of the one host among items that has this name, or whose id begins so. It belongs to
 * items. RF_E_UNKNOWN; RF_E_USAGE where two fit. */
int fleet_host_pick(const json_t *items, const char *text, const char **out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Puts the id in place of the name by which args, of this row, names a host; *out_keep holds its
 * text and is the caller's to free. */
int fleet_host_named(struct client *client, const struct fleet_row *row, struct cli_args *args,
		     json_t **out_keep, struct rf_err *err) RF_MUST_CHECK;

/* Runs the row of what was typed: the function of all these commands, and of --fleet. */
int fleet_run(const struct cli_args *args, struct rf_err *err) RF_MUST_CHECK;

#endif
