# SPDX-License-Identifier: Apache-2.0
"""Goal: a policy's rate-in and rate-out shape real frames on real ports, both ways; what somebody takes away is found and mended, what
is somebody else's stays, and what is undone is as it was. Rates are judged by counters over the time they took, never by a deadline."""
import json
import os
import subprocess
import time

import pytest

from conftest import EXE
from guard_lab import BROADCAST, Lab, mac, sh, udp
from test_isolate import Host, POLICY, host, frame  # noqa: F401

PROFILE = """profiles:
  slow:
    based-on: standard
    network:
      rate-in: {average: 8mbit, peak: 16mbit, burst: 40kB}
      rate-out: 4 mbit/s
"""
SLOW = POLICY.replace("profile: risky", "profile: slow") + PROFILE
IN, OUT = 1_000_000, 500_000  # bytes a second


def tc(host, *args, check=True):
    return sh("tc", "-n", host.lab.ns, *args, check=check)


def qdiscs(host, link):
    """Kind and handle of each; clsact is shared and stays."""
    out = json.loads(tc(host, "-j", "qdisc", "show", "dev", link).stdout)
    return sorted((q["kind"], q["handle"]) for q in out if q["kind"] != "clsact")


def links(host):
    return {x["ifname"]: x["ifindex"] for x in json.loads(sh("ip", "-n", host.lab.ns, "-j", "link").stdout)}


def waiting_link(host, port):
    return f"rfs{links(host)[port]}"


@pytest.fixture
def shaped(host):  # noqa: F811
    host.before = {p: qdiscs(host, p) for p in ("vnet0", "vnet1", "vnet2")}
    host.policy.write_text(SLOW)
    p = host.isolate("apply")
    if p.returncode and "this kernel has no" in p.stderr:
        pytest.skip(p.stderr.strip())
    assert p.returncode == 0, p.stderr
    return host


def pour(host, sender, receiver, seconds=1.0):
    """Full frames from one VM to another as fast as they go: bytes that arrived, and in which time."""
    a, b = host.lab.ports[sender], host.lab.ports[receiver]
    data = bytes.fromhex(mac(receiver) + mac(sender) + udp(f"10.9.0.{sender + 1}", f"10.9.0.{receiver + 1}", data="00" * 1400))

    def arrived():
        for line in sh("nsenter", f"--net=/run/netns/{b.ns}", "cat", "/proc/net/dev").stdout.splitlines():
            if line.strip().startswith("eth0:"):
                return int(line.split(":")[1].split()[0])
        raise AssertionError("no eth0")

    first, start = arrived(), time.monotonic()
    while time.monotonic() < start + seconds:
        for _ in range(20):
            a.socket.send(data)
        time.sleep(0.002)
    before_reading = time.monotonic()
    got = arrived() - first
    return got, start, before_reading, time.monotonic()


def within(host, sender, receiver, rate, burst):
    got, start, _, end = pour(host, sender, receiver)
    most = rate * (end - start) + burst + 3000
    assert got <= most, f"{got} bytes, at most {most:.0f}"
    assert got >= rate * 0.2, f"only {got} bytes: it does not pass"


def test_a_plan_shows_it_in_words(host):  # noqa: F811
    host.policy.write_text(SLOW)
    p = host.isolate("plan")
    assert p.returncode == 2, p.stderr
    assert "to the VM 8 mbit, peak 16 mbit, burst 40000 bytes; from the VM 4 mbit" in p.stdout
    assert "port-shape" not in p.stdout.split("vnet2")[-1], "a VM of another profile has no limit"


def test_both_ways_are_shaped_and_undone(shaped):
    assert ("tbf", "5246:") in qdiscs(shaped, "vnet0") and waiting_link(shaped, "vnet0") in links(shaped)
    assert qdiscs(shaped, "vnet2") == shaped.before["vnet2"]
    # From 0 to 1: out at 4 mbit, in at 8: the slower counts.
    within(shaped, 0, 1, OUT, 5000 + 3036)
    p = shaped.isolate("apply")
    assert p.returncode == 0 and "Nothing to change" in p.stdout
    assert not shaped.arrives(0, 1, frame(0, source_ip="10.9.0.77")), "the guard still judges"
    # To the VM alone: without the other's way out.
    shaped.policy.write_text(SLOW.replace("      rate-out: 4 mbit/s\n", ""))
    p = shaped.isolate("apply")
    assert p.returncode == 0, p.stderr
    assert not [x for x in links(shaped) if x.startswith("rfs")]
    within(shaped, 0, 1, IN, 40000)
    assert shaped.isolate("rollback").returncode == 0 and shaped.isolate("rollback").returncode == 0
    for link, before in shaped.before.items():
        assert qdiscs(shaped, link) == before
    assert not [x for x in links(shaped) if x.startswith("rfs")]


