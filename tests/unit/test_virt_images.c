/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2 headers, images of VMs, backing chains, devices in use, libvirt's own files. */
#include <errno.h>

#include "virt_test.h"

#include "base/mem.h"
#include "collect/images.h"
#include "collect/qcow2.h"

/* A header with a backing file; version 2 or 3. Returns its length. */
static size_t make_header(uint8_t out[512], uint32_t version, const char *backing,
			  const char *format, uint32_t crypt)
{
	size_t at = version == 3 ? 104 : 72;
	size_t len = strlen(backing);

	memset(out, 0, 512);
	memcpy(out, "QFI\xfb", 4);
	out[7] = (uint8_t)version;
	out[23] = 16;	/* cluster_bits */
	out[29] = 0x10; /* size 1 MiB */
	out[35] = (uint8_t)crypt;
	if (version == 3)
		out[103] = 104;
	if (format) {
		memcpy(out + at, "\xe2\x79\x2a\xca", 4);
		out[at + 7] = (uint8_t)strlen(format);
		memcpy(out + at + 8, format, strlen(format));
		at += 8 + (strlen(format) + 7) / 8 * 8;
	}
	at += 8; /* end of extensions */
	if (len > 0) {
		out[14] = (uint8_t)(at >> 8);
		out[15] = (uint8_t)at;
		out[18] = (uint8_t)(len >> 8);
		out[19] = (uint8_t)len;
		memcpy(out + at, backing, len);
	}
	return at + len;
}

static void test_header(void **state)
{
	uint8_t head[512];
	struct qcow2_header h;

	(void)state;
	for (uint32_t version = 2; version <= 3; version++) {
		size_t len = make_header(head, version, "base.img", "raw", 0);

		assert_int_equal(qcow2_parse((struct rf_slice){head, len}, &h, NULL), 0);
		assert_int_equal(h.version, version);
		assert_int_equal(h.virtual_bytes, 1 << 20);
		assert_string_equal(h.backing, "base.img");
		assert_string_equal(h.backing_format, "raw");
		assert_false(h.luks);
	}
	size_t len = make_header(head, 3, "", NULL, 2);

	assert_int_equal(qcow2_parse((struct rf_slice){head, len}, &h, NULL), 0);
	assert_true(h.luks);
	assert_string_equal(h.backing, "");
	assert_string_equal(h.backing_format, "");
}

static void test_hostile_header(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
		int rc;
	} cases[] = {
		{"magic", 0, 'X', RF_E_MISMATCH},
		{"version", 7, 9, RF_E_UNSUPPORTED},
		{"name far away", 13, 1, RF_E_TRUNCATED},
		{"name too long", 18, 8, RF_E_LIMIT},
		{"name with NUL", 19, 30, RF_E_TRUNCATED},
		{"size below zero", 24, 0x80, RF_E_SYNTAX},
		{"header too short", 103, 20, RF_E_SYNTAX},
		{"header too long", 101, 1, RF_E_SYNTAX},
	};
	uint8_t head[512];
	struct qcow2_header h = {.version = 77};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		size_t len = make_header(head, 3, "base.img", "raw", 0);

		head[cases[i].at] = cases[i].value;
		int rc = qcow2_parse((struct rf_slice){head, len}, &h, NULL);

		if (rc != cases[i].rc)
			fail_msg("%s: %d", cases[i].name, rc);
		assert_int_equal(h.version, 77);
	}
	size_t len = make_header(head, 3, "base.img", "raw", 0);

	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(qcow2_parse((struct rf_slice){head, cut}, &h, NULL), 0);
}

static void test_names(void **state)
{
	char path[64];

	(void)state;
	assert_true(images_is_protocol("nbd://h/x"));
	assert_true(images_is_protocol("json:{}"));
	assert_true(images_is_protocol("rbd:pool/x"));
	assert_false(images_is_protocol("/a/b:c"));
	assert_false(images_is_protocol("a/b:c"));
	assert_false(images_is_protocol("c:x"));
	assert_false(images_is_protocol("plain.qcow2"));
	assert_true(images_backing_path("/i/a", "b", path, sizeof(path)));
	assert_string_equal(path, "/i/b");
	assert_true(images_backing_path("/i/a", "/x/b", path, sizeof(path)));
	assert_string_equal(path, "/x/b");
	assert_false(images_backing_path("/i/a", "b", path, 3));
}

/* Puts an image with a header at path, and its first bytes where the probe finds them. */
static void put_image(struct test_host *h, const char *path, const char *backing,
		      const char *format)
{
	uint8_t head[512];
	char probe[512];
	size_t len = make_header(head, 3, backing, format, 0), n = 0;

	host_file(h, path, "image");
	n = (size_t)snprintf(probe, sizeof(probe), "/.ringfence/probe/image-head/");
	for (; *path; path++)
		n += (size_t)snprintf(probe + n, sizeof(probe) - n, *path == '/' ? "%%2F" : "%c",
				      *path);
	host_file(h, probe, "");
	snprintf(probe + n, sizeof(probe) - n, "%s", "");
	char full[600];

	snprintf(full, sizeof(full), "%s%s", h->dir, probe);
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	fwrite(head, 1, len, f);
	fclose(f);
}

