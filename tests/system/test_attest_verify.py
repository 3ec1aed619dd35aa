# SPDX-License-Identifier: Apache-2.0
"""Goal: verify and explain as a user meets them: a software TPM's fresh evidence, what an attacker does to it on the way, older evidence
shown again, a machine without TPM; the exit status, words and JSON say the same, and no rights are needed."""
import json
import os
import shutil
import struct

import jsonschema
import pytest

from conftest import ROOT, need, ringfence
from test_tpm_host import Host, NONCE

SCHEMA = json.load(open(ROOT / "docs/schema/attest-verdict.json"))
META, QUOTE, SIGNATURE, AK, EK, EK_CERT, PCRS = range(1, 8)


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_pcrextend")
    it = Host(tmp_path_factory.mktemp("verify"))
    it.make()
    it.start()
    # As firmware does: a bank that nobody extended would be refused (CVE-2021-42299).
    it.run("tpm2_pcrextend", f"0:sha1={'11' * 20},sha256={'22' * 32},sha384={'33' * 48}")
    yield it
    it.stop()


@pytest.fixture(scope="module")
def evidence(tpm):
    r = tpm.evidence("--nonce", NONCE, out="good.rfe")
    assert r.code == 0, r.err
    return tpm.file("good.rfe")


def unpack(path):
    data, at, out = path.read_bytes(), 8, []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        out.append((kind, data[at + 8:at + 8 + size]))
        at += 8 + size
    return out


def pack(path, parts):
    path.write_bytes(b"RFEVID1\n" + b"".join(struct.pack("<II", k, len(b)) + b for k, b in parts))
    return path


def verdict(*args, command="verify"):
    """The document, with exit status and schema checked, and the words of the screen."""
    r = ringfence("attest", command, *args, "-o", "json")
    assert r.code in (0, 1, 2), r.err
    doc = r.json()
    jsonschema.validate(doc, SCHEMA)
    assert doc["exit_status"] == r.code
    screen = ringfence("attest", command, *args)
    assert screen.code == r.code
    return doc, screen.out


def reasons(doc):
    return [r["reason"] for r in doc["reasons"]]


def test_fresh_evidence_is_proved_but_not_judged_without_a_baseline(evidence):
    doc, screen = verdict(evidence, "--nonce", NONCE)
    assert doc["quote_proved"] and doc["verdict"] == "cannot judge"
    assert "no-baseline" in reasons(doc) and "nonce-unchecked" not in reasons(doc)
    assert "software-tpm" in reasons(doc) and "log-missing" in reasons(doc)
    assert screen.startswith("? CANNOT JUDGE") and "ringfence attest baseline create" in screen
    assert "\033" not in screen


