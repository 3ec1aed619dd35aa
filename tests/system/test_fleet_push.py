# SPDX-License-Identifier: Apache-2.0
"""Goal: a program that nobody approved makes its host UNTRUSTED when it starts, not when the manager asks the next time."""
import os

import pytest

from agent_lab import until
from conftest import need
from fleet_lab import Fleet

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")

NEVER_S = 36000  # far behind the end of each wait


def test_what_is_measured_is_judged_at_once(tmp_path):
    need("unshare", "nsenter", "ip", "swtpm", "swtpm_setup", "swtpm_localca", "openssl", "bash")
    fleet = Fleet(tmp_path, evidence_s=NEVER_S)
    try:
        host = fleet.host("prompt", 2)
        until(lambda: fleet.manager.host("prompt").get("state") == "NEW", what="prompt")
        fleet.approve("prompt")
        fleet.is_("prompt", "TRUSTED")
        host.simulated("--changed", "/usr/bin/miner")
        fleet.is_("prompt", "UNTRUSTED")
        assert "/usr/bin/miner" in fleet.reason("prompt")
    finally:
        fleet.close()
