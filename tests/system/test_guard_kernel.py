# SPDX-License-Identifier: Apache-2.0
"""The guard's programs under Debian's own kernel (6.1, its verifier): the whole table of frames, in a VM without KVM."""
import glob
import os
import shutil
import subprocess

import guard_lab
import pytest
from conftest import need

INIT = """#!/bin/sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs tmp /tmp
for module in /modules/*.ko; do busybox insmod $module; done
busybox ip link set lo up
/test_guard_frames
echo "exit status $?"
busybox poweroff -f
"""


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [w for w in out.split() if w.startswith("/")]


def test_every_frame_is_judged_alike_by_an_older_kernel(tmp_path):
    need("qemu-system-x86_64", "cpio", "busybox", "ldd")
    program = guard_lab.TOOL.parents[1] / "unit/test_guard_frames"
    kernels = sorted(glob.glob("/boot/vmlinuz-*-amd64"))
    if not kernels or not program.exists():
        pytest.skip("no Debian kernel in /boot" if program.exists() else "test_guard_frames is not built")
    modules = f"/lib/modules/{kernels[-1].removeprefix('/boot/vmlinuz-')}/kernel/net/sched"
    tree = tmp_path / "tree"
    for folder in ("proc", "sys", "tmp", "bin", "modules"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    os.symlink("busybox", tree / "bin/sh")
    shutil.copy(program, tree / "test_guard_frames")
    for library in libraries(program):
        os.makedirs(tree / os.path.dirname(library)[1:], exist_ok=True)
        shutil.copy(library, tree / library[1:])
    for name in ("cls_bpf", "sch_ingress"):
        if os.path.exists(f"{modules}/{name}.ko"):
            shutil.copy(f"{modules}/{name}.ko", tree / "modules")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, check=True, cwd=tree)
    p = subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nographic", "-no-reboot", "-nic", "none",
                        "-kernel", kernels[-1], "-initrd", str(tmp_path / "initrd"), "-append", "console=ttyS0 panic=-1"],
                       capture_output=True, text=True, errors="replace", timeout=400, stdin=subprocess.DEVNULL)
    text = p.stdout[-4000:]
    assert "exit status 0" in text, text
    assert "SKIPPED" not in text, text
