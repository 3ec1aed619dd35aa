# SPDX-License-Identifier: Apache-2.0
"""Goal: the right to load BPF goes and comes back. A guard that is loaded is used and changed without it; one that is not for this process is
told by name and nothing is changed; what rules of nft hold moves under BPF as a whole when it is there again, and back when that is undone.
status, doctor, plan, verify, watch and the guard's service say the same of each."""
import os
import shutil
import signal
import subprocess

import pytest

from conftest import EXE
from guard_lab import TOOL, need, sh
from test_fallback import ME, GATEWAY, POLICY, VICTIM, Bare, WITHOUT, arriving, forged, honest
from test_isolate import Host, frame

FORGED = {"source_ip": "10.9.0.77"}


class Both(Bare):
    """A host where the right comes and goes."""

    may = True

    def run(self, *args):
        return Host.run(self, *args) if self.may else Bare.run(self, *args)

    def table(self):
        return "table bridge ringfence" in self.nft("list", "ruleset")

    def said(self):
        """What each command says of how ports are guarded, in one text each."""
        state = ["--state-dir", self.tmp / "state"]
        plan = self.run("isolate", "plan", self.policy, "--domain-xml", self.xml, "--no-host", *state)
        return {"plan": plan.stderr + plan.stdout,
                "status": "".join(self.both(self.run("isolate", "guard", "status", *state))),
                "verify": "".join(self.both(self.run("isolate", "verify", self.policy, "--domain-xml", self.xml, "--no-host"))),
                "watch": "".join(self.both(self.run("isolate", "watch", "--once", "-o", "text", *state))),
                "doctor": "".join(self.both(self.run("doctor")))}

    @staticmethod
    def both(p):
        return p.stderr, p.stdout


@pytest.fixture
def host(tmp_path):
    need()
    if not shutil.which("setpriv") or not shutil.which("nft"):
        pytest.skip("no setpriv or nft")
    h = Both(tmp_path)
    if h.lab.run("nft", "add", "table", "bridge", "probe", check=False).returncode:
        h.lab.close()
        pytest.skip("this kernel has no nf_tables for bridges")
    h.nft("delete", "table", "bridge", "probe")
    if h.lab.run(TOOL, f"{h.lab.dir}/probe", "open", check=False).returncode:
        h.lab.close()
        pytest.skip("no BPF here")
    shutil.rmtree(f"{h.lab.dir}/probe")
    yield h
    h.lab.close()


def applied(host):
    p = host.isolate("apply")
    assert p.returncode == 0, p.stdout + p.stderr
    return p


def test_a_guard_that_is_loaded_is_changed_without_the_right(host):
    applied(host)
    host.may = False
    for who, text in host.said().items():
        assert "BPF is forbidden here" in text and "the guard that is loaded (/sys/fs/bpf/ringfence) goes on and is changed as ever" in text, (who, text)
        assert "nft guards instead" not in text, (who, text)
    assert host.isolate("verify").returncode == 0
    assert "Nothing to change" in host.isolate("apply").stdout
    assert not host.arrives(0, 2, frame(0))
    host.policy.write_text(POLICY.replace("db: {exchanges-with: []}", "db: {exchanges-with: [web]}"))
    applied(host)
    assert host.arrives(0, 2, frame(0)) and not host.arrives(0, 2, frame(0, **FORGED))
    # A port that the guard has never seen.
    host.lab.add(3)
    host.define("web-3", 3, "vnet3")
    host.policy.write_text(host.policy.read_text().replace("addresses:", "addresses:\n  - {vm: web-3, ip: [10.9.0.4]}"))
    applied(host)
    assert host.arrives(3, 0, frame(3)) and not host.arrives(3, 0, frame(3, **FORGED))
    p = host.isolate("verify")
    assert p.returncode == 0 and "vnet3: 30 of 30 promises enforced and proven" in p.stdout, p.stdout
    assert not host.table(), "one of the two guards, never both"
    assert host.isolate("rollback").returncode == 0 and host.arrives(3, 0, frame(3, **FORGED))


