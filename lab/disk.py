# SPDX-License-Identifier: Apache-2.0
"""A host's disk: GPT, EFI system partition, root file system, and the initramfs on it. Nothing here needs root or mounts."""
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import uuid
import zlib

from packages import fetched, package_file, program

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
SECTOR = 512
ESP_MIB, ROOT_MIB = 64, 192
ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX_TYPE = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
# The identifiers stay the same from boot to boot: the firmware measures the partition table.
DISK_ID = uuid.UUID("7f0a2a10-52c5-4b3e-8a4e-9d6a5f1c0001")
PROGRAMS = ["/usr/bin/bash", "/usr/bin/uname", "/usr/bin/id", "/usr/bin/openssl", "/usr/bin/sha256sum"]
# Opened by name at run time.
LIBRARIES = ["libtss2-tcti-device.so.0", "libtss2-tctildr.so.0", "libtss2-esys.so.0", "libtss2-mu.so.0"]
TPM_TOOL = "/usr/bin/tpm2"
UNSIGNED = "updates/dkms/dummy.ko"
LIBRARY_DIR = "/usr/lib/x86_64-linux-gnu"
IMAGES_KEPT = 12


def cpio(entries):
    """An archive of format newc: (path, mode, bytes). Always the same bytes for the same entries."""
    out = bytearray()

    def add(path, mode, body, inode):
        name = path.encode() + b"\0"
        fields = [inode, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name), 0]
        out.extend(b"070701" + b"".join(b"%08X" % f for f in fields) + name)
        out.extend(bytes(-len(out) % 4))
        out.extend(body)
        out.extend(bytes(-len(out) % 4))

    for i, (path, mode, body) in enumerate(entries):
        add(path, mode, body, i + 1)
    add("TRAILER!!!", 0, b"", 0)
    return bytes(out)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def parents(names):
    """All folders above some files, outer ones first."""
    out = set()
    for name in names:
        while name := os.path.dirname(name):
            out.add(name)
    return sorted(out)


def initramfs(kernel, note=None):
    """busybox, the modules that the root needs, our init. A note is a second archive that replaces init: tampering."""
    modules = kernel.closure(["virtio_pci", "virtio_blk", "ext4"])
    init = read(os.path.join(HERE, "guest/initramfs-init"))
    entries = [(d, stat.S_IFDIR | 0o755, b"") for d in ("bin", "dev", "proc", "sys", "root")]
    entries += [("bin/busybox", stat.S_IFREG | 0o755, read(program("busybox"))),
                ("bin/sh", stat.S_IFLNK | 0o777, b"busybox"),
                ("init", stat.S_IFREG | 0o755, init)]
    names = [f"usr/lib/modules/{kernel.release}{m[len(kernel.modules):]}" for m in modules]
    entries += [(d, stat.S_IFDIR | 0o755, b"") for d in parents(names)]
    entries += [(n, stat.S_IFREG | 0o644, read(m)) for n, m in zip(names, modules)]
    order = "".join(m[len(kernel.modules) + 1:] + "\n" for m in modules)
    entries.append(("modules", stat.S_IFREG | 0o644, order.encode()))
    image = gzip.compress(cpio(entries), 6, mtime=0)
    if note:
        changed = init.replace(b"exec switch_root", f"echo '{note}' > /dev/kmsg\nexec switch_root".encode())
        image += bytes(-len(image) % 4)
        image += gzip.compress(cpio([("init", stat.S_IFREG | 0o755, changed)]), 6, mtime=0)
    return image


def libraries(path):
    out = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60, check=False).stdout
    return re.findall(r"(/\S+) \(0x", out)


