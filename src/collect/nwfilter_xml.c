/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads <filter> and works out what the closure of a filter stops; see nwfilter_xml.h. Source:
 * libvirt's formatnwfilter and nwfilter_conf.c of 9.0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/nwfilter_xml.h"
#include "collect/util.h"

#define DEFAULT_RULE_PRIORITY 500

/* What can be forged. ARP has two addresses to check, and only both together stop it. */
enum forgery { FORGE_MAC, FORGE_ARP_MAC, FORGE_ARP_IP, FORGE_IP, FORGERIES };

/* Where the sender's address stands, and the variable that holds the right one. */
static const struct {
	const char *elements[3];
	const char *attr, *mask, *variable;
	const char *chains[3]; /* chains that every such frame passes; a name may go on after '-' */
} checks[FORGERIES] = {
	[FORGE_MAC] = {{"mac"}, "srcmacaddr", "srcmacmask", "$MAC", {"root", "mac"}},
	[FORGE_ARP_MAC] = {{"arp"}, "arpsrcmacaddr", "", "$MAC", {"root", "arp"}},
	[FORGE_ARP_IP] = {{"arp"}, "arpsrcipaddr", "arpsrcipmask", "$IP", {"root", "arp"}},
	[FORGE_IP] = {{"ip", "all"}, "srcipaddr", "srcipmask", "$IP", {"root", "ipv4"}},
};

struct nwfilter {
	const char *name, *uuid, *source;
	const char *refs[NWFILTER_MAX_REFS];
	size_t refs_count;
	bool stops[FORGERIES];
	char digest[17];
	size_t mark; /* of the walk that visited it last */
};

static bool chain_holds(const char *chain, enum forgery what)
{
	for (size_t i = 0; i < RF_COUNT(checks[what].chains); i++) {
		const char *name = checks[what].chains[i];
		size_t len = name ? strlen(name) : 0;

		if (name && strncmp(chain, name, len) == 0 && (!chain[len] || chain[len] == '-'))
			return true;
	}
	return false;
}

static bool is_out(const struct xml_node *rule)
{
	return xml_attr_is(rule, "direction", "out") || xml_attr_is(rule, "direction", "inout");
}

static bool is_deny(const struct xml_node *rule)
{
	return xml_attr_is(rule, "action", "drop") || xml_attr_is(rule, "action", "reject");
}

static int64_t rule_priority(const struct xml_node *rule)
{
	int64_t v;

	if (rf_num(xml_attr_text(rule, "priority"), 10, -1000, 1000, &v) < 0)
		return DEFAULT_RULE_PRIORITY;
	return v;
}

/* A rule without any condition: <rule .../> or <rule ...><mac/></rule>. */
static bool is_bare(const struct xml_node *rule)
{
	for (const struct xml_node *n = rule->child; n; n = n->next) {
		for (size_t i = 0; i < n->attrs_count; i++) {
			if (strcmp(n->attrs[i].name, "match") != 0 &&
			    strcmp(n->attrs[i].name, "comment") != 0)
				return false;
		}
	}
	return true;
}

/* The variable itself, one element of it ($IP[@1], $IP[0]), or one address written out. */
static bool names_own_address(const char *value, const char *variable)
{
	size_t len = strlen(variable);

	if (*value != '$')
		return *value != '\0' && strcmp(value, "0.0.0.0") != 0;
	return strncmp(value, variable, len) == 0 && (!value[len] || value[len] == '[');
}

/* 1: the rule is about frames with the VM's own address, -1: with any other one, 0: neither. */
static int rule_matches(const struct xml_node *rule, enum forgery what)
{
	for (size_t i = 0; i < RF_COUNT(checks[what].elements) && checks[what].elements[i]; i++) {
		const struct xml_node *n = xml_child(rule, checks[what].elements[i]);
		const char *value = xml_attr_text(n, checks[what].attr);

		if (!n || !names_own_address(value, checks[what].variable))
			continue;
		if (*checks[what].mask && xml_attr(n, checks[what].mask))
			continue;
		return xml_attr_is(n, "match", "no") ? -1 : 1;
	}
	return 0;
}

/*
 * Either a rule drops what does not come from the VM's address, or one lets the VM's address pass
 * and a later one drops the rest. A rule that lets everything pass before that undoes it.
 */
static bool filter_stops(const struct xml_node *filter, const char *chain, enum forgery what)
{
	int64_t pass = INT64_MAX, drop = INT64_MAX, open = INT64_MAX;

	if (!chain_holds(chain, what))
		return false;
	for (const struct xml_node *r = xml_child(filter, "rule"); r; r = xml_next(r, "rule")) {
		int64_t priority = rule_priority(r);
		int match = rule_matches(r, what);

		if (!is_out(r))
			continue;
		if (is_deny(r) && match < 0)
			return open > priority;
		if (is_deny(r) && is_bare(r) && priority < drop)
			drop = priority;
		if (!is_deny(r) && match > 0 && priority < pass)
			pass = priority;
		if (!is_deny(r) && is_bare(r) && priority < open)
			open = priority;
	}
	return pass <= drop && drop != INT64_MAX && pass != INT64_MAX && open > drop;
}

