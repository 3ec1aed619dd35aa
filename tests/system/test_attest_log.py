# SPDX-License-Identifier: Apache-2.0
"""Goal: `attest log` shows each kind of log, with the PCR values that it gives, whatever is in it."""
import hashlib
import json
import struct

from conftest import ringfence

EV_SEPARATOR, EV_NO_ACTION, EV_IPL = 4, 3, 13


def sha(data):
    return hashlib.sha256(data).digest()


def boot_log(events):
    """A TCG 2.0 log with one bank; events: (pcr, type, data that is hashed, data in the log)."""
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1) + struct.pack("<HHB", 0x000B, 32, 0)
    out = struct.pack("<II20sI", 0, EV_NO_ACTION, b"", len(spec)) + spec
    for pcr, kind, hashed, data in events:
        out += struct.pack("<IIIH", pcr, kind, 1, 0x000B) + sha(hashed) + struct.pack("<I", len(data)) + data
    return out


def ima_list(names):
    out = b""
    for name in names:
        fields = [b"sha256:\0" + sha(name), name + b"\0"]
        data = b"".join(struct.pack("<I", len(f)) + f for f in fields)
        out += struct.pack("<I", 10) + hashlib.sha1(data).digest() + struct.pack("<I", 6) + b"ima-ng" + struct.pack("<I", len(data)) + data
    return out


def test_a_boot_log_gives_its_values(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(boot_log([(0, EV_SEPARATOR, bytes(4), bytes(4)), (8, EV_IPL, b"ls", b"grub_cmd: ls\0")]))
    r = ringfence("attest", "log", log, "-o", "json")
    assert r.code == 0, r.err
    doc = r.json()["logs"][0]
    assert doc["log"] == "boot"
    assert [e["pcr"] for e in doc["events"]] == [0, 0, 8]
    assert doc["pcrs"] == {"sha256": {"0": hashlib.sha256(bytes(32) + sha(bytes(4))).hexdigest(),
                                      "8": hashlib.sha256(bytes(32) + sha(b"ls")).hexdigest()}}


def test_one_register_alone(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(boot_log([(0, EV_SEPARATOR, bytes(4), bytes(4)), (8, EV_IPL, b"ls", b"grub_cmd: ls\0")]))
    r = ringfence("attest", "log", log, "--pcr", "8")
    assert r.code == 0, r.err
    assert "PCR 8 " in r.out and "PCR 0 " not in r.out
    assert ringfence("attest", "log", log, "--pcr", "24").code == 64


def test_an_ima_list_is_recognised(tmp_path):
    log = tmp_path / "ima"
    log.write_bytes(ima_list([b"/usr/bin/a", b"/usr/bin/\x1b[2Jb"]))
    r = ringfence("attest", "log", log, "-o", "json")
    assert r.code == 0, r.err
    doc = r.json()["logs"][0]
    assert doc["log"] == "ima"
    assert doc["events"][0]["name"] == "/usr/bin/a"
    assert doc["events"][0]["digest"] == sha(b"/usr/bin/a").hex()
    assert set(doc["pcrs"]["sha256"]) == {"10"}
    text = ringfence("attest", "log", log)
    assert "\x1b" not in text.out and "\\x1b" in text.out


def test_all_logs_of_a_file_of_evidence(tmp_path):
    def section(kind, data):
        return struct.pack("<II", kind, len(data)) + data

    file = tmp_path / "e.rfe"
    file.write_bytes(b"RFEVID1\n" + section(8, boot_log([(4, EV_SEPARATOR, bytes(4), bytes(4))])) +
                     section(9, struct.pack("<H", 4) + ima_list([b"/bin/a"])))
    doc = ringfence("attest", "log", file, "-o", "json").json()
    assert [log["log"] for log in doc["logs"]] == ["boot", "ima"]


def test_what_is_broken_is_said_and_the_output_stays_json(tmp_path):
    good = ima_list([b"/usr/bin/a", b"/usr/bin/b"])
    log = tmp_path / "ima"
    log.write_bytes(good[:-3])
    r = ringfence("attest", "log", log, "-o", "json")
    assert r.code == 1 and "entry 1" in r.err
    assert len(json.loads(r.out)["logs"][0]["events"]) == 1
    log.write_bytes(b"\xff" * 64)
    r = ringfence("attest", "log", log, "-o", "json")
    assert r.code == 1 and json.loads(r.out) == {"logs": []}


def test_wrong_use_is_said(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"")
    assert ringfence("attest", "log", log).code == 1
    assert ringfence("attest", "log", tmp_path).code == 1
    assert ringfence("attest", "log", tmp_path / "none").code == 1
    assert ringfence("attest", "log", log, "--format", "elf").code == 64
    assert ringfence("attest", "log", log, "-o", "csv").code == 64
