# SPDX-License-Identifier: Apache-2.0
"""Goal: real measured boots, one for each kind of change, are told apart. lab/run boots one host again and again under QEMU; the
logs must explain the quoted PCRs, and exactly the registers of the table in lab/variants.py may differ from the base.

RINGFENCE_LAB=all boots every variant, RINGFENCE_LAB=base,mok,kernel+cmdline these, RINGFENCE_LAB=/DIR judges what an earlier run
left in DIR."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import time

import pytest

import measured
from conftest import EXE, ROOT, need

sys.path.insert(0, str(ROOT / "lab"))
import variants  # noqa: E402

TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/attest_tool")
# What fits CI: the first boot of the host and ten more, 15 to 30 s each on two quiet cores.
CHOSEN = ["base", "base#2", "grubcfg", "cmdline", "kernel", "no-secureboot+unsigned-module", "mok", "initrd", "no-tpm", "other-tpm"]
EVERYTHING = ["base", "base#2", *variants.ALL[1:]]
MODE = os.environ.get("RINGFENCE_LAB", "")
NAMES = EVERYTHING if MODE == "all" or "/" in MODE else MODE.split(",") if MODE else CHOSEN
BOOT_SECONDS = 400
PARTS_MISSING = 3
QUOTE, SIGNATURE, EK_PUBLIC, EK_CERT, PCRS, BOOT_LOG, IMA = 2, 3, 5, 6, 7, 8, 9


class Lab:
    """The folder of a run. A kernel that the archive no longer has is no failure of the product: those names skip."""

    def __init__(self, folder, said):
        self.folder, self.said = folder, said

    def meta(self, name):
        if name not in NAMES:
            pytest.skip(f"{name} is booted with RINGFENCE_LAB=all")
        path = self.folder / f"{file_name(name)}.json"
        if not path.exists():
            if "only one kernel" in self.said:
                pytest.skip("a second kernel: not here and not in the archive")
            pytest.fail(f"{name} was not booted:\n{self.said[-2000:]}")
        return json.loads(path.read_text())

    def evidence(self, name):
        self.meta(name)
        return measured.evidence(self.folder / f"{file_name(name)}.evidence")

    def pcrs(self, name):
        """What the quote proves: {bank: {pcr: bytes}}."""
        parts = self.evidence(name)
        return measured.complete(measured.quoted_pcrs(parts[PCRS][0]), measured.quote(parts[QUOTE][0]), parts[IMA][0][2:])


def file_name(name):
    return name.replace("#", "-")


def with_tpm(names):
    """Those that have a quote."""
    return [n for n in names if "no-tpm" not in n and "swapped-tpm" not in n]


def with_log(names):
    return [n for n in with_tpm(names) if "no-log" not in n]


def only_ima(name):
    """What IMA measured is judged by rules of the baseline, and these boots differ in nothing else."""
    expected = variants.reasons(name.split("#")[0])
    return expected and all(r.startswith("ima-") for r in expected)


def secure_boot(name):
    return "no-secureboot" not in name and "no-log" not in name


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    if "/" in MODE:
        yield Lab(pathlib.Path(MODE), "")
        return
    need("qemu-system-x86_64", "swtpm", "swtpm_setup", "mcopy", "mke2fs", "openssl")
    if not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.ms.fd"):
        pytest.skip("not on this machine: ovmf")
    folder = tmp_path_factory.mktemp("lab")
    done = subprocess.run([ROOT / "lab/run", *NAMES, "-o", folder, "--timeout", str(BOOT_SECONDS)], capture_output=True, text=True,
                          timeout=BOOT_SECONDS * (len(NAMES) + 1), env={**os.environ, "RINGFENCE": EXE})
    if done.returncode == PARTS_MISSING and not list(folder.glob("base.json")):
        pytest.skip("the lab's parts: " + done.stderr.strip()[-200:])
    yield Lab(folder, done.stdout + done.stderr)


def ringfence_json(*args, code=0):
    done = subprocess.run([EXE, *map(str, args)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", with_tpm(NAMES))
def test_the_quote_is_good(lab, name, tmp_path):
    """By the library, over the values with PCR 10, which evidence leaves to the IMA list."""
    nonce, parts, path = lab.meta(name)["nonce"], lab.evidence(name), tmp_path / "evidence"
    section = b"".join(struct.pack(">HBB", {v: k for k, v in measured.NAMES.items()}[bank], pcr, len(value)) + value
                       for bank, values in lab.pcrs(name).items() for pcr, value in sorted(values.items()))
    parts[PCRS] = [section]
    path.write_bytes(b"RFEVID1\n" + b"".join(struct.pack("<II", kind, len(body)) + body
                                             for kind, bodies in parts.items() for body in bodies))
    assert measured.quote(parts[QUOTE][0])[0].hex() == nonce
    good = subprocess.run([TOOL, "verify", path, nonce], capture_output=True, text=True, timeout=60)
    assert good.returncode == 0, good.stderr
    wrong = nonce[:-1] + ("0" if nonce[-1] != "0" else "1")
    refused = subprocess.run([TOOL, "verify", path, wrong], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "nonce" in refused.stderr


@pytest.mark.parametrize("name", with_log(NAMES))
def test_the_logs_explain_the_registers(lab, name):
    """By the second reader and by the product; in every bank."""
    sections, quoted = lab.evidence(name), lab.pcrs(name)
    replayed = measured.boot_replay(sections[BOOT_LOG][0])
    assert set(quoted) == set(replayed) == {"sha1", "sha256"}
    log = lab.folder / "log"
    log.write_bytes(sections[BOOT_LOG][0])
    told = ringfence_json("attest", "log", "-o", "json", log)["logs"][0]["pcrs"]
    for bank, values in quoted.items():
        assert set(range(16)) <= set(values), "16 and 23 can be reset by anyone"
        untouched = {pcr: bytes([0xFF if 17 <= pcr <= 22 else 0]) * len(values[0]) for pcr in values}
        assert {**untouched, **replayed[bank], 10: values[10]} == values
        assert {int(pcr): bytes.fromhex(v) for pcr, v in told[bank].items()} == replayed[bank]


@pytest.mark.parametrize("name", [n for n in with_tpm(NAMES) if n != "base"])
def test_only_the_registers_of_the_change_differ(lab, name):
    base, now = lab.pcrs("base"), lab.pcrs(name)
    expected = lab.meta(name)["pcrs"]
    for bank in ("sha1", "sha256"):
        assert sorted(p for p in base[bank] if now[bank][p] != base[bank][p]) == expected, bank


def changes(told):
    return {c["reason"] for c in told}, {p for c in told for p in c["pcrs"]}


@pytest.mark.parametrize("name", [n for n in with_log(NAMES) if n != "base"])
def test_the_difference_in_words(lab, name):
    """Every cause by its name and its registers, and nothing else. That IMA's first entry follows the others is no cause."""
    expected = variants.reasons(name.split("#")[0])
    pcrs = set(lab.meta(name)["pcrs"])
    if not any(r.startswith("ima-") for r in expected):
        pcrs -= {10}
    told = ringfence_json("attest", "diff", "-o", "json", lab.folder / "base.evidence", lab.folder / f"{file_name(name)}.evidence",
                          code=2 if expected else 0)
    assert changes(told["changes"]) == (expected, pcrs)
    assert told["words"].endswith("nothing else" if expected else "nothing changed")


