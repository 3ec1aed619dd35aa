# SPDX-License-Identifier: Apache-2.0
"""The network guard on real links: what a VM forges does not arrive, is counted by reason, and nothing that
happens to the guard opens a port. Everything is in namespaces of its own."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import guard_lab
from guard_lab import BROADCAST, Lab, Tap, arp, colons, icmp6, mac, sh, udp


@pytest.fixture
def lab(request):
    guard_lab.need()
    made = Lab(getattr(request, "param", 3))
    yield made
    made.close()


HOOKS = ["clsact", "tcx"]


def only(frames, text):
    return [f for f in frames if text in f]


@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_vm_forges_is_dropped_and_counted(lab, hook):
    a, b, c = lab.ports
    lab.guard(hook)
    tagged = "8100000a" + udp(a.ip, b.ip, data="f0000a")
    forged = {
        "source-mac": BROADCAST + b.mac + udp(a.ip, b.ip, data="f00001"),
        "ipv4-source": BROADCAST + a.mac + udp(b.ip, c.ip, data="f00002"),
        "arp": BROADCAST + a.mac + arp(2, a.mac, b.ip, c.ip),
        "dhcp-server": BROADCAST + a.mac + udp(a.ip, "255.255.255.255", 67, 68, data="f00004"),
        "router": "333300000001" + a.mac + icmp6(134, "2001:db8::a", "ff02::1", "40" + "0" * 22),
        "vlan": BROADCAST + a.mac + tagged,
        "link-control": "0180c2000000" + a.mac + "0026424203" + "0" * 70,
        "ethertype": BROADCAST + a.mac + "8847" + "0" * 92,
    }
    # The router advertisement needs a source that is the port's own, else that is its fault.
    a.policy(zone=1, addr=[a.ip, "2001:db8::a"])
    for frame in forged.values():
        a.send(frame, 5)
    a.send(BROADCAST + a.mac + udp(a.ip, b.ip, data="600d01"))
    for receiver in (b, c):
        seen = [f for f in receiver.received() if f[12:24] in (a.mac, b.mac) and f[:12] != mac(9)]
        assert len(only(seen, "600d01")) == 1
        assert [f for f in seen if "600d01" not in f] == []
    counts = a.counts()
    assert {reason: counts.get(reason) for reason in forged} == {reason: 5 for reason in forged}
    # The forged source was not learned either: the bridge still sends the victim's frames to the victim.
    c.send(b.mac + c.mac + udp(c.ip, b.ip, data="600d02"))
    assert len(only(b.received(), "600d02")) == 1
    events = lab.tool("events").splitlines()
    assert any("source-mac" in e for e in events) or any("ipv4-source" in e for e in events)
    assert len(events) < 40


def test_honest_traffic_passes(lab):
    """Real stacks: ARP, duplicate address detection, neighbour discovery, and SLAAC from a router."""
    a, b, router = lab.ports
    lab.guard()
    for p in lab.ports:
        p.policy(zone=1, addr=[p.ip, "fe80::/64", "2001:db8:77::/64"], flags=0x10 if p is router else 0)
        guard_lab.quiet(p.ns, 0)
        sh("ip", "-n", p.ns, "addr", "add", f"{p.ip}/24", "dev", "eth0")
        sh("ip", "-n", p.ns, "addr", "add", f"fe80::{p.i + 1}/64", "dev", "eth0")
    assert guard_lab.echo(a, b, socket.AF_INET, b.ip)
    # Prefix information, autonomous: the VM makes its address of it and asks whether it is taken.
    prefix = "030440c000015180000151800000000020010db8007700000000000000000000"
    advertisement = icmp6(134, "fe80::3", "ff02::1", "40000708" + "0" * 16 + prefix)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and not all(address_of(p, x) for p in (a, b) for x in ("2001:db8:77:", "fe80:")):
        router.send(checked("333300000001" + router.mac + advertisement))
        time.sleep(0.3)
    assert guard_lab.echo(a, b, socket.AF_INET6, address_of(b, "2001:db8:77:"))
    with guard_lab.inside(a.ns):
        scope = socket.if_nametoindex("eth0")
    assert guard_lab.echo(a, b, socket.AF_INET6, address_of(b, "fe80:"), scope)
    assert not {"nd", "arp", "router", "ipv4-source", "ipv6-source"} & a.counts().keys()


def address_of(port, prefix):
    words = sh("ip", "-n", port.ns, "-6", "addr", "show", "dev", "eth0", "-tentative").stdout.split()
    return next((w.split("/")[0] for w in words if w.startswith(prefix)), None)


def checked(frame):
    """With its ICMPv6 checksum, since a real stack looks at it."""
    head, body = frame[:28 + 80], frame[28 + 80:]
    data = bytes.fromhex(head[28 + 16:] + f"{len(body) // 2:08x}0000003a" + body)
    return head + body[:4] + f"{guard_lab.checksum(data):04x}" + body[8:]


def test_a_port_is_denied_before_anybody_configures_it(lab):
    a, b, _ = lab.ports
    lab.guard()
    lab.tool("strict", "1")
    lab.watch("vnet*")
    born = lab.add(7, join=False)
    # It sends from its first moment on.
    stop, sent = threading.Event(), [0]

    def flood():
        while not stop.is_set():
            try:
                born.send(BROADCAST + born.mac + udp(born.ip, b.ip, data="bad007"))
                sent[0] += 1
            except OSError:
                pass

    thread = threading.Thread(target=flood)
    thread.start()
    born.join()
    assert lab.notice()[:2] == ["attached", "vnet7"]
    time.sleep(0.2)
    stop.set()
    thread.join()
    assert sent[0] > 100
    for receiver in (a, b):
        assert only(receiver.received(), "bad007") == []
    state = born.state()
    assert [state[k].strip() for k in ("in", "out", "mode")] == ["1", "1", "0"]
    assert born.counts()["denied"] > 0
    born.policy(zone=1)
    born.send(BROADCAST + born.mac + udp(born.ip, b.ip, data="600d07"))
    assert len(only(b.received(), "600d07")) == 1


def flooding(port, frame, stop):
    def run():
        data = bytes.fromhex(frame)
        while not stop.is_set():
            port.socket.send(data)
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_purge_heals_and_leaks_nothing(lab):
    a, b, _ = lab.ports
    lab.guard("clsact")
    lab.tool("strict", "1")
    lab.tool("fence", *[p.name for p in lab.ports])
    assert "locked 1" in lab.tool("bridge", "vnet0")
    lab.watch("vnet*")
    stop = threading.Event()
    thread = flooding(a, BROADCAST + b.mac + udp(a.ip, b.ip, data="bad001"), stop)
    try:
        for _ in range(10):
            lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
            assert lab.notice()[:2] == ["healed", "vnet0"]
    finally:
        stop.set()
        thread.join()
    assert only(lab.ports[2].received(), "bad001") == []
    assert only(b.received(), "bad001") == []
    assert a.counts()["heals"] == 10
    # One filter taken, another put in its place: the same.
    lab.run("tc", "filter", "del", "dev", "vnet0", "egress")
    assert lab.notice()[:2] == ["healed", "vnet0"]
    assert a.state()["out"].strip() == "1"


def test_the_egress_of_others_is_a_second_layer(lab):
    """No watcher, no lock: a purged port's frames are unmarked, and strict ports refuse those."""
    a, b, _ = lab.ports
    lab.guard("clsact")
    lab.tool("strict", "1")
    lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    a.send(BROADCAST + a.mac + udp(a.ip, b.ip, data="bad002"), 20)
    assert only(b.received(), "bad002") == []
    assert b.counts()["unguarded"] == 20
    assert a.state()["in"].strip() == "0"


