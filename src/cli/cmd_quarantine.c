/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence quarantine: from a VM (or the VMs of a zone) and a level to a plan for each, and back.
 * What is recorded is started before the plan is applied; what is in force is quarantine_status.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/changing.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "cli/quarantine.h"
#include "isolate/access.h"
#include "isolate/facts.h"
#include "isolate/remains.h"
#include "respond/recorder.h"

#define DEFAULT_RECORD_MIB 512
#define MAX_RECORD_MIB	   (1 << 20)
#define MAX_CHAIN	   QUARANTINE_LEVEL_COUNT * 2
#define ACCESS_MAX_BYTES   (4u << 20)
#define ACCESS_FILES	   4

struct job {
	const struct cli_args *args;
	const char *state, *zone;
	bool trusted_only; /* --trusted-only */
	struct quarantine_order order;
	struct guard_port services; /* holds --allow */
	uint64_t record_bytes;
	char reason[304], honeypot_bridge[IFNAMSIZ];
	char allowed[320]; /* --allow, joined by blanks */
	bool apply, told;  /* told: what is said once was said */
	struct subjects subjects;
	struct changing changing;
	struct rf_buf access[ACCESS_FILES], neighbours;
	struct rf_buf remains; /* what the level leaves them, a line each */
	int starters[GUARD_SLOTS];
	size_t starters_count;
};

static void job_done(struct job *job)
{
	for (size_t i = 0; i < job->starters_count; i++)
		close(job->starters[i]);
	quarantine_subjects_done(&job->subjects);
	changing_done(&job->changing);
	for (size_t i = 0; i < ACCESS_FILES; i++)
		rf_buf_done(&job->access[i]);
	rf_buf_done(&job->neighbours);
	rf_buf_done(&job->remains);
}

/* ---- options ---- */

static int service_take(struct job *job, const char *text, struct rf_err *err)
{
	size_t len = strlen(job->allowed);
	int rc = guard_service_add(&job->services, text, err);

	if (!rc && !rf_format(job->allowed + len, sizeof(job->allowed) - len, "%s%s",
			      len ? " " : "", text))
		rc = rf_fail(err, RF_E_LIMIT, "the services are too long to be recorded");
	return rc;
}

static int services_read(struct job *job, struct rf_err *err)
{
	size_t given = job->args->counts[OPT_ALLOW];
	int rc = 0;

	if (given && job->order.level != QUARANTINE_RESTRICT)
		return rf_fail(err, RF_E_USAGE, "--allow belongs to --level restrict");
	for (size_t i = 0; rc == 0 && i < given; i++)
		rc = service_take(job, job->args->values[OPT_ALLOW][i], err);
	if (!given && job->order.level == QUARANTINE_RESTRICT)
		rc = service_take(job, "dhcp", err);
	job->order.services = job->services.services;
	job->order.services_count = job->services.n_services;
	return rc ? rf_wrap(err, RF_E_USAGE, "--allow") : 0;
}

/* A honeypot's port, or a bridge; the VM's card is plugged in where it is. */
static int honeypot_read(struct job *job, struct rf_err *err)
{
	struct segment_link link, master;
	const char *name = cli_value(job->args, OPT_HONEYWALL);

	job->order.honeypot = name ? name : "";
	job->order.segment_of_honeypot = job->honeypot_bridge;
	if (!name)
		return 0;
	if (job->order.level != QUARANTINE_HONEYWALL)
		return rf_fail(err, RF_E_USAGE, "--honeywall belongs to --level honeywall");
	int rc = segment_link_find(name, 0, &link, err);

	if (!rc && link.bridge)
		rf_copy(job->honeypot_bridge, IFNAMSIZ, name);
	if (!rc && !link.bridge && link.master)
		rc = segment_link_find(NULL, link.master, &master, err);
	if (!rc && !link.bridge && link.master)
		rf_copy(job->honeypot_bridge, IFNAMSIZ, master.name);
	return rc ? rf_wrap(err, rc, "--honeywall") : 0;
}

