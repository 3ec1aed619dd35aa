# SPDX-License-Identifier: Apache-2.0
"""Goal: events reach real receivers (an HTTPS server, a syslog listener over TLS, snmptrapd) at least once and in order; what a receiver does
wrong holds up nobody else; and what must not be sent to is not."""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import EXE, need

TOOL = pathlib.Path(EXE).resolve().parents[2] / "tests/system/outbox_tool"
SECRET = "a secret of the test"
WAIT_S = 60  # a limit for what should take a moment, not a measurement
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="outbox_tool is not built")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, a certificate of it for 127.0.0.1, and one of nobody."""
    need("openssl")
    d = tmp_path_factory.mktemp("pki")

    def make(*args):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        *args], cwd=d, check=True, capture_output=True)
    make("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    make("-keyout", "ok.key", "-out", "ok.pem", "-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1",
         "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    make("-keyout", "bad.key", "-out", "bad.pem", "-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1")
    return d


def context(pki, name="ok"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    return c


class Hook:
    """An HTTPS server that answers what it is told, in order, then 204. None: never."""

    def __init__(self, pki, answers=(), name="ok"):
        self.got, self.answers, self.end = queue.Queue(), list(answers), threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.put((self.path, dict(self.headers), body))
                answer = hook.answers.pop(0) if hook.answers else 204
                if answer is None:
                    hook.end.wait()
                    return
                self.send_response(answer)
                if answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None
        self.server.socket = context(pki, name).wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        return self.got.get(timeout=WAIT_S)

    def close(self):
        self.end.set()
        self.server.shutdown()
        self.server.server_close()


class Syslog:
    """Takes frames of RFC 5425; breaks the first connections off after so many."""

    def __init__(self, pki, name="ok", breaks=()):
        self.got, self.breaks, self.context = queue.Queue(), list(breaks), context(pki, name)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(raw, server_side=True) as s:
                    self.frames(s, self.breaks.pop(0) if self.breaks else None)
            except (ssl.SSLError, OSError):
                pass

    def frames(self, s, last):
        data, count = b"", 0
        while last is None or count < last:
            more = s.recv(65536)
            if not more:
                return
            data += more
            while b" " in data:
                length, rest = data.split(b" ", 1)
                if len(rest) < int(length):
                    break
                self.got.put(rest[:int(length)])
                data, count = rest[int(length):], count + 1

    def take(self):
        return self.got.get(timeout=WAIT_S).decode()

    def close(self):
        self.socket.close()


class Outbox:
    def __init__(self, folder, sinks):
        self.folder, self.store, self.config = folder, f"sqlite:{folder}/store.db", folder / "sinks.yaml"
        (folder / "secret").write_text(SECRET + "\n")
        self.config.write_text(json.dumps({"sinks": sinks}))
        self.tool("prepare", *[s["name"] for s in sinks])
        self.process = None

    def tool(self, verb, *args):
        p = subprocess.run([TOOL, verb, self.store, *args], capture_output=True, text=True, timeout=WAIT_S)
        assert p.returncode == 0, p.stderr
        return p.stdout.strip()

    def add(self, text="a text", count=1, kind="host.state", new="UNTRUSTED", about=""):
        self.tool("add", kind, "h-1", about, "TRUSTED", new, text, str(count))

    def start(self):
        self.said = queue.Queue()
        self.process = subprocess.Popen([TOOL, "run", self.store, self.config], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def read(stream=self.process.stderr, said=self.said):
            for line in stream:
                said.put(line)
        threading.Thread(target=read, daemon=True).start()

    def hear(self, words):
        while True:
            line = self.said.get(timeout=WAIT_S)
            if words in line:
                return line

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            assert self.process.wait(WAIT_S) == 0
        self.process = None

    def drained(self, sink):
        """The store hears of the last ones a moment after the receiver has them."""
        until = time.monotonic() + WAIT_S
        while self.left(sink):
            assert time.monotonic() < until
            time.sleep(0.05)
        return True

    def left(self, sink):
        return int(self.tool("left", sink))


@pytest.fixture
def outbox(tmp_path):
    made = []

    def make(*sinks):
        made.append(Outbox(tmp_path, sinks))
        return made[-1]
    yield make
    for o in made:
        o.stop()


def webhook(hook, pki, folder, name="hook", **more):
    return {"name": name, "kind": "webhook", "url": f"https://127.0.0.1:{hook.port}/in", "ca": str(pki / "ca.pem"),
            "secret_file": f"{folder}/secret", "allow_addresses": ["127.0.0.1"], **more}


def syslog(server, pki, name="siem", **more):
    return {"name": name, "kind": "syslog", "address": f"127.0.0.1:{server.port}", "ca": str(pki / "ca.pem"), **more}


def test_webhook(outbox, pki, tmp_path):
    """In order, signed, tried again with the same id, and no redirect followed."""
    hook = Hook(pki, [500, 302])
    o = outbox(webhook(hook, pki, tmp_path))
    o.add("first \" \\ \u00e4 text")
    o.add("second", kind="finding", new="FAIL", about="host.x /etc/y")
    o.start()
    got = [hook.take() for _ in range(4)]
    assert [path for path, _, _ in got] == ["/in"] * 4
    bodies = [json.loads(body) for _, _, body in got]
    assert [b["id"] for b in bodies] == [1, 1, 1, 2]
    assert bodies[0]["text"] == "first \" \\ \u00e4 text" and bodies[0]["severity"] == "critical"
    assert bodies[3]["about"] == "host.x /etc/y" and bodies[3]["at"] == "2026-11-23T19:00:00.123Z"
    for _, headers, body in got:
        parts = dict(p.split("=") for p in headers["Ringfence-Signature"].split(","))
        wanted = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert parts["v1"] == wanted and headers["Content-Type"] == "application/json"
        assert headers["Ringfence-Event"] == str(json.loads(body)["id"])
    assert o.drained("hook")
    hook.close()


def test_refused_event_is_skipped(outbox, pki, tmp_path):
    """A receiver that never takes one event gets the next, and that it was so is an event itself."""
    hook = Hook(pki, [422, 422, 422])
    o = outbox(webhook(hook, pki, tmp_path))
    o.add("unwanted")
    o.add("wanted")
    o.start()
    texts = [json.loads(hook.take()[2]) for _ in range(5)]
    assert [t["id"] for t in texts] == [1, 1, 1, 2, 3]
    assert texts[4]["kind"] == "outbox.skipped" and texts[4]["about"] == "hook 1"
    hook.close()


def test_what_is_not_sent_to(outbox, pki, tmp_path):
    """This machine, unless the site says so; a certificate of nobody."""
    hook, stranger = Hook(pki), Hook(pki, name="bad")
    inside = webhook(hook, pki, tmp_path, "inside")
    del inside["allow_addresses"]
    o = outbox(inside, webhook(stranger, pki, tmp_path, "stranger"))
    o.add()
    o.start()
    said = {}
    while set(said) != {"inside", "stranger"}:
        line = o.said.get(timeout=WAIT_S)
        said.update({name: line for name in ("inside", "stranger") if f"sink {name}: " in line})
    assert "it is this machine" in said["inside"] and "certificate" in said["stranger"]
    o.stop()
    assert hook.got.empty() and stranger.got.empty() and o.left("inside") == 1
    hook.close()
    stranger.close()


def test_slow_sink_blocks_no_other(outbox, pki, tmp_path):
    hook, server = Hook(pki, [None]), Syslog(pki)
    o = outbox(webhook(hook, pki, tmp_path), syslog(server, pki))
    o.start()
    o.add(count=200)
    assert json.loads(hook.take()[2])["id"] == 1
    ids = [server.take().split('id="')[1].split('"')[0] for _ in range(200)]
    assert ids == [str(i) for i in range(1, 201)]
    assert hook.got.empty()
    # A process for each sink, locked in.
    children = pathlib.Path(f"/proc/{o.process.pid}/task/{o.process.pid}/children").read_text().split()
    assert len(children) == 2
    for child in children:
        status = pathlib.Path(f"/proc/{child}/status").read_text()
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status
        files = {os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")}
        assert not any("store.db" in f for f in files)
    assert o.drained("siem") and o.left("hook") == 200
    hook.close()
    server.close()


def test_syslog(outbox, pki):
    """A receiver that breaks off gets the rest; one with a certificate of nobody gets nothing; filters hold."""
    server, stranger = Syslog(pki, breaks=[2]), Syslog(pki, name="bad")
    o = outbox(syslog(server, pki, at_least="warning"), syslog(stranger, pki, "stranger"))
    o.add("x\n<0>1 - - forged", count=3, about='a"]b')
    o.add("not bad enough", new="TRUSTED")
    o.add("last", new="STALE")
    o.start()
    seen = []
    while not seen or not seen[-1].endswith("last"):
        seen.append(server.take())
    ids = [int(m.split('id="')[1].split('"')[0]) for m in seen]
    assert sorted(set(ids)) == [1, 2, 3, 5] and ids == sorted(ids)
    assert seen[0].startswith("<106>1 2026-11-23T19:00:00.123Z ") and ' about="a\\"\\]b" ' in seen[0]
    assert "\n" not in seen[0] and seen[0].endswith("\ufeffx\\x0a<0>1 - - forged")
    assert "certificate" in o.hear("sink stranger")
    assert stranger.got.empty()
    assert o.drained("siem") and o.left("stranger") == 5
    server.close()
    stranger.close()


def test_killed_and_started_again(outbox, pki):
    """kill -9 in the middle: nothing is lost, what comes twice has its number."""
    server = Syslog(pki)
    o = outbox(syslog(server, pki))
    o.add(count=300)
    o.start()
    ids = [server.take().split('id="')[1].split('"')[0] for _ in range(100)]
    o.process.send_signal(signal.SIGKILL)
    o.process.wait()
    o.start()
    while "300" not in ids:
        ids.append(server.take().split('id="')[1].split('"')[0])
    assert {int(i) for i in ids} == set(range(1, 301))
    assert o.drained("siem")
    server.close()


class Trapd:
    """snmptrapd on a port that is free now; if it is taken meanwhile, another."""

    def __init__(self, folder, users):
        need("snmptrapd")
        conf = folder / "snmptrapd.conf"
        conf.write_text("".join(f"createUser {u}\n" for u in users) + "authUser log rf priv\n"
                        "format1 %v\\n\nformat2 %v\\n\n")
        for _ in range(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            self.process = subprocess.Popen(
                ["snmptrapd", "-f", "-Lo", "-On", "-C", "-c", conf, "-m", "", f"udp:127.0.0.1:{self.port}"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "persistent"), "MIBS": ""})
            if "NET-SNMP version" in self.process.stdout.readline():
                break
            self.process.kill()
        self.got = queue.Queue()
        threading.Thread(target=lambda: [self.got.put(line) for line in self.process.stdout], daemon=True).start()

    def take(self, words):
        while True:
            line = self.got.get(timeout=WAIT_S)
            if words in line:
                return line

    def close(self):
        self.process.terminate()
        self.process.wait()


BASE = ".1.3.6.1.4.1.32473.1."


@pytest.mark.parametrize("inform", [True, False])
def test_snmp(outbox, tmp_path, inform):
    need("snmptrapd")
    engine = "80007ed90474657374"
    trapd = Trapd(tmp_path, [f'{"" if inform else "-e 0x" + engine + " "}rf SHA-256 "authentic-1" AES "private-22"'])
    (tmp_path / "auth").write_text("authentic-1\n")
    (tmp_path / "priv").write_text("private-22\n")
    o = outbox({"name": "nms", "kind": "snmp", "address": f"127.0.0.1:{trapd.port}", "user": "rf", "auth_file": str(tmp_path / "auth"),
                "priv_file": str(tmp_path / "priv"), "inform": "yes" if inform else "no", "engine": engine})
    o.add("PCR 4 differs\n\x7f")
    o.add("mended", new="TRUSTED")
    o.start()
    try:
        first, second = trapd.take(BASE), trapd.take(BASE)
        assert BASE + "0.1\t" in first and BASE + "0.4\t" in second
        assert BASE + "1.1 = Counter64: 1" in first and BASE + "1.2 = INTEGER: 2" in first
        assert '"PCR 4 differs\\\\x0a\\\\x7f"' in first or '"PCR 4 differs\\x0a\\x7f"' in first
        assert BASE + "1.1 = Counter64: 2" in second
        assert o.drained("nms")
    finally:
        trapd.close()


def test_snmp_of_nobody(outbox, tmp_path):
    """A receiver that does not know the user: the event stays."""
    trapd = Trapd(tmp_path, ['other SHA-256 "authentic-1" AES "private-22"'])
    (tmp_path / "pass").write_text("authentic-1\n")
    o = outbox({"name": "nms", "kind": "snmp", "address": f"udp:127.0.0.1:{trapd.port}", "user": "rf",
                "auth_file": str(tmp_path / "pass"), "priv_file": str(tmp_path / "pass")})
    o.add()
    o.start()
    try:
        o.hear("sink nms")
        o.stop()
        assert o.left("nms") == 1
    finally:
        trapd.close()


def test_configuration_is_checked(outbox, tmp_path):
    o = outbox({"name": "x", "kind": "syslog", "address": "a"})
    o.config.write_text("sinks:\n- {name: x, kind: pigeon}\n")
    p = subprocess.run([TOOL, "run", o.store, o.config], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and "sinks.yaml:2:" in p.stderr and "no kind pigeon" in p.stderr
