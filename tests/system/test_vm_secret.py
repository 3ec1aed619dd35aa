# SPDX-License-Identifier: Apache-2.0
"""Goal: the passphrase of a VM's LUKS disk comes from the manager when the VM starts on a trusted host, is in libvirt's memory for as long
as the start takes, and on no disk; a VM whose secret is refused, or whose host is not trusted, does not start and leaves none behind."""
import os

import pytest

from agent_lab import AGENT, Agent, Manager, now_ms, until
from conftest import EXE, need
from libvirt_lab import Libvirt

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")
PASSPHRASE = b"correct-horse-battery-staple"
SECRET = "7e577e57-5ec2-4000-8000-000000000001"
TAG = '<metadata><trusted xmlns="https://ringfence.example/vm/1" secrets="manager"/></metadata>'


def disk(path):
    return f"""<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'><encryption format='luks'>
<secret type='passphrase' uuid='{SECRET}'/></encryption></source><target dev='vdb' bus='virtio'/></disk>"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    need("qemu-img")
    it = Libvirt()
    folder = tmp_path_factory.mktemp("agent")
    manager = Manager(folder)
    agent = Agent(folder, manager)
    try:
        luks = it.dir / "d.luks"
        it.run("qemu-img", "create", "-q", "--object", f"secret,id=s,data={PASSPHRASE.decode()}", "-f", "luks", "-o",
               "key-secret=s,iter-time=10", luks, "1M", check=True)
        luks.chmod(0o666)
        hook = it.dir / "hook"
        hook.write_text(f'#!/bin/sh\nexec {AGENT} hook qemu "$@" --socket {agent.socket} --config {it.dir}/none.yaml\n')
        it.run("install", "-D", "-m", "755", hook, "/etc/libvirt/hooks/qemu", check=True)
        it.restart()
        it.define("vault", 1, extra=disk(luks), top=TAG)
        got, _ = agent.join("--fingerprint", manager.authority.digest)
        assert got.returncode == 0, got.stderr
        # Its mounts, where libvirt's sockets are; the manager is in our network.
        agent.start(within=["nsenter", "-t", str(it.holder.pid), "-m"])
        until(lambda: manager.session, what="a session")
        yield it, manager, agent
    finally:
        agent.stop()
        manager.close()
        it.close()


def verdict(manager, agent, state):
    manager.session.send("verdict", {"state": state, "reason": "", "at_ms": now_ms(), "valid_ms": 600000})
    kept = agent.state / "agent" / "net" / "verdict"
    until(lambda: kept.exists() and kept.read_text().startswith(state + " "), what=state)


def start(it):
    return it.run("virsh", "-q", "-c", "qemu:///system", "start", "vault")


def secrets(it):
    return it.virsh("secret-list").strip()


def places(it, agent):
    """Every file that the agent and libvirt keep, and what processes of ours were called with."""
    out = it.run("sh", "-c", f"grep -rlF {PASSPHRASE.decode()} /etc/libvirt /var/lib/libvirt /run/libvirt /var/log/libvirt {agent.state}").stdout
    return out.strip()


def test_the_secret_is_there_for_the_start_alone(lab):
    it, manager, agent = lab
    vm = "7e577e57-0000-4000-8000-7e577e570001"
    manager.secrets[(vm, SECRET)] = PASSPHRASE
    verdict(manager, agent, "TRUSTED")
    p = start(it)
    assert p.returncode == 0, p.stderr + agent.log.read_text()
    assert manager.asked == [{"vm": vm, "secret": SECRET}]
    assert it.virsh("domstate", "vault").strip() == "running"
    assert secrets(it) == ""
    assert places(it, agent) == ""
    # It is the one that an order for VMs on trusted hosts is about.
    it.define("plain", 2)
    plan = it.run(EXE, "quarantine", "--trusted-only", "--level", "freeze", "--state-dir", it.dir / "state")
    assert plan.returncode == 2 and "vault" in plan.stdout and "plain" not in plan.stdout, plan.stdout + plan.stderr
    it.virsh("destroy", "vault")
    assert secrets(it) == ""


def test_another_value_opens_no_disk_and_stays_nowhere(lab):
    it, manager, agent = lab
    for key in manager.secrets:
        manager.secrets[key] = b"wrong"
    verdict(manager, agent, "TRUSTED")
    p = start(it)
    assert p.returncode != 0
    assert secrets(it) == ""


def test_what_the_manager_refuses_is_told(lab):
    it, manager, agent = lab
    manager.secrets.clear()
    verdict(manager, agent, "TRUSTED")
    p = start(it)
    assert p.returncode != 0 and "there is no such secret" in p.stderr, p.stderr
    until(lambda: any(t["kind"] == "secret-missing" for t, _ in manager.of("event")), what="the event")


def test_a_host_that_is_not_trusted_asks_for_none(lab):
    it, manager, agent = lab
    verdict(manager, agent, "UNTRUSTED")
    asked = len(manager.asked)
    p = start(it)
    assert p.returncode != 0 and "this host is UNTRUSTED" in p.stderr, p.stderr
    assert len(manager.asked) == asked and secrets(it) == ""


def test_a_secret_of_the_sites_own_stays_as_it_is(lab):
    it, manager, agent = lab
    manager.secrets[("7e577e57-0000-4000-8000-7e577e570001", SECRET)] = PASSPHRASE
    own = it.dir / "own.xml"
    own.write_text(f"<secret ephemeral='no' private='no'><uuid>{SECRET}</uuid></secret>")
    it.virsh("secret-define", own)
    try:
        verdict(manager, agent, "TRUSTED")
        p = start(it)
        assert p.returncode != 0 and "of its own" in p.stderr, p.stderr
        assert SECRET in secrets(it)
    finally:
        it.virsh("secret-undefine", SECRET)


def test_secrets_that_an_agent_left_go_at_its_next_start(lab):
    it, manager, agent = lab
    ours = it.dir / "ours.xml"
    ours.write_text(f"<secret ephemeral='yes' private='yes'><uuid>{SECRET}</uuid><description>held by the ringfence manager</description></secret>")
    it.virsh("secret-define", ours)
    agent.kill("priv")
    until(lambda: secrets(it) == "", what="the secret is gone")
