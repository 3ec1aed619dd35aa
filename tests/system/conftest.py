# SPDX-License-Identifier: Apache-2.0
"""What system tests share: running ringfence, and a libvirtd of the test's own."""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXE = os.environ.get("RINGFENCE", str(ROOT / "build/src/cli/ringfence"))
CLONE_NEWNS, MS_REC, MS_SLAVE = 0x00020000, 0x4000, 0x80000


def own_bpffs():
    """What tests run never sees the pins of this host, nor names of network namespaces that others made: this process, and all that it
    starts, has a BPF file system and a /run/netns of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/bpf") or libc.unshare(CLONE_NEWNS) != 0:
        return
    if libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None) != 0 or libc.mount(b"bpf", b"/sys/fs/bpf", b"bpf", 0, None) != 0:
        print("conftest: no BPF file system of the tests' own:", os.strerror(ctypes.get_errno()))
    os.makedirs("/run/netns", exist_ok=True)
    if libc.mount(b"tmpfs", b"/run/netns", b"tmpfs", 0, b"mode=0755") != 0:
        print("conftest: no names of network namespaces of the tests' own:", os.strerror(ctypes.get_errno()))


HOSTS_BPFFS = os.stat("/sys/fs/bpf").st_dev if os.path.isdir("/sys/fs/bpf") else 0
own_bpffs()


class Result:
    def __init__(self, p):
        self.code, self.out, self.err = p.returncode, p.stdout, p.stderr

    def json(self):
        return json.loads(self.out)

    def findings(self, control=None, state=None):
        return [f for f in self.json()["findings"]
                if (control is None or f["control"] == control) and (state is None or f["state"] == state)]


def ringfence(*args, env=None, user=None, timeout=120):
    command = [EXE, *map(str, args)]
    if user:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    return Result(subprocess.run(command, capture_output=True, text=True, timeout=timeout, errors="replace",
                                 env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **(env or {})}))


@pytest.fixture
def rf():
    return ringfence


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        pytest.skip("not on this machine: " + ", ".join(missing))


@pytest.fixture(scope="session")
def libvirtd():
    """qemu:///system, started here unless it runs already; what was started is stopped."""
    need("libvirtd", "virsh", "qemu-system-x86_64")
    if os.geteuid() != 0:
        pytest.skip("not root")
    if not any(line.split()[4] == "/" for line in open("/proc/self/mountinfo")):
        pytest.skip("libvirt starts no VM in a chroot whose root is no mount point")
    started = []
    if subprocess.run(["virsh", "-c", "qemu:///system", "version"], capture_output=True, timeout=180).returncode:
        for daemon in ("virtlogd", "virtlockd", "libvirtd"):
            subprocess.run([daemon, "-d"], check=False, capture_output=True)
            started.append(daemon)
    for _ in range(100):
        if subprocess.run(["virsh", "-c", "qemu:///system", "version"], capture_output=True, timeout=180).returncode == 0:
            break
        time.sleep(0.1)
    else:
        pytest.skip("libvirtd does not start here")
    yield "qemu:///system"
    for daemon in reversed(started):
        try:
            pid = int(open(f"/run/{daemon}.pid").read())
            os.kill(pid, 15)
        except (OSError, ValueError):
            pass
