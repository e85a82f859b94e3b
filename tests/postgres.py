"""A PostgreSQL server of a test's own: made in a temporary folder, on loopback, stopped by its pid.

The server refuses to run as root, so as root it and its files belong to the system's `postgres`
user. Each server has a folder, a port and a password of its own; tests that share one take a
database each by `Postgres.database`.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.certificates import Identity

HOST = "127.0.0.1"
USER = "kubeloop"
_PACKAGES = Path("/usr/lib/postgresql")
_STARTING_S = 60
# Its commits outlive a killed server, since the system holds what was written; no test cuts power.
_SETTINGS = {"fsync": "off", "unix_socket_directories": "", "listen_addresses": HOST}


@dataclass
class Postgres:
    """One server: its address, and its life.

    Attributes:
        programs: the folder of its programs.
        folder: the server's own; its data lie below.
        port: on loopback; kept when it is started again.
        password: of `USER`, who may do everything.
        settings: of postgresql.conf.
    """

    programs: Path
    folder: Path
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", *, host: str = HOST, **parameters: str) -> str:
        """Returns a database's address as libpq takes it, password included."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"postgresql://{USER}:{self.password}@{host}:{self.port}/{database}{query}"

    def database(self) -> str:
        """Makes an empty database; returns its name."""
        import psycopg

        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name

    def start(self) -> None:
        """Starts the server, on its port where it has one, and waits until it takes connections."""
        for _ in range(5):
            port = self.port or _free_port()
            if self._start(port):
                self.port = port
                return
            # Somebody took the port in between, or the one before has not let go of its memory.
            time.sleep(0.2)
        msg = f"PostgreSQL does not start: {self.log()[-2000:]}"
        raise RuntimeError(msg)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends the server; SIGINT drops its connections, SIGQUIT is a crash that recovers."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STARTING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def log(self) -> str:
        """Returns what the server has said."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _start(self, port: int) -> bool:
        options = {**_SETTINGS, **self.settings, "port": str(port)}
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        command += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_owner(command), stdout=log, stderr=log, cwd=self.folder
            )
        end = time.monotonic() + _STARTING_S
        while time.monotonic() < end and self._process.poll() is None:
            if self._is_ready(self._process.pid):
                return True
            time.sleep(0.05)
        self.stop(signal.SIGQUIT)
        return False

    def _is_ready(self, pid: int) -> bool:
        """Asks the server's own file, because on its port another may answer (miscadmin.h)."""
        path = self.folder / "data" / "postmaster.pid"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


@contextmanager
def running(
    identity: Identity | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Postgres]:
    """Runs a server for as long as the block lasts; skips the test where none is installed.

    Args:
        identity: where given, the server speaks TLS and nothing else.
        settings: more of postgresql.conf.

    Yields:
        The server, which takes connections.
    """
    programs = require_programs()
    # Not below pytest's folder, which its owner alone may enter.
    folder = Path(tempfile.mkdtemp(prefix="kubeloop-postgres-"))
    server = Postgres(programs, folder, secrets.token_urlsafe(12), dict(settings or {}))
    try:
        _make(server, identity)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def require_programs() -> Path:
    """Returns the folder of the newest server's programs; skips the test where there is none."""
    found = sorted(_PACKAGES.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    path = str(found[-1]) if found else shutil.which("initdb")
    if path is None:
        pytest.skip(f"NOT TESTED: PostgreSQL is not here (no initdb in {_PACKAGES} or on the path)")
    if os.geteuid() == 0 and not _has_owner():
        pytest.skip("NOT TESTED: PostgreSQL does not run as root, and there is no user 'postgres'")
    return Path(path).resolve().parent


def _make(server: Postgres, identity: Identity | None) -> None:
    """Makes the folder of a server's data: one user, who comes with the password, over TCP only."""
    word = server.folder / "password"
    word.touch(mode=0o600)
    word.write_text(server.password, encoding="utf-8")
    _give(server.folder, word)
    command = [str(server.programs / "initdb"), "-D", str(server.folder / "data"), "--no-sync"]
    command += ["--username", USER, "--pwfile", str(word), "--auth", "scram-sha-256"]
    command += ["--encoding", "UTF8", "--locale", "C"]
    made = subprocess.run(_as_owner(command), cwd=server.folder, capture_output=True, text=True)
    if made.returncode:
        msg = f"initdb failed: {made.stderr[-2000:]}"
        raise RuntimeError(msg)
    kind = "hostssl" if identity else "host"
    rule = f"{kind} all all {HOST}/32 scram-sha-256\n"
    (server.folder / "data" / "pg_hba.conf").write_text(rule, encoding="utf-8")
    if identity:
        for name, source in (("cert", identity.certificate), ("key", identity.key)):
            target = server.folder / f"{name}.pem"
            shutil.copy(source, target)
            target.chmod(0o600)
            _give(target)
            server.settings = {**server.settings, f"ssl_{name}_file": str(target)}
        server.settings = {**server.settings, "ssl": "on"}


def _as_owner(command: list[str]) -> list[str]:
    """Prepends what makes a command run as the server's user; the process keeps its number."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]


def _has_owner() -> bool:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return False
    return True


def _give(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "postgres", "postgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
