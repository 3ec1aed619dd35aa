-- SPDX-License-Identifier: Apache-2.0
-- The fact schema: the one place where a fact gets its table, its column, its type and its meaning.
--
-- Rules of the format (tools/gen-facts reads it, and refuses what breaks them):
--   * one column a line, each with a comment: meaning, unit, where it is read;
--   * every table starts with `host` and ends with `source`; PRIMARY KEY is the natural key;
--   * INTEGER holds numbers, sizes in bytes, and 0/1 for yes/no; TEXT is UTF-8;
--   * NULL means "not known": the collector also writes a row of fact_gap that says why.
--     "Known to be absent" is a value ('none', '', 0), never NULL;
--   * the key/value tables (comment begins with "kv:") have exactly the columns
--     host, [vm, layer,] key, value, source. Controls read them with `lookup:`.
-- Both SQLite and PostgreSQL read this file.

-- A fact that could not be had, and why. key and column are '' when the whole table or row is meant.
CREATE TABLE fact_gap (
	host TEXT NOT NULL, -- the host
	tbl TEXT NOT NULL, -- the table
	key TEXT NOT NULL, -- the natural key of the row without host, parts joined by '/'; '' for the whole table
	col TEXT NOT NULL, -- the column; '' for the whole row
	reason TEXT NOT NULL, -- one sentence: what was tried, what failed, what would mend it
	source TEXT, -- the file, socket or call that was tried
	PRIMARY KEY (host, tbl, key, col)
);

-- How each collector ended.
CREATE TABLE collector_run (
	host TEXT NOT NULL, -- the host
	collector TEXT NOT NULL, -- its name
	state TEXT NOT NULL, -- ok, partial (gaps), failed, timeout, crashed, skipped
	rows_count INTEGER, -- rows it wrote
	duration_ms INTEGER, -- wall time
	reason TEXT, -- why, when not ok
	tables TEXT, -- fact tables it fills, joined by comma
	source TEXT, -- empty
	PRIMARY KEY (host, collector)
);

-- The host itself.
CREATE TABLE host (
	host TEXT NOT NULL, -- its name in this run: uname nodename, or the name of the capture
	os_id TEXT, -- ID of /etc/os-release: debian, ubuntu, rhel, fedora, opensuse-leap ...
	os_version TEXT, -- VERSION_ID
	os_name TEXT, -- PRETTY_NAME
	os_support_end TEXT, -- last day of security support as YYYY-MM-DD, from our table of releases
	kernel_release TEXT, -- uname -r
	kernel_newest TEXT, -- newest kernel release installed in /boot or /lib/modules
	arch TEXT, -- uname -m
	reboot_required INTEGER, -- 1 when /run/reboot-required is there
	cpu_vendor TEXT, -- vendor_id of /proc/cpuinfo
	cpu_model TEXT, -- model name of /proc/cpuinfo
	cpus_online INTEGER, -- logical CPUs
	cores INTEGER, -- physical cores
	threads_per_core INTEGER, -- hardware threads per core
	numa_nodes INTEGER, -- NUMA cells
	smt_control TEXT, -- /sys/devices/system/cpu/smt/control: on, off, forceoff, notsupported, notimplemented
	smt_active INTEGER, -- 1 when sibling threads run
	core_sched INTEGER, -- 1 when the kernel has core scheduling (CONFIG_SCHED_CORE)
	microcode_old INTEGER, -- 1 when the kernel calls the microcode old
	memory_bytes INTEGER, -- MemTotal
	is_guest INTEGER, -- 1 when this host is itself a VM (hypervisor flag of the CPU)
	has_kvm INTEGER, -- 1 when /dev/kvm is there
	is_virt_host INTEGER, -- 1 when libvirt or QEMU is installed or a VM runs
	entropy_source TEXT, -- rng_current of hw_random, or cpu when the CPU has rdrand, or none
	cgroup_mode TEXT, -- v1, v2 or hybrid
	init TEXT, -- systemd, other, or none (container or build machine)
	as_root INTEGER, -- 1 when facts were collected with full rights
	clock_ms INTEGER, -- host clock when collected, ms since 1970-01-01 UTC
	os_support_days INTEGER, -- whole days of security support left, negative when over; derive.sql counts them from os_support_end and clock_ms
	source TEXT, -- /etc/os-release, /proc
	PRIMARY KEY (host)
);

-- Firmware, measured boot, kernel protection.
CREATE TABLE boot (
	host TEXT NOT NULL, -- the host
	uefi INTEGER, -- 1 when booted by UEFI (/sys/firmware/efi)
	secure_boot INTEGER, -- 1 when Secure Boot is on (efivar SecureBoot)
	setup_mode INTEGER, -- 1 when the firmware accepts new keys without a signature (efivar SetupMode)
	removable_boot INTEGER, -- 1 when BootOrder holds a network or removable entry
	tpm_version INTEGER, -- 2, 1 (for 1.2) or 0 for none
	tpm_sha256_live INTEGER, -- 1 when the SHA-256 bank of PCR 0 to 7 holds measurements
	event_log_bytes INTEGER, -- size of binary_bios_measurements
	lockdown TEXT, -- none, integrity, confidentiality; 'absent' when the kernel has no lockdown
	module_sig_enforce INTEGER, -- 1 when unsigned modules are refused (sig_enforce or lockdown)
	modules_loadable INTEGER, -- 0 when the kernel has no loadable modules or modules_disabled is 1
	ima_measurements INTEGER, -- runtime_measurements_count; 0 when IMA measures nothing
	ima_policy_modules INTEGER, -- 1 when the IMA policy measures modules and executables
	iommu_groups INTEGER, -- number of IOMMU groups; 0 when no IOMMU is active
	loader TEXT, -- grub, systemd-boot, none found
	loader_password INTEGER, -- 1 when the boot loader has superusers and a password
	rescue_password INTEGER, -- 1 when the rescue shell asks for the root password
	ctrl_alt_del_masked INTEGER, -- 1 when ctrl-alt-del.target is masked or means nothing
	init_on_alloc INTEGER, -- 1 when the kernel zeroes pages before it hands them out
	init_on_free INTEGER, -- 1 when the kernel zeroes pages that are given back
	thunderbolt_security TEXT, -- worst security level of all domains: none, user, secure, dponly, usbonly; 'absent'
	source TEXT, -- where
	PRIMARY KEY (host)
);

-- kv: words of the kernel command line (/proc/cmdline); a word without = has the value ''.
CREATE TABLE kernel_param (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- the word before =; a repeated word keeps the last value
	value TEXT, -- behind =
	source TEXT, -- /proc/cmdline
	PRIMARY KEY (host, key)
);

-- kv: kernel settings (/proc/sys); keys with dots, as sysctl prints them.
CREATE TABLE sysctl (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- net.ipv4.ip_forward ...
	value TEXT, -- as read, trimmed
	source TEXT, -- /proc/sys/...
	PRIMARY KEY (host, key)
);

-- kv: parameters of kernel modules, loaded or built in (/sys/module/M/parameters/P).
CREATE TABLE module_param (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- module/parameter: kvm_intel/nested
	value TEXT, -- as read, trimmed
	source TEXT, -- /sys/module/...
	PRIMARY KEY (host, key)
);

-- Loaded kernel modules.
CREATE TABLE module (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- module name with underscores
	size_bytes INTEGER, -- /proc/modules
	taint TEXT, -- letters of /sys/module/M/taint: O out of tree, E unsigned, F forced, P proprietary; '' for none
	has_signature INTEGER, -- 1 when the file carries an appended signature
	signer TEXT, -- name of the signer
	signature_hash TEXT, -- hash of the signature: sha256, sha512 ...; '' when there is no signature
	signature_state TEXT, -- the kernel's own verdict: verified (it checks signatures and did not mark the module), unverified (it marked it with E), unchecked (it checks none)
	on_disk TEXT, -- file and IMA's list: same (as it was measured), changed (since it was measured), missing (was measured, is gone), not measured
	path TEXT, -- the .ko file
	source TEXT, -- /proc/modules
	PRIMARY KEY (host, name)
);

-- Modules that configuration keeps from loading (modprobe.d: install M /bin/false, blacklist M).
CREATE TABLE module_block (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- module or file system name asked about
	kind TEXT NOT NULL, -- filesystem, protocol, device
	available INTEGER, -- 1 when the module file exists or it is built in
	loaded INTEGER, -- 1 when it is loaded or built in
	blocked INTEGER, -- 1 when `install NAME /bin/false|true` stands in modprobe.d
	blacklisted INTEGER, -- 1 when `blacklist NAME` stands in modprobe.d
	source TEXT, -- the file and line
	PRIMARY KEY (host, name)
);

-- What the kernel says of each CPU vulnerability (/sys/devices/system/cpu/vulnerabilities).
CREATE TABLE cpu_vuln (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- file name: l1tf, mds, spectre_v2 ...
	state TEXT, -- not_affected, mitigated, partial (mitigated, yet the text says vulnerable somewhere), vulnerable, unknown
	detail TEXT, -- the kernel's own words
	source TEXT, -- the file
	PRIMARY KEY (host, name)
);

-- Logical CPUs that are online, and what they share (/sys/devices/system/cpu).
CREATE TABLE host_cpu (
	host TEXT NOT NULL, -- the host
	cpu INTEGER NOT NULL, -- number of the logical CPU
	siblings TEXT, -- CPUs of the same core, itself among them, as a list: 0,4; its own number alone without SMT
	package INTEGER, -- number of the socket
	node INTEGER, -- number of the NUMA cell; 0 when the kernel has no cells
	base_khz INTEGER, -- nominal frequency; 0 when the machine does not tell
	source TEXT, -- topology directory
	PRIMARY KEY (host, cpu)
);

-- Page sharing between VMs (/sys/kernel/mm/ksm).
CREATE TABLE ksm (
	host TEXT NOT NULL, -- the host
	present INTEGER, -- 0 when the kernel has no KSM
	run INTEGER, -- 0 stopped, 1 running, 2 stopped and unmerged
	pages_sharing INTEGER, -- pages saved by sharing now
	merge_across_nodes INTEGER, -- 1 when pages are shared between NUMA cells
	use_zero_pages INTEGER, -- 1 when empty pages are merged with the kernel's zero page
	pages_to_scan INTEGER, -- pages for each wake-up
	sleep_ms INTEGER, -- between wake-ups
	source TEXT, -- the directory
	PRIMARY KEY (host)
);

-- Swap areas (/proc/swaps).
CREATE TABLE swap (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- device or file
	kind TEXT, -- partition, file, zram
	size_bytes INTEGER, -- size
	encrypted INTEGER, -- 1 when it lies on dm-crypt
	source TEXT, -- /proc/swaps
	PRIMARY KEY (host, path)
);

-- Mandatory access control: AppArmor, SELinux.
CREATE TABLE lsm (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- apparmor, selinux
	enabled INTEGER, -- 1 when active in the kernel
	enforcing INTEGER, -- 1 when it refuses and does not merely log
	source TEXT, -- where
	PRIMARY KEY (host, name)
);

-- AppArmor profiles loaded in the kernel.
CREATE TABLE lsm_profile (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- libvirtd, virt-aa-helper, libvirt-UUID ...
	mode TEXT, -- enforce, complain, kill, unconfined
	source TEXT, -- /sys/kernel/security/apparmor/profiles
	PRIMARY KEY (host, name)
);

-- UEFI boot entries.
CREATE TABLE efi_boot_entry (
	host TEXT NOT NULL, -- the host
	number TEXT NOT NULL, -- Boot####
	label TEXT, -- its description
	kind TEXT, -- disk, network, removable, firmware, other
	position INTEGER, -- place in BootOrder from 0; NULL when not in it
	active INTEGER, -- 1 when the entry is active
	source TEXT, -- efivar
	PRIMARY KEY (host, number)
);

-- Accounts (/etc/passwd joined with what is safe to know of /etc/shadow: never a hash).
CREATE TABLE account (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- login name
	uid INTEGER, -- user id
	gid INTEGER, -- primary group
	home TEXT, -- home directory
	shell TEXT, -- login shell
	can_login INTEGER, -- 1 when the shell is not nologin, false, sync, halt or shutdown
	is_system INTEGER, -- 1 when uid is below UID_MIN and not 0
	password TEXT, -- set, locked, empty, none (no shadow line)
	hash_scheme TEXT, -- yescrypt, sha512, sha256, bcrypt, md5, des; '' when there is no hash
	changed_day INTEGER, -- day of the last change, days since 1970-01-01; NULL when shadow has no date
	min_days INTEGER, -- fewest days between changes
	max_days INTEGER, -- most days a password lives; -1 for no limit
	inactive_days INTEGER, -- days after expiry until locked; -1 for never
	expire_day INTEGER, -- day on which the account ends; -1 for never
	rhosts INTEGER, -- 1 when .rhosts or .shosts lies in the home directory
	netrc INTEGER, -- 1 when .netrc lies in the home directory
	forward INTEGER, -- 1 when .forward lies in the home directory
	home_mode INTEGER, -- permission bits of the home directory; 0 when there is none
	source TEXT, -- /etc/passwd:LINE
	PRIMARY KEY (host, name)
);

