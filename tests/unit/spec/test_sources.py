from pathlib import Path

import pytest

from components.spec import DATASETS, SpecProblemsError, load, parse
from components.spec.sources import resolve

REQUIRED = "name: churn\ntask: binary\ntarget: Churn\n"


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        ("a.csv", "/specs/a.csv"),
        ("./data/a-*.csv", "/specs/data/a-*.csv"),
        ("../a.parquet", "/a.parquet"),
        ("/data/a.csv", "/data/a.csv"),
        ("file:///data/a%20b.csv", "/data/a b.csv"),
        ("file://localhost/data/a.csv", "/data/a.csv"),
        ("file:/data/a?.csv", "/data/a?.csv"),
        ("s3://bucket/a.csv", "s3://bucket/a.csv"),
        ("gs://bucket/*.parquet", "gs://bucket/*.parquet"),
        ("https://host.example/a.csv", "https://host.example/a.csv"),
        ("sklearn://wine", "sklearn://wine"),
        ("C:rows.csv", "/specs/C:rows.csv"),
    ],
)
def test_resolve_source_is_absolute(source: str, resolved: str) -> None:
    assert resolve(source, Path("/specs")) == resolved


def test_resolve_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert resolve("~/a.csv", None) == "/home/ada/a.csv"


def test_resolve_glob_in_a_folder_that_looks_like_one_finds_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data [2026]"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    pattern = resolve("*.csv", folder)
    assert [path.name for path in Path("/").glob(pattern[1:])] == ["a.csv"]
    assert resolve("a.csv", folder) == str(folder / "a.csv")


def test_load_sources_are_relative_to_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(f"{REQUIRED}source: [a.csv, ../b.csv]\n")
    monkeypatch.chdir(tmp_path)
    source = load(Path("specs/a.yaml")).source
    assert source == [str(tmp_path / "specs" / "a.csv"), str(tmp_path / "b.csv")]


def test_parse_without_folder_leaves_relative_sources() -> None:
    assert parse(f"{REQUIRED}source: a.csv\n").source == ["a.csv"]


@pytest.mark.parametrize("name", DATASETS)
def test_parse_every_bundled_table_is_a_source(name: str) -> None:
    assert parse(f"{REQUIRED}source: sklearn://{name}\n").source == [f"sklearn://{name}"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ftp://host/a.csv", "expected a path, or a URI whose scheme is one of 'file', 's3', 'g"),
        ("http://host/a.csv", "did you mean 'https'?"),
        ("sklearn://breast-cancer", "did you mean 'breast_cancer'?"),
        ("sklearn://titanic", "expected sklearn:// and one of 'breast_cancer', 'diabetes', "),
        ("s3://bucket", "expected s3:// and a bucket, then a path"),
        ("https:///a.csv", "expected https:// and a host, then a path"),
        ("https://[x/a.csv", "expected a URI"),
        ("file://host/a.csv", "expected file:/// and an absolute path; write a relative path wit"),
        ("file:a.csv", "expected file:/// and an absolute path"),
        ('" "', "source[0]: got ' ', expected a path, a glob or a URI, without control charact"),
        ('"a\\0b"', "expected a path, a glob or a URI, without control characters"),
        ("[]", "source: got [], expected at least one entry"),
        ("[a.csv, 5]", "source[1]: got 5, expected a path, a glob or a URI, as text; put it in"),
        ("[a.csv, b.csv, a.csv]", "source[2]: got 'a.csv', expected each entry once"),
    ],
)
def test_parse_impossible_source_is_refused(source: str, message: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}source: {source}\n")
    assert message in str(refused.value)
    assert len(refused.value.problems) == 1


def test_parse_password_in_a_source_is_refused_and_not_shown() -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}source: https://ada:hunter2@host.example/a.csv\n")
    assert str(refused.value) == (
        "the spec has 1 problem:\n  source[0]: got 'https://ada:***@host.example/a.csv', expected "
        "no password in a source; credentials come from the environment or a mounted secret"
    )


@pytest.mark.parametrize(
    "key",
    [
        *("token", "access_token", "accessToken", "private-token", "sas_token", "X-Amz-Signature"),
        *("X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature", "Signature", "sig"),
        *(
            "api_key",
            "apikey",
            "API-Key",
            "x-api-key",
            "key",
            "password",
            "client_secret",
            "to%6ben",
        ),
    ],
)
@pytest.mark.parametrize(
    "form",
    ["?v=1&{}=hunter2", "?{}=hunter2&v=1", "?{}=hunter2#a", "#{}=hunter2", "?v=1#{}=hunter2"],
)
def test_parse_credential_in_a_query_is_refused_and_not_shown(key: str, form: str) -> None:
    source = f"https://host.example/a.csv{form.format(key)}"
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}source: '{source}'\n")
    assert len(refused.value.problems) == 1
    assert "expected no credentials in a source, as its" in str(refused.value)
    assert "the environment's NETRC names" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_parse_password_and_token_in_a_source_are_both_not_shown() -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(f"{REQUIRED}source: 'https://ada:hunter2@host.example/a.csv?token=hunter3'\n")
    assert "got 'https://ada:***@host.example/a.csv?***', expected no password" in str(
        refused.value
    )


@pytest.mark.parametrize(
    "source",
    [
        "https://host.example/a.csv?version=2&sort_key=day&tokens=3&design=4&monkey=5",
        "s3://bucket/a?token=1.csv",
        "token=1.csv",
    ],
)
def test_parse_query_without_credentials_is_taken(source: str) -> None:
    assert parse(f"{REQUIRED}source: '{source}'\n").source == [source]
