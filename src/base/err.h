/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error convention. A fallible function returns 0 or a negative code (an errno or RF_E_*) and,
 * where a person could ask why, takes `struct rf_err *err` last. Who detects fills it, each layer
 * that knows more wraps it, nobody logs on the way.
 */
#ifndef RF_BASE_ERR_H
#define RF_BASE_ERR_H

#include <stddef.h>

#define RF_MUST_CHECK	__attribute__((warn_unused_result))
#define RF_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* code, number, text, HTTP status, exit code */
#define RF_ERROR_CODES(X)                                                                          \
	X(RF_E_SYNTAX, 1000, "not understood", 400, 1)                                             \
	X(RF_E_LIMIT, 1001, "larger than allowed", 413, 1)                                         \
	X(RF_E_TRUNCATED, 1002, "ends too early", 400, 1)                                          \
	X(RF_E_UNKNOWN, 1003, "unknown name", 404, 1)                                              \
	X(RF_E_DUPLICATE, 1004, "given twice", 409, 1)                                             \
	X(RF_E_MISSING, 1005, "missing", 400, 1)                                                   \
	X(RF_E_DENIED, 1006, "not allowed", 403, 1)                                                \
	X(RF_E_CHANGED, 1007, "changed meanwhile", 409, 1)                                         \
	X(RF_E_TIMEOUT, 1008, "took too long", 504, 1)                                             \
	X(RF_E_MISMATCH, 1009, "does not match", 422, 1)                                           \
	X(RF_E_UNSUPPORTED, 1010, "not supported here", 501, 1)                                    \
	X(RF_E_DATABASE, 1011, "database error", 500, 1)                                           \
	X(RF_E_USAGE, 1012, "wrong use", 400, 64)                                                  \
	X(RF_E_CRYPTO, 1013, "cryptographic failure", 500, 1)                                      \
	X(RF_E_PEER, 1014, "the other side failed", 502, 1)

enum rf_code {
#define RF_X(name, num, text, http, exit) name = -(num),
	RF_ERROR_CODES(RF_X)
#undef RF_X
};

struct rf_err {
	int code; /* 0 when nothing was said */
	char text[512];
};

/*
 * Fills err (NULL is fine) with a message, shortened with "..." if it does not fit, control
 * characters made visible. Returns code, so that `return rf_fail(err, -EINVAL, "...")` reads well.
 */
int rf_fail(struct rf_err *err, int code, const char *fmt, ...) RF_PRINTF(3, 4);

/* Puts "what: " before what is already said (or before the code's own text). Returns code. */
int rf_wrap(struct rf_err *err, int code, const char *fmt, ...) RF_PRINTF(3, 4);

/* Forgets what was said. */
void rf_err_clear(struct rf_err *err);

/* The text of any code: errno or RF_E_*. Never NULL. */
const char *rf_code_text(int code);

/* The exit status (1, 64 ...) and the HTTP status a code stands for. */
int rf_code_exit(int code);
int rf_code_http(int code);

/* What err says, or the text of its code, or "no error". Never NULL. */
const char *rf_err_text(const struct rf_err *err);

#endif
