import pytest

from pipelines.local.recovery import holder


@pytest.mark.parametrize(
    ("note", "run"),
    [("", ""), ('{"run": "r-1", "before": null}', "r-1"), ('{"run": "r-', ""), ("[]", "")],
)
def test_holder_of_any_note_is_a_run_or_nobody(note: str, run: str) -> None:
    assert holder(note) == run
