# SPDX-License-Identifier: Apache-2.0
"""Goal: the command line against a manager's API as the API's table has it, played by a small HTTPS server: signing in compares the authority
before anything is sent, lists are read to their end, orders are waited for, and every refusal says what to do."""
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading

import pytest

from conftest import EXE, need

CODE, SESSION, TOKEN = "one-time", "session-secret", "token-secret"


class Manager:
    """Answers from a table {(method, path): answer or list of answers}; keeps what came."""

    def __init__(self, folder, name="manager"):
        need("openssl")

        def req(*args):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", *args],
                           cwd=folder, check=True, capture_output=True)
        req("-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem", "-subj", f"/CN=authority of {name}")
        req("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", "/CN=manager", "-addext", "subjectAltName=IP:127.0.0.1",
            "-addext", "basicConstraints=critical,CA:FALSE", "-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key")
        chain = folder / f"{name}-chain.pem"
        chain.write_text((folder / f"{name}.pem").read_text() + (folder / f"{name}-ca.pem").read_text())
        self.fingerprint = subprocess.run(["openssl", "x509", "-in", f"{name}-ca.pem", "-noout", "-fingerprint", "-sha256"], cwd=folder,
                                          check=True, capture_output=True, text=True).stdout.split("=")[1].strip()
        self.got, self.table, manager = [], {}, self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                manager.got.append((self.command, self.path, body, dict(self.headers)))
                found = manager.table.get((self.command, self.path), (404, {"detail": "there is no such thing", "next": "Look again."}))
                if isinstance(found, list):
                    found = found.pop(0) if len(found) > 1 else found[0]
                status, reply = found
                stream = isinstance(reply, str)
                data = reply.encode() if stream else b"" if reply is None else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, folder / f"{name}.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.table[("POST", "/api/v1/session")] = (200, {"user": "setup", "csrf": "", "bearer": SESSION})
        self.table[("DELETE", "/api/v1/session")] = (204, None)
        self.table[("GET", "/api/v1/session")] = (200, {"user": "setup", "privileges": []})
        self.table[("POST", "/api/v1/tokens")] = (200, {"token": "t-1", "secret": TOKEN})
        self.table[("DELETE", "/api/v1/tokens/t-1")] = (204, None)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def manager(tmp_path):
    m = Manager(tmp_path)
    yield m
    m.close()


@pytest.fixture
def run(rf, tmp_path):
    return lambda *args, **more: rf(*args, "--login", tmp_path / "login.json", **more)


@pytest.fixture
def signed_in(manager, run):
    r = run("login", manager.address, "--fingerprint", manager.fingerprint, "--code", CODE)
    assert r.code == 0, r.err
    manager.got.clear()
    return manager


