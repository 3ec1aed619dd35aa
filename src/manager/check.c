/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hosts are due, their facts out of the store, their findings into it; see check.h. What was
 * judged is known by the number of its facts and by a digest of the controls: whoever changes one
 * of them makes hosts due, and nothing has to be remembered in between.
 */
#include "manager/check.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/sql_token.h"
#include "manager/check_apart.h"
#include "manager/waived.h"

#define ID_BYTES 40
#define DAY_MS	 86400000
/* Of facts as the store has them: what one pass takes at a time, so that it stays far from the
 * limit of its process's memory. */
#define PASS_BYTES ((size_t)48 << 20)

const struct check_limits check_limits_usual = {.time_ms = 30000, .fact_bytes = 256u << 20};

struct check {
	struct control_set set;
	const struct profile *profile;
	struct check_limits limits;
	struct waived waived; /* the fleet's, as of this turn */
	bool alone;	      /* each host by itself */
	uint8_t digest[EVP_MAX_MD_SIZE];
	char after[STORE_ID_BYTES]; /* who was due last */
};

/* ---- the controls ---- */

/* The YAML's parser has a limit of depth. */
static void node_add(struct rf_buf *out, const struct yaml_node *node)
{
	rf_buf_printf(out, "%d %s %s (", (int)node->kind, node->key ? node->key : "",
		      node->text ? node->text : "");
	for (size_t i = 0; i < node->items_count; i++)
		node_add(out, &node->items[i]);
	rf_buf_add_text(out, ")\n");
}

static int digest_make(struct check *check, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_add_text(&text, RF_VERSION "\n");
	rf_buf_add_text(&text, fact_derive_sql);
	node_add(&text, check->profile->doc.root);
	for (size_t i = 0; i < check->set.controls_count; i++)
		if (profile_selects(check->profile, &check->set.controls[i]))
			node_add(&text, check->set.controls[i].doc.root);
	if (check->set.waivers_doc.root)
		node_add(&text, check->set.waivers_doc.root);
	if (text.failed)
		return rf_fail(err, -ENOMEM, "no memory for controls");
	return EVP_Digest(text.data, text.len, check->digest, NULL, EVP_sha256(), NULL) == 1
		       ? 0
		       : rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
}

/* Where there are waivers the day belongs to it: one that ends opens its finding again. */
static void id_make(const struct check *check, int64_t now_ms, char out[ID_BYTES])
{
	RF_AUTOBUF struct rf_buf id = {0};

	rf_buf_add_hex(&id, check->digest, 12);
	if (check->set.waivers_count)
		rf_buf_printf(&id, ".%lld", (long long)(now_ms / DAY_MS));
	rf_buf_printf(&id, "%s%s", check->waived.digest[0] ? "." : "", check->waived.digest);
	rf_copy(out, ID_BYTES, rf_buf_text(&id));
}

/* Ours say of each host the same as they say of it alone (a test holds them to it). A site's own
 * could look at rows of others where it forgets to ask for its host's. */
static bool asks_within(const struct control *c)
{
	const char *const texts[] = {c->when, c->pass, c->query};
	struct sql_token tokens[SQL_MAX_TOKENS];

	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		size_t count = texts[i] ? sql_tokens(texts[i], tokens, SQL_MAX_TOKENS) : 0;

		for (size_t t = 0; t < count; t++)
			if (sql_token_is(texts[i], &tokens[t], "select"))
				return true;
	}
	return false;
}

static bool site_asks_within(const struct check *check)
{
	for (size_t i = 0; i < check->set.controls_count; i++) {
		const struct control *c = &check->set.controls[i];

		if (c->from_site && profile_selects(check->profile, c) && asks_within(c))
			return true;
	}
	return false;
}

static int controls_load(struct check *check, const struct check_options *o, int64_t now_ms,
			 struct rf_err *err)
{
	int rc = control_set_load_builtin(&check->set, false, err);

