"""Addresses as an error shows them: without what may be a password or a key."""

import pytest

from components.address import without_secrets, without_secrets_of

# Each with what is shown of it; what is hidden holds the word "hush" wherever it is hidden.
SHOWN = [
    ("http://mlflow:5000", "http://mlflow:5000"),
    ("http://mlflow:5000/a/b", "http://mlflow:5000/a/b"),
    ("http://hush@mlflow:5000", "http://***@mlflow:5000"),
    ("http://hush:hush@mlflow:5000/a", "http://***@mlflow:5000/a"),
    ("http://u:hush/hush@mlflow", "http://***@mlflow"),
    ("http://u:hush@hush@mlflow", "http://***@mlflow"),
    ("http://u:hush[hush]@mlflow", "http://***@mlflow"),
    ("http://u:hush\nhush@mlflow", "http://***@mlflow"),
    ("u:hush@mlflow:5000", "***@mlflow:5000"),
    ("http://mlflow?token=hush", "http://mlflow?***"),
    ("http://mlflow/a?token=hush#hush", "http://mlflow/a?***"),
    ("http://mlflow/a#hush?hush", "http://mlflow/a#***"),
    ("http://u:hush@mlflow/a?token=hush", "http://***@mlflow/a?***"),
    # Of these nobody knows what the host is.
    ("http://mlflow?token=hush@hush", "http://***"),
    ("http://mlflow#hush@hush", "http://***"),
    ("http://u:hush?hush@mlflow", "http://***"),
    ("http://u:hush#hush@mlflow", "http://***"),
    ("http://u:hush@mlflow?token=hush@hush", "http://***"),
    ("u:hush?hush@mlflow", "***"),
]


@pytest.mark.parametrize(("address", "shown"), SHOWN)
def test_without_secrets_shows_what_is_none(address: str, shown: str) -> None:
    assert without_secrets(address) == shown
    assert "hush" not in shown


@pytest.mark.parametrize(("address", "shown"), SHOWN)
def test_without_secrets_of_an_address_hides_it_within_a_longer_one(
    address: str, shown: str
) -> None:
    said = f"API request to {address}/api/2.0/search failed: [Errno 111] refused"
    expected = f"API request to {shown}/api/2.0/search failed: [Errno 111] refused"
    assert without_secrets_of(address, said) == expected


@pytest.mark.parametrize(
    ("address", "text", "expected"),
    [
        ("http://ann:h/us@mlflow", "no port 'h' at 'ANN'", "no port '***' at '***'"),
        ("http://ann:h us@mlflow", "http://ann:h%20us@mlflow", "http://***:***%***@mlflow"),
        ("http://ann:h%20us@mlflow", "'h us' is wrong", "'*** ***' is wrong"),
        ("http://ann:hüs@mlflow", "'h%C3%BCs'", "'***%***%***'"),
        ("http://ann:h\nus@mlflow", r"'ann:h\nus' is wrong", r"'***:***\***' is wrong"),
        ("http://ann:a.*(@mlflow", "a.* or any", "***.* or any"),
        ("http://mlflow?token=hus", "url: /?token=hus/api", "url: /?***=***/api"),
        ("http://ann:us@mlflow", "refused, thus annual", "refused, thus annual"),
        ("http://mlflow", "refused by http://mlflow/a", "refused by http://mlflow/a"),
    ],
    ids=["part", "quoted", "read", "utf-8", "escaped", "pattern", "query", "within", "no-secret"],
)
def test_without_secrets_of_an_address_hides_its_words(
    address: str, text: str, expected: str
) -> None:
    assert without_secrets_of(address, text) == expected