static int options_read(struct job *job, struct rf_err *err)
{
	const struct cli_args *args = job->args;
	const char *level = cli_value(args, OPT_LEVEL), *mib = cli_value(args, OPT_RECORD_MAX);
	int64_t n = DEFAULT_RECORD_MIB;

	if (!level || quarantine_level_parse(level, &job->order.level) < 0)
		return rf_fail(err, RF_E_USAGE,
			       "--level: observe, restrict, honeywall, seal or freeze%s%.40s",
			       level ? ", not " : "", level ? level : "");
	if (mib && rf_num(mib, 10, 0, MAX_RECORD_MIB, &n) < 0)
		return rf_fail(err, RF_E_USAGE, "--record-max: MiB, 0 to %d, not %.20s",
			       MAX_RECORD_MIB, mib);
	job->record_bytes = (uint64_t)n << 20;
	job->order.record = n > 0;
	int rc = services_read(job, err);

	return rc ? rc : honeypot_read(job, err);
}

/* ---- who ---- */

/* The VMs that a policy puts into the zone; their tags are looked at besides. */
static bool policy_has(struct rf_slice members, const struct subject *s)
{
	for (size_t at = 0; at < members.len;) {
		const char *name = (const char *)members.data + at;
		size_t len = strnlen(name, members.len - at);

		if (len == strlen(s->vm.name) && memcmp(name, s->vm.name, len) == 0)
			return true;
		at += len + 1;
	}
	return false;
}

static int zone_keep(struct job *job, struct rf_err *err)
{
	const char *file = cli_value(job->args, OPT_POLICY);
	RF_AUTOBUF struct rf_buf members = {0};
	size_t kept = 0;
	int rc = 0;

	if (file || access(ISOLATE_POLICY, R_OK) == 0)
		rc = isolate_zone_members(job->args, file, job->zone, &members, err);
	for (size_t i = 0; rc == 0 && i < job->subjects.count; i++) {
		struct subject *s = &job->subjects.items[i];

		if (!rf_equal(s->zone, job->zone) && !policy_has(rf_buf_slice(&members), s))
			continue;
		job->subjects.items[kept] = *s;
		quarantine_subject_settle(&job->subjects.items[kept++]);
	}
	if (rc < 0)
		return rc;
	job->subjects.count = kept;
	return kept ? 0
		    : rf_fail(err, RF_E_UNKNOWN,
			      "no VM here is in the zone %s, by policy or by its tag", job->zone);
}

static void trusted_only_keep(struct job *job)
{
	size_t kept = 0;

	for (size_t i = 0; i < job->subjects.count; i++) {
		if (!job->subjects.items[i].trusted_only)
			continue;
		job->subjects.items[kept] = job->subjects.items[i];
		quarantine_subject_settle(&job->subjects.items[kept++]);
	}
	job->subjects.count = kept;
}

static int subjects_find(struct job *job, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;
	const char *name = job->args->words_count ? job->args->words[0] : NULL;
	const char *uri = cli_value(job->args, OPT_CONNECT);

	if (uri && strcmp(uri, COMMON_DEFAULT_URI) != 0)
		return rf_fail(err, RF_E_USAGE, "only VMs of %s are put into quarantine",
			       COMMON_DEFAULT_URI);
	int rc = common_facts_by(job->args, isolate_collectors_vms, &store, err);

	if (!rc)
		rc = quarantine_subjects_load(store, name, NULL, &job->subjects, err);
	if (!rc && job->trusted_only)
		trusted_only_keep(job);
	else if (!rc && job->zone)
		rc = zone_keep(job, err);
	else if (!rc && job->subjects.count != 1)
		rc = rf_fail(err, RF_E_UNKNOWN,
			     job->subjects.count ? "several VMs are called %s: give a UUID"
						 : "there is no VM %s here",
			     name);
	for (size_t i = 0; rc == 0 && i < job->subjects.count; i++) {
		const struct subject *s = &job->subjects.items[i];

		rc = quarantine_remains(store, s->key, s->vm.name, job->order.level, &job->remains);
		if (rc < 0)
			rc = rf_fail(err, rc, "the facts about %s cannot be read", s->vm.name);
	}
	return rc;
}

