# SPDX-License-Identifier: Apache-2.0
"""Goal: a real VM under a real libvirtd with planted faults, and a QEMU that libvirt does not know. Each fault is
found with its evidence; when it is mended, the same control passes on the same resource.

Linux boots in QEMU's own emulation, since KVM may be missing; nothing of what is judged here depends on it."""
import contextlib
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from conftest import need, ringfence

URI = "qemu:///system"
NAME = "ringfence-test-vm"
UUID = "7e577e57-0000-4000-8000-7e577e577e57"
MAC = "52:54:00:7e:57:01"
BRIDGE = "rftest0"
NOBODY = 65534
INIT = "#!/bin/busybox sh\n/bin/busybox echo ringfence-vm-is-up\nwhile :; do /bin/busybox sleep 60; done\n"

# What is planted: control, resource, evidence when it fails, evidence when it is mended.
FAULTS = [
    ("vm.console.not-everywhere", "vnc0", {"kind": "vnc", "listen": "0.0.0.0"}, {"listen": "127.0.0.1"}),
    ("vm.console.authenticated", "vnc0", {"listen": "0.0.0.0", "sasl": "0"}, None),
    ("vm.console.clipboard", "spice0", {"clipboard": "1"}, {"clipboard": "0"}),
    ("vm.nic.forged-source", "net0", {"forged_source": "accept", "filter": "", "mac": MAC},
     {"forged_source": "reject", "filter": "clean-traffic"}),
    ("vm.nic.arp-spoofing", "net0", {"arp_spoofing": "accept", "filter": ""}, {"arp_spoofing": "reject"}),
    ("vm.memory.page-sharing", "", {"page_sharing": "1"}, {"page_sharing": "0"}),
    ("vm.disk.image-others", "vda", {"mode_text": "0644"}, {"mode_text": "0600"}),
    ("vm.device.custom-arguments", "", {"custom_args_count": "2"}, {"custom_args_count": "0"}),
    ("vm.process.taint-custom-argv", "", {"taints": "custom-argv"}, {"taints": ""}),
]


def virsh(*args, check=True, timeout=120):
    p = subprocess.run(["virsh", "-q", "-c", URI, *args], capture_output=True, text=True, timeout=timeout)
    assert not check or p.returncode == 0, f"virsh {' '.join(args)}: {p.stderr}"
    return p.stdout


def definition(folder, good, spice):
    """The VM's XML, with the faults or without."""
    return f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>{NAME}</name><uuid>{UUID}</uuid><memory unit='MiB'>256</memory><vcpu>1</vcpu>
{"<memoryBacking><nosharepages/></memoryBacking>" if good else ""}
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{folder}/vmlinuz</kernel><initrd>{folder}/initrd</initrd>
<cmdline>console=ttyS0 panic=-1</cmdline></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{folder}/disk.img'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><mac address='{MAC}'/><source bridge='{BRIDGE}'/><model type='virtio'/>
{"<filterref filter='clean-traffic'/>" if good else ""}</interface>
<serial type='file'><source path='{folder}/console.log'/></serial>
<graphics type='vnc' port='-1' listen='{"127.0.0.1" if good else "0.0.0.0"}'/>
{spice_console("no" if good else "yes") if spice else ""}
<memballoon model='none'/></devices>
{"" if good else "<qemu:commandline><qemu:arg value='-msg'/><qemu:arg value='timestamp=on'/></qemu:commandline>"}
</domain>"""


def spice_console(copypaste):
    return (f"<graphics type='spice' port='-1' listen='127.0.0.1'><clipboard copypaste='{copypaste}'/>"
            "<filetransfer enable='no'/></graphics>")


def make_files(folder):
    """A kernel, an initramfs of busybox alone, and two images that everybody may read."""
    folder.chmod(0o755)  # QEMU's account enters it
    kernels = glob.glob("/boot/vmlinuz-*-cloud-amd64")
    if not kernels:
        pytest.skip("no kernel for the VM: linux-image-cloud-amd64 is not installed")
    shutil.copy(kernels[0], folder / "vmlinuz")
    (folder / "tree/bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), folder / "tree/bin/busybox")
    (folder / "tree/init").write_text(INIT)
    (folder / "tree/init").chmod(0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, check=True, cwd=folder / "tree")
    for name in ("disk.img", "extra.img"):
        with open(folder / name, "wb") as f:
            f.truncate(1 << 20)
        (folder / name).chmod(0o644)


def forget():
    virsh("destroy", NAME, check=False)
    virsh("undefine", NAME, check=False)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


def wait_for(what, true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come within {seconds} s")
        time.sleep(0.2)


def start(folder, good, spice):
    (folder / "vm.xml").write_text(definition(folder, good, spice))
    virsh("define", str(folder / "vm.xml"))
    virsh("start", NAME)


def check():
    r = ringfence("check", "-q", "-o", "json", "--profile", "kvm-base", "--profile", "kvm-high", "--connect", URI)
    assert r.code == 2, r.err
    return r


def ghost():
    """A QEMU that somebody started by hand: no VM of libvirt's, no sandbox, a monitor on TCP."""
    return subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "qemu-system-x86_64",
                             "-name", "guest=ghost", "-machine", "none", "-nodefaults", "-display", "none", "-S",
                             "-monitor", "tcp:127.0.0.1:0,server=on,wait=off"], cwd="/",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Scene:
    """Both runs of `check`, with what was true at the time of each."""


