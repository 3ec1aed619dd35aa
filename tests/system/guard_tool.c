/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test only: drives the network guard from a command line, so that system tests and the benchmark
 * can. usage: guard_tool PIN_DIR VERB [ARG...]; see VERBS below. Exit status 0 or 1.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/guard.h"
#include "isolate/guard/internal.h"

#define PAIRS_MAX 4096

static struct guard *guard;
static struct rf_err err;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint32_t number(const char *text)
{
	int64_t n = 0;

	if (rf_num(text, 0, 0, UINT32_MAX, &n) != 0) {
		fprintf(stderr, "%s: no number\n", text);
		exit(1);
	}
	return (uint32_t)n;
}

static uint32_t link_of(const char *name)
{
	uint32_t ifindex = if_nametoindex(name);

	return ifindex ? ifindex : number(name);
}

static int set_vlan(struct guard_port *port, char *value)
{
	char *list = strchr(value, ':');

	if (list)
		*list++ = '\0';
	if (strcmp(value, "vst") == 0 && list) {
		port->vlan_mode = GUARD_VLAN_VST;
		port->vid = (uint16_t)number(list);
		return 0;
	}
	if (strcmp(value, "vgt") != 0 || !list)
		return -EINVAL;
	port->vlan_mode = GUARD_VLAN_VGT;
	for (char *vid = list; vid; vid = list) {
		list = strchr(vid, ',');
		if (list)
			*list++ = '\0';
		port->vlans[number(vid) / 64 & 63] |= 1ull << number(vid) % 64;
	}
	return 0;
}

static int set_key(struct guard_port *port, const char *key, char *value)
{
	if (strcmp(key, "mac") == 0)
		return guard_mac_parse(value, port->mac);
	if (strcmp(key, "more") == 0)
		return guard_mac_parse(value, port->macs[port->n_macs++]);
	if (strcmp(key, "addr") == 0)
		return guard_port_add(port, value, &err);
	if (strcmp(key, "vlan") == 0)
		return set_vlan(port, value);
	if (strcmp(key, "service") == 0)
		return guard_service_add(port, value, &err);
	if (strcmp(key, "mirror") == 0)
		port->mirror_ifindex = link_of(value);
	else if (strcmp(key, "quarantine") == 0)
		port->quarantine = (uint8_t)number(value);
	else if (strcmp(key, "redirect") == 0)
		port->redirect_ifindex = link_of(value);
	else if (strcmp(key, "zone") == 0)
		port->zone = (uint16_t)number(value);
	else if (strcmp(key, "flags") == 0)
		port->flags = number(value);
	else if (strcmp(key, "mode") == 0)
		port->mode = (uint8_t)number(value);
	else if (strcmp(key, "role") == 0)
		port->role = (uint8_t)number(value);
	else if (strcmp(key, "pps") == 0)
		port->pps = number(value);
	else if (strcmp(key, "burst") == 0)
		port->pps_burst = number(value);
	else if (strcmp(key, "flood") == 0)
		port->flood_pps = number(value);
	else if (strcmp(key, "max") == 0)
		port->max_bytes = number(value);
	else
		return -EINVAL;
	return 0;
}

/* KEY=VALUE... into a policy. */
static int policy_parse(char **args, struct guard_port *port)
{
	static const uint8_t NONE[6];

	guard_port_init(port, NONE);
	for (; *args; args++) {
		char *value = strchr(*args, '=');
		int rc;

		if (!value)
			return rf_fail(&err, -EINVAL, "%s: KEY=VALUE", *args);
		*value++ = '\0';
		rc = set_key(port, *args, value);
		if (rc)
			return rf_fail(&err, rc, "%s=%s", *args, value);
	}
	return 0;
}

static int do_open(char **args)
{
	(void)args;
	return 0;
}

static int do_unload(char **args)
{
	struct guard *was = guard;

	(void)args;
	guard = NULL;
	return guard_unload(was, &err);
}

static int do_attach(char **args)
{
	double begin = now_us();

	for (; *args; args++) {
		int rc = guard_attach(guard, link_of(*args), &err);

		if (rc)
			return rc;
	}
	printf("attached_us %.0f\n", now_us() - begin);
	return 0;
}

