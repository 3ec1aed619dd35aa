/* SPDX-License-Identifier: Apache-2.0 */
/* Machine owner's keys: contents that come beside the log are believed where its digests prove
 * them, and then a difference names the certificates. */
#include "cert_test.h"
#include "eventlog_test.h"

#include "attest/baseline.h"
#include "attest/diff.h"
#include "base/str.h"

static const uint8_t x509[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t sha256[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
				   0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

static struct cert_test vendor, mine;
static struct rf_buf one, two, placeholder; /* vendor; vendor and mine; what stands for none */

static void put_list(struct rf_buf *b, const uint8_t type[16], struct rf_slice data)
{
	static const uint8_t shim[16] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
					 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};

	rf_buf_add(b, type, 16);
	put_le(b, 28 + 16 + data.len, 4);
	put_le(b, 0, 4);
	put_le(b, 16 + data.len, 4);
	rf_buf_add(b, shim, 16);
	put_slice(b, data);
}

static void put_certificate(struct rf_buf *b, const struct cert_test *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert->x, &der);

	put_list(b, x509, (struct rf_slice){der, (size_t)len});
	OPENSSL_free(der);
}

static int setup(void **state)
{
	static const uint8_t zeros[32];

	(void)state;
	vendor = cert_test_make(EVP_EC_gen("P-256"), "Distribution CA", NULL, true, true);
	mine = cert_test_make(EVP_EC_gen("P-256"), "My module key", NULL, true, true);
	put_certificate(&one, &vendor);
	put_certificate(&two, &vendor);
	put_certificate(&two, &mine);
	put_list(&placeholder, sha256, (struct rf_slice){zeros, sizeof(zeros)});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_test_done(&vendor);
	cert_test_done(&mine);
	rf_buf_done(&one);
	rf_buf_done(&two);
	rf_buf_done(&placeholder);
	return 0;
}

/* A boot whose shim measured list; beside comes what the evidence says of it (NULL: nothing). */
struct host {
	struct log_build log;
	struct rf_buf shim;
	struct boot boot;
};

