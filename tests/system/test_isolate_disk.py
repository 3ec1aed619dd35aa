# SPDX-License-Identifier: Apache-2.0
"""Goal: what a policy says of disks, on a running VM of a real libvirtd: limits are set live, really hold (libvirt's own counters of a guest
that reads as fast as it can), are changed live, applied again without a change and undone to what was; an image that others may read is found.

The guest is a boot sector that reads the same sector for ever. Rates are counted over the time they took."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from conftest import EXE, need

URI = "qemu:///system"
NAME = "ringfence-test-disk"
# xor ax,ax; mov es,ax; mov bx,7e00; again: mov ax,0201; mov cx,1; mov dx,80; int 13; jmp again
READER = bytes.fromhex("31c08ec0bb007eb80102b90100ba8000cd13ebf3").ljust(510, b"\0") + b"\x55\xaa"

POLICY = """isolate: 1
profiles:
  slow:
    based-on: standard
    disk: {iops: %d, bytes-per-second: 10MB, shared: forbidden, paths: ['%s/*']}
assignments:
  - {vm: ringfence-test-disk, profile: slow, zone: outside}
"""


def virsh(*args, check=True):
    p = subprocess.run(["virsh", "-q", "-c", URI, *args], capture_output=True, text=True, timeout=180)
    assert not check or p.returncode == 0, f"virsh {' '.join(args)}: {p.stderr}"
    return p.stdout


class VM:
    def __init__(self, folder):
        self.folder, self.image, self.policy = folder, folder / "disk.img", folder / "policy.yaml"
        folder.chmod(0o711)
        self.image.write_bytes(READER + b"\0" * (1 << 20))
        self.image.chmod(0o600)
        (folder / "vm.xml").write_text(f"""<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' io='threads'/><source file='{self.image}'/>