-- Members of each group, primary members included.
CREATE TABLE group_member (
	host TEXT NOT NULL, -- the host
	grp TEXT NOT NULL, -- group name
	member TEXT NOT NULL, -- account name
	source TEXT, -- /etc/group:LINE or /etc/passwd:LINE
	PRIMARY KEY (host, grp, member)
);

-- kv: password, lock-out and session policy as it takes effect.
-- Keys: login.defs/NAME, pwquality/NAME, faillock/NAME, pwhistory/NAME, pam/NAME (hash, su_wheel, faillock,
-- pwquality, pwhistory, nullok; 1 or 0), shell/TMOUT, shell/umask, logind/NAME, nsswitch/passwd, sssd/present, cron/allow, at/allow.
-- What a module that no PAM stack calls would set has no effect: then faillock/deny and pwhistory/remember are 0, pwquality/minlen is pam_unix's.
-- Times are in seconds. cron/allow and at/allow are 1 when only users named in the .allow file (or root alone, or nobody: not installed) may use it.
CREATE TABLE auth_policy (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- the value in effect; the program's own default where no file says otherwise (source: default)
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- sudo: each user specification, aliases resolved.
CREATE TABLE sudo_rule (
	host TEXT NOT NULL, -- the host
	file TEXT NOT NULL, -- sudoers file
	line INTEGER NOT NULL, -- line of the rule
	item INTEGER NOT NULL, -- number of the user x command in that rule
	who TEXT, -- user, %group, #uid, +netgroup or ALL
	is_group INTEGER, -- 1 when who is a group
	runas TEXT, -- user list, default root
	command TEXT, -- command path, ALL, or !command
	all_commands INTEGER, -- 1 when command is ALL
	nopasswd INTEGER, -- 1 with NOPASSWD, or with Defaults !authenticate for who
	shell_escape INTEGER, -- 1 when the command is a shell, editor, pager or interpreter and NOEXEC is not set
	source TEXT, -- file:line
	PRIMARY KEY (host, file, line, item)
);

-- kv: sudo Defaults in effect for all users: use_pty, logfile, syslog, authenticate, timestamp_timeout, env_reset, secure_path ...
CREATE TABLE sudo_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- option name; value '1' or '0' for flags. key 'present' is 1 when sudo is installed
	value TEXT, -- value in effect (sudo's own default where unset)
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- polkit rules that grant libvirt actions.
CREATE TABLE polkit_grant (
	host TEXT NOT NULL, -- the host
	file TEXT NOT NULL, -- rules.d, pkla or action file
	item INTEGER NOT NULL, -- number within the file
	action TEXT, -- org.libvirt.unix.manage ...
	subject TEXT, -- unix-group:NAME, unix-user:NAME, any, or '?' when the rule is code we cannot read
	result TEXT, -- yes, auth_admin, auth_admin_keep, no, ...
	broad INTEGER, -- 1 when anyone (or any local or active session) gets yes
	source TEXT, -- file:line
	PRIMARY KEY (host, file, item)
);

-- kv: sshd settings after Include, first value wins, in the global block; keys in lower case. key 'present' is 1 or 0, 'version' the package's upstream version.
CREATE TABLE ssh_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- permitrootlogin ...
	value TEXT, -- value in effect; OpenSSH's default where unset (source: default); lists joined by ','
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- What a Match block of sshd changes.
CREATE TABLE ssh_match (
	host TEXT NOT NULL, -- the host
	item INTEGER NOT NULL, -- running number
	criteria TEXT, -- the Match line's criteria
	key TEXT, -- option in lower case
	value TEXT, -- value
	source TEXT, -- file:line
	PRIMARY KEY (host, item)
);

-- SSH keys: host keys (public part) and authorized_keys lines. No private key is ever read.
CREATE TABLE ssh_key (
	host TEXT NOT NULL, -- the host
	file TEXT NOT NULL, -- path
	line INTEGER NOT NULL, -- line in authorized_keys; 1 for a host key
	kind TEXT, -- host, authorized
	account TEXT, -- owner of the authorized_keys file; ALL for a file that lets every account in
	algorithm TEXT, -- ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256 ...
	bits INTEGER, -- key size
	restricted INTEGER, -- 1 when from= or command= or restrict stands before the key
	mode INTEGER, -- permission bits of the private key file (host) or authorized_keys
	source TEXT, -- file:line
	PRIMARY KEY (host, file, line)
);

-- Services: systemd units (service, socket, timer, target asked about) and SysV scripts.
CREATE TABLE service (
	host TEXT NOT NULL, -- the host
	unit TEXT NOT NULL, -- name with suffix: ssh.service
	installed INTEGER, -- 1 when a unit file or init script is there
	enabled INTEGER, -- 1 when started at boot (wanted or required by an enabled target, or rcN.d link)
	masked INTEGER, -- 1 when linked to /dev/null
	running INTEGER, -- 1 when a cgroup of that unit holds processes or its main process is found; NULL when not known
	source TEXT, -- unit file
	PRIMARY KEY (host, unit)
);

-- Running processes (kernel threads left out).
CREATE TABLE process (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process id
	ppid INTEGER, -- parent
	name TEXT, -- comm
	uid INTEGER, -- effective user
	exe TEXT, -- path of the binary; '... (deleted)' when it is gone
	exe_deleted INTEGER, -- 1 when the binary on disk was replaced
	unit TEXT, -- systemd unit from its cgroup; ''
	source TEXT, -- /proc/PID
	PRIMARY KEY (host, pid)
);

-- Sockets that wait for a connection (netlink sock_diag), with the owning process.
CREATE TABLE listener (
	host TEXT NOT NULL, -- the host
	proto TEXT NOT NULL, -- tcp, udp
	address TEXT NOT NULL, -- local address; 0.0.0.0 and :: mean every address
	port INTEGER NOT NULL, -- local port
	inode INTEGER NOT NULL, -- socket inode
	everywhere INTEGER, -- 1 when bound to every address
	loopback INTEGER, -- 1 when only this machine can reach it
	pid INTEGER, -- owner
	process TEXT, -- owner's name
	uid INTEGER, -- owner's user
	source TEXT, -- sock_diag
	PRIMARY KEY (host, proto, address, port, inode)
);

-- Installed packages (dpkg; rpm where its database can be read).
CREATE TABLE package (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- package
	arch TEXT NOT NULL, -- architecture
	version TEXT, -- installed version
	source_name TEXT, -- source package
	state TEXT, -- installed, half-configured, config-files ...
	candidate TEXT, -- newest version in the package lists; '' when no list has it
	upgradable INTEGER, -- 1 when candidate is newer
	security_update INTEGER, -- 1 when the newer version comes from a security archive
	origin TEXT, -- Origin of the list that holds the installed version; '' when no list has it
	source TEXT, -- /var/lib/dpkg/status
	PRIMARY KEY (host, name, arch)
);

-- Files of the packages that carry the hypervisor (kernel, QEMU, libvirt, firmware, swtpm) which are not as packaged.
-- Compared are programs, libraries, firmware, the running kernel's image and its loaded modules, 160 MB at most; a gap says what was left.
CREATE TABLE package_file (
	host TEXT NOT NULL, -- the host
	package TEXT NOT NULL, -- package
	path TEXT NOT NULL, -- file
	state TEXT, -- changed, missing, unreadable
	source TEXT, -- the md5sums file
	PRIMARY KEY (host, package, path)
);

-- Package archives the host trusts (apt sources, deb822 and one-line; yum/dnf/zypp repos).
CREATE TABLE package_source (
	host TEXT NOT NULL, -- the host
	file TEXT NOT NULL, -- file
	item INTEGER NOT NULL, -- number within the file
	uri TEXT, -- where
	suite TEXT, -- suite or repository id
	components TEXT, -- components
	encrypted INTEGER, -- 1 for https, file, cdrom; 0 for http and ftp
	signed_by TEXT, -- key ring named for this source; ''
	unverified INTEGER, -- 1 when signatures are not checked (trusted=yes, gpgcheck=0, allow-insecure)
	enabled INTEGER, -- 1 when in use
	source TEXT, -- file:line
	PRIMARY KEY (host, file, item)
);

-- Mounted file systems (/proc/self/mountinfo).
CREATE TABLE mount (
	host TEXT NOT NULL, -- the host
	target TEXT NOT NULL, -- mount point; the topmost mount where several lie on one another
	device TEXT, -- mount source
	fstype TEXT, -- file system
	options TEXT, -- mount and super options, joined by ','
	nodev INTEGER, -- 1 when device files do not work
	nosuid INTEGER, -- 1 when set-uid bits do not work
	noexec INTEGER, -- 1 when nothing can be run
	readonly INTEGER, -- 1 when read-only
	remote INTEGER, -- 1 for nfs, cifs, ceph, glusterfs ...
	encrypted INTEGER, -- 1 when it lies on dm-crypt
	size_bytes INTEGER, -- size
	free_bytes INTEGER, -- free for ordinary users
	free_pct INTEGER, -- free in percent of size
	source TEXT, -- /proc/self/mountinfo
	PRIMARY KEY (host, target)
);

-- Paths with a role: which directory lies on which file system.
CREATE TABLE path_mount (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- /home, /var, /var/log, /var/tmp, /tmp, /dev/shm, /var/lib/libvirt, /var/lib/libvirt/images ...
	target TEXT, -- mount point that holds it
	own_fs INTEGER, -- 1 when it is a mount point of its own
	on_root INTEGER, -- 1 when it lies on the root file system
	exists_ INTEGER, -- 0 when there is no such path
	source TEXT, -- /proc/self/mountinfo
	PRIMARY KEY (host, path)
);

-- Mode and owner of the files that matter (a list in src/collect/modes.c), with a topic to select by.
CREATE TABLE file_mode (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- path
	topic TEXT, -- shadow, passwd, grub, ssh-host-key, sudoers, cron, dev-kvm, libvirt-conf, libvirt-key, libvirt-socket, libvirt-hook, libvirt-domain, libvirt-secret, libvirt-nwfilter, libvirt-log, vm-image-dir, save-dir, swtpm-state, audit-rules, log-dir, bridge-helper, bridge-conf, qemu-conf, memory-backing; also audit-log, boot-dir, boot-loader, dev-sev, dev-tpm, dev-tun, dev-vfio, dev-vhost, esp, grub-source, home-root, hosts-equiv, libvirt-key-dir, libvirt-network, libvirt-run, libvirt-state, libvirt-storage, nvram, nvram-dir, qemu-monitor, ringfence, save-file, snmp-conf, ssh-conf, swtpm-ca, time-key, tmp-dir, vm-image
	kind TEXT, -- file, dir, link, socket, char, block, fifo, absent
	mode INTEGER, -- permission bits, 12 of them; octal in mode_text
	mode_text TEXT, -- 0640 ...
	uid INTEGER, -- owner
	gid INTEGER, -- group
	owner TEXT, -- owner's name
	grp TEXT, -- group's name
	group_write INTEGER, -- 1 when the group may write
	other_read INTEGER, -- 1 when everybody may read
	other_write INTEGER, -- 1 when everybody may write
	setuid INTEGER, -- 1 with the set-uid bit
	extra_acl INTEGER, -- 1 when a POSIX ACL grants more than the bits show
	size_bytes INTEGER, -- size
	source TEXT, -- the path
	PRIMARY KEY (host, path)
);

-- Set-uid and set-gid programs, and files without owner or writable by everybody, in system directories.
CREATE TABLE special_file (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- path
	kind TEXT, -- setuid, setgid, world_writable, unowned
	package TEXT, -- package that ships it; '' for none
	mode_text TEXT, -- 4755 ...
	source TEXT, -- directory walked
	PRIMARY KEY (host, path)
);

-- kv: logging set-up. Keys: journald/NAME, journald/persistent (0/1), rsyslog/present, rsyslog/NAME, virtlogd/NAME, logrotate/NAME.
CREATE TABLE log_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- value in effect
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- Where log lines go (rsyslog actions, both syntaxes; journald and syslog-ng forwarding).
CREATE TABLE log_target (
	host TEXT NOT NULL, -- the host
	daemon TEXT NOT NULL, -- rsyslog, syslog-ng, journald
	item INTEGER NOT NULL, -- running number
	selector TEXT, -- facility.priority that goes there
	kind TEXT, -- file, remote, pipe, user, discard
	destination TEXT, -- path or host:port
	protocol TEXT, -- tcp, udp, relp, '' for local
	tls INTEGER, -- 1 when encrypted
	tls_name_check INTEGER, -- 1 when the peer's name is checked (x509/name)
	disk_queue INTEGER, -- 1 when lines wait on disk while the target is away
	source TEXT, -- file:line
	PRIMARY KEY (host, daemon, item)
);

-- Rotation rules (logrotate, with includes and global defaults applied).
CREATE TABLE log_rotation (
	host TEXT NOT NULL, -- the host
	pattern TEXT NOT NULL, -- path or glob
	frequency TEXT, -- daily, weekly, monthly, hourly, yearly, '' when by size only
	size_bytes INTEGER, -- size or maxsize; 0 when there is no size limit
	keep INTEGER, -- rotate N
	compress INTEGER, -- 1 when compressed
	source TEXT, -- file:line
	PRIMARY KEY (host, pattern)
);

-- kv: Linux audit. Keys: kernel/enabled, kernel/backlog_limit, kernel/failure, kernel/rules_count, auditd/present, auditd/NAME of auditd.conf.
CREATE TABLE audit_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- value in effect
	source TEXT, -- file:line, netlink or default
	PRIMARY KEY (host, key)
);

-- Audit rules, from the kernel (layer live) and from the rule files (layer persistent).
CREATE TABLE audit_rule (
	host TEXT NOT NULL, -- the host
	layer TEXT NOT NULL, -- live, persistent
	item INTEGER NOT NULL, -- running number
	path TEXT, -- watched path; ''
	syscalls TEXT, -- names joined by ','; ''
	perms TEXT, -- letters r w x a; ''
	key TEXT, -- -k key; ''
	source TEXT, -- file:line or netlink
	PRIMARY KEY (host, layer, item)
);

-- kv: time keeping. Keys: daemon (chrony, ntpsec, ntp, systemd-timesyncd, none), running, enabled, sources_count, synced (adjtimex), max_error_us, offset_us.
CREATE TABLE time_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- value
	source TEXT, -- where
	PRIMARY KEY (host, key)
);

