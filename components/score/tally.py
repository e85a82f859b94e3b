"""What was found wrong in a table, counted and told without any value of a row."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.signature import Feature

# Positions that a problem names; whoever needs more has the count and can look.
PLACES = 5
_SHOWN = 20


@dataclass
class Problem:
    """One way in which rows break the signature.

    Attributes:
        count: how many rows do.
        places: positions of the first, from 0.
    """

    count: int = 0
    places: list[int] = field(default_factory=list)


@dataclass
class Tally:
    """What was found in all batches so far; it does not grow with the rows.

    Attributes:
        rows: how many were read.
        refused: how many of them break the signature.
        problems: by feature and reason: null, type or overflow.
        unseen: values of each category feature that training never saw; they are answered.
    """

    rows: int = 0
    refused: int = 0
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)

    def count(self, feature: str, reason: str, places: NDArray[np.int64]) -> None:
        """Counts values that break the signature.

        Args:
            feature: the field.
            reason: null, type or overflow.
            places: their positions in the batch that follows the rows counted so far.
        """
        problem = self.problems.setdefault((feature, reason), Problem())
        problem.count += len(places)
        room = PLACES - len(problem.places)
        problem.places += (places[:room] + self.rows).tolist()


def describe_problems(tally: Tally, features: Iterable[Feature]) -> list[str]:
    """Returns a sentence for each way in which rows break the signature, at most 20 of them.

    Args:
        tally: what was found.
        features: the signature's inputs.

    Returns:
        Field, reason, count and first rows; never a value.
    """
    by_name = {feature.name: feature for feature in features}
    said = []
    for (name, reason), problem in list(tally.problems.items())[:_SHOWN]:
        places = ", ".join(map(str, problem.places))
        count = f"{problem.count:,} row{'' if problem.count == 1 else 's'}"
        said.append(
            f"field {name!r}: {reason} in {count} ({places}, counting from 0), "
            f"expected {_wanted(by_name[name])}"
        )
    if len(tally.problems) > _SHOWN:
        said.append(f"and {len(tally.problems) - _SHOWN} more")
    return said


def _wanted(feature: Feature) -> str:
    wanted = "a number within ±3.4e+38" if feature.dtype == "float32" else "text"
    if feature.boolean:
        wanted = "true or false"
    if feature.dtype == "date":
        wanted = f"a date such as {' or '.join(feature.formats[:3])}"
    return f"{wanted} or nothing" if feature.nullable else wanted