static int do_detach(char **args)
{
	return guard_detach(guard, link_of(args[0]), &err);
}

static int do_set(char **args)
{
	struct guard_port port;
	int rc = policy_parse(args + 1, &port);

	return rc ? rc : guard_port_set(guard, link_of(args[0]), &port, &err);
}

/* Policies from standard input, one a line: LINK KEY=VALUE... */
static int do_load(char **args)
{
	char line[1024];
	int rc = 0;

	(void)args;
	while (rc == 0 && fgets(line, sizeof(line), stdin)) {
		char *words[32] = {NULL}, *cursor = line;
		size_t count = 0;

		while (count < RF_COUNT(words) - 1 && (words[count] = rf_word_next(&cursor)))
			count++;
		if (count)
			rc = do_set(words);
	}
	return rc;
}

/* Reads a policy, prints it as hexadecimal; with a second argument puts that back. */
static int do_raw(char **args)
{
	struct guard_port port;
	RF_AUTOBUF struct rf_buf text = {0};
	size_t len;
	int rc = guard_port_get(guard, link_of(args[0]), &port);

	if (rc == 0 && args[1]) {
		rc = rf_hex_decode(args[1], (uint8_t *)&port, sizeof(port), &len);
		return rc ? rc : guard_port_set(guard, link_of(args[0]), &port, &err);
	}
	port.ifindex = 0;
	port.slot = 0;
	rf_buf_add_hex(&text, &port, sizeof(port));
	printf("%s\n", rf_buf_text(&text));
	return rc;
}

static int do_counts(char **args)
{
	struct guard_counts c;
	int rc = guard_counts(guard, link_of(args[0]), &c);

	if (rc)
		return rc;
	printf("from %llu\nto %llu\nheals %llu\n", (unsigned long long)c.frames[GUARD_FROM_VM],
	       (unsigned long long)c.frames[GUARD_TO_VM], (unsigned long long)c.heals);
	for (uint32_t i = 0; i < GUARD_VERDICT_COUNT; i++)
		if (c.refused[i])
			printf("%s %llu\n", guard_verdict_word(i),
			       (unsigned long long)c.refused[i]);
	return 0;
}

static int do_state(char **args)
{
	struct guard_state s;
	int rc = guard_state(guard, link_of(args[0]), &s, &err);

	if (rc == 0)
		printf("known %d\nin %d\nout %d\nfirst_in %d\nfirst_out %d\nblocked %d\nmode %u\n"
		       "tag_in %s\nhook %s\n",
		       s.known, s.in, s.out, s.first_in, s.first_out, s.blocked, s.mode, s.tag_in,
		       s.hook == GUARD_HOOK_TCX ? "tcx" : "clsact");
	return rc;
}

static int do_unblock(char **args)
{
	return guard_port_unblock(guard, link_of(args[0]));
}

/* LINK...: the promises of the last one are shown. */
static int do_probe(char **args)
{
	struct guard_proof proofs[GUARD_PROBES];
	double begin = now_us();
	int rc = 0;

	for (; rc == 0 && *args; args++)
		rc = guard_probe(guard, link_of(*args), proofs, &err);
	for (size_t i = 0; rc == 0 && i < GUARD_PROBES; i++)
		printf("%d %d %d %d %s: %s\n", proofs[i].honest, proofs[i].configured,
		       proofs[i].enforced, proofs[i].proven, proofs[i].name, proofs[i].evidence);
	fprintf(stderr, "probed_us %.0f\n", now_us() - begin);
	return rc;
}

/* LINK in|out HEX [ZONE] */
static int do_trace(char **args)
{
	uint8_t bytes[4096];
	struct guard_question q = {.ifindex = link_of(args[0]),
				   .direction = strcmp(args[1], "out") == 0 ? GUARD_TO_VM
									    : GUARD_FROM_VM};
	struct guard_answer a;
	size_t len;
	int rc = rf_hex_decode(args[2], bytes, sizeof(bytes), &len);

	if (rc)
		return rc;
	q.frame = (struct rf_slice){bytes, len};
	q.from_zone = args[3] ? number(args[3]) : 0;
	rc = guard_trace(guard, &q, &a, &err);
	if (rc == 0)
		printf("%s %s\n", a.passes ? "passes" : "refused", guard_verdict_word(a.verdict));
	return rc;
}

