/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's userspace measurements: records, replay up to the quote, words, and hostile logs. */
#include "attest/userspace.h"
#include "ima_test.h"

static struct attest_hasher *hasher;

static int setup(void **state)
{
	(void)state;
	return attest_hasher_new(&hasher, NULL);
}

static int teardown(void **state)
{
	(void)state;
	attest_hasher_free(hasher);
	return 0;
}

/* A record as systemd writes it; keyed: the digest is not that of the words. */
static void add_record(struct rf_buf *log, unsigned int pcr, const char *type, const char *string,
		       bool keyed)
{
	uint8_t digest[32];

	rf_buf_printf(log, "\x1e{\"pcr\":%u,\"digests\":[", pcr);
	h("SHA1", string, strlen(string), digest);
	digest[0] ^= keyed;
	rf_buf_add_text(log, "{\"hashAlg\":\"sha1\",\"digest\":\"");
	rf_buf_add_hex(log, digest, 20);
	h("SHA256", string, strlen(string), digest);
	digest[0] ^= keyed;
	rf_buf_add_text(log, "\"},{\"hashAlg\":\"sha256\",\"digest\":\"");
	rf_buf_add_hex(log, digest, 32);
	rf_buf_printf(log,
		      "\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"%s\",\"bootId\":"
		      "\"0123456789abcdef0123456789abcdef\",\"timestamp\":1234567,\"eventType\":"
		      "\"%s\"}}\n",
		      string, type);
}

static void extend_text(uint8_t value[32], const char *text)
{
	uint8_t digest[32];

	h("SHA256", text, strlen(text), digest);
	extend_one("SHA256", value, 32, digest);
}

/* PCR 11, 12, 13, 15 as the boot log left them: 11 has the kernel's parts. */
static void begin(struct attest_pcr_values *values)
{
	static const uint32_t pcrs[] = {11, 12, 13, 15};
	uint8_t value[32] = {0};

	memset(values, 0, sizeof(*values));
	for (size_t i = 0; i < RF_COUNT(pcrs); i++) {
		value[0] = pcrs[i] == 11 ? 0x55 : 0;
		put_value(values, ATTEST_SHA256, pcrs[i], value);
	}
}

static void records_are_read(void **state)
{
	RF_AUTOBUF struct rf_buf log = {0};
	struct userspace_log at;
	struct userspace_record r;

	(void)state;
	add_record(&log, 11, "phase", "enter-initrd", false);
	rf_buf_add_text(&log, "\x1e\x1e{\"nv_index\":27721,\"digests\":[{\"hashAlg\":\"sha3-999\","
			      "\"digest\":\"zz\"}],\"content\":{\"nvIndexName\":\"hardware\"}}\n");
	assert_int_equal(userspace_open(rf_buf_slice(&log), &at, NULL), 0);
	assert_int_equal(userspace_next(&at, &r, NULL), 1);
	assert_int_equal(r.pcr, 11);
	assert_int_equal(r.offset, 1);
	assert_int_equal(r.digests_count, 2);
	assert_int_equal(r.digests[0].alg, ATTEST_SHA1);
	assert_int_equal(r.digests[1].len, 32);
	assert_string_equal(r.type, "phase");
	assert_string_equal(r.string, "enter-initrd");
	assert_string_equal(r.boot_id, "0123456789abcdef0123456789abcdef");
	assert_int_equal(r.timestamp_us, 1234567);
	/* A bank that we cannot compute is left out. */
	assert_int_equal(userspace_next(&at, &r, NULL), 1);
	assert_int_equal(r.index, 1);
	assert_int_equal(r.pcr, USERSPACE_NO_PCR);
	assert_int_equal(r.digests_count, 0);
	assert_string_equal(r.nv_index, "hardware");
	assert_int_equal(userspace_next(&at, &r, NULL), 0);
	assert_int_equal(
		userspace_open((struct rf_slice){(const uint8_t *)"", USERSPACE_MAX_BYTES + 1u},
			       &at, NULL),
		RF_E_LIMIT);
	assert_int_equal(userspace_open((struct rf_slice){0}, &at, NULL), 0);
	assert_int_equal(userspace_next(&at, &r, NULL), 0);
}

