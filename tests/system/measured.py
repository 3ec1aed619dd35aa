# SPDX-License-Identifier: Apache-2.0
"""A second reader of boot logs, IMA lists and evidence files for tests: short, slow, and not the product's code, so that the
product can be held against it. It trusts its input. Sources: TCG PC Client PFP 1.05 section 10; kernel's ima_fs.c."""
import hashlib
import struct

NAMES = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
EV_NO_ACTION = 3


def evidence(path):
    """{kind: [bytes]} of a container of src/attest/evidence.h."""
    data = open(path, "rb").read()
    assert data.startswith(b"RFEVID1\n")
    at, sections = 8, {}
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        sections.setdefault(kind, []).append(data[at + 8:at + 8 + size])
        at += 8 + size
    return sections


def quoted_pcrs(section):
    """{bank: {pcr: bytes}} of the section of PCR values."""
    at, values = 0, {}
    while at < len(section):
        alg, pcr, size = struct.unpack_from(">HBB", section, at)
        values.setdefault(NAMES[alg], {})[pcr] = section[at + 4:at + 4 + size]
        at += 4 + size
    return values


def quote(data):
    """(nonce, [(bank, [pcrs])], digest) of a TPMS_ATTEST of a quote. TPM 2.0 part 2, 10.12."""
    assert data[:6] == b"\xffTCG\x80\x18"
    at = 8 + struct.unpack_from(">H", data, 6)[0]
    size = struct.unpack_from(">H", data, at)[0]
    nonce, at = data[at + 2:at + 2 + size], at + 2 + size + 17 + 8
    count, at, selected = struct.unpack_from(">I", data, at)[0], at + 4, []
    for _ in range(count):
        alg, size = struct.unpack_from(">HB", data, at)
        bits = int.from_bytes(data[at + 3:at + 3 + size], "little")
        selected.append((NAMES[alg], [p for p in range(24) if bits >> p & 1]))
        at += 3 + size
    return nonce, selected, data[at + 2:]


def complete(values, quoted, ima):
    """The quoted values with PCR 10, which a collector may leave out: the point of the list that the quote's digest proves."""
    _, selected, digest = quoted
    steps = {bank: ima_replay(ima, bank) for bank, _ in selected}
    for n in range(min(map(len, steps.values()))):
        full = {bank: {10: steps[bank][n], **values[bank]} for bank, _ in selected}
        if hashlib.sha256(b"".join(full[bank][p] for bank, pcrs in selected for p in pcrs)).digest() == digest:
            return full
    raise AssertionError("no point of the IMA list gives the quoted digest")


def boot_events(data):
    """(pcr, type, {bank: digest}, event data) of a crypto-agile log, after its first record."""
    at = 32 + struct.unpack_from("<I", data, 28)[0]
    while at < len(data):
        pcr, kind, count = struct.unpack_from("<III", data, at)
        at, digests = at + 12, {}
        for _ in range(count):
            name = NAMES[struct.unpack_from("<H", data, at)[0]]
            digests[name] = data[at + 2:at + 2 + SIZES[name]]
            at += 2 + SIZES[name]
        size = struct.unpack_from("<I", data, at)[0]
        yield pcr, kind, digests, data[at + 4:at + 4 + size]
        at += 4 + size


def boot_replay(data):
    """{bank: {pcr: bytes}}"""
    values = {}
    for pcr, kind, digests, _ in boot_events(data):
        if kind == EV_NO_ACTION:
            continue
        for bank, digest in digests.items():
            old = values.setdefault(bank, {}).get(pcr, bytes(SIZES[bank]))
            values[bank][pcr] = hashlib.new(bank, old + digest).digest()
    return values


def ima_entries(data):
    """(pcr, template digest, template's data) of the binary list; the usual templates only."""
    at = 0
    while at < len(data):
        pcr, digest, size = struct.unpack_from("<I20sI", data, at)
        at += 28 + size
        length = struct.unpack_from("<I", data, at)[0]
        yield pcr, digest, data[at + 4:at + 4 + length]
        at += 4 + length


def ima_paths(data):
    out = []
    for _, _, body in ima_entries(data):
        first = struct.unpack_from("<I", body, 0)[0]
        size = struct.unpack_from("<I", body, 4 + first)[0]
        out.append(body[8 + first:8 + first + size].rstrip(b"\0").decode())
    return out


def ima_replay(data, bank):
    """Every value that PCR 10 had on the way; the quote may be older than the end of the list."""
    value, steps = bytes(SIZES[bank]), [bytes(SIZES[bank])]
    for _, digest, body in ima_entries(data):
        if digest == bytes(20):
            digest = b"\xff" * SIZES[bank]
        elif bank != "sha1":
            digest = hashlib.new(bank, body).digest()
        value = hashlib.new(bank, value + digest).digest()
        steps.append(value)
    return steps
