# SPDX-License-Identifier: Apache-2.0
"""Goal: a closed switch is proven closed on real links, and each way out of it that somebody makes is told with its path: a veth pair, an
address, an uplink, forwarding, a VLAN or macvtap on top, a tunnel, a namespace between, a VM with two cards, something unknown. In a network
namespace of the test's own; nothing of the host is touched."""
import json
import os
import shutil
import subprocess
import uuid

import pytest

from conftest import EXE
from guard_lab import sh

POLICY = """isolate: 1
zones: {}
assignments: []
network: {closed: br-lab, uplinks: [up0], routers: [fw-1]}
"""
VM = """<domain type='kvm'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>64</memory><os><type>hvm</type></os>
<devices>%s</devices></domain>"""
NIC = "<interface type='bridge'><source bridge='%s'/><mac address='52:54:00:00:0b:%02x'/><target dev='%s'/></interface>"


class Host:
    def __init__(self, tmp):
        self.ns, self.tmp, self.xml = f"rft{uuid.uuid4().hex[:6]}", tmp, tmp / "xml"
        self.made = [self.ns]
        self.xml.mkdir()
        self.policy = tmp / "policy.yaml"
        self.policy.write_text(POLICY)
        sh("ip", "netns", "add", self.ns)
        # Nothing of IPv6 that is not asked for, and no forwarding whatever the host has.
        self.inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ip_forward=0")
        for name in ("br-lab", "br-prod"):
            self.ip("link", "add", name, "type", "bridge")
            self.ip("link", "set", name, "up")
        self.tap("vnet0", "br-lab")
        self.tap("vnet1", "br-prod")
        self.vm("web-1", ("br-lab", 1, "vnet0"))
        self.vm("web-2", ("br-prod", 2, "vnet1"))

    def inside(self, *command, check=True):
        return sh("ip", "netns", "exec", self.ns, *command, check=check)

    def ip(self, *words, check=True):
        return sh("ip", "-n", self.ns, *words, check=check)

    def tap(self, name, bridge):
        self.ip("tuntap", "add", name, "mode", "tap")
        self.ip("link", "set", name, "master", bridge)

    def vm(self, name, *cards):
        (self.xml / f"{name}.xml").write_text(VM % (name, uuid.uuid5(uuid.NAMESPACE_DNS, name), "".join(NIC % c for c in cards)))

    def netns(self, name):
        name = f"{self.ns}-{name}"
        sh("ip", "netns", "add", name)
        self.made.append(name)
        return name

    def run(self, *args):
        return subprocess.run(["ip", "netns", "exec", self.ns, EXE, *map(str, args), "--domain-xml", str(self.xml), "--host"], capture_output=True,
                              text=True, timeout=180)

    def topology(self, *args):
        return self.run("isolate", "topology", self.policy, *args)

    def broken(self):
        """The evidence of each promise that does not hold, by promise."""
        p = self.topology("-o", "json")
        assert p.returncode in (0, 2), p.stderr
        rows = json.loads(p.stdout)["closed"]
        assert len(rows) == 5
        bad = {r["promise"]: r["evidence"] for r in rows if "no" in (r["configured"], r["enforced"], r["proven"])}
        assert (p.returncode == 2) == bool(bad)
        return bad

    def close(self):
        for name in reversed(self.made):
            sh("ip", "netns", "del", name, check=False)


@pytest.fixture
def host(tmp_path):
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("not root, or no ip")
    h = Host(tmp_path)
    yield h
    h.close()


UPLINK, HOST, SWITCH, TUNNEL, KNOWN = ("it has no uplink", "the host itself is not on it", "no way leads to another switch",
                                       "no tunnel leads out of it", "what is plugged into it is known")


def veth(host):
    host.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    host.ip("link", "set", "va", "master", "br-lab")
    host.ip("link", "set", "vb", "master", "br-prod")


