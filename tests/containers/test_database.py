"""The images and a PostgreSQL that is to be trusted by its certificate alone, `verify-full`."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests import postgres
from tests.certificates import Authority
from tests.containers.engine import Engine

ROOTS = "/etc/ssl/certs/ca-certificates.crt"
# Where production's overlay mounts the ConfigMap `database-authority`.
PRIVATE = "/etc/kubeloop/database/ca.crt"
CONNECT = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    print(*connection.execute(
        "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone())
"""


@dataclass(frozen=True)
class Database:
    """A server on this machine's loopback, and the authority of its certificate."""

    server: postgres.Postgres
    authority: Authority


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("authorities")
    authority = Authority.make(folder, "own")
    with postgres.running(authority.issue("localhost")) as server:
        yield Database(server, authority)


def connect(engine: Engine, target: str, uri: str, *volumes: str) -> tuple[int, str]:
    """Connects from a container that shares this machine's loopback."""
    options = {"entrypoint": ["python3"], "network": "host", "volumes": list(volumes)}
    return engine.finish(target, "-c", CONNECT, uri, **options)


@pytest.mark.parametrize("target", ["monitor", "pipeline"])
@pytest.mark.parametrize(
    ("roots", "path"), [("system", ROOTS), (PRIVATE, PRIVATE)], ids=["public", "private"]
)
def test_image_trusts_a_database_by_the_authorities_that_its_address_names(
    engine: Engine, database: Database, target: str, roots: str, path: str
) -> None:
    uri = database.server.url(host="localhost", sslmode="verify-full", sslrootcert=roots)
    status, said = connect(engine, target, uri, f"{database.authority.certificate}:{path}:ro")
    assert (status, said) == (0, "True TLSv1.3\n")


@pytest.mark.parametrize("target", ["monitor", "pipeline"])
def test_image_trusts_no_database_of_an_unknown_authority(
    engine: Engine, database: Database, target: str
) -> None:
    uri = database.server.url(host="localhost", sslmode="verify-full", sslrootcert="system")
    status, said = connect(engine, target, uri)
    assert status == 1
    assert "certificate verify failed" in said
