/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector certificates: X.509 certificates and revocation lists where libvirt, QEMU and our own
 * services keep them. No private key is ever opened. Sources: libvirt's "Remote support" page and
 * qemu.conf for the paths, RFC 5280.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/netlink.h"
#include "collect/util.h"

#define CERTS_MAX_IN_FILE 1024
#define DAY_MS		  86400000LL

struct certs {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_map seen;	 /* paths that were read */
	struct rf_map addresses; /* of the host */
	int64_t now_ms;
	bool clock_known, addresses_known;
};

static void certs_done(struct certs *c)
{
	rf_map_done(&c->seen);
	rf_map_done(&c->addresses);
}

struct cert_place {
	const char *pattern;
	const char *role;
	bool is_crl;
};

/* Where certificates lie by default. Names of private keys are nowhere in this table. */
static const struct cert_place places[] = {
	{"/etc/pki/CA/cacert.pem", "libvirt-ca", false},
	{"/etc/pki/libvirt/servercert.pem", "libvirt-server", false},
	{"/etc/pki/libvirt/clientcert.pem", "libvirt-client", false},
	{"/etc/pki/libvirt/cacert.pem", "libvirt-ca", false},
	{"/root/.pki/libvirt/clientcert.pem", "libvirt-client", false},
	{"/root/.pki/libvirt/cacert.pem", "libvirt-ca", false},
	{"/etc/pki/qemu/*-cert.pem", "qemu", false},
	{"/etc/pki/libvirt-vnc/*-cert.pem", "vnc", false},
	{"/etc/pki/libvirt-spice/*-cert.pem", "spice", false},
	{"/etc/pki/libvirt-migrate/*-cert.pem", "migration", false},
	{"/etc/pki/libvirt-nbd/*-cert.pem", "other", false},
	{"/etc/pki/libvirt-chardev/*-cert.pem", "other", false},
	{"/etc/pki/libvirt-vxhs/*-cert.pem", "other", false},
	{"/etc/pki/libvirt-backup/*-cert.pem", "other", false},
	{"/etc/ringfence/*cert.pem", "other", false},
	{"/etc/pki/CA/crl.pem", "libvirt", true},
	{"/etc/pki/CA/cacrl.pem", "libvirt", true},
	{"/etc/pki/qemu/ca-crl.pem", "qemu", true},
	{"/etc/pki/libvirt-*/ca-crl.pem", "qemu", true},
};

static const char *key_type(EVP_PKEY *key, char *out, size_t size)
{
	const char *name = key ? EVP_PKEY_get0_type_name(key) : NULL;

	rf_copy(out, size, name ? name : "unknown");
	rf_lower(out);
	return out;
}

static int64_t asn1_ms(const ASN1_TIME *time)
{
	struct tm tm = {0};

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return INT64_MIN;
	return (int64_t)timegm(&tm) * 1000;
}

/* Whole days, rounded down, so that a certificate that ended an hour ago has -1. */
static int64_t days_until(int64_t then_ms, int64_t now_ms)
{
	int64_t left = then_ms - now_ms;

	return left >= 0 ? left / DAY_MS : -((-left + DAY_MS - 1) / DAY_MS);
}

static struct fact_int ms_fact(int64_t ms)
{
	return ms == INT64_MIN ? (struct fact_int){0} : FACT_INT(ms);
}

static struct fact_int days_fact(const struct certs *c, int64_t then_ms)
{
	if (then_ms == INT64_MIN || !c->clock_known)
		return (struct fact_int){0};
	return FACT_INT(days_until(then_ms, c->now_ms));
}

static void name_text(const X509_NAME *name, struct rf_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	if (!bio)
		return;
	X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	long n = BIO_get_mem_data(bio, &data);

	if (n > 0)
		rf_buf_add_visible(out, data, (size_t)n);
	BIO_free(bio);
}

/* One label may be a star, the leftmost, and stands for one label. */
static bool name_matches(const char *pattern, const char *host)
{
	if (rf_equal_nocase(pattern, host))
		return true;
	if (rf_starts(pattern, "*.")) {
		const char *dot = strchr(host, '.');

		return dot && rf_equal_nocase(pattern + 1, dot);
	}
	/* A host that knows only its short name is meant by the full one. */
	size_t n = strlen(host);

	return n && !strchr(host, '.') && strlen(pattern) > n && pattern[n] == '.' &&
	       strncasecmp(pattern, host, n) == 0;
}