def test_who_proves_has_no_rights_where_it_parses(shaped):
    """While frames are tried the program itself is locked in without a right, who asks the kernel is another process, who sends the
    frames is in a network of its own, and who makes load for the trial of limits has no right on networks."""
    p = subprocess.Popen(["nsenter", f"--net=/run/netns/{shaped.lab.ns}", "unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"',
                          shaped.lab.dir, EXE, "isolate", "verify", shaped.policy, "--active", "-o", "json", "--domain-xml", shaped.xml, "--no-host", "-q"],
                         stdout=subprocess.PIPE, text=True)

    def status(pid):
        lines = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
        return int(lines["Seccomp"]), int(lines["NoNewPrivs"]), int(lines["CapEff"], 16), os.readlink(f"/proc/{pid}/ns/net")

    def family():
        children = open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()
        return [status(pid) for pid in (p.pid, *children)]

    seen = None
    while p.poll() is None and seen is None:
        try:
            now = family()
            if len(now) == 4 and all(s[0] == 2 and s[1] == 1 for s in now):
                seen = now
        except (OSError, KeyError, ValueError):
            continue
        time.sleep(0.01)
    out, _ = p.communicate()
    shown = json.loads(out)
    rates = [x for x in shown["promises"] if x["promise"].startswith("rate")]
    assert p.returncode in (0, 2) and len(rates) == 4 and all("tried" in x["evidence"] for x in rates), rates
    assert all(len(x["promises"]) == 30 and x["guarded"] for x in shown["ports"])
    assert seen, "all four locked in at once were never seen"
    main, *others = seen
    net_admin, net_raw, sys_admin, dac_override = 1 << 12, 1 << 13, 1 << 21, 1 << 1
    assert main[2] & ~dac_override == 0
    [trier] = [s for s in others if s[3] != main[3]]
    loader, asker = sorted((s for s in others if s[3] == main[3]), key=lambda s: s[2] & sys_admin)
    assert asker[2] & sys_admin and loader[2] & (net_admin | net_raw | sys_admin) == 0
    assert trier[3] != main[3] and trier[2] & ~(net_admin | net_raw) == 0


def test_what_somebody_took_away_is_found_and_mended(shaped):
    def ifb():
        return waiting_link(shaped, "vnet0")

    for take in (lambda: tc(shaped, "qdisc", "del", "dev", "vnet0", "root"),
                 lambda: tc(shaped, "filter", "del", "dev", "vnet0", "ingress", "prio", "65534"),
                 lambda: sh("ip", "-n", shaped.lab.ns, "link", "del", ifb()),
                 lambda: tc(shaped, "qdisc", "del", "dev", ifb(), "root"),
                 lambda: sh("ip", "-n", shaped.lab.ns, "link", "set", ifb(), "down")):
        take()
        p = shaped.isolate("apply")
        assert p.returncode == 0 and "Nothing to change" not in p.stdout, p.stderr
        assert shaped.isolate("plan").returncode == 0
        assert shaped.arrives(0, 1, frame(0))


def test_what_is_anothers_stays(host):  # noqa: F811
    host.policy.write_text(SLOW)
    tc(host, "qdisc", "add", "dev", "vnet0", "root", "handle", "1:", "pfifo", "limit", "77")
    p = host.isolate("apply")
    assert p.returncode == 1 and "another's queueing discipline (pfifo)" in p.stdout + p.stderr and "nothing was changed" in p.stderr
    assert ("pfifo", "1:") in qdiscs(host, "vnet0") and not [x for x in links(host) if x.startswith("rfs")]
    tc(host, "qdisc", "del", "dev", "vnet0", "root")
    # Below kernel 6.6 the guard itself is kept off by this; then its words say so.
    tc(host, "qdisc", "add", "dev", "vnet0", "ingress")
    p = host.isolate("apply")
    assert p.returncode == 1 and "ingress" in p.stdout + p.stderr
    assert ("ingress", "ffff:") in qdiscs(host, "vnet0")
    tc(host, "qdisc", "del", "dev", "vnet0", "ingress")
    # A link of our name that we did not make.
    sh("ip", "-n", host.lab.ns, "link", "add", waiting_link(host, "vnet0"), "type", "dummy", check=False)
    if waiting_link(host, "vnet0") in links(host):
        p = host.isolate("apply")
        assert p.returncode == 1 and "is another's" in p.stdout + p.stderr
        assert qdiscs(host, "vnet1") == [("noqueue", "0:")], "what was done before it is undone"
        assert waiting_link(host, "vnet0") in links(host)


def test_what_a_stopped_vm_left_goes(shaped):
    old = waiting_link(shaped, "vnet1")
    sh("ip", "-n", shaped.lab.ns, "link", "del", "vnet1")
    assert old in links(shaped)
    shaped.policy.write_text(SLOW.replace("4 mbit", "5 mbit"))
    p = shaped.isolate("apply")
    assert p.returncode == 0, p.stderr
    assert old not in links(shaped) and waiting_link(shaped, "vnet0") in links(shaped)


def test_a_limit_that_the_policy_drops_goes(shaped):
    shaped.policy.write_text(POLICY)
    assert shaped.isolate("plan").returncode == 2
    assert shaped.isolate("apply").returncode == 0
    assert qdiscs(shaped, "vnet0") == shaped.before["vnet0"] and not [x for x in links(shaped) if x.startswith("rfs")]
