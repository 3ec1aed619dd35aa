# SPDX-License-Identifier: Apache-2.0
"""Goal: nobody is a host that they are not. With a real manager and real agents (software TPMs): evidence of another host or another time, an
agent's files on another machine, a TPM that is bound already or that is somebody else's, an invitation that was used, certificates of another
authority, of another time, or that the manager never gave: each is refused in words, and is an event and an entry of the ledger."""
import base64
import datetime
import os
import shutil
import struct
import types

import pytest

from agent_lab import Authority, b64, pem, until
from conftest import need
from fleet_lab import Fleet, Host, Net, Peer

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")

AK_PUBLIC = 4  # a section of src/attest/evidence.h
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    need("unshare", "nsenter", "ip", "swtpm", "swtpm_setup", "swtpm_localca", "openssl", "bash")
    it = Fleet(tmp_path_factory.mktemp("impostor"))
    yield it
    it.close()


def joined(fleet, name, number):
    one = fleet.host(name, number)
    until(lambda: fleet.manager.host(name).get("state") == "NEW", what=name)
    fleet.approve(name)
    fleet.is_(name, "TRUSTED")
    one.id = fleet.manager.host(name)["host"]
    return one


@pytest.fixture(scope="module")
def hosts(fleet):
    return joined(fleet, "first", 1), joined(fleet, "second", 2)


@pytest.fixture
def stolen(fleet, hosts):
    """The first host's agent is off: who has its key speaks in its place. Trusted again at the end."""
    first = hosts[0]
    first.stop()
    made = []

    def speak():
        made.append(Peer(fleet, hosts[1].net, first.state / "agent/net/certificate.pem", first.state / "agent/net/key.pem"))
        assert made[-1].hello()[1]["host"] == first.id
        return made[-1]
    yield speak
    for peer in made:
        peer.close()
    first.start()
    fleet.is_("first", "TRUSTED")


def nonce_of(peer):
    _, asked, _ = peer.wait("ask-evidence")
    return asked["job"], base64.b64decode(asked["nonce"])


def put(evidence, kind, body):
    """The evidence with this section in the place of its own."""
    at, out = 8, evidence[:8]
    while at < len(evidence):
        this, size = struct.unpack_from("<II", evidence, at)
        data = body if this == kind else evidence[at + 8:at + 8 + size]
        out += struct.pack("<II", this, len(data)) + data
        at += 8 + size
    return out


def judged(fleet, peer, evidence, words):
    """Given in answer to the next question, it makes the host UNTRUSTED in these words, which are an event and in the ledger."""
    job, _ = nonce_of(peer)
    peer.session.send("evidence", {"job": job}, evidence)
    fleet.is_("first", "UNTRUSTED")
    assert words in fleet.reason("first")
    until(lambda: any(words in e["text"] for e in fleet.events("host.state") if e["new_state"] == "UNTRUSTED"), what=words)
    assert any(b"UNTRUSTED" in line and words.encode() in line for line, in fleet.rows("SELECT line FROM ledger_entry"))


def test_old_evidence_is_not_new(fleet, hosts, stolen):
    peer = stolen()
    job, nonce = nonce_of(peer)
    old = hosts[0].evidence(nonce)
    peer.session.send("evidence", {"job": job}, old)
    assert peer.wait("verdict")[1]["state"] == "TRUSTED"
    judged(fleet, peer, old, "nonce")


def test_an_answer_to_a_question_that_is_over(fleet, hosts, stolen):
    peer = stolen()
    job, nonce = nonce_of(peer)
    old = hosts[0].evidence(nonce)
    peer.session.send("evidence", {"job": job}, old)
    peer.wait("verdict")
    peer.session.send("evidence", {"job": job}, old)
    fleet.told("agent.lied", "evidence that nobody asked for", hosts[0].id)
    until(lambda: not peer.session.open, what="the end of the connection")


@pytest.mark.parametrize("with_key", [False, True], ids=["as it is", "with the key of the host"])
def test_evidence_of_another_host(fleet, hosts, stolen, with_key):
    peer = stolen()
    job, nonce = nonce_of(peer)
    evidence = hosts[1].evidence(nonce)
    if with_key:
        evidence = put(evidence, AK_PUBLIC, fleet.rows("SELECT ak_public FROM host_tpm WHERE host = ?", hosts[0].id)[0][0])
    peer.session.send("evidence", {"job": job}, evidence)
    fleet.is_("first", "UNTRUSTED")
    assert ("did not sign this evidence" if with_key else "of another TPM's key") in fleet.reason("first"), fleet.reason("first")
    until(lambda: any(e["new_state"] == "UNTRUSTED" and e["host"] == hosts[0].id for e in fleet.events("host.state")), what="the alarm")
    assert fleet.manager.host("second")["state"] == "TRUSTED"


