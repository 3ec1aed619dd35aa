# SPDX-License-Identifier: Apache-2.0
"""Goal: an agent joins, measures, reports and obeys its manager and nobody else; what it was told to keep is neither lost nor sent as new
twice, whoever dies, and each of its processes can do its own work alone."""
import base64
import json
import os
import pwd
import re
import signal
import socket
import struct
import subprocess

import pytest

from agent_lab import AGENT, HOST, Agent, Authority, Manager, b64, ed25519, now_ms, until
from conftest import ROOT, need, ringfence
from test_attest_tpm import tool
from test_tpm_host import AK, Host, sections

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


@pytest.fixture
def manager(tmp_path):
    it = Manager(tmp_path)
    yield it
    it.close()


@pytest.fixture
def agent(tmp_path, manager):
    it = Agent(tmp_path, manager)
    yield it
    it.stop()


@pytest.fixture
def joined(agent, manager):
    got, _ = agent.join("--fingerprint", manager.authority.digest)
    assert got.returncode == 0, got.stdout + got.stderr
    agent.start()
    until(lambda: manager.session, what="a session")
    return agent


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca")
    it = Host(tmp_path_factory.mktemp("tpm"))
    it.make()
    it.start()
    yield it
    it.stop()


def challenge(manager, tpm, secret=None, wrong=False):
    """What a manager does with a TPM: MakeCredential, then the certificate only for the right answer."""
    def answer(session, enrol):
        assert enrol["tpm"] == "software" and enrol["ek_certificates"]
        tpm.file("ek.join").write_bytes(base64.b64decode(enrol["ek_public"]))
        tpm.file("ak.join").write_bytes(base64.b64decode(enrol["ak_public"]))
        tpm.file("secret.join").write_bytes(secret or b"0123456789abcdef")
        made = tool("credential", tpm.file("ek.join"), tpm.file("ak.join"), tpm.file("secret.join"), tpm.file("cred.join"))
        assert made.returncode == 0, made.stderr
        data = tpm.file("cred.join").read_bytes()[8:]
        blob = 2 + struct.unpack(">H", data[:2])[0]
        credential = bytearray(data[:blob])
        if wrong:
            credential[-1] ^= 1
        session.send("challenge", {"credential": b64(bytes(credential)), "seed": b64(data[blob:])})
        frame = session.frames.get(timeout=60)
        if frame is None:
            return
        assert frame[0] == "proof" and base64.b64decode(frame[1]["secret"]) == b"0123456789abcdef"
        manager.enrolled(session, enrol)
    return answer


# ---- joining ----

def test_who_hears_the_network_is_a_user_of_its_own(agent, manager):
    """It owns its folder and no more; its certificate and its spool are renewed there, and it finds both again at its next start."""
    got, _ = agent.join("--fingerprint", manager.authority.digest)
    assert got.returncode == 0, got.stderr
    agent.start(more=["--user", "nobody"])
    until(lambda: manager.session, what="a session")
    ids = {}
    for role in ("net", "collect", "priv"):
        status = open(f"/proc/{agent.roles()[role]}/status").read()
        ids[role] = re.search(r"^Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)", status, re.M).groups()
        assert "CapEff:\t0000000000000000" in status, role
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert ids["net"] == (nobody,) * 4 and ids["priv"] == ("0",) * 4, ids
    folder = agent.state / "agent" / "net"
    assert folder.stat().st_uid == int(nobody) and (folder / "key.pem").stat().st_uid == 0
    before = (folder / "certificate.pem").read_bytes()
    manager.order("renew")
    until(lambda: (folder / "certificate.pem").read_bytes() != before, what="another certificate")
    manager.drop()
    agent.kill("net")
    manager.back()
    assert manager.result(manager.order("facts"))[0]["exit"] == 0
    assert "net: no user" not in agent.log.read_text()