def quarantined(host, *args):
    sources = ["--domain-xml", host.xml, "--no-host"] if "--level" in args else []
    return host.run("quarantine", "web-0", "--yes", "--reason", "beacons", *args, *sources, "--state-dir", host.tmp / "state", "-q")


def test_a_quarantine_needs_no_right_to_load_either(host):
    applied(host)
    host.may = False
    p = quarantined(host, "--level", "seal")
    assert p.returncode == 0, p.stdout + p.stderr
    assert not host.arrives(0, 1, frame(0)) and not host.table()
    assert quarantined(host, "--release").returncode == 0 and host.arrives(0, 1, frame(0))


@pytest.mark.parametrize("may", [True, False])
def test_another_network_namespaces_guard_is_told_by_name(host, may):
    """Pins of the machine, seen in a container with links of its own: their numbers mean others there."""
    sh("unshare", "-n", TOOL, host.lab.pins, "open")
    host.may = may
    before = host.nft("list", "ruleset")
    p = host.isolate("apply")
    assert p.returncode == 1 and "another network namespace's" in p.stderr and "mount -t bpf" in p.stderr, p.stdout + p.stderr
    said = host.said()
    for who in ("plan", "status", "verify", "watch") if may else said:
        assert "another network namespace's" in said[who], (who, said[who])
    assert host.nft("list", "ruleset") == before and host.arrives(0, 1, frame(0, **FORGED)), "nothing is half applied"
    assert quarantined(host, "--level", "seal").returncode == 1 and host.arrives(0, 1, frame(0))


def test_a_guard_whose_pins_are_elsewhere_is_told_by_name(host):
    """Its programs hang on ports that this process sees; its pins are on a BPF file system that it does not."""
    applied(host)
    shutil.rmtree(host.lab.pins)
    host.may = False
    p = host.isolate("apply")
    assert p.returncode == 1 and "programs of a guard hang on vnet" in p.stderr and "take it off" in p.stderr, p.stdout + p.stderr
    for who, text in host.said().items():
        assert "programs of a guard hang on vnet" in text, (who, text)
    assert not host.table() and host.arrives(0, 1, frame(0)) and not host.arrives(0, 1, frame(0, **FORGED)), "it goes on"
    service = subprocess.run(["nsenter", f"--net=/run/netns/{host.lab.ns}", *WITHOUT, host.lab.dir, EXE, "--role", "guard", "--state",
                              host.tmp / "state", "--domain-xml", host.xml], capture_output=True, text=True, timeout=60)
    assert service.returncode == 1 and "programs of a guard hang on vnet" in service.stderr
    # With the right it is found by its programs, and pinned again.
    host.may = True
    host.lab.tool("open")
    assert host.isolate("verify").returncode == 0 and "Nothing to change" in host.isolate("apply").stdout


def by_nft(host, policy=POLICY):
    host.policy.write_text(policy)
    host.may = False
    applied(host)
    assert host.table() and not os.path.exists(host.lab.pins)
    host.may = True


def hangs(host, port):
    return "bpf" in host.lab.run("tc", "filter", "show", "dev", port, "ingress").stdout


