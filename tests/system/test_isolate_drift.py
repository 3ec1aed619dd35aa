# SPDX-License-Identifier: Apache-2.0
"""Goal: every way in which a host drifts from its policy is found by `isolate verify` and named, and a host that did not drift gives no alarm.
A table: each row seeds one fault with a foreign tool (tc, bridge, nft, ip, the guard's own maps as a root program would write them, a VM's
XML) and says what must be said of it. Faults that do not touch each other are seeded together; `isolate apply` mends them all."""
import json
import re
import shutil

import pytest

from guard_lab import colons, mac, sh
from test_isolate import host  # noqa: F401
from test_shape import PROFILE, links

POLICY = """isolate: 1
zones:
  web: {exchanges-with: [web, outside]}
  db: {exchanges-with: []}
assignments:
  - {vm: 'web-*', profile: slow, zone: web}
  - {vm: db-1, profile: risky, zone: db}
addresses:
  - {vm: web-0, ip: [10.9.0.1]}
  - {vm: web-1, ip: [10.9.0.2]}
  - {vm: db-1, ip: [10.9.0.3]}
network: {second-layer: [bridge, nft], ports: 'vnet*', bridges: br0, uplinks: 'up*', strict: yes}
""" + PROFILE.replace("based-on: standard", "based-on: risky")

NOT_FORGED, PORT = "another's source MAC address", "what is configured is not what the policy wants"
HANGS, FIRST = "does not hang on the link", "another program stands before it"
FENCE, RULES = "second layer: its bridge", "second layer: nft"

# (what drifts, seed, subject, words of the finding); {h} is the host. A seed is a command in the host's network, or a function.
br = "bridge link set dev {} {}"


def put(port, **keys):
    """A port's policy as another program with root's rights may write it: that of `apply`, with something else in it."""
    def seed(h):
        base = {"mac": colons(mac(int(port[-1]))), "addr": f"10.9.0.{int(port[-1]) + 1}", "zone": 2 if port == "vnet2" else 1}
        h.lab.tool("set", port, *h.lab.ports[0].words({**base, **keys}))
    return seed


def xml(name, old, new):
    def seed(h):
        path = h.xml / f"{name}.xml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    return seed


def filters_first(port, way):
    def seed(h):
        h.lab.run("tc", "filter", "add", "dev", port, way, "pref", "1", "handle", "1", "bpf", "da", "obj", h.passing, "sec", "tc")
    return seed


def waiting(command):
    """Something is done to the link that vnet1's frames wait on."""
    def seed(h):
        h.lab.run(*command.format(f"rfs{links(h)['vnet1']}").split())
    return seed


GROUPS = [
    [("the guard's qdisc is gone", "tc qdisc del dev vnet0 clsact", "vnet0", "no guard hangs|" + HANGS),
     ("the filter from the VM is gone", "tc filter del dev vnet1 ingress pref 1", "vnet1", HANGS),
     ("the filter to the VM is gone", "tc filter del dev vnet2 egress pref 1", "vnet2", HANGS),
     ("the uplink's guard is gone", "tc qdisc del dev up0 clsact", "network up0", "an uplink brings"),
     ("the host's own end has no guard", "tc filter del dev br0 ingress pref 1", "network br0", "carries a mark")],
    [("a filter stands before the guard, from the VM", filters_first("vnet0", "ingress"), "vnet0", FIRST),
     ("a filter stands before the guard, to the VM", filters_first("vnet1", "egress"), "vnet1", FIRST),
     ("a filter stands before the uplink's guard", filters_first("up0", "ingress"), "network up0", "not first"),
     ("rules of nft are flushed", "nft flush ruleset", "network", RULES),
     ("strict is switched off", lambda h: h.lab.tool("strict", "0"), "network", "strict")],
    [("the port only observes", put("vnet0", mode=2), "vnet0", "only observes"),
     ("the port has another's address", put("vnet1", addr=["10.9.0.2", "10.9.0.3"]), "vnet1", PORT),
     ("a row of the matrix lets more pass", lambda h: h.lab.tool("zones", "0:0", "0:1", "1:1", "1:2"), "zone", "zone 1 web"),
     ("the fence is unlocked", br.format("vnet2", "locked off"), "network vnet2", FENCE)],
    [("the port is refused everything", put("vnet0", mode=0), "vnet0", PORT),
     ("the port may use another MAC", put("vnet1", more=colons(mac(7))), "vnet1", PORT),
     ("the port is in another zone", put("vnet2", zone=1), "vnet2", PORT),
     ("the fence learns", br.format("vnet0", "learning on"), "network vnet0", FENCE),
     ("the fence floods", br.format("vnet1", "flood on"), "network vnet1", FENCE),
     ("a rule of nft is gone", "nft flush chain bridge ringfence_guard {chain}", "network", RULES)],
    [("the port has another MAC", put("vnet0", mac=colons(mac(8))), "vnet0", PORT),
     ("the port hears everything", put("vnet1", flags=0x20), "vnet1", PORT),
     ("the port may answer DHCP", put("vnet2", flags=0x08), "vnet2", PORT),
     ("uplinks may talk to each other", br.format("up0", "isolated off"), "network up0", "keeps it from other uplinks"),
     ("a rule is added to our table", "nft add rule bridge ringfence_guard {chain} accept", "network", RULES)],
    [("the port may be a router", put("vnet0", flags=0x10), "vnet0", PORT),
     ("the port may use any IPv4 address", put("vnet1", flags=0x01), "vnet1", PORT),
     ("the port's frames are tagged", put("vnet2", vlan="vst:7"), "vnet2", PORT),
     ("its static address is gone", f"bridge fdb del {colons(mac(0))} dev vnet0 master static", "network vnet0", "NOT those wanted"),
     ("another's static address is there", f"bridge fdb add {colons(mac(9))} dev vnet1 master static", "network vnet1", "NOT those wanted")],
    [("the port may send larger frames", put("vnet0", max=9018), "vnet0", PORT),
     ("the port is given a rate", put("vnet1", pps=5), "vnet1", PORT),
     ("the port has no address", lambda h: h.lab.tool("set", "vnet2", f"mac={colons(mac(2))}", "zone=2"), "vnet2", PORT),
     ("the table of nft is another's", ["nft delete table bridge ringfence_guard", "nft add table bridge ringfence_guard"], "network", RULES)],
    [("the limit to the VM is gone", "tc qdisc del dev vnet0 root", "vnet0", "rate to the VM"),
     ("the limit from the VM is gone", "tc filter del dev vnet0 ingress pref 65534", "vnet0", "rate from the VM"),
     ("another's queue stands there", ["tc qdisc del dev vnet1 root", "tc qdisc add dev vnet1 root pfifo limit 9"], "vnet1", "pfifo"),
     ("the link that frames wait on is down", waiting("ip link set {} down"), "vnet1", "rate from the VM"),
     ("the port is no port of the bridge", "ip link set vnet2 nomaster", "network vnet2", "no port of a bridge")],
    [("the link that frames wait on is gone", waiting("ip link del {}"), "vnet1", "rate from the VM"),
     ("the limit is another", ["tc qdisc del dev vnet0 root", "tc qdisc add dev vnet0 root handle 5246: tbf rate 1gbit burst 100k latency 50ms"],
      "vnet0", "rate to the VM"),
     ("the guard is detached", lambda h: h.lab.tool("detach", "vnet2"), "vnet2", "no guard hangs")],
    [("a VM's card has another address in its definition", xml("web-0", colons(mac(0)), colons(mac(6))), "vnet0", PORT)],
]


