# SPDX-License-Identifier: Apache-2.0
"""The lab's variants: one row each. A variant changes the settings of a boot; several can be combined with '+'.

PCRs names the registers whose value must differ from `base` of the same host, by design of the boot chain and not by what was
seen: 4 boot programs, 7 Secure Boot, 8 what GRUB runs, 9 what GRUB reads or the kernel's own stub takes, 10 IMA, 11 sections of a unified kernel image, 12 its command
line by systemd-boot, 14 machine owner's keys. IMA's first entry holds PCR 0 to 9, so that 10 always goes with them. Reasons names
what `ringfence attest diff` must say, all of it; a host with a unified image is of another kind and is compared with itself."""
import dataclasses

IMA_POLICY = """# What the host measures: programs, libraries, modules, what root reads.
dont_measure fsmagic=0x9fa0
dont_measure fsmagic=0x62656572
dont_measure fsmagic=0x64626720
dont_measure fsmagic=0x1021994
dont_measure fsmagic=0x858458f6
dont_measure fsmagic=0x73636673
dont_measure fsmagic=0xde5e81e4
measure func=MMAP_CHECK mask=MAY_EXEC
measure func=BPRM_CHECK mask=MAY_EXEC
measure func=FILE_CHECK mask=^MAY_READ euid=0
measure func=MODULE_CHECK
measure func=FIRMWARE_CHECK
measure func=POLICY_CHECK
"""
OTHER_IMA_POLICY = IMA_POLICY.replace("measure func=FILE_CHECK mask=^MAY_READ euid=0\n", "")


@dataclasses.dataclass
class Settings:
    """One boot. Defaults are `base`."""
    newer_kernel: bool = False
    command_line: str = "root=/dev/vda2 ro ima_policy=tcb console=ttyS0 quiet"
    grub_timeout: int = 0
    grub_extra: str = ""
    efi_stub: bool = True
    initrd_note: str = ""
    module: bool = False
    ima_policy: str = IMA_POLICY
    release: str = "1.0"   # of the package lab-agent
    firmware: tuple = ()   # names of edits of the variable store
    cpus: int = 1          # of the machine; part of what firmware measures
    tpm: str = "tpm"       # folder of the TPM's state; empty for none
    keeps_state: bool = True
    goes_on: bool = False  # the host goes on from this boot; else it is as if the boot had never been
    unified: bool = False  # systemd-boot and a unified kernel image, signed by the owner, in place of shim and GRUB
    update_waits: bool = False  # the newer kernel lies on the disk, ready to be installed
    tasks: tuple = ()      # what the guest does after its evidence: functions of guest/collect


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    what: str
    change: dict
    pcrs: tuple
    reasons: tuple


def variant(name, what, pcrs=(), reasons="", **change):
    return Variant(name, what, change, pcrs, tuple(reasons.split()))


EXTRA_ENTRY = """menuentry 'Memory test' {
	linux /memtest86+x64.bin
}
"""

GRUB, KERNEL = "boot-loader-file-changed", "kernel-changed initrd-changed ima-file-unknown"
VARIANTS = [
    variant("base", "the host as it was installed; two such boots differ in nothing", goes_on=True, tasks=("trust", "screen")),
    variant("pending", "an update is installed while the host runs, and predicted; nothing of it was booted", update_waits=True,
            tasks=("look", "update")),
    variant("kernel", "another kernel, with its initramfs and its line in grub.cfg", (4, 8, 9), f"{KERNEL} {GRUB}", newer_kernel=True),
    variant("grubcfg", "grub.cfg has another timeout and one more entry", (8, 9), GRUB, grub_timeout=1, grub_extra=EXTRA_ENTRY),
    variant("cmdline", "one more word on the kernel's command line", (8, 9), f"kernel-command-line-changed {GRUB}",
            command_line=Settings.command_line + " mitigations=off", tasks=("look",)),
    variant("no-secureboot", "Secure Boot switched off in the firmware", (4, 7), "secure-boot-switched",
            firmware=("secure_boot_off",)),
    variant("no-log", "Secure Boot off, and GRUB hands over without the kernel's EFI stub: no boot log", (4, 7, 8, 9),
            firmware=("secure_boot_off",), efi_stub=False),
    variant("mok", "a machine owner's key enrolled", (14,), "mok-changed", firmware=("mok_add",)),
    variant("initrd", "the initramfs was tampered with", (9,), "initrd-changed ima-file-changed",
            initrd_note="a line that nobody ordered"),
    variant("unsigned-module", "an unsigned module is loaded: refused under Secure Boot, else the kernel is tainted", (10,),
            "ima-file-unknown", module=True, tasks=("look",)),
    variant("ima-policy", "IMA has another policy", (10,), "ima-file-changed", ima_policy=OTHER_IMA_POLICY),
    variant("dbx", "the list of revoked programs has one more entry", (7,), "revocation-list-changed", firmware=("dbx_add",)),
    variant("no-tpm", "the chip is missing", tpm="", cpus=2, tasks=("look", "cell")),
    variant("other-tpm", "another TPM, and what ringfence kept is gone: the same boot, another identity", reasons="other-tpm",
            tpm="other-tpm", keeps_state=False),
    variant("swapped-tpm", "another TPM, and the key that ringfence kept is from the old one", reasons="other-tpm", tpm="other-tpm"),
    variant("uki", "systemd-boot and a unified kernel image of the owner's; an update of it is predicted", (4, 7, 8, 9, 11, 12, 14),
            unified=True, firmware=("db_add",), update_waits=True, tasks=("anew", "trust", "update")),
    variant("update", "a package update: kernel, initramfs, grub.cfg and a program", (4, 8, 9), f"{KERNEL} {GRUB} ima-file-changed",
            newer_kernel=True, grub_extra=EXTRA_ENTRY, release="1.1"),
]
BY_NAME = {v.name: v for v in VARIANTS}
# What --all boots: everything alone, and the pairs that show more together.
ALL = [v.name for v in VARIANTS] + ["no-secureboot+unsigned-module", "kernel+cmdline", "uki+kernel"]


def parse(text):
    """The settings of 'grubcfg+cmdline', and the PCRs that must differ from base."""
    settings, pcrs = {}, set()
    for name in text.split("+"):
        if name not in BY_NAME:
            raise KeyError(name)
        for key, value in BY_NAME[name].change.items():
            settings[key] = settings.get(key, ()) + value if key in ("firmware", "tasks") else value
        pcrs |= set(BY_NAME[name].pcrs)
    if any(p < 10 for p in pcrs):
        pcrs.add(10)
    return Settings(**settings), sorted(pcrs)


def reasons(text):
    """What `ringfence attest diff` must say of a boot against base."""
    return {reason for name in text.split("+") for reason in BY_NAME[name].reasons}
