/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of `isolate` read: the policy, the one that is in force, VMs, links, and the
 * administrator's own way. Everything is read first and parsed after, locked in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/apart.h"
#include "cli/apart.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/applied.h"
#include "isolate/closed.h"
#include "isolate/nft_promises.h"
#include "isolate/facts.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define PROC_MAX_BYTES (4u << 20)
#define ENV_MAX_BYTES  (256u << 10)
#define PARENTS_MAX    16

void isolate_input_done(struct isolate_input *input)
{
	policy_result_done(&input->result);
	cpu_result_done(&input->cpu);
	policy_notes_done(&input->notes);
	policy_host_done(&input->host);
	disk_input_done(&input->disks);
	isolate_promises_done(&input->promises);
	policy_nics_done(&input->nics);
	quarantine_records_done(&input->quarantined);
	memory_result_done(&input->memory_result);
	memory_input_done(&input->memory);
	policy_free(input->policy);
	policy_free(input->before);
	guard_links_done(&input->links);
	closed_guards_done(&input->guards);
	rf_free(input->live);
	rf_free(input->numbers);
	rf_buf_done(&input->kept);
	rf_buf_done(&input->keep);
	fact_store_close(input->facts);
}

int isolate_folder(const struct cli_args *args, char *out, size_t size, struct rf_err *err)
{
	return state_folder(cli_value(args, OPT_STATE_DIR), APPLIED_FOLDER, out, size, err);
}

int isolate_no_guard(struct rf_err *err)
{
	return rf_fail(err, -ENOENT,
		       "no guard is loaded on this host: `ringfence isolate apply` loads it");
}

int isolate_guard_open(struct guard **out, struct rf_err *err)
{
	const struct guard_options options = {.existing = true};
	int rc = guard_open(&options, out, err);

	return rc == -ENOENT ? isolate_no_guard(err) : rc;
}

int isolate_lock_in(const struct cli_args *args, struct rf_err *err)
{
	char missing[SANDBOX_MISSING_BYTES];
	int rc = sandbox_enter(SANDBOX_GUARD_ASK, NULL, 0, missing, err);

	if (rc == 0 && missing[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: without: %s\n", missing);
	return rc;
}

/* The same of nft, where BPF is forbidden. Without rights nothing of it is seen. */
static int fallback_zones(struct guard_zone *out, struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	int rc = fallback_read(&f, err);

	for (uint32_t zone = 0; rc == 0 && zone < GUARD_ZONES; zone++)
		fallback_zone_get(&f, zone, &out[zone]);
	return rc == -EPERM ? 0 : rc;
}

/* The matrix as it is, so that rows which the policy no longer names are put back, too. */
static int live_zones(struct guard_zone *out, struct rf_err *err)
{
	const struct guard_options options = {.existing = true};
	struct guard *guard = NULL;
	int rc = guard_open(&options, &guard, err);

	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++)
		out[zone] = isolate_zone_new(zone);
	for (uint32_t zone = 0; rc == 0 && zone < GUARD_ZONES; zone++)
		rc = guard_zone_get(guard, zone, &out[zone]);
	guard_close(guard);
	return rc == -ENOENT ? fallback_zones(out, err) : rc;
}

/* Somebody gave a running VM's port another name, which libvirt does not know: the one port of a
 * bridge with the card's address, if no card names it. */
static const struct guard_link *renamed(const struct policy_nics *nics,
					const struct policy_nic *nic,
					const struct guard_links *links)
{
	const struct guard_link *found = NULL;
	uint8_t mac[6];

	if (guard_mac_parse(nic->mac, mac) < 0)
		return NULL;
	for (size_t i = 0; i < links->count; i++) {
		const struct guard_link *link = &links->items[i];

		if (!guard_link_is_vm(link) || !guard_link_is_port(link) ||
		    memcmp(link->mac + 1, mac + 1, 5) != 0)
			continue;
		if (found)
			return NULL;
		found = link;
	}
	for (size_t i = 0; found && i < nics->count; i++) {
		if (strcmp(nics->items[i].tap, found->name) == 0)
			return NULL;
	}
	return found;
}

/* A definition names ports that are there only while the VM runs. Which of them have a limit of
 * ours is asked here, so that one which the policy no longer names is taken away. */
static int taps_check(struct isolate_input *in)
{
	struct policy_nics *nics = &in->nics;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < nics->count; i++) {
		struct policy_nic *nic = &nics->items[i];
		uint32_t ifindex = nic->tap[0] ? guard_link_index(nic->tap) : 0;
		const struct guard_link *now =
			nic->tap[0] && !ifindex ? renamed(nics, nic, &in->links) : NULL;
		const struct policy_note who = {.vm = nic->vm, .part = "network"};
		struct shape_seen seen;

		if (now) {
			rc = policy_note(&in->notes, &who,
					 "%s: its port is called %s now, no longer %s", nic->nic,
					 now->name, nic->tap);
			nic->tap = now->name;
			ifindex = now->ifindex;
		}
		if (!ifindex)
			nic->tap = "";
		else if (shape_see(ifindex, &seen, NULL) == 0)
			nic->shaped =
				seen.piece || seen.state.now.to_vm.on || seen.state.now.from_vm.on;
	}
	return rc;
}

