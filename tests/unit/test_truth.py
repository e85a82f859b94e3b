import pytest

from components.truth import SURE, TRUTH, truth


@pytest.mark.parametrize("text", ["Yes", " TRUE ", "1", "on", "T", "1.0"])
def test_truth_of_a_spelling_of_true_is_true(text: str) -> None:
    assert truth(text) == "true"


@pytest.mark.parametrize("text", ["no", "F", "0", "Off", "False"])
def test_truth_of_a_spelling_of_false_is_false(text: str) -> None:
    assert truth(text) == "false"


@pytest.mark.parametrize("text", ["", "maybe", "2", "ja"])
def test_truth_of_another_text_is_none(text: str) -> None:
    assert truth(text) is None


def test_sure_pairs_hold_one_spelling_of_each_value() -> None:
    assert [sorted(TRUTH[text] for text in pair) for pair in SURE] == [["false", "true"]] * 2
