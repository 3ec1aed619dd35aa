# SPDX-License-Identifier: Apache-2.0
"""Goal: the verifier against a TPM that is not ours: swtpm makes keys, quotes and certificates, tpm2-tools asks it, the library
judges; and the TPM activates the credentials that the library makes."""
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import time

import pytest

from conftest import EXE, ROOT, need

# Beside the program that is tested: BUILD/src/cli/ringfence.
TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/attest_tool")
BANKS = {"sha1": (0x0004, 20), "sha256": (0x000B, 32), "sha384": (0x000C, 48)}
KINDS = {"quote": 2, "signature": 3, "ak": 4, "pcrs": 7}


def tool(*args):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=180)


def free_port():
    """A port whose successor is free as well: swtpm's control channel is expected there."""
    for _ in range(50):
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            try:
                b.bind(("127.0.0.1", a.getsockname()[1] + 1))
                return a.getsockname()[1]
            except OSError:
                continue
    pytest.skip("no two neighbouring ports are free")


class Tpm:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.state = folder / "state"
        self.state.mkdir()
        self.env = {**os.environ, "TPM2TOOLS_TCTI": f"swtpm:host=127.0.0.1,port={self.port}"}

    def make(self):
        """Manufacture: endorsement keys and their certificates, signed by an authority made here."""
        ca = self.folder / "ca"
        ca.mkdir()
        (self.folder / "localca.conf").write_text(f"statedir = {ca}\nsigningkey = {ca}/signkey.pem\n"
                                                  f"issuercert = {ca}/issuercert.pem\ncertserial = {ca}/certserial\n")
        (self.folder / "localca.options").write_text("")
        (self.folder / "setup.conf").write_text(
            f"create_certs_tool = {shutil.which('swtpm_localca')}\ncreate_certs_tool_config = {self.folder}/localca.conf\n"
            f"create_certs_tool_options = {self.folder}/localca.options\n")
        done = subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", str(self.state), "--create-ek-cert", "--pcr-banks",
                               "sha1,sha256,sha384", "--config", str(self.folder / "setup.conf")],
                              capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip("swtpm_setup does not work here: " + (done.stdout + done.stderr)[-300:])

    def start(self):
        # An absolute state folder: with a relative one the TPM comes up in failure mode.
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state.resolve()}", "--flags", "not-need-init,startup-clear",
             "--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1",
             "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1"], stderr=subprocess.DEVNULL)
        for _ in range(100):
            if subprocess.run(["tpm2_pcrread", "sha256:0"], env=self.env, capture_output=True, timeout=180).returncode == 0:
                return
            time.sleep(0.1)
        self.stop()
        pytest.skip("swtpm does not start here")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=10)

    def run(self, *command, check=True):
        done = subprocess.run([str(a) for a in command], env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=180)
        if check:
            assert done.returncode == 0, f"{command}: {done.stderr}"
            # There is no resource manager between us: three objects fill the TPM.
            subprocess.run(["tpm2_flushcontext", "-t"], env=self.env, capture_output=True, timeout=180)
        return done

    def file(self, name):
        return self.folder / name


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_createek", "tpm2_createak", "tpm2_quote", "tpm2_makecredential",
         "tpm2_activatecredential", "tpm2_nvread")
    it = Tpm(tmp_path_factory.mktemp("tpm"))
    it.make()
    it.start()
    for ek in ("rsa", "ecc"):
        it.run("tpm2_createek", "-c", f"ek-{ek}.ctx", "-G", ek, "-u", f"ek-{ek}.pub")
    yield it
    it.stop()


def make_ak(tpm, ek, key, hash_, scheme):
    name = f"ak-{ek}-{key}-{hash_}-{scheme}"
    if not tpm.file(name + ".ctx").exists():
        tpm.run("tpm2_createak", "-C", f"ek-{ek}.ctx", "-c", name + ".ctx", "-G", key, "-g", hash_, "-s", scheme,
                "-u", name + ".pub", "-n", name + ".name")
    return name


def quote(tpm, ak, selection, nonce, hash_, scheme="rsassa"):
    """(attest, signature, PCR section): the bank's values as the TPM gave them."""
    tpm.run("tpm2_quote", "-c", ak + ".ctx", "-l", selection, "-q", nonce, "-m", "q.msg", "-s", "q.sig", "-o", "q.pcrs",
            "-F", "values", "-g", hash_, "--scheme", scheme)
    values, section = tpm.file("q.pcrs").read_bytes(), b""
    for part in selection.split("+"):
        bank, pcrs = part.split(":")
        alg, size = BANKS[bank]
        for pcr in sorted(map(int, pcrs.split(","))):
            section += struct.pack(">HBB", alg, pcr, size) + values[:size]
            values = values[size:]
    assert values == b""
    return tpm.file("q.msg").read_bytes(), tpm.file("q.sig").read_bytes(), section


