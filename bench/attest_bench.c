/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast evidence is judged. Processor time of this process, the best of some turns, so that a
 * busy machine disturbs little. Prints a line for each figure: name, value, unit, parted by tabs;
 * bench/attest makes a table of them beside goals and peers.
 *
 * usage: attest_bench [BOOT_LOG_OUT [IMA_LIST_IN]]
 */
#include <stdio.h>
#include <time.h>

#include "bench_evidence.h"

#include "attest/digestset.h"
#include "attest/verdict.h"

#define TURNS 7

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(const char *name, double value, const char *unit)
{
	printf("%s\t%.6g\t%s\n", name, value, unit);
}

/* Seconds of one call: the best turn of so many calls. */
static double best_of(void (*run)(void *), void *data, int calls)
{
	double best = 1e9;

	for (int turn = 0; turn < TURNS; turn++) {
		double start = now_s();

		for (int i = 0; i < calls; i++)
			run(data);
		double took = (now_s() - start) / calls;

		best = took < best ? took : best;
	}
	return best;
}

/* ---- full verification ---- */

struct full {
	struct bench_host *host;
	struct verdict_options options;
	struct verdict verdict;
};

static void full_run(void *data)
{
	struct full *f = data;

	if (attest_verify(f->host->hasher, rf_buf_slice(&f->host->evidence), &f->options,
			  &f->verdict, NULL))
		abort();
}

static void full_verification(struct bench_host *host)
{
	struct full f = {.host = host,
			 .options = {.nonce = rf_slice_text(BENCH_NONCE), .now_ms = 1}};
	struct baseline *baseline = NULL;
	struct evidence evidence;
	char words[400];

	full_run(&f);
	fprintf(stderr, "verdict: %s\n", verdict_state_name(f.verdict.state));
	for (size_t i = 0; i < f.verdict.reasons.count; i++)
		fprintf(stderr, "%s\n",
			reason_words(&f.verdict.reasons.items[i], words, sizeof(words)));
	/* Without a baseline nothing can be trusted, but everything must be proved. */
	if (f.verdict.state == VERDICT_UNTRUSTED || !f.verdict.quote_proved ||
	    f.verdict.ima_entries != 780)
		abort();
	say("full", best_of(full_run, &f, 100) * 1e3, "ms");
	if (evidence_parse(rf_buf_slice(&host->evidence), &evidence, NULL) == 0 &&
	    baseline_create(host->hasher, &evidence, "first", &baseline, NULL) == 0 &&
	    baseline_approve(baseline, "first", "bench", 1, NULL) == 0) {
		f.options.baseline = baseline;
		full_run(&f);
		fprintf(stderr, "verdict with a baseline: %s\n",
			verdict_state_name(f.verdict.state));
		if (f.verdict.state == VERDICT_UNTRUSTED || f.verdict.state == VERDICT_CANNOT_JUDGE)
			abort();
		say("full_baseline", best_of(full_run, &f, 50) * 1e3, "ms");
	}
	baseline_free(baseline);
	verdict_done(&f.verdict);
}

/* ---- incremental: a quote, five entries ---- */

struct step {
	struct bench_host *host;
	struct attest_key *key;
	struct rf_slice entries;
	struct ima_state before;
	EVP_PKEY_CTX *raw;
	uint8_t digest[32];
};

static void step_run(void *data)
{
	struct step *s = data;
	struct bench_host *h = s->host;
	struct attest_pcr_values values;
	struct attest_quote quote;
	struct ima_state state = s->before;
	struct ima_quoted quoted;
	struct ima_list list;
	uint16_t hash = 0;
	const struct ima_target target = {.values = &values};

	if (attest_signature_verify(s->key, rf_buf_slice(&h->signature), rf_buf_slice(&h->quote),
				    &hash, NULL) ||
	    attest_quote_parse(rf_buf_slice(&h->quote), &quote, NULL) ||
	    attest_quote_nonce_check(&quote, rf_slice_text(BENCH_NONCE), NULL) ||
	    evidence_pcrs_parse(rf_buf_slice(&h->pcrs), &values, NULL) ||
	    attest_quote_digest_check(h->hasher, &quote, hash, &values, NULL) ||
	    ima_open(s->entries, 20, &list, NULL) ||
	    ima_find_quoted(h->hasher, &list, &target, &state, &quoted, NULL) ||
	    quoted.entries != 5)
		abort();
}