static void host_read(struct host *h, const struct rf_buf *list, const struct rf_buf *beside)
{
	memset(h, 0, sizeof(*h));
	begin_log(&h->log, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_event(&h->log, 7, SEPARATOR, ZEROS);
	add_measured(&h->log, 14, IPL, BYTES_NUL("MokList"), rf_buf_slice(list));
	if (beside)
		assert_int_equal(evidence_variable_add(&h->shim, "MokListRT", rf_buf_slice(beside)),
				 0);
	const struct boot_logs logs = {.firmware = rf_buf_slice(&h->log.buf),
				       .shim = rf_buf_slice(&h->shim)};

	assert_int_equal(boot_read(h->log.hasher, &logs, &h->boot, NULL), 0);
}

static void host_end(struct host *h)
{
	boot_done(&h->boot);
	rf_buf_done(&h->shim);
	end_log(&h->log);
}

static const struct boot_item *mok_item(const struct host *h)
{
	return &h->boot.items[h->boot.count - 1];
}

static void contents_are_believed_where_the_digest_proves_them(void **state)
{
	const struct {
		const char *name;
		const struct rf_buf *list, *beside;
		const char *text;
	} rows[] = {
		{"the list itself", &one, &one, "MokList: 1 certificate (Distribution CA)"},
		{"another list", &one, &two, "MokList"},
		{"nothing", &one, NULL, "MokList"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct host h;

		host_read(&h, rows[i].list, rows[i].beside);
		if (strcmp(mok_item(&h)->text, rows[i].text) != 0)
			fail_msg("%s: %s", rows[i].name, mok_item(&h)->text);
		assert_string_equal(mok_item(&h)->name, "MokList");
		host_end(&h);
	}
}

/* The weak bank's digest fits, the strong one's does not: two stories, none is believed. */
static void every_bank_must_agree(void **state)
{
	struct host h;
	uint8_t *digest;

	(void)state;
	host_read(&h, &one, &one);
	digest = h.log.buf.data + h.log.buf.len - sizeof("MokList") - 4 - 1;
	*digest ^= 1; /* the last byte of SHA-256 */
	const struct boot_logs logs = {.firmware = rf_buf_slice(&h.log.buf),
				       .shim = rf_buf_slice(&h.shim)};

	assert_int_equal(boot_read(h.log.hasher, &logs, &h.boot, NULL), 0);
	assert_string_equal(mok_item(&h)->text, "MokList");
	host_end(&h);
}

static void broken_sections_are_passed_over(void **state)
{
	struct host h;

	(void)state;
	host_read(&h, &one, &one);
	for (size_t len = 0; len <= h.shim.len; len++) {
		const struct boot_logs logs = {.firmware = rf_buf_slice(&h.log.buf),
					       .shim = {h.shim.data, len}};

		assert_int_equal(boot_read(h.log.hasher, &logs, &h.boot, NULL), 0);
		assert_int_equal(strlen(mok_item(&h)->text) > 7, len == h.shim.len);
	}
	/* More than there may be: what comes behind is not looked at. */
	rf_buf_reset(&h.shim);
	for (unsigned int i = 0; i < EVIDENCE_MAX_VARIABLES; i++)
		assert_int_equal(evidence_variable_add(&h.shim, "x", BYTES("y")), 0);
	assert_int_equal(evidence_variable_add(&h.shim, "MokListRT", rf_buf_slice(&one)), 0);
	const struct boot_logs logs = {.firmware = rf_buf_slice(&h.log.buf),
				       .shim = rf_buf_slice(&h.shim)};

	assert_int_equal(boot_read(h.log.hasher, &logs, &h.boot, NULL), 0);
	assert_string_equal(mok_item(&h)->text, "MokList");
	host_end(&h);
}

static void a_difference_names_the_certificate(void **state)
{
	const struct {
		const char *name;
		const struct rf_buf *was, *was_beside, *now, *now_beside;
		const char *detail;
	} rows[] = {
		{"added", &one, &one, &two, &two,
		 "MokList: added: certificate 'My module key' that the machine's owner trusts"},
		{"removed", &two, &two, &one, &one,
		 "MokList: removed: certificate 'My module key' that the machine's owner trusts"},
		{"the first", &placeholder, &placeholder, &one, &one,
		 "MokList: added: certificate 'Distribution CA' that the machine's owner trusts"},
		{"contents of one side", &one, NULL, &two, &two,
		 "which keys cannot be told: the evidence does not hold the list"},
		{"a lie about one side", &one, &one, &two, &one,
		 "which keys cannot be told: the evidence does not hold the list"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct host was, now;
		struct reasons list = {0};

		host_read(&was, rows[i].was, rows[i].was_beside);
		host_read(&now, rows[i].now, rows[i].now_beside);
		assert_int_equal(boot_diff(&was.boot, &now.boot, &list), 0);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.items[0].id, REASON_MOK_CHANGED);
		if (strcmp(list.items[0].detail, rows[i].detail) != 0)
			fail_msg("%s: %s", rows[i].name, list.items[0].detail);
		assert_string_equal(list.items[0].subject, "MokList");
		reasons_done(&list);
		host_end(&was);
		host_end(&now);
	}
}

/* A baseline keeps the contents, so that later words can name them. */
static void a_baseline_keeps_the_list(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct baseline *baseline = NULL, *again = NULL;
	struct reasons list = {0};
	struct host was, now;

	(void)state;
	host_read(&was, &one, &one);
	host_read(&now, &two, &two);
	assert_int_equal(baseline_load(BYTES("baseline: 1\n"), "t", &baseline, NULL), 0);
	assert_int_equal(baseline_add_boot(baseline, "first", false, &was.boot, NULL), 0);
	assert_int_equal(baseline_write(baseline, &text), 0);
	assert_int_equal(baseline_load(rf_buf_slice(&text), "t", &again, NULL), 0);
	assert_int_equal(boot_diff(&baseline_boot_at(again, 0)->boot, &now.boot, &list), 0);
	assert_int_equal(list.count, 1);
	assert_non_null(strstr(list.items[0].detail, "added: certificate 'My module key'"));
	reasons_done(&list);
	baseline_free(baseline);
	baseline_free(again);
	host_end(&was);
	host_end(&now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_are_believed_where_the_digest_proves_them),
		cmocka_unit_test(every_bank_must_agree),
		cmocka_unit_test(broken_sections_are_passed_over),
		cmocka_unit_test(a_difference_names_the_certificate),
		cmocka_unit_test(a_baseline_keeps_the_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