def evidence(tpm, **sections):
    data = b"RFEVID1\n"
    for name, body in sections.items():
        data += struct.pack("<II", KINDS[name], len(body)) + body
    tpm.file("evidence").write_bytes(data)
    return tpm.file("evidence")


KEYS = [("rsa", "rsa", "sha256", "rsassa"), ("rsa", "rsa", "sha256", "rsapss"), ("rsa", "rsa", "sha384", "rsassa"),
        ("rsa", "ecc", "sha256", "ecdsa"), ("ecc", "ecc", "sha256", "ecdsa")]
SELECTIONS = ["sha256:0,1,2,3,4,5,6,7", "sha1:10,0+sha384:23,17", "sha384:0+sha1:1+sha256:2,16"]


@pytest.mark.parametrize("key", KEYS, ids="-".join)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_real_quotes_verify(tpm, key, selection):
    ak, nonce = make_ak(tpm, *key), secrets.token_hex(20)
    msg, sig, pcrs = quote(tpm, ak, selection, nonce, key[2], key[3])
    public = tpm.file(ak + ".pub").read_bytes()
    good = tool("verify", evidence(tpm, quote=msg, signature=sig, ak=public, pcrs=pcrs), nonce)
    assert good.returncode == 0, good.stderr
    assert f"banks={selection.count('+') + 1}" in good.stdout

    # The nonce is another one, a value is another one, the quote or its signature is bent.
    again = tool("verify", tpm.file("evidence"), secrets.token_hex(20))
    assert again.returncode == 1 and "another nonce" in again.stderr
    bent = bytearray(pcrs)
    bent[-1] ^= 1
    lie = tool("verify", evidence(tpm, quote=msg, signature=sig, ak=public, pcrs=bytes(bent)), nonce)
    assert lie.returncode == 1 and "not the quoted ones" in lie.stderr
    for at in range(0, len(msg), 7):
        bent = bytearray(msg)
        bent[at] ^= 0x10
        assert tool("verify", evidence(tpm, quote=bytes(bent), signature=sig, ak=public, pcrs=pcrs), nonce).returncode == 1


def test_bare_public_area_and_name(tpm):
    ak, nonce = make_ak(tpm, *KEYS[0]), secrets.token_hex(16)
    msg, sig, pcrs = quote(tpm, ak, "sha256:0", nonce, "sha256")
    public = tpm.file(ak + ".pub").read_bytes()
    assert tool("verify", evidence(tpm, quote=msg, signature=sig, ak=public[2:], pcrs=pcrs), nonce).returncode == 0
    tpm.file("bare.pub").write_bytes(public[2:])
    for path in (tpm.file(ak + ".pub"), tpm.file("bare.pub")):
        assert tool("name", path).stdout.strip() == tpm.file(ak + ".name").read_bytes().hex()


def test_a_certify_is_no_quote(tpm):
    """GHSA-gwfg: the same key certifies another key; the signature is good, the statement is no quote."""
    ak, other = make_ak(tpm, *KEYS[0]), make_ak(tpm, *KEYS[3])
    # tpm2_certify loads both keys, so nothing is flushed between.
    tpm.run("tpm2_certify", "-c", other + ".ctx", "-C", ak + ".ctx", "-g", "sha256", "-o", "c.msg", "-s", "c.sig")
    told = tool("verify", evidence(tpm, quote=tpm.file("c.msg").read_bytes(), signature=tpm.file("c.sig").read_bytes(),
                                   ak=tpm.file(ak + ".pub").read_bytes(), pcrs=b""), "00")
    assert told.returncode == 1 and "not a quote" in told.stderr


def test_an_unrestricted_key_is_refused(tpm):
    """A key that signs anything signs forged quotes as well."""
    tpm.run("tpm2_createprimary", "-C", "o", "-c", "parent.ctx")
    tpm.run("tpm2_create", "-C", "parent.ctx", "-G", "rsa2048:rsassa:null", "-u", "free.pub", "-r", "free.priv", "-a",
            "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign")
    tpm.run("tpm2_load", "-C", "parent.ctx", "-u", "free.pub", "-r", "free.priv", "-c", "free.ctx")
    nonce = secrets.token_hex(16)
    msg, sig, pcrs = quote(tpm, "free", "sha256:0", nonce, "sha256")
    told = tool("verify", evidence(tpm, quote=msg, signature=sig, ak=tpm.file("free.pub").read_bytes(), pcrs=pcrs), nonce)
    assert told.returncode == 1 and "restricted must be set" in told.stderr