def test_a_bank_that_no_firmware_extended_is_refused(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca")
    it = Host(tmp_path_factory.mktemp("empty"))
    it.make()
    it.start()
    try:
        assert it.evidence("--nonce", NONCE, out="empty.rfe").code == 0
    finally:
        it.stop()
    doc, screen = verdict(it.file("empty.rfe"), "--nonce", NONCE)
    assert doc["verdict"] == "untrusted" and reasons(doc)[0] == "bank-not-used-by-firmware"
    assert "left empty by the firmware" in screen
    banks = reasons(doc).count("bank-not-used-by-firmware")
    assert banks >= 2 and screen.count("Switch this bank off") == 1, "one step for all banks"
    assert "Nothing was measured into it since the start." in screen and " 0 of 0 " not in screen


def test_live_evidence_of_a_software_tpm(tpm, tmp_path):
    r = ringfence("attest", "explain", "--live", "--tcti", tpm.tcti, "--state-dir", tmp_path / "state", "-o", "json")
    assert r.code in (0, 1, 2), r.err
    doc = r.json()
    jsonschema.validate(doc, SCHEMA)
    assert doc["quote_proved"] and "nonce-unchecked" not in reasons(doc)
    assert (tmp_path / "state/attest").is_dir()


def test_worst_comes_first(evidence):
    order = ["untrusted", "cannot judge", "warning", "note"]
    doc, _ = verdict(evidence, "--nonce", "00" * 16)
    effects = [order.index(r["effect"]) for r in doc["reasons"]]
    assert effects == sorted(effects)


def test_another_nonce(evidence):
    doc, screen = verdict(evidence, "--nonce", "00" * 16)
    assert doc["verdict"] == "untrusted" and reasons(doc)[0] == "nonce-wrong"
    assert not doc["quote_proved"]
    assert "another request" in screen and "Nothing: no TPM's signature" in screen


@pytest.mark.parametrize("section", [QUOTE, SIGNATURE, AK, PCRS])
def test_one_byte_changed_on_the_way(evidence, tmp_path, section):
    parts = [(k, b[:-1] + bytes([b[-1] ^ 1]) if k == section else b) for k, b in unpack(evidence)]
    doc, _ = verdict(pack(tmp_path / "bent.rfe", parts), "--nonce", NONCE)
    assert doc["verdict"] == "untrusted" and not doc["quote_proved"]


def test_every_section_left_out_is_no_pass(evidence, tmp_path):
    for left_out in {k for k, _ in unpack(evidence)}:
        file = pack(tmp_path / "less.rfe", [(k, b) for k, b in unpack(evidence) if k != left_out])
        assert ringfence("attest", "verify", file, "--nonce", NONCE).code != 0


BOOTED = ROOT / "tests/fixtures/attest"


def test_a_measured_boot_that_was_approved_is_trusted():
    doc, screen = verdict(BOOTED / "booted.evidence", "--baseline", BOOTED / "booted.yaml")
    assert doc["verdict"] == "trusted" and doc["compared_with_baseline"]
    assert [p["state"] for p in doc["pcrs"][:11]] == ["explained"] * 11
    assert "nothing else" in screen
    doc, screen = verdict(BOOTED / "booted.evidence", "--baseline", BOOTED / "booted.yaml", command="explain")
    assert "as approved" in screen and not any(p["changed"] for p in doc["pcrs"])


def test_older_evidence_is_refused_once_newer_was_seen(tmp_path):
    state = ["--baseline", BOOTED / "booted.yaml", "--remember", "--state-dir", tmp_path]
    for name, code, reason in (("booted", 0, None), ("booted", 0, None), ("booted-again", 0, "rebooted"), ("booted", 2, "evidence-replayed"),
                               ("booted-again", 0, None)):
        r = ringfence("attest", "verify", BOOTED / f"{name}.evidence", *state, "-o", "json")
        assert r.code == code, (name, r.out, r.err)
        assert reason is None or reason in reasons(r.json())
    memory = tmp_path / "attest/memory.json"
    assert memory.stat().st_mode & 0o777 == 0o600
    memory.write_text("{")
    r = ringfence("attest", "verify", BOOTED / "booted.evidence", *state)
    assert r.code == 1 and "damaged" in r.err


def test_evidence_of_another_machine_is_no_match(evidence):
    doc, _ = verdict(evidence, "--baseline", BOOTED / "booted.yaml")
    assert doc["verdict"] == "untrusted" and "other-tpm" in reasons(doc)


def test_a_log_that_is_cut(tmp_path):
    bent = [(k, b[:-200] if k == 8 else b) for k, b in unpack(BOOTED / "booted.evidence")]
    doc, _ = verdict(pack(tmp_path / "cut.rfe", bent), "--baseline", BOOTED / "booted.yaml")
    assert doc["verdict"] == "untrusted" and "log-broken" in reasons(doc)


def test_files_measured_that_the_tpm_did_not_see(tmp_path):
    parts = unpack(BOOTED / "booted.evidence")
    ima = dict(parts)[9]
    # The second entry once more behind the first: 2 bytes of head, then records.
    size = lambda at: 4 + 20 + 4 + struct.unpack_from("<I", ima, at + 24)[0] + 4 + struct.unpack_from(
        "<I", ima, at + 28 + struct.unpack_from("<I", ima, at + 24)[0])[0]
    first = 2 + size(2)
    second = first + size(first)
    planted = [(k, b[:second] + b[first:second] + b[second:] if k == 9 else b) for k, b in parts]
    doc, screen = verdict(pack(tmp_path / "planted.rfe", planted), "--baseline", BOOTED / "booted.yaml")
    assert doc["verdict"] == "untrusted" and reasons(doc)[0] == "ima-list-does-not-explain-pcr", screen
    assert "entry 2 of the list stands there twice" in doc["reasons"][0]["detail"] and doc["pcrs"][4]["state"] == "explained"


def test_screens_say_what_a_register_is(tmp_path):
    """For whoever never heard of a PCR: wherever one is named."""
    bent = [(k, b.replace(b"linux ", b"linuy ", 1) if k == 8 else b) for k, b in unpack(BOOTED / "booted.evidence")]
    file = pack(tmp_path / "bent.rfe", bent)
    screen = ringfence("attest", "verify", file, "--baseline", BOOTED / "booted.yaml").out
    assert "PCR " not in screen or "PCRs are registers of the TPM chip that record what was started" in screen
    screen = ringfence("attest", "explain", file, "--baseline", BOOTED / "booted.yaml").out
    assert "Each PCR is a register of the TPM chip" in screen.split("PCR 0 ")[0]
    screen = ringfence("attest", "log", file).out
    assert "PCR: the register of the TPM chip that it went into. proved: " in screen


def test_makers_roots(tpm, evidence, tmp_path):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    r = ringfence("attest", "verify", evidence, "--ek-roots", roots)
    assert r.code == 1 and "no certificate in a file that ends in .pem" in r.err
    for name in ("swtpm-localca-rootca-cert.pem", "issuercert.pem"):
        shutil.copy(tpm.folder / "ca" / name, roots)
    doc, _ = verdict(evidence, "--nonce", NONCE, "--ek-roots", roots)
    assert not {"ek-not-verified", "ek-certificate-refused"} & set(reasons(doc))
    (roots / "issuercert.pem").unlink()
    (roots / "swtpm-localca-rootca-cert.pem").unlink()
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", roots) if os.path.exists("/etc/ssl/certs/ca-certificates.crt") else \
        pytest.skip("no other authorities here")
    doc, screen = verdict(evidence, "--nonce", NONCE, "--ek-roots", roots)
    assert doc["verdict"] == "untrusted" and "ek-certificate-refused" in reasons(doc)


def test_a_machine_without_tpm(tmp_path):
    file = pack(tmp_path / "none.rfe", [(META, b'{"host": "web-3", "notes": ["no TPM"]}')])
    doc, screen = verdict(file)
    assert doc["verdict"] == "cannot judge" and reasons(doc) == ["no-tpm"] and doc["host"] == "web-3"
    assert "which calls itself web-3" in screen and "firmware setup" in screen


@pytest.mark.parametrize("data", [b"", b"RFEVID1\n\x02\x00\x00\x00\xff\xff\xff\xff", b"\x00" * 4096, b"not evidence"])
def test_bytes_that_are_no_evidence(tmp_path, data):
    file = tmp_path / "junk.rfe"
    file.write_bytes(data)
    doc, _ = verdict(file)
    assert doc["verdict"] == "untrusted" and reasons(doc) == ["evidence-broken"]


def test_the_hosts_name_is_shown_not_obeyed(tmp_path):
    name = '{"host": "web\\u001b[31m\\u0007\\nOK"}'
    r = ringfence("attest", "verify", pack(tmp_path / "n.rfe", [(META, name.encode())]))
    assert "\033" not in r.out and "\007" not in r.out and "web" in r.out.split("\n")[0]


def test_no_rights_are_needed(evidence, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("is an ordinary user already")
    file = tmp_path / "open.rfe"
    shutil.copy(evidence, file)
    for at in [file, *file.parents]:
        if at.owner() == "root" and str(at).startswith("/tmp/"):
            at.chmod(0o755)
    r = ringfence("attest", "verify", file, "--nonce", NONCE, user=65534)
    assert r.code == 1 and "CANNOT JUDGE" in r.out, r.err


def test_explain_names_each_register(evidence):
    doc, screen = verdict(evidence, "--nonce", NONCE, command="explain")
    assert [p["pcr"] for p in doc["pcrs"]] == list(range(24))
    assert all("events" in p for p in doc["pcrs"])
    doc, screen = verdict(evidence, "--nonce", NONCE, "--pcr", "7", command="explain")
    assert [p["pcr"] for p in doc["pcrs"]] == [7]
    assert "Secure Boot" in screen and "PCR 4" not in screen


@pytest.mark.parametrize("args,words", [
    ([], "FILE of evidence, or --live"),
    (["x.rfe", "--live"], "either FILE or --live"),
    (["x.rfe", "--pcr", "24"], "0 to 23"),
    (["x.rfe", "--nonce", "zz"], "hexadecimal"),
    (["x.rfe", "-o", "csv"], "table or json"),
])
def test_wrong_use(args, words):
    r = ringfence("attest", "explain", *args)
    assert r.code == 64 and words in r.err


def test_a_file_that_is_not_there(tmp_path):
    r = ringfence("attest", "verify", tmp_path / "none.rfe")
    assert r.code == 1 and "none.rfe" in r.err
    r = ringfence("attest", "verify", "/dev/null", "--baseline", tmp_path / "none.yaml")
    assert r.code == 1 and "none.yaml" in r.err


def test_lines_fit_the_terminal(evidence):
    for columns in (60, 80, 120):
        r = ringfence("attest", "explain", evidence, "--nonce", NONCE, env={"COLUMNS": str(columns)})
        for line in r.out.split("\n"):
            # A path or a name is never broken.
            assert len(line) <= columns or " " not in line.strip() or str(evidence) in line, line
