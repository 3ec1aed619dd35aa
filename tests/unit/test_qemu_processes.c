/* SPDX-License-Identifier: Apache-2.0 */
/* Running QEMU and swtpm processes: command lines, open files, control groups, and the process
 * rows; joined with definitions as derive.sql does. */
#include "virt_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/qemu_cmdline.h"
#include "collect/qemu_files.h"

/* Arguments with blanks between them, as /proc holds them. */
static size_t join(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);

	assert_true(len < size);
	for (size_t i = 0; i <= len; i++)
		out[i] = text[i] == ' ' ? '\0' : text[i];
	return len + 1;
}

static void test_cmdline(void **state)
{
	static const struct {
		const char *name, *args, *want; /* name|uuid|sandbox|monitor|path|fd|session */
	} cases[] = {
		{"libvirt",
		 "qemu -name guest=web,debug-threads=on -uuid ABC -sandbox on,obsolete=deny -chardev "
		 "socket,id=charmonitor,fd=31,server=on,wait=off -mon chardev=charmonitor,mode=control",
		 "web|ABC|on,obsolete=deny|1||31|0"},
		{"by hand", "qemu -name web -monitor stdio", "web|||2||-1|0"},
		{"two dashes", "qemu --name a --uuid b", "a|b||0||-1|0"},
		{"comma in a name", "qemu -name guest=a,,b,process=x", "a,b|||0||-1|0"},
		{"qmp on a socket", "qemu -qmp unix:/run/q.sock,server", "|||1|/run/q.sock|-1|0"},
		{"qmp on TCP", "qemu -qmp tcp:0.0.0.0:4444,server", "|||3|0.0.0.0:4444|-1|0"},
		{"the worst counts",
		 "qemu -qmp unix:/a,server -monitor telnet:h:1,server -monitor stdio",
		 "|||3|h:1|-1|0"},
		{"chardev with path", "qemu -chardev socket,path=/run/m,id=m -mon m,mode=control",
		 "|||1|/run/m|-1|0"},
		{"chardev on TCP", "qemu -chardev socket,host=h,port=1,id=m -mon chardev=m",
		 "|||3|h:1|-1|0"},
		{"chardev that is not a monitor", "qemu -chardev socket,host=h,port=1,id=m",
		 "|||0||-1|0"},
		{"monitor on a chardev", "qemu -chardev stdio,id=m -monitor chardev:m",
		 "|||2||-1|0"},
		{"gdb", "qemu -s", "|||3|gdb :1234|-1|0"},
		{"gdb elsewhere", "qemu -gdb tcp::9", "|||3|:9|-1|0"},
		{"monitor with the console", "qemu -serial mon:stdio", "|||2||-1|0"},
		{"no monitor", "qemu -monitor none -serial stdio", "|||0||-1|0"},
		{"session", "qemu -object /home/a/.config/libvirt/qemu/lib/x", "|||0||-1|1"},
		{"ends early", "qemu -name", "|||0||-1|0"},
		{"nothing", "qemu", "|||0||-1|0"},
		{"fd is no number", "qemu -chardev socket,id=m,fd=x -mon m", "|||1||-1|0"},
	};
	char args[512], got[2048];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct qemu_cmdline c;
		size_t len = join(cases[i].args, args, sizeof(args));

		qemu_cmdline_parse((struct rf_slice){(uint8_t *)args, len}, &c);
		snprintf(got, sizeof(got), "%s|%s|%s|%d|%s|%lld|%d", c.name, c.uuid, c.sandbox,
			 c.monitor, c.monitor_path, (long long)c.monitor_fd, c.session);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

static void test_hostile_cmdline(void **state)
{
	struct rf_buf many = {0};
	struct qemu_cmdline c;

	(void)state;
	qemu_cmdline_parse((struct rf_slice){NULL, 0}, &c);
	assert_int_equal(c.monitor, QEMU_MONITOR_NONE);
	for (int i = 0; i < 20000; i++)
		rf_buf_add(&many, "-name\0x", 8);
	qemu_cmdline_parse(rf_buf_slice(&many), &c);
	assert_true(c.cut);
	assert_string_equal(c.name, "x");
	rf_buf_reset(&many);
	/* A name longer than any field, and no NUL behind the last argument. */
	rf_buf_add(&many, "q\0-name", 8);
	for (int i = 0; i < 5000; i++)
		rf_buf_add_byte(&many, 'n');
	qemu_cmdline_parse(rf_buf_slice(&many), &c);
	assert_int_equal(strlen(c.name), sizeof(c.name) - 1);
	rf_buf_done(&many);
}

static void test_swtpm_cmdline(void **state)
{
	static const struct {
		const char *args, *dir;
		bool encrypted;
	} cases[] = {
		{"swtpm socket --tpmstate dir=/var/s/tpm2,mode=0600 --key fd=3,mode=aes-256-cbc",
		 "/var/s/tpm2", true},
		{"swtpm socket --tpmstate backend-uri=file:///var/s/state --key pwdfile=/x",
		 "/var/s/state", true},
		{"swtpm socket --tpmstate dir=/s --log file=/l", "/s", false},
		{"swtpm socket --key", "", false},
		{"swtpm", "", false},
	};
	char args[512];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct swtpm_cmdline c;
		size_t len = join(cases[i].args, args, sizeof(args));

		swtpm_cmdline_parse((struct rf_slice){(uint8_t *)args, len}, &c);
		assert_string_equal(c.state_dir, cases[i].dir);
		assert_int_equal(c.encrypted, cases[i].encrypted);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	assert_string_equal(qemu_file_kind("/i/a.qcow2", S_IFREG, 1), "disk");
	assert_string_equal(qemu_file_kind("/i/a", S_IFREG, 1 << 20), "disk");
	assert_string_equal(qemu_file_kind("/i/a", S_IFREG, 1), "other");
	assert_string_equal(qemu_file_kind("/dev/sda", S_IFBLK, 0), "disk");
	assert_string_equal(qemu_file_kind("/dev/kvm", S_IFCHR, 0), "device");
	assert_string_equal(qemu_file_kind("/var/log/x", S_IFREG, 0), "log");
	assert_string_equal(qemu_file_kind("/run/x", S_IFSOCK, 0), "socket");
	assert_string_equal(qemu_file_kind("/memfd:pc.ram", 0, 0), "memory");
	assert_true(qemu_file_usual("/dev/kvm"));
	assert_true(qemu_file_usual("/var/log/libvirt/qemu/web.log"));
	assert_false(qemu_file_usual("/dev/mem"));
	assert_false(qemu_file_usual("/etc/shadow"));
	assert_true(qemu_is_program("/usr/bin/qemu-system-x86_64"));
	assert_true(qemu_is_program("/usr/libexec/qemu-kvm"));
	assert_true(qemu_is_program("/usr/bin/kvm"));
	assert_false(qemu_is_program("/usr/bin/qemu-img"));
	assert_false(qemu_is_program("/usr/sbin/kvmtool"));
}

#define STATUS(uid, caps, seccomp)                                                                 \
	"Name:\tqemu-system-x86\nUid:\t" uid "\t" uid "\t" uid "\t" uid "\nGid:\t" uid "\t" uid    \
	"\t" uid "\t" uid "\nCapPrm:\t" caps "\nCapEff:\t" caps "\nNoNewPrivs:\t" seccomp          \
	"\nSeccomp:\t" seccomp "\n"

static void host_cmdline(struct test_host *h, const char *path, const char *args)
{
	char text[1024], full[256];
	size_t len = join(args, text, sizeof(text));

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	fwrite(text, 1, len, f);
	fclose(f);
}

static void host_link(struct test_host *h, const char *path, const char *target)
{
	char line[512];

	snprintf(line, sizeof(line), "%s\tl\t\t\t\t\t\t\t%s", path, target);
	host_meta(h, line);
}

/* A QEMU as libvirt starts it, pid 42. */
static void make_qemu(struct test_host *h)
{
	host_make(h);
	host_file(h, "/etc/passwd", "libvirt-qemu:x:64055:103::/:/bin/false\n");
	host_file(h, "/etc/group", "kvm:x:103:\n");
	host_file(h, "/proc/42/stat", "42 (qemu-system-x86) S 1 42 42 0 -1 4194560 0");
	host_file(h, "/proc/42/status", STATUS("64055", "0000000000000000", "2"));
	host_cmdline(h, "/proc/42/cmdline",
		     "/usr/bin/qemu-system-x86_64 -name guest=web -uuid "
		     "4E0A607A-a84c-4050-87d3-3a0a564db248 -sandbox on -chardev "
		     "socket,id=m,fd=31 -mon chardev=m");
	host_file(h, "/proc/42/attr/current", "libvirt-4e0a (enforce)\n");
	host_file(h, "/proc/42/cgroup", "0::/machine.slice/m.scope/libvirt/emulator\n");
	host_file(h, "/proc/42/net/unix",
		  "Num       RefCount Protocol Flags    Type St Inode Path\n"
		  "0000: 00000002 00000000 00010000 0001 01 777 "
		  "/var/lib/libvirt/qemu/domain-1-web/monitor.sock\n");
	host_file(h, "/var/lib/dpkg/info/qemu-system-x86.list",
		  "/.\n/usr/bin/qemu-system-x86_64\n");
	host_file(h, "/var/lib/libvirt/qemu/domain-1-web/x", "");
	host_file(h, "/i/a.qcow2", "");
	host_file(h, "/i/other.qcow2", "");
	host_meta(h, "/var/lib/libvirt/qemu\td\t0750\t64055\t103");
	host_link(h, "/proc/42/exe", "/usr/bin/qemu-system-x86_64");
	host_link(h, "/proc/42/ns/mnt", "mnt:[2]");
	host_link(h, "/proc/42/ns/net", "net:[1]");
	host_link(h, "/proc/1/ns/mnt", "mnt:[1]");
	host_link(h, "/proc/1/ns/net", "net:[1]");
	host_link(h, "/proc/42/fd/3", "/dev/kvm");
	host_link(h, "/proc/42/fd/4", "anon_inode:kvm-vm");
	host_link(h, "/proc/42/fd/12", "/i/a.qcow2");
	host_link(h, "/proc/42/fd/13", "/i/a.qcow2");
	host_link(h, "/proc/42/fd/14", "/i/other.qcow2 (deleted)");
	host_link(h, "/proc/42/fd/15", "pipe:[9]");
	host_link(h, "/proc/42/fd/31", "socket:[777]");
}

static void test_process(void **state)
{
	struct test_host h;

	(void)state;
	make_qemu(&h);
	host_collect(&h, collect_qemu_processes);
	assert_fact(
		&h,
		"SELECT name||' '||uuid||' '||uid||' '||gid||' '||account||' '||has_caps||seccomp||"
		"no_new_privs||' '||label||' '||label_enforced||mnt_ns_private||net_ns_private "
		"FROM vm_process",
		"web 4e0a607a-a84c-4050-87d3-3a0a564db248 64055 64055 libvirt-qemu 022 "
		"libvirt-4e0a (enforce) 110");
	assert_fact(
		&h,
		"SELECT exe||' '||exe_deleted||' '||exe_package||' '||accel||' '||monitor_kind||' '||"
		"monitor_path||' '||monitor_private||' '||sandbox_arg||' '||session FROM vm_process",
		"/usr/bin/qemu-system-x86_64 0 qemu-system-x86 kvm unix "
		"/var/lib/libvirt/qemu/domain-1-web/monitor.sock 1 on 0");
	assert_fact(
		&h,
		"SELECT group_concat(path||'='||kind||COALESCE(declared,'?')) FROM vm_open_file",
		"/dev/kvm=device1,/i/a.qcow2=disk?,/i/other.qcow2=disk?,"
		"/var/lib/libvirt/qemu/domain-1-web/monitor.sock=socket1");
	host_done(&h);
}

static void test_bad_process(void **state)
{
	struct test_host h;

	(void)state;
	make_qemu(&h);
	host_file(&h, "/proc/42/status", STATUS("0", "000001ffffffffff", "0"));
	host_file(&h, "/proc/42/attr/current", "unconfined\n");
	host_cmdline(&h, "/proc/42/cmdline", "qemu-system-x86_64 -monitor tcp:0.0.0.0:1,server");
	host_link(&h, "/proc/42/exe", "/opt/qemu-system-x86_64 (deleted)");
	host_link(&h, "/proc/42/fd/4", "/dev/null");
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h,
		    "SELECT uid||has_caps||seccomp||no_new_privs||label_enforced||exe_deleted||"
		    "exe_package||accel||monitor_kind||monitor_private||name||uuid FROM vm_process",
		    "010001tcgtcp0");
	host_done(&h);
}

