/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes with rights behind `isolate verify`. See prover.h. Every request has one size and
 * is looked at again here; files are handed on unread. Nothing is changed: the sandbox sees to
 * that.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"
#include "isolate/prover_wire.h"
#include "isolate/vm_scope.h"
#include "sys/sandbox.h"

struct server {
	struct guard *guard; /* NULL: none is loaded */
	struct fallback nft; /* where BPF is forbidden */
	struct sys *sys;
	char missing[SANDBOX_MISSING_BYTES];
};

struct call {
	const struct prove_request *request;
	uint32_t number;
	struct rf_buf memory;
};

static int on_hello(struct server *s, struct call *c, struct rf_err *err)
{
	(void)err;
	c->number = s->guard != NULL || s->nft.ports_count > 0;
	return rf_buf_add(&c->memory, s->missing, strlen(s->missing));
}

static int on_links(struct server *s, struct call *c, struct rf_err *err)
{
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	size_t count = ports && s->guard ? guard_ports(s->guard, ports, GUARD_SLOTS) : 0;
	int rc = ports ? 0 : rf_fail(err, -ENOMEM, "no memory");

	for (size_t i = 0; rc == 0 && i < count && i < GUARD_SLOTS; i++) {
		struct prover_link link = {.ifindex = ports[i]};
		struct guard_port port;

		/* A link that went away meanwhile is no port any more. */
		if (guard_port_get(s->guard, ports[i], &port) == 0 && port.role == GUARD_ROLE_VM &&
		    guard_link_named(ports[i], link.name))
			rc = rf_buf_add(&c->memory, &link, sizeof(link));
	}
	for (size_t i = 0; rc == 0 && i < s->nft.ports_count; i++) {
		struct prover_link link = {.ifindex = guard_link_index(s->nft.ports[i].name)};

		(void)rf_copy(link.name, sizeof(link.name), s->nft.ports[i].name);
		if (link.ifindex && s->nft.ports[i].port.role == GUARD_ROLE_VM)
			rc = rf_buf_add(&c->memory, &link, sizeof(link));
	}
	return rc;
}

static bool nft_take(const struct server *s, const char *name, struct prover_port *out)
{
	const struct fallback_port *port = fallback_find(&s->nft, name);

	if (!port)
		return false;
	out->live = port->port;
	out->guarded = out->nft = 1;
	out->whole = out->hangs = !port->stale;
	out->rules = s->nft.rules;
	return true;
}

static void proofs_copy(const struct guard_proof *from, struct prover_port *out)
{
	out->count = GUARD_PROBES;
	for (size_t i = 0; i < GUARD_PROBES; i++) {
		struct prover_proof *p = &out->proofs[i];

		*p = (struct prover_proof){.honest = from[i].honest,
					   .configured = from[i].configured,
					   .enforced = from[i].enforced,
					   .proven = from[i].proven,
					   .verdict = from[i].verdict};
		(void)rf_copy(p->name, sizeof(p->name), from[i].name);
		(void)rf_copy(p->evidence, sizeof(p->evidence), from[i].evidence);
	}
}

static int on_port(struct server *s, struct call *c, struct rf_err *err)
{
	RF_AUTOFREE struct prover_port *port = rf_alloc(1, sizeof(*port));
	RF_AUTOFREE struct guard_proof *proofs = rf_alloc(GUARD_PROBES, sizeof(*proofs));
	struct guard_state state = {0};
	struct rf_err why = {0};

	if (!port || !proofs)
		return rf_fail(err, -ENOMEM, "no memory");
	port->ifindex = guard_link_index(c->request->text);
	port->guarded = s->guard && port->ifindex &&
			guard_port_get(s->guard, port->ifindex, &port->live) == 0;
	if (!port->guarded && port->ifindex && nft_take(s, c->request->text, port))
		return rf_buf_add(&c->memory, port, sizeof(*port));
	port->hangs = port->guarded && guard_state(s->guard, port->ifindex, &state, NULL) == 0 &&
		      state.in && state.out && state.first_in && state.first_out;
	if (port->guarded && guard_probe(s->guard, port->ifindex, proofs, &why) == 0)
		proofs_copy(proofs, port);
	else if (port->guarded)
		rf_format(port->problem, sizeof(port->problem), "it cannot be proven: %.180s",
			  rf_err_text(&why));
	return rf_buf_add(&c->memory, port, sizeof(*port));
}

/* What cannot be read is not there: a promise of it is not kept then. */
static int on_layer(struct server *s, struct call *c, struct rf_err *err)
{
	RF_AUTOFREE struct prover_layer *layer = rf_alloc(1, sizeof(*layer));
	uint32_t ifindex = guard_link_index(c->request->text);
	size_t count = 0;

	if (!layer)
		return rf_fail(err, -ENOMEM, "no memory");
	layer->is_port = ifindex && guard_bridge_get(ifindex, &layer->bridge, NULL) == 0 &&
			 guard_bridge_macs(ifindex, layer->macs, PROVER_MACS, &count, NULL) == 0;
	layer->macs_count = (uint32_t)count;
	layer->strict = s->guard && guard_strict_get(s->guard);
	if (s->guard && guard_rules_get(s->guard, &layer->rules, NULL) < 0)
		layer->rules.count = 0;
	layer->nft = !s->guard && s->nft.there;
	if (layer->nft && s->nft.whole) {
		layer->strict = s->nft.strict;
		layer->rules = s->nft.births;
	}
	return rf_buf_add(&c->memory, layer, sizeof(*layer));
}

