# SPDX-License-Identifier: Apache-2.0
"""Goal: fix, rollback and ledger as a person uses them: plans that are kept and grow stale, confirmation in time or
not, a ledger that proves itself and names what was altered, and a privileged process that takes no nonsense."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import EXE, ROOT, need, ringfence

VMX = ROOT / "examples/vmx/legacy02/legacy02.vmx"


@pytest.fixture
def vm(tmp_path):
    """A .vmx of one's own, with a state folder of one's own: nobody needs to be root for that."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "vm"
    folder.mkdir(mode=0o755)
    (folder / "a.vmx").write_text(VMX.read_text())
    return folder / "a.vmx"


def fix(vm, *args, env=None):
    return ringfence("fix", "--vmx", vm, "--no-host", "--profile", "vsphere", "--state-dir", vm.parent.parent / "state",
                     "-q", *args, env=env)


def ledger(vm, *args):
    return ringfence("ledger", *args, "--state-dir", vm.parent.parent / "state")


def test_the_plan_is_shown_and_nothing_changed(vm):
    before = vm.read_bytes()
    r = fix(vm)
    assert r.code == 2, r.err
    assert "Plan " in r.out and "noPromisc" in r.out
    assert fix(vm, "--dry-run").code == 2
    assert vm.read_bytes() == before
    assert fix(vm, "--apply", "--dry-run").code == 64


def test_applied_and_undone_and_told(vm):
    before = vm.read_bytes()
    r = fix(vm, "--apply")
    assert r.code == 0 and "Applied:" in r.out, r.err
    assert vm.read_bytes() != before
    assert "Nothing to change" in fix(vm, "--apply").out
    r = ringfence("rollback", "--state-dir", vm.parent.parent / "state")
    assert r.code == 0, r.err
    assert vm.read_bytes() == before
    kinds = [json.loads(l)["kind"] for l in ledger(vm, "show", "-o", "json").out.splitlines()]
    assert kinds == ["plan", "apply", "applied", "rollback"]


def test_a_kept_plan_and_a_stale_one(vm, tmp_path):
    plan = tmp_path / "plan.json"
    assert fix(vm, "--save", plan).code == 2
    changes = json.loads(plan.read_text())["changes"]
    assert changes and all(c["explanation"] and c["inverse"] for c in changes)
    assert fix(vm, "--save", plan).code == 1  # not overwritten
    vm.write_text(vm.read_text() + "# touched\n")
    before = vm.read_bytes()
    r = fix(vm, "--plan", plan, "--apply")
    assert r.code == 1 and "changed since the plan was made" in r.err
    assert vm.read_bytes() == before
    plan.unlink()
    assert fix(vm, "--save", plan).code == 2
    assert fix(vm, "--plan", plan, "--apply").code == 0
    assert fix(vm, "--plan", plan, "--apply").code == 1  # once only
    plan.write_text(plan.read_text().replace('"edit"', '"rm"'))
    assert "there is no verb rm" in fix(vm, "--plan", plan, "--apply").err


def test_an_edited_plan_is_not_what_was_shown(vm, tmp_path):
    plan, before = tmp_path / "plan.json", vm.read_bytes()
    fix(vm, "--save", plan)
    doc = json.loads(plan.read_text())
    doc["changes"][0]["value"] = "something else"
    plan.write_text(json.dumps(doc))
    assert fix(vm, "--plan", plan, "--apply").code == 1
    assert vm.read_bytes() == before


def test_undone_unless_confirmed(vm):
    before = vm.read_bytes()
    r = fix(vm, "--apply", "--confirm-within", "1s")
    assert r.code == 0 and "--confirm" in r.out, r.err
    for _ in range(200):
        if vm.read_bytes() == before:
            break
        time.sleep(0.05)
    assert vm.read_bytes() == before
    r = fix(vm, "--apply", "--confirm-within", "600")
    plan = r.out.split("--confirm ")[1].split()[0]
    assert fix(vm, "--confirm", plan).code == 0
    assert fix(vm, "--confirm", plan).code == 1
    assert vm.read_bytes() != before
    assert ringfence("rollback", plan, "--state-dir", vm.parent.parent / "state").code == 0
    assert vm.read_bytes() == before