/* Priority that libvirt gives a chain by its name when the filter does not say. */
static const char *default_chain_priority(const char *chain)
{
	static const struct {
		const char *chain, *priority;
	} defaults[] = {{"root", "0"},	  {"stp", "-810"},  {"mac", "-800"}, {"vlan", "-750"},
			{"ipv4", "-700"}, {"ipv6", "-600"}, {"arp", "-500"}, {"rarp", "-400"}};

	for (size_t i = 0; i < RF_COUNT(defaults); i++) {
		if (rf_starts(chain, defaults[i].chain))
			return defaults[i].priority;
	}
	return "0";
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xml_attr *)a)->name, ((const struct xml_attr *)b)->name);
}

static void canon_match(struct rf_buf *out, const struct xml_node *n)
{
	struct xml_attr sorted[64];
	size_t count = 0;

	for (size_t i = 0; i < n->attrs_count && count < RF_COUNT(sorted); i++) {
		if (strcmp(n->attrs[i].name, "match") != 0 || strcmp(n->attrs[i].value, "no") == 0)
			sorted[count++] = n->attrs[i];
	}
	qsort(sorted, count, sizeof(*sorted), by_name);
	rf_buf_printf(out, " <%s", n->name);
	for (size_t i = 0; i < count; i++) {
		size_t from = out->len;

		rf_buf_printf(out, " %s=%s", sorted[i].name, sorted[i].value);
		/* Variables keep their case; addresses are printed in small letters by libvirt. */
		if (!out->failed && !strchr(sorted[i].value, '$'))
			rf_lower((char *)out->data + from);
	}
	rf_buf_add_text(out, ">");
}

static void canon_filter(struct rf_buf *out, const struct xml_node *filter)
{
	const char *chain = xml_attr(filter, "chain");
	const char *priority = xml_attr(filter, "priority");

	if (!chain || !*chain)
		chain = "root";
	rf_buf_printf(out, "%s %s\n", chain, priority ? priority : default_chain_priority(chain));
	for (const struct xml_node *n = filter->child; n; n = n->next) {
		if (xml_is(n, "filterref"))
			rf_buf_printf(out, "ref %s\n", xml_attr_text(n, "filter"));
		if (!xml_is(n, "rule"))
			continue;
		rf_buf_printf(out, "rule %s %s %lld%s", xml_attr_text(n, "action"),
			      xml_attr_text(n, "direction"), (long long)rule_priority(n),
			      xml_attr_text(n, "statematch"));
		for (const struct xml_node *m = n->child; m; m = m->next)
			canon_match(out, m);
		rf_buf_add_text(out, "\n");
	}
}

int nwfilter_digest(const struct xml_node *xml, char out[17])
{
	RF_AUTOBUF struct rf_buf text = {0};

	canon_filter(&text, xml);
	return util_digest(&text, 8, out);
}

static int fill(struct nwfilter_set *set, struct nwfilter *filter, const struct xml_node *xml,
		struct rf_err *err)
{
	const char *chain = xml_attr(xml, "chain");

	for (const struct xml_node *n = xml_child(xml, "filterref"); n;
	     n = xml_next(n, "filterref")) {
		if (filter->refs_count == NWFILTER_MAX_REFS)
			return rf_fail(err, RF_E_LIMIT, "filter %s: over %u references",
				       filter->name, NWFILTER_MAX_REFS);
		filter->refs[filter->refs_count++] =
			rf_arena_copy(&set->arena, xml_attr_text(n, "filter"));
	}
	for (int i = 0; i < FORGERIES; i++)
		filter->stops[i] =
			filter_stops(xml, chain && *chain ? chain : "root", (enum forgery)i);
	return nwfilter_digest(xml, filter->digest);
}

int nwfilter_add(struct nwfilter_set *set, const struct xml_node *xml, const char *source,
		 struct rf_err *err)
{
	const char *name = xml_attr_text(xml, "name");

	if (!xml_is(xml, "filter") || !*name)
		return rf_fail(err, RF_E_SYNTAX, "%s: a filter without a name", source);
	if (set->count >= NWFILTER_MAX_FILTERS)
		return rf_fail(err, RF_E_LIMIT, "more than %u filters", NWFILTER_MAX_FILTERS);
	if (rf_map_has(&set->by_name, name))
		return rf_fail(err, RF_E_DUPLICATE, "filter %s is defined twice", name);
	struct nwfilter *filter = rf_arena_alloc(&set->arena, 1, sizeof(*filter));

	if (!filter)
		return -ENOMEM;
	filter->name = rf_arena_copy(&set->arena, name);
	filter->uuid = rf_arena_copy(&set->arena, xml_text(xml, "uuid"));
	filter->source = rf_arena_copy(&set->arena, source);
	int rc = fill(set, filter, xml, err);

