/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate watch: the guard live. Counters are read once a second, notices of rtnetlink
 * and nf_tables and samples of refused frames as they come. Looks only; healing is the service's.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "cli/watch_hostile.h"
#include "isolate/nft_promises.h"

#define TICK_MS	    1000
#define SAMPLES_MAX 512
#define ETH_BYTES   14

enum style { STYLE_TABLE, STYLE_LINES, STYLE_JSON };

/* A port, and what was last told of it. */
struct row {
	uint32_t ifindex;
	char name[16], was[16];
	struct guard_port port;
	struct guard_state state;
	struct guard_counts counts, before;
	bool fenced, was_fenced, was_off, fresh;
	uint32_t top;	   /* verdict that was met most often */
	uint8_t source[6]; /* of the last sample */
	bool has_source, by_nft;
};

struct sample {
	uint32_t ifindex;
	struct guard_event event;
};

struct watch {
	struct guard *guard; /* NULL: none is loaded; then nft's or hostile VMs alone are shown */
	bool by_nft;	     /* BPF is forbidden: rules of nft guard */
	struct fallback nft; /* as it was read last */
	struct guard_watch *links;
	int rules_fd;
	size_t rules_count;
	enum style style;
	bool once;
	struct row *rows;
	size_t count, capacity;
	struct sample samples[SAMPLES_MAX]; /* the newest of a port and verdict */
	size_t samples_count;
	bool look;	 /* something was told: look at once */
	int64_t told_ns; /* CLOCK_MONOTONIC, when the kernel told first since the last look; 0 */
	int hostile;
	struct watched watched; /* hostile VMs, as told last */
};

/* ---- samples ---- */

static struct sample *sample_find(struct watch *w, uint32_t ifindex, uint32_t verdict)
{
	for (size_t i = 0; i < w->samples_count; i++) {
		if (w->samples[i].ifindex == ifindex && w->samples[i].event.verdict == verdict)
			return &w->samples[i];
	}
	return NULL;
}

static void sample_take(void *arg, const struct guard_event *event)
{
	struct watch *w = arg;
	struct sample *s = sample_find(w, event->ifindex, event->verdict);

	if (!s && w->samples_count < SAMPLES_MAX)
		s = &w->samples[w->samples_count++];
	if (s)
		*s = (struct sample){event->ifindex, *event};
}

static void mac_text(const uint8_t mac[6], char out[18])
{
	rf_format(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		  mac[5]);
}

/* ---- events ---- */

static void line_time(char out[32])
{
	int64_t ms = common_now_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);

	rf_format(out + n, 32 - n, ".%03dZ", (int)(ms % 1000));
}

/* kind, port and a text; with what a program would want beside it. */
static void event_print(struct watch *w, const char *kind, const char *port, const char *text,
			json_t *more)
{
	char when[32];

	line_time(when);
	if (w->style == STYLE_LINES && !w->once)
		printf("%s %s %s%s%s\n", when, kind, port, text[0] ? ": " : "", text);
	if (w->style == STYLE_JSON) {
		json_t *line = json_pack("{s:s,s:s,s:s,s:s}", "time", when, "event", kind, "port",
					 port, "text", text);

		/* How long it took from the kernel's word to ours; without one a look found it. */
		if (line && w->told_ns)
			json_object_set_new(line, "told_ns", json_integer(w->told_ns));
		if (line)
			json_object_set_new(line, "reported_ns",
					    json_integer(rf_clock_ns(CLOCK_MONOTONIC)));
		if (line && more)
			json_object_update(line, more);
		if (line && json_dumpf(line, stdout, JSON_COMPACT) == 0)
			printf("\n");
		json_decref(line);
	}
	json_decref(more);
	fflush(stdout);
}

static void refused_print(struct watch *w, const struct row *row, uint32_t verdict, uint64_t count)
{
	const struct sample *s = sample_find(w, row->ifindex, verdict);
	char text[200], from[18] = "", to[18] = "";

	if (s && s->event.captured >= ETH_BYTES) {
		mac_text(s->event.head, to);
		mac_text(s->event.head + 6, from);
	}
	rf_format(text, sizeof(text), "%llu frames, %s%s%s%s%s", (unsigned long long)count,
		  guard_verdict_word(verdict), from[0] ? ", from " : "", from, to[0] ? " to " : "",
		  to);
	event_print(w, "refused", row->name, text,
		    json_pack("{s:I,s:s,s:s,s:s}", "frames", (json_int_t)count, "reason",
			      guard_verdict_word(verdict), "source", from, "destination", to));
}

