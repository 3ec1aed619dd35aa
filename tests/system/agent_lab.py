# SPDX-License-Identifier: Apache-2.0
"""What tests of the agent share: a manager of the test's own (TLS 1.3, frames of src/fleet/wire.h), written anew from the protocol's
description, so that it does not share the agent's errors; and an agent that is started, killed and looked into."""
import base64
import datetime
import hashlib
import json
import os
import queue
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from conftest import EXE

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

AGENT = os.environ.get("RINGFENCE_AGENT", os.path.join(os.path.dirname(EXE), "../agent/ringfence-agent"))
KINDS = ["none", "enrol", "challenge", "proof", "enrolled", "refused", "hello", "welcome", "ask-evidence", "evidence", "facts", "event",
         "ledger", "result", "confirm", "command", "verdict", "renew", "renewed", "ask-secret", "secret", "ping", "pong", "measured"]
HOST = "h-0001"


def now_ms():
    return int(time.time() * 1000)


def b64(data):
    return base64.b64encode(data).decode()


def until(true, limit_s=60, what=""):
    """Waits for something that comes when it comes: the limit is for what never comes."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        got = true()
        if got:
            return got
        time.sleep(0.05)
    pytest.fail(f"never: {what or true}")


class Authority:
    def __init__(self, name="test authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = self.sign(self.name, self.key.public_key(), ca=True)
        self.pem = self.cert.public_bytes(serialization.Encoding.PEM)
        self.digest = hashlib.sha256(self.cert.public_bytes(serialization.Encoding.DER)).hexdigest()

    def sign(self, subject, public, ca=False, server=False, life=datetime.timedelta(days=1)):
        begin = datetime.datetime.utcnow() - datetime.timedelta(minutes=5)
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
             .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + life)
             .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
             .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
             .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True))
        if not ca:
            use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
            b = b.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if server:
            import ipaddress
            b = b.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        return b.sign(self.key, hashes.SHA256())


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


class Session:
    """One connection, accepted. Tests send from their own thread while others read and answer: one TLS connection bears one call at a
    time, so nothing here blocks while it holds the lock, but a write whose peer reads on."""

    def __init__(self, sock):
        self.sock, self.frames, self.seen, self.open = sock, queue.Queue(), [], True
        self.lock = threading.Lock()
        sock.setblocking(False)

    def send(self, kind, text, data=b""):
        body = text if isinstance(text, bytes) else json.dumps(text).encode()
        left = memoryview(struct.pack(">HHII", KINDS.index(kind), 0, len(body), len(data)) + body + data)
        with self.lock:
            while left:
                try:
                    left = left[self.sock.send(left):]
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    select.select([], [self.sock], [], 0.05)

    def recv(self, size):
        """What came, waited for; b"" at the end."""
        while True:
            with self.lock:
                try:
                    return self.sock.recv(size)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
            select.select([self.sock], [], [], 1)

    def read(self):
        """Runs in a thread of its own."""
        data = b""
        try:
            while True:
                while len(data) < 12:
                    got = self.recv(65536)
                    if not got:
                        return
                    data += got
                kind, _, text, more = struct.unpack(">HHII", data[:12])
                while len(data) < 12 + text + more:
                    got = self.recv(1 << 20)
                    if not got:
                        return
                    data += got
                frame = (KINDS[kind], json.loads(data[12:12 + text]), data[12 + text:12 + text + more])
                data = data[12 + text + more:]
                self.frames.put(frame)
        except (OSError, ValueError):
            pass
        finally:
            self.open = False
            self.frames.put(None)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Manager:
    """Stores each numbered frame once, confirms it, and does nothing unasked."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = Authority()
        self.command_key = ed25519.Ed25519PrivateKey.generate()
        self.stored, self.twice, self.confirmed, self.session, self.serial = [], 0, 0, None, 0
        self.confirming, self.accepting, self.evidence = True, True, queue.Queue()
        self.secrets, self.asked = {}, []
        self.lock = threading.Lock()
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.authority.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "manager")]), key.public_key(), server=True)
        (folder / "server.pem").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + pem(cert) + self.authority.pem)
        (folder / "authority.pem").write_bytes(self.authority.pem)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(folder / "server.pem")
        self.context.load_verify_locations(folder / "authority.pem")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.joining = queue.Queue()
        self.peers = []
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if not self.accepting:
                sock.close()
                continue
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            tls = self.context.wrap_socket(sock, server_side=True)
        except OSError:
            return
        session = Session(tls)
        threading.Thread(target=session.read, daemon=True).start()
        cert = tls.getpeercert()
        if not cert:
            self.joining.put(session)
            return
        self.peers.append(cert)
        self.talk(session)

    def talk(self, session):
        while True:
            frame = session.frames.get()
            if frame is None:
                return
            kind, text, data = frame
            session.seen.append(kind)
            if kind == "hello":
                session.send("welcome", {"host": HOST, "state": "NEW", "confirmed": self.confirmed, "now_ms": now_ms(), "evidence_s": 3600,
                                         "facts_s": 3600, "idle_s": 30})
                self.session = session
            elif kind == "ping":
                session.send("pong", {"now_ms": now_ms()})
            elif kind == "evidence":
                self.evidence.put((text, data))
            elif kind == "renew":
                request = x509.load_der_x509_csr(base64.b64decode(text["request"]))
                session.send("renewed", {"certificate": pem(self.certify(request)).decode()})
            elif kind == "ask-secret":
                self.asked.append(text)
                got = self.secrets.get((text["vm"], text["secret"]))
                session.send("secret", text if got else {**text, "fault": "there is no such secret"}, got or b"")
            elif "number" in text:
                self.store(session, kind, text, data)

    def store(self, session, kind, text, data):
        with self.lock:
            if text["number"] <= self.confirmed:
                self.twice += 1
            else:
                self.stored.append((kind, text, data))
                self.confirmed = text["number"]
        if self.confirming:
            session.send("confirm", {"number": text["number"]})

    def certify(self, request, **kw):
        return self.authority.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), request.public_key(), **kw)

    def enrolled(self, session, enrol, **kw):
        request = x509.load_der_x509_csr(base64.b64decode(enrol["request"]))
        assert request.is_signature_valid
        raw = self.command_key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        session.send("enrolled", {"host": HOST, "state": "NEW", "certificate": pem(self.certify(request, **kw)).decode(),
                                  "authority": self.authority.pem.decode(), "command_key": b64(raw)})

    def command(self, verb, arguments=None, command=None, signer=None, **other):
        self.serial += 1
        text = {"command": command or f"c-{self.serial}", "host": HOST, "verb": verb, "arguments": arguments or {},
                "issued_ms": now_ms() - 1000, "expires_ms": now_ms() + 600000, "serial": self.serial, **other}
        body = json.dumps(text).encode()
        return text["command"], body, (signer or self.command_key).sign(body)

    def order(self, *args, **kw):
        command, body, signature = self.command(*args, **kw)
        self.session.send("command", body, signature)
        return command

    def of(self, kind):
        with self.lock:
            return [(t, d) for k, t, d in self.stored if k == kind]

    def result(self, command):
        return until(lambda: [(t, d) for t, d in self.of("result") if t["command"] == command], what=f"result of {command}")[0]

    def drop(self):
        """The agent is cut off."""
        self.accepting = False
        if self.session:
            self.session.close()
            self.session = None

    def back(self):
        self.accepting = True
        until(lambda: self.session and self.session.open, what="the agent is back")

    def close(self):
        self.drop()
        self.listener.close()


