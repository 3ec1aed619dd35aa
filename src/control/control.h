/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controls, profiles and the judge: questions to the fact tables, and their answers (findings).
 * Everything here is a pure function of the fact store and of data files; it touches no host.
 * The format of a control is described in docs/howto/add-a-control.md.
 */
#ifndef RF_CONTROL_CONTROL_H
#define RF_CONTROL_CONTROL_H

#include "base/yaml.h"
#include "govern/waiver.h"
#include "model/store.h"

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
#define SEVERITY_COUNT 5

/* Worst first is not the order of numbers: see finding_state_rank. */
enum finding_state {
	FINDING_PASS,
	FINDING_FAIL,
	FINDING_UNKNOWN,
	FINDING_NOT_APPLICABLE,
	FINDING_WAIVED,
	FINDING_ERROR, /* the control itself could not be judged: never a pass */
};
#define FINDING_STATE_COUNT 6

/* "high" and back; RF_E_UNKNOWN for another word. */
const char *severity_name(enum severity severity);
int severity_parse(const char *text, enum severity *out) RF_MUST_CHECK;
const char *finding_state_name(enum finding_state state); /* "pass", "not_applicable" ... */
int finding_state_parse(const char *text, enum finding_state *out) RF_MUST_CHECK;

/* The closed list of pillars, in the order reports show them. */
extern const char *const control_pillars[];
extern const size_t control_pillars_count;

struct control {
	struct yaml_doc doc; /* owns every text below */
	const char *id, *title, *why, *pillar, *step, *manual;
	enum severity severity;
	const char *over, *when, *applies, *pass, *query, *lookup;
	const struct yaml_node *evidence; /* columns */
	const struct yaml_node *fix;	  /* map with verb, or NULL */
	const struct yaml_node *refs;	  /* map */
	const struct yaml_node *params;	  /* map of defaults, or NULL */
	const struct yaml_node *tests;	  /* list */
	bool from_site;

	/* Made by control_check from the above. */
	const struct fact_table *table; /* of over; NULL with query */
	char *lookup_table, *lookup_key;
	char **needs; /* columns that when and pass read */
	size_t needs_count;
	char **columns; /* of the table or view, as far as the statement uses them */
	size_t columns_count;
};

struct profile {
	struct yaml_doc doc;
	const char *id, *title, *about;
	const struct yaml_node *select, *exclude, *select_refs, *params, *severity, *notes;
	bool from_site;
};

/* Everything loaded: ours and a site's. A bad file is left out and named in problems. */
struct control_set {
	struct control *controls;
	size_t controls_count, controls_capacity;
	struct profile *profiles;
	size_t profiles_count, profiles_capacity;
	struct waiver *waivers;
	size_t waivers_count;
	struct yaml_doc waivers_doc;
	char **problems; /* "file:line:column: reason" */
	size_t problems_count, problems_capacity;
};

/* Loads the files built into the program, with their tests or, faster, without. An error here is
 * our own mistake. */
int control_set_load_builtin(struct control_set *set, bool with_tests,
			     struct rf_err *err) RF_MUST_CHECK;

/*
 * Adds one file of a site: kind is "controls", "profiles" or "waivers". A refused file becomes a
 * line of set->problems and is no failure; only lack of memory is.
 */
int control_set_add(struct control_set *set, const char *kind, const char *name,
		    struct rf_slice text, bool from_site, struct rf_err *err) RF_MUST_CHECK;

/* Reads DIR/controls, DIR/profiles and DIR/waivers.yaml of a site. */
int control_set_load_site(struct control_set *set, const char *dir,
			  struct rf_err *err) RF_MUST_CHECK;

/* Names the waivers that do not hold because they end too late from now on: lines of set->problems.
 * A waiver that says since when is refused with its file. */
int control_waivers_check(struct control_set *set, int64_t now_ms,
			  struct rf_err *err) RF_MUST_CHECK;

