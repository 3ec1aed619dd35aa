# SPDX-License-Identifier: Apache-2.0
"""Goal: a policy proven on a real VM of a real libvirtd. Linux runs in the VM (QEMU's own emulation, KVM may be missing) and really forges,
really floods, really asks for addresses. Each frame is looked for twice: on the VM's tap, where it must appear (it was sent), and behind
the bridge, where it must not (it was refused); the guard's counters have to say the same. Without the policy the same frames cross.
One boot for all of it; the policy changes while the VM runs."""
import collections
import contextlib
import glob
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import tempfile
import termios
import threading
import time
import tty

import pytest

import guard_lab
import spoof
from conftest import EXE, ROOT, need
from guard_lab import BROADCAST, TOOL, Port, inside, sh, udp

URI = "qemu:///system"
NAME = "ringfence-test-isolated"
UUID = "7e577e57-0000-4000-8000-7e577e577e58"
BRIDGE, TAP, UPLINK = "rfvm0", "rfvmtap0", "rfvmup0"
ME = spoof.Peer("5254007e5702", "10.9.0.5", "2001:db8:9:0:5054:ff:fe7e:5702", "fe80::5054:ff:fe7e:5702")
GATEWAY = spoof.Peer("02deadbeef99", "10.9.0.1", "2001:db8:9::1", "fe80::de:adff:febe:ef99")
VICTIM = spoof.Peer("5254007e5703", "10.9.0.6", "2001:db8:9:0:5054:ff:fe7e:5703", "fe80::5054:ff:fe7e:5703")
FORGED = spoof.forged(ME, GATEWAY, VICTIM)
SMALL = GATEWAY.mac + ME.mac + udp(ME.ip, GATEWAY.ip)
HONEST = BROADCAST + ME.mac + udp(ME.ip, GATEWAY.ip, data="686f6e657374")
ARRIVES_SECONDS = 60


def policy(ip=ME.ip, friends="lab, outside", network="mode: enforce"):
    return f"""isolate: 1
zones:
  lab: {{exchanges-with: [{friends}]}}
profiles:
  specimen:
    based-on: risky
    network: {{{network}}}
assignments:
  - {{vm: {NAME}, profile: specimen, zone: lab}}
addresses:
  - {{vm: {NAME}, ip: ['{ip}', '{ME.ip6}']}}
"""


INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in MODULES; do insmod /modules/$m; done; ip link set lo up
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo "@@@ 0"
while IFS= read -r line; do eval "$line"; echo "@@@ $?"; done
"""

DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] && ip address add "$ip/24" dev eth0
exit 0
"""

XML = f"""<domain type='qemu'><name>{NAME}</name><uuid>{UUID}</uuid><memory unit='MiB'>256</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{{folder}}/vmlinuz</kernel><initrd>{{folder}}/initrd</initrd>
<cmdline>console=ttyS0 panic=-1 quiet</cmdline></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<interface type='bridge'><mac address='{guard_lab.colons(ME.mac)}'/><source bridge='{BRIDGE}'/><target dev='{TAP}'/>
<model type='virtio'/><driver name='qemu'/></interface>
<serial type='file'><source path='{{folder}}/console.log'/><target port='0'/></serial>
<serial type='pty'><target port='1'/></serial><graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>
<memballoon model='none'/></devices></domain>"""


