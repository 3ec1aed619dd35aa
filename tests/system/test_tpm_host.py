# SPDX-License-Identifier: Apache-2.0
"""Goal: what this program asks of a TPM holds against a software TPM without a resource manager: evidence that others verify too, keys
that last, credentials that only the right TPM opens, no handle left behind on good paths and bad ones, errors that say what to do."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import EXE, need, ringfence
from test_attest_tpm import Tpm, free_port, tool

TPM_TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/tpm_tool")
NONCE = "6a09e667f3bcc908b2fb1366ea957d3e"
META, QUOTE, SIGNATURE, AK, EK, EK_CERT, PCRS, BOOT_LOG, IMA = range(1, 10)


class Host(Tpm):
    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    @property
    def keys(self):
        return self.folder / "keys"

    def evidence(self, *args, out="out.rfe", **kw):
        return ringfence("attest", "evidence", "-o", self.file(out), "--tcti", self.tcti, "--state-dir", self.keys, *args, **kw)

    def tool(self, command, *args):
        return subprocess.run([TPM_TOOL, command, self.tcti, *map(str, args)], capture_output=True, text=True, timeout=300)

    def loaded(self):
        out = ""
        for what in ("handles-transient", "handles-loaded-session", "handles-saved-session"):
            out += self.run("tpm2_getcap", what, check=False).stdout
        return out


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_checkquote", "tpm2_makecredential", "tpm2_getcap")
    it = Host(tmp_path_factory.mktemp("host"))
    it.make()
    it.start()
    yield it
    it.stop()


def sections(path):
    data, at, out = path.read_bytes(), 8, {}
    assert data[:8] == b"RFEVID1\n"
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        out.setdefault(kind, []).append(data[at + 8:at + 8 + size])
        at += 8 + size
    return out


@pytest.mark.parametrize("kind", ["ecc", "rsa"])
def test_evidence_is_verified_by_us_and_by_others(tpm, kind):
    r = tpm.evidence("--ak", kind, "--nonce", NONCE)
    assert r.code == 0, r.err
    assert f"--nonce {NONCE}" in r.out
    file = tpm.file("out.rfe")
    assert file.stat().st_mode & 0o777 == 0o600
    assert tool("verify", file, NONCE).returncode == 0
    assert tool("verify", file, "00" * 16).returncode == 1
    parts = sections(file)
    for name, section in (("ak", AK), ("msg", QUOTE), ("sig", SIGNATURE)):
        tpm.file(name).write_bytes(parts[section][0])
    tpm.run("tpm2_checkquote", "-u", "ak", "-m", "msg", "-s", "sig", "-q", NONCE)
    assert tpm.run("tpm2_checkquote", "-u", "ak", "-m", "msg", "-s", "sig", "-q", "00" * 16, check=False).returncode != 0


def test_all_banks_are_quoted_with_their_values(tpm):
    assert tpm.evidence().code == 0
    values, at = {}, 0
    section = sections(tpm.file("out.rfe"))[PCRS][0]
    while at < len(section):
        alg, pcr, size = struct.unpack_from(">HBB", section, at)
        values[alg, pcr] = section[at + 4:at + 4 + size].hex()
        at += 4 + size
    # There is no IMA list on a machine without IMA; where there is one, PCR 10 is left out.
    expected = set(range(23)) - {16} - (set() if (4, 10) in values else {10})
    for alg, bank in ((4, "sha1"), (0xB, "sha256"), (0xC, "sha384")):
        assert {p for a, p in values if a == alg} == expected
        read = tpm.run("tpm2_pcrread", f"{bank}:0,7,17").stdout.lower()
        assert all(values[alg, p] in read for p in (0, 7, 17))


def test_the_nonce_is_random_where_none_is_given(tpm):
    assert tpm.evidence().code == 0
    first = sections(tpm.file("out.rfe"))[15][0]
    assert tpm.evidence().code == 0
    second = sections(tpm.file("out.rfe"))[15][0]
    assert len(first) == len(second) == 32 and first != second
    assert tool("verify", tpm.file("out.rfe"), second.hex()).returncode == 0


def test_the_attestation_key_lasts_and_is_private(tpm):
    assert tpm.evidence().code == 0
    one = sections(tpm.file("out.rfe"))[AK]
    assert tpm.evidence().code == 0
    assert sections(tpm.file("out.rfe"))[AK] == one
    assert tpm.keys.stat().st_mode & 0o777 == 0o700
    for file in tpm.keys.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_write_is_not_used(tpm):
    assert tpm.evidence().code == 0
    key = tpm.keys / "ak-p256"
    key.chmod(0o666)
    r = tpm.evidence()
    key.chmod(0o600)
    assert r.code == 1 and "others may write it" in r.err


@pytest.mark.parametrize("bytes_", [b"", b"RFAK1\n", b"RFAK1\nO\n\0\1", b"RFAK1\nX\n\0\1a\0\1b", b"RFAK1\nO\n\xff\xff" + b"a" * 100])
def test_a_broken_key_file_is_refused(tpm, bytes_):
    assert tpm.evidence().code == 0
    key = tpm.keys / "ak-p256"
    good = key.read_bytes()
    key.write_bytes(bytes_)
    r = tpm.evidence()
    key.write_bytes(good)
    assert r.code == 1 and "attestation key" in r.err


def test_the_endorsement_key_comes_with_its_certificate(tpm):
    assert tpm.evidence().code == 0
    parts = sections(tpm.file("out.rfe"))
    tpm.file("ek").write_bytes(parts[EK][0])
    tpm.file("cert").write_bytes(parts[EK_CERT][0])
    r = tool("ekcert", tpm.folder / "ca/issuercert.pem", tpm.file("cert"), tpm.file("ek"), int(time.time()))
    assert r.returncode == 0, r.stdout + r.stderr
    tpm.file("other").write_bytes(parts[AK][0])
    r = tool("ekcert", tpm.folder / "ca/issuercert.pem", tpm.file("cert"), tpm.file("other"), int(time.time()))
    assert r.returncode == 1


def test_credentials_made_in_software_are_activated(tpm):
    r = tpm.tool("enrol", tpm.keys)
    assert r.returncode == 0, r.stderr


def test_a_credential_of_tpm2_tools_is_activated(tpm):
    assert tpm.tool("public", tpm.keys, tpm.file("ak.pub")).returncode == 0
    name = tool("name", tpm.file("ak.pub")).stdout.strip()
    tpm.run("tpm2_createek", "-c", "ek.ctx", "-G", "rsa", "-u", "ek.pub")
    tpm.file("secret").write_bytes(b"0123456789abcdef")
    tpm.run("tpm2_makecredential", "-T", "none", "-u", "ek.pub", "-s", "secret", "-n", name, "-o", "cred")
    r = tpm.tool("activate", tpm.keys, tpm.file("cred"))
    assert r.returncode == 0 and r.stdout == "0123456789abcdef", r.stderr


def test_no_handle_is_left_after_two_hundred_quotes(tpm):
    before = tpm.loaded()
    assert "0x8" not in before
    for kind, count in (("ecc", 150), ("rsa", 50)):
        r = tpm.tool("quotes", tpm.keys, kind, count)
        assert r.returncode == 0, r.stderr
    assert tpm.loaded() == before


def test_no_handle_is_left_where_it_fails(tpm):
    before = tpm.loaded()
    r = tpm.tool("fails", tpm.keys, "ecc", 40)
    assert r.returncode == 0, r.stderr
    assert tpm.loaded() == before
    assert tpm.evidence().code == 0


class Between:
    """Stands between a program and the TPM, and kills the program in place of the nth command of a kind."""
    FLUSH_CONTEXT = 0x165

    def __init__(self, tpm, command, nth):
        self.tpm, self.command, self.left, self.run = tpm, command, nth, None
        self.port = free_port()
        self.listeners = [socket.create_server(("127.0.0.1", self.port + offset)) for offset in (0, 1)]  # commands, control channel
        for offset, listener in enumerate(self.listeners):
            threading.Thread(target=self.serve, args=(listener, offset), daemon=True).start()

    def serve(self, listener, offset):
        """A software TPM is asked anew for each command."""
        while True:
            try:
                program, _ = listener.accept()
            except OSError:
                return
            with program, socket.create_connection(("127.0.0.1", self.tpm.port + offset)) as chip:
                self.pass_on(program, chip, offset == 0)

    def pass_on(self, program, chip, commands):
        while asked := (self.one(program) if commands else program.recv(4096)):
            if commands and struct.unpack_from(">I", asked, 6)[0] == self.command:
                self.left -= 1
                if self.left == 0:
                    os.killpg(self.run.pid, signal.SIGKILL)
                    return
            chip.sendall(asked)
            program.sendall(self.one(chip) if commands else chip.recv(4096))

    @staticmethod
    def one(channel):
        """A whole command or answer: its length stands behind its tag."""
        got = b""
        while len(got) < 6 or len(got) < struct.unpack_from(">I", got, 2)[0]:
            part = channel.recv(4096)
            if not part:
                return b""
            got += part
        return got

    def evidence(self, out, keys):
        self.run = subprocess.Popen([EXE, "attest", "evidence", "-o", out, "--tcti", f"swtpm:host=127.0.0.1,port={self.port}", "--state-dir", keys],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        status = self.run.wait(timeout=180)
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        return status


def test_keys_that_a_killed_run_left_are_flushed(tpm):
    """Killed before each time that it would take a key of its own out of the TPM. Only ours go at the next run; what another program has
    loaded stays."""
    for handle in re.findall("0x81[0-9A-Fa-f]+", tpm.run("tpm2_getcap", "handles-persistent").stdout):
        tpm.run("tpm2_evictcontrol", "-C", "o", "-c", handle)  # so that the endorsement key is loaded, too
    assert tpm.evidence().code == 0 and "0x8" not in tpm.loaded()
    killed = 0
    while Between(tpm, Between.FLUSH_CONTEXT, killed + 1).evidence(tpm.file("killed.rfe"), tpm.keys) == -signal.SIGKILL:
        killed += 1
        left = tpm.loaded().count("0x8")
        assert left in (1, 2), f"killed before flush {killed}"
        tpm.run("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "others.ctx", check=False)  # or all would be flushed
        assert tpm.loaded().count("0x8") == left + 1, "a TPM has three places"
        assert tpm.evidence().code == 0
        assert tpm.loaded().count("0x8") == 1, "the other program's key is still there"
        tpm.run("tpm2_flushcontext", "-t")
    assert killed >= 3, "its storage key, its signing key, an endorsement key"


def test_what_the_probe_says(tpm):
    out = tpm.tool("describe").stdout
    for line in ("manufacturer IBM", "vendor SW TPM", "software 1", "resource_manager 0", "locked_out 0", "owner_auth 0"):
        assert line + "\n" in out
    assert "pcr 0x000b 0 " + "00" * 32 in out and "pcr 0x0004 17 " + "ff" * 20 in out


def test_passwords_of_the_hierarchies(tpm):
    """With an owner's password the key goes below the endorsement hierarchy; with both it says so."""
    tpm.run("tpm2_changeauth", "-c", "owner", "secret")
    try:
        r = ringfence("attest", "evidence", "-o", tpm.file("o.rfe"), "--tcti", tpm.tcti, "--state-dir", tpm.file("keys-owner"))
        assert r.code == 0, r.err
        tpm.run("tpm2_changeauth", "-c", "endorsement", "secret")
        try:
            r = ringfence("attest", "evidence", "-o", tpm.file("o.rfe"), "--tcti", tpm.tcti, "--state-dir", tpm.file("keys-both"))
            assert r.code == 1 and "a password is set" in r.err
        finally:
            tpm.run("tpm2_changeauth", "-c", "endorsement", "-p", "secret")
    finally:
        tpm.run("tpm2_changeauth", "-c", "owner", "-p", "secret")
    assert "0x8" not in tpm.loaded()


