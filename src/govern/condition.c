/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a permission: one row for each member; see condition.h. */
#include "govern/condition.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define DAY_MS	  86400000
#define MINUTE_MS 60000

static void json_free_p(json_t **json)
{
	json_decref(*json);
}
#define AUTOJSON __attribute__((cleanup(json_free_p)))

struct network {
	int family;
	uint8_t bytes[16];
	unsigned bits;
};

/* An IPv4 address that came in over IPv6 is the IPv4 address. */
static bool address_parse(const char *text, struct network *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->bytes) == 1) {
		out->family = AF_INET;
		out->bits = 32;
		return true;
	}
	if (inet_pton(AF_INET6, text, out->bytes) != 1)
		return false;
	out->family = AF_INET6;
	out->bits = 128;
	if (memcmp(out->bytes, mapped, sizeof(mapped)) == 0) {
		memmove(out->bytes, out->bytes + 12, 4);
		out->family = AF_INET;
		out->bits = 32;
	}
	return true;
}

static bool network_parse(const char *text, struct network *out)
{
	char address[64];
	const char *slash = strchr(text, '/');
	int64_t bits;

	if (!rf_format(address, sizeof(address), "%.*s",
		       (int)(slash ? slash - text : (long)strnlen(text, sizeof(address))), text) ||
	    !address_parse(address, out))
		return false;
	if (!slash)
		return true;
	if (rf_num(slash + 1, 10, 0, out->bits, &bits))
		return false;
	out->bits = (unsigned)bits;
	return true;
}

static bool network_has(const struct network *network, const struct network *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (network->family != address->family ||
	    memcmp(network->bytes, address->bytes, whole) != 0)
		return false;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return !rest || ((network->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

static int address_check(const char *text, struct rf_err *err)
{
	struct network network;

	return network_parse(text, &network)
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "addresses: %.64s is no address or network",
				 text);
}

static bool addresses_hold(const json_t *value, const struct condition_facts *facts)
{
	struct network network, address;

	if (!facts->address || !address_parse(facts->address, &address))
		return false;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (network_parse(json_string_value(json_array_get(value, i)), &network) &&
		    network_has(&network, &address))
			return true;
	return false;
}

/* 1970-01-01 was a Thursday. */
static const char *const days[] = {"thu", "fri", "sat", "sun", "mon", "tue", "wed"};

static int day_check(const char *text, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(days); i++)
		if (strcmp(days[i], text) == 0)
			return 0;
	return rf_fail(err, RF_E_SYNTAX, "days: %.16s is none of mon ... sun", text);
}

static bool list_has(const json_t *value, const char *text)
{
	for (size_t i = 0; text && i < json_array_size(value); i++)
		if (rf_equal(json_string_value(json_array_get(value, i)), text))
			return true;
	return false;
}

static bool days_hold(const json_t *value, const struct condition_facts *facts)
{
	return facts->now_ms >= 0 && list_has(value, days[facts->now_ms / DAY_MS % 7]);
}

static bool hours_parse(const char *text, int out[2])
{
	unsigned h[2], m[2];
	char end;

	if (sscanf(text, "%2u:%2u-%2u:%2u%c", &h[0], &m[0], &h[1], &m[1], &end) != 4)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (m[i] > 59 || h[i] * 60 + m[i] > 24 * 60)
			return false;
		out[i] = (int)(h[i] * 60 + m[i]);
	}
	return strlen(text) == 11 && out[0] != out[1];
}

static int hours_check(const char *text, struct rf_err *err)
{
	int hours[2];

	return hours_parse(text, hours)
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "hours: %.16s is not like 08:00-18:00", text);
}

static bool hours_hold(const json_t *value, const struct condition_facts *facts)
{
	int hours[2], now = (int)(facts->now_ms % DAY_MS / MINUTE_MS);

	if (facts->now_ms < 0 || !hours_parse(json_string_value(value), hours))
		return false;
	if (hours[0] < hours[1])
		return now >= hours[0] && now < hours[1];
	return now >= hours[0] || now < hours[1];
}