-- Time servers configured.
CREATE TABLE time_source (
	host TEXT NOT NULL, -- the host
	daemon TEXT NOT NULL, -- chrony ...
	address TEXT NOT NULL, -- server, pool or reference clock
	kind TEXT, -- server, pool, peer, refclock
	authenticated INTEGER, -- 1 with NTS or a key
	source TEXT, -- file:line
	PRIMARY KEY (host, daemon, address)
);

-- SNMP access as snmpd.conf grants it. key 'present' rows do not exist: see service snmpd.service.
CREATE TABLE snmp_access (
	host TEXT NOT NULL, -- the host
	file TEXT NOT NULL, -- snmpd.conf and its includes
	line INTEGER NOT NULL, -- line
	kind TEXT, -- community, user, listen
	version INTEGER, -- 1 (v1/v2c) or 3
	level TEXT, -- noauth, auth, priv; '' for a community
	well_known INTEGER, -- 1 when the community is public or private (its text is never kept)
	writable INTEGER, -- 1 when it may set values
	scope TEXT, -- source address it is limited to, default 'any'; for listen: the address
	source TEXT, -- file:line
	PRIMARY KEY (host, file, line)
);

-- Firewall chains that hang on a hook (nftables netlink; iptables-nft tables included).
CREATE TABLE firewall_chain (
	host TEXT NOT NULL, -- the host
	family TEXT NOT NULL, -- inet, ip, ip6, bridge, netdev, arp
	tbl TEXT NOT NULL, -- table
	chain TEXT NOT NULL, -- chain
	hook TEXT, -- input, forward, output, prerouting, postrouting, ingress; '' for a jump target
	policy TEXT, -- accept, drop; '' for a jump target
	rules_count INTEGER, -- rules in it
	devices TEXT, -- links that it hangs on, joined by ','; '' where it hangs on none of its own
	source TEXT, -- netlink
	PRIMARY KEY (host, family, tbl, chain)
);

-- Firewall rules as far as a control asks: port, peer, verdict.
CREATE TABLE firewall_rule (
	host TEXT NOT NULL, -- the host
	family TEXT NOT NULL, -- as in firewall_chain
	tbl TEXT NOT NULL, -- table
	chain TEXT NOT NULL, -- chain
	handle INTEGER NOT NULL, -- rule handle
	item INTEGER NOT NULL, -- number within the rule from 0: a rule over several ports or protocols has a row for each range
	proto TEXT, -- tcp, udp, icmp, icmpv6 or the number of another one; '' for any
	dport_first INTEGER, -- lowest destination port; 0 when every port
	dport_last INTEGER, -- highest destination port; 65535 when every port
	peer_limited INTEGER, -- 1 when the rule names source addresses or an input interface, or holds only for connections that exist already
	other_match INTEGER, -- 1 when the rule asks for more than these columns show: source port, rate, mark, address type ...
	verdict TEXT, -- accept, drop, reject, jump, other
	source TEXT, -- netlink
	PRIMARY KEY (host, family, tbl, chain, handle, item)
);

-- Where rules of nftables send packets that were to go elsewhere, or copies of them.
CREATE TABLE firewall_redirect (
	host TEXT NOT NULL, -- the host
	family TEXT NOT NULL, -- as in firewall_chain
	tbl TEXT NOT NULL, -- table
	chain TEXT NOT NULL, -- chain
	handle INTEGER NOT NULL, -- rule handle
	item INTEGER NOT NULL, -- number within the rule from 0
	kind TEXT, -- fwd, dup, dnat, redirect (to the host itself), tproxy, broute (out of the bridge, to the host)
	links TEXT, -- links or bridges that the rule is for, joined by ','; '' for every one
	to_link TEXT, -- link that they leave by; '' when the rule names none; NULL when it computes one
	to_index INTEGER, -- its index; 0 when the rule names none
	to_address TEXT, -- address that they are sent to; '' when the rule names none; NULL when it computes one
	source TEXT, -- netlink
	PRIMARY KEY (host, family, tbl, chain, handle, item)
);

-- kv: firewall persistence. Keys: nftables/enabled, nftables/file, firewalld/enabled, ufw/enabled, present (0/1: any hook chain in input).
CREATE TABLE firewall_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- value
	source TEXT, -- where
	PRIMARY KEY (host, key)
);

-- Certificates that services of this host use.
CREATE TABLE certificate (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- file
	item INTEGER NOT NULL, -- number within the file from 0
	role TEXT, -- libvirt-server, libvirt-client, libvirt-ca, qemu, vnc, spice, migration, other
	subject TEXT, -- subject name
	issuer TEXT, -- issuer name
	self_signed INTEGER, -- 1 when issuer is subject and the key signed itself
	is_ca INTEGER, -- 1 for a CA
	not_before_ms INTEGER, -- ms since 1970-01-01 UTC
	not_after_ms INTEGER, -- ms since 1970-01-01 UTC
	days_left INTEGER, -- whole days until not_after, negative when over; counted from host.clock_ms
	key_type TEXT, -- rsa, ec, ed25519 ...
	key_bits INTEGER, -- size
	signature TEXT, -- sha256WithRSAEncryption ...
	san TEXT, -- subject alternative names joined by ','; '' for none
	san_matches_host INTEGER, -- 1 when a name is the host's name or one of its addresses
	source TEXT, -- the file
	PRIMARY KEY (host, path, item)
);

-- Certificate revocation lists of libvirt and QEMU.
CREATE TABLE crl (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- file
	role TEXT, -- libvirt, qemu
	days_left INTEGER, -- whole days until nextUpdate
	source TEXT, -- the file
	PRIMARY KEY (host, path)
);

-- Network links (rtnetlink).
CREATE TABLE link (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- interface
	ifindex INTEGER, -- index
	kind TEXT, -- bridge, tun, veth, vlan, bond, openvswitch, macvtap, vxlan, dummy ...; '' for hardware
	role TEXT, -- physical, loopback, tap, bridge, bond, vlan, virtual
	up INTEGER, -- 1 when administratively up
	carrier INTEGER, -- 1 when the other end is there
	mac TEXT, -- hardware address
	mtu INTEGER, -- bytes
	master TEXT, -- bridge or bond it belongs to; ''
	promisc INTEGER, -- 1 with the IFF_PROMISC flag set by an operator or program
	promiscuity INTEGER, -- how many users want every frame (bridge ports have one)
	driver TEXT, -- kernel driver; ''
	wireless INTEGER, -- 1 for wireless
	vlan_id INTEGER, -- of a vlan link; 0 for others
	xdp INTEGER, -- 1 when an XDP program is attached
	lower TEXT, -- the link that it stands on, or the other end of a pair; '' when there is none or it is in another network namespace
	lower_index INTEGER, -- index of that link; 0 when there is none
	lower_netns INTEGER, -- network namespace of that link, as in netns; -1 for the same
	ip_forward INTEGER, -- 1 when IPv4 packets that come in here are forwarded
	ip6_forward INTEGER, -- 1 when IPv6 packets that come in here are forwarded
	rp_filter INTEGER, -- net.ipv4.conf.LINK.rp_filter, or that of all where it is larger: 0 takes any source
	arp_ignore INTEGER, -- net.ipv4.conf.LINK.arp_ignore, or that of all where it is larger: 0 answers for every address of the host
	proxy_arp INTEGER, -- 1 when it answers ARP for addresses that the host routes to (its own setting or that of all)
	proxy_ndp INTEGER, -- 1 when it may answer ND for others (its own setting or that of all)
	source TEXT, -- netlink
	PRIMARY KEY (host, name)
);

-- Bridges.
CREATE TABLE bridge (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- interface
	vlan_filtering INTEGER, -- 1 when tags are enforced
	default_pvid INTEGER, -- VLAN of untagged frames
	stp INTEGER, -- 1 when spanning tree runs
	mcast_snooping INTEGER, -- 1 when on
	nf_call INTEGER, -- 1 when iptables/nftables ip hooks see its frames
	ports_count INTEGER, -- ports
	uplinks_count INTEGER, -- ports that are hardware, bonds or VLANs on them
	guest_ports_count INTEGER, -- ports that are taps or veth of VMs
	addresses_count INTEGER, -- IP addresses of the host on it, IPv6 link-local left out
	source TEXT, -- netlink
	PRIMARY KEY (host, name)
);

-- Ports of bridges.
CREATE TABLE bridge_port (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- interface
	bridge TEXT, -- its bridge
	role TEXT, -- guest (tap, or veth of a VM), uplink, other
	isolated INTEGER, -- 1 when it cannot talk to other isolated ports
	locked INTEGER, -- 1 when only known addresses may send
	learning INTEGER, -- 1 when source addresses are learned
	unicast_flood INTEGER, -- 1 when frames to unknown addresses go out here
	mcast_flood INTEGER, -- 1 when multicast goes out here
	hairpin INTEGER, -- 1 when frames may go back out of the port they came in
	bpdu_guard INTEGER, -- 1 when a BPDU closes the port
	root_block INTEGER, -- 1 when it can never become the root port
	neigh_suppress INTEGER, -- 1 when ARP and ND are answered by the bridge
	static_fdb INTEGER, -- number of static forwarding entries
	pvid INTEGER, -- VLAN of untagged frames; 0 when none
	tagged_vlans INTEGER, -- number of VLANs that leave with a tag
	source TEXT, -- netlink
	PRIMARY KEY (host, name)
);

-- Virtual functions of network cards (SR-IOV).
CREATE TABLE sriov_vf (
	host TEXT NOT NULL, -- the host
	link TEXT NOT NULL, -- physical function
	vf INTEGER NOT NULL, -- number
	mac TEXT, -- address
	spoofchk INTEGER, -- 1 when forged source addresses are dropped
	trust INTEGER, -- 1 when the guest may change address and promiscuity
	source TEXT, -- netlink
	PRIMARY KEY (host, link, vf)
);

-- IP addresses of the host.
CREATE TABLE address (
	host TEXT NOT NULL, -- the host
	link TEXT NOT NULL, -- interface
	address TEXT NOT NULL, -- without prefix length
	prefix INTEGER, -- prefix length, bits
	family INTEGER, -- 4 or 6
	scope TEXT, -- global, link, host
	source TEXT, -- netlink
	PRIMARY KEY (host, link, address)
);

-- Where the host routes to, each table for itself: one row for a link that unicast routes lead out of (those of the table local, of fe80::/10 and those that refuse left out).
CREATE TABLE route_link (
	host TEXT NOT NULL, -- the host
	family INTEGER NOT NULL, -- 4 or 6
	tbl INTEGER NOT NULL, -- routing table: 254 is main
	link TEXT NOT NULL, -- interface
	routes_count INTEGER, -- how many there are
	example TEXT, -- one of them: 10.5.0.0/24, default via 10.1.0.1
	source TEXT, -- netlink
	PRIMARY KEY (host, family, tbl, link)
);

-- Network namespaces that the host's own knows of or a process or name holds.
CREATE TABLE netns (
	host TEXT NOT NULL, -- the host
	netns INTEGER NOT NULL, -- its id, as the host's own namespace knows it; what cannot be asked has a negative number
	inode INTEGER, -- its number in /proc/PID/ns/net; 0 when only a link told of it
	name TEXT, -- its name in /run/netns, or a process in it: NAME (PID)
	own INTEGER, -- 1 for the namespace that link and address speak of
	readable INTEGER, -- 1 when its links could be asked for
	source TEXT, -- where it was found
	PRIMARY KEY (host, netns)
);

-- Links of the other network namespaces.
CREATE TABLE netns_link (
	host TEXT NOT NULL, -- the host
	netns INTEGER NOT NULL, -- as in netns
	name TEXT NOT NULL, -- interface
	ifindex INTEGER, -- index there
	kind TEXT, -- as in link
	role TEXT, -- as in link; hardware in another namespace is told by its having no kind
	up INTEGER, -- 1 when administratively up
	mac TEXT, -- hardware address
	master TEXT, -- bridge or bond it belongs to; ''
	lower_index INTEGER, -- as in link
	lower_netns INTEGER, -- as in link
	ip_forward INTEGER, -- as in link
	ip6_forward INTEGER, -- as in link
	addresses TEXT, -- IP addresses on it, joined by ','; NULL when they could not be asked for
	source TEXT, -- netlink
	PRIMARY KEY (host, netns, name)
);

