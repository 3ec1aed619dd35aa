# SPDX-License-Identifier: Apache-2.0
"""Goal: a VM is shut in and let out as a person does it, on real ports of a bridge: what still passes at each level, what the recorder
keeps, what a crash, a VM that went, a full disk and a second order do. The same on a real libvirt VM: test_quarantine_vm.py."""
import itertools
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import EXE
from guard_lab import BROADCAST, arp, colons, inside, mac, need, sh, udp
from test_crash import KILL_AT, KILLED
from test_isolate import POLICY, Host, frame
from test_isolate_guard import Service

UUID = "00000000-0000-0000-0000-000000000000"
SEGMENT = "rfq525400000a00"


class Ward(Host):
    def quarantine(self, *args, record=True, check=True):
        order = "--level" in args
        sources = ["--domain-xml", self.xml, "--no-host"] if order else []
        size = ["--record-max", "1" if record else "0"] if order else []
        p = self.run("quarantine", *args, *sources, *size, "--state-dir", self.tmp / "state", "-q")
        assert not check or p.returncode == 0, p.stdout + p.stderr
        return p

    def shut(self, level, *args, vm="web-0", **kw):
        return self.quarantine(vm, "--level", level, "--yes", "--reason", "it beacons", *args, **kw)

    def release(self, *who, **kw):
        return self.quarantine(*(who or ["web-0"]), "--release", "--yes", "--reason", "false alarm", **kw)

    def status(self):
        return json.loads(self.quarantine("--status", "-o", "json").stdout)

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.lab.run("ip", "-d", "-j", "link").stdout)}

    def carrier(self):
        with inside(self.lab.ports[0].ns):
            return open("/sys/class/net/eth0/carrier_changes").read() if os.path.exists("/sys/class/net/eth0") else self.peer_carrier()

    def peer_carrier(self):
        return sh("ip", "netns", "exec", self.lab.ports[0].ns, "cat", "/sys/class/net/eth0/carrier_changes").stdout

    def guard_json(self):
        """What the guard has at the port, byte for byte, by the trace of a frame and the plan's own words."""
        return self.quarantine("web-0", "--level", "seal", check=False).stdout.split("Plan")[0].split("quarantine 0")[0]

    def pcaps(self):
        folder = self.tmp / "state/quarantine/record" / SEGMENT
        return sorted(folder.glob("*.pcapng")) if folder.exists() else []

    def ledger(self):
        return self.run("ledger", "show", "--state-dir", self.tmp / "state").stdout

    def close(self):
        # A recorder ends with its link, and keeps the namespace while it lasts.
        for name in self.links():
            if name.startswith("rfq"):
                sh("ip", "-n", self.lab.ns, "link", "del", name, check=False)
        self.lab.close()


@pytest.fixture
def ward(tmp_path):
    need()
    if not os.path.isdir("/sys/fs/bpf"):
        pytest.skip("no BPF in this kernel")
    w = Ward(tmp_path)
    yield w
    w.close()