/* The signature alone, through the same library, prepared as well as it can be. */
static void raw_run(void *data)
{
	struct step *s = data;

	if (EVP_PKEY_verify(s->raw, s->host->signature.data + 6, s->host->signature.len - 6,
			    s->digest, 32) != 1)
		abort();
}

static void incremental(struct bench_host *h)
{
	struct step s = {.host = h, .before = h->ima_state};
	struct attest_public ak;
	size_t start = h->ima.len;

	for (uint32_t i = 0; i < 5; i++)
		bench_ima_entry(h->hasher, &h->ima, 900000 + i, NULL);
	s.entries = (struct rf_slice){h->ima.data + start, h->ima.len - start};
	bench_ima_replay(h->hasher, s.entries, &h->ima_state);
	bench_take_ima(h);
	bench_quote(h);
	if (attest_public_parse(rf_buf_slice(&h->area), &ak, NULL) ||
	    attest_key_new(&ak, &s.key, NULL))
		abort();
	EVP_Digest(h->quote.data, h->quote.len, s.digest, NULL, EVP_sha256(), NULL);
	s.raw = EVP_PKEY_CTX_new(h->key, NULL);
	if (EVP_PKEY_verify_init(s.raw) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(s.raw, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(s.raw, EVP_sha256()) != 1)
		abort();
	double ours = best_of(step_run, &s, 1000), raw = best_of(raw_run, &s, 1000);

	say("incremental", 1 / ours, "/s");
	say("rsa_evp", 1 / raw, "/s");
	EVP_PKEY_CTX_free(s.raw);
	attest_key_free(s.key);
}

/* ---- boot log ---- */

static void log_run(void *data)
{
	struct bench_host *h = data;
	struct eventlog_replay replay;
	struct eventlog_meaning meaning;
	struct eventlog_event event;
	struct eventlog_state state = {0};
	struct eventlog log;
	size_t at = 0;

	if (eventlog_open(rf_buf_slice(&h->boot_log), &log, NULL) ||
	    eventlog_replay(h->hasher, &log, &replay, NULL))
		abort();
	while (eventlog_next(&log, &at, &event) == 1)
		eventlog_explain(h->hasher, &log, &event, &state, &meaning);
}

static void boot_log(struct bench_host *h)
{
	struct eventlog log;

	if (eventlog_open(rf_buf_slice(&h->boot_log), &log, NULL))
		abort();
	say("log_bytes", (double)h->boot_log.len, "bytes");
	say("log_events", (double)log.events_count, "events");
	say("log", best_of(log_run, h, 100) * 1e3, "ms");
}

/* ---- IMA ---- */

struct replay {
	struct attest_hasher *hasher;
	struct rf_slice in;
	const uint16_t *algs;
	size_t banks;
};

static void replay_run(void *data)
{
	const struct replay *r = data;
	struct ima_state state;

	if (ima_state_init(&state, IMA_PCR, r->algs, r->banks, NULL))
		abort();
	bench_ima_replay(r->hasher, r->in, &state);
}

static void ima_lists(struct attest_hasher *hasher, struct rf_slice in, uint32_t entries)
{
	static const uint16_t algs[] = {ATTEST_SHA256, ATTEST_SHA1, ATTEST_SHA384};
	static const char *const names[] = {"ima_1bank", "ima_2banks", "ima_3banks"};

	for (size_t banks = 1; banks <= RF_COUNT(algs); banks++) {
		struct replay r = {.hasher = hasher, .in = in, .algs = algs, .banks = banks};
		double took = best_of(replay_run, &r, 1);

		say(names[banks - 1], entries / took / 1e6, "M/s");
		if (banks == 1)
			say("ima_list", took * 1e3, "ms");
	}
}

/* No entry can be named within the budget: what a search costs. */
static void ima_search(struct attest_hasher *hasher, struct rf_slice in, uint16_t alg,
		       const char *name)
{
	struct attest_pcr_values values = {.algs = {alg}, .banks_count = 1};
	struct ima_target target = {.values = &values};
	struct ima_search limits = {.max_extends = 2000000};
	struct ima_culprit culprit;
	struct ima_state state;
	struct ima_list list;
	double start = now_s();

	values.present[0] = 1u << IMA_PCR;
	values.values[0][IMA_PCR].len = (uint8_t)attest_digest_size(alg);
	if (ima_open(in, 20, &list, NULL) < 0 ||
	    ima_state_init(&state, IMA_PCR, &alg, 1, NULL) < 0 ||
	    ima_find_culprit(hasher, &list, &target, &state, &limits, &culprit) != 0)
		abort();
	say(name, (double)limits.max_extends / (now_s() - start) / 1e6, "M/s");
}

/* ---- digests ---- */

static void lookups(const struct digestset *set, uint32_t count)
{
	uint8_t digest[32] = {0};
	uint64_t x = 1;

	for (unsigned int miss = 0; miss < 2; miss++) {
		double start = now_s();
		uint64_t found = 0;

		for (uint32_t i = 0; i < 2000000; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			uint32_t n = (uint32_t)(x >> 33) % count + (miss ? count : 0);

			memcpy(digest + 4, &n, sizeof(n));
			found += digestset_has(set, ATTEST_SHA256,
					       (struct rf_slice){digest, sizeof(digest)}, NULL);
		}
		if (found != (miss ? 0 : 2000000))
			abort();
		say(miss ? "digest_absent" : "digest_present", (now_s() - start) / 2.0, "us");
	}
}

static void digests(uint32_t count)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct digestset *set = NULL;
	uint8_t digest[32] = {0};

	for (uint32_t i = 0; i < count; i++) {
		memcpy(digest + 4, &i, sizeof(i));
		rf_buf_add_text(&text, "sha256:");
		rf_buf_add_hex(&text, digest, sizeof(digest));
		rf_buf_printf(&text, " /usr/lib/x86_64-linux-gnu/libsome%u.so\n", i);
	}
	double start = now_s();

	if (digestset_load(rf_buf_slice(&text), &set, NULL) < 0)
		abort();
	say("digest_load", now_s() - start, "s");
	say("digest_bytes", (double)digestset_bytes(set) / count, "bytes");
	lookups(set, count);
	digestset_free(set);
}

