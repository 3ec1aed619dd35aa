# SPDX-License-Identifier: Apache-2.0
"""Goal: a profile goes into a .vmx file and comes back as a policy, as a person does it: shown first, in one step, with mode and owner and
every other byte kept; what goes wrong leaves the file as it was."""
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, ringfence

KEYS = ("noForgedSrcAddr", "downWhenAddrMisMatch", "noPromisc")


def export(file, *args):
    return ringfence("isolate", "export", "--vmx", file, *args, "-q")


@pytest.fixture
def vmx(tmp_path):
    path = tmp_path / "web01.vmx"
    text = (ROOT / "examples/vmx/web01/web01.vmx").read_bytes()
    path.write_bytes(text.replace(b'noPromisc = "TRUE"', b'noPromisc = "FALSE"').replace(b"\n", b"\r\n"))
    path.chmod(0o640)
    return path


def test_shown_written_and_then_nothing_to_do(vmx):
    before = vmx.read_bytes()
    r = export(vmx, "--profile", "hostile", "--dry-run")
    assert r.code == 2 and '+ethernet0.noPromisc = "TRUE"' in r.out and vmx.read_bytes() == before, r.err
    r = export(vmx, "--profile", "hostile")
    assert r.code == 0 and '-ethernet0.noPromisc = "FALSE"' in r.out, r.err
    assert vmx.read_bytes() == before.replace(b'noPromisc = "FALSE"', b'noPromisc = "TRUE"')
    assert vmx.stat().st_mode & 0o7777 == 0o640
    was = vmx.stat()
    r = export(vmx, "--profile", "hostile")
    assert r.code == 0 and "nothing to change" in r.out and vmx.stat().st_mtime_ns == was.st_mtime_ns
    assert os.listdir(vmx.parent) == ["web01.vmx"]


def test_the_profile_that_a_policy_gives_a_vm(vmx, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("isolate: 1\nzones: {z: {}}\nprofiles:\n  ids: {based-on: sensor, vmx: {ethernetN.noForgedSrcAddr: FALSE}}\n"
                      "assignments: [{vm: 'web*', profile: ids, zone: z}]\n")
    r = ringfence("isolate", "export", policy, "--vmx", vmx, "--vm", "web01", "-q")
    assert r.code == 0, r.err
    assert b'ethernet0.noForgedSrcAddr = "FALSE"\r\n' in vmx.read_bytes()
    r = ringfence("isolate", "export", policy, "--vmx", vmx, "--vm", "db01", "-q")
    assert r.code == 1 and "no assignment names VM db01" in r.err


def test_there_and_back(tmp_path):
    file = tmp_path / "new.vmx"
    assert export(file, "--profile", "sensor").code == 0
    r = ringfence("isolate", "import", file)
    assert r.code == 0 and "noPromisc: no" in r.out and "noForgedSrcAddr: yes" in r.out, r.err
    policy = tmp_path / "policy.yaml"
    policy.write_text(r.out)
    r = ringfence("isolate", "export", policy, "--vmx", file, "--vm", "new", "-q")
    assert r.code == 0 and "nothing to change" in r.out, r.out + r.err


def test_what_is_not_carried_is_named(vmx):
    with open(vmx, "ab") as f:
        f.write(b'sched.some.future = "1"\r\nethernet0.shares = "high"\r\n')
    r = ringfence("isolate", "import", vmx)
    assert r.code == 0
    for key in ("sched.some.future", "ethernet0.shares"):
        assert any(line.startswith("# line ") and f"{key} = " in line for line in r.out.splitlines()), r.out


@pytest.mark.parametrize("args, says", [
    ((), "of whom?"),
    (("--profile", "hostile", "--vm", "x"), "one of them"),
    (("--profile", "nope"), "no profile nope"),
])
def test_wrong_use(vmx, args, says):
    before = vmx.read_bytes()
    r = export(vmx, *args)
    assert r.code in (1, 64) and says in r.err and vmx.read_bytes() == before
    assert os.listdir(vmx.parent) == ["web01.vmx"]


def test_what_is_no_file_of_ones_own(vmx, tmp_path):
    link = tmp_path / "link.vmx"
    link.symlink_to(vmx)
    before = vmx.read_bytes()
    assert export(link, "--profile", "hostile").code == 1
    assert export(tmp_path, "--profile", "hostile").code == 1
    assert export(tmp_path / "none/x.vmx", "--profile", "hostile").code == 1
    assert vmx.read_bytes() == before and link.is_symlink()


def test_a_full_disk_leaves_the_file(vmx, tmp_path):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("not root")
    small = tmp_path / "small"
    small.mkdir()
    p = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=4k none {small} && cp {vmx} {small}/a.vmx && "
                        f"\"$0\" isolate export --vmx {small}/a.vmx --profile hostile -q; echo $?; cmp {vmx} {small}/a.vmx && ls -A {small}",
                        os.environ.get("RINGFENCE", str(ROOT / "build/src/cli/ringfence"))], capture_output=True, text=True, timeout=180)
    if "mount" in p.stderr:
        pytest.skip("no tmpfs here")
    assert p.stdout.splitlines()[-2:] == ["1", "a.vmx"], p.stdout + p.stderr
