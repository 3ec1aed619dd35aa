/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of words, and translating by it. See vmxwords.h. Sources: VMware's "ESX Server Security
 * Hardening" for ethernetN.*, "vSphere Resource Management" for sched.*.
 */
#include "isolate/vmxwords.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct vmx_pair limits[] = {{"-1", "unlimited"}, {NULL, NULL}};

#define SHARES "a profile has limits of a card, no shares and no reservation"

static const struct vmx_pair pshare[] = {{"FALSE", "off"}, {NULL, NULL}};
static const struct vmx_pair memctl[] = {{"0", "forbidden"}, {NULL, NULL}};
static const struct vmx_pair mem_shares[] = {
	{"low", "0"}, {"normal", "33"}, {"high", "66"}, {NULL, NULL}};
static const struct vmx_pair shares[] = {
	{"low", "low"}, {"normal", "normal"}, {"high", "high"}, {NULL, NULL}};
static const struct vmx_pair no_limit[] = {{"-1", "-1"}, {NULL, NULL}};
static const struct vmx_pair everywhere[] = {{"all", "all"}, {NULL, NULL}};
static const struct vmx_pair sharing[] = {
	{"any", "any"}, {"internal", "internal"}, {"none", "none"}, {NULL, NULL}};

const struct vmx_word vmx_words[] = {
	{"ethernet#.noForgedSrcAddr", "ethernet#", "network", "noForgedSrcAddr", NULL, NULL, NULL},
	{"ethernet#.downWhenAddrMisMatch", "ethernet#", "network", "downWhenAddrMisMatch", NULL,
	 NULL,
	 "ESX looks at the address that the guest gave its card, the guard at the first frame that "
	 "leaves with another"},
	{"ethernet#.noPromisc", "ethernet#", "network", "noPromisc", NULL, NULL, NULL},
	{"ethernet#.limit", "ethernet#", "network", "rate-out", limits, "mbit",
	 "VMware holds what the VM sends, and only on switches with Network I/O Control"},
	{"ethernet#.shares", NULL, NULL, NULL, NULL, NULL, SHARES},
	{"ethernet#.reservation", NULL, NULL, NULL, NULL, NULL, SHARES},
	{"ethernet#.checkMACAddress", NULL, NULL, NULL, NULL, NULL,
	 "it rules which addresses a person may give a card; a profile binds the one it has"},
	{"ethernet#.filter#.name", NULL, NULL, NULL, NULL, NULL,
	 "a filter is a program of its own on ESX"},
	{"sched.cpu.shares", NULL, "cpu", "shares", shares, "", NULL},
	{"sched.cpu.min", NULL, "cpu", "floor-mhz", no_limit, "",
	 "kept by admission and by weights: Linux reserves no processor time"},
	{"sched.cpu.max", NULL, "cpu", "cap-mhz", no_limit, "", NULL},
	{"sched.cpu.affinity", NULL, "cpu", "affinity", everywhere, "", NULL},
	{"sched.cpu.htsharing", NULL, "cpu", "ht-sharing", sharing, NULL, NULL},
	{"sched.mem.pshare.enable", NULL, "memory", "page-sharing", pshare, NULL, NULL},
	{"sched.mem.pshare.salt", NULL, NULL, NULL, NULL, NULL,
	 "Linux knows no salt: page-sharing: label NAME says which VMs may share, one group of a "
	 "host at a time"},
	{"sched.mem.min", NULL, "memory", "reservation-mib", NULL, "", NULL},
	{"sched.mem.max", NULL, "memory", "limit-mib", NULL, "",
	 "ESX swaps a VM that wants more, Linux ends it: leave room for QEMU itself"},
	{"sched.mem.shares", NULL, "memory", "priority-percent", mem_shares, NULL,
	 "Linux has no shares of memory: so much of it is taken from the VM last"},
	{"sched.mem.pin", NULL, "memory", "locked", NULL, NULL, NULL},
	{"sched.mem.maxmemctl", NULL, "memory", "balloon", memctl, NULL,
	 "a balloon is allowed or forbidden here; its size is the guest's matter"},
};
const size_t vmx_words_count = RF_COUNT(vmx_words);

static const struct vmx_pair truths[] = {{"TRUE", "yes"}, {"FALSE", "no"}, {NULL, NULL}};

/* Steps over what may stand for #: digits, N, or <n>. NULL: something else stands there. */
static const char *number_skip(const char *key)
{
	size_t digits = strspn(key, "0123456789");

	if (digits)
		return key + digits;
	if (strncasecmp(key, "<n>", 3) == 0)
		return key + 3;
	return *key == 'N' || *key == 'n' ? key + 1 : NULL;
}

static bool key_fits(const char *pattern, const char *key)
{
	for (; *pattern; pattern++) {
		if (*pattern == '#') {
			key = number_skip(key);
			if (!key)
				return false;
		} else if (tolower((unsigned char)*pattern) != tolower((unsigned char)*key++)) {
			return false;
		}
	}
	return *key == '\0';
}

