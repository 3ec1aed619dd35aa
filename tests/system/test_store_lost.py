# SPDX-License-Identifier: Apache-2.0
"""Goal: a manager whose store cannot be written says so, answers for nothing that is not kept, and goes on by itself when there is room again.
A real disk of a few MiB is filled up and emptied again."""
import os
import subprocess

import pytest

from agent_lab import until
from conftest import need
from test_fleet import Manager

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


@pytest.fixture
def manager(tmp_path):
    need("openssl", "mount", "umount")
    disk, it = tmp_path / "disk", None
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "none", disk], capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        it = Manager(tmp_path, store=f"sqlite:{disk}/manager.db")
        it.disk = disk
        it.start()
        it.sign_in()
        yield it
    finally:
        if it:
            it.stop()
        subprocess.run(["umount", "-l", disk], check=True)


def fill(path):
    """All that there is, to the last byte."""
    with open(path, "ab", buffering=0) as f:
        for size in (65536, 1):
            try:
                while f.write(b"\0" * size):
                    pass
            except OSError:
                pass


def accounts(manager):
    out = manager.cli("user", "list", "-o", "csv")
    assert out.returncode == 0, out.stderr
    return out.stdout


def test_a_full_disk_is_told_and_the_manager_goes_on(manager):
    roles, kept = manager.roles(), []
    assert roles

    def refused():
        # The log that is there has room for some more: what fits is kept, and said to be.
        fill(manager.disk / "others")
        out = manager.cli("user", "add", f"user{len(kept)}", "--name", f"user {len(kept)}")
        if out.returncode == 0:
            kept.append(f"user{len(kept)}")
        return out if out.returncode else None

    out = until(refused, what="a write that is refused")
    assert "make room" in out.stderr + manager.log.read_text(), out.stderr
    # It is there to be asked, and has what it answered for, but not what it refused.
    listed = accounts(manager)
    assert all(f'"{name}"' in listed for name in kept) and f'"user{len(kept)}"' not in listed, listed
    assert manager.roles() == roles and manager.process.poll() is None

    (manager.disk / "others").unlink()
    out = until(lambda: (lambda o: o if o.returncode == 0 else None)(manager.cli("user", "add", "later", "--name", "later")), what="a write that is taken")
    assert '"later"' in accounts(manager)
    assert manager.roles() == roles and manager.process.poll() is None
