import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from components.bundle import Golden, Manifest, answer, load, read, write
from components.errors import BundleError
from components.runners import skops_runner
from components.signature import Feature, Signature, tensors
from tests.bundles import GOLDEN, Fitted, build, reseal


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "binary", "binary")


@pytest.fixture
def copy(fitted: Fitted, tmp_path: Path) -> Path:
    return reseal(fitted, tmp_path / "copy")


def test_write_then_read_gives_the_same_manifest(fitted: Fitted) -> None:
    manifest = read(fitted.folder)
    assert manifest == fitted.manifest
    assert sorted(manifest.files) == ["card.md", "model.onnx", "reference.json"]
    assert manifest.classes == ("No", "Yes")


def test_write_of_the_same_bundle_twice_gives_the_same_bytes(
    fitted: Fitted, copy: Path, tmp_path: Path
) -> None:
    again = reseal(fitted, tmp_path / "again")
    assert (copy / "bundle.json").read_bytes() == (again / "bundle.json").read_bytes()
    assert not list(again.glob(".*"))


def test_write_without_the_model_is_refused(fitted: Fitted, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'model.onnx' is missing"):
        write(tmp_path, fitted.manifest)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_load_then_predict_answers_as_the_fitted_pipeline(task: Any, tmp_path: Path) -> None:
    made = build(tmp_path / task, task)
    numbers, strings = tensors(made.manifest.signature, GOLDEN)
    prediction = load(made.folder).predict(numbers, strings)
    scores = made.scores(GOLDEN)
    if task == "regression":
        assert prediction.labels is None
        assert prediction.values is not None
        np.testing.assert_allclose(prediction.values, scores, rtol=1e-5)
    else:
        assert prediction.probabilities is not None
        np.testing.assert_allclose(prediction.probabilities, scores, atol=1e-6)
        assert prediction.labels == answer(made.manifest, scores).labels


@pytest.mark.parametrize("name", ["model.onnx", "reference.json", "card.md"])
def test_read_of_an_altered_file_is_refused_by_name(copy: Path, name: str) -> None:
    with (copy / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(BundleError, match=f"is damaged; altered: {name}. Package or fetch"):
        read(copy)


@pytest.mark.parametrize("name", ["model.onnx", "reference.json", "card.md"])
def test_read_of_a_missing_file_is_refused_by_name(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"is damaged; missing: {name}. Package or fetch"):
        read(copy)


def test_read_of_several_damaged_files_names_all(copy: Path) -> None:
    (copy / "card.md").unlink()
    (copy / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"missing: card\.md; altered: model\.onnx"):
        read(copy)


def test_read_of_a_manifest_that_does_not_vouch_for_the_model_is_refused(copy: Path) -> None:
    change(copy, files={})
    with pytest.raises(BundleError, match="missing: model.onnx"):
        read(copy)


def test_read_of_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model bundle at .*bundle\.json cannot be read"):
        read(tmp_path / "nowhere")


def test_read_of_a_newer_format_is_refused(copy: Path) -> None:
    change(copy, format=2, surprise=True)
    with pytest.raises(
        BundleError, match="has format 2, this version reads up to 1: use a newer Kubeloop"
    ):
        read(copy)


@pytest.mark.parametrize("text", ["{", "", "\x00"])
def test_read_of_a_manifest_that_is_no_json_is_refused(copy: Path, text: str) -> None:
    (copy / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match="bundle.json is no JSON"):
        read(copy)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"task": "clustering"}, "task"),
        ({"format": 0}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"signature": {}}, "signature.inputs"),
    ],
)
def test_read_of_a_malformed_manifest_names_the_field(
    copy: Path, changes: dict[str, Any], field: str
) -> None:
    change(copy, **changes)
    with pytest.raises(BundleError, match=f"bundle.json is wrong at .*{field}"):
        read(copy)


def test_load_of_a_model_that_is_no_onnx_is_refused(fitted: Fitted, copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"no model")
    write(copy, fitted.manifest)
    with pytest.raises(BundleError, match="model.onnx cannot be loaded"):
        load(copy)


