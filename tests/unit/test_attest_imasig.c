/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in IMA lists. The signer is here: heads and hashes as the kernel and evmctl make them,
 * by OpenSSL's one-shot functions.
 */
#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "cert_test.h"
#include "ima_test.h"

#include "attest/imasig.h"

/* What a test may bend in one entry. Zeros give a good file signature. */
struct how {
	const char *template;  /* ima-sig */
	const char *prefix;    /* sha256: */
	uint8_t type, version; /* 3, 2 */
	uint8_t hash;	       /* 4: SHA-256 as the kernel numbers it */
	uint32_t key_id;       /* of the certificate */
	int length;	       /* added to the head's length */
	bool other_file;       /* the signature is for another */
	bool big_endian;
};

struct scene {
	struct attest_hasher *hasher;
	struct cert_test rsa, ecc, bare; /* bare: without a key identifier */
	struct ekcert_store *store;
};

static uint32_t key_id_of(X509 *x)
{
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(x);
	uint8_t digest[20];
	const uint8_t *end = digest + 20;

	if (skid)
		end = ASN1_STRING_get0_data(skid) + ASN1_STRING_length(skid);
	else
		assert_int_equal(X509_pubkey_digest(x, EVP_sha1(), digest, NULL), 1);
	return (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 | (uint32_t)end[-2] << 8 | end[-1];
}

static int setup(void **state)
{
	struct scene *s = rf_alloc(1, sizeof(*s));

	assert_int_equal(attest_hasher_new(&s->hasher, NULL), 0);
	s->rsa = cert_test_make(EVP_RSA_gen(2048), "RSA key", NULL, false, true);
	s->ecc = cert_test_make(EVP_EC_gen("P-256"), "ECC key", NULL, false, true);
	s->bare = cert_test_make(EVP_EC_gen("P-384"), "bare key", NULL, false, false);
	s->store = cert_test_store(&s->rsa);
	cert_test_trust(s->store, &s->ecc);
	cert_test_trust(s->store, &s->bare);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	cert_test_done(&s->rsa);
	cert_test_done(&s->ecc);
	cert_test_done(&s->bare);
	ekcert_store_free(s->store);
	attest_hasher_free(s->hasher);
	rf_free(s);
	return 0;
}

/* The bare number over a digest. */
static void sign_digest(struct rf_buf *out, EVP_PKEY *key, const uint8_t digest[32])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t number[512];
	size_t len = sizeof(number);

	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	if (EVP_PKEY_is_a(key, "RSA"))
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_sign(context, number, &len, digest, 32), 1);
	EVP_PKEY_CTX_free(context);
	rf_buf_add(out, number, len);
}

/* signature_v2_hdr and number. */
static void put_signature(struct rf_buf *out, const struct cert_test *signer, const struct how *how,
			  const uint8_t digest[32])
{
	RF_AUTOBUF struct rf_buf number = {0};
	uint32_t id = how->key_id ? how->key_id : key_id_of(signer->x);

	sign_digest(&number, signer->key, digest);
	size_t len = number.len + (size_t)(ssize_t)how->length;
	const uint8_t head[9] = {how->type ? how->type : 3,
				 how->version ? how->version : 2,
				 how->hash ? how->hash : 4,
				 (uint8_t)(id >> 24),
				 (uint8_t)(id >> 16),
				 (uint8_t)(id >> 8),
				 (uint8_t)id,
				 (uint8_t)(len >> 8),
				 (uint8_t)len};

	rf_buf_add(out, head, sizeof(head));
	rf_buf_add(out, number.data, number.len);
}

/* The digest that ima_digest_field writes. */
static void file_digest(uint8_t out[32])
{
	memset(out, 0, 32);
	memcpy(out, "\1\2\3", 3);
}