def test_words_for_people(lab):
    """The sentence that an administrator reads first."""
    said = {}
    for name in ("base#2", "grubcfg", "cmdline", "kernel"):
        lab.meta(name)
        said[name] = subprocess.run([EXE, "attest", "diff", lab.folder / "base.evidence", lab.folder / f"{file_name(name)}.evidence"],
                                    capture_output=True, text=True, timeout=60).stdout.split("\n")[1].strip()
    assert said["base#2"] == "nothing changed"
    assert said["grubcfg"] == "grub.cfg changed; nothing else"
    assert said["cmdline"] == "kernel command line: added: mitigations=off; grub.cfg changed; nothing else"
    old, new = (lab.meta(n)["kernel"].removesuffix("-cloud-amd64") for n in ("base", "kernel"))
    assert said["kernel"].startswith(f"kernel {old} -> {new}; initrd changed; grub.cfg changed; ")


@pytest.fixture(scope="module")
def baseline(lab, tmp_path_factory):
    """The base boot, approved by name."""
    path = tmp_path_factory.mktemp("baseline") / "lab-host.yaml"
    done = subprocess.run([EXE, "attest", "baseline", "create", lab.folder / "base.evidence", "-o", path, "--nonce",
                           lab.meta("base")["nonce"], "--by", "A Tester", "--name", "first"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return path


def verify(lab, baseline, name, code):
    roots = lab.folder / "ek-roots"
    if not roots.exists():
        roots.mkdir()
        for pem in (lab.folder / "host/authority").glob("*cert.pem"):
            (roots / pem.name).write_bytes(pem.read_bytes())
    return ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", lab.meta(name)["nonce"], "--ek-roots",
                          roots, lab.folder / f"{file_name(name)}.evidence", code=code)


def verdict_of(name):
    """(verdict, exit status) that a boot must get against the baseline."""
    expected = variants.reasons(name.split("#")[0])
    if not expected:
        return "trusted", 0
    return ("warning", 0) if expected == {"revocation-list-changed"} else ("untrusted", 2)


@pytest.mark.parametrize("name", [n for n in with_log(NAMES) if not only_ima(n)])
def test_the_verdict(lab, baseline, name):
    """What was approved is trusted; each change is named; the only other words are about protections that are off now."""
    lab.meta(name)
    state, code = verdict_of(name)
    told = verify(lab, baseline, name, code)
    assert told["verdict"] == state and told["quote_proved"]
    grave = {r["reason"] for r in told["reasons"] if r["effect"] != "note"}
    expected = {r for r in variants.reasons(name.split("#")[0]) if not r.startswith("ima-")}
    off = set() if secure_boot(name) else {"secure-boot-off", "lockdown-off"}
    assert grave - {"other-ak"} == expected | off
    assert "ek-not-verified" not in {r["reason"] for r in told["reasons"]}, "the authority was given"


@pytest.mark.parametrize("name, reason", [("no-tpm", "no-tpm"), ("swapped-tpm", "evidence-missing"), ("no-log", "log-missing")])
def test_what_cannot_be_judged_is_never_trusted(lab, baseline, name, reason):
    told = verify(lab, baseline, name, 1)
    assert reason in {r["reason"] for r in told["reasons"]}, told["reasons"]


def test_a_forged_pair_is_refused(lab, baseline, tmp_path):
    """The log of a good boot beside the quote of another: each is genuine, together they are a lie."""
    good, bad = lab.evidence("base"), lab.evidence("cmdline")
    bad[BOOT_LOG] = good[BOOT_LOG]
    path = tmp_path / "forged"
    path.write_bytes(b"RFEVID1\n" + b"".join(struct.pack("<II", kind, len(body)) + body
                                             for kind, bodies in bad.items() for body in bodies))
    told = ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", lab.meta("cmdline")["nonce"], path,
                          code=2)
    assert told["verdict"] == "untrusted"
    assert "pcr-not-explained-by-log" in {r["reason"] for r in told["reasons"]}, told["reasons"]


