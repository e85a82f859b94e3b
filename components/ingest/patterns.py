"""Recognises personal data in a column's values, and decides when there is enough of it.

A mail address is one wherever it stands. A card's or an account's number is told from other digits
only by its check, which random ones pass too, 1 in 10 and 1 in 97: a column is named when as many
pass as chance gives once in ten thousand columns. Phone numbers and addresses of networks have no
check, and look like parts of dates and versions; there the form has to be unmistakable, or that of
most values.
"""

from collections.abc import Callable
from ipaddress import ip_address

import polars as pl

from components.findings import Kind
from components.ingest.checksums import by_chance, card, iban

_CHANCE = 1e-4
_LEAST = 3
_MAIL = r"[\p{L}\p{N}._%+'-]+@(?:[\p{L}\p{N}-]+\.)+\p{L}{2,24}(?:$|[^\p{L}\p{N}])"
_CARD = r"(?:^|[^0-9A-Za-z.,-])(\d(?:[ -]?\d){12,18})(?:$|[^0-9A-Za-z.-]|\.(?:$|\D))"
_IBAN = r"(?:^|[^0-9A-Za-z])([A-Z]{2}\d{2}(?: ?[0-9A-Z]){11,30})(?:$|[^0-9A-Za-z])"
_IP4 = r"(?:^|[\s(\[=,\x22'])(\d{1,3}(?:\.\d{1,3}){3})(?:$|[\s:,;)\]\x22'/])"
_IP6 = r"(?:^|[\s(\[=,\x22'])([0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?:$|[\s,;)\]\x22'/%])"
# With a country's code (ITU-T E.164: at most 15 digits), anywhere in a text.
_WORLD = r"(?:^|[^0-9A-Za-z])\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?:$|[^0-9A-Za-z.,])"
_NOT_WORLD = r"^\+\d*\.\d*$"
# Without one, as the whole value: North American, French, and with an area code behind a 0.
_NATIONAL = (
    r"^(?:(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|0\d(?:[ .-]\d\d){4}"
    r"|\(?0\d{1,5}\)?[ /-]{1,3}\d{3,}(?:[ -]?\d+)*)$"
)
_POSTAL = r"^\d{5}-\d{4}$"
SUSPICIOUS = r"@|\d(?:[ -]?\d){12}|\+[1-9]|\d\.\d+\.\d|:[0-9A-Fa-f]*:|\d[ .)/-]{1,3}\d|[A-Z]{2}\d\d"
"""What a value holds at least if it is any of these: a quick look that spares the thorough one."""
DECIMAL = r"^[+-]?\d*[.,]\d*(?:[eE][+-]?\d+)?$"
"""What is none of these though its many digits look so."""


def recognise(texts: pl.Series) -> dict[Kind, list[int]]:
    """Finds personal data in texts.

    Args:
        texts: strings, null for a missing or blank one.

    Returns:
        For each kind that there is enough of: the positions of its values.
    """
    there = texts.len() - texts.null_count()
    found: dict[Kind, list[int]] = {
        "mail": _positions(texts.str.contains(_MAIL)),
        "card": _checked(texts, _CARD, card, 1 / 10),
        "iban": _checked(texts, _IBAN, iban, 1 / 97),
        "ip": _networks(texts, there),
        "phone": _phones(texts, there),
    }
    return {kind: places for kind, places in found.items() if places}


def cards(numbers: pl.Series) -> list[int]:
    """Finds card numbers in a column of whole numbers, as `recognise` does in texts."""
    return _checked(numbers.cast(pl.String), _CARD, card, 1 / 10)


def _positions(flags: pl.Series) -> list[int]:
    return flags.fill_null(value=False).arg_true().to_list()


def _checked(
    texts: pl.Series, pattern: str, check: Callable[[str], bool | None], rate: float
) -> list[int]:
    candidates = texts.str.extract(pattern, 1)
    places = candidates.is_not_null().arg_true()
    verdicts: dict[str, bool | None] = {}
    passed = []
    for place, text in zip(places, candidates.drop_nulls(), strict=True):
        if text not in verdicts:
            verdicts[text] = check(text)
        if verdicts[text]:
            passed.append(place)
    # Of different ones: one number that is repeated a thousand times is one piece of evidence.
    tried = sum(verdict is not None for verdict in verdicts.values())
    good = sum(verdict is True for verdict in verdicts.values())
    return passed if good and by_chance(good, tried, rate) < _CHANCE else []


def _networks(texts: pl.Series, there: int) -> list[int]:
    four, six = texts.str.extract(_IP4, 1), texts.str.extract(_IP6, 1)
    places, high, forms = [], 0, 0
    for series in (four, six):
        kept = series.is_not_null().arg_true()
        for place, text in zip(kept, series.drop_nulls(), strict=True):
            try:
                address = ip_address(text)
            except ValueError:
                forms += text.count(".") == 3
                continue
            if not (address.is_unspecified or address.is_loopback):
                places.append(int(place))
                # Versions count up from small numbers: 10.0.2.1 may be one, 10.0.2.131 hardly.
                high += address.version == 6 or max(address.packed) > 99
    # So do these: a column in which one in ten has a part above 255 holds builds.
    numbers = 2 * high < len(places) or forms > 0.1 * len(places)
    enough = len(places) >= max(_LEAST, 0.2 * there)
    return sorted(places) if enough and not numbers else []


def _phones(texts: pl.Series, there: int) -> list[int]:
    world = texts.str.contains(_WORLD) & ~texts.str.contains(_NOT_WORLD)
    if (places := _positions(world)) and len(places) >= _LEAST:
        return places
    digits = texts.str.count_matches(r"\d")
    national = texts.str.contains(_NATIONAL) & ~texts.str.contains(_POSTAL)
    national &= digits.is_between(9, 13)
    places = _positions(national)
    return places if len(places) >= max(_LEAST, 0.5 * there) else []
