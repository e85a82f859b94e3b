import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from components.errors import BundleError, StateError
from components.serve.metrics import Metrics
from components.serve.repository import Repository
from components.serve.runtime import Models
from tests.bundles import Fitted, reseal


class Served:
    """A repository with what it fills."""

    def __init__(self, state: Path | None) -> None:
        self.models = Models()
        self.registry = CollectorRegistry()
        self.repository = Repository(self.models, Metrics(self.registry), state)

    def info(self, version: str) -> float | None:
        labels = {"model_name": "churn", "model_version": version}
        labels |= {"task": "binary", "runtime": "onnx"}
        return self.registry.get_sample_value("kubeloop_model_info", labels)


def test_load_writes_the_state_and_states_the_version(binary: Fitted, tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.repository.load(binary.folder, 3, "churn")
    assert json.loads((tmp_path / "serving/churn.json").read_text()) == {
        "format": 1,
        "name": "churn",
        "path": str(binary.folder),
        "version": 3,
    }
    assert [file.name for file in (tmp_path / "serving").iterdir()] == ["churn.json"]
    served.repository.load(binary.folder, 4, "churn")
    assert (served.info("3"), served.info("4")) == (None, 1.0)


def test_load_of_a_refused_bundle_keeps_the_old_one(binary: Fitted, tmp_path: Path) -> None:
    served = Served(tmp_path / "state")
    served.repository.load(binary.folder, 3)
    bad = reseal(binary, tmp_path / "bad")
    (bad / "card.md").write_text("changed")
    with pytest.raises(BundleError, match="altered: card.md"):
        served.repository.load(bad, 4)
    assert served.models.find("churn").version == 3
    assert json.loads((tmp_path / "state/serving/churn.json").read_text())["version"] == 3


def test_load_under_another_name_is_refused(binary: Fitted, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds model 'churn', not 'wine'"):
        Served(tmp_path).repository.load(binary.folder, 1, "wine")


def test_load_of_a_name_that_is_a_path_is_refused(binary: Fitted, tmp_path: Path) -> None:
    folder = reseal(binary, tmp_path / "b", name="../evil")
    with pytest.raises(BundleError, match="'../evil' is no DNS label"):
        Served(tmp_path).repository.load(folder, 1)


def test_load_that_cannot_be_remembered_keeps_the_old_one(binary: Fitted, tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.repository.load(binary.folder, 3)
    (tmp_path / "serving/churn.json").unlink()
    (tmp_path / "serving").rmdir()
    (tmp_path / "serving").write_text("a file where a folder should be")
    with pytest.raises(StateError, match="cannot write the state of model 'churn'"):
        served.repository.load(binary.folder, 4)
    assert served.models.find("churn").version == 3
    assert (served.info("3"), served.info("4")) == (1.0, None)


def test_resume_serves_every_sound_entry_and_none_else(
    binary: Fitted, multiclass: Fitted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Served(tmp_path)
    first.repository.load(binary.folder, 3)
    first.repository.load(multiclass.folder, 1)
    serving = tmp_path / "serving"
    (serving / "wine.json").write_text("{")
    (serving / "newer.json").write_text('{"format": 2}')
    (serving / "list.json").write_text("[]")
    entry = {"format": 1, "name": "gone", "path": str(tmp_path / "gone"), "version": 1}
    (serving / "gone.json").write_text(json.dumps(entry))
    (serving / "other.json").write_text(json.dumps(entry | {"path": str(binary.folder)}))
    again = Served(tmp_path)
    again.repository.resume()
    assert again.models.find("churn").version == 3
    assert again.models.names() == ["churn", "gone", "list", "newer", "other", "wine"]
    assert all(again.models.get(name) is None for name in again.models.names()[1:])
    assert "has format 2, this version reads up to 1: use a newer Kubeloop" in caplog.text
    assert "model=gone: no model bundle at" in caplog.text


def test_unload_forgets_the_model(binary: Fitted, tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.repository.load(binary.folder, 3)
    assert served.repository.unload("churn")
    assert not served.repository.unload("churn")
    assert list((tmp_path / "serving").iterdir()) == []
    assert served.info("3") is None


def test_load_without_a_state_folder_remembers_nothing(binary: Fitted) -> None:
    served = Served(None)
    served.repository.load(binary.folder, 3)
    served.repository.resume()
    assert served.models.names() == ["churn"]