def activate(tpm, ek, ak, check=True):
    """TPM2_ActivateCredential under the EK's usual policy (PolicySecret of the endorsement hierarchy)."""
    tpm.run("tpm2_startauthsession", "--policy-session", "-S", "session.ctx")
    try:
        tpm.run("tpm2_policysecret", "-S", "session.ctx", "-c", "e")
        return tpm.run("tpm2_activatecredential", "-c", ak + ".ctx", "-C", f"ek-{ek}.ctx", "-i", "cred", "-o", "secret.out",
                       "-P", "session:session.ctx", check=check)
    finally:
        tpm.run("tpm2_flushcontext", "session.ctx", check=False)
        subprocess.run(["tpm2_flushcontext", "-t"], env=tpm.env, capture_output=True, timeout=180)


@pytest.mark.parametrize("ek", ["rsa", "ecc"])
def test_the_tpm_activates_our_credentials(tpm, ek):
    ak = make_ak(tpm, ek, ek, "sha256", "rsassa" if ek == "rsa" else "ecdsa")
    for length in (16, 32, 20):
        secret = secrets.token_bytes(length)
        tpm.file("secret").write_bytes(secret)
        made = tool("credential", tpm.file(f"ek-{ek}.pub"), tpm.file(ak + ".pub"), tpm.file("secret"), tpm.file("cred"))
        assert made.returncode == 0, made.stderr
        tpm.file("secret.out").unlink(missing_ok=True)
        activate(tpm, ek, ak)
        assert tpm.file("secret.out").read_bytes() == secret


def test_our_credential_is_like_theirs(tpm):
    """tpm2_makecredential's file and ours have the same form, and the TPM takes both."""
    ak = make_ak(tpm, *KEYS[0])
    tpm.file("secret").write_bytes(b"0123456789abcdef")
    tpm.run("tpm2_makecredential", "-u", "ek-rsa.pub", "-s", "secret", "-n", tpm.file(ak + ".name").read_bytes().hex(), "-o", "cred")
    form = tpm.file("cred").read_bytes()
    activate(tpm, "rsa", ak)
    assert tpm.file("secret.out").read_bytes() == b"0123456789abcdef"
    tool("credential", tpm.file("ek-rsa.pub"), tpm.file(ak + ".pub"), tpm.file("secret"), tpm.file("cred"))
    ours = tpm.file("cred").read_bytes()
    assert len(ours) == len(form) and ours[:12] == form[:12] and ours != form


def test_another_key_cannot_activate(tpm):
    """The credential is bound to the name: an AK of the same TPM with another name gets nothing."""
    ak, other = make_ak(tpm, *KEYS[0]), make_ak(tpm, *KEYS[1])
    tpm.file("secret").write_bytes(b"0123456789abcdef")
    assert tool("credential", tpm.file("ek-rsa.pub"), tpm.file(ak + ".pub"), tpm.file("secret"), tpm.file("cred")).returncode == 0
    tpm.file("secret.out").unlink(missing_ok=True)
    assert activate(tpm, "rsa", other, check=False).returncode != 0
    assert not tpm.file("secret.out").exists()


@pytest.mark.parametrize("ek", ["rsa", "ecc"])
def test_certificates_from_nv(tpm, ek):
    """The certificate as NV holds it, to the authority of this test's own TPM factory."""
    indices = re.findall(r"0x1c000[0-9a-f]{2}", tpm.run("tpm2_nvreadpublic").stdout, re.I)
    if not indices:
        pytest.skip("this swtpm_setup writes no certificates")
    store = tpm.file("store.pem")
    ca = b"".join(p.read_bytes().rstrip(b"\n") for p in sorted(tpm.file("ca").glob("*cert.pem")))
    store.write_bytes(ca)
    now, told = int(time.time()), {}
    for index in indices:
        tpm.run("tpm2_nvread", index, "-C", "o", "-o", "cert.nv")
        told[index] = tool("ekcert", store, tpm.file("cert.nv"), tpm.file(f"ek-{ek}.pub"), now)
        # Without its authority it is worth nothing.
        assert tool("ekcert", tpm.file("cert.nv"), tpm.file("cert.nv"), tpm.file("ek-rsa.pub"), 0).returncode == 1
    good = [t for t in told.values() if t.returncode == 0]
    if ek == "rsa":
        assert len(good) == 1, {k: v.stderr for k, v in told.items()}
        assert "manufacturer=" in good[0].stdout and "root=CN=swtpm-localca" in good[0].stdout
    # swtpm's ECC EK is P-384 with the high-range template, tpm2_createek's P-256: then no certificate is for this key.
    assert all("another key" in t.stderr for t in told.values() if t.returncode)
