/* SPDX-License-Identifier: Apache-2.0 */
/* Collector tpm: what the TPM says, which values the logs explain, IMA's list; and what is written
 * where none of it can be had. */
#include "machine_test.h"

#include "eventlog_test.h"
#include "ima_test.h"

#include "base/str.h"
#include "collect/tpm_text.h"

#define TPM	 "/sys/class/tpm/tpm0"
#define SECURITY "/sys/kernel/security"
#define LOG	 SECURITY "/tpm0/binary_bios_measurements"
#define IMA	 SECURITY "/ima/binary_runtime_measurements"

/* A host with a TPM, a boot log that explains it, and IMA. */
struct machine {
	struct test_host host;
	struct attest_pcr_values values;
	struct maker ima;
};

static void write_pcr(struct test_host *host, const char *bank, uint32_t pcr, const uint8_t *value,
		      size_t len)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	char path[128];

	rf_buf_add_hex(&hex, value, len);
	rf_buf_add_byte(&hex, '\n');
	snprintf(path, sizeof(path), TPM "/pcr-%s/%u", bank, pcr);
	host_file(host, path, rf_buf_text(&hex));
}

static void write_log(struct machine *m)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_replay replay;

	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_event(&b, 0, CRTM_VERSION, BYTES("v\0001\0"));
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(&b, pcr, SEPARATOR, BYTES("\0\0\0\0"));
	add_measured(&b, 8, IPL, BYTES_NUL("grub_cmd: linux /vmlinuz ro"),
		     BYTES("linux /vmlinuz ro"));
	open_log(&b, &log);
	assert_int_equal(eventlog_replay(b.hasher, &log, &replay, NULL), 0);
	host_bytes(&m->host, LOG, b.buf.data, b.buf.len);
	m->values = replay.pcrs;
	end_log(&b);
}

static void write_values(struct machine *m)
{
	char name[16];

	for (size_t b = 0; b < m->values.banks_count; b++) {
		uint16_t alg = m->values.algs[b];

		for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++)
			write_pcr(&m->host, attest_alg_name(alg, name), pcr,
				  m->values.values[b][pcr].bytes, attest_digest_size(alg));
	}
	write_pcr(&m->host, "sha1", 10, m->ima.sha1, 20);
	write_pcr(&m->host, "sha256", 10, m->ima.sha256, 32);
}

static void machine_make(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	host_make(&m->host);
	host_file(&m->host, TPM "/tpm_version_major", "2\n");
	host_file(&m->host, "/dev/tpmrm0", "");
	host_file(&m->host, "/.ringfence/probe/tpm",
		  "tcti device:/dev/tpmrm0\nmanufacturer IFX\nvendor SLB9670\nfirmware 7.85.1.0\n"
		  "software 0\nlocked_out 0\nowner_auth 1\nlockout_auth 0\n"
		  "ek_certificate RSA-2048 1200\nek_certificate P-256 0\n");
	write_log(m);
	ima_add(&m->ima, "boot_aggregate", 1);
	ima_add(&m->ima, "/usr/bin/init", 2);
	host_bytes(&m->host, IMA, m->ima.list.data, m->ima.list.len);
	write_values(m);
}

static void machine_done(struct machine *m)
{
	rf_buf_done(&m->ima.list);
	host_done(&m->host);
}

