"""What is told of a registry that fails: no part of its address that may be a secret."""

from pathlib import Path

import pytest

from components.errors import RegistryError
from components.register.connection import PERSON
from components.register.registry import Registry


@pytest.mark.parametrize(
    "place",
    [
        "http://{}@127.0.0.1:1",
        "http://bob:{}@127.0.0.1:1",
        "http://{0}:{0}/{0}@127.0.0.1:1",
        "http://bob:{0}?{0}@127.0.0.1:1",
        "http://bob:{0}#{0}@127.0.0.1:1",
        "http://bob:{0}@{0}@127.0.0.1:1",
        "http://bob:{0}[{0}@127.0.0.1:1",
        "http://bob:{0} {0}@127.0.0.1:1",
        "http://bob:{0}%40{0}@127.0.0.1:1",
        "http://bob:{}@127.0.0.1:port",
        "http://127.0.0.1:1?token={}",
        "http://127.0.0.1:1/a?token={0}&x={0}#{0}",
        "http://127.0.0.1:1?token={0}@{0}",
        "http://127.0.0.1:1#{}",
        "ftp://{0}:{0}@127.0.0.1:1?{0}",
        "{0}:{0}@127.0.0.1:1",
    ],
)
def test_registry_that_fails_shows_no_secret_of_its_address(place: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(place.format("s3cr3t", "s3cr3t"), PERSON).names()
    said = str(caught.value)
    assert "***" in said
    assert "s3cr3t" not in said.lower()
    assert "bob" not in said


def test_registry_file_is_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "bob@example.org" / "registry.db"
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(RegistryError) as caught:
        Registry(f"sqlite:///{path}").names()
    assert f"the registry 'sqlite:///{path}' failed: " in str(caught.value)
