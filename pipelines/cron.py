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
_EVERY: Final = re.compile(r"@every ([0-9]+(\.[0-9]+)?(h|m|s))+")
_PART: Final = re.compile(r"(\*|\?|(\w+)(?:-(\w+))?)(?:/([0-9]+))?")


def read_cron(text: str) -> str:
    """Reads a cron expression.

    Args:
        text: five fields (minute, hour, day of month, month, day of week), six with seconds first,
            or a word such as `@daily` or `@every 12h`.

    Returns:
        What Kubeflow takes: six fields, or the word.

    Raises:
        SpecError: it is none; the field that is wrong is named.
    """
    words = text.split()
    if " ".join(words) in _ALIASES or _EVERY.fullmatch(" ".join(words)):
        return " ".join(words)
    if len(words) not in (5, 6):
        msg = (
            f"--cron {text!r} has {len(words)} fields: expected five (minute, hour, day of month, "
            "month, day of week), six with seconds first, or a word such as @daily"
        )
        raise SpecError(msg)
    fields = words if len(words) == len(_FIELDS) else ["0", *words]
    for word, (name, least, most) in zip(fields, _FIELDS, strict=True):
        for part in word.split(","):
            if not _is_part(part, name, least, most):
                msg = (
                    f"--cron {text!r}: {word!r} is no {name}: expected {least} to {most}, * or */N"
                )
                raise SpecError(msg)
    return " ".join(fields)


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