def test_load_of_a_skops_bundle_answers_as_the_fitted_pipeline(
    fitted: Fitted, tmp_path: Path
) -> None:
    from skops import io

    io.dump(fitted.pipeline, tmp_path / "model.skops")
    write(tmp_path, fitted.manifest.model_copy(update={"runtime": "skops"}))
    prediction = load(tmp_path).predict(*tensors(fitted.manifest.signature, GOLDEN))
    assert prediction.labels == ["No", "Yes", "Yes", "No"]


def test_skops_runner_without_skops_names_the_image_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(BundleError, match=r"the image kubeloop/serve:\d+\.\d+\.\d+-skops"):
        skops_runner(tmp_path / "model.skops")


def test_skops_runner_refuses_a_type_outside_the_list(tmp_path: Path) -> None:
    from skops import io

    io.dump({"harmful": Path}, tmp_path / "model.skops")
    with pytest.raises(Exception, match="pathlib"):
        skops_runner(tmp_path / "model.skops")


@pytest.mark.parametrize(
    ("threshold", "labels"),
    [(0.5, ["No", "Yes", "Yes"]), (0.3, ["Yes", "Yes", "Yes"]), (0.51, ["No", "No", "Yes"])],
)
def test_answer_of_binary_takes_the_positive_class_from_the_threshold_on(
    fitted: Fitted, threshold: float, labels: list[str]
) -> None:
    manifest = fitted.manifest.model_copy(update={"threshold": threshold})
    raw = np.array([[0.7, 0.3], [0.5, 0.5], [0.1, 0.9]])
    assert answer(manifest, raw).labels == labels


def test_answer_of_multiclass_takes_the_most_probable_the_first_of_equals(fitted: Fitted) -> None:
    manifest = _multiclass(fitted.manifest, ("a", "b", "c"))
    raw = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    assert answer(manifest, raw).labels == ["b", "a"]


def test_answer_of_regression_flattens_the_values(fitted: Fitted) -> None:
    manifest = fitted.manifest.model_copy(update={"classes": None, "threshold": None})
    prediction = answer(manifest, np.array([[1.5], [2.5]]))
    assert prediction.values is not None
    assert prediction.values.tolist() == [1.5, 2.5]
    assert (prediction.labels, prediction.probabilities) == (None, None)


@pytest.mark.parametrize("classes", [("a", "b"), (0, 1), (False, True)])
def test_manifest_keeps_the_type_of_classes(fitted: Fitted, classes: tuple[Any, ...]) -> None:
    changed = fitted.manifest.model_copy(
        update={"classes": classes, "golden": Golden(rows=GOLDEN, labels=classes)}
    )
    again = Manifest.model_validate_json(changed.model_dump_json())
    assert again.classes is not None
    assert [type(value) for value in again.classes] == [type(value) for value in classes]
    assert again.golden.labels == classes


def test_tensors_of_rows_orders_numbers_and_strings() -> None:
    inputs = (Feature(name="b", dtype="float32"), Feature(name="a", dtype="string"))
    signature = Signature(inputs=inputs, outputs=())
    numbers, strings = tensors(signature, [{"a": None, "b": 1.5}, {"a": "x", "b": None}])
    assert numbers.dtype == np.float32
    assert np.array_equal(numbers, [[1.5], [np.nan]], equal_nan=True)
    assert strings.tolist() == [[""], ["x"]]


@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_tensors_of_one_kind_leaves_the_other_empty(dtype: Any) -> None:
    signature = Signature(inputs=(Feature(name="a", dtype=dtype),), outputs=())
    numbers, strings = tensors(signature, [{"a": None}] * 3)
    assert sorted([numbers.shape, strings.shape]) == [(3, 0), (3, 1)]


def test_signature_is_immutable_and_closed() -> None:
    with pytest.raises(ValidationError, match="extra"):
        Feature.model_validate({"name": "a", "dtype": "string", "unit": "m"})


def change(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(document | changes))


def _multiclass(manifest: Manifest, classes: tuple[Any, ...]) -> Manifest:
    return manifest.model_copy(update={"classes": classes, "threshold": None})
