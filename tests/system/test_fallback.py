# SPDX-License-Identifier: Apache-2.0
"""Goal: where BPF is forbidden (the whole of Ringfence runs without CAP_BPF and CAP_SYS_ADMIN, as in a container) the same policy is enforced
by rules of nft: forged frames are really refused and honest ones pass, plan and verify say aloud what holds and what does not, an altered or
flushed table is found and put back, and rollback takes the rules away."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import EXE, HOSTS_BPFFS
from guard_lab import BROADCAST, arp, icmp6, mac, need, sh, udp
from spoof import ALL_NODES, Peer, forged, ip6, udp_body, v6
from test_isolate import Host, frame

# Behind the mount, which wants CAP_SYS_ADMIN: a BPF file system of the test's own, and no right to load a program.
WITHOUT = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec setpriv --bounding-set -bpf,-sys_admin "$@"']
POLICY = """isolate: 1
zones:
  web: {exchanges-with: [web, outside]}
  db: {exchanges-with: []}
assignments:
  - {vm: 'web-*', profile: standard, zone: web}
  - {vm: db-1, profile: standard, zone: db}
addresses:
  - {vm: web-0, ip: [10.9.0.1, '2001:db8::1', 'fe80::5054:ff:fe00:a00']}
  - {vm: web-1, ip: [10.9.0.2]}
