/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCR values out of boot logs: known values, what each PCR begins with, banks, and that tampering
 * with one event changes its PCR and no other. With EVENTLOG_SAMPLES=FOLDER it also replays the
 * logs there (*.bin) and compares with what tpm2_eventlog says (*.expected.yaml).
 */
#include <dirent.h>

#include "eventlog_test.h"

/* H of four zeros into PCRs of zeros: a PCR that saw its separator only. */
#define SEPARATED_SHA1	 "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236"
#define SEPARATED_SHA256 "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969"

static struct eventlog_replay replayed;

static const struct eventlog_replay *replay(const struct log_build *b)
{
	struct eventlog log;
	struct rf_err err = {0};

	open_log(b, &log);
	assert_int_equal(eventlog_replay(b->hasher, &log, &replayed, &err), 0);
	return &replayed;
}

static void assert_hex(const struct attest_digest *value, const char *hex)
{
	uint8_t bytes[ATTEST_MAX_DIGEST];
	size_t len;

	assert_int_equal(rf_hex_decode(hex, bytes, sizeof(bytes), &len), 0);
	assert_int_equal(value->len, len);
	assert_memory_equal(value->bytes, bytes, len);
}

static void separators_give_the_well_known_values(void **state)
{
	const struct eventlog_replay *r;
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(&b, pcr, SEPARATOR, ZEROS);
	r = replay(&b);
	assert_int_equal(r->pcrs.banks_count, 2);
	assert_int_equal(r->touched[0], 0xff);
	assert_int_equal(r->pcrs.present[1], 0xff);
	for (uint32_t pcr = 0; pcr < 8; pcr++) {
		assert_hex(&r->pcrs.values[0][pcr], SEPARATED_SHA1);
		assert_hex(&r->pcrs.values[1][pcr], SEPARATED_SHA256);
	}
	end_log(&b);
	begin_log12(&b);
	add_event(&b, 5, SEPARATOR, ZEROS);
	r = replay(&b);
	assert_int_equal(r->pcrs.banks_count, 1);
	assert_int_equal(r->touched[0], 1u << 5);
	assert_hex(&r->pcrs.values[0][5], SEPARATED_SHA1);
	end_log(&b);
}

/* What PCR 0 is when it began with that last byte and then saw data. */
static void assert_pcr0_began(const struct log_build *b, uint8_t begin, struct rf_slice data)
{
	const struct eventlog_replay *r = replay(b);
	uint8_t value[32] = {0}, digest[32];

	value[31] = begin;
	assert_int_equal(attest_hash(b->hasher, ATTEST_SHA256, data, NOTHING, digest), 0);
	assert_int_equal(attest_extend(b->hasher, ATTEST_SHA256, value,
				       (struct rf_slice){digest, sizeof(digest)}),
			 0);
	assert_memory_equal(r->pcrs.values[0][0].bytes, value, sizeof(value));
}

static void pcr_0_begins_with_the_locality(void **state)
{
	static const uint8_t localities[] = {0, 3, 4};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(localities); i++) {
		struct log_build b;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_locality(&b, localities[i]);
		add_event(&b, 0, CRTM_VERSION, BYTES("1"));
		assert_pcr0_began(&b, localities[i], BYTES("1"));
		end_log(&b);
	}
}

static void pcr_0_begins_with_4_after_an_hcrtm(void **state)
{
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_locality(&b, 3);
	add_event(&b, 0, HCRTM, BYTES("HCRTM"));
	assert_pcr0_began(&b, 4, BYTES("HCRTM"));
	end_log(&b);
}

static void a_late_hcrtm_is_an_event_like_others(void **state)
{
	struct log_build late, plain;
	struct attest_digest first;

	(void)state;
	begin_log(&late, ATTEST_SHA256, 0, 0);
	add_event(&late, 0, CRTM_VERSION, BYTES("1"));
	add_event(&late, 0, HCRTM, BYTES("HCRTM"));
	first = replay(&late)->pcrs.values[0][0];
	begin_log(&plain, ATTEST_SHA256, 0, 0);
	add_event(&plain, 0, CRTM_VERSION, BYTES("1"));
	add_event(&plain, 0, POST_CODE, BYTES("HCRTM"));
	assert_memory_equal(replay(&plain)->pcrs.values[0][0].bytes, first.bytes, 32);
	end_log(&late);
	end_log(&plain);
}