/* ---- the administrator's own way ---- */

/* sudo takes SSH_CONNECTION away from us, not from the shell that it was called in. */
static void ssh_connection(char *out, size_t size)
{
	static const char key[] = "SSH_CONNECTION=";
	int64_t pid = getpid();

	out[0] = '\0';
	for (unsigned i = 0; i < PARENTS_MAX && pid > 1 && !out[0]; i++) {
		RF_AUTOBUF struct rf_buf env = {0}, stat = {0};
		char path[64], parent[24] = "";

		rf_format(path, sizeof(path), "/proc/%lld/environ", (long long)pid);
		if (common_read_file(path, ENV_MAX_BYTES, &env, NULL) == 0) {
			for (size_t at = 0; at < env.len;
			     at += strlen((const char *)env.data + at) + 1) {
				const char *item = (const char *)env.data + at;

				if (rf_starts(item, key))
					rf_copy(out, size, item + sizeof(key) - 1);
			}
		}
		rf_format(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
		pid = 0;
		if (common_read_file(path, 4096, &stat, NULL) < 0 ||
		    !sys_stat_field(rf_buf_text(&stat), 4, parent, sizeof(parent)) ||
		    rf_num(parent, 10, 0, INT32_MAX, &pid) < 0)
			pid = 0;
	}
}

static void access_read(const struct guard_links *links, struct ownway *out)
{
	RF_AUTOBUF struct rf_buf tcp = {0}, tcp6 = {0}, routes = {0}, routes6 = {0}, arp = {0};
	const struct {
		const char *path;
		struct rf_buf *to;
	} files[] = {{"/proc/net/tcp", &tcp},
		     {"/proc/net/tcp6", &tcp6},
		     {"/proc/net/route", &routes},
		     {"/proc/net/ipv6_route", &routes6},
		     {"/proc/net/arp", &arp}};
	char ssh[256];

	ssh_connection(ssh, sizeof(ssh));
	/* What cannot be read adds no link: without IPv6 some of them are not there. */
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		if (common_read_file(files[i].path, PROC_MAX_BYTES, files[i].to, NULL) < 0)
			rf_buf_reset(files[i].to);
	}
	const struct ownway_facts facts = {.ssh_connection = ssh,
					   .tcp = rf_buf_slice(&tcp),
					   .tcp6 = rf_buf_slice(&tcp6),
					   .routes = rf_buf_slice(&routes),
					   .routes6 = rf_buf_slice(&routes6),
					   .neighbours = rf_buf_slice(&arp)};

	ownway_find(&facts, links, out);
}

/* ---- all of it ---- */

int isolate_kept_read(const struct cli_args *args, struct rf_buf *out, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	int rc = isolate_folder(args, folder, sizeof(folder), err);

	if (!rc)
		rc = state_read(folder, APPLIED_NAME, APPLIED_MAX_BYTES, out, err);
	return rc == -ENOENT ? 0 : rc;
}

/* What no fact says. */
static int live_read(struct isolate_input *in, struct rf_err *err)
{
	struct sys *sys = NULL;
	int rc = sys_open_live(&sys, err);

	if (!rc)
		policy_host_look(&in->host, sys);
	if (!rc)
		rc = memory_input_load(in->facts, sys, &in->memory, err);
	sys_close(sys);
	return rc;
}