def between(host):
    other = host.netns("mid")
    for i, bridge in enumerate(("br-lab", "br-prod")):
        host.ip("link", "add", f"v{i}", "type", "veth", "peer", "name", f"eth{i}", "netns", other)
        host.ip("link", "set", f"v{i}", "master", bridge)
        sh("ip", "-n", other, "address", "add", f"10.{i}.0.2/24", "dev", f"eth{i}")
        sh("ip", "-n", other, "link", "set", f"eth{i}", "up")
    sh("ip", "netns", "exec", other, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def forwards(host):
    host.inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.br-lab.rp_filter=0")
    host.ip("address", "add", "10.8.0.1/24", "dev", "br-prod")


def macvtap(host):
    host.ip("link", "add", "link", "br-lab", "name", "mvt0", "type", "macvtap")


def weak(host):
    host.inside("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.br-lab.rp_filter=0")
    host.ip("address", "add", "10.8.0.1/24", "dev", "br-prod")


def routed(host):
    """The segment has no address, but a route: its packets are taken although rp_filter is on."""
    host.inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=1")
    host.ip("link", "set", "lo", "up")
    host.ip("address", "add", "10.7.0.1/32", "dev", "lo")
    host.ip("route", "add", "10.5.0.0/24", "dev", "br-lab", "src", "10.7.0.1", "table", "100")
    host.ip("route", "add", "10.6.0.0/24", "dev", "br-prod", "src", "10.7.0.1")


def filtered(host):
    rules = "table netdev t { chain c { type filter hook ingress device br-lab priority 0; fwd to br-prod; }; }"
    p = subprocess.run(["ip", "netns", "exec", host.ns, "nft", "-f", "-"], input=rules, text=True, capture_output=True)
    assert p.returncode == 0, p.stderr


CASES = {
    "another address": (weak, HOST, "br-lab has no address, but packets for the host's others are taken there (rp_filter is 0)"),
    "a route": (routed, SWITCH, "which has no address but a route, 10.5.0.0/24 (table 100), and is forwarded to br-prod by a route, 10.6.0.0/24"),
    "nft": (filtered, SWITCH, "br-lab reaches br-prod: nft fwd on br-lab, table t, chain c"),
    "veth": (veth, SWITCH, "br-lab reaches br-prod: port va, its other end vb"),
    "address": (lambda h: h.ip("address", "add", "10.9.0.1/24", "dev", "br-lab"), HOST, "br-lab has address 10.9.0.1"),
    "link-local": (lambda h: (h.inside("sysctl", "-qw", "net.ipv6.conf.br-lab.disable_ipv6=0"),
                              h.ip("address", "add", "fe80::99/64", "dev", "br-lab")), HOST, "br-lab has address fe80::"),
    "uplink": (lambda h: (h.ip("link", "add", "up0", "type", "ifb"), h.ip("link", "set", "up0", "master", "br-lab")), UPLINK,
               "br-lab reaches up0: port up0"),
    "forwarding": (forwards, SWITCH, "IPv4 comes in at br-lab, although it has no address (rp_filter is 0), and is forwarded to br-prod"),
    "macvlan": (lambda h: (h.ip("link", "add", "link", "br-lab", "name", "mv0", "type", "macvlan"), h.ip("link", "set", "mv0", "master", "br-prod")),
                SWITCH, "mv0 (macvlan) on top of it"),
    "macvtap": (macvtap, KNOWN, "mvt0 (macvtap) on top of it"),
    "tunnel": (lambda h: (h.ip("link", "add", "gt0", "type", "gretap", "remote", "192.0.2.1", "local", "192.0.2.2"),
                          h.ip("link", "set", "gt0", "master", "br-lab")), TUNNEL, "br-lab reaches gt0: port gt0"),
    "namespace": (between, SWITCH, "and it forwards"),
    "two cards": (lambda h: (h.tap("vnet2", "br-prod"), h.vm("web-1", ("br-lab", 1, "vnet0"), ("br-prod", 3, "vnet2"))), SWITCH,
                  "br-lab reaches br-prod by VM web-1: port vnet0, nic net0 52:54:00:00:0b:01, nic net1 52:54:00:00:0b:03 at vnet2"),
    "the host's network": (lambda h: h.vm("web-1", ("br-lab", 1, "vnet0")) or (h.xml / "web-1.xml").write_text(
        (h.xml / "web-1.xml").read_text().replace("</devices>", "<interface type='user'/></devices>")), UPLINK, "the host's network, by QEMU itself"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_way_out_is_told(host, case):
    assert host.broken() == {}
    make, promise, words = CASES[case]
    try:
        make(host)
    except AssertionError as e:
        if "not supported" in str(e) or "Unknown device type" in str(e) or "No such file" in str(e):
            pytest.skip(f"this kernel has no {case}: {e}")
        raise
    bad = host.broken()
    assert promise in bad and words in bad[promise], bad
    if promise == HOST:
        assert set(bad) == {HOST}


def test_verify_and_plan_tell_of_it(host):
    p = host.run("isolate", "verify", host.policy, "-a", "--state-dir", host.tmp / "state")
    assert p.returncode == 0 and "closed switch br-lab" in p.stdout and p.stdout.count(", proven") >= 5, p.stdout + p.stderr
    veth(host)
    p = host.run("isolate", "verify", host.policy, "--state-dir", host.tmp / "state")
    assert p.returncode == 2 and "FAIL   no way leads to another switch" in p.stdout and "its other end vb" in p.stdout
    p = host.run("isolate", "plan", host.policy, "--state-dir", host.tmp / "state")
    assert "closed switch br-lab, not so that no way leads to another switch" in p.stderr


def test_who_may_stand_between(host):
    host.tap("vnet3", "br-lab")
    host.tap("vnet4", "br-prod")
    host.vm("fw-1", ("br-lab", 4, "vnet3"), ("br-prod", 5, "vnet4"))
    assert host.broken() == {}
    p = host.topology()
    assert p.returncode == 0 and "not through VM fw-1, which the policy lets stand between" in p.stdout
    host.policy.write_text(POLICY.replace(", routers: [fw-1]", ""))
    assert SWITCH in host.broken()


def test_a_macvlan_in_a_namespace_that_only_it_leads_to(host):
    """Nothing of ours tells of it: the namespace is found by its name, and the link by asking there."""
    other = host.netns("far")
    host.ip("link", "add", "link", "br-lab", "name", "mv9", "netns", other, "type", "macvlan")
    assert host.broken() == {}
    veth9 = ("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    host.ip(*veth9)
    host.ip("link", "set", "x0", "master", "br-prod")
    host.ip("link", "set", "x1", "netns", other)
    for i, name in enumerate(("mv9", "x1")):
        sh("ip", "-n", other, "address", "add", f"10.{i}.0.2/24", "dev", name)
    bad = host.broken()
    assert SWITCH in bad and f"network namespace {other}" in bad[SWITCH], bad


def test_pictures(host):
    veth(host)
    p = host.topology("-o", "svg")
    assert p.returncode == 2 and p.stdout.startswith("<svg") and "closed: NOT" in p.stdout
    p = host.topology("-o", "dot")
    assert p.returncode == 2 and p.stdout.startswith("digraph")
    if shutil.which("dot"):
        assert subprocess.run(["dot", "-Tsvg"], input=p.stdout, text=True, capture_output=True).returncode == 0
    assert host.topology("-o", "png").returncode == 64
    p = host.topology()
    assert p.returncode == 2 and "! br-lab reaches br-prod: port va, its other end vb" in p.stdout