static void make_entry(struct maker *m, const struct cert_test *signer, const struct how *how)
{
	RF_AUTOBUF struct rf_buf data = {0}, signature = {0};
	uint8_t digest[32], id[34] = {how->type ? how->type : 3, 4};

	file_digest(digest);
	digest[0] ^= how->other_file;
	memcpy(id + 2, digest, 32);
	if (how->version == 3)
		h("SHA256", id, sizeof(id), digest);
	put_signature(&signature, signer, how, digest);
	m->big_endian = how->big_endian;
	ima_digest_field(m, &data, how->prefix ? how->prefix : "sha256:", 32, 1);
	ima_field(m, &data, "/bin/true", 10);
	ima_field(m, &data, signature.data, signature.len);
	ima_add_data(m, how->template ? how->template : "ima-sig", rf_buf_slice(&data));
}

static int verify_list(const struct scene *s, const struct maker *m, struct imasig *out)
{
	struct ima_list list = open_list(m);
	struct ima_entry entry;
	struct rf_err err = {0};

	assert_int_equal(ima_next(&list, &entry, NULL), 1);
	int rc = imasig_verify(s->hasher, &entry, list.big_endian, s->store, out, &err);

	assert_true(rc == 0 || err.text[0]);
	return rc;
}

static int verify_one(const struct scene *s, const struct cert_test *signer, const struct how *how,
		      struct imasig *out)
{
	struct maker m = {0};

	make_entry(&m, signer, how);
	int rc = verify_list(s, &m, out);

	rf_buf_done(&m.list);
	return rc;
}

static void a_signature_names_its_key(void **state)
{
	const struct scene *s = *state;
	struct imasig sig;

	assert_int_equal(verify_one(s, &s->rsa, &(struct how){0}, &sig), 0);
	assert_string_equal(sig.signer, "RSA key");
	assert_int_equal(sig.kind, IMASIG_FILE);
	assert_int_equal(sig.alg, ATTEST_SHA256);
	assert_int_equal(sig.key_id, key_id_of(s->rsa.x));
	assert_int_equal(verify_one(s, &s->ecc, &(struct how){.big_endian = true}, &sig), 0);
	assert_string_equal(sig.signer, "ECC key");
	/* Without the extension a key counts by its hash, as evmctl does. */
	assert_int_equal(verify_one(s, &s->bare, &(struct how){0}, &sig), 0);
	assert_string_equal(sig.signer, "bare key");
	assert_int_equal(verify_one(s, &s->ecc, &(struct how){.version = 3}, &sig), 0);
	assert_int_equal(sig.kind, IMASIG_FILE);
	const struct how verity = {
		.template = "ima-sigv2", .prefix = "verity:sha256:", .type = 6, .version = 3};

	assert_int_equal(verify_one(s, &s->rsa, &verity, &sig), 0);
	assert_int_equal(sig.kind, IMASIG_VERITY);
	assert_string_equal(imasig_kind_name(sig.kind), "fs-verity");
}

struct refused {
	const char *name;
	struct how how;
	int want;
};

static const struct refused refuseds[] = {
	{"for another file", {.other_file = true}, RF_E_MISMATCH},
	{"a key that is not known", {.key_id = 0x01020304}, RF_E_UNKNOWN},
	{"version 1", {.version = 1}, RF_E_UNSUPPORTED},
	{"version 4", {.version = 4}, RF_E_UNSUPPORTED},
	{"version 3 is over more", {.version = 3, .type = 3, .other_file = true}, RF_E_MISMATCH},
	{"MD5", {.hash = 1}, RF_E_UNSUPPORTED},
	{"a hash that is none", {.hash = 255}, RF_E_UNSUPPORTED},
	{"SHA-384, SHA-256 was measured", {.hash = 5}, RF_E_MISMATCH},
	{"an HMAC", {.type = 2}, RF_E_SYNTAX},
	{"a bare digest", {.type = 4}, RF_E_SYNTAX},
	{"one byte more", {.length = 1}, RF_E_SYNTAX},
	{"one byte less", {.length = -1}, RF_E_SYNTAX},
	{"fs-verity's over a file", {.type = 6, .version = 3}, RF_E_MISMATCH},
	{"a file's over fs-verity",
	 {.template = "ima-sigv2", .prefix = "verity:sha256:"},
	 RF_E_MISMATCH},
	{"fs-verity's of version 2",
	 {.template = "ima-sigv2", .prefix = "verity:sha256:", .type = 6},
	 RF_E_UNSUPPORTED},
	{"metadata in ima-sig", {.type = 5}, RF_E_SYNTAX},
	{"a digest without a number", {.prefix = "streebog256:"}, RF_E_UNSUPPORTED},
};

