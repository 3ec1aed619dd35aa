# SPDX-License-Identifier: Apache-2.0
"""Goal: quarantine and release of a real VM of a real libvirtd, live. The VM's link never goes down, both layers of its definition say where
its card is, its processors stand still and go on, and release leaves the same XML as before. A VM that is started again stays shut in."""
import json
import re
import socket

import pytest

import test_isolate_vm as isolated
from conftest import EXE
from guard_lab import sh
from test_isolate_vm import BRIDGE, GATEWAY, ME, NAME, TAP, UPLINK, virsh

SEGMENT = f"rfq{ME.mac}"
scene = isolated.scene


def order(scene, *args, check=True):
    p = scene.host(EXE, "quarantine", *args, "--state-dir", scene.folder / "state", "-q", check=False)
    assert not check or p.returncode == 0, p.stdout + p.stderr
    return p


def shut(scene, level, *args, **kw):
    return order(scene, NAME, "--level", level, "--yes", "--reason", "it forges", "--record-max", "1", *args, **kw)


def release(scene):
    return order(scene, NAME, "--release", "--yes", "--reason", "cleaned")


def master():
    return json.loads(sh("ip", "-j", "link", "show", "dev", TAP).stdout)[0].get("master")


def plugged(*flags):
    return re.search(r"<source bridge='([^']+)'", virsh("dumpxml", NAME, *flags)).group(1)


@pytest.fixture
def address(scene):
    scene.vm.run("ip link set eth0 up; ip address add 10.9.0.5/24 dev eth0; sleep 1", check=False)
    assert scene.ping(GATEWAY.ip)


def carrier(scene):
    return scene.vm.run("cat /sys/class/net/eth0/carrier /sys/class/net/eth0/carrier_changes").split()


def limits():
    """What the VM may use of the host, as libvirt and QEMU say: CPU time, page sharing, and who gets at its screen."""
    quota = dict(re.findall(r"(global_quota|global_period)\s*:\s*(-?\d+)", virsh("schedinfo", NAME)))
    merge = [json.loads(virsh("qemu-monitor-command", NAME, json.dumps({"execute": "qom-get", "arguments": {"path": f"/objects/{name}", "property": "merge"}})))
             ["return"] for name in re.findall(r'"name":"([^"]+)","type":"child<memory-backend', virsh(
                 "qemu-monitor-command", NAME, '{"execute":"qom-list","arguments":{"path":"/objects"}}'))]
    return quota, merge, screen()


def viewer():
    """A connection to the VM's screen, of which QEMU has said its version."""
    host, port = re.search(r"<graphics type='vnc' port='(\d+)'.*listen='([^']+)'", virsh("dumpxml", NAME)).group(2, 1)
    s = socket.create_connection((host, int(port)), timeout=10)
    assert s.recv(12) == b"RFB 003.008\n"
    return s


def screen():
    try:
        viewer().close()
    except ConnectionRefusedError:
        return False
    return True


def watches(s):
    """Goes on to where the screen is shown to it, beside others."""
    s.sendall(b"RFB 003.008\n")
    assert s.recv(2) == b"\1\1"
    s.sendall(b"\1")
    assert s.recv(4) == bytes(4)
    s.sendall(b"\1")
    assert len(s.recv(24)) == 24
    return s


def put_out(s):
    """Whether QEMU has hung up, not only gone silent."""
    while s.recv(4096):
        pass
    s.close()
    return True


def test_shut_in_frozen_and_released(scene, address):
    stored, live, link, free = virsh("dumpxml", NAME, "--inactive"), virsh("dumpxml", NAME), carrier(scene), limits()
    assert link[0] == "1" and free[2], "the screen cannot be reached"
    shut(scene, "restrict", "--allow", GATEWAY.ip)
    assert scene.ping(GATEWAY.ip) and plugged() == BRIDGE
    assert limits() == (free[0], [False] * len(free[1]), True)
    shut(scene, "honeywall")
    assert "<global_quota>50000</global_quota>" in virsh("dumpxml", NAME, "--inactive")
    assert master() == SEGMENT and plugged() == SEGMENT and plugged("--inactive") == SEGMENT
    assert not scene.ping(GATEWAY.ip)
    seeing, waiting = watches(viewer()), viewer()
    shut(scene, "seal")
    assert put_out(seeing) and put_out(waiting), "a viewer stays"
    assert not scene.ping(GATEWAY.ip) and carrier(scene) == link
    quota, merge, reachable = limits()
    assert (int(quota["global_quota"]), int(quota["global_period"])) == (50000, 100000) and not any(merge) and not reachable
    [row] = json.loads(order(scene, "--status", "-o", "json").stdout)
    assert row["in_force"] == "yes" and row["recording"] == "yes" and row["recorded"] >= 1 and row["refused"] >= 0
    shut(scene, "freeze")
    assert virsh("domstate", NAME).strip() == "paused"
    p = order(scene, NAME, "--level", "freeze", check=False)
    assert p.returncode == 0 and "so already (freeze)" in p.stdout
    release(scene)
    assert virsh("domstate", NAME).strip() == "running"
    # libvirt goes on saying of a running VM that it has no quota, where it said nothing before.
    now = re.sub(r"  <cputune>\n    <global_quota>-1</global_quota>\n  </cputune>\n", "", virsh("dumpxml", NAME))
    assert virsh("dumpxml", NAME, "--inactive") == stored and now == live
    assert master() == BRIDGE and sh("ip", "link", "show", SEGMENT, check=False).returncode != 0
    assert scene.ping(GATEWAY.ip) and carrier(scene) == link, "the VM saw its link go"
    assert limits() == free


def test_a_vm_that_is_started_again_stays_shut_in(scene, address):
    stored = virsh("dumpxml", NAME, "--inactive")
    shut(scene, "seal")
    virsh("destroy", NAME)
    assert plugged("--inactive") == SEGMENT
    virsh("start", NAME)
    assert master() == SEGMENT, "its new port is on the old bridge"
    release(scene)
    assert virsh("dumpxml", NAME, "--inactive") == stored and master() == BRIDGE
    assert sh("ip", "link", "show", SEGMENT, check=False).returncode != 0
    virsh("destroy", NAME)
    shut(scene, "seal")
    assert plugged("--inactive") == SEGMENT
    assert order(scene, NAME, "--level", "freeze", check=False).returncode == 64
    release(scene)
    assert virsh("dumpxml", NAME, "--inactive") == stored and UPLINK
