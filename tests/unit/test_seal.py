"""Every file of real bundles, damaged in every way, and what is said of it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest

from components.bundle import load, read
from components.errors import BundleError
from tests.packaging import awkward_pipeline, packaged
from tests.tables import write_split

FILES = ("bundle.json", "card.md", "model", "reference.json", "statistics.json")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A packaged bundle of each runtime."""
    made: dict[str, Path] = {}
    for runtime in ("onnx", "skops"):
        root = tmp_path_factory.mktemp(runtime)
        train = write_split(root, "binary", rows=120)["train"]
        pipeline = awkward_pipeline("binary", train) if runtime == "skops" else None
        assert packaged(root, "binary", "logistic", pipeline).manifest.runtime == runtime
        made[runtime] = root / "bundle"
    return made


@pytest.fixture(params=["onnx", "skops"])
def copy(request: pytest.FixtureRequest, bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A bundle that may be damaged."""
    return Path(copytree(bundles[request.param], tmp_path / "bundle"))


def find(folder: Path, file: str) -> Path:
    """One of `FILES` in a bundle; the model by the name that its runtime gives it."""
    [path] = folder.glob(f"{file}.*" if file == "model" else file)
    return path


def change_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_link(path: Path) -> None:
    """The content is right, for as long as nobody changes it where it lies."""
    path.symlink_to(path.rename(path.parent.with_name("elsewhere")))


def become_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[Callable[[Path], None], str] = {
    change_a_bit: "altered",
    cut: "altered",
    empty: "altered",
    Path.unlink: "missing",
    become_folder: "no file",
    become_pipe: "no file",
    become_link: "a link and no file",
    become_dangling_link: "a link and no file",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("file", FILES[1:])
def test_read_of_each_damaged_file_names_it(
    copy: Path, file: str, damage: Callable[[Path], None]
) -> None:
    path = find(copy, file)
    assert read(copy, alone=True).files
    damage(path)
    with pytest.raises(BundleError) as caught:
        read(copy, alone=True)
    assert f"is damaged; {DAMAGES[damage]}: {path.name}. Package or fetch" in str(caught.value)


@pytest.mark.parametrize("damage", list(DAMAGES)[1:], ids=lambda d: d.__name__)
def test_read_of_damaged_manifest_names_it(copy: Path, damage: Callable[[Path], None]) -> None:
    damage(copy / "bundle.json")
    with pytest.raises(BundleError, match=r"bundle\.json"):
        read(copy, alone=True)


@pytest.mark.parametrize(
    "changes",
    [{"threshold": 0.25}, {"classes": ["yes", "no"]}, {"revision": "mine"}, {"digest": ""}],
)
def test_read_of_manifest_changed_into_another_valid_one_names_it(
    copy: Path, changes: dict[str, Any]
) -> None:
    document = json.loads((copy / "bundle.json").read_text())
    assert document.keys() >= changes.keys()
    (copy / "bundle.json").write_text(json.dumps(document))
    assert read(copy).name == "toy"
    (copy / "bundle.json").write_text(json.dumps(document | changes))
    with pytest.raises(BundleError, match=r"is damaged; altered: bundle\.json\. Package or fetch"):
        read(copy)


@pytest.mark.parametrize("file", FILES[1:])
def test_load_of_links_with_the_right_content_is_granted(copy: Path, file: str) -> None:
    """A server's folder may be a view of a store, as KServe makes it of a file:// address."""
    become_link(find(copy, file))
    assert load(copy).manifest.name == "toy"


@pytest.mark.parametrize(
    ("name", "said"),
    [("model.pkl", "model.pkl"), (".hidden", ".hidden"), ("a\nb\x1b[2J", "'a\\nb\\x1b[2J'")],
)
def test_read_of_another_file_names_it_where_nothing_else_may_be(
    copy: Path, name: str, said: str
) -> None:
    (copy / name).write_bytes(b"")
    with pytest.raises(BundleError, match=re.escape(f"not in the manifest: {said}. ")):
        read(copy, alone=True)
    assert read(copy).name == "toy"


def test_read_of_name_that_is_no_text_names_it(copy: Path) -> None:
    Path(os.fsdecode(os.fsencode(copy) + b"/\xff.bin")).write_bytes(b"")
    with pytest.raises(BundleError, match="not in the manifest") as caught:
        read(copy, alone=True)
    str(caught.value).encode("utf-8")


def test_read_of_another_folder_names_it(copy: Path) -> None:
    (copy / "more").mkdir()
    with pytest.raises(BundleError, match="not in the manifest: more"):
        read(copy, alone=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{" + b" " * 2**25, "longer than 33,554,432 bytes"),
        (b"[" * 100_000, "bundle.json is no JSON"),
        (b"\xff\xfe{}", "bundle.json is no JSON"),
        (b'{"format": 1' + b"0" * 5000 + b"}", "bundle.json is no JSON"),
        (b'{"name": "\\ud800"}', "bundle.json is no JSON"),
        (b"[]", "Input should be a valid dictionary"),
        (b"null", "Input should be a valid dictionary"),
    ],
)
def test_read_of_manifest_that_is_none_says_so(copy: Path, content: bytes, said: str) -> None:
    (copy / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match=said):
        read(copy)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "a/b", "", "..", ".hidden", "a\0b", "a\nb", "x" * 300]
)
def test_read_of_manifest_that_vouches_for_what_is_outside_is_refused(
    copy: Path, name: str
) -> None:
    document = json.loads((copy / "bundle.json").read_text())
    document["files"][name] = "00"
    (copy / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match="bundle.json is wrong at .*files"):
        read(copy)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "regression"}, "classes are for classification, and the task is 'regression'"),
        ({"classes": None}, "classes are for classification, and the task is 'binary'"),
        ({"classes": ["a", "b", "c"]}, "a binary model has two classes and a threshold"),
        ({"threshold": None}, "a binary model has two classes and a threshold"),
    ],
)
def test_read_of_manifest_that_disagrees_with_itself_is_refused(
    copy: Path, changes: dict[str, object], said: str
) -> None:
    document = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(document | changes))
    with pytest.raises(BundleError, match=said):
        read(copy)


def test_read_of_very_many_wrong_fields_shows_a_few(copy: Path) -> None:
    document = json.loads((copy / "bundle.json").read_text())
    document |= {f"odd{at:04d}": 1 for at in range(1000)}
    (copy / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match="odd0019 and 980 more$"):
        read(copy)


def test_read_of_folder_that_is_a_file_or_too_long_a_name_is_refused(
    copy: Path, tmp_path: Path
) -> None:
    for place in (copy / "card.md", tmp_path / ("x" * 5000)):
        with pytest.raises(BundleError, match="no model bundle at"):
            read(place)
    rmtree(copy)
    with pytest.raises(BundleError, match="no model bundle at"):
        read(copy)
