# SPDX-License-Identifier: Apache-2.0
"""Goal: what a policy says of memory, on running VMs of a real libvirtd: page sharing is switched off without a restart and the kernel's own
smaps prove it, applied again without a change, undone to what was; groups that may share; sums that the host cannot give; and that nothing is
half done when a VM goes away or libvirtd does not answer.

The VMs run firmware alone: nothing of what is judged here depends on a guest."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import EXE, need, ringfence

URI = "qemu:///system"
MIB = 256
PREFIX = "ringfence-test-mem"


def virsh(*args, check=True):
    p = subprocess.run(["virsh", "-q", "-c", URI, *args], capture_output=True, text=True, timeout=60)
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

    def isolate(self, verb, *args, env=None):
        file = [self.policy] if verb in ("plan", "apply", "verify") else []
        connect = ["--connect", URI, "--host"] if file else []
        state = ["--state-dir", self.tmp / "state"] if verb != "verify" else []
        return ringfence("isolate", verb, *file, *args, *connect, *state, "-q", env=env)

    def plan(self):
        return json.loads(self.isolate("plan", "-o", "json").out)["changes"]


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