	if (!rc && o->site)
		rc = control_set_load_site(&check->set, o->site, err);
	if (!rc)
		rc = control_waivers_check(&check->set, now_ms, err);
	if (!rc && check->set.problems_count)
		rc = rf_fail(err, RF_E_SYNTAX, "refused: %s", check->set.problems[0]);
	check->profile = rc ? NULL : profile_find(&check->set, o->profile);
	if (!rc && !check->profile)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no profile %s", o->profile);
	return rc ? rc : digest_make(check, err);
}

int check_open(const struct check_options *options, int64_t now_ms, struct check **out,
	       struct rf_err *err)
{
	struct check *check = rf_alloc(1, sizeof(*check));
	int rc = check ? 0 : rf_fail(err, -ENOMEM, "no memory for controls");

	if (!rc)
		rc = controls_load(check, options, now_ms, err);
	if (rc) {
		check_close(check);
		return rc;
	}
	check->limits = options->limits;
	check->alone = options->alone || site_asks_within(check);
	*out = check;
	return 0;
}

void check_close(struct check *check)
{
	if (!check)
		return;
	control_set_done(&check->set);
	waived_done(&check->waived);
	rf_free(check);
}

/* ---- facts ---- */

struct loading {
	struct fact_store *facts;
	size_t bytes, bytes_max;
	struct rf_err *err;
	int rc; /* why the facts cannot be judged, other than for the store's sake */
};

static int fact_take(void *arg, const struct store_fact *fact)
{
	struct loading *l = arg;
	const struct fact_table *table = fact_table_find(fact->table);
	struct fact_value values[FACT_MAX_COLUMNS] = {{0}};

	if (!table || table->columns_count != fact->count || fact->count > FACT_MAX_COLUMNS)
		return rf_fail(l->err, RF_E_DATABASE, "the store's table %s is another",
			       fact->table);
	for (size_t i = 0; i < fact->count; i++) {
		const struct store_value *v = &fact->values[i];

		l->bytes += sizeof(*v) + v->bytes.len;
		values[i] = (struct fact_value){.text = store_value_text(v),
						.number = v->number,
						.known = v->kind != STORE_NULL};
	}
	if (l->bytes > l->bytes_max)
		l->rc = rf_fail(l->err, RF_E_LIMIT, "its facts take more than %zu bytes",
				l->bytes_max);
	if (!l->rc)
		l->rc = fact_store_insert(l->facts, table, values, l->err);
	return l->rc;
}

/* *out_unfit: it is the facts that are not to be judged, whenever it is tried. */
static int facts_load(const struct check *check, struct store *store, const char *host,
		      struct fact_store *facts, bool *out_unfit, struct rf_err *err)
{
	struct loading l = {.facts = facts, .bytes_max = check->limits.fact_bytes, .err = err};
	int rc = store_facts_each(store, host, fact_take, &l, err);

	if (!rc)
		rc = l.rc = fact_store_flush(facts, err);
	*out_unfit = l.rc != 0 && l.rc != -ENOMEM;
	return rc;
}

/* ---- one host ---- */

struct due {
	char host[STORE_ID_BYTES];
	int64_t revision;
};

struct putting {
	const struct due *due;
	const char *id, *failed; /* NULL: it did not */
	struct store_findings run;
	const struct store_lease *lease;
};

static int put(struct store *store, void *arg, struct rf_err *err)
{
	const struct putting *p = arg;
	const struct store_event event = {.kind = "judge.failed",
					  .host = p->due->host,
					  .about = "",
					  .old_state = "",
					  .new_state = "",
					  .text = p->failed,
					  .at_ms = p->run.at_ms};
	int rc = store_findings_put(store, &p->run, p->lease, err);

	if (!rc && p->failed)
		rc = store_event_add(store, &event, err);
	return rc ? rc : store_facts_judged(store, p->due->host, p->due->revision, p->id, err);
}

/* Where nothing could be judged, every control says so: what was found before is not known to be so
 * any more. */
