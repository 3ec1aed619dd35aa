# SPDX-License-Identifier: Apache-2.0
"""A machine of the test's own that systemd runs: PID 1 of new namespaces over a copy (overlay) of this machine's files. Of this machine's units it has none that touches a kernel
that both share (udev, sysctl, modules): those of Ringfence alone."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from agent_lab import until
from conftest import EXE, ROOT

SYSTEMD = "/lib/systemd/systemd"
BUILD = pathlib.Path(EXE).parents[1]
PROGRAMS = {"ringfence": EXE, "ringfence-agent": BUILD / "agent/ringfence-agent", "ringfence-manager": BUILD / "manager/ringfence-manager"}
# Runs in the new namespaces. $1: a folder of the test's; the root is made below it.
START = r"""
set -e
R=$1/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$R" "$1/up" "$1/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$R"
mount -t proc proc "$R/proc"
mount -t sysfs sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t bpf bpf "$R/sys/fs/bpf"
mount -t tmpfs -o mode=755 tmpfs "$R/run"
mount -t tmpfs -o mode=1777 tmpfs "$R/tmp"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for node in null zero full random urandom tty kvm kmsg; do [ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$R/dev/"; done
mkdir "$R/dev/pts" "$R/dev/shm" "$R/run/old"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
: > "$R/run/console"
ln -s /run/console "$R/dev/console"
U=$R/etc/systemd/system
rm -rf "$U" "$R/var/lib/ringfence" "$R/var/lib/ringfence-manager" "$R/etc/ringfence" "$R/etc/machine-id"
mkdir -p "$U"
# What an overlay does not do (rename without replacing) the state wants.
for folder in ringfence ringfence-manager; do mkdir "$R/var/lib/$folder"; mount -t tmpfs tmpfs "$R/var/lib/$folder"; done
S=$R/usr/lib/systemd
rm -rf "$S"/system/*.{service,socket,mount,automount,timer,path,wants,requires} "$S"/system-generators
for target in sysinit basic multi-user; do printf '[Unit]\nDescription=%s\n' $target > "$U/$target.target"; done
printf '[Unit]\nDefaultDependencies=no\n' > "$U/lab.target"
mkdir "$U/service.d"
printf '[Service]\nStandardOutput=append:/run/console\nStandardError=append:/run/console\n' > "$U/service.d/console.conf"
cp "$2"/ringfence-*.service "$2"/ringfence-*.socket "$U"
shift 2
for program; do cp "$program" "$R/usr/bin/"; done
ip link set lo up
cd "$R"
pivot_root . run/old
umount -l /run/old
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=lab.target --log-target=console --show-status=0 < /dev/null > /run/console 2>&1
"""


class Machine:
    def __init__(self, folder):
        self.folder, self.pid = folder, 0
        self.said = open(folder.with_suffix(".start"), "w+")
        # The pid namespace ends with its first process, that with unshare, and that with us.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "-pfmuinC", "--kill-child", "bash", "-c", START, "start", str(folder), str(ROOT / "packaging"),
                                         *map(str, PROGRAMS.values())], stdin=subprocess.DEVNULL, stdout=self.said, stderr=subprocess.STDOUT)

    def first(self):
        """Its first process, once that is systemd and answers; None: not yet; a text: it never will, and why."""
        if self.process.poll() is not None:
            self.said.seek(0)
            return "its start failed: " + (self.said.read().strip().splitlines() or ["nothing was said"])[-1]
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children or pathlib.Path(f"/proc/{children[0]}/comm").read_text().strip() != "systemd":
            return None
        self.pid = int(children[0])
        return self.pid if self.ctl("is-active", "lab.target").returncode == 0 else None

    def run(self, *command, check=False, **kw):
        p = subprocess.run(["nsenter", "-t", str(self.pid), "-a", *map(str, command)], capture_output=True, text=True, timeout=120, **kw)
        assert not check or p.returncode == 0, (command, p.returncode, p.stdout, p.stderr, self.console())
        return p

    def ctl(self, *args, **kw):
        return self.run("systemctl", "--no-pager", *args, **kw)

    def shell(self, text, **kw):
        return self.run("bash", "-ec", text, check=True, **kw).stdout

    def console(self):
        return self.run("tail", "-n", "40", "/run/console").stdout

    def start(self, unit):
        return self.ctl("start", unit, check=True)

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.said.close()


def boot(folder):
    missing = [p for p in ("setpriv", "unshare", "nsenter", "pivot_root", "ip") if not shutil.which(p)]
    if os.geteuid() != 0 or missing or not os.access(SYSTEMD, os.X_OK):
        pytest.skip("a machine of systemd's own: not root, or not on this machine: " + ", ".join([*missing, SYSTEMD]))
    machine = Machine(folder)
    got = until(machine.first, what="systemd as the first process")
    if isinstance(got, str):
        machine.end()
        pytest.skip("a machine of systemd's own: " + got)
    return machine
