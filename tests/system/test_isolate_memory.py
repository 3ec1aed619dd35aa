# SPDX-License-Identifier: Apache-2.0
"""Goal: what a policy says of memory, on running VMs of a real libvirtd: page sharing is switched off without a restart and the kernel's own
smaps prove it, applied again without a change, undone to what was; groups that may share; sums that the host cannot give; and that nothing is
half done when a VM goes away or libvirtd does not answer.

The VMs run firmware alone: nothing of what is judged here depends on a guest."""
import json
import mmap
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import need, ringfence

URI = "qemu:///system"
MIB = 256
PREFIX = "ringfence-test-mem"


def virsh(*args, check=True):
    p = subprocess.run(["virsh", "-q", "-c", URI, *args], capture_output=True, text=True, timeout=300)
    assert not check or p.returncode == 0, f"virsh {' '.join(args)}: {p.stderr}"
    return p.stdout


def definition(name, backing=""):
    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>{MIB}</memory><vcpu>1</vcpu>{backing}
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='virtio'/></devices></domain>"""


class VM:
    def __init__(self, tmp_path, name, backing=""):
        self.name, self.file = name, tmp_path / f"{name}.xml"
        self.file.write_text(definition(name, backing))
        self.forget()
        virsh("define", str(self.file))
        virsh("start", name)

    def pid(self):
        return int(pathlib.Path(f"/run/libvirt/qemu/{self.name}.pid").read_text())

    def ram_flags(self):
        """The VmFlags of the mapping that is as large as the VM's memory."""
        flags, size = [], 0
        for line in open(f"/proc/{self.pid()}/smaps"):
            if line.startswith("Size:"):
                size = int(line.split()[1])
            if line.startswith("VmFlags:") and size == MIB * 1024:
                flags.append(line.split()[1:])
        assert len(flags) == 1, flags
        return flags[0]

    def shares(self):
        return "mg" in self.ram_flags()

    def definition(self):
        return virsh("dumpxml", "--inactive", self.name)

    def merge(self):
        """What QEMU itself says."""
        answer = virsh("qemu-monitor-command", self.name, '{"execute":"qom-get","arguments":{"path":"/objects/pc.ram","property":"merge"}}')
        return json.loads(answer)["return"]

    def forget(self):
        virsh("destroy", self.name, check=False)
        virsh("undefine", self.name, check=False)


class Host:
    def __init__(self, tmp_path):
        self.tmp, self.policy, self.vms = tmp_path, tmp_path / "policy.yaml", []

    def vm(self, suffix, backing=""):
        vm = VM(self.tmp, f"{PREFIX}-{suffix}", backing)
        self.vms.append(vm)
        return vm

    def write(self, text):
        self.policy.write_text("isolate: 1\n" + text)

    def isolate(self, verb, *args):
        file = [self.policy] if verb in ("plan", "apply", "verify") else []
        # What is proven is proven of processes: those are facts of the host.
        connect = ["--connect", URI, *(["--host"] if verb == "verify" else [])] if file else []
        state = ["--state-dir", self.tmp / "state"] if verb != "verify" else []
        for _ in range(20):
            r = ringfence("isolate", verb, *file, *args, *connect, *state, "-q")
            # A busy machine: libvirt did not answer in the collector's time, and that is said. Nothing was changed.
            if r.code != 1 or "try again when the host is less busy" not in r.err:
                break
        return r

    def plan(self):
        """Without the row that keeps the policy for the host's next start: every plan has it."""
        changes = json.loads(self.isolate("plan", "-o", "json").out)["changes"]
        return [c for c in changes if c["verb"] != "guard-policy"]


@pytest.fixture
def host(tmp_path, libvirtd):
    need("virsh", "qemu-system-x86_64")
    if not os.path.isdir("/sys/kernel/mm/ksm"):
        pytest.skip("this kernel cannot share pages (no KSM)")
    h = Host(tmp_path)
    yield h
    for vm in h.vms:
        vm.forget()


OFF = """profiles:
  alone:
    based-on: trusted
    memory: {{page-sharing: off}}
assignments:
  - {{vm: '{}-*', profile: alone}}
""".format(PREFIX)


def test_page_sharing_off_live_proven_by_smaps_and_undone(host):
    vm = host.vm("a")
    before = vm.definition()
    assert vm.shares() and vm.merge() is True
    host.write(OFF)
    changes = host.plan()
    assert [(c["verb"], c["target"]) for c in changes] == [
        ("vm-tune", f"{vm.name}/live/memory.page-sharing"), ("vm-tune", f"{vm.name}/persistent/memory.page-sharing")], changes
    assert vm.shares(), "a plan changes nothing"
    pid = vm.pid()

    r = host.isolate("apply")
    assert r.code == 0, r.err + r.out
    assert not vm.shares() and vm.merge() is False
    assert vm.pid() == pid, "the VM was not restarted"
    assert "<nosharepages/>" in vm.definition()

    r = host.isolate("apply")
    assert r.code == 0 and host.plan() == [], r.out

    r = host.isolate("rollback")
    assert r.code == 0, r.err
    assert vm.shares() and vm.merge() is True and vm.pid() == pid
    assert "nosharepages" not in vm.definition()
    assert vm.definition() == before


def proofs(r):
    return {(p["subject"], p["promise"]): p for p in json.loads(r.out)["promises"]}


