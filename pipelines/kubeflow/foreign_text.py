"""What pods and servers say, as a terminal may show it: no secret, and nothing that it obeys."""

import re
from collections.abc import Iterable
from typing import Final

from components.address import without_secrets
from components.deploy.kserve.reasons import PRIVATE_KEY, kept

# An address up to the blank after it, but for the marks that end a sentence or a quotation.
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*[^\s?.,;:)\]}'\"]")


def without_keys(text: str) -> str:
    """Writes `***` for each private key in a text of many lines."""
    return PRIVATE_KEY.sub("***", text)


def printable_line(line: str) -> str:
    """Writes one line as a terminal shows it and anybody may read it.

    Args:
        line: of a log, or of an error.

    Returns:
        The line with its indentation, without control characters; what looks like a credential,
        and what an address may hold of one, is `***`.
    """
    indentation = line[: len(line) - len(line.lstrip(" "))]
    return indentation + kept(_ADDRESS.sub(lambda match: without_secrets(match[0]), line))


def printable_lines(lines: Iterable[str]) -> list[str]:
    """Writes each line as `printable_line` does; one that holds nothing else is left out."""
    return [shown for line in lines if (shown := printable_line(line)).strip()]
