/* SPDX-License-Identifier: Apache-2.0 */
/* Collector package-sources: apt's two forms, and the repositories of yum, dnf and zypper. */
#include "facts_test.h"

static const char rows_sql[] =
	"SELECT group_concat(uri||'|'||suite||'|'||components||'|'||signed_by||'|'||encrypted||"
	"unverified||enabled||'@'||source, '; ') FROM (SELECT * FROM package_source "
	"ORDER BY file, item)";

static void check(const char *name, const char *path, const char *text, const char *want, int gaps)
{
	struct test_host h;
	char count[16];

	host_make(&h);
	host_file(&h, path, text);
	host_collect(&h, collect_package_sources);
	if (strcmp(host_ask(&h, rows_sql), want) != 0)
		fail_msg("%s: %s", name, host_ask(&h, rows_sql));
	snprintf(count, sizeof(count), "%d", gaps);
	if (strcmp(host_ask(&h, "SELECT count(*) FROM fact_gap"), count) != 0)
		fail_msg("%s: gaps: %s", name, host_ask(&h, "SELECT reason FROM fact_gap"));
	host_done(&h);
}

static void one_line(void **state)
{
	static const struct {
		const char *text, *want;
		int gaps;
	} cases[] = {
		{"deb http://deb.debian.org/debian bookworm main contrib # x\n",
		 "http://deb.debian.org/debian|bookworm|main contrib||001@L:1", 0},
		{"# deb http://x y z\n\n  deb-src https://a b\n", "https://a|b|||101@L:3", 0},
		{"deb [ arch=amd64 signed-by=/k.gpg trusted=yes ] https://a b c\n",
		 "https://a|b|c|/k.gpg|111@L:1", 0},
		{"deb [Trusted=no Allow-Insecure=YES] ftp://a b/\n", "ftp://a|b/|||011@L:1", 0},
		{"deb [arch+=i386 signed-by-=x] file:/srv/a ./\n", "file:/srv/a|./||x|101@L:1", 0},
		{"deb cdrom:[Debian 12 _Bookworm_ #1]/ bookworm main\n",
		 "cdrom:[Debian 12 _Bookworm_ #1]/|bookworm|main||101@L:1", 0},
		{"deb [trusted=yes http://a b\nrpm http://a b\ndeb http://a\ndeb\n", "NULL", 4},
		{"deb\thttp://a\tb\tc\r\n", "http://a|b|c||001@L:1", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[512] = "";

		for (const char *p = cases[i].want; *p; p++) {
			bool here = p[0] == '@' && p[1] == 'L';

			strncat(want, here ? "@/etc/apt/sources.list" : p, here ? 64 : 1);
			p += here;
		}
		check(cases[i].text, "/etc/apt/sources.list", cases[i].text, want, cases[i].gaps);
	}
}

static void deb822(void **state)
{
	(void)state;
	check("two stanzas", "/etc/apt/sources.list.d/a.sources",
	      "# first\n\nTypes: deb\n# in between\nURIs: http://a https://b\nSuites: x\n y\n"
	      "Components: main\n\n\n\nTypes: deb deb-src\nURIs: tor+https://c\nSuites: s\n"
	      "Enabled: no\nTrusted: yes\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n"
	      " abc\n -----END PGP PUBLIC KEY BLOCK-----\n",
	      "http://a|x  y|main||001@/etc/apt/sources.list.d/a.sources:3; "
	      "https://b|x  y|main||101@/etc/apt/sources.list.d/a.sources:3; "
	      "tor+https://c|s||(embedded key)|110@/etc/apt/sources.list.d/a.sources:12",
	      0);
	check("a key ring", "/etc/apt/sources.list.d/a.sources",
	      "uris: https://a\nsuites: /\nsigned-by: /usr/share/keyrings/a.gpg",
	      "https://a|/||/usr/share/keyrings/a.gpg|101@/etc/apt/sources.list.d/a.sources:1", 0);
	check("nothing usable", "/etc/apt/sources.list.d/a.sources",
	      "Types: deb\n\nno colon\n\n#\n#", "NULL", 2);
	check("a name that apt leaves out", "/etc/apt/sources.list.d/a b.sources",
	      "URIs: https://a\nSuites: x\n", "NULL", 0);
	check("another suffix", "/etc/apt/sources.list.d/a.sources.disabled",
	      "URIs: https://a\nSuites: x\n", "NULL", 0);
}

static void repositories(void **state)
{
	static const char repo[] =
		"[baseos]\nname=Base $releasever\nmetalink=https://m/?repo=b\n"
		"baseurl=http://a/\nmirrorlist=https://l\ngpgcheck=1\ngpgkey=file:///etc/pki/k\n\n"
		"[extra]\n#baseurl=http://old\nmirrorlist=https://l\nenabled=0\ngpgcheck=0\n\n"
		"[third]\nbaseurl=https://t\n[none]\nname=x\n";
	static const char want[] =
		"http://a/|baseos||file:///etc/pki/k|001@/etc/yum.repos.d/r.repo:2; "
		"https://l|extra|||110@/etc/yum.repos.d/r.repo:11; "
		"https://t|third|||1%d1@/etc/yum.repos.d/r.repo:16";
	struct test_host h;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), want, 1);
	check("dnf without its main file", "/etc/yum.repos.d/r.repo", repo, text, 1);
	host_make(&h);
	host_file(&h, "/etc/yum.repos.d/r.repo", repo);
	host_file(&h, "/etc/dnf/dnf.conf", "[main]\ngpgcheck=True\n[x]\ngpgcheck=0\n");
	host_collect(&h, collect_package_sources);
	snprintf(text, sizeof(text), want, 0);
	assert_fact(&h, rows_sql, text);
	host_done(&h);
	check("zypper", "/etc/zypp/repos.d/oss.repo", "[oss]\nbaseurl=https://o\nenabled=1\n",
	      "https://o|oss|||101@/etc/zypp/repos.d/oss.repo:2", 0);
}

static void unreadable(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/apt/sources.list.d/a.list", "deb https://a b\n");
	host_meta(&h, "/etc/apt/sources.list\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_package_sources);
	assert_fact(&h, "SELECT count(*) FROM package_source", "1");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE key='/etc/apt/sources.list'",
		    "/etc/apt/sources.list cannot be read: run as root");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line),
		cmocka_unit_test(deb822),
		cmocka_unit_test(repositories),
		cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
