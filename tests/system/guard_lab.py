# SPDX-License-Identifier: Apache-2.0
"""A small network of the test's own: a bridge in one namespace, VMs in others, and raw frames."""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("RINGFENCE", str(ROOT / "build/src/cli/ringfence"))).resolve().parents[2] / "tests/system/guard_tool"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
BROADCAST = "ffffffffffff"
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 2, 0x1000, 0x4000


def sh(*command, check=True):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=180)
    if check and p.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {p.stderr}")
    return p


@contextlib.contextmanager
def inside(namespace):
    """This thread is in a network namespace; sockets made here stay there."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert LIBC.setns(there, CLONE_NEWNET) == 0
        yield
    finally:
        assert LIBC.setns(here, CLONE_NEWNET) == 0
        os.close(here)
        os.close(there)


def mac(i):
    return f"525400000a{i:02x}"


def colons(text):
    return ":".join(text[i:i + 2] for i in range(0, 12, 2))


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, target, protocol, body_bytes):
    """The header, with its checksum: br_netfilter drops others."""
    head = f"4500{20 + body_bytes:04x}0000000040{protocol:02x}{{}}" + socket.inet_aton(source).hex() + socket.inet_aton(target).hex()
    return head.format(f"{checksum(bytes.fromhex(head.format('0000'))):04x}")


def udp(source, target, sport=40000, dport=40001, data="526667"):
    data = data.ljust(36, "0")
    body = f"{sport:04x}{dport:04x}{8 + len(data) // 2:04x}0000{data}"
    return "0800" + ipv4(source, target, 17, len(body) // 2) + body


def arp(op, sha, spa, tpa):
    return "0806" + f"000108000604{op:04x}" + sha + socket.inet_aton(spa).hex() + "0" * 12 + socket.inet_aton(tpa).hex() + "0" * 36


def icmp6(kind, source, target, rest):
    body = f"{kind:02x}000000" + rest
    return "86dd60000000" + f"{len(body) // 2:04x}3aff" + socket.inet_pton(socket.AF_INET6, source).hex() + \
        socket.inet_pton(socket.AF_INET6, target).hex() + body


def quiet(namespace, value=1):
    """No IPv6 of the kernel's own: its solicitations would be counted among the test's frames."""
    with inside(namespace):
        for name in ("default", *(n for n in os.listdir("/proc/sys/net/ipv6/conf") if n == "eth0")):
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as f:
                f.write(str(value))


def echo(a, b, family, address, scope=0):
    """A datagram from a to b and back, by the kernels' own stacks."""
    sockets = []
    for port in (a, b):
        with inside(port.ns):
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.settimeout(3)
            s.bind(("", 5000))
            sockets.append(s)
    try:
        sockets[0].sendto(b"there", (address, 5000, 0, scope) if scope else (address, 5000))
        data, peer = sockets[1].recvfrom(100)
        sockets[1].sendto(data + b" and back", peer)
        return sockets[0].recvfrom(100)[0] == b"there and back"
    except OSError:
        return False
    finally:
        for s in sockets:
            s.close()


