# SPDX-License-Identifier: Apache-2.0
"""Goal: processor limits of a policy on real VMs under a real libvirt: planned, applied live and in the definition, counted by the
kernel (ratio of two busy VMs, cap of one), applied again without a change, undone to identical definitions. What cannot be had changes
nothing."""
import glob
import time

import pytest

from libvirt_lab import Libvirt

A, B = "rfcpu-a", "rfcpu-b"
POLICY = """isolate: 1
zones: {{z: {{}}}}
profiles:
  a: {{based-on: standard, cpu: {{{a}}}}}
  b: {{based-on: standard, cpu: {{{b}}}}}
assignments:
  - {{vm: rfcpu-a, profile: a, zone: z}}
  - {{vm: rfcpu-b, profile: b, zone: z}}
"""


@pytest.fixture(scope="module")
def lab():
    lab = Libvirt()
    try:
        for i, name in enumerate((A, B)):
            lab.define(name, i + 1, top="<iothreads>1</iothreads>")
            lab.boot(name)
        if not group(A):
            pytest.skip("libvirt puts VMs into no cpu cgroup here")
        yield lab
    finally:
        lab.close()


def group(name):
    return next(iter(glob.glob(f"/sys/fs/cgroup/cpu/machine/qemu-*-{name}.libvirt-qemu")), None)


def policy(lab, a, b):
    path = lab.dir / "policy.yaml"
    path.write_text(POLICY.format(a=a, b=b))
    return path


def cpu_seconds(lab, name):
    """All threads of the VM, by the scheduler's own account (nanoseconds)."""
    total = 0
    for path in glob.glob(f"/proc/{lab.pid(name)}/task/*/schedstat"):
        total += int(open(path).read().split()[0])
    return total / 1e9


def state(lab):
    return [lab.virsh(*args, name) for name in (A, B)
            for args in (("schedinfo",), ("dumpxml", "--inactive"), ("vcpupin",), ("emulatorpin",), ("iothreadinfo",))]


def test_applied_counted_and_undone(lab):
    before = state(lab)
    p = policy(lab, "shares: 1000, affinity: '0'", "shares: 3000, affinity: '0'")
    r = lab.isolate("plan", p)
    assert r.returncode == 2 and f"{B}/live/cpu.shares" in r.stdout and "3072" in r.stdout, r.stderr
    assert state(lab) == before, "a plan changes nothing"
    r = lab.isolate("apply", p)
    assert r.returncode == 0, r.stderr
    assert open(group(B) + "/cpu.shares").read() == "3072\n"
    assert "cpuset='0'" in lab.virsh("dumpxml", "--inactive", A) and "<shares>1024</shares>" in lab.virsh("dumpxml", "--inactive", A)
    r = lab.isolate("verify", p)
    assert r.returncode == 0, r.stdout + r.stderr
    # What somebody else changes is found, and mended by applying again.
    lab.virsh("schedinfo", B, "--live", "--set", "cpu_shares=500")
    r = lab.isolate("verify", p)
    assert r.returncode == 2 and "500, wanted 3072" in r.stdout, r.stdout + r.stderr
    lab.virsh("schedinfo", B, "--live", "--set", "cpu_shares=3072")
    # Both spin on one CPU. What others take of it they take from both alike; over a few seconds the ratio is that of the weights.
    a, b = cpu_seconds(lab, A), cpu_seconds(lab, B)
    time.sleep(6)
    a, b = cpu_seconds(lab, A) - a, cpu_seconds(lab, B) - b
    assert 2.7 < b / a < 3.3, f"{b / a:.3f}: {a:.2f} s and {b:.2f} s"
    r = lab.isolate("apply", p)
    assert r.returncode == 0 and "Nothing to change" in r.stdout, r.stdout + r.stderr
    r = lab.isolate("rollback")
    assert r.returncode == 0, r.stderr
    assert state(lab) == before


def test_a_cap_holds_for_the_whole_vm(lab):
    p = policy(lab, "cap: 20%", "shares: normal")
    assert lab.isolate("apply", p).returncode == 0
    assert open(group(A) + "/cpu.cfs_quota_us").read() == "20000\n"
    started, used = time.monotonic(), cpu_seconds(lab, A)
    time.sleep(5)
    used, took = cpu_seconds(lab, A) - used, time.monotonic() - started
    # Never above the cap, whatever else the machine does; a period may begin in the one and end in the other reading.
    assert used / took < 0.21, f"{used / took:.3f} of a CPU"
    # libvirt's restart forgets nothing, and nothing is left to do.
    lab.restart()
    r = lab.isolate("plan", p)
    assert r.returncode == 0 and "Nothing to change" in r.stdout, r.stdout + r.stderr
    # A VM that went away took its limits with it: what is left is undone.
    lab.virsh("destroy", A)
    r = lab.isolate("rollback")
    assert r.returncode == 0, r.stderr
    assert "<global_quota>" not in lab.virsh("dumpxml", "--inactive", A)
    lab.boot(A)


@pytest.mark.parametrize("a,says", [("floor: 150%", "more than its 1 vCPUs"), ("affinity: '77'", "not online: 77"),
                                    ("floor: 90%, affinity: '0'", "floors of 180%")])
def test_what_cannot_be_had_changes_nothing(lab, a, says):
    before = state(lab)
    p = policy(lab, a, "floor: 90%, affinity: '0'")
    r = lab.isolate("apply", p)
    assert r.returncode == 1 and says in r.stderr and "nothing was changed" in r.stderr, r.stderr
    assert state(lab) == before
