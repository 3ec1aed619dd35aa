/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EK certificates: a maker of the test's own (root, intermediate, TPM), and each thing that real
 * TPMs and stores do to certificates, good and bad, by name.
 */
#include "attest/ekcert.h"
#include "attest_test.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define NOW	  1900000000 /* 2030-03-17 */
#define MADE	  1700000000 /* 2023-11-14 */
#define LONG_PAST 1750000000

static EVP_PKEY *root_key, *mid_key, *ek_key, *ecc_key, *other_key;
static X509 *root, *mid;

/* What a test may bend in a certificate. Zeros give a good TPM's. */
struct cert_options {
	const char *subject; /* NULL: empty */
	const char *eku;     /* NULL: the TPM's; "" none */
	const char *not_after;
	time_t not_before;
	bool ca, plain_san, oaep_key, unknown_critical, explicit_default;
	const char *digest;
	EVP_PKEY *key;
};

static void add_ext(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, (char *)value);

	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static void add_raw(X509 *x, const char *oid, int critical, const void *data, int len)
{
	ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

	ASN1_OCTET_STRING_set(s, data, len);
	X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, critical, s);

	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(s);
}

/* Critical, one directory name with the TPM's maker, model and version. */
static void add_tpm_san(X509 *x)
{
	static const char *const parts[][2] = {{"2.23.133.2.1", "id:4E544300"},
					       {"2.23.133.2.2", "NPCT75x\x1b[31m"},
					       {"2.23.133.2.3", "id:00070002"}};
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *dir = X509_NAME_new();

	for (size_t i = 0; i < 3; i++) {
		ASN1_OBJECT *o = OBJ_txt2obj(parts[i][0], 1);

		X509_NAME_add_entry_by_OBJ(dir, o, V_ASN1_UTF8STRING,
					   (const unsigned char *)parts[i][1], -1, -1, i ? -1 : 0);
		ASN1_OBJECT_free(o);
	}
	name->type = GEN_DIRNAME;
	name->d.directoryName = dir;
	sk_GENERAL_NAME_push(names, name);
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 1, 0), 1);
	GENERAL_NAMES_free(names);
}

static void set_oaep_key(X509 *x, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PublicKey(key, &der);

	assert_int_equal(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_rsaesOaep),
						V_ASN1_NULL, NULL, der, len),
			 1);
}

static void set_extensions(X509 *x, const struct cert_options *o)
{
	static const unsigned char false_spelt_out[] = {0x30, 0x03, 0x01, 0x01, 0x00};

	if (o->ca)
		add_ext(x, NID_basic_constraints, "critical,CA:TRUE");
	else if (o->explicit_default)
		add_raw(x, "2.5.29.19", 1, false_spelt_out, sizeof(false_spelt_out));
	else
		add_ext(x, NID_basic_constraints, "critical,CA:FALSE");
	if (o->ca && !o->eku)
		return;
	if (!o->eku || o->eku[0])
		add_ext(x, NID_ext_key_usage, o->eku ? o->eku : "2.23.133.8.1");
	if (o->plain_san)
		add_ext(x, NID_subject_alt_name, "DNS:example.org");
	else
		add_tpm_san(x);
	if (o->unknown_critical)
		add_raw(x, "1.2.3.4.5", 1, "\x05\x00", 2);
}

static X509 *make_cert(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, struct cert_options o)
{
	static long serial = 0x1000;
	X509 *x = X509_new();
	const char *digest = o.digest ? o.digest : "SHA256";

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	if (o.subject)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
					   (const unsigned char *)o.subject, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : X509_get_subject_name(x));
	ASN1_TIME_set(X509_getm_notBefore(x), o.not_before ? o.not_before : MADE);
	ASN1_TIME_set_string(X509_getm_notAfter(x), o.not_after ? o.not_after : "20401231235959Z");
	X509_set_pubkey(x, key);
	if (o.oaep_key)
		set_oaep_key(x, key);
	set_extensions(x, &o);
	assert_true(X509_sign(x, issuer_key, EVP_get_digestbyname(digest)) > 0);
	return x;
}