def test_old_evidence_does_not_answer_a_new_question(lab, baseline):
    told = ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", lab.meta("grubcfg")["nonce"],
                          lab.folder / "base.evidence", code=2)
    assert "nonce-wrong" in {r["reason"] for r in told["reasons"]}


def test_the_host_stays_the_same_one(lab):
    """EK and its certificate are the same from boot to boot, and the certificate is for this EK."""
    store = sorted((lab.folder / "host/authority").glob("*cert.pem"))
    pem = lab.folder / "roots.pem"
    pem.write_bytes(b"".join(p.read_bytes().rstrip(b"\n") + b"\n" for p in store))
    first = lab.evidence("base")
    for name in with_tpm(NAMES):
        now = lab.evidence(name)
        assert (now[EK_PUBLIC] == first[EK_PUBLIC]) == (name != "other-tpm"), name
        for part, kind in (("cert", EK_CERT), ("ek", EK_PUBLIC)):
            (lab.folder / part).write_bytes(now[kind][0])
        done = subprocess.run([TOOL, "ekcert", pem, lab.folder / "cert", lab.folder / "ek", str(int(time.time()))],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "manufacturer=" in done.stdout, f"{name}: {done.stderr}"



def test_a_host_without_its_chip(lab):
    """IMA goes on and says so with an aggregate of zeros; there is no quote and no boot log to judge."""
    sections = lab.evidence("no-tpm")
    assert QUOTE not in sections and BOOT_LOG not in sections and SIGNATURE not in sections
    assert "no TPM" in lab.meta("no-tpm")["evidence_error"]
    _, _, body = next(iter(measured.ima_entries(sections[IMA][0][2:])))
    assert body[4:].startswith(b"sha256:\0" + bytes(20)), body[:60]


def test_lockdown_follows_secure_boot(lab):
    for name in NAMES:
        expected = "[integrity]" if secure_boot(name) else "[none]"
        assert expected in lab.meta(name)["lockdown"], name


@pytest.mark.parametrize("name", ["unsigned-module", "no-secureboot+unsigned-module"])
def test_an_unsigned_module(lab, name):
    """Measured before it is judged; refused under lockdown, else in the kernel with the taints O (4096) and E (8192)."""
    taint = 4096 + 8192 if "no-secureboot" in name else 0
    assert int(lab.meta(name)["tainted"]) == taint
    assert any(p.endswith("/dkms/dummy.ko") for p in measured.ima_paths(lab.evidence(name)[IMA][0][2:]))
    assert not any(p.endswith("/dkms/dummy.ko") for p in measured.ima_paths(lab.evidence("base")[IMA][0][2:]))


def test_the_list_of_variants_is_whole():
    out = subprocess.run([ROOT / "lab/run", "--list"], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0 and all(v.name in out.stdout for v in variants.VARIANTS)


@pytest.mark.parametrize("args, said", [([], "VARIANT"), (["nonsense", "-o", "x"], "nonsense"), (["base"], "-o")])
def test_wrong_usage_is_told(args, said):
    out = subprocess.run([ROOT / "lab/run", *args], capture_output=True, text=True, timeout=60)
    assert out.returncode == 2 and said in out.stderr
