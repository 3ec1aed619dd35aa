/* SPDX-License-Identifier: Apache-2.0 */
/* The service's records of a policy: made, checked, asked. Pure. See table.h. */
#include "isolate/table.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* ---- making ---- */

static void names_fill(const struct policy_names *names, struct table_names *out)
{
	for (size_t i = 0; i < names->count && i < TABLE_NAMES; i++)
		rf_copy(out->items[out->count++], sizeof(out->items[0]), names->items[i]);
}

static size_t zones_used(const struct policy *policy, const struct guard_zone *rows,
			 struct table_zone *out)
{
	size_t count = 0;

	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++) {
		struct guard_zone fresh = isolate_zone_new(zone);

		if (!policy_zone_name(policy, zone) &&
		    memcmp(&rows[zone], &fresh, sizeof(fresh)) == 0)
			continue;
		out[count++] = (struct table_zone){.number = zone, .row = rows[zone]};
	}
	return count;
}

static int records_add(const struct policy *policy, const struct policy_result *result,
		       struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOFREE struct guard_zone *rows = rf_alloc(GUARD_ZONES, sizeof(*rows));
	RF_AUTOFREE struct table_zone *zones = rf_alloc(GUARD_ZONES, sizeof(*zones));
	const struct policy_layer *layer = policy_layer(policy);
	struct table_head head = {.magic = TABLE_MAGIC,
				  .ports_count = (uint32_t)result->ports_count,
				  .second = layer->second,
				  .strict = layer->strict,
				  .has_policy = 1};
	int rc = rows && zones ? policy_zones(policy, rows, err)
			       : rf_fail(err, -ENOMEM, "no memory");

	if (rc < 0)
		return rc;
	head.zones_count = (uint32_t)zones_used(policy, rows, zones);
	names_fill(&layer->bridges, &head.bridges);
	names_fill(&layer->ports, &head.ports);
	names_fill(&layer->uplinks, &head.uplinks);
	isolate_layer_rules(layer, false, &head.rules);
	rc = rf_buf_add(out, &head, sizeof(head));
	for (size_t i = 0; rc == 0 && i < result->ports_count; i++) {
		const struct policy_port *port = &result->ports[i];
		struct table_port record = {.port = port->port};

		/* A name that only this function gave. */
		if (port->tap[0] != '?' && !rf_copy(record.tap, sizeof(record.tap), port->tap))
			record.tap[0] = '\0';
		(void)rf_format(record.vm, sizeof(record.vm), "%s", port->vm);
		rc = rf_buf_add(out, &record, sizeof(record));
	}
	return rc ? rc : rf_buf_add(out, zones, head.zones_count * sizeof(*zones));
}

/* A VM that is off has no port; for the resolver each gets a name of its own. */
static int nics_copy(const struct policy_nics *nics, struct policy_nic **out, char (**names)[24])
{
	struct policy_nic *copy = rf_alloc(nics->count + 1, sizeof(*copy));

	*names = rf_alloc(nics->count + 1, sizeof(**names));
	*out = copy;
	if (!copy || !*names)
		return -ENOMEM;
	for (size_t i = 0; i < nics->count; i++) {
		copy[i] = nics->items[i];
		rf_format((*names)[i], sizeof((*names)[i]), "?%zu", i);
		if (!copy[i].tap[0])
			copy[i].tap = (*names)[i];
	}
	return 0;
}

int table_make(struct rf_slice kept, const struct policy_nics *nics, struct rf_buf *out,
	       struct rf_err *err)
{
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	RF_AUTOFREE struct policy_nic *copy = NULL;
	RF_AUTOFREE char(*names)[24] = NULL;
	POLICY_AUTO struct policy *policy = NULL;
	struct policy_result result = {0};
	struct rf_slice yaml;
	int rc = numbers && nics_copy(nics, &copy, &names) == 0
			 ? applied_parse(kept, numbers, &yaml, &policy, err)
			 : rf_fail(err, -ENOMEM, "no memory");

	if (!rc && !policy)
		return table_empty("no policy was applied yet", out);
	if (!rc)
		rc = policy_resolve(policy, copy, nics->count, &result, err);
	if (!rc)
		rc = records_add(policy, &result, out, err);
	policy_result_done(&result);
	return rc;
}

int table_empty(const char *problem, struct rf_buf *out)
{
	struct table_head head = {.magic = TABLE_MAGIC};

	(void)rf_format(head.problem, sizeof(head.problem), "%s", problem);
	return rf_buf_add(out, &head, sizeof(head));
}

int table_wards_add(struct rf_buf *table, const struct table_ward *wards, size_t count, bool whole)
{
	struct table_head head;

	if (count > GUARD_SLOTS || table->len < sizeof(head))
		return RF_E_LIMIT;
	memcpy(&head, table->data, sizeof(head));
	head.wards_count = (uint32_t)count;
	head.wards_whole = whole;
	memcpy(table->data, &head, sizeof(head));
	return rf_buf_add(table, wards, count * sizeof(*wards));
}

/* ---- reading ---- */

void table_done(struct table *table)
{
	rf_free(table->ports);
	rf_free(table->zones);
	rf_free(table->wards);
	memset(table, 0, sizeof(*table));
}

