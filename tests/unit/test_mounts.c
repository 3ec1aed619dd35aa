/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo, block devices on dm-crypt, and the collector mounts. */
#include "machine_test.h"

#include "base/str.h"
#include "collect/block.h"
#include "collect/mountinfo.h"

static const char usual[] =
	"25 1 0:1 / / rw - rootfs rootfs rw\n"
	"27 25 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro\n"
	"28 27 0:22 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"
	"29 27 253:0 / /var rw,nodev shared:2 master:3 - xfs /dev/mapper/vg-var rw\n"
	"30 29 253:2 / /var/log rw,nosuid,nodev,noexec - ext4 /dev/dm-2 rw\n"
	"31 27 0:40 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=1k\n"
	"32 27 0:41 / /mnt/with\\040blank rw,noexec - nfs4 nas:/vol rw,sec=krb5p,vers=4.2\n"
	"33 27 0:42 /sub /home rw - btrfs /dev/sda3 ro,subvol=/sub\n"
	"34 27 0:43 / /lay rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/var/up,workdir=/w\n"
	"35 27 0:44 / /pool rw - zfs pool/root rw\n"
	"36 27 0:45 / /auto rw - autofs systemd-1 rw\n"
	"37 27 0:46 / /odd rw - tmpfs  rw\n";

static void table_of(struct mount_table *t, const char *text)
{
	*t = (struct mount_table){0};
	assert_int_equal(rf_buf_add_text(&t->text, text), 0);
	assert_int_equal(mount_table_parse(t), 0);
}

static void lines_are_taken_apart(void **state)
{
	MOUNT_AUTOTABLE struct mount_table t = {0};

	(void)state;
	table_of(&t, usual);
	assert_int_equal(t.count, 12);
	assert_int_equal(t.broken_count, 0);
	assert_string_equal(t.rows[6].target, "/mnt/with blank");
	assert_string_equal(t.rows[6].device, "nas:/vol");
	assert_string_equal(t.rows[7].root, "/sub");
	assert_string_equal(t.rows[7].super, "ro,subvol=/sub");
	assert_int_equal(t.rows[3].major, 253);
	/* An empty source leaves two blanks. */
	assert_string_equal(t.rows[11].device, "");
	assert_string_equal(t.rows[11].super, "rw");
}

static void broken_lines_are_counted(void **state)
{
	static const char *const broken[] = {
		"x",
		"1 2 3 4 5",
		"27 25 8:2 / / rw shared:1",
		"27 25 82 / / rw - ext4 /dev/sda rw",
		"27 25 8:x / / rw - ext4 /dev/sda rw",
		"27 25 8:1 / relative rw - ext4 /dev/sda rw",
		"27 25 8:1 / / rw - ext4",
		"27 25 -8:1 / / rw - ext4 /dev/sda rw",
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(broken); i++) {
		MOUNT_AUTOTABLE struct mount_table t = {0};

		table_of(&t, broken[i]);
		assert_int_equal(t.count, 0);
		assert_int_equal(t.broken_count, 1);
	}
	MOUNT_AUTOTABLE struct mount_table empty = {0};

	table_of(&empty, "");
	assert_int_equal(empty.count + empty.broken_count, 0);
}

static void paths_find_their_mount(void **state)
{
	static const struct {
		const char *path, *device;
	} cases[] = {
		{"/", "/dev/sda2"},
		{"/etc", "/dev/sda2"},
		{"/var", "/dev/mapper/vg-var"},
		{"/variable", "/dev/sda2"},
		{"/var/log/libvirt", "/dev/dm-2"},
		{"/var/lo", "/dev/mapper/vg-var"},
		{"/mnt/with blank/x", "nas:/vol"},
	};
	MOUNT_AUTOTABLE struct mount_table t = {0};

	(void)state;
	table_of(&t, usual);
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_string_equal(mount_table_find(&t, cases[i].path)->device, cases[i].device);
	assert_null(mount_table_find(&t, "relative"));
	/* Of two mounts on one point the later lies on top. */
	assert_string_equal(mount_table_at(&t, "/")->device, "/dev/sda2");
	assert_null(mount_table_at(&t, "/nowhere"));
	assert_string_equal(mount_table_device(&t, "/dev/dm-2")->target, "/var/log");
	assert_null(mount_table_device(&t, "/dev/none"));
}

