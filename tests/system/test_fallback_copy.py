# SPDX-License-Identifier: Apache-2.0
"""Goal: where BPF is forbidden a VM in quarantine is recorded and sent to a honeywall by rules of nft in hooks of its own link, as by BPF: what
passes at each level, what the recorder keeps, what a flushed table, a policy and a VM that went do. And what else of a port nft holds: the
block when its MAC address changes, frames that are too long."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import EXE
from guard_lab import BROADCAST, arp, ipv4, mac, need, sh, udp
from test_fallback import GATEWAY, ME, POLICY, WITHOUT, Bare
from test_isolate import frame
from test_quarantine import SEGMENT, Ward, eventually


class NftWard(Ward):
    """As a ward, without the right to load BPF."""

    run = Bare.run

    def nft(self, *args):
        return self.lab.run("nft", *args).stdout


@pytest.fixture
def ward(tmp_path):
    need()
    if not shutil.which("setpriv") or not shutil.which("nft"):
        pytest.skip("no setpriv or nft")
    w = NftWard(tmp_path)
    w.policy.write_text(POLICY)
    rules = "".join(f"add chain netdev probe {hook} {{ type filter hook {hook} device vnet0 priority 0; }}\nadd rule netdev probe {hook} {how} to br0\n"
                    for hook, how in (("egress", "dup"), ("ingress", "fwd")))
    if w.lab.run("nft", "add table netdev probe\n" + rules, check=False).returncode or w.lab.run("nft", "add", "table", "bridge", "probe", check=False).returncode:
        w.close()
        pytest.skip("this kernel's nf_tables have no dup and fwd of links (nft_dup_netdev, nft_fwd_netdev; hook egress: 5.16)")
    w.nft("delete", "table", "netdev", "probe")
    w.nft("delete", "table", "bridge", "probe")
    yield w
    w.close()


ANSWER = mac(0) + mac(1) + udp("10.9.0.2", "10.9.0.1", 40001, 40000)
ASK = BROADCAST + mac(0) + arp(1, mac(0), "10.9.0.1", "10.9.0.2")
LIE = frame(0, source_ip="10.9.0.77")


@contextlib.contextmanager
def nft_service(ward):
    """The guard's service, which may load no BPF; what it said is its text at the end."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    service = subprocess.Popen(["nsenter", f"--net=/run/netns/{ward.lab.ns}", *WITHOUT, ward.lab.dir, EXE, "--role", "guard", "--state",
                                ward.tmp / "state", "--domain-xml", ward.xml, "--ready", str(write)], pass_fds=[write], stderr=subprocess.PIPE, text=True)
    os.close(write)
    try:
        assert os.read(read, 1) == b"1", service.communicate()
        yield service
    finally:
        os.close(read)
        service.send_signal(signal.SIGTERM)
        service.text = service.communicate(timeout=180)[1]


def rules(ward):
    return ward.run("isolate", "guard", "status", "--state-dir", ward.tmp / "state").stdout


def recorded(ward, *frames, seconds=60):
    """Waits until each of the frames is in the record."""
    end = time.monotonic() + seconds
    while True:
        kept = b"".join(p.read_bytes() for p in ward.pcaps())
        missing = [f for f in frames if bytes.fromhex(f[:100]) not in kept]
        if not missing:
            return
        assert time.monotonic() < end, f"{len(missing)} of {len(frames)} are not in the record of {len(kept)} bytes"
        time.sleep(0.05)


def test_each_level_lets_pass_what_it_says_and_is_recorded(ward):
    assert ward.isolate("apply").returncode == 0
    carrier = ward.peer_carrier()
    ward.shut("observe")
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, ANSWER)
    # Also what is forged, and refused by the port's policy, which stays.
    assert not ward.arrives(0, 1, LIE)
    recorded(ward, frame(0), ANSWER, LIE)
    assert "Nothing to change" in ward.isolate("apply").stdout and "rules, as made" in rules(ward)
    ward.shut("restrict", "--allow", "10.9.0.2:udp/40001")
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, ANSWER) and ward.arrives(0, 1, ASK)
    unlisted = BROADCAST + mac(0) + udp("10.9.0.1", "10.9.0.2", dport=40009)
    assert not ward.arrives(0, 1, unlisted) and not ward.arrives(0, 2, frame(0, "10.9.0.3"))
    recorded(ward, ASK, unlisted)
    ward.shut("honeywall")
    for sender, receiver, what in ((0, 1, frame(0)), (0, 1, ASK), (1, 0, ANSWER), (0, 1, BROADCAST + mac(1) + udp("9.9.9.9", "10.9.0.2"))):
        assert not ward.arrives(sender, receiver, what)
    recorded(ward, BROADCAST + mac(1) + udp("9.9.9.9", "10.9.0.2"))
    [row] = ward.status()
    assert row["level"] == "honeywall" and row["in_force"] == "yes" and row["recording"] == "yes", row
    ward.shut("seal")
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(1, 0, ANSWER)
    ward.release()
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, ANSWER) and not ward.arrives(0, 1, LIE)
    assert ward.peer_carrier() == carrier, "the link went down"
    assert SEGMENT not in ward.links() and ward.status() == []
    assert "m_vnet0" not in ward.nft("list", "ruleset")
    assert ward.isolate("verify").returncode == 0


def test_a_honeypot_answers_and_nobody_else(ward):
    assert ward.isolate("apply").returncode == 0
    ward.shut("honeywall", "--honeywall", "vnet2")
    assert ward.arrives(0, 2, frame(0, "10.9.0.2")), "what it sends goes to the honeypot, whoever it is for"
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(1, 0, frame(1, "10.9.0.1"))
    recorded(ward, frame(0, "10.9.0.2"))
    p = ward.isolate("verify", "-a")
    assert "all that it sends goes to its honeywall" in p.stdout and "copied to a recorder" in p.stdout, p.stdout
    ward.release()
    assert ward.arrives(0, 1, frame(0)) and not ward.arrives(0, 2, frame(0, "10.9.0.2"))


