/* SPDX-License-Identifier: Apache-2.0 */
/* A quarantine follows its VM from port to port. See service_wards.h. */
#include "isolate/service_wards.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/segment.h"

static size_t place_of(const struct service_wards *wards, uint32_t ifindex)
{
	size_t i = 0;

	while (i < wards->count && wards->links[i] != ifindex)
		i++;
	return i;
}

/* The port as it is without a quarantine. */
static void port_of(const struct table *table, const struct guard_link *link, const uint8_t mac[6],
		    struct guard_port *out)
{
	const struct table_port *record = table_find(table, link, true);

	if (record)
		*out = record->port;
	else
		quarantine_port_open(mac, out);
}

static int shut(struct guard *guard, const struct table *table, const struct table_ward *ward,
		const struct guard_link *link, struct rf_err *err)
{
	struct guard_port port;

	port_of(table, link, ward->shut.mac, &port);
	quarantine_port_shut(&ward->shut, &port);
	int rc = quarantine_port_links(&ward->shut, link->name, &port, err);

	if (!rc)
		rc = guard_attach(guard, link->ifindex, err);
	return rc ? rc : guard_port_set(guard, link->ifindex, &port, err);
}

static int let_out(struct guard *guard, const struct table *table, const struct guard_link *link,
		   struct rf_err *err)
{
	const struct table_port *record = table_find(table, link, true);
	int rc = record ? guard_port_set(guard, link->ifindex, &record->port, err)
			: guard_detach(guard, link->ifindex, err);

	return rc ? rc : segment_tidy(link->name, NULL, err);
}

bool wards_follow(struct service_wards *wards, struct guard *guard, const struct table *table,
		  const struct guard_link *link, char *line, size_t size)
{
	const struct table_ward *ward = table_ward(table, link);
	size_t place = place_of(wards, link->ifindex);
	struct guard_port now = {.quarantine = GUARD_FREE};
	struct rf_err err = {0};
	bool guarded = guard_port_get(guard, link->ifindex, &now) == 0;

	if (ward && guard_link_is_port(link) && now.quarantine < ward->shut.level) {
		int rc = shut(guard, table, ward, link, &err);

		if (!rc && place == wards->count && wards->count < GUARD_SLOTS)
			wards->links[wards->count++] = link->ifindex;
		rf_format(line, size, "%s: %s VM %.60s%s%.120s", link->name,
			  rc ? "NOT shut in, a port of" : "shut in, as the quarantine says of",
			  ward->vm, rc ? ": " : "", rc ? rf_err_text(&err) : "");
		return true;
	}
	/* A record that cannot be read is not one that is gone. */
	if (place == wards->count || ward || !table->head.wards_whole)
		return false;
	wards->links[place] = wards->links[--wards->count];
	/* The plan that was undone had this very port. */
	if (!guarded || !now.quarantine)
		return false;
	int rc = let_out(guard, table, link, &err);

	rf_format(line, size, "%s: %s%s%.160s", link->name,
		  rc ? "NOT let out of its quarantine" : "released, and let out", rc ? ": " : "",
		  rc ? rf_err_text(&err) : "");
	return true;
}
