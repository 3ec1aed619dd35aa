/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of governance share: a refusal is one whole sentence that says what comes next. */
#ifndef GOVERN_TEST_H
#define GOVERN_TEST_H

#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "test_base.h"

/* A sentence names a next step ("...; X can Y", "give ...") and is not cut. */
static inline void assert_refusal(const struct rf_err *err)
{
	static const char *const steps[] = {" can",	  "try again", "give",	     "requests it",
					    "request it", "look at",   "approve it", "take",
					    "propose",	  "sign in",   "name two",   "at most"};
	size_t len = strlen(err->text);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strstr(err->text, steps[i]) && len > 30 && !rf_ends(err->text, "...") &&
		    rf_utf8_valid((const uint8_t *)err->text, len))
			return;
	}
	fail_msg("no whole sentence with a next step: %s", err->text);
}

#endif