def test_a_locked_tpm_says_so_and_still_quotes(tpm):
    tpm.run("tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000", "-l", "1000")
    tpm.run("tpm2_createprimary", "-c", "da.ctx", "-p", "right", "-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt")
    tpm.run("tpm2_create", "-C", "da.ctx", "-P", "wrong", "-u", "x.pub", "-r", "x.priv", check=False)
    tpm.run("tpm2_flushcontext", "-t", check=False)
    try:
        assert "locked_out 1" in tpm.tool("describe").stdout
        r = tpm.evidence()
        assert r.code == 0, r.err
    finally:
        tpm.run("tpm2_dictionarylockout", "-c")
        tpm.run("tpm2_dictionarylockout", "-s", "-n", "32", "-t", "10", "-l", "10")


@pytest.mark.parametrize("tcti", ["cmd:tpm2_send", "cmd:touch /tmp/x", "pcap:device:/dev/tpm0", "/tmp/evil.so", "libtss2-tcti-cmd.so.0:x",
                                  "device:/etc/passwd", "device:/dev/../etc/passwd", "swtpm:port=1;x", "", ":"])
def test_only_names_of_tpms_are_taken(tmp_path, tcti):
    r = ringfence("attest", "evidence", "-o", tmp_path / "e", "--tcti", tcti, "--state-dir", tmp_path / "s")
    assert r.code == 64 and not (tmp_path / "e").exists(), r.err


