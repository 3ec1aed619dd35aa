/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector auth, PAM: what the stacks of the login services and of passwd and su enforce. A
 * setting of a module that no stack calls has no effect, and the table says so: no lock-out is deny
 * 0, no history is remember 0, and without pam_pwquality the least length is pam_unix's. Sources:
 * pam_unix(8), pam_faillock(8), pam_pwquality(8), pam_pwhistory(8), pam_wheel(8).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/auth.h"
#include "collect/pam.h"
#include "collect/util.h"

/* Services through which a person signs in; what counts is the worst of those that exist. */
static const char *const login_services[] = {"sshd", "login"};
static const char *const shared_auth[] = {"system-auth", "common-auth"};
static const char *const password_services[] = {"passwd", "system-auth", "common-password"};

static const char *rule_where(char *out, const struct pam_rule *rule)
{
	return util_where(out, rule->path, rule->line);
}

/* Arguments of a module win over its file. Only names that the policy already has are settings. */
static void take_args(struct auth *auth, const char *prefix, const struct pam_rule *rule)
{
	char where[UTIL_WHERE_BYTES];

	for (size_t i = 0; i < rule->args_count; i++) {
		char key[128];
		const char *arg = rule->args[i], *equals = strchr(arg, '=');
		size_t n = equals ? (size_t)(equals - arg) : strlen(arg);

		if (!rf_format(key, sizeof(key), "%s%.*s", prefix, (int)n, arg) ||
		    (!auth_get(auth, key) && strcmp(key, "faillock/root_unlock_time") != 0))
			continue;
		auth_set(auth, key, equals ? equals + 1 : "1", rule_where(where, rule));
	}
}

struct login_state {
	size_t services_count; /* stacks that were read */
	size_t locked_count;   /* of them, those with pam_faillock before and after */
	bool nullok;
	char lock_where[UTIL_WHERE_BYTES];
	char null_where[UTIL_WHERE_BYTES];
	char bare_service[64]; /* a service without lock-out */
};

static void judge_login(struct auth *auth, const struct pam_stack *stack, const char *service,
			struct login_state *state)
{
	const struct pam_rule *rule;
	bool before = false, after = false;
	size_t at = 0;

	state->services_count++;
	while ((rule = pam_rule_next(stack, "auth", "pam_faillock.so", &at))) {
		before = before || pam_rule_arg(rule, "preauth");
		after = after || pam_rule_arg(rule, "authfail");
		take_args(auth, "faillock/", rule);
		rule_where(state->lock_where, rule);
	}
	if (before && after)
		state->locked_count++;
	else
		rf_copy(state->bare_service, sizeof(state->bare_service), service);
	at = 0;
	while ((rule = pam_rule_next(stack, "auth", "pam_unix.so", &at))) {
		if (state->nullok ||
		    (!pam_rule_arg(rule, "nullok") && !pam_rule_arg(rule, "nullok_secure")))
			continue;
		state->nullok = true;
		rule_where(state->null_where, rule);
	}
}

/* A stack that could be read only in part may hold the module we look for: then nothing is said. */
static bool stack_whole(struct auth *auth, const struct pam_stack *stack, const char *service,
			const char *const *keys)
{
	if (stack->missing[0] == '\0')
		return true;
	for (; *keys; keys++) {
		auth_set(auth, *keys, NULL, service);
		fact_gap(auth->out, FACT_T_AUTH_POLICY, *keys, "", "/etc/pam.d",
			 "the PAM stack of %s is not whole: %s", service, stack->missing);
	}
	return false;
}

static const char *const login_keys[] = {"pam/faillock", "pam/nullok", "faillock/deny", NULL};

/* Returns false when a part of a stack is missing. */
static bool read_logins(struct auth *auth, const char *const *services, size_t count,
			struct login_state *state)
{
	for (size_t i = 0; i < count; i++) {
		PAM_AUTOSTACK struct pam_stack stack = {0};
		int rc = pam_stack_load(auth->sys, services[i], &stack);

		if (rc == -ENOENT)
			continue;
		if (!stack_whole(auth, &stack, services[i], login_keys))
			return false;
		judge_login(auth, &stack, services[i], state);
	}
	return true;
}

