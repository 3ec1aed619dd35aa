# SPDX-License-Identifier: Apache-2.0
"""The machine around a host: a software TPM with an endorsement certificate, and QEMU under TCG. KVM is never used: firmware
and Linux must boot the same on every build machine."""
import io
import os
import re
import secrets
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time

from packages import program

TAIL_LINES = 12


class BootFailed(Exception):
    pass


class Children:
    """The processes of all boots that run now, so that an interrupted lab/run ends them at once. When it is killed the kernel
    ends them: with the thread that started them, which is the thread of their boot."""

    def __init__(self):
        self.lock, self.running, self.over = threading.Lock(), set(), False

    def start(self, command, **kwargs):
        with self.lock:
            if self.over:
                raise BootFailed("interrupted")
            process = subprocess.Popen([program("setpriv"), "--pdeathsig", "KILL", "--", *command], stdin=subprocess.DEVNULL, **kwargs)
            self.running.add(process)
            return process

    def stop(self, process):
        if process and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with self.lock:
            self.running.discard(process)

    def stop_all(self):
        with self.lock:
            self.over = True
            for process in self.running:
                process.kill()


CHILDREN = Children()


def make_tpm(folder, authority):
    """Manufactures a TPM: endorsement keys and their certificates, signed by an authority of the lab's own."""
    for d in (folder, authority):
        os.makedirs(d, exist_ok=True)
    conf = os.path.join(authority, "localca.conf")
    with open(conf, "w") as f:
        f.write(f"statedir = {authority}\nsigningkey = {authority}/signkey.pem\nissuercert = {authority}/issuercert.pem\n"
                f"certserial = {authority}/certserial\n")
    options = os.path.join(authority, "localca.options")
    with open(options, "w") as f:
        f.write("--platform-manufacturer Ringfence\n--platform-version 1\n--platform-model Lab\n")
    setup = os.path.join(authority, "setup.conf")
    with open(setup, "w") as f:
        f.write(f"create_certs_tool = {program('swtpm_localca')}\ncreate_certs_tool_config = {conf}\n"
                f"create_certs_tool_options = {options}\n")
    done = subprocess.run([program("swtpm_setup"), "--tpm2", "--tpmstate", folder, "--createek", "--create-ek-cert",
                           "--lock-nvram", "--pcr-banks", "sha1,sha256", "--config", setup],
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise BootFailed("swtpm_setup: " + (done.stdout + done.stderr).strip()[-400:])


class Tail:
    """The last lines of a console, without the escape sequences of firmware."""

    def __init__(self, path):
        self.path = path

    def __str__(self):
        try:
            with open(self.path, "rb") as f:
                text = f.read().decode("utf-8", "replace")
        except OSError:
            return "  (the console is empty)"
        text = re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]|[^\x20-\x7e\n]", "", text)
        lines = [line for line in text.split("\n") if line.strip()]
        return "\n".join("  | " + line[:150] for line in lines[-TAIL_LINES:]) or "  (the console is empty)"


def flash(path, unit, readonly):
    return ["-drive", f"if=pflash,format=raw,unit={unit},file={path}" + (",readonly=on" if readonly else "")]


def qemu_command(work, code, variables, disk, tpm, cpus):
    command = [program("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-machine", "q35,smm=on", "-accel", "tcg",
               "-cpu", "max", "-m", "512", "-smp", str(cpus), "-global", "driver=cfi.pflash01,property=secure,value=on",
               "-global", "ICH9-LPC.disable_s3=1", "-display", "none", "-no-reboot", "-serial", f"file:{work}/console",
               *flash(code, 0, True), *flash(variables, 1, False),
               "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={disk}", "-device", "virtio-blk-pci,drive=disk,bootindex=0",
               "-device", "virtio-serial-pci", "-chardev", f"socket,id=lab,path={work}/port,server=on,wait=off",
               "-device", "virtserialport,chardev=lab,name=lab"]
    if tpm:
        command += ["-chardev", f"socket,id=tpm,path={work}/tpm", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                    "-device", "tpm-crb,tpmdev=tpm0"]
    return command


def listening(path):
    """A socket's file is there a moment before anyone listens; the kernel's list knows (flag __SO_ACCEPTCON)."""
    with open("/proc/net/unix") as f:
        return any(fields[7:8] == [path] and int(fields[3], 16) & 0x10000 for fields in map(str.split, f))


def wait_for(path, process, what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if listening(path):
            return
        time.sleep(0.05)
    raise BootFailed(f"{what} did not start (status {process.poll()})")


def boot(code, variables, disk, tpm, said, timeout, console, cpus=1):
    """Boots once and tells the guest's collector `said`, one line; None: nobody collects, the machine only runs until it is off.
    Returns ({name: bytes} as it sent them, seconds). The console's text stays in `console`."""
    work = tempfile.mkdtemp(prefix="lab-")
    software_tpm = qemu = None
    began = time.monotonic()
    try:
        if tpm:
            software_tpm = CHILDREN.start([program("swtpm"), "socket", "--tpm2", "--tpmstate", f"dir={os.path.abspath(tpm)}",
                                  "--ctrl", f"type=unixio,path={work}/tpm", "--terminate"], stderr=subprocess.DEVNULL)
            wait_for(f"{work}/tpm", software_tpm, "swtpm")
        with open(f"{work}/qemu", "wb") as messages:
            qemu = CHILDREN.start(qemu_command(work, code, variables, disk, tpm, cpus), stdout=messages, stderr=messages)
            wait_for(f"{work}/port", qemu, "qemu")
            archive = collect(f"{work}/port", qemu, said, began + timeout) if said is not None else None
            status = qemu.wait(timeout=max(1, began + timeout - time.monotonic()))
        if said is None and status:
            raise BootFailed(f"qemu ended with status {status}")
        if software_tpm:
            software_tpm.wait(timeout=60)
        return unpack(archive) if archive else {}, time.monotonic() - began
    except (BootFailed, subprocess.TimeoutExpired, tarfile.TarError, OSError) as error:
        what = error if isinstance(error, BootFailed) else f"not done after {time.monotonic() - began:.0f} s ({error})"
        said = open(f"{work}/qemu", errors="replace").read().strip() if os.path.exists(f"{work}/qemu") else ""
        raise BootFailed(f"{what}{': ' + said[-300:] if said else ''}; the console's last lines:\n{Tail(work + '/console')}") from error
    finally:
        CHILDREN.stop(qemu)
        CHILDREN.stop(software_tpm)
        if os.path.exists(f"{work}/console"):
            shutil.copy(f"{work}/console", console)
        shutil.rmtree(work, ignore_errors=True)


def collect(port, qemu, said, end):
    """Speaks with the guest's collector: it says ready, gets its line, sends a tar archive and closes."""
    got = b""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(port)
        s.settimeout(1)
        asked = False
        while True:
            if time.monotonic() > end:
                raise BootFailed("the host did not answer in time")
            try:
                part = s.recv(65536)
            except socket.timeout:
                if qemu.poll() is not None:
                    break
                continue
            except ConnectionResetError:
                break
            if not part:
                break
            got += part
            if not asked and got.startswith(b"ready\n"):
                s.sendall(said.encode() + b"\n")
                got, asked = got[6:], True
    if not asked or not got:
        raise BootFailed("the host powered off before it sent its evidence")
    return got


def unpack(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {os.path.basename(m.name): tar.extractfile(m).read() for m in tar if m.isfile()}


def new_nonce():
    return secrets.token_hex(32)