static bool is_off(const struct row *row)
{
	return !row->state.in || !row->state.out || !row->state.first_in || !row->state.first_out;
}

static void row_tell(struct watch *w, struct row *row)
{
	for (uint32_t v = 1; v < GUARD_VERDICTS; v++) {
		uint64_t n = row->counts.refused[v] - row->before.refused[v];

		if (n && !row->fresh && row->counts.refused[v] > row->before.refused[v])
			refused_print(w, row, v, n);
	}
	if (!row->fresh && strcmp(row->was, row->name) != 0)
		event_print(w, "renamed", row->name, row->was,
			    json_pack("{s:s}", "before", row->was));
	if (is_off(row) && !row->was_off)
		event_print(w, "guard-off", row->name,
			    row->by_nft ? "its rules of nft are not as made"
					: "its programs do not hang on the link, or not first",
			    NULL);
	if (!is_off(row) && row->was_off)
		event_print(w, "guard-on", row->name,
			    row->by_nft ? "its rules of nft are as made again"
					: "its programs hang on the link again",
			    NULL);
	if (!row->fresh && row->counts.heals > row->before.heals)
		event_print(w, "healed", row->name, "somebody took the guard off; it was put back",
			    json_pack("{s:I}", "heals", (json_int_t)row->counts.heals));
	if (!row->fresh && row->was_fenced && !row->fenced)
		event_print(w, "fence-open", row->name, "the bridge lets other addresses pass",
			    NULL);
	if (!row->fresh && !row->was_fenced && row->fenced)
		event_print(w, "fence-closed", row->name, "the bridge holds it to its addresses",
			    NULL);
}

/* ---- hostile VMs ---- */

static void hostile_event(struct watch *w, const struct watched_vm *vm, const char *kind)
{
	char text[300];

	rf_format(text, sizeof(text), "VM %.120s: %s%s%s%s; %.100s", vm->vm, vm->state,
		  vm->cause[0] ? ": " : "", vm->cause, vm->apart ? " (on cores of its own)" : "",
		  vm->rates);
	event_print(w, kind, "", text,
		    json_pack("{s:s,s:s,s:b,s:s,s:s}", "vm", vm->vm, "state", vm->state, "apart",
			      vm->apart, "cause", vm->cause, "counters", vm->rates));
}

/* What changed since the last look is told. */
static void hostile_look(struct watch *w, bool tell)
{
	struct watched now = {0};

	if (!watch_hostile_read(w->hostile, common_now_ms() / 1000, &now))
		now = (struct watched){0};
	for (size_t i = 0; tell && i < now.count; i++) {
		const struct watched_vm *old = watched_find(&w->watched, now.items[i].vm);

		if (old ? strcmp(old->state, now.items[i].state) != 0
			: strcmp(now.items[i].state, "calm") != 0)
			hostile_event(w, &now.items[i], "hostile");
	}
	watched_done(&w->watched);
	w->watched = now;
}

/* ---- looking ---- */

static struct row *row_of(struct watch *w, uint32_t ifindex)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->rows[i].ifindex == ifindex)
			return &w->rows[i];
	}
	if (rf_grow((void **)&w->rows, &w->capacity, w->count + 1, sizeof(*w->rows)) < 0)
		return NULL;
	w->rows[w->count] = (struct row){.ifindex = ifindex, .fresh = true};
	return &w->rows[w->count++];
}

/* What rules of nft refused; they count nothing else. */
static void nft_count(void *arg, const char *link, uint32_t verdict, uint64_t frames)
{
	struct watch *w = arg;

	for (size_t i = 0; i < w->count; i++) {
		struct row *row = &w->rows[i];
		bool shut = row->port.mode == GUARD_MODE_DENY;

		if (strcmp(row->name, link) == 0)
			row->counts.refused[shut ? GUARD_DENIED : verdict] += frames;
	}
}

static bool nft_row_look(struct watch *w, struct row *row)
{
	const struct fallback_port *port = guard_link_named(row->ifindex, row->name)
						   ? fallback_find(&w->nft, row->name)
						   : NULL;

	if (!port)
		return false;
	row->port = port->port;
	row->by_nft = true;
	row->counts = (struct guard_counts){.heals = 0};
	row->state.in = row->state.out = row->state.first_in = row->state.first_out = !port->stale;
	return true;
}

