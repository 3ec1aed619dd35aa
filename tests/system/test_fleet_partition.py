# SPDX-License-Identifier: Apache-2.0
"""Goal: a host that is cut off from its manager (its link is down, nobody is told) grows STALE in words, goes on by itself, and when it is back
what happened meanwhile arrives once and in its order, and it is TRUSTED again without anybody's doing; also when its agent was restarted meanwhile."""
import json
import os
import socket

import pytest

from agent_lab import until
from conftest import need
from fleet_lab import Fleet

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    need("unshare", "nsenter", "ip", "swtpm", "swtpm_setup", "swtpm_localca", "openssl", "bash")
    it = Fleet(tmp_path_factory.mktemp("partition"))
    yield it
    it.close()


def asked(host, vm):
    """As libvirt's hook asks, but patient: a question that is asked twice would be two events."""
    def connected():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            try:
                s.connect(str(host.socket))
            except OSError:
                return None
            s.sendall(f"start {vm}\n".encode())
            return s.recv(4096).decode()
    return until(connected, what=f"an answer about {vm}")


def refused(fleet):
    """Of which VMs a start was refused, oldest first; by the events that the manager has."""
    return [e["about"] for e in sorted(fleet.events("agent.hook-refused"), key=lambda e: int(e["seq"]))]


def test_cut_off_and_back(fleet):
    cut = fleet.host("cut", 1)
    until(lambda: fleet.manager.host("cut").get("state") == "NEW", what="cut")
    fleet.approve("cut")
    fleet.is_("cut", "TRUSTED")
    until(lambda: asked(cut, "before").startswith("yes"), what="a yes")
    fleet.hub.ip("link", "set", cut.net.link, "down")
    fleet.is_("cut", "STALE")
    assert "no verdict for" in fleet.reason("cut")
    # By itself it finds that its verdict is over.
    until(lambda: not asked(cut, "vm-0").startswith("yes"), what="a no")
    vms = [f"vm-{n}" for n in range(1, 9)]
    for vm in vms[:4]:
        assert asked(cut, vm).startswith("no")
    cut.stop()
    cut.start()
    for vm in vms[4:]:
        assert asked(cut, vm).startswith("no")
    assert not refused(fleet)
    fleet.hub.ip("link", "set", cut.net.link, "up")
    until(lambda: vms[-1] in json.dumps(refused(fleet)), limit_s=180, what="what happened meanwhile")
    fleet.is_("cut", "TRUSTED")
    got = [about.split()[-1] for about in refused(fleet)]
    assert got == ["vm-0", *vms]
    until(lambda: asked(cut, "after").startswith("yes"), what="a yes")