static void options_are_whole_words(void **state)
{
	char out[8] = "same";

	(void)state;
	assert_true(mount_option_has("rw,nodev", "nodev"));
	assert_true(mount_option_has("nodev,rw", "nodev"));
	assert_false(mount_option_has("rw,nodevs", "nodev"));
	assert_false(mount_option_has("xnodev", "nodev"));
	assert_false(mount_option_has("", "ro"));
	assert_true(mount_option_value("rw,sec=krb5p,vers=4", "sec", out, sizeof(out)));
	assert_string_equal(out, "krb5p");
	assert_false(mount_option_value("rw,insec=x", "sec", out, sizeof(out)));
	assert_false(mount_option_value("sec", "sec", out, sizeof(out)));
	assert_false(mount_option_value("sec=longerthanout", "sec", out, sizeof(out)));
	assert_string_equal(out, "krb5p");
}

static void escapes_are_octal(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {{"a\\040b", "a b"}, {"\\134", "\\"}, {"\\04", "\\04"}, {"\\999", "\\999"},
		     {"\\", "\\"},	 {"\\040", " "},  {"", ""}};
	char text[16];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		rf_copy(text, sizeof(text), cases[i].in);
		mount_unescape(text);
		assert_string_equal(text, cases[i].want);
	}
}

static void links_are_followed(void **state)
{
	static const struct {
		const char *path, *want;
		bool fits;
	} cases[] = {
		{"/home", "/data/home", true},
		{"/home/anna/../bob", "/data/home/bob", true},
		{"/rel/x", "/data/home/x", true},
		{"//data//home/.", "/data/home", true},
		{"/missing/a/b", "/missing/a/b", true},
		{"/..", "/", true},
		{"/loop/x", "/loop/x", false},
	};
	struct test_host h;
	struct sys *sys;
	char out[256];

	(void)state;
	host_make(&h);
	host_folder(&h, "/data/home");
	host_link(&h, "/home", "/data/home");
	host_link(&h, "/rel", "data/./home");
	host_link(&h, "/loop", "/loop2");
	host_link(&h, "/loop2", "loop");
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		assert_int_equal(mount_path_resolve(sys, cases[i].path, out, sizeof(out)),
				 cases[i].fits);
		assert_string_equal(out, cases[i].want);
	}
	assert_false(mount_path_resolve(sys, "/data/home", out, 5));
	assert_string_equal(out, "/dat");
	sys_close(sys);
	host_done(&h);
}

/* A logical volume over two encrypted disks, one over a mixed pair, verity, integrity, a cycle. */
static void devices(struct test_host *h)
{
	static const char *const files[][2] = {
		{"/sys/class/block/dm-0/dm/uuid", "LVM-abc\n"},
		{"/sys/class/block/dm-0/slaves/dm-1/x", ""},
		{"/sys/class/block/dm-0/slaves/dm-3/x", ""},
		{"/sys/class/block/dm-1/dm/uuid", "CRYPT-LUKS2-0123-luks\n"},
		{"/sys/class/block/dm-1/slaves/sda2/x", ""},
		{"/sys/class/block/dm-3/dm/uuid", "CRYPT-PLAIN-swap\n"},
		{"/sys/class/block/dm-2/dm/uuid", "LVM-def\n"},
		{"/sys/class/block/dm-2/slaves/dm-1/x", ""},
		{"/sys/class/block/dm-2/slaves/sda3/x", ""},
		{"/sys/class/block/dm-4/dm/uuid", "CRYPT-VERITY-root\n"},
		{"/sys/class/block/dm-4/slaves/sda3/x", ""},
		{"/sys/class/block/dm-5/dm/uuid", "CRYPT-INTEGRITY-x\n"},
		{"/sys/class/block/dm-5/slaves/dm-1/x", ""},
		{"/sys/class/block/dm-6/slaves/dm-7/x", ""},
		{"/sys/class/block/dm-7/slaves/dm-6/x", ""},
		{"/sys/class/block/sda2/partition", "2\n"},
		{"/sys/class/block/sda3/partition", "3\n"},
		{"/sys/class/block/cciss!c0d0/x", ""},
	};

	for (size_t i = 0; i < RF_COUNT(files); i++)
		host_file(h, files[i][0], files[i][1]);
	host_link(h, "/sys/dev/block/253:0", "/sys/class/block/dm-0");
	host_link(h, "/sys/dev/block/253:2", "/sys/class/block/dm-2");
	host_link(h, "/sys/dev/block/8:2", "/sys/class/block/sda2");
	host_link(h, "/dev/mapper/vg-var", "../dm-0");
}