/* Not everything named qemu is QEMU, and a process may end while it is read. */
static void test_others(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/7/stat", "7 (qemu-img) S 1 7 7 0 -1 4194560 0");
	host_link(&h, "/proc/7/exe", "/usr/bin/qemu-img");
	host_file(&h, "/proc/8/stat", "8 (qemu-system-x86) S 1 8 8 0 -1 4194560 0");
	host_link(&h, "/proc/8/exe", "/usr/bin/qemu-system-x86_64");
	host_file(&h, "/proc/9/stat", "broken");
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h, "SELECT COUNT(*) FROM vm_process", "0");
	host_done(&h);
}

static void test_unreadable(void **state)
{
	struct test_host h;

	(void)state;
	make_qemu(&h);
	host_meta(&h, "/proc/42/fd\td\t0500\t64055\t103\t\t\terror\tEACCES");
	host_meta(&h, "/proc/42/attr/current\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_meta(&h, "/proc/42/attr/apparmor/current\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h, "SELECT accel||(label IS NULL)||(label_enforced IS NULL) FROM vm_process",
		    "unknown11");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_open_file' AND key='42'", "1");
	host_done(&h);
}

/* No security module says so itself; that a file is not there says nothing. */
static void test_missing_label(void **state)
{
	struct test_host h;
	char path[128];

	(void)state;
	make_qemu(&h);
	snprintf(path, sizeof(path), "%s/proc/42/attr/current", h.dir);
	assert_int_equal(unlink(path), 0);
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h, "SELECT (label IS NULL)||(label_enforced IS NULL) FROM vm_process", "11");
	assert_fact(&h,
		    "SELECT group_concat(col) FROM (SELECT col FROM fact_gap WHERE key = '42' AND "
		    "reason LIKE '%no attr/current%' ORDER BY col)",
		    "label,label_enforced");
	host_meta(&h, "/proc/42/attr/current\tf\t0444\t0\t0\t\t\terror\tEINVAL");
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h, "SELECT label||label_enforced FROM vm_process", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col = 'label'", "0");
	host_done(&h);
}