def eventually(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_plan_alone_changes_nothing(ward):
    p = ward.quarantine("web-0", "--level", "seal", check=False)
    assert p.returncode == 2 and "no frame in or out" in p.stdout and "--yes" in p.stdout
    assert ward.arrives(0, 1, frame(0)) and SEGMENT not in ward.links()
    assert "No VM is in quarantine" in ward.quarantine("--status").stdout
    p = ward.quarantine("web-0", "--level", "seal", "--yes", check=False)
    assert p.returncode == 64 and "--reason" in p.stderr
    assert ward.arrives(0, 1, frame(0)) and SEGMENT not in ward.links()


@pytest.mark.parametrize("args, code", [
    (["web-0"], 64), (["--level", "seal"], 64), (["web-0", "--level", "jail"], 64), (["nobody", "--level", "seal"], 1),
    (["web-0", "--level", "seal", "--release"], 64), (["web-0", "--zone", "dmz", "--level", "seal"], 64),
    (["web-0", "--level", "seal", "--allow", "dhcp"], 64), (["web-0", "--level", "restrict", "--allow", "everything"], 64),
    (["web-0", "--level", "seal", "--honeywall", "br0"], 64), (["web-0", "--level", "honeywall", "--honeywall", "none0"], 1),
    (["web-0", "--level", "freeze"], 64), (["--zone", "moon", "--level", "seal"], 1), (["web-0", "--release"], 1),
], ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_what_cannot_be_is_refused(ward, args, code):
    p = ward.quarantine(*args, check=False)
    assert p.returncode == code and p.stderr, p.stdout + p.stderr
    assert ward.arrives(0, 1, frame(0))


def test_each_level_lets_pass_what_it_says(ward):
    answer = mac(0) + mac(1) + udp("10.9.0.2", "10.9.0.1", 40001, 40000)
    ask = BROADCAST + mac(0) + arp(1, mac(0), "10.9.0.1", "10.9.0.2")
    carrier = ward.peer_carrier()
    ward.shut("observe")
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, frame(1, "10.9.0.1"))
    ward.shut("restrict", "--allow", "10.9.0.2:udp/40001", "--allow", "dhcp")
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, answer) and ward.arrives(0, 1, ask)
    assert not ward.arrives(0, 2, frame(0, "10.9.0.3")) and not ward.arrives(2, 0, frame(2, "10.9.0.1"))
    assert ward.arrives(0, 2, BROADCAST + mac(0) + udp("0.0.0.0", "255.255.255.255", 68, 67)), "DHCP"
    ward.shut("honeywall")
    for sender, receiver, what in ((0, 1, frame(0)), (0, 1, ask), (1, 0, answer), (0, 1, BROADCAST + mac(1) + udp("9.9.9.9", "10.9.0.2"))):
        assert not ward.arrives(sender, receiver, what)
    ward.shut("seal")
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(1, 0, answer)
    [row] = ward.status()
    assert row["level"] == "seal" and row["in_force"] == "yes" and row["refused"] >= 2 and row["by"] == "uid 0" and row["reason"] == "it beacons"
    assert ward.shut("seal").stdout.strip().endswith("already (seal).")
    assert ward.shut("observe", check=False).returncode == 1, "a lower level needs a release"
    ward.release()
    assert ward.arrives(0, 1, frame(0)) and ward.arrives(1, 0, answer) and ward.arrives(2, 0, frame(2, "10.9.0.1"))
    assert ward.peer_carrier() == carrier, "the link went down"
    assert SEGMENT not in ward.links() and ward.status() == []
    kinds = [line.split()[2] for line in ward.ledger().splitlines()]
    assert kinds.count("quarantine") == 4 and kinds.count("release") == 4 and "beacons" in ward.ledger() and "false alarm" in ward.ledger()


def test_a_policy_is_there_again_after_release_and_cannot_open_a_quarantine(ward):
    assert ward.isolate("apply").returncode == 0
    before = ward.guard_json()
    assert "enforce 52:54:00:00:0a:00" in before
    ward.shut("seal")
    p = ward.isolate("apply")
    assert p.returncode == 0 and not ward.arrives(0, 1, frame(0)), "a policy may not let a VM out"
    assert ward.isolate("verify", policy=False).returncode == 0, "a sealed port proves that nothing passes"
    ward.release()
    assert ward.guard_json() == before
    assert ward.arrives(0, 1, frame(0)) and not ward.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    assert ward.isolate("verify").returncode == 0


def test_a_policy_puts_back_a_quarantine_whose_programs_somebody_took_off(ward):
    assert ward.isolate("apply").returncode == 0
    ward.shut("seal", record=False)
    ward.lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact")
    assert ward.arrives(0, 1, frame(0)), "nothing holds it"
    p = ward.isolate("apply")
    assert p.returncode == 0, p.stdout + p.stderr
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(1, 0, frame(1, "10.9.0.1"))
    ward.release()
    assert ward.arrives(0, 1, frame(0)) and not ward.arrives(0, 1, frame(0, source_ip="10.9.0.77"))