@pytest.fixture(scope="module")
def scene(libvirtd):
    need("busybox", "cpio", "ip", "setpriv")
    s = Scene()
    s.spice = bool(glob.glob("/usr/lib/*/qemu/ui-spice-core.so"))
    with contextlib.ExitStack() as undo:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ringfence-test-", dir="/var/tmp"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        make_files(folder)
        undo.callback(forget)
        forget()
        if subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], capture_output=True).returncode:
            pytest.skip("bridges cannot be made here")
        subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
        start(folder, False, s.spice)
        log = folder / "console.log"
        wait_for("Linux in the VM", lambda: log.exists() and b"ringfence-vm-is-up" in log.read_bytes(), 120)
        virsh("attach-disk", NAME, str(folder / "extra.img"), "vdb", "--live", "--subdriver", "raw")
        s.ghost = ghost()
        undo.callback(s.ghost.wait)
        undo.callback(s.ghost.kill)
        # The program replaces setpriv, and then opens its monitor.
        wait_for("the second QEMU", lambda: os.readlink(f"/proc/{s.ghost.pid}/exe").endswith("qemu-system-x86_64"), 20)
        s.folder, s.bad_pid = folder, vm_pid()
        s.bad = check()

        s.ghost.kill()
        s.ghost.wait()
        virsh("destroy", NAME)
        (folder / "disk.img").chmod(0o600)
        start(folder, True, s.spice)
        s.good_pid = vm_pid()
        s.good = check()
        yield s


def vm_pid():
    return pathlib.Path(f"/run/libvirt/qemu/{NAME}.pid").read_text().strip()


def resource(part):
    return f"{NAME}/{part}" if part else NAME


def pick(run, control, name, layer=None):
    found = [f for f in run.findings(control) if f["resource"] == name and layer in (None, f["layer"])]
    assert len(found) == 1, f"{control} on {name}: {[(f['resource'], f['layer'], f['state']) for f in run.findings(control)]}"
    return found[0]


@pytest.mark.parametrize("control, part, bad, good", FAULTS, ids=[f[0] for f in FAULTS])
def test_a_planted_fault_is_found_and_its_mending_too(scene, control, part, bad, good):
    if part == "spice0" and not scene.spice:
        pytest.skip("this QEMU has no SPICE")
    f = pick(scene.bad, control, resource(part), "live")
    assert f["state"] == "fail" and f["vm"] == NAME
    assert bad.items() <= f["evidence"].items(), f["evidence"]
    assert NAME in f["source"] and URI in f["source"]
    f = [f for f in scene.good.findings(control) if f["resource"] == resource(part)]
    assert f or good is None
    assert {x["state"] for x in f} <= {"pass"}
    assert all((good or {}).items() <= x["evidence"].items() for x in f), f


