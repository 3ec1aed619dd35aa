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
#include "manager/check_apart.h"

#define ID_BYTES 40
#define DAY_MS	 86400000

const struct check_limits check_limits_usual = {.time_ms = 30000, .fact_bytes = 256u << 20};

struct check {
	struct control_set set;
	const struct profile *profile;
	struct check_limits limits;
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
	rf_copy(out, ID_BYTES, rf_buf_text(&id));
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
	*out = check;
	return 0;
}

void check_close(struct check *check)
{
	if (!check)
		return;
	control_set_done(&check->set);
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
		      struct fact_store **out, bool *out_unfit, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *facts = NULL;
	int rc = fact_store_open(&facts, err);
	struct loading l = {.facts = facts, .bytes_max = check->limits.fact_bytes, .err = err};

	if (!rc)
		rc = store_facts_each(store, host, fact_take, &l, err);
	if (!rc)
		rc = l.rc = fact_store_flush(facts, err);
	*out_unfit = l.rc != 0 && l.rc != -ENOMEM;
	if (rc)
		return rc;
	*out = facts;
	facts = NULL;
	return 0;
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
	bool unfit = true;
	int rc = facts_load(check, turn->store, due->host, &facts, &unfit, why);
	const struct check_job job = {.set = &check->set,
				      .profile = check->profile,
				      .facts = facts,
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

static int host_check(const struct check *check, const struct check_turn *turn,
		      const struct due *due, struct rf_err *err)
{
	struct check_answer answer = {0};
	struct rf_err why = {0};
	char id[ID_BYTES];
	int rc = judge(check, turn, due, &answer, &why);
	struct putting putting = {.due = due,
				  .id = id,
				  .failed = why.code ? rf_err_text(&why) : NULL,
				  .run = {due->host, answer.findings, answer.count, turn->now_ms},
				  .lease = turn->lease};

	id_make(check, turn->now_ms, id);
	if (rc && err)
		*err = why;
	if (!rc)
		rc = store_transaction(turn->store, put, &putting, err);
	check_answer_done(&answer);
	/* Its facts are others already: then it is due still. Or it was retired meanwhile. */
	return rc == RF_E_CHANGED || rc == RF_E_DENIED ? 0 : rc;
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

int check_some(struct check *check, const struct check_turn *turn, size_t *out_count,
	       struct rf_err *err)
{
	struct page page = {.count = 0};
	char id[ID_BYTES];
	const struct store_unjudged want = {id, check->after, CHECK_HOSTS_A_TURN};

	id_make(check, turn->now_ms, id);
	int first = store_facts_unjudged(turn->store, &want, due_take, &page, err);

	*out_count = first ? 0 : page.count;
	for (size_t i = 0; i < page.count && !first; i++)
		rf_copy(check->after, sizeof(check->after), page.due[i].host);
	for (size_t i = 0; i < *out_count; i++) {
		struct rf_err own = {0};
		int rc = turn->lease
				 ? store_lease_renew(turn->store, turn->lease, CHECK_LEASE_MS, &own)
				 : 0;

		if (!rc)
			rc = host_check(check, turn, &page.due[i], &own);
		if (rc && !first)
			first = rf_fail(err, rc, "%s: %s", page.due[i].host, rf_err_text(&own));
	}
	/* Behind the last one they begin anew. */
	if (page.count < CHECK_HOSTS_A_TURN)
		check->after[0] = '\0';
	return first;
}
