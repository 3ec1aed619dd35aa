/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ESXi hosts say of their boot. The documents are made here in the forms that vSphere, its
 * older manifests and vCenter give; digests and PCRs by OpenSSL's one-shot functions.
 */
#include <stdarg.h>

#include "eventlog_test.h"

#include <openssl/evp.h>

#include "attest/esx.h"
#include "base/str.h"

struct scene {
	struct attest_hasher *hasher;
	struct rf_buf json;
};

static int setup(void **state)
{
	struct scene *s = rf_alloc(1, sizeof(*s));

	*state = s;
	return attest_hasher_new(&s->hasher, NULL);
}

static int teardown(void **state)
{
	struct scene *s = *state;

	attest_hasher_free(s->hasher);
	rf_buf_done(&s->json);
	rf_free(s);
	return 0;
}

static void sum(const char *alg, const void *data, size_t len, uint8_t *out)
{
	assert_int_equal(EVP_Digest(data, len, out, NULL, EVP_get_digestbyname(alg), NULL), 1);
}

/* SHA-256 of a text as hexadecimal; nul: with the NUL behind it. */
static const char *hex_of(const char *text, size_t nul, char out[65])
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t digest[32];

	sum("SHA256", text, strlen(text) + nul, digest);
	rf_buf_add_hex(&hex, digest, 32);
	rf_copy(out, 65, rf_buf_text(&hex));
	return out;
}

/* The PCR that extending these SHA-256 digests (hexadecimal, a NULL ends them) makes. */
static const char *replay(char out[65], ...)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t both[64] = {0};
	const char *digest;
	size_t len;
	va_list list;

	va_start(list, out);
	while ((digest = va_arg(list, const char *))) {
		assert_int_equal(rf_hex_decode(digest, both + 32, 32, &len), 0);
		sum("SHA256", both, 64, both);
	}
	va_end(list);
	rf_buf_add_hex(&hex, both, 32);
	rf_copy(out, 65, rf_buf_text(&hex));
	return out;
}

static struct esx_log *open_json(struct scene *s)
{
	struct esx_log *log = NULL;
	struct rf_err err = {0};

	if (esx_open(s->hasher, rf_buf_slice(&s->json), &log, &err))
		fail_msg("%s: %s", rf_err_text(&err), rf_buf_text(&s->json));
	return log;
}

static const struct esx_pcr *find_row(struct scene *s, struct esx_log *log, uint16_t alg,
				      uint32_t pcr)
{
	const struct esx_pcr *rows = NULL;
	int count = esx_compare(s->hasher, log, &rows, NULL);

	for (int i = 0; i < count; i++) {
		if (rows[i].alg == alg && rows[i].pcr == pcr)
			return &rows[i];
	}
	return NULL;
}

static enum esx_verdict verdict(struct scene *s, struct esx_log *log, uint16_t alg, uint32_t pcr)
{
	const struct esx_pcr *row = find_row(s, log, alg, pcr);

	assert_non_null(row);
	return row->verdict;
}

/* ---- manifests ---- */

#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"

static void put_manifest(struct scene *s, const char *pcr20)
{
	char b[65], opts[65], option[65], line[65], pcr21[65];

	hex_of("module b", 0, b);
	hex_of("/b.b00 quiet", 0, line);
	hex_of("\n", 0, opts);
	hex_of("execInstalledOnly = TRUE", 1, option);
	replay(pcr21, line, opts, option, NULL);
	rf_buf_reset(&s->json);
	rf_buf_printf(
		&s->json,
		"{\"host_info\":{\"os_name\":\"VMware ESXi\"},\"pcr_manifest\":{\"sha1pcrs\":[],"
		"\"sha2pcrs\":["
		"{\"index\":\"pcr_0\",\"value\":\"%s\",\"pcr_bank\":\"SHA256\"},"
		"{\"index\":\"pcr_8\",\"value\":\"" ZERO64 "\",\"pcr_bank\":\"SHA256\"},"
		"{\"index\":\"pcr_20\",\"value\":\"%s\",\"pcr_bank\":\"SHA256\"},"
		"{\"index\":\"pcr_21\",\"value\":\"%s\",\"pcr_bank\":\"SHA256\"}],"
		"\"pcr_event_log_map\":{\"SHA1\":[],\"SHA256\":["
		"{\"pcr_index\":\"pcr_20\",\"event_log\":[{\"value\":\"%s\",\"label\":\"b.b00\","
		"\"info\":{\"EventType\":\"HostTpmSoftwareComponentEvent\",\"PackageName\":\"esx-"
		"base\",\"EventName\":\"Vim25Api.HostTpmSoftwareComponentEventDetails\","
		"\"PackageVendor\":\"VMware\",\"PackageVersion\":\"6.7.0-1.28\"}}]},"
		"{\"pcr_index\":\"pcr_21\",\"event_log\":["
		"{\"value\":\"%s\",\"label\":\"/b.b00 quiet\",\"info\":{\"EventName\":\"Vim25Api."
		"HostTpmCommandEventDetails\"}},"
		"{\"value\":\"%s\",\"label\":\"useropts.gz\",\"info\":{\"EventName\":\"Vim25Api."
		"HostTpmOptionEventDetails\"}},"
		"{\"value\":\"%s\",\"label\":\"execInstalledOnly = TRUE\",\"info\":{\"EventName\":"
		"\"Vim25Api.HostTpmBootSecurityOptionEventDetails\"}}]}]}}}",
		b, pcr20, pcr21, b, line, opts, option);
}