def test_joins_without_a_tpm_and_says_so(agent, manager):
    got, enrol = agent.join("--fingerprint", manager.authority.digest)
    assert got.returncode == 0, got.stderr
    assert enrol["tpm"] == "none" and "ek_public" not in enrol and enrol["name"] == "host.example"
    assert "the TLS key is a file" in got.stdout
    key = agent.state / "agent/net/key.pem"
    assert key.stat().st_mode & 0o777 == 0o600 and (agent.state / "agent").stat().st_mode & 0o777 == 0o700
    again, _ = agent.call("join", manager.url, "--token", "0123456789abcdef", "--fingerprint", manager.authority.digest), None
    assert again.returncode and "leave" in again.stderr
    assert agent.call("status").returncode == 2
    assert agent.call("leave").returncode == 0 and not key.exists()
    assert agent.call("status").returncode == 1


def test_joins_with_a_tpm(agent, manager, tpm):
    got, enrol = agent.join("--authority", agent.folder / "authority.pem", answer=challenge(manager, tpm), tcti=tpm.tcti)
    assert got.returncode == 0, got.stdout + got.stderr
    assert "software" in got.stdout
    agent.start()
    until(lambda: manager.session, what="a session")
    assert dict(x[0] for x in manager.peers[-1]["subject"])["commonName"] == HOST
    # Evidence over the manager's nonce, by the key that it enrolled.
    nonce = os.urandom(32)
    manager.session.send("ask-evidence", {"job": "j-1", "nonce": b64(nonce)})
    text, container = manager.evidence.get(timeout=60)
    assert text == {"job": "j-1"}, text
    (agent.folder / "evidence").write_bytes(container)
    parts = sections(agent.folder / "evidence")
    assert base64.b64decode(enrol["ak_public"]) == parts[AK][0]
    told = tool("verify", agent.folder / "evidence", nonce.hex())
    assert told.returncode == 0, told.stderr


def test_tells_that_more_was_measured(agent, manager):
    """/sys/kernel/security is a folder of the test's; the agent looks when it likes, so the list grows until it has said so."""
    assert agent.join("--fingerprint", manager.authority.digest)[0].returncode == 0
    count = agent.folder / "security/ima/runtime_measurements_count"
    count.parent.mkdir(parents=True)
    count.write_text("1000\n")
    agent.start(within=["unshare", "-m", "sh", "-c", 'mount --bind "$1" /sys/kernel/security && shift && exec "$@"', "sh",
                        str(agent.folder / "security")])
    session = until(lambda: manager.session, what="a session")
    grown = iter(range(1001, 9999))

    def told():
        with open(count, "r+") as f:
            f.write(f"{next(grown)}\n")
        return "measured" in session.seen
    until(told, what="that more was measured")


def test_a_credential_for_another_tpm_ends_it(agent, manager, tpm):
    got, _ = agent.join("--fingerprint", manager.authority.digest, answer=challenge(manager, tpm, wrong=True), tcti=tpm.tcti)
    assert got.returncode == 1 and not (agent.state / "agent/identity.json").exists()


def test_another_authority_is_not_joined(agent, manager):
    other = Authority()
    (agent.folder / "other.pem").write_bytes(other.pem)
    for trust in (["--fingerprint", other.digest], ["--authority", agent.folder / "other.pem"]):
        got = agent.call("join", manager.url, "--token", "0123456789abcdef", "--tcti", "none", *trust)
        assert got.returncode == 1 and not (agent.state / "agent/identity.json").exists(), got.stderr
    assert manager.joining.empty()


def test_a_refusal_is_told(agent, manager):
    def no(session, enrol):
        session.send("refused", {"reason": "this token was used", "next": "ringfence host invite"})
    got, _ = agent.join("--fingerprint", manager.authority.digest, answer=no)
    assert got.returncode == 1 and "this token was used" in got.stderr and "host invite" in got.stderr


def test_wrong_use(agent):
    for args in (["join"], ["join", "http://x", "--token", "t" * 16, "--fingerprint", "0" * 64], ["join", "https://x", "--token", "t" * 16],
                 ["join", "https://x", "--token", "t" * 16, "--fingerprint", "zz"], ["nothing"]):
        assert agent.call(*args).returncode == 64, args


# ---- facts, partition, death ----

def rows(data):
    at, out = 0, []
    while at < len(data):
        op, size = struct.unpack_from(">BI", data, at)
        out.append((op, data[at + 5:at + 5 + size]))
        at += 5 + size
    return out


