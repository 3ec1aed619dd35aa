/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many hosts judged in one pass have the findings that each has alone: over a directory of hosts
 * (tests/fixtures/hosts, with the VMs of examples/), each of them whole, seen in part, and not seen
 * at all. This holds our controls to comparing rows of one host only.
 */
#include "store_test.h"

#include "base/arena.h"
#include "collect/collect.h"
#include "collect/run.h"
#include "manager/check.h"
#include "model/fact.h"
#include "model/store.h"
#include "store/ask.h"

#define NOW	 1700000000000
#define SSH	 "host.ssh.agent-forwarding"
#define FIXTURES "tests/fixtures/hosts"

/* Every way in which a host's facts may be there. */
enum seen { WHOLE, WITHOUT_SSH, GAPS, WAYS };
static const char *const ways[] = {"whole", "without-ssh", "gaps"};

/* A host's rows on their way from the facts of a run to the store: a table at a time. */
#define ROWS_MAX 4096
struct copying {
	struct store *store;
	struct fact_store *from;
	const char *host;
	enum seen way;
	const struct fact_table *table;
	struct store_fact rows[ROWS_MAX];
	size_t count;
	struct rf_arena texts;
};

static bool is_left_out(const struct copying *c, sqlite3_stmt *row)
{
	if (c->way == WITHOUT_SSH && strncmp(c->table->name, "ssh_", 4) == 0)
		return true;
	return c->way == WITHOUT_SSH && strcmp(c->table->name, "collector_run") == 0 &&
	       strcmp((const char *)sqlite3_column_text(row, 1), "ssh") == 0;
}

static int row_copy(void *arg, sqlite3_stmt *row)
{
	struct copying *c = arg;
	size_t count = c->table->columns_count;

	if (is_left_out(c, row))
		return 0;
	assert_true(c->count < ROWS_MAX);
	struct store_value *values = rf_arena_alloc(&c->texts, count, sizeof(*values));

	for (size_t i = 0; i < count; i++) {
		const char *text = (const char *)sqlite3_column_text(row, (int)i);

		values[i] = sqlite3_column_type(row, (int)i) == SQLITE_INTEGER
				    ? store_int(sqlite3_column_int64(row, (int)i))
				    : store_text(text ? rf_arena_copy(&c->texts, text) : NULL);
	}
	c->rows[c->count++] = (struct store_fact){c->table->name, values, count, false};
	return 0;
}

static void rows_put(struct copying *c)
{
	struct rf_err err = {0};

	must(store_facts_put(c->store, &(struct store_facts){c->host, false, c->rows, c->count, 5},
			     NULL, &err),
	     &err);
	c->count = 0;
	rf_arena_done(&c->texts);
}

/* Whole tables could not be read. */
static void gaps_put(struct copying *c)
{
	static const char *const tables[] = {"vm", "sysctl", "service", "vm_nic", "account"};
	struct rf_err err = {0};

	for (size_t i = 0; i < RF_COUNT(tables); i++) {
		const struct store_value row[] = {
			store_text(c->host), store_text(tables[i]),	     store_text(""),
			store_text(""),	     store_text("the disk is full"), store_text("x")};
		const struct store_fact fact = {"fact_gap", row, RF_COUNT(row), false};

		must(store_facts_put(c->store, &(struct store_facts){c->host, false, &fact, 1, 5},
				     NULL, &err),
		     &err);
	}
}

static void host_copy(struct copying *c)
{
	const struct store_facts none = {c->host, true, NULL, 0, 5};
	struct rf_err err = {0};
	char sql[128];

	add_host(c->store, c->host);
	must(store_facts_put(c->store, &none, NULL, &err), &err);
	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		c->table = &fact_tables[t];
		if (c->table->is_view || t == FACT_T_VMX_DEFAULT)
			continue;
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", c->table->name);
		must(fact_store_each(c->from, sql, row_copy, c), &err);
		rows_put(c);
	}
	if (c->way == GAPS)
		gaps_put(c);
}

static struct fact_store *collected(const char *name)
{
	const char *root = getenv("SOURCE_DIR");
	char dir[512], xml[512], vmx[512];
	const char *const xmls[] = {xml}, *const vmxs[] = {vmx};
	const struct collect_request request = {
		.host = true, .xml = xmls, .xml_count = 1, .vmx = vmxs, .vmx_count = 1};
	struct collect_options options = {.req = &request, .no_sandbox = true};
	struct fact_store *facts = NULL;
	struct rf_err err = {0};

	snprintf(dir, sizeof(dir), "%s/" FIXTURES "/%s", root, name);
	snprintf(xml, sizeof(xml), "%s/examples/domain-xml", root);
	snprintf(vmx, sizeof(vmx), "%s/examples/vmx", root);
	must(sys_open_dir(dir, &options.sys, &err), &err);
	must(fact_store_open(&facts, &err), &err);
	must(collect_run(facts, &options, &err), &err);
	must(fact_store_flush(facts, &err), &err);
	sys_close(options.sys);
	return facts;
}

