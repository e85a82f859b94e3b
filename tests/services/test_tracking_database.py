"""The tracking server's database behind TLS: a real PostgreSQL, reached as MLflow reaches it.

What production's Secret `tracking-database` holds ends in `sslmode=verify-full` and says by
`sslrootcert` whose certificates it trusts: `system`, the public authorities that the images name in
`SSL_CERT_FILE`, or the file of a private one.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import parse_qs

import psutil
import psycopg
import pytest
import yaml

from tests import postgres
from tests.certificates import Authority

ROOT = Path(__file__).parents[2]
PRODUCTION = ROOT / "manifests" / "overlays" / "production"
HOST = "localhost"
_STARTING_S = 120
# The engine as MLflow makes it (mlflow/store/db/utils.py); its own tries for minutes.
CONNECT = """
import sys
from sqlalchemy import create_engine, text
with create_engine(sys.argv[1], pool_pre_ping=True).connect() as connection:
    print(*connection.execute(text(
        "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).one())
"""


@dataclass(frozen=True)
class Database:
    """A PostgreSQL that speaks TLS alone, and authorities.

    Attributes:
        server: shows a certificate for `localhost`.
        own: the authority that it comes from.
        other: another authority.
    """

    server: postgres.Postgres
    own: Authority
    other: Authority

    def uri(self, roots: str, host: str = HOST) -> str:
        """As the Secret holds it; `postgres` is an empty database that every server has."""
        address = self.server.url(host=host, sslmode="verify-full", sslrootcert=roots)
        return address.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("authorities")
    own, other = Authority.make(folder, "own"), Authority.make(folder, "other")
    with postgres.running(own.issue(HOST)) as server:
        yield Database(server, own, other)


def environment(**variables: str) -> dict[str, str]:
    """This process's, but for what it says itself of TLS and of PostgreSQL."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SSL_CERT_", "PG"))}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", **variables}


def trust(way: str, authority: Authority) -> tuple[str, dict[str, str]]:
    """The `sslrootcert`, and the variables beside it, by which a client trusts an authority."""
    path = str(authority.certificate)
    return ("system", {"SSL_CERT_FILE": path}) if way == "system" else (path, {})


def connect(uri: str, **variables: str) -> tuple[int, str]:
    """Connects in a process of its own; returns its status and words."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", CONNECT, uri],
        env=environment(**variables),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_production_prescribes_roots_that_its_pod_has() -> None:
    """Without `sslrootcert` the address would name a file that no pod has; see below."""
    said = (PRODUCTION / "kustomization.yaml").read_text(encoding="utf-8")
    (query,) = re.findall(r"postgresql\+psycopg://USER:PASSWORD@HOST:5432/NAME\?(\S+)", said)
    assert parse_qs(query).keys() == {"sslmode", "sslrootcert"}
    assert parse_qs(query)["sslmode"] == ["verify-full"]
    patch = (PRODUCTION / "kubeloop" / "deployment-mlflow.yaml").read_text(encoding="utf-8")
    (container,) = yaml.safe_load(patch)["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    found = set(re.findall(r"sslrootcert=([\w/.-]+)", said))
    assert {str(Path(roots).parent) for roots in found - {"system"}} == mounted
    # The images name the public authorities; tests/containers/ shows that they are there.
    assert "SSL_CERT_FILE=/" in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("way", ["system", "file"])
def test_verify_full_connects_where_the_authority_is_the_right_one(
    database: Database, way: str
) -> None:
    roots, variables = trust(way, database.own)
    assert connect(database.uri(roots), **variables) == (0, "True TLSv1.3\n")


@pytest.mark.parametrize("way", ["system", "file"])
def test_verify_full_refuses_the_certificate_of_another_authority(
    database: Database, way: str
) -> None:
    roots, variables = trust(way, database.other)
    status, said = connect(database.uri(roots), **variables)
    assert status == 1
    assert "SSL error: certificate verify failed" in said


@pytest.mark.parametrize("way", ["system", "file"])
def test_verify_full_refuses_the_certificate_of_another_host(database: Database, way: str) -> None:
    roots, variables = trust(way, database.own)
    status, said = connect(database.uri(roots, postgres.HOST), **variables)
    assert status == 1
    assert "server certificate for" in said
    assert f'does not match host name "{postgres.HOST}"' in said


def test_system_roots_are_none_unless_they_are_named(database: Database) -> None:
    """psycopg's wheels bring an OpenSSL whose own folder is on no machine: hence the variable."""
    status, said = connect(database.uri("system"))
    assert status == 1
    assert "SSL error: certificate verify failed" in said


def test_verify_full_alone_finds_no_roots_and_says_so(database: Database, tmp_path: Path) -> None:
    address = database.uri("system").replace("&sslrootcert=system", "")
    status, said = connect(address, HOME=str(tmp_path))
    assert status == 1
    assert 'root.crt" does not exist' in said


def test_database_of_the_tests_takes_nothing_in_the_clear(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(database.server.url(sslmode="disable"))


class Tracking:
    """MLflow's server on loopback, as the manifest starts it: the address comes in a variable."""

    def __init__(self, folder: Path, uri: str, **variables: str) -> None:
        with socket.socket() as free:
            free.bind((postgres.HOST, 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-P", "-m", "mlflow", "server", f"--port={self.port}"]
        command += [f"--host={postgres.HOST}", "--workers=1", "--no-serve-artifacts"]
        given = environment(
            MLFLOW_BACKEND_STORE_URI=uri,
            MLFLOW_DEFAULT_ARTIFACT_ROOT="s3://bucket/mlflow",
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            **variables,
        )
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=given, stdout=log, stderr=log)

    def ask(self, method: str, path: str, **body: str) -> tuple[int, str]:
        connection = HTTPConnection(postgres.HOST, self.port, timeout=_STARTING_S)
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def await_ready(self) -> None:
        end = time.monotonic() + _STARTING_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except (OSError, HTTPException):
                time.sleep(0.2)
        pytest.fail(f"MLflow is not ready: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for process in family:
            process.terminate()
        for process in psutil.wait_procs(family, timeout=20)[1]:
            process.kill()
        self.process.wait()


def test_tracking_server_keeps_models_behind_tls(database: Database, tmp_path: Path) -> None:
    roots, variables = trust("system", database.own)
    server = Tracking(tmp_path, database.uri(roots), **variables)
    try:
        server.await_ready()
        path = "/api/2.0/mlflow/registered-models/create"
        assert server.ask("POST", path, name="telco-churn")[0] == 200
        with psycopg.connect(database.server.url()) as connection:
            models = connection.execute("SELECT name FROM registered_models").fetchall()
            encrypted = connection.execute(
                "SELECT count(*), bool_and(ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
                " WHERE usename = %s AND pid <> pg_backend_pid()",
                (postgres.USER,),
            ).fetchone()
        assert models == [("telco-churn",)]
        assert encrypted
        assert encrypted[0] > 0
        assert encrypted[1] is True
    finally:
        server.stop()