def test_a_copied_agent_on_another_tpm(fleet, hosts):
    first = hosts[0]
    thief = fleet.keep(Host(fleet.folder / "thief", "thief", fleet.keep(Net(3, fleet.hub)), fleet.manager))
    shutil.copytree(first.state, thief.state)
    first.stop()
    thief.start()
    # It holds the TLS key: so it speaks. It has not the TPM: so it has nothing to show.
    fleet.is_("first", "UNTRUSTED", "STALE")
    until(lambda: any(e["new_state"] in ("UNTRUSTED", "STALE") and e["host"] == first.id for e in fleet.events("host.state")), what="the alarm")
    # Both at once: who comes later takes over, and that is told.
    first.start()
    fleet.told("agent.replaced", "another connection of this host took over", first.id)
    thief.stop()
    fleet.is_("first", "TRUSTED")


def test_a_result_of_another_hosts_command(fleet, hosts, stolen):
    got = fleet.manager.cli("check", "--fleet", "--where", "name=second", "--no-wait", "-o", "json")
    assert got.returncode == 0, got.stderr
    command = until(lambda: fleet.rows("SELECT command FROM command WHERE host = ?", hosts[1].id), what="a command")[0][0]
    peer = stolen()
    peer.session.send("result", {"number": 1 << 40, "command": command, "exit": 0, "text": "all is well"})
    fleet.told("agent.lied", "a result of a command that is not this host's", hosts[0].id)


# ---- joining ----

def enrol(fleet, net, ek, ak, certificate=None, token=None):
    """With these public areas, and a TLS key of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "impostor")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    peer = Peer(fleet, net).speak()
    peer.session.send("enrol", {"token": token or fleet.manager.token(), "name": "impostor", "agent_version": "0", "tpm": "device", "ek_public": b64(ek),
                                "ak_public": b64(ak), "request": b64(request.public_bytes(serialization.Encoding.DER)),
                                **({"ek_certificates": [b64(certificate)]} if certificate else {})})
    return peer, peer.wait("challenge")


def test_a_tpm_that_somebody_else_holds(fleet, hosts):
    tpms = [fleet.rows("SELECT ek_public, ak_public, ek_certificate FROM host_tpm WHERE host = ?", h.id)[0] for h in hosts]
    peer, (kind, challenge, _) = enrol(fleet, hosts[1].net, tpms[0][0], tpms[1][1], tpms[0][2])
    assert kind == "challenge" and challenge["credential"]
    # The secret is for the TPM that holds both keys, and there is none.
    peer.session.send("proof", {"secret": b64(bytes(32))})
    kind, said, _ = peer.wait("enrolled")
    assert kind == "refused" and "not in the TPM that it names" in said["reason"]
    fleet.told("host.refused", "the attestation key is not in the TPM that it names")
    peer.close()


def test_a_tpm_that_is_bound_stays_so(fleet, hosts):
    got = hosts[0].join(fleet.folder / "again")
    assert got.returncode and "bound to another host" in got.stderr, got.stderr
    fleet.told("host.refused", "this TPM is bound to another host already")


@pytest.mark.parametrize("token", ["used", "invented"])
def test_an_invitation_that_does_not_hold(fleet, hosts, token):
    used = list(fleet.manager.lines)[0] if token == "used" else "0123456789abcdef0123456789abcdef"
    ek, ak = fleet.rows("SELECT ek_public, ak_public FROM host_tpm WHERE host = ?", hosts[0].id)[0]
    peer, (kind, said, _) = enrol(fleet, hosts[1].net, ek, ak, token=used)
    assert kind == "refused" and "the invitation is not valid" in said["reason"]
    fleet.told("host.refused", "the invitation is not valid")
    peer.close()


# ---- certificates ----

def certificate(by, host, folder, life=DAY):
    key = ec.generate_private_key(ec.SECP256R1())
    made = by.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), key.public_key(), life=life)
    (folder / "c.pem").write_bytes(pem(made))
    (folder / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder / "c.pem", folder / "k.pem"


def own_authority(fleet):
    """As who took its key would be: Authority, but for the key and the name."""
    ours = x509.load_pem_x509_certificate((fleet.manager.state / "authority.pem").read_bytes())
    key = serialization.load_pem_private_key((fleet.manager.state / "authority/authority.key").read_bytes(), None)
    it = types.SimpleNamespace(key=key, name=ours.subject)
    it.sign = lambda *args, **kw: Authority.sign(it, *args, **kw)
    return it


def test_a_certificate_of_another_authority(fleet, hosts, tmp_path):
    peer = Peer(fleet, hosts[1].net, *certificate(Authority("Ringfence fleet authority"), hosts[0].id, tmp_path))
    assert peer.alert()
    fleet.told("host.refused", "unable to get local issuer certificate")
    peer.close()


def test_a_certificate_that_is_over(fleet, hosts, tmp_path):
    # Made five minutes ago for a minute.
    peer = Peer(fleet, hosts[1].net, *certificate(own_authority(fleet), hosts[0].id, tmp_path, datetime.timedelta(minutes=1)))
    assert peer.alert()
    fleet.told("host.refused", "certificate has expired")
    peer.close()


def test_a_certificate_that_this_manager_never_gave(fleet, hosts, tmp_path):
    peer = Peer(fleet, hosts[1].net, *certificate(own_authority(fleet), hosts[0].id, tmp_path)).speak()
    kind, said, _ = peer.wait("welcome")
    assert kind == "refused" and "was not given by this manager" in said["reason"]
    fleet.told("host.refused", "the certificate was not given by this manager", hosts[0].id)
    peer.close()