#define QCOW(path)                                                                                 \
	"<disk type='file'><driver type='qcow2'/><source file='" path                              \
	"'/><target dev='vda'/></disk>"

static void look(struct test_host *h, const char *devices)
{
	host_file(h, "/etc/passwd", "root:x:0:0::/:/bin/sh\nqemu:x:107:107::/:/bin/false\n");
	host_file(h, "/etc/group", "root:x:0:\nkvm:x:36:\n");
	virt_write(h, "/etc/libvirt/qemu/web.xml", "", HVM, devices);
	assert_int_equal(virt_collect(h, "/etc/libvirt/qemu", NULL, true), 0);
}

static void test_chain(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	put_image(&h, "/i/c.qcow2", "b.qcow2", "qcow2");
	put_image(&h, "/i/b.qcow2", "/i/a.img", "raw");
	host_file(&h, "/i/a.img", "raw");
	host_meta(&h, "/i/c.qcow2\tf\t0664\t107\t36");
	look(&h, QCOW("/i/c.qcow2"));
	assert_fact(
		&h,
		"SELECT exists_||' '||mode_bits||' '||mode_text||' '||owner||' '||grp||' '||other_read||"
		"group_other_write||is_symlink||' '||backing_depth||backing_remote||"
		"backing_format_stated||' '||virtual_bytes FROM vm_disk",
		"1 436 0664 qemu kvm 110 201 1048576");
	assert_fact(&h,
		    "SELECT group_concat(value) FROM (SELECT value FROM vm_option WHERE key LIKE "
		    "'backing/vda/%' ORDER BY key)",
		    "/i/b.qcow2,/i/a.img");
	host_done(&h);
}

static void test_chain_ends_badly(void **state)
{
	static const struct {
		const char *name, *backing, *format, *want; /* depth, remote, stated; gaps */
	} cases[] = {
		{"none", "", NULL, "0 0 1"},
		{"remote", "nbd://h/x", "raw", "1 1 1"},
		{"json", "json:{\"driver\":\"nbd\"}", NULL, "1 1 0"},
		{"unstated and no header", "plain.img", NULL, "1 0 0"},
		{"itself", "a.qcow2", "qcow2", "NULL"},
		{"missing", "gone.qcow2", "qcow2", "NULL"},
		{"stated but no header", "plain.img", "qcow2", "NULL"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		put_image(&h, "/i/a.qcow2", cases[i].backing, cases[i].format);
		host_file(&h, "/i/plain.img", "plain");
		host_file(&h, "/.ringfence/probe/image-head/%2Fi%2Fplain.img", "plain");
		look(&h, QCOW("/i/a.qcow2"));
		const char *got = host_ask(&h, "SELECT backing_depth||' '||backing_remote||' '||"
					       "backing_format_stated FROM vm_disk");

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
		assert_fact(&h,
			    "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_disk' AND col LIKE "
			    "'backing%'",
			    strcmp(cases[i].want, "NULL") == 0 ? "3" : "0");
		host_done(&h);
	}
}

static void test_long_chain(void **state)
{
	struct test_host h;
	char path[32], backing[32];

	(void)state;
	host_make(&h);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/i/%d.qcow2", i);
		snprintf(backing, sizeof(backing), "%d.qcow2", i + 1);
		put_image(&h, path, backing, "qcow2");
	}
	look(&h, QCOW("/i/0.qcow2"));
	assert_fact(&h, "SELECT backing_depth FROM vm_disk", "NULL");
	assert_fact(&h, "SELECT reason LIKE '%15 images%' FROM fact_gap WHERE col='backing_depth'",
		    "1");
	host_done(&h);
}

/* What a guest wrote into a raw disk is not taken for a header. */
static void test_raw_is_not_probed(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	put_image(&h, "/i/a.img", "/etc/shadow", "raw");
	look(&h, "<disk type='file'><driver type='raw'/><source file='/i/a.img'/><target "
		 "dev='vda'/></disk><disk type='file'><source file='/i/a.img'/><target dev='vdb'/>"
		 "</disk>");
	assert_fact(&h, "SELECT group_concat(backing_depth||':'||virtual_bytes) FROM vm_disk",
		    "0:5,0:5");
	assert_fact(&h, "SELECT COUNT(*) FROM vm_option WHERE key LIKE 'backing%'", "0");
	host_done(&h);
}

static void test_missing_image(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	look(&h, QCOW("/i/gone.qcow2"));
	assert_fact(&h, "SELECT exists_||(mode_bits IS NULL) FROM vm_disk", "01");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_disk' AND col='mode_bits'",
		    "1");
	host_done(&h);
}

