# SPDX-License-Identifier: Apache-2.0
"""One host: what lasts from boot to boot (firmware variables, TPMs, what ringfence kept), and a boot of it.

Every boot works on copies. Only one with Settings.goes_on is written back; all others are different futures of the same host,
so that a variant leaves nothing behind and several can run side by side."""
import base64
import dataclasses
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile

import disk as disks
import firmware
import machine
import unified
from packages import Missing, kernels, program

# linuxefi: with plain `linux` and Secure Boot off, this GRUB goes around the kernel's EFI stub, which alone keeps the boot log.
BASE_CFG = """set default=0
set timeout={timeout}
menuentry 'Debian GNU/Linux' --class debian {{
	linux{efi} /vmlinuz-{release} {command_line}
	initrd{efi} /initrd.img-{release}
}}
{extra}"""
TPM_STATE = "tpm2-00.permall"


def grub_cfg(settings, kernel):
    return BASE_CFG.format(extra=settings.grub_extra, timeout=settings.grub_timeout, release=kernel.release,
                           command_line=settings.command_line, efi="efi" if settings.efi_stub else "")


def write_whole(path, data):
    """All of it or nothing, also when we are killed."""
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.replace(path + ".new", path)


class Host:
    def __init__(self, folder, cache, ovmf, ringfence):
        self.folder, self.cache = os.path.abspath(folder), cache
        self.code, self.factory = ovmf
        os.makedirs(self.folder, exist_ok=True)
        self.lock = open(self.path("lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Missing(f"another lab/run works in {self.folder}; give it a -o of its own") from None
        for name in os.listdir(self.folder):  # of a run that was killed
            if name.startswith("boot-"):
                shutil.rmtree(self.path(name))
        self.older, self.newer = kernels(cache)
        self.ringfence = self.own_copy(ringfence)

    def path(self, name):
        return os.path.join(self.folder, name)

    def own_copy(self, ringfence):
        """All boots of a run have the same program, also when it is built anew meanwhile; small, since the host measures it."""
        if not ringfence:
            return None
        to = self.path("ringfence")
        if not os.path.exists(to) or not os.path.samefile(ringfence, to):
            shutil.copy(ringfence, to)
        if shutil.which("strip"):
            subprocess.run(["strip", to], check=True, capture_output=True, timeout=120)
        return to

    def make_tpm(self, name):
        """Manufactures a TPM, once."""
        if not name or os.path.exists(os.path.join(self.path(name), TPM_STATE)):
            return
        work = tempfile.mkdtemp(prefix="boot-", dir=self.folder)
        machine.make_tpm(work, self.path("authority"))
        shutil.rmtree(self.path(name), ignore_errors=True)
        os.rename(work, self.path(name))

    def tpm_copy(self, name, work):
        return shutil.copytree(self.path(name), os.path.join(work, "tpm")) if name else None

    def owner_certificate(self):
        """Of the key that an owner enrols."""
        path = self.path("owner.der")
        if not os.path.exists(path):
            subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Lab machine owner",
                            "-days", "3650", "-keyout", self.path("owner.key"), "-outform", "DER", "-out", path + ".new"],
                           check=True, capture_output=True, timeout=120)
            os.replace(path + ".new", path)
        return disks.read(path)

    def flash_for(self, edits, path):
        """The host's flash with some edits, for one boot."""
        store = firmware.Store(disks.read(self.path("vars.fd")))
        for edit in edits:
            if edit == "secure_boot_off":
                firmware.secure_boot_off(store)
            elif edit == "db_add":
                firmware.db_add(store, self.owner_certificate())
            elif edit == "mok_add":
                firmware.mok_add(store, self.owner_certificate())
            elif edit == "dbx_add":
                firmware.dbx_add(store, hashlib.sha256(b"a boot program that was revoked").digest())
        with open(path, "wb") as f:
            f.write(store.data)
        return path

    def kernel(self, settings):
        if (settings.newer_kernel or settings.update_waits) and self.older.release == self.newer.release:
            raise Missing(f"only one kernel ({self.older.release}) is here and the archive gives no other: install another cloud kernel")
        return self.newer if settings.newer_kernel else self.older

    def disk_for(self, settings, work):
        kernel = self.kernel(settings)
        visible = {"ima_policy": settings.ima_policy, "module": settings.module, "release": settings.release}
        root = disks.root_image(self.cache, kernel, visible, self.ringfence)
        if settings.unified:
            return self.disk_of(self.unified_files(settings, kernel), root, work)
        files = {**disks.loader_files(self.cache, grub_cfg(settings, kernel)), **disks.kernel_files(kernel, settings.initrd_note)}
        if settings.update_waits:
            files |= {"update/" + name: body for name, body in disks.kernel_files(self.newer).items()}
            files["update/grub.cfg"] = grub_cfg(settings, self.newer).encode()
        return self.disk_of(files, root, work)

    def unified_files(self, settings, kernel):
        """systemd-boot and a unified image, signed with the owner's key; an update is another image."""
        def sign(body):
            return unified.signed(body, self.path("owner.key"), self.path("owner.der"))
        files = {"EFI/BOOT/BOOTX64.EFI": sign(unified.boot_loader(self.cache))}
        for waits, one in ((False, kernel), (True, self.newer)):
            if not waits or settings.update_waits:
                body = unified.image(self.cache, one, disks.initramfs(one, settings.initrd_note), settings.command_line)
                files[("update/" if waits else "EFI/Linux/") + f"debian-{one.release}.efi"] = sign(body)
        return files

    def disk_of(self, files, root, work):
        esp, disk = os.path.join(work, "esp"), os.path.join(work, "disk")
        disks.esp_image(esp, files)
        disks.disk_image(disk, esp, root)
        os.unlink(esp)
        return disk

    def settle(self, timeout, console):
        """The first boot of a new host, as far as the boot loader: the firmware writes its boot entries then, so that it is not
        like the later ones."""
        if os.path.exists(self.path("vars.fd")):
            return
        self.make_tpm("tpm")
        work = tempfile.mkdtemp(prefix="boot-", dir=self.folder)
        try:
            flash = shutil.copy(self.factory, os.path.join(work, "vars.fd"))
            disk = self.disk_of(disks.loader_files(self.cache, "halt\n"), "/dev/null", work)
            machine.boot(self.code, flash, disk, self.tpm_copy("tpm", work), None, timeout, console)
            os.replace(flash, self.path("vars.fd"))
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def kept(self, settings):
        """What ringfence kept on this host, as text: a tar archive, empty at first."""
        there = settings.keeps_state and os.path.exists(self.path("state.tar"))
        return base64.b64encode(disks.read(self.path("state.tar")) if there else bytes(10240)).decode()

    def go_on(self, work, got):
        """The host is from now on the one that this boot left."""
        write_whole(self.path(f"tpm/{TPM_STATE}"), disks.read(os.path.join(work, "tpm", TPM_STATE)))
        if got.get("state"):
            write_whole(self.path("state.tar"), got["state"])

    def boot(self, name, settings, nonce, timeout, console):
        """Boots once. Returns what the host sent, {name: bytes}, and a description of the boot."""
        work = tempfile.mkdtemp(prefix="boot-", dir=self.folder)
        try:
            flash = self.flash_for(settings.firmware, os.path.join(work, "vars.fd"))
            disk = self.disk_for(settings, work)
            said = f"{nonce} {','.join(settings.tasks) or '-'} {self.kept(settings)}"
            got, seconds = machine.boot(self.code, flash, disk, self.tpm_copy(settings.tpm, work), said, timeout, console, settings.cpus)
            if settings.goes_on:
                self.go_on(work, got)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return got, {"name": name, "kernel": self.kernel(settings).release, "settings": dataclasses.asdict(settings), "nonce": nonce,
                     "seconds": round(seconds, 1), "tainted": got.get("tainted", b"").decode().strip(),
                     "lockdown": got.get("lockdown", b"").decode().strip(),
                     "uptime": {word: float(seconds) for word, seconds in map(str.split, got.get("uptime", b"").decode().splitlines())}}