def restore(h):
    """What no plan of isolation mends: other people's things."""
    for command in ("tc filter del dev vnet0 ingress pref 1 handle 1 bpf", "tc filter del dev vnet1 egress pref 1 handle 1 bpf",
                    "tc filter del dev up0 ingress pref 1 handle 1 bpf", "ip link set vnet2 master br0"):
        h.lab.run(*command.split(), check=False)
    if "pfifo" in h.lab.run("tc", "qdisc", "show", "dev", "vnet1").stdout:
        h.lab.run("tc", "qdisc", "del", "dev", "vnet1", "root")
    for i, name in enumerate(("web-0", "web-1", "db-1")):
        h.define(name, i, f"vnet{i}")


def findings(h):
    """Subject and words of each promise that is not kept."""
    p = h.isolate("verify", "-o", "json")
    assert p.returncode in (0, 2), p.stderr
    shown = json.loads(p.stdout)
    out = [(line.split(":")[0].split()[0], line) for line in p.stderr.splitlines() if "NOT as promised" in line]
    for port in shown["ports"]:
        words = [x["name"] + " " + x["evidence"] for x in port["promises"] if not (x["enforced"] and x["proven"])]
        if port["problem"] or words:
            out.append((port["link"], port["problem"] + " | " + " | ".join(words)))
    for x in shown["promises"]:
        if False in (x["configured"], x["enforced"], x["proven"]):
            out.append((x["subject"].split(" on ")[-1], x["promise"] + " | " + x["evidence"]))
    assert (p.returncode == 2) == bool(out), (p.returncode, out, p.stderr)
    return out


@pytest.fixture
def drifting(host):  # noqa: F811
    if not shutil.which("clang"):
        pytest.skip("not on this machine: clang")
    source, host.passing = host.tmp / "pass.c", host.tmp / "pass.o"
    source.write_text('__attribute__((section("tc"))) int pass(void *skb) { return 0; }\n__attribute__((section("license"))) char LICENSE[] = "GPL";\n')
    sh("clang", "-O2", "-target", "bpf", "-c", source, "-o", host.passing)
    sh("ip", "-n", host.lab.ns, "link", "add", "up0", "type", "ifb")
    sh("ip", "-n", host.lab.ns, "link", "set", "up0", "master", "br0", "up")
    host.policy.write_text(POLICY)
    p = host.isolate("apply")
    if p.returncode and "this kernel has no" in p.stderr:
        pytest.skip(p.stderr.strip())
    assert p.returncode == 0, p.stdout + p.stderr
    host.chain = re.search(r"chain (\S+) ", host.lab.run("nft", "list", "table", "bridge", "ringfence_guard").stdout)[1]
    return host


def test_each_drift_is_found_and_nothing_else(drifting):
    h, found, missed = drifting, 0, []
    assert findings(h) == [], "a clean host"
    for group in GROUPS:
        for name, seed, _, _ in group:
            for one in seed if isinstance(seed, list) else [seed]:
                if callable(one):
                    one(h)
                else:
                    h.lab.run(*one.format(chain=h.chain).split())
        seen = findings(h)
        for name, _, subject, words in group:
            if any(subject == s and re.search(words, text) for s, text in seen):
                found += 1
            else:
                missed.append((name, seen))
        # Nothing is said of what was left alone.
        subjects = {subject.split()[-1] for _, _, subject, _ in group}
        for s, text in seen:
            if s not in ("network", "zone"):
                assert s.split()[-1] in subjects, (s, text)
        restore(h)
        p = h.isolate("apply")
        assert p.returncode == 0, (group[0][0], p.stdout + p.stderr)
        assert findings(h) == [], group[0][0]
    assert not missed, missed[0]
    assert found >= 40, found