static int make_makers(void **state)
{
	(void)state;
	root_key = make_ecc("P-384");
	mid_key = make_ecc("P-256");
	ek_key = make_rsa(2048);
	ecc_key = make_ecc("P-256");
	other_key = make_rsa(2048);
	/* Makers' certificates that have ended by now, but lived when the TPM was made. */
	root = make_cert(root_key, NULL, root_key,
			 (struct cert_options){.subject = "Maker Root",
					       .ca = true,
					       .not_before = MADE - 1000,
					       .not_after = "20250101000000Z"});
	mid = make_cert(mid_key, root, root_key,
			(struct cert_options){.subject = "Maker TPM CA",
					      .ca = true,
					      .not_before = MADE - 500,
					      .not_after = "20250101000000Z"});
	return 0;
}

static int free_makers(void **state)
{
	(void)state;
	X509_free(root);
	X509_free(mid);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(mid_key);
	EVP_PKEY_free(ek_key);
	EVP_PKEY_free(ecc_key);
	EVP_PKEY_free(other_key);
	return 0;
}

static void put_der(struct rf_buf *b, X509 *x)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	rf_buf_add(b, der, (size_t)len);
	OPENSSL_free(der);
}

static void put_pem(struct rf_buf *b, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	PEM_write_bio_X509(bio, x);
	long len = BIO_get_mem_data(bio, &text);

	rf_buf_add(b, text, (size_t)len);
	BIO_free(bio);
}

static struct ekcert_store *store_of(X509 *x)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	struct ekcert_store *store = NULL;

	assert_int_equal(ekcert_store_new(&store, NULL), 0);
	put_pem(&pem, x);
	assert_int_equal(ekcert_store_add(store, rf_buf_slice(&pem), NULL, NULL), 0);
	return store;
}

/* Verifies leaf bytes for a key; the intermediate comes along. */
static int verify(struct ekcert_store *store, struct rf_slice leaf, EVP_PKEY *key,
		  struct ekcert_info *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf area = {0}, chain = {0};
	struct attest_public ek;

	put_area(&area, key, (struct area_options){.ek = true});
	put_der(&chain, mid);
	const struct rf_slice parts[] = {rf_buf_slice(&chain)};

	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	const struct ekcert_request request = {leaf, parts, 1, &ek, NOW};

	return ekcert_verify(store, &request, out, err);
}

static void a_real_looking_certificate_verifies(void **state)
{
	RF_AUTOBUF struct rf_buf der = {0};
	struct ekcert_store *store = store_of(root);
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	struct ekcert_info info;
	struct rf_err err = {0};
	uint8_t want[32];

	(void)state;
	put_der(&der, leaf);
	assert_int_equal(verify(store, rf_buf_slice(&der), ek_key, &info, &err), 0);
	assert_string_equal(info.subject, "");
	assert_string_equal(info.issuer, "CN=Maker TPM CA");
	assert_string_equal(info.root, "CN=Maker Root");
	assert_string_equal(info.manufacturer, "NTC");
	/* A certificate must not steer a terminal. */
	assert_string_equal(info.model, "NPCT75x\\x1b[31m");
	assert_string_equal(info.version, "id:00070002");
	assert_int_equal(info.not_before_s, MADE);
	assert_int_equal(info.chain_len, 3);
	assert_int_equal(info.crls_used, 0);
	assert_false(info.expired || info.no_eku || info.sha1_chain || info.crl_expired);
	EVP_Q_digest(NULL, "SHA256", NULL, der.data, der.len, want, NULL);
	assert_memory_equal(info.fingerprint, want, 32);
	X509_free(leaf);
	ekcert_store_free(store);
}