static void no_action_extends_nothing(void **state)
{
	const struct eventlog_replay *r;
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	for (uint32_t pcr = 0; pcr < 24; pcr++)
		add_event(&b, pcr, NO_ACTION, BYTES("something"));
	r = replay(&b);
	assert_int_equal(r->touched[0], 0);
	assert_int_equal(r->pcrs.present[0], 0);
	end_log(&b);
}

static void untouched_pcrs_hold_what_they_began_with(void **state)
{
	static const uint8_t zeros[32];
	const struct eventlog_replay *r;
	uint8_t ones[32];
	struct log_build b;

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 4, SEPARATOR, ZEROS);
	r = replay(&b);
	for (uint32_t pcr = 0; pcr < 24; pcr++) {
		bool launch = pcr >= 17 && pcr <= 22;

		assert_int_equal(r->pcrs.values[0][pcr].alg, ATTEST_SHA256);
		assert_int_equal(r->pcrs.values[0][pcr].len, 32);
		if (pcr != 4)
			assert_memory_equal(r->pcrs.values[0][pcr].bytes, launch ? ones : zeros,
					    32);
	}
	end_log(&b);
}

/* After a dynamic launch PCR 17 to 22 begin with zeros; without one, with ones. */
static void launch_pcrs_begin_with_zeros_after_a_launch(void **state)
{
	static const struct {
		uint32_t pcr;
		uint8_t begin;
	} rows[] = {{17, 0}, {18, 0}, {19, 0}, {20, 0xff}, {22, 0xff}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct eventlog_replay *r;
		uint8_t value[32], digest[32];
		struct log_build b;

		memset(value, rows[i].begin, sizeof(value));
		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_event(&b, rows[i].pcr, EVENT_TAG, BYTES("x"));
		assert_int_equal(attest_hash(b.hasher, ATTEST_SHA256, BYTES("x"), NOTHING, digest),
				 0);
		assert_int_equal(attest_extend(b.hasher, ATTEST_SHA256, value,
					       (struct rf_slice){digest, 32}),
				 0);
		r = replay(&b);
		assert_memory_equal(r->pcrs.values[0][rows[i].pcr].bytes, value, 32);
		end_log(&b);
	}
}

static void a_bank_without_digest_is_not_extended(void **state)
{
	const struct eventlog_replay *r;
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_event(&b, 4, SEPARATOR, ZEROS);
	b.algs[0] = ATTEST_SHA256;
	b.algs_count = 1;
	add_event(&b, 4, BOOT_APP, BYTES("x"));
	add_event(&b, 5, SEPARATOR, ZEROS);
	r = replay(&b);
	assert_int_equal(r->touched[0], 1u << 4);
	assert_int_equal(r->touched[1], 1u << 4 | 1u << 5);
	assert_hex(&r->pcrs.values[0][4], SEPARATED_SHA1);
	assert_hex(&r->pcrs.values[1][5], SEPARATED_SHA256);
	end_log(&b);
}

static void an_algorithm_that_we_lack_gets_no_bank(void **state)
{
	const struct eventlog_replay *r;
	struct log_build b;

	(void)state;
	begin_log(&b, 0x0099, ATTEST_SHA256, 0);
	add_event(&b, 4, SEPARATOR, ZEROS);
	r = replay(&b);
	assert_int_equal(r->pcrs.banks_count, 1);
	assert_int_equal(r->pcrs.algs[0], ATTEST_SHA256);
	assert_hex(&r->pcrs.values[0][4], SEPARATED_SHA256);
	end_log(&b);
}