class Root:
    """The root file system as a folder, then as an ext4 image."""

    def __init__(self, folder):
        self.folder, self.installed = folder, {}
        for d in ("boot usr/bin usr/sbin usr/lib usr/lib64 dev proc sys run tmp etc/ima var/lib/dpkg/info var/lib/ringfence root mnt "
                  "usr/lib/modules").split():
            os.makedirs(os.path.join(folder, d))
        for d in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + d, os.path.join(folder, d))

    def path(self, path):
        full = os.path.join(self.folder, path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        return full

    def add(self, source, path=None):
        """A file of this machine, followed through its links, under its own or another name."""
        to = self.path(usr_merged(path or source))
        if not os.path.exists(to):
            shutil.copy2(os.path.realpath(source), to)
            self.installed[usr_merged(path or source)] = True

    def program(self, source, path=None):
        self.add(source, path)
        for library in libraries(source):
            self.add(library)

    def text(self, path, text, mode=0o644):
        with open(self.path(path), "w") as f:
            f.write(text)
        os.chmod(self.path(path), mode)


def usr_merged(path):
    return "/usr" + path if re.match(r"/(bin|sbin|lib|lib64)/", path) else path


def dpkg_database(root, kernel, cache, settings):
    """What dpkg knows of the packages whose files are in the image, so that a path has a package there as well."""
    names = set()
    for path in list(root.installed):
        for tried in (path, path.removeprefix("/usr"), os.path.realpath(path)):
            out = subprocess.run(["dpkg-query", "-S", tried], capture_output=True, text=True, timeout=60, check=False).stdout
            if out:
                names.add(out.splitlines()[0].split(": ")[0].split(",")[0])
                break
    status = ""
    for name in sorted(names):
        status += subprocess.run(["dpkg-query", "-s", name], capture_output=True, text=True, timeout=60).stdout + "\n"
        for ext in ("list", "md5sums"):
            for stem in (name, name.split(":")[0]):
                source = f"/var/lib/dpkg/info/{stem}.{ext}"
                if os.path.exists(source):
                    shutil.copy(source, root.path(source))
    control = fetched_control(kernel, cache)
    if control:
        status += control["control"].replace("\nArchitecture:", "\nStatus: install ok installed\nArchitecture:", 1) + "\n"
        root.text(f"/var/lib/dpkg/info/{kernel.package}.md5sums", control["md5sums"])
        paths = ["/" + line.split(None, 1)[1] for line in control["md5sums"].splitlines() if " " in line]
        root.text(f"/var/lib/dpkg/info/{kernel.package}.list", "/.\n" + "".join(p + "\n" for p in paths))
    status += ("Package: lab-agent\nStatus: install ok installed\nMaintainer: nobody <nobody@localhost>\nArchitecture: all\n"
               f"Version: {settings['release']}\nDescription: a package of the lab's own\n\n")
    root.text("/var/lib/dpkg/info/lab-agent.list", "/.\n/usr\n/usr/sbin\n/usr/sbin/lab-agent\n")
    agent = hashlib.md5(read(root.path("/usr/sbin/lab-agent"))).hexdigest()
    root.text("/var/lib/dpkg/info/lab-agent.md5sums", f"{agent}  usr/sbin/lab-agent\n")
    root.text("/var/lib/dpkg/status", status)


def fetched_control(kernel, cache):
    if kernel.root == "/":
        base = f"/var/lib/dpkg/info/{kernel.package}"
        shown = subprocess.run(["dpkg-query", "-s", kernel.package], capture_output=True, text=True, timeout=60).stdout
        if not os.path.exists(base + ".md5sums"):
            return None
        return {"control": re.sub(r"Status: .*\n", "", shown), "md5sums": read(base + ".md5sums").decode()}
    folder = os.path.join(fetched(cache, kernel.package), ".control")
    return {n: read(os.path.join(folder, n)).decode() for n in ("control", "md5sums")}


def unsigned_module(kernel):
    """A module that no distribution made: dummy.ko without its signature and without the mark that it is of the tree."""
    body = read(kernel.closure(["dummy"])[-1])
    end = body.rfind(b"~Module signature appended~\n")
    if end > 0:
        length = struct.unpack(">I", body[end - 4:end])[0]
        body = body[:end - 12 - length]
    return body.replace(b"\0intree=Y\0", b"\0lab_out=\0", 1)


def root_image(cache, kernel, settings, ringfence=None):
    """The ext4 image for a kernel and the settings that are visible in it; kept in the cache under a digest of all inputs."""
    guest = [os.path.join(HERE, "guest", n) for n in ("init", "collect")]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + kernel.release.encode())
    for path in [*guest, os.path.join(HERE, "disk.py"), program("busybox"), *PROGRAMS, ringfence or TPM_TOOL]:
        key.update(read(path))
    folder = os.path.join(cache, "roots")
    image = os.path.join(folder, key.hexdigest()[:24] + ".ext4")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(image):
            os.utime(image)
            return image
        prune(folder)
        work, part = os.path.join(folder, "work"), os.path.join(folder, "part")
        fill_root(Root(work), cache, kernel, settings, ringfence)
        subprocess.run([program("mke2fs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-L", "root",
                        "-d", work, part, f"{ROOT_MIB}M"], check=True, capture_output=True, timeout=300)
        shutil.rmtree(work)
        os.rename(part, image)
    return image


def prune(folder):
    """The cache holds the images of the last builds only, and nothing of a build that was killed."""
    names = [os.path.join(folder, n) for n in os.listdir(folder)]
    images = sorted((n for n in names if n.endswith(".ext4")), key=os.path.getmtime)
    for old in images[:-IMAGES_KEPT]:
        os.unlink(old)
    for name in names:
        if os.path.isdir(name):
            shutil.rmtree(name)
        elif not name.endswith((".ext4", "lock")):
            os.unlink(name)


def fill_root(root, cache, kernel, settings, ringfence):
    root.add(program("busybox"), "/usr/bin/busybox")
    os.symlink("busybox", root.path("/usr/bin/sh"))
    for path in PROGRAMS:
        root.program(path)
    for name in LIBRARIES:
        root.program(f"{LIBRARY_DIR}/{name}")
    root.program(ringfence or TPM_TOOL, "/usr/bin/ringfence" if ringfence else TPM_TOOL)
    modules = kernel.closure(["virtio_pci", "virtio_blk", "ext4", "virtio_console", "efivarfs", "vfat", "nls_cp437", "nls_ascii"])
    for path in modules:
        root.add(path, "/usr/lib/modules/" + kernel.release + path[len(kernel.modules):])
    for name in ("modules.builtin", "modules.builtin.modinfo"):
        if os.path.exists(os.path.join(kernel.modules, name)):
            root.add(os.path.join(kernel.modules, name), f"/usr/lib/modules/{kernel.release}/{name}")
    inside = [path[len(kernel.modules) + 1:] for path in modules]
    if settings["module"]:
        with open(root.path(f"/usr/lib/modules/{kernel.release}/{UNSIGNED}"), "wb") as f:
            f.write(unsigned_module(kernel))
    root.text(f"/usr/lib/modules/{kernel.release}/modules.dep", "".join(m + ":\n" for m in inside + ([UNSIGNED] if settings["module"] else [])))
    root.text("/etc/modules", "".join(m + "\n" for m in inside))
    root.text("/etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
              'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n')
    root.text("/etc/hostname", "lab-host\n")
    root.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    root.text("/etc/group", "root:x:0:\n")
    root.text("/etc/ld.so.conf", LIBRARY_DIR + "\n")
    root.text("/etc/ima/ima-policy", settings["ima_policy"])
    root.text("/usr/sbin/lab-agent", f"#!/usr/bin/bash\necho 'lab-agent {settings['release']}'\n", 0o755)
    for name in ("init", "collect"):
        root.text("/usr/sbin/" + name, read(os.path.join(HERE, "guest", name)).decode(), 0o755)
    dpkg_database(root, kernel, cache, settings)


def esp_image(path, files):
    """A FAT file system with files {name: bytes}."""
    with open(path, "wb") as f:
        f.truncate(ESP_MIB * MIB)
    env = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run([program("mkfs.vfat"), "-i", "52494e47", "-n", "ESP", path], check=True, capture_output=True, timeout=60)
    made, staging = set(), path + ".file"
    for name, body in files.items():
        folders = name.split("/")[:-1]
        for i in range(1, len(folders) + 1):
            folder = "/".join(folders[:i])
            if folder not in made:
                subprocess.run([program("mmd"), "-i", path, "::" + folder], check=True, capture_output=True, env=env, timeout=60)
                made.add(folder)
        with open(staging, "wb") as f:
            f.write(body)
        subprocess.run([program("mcopy"), "-i", path, staging, "::" + name], check=True, capture_output=True, env=env, timeout=60)
        os.unlink(staging)


def gpt(sectors, parts):
    """(first 34 sectors, last 33 sectors) for parts [(type, id, first sector, last sector, name)]. UEFI 2.10 section 5."""
    table = b"".join(kind.bytes_le + one.bytes_le + struct.pack("<QQQ", first, last, 0) + name.encode("utf-16-le").ljust(72, b"\0")
                     for kind, one, first, last, name in parts).ljust(128 * 128, b"\0")

    def header(here, other, table_at):
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, sectors - 34, DISK_ID.bytes_le,
                           table_at, 128, 128, zlib.crc32(table))
        return (head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]).ljust(SECTOR, b"\0")

    protective = bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, sectors - 1)
    protective = protective.ljust(510, b"\0") + b"\x55\xaa"
    return protective + header(1, sectors - 1, 2) + table, table + header(sectors - 1, 1, sectors - 33)


