"""What a look at a machine or a cluster has found, each with its mend."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "wrong"]
_MARKS: dict[State, str] = {"ok": "✓", "note": "·", "wrong": "✗"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: what it belongs to, such as "tools" or "kserve".
        name: what was looked at.
        state: `ok`; `note` where somebody may want to know it; `wrong` where something will fail.
        said: what was found, with the value.
        mend: what to do about it; empty where nothing is to be done.
    """

    area: str
    name: str
    state: State
    said: str
    mend: str = ""

    @property
    def lines(self) -> list[str]:
        """The finding for a screen: one line, and its mend below."""
        first = f"{_MARKS[self.state]} {self.name}: {self.said}"
        return [first, f"    {self.mend}"] if self.mend else [first]

    @property
    def document(self) -> dict[str, Any]:
        """The finding for a program."""
        return asdict(self)


def wrong(findings: Iterable[Finding]) -> list[Finding]:
    """Returns what will fail."""
    return [finding for finding in findings if finding.state == "wrong"]