static bool bpf_row_look(struct watch *w, struct row *row)
{
	struct guard_state state;

	if (!guard_link_named(row->ifindex, row->name) ||
	    guard_port_get(w->guard, row->ifindex, &row->port) < 0 ||
	    guard_counts(w->guard, row->ifindex, &row->counts) < 0 ||
	    guard_state(w->guard, row->ifindex, &state, NULL) < 0)
		return false;
	row->state = state;
	return true;
}

/* False: the port went away meanwhile. */
static bool row_look(struct watch *w, struct row *row)
{
	struct guard_bridge_port bridge = {.locked = false};

	memcpy(row->was, row->name, sizeof(row->was));
	row->before = row->counts;
	row->was_fenced = row->fenced;
	row->was_off = !row->fresh && is_off(row);
	if (!(w->by_nft ? nft_row_look(w, row) : bpf_row_look(w, row)))
		return false;
	row->fenced = guard_bridge_get(row->ifindex, &bridge, NULL) == 0 && bridge.locked;
	return true;
}

/* The reason that was met most often, and who sent the last frame. */
static void row_sum(struct watch *w, struct row *row)
{
	row->top = 0;
	for (uint32_t v = 1; v < GUARD_VERDICTS; v++) {
		const struct sample *s = sample_find(w, row->ifindex, v);

		if (row->counts.refused[v] > row->counts.refused[row->top] || !row->top)
			row->top = row->counts.refused[v] ? v : row->top;
		if (s && s->event.captured >= ETH_BYTES) {
			memcpy(row->source, s->event.head + 6, 6);
			row->has_source = true;
		}
	}
}

/* A row for each guarded link. */
static int rows_find(struct watch *w, struct rf_err *err)
{
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	size_t count = ports && w->guard ? guard_ports(w->guard, ports, GUARD_SLOTS) : 0;
	bool room = ports != NULL;

	if (room && w->guard)
		room = guard_events(w->guard, sample_take, w) != -ENOMEM;
	for (size_t i = 0; room && i < count && i < GUARD_SLOTS; i++)
		room = row_of(w, ports[i]) != NULL;
	for (size_t i = 0; room && i < w->nft.ports_count; i++) {
		uint32_t ifindex = guard_link_index(w->nft.ports[i].name);

		room = !ifindex || row_of(w, ifindex) != NULL;
	}
	return room ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

static int look(struct watch *w, struct rf_err *err)
{
	size_t kept = 0;
	int rc = 0;

	if (!w->guard && !w->by_nft)
		return 0;
	if (w->by_nft)
		rc = fallback_renew(&w->nft, err);
	if (!rc)
		rc = rows_find(w, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < w->count; i++) {
		struct row *row = &w->rows[i];

		if (!row_look(w, row)) {
			if (!row->fresh)
				event_print(w, "gone", row->name, "", NULL);
			continue;
		}
		w->rows[kept++] = *row;
	}
	w->count = kept;
	if (w->by_nft)
		rc = fallback_counts(nft_count, w, err);
	for (size_t i = 0; rc == 0 && i < w->count; i++) {
		row_sum(w, &w->rows[i]);
		row_tell(w, &w->rows[i]);
		w->rows[i].fresh = false;
	}
	return rc;
}

static void rules_look(struct watch *w, bool tell)
{
	struct guard_rules rules = {.count = 0};
	char text[80];

	if (!w->guard || guard_rules_get(w->guard, &rules, NULL) < 0 ||
	    rules.count == w->rules_count)
		return;
	rf_format(text, sizeof(text), "%u rules as made, before %zu", rules.count, w->rules_count);
	w->rules_count = rules.count;
	if (tell)
		event_print(w, "rules", "nft", text, json_pack("{s:i}", "rules", (int)rules.count));
}

static void told(void *arg, const struct guard_notice *notice)
{
	struct watch *w = arg;

	w->look = true;
	if (!w->told_ns)
		w->told_ns = notice->time_ns;
}

/* ---- the table ---- */

static const char *row_state(const struct row *row)
{
	static const char *const modes[] = {"deny", "ok", "observe"};

	if (is_off(row))
		return "OFF";
	if (row->port.quarantine)
		return "quarantine";
	if (row->state.blocked)
		return "blocked";
	return row->port.mode < RF_COUNT(modes) ? modes[row->port.mode] : "?";
}

static uint64_t refused_total(const struct guard_counts *counts)
{
	uint64_t sum = 0;

	for (uint32_t v = 1; v < GUARD_VERDICTS; v++)
		sum += counts->refused[v];
	return sum;
}

static void row_print(const struct row *row)
{
	char limit[32] = "-", from[18] = "-", passed[2][24] = {"-", "-"};

	if (row->port.pps)
		rf_format(limit, sizeof(limit), "%u/s", row->port.pps);
	if (row->has_source && row->top)
		mac_text(row->source, from);
	for (size_t i = 0; !row->by_nft && i < RF_COUNT(passed); i++)
		rf_format(passed[i], sizeof(passed[i]), "%llu",
			  (unsigned long long)row->counts.frames[i]);
	printf("%-15s %-10s %5u %-6s %12s %12s %10llu %-13s %-17s %5llu %s\n", row->name,
	       row_state(row), row->port.zone, row->fenced ? "yes" : "-", passed[GUARD_FROM_VM],
	       passed[GUARD_TO_VM], (unsigned long long)refused_total(&row->counts),
	       row->top ? guard_verdict_word(row->top) : "-", from,
	       (unsigned long long)row->counts.heals, limit);
}

static void table_print(const struct watch *w)
{
	struct winsize size = {.ws_row = 0};
	size_t room = w->count;

	if (!w->once) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 5)
			room = size.ws_row - 4u;
		printf("\033[H\033[J");
	}
	if (!w->guard && !w->by_nft) {
		printf("no guard is loaded\n");
		watch_hostile_print(&w->watched);
		fflush(stdout);
		return;
	}
	printf("%-15s %-10s %5s %-6s %12s %12s %10s %-13s %-17s %5s %s\n", "PORT", "STATE", "ZONE",
	       "FENCE", "SENT", "RECEIVED", "REFUSED", "MOST FOR", "LAST FROM", "HEALS", "LIMIT");
	for (size_t i = 0; i < w->count && i < room; i++)
		row_print(&w->rows[i]);
	if (room < w->count)
		printf("... and %zu more\n", w->count - room);
	if (w->by_nft)
		printf("by rules of nft, the fallback where BPF is forbidden: strict %s, %u rules, "
		       "%s\nit does not have: " NFT_LACKS "\n",
		       w->nft.strict ? "on" : "off", w->nft.rules,
		       w->nft.whole ? "as made" : "NOT as made");
	else
		printf("strict %s, %zu rules of nft\n", guard_strict_get(w->guard) ? "on" : "off",
		       w->rules_count);
	watch_hostile_print(&w->watched);
	fflush(stdout);
}

