/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts as people name them: by their name, or by the first characters of their id, as tables show
 * it. The API knows the whole id alone; a name that fits two hosts is refused, and says which.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/fleet.h"

#define HOSTS	   "/api/v1/hosts"
#define PREFIX_MIN 4
#define HEX	   "0123456789abcdef"

bool fleet_host_is_id(const char *text)
{
	return strlen(text) == FLEET_HOST_ID && strspn(text, HEX) == FLEET_HOST_ID;
}

static const char *text_of(const json_t *item, const char *member)
{
	const char *text = json_string_value(json_object_get(item, member));

	return text ? text : "";
}

/* A host that is retired gives its name to the next one. */
static bool is_named(const json_t *item, const char *text)
{
	return text[0] && strcmp(text_of(item, "name"), text) == 0 &&
	       strcmp(text_of(item, "state"), "RETIRED") != 0;
}

static bool has_prefix(const json_t *item, const char *text)
{
	return strlen(text) >= PREFIX_MIN && rf_starts(text_of(item, "host"), text);
}

int fleet_host_pick(const json_t *items, const char *text, const char **out, struct rf_err *err)
{
	static bool (*const fits[])(const json_t *, const char *) = {is_named, has_prefix};

	for (size_t way = 0; way < RF_COUNT(fits); way++) {
		const char *found = NULL;
		const json_t *item;
		size_t at;

		json_array_foreach(items, at, item)
		{
			if (!fits[way](item, text))
				continue;
			if (found)
				return rf_fail(err, RF_E_USAGE,
					       "%s is two hosts at least, %s and %s: name one by "
					       "its id",
					       text, found, text_of(item, "host"));
			found = text_of(item, "host");
		}
		if (found) {
			*out = found;
			return 0;
		}
	}
	return rf_fail(err, RF_E_UNKNOWN,
		       "there is no host %s: ringfence host list shows names and ids", text);
}

/* Where what was typed names a host; NULL. */
static const char **place_of(const struct fleet_row *row, struct cli_args *args)
{
	for (size_t i = 0; i < FLEET_MAX_WORDS && row->words[i].member; i++)
		if (strcmp(row->words[i].member, "host") == 0 && i < args->words_count)
			return &args->words[i];
	for (const struct fleet_argument *a = row->options; a->member; a++)
		if (strcmp(a->member, "host") == 0 && cli_has(args, a->option))
			return &args->values[a->option][args->counts[a->option] - 1];
	return NULL;
}

int fleet_host_named(struct client *client, const struct fleet_row *row, struct cli_args *args,
		     json_t **out_keep, struct rf_err *err)
{
	const char **place = place_of(row, args);
	RF_AUTOBUF struct rf_buf named = {0};

	if (!place || fleet_host_is_id(*place))
		return 0;
	rf_buf_add_text(&named, HOSTS "?name=");
	client_escape(&named, *place);
	int rc = named.failed ? rf_fail(err, -ENOMEM, "no memory")
			      : fleet_list(client, rf_buf_text(&named), out_keep, err);

	if (rc || json_array_size(*out_keep) > 0)
		return rc ? rc : fleet_host_pick(*out_keep, *place, place, err);
	/* What is no beginning of an id is the manager's to refuse. */
	if (strspn(*place, HEX) != strlen(*place))
		return 0;
	json_decref(*out_keep);
	*out_keep = NULL;
	rc = fleet_list(client, HOSTS, out_keep, err);
	return rc ? rc : fleet_host_pick(*out_keep, *place, place, err);
}