static void logins(struct auth *auth)
{
	struct login_state state = {0};

	if (!read_logins(auth, login_services, RF_COUNT(login_services), &state))
		return;
	if (state.services_count == 0 &&
	    !read_logins(auth, shared_auth, RF_COUNT(shared_auth), &state))
		return;
	if (state.services_count == 0) {
		for (const char *const *key = login_keys; *key; key++) {
			auth_set(auth, *key, NULL, "/etc/pam.d");
			fact_gap(auth->out, FACT_T_AUTH_POLICY, *key, "", "/etc/pam.d",
				 "no PAM stack of sshd or login is there to look at");
		}
		return;
	}
	bool locks = state.locked_count == state.services_count;

	if (locks) {
		auth_set(auth, "pam/faillock", "1", state.lock_where);
	} else {
		RF_AUTOFREE char *source = rf_asprintf("/etc/pam.d/%s", state.bare_service);

		auth_set(auth, "pam/faillock", "0", source ? source : "/etc/pam.d");
		auth_set(auth, "faillock/deny", "0", source ? source : "/etc/pam.d");
	}
	auth_set(auth, "pam/nullok", state.nullok ? "1" : "0",
		 state.nullok ? state.null_where : "/etc/pam.d");
	/* faillock.conf(5): never is another word for 0, and root's time implies root's lock. */
	if (rf_equal(auth_get(auth, "faillock/unlock_time"), "never"))
		auth_set(auth, "faillock/unlock_time", "0", state.lock_where);
	if (auth_get(auth, "faillock/root_unlock_time"))
		auth_set(auth, "faillock/even_deny_root", "1", "faillock/root_unlock_time");
}

/* pam_unix(8): an argument, else ENCRYPT_METHOD of login.defs, else DES. */
static void judge_hash(struct auth *auth, const struct pam_rule *rule)
{
	static const char *const schemes[] = {"yescrypt", "gost_yescrypt", "sha512",  "sha256",
					      "blowfish", "md5",	   "bigcrypt"};
	char where[UTIL_WHERE_BYTES], method[32] = "";

	for (size_t i = 0; i < RF_COUNT(schemes); i++) {
		if (!pam_rule_arg(rule, schemes[i]))
			continue;
		auth_set(auth, "pam/hash", schemes[i], rule_where(where, rule));
		return;
	}
	const char *configured = auth_get(auth, "login.defs/ENCRYPT_METHOD");

	if (!configured || !rf_copy(method, sizeof(method), configured))
		return;
	rf_lower(method);
	auth_set(auth, "pam/hash", method, "/etc/login.defs");
}

/* Without pam_pwquality pam_unix alone looks at a new password: at its length (default 6). */
static void no_quality(struct auth *auth, const struct pam_rule *unix_rule)
{
	static const char *const counts[] = {"difok",	  "dcredit",	    "ucredit",
					     "lcredit",	  "ocredit",	    "minclass",
					     "maxrepeat", "maxclassrepeat", "maxsequence",
					     "dictcheck", "usercheck",	    "enforcing"};
	char where[UTIL_WHERE_BYTES];
	const char *source = unix_rule ? rule_where(where, unix_rule) : "/etc/pam.d/passwd";
	const char *minlen = unix_rule ? pam_rule_arg(unix_rule, "minlen") : "0";

	auth_set(auth, "pam/pwquality", "0", source);
	auth_set(auth, "pwquality/minlen", minlen && *minlen ? minlen : "6", source);
	for (size_t i = 0; i < RF_COUNT(counts); i++) {
		char key[64];

		rf_format(key, sizeof(key), "pwquality/%s", counts[i]);
		auth_set(auth, key, "0", source);
	}
}

