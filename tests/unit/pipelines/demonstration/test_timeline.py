import io
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.demonstration.observation import Moment
from pipelines.demonstration.picture import draw
from pipelines.demonstration.timeline import Timeline

PNG = b"\x89PNG\r\n\x1a\n"


def told(timeline: Timeline) -> str:
    screen = io.StringIO()
    Console(width=120, file=screen).print(timeline.table())
    return screen.getvalue()


def test_since_counts_seconds_and_rows_from_the_change() -> None:
    timeline = Timeline(change=(100.0, 5500))
    step = timeline.note("drift is seen", 112.5, 6600, "channel 0.31")
    assert timeline.since(step) == (12.5, 1100)
    assert "+12.5 s" in told(timeline)
    assert "+1100" in told(timeline)
    assert "channel 0.31" in told(timeline)


def test_since_before_the_change_is_nothing() -> None:
    timeline = Timeline()
    assert timeline.since(timeline.note("training", 3.0, 10, "")) == (0.0, 0)


def test_table_shows_evidence_as_it_is_and_not_as_markup() -> None:
    timeline = Timeline(change=(0.0, 0))
    timeline.note("x", 1.0, 1, "[bold]merchant[/bold] 0.5")
    assert "[bold]merchant[/bold]" in told(timeline)


def test_has_tells_steps_by_name() -> None:
    timeline = Timeline()
    timeline.note("a", 0.0, 0, "")
    assert timeline.has("a")
    assert not timeline.has("b")


def quality(version: str, value: float) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    labels = (("metric", "roc_auc"), ("model_name", "card-fraud"), ("model_version", version))
    names = ("", "_lower_bound", "_upper_bound", "_threshold")
    figures = (value, value - 0.02, value + 0.02, 0.85)
    series = {
        (f"kubeloop_model_quality{name}", labels): figure
        for name, figure in zip(names, figures, strict=True)
    }
    psi = (("feature", "channel"), ("model_name", "card-fraud"), ("model_version", version))
    return series | {("kubeloop_feature_psi", psi): 1 - value}


@pytest.mark.parametrize("versions", [("1",), ("1", "2")], ids=["one-version", "two-versions"])
def test_draw_writes_a_picture_of_any_number_of_versions(
    versions: tuple[str, ...], tmp_path: Path
) -> None:
    moments = [
        Moment(at=float(at), rows=at, served=int(version), series=quality(version, 0.9))
        for version in versions
        for at in range(3)
    ]
    timeline = Timeline(change=(1.0, 1))
    timeline.note("drift is seen", 2.0, 2, "channel 0.31")
    draw(tmp_path / "timeline.png", moments, timeline, "roc_auc")
    assert (tmp_path / "timeline.png").read_bytes().startswith(PNG)


def test_moment_value_finds_the_sample_of_all_named_labels() -> None:
    moment = Moment(0.0, 0, 1, quality("1", 0.9) | quality("2", 0.7))
    found = moment.value("kubeloop_model_quality", metric="roc_auc", model_version="2")
    assert found == 0.7
    assert moment.value("kubeloop_model_quality", model_version="3") is None


def test_moment_values_are_by_the_label_asked_for() -> None:
    moment = Moment(0.0, 0, 1, quality("1", 0.9) | quality("2", 0.7))
    found = moment.values("kubeloop_model_quality", "model_version", metric="roc_auc")
    assert found == {"1": 0.9, "2": 0.7}
