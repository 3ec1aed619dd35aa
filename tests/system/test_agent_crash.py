# SPDX-License-Identifier: Apache-2.0
"""Goal: the agent's spool is killed at each of its steps: no record that was told of is lost, none is half, no number is given twice."""
import os
import shutil
import subprocess

from conftest import EXE, need

TOOLS = os.path.join(os.path.dirname(EXE), "../../tests/system")
WORTH = {"result": 4, "event": 2, "facts": 1}


def told(text):
    out = {"added": {}, "has": {}}
    for line in text.splitlines():
        what, number, *kind = line.split()
        if kind:
            out[what][int(number)] = kind[0]
        else:
            out[what] = int(number)
    return out


def run(*args):
    return subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=60)


def test_killed_at_every_step(tmp_path):
    need(os.path.join(TOOLS, "kill_at"))
    tool, kills, step = os.path.join(TOOLS, "spool_tool"), 0, 1
    while True:
        folder = tmp_path / "spool"
        folder.mkdir(mode=0o700)
        highest = 0
        # A second life begins where the first was killed, and is killed there, too.
        for _ in range(2):
            done = run(os.path.join(TOOLS, "kill_at"), step, tool, "--role", folder)
            assert done.returncode in (0, 137), done.stderr
            said, is_now = told(done.stdout), told(run(tool, "check", folder).stdout)
            kills += done.returncode == 137
            assert is_now["damaged"] == 0, (step, is_now)
            assert all(n > highest for n in said["added"]), (step, said, highest)
            highest = max([highest, *said["added"], *is_now["has"]])
            assert is_now["next"] > highest
            # Results are worth most: only a confirmation takes them, or three of them.
            kept = [n for n, kind in said["added"].items() if kind == "result" and n > is_now["confirmed"]]
            assert set(kept[-2:]) <= set(is_now["has"]), (step, said, is_now)
            assert is_now["confirmed"] >= said.get("confirmed", 0)
            assert not [n for n in os.listdir(folder) if n.startswith(".")] or done.returncode == 137
        shutil.rmtree(folder)
        if done.returncode == 0:
            break
        step += 1
    assert kills > 25