static void a_host_whose_logs_explain_all(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	host_collect(&m.host, collect_tpm);
	const struct ask cases[] = {
		{"SELECT version||manufacturer||vendor||firmware FROM tpm", "2IFXSLB96707.85.1.0"},
		{"SELECT software||resource_manager||locked_out||owner_auth||lockout_auth||"
		 "ek_certificate FROM tpm",
		 "010101"},
		{"SELECT banks||'/'||empty_banks FROM tpm", "sha1,sha256/"},
		{"SELECT measured_boot FROM tpm", "static"},
		{"SELECT log_events FROM tpm", "11"},
		{"SELECT count(*) FROM pcr", "48"},
		{"SELECT count(*) FROM pcr WHERE state='explained'", "20"},
		{"SELECT count(*) FROM pcr WHERE state='unused'", "28"},
		{"SELECT count(*) FROM boot_event WHERE log='firmware'", "11"},
		{"SELECT text FROM boot_event WHERE pcr=8", "linux /vmlinuz ro"},
		{"SELECT proof FROM boot_event WHERE pcr=8", "proved"},
		{"SELECT substr(digest,1,7) FROM boot_event WHERE pcr=8", "sha256:"},
		{"SELECT entries||'/'||violations||first_violation||signed_entries FROM ima_summary",
		 "2/00"},
		{"SELECT explains||weak_banks||boot_aggregate FROM ima_summary", "100"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};

	ask_all(&m.host, cases);
	machine_done(&m);
}

static void what_no_log_explains_is_named(void **state)
{
	static const uint8_t other[32] = {0xaa};
	static const struct {
		const char *bank;
		uint32_t pcr;
		size_t len;
		const char *state;
	} cases[] = {
		{"sha256", 4, 32, "unexplained"},
		{"sha1", 7, 20, "unexplained"},
		{"sha256", 8, 32, "unexplained"},
		/* Software that keeps no log that we know may use it. */
		{"sha256", 14, 32, "unlogged"},
		{"sha256", 23, 32, "unlogged"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct machine m;
		char sql[128];

		machine_make(&m);
		write_pcr(&m.host, cases[i].bank, cases[i].pcr, other, cases[i].len);
		host_collect(&m.host, collect_tpm);
		snprintf(sql, sizeof(sql), "SELECT state FROM pcr WHERE bank='%s' AND pcr=%u",
			 cases[i].bank, cases[i].pcr);
		assert_fact(&m.host, sql, cases[i].state);
		assert_fact(&m.host,
			    "SELECT count(*) FROM pcr WHERE state='unexplained' AND pcr <> 10",
			    rf_equal(cases[i].state, "unexplained") ? "1" : "0");
		machine_done(&m);
	}
}

static void a_bank_that_firmware_does_not_feed(void **state)
{
	static const uint8_t zeros[32], other[32] = {1};
	struct machine m;

	(void)state;
	machine_make(&m);
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++)
		write_pcr(&m.host, "sha384", pcr, zeros, 32);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT banks||'/'||empty_banks FROM tpm",
		    "sha1,sha256,sha384/sha384");
	/* And one in which somebody wrote what he liked. */
	write_pcr(&m.host, "sha384", 7, other, 32);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT empty_banks FROM tpm", "");
	assert_fact(&m.host, "SELECT bank||pcr FROM pcr WHERE state='unexplained'", "sha3847");
	machine_done(&m);
}

static void ways_to_boot(void **state)
{
	static const uint8_t value[32] = {1}, zeros[32];
	uint8_t ones[32];
	struct machine m;

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	machine_make(&m);
	for (uint32_t pcr = 17; pcr < 23; pcr++)
		write_pcr(&m.host, "sha256", pcr, ones, 32);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT measured_boot FROM tpm", "static");
	write_pcr(&m.host, "sha256", 19, value, 32);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT measured_boot FROM tpm", "dynamic");
	write_pcr(&m.host, "sha256", 19, ones, 32);
	write_pcr(&m.host, "sha256", 8, zeros, 32);
	write_pcr(&m.host, "sha1", 8, zeros, 20);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT measured_boot FROM tpm", "firmware");
	for (uint32_t pcr = 0; pcr < 8; pcr++) {
		write_pcr(&m.host, "sha256", pcr, zeros, 32);
		write_pcr(&m.host, "sha1", pcr, zeros, 20);
	}
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT measured_boot FROM tpm", "none");
	machine_done(&m);
}

static void a_host_without_a_tpm(void **state)
{
	struct test_host host;

	(void)state;
	host_make(&host);
	host_file(&host, SECURITY "/lsm", "yama\n");
	host_collect(&host, collect_tpm);
	assert_fact(&host, "SELECT version||measured_boot||banks||log_events FROM tpm", "0none0");
	assert_fact(&host, "SELECT entries||violations FROM ima_summary", "00");
	assert_fact(&host, "SELECT count(*) FROM pcr", "0");
	assert_fact(&host, "SELECT count(*) FROM fact_gap", "0");
	host_done(&host);
}

static void what_cannot_be_had_is_a_gap(void **state)
{
	struct test_host host;
	static const struct ask cases[] = {
		{"SELECT version FROM tpm", "2"},
		{"SELECT COALESCE(manufacturer,'?')||COALESCE(software,'?')||COALESCE(banks,'?') "
		 "FROM tpm",
		 "???"},
		{"SELECT COALESCE(log_events,'?')||COALESCE(measured_boot,'?') FROM tpm", "??"},
		/* Each NULL has its reason. */
		{"SELECT count(*) FROM fact_gap WHERE tbl='tpm'", "12"},
		{"SELECT count(*) FROM fact_gap WHERE tbl='pcr' AND col=''", "1"},
		{"SELECT count(*) FROM fact_gap WHERE tbl='ima_summary' AND col=''", "1"},
		{"SELECT count(*) FROM ima_summary", "0"},
	};

	(void)state;
	host_make(&host);
	host_file(&host, TPM "/tpm_version_major", "2\n");
	host_collect(&host, collect_tpm);
	ask_all(&host, cases);
	host_done(&host);
}