static void judge_history(struct auth *auth, const struct pam_rule *history,
			  const struct pam_rule *unix_rule)
{
	char where[UTIL_WHERE_BYTES];
	const char *remember = unix_rule ? pam_rule_arg(unix_rule, "remember") : NULL;

	auth_set(auth, "pam/pwhistory", history || remember ? "1" : "0",
		 history     ? rule_where(where, history)
		 : unix_rule ? rule_where(where, unix_rule)
			     : "/etc/pam.d/passwd");
	if (history)
		take_args(auth, "pwhistory/", history);
	else
		auth_set(auth, "pwhistory/remember", remember && *remember ? remember : "0",
			 unix_rule ? rule_where(where, unix_rule) : "/etc/pam.d/passwd");
}

static const char *const password_keys[] = {"pam/hash",		  "pam/pwquality",
					    "pam/pwhistory",	  "pwquality/minlen",
					    "pwhistory/remember", NULL};

static void passwords(struct auth *auth)
{
	PAM_AUTOSTACK struct pam_stack stack = {0};
	const char *service = password_services[0];
	int rc = -ENOENT;

	for (size_t i = 0; rc == -ENOENT && i < RF_COUNT(password_services); i++) {
		service = password_services[i];
		pam_stack_done(&stack);
		rc = pam_stack_load(auth->sys, service, &stack);
	}
	if (rc == -ENOENT)
		rf_format(stack.missing, sizeof(stack.missing), "no file of that name");
	if (!stack_whole(auth, &stack, service, password_keys))
		return;
	size_t at = 0;
	const struct pam_rule *quality = pam_rule_next(&stack, "password", "pam_pwquality.so", &at);

	at = 0;
	const struct pam_rule *history = pam_rule_next(&stack, "password", "pam_pwhistory.so", &at);

	at = 0;
	const struct pam_rule *unix_rule = pam_rule_next(&stack, "password", "pam_unix.so", &at);

	if (unix_rule) {
		judge_hash(auth, unix_rule);
	} else {
		fact_gap(auth->out, FACT_T_AUTH_POLICY, "pam/hash", "", "/etc/pam.d",
			 "no line of the password stack of %s calls pam_unix.so", service);
	}
	if (quality) {
		char where[UTIL_WHERE_BYTES];

		auth_set(auth, "pam/pwquality", "1", rule_where(where, quality));
		take_args(auth, "pwquality/", quality);
	} else {
		no_quality(auth, unix_rule);
	}
	judge_history(auth, history, unix_rule);
}

/* pam_wheel(8) must be able to refuse, and nothing but root may be let in before it. */
static void su_wheel(struct auth *auth)
{
	static const char *const keys[] = {"pam/su_wheel", NULL};
	PAM_AUTOSTACK struct pam_stack stack = {0};
	char where[UTIL_WHERE_BYTES];
	int rc = pam_stack_load(auth->sys, "su", &stack);

	if (rc == -ENOENT) {
		if (!sys_exists(auth->sys, "/usr/bin/su") && !sys_exists(auth->sys, "/bin/su")) {
			auth_set(auth, "pam/su_wheel", "1", "su is not installed");
			return;
		}
		pam_stack_done(&stack);
		rc = pam_stack_load(auth->sys, "other", &stack);
		if (rc == -ENOENT)
			rf_format(stack.missing, sizeof(stack.missing), "no file of that name");
	}
	if (!stack_whole(auth, &stack, "su", keys))
		return;
	for (size_t i = 0; i < stack.count; i++) {
		const struct pam_rule *rule = &stack.rules[i];

		if (strcmp(rule->type, "auth") != 0)
			continue;
		if (strcmp(rule->module, "pam_wheel.so") == 0 && pam_rule_mandatory(rule) &&
		    !pam_rule_arg(rule, "deny")) {
			auth_set(auth, "pam/su_wheel", "1", rule_where(where, rule));
			return;
		}
		if (rf_equal_nocase(rule->control, "sufficient") &&
		    strcmp(rule->module, "pam_rootok.so") != 0)
			break;
	}
	auth_set(auth, "pam/su_wheel", "0", "/etc/pam.d/su");
}

void auth_pam(struct auth *auth)
{
	logins(auth);
	passwords(auth);
	su_wheel(auth);
}