static const struct {
	const char *name;
	struct cert_options o;
	EVP_PKEY **key;	 /* in the certificate */
	EVP_PKEY **used; /* by the host */
	int code;
	const char *says;
	bool forged; /* the maker's name, not its key */
} leaf_rows[] = {
	{"forged", {0}, &ek_key, &ek_key, RF_E_DENIED, "", true},
	{"forged, OAEP", {.oaep_key = true}, &ek_key, &ek_key, RF_E_DENIED, "no trusted", true},
	{"ECC EK", {0}, &ecc_key, &ecc_key, 0, ""},
	{"with a subject", {.subject = "TPM 1"}, &ek_key, &ek_key, 0, ""},
	{"no end (99991231235959Z)", {.not_after = "99991231235959Z"}, &ek_key, &ek_key, 0, ""},
	{"key marked id-RSAES-OAEP", {.oaep_key = true}, &ek_key, &ek_key, 0, ""},
	{"OAEP, unknown critical extension",
	 {.oaep_key = true, .unknown_critical = true},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "critical extension"},
	{"OAEP, after its authority's end",
	 {.oaep_key = true, .not_before = LONG_PAST},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "expired"},
	{"default spelt out (BER)", {.explicit_default = true}, &ek_key, &ek_key, 0, ""},
	{"no extended key usage", {.eku = ""}, &ek_key, &ek_key, 0, ""},
	{"EK usage among others", {.eku = "clientAuth,2.23.133.8.1"}, &ek_key, &ek_key, 0, ""},
	{"another key (CVE-2025-13609's cousin)",
	 {0},
	 &ek_key,
	 &other_key,
	 RF_E_MISMATCH,
	 "another key"},
	{"another key, marked OAEP",
	 {.oaep_key = true},
	 &ek_key,
	 &other_key,
	 RF_E_MISMATCH,
	 "another key"},
	{"another kind of key", {0}, &ecc_key, &ek_key, RF_E_MISMATCH, "another key"},
	{"a web server's", {.eku = "serverAuth"}, &ek_key, &ek_key, RF_E_DENIED, "2.23.133.8.1"},
	{"an attestation key's",
	 {.eku = "2.23.133.8.3"},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "2.23.133.8.1"},
	{"an authority's",
	 {.ca = true, .eku = "2.23.133.8.1"},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "authority's"},
	{"from the future",
	 {.not_before = NOW + 90000},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "not valid yet"},
	{"unknown critical extension",
	 {.unknown_critical = true},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "critical extension"},
	{"made after its authority's end",
	 {.not_before = LONG_PAST},
	 &ek_key,
	 &ek_key,
	 RF_E_DENIED,
	 "expired"},
};

static void leaves(void **state)
{
	struct ekcert_store *store = store_of(root);

	(void)state;
	for (size_t i = 0; i < RF_COUNT(leaf_rows); i++) {
		RF_AUTOBUF struct rf_buf der = {0};
		EVP_PKEY *maker = leaf_rows[i].forged ? other_key : mid_key;
		X509 *leaf = make_cert(*leaf_rows[i].key, mid, maker, leaf_rows[i].o);
		struct ekcert_info info = {.chain_len = 77};
		struct rf_err err = {0};

		print_message("%s\n", leaf_rows[i].name);
		put_der(&der, leaf);
		int rc = verify(store, rf_buf_slice(&der), *leaf_rows[i].used, &info, &err);

		if (rc != leaf_rows[i].code)
			print_message("said: %s\n", err.text);
		assert_int_equal(rc, leaf_rows[i].code);
		assert_non_null(strstr(err.text, leaf_rows[i].says));
		assert_int_equal(info.chain_len, rc ? 77 : 3);
		X509_free(leaf);
	}
	ekcert_store_free(store);
}

/* ECDSA knows no MD5, so the maker is RSA here. */
static void md5_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf der = {0};
	X509 *maker = make_cert(other_key, NULL, other_key,
				(struct cert_options){.subject = "Old Maker", .ca = true});
	X509 *leaf = make_cert(ek_key, maker, other_key, (struct cert_options){.digest = "MD5"});
	struct ekcert_store *store = store_of(maker);
	struct ekcert_info info;
	struct rf_err err = {0};

	(void)state;
	put_der(&der, leaf);
	assert_int_equal(verify(store, rf_buf_slice(&der), ek_key, &info, &err), RF_E_DENIED);
	assert_non_null(strstr(err.text, "MD5"));
	X509_free(maker);
	X509_free(leaf);
	ekcert_store_free(store);
}