static int on_shape(struct server *s, struct call *c, struct rf_err *err)
{
	uint32_t ifindex = guard_link_index(c->request->text);
	struct shape_seen seen;

	(void)s;
	memset(&seen, 0, sizeof(seen));
	if (!ifindex)
		return rf_fail(err, RF_E_MISSING, "there is no such link");
	int rc = shape_see(ifindex, &seen, err);

	return rc ? rc : rf_buf_add(&c->memory, &seen, sizeof(seen));
}

/* ---- files ---- */

/* '#' is a number, '*' at the end any path below, all else itself. */
static const struct {
	const char *pattern, *ending;
} allowed[] = {
	{"/proc", ""},
	{"/proc/cmdline", ""},
	{"/proc/cpuinfo", ""},
	{"/proc/self/mountinfo", ""},
	{"/proc/sys/kernel/split_lock_mitigate", ""},
	{"/proc/#/cgroup", ""},
	{"/proc/#/smaps", ""},
	{"/proc/#/ksm_merging_pages", ""},
	{"/proc/#/stat", ""},
	{"/proc/#/status", ""},
	{"/proc/#/task", ""},
	{"/proc/#/task/#/stat", ""},
	{"/proc/#/task/#/status", ""},
	{"/sys/kernel/mm/ksm", ""},
	{"/sys/kernel/mm/ksm/*", ""},
	{"/sys/fs/cgroup", ""},
	{"/sys/fs/cgroup/*", ""},
	{"/run/libvirt/qemu/*", ".pid"},
};

static bool matches(const char *pattern, const char *path)
{
	for (; *pattern; pattern++) {
		if (*pattern == '*')
			return *path != '\0';
		size_t digits = *pattern == '#' ? strspn(path, "0123456789") : 0;

		if (*pattern == '#' ? digits == 0 : *pattern != *path)
			return false;
		path += digits ? digits : 1;
	}
	return *path == '\0';
}

bool prover_path_allowed(const char *path)
{
	if (strstr(path, "/../") || rf_ends(path, "/.."))
		return false;
	for (size_t i = 0; i < RF_COUNT(allowed); i++) {
		if (matches(allowed[i].pattern, path) && rf_ends(path, allowed[i].ending))
			return true;
	}
	return false;
}

static int path_check(const struct call *c, struct rf_err *err)
{
	return prover_path_allowed(c->request->text)
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.200s is read for no proof", c->request->text);
}

static int on_read(struct server *s, struct call *c, struct rf_err *err)
{
	int rc = path_check(c, err);

	if (!rc && c->request->number > PROVE_MAX_BYTES)
		rc = rf_fail(err, RF_E_LIMIT, "so much is not read");
	return rc ? rc
		  : sys_read(s->sys, c->request->text, (size_t)c->request->number, &c->memory, err);
}

static int on_list(struct server *s, struct call *c, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = path_check(c, err);

	if (!rc)
		rc = sys_list(s->sys, c->request->text, &names, err);
	for (size_t i = 0; rc == 0 && i < names.count; i++)
		rc = rf_buf_add(&c->memory, names.names[i], strlen(names.names[i]) + 1);
	return rc;
}

static int on_exists(struct server *s, struct call *c, struct rf_err *err)
{
	int rc = path_check(c, err);

	if (rc)
		return rc;
	return sys_exists(s->sys, c->request->text) ? 0 : rf_fail(err, -ENOENT, "not there");
}

/* ---- trials ---- */

static int on_try(struct server *s, struct call *c, struct rf_err *err)
{
	const struct shape shape = {.to_vm = c->request->way};
	struct shape_trial trial;
	int rc = shape_check(&shape, err);

	(void)s;
	memset(&trial, 0, sizeof(trial));
	if (!rc && (!shape.to_vm.on || c->request->number < 1 || c->request->number > PROVE_MAX_MS))
		rc = rf_fail(err, RF_E_SYNTAX, "this is no trial");
	if (!rc)
		rc = shape_try(&shape.to_vm, (unsigned)c->request->number, &trial, err);
	return rc ? rc : rf_buf_add(&c->memory, &trial, sizeof(trial));
}

/* Which group a VM has is found here: nobody names one. */
static int on_load(struct server *s, struct call *c, struct rf_err *err)
{
	struct cpu_trial trial;
	struct vm_scope scope;
	int rc = vm_scope_see(s->sys, c->request->text, "cpu", &scope, err);

	memset(&trial, 0, sizeof(trial));
	if (!rc)
		rc = cpu_try(&scope, &c->request->load, &trial, err);
	return rc ? rc : rf_buf_add(&c->memory, &trial, sizeof(trial));
}

