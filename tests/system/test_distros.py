# SPDX-License-Identifier: Apache-2.0
"""Goal: hosts of the families that people run, each a directory with the few files that matter (tests/fixtures/hosts):
the system is named rightly, planted good and bad settings are told apart where that distribution keeps them, and what
cannot be read is UNKNOWN with words, never PASS."""
import functools

import pytest

from conftest import ROOT, ringfence

HOSTS = ROOT / "tests/fixtures/hosts"

SYSTEMS = {
    "debian-12": ("deb-1", "Debian GNU/Linux 12 (bookworm)", "6.1.0-40-amd64"),
    "ubuntu-24.04": ("ubu-1", "Ubuntu 24.04.1 LTS", "6.8.0-51-generic"),
    "rhel-9": ("rhel-1", "Red Hat Enterprise Linux 9.5 (Plow)", "5.14.0-503.el9.x86_64"),
    "opensuse-leap-15.6": ("suse-1", "openSUSE Leap 15.6", "6.4.0-150600.23.25-default"),
    "proxmox-8": ("pve-1", "Debian GNU/Linux 12 (bookworm)", "6.8.12-4-pve"),
}

SSHD = "/etc/ssh/sshd_config"

# host, control, resource (None: the only one), state, where it was seen
CASES = [
    # Careless in everything.
    ("debian-12", "host.ssh.root-login", None, "fail", f"{SSHD}:2"),
    ("debian-12", "host.ssh.password", None, "fail", f"{SSHD}:3"),
    ("debian-12", "host.ssh.x11", None, "fail", f"{SSHD}:4"),
    ("debian-12", "host.ssh.empty-passwords", None, "pass", f"{SSHD}:5"),
    ("debian-12", "host.account.uid0", "toor", "fail", "/etc/passwd:4"),
    ("debian-12", "host.account.uid0", "root", "pass", "/etc/passwd:1"),
    ("debian-12", "host.account.shadow-mode", "/etc/shadow", "fail", "/etc/shadow"),
    ("debian-12", "host.sudo.nopasswd", "/etc/sudoers/4/0", "fail", "/etc/sudoers:4"),
    ("debian-12", "host.kernel.aslr", None, "fail", "/proc/sys/kernel/randomize_va_space"),
    ("debian-12", "host.boot.cmdline", "mitigations", "fail", "/proc/cmdline"),
    ("debian-12", "host.memory.ksm", None, "fail", "/sys/kernel/mm/ksm"),
    ("debian-12", "libvirt.tcp.listen-off", "qemu:///system", "fail", "/etc/libvirt/libvirtd.conf:1"),
    ("debian-12", "qemu.security-driver", None, "fail", "/etc/libvirt/qemu.conf:1"),
    ("debian-12", "qemu.user", None, "fail", "/etc/libvirt/qemu.conf:2"),
    ("debian-12", "qemu.vnc.listen", None, "fail", "/etc/libvirt/qemu.conf:3"),
    ("debian-12", "host.package.source-verified", None, "fail", "/etc/apt/sources.list:1"),
    ("debian-12", "host.package.insecure-services", "telnetd", "fail", "/var/lib/dpkg/status"),
    ("debian-12", "host.package.release-supported", None, "pass", None),
    ("debian-12", "host.package.security-updates", None, "unknown", None),
    ("debian-12", "host.package.hypervisor-files", None, "unknown", None),
    # Well kept: a file of its own overrules sshd_config.
    ("ubuntu-24.04", "host.ssh.root-login", None, "pass", f"{SSHD}.d/10-site.conf:1"),
    ("ubuntu-24.04", "host.ssh.password", None, "pass", f"{SSHD}.d/10-site.conf:2"),
    ("ubuntu-24.04", "host.ssh.x11", None, "pass", f"{SSHD}:5"),
    ("ubuntu-24.04", "host.account.uid0", None, "pass", "/etc/passwd:1"),
    ("ubuntu-24.04", "host.account.hash-method", None, "pass", "/etc/pam.d/common-password:1"),
    ("ubuntu-24.04", "host.account.shadow-mode", "/etc/shadow", "pass", "/etc/shadow"),
    ("ubuntu-24.04", "host.sudo.use-pty", None, "pass", "/etc/sudoers:1"),
    ("ubuntu-24.04", "host.kernel.aslr", None, "pass", "/proc/sys/kernel/randomize_va_space"),
    ("ubuntu-24.04", "host.kernel.mac-active", None, "pass", None),
    ("ubuntu-24.04", "host.kernel.libvirt-profiles-enforced", "libvirtd", "pass", "/sys/kernel/security/apparmor/profiles"),
    ("ubuntu-24.04", "host.memory.init-on-alloc", None, "pass", None),
    ("ubuntu-24.04", "libvirt.socket.rw-auth", None, "pass", "/etc/libvirt/libvirtd.conf:2"),
    ("ubuntu-24.04", "qemu.vnc.listen", None, "pass", "default"),
    ("ubuntu-24.04", "qemu.security-driver", None, "pass", "/etc/libvirt/qemu.conf:2"),
    ("ubuntu-24.04", "host.package.source-verified", None, "pass", None),
    # Modular libvirt, SELinux, and an rpm database that cannot be read.
    ("rhel-9", "host.ssh.root-login", None, "fail", f"{SSHD}.d/01-permitrootlogin.conf:1"),
    ("rhel-9", "host.ssh.x11", None, "fail", f"{SSHD}.d/50-redhat.conf:2"),
    ("rhel-9", "host.account.shadow-mode", "/etc/shadow", "pass", "/etc/shadow"),
    ("rhel-9", "host.account.hash-method", None, "pass", "/etc/pam.d/system-auth:1"),
    ("rhel-9", "host.sudo.secure-path", None, "pass", "/etc/sudoers:2"),
    ("rhel-9", "host.kernel.mac-active", None, "pass", None),
    ("rhel-9", "host.kernel.mac-enforcing", "selinux", "pass", "/sys/fs/selinux/enforce"),
    ("rhel-9", "host.kernel.kptr-restrict", None, "pass", "/proc/sys/kernel/kptr_restrict"),
    ("rhel-9", "host.memory.ksm", None, "pass", "/sys/kernel/mm/ksm"),
    ("rhel-9", "host.package.source-verified", None, "fail", "/etc/yum.repos.d/site.repo:2"),
    ("rhel-9", "host.package.release-supported", None, "pass", None),
    ("rhel-9", "qemu.vnc.listen", None, "fail", "/etc/libvirt/qemu.conf:1"),
    ("rhel-9", "host.package.insecure-services", None, "unknown", None),
    ("rhel-9", "host.package.security-updates", None, "unknown", None),
    ("rhel-9", "host.package.hypervisor-files", None, "unknown", None),
    ("rhel-9", "host.package.setuid-programs", "/usr/bin/su", "unknown", "/usr/bin"),
    ("rhel-9", "host.package.world-writable-files", None, "pass", None),
    ("rhel-9", "host.ssh.ciphers", None, "unknown", None),
    # sudo asks everybody for root's password.
    ("opensuse-leap-15.6", "host.ssh.root-login", None, "pass", f"{SSHD}:1"),
    ("opensuse-leap-15.6", "host.ssh.password", None, "pass", f"{SSHD}:2"),
    ("opensuse-leap-15.6", "host.ssh.x11", None, "fail", f"{SSHD}:4"),
    ("opensuse-leap-15.6", "host.account.uid0", None, "pass", "/etc/passwd:1"),
    ("opensuse-leap-15.6", "host.sudo.nopasswd", "/etc/sudoers/3/0", "pass", "/etc/sudoers:3"),
    ("opensuse-leap-15.6", "host.sudo.env-reset", None, "pass", "/etc/sudoers:1"),
    ("opensuse-leap-15.6", "host.kernel.mac-active", None, "pass", None),
    ("opensuse-leap-15.6", "host.kernel.libvirt-profiles-enforced", "virtqemud", "fail", "/sys/kernel/security/apparmor/profiles"),
    ("opensuse-leap-15.6", "qemu.device-list", "qemu:///system", "fail", "/etc/libvirt/qemu.conf:2"),
    ("opensuse-leap-15.6", "libvirt.tcp.listen-off", "qemu:///system", "pass", "/etc/libvirt/libvirtd.conf:2"),
    ("opensuse-leap-15.6", "host.package.source-verified", None, "fail", "/etc/zypp/repos.d/site.repo:2"),
    ("opensuse-leap-15.6", "host.package.release-supported", None, "pass", None),
    ("opensuse-leap-15.6", "host.package.insecure-services", None, "unknown", None),
    # QEMU without libvirt, as root.
    ("proxmox-8", "host.ssh.root-login", None, "fail", f"{SSHD}:2"),
    ("proxmox-8", "host.memory.ksm", None, "fail", "/sys/kernel/mm/ksm"),
    ("proxmox-8", "host.kernel.module-taint", None, "pass", None),
    ("proxmox-8", "host.kernel.mac-active", None, "pass", None),
    ("proxmox-8", "host.package.insecure-services", None, "pass", None),
    ("proxmox-8", "host.package.hypervisor-files", "/usr/bin/qemu-system-x86_64", "fail", "/var/lib/dpkg/info/pve-qemu-kvm.md5sums"),
    ("proxmox-8", "vm.process.not-root", "4711", "fail", "/proc/4711"),
    ("proxmox-8", "vm.process.seccomp", "4711", "fail", "/proc/4711"),
    ("proxmox-8", "vm.process.no-capabilities", "4711", "fail", "/proc/4711"),
    ("proxmox-8", "vm.process.monitor-kind", "4711", "pass", "/proc/4711"),
    ("proxmox-8", "vm.process.binary-packaged", "4711", "pass", "/proc/4711"),
    ("proxmox-8", "vm.process.session", "4711", "pass", "/proc/4711"),
]