static void notes_are_no_refusals(void **state)
{
	struct ekcert_store *store = store_of(root);
	static const struct cert_options rows[] = {
		{.not_after = "20240101000000Z"}, {.eku = ""}, {.digest = "SHA1"}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf der = {0};
		X509 *leaf = make_cert(ek_key, mid, mid_key, rows[i]);
		struct ekcert_info info;

		put_der(&der, leaf);
		assert_int_equal(verify(store, rf_buf_slice(&der), ek_key, &info, NULL), 0);
		assert_int_equal(info.expired, i == 0);
		assert_int_equal(info.no_eku, i == 1);
		assert_int_equal(info.sha1_chain, i == 2);
		X509_free(leaf);
	}
	ekcert_store_free(store);
}

static void renewed_authorities_count_at_present(void **state)
{
	/* The same key under a certificate that is younger than the TPM's. */
	X509 *renewed =
		make_cert(mid_key, root, root_key,
			  (struct cert_options){
				  .subject = "Maker TPM CA", .ca = true, .not_before = LONG_PAST});
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	RF_AUTOBUF struct rf_buf der = {0};
	RF_AUTOBUF struct rf_buf area = {0};
	struct ekcert_store *store = store_of(renewed);
	struct ekcert_info info;
	struct attest_public ek;

	(void)state;
	put_der(&der, leaf);
	put_area(&area, ek_key, (struct area_options){.ek = true});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	const struct ekcert_request request = {rf_buf_slice(&der), NULL, 0, &ek, NOW};

	/* The store holds only an intermediate: it is trusted. */
	assert_int_equal(ekcert_verify(store, &request, &info, NULL), 0);
	assert_string_equal(info.root, "CN=Maker TPM CA");
	assert_int_equal(info.chain_len, 2);
	X509_free(renewed);
	X509_free(leaf);
	ekcert_store_free(store);
}

/* What stands before and behind the certificate in NV. */
static const struct {
	const char *name;
	const char *before;
	size_t before_len;
	int pad; /* byte, -1 none */
	size_t pad_len;
	int code;
} wrappings[] = {
	{"bare", "", 0, -1, 0, 0},
	{"padded with zeros", "", 0, 0x00, 500, 0},
	{"padded with 0xff", "", 0, 0xff, 1, 0},
	{"TCG header", "\x10\x01\x00\x04\x00\x10\x02", 7, -1, 0, 0},
	{"TCG header, padded", "\x10\x01\x00\x04\x00\x10\x02", 7, 0xff, 99, 0},
	{"half a TCG header", "\x10\x01\x00", 3, -1, 0, RF_E_SYNTAX},
	{"TCG header of a partial certificate", "\x10\x01\x01\x04\x00\x10\x03", 7, -1, 0,
	 RF_E_SYNTAX},
	{"other bytes behind", "", 0, 'x', 3, RF_E_SYNTAX},
	{"other bytes before", "x", 1, -1, 0, RF_E_SYNTAX},
	{"too much padding", "", 0, 0x00, EKCERT_MAX_BYTES, RF_E_LIMIT},
};

static void nv_wrappings(void **state)
{
	struct ekcert_store *store = store_of(root);
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});

	(void)state;
	for (size_t i = 0; i < RF_COUNT(wrappings); i++) {
		RF_AUTOBUF struct rf_buf b = {0};
		struct ekcert_info info;

		rf_buf_add(&b, wrappings[i].before, wrappings[i].before_len);
		put_der(&b, leaf);
		for (size_t k = 0; k < wrappings[i].pad_len; k++)
			rf_buf_add_byte(&b, (uint8_t)wrappings[i].pad);
		print_message("%s\n", wrappings[i].name);
		assert_int_equal(verify(store, rf_buf_slice(&b), ek_key, &info, NULL),
				 wrappings[i].code);
	}
	X509_free(leaf);
	ekcert_store_free(store);
}

