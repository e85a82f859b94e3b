from pathlib import Path

import pytest

from components.spec import SpecProblemsError
from pipelines.fresh import resolve_fresh


@pytest.mark.parametrize(
    "address",
    [
        "http://monitor.kubeloop.svc:9091/v1/models/m/labelled.parquet?since=2026-11-01T00:00:00Z",
        "https://store/rows.parquet",
        "s3://bucket/rows.parquet",
        "gs://bucket/rows.parquet",
        "/data/rows.parquet",
    ],
)
def test_resolve_fresh_address_stays_as_it_is(address: str) -> None:
    assert resolve_fresh(address) == address


def test_resolve_fresh_path_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_fresh("rows.parquet") == str(tmp_path / "rows.parquet")
    assert resolve_fresh("file:///data/rows.parquet") == "/data/rows.parquet"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://user:SECRET@m/l.parquet", "expected no password in a source"),
        ("http://m/l.parquet?token=SECRET", "expected no credentials in a source, as its 'token'"),
        ("ftp://m/l.parquet", "expected a path, or a URI whose scheme is"),
        ("http:///l.parquet", "and a host"),
        ("sklearn://wine", "expected the labelled rows of a served model, a Parquet file"),
        ("a\nb.parquet", "without control characters"),
    ],
)
def test_resolve_fresh_wrong_address_is_refused_without_its_secret(address: str, said: str) -> None:
    with pytest.raises(SpecProblemsError) as error:
        resolve_fresh(address)
    assert said in str(error.value)
    assert "--fresh: got" in str(error.value)
    assert "SECRET" not in str(error.value)