@functools.lru_cache(maxsize=None)
def check(host):
    r = ringfence("check", "-q", "-o", "json", "--profile", "kvm-base", "--profile", "kvm-high", "--from", HOSTS / host)
    assert r.code == 2, r.err
    return r


@pytest.mark.parametrize("host", SYSTEMS)
def test_the_system_is_named_and_nothing_breaks(host):
    r = check(host)
    doc = r.json()
    name, system, kernel = SYSTEMS[host]
    assert [(h["host"], h["os_name"], h["kernel_release"]) for h in doc["hosts"]] == [(name, system, kernel)]
    assert r.findings(state="error") == []
    assert [c for c in doc["collectors"] if c["state"] in ("crashed", "timeout")] == []
    assert r.err == ""


@pytest.mark.parametrize("host", SYSTEMS)
def test_what_is_unknown_says_why(host):
    r = check(host)
    assert all(len(g["reason"].split()) >= 3 for g in r.json()["gaps"])
    silent = {f["control"]: f["reason"] for f in r.findings(state="unknown") if len(f["reason"].split()) < 3}
    assert not silent
    # Nothing of the network was captured: no question about links and filters is answered.
    for control in ("host.firewall.input-v4", "host.net.promiscuous", "libvirt.migration-ports", "network.port.hairpin-off"):
        assert not r.findings(control, "pass"), control


@pytest.mark.parametrize("host, control, resource, state, source", CASES,
                         ids=lambda v: v if isinstance(v, str) else "-")
def test_a_setting_is_judged_where_that_system_keeps_it(host, control, resource, state, source):
    found = [f for f in check(host).findings(control) if resource in (None, f["resource"])]
    assert [f["state"] for f in found] == [state], [(f["resource"], f["state"], f["reason"]) for f in found]
    if source:
        assert found[0]["source"] == source


def test_a_host_of_which_nothing_is_known_passes_nothing(tmp_path):
    """An empty directory: each question is unknown or does not arise."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    r = ringfence("check", "-q", "-o", "json", "--profile", "kvm-base", "--profile", "kvm-high", "--from", tmp_path)
    assert r.findings(state="error") == []
    # The directory itself says that there is no such file or program.
    absent = {"host.account.hosts-equiv", "host.account.at-allow", "host.account.cron-allow", "host.account.su-wheel",
              "host.account.banner-os"}
    assert {f["control"] for f in r.findings(state="pass")} <= absent
