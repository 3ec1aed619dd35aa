# SPDX-License-Identifier: Apache-2.0
"""Goal: several managers on one PostgreSQL are one manager that cannot be killed. Three of them serve hosts behind one address; they are
killed with SIGKILL, stopped and continued while hosts are judged and ordered about. The database itself is the witness: a trigger writes down, with each
verdict, which manager's connection wrote it and which one held the host's lease at that moment."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import postgres_lab
from agent_lab import AGENT, until
from conftest import EXE, need
from test_fleet import MANAGER, Agent, Manager
from test_tpm_host import Host

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")

# Who wrote each verdict, by the connection's own name, and who had the right to: the lease is locked by the transaction that writes.
WITNESS = """
CREATE TABLE ringfence.witness (verdict TEXT, host TEXT, writer TEXT, holder TEXT, epoch BIGINT, n BIGSERIAL);
GRANT INSERT ON ringfence.witness TO ringfence_runtime;
GRANT USAGE ON SEQUENCE ringfence.witness_n_seq TO ringfence_runtime;
CREATE FUNCTION ringfence.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO ringfence.witness (verdict, host, writer, holder, epoch) SELECT NEW.verdict, NEW.host, current_setting('application_name'),
split_part(l.holder, ':', 1), l.epoch FROM (SELECT 1) one LEFT JOIN ringfence.lease l ON l.lease = 'host:' || NEW.host; RETURN NEW; END $$;
CREATE TRIGGER see AFTER INSERT ON ringfence.verdict FOR EACH ROW EXECUTE FUNCTION ringfence.see();
"""


class PgManager(Manager):
    def __init__(self, folder, pg, name, address, first=None):
        folder.mkdir()
        self.within, self.lines = (), {}
        self.folder, self.state, self.login, self.name = folder, folder / "manager", folder / "login.json", name
        self.config, self.log, self.process = folder / "manager.yaml", folder / "manager.log", None
        self.config.write_text(f"name: {name}\nnames: [localhost, 127.0.0.1]\nstore: {pg.url('ringfence_manager')}&application_name={name}\n"
                               f"listen: 127.0.0.1:0\nmetrics: none\nagents: 127.0.0.1:0\naddress: {address}\nevidence_s: 1\nidle_s: 5\n"
                               "unproven_tpm: yes\nwithout_tpm: yes\nworkers: 1\n")
        more = ["--owner", pg.url("ringfence_owner")]
        if first:
            # What another manager of the fleet has to be given; the schema is there.
            self.state.mkdir(mode=0o700)
            shutil.copytree(first.state / "authority", self.state / "authority")
            more = []
        out = self.run(*more, "init")
        assert out.returncode == 0, out.stderr
        # Nobody has signed in yet: each init gives a new code, and the one before it counts no more.
        (first or self).code = re.search(r"code (\S+)", out.stdout)[1]

    def tree(self):
        """Every process of it that is left."""
        children = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                children.setdefault(int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]), []).append(int(pid))
            except OSError:
                pass
        found, todo = [], [self.process.pid]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def signal(self, number):
        for pid in self.tree():
            os.kill(pid, number)

    def kill(self):
        pids = self.tree()
        self.process.kill()
        self.process.wait(timeout=60)
        # Who loses its supervisor ends.
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids[1:]), what="the end of its roles")


class Door:
    """One address for all managers, as a balancer gives it: bytes through, to those that are in the list, in turn."""
    def __init__(self):
        self.managers, self.turn, self.listener = [], 0, socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            managers = list(self.managers)
            self.turn += 1
            try:
                host, port = managers[self.turn % len(managers)].agents.rsplit(":", 1)
                other = socket.create_connection((host, int(port)), timeout=10)
            except (OSError, ZeroDivisionError):
                one.close()
                continue
            other.settimeout(None)
            for a, b in ((one, other), (other, one)):
                threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    @staticmethod
    def _pass(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture(scope="module")
def pg():
    it = postgres_lab.Postgres()
    try:
        it.start()
        it.database()
        yield it
    finally:
        it.done()


@pytest.fixture(scope="module")
def managers(pg, tmp_path_factory):
    need("openssl")
    folder, made, door = tmp_path_factory.mktemp("managers"), [], Door()
    for name in ("m1", "m2", "m3"):
        made.append(PgManager(folder / name, pg, name, door.address, made[0] if made else None))
    try:
        for it in made:
            it.start()
        made[0].sign_in()
        for it in made[1:]:
            it.fingerprint = made[0].fingerprint
        made[0].door, door.managers = door, list(made)
        yield made
    finally:
        door.listener.close()
        for it in made:
            if it.process and it.process.poll() is None:
                it.signal(signal.SIGCONT)
            it.stop()


def test_only_the_owner_makes_the_schema(managers, pg, tmp_path):
    # Forward through the door that is meant for it, and no other.
    pg.database("bare")
    state, config = tmp_path / "manager", tmp_path / "manager.yaml"
    base = [MANAGER, "--config", config, "--state", state]
    config.write_text(f"store: {pg.url('ringfence_manager', 'bare')}\nmetrics: none\n")
    out = subprocess.run([*base, "init"], capture_output=True, text=True, timeout=60)
    assert out.returncode and "--owner" in out.stderr, out.stderr
    out = subprocess.run([*base, "--owner", pg.url("ringfence_owner", "bare"), "init"], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0 and "code" in out.stdout, out.stderr
    # The owner is not who runs it.
    config.write_text(f"store: {pg.url('ringfence_owner', 'bare')}\nmetrics: none\n")
    out = subprocess.run([*base, "serve"], capture_output=True, text=True, timeout=60)
    assert out.returncode and "may change the schema" in out.stderr, out.stderr


@pytest.mark.parametrize("role, text, state", [
    ("ringfence_manager", "CREATE TABLE ringfence.mine (a int)", "permission denied"),
    ("ringfence_manager", "CREATE TABLE public.mine (a int)", "permission denied"),
    ("ringfence_manager", "ALTER TABLE ringfence.verdict ADD COLUMN mine int", "must be owner"),
    ("ringfence_manager", "DROP TABLE ringfence.verdict", "must be owner"),
    ("ringfence_manager", "TRUNCATE ringfence.ledger_entry", "permission denied"),
    ("ringfence_manager", "DROP SCHEMA facts CASCADE", "must be owner"),
    ("ringfence_manager", "UPDATE ringfence.store_migration SET sha256 = ''", "permission denied"),
    ("ringfence_manager", "UPDATE facts.fleet_schema SET sha256 = ''", "permission denied"),
    ("ringfence_manager", "CREATE TRIGGER t AFTER INSERT ON ringfence.verdict EXECUTE FUNCTION ringfence.see()", "permission denied"),
    ("ringfence_manager", "CREATE EXTENSION dblink", "permission denied"),
    ("ringfence_manager", "SET ROLE ringfence_owner", "permission denied"),
    ("ringfence_questions", "SELECT * FROM ringfence.session", "permission denied"),
    ("ringfence_questions", "DELETE FROM facts.host", "permission denied"),
    ("ringfence_questions", "CREATE TABLE facts.mine (a int)", "permission denied"),
    ("ringfence_questions", "COPY facts.host TO PROGRAM 'true'", "must be superuser"),
    ("ringfence_questions", "SET ROLE ringfence_runtime", "permission denied"),
])
def test_what_a_role_may_not_the_database_refuses(managers, pg, role, text, state):
    out = pg.sql(text, role)
    assert out.returncode and state in out.stderr, out.stderr


def resume(manager, ticket, *more):
    """What openssl says of a connection; a ticket comes behind the handshake, so it stays for a moment."""
    process = subprocess.Popen(["openssl", "s_client", "-connect", manager.agents, "-CAfile", manager.state / "authority.pem", "-tls1_3", *more],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "-sess_out" in more:
        until(lambda: ticket.exists() and ticket.stat().st_size, what="a ticket")
    else:
        until(lambda: process.poll() is not None or os.read(process.stdout.fileno(), 0) == b"", what="openssl")
    out, _ = process.communicate("Q\n", timeout=60)
    return out


def test_a_session_of_one_manager_is_resumed_at_another(managers, tmp_path):
    ticket = tmp_path / "ticket.pem"
    first = resume(managers[0], ticket, "-sess_out", ticket)
    assert "New, TLSv1.3" in first, first
    for other in managers[1:]:
        assert "Reused, TLSv1.3" in resume(other, ticket, "-sess_in", ticket)
    # A ticket that was touched opens nothing: a whole handshake instead.
    body = ticket.read_bytes()
    keys = {(m.state / "ticket.key").read_bytes() for m in managers}
    assert len(keys) == 1 and keys.pop() not in body


@pytest.fixture(scope="module")
def hosts(managers, tmp_path_factory):
    """Two with a software TPM, one without."""
    need("swtpm", "swtpm_setup", "swtpm_localca")
    made, tpms, door = [], [], managers[0].door
    try:
        for name in "abc":
            folder, tcti = tmp_path_factory.mktemp(f"host-{name}"), "none"
            if name in "ab":
                tpms.append(Host(folder))
                tpms[-1].make()
                tpms[-1].start()
                tcti = tpms[-1].tcti
            made.append(Agent(folder, managers[0], name, tcti))
            out = subprocess.run([AGENT, "join", f"https://{door.address}", "--token", managers[0].token(), "--fingerprint",
                                  managers[0].fingerprint, "--name", name, "--tcti", tcti, "--state-dir", made[-1].state],
                                 capture_output=True, text=True, timeout=120)
            assert out.returncode == 0, out.stdout + out.stderr
            made[-1].start()
        for it in made:
            host = until(lambda: managers[0].host(it.name).get("agent_version") and managers[0].host(it.name)["host"], what="the host")
            assert managers[0].cli("host", "approve", host).returncode == 0
        yield made
    finally:
        for it in made:
            it.stop()
        for it in tpms:
            it.stop()


def number(pg, text):
    return int(pg.rows(text)[0][0])


def judged_again(pg, what):
    """Each host with a TPM is given a verdict that was not there yet."""
    seen = number(pg, "SELECT COALESCE(max(n), 0) FROM ringfence.witness")
    until(lambda: number(pg, f"SELECT count(DISTINCT host) FROM ringfence.witness WHERE n > {seen}") == 2, limit_s=90, what=what)


def all_served(pg, by, what):
    until(lambda: number(pg, "SELECT count(*) FROM ringfence.lease WHERE lease LIKE 'host:%' AND until_ms > extract(epoch FROM now()) * 1000 "
                             f"AND split_part(holder, ':', 1) = ANY('{{{','.join(m.name for m in by)}}}')") == 3, limit_s=90, what=what)


def order(pg, manager):
    """Every host is ordered to be judged now; nobody waits for what comes of it."""
    before = number(pg, "SELECT count(*) FROM ringfence.command")
    for name in "abc":
        subprocess.Popen([EXE, "attest", "status", "--fleet", "--where", f"name={name}", "--login", manager.login],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: number(pg, "SELECT count(*) FROM ringfence.command") == before + 3, what="the orders")


def test_managers_die_stop_and_come_back_under_load(managers, hosts, pg):
    door = managers[0].door
    assert pg.sql(WITNESS).returncode == 0
    judged_again(pg, "the first verdicts")
    all_served(pg, managers, "all sessions")

    order(pg, managers[0])
    # Killed: its hosts are served by the others at once, not when its leases are over.
    managers[2].kill()
    door.managers = managers[:2]
    all_served(pg, managers[:2], "sessions at those who live")
    judged_again(pg, "verdicts without the third")

    order(pg, managers[0])
    # Stopped in the middle of its work, then awake again, believing that it holds what it held.
    managers[1].signal(signal.SIGSTOP)
    door.managers = managers[:1]
    all_served(pg, managers[:1], "sessions at the only one that answers")
    judged_again(pg, "verdicts by the first alone")
    managers[1].signal(signal.SIGCONT)
    managers[2].start()
    door.managers = list(managers)
    judged_again(pg, "verdicts with all of them")

    order(pg, managers[0])
    # And the first, with everything it has now.
    managers[0].kill()
    door.managers = managers[1:]
    all_served(pg, managers[1:], "sessions at the other two")
    judged_again(pg, "verdicts without the first")
    managers[0].start()
    door.managers = list(managers)

    # No order is lost; what was done was done once.
    until(lambda: pg.rows("SELECT 1 FROM ringfence.command WHERE state <> 'done' AND result = 0") == [], limit_s=90, what="the end of all orders")
    assert number(pg, "SELECT count(*) FROM ringfence.command") == 3 + 3 * 3
    # The witness: whoever wrote held the lease, and nothing was written twice.
    assert pg.rows("SELECT writer, holder, count(*) FROM ringfence.witness WHERE writer IS DISTINCT FROM holder GROUP BY 1, 2") == []
    assert pg.rows("SELECT verdict FROM ringfence.witness GROUP BY 1 HAVING count(*) > 1") == []
    assert len(pg.rows("SELECT DISTINCT writer FROM ringfence.witness")) == 3
    # Epochs of a host only grow.
    assert pg.rows("SELECT 1 FROM (SELECT epoch - lag(epoch) OVER (PARTITION BY host ORDER BY n) AS step FROM ringfence.witness) s WHERE step < 0") == []
    # Each change of a host's state begins where the one before it ended; events are numbered without a gap.
    assert pg.rows("SELECT 1 FROM (SELECT old_state, lag(new_state) OVER (PARTITION BY host ORDER BY seq) AS was FROM ringfence.host_change) c "
                   "WHERE was IS NOT NULL AND was <> old_state") == []
    assert pg.rows("SELECT count(*) - max(seq) + min(seq) - 1 FROM ringfence.event") == [["0"]]
    assert pg.rows("SELECT count(*) - max(n) - 1 FROM ringfence.ledger_entry") == [["0"]]