static void a_replay_stops_at_the_quote(void **state)
{
	RF_AUTOBUF struct rf_buf log = {0};
	struct attest_pcr_values values, proved;
	struct userspace_replay out;

	(void)state;
	add_record(&log, 11, "phase", "enter-initrd", false);
	add_record(&log, 15, "machine-id", "machine-id:0123", false);
	add_record(&log, 11, "phase", "leave-initrd", false);
	add_record(&log, 15, "filesystem", "file-system:/:x", false);
	add_record(&log, 11, "phase", "ready", false);
	begin(&values);
	begin(&proved);
	extend_text(proved.values[0][11].bytes, "enter-initrd");
	extend_text(proved.values[0][11].bytes, "leave-initrd");
	extend_text(proved.values[0][15].bytes, "machine-id:0123");
	extend_text(proved.values[0][15].bytes, "file-system:/:x");
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&log), &proved, &values, &out, NULL),
			 0);
	assert_int_equal(out.records, 5);
	assert_int_equal(out.touched, 1u << 11 | 1u << 15);
	assert_int_equal(out.matched, 1u << 11 | 1u << 12 | 1u << 13 | 1u << 15);
	assert_int_equal(out.covered[11], 2);
	assert_int_equal(out.beyond[11], 1);
	assert_int_equal(out.covered[15], 2);
	assert_int_equal(out.beyond[15], 0);
	assert_memory_equal(values.values[0][11].bytes, proved.values[0][11].bytes, 32);
	/* Without a quote all is replayed. */
	begin(&values);
	extend_text(proved.values[0][11].bytes, "ready");
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&log), NULL, &values, &out, NULL),
			 0);
	assert_int_equal(out.matched, 0);
	assert_memory_equal(values.values[0][11].bytes, proved.values[0][11].bytes, 32);
	/* A value that no prefix gives: named by its bit, no other PCR suffers. */
	begin(&values);
	proved.values[0][11].bytes[0] ^= 1;
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&log), &proved, &values, &out, NULL),
			 0);
	assert_int_equal(out.matched, 1u << 12 | 1u << 13 | 1u << 15);
	assert_int_equal(out.covered[11], 3);
}

struct words {
	unsigned int pcr;
	const char *type, *string;
	bool keyed;
	enum eventlog_proof want;
	const char *text;
};

static const struct words words[] = {
	{11, "phase", "enter-initrd", false, EVENTLOG_PROVED, "boot phase enter-initrd"},
	{11, "phase", "ready", true, EVENTLOG_DISPROVED, "boot phase ready"},
	{15, "phase", "ready", false, EVENTLOG_NOT_ALLOWED, "boot phase ready"},
	{15, "machine-id", "machine-id:01", false, EVENTLOG_PROVED,
	 "machine identity machine-id:01"},
	{15, "filesystem", "file-system:/:\\\\x20", true, EVENTLOG_HINT,
	 "file system file-system:/:\\x20"},
	{15, "volume-key", "cryptsetup:root:1", true, EVENTLOG_HINT,
	 "key of an encrypted volume cryptsetup:root:1"},
	{11, "moon", "full", false, EVENTLOG_UNKNOWN_TYPE, "moon full"},
	{12, "", "", false, EVENTLOG_UNKNOWN_TYPE, "measurement"},
};

static void records_are_told_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(words); i++) {
		RF_AUTOBUF struct rf_buf log = {0};
		struct userspace_log at;
		struct userspace_record r;
		char text[128];

		add_record(&log, words[i].pcr, words[i].type, words[i].string, words[i].keyed);
		assert_int_equal(userspace_open(rf_buf_slice(&log), &at, NULL), 0);
		assert_int_equal(userspace_next(&at, &r, NULL), 1);
		enum eventlog_proof proof = userspace_explain(hasher, &r, text, sizeof(text));

		if (proof != words[i].want)
			fail_msg("%s: %d", words[i].text, proof);
		assert_string_equal(text, words[i].text);
	}
}

