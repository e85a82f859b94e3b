import pytest

from components.dates.formats import check_format


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%d.%m.%y",
        "%b %d, %Y %I:%M %p",
        "%Y%m%dT%H%M%S",
        "unix_s",
        "unix_ms",
        "%Y%%%m%d",
    ],
)
def test_check_format_of_a_known_format_finds_nothing(form: str) -> None:
    assert check_format(form) is None


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ("%Y-%m-%e", "%e is not known"),
        ("%Y-%m-%d %", "it ends in %"),
        ("%Y-%m", ""),
        ("%H:%M", ""),
        ("%Y-%m-%d %Y", ""),
        ("%Y-%m-%d %I:%M", ""),
        ("unix", ""),
        ("", ""),
    ],
)
def test_check_format_of_another_says_what_is_wrong(form: str, hint: str) -> None:
    problem = check_format(form)
    assert problem is not None
    assert problem[1] == hint