def test_what_cannot_be_reached_is_said(tmp_path):
    need("swtpm")
    r = ringfence("attest", "evidence", "-o", tmp_path / "e", "--tcti", "swtpm:host=127.0.0.1,port=1", "--state-dir", tmp_path / "s")
    assert r.code == 1 and "cannot be reached" in r.err
    r = ringfence("attest", "evidence", "-o", tmp_path / "e", "--tcti", "device:/dev/no-such-tpm", "--state-dir", tmp_path / "s")
    assert r.code == 1 and "there is no TPM at /dev/no-such-tpm" in r.err


@pytest.mark.parametrize("args", [[], ["-o", "/"], ["-o", "x", "--nonce", "zz"], ["-o", "x", "--nonce", "00" * 7], ["-o", "x", "--nonce", "00" * 33],
                                  ["-o", "x", "--ak", "dsa"]])
def test_wrong_use_is_said(args):
    assert ringfence("attest", "evidence", *args).code == 64


def test_a_tpm_that_was_cleared_signs_with_a_new_key(tpm):
    assert tpm.evidence().code == 0
    old, key = sections(tpm.file("out.rfe")), (tpm.keys / "ak-p256").read_bytes()
    tpm.run("tpm2_clear")
    r = tpm.evidence("--nonce", NONCE)
    assert r.code == 0 and "was cleared" in r.out and "enrolled again" in r.out, r.err
    new = sections(tpm.file("out.rfe"))
    assert new[AK] != old[AK] and new[EK] == old[EK] and json.loads(new[META][0])["ak"] == "new"
    assert tool("verify", tpm.file("out.rfe"), NONCE).returncode == 0
    # The first key is kept, the new one lasts.
    assert (tpm.keys / "ak-p256").read_bytes() == key
    assert tpm.evidence().code == 0 and sections(tpm.file("out.rfe"))[AK] == new[AK]
    # Cleared once more, the second one is worth nothing either.
    tpm.run("tpm2_clear")
    assert tpm.evidence("--nonce", NONCE).code == 0
    assert sections(tpm.file("out.rfe"))[AK] != new[AK] and len(list(tpm.keys.glob("ak-p256*"))) == 2
    assert tool("verify", tpm.file("out.rfe"), NONCE).returncode == 0
    assert "0x8" not in tpm.loaded()