/* Adds one alternative name to the text; true when it is the host's. */
static bool san_add(const struct certs *c, const GENERAL_NAME *name, struct rf_buf *out)
{
	const char *sep = out->len ? "," : "";
	char ip[64];

	if (name->type == GEN_IPADD) {
		const ASN1_OCTET_STRING *data = name->d.iPAddress;
		int family = data->length == 4 ? AF_INET : AF_INET6;

		if ((data->length != 4 && data->length != 16) ||
		    !inet_ntop(family, data->data, ip, sizeof(ip)))
			return false;
		rf_buf_printf(out, "%sIP:%s", sep, ip);
		return rf_map_has(&c->addresses, ip);
	}
	if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI)
		return false;
	const ASN1_IA5STRING *text = name->d.ia5;

	if (text->length < 0 || memchr(text->data, '\0', (size_t)text->length))
		return false;
	rf_buf_printf(out, "%s%s:", sep,
		      name->type == GEN_DNS   ? "DNS"
		      : name->type == GEN_URI ? "URI"
					      : "email");
	rf_buf_add_visible(out, (const char *)text->data, (size_t)text->length);
	if (name->type != GEN_DNS)
		return false;
	RF_AUTOFREE char *copy = rf_strndup((const char *)text->data, (size_t)text->length);

	return copy && name_matches(copy, sys_host_name(c->sys));
}

static bool san_read(const struct certs *c, X509 *cert, struct rf_buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool matches = false;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && i < CERTS_MAX_IN_FILE; i++)
		matches = san_add(c, sk_GENERAL_NAME_value(names, i), out) || matches;
	GENERAL_NAMES_free(names);
	return matches;
}

static void put_cert(struct certs *c, X509 *cert, const char *path, const char *role, int item)
{
	RF_AUTOBUF struct rf_buf subject = {0}, issuer = {0}, san = {0};
	EVP_PKEY *key = X509_get0_pubkey(cert);
	int64_t before = asn1_ms(X509_get0_notBefore(cert));
	int64_t after = asn1_ms(X509_get0_notAfter(cert));
	char type[32];

	name_text(X509_get_subject_name(cert), &subject);
	name_text(X509_get_issuer_name(cert), &issuer);
	bool matches = san_read(c, cert, &san);
	const char *signature = OBJ_nid2ln(X509_get_signature_nid(cert));

	fact_put_certificate(
		c->out,
		&(struct fact_certificate){
			.path = path,
			.item = FACT_INT(item),
			.role = role,
			.subject = rf_buf_text(&subject),
			.issuer = rf_buf_text(&issuer),
			.self_signed = FACT_BOOL(X509_self_signed(cert, 1) == 1),
			.is_ca = FACT_BOOL(X509_check_ca(cert) == 1),
			.not_before_ms = ms_fact(before),
			.not_after_ms = ms_fact(after),
			.days_left = days_fact(c, after),
			.key_type = key_type(key, type, sizeof(type)),
			.key_bits = key ? FACT_INT(EVP_PKEY_get_bits(key)) : (struct fact_int){0},
			.signature = signature ? signature : "unknown",
			.san = rf_buf_text(&san),
			/* Without the host's addresses only a hit is sure. */
			.san_matches_host = matches || c->addresses_known || !san.len
						    ? FACT_BOOL(matches)
						    : (struct fact_int){0},
			.source = path,
		});
}