-- Interfaces of Open vSwitch's bridges, by its database.
CREATE TABLE ovs_port (
	host TEXT NOT NULL, -- the host
	name TEXT NOT NULL, -- interface
	bridge TEXT, -- the bridge it belongs to
	type TEXT, -- internal, patch, vxlan, dpdk ...; '' for a link of the kernel
	peer TEXT, -- of a patch: the interface of its other end; ''
	source TEXT, -- /etc/openvswitch/conf.db
	PRIMARY KEY (host, name)
);

-- Traffic control programs and mirrors (rtnetlink tc dumps, XDP).
CREATE TABLE tc_program (
	host TEXT NOT NULL, -- the host
	link TEXT NOT NULL, -- interface
	direction TEXT NOT NULL, -- ingress, egress, xdp
	item INTEGER NOT NULL, -- running number
	kind TEXT, -- bpf, mirror, redirect, other
	name TEXT, -- program or target
	tag TEXT, -- BPF program tag; ''
	ours INTEGER, -- 1 when it is Ringfence's guard
	source TEXT, -- netlink
	PRIMARY KEY (host, link, direction, item)
);

-- kv: settings of other daemons. Keys FILE/NAME: iscsid/node.session.auth.authmethod, lvm/global_filter, lvm/filter, lldpd/interface_pattern (of `configure system interface pattern`, '' when unset), ovs/manager, clamd/present, ksmtuned/enabled, udisks/present, issue/text_set, issue.net/text_set, issue/os_info, libvirt-conf/uri_aliases, qemu-bridge/allow (words behind `allow` in bridge.conf and its includes, joined by ','; no row without the file), iscsid/mutual_chap, lvm/scan_lvs, lvm/use_devicesfile, lvm/devices_file (1 when the devices file is there), clamd/ExcludePath, issue.net/os_info, NAME/present (autofs, bluetooth, flow, iscsid, lldpd, lvm, ovs, usb, usbguard, wlan; 1 or 0), UNIT/enabled (ksm, udisks2, autofs, lldpd, bluetooth), usb/authorized_default
CREATE TABLE config_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- as above
	value TEXT, -- value
	source TEXT, -- file:line
	PRIMARY KEY (host, key)
);

-- Storage the host sees over fabrics: iSCSI sessions, Fibre Channel targets, NVMe-oF.
CREATE TABLE storage_target (
	host TEXT NOT NULL, -- the host
	kind TEXT NOT NULL, -- iscsi, fc, nvme
	name TEXT NOT NULL, -- IQN, WWPN or NQN
	device TEXT, -- block devices behind it, joined by ','
	authenticated TEXT, -- none, one-way, mutual; '' when the protocol has none
	source TEXT, -- sysfs
	PRIMARY KEY (host, kind, name)
);

-- LUNs: SCSI disks of the host (also of iSCSI and Fibre Channel), and multipath devices over them. Which VM has one: vm_disk.lun.
CREATE TABLE lun (
	host TEXT NOT NULL, -- the host
	device TEXT NOT NULL, -- sda, dm-3
	kind TEXT, -- scsi, multipath
	wwid TEXT, -- its number worldwide, of the same form for a path and the multipath device over it; '' when it says none
	name TEXT, -- of a multipath device: mpatha; ''
	by_id TEXT, -- names below /dev/disk/by-id, joined by ','
	vendor TEXT, -- as the device says
	model TEXT, -- as the device says
	paths_count INTEGER, -- multipath: paths; 1
	size_bytes INTEGER, -- size
	readonly INTEGER, -- 1 when read-only
	source TEXT, -- sysfs
	PRIMARY KEY (host, device)
);

-- Thin pools of LVM, as their metadata says (/etc/lvm/backup).
CREATE TABLE thin_pool (
	host TEXT NOT NULL, -- the host
	pool TEXT NOT NULL, -- VG/LV
	zeroes INTEGER, -- 1 when a block is zeroed before it is handed out
	discards TEXT, -- passdown, nopassdown, ignore; '' when not stated
	volumes_count INTEGER, -- thin volumes in it
	source TEXT, -- the file
	PRIMARY KEY (host, pool)
);

-- Thin volumes of LVM, and which pool they are in.
CREATE TABLE thin_volume (
	host TEXT NOT NULL, -- the host
	volume TEXT NOT NULL, -- VG/LV
	path TEXT, -- /dev/VG/LV
	mapper TEXT, -- /dev/mapper/VG-LV
	pool TEXT, -- VG/LV of the pool
	source TEXT, -- the file
	PRIMARY KEY (host, volume)
);

-- Images of VMs that the host itself has opened as a file system or block device.
CREATE TABLE image_mount (
	host TEXT NOT NULL, -- the host
	path TEXT NOT NULL, -- image or guest volume
	via TEXT NOT NULL, -- loop0, nbd0, guestmount, dm ...
	target TEXT, -- mount point; ''
	source TEXT, -- sysfs
	PRIMARY KEY (host, path, via)
);

-- The libvirt connection.
CREATE TABLE libvirt (
	host TEXT NOT NULL, -- the host
	uri TEXT NOT NULL, -- connection URI; 'files' when only configuration files were read
	connected INTEGER, -- 1 when the daemon answered
	version TEXT, -- libvirt's version
	daemon TEXT, -- monolithic (libvirtd), modular (virtqemud), none
	tcp_socket INTEGER, -- 1 when libvirtd-tcp.socket or virtproxyd-tcp.socket is enabled or a listener holds port 16509
	session_daemons INTEGER, -- unprivileged libvirt daemons that run now
	source TEXT, -- the URI
	PRIMARY KEY (host, uri)
);

-- What libvirt says of the hypervisor that it drives. Not in libvirt, because a libvirt that was just started needs long to say it.
CREATE TABLE libvirt_hypervisor (
	host TEXT NOT NULL, -- the host
	uri TEXT NOT NULL, -- connection URI
	version TEXT, -- QEMU's version
	secmodels TEXT, -- security models of the capabilities joined by ',': apparmor,dac
	source TEXT, -- the URI
	PRIMARY KEY (host, uri)
);

-- kv: libvirtd.conf, virtqemud.conf, virtproxyd.conf, virtlogd.conf, libvirt.conf. Keys FILE/NAME; libvirtd/NAME is the daemon in use, whatever its file is called; with modular daemons what listens on the network (listen_*, tls_*, auth_tcp, auth_tls, key_file ...) comes from virtproxyd.conf. libvirt/NAME is the client's libvirt.conf.
CREATE TABLE libvirt_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- libvirtd/listen_tcp ...
	value TEXT, -- value in effect, the daemon's own default where unset; lists joined by ','
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- kv: qemu.conf. Secrets (vnc_password ...) have the value 'set'.
CREATE TABLE qemu_option (
	host TEXT NOT NULL, -- the host
	key TEXT NOT NULL, -- security_driver ...
	value TEXT, -- value in effect, libvirt's own default where unset; lists joined by ','
	source TEXT, -- file:line or default
	PRIMARY KEY (host, key)
);