static void encryption_is_looked_for_below(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{"/dev/dm-1", 1},  {"/dev/mapper/vg-var", 1},
		{"/dev/dm-0", 1},  {"/dev/dm-2", 0}, /* one leg is open */
		{"/dev/dm-4", 0},		     /* verity hides nothing */
		{"/dev/dm-5", 1},		     /* integrity over crypt */
		{"/dev/dm-6", 0},		     /* goes round */
		{"/dev/sda2", 0},  {"/dev/cciss/c0d0", 0},
		{"/dev/gone", -1}, {"tmpfs", -1},
		{"", -1},
	};
	struct test_host h;
	struct sys *sys;

	(void)state;
	host_make(&h);
	devices(&h);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		if (block_encrypted_path(sys, cases[i].path) != cases[i].want)
			fail_msg("%s: not %d", cases[i].path, cases[i].want);
	}
	assert_int_equal(block_encrypted_number(sys, 253, 0), 1);
	assert_int_equal(block_encrypted_number(sys, 8, 2), 0);
	assert_int_equal(block_encrypted_number(sys, 9, 9), -1);
	sys_close(sys);
	host_done(&h);
}

static void mounts_become_facts(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM mount", "11"},
		{"SELECT device||' '||nodev||nosuid||noexec||readonly||remote||encrypted FROM mount "
		 "WHERE target='/'",
		 "/dev/sda2 000000"},
		{"SELECT nodev||nosuid||noexec FROM mount WHERE target='/proc'", "111"},
		{"SELECT encrypted FROM mount WHERE target='/var'", "1"},
		{"SELECT encrypted FROM mount WHERE target='/var/log'", "0"},
		{"SELECT encrypted FROM mount WHERE target='/tmp'", "0"},
		{"SELECT encrypted FROM mount WHERE target='/lay'", "1"},
		{"SELECT encrypted FROM mount WHERE target='/pool'", "NULL"},
		{"SELECT count(*) FROM fact_gap WHERE tbl='mount' AND key='/pool' AND "
		 "col='encrypted'",
		 "1"},
		{"SELECT encrypted||'/'||readonly FROM mount WHERE target='/home'", "0/1"},
		{"SELECT remote||options FROM mount WHERE target='/mnt/with blank'",
		 "1rw,noexec,rw,sec=krb5p,vers=4.2"},
		{"SELECT size_bytes FROM mount WHERE target='/mnt/with blank'", "NULL"},
		{"SELECT reason FROM fact_gap WHERE tbl='mount' AND key='/auto' AND "
		 "col='size_bytes'",
		 "It lies on another machine or is mounted on first use, so it was not asked for its "
		 "space: an answer may never come. df shows it."},
		{"SELECT size_bytes||'/'||free_bytes||'/'||free_pct FROM mount WHERE target='/'",
		 "1000/150/15"},
		{"SELECT free_pct FROM mount WHERE target='/proc'", "NULL"},
		{"SELECT target||own_fs||on_root||exists_ FROM path_mount WHERE path='/var/log'",
		 "/var/log101"},
		{"SELECT target||own_fs||on_root||exists_ FROM path_mount WHERE path='/var/tmp'",
		 "/var000"},
		{"SELECT target||own_fs||on_root||exists_ FROM path_mount WHERE path='/opt'",
		 "/010"},
		{"SELECT target||own_fs FROM path_mount WHERE path='/srv'", "/var/log0"},
		{"SELECT own_fs FROM path_mount WHERE path='/'", "1"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	devices(&h);
	host_link(&h, "/sys/class/block/sda3b", "sda3");
	host_file(&h, "/proc/self/mountinfo", usual);
	host_folder(&h, "/var/log/elsewhere");
	host_link(&h, "/srv", "var/log/elsewhere");
	host_file(&h, "/.ringfence/probe/space/%2F", "1000 150\n");
	host_file(&h, "/.ringfence/probe/space/%2Fproc", "0 0\n");
	host_collect(&h, collect_mounts);
	ask_all(&h, cases);
	host_done(&h);
}

static void without_mountinfo_it_fails(void **state)
{
	struct collect_request req = {.host = true};
	struct test_host h;

	(void)state;
	host_make(&h);
	assert_true(host_collect_request(&h, collect_mounts, &req) < 0);
	host_file(&h, "/proc/self/mountinfo", "rubbish\n");
	host_collect(&h, collect_mounts);
	assert_fact(&h, "SELECT count(*) FROM mount", "0");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='mount'",
		    "1 lines are not understood.");
	assert_fact(&h, "SELECT own_fs FROM path_mount WHERE path='/'", "NULL");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_apart),
		cmocka_unit_test(broken_lines_are_counted),
		cmocka_unit_test(paths_find_their_mount),
		cmocka_unit_test(options_are_whole_words),
		cmocka_unit_test(escapes_are_octal),
		cmocka_unit_test(links_are_followed),
		cmocka_unit_test(encryption_is_looked_for_below),
		cmocka_unit_test(mounts_become_facts),
		cmocka_unit_test(without_mountinfo_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
