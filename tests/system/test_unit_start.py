# SPDX-License-Identifier: Apache-2.0
"""Goal: what the units shut out is nothing that the daemons need: each does its work under its unit, which a real systemd starts."""
import re

import pytest

import unit_lab
from agent_lab import until
from conftest import ROOT, need

REDIRECTS = "/proc/sys/net/ipv4/conf/all/accept_redirects"
POLICY = "isolate: 1\nassignments:\n  - {vm: web-0, profile: standard}\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    m = unit_lab.boot(tmp_path_factory.mktemp("machine"))
    try:
        for name in ("sysusers", "tmpfiles"):
            text = (ROOT / "packaging" / f"{name}.d" / "ringfence.conf").read_text()
            m.run(f"systemd-{name}", *(["--create"] if name == "tmpfiles" else []), "-", input=text, check=True)
        yield m
    finally:
        m.end()


@pytest.fixture(scope="module")
def manager(machine):
    """Its address, and the words that sign in at it."""
    need("curl", "openssl")
    machine.run("tee", "/etc/ringfence/manager.yaml", input="without_tpm: yes\n", check=True)
    made = machine.shell("setpriv --reuid=ringfence --regid=ringfence --clear-groups ringfence-manager init")
    machine.start("ringfence-manager.service")
    until(lambda: "ready: api" in machine.console() or "failed" in machine.ctl("is-active", "ringfence-manager.service").stdout, what="the manager")
    print_ = machine.shell("openssl x509 -in /var/lib/ringfence-manager/authority.pem -noout -fingerprint -sha256").split("=")[1].strip()
    return ["login", "https://127.0.0.1:8443", "--fingerprint", print_, "--code", re.search(r"code (\S+)", made)[1], "--login", "/tmp/login"]


def test_isolate_and_guard(machine):
    machine.run("tee", "/tmp/policy.yaml", input=POLICY, check=True)
    machine.shell("ringfence isolate apply /tmp/policy.yaml --confirm-within 0 -q")
    machine.start("ringfence-isolate.service")
    assert "Nothing to change" in machine.console()
    machine.start("ringfence-guard.service")
    assert machine.ctl("is-active", "ringfence-guard.service").stdout.strip() == "active"
    assert {"guard_in", "guard_out"} <= set(machine.shell("ls /sys/fs/bpf/ringfence").split())
    assert "the kept policy" not in machine.console()


def test_hostile(machine):
    machine.start("ringfence-hostile.service")
    assert machine.ctl("is-active", "ringfence-hostile.service").stdout.strip() == "active"


def test_recover_undoes_what_nobody_confirmed(machine):
    before = machine.shell(f"cat {REDIRECTS}; ls /etc/sysctl.d")
    assert before.startswith("1\n")
    machine.shell("ringfence fix host.net.accept-redirects --apply --confirm-within 600 -q")
    changed = machine.shell(f"cat {REDIRECTS}; ls /etc/sysctl.d")
    assert changed.startswith("0\n") and "99-zz-ringfence.conf" in changed
    # Who waits for the confirmation ends with the machine.
    machine.shell("pkill -9 -f '[-]-role priv'; while pgrep -f '[-]-role priv'; do :; done")
    machine.start("ringfence-recover.service")
    assert machine.shell(f"cat {REDIRECTS}; ls /etc/sysctl.d") == before, machine.console()


def test_manager_serves_and_its_roles_are_locked_in(machine, manager):
    machine.run("ringfence", *manager, check=True)
    assert "lacks" not in machine.console()
    assert machine.shell("ps -C ringfence-manager -o user= | sort -u").strip()[:7] == "ringfen"


def test_agent_joins_and_reports(machine, manager):
    machine.run("ringfence", *manager)
    token = re.search(r"--token \S+ --fingerprint \S+", machine.shell("ringfence host invite --login /tmp/login"))[0]
    machine.shell(f"ringfence-agent join https://127.0.0.1:8444 {token} --name web --tcti none")
    machine.start("ringfence-agent.service")
    # The number of findings that fail: facts were collected, sent and judged.
    until(lambda: re.search(r"^\S+ +NEW +never +[1-9]\d* .* web *$", machine.shell("ringfence host list --login /tmp/login"), re.M), what="findings of the host")
    who = {role: user for user, role in re.findall(r"^(\S+) +ringfence-agent --role (\w+)", machine.shell("ps -eo user:20=,args="), re.M)}
    assert who["net"] == "ringfence-net" and {"collect", "priv"} <= set(who)
    assert "ringfence-agent net: connected" in machine.console() and "without:" not in machine.shell("grep ^ringfence-agent /run/console")
