# SPDX-License-Identifier: Apache-2.0
"""Goal: the fleet as a user has it, with real processes: a manager comes up, somebody signs in, a host with a TPM joins by an invitation,
waits for approval, is judged and reports its facts; the manager's processes are killed one by one and nothing is lost; a retired host is out."""
import csv
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from agent_lab import AGENT, until
from conftest import EXE, need
from test_tpm_host import Host

MANAGER = pathlib.Path(EXE).parent.parent / "manager/ringfence-manager"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


class Manager:
    """within: words before its commands, as for another namespace; keys: of manager.yaml."""

    def __init__(self, folder, within=(), address="127.0.0.1", **keys):
        self.folder, self.state, self.login, self.within = folder, folder / "manager", folder / "login.json", within
        self.config, self.log = folder / "manager.yaml", folder / "manager.log"
        keys = {"listen": f"{address}:0", "metrics": "none", "agents": f"{address}:0", "address": f"{address}:1", "evidence_s": 2,
                "unproven_tpm": "yes", "without_tpm": "yes", "names": f'["{address}"]', **keys}
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
        out = self.run("init")
        assert out.returncode == 0, out.stderr
        self.code = re.search(r"code (\S+)", out.stdout)[1]
        self.process, self.lines = None, {}

    def run(self, *args):
        return subprocess.run([*self.within, MANAGER, "--config", self.config, "--state", self.state, *args], capture_output=True, text=True, timeout=60)

    def start(self):
        self.log.write_bytes(b"")
        self.process = subprocess.Popen([*self.within, MANAGER, "--config", self.config, "--state", self.state, "serve"],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)
        until(lambda: "ready: api" in self.log.read_text(), what="the manager")
        text = self.log.read_text()
        self.api, self.agents = re.search(r"ready: api (\S+)", text)[1], re.search(r"ready: agents (\S+)", text)[1]

    def sign_in(self):
        got = subprocess.run(["openssl", "x509", "-in", self.state / "authority.pem", "-noout", "-fingerprint", "-sha256"],
                             capture_output=True, text=True, check=True)
        self.fingerprint = got.stdout.split("=")[1].strip()
        out = self.cli("login", f"https://{self.api}", "--fingerprint", self.fingerprint, "--code", self.code)
        assert out.returncode == 0, out.stderr

    def cli(self, *args):
        return subprocess.run([*self.within, EXE, *args, "--login", self.login], capture_output=True, text=True, timeout=60)

    def token(self):
        out = self.cli("host", "invite")
        assert out.returncode == 0, out.stderr
        token = re.search(r"^token\s+(\S+)", out.stdout, re.M)[1]
        # What is printed is what is typed on the host; the address alone is another here.
        line = re.search(r"^join\s+ringfence agent join https://[\w.]+:\d+ (--token \S+ --fingerprint [0-9a-f]{64})$", out.stdout, re.M)[1]
        self.lines[token] = line.split()
        return token

    def host(self, name):
        out = self.cli("host", "list", "--name", name, "-o", "csv")
        return next(csv.DictReader(out.stdout.splitlines()), {})

    def roles(self):
        """pid by role; a worker of verify is no role of the supervisor's."""
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

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    need("openssl")
    it = Manager(tmp_path_factory.mktemp("fleet"))
    it.start()
    it.sign_in()
    yield it
    it.stop()


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    need("swtpm", "swtpm_setup", "swtpm_localca")
    it = Host(tmp_path_factory.mktemp("fleet-tpm"))
    it.make()
    it.start()
    yield it
    it.stop()