def test_a_zone_is_shut_in_by_one_plan_and_let_out_vm_by_vm(ward):
    p = ward.quarantine("--zone", "web", "--policy", ward.policy, "--level", "seal", "--yes", "--reason", "worm", record=False)
    assert p.stdout.count("Applied: 4 changes of 4 targets") == 1
    assert len({row["plan"] for row in ward.status()}) == 1
    assert {row["vm"] for row in ward.status()} == {"web-0", "web-1"}
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(2, 1, frame(2))
    ward.release("web-1")
    assert {row["vm"] for row in ward.status()} == {"web-0"} and ward.arrives(2, 1, frame(2))
    p = ward.quarantine("--zone", "web", "--policy", ward.policy, "--level", "seal", "--yes", "--reason", "worm", record=False)
    assert "Applied: 2 changes" in p.stdout and "web-0: in quarantine so already (seal)." in p.stdout
    ward.release("--zone", "web")
    assert ward.status() == [] and ward.arrives(0, 1, frame(0))
    assert ward.run("rollback", "--state-dir", ward.tmp / "state").returncode == 1, "something of the plans is left"


def test_a_honeypot_answers_and_nobody_else(ward):
    ward.shut("honeywall", "--honeywall", "vnet2")
    assert ward.arrives(0, 2, frame(0, "10.9.0.2")), "what it sends goes to the honeypot, whoever it is for"
    assert not ward.arrives(0, 1, frame(0)) and not ward.arrives(1, 0, frame(1, "10.9.0.1"))
    assert ward.arrives(2, 0, mac(0) + mac(2) + udp("10.9.0.2", "10.9.0.1")), "it answers in the other's name"


def numbered(n):
    return bytes.fromhex(mac(1) + mac(0) + udp("10.9.0.1", "10.9.0.2", data=f"{n:08x}"))


def test_the_flip_loses_nothing_and_the_record_has_it(ward):
    """Numbered frames flow while the order is given: each is at the old receiver or in the record, none in both, none in neither."""
    if not shutil.which("tshark"):
        pytest.skip("not on this machine: tshark")
    a, b = ward.lab.ports[0], ward.lab.ports[1]
    assert ward.isolate("apply").returncode == 0
    b.received(0)
    order = subprocess.Popen(["nsenter", f"--net=/run/netns/{ward.lab.ns}", "unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"',
                              ward.lab.dir, EXE, "quarantine", "web-0", "--level", "honeywall", "--yes", "--reason", "x", "--domain-xml", str(ward.xml),
                              "--no-host", "--state-dir", str(ward.tmp / "state"), "-q"], stdout=subprocess.PIPE, text=True)
    n = 0
    while order.poll() is None:
        a.socket.send(numbered(n))
        n += 1
        time.sleep(0.0005)
    assert order.wait() == 0
    for _ in range(100):
        a.socket.send(numbered(n))
        n += 1
    there = {int(f[84:92], 16) for f in b.received() if f[24:28] == "0800"}
    eventually(lambda: ward.status()[0]["recorded"] == n - len(there))
    [row] = ward.status()
    assert row["lost"] == 0 and row["diverted"] == n - len(there)
    assert there == set(range(len(there))), "frames came to the old place behind the flip"
    ward.release()
    out = subprocess.run(["tshark", "-r", str(ward.pcaps()[0]), "-T", "fields", "-e", "frame.interface_name", "-e", "frame.interface_description",
                          "-e", "frame.time_epoch", "-e", "data.data"], capture_output=True, text=True, timeout=180)
    assert out.returncode == 0, out.stderr
    rows = [line.split("\t") for line in out.stdout.splitlines()]
    assert {(r[0], r[1]) for r in rows} == {(SEGMENT, "web-0")}
    assert [int(r[3][:8], 16) for r in rows] == list(range(len(there), n))
    times = [r[2] for r in rows]
    assert all(len(t.split(".")[1]) == 9 for t in times) and abs(float(times[-1]) - time.time()) < 60
    info = subprocess.run(["tshark", "-r", str(ward.pcaps()[0]), "-q", "-z", "io,stat,0"], capture_output=True, text=True, timeout=180)
    assert info.returncode == 0 and "cut short" not in info.stderr


