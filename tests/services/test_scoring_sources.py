"""Scoring what lies in a bucket, through a real S3 server on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from components.errors import DataError
from components.score.batch import PREDICTIONS, score_addresses
from tests.bundles import build
from tests.scoring import table


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "SECRET"}
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    for name, value in {**keys, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    yield client
    # Another server in this process would still have them.
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    client.delete_bucket(Bucket="bucket")
    server.stop()


def test_score_addresses_of_bucket_answers_every_row(s3: Any, tmp_path: Path) -> None:
    table().write_parquet(tmp_path / "rows.parquet")
    s3.upload_file(str(tmp_path / "rows.parquet"), "bucket", "in/rows.parquet")
    for file in build(tmp_path / "bundle", "binary").folder.iterdir():
        s3.upload_file(str(file), "bucket", f"models/churn/{file.name}")
    out = tmp_path / "out" / "predictions"
    at, source = "s3://bucket/models/churn", "s3://bucket/in/rows.parquet"
    assert score_addresses(at, source, out, errors="refuse").counts()["rows"] == 100
    assert pl.read_parquet(out / PREDICTIONS).height == 100
    assert list(out.parent.iterdir()) == [out]


def test_score_addresses_of_missing_object_says_so(s3: Any, tmp_path: Path) -> None:
    folder = str(build(tmp_path / "bundle", "binary").folder)
    with pytest.raises(DataError, match=r"'s3://bucket/gone.csv' cannot be fetched: FileNotFound"):
        score_addresses(folder, "s3://bucket/gone.csv", tmp_path / "out", errors="refuse")
