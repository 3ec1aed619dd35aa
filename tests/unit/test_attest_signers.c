/* SPDX-License-Identifier: Apache-2.0 */
/* A baseline whose IMA policy names signers: entries that are really signed, by keys that are made
 * here, and what is bent in them. */
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "baseline_test.h"
#include "cert_test.h"

#include "base/str.h"

static struct cert_test ours, elliptic, stranger;

static int setup(void **state)
{
	(void)state;
	ours = cert_test_make(EVP_RSA_gen(2048), "Our build key", NULL, false, true);
	elliptic = cert_test_make(EVP_EC_gen("P-256"), "Our other key", NULL, false, true);
	stranger = cert_test_make(EVP_RSA_gen(2048), "Stranger", NULL, false, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_test_done(&ours);
	cert_test_done(&elliptic);
	cert_test_done(&stranger);
	return 0;
}

/* A PEM file of the two that are trusted. */
static void give_signers(struct baseline *baseline)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;

	assert_int_equal(PEM_write_bio_X509(bio, ours.x), 1);
	assert_int_equal(PEM_write_bio_X509(bio, elliptic.x), 1);
	long len = BIO_get_mem_data(bio, &pem);

	assert_int_equal(baseline_files_count(baseline), 1);
	assert_string_equal(baseline_file_at(baseline, 0), "signers.pem");
	assert_int_equal(baseline_give_file(baseline, 0,
					    (struct rf_slice){(const uint8_t *)pem, (size_t)len},
					    NULL),
			 0);
	BIO_free(bio);
}

/* What the kernel keeps in security.ima: head of version 2, and the bare number. */
static void sign(struct rf_buf *out, const struct cert_test *signer, const char *contents)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(signer->x);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(signer->key, NULL);
	uint8_t digest[32], number[512];
	size_t len = sizeof(number);

	assert_int_equal(EVP_Digest(contents, strlen(contents), digest, NULL, EVP_sha256(), NULL),
			 1);
	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	if (EVP_PKEY_is_a(signer->key, "RSA"))
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_sign(context, number, &len, digest, sizeof(digest)), 1);
	EVP_PKEY_CTX_free(context);
	rf_buf_add(out, "\3\2\4", 3);
	rf_buf_add(out, ASN1_STRING_get0_data(id) + ASN1_STRING_length(id) - 4, 4);
	rf_buf_add_byte(out, (uint8_t)(len >> 8));
	rf_buf_add_byte(out, (uint8_t)len);
	rf_buf_add(out, number, len);
}

static void put_field(struct rf_buf *out, const void *bytes, size_t len)
{
	put_le(out, len, 4);
	rf_buf_add(out, bytes, len);
}

static void put_entry(struct rf_buf *list, const char *path, const char *contents,
		      const struct rf_buf *signature)
{
	RF_AUTOBUF struct rf_buf data = {0}, file = {0};
	uint8_t digest[32], template[20];

	assert_int_equal(EVP_Digest(contents, strlen(contents), digest, NULL, EVP_sha256(), NULL),
			 1);
	rf_buf_add(&file, "sha256:", 8); /* and its NUL */
	rf_buf_add(&file, digest, sizeof(digest));
	put_field(&data, file.data, file.len);
	put_field(&data, path, strlen(path) + 1);
	put_field(&data, signature->data, signature->len);
	assert_int_equal(EVP_Digest(data.data, data.len, template, NULL, EVP_sha1(), NULL), 1);
	put_le(list, 10, 4);
	rf_buf_add(list, template, sizeof(template));
	put_field(list, "ima-sig", 7);
	put_field(list, data.data, data.len);
}

static const struct row {
	const char *name;
	const struct cert_test *signer; /* NULL: not signed */
	const char *signed_contents;	/* NULL: those of the file */
	const char *path;
	size_t cut;
	enum reason_id id; /* REASON_COUNT: nothing to say */
	const char *words;
} rows[] = {
	{"signed", &ours, NULL, "/usr/bin/tool", 0, REASON_COUNT, ""},
	{"signed by the other key", &elliptic, NULL, "/usr/bin/tool2", 0, REASON_COUNT, ""},
	{"a module", &ours, NULL, "/lib/modules/6/x.ko", 0, REASON_COUNT, ""},
	{"signed by a stranger", &stranger, NULL, "/usr/bin/strange", 0, REASON_IMA_BAD_SIGNATURE,
	 "A program ran whose signature is wrong or missing"},
	{"a module of a stranger", &stranger, NULL, "/tmp/evil.ko", 0, REASON_IMA_BAD_SIGNATURE,
	 "A kernel module was loaded whose signature is wrong or missing"},
	{"a signature of another file", &ours, "harmless", "/usr/bin/other", 0,
	 REASON_IMA_BAD_SIGNATURE, "does not hold"},
	{"a signature that is cut", &ours, NULL, "/usr/bin/cut", 5, REASON_IMA_BAD_SIGNATURE, ""},
	{"a head alone", &ours, NULL, "/usr/bin/head", 256, REASON_IMA_BAD_SIGNATURE, ""},
	{"not signed", NULL, NULL, "/usr/bin/plain", 0, REASON_IMA_UNKNOWN_FILE,
	 "A program ran that was not known before"},
	{"not signed, in a place that is left out", NULL, NULL, "/var/cache/x", 0, REASON_COUNT,
	 ""},
};

static const struct reason *about(const struct reasons *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i].subject, path) == 0)
			return &list->items[i];
	}
	return NULL;
}

static void only_our_signatures_count(void **state)
{
	RF_AUTOBUF struct rf_buf ima = {0};
	struct baseline *baseline =
		load_text("baseline: 1\nima:\n  signers: signers.pem\n  exclude:\n"
			  "    - {path: \"/var/cache/*\", why: made here}\n");
	struct reasons list = {0};
	char words[1024];

	(void)state;
	give_signers(baseline);
	add_machine(baseline, "first", &story_base, "Ada");
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf signature = {0};
		const char *contents = rows[i].path;

		if (rows[i].signer)
			sign(&signature, rows[i].signer,
			     rows[i].signed_contents ? rows[i].signed_contents : contents);
		signature.len -= rows[i].cut;
		put_entry(&ima, rows[i].path, contents, &signature);
	}
	judge_at(baseline, &story_base, rf_buf_slice(&ima), NOON, &list);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct reason *reason = about(&list, rows[i].path);

		if ((reason ? reason->id : REASON_COUNT) != rows[i].id)
			fail_msg("%s: %s", rows[i].name,
				 reason ? reason_words(reason, words, sizeof(words)) : "nothing");
		if (reason && !strstr(reason_words(reason, words, sizeof(words)), rows[i].words))
			fail_msg("%s: %s", rows[i].name, words);
	}
	reasons_done(&list);
	baseline_free(baseline);
}

/* Until the file of certificates came nothing is judged. */
static void without_its_file_nothing_is_judged(void **state)
{
	struct baseline *baseline = load_text("baseline: 1\nima: {signers: signers.pem}\n");
	struct rf_err err = {0};

	(void)state;
	assert_true(baseline_give_file(baseline, 0, story_text("no certificate"), &err) < 0);
	assert_true(baseline_give_file(baseline, 1, story_text("x"), &err) < 0);
	baseline_free(baseline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_our_signatures_count),
		cmocka_unit_test(without_its_file_nothing_is_judged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