class Agent:
    def __init__(self, folder, manager, name, tcti):
        self.state, self.name, self.manager, self.tcti, self.process = folder / "agent", name, manager, tcti, None
        self.log = folder / "agent.log"

    def join(self, token):
        line = self.manager.lines.get(token) or ["--token", token, "--fingerprint", self.manager.fingerprint]
        return subprocess.run([AGENT, "join", f"https://{self.manager.agents}", *line, "--name", self.name, "--tcti", self.tcti, "--state-dir", self.state], capture_output=True, text=True, timeout=120)

    def start(self):
        self.process = subprocess.Popen([AGENT, "run", "--ringfence", EXE, "--socket", "", "--state-dir", self.state],
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture
def agent_of(tmp_path, manager):
    made = []

    def make(name, tcti):
        made.append(Agent(tmp_path, manager, name, tcti))
        return made[-1]
    yield make
    for it in made:
        it.stop()


def test_the_authority_is_told(manager):
    got = subprocess.run(["curl", "-s", "--cacert", manager.state / "authority.pem", f"https://{manager.api}/api/v1/authority"], capture_output=True, timeout=60)
    assert got.stdout == (manager.state / "authority.pem").read_bytes()


def test_a_host_with_a_tpm_joins_waits_and_is_judged(manager, agent_of, tpm):
    agent, token = agent_of("with-tpm", tpm.tcti), manager.token()
    got = agent.join(token)
    assert got.returncode == 0, got.stdout + got.stderr
    agent.start()
    until(lambda: manager.host("with-tpm").get("agent_version"), what="the host")
    host = manager.host("with-tpm")["host"]
    assert manager.host("with-tpm")["state"] == "NEW"
    assert manager.cli("host", "approve", host).returncode == 0
    # This TPM measured no boot: what cannot be judged is said, and never trusted.
    until(lambda: manager.host("with-tpm")["state"] == "STALE", limit_s=240, what="a verdict")
    assert "cannot judge" in manager.cli("events", "-o", "json").stdout
    # Its facts came, and the role judge made findings of them.
    until(lambda: '"control"' in manager.cli("host", "show", host, "--findings", "--limit", "5", "-o", "json").stdout, limit_s=120, what="findings")
    assert '"control"' in manager.cli("check", "--fleet", "--last", "-o", "json").stdout
    # Questions over the facts of all hosts go through the API to a process that has these facts alone.
    got = manager.cli("query", "--fleet", "SELECT host, count(*) AS n FROM collector_run GROUP BY host", "-o", "csv")
    assert got.returncode == 0 and host in got.stdout, got.stdout + got.stderr
    got = manager.cli("query", "--fleet", "--where", "name=with-tpm", "-o", "json", "SELECT DISTINCT host FROM collector_run")
    assert json.loads(got.stdout) == [{"host": host}], got.stdout + got.stderr
    for sql, words in (("SELECT * FROM session", "no such table"), ("DELETE FROM host", "only SELECT"), ("SELECT abs(-9223372036854775807 - 1)", "overflow")):
        got = manager.cli("query", "--fleet", sql)
        assert got.returncode and words in got.stderr, got.stdout + got.stderr
    # A second host with the token, and with the TPM.
    again = agent_of("again", tpm.tcti)
    again.state = agent.state.parent / "again"
    got = again.join(token)
    assert got.returncode and "invitation" in got.stderr, got.stderr
    got = again.join(manager.token())
    assert got.returncode and "bound to another host" in got.stderr, got.stderr


def test_roles_are_killed_and_the_fleet_goes_on(manager, agent_of):
    agent = agent_of("without-tpm", "none")
    got = agent.join(manager.token())
    assert got.returncode == 0, got.stdout + got.stderr
    agent.start()
    until(lambda: manager.host("without-tpm").get("agent_version"), what="the host")
    for role in ("keys", "agents", "verify", "keeper", "judge", "api"):
        pid = manager.roles()[role]
        os.kill(pid, signal.SIGKILL)
        until(lambda: manager.roles().get(role) not in (None, pid), what=f"{role} again")
    # Listening at port 0, agents and api have other ports now: the manager as a whole is started anew.
    manager.stop()
    assert manager.process.returncode == 0
    assert sorted(os.listdir(manager.state / "store")) == ["manager.db"]
    manager.start()
    assert manager.cli("login", f"https://{manager.api}", "--fingerprint", manager.fingerprint, "--code", manager.code).returncode


def test_without_init_nothing_is_served(tmp_path):
    out = subprocess.run([MANAGER, "--state", tmp_path / "none", "serve"], capture_output=True, text=True, timeout=60)
    assert out.returncode and "init" in out.stderr


@pytest.mark.parametrize("text, words", [("listn: 127.0.0.1:1\n", "listn"), ("agents: nowhere\n", "ADDRESS:PORT"), ("workers: 1000\n", "workers")])
def test_a_wrong_configuration_is_said(tmp_path, text, words):
    (tmp_path / "m.yaml").write_text(text)
    out = subprocess.run([MANAGER, "--config", tmp_path / "m.yaml", "--state", tmp_path / "s", "init"], capture_output=True, text=True, timeout=60)
    if out.returncode == 0:
        process = subprocess.Popen([MANAGER, "--config", tmp_path / "m.yaml", "--state", tmp_path / "s", "serve"], stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        process.terminate()
        process.wait(timeout=60)
        assert words in line
    else:
        assert words in out.stderr
