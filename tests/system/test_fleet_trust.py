# SPDX-License-Identifier: Apache-2.0
"""Goal: a host in a network namespace of its own, with a software TPM that was given a recorded boot (tools/simulated-boot), is trusted
when it is approved; another program and another boot are UNTRUSTED with the reason in words; approving that makes it trusted again. What the
verdict protects: the alarm goes out, and a VM for trusted hosts does not start while its host is none."""
import json
import os
import subprocess

import pytest

from agent_lab import AGENT, until
from conftest import need
from fleet_lab import TAG, Fleet
from libvirt_lab import Libvirt

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


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