/* Each fixture is read once for both engines. */
#define FIXTURES_MAX 16
static struct fixture {
	char name[256];
	struct fact_store *facts;
} fixtures[FIXTURES_MAX];

static struct fact_store *fixture(const char *name)
{
	struct fixture *f = fixtures;

	while (f->facts && strcmp(f->name, name))
		assert_true(++f < fixtures + FIXTURES_MAX);
	if (!f->facts) {
		snprintf(f->name, sizeof(f->name), "%s", name);
		f->facts = collected(name);
	}
	return f->facts;
}

/* Hosts of the directory into the store, in each way. */
static size_t hosts_put(struct place *p)
{
	char path[512];
	size_t count = 0;

	snprintf(path, sizeof(path), "%s/" FIXTURES, getenv("SOURCE_DIR"));
	DIR *dir = opendir(path);

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		struct fact_store *facts = fixture(e->d_name);

		for (int way = 0; way < WAYS; way++) {
			char host[512];
			static struct copying c;

			snprintf(host, sizeof(host), "%s-%s", e->d_name, ways[way]);
			c = (struct copying){.store = p->store,
					     .from = facts,
					     .host = host,
					     .way = (enum seen)way};
			host_copy(&c);
			count++;
		}
	}
	closedir(dir);
	return count;
}

/* ---- comparing ---- */

static int take_line(void *arg, const char *host, const struct store_finding *f)
{
	rf_buf_printf(arg, "%s %s %s %s %s\n", host, f->control, f->resource, f->state,
		      f->evidence);
	return 0;
}

static void findings_text(struct store *store, struct rf_buf *out)
{
	const struct store_finding_page page = {"", "", "", "", "", "", 1000000};
	struct rf_err err = {0};

	must(store_finding_page(store, &page, take_line, out, &err), &err);
}

static size_t judge_all(struct place *p, bool alone, const char *site)
{
	const struct check_options options = {
		.profile = "kvm-high",
		.site = site,
		.alone = alone,
		.limits = {.time_ms = 120000, .fact_bytes = 256u << 20}};
	const struct check_turn turn = {.store = p->store, .now_ms = NOW};
	struct check *check = NULL;
	struct rf_err err = {0};
	size_t judged = 0, count;

	must(check_open(&options, NOW, &check, &err), &err);
	do {
		must(check_some(check, &turn, &count, &err), &err);
		judged += count;
	} while (count);
	check_close(check);
	return judged;
}

/* The first line that differs, for a person. */
static void assert_same(const struct rf_buf *a, const struct rf_buf *b)
{
	const char *x = rf_buf_text((struct rf_buf *)(uintptr_t)a),
		   *y = rf_buf_text((struct rf_buf *)(uintptr_t)b);

	while (*x && *y) {
		size_t n = strcspn(x, "\n"), m = strcspn(y, "\n");

		if (n != m || memcmp(x, y, n))
			fail_msg("in a pass:\n%.*s\nalone:\n%.*s", (int)n, x, (int)m, y);
		x += n + 1;
		y += m + 1;
	}
	assert_string_equal(x, y);
}

#define FORGET "UPDATE facts_fleet_state SET judged = 0, judged_by = ''"

static void a_pass_finds_what_each_host_has_alone(struct place *p)
{
	RF_AUTOBUF struct rf_buf together = {0}, alone = {0};
	struct rf_err err = {0};

	must(store_facts_upgrade(p->owner, &err), &err);
	size_t hosts = hosts_put(p);

	assert_true(hosts >= 5 * WAYS && hosts < CHECK_HOSTS_A_TURN);
	assert_int_equal(judge_all(p, false, NULL), hosts);
	findings_text(p->store, &together);
	/* Were a pass to fail, all would have been judged alone, and this would say nothing. */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding WHERE state = 'ERROR'"), 0);
	assert_true(ask(p->store, "SELECT count(*) FROM finding") > 5000);
	place_sql(p, p->is_postgres ? "UPDATE facts.fleet_state SET judged = 0, judged_by = ''"
				    : FORGET);
	place_sql(p, "DELETE FROM finding");
	assert_int_equal(judge_all(p, true, NULL), hosts);
	findings_text(p->store, &alone);
	assert_same(&together, &alone);
	/* What nobody looked at on one host is said of others all the same. */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding WHERE control = '" SSH
				       "' AND host LIKE '%without-ssh'"),
			 0);
	assert_true(ask(p->store, "SELECT count(*) FROM finding WHERE control = '" SSH
				  "' AND host LIKE '%-whole'") > 0);
}

static const struct shared_case cases[] = {
	{"a pass finds what each host has alone", a_pass_finds_what_each_host_has_alone},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	signal(SIGPIPE, SIG_IGN);
	engine_tests(cases, RF_COUNT(cases), rows, tests);
	int failed = cmocka_run_group_tests(tests, server_start, server_stop);

	for (size_t i = 0; i < FIXTURES_MAX; i++)
		fact_store_close(fixtures[i].facts);
	return failed;
}
