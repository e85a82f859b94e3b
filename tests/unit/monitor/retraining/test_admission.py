from pathlib import Path

import pytest

from components.errors import DeployError
from components.monitor.refusal import RefusedError
from components.monitor.retraining.admission import Admission


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret-token\n")
    return path


def refusal(admission: Admission, headers: dict[str, str]) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        admission.require_token(headers)
    return refused.value


def test_right_token_is_admitted(token: Path) -> None:
    Admission(token).require_token({"authorization": "bearer s3cret-token"})


@pytest.mark.parametrize(
    "shown",
    ["Bearer wrong", "Bearer ", "Bearer", "Basic s3cret-token", "s3cret-token", "Bearer s3cret-té"],
)
def test_other_token_is_refused_without_showing_ours(token: Path, shown: str) -> None:
    error = refusal(Admission(token), {"authorization": shown})
    assert (error.status, error.reason) == (401, "unauthorized")
    assert error.headers["WWW-Authenticate"] == 'Bearer realm="kubeloop", error="invalid_token"'
    assert "s3cret" not in str(error)


def test_no_token_shown_gets_a_challenge(token: Path) -> None:
    error = refusal(Admission(token), {})
    assert (error.status, error.headers) == (401, {"WWW-Authenticate": 'Bearer realm="kubeloop"'})


def test_without_a_file_alerts_are_refused_to_all() -> None:
    error = refusal(Admission(None), {"authorization": "Bearer "})
    assert (error.status, error.reason) == (403, "forbidden")
    assert "--alert-token-file" in str(error)


def test_changed_file_counts_at_once_and_a_broken_one_admits_nobody(token: Path) -> None:
    admission = Admission(token)
    token.write_text("another-token-that-is-longer")
    admission.require_token({"authorization": "Bearer another-token-that-is-longer"})
    refusal(admission, {"authorization": "Bearer s3cret-token"})
    token.write_text("two words")
    refusal(admission, {"authorization": "Bearer two words"})
    token.unlink()
    for _ in range(2):
        refusal(admission, {"authorization": "Bearer another-token-that-is-longer"})
        refusal(admission, {"authorization": "Bearer "})
    token.write_text("back")
    admission.require_token({"authorization": "Bearer back"})


@pytest.mark.parametrize("content", ["", "two words", "tok\nen"])
def test_file_without_a_token_is_refused_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(DeployError, match="it holds no token"):
        Admission(path)
    with pytest.raises(DeployError, match="No such file"):
        Admission(tmp_path / "none")


def test_person_needs_the_token_or_this_machine(token: Path) -> None:
    Admission(None).require_person({}, "127.0.0.1")
    Admission(None).require_person({}, "::1")
    for client in ("10.0.0.7", None, "testclient"):
        with pytest.raises(RefusedError) as refused:
            Admission(None).require_person({}, client)
        assert refused.value.status == 403
    with pytest.raises(RefusedError) as refused:
        Admission(token).require_person({}, "127.0.0.1")
    assert refused.value.status == 401
    Admission(token).require_person({"authorization": "Bearer s3cret-token"}, "10.0.0.7")