static int on_pages(struct server *s, struct call *c, struct rf_err *err)
{
	struct ksm_trial trial;

	(void)s;
	memset(&trial, 0, sizeof(trial));
	if (c->request->number < 1 || c->request->number > PROVE_MAX_MS)
		return rf_fail(err, RF_E_SYNTAX, "this is no trial");
	int rc = ksm_try((unsigned)c->request->number, &trial, err);

	return rc ? rc : rf_buf_add(&c->memory, &trial, sizeof(trial));
}

/* ---- the loop ---- */

#define ANY_SIDE 7u /* a bit each */

static const struct handler {
	enum prove_op op;
	unsigned sides; /* which processes answer it */
	int (*run)(struct server *s, struct call *c, struct rf_err *err);
} handlers[] = {
	{PROVE_HELLO, ANY_SIDE, on_hello},	    {PROVE_LINKS, 1u << PROVE_ASKS, on_links},
	{PROVE_LAYER, 1u << PROVE_ASKS, on_layer},  {PROVE_PORT, 1u << PROVE_ASKS, on_port},
	{PROVE_SHAPE, 1u << PROVE_ASKS, on_shape},  {PROVE_READ, 1u << PROVE_ASKS, on_read},
	{PROVE_LIST, 1u << PROVE_ASKS, on_list},    {PROVE_EXISTS, 1u << PROVE_ASKS, on_exists},
	{PROVE_TRY, 1u << PROVE_TRIES, on_try},	    {PROVE_LOAD, 1u << PROVE_LOADS, on_load},
	{PROVE_PAGES, 1u << PROVE_LOADS, on_pages},
};

static int dispatch(struct server *s, enum prove_side side, struct call *c, struct rf_err *err)
{
	const struct prove_request *r = c->request;

	if (r->magic != PROVE_MAGIC || strnlen(r->text, sizeof(r->text)) == sizeof(r->text))
		return rf_fail(err, RF_E_SYNTAX, "this is no request");
	for (size_t i = 0; i < RF_COUNT(handlers); i++) {
		if ((uint32_t)handlers[i].op == r->op && (handlers[i].sides >> side & 1))
			return handlers[i].run(s, c, err);
	}
	return rf_fail(err, RF_E_UNKNOWN, "there is no operation %u", r->op);
}

static int answer(int socket, struct call *c, int rc, const struct rf_err *why)
{
	struct prove_reply reply = {.magic = PROVE_MAGIC, .code = rc, .number = c->number};
	int memory = -1;

	if (rc < 0)
		(void)rf_copy(reply.text, sizeof(reply.text), rf_err_text(why));
	else
		reply.code = priv_memory_make(rf_buf_slice(&c->memory), &memory, NULL);
	reply.has_memory = memory >= 0;
	rc = priv_send(socket, &reply, sizeof(reply), memory, NULL);
	if (memory >= 0)
		close(memory);
	return rc;
}

static int asker_open(struct server *s, struct rf_err *err)
{
	const struct guard_options existing = {.existing = true};
	int rc = guard_open(&existing, &s->guard, err);

	/* A policy may speak of disks alone, and nft may guard. */
	if (rc == -ENOENT)
		rc = fallback_read(&s->nft, err);
	if (!rc)
		rc = sys_open_live(&s->sys, err);
	return rc ? rc : sandbox_enter(SANDBOX_PROVE, NULL, 0, s->missing, err);
}

static int trier_open(struct server *s, struct rf_err *err)
{
	int rc = shape_try_enter(err);

	return rc ? rc : sandbox_enter(SANDBOX_TRIAL, NULL, 0, s->missing, err);
}

/* It reads where VMs are and writes to groups of processes, and has no other right. */
static int loader_open(struct server *s, struct rf_err *err)
{
	static const char *const groups[] = {"/sys/fs/cgroup"};
	bool any = access(groups[0], F_OK) == 0;
	int rc = sys_open_live(&s->sys, err);

	return rc ? rc : sandbox_enter(SANDBOX_LOAD, groups, any ? 1 : 0, s->missing, err);
}

static int (*const openers[PROVE_SIDES])(struct server *s, struct rf_err *err) = {
	[PROVE_ASKS] = asker_open, [PROVE_TRIES] = trier_open, [PROVE_LOADS] = loader_open};

void prover_serve(int socket, enum prove_side side)
{
	RF_AUTOFREE struct prove_request *request = rf_alloc(1, sizeof(*request));
	struct server s = {.guard = NULL};
	struct rf_err opened = {0};
	int open = openers[side](&s, &opened);
	int rc = request ? 0 : -ENOMEM;

	while (rc == 0) {
		struct call c = {.request = request};
		struct rf_err err = {0};
		int fd = -1;

		rc = priv_receive(socket, request, sizeof(*request), &fd, &err);
		if (fd >= 0)
			close(fd);
		if (rc < 0)
			break;
		int done = open < 0 ? open : dispatch(&s, side, &c, &err);

		rc = answer(socket, &c, done, open < 0 ? &opened : &err);
		rf_buf_done(&c.memory);
	}
	sys_close(s.sys);
	guard_close(s.guard);
	fallback_done(&s.nft);
}