const struct vmx_word *vmx_word_find(const char *key)
{
	for (size_t i = 0; i < vmx_words_count; i++) {
		if (key_fits(vmx_words[i].key, key))
			return &vmx_words[i];
	}
	return NULL;
}

/* Digits with `from` behind them become digits with `to`. Or several numbers: "0,2-3": what they
 * may be is the business of the block's reader. */
static int number_translate(const char *text, const char *from, const char *to,
			    char out[VMX_WORD_BYTES])
{
	size_t len = text[0] == '-' ? 0 : strspn(text, "0123456789,-");

	if (len == 0 || len > 18 || strcmp(text + len, from) != 0)
		return RF_E_SYNTAX;
	return rf_format(out, VMX_WORD_BYTES, "%.*s%s", (int)len, text, to) ? 0 : RF_E_LIMIT;
}

/* Both sides write a truth in many ways; all else by name. */
static bool value_is(const struct vmx_word *word, const char *name, const char *text)
{
	if ((word->pairs || word->unit) && (rf_truth(name) < 0 || isdigit((unsigned char)*name)))
		return rf_equal_nocase(name, text);
	return rf_truth(text) >= 0 && rf_truth(name) == rf_truth(text);
}

static int translate(const struct vmx_word *word, const char *text, bool to_policy,
		     char out[VMX_WORD_BYTES])
{
	const struct vmx_pair *pair = word->pairs ? word->pairs : truths;

	for (; pair->vmx && (word->pairs || !word->unit); pair++) {
		if (value_is(word, to_policy ? pair->vmx : pair->policy, text))
			return rf_copy(out, VMX_WORD_BYTES, to_policy ? pair->policy : pair->vmx)
				       ? 0
				       : RF_E_LIMIT;
	}
	if (!word->unit)
		return RF_E_SYNTAX;
	return number_translate(text, to_policy ? "" : word->unit, to_policy ? word->unit : "",
				out);
}

int vmx_word_to_policy(const struct vmx_word *word, const char *value, char out[VMX_WORD_BYTES])
{
	return translate(word, value, true, out);
}

int vmx_word_from_policy(const struct vmx_word *word, const char *text, char out[VMX_WORD_BYTES])
{
	return translate(word, text, false, out);
}

/* ---- a profile that speaks VMware's words ---- */

struct merge {
	const struct yaml_doc *doc;
	struct rf_arena *arena;
	struct yaml_node *map; /* what comes out; its items have room for all */
	struct rf_err *err;
};

static int add_word(struct merge *m, const struct vmx_word *word, const struct yaml_node *node)
{
	char text[VMX_WORD_BYTES];

	if (node->kind != YAML_TEXT || vmx_word_to_policy(word, node->text, text) < 0)
		return yaml_fail(m->doc, node, m->err, "%s: not a value that a profile knows",
				 node->key);
	const struct yaml_node *before = yaml_get(m->map, word->policy);

	if (before && before->kind == YAML_TEXT && value_is(word, before->text, text))
		return 0;
	if (before)
		return yaml_fail(m->doc, node, m->err, "%s: line %u says otherwise", node->key,
				 before->line);
	struct yaml_node *added = &m->map->items[m->map->items_count++];

	*added = (struct yaml_node){.kind = YAML_TEXT,
				    .line = node->line,
				    .column = node->column,
				    .text = rf_arena_copy(m->arena, text),
				    .key = rf_arena_copy(m->arena, word->policy)};
	return added->text && added->key ? 0 : rf_fail(m->err, -ENOMEM, "no memory");
}

static int add_words(struct merge *m, const struct yaml_node *vmx, const char *block)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < vmx->items_count; i++) {
		const struct yaml_node *node = &vmx->items[i];
		const struct vmx_word *word = vmx_word_find(node->key);

		if (!word)
			return yaml_fail(m->doc, node, m->err,
					 "%s: no word of a .vmx that a profile knows", node->key);
		if (!word->block)
			return yaml_fail(m->doc, node, m->err, "%s is not carried: %s", node->key,
					 word->remark);
		if (strcmp(word->block, block) == 0)
			rc = add_word(m, word, node);
	}
	return rc;
}

int vmx_words_merge(const struct yaml_doc *doc, const struct yaml_node *vmx, const char *block,
		    struct rf_arena *arena, const struct yaml_node **map, struct rf_err *err)
{
	const struct yaml_node *said = *map;
	size_t said_count = said ? said->items_count : 0;
	struct merge m = {.doc = doc, .arena = arena, .err = err};

	if (!vmx || vmx->items_count == 0)
		return 0;
	m.map = rf_arena_alloc(arena, 1, sizeof(*m.map));
	struct yaml_node *items =
		rf_arena_alloc(arena, said_count + vmx->items_count, sizeof(*items));

	if (!m.map || !items)
		return rf_fail(err, -ENOMEM, "no memory");
	*m.map = said ? *said : *vmx;
	m.map->items = items;
	m.map->items_count = said_count;
	if (said_count)
		memcpy(items, said->items, said_count * sizeof(*items));
	int rc = add_words(&m, vmx, block);

	if (rc == 0 && m.map->items_count > 0)
		*map = m.map;
	return rc;
}