def test_a_locked_port_forwards_its_own_addresses_only(lab):
    """The bridge alone, with the guard off: what was learned before, and what an older policy had, is forgotten."""
    a, b, _ = lab.ports
    old, learned = mac(60), mac(61)
    a.send(BROADCAST + learned + udp(a.ip, b.ip))
    lab.guard()
    a.policy(zone=1, more=colons(old))
    lab.tool("fence", "vnet0")
    table = lab.run("bridge", "fdb", "show", "br", "br0", "brport", "vnet0").stdout
    assert colons(old) in table and colons(a.mac) in table and colons(learned) not in table
    a.policy(zone=1)
    lab.tool("fence", "vnet0")
    lab.tool("unload")
    for source, data in ((old, "bad030"), (learned, "bad031"), (b.mac, "bad032"), (a.mac, "600d30")):
        a.send(BROADCAST + source + udp(a.ip, b.ip, data=data))
    frames = b.received()
    assert [f for f in frames if "bad03" in f] == [] and len(only(frames, "600d30")) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_enforcement_outlives_the_agent(lab, hook):
    a, b, _ = lab.ports
    lab.guard(hook)
    lab.watch("vnet*")
    forged, honest = BROADCAST + b.mac + udp(a.ip, b.ip, data="bad003"), BROADCAST + a.mac + udp(a.ip, b.ip, data="600d03")
    before = a.state()
    lab.watcher.send_signal(signal.SIGKILL)
    lab.watcher.wait()
    a.send(forged, 20)
    a.send(honest, 20)
    # Opened again: the same programs by tag, the same policy, the same counters.
    lab.tool("open")
    assert a.state() == before
    frames = b.received()
    assert only(frames, "bad003") == [] and len(only(frames, "600d03")) == 20
    assert a.counts()["source-mac"] == 20
    # Somebody removes the pins, and the agent comes back: it finds itself by what hangs on the links.
    policy = lab.tool("raw", "vnet0")
    for name in os.listdir(lab.pins):
        os.unlink(f"{lab.pins}/{name}")
    a.send(forged, 20)
    lab.tool("open")
    assert lab.tool("raw", "vnet0") == policy
    assert a.state()["in"].strip() == "1"
    a.send(forged, 20)
    a.send(honest, 20)
    frames = b.received()
    assert only(frames, "bad003") == [] and len(only(frames, "600d03")) == 20
    assert a.counts()["source-mac"] == 60


