"""How many rows the demonstration takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Rows, of which all but the first count follow from the window.

    Attributes:
        history: rows that version 1 is trained on.
        window: rows that the monitor compares at a time.
    """

    history: int = 4000
    window: int = 1000

    @property
    def calm(self) -> int:
        """Rows that are sent before the pattern changes: a whole window, and then some."""
        return self.window * 3 // 2

    @property
    def delay(self) -> int:
        """Rows after which the truth of a row is known."""
        return self.window * 3 // 10
