"""The date formats that a spec may name, and how each is read."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

UNIX: Final = {"unix_s": 1_000_000, "unix_ms": 1_000}
"""Formats that count from 1970-01-01 UTC, with the microseconds of their unit."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
# Digits of ASCII alone: \d would read those of every script, and the fast path would not.
_PATTERNS = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{1,2})",
    "d": "(?P<d>[0-9]{1,2})",
    "H": "(?P<H>[0-9]{1,2})",
    "I": "(?P<I>[0-9]{1,2})",
    "M": "(?P<M>[0-9]{1,2})",
    "S": "(?P<S>[0-9]{1,2})",
    "f": "(?P<f>[0-9]{1,9})",
    "b": f"(?P<b>{'|'.join(MONTHS)})",
    "B": f"(?P<B>{'|'.join(LONG_MONTHS)})",
    "p": "(?P<p>am|pm)",
    "z": "(?P<z>z|[+-][0-9]{2}:?[0-9]{2})",
}
DIRECTIVE = re.compile("%(.)", re.DOTALL)
_FIXED = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
# Z, +0100 and +01:00.
_ZONES = (1, 5, 6)
_MICROSECONDS = 6


@dataclass(frozen=True)
class Format:
    """A format, compiled once.

    Attributes:
        pattern: reads any text of this format; its groups are named for the directives.
        width: how many characters every such text has, where that is fixed; else None.
        digits: directive, position and width of each number in such a text.
        literals: position and code point of every other character in it.
        zone: position and width of the offset in such a text; None where there is none.
    """

    pattern: re.Pattern[str]
    width: int | None
    digits: tuple[tuple[str, int, int], ...]
    literals: tuple[tuple[int, int], ...]
    zone: tuple[int, int] | None = None


def check_format(text: str) -> tuple[str, str] | None:
    """Says what is wrong with a date format.

    Args:
        text: such as `%d.%m.%Y`; or `unix_s`, `unix_ms`.

    Returns:
        What was expected and a hint; None where nothing is wrong.
    """
    if text in UNIX:
        return None
    known = f"directives among {' '.join('%' + letter for letter in _PATTERNS)}"
    found = DIRECTIVE.findall(text)
    strange = [letter for letter in found if letter not in _PATTERNS and letter != "%"]
    if strange or text.endswith("%") and not text.endswith("%%"):
        return known, f"%{strange[0]} is not known" if strange else "it ends in %"
    kinds = set(found)
    if len(found) != len(kinds | ({"%"} if "%" in found else set())):
        return "each directive once", ""
    if not kinds & {"Y", "y"} or not kinds & {"m", "b", "B"} or "d" not in kinds:
        return "a year (%Y), a month (%m, %b or %B) and a day (%d), or unix_s, unix_ms", ""
    if ("I" in kinds) != ("p" in kinds):
        return "%I and %p together, or %H", ""
    return None


@lru_cache(maxsize=256)
def compile_format(form: str, fraction: int = 0, offset: int = 0) -> Format:
    """Compiles a format that `check_format` found right.

    Args:
        form: the format.
        fraction: how many digits %f has in the texts at hand; 0 where that is not known.
        offset: how many characters %z has in them; 0 where that is not known.

    Returns:
        The format; its width only where that of all its directives is known.
    """
    pattern, digits, literals = [], [], []
    width: int | None = 0
    zone = None
    position = 0
    touching = False
    while position < len(form):
        char = form[position]
        if char != "%":
            touching = False
            pattern.append(re.escape(char))
            literals.append((width or 0, ord(char)))
            width = None if width is None or ord(char) > 127 else width + 1
            position += 1
            continue
        letter = form[position + 1]
        position += 2
        if letter == "%":
            touching = False
            pattern.append("%")
            literals.append((width or 0, ord("%")))
            width = None if width is None else width + 1
            continue
        # 20240101 is told apart only by two digits each.
        beside = touching or form[position : position + 1] == "%"
        touching = True
        pattern.append(_PATTERNS[letter].replace("{1,2}", "{2}") if beside else _PATTERNS[letter])
        known = {**_FIXED, "f": fraction, "z": offset}.get(letter)
        if not known or width is None:
            width = None
            continue
        if letter == "z":
            zone = (width, known)
        else:
            digits.append((letter, width, known))
        width += known
    compiled = re.compile("".join(pattern), re.IGNORECASE)
    return Format(compiled, width, tuple(digits), tuple(literals), zone)


@lru_cache(maxsize=256)
def of_width(form: str, width: int) -> tuple[Format, ...]:
    """Compiles a format for texts of one width.

    Args:
        form: as `check_format` allows.
        width: how many characters the texts have.

    Returns:
        The ways in which it can have that width: with %f and %z there are several.
    """
    kinds = DIRECTIVE.findall(form)
    fractions = range(1, _MICROSECONDS + 1) if "f" in kinds else (0,)
    zones = _ZONES if "z" in kinds else (0,)
    found = [compile_format(form, fraction, zone) for fraction in fractions for zone in zones]
    return tuple(way for way in found if way.width == width)