static void lengths_in_ber_are_read(void **state)
{
	RF_AUTOBUF struct rf_buf der = {0}, ber = {0};
	struct ekcert_store *store = store_of(root);
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	struct ekcert_info info;

	(void)state;
	put_der(&der, leaf);
	assert_memory_equal(der.data, "\x30\x82", 2);
	/* The same length in three bytes instead of two. */
	rf_buf_add(&ber, "\x30\x83\x00", 3);
	rf_buf_add(&ber, der.data + 2, der.len - 2);
	assert_int_equal(verify(store, rf_buf_slice(&ber), ek_key, &info, NULL), 0);
	X509_free(leaf);
	ekcert_store_free(store);
}

static void chains_one_behind_the_other(void **state)
{
	RF_AUTOBUF struct rf_buf all = {0}, area = {0};
	struct ekcert_store *store = store_of(root);
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	struct ekcert_info info;
	struct attest_public ek;
	struct rf_err err = {0};

	(void)state;
	put_area(&area, ek_key, (struct area_options){.ek = true});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	put_der(&all, leaf);
	size_t alone = all.len;

	put_der(&all, mid);
	struct ekcert_request request = {rf_buf_slice(&all), NULL, 0, &ek, NOW};

	assert_int_equal(ekcert_verify(store, &request, &info, NULL), 0);
	request.leaf.len = alone;
	assert_int_equal(ekcert_verify(store, &request, &info, &err), RF_E_DENIED);
	assert_non_null(strstr(err.text, "CN=Maker TPM CA"));
	for (int i = 0; i < 8; i++)
		put_der(&all, mid);
	request.leaf = rf_buf_slice(&all);
	assert_int_equal(ekcert_verify(store, &request, &info, NULL), RF_E_LIMIT);
	X509_free(leaf);
	ekcert_store_free(store);
}

static void every_flipped_bit_and_truncation_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf der = {0};
	/* One step to what is trusted, because this verifies some thousand times. */
	struct ekcert_store *store = store_of(mid);
	X509 *leaf = make_cert(ecc_key, mid, mid_key, (struct cert_options){0});
	struct ekcert_info info;

	(void)state;
	put_der(&der, leaf);
	for (size_t len = 0; len < der.len; len++)
		assert_true(verify(store, (struct rf_slice){der.data, len}, ecc_key, &info, NULL) <
			    0);
	/* The outer SEQUENCE's head is not signed: a longer length only finds no end. */
	for (size_t bit = 8 * 4; bit < 8 * der.len; bit++) {
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_true(verify(store, rf_buf_slice(&der), ecc_key, &info, NULL) < 0);
		der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(verify(store, rf_buf_slice(&der), ecc_key, &info, NULL), 0);
	X509_free(leaf);
	ekcert_store_free(store);
}

static void a_forged_maker_is_refused(void **state)
{
	EVP_PKEY *forged_key = make_ecc("P-384");
	X509 *forged = make_cert(forged_key, NULL, forged_key,
				 (struct cert_options){.subject = "Maker Root", .ca = true});
	X509 *leaf = make_cert(ek_key, forged, forged_key, (struct cert_options){0});
	/* An end entity that acts as an authority. */
	X509 *no_ca = make_cert(ecc_key, mid, mid_key, (struct cert_options){.subject = "TPM"});
	X509 *under = make_cert(ek_key, no_ca, ecc_key, (struct cert_options){0});
	struct ekcert_store *store = store_of(root);
	X509 *const leaves_made[] = {leaf, under};
	X509 *const parents[] = {forged, no_ca};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		RF_AUTOBUF struct rf_buf all = {0};
		struct ekcert_info info;

		put_der(&all, leaves_made[i]);
		put_der(&all, parents[i]);
		assert_int_equal(verify(store, rf_buf_slice(&all), ek_key, &info, NULL),
				 RF_E_DENIED);
	}
	X509_free(forged);
	X509_free(leaf);
	X509_free(no_ca);
	X509_free(under);
	EVP_PKEY_free(forged_key);
	ekcert_store_free(store);
}