-- Virtual machines, one row for each definition: layer persistent (what starts next time), live (what runs), approved (what the site signed off).
CREATE TABLE vm (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- libvirt: the domain's name; files: the path
	layer TEXT NOT NULL, -- persistent, live, approved
	format TEXT, -- libvirt, vmx
	name TEXT, -- display name
	uuid TEXT, -- lower case with dashes
	path TEXT, -- file it was read from; ''
	state TEXT, -- running, paused, shutoff, crashed, pmsuspended; '' for a file
	autostart INTEGER, -- 1 when started with the host
	virt_type TEXT, -- kvm, qemu, xen, lxc, test, vmware ...
	arch TEXT, -- x86_64 ...
	machine TEXT, -- machine type
	emulator TEXT, -- path of the emulator
	hw_version INTEGER, -- .vmx: virtualHW.version
	product TEXT, -- .vmx: esx, hosted, unknown (from the keys that only one family writes)
	guest_os TEXT, -- .vmx guestOS; libosinfo id
	owner TEXT, -- metadata tag owner; ''
	class TEXT, -- metadata tag class; ''
	zone TEXT, -- metadata tag zone; ''
	title TEXT, -- title
	description TEXT, -- description or annotation, at most 1,000 bytes
	vcpus INTEGER, -- maximum number of virtual CPUs
	sockets INTEGER, -- of the topology; NULL when unset
	threads INTEGER, -- threads per core of the topology; 1 when unset
	cpu_mode TEXT, -- host-passthrough, host-model, maximum, custom; '' when unset
	cpu_model TEXT, -- named model; ''
	cpu_features_required TEXT, -- features with policy require or force, joined by ','
	cpu_features_disabled TEXT, -- features with policy disable or forbid, joined by ','
	nested TEXT, -- vmx/svm feature: off (disabled), on (required), host (as the host's), '' when the model decides
	cpu_shares INTEGER, -- weight; 0 when unset
	cpu_quota INTEGER, -- microseconds per period; 0 when unset, negative for no limit
	cpu_pinned INTEGER, -- number of vCPUs with a vcpupin or cpuset
	cpu_set TEXT, -- host CPUs of all vcpupin and cpuset, joined as a list; ''
	emulator_pinned INTEGER, -- 1 with emulatorpin
	iothreads INTEGER, -- number of I/O threads; 0 when unset
	pmu INTEGER, -- 1 when the performance counters are given to the VM, 0 when refused; NULL when unset
	trusted_only INTEGER, -- 1 when its definition asks for a trusted host (<trusted> of https://ringfence.example/vm/1), 0 when not; NULL for .vmx
	ht_sharing TEXT, -- tag or sched.cpu.htsharing: any, internal, none; '' when unset
	memory_bytes INTEGER, -- maximum memory
	page_sharing INTEGER, -- 0 with nosharepages or sched.mem.pshare.enable=FALSE, else 1
	memory_locked INTEGER, -- 1 with memoryBacking/locked
	memory_access TEXT, -- shared, private; '' when unset
	hugepages INTEGER, -- 1 when backed by huge pages
	mem_hard_limit_bytes INTEGER, -- memtune; 0 when unset
	mem_soft_limit_bytes INTEGER, -- memtune; 0 when unset
	mem_min_guarantee_bytes INTEGER, -- memtune; sched.mem.min; 0 when unset
	balloon TEXT, -- virtio, none, xen, vmware ...; libvirt's default virtio when unset on QEMU
	balloon_autodeflate INTEGER, -- 1 when on
	free_page_reporting INTEGER, -- 1 when on
	firmware TEXT, -- efi, bios, '' when direct kernel or unknown
	secure_boot INTEGER, -- 1 when the loader is secure and keys are enrolled
	smm INTEGER, -- 1 when on
	nvram TEXT, -- path; ''
	nvram_template TEXT, -- path; ''
	kernel TEXT, -- direct kernel boot path; ''
	boot_devices TEXT, -- in order, joined by ',': hd,cdrom,network,fd
	boot_menu INTEGER, -- 1 when the user may choose
	tpm TEXT, -- none, 1.2, 2.0
	tpm_backend TEXT, -- emulator, passthrough, external; ''
	tpm_encrypted INTEGER, -- 1 when the state is encrypted with a secret
	launch_security TEXT, -- sev, sev-snp, s390-pv, tdx; ''
	launch_policy INTEGER, -- SEV policy bits; bit 0 forbids debugging
	launch_kernel_hashes INTEGER, -- 1 when kernel hashes are measured
	on_crash TEXT, -- destroy, restart, preserve, coredump-destroy ...
	dump_core INTEGER, -- 0 with memory dumpCore=off; 1 when on; NULL when unset
	clock_offset TEXT, -- utc, localtime, timezone, variable, absolute
	smbios_mode TEXT, -- emulate, host, sysinfo; '' when unset
	fw_cfg_count INTEGER, -- sysinfo type fwcfg entries
	custom_args_count INTEGER, -- qemu:commandline arguments and environment
	custom_caps_count INTEGER, -- qemu:capabilities and qemu:override, qemu:deprecation entries
	seclabel_type TEXT, -- dynamic, static, none; '' when libvirt decides
	seclabel_model TEXT, -- of the first label; ''
	seclabel_relabel INTEGER, -- 0 when relabelling is off
	label_overrides INTEGER, -- per-device seclabel with relabel='no'
	rng_unbounded INTEGER, -- 1 when an rng device has no rate limit; 0 when bounded or absent
	vsock INTEGER, -- 1 with a vsock device
	shmem_count INTEGER, -- shared memory devices
	snapshots_count INTEGER, -- snapshots
	snapshot_oldest_ms INTEGER, -- time of the oldest, ms since 1970-01-01 UTC; 0 when none
	managed_save INTEGER, -- 1 when a saved memory image exists
	taints TEXT, -- libvirt's taint words joined by ','; ''
	digest TEXT, -- SHA-256 of the definition, runtime-only parts (ids, aliases, addresses, labels) left out
	source TEXT, -- XML path or file
	PRIMARY KEY (host, vm, layer)
);

-- Network cards of VMs.
CREATE TABLE vm_nic (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	nic TEXT NOT NULL, -- net0, net1 ... in order; .vmx: ethernet0 ...
	mac TEXT, -- lower case; '' when generated at start
	mac_kind TEXT, -- static, generated, vpx; ''
	mac_checked INTEGER, -- .vmx: 0 when checkMACAddress is FALSE, else 1
	model TEXT, -- virtio, e1000 ...
	kind TEXT, -- network, bridge, user, ethernet, direct, hostdev, vhostuser, mcast, server, client, udp, vdpa, null; .vmx: bridged, nat, hostonly, custom, vpx, standard
	network TEXT, -- network, bridge or port group it is plugged into; ''
	target TEXT, -- tap on the host; ''
	port_exists INTEGER, -- 1 when target is there now; NULL when unknown
	filter TEXT, -- nwfilter name; ''
	forged_source TEXT, -- accept, reject: may it send from another MAC address (filter closure, .vmx noForgedSrcAddr)
	mac_change TEXT, -- accept, reject: may it change its address (filter closure, downWhenAddrMisMatch)
	promiscuous TEXT, -- accept, reject: may it see frames of others (trustGuestRxFilters, noPromisc)
	arp_spoofing TEXT, -- accept, reject
	ip_spoofing TEXT, -- accept, reject
	filter_ip INTEGER, -- 1 when the filter has an IP or CTRL_IP_LEARNING parameter
	filter_live INTEGER, -- 1 when the filter's rules are in the kernel for this tap; NULL when unknown
	isolated INTEGER, -- 1 with port isolated=yes
	vlan_trunk INTEGER, -- 1 when it gets a trunk
	vlan_ids TEXT, -- joined by ','; ''
	link_up INTEGER, -- 0 with link state=down or startConnected=FALSE
	limit_in INTEGER, -- inbound average, KiB/s; 0 when unset
	limit_out INTEGER, -- outbound average, KiB/s; 0 when unset
	script TEXT, -- script run at start; ''
	socket TEXT, -- vhost-user or udp socket; ''
	guest_control INTEGER, -- .vmx: 1 when the guest may disconnect it (allowGuestConnectionControl)
	dvfilter TEXT, -- .vmx: filterN.name; ''
	source TEXT, -- XML path, file:line
	PRIMARY KEY (host, vm, layer, nic)
);

-- Disks, CD-ROM and floppy drives of VMs.
CREATE TABLE vm_disk (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	disk TEXT NOT NULL, -- target: vda; .vmx: scsi0:0
	device TEXT, -- disk, cdrom, floppy, lun
	bus TEXT, -- virtio, scsi, sata, ide, usb, nvme ...
	kind TEXT, -- file, block, network, volume, dir, nvme, vhostuser, none (no medium)
	path TEXT, -- file, device, or protocol://host/name; '' without medium
	pool TEXT, -- storage pool of a volume; ''
	format TEXT, -- driver type; '' when not stated
	format_stated INTEGER, -- 1 when the definition states the format
	medium INTEGER, -- 1 when a medium is in the drive
	readonly INTEGER, -- 1 when read-only
	shareable INTEGER, -- 1 when several VMs may write (shareable, multi-writer, sharedBus)
	transient INTEGER, -- 1 when changes are lost at power-off (transient, independent-nonpersistent)
	mode TEXT, -- .vmx mode; ''
	cache TEXT, -- driver cache; ''
	discard TEXT, -- driver discard; ''
	error_policy TEXT, -- driver error_policy; ''
	rawio INTEGER, -- 1 when raw SCSI commands are allowed
	sgio TEXT, -- filtered, unfiltered; ''
	reservations INTEGER, -- 1 with persistent reservations
	encrypted INTEGER, -- 1 with LUKS or VM encryption
	auth INTEGER, -- network disk: 1 with credentials
	tls INTEGER, -- network disk: 1 with TLS
	limited INTEGER, -- 1 with iotune or shares/throughputCap
	limits TEXT, -- iotune as "total_iops_sec=500 ...", without those that are 0; '' for none
	lun TEXT, -- of a LUN of SCSI, also below multipath: its number worldwide, as in lun; '' for others
	backing_depth INTEGER, -- images below this one; 0 for none; NULL when not known
	backing_remote INTEGER, -- 1 when an image below is reached over a network or json: text
	backing_format_stated INTEGER, -- 1 when every hop states its format
	exists_ INTEGER, -- 1 when the path is there now; NULL when not looked
	mode_bits INTEGER, -- permission bits of the image; octal in mode_text
	mode_text TEXT, -- 0600 ...
	owner TEXT, -- owner of the image
	grp TEXT, -- group of the image
	other_read INTEGER, -- 1 when everybody may read the image
	group_other_write INTEGER, -- 1 when group or everybody may write the image
	is_symlink INTEGER, -- 1 when the path is a symbolic link
	outside INTEGER, -- 1 when the path leaves the VM's folder or known pools
	host_device INTEGER, -- 1 when it is a device or partition that the host itself has mounted or swaps on
	stable_name INTEGER, -- block: 1 when the path is below /dev/disk/by-* or /dev/mapper or a volume group
	virtual_bytes INTEGER, -- size the VM sees; NULL when not known
	locked INTEGER, -- 1 when a process holds QEMU's image lock on it; NULL when not looked or no file
	luks INTEGER, -- of one that is said to be encrypted: 1 when the medium begins so; NULL when not looked
	sampled_count INTEGER, -- of an unencrypted block device: how many blocks of it were looked at; NULL when not looked
	blank_count INTEGER, -- of those: how many hold nothing but zeros
	guest_control INTEGER, -- .vmx: 1 when the guest may disconnect it
	client_device INTEGER, -- .vmx: 1 when a client's own drive may be put in
	connected INTEGER, -- 1 when connected at power-on
	source TEXT, -- XML path, file:line
	PRIMARY KEY (host, vm, layer, disk)
);

-- Other devices of VMs.
CREATE TABLE vm_device (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	device TEXT NOT NULL, -- serial0, hostdev1, usb0, sound0 ...
	kind TEXT, -- serial, console, parallel, hostdev, redirdev, usb_controller, hub, smartcard, sound, audio, shmem, filesystem, vsock, input, video, watchdog, rng, tpm, memory, panic, iommu, pci_root_port, usb_device, vmci, printer, floppy_controller
	model TEXT, -- model; ''
	backend TEXT, -- type of the host side: pty, tcp, udp, dev, file, pipe, unix, network, passthrough, evdev, usb, pci, mdev, mount, virtiofs ...
	path TEXT, -- host path, socket or address; ''
	readonly INTEGER, -- filesystem: 1 when read-only
	access_mode TEXT, -- filesystem: passthrough, mapped, squash; ''
	hotplug INTEGER, -- pcie-root-port: 0 when the guest cannot unplug
	accel3d INTEGER, -- video: 1 with 3D
	log_path TEXT, -- character device log file; ''
	connected INTEGER, -- .vmx: 1 when present and connected at power-on
	detail TEXT, -- what a person would want to read
	source TEXT, -- XML path, file:line
	PRIMARY KEY (host, vm, layer, device)
);

-- Graphical consoles of VMs.
CREATE TABLE vm_console (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	console TEXT NOT NULL, -- vnc0, spice1 ...; .vmx: vnc, mks
	kind TEXT, -- vnc, spice, rdp, sdl, egl-headless, dbus, desktop, mks
	listen TEXT, -- address, socket path, network:NAME, none; '' when qemu.conf decides
	listen_kind TEXT, -- loopback, everywhere, address, network, socket, none, default
	port INTEGER, -- TCP port; -1 when automatic
	tls_port INTEGER, -- spice
	password_stored INTEGER, -- 1 when a password stands in the definition (its text is never kept)
	password_expires INTEGER, -- 1 with passwdValidTo
	share_policy TEXT, -- ignore, allow-exclusive, force-shared; ''
	clipboard INTEGER, -- 1 when copy and paste to the host is open
	file_transfer INTEGER, -- 1 when files can be sent to the VM
	default_mode TEXT, -- spice: any, secure, insecure; ''
	insecure_channels INTEGER, -- spice channels in mode insecure or any
	gl INTEGER, -- 1 with OpenGL or a render node
	max_connections INTEGER, -- .vmx RemoteDisplay.maxConnections; NULL when unset
	source TEXT, -- XML path, file:line
	PRIMARY KEY (host, vm, layer, console)
);

-- Channels between a VM and programs on the host.
CREATE TABLE vm_channel (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	channel TEXT NOT NULL, -- channel0 ...
	kind TEXT, -- unix, spicevmc, qemu-vdagent, tcp, udp, pipe, dev, pty, file, spiceport, dbus
	name TEXT, -- target name: org.qemu.guest_agent.0 ...
	path TEXT, -- socket or host path; '' when libvirt chooses
	clipboard INTEGER, -- qemu-vdagent: 1 when copy and paste is open
	source TEXT, -- XML path
	PRIMARY KEY (host, vm, layer, channel)
);

-- kv: raw options of a VM: every key of a .vmx in lower case; parts of XML that have no column.
CREATE TABLE vm_option (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	key TEXT NOT NULL, -- lower case
	value TEXT, -- unescaped; secrets have the value '(secret)'; at most 4,096 bytes
	source TEXT, -- file:line
	PRIMARY KEY (host, vm, layer, key)
);

-- Keys that stand twice in a .vmx.
CREATE TABLE vm_option_conflict (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	key TEXT NOT NULL, -- lower case
	spellings TEXT, -- as written, joined by ','
	lines TEXT, -- line numbers joined by ','
	same_value INTEGER, -- 1 when every occurrence has the same value
	source TEXT, -- file:line of the last
	PRIMARY KEY (host, vm, layer, key)
);

-- Keys of a .vmx that look like a known one but are not.
CREATE TABLE vm_option_near_miss (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	layer TEXT NOT NULL, -- as in vm
	key TEXT NOT NULL, -- as written
	meant TEXT, -- the key that works
	reason TEXT, -- folklore (a known wrong name), distance (one or two letters off), obsolete
	source TEXT, -- file:line
	PRIMARY KEY (host, vm, layer, key)
);

-- Files that belong to a VM: the .vmx folder, libvirt's own files.
CREATE TABLE vm_file (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	path TEXT NOT NULL, -- path
	kind TEXT, -- dir, vmx, vmdk, nvram, log, vmsd, vmxf, vmem, vswp, vmss, lock, xml, save, tpm, other
	mode INTEGER, -- permission bits
	mode_text TEXT, -- 0600 ...
	owner TEXT, -- name or number
	grp TEXT, -- name or number
	group_write INTEGER, -- 1 when the group may write
	other_read INTEGER, -- 1 when everybody may read
	other_write INTEGER, -- 1 when everybody may write
	is_symlink INTEGER, -- 1 for a symbolic link
	size_bytes INTEGER, -- size
	source TEXT, -- the path
	PRIMARY KEY (host, vm, path)
);

-- What differs between two layers of one VM.
CREATE TABLE vm_difference (
	host TEXT NOT NULL, -- the host
	vm TEXT NOT NULL, -- as in vm
	a TEXT NOT NULL, -- layer
	b TEXT NOT NULL, -- layer
	kind TEXT NOT NULL, -- disk, nic, console, channel, device, cpu, memory, firmware, label, options, other
	item TEXT NOT NULL, -- vda, net0, /domain/vcpu ...
	change TEXT, -- added, removed, changed: from a to b
	value_a TEXT, -- there; ''
	value_b TEXT, -- there; ''
	source TEXT, -- XML path
	PRIMARY KEY (host, vm, a, b, kind, item)
);

-- QEMU processes: what really runs.
CREATE TABLE vm_process (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process
	vm TEXT, -- domain it belongs to; '' when no known domain
	name TEXT, -- guest= of -name; ''
	uuid TEXT, -- -uuid; ''
	known INTEGER, -- 1 when a libvirt domain with that UUID or name runs; NULL when libvirt was not asked
	uid INTEGER, -- effective user
	gid INTEGER, -- effective group
	account TEXT, -- name of the user
	cap_effective TEXT, -- hexadecimal mask
	cap_permitted TEXT, -- hexadecimal mask
	has_caps INTEGER, -- 1 when any capability is held
	seccomp INTEGER, -- 0 none, 1 strict, 2 filter
	no_new_privs INTEGER, -- 1 when set
	label TEXT, -- LSM label; '' when none
	label_enforced INTEGER, -- 1 when the label is enforcing
	label_shared INTEGER, -- 1 when another VM has the same label
	mnt_ns_private INTEGER, -- 1 when its mount namespace is not the host's
	net_ns_private INTEGER, -- 1 when its network namespace is not the host's
	exe TEXT, -- binary
	exe_deleted INTEGER, -- 1 when the binary was replaced on disk
	exe_package TEXT, -- package that ships it; ''
	accel TEXT, -- kvm, tcg, unknown
	monitor_kind TEXT, -- unix, tcp, stdio, none; the worst of all monitors
	monitor_path TEXT, -- socket; ''
	monitor_private INTEGER, -- 1 when the socket's directory is closed to others
	sandbox_arg TEXT, -- value of -sandbox; ''
	session INTEGER, -- 1 when started by an unprivileged libvirt (qemu:///session)
	source TEXT, -- /proc/PID
	PRIMARY KEY (host, pid)
);

-- Files that a QEMU process has open outside the usual libraries.
CREATE TABLE vm_open_file (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process
	path TEXT NOT NULL, -- path
	vm TEXT, -- as in vm_process
	kind TEXT, -- disk, device, log, socket, memory, other
	declared INTEGER, -- 1 when the definition names it, or it is one of the files libvirt always gives
	source TEXT, -- /proc/PID/fd/N
	PRIMARY KEY (host, pid, path)
);

-- Sockets on which a QEMU process waits.
CREATE TABLE vm_listener (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process
	proto TEXT NOT NULL, -- tcp, udp
	address TEXT NOT NULL, -- local address
	port INTEGER NOT NULL, -- port
	vm TEXT, -- as in vm_process
	declared INTEGER, -- 1 when the definition asks for it
	everywhere INTEGER, -- 1 when bound to every address
	source TEXT, -- sock_diag
	PRIMARY KEY (host, pid, proto, address, port)
);

-- VMs that this host's Ringfence holds in quarantine, by their records below /var/lib/ringfence. Whether it is in force, the guard knows.
CREATE TABLE quarantine (
	host TEXT NOT NULL, -- the host
	uuid TEXT NOT NULL, -- of the VM, lower case with dashes
	vm TEXT, -- its name when it began
	level TEXT, -- observe, restrict, honeywall, seal, freeze
	since_ms INTEGER, -- since 1970-01-01 UTC
	days INTEGER, -- whole days since then; NULL when the clock says that it lies ahead
	by_whom TEXT, -- who ordered it
	reason TEXT, -- why, in that person's words
	zone TEXT, -- zone that was put into quarantine as a whole; ''
	plan TEXT, -- id of the change that did it
	cards_count INTEGER, -- network cards
	source TEXT, -- file of the record
	PRIMARY KEY (host, uuid)
);

-- Resource limits that really hold for a QEMU process.
CREATE TABLE vm_cgroup (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process
	vm TEXT, -- as in vm_process
	version INTEGER, -- 1, 2
	path TEXT, -- cgroup
	memory_max_bytes INTEGER, -- -1 for no limit
	cpu_weight INTEGER, -- shares or weight
	cpu_quota_us INTEGER, -- per period; -1 for no limit
	cpu_period_us INTEGER, -- period
	pids_max INTEGER, -- -1 for no limit
	cpuset TEXT, -- host CPUs
	io_limited INTEGER, -- 1 when io.max or throttle rules are set
	io_max TEXT, -- cgroup v2: the lines of the nearest io.max that limits, joined by ';'; '' for none
	device_rules INTEGER, -- 1 when a device list is enforced; NULL when it cannot be seen
	source TEXT, -- cgroup directory
	PRIMARY KEY (host, pid)
);

-- swtpm processes.
CREATE TABLE vm_tpm_process (
	host TEXT NOT NULL, -- the host
	pid INTEGER NOT NULL, -- process
	vm TEXT, -- VM by its state directory or UUID; ''
	uid INTEGER, -- effective user
	account TEXT, -- name of the user
	state_dir TEXT, -- state directory
	encrypted INTEGER, -- 1 when started with a key
	source TEXT, -- /proc/PID
	PRIMARY KEY (host, pid)
);

-- libvirt networks.
CREATE TABLE network (
	host TEXT NOT NULL, -- the host
	network TEXT NOT NULL, -- name
	layer TEXT NOT NULL, -- persistent, live
	uuid TEXT, -- UUID
	bridge TEXT, -- bridge; ''
	forward_mode TEXT, -- none (isolated), nat, route, open, bridge, private, vepa, passthrough, hostdev
	forward_dev TEXT, -- link it is bound to; ''
	active INTEGER, -- 1 when running
	autostart INTEGER, -- 1 when started with the host
	dhcp INTEGER, -- 1 with a DHCP range
	dns INTEGER, -- 1 when dnsmasq answers names
	tftp INTEGER, -- 1 with tftp or bootp
	isolated_ports INTEGER, -- 1 with port isolated=yes
	vlan_trunk INTEGER, -- 1 with vlan trunk
	trust_guest_rx INTEGER, -- 1 with trustGuestRxFilters=yes
	mac_table_manager TEXT, -- kernel, libvirt; ''
	addresses_count INTEGER, -- host addresses on it
	default_nat INTEGER, -- 1 when it is libvirt's shipped default network
	used_by_count INTEGER, -- NICs that use it
	zone TEXT, -- metadata tag; ''
	source TEXT, -- XML path
	PRIMARY KEY (host, network, layer)
);

-- libvirt network filters.
CREATE TABLE network_filter (
	host TEXT NOT NULL, -- the host
	filter TEXT NOT NULL, -- name
	uuid TEXT, -- UUID
	includes TEXT, -- all filters it refers to, transitively, sorted, joined by ','
	mac_spoofing INTEGER, -- 1 when the closure stops forged MAC addresses
	arp_spoofing INTEGER, -- 1 when it stops forged ARP
	ip_spoofing INTEGER, -- 1 when it stops forged IP addresses
	shipped INTEGER, -- 1 when the name is one of libvirt's own
	as_shipped INTEGER, -- 1 when a shipped filter has its shipped rules; NULL for a site's own
	broken TEXT, -- name of a filter it refers to that does not exist; ''
	source TEXT, -- XML path
	PRIMARY KEY (host, filter)
);

-- libvirt storage pools.
CREATE TABLE storage_pool (
	host TEXT NOT NULL, -- the host
	pool TEXT NOT NULL, -- name
	kind TEXT, -- dir, fs, netfs, logical, disk, iscsi, iscsi-direct, scsi, mpath, rbd, gluster, zfs, vstorage
	path TEXT, -- target path
	remote TEXT, -- host it comes from; ''
	active INTEGER, -- 1 when running
	autostart INTEGER, -- 1 when started with the host
	auth TEXT, -- chap, ceph, none; '' where the kind has none
	mode INTEGER, -- permission bits of the target
	other_read INTEGER, -- 1 when everybody may read it
	other_write INTEGER, -- 1 when everybody may write it
	owner TEXT, -- owner of the target
	capacity_bytes INTEGER, -- size
	free_bytes INTEGER, -- free
	free_pct INTEGER, -- free in percent
	on_root INTEGER, -- 1 when the target lies on the root file system
	encrypted INTEGER, -- 1 when the target lies on dm-crypt
	source TEXT, -- XML path
	PRIMARY KEY (host, pool)
);

-- Volumes in storage pools.
CREATE TABLE volume (
	host TEXT NOT NULL, -- the host
	pool TEXT NOT NULL, -- pool
	volume TEXT NOT NULL, -- name
	path TEXT, -- path
	kind TEXT, -- file, block, dir, network, netdir, ploop
	format TEXT, -- raw, qcow2 ...
	capacity_bytes INTEGER, -- size the VM sees
	allocation_bytes INTEGER, -- size on disk
	mode INTEGER, -- permission bits
	other_read INTEGER, -- 1 when everybody may read it
	group_other_write INTEGER, -- 1 when group or everybody may write it
	owner TEXT, -- owner
	backing TEXT, -- path of the image below; ''
	encrypted INTEGER, -- 1 when LUKS
	used INTEGER, -- 1 when a VM, or an image of a VM, refers to it
	sampled_count INTEGER, -- of an unencrypted block device: how many blocks of it were looked at; NULL when not looked
	blank_count INTEGER, -- of those: how many hold nothing but zeros
	source TEXT, -- XML path
	PRIMARY KEY (host, pool, volume)
);

-- libvirt secrets: what is known of them, never their value.
CREATE TABLE secret (
	host TEXT NOT NULL, -- the host
	uuid TEXT NOT NULL, -- UUID
	usage_kind TEXT, -- volume, ceph, iscsi, tls, vtpm, none
	usage TEXT, -- usage id
	ephemeral INTEGER, -- 1 when kept in memory only
	private INTEGER, -- 1 when its value cannot be read back
	source TEXT, -- XML path
	PRIMARY KEY (host, uuid)
);

-- PCR values (sysfs; quotes later).
CREATE TABLE pcr (
	host TEXT NOT NULL, -- the host
	bank TEXT NOT NULL, -- sha1, sha256, sha384 ...
	pcr INTEGER NOT NULL, -- 0 to 23
	value TEXT, -- hexadecimal
	state TEXT, -- explained (the logs give this value), unexplained (they give another, or do not speak of it though they must), unused (as after a start), unlogged (extended by software that keeps no log that we know)
	source TEXT, -- /sys/class/tpm/...
	PRIMARY KEY (host, bank, pcr)
);

-- What this boot was judged to be, by this host itself: its TPM's values against its logs and its approved baseline.
-- A host that was taken over can lie here: `ringfence attest verify` on another machine does not believe it. One row, where there is a TPM or a baseline.
CREATE TABLE attest_verdict (
	host TEXT NOT NULL, -- the host
	state TEXT, -- trusted, warning, untrusted, cannot judge
	baseline TEXT, -- none, unapproved, approved; NULL: there is one that cannot be read
	pcrs_in_use INTEGER, -- registers that hold a measurement
	pcrs_unexplained INTEGER, -- of those, but for PCR 10 (ima_summary.explains), whose value no log gives in some bank; all that a broken log leaves; NULL without a boot log
	unexplained TEXT, -- which: 4, 7; '' for none; NULL as before
	changes INTEGER, -- reasons for which this boot is not an approved one and that no rule allows; NULL without an approved baseline
	reasons INTEGER, -- rows of attest_reason
	worst TEXT, -- the worst of them in words; '' for none
	ima_entries INTEGER, -- measured files that the TPM confirms
	ima_violations INTEGER, -- of those, written while they were measured
	source TEXT, -- the baseline, or where the values came from
	PRIMARY KEY (host)
);

-- Why the verdict is as it is, worst first.
CREATE TABLE attest_reason (
	host TEXT NOT NULL, -- the host
	number INTEGER NOT NULL, -- from 1, the worst
	id TEXT, -- class: kernel-changed, pcr-not-explained-by-log ... (docs: ringfence attest explain)
	severity TEXT, -- info, low, medium, high, critical
	effect TEXT, -- note, warning, untrusted, cannot judge
	pcr INTEGER, -- the register it is about; NULL for none
	component TEXT, -- part of the machine: kernel, initrd, firmware ...; '' for none
	subject TEXT, -- path, variable, key; ''
	words TEXT, -- the reason as a sentence
	next TEXT, -- the next step
	allowed_by TEXT, -- rule of the baseline that allows it; '' for none
	source TEXT, -- the log and event, or the baseline
	PRIMARY KEY (host, number)
);

-- The TPM, and what it and the logs say of how this host was booted.
CREATE TABLE tpm (
	host TEXT NOT NULL, -- the host
	version INTEGER, -- 2, 1 (for 1.2) or 0 for none
	manufacturer TEXT, -- letters that the TPM gives: IFX, STM, INTC, AMD, NTC, IBM ...; '' when there is none
	vendor TEXT, -- its model, as it says
	firmware TEXT, -- version of its firmware
	software INTEGER, -- 1 for an emulator or simulator, also where a hypervisor gives it to a VM
	resource_manager INTEGER, -- 1 when /dev/tpmrm0 is there, so that programs can share it
	locked_out INTEGER, -- 1 after too many wrong passwords
	owner_auth INTEGER, -- 1 when the owner has a password
	lockout_auth INTEGER, -- 1 when the lockout hierarchy has one
	ek_certificate INTEGER, -- 1 when the maker left a certificate for its endorsement key
	banks TEXT, -- banks that are switched on: sha1,sha256
	empty_banks TEXT, -- those of them in which PCR 0 to 7 were never extended; anyone may fill them as he likes
	measured_boot TEXT, -- how the boot was measured: none, firmware (nothing after it), static (firmware and boot loader, PCR 8, 9, 11 or 12), dynamic (TXT or another late launch, PCR 17 to 19)
	log_events INTEGER, -- events in the firmware's log; 0 when there is none (whether it explains the registers: attest_verdict, pcr)
	source TEXT, -- /sys/class/tpm, /dev/tpmrm0
	PRIMARY KEY (host)
);

-- What was measured at this boot: the firmware's log, that of a dynamic launch, systemd's.
CREATE TABLE boot_event (
	host TEXT NOT NULL, -- the host
	log TEXT NOT NULL, -- firmware, txt, userspace
	event INTEGER NOT NULL, -- its number in that log, from 0
	pcr INTEGER, -- 0 to 23
	type TEXT, -- EV_EFI_BOOT_SERVICES_APPLICATION ...; '' in the userspace log
	part TEXT, -- what part of the machine it is about: firmware, boot application, kernel command line ...
	proof TEXT, -- whether its digest proves the words: proved, hint (the words are no part of it) ...
	name TEXT, -- variable, path, command
	text TEXT, -- in words; believe them only where they are proved
	digest TEXT, -- in the strongest bank: sha256:HEX
	source TEXT, -- the log
	PRIMARY KEY (host, log, event)
);

-- IMA: what the kernel measured since it started.
CREATE TABLE ima_summary (
	host TEXT NOT NULL, -- the host
	entries INTEGER, -- in the list; 0 when IMA measures nothing
	violations INTEGER, -- of them those whose content is not known, because the file was open for writing
	first_violation TEXT, -- the file of the first; '' for none
	signed_entries INTEGER, -- that came with a signature
	explains INTEGER, -- 1 when the list gives the value of PCR 10 in every bank; 0 when not
	weak_banks INTEGER, -- 1 when a bank got SHA-1 digests filled up with zeros (kernels before 5.8)
	boot_aggregate INTEGER, -- 1 when its first entry fits the PCRs of the boot
	source TEXT, -- the list
	PRIMARY KEY (host)
);

-- Data, not collected: the value that a missing .vmx key has, by product and hardware version (data/vmx-defaults.yaml).
CREATE TABLE vmx_default (
	key TEXT NOT NULL, -- lower case; N stands for a device number
	product TEXT NOT NULL, -- esx, hosted
	hw_first INTEGER NOT NULL, -- first virtualHW.version with this default
	hw_last INTEGER NOT NULL, -- last one
	value TEXT, -- the default
	source TEXT, -- where it is known from
	PRIMARY KEY (key, product, hw_first)
);

-- Questions such as "which other VM has this image" would otherwise read every row for each row.
CREATE INDEX fact_gap_by_column ON fact_gap (host, tbl, col);
CREATE INDEX vm_by_uuid ON vm (host, uuid);
CREATE INDEX vm_by_nvram ON vm (host, nvram);
CREATE INDEX vm_disk_by_path ON vm_disk (host, path);
CREATE INDEX vm_nic_by_mac ON vm_nic (host, mac);
CREATE INDEX volume_by_path ON volume (host, path);
CREATE INDEX vm_difference_by_kind ON vm_difference (host, vm, kind);

-- VMs that libvirt, QEMU or KVM runs: what runs and what starts next time. Approved definitions are left out, and so is
-- a persistent definition that is the same (digest) as the running one: nothing is found twice.
-- key: vm, layer
CREATE VIEW kvm_vm AS SELECT v.* FROM vm v WHERE v.format = 'libvirt' AND v.layer <> 'approved' AND NOT (v.layer = 'persistent' AND EXISTS (SELECT 1 FROM vm l WHERE l.host = v.host AND l.vm = v.vm AND l.layer = 'live' AND l.digest = v.digest));

-- Network cards of the VMs of kvm_vm. same_mac_vm is another VM with the same address ('' for none).
-- key: vm, layer, nic
CREATE VIEW kvm_nic AS SELECT n.*, v.class, v.zone, (SELECT COALESCE(MIN(o.vm || ''), '') FROM vm_nic o WHERE o.host = n.host AND o.mac = n.mac AND o.vm <> n.vm AND o.layer <> 'approved') AS same_mac_vm FROM vm_nic n JOIN kvm_vm v ON v.host = n.host AND v.vm = n.vm AND v.layer = n.layer;

-- The rows of kvm_nic where the networks of the host are known too: network_known is 1 when the network or bridge they name is there.
-- key: vm, layer, nic
CREATE VIEW kvm_nic_network AS SELECT n.*, CASE WHEN n.kind = 'network' AND EXISTS (SELECT 1 FROM network w WHERE w.host = n.host AND w.network = n.network) THEN 1 WHEN n.kind = 'bridge' AND EXISTS (SELECT 1 FROM bridge b WHERE b.host = n.host AND b.name = n.network) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = n.host AND g.col = '' AND g.tbl IN ('network', 'bridge')) THEN NULL ELSE 0 END AS network_known FROM kvm_nic n;

-- Disks of the VMs of kvm_vm. other_vm is another VM that may write the same image ('' for none).
-- key: vm, layer, disk
CREATE VIEW kvm_disk AS SELECT d.*, v.class, v.zone, CASE WHEN d.path = '' THEN '' ELSE (SELECT COALESCE(MIN(o.vm || ''), '') FROM vm_disk o WHERE o.host = d.host AND o.path = d.path AND o.vm <> d.vm AND o.layer <> 'approved' AND o.readonly = 0) END AS other_vm FROM vm_disk d JOIN kvm_vm v ON v.host = d.host AND v.vm = d.vm AND v.layer = d.layer;

-- The rows of kvm_disk on a host that can look at the images.
-- key: vm, layer, disk
CREATE VIEW kvm_image AS SELECT d.* FROM kvm_disk d JOIN host h ON h.host = d.host;

-- The rows of kvm_disk with their storage pool: pool_encrypted is 1 when the pool lies on dm-crypt, 0 when not or when no pool holds the image.
-- key: vm, layer, disk
CREATE VIEW kvm_disk_pool AS SELECT d.*, (SELECT CASE WHEN COUNT(*) = 0 THEN 0 ELSE MAX(p.encrypted) END FROM storage_pool p WHERE p.host = d.host AND (p.pool = d.pool OR (p.path <> '' AND substr(d.path, 1, length(p.path) + 1) = p.path || '/'))) AS pool_encrypted FROM kvm_disk d;

-- Other devices of the VMs of kvm_vm.
-- key: vm, layer, device
CREATE VIEW kvm_device AS SELECT d.* FROM vm_device d JOIN kvm_vm v ON v.host = d.host AND v.vm = d.vm AND v.layer = d.layer;

-- Directories of the host that VMs of kvm_vm see (9p, virtiofs).
-- key: vm, layer, device
CREATE VIEW kvm_filesystem AS SELECT d.* FROM kvm_device d WHERE d.kind = 'filesystem';

-- Serial ports and text consoles of the VMs of kvm_vm; a console that libvirt shows for the first serial port is left out.
-- key: vm, layer, device
CREATE VIEW kvm_serial AS SELECT d.* FROM kvm_device d WHERE d.kind = 'serial' OR (d.kind = 'console' AND NOT (d.model IN ('serial', '') AND EXISTS (SELECT 1 FROM vm_device s WHERE s.host = d.host AND s.vm = d.vm AND s.layer = d.layer AND s.kind = 'serial')));

-- Devices of the host that VMs of kvm_vm hold.
-- key: vm, layer, device
CREATE VIEW kvm_hostdev AS SELECT d.* FROM kvm_device d WHERE d.kind = 'hostdev';

-- Graphics cards of the VMs of kvm_vm.
-- key: vm, layer, device
CREATE VIEW kvm_video AS SELECT d.* FROM kvm_device d WHERE d.kind = 'video';

-- Graphical consoles of the VMs of kvm_vm.
-- key: vm, layer, console
CREATE VIEW kvm_console AS SELECT c.*, v.class FROM vm_console c JOIN kvm_vm v ON v.host = c.host AND v.vm = c.vm AND v.layer = c.layer;

-- The rows of kvm_console with qemu.conf's settings for that kind: listen_now is listen_kind with qemu.conf's address put in where the
-- definition leaves it open; tls, sasl and host_password are its options of that name.
-- key: vm, layer, console
CREATE VIEW kvm_console_host AS SELECT c.*, CASE WHEN c.listen_kind <> 'default' THEN c.listen_kind WHEN (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_listen') IN ('127.0.0.1', '::1', 'localhost', '') THEN 'loopback' WHEN (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_listen') IN ('0.0.0.0', '::', '*') THEN 'everywhere' WHEN (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_listen') IS NOT NULL THEN 'address' ELSE 'default' END AS listen_now, (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_tls') AS tls, (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_sasl') AS sasl, (SELECT o.value FROM qemu_option o WHERE o.host = c.host AND o.key = c.kind || '_password') AS host_password FROM kvm_console c;

-- Channels of the VMs of kvm_vm.
-- key: vm, layer, channel
CREATE VIEW kvm_channel AS SELECT c.*, v.class FROM vm_channel c JOIN kvm_vm v ON v.host = c.host AND v.vm = c.vm AND v.layer = c.layer;

-- Files of VMs that libvirt, QEMU or KVM runs.
-- key: vm, path
CREATE VIEW kvm_file AS SELECT f.* FROM vm_file f WHERE EXISTS (SELECT 1 FROM vm v WHERE v.host = f.host AND v.vm = f.vm AND v.format = 'libvirt');

-- Tables of which rows are missing for a VM of kvm_vm.
-- key: vm, layer, tbl
CREATE VIEW kvm_gap AS SELECT DISTINCT v.host, v.vm, v.layer, g.tbl FROM kvm_vm v JOIN fact_gap g ON g.host = v.host AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/');

-- The VMs of kvm_vm with what they have in all (NULL where rows are missing).
-- key: vm, layer
CREATE VIEW kvm_total AS SELECT v.*, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_disk' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_disk d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.device = 'floppy') AS floppies_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'parallel') AS parallel_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'redirdev') AS redirdev_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'hostdev' AND d.backend = 'usb') AS usb_hostdev_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'smartcard') AS smartcard_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'hub') AS usb_hub_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'usb_controller' AND d.model <> 'none') AS usb_controller_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND (d.kind IN ('redirdev', 'hub', 'smartcard', 'usb_device') OR (d.kind IN ('hostdev', 'input') AND d.backend = 'usb') OR (d.kind = 'input' AND d.model = 'tablet' AND d.backend = ''))) AS usb_user_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'sound') AS sound_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'audio' AND d.backend NOT IN ('none', 'spice', 'dbus', '')) AS host_audio_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'input' AND d.backend IN ('passthrough', 'evdev')) AS host_input_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'pci_root_port' AND d.hotplug <> 0) AS hotplug_port_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'pci_root_port') AS root_port_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.log_path <> '' AND substr(d.log_path, 1, 17) <> '/var/log/libvirt/') AS stray_log_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_device' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_device d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'filesystem' AND d.backend = 'virtiofs') AS virtiofs_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_nic' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_nic d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.kind = 'vhostuser') AS vhostuser_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_channel' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_channel d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.name = 'org.qemu.guest_agent.0') AS guest_agent_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_channel' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(*) END FROM vm_channel d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.name = 'org.github.vhostmd.1') AS downward_metrics_count, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_nic' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(DISTINCT d.network) END FROM vm_nic d WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND d.network <> '') AS networks_count, (SELECT COUNT(*) FROM vm u WHERE u.host = v.host AND u.uuid = v.uuid AND u.vm <> v.vm AND u.layer <> 'approved') AS same_uuid_count, CASE WHEN v.nvram = '' THEN 0 ELSE (SELECT COUNT(*) FROM vm u WHERE u.host = v.host AND u.nvram = v.nvram AND u.vm <> v.vm AND u.layer <> 'approved') END AS same_nvram_count, (SELECT u.autostart FROM vm u WHERE u.host = v.host AND u.vm = v.vm AND u.layer = 'approved') AS approved_autostart FROM kvm_vm v;