static void all_banks_that_we_know(void **state)
{
	const struct eventlog_replay *r;
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA384, ATTEST_SHA512, ATTEST_SHA256);
	add_event(&b, 7, SEPARATOR, ZEROS);
	r = replay(&b);
	assert_int_equal(r->pcrs.banks_count, 3);
	assert_int_equal(r->pcrs.values[0][7].len, 48);
	assert_int_equal(r->pcrs.values[1][7].len, 64);
	assert_hex(&r->pcrs.values[2][7], SEPARATED_SHA256);
	end_log(&b);
}

/* ---- tampering changes exactly the right PCRs ---- */

static const struct {
	uint32_t pcr, type;
	const char *data;
} story[] = {{0, CRTM_VERSION, "1.0"}, {7, VARIABLE_CONFIG, "db"}, {2, BOOT_DRIVER, "rom"},
	     {0, POST_CODE, "blob"},   {4, BOOT_APP, "shim"},	   {4, BOOT_APP, "grub"},
	     {5, GPT, "table"},	       {8, IPL, "linux"},	   {8, IPL, "initrd"},
	     {14, IPL, "MokList"},     {17, 0x402, "start"},	   {17, 0x404, "mle"}};

enum tamper { HONEST, DROP, DOUBLE, SWAP, CHANGE };

/* The story with event `which` tampered with (SWAP: with the one after it). */
static void build_story(struct log_build *b, enum tamper tamper, size_t which)
{
	begin_log(b, ATTEST_SHA1, ATTEST_SHA256, 0);
	for (size_t i = 0; i < RF_COUNT(story); i++) {
		size_t k = i;
		const char *data;

		if (tamper == SWAP && i == which)
			k = i + 1;
		else if (tamper == SWAP && i == which + 1)
			k = i - 1;
		data = tamper == CHANGE && i == which ? "evil" : story[k].data;
		if (tamper == DROP && i == which)
			continue;
		add_event(b, story[k].pcr, story[k].type, rf_slice_text(data));
		if (tamper == DOUBLE && i == which)
			add_event(b, story[k].pcr, story[k].type, rf_slice_text(data));
	}
}

/* PCRs whose values differ, the same in both banks. */
static uint32_t changed_pcrs(const struct eventlog_replay *a, const struct eventlog_replay *b)
{
	uint32_t changed[2] = {0};

	for (size_t bank = 0; bank < 2; bank++) {
		for (uint32_t pcr = 0; pcr < 24; pcr++) {
			if (memcmp(&a->pcrs.values[bank][pcr], &b->pcrs.values[bank][pcr],
				   sizeof(struct attest_digest)) != 0)
				changed[bank] |= 1u << pcr;
		}
	}
	assert_int_equal(changed[0], changed[1]);
	return changed[0];
}

static void tampering_changes_exactly_the_right_pcrs(void **state)
{
	static struct eventlog_replay honest;
	struct log_build b;

	(void)state;
	build_story(&b, HONEST, 0);
	honest = *replay(&b);
	end_log(&b);
	for (int tamper = DROP; tamper <= CHANGE; tamper++) {
		for (size_t i = 0; i < RF_COUNT(story) - (tamper == SWAP); i++) {
			uint32_t expected = 1u << story[i].pcr;

			/* Order counts inside one PCR only. */
			if (tamper == SWAP && story[i].pcr != story[i + 1].pcr)
				expected = 0;
			build_story(&b, (enum tamper)tamper, i);
			assert_int_equal(changed_pcrs(&honest, replay(&b)), expected);
			end_log(&b);
		}
	}
}

/* Neither type nor data are in the digest: a replay cannot see them change. That is why
 * eventlog_explain does not believe them (test_attest_explain.c). */
static void retyping_changes_no_pcr(void **state)
{
	struct log_build a, b;
	struct attest_digest first;

	(void)state;
	begin_log(&a, ATTEST_SHA256, 0, 0);
	add_event(&a, 4, BOOT_APP, BYTES("x"));
	first = replay(&a)->pcrs.values[0][4];
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_measured(&b, 4, EFI_ACTION, BYTES("all is well"), BYTES("x"));
	assert_memory_equal(&replay(&b)->pcrs.values[0][4], &first, sizeof(first));
	end_log(&a);
	end_log(&b);
}

