from pathlib import Path

import pytest

from components.errors import BundleError
from components.serve.refusal import RefusalError
from components.serve.runtime import Models, open_model
from tests.bundles import Fitted, reseal


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_open_model_of_each_task_proves_its_golden_rows(
    request: pytest.FixtureRequest, task: str
) -> None:
    fitted: Fitted = request.getfixturevalue(task)
    model = open_model(fitted.folder, 7)
    assert (model.name, model.version) == (fitted.manifest.name, 7)
    assert model.proof.rows == 4
    assert 0 < model.proof.seconds < 1


def test_open_model_with_other_labels_is_refused(binary: Fitted, tmp_path: Path) -> None:
    golden = binary.manifest.golden.model_copy(update={"labels": ("No", "No", "Yes", "No")})
    folder = reseal(binary, tmp_path / "b", golden=golden)
    with pytest.raises(
        BundleError,
        match="model 'churn' does not repeat its golden answers: 1 labels differ, the first at "
        "row 1",
    ):
        open_model(folder, 1)


@pytest.mark.parametrize(("shift", "refused"), [(0.9e-4, False), (1.1e-4, True)])
def test_open_model_compares_probabilities_within_the_tolerance(
    binary: Fitted, tmp_path: Path, shift: float, refused: bool
) -> None:
    golden = binary.manifest.golden
    moved = tuple((row[0] + shift, row[1]) for row in golden.probabilities or ())
    changed = golden.model_copy(update={"probabilities": moved})
    folder = reseal(binary, tmp_path / "b", golden=changed)
    if refused:
        with pytest.raises(BundleError, match="probabilities of 4 rows differ by up to 0.00011"):
            open_model(folder, 1)
    else:
        assert open_model(folder, 1).proof.rows == 4


@pytest.mark.parametrize(("factor", "refused"), [(1 + 0.9e-4, False), (1 + 1.1e-4, True)])
def test_open_model_compares_predictions_relatively(
    regression: Fitted, tmp_path: Path, factor: float, refused: bool
) -> None:
    golden = regression.manifest.golden
    moved = tuple(value * factor for value in golden.predictions or ())
    folder = reseal(
        regression, tmp_path / "b", golden=golden.model_copy(update={"predictions": moved})
    )
    if refused:
        with pytest.raises(BundleError, match="predictions of 4 rows differ by up to"):
            open_model(folder, 1)
    else:
        assert open_model(folder, 1).proof.rows == 4


def test_open_model_with_too_few_golden_answers_is_refused(
    regression: Fitted, tmp_path: Path
) -> None:
    golden = regression.manifest.golden.model_copy(update={"predictions": (1.0,)})
    folder = reseal(regression, tmp_path / "b", golden=golden)
    with pytest.raises(BundleError, match=r"predictions have shape \(4,\), the golden ones \(1,\)"):
        open_model(folder, 1)


def test_open_model_without_golden_rows_is_refused(binary: Fitted, tmp_path: Path) -> None:
    golden = binary.manifest.golden.model_copy(update={"rows": ()})
    folder = reseal(binary, tmp_path / "b", golden=golden)
    with pytest.raises(BundleError, match="has no golden rows"):
        open_model(folder, 1)


def test_open_model_with_a_signature_that_does_not_fit_is_refused(
    binary: Fitted, tmp_path: Path
) -> None:
    short = binary.manifest.signature.model_copy(
        update={"inputs": binary.manifest.signature.inputs[1:]}
    )
    folder = reseal(binary, tmp_path / "b", signature=short)
    with pytest.raises(BundleError, match="model 'churn' cannot predict its golden rows"):
        open_model(folder, 1)


def test_models_find_tells_unknown_from_not_ready(binary: Fitted) -> None:
    models = Models()
    model = open_model(binary.folder, 1)
    with pytest.raises(RefusalError) as unknown:
        models.find("churn")
    models.failed("churn", "damaged")
    with pytest.raises(RefusalError) as failed:
        models.find("churn")
    assert (unknown.value.status, failed.value.status) == (404, 503)
    assert models.put(model) is None
    assert models.find("churn") is model
    assert models.remove("churn") is model
    assert models.names() == []
