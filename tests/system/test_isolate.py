# SPDX-License-Identifier: Apache-2.0
"""Goal: a policy of isolation as a person uses it, on real ports of a bridge (veth, named in VMs' XML): planned, applied live, proven,
undone. Frames are really forged and really counted at the other end. What goes wrong changes nothing."""
import json
import os
import time

import pytest

from conftest import EXE
from guard_lab import BROADCAST, Lab, arp, mac, colons, need, sh, udp

XML = """<domain type='kvm'><name>{name}</name><uuid>00000000-0000-0000-0000-00000000000{i}</uuid><memory>1024</memory>
<os><type arch='x86_64'>hvm</type></os><devices><interface type='bridge'><mac address='{mac}'/><source bridge='br0'/>
<target dev='{tap}'/></interface></devices></domain>"""

POLICY = """isolate: 1
zones:
  web: {exchanges-with: [web, outside]}
  db: {exchanges-with: []}
assignments:
  - {vm: 'web-*', profile: risky, zone: web}
  - {vm: db-1, profile: standard, zone: db}
addresses:
  - {vm: web-0, ip: [10.9.0.1]}
  - {vm: web-1, ip: [10.9.0.2]}
"""
NAMES = ["web-0", "web-1", "db-1"]


class Host:
    def __init__(self, tmp_path):
        self.lab, self.tmp = Lab(3), tmp_path
        self.lab.pins = f"{self.lab.dir}/ringfence"
        self.xml = tmp_path / "xml"
        self.xml.mkdir()
        for i, name in enumerate(NAMES):
            self.define(name, i, f"vnet{i}")
        self.policy = tmp_path / "policy.yaml"
        self.policy.write_text(POLICY)

    def define(self, name, i, tap):
        (self.xml / f"{name}.xml").write_text(XML.format(name=name, i=i, mac=colons(mac(i)), tap=tap))

    def run(self, *args):
        """In the lab's network, and with its BPF file system where the guard looks for one."""
        return self.lab.run("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', self.lab.dir, EXE, *args, check=False)

    def isolate(self, verb, *args, policy=True):
        sources = ["--domain-xml", self.xml, "--no-host"] if verb in ("plan", "apply") or (verb == "verify" and policy) else []
        state = ["--state-dir", self.tmp / "state"] if verb in ("plan", "apply", "rollback") else []
        file = [self.policy] if sources else []
        return self.run("isolate", verb, *file, *args, *sources, *state, "-q")

    def arrives(self, sender, receiver, frame):
        a, b = self.lab.ports[sender], self.lab.ports[receiver]
        b.received(0)
        a.send(frame)
        return any(f.startswith(frame[:60]) for f in b.received())


def frame(source, target_ip="10.9.0.2", source_ip=None, target=BROADCAST):
    return target + mac(source) + udp(source_ip or f"10.9.0.{source + 1}", target_ip)


@pytest.fixture
def host(tmp_path):
    need()
    if not os.path.isdir("/sys/fs/bpf"):
        pytest.skip("no BPF in this kernel")
    h = Host(tmp_path)
    p = h.isolate("plan")
    if p.returncode == 1 and ("BPF" in p.stderr or "bpf" in p.stderr):
        h.lab.close()
        pytest.skip("no BPF here: " + p.stderr.strip())
    yield h
    h.lab.close()


def applied(host, *args):
    p = host.isolate("apply", *args)
    assert p.returncode == 0, p.stderr
    return p


def test_a_plan_changes_nothing(host):
    p = host.isolate("plan")
    assert p.returncode == 2, p.stderr
    assert "vnet0" in p.stdout and "profile risky, zone web" in p.stdout and "zone db" in p.stdout
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    p = host.isolate("verify", policy=False)
    assert p.returncode == 1 and "no guard is loaded" in p.stderr


def test_applied_proven_and_undone(host):
    assert host.arrives(0, 1, frame(0)) and host.arrives(0, 2, frame(0))
    applied(host)
    assert host.arrives(0, 1, frame(0))
    assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77")), "a forged IP address"
    assert not host.arrives(0, 1, BROADCAST + mac(2) + udp("10.9.0.1", "10.9.0.2")), "a forged MAC address"
    assert not host.arrives(0, 2, frame(0)), "the zones may not exchange frames"
    assert not host.arrives(2, 0, frame(2))
    p = host.isolate("apply")
    assert p.returncode == 0 and "Nothing to change" in p.stdout
    p = host.isolate("verify", "-o", "json")
    assert p.returncode == 0, p.stdout + p.stderr
    ports = json.loads(p.stdout)["ports"]
    assert len(ports) == 3 and all(len(x["promises"]) == 30 and x["configured"] for x in ports)
    p = host.isolate("rollback")
    assert p.returncode == 0, p.stderr
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77")) and host.arrives(0, 2, frame(0))


def test_what_somebody_took_away_is_found_and_mended(host):
    applied(host)
    host.lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    p = host.isolate("verify")
    assert p.returncode == 2 and "NOT" in p.stdout
    assert host.isolate("verify", policy=False).returncode == 2
    assert host.isolate("plan").returncode == 2
    applied(host)
    assert host.isolate("verify").returncode == 0
    host.policy.write_text(POLICY.replace("{exchanges-with: []}", "{exchanges-with: web}"))
    p = host.isolate("verify")
    assert p.returncode == 2 and "zone 2 db" in p.stdout
    applied(host)
    assert host.arrives(0, 2, frame(0))


def test_a_conflict_changes_nothing(host):
    host.policy.write_text(POLICY.replace("  - {vm: db-1", "  - {vm: web-1, profile: risky, zone: db}\n  - {vm: db-1"))
    p = host.isolate("apply")
    assert p.returncode == 1 and "web-1 net0: it is in two places" in p.stderr and "nothing was changed" in p.stderr
    assert host.isolate("plan").returncode == 2
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    host.policy.write_text(POLICY + "cpu: {}\n")
    p = host.isolate("apply")
    assert p.returncode == 1 and "policy.yaml:11:" in p.stderr


def test_only_ports_of_vms(host):
    host.define("db-1", 2, "br0")
    p = host.isolate("apply")
    assert p.returncode == 1 and "br0 is no tap and no veth" in p.stdout + p.stderr
    sh("ip", "-n", host.lab.ns, "link", "set", "vnet2", "nomaster")
    host.define("db-1", 2, "vnet2")
    p = host.isolate("plan")
    assert "vnet2 is no port of a bridge" in p.stdout
    host.define("db-1", 2, "vnet99")
    p = host.isolate("plan", "-a")
    assert "the VM is off" in p.stderr


def test_what_leads_to_the_host_wants_a_confirmation(host):
    """The default route goes over the bridge, by a hop that is web-0: its port, its zone and the host's own could cut everybody off."""
    sh("ip", "-n", host.lab.ns, "addr", "add", "10.9.0.100/24", "dev", "br0")
    sh("ip", "-n", host.lab.ns, "link", "set", "vnet0", "address", "fe" + colons(mac(0))[2:])
    sh("ip", "-n", host.lab.ns, "neigh", "replace", "10.9.0.1", "lladdr", colons(mac(0)), "dev", "br0")
    sh("ip", "-n", host.lab.ns, "route", "add", "default", "via", "10.9.0.1")
    p = host.isolate("plan", "-o", "json")
    marked = {c["target"] for c in json.loads(p.stdout)["changes"] if c.get("could_cut_access")}
    assert marked == {"vnet0", "zone 0", "zone 1"}, marked
    p = host.isolate("apply")
    assert p.returncode == 64 and "--confirm-within" in p.stderr, p.stderr
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77")), "nothing was changed"
    assert host.isolate("plan").returncode == 2
    applied(host, "--confirm-within", "0")
    assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))


