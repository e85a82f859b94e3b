"""Cron expressions as Kubeflow takes them: with seconds first, checked before they are sent.

Source: github.com/robfig/cron v1, which backend/src/crd/controller/scheduledworkflow of Kubeflow
Pipelines 2.17 reads schedules by.
"""

import re
from typing import Final

from components.errors import SpecError

# Each field with its least and greatest value.
_FIELDS: Final = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)
_NAMES: Final = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_ALIASES: Final = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY: Final = re.compile(r"@every (([0-9]+(\.[0-9]+)?[hms])+)")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}
# A run takes minutes, and one is under way at a time.
_LEAST_S: Final = 60
# In a leap year; cron knows no year.
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART: Final = re.compile(r"(\*|\?|(\w+)(?:-(\w+))?)(?:/([0-9]+))?")


def read_cron(text: str) -> str:
    """Reads a cron expression.

    Args:
        text: five fields (minute, hour, day of month, month, day of week), six with seconds first,
            or a word such as `@daily` or `@every 12h`.

    Returns:
        What Kubeflow takes, in UTC: six fields, or the word.

    Raises:
        SpecError: it is none, the field that is wrong is named; or it never fires, or too often.
    """
    words = text.split()
    if " ".join(words) in _ALIASES:
        return " ".join(words)
    if every := _EVERY.fullmatch(" ".join(words)):
        parts = re.findall(r"([0-9.]+)([hms])", every[1])
        if sum(float(number) * _SECONDS[unit] for number, unit in parts) < _LEAST_S:
            msg = f"--cron {text!r}: expected a minute at least, such as @every 12h"
            raise SpecError(msg)
        return every[0]
    if len(words) not in (5, 6):
        msg = (
            f"--cron {text!r} has {len(words)} field{'' if len(words) == 1 else 's'}: expected "
            "five (minute, hour, day of month, month, day of week), six with seconds first, or a "
            "word such as @daily"
        )
        raise SpecError(msg)
    fields = words if len(words) == len(_FIELDS) else ["0", *words]
    if not (fields[0].isascii() and fields[0].isdigit() and int(fields[0]) <= _FIELDS[0][2]):
        msg = (
            f"--cron {text!r}: {fields[0]!r} is no single second: expected 0 to 59, for a run "
            "takes minutes; five fields begin with the minute"
        )
        raise SpecError(msg)
    for word, (name, least, most) in zip(fields, _FIELDS, strict=True):
        for part in word.split(","):
            if not _is_part(part, name, least, most):
                expected = f"{least} to {most}{_also(name)}, * or */N"
                msg = f"--cron {text!r}: {word!r} is no {name}: expected {expected}"
                raise SpecError(msg)
    _require_day(text, *fields[3:])
    return " ".join(fields)


def show_cron(text: str) -> str:
    """Writes what Kubeflow holds as people do: five fields where it is at the full minute.

    Args:
        text: as `read_cron` returns it, or as anybody else wrote it into Kubeflow.

    Returns:
        The same times in fewer fields, or the text as it is.
    """
    words = text.split()
    return " ".join(words[1:]) if len(words) == len(_FIELDS) and words[0] == "0" else text


def _also(name: str) -> str:
    """What else than numbers a field takes."""
    meaning = " (0 is Sunday)" if name == "day of week" else ""
    names = _NAMES.get(name)
    return f"{meaning} or a name such as {names[1]}" if names else meaning


def _require_day(text: str, day: str, month: str, weekday: str) -> None:
    """Refuses a day that none of the months has, where no day of the week is named besides.

    Where both are named, the clock fires on either (`dayMatches` in spec.go of robfig/cron).
    """
    if weekday[0] not in "*?":
        return
    first = min(_least(part, "day of month") for part in day.split(","))
    months = [number for part in month.split(",") for number in _values(part, "month")]
    if first > max(_LONGEST[number - 1] for number in months):
        msg = f"--cron {text!r} never fires: month {month!r} has no day {day!r}"
        raise SpecError(msg)


def _values(part: str, name: str) -> range:
    """The values of a part that `_is_part` accepted; an open step goes to the field's end."""
    _, least, most = next(field for field in _FIELDS if field[0] == name)
    match = _PART.fullmatch(part)
    if match is None or match[2] is None:
        return range(least, most + 1, int(match[4] or 1) if match else 1)
    begin = _number(match[2], name, least)
    end = _number(match[3], name, least) if match[3] else most if match[4] else begin
    return range(begin, end + 1, int(match[4] or 1))


def _least(part: str, name: str) -> int:
    return _values(part, name)[0]


def _number(word: str, name: str, least: int) -> int:
    names = _NAMES.get(name, [])
    return least + names.index(word.lower()) if word.lower() in names else int(word)


def _is_part(part: str, name: str, least: int, most: int) -> bool:
    match = _PART.fullmatch(part)
    if not match:
        return False
    names = _NAMES.get(name, [])
    values = []
    for word in filter(None, match.group(2, 3)):
        if word.lower() in names:
            values.append(least + names.index(word.lower()))
        elif word.isascii() and word.isdigit():
            values.append(int(word))
        else:
            return False
    in_range = all(least <= value <= most for value in values) and values == sorted(values)
    return in_range and match[4] != "0"
