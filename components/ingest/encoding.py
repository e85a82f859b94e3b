"""Makes UTF-8 of a text file, in a stream, where it is something else.

UTF-8 is taken as it is. A byte-order mark tells UTF-16 and UTF-32. Of all others, only the letters
can tell, and a guess that is wrong turns every name into another one in silence. So a file is read
as cp1252, which holds Latin-1, where its letters beyond ASCII all belong to one Western language
and stand in words; whatever could be two encodings is refused, and the spec has to say which it is.
General detectors guess more: on small tables of names, charset-normalizer 3.5 took French and
Spanish for cp1250 and Turkish for cp1252.
"""

import codecs
import io
import logging
import re
from pathlib import Path

from components.errors import DataError
from components.ingest.scratch import require_room

_LOG = logging.getLogger(__name__)
_CHUNK = 2**20
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# The letters beyond ASCII of one language, in lower case. Icelandic is left out: its letters stand
# where Turkish has others in cp1254.
_ALPHABETS = (
    "äöüßé",  # German
    "éèêëàâæçîïôœùûüÿ",  # French
    "áéíóúñü",  # Spanish
    "áâãàçéêíóôõú",  # Portuguese
    "àèéìíòóù",  # Italian
    "åäöøæé",  # Danish, Norwegian, Swedish
    "éèëïöü",  # Dutch
)
_SIGNS = set("€‚„…‘’“”–—™£§©«»®°²·´ª º¡¿µ\u00a0\u00ad")
_WORD = re.compile(r"[^\W\d_]+")
# Below three words there is too little to tell one alphabet from another.
_LEAST_WORDS = 3


def as_utf8(name: str, path: Path, encoding: str | None, scratch: Path) -> Path:
    """Returns a text file in UTF-8 whose lines end in a line feed.

    Args:
        name: the source, for messages.
        path: the file.
        encoding: how it is encoded; None finds out a byte-order mark, and else takes it as UTF-8.
        scratch: where a file that is not UTF-8 is written anew.

    Returns:
        The file itself, or its transcription.

    Raises:
        DataError: there is no such encoding, or the text is not in it.
    """
    with path.open("rb") as stream:
        head = stream.read(_CHUNK)
    # In the order of `_MARKS`, since the mark of UTF-32 begins as that of UTF-16.
    marked = next((found for mark, found in _MARKS.items() if head.startswith(mark)), None)
    if marked is None and encoding is None and b"\0" in head:
        msg = (
            f"source {name!r} holds NUL bytes: it is no text, or UTF-16 without a byte-order mark; "
            "set csv.encoding, such as utf-16-le, or save it as UTF-8"
        )
        raise DataError(msg)
    chosen = encoding or marked or "utf-8"
    # Old spreadsheets end lines in a carriage return alone.
    returns = b"\r" in head and b"\n" not in head
    if _is_utf8(name, chosen) and not returns:
        return path
    return transcribe(name, path, chosen, scratch)


def assume(name: str, path: Path, line: int) -> str:
    """Finds out the encoding of a file that is not UTF-8.

    Args:
        name: the source, for messages.
        path: the file.
        line: the first line that is not UTF-8, from 1.

    Returns:
        `cp1252`, and the log says so.

    Raises:
        DataError: it could be another one.
    """
    with path.open("rb") as stream:
        for _ in range(line - 1):
            stream.readline()
        sample = stream.read(4 * _CHUNK)
    if not _is_western(sample):
        msg = (
            f"source {name!r} is not UTF-8, first in line {line}, and what it is cannot be told: "
            "set csv.encoding, such as cp1252 or latin-1 (Western Europe), cp1250 (Central "
            "Europe), cp1251 (Cyrillic), shift_jis or gb18030, or save it as UTF-8"
        )
        raise DataError(msg)
    _LOG.warning("source %r is not UTF-8: read as cp1252; set csv.encoding if it is not", name)
    return "cp1252"


def transcribe(name: str, path: Path, encoding: str, scratch: Path) -> Path:
    """Writes a file anew in UTF-8, with line feeds.

    Args:
        name: the source, for messages.
        path: the file.
        encoding: how it is encoded.
        scratch: the folder to write to.

    Returns:
        The new file.

    Raises:
        DataError: it holds what is nothing in this encoding; the line is named.
    """
    target = scratch / f"{path.name}.utf8"
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    text = io.IncrementalNewlineDecoder(decoder, translate=True)
    line, began = 1, False
    with path.open("rb") as stream, target.open("wb") as out:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                piece = text.decode(chunk, final=not chunk)
            except UnicodeDecodeError as exc:
                # What the decoder holds back from the chunk before may count a line late.
                line += exc.object[: exc.start].count(b"\n")
                msg = (
                    f"source {name!r} holds what is no {encoding} near line {line}: set "
                    "csv.encoding to what it is written in"
                )
                raise DataError(msg) from exc
            if not began:
                began, piece = True, piece.removeprefix("\ufeff")
            line += piece.count("\n")
            plain = piece.encode("utf-8", "surrogatepass")
            require_room(scratch, len(plain), name)
            out.write(plain)
            if not chunk:
                return target


def _is_utf8(name: str, encoding: str) -> bool:
    """Refuses what is no encoding of text, such as `base64` or `utf9`."""
    try:
        found = codecs.lookup(encoding)
    except LookupError:
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        msg = (
            f"source {name!r} cannot be read: csv.encoding {encoding!r} is not known, expected one "
            "that Python knows, such as utf-8, cp1252, utf-16 or shift_jis"
        )
        raise DataError(msg)
    return found.name in ("utf-8", "utf-8-sig", "ascii")


def _is_western(sample: bytes) -> bool:
    try:
        # Its end may cut a line, never a character: every one is a byte.
        text = sample.decode("cp1252").lower()
    except UnicodeDecodeError:
        return False
    signs = {c for c in text if ord(c) > 127 and not c.isalpha()}
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    letters = {c for word in words for c in word if ord(c) > 127}
    # Cyrillic or Greek read as cp1252 gives words of such letters alone.
    mixed = sum(sum(c.isascii() for c in word) * 2 >= len(word) for word in words)
    return (
        len(words) >= _LEAST_WORDS
        and mixed >= 0.9 * len(words)
        and signs <= _SIGNS
        and not re.search(r"[a-z][‚„…“”€][a-z]", text)
        and any(letters <= set(alphabet) for alphabet in _ALPHABETS)
    )
