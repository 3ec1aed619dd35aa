# SPDX-License-Identifier: Apache-2.0
"""Goal: what goes wrong while a policy of isolation is put in force leaves all of it or nothing: a port that goes away or gets another name
between any two steps, a state folder without room, an /etc that cannot be written. Each says what it was, and leaves nothing behind."""
import json
import os
import re
import shutil

import pytest

from guard_lab import BROADCAST, TOOL, mac, sh, udp
from test_isolate import Host, applied, frame, host  # noqa: F401
from test_shape import PROFILE, links

KILL_AT = TOOL.parent / "kill_at"
STRIDE = 331


def guarded(host):  # noqa: F811
    out = host.run("isolate", "guard", "status", "--state-dir", host.tmp / "state").stdout
    found = re.search(r"guard: (\d+) ports", out)
    return int(found[1]) if found else 0


def apply_with(host, n, deed):  # noqa: F811
    """`isolate apply`; before the N-th step of its privileged role the deed is done. Whether it came to that."""
    mark = host.tmp / "mark"
    mark.unlink(missing_ok=True)
    p = host.lab.run("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', host.lab.dir, KILL_AT, n, "-c", f"touch {mark}; {deed}",
                     os.environ.get("RINGFENCE", str(TOOL.parents[2] / "src/cli/ringfence")), "isolate", "apply", host.policy, "--domain-xml", host.xml, "--no-host",
                     "--state-dir", host.tmp / "state", "-q", check=False)
    return p, mark.exists()


def clean(host, before):  # noqa: F811
    r = host.run("recover", "--state-dir", host.tmp / "state")
    assert r.returncode == 0 and "Nothing was interrupted" in r.stdout, r.stdout + r.stderr
    assert guarded(host) == 0
    assert {x for x in links(host) if x.startswith("rfs")} == set()
    assert host.lab.run("nft", "list", "tables").stdout == before


@pytest.mark.parametrize("deed", ["link del {0}", "link set {0} down; ip link set {0} name other{1}"], ids=["gone", "renamed"])
def test_a_port_that_goes_between_two_steps(host, deed):  # noqa: F811
    if not KILL_AT.exists():
        pytest.skip("kill_at is for x86-64")
    host.policy.write_text(host.policy.read_text().replace("profile: risky", "profile: slow") + PROFILE.replace("based-on: standard", "based-on: risky") +
                           "network: {second-layer: [bridge, nft], ports: ['vnet*', 'other*']}\n")
    tables = host.lab.run("nft", "list", "tables").stdout
    failed = went = 0
    for k, n in enumerate(range(2, 10000, STRIDE)):
        i = 10 + k
        port = host.lab.add(i)
        host.define(f"web-{i}", 9, port.name)
        host.policy.write_text(re.sub(r"  - \{vm: web-1\d.*\n", "", host.policy.read_text()).replace(
            "addresses:\n", f"addresses:\n  - {{vm: web-{i}, ip: [{port.ip}]}}\n"))
        p, done = apply_with(host, n, "ip " + deed.format(port.name, i))
        if p.returncode and "this kernel has no" in p.stderr:
            pytest.skip(p.stderr.strip())
        assert p.returncode in (0, 1), p.stderr
        if p.returncode:
            failed += 1
            assert re.search("went away|no link|no port of a bridge|No such device|is gone|was changed since", p.stderr), (n, p.stderr)
            assert "and undoing" not in p.stderr, (n, p.stderr)
        else:
            went += 1
            r = host.isolate("rollback")
            assert r.returncode == 0, (n, r.stderr)
        renamed = f"other{i}" in links(host)
        if renamed:
            # What was put on it under its old name was undone under the new one.
            assert guarded(host) == 0 and not [x for x in links(host) if x.startswith("rfs")], (n, p.stderr)
            # Whatever it has by now, the next plan finds it by its address.
            p = host.isolate("apply")
            assert p.returncode == 0, p.stderr
            assert host.isolate("rollback").returncode == 0
            sh("ip", "-n", host.lab.ns, "link", "del", f"other{i}")
        elif port.name in links(host):
            sh("ip", "-n", host.lab.ns, "link", "del", port.name)
        (host.xml / f"web-{i}.xml").unlink()
        clean(host, tables)
        if not done:
            break
    # What is renamed behind its guard is followed: then the plan goes through.
    assert p.returncode == 0 and went >= 1 and (failed >= 1 or "name" in deed), (failed, went)
    p = host.run("ledger", "verify", "--state-dir", host.tmp / "state")
    assert p.returncode == 0, p.stdout + p.stderr


