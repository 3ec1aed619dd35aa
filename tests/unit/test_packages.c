/* SPDX-License-Identifier: Apache-2.0 */
/* Collector packages: dpkg's version order and status file, apt's lists, rpm's database. */
#include "facts_test.h"

#include "base/str.h"
#include "collect/apt.h"
#include "collect/dpkg.h"
#include "collect/rpm.h"

/* The order is that of `dpkg --compare-versions`, with which each line was checked. */
static void versions_are_ordered(void **state)
{
	static const struct {
		const char *a;
		char order;
		const char *b;
	} cases[] = {
		{"1.0", '=', "1.0"},
		{"1.0", '<', "1.1"},
		{"1.9", '<', "1.10"},
		{"1.0~rc1", '<', "1.0"},
		{"1.0~~", '<', "1.0~"},
		{"1.0~~a", '<', "1.0~"},
		{"1.0", '<', "1.0a"},
		{"1.0a", '<', "1.0+"},
		{"1.0a", '<', "1.0b"},
		{"1.0-1", '<', "1.0-2"},
		{"1.0", '<', "1.0-1"},
		{"1.0-0", '=', "1.0"},
		{"1.0-1", '<', "1.0-1.1"},
		{"1:0.1", '>', "9.9"},
		{"0:1.0", '=', "1.0"},
		{"2:1", '>', "1:2"},
		{"1.0-1~bpo12+1", '<', "1.0-1"},
		{"1.0-1+deb12u1", '>', "1.0-1"},
		{"1.0-1+deb12u9", '<', "1.0-1+deb12u10"},
		{"1.0-1+b1", '>', "1.0-1"},
		{"007", '=', "7"},
		{"1.00001", '=', "1.1"},
		{"1.2-3-4", '>', "1.2-3"},
		{"a", '>', "1"},
		{"", '<', "0a"},
		{"", '=', "0"},
		{"1.0-", '=', "1.0"},
		{"12345678901234567890", '<', "12345678901234567891"},
		{"1:7.2+dfsg-7+deb12u18+b3", '>', "1:7.2+dfsg-7+deb12u18"},
		{"6.1.0-40", '>', "6.1.0-9"},
		{"1.0.", '>', "1.0"},
		{"1.0.~", '<', "1.0."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int there = dpkg_version_compare(cases[i].a, cases[i].b);
		int back = dpkg_version_compare(cases[i].b, cases[i].a);
		char got = there < 0 ? '<' : there > 0 ? '>' : '=';

		if (got != cases[i].order || (there > 0) != (back < 0) ||
		    (there == 0) != (back == 0))
			fail_msg("%s %c %s", cases[i].a, got, cases[i].b);
	}
}

static void upstream_part(void **state)
{
	static const char *const cases[][2] = {
		{"1:9.2p1-2+deb12u10", "9.2p1"},
		{"1.9.13p3-1", "1.9.13p3"},
		{"5", "5"},
		{"1:2-3-4", "2-3"},
		{"", ""},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dpkg_version_upstream(cases[i][0], out, sizeof(out));
		assert_string_equal(out, cases[i][1]);
	}
}

static void status_is_parsed(void **state)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};

	(void)state;
	rf_buf_add_text(&status.text, "\n\nPackage: a\nStatus: install ok installed\nEmpty:\n"
				      "Version: 1-1\nSource: src (9)\nConffiles:\n /etc/a 00\n"
				      " /etc/b 11 obsolete\nDescription: x\n y: z\n .\n\n\n"
				      "Status: install ok installed\nVersion: 2\n\n"
				      "package: b\r\nSTATUS: deinstall ok config-files\r\n\r\n"
				      "no field\nPackage: c");
	assert_int_equal(dpkg_status_parse(&status), 0);
	/* The carriage returns join b and c: what matters is that nothing is lost in silence. */
	assert_int_equal(status.broken_count, 1);
	assert_true(status.count >= 2);
	const struct dpkg_package *a = dpkg_find(&status, "a");

	assert_non_null(a);
	assert_string_equal(a->version, "1-1");
	assert_string_equal(a->source, "src");
	assert_string_equal(a->arch, "");
	assert_string_equal(a->conffiles, "\n /etc/a 00\n /etc/b 11 obsolete");
	assert_null(dpkg_find(&status, "b"));
	assert_null(dpkg_find(&status, "c"));
}