static void other_signatures_are_refused(void **state)
{
	const struct scene *s = *state;

	for (size_t i = 0; i < RF_COUNT(refuseds); i++) {
		struct imasig sig = {.alg = 77};
		int rc = verify_one(s, &s->ecc, &refuseds[i].how, &sig);

		if (rc != refuseds[i].want || sig.alg != 77)
			fail_msg("%s: %s", refuseds[i].name, rf_code_text(rc));
	}
}

static void a_key_of_the_same_number_is_not_the_key(void **state)
{
	const struct scene *s = *state;
	struct cert_test other = cert_test_make(EVP_EC_gen("P-256"), "other", NULL, false, true);
	struct imasig sig;

	assert_int_equal(verify_one(s, &other, &(struct how){0}, &sig), RF_E_UNKNOWN);
	const struct how lie = {.key_id = key_id_of(s->ecc.x)};

	assert_int_equal(verify_one(s, &other, &lie, &sig), RF_E_MISMATCH);
	cert_test_done(&other);
}

static void unsigned_entries_and_violations(void **state)
{
	const struct scene *s = *state;
	struct maker plain = {0}, violation = {0};
	RF_AUTOBUF struct rf_buf data = {0}, signature = {0};
	struct imasig sig;
	uint8_t digest[32];

	ima_add(&plain, "/bin/true", 1);
	assert_int_equal(verify_list(s, &plain, &sig), RF_E_MISSING);
	file_digest(digest);
	put_signature(&signature, &s->ecc, &(struct how){0}, digest);
	ima_digest_field(&violation, &data, "sha256:", 32, 0);
	ima_field(&violation, &data, "/bin/true", 10);
	ima_field(&violation, &data, signature.data, signature.len);
	ima_head(&violation, "ima-sig", NULL, 0);
	ima_field(&violation, &violation.list, data.data, data.len);
	assert_int_equal(verify_list(s, &violation, &sig), RF_E_UNSUPPORTED);
	rf_buf_done(&plain.list);
	rf_buf_done(&violation.list);
}

/* ---- metadata ---- */

struct meta {
	const char *names; /* "security.ima" */
	uint8_t ima_first; /* of the digest in security.ima: 1 is the entry's */
	uint8_t ima_type;  /* 4 */
	bool signed_ima;   /* security.ima is a signature */
	uint32_t uid;	   /* listed; 1000 was signed */
	size_t values_cut; /* bytes of the values that are not there */
	bool no_lengths;
	bool big_endian;
};

static void meta_values(struct rf_buf *values, struct rf_buf *lengths, const struct maker *m,
			const struct scene *s, const struct meta *meta)
{
	RF_AUTOBUF struct rf_buf ima = {0};
	uint8_t digest[32];

	file_digest(digest);
	if (meta->signed_ima) {
		digest[0] = meta->ima_first;
		put_signature(&ima, &s->ecc, &(struct how){0}, digest);
	} else {
		const uint8_t head[2] = {meta->ima_type ? meta->ima_type : 4, 4};

		digest[0] = meta->ima_first;
		rf_buf_add(&ima, head, 2);
		rf_buf_add(&ima, digest, 32);
	}
	rf_buf_add(values, "label", 6);
	rf_buf_add(values, ima.data, ima.len);
	ima_u32(m, lengths, 6);
	ima_u32(m, lengths, (uint32_t)ima.len);
}