static void a_manifest_is_replayed(void **state)
{
	struct scene *s = *state;
	const struct esx_event *events;
	char pcr20[65], b[65];

	put_manifest(s, replay(pcr20, hex_of("module b", 0, b), NULL));
	struct esx_log *log = open_json(s);

	assert_int_equal(esx_log_format(log), ESX_MANIFEST);
	assert_false(esx_log_incomplete(log));
	assert_int_equal(esx_log_events(log, &events), 4);
	assert_int_equal(events[0].pcr, 20);
	assert_int_equal(events[0].kind, ESX_MODULE);
	assert_string_equal(events[0].name, "b.b00");
	assert_string_equal(events[0].package, "esx-base");
	assert_string_equal(events[0].version, "6.7.0-1.28");
	assert_string_equal(events[0].vendor, "VMware");
	assert_int_equal(events[0].proof, EVENTLOG_HINT);
	assert_int_equal(events[1].kind, ESX_COMMAND_LINE);
	assert_int_equal(events[1].proof, EVENTLOG_PROVED);
	assert_int_equal(events[2].kind, ESX_OPTIONS_FILE);
	assert_int_equal(events[2].proof, EVENTLOG_HINT);
	assert_int_equal(events[3].kind, ESX_SECURITY_OPTION);
	assert_int_equal(events[3].proof, EVENTLOG_PROVED);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 20), ESX_EXPLAINED);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 21), ESX_EXPLAINED);
	assert_int_equal(find_row(s, log, ATTEST_SHA256, 21)->events, 3);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 0), ESX_SILENT);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 8), ESX_UNUSED);
	assert_null(find_row(s, log, ATTEST_SHA256, 1));
	assert_null(find_row(s, log, ATTEST_SHA1, 20));
	assert_null(esx_log_firmware(log));
	assert_int_equal(esx_log_pcrs(log)->present[0], 1u << 0 | 1u << 8 | 1u << 20 | 1u << 21);
	esx_free(log);
}

static void changed_events_are_seen(void **state)
{
	struct scene *s = *state;
	char wrong[65], pcr20[65], b[65];

	put_manifest(s, hex_of("another", 0, wrong));
	struct esx_log *log = open_json(s);

	assert_int_equal(verdict(s, log, ATTEST_SHA256, 20), ESX_DIFFERS);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 21), ESX_EXPLAINED);
	esx_free(log);
	/* The text changed, the digest not: the PCR is right and the words are not. */
	put_manifest(s, replay(pcr20, hex_of("module b", 0, b), NULL));
	char *at = strstr((char *)s->json.data, "execInstalledOnly = TRUE");

	assert_non_null(at);
	at[strlen("execInstalledOnly = ")] = 'F';
	log = open_json(s);
	const struct esx_event *events;

	assert_int_equal(esx_log_events(log, &events), 4);
	assert_int_equal(events[3].proof, EVENTLOG_DISPROVED);
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 21), ESX_EXPLAINED);
	esx_free(log);
}