def test_another_name_is_said_and_healed(host):  # noqa: F811
    host.policy.write_text(host.policy.read_text().replace("profile: risky", "profile: slow") + PROFILE)
    applied(host)
    sh("ip", "-n", host.lab.ns, "link", "set", "vnet0", "down")
    sh("ip", "-n", host.lab.ns, "link", "set", "vnet0", "address", "fe:54:00:00:0a:00")
    sh("ip", "-n", host.lab.ns, "link", "set", "vnet0", "name", "other0")
    sh("ip", "-n", host.lab.ns, "link", "set", "other0", "up")
    run = lambda verb: host.run("isolate", verb, host.policy, "--domain-xml", host.xml, "--no-host",  # noqa: E731
                                *([] if verb == "verify" else ["--state-dir", host.tmp / "state"]))
    p = run("plan")
    assert p.returncode == 0 and "its port is called other0 now, no longer vnet0" in p.stderr, p.stdout + p.stderr
    p = run("verify")
    assert p.returncode == 0 and "web-0 net0 on other0" in p.stdout, p.stdout + p.stderr
    # Its limit goes under the new name as it would have under the old one.
    host.policy.write_text(host.policy.read_text().replace("rate-out: 4 mbit/s", "rate-out: unlimited"))
    assert run("apply").returncode == 0
    assert not [x for x in links(host) if x.startswith("rfs")]
    assert not host.arrives(0, 1, BROADCAST + mac(2) + udp("10.9.0.1", "10.9.0.2"))
    # Two ports with the address are nobody's.
    port = host.lab.add(9)
    sh("ip", "-n", host.lab.ns, "link", "set", port.name, "address", "fe:54:00:00:0a:00")
    p = run("plan")
    assert "is called" not in p.stderr


def test_a_state_folder_without_room(host):  # noqa: F811
    state = host.tmp / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", state)
    try:
        filler = state / "filler"
        texts = set()
        for room in range(0, 1 << 18, 12_288):
            with open(filler, "wb") as f:
                f.write(b"x" * (shutil.disk_usage(state).free - room))
            p = host.isolate("apply")
            filler.unlink()
            if p.returncode == 0:
                break
            assert p.returncode == 1 and "No space left" in p.stderr, (room, p.stderr)
            texts.add(re.sub(r"\d+", "", p.stderr))
            # With room again: what was begun is undone already, nothing of it is in the kernel, and what was not begun left no files.
            r = host.run("recover", "--state-dir", state)
            assert r.returncode == 0 and "Nothing was interrupted" in r.stdout, (room, r.stdout + r.stderr)
            assert guarded(host) == 0, (room, p.stderr)
            assert host.arrives(0, 1, frame(0, source_ip="10.9.0.77")), room
            begun = [x for x in (state / "changes").iterdir() if x.is_dir()]
            assert len(begun) == ("undone" in p.stderr), (room, p.stderr, begun)
        assert p.returncode == 0 and len(texts) >= 3, (p.stderr, texts)
        assert not host.arrives(0, 1, frame(0, source_ip="10.9.0.77"))
        # An undoing that cannot be noted does not end half-way either.
        with open(filler, "wb") as f:
            f.write(b"x" * shutil.disk_usage(state).free)
        p = host.isolate("rollback")
        filler.unlink()
        assert p.returncode in (0, 1), p.stderr
        assert host.run("recover", "--state-dir", state).returncode == 0
        if guarded(host):
            assert host.isolate("verify").returncode == 0 and host.isolate("rollback").returncode == 0
        assert guarded(host) == 0
        p = host.run("ledger", "verify", "--state-dir", state)
        assert p.returncode == 0, p.stdout + p.stderr
    finally:
        sh("umount", "-l", state)


def test_an_etc_that_cannot_be_written(host):  # noqa: F811
    """A plan of both kinds, port and file: the file cannot be made, so that the port is not guarded either."""
    etc = host.tmp / "sysctl.d"
    etc.mkdir()

    def run(*args, mode="ro"):
        return host.lab.run("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && mount --bind "$1" /etc/sysctl.d && mount -o remount,bind,"$2" '
                            '/etc/sysctl.d && shift 2 && exec "$@"', host.lab.dir, etc, mode,
                            os.environ.get("RINGFENCE", str(TOOL.parents[2] / "src/cli/ringfence")), *args, "--state-dir", host.tmp / "state", "-q", check=False)

    parts = []
    for i, args in enumerate((("fix", "host.net.accept-redirects"), ("isolate", "plan", host.policy, "--domain-xml", host.xml, "--no-host"))):
        part = host.tmp / f"part{i}.json"
        p = run(*args, "--save", part)
        assert part.exists(), p.stdout + p.stderr
        parts.append(json.loads(part.read_text()))
    plan = host.tmp / "plan.json"

    def values():
        return {v: host.lab.run("cat", f"/proc/sys/net/{v}/conf/all/accept_redirects").stdout for v in ("ipv4", "ipv6")}

    before = values()
    # The ports first, so that they are what is to be undone.
    plan.write_text(json.dumps({**parts[0], "id": "20260101-000000-00000001", "changes": parts[1]["changes"] + parts[0]["changes"]}))
    p = run("fix", "--plan", plan, "--apply", "--confirm-within", "0")
    assert p.returncode == 1 and "Read-only file system" in p.stderr and "/etc/sysctl.d" in p.stderr, p.stderr
    assert guarded(host) == 0 and values() == before and not list(etc.iterdir())
    assert "Nothing was interrupted" in run("recover").stdout
    plan.write_text(json.dumps({**parts[0], "id": "20260101-000000-00000002", "changes": parts[1]["changes"] + parts[0]["changes"]}))
    p = run("fix", "--plan", plan, "--apply", "--confirm-within", "0", mode="rw")
    assert p.returncode == 0, p.stderr
    assert guarded(host) == 3 and len(list(etc.iterdir())) == 1