static void pem_stores(void **state)
{
	RF_AUTOBUF struct rf_buf a = {0}, b = {0};

	(void)state;
	put_pem(&a, root);
	put_pem(&b, mid);
	const char *one = rf_buf_text(&a), *two = rf_buf_text(&b);
	const struct {
		const char *name;
		const char *format;
		size_t cut; /* bytes from the end */
		int code;
		size_t count;
	} rows[] = {
		{"two", "%s%s", 0, 0, 2},
		{"no last newline", "%s%s", 1, 0, 2},
		{"text between", "# Maker\n%s\n# Issuer: x\n%s-- \n", 0, 0, 2},
		{"the end cut off", "%s%s", 5, RF_E_TRUNCATED, 0},
		{"garbage inside", "%s-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----%s",
		 0, RF_E_SYNTAX, 0},
		{"no certificate inside",
		 "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----%s", 0, RF_E_SYNTAX,
		 0},
	};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct ekcert_store *store = NULL;
		RF_AUTOFREE char *format = rf_strdup(rows[i].format);
		char *second = strstr(strstr(format, "%s") + 2, "%s");
		RF_AUTOBUF struct rf_buf file = {0};
		size_t count = 0;

		*second = '\0';
		rf_buf_add(&file, format, (size_t)(strstr(format, "%s") - format));
		rf_buf_add_text(&file, one);
		rf_buf_add_text(&file, strstr(format, "%s") + 2);
		rf_buf_add_text(&file, two);
		rf_buf_add_text(&file, second + 2);
		file.len -= rows[i].cut;
		print_message("%s\n", rows[i].name);
		assert_int_equal(ekcert_store_new(&store, NULL), 0);
		assert_int_equal(ekcert_store_add(store, rf_buf_slice(&file), &count, NULL),
				 rows[i].code);
		assert_int_equal(count, rows[i].count);
		ekcert_store_free(store);
	}
}

static void stores_concatenated_without_newline(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0}, der = {0};
	struct ekcert_store *store = NULL;
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	struct ekcert_info info;
	size_t count = 0;

	(void)state;
	/* "-----END CERTIFICATE----------BEGIN CERTIFICATE-----" on one line. */
	put_pem(&file, mid);
	file.len--;
	put_pem(&file, root);
	put_der(&der, leaf);
	assert_int_equal(ekcert_store_new(&store, NULL), 0);
	assert_int_equal(ekcert_store_add(store, rf_buf_slice(&file), &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(verify(store, rf_buf_slice(&der), ek_key, &info, NULL), 0);
	X509_free(leaf);
	ekcert_store_free(store);
}

static void der_stores_and_broken_ones(void **state)
{
	RF_AUTOBUF struct rf_buf der = {0};
	struct ekcert_store *store = NULL;
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(ekcert_store_new(&store, NULL), 0);
	put_der(&der, root);
	assert_int_equal(ekcert_store_add(store, rf_buf_slice(&der), NULL, NULL), 0);
	/* The same again does no harm. */
	assert_int_equal(ekcert_store_add(store, rf_buf_slice(&der), NULL, NULL), 0);
	assert_int_equal(
		ekcert_store_add(store, (struct rf_slice){der.data, der.len - 1}, NULL, &err),
		RF_E_SYNTAX);
	assert_int_equal(ekcert_store_add(store, rf_slice_text("hello"), NULL, &err), RF_E_SYNTAX);
	assert_non_null(strstr(err.text, "no certificate in 5 bytes"));
	assert_int_equal(ekcert_store_add(store, (struct rf_slice){0}, NULL, NULL), RF_E_SYNTAX);
	assert_int_equal(ekcert_store_add(store, (struct rf_slice){der.data, 1u << 30}, NULL, NULL),
			 RF_E_LIMIT);
	ekcert_store_free(store);
	ekcert_store_free(NULL);
	rf_alloc_fail_after(1);
	assert_int_equal(ekcert_store_new(&store, NULL), RF_E_CRYPTO);
	rf_alloc_fail_after(0);
}

/* A list of the intermediate's that names x, signed by key. */
static void put_crl(struct rf_buf *b, X509 *issuer, EVP_PKEY *key, X509 *x, time_t next)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, MADE + 1000);
	X509_REVOKED *r = X509_REVOKED_new();
	unsigned char *der = NULL;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_CRL_set1_lastUpdate(crl, t);
	X509_REVOKED_set_revocationDate(r, t);
	ASN1_TIME_set(t, next);
	X509_CRL_set1_nextUpdate(crl, t);
	ASN1_TIME_free(t);
	X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(x));
	X509_CRL_add0_revoked(crl, r);
	X509_CRL_sort(crl);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	int len = i2d_X509_CRL(crl, &der);

	rf_buf_add(b, der, (size_t)len);
	OPENSSL_free(der);
	X509_CRL_free(crl);
}