-- The VMs of kvm_vm with the number of zones that their networks belong to.
-- key: vm, layer
CREATE VIEW kvm_zone AS SELECT v.*, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = v.host AND g.tbl = 'vm_nic' AND g.col = '' AND (g.key IN ('', v.vm, v.vm || '/' || v.layer) OR substr(g.key, 1, length(v.vm || v.layer) + 2) = v.vm || '/' || v.layer || '/')) THEN NULL ELSE COUNT(DISTINCT w.zone) END FROM vm_nic d JOIN network w ON w.host = d.host AND w.network = d.network WHERE v.host = d.host AND v.vm = d.vm AND v.layer = d.layer AND w.zone <> '') AS zones_count FROM kvm_vm v;

-- The VMs of kvm_vm with what of their host matters to them.
-- key: vm, layer
CREATE VIEW kvm_on_host AS SELECT v.*, h.cores AS host_cores, h.smt_active AS host_smt_active, h.clock_ms AS host_clock_ms, (SELECT c.state FROM cpu_vuln c WHERE c.host = v.host AND c.name = 'mds') AS host_mds, (SELECT MAX(m.value) FROM module_param m WHERE m.host = v.host AND m.key IN ('kvm_intel/nested', 'kvm_amd/nested')) AS host_nested, (SELECT q.value FROM qemu_option q WHERE q.host = v.host AND q.key = 'sched_core') AS host_sched_core FROM kvm_vm v LEFT JOIN host h ON h.host = v.host;

