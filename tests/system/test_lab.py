# SPDX-License-Identifier: Apache-2.0
"""Goal: real measured boots, one for each kind of change, are told apart. lab/run boots one host again and again under QEMU; the
logs must explain the quoted PCRs, and exactly the registers of the table in lab/variants.py may differ from the base. What was
predicted must come true, and what ringfence says inside the host must be right.

RINGFENCE_LAB=all boots every variant, RINGFENCE_LAB=base,mok,kernel+cmdline these, RINGFENCE_LAB=/DIR judges what an earlier run
left in DIR."""
import argparse
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

import pytest

import measured
from conftest import EXE, ROOT, need

sys.path.insert(0, str(ROOT / "lab"))
import disk as lab_disk  # noqa: E402
import packages as lab_packages  # noqa: E402
import unified as lab_unified  # noqa: E402
import variants  # noqa: E402

TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/attest_tool")
# What fits CI; lab/README.md says why these.
CHOSEN = ["base", "pending", "kernel", "cmdline", "no-secureboot+unsigned-module", "mok", "initrd", "no-tpm", "other-tpm", "uki"]
EVERYTHING = ["base", "base#2", *variants.ALL[1:]]
MODE = os.environ.get("RINGFENCE_LAB", "")
EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003
NAMES = EVERYTHING if MODE == "all" or "/" in MODE else MODE.split(",") if MODE else CHOSEN
BOOT_SECONDS = 600
NOTHING_BOOTED = 3
QUOTE, SIGNATURE, AK_PUBLIC, EK_PUBLIC, EK_CERT, PCRS, BOOT_LOG, IMA, FILES = 2, 3, 4, 5, 6, 7, 8, 9, 13


class Lab:
    """The folder of a run. A kernel that the archive no longer has is no failure of the product: those names skip."""

    def __init__(self, folder, said):
        self.folder, self.said = folder, said
        told = folder / "run.json"
        self.skipped = json.loads(told.read_text())["skipped"] if told.exists() else {}

    def meta(self, name):
        if name not in NAMES:
            pytest.skip(f"{name} is booted with RINGFENCE_LAB=all")
        if name in self.skipped:
            pytest.skip(f"{name}: {self.skipped[name]}")
        path = self.folder / f"{file_name(name)}.json"
        if not path.exists() and "/" in MODE:
            pytest.skip(f"{name} is not in {MODE}")
        if not path.exists():
            pytest.fail(f"{name} was not booted:\n{self.said[-2000:]}")
        return json.loads(path.read_text())

    def host_said(self, name, command):
        """(exit status, text) of a command of ringfence inside the host."""
        self.meta(name)
        stem = str(self.folder / f"{file_name(name)}.said.{command}")
        return int(open(stem + ".status").read()), open(stem, encoding="utf-8").read()

    def host_said_json(self, name, command):
        status, text = self.host_said(name, command)
        return status, json.loads(text)

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
    return [n for n in names if "no-tpm" not in n]


def with_log(names):
    return [n for n in with_tpm(names) if "no-log" not in n]


def only_ima(name):
    """What IMA measured is judged by rules of the baseline, and these boots differ in nothing else."""
    expected = variants.reasons(name.split("#")[0])
    return expected and all(r.startswith("ima-") for r in expected)


def unified(name):
    """A host of another kind: it is compared with itself."""
    return name.startswith("uki")


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
    if done.returncode == NOTHING_BOOTED:
        pytest.skip("the lab's parts: " + done.stderr.strip()[-200:])
    yield Lab(folder, done.stdout + done.stderr)