int64_t table_bytes(struct rf_slice bytes)
{
	struct table_head head;

	if (bytes.len < sizeof(head))
		return 0;
	memcpy(&head, bytes.data, sizeof(head));
	if (head.magic != TABLE_MAGIC || head.ports_count > GUARD_SLOTS ||
	    head.zones_count > GUARD_ZONES || head.wards_count > GUARD_SLOTS)
		return RF_E_SYNTAX;
	return (int64_t)(sizeof(head) + head.ports_count * sizeof(struct table_port) +
			 head.zones_count * sizeof(struct table_zone) +
			 head.wards_count * sizeof(struct table_ward));
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool names_good(const struct table_names *names)
{
	bool good = names->count <= TABLE_NAMES;

	for (size_t i = 0; good && i < names->count; i++)
		good = ends(names->items[i], sizeof(names->items[0]));
	return good;
}

static int head_check(const struct table_head *head, struct rf_err *err)
{
	const uint32_t seconds = 1u << POLICY_SECOND_BRIDGE | 1u << POLICY_SECOND_NFT;

	if (head->strict > 1 || head->has_policy > 1 || head->wards_whole > 1 ||
	    (head->second & ~seconds) || head->reserved || head->reserved2 ||
	    !names_good(&head->bridges) || !names_good(&head->ports) ||
	    !names_good(&head->uplinks) || !ends(head->problem, sizeof(head->problem)))
		return rf_fail(err, RF_E_SYNTAX, "the head of the table is none");
	return guard_rules_check(&head->rules, err);
}

static int port_check(const struct table_port *port, struct rf_err *err)
{
	if (!ends(port->tap, sizeof(port->tap)) || !ends(port->vm, sizeof(port->vm)) ||
	    port->port.ifindex || port->port.slot || port->port.role != GUARD_ROLE_VM ||
	    port->port.redirect_ifindex || port->port.quarantine)
		return rf_fail(err, RF_E_SYNTAX, "a port of the table is none");
	return guard_port_check(&port->port, err);
}

static int ward_check(const struct table_ward *ward, struct rf_err *err)
{
	int rc = ends(ward->vm, sizeof(ward->vm)) ? quarantine_payload_check(&ward->shut, err)
						  : RF_E_SYNTAX;

	return rc ? rf_fail(err, rc, "a ward of the table is none") : 0;
}

/* Copies the next count items out of the bytes. */
static void *items_take(const uint8_t **at, size_t count, size_t size)
{
	void *items = rf_alloc(count + 1, size);

	if (items)
		memcpy(items, *at, count * size);
	*at += count * size;
	return items;
}

int table_read(struct rf_slice bytes, struct table *out, struct rf_err *err)
{
	struct table table = {.ports = NULL};
	int64_t size = table_bytes(bytes);
	const uint8_t *at = bytes.data + sizeof(table.head);
	int rc;

	if (size <= 0 || (size_t)size != bytes.len)
		return rf_fail(err, RF_E_SYNTAX, "this is no table");
	memcpy(&table.head, bytes.data, sizeof(table.head));
	table.ports = items_take(&at, table.head.ports_count, sizeof(*table.ports));
	table.zones = items_take(&at, table.head.zones_count, sizeof(*table.zones));
	table.wards = items_take(&at, table.head.wards_count, sizeof(*table.wards));
	rc = table.ports && table.zones && table.wards ? head_check(&table.head, err) : -ENOMEM;
	for (size_t i = 0; rc == 0 && i < table.head.wards_count; i++)
		rc = ward_check(&table.wards[i], err);
	for (size_t i = 0; rc == 0 && i < table.head.ports_count; i++)
		rc = port_check(&table.ports[i], err);
	for (size_t i = 0; rc == 0 && i < table.head.zones_count; i++) {
		const struct table_zone *zone = &table.zones[i];

		if (zone->number >= GUARD_ZONES || zone->row.restricted > 1 || zone->row.reserved ||
		    (zone->number == 0 && !(zone->row.to[0] & 1)))
			rc = rf_fail(err, RF_E_SYNTAX, "a zone of the table is none");
	}
	if (rc < 0) {
		table_done(&table);
		return rc;
	}
	*out = table;
	return 0;
}

bool table_names_match(const struct table_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (rf_glob(names->items[i], name))
			return true;
	}
	return false;
}

const struct table_port *table_find(const struct table *table, const struct guard_link *link,
				    bool by_name)
{
	const struct table_port *found = NULL;

	for (size_t i = 0; by_name && i < table->head.ports_count; i++) {
		if (table->ports[i].tap[0] && strcmp(table->ports[i].tap, link->name) == 0)
			return &table->ports[i];
	}
	for (size_t i = 0; i < table->head.ports_count; i++) {
		const struct table_port *port = &table->ports[i];

		if (memcmp(port->port.mac + 1, link->mac + 1, 5) != 0)
			continue;
		if (found)
			return NULL;
		found = port;
	}
	return found;
}

const struct table_ward *table_ward(const struct table *table, const struct guard_link *link)
{
	for (size_t i = 0; guard_link_is_vm(link) && i < table->head.wards_count; i++) {
		/* A tap has the VM's address with another first byte. */
		if (memcmp(table->wards[i].shut.mac + 1, link->mac + 1, 5) == 0)
			return &table->wards[i];
	}
	return NULL;
}
