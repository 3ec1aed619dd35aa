# SPDX-License-Identifier: Apache-2.0
"""Goal: what ima-evm-utils signs (files, and metadata where extended attributes can be set) and what the kernel's way of signing modules
makes, verified out of IMA lists."""
import hashlib
import os
import struct
import subprocess

import pytest

from conftest import EXE, need

TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/boot_tool")


def run(*command, cwd=None):
    done = subprocess.run([str(a) for a in command], capture_output=True, text=True, timeout=180, cwd=cwd)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def field(data):
    return struct.pack("<I", len(data)) + data


def record(template, *fields):
    data = b"".join(field(f) for f in fields)
    return struct.pack("<I", 10) + hashlib.sha1(data).digest() + field(template.encode()) + field(data)


def digest(data, alg="sha256"):
    return alg.encode() + b":\0" + hashlib.new(alg, data).digest()


def judge(folder, *records):
    (folder / "list").write_bytes(b"".join(records))
    done = run(TOOL, "imasig", folder / "list", folder / "rsa.crt")
    return done.stdout.splitlines()


@pytest.fixture
def keys(tmp_path):
    need("openssl", "evmctl")
    for name, kind in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("other", ["rsa:2048"])):
        run("openssl", "req", "-new", "-x509", "-newkey", *kind, "-nodes", "-days", "1", "-subj", f"/CN={name} key", "-keyout",
            tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.crt")
    # Both that are trusted in one file.
    (tmp_path / "rsa.crt").write_bytes((tmp_path / "rsa.crt").read_bytes() + (tmp_path / "ec.crt").read_bytes())
    return tmp_path


def test_files_that_evmctl_signed(keys):
    for alg in ("sha1", "sha256", "sha384", "sha512"):
        for key in ("rsa", "ec", "other"):
            (keys / "f").write_bytes(b"contents of " + alg.encode())
            run("evmctl", "ima_sign", "--sigfile", "--hashalgo", alg, "--key", keys / f"{key}.key", "f", cwd=keys)
            signature = (keys / "f.sig").read_bytes()
            good = record("ima-sig", digest((keys / "f").read_bytes(), alg), b"/f\0", signature)
            bad = record("ima-sig", digest(b"other contents", alg), b"/g\0", signature)
            told = judge(keys, good, bad)
            if key == "other":
                assert all("refused" in line and "no certificate" in line for line in told)
            else:
                assert told[0] == f"/f file {key} key"
                assert "/g refused" in told[1] and "does not hold" in told[1]


def test_metadata_that_evmctl_signed(keys):
    path = keys / "f"
    path.write_bytes(b"hello\n")
    path.chmod(0o755)
    done = subprocess.run(["evmctl", "sign", "--portable", "--imahash", "--hashalgo", "sha256", "--key", "rsa.key", "f"], cwd=keys,
                          capture_output=True, text=True, timeout=180)
    try:
        evm, ima = os.getxattr(path, "security.evm"), os.getxattr(path, "security.ima")
    except OSError:
        pytest.skip("extended attributes of security cannot be set here: " + done.stderr[-200:])
    info = path.stat()
    names, values = [b"security.ima"], [ima]

    def entry(uid, data):
        return record("evm-sig", digest(data), b"/f\0", evm, b"|".join(names) + b"\0", b"".join(struct.pack("<I", len(v)) for v in values),
                      b"".join(values), struct.pack("<I", uid), struct.pack("<I", info.st_gid), struct.pack("<H", info.st_mode))

    told = judge(keys, entry(info.st_uid, b"hello\n"), entry(info.st_uid + 1, b"hello\n"), entry(info.st_uid, b"bye\n"))
    assert told[0] == "/f metadata rsa key"
    assert "refused" in told[1] and "does not hold" in told[1]
    assert "refused" in told[2] and "other contents" in told[2]


def test_modules_signed_as_the_kernel_does(keys):
    (keys / "m.ko").write_bytes(b"\177ELF module")
    run("openssl", "cms", "-sign", "-binary", "-nocerts", "-noattr", "-nosmimecap", "-md", "sha256", "-outform", "DER", "-in", keys / "m.ko",
        "-signer", keys / "ec.crt", "-inkey", keys / "ec.key", "-out", keys / "m.p7s")
    pkcs7 = (keys / "m.p7s").read_bytes()
    told = judge(keys, record("ima-modsig", digest(b"all bytes"), b"/m.ko\0", b"", digest(b"\177ELF module"), pkcs7),
                 record("ima-modsig", digest(b"all bytes"), b"/n.ko\0", b"", digest(b"\177ELF modulE"), pkcs7))
    assert told[0] == "/m.ko module ec key"
    assert "refused" in told[1] and "does not hold" in told[1]
