/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and revocation lists; they are made here, relative to the clock of the host. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"

/* 2026-01-01 00:00:00 UTC */
#define NOW_S  1767225600L
#define NOW_MS "1767225600000\n"
#define DAY_S  86400L

struct want {
	const char *subject, *san;
	long from_s, to_s; /* from now */
	bool ca;
};

static EVP_PKEY *make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("prime256v1");

	assert_non_null(key);
	return key;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *make_cert(const struct want *w, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)w->subject, -1, -1,
				   0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW_S + w->from_s);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW_S + w->to_s);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (w->san)
		add_extension(cert, NID_subject_alt_name, w->san);
	assert_true(X509_sign(cert, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
	return cert;
}

/* Appends a certificate in PEM. */
static void add_pem(struct rf_buf *out, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	long n = BIO_get_mem_data(bio, &data);

	rf_buf_add(out, data, (size_t)n);
	BIO_free(bio);
}

static void put_cert_file(struct test_host *h, const char *path, const struct want *w,
			  const struct want *issuer_w)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	EVP_PKEY *key = make_key(), *issuer_key = make_key();
	X509 *issuer = issuer_w ? make_cert(issuer_w, issuer_key, NULL, NULL) : NULL;
	X509 *cert = make_cert(w, key, issuer, issuer ? issuer_key : NULL);

	add_pem(&pem, cert);
	if (issuer)
		add_pem(&pem, issuer);
	host_bytes(h, path, pem.data, pem.len);
	X509_free(cert);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
}

static void make_host(struct test_host *h)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct ifaddrmsg *header = build_begin(b, RTM_NEWADDR, sizeof(*header));
	static const uint8_t ip[4] = {192, 0, 2, 7};

	host_make(h);
	header->ifa_family = AF_INET;
	mnl_attr_put(b->nlh, IFA_ADDRESS, sizeof(ip), ip);
	build_end(b);
	build_probe(b, h, "rtnl-addr");
	host_file(h, "/.ringfence/probe/clock", NOW_MS);
	host_file(h, "/.ringfence/probe/uname", "kvm7.example\n6.1\nv\nx86_64\n");
	rf_free(b);
}

