/* SPDX-License-Identifier: Apache-2.0 */
/* Verb tables: looking up, re-validation, digests, the words of needs and risks. See verb.h. */
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/verb.h"

static const char *const needs_names[CHANGE_NEEDS_COUNT] = {
	[NEEDS_LIVE] = "live",
	[NEEDS_RESTART] = "service restart",
	[NEEDS_VM_BOOT] = "VM cold boot",
	[NEEDS_REBOOT] = "host reboot",
};

static const char *const risk_names[CHANGE_RISK_COUNT] = {
	[RISK_LOW] = "low",
	[RISK_MEDIUM] = "medium",
	[RISK_HIGH] = "high",
};

const char *change_needs_name(enum change_needs needs)
{
	return (unsigned)needs < CHANGE_NEEDS_COUNT ? needs_names[needs] : "?";
}

const char *change_risk_name(enum change_risk risk)
{
	return (unsigned)risk < CHANGE_RISK_COUNT ? risk_names[risk] : "?";
}

static int name_find(const char *const *names, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_equal(names[i], text))
			return (int)i;
	}
	return RF_E_UNKNOWN;
}

int change_needs_parse(const char *text, enum change_needs *out)
{
	int i = name_find(needs_names, CHANGE_NEEDS_COUNT, text);

	if (i < 0)
		return i;
	*out = (enum change_needs)i;
	return 0;
}

int change_risk_parse(const char *text, enum change_risk *out)
{
	int i = name_find(risk_names, CHANGE_RISK_COUNT, text);

	if (i < 0)
		return i;
	*out = (enum change_risk)i;
	return 0;
}

const struct verb *verb_find(const struct verb_set *set, const char *name)
{
	for (size_t t = 0; set->tables[t]; t++) {
		for (size_t i = 0; i < set->tables[t]->count; i++) {
			if (strcmp(set->tables[t]->rows[i].name, name) == 0)
				return &set->tables[t]->rows[i];
		}
	}
	return NULL;
}

int verb_digest(const struct verb_kind *kind, struct rf_slice state,
		uint8_t out[CHANGE_DIGEST_BYTES], struct rf_err *err)
{
	struct rf_slice essence = kind->essence ? kind->essence(state) : state;

	if (EVP_Digest(essence.data ? essence.data : (const uint8_t *)"", essence.len, out, NULL,
		       EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	return 0;
}

/* A binary value has its exact size, a text ends where it says. */
static int value_check(const struct verb *verb, const struct change_spec *spec, struct rf_err *err)
{
	const char *text = (const char *)spec->value;

	if (verb->payload_bytes)
		return spec->value_bytes == verb->payload_bytes
			       ? 0
			       : rf_fail(err, RF_E_LIMIT, "%s: the value has %u bytes, not %zu",
					 verb->name, spec->value_bytes, verb->payload_bytes);
	if (strnlen(text, sizeof(spec->value)) != spec->value_bytes)
		return rf_fail(err, RF_E_SYNTAX, "%s: the value does not end where it says",
			       verb->name);
	for (const char *p = text; *p; p++) {
		if (*p == 0x7f || ((unsigned char)*p < 0x20 && *p != '\t'))
			return rf_fail(err, RF_E_SYNTAX, "%s: the value holds a control character",
				       verb->name);
	}
	return 0;
}

int verb_check(const struct verb_set *set, const struct verb_env *env,
	       const struct change_spec *spec, const struct verb **out_verb, struct rf_err *err)
{
	int rc = change_spec_check(spec, err);

	if (rc < 0)
		return rc;
	const struct verb *verb = verb_find(set, spec->verb);

	if (!verb)
		return rf_fail(err, RF_E_UNKNOWN, "there is no verb %s", spec->verb);
	rc = value_check(verb, spec, err);
	if (!rc)
		rc = verb->kind->check(env, spec->target, err);
	if (!rc && verb->check)
		rc = verb->check(env, spec, err);
	if (rc < 0)
		return rc;
	*out_verb = verb;
	return 0;
}