static void releases_are_read(void **state)
{
	static const struct {
		const char *text, *origin;
		bool security, not_automatic, upgrades;
	} cases[] = {
		{"Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\n", "Debian",
		 true, false, false},
		{"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Ubuntu\nLabel: Ubuntu\n"
		 "Suite: noble-security\n",
		 "Ubuntu", true, false, false},
		{"Origin: Debian\nSuite: stable\nCodename: bookworm\n", "Debian", false, false,
		 false},
		{"Origin: Debian Backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
		 "Debian Backports", false, true, true},
		{"NotAutomatic: no\nSHA256:\n Origin: x\nOrigin: late\n", "", false, false, false},
		{"", "", false, false, false},
		{"Suite: -security-not\nCodename:\nOrigin", "", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct apt_release r;

		apt_release_parse(cases[i].text, &r);
		assert_string_equal(r.origin, cases[i].origin);
		assert_int_equal(r.security, cases[i].security);
		assert_int_equal(r.not_automatic, cases[i].not_automatic);
		assert_int_equal(r.upgrades_automatic, cases[i].upgrades);
	}
}

static bool want(void *ctx, const char *name)
{
	(void)ctx;
	return name[0] == 'w';
}

static void take(void *ctx, const struct apt_offer *offer)
{
	char *text = ctx;
	size_t n = strlen(text);

	snprintf(text + n, 256 - n, "%.*s=%.*s/%.*s;", (int)offer->name.len, offer->name.data,
		 (int)offer->version.len, offer->version.data, (int)offer->arch.len,
		 offer->arch.len ? (const char *)offer->arch.data : "");
}

static void stanzas_are_found(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"Package: w1\nVersion: 1\nArchitecture: amd64\n\nPackage: x\nVersion: 9\n\n"
		 "Package: w2\nSource: Package: w9\nVersion: 2\n",
		 "w1=1/amd64;w2=2/;"},
		{"Package: w1\nVersion: 1\n\n\nPackage: w2 \nVersion: 2 \n\n", "w1=1/;w2=2/;"},
		{"Package: w1\nDescription: a\n Package: w5\n Version: 8\nVersion: 1", "w1=1/;"},
		{"Package: w1\n\nPackage: w2", ""},
		{"Package: \nVersion: 1\n\nPackage: w\n", ""},
		{"junk\nPackage: w1\nversion: 1\n", "w1=1/;"},
		{"", ""},
		{"\nPackage:", ""},
		{"Packag", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256] = "";

		apt_packages_walk(cases[i].text, strlen(cases[i].text), want, take, text);
		assert_string_equal(text, cases[i].want);
	}
}

#define LISTS "/var/lib/apt/lists/"
static const char status[] =
	"Package: plain\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
	"Package: old\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
	"Package: sec\nStatus: install ok installed\nArchitecture: all\nSource: sec-src\n"
	"Version: 1.0-1\n\n"
	"Package: bpo\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.0~bpo1\n\n"
	"Package: local\nStatus: install ok half-configured\nArchitecture: amd64\nVersion: 5\n\n"
	"Package: two\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
	"Package: two\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n\n"
	"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n\n"
	"Package: never\nStatus: unknown ok not-installed\nArchitecture: amd64\n\n";

static void lists_host(struct test_host *h)
{
	host_make(h);
	host_file(h, "/var/lib/dpkg/status", status);
	host_file(h, LISTS "a_dists_bookworm_InRelease", "Origin: Debian\nSuite: stable\n");
	host_file(h, LISTS "a_dists_bookworm_main_binary-amd64_Packages",
		  "Package: plain\nArchitecture: amd64\nVersion: 1.0-1\n\n"
		  "Package: old\nArchitecture: amd64\nVersion: 1.0-2\n\n"
		  "Package: sec\nArchitecture: all\nVersion: 1.0-1\n\n"
		  "Package: bpo\nArchitecture: amd64\nVersion: 1.0\n\n"
		  "Package: two\nArchitecture: amd64\nVersion: 2\n\n"
		  "Package: plain\nArchitecture: arm64\nVersion: 99\n");
	host_file(h, LISTS "a_dists_bookworm-security_Release",
		  "Origin: Debian\nLabel: Debian-Security\n");
	host_file(h, LISTS "a_dists_bookworm-security_main_binary-amd64_Packages",
		  "Package: sec\nArchitecture: all\nVersion: 1.0-1+deb12u1\n\n"
		  "Package: plain\nArchitecture: amd64\nVersion: 0.9\n");
	host_file(h, LISTS "a_dists_bookworm-backports_InRelease",
		  "Origin: Backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n");
	host_file(h, LISTS "a_dists_bookworm-backports_main_binary-amd64_Packages",
		  "Package: bpo\nArchitecture: amd64\nVersion: 2.0~bpo1\n\n"
		  "Package: bpo\nArchitecture: amd64\nVersion: 2.0~bpo2\n\n"
		  "Package: plain\nArchitecture: amd64\nVersion: 7\n");
	host_file(h, LISTS "x_dists_exp_InRelease", "Origin: Exp\nNotAutomatic: yes\n");
	host_file(h, LISTS "x_dists_exp_main_binary-amd64_Packages",
		  "Package: plain\nArchitecture: amd64\nVersion: 50\n");
	host_file(h, LISTS "lock", "");
	host_file(h, LISTS "a_dists_bookworm_main_i18n_Translation-en", "Package: plain\n");
}

