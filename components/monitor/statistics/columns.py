"""One column of `reference.json`: its cells, what falls into each, and how it is shown.

A cell is a bin or what lies beside the bins: below and above the reference's range, missing, other,
unseen. Every value falls into exactly one cell, so that counts merge by addition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.int64]
_LARGEST_WRITTEN_OUT = 1e12


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """A number; its cells are below, the bins, above, missing.

    Attributes:
        name: of the feature.
        edges: float64 (b - 1,), ascending; a bin holds edge[i-1] <= value < edge[i].
        low, high: least and greatest value of the reference; NaN where it does not say, and then
            nothing is below or above.
        reference: int64 (b + 3,), rows of the reference by cell.
    """

    name: str
    edges: NDArray[np.float64]
    low: float
    high: float
    reference: Cells

    @property
    def cuts(self) -> NDArray[np.float64]:
        """The edges with those of the range: as many as are passed is the cell of a value."""
        low = -np.inf if np.isnan(self.low) else self.low
        above = np.nextafter(np.float64(self.high), np.inf)
        return np.array([low, *self.edges, above])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What the bins hold, in words, and missing."""
        if not len(self.edges):
            return ("any", "(missing)")
        texts = _distinct(self.edges.tolist())
        inner = [f"{low} to {high}" for low, high in zip(texts, texts[1:], strict=False)]
        return (f"< {texts[0]}", *inner, f"≥ {texts[-1]}", "(missing)")

    def shown(self, cells: Cells) -> Cells:
        """Puts what is out of range into the outermost bins, as the labels have it."""
        bins = cells[1:-2].copy()
        bins[0] += cells[0]
        bins[-1] += cells[-2]
        return np.append(bins, cells[-1])

    def outside(self, cells: Cells) -> int | None:
        """Returns how many values are out of the reference's range; None where it is not known."""
        return None if np.isnan(self.low) else int(cells[0] + cells[-2])

    def shares(self, cells: Cells) -> dict[str, float]:
        """Returns the shares of missing, unseen, below and above."""
        rows = max(1, int(cells.sum()))
        return {
            "missing": int(cells[-1]) / rows,
            "unseen": 0.0,
            "below": int(cells[0]) / rows,
            "above": int(cells[-2]) / rows,
        }


@dataclass(frozen=True, eq=False)
class CategoryColumn:
    """A category; its cells are the named ones, other, unseen, missing.

    Attributes:
        name: of the feature.
        categories: c names.
        cell: the cell of a text; what it does not hold falls into `unknown`.
        unknown: other, where the reference has categories without a name that this may be one of;
            else unseen.
        spellings: the canonical text of a truth value by its spellings; empty for others.
        reference: int64 (c + 3,), rows of the reference by cell.
    """

    name: str
    categories: tuple[str, ...]
    cell: Mapping[str | None, int]
    unknown: int
    spellings: Mapping[str, str]
    reference: Cells

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The categories, and what lies beside them."""
        return (*self.categories, "(other)", "(unseen)", "(missing)")

    def shown(self, cells: Cells) -> Cells:
        """Returns the cells as they are."""
        return cells

    def outside(self, cells: Cells) -> int | None:
        """Returns None: categories have no range, and unseen ones have a cell of their own."""
        return None

    def shares(self, cells: Cells) -> dict[str, float]:
        """Returns the shares of missing, unseen, below and above."""
        rows = max(1, int(cells.sum()))
        return {
            "missing": int(cells[-1]) / rows,
            "unseen": int(cells[-2]) / rows,
            "below": 0.0,
            "above": 0.0,
        }

    def find(self, values: Sequence[Any]) -> list[int]:
        """Returns the cell of each value, a text or None."""
        cell, unknown = self.cell, self.unknown
        if self.spellings:
            values = [self._canonical(value) for value in values]
        return [cell.get(value, unknown) for value in values]

    def _canonical(self, value: Any) -> Any:
        if value in self.cell or not isinstance(value, str):
            return value
        return self.spellings.get(value.strip().lower(), value)


Column = NumberColumn | CategoryColumn


def _distinct(values: list[float]) -> list[str]:
    """Writes values with as few digits as tell them apart, six at least."""
    for digits in (6, 9, 12):
        texts = [_write(value, digits) for value in values]
        if len(set(texts)) == len(values):
            return texts
    return [repr(value) for value in values]


def _write(value: float, digits: int) -> str:
    whole = value.is_integer() and abs(value) < _LARGEST_WRITTEN_OUT
    return str(int(value)) if whole else f"{value:.{digits}g}"