/* ---- the way to this host ---- */

static int access_read(struct job *job, struct rf_err *err)
{
	static const char *const names[ACCESS_FILES] = {"/proc/net/route", "/proc/net/tcp",
							"/proc/net/ipv6_route", "/proc/net/tcp6"};
	int rc = access_neighbours(&job->neighbours, err);

	for (size_t i = 0; rc == 0 && i < RF_COUNT(names); i++) {
		rc = common_read_file(names[i], ACCESS_MAX_BYTES, &job->access[i], err);
		/* A kernel without that family has none of them. */
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

/* Marks the wants from the first on, which are those of the VM. */
static void access_mark(struct job *job, const struct quarantine_vm *vm,
			struct quarantine_wants *wants, size_t first)
{
	const struct access_files files = {
		rf_buf_text(&job->access[0]),
		rf_buf_text(&job->access[1]),
		rf_buf_text(&job->access[2]),
		rf_buf_text(&job->access[3]),
		(const struct access_neighbour *)job->neighbours.data,
		job->neighbours.len / sizeof(struct access_neighbour),
	};

	if (job->order.level == QUARANTINE_OBSERVE)
		return;
	for (size_t i = 0; i < vm->nics_count; i++) {
		RF_AUTOBUF struct rf_buf why = {0};
		uint8_t mac[6];

		if (guard_mac_parse(vm->nics[i].mac, mac) < 0 ||
		    !access_leads_through(&files, mac, &why))
			continue;
		if (!job->told)
			fprintf(stderr, "Careful: %s carries the way to this host: %s.\n", vm->name,
				rf_buf_text(&why));
		for (size_t w = first; w < wants->count; w++)
			wants->items[w].could_cut_access = true;
	}
}

/* ---- one VM ---- */

static void record_fill(const struct job *job, const struct subject *s,
			struct quarantine_record *out)
{
	bool rest = quarantine_has_rest(&s->vm, job->order.level);

	*out = (struct quarantine_record){.since_ms = common_now_ms()};
	rf_copy(out->vm, sizeof(out->vm), s->vm.name);
	rf_copy(out->uuid, sizeof(out->uuid), s->vm.uuid);
	rf_copy(out->level, sizeof(out->level), quarantine_level_name(job->order.level));
	rf_copy(out->reason, sizeof(out->reason), job->reason);
	rf_copy(out->zone, sizeof(out->zone), job->zone ? job->zone : "");
	rf_copy(out->segment_of_honeypot, sizeof(out->segment_of_honeypot), job->honeypot_bridge);
	rf_copy(out->stage, sizeof(out->stage),
		job->order.stage == QUARANTINE_CUT && rest ? QUARANTINE_STAGE_CUT : "");
	rf_copy(out->services, sizeof(out->services), job->allowed);
	rf_copy(out->recorded, sizeof(out->recorded), job->order.record ? "yes" : "");
	rf_format(out->by, sizeof(out->by), "uid %u", getuid());
	for (size_t i = 0; i < s->vm.nics_count; i++) {
		struct quarantine_card *card = &out->cards[out->cards_count++];

		rf_copy(card->mac, sizeof(card->mac), s->vm.nics[i].mac);
		rf_copy(card->tap, sizeof(card->tap), s->vm.nics[i].tap);
		rf_copy(card->redirect, sizeof(card->redirect), job->order.honeypot);
	}
}

static int recorders_start(struct job *job, const struct subject *s, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES], comment[400];
	int rc = 0;

	rf_format(comment, sizeof(comment), "VM %.200s (%s) in quarantine: %s", s->vm.name,
		  s->vm.uuid, quarantine_level_name(job->order.level));
	for (size_t i = 0; rc == 0 && job->order.record && i < s->vm.nics_count; i++) {
		uint8_t mac[6];
		char segment[IFNAMSIZ];
		const struct recorder_options options = {segment, s->vm.name, comment,
							 job->record_bytes};

		if (!s->vm.nics[i].tap[0] || guard_mac_parse(s->vm.nics[i].mac, mac) < 0)
			continue;
		segment_name(mac, segment);
		rc = quarantine_record_folder(job->state, s->vm.nics[i].mac, folder,
					      sizeof(folder));
		if (!rc && job->starters_count == RF_COUNT(job->starters))
			rc = RF_E_LIMIT;
		if (!rc)
			rc = recorder_start(folder, &options, &job->starters[job->starters_count],
					    err);
		if (!rc && job->starters[job->starters_count] >= 0)
			job->starters_count++;
	}
	return rc;
}

static int note(struct job *job, const char *kind, const char *plan, const char *vm,
		const char *what, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_printf(&text, "%.100s: %s: %.300s", vm, what, job->reason);
	return priv_note(job->changing.priv, kind, plan, rf_buf_text(&text), err);
}

/* A limit that cannot be had is shown with the plan; without anything else of the order it is none.
 */
static int refusals_tell(const struct plan *plan, struct rf_err *err)
{
	for (size_t i = 0; i < plan->refusals_count; i++)
		if (strcmp(plan->refusals[i].origin, QUARANTINE_LIMIT_ORIGIN) != 0)
			return rf_fail(err, RF_E_DENIED, "%s: %s: nothing was changed",
				       plan->refusals[i].target, plan->refusals[i].reason);
	return 0;
}

/* A VM of whom nothing but the record would change is shut in so already, and left as it is. */
static void held_drop(struct job *job, struct subject *s)
{
	struct plan *plan = &job->changing.plan;
	struct quarantine_record known;
	size_t mine = 0, record = plan->count;

	for (size_t i = 0; i < plan->count; i++) {
		if (strcmp(plan->changes[i].spec.part, s->vm.uuid) != 0)
			continue;
		mine++;
		if (strcmp(plan->changes[i].spec.verb, "quarantine-record") == 0)
			record = i;
	}
	if (mine != 1 || record == plan->count ||
	    quarantine_record_load(job->state, s->vm.uuid, &known, NULL) < 0) {
		s->changed = s->changed || mine;
		return;
	}
	plan->count--;
	memmove(&plan->changes[record], &plan->changes[record + 1],
		(plan->count - record) * sizeof(*plan->changes));
	plan->held_count++;
}

/* ---- all of them, in one plan ---- */

static int wants_make(struct job *job, struct quarantine_wants *wants, struct rf_err *err)
{
	int worst = 0;

	for (size_t i = 0; i < job->subjects.count; i++) {
		const struct subject *s = &job->subjects.items[i];
		RF_AUTOBUF struct rf_buf record = {0};
		struct quarantine_record fields;
		size_t first = wants->count;
		struct rf_err why = {0};

		if (job->order.stage == QUARANTINE_REST &&
		    !quarantine_has_rest(&s->vm, job->order.level))
			continue;
		record_fill(job, s, &fields);
		int rc = quarantine_record_write(&fields, &record, &why);

		if (!rc)
			rc = quarantine_wants_add(wants, &s->vm, &job->order, rf_buf_text(&record),
						  &why);
		if (!rc) {
			access_mark(job, &s->vm, wants, first);
			continue;
		}
		/* The others of a zone are shut in all the same. */
		wants->count = first;
		if (job->subjects.count > 1 && !job->told)
			fprintf(stderr, "ringfence: %s\n", rf_err_text(&why));
		worst = rf_fail(err, rc, "%s", rf_err_text(&why));
	}
	return worst;
}

static int plan_do(struct job *job, struct quarantine_wants *wants, struct rf_err *err)
{
	const struct remedy none = {0};
	struct changing *c = &job->changing;
	const char *whom = job->zone ? job->zone : job->subjects.items[0].vm.name;

	plan_done(&c->plan);
	memset(&c->plan, 0, sizeof(c->plan));
	int rc = changing_plan(c, wants->items, wants->count, whom, err);

	if (!rc && job->apply)
		rc = refusals_tell(&c->plan, err);
	for (size_t i = 0; rc == 0 && i < job->subjects.count; i++)
		held_drop(job, &job->subjects.items[i]);
	if (rc < 0 || c->plan.count == 0)
		return rc;
	rf_copy(c->plan.reason, sizeof(c->plan.reason), job->reason);
	rc = changing_show_and_apply(job->args, c, &none, job->apply, err);
	/* Behind the change, which does not wait for the ledger's disk: the plan's own entries name
	 * it before. */
	for (size_t i = 0; rc >= 0 && job->apply && i < job->subjects.count; i++) {
		struct subject *s = &job->subjects.items[i];

		int noted = s->changed && !s->noted
				    ? note(job, "quarantine", c->plan.id, s->vm.name,
					   quarantine_level_name(job->order.level), err)
				    : 0;

		rc = noted ? noted : rc;
		s->noted = s->changed;
	}
	return rc;
}

static int stage_run(struct job *job, enum quarantine_stage stage, struct rf_err *err)
{
	struct quarantine_wants wants = {0};

	job->order.stage = stage;
	int missed = wants_make(job, &wants, err);
	int rc = wants.count ? plan_do(job, &wants, err) : missed;

	job->told = true;
	quarantine_wants_done(&wants);
	return rc ? rc : missed;
}

/* In two plans, unless one document is wanted, or somebody has to confirm: then in one. */
static bool in_stages(const struct job *job)
{
	const char *output = cli_value(job->args, OPT_OUTPUT);
	bool any = false;

	for (size_t i = 0; i < job->subjects.count; i++)
		any = any || (job->subjects.items[i].vm.running &&
			      quarantine_has_rest(&job->subjects.items[i].vm, job->order.level));
	return any && job->apply && !job->changing.confirm_s && !job->changing.save_name &&
	       !(output && strcmp(output, "json") == 0);
}

/* The guard's service takes a quarantine along to the VM's next port. */
static void service_tell(const struct job *job)
{
	int64_t pid = 0;
	int lock = -1;

	if (job->order.level > QUARANTINE_RESTRICT)
		return;
	if (isolate_service_pid(job->args, &lock, &pid, NULL) < 0 || !pid)
		fprintf(stderr,
			"This ends when the VM is switched off: the guard's service, which would "
			"take it to the VM's next port, does not run (ringfence isolate guard "
			"start).\n");
	if (lock >= 0)
		close(lock);
}

static int all_run(struct job *job, struct rf_err *err)
{
	if (!in_stages(job))
		return stage_run(job, QUARANTINE_WHOLE, err);
	int cut = stage_run(job, QUARANTINE_CUT, err);

	if (cut < 0)
		return cut;
	int rc = stage_run(job, QUARANTINE_REST, err);

	return rc < 0 ? rf_wrap(err, rc,
				"%s: the network cards are shut in and stay so, the rest is not "
				"done (give the order again, or release)",
				job->zone ? job->zone : job->subjects.items[0].vm.name)
	       : rc   ? rc
		      : cut;
}

static int shut_in(struct job *job, struct rf_err *err)
{
	char prompt[128];
	int rc = options_read(job, err);

	if (!rc)
		rc = subjects_find(job, err);
	if (!rc)
		rc = access_read(job, err);
	if (rc < 0)
		return rc;
	if (job->subjects.count == 0) {
		printf("No VM here asks for a trusted host: there is nothing to do.\n");
		return 0;
	}
	rf_format(prompt, sizeof(prompt), "Put %zu VM(s) into quarantine (%s)? [y/N] ",
		  job->subjects.count, quarantine_level_name(job->order.level));
	job->apply = quarantine_agreed(job->args, prompt);
	if (job->apply)
		rc = quarantine_reason(job->args, job->reason, sizeof(job->reason), err);
	if (!rc)
		rc = changing_start(job->args, &job->changing, err);
	for (size_t i = 0; rc == 0 && job->apply && i < job->subjects.count; i++)
		rc = recorders_start(job, &job->subjects.items[i], err);
	if (!rc) {
		fputs(rf_buf_text(&job->remains), stderr);
		service_tell(job);
	}
	rc = rc ? rc : all_run(job, err);
	for (size_t i = 0; rc == 0 && i < job->subjects.count; i++)
		if (!job->subjects.items[i].changed)
			printf("%s: in quarantine so already (%s).\n",
			       job->subjects.items[i].vm.name,
			       quarantine_level_name(job->order.level));
	if (rc == CLI_FINDINGS && !job->apply)
		printf("Nothing was changed: add --yes and --reason to do it.\n");
	return rc;
}

/* ---- release ---- */

static bool is_meant(const struct job *job, const struct quarantine_record *r)
{
	const char *name = job->args->words_count ? job->args->words[0] : NULL;

	if (job->zone)
		return strcmp(r->zone, job->zone) == 0;
	return name && (strcmp(r->vm, name) == 0 || rf_equal_nocase(r->uuid, name));
}

/* Undoes what was done to a VM, newest first: raising a level is a plan of its own. */
static int record_release(struct job *job, const struct quarantine_record *record,
			  struct rf_err *err)
{
	struct quarantine_record now = *record;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < MAX_CHAIN; i++) {
		if (!now.plan[0])
			return rf_fail(err, RF_E_MISSING,
				       "%s: its record does not say by which change", now.vm);
		rc = note(job, "release", now.plan, now.vm, now.level, err);
		if (!rc)
			rc = changing_let_go(&job->changing, now.plan, record->uuid, err);
		if (!rc)
			rc = quarantine_record_load(job->state, record->uuid, &now, err);
	}
	return rc == -ENOENT ? 0 : rc;
}