def test_bpf_comes_back_and_the_rules_go(host):
    by_nft(host)
    for who, text in host.said().items():
        assert who == "doctor" or "BPF may be used again" in text, (who, text)
    # What is not moved yet is held by the rules, and by nothing else.
    assert host.isolate("verify").returncode == 0
    assert quarantined(host, "--level", "seal").returncode == 0 and not host.arrives(1, 0, frame(1))
    assert quarantined(host, "--release").returncode == 0 and not hangs(host, "vnet0")
    p = applied(host)
    assert not host.table() and hangs(host, "vnet0") and hangs(host, "vnet2")
    lies = {name: f for name, (_, f, _) in forged(ME, GATEWAY, VICTIM).items() if "longer" not in name}
    assert arriving(host, honest(host)) == list(honest(host)) and arriving(host, lies) == []
    assert not host.arrives(0, 2, frame(0)) and not host.arrives(2, 0, frame(2)), "the zones moved, too"
    p = host.isolate("verify")
    assert p.returncode == 0 and "30 of 30 promises enforced and proven" in p.stdout and "nft" not in p.stdout, p.stdout
    assert "Nothing to change" in host.isolate("apply").stdout
    # Undone: the rules as they were, and no program.
    assert host.isolate("rollback").returncode == 0
    assert host.table() and not hangs(host, "vnet0") and not os.path.exists(host.lab.pins)
    assert arriving(host, {"forged": frame(0, **FORGED), "honest": frame(0)}) == ["honest"] and not host.arrives(0, 2, frame(0))
    host.may = False
    p = host.isolate("verify")
    assert p.returncode == 0 and "read back, as made" in host.isolate("verify", "-a").stdout
    assert host.isolate("rollback").returncode == 0 and host.arrives(0, 1, frame(0, **FORGED))


def test_no_forbidden_frame_passes_while_it_moves(host):
    by_nft(host)
    a, b = host.lab.ports[0], host.lab.ports[1]
    b.received(0)
    bad, good = bytes.fromhex(frame(0, **FORGED)).ljust(60, b"\0"), bytes.fromhex(frame(0)).ljust(60, b"\0")
    apply = subprocess.Popen(["nsenter", f"--net=/run/netns/{host.lab.ns}", "unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"',
                              host.lab.dir, EXE, "isolate", "apply", host.policy, "--domain-xml", host.xml, "--no-host", "--state-dir",
                              host.tmp / "state", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sent, got = 0, []
    while apply.poll() is None:
        for _ in range(20):
            a.socket.send(bad)
            a.socket.send(good)
        sent += 20
        got += b.received(0)
    got += b.received(0.5)
    assert apply.returncode == 0, apply.stdout.read()
    assert not host.table() and sent > 100
    assert sum(f.startswith(bad.hex()[:60]) for f in got) == 0
    assert sum(f.startswith(good.hex()[:60]) for f in got) == sent, "the marks of both are the same: no honest frame is lost either"


def test_what_was_strict_and_had_an_uplink_moves_whole(host):
    """The uplink is told from the VMs', the second layer from births."""
    port = host.lab.add(3, join=False)
    sh("ip", "-n", host.lab.ns, "link", "set", port.name, "name", "up0")
    port.name = "up0"
    port.join()
    by_nft(host, POLICY + "network: {ports: 'vnet*', uplinks: 'up*', strict: yes}\n")
    applied(host)
    assert not host.table() and hangs(host, "up0")
    assert host.arrives(3, 0, frame(3)) and host.arrives(0, 3, frame(0)) and not host.arrives(3, 2, frame(3))
    p = host.isolate("verify")
    assert p.returncode == 0, p.stdout
    assert host.isolate("rollback").returncode == 0
    assert host.table() and not hangs(host, "up0") and host.arrives(3, 0, frame(3)) and not host.arrives(2, 3, frame(2))
    born = host.lab.add(4)
    assert not host.arrives(4, 3, frame(4)) and born, "refused from birth again"
    host.may = False
    assert host.isolate("verify").returncode == 0


def test_the_service_of_the_rules_ends_when_bpf_takes_over(host):
    by_nft(host)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    service = subprocess.Popen(["nsenter", f"--net=/run/netns/{host.lab.ns}", *WITHOUT, host.lab.dir, EXE, "--role", "guard", "--state",
                                host.tmp / "state", "--domain-xml", host.xml, "--ready", str(write)], pass_fds=[write], stderr=subprocess.PIPE, text=True)
    os.close(write)
    try:
        assert os.read(read, 1) == b"1", service.communicate()
        applied(host)
        _, text = service.communicate(timeout=60)
    finally:
        os.close(read)
        if service.poll() is None:
            service.send_signal(signal.SIGKILL)
            service.wait()
    assert service.returncode == 1 and "BPF guards again" in text and "put back" not in text, text
    assert not host.table()
