# SPDX-License-Identifier: Apache-2.0
"""Goal: what a VM or another program may do for long. 200,000 forged addresses and floods of the smallest frames cost no memory and are counted
to the last frame; somebody who takes the guard off in a loop, flushes nft or puts his own things in the guard's place gets it back each
time, in a service that does not grow. Nothing here is timed."""
import json
import os
import subprocess
import time

from guard_lab import BROADCAST, inside, mac, udp
from test_isolate import applied, frame, host  # noqa: F401
from test_isolate_guard import BOTH, got, service  # noqa: F401

FORGED = 200_000
SMALL = 64


def counts(host, port="vnet0"):  # noqa: F811
    return {k: int(v) for k, v in (line.split() for line in host.lab.tool("counts", port).splitlines())}


def refused(c):
    return sum(v for k, v in c.items() if k not in ("from", "to", "heals"))


def grown(before, after):
    return {k: after.get(k, 0) - before.get(k, 0) for k in after if after.get(k, 0) != before.get(k, 0)}


def size_of(s):
    """Anonymous memory in KiB, descriptors, threads."""
    pid = s.process.pid
    text = open(f"/proc/{pid}/status").read()
    return (int(text.split("RssAnon:")[1].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(text.split("Threads:")[1].split()[0]))


def stays_small(before, s):
    after = size_of(s)
    assert s.process.poll() is None
    # Its socket for filters is opened when it first needs one.
    assert after[0] < before[0] + 2048 and after[1] <= before[1] + 1 and after[2] == before[2], (before, after)


def fdb(host):  # noqa: F811
    return sorted(json.dumps(e, sort_keys=True) for e in json.loads(host.lab.run("bridge", "-j", "fdb", "show", "br", "br0").stdout))


def test_200000_forged_addresses(host, service):  # noqa: F811
    s = service()
    small, memory, table, before = size_of(s), host.lab.tool("memory"), fdb(host), counts(host)
    host.lab.tool("events")
    host.lab.tool("flood", "vnet0", FORGED, BROADCAST + mac(9) + udp("10.9.0.1", "10.9.0.2"))
    assert grown(before, counts(host)) == {"source-mac": FORGED}
    # Samples are few by intention; each frame they stand for was counted above.
    samples = [e for e in host.lab.tool("events").splitlines() if "source-mac" in e]
    assert 0 < len(samples) < FORGED / 100
    assert host.lab.tool("memory") == memory and fdb(host) == table
    stays_small(small, s)
    # And with real frames, of which the sender's own queue may lose some.
    port, before = host.lab.ports[0], counts(host)

    def lost():
        with inside(port.ns):
            return int(next(x for x in open("/proc/thread-self/net/dev") if "eth0:" in x).split(":")[1].split()[11])

    first, data = lost(), bytearray(bytes.fromhex(BROADCAST + mac(9) + udp("10.9.0.1", "10.9.0.2"))[:60].ljust(60, b"\0"))
    for i in range(20_000):
        data[6:12] = b"\x02\x98" + i.to_bytes(4, "big")
        port.socket.send(data)
    assert refused(grown(before, counts(host))) == 20_000 - (lost() - first)
    assert host.lab.tool("memory") == memory and fdb(host) == table
    assert got(host.lab.ports[1], data[14:30].hex()) == []
    stays_small(small, s)


def test_a_flood_of_the_smallest_frames(host, service):  # noqa: F811
    host.policy.write_text(host.policy.read_text().replace("profile: risky", "profile: calm") +
                           "profiles: {calm: {based-on: risky, network: {frames-per-second: 1000, frames-burst: 500}}}\n")
    s = service()
    small, memory, before = size_of(s), host.lab.tool("memory"), counts(host)
    honest = (mac(1) + mac(0) + udp("10.9.0.1", "10.9.0.2"))[:2 * (SMALL - 4)]
    host.lab.tool("flood", "vnet0", FORGED, honest, "own")
    now = grown(before, counts(host))
    assert now["from"] + now["rate"] == FORGED and set(now) == {"from", "rate"} and now["from"] >= 500, now
    host.lab.tool("flood", "vnet0", FORGED // 10, BROADCAST + honest[12:], "own")
    now = grown(before, counts(host))
    assert now["from"] + refused(now) == FORGED + FORGED // 10, now
    assert host.lab.tool("memory") == memory
    stays_small(small, s)


def loop(host, script, times):  # noqa: F811
    """Another program that does the same again and again, as fast as it can; what fails does not matter to it."""
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{host.lab.ns}", "sh", "-c", f"i=0; while [ $i -lt {times} ]; do {script}; i=$((i+1)); done"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def forging_while(host, other):  # noqa: F811
    """Forged frames as long as the other program is at it; what of them arrived anywhere."""
    sender, sent, leaked = host.lab.ports[0], 0, []
    bad = bytes.fromhex(BROADCAST + mac(2) + udp("10.9.0.99", "10.9.0.2", data="bad0bad0"))
    for p in host.lab.ports[1:]:
        p.received(0)
    while other.poll() is None:
        sender.socket.send(bad)
        sent += 1
        if sent % 500 == 0:
            for p in host.lab.ports[1:]:
                leaked += got(p)
    for p in host.lab.ports[1:]:
        leaked += got(p)
    assert sent > 100
    return leaked


def test_taken_off_in_a_loop(host, service):  # noqa: F811
    s = service()
    small, before = size_of(s), counts(host)
    leaked = forging_while(host, loop(host, "tc qdisc del dev vnet0 clsact; nft flush ruleset", 60))
    assert leaked == [], "the second layer, or the first, holds at each moment"
    s.says("vnet0", "is back")
    time.sleep(1.1)
    s.forget()
    host.lab.run("nft", "flush", "ruleset")
    s.says("rules of nft", "again")
    assert counts(host)["heals"] - before["heals"] >= 10
    # Told at most so many times a second, whatever was done.
    assert s.lines.count("\n") < 2000
    assert host.isolate("verify").returncode == 0
    assert host.arrives(0, 1, frame(0)) and not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    stays_small(small, s)


def test_two_that_want_the_same_place(host, service):  # noqa: F811
    """Another agent wants the ingress for itself, puts filters of its own before ours, and opens the fence; a second service finds the first."""
    s = service()
    small = size_of(s)
    agent = ("tc qdisc del dev vnet0 clsact; tc qdisc add dev vnet0 ingress; tc qdisc del dev vnet0 ingress; tc qdisc add dev vnet0 clsact; "
             "tc filter add dev vnet0 ingress pref 1 protocol all u32 match u32 0 0 action pass; tc filter del dev vnet0 ingress pref 1; "
             "bridge link set dev vnet0 learning on flood on")
    leaked = forging_while(host, loop(host, agent, 20))
    assert leaked == []
    assert s.process.poll() is None
    second = host.run("--role", "guard", "--state", host.tmp / "state", "--domain-xml", host.xml)
    assert second.returncode == 1 and "runs already" in second.stderr
    # When the other one has had enough, everything is as it should be. Of one second it says only so much.
    time.sleep(1.1)
    s.forget()
    host.lab.run("bridge", "link", "set", "dev", "vnet0", "locked", "off")
    s.says("vnet0", "closed again")
    host.lab.run("tc", "qdisc", "del", "dev", "vnet0", "clsact", check=False)
    s.says("vnet0", "is back")
    assert host.isolate("verify").returncode == 0
    assert "locked on" in host.lab.run("bridge", "-d", "link", "show", "dev", "vnet0").stdout
    assert host.arrives(0, 1, frame(0)) and not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
    stays_small(small, s)