static void test_certificates(void **state)
{
	static const struct want ca = {"Site CA", NULL, -DAY_S, 3650 * DAY_S, true};
	static const struct want server = {"kvm7", "DNS:kvm7.example,IP:192.0.2.9", -DAY_S,
					   40 * DAY_S, false};
	struct test_host h;

	(void)state;
	make_host(&h);
	put_cert_file(&h, "/etc/pki/libvirt/servercert.pem", &server, &ca);
	put_cert_file(&h, "/etc/pki/CA/cacert.pem", &ca, NULL);
	host_collect(&h, collect_certificates);
	assert_fact(
		&h,
		"SELECT role || '|' || subject || '|' || issuer || '|' || self_signed || is_ca "
		"|| '|' || days_left || '|' || key_type || key_bits || '|' || signature || "
		"'|' || san || '|' || san_matches_host FROM certificate WHERE path LIKE "
		"'%servercert.pem' AND item = 0",
		"libvirt-server|CN=kvm7|CN=Site CA|00|40|ec256|ecdsa-with-SHA256|DNS:kvm7.example,"
		"IP:192.0.2.9|1");
	/* The chain in the same file. */
	assert_fact(
		&h,
		"SELECT subject FROM certificate WHERE path LIKE '%servercert.pem' AND item = 1",
		"CN=Site CA");
	assert_fact(&h,
		    "SELECT role || self_signed || is_ca || san || san_matches_host FROM "
		    "certificate WHERE path = '/etc/pki/CA/cacert.pem'",
		    "libvirt-ca110");
	assert_fact(&h,
		    "SELECT not_after_ms FROM certificate WHERE path LIKE '%servercert.pem' AND "
		    "item = 0",
		    "1770681600000");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_days_and_names(void **state)
{
	/* SAN, seconds left, whole days left, is it this host */
	static const struct {
		const char *san;
		long left_s;
		const char *want;
	} rows[] = {
		{"DNS:KVM7.EXAMPLE", DAY_S, "1 1"},	 {"DNS:*.example", DAY_S - 1, "0 1"},
		{"DNS:*.kvm7.example", 0, "0 0"},	 {"DNS:other.example", -1, "-1 0"},
		{"IP:192.0.2.7", -DAY_S, "-1 1"},	 {"IP:2001:db8::1", -DAY_S - 1, "-2 0"},
		{"URI:spiffe://kvm7.example", 1, "0 0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct want w = {"x", rows[i].san, -10 * DAY_S, rows[i].left_s, false};
		struct test_host h;

		make_host(&h);
		put_cert_file(&h, "/etc/pki/qemu/server-cert.pem", &w, NULL);
		host_collect(&h, collect_certificates);
		if (strcmp(host_ask(&h,
				    "SELECT days_left || ' ' || san_matches_host FROM certificate"),
			   rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].san,
				 host_ask(&h, "SELECT days_left || ' ' || san_matches_host FROM "
					      "certificate"),
				 rows[i].want);
		host_done(&h);
	}
}

/* A host that knows only its short name. */
static void test_short_name(void **state)
{
	struct want w = {"x", "DNS:kvm7.example", -DAY_S, DAY_S, false};
	struct test_host h;

	(void)state;
	make_host(&h);
	host_file(&h, "/.ringfence/probe/uname", "kvm7\n6.1\nv\nx86_64\n");
	put_cert_file(&h, "/etc/pki/qemu/server-cert.pem", &w, NULL);
	host_collect(&h, collect_certificates);
	assert_fact(&h, "SELECT san_matches_host FROM certificate", "1");
	host_done(&h);
}

static void test_places(void **state)
{
	struct want w = {"x", NULL, -DAY_S, DAY_S, false};
	struct test_host h;

	(void)state;
	make_host(&h);
	host_file(&h, "/etc/libvirt/qemu.conf",
		  "#vnc_tls_x509_cert_dir = \"/no\"\nmigrate_tls_x509_cert_dir = \"/srv/tls\"\n");
	host_file(&h, "/etc/libvirt/libvirtd.conf",
		  "cert_file = \"/srv/own.pem\"\nkey_file = \"/srv/own-key.pem\"\n");
	put_cert_file(&h, "/srv/tls/server-cert.pem", &w, NULL);
	put_cert_file(&h, "/srv/own.pem", &w, NULL);
	put_cert_file(&h, "/etc/pki/libvirt-vnc/ca-cert.pem", &w, NULL);
	/* A private key is not opened: this one would say so. */
	host_meta(&h, "/srv/own-key.pem\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_meta(&h, "/srv/tls/server-key.pem\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_meta(&h, "/etc/pki/libvirt/private/serverkey.pem\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_certificates);
	assert_fact(&h, "SELECT group_concat(path || '=' || role, ' ') FROM certificate",
		    "/etc/pki/libvirt-vnc/ca-cert.pem=vnc /srv/own.pem=libvirt-server "
		    "/srv/tls/server-cert.pem=migration");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_crl(void **state)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	EVP_PKEY *key = make_key();
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, NOW_S - DAY_S);
	ASN1_TIME *to = ASN1_TIME_set(NULL, NOW_S + 5 * DAY_S);
	BIO *bio = BIO_new(BIO_s_mem());
	struct test_host h;
	char *data;

	(void)state;
	X509_CRL_set_version(crl, 1);
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, to);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	PEM_write_bio_X509_CRL(bio, crl);
	long n = BIO_get_mem_data(bio, &data);

	make_host(&h);
	host_bytes(&h, "/etc/pki/CA/cacrl.pem", data, (size_t)n);
	host_file(&h, "/etc/pki/qemu/ca-crl.pem", "no list");
	host_collect(&h, collect_certificates);
	assert_fact(&h, "SELECT path || role || days_left FROM crl",
		    "/etc/pki/CA/cacrl.pemlibvirt5");
	assert_fact(&h, "SELECT tbl || key FROM fact_gap", "crl/etc/pki/qemu/ca-crl.pem");
	host_done(&h);
	BIO_free(bio);
	X509_CRL_free(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	EVP_PKEY_free(key);
}

static void test_hostile(void **state)
{
	static const char *const texts[] = {
		"",
		"no certificate",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAA==\n"
		"-----END CERTIFICATE-----\n",
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct test_host h;

		make_host(&h);
		host_file(&h, "/etc/pki/qemu/server-cert.pem", texts[i]);
		host_collect(&h, collect_certificates);
		assert_fact(&h, "SELECT count(*) FROM certificate", "0");
		assert_fact(&h, "SELECT key FROM fact_gap", "/etc/pki/qemu/server-cert.pem/0");
		host_done(&h);
	}
}

static void test_no_clock(void **state)
{
	struct want w = {"x", "DNS:a", -DAY_S, DAY_S, false};
	struct test_host h;

	(void)state;
	host_make(&h);
	put_cert_file(&h, "/etc/pki/qemu/server-cert.pem", &w, NULL);
	host_collect(&h, collect_certificates);
	assert_fact(&h,
		    "SELECT coalesce(days_left, '?') || coalesce(san_matches_host, '?') FROM "
		    "certificate",
		    "??");
	assert_fact(&h, "SELECT group_concat(tbl || ' ' || col, ', ') FROM fact_gap",
		    "certificate days_left, certificate san_matches_host, crl days_left");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_days_and_names),
		cmocka_unit_test(test_short_name),   cmocka_unit_test(test_places),
		cmocka_unit_test(test_crl),	     cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_no_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