"""


class Bare(Host):
    """A host whose kernel loads no BPF program for us."""

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.policy.write_text(POLICY)

    def run(self, *args):
        return self.lab.run(*WITHOUT, self.lab.dir, EXE, *args, check=False)

    def nft(self, *args, check=True):
        return self.lab.run("nft", *args, check=check).stdout


@pytest.fixture
def host(tmp_path):
    need()
    if not shutil.which("setpriv") or not shutil.which("nft"):
        pytest.skip("no setpriv or nft")
    h = Bare(tmp_path)
    if h.lab.run("nft", "add", "table", "bridge", "probe", check=False).returncode:
        h.lab.close()
        pytest.skip("this kernel has no nf_tables for bridges")
    h.nft("delete", "table", "bridge", "probe")
    yield h
    h.lab.close()


def applied(host):
    p = host.isolate("apply")
    assert p.returncode == 0, p.stdout + p.stderr
    return p


def arriving(host, frames):
    """Those of the named frames of VM 0 that VM 1 gets."""
    host.lab.ports[1].received(0)
    for f in frames.values():
        host.lab.ports[0].send(f)
    got = host.lab.ports[1].received(0.5)
    return [name for name, f in frames.items() if any(g.startswith(f[:140]) for g in got)]


ME = Peer(mac(0), "10.9.0.1", "2001:db8::1", "fe80::5054:ff:fe00:a00")
GATEWAY = Peer(mac(1), "10.9.0.2", "2001:db8::2", "fe80::5054:ff:fe00:a01")
VICTIM = Peer(mac(2), "10.9.0.3", "2001:db8::3", "fe80::5054:ff:fe00:a02")


def honest(host):
    """What an ordinary VM says; each has to arrive."""
    mine, six = BROADCAST + mac(0), ALL_NODES + mac(0)
    discover = udp("0.0.0.0", "255.255.255.255", 68, 67)
    return {
        "UDP": mine + udp(ME.ip, GATEWAY.ip),
        "ARP request": mine + arp(1, mac(0), ME.ip, GATEWAY.ip),
        "ARP probe": mine + arp(1, mac(0), "0.0.0.0", ME.ip),
        "DHCP discover": mine + discover,
        "IPv6": six + ip6(ME.ip6, "ff02::1", 17, udp_body(40000, 40001)),
        "a neighbour solicitation": six + icmp6(135, ME.ip6, "ff02::1", "0" * 8 + v6(GATEWAY.ip6) + "0101" + mac(0)),
        "duplicate address detection": six + icmp6(135, "::", "ff02::1", "0" * 8 + v6(ME.ip6)),
        "an advertisement of its own": six + icmp6(136, ME.ip6, "ff02::1", "20000000" + v6(ME.ip6) + "0201" + mac(0)),
        "a router solicitation": six + icmp6(133, ME.link, "ff02::2", "0" * 8 + "0101" + mac(0)),
        "a report of a listener": six + ip6("::", "ff02::16", 0, "3a00050200000100" + "8f000000" + "00000001" + "04000000" + v6("ff02::1")),
        "a fragment of UDP": six + ip6(ME.ip6, "ff02::1", 44, "1100000100000001" + udp_body(40000, 40001)),
    }


def test_the_pins_of_this_host_are_not_seen(host):
    tests, seen = os.stat("/sys/fs/bpf").st_dev, int(host.lab.run(*WITHOUT, host.lab.dir, "stat", "-c", "%d", "/sys/fs/bpf").stdout)
    assert seen == os.stat(host.lab.dir).st_dev and len({seen, tests, HOSTS_BPFFS}) == 3


def test_it_is_said_aloud(host):
    p = host.isolate("plan")
    assert p.returncode == 2, p.stdout + p.stderr
    p = host.run("isolate", "plan", host.policy, "--domain-xml", host.xml, "--no-host", "--state-dir", host.tmp / "state")
    assert "BPF is forbidden here" in p.stderr and "nft guards instead" in p.stderr and "Not: VLAN tags put on by the guard" in p.stderr, p.stderr
    assert "ringfence" not in host.nft("list", "ruleset"), "a plan changes nothing"


def test_forged_frames_are_refused_and_honest_ones_pass(host):
    # All but the longest frame, which rules of nft do not measure and the plan names.
    lies = {name: f for name, (_, f, _) in forged(ME, GATEWAY, VICTIM).items() if "longer" not in name}
    assert len(arriving(host, lies)) >= 20
    applied(host)
    assert arriving(host, honest(host)) == list(honest(host))
    assert arriving(host, lies) == []
    # Zones, both ways; a frame that is for somebody else; and the port whose VM is in the other zone.
    assert not host.arrives(0, 2, frame(0)) and not host.arrives(2, 0, frame(2))
    assert not host.arrives(0, 1, "020000000099" + mac(0) + udp(ME.ip, GATEWAY.ip)), "flooded to whom it is not for"
    # The bridge learned from the lies where web-1 is; now from itself.
    assert host.arrives(1, 0, frame(1))
    assert host.arrives(0, 1, mac(1) + mac(0) + udp(ME.ip, GATEWAY.ip))
    # Refused frames are counted by rule.
    assert "counter packets 1" in host.nft("list", "table", "bridge", "ringfence")


def test_verified_altered_found_and_mended(host):
    applied(host)
    assert "Nothing to change" in host.isolate("apply").stdout
    p = host.isolate("verify", "-o", "json")
    promises = json.loads(p.stdout)["promises"]
    mine = [x for x in promises if "vnet0, by nft" in x["subject"]]
    assert len(mine) >= 8 and all(x["configured"] and x["proven"] is None for x in mine)
    assert p.returncode == 0 and all(x["enforced"] for x in mine), mine
    assert "read back, as made" in mine[0]["evidence"]
    for change in (("flush", "chain", "bridge", "ringfence", "p_vnet0_mac"),
                   ("insert", "rule", "bridge", "ringfence", "p_vnet0_sent", "accept"),
                   ("delete", "element", "bridge", "ringfence", "by_sender", "{ vnet0 }"),
                   ("add", "element", "bridge", "ringfence", "pairs", "{ 0x00020001 }"),
                   ("add", "chain", "bridge", "ringfence", "more", "{ type filter hook prerouting priority -295; }"),
                   ("flush", "ruleset")):
        host.nft(*change)
        p = host.isolate("verify")
        assert p.returncode == 2, (change, p.stdout)
        assert host.isolate("plan").returncode == 2, change
        applied(host)
        assert host.isolate("verify").returncode == 0, change
        assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77")), change


def test_what_nft_cannot_do_is_told_or_refused(host):
    host.policy.write_text(POLICY.replace("assignments:", "profiles:\n  moves: {based-on: standard, network: {noForgedSrcAddr: no}}\nassignments:").replace(
        "profile: standard, zone: web", "profile: moves, zone: web"))
    applied(host)
    p = host.isolate("verify")
    assert p.returncode == 2 and "NOT enforced" in p.stdout and "nft does not do it" in p.stdout
    p = host.run("check", "--only", "network.guard-by-bpf", "--host", "-o", "json", "-q")
    assert [f["state"] for f in json.loads(p.stdout)["findings"] if f["resource"] == "network guard"] == ["fail"], p.stdout + p.stderr
    host.policy.write_text(POLICY.replace("assignments:", "profiles:\n  tagged: {based-on: standard, network: {vlan-tag: 7}}\nassignments:").replace(
        "profile: standard, zone: db", "profile: tagged, zone: db"))
    before = host.nft("list", "ruleset")
    p = host.isolate("apply")
    assert p.returncode == 1 and "VLAN tags are put on" in p.stdout + p.stderr, p.stdout + p.stderr
    assert strip(host.nft("list", "ruleset")) == strip(before), "nothing half-applied"


def strip(rules):
    """What is there, in whatever order, and not what was counted."""
    return sorted(" ".join(line.split(" packets ")[0] for line in rules.splitlines()).replace(",", " ").split())


def test_tags_of_a_vms_own_and_rates(host):
    host.policy.write_text(POLICY.replace("assignments:", "profiles:\n  tags: {based-on: standard, network: {vlans: [5, 9, untagged]}}\n"
                                          "  slow: {based-on: tags, network: {frames-per-second: 1, frames-burst: 20}}\nassignments:")
                           .replace("{vm: 'web-*', profile: standard", "{vm: web-1, profile: slow, zone: web}\n  - {vm: web-0, profile: tags"))
    applied(host)
    body = udp(ME.ip, GATEWAY.ip)
    tagged = {name: BROADCAST + mac(0) + tags + body for name, tags in
              {"untagged": "", "5": "81000005", "9": "81000009", "6": "81000006", "4094": "81000ffe", "priority": "81000000", "service": "88a80005",
               "stacked": "8100000581000005", "stacked, service": "88a8000581000005", "stacked inside": "8100000588a80005"}.items()}
    assert arriving(host, tagged) == ["untagged", "5", "9"]
    # Behind a tag the same is asked for as without one.
    assert arriving(host, {"a forged source": BROADCAST + mac(0) + "81000005" + udp("10.9.0.77", GATEWAY.ip),
                           "ARP": BROADCAST + mac(0) + "81000005" + arp(2, mac(0), "10.9.0.77", GATEWAY.ip)}) == []
    # What it gets: only what is listed, too.
    host.lab.ports[0].received(0)
    for tag in ("81000005", "81000006"):
        host.lab.ports[1].send(BROADCAST + mac(1) + tag + udp(GATEWAY.ip, ME.ip))
    assert [f[24:32] for f in host.lab.ports[0].received(0.5) if f[12:24] == mac(1)] == ["81000005"]
    # A burst passes, a flood does not; a machine would have to take minutes for it to be more.
    host.lab.ports[0].received(0)
    host.lab.ports[1].send(frame(1, target_ip=ME.ip), 400)
    got = sum(f[12:24] == mac(1) for f in host.lab.ports[0].received(1))
    assert 10 <= got <= 200, got
    p = host.isolate("verify", "-a")
    assert p.returncode == 0 and "it sends at most so many frames a second" in p.stdout, p.stdout


def test_birth_uplink_and_strict(host):
    host.policy.write_text(POLICY + "network: {ports: 'vnet*', uplinks: 'up*', strict: yes}\n")
    up, stranger = host.lab.add(3, join=False), host.lab.add(4, join=False)
    for port, name in ((up, "up0"), (stranger, "x0")):
        sh("ip", "-n", host.lab.ns, "link", "set", port.name, "name", name)
        port.name = name
    up.join()
    p = applied(host)
    assert "BPF is forbidden" not in p.stdout
    # The uplink is a port like another to zone outside, and brings no address of a VM of this host.
    assert host.arrives(3, 0, frame(3)) and host.arrives(0, 3, frame(0))
    assert not host.arrives(3, 0, BROADCAST + mac(0) + udp("10.9.0.4", ME.ip)), "a VM's address by the uplink"
    assert not host.arrives(3, 2, frame(3)) and not host.arrives(2, 3, frame(2)), "the zone db has no way out"
    # Strict: nobody marked this one's frames. It is no VM's by its name, so birth lets it be.
    stranger.join()
    assert not host.arrives(4, 0, frame(4))
    # Refused everything from its first frame on, until it is guarded.
    born = host.lab.add(5)
    assert not host.arrives(5, 3, frame(5)) and not host.arrives(3, 5, frame(3)) and not host.arrives(5, 0, frame(5))
    p = host.isolate("verify", "-a")
    assert p.returncode == 0 and "new ports are refused everything until they are guarded" in p.stdout and "strict" in p.stdout, p.stdout
    host.define("web-5", 5, born.name)
    host.policy.write_text(host.policy.read_text().replace("addresses:", "addresses:\n  - {vm: web-5, ip: [10.9.0.6]}"))
    applied(host)
    assert host.arrives(5, 3, frame(5)) and host.arrives(3, 5, frame(3))
    assert not host.arrives(5, 3, frame(5, source_ip="10.9.0.77"))
    assert host.isolate("verify").returncode == 0 and "Nothing to change" in host.isolate("apply").stdout
    p = host.isolate("rollback")
    assert p.returncode == 0 and not host.arrives(5, 3, frame(5)), p.stderr
    assert host.isolate("rollback").returncode == 0 and host.arrives(5, 3, frame(5)) and host.arrives(4, 0, frame(4))


def quarantine(host, *args):
    sources = ["--domain-xml", host.xml, "--no-host"] if "--level" in args else []
    return host.run("quarantine", "web-0", "--yes", "--reason", "beacons", *args, *sources, "--state-dir", host.tmp / "state", "-q")


def test_quarantine(host):
    applied(host)
    p = quarantine(host, "--level", "restrict", "--allow", "10.9.0.2:udp/40001", "--record-max", "0")
    assert p.returncode == 0, p.stdout + p.stderr
    me = BROADCAST + mac(0)
    assert arriving(host, {"service": me + udp(ME.ip, GATEWAY.ip), "ARP": me + arp(1, mac(0), ME.ip, GATEWAY.ip),
                           "another port": me + udp(ME.ip, GATEWAY.ip, dport=40002), "another host": me + udp(ME.ip, "10.9.0.9"),
                           "forged": me + udp("10.9.0.77", GATEWAY.ip)}) == ["service", "ARP"]
    assert host.arrives(1, 0, BROADCAST + mac(1) + udp(GATEWAY.ip, ME.ip, sport=40001)), "its answer"
    assert not host.arrives(1, 0, BROADCAST + mac(1) + udp(GATEWAY.ip, ME.ip, sport=40002))
    assert quarantine(host, "--release").returncode == 0
    assert host.arrives(0, 1, me + udp(ME.ip, GATEWAY.ip, dport=40002)) and not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    assert quarantine(host, "--level", "seal", "--record-max", "0").returncode == 0
    assert not host.arrives(0, 1, frame(0)) and not host.arrives(1, 0, frame(1))
    # A policy does not take it out.
    applied(host)
    assert not host.arrives(0, 1, frame(0))
    assert quarantine(host, "--release").returncode == 0
    assert host.arrives(0, 1, frame(0))


def test_shown_by_watch_and_status(host):
    p = host.run("isolate", "guard", "status", "--state-dir", host.tmp / "state")
    assert p.returncode == 2 and "none is loaded\nBPF is forbidden here" in p.stdout
    applied(host)
    p = host.run("isolate", "guard", "status", "--state-dir", host.tmp / "state")
    assert p.returncode == 2 and "by rules of nft, the fallback: 3 ports, strict off" in p.stdout and "Not: VLAN tags put on" in p.stdout
    assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    p = host.run("isolate", "watch", "--once", "-o", "jsonl", "--state-dir", host.tmp / "state", "-q")
    rows = {r["port"]: r for r in map(json.loads, p.stdout.splitlines()) if r["event"] == "port"}
    assert p.returncode == 0 and set(rows) == {"vnet0", "vnet1", "vnet2"} and rows["vnet0"]["by"] == "nft", p.stdout + p.stderr
    assert rows["vnet0"]["refused"] == {"ipv4-source": 1}
    p = host.run("isolate", "watch", "--once", "-o", "text", "--state-dir", host.tmp / "state", "-q")
    assert "the fallback where BPF is forbidden" in p.stdout and "ipv4-source" in p.stdout, p.stdout + p.stderr
    host.nft("flush", "chain", "bridge", "ringfence", "p_vnet0_mac")
    p = host.run("isolate", "watch", "--once", "-o", "jsonl", "--state-dir", host.tmp / "state", "-q")
    assert p.returncode == 2 and "OFF" in p.stdout


def test_rolled_back(host):
    applied(host)
    assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    p = host.isolate("rollback")
    assert p.returncode == 0, p.stderr
    assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77")) and host.arrives(0, 2, frame(0))
    assert "p_vnet0" not in host.nft("list", "ruleset")


def test_the_service_puts_a_flushed_table_back(host):
    applied(host)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    service = subprocess.Popen(["nsenter", f"--net=/run/netns/{host.lab.ns}", *WITHOUT, host.lab.dir, EXE, "--role", "guard", "--state",
                                host.tmp / "state", "--domain-xml", host.xml, "--ready", str(write)], pass_fds=[write], stderr=subprocess.PIPE, text=True)
    os.close(write)
    try:
        assert os.read(read, 1) == b"1", service.communicate()
        for change in (("flush", "ruleset"), ("flush", "chain", "bridge", "ringfence", "p_vnet0_mac"), ("delete", "table", "bridge", "ringfence")):
            host.nft(*change)
            end = time.monotonic() + 20
            while host.isolate("verify").returncode != 0:
                assert time.monotonic() < end, f"{change}: not put back"
            assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
        # A change that was asked for is no harm to be mended: what is rolled back stays so.
        assert host.isolate("rollback").returncode == 0
        time.sleep(1)
        assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    finally:
        service.send_signal(signal.SIGTERM)
        out = service.communicate(timeout=180)
    assert "BPF is forbidden" in out[1] and "put back" in out[1], out
