/* SPDX-License-Identifier: Apache-2.0 */
/* Collector package-files: what counts as changed, and what must not; the probe file-md5. */
#include "facts_test.h"

#include <errno.h>

#include "sys/digest.h"

#define MD5_A "0cc175b9c0f1b6a831c399e269772661" /* of "a" */
#define MD5_B "92eb5ffee6ae2fec3ad71c777531578f" /* of "b" */

/* Writes a file and what the probe says of it. */
static void hashed(struct test_host *h, const char *path, const char *md5)
{
	char probe[512] = "/.ringfence/probe/file-md5/", answer[64];

	for (const char *p = path; *p; p++) {
		size_t n = strlen(probe);

		if (*p == '/')
			snprintf(probe + n, sizeof(probe) - n, "%%2F");
		else
			snprintf(probe + n, sizeof(probe) - n, "%c", *p);
	}
	snprintf(answer, sizeof(answer), "%s 1\n", md5);
	host_file(h, path, "x");
	host_file(h, probe, answer);
}

static void usual(struct test_host *h)
{
	host_make(h);
	host_file(h, "/.ringfence/probe/uname", "h\n6.1.0-40-amd64\n#1\nx86_64\n");
	host_file(h, "/proc/modules", "kvm_intel 1 0 - Live 0x0\n");
	host_file(h, "/var/lib/dpkg/status",
		  "Package: qemu-system-x86\nStatus: install ok installed\nArchitecture: amd64\n\n"
		  "Package: libvirt0\nStatus: install ok installed\nArchitecture: amd64\n\n"
		  "Package: swtpm\nStatus: deinstall ok config-files\nArchitecture: amd64\n\n"
		  "Package: seabios\nStatus: install ok installed\nArchitecture: all\n\n"
		  "Package: bash\nStatus: install ok installed\nArchitecture: amd64\n\n"
		  "Package: linux-image-6.1.0-40-amd64\nStatus: install ok installed\n"
		  "Architecture: amd64\n\n"
		  "Package: linux-image-6.1.0-9-amd64\nStatus: install ok installed\n"
		  "Architecture: amd64\n");
	host_file(h, "/var/lib/dpkg/info/qemu-system-x86.md5sums",
		  MD5_A "  usr/bin/same\n" MD5_A "  usr/bin/edited\n" MD5_A "  usr/bin/gone\n" MD5_A
			"  usr/bin/diverted\n" MD5_A "  usr/share/doc/qemu/gone\n" MD5_A
			"  usr/bin/a link\n" MD5_A "  usr/bin/folder\n" MD5_A "  usr/bin/closed\n"
			"short  usr/bin/x\n" MD5_A "usr/bin/y\n\n");
	host_file(h, "/var/lib/dpkg/info/libvirt0:amd64.md5sums", MD5_A "  usr/lib/libvirt.so.0\n");
	host_file(h, "/var/lib/dpkg/info/swtpm.md5sums", MD5_A "  usr/bin/swtpm\n");
	host_file(h, "/var/lib/dpkg/info/bash.md5sums", MD5_A "  bin/bash\n");
	host_file(h, "/var/lib/dpkg/info/linux-image-6.1.0-40-amd64.md5sums",
		  MD5_A "  boot/vmlinuz-6.1.0-40-amd64\n" MD5_A
			"  lib/modules/6.1.0-40-amd64/kernel/arch/x86/kvm/kvm-intel.ko.xz\n" MD5_A
			"  lib/modules/6.1.0-40-amd64/kernel/fs/ext4/ext4.ko\n");
	host_file(h, "/var/lib/dpkg/info/linux-image-6.1.0-9-amd64.md5sums",
		  MD5_A "  boot/vmlinuz-6.1.0-9-amd64\n");
	host_file(h, "/var/lib/dpkg/diversions",
		  "/usr/bin/diverted\n/usr/bin/diverted.real\nother\n"
		  "/usr/bin/same\n/usr/bin/same.own\nqemu-system-x86\n/usr/bin/cut short\n");
	hashed(h, "/usr/bin/same", MD5_A);
	hashed(h, "/usr/bin/edited", MD5_B);
	hashed(h, "/usr/bin/diverted", MD5_B);
	hashed(h, "/usr/bin/diverted.real", MD5_A);
	host_file(h, "/usr/bin/folder/x", "");
	hashed(h, "/usr/lib/libvirt.so.0", MD5_A);
	hashed(h, "/boot/vmlinuz-6.1.0-40-amd64", MD5_B);
	hashed(h, "/lib/modules/6.1.0-40-amd64/kernel/arch/x86/kvm/kvm-intel.ko.xz", MD5_B);
	host_meta(h, "/usr/bin/a link\tl\t0777\t0\t0\t\t\t\t/usr/bin/same");
}

static void differences(void **state)
{
	struct test_host h;

	(void)state;
	usual(&h);
	host_file(&h, "/usr/bin/closed", "x");
	host_collect(&h, collect_package_files);
	assert_fact(&h,
		    "SELECT group_concat(package||' '||path||' '||state, '; ') FROM package_file "
		    "WHERE package LIKE 'qemu%'",
		    "qemu-system-x86 /usr/bin/edited changed; "
		    "qemu-system-x86 /usr/bin/folder changed; "
		    "qemu-system-x86 /usr/bin/gone missing");
	assert_fact(&h, "SELECT source FROM package_file WHERE path='/usr/bin/gone'",
		    "/var/lib/dpkg/info/qemu-system-x86.md5sums");
	/* Of the kernels the running one, of its modules the loaded ones. */
	assert_fact(&h,
		    "SELECT group_concat(path||' '||state, '; ') FROM package_file "
		    "WHERE package LIKE 'linux%'",
		    "/boot/vmlinuz-6.1.0-40-amd64 changed; "
		    "/lib/modules/6.1.0-40-amd64/kernel/arch/x86/kvm/kvm-intel.ko.xz changed");
	assert_fact(&h, "SELECT count(*) FROM package_file", "5");
	/* No digest is recorded for `closed` and `a link`; seabios has no list at all. */
	assert_fact(&h, "SELECT substr(reason,1,18) FROM fact_gap WHERE col='state'",
		    "of 2 files, such a");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='seabios'", "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "2");
	host_done(&h);
}

static void no_dpkg(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_package_files);
	assert_fact(&h, "SELECT reason FROM fact_gap",
		    "only what dpkg installed is compared here: rpm -Va compares the rest");
	host_done(&h);
}

static void digest_of_a_file(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct test_host h;
	char path[128];

	(void)state;
	host_make(&h);
	host_file(&h, "/a", "a");
	snprintf(path, sizeof(path), "%s/a", h.dir);
	assert_int_equal(digest_md5(path, &out, NULL), 0);
	assert_string_equal(rf_buf_text(&out), MD5_A " 1\n");
	rf_buf_reset(&out);
	assert_int_equal(digest_md5(h.dir, &out, NULL), -EINVAL);
	assert_int_equal(digest_md5("/dev/zero", &out, NULL), -EINVAL);
	snprintf(path, sizeof(path), "%s/none", h.dir);
	assert_int_equal(digest_md5(path, &out, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/fifo", h.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(digest_md5(path, &out, NULL), -EINVAL);
	assert_int_equal(out.len, 0);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences),
		cmocka_unit_test(no_dpkg),
		cmocka_unit_test(digest_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
