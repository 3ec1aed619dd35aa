# SPDX-License-Identifier: Apache-2.0
"""The manager's HTTP side as a real server with a real curl: sign-in, cookies, tokens, lists, streams, what is refused
at the gate, limits of connections, and the OpenAPI document against the specification's own schema."""
import json
import os
import re
import resource
import shutil
import socket
import ssl
import subprocess

import pytest

BUILD = os.path.dirname(os.path.dirname(os.path.dirname(os.environ.get("RINGFENCE", "build/src/cli/ringfence"))))
TOOL = os.path.join(BUILD, "tests", "system", "api_tool")


class Server:
    def __init__(self, folder, connections=0):
        self.folder = folder
        self.cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.cert, "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        os.makedirs(f"{folder}/store")
        self.process = subprocess.Popen([TOOL, f"{folder}/store", self.cert, key, str(connections)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.code = self.process.stdout.readline().strip()
        address, metrics = self.process.stdout.readline().split()
        self.port, self.metrics = int(address.rsplit(":")[-1]), int(metrics.rsplit(":")[-1])

    def curl(self, path, *options, body=None):
        command = ["curl", "-sS", "-i", "--max-time", "20", "--cacert", self.cert, *options]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = subprocess.run([*command, f"https://127.0.0.1:{self.port}{path}"], capture_output=True)
        assert done.returncode == 0, done.stderr
        head, _, text = done.stdout.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, text

    def connect(self, version=None):
        context = ssl.create_default_context(cafile=self.cert)
        if version:
            context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return context.wrap_socket(raw, server_hostname="localhost")

    def bytes(self, data):
        """Sends bytes and reads until the server ends the connection, or has answered."""
        with self.connect() as s:
            try:
                s.sendall(data)
                return s.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return b""

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not os.path.exists(TOOL) or not shutil.which("curl"):
        pytest.skip("api_tool or curl is missing")
    s = Server(str(tmp_path_factory.mktemp("api")))
    yield s
    s.end()


@pytest.fixture(scope="module")
def token(server):
    status, _, text = server.curl("/api/v1/session", body={"code": server.code, "bearer": True})
    assert status == 201, text
    return json.loads(text)["bearer"]


def bearer(token):
    return ["-H", f"Authorization: Bearer {token}"]


def test_the_first_code_is_for_one_use(server, token):
    assert server.curl("/api/v1/session", body={"code": server.code})[0] == 401


def test_hosts(server, token):
    status, head, text = server.curl("/api/v1/hosts?limit=20", *bearer(token))
    first = json.loads(text)
    assert status == 200 and len(first["items"]) == 20 and first["next"]
    rest = json.loads(server.curl(f"/api/v1/hosts?limit=20&after={first['next']}", *bearer(token))[2])
    assert len(rest["items"]) == 10 and rest["next"] == ""
    etag = re.search(r"ETag: (\S+)", head)[1]
    again = server.curl("/api/v1/hosts?limit=20", *bearer(token), "-H", f"If-None-Match: {etag}")
    assert again[0] in (200, 304)  # an age in it may have changed
    wanted = json.loads(server.curl("/api/v1/hosts?state=UNTRUSTED&label=zone", *bearer(token))[2])
    assert wanted["items"] == []
    assert len(json.loads(server.curl("/api/v1/findings?state=FAIL", *bearer(token))[2])["items"]) == 10
    assert server.curl("/api/v1/hosts?state=FINE", *bearer(token))[0] == 400
    assert server.curl("/api/v1/hosts")[0] == 401


def test_a_problem_says_what_next(server, token):
    status, head, text = server.curl("/api/v1/hosts/none", *bearer(token))
    problem = json.loads(text)
    assert status == 404 and "application/problem+json" in head
    assert problem["type"].startswith("urn:ringfence:problem:") and problem["next"]
    status, head, _ = server.curl("/api/v1/hosts", "-X", "DELETE", *bearer(token))
    assert status == 405 and "Allow: GET" in head


def test_a_cookie_wants_its_csrf_token(server, token):
    made = server.curl("/api/v1/users/alice", "-X", "PUT", *bearer(token), body={"name": "Alice"})
    assert made[0] == 200, made[2]
    status, head, text = server.curl("/api/v1/session", body={"user": "alice", "password": "right"})
    assert status == 201, text
    cookie = re.search(r"Set-Cookie: (.*)", head)[1].strip()
    for word in ("__Host-ringfence=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    kept = ["-H", "Cookie: " + cookie.split(";")[0]]
    csrf = json.loads(text)["csrf"]
    assert json.loads(server.curl("/api/v1/session", *kept)[2])["user"] == "alice"
    body = {"name": "mine"}
    assert server.curl("/api/v1/tokens", *kept, body=body)[0] == 403
    with_csrf = ["-H", f"X-Ringfence-CSRF: {csrf}"]
    assert server.curl("/api/v1/tokens", *kept, *with_csrf, "-H", "Origin: https://evil.example", body=body)[0] == 403
    assert server.curl("/api/v1/tokens", *kept, *with_csrf, body=body)[0] == 201
    # Two cookies of our name: somebody else put one there.
    assert server.curl("/api/v1/session", "-H", "Cookie: " + cookie.split(";")[0] + "; __Host-ringfence=00")[0] == 401
    assert server.curl("/api/v1/session", "-X", "DELETE", *kept, *with_csrf)[0] == 204
    assert server.curl("/api/v1/session", *kept)[0] == 401


def test_who_guesses_is_locked_out_and_nobody_else(server, token):
    assert server.curl("/api/v1/users/bob", "-X", "PUT", *bearer(token), body={})[0] == 200
    answers = [server.curl("/api/v1/session", body={"user": "bob", "password": "wrong"}) for _ in range(6)]
    assert [a[0] for a in answers] == [401] * 5 + [429]
    assert "Retry-After" in answers[5][1]
    assert server.curl("/api/v1/session", body={"user": "bob", "password": "right"})[0] == 429
    assert server.curl("/api/v1/session", body={"user": "alice", "password": "right"})[0] == 201
    # From another address bob himself signs in.
    assert server.curl("/api/v1/session", "--interface", "127.0.0.2", body={"user": "bob", "password": "right"})[0] == 201
    # PAM knows more people than were let in.
    assert server.curl("/api/v1/session", body={"user": "stranger", "password": "right"})[0] == 401
    lines = server.curl("/api/v1/ledger/entries?limit=1000", *bearer(token))[2]
    assert "the sign-in failed" in lines and "bob" in lines and "127.0.0.1" in lines


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize("name, data, status", [
    ("trace", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", b"405"),
    ("smuggling", b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
    ("two lengths", b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"400"),
    ("a large body", b"POST /api/v1/session HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999\r\n\r\n", b"413"),
    ("dots", b"GET /api/v1/../v1/health HTTP/1.1\r\n" + HOST + b"\r\n", b"400"),
    ("hidden dots", b"GET /api/v1/%2e%2e/health HTTP/1.1\r\n" + HOST + b"\r\n", b"400"),
    ("no host", b"GET /api/v1/health HTTP/1.1\r\n\r\n", b"400"),
    ("old", b"GET /api/v1/health HTTP/1.0\r\n\r\n", b"505"),
    ("a bare line end", b"GET /api/v1/health HTTP/1.1\nHost: a\n\n", b"400"),
    ("no HTTP", b"\x00\x01\x02\r\n\r\n", b"400"),
])
def test_the_gate(server, name, data, status):
    answer = server.bytes(data)
    assert answer.split(b" ", 2)[1] == status, (name, answer[:200])


def test_a_head_of_100_mb_ends_early(server):
    """What comes after the limit is thrown away unread, and the connection ends with a refusal: never with an answer."""
    sent, answer = 0, b""
    with server.connect() as s:
        try:
            s.sendall(b"GET /api/v1/health HTTP/1.1\r\n" + HOST)
            while sent < 100 << 20:
                s.sendall(b"X: " + b"a" * 4096 + b"\r\n")
                sent += 4096
            s.sendall(b"\r\n")
            while piece := s.recv(65536):
                answer += piece
        except (ConnectionError, ssl.SSLError):
            pass
    assert not answer or answer.split(b"\r\n")[0].split()[1] == b"431", answer[:200]
    assert server.curl("/api/v1/health")[0] == 200


def test_old_tls_is_refused(server):
    assert server.connect(ssl.TLSVersion.TLSv1_2).version() == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.connect(ssl.TLSVersion.TLSv1_1)


def test_hostile_bodies(server, token):
    for body in ("{", "[" * 100000, '{"code":"a","code":"b"}', '{"code":1}', '{"x":1}', '{"code":"' + "a" * 100000 + '"}', "\x00"):
        path = f"{server.folder}/body"
        with open(path, "w") as f:
            f.write(body)
        done = server.curl("/api/v1/session", "-H", "Content-Type: application/json", "--data-binary", f"@{path}")
        assert 400 <= done[0] < 500 and json.loads(done[2])["detail"], (body[:20], done)
    assert server.curl("/api/v1/session", "-d", "a=b")[0] == 400


def test_events_are_followed(server, token):
    seen = subprocess.Popen(["curl", "-sSN", "--max-time", "20", "--cacert", server.cert, *bearer(token),
                             f"https://127.0.0.1:{server.port}/api/v1/events?follow=true&after=0"], stdout=subprocess.PIPE, text=True)
    for line in seen.stdout:
        if line.startswith("data:"):
            break
    seen.kill()
    seen.communicate()
    assert json.loads(line[5:])["kind"] == "host.state"


def test_the_document_is_openapi(server):
    status, _, text = server.curl("/api/v1/openapi.json")
    document = json.loads(text)
    assert status == 200 and document["openapi"] == "3.1.0"
    names = set(document["components"]["schemas"])
    for reference in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert reference in names
    jsonschema = pytest.importorskip("jsonschema")
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    validate = None
    try:
        from openapi_spec_validator import validate_spec as validate
    except ImportError:
        pass
    if validate:
        validate(document)


def test_answers_fit_their_schemas(server, token):
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads(server.curl("/api/v1/openapi.json")[2])
    count = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or "{" in path.replace("{host}", ""):
            continue
        content = methods["get"]["responses"]["200"].get("content", {})
        if "application/json" not in content:
            continue
        status, _, text = server.curl(path.replace("{host}", "h00"), *bearer(token))
        assert status == 200, (path, text)
        schema = {"components": document["components"], **content["application/json"]["schema"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(text))
        count += 1
    assert count > 15


def test_metrics(server):
    done = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{server.metrics}/metrics"], capture_output=True, text=True)
    assert "ringfence_api_requests_total" in done.stdout
    assert server.curl("/metrics")[0] == 404


def test_half_open_connections_shut_nobody_out(tmp_path):
    if not os.path.exists(TOOL):
        pytest.skip("api_tool is missing")
    s = Server(str(tmp_path), 40)
    try:
        held = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(60)]
        # One address has a quarter of all; another one still comes through.
        assert s.curl("/api/v1/health", "--interface", "127.0.0.3")[0] == 200
        for h in held:
            h.close()
    finally:
        s.end()


def test_ten_thousand_half_open_connections(tmp_path):
    """From forty addresses, none of which says a word: there is a limit for each address and for all, and who comes from elsewhere is served meanwhile."""
    if not os.path.exists(TOOL):
        pytest.skip("api_tool is missing")
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12000, max(old[1], 12000)))
    except (ValueError, PermissionError):
        pytest.skip("10,000 descriptors are not allowed here")
    s, held = Server(str(tmp_path), 4000), []
    try:
        for i in range(10000):
            try:
                held.append(socket.create_connection(("127.0.0.1", s.port), timeout=5, source_address=(f"127.0.1.{1 + i % 40}", 0)))
            except OSError:
                pass  # turned away at once
            if i % 2500 == 2499:
                assert s.curl("/api/v1/health", "--interface", "127.0.0.3")[0] == 200
        assert len(held) > 9000
        assert s.curl("/api/v1/health", "--interface", "127.0.0.4")[0] == 200
        with open(f"/proc/{s.process.pid}/status") as f:
            memory = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
        assert memory < 400 * 1024
        assert len(os.listdir(f"/proc/{s.process.pid}/fd")) < 4200
        metrics = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{s.metrics}/metrics"], capture_output=True, text=True).stdout
        assert int(re.search(r"^ringfence_api_connections_total (\d+)", metrics, re.M)[1]) > 4000
    finally:
        for h in held:
            h.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
        s.end()


def test_slow_loris_holds_nobody_up(tmp_path):
    """A hundred heads that come a byte at a time: others are served meanwhile, and each ends by its deadline's clock, not by its own bytes."""
    if not os.path.exists(TOOL):
        pytest.skip("api_tool is missing")
    s = Server(str(tmp_path))
    try:
        slow = [s.connect() for _ in range(100)]
        for byte in b"GET /api/v1/health HTTP/1.1\r\nX:":
            for h in slow:
                h.sendall(bytes([byte]))
        assert s.curl("/api/v1/health")[0] == 200
        for h in slow[:50]:  # some go on and come to their end in order
            h.sendall(b" y\r\nHost: localhost\r\n\r\n")
            assert h.recv(100).startswith(b"HTTP/1.1 200")
        assert s.curl("/api/v1/health")[0] == 200
        for h in slow:
            h.close()
    finally:
        s.end()