def test_an_exchanged_tpm_is_another_tpm(tmp_path):
    """A host whose chip was replaced: its state folder knows the old key, evidence is made by the new one, and verify says so in words."""
    need("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_pcrextend")
    hosts = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        host = Host(tmp_path / name)
        host.make()
        hosts.append(host)
    first, second = hosts
    keys, evidence, baseline = tmp_path / "keys", tmp_path / "e.rfe", tmp_path / "b.yaml"

    def collect(host):
        r = ringfence("attest", "evidence", "-o", evidence, "--tcti", host.tcti, "--state-dir", keys, "--nonce", NONCE)
        assert r.code == 0, r.err
        return sections(evidence), r.out

    def judge(code):
        r = ringfence("attest", "verify", evidence, "--baseline", baseline, "--nonce", NONCE)
        assert r.code == code, r.out + r.err
        return r.out, [x["reason"] for x in ringfence("attest", "verify", evidence, "--baseline", baseline, "--nonce", NONCE, "-o", "json").json()["reasons"]]

    first.start()
    try:
        parts, _ = collect(first)
        # Who it is, as `baseline create` writes it; this machine's boot is not the matter.
        tpm_name = ringfence("attest", "verify", evidence, "--nonce", NONCE, "-o", "json").json()
        baseline.write_text(f"baseline: 1\nidentity: {{ak-name: {tpm_name['ak_name']}, ek-name: {tpm_name['ek_name']}}}\nboots:\n"
                            "  - {name: first, approved: {by: me, at: 2026-01-01T00:00:00Z}, items: [{pcr: 4, part: boot application, digests: "
                            f"[sha256:{'00' * 32}]}}]}}\n")
        out, why = judge(2 if "bank-not-used-by-firmware" in [x["reason"] for x in tpm_name["reasons"]] else 1)
        assert "other-tpm" not in why and "other-ak" not in why
    finally:
        first.stop()
    second.start()
    try:
        new, said = collect(second)
        assert "another TPM" in said and new[EK] != parts[EK] and new[AK] != parts[AK]
        out, why = judge(2)
        assert "other-tpm" in why and "other-ak" not in why
        assert "The TPM is not the one that this host was enrolled with" in out and "ringfence attest baseline create" in " ".join(out.split())
        assert "the host says so, too" in " ".join(out.split())
    finally:
        second.stop()
    # The old chip is put back: its key was kept, and all is as before.
    first.start()
    try:
        back, said = collect(first)
        assert back[AK] == parts[AK] and "another TPM" not in said
    finally:
        first.stop()