def test_login(manager, run, tmp_path):
    r = run("login", manager.address, "--fingerprint", manager.fingerprint, "--code", CODE)
    assert r.code == 0 and "signed in" in r.out and "setup" in r.out, r.err
    kept = tmp_path / "login.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["token"] == TOKEN and SESSION not in kept.read_text() and TOKEN not in r.out + r.err
    assert [(m, p) for m, p, _, _ in manager.got] == [("POST", "/api/v1/session"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/session"),
                                                      ("GET", "/api/v1/session")]
    assert manager.got[0][2] == {"code": CODE, "bearer": True} and "Authorization" not in manager.got[0][3]
    assert manager.got[1][3]["Authorization"] == f"Bearer {SESSION}" and manager.got[3][3]["Authorization"] == f"Bearer {TOKEN}"
    r = run("logout")
    assert r.code == 0 and manager.got[-1][:2] == ("DELETE", "/api/v1/tokens/t-1") and not kept.exists()
    r = run("host", "list")
    assert r.code == 1 and "ringfence login https://MANAGER:8443" in r.err


def test_authority_is_compared_first(manager, run, tmp_path):
    r = run("login", manager.address, "--code", CODE)
    plain = manager.fingerprint.replace(":", "").lower()
    assert r.code == 1 and f"--fingerprint {plain}" in r.err
    r = run("login", manager.address, "--fingerprint", "00" * 32, "--code", CODE)
    assert r.code == 1 and "somebody is in between" in r.err
    for wrong in ("http://127.0.0.1", "127.0.0.1:8443", "https://user@127.0.0.1", "https://127.0.0.1/path"):
        assert run("login", wrong, "--fingerprint", plain, "--code", CODE).code == 64
    r = run("login", manager.address, "--fingerprint", plain)
    assert r.code == 64 and "--user, --code and --token-file" in r.err
    assert manager.got == [] and not (tmp_path / "login.json").exists()


def test_another_manager_at_the_same_place(signed_in, run, tmp_path):
    other = Manager(tmp_path, "other")
    login = json.loads((tmp_path / "login.json").read_text())
    login["address"] = other.address
    (tmp_path / "login.json").write_text(json.dumps(login))
    r = run("host", "list")
    assert r.code == 1 and "not vouched for" in r.err and other.got == []
    other.close()


def test_list_is_read_to_its_end(signed_in, run):
    host = {"name": "kvm", "state": "TRUSTED", "good_ms": 0, "failures": 2, "seen_ms": 1795460400000, "agent_version": "0.1"}
    signed_in.table[("GET", "/api/v1/hosts?limit=1000")] = (200, {"items": [{"host": "h-1", **host}], "next": "h-1&x"})
    signed_in.table[("GET", "/api/v1/hosts?limit=1000&after=h-1%26x")] = (200, {"items": [{"host": "h-2\x1b[2J", **host}], "next": ""})
    r = run("host", "list")
    assert r.code == 0 and "h-1" in r.out and "h-2\\x1b" in r.out and "\x1b" not in r.out and "never" in r.out
    r = run("host", "list", "-o", "json")
    assert [h["host"] for h in r.json()] == ["h-1", "h-2\x1b[2J"]
    signed_in.table[("GET", "/api/v1/hosts?limit=1")] = (200, {"items": [{"host": "h-1", **host}], "next": "h-1"})
    assert run("host", "list", "--limit", "1", "-o", "csv").out.count("\n") == 2


def test_refusals_say_what_to_do(signed_in, run):
    for name in ("nowhere", "h-1"):
        signed_in.table[("GET", f"/api/v1/hosts?name={name}&limit=1000")] = (200, {"items": [], "next": ""})
    r = run("host", "show", "nowhere")
    assert r.code == 1 and "there is no such thing. Look again." in r.err
    signed_in.table[("POST", "/api/v1/hosts/h-1/retire")] = (403, {"detail": "a second person is needed", "approval": "a-9"})
    r = run("host", "retire", "h-1", "--reason", "sold")
    assert r.code == 1 and "--approval a-9" in r.err
    signed_in.table[("POST", "/api/v1/hosts/h-1/retire")] = (204, None)
    r = run("host", "retire", "h-1", "--reason", "sold", "--approval", "a-9")
    assert r.code == 0 and "retired" in r.out and signed_in.got[-1][3]["X-Ringfence-Approval"] == "a-9"
    signed_in.table[("GET", "/api/v1/roles")] = (302, None)
    assert "answered 302" in run("role", "list").err
    signed_in.table[("GET", "/api/v1/roles")] = (401, {"detail": "this token does not count"})
    assert "ringfence login" in run("role", "list").err
    signed_in.close()
    r = run("role", "list")
    assert r.code == 1 and "Does ringfence-manager run there?" in r.err


def test_order_is_waited_for(signed_in, run):
    signed_in.table[("GET", "/api/v1/hosts?state=TRUSTED&limit=1000")] = (
        200, {"items": [{"host": "h-1", "state": "TRUSTED"}, {"host": "h-0", "state": "RETIRED"}], "next": ""})
    signed_in.table[("POST", "/api/v1/commands/check")] = (200, {"items": [{"host": "h-1", "command": "c-1", "serial": 1}]})
    done = {"command": "c-1", "host": "h-1", "verb": "check", "state": "done", "result": 0, "output": "3 fail"}
    signed_in.table[("GET", "/api/v1/commands/c-1")] = [(200, {**done, "state": "sent"}), (200, done)]
    r = run("check", "--fleet", "--where", "state=TRUSTED", "--only", "host.*")
    assert r.code == 0 and "3 fail" in r.out and "ok" in r.out, r.err
    posted = [b for m, p, b, _ in signed_in.got if p == "/api/v1/commands/check"]
    assert posted == [{"hosts": ["h-1"], "controls": ["host.*"]}]
    signed_in.table[("GET", "/api/v1/commands/c-1")] = (200, {**done, "result": 2})
    assert run("check", "--fleet", "--where", "state=TRUSTED").code == 2
    # Who did not answer in time, or was interrupted, is unknown, and never passes.
    for unknown in ({"state": "expired"}, {"result": -2}):
        signed_in.table[("GET", "/api/v1/commands/c-1")] = (200, {**done, **unknown})
        r = run("check", "--fleet", "--where", "state=TRUSTED", "-o", "json")
        assert r.code == 1 and json.loads(r.out)[0]["outcome"] == "unknown"
    r = run("check", "--fleet", "--where", "state=TRUSTED", "--no-wait")
    assert r.code == 0 and "c-1" in r.out
    signed_in.table[("GET", "/api/v1/hosts?name=x&limit=1000")] = (200, {"items": []})
    r = run("check", "--fleet", "--where", "name=x")
    assert r.code == 1 and "no host is chosen by name=x" in r.err
    assert run("check", "--fleet", "--where", "planet=mars").code == 64


def test_events_are_followed(signed_in, run):
    """A stream that ends is gone on with behind the last event; a refusal ends it."""
    signed_in.table[("GET", "/api/v1/events?follow=true")] = [
        (200, 'id: 1\ndata: {"seq":1,"kind":"host.state","text":"a\\u001b[2J"}\n\n'), (403, {"detail": "no more"})]
    r = run("events", "--follow")
    assert r.code == 1 and "no more" in r.err and "host.state  a\\x1b[2J" in r.out
    assert signed_in.got[-1][3]["Last-Event-ID"] == "1"


def test_login_that_others_may_read_is_not_used(signed_in, run, tmp_path):
    os.chmod(tmp_path / "login.json", 0o640)
    r = run("host", "list")
    assert r.code == 1 and "chmod 600" in r.err and signed_in.got == []


def test_store_backup(rf, tmp_path):
    url = f"sqlite:{tmp_path}/manager.db"
    assert rf("store", "upgrade", "--store", url).code == 0
    assert rf("store", "backup", tmp_path / "copy.db", "--store", url).code == 0
    r = rf("store", "backup", tmp_path / "copy.db", "--store", url)
    assert r.code == 1 and "copy.db" in r.err
    assert rf("store", "upgrade", "--store", f"sqlite:{tmp_path}/copy.db").code == 0


def test_agent_is_another_program(rf):
    assert EXE
    r = rf("agent", "join")
    assert r.code == 64 and "ADDRESS" in r.err


def test_the_real_api(run, tmp_path):
    """The manager's role api itself answers what the command line asks."""
    tool = pathlib.Path(EXE).resolve().parents[2] / "tests/system/api_tool"
    if not tool.exists():
        pytest.skip("api_tool is not built")
    pki = Manager(tmp_path)
    pki.close()
    folder = tmp_path / "store"
    folder.mkdir()
    with subprocess.Popen([tool, folder, tmp_path / "manager-chain.pem", tmp_path / "manager.key"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            code, address = process.stdout.readline().strip(), process.stdout.readline().split()[0]
            r = run("login", f"https://{address}", "--fingerprint", pki.fingerprint, "--code", code)
            assert r.code == 0, r.err
            assert len(run("host", "list", "-o", "json").json()) == 30
            assert [h["host"] for h in run("host", "list", "--name", "web-1", "-o", "json").json()] == ["h01"]
            assert run("host", "show", "h01").out.split()[:2] == ["host", "h01"]
            assert run("host", "approve", "h01").code == 0
            assert run("host", "retire", "h02", "--reason", "sold").code == 0
            assert "ringfence agent join" in run("host", "invite", "--label", "zone=x", "--minutes", "5").out
            assert run("grant", "give", "ada", "administrator").code == 0 and "ada" in run("grant", "list").out
            assert run("role", "set", "watcher", "object.view").code == 0 and "watcher" in run("role", "list").out
            assert "h01" in run("check", "--fleet", "--where", "name=web-1", "--no-wait").out
            assert "RETIRED" in run("events", "-o", "jsonl").out
            r = run("host", "show", "nobody")
            assert r.code == 1 and "nobody" in r.err
            assert run("logout").code == 0
        finally:
            process.stdin.close()
            process.wait(20)