static const struct {
	const char *name;
	const char *files[12][2];
	const char *want; /* version path memory weight quota/period pids set io devices */
} groups[] = {
	{"v2: the tightest of all levels",
	 {{"/sys/fs/cgroup/machine.slice/m.scope/libvirt/emulator/memory.max", "max\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/memory.max", "2000\n"},
	  {"/sys/fs/cgroup/machine.slice/memory.max", "1000\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/libvirt/emulator/cpu.max", "max 100000\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/libvirt/cpu.max", "50000 100000\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/libvirt/cpu.weight", "79\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/cpu.weight", "100\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/pids.max", "16384\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/io.max", "8:0 rbps=1\n"},
	  {"/sys/fs/cgroup/machine.slice/m.scope/libvirt/emulator/cpuset.cpus.effective", "0-3\n"}},
	 "2 /machine.slice/m.scope 1000 79 50000/100000 16384 0-3 1 ?"},
	{"v2: the quota of virtual CPUs",
	 {{"/sys/fs/cgroup/machine.slice/m.scope/libvirt/vcpu0/cpu.max", "25000 50000\n"}},
	 "2 /machine.slice/m.scope -1 0 25000/50000 -1  0 ?"},
	{"v2: no limits", {{NULL}}, "2 /machine.slice/m.scope -1 0 -1/100000 -1  0 ?"},
	{"v1",
	 {{"/proc/42/cgroup",
	   "9:name=systemd:/\n8:pids:/p\n7:blkio:/b\n5:devices:/d/emulator\n"
	   "4:memory:/m/emulator\n3:cpuset:/c\n2:cpu,cpuacct:/u/emulator\n0::/x\n"},
	  {"/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "4096\n"},
	  {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
	  {"/sys/fs/cgroup/cpu/u/vcpu0/cpu.cfs_quota_us", "1000\n"},
	  {"/sys/fs/cgroup/cpu/u/vcpu0/cpu.cfs_period_us", "2000\n"},
	  {"/sys/fs/cgroup/cpu/u/cpu.shares", "512\n"},
	  {"/sys/fs/cgroup/devices/d/emulator/devices.list", "c 1:3 rwm\n"},
	  {"/sys/fs/cgroup/blkio/b/blkio.throttle.read_bps_device", "8:0 100\n"},
	  {"/sys/fs/cgroup/cpuset/c/cpuset.cpus", "1\n"},
	  {"/sys/fs/cgroup/pids/p/pids.max", "max\n"}},
	 "1 /m 4096 512 1000/2000 -1 1 1 1"},
	{"v1: every device",
	 {{"/proc/42/cgroup", "5:devices:/d\n4:memory:/m\n"},
	  {"/sys/fs/cgroup/devices/d/devices.list", "a *:* rwm\n"}},
	 "1 /m -1 0 -1/100000 -1  0 0"},
};

static void test_groups(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(groups); i++) {
		struct test_host h;

		make_qemu(&h);
		for (size_t k = 0; k < 12 && groups[i].files[k][0]; k++)
			host_file(&h, groups[i].files[k][0], groups[i].files[k][1]);
		host_collect(&h, collect_qemu_processes);
		const char *got = host_ask(
			&h,
			"SELECT version||' '||path||' '||memory_max_bytes||' '||cpu_weight||' '||"
			"cpu_quota_us||'/'||cpu_period_us||' '||pids_max||' '||cpuset||' '||"
			"io_limited||' '||COALESCE(device_rules, '?') FROM vm_cgroup");

		if (strcmp(got, groups[i].want) != 0)
			fail_msg("%s: %s", groups[i].name, got);
		assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE col='device_rules'",
			    rf_ends(groups[i].want, "?") ? "1" : "0");
		host_done(&h);
	}
}

