/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes: one row each. Dispatch, check of body and query, privilege, approval, entry
 * in the ledger, OpenAPI document, reference page and the command line's binding follow from it.
 */
#ifndef RF_API_ROUTE_H
#define RF_API_ROUTE_H

#include "api/schema.h"
#include "govern/privilege.h"

#define ROUTE_MAX_VARS 3

struct api_call;

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_PUT, ROUTE_DELETE, ROUTE_METHODS };
/* "GET" ...; and back (HEAD is GET); ROUTE_METHODS for what is none. */
const char *route_method_name(enum route_method method);
enum route_method route_method_find(const char *name);

/* Who may call it at all. */
enum route_access {
	ROUTE_PUBLIC,	  /* anybody */
	ROUTE_SIGNED_IN,  /* whoever signed in, about themselves or about what they may see */
	ROUTE_PRIVILEGED, /* with the row's privilege on what it is about */
};

/* What it is about: where the privilege is asked for. */
enum route_about {
	ROUTE_FLEET,  /* above all objects */
	ROUTE_HOST,   /* {host} */
	ROUTE_OBJECT, /* {object} */
	ROUTE_BODY,   /* the body's member "object"; "" or none: above all objects */
	ROUTE_HOSTS,  /* each of the body's "hosts" */
	ROUTE_EACH,   /* the handler leaves out what the caller may not see */
};

enum route_answer {
	ROUTE_ONE,    /* an object of the schema */
	ROUTE_MANY,   /* {"items": [of the schema], "next": "..."} */
	ROUTE_NONE,   /* 204 */
	ROUTE_STREAM, /* server-sent events, or as ROUTE_MANY without `follow` */
	ROUTE_TEXT,   /* text of another type */
};

struct route {
	const char *id; /* operationId */
	enum route_method method;
	const char *path; /* "/api/v1/hosts/{host}" */
	const char *summary;
	enum route_access access;
	enum privilege privilege;
	enum route_about about;
	const struct schema *query, *body, *answer;
	enum route_answer shape;
	const char *audit; /* kind of its entry in the ledger; NULL: it changes nothing */
	/* Of govern/approval_rule.h: may want a second person; of several words the strictest
	 * holds; NULL: none. */
	const char *operation;
	const char *cli; /* words of the command line that call it; NULL: none */
	/* 0, or a code whose HTTP status is answered. May run more than once: it changes the store
	 * and the call's answer alone. */
	int (*handle)(struct api_call *call, struct rf_err *err);
	/* Its changes are transactions of their own, and the ledger is told behind them. */
	bool apart;
};

extern const struct route routes[];
extern const size_t routes_count;

/* What a path is. */
struct route_match {
	const struct route *route;
	unsigned methods;		/* bits of the methods that the path has */
	char vars[ROUTE_MAX_VARS][520]; /* decoded, in their order in the path */
	char var_names[ROUTE_MAX_VARS][24];
	size_t vars_count;
};

/*
 * Finds the route of a path (without query, as it was sent). RF_E_UNKNOWN when nothing has that
 * path, RF_E_UNSUPPORTED when it has other methods (out->methods), RF_E_SYNTAX for a variable that
 * is no text. Fixed parts go before variables.
 */
int route_find(enum route_method method, const char *path, struct route_match *out,
	       struct rf_err *err) RF_MUST_CHECK;

/* The same over other rows, for tests. */
struct route_rows {
	const struct route *rows;
	size_t count;
};
int route_find_in(const struct route_rows *rows, enum route_method method, const char *path,
		  struct route_match *out, struct rf_err *err) RF_MUST_CHECK;

/* The OpenAPI 3.1 document of all routes; NULL without memory. */
json_t *route_openapi(void);

/* Appends the reference page (docs/reference/api.md). */
int route_reference(struct rf_buf *out) RF_MUST_CHECK;

#endif