def test_one_group_shares_and_verify_proves_who_does_not(host):
    member, other = host.vm("blue-1", "<memoryBacking><nosharepages/></memoryBacking>"), host.vm("gray-1")
    assert not member.shares() and other.shares()
    host.write(f"""profiles:
  blue: {{based-on: trusted, memory: {{page-sharing: label blue, balloon: forbidden}}}}
assignments:
  - {{vm: '{PREFIX}-blue-*', profile: blue}}
""")
    r = host.isolate("verify", "-o", "json")
    assert r.code == 2, r.err
    p = proofs(r)[(other.name, "no page is shared")]
    assert p["configured"] and not p["enforced"] and not p["proven"] and "RAM of 256 MiB has mg" in p["evidence"], p
    r = host.isolate("apply", "-a")
    assert r.code == 0, r.err
    assert member.shares() and not other.shares(), "who is in no group is out of it, named or not"
    assert "nosharepages" not in member.definition() and "memballoon model='none'" in member.definition()
    assert "its balloon is taken away at its next cold boot" in r.err
    r = host.isolate("verify", "-o", "json")
    assert r.code == 0, r.out
    p = proofs(r)[(other.name, "no page is shared")]
    assert p["proven"] and f"smaps of {other.pid()}" in p["evidence"] and "has no mg" in p["evidence"], p
    assert proofs(r)[("memory of this host", "one group alone shares pages")]["proven"]


def test_what_goes_wrong_changes_nothing(host, tmp_path):
    first, second = host.vm("x-1"), host.vm("x-2")
    host.write(OFF)
    saved = tmp_path / "plan.json"
    assert host.isolate("plan", "--save", saved).code == 2

    # Not root.
    os.chmod(tmp_path, 0o755)
    r = ringfence("isolate", "apply", host.policy, "--connect", URI, "--state-dir", tmp_path / "nobody", "-q", user=65534)
    assert r.code == 1 and r.err and first.shares() and second.shares(), r.err

    # More is promised than the host has: the error names the VMs and the sums.
    host.write(OFF.replace("page-sharing: off", "page-sharing: off, reservation-mib: 67000000"))
    r = host.isolate("apply", "--host")
    assert r.code == 1 and first.shares(), r.err
    assert f"{first.name} 67000000 MiB, {second.name} 67000000 MiB" in r.err, r.err
    host.write(OFF + "host: {memory: {over-commit-percent: 10, sharing-label: none-such}}\n")
    assert host.isolate("plan").code == 2

    # A VM that went away since the plan: the other one's half of it is not done either.
    virsh("destroy", second.name)
    r = ringfence("fix", "--plan", saved, "--apply", "--state-dir", tmp_path / "state", "-q")
    assert r.code == 1 and second.name in r.err, r.err + r.out
    assert first.shares() and "nosharepages" not in first.definition()
    host.write(OFF)
    assert host.isolate("apply").code == 0, "and the host takes the next plan"
    assert not first.shares() and "nosharepages" in second.definition()


def test_a_qemu_that_hangs_holds_nobody(host):
    """Stopped, it answers no monitor: that is said in time, and the other VM's half is not done either. When it goes on, so do we."""
    hangs, well = host.vm("hangs"), host.vm("well")
    before = [vm.definition() for vm in (hangs, well)]
    host.write(OFF)
    pid = hangs.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        r = host.isolate("apply")
        assert r.code == 1 and "its QEMU hangs" in r.err and "nothing was changed" in r.err, r.err
        assert well.shares()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [vm.definition() for vm in (hangs, well)] == before
    assert host.isolate("apply").code == 0
    assert not hangs.shares() and not well.shares()


def ksm(name, value=None):
    path = pathlib.Path("/sys/kernel/mm/ksm") / name
    if value is not None:
        path.write_text(str(value))
    return path.read_text().strip()


def test_ksm_off_takes_apart_what_was_merged(host):
    before = {name: ksm(name) for name in ("run", "sleep_millisecs")}
    pages = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        pages.madvise(mmap.MADV_MERGEABLE)
        for at in range(0, len(pages), 4096):
            pages[at:at + 9] = b"ringfence"
        try:
            ksm("run", 1)
        except OSError:
            pytest.skip("KSM cannot be switched here")
        end = time.monotonic() + 60
        while int(ksm("pages_sharing")) < 100:
            assert time.monotonic() < end, "the kernel merged nothing"
            time.sleep(0.1)
        host.write("assignments: []\nhost: {memory: {page-sharing: off, sleep-milliseconds: 123}}\n")
        r = host.isolate("verify", "-o", "json")
        assert r.code == 2 and not proofs(r)[("memory of this host", "no page of this host is shared")]["proven"], r.out
        r = host.isolate("apply")
        assert r.code == 0, r.err
        assert (ksm("run"), ksm("pages_shared"), ksm("sleep_millisecs")) == ("2", "0", "123")
        r = host.isolate("verify", "--active", "-o", "json")
        p = proofs(r)[("memory of this host", "no page of this host is shared")]
        assert r.code == 0 and p["proven"] and "equal pages of our own were not merged" in p["evidence"], r.out
        assert host.isolate("apply").code == 0 and host.plan() == []
        assert host.isolate("rollback").code == 0
        assert (ksm("run"), ksm("sleep_millisecs")) == ("1", before["sleep_millisecs"])
    finally:
        pages.close()
        ksm("run", 2)
        for name, value in before.items():
            ksm(name, value)