static void revocation(void **state)
{
	X509 *leaf = make_cert(ek_key, mid, mid_key, (struct cert_options){0});
	X509 *other = make_cert(ecc_key, mid, mid_key, (struct cert_options){0});
	RF_AUTOBUF struct rf_buf der = {0};
	const struct {
		const char *name;
		X509 *issuer;
		EVP_PKEY *key;
		X509 *revoked;
		time_t next;
		int code;
		unsigned int used;
		bool expired;
	} rows[] = {
		{"another one is revoked", mid, mid_key, other, NOW + 1000, 0, 1, false},
		{"this one is", mid, mid_key, leaf, NOW + 1000, RF_E_DENIED, 0, false},
		{"this one is, in an old list", mid, mid_key, leaf, NOW - 1000, RF_E_DENIED, 0,
		 false},
		{"old list", mid, mid_key, other, NOW - 1000, 0, 1, true},
		{"the authority is", root, root_key, mid, NOW + 1000, RF_E_DENIED, 0, false},
		{"a forged list accuses", mid, other_key, leaf, NOW + 1000, 0, 0, false},
		{"a stranger's list", root, root_key, leaf, NOW + 1000, 0, 1, false},
	};

	(void)state;
	put_der(&der, leaf);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf crl = {0};
		struct ekcert_store *store = store_of(root);
		struct ekcert_info info = {0};

		print_message("%s\n", rows[i].name);
		put_crl(&crl, rows[i].issuer, rows[i].key, rows[i].revoked, rows[i].next);
		assert_int_equal(ekcert_store_add(store, rf_buf_slice(&crl), NULL, NULL), 0);
		assert_int_equal(verify(store, rf_buf_slice(&der), ek_key, &info, NULL),
				 rows[i].code);
		assert_int_equal(info.crls_used, rows[i].used);
		assert_int_equal(info.crl_expired, rows[i].expired);
		ekcert_store_free(store);
	}
	X509_free(leaf);
	X509_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_looking_certificate_verifies),
		cmocka_unit_test(leaves),
		cmocka_unit_test(md5_is_refused),
		cmocka_unit_test(notes_are_no_refusals),
		cmocka_unit_test(renewed_authorities_count_at_present),
		cmocka_unit_test(nv_wrappings),
		cmocka_unit_test(lengths_in_ber_are_read),
		cmocka_unit_test(chains_one_behind_the_other),
		cmocka_unit_test(every_flipped_bit_and_truncation_is_refused),
		cmocka_unit_test(a_forged_maker_is_refused),
		cmocka_unit_test(pem_stores),
		cmocka_unit_test(stores_concatenated_without_newline),
		cmocka_unit_test(der_stores_and_broken_ones),
		cmocka_unit_test(revocation),
	};

	return cmocka_run_group_tests(tests, make_makers, free_makers);
}