def disk_image(path, esp, root):
    """The whole disk: table, EFI system partition, root."""
    starts = [MIB, MIB + ESP_MIB * MIB]
    sectors = (starts[1] + ROOT_MIB * MIB + MIB) // SECTOR
    ids = [uuid.UUID(int=DISK_ID.int + i) for i in (1, 2)]
    head, tail = gpt(sectors, [(ESP_TYPE, ids[0], starts[0] // SECTOR, starts[1] // SECTOR - 1, "esp"),
                               (LINUX_TYPE, ids[1], starts[1] // SECTOR, (starts[1] + ROOT_MIB * MIB) // SECTOR - 1, "root")])
    with open(path, "wb") as out:
        out.write(head)
        for start, source in zip(starts, (esp, root)):
            out.seek(start)
            with open(source, "rb") as f:
                while part := f.read(MIB):
                    if part.count(0) == len(part):
                        out.seek(len(part), os.SEEK_CUR)
                    else:
                        out.write(part)
        out.seek((sectors - 33) * SECTOR)
        out.write(tail)


def loader_files(cache, grub_cfg):
    """The signed chain of Debian as it lies on the EFI system partition."""
    return {"EFI/BOOT/BOOTX64.EFI": read(package_file(cache, "shim-signed", "/usr/lib/shim/shimx64.efi.signed")),
            "EFI/BOOT/grubx64.efi": read(package_file(cache, "grub-efi-amd64-signed",
                                                      "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed")),
            "EFI/debian/grub.cfg": grub_cfg.encode()}


def kernel_files(kernel, note=None):
    """A kernel and its initramfs, which lie there too: the host mounts the partition as /boot."""
    return {f"vmlinuz-{kernel.release}": read(kernel.image), f"initrd.img-{kernel.release}": initramfs(kernel, note)}