def test_facts_commands_and_every_kind_of_death(joined, manager):
    """One long story, because each agent's first facts take their time."""
    facts = until(lambda: manager.of("facts"), 120, what="facts")
    assert facts[0][0]["whole"] is True and len(rows(facts[0][1])) > 100
    assert [t["kind"] for t, _ in manager.of("event")][0] == "agent-started"

    # Signed by the manager: done. By another, for another host, expired, a second time: not.
    good, body, signature = manager.command("attest")
    manager.session.send("command", body, signature)
    text, output = manager.result(good)
    assert text["exit"] >= 0 and output.lstrip().startswith(b"{"), (text, output)
    before = len(manager.of("result"))
    manager.session.send("command", body, signature)
    stranger, other = ed25519.Ed25519PrivateKey.generate(), []
    _, body, signature = manager.command("attest", command="c-stranger", signer=stranger)
    manager.session.send("command", body, signature)
    _, body, _ = manager.command("attest", command="c-unsigned")
    manager.session.send("command", body, b"")
    other.append(manager.order("attest", command="c-host", host="h-2"))
    other.append(manager.order("attest", command="c-old", issued_ms=now_ms() - 900000, expires_ms=now_ms() - 800000))
    other.append(manager.order("reboot", command="c-verb"))
    for command in other:
        assert manager.result(command)[0]["exit"] == -1
    refused = until(lambda: len(manager.of("event")) >= 7 and [t for t, _ in manager.of("event") if t["kind"] == "command-refused"])
    assert len(refused) == 6
    assert len(manager.of("result")) == before + 3
    assert not any(t["command"] in ("c-stranger", "c-unsigned") for t, _ in manager.of("result"))

    # What is noted in this host's ledger comes to the manager, in order: collect looks when it begins, and each minute.
    vm = joined.folder / "vm.vmx"
    vm.write_text((ROOT / "examples/vmx/legacy02/legacy02.vmx").read_text())
    r = ringfence("fix", "--vmx", vm, "--no-host", "--profile", "vsphere", "--state-dir", joined.state, "-q", "--apply")
    assert r.code == 0, r.err

    # Each role dies by the hand of nobody's friend: all come again, and what was told stays told.
    for role in ("net", "collect", "priv"):
        old = joined.roles()
        manager.session = None
        os.kill(old[role], signal.SIGKILL)
        until(lambda: manager.session and set(joined.roles()) >= {"net", "collect", "priv"} and joined.roles()[role] != old[role], what=role)
        assert manager.result(manager.order("attest"))[0]["exit"] >= 0
    numbers = [t["number"] for k, t, _ in manager.stored]
    assert numbers == sorted(set(numbers))

    sent = until(lambda: manager.of("ledger"), 120, what="the ledger")
    kinds = [json.loads(line)["kind"] for line in sent[0][1].decode().splitlines()]
    assert sent[0][0]["first"] == 0 and kinds == ["plan", "apply", "applied"], sent[0]

    # Cut off: what happens meanwhile comes when the manager is back, each once.
    manager.confirming = False
    lost = manager.order("attest")
    manager.result(lost)
    manager.drop()
    joined.stop(signal.SIGKILL)
    joined.start()
    manager.confirming = True
    manager.confirmed -= 1  # as a manager that stored it, and died before the transaction's end
    manager.stored = [s for s in manager.stored if s[1]["number"] <= manager.confirmed]
    manager.back()
    assert manager.result(lost)[0]["exit"] >= 0
    numbers = [t["number"] for k, t, _ in manager.stored]
    assert numbers == sorted(set(numbers)) and numbers == list(range(1, len(numbers) + 1))

    # Facts again: only what differs, and whole when asked for.
    count = len(manager.of("facts"))
    manager.result(manager.order("facts"))
    again = until(lambda: len(manager.of("facts")) > count and manager.of("facts")[count:], 120, what="facts again")
    assert again[0][0]["whole"] is True

    # Renewal: a new certificate for the same key.
    old = (joined.state / "agent/net/certificate.pem").read_bytes()
    manager.order("renew")
    until(lambda: (joined.state / "agent/net/certificate.pem").read_bytes() != old, what="renewed")

    # Retired: it ends by itself.
    manager.order("retire")
    joined.process.wait(timeout=60)
    assert any(t["text"] == "retire" for t, _ in manager.of("result"))


