/* SPDX-License-Identifier: Apache-2.0 */
/* Collector storage-targets: fabrics, and images that the host itself has opened. */
#include "machine_test.h"

#include "base/str.h"
#include "collect/storage_targets.h"

static void image_names_are_known(void **state)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{"/var/lib/libvirt/images/web", true},
		{"/srv/web.qcow2", true},
		{"/srv/web.img", true},
		{"/dev/vg/guest", true},
		{"/var/lib/snapd/snaps/core_1.snap", false},
		{"/srv/disc.iso", false},
		{"/var/lib/libvirtx/a", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(storage_looks_like_image(cases[i].path), cases[i].want);
}

static void arguments_name_the_image(void **state)
{
	static const struct {
		const char *args[8];
		const char *want; /* NULL: none */
	} cases[] = {
		{{"guestmount", "-a", "/a.qcow2", "-i", "/mnt"}, "/a.qcow2"},
		{{"guestmount", "--add=/a.img", "/mnt"}, "/a.img"},
		{{"guestmount", "-d", "web", "/mnt"}, "web"},
		{{"guestmount", "-a"}, NULL},
		{{"guestmount"}, NULL},
		{{"qemu-nbd", "-c", "/dev/nbd0", "/a.qcow2"}, "/a.qcow2"},
		{{"qemu-nbd", "--connect=/dev/nbd0", "/a.qcow2"}, "/a.qcow2"},
		/* Only serves a network. */
		{{"qemu-nbd", "-p", "10809", "/a.qcow2"}, NULL},
		{{"qemu-nbd", "-c"}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char *args[8];
		char out[64] = "same";
		size_t count = 0;

		while (count < 8 && cases[i].args[count]) {
			args[count] = rf_strdup(cases[i].args[count]);
			count++;
		}
		bool found =
			storage_arguments_image(args, count, cases[i].args[0], out, sizeof(out));

		if (found != (cases[i].want != NULL))
			fail_msg("case %zu", i);
		assert_string_equal(out, found ? cases[i].want : "same");
		while (count > 0)
			rf_free(args[--count]);
	}
}

static void fabrics_are_listed(void **state)
{
	static const char *const files[][2] = {
		{"/sys/class/iscsi_session/session1/targetname", "iqn.2001:a\n"},
		{"/sys/class/iscsi_session/session1/username", "(null)\n"},
		{"/sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:0/block/sdb/size",
		 "1"},
		{"/sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:1/block/sdc/size",
		 "1"},
		{"/sys/class/iscsi_session/session1/device/power/x", ""},
		{"/sys/class/iscsi_session/session2/targetname", "iqn.2001:b\n"},
		{"/sys/class/iscsi_session/session2/username", "bob\n"},
		{"/sys/class/iscsi_session/session2/username_in", "(null)\n"},
		{"/sys/class/iscsi_session/session3/targetname", "iqn.2001:c\n"},
		{"/sys/class/iscsi_session/session3/username", "bob\n"},
		{"/sys/class/iscsi_session/session3/username_in", "target\n"},
		{"/sys/class/iscsi_session/session4/targetname", "iqn.2001:d\n"},
		{"/sys/class/iscsi_session/session4/username", "bob\n"},
		{"/sys/class/iscsi_session/session5/x", ""},
		{"/sys/class/fc_remote_ports/rport-1:0-0/port_name", "0x5006\n"},
		{"/sys/class/fc_remote_ports/rport-1:0-0/roles", "FCP Target\n"},
		{"/sys/class/fc_remote_ports/rport-1:0-0/device/target1:0:0/1:0:0:0/block/sdz/x",
		 ""},
		{"/sys/class/fc_remote_ports/rport-1:0-1/port_name", "0x7007\n"},
		{"/sys/class/fc_remote_ports/rport-1:0-1/roles", "Fabric Port\n"},
		{"/sys/class/nvme/nvme0/transport", "pcie\n"},
		{"/sys/class/nvme/nvme0/subsysnqn", "nqn.local\n"},
		{"/sys/class/nvme/nvme1/transport", "tcp\n"},
		{"/sys/class/nvme/nvme1/subsysnqn", "nqn.far\n"},
		{"/sys/class/nvme/nvme1/nvme1c0n1/x", ""},
		{"/sys/class/nvme/nvme1/nvme1n2/x", ""},
		{"/sys/class/nvme/nvme1/hwmon/x", ""},
	};
	static const struct ask cases[] = {
		{"SELECT count(*) FROM storage_target", "6"},
		{"SELECT device||authenticated FROM storage_target WHERE name='iqn.2001:a'",
		 "sdb,sdcnone"},
		{"SELECT authenticated FROM storage_target WHERE name='iqn.2001:b'", "one-way"},
		{"SELECT authenticated FROM storage_target WHERE name='iqn.2001:c'", "mutual"},
		/* Closed to us. */
		{"SELECT authenticated FROM storage_target WHERE name='iqn.2001:d'", "NULL"},
		{"SELECT count(*) FROM fact_gap WHERE key='iscsi/iqn.2001:d' AND "
		 "col='authenticated'",
		 "1"},
		{"SELECT kind||device||'/'||authenticated FROM storage_target WHERE name='0x5006'",
		 "fcsdz/"},
		{"SELECT kind||device FROM storage_target WHERE name='nqn.far'",
		 "nvmenvme1n1,nvme1n2"},
		{"SELECT count(*) FROM fact_gap WHERE key='nvme/nqn.far'", "1"},
		{"SELECT count(*) FROM fact_gap WHERE key='session5'", "1"},
		{"SELECT count(*) FROM storage_target WHERE name LIKE '%bob%'", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	for (size_t i = 0; i < RF_COUNT(files); i++)
		host_file(&h, files[i][0], files[i][1]);
	host_meta(&h,
		  "/sys/class/iscsi_session/session4/username\tf\t-\t-\t-\t-\t-\terror\tEACCES");
	host_collect(&h, collect_storage_targets);
	ask_all(&h, cases);
	host_done(&h);
}

static void opened_images_are_listed(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM image_mount", "5"},
		{"SELECT target FROM image_mount WHERE via='loop0' AND "
		 "path='/var/lib/libvirt/images/a.raw'",
		 "/mnt/a"},
		{"SELECT path||target FROM image_mount WHERE via='loop1'", "/srv/gone.img"},
		{"SELECT path||target FROM image_mount WHERE via='nbd3'", "/srv/b.qcow2/mnt/b"},
		{"SELECT path||target FROM image_mount WHERE via='guestmount'",
		 "/srv/c.qcow2/mnt/c"},
		{"SELECT path||target FROM image_mount WHERE via='dm-7'",
		 "/dev/mapper/vg-guest/mnt/d"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/self/mountinfo",
		  "1 0 7:0 / /mnt/a rw - ext4 /dev/loop0p1 rw\n"
		  "2 0 43:0 / /mnt/b rw - ext4 /dev/nbd3 rw\n"
		  "3 0 253:7 / /mnt/d rw - ext4 /dev/mapper/vg-guest1 rw\n"
		  "4 0 7:10 / /other rw - ext4 /dev/loop10 rw\n");
	host_file(&h, "/sys/block/loop0/loop/backing_file", "/var/lib/libvirt/images/a.raw\n");
	host_file(&h, "/sys/block/loop1/loop/backing_file", "/srv/gone.img (deleted)\n");
	host_file(&h, "/sys/block/loop2/loop/backing_file", "/var/lib/snapd/snaps/x.snap\n");
	host_file(&h, "/sys/block/loop3/size", "0\n");
	host_file(&h, "/sys/block/dm-7/dm/uuid", "part1-LVM-abc\n");
	host_file(&h, "/sys/block/dm-7/dm/name", "vg-guest1\n");
	host_file(&h, "/sys/block/dm-7/slaves/dm-6/x", "");
	host_file(&h, "/sys/block/dm-6/dm/uuid", "LVM-abc\n");
	host_file(&h, "/sys/block/dm-6/dm/name", "vg-guest\n");
	host_file(&h, "/proc/10/comm", "qemu-nbd\n");
	host_bytes(&h, "/proc/10/cmdline", "qemu-nbd\0-c\0/dev/nbd3\0/srv/b.qcow2", 35);
	host_file(&h, "/proc/11/comm", "guestmount\n");
	host_bytes(&h, "/proc/11/cmdline", "guestmount\0-a\0/srv/c.qcow2\0/mnt/c", 34);
	host_file(&h, "/proc/12/comm", "guestmount\n");
	host_bytes(&h, "/proc/12/cmdline", "", 0);
	host_collect(&h, collect_storage_targets);
	ask_all(&h, cases);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_names_are_known),
		cmocka_unit_test(arguments_name_the_image),
		cmocka_unit_test(fabrics_are_listed),
		cmocka_unit_test(opened_images_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
