# SPDX-License-Identifier: Apache-2.0
"""Goal: `attest status` says in plain words what a host has, what is missing and the next step; `modules` who signed what and what
differs from the boot before. Hosts are folders."""
import json
import os
import subprocess

import pytest

from conftest import EXE, need, ringfence
from test_attest_log import EV_SEPARATOR, boot_log, sha

RELEASE = "6.1.0-55-amd64"
MODULES = f"/lib/modules/{RELEASE}"
DIGEST = bytes(32)


class Host:
    def __init__(self, folder):
        self.folder = folder
        self.file("/.ringfence/probe/uname", f"web-3\n{RELEASE}\n#1\nx86_64\n")
        self.file("/.ringfence/probe/identity", "euid 0\nhas_caps 1\n")
        self.file("/etc/os-release", "ID=debian\nVERSION_ID=12\n")
        self.file("/proc/cpuinfo", "processor : 0\nvendor_id : GenuineIntel\nflags : fpu\n")
        self.file("/proc/version", "Linux\n")
        self.file("/sys/kernel/security/lsm", "lockdown,yama\n")

    def file(self, path, content):
        full = self.folder / path.lstrip("/")
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def tpm(self, log=True, loader=True):
        self.file("/sys/class/tpm/tpm0/tpm_version_major", "2\n")
        self.file("/dev/tpmrm0", "")
        self.file("/.ringfence/probe/tpm", "manufacturer IFX\nvendor SLB9670\nfirmware 7.85.1.0\nsoftware 0\nlocked_out 0\n"
                  "owner_auth 0\nlockout_auth 0\nek_certificate RSA-2048 1200\n")
        events = [(p, EV_SEPARATOR, bytes(4), bytes(4)) for p in range(8)]
        events += [(8, 13, b"linux /vmlinuz", b"grub_cmd: linux /vmlinuz\0")] if loader else []
        values = {p: bytes(32) for p in range(24)}
        for pcr, _, hashed, _ in events:
            values[pcr] = sha(values[pcr] + sha(hashed))
        for pcr in range(17, 23):
            values[pcr] = b"\xff" * 32
        for pcr, value in values.items():
            self.file(f"/sys/class/tpm/tpm0/pcr-sha256/{pcr}", value.hex().upper() + "\n")
        if log:
            self.file("/sys/kernel/security/tpm0/binary_bios_measurements", boot_log(events))
        return values

    def modules(self, *lines, boot="one"):
        self.file("/proc/modules", "".join(f"{name} 100 0 - Live 0x0\n" for name, _ in lines))
        self.file(f"/boot/config-{RELEASE}", "CONFIG_MODULE_SIG=y\n")
        self.file(f"{MODULES}/modules.dep", "".join(f"kernel/{name}.ko:\n" for name, _ in lines))
        for name, taint in lines:
            self.file(f"/sys/module/{name}/taint", taint + "\n")
            self.file("/.ringfence/probe/module-tail/" + f"{MODULES}/kernel/{name}.ko".replace("/", "%2F"), b"\x7fELF")
        self.file("/proc/sys/kernel/random/boot_id", boot + "\n")

    def status(self):
        r = ringfence("attest", "status", "--from", self.folder, "-o", "json")
        assert r.code == 0, r.err
        doc = r.json()
        return doc["conclusion"], {p["part"]: p for p in doc["parts"]}


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path / "host")


def test_no_tpm_says_what_to_do(host):
    words, parts = host.status()
    assert words == "This host cannot prove what it booted: it has no TPM."
    assert parts["tpm"]["state"] == "bad"
    for word in ("PTT", "fTPM", "firmware set-up", "module"):
        assert word in parts["tpm"]["next"]
    assert "boot_log" not in parts, "what needs a TPM is not asked without one"


def test_a_vm_is_told_how_to_get_one(host):
    host.file("/proc/cpuinfo", "processor : 0\nvendor_id : GenuineIntel\nflags : fpu hypervisor\n")
    _, parts = host.status()
    assert "<tpm model='tpm-crb'>" in parts["tpm"]["next"] and "swtpm" in parts["tpm"]["next"]