# ---- the hook ----

PLAIN = "<domain><name>vm</name></domain>"
TAGGED = "<domain><name>vm</name><metadata><trusted xmlns='https://ringfence.example/vm/1'/></metadata></domain>"


def hook(agent, xml, *words, config=None):
    args = [AGENT, "hook", "qemu", "vm", *(words or ("prepare", "begin", "-")), "--socket", str(agent.socket), "--config",
            str(config or agent.folder / "none.yaml")]
    return subprocess.run(args, input=xml, capture_output=True, text=True, timeout=30)


def asked(agent, xml, *words):
    """As hook, but an answer is waited for: 50 ms are little on a machine that runs other tests, too."""
    return until(lambda: next((g for g in [hook(agent, xml, *words)] if "does not answer" not in g.stderr), None), what="an answer")


def test_a_tagged_vm_starts_on_a_trusted_host_only(joined, manager):
    assert asked(joined, PLAIN).returncode == 0
    got = asked(joined, TAGGED)
    assert got.returncode == 1 and "NEW" in got.stderr
    manager.session.send("verdict", {"state": "TRUSTED", "at_ms": now_ms(), "valid_ms": 3600000})
    until(lambda: asked(joined, TAGGED).returncode == 0, what="trusted")
    assert asked(joined, TAGGED, "migrate", "begin", "-").returncode == 0
    # The verdict holds while the manager is away, also for an agent that was started anew.
    manager.drop()
    joined.stop()
    joined.start()
    until(lambda: asked(joined, TAGGED).returncode == 0, what="trusted still")
    manager.back()
    manager.session.send("verdict", {"state": "UNTRUSTED", "reason": "boot changed", "at_ms": now_ms(), "valid_ms": 3600000})
    until(lambda: asked(joined, TAGGED).returncode == 1, what="untrusted")
    assert "UNTRUSTED" in asked(joined, TAGGED, "migrate", "begin", "-").stderr
    assert asked(joined, PLAIN).returncode == 0
    assert asked(joined, TAGGED, "release", "end", "-").returncode == 0
    # Too old is not trusted.
    manager.session.send("verdict", {"state": "TRUSTED", "at_ms": now_ms() - 10000, "valid_ms": 1})
    until(lambda: "STALE" in asked(joined, TAGGED).stderr, what="stale")


def test_silence_is_what_the_site_says(agent):
    config = agent.folder / "hook.yaml"
    assert hook(agent, TAGGED).returncode == 1 and hook(agent, PLAIN).returncode == 0
    config.write_text("on-silence: open\ntrusted: ['v*']\n")
    got = hook(agent, PLAIN, config=config)
    assert got.returncode == 0 and "on-silence" in got.stderr
    config.write_text("on-silence: closed\ntrusted: ['v*']\n")
    assert hook(agent, PLAIN, config=config).returncode == 1
    # One that takes the question and never answers.
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(agent.socket))
        s.listen(4)
        assert "does not answer" in hook(agent, PLAIN, config=config).stderr
    config.write_text("on-silence: perhaps\n")
    assert hook(agent, PLAIN, config=config).returncode == 1
    for xml in ("", "<domain", "<!DOCTYPE x><domain/>"):
        assert hook(agent, xml).returncode == 1


# ---- what each process may not ----

def status(pid, field):
    return re.search(rf"^{field}:\s*(\S+)", open(f"/proc/{pid}/status").read(), re.M)[1]


def test_each_role_is_locked_in(joined):
    roles = until(lambda: len(joined.roles()) >= 3 and joined.roles(), what="roles")
    for role in ("net", "collect", "priv"):
        pid = roles[role]
        assert status(pid, "NoNewPrivs") == "1" and status(pid, "Seccomp") == "2", role
        assert int(status(pid, "CapEff"), 16) == 0 and int(status(pid, "CapPrm"), 16) == 0, role
        rss = int(status(pid, "VmRSS"))
        print(role, rss, "KiB")
        assert rss < 32 * 1024