static void test_not_looked(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	put_image(&h, "/i/a.qcow2", "", NULL);
	virt_write(&h, "/v/x.xml", "", HVM, QCOW("/i/a.qcow2"));
	assert_int_equal(virt_collect(&h, "/v/x.xml", NULL, false), 0);
	assert_fact(&h, "SELECT exists_ IS NULL FROM vm_disk", "1");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_disk' AND key=''", "13");
	host_done(&h);
}

#define BLOCK(dev)                                                                                 \
	"<disk type='block'><driver type='raw'/><source dev='" dev "'/><target dev='vda'/></disk>"

static void test_host_devices(void **state)
{
	static const struct {
		const char *device, *want;
	} cases[] = {
		{BLOCK("/dev/sda1"), "1"},	   /* mounted */
		{BLOCK("/dev/sda"), "1"},	   /* holds it */
		{BLOCK("/dev/sda2"), "0"},	   /* another partition */
		{BLOCK("/dev/mapper/root"), "1"},  /* through the link */
		{BLOCK("/dev/sdb"), "1"},	   /* below the mapping, by sysfs */
		{BLOCK("/dev/disk/by-id/x"), "1"}, /* a link to sda */
		{BLOCK("/dev/sdc"), "0"},
		{BLOCK("/dev/nvme0n1"), "1"}, /* swap on its first partition */
		{BLOCK("/dev/nvme0n1p2"), "0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/proc/self/mountinfo",
			  "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
			  "22 21 253:0 / /srv rw - ext4 /dev/mapper/root rw\n"
			  "23 21 0:5 / /proc rw - proc proc rw\n");
		host_file(&h, "/proc/swaps",
			  "Filename Type Size Used Priority\n/dev/nvme0n1p1 "
			  "partition 1 0 -2\n");
		host_file(&h, "/sys/class/block/dm-0/slaves/sdb/x", "");
		host_meta(&h, "/dev/mapper/root\tl\t\t\t\t\t\t\t../dm-0");
		host_meta(&h, "/dev/disk/by-id/x\tl\t\t\t\t\t\t\t../../sda");
		look(&h, cases[i].device);
		const char *got = host_ask(&h, "SELECT host_device FROM vm_disk");

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].device, got);
		host_done(&h);
	}
}

/* What the probe says of a block device; what it cannot have said is not believed. */
static void test_old_blocks(void **state)
{
	static const struct {
		const char *kind, *answer, *want; /* answer NULL: it cannot be read */
	} cases[] = {
		{"b", "size 9000\nread 32\nblank 31\nfirst 0\n", "32 31"},
		{"b", "size 9000\nread 2\nblank 2\n", "2 2"},
		{"f", "size 9000\nread 2\nblank 2\n", ""}, /* a file is asked nothing */
		{"b", NULL, ""},
		{"b", "", ""},
		{"b", "read 0\nblank 0\n", ""},
		{"b", "read 2\nblank 3\n", ""},
		{"b", "read -2\nblank -3\n", ""},
		{"b", "read 99999999999999999999\nblank 1\n", ""},
		{"b", "already 4\nnotblank 4\n", ""},
		{"b", "read 4", ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char meta[64];
		struct test_host h;

		host_make(&h);
		snprintf(meta, sizeof(meta), "/dev/sdc\t%s\t0600\t0\t0", cases[i].kind);
		host_meta(&h, meta);
		if (cases[i].answer)
			host_file(&h, "/.ringfence/probe/block-samples/%2Fdev%2Fsdc",
				  cases[i].answer);
		look(&h, BLOCK("/dev/sdc"));
		const char *got = host_ask(&h, "SELECT coalesce(sampled_count || ' ' || "
					       "blank_count, '') FROM vm_disk");

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: %s", i, got);
		host_done(&h);
	}
}

static void test_own_files(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/var/lib/libvirt/qemu/save/web.save", "memory");
	host_file(&h, "/var/lib/libvirt/swtpm/4e0a607a-a84c-4050-87d3-3a0a564db248/tpm2/x", "");
	host_meta(&h, "/var/lib/libvirt/qemu/save/web.save\tf\t0646\t0\t36");
	host_meta(&h, "/etc/libvirt/qemu/web.xml\tf\t0600\t0\t0");
	look(&h, "");
	assert_fact(&h, "SELECT group_concat(kind) FROM (SELECT kind FROM vm_file ORDER BY kind)",
		    "save,tpm,xml");
	assert_fact(&h,
		    "SELECT mode_text||' '||owner||' '||grp||' '||group_write||other_read||"
		    "other_write||' '||size_bytes FROM vm_file WHERE kind='save'",
		    "0646 root kvm 011 6");
	assert_fact(&h, "SELECT mode_text FROM vm_file WHERE kind='xml'", "0600");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_hostile_header),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_chain_ends_badly),
		cmocka_unit_test(test_long_chain),
		cmocka_unit_test(test_raw_is_not_probed),
		cmocka_unit_test(test_missing_image),
		cmocka_unit_test(test_not_looked),
		cmocka_unit_test(test_host_devices),
		cmocka_unit_test(test_old_blocks),
		cmocka_unit_test(test_own_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
