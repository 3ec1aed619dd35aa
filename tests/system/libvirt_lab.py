# SPDX-License-Identifier: Apache-2.0
"""A libvirtd of the test's own, in mount and network namespaces: its sockets, definitions and logs are on a tmpfs, the host's libvirt
is not touched, and two labs do not meet. /dev/kvm is hidden: one that is there and does not work makes libvirt start QEMU anew for
every definition, to ask what it can do. VMs are a boot sector that spins in QEMU's own emulation: up at once, busy for ever."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import EXE, need

PLACES = ["/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"]
SETUP = "".join(f"mkdir -p {p}; mount -t tmpfs -o mode=755 tmpfs {p}; " for p in PLACES) + \
    "touch /run/libvirt/no-kvm; chmod 0 /run/libvirt/no-kvm; [ ! -e /dev/kvm ] || mount --bind /run/libvirt/no-kvm /dev/kvm; " \
    "echo 'namespaces = []' > /etc/libvirt/qemu.conf; ip link set lo up; echo ready; exec sleep 100000"
SPIN = b"\xfa\xeb\xfe" + b"\0" * 507 + b"\x55\xaa"  # cli; jmp $


class Libvirt:
    """uri is qemu:///system inside; run() runs a program there, virsh() and isolate() are shorter."""

    def __init__(self):
        need("libvirtd", "virsh", "qemu-system-x86_64", "unshare", "nsenter")
        if os.geteuid() != 0:
            pytest.skip("not root")
        if not any(line.split()[4] == "/" for line in open("/proc/self/mountinfo")):
            pytest.skip("libvirt starts no VM in a chroot whose root is no mount point")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ringfence-lab-", dir="/var/tmp"))
        self.dir.chmod(0o755)
        (self.dir / "spin.img").write_bytes(SPIN + b"\0" * (1 << 20))
        self.names, self.daemons = [], []
        self.holder = subprocess.Popen(["unshare", "-m", "-n", "sh", "-c", SETUP], stdout=subprocess.PIPE, text=True)
        try:
            if self.holder.stdout.readline() != "ready\n":
                pytest.skip("no mount namespaces here")
            self.start()
        except BaseException:
            self.close()
            raise

    def run(self, *args, check=False, timeout=120):
        p = subprocess.run(["nsenter", "-t", str(self.holder.pid), "-m", "-n", *map(str, args)], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=timeout, errors="replace",
                           env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"})
        assert not check or p.returncode == 0, f"{args}: {p.stdout}{p.stderr}"
        return p

    def virsh(self, *args, check=True):
        return self.run("virsh", "-q", "-c", "qemu:///system", *args, check=check).stdout

    def start(self):
        for name in ("virtlogd", "libvirtd"):
            self.daemons.append(subprocess.Popen(
                ["nsenter", "-t", str(self.holder.pid), "-m", "-n", name, "-p", f"/run/libvirt/{name}-lab.pid"],
                stdout=subprocess.DEVNULL, stderr=open(self.dir / f"{name}.log", "a")))
        for _ in range(200):
            if self.run("virsh", "-c", "qemu:///system", "version").returncode == 0:
                return
            time.sleep(0.1)
        pytest.skip("libvirtd does not start here: " + (self.dir / "libvirtd.log").read_text()[-200:])

    def restart(self):
        """As an upgrade would: VMs keep running."""
        self.stop_daemons()
        self.start()

    def stop_daemons(self):
        for d in reversed(self.daemons):
            d.send_signal(signal.SIGTERM)
            d.wait()
        self.daemons = []

    def define(self, name, number, vcpus=1, extra="", top=""):
        """A VM that spins; extra goes among its devices, top above them."""
        xml = self.dir / f"{name}.xml"
        xml.write_text(f"""<domain type='qemu'><name>{name}</name><uuid>7e577e57-0000-4000-8000-7e577e57{number:04x}</uuid>
<memory unit='MiB'>32</memory><vcpu>{vcpus}</vcpu>{top}<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{self.dir}/spin.img'/><shareable/>
<target dev='hda' bus='ide'/></disk>{extra}<memballoon model='none'/></devices></domain>""")
        self.virsh("define", str(xml))
        self.names.append(name)

    def boot(self, name):
        self.virsh("start", name)

    def pid(self, name):
        return int(self.run("cat", f"/run/libvirt/qemu/{name}.pid", check=True).stdout)

    def isolate(self, verb, *args, timeout=120):
        state = ["--state-dir", self.dir / "state"] if verb in ("plan", "apply", "rollback") else []
        return self.run(EXE, "isolate", verb, *args, *state, "-q", timeout=timeout)

    def close(self):
        for name in self.names:
            self.run("virsh", "-q", "-c", "qemu:///system", "destroy", name)
        self.stop_daemons()
        self.holder.kill()
        self.holder.wait()
        # Without systemd nobody takes the emptied groups away.
        for name in self.names:
            for group in glob.glob(f"/sys/fs/cgroup/*/machine/qemu-*-{name}.libvirt-qemu"):
                for folder, _, _ in os.walk(group, topdown=False):
                    try:
                        os.rmdir(folder)
                    except OSError:
                        pass
        shutil.rmtree(self.dir, ignore_errors=True)
