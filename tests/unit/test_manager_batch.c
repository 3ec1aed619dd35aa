/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that share a commit: each is answered after it is stored, and one that fails, or a disk
 * that is full, costs nobody a wrong answer. */
#include "store_test.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/resource.h>

#include "manager/batch.h"
#include "store/fleet.h"

struct fixture {
	char folder[32], url[64];
	struct store *store, *reader;
	struct event_base *base;
	struct batch *batch;
};

struct write {
	struct fixture *f;
	const char *verdict, *host;
	size_t bytes; /* of evidence */
	int tries, rc, dones;
	bool there;	       /* at the time of the answer, for another connection */
	struct write *another; /* to be added then */
};

static int take_verdict(void *arg, const struct store_value *row)
{
	*(bool *)arg = row[0].number > 0;
	return 0;
}

static bool is_there(struct store *store, const char *verdict)
{
	static const struct store_statement ask_there = {
		"SELECT count(*) FROM verdict WHERE verdict = $1", NULL, "t", "i"};
	bool there = false;

	assert_int_equal(store_run_text(store, &ask_there, STORE_PARAMS(store_text(verdict)),
					(struct store_rows){take_verdict, &there}, NULL),
			 0);
	return there;
}

static int put(struct store *store, void *arg, struct rf_err *err)
{
	struct write *w = arg;
	RF_AUTOBUF struct rf_buf evidence = {0};

	w->tries++;
	while (evidence.len < w->bytes)
		rf_buf_printf(&evidence, "%s %zu ", w->verdict, evidence.len);
	return store_verdict_add(store,
				 &(struct store_verdict){.verdict = w->verdict,
							 .host = w->host,
							 .state = "TRUSTED",
							 .reason = "",
							 .evidence = rf_buf_slice(&evidence),
							 .at_ms = 5},
				 NULL, err);
}

static void on_done(void *arg, int rc, const struct rf_err *err)
{
	struct write *w = arg;

	w->dones++;
	w->rc = rc;
	w->there = is_there(w->f->reader, w->verdict);
	assert_int_equal(rc, err->code);
	if (w->another)
		assert_int_equal(batch_add(w->f->batch,
					   &(struct batch_item){put, on_done, w->another}, NULL),
				 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct rf_err err = {0};

	strcpy(f->folder, "/tmp/rf-batch-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	rf_format(f->url, sizeof(f->url), "sqlite:%s/s.db", f->folder);
	must(store_upgrade(f->url, &err), &err);
	must(store_open(f->url, &f->store, &err), &err);
	must(store_open(f->url, &f->reader, &err), &err);
	add_host(f->store, "a");
	f->base = event_base_new();
	must(batch_new(f->base, f->store, &f->batch, &err), &err);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	batch_free(f->batch);
	event_base_free(f->base);
	store_close(f->store);
	store_close(f->reader);
	remove_tree(f->folder);
	free(f);
	return 0;
}

static void add(struct fixture *f, struct write *w)
{
	w->f = f;
	assert_int_equal(batch_add(f->batch, &(struct batch_item){put, on_done, w}, NULL), 0);
}

static void they_are_stored_before_they_are_answered(void **state)
{
	struct write w[] = {{.verdict = "v1", .host = "a"}, {.verdict = "v2", .host = "a"}};
	struct fixture *f = *state;

	add(f, &w[0]);
	add(f, &w[1]);
	/* Never from within the call. */
	assert_int_equal(w[0].dones, 0);
	(void)event_base_dispatch(f->base);
	for (size_t i = 0; i < RF_COUNT(w); i++) {
		assert_int_equal(w[i].dones, 1);
		assert_int_equal(w[i].tries, 1);
		assert_int_equal(w[i].rc, 0);
		assert_true(w[i].there);
	}
}

static void one_that_fails_costs_the_others_nothing(void **state)
{
	struct write w[] = {{.verdict = "v1", .host = "a"},
			    {.verdict = "v2", .host = "nobody"},
			    {.verdict = "v3", .host = "a"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < RF_COUNT(w); i++)
		add(f, &w[i]);
	batch_flush(f->batch);
	assert_int_equal(w[0].rc, 0);
	assert_int_equal(w[1].rc, RF_E_UNKNOWN);
	assert_int_equal(w[2].rc, 0);
	assert_true(w[0].there && w[2].there && !w[1].there);
	for (size_t i = 0; i < RF_COUNT(w); i++)
		assert_int_equal(w[i].dones, 1);
}

static void what_an_answer_adds_is_written_too(void **state)
{
	struct write second = {.verdict = "v2", .host = "a"};
	struct write first = {.verdict = "v1", .host = "a", .another = &second};
	struct fixture *f = *state;

	second.f = f;
	add(f, &first);
	(void)event_base_dispatch(f->base);
	assert_int_equal(second.dones, 1);
	assert_true(second.there);
}

static void the_end_writes_what_waits(void **state)
{
	struct write w = {.verdict = "v1", .host = "a"};
	struct fixture *f = *state;

	add(f, &w);
	batch_free(f->batch);
	f->batch = NULL;
	assert_int_equal(w.dones, 1);
	assert_true(w.there);
}

/* More than one commit takes, all answered once. */
static void many_are_all_answered(void **state)
{
	static struct write w[3 * BATCH_MOST];
	static char names[RF_COUNT(w)][16];
	struct fixture *f = *state;

	memset(w, 0, sizeof(w));
	for (size_t i = 0; i < RF_COUNT(w); i++) {
		rf_format(names[i], sizeof(names[i]), "v%zu", i);
		w[i].verdict = names[i];
		w[i].host = "a";
		add(f, &w[i]);
	}
	(void)event_base_dispatch(f->base);
	for (size_t i = 0; i < RF_COUNT(w); i++) {
		assert_int_equal(w[i].dones, 1);
		assert_true(w[i].there);
	}
}

/* The disk takes no more: that is said, nothing counts as stored; when there is room, it goes on.
 */
static void a_full_disk_is_said(void **state)
{
	struct write full[] = {{.verdict = "v1", .host = "a", .bytes = 4u << 20},
			       {.verdict = "v2", .host = "a", .bytes = 4u << 20}};
	struct write later = {.verdict = "v3", .host = "a", .bytes = 4u << 20};
	struct fixture *f = *state;
	struct rlimit before, small;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){1u << 20, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	add(f, &full[0]);
	add(f, &full[1]);
	batch_flush(f->batch);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t i = 0; i < RF_COUNT(full); i++) {
		assert_int_equal(full[i].dones, 1);
		assert_true(full[i].rc < 0);
		assert_false(full[i].there);
	}
	add(f, &later);
	batch_flush(f->batch);
	assert_int_equal(later.rc, 0);
	assert_true(later.there);
	assert_false(is_there(f->reader, "v1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_are_stored_before_they_are_answered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_fails_costs_the_others_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_an_answer_adds_is_written_too, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_end_writes_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(many_are_all_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