static void ports_json(struct watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct row *row = &w->rows[i];
		json_t *reasons = json_object();

		for (uint32_t v = 1; v < GUARD_VERDICTS; v++) {
			if (row->counts.refused[v])
				json_object_set_new(
					reasons, guard_verdict_word(v),
					json_integer((json_int_t)row->counts.refused[v]));
		}
		event_print(w, "port", row->name, row_state(row),
			    json_pack("{s:s,s:i,s:b,s:I,s:I,s:o,s:I,s:i}", "by",
				      row->by_nft ? "nft" : "bpf", "zone", row->port.zone, "fence",
				      row->fenced, "sent",
				      (json_int_t)row->counts.frames[GUARD_FROM_VM], "received",
				      (json_int_t)row->counts.frames[GUARD_TO_VM], "refused",
				      reasons, "heals", (json_int_t)row->counts.heals, "limit",
				      (int)row->port.pps));
	}
}

static int once(struct watch *w, struct rf_err *err)
{
	int rc = look(w, err);

	if (rc < 0)
		return rc;
	hostile_look(w, false);
	if (w->style == STYLE_JSON)
		ports_json(w);
	else
		table_print(w);
	for (size_t i = 0; i < w->watched.count && w->style == STYLE_JSON; i++)
		hostile_event(w, &w->watched.items[i], "vm");
	for (size_t i = 0; i < w->count; i++)
		rc = is_off(&w->rows[i]) ? CLI_FINDINGS : rc;
	return rc;
}