static int release(struct job *job, struct rf_err *err)
{
	struct records records = {0};
	size_t meant = 0;
	int rc = quarantine_records_load(job->state, &records, err);

	for (size_t i = 0; rc == 0 && i < records.count; i++) {
		const struct quarantine_record *r = &records.items[i];

		if (!is_meant(job, r))
			continue;
		meant++;
		printf("%s: %s by %s: %s\n  to be undone: change %s\n", r->vm, r->level, r->by,
		       r->reason, r->plan);
	}
	if (!rc && !meant)
		rc = rf_fail(err, RF_E_UNKNOWN, "%s is not in quarantine (--status shows who is)",
			     job->zone ? job->zone : job->args->words[0]);
	if (!rc)
		job->apply = quarantine_agreed(job->args, "Release? [y/N] ");
	if (!rc && job->apply)
		rc = quarantine_reason(job->args, job->reason, sizeof(job->reason), err);
	if (!rc && job->apply)
		rc = changing_start(job->args, &job->changing, err);
	for (size_t i = 0; rc == 0 && job->apply && i < records.count; i++)
		if (is_meant(job, &records.items[i]))
			rc = record_release(job, &records.items[i], err);
	quarantine_records_done(&records);
	if (rc == 0 && !job->apply) {
		printf("Nothing was changed: add --yes and --reason to do it.\n");
		return CLI_FINDINGS;
	}
	return rc;
}