def test_the_stored_definition_is_judged_too(scene):
    for control, part in (("vm.console.not-everywhere", "vnc0"), ("vm.nic.forged-source", "net0")):
        assert pick(scene.bad, control, resource(part), "persistent")["state"] == "fail"


def test_a_disk_that_only_the_running_vm_has(scene):
    f = scene.bad.findings("vm.layer.disk-as-stored", "fail")
    assert [x["vm"] for x in f] == [NAME]
    assert f[0]["evidence"]["change"] == "added" and f[0]["evidence"]["value_b"] == str(scene.folder / "extra.img")
    assert "vdb" in f[0]["resource"]
    assert pick(scene.bad, "vm.layer.nic-as-stored", NAME)["state"] == "pass"
    assert pick(scene.good, "vm.layer.disk-as-stored", NAME)["state"] == "pass"


def test_the_filter_is_in_the_kernel(scene):
    assert pick(scene.good, "vm.nic.filter-in-force", resource("net0"), "live")["state"] == "pass"


@pytest.mark.parametrize("control, evidence", [
    ("vm.process.known", {"name": NAME, "uuid": UUID}),
    ("vm.process.not-root", {"account": "libvirt-qemu"}),
    ("vm.process.no-capabilities", {"cap_effective": "0000000000000000"}),
    ("vm.process.seccomp", {"seccomp": "2"}),
    ("vm.process.no-new-privileges", {"no_new_privs": "1"}),
    ("vm.process.monitor-kind", {"monitor_kind": "unix"}),
    ("vm.process.monitor-private", {}),
    ("vm.process.binary-packaged", {"exe_package": "qemu-system-x86"}),
])
def test_what_the_running_process_really_has(scene, control, evidence):
    f = pick(scene.good, control, scene.good_pid)
    assert f["state"] == "pass", f
    assert evidence.items() <= f["evidence"].items(), f["evidence"]
    assert f["source"] == f"/proc/{scene.good_pid}"


def test_its_files_and_sockets_are_declared(scene):
    for control in ("vm.process.open-file-declared", "vm.process.listener-declared"):
        mine = [f for f in scene.good.findings(control) if f["resource"].startswith(f"{scene.good_pid}/")]
        assert mine and {f["state"] for f in mine} == {"pass"}, mine


def test_its_cgroup_is_the_kernels(scene):
    """What is said of the limits is what the kernel's own file says."""
    f = pick(scene.bad, "vm.process.device-list", scene.bad_pid)
    assert f["state"] in ("pass", "fail") and NAME in f["evidence"]["path"], f
    assert f["evidence"]["version"] in ("1", "2")


def test_a_qemu_that_libvirt_does_not_know(scene):
    pid = str(scene.ghost.pid)
    f = pick(scene.bad, "vm.process.known", pid)
    assert f["state"] == "fail" and f["severity"] == "critical"
    assert f["evidence"]["name"] == "ghost" and f["evidence"]["account"] == "nobody"
    f = pick(scene.bad, "vm.process.monitor-kind", pid)
    assert f["state"] == "fail" and f["evidence"]["monitor_kind"] == "tcp"
    assert pick(scene.bad, "vm.process.seccomp", pid)["state"] == "fail"
    assert not [f for f in scene.good.findings() if f["resource"] == pid]


def test_nothing_is_an_error_or_was_lost(scene):
    for run in (scene.bad, scene.good):
        assert run.findings(state="error") == []
        states = {c["collector"]: (c["state"], c["reason"]) for c in run.json()["collectors"]}
        for name in ("libvirt", "qemu-processes", "links", "bridges"):
            assert states[name][0] in ("ok", "partial"), (name, states[name])
        assert [g for g in run.json()["gaps"] if g["table"].startswith("vm") and g["key"] == ""] == []
