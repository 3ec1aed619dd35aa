# SPDX-License-Identifier: Apache-2.0
"""A fleet in network namespaces, for tests: a real manager behind a bridge, hosts with software TPMs and real agents, and a peer that speaks
an agent's protocol with whatever certificate it was given."""
import contextlib
import ctypes
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading

import pytest

from agent_lab import AGENT, Session, until
from conftest import EXE, ROOT
from test_fleet import Manager

sys.path.insert(0, os.path.join(ROOT, "lab"))
from machine import make_tpm  # noqa: E402

EVIDENCE_S = 3
MANAGER = "10.77.0.1"
TAG = "<metadata><trusted xmlns='https://ringfence.example/vm/1'/></metadata>"
CLONE_NEWNET = 0x40000000


class Net:
    """A network namespace; all of them hang at the manager's bridge."""

    def __init__(self, number, bridge=None):
        self.link = f"h{number}"
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up; echo ready; exec sleep 100000"],
                                       stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            pytest.skip("no network namespaces here")
        self.within = ["nsenter", "-t", str(self.holder.pid), "-n"]
        self.bridge = bridge
        if not bridge:
            self.ip("link", "add", "fleet", "type", "bridge")
            self.ip("address", "add", f"{MANAGER}/24", "dev", "fleet")
            self.ip("link", "set", "fleet", "up")
            return
        bridge.ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", str(self.holder.pid))
        bridge.ip("link", "set", self.link, "master", "fleet", "up")
        self.ip("address", "add", f"10.77.0.{number + 10}/24", "dev", "up0")
        self.ip("link", "set", "up0", "up")

    @contextlib.contextmanager
    def entered(self):
        """This thread is in it: a socket that is made here belongs to it for good."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(fd):
            if libc.setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self.holder.pid}/ns/net") as theirs:
            enter(theirs.fileno())
            try:
                yield
            finally:
                enter(ours.fileno())

    def ip(self, *args):
        subprocess.run([*self.within, "ip", *args], check=True, capture_output=True, timeout=60)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Host:
    """A host with a software TPM: both it and the agent are in the host's network; securityfs is a folder of its own."""

    TCTI = "swtpm:host=127.0.0.1,port=2321"

    def __init__(self, folder, name, net, manager):
        folder.mkdir()
        self.folder, self.name, self.net, self.manager, self.process, self.tpm = folder, name, net, manager, None, None
        self.state, self.boot, self.socket, self.log = folder / "agent", folder / "boot", folder / "agent.sock", folder / "agent.log"
        self.boot.mkdir()
        make_tpm(str(folder / "tpm"), str(folder / "authority"))
        self.power_on()

    def power_on(self, *options):
        self.tpm = subprocess.Popen([*self.net.within, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={(self.folder / 'tpm').resolve()}",
                                     "--flags", "not-need-init,startup-clear", "--server", "type=tcp,port=2321,bindaddr=127.0.0.1",
                                     "--ctrl", "type=tcp,port=2322,bindaddr=127.0.0.1"], stderr=subprocess.DEVNULL)
        until(lambda: subprocess.run([*self.net.within, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/2322"], capture_output=True).returncode == 0,
              what="swtpm")
        self.simulated(*options)

    def simulated(self, *options):
        subprocess.run([*self.net.within, os.path.join(ROOT, "tools/simulated-boot"), "2321", self.boot, *options], check=True, timeout=120)

    def inside(self, *command):
        return ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /sys/kernel/security && shift && exec "$@"', "sh", str(self.boot),
                *self.net.within, *map(str, command)]

    def call(self, *command, **kw):
        return subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=120, **kw)

    def join(self, state=None):
        return self.call(AGENT, "join", f"https://{self.manager.agents}", "--token", self.manager.token(), "--fingerprint",
                         self.manager.fingerprint, "--name", self.name, "--tcti", self.TCTI, "--state-dir", state or self.state)

    def evidence(self, nonce, state=None):
        """What its agent would answer to this nonce."""
        file = self.folder / "evidence"
        got = self.call(EXE, "attest", "evidence", "-o", file, "--nonce", nonce.hex(), "--tcti", self.TCTI, "--state-dir", state or self.state)
        assert got.returncode == 0, got.stderr
        return file.read_bytes()

    def start(self):
        self.process = subprocess.Popen(self.inside(AGENT, "run", "--ringfence", EXE, "--socket", self.socket, "--state-dir", self.state),
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def restart(self, *options):
        """The machine: its agent, its TPM, its boot."""
        self.stop()
        self.simulated("--shutdown")
        self.tpm.kill()
        self.tpm.wait()
        self.power_on(*options)
        self.start()

    def hook(self, vm):
        """As libvirt calls it before a start. 50 ms are little on a machine that runs other tests, too: silence is asked again."""
        xml = f"<domain><name>{vm}</name>{TAG}</domain>"

        def answered():
            got = subprocess.run([AGENT, "hook", "qemu", vm, "prepare", "begin", "-", "--socket", self.socket, "--config", "/nowhere"],
                                 input=xml, capture_output=True, text=True, timeout=60)
            return None if "does not answer" in got.stderr else got
        return until(answered, what="an answer of the agent")

    def close(self):
        self.stop()
        self.tpm.kill()
        self.tpm.wait()


class Fleet:
    def __init__(self, folder, evidence_s=EVIDENCE_S):
        self.folder, self.made = folder, []
        self.hub = self.keep(Net(0))
        self.manager = Manager(folder, within=self.hub.within, address=MANAGER, evidence_s=evidence_s, idle_s=5)
        self.made.append(self.manager)
        self.manager.close = self.manager.stop
        self.manager.start()
        self.manager.sign_in()

    def keep(self, one):
        self.made.append(one)
        return one

    def host(self, name, number):
        net = self.keep(Net(number, self.hub))
        one = self.keep(Host(self.folder / name, name, net, self.manager))
        got = one.join()
        assert got.returncode == 0, got.stdout + got.stderr
        one.start()
        return one

    def is_(self, name, *states):
        return until(lambda: self.manager.host(name).get("state") in states, limit_s=180, what=f"{name}: {states}")

    def approve(self, name):
        got = self.manager.cli("host", "approve", name)
        assert got.returncode == 0, got.stderr

    def reason(self, name):
        out = self.manager.cli("host", "show", name, "--changes", "--limit", "1", "-o", "json")
        return json.loads(out.stdout)[0]["reason"]

    def events(self, kind):
        out = self.manager.cli("events", "-o", "jsonl", "--limit", "1000")
        return [e for e in map(json.loads, out.stdout.splitlines()) if e["kind"] == kind]

    def rows(self, sql, *values):
        """Of the manager's own store, read only."""
        db = sqlite3.connect(f"file:{self.manager.state}/store/manager.db?mode=ro", uri=True, timeout=60)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def told(self, kind, words, host=""):
        """An event of this kind has these words, and so has an entry of the ledger."""
        def both():
            texts = [e["text"] for e in self.events(kind) if words in e["text"] and (e.get("host") or "") in ("", host)]
            return texts and [line for line, in self.rows("SELECT line FROM ledger_entry") if kind.encode() in line and words.encode() in line]
        until(both, what=f"{kind}: {words}")

    def close(self):
        for one in reversed(self.made):
            one.close()


class Peer:
    """One connection to the manager's agents' port from a host's network, with a certificate and key (files) or without."""

    def __init__(self, fleet, net, certificate=None, key=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version, context.check_hostname = ssl.TLSVersion.TLSv1_3, False
        context.load_verify_locations(fleet.manager.state / "authority.pem")
        if certificate:
            context.load_cert_chain(certificate, key)
        address, port = fleet.manager.agents.rsplit(":", 1)
        with net.entered():
            sock = socket.create_connection((address, int(port)), timeout=60)
        self.tls = context.wrap_socket(sock)
        self.session = None

    def alert(self):
        """The manager refuses in its handshake: TLS 1.3 tells it after the client's own is over."""
        try:
            return "" if self.tls.recv(1) else "closed"
        except OSError as e:
            return str(e)

    def speak(self):
        self.session = Session(self.tls)
        threading.Thread(target=self.session.read, daemon=True).start()
        return self

    def hello(self):
        self.speak().session.send("hello", {"agent_version": "0", "boot": "peer"})
        return self.wait("welcome")

    def wait(self, kind):
        """The next frame of this kind; a refusal or the end is an answer, too."""
        while True:
            frame = self.session.frames.get(timeout=180)
            if frame is None or frame[0] in (kind, "refused"):
                return frame
            if frame[0] == "ping":
                self.session.send("pong", {"now_ms": 1})

    def close(self):
        (self.session or self.tls).close()