def ringfence_json(*args, code=0):
    done = subprocess.run([EXE, *map(str, args)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def write_evidence(path, parts):
    path.write_bytes(b"RFEVID1\n" + b"".join(struct.pack("<II", kind, len(body)) + body
                                             for kind, bodies in parts.items() for body in bodies))
    return path


@pytest.mark.parametrize("name", with_tpm(NAMES))
def test_the_quote_is_good(lab, name, tmp_path):
    """By the library, over the values with PCR 10, which evidence leaves to the IMA list."""
    nonce, parts, path = lab.meta(name)["nonce"], lab.evidence(name), tmp_path / "evidence"
    section = b"".join(struct.pack(">HBB", {v: k for k, v in measured.NAMES.items()}[bank], pcr, len(value)) + value
                       for bank, values in lab.pcrs(name).items() for pcr, value in sorted(values.items()))
    parts[PCRS] = [section]
    write_evidence(path, parts)
    assert measured.quote(parts[QUOTE][0])[0].hex() == nonce
    good = subprocess.run([TOOL, "verify", path, nonce], capture_output=True, text=True, timeout=180)
    assert good.returncode == 0, good.stderr
    wrong = nonce[:-1] + ("0" if nonce[-1] != "0" else "1")
    refused = subprocess.run([TOOL, "verify", path, wrong], capture_output=True, text=True, timeout=180)
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


@pytest.mark.parametrize("name", [n for n in with_log(NAMES) if n != "base" and not unified(n)])
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
    for name in ("pending", "initrd", "cmdline", "kernel"):
        lab.meta(name)
        said[name] = subprocess.run([EXE, "attest", "diff", lab.folder / "base.evidence", lab.folder / f"{file_name(name)}.evidence"],
                                    capture_output=True, text=True, timeout=180).stdout
        # The sentence, over as many lines as it takes.
        said[name] = " ".join(said[name].split("\n\n")[0].split("\n", 1)[1].split())
    assert said["pending"] == "nothing changed"
    assert said["initrd"].startswith("initrd changed; ") and said["initrd"].endswith("nothing else")
    assert said["cmdline"] == "kernel command line: added: mitigations=off (protection from flaws of the processor); grub.cfg changed; nothing else"
    old, new = (lab.meta(n)["kernel"].removesuffix("-cloud-amd64") for n in ("base", "kernel"))
    assert said["kernel"].startswith(f"kernel {old} -> {new}; initrd changed; grub.cfg changed; ")


def baseline_of(lab, folder):
    """The base boot, approved by name."""
    path = folder / "lab-host.yaml"
    if not path.exists():
        done = subprocess.run([EXE, "attest", "baseline", "create", lab.folder / "base.evidence", "-o", path, "--nonce",
                               lab.meta("base")["nonce"], "--by", "A Tester", "--name", "first"], capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def baseline(lab, tmp_path_factory):
    return baseline_of(lab, tmp_path_factory.mktemp("baseline"))


def ek_roots(lab):
    """The certificates of the authority that signed the lab's chips."""
    roots = lab.folder / "ek-roots"
    roots.mkdir(exist_ok=True)
    for pem in (lab.folder / "host/authority").glob("*cert.pem"):
        (roots / pem.name).write_bytes(pem.read_bytes())
    return roots


def verify(lab, baseline, name, code):
    return ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", lab.meta(name)["nonce"], "--ek-roots",
                          ek_roots(lab), lab.folder / f"{file_name(name)}.evidence", code=code)


def verdict_of(name):
    """(verdict, exit status) that a boot must get against the baseline."""
    expected = variants.reasons(name.split("#")[0])
    if not expected:
        return "trusted", 0
    return ("warning", 0) if expected == {"revocation-list-changed"} else ("untrusted", 2)


@pytest.mark.parametrize("name", [n for n in with_log(NAMES) if not only_ima(n) and not unified(n)])
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


@pytest.mark.parametrize("name, reason", [("no-tpm", "no-tpm"), ("no-log", "log-missing")])
def test_what_cannot_be_judged_is_never_trusted(lab, baseline, name, reason):
    told = verify(lab, baseline, name, 1)
    assert reason in {r["reason"] for r in told["reasons"]}, told["reasons"]


# Pieces of evidence that are genuine each, and a lie together: what comes from another boot, and what must be said of it.
FORGERIES = {
    "a good log beside the quote of a changed boot": ("cmdline", "base", [BOOT_LOG], "pcr-not-explained-by-log"),
    "good values beside the quote of a changed boot": ("cmdline", "base", [PCRS], "quote-forged"),
    "log, values and list of a good boot beside another's quote": ("cmdline", "base", [BOOT_LOG, PCRS, IMA], "ima-list-does-not-explain-pcr"),
    "the quote of a good boot beside a changed one's key": ("other-tpm", "base", [QUOTE, SIGNATURE], "quote-forged"),
    "the signature of another quote": ("cmdline", "base", [SIGNATURE], "quote-forged"),
    "the key of another chip": ("base", "other-tpm", [AK_PUBLIC], "quote-forged"),
    "the list of a boot without the planted module": ("no-secureboot+unsigned-module", "base", [IMA], "ima-list-does-not-explain-pcr"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_pair_is_refused(lab, baseline, tmp_path, what):
    """Each part is genuine, together they are a lie."""
    own, other, kinds, reason = FORGERIES[what]
    parts, lent = lab.evidence(own), lab.evidence(other)
    parts.update({kind: lent[kind] for kind in kinds})
    quoted = measured.quote(parts[QUOTE][0])[0].hex()
    told = ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", quoted,
                          write_evidence(tmp_path / "forged", parts), code=2)
    assert told["verdict"] == "untrusted"
    assert reason in {r["reason"] for r in told["reasons"]}, told["reasons"]


@pytest.mark.parametrize("with_certificate", [False, True])
def test_another_chip_in_the_host(lab, baseline, with_certificate, tmp_path):
    """The same boot by another TPM, as when the board was changed or somebody answers in the host's place. Its own certificate by
    the same authority does not help, and neither does the certificate of the chip that was enrolled."""
    parts = lab.evidence("other-tpm")
    if with_certificate:
        parts.update({kind: lab.evidence("base")[kind] for kind in (EK_PUBLIC, EK_CERT)})
    path = write_evidence(tmp_path / "evidence", parts)
    told = ringfence_json("attest", "verify", "-o", "json", "--baseline", baseline, "--nonce", lab.meta("other-tpm")["nonce"],
                          "--ek-roots", ek_roots(lab), path, code=2)
    grave = {r["reason"] for r in told["reasons"] if r["effect"] == "untrusted"}
    assert grave & {"other-tpm", "other-ak"}, told["reasons"]
    assert "boot-loader-file-changed" not in grave, "the boot is the approved one"


def test_older_evidence_is_refused(lab, tmp_path):
    """The host was restarted and showed its new boot; what it showed before counts no more."""
    def remembered(name, code):
        return ringfence_json("attest", "verify", "-o", "json", "--remember", "--state-dir", tmp_path, "--nonce",
                              lab.meta(name)["nonce"], "--baseline", baseline_of(lab, tmp_path), lab.folder / f"{name}.evidence",
                              code=code)
    assert remembered("base", 0)["verdict"] == "trusted"
    assert remembered("pending", 0)["verdict"] == "trusted"
    assert "evidence-replayed" in {r["reason"] for r in remembered("base", 2)["reasons"]}


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
        assert (now[EK_PUBLIC] == first[EK_PUBLIC]) == (name not in ("other-tpm", "swapped-tpm")), name
        for part, kind in (("cert", EK_CERT), ("ek", EK_PUBLIC)):
            (lab.folder / part).write_bytes(now[kind][0])
        done = subprocess.run([TOOL, "ekcert", pem, lab.folder / "cert", lab.folder / "ek", str(int(time.time()))],
                              capture_output=True, text=True, timeout=180)
        assert done.returncode == 0 and "manufacturer=" in done.stdout, f"{name}: {done.stderr}"



def test_a_host_without_its_chip(lab):
    """IMA goes on and says so with an aggregate of zeros; there is no quote and no boot log to judge."""
    sections = lab.evidence("no-tpm")
    assert QUOTE not in sections and BOOT_LOG not in sections and SIGNATURE not in sections
    assert "no TPM" in lab.meta("no-tpm")["evidence_error"]
    _, _, body = next(iter(measured.ima_entries(sections[IMA][0][2:])))
    assert body[4:].startswith(b"sha256:\0" + bytes(20)), body[:60]


# ---- a prediction, and what became of it ----

def predicted_pcrs(text):
    """{pcr: bytes} of the screen of `attest baseline predict`, in SHA-256."""
    return {int(pcr): bytes.fromhex(value) for pcr, value in re.findall(r"^  PCR (\d+) +([0-9a-f]{64})  ", text, re.M)}


def test_the_prediction_comes_true(lab):
    """Made inside the host after the update and before the restart, in every register that the boot chain measures."""
    status, text = lab.host_said("pending", "predict")
    base, now = lab.pcrs("base")["sha256"], lab.pcrs("kernel")["sha256"]
    assert status == 0
    assert predicted_pcrs(text) == {pcr: now[pcr] for pcr in now if now[pcr] != base[pcr] and pcr != 10}
    assert set(predicted_pcrs(text)) == {4, 8, 9}
    assert re.findall(r"^note: (.{13})", text, re.M) == ["programs that"], "nothing else was left open:\n" + text


def test_the_predicted_boot_is_trusted_once_approved(lab, tmp_path):
    """The next boot is no surprise to somebody who was told, and it alone."""
    lab.meta("kernel")
    path = tmp_path / "predicted.yaml"
    path.write_bytes((lab.folder / "pending.predicted.yaml").read_bytes())
    assert verify(lab, path, "kernel", 2)["verdict"] == "untrusted"
    done = subprocess.run([EXE, "attest", "baseline", "approve", path, "the update", "--by", "A Tester"], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    told = verify(lab, path, "kernel", 0)
    assert told["verdict"] == "trusted" and not [r for r in told["reasons"] if r["effect"] != "note"]
    assert verify(lab, path, "base", 0)["verdict"] == "trusted", "the old kernel may still be booted"
    assert verify(lab, path, "cmdline", 2)["verdict"] == "untrusted"


# ---- a unified kernel image ----

def extended(parts, bank="sha256"):
    """The register that these measurements give."""
    value = bytes(hashlib.new(bank).digest_size)
    for part in parts:
        value = hashlib.new(bank, value + hashlib.new(bank, part).digest()).digest()
    return value


def unified_pcrs(kernel, initramfs, command_line):
    """{pcr: bytes} by systemd's documents: name and contents of each section, and what the stub hands on."""
    sections = {".linux": pathlib.Path(kernel.image).read_bytes(), ".osrel": lab_unified.OS_RELEASE,
                ".cmdline": command_line.encode() + b"\0", ".initrd": initramfs}
    wide = (command_line + "\0").encode("utf-16-le")
    return {9: extended([wide, initramfs]), 11: extended(p for n, body in sections.items() for p in (n.encode() + b"\0", body)),
            12: extended([wide])}


def test_a_unified_image_is_predicted(lab):
    """The registers of the boot are those of the documents; so are the ones that were predicted inside the host for the update."""
    now = lab.pcrs("uki")["sha256"]
    settings, _ = variants.parse("uki")
    older, newer = lab_packages.kernels(lab_packages.cache_dir())
    assert lab.meta("uki")["kernel"] == older.release
    expected, next_boot = (unified_pcrs(k, lab_disk.initramfs(k, settings.initrd_note), settings.command_line) for k in (older, newer))
    assert {pcr: now[pcr] for pcr in expected} == expected
    status, text = lab.host_said("uki", "predict")
    told = predicted_pcrs(text)
    assert status == 0 and set(told) == {4, 9, 11}
    assert (told[9], told[11]) == (next_boot[9], next_boot[11]) and next_boot[12] == now[12]
    assert re.findall(r"^note: (.{13})", text, re.M) == ["programs that"], "nothing else was left open:\n" + text


def test_the_predicted_image_boots(lab, tmp_path):
    """Register by register, and trusted once approved."""
    now, path = lab.pcrs("uki+kernel")["sha256"], tmp_path / "predicted.yaml"
    _, text = lab.host_said("uki", "predict")
    told = predicted_pcrs(text)
    assert {pcr: now[pcr] for pcr in told} == told
    path.write_bytes((lab.folder / "uki.predicted.yaml").read_bytes())
    assert verify(lab, path, "uki", 0)["verdict"] == "trusted"
    assert verify(lab, path, "uki+kernel", 2)["verdict"] == "untrusted"
    subprocess.run([EXE, "attest", "baseline", "approve", path, "the update", "--by", "A Tester"], check=True, timeout=120)
    assert verify(lab, path, "uki+kernel", 0)["verdict"] == "trusted"


# ---- what ringfence says inside the host ----

STATUS_PARTS = {"tpm", "chip", "sha256", "measured_boot", "boot_log", "secure_boot", "lockdown", "modules", "ima", "baseline"}
UNPROTECTED = "no-secureboot+unsigned-module"


@pytest.mark.parametrize("name, bad", [("pending", set()), ("cmdline", {"baseline"}),
                                       (UNPROTECTED, {"secure_boot", "lockdown", "modules", "baseline"})])
def test_status_inside_the_host(lab, name, bad):
    status, told = lab.host_said_json(name, "status")
    assert status == 0 and {p["part"] for p in told["parts"]} == STATUS_PARTS
    assert {p["part"] for p in told["parts"] if p["state"] != "good"} == bad
    assert all(p["next"] for p in told["parts"] if p["state"] != "good")


def test_status_without_the_chip(lab):
    _, told = lab.host_said_json("no-tpm", "status")
    states = {p["part"]: p["state"] for p in told["parts"]}
    assert states["tpm"] == "bad" and states["secure_boot"] == states["lockdown"] == "good"


def test_the_screens_inside_the_host(lab):
    """In words that an administrator reads; the host was approved a moment before."""
    status, text = lab.host_said("base", "status.screen")
    assert status == 0 and "This host measures its boot into a TPM, from the firmware to the kernel." in text
    assert "10 of 10 as it should be" in text
    status, text = lab.host_said("base", "modules.screen")
    assert status == 0 and " 0 of them worth a look" in text
    status, text = lab.host_said("base", "explain.screen")
    assert status == 0 and "TRUSTED   this machine, which calls itself lab-host" in text
    assert re.search(r"^PCR 9 .*as approved, 3 events$", text, re.M)


@pytest.mark.parametrize("name, verdict, code", [("pending", "trusted", 0), ("cmdline", "untrusted", 2), (UNPROTECTED, "untrusted", 2)])
def test_explain_live_says_what_evidence_says(lab, baseline, name, verdict, code):
    """The host judges itself against what was approved at its first boot, and finds what another machine finds."""
    status, told = lab.host_said_json(name, "explain")
    assert (status, told["verdict"], told["compared_with_baseline"]) == (code, verdict, True)
    elsewhere = verify(lab, baseline, name, code)
    assert {(r["reason"], tuple(r["pcrs"])) for r in told["reasons"] if r["effect"] != "note"} == \
           {(r["reason"], tuple(r["pcrs"])) for r in elsewhere["reasons"] if r["effect"] != "note"}
    here = {p["pcr"]: p["value"] for p in told["pcrs"] if p["pcr"] != 10}
    assert here == {p["pcr"]: p["value"] for p in elsewhere["pcrs"] if p["pcr"] != 10}


def test_explain_live_without_the_chip(lab):
    status, told = lab.host_said_json("no-tpm", "explain")
    assert (status, told["verdict"], told["quote_proved"]) == (1, "cannot judge", False)
    assert "no-tpm" in {r["reason"] for r in told["reasons"]}


def test_a_cell_of_cpus_inside_the_host(lab):
    """cgroup v2 of a stock kernel: the kernel keeps a program of the host off the VMs' CPUs, and lets it come back."""
    def look(when):
        partition, host, vm = lab.host_said("no-tpm", f"cell.{when}")[1].split("\n")[:3]
        return partition, host.split()[1], vm.split()[1]
    assert look("before") == ("member", "0-1", "0-1")
    status, text = lab.host_said("no-tpm", "cell.plan")
    assert status == 2 and "cpuset.cpus.partition" in text, text
    assert lab.host_said("no-tpm", "cell.apply")[0] == 0
    assert look("applied") == ("root", "0", "1")
    _, told = lab.host_said_json("no-tpm", "cell.verify")
    promise, = [p for p in told["promises"] if p["subject"] == "this host cpu"]
    assert promise["configured"] and promise["enforced"] and promise["proven"], promise
    status, text = lab.host_said("no-tpm", "cell.again")
    assert status == 0 and "Nothing to change" in text, text
    assert lab.host_said("no-tpm", "cell.rollback")[0] == 0
    assert look("undone") == ("member", "0-1", "0-1")


@pytest.mark.parametrize("name", ["pending", UNPROTECTED])
def test_modules_inside_the_host(lab, name):
    """All that the kernel has loaded; the planted one stands out, and it alone."""
    status, told = lab.host_said_json(name, "modules")
    loaded = {line.split()[0] for line in (lab.folder / f"{name}.modules").read_text().splitlines()}
    planted = {"dummy"} if name == UNPROTECTED else set()
    assert {m["name"] for m in told["modules"]} == loaded and planted <= loaded
    assert {m["name"] for m in told["modules"] if m["worry"]} == planted
    assert {m["name"] for m in told["modules"] if m["signed"] != "yes"} == planted
    assert status == (2 if planted else 0)


def test_a_path_is_named_for_each_digest(lab):
    """/boot is mounted in the host: each program and file that was measured is found there by its digest."""
    parts = lab.evidence("base")
    files = json.loads(parts[FILES][0])
    flat = {f["sha256"]: f["path"] for f in files}
    programs = {f["authenticode"]["sha256"]: f["path"] for f in files if "authenticode" in f}
    release = lab.meta("base")["kernel"]
    found = {4: set(), 9: set()}
    for pcr, kind, digests, _ in measured.boot_events(parts[BOOT_LOG][0]):
        if pcr == 4 and kind == EV_EFI_BOOT_SERVICES_APPLICATION:
            found[4].add(programs[digests["sha256"].hex()])
        if pcr == 9:
            found[9].add(flat[digests["sha256"].hex()])
    assert found[4] == {"/boot/EFI/BOOT/BOOTX64.EFI", "/boot/EFI/BOOT/grubx64.efi", f"/boot/vmlinuz-{release}"}
    assert found[9] == {"/boot/EFI/debian/grub.cfg", f"/boot/vmlinuz-{release}", f"/boot/initrd.img-{release}"}


# ---- the lab itself ----

class FakeHost:
    """Boots nothing. What it was told to do with a name: an exception, or what the host sent."""

    def __init__(self, behaviour):
        self.behaviour, self.order = behaviour, []

    def make_tpm(self, name):
        pass

    def boot(self, name, settings, nonce, timeout, console):
        self.order.append(name)
        if isinstance(self.behaviour.get(name), Exception):
            raise self.behaviour[name]
        return {"bios.bin": b"log"}, {"name": name, "kernel": "1", "nonce": nonce, "seconds": 1.0}


def lab_run(tmp_path, names, behaviour):
    """(exit status, run.json, order of the boots) of lab/run's own logic."""
    loader = importlib.machinery.SourceFileLoader("lab_run", str(ROOT / "lab/run"))
    program = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_run", loader))
    loader.exec_module(program)
    host = FakeHost(behaviour(program))
    options = argparse.Namespace(output=str(tmp_path), nonce=None, timeout=1, jobs=2)
    boots = program.Run(host, options)
    boots.all([(name, *variants.parse(name.split("#")[0])) for name in names])
    return boots.status(), json.loads((tmp_path / "run.json").read_text()), host.order


def test_one_variant_that_cannot_be_had_does_not_stop_the_others(tmp_path):
    old = tmp_path / "kernel.evidence"
    old.write_bytes(b"of an earlier run")
    code, told, order = lab_run(tmp_path, ["kernel", "base", "mok"], lambda p: {"kernel": p.Missing("no other kernel")})
    assert code == 4 and told["skipped"] == {"kernel": "no other kernel"} and set(told["booted"]) == {"base", "mok"}
    assert order[0] == "base", "the others start from it"
    assert not old.exists() and (tmp_path / "mok.evidence").exists()


def test_a_boot_that_fails_is_named_and_the_others_go_on(tmp_path):
    code, told, _ = lab_run(tmp_path, ["base", "mok", "kernel", "dbx"], lambda p: {
        "mok": p.machine.BootFailed("no answer"), "dbx": subprocess.CalledProcessError(1, "mcopy"), "kernel": p.Missing("none")})
    assert code == 1 and set(told["failed"]) == {"mok", "dbx"} and set(told["skipped"]) == {"kernel"} and told["booted"] == ["base"]


def test_nothing_that_could_be_booted_is_said_too(tmp_path):
    code, told, _ = lab_run(tmp_path, ["kernel"], lambda p: {"kernel": p.Missing("none")})
    assert code == 3 and not told["booted"]


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
    out = subprocess.run([ROOT / "lab/run", "--list"], capture_output=True, text=True, timeout=180)
    assert out.returncode == 0 and all(v.name in out.stdout for v in variants.VARIANTS)


@pytest.mark.parametrize("args, said", [([], "VARIANT"), (["nonsense", "-o", "x"], "nonsense"), (["base"], "-o")])
def test_wrong_usage_is_told(args, said):
    out = subprocess.run([ROOT / "lab/run", *args], capture_output=True, text=True, timeout=180)
    assert out.returncode == 2 and said in out.stderr