static int errors_make(const struct check *check, const char *why, struct check_answer *out)
{
	out->count = 0;
	rf_free(out->findings);
	out->findings = rf_alloc(check->set.controls_count, sizeof(*out->findings));
	if (!out->findings)
		return -ENOMEM;
	for (size_t i = 0; i < check->set.controls_count; i++)
		if (profile_selects(check->profile, &check->set.controls[i]))
			out->findings[out->count++] =
				(struct store_finding){.control = check->set.controls[i].id,
						       .resource = "",
						       .state = "ERROR",
						       .evidence = why};
	return 0;
}

/* The machine's failures, not the host's: it is tried again. */
static bool is_passing(int rc)
{
	return rc == -ENOMEM || rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE;
}

static int judge(const struct check *check, const struct check_turn *turn, const struct due *due,
		 struct check_answer *answer, struct rf_err *why)
{
	FACT_AUTOSTORE struct fact_store *facts = NULL;
	bool unfit = false;
	int rc = fact_store_open(&facts, why);

	if (!rc)
		rc = facts_load(check, turn->store, due->host, facts, &unfit, why);
	const struct check_job job = {.set = &check->set,
				      .profile = check->profile,
				      .facts = facts,
				      .hosts_count = 1,
				      .now_ms = turn->now_ms,
				      .time_ms = check->limits.time_ms};

	if (!rc)
		rc = check_apart(&job, answer, why);
	else if (!unfit)
		return rc;
	if (!rc || is_passing(rc))
		return rc;
	return errors_make(check, rf_err_text(why), answer);
}

static int findings_keep(const struct check *check, const struct check_turn *turn,
			 struct putting *putting, struct rf_err *err)
{
	char id[ID_BYTES];

	id_make(check, turn->now_ms, id);
	putting->id = id;
	putting->lease = turn->lease;
	putting->run.host = putting->due->host;
	putting->run.at_ms = turn->now_ms;
	int rc = store_transaction(turn->store, put, putting, err);

	/* Its facts are others already: then it is due still. Or it was retired meanwhile. */
	return rc == RF_E_CHANGED || rc == RF_E_DENIED ? 0 : rc;
}

static int host_check(struct check *check, const struct check_turn *turn, const struct due *due,
		      struct rf_err *err)
{
	struct check_answer answer = {0};
	struct rf_err why = {0};
	int rc = judge(check, turn, due, &answer, &why);
	struct putting putting = {.due = due,
				  .failed = why.code ? rf_err_text(&why) : NULL,
				  .run = {.findings = answer.findings, .count = answer.count}};

	if (rc && err)
		*err = why;
	if (!rc)
		rc = waived_apply(&check->waived, turn->store, due->host, answer.findings,
				  answer.count, err);
	if (!rc)
		rc = findings_keep(check, turn, &putting, err);
	check_answer_done(&answer);
	return rc;
}

/* ---- who is due ---- */

struct page {
	struct due due[CHECK_HOSTS_A_TURN];
	size_t count;
};

static int due_take(void *arg, const char *host, int64_t revision)
{
	struct page *page = arg;
	struct due *due = &page->due[page->count++];

	due->revision = revision;
	return rf_copy(due->host, sizeof(due->host), host) ? 0 : RF_E_LIMIT;
}

/* ---- many hosts in one pass ---- */

struct round {
	struct check *check;
	const struct check_turn *turn;
	const struct page *page;
	int first; /* failure, which is kept in err with the host's name */
	struct rf_err *err;
};

static void failed(struct round *r, const struct due *due, int rc, const struct rf_err *why)
{
	if (rc && !r->first)
		r->first = rf_fail(r->err, rc, "%s: %s", due->host, rf_err_text(why));
}

/* Holds the lease on, judges one host. */
static void one_check(struct round *r, const struct due *due)
{
	const struct check_turn *turn = r->turn;
	struct rf_err why = {0};
	int rc =
		turn->lease ? store_lease_renew(turn->store, turn->lease, CHECK_LEASE_MS, &why) : 0;

	if (!rc)
		rc = host_check(r->check, turn, due, &why);
	failed(r, due, rc, &why);
}