class Agent:
    def __init__(self, folder, manager):
        self.folder, self.manager, self.process = folder, manager, None
        self.state, self.socket, self.log = folder / "state", folder / "agent.sock", folder / "log"

    def call(self, *args, timeout=60, **kw):
        return subprocess.run([AGENT, *map(str, args), "--state-dir", str(self.state)], capture_output=True, text=True, timeout=timeout, **kw)

    def join(self, *args, answer=None, tcti="none"):
        """answer: what the manager does with the session and the ENROL."""
        done = {}

        def manager():
            session = self.manager.joining.get(timeout=60)
            kind, enrol, _ = session.frames.get(timeout=60)
            done["enrol"] = enrol
            assert kind == "enrol"
            (answer or self.manager.enrolled)(session, enrol)

        thread = threading.Thread(target=manager, daemon=True)
        thread.start()
        got = self.call("join", self.manager.url, "--token", "0123456789abcdef", "--name", "host.example", "--tcti", tcti, *args)
        return got, done.get("enrol")

    def start(self, within=(), more=()):
        """within: words before it, as nsenter's; more: behind it."""
        self.process = subprocess.Popen([*within, AGENT, "run", "--ringfence", EXE, "--socket", str(self.socket), "--state-dir", str(self.state), *more],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)
        return self

    def roles(self):
        """pid by role."""
        out = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = open(f"/proc/{pid}/cmdline").read().split("\0")
                parent = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and words[1:2] == ["--role"]:
                out[words[2]] = int(pid)
        return out

    def kill(self, role):
        os.kill(self.roles()[role], signal.SIGKILL)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
