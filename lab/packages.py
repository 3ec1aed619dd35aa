# SPDX-License-Identifier: Apache-2.0
"""Where the lab's parts come from: files of Debian packages, installed here or downloaded into the cache.
Not for building anything from them."""
import glob
import os
import re
import shutil
import subprocess


class Missing(Exception):
    """Something this machine does not have; the text says what to install."""


def cache_dir(given=None):
    base = given or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ringfence-lab")
    os.makedirs(base, exist_ok=True)
    return os.path.abspath(base)


def program(name):
    """The path of a program; people without /usr/sbin in PATH still have mkfs."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Missing(f"{name} is not on this machine; the packages are in packaging/packages-test.txt")
    return found


def programs(*names):
    return [program(n) for n in names]


def fetched(cache, package):
    """The folder with a package's files, downloaded by apt once. Its control files are in .control."""
    folder = os.path.join(cache, "packages", package)
    if os.path.isdir(folder):
        return folder
    work = folder + f".{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    got = subprocess.run(["apt-get", "download", package], cwd=work, capture_output=True, text=True, timeout=300)
    debs = glob.glob(os.path.join(work, "*.deb"))
    if got.returncode or not debs:
        shutil.rmtree(work, ignore_errors=True)
        raise Missing(f"{package} is not installed and cannot be downloaded: {got.stderr.strip().splitlines()[-1:]}")
    subprocess.run(["dpkg-deb", "-x", debs[0], work], check=True, timeout=300)
    subprocess.run(["dpkg-deb", "-e", debs[0], os.path.join(work, ".control")], check=True, timeout=60)
    os.unlink(debs[0])
    try:
        os.rename(work, folder)
    except OSError:  # someone else was faster
        shutil.rmtree(work, ignore_errors=True)
    return folder


def package_file(cache, package, path):
    """A file of a package, from the system when it is installed."""
    if os.path.exists(path):
        return path
    return os.path.join(fetched(cache, package), path.lstrip("/"))


class Kernel:
    """One kernel package: its image, its modules and what dpkg knows of it."""

    def __init__(self, release, root):
        self.release, self.root = release, root
        self.package = f"linux-image-{release}"
        self.image = os.path.join(root, "boot", f"vmlinuz-{release}")
        self.modules = os.path.join(root, "lib/modules", release)

    def __repr__(self):
        return self.release

    def closure(self, names):
        """The module files, in load order, that `names` need. What is built in needs none."""
        with open(os.path.join(self.modules, "modules.builtin")) as f:
            builtin = {os.path.basename(line.strip())[:-3] for line in f}
        paths = {}
        for folder, _, files in os.walk(os.path.join(self.modules, "kernel")):
            for name in files:
                if name.endswith(".ko"):
                    paths[name[:-3]] = os.path.join(folder, name)
        order, seen = [], set()

        def visit(name):
            if name in seen or name in builtin:
                return
            seen.add(name)
            if name not in paths:
                raise Missing(f"{self.package} has no module {name}")
            for needed in modinfo(paths[name], "depends"):
                visit(needed.replace("-", "_") if needed.replace("-", "_") in paths else needed)
            order.append(paths[name])

        for name in names:
            visit(name)
        return order


def modinfo(path, field):
    """A field of .modinfo, without a tool: the section is text with NUL between."""
    with open(path, "rb") as f:
        found = re.search(rb"\0" + field.encode() + rb"=([^\0]*)\0", f.read())
    return [p for p in found[1].decode().split(",") if p] if found else []


def release_order(release):
    return [int(n) for n in re.findall(r"\d+", release)]


def kernels(cache):
    """(older, newer): the installed cloud kernel and the one before it of the same series, from the archive when it has one.
    The same kernel twice when there is no other."""
    installed = [os.path.basename(p)[len("vmlinuz-"):] for p in glob.glob("/boot/vmlinuz-*-cloud-amd64")]
    installed = [r for r in sorted(installed, key=release_order) if os.path.isdir(f"/lib/modules/{r}")]
    if len(installed) >= 2:
        return Kernel(installed[-2], "/"), Kernel(installed[-1], "/")
    kept = [os.path.basename(p)[len("linux-image-"):] for p in glob.glob(os.path.join(cache, "packages/linux-image-*-cloud-amd64"))]
    if not installed and not kept:
        kept = archive_releases()[:1]
    newest = installed[-1] if installed else max(kept, key=release_order)
    newer = Kernel(newest, "/" if installed else fetched(cache, f"linux-image-{newest}"))
    for release in sorted({*kept, *archive_releases()}, key=release_order, reverse=True):
        if release_order(release) < release_order(newest) and release.split("-")[0] == newest.split("-")[0]:
            try:
                return Kernel(release, fetched(cache, f"linux-image-{release}")), newer
            except Missing:
                continue
    return newer, newer


def archive_releases():
    """The releases of signed cloud kernels that apt knows, newest first."""
    out = subprocess.run(["apt-cache", "search", "-n", r"^linux-image-.*-cloud-amd64$"], capture_output=True, text=True,
                         timeout=60, check=False).stdout if shutil.which("apt-cache") else ""
    names = [line.split()[0] for line in out.splitlines() if re.match(r"linux-image-\d", line)]
    return sorted((n[len("linux-image-"):] for n in names), key=release_order, reverse=True)