	if (rc == 0 && set->arena.failed)
		rc = -ENOMEM;
	if (rc == 0)
		rc = rf_grow((void **)&set->rows, &set->capacity, set->count + 1,
			     sizeof(*set->rows));
	if (rc == 0)
		rc = rf_map_set(&set->by_name, filter->name, filter);
	if (rc == 0)
		set->rows[set->count++] = filter;
	return rc;
}

/* What a filter and everything below it amount to. */
struct closure {
	const struct nwfilter **members;
	size_t count, capacity;
	bool stops[FORGERIES];
	const char *missing; /* a name that is referred to and not there */
};

/* Breadth first; a filter is visited once, so circles end. */
static int close_over(const struct nwfilter_set *set, struct nwfilter *start, size_t mark,
		      struct closure *c)
{
	int rc = rf_grow((void **)&c->members, &c->capacity, set->count + 1, sizeof(*c->members));

	if (rc < 0)
		return rc;
	start->mark = mark;
	c->members[c->count++] = start;
	for (size_t i = 0; i < c->count; i++) {
		const struct nwfilter *f = c->members[i];

		for (int k = 0; k < FORGERIES; k++)
			c->stops[k] |= f->stops[k];
		for (size_t r = 0; r < f->refs_count; r++) {
			struct nwfilter *next = rf_map_get(&set->by_name, f->refs[r]);

			if (!next && !c->missing)
				c->missing = f->refs[r];
			if (!next || next->mark == mark)
				continue;
			next->mark = mark;
			c->members[c->count++] = next;
		}
	}
	return 0;
}

static int by_filter_name(const void *a, const void *b)
{
	return strcmp((*(struct nwfilter *const *)a)->name, (*(struct nwfilter *const *)b)->name);
}

/* Names of all members but the first, which is the filter itself. */
static void list_includes(struct closure *c, struct rf_buf *out)
{
	qsort(c->members + 1, c->count - 1, sizeof(*c->members), by_filter_name);
	for (size_t i = 1; i < c->count; i++)
		rf_buf_printf(out, "%s%s", i > 1 ? "," : "", c->members[i]->name);
}

/* A part that was not read may stop what the rest lets through, but lets nothing more through. */
static struct fact_int verdict(bool stops, bool certain)
{
	return stops || certain ? FACT_BOOL(stops) : (struct fact_int){0};
}

static void put_filter(const struct nwfilter *filter, struct closure *c, bool complete,
		       struct fact_sink *out)
{
	static const char *const cols[] = {"mac_spoofing", "arp_spoofing", "ip_spoofing", "broken"};
	RF_AUTOBUF struct rf_buf includes = {0};
	bool certain = complete || !c->missing;
	int shipped = nwfilter_shipped(filter->name, filter->digest);
	struct fact_network_filter row = {
		.filter = filter->name,
		.uuid = filter->uuid,
		.mac_spoofing = verdict(c->stops[FORGE_MAC], certain),
		.arp_spoofing = verdict(c->stops[FORGE_ARP_MAC] && c->stops[FORGE_ARP_IP], certain),
		.ip_spoofing = verdict(c->stops[FORGE_IP], certain),
		.shipped = FACT_BOOL(shipped >= 0),
		.broken = !c->missing ? ""
			  : complete  ? c->missing
				      : NULL,
		.source = filter->source};
	const bool known[] = {row.mac_spoofing.known, row.arp_spoofing.known, row.ip_spoofing.known,
			      row.broken};

	list_includes(c, &includes);
	row.includes = rf_buf_text(&includes);
	if (shipped >= 0)
		row.as_shipped = FACT_BOOL(shipped);
	fact_put_network_filter(out, &row);
	for (size_t i = 0; i < RF_COUNT(cols); i++) {
		if (!known[i])
			fact_gap(out, FACT_T_NETWORK_FILTER, filter->name, cols[i], filter->source,
				 "it refers to the filter %s, whose definition was not among the "
				 "sources; add it (virsh nwfilter-dumpxml %s)",
				 c->missing, c->missing);
	}
}

void nwfilter_put(const struct nwfilter_set *set, bool complete, struct fact_sink *out)
{
	for (size_t i = 0; i < set->count; i++) {
		struct closure c = {0};

		if (close_over(set, set->rows[i], i + 1, &c) == 0)
			put_filter(set->rows[i], &c, complete, out);
		else
			fact_gap(out, FACT_T_NETWORK_FILTER, set->rows[i]->name, "", "",
				 "no memory to follow its references");
		rf_free(c.members);
	}
}

void nwfilter_set_done(struct nwfilter_set *set)
{
	rf_arena_done(&set->arena);
	rf_map_done(&set->by_name);
	rf_free(set->rows);
	*set = (struct nwfilter_set){0};
}