def test_the_ring_keeps_the_newest(ward):
    ward.shut("honeywall")
    big = bytes.fromhex(mac(1) + mac(0)) + b"\x88\xb5"
    for i in range(1600):
        ward.lab.ports[0].socket.send(big + i.to_bytes(4, "big") + bytes(1400))
        if i % 100 == 99:
            time.sleep(0.02)
    eventually(lambda: ward.status()[0]["recorded"] + ward.status()[0]["lost"] == 1600)
    ward.release()
    eventually(lambda: len(ward.pcaps()) <= 8)
    files = ward.pcaps()
    assert files[0].name > "000001.pcapng" and sum(f.stat().st_size for f in files) < 4 << 20
    assert (1599).to_bytes(4, "big") in b"".join(f.read_bytes() for f in files[-2:]), "the newest frame"
    for f in files if shutil.which("tshark") else []:
        assert subprocess.run(["tshark", "-r", str(f), "-c", "1"], capture_output=True, timeout=180).returncode == 0, f


def test_a_full_disk_is_told_and_holds_nothing_up(ward):
    small = ward.tmp / "state/quarantine/record"
    small.mkdir(parents=True, mode=0o700)
    (ward.tmp / "state").chmod(0o700)
    sh("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small)
    try:
        ward.shut("honeywall")
        for i in range(1000):
            ward.lab.ports[0].socket.send(bytes.fromhex(mac(1) + mac(0)) + b"\x88\xb5" + bytes(1400))
            if i % 50 == 49:
                time.sleep(0.02)
        eventually(lambda: ward.status()[0]["recording"] == "disk full" and ward.status()[0]["lost"] > 0)
        [row] = ward.status()
        assert row["in_force"] == "yes" and row["diverted"] == 1000
        assert not ward.arrives(0, 1, frame(0))
        ward.release()
        assert ward.arrives(0, 1, frame(0))
        if shutil.which("tshark"):
            p = subprocess.run(["tshark", "-r", str(ward.pcaps()[0])], capture_output=True, text=True, timeout=180)
            assert p.returncode == 0, "half a block: " + p.stderr
    finally:
        eventually(lambda: sh("umount", small, check=False).returncode == 0)


def test_the_recorder_has_no_rights(ward):
    ward.shut("seal")
    pid = next(p for p in os.listdir("/proc") if p.isdigit() and is_recorder(p, SEGMENT))
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    kinds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert sum(k.startswith("socket:") for k in kinds) == 2, kinds
    os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: ward.status()[0]["recording"] == "ended")
    assert not ward.arrives(0, 1, frame(0)), "without its recorder the quarantine holds"


def is_recorder(pid, link):
    try:
        return f"record\0--link\0{link}".encode() in open(f"/proc/{pid}/cmdline", "rb").read()
    except OSError:
        return False


def test_a_vm_that_went_is_no_hindrance_to_release(ward):
    assert ward.isolate("apply").returncode == 0
    ward.shut("seal")
    sh("ip", "-n", ward.lab.ns, "link", "del", "vnet0")
    assert ward.status()[0]["in_force"] == "off"
    ward.release()
    assert ward.status() == [] and SEGMENT not in ward.links()
    p = ward.shut("seal", check=False)
    assert p.returncode != 0 and "does not run" in p.stderr


def test_a_name_that_another_vm_has_by_now_is_left_alone(ward):
    ward.shut("seal")
    sh("ip", "-n", ward.lab.ns, "link", "del", "vnet0")
    ward.lab.ports[0].socket.close()
    sh("ip", "netns", "del", ward.lab.ports[0].ns)
    port = ward.lab.ports[0] = type(ward.lab.ports[0])(ward.lab, 0)
    port.join()
    ward.release()
    assert ward.arrives(0, 1, frame(0)) and SEGMENT not in ward.links()