/* Puts the version-aware defaults of .vmx keys into the store (data, not facts). */
int control_defaults_load(struct fact_store *store, struct rf_err *err) RF_MUST_CHECK;

/* Frees everything loaded; accepts a zeroed set. */
void control_set_done(struct control_set *set);
#define CONTROL_AUTOSET __attribute__((cleanup(control_set_done)))

/* By id; NULL when there is none. */
const struct control *control_find(const struct control_set *set, const char *id);
const struct profile *profile_find(const struct control_set *set, const char *id);

/* Whether the profile chooses the control. */
bool profile_selects(const struct profile *profile, const struct control *control);

/*
 * Runs the control's own tests and, when mutants is true, every mutant of its expressions against
 * them, in scratch: an empty store, empty again afterwards. Each complaint is a line in out ("row
 * 2: expected fail, got pass").
 */
struct control_test_result {
	size_t rows_count, rows_failed;
	size_t mutants_count, mutants_alive;
};
int control_test(const struct control *control, struct fact_store *scratch, bool mutants,
		 struct rf_buf *out, struct control_test_result *result,
		 struct rf_err *err) RF_MUST_CHECK;

/* The SQL that judges with this control, for a person; free with rf_free. */
char *control_sql_text(const struct control *control) RF_MUST_CHECK;

/* One answer: a control about one resource. Texts live in the finding set. */
struct finding {
	const struct control *control;
	enum finding_state state;
	enum severity severity;
	const char *host;
	const char
		*resource;  /* natural key without host and layer, joined by '/'; "" for the host */
	const char *vm;	    /* "" when the resource is no part of a VM */
	const char *layer;  /* "" when there is none */
	const char *reason; /* why UNKNOWN, NOT_APPLICABLE, WAIVED or ERROR; "" otherwise */
	const char *source; /* where the fact was read */
	const char *evidence; /* "name\0value\0...\0\0" */
	const char *note;     /* the profile's remark; "" */
};

/* Walks evidence: name and value, or false at the end. Start with *at = f->evidence. */
bool evidence_next(const char **at, const char **name, const char **value);

struct finding_set {
	struct finding *items;
	size_t count, capacity;
	size_t controls_judged, controls_skipped; /* skipped: nothing it asks about was looked at */
	struct arena_block *arena;
	size_t by_state[FINDING_STATE_COUNT];
};
void finding_set_done(struct finding_set *set);
#define FINDING_AUTOSET __attribute__((cleanup(finding_set_done)))

struct judge_request {
	const struct profile *const *profiles;
	size_t profiles_count;
	const char *const *only; /* globs over control ids; none: all */
	size_t only_count;
	int64_t now_ms; /* for waivers */
};

/*
 * Judges a finished store. Findings come sorted: worst state and severity first, then control,
 * then resource. A control that fails or runs too long becomes one finding in state ERROR, of no
 * host (""). With several hosts in the store each has the findings that it would have alone, as
 * long as the controls compare rows of one host only: ours do, by a test.
 */
int judge_run(struct fact_store *store, const struct control_set *set,
	      const struct judge_request *req, struct finding_set *out,
	      struct rf_err *err) RF_MUST_CHECK;

/*
 * Runs one read-only query (a person's, `ringfence query`) under the same authorizer and limits.
 * row is called with each row; a non-zero answer stops.
 */
typedef int judge_row_fn(void *arg, int columns, sqlite3_stmt *stmt);
int judge_query(struct fact_store *store, const char *sql, judge_row_fn *row, void *arg,
		struct rf_err *err) RF_MUST_CHECK;

/* Which tables a query needs, so that no others have to be loaded: out has FACT_T_COUNT, by enum
 * fact_table_id. Refused as by judge_query; nothing is run. */
int judge_query_tables(struct fact_store *store, const char *sql, bool out[],
		       struct rf_err *err) RF_MUST_CHECK;

#endif
