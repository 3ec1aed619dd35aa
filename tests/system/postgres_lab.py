# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of the test's own: in a temporary folder, on a unix socket alone, run by an unprivileged user (it refuses to be root), with the
roles that src/store/README.md asks its administrator for. Not a test."""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

ROLES = ("CREATE ROLE ringfence_runtime NOLOGIN; CREATE ROLE ringfence_owner LOGIN; CREATE ROLE ringfence_manager LOGIN IN ROLE ringfence_runtime; "
         "CREATE ROLE ringfence_judge NOLOGIN; CREATE ROLE ringfence_questions LOGIN IN ROLE ringfence_judge")


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parent.parent.name))
    return found[-1].parent if found else None


class Postgres:
    def __init__(self):
        self.bin = programs()
        if not self.bin:
            pytest.skip("postgresql is not installed")
        # Short: a unix socket's path has 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rf-pg-", dir="/tmp"))
        self.process = None
        for name in ("postgres", "nobody"):
            try:
                self.user = pwd.getpwnam(name)
                break
            except KeyError:
                pass
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", self.folder / "data", "-A", "trust", "-U", "admin", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def _as(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def _run(self, program, *args, **more):
        return subprocess.run([self.bin / program, *map(str, args)], check=True, capture_output=True, text=True, timeout=60, cwd="/", **self._as(), **more)

    def start(self):
        # On a machine of its own the disk would be waited for; here what a process writes is seen by the others all the same.
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=80 -c shared_buffers=32MB"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")
        self.process = True

    def stop(self, mode="immediate"):
        if self.process:
            self._run("pg_ctl", "-D", self.folder / "data", "-w", "-m", mode, "stop")
        self.process = None

    def done(self):
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, role, database="ringfence"):
        return f"postgresql://{role}@/{database}?host={self.folder}"

    def sql(self, text, role="admin", database="ringfence"):
        """What psql says, a row a line, columns by tabs; and its exit status."""
        return subprocess.run([self.bin / "psql", "-XAtF", "\t", "-v", "ON_ERROR_STOP=1", "-c", text, self.url(role, database)],
                              capture_output=True, text=True, timeout=60)

    def rows(self, text):
        out = self.sql(text)
        assert out.returncode == 0, out.stderr
        return [line.split("\t") for line in out.stdout.splitlines()]

    def database(self, name="ringfence"):
        for text in (ROLES if name == "ringfence" else "SELECT 1",
                     f"CREATE DATABASE {name} OWNER ringfence_owner ENCODING 'UTF8' TEMPLATE template0"):
            out = self.sql(text, database="postgres")
            assert out.returncode == 0, out.stderr