static void test_swtpm(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/passwd", "tss:x:108:108::/:/bin/false\n");
	host_file(&h, "/proc/50/stat", "50 (swtpm) S 1 50 50 0 -1 4194560 0");
	host_file(&h, "/proc/50/status", "Uid:\t108\t108\t108\t108\n");
	host_cmdline(&h, "/proc/50/cmdline",
		     "/usr/bin/swtpm socket --tpmstate dir=/var/lib/libvirt/swtpm/u-1/tpm2");
	host_collect(&h, collect_qemu_processes);
	assert_fact(&h, "SELECT uid||account||state_dir||encrypted FROM vm_tpm_process",
		    "108tss/var/lib/libvirt/swtpm/u-1/tpm20");
	host_done(&h);
}

/* The joins of derive.sql. */
static void put_vm(struct fact_sink *s, bool connected)
{
	fact_put_vm(s, &(struct fact_vm){.vm = "web",
					 .layer = "live",
					 .format = "libvirt",
					 .name = "web",
					 .uuid = "4e0a607a-a84c-4050-87d3-3a0a564db248",
					 .nvram = "/n",
					 .nvram_template = "",
					 .kernel = ""});
	fact_put_vm_disk(s, &(struct fact_vm_disk){.vm = "web",
						   .layer = "live",
						   .disk = "vda",
						   .kind = "file",
						   .pool = "",
						   .path = "/i/a.qcow2"});
	fact_put_vm_option(s, &(struct fact_vm_option){.vm = "web",
						       .layer = "live",
						       .key = "backing/vda/1",
						       .value = "/i/base.qcow2"});
	fact_put_vm_console(s, &(struct fact_vm_console){.vm = "web",
							 .layer = "live",
							 .console = "vnc0",
							 .kind = "vnc",
							 .port = FACT_INT(5900),
							 .tls_port = FACT_INT(0)});
	if (connected)
		fact_put_libvirt(s, &(struct fact_libvirt){.uri = "qemu:///system",
							   .connected = FACT_INT(1)});
}

