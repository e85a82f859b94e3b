"""Truth values in the spellings that people and systems write, read alike by training and serving.

The canonical texts are `true` and `false`, as JSON has them.
"""

from typing import Final

TRUTH: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), "true"),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), "false"),
}
"""Lower-case spellings and what they mean."""

# Two spellings that make a column of text one of truth values without being told. A column of 0
# and 1 is a number, and one of T and F or on and off may be a code.
SURE: Final = (frozenset({"true", "false"}), frozenset({"yes", "no"}))
"""The pairs by which a column is inferred to be boolean."""


def truth(text: str) -> str | None:
    """Returns `true` or `false` for a spelling of it in any case; None for any other text."""
    return TRUTH.get(text.strip().lower())