int cmd_quarantine(const struct cli_args *args, struct rf_err *err)
{
	static struct job job; /* large: not on the stack */
	bool status = cli_has(args, OPT_STATUS), undo = cli_has(args, OPT_RELEASE);

	job.args = args;
	job.zone = cli_value(args, OPT_ZONE);
	job.trusted_only = cli_has(args, OPT_TRUSTED_ONLY);
	job.state =
		cli_value(args, OPT_STATE_DIR) ? cli_value(args, OPT_STATE_DIR) : PRIV_STATE_DIR;
	if (status + undo + cli_has(args, OPT_LEVEL) != 1)
		return rf_fail(err, RF_E_USAGE, "give one of --level, --release and --status");
	if (!status && (args->words_count != 0) + (job.zone != NULL) + job.trusted_only != 1)
		return rf_fail(err, RF_E_USAGE, "give a VM, --zone NAME or --trusted-only");
	if (job.trusted_only && undo)
		return rf_fail(err, RF_E_USAGE,
			       "--trusted-only goes with --level: each VM is let out by its name");
	if (status)
		return quarantine_status(args, job.state, err);
	int rc = changing_options(args, &job.changing, err);

	if (!rc)
		rc = undo ? release(&job, err) : shut_in(&job, err);
	job_done(&job);
	return rc;
}
