# SPDX-License-Identifier: Apache-2.0
"""Goal: a host in a network namespace of its own, with a software TPM that was given a recorded boot (tools/simulated-boot), is trusted
when it is approved; another program and another boot are UNTRUSTED with the reason in words; approving that makes it trusted again. What the
verdict protects: the alarm goes out, and a VM for trusted hosts does not start while its host is none."""
import json
import os
import subprocess
import sys

import pytest

from agent_lab import AGENT, until
from conftest import EXE, ROOT, need
from libvirt_lab import Libvirt
from test_fleet import Manager

sys.path.insert(0, os.path.join(ROOT, "lab"))
from machine import make_tpm  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")

EVIDENCE_S = 3
MANAGER = "10.77.0.1"
TAG = "<metadata><trusted xmlns='https://ringfence.example/vm/1'/></metadata>"


class Net:
    """A network namespace; all of them hang at the manager's bridge."""

    def __init__(self, number, bridge=None):
        self.link = f"h{number}"
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up; echo ready; exec sleep 100000"],
                                       stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            pytest.skip("no network namespaces here")
        self.within = ["nsenter", "-t", str(self.holder.pid), "-n"]
        self.bridge = bridge
        if not bridge:
            self.ip("link", "add", "fleet", "type", "bridge")
            self.ip("address", "add", f"{MANAGER}/24", "dev", "fleet")
            self.ip("link", "set", "fleet", "up")
            return
        bridge.ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", str(self.holder.pid))
        bridge.ip("link", "set", self.link, "master", "fleet", "up")
        self.ip("address", "add", f"10.77.0.{number + 10}/24", "dev", "up0")
        self.ip("link", "set", "up0", "up")

    def ip(self, *args):
        subprocess.run([*self.within, "ip", *args], check=True, capture_output=True, timeout=60)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Host:
    """A host with a software TPM: both it and the agent are in the host's network; securityfs is a folder of its own."""

    TCTI = "swtpm:host=127.0.0.1,port=2321"

    def __init__(self, folder, name, net, manager):
        folder.mkdir()
        self.folder, self.name, self.net, self.manager, self.process, self.tpm = folder, name, net, manager, None, None
        self.state, self.boot, self.socket, self.log = folder / "agent", folder / "boot", folder / "agent.sock", folder / "agent.log"
        self.boot.mkdir()
        make_tpm(str(folder / "tpm"), str(folder / "authority"))
        self.power_on()

    def power_on(self, *options):
        self.tpm = subprocess.Popen([*self.net.within, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={(self.folder / 'tpm').resolve()}",
                                     "--flags", "not-need-init,startup-clear", "--server", "type=tcp,port=2321,bindaddr=127.0.0.1",
                                     "--ctrl", "type=tcp,port=2322,bindaddr=127.0.0.1"], stderr=subprocess.DEVNULL)
        until(lambda: subprocess.run([*self.net.within, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/2322"], capture_output=True).returncode == 0,
              what="swtpm")
        self.simulated(*options)

    def simulated(self, *options):
        subprocess.run([*self.net.within, os.path.join(ROOT, "tools/simulated-boot"), "2321", self.boot, *options], check=True, timeout=120)

    def inside(self, *command):
        return ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /sys/kernel/security && shift && exec "$@"', "sh", str(self.boot),
                *self.net.within, *map(str, command)]

    def call(self, *command, **kw):
        return subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=120, **kw)

    def join(self, state=None):
        return self.call(AGENT, "join", f"https://{self.manager.agents}", "--token", self.manager.token(), "--fingerprint",
                         self.manager.fingerprint, "--name", self.name, "--tcti", self.TCTI, "--state-dir", state or self.state)

    def start(self):
        self.process = subprocess.Popen(self.inside(AGENT, "run", "--ringfence", EXE, "--socket", self.socket, "--state-dir", self.state),
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def restart(self, *options):
        """The machine: its agent, its TPM, its boot."""
        self.stop()
        self.simulated("--shutdown")
        self.tpm.kill()
        self.tpm.wait()
        self.power_on(*options)
        self.start()

    def hook(self, vm):
        """As libvirt calls it before a start. 50 ms are little on a machine that runs other tests, too: silence is asked again."""
        xml = f"<domain><name>{vm}</name>{TAG}</domain>"

        def answered():
            got = subprocess.run([AGENT, "hook", "qemu", vm, "prepare", "begin", "-", "--socket", self.socket, "--config", "/nowhere"],
                                 input=xml, capture_output=True, text=True, timeout=60)
            return None if "does not answer" in got.stderr else got
        return until(answered, what="an answer of the agent")

    def close(self):
        self.stop()
        self.tpm.kill()
        self.tpm.wait()


class Fleet:
    def __init__(self, folder):
        self.folder, self.made = folder, []
        self.hub = self.keep(Net(0))
        self.manager = Manager(folder, within=self.hub.within, address=MANAGER, evidence_s=EVIDENCE_S, idle_s=5)
        self.made.append(self.manager)
        self.manager.close = self.manager.stop
        self.manager.start()
        self.manager.sign_in()

    def keep(self, one):
        self.made.append(one)
        return one

    def host(self, name, number):
        net = self.keep(Net(number, self.hub))
        one = self.keep(Host(self.folder / name, name, net, self.manager))
        got = one.join()
        assert got.returncode == 0, got.stdout + got.stderr
        one.start()
        return one

    def is_(self, name, *states):
        return until(lambda: self.manager.host(name).get("state") in states, limit_s=180, what=f"{name}: {states}")

    def approve(self, name):
        got = self.manager.cli("host", "approve", name)
        assert got.returncode == 0, got.stderr

    def reason(self, name):
        out = self.manager.cli("host", "show", name, "--changes", "--limit", "1", "-o", "json")
        return json.loads(out.stdout)[0]["reason"]

    def events(self, kind):
        out = self.manager.cli("events", "-o", "jsonl", "--limit", "1000")
        return [e for e in map(json.loads, out.stdout.splitlines()) if e["kind"] == kind]

    def close(self):
        for one in reversed(self.made):
            one.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    need("unshare", "nsenter", "ip", "swtpm", "swtpm_setup", "swtpm_localca", "openssl", "bash")
    it = Fleet(tmp_path_factory.mktemp("trust"))
    yield it
    it.close()


@pytest.fixture(scope="module")
def lone(fleet):
    one = fleet.host("lone", 2)
    until(lambda: fleet.manager.host("lone").get("state") == "NEW", what="lone")
    fleet.approve("lone")
    fleet.is_("lone", "TRUSTED")
    return one


@pytest.fixture(scope="module")
def libvirt(lone):
    """libvirt with our hook, which asks lone's agent."""
    it = Libvirt()
    hooks = "/etc/libvirt/hooks"
    script = f"#!/bin/sh\nexec {AGENT} hook qemu \"$@\" --socket {lone.socket} --config /nowhere\n"
    it.run("sh", "-c", f"mkdir -p {hooks}; printf '%s' \"$0\" > {hooks}/qemu; chmod 755 {hooks}/qemu", script, check=True)
    it.restart()
    it.define("vault", 1, top=TAG)
    it.define("other", 2)
    yield it
    it.close()


def started(libvirt, name):
    """Whether it starts, and what libvirt says; an agent that was too busy to answer in 50 ms is asked again."""
    def tried():
        got = libvirt.run("virsh", "-q", "-c", "qemu:///system", "start", name)
        return None if "does not answer" in got.stderr else got
    return until(tried, what="an answer of the agent")


def test_trust_is_given_lost_told_and_given_back(fleet, lone, libvirt):
    assert started(libvirt, "vault").returncode == 0
    libvirt.virsh("destroy", "vault")
    # A program of the host is another one than it was.
    lone.simulated("--changed", "/usr/bin/bash")
    fleet.is_("lone", "UNTRUSTED")
    assert "/usr/bin/bash" in fleet.reason("lone")
    alarm = next(e for e in fleet.events("host.state") if e["new_state"] == "UNTRUSTED")
    assert alarm["host"] == fleet.manager.host("lone")["host"] and "/usr/bin/bash" in alarm["text"]
    until(lambda: lone.hook("vault").returncode, what="a refusal")
    got = started(libvirt, "vault")
    assert got.returncode and "UNTRUSTED" in got.stderr, got.stderr
    assert started(libvirt, "other").returncode == 0  # that one did not ask for a trusted host
    libvirt.virsh("destroy", "other")
    until(lambda: any("vault" in json.dumps(e) for e in fleet.events("agent.hook-refused")), what="the refusal as an event")
    # It starts anew as it was approved.
    lone.restart()
    fleet.is_("lone", "TRUSTED")
    until(lambda: lone.hook("vault").returncode == 0, what="a yes")
    assert started(libvirt, "vault").returncode == 0
    libvirt.virsh("destroy", "vault")


def test_a_program_that_nobody_approved(fleet, lone):
    lone.simulated("--changed", "/usr/bin/miner")
    fleet.is_("lone", "UNTRUSTED")
    assert "/usr/bin/miner" in fleet.reason("lone")
    fleet.approve("lone")
    fleet.is_("lone", "TRUSTED")


def test_another_boot_is_explained_and_can_be_approved(fleet, lone):
    lone.restart("--command-line", "init=/bin/sh")
    fleet.is_("lone", "UNTRUSTED")
    assert "init=/bin/sh" in fleet.reason("lone") and "ringfence host approve HOST" in fleet.reason("lone")
    # Somebody looked at it and says that it shall be so.
    fleet.approve("lone")
    fleet.is_("lone", "TRUSTED")
    # So the old one is another boot now.
    lone.restart()
    fleet.is_("lone", "UNTRUSTED")
    fleet.approve("lone")
    fleet.is_("lone", "TRUSTED")
