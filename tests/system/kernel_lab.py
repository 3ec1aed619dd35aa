# SPDX-License-Identifier: Apache-2.0
"""Debian's own kernel in a VM without KVM: programs of this build with their libraries, busybox, and a script that runs them."""
import glob
import os
import shutil
import subprocess

import pytest
from conftest import need

INIT = """#!/bin/sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs tmp /tmp
busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do busybox insmod $module; done
busybox ip link set lo up
%s
busybox poweroff -f
"""


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [w for w in out.split() if w.startswith("/")]


def boot(folder, program, modules, script, *options, append=""):
    """What the VM's console showed. modules: below the kernel's folder, in the order in which they are loaded; those that it has built in are passed over."""
    need("qemu-system-x86_64", "cpio", "busybox", "ldd")
    kernels = sorted(glob.glob("/boot/vmlinuz-*-amd64"))
    if not kernels or not program.exists():
        pytest.skip("no Debian kernel in /boot" if program.exists() else f"{program.name} is not built")
    tree = folder / "tree"
    for name in ("proc", "sys", "tmp", "dev", "bin", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    os.symlink("busybox", tree / "bin/sh")
    shutil.copy(program, tree / program.name)
    for library in libraries(program):
        os.makedirs(tree / os.path.dirname(library)[1:], exist_ok=True)
        shutil.copy(library, tree / library[1:])
    for i, name in enumerate(modules):
        path = f"/lib/modules/{kernels[-1].removeprefix('/boot/vmlinuz-')}/kernel/{name}.ko"
        if os.path.exists(path):
            shutil.copy(path, tree / f"modules/{i:02}-{os.path.basename(path)}")
    (tree / "init").write_text(INIT % script)
    (tree / "init").chmod(0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, check=True, cwd=tree)
    p = subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nographic", "-no-reboot", "-nic", "none", *map(str, options),
                        "-kernel", kernels[-1], "-initrd", str(folder / "initrd"), "-append", f"console=ttyS0 panic=-1 {append}"],
                       capture_output=True, text=True, errors="replace", timeout=400, stdin=subprocess.DEVNULL)
    return p.stdout