def test_a_policy_change_leaks_and_loses_nothing(lab):
    """Two policies, switched some thousand times while frames come that neither allows (the address of one with
    the MAC of the other) and frames that both allow."""
    a, b, _ = lab.ports
    lab.guard()
    one = {"mac": colons(a.mac), "more": colons(mac(90)), "addr": ["10.9.0.101", a.ip], "zone": 1}
    two = {"mac": colons(a.mac), "more": colons(mac(91)), "addr": ["10.9.0.102", a.ip], "zone": 1}
    a.policy(**one)
    stop, sent = threading.Event(), [0]
    mixtures = [bytes.fromhex(BROADCAST + m + udp(ip, b.ip, data="bad004"))
                for m, ip in ((mac(90), "10.9.0.102"), (mac(91), "10.9.0.101"))]
    honest = bytes.fromhex(BROADCAST + a.mac + udp(a.ip, b.ip, data="600d04"))

    def run():
        while not stop.is_set():
            for data in (*mixtures, honest):
                a.socket.send(data)
            sent[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=run)
    thread.start()
    words = guard_lab.Port.words
    out = lab.tool("flip", "vnet0", 20000, *words(one), "--", *words(two))
    stop.set()
    thread.join()
    assert out.startswith("changes 20000")
    frames = b.received(0.5)
    assert only(frames, "bad004") == []
    counts = a.counts()
    assert counts["source-mac"] + counts["ipv4-source"] == 2 * sent[0]
    assert counts["from"] >= sent[0] > 100
    # The inverse: what was read before is what is there after it was put back.
    before = lab.tool("raw", "vnet0")
    a.policy(zone=0, addr=["10.9.0.7"])
    assert lab.tool("raw", "vnet0") != before
    lab.tool("raw", "vnet0", before.strip())
    assert lab.tool("raw", "vnet0") == before


