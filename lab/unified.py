# SPDX-License-Identifier: Apache-2.0
"""Unified kernel images: kernel, initramfs and command line in one signed program, started by systemd-boot. Source: the UAPI
group's specification of unified kernel images; systemd-stub(7). Not for add-ons and credentials."""
import os
import struct
import subprocess
import tempfile

from packages import package_file, program

FOLDER = "/usr/lib/systemd/boot/efi/"
OS_RELEASE = b'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
# Behind the stub's own sections; the kernel has to be the last one, as it is unpacked behind itself.
PLACES = {".osrel": 0x20000, ".cmdline": 0x30000, ".uname": 0x40000, ".initrd": 0x100000, ".linux": 0x4000000}


def image(cache, kernel, initramfs, command_line):
    """The program, not signed. Always the same for the same parts: its digest is what is measured."""
    sections = {".osrel": OS_RELEASE, ".cmdline": command_line.encode() + b"\0", ".uname": kernel.release.encode(),
                ".initrd": initramfs, ".linux": open(kernel.image, "rb").read()}
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        command = [program("objcopy")]
        for name, body in sections.items():
            path = os.path.join(work, name)
            with open(path, "wb") as f:
                f.write(body)
            command += ["--add-section", f"{name}={path}", "--change-section-vma", f"{name}={PLACES[name]:#x}"]
        out = os.path.join(work, "out")
        subprocess.run([*command, package_file(cache, "systemd-boot-efi", FOLDER + "linuxx64.efi.stub"), out], check=True,
                       capture_output=True, timeout=120)
        with open(out, "rb") as f:
            body = bytearray(f.read())
    header = struct.unpack_from("<I", body, 0x3C)[0]
    struct.pack_into("<I", body, header + 8, 0)  # when it was made
    return bytes(body)


def boot_loader(cache):
    with open(package_file(cache, "systemd-boot-efi", FOLDER + "systemd-bootx64.efi"), "rb") as f:
        return f.read()


def signed(body, key, certificate):
    """The same program with a signature; certificate in DER."""
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        path, pem = os.path.join(work, "image"), os.path.join(work, "pem")
        with open(path, "wb") as f:
            f.write(body)
        subprocess.run([program("openssl"), "x509", "-inform", "DER", "-in", certificate, "-out", pem], check=True,
                       capture_output=True, timeout=60)
        subprocess.run([program("sbsign"), "--key", key, "--cert", pem, "--output", path + ".signed", path], check=True,
                       capture_output=True, timeout=120)
        with open(path + ".signed", "rb") as f:
            return f.read()