def test_what_could_cut_access_wants_a_confirmation(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not root")
    tmp_path.chmod(0o755)
    host = tmp_path / "host"
    shutil.copytree(ROOT / "tests/fixtures/hosts/debian-12", host)
    (host / ".ringfence/meta").unlink()
    (host / "etc/ssh/sshd_config").write_text("PermitRootLogin yes\n")
    r = ringfence("fix", "host.ssh.root*", "--root", host, "--apply", "-q")
    assert r.code == 64 and "cut you off" in r.err, r.out + r.err
    assert (host / "etc/ssh/sshd_config").read_text() == "PermitRootLogin yes\n"


def test_a_recording_is_not_changed(tmp_path):
    r = ringfence("fix", "--root", ROOT / "tests/fixtures/hosts/debian-12", "--state-dir", tmp_path / "s", "-q")
    assert r.code == 1 and "recording" in r.err


@pytest.mark.parametrize("alter,word", [
    (lambda l: [l[0].replace("plan", "plam", 1), *l[1:]], "edited: entry 0"),
    (lambda l: l[2:], "lost: entry 0"),
    (lambda l: l[:2] + l[4:], "lost: entry 1"),
    (lambda l: l[:2] + l[4:6] + l[2:4], "reordered"),
    (lambda l: l[:-2], "truncated"),
    (lambda l: l[:-1], "unsigned"),
])
def test_an_exported_ledger_proves_itself(vm, tmp_path, alter, word):
    assert fix(vm, "--apply").code == 0
    assert ringfence("rollback", "--state-dir", tmp_path / "state").code == 0
    out = tmp_path / "web.ledger"
    assert ledger(vm, "export", out).code == 0
    assert ledger(vm, "verify").code == 0
    args = ["ledger", "verify", out, "--key", f"{out}.pub", "--known", f"{out}.checkpoint"]
    assert ringfence(*args).code == 0
    lines = out.read_text().splitlines(keepends=True)
    assert len(lines) == 8
    out.write_text("".join(alter(lines)))
    r = ringfence(*args)
    assert r.code == 2 and word in r.out, r.out


def test_a_damaged_ledger_stops_every_change(vm, tmp_path):
    assert fix(vm, "--apply").code == 0
    path, before = tmp_path / "state/ledger/ledger.jsonl", vm.read_bytes()
    path.write_text(path.read_text().replace("nodes", "nodez"))
    r = ringfence("rollback", "--state-dir", tmp_path / "state")
    assert r.code == 1 and "ledger" in r.err
    assert vm.read_bytes() == before


def test_killed_from_outside(vm):
    """The command line and its privileged process, both killed at some moment: the next start says what it undid."""
    before = vm.read_bytes()
    for delay in (0.05, 0.1, 0.2, 0.3, 0.4, 0.6):
        p = subprocess.Popen([EXE, "fix", "--vmx", vm, "--no-host", "--profile", "vsphere", "--state-dir",
                              vm.parent.parent / "state", "-q", "--apply"], start_new_session=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        assert ringfence("recover", "--state-dir", vm.parent.parent / "state").code == 0
        if vm.read_bytes() != before:  # it was through: then it can be undone as any other
            assert ringfence("rollback", "--state-dir", vm.parent.parent / "state").code == 0
        assert vm.read_bytes() == before
    assert sorted(os.listdir(vm.parent)) == ["a.vmx"]
    r = ledger(vm, "verify")
    assert r.code in (0, 1), r.out  # 1: killed each time before there was one


REQUEST = 4 * 4 + 40 + 512 + 24 + 16 + 16 + 512 + 24 + 128 + 512 + 16 + 2048 + 64


@pytest.mark.parametrize("message", [
    b"", b"x", b"\0" * REQUEST, b"\xff" * REQUEST, b"RVP1" + b"\1\0\0\0" * 3 + b"x" * (REQUEST - 16),
    b"RVP1" + b"\2\0\0\0" + b"\0" * (REQUEST - 8), b"RVP1" + b"\5\0\0\0" + b"\0" * (REQUEST - 8),
    b"RVP1" + b"\4\0\0\0" + b"\0" * (REQUEST - 8), b"RVP1" + b"\3\0\0\0" + b"\0" * (REQUEST - 8),
    b"RVP1" + b"\x63\0\0\0" + b"\0" * (REQUEST - 8), b"x" * 60000,
], ids=lambda m: f"{len(m)}-{m[:8].hex()}")
def test_the_privileged_process_takes_no_nonsense(tmp_path, message):
    """Refused or the connection ends; no change, no crash by a signal."""
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    p = subprocess.Popen(["sh", "-c", f'exec "$0" "$@" 3<&{theirs.fileno()}', EXE, "--role", "priv", "--root", str(root)],
                         pass_fds=[theirs.fileno()])
    theirs.close()
    ours.settimeout(20)
    try:
        if message:
            ours.send(message)
            answer = ours.recv(65536)
            code = int.from_bytes(answer[4:8], "little", signed=True) if answer else -1
            assert code < 0
    except OSError:
        pass
    ours.close()
    assert p.wait(20) >= 0
    assert [f for f in os.listdir(root) if f != "var"] == []


def test_a_real_bridge_port(tmp_path):
    """In namespaces of its own: the kernel's own files, live, and back."""
    need("ip", "unshare", "mount")
    if os.geteuid() != 0:
        pytest.skip("not root")
    site = tmp_path / "site"
    for name in ("profiles", "controls"):
        (site / name).mkdir(parents=True)
    (site / "profiles/mine.yaml").write_text(json.dumps(
        {"id": "mine", "title": "Mine", "about": "Mine.", "select": ["site.port"]}))
    (site / "controls/port.yaml").write_text(json.dumps({
        "id": "site.port", "title": "Ports are isolated", "severity": "high", "pillar": "network", "why": "So it is.",
        "over": "bridge_port", "pass": "isolated = 1", "evidence": ["isolated"], "step": "Isolate it.",
        "fix": {"verb": "bridge-port", "flag": "isolated", "value": "1"}, "refs": {"ours": "a test"},
        "tests": [{"expect": "pass", "row": {"isolated": 1}}, {"expect": "fail", "row": {"isolated": 0}},
                  {"expect": "unknown", "row": {}}]}))
    common = f"--site {site} --profile mine --host -q --state-dir {tmp_path}/state"
    script = f"""set -e
mount -t sysfs none /sys
ip link add br0 type bridge || {{ echo SKIP; exit 0; }}
ip link add v0 type veth peer name v1
ip link set v0 master br0
F=/sys/class/net/v0/brport/isolated
cat $F
{EXE} fix {common} --apply >/dev/null
cat $F
{EXE} fix {common} | grep -c 'Nothing to change'
{EXE} rollback --state-dir {tmp_path}/state >/dev/null
cat $F
"""
    r = subprocess.run(["unshare", "-n", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=120)
    if "SKIP" in r.stdout or "mount:" in r.stderr:
        pytest.skip("no bridge or no sysfs in a namespace here")
    assert r.stdout.split() == ["0", "1", "1", "0"], r.stdout + r.stderr
