# SPDX-License-Identifier: Apache-2.0
"""Goal: the guard's service on real ports: a port that another program makes is guarded before its first frame counts, what somebody takes
off (tc, nft, the bridge) comes back, what is enforced outlives the service, and `isolate watch` shows all of it. Second layer, strict and
uplinks by the policy, undone byte for byte."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import EXE
from guard_lab import BROADCAST, mac, sh, udp
from test_isolate import Host, applied, frame, host  # noqa: F401

NETWORK = "network: {%s}\n"
BOTH = "bridges: [br0], ports: ['vnet*'], second-layer: [bridge, nft]"


class Service:
    """Started as systemd does: the role itself."""

    def __init__(self, host):
        self.host = host
        read, write = os.pipe()
        os.set_inheritable(write, True)
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{host.lab.ns}", "unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', host.lab.dir,
             EXE, "--role", "guard", "--state", host.tmp / "state", "--domain-xml", host.xml, "--ready", str(write)],
            pass_fds=[write], stderr=subprocess.PIPE)
        os.close(write)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.ready = os.read(read, 1) == b"1"
        os.close(read)
        self.lines = ""
        assert self.ready, self.process.communicate()

    def read(self):
        try:
            return os.read(self.process.stderr.fileno(), 1 << 16).decode()
        except BlockingIOError:
            return ""

    def says(self, *words, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.lines += self.read()
            for line in self.lines.splitlines():
                if all(w in line for w in words):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"{words} not in:\n{self.lines}")

    def forget(self):
        self.lines += self.read()
        self.lines = ""

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(20)


@pytest.fixture
def service(host):  # noqa: F811
    started = []

    def start(network=BOTH):
        host.policy.write_text(host.policy.read_text().replace("addresses:\n", "addresses:\n  - {vm: web-7, ip: [10.9.0.8]}\n") + (NETWORK % network if network else ""))
        applied(host)
        started.append(Service(host))
        return started[-1]
    yield start
    for s in started:
        if s.process.poll() is None:
            s.stop(signal.SIGKILL)


def newcomer(host, i, name):  # noqa: F811
    """A port as another program makes it: there, in the bridge, up, and frames are sent at once."""
    lab = host.lab
    ns = f"{lab.ns}-{i}"
    port = lab.add(i, join=False)
    assert port.ns == ns and port.name == name
    return port


def flood(port, target, source, count=200):
    data = "bad0" + f"{0:04x}"
    for _ in range(count):
        port.send(BROADCAST + source + udp("10.9.0.99", target, data=data))


def got(port, mark="bad0"):
    return [f for f in port.received() if mark in f]


def test_it_comes_before_what_is_not_urgent(service):
    """A port that is cut open is open until the service gets its turn; what reads for it is in no hurry."""
    s = service()
    pid = s.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    s.lines += s.read()
    if "real-time scheduling" in s.lines:
        pytest.skip("no real-time scheduling here")
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO
    assert children and all(os.sched_getscheduler(int(c)) == os.SCHED_OTHER for c in children)
    locked = int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmLck:")[1].split()[0])
    assert (locked == 0) == ("memory that is not swapped" in s.lines)


def test_a_port_born_outside_our_sight(host, service):  # noqa: F811
    s = service()
    host.define("web-7", 7, "vnet7")
    port = newcomer(host, 7, "vnet7")
    # From the first moment of its life, while it joins and comes up, and before anybody could have said who it is.
    sender = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{port.ns}", "/usr/bin/python3", "-c",
         "import socket,sys,time\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,3);s.bind(('eth0',3))\nprint('go',flush=True)\n"
         f"f=bytes.fromhex('{BROADCAST + mac(1) + udp('10.9.0.99', '10.9.0.1', data='bad0bad0')}')\nend=time.time()+2\n"
         "n=0\nwhile time.time()<end:\n  try:\n    s.send(f);n+=1\n  except OSError:\n    pass\nprint(n)"], stdout=subprocess.PIPE, text=True)
    assert sender.stdout.readline().strip() == "go"
    host.lab.ports[0].received(0)
    port.join()
    assert int(sender.stdout.read()) > 100
    for other in host.lab.ports[:3]:
        assert got(other) == [], "a forged frame of a newborn port arrived"
    s.says("vnet7", "guarded for VM web-7")
    # Nothing of it stands in the bridge's table, and its honest frames pass from now on.
    fdb = host.lab.run("bridge", "fdb", "show", "br", "br0").stdout
    assert not [line for line in fdb.splitlines() if "52:54:00:00:0a:01" in line and "vnet7" in line]
    assert host.arrives(0, 1, frame(0))


def test_a_port_that_nobody_knows_stays_refused(host, service):  # noqa: F811
    s = service()
    port = newcomer(host, 8, "vnet8")
    port.join()
    s.says("vnet8", "refused everything")
    flood(port, "10.9.0.1", mac(8))
    for other in host.lab.ports[:3]:
        assert got(other) == []
    # An uplink or a bridge is never taken for one.
    host.lab.run("ip", "link", "add", "dm0", "type", "ifb")
    host.lab.run("ip", "link", "set", "dm0", "master", "br0")
    host.lab.run("ip", "link", "set", "dm0", "up")
    time.sleep(0.3)
    assert "not guarded" in host.run("isolate", "trace", "dm0", frame(0)).stderr or "unconfigured" in host.run("isolate", "trace", "dm0", frame(0)).stdout


def test_what_others_take_off_comes_back(host, service):  # noqa: F811
    s = service()
    for _ in range(3):
        host.lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
        s.says("vnet0", "is back")
        s.forget()
    host.lab.run("nft", "flush", "ruleset")
    s.says("rules of nft", "again")
    assert "ringfence_guard" in host.lab.run("nft", "list", "ruleset").stdout
    host.lab.run("bridge", "link", "set", "dev", "vnet1", "locked", "off")
    s.says("vnet1", "closed again")
    # Renamed: the same port, guarded as before.
    host.lab.run("ip", "link", "set", "vnet0", "down")
    host.lab.run("ip", "link", "set", "vnet0", "name", "other0")
    host.lab.run("ip", "link", "set", "other0", "up")
    time.sleep(0.3)
    assert not host.arrives(0, 1, BROADCAST + mac(2) + udp("10.9.0.1", "10.9.0.2"))
    assert host.arrives(0, 1, frame(0))
    assert s.process.poll() is None


def test_it_leaves_others_filters_and_tables_alone(host, service):  # noqa: F811
    host.lab.run("tc", "qdisc", "add", "dev", "vnet2", "clsact")
    host.lab.run("tc", "filter", "add", "dev", "vnet2", "ingress", "prio", "40", "protocol", "ip", "u32", "match", "u32", "0", "0", "flowid", "1:1")
    host.lab.run("nft", "add", "table", "bridge", "somebody")
    s = service()
    host.lab.run("nft", "delete", "table", "bridge", "ringfence_guard")
    s.says("rules of nft", "again")
    assert "pref 40" in host.lab.run("tc", "filter", "show", "dev", "vnet2", "ingress").stdout
    assert "somebody" in host.lab.run("nft", "list", "tables").stdout
    s.stop()
    assert host.isolate("rollback").returncode == 0
    assert "pref 40" in host.lab.run("tc", "filter", "show", "dev", "vnet2", "ingress").stdout
    tables = host.lab.run("nft", "list", "tables").stdout
    assert "somebody" in tables and "ringfence" not in tables


def test_enforcement_outlives_it(host, service):  # noqa: F811
    s = service()
    s.stop(signal.SIGKILL)
    assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    assert host.arrives(0, 1, frame(0))
    # Purged while it is away: the second layer holds, and the next service puts it back.
    host.lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    assert not host.arrives(0, 1, BROADCAST + mac(2) + udp("10.9.0.1", "10.9.0.2"))
    t = Service(host)
    t.says("vnet0", "is back")
    assert host.arrives(0, 1, frame(0))
    t.stop()
    assert t.process.returncode == 0


def test_after_the_start_of_the_host(host, service):  # noqa: F811
    """Nothing in the kernel, only the kept policy: the service makes all of it."""
    host.policy.write_text(host.policy.read_text() + NETWORK % BOTH)
    applied(host)
    for name in os.listdir(host.lab.pins):
        os.unlink(f"{host.lab.pins}/{name}")
    for i in range(3):
        host.lab.run("tc", "qdisc", "del", "dev", f"vnet{i}", "clsact")
    host.lab.run("nft", "flush", "ruleset")
    t = Service(host)
    try:
        t.says("vnet0", "guarded for VM web-0")
        t.says("vnet2", "guarded for VM db-1")
        t.says("rules of nft")
        assert not host.arrives(0, 2, frame(0)), "the zones are those of the policy"
        assert host.arrives(0, 1, frame(0))
        assert host.isolate("verify").returncode == 0
    finally:
        t.stop()


def test_by_hand(host):  # noqa: F811
    host.policy.write_text(host.policy.read_text() + NETWORK % BOTH)
    applied(host)
    state = ["--state-dir", host.tmp / "state"]
    assert host.run("isolate", "guard", "status", *state).returncode == 2
    p = host.run("isolate", "guard", "start", *state, "--domain-xml", host.xml)
    assert p.returncode == 0, p.stderr
    try:
        p = host.run("isolate", "guard", "status", *state)
        assert p.returncode == 0 and "3 ports" in p.stdout, p.stdout + p.stderr
        assert "already" in host.run("isolate", "guard", "start", *state).stdout
    finally:
        p = host.run("isolate", "guard", "stop", *state)
    assert p.returncode == 0 and "ended" in p.stdout
    assert host.run("isolate", "guard", "status", *state).returncode == 2


def test_second_layer_strict_and_uplinks(host):  # noqa: F811
    lab = host.lab
    before = [lab.run("bridge", "-d", "link", "show", "dev", f"vnet{i}").stdout for i in range(3)]
    sh("ip", "-n", lab.ns, "link", "add", "up0", "type", "ifb")
    sh("ip", "-n", lab.ns, "link", "set", "up0", "master", "br0")
    up = lab.run("bridge", "-d", "link", "show", "dev", "up0").stdout
    policy = host.policy.read_text()
    host.policy.write_text(policy + NETWORK % "strict: yes, bridges: br0")
    p = host.isolate("apply")
    assert p.returncode == 1 and "Conflict: br0 up0" in p.stderr, p.stderr
    host.policy.write_text(policy + NETWORK % "strict: yes, bridges: br0, uplinks: 'up*', ports: 'vnet*', second-layer: [bridge, nft]")
    applied(host)
    assert "locked on" in lab.run("bridge", "-d", "link", "show", "dev", "vnet0").stdout
    assert "isolated on" in lab.run("bridge", "-d", "link", "show", "dev", "up0").stdout
    assert "isolated on" not in lab.run("bridge", "-d", "link", "show", "dev", "vnet0").stdout
    assert "ringfence_guard" in lab.run("nft", "list", "ruleset").stdout
    assert "strict on" in host.run("isolate", "watch", "--once").stdout
    assert host.arrives(0, 1, frame(0))
    assert host.isolate("plan").returncode == 0
    # Out of the policy again: nothing of it stays.
    host.policy.write_text(policy)
    applied(host)
    assert [lab.run("bridge", "-d", "link", "show", "dev", f"vnet{i}").stdout for i in range(3)] == before
    assert "isolated off" in lab.run("bridge", "-d", "link", "show", "dev", "up0").stdout
    assert "ringfence_guard" not in lab.run("nft", "list", "ruleset").stdout
    assert "strict off" in host.run("isolate", "watch", "--once").stdout
    for _ in range(2):
        assert host.isolate("rollback").returncode == 0
    assert [lab.run("bridge", "-d", "link", "show", "dev", f"vnet{i}").stdout for i in range(3)] == before
    assert lab.run("bridge", "-d", "link", "show", "dev", "up0").stdout == up


def test_zones_keep_their_numbers(host):  # noqa: F811
    applied(host)
    host.policy.write_text(host.policy.read_text().replace("zones:\n", "zones:\n  first: {exchanges-with: outside}\n"))
    p = host.isolate("plan")
    assert "vnet0" not in p.stdout and "vnet2" not in p.stdout, p.stdout
    assert "zone first" in p.stdout


def test_watch_shows_what_happens(host):  # noqa: F811
    applied(host)
    w = subprocess.Popen(["nsenter", f"--net=/run/netns/{host.lab.ns}", "unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"',
                          host.lab.dir, EXE, "isolate", "watch", "-o", "jsonl"], stdout=subprocess.PIPE, text=True)
    try:
        while json.loads(w.stdout.readline())["event"] != "watching":
            pass
        host.lab.ports[0].send(BROADCAST + mac(2) + udp("10.9.0.1", "10.9.0.2"), 5)
        while (e := json.loads(w.stdout.readline()))["event"] != "refused" or e["port"] != "vnet0":
            pass
        assert e["reason"] == "source-mac" and e["source"] == "52:54:00:00:0a:02", e
        host.lab.run("tc", "qdisc", "del", "dev", "vnet1", "clsact")
        while (e := json.loads(w.stdout.readline()))["event"] != "guard-off":
            pass
        assert e["port"] == "vnet1" and 0 < e["told_ns"] <= e["reported_ns"]
    finally:
        w.kill()
        w.wait()
    p = host.run("isolate", "watch", "--once", "-o", "jsonl")
    assert p.returncode == 2
    rows = {e["port"]: e for e in map(json.loads, p.stdout.splitlines()) if e["event"] == "port"}
    assert rows["vnet1"]["text"] == "OFF" and rows["vnet0"]["refused"]["source-mac"] == 5 and rows["vnet0"]["zone"] == 1
    assert host.run("isolate", "watch", "--once", "-o", "xml").returncode == 64