/* H(values, struct h_misc): 8 of inode, 4 of generation, uid, gid, mode, padding. */
static void meta_digest(const struct maker *m, const struct rf_buf *values, uint8_t out[32])
{
	RF_AUTOBUF struct rf_buf hashed = {0};

	rf_buf_add(&hashed, values->data, values->len);
	for (int i = 0; i < 3; i++)
		ima_u32(m, &hashed, 0);
	ima_u32(m, &hashed, 1000);
	ima_u32(m, &hashed, 100);
	rf_buf_add(&hashed, m->big_endian ? "\x81\xa4\0" : "\xa4\x81\0", 4);
	h("SHA256", hashed.data, hashed.len, out);
}

static void make_meta(struct maker *m, const struct scene *s, const struct meta *meta)
{
	RF_AUTOBUF struct rf_buf data = {0}, values = {0}, lengths = {0}, signature = {0};
	RF_AUTOBUF struct rf_buf uid = {0}, gid = {0};
	const char *names = meta->names ? meta->names : "security.selinux|security.ima";
	uint8_t digest[32];

	m->big_endian = meta->big_endian;
	meta_values(&values, &lengths, m, s, meta);
	meta_digest(m, &values, digest);
	put_signature(&signature, &s->rsa, &(struct how){.type = 5}, digest);
	ima_u32(m, &uid, meta->uid);
	ima_u32(m, &gid, 100);
	ima_digest_field(m, &data, "sha256:", 32, 1);
	ima_field(m, &data, "/bin/true", 10);
	ima_field(m, &data, signature.data, signature.len);
	ima_field(m, &data, names, strlen(names) + 1);
	ima_field(m, &data, lengths.data, meta->no_lengths ? 0 : lengths.len);
	ima_field(m, &data, values.data, values.len - meta->values_cut);
	ima_field(m, &data, uid.data, 4);
	ima_field(m, &data, gid.data, 4);
	ima_field(m, &data, m->big_endian ? "\x81\xa4" : "\xa4\x81", 2);
	ima_add_data(m, "evm-sig", rf_buf_slice(&data));
}

struct meta_row {
	const char *name;
	struct meta meta;
	int want;
};

static const struct meta_row meta_rows[] = {
	{"good", {.ima_first = 1, .uid = 1000}, 0},
	{"big endian", {.ima_first = 1, .uid = 1000, .big_endian = true}, 0},
	{"security.ima is a signature", {.ima_first = 1, .uid = 1000, .signed_ima = true}, 0},
	{"a signature of another file",
	 {.ima_first = 2, .uid = 1000, .signed_ima = true},
	 RF_E_MISMATCH},
	{"another owner", {.ima_first = 1, .uid = 0}, RF_E_MISMATCH},
	{"other contents", {.ima_first = 2, .uid = 1000}, RF_E_MISMATCH},
	{"another kind of security.ima",
	 {.ima_first = 1, .uid = 1000, .ima_type = 2},
	 RF_E_MISMATCH},
	{"no security.ima",
	 {.names = "security.selinux|security.SMACK64", .ima_first = 1, .uid = 1000},
	 RF_E_MISMATCH},
	{"one name too few",
	 {.names = "security.selinux", .ima_first = 1, .uid = 1000},
	 RF_E_MISMATCH},
	{"one name too many",
	 {.names = "security.selinux|security.ima|security.x", .ima_first = 1, .uid = 1000},
	 RF_E_SYNTAX},
	{"values are cut", {.ima_first = 1, .uid = 1000, .values_cut = 1}, RF_E_SYNTAX},
	{"no lengths", {.ima_first = 1, .uid = 1000, .no_lengths = true}, RF_E_SYNTAX},
};

static void metadata_is_verified_with_its_file(void **state)
{
	for (size_t i = 0; i < RF_COUNT(meta_rows); i++) {
		struct maker m = {0};
		struct imasig sig = {.alg = 77};

		make_meta(&m, *state, &meta_rows[i].meta);
		int rc = verify_list(*state, &m, &sig);

		if (rc != meta_rows[i].want)
			fail_msg("%s: %s", meta_rows[i].name, rf_code_text(rc));
		assert_int_equal(sig.alg, rc ? 77 : ATTEST_SHA256);
		if (rc == 0) {
			assert_int_equal(sig.kind, IMASIG_EVM);
			assert_string_equal(sig.signer, "RSA key");
		}
		rf_buf_done(&m.list);
	}
}

