import pytest

from components.package.card import _cell, _code


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "`plain`"),
        (True, "`True`"),
        ("two\nlines", "`two lines`"),
        ("a`b", "`` a`b ``"),
        ("a``b", "``` a``b ```"),
    ],
)
def test_code_of_any_value_stays_one_code_span(value: object, written: str) -> None:
    assert _code(value) == written


def test_cell_stays_one_cell() -> None:
    assert _cell("a|b\nc") == "a\\|b c"
