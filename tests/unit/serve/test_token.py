import os
from pathlib import Path

import pytest

from components.errors import DeployError
from components.serve.token import Token


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret-Token.1\n")
    return path


@pytest.mark.parametrize(
    ("given", "admitted"),
    [
        ("Bearer s3cret-Token.1", True),
        ("bearer  s3cret-Token.1 ", True),
        ("Bearer s3cret-Token.2", False),
        ("Bearer s3cret-Token.", False),
        ("Bearer", False),
        ("Basic s3cret-Token.1", False),
        ("s3cret-Token.1", False),
        ("Bearer \udcff\u20ac", False),
        ("", False),
        (None, False),
    ],
)
def test_admits_the_token_alone(file: Path, given: str | None, admitted: bool) -> None:
    assert Token(file).admits(given) is admitted


def test_admits_the_new_token_once_the_file_has_changed(file: Path) -> None:
    token = Token(file)
    other = file.with_name("other")
    other.write_text("another")
    os.replace(other, file)
    assert token.admits("Bearer another")
    assert not token.admits("Bearer s3cret-Token.1")


@pytest.mark.parametrize("content", [None, "", "two words", "é"])
def test_admits_nobody_while_the_file_holds_no_token(
    file: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    token = Token(file)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for given in ("Bearer s3cret-Token.1", "Bearer ", "Bearer two words", "Bearer"):
        assert not token.admits(given)
    assert caplog.text.count("admits nobody") == 1
    file.write_text("mended")
    assert token.admits("Bearer mended")


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff", b"a\nb"])
def test_token_of_a_file_without_one_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeployError, match=r"token file '.*' cannot be used: .*; expected one line"):
        Token(path)
