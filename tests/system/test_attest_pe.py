# SPDX-License-Identifier: Apache-2.0
"""Goal: digests and signatures of boot files as other tools see them: Debian's own shim, grub, kernels and boot stubs where they are
installed, and files that are signed here."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from conftest import EXE, need

TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/boot_tool")
FILES = sorted(f for pattern in ("/boot/vmlinuz-*", "/usr/lib/shim/*.efi*", "/usr/lib/grub/*-signed/*.signed", "/usr/lib/systemd/boot/efi/*.efi*",
                                 "/usr/share/shim/*.efi*") for f in glob.glob(pattern))
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"


def tool(*args):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=180)


def run(*command):
    done = subprocess.run([str(a) for a in command], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def digest(path, name="sha256"):
    told = tool("pe", path)
    assert told.returncode == 0, told.stderr
    return re.search(rf"^{name} (\S+)", told.stdout, re.M)[1]


def boot_files():
    if not FILES:
        pytest.skip("no boot files on this machine")
    return FILES


def test_digests_are_those_of_pesign():
    need("pesign")
    for path in boot_files():
        assert digest(path) in run("pesign", "-h", "-i", path).stdout, path


def test_digests_are_those_of_osslsigncode():
    need("osslsigncode")
    seen = 0
    for path in boot_files():
        out = subprocess.run(["osslsigncode", "verify", path], capture_output=True, text=True, timeout=180).stdout
        found = re.search(r"Calculated message digest\s*: (\w+)", out)
        seen += bool(found)
        assert not found or found[1].lower() in (digest(path), digest(path, "sha1")), path
    if not seen:
        pytest.skip("no signed boot file on this machine")


def test_debians_signatures_match_their_files():
    signed = [p for p in boot_files() if "\nsignature " in tool("pe", p).stdout]
    if not signed:
        pytest.skip("no signed boot file on this machine")
    for path in signed:
        lines = re.findall(r"^signature (.*)\|(.*)\|(.*)$", tool("pe", path).stdout, re.M)
        assert all(m == "matches" and s and i for s, i, m in lines), (path, lines)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    need("openssl", "sbsign")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("db", "other"):
        run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name} key", "-keyout",
            folder / f"{name}.key", "-out", folder / f"{name}.crt")
    return folder


def unsigned(folder):
    """A boot file without signatures: one of this machine's, stripped."""
    path = folder / "unsigned.efi"
    shutil.copy(boot_files()[0], path)
    while "\nsignature " in tool("pe", path).stdout:
        run("sbattach", "--remove", path)
    return path


def test_what_sbsign_signs(keys, tmp_path):
    path, signed = unsigned(tmp_path), tmp_path / "signed.efi"
    run("sbsign", "--key", keys / "db.key", "--cert", keys / "db.crt", "--output", signed, path)
    run("sbverify", "--cert", keys / "db.crt", signed)
    good = tool("signed", signed, keys / "db.crt")
    assert good.returncode == 0 and "signer=db key trusted=db key" in good.stdout, good.stderr
    assert digest(signed) == digest(path, "sha256-padded")
    other = tool("signed", signed, keys / "other.crt")
    assert other.returncode == 1 and "db key" in other.stderr
    # Signed again, by the other key: either set of certificates accepts it.
    run("sbsign", "--key", keys / "other.key", "--cert", keys / "other.crt", "--output", signed, signed)
    assert "number=2" in tool("signed", signed, keys / "other.crt").stdout
    assert "number=1" in tool("signed", signed, keys / "db.crt").stdout
    assert "no signature" in tool("signed", path, keys / "db.crt").stderr
    data = bytearray(signed.read_bytes())
    data[len(data) // 2] ^= 1
    signed.write_bytes(data)
    bent = tool("signed", signed, keys / "db.crt")
    assert bent.returncode == 1 and "another file" in bent.stderr


def test_a_unified_kernel_image(keys, tmp_path):
    need("objcopy")
    if not os.path.exists(STUB):
        pytest.skip("systemd-boot-efi is not installed")
    parts = {".osrel": b"ID=debian\n", ".cmdline": b"root=/dev/vda1 quiet\0", ".linux": os.urandom(70001), ".initrd": os.urandom(50003)}
    command, at = ["objcopy"], 0x2000000
    for name, data in parts.items():
        (tmp_path / name[1:]).write_bytes(data)
        command += ["--add-section", f"{name}={tmp_path / name[1:]}", "--change-section-vma", f"{name}={at:#x}"]
        at += 0x100000
    run(*command, STUB, tmp_path / "uki.efi")
    told = tool("pe", tmp_path / "uki.efi").stdout
    for name, data in parts.items():
        assert f"section {name} {len(data)}\n" in told
    if shutil.which("pesign"):
        assert digest(tmp_path / "uki.efi") in run("pesign", "-h", "-i", tmp_path / "uki.efi").stdout
    run("sbsign", "--key", keys / "db.key", "--cert", keys / "db.crt", "--output", tmp_path / "signed.efi", tmp_path / "uki.efi")
    assert tool("signed", tmp_path / "signed.efi", keys / "db.crt").returncode == 0