/* A:B...: these pairs of zones and no other. */
static int do_zones(char **args)
{
	static struct guard_pair pairs[PAIRS_MAX];
	static struct guard_zone rows[GUARD_ZONES];
	size_t count = 0;
	int rc;

	for (; *args && count < PAIRS_MAX; args++, count++) {
		char *b = strchr(*args, ':');

		if (!b)
			return -EINVAL;
		*b++ = '\0';
		pairs[count] = (struct guard_pair){(uint16_t)number(*args), (uint16_t)number(b)};
	}
	rc = guard_zones_compile(pairs, count, GUARD_ZONES, rows, &err);
	for (uint32_t i = 0; rc == 0 && i < GUARD_ZONES; i++)
		rc = guard_zone_set(guard, i, &rows[i]);
	return rc;
}

static int do_strict(char **args)
{
	guard_strict_set(guard, number(args[0]) != 0);
	return 0;
}

static int do_fence(char **args)
{
	for (; *args; args++) {
		int rc = guard_fence(guard, link_of(*args), &err);

		if (rc)
			return rc;
	}
	return 0;
}

static int do_bridge(char **args)
{
	struct guard_bridge_port p;
	int rc = guard_bridge_get(link_of(args[0]), &p, &err);

	if (rc == 0)
		printf("locked %d\nlearning %d\nflood %d\nisolated %d\n", p.locked, p.learning,
		       p.flood, p.isolated);
	return rc;
}

/* LINK, bridge:NAME or except:NAME each. */
static int do_rule(char **args)
{
	struct guard_rules rules = {.count = 0};
	int rc = 0;

	for (; rc == 0 && *args; args++) {
		bool bridge = rf_starts(*args, "bridge:"), except = rf_starts(*args, "except:");

		rc = guard_rules_add(&rules,
				     bridge   ? GUARD_RULE_BRIDGE
				     : except ? GUARD_RULE_EXCEPT
					      : GUARD_RULE_LINK,
				     *args + (bridge || except ? 7 : 0), &err);
	}
	if (rc == 0)
		rc = guard_rules_set(guard, &rules, &err);
	if (rc == 0)
		rc = guard_rules_get(guard, &rules, &err);
	if (rc == 0)
		printf("rules %u\n", rules.count);
	for (size_t i = 0; rc == 0 && i < rules.count; i++)
		printf("rule %u %s\n", rules.items[i].kind, rules.items[i].name);
	return rc;
}

static void print_event(void *arg, const struct guard_event *e)
{
	(void)arg;
	printf("event %u %s %s length %u captured %u\n", e->ifindex,
	       e->direction == GUARD_TO_VM ? "to" : "from", guard_verdict_word(e->verdict),
	       e->length, e->captured);
}

static int do_events(char **args)
{
	int n = guard_events(guard, print_event, NULL);

	(void)args;
	return n < 0 ? n : 0;
}

static void print_notice(void *arg, const struct guard_notice *n)
{
	static const char *const DEEDS[] = {"attached", "healed", "gone", "failed"};

	(void)arg;
	if (n->deed >= RF_COUNT(DEEDS))
		return;
	printf("%s %s %u %s %.0f\n", DEEDS[n->deed], n->link.name, n->link.ifindex,
	       rf_err_text(&n->err), now_us());
	fflush(stdout);
}

/* GLOB...: until killed. */
static int do_watch(char **args)
{
	struct guard_scope scope = {.names = (const char *const *)args};
	struct guard_watch *watch = NULL;
	int rc;

	while (args[scope.name_count])
		scope.name_count++;
	rc = guard_watch_open(guard, &scope, print_notice, NULL, &watch, &err);
	if (rc)
		return rc;
	printf("watching\n");
	fflush(stdout);
	while (rc == 0) {
		struct pollfd wait = {.fd = guard_watch_fd(watch), .events = POLLIN};

		if (poll(&wait, 1, -1) > 0)
			rc = guard_watch_step(watch, &err);
	}
	guard_watch_close(watch);
	return rc;
}