/* ESXi 6.5 with TPM 1.2: tboot's event repeats PCR 18, PCR 20 was not recorded (forty zeros). */
static void a_log_that_explains_nothing_says_so(void **state)
{
	struct scene *s = *state;

	rf_buf_reset(&s->json);
	rf_buf_printf(
		&s->json,
		"{\"pcr_manifest\":{\"sha1pcrs\":["
		"{\"index\":\"pcr_18\",\"value\":\"a000000000000000000000000000000000000001\"},"
		"{\"index\":\"pcr_20\",\"value\":\"b000000000000000000000000000000000000001\"},"
		"{\"index\":\"pcr_22\",\"value\":\"ffffffffffffffffffffffffffffffffffffffff\"}"
		"],\"sha2pcrs\":[],\"pcr_event_log_map\":{\"SHA1\":["
		"{\"pcr_index\":\"pcr_18\",\"event_log\":[{\"value\":"
		"\"a000000000000000000000000000000000000001\",\"label\":\"tboot\",\"info\":{"
		"\"EventName\":\"Vim25Api.HostTpmSoftwareComponentEventDetails\"}}]},"
		"{\"pcr_index\":20,\"event_log\":[{\"value\":"
		"\"%.80s\",\"label\":\"b\",\"info\":{"
		"\"EventName\":\"Vim25Api.HostTpmSoftwareComponentEventDetails\"}}]},"
		"{\"pcr_index\":\"19\",\"event_log\":[{\"value\":"
		"\"c000000000000000000000000000000000000001\",\"label\":\"x\"}]}]}}}",
		ZERO64 ZERO64);
	struct esx_log *log = open_json(s);
	const struct esx_event *events;

	assert_int_equal(esx_log_events(log, &events), 3);
	assert_true(events[1].missing);
	assert_int_equal(events[1].digest.len, 20);
	assert_int_equal(events[2].kind, ESX_OTHER);
	assert_int_equal(verdict(s, log, ATTEST_SHA1, 18), ESX_STATED);
	assert_int_equal(verdict(s, log, ATTEST_SHA1, 19), ESX_NO_VALUE);
	assert_int_equal(verdict(s, log, ATTEST_SHA1, 20), ESX_INCOMPLETE);
	assert_int_equal(verdict(s, log, ATTEST_SHA1, 22), ESX_UNUSED);
	assert_string_equal(esx_verdict_name(ESX_STATED),
			    "only repeated by its event, not explained");
	esx_free(log);
}

/* The form of later versions. */
static void a_newer_manifest_is_read(void **state)
{
	struct scene *s = *state;
	const struct esx_event *events;
	char b[65], pcr[65];

	hex_of("TPM_EVENT_LOG_PREBOOT", 0, b);
	replay(pcr, b, b, NULL);
	rf_buf_reset(&s->json);
	rf_buf_printf(&s->json,
		      "{\"report\":{\"pcr_manifest\":{\"sha2pcrs\":[{\"index\":17,\"value\":\"%s\","
		      "\"pcr_bank\":\"SHA256\"}],\"pcr_event_log_map\":{\"SHA256\":[{\"pcr\":{"
		      "\"index\":17,\"bank\":\"SHA256\"},\"tpm_events\":["
		      "{\"measurement\":\"%s\",\"type_id\":\"0x60000001\",\"type_name\":"
		      "\"TPM_EVENT_LOG_PREBOOT\"},"
		      "{\"measurement\":\"%s\",\"type_id\":\"0x60000001\",\"type_name\":\"b\","
		      "\"tags\":[\"componentName.b\",\"Vim25Api."
		      "HostTpmSoftwareComponentEventDetails_esx-base_1_VMware\"]}]}]}}}}",
		      pcr, b, b);
	struct esx_log *log = open_json(s);

	assert_int_equal(esx_log_events(log, &events), 2);
	assert_int_equal(events[0].kind, ESX_PREBOOT);
	assert_int_equal(events[1].kind, ESX_MODULE);
	assert_string_equal(events[1].package, "esx-base_1");
	assert_string_equal(events[1].vendor, "VMware");
	assert_int_equal(verdict(s, log, ATTEST_SHA256, 17), ESX_EXPLAINED);
	esx_free(log);
}

/* ---- vSphere's report ---- */

enum bytes_form { SIGNED_NUMBERS, NUMBERS, HEX, BASE64 };

/* The digest's bytes as JSON: as Java, Go or a script would write them. */
static void put_bytes(struct rf_buf *b, const uint8_t *data, size_t len, enum bytes_form form)
{
	unsigned char base64[256];

	rf_buf_add_text(b, form == HEX || form == BASE64 ? "\"" : "[");
	for (size_t i = 0; i < len && form <= NUMBERS; i++)
		rf_buf_printf(b, "%s%d", i ? "," : "",
			      form == SIGNED_NUMBERS ? (int)(int8_t)data[i] : (int)data[i]);
	if (form == HEX)
		rf_buf_add_hex(b, data, len);
	if (form == BASE64) {
		EVP_EncodeBlock(base64, data, (int)len);
		rf_buf_add_text(b, (char *)base64);
	}
	rf_buf_add_text(b, form == HEX || form == BASE64 ? "\"" : "]");
}