@pytest.mark.parametrize("hook", HOOKS)
def test_vlans_without_the_bridge_knowing(lab, hook):
    a, b, c = lab.ports
    lab.guard(hook)
    a.policy(zone=1, vlan="vst:10")
    b.policy(zone=1, vlan="vst:10")
    c.policy(zone=1, vlan="vst:20")
    trunk = lab.add(3)
    lab.tool("attach", "vnet3")
    trunk.policy(zone=1, vlan="vgt:10,11")
    a.send(BROADCAST + a.mac + udp(a.ip, b.ip, data="600d05"))
    a.send(BROADCAST + a.mac + "8100000a" + udp(a.ip, b.ip, data="bad005"))
    a.send(BROADCAST + a.mac + "81000014" + udp(a.ip, b.ip, data="bad005"))
    assert only(b.received(), "600d05")[0][24:28] == "0800"
    assert only(c.received(), "600d05") == []
    assert only(trunk.received(), "600d05")[0][24:32] == "8100000a"
    trunk.send(BROADCAST + trunk.mac + "8100000a" + udp(trunk.ip, b.ip, data="600d06"))
    trunk.send(BROADCAST + trunk.mac + "81000014" + udp(trunk.ip, b.ip, data="bad006"))
    trunk.send(BROADCAST + trunk.mac + "8100000a8100000a" + udp(trunk.ip, b.ip, data="bad006"))
    trunk.send(BROADCAST + trunk.mac + udp(trunk.ip, b.ip, data="bad006"))
    got = {p.name: p.received() for p in (a, b, c)}
    assert len(only(got["vnet0"], "600d06")) == len(only(got["vnet1"], "600d06")) == 1
    assert only(got["vnet2"], "600d06") == []
    assert [f for frames in got.values() for f in frames if "bad00" in f] == []
    assert a.counts()["vlan"] >= 2 and trunk.counts()["vlan"] == 3


def test_zones_and_strangers(lab):
    a, b, c = lab.ports
    lab.guard()
    lab.tool("zones", "0:0", "1:1", "2:2")
    c.policy(zone=2)
    a.send(BROADCAST + a.mac + udp(a.ip, c.ip, data="600d08"))
    a.send(c.mac + a.mac + udp(a.ip, c.ip, data="bad008"))
    assert len(only(b.received(), "600d08")) == 1
    assert [f for f in c.received() if "0d08" in f or "ad008" in f] == []
    # A unicast frame is refused at the sender, a broadcast at the receiver.
    assert a.counts()["zone"] == 1 and c.counts()["zone"] >= 1
    # Unknown unicast is flooded by the bridge and stops at each port.
    lab.tool("zones", "0:0", "0:1", "1:1", "2:2")
    a.send(mac(77) + a.mac + udp(a.ip, b.ip, data="bad009"))
    assert only(b.received(), "bad009") == []
    assert b.counts()["not-its-own"] >= 1
    b.policy(zone=1, flags=0x20)
    a.send(mac(77) + a.mac + udp(a.ip, b.ip, data="600d09"))
    assert len(only(b.received(), "600d09")) == 1


def test_rates_and_a_changed_mac(lab):
    a, b, _ = lab.ports
    lab.guard()
    a.policy(zone=1, pps=10, burst=20)
    a.send(b.mac + a.mac + udp(a.ip, b.ip, data="600d10"), 500)
    counts = a.counts()
    assert counts["rate"] >= 400 and 20 <= counts["from"] <= 100
    b.policy(zone=1, flood=10)
    b.send(BROADCAST + b.mac + udp(b.ip, a.ip, data="600d11"), 100)
    b.send(a.mac + b.mac + udp(b.ip, a.ip, data="600d12"), 100)
    assert b.counts()["flood-rate"] >= 80 and b.counts()["from"] >= 101
    # downWhenAddrMisMatch: one forged frame, and the port is blocked until somebody says otherwise.
    a.policy(zone=1, flags=0x80)
    a.send(b.mac + mac(50) + udp(a.ip, b.ip))
    a.send(b.mac + a.mac + udp(a.ip, b.ip, data="bad010"), 5)
    assert only(b.received(), "bad010") == []
    assert a.state()["blocked"].strip() == "1" and a.counts()["blocked"] == 5
    lab.tool("unblock", "vnet0")
    a.send(b.mac + a.mac + udp(a.ip, b.ip, data="600d13"))
    assert len(only(b.received(), "600d13")) == 1


def proofs(lab, name):
    rows = [line.split(" ", 4) for line in lab.tool("probe", name).splitlines()]
    assert len(rows) == 30
    return [tuple(int(x) for x in r[:4]) + (r[4],) for r in rows]