def virsh(*args, check=True):
    """libvirt asks QEMU what it can when it first hears of it, which takes its time."""
    p = subprocess.run(["virsh", "-q", "-c", URI, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert not check or p.returncode == 0, f"virsh {args}: {p.stderr}"
    return p.stdout


def modules(version):
    """What virtio_net needs, in the order in which it has to be loaded."""
    folder, order = pathlib.Path("/lib/modules") / version, []
    needs = dict(line.split(":", 1) for line in (folder / "modules.dep").read_text().splitlines())
    for name in ("virtio_pci", "virtio_net"):
        path = next((p for p in needs if pathlib.Path(p).name.split(".")[0] == name), None)
        if path:  # else it is in the kernel itself
            order += [p for p in [*reversed(needs[path].split()), path] if p not in order]
    if any(not p.endswith(".ko") for p in order):
        pytest.skip("the kernel's modules are compressed")
    return [folder / p for p in order]


def make_files(folder):
    folder.chmod(0o755)  # QEMU's account enters it
    kernels = sorted(glob.glob("/boot/vmlinuz-*-cloud-amd64"))
    if not kernels:
        pytest.skip("no kernel for the VM: linux-image-cloud-amd64 is not installed")
    shutil.copy(kernels[-1], folder / "vmlinuz")
    tree = folder / "tree"
    for sub in ("bin", "modules", "frames", "usr/share/udhcpc"):
        (tree / sub).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    parts = modules(os.path.basename(kernels[-1]).removeprefix("vmlinuz-"))
    for part in parts:
        shutil.copy(part, tree / "modules")
    p = sh("gcc", "-O2", "-Wall", "-Werror", "-static", "-o", tree / "bin/vm_wire", ROOT / "tests/system/vm_wire.c", check=False)
    assert p.returncode == 0, p.stderr
    for path, text in (("init", INIT.replace("MODULES", " ".join(p.name for p in parts))), ("usr/share/udhcpc/default.script", DHCP_SCRIPT)):
        (tree / path).write_text(text)
        (tree / path).chmod(0o755)
    for i, (_, frame, _) in enumerate(FORGED.values()):
        (tree / f"frames/{i}").write_bytes(bytes.fromhex(frame))
    (tree / "frames/small").write_bytes(bytes.fromhex(SMALL))
    (tree / "frames/honest").write_bytes(bytes.fromhex(HONEST))
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, check=True, cwd=tree)


class Console:
    """A shell in the VM, on its second serial port."""

    def __init__(self):
        path = re.search(r"<serial type='pty'>\s*<source path='([^']+)'", virsh("dumpxml", NAME)).group(1)
        self.fd, self.kept = os.open(path, os.O_RDWR | os.O_NOCTTY), b""
        tty.setraw(self.fd, termios.TCSANOW)

    def answer(self, seconds):
        end = time.monotonic() + seconds
        while True:
            m = re.search(rb"@@@ (\d+)\r?\n", self.kept)
            if m:
                text, self.kept = self.kept[:m.start()], self.kept[m.end():]
                return int(m.group(1)), text.decode(errors="replace")
            assert time.monotonic() < end, f"the VM said nothing: {self.kept[-300:]}"
            if select.select([self.fd], [], [], 0.5)[0]:
                self.kept += os.read(self.fd, 4096)

    def run(self, command, check=True, seconds=120):
        os.write(self.fd, command.encode() + b"\n")
        code, text = self.answer(seconds)
        assert code == 0 or not check, f"{command}: {text}"
        return text if check else code

    def close(self):
        os.close(self.fd)


class Uplink(Port):
    """What is behind the bridge: a network namespace that plays gateway, router and DHCP server."""

    def __init__(self, folder):
        self.name, self.ns, self.mac, self.i, self.lab = UPLINK, f"rfvm{os.getpid()}", GATEWAY.mac, 0, None
        self.folder, self.server, self.done = folder, None, threading.Event()
        sh("ip", "netns", "add", self.ns)
        sh("ip", "link", "add", UPLINK, "mtu", "9000", "type", "veth",
           "peer", "name", "eth0", "mtu", "9000", "address", guard_lab.colons(GATEWAY.mac), "netns", self.ns)
        sh("ip", "-n", self.ns, "link", "set", "lo", "up")
        sh("ip", "-n", self.ns, "link", "set", "eth0", "up")
        sh("ip", "-n", self.ns, "address", "add", f"{GATEWAY.ip}/24", "dev", "eth0")
        sh("ip", "-n", self.ns, "-6", "address", "add", f"{GATEWAY.ip6}/64", "dev", "eth0", "nodad")
        sh("ip", "link", "set", UPLINK, "master", BRIDGE, "up")
        self.socket = capture(self.ns, "eth0")

    def serve(self):
        """Real servers: busybox's DHCP, and a router's advertisement every second."""
        conf = self.folder / "udhcpd.conf"
        conf.write_text(f"start {ME.ip}\nend {ME.ip}\ninterface eth0\nlease_file {self.folder}/leases\npidfile {self.folder}/udhcpd.pid\n"
                        f"static_lease {guard_lab.colons(ME.mac)} {ME.ip}\noption subnet 255.255.255.0\n")
        (self.folder / "leases").touch()
        self.server = subprocess.Popen(["ip", "netns", "exec", self.ns, "busybox", "udhcpd", "-f", conf],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with inside(self.ns):
            router = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            index = socket.if_nametoindex("eth0")
        router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        prefix = "0304" + "40c0" + "00015180" + "00003840" + "0" * 8 + spoof.v6("2001:db8:9::")
        message = bytes.fromhex("86000000" + "40000708" + "0" * 16 + prefix)

        def advertise():
            while not self.done.wait(1):
                router.sendto(message, ("ff02::1", 0, 0, index))
            router.close()
        threading.Thread(target=advertise, daemon=True).start()

    def close(self):
        self.done.set()
        if self.server:
            self.server.kill()
            self.server.wait()
        self.socket.close()
        sh("ip", "netns", "del", self.ns, check=False)


def capture(namespace, link):
    with inside(namespace) if namespace else contextlib.nullcontext():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        s.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
        s.bind((link, 3))
    return s


class Tap(Port):
    """The VM's tap as the host has it: what is captured here is before the guard."""

    def __init__(self):
        self.socket = capture(None, TAP)


class Scene:
    def __init__(self, folder):
        self.folder, self.pins = folder, folder / "bpf"
        self.policy = folder / "policy.yaml"

    def host(self, *args, check=True):
        """On the host, but with a BPF file system of the test's own."""
        return sh("unshare", "-m", "sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', self.pins, *args, check=check)

    def isolate(self, verb, *args):
        state = ["--state-dir", self.folder / "state"] if verb in ("apply", "rollback") else []
        # Pages that are not shared are proven of the VM's process: a fact of the host.
        facts = ["--connect", URI, "--host" if verb == "verify" else "--no-host"] if args else []
        return self.host(EXE, "isolate", verb, *args, *facts, *state, "-q", check=False)

    def apply(self, **keys):
        self.policy.write_text(policy(**keys))
        p = self.isolate("apply", self.policy)
        assert p.returncode == 0, p.stdout + p.stderr

    def counts(self):
        text = self.host(TOOL, "/sys/fs/bpf/ringfence", "counts", TAP).stdout
        return collections.Counter({k: int(v) for k, v in (line.split() for line in text.splitlines())})

    def seen(self, port):
        """Frames until the honest one that was sent last; all of one VM keep their order."""
        frames, end = [], time.monotonic() + ARRIVES_SECONDS
        while not any(f.startswith(HONEST) for f in frames):
            assert time.monotonic() < end, f"the last frame did not come; {len(frames)} others did"
            frames += port.received(0)
        return frames

    def addresses_learned(self):
        """How many made-up MAC addresses the bridge believes to be the VM's."""
        return sh("bridge", "fdb", "show", "dev", TAP).stdout.count("02:00:00:00:")

    def forge(self):
        """Each forged frame once, then an honest one: what was on the tap, what came out of the bridge, what was counted."""
        for port in (self.tap, self.uplink):
            port.received(0)
        before = self.counts_or_none()
        self.vm.run(f"for i in $(seq 0 {len(FORGED) - 1}); do vm_wire eth0 /frames/$i; done; vm_wire eth0 /frames/honest")
        sent, out = self.seen(self.tap), self.seen(self.uplink)
        after = self.counts_or_none()
        refused = {k: after[k] - before[k] for k in after if after[k] != before[k]} if after else {}
        return ({n for n, f in FORGED.items() if any(x.startswith(f[1]) for x in sent)},
                {n for n, f in FORGED.items() if any(x.startswith(f[1]) for x in out)}, refused)

    def counts_or_none(self):
        return self.counts() if (self.pins / "ringfence").exists() else None

    def ping(self, target):
        return self.vm.run(f"ping -c 1 -W 10 {target} >/tmp/ping", check=False) == 0


def forget():
    virsh("destroy", NAME, check=False)
    virsh("undefine", NAME, check=False)
    sh("ip", "link", "del", BRIDGE, check=False)


def make_bridge():
    if sh("ip", "link", "add", BRIDGE, "mtu", "9000", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0",
          "group_fwd_mask", "0x4000", check=False).returncode:
        pytest.skip("bridges cannot be made here")
    pathlib.Path(f"/proc/sys/net/ipv6/conf/{BRIDGE}/disable_ipv6").write_text("1")  # nothing of this is for the host
    sh("ip", "link", "set", BRIDGE, "up")


@pytest.fixture(scope="module")
def scene(libvirtd):
    guard_lab.need()
    need("busybox", "cpio", "gcc", "unshare")
    with contextlib.ExitStack() as undo:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ringfence-test-", dir="/var/tmp"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        make_files(folder)
        s = Scene(folder)
        s.pins.mkdir()
        sh("mount", "-t", "bpf", "bpf", s.pins)
        undo.callback(sh, "umount", "-l", s.pins, check=False)
        undo.callback(forget)
        forget()
        make_bridge()
        s.uplink = Uplink(folder)
        undo.callback(s.uplink.close)
        (folder / "vm.xml").write_text(XML.format(folder=folder))
        virsh("define", folder / "vm.xml")
        virsh("start", NAME)
        s.vm = Console()
        undo.callback(s.vm.close)
        s.vm.answer(180)
        s.vm.run("echo 0 >/proc/sys/net/ipv6/conf/all/accept_ra; ip link set eth0 mtu 9000; ip link set eth0 up")
        s.tap = Tap()
        undo.callback(s.tap.socket.close)
        yield s


def test_without_a_policy_the_forged_frames_cross(scene):
    """That a frame is missing later is a proof only if it was there before."""
    sent, out, _ = scene.forge()
    assert sent == set(FORGED) and len(FORGED) == 24
    assert out == {name for name, (_, _, bare) in FORGED.items() if bare}
    scene.vm.run("vm_wire eth0 /frames/honest 300 macs; vm_wire eth0 /frames/honest")
    scene.seen(scene.uplink)
    assert scene.addresses_learned() >= 299
    sh("ip", "link", "set", TAP, "type", "bridge_slave", "fdb_flush")


def test_24_of_24_forged_frames_are_refused(scene):
    scene.apply()
    sent, out, counted = scene.forge()
    assert sent == set(FORGED)
    assert out == set(), "came out of the bridge"
    wanted = {}
    for reason, _, _ in FORGED.values():
        wanted[reason] = wanted.get(reason, 0) + 1
    assert {k: v for k, v in counted.items() if k in wanted} == wanted, counted
    p = scene.isolate("verify", scene.policy)
    assert p.returncode == 0, p.stdout + p.stderr


def test_an_honest_vm_notices_nothing(scene):
    """DHCP by its client, SLAAC by its kernel, then ARP, neighbour discovery and echoes both ways."""
    scene.uplink.serve()
    scene.vm.run("udhcpc -i eth0 -n -q -t 10 -T 3 -s /usr/share/udhcpc/default.script")
    assert f"inet {ME.ip}/24" in scene.vm.run("ip -4 address show eth0")
    assert scene.ping(GATEWAY.ip), "ARP or IPv4"
    scene.vm.run("echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra; ip link set eth0 down; ip link set eth0 up")
    scene.vm.run(f"for i in $(seq 60); do ip -6 address show dev eth0 scope global | grep -v tentative | grep -q {ME.ip6} && break; sleep 1; done")
    assert ME.ip6 in scene.vm.run("ip -6 address show dev eth0 scope global"), "SLAAC"
    assert scene.ping(GATEWAY.ip6), "neighbour discovery or IPv6"
    assert sh("ip", "netns", "exec", scene.uplink.ns, "busybox", "ping", "-c", "1", "-W", "10", ME.ip, check=False).returncode == 0


def test_the_bridge_learns_no_made_up_address(scene):
    before = scene.counts()["source-mac"]
    scene.uplink.received(0)
    scene.vm.run("vm_wire eth0 /frames/honest 1000 macs; vm_wire eth0 /frames/honest")
    scene.seen(scene.uplink)
    assert scene.counts()["source-mac"] == before + 1000
    assert scene.addresses_learned() == 0


def test_a_vm_that_listens_to_everything_hears_nothing_of_others(scene):
    stranger = "02deadbeef77"
    before = scene.counts()["not-its-own"]
    scene.vm.run("ip link set eth0 promisc on; vm_wire eth0 hear honest >/tmp/heard & until [ -s /tmp/heard ]; do sleep 0.1; done")
    scene.uplink.send(stranger + GATEWAY.mac + udp(GATEWAY.ip, "10.9.0.77"), 50)
    scene.uplink.send(ME.mac + GATEWAY.mac + udp(GATEWAY.ip, ME.ip, data="686f6e657374"))
    scene.vm.run("wait; ip link set eth0 promisc off")
    heard = scene.vm.run("cat /tmp/heard").split()
    assert ME.mac + GATEWAY.mac in heard[-1] and not [x for x in heard if stranger in x]
    assert scene.counts()["not-its-own"] >= before + 50


def test_the_policy_changes_while_the_vm_runs(scene):
    """No forged frame slips through while policies are replaced, and the VM's link stays up."""
    forged = FORGED["IPv4 source of the gateway"][1]
    number = list(FORGED).index("IPv4 source of the gateway")
    changes = scene.vm.run("cat /sys/class/net/eth0/carrier_changes")
    scene.uplink.received(0)
    before = scene.counts()["ipv4-source"]
    scene.vm.run(f"vm_wire eth0 /frames/{number} 100000000 >/tmp/sent & echo $! >/tmp/pid")
    for keys in ({"ip": "10.9.0.8"}, {"friends": "lab"}, {"network": "frame-bytes: 9100"}, {}):
        scene.apply(**keys)
    p = scene.vm.run("kill $(cat /tmp/pid); wait; vm_wire eth0 /frames/honest")
    out = scene.seen(scene.uplink)
    assert not [f for f in out if f.startswith(forged)], p
    assert scene.counts()["ipv4-source"] > before
    assert scene.vm.run("cat /sys/class/net/eth0/carrier_changes") == changes


def test_zones_and_the_way_back(scene):
    assert scene.ping(GATEWAY.ip)
    scene.apply(friends="lab")
    assert not scene.ping(GATEWAY.ip)
    p = scene.isolate("rollback")
    assert p.returncode == 0, p.stderr
    assert scene.ping(GATEWAY.ip)


def test_a_flood_is_held(scene):
    """20,000 frames of 64 bytes (with the check sequence that no tap carries) against 200 in a second."""
    scene.apply(network="frames-per-second: 200, frames-burst: 100, broadcasts-per-second: 0, broadcasts-burst: 0")
    scene.uplink.received(0)
    before, start = scene.counts(), time.monotonic()
    scene.vm.run("vm_wire eth0 /frames/small 20000")
    after, seconds = scene.counts(), time.monotonic() - start
    held = after["rate"] - before["rate"]
    passed = after["from"] - before["from"]
    assert held + passed >= 20000
    assert 0 < passed <= 100 + 200 * (seconds + 1), (passed, seconds)
    assert len([f for f in scene.uplink.received() if f.startswith(SMALL)]) <= passed
    scene.apply()
    assert scene.ping(GATEWAY.ip), "the flood is over"