static void a_tpm_12_is_not_asked(void **state)
{
	struct test_host host;

	(void)state;
	host_make(&host);
	host_file(&host, TPM "/tpm_version_major", "1\n");
	host_file(&host, TPM "/device/pcrs", "PCR-00: 3A 3F \nPCR-xx: 1\nPCR-24: 1\nPCR-17: FF\n");
	host_collect(&host, collect_tpm);
	assert_fact(&host, "SELECT group_concat(bank||pcr||value) FROM pcr", "sha103a3f,sha117ff");
	assert_fact(&host, "SELECT reason LIKE '%TPM 1.2%' FROM fact_gap WHERE col='manufacturer'",
		    "1");
	host_done(&host);
}

static void the_probe_gives_values_where_sysfs_does_not(void **state)
{
	struct test_host host;

	(void)state;
	host_make(&host);
	host_file(&host, TPM "/tpm_version_major", "2\n");
	host_file(&host, "/.ringfence/probe/tpm",
		  "pcr 0x0004 0 0101010101010101010101010101010101010101\n"
		  "pcr 0x0004 9 zz\npcr 0x0004 24 00\npcr 0x9999 1 00\nnonsense\n\n");
	host_collect(&host, collect_tpm);
	assert_fact(&host, "SELECT group_concat(bank||'/'||pcr) FROM pcr", "sha1/0");
	assert_fact(&host, "SELECT source FROM pcr", "/dev/tpmrm0");
	host_done(&host);
}

static void broken_logs_explain_nothing(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	host_file(&m.host, LOG, "0123456789");
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT log_events FROM tpm", "NULL");
	assert_fact(&m.host, "SELECT reason <> '' FROM fact_gap WHERE col='log_events'", "1");
	assert_fact(&m.host, "SELECT count(*) FROM boot_event", "0");
	assert_fact(&m.host, "SELECT count(*) FROM fact_gap WHERE tbl='boot_event'", "1");
	machine_done(&m);
	machine_make(&m);
	host_bytes(&m.host, LOG, "", 0);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT log_events FROM tpm", "0");
	machine_done(&m);
}

static void ima_lists_that_do_not_fit(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	/* A planted entry that PCR 10 knows nothing of is ahead of it: that is normal. */
	ima_add(&m.ima, "/tmp/x", 9);
	host_bytes(&m.host, IMA, m.ima.list.data, m.ima.list.len);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT entries||'/'||explains FROM ima_summary", "3/1");
	/* One that PCR 10 knows, taken out of the list. */
	write_pcr(&m.host, "sha1", 10, m.ima.sha1, 20);
	write_pcr(&m.host, "sha256", 10, m.ima.sha256, 32);
	host_bytes(&m.host, IMA, m.ima.list.data, m.ima.offsets[2]);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT entries||'/'||explains FROM ima_summary", "2/0");
	assert_fact(&m.host, "SELECT group_concat(state) FROM pcr WHERE pcr=10",
		    "unexplained,unexplained");
	machine_done(&m);
}

static void violations_are_counted_and_named(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	ima_add_violation(&m.ima, "/var/log/\x1b[2Jx");
	ima_add_violation(&m.ima, "/var/log/y");
	host_bytes(&m.host, IMA, m.ima.list.data, m.ima.list.len);
	write_values(&m);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT violations||explains FROM ima_summary", "21");
	assert_fact(&m.host, "SELECT first_violation FROM ima_summary", "/var/log/\\x1b[2Jx");
	/* Cut short: what came before counts, and the number of entries is not known. */
	host_bytes(&m.host, IMA, m.ima.list.data, m.ima.list.len - 3);
	host_collect(&m.host, collect_tpm);
	assert_fact(&m.host, "SELECT COALESCE(entries,'?')||violations FROM ima_summary", "?1");
	machine_done(&m);
}

static void answers_of_the_probe(void **state)
{
	struct tpm_text text;
	char empty[] = "",
	     junk[] = "pcr\npcr \nsoftware\nsoftware x\nek_certificate a\nspec 1.59\n";

	(void)state;
	tpm_text_parse(empty, &text);
	assert_int_equal(text.software, -1);
	assert_int_equal(text.ek_certificate_bytes, -1);
	assert_int_equal(text.pcrs.banks_count, 0);
	tpm_text_parse(junk, &text);
	assert_int_equal(text.software, -1);
	assert_string_equal(text.spec, "1.59");
	assert_int_equal(text.ek_certificate_bytes, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_whose_logs_explain_all),
		cmocka_unit_test(what_no_log_explains_is_named),
		cmocka_unit_test(a_bank_that_firmware_does_not_feed),
		cmocka_unit_test(ways_to_boot),
		cmocka_unit_test(a_host_without_a_tpm),
		cmocka_unit_test(what_cannot_be_had_is_a_gap),
		cmocka_unit_test(a_tpm_12_is_not_asked),
		cmocka_unit_test(the_probe_gives_values_where_sysfs_does_not),
		cmocka_unit_test(broken_logs_explain_nothing),
		cmocka_unit_test(ima_lists_that_do_not_fit),
		cmocka_unit_test(violations_are_counted_and_named),
		cmocka_unit_test(answers_of_the_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