static void put_process(struct fact_sink *s, int pid, const char *name, const char *label)
{
	fact_put_vm_process(
		s, &(struct fact_vm_process){
			   .pid = FACT_INT(pid), .name = name, .uuid = "", .label = label});
}

static void put_file(struct fact_sink *s, int pid, const char *path)
{
	fact_put_vm_open_file(s, &(struct fact_vm_open_file){.pid = FACT_INT(pid), .path = path});
}

static void put_listener(struct fact_sink *s, int pid, int port)
{
	fact_put_listener(s, &(struct fact_listener){.proto = "tcp",
						     .address = "0.0.0.0",
						     .port = FACT_INT(port),
						     .inode = FACT_INT(port),
						     .everywhere = FACT_INT(1),
						     .pid = FACT_INT(pid)});
}

static void derive_host(struct test_host *h, bool connected)
{
	struct rf_err err = {0};

	host_make(h);
	assert_int_equal(fact_store_open(&h->store, &err), 0);
	struct fact_sink *s = fact_store_sink(h->store, "h");

	put_vm(s, connected);
	put_process(s, 1, "web", "l1");
	put_process(s, 2, "ghost", "l2");
	put_process(s, 3, "twin", "l2");
	put_process(s, 4, "", "");
	put_file(s, 1, "/i/a.qcow2");
	put_file(s, 1, "/i/base.qcow2");
	put_file(s, 1, "/n");
	put_file(s, 1, "/etc/shadow");
	put_file(s, 2, "/i/a.qcow2");
	put_listener(s, 1, 5900);
	put_listener(s, 1, 4444);
	put_listener(s, 99, 22);
	fact_put_vm_tpm_process(
		s, &(struct fact_vm_tpm_process){
			   .pid = FACT_INT(7),
			   .state_dir = "/s/4e0a607a-a84c-4050-87d3-3a0a564db248/tpm2"});
	fact_put_vm_tpm_process(
		s, &(struct fact_vm_tpm_process){.pid = FACT_INT(8), .state_dir = "/s/other"});
	assert_int_equal(fact_sink_check(s, &err), 0);
	virt_finish(h);
}