class Port:
    """A VM's network card: frames go out, and what arrives is kept."""

    def __init__(self, lab, i):
        self.lab, self.i, self.name, self.ns, self.mac, self.ip = lab, i, f"vnet{i}", f"{lab.ns}-{i}", mac(i), f"10.9.0.{i + 1}"
        sh("ip", "netns", "add", self.ns)
        sh("ip", "-n", self.ns, "link", "set", "lo", "up")
        quiet(self.ns)
        sh("ip", "-n", lab.ns, "link", "add", self.name, "address", f"fe:54:00:00:0b:{i:02x}", "type", "veth",
           "peer", "name", "eth0", "address", colons(self.mac), "netns", self.ns)
        sh("ip", "-n", self.ns, "link", "set", "eth0", "up")
        with inside(self.ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
            self.socket.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
            self.socket.bind(("eth0", 0x0003))

    def join(self):
        sh("ip", "-n", self.lab.ns, "link", "set", self.name, "master", "br0")
        sh("ip", "-n", self.lab.ns, "link", "set", self.name, "up")

    def send(self, frame, count=1):
        data = bytes.fromhex(frame).ljust(60, b"\0")
        for _ in range(count):
            self.socket.send(data)

    def received(self, wait=0.2):
        """Frames from others: hexadecimal, with a tag that the kernel took off put back."""
        frames, end = [], time.monotonic() + wait
        self.socket.settimeout(0.05)
        while True:
            try:
                data, extra, _, address = self.socket.recvmsg(65536, 64)
            except (TimeoutError, socket.timeout):
                if time.monotonic() > end:
                    return frames
                continue
            if address[2] == 4:  # PACKET_OUTGOING
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", extra[0][2][:20])
            if status & 16:
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
            frames.append(data.hex())

    def policy(self, **keys):
        keys = {"mac": colons(self.mac), "addr": self.ip, **keys}
        self.lab.tool("set", self.name, *self.words(keys))

    @staticmethod
    def words(keys):
        return [f"{k}={x}" for k, v in keys.items() for x in (v if isinstance(v, list) else [v])]

    def counts(self):
        return {k: int(v) for k, v in (line.split() for line in self.lab.tool("counts", self.name).splitlines())}

    def state(self):
        return dict((line + " ").split(" ", 1) for line in self.lab.tool("state", self.name).splitlines())


class Lab:
    def __init__(self, count):
        self.ns, self.ports, self.watcher = f"rfg{os.getpid()}", [], None
        self.dir = tempfile.mkdtemp(prefix="rf-guard-")
        sh("mount", "-t", "bpf", "bpf", self.dir)
        self.pins = f"{self.dir}/rf"
        self.work = tempfile.mkdtemp(prefix="rf-guard-")
        sh("ip", "netns", "add", self.ns)
        quiet(self.ns)
        sh("ip", "-n", self.ns, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
        sh("ip", "-n", self.ns, "link", "set", "br0", "up")
        for i in range(count):
            self.add(i)

    def add(self, i, join=True):
        port = Port(self, i)
        self.ports.append(port)
        if join:
            port.join()
        return port

    def run(self, *args, check=True):
        return sh("nsenter", f"--net=/run/netns/{self.ns}", *args, check=check)

    def tool(self, *args):
        return self.run(TOOL, self.pins, *args).stdout

    def guard(self, hook=None, **keys):
        """Every port guarded, each with its own addresses, all in a zone of their own."""
        p = self.run(TOOL, self.pins, "open", *([hook] if hook else []), check=False)
        if p.returncode and "no tcx" in p.stderr:
            pytest.skip("no tcx in this kernel (6.6)")
        assert p.returncode == 0, p.stderr
        self.tool("zones", "0:0", "1:1")
        self.tool("attach", *[p.name for p in self.ports])
        for p in self.ports:
            p.policy(**{"zone": 1, **keys})

    def watch(self, *names):
        self.watcher = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.ns}", TOOL, self.pins, "watch", *names],
                                        stdout=subprocess.PIPE, text=True)
        while self.watcher.stdout.readline().strip() != "watching":
            assert self.watcher.poll() is None

    def notice(self):
        return self.watcher.stdout.readline().split()

    def close(self):
        if self.watcher:
            self.watcher.kill()
            self.watcher.wait()
        for p in self.ports:
            p.socket.close()
            sh("ip", "netns", "del", p.ns, check=False)
        sh("ip", "netns", "del", self.ns, check=False)
        sh("umount", "-l", self.dir, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)


class Tap:
    """A tap as QEMU opens it: with a virtio header before each frame."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        with inside(lab.ns):
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        sh("ip", "-n", lab.ns, "link", "set", name, "master", "br0")
        sh("ip", "-n", lab.ns, "link", "set", name, "up")

    def send(self, frame, gso_type=0, hdr_len=0, gso_size=0):
        flags, start, offset = (1, 34, 16) if gso_type else (0, 0, 0)
        os.write(self.fd, struct.pack("<BBHHHH", flags, gso_type, hdr_len, gso_size, start, offset) + bytes.fromhex(frame))

    def close(self):
        os.close(self.fd)


def need():
    if os.geteuid() != 0:
        pytest.skip("not root")
    missing = [p for p in ("ip", "tc", "nsenter", "mount") if not shutil.which(p)]
    if missing:
        pytest.skip("not on this machine: " + ", ".join(missing))
    if not TOOL.exists():
        pytest.skip("guard_tool is not built")
    probe = tempfile.mkdtemp(prefix="rf-bpffs-")
    works = sh("mount", "-t", "bpf", "bpf", probe, check=False).returncode == 0
    sh("umount", probe, check=False)
    os.rmdir(probe)
    if not works:
        pytest.skip("no BPF file system")
