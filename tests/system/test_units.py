# SPDX-License-Identifier: Apache-2.0
"""Goal: the units of systemd stay as tight as they were made, and what they say has a reason beside it."""
import re
import subprocess

import pytest

from conftest import ROOT, need

# The bound of each unit, and why it is not lower, is a row of one table.
TABLE = ROOT / "docs" / "reference" / "units.md"
AIM = 1.5
ROWS = {m[1]: (float(m[2]), m[3].strip()) for m in re.finditer(r"^\| ([\w@-]+) \| ([0-9.]+) \|(.*)\|$", TABLE.read_text(), re.M)}
MOST = {name: most for name, (most, _) in ROWS.items()}
# What every one of them has.
ALWAYS = ["NoNewPrivileges=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "SystemCallArchitectures=native", "CapabilityBoundingSet=",
          "RestrictAddressFamilies=", "SystemCallFilter=~"]


def units():
    return sorted(p.stem.removeprefix("ringfence-") for p in (ROOT / "packaging").glob("*.service"))


def test_each_unit_has_its_bound():
    assert units() == sorted(MOST)


def test_above_the_aim_has_a_reason():
    assert not [name for name, (most, why) in ROWS.items() if most > AIM and len(why) < 40]


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