-- Limits of QEMU processes beside what the running definition asks for.
-- key: pid
CREATE VIEW kvm_cgroup AS SELECT c.*, v.class, v.cpu_quota, v.mem_hard_limit_bytes FROM vm_cgroup c LEFT JOIN vm v ON v.host = c.host AND v.vm = c.vm AND v.layer = 'live';

-- libvirt where a daemon is installed, with what decides whether its options matter: tls_socket is 1 when it can be reached by TLS,
-- remote_vnc and remote_spice are 1 when a running VM's console can be reached from other machines, tcp_chardev_count counts serial ports and channels of VMs on TCP.
-- key: uri
CREATE VIEW libvirt_daemon AS SELECT l.*, h.smt_active, h.core_sched, CASE WHEN EXISTS (SELECT 1 FROM service s WHERE s.host = l.host AND s.unit IN ('libvirtd-tls.socket', 'virtproxyd-tls.socket') AND (s.enabled = 1 OR s.running = 1)) OR EXISTS (SELECT 1 FROM listener t WHERE t.host = l.host AND t.proto = 'tcp' AND t.port = 16514) THEN 1 ELSE 0 END AS tls_socket, CASE WHEN EXISTS (SELECT 1 FROM kvm_console_host c WHERE c.host = l.host AND c.kind = 'vnc' AND c.listen_now IN ('everywhere', 'address', 'network')) THEN 1 ELSE 0 END AS remote_vnc, CASE WHEN EXISTS (SELECT 1 FROM kvm_console_host c WHERE c.host = l.host AND c.kind = 'spice' AND c.listen_now IN ('everywhere', 'address', 'network')) THEN 1 ELSE 0 END AS remote_spice, (SELECT o.value FROM libvirt_option o WHERE o.host = l.host AND o.key = 'libvirtd/auth_tls') AS auth_tls, (SELECT o.value FROM qemu_option o WHERE o.host = l.host AND o.key = 'vnc_tls') AS vnc_tls, (SELECT COUNT(*) FROM crl c WHERE c.host = l.host AND c.role = 'libvirt') AS crl_count, (SELECT MIN(c.days_left) FROM crl c WHERE c.host = l.host AND c.role = 'libvirt') AS crl_days_left, (SELECT COUNT(*) FROM kvm_device d WHERE d.host = l.host AND d.kind IN ('serial', 'console', 'parallel') AND d.backend = 'tcp') + (SELECT COUNT(*) FROM kvm_channel d WHERE d.host = l.host AND d.kind = 'tcp') AS tcp_chardev_count FROM libvirt l LEFT JOIN host h ON h.host = l.host WHERE COALESCE(l.daemon, '') <> 'none';