/* ---- real logs from a folder ---- */

static size_t read_file(const char *folder, const char *name, char *out, size_t size)
{
	char path[4096];

	assert_true(rf_format(path, sizeof(path), "%s/%s", folder, name));
	FILE *file = fopen(path, "rb");

	if (!file)
		return 0;
	size_t len = fread(out, 1, size - 1, file);

	fclose(file);
	out[len] = '\0';
	return len;
}

/* Compares with the "pcrs:" part of tpm2_eventlog's output; counts the values. */
static size_t compare_pcrs(char *yaml, const struct eventlog_replay *r)
{
	char *cursor = strstr(yaml, "\npcrs:\n"), *line;
	int bank = -1;
	size_t count = 0;

	assert_non_null(cursor);
	cursor += 7;
	while ((line = rf_line_next(&cursor)) && line[0] == ' ') {
		char *colon = strchr(line, ':'), *value = strstr(line, "0x");
		int64_t pcr;

		assert_non_null(colon);
		*colon = '\0';
		line = rf_trim(line);
		if (!value) {
			uint16_t alg = attest_alg_of_name(line);

			for (bank = 0; r->pcrs.algs[bank] != alg; bank++)
				assert_in_range(bank, 0, r->pcrs.banks_count - 1);
			continue;
		}
		assert_int_equal(rf_num(line, 10, 0, 23, &pcr), 0);
		assert_hex(&r->pcrs.values[bank][pcr], value + 2);
		assert_true(r->touched[bank] & 1u << pcr);
		count++;
	}
	return count;
}

static void real_logs_replay_as_tpm2_eventlog_says(void **state)
{
	static char bin[EVENTLOG_MAX_BYTES + 1], yaml[4 << 20];
	const char *folder = getenv("EVENTLOG_SAMPLES");
	struct attest_hasher *hasher;
	struct dirent *entry;

	(void)state;
	if (!folder) {
		print_message("EVENTLOG_SAMPLES names no folder with real boot logs\n");
		skip();
	}
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	while ((entry = readdir(dir))) {
		char name[300];
		struct eventlog log;
		struct rf_err err = {0};

		if (!rf_ends(entry->d_name, ".bin"))
			continue;
		size_t len = read_file(folder, entry->d_name, bin, sizeof(bin));

		rf_format(name, sizeof(name), "%.*s.expected.yaml", (int)strlen(entry->d_name) - 4,
			  entry->d_name);
		assert_true(read_file(folder, name, yaml, sizeof(yaml)) > 0);
		struct rf_slice in = {(const uint8_t *)bin, len};

		assert_int_equal(eventlog_open(in, &log, &err), 0);
		assert_int_equal(eventlog_replay(hasher, &log, &replayed, &err), 0);
		print_message("%s: %zu events, %zu values\n", entry->d_name, log.events_count,
			      compare_pcrs(yaml, &replayed));
	}
	closedir(dir);
	attest_hasher_free(hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(separators_give_the_well_known_values),
		cmocka_unit_test(pcr_0_begins_with_the_locality),
		cmocka_unit_test(pcr_0_begins_with_4_after_an_hcrtm),
		cmocka_unit_test(a_late_hcrtm_is_an_event_like_others),
		cmocka_unit_test(no_action_extends_nothing),
		cmocka_unit_test(untouched_pcrs_hold_what_they_began_with),
		cmocka_unit_test(launch_pcrs_begin_with_zeros_after_a_launch),
		cmocka_unit_test(a_bank_without_digest_is_not_extended),
		cmocka_unit_test(an_algorithm_that_we_lack_gets_no_bank),
		cmocka_unit_test(all_banks_that_we_know),
		cmocka_unit_test(tampering_changes_exactly_the_right_pcrs),
		cmocka_unit_test(retyping_changes_no_pcr),
		cmocka_unit_test(real_logs_replay_as_tpm2_eventlog_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
