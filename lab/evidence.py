# SPDX-License-Identifier: Apache-2.0
"""The files of a boot: what the host sent, and the evidence container for hosts whose program cannot make one."""
import glob
import json
import os
import struct

ALGORITHMS = {"sha1": (0x0004, 20), "sha256": (0x000B, 32), "sha384": (0x000C, 48), "sha512": (0x000D, 64)}
KEPT = ["bios.bin", "ima.bin", "pcrs.txt", "quote", "signature", "ak.pub", "ek.pub", "ek.crt", "values", "modules", "dmesg",
        "cmdline", "predicted.yaml"]


def pcr_section(selection, values):
    """EVIDENCE_PCRS from tpm2_quote's bare values, which stand in the order of the selection."""
    out, at = b"", 0
    for part in selection.split("+"):
        bank, pcrs = part.split(":")
        alg, size = ALGORITHMS[bank]
        for pcr in map(int, pcrs.split(",")):
            out += struct.pack(">HBB", alg, pcr, size) + values[at:at + size]
            at += size
    return out


def container(got, meta, nonce):
    """The evidence file of src/attest/evidence.h, for hosts whose program cannot make one."""
    sections = [(1, json.dumps(meta).encode())]
    names = {2: "quote", 3: "signature", 4: "ak.pub", 5: "ek.pub", 6: "ek.crt", 8: "bios.bin"}
    sections += [(kind, got[name]) for kind, name in names.items() if got.get(name)]
    if got.get("values"):
        sections.append((7, pcr_section(got["selection"].decode().strip(), got["values"])))
    if got.get("ima.bin"):
        sections.append((9, struct.pack("<H", 4) + got["ima.bin"]))
    sections.append((15, bytes.fromhex(nonce)))
    return b"RFEVID1\n" + b"".join(struct.pack("<II", k, len(b)) + b for k, b in sorted(sections, key=lambda s: s[0]))


def parts(evidence):
    """The sections of a container as the files that the lab would have had."""
    names = {2: "quote", 3: "signature", 4: "ak.pub", 5: "ek.pub", 6: "ek.crt", 7: "pcrs.txt"}
    at, found = 8, {}
    while at < len(evidence):
        kind, size = struct.unpack_from("<II", evidence, at)
        if kind in names:
            found.setdefault(names[kind], evidence[at + 8:at + 8 + size])
        at += 8 + size
    if "pcrs.txt" in found:
        found["pcrs.txt"] = pcr_text(found["pcrs.txt"])
    return found


def pcr_text(section):
    """The values in the way of tpm2_pcrread."""
    at, out, banks = 0, "", {alg: name for name, (alg, _) in ALGORITHMS.items()}
    last = None
    while at < len(section):
        alg, pcr, size = struct.unpack_from(">HBB", section, at)
        if alg != last:
            out, last = out + f"  {banks.get(alg, hex(alg))}:\n", alg
        out += f"    {pcr:<2}: 0x{section[at + 4:at + 4 + size].hex().upper()}\n"
        at += 4 + size
    return out.encode()


def forget(folder, name):
    """Nothing of an earlier boot of that name stays: an old file beside a new one would be a lie."""
    for old in glob.glob(os.path.join(glob.escape(folder), f"{glob.escape(name)}.*")):
        os.unlink(old)


def save(folder, name, got, meta):
    """Writes the files of a boot; NAME.json, which says that it was, is the last one."""
    own = got.get("evidence") if got.get("evidence.status", b"").strip() == b"0" else None
    got = {**got, **parts(own)} if own else got
    meta["evidence_by"] = "ringfence" if own else "lab"
    if got.get("evidence.log") and not own:
        meta["evidence_error"] = got["evidence.log"].decode("utf-8", "replace")[-300:]
    for part in [*KEPT, *(n for n in got if n.startswith("said."))]:
        if got.get(part) or part.startswith("said."):
            with open(os.path.join(folder, f"{name}.{part}"), "wb") as f:
                f.write(got[part])
    with open(os.path.join(folder, f"{name}.evidence"), "wb") as f:
        f.write(own or container(got, {"host": "lab-host", "tool": "lab", "tpm": "swtpm", "kernel": meta["kernel"]}, meta["nonce"]))
    with open(os.path.join(folder, f"{name}.json"), "w") as f:
        json.dump(meta, f, indent=1)