#define ROW(name)                                                                                  \
	"SELECT version||'|'||source_name||'|'||state||'|'||candidate||'|'||upgradable||"          \
	"security_update||'|'||origin FROM package WHERE name='" name "'"

static void candidates(void **state)
{
	static const struct {
		const char *sql, *want;
	} cases[] = {
		{ROW("plain"), "1.0-1|plain|installed|1.0-1|00|Debian"},
		{ROW("old"), "1.0-1|old|installed|1.0-2|10|"},
		{ROW("sec"), "1.0-1|sec-src|installed|1.0-1+deb12u1|11|Debian"},
		/* What came from backports is upgraded from there, and nothing else is. */
		{ROW("bpo"), "2.0~bpo1|bpo|installed|2.0~bpo2|10|Backports"},
		{ROW("local"), "5|local|half-configured||00|"},
		{ROW("gone"), "3|gone|config-files||00|"},
		{ROW("two' AND arch='i386"), "1|two|installed||00|"},
		{ROW("two' AND arch='amd64"), "1|two|installed|2|10|"},
		{"SELECT count(*) FROM package WHERE name='never'", "0"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	lists_host(&h);
	host_collect(&h, collect_packages);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_fact(&h, cases[i].sql, cases[i].want);
	host_done(&h);
}

static void a_compressed_list_leaves_doubt(void **state)
{
	struct test_host h;

	(void)state;
	lists_host(&h);
	host_file(&h, LISTS "b_dists_x_main_binary-amd64_Packages.lz4", "?");
	/* The plain form is there too: nothing is missing. */
	host_file(&h, LISTS "x_dists_exp_main_binary-amd64_Packages.xz", "?");
	host_collect(&h, collect_packages);
	assert_fact(&h, "SELECT upgradable||security_update FROM package WHERE name='sec'", "11");
	assert_fact(&h, "SELECT upgradable FROM package WHERE name='plain'", "NULL");
	assert_fact(&h, "SELECT security_update FROM package WHERE name='old'", "NULL");
	assert_fact(&h, "SELECT candidate FROM package WHERE name='plain'", "NULL");
	assert_fact(&h, "SELECT origin FROM package WHERE name='local'", "NULL");
	assert_fact(&h, "SELECT substr(reason,1,59) FROM fact_gap WHERE col='candidate'",
		    "1 package lists are compressed and not read, such as b_dist");
	host_done(&h);
}

static void no_lists_is_no_answer(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/var/lib/dpkg/status", status);
	host_collect(&h, collect_packages);
	assert_fact(&h, "SELECT upgradable FROM package WHERE name='plain'", "NULL");
	assert_fact(&h, "SELECT count(*) FROM package", "8");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE col='upgradable'",
		    "there are no package lists below /var/lib/apt/lists: run apt-get update");
	host_done(&h);
}

static void neither_dpkg_nor_rpm(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/var/lib/rpm/Packages", "old form");
	host_collect(&h, collect_packages);
	assert_fact(&h, "SELECT source FROM fact_gap WHERE tbl='package'", "/var/lib/rpm/Packages");
	assert_fact(&h, "SELECT count(*) FROM package", "0");
	host_done(&h);
}

static void put32(struct rf_buf *b, uint32_t n)
{
	const uint8_t bytes[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				 (uint8_t)n};

	rf_buf_add(b, bytes, sizeof(bytes));
}

/* A header with text tags "NUMBER value" and epoch (-1: none). */
static void header(struct rf_buf *out, const char *name, const char *version, int epoch)
{
	const struct {
		uint32_t tag;
		const char *text;
	} texts[] = {{1000, name},    {1001, version},	{1002, "38.el9"},
		     {1011, "Maker"}, {1022, "x86_64"}, {1044, "source-pkg-1-2.src.rpm"}};
	RF_AUTOBUF struct rf_buf index = {0}, data = {0};

	if (epoch >= 0) {
		put32(&index, 1003), put32(&index, 4), put32(&index, 0), put32(&index, 1);
		put32(&data, (uint32_t)epoch);
	}
	for (size_t i = 0; i < 6; i++) {
		put32(&index, texts[i].tag), put32(&index, 6);
		put32(&index, (uint32_t)data.len), put32(&index, 1);
		rf_buf_add(&data, texts[i].text, strlen(texts[i].text) + 1);
	}
	put32(out, (uint32_t)(index.len / 16));
	put32(out, (uint32_t)data.len);
	rf_buf_add(out, index.data, index.len);
	rf_buf_add(out, data.data, data.len);
}

static void rpm_add(sqlite3 *db, const char *name, const char *version, int epoch)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	sqlite3_stmt *stmt;

	header(&blob, name, version, epoch);
	assert_int_equal(
		sqlite3_prepare_v2(db, "INSERT INTO Packages(blob) VALUES (?)", -1, &stmt, NULL),
		0);
	sqlite3_bind_blob(stmt, 1, blob.data, (int)blob.len, SQLITE_TRANSIENT);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
}

