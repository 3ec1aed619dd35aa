# SPDX-License-Identifier: Apache-2.0
"""Goal: a mixed plan (a file, kernel values, zones and a port of the network guard) survives death at every step of the privileged process.
kill_at ends every process of the command when the role is about to make its N-th step; every second time the power goes, too: the guard
is out of the kernel and kernel values are what they are after a start. The next `recover` leaves all of the plan or nothing of it, says
which, has nothing to do a second time, and the ledger holds. Real programs throughout; in namespaces and folders of the test's own."""
import itertools
import json
import os
import pathlib
import re

import pytest

from conftest import EXE
from guard_lab import TOOL, inside, need, sh
from test_isolate import Host

KILL_AT = TOOL.parent / "kill_at"
KEYS = [f"net.{v}.conf.{k}.accept_redirects" for v in ("ipv4", "ipv6") for k in ("all", "default")]
FILE = "99-zz-ringfence.conf"
KILLED = 137
POLICY = """isolate: 1
zones:
  web: {exchanges-with: [web]}
assignments:
  - {vm: web-0, profile: standard, zone: web}
"""


class Machine(Host):
    """The host of the isolation tests, with a folder for /etc/sysctl.d and a state that outlives each command."""

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.etc = tmp_path / "sysctl.d"
        self.etc.mkdir()
        self.policy.write_text(POLICY)
        self.file = self.etc / FILE
        self.starts = self.values()
        self.nothing = self.run("recover").stdout

    def run(self, *args, kill_at=None):
        killer = [KILL_AT, str(kill_at)] if kill_at else []
        return self.lab.run("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && mount --bind "$1" /etc/sysctl.d && shift && exec "$@"',
                            self.lab.dir, self.etc, *killer, EXE, *args, "--state-dir", self.tmp / "state", check=False)

    def values(self):
        with inside(self.lab.ns):
            return {k: pathlib.Path("/proc/sys/" + k.replace(".", "/")).read_text().strip() for k in KEYS}

    def write(self, key, value):
        with inside(self.lab.ns):
            pathlib.Path("/proc/sys/" + key.replace(".", "/")).write_text(value)

    def lose_power(self):
        """What is only in the kernel is gone."""
        sh("umount", "-l", self.lab.dir)
        sh("mount", "-t", "bpf", "bpf", self.lab.dir)
        for port in self.lab.ports:
            self.lab.run("tc", "qdisc", "del", "dev", port.name, "clsact", check=False)
        for key, value in self.starts.items():
            self.write(key, value)

    def load_values(self):
        """As systemd-sysctl.service does at a start; ringfence-recover.service comes before it."""
        text = self.file.read_text() if self.file.exists() else ""
        for key, value in re.findall(r"^(net\.\S+) *= *(\S+)", text, re.M):
            self.write(key, value)

    def picture(self):
        """What the plan is about, as far as a look from outside goes; that nothing else differs, the digests of the next apply say."""
        filters = self.lab.run("tc", "filter", "show", "dev", "vnet0", "ingress", check=False).stdout
        return {p.name: p.read_bytes() for p in sorted(self.etc.iterdir())}, self.values(), "bpf" in filters

    def mixed_plan(self):
        """Both planners' changes as one plan, as a person may merge and approve them."""
        parts = []
        for i, args in enumerate((("fix", "host.net.accept-redirects"), ("isolate", "plan", self.policy, "--domain-xml", self.xml, "--no-host"))):
            part = self.tmp / f"part{i}.json"
            p = self.run(*args, "--save", part, "-q")
            assert part.exists(), p.stdout + p.stderr
            parts.append(json.loads(part.read_text()))
        plan = {**parts[0], "changes": parts[0]["changes"] + parts[1]["changes"]}
        verbs = {c["verb"] for c in plan["changes"]}
        assert {"guard-port", "guard-zone"} < verbs and len(verbs) >= 4, verbs
        return plan

    def apply(self, plan, number, kill_at=None):
        """A plan is applied once: each time it is another one that says the same."""
        path = self.tmp / "plan.json"
        path.write_text(json.dumps({**plan, "id": f"20260101-000000-{number:08x}"}))
        return self.run("fix", "--plan", path, "--apply", "--confirm-within", "0", "-q", kill_at=kill_at)


@pytest.fixture
def machine(tmp_path):
    need()
    if not KILL_AT.exists():
        pytest.skip("kill_at is for x86-64")
    if not os.path.isdir("/sys/fs/bpf"):
        pytest.skip("no BPF in this kernel")
    m = Machine(tmp_path)
    yield m
    m.lab.close()


def test_death_at_every_step(machine):
    plan, before = machine.mixed_plan(), machine.picture()
    undone = kept = 0
    for n in itertools.count(1):
        p = machine.apply(plan, n, kill_at=n)
        if p.returncode != KILLED:
            break
        power = n % 2 == 0
        if power:
            machine.lose_power()
        r = machine.run("recover")
        if power:
            machine.load_values()
        assert r.returncode == 0, (n, r.stderr)
        now = machine.picture()
        print(n, r.stdout.strip()[:90])
        if now == before:
            undone += 1
        else:
            kept += 1
            assert FILE in now[0] and set(now[1].values()) == {"0"} and (now[2] or power), (n, r.stdout, now)
            r = machine.run("rollback")
            assert r.returncode == 0, (n, r.stderr)
            assert machine.picture() == before, n
        if n % 10:
            continue
        again = machine.run("recover")
        assert again.returncode == 0 and again.stdout == machine.nothing, (n, again.stdout)
    assert p.returncode == 0, p.stdout + p.stderr
    after = machine.picture()
    assert after[2] and set(after[1].values()) == {"0"}
    assert n > 40 and undone > 30, (n, undone, kept)
    assert machine.run("rollback").returncode == 0
    assert machine.picture() == before
    p = machine.run("ledger", "verify")
    assert p.returncode == 0, p.stdout + p.stderr