/* Without root nothing could be loaded, and nothing is to be said of it. */
void isolate_guarding_ask(struct isolate_guarding *out)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct rf_err why = {0};

	*out = (struct isolate_guarding){.means = GUARD_MEANS_BPF};
	if (geteuid() != 0)
		return;
	out->means = guard_means(&why);
	out->nft_holds = fallback_read(&f, NULL) == 0 && f.there;
	nft_note(out->means, out->nft_holds, rf_err_text(&why), out->note);
}

void isolate_guarding_say(const struct cli_args *args, const struct isolate_guarding *guarding)
{
	if (guarding->note[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: %s\n", guarding->note);
}

/* What a quarantine limits is the policy's again only after it. */
static int quarantined_read(const struct cli_args *args, struct isolate_input *in,
			    struct rf_err *err)
{
	const char *state = cli_value(args, OPT_STATE_DIR);
	int rc = quarantine_records_load(state ? state : STATE_DIR, &in->quarantined, err);

	for (size_t i = 0; rc == 0 && i < in->quarantined.count; i++) {
		const struct quarantine_record *record = &in->quarantined.items[i];

		rc = policy_note(&in->notes,
				 &(struct policy_note){.vm = record->vm, .part = "quarantine"},
				 "%s: what that limits stays as it is until the VM is released",
				 record->level);
	}
	return rc;
}

static int host_read(const struct cli_args *args, enum isolate_purpose purpose,
		     struct isolate_input *in, struct rf_err *err)
{
	const char *const *collectors =
		purpose == ISOLATE_PROOF ? isolate_collectors_verify : isolate_collectors;

	int rc = live_zones(in->live, err);

	if (!rc)
		rc = guard_links_read(&in->links, err);
	if (rc < 0)
		return rc;
	if (closed_guards_read(&in->guards) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	access_read(&in->links, &in->access);
	isolate_guarding_ask(&in->guarding);
	rc = common_facts_by(args, collectors, &in->facts, err);
	if (!rc)
		rc = policy_nics_load(in->facts, &in->nics, err);
	if (!rc)
		rc = policy_host_load(in->facts, &in->host, err);
	if (!rc)
		rc = disk_input_load(in->facts, &in->disks, err);
	if (!rc)
		rc = taps_check(in);
	if (!rc)
		rc = apart_mark(args, &in->host, err);
	if (!rc)
		rc = quarantined_read(args, in, err);
	return rc ? rc : live_read(in, err);
}

/* Everything besides the network. */
static int limits_resolve(struct isolate_input *in, struct rf_err *err)
{
	time_t now = time(NULL);
	struct tm local = {0};

	localtime_r(&now, &local);
	return cpu_resolve(in->policy, &in->host, &local, &in->cpu, &in->notes, err);
}

/* Locked in by now. */
static int parse(struct isolate_input *in, const char *name, struct rf_slice yaml,
		 struct rf_err *err)
{
	struct rf_slice old = {NULL, 0};
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	int rc = numbers ? applied_parse(rf_buf_slice(&in->kept), in->numbers, &old, &in->before,
					 err)
			 : rf_fail(err, -ENOMEM, "no memory");

	/* --kept */
	if (!rc && !yaml.data)
		yaml = old;
	if (!rc && !yaml.len && strcmp(name, APPLIED_TITLE) == 0)
		rc = rf_fail(err, RF_E_MISSING, "--kept: no policy was applied yet");
	if (!rc)
		rc = policy_parse_numbered(yaml, name, in->numbers, &in->policy, err);
	if (!rc)
		rc = policy_resolve(in->policy, in->nics.items, in->nics.count, &in->result, err);
	if (!rc)
		rc = memory_resolve(in->policy, &in->memory, &in->memory_result, err);
	if (!rc)
		rc = limits_resolve(in, err);
	if (!rc && isolate_layer_check(in->policy, &in->links, &in->result) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (rc < 0)
		return rc;
	policy_numbers_make(in->policy, in->numbers, numbers);
	return applied_encode(numbers, yaml, &in->keep);
}

/* Closed switches: promises for verify, notes for a plan, which cannot mend them. */
static int closed_look(struct isolate_input *in, bool plan, struct rf_err *err)
{
	const struct policy_layer *layer = policy_layer(in->policy);
	TOPOLOGY_AUTO struct topology topology = {0};
	struct isolate_promises promises = {0};
	char missing[CLOSED_MISSING_BYTES] = "";

	if (!layer->closed.count)
		return 0;
	int rc = topology_load(&topology, &(struct topology_sources){in->facts, layer, &in->guards},
			       err);

	if (!rc)
		rc = closed_missing(in->facts, missing);
	if (!rc)
		rc = closed_promises(&topology, layer, missing, plan ? &promises : &in->promises);
	if (!rc && plan)
		rc = closed_notes(&promises, &in->notes);
	isolate_promises_done(&promises);
	return rc < 0 ? rf_fail(err, rc, "closed switches: %s", rf_code_text(rc)) : 0;
}

/* Everything that is parsed later, as bytes and facts. */
struct source {
	struct isolate_input *input;
	const char *name;
	struct rf_buf yaml;
	const char *zone; /* that is asked for; isolate_zone_members alone */
};

static int source_read(const struct cli_args *args, const char *file, enum isolate_purpose purpose,
		       struct source *s, struct rf_err *err)
{
	struct isolate_input *out = s->input;
	bool kept = cli_has(args, OPT_KEPT);

	s->name = kept ? APPLIED_TITLE : file ? file : ISOLATE_POLICY;
	out->live = rf_alloc(GUARD_ZONES, sizeof(*out->live));
	out->numbers = rf_alloc(1, sizeof(*out->numbers));
	if (!out->live || !out->numbers)
		return rf_fail(err, -ENOMEM, "no memory");
	if (kept && file)
		return rf_fail(err, RF_E_USAGE, "--kept: then no policy is named");
	int rc = kept ? 0 : common_read_file(s->name, POLICY_MAX_BYTES, &s->yaml, err);

	if (!rc)
		rc = isolate_kept_read(args, &out->kept, err);
	if (!rc)
		rc = host_read(args, purpose, out, err);
	/* The time zone is read while files can be. */
	tzset();
	return rc;
}

int isolate_input_read(const struct cli_args *args, const char *file, enum isolate_purpose purpose,
		       struct isolate_input *out, struct rf_err *err)
{
	struct source s = {.input = out};
	int rc = source_read(args, file, purpose, &s, err);

	if (!rc)
		rc = common_lock_in(args, err);
	if (!rc)
		rc = parse(out, s.name, rf_buf_slice(&s.yaml), err);
	rf_buf_done(&s.yaml);
	if (!rc && out->guarding.note[0] && out->result.ports_count)
		rc = policy_note(&out->notes, &(struct policy_note){.vm = "", .part = "network"},
				 "%s", out->guarding.note);
	if (!rc)
		rc = closed_look(out, purpose == ISOLATE_PLAN, err);
	return rc || purpose != ISOLATE_PROOF ? rc
					      : disk_promises_add(out->policy, &out->disks,
								  out->facts, &out->promises, err);
}

/* Locked in, in a child. Names end with a NUL. */
static int members_parse(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const struct source *s = arg;
	int rc = parse(s->input, s->name, in, err);

	for (size_t i = 0; rc == 0 && i < s->input->result.ports_count; i++) {
		const struct policy_port *port = &s->input->result.ports[i];

		if (strcmp(port->zone, s->zone) == 0)
			rc = rf_buf_add(out, port->vm, strlen(port->vm) + 1);
	}
	return rc;
}

int isolate_zone_members(const struct cli_args *args, const char *file, const char *zone,
			 struct rf_buf *out, struct rf_err *err)
{
	struct isolate_input in = {0};
	struct source s = {.input = &in, .zone = zone};
	int rc = source_read(args, file, ISOLATE_PLAN, &s, err);

	if (!rc)
		rc = apart_run(members_parse, &s, rf_buf_slice(&s.yaml), out, err);
	rf_buf_done(&s.yaml);
	isolate_input_done(&in);
	return rc;
}