/* LINK COUNT KEY=VALUE... -- KEY=VALUE...: switches between two policies, says how long it took. */
static int do_flip(char **args)
{
	struct guard_port policies[2];
	uint32_t ifindex = link_of(args[0]), count = number(args[1]);
	char **second = args + 2;
	double worst = 0, begin;
	int rc;

	while (*second && strcmp(*second, "--") != 0)
		second++;
	if (!*second)
		return -EINVAL;
	*second = NULL;
	rc = policy_parse(args + 2, &policies[0]);
	rc = rc ? rc : policy_parse(second + 1, &policies[1]);
	begin = now_us();
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		double t = now_us();

		rc = guard_port_set(guard, ifindex, &policies[i % 2], &err);
		t = now_us() - t;
		worst = t > worst ? t : worst;
	}
	printf("changes %u mean_us %.2f worst_us %.1f\n", count, (now_us() - begin) / count, worst);
	return rc;
}

/* LINK COUNT HEX [own]: frames as if the VM sent them, judged and counted as real ones, and not
 * sent on. Each has a source address of its own, or that of the frame. */
static int do_flood(char **args)
{
	uint8_t frame[4096];
	uint32_t count = number(args[1]);
	size_t len;
	int rc = rf_hex_decode(args[2], frame, sizeof(frame), &len);

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		struct __sk_buff ctx = {.ifindex = link_of(args[0])};
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (uint32_t)len,
			    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

		if (!args[3]) {
			const uint32_t tail = htonl(i);

			memcpy(frame + 6, "\x02\x99", 2);
			memcpy(frame + 8, &tail, sizeof(tail));
		}
		rc = bpf_prog_test_run_opts(guard->programs[PROG_IN].fd, &run);
	}
	return rc;
}

/* What each map takes of the kernel's memory, and how many addresses have an owner. */
static int do_memory(char **args)
{
	uint64_t key = 0, next;
	size_t owners = 0;

	(void)args;
	for (size_t i = 0; i < MAP_COUNT; i++) {
		char path[64], line[256];

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", guard->maps[i]);
		FILE *f = fopen(path, "re");

		while (f && fgets(line, sizeof(line), f))
			if (rf_starts(line, "memlock:"))
				printf("%s %s", guard_map_name((enum guard_map)i), line + 9);
		if (f)
			fclose(f);
	}
	for (void *from = NULL; bpf_map_get_next_key(guard->maps[MAP_OWNERS], from, &next) == 0;) {
		key = next;
		from = &key;
		owners++;
	}
	printf("owners %zu\n", owners);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **args);
	int least; /* arguments */
} VERBS[] = {
	{"open", do_open, 0},	    {"unload", do_unload, 0}, {"attach", do_attach, 1},
	{"detach", do_detach, 1},   {"set", do_set, 1},	      {"raw", do_raw, 1},
	{"load", do_load, 0},	    {"counts", do_counts, 1}, {"state", do_state, 1},
	{"unblock", do_unblock, 1}, {"probe", do_probe, 1},   {"trace", do_trace, 3},
	{"zones", do_zones, 0},	    {"strict", do_strict, 1}, {"fence", do_fence, 1},
	{"bridge", do_bridge, 1},   {"rule", do_rule, 0},     {"events", do_events, 0},
	{"watch", do_watch, 1},	    {"flip", do_flip, 4},     {"flood", do_flood, 3},
	{"memory", do_memory, 0},
};

int main(int argc, char **argv)
{
	struct guard_options options = {.pin_dir = argc > 1 ? argv[1] : NULL};

	for (size_t i = 0; argc > 2 && i < RF_COUNT(VERBS); i++) {
		int rc;

		if (strcmp(argv[2], VERBS[i].name) != 0 || argc - 3 < VERBS[i].least)
			continue;
		options.existing = VERBS[i].run != do_open;
		if (argc > 3 && strcmp(argv[3], "tcx") == 0)
			options.hook = GUARD_HOOK_TCX;
		rc = guard_open(&options, &guard, &err);
		if (rc == 0)
			rc = VERBS[i].run(argv + 3);
		if (rc)
			fprintf(stderr, "%s\n", err.code ? err.text : rf_code_text(rc));
		guard_close(guard);
		return rc ? 1 : 0;
	}
	fprintf(stderr, "usage: guard_tool PIN_DIR VERB [ARG...]\n");
	return 1;
}
