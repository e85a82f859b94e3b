"""The same model packaged twice: in other processes, folders, zones and orders of hashing."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder
from skops import io

from components.package.repeatable import copy_repeatable
from components.spec import CANDIDATES
from tests.packaging import RUNTIMES

RUN = "import sys; from pathlib import Path; from tests.packaging import package_all; "
RUN += "package_all(Path(sys.argv[1]))"
TRIED = ((1, "UTC", "C.UTF-8", "a"), (4242, "Asia/Kathmandu", "C", "another folder/ü"))


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All bundles, packaged by two processes that share nothing but the code."""
    made, project = [], str(Path(__file__).parents[3])
    for seed, zone, language, name in TRIED:
        root = tmp_path_factory.mktemp("packaged") / name
        root.mkdir(parents=True)
        changed = {"PYTHONHASHSEED": str(seed), "TZ": zone, "LC_ALL": language}
        environment = {**os.environ, **changed, "PYTHONPATH": project}
        command = [sys.executable, "-P", "-c", RUN, str(root)]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        made.append(root)
    return made


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", CANDIDATES)
def test_bundle_of_the_same_model_has_the_same_bytes(
    task: str, runtime: str, roots: list[Path]
) -> None:
    one, other = (root / f"{task}-{runtime}" / "bundle" for root in roots)
    names = sorted(path.name for path in one.iterdir())
    assert f"model.{runtime}" in names
    assert names == sorted(path.name for path in other.iterdir())
    assert [n for n in names if (one / n).read_bytes() != (other / n).read_bytes()] == []
    manifest = json.loads((one / "bundle.json").read_text(encoding="utf-8"))
    assert sorted([*manifest["files"], "bundle.json"]) == names


def few(size: int) -> Any:
    """A sparse matrix, which skops keeps as an archive of its own: the identity."""
    return OneHotEncoder().fit_transform(np.arange(size).reshape(-1, 1))


def dumped(value: Any, path: Path) -> Path:
    io.dump(value, path)
    return path


def test_copy_repeatable_keeps_what_was_written(tmp_path: Path) -> None:
    shared = np.arange(6.0)
    value = {
        "one": shared,
        "same": shared,
        "equal": np.arange(6.0),
        "texts": np.array(["a", None], dtype=object),
        "sparse": few(3),
        "set": {"a", "b", ("c", 1)},
        "bytes": b"\0\1",
        "file": "not a file",
    }
    copy_repeatable(dumped(value, tmp_path / "a.skops"), tmp_path / "b.skops")
    again = io.load(tmp_path / "b.skops", trusted=["numpy.dtype", "scipy.sparse._csr.csr_matrix"])
    assert list(again) == list(value)
    assert np.array_equal(again["one"], shared)
    assert again["one"] is again["same"]
    assert again["one"] is not again["equal"]
    assert again["texts"].tolist() == ["a", None]
    assert np.array_equal(again["sparse"].toarray(), np.eye(3))
    assert (again["set"], again["bytes"], again["file"]) == (
        value["set"],
        value["bytes"],
        "not a file",
    )


def test_copy_repeatable_of_a_copy_is_that_copy(tmp_path: Path) -> None:
    value = {"a": np.arange(3), "b": few(2), "c": {"x", "y"}}
    copy_repeatable(dumped(value, tmp_path / "a.skops"), tmp_path / "b.skops")
    copy_repeatable(tmp_path / "b.skops", tmp_path / "c.skops")
    assert (tmp_path / "b.skops").read_bytes() == (tmp_path / "c.skops").read_bytes()
    with zipfile.ZipFile(tmp_path / "b.skops") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_copy_repeatable_of_equal_objects_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for at in range(2):
        # Whatever is at the first one's addresses, the second's are others.
        value = {"a": np.arange(3.0), "b": [np.ones(2), b"x"], "c": few(2)}
        copy_repeatable(dumped(value, tmp_path / f"{at}.skops"), tmp_path / f"{at}.copy")
        made.append((value, (tmp_path / f"{at}.copy").read_bytes()))
    assert made[0][1] == made[1][1]
    assert (tmp_path / "0.skops").read_bytes() != (tmp_path / "1.skops").read_bytes()
