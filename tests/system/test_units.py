# SPDX-License-Identifier: Apache-2.0
"""Goal: the units of systemd stay as tight as they were made, and what they say has a reason beside it."""
import re
import subprocess

import pytest

from conftest import ROOT, need

# The bound of the manager and of who checks passwords for it is the project's own (1.5). The others change the host itself: their bounds are what is left of it, and each unit says
# what it cannot have.
MOST = {"agent": 6.6, "guard": 4.4, "hostile": 6.3, "isolate": 6.7, "manager": 1.5, "recover": 6.4, "sign-in@": 1.5}
# What every one of them has.
ALWAYS = ["NoNewPrivileges=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "SystemCallArchitectures=native", "CapabilityBoundingSet=",
          "RestrictAddressFamilies=", "SystemCallFilter=~"]


def units():
    return sorted(p.stem.removeprefix("ringfence-") for p in (ROOT / "packaging").glob("*.service"))


def test_each_unit_has_its_bound():
    assert units() == sorted(MOST)


@pytest.mark.parametrize("name", sorted(MOST))
def test_exposure(name):
    need("systemd-analyze")
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", ROOT / "packaging" / f"ringfence-{name}.service"],
                       capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", p.stdout)
    if not found:
        pytest.skip("systemd-analyze judges no unit offline here")
    assert float(found.group(1)) <= MOST[name]


@pytest.mark.parametrize("name", sorted(MOST))
def test_what_every_unit_has(name):
    text = (ROOT / "packaging" / f"ringfence-{name}.service").read_text()
    service = text.split("[Service]")[1].split("\n[Install]")[0]
    for line in ALWAYS:
        assert f"\n{line}" in service, line
    assert text.count("\n# ") >= 2
