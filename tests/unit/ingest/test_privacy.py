import decimal
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.ingest.privacy import protect
from components.spec import Spec, parse

KEY = b"0123456789abcdef"
VARIABLE = "KUBELOOP_PRIVACY_KEY_FILE"


def spec_of(columns: dict[str, Any], drop: list[str] | None = None) -> Spec:
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y"}
    return parse(json.dumps({**document, "columns": columns, "drop": drop or []}))


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def hashed(values: Any, missing: list[str] | None = None) -> list[str | None]:
    spec = spec_of({"p": {"privacy": "hash", "missing": missing or []}})
    return protect(pl.LazyFrame({"p": values}), spec).collect()["p"].to_list()


def test_protect_hash_is_hmac_sha_256_of_the_text(key: Path) -> None:
    expected = hmac.new(KEY, b"ada", hashlib.sha256).hexdigest()[:32]
    assert hashed(["ada", " ada ", None, "", "?"], ["?"]) == [expected, expected, None, None, None]


def test_protect_hash_of_one_number_does_not_depend_on_its_storage(key: Path) -> None:
    found = {
        hashed([1])[0],
        hashed([1.0, float("nan")])[0],
        hashed([decimal.Decimal("1.00")])[0],
        hashed(["1"])[0],
    }
    assert len(found) == 1


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=8))
def test_protect_hash_is_stable_and_keyed(key: Path, values: list[str]) -> None:
    key.write_bytes(KEY)
    once, again = hashed(values), hashed(values)
    key.write_bytes(KEY[::-1])
    others = hashed(values)
    assert once == again
    for value, one, other in zip(values, once, others, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (re.fullmatch("[0-9a-f]{32}", one) and one != other and one != value)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=8))
def test_protect_mask_keeps_no_letter_or_digit(values: list[str]) -> None:
    spec = spec_of({"p": {"privacy": "mask"}})
    masked = protect(pl.LazyFrame({"p": values}), spec).collect()["p"].to_list()
    for text in masked:
        assert text is None or not any(c.isalnum() for c in text if c not in "x0")


def test_protect_mask_keeps_the_shape() -> None:
    rows = pl.LazyFrame({"p": ["Ada.L@mail.org", "+49 30-12", "é٣😀", "e\u0301"]})
    masked = protect(rows, spec_of({"p": {"privacy": "mask"}})).collect()["p"].to_list()
    assert masked == ["xxx.x@xxxx.xxx", "+00 00-00", "x0x", "xx"]


def test_protect_drops_private_and_unwanted_columns() -> None:
    rows = pl.LazyFrame({"p": [1], "notes": [2], "a": [3]})
    spec = spec_of({"p": {"privacy": "drop"}}, ["notes"])
    assert protect(rows, spec).collect().columns == ["a"]


@pytest.mark.parametrize("way", ["hash", "mask"])
def test_protect_lists_are_refused(key: Path, way: str) -> None:
    with pytest.raises(DataError, match=r"column 'p' is declared `privacy: .*` and holds List"):
        protect(pl.LazyFrame({"p": [[1]]}), spec_of({"p": {"privacy": way}}))


def test_protect_no_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DataError, match=f"set {VARIABLE} to a file of at least 16 random bytes"):
        hashed(["a"])
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(DataError, match="none' cannot be read: No such file"):
        hashed(["a"])
    (tmp_path / "none").write_bytes(KEY[:15])
    with pytest.raises(DataError, match="is too short, needs 16 bytes"):
        hashed(["a"])


def test_protect_hash_of_one_name_does_not_depend_on_its_unicode_form(key: Path) -> None:
    assert hashed(["Zo\u00eb"]) == hashed(["Zoe\u0308"])


def test_protect_hash_of_one_moment_does_not_depend_on_its_unit(key: Path) -> None:
    text = pl.Series(["2020-01-02 03:04:05"])
    units: tuple[Any, ...] = ("ms", "us", "ns")
    assert len({hashed(text.str.to_datetime(time_unit=unit))[0] for unit in units}) == 1


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o644, True)])
def test_protect_key_that_others_may_read_is_used_with_a_warning(
    key: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool
) -> None:
    key.chmod(mode)
    assert hashed(["ada"])[0] is not None
    assert ("others may read the privacy key file" in caplog.text) is warned
    assert KEY.decode() not in caplog.text
