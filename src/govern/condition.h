/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of a permission: from which addresses, at which times, for objects with which labels,
 * on hosts with which verdicts it holds. A JSON object of five members, all of which may be left
 * out; {} holds always. What cannot be read holds never. Pure: the caller tells address, time,
 * labels and state.
 */
#ifndef RF_GOVERN_CONDITION_H
#define RF_GOVERN_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CONDITION_MAX_BYTES 4096u
#define CONDITION_MAX_LIST  32u

/* What is so now. */
struct condition_facts {
	const char *address; /* of who asks: IPv4 or IPv6; NULL: not known */
	int64_t now_ms;	     /* days and hours are of UTC */
	const char *labels;  /* JSON object of texts: the object's; NULL: none */
	const char *state;   /* TRUSTED ...: the host's; NULL: it is no host */
};

/*
 * That a text is a set of conditions: {"addresses": ["10.0.0.0/8", "2001:db8::1"], "days":
 * ["mon", ...], "hours": "08:00-18:00" (over midnight when it ends before it begins), "labels":
 * {"zone": "prod"}, "states": ["TRUSTED"]}. RF_E_SYNTAX, RF_E_UNKNOWN, RF_E_LIMIT, by the member's
 * name.
 */
int condition_check(const char *text, struct rf_err *err) RF_MUST_CHECK;

/* Do they hold? 0, or RF_E_DENIED and which one does not; another code where the text is none. */
int condition_holds(const char *text, const struct condition_facts *facts,
		    struct rf_err *err) RF_MUST_CHECK;

#endif