def test_killed_at_every_step_it_is_undone(ward):
    """The privileged process dies before the n-th write of any kind, for every n: the next start leaves the VM as before, nothing behind."""
    if not KILL_AT.exists():
        pytest.skip("kill_at is for x86-64")
    assert ward.isolate("apply").returncode == 0
    before, shut, whole = ward.guard_json(), 0, 0
    for n in itertools.count(1):
        p = ward.lab.run("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', ward.lab.dir, KILL_AT, n, EXE, "quarantine", "web-0",
                         "--level", "seal", "--yes", "--reason", "x", "--domain-xml", ward.xml, "--no-host", "--record-max", "0",
                         "--state-dir", ward.tmp / "state", "-q", check=False)
        if p.returncode != KILLED:
            break
        ward.lab.ports[1].received(0)
        ward.lab.ports[0].send(frame(0))
        shut += not ward.lab.ports[1].received(0.02)
        said = ward.run("recover", "--state-dir", ward.tmp / "state")
        assert said.returncode == 0, (n, said.stderr)
        if (ward.tmp / "state/quarantine" / UUID).exists():
            whole += 1  # all of it was done, but for the last words: it is let out as ever
            ward.release()
        assert SEGMENT not in ward.links() and not (ward.tmp / "state/quarantine" / UUID).exists(), n
        ward.lab.ports[0].send(frame(0))
        assert ward.lab.ports[1].received(0.02), n
        assert n % 8 or ward.guard_json() == before, n
    assert p.returncode == 0 and n > 25 and shut > 10 and whole < 8, (p.stderr, n, shut, whole)
    assert not ward.arrives(0, 1, frame(0))
    ward.release()
    assert ward.guard_json() == before


@pytest.mark.parametrize("level", ["observe", "restrict", "seal"])
def test_a_quarantine_follows_its_vm_to_its_next_port(ward, level):
    """The guard's service shuts the new port in from its birth, under whatever name, and lets it out when the record goes."""
    service = Service(ward)
    try:
        ward.shut(level, *(["--allow", "10.9.0.2"] if level == "restrict" else []))
        old = ward.lab.ports[0]
        sh("ip", "-n", ward.lab.ns, "link", "del", "vnet0")
        old.socket.close()
        sh("ip", "netns", "del", old.ns)
        port = ward.lab.ports[0] = type(old)(ward.lab, 9)
        sh("ip", "-n", ward.lab.ns, "link", "set", "vnet9", "address", "fe" + colons(mac(0))[2:])
        port.join()
        service.says("vnet9", "shut in", "web-0")
        ward.lab.ports[1].send(mac(0) + mac(1) + udp("10.9.0.2", "10.9.0.1"))
        assert ward.arrives(0, 1, frame(0)) == (level != "seal")
        assert ward.arrives(0, 2, frame(0, "10.9.0.3")) == (level == "observe")
        [row] = ward.status()
        assert row["in_force"] == "yes" and row["port"] == "vnet9"
        eventually(lambda: ward.status()[0]["recorded"] >= 1)
        ward.release()
        service.says("vnet9", "released")
        assert ward.arrives(0, 2, frame(0, "10.9.0.3")) and SEGMENT not in ward.links() and ward.status() == []
    finally:
        service.stop(signal.SIGKILL)


def test_without_the_service_it_is_said_that_a_port_is_free(ward):
    p = ward.shut("restrict")
    assert "isolate guard start" in p.stderr
    sh("ip", "-n", ward.lab.ns, "link", "del", "vnet0")
    port = ward.lab.add(9, join=False)
    sh("ip", "-n", ward.lab.ns, "link", "set", "vnet9", "address", "fe" + colons(mac(0))[2:])
    port.join()
    [row] = ward.status()
    assert row["port"] == "vnet9" and row["in_force"] == "no"


def test_facts_know_who_is_in_quarantine(ward):
    """Records are read where the product keeps them: a directory host with the same record."""
    ward.shut("seal", record=False)
    host = ward.tmp / "host/var/lib/ringfence/quarantine"
    host.mkdir(parents=True)
    shutil.copy(ward.tmp / "state/quarantine" / UUID, host / UUID)
    (host / "11111111-1111-1111-1111-111111111111").write_text("{}\n")
    p = subprocess.run([EXE, "query", "--from", ward.tmp / "host", "-o", "json", "-q",
                        "SELECT vm, level, by_whom, reason, cards_count, plan <> '' AS planned FROM quarantine"], capture_output=True, text=True)
    assert json.loads(p.stdout) == [{"vm": "web-0", "level": "seal", "by_whom": "uid 0", "reason": "it beacons", "cards_count": 1, "planned": 1}], p.stderr
    assert POLICY