static void file_write(const char *path, const struct rf_buf *bytes)
{
	FILE *f = fopen(path, "wb");

	if (f) {
		fwrite(bytes->data, 1, bytes->len, f);
		fclose(f);
	}
}

static void file_read(const char *path, struct rf_buf *out)
{
	FILE *f = fopen(path, "rb");
	uint8_t block[65536];

	for (size_t n; f && (n = fread(block, 1, sizeof(block), f)) > 0;)
		rf_buf_add(out, block, n);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	RF_AUTOBUF struct rf_buf list = {0};
	struct bench_host host = {0};
	uint32_t entries = 100000;

	bench_host_make(&host, 780);
	if (argc > 1)
		file_write(argv[1], &host.boot_log);
	full_verification(&host);
	incremental(&host);
	boot_log(&host);
	if (argc > 2) {
		struct ima_entry entry;
		struct ima_list in;

		file_read(argv[2], &list);
		if (ima_open(rf_buf_slice(&list), 20, &in, NULL))
			abort();
		while (ima_next(&in, &entry, NULL) == 1)
			entries = in.count;
	}
	for (uint32_t i = 0; argc <= 2 && i < entries; i++)
		bench_ima_entry(host.hasher, &list, i, NULL);
	ima_lists(host.hasher, rf_buf_slice(&list), entries);
	ima_search(host.hasher, rf_buf_slice(&list), ATTEST_SHA1, "search_sha1");
	ima_search(host.hasher, rf_buf_slice(&list), ATTEST_SHA256, "search_sha256");
	digests(1000000);
	bench_host_done(&host);
	return 0;
}