/* Facts of the page's hosts from `from` on, as many as one pass may hold. *out_end: behind the last
 * of them. */
static int pass_load(const struct round *r, size_t from, struct fact_store *facts, size_t *out_end)
{
	struct loading l = {.facts = facts, .bytes_max = r->check->limits.fact_bytes};
	const struct page *page = r->page;
	int rc = 0;

	for (*out_end = from; !rc && *out_end < page->count && l.bytes < PASS_BYTES; ++*out_end)
		rc = store_facts_each(r->turn->store, page->due[*out_end].host, fact_take, &l,
				      NULL);
	return rc ? rc : fact_store_flush(facts, NULL);
}

static const struct check_host *answer_of(const struct check_answer *answer, const char *host)
{
	for (size_t i = 0; i < answer->hosts_count; i++)
		if (rf_equal(answer->hosts[i].host, host))
			return &answer->hosts[i];
	return NULL;
}

/* Of whom a pass said nothing is judged alone, which says why. */
static void pass_keep(struct round *r, const struct due *due, struct check_answer *answer)
{
	const struct check_host *of = answer_of(answer, due->host);
	struct rf_err why = {0};

	if (!of) {
		one_check(r, due);
		return;
	}
	struct putting putting = {
		.due = due, .run = {.findings = answer->findings + of->from, .count = of->count}};

	int rc = waived_apply(&r->check->waived, r->turn->store, due->host,
			      answer->findings + of->from, of->count, &why);

	failed(r, due, rc ? rc : findings_keep(r->check, r->turn, &putting, &why), &why);
}

/* One pass over hosts from `from` on, by one question for each control; where it fails they are
 * judged one by one. Returns where the next begins. */
static size_t pass(struct round *r, size_t from)
{
	FACT_AUTOSTORE struct fact_store *facts = NULL;
	struct check_answer answer = {0};
	size_t end = r->page->count;
	int rc = fact_store_open(&facts, NULL);

	if (!rc && r->turn->lease)
		rc = store_lease_renew(r->turn->store, r->turn->lease, CHECK_LEASE_MS, NULL);
	if (!rc)
		rc = pass_load(r, from, facts, &end);
	const struct check_job job = {.set = &r->check->set,
				      .profile = r->check->profile,
				      .facts = facts,
				      .hosts_count = end - from,
				      .now_ms = r->turn->now_ms,
				      .time_ms = r->check->limits.time_ms};
	const bool several = job.hosts_count > 1;

	if (!rc && several)
		rc = check_apart(&job, &answer, NULL);
	for (size_t i = from; i < end; i++) {
		if (!rc && several)
			pass_keep(r, &r->page->due[i], &answer);
		else
			one_check(r, &r->page->due[i]);
	}
	check_answer_done(&answer);
	return end;
}

int check_some(struct check *check, const struct check_turn *turn, size_t *out_count,
	       struct rf_err *err)
{
	struct page page = {.count = 0};
	struct round r = {.check = check, .turn = turn, .page = &page, .err = err};
	char id[ID_BYTES];
	const struct store_unjudged want = {id, check->after, CHECK_HOSTS_A_TURN};

	*out_count = 0;
	r.first = waived_load(&check->waived, turn->store, turn->now_ms, err);
	if (r.first)
		return r.first;
	id_make(check, turn->now_ms, id);
	r.first = store_facts_unjudged(turn->store, &want, due_take, &page, err);
	if (r.first)
		page.count = 0;
	*out_count = page.count;
	if (page.count)
		rf_copy(check->after, sizeof(check->after), page.due[page.count - 1].host);
	for (size_t i = 0; i < page.count;) {
		if (check->alone)
			one_check(&r, &page.due[i++]);
		else
			i = pass(&r, i);
	}
	/* Behind the last one they begin anew. */
	if (page.count < CHECK_HOSTS_A_TURN)
		check->after[0] = '\0';
	return r.first;
}