/* No password is ever given: what is encrypted is not for us. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return 0;
}

static void read_certs(struct certs *c, BIO *bio, const char *path, const char *role)
{
	int item = 0;

	while (item < CERTS_MAX_IN_FILE) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (!cert)
			break;
		put_cert(c, cert, path, role, item++);
		X509_free(cert);
	}
	if (item == 0) {
		RF_AUTOFREE char *key = rf_asprintf("%s/0", path);

		fact_gap(c->out, FACT_T_CERTIFICATE, key ? key : path, "", path,
			 "%s holds no certificate that can be read (PEM is expected)", path);
	}
}

static void read_crl(struct certs *c, BIO *bio, const char *path, const char *role)
{
	X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);

	if (!crl) {
		fact_gap(c->out, FACT_T_CRL, path, "", path,
			 "%s holds no revocation list that can be read", path);
		return;
	}
	struct fact_int days = days_fact(c, asn1_ms(X509_CRL_get0_nextUpdate(crl)));

	if (!days.known)
		fact_gap(c->out, FACT_T_CRL, path, "days_left", path,
			 "the revocation list names no next update");
	fact_put_crl(
		c->out,
		&(struct fact_crl){.path = path, .role = role, .days_left = days, .source = path});
	X509_CRL_free(crl);
}

static void read_path(struct certs *c, const char *path, const struct cert_place *place)
{
	RF_AUTOBUF struct rf_buf data = {0};
	enum fact_table_id table = place->is_crl ? FACT_T_CRL : FACT_T_CERTIFICATE;

	if (rf_map_has(&c->seen, path) || rf_map_set(&c->seen, path, c) < 0)
		return;
	if (util_read(c->sys, c->out, table, path, path, RF_MAX_FILE_BYTES, &data) <= 0)
		return;
	BIO *bio = BIO_new_mem_buf(data.data, (int)data.len);

	if (!bio)
		return;
	if (place->is_crl)
		read_crl(c, bio, path, place->role);
	else
		read_certs(c, bio, path, place->role);
	BIO_free(bio);
	ERR_clear_error();
}

static void read_place(struct certs *c, const struct cert_place *place)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	int rc = conf_glob(c->sys, place->pattern, &paths);

	if (rc < 0)
		util_gap(c->out, place->is_crl ? FACT_T_CRL : FACT_T_CERTIFICATE, "",
			 place->pattern, rc);
	for (size_t i = 0; i < paths.count; i++)
		read_path(c, paths.paths[i], place);
}

/* Settings that name other places: a file, or a folder in which the usual names are looked for. */
static const struct {
	const char *key, *role;
	bool is_dir, is_crl;
} conf_keys[] = {
	{"cert_file", "libvirt-server", false, false},
	{"ca_file", "libvirt-ca", false, false},
	{"crl_file", "libvirt", false, true},
	{"default_tls_x509_cert_dir", "qemu", true, false},
	{"vnc_tls_x509_cert_dir", "vnc", true, false},
	{"spice_tls_x509_cert_dir", "spice", true, false},
	{"migrate_tls_x509_cert_dir", "migration", true, false},
	{"chardev_tls_x509_cert_dir", "other", true, false},
	{"nbd_tls_x509_cert_dir", "other", true, false},
	{"vxhs_tls_x509_cert_dir", "other", true, false},
	{"backup_tls_x509_cert_dir", "other", true, false},
};

static void each_conf(void *ctx, const struct util_setting *s)
{
	struct certs *c = ctx;
	char pattern[RF_MAX_PATH_BYTES];

	for (size_t i = 0; i < RF_COUNT(conf_keys); i++) {
		if (strcmp(conf_keys[i].key, s->key) != 0 || s->value[0] != '/')
			continue;
		struct cert_place place = {s->value, conf_keys[i].role, conf_keys[i].is_crl};

		if (!conf_keys[i].is_dir) {
			read_path(c, s->value, &place);
			continue;
		}
		place.pattern = pattern;
		if (!rf_format(pattern, sizeof(pattern), "%s/*-cert.pem", s->value))
			continue;
		read_place(c, &place);
		rf_format(pattern, sizeof(pattern), "%s/ca-crl.pem", s->value);
		read_place(c, &(struct cert_place){pattern, "qemu", true});
	}
}

static void read_conf(struct certs *c)
{
	static const char *const files[] = {"/etc/libvirt/libvirtd.conf",
					    "/etc/libvirt/virtproxyd.conf",
					    "/etc/libvirt/qemu.conf"};

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		/* That such a file cannot be read is told by the collector of that file. */
		if (sys_read(c->sys, files[i], RF_MAX_FILE_BYTES, &text, NULL) == 0 && text.len)
			util_settings_walk((char *)text.data, files[i], "#", false, each_conf, c);
	}
}

static void read_clock(struct certs *c)
{
	struct rf_err err = {0};

	c->clock_known = util_clock_ms(c->sys, &c->now_ms, &err) == 0;
	if (c->clock_known)
		return;
	fact_gap(c->out, FACT_T_CERTIFICATE, "", "days_left", "clock",
		 "the host's clock is not known: %s", rf_err_text(&err));
	fact_gap(c->out, FACT_T_CRL, "", "days_left", "clock", "the host's clock is not known: %s",
		 rf_err_text(&err));
}

static void read_addresses(struct certs *c)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct net_address address;
	struct rf_err err = {0};

	c->addresses_known = sys_probe(c->sys, "rtnl-addr", "", &raw, &err) == 0;
	if (!c->addresses_known) {
		fact_gap(c->out, FACT_T_CERTIFICATE, "", "san_matches_host", "rtnl-addr",
			 "the host's addresses could not be asked for: %s", rf_err_text(&err));
		return;
	}
	struct rf_slice rest = rf_buf_slice(&raw);

	while (nl_next(&rest, &message) > 0) {
		if (net_address_parse(&message, &address) &&
		    rf_map_set(&c->addresses, address.text, c) < 0)
			return;
	}
}

int collect_certificates(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
			 struct rf_err *err)
{
	__attribute__((cleanup(certs_done))) struct certs c = {.sys = sys, .out = out};

	(void)req;
	(void)err;
	read_clock(&c);
	read_addresses(&c);
	for (size_t i = 0; i < RF_COUNT(places); i++)
		read_place(&c, &places[i]);
	read_conf(&c);
	return 0;
}
