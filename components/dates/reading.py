"""Text to moments and back, by stated formats: one by one, and by arithmetic on many at once."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from components.dates.formats import DIRECTIVE, LONG_MONTHS, MONTHS, UNIX, Format, compile_format

Moments = NDArray[np.datetime64]

# Below this many texts, arrays cost more than they save (measured: they break even at about 30).
_FEW = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST = -62_135_596_800  # the year 1
_LAST = 253_402_300_800  # the year 10000, in seconds since 1970: what no four digits can say
_NAT = np.datetime64("NaT", "us")
_MISSING = int(np.iinfo(np.int64).min)  # how NaT is kept


def parse(texts: Iterable[str | None], formats: Sequence[str]) -> Moments:
    """Reads dates.

    Args:
        texts: n texts; None and what no format reads become NaT. Space around them, and the case
            of names, do not count.
        formats: tried in order; as `check_format` allows. A time without an offset is taken as
            UTC, and %y as 1970 to 2069.

    Returns:
        datetime64[us] (n,), in UTC.
    """
    given = [None if text is None else text.strip() for text in texts]
    if len(given) <= _FEW:
        counts = [_count(text, formats) for text in given]
        return np.array(counts, dtype=np.int64).view("datetime64[us]")
    moments = np.full(len(given), _NAT, dtype="datetime64[us]")
    left = [index for index, text in enumerate(given) if text]
    for form in formats:
        if not left:
            break
        wanted: list[str] = [given[index] for index in left]  # type: ignore[misc]
        read = _read(wanted, form)
        moments[left] = read
        left = [left[position] for position in np.flatnonzero(np.isnat(read)).tolist()]
    return moments


def render(moments: Moments, form: str) -> list[str | None]:
    """Writes moments as the texts that `parse` reads back by the same format.

    Args:
        moments: datetime64[us] (n,); NaT becomes None.
        form: one format; a format without a time of day loses it.

    Returns:
        n texts.
    """
    counts = moments.astype("datetime64[us]").astype(np.int64).tolist()
    return [
        None if missing else _render(count, form)
        for count, missing in zip(counts, np.isnat(moments).tolist(), strict=True)
    ]


def _count(text: str | None, formats: Sequence[str]) -> int:
    """Microseconds since 1970 by the first format that reads a text; that of NaT if none does."""
    if text:
        for form in formats:
            count = (
                _unix(text, UNIX[form])
                if form in UNIX
                else _read_one(text, compile_format(form).pattern)
            )
            if count is not None:
                return count
    return _MISSING


def _read(texts: list[str], form: str) -> Moments:
    if form in UNIX:
        counts = [_unix(text, UNIX[form]) for text in texts]
        filled = [_MISSING if count is None else count for count in counts]
        return np.array(filled, dtype=np.int64).view("datetime64[us]")
    compiled = compile_format(form)
    if compiled.width is not None and len(texts) > _FEW:
        moments = _read_fixed(texts, compiled)
        # What has another width, such as 1/2/2024, is read one by one.
        slow = np.flatnonzero(np.isnat(moments)).tolist()
    else:
        moments = np.full(len(texts), _NAT, dtype="datetime64[us]")
        slow = list(range(len(texts)))
    for index in slow:
        moment = _read_one(texts[index], compiled.pattern)
        if moment is not None:
            moments[index] = np.datetime64(moment, "us")
    return moments


def _unix(text: str, unit: int) -> int | None:
    if not re.fullmatch(r"-?[0-9]{1,16}(\.[0-9]{1,9})?", text):
        return None
    whole, _, fraction = text.partition(".")
    count = int(whole) * unit
    if fraction:
        share = round(int(fraction) * unit / 10 ** len(fraction))
        count += -share if text.startswith("-") else share
    return count if abs(count) < _LAST * 1_000_000 else None


def _read_one(text: str, pattern: re.Pattern[str]) -> int | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    got = match.groupdict()
    year = int(got["Y"]) if got.get("Y") else int(got["y"]) + (1900 if got["y"] >= "70" else 2000)
    try:
        moment = datetime(
            year,
            _month(got),
            int(got["d"]),
            _hour(got),
            int(got.get("M") or 0),
            int(got.get("S") or 0),
            int((got.get("f") or "0")[:6].ljust(6, "0")),
        )
        if offset := got.get("z"):
            moment = moment.replace(tzinfo=_offset(offset)).astimezone(UTC)
        # Faster than the difference of two moments, of which a request has one a row and date.
        minutes = (moment.toordinal() - _EPOCH_DAY) * 1440 + moment.hour * 60 + moment.minute
        return (minutes * 60 + moment.second) * 1_000_000 + moment.microsecond
    except (ValueError, OverflowError):
        return None


def _month(got: dict[str, str]) -> int:
    if got.get("m"):
        return int(got["m"])
    return MONTHS.index((got.get("b") or got["B"])[:3].lower()) + 1


def _hour(got: dict[str, str]) -> int:
    if not got.get("I"):
        return int(got.get("H") or 0)
    hour = int(got["I"])
    if not 1 <= hour <= 12:
        msg = "an hour with am or pm is from 1 to 12"
        raise ValueError(msg)
    return hour % 12 + (12 if got["p"].lower() == "pm" else 0)


def _offset(text: str | None) -> timezone:
    if not text or text in "zZ":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _read_fixed(texts: list[str], form: Format) -> Moments:
    """Reads texts of one width by arithmetic on their bytes; NaT for any that does not fit."""
    moments = np.full(len(texts), _NAT, dtype="datetime64[us]")
    wide = [index for index, text in enumerate(texts) if len(text) == form.width]
    try:
        joined = "".join([texts[index] for index in wide]).encode("ascii")
    except UnicodeEncodeError:
        return moments
    cells = np.frombuffer(joined, dtype=np.uint8).reshape(len(wide), form.width or 0)
    moments[np.array(wide, dtype=np.int64)] = parse_cells(cells, form)
    return moments


def parse_cells(cells: NDArray[np.uint8], form: Format) -> Moments:
    """Reads texts of one width by arithmetic on their bytes.

    Args:
        cells: (n, width) UTF-8 of texts without space around them.
        form: of that width, from `compile_format`.

    Returns:
        datetime64[us] (n,), as `parse` reads them by this format; NaT for what it does not read.
    """
    fits = np.ones(len(cells), dtype=bool)
    for position, byte in form.literals:
        fits &= cells[:, position] == byte
    zero = np.zeros(1, dtype=np.int64)
    fields = {"Y": zero + 1970, "m": zero + 1, "d": zero + 1}
    for letter, begin, width in form.digits:
        number = np.zeros(len(cells), dtype=np.int64)
        for position in range(begin, begin + width):
            # A byte below "0" wraps around to far above 9.
            digit = cells[:, position] - np.uint8(ord("0"))
            fits &= digit <= 9
            number *= 10
            number += digit
        fields[letter] = number * 10 ** (6 - width) if letter == "f" else number
    hour, minute, second, fraction = (fields.get(letter, zero) for letter in "HMSf")
    fits &= (fields["Y"] >= 1) & (fields["m"] >= 1) & (fields["m"] <= 12)
    fits &= (hour < 24) & (minute < 60) & (second < 60)
    months = ((fields["Y"] - 1970) * 12 + fields["m"] - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (fields["d"] - 1)
    # The 31st of April lies in May.
    fits &= (fields["d"] >= 1) & (days.astype("datetime64[M]") == months)
    counts = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second
    counts = counts * 1_000_000 + fraction
    if form.zone is not None:
        minutes, read = _offsets(cells[:, form.zone[0] :], form.zone[1])
        counts -= minutes * 60_000_000
        fits &= read & (counts >= _FIRST * 1_000_000) & (counts < _LAST * 1_000_000)
    return np.where(fits, counts.view("datetime64[us]"), _NAT)


def _offsets(cells: NDArray[np.uint8], width: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Reads Z, +0100 or +01:00, by its width: minutes, and where there is one."""
    sign = cells[:, 0]
    if width == 1:
        return np.zeros(1, dtype=np.int64), (sign == ord("Z")) | (sign == ord("z"))
    digits = cells[:, [1, 2, width - 2, width - 1]] - np.uint8(ord("0"))
    read = ((sign == ord("+")) | (sign == ord("-"))) & (digits <= 9).all(axis=1)
    if width == 6:
        read &= cells[:, 3] == ord(":")
    minutes = digits @ np.array([600, 60, 10, 1], dtype=np.int64)
    # As `timezone` has it, an offset is less than a day.
    return np.where(sign == ord("-"), -minutes, minutes), read & (minutes < 1440)


def _render(count: int, form: str) -> str:
    if form in UNIX:
        whole, rest = divmod(count, UNIX[form])
        return str(whole) if not rest else repr(count / UNIX[form])
    moment = _EPOCH + timedelta(microseconds=count)
    words = {
        "Y": f"{moment.year:04d}",
        "y": f"{moment.year % 100:02d}",
        "m": f"{moment.month:02d}",
        "d": f"{moment.day:02d}",
        "H": f"{moment.hour:02d}",
        "I": f"{(moment.hour + 11) % 12 + 1:02d}",
        "M": f"{moment.minute:02d}",
        "S": f"{moment.second:02d}",
        "f": f"{moment.microsecond:06d}",
        "b": MONTHS[moment.month - 1].capitalize(),
        "B": LONG_MONTHS[moment.month - 1].capitalize(),
        "p": "AM" if moment.hour < 12 else "PM",
        "z": "Z",
        "%": "%",
    }
    return DIRECTIVE.sub(lambda match: words[match[1]], form)