static const struct {
	const char *name, *text;
	int want;
	const char *says;
} broken[] = {
	{"no separator", "{\"pcr\":1,\"digests\":[]}\n", RF_E_SYNTAX, "0x1e"},
	{"cut", "\x1e{\"pcr\":1,\"digests\":[]}", RF_E_TRUNCATED, "line feed"},
	{"cut inside", "\x1e{\"pcr\":1,\"dig\x1e{}\n", RF_E_TRUNCATED, "record 0 at byte 1"},
	{"no JSON", "\x1ehello\n", RF_E_SYNTAX, "record 0"},
	{"no object", "\x1e[]\n", RF_E_SYNTAX, "not an object"},
	{"key twice", "\x1e{\"pcr\":1,\"pcr\":2,\"digests\":[]}\n", RF_E_SYNTAX, "duplicate"},
	{"PCR 24", "\x1e{\"pcr\":24,\"digests\":[]}\n", RF_E_SYNTAX, "0 to 23"},
	{"PCR -1", "\x1e{\"pcr\":-1,\"digests\":[]}\n", RF_E_SYNTAX, "0 to 23"},
	{"PCR 1.0", "\x1e{\"pcr\":1.0,\"digests\":[]}\n", RF_E_SYNTAX, "0 to 23"},
	{"PCR 2^32-1", "\x1e{\"pcr\":4294967295,\"digests\":[]}\n", RF_E_SYNTAX, "0 to 23"},
	{"no PCR", "\x1e{\"digests\":[]}\n", RF_E_MISSING, "neither pcr"},
	{"no digests", "\x1e{\"pcr\":1}\n", RF_E_MISSING, "no digests"},
	{"digest of no algorithm", "\x1e{\"pcr\":1,\"digests\":[{\"digest\":\"00\"}]}\n",
	 RF_E_SYNTAX, "without hashAlg"},
	{"short digest", "\x1e{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"00\"}]}\n",
	 RF_E_SYNTAX, "not a sha1 digest"},
	{"digest twice",
	 "\x1e{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":"
	 "\"0000000000000000000000000000000000000000\"},{\"hashAlg\":\"sha1\",\"digest\":"
	 "\"0000000000000000000000000000000000000000\"}]}\n",
	 RF_E_DUPLICATE, "two sha1"},
	{"content a list", "\x1e{\"pcr\":1,\"digests\":[],\"content\":[]}\n", RF_E_SYNTAX,
	 "content is no object"},
	{"type a number", "\x1e{\"pcr\":1,\"digests\":[],\"content\":{\"eventType\":7}}\n",
	 RF_E_SYNTAX, "eventType"},
	{"second record", "\x1e{\"pcr\":1,\"digests\":[]}\n\x1e{}\n", RF_E_MISSING, "record 1"},
};

static void broken_logs_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(broken); i++) {
		struct attest_pcr_values values;
		struct userspace_replay out = {.records = 77};
		struct rf_err err = {0};

		begin(&values);
		int rc = userspace_replay(hasher, rf_slice_text(broken[i].text), NULL, &values,
					  &out, &err);

		if (rc != broken[i].want || !strstr(err.text, broken[i].says))
			fail_msg("%s: %d %s", broken[i].name, rc, err.text);
		assert_int_equal(out.records, 77);
	}
}

static void limits_hold(void **state)
{
	RF_AUTOBUF struct rf_buf deep = {0}, many = {0};
	struct attest_pcr_values values;
	struct userspace_replay out;
	struct rf_err err = {0};

	(void)state;
	begin(&values);
	rf_buf_add_byte(&deep, 0x1e);
	for (size_t i = 0; i < USERSPACE_MAX_RECORD_BYTES - 1; i++)
		rf_buf_add_byte(&deep, '[');
	rf_buf_add_byte(&deep, '\n');
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&deep), NULL, &values, &out, &err),
			 RF_E_SYNTAX);
	rf_buf_add_byte(&deep, '\n');
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&deep), NULL, &values, &out, &err),
			 RF_E_LIMIT);
	for (uint32_t i = 0; i <= USERSPACE_MAX_RECORDS; i++)
		rf_buf_add_text(&many, "\x1e{\"pcr\":1,\"digests\":[]}\n");
	assert_int_equal(userspace_replay(hasher, rf_buf_slice(&many), NULL, &values, &out, &err),
			 RF_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(a_replay_stops_at_the_quote),
		cmocka_unit_test(records_are_told_in_words),
		cmocka_unit_test(broken_logs_are_refused),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