def test_a_static_root(host):
    host.tpm()
    words, parts = host.status()
    assert "from the firmware to the kernel" in words
    assert parts["measured_boot"]["state"] == "good" and "register 8" in parts["measured_boot"]["seen"]
    assert parts["boot_log"]["state"] == "good"
    assert parts["tpm"]["seen"].startswith("TPM 2.0, Infineon SLB9670")
    assert parts["baseline"]["state"] == "bad" and "baseline create" in parts["baseline"]["next"]


def test_a_dynamic_launch(host):
    host.tpm()
    host.file("/sys/class/tpm/tpm0/pcr-sha256/19", "AA" * 32 + "\n")
    words, parts = host.status()
    assert "TXT" in words and "register 19" in parts["measured_boot"]["seen"]


def test_only_the_firmware_measures(host):
    host.tpm(loader=False)
    words, parts = host.status()
    assert "only its firmware" in words
    assert parts["measured_boot"]["state"] == "partly" and "GRUB" in parts["measured_boot"]["next"]


def test_a_log_that_does_not_explain(host):
    host.tpm()
    host.file("/sys/class/tpm/tpm0/pcr-sha256/4", "AA" * 32 + "\n")
    _, parts = host.status()
    assert parts["boot_log"]["state"] == "bad" and "PCR 4" in parts["boot_log"]["seen"]


def test_no_log(host):
    host.tpm(log=False)
    _, parts = host.status()
    assert parts["boot_log"]["state"] == "bad" and parts["boot_log"]["next"]


def test_each_part_that_is_not_good_has_a_next_step_or_a_reason(host):
    for tpm in (False, True):
        if tpm:
            host.tpm()
        for part in host.status()[1].values():
            assert part["seen"]
            assert part["state"] in ("good", "unknown") or part["next"], part


TPM_PARTS = {"tpm", "chip", "measured_boot", "boot_log"}
BOOT_PARTS = {"sha256", "secure_boot", "lockdown", "modules"}


def killed_at(host, path, *command):
    """The command, where each of its processes dies that touches this file of the host."""
    need("strace")
    return subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-P", f"{host.folder}{path}", "-e", "trace=%file", "-e",
                           "inject=%file:signal=KILL", EXE, *command, "--from", str(host.folder)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("path, parts", [
    ("/sys/class/tpm/tpm0/tpm_version_major", TPM_PARTS | BOOT_PARTS | {"ima", "baseline"}),
    ("/proc/modules", BOOT_PARTS),
    ("/sys/class/tpm/tpm0/pcr-sha256/0", TPM_PARTS),
])
def test_what_was_not_seen_to_its_end_is_never_good(host, path, parts):
    """A collector that dies leaves a question, with the reason, and no half an answer."""
    host.tpm()
    host.modules(("a", ""))
    r = killed_at(host, path, "attest", "status", "-o", "json")
    assert r.returncode == 0, r.stderr
    told = {p["part"]: p for p in json.loads(r.stdout)["parts"]}
    assert {part for part in parts if told[part]["state"] != "unknown"} == set()
    for part in parts:
        assert "ended by itself (signal 9)" in told[part]["seen"], told[part]
    screen = killed_at(host, path, "attest", "status").stdout
    assert "could not be seen" in screen.splitlines()[0] or "tpm" not in parts
    assert screen.count("  ? ") == sum(p["state"] == "unknown" for p in told.values())


def test_a_host_that_was_not_seen_at_all(host):
    r = killed_at(host, "/etc/os-release", "attest", "status")
    assert r.returncode == 1 and not r.stdout.strip() and "nothing could be seen of this host: collector host" in r.stderr


def test_half_a_list_of_modules_is_none(host, tmp_path):
    """Neither shown nor kept: the next boot would be compared with it."""
    host.modules(("a", ""), ("b", ""))
    state = tmp_path / "state"
    state.mkdir()
    r = killed_at(host, "/proc/modules", "modules", "-o", "json", "--state-dir", str(state))
    assert r.returncode == 1 and not r.stdout.strip() and "collector kernel ended by itself" in r.stderr
    assert list(state.iterdir()) == []