static void test_joins(void **state)
{
	struct test_host h;

	(void)state;
	derive_host(&h, true);
	assert_fact(&h, "SELECT group_concat(pid||vm||known||label_shared) FROM vm_process",
		    "1web10,201,301,400");
	assert_fact(&h, "SELECT group_concat(pid||path||declared) FROM vm_open_file",
		    "1/etc/shadow0,1/i/a.qcow21,1/i/base.qcow21,1/n1,2/i/a.qcow20");
	assert_fact(&h, "SELECT group_concat(pid||vm||port||declared||everywhere) FROM vm_listener",
		    "1web444401,1web590011");
	assert_fact(&h, "SELECT group_concat(pid||vm) FROM vm_tpm_process", "7web,8");
	host_done(&h);
}

static void test_joins_without_libvirt(void **state)
{
	struct test_host h;

	(void)state;
	derive_host(&h, false);
	assert_fact(&h, "SELECT COUNT(*) FROM vm_process WHERE known IS NULL", "4");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_process' AND col='known'",
		    "4");
	assert_fact(&h, "SELECT declared IS NULL FROM vm_open_file WHERE pid=2", "1");
	assert_fact(&h, "SELECT declared FROM vm_open_file WHERE path='/n'", "1");
	assert_fact(&h, "SELECT vm IS NULL FROM vm_tpm_process WHERE pid=8", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_hostile_cmdline),
		cmocka_unit_test(test_swtpm_cmdline),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_bad_process),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_missing_label),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_swtpm),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_joins_without_libvirt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
