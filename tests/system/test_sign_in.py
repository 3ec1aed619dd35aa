# SPDX-License-Identifier: Apache-2.0
"""Passwords by the real PAM and groups by the real NSS: `ringfence-manager sign-in` in a mount namespace with accounts of its own (right, wrong, locked, expired,
unknown, no password), packaging/pam.d/ringfence as it is shipped, and the manager's unprivileged user behind the socket of the unit."""
import os
import socket
import struct
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.path.dirname(os.path.dirname(os.environ.get("RINGFENCE", "build/src/cli/ringfence"))))
MANAGER = os.path.abspath(os.path.join(BUILD, "src", "manager", "ringfence-manager"))
GROUPS = 8192
ANSWER = struct.Struct(f"<qii{GROUPS}s")

# name, shadow's fields behind the name; HASH stands for that of "right"
PEOPLE = [
    ("ann", "HASH:19000:0:99999:7:::"),
    ("locked", "!HASH:19000:0:99999:7:::"),
    ("gone", "HASH:19000:0:99999:7::19001:"),
    ("stale", "HASH:10000:0:30:7:1::"),
    ("empty", ":19000:0:99999:7:::"),
    ("ringfence", "*:19000:0:99999:7:::"),
]


def folder_make(path):
    """passwd, shadow, group and pam.d of a machine of its own."""
    hashed = subprocess.run(["openssl", "passwd", "-6", "-salt", "abcdefgh", "right"], check=True, capture_output=True, text=True).stdout.strip()
    root = "root:x:0:0:root:/root:/bin/sh\n"
    (path / "passwd").write_text(root + "".join(f"{n}:x:{2000 + i}:2000:{n}:/nonexistent:/bin/sh\n" for i, (n, _) in enumerate(PEOPLE)))
    (path / "shadow").write_text("root:*:19000:0:99999:7:::\n" + "".join(f"{n}:{f.replace('HASH', hashed)}\n" for n, f in PEOPLE))
    os.chmod(path / "shadow", 0o640)
    (path / "group").write_text("root:x:0:\nstaff-2000:x:2000:\noperators:x:2101:ann,locked\nseconds:x:2102:bob\ndomain users:x:2103:ann\n")
    os.mkdir(path / "pam.d")
    (path / "pam.d" / "common-auth").write_text("auth required pam_unix.so\n")
    (path / "pam.d" / "common-account").write_text("account required pam_unix.so\n")
    with open(os.path.join(ROOT, "packaging", "pam.d", "ringfence")) as f:
        (path / "pam.d" / "ringfence").write_text(f.read())


def apart(path, command, **more):
    """The command in a mount namespace where /etc has the folder's accounts."""
    mounts = "".join(f"mount --bind {path}/{n} /etc/{n} && " for n in ("passwd", "shadow", "group", "pam.d"))
    return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts + command], **more)


def ask(sock, number, name, password):
    sock.sendall(struct.pack("<Q128s512s", number, name.encode(), password.encode()))
    got = b""
    while len(got) < ANSWER.size:
        piece = sock.recv(ANSWER.size - len(got))
        assert piece, "the process ended"
        got += piece
    same, verdict, zero, groups = ANSWER.unpack(got)
    assert same == number and zero == 0
    return verdict, groups.rstrip(b"\0").decode().splitlines()


@pytest.fixture(scope="module")
def pam(tmp_path_factory):
    if os.geteuid() != 0 or not os.path.exists(MANAGER):
        pytest.skip("root and ringfence-manager are needed")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("mount namespaces are missing")
    path = tmp_path_factory.mktemp("pam")
    os.chmod(path, 0o755)
    folder_make(path)
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    process = apart(path, f"exec {MANAGER} sign-in", stdin=theirs)
    theirs.close()
    yield ours
    ours.close()
    assert process.wait(20) == 0


@pytest.mark.parametrize("name, password, verdict", [
    ("ann", "right", 1), ("ann", "wrong", 0), ("ann", "right ", 0), ("locked", "right", 0), ("gone", "right", 0), ("stale", "right", 0),
    ("empty", "x", 0), ("nobody-here", "right", 0), ("root", "right", 0), ("ANN", "right", 0), ("ann' OR '1'='1", "right", 0), ("../ann", "right", 0),
])
def test_passwords(pam, name, password, verdict):
    assert ask(pam, 7, name, password)[0] == verdict


def test_groups_come_with_a_good_password_alone(pam):
    verdict, groups = ask(pam, 8, "ann", "right")
    assert verdict == 1 and sorted(groups) == ["domain users", "operators", "staff-2000"]
    assert ask(pam, 9, "ann", "wrong") == (0, [])
    assert ask(pam, 10, "locked", "right") == (0, [])


@pytest.mark.parametrize("data", [b"\0" * 648, b"a" * 648, struct.pack("<Q128s512s", 1, b"ann\0x", b"right"), struct.pack("<Q128s512s", 1, b"ann", b"")])
def test_what_is_no_question_ends_it(tmp_path, data):
    if not os.path.exists(MANAGER):
        pytest.skip("ringfence-manager is missing")
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([MANAGER, "sign-in"], stdin=theirs, stderr=subprocess.PIPE, text=True)
    theirs.close()
    ours.sendall(data)
    ours.settimeout(20)
    assert ours.recv(10) == b""
    assert process.wait(20) != 0 and "no question" in process.stderr.read()


def test_the_units_files_fit_the_program():
    """The socket is the manager's user's alone, and where the program looks for it; the unit has no right and no network."""
    def read(name):
        with open(os.path.join(ROOT, *name)) as f:
            return f.read()
    unit = read(("packaging", "ringfence-sign-in.socket"))
    assert "SocketMode=0600" in unit and "SocketUser=ringfence" in unit and "Accept=yes" in unit
    path = [line.split("=", 1)[1] for line in unit.splitlines() if line.startswith("ListenStream=")]
    assert f'"{path[0]}"' in read(("src", "manager", "config.c"))
    service = read(("packaging", "ringfence-sign-in@.service"))
    for line in ("CapabilityBoundingSet=", "NoNewPrivileges=yes", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "StandardInput=socket"):
        assert line in service.splitlines()