static void rpm_database(void **state)
{
	struct test_host h;
	struct sys *sys;
	char path[256], version[32];
	sqlite3 *db;

	(void)state;
	host_make(&h);
	host_file(&h, "/var/lib/rpm/x", "");
	snprintf(path, sizeof(path), "%s/var/lib/rpm/rpmdb.sqlite", h.dir);
	assert_int_equal(sqlite3_open(path, &db), 0);
	assert_int_equal(
		sqlite3_exec(db,
			     "PRAGMA journal_mode=WAL; CREATE TABLE Packages (hnum INTEGER "
			     "PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)",
			     NULL, NULL, NULL),
		0);
	rpm_add(db, "openssh-server", "8.7p1", -1);
	rpm_add(db, "qemu-kvm", "9.0.0", 17);
	rpm_add(db, "gpg-pubkey", "fd431d51", -1);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO Packages(blob) VALUES (x'00'), (x'')", NULL,
				      NULL, NULL),
			 0);
	sqlite3_close(db);
	host_collect(&h, collect_packages);
	assert_fact(&h, "SELECT count(*) FROM package", "2");
	assert_fact(&h, ROW("qemu-kvm"), "NULL");
	assert_fact(&h,
		    "SELECT version||arch||source_name||state||origin||source FROM package "
		    "WHERE name='qemu-kvm'",
		    "17:9.0.0-38.el9x86_64source-pkginstalledMaker/var/lib/rpm/rpmdb.sqlite");
	assert_fact(&h, "SELECT version FROM package WHERE name='openssh-server'", "8.7p1-38.el9");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col='upgradable'", "1");
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_true(rpm_version(sys, "openssh-server", version, sizeof(version)));
	assert_string_equal(version, "8.7p1");
	assert_false(rpm_version(sys, "sudo", version, sizeof(version)));
	sys_close(sys);
	host_done(&h);
}

static void rpm_hostile(void **state)
{
	struct test_host h;
	struct collect_request req = {.host = true};
	RF_AUTOBUF struct rf_buf blob = {0};
	struct rpm_package p = {.name = "untouched"};

	(void)state;
	header(&blob, "n", "1", 3);
	assert_int_equal(rpm_header_parse(rf_buf_slice(&blob), &p), 0);
	assert_int_equal(p.epoch, 3);
	p.name = "untouched";
	for (size_t len = 0; len < blob.len; len++) {
		struct rf_slice part = {blob.data, len};

		assert_true(rpm_header_parse(part, &p) < 0);
	}
	blob.data[0] = 0xff;
	assert_int_equal(rpm_header_parse(rf_buf_slice(&blob), &p), RF_E_SYNTAX);
	assert_string_equal(p.name, "untouched");
	host_make(&h);
	host_file(&h, "/var/lib/rpm/rpmdb.sqlite", "SQLite format 3");
	assert_true(host_collect_request(&h, collect_packages, &req) < 0);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_ordered),
		cmocka_unit_test(upstream_part),
		cmocka_unit_test(status_is_parsed),
		cmocka_unit_test(releases_are_read),
		cmocka_unit_test(stanzas_are_found),
		cmocka_unit_test(candidates),
		cmocka_unit_test(a_compressed_list_leaves_doubt),
		cmocka_unit_test(no_lists_is_no_answer),
		cmocka_unit_test(neither_dpkg_nor_rpm),
		cmocka_unit_test(rpm_database),
		cmocka_unit_test(rpm_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