def passing(lab):
    """A foreign program that lets everything pass."""
    source, target = f"{lab.work}/pass.c", f"{lab.work}/pass.o"
    with open(source, "w") as f:
        f.write('__attribute__((section("tc"))) int pass(void *skb) { return 0; }\n'
                '__attribute__((section("license"))) char LICENSE[] = "GPL";\n')
    sh("clang", "-O2", "-target", "bpf", "-c", source, "-o", target)
    return target


def test_a_port_is_proven_and_faults_are_found(lab):
    a = lab.ports[0]
    lab.guard("clsact")
    a.policy(zone=1, addr=[a.ip, "2001:db8::/64", "fe80::/64"])
    counts = a.counts()
    assert [r for r in proofs(lab, "vnet0") if r[1:4] != (1, 1, 1)] == []
    # Nothing went over a wire, nothing was counted.
    assert a.counts() == counts
    # Another program stands before ours: what we promise is not enforced any more.
    lab.run("tc", "filter", "del", "dev", "vnet0", "ingress", "prio", "1")
    lab.run("tc", "filter", "add", "dev", "vnet0", "ingress", "prio", "1", "protocol", "ip", "u32", "match", "u32", "0", "0", "flowid", "1:1")
    assert lab.run(guard_lab.TOOL, lab.pins, "attach", "vnet0", check=False).returncode == 1
    lab.run("tc", "filter", "del", "dev", "vnet0", "ingress", "prio", "1")
    lab.tool("attach", "vnet0")
    lab.run("tc", "filter", "add", "dev", "vnet0", "ingress", "prio", "1", "handle", "9", "bpf", "da", "obj", passing(lab), "sec", "tc")
    lost = proofs(lab, "vnet0")
    assert all(r[2] == 0 for r in lost if r[4].startswith(("another", "IPv4 source", "a DHCP offer")))
    lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    assert {r[2] for r in proofs(lab, "vnet0")} == {0}
    lab.tool("attach", "vnet0")
    assert {r[1:4] for r in proofs(lab, "vnet0")} == {(1, 1, 1)}


def test_tcx_is_out_of_reach_of_tc(lab):
    """Where the kernel has tcx, deleting clsact opens nothing, and other programs come after ours."""
    a, b, _ = lab.ports
    lab.guard("tcx")
    assert a.state()["hook"].strip() == "tcx"
    a.policy(zone=1, addr=[a.ip, "2001:db8::/64", "fe80::/64"])
    lab.run("tc", "qdisc", "add", "dev", "vnet0", "clsact")
    lab.run("tc", "filter", "add", "dev", "vnet0", "ingress", "prio", "1", "handle", "9", "bpf", "da", "obj", passing(lab), "sec", "tc")
    assert {r[1:4] for r in proofs(lab, "vnet0")} == {(1, 1, 1)}
    lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    assert {r[1:4] for r in proofs(lab, "vnet0")} == {(1, 1, 1)}
    a.send(BROADCAST + b.mac + udp(a.ip, b.ip, data="bad020"), 10)
    assert only(b.received(), "bad020") == []
    # An old ingress qdisc, which libvirt makes for a bandwidth, is not in the way.
    lab.tool("detach", "vnet1")
    lab.run("tc", "qdisc", "add", "dev", "vnet1", "ingress")
    lab.tool("attach", "vnet1")
    assert b.state()["in"].strip() == "1"


def test_an_ingress_qdisc_is_said_aloud(lab):
    lab.tool("open", "clsact")
    lab.run("tc", "qdisc", "add", "dev", "vnet0", "ingress")
    p = lab.run(guard_lab.TOOL, lab.pins, "attach", "vnet0", check=False)
    assert p.returncode == 1 and "ingress qdisc" in p.stderr


def test_the_rule_stops_unguarded_ports(lab):
    a, b, _ = lab.ports
    if not guard_lab.shutil.which("nft"):
        pytest.skip("not on this machine: nft")
    lab.guard()
    assert lab.tool("rule", "vnet*").split("\n")[:2] == ["rules 1", "rule 0 vnet*"]
    a.send(BROADCAST + a.mac + udp(a.ip, b.ip, data="600d14"))
    assert len(only(b.received(), "600d14")) == 1
    lab.tool("detach", "vnet0")
    a.send(BROADCAST + a.mac + udp(a.ip, b.ip, data="bad014"), 10)
    assert only(b.received(), "bad014") == []
    assert lab.run(guard_lab.TOOL, lab.pins, "rule", "vnet\"*", check=False).returncode == 1
    assert lab.tool("rule").strip() == "rules 0"
    assert "ringfence_guard" not in lab.run("nft", "list", "ruleset").stdout