-- Bridge ports of VMs, with their bridge, and with what the running definition asks for ('' and 0 when no known VM owns the port).
-- key: name
CREATE VIEW guest_port AS SELECT p.*, b.vlan_filtering, b.stp, b.uplinks_count, COALESCE(n.vm, '') AS vm, COALESCE(n.nic, '') AS nic, COALESCE(n.isolated, 0) AS declared_isolated, CASE n.kind WHEN 'bridge' THEN n.network WHEN 'network' THEN COALESCE(w.bridge, '') ELSE '' END AS declared_bridge FROM bridge_port p LEFT JOIN bridge b ON b.host = p.host AND b.name = p.bridge LEFT JOIN vm_nic n ON n.host = p.host AND n.target = p.name AND n.layer = 'live' LEFT JOIN network w ON w.host = n.host AND w.network = n.network AND w.layer = 'live' WHERE p.role = 'guest';

-- Traffic control programs on bridge ports of VMs.
-- key: link, direction, item
CREATE VIEW guest_tc_program AS SELECT t.* FROM tc_program t JOIN bridge_port p ON p.host = t.host AND p.name = t.link WHERE p.role = 'guest';

-- libvirt networks: the persistent definition, or the live one where there is no other.
-- key: network, layer
CREATE VIEW libvirt_network AS SELECT n.* FROM network n WHERE n.layer = 'persistent' OR NOT EXISTS (SELECT 1 FROM network p WHERE p.host = n.host AND p.network = n.network AND p.layer = 'persistent');

-- Running libvirt networks beside their bridge and their persistent definition (next_ columns; NULL when there is none).
-- key: network
CREATE VIEW live_network AS SELECT n.*, b.uplinks_count, p.forward_mode AS next_forward_mode, p.bridge AS next_bridge, p.isolated_ports AS next_isolated_ports, p.vlan_trunk AS next_vlan_trunk, p.dhcp AS next_dhcp FROM network n LEFT JOIN bridge b ON b.host = n.host AND b.name = n.bridge LEFT JOIN network p ON p.host = n.host AND p.network = n.network AND p.layer = 'persistent' WHERE n.layer = 'live';

-- VMs read from .vmx files.
-- key: vm, layer
CREATE VIEW vmx_vm AS SELECT * FROM vm WHERE format = 'vmx';

-- Network cards of VMs read from .vmx files, with the product and hardware version that decide defaults.
-- key: vm, layer, nic
CREATE VIEW vmx_nic AS SELECT n.*, v.product, v.hw_version FROM vm_nic n JOIN vm v ON v.host = n.host AND v.vm = n.vm AND v.layer = n.layer WHERE v.format = 'vmx';

-- Disks of VMs read from .vmx files.
-- key: vm, layer, disk
CREATE VIEW vmx_disk AS SELECT d.*, v.product, v.hw_version FROM vm_disk d JOIN vm v ON v.host = d.host AND v.vm = d.vm AND v.layer = d.layer WHERE v.format = 'vmx';

-- Other devices of VMs read from .vmx files.
-- key: vm, layer, device
CREATE VIEW vmx_device AS SELECT d.*, v.product, v.hw_version FROM vm_device d JOIN vm v ON v.host = d.host AND v.vm = d.vm AND v.layer = d.layer WHERE v.format = 'vmx';

-- Hosts that run VMs: the controls of a virtualization host are about these rows.
-- key:
CREATE VIEW virt_host AS SELECT * FROM host WHERE is_virt_host = 1;

-- Firmware and kernel protection, with the machine they belong to.
-- key:
CREATE VIEW boot_host AS SELECT b.*, h.arch, h.init, h.is_guest, h.cpu_vendor FROM boot b JOIN host h ON h.host = b.host;

-- The TPM with what matters of its host.
-- key:
CREATE VIEW tpm_host AS SELECT t.*, h.init, h.is_guest FROM tpm t JOIN host h ON h.host = t.host;

-- Hosts with what confines programs: mac_active and apparmor_active are 1 or 0; vm_profiles counts the AppArmor profiles that
-- libvirt needs to make one for each VM. NULL where the tables could not be read.
-- key:
CREATE VIEW mac_host AS SELECT h.*, CASE WHEN EXISTS (SELECT 1 FROM lsm l WHERE l.host = h.host AND l.enabled = 1) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'lsm' AND g.key = '' AND g.col = '') THEN NULL ELSE 0 END AS mac_active, CASE WHEN EXISTS (SELECT 1 FROM lsm l WHERE l.host = h.host AND l.name = 'apparmor' AND l.enabled = 1) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'lsm' AND g.key = '' AND g.col = '') THEN NULL ELSE 0 END AS apparmor_active, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'lsm_profile' AND g.key = '' AND g.col = '') THEN NULL ELSE COUNT(*) END FROM lsm_profile t WHERE t.host = h.host AND substr(t.name, length(t.name) - 13) = 'virt-aa-helper') AS vm_profiles FROM host h;

-- Hosts with what decides whether rules for people who log in matter: which PAM modules take part ('1' or '0').
-- key:
CREATE VIEW auth_host AS SELECT h.*, (SELECT o.value FROM auth_policy o WHERE o.host = h.host AND o.key = 'pam/faillock') AS pam_faillock, (SELECT o.value FROM auth_policy o WHERE o.host = h.host AND o.key = 'pam/pwquality') AS pam_pwquality, (SELECT o.value FROM auth_policy o WHERE o.host = h.host AND o.key = 'pam/pwhistory') AS pam_pwhistory FROM host h;

-- Hosts with the presence of sudo ('1' or '0').
-- key:
CREATE VIEW sudo_host AS SELECT h.*, (SELECT o.value FROM sudo_option o WHERE o.host = h.host AND o.key = 'present') AS sudo_present FROM host h;

-- Hosts with the presence of an SSH server ('1' or '0').
-- key:
CREATE VIEW ssh_host AS SELECT h.*, (SELECT o.value FROM ssh_option o WHERE o.host = h.host AND o.key = 'present') AS sshd_present FROM host h;

-- Hosts with where their log lines go.
-- key:
CREATE VIEW log_host AS SELECT h.*, (SELECT o.value FROM log_option o WHERE o.host = h.host AND o.key = 'journald/persistent') AS journal_persistent, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'log_target' AND g.key = '' AND g.col = '') THEN NULL ELSE COUNT(*) END FROM log_target t WHERE t.host = h.host AND t.kind = 'file') AS file_targets, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'log_target' AND g.key = '' AND g.col = '') THEN NULL ELSE COUNT(*) END FROM log_target t WHERE t.host = h.host AND t.kind = 'remote') AS remote_targets FROM host h;

-- Hosts with the state of the kernel's audit: audit_enabled is the kernel's number, auditd_present '1' or '0', rules_count counts the rules in the kernel.
-- key:
CREATE VIEW audit_host AS SELECT h.*, (SELECT o.value FROM audit_option o WHERE o.host = h.host AND o.key = 'kernel/enabled') AS audit_enabled, (SELECT o.value FROM audit_option o WHERE o.host = h.host AND o.key = 'auditd/present') AS auditd_present, (SELECT o.value FROM audit_option o WHERE o.host = h.host AND o.key = 'kernel/rules_count') AS rules_count, CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'kernel_param' AND g.key = '' AND g.col = '') THEN NULL ELSE COALESCE((SELECT o.value FROM kernel_param o WHERE o.host = h.host AND o.key = 'audit'), '') END AS cmdline_audit FROM host h;

-- Hosts with the daemon that keeps their time ('none' for none), and how many servers it may ask: a pool counts for three.
-- key:
CREATE VIEW time_host AS SELECT h.*, (SELECT o.value FROM time_option o WHERE o.host = h.host AND o.key = 'daemon') AS time_daemon, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'time_source' AND g.key = '' AND g.col = '') THEN NULL ELSE COALESCE(SUM(CASE WHEN t.kind = 'pool' THEN 3 ELSE 1 END), 0) END FROM time_source t WHERE t.host = h.host) AS servers_count FROM host h;

-- Hosts with their packet filter: firewall_present '1' or '0', input_drop_v4 and input_drop_v6 are 1
-- when what no rule accepts is refused, ipv6_addresses counts global addresses, at_boot is 1 when a service loads the rules at boot.
-- key:
CREATE VIEW firewall_host AS SELECT h.*, (SELECT o.value FROM firewall_option o WHERE o.host = h.host AND o.key = 'present') AS firewall_present, CASE WHEN EXISTS (SELECT 1 FROM firewall_chain c WHERE c.host = h.host AND c.hook = 'input' AND c.family IN ('inet', 'ip') AND c.policy = 'drop') OR EXISTS (SELECT 1 FROM firewall_rule r JOIN firewall_chain c ON c.host = r.host AND c.family = r.family AND c.tbl = r.tbl AND c.chain = r.chain WHERE r.host = h.host AND c.hook = 'input' AND c.family IN ('inet', 'ip') AND r.verdict IN ('drop', 'reject') AND r.proto = '' AND r.dport_first = 0 AND r.dport_last = 65535 AND r.peer_limited = 0 AND r.other_match = 0) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'firewall_chain' AND g.key = '' AND g.col = '') OR EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'firewall_rule' AND g.key = '' AND g.col = '') THEN NULL ELSE 0 END AS input_drop_v4, CASE WHEN EXISTS (SELECT 1 FROM firewall_chain c WHERE c.host = h.host AND c.hook = 'input' AND c.family IN ('inet', 'ip6') AND c.policy = 'drop') OR EXISTS (SELECT 1 FROM firewall_rule r JOIN firewall_chain c ON c.host = r.host AND c.family = r.family AND c.tbl = r.tbl AND c.chain = r.chain WHERE r.host = h.host AND c.hook = 'input' AND c.family IN ('inet', 'ip6') AND r.verdict IN ('drop', 'reject') AND r.proto = '' AND r.dport_first = 0 AND r.dport_last = 65535 AND r.peer_limited = 0 AND r.other_match = 0) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'firewall_chain' AND g.key = '' AND g.col = '') OR EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'firewall_rule' AND g.key = '' AND g.col = '') THEN NULL ELSE 0 END AS input_drop_v6, (SELECT CASE WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'address' AND g.key = '' AND g.col = '') THEN NULL ELSE COUNT(*) END FROM address t WHERE t.host = h.host AND t.family = 6 AND t.scope = 'global') AS ipv6_addresses, CASE WHEN EXISTS (SELECT 1 FROM firewall_option o WHERE o.host = h.host AND o.key IN ('nftables/enabled', 'firewalld/enabled', 'ufw/enabled') AND o.value = '1') OR EXISTS (SELECT 1 FROM service s WHERE s.host = h.host AND s.unit IN ('netfilter-persistent.service', 'iptables.service', 'pve-firewall.service') AND s.enabled = 1) THEN 1 WHEN EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'firewall_option' AND g.key = '' AND g.col = '') OR EXISTS (SELECT 1 FROM fact_gap g WHERE g.host = h.host AND g.tbl = 'service' AND g.key = '' AND g.col = '') THEN NULL ELSE 0 END AS at_boot FROM host h;

-- Keys that open accounts over SSH; others_write is 1 when more than the owner may change the file.
-- key: file, line
CREATE VIEW ssh_user_key AS SELECT k.*, CASE WHEN (k.mode / 16) % 2 = 1 OR (k.mode / 2) % 2 = 1 THEN 1 WHEN k.mode IS NOT NULL THEN 0 END AS others_write FROM ssh_key k WHERE k.kind = 'authorized';
