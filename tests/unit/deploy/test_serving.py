"""The parameter `serving`."""

import pytest

from components.deploy.serving import KServe, ModelServer, read_serving
from components.errors import SpecError


@pytest.mark.parametrize(
    ("serving", "expected"),
    [
        ("http://127.0.0.1:8080", ModelServer("http://127.0.0.1:8080")),
        ("https://models.example:443/", ModelServer("https://models.example:443")),
        ("kserve://models", KServe("models")),
        ("kserve://team-a/", KServe("team-a")),
    ],
)
def test_read_serving_tells_a_model_server_from_a_namespace(
    serving: str, expected: ModelServer | KServe
) -> None:
    assert read_serving(serving) == expected


@pytest.mark.parametrize(
    "serving", ["", "models", "ftp://models", "kserve://", "kserve://Models", "kserve://a/b"]
)
def test_read_serving_of_anything_else_says_what_was_expected(serving: str) -> None:
    said = ": expected http://host:port of a model server, or kserve://"
    with pytest.raises(SpecError, match=said):
        read_serving(serving)


@pytest.mark.parametrize("serving", ["kserve://user:secret@models", "user:secret@models:8080"])
def test_read_serving_shows_no_password(serving: str) -> None:
    with pytest.raises(SpecError) as told:
        read_serving(serving)
    assert "models" in str(told.value)
    assert "secret" not in str(told.value)
