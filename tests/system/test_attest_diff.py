# SPDX-License-Identifier: Apache-2.0
"""What changed between boots, through the commands: logs of real measured boots of one machine (made by lab/run; they lie with the fuzzers'
corpus) are told apart in one sentence, with the exit status a script needs; a baseline that could never do what it says is refused."""
import json
import os
import struct
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAIRS = f"{ROOT}/tests/fuzz/corpus/boot_diff"
RINGFENCE = os.environ.get("RINGFENCE", f"{ROOT}/build/src/cli/ringfence")


def run(*args):
    return subprocess.run([RINGFENCE, *args], capture_output=True, text=True, timeout=180)


def split(tmp_path, name):
    data = open(f"{PAIRS}/{name}", "rb").read()
    size = struct.unpack("<I", data[:4])[0]
    for file, part in (("was", data[4:4 + size]), ("now", data[4 + size:])):
        (tmp_path / file).write_bytes(part)
    return str(tmp_path / "was"), str(tmp_path / "now")


def test_kernel_update(tmp_path):
    was, now = split(tmp_path, "kernel")
    done = run("attest", "diff", was, now)
    assert done.returncode == 2
    assert "kernel 6.1.0-55 -> 6.1.0-56; initrd changed; grub.cfg changed; nothing else" in done.stdout
    found = json.loads(run("attest", "diff", was, now, "-o", "json").stdout)
    assert [c["reason"] for c in found["changes"]] == ["kernel-changed", "initrd-changed", "boot-loader-file-changed"]
    assert found["changes"][0]["pcrs"] == [4, 8, 9]


def test_secure_boot_off(tmp_path):
    was, now = split(tmp_path, "no-secureboot")
    done = run("attest", "diff", was, now)
    assert done.returncode == 2
    assert "Secure Boot on -> off; nothing else" in done.stdout


def test_nothing_changed(tmp_path):
    was, _ = split(tmp_path, "kernel")
    done = run("attest", "diff", was, was)
    assert done.returncode == 0
    assert "nothing changed" in done.stdout


def test_cannot_compare(tmp_path):
    was, _ = split(tmp_path, "kernel")
    (tmp_path / "cut").write_bytes(open(was, "rb").read()[:3000])
    done = run("attest", "diff", was, str(tmp_path / "cut"))
    assert done.returncode == 1
    assert "event" in done.stderr


def test_example_policies():
    for name in ("attest-host.yaml", "attest-group.yaml"):
        done = run("attest", "baseline", "show", f"{ROOT}/examples/policies/{name}")
        assert done.returncode == 0, done.stderr
        assert "Rules (" in done.stdout


def test_refused_with_its_place(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("baseline: 1\nrules:\n  - {name: a, why: x, allow: quote-forged}\n")
    done = run("attest", "baseline", "show", str(bad))
    assert done.returncode == 1
    assert "bad.yaml:3:" in done.stderr and "cannot be allowed" in done.stderr


def test_unproved_evidence_is_no_baseline(tmp_path):
    was, _ = split(tmp_path, "kernel")
    log = open(was, "rb").read()
    evidence = tmp_path / "e.rfe"
    evidence.write_bytes(b"RFEVID1\n" + struct.pack("<II", 8, len(log)) + log)
    done = run("attest", "baseline", "create", str(evidence), "-o", str(tmp_path / "b.yaml"))
    assert done.returncode in (1, 2)
    assert not (tmp_path / "b.yaml").exists()