static void put_event(struct rf_buf *b, const char *text, enum bytes_form form, const char *more)
{
	uint8_t digest[32];

	sum("SHA256", text, strlen(text), digest);
	rf_buf_add_text(b, "{\"pcrIndex\":12,\"eventDetails\":{\"dataHash\":");
	put_bytes(b, digest, 32, form);
	rf_buf_printf(b, "%s}}", more);
}

static void put_report(struct rf_buf *b, enum bytes_form form)
{
	static const char *const texts[] = {"module", "quiet", "contents", "TRUE", "7.0"};
	uint8_t both[64] = {0};

	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		sum("SHA256", texts[i], strlen(texts[i]), both + 32);
		sum("SHA256", both, 64, both);
	}
	rf_buf_reset(b);
	rf_buf_add_text(b, "{\"_typeName\":\"HostTpmAttestationReport\",\"tpmPcrValues\":[{"
			   "\"pcrNumber\":12,\"digestMethod\":\"SHA256\",\"objectName\":\"pcr\","
			   "\"digestValue\":");
	put_bytes(b, both, 32, form);
	rf_buf_add_text(b, "}],\"tpmEvents\":[");
	put_event(
		b, "module", form,
		",\"dataHashMethod\":\"SHA256\",\"componentName\":\"s.v00\",\"vibName\":\"esx-base\","
		"\"vibVersion\":\"8\",\"vibVendor\":\"VMware\"");
	rf_buf_add_text(b, ",");
	put_event(b, "quiet", form, ",\"commandLine\":\"quiet\"");
	rf_buf_add_text(b, ",");
	put_event(
		b, "contents", form,
		",\"_typeName\":\"HostTpmOptionEventDetails\",\"optionsFileName\":\"useropts.gz\","
		"\"bootOptions\":\"Y29udGVudHM=\"");
	rf_buf_add_text(b, ",");
	put_event(b, "TRUE", form,
		  ",\"_typeName\":\"HostTpmSignerEventDetails\",\"bootSecurityOption\":\"TRUE\"");
	rf_buf_add_text(b, ",");
	put_event(b, "7.0", form,
		  ",\"_typeName\":\"HostTpmVersionEventDetails\",\"version\":[55,46,48]");
	rf_buf_add_text(b, "],\"tpmLogReliable\":true}");
}

static void a_report_is_read_in_every_form_of_bytes(void **state)
{
	static const enum esx_kind kinds[] = {ESX_MODULE, ESX_COMMAND_LINE, ESX_OPTIONS_FILE,
					      ESX_SIGNER, ESX_VERSION};
	struct scene *s = *state;

	for (int form = SIGNED_NUMBERS; form <= BASE64; form++) {
		const struct esx_event *events;

		put_report(&s->json, (enum bytes_form)form);
		struct esx_log *log = open_json(s);

		assert_int_equal(esx_log_format(log), ESX_REPORT);
		assert_false(esx_log_incomplete(log));
		assert_int_equal(esx_log_events(log, &events), 5);
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(events[i].kind, kinds[i]);
			assert_int_equal(events[i].proof, i == 0 ? EVENTLOG_HINT : EVENTLOG_PROVED);
		}
		assert_string_equal(events[0].package, "esx-base");
		assert_string_equal(events[1].name, "quiet");
		assert_int_equal(verdict(s, log, ATTEST_SHA256, 12), ESX_EXPLAINED);
		esx_free(log);
	}
}

/* Go's keys begin with capital letters, and an answer has an envelope. */
static void an_envelope_and_other_letters(void **state)
{
	struct scene *s = *state;
	struct esx_log *log;

	rf_buf_reset(&s->json);
	rf_buf_add_text(&s->json,
			"{\"Returnval\":[{\"TpmPcrValues\":[{\"PcrNumber\":0,\"DigestMethod\":"
			"\"SHA1\",\"DigestValue\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}],"
			"\"TpmEvents\":null,\"TpmLogReliable\":false}]}");
	log = open_json(s);
	assert_true(esx_log_incomplete(log));
	assert_int_equal(verdict(s, log, ATTEST_SHA1, 0), ESX_UNUSED);
	esx_free(log);
}