@pytest.mark.parametrize("change", [("delete", "table", "netdev", "ringfence"), ("flush", "chain", "netdev", "ringfence", "m_vnet0_from"),
                                    ("insert", "rule", "netdev", "ringfence", "m_vnet0_from", "accept"),
                                    ("add", "chain", "netdev", "ringfence", "more")], ids=lambda c: " ".join(c))
def test_an_altered_hook_is_found_and_mended_and_lets_nobody_out(ward, change):
    assert ward.isolate("apply").returncode == 0
    ward.shut("honeywall", "--honeywall", "vnet2")
    ward.nft(*change)
    assert not ward.arrives(0, 1, frame(0)), "without its hook the bridge's rules refuse all"
    assert "NOT as made" in rules(ward) and ward.isolate("plan").returncode == 2
    p = ward.isolate("apply")
    assert p.returncode == 0 and "rules, as made" in rules(ward), p.stdout + p.stderr
    assert not ward.arrives(0, 1, frame(0)) and ward.arrives(0, 2, frame(0, "10.9.0.2")), "a policy does not take it out"


def test_a_vm_that_went_is_no_hindrance(ward):
    """Its link, and with it its hooks, are gone; the others' rules are as made, and it can be let out."""
    assert ward.isolate("apply").returncode == 0
    ward.shut("observe")
    sh("ip", "-n", ward.lab.ns, "link", "del", "vnet0")
    assert not ward.arrives(1, 2, frame(1)) and "rules, as made" in rules(ward)
    ward.release()
    assert ward.status() == [] and "vnet0" not in ward.nft("list", "ruleset")


def test_a_change_of_mac_blocks(ward):
    ward.policy.write_text(POLICY.replace("profile: standard, zone: web", "profile: hostile, zone: web"))
    assert ward.isolate("apply").returncode == 0
    assert ward.arrives(0, 1, frame(0)) and not ward.arrives(0, 1, BROADCAST + mac(7) + udp("10.9.0.1", "10.9.0.2"))
    assert not ward.arrives(0, 1, frame(0)), "it is blocked"
    assert ward.arrives(1, 0, frame(1)), "the others are not"
    p = ward.isolate("verify", "-a")
    assert p.returncode == 0 and "it sends nothing more once it sent from another one" in p.stdout, "a block is no alteration"
    p = ward.run("isolate", "watch", "--once", "-o", "jsonl", "--state-dir", ward.tmp / "state", "-q")
    assert '"blocked"' in p.stdout and '"source-mac"' in p.stdout, p.stdout
    # Whoever sets it lets it send again: here by another policy and back.
    ward.policy.write_text(POLICY)
    assert ward.isolate("apply").returncode == 0 and ward.arrives(0, 1, frame(0))


def icmp(payload_bytes):
    return BROADCAST + mac(0) + "0800" + ipv4(ME.ip, GATEWAY.ip, 1, payload_bytes) + "0800" + "00" * (payload_bytes - 2)


def test_frames_that_are_too_long(ward):
    """Of what the kernel never cuts. The profile's limit, not the link's, and to the byte."""
    ward.policy.write_text(POLICY.replace("assignments:", "profiles:\n  short: {based-on: standard, network: {frame-bytes: 600}}\nassignments:")
                           .replace("{vm: 'web-*', profile: standard", "{vm: 'web-*', profile: short"))
    assert ward.isolate("apply").returncode == 0
    assert ward.arrives(0, 1, icmp(600 - 34)) and not ward.arrives(0, 1, icmp(601 - 34))
    six = "3333" + "00000001" + mac(0) + "86dd60000000" + "{:04x}" + "3b40" + "20010db8" + "00" * 11 + "01" + "ff02" + "00" * 13 + "01"
    long = [six.format(n) + "00" * n for n in (600 - 54, 601 - 54)]
    assert ward.arrives(0, 1, long[0]) and not ward.arrives(0, 1, long[1])
    # What the kernel may cut it is not asked of: TCP and UDP.
    assert ward.arrives(0, 1, BROADCAST + mac(0) + udp(ME.ip, GATEWAY.ip, data="52" * 900))
    p = ward.run("isolate", "watch", "--once", "-o", "jsonl", "--state-dir", ward.tmp / "state", "-q")
    assert '"length": 2' in p.stdout.replace('":2', '": 2'), p.stdout


def test_a_port_that_gets_another_name_keeps_its_rules(ward):
    """With the service: rules go by names, ports are links. Also where two links change names with each other."""
    assert ward.isolate("apply").returncode == 0
    with nft_service(ward) as service:
        sh("ip", "-n", ward.lab.ns, "link", "set", "vnet0", "name", "tap-of-web")
        eventually(lambda: "p_tap-of-web_mac" in ward.nft("list", "ruleset") and "p_vnet0_mac" not in ward.nft("list", "ruleset"), 60)
        assert ward.arrives(0, 1, frame(0)) and not ward.arrives(0, 1, LIE) and not ward.arrives(0, 2, frame(0))
        for old, new in (("tap-of-web", "x"), ("vnet1", "tap-of-web"), ("x", "vnet1")):
            sh("ip", "-n", ward.lab.ns, "link", "set", old, "name", new)
        forged = {0: LIE, 1: frame(1, source_ip="10.9.0.77")}
        eventually(lambda: ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, frame(1)) and not ward.arrives(0, 1, forged[0])
                   and not ward.arrives(1, 0, forged[1]), 60)
    assert "is called tap-of-web now" in service.text and "put back" not in service.text, service.text
