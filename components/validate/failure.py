"""What breaks a contract, as it is counted, placed and told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from components.spec import REASONS

# Positions that a failure names; whoever needs more has the count and can look.
PLACES = 5
# No key of `checks.severity`: `privacy.scan` says what it does, and ingest has refused already
# where that is to refuse.
_SCANNED = "personal_data"


class Severity(StrEnum):
    """What a failure does: refuse the data, or be reported and go on."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Failure:
    """One way in which the data breaks its contract.

    Attributes:
        code: the reason, a stable word.
        column: where; empty for the whole table.
        count: how many rows.
        severity: what it does.
        expected: what was expected and what to do, for a person.
        places: positions of the first rows, from 0.
        where: the same in words, with the file that each row is in, where that is known.
    """

    code: str
    column: str
    count: int
    severity: Severity
    expected: str
    places: tuple[int, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        """Returns the failure as one line."""
        where = f"column {self.column!r}" if self.column else "the table"
        places = self.where or ", ".join(map(str, self.places))
        rows = f" ({places}, counting from 0)" if places else ""
        counted = f"{self.count:,} row{'' if self.count == 1 else 's'}"
        return f"{where}: {self.code} in {counted}{rows}; expected {self.expected}"


@dataclass(frozen=True)
class Judge:
    """Says what each reason does.

    Attributes:
        severity: the spec's own word, by reason.
    """

    severity: Mapping[str, str]

    def failure(
        self, code: str, column: str, count: int, expected: str, places: tuple[int, ...] = ()
    ) -> Failure:
        """Makes a failure of the severity that the spec, else `REASONS`, gives its reason.

        Other reasons refuse, but for what the privacy scan finds: without a usable target nothing
        can be learned, whatever a spec says.
        """
        usual = REASONS.get(code, "warn" if code == _SCANNED else "refuse")
        word = self.severity.get(code, usual)
        return Failure(code, column, count, Severity(word), expected, places)