/* ---- modules ---- */

struct module {
	const char *name;
	unsigned int flags; /* of CMS_sign */
	bool stranger;	    /* signed by one who is not trusted */
	const char *bytes;  /* measured; "module" was signed */
	int cut;	    /* bytes of the PKCS#7 that are not there */
	int want;
};

static const struct module modules[] = {
	{"as the kernel's sign-file does", CMS_NOATTR, false, "module", 0, 0},
	{"with attributes", 0, false, "module", 0, 0},
	{"another module", CMS_NOATTR, false, "modulE", 0, RF_E_MISMATCH},
	{"another module, with attributes", 0, false, "modulE", 0, RF_E_MISMATCH},
	{"a stranger", CMS_NOATTR, true, "module", 0, RF_E_UNKNOWN},
	{"cut", CMS_NOATTR, false, "module", 9, RF_E_SYNTAX},
};

static void make_module(struct maker *m, const struct cert_test *signer,
			const struct module *module)
{
	RF_AUTOBUF struct rf_buf data = {0}, digest = {0};
	BIO *bio = BIO_new_mem_buf("module", 6);
	unsigned char *der = NULL;
	uint8_t hash[32];
	CMS_ContentInfo *cms =
		CMS_sign(signer->x, signer->key, NULL, bio,
			 CMS_NOCERTS | CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP | module->flags);
	int len = i2d_CMS_ContentInfo(cms, &der);

	assert_true(len > 9);
	h("SHA256", module->bytes, strlen(module->bytes), hash);
	rf_buf_add(&digest, "sha256:", 8);
	rf_buf_add(&digest, hash, 32);
	ima_digest_field(m, &data, "sha256:", 32, 1);
	ima_field(m, &data, "/m.ko", 6);
	ima_field(m, &data, NULL, 0);
	ima_field(m, &data, digest.data, digest.len);
	ima_field(m, &data, der, (size_t)(len - module->cut));
	ima_add_data(m, "ima-modsig", rf_buf_slice(&data));
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
}

static void modules_are_verified(void **state)
{
	const struct scene *s = *state;
	struct cert_test stranger = cert_test_make(EVP_EC_gen("P-256"), "me", NULL, false, true);

	for (size_t i = 0; i < RF_COUNT(modules); i++) {
		struct maker m = {0};
		struct imasig sig = {.alg = 77};

		make_module(&m, modules[i].stranger ? &stranger : &s->rsa, &modules[i]);
		int rc = verify_list(s, &m, &sig);

		if (rc != modules[i].want)
			fail_msg("%s: %s", modules[i].name, rf_code_text(rc));
		if (rc == 0) {
			assert_int_equal(sig.kind, IMASIG_MODULE);
			assert_string_equal(sig.signer, "RSA key");
		}
		rf_buf_done(&m.list);
	}
	cert_test_done(&stranger);
}

/* Every byte of the whole signature bent: refused. */
static void bent_signatures_are_refused(void **state)
{
	const struct scene *s = *state;
	struct maker m = {0};
	struct imasig sig;

	make_entry(&m, &s->rsa, &(struct how){0});
	size_t start = m.list.len - 265;

	assert_int_equal(verify_list(s, &m, &sig), 0);
	for (size_t at = start; at < m.list.len; at++) {
		m.list.data[at] ^= 0x20;
		assert_int_not_equal(verify_list(s, &m, &sig), 0);
		m.list.data[at] ^= 0x20;
	}
	rf_buf_done(&m.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_names_its_key),
		cmocka_unit_test(other_signatures_are_refused),
		cmocka_unit_test(a_key_of_the_same_number_is_not_the_key),
		cmocka_unit_test(unsigned_entries_and_violations),
		cmocka_unit_test(metadata_is_verified_with_its_file),
		cmocka_unit_test(modules_are_verified),
		cmocka_unit_test(bent_signatures_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