/* PCR 0 began with the locality of the start-up. */
static void pcr_0_begins_with_a_locality(void **state)
{
	struct scene *s = *state;
	uint8_t both[64] = {[31] = 3};
	const struct esx_pcr *row;

	sum("SHA256", "x", 1, both + 32);
	sum("SHA256", both, 64, both);
	rf_buf_reset(&s->json);
	rf_buf_add_text(&s->json, "{\"tpmPcrValues\":[{\"pcrNumber\":0,\"digestValue\":");
	put_bytes(&s->json, both, 32, HEX);
	rf_buf_add_text(&s->json, "}],\"tpmEvents\":[");
	put_event(&s->json, "x", HEX, "");
	rf_buf_add_text(&s->json, "]}");
	((char *)strstr((char *)s->json.data, "\"pcrIndex\":12"))[11] = ' ';
	((char *)strstr((char *)s->json.data, "\"pcrIndex\": 2"))[12] = '0';
	struct esx_log *log = open_json(s);

	row = find_row(s, log, ATTEST_SHA256, 0);
	assert_int_equal(row->verdict, ESX_EXPLAINED);
	assert_memory_equal(row->replayed.bytes, both, 32);
	esx_free(log);
}

/* ---- vCenter's event log ---- */

static void put_eventlog(struct scene *s, const char *pcrs_format, const char *pcr)
{
	struct log_build b;
	RF_AUTOBUF struct rf_buf base64 = {0};

	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 12, EVENT_TAG, BYTES("hello"));
	memset(rf_buf_reserve(&base64, 2 * b.buf.len + 8), 0, 2 * b.buf.len + 8);
	EVP_EncodeBlock(base64.data, b.buf.data, (int)b.buf.len);
	rf_buf_reset(&s->json);
	rf_buf_printf(&s->json,
		      "{\"type\":\"EFI_TCG2_EVENT_LOG_FORMAT_TCG_2\",\"data\":\"%s\",\"truncated\":"
		      "true,\"banks\":[{\"algorithm\":\"SHA256\",\"pcrs\":",
		      (char *)base64.data);
	rf_buf_printf(&s->json,
		      pcrs_format[0] == '[' ? "[{\"key\":12,\"value\":\"%s\"}]" : "{\"12\":\"%s\"}",
		      pcr);
	rf_buf_add_text(&s->json, "}]}");
	end_log(&b);
}

static void vcenters_log_is_opened_and_replayed(void **state)
{
	struct scene *s = *state;
	char digest[65], pcr[65];

	replay(pcr, hex_of("hello", 0, digest), NULL);
	for (int form = 0; form < 2; form++) {
		put_eventlog(s, form ? "[" : "{", pcr);
		struct esx_log *log = open_json(s);

		assert_int_equal(esx_log_format(log), ESX_EVENTLOG);
		assert_true(esx_log_incomplete(log));
		assert_non_null(esx_log_firmware(log));
		assert_int_equal(verdict(s, log, ATTEST_SHA256, 12), ESX_EXPLAINED);
		assert_int_equal(find_row(s, log, ATTEST_SHA256, 12)->events, 1);
		esx_free(log);
	}
	put_eventlog(s, "{", digest);
	struct esx_log *log = open_json(s);

	assert_int_equal(verdict(s, log, ATTEST_SHA256, 12), ESX_DIFFERS);
	esx_free(log);
}

/* ---- what is refused ---- */

struct bent {
	const char *name, *json;
	int want;
};

#define EVENT(pcr, hash) "{\"tpmEvents\":[{\"pcrIndex\":" pcr ",\"eventDetails\":{" hash "}}]}"
#define HASH		 "\"dataHash\":\"" ZERO64 "\""
#define VALUE(n)	 "{\"pcrNumber\":" n ",\"digestValue\":\"" ZERO64 "\"}"