@pytest.mark.parametrize("hook", HOOKS)
def test_a_tap_with_large_frames(lab, hook):
    """As from QEMU: GSO frames, headers that are not in the linear part, a tag."""
    a, b, _ = lab.ports
    lab.guard(hook)
    tap = Tap(lab, "vnet30")
    try:
        lab.tool("attach", "vnet30")
        lab.tool("set", "vnet30", f"mac={colons(mac(30))}", "addr=10.9.0.31", "zone=1")
        payload = "ab" * 9000
        ip, other = ("0800" + guard_lab.ipv4(address, b.ip, 6, 9020) for address in ("10.9.0.31", "10.9.0.32"))
        tcp = "00500051" + "0" * 16 + "5010ffff00000000"
        frame = b.mac + mac(30) + ip + tcp + payload
        tap.send(frame, gso_type=1, hdr_len=54, gso_size=1448)
        tap.send(frame, gso_type=1, hdr_len=14, gso_size=1448)
        tap.send(frame, gso_type=1, hdr_len=54, gso_size=1600)
        tap.send(frame)
        tap.send(b.mac + mac(30) + other + tcp + payload, gso_type=1, hdr_len=14, gso_size=1448)
        tap.send(b.mac + mac(31) + ip + tcp + payload, gso_type=1, hdr_len=1, gso_size=1448)
        tap.send(BROADCAST + mac(30) + "8100000a" + udp("10.9.0.31", b.ip))
        counts = {k: int(v) for k, v in (line.split() for line in lab.tool("counts", "vnet30").splitlines())}
    finally:
        tap.close()
    assert counts["from"] == 2 and counts["length"] == 2
    assert counts["ipv4-source"] == 1 and counts["source-mac"] == 1 and counts["vlan"] == 1


@pytest.mark.parametrize("kept", [1, 5])
def test_death_while_pinning_is_no_hindrance(lab, kept):
    """Pins are written one by one, maps first: some maps, no program, and one that was not renamed yet."""
    lab.tool("open")
    names = sorted(set(os.listdir(lab.pins)) - {"guard_in", "guard_out"})
    os.rename(f"{lab.pins}/{names[kept]}", f"{lab.pins}/{names[kept]}_new")
    for name in names[kept + 1:] + ["guard_in", "guard_out"]:
        os.unlink(f"{lab.pins}/{name}")
    lab.guard()
    assert lab.ports[0].state()["in"].strip() == "1"
    lab.tool("unload")
    assert not os.path.exists(lab.pins)


@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_is_left(lab, hook):
    lab.guard(hook)
    lab.run("tc", "qdisc", "add", "dev", "vnet1", "clsact", check=False)
    lab.run("tc", "filter", "add", "dev", "vnet1", "ingress", "prio", "50", "u32", "match", "u32", "0", "0", "flowid", "1:1")
    lab.tool("unload")
    assert not os.path.exists(lab.pins)
    for p in lab.ports:
        text = lab.run("tc", "filter", "show", "dev", p.name, "ingress").stdout + lab.run("tc", "filter", "show", "dev", p.name, "egress").stdout
        assert "guard" not in text
        assert ("u32" in text) == (p.name == "vnet1")
    p = lab.run(guard_lab.TOOL, lab.pins, "counts", "vnet0", check=False)
    assert p.returncode == 1 and "no guard is loaded" in p.stderr
    # A link that goes away takes its policy along.
    lab.guard()
    lab.watch("vnet*")
    sh("ip", "-n", lab.ns, "link", "del", "vnet2")
    assert lab.notice()[0] == "gone"
    again = subprocess.run(["nsenter", f"--net=/run/netns/{lab.ns}", guard_lab.TOOL, lab.pins, "attach", "99999"], capture_output=True, text=True)
    assert again.returncode == 1