def test_unconfirmed_is_undone(host):
    applied(host, "--confirm-within", "1s")
    end = time.monotonic() + 20
    while not host.arrives(0, 1, frame(0, source_ip="10.9.0.77")):
        assert time.monotonic() < end, "still in force"


def test_a_vm_that_went_is_no_hindrance_to_undoing(host):
    applied(host)
    sh("ip", "-n", host.lab.ns, "link", "del", "vnet2")
    p = host.isolate("rollback")
    assert p.returncode == 0, p.stderr
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))


def test_a_kept_plan_goes_the_way_of_every_plan(host, tmp_path):
    plan = tmp_path / "plan.json"
    assert host.isolate("plan", "--save", plan).returncode == 2
    changes = json.loads(plan.read_text())["changes"]
    assert [c["verb"] for c in changes] == ["guard-zone"] * 2 + ["guard-port"] * 3 + ["guard-policy"]
    p = host.run("fix", "--plan", plan, "--apply", "--state-dir", tmp_path / "state")
    assert p.returncode == 0, p.stderr
    assert host.isolate("verify").returncode == 0
    assert host.run("fix", "--plan", plan, "--apply", "--state-dir", tmp_path / "state").returncode == 1
    # A bit that no policy has: the privileged side looks again.
    changes[2]["payload"] = "01" + changes[2]["payload"][2:]
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "id": "20260101-000000-00000001", "changes": [changes[2]]}))
    p = host.run("fix", "--plan", plan, "--apply", "--state-dir", tmp_path / "state")
    assert p.returncode == 1 and "the guard's to write" in p.stderr, p.stderr


def test_trace(host, tmp_path):
    applied(host)
    p = host.isolate("trace", "vnet0", frame(0))
    assert p.returncode == 0 and "passes: pass" in p.stdout and "zone 1" in p.stdout
    forged = tmp_path / "forged"
    forged.write_bytes(bytes.fromhex(BROADCAST + mac(1) + arp(1, mac(1), "10.9.0.2", "10.9.0.1")))
    p = host.isolate("trace", "vnet0", forged)
    assert p.returncode == 2 and "refused: source-mac" in p.stdout
    assert host.isolate("trace", "vnet0", "zz").returncode == 64
    assert host.isolate("trace", "vnet0", "00").returncode == 64
    assert host.isolate("trace", "none0", frame(0)).returncode == 1