static int loop(struct watch *w, struct rf_err *err)
{
	int64_t next = common_now_ms() + TICK_MS;
	int rc = look(w, err);

	hostile_look(w, false);
	/* What comes from here on is told. */
	if (!rc)
		event_print(w, "watching", "",
			    w->by_nft ? "by rules of nft, the fallback where BPF is forbidden; it "
					"does not have: " NFT_LACKS
				      : "",
			    json_pack("{s:I}", "ports", (json_int_t)w->count));

	while (rc == 0 && !ferror(stdout)) {
		struct pollfd fds[] = {
			{.fd = w->links ? guard_watch_fd(w->links) : -1, .events = POLLIN},
			{.fd = w->rules_fd, .events = POLLIN}};
		int64_t left = next - common_now_ms();

		left = left < 0 ? 0 : left > TICK_MS ? TICK_MS : left;
		if (poll(fds, RF_COUNT(fds), (int)left) < 0 && errno != EINTR)
			return rf_fail(err, -errno, "poll");
		if (fds[0].revents)
			rc = guard_watch_step(w->links, err);
		if (fds[1].revents && !w->told_ns)
			w->told_ns = rf_clock_ns(CLOCK_MONOTONIC);
		if (fds[1].revents && guard_rules_touched(w->rules_fd)) {
			rules_look(w, true);
			w->look |= w->by_nft;
		}
		w->told_ns = w->look ? w->told_ns : 0;
		if (!rc && (w->look || common_now_ms() >= next)) {
			w->look = false;
			next = common_now_ms() + TICK_MS;
			rc = look(w, err);
			hostile_look(w, true);
			w->told_ns = 0;
			if (!rc && w->style == STYLE_TABLE)
				table_print(w);
		}
	}
	return rc;
}

static int style_choose(const struct cli_args *args, struct watch *w, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);

	w->once = cli_has(args, OPT_ONCE);
	w->style = isatty(STDOUT_FILENO) ? STYLE_TABLE : STYLE_LINES;
	if (rf_equal(output, "jsonl"))
		w->style = STYLE_JSON;
	else if (output && strcmp(output, "text") != 0)
		return rf_fail(err, RF_E_USAGE, "-o: text or jsonl, not %s", output);
	return 0;
}

/* Whether nft guards instead. */
static bool nft_open(struct watch *w)
{
	w->by_nft = fallback_read(&w->nft, NULL) == 0 && w->nft.ports_count > 0;
	return w->by_nft;
}

/* Without a guard and without a watcher of hostile VMs there is nothing to see. */
static int sources_open(struct watch *w, const struct cli_args *args, struct rf_err *err)
{
	struct watched watched = {0};
	struct rf_err none = {0};
	int guarded = isolate_guard_open(&w->guard, &none);
	int rc = watch_hostile_open(args, &w->hostile, err);

	if (rc < 0 || guarded == 0 || (guarded == -ENOENT && nft_open(w)))
		return rc;
	if (guarded == -ENOENT &&
	    watch_hostile_read(w->hostile, common_now_ms() / 1000, &watched)) {
		watched_done(&watched);
		return 0;
	}
	*err = none;
	return guarded;
}

static int links_open(struct watch *w, struct rf_err *err)
{
	const struct guard_scope scope = {.look_only = true};

	w->rules_fd = w->guard || w->by_nft ? guard_rules_watch() : -1;
	rules_look(w, false);
	return w->guard ? guard_watch_open(w->guard, &scope, told, w, &w->links, err) : 0;
}

int cmd_isolate_watch(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOFREE struct watch *w = rf_alloc(1, sizeof(*w));

	if (!w)
		return rf_fail(err, -ENOMEM, "no memory");
	struct isolate_guarding guarding;
	int rc = style_choose(args, w, err);

	isolate_guarding_ask(&guarding);
	isolate_guarding_say(args, &guarding);
	if (!rc)
		rc = sources_open(w, args, err);
	/* The ring of samples is mapped before nothing can be opened any more. */
	if (!rc && w->guard && guard_events_fd(w->guard) < 0)
		rc = rf_fail(err, -errno, "samples of frames: %s", rf_code_text(-errno));
	if (!rc)
		rc = isolate_lock_in(args, err);
	if (rc < 0) {
		guard_close(w->guard);
		return rc;
	}
	rc = links_open(w, err);
	if (!rc)
		rc = w->once ? once(w, err) : loop(w, err);
	guard_watch_close(w->links);
	if (w->rules_fd >= 0)
		close(w->rules_fd);
	rf_free(w->rows);
	watched_done(&w->watched);
	fallback_done(&w->nft);
	close(w->hostile);
	guard_close(w->guard);
	return rc;
}
