/* SPDX-License-Identifier: Apache-2.0 */
/* The frames between the roles api and sign-in, and between sign-in and its unit: one fixed size
 * each way, checked on both sides. */
#ifndef RF_API_SIGN_IN_H
#define RF_API_SIGN_IN_H

#include <stdbool.h>
#include <stdint.h>

#define SIGN_IN_NAME_BYTES     128
#define SIGN_IN_PASSWORD_BYTES 512
#define SIGN_IN_GROUPS_BYTES   8192

/* Texts end with a NUL and are zero behind it. */
struct sign_in_question {
	uint64_t id;
	char name[SIGN_IN_NAME_BYTES];
	char password[SIGN_IN_PASSWORD_BYTES];
};

struct sign_in_answer {
	uint64_t id;
	int32_t verdict; /* 1: good; 0: not; -1: could not be asked */
	int32_t zero;
	/* Names of the groups (NSS) that the user is in, a line each; where it is good. */
	char groups[SIGN_IN_GROUPS_BYTES];
};

/* Is a text ended within its room, and nothing behind it? */
bool sign_in_text_good(const char *text, unsigned size);

/* Writes the groups of a user, as far as there is room. */
void sign_in_groups(const char *name, char out[SIGN_IN_GROUPS_BYTES]);

/* Asks PAM; the verdict as above. The password is left to be wiped by the caller. */
int sign_in_pam(const char *service, const char *name, const char *password);

#endif