def approve(host, hashed=b"linux /vmlinuz"):
    """A baseline in which somebody approved the boot of Host.tpm."""
    items = [(p, "separator", "end of the firmware's measurements", "EV_SEPARATOR", bytes(4)) for p in range(8)]
    items += [(8, "boot loader command", "linux /vmlinuz", "EV_IPL", hashed)]
    host.file("/var/lib/ringfence/attest/baseline.yaml", "baseline: 1\nboots:\n  - name: first\n    approved: {by: Ada, at: 2026-11-01T00:00:00Z}\n    items:\n" +
              "".join(f'      - {{pcr: {p}, part: "{part}", text: "{text}", type: {kind}, digests: ["sha256:{sha(body).hex()}"]}}\n'
                      for p, part, text, kind, body in items))


def test_the_approved_state_is_good_only_where_it_was_judged(host):
    """Nothing changed that anybody could see is not the same as nothing changed."""
    host.tpm()
    approve(host)
    _, parts = host.status()
    assert parts["baseline"]["state"] == "good", parts["baseline"]
    approve(host, b"linux /other")
    _, parts = host.status()
    assert parts["baseline"]["state"] == "bad" and "not the one that was approved" in parts["baseline"]["seen"]
    approve(host)
    host.file("/sys/class/tpm/tpm0/pcr-sha256/4", "11" * 32 + "\n")
    _, parts = host.status()
    assert parts["baseline"]["state"] != "good", parts["baseline"]


def test_without_a_log_nothing_is_as_approved(host):
    host.tpm(log=False)
    approve(host)
    _, parts = host.status()
    assert parts["baseline"]["state"] in ("unknown", "bad"), parts["baseline"]


def test_the_screen(host):
    host.tpm()
    r = ringfence("attest", "status", "--from", host.folder)
    assert r.code == 0 and "as it should be" in r.out
    assert all(len(line) <= 120 for line in r.out.splitlines())
    assert ringfence("attest", "status", "-o", "csv").code == 64


def test_modules_tell_what_is_worth_a_look(host):
    host.modules(("kvm", ""), ("evil", "OE"))
    r = ringfence("modules", "--from", host.folder, "-o", "json")
    assert r.code == 2, r.err
    rows = {m["name"]: m for m in r.json()["modules"]}
    assert rows["evil"]["signature"] == "unverified" and rows["evil"]["worry"]
    assert rows["kvm"]["signature"] == "verified"
    text = ringfence("modules", "--from", host.folder)
    assert "evil" in text.out and "2 modules loaded" in text.out


def test_modules_of_the_boot_before(host, tmp_path):
    if os.geteuid():
        pytest.skip("not root")
    keep = ["--from", host.folder, "--state-dir", tmp_path / "state"]
    host.modules(("kvm", ""), ("old", ""), boot="one")
    assert "this one is remembered" in ringfence("modules", *keep).out
    assert "Nothing is known of an earlier boot" in ringfence("modules", *keep).out, "the same boot is not an earlier one"
    host.modules(("kvm", "E"), ("new", ""), boot="two")
    for _ in range(2):
        out = ringfence("modules", *keep).out
        assert "new: new" in out and "gone: old" in out and "changed: kvm" in out
    host.modules(("kvm", "E"), ("new", ""), boot="three")
    assert "The same as at the boot before." in ringfence("modules", *keep).out
    assert (tmp_path / "state/modules.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("junk", ["", "{", "[]", "null", '{"boot_id": 3}', '{"modules": [1]}', '{"boot_id": "x", "modules": {"kvm": 1}}',
                                  '{"boot_id": "x", "modules": {"kvm": {"signer": 1}}}'])
def test_a_broken_list_of_the_last_boot_does_no_harm(host, tmp_path, junk):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/modules.json").write_text(junk)
    host.modules(("kvm", ""), boot="two")
    r = ringfence("modules", "--from", host.folder, "--state-dir", tmp_path / "state")
    assert r.code in (0, 2), r.err


def test_without_modules_nothing_is_wrong(host):
    r = ringfence("modules", "--from", host.folder)
    assert r.code == 0 and r.out.startswith("0 modules loaded")
    assert json.loads(ringfence("modules", "--from", host.folder, "-o", "json").out)["modules"] == []