static const struct bent bents[] = {
	{"empty", "", RF_E_SYNTAX},
	{"no JSON", "{", RF_E_SYNTAX},
	{"trailing bytes", "{\"tpmEvents\":[]}x", RF_E_SYNTAX},
	{"something else", "{\"a\":{\"b\":[1,2]}}", RF_E_SYNTAX},
	{"a list of nothing", "[]", RF_E_SYNTAX},
	{"a key twice", "{\"tpmEvents\":[],\"tpmEvents\":[]}", RF_E_SYNTAX},
	{"too deep to be found",
	 "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"tpmEvents\":[]}}}}}}}", RF_E_SYNTAX},
	{"nothing but empty lists is a log", "{\"tpmEvents\":[]}", 0},
	{"PCR 24", EVENT("24", HASH), RF_E_SYNTAX},
	{"PCR -1", EVENT("-1", HASH), RF_E_SYNTAX},
	{"PCR 2^32", EVENT("4294967296", HASH), RF_E_SYNTAX},
	{"PCR of text", EVENT("\"pcr_\"", HASH), RF_E_SYNTAX},
	{"PCR as a list", EVENT("[1]", HASH), RF_E_SYNTAX},
	{"good", EVENT("1", HASH), 0},
	{"no digest", EVENT("1", "\"a\":1"), RF_E_SYNTAX},
	{"digest of 1 byte", EVENT("1", "\"dataHash\":[1]"), RF_E_SYNTAX},
	{"digest of nothing", EVENT("1", "\"dataHash\":[]"), RF_E_SYNTAX},
	{"number 256", EVENT("1", "\"dataHash\":[256,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"),
	 RF_E_SYNTAX},
	{"number of text", EVENT("1", "\"dataHash\":[\"1\"]"), RF_E_SYNTAX},
	{"another length than said", EVENT("1", HASH ",\"dataHashMethod\":\"SHA1\""), RF_E_SYNTAX},
	{"an algorithm that is not known", EVENT("1", HASH ",\"dataHashMethod\":\"MD5\""),
	 RF_E_UNSUPPORTED},
	{"details are no object", "{\"tpmEvents\":[{\"pcrIndex\":1,\"eventDetails\":7}]}",
	 RF_E_SYNTAX},
	{"a PCR twice", "{\"tpmPcrValues\":[" VALUE("1") "," VALUE("1") "]}", RF_E_DUPLICATE},
	{"two PCRs", "{\"tpmPcrValues\":[" VALUE("1") "," VALUE("2") "]}", 0},
	{"log is not base64", "{\"data\":\"%%%\",\"banks\":[]}", RF_E_SYNTAX},
	{"log of no bytes", "{\"data\":\"\",\"banks\":[]}", RF_E_MISSING},
	{"log of zeros", "{\"data\":\"AAAA\",\"banks\":[]}", RF_E_MISSING},
	{"log that is broken", "{\"data\":\"AAAB\",\"banks\":[]}", RF_E_TRUNCATED},
	{"bank of an unknown algorithm",
	 "{\"data\":\"AAAA\",\"banks\":[{\"algorithm\":\"SHA_512_256\"}]}", RF_E_UNSUPPORTED},
	{"bank with PCR 99",
	 "{\"data\":\"AAAA\",\"banks\":[{\"algorithm\":\"SHA256\",\"pcrs\":{\"99\":\"\"}}]}",
	 RF_E_SYNTAX},
};

static void bent_documents_are_refused(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < RF_COUNT(bents); i++) {
		struct esx_log *log = NULL;
		struct rf_err err = {0};
		int rc = esx_open(s->hasher, rf_slice_text(bents[i].json), &log, &err);

		if (rc != bents[i].want || (rc != 0 && !err.text[0]) || (rc == 0) != (log != NULL))
			fail_msg("%s: %d %s", bents[i].name, rc, rf_err_text(&err));
		esx_free(log);
	}
	assert_int_equal(esx_open(s->hasher,
				  (struct rf_slice){s->json.data, (size_t)ESX_MAX_BYTES + 1}, NULL,
				  NULL),
			 RF_E_LIMIT);
}

static void names_of_everything(void **state)
{
	(void)state;
	for (int i = ESX_PREBOOT; i <= ESX_OTHER; i++)
		assert_true(strlen(esx_kind_name((enum esx_kind)i)) > 2);
	for (int i = ESX_EXPLAINED; i <= ESX_NO_VALUE; i++)
		assert_true(strlen(esx_verdict_name((enum esx_verdict)i)) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_is_replayed),
		cmocka_unit_test(changed_events_are_seen),
		cmocka_unit_test(a_log_that_explains_nothing_says_so),
		cmocka_unit_test(a_newer_manifest_is_read),
		cmocka_unit_test(a_report_is_read_in_every_form_of_bytes),
		cmocka_unit_test(an_envelope_and_other_letters),
		cmocka_unit_test(pcr_0_begins_with_a_locality),
		cmocka_unit_test(vcenters_log_is_opened_and_replayed),
		cmocka_unit_test(bent_documents_are_refused),
		cmocka_unit_test(names_of_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