<target dev='vda' bus='virtio'/></disk><memballoon model='none'/></devices></domain>""")
        self.forget()
        virsh("define", str(folder / "vm.xml"))
        virsh("start", NAME)
        self.allow(40)

    @staticmethod
    def forget():
        virsh("destroy", NAME, check=False)
        virsh("undefine", NAME, check=False)

    def allow(self, iops):
        self.policy.write_text(POLICY % (iops, self.folder))

    def isolate(self, verb, *args):
        state = ["--state-dir", str(self.folder / "state")] if verb in ("plan", "apply", "rollback") else []
        file = [str(self.policy)] if verb != "rollback" else []
        source = ["--connect", URI] if verb != "rollback" else []
        return self.ringfence("isolate", verb, *file, *args, *source, *state, "-q")

    def quarantine(self, *args):
        return self.ringfence("quarantine", NAME, *args, "--yes", "--reason", "it forges", "--state-dir", str(self.folder / "state"), "-q")

    @staticmethod
    def ringfence(*command):
        """With a BPF file system of its own: no guard of this host is touched."""
        return subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t bpf bpf /sys/fs/bpf && exec "$@"', "sh", EXE, *command], capture_output=True,
                              text=True, timeout=120)

    def reads(self):
        return next(int(line.split()[2]) for line in virsh("domblkstat", NAME, "vda").splitlines() if line.split()[1] == "rd_req")

    def rate(self, seconds=2.0):
        """Reads a second: at least, and at most (libvirt answers some time after it was asked)."""
        start = time.monotonic()
        first = self.reads()
        asked = time.monotonic()
        time.sleep(seconds)
        again = time.monotonic()
        last = self.reads()
        end = time.monotonic()
        return (last - first) / (end - start), (last - first) / (again - asked)

    def tunes(self):
        return virsh("blkdeviotune", NAME, "vda", "--live"), virsh("dumpxml", NAME, "--inactive")

    def promises(self, *args):
        p = self.isolate("verify", "-o", "json", *args)
        assert p.returncode in (0, 2), p.stderr
        return [x for x in json.loads(p.stdout)["promises"] if x["subject"].startswith(NAME)]


@pytest.fixture(scope="module")
def vm(libvirtd):
    need("unshare", "virsh")
    if not os.path.isdir("/sys/fs/bpf"):
        pytest.skip("no BPF in this kernel")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ringfence-test-", dir="/var/tmp"))
    try:
        one = VM(folder)
        end = time.monotonic() + 60
        while one.reads() < 200:
            assert time.monotonic() < end, "the guest does not read"
            time.sleep(0.2)
        yield one
    finally:
        VM.forget()
        shutil.rmtree(folder, ignore_errors=True)


def test_limits_hold_live_and_are_undone(vm):
    before, free = vm.tunes(), vm.rate(4)[0]
    limit = max(1, int(free / 4))  # of what this machine's guest reads when nothing holds it
    seconds = min(10, max(2, 12 / limit))
    vm.allow(limit)
    p = vm.isolate("plan")
    assert p.returncode == 2 and f"total_iops_sec={limit} " in p.stdout, p.stdout + p.stderr
    assert vm.tunes() == before
    p = vm.isolate("apply")
    assert p.returncode == 0, p.stdout + p.stderr
    six = next(x for x in vm.promises() if x["promise"].startswith("6. it reads"))
    assert six["configured"] and six["enforced"] and f"total_iops_sec={limit}" in six["evidence"]
    low, high = vm.rate(seconds)
    assert low <= limit * 1.1 + 2 / seconds and high > 0, (low, high, limit, free)
    assert f"<total_iops_sec>{limit}</total_iops_sec>" in vm.tunes()[1]
    p = vm.isolate("apply")
    assert p.returncode == 0 and "Nothing to change" in p.stdout, p.stdout + p.stderr
    vm.allow(1000)
    assert vm.isolate("apply").returncode == 0
    assert "total_iops_sec: 1000" in vm.tunes()[0].replace(" ", "").replace(":", ": ")
    for _ in range(2):
        p = vm.isolate("rollback")
        assert p.returncode == 0, p.stderr
    assert vm.tunes() == before
    assert next(x for x in vm.promises() if x["promise"].startswith("6. it reads"))["enforced"] is False
    assert vm.rate(seconds)[1] > 1.5 * low, "no limit any more"


def test_a_policy_does_not_loosen_a_quarantine(vm):
    def iops():
        return [re.search(r"total_iops_sec\s*:\s*(\d+)", virsh("blkdeviotune", NAME, "vda", layer)).group(1) for layer in ("--live", "--config")]

    before = vm.tunes()
    p = vm.quarantine("--level", "honeywall")
    assert p.returncode == 0 and iops() == ["200", "200"], p.stdout + p.stderr
    vm.allow(5000)
    p = vm.isolate("apply")
    assert p.returncode == 0 and iops() == ["200", "200"], p.stdout + p.stderr
    p = vm.quarantine("--release")
    assert p.returncode == 0 and iops() == ["0", "0"], p.stdout + p.stderr
    p = vm.isolate("apply")
    assert p.returncode == 0 and iops() == ["5000", "5000"], p.stdout + p.stderr
    for _ in range(2):
        p = vm.isolate("rollback")
        assert p.returncode == 0, p.stderr
    assert vm.tunes()[0] == before[0]


def test_what_is_promised_of_disks(vm):
    rows = {x["promise"][:2] + x["promise"][-20:]: x for x in vm.promises()}
    assert {x["promise"].split(".")[0] for x in rows.values()} >= {"1", "3", "5", "8"}, rows
    own = next(x for x in rows.values() if x["promise"].startswith("1. no other VM"))
    assert own["configured"] and own["enforced"] and own["proven"] is not False and "disk.img" in own["evidence"]
    assert next(x for x in rows.values() if "where the policy allows" in x["promise"])["configured"]
    vm.image.chmod(0o644)
    p = vm.isolate("verify")
    assert p.returncode == 2 and "NOT enforced" in p.stdout and "disk.img 0644" in p.stdout, p.stdout
    vm.image.chmod(0o600)
    assert next(x for x in vm.promises() if x["promise"].startswith("3. nobody else may read"))["enforced"]


def test_a_vm_that_went_is_said_and_nothing_is_half_done(vm):
    plan = vm.folder / "plan.json"
    vm.allow(77)
    assert vm.isolate("plan", "--save", str(plan)).returncode == 2
    before = vm.tunes()[1]
    virsh("destroy", NAME)
    try:
        p = subprocess.run([EXE, "fix", "--plan", str(plan), "--apply", "--state-dir", str(vm.folder / "state")], capture_output=True, text=True, timeout=180)
        assert p.returncode == 1 and NAME in p.stderr, p.stderr
        assert virsh("dumpxml", NAME, "--inactive") == before
    finally:
        virsh("start", NAME)