static bool labels_hold(const json_t *value, const struct condition_facts *facts)
{
	AUTOJSON json_t *labels = facts->labels ? json_loads(facts->labels, 0, NULL) : NULL;
	const char *name;
	json_t *want;

	json_object_foreach((json_t *)(uintptr_t)value, name, want)
	{
		if (!rf_equal(json_string_value(json_object_get(labels, name)),
			      json_string_value(want)))
			return false;
	}
	return true;
}

static int state_check(const char *text, struct rf_err *err)
{
	static const char *const states[] = {"NEW",   "TRUSTED", "WARNING", "UNTRUSTED",
					     "STALE", "NO_TPM",	 "RETIRED"};

	for (size_t i = 0; i < RF_COUNT(states); i++)
		if (strcmp(states[i], text) == 0)
			return 0;
	return rf_fail(err, RF_E_SYNTAX, "states: %.32s is no state of a host", text);
}

static bool states_hold(const json_t *value, const struct condition_facts *facts)
{
	return list_has(value, facts->state);
}

static int text_check(const char *text, struct rf_err *err)
{
	return text[0] && strlen(text) <= 256 ? 0
					      : rf_fail(err, RF_E_LIMIT,
							"labels: a value is empty "
							"or too long");
}

/* A member: what it is made of, what each text of it has to be, and when it holds. */
static const struct row {
	const char *name, *fails;
	json_type type;
	int (*check)(const char *text, struct rf_err *err);
	bool (*holds)(const json_t *value, const struct condition_facts *facts);
} rows[] = {
	{"addresses", "not from this address", JSON_ARRAY, address_check, addresses_hold},
	{"days", "not on this day of the week (UTC)", JSON_ARRAY, day_check, days_hold},
	{"hours", "not at this hour (UTC)", JSON_STRING, hours_check, hours_hold},
	{"labels", "not with these labels", JSON_OBJECT, text_check, labels_hold},
	{"states", "not on a host of this state", JSON_ARRAY, state_check, states_hold},
};

static const struct row *row_find(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static int each_check(const struct row *row, const json_t *text, struct rf_err *err)
{
	if (!json_is_string(text) || strlen(json_string_value(text)) != json_string_length(text))
		return rf_fail(err, RF_E_SYNTAX, "%s: not a text", row->name);
	return row->check(json_string_value(text), err);
}

static int value_check(const struct row *row, json_t *value, struct rf_err *err)
{
	const char *name;
	json_t *text;
	int rc = 0;

	if (json_typeof(value) != row->type)
		return rf_fail(err, RF_E_SYNTAX, "%s is of the wrong kind", row->name);
	if (json_is_string(value))
		return each_check(row, value, err);
	size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);

	if (!count || count > CONDITION_MAX_LIST)
		return rf_fail(err, RF_E_LIMIT, "%s has from 1 to %u things", row->name,
			       CONDITION_MAX_LIST);
	for (size_t i = 0; i < json_array_size(value) && !rc; i++)
		rc = each_check(row, json_array_get(value, i), err);
	if (!json_is_object(value))
		return rc;
	json_object_foreach(value, name, text)
	{
		rc = each_check(row, text, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_all(const char *text, json_t **out, struct rf_err *err)
{
	const char *name;
	json_t *value;

	if (strlen(text) > CONDITION_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "the conditions are longer than %u bytes",
			       CONDITION_MAX_BYTES);
	AUTOJSON json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(all))
		return rf_fail(err, RF_E_SYNTAX, "the conditions are no JSON object");
	json_object_foreach(all, name, value)
	{
		const struct row *row = row_find(name);
		int rc = row ? value_check(row, value, err)
			     : rf_fail(err, RF_E_UNKNOWN, "there is no condition %.32s", name);

		if (rc)
			return rc;
	}
	*out = rf_take(all);
	return 0;
}

int condition_check(const char *text, struct rf_err *err)
{
	AUTOJSON json_t *all = NULL;

	return read_all(text, &all, err);
}

int condition_holds(const char *text, const struct condition_facts *facts, struct rf_err *err)
{
	AUTOJSON json_t *all = NULL;
	const char *name;
	json_t *value;
	int rc = read_all(text, &all, err);

	if (rc)
		return rc;
	json_object_foreach(all, name, value)
	{
		const struct row *row = row_find(name);

		if (!row->holds(value, facts))
			return rf_fail(err, RF_E_DENIED, "%s", row->fails);
	}
	return 0;
}
