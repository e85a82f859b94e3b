"""How two rows of counts differ: a p-value, and the population stability index less its bias.

A cell of which few rows are to be expected can neither follow the chi-squared distribution nor the
bias of the index; such cells are put together, and what is left of them an exact test looks at. It
matters: what the reference never held (unseen categories, missing values where none were) is in it.
Values out of the reference's range get an exact test of their own, because where the range ends is
itself chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from components.monitor.statistics.chi_squared import chi_squared_tail, hypergeometric_tail
from components.monitor.statistics.columns import Cells, Column

# Rows of the live sample and of the other one, in one cell. Plain numbers: of the few cells that a
# column has, an array costs ten times as much.
Pair = tuple[int, int]

# Cochran, Some methods for strengthening the common chi-squared tests (Biometrics 10, 1954).
LEAST_EXPECTED: Final = 5.0
# Half a row in each cell, the Jeffreys prior of a share: no cell is without a logarithm.
SMOOTHING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """How two samples differ.

    Attributes:
        psi: less its bias; below 0 where the samples are more alike than chance has it.
        p_value: of the hypothesis that both are samples of one distribution.
    """

    psi: float
    p_value: float


def difference(column: Column, live: Cells, reference: Cells) -> Difference:
    """Compares two samples of a column.

    Args:
        column: whose cells these are.
        live: int64 (cells,), of n rows.
        reference: int64 (cells,), of m rows: the column's reference, or another live sample.

    Returns:
        The difference; none, that is 0 and 1, where one of them has no rows.
    """
    cells: list[Pair] = list(zip(live.tolist(), reference.tolist(), strict=True))
    n, m = map(sum, zip(*cells, strict=True))
    if not n or not m:
        return Difference(psi=0.0, p_value=1.0)
    shown = list(zip(column.shown(live).tolist(), column.shown(reference).tolist(), strict=True))
    p_values = _chi_squared_and_exact(shown, n, m)
    if column.outside(reference) == 0:
        p_values.append(_beyond_range(column.outside(live) or 0, n, m))
    # Of several looks the smallest p-value, times their number, whatever was found: Bonferroni.
    p_value = min([1.0, *(value * len(p_values) for value in p_values)])
    common, rare = _pooled(cells, n, m)
    index = _stability([*common, rare] if sum(rare) else common, n, m)
    return Difference(psi=index, p_value=p_value)


def _pooled(cells: Sequence[Pair], n: int, m: int) -> tuple[list[Pair], Pair]:
    """Puts together the cells of which few rows are expected, of either sample.

    Neighbours in the order of the cells, until enough are expected of them: of a small window every
    bin is such a cell, and all of them together would tell nothing.

    Returns:
        The common cells, and the rows of the rare ones that even together are not enough.
    """
    least = LEAST_EXPECTED * (n + m) / min(n, m)
    common: list[Pair] = []
    rare = (0, 0)
    for cell in cells:
        if sum(cell) >= least:
            common.append(cell)
            continue
        rare = rare[0] + cell[0], rare[1] + cell[1]
        if sum(rare) >= least:
            common.append(rare)
            rare = (0, 0)
    return common, rare


def _chi_squared_and_exact(cells: Sequence[Pair], n: int, m: int) -> list[float]:
    """Tests the common cells together, and the rare ones by Fisher's exact test."""
    common, rare = _pooled(cells, n, m)
    p_values = []
    if len(common) > 1:
        p_values.append(_chi_squared(common))
    if sum(rare):
        p_values.append(hypergeometric_tail(rare[0], n, sum(rare), n + m - sum(rare)))
    return p_values


def _beyond_range(outside: int, n: int, m: int) -> float:
    """Tests how many live values are beyond the least and greatest of the reference.

    Where both are samples of one distribution every order of them is as likely, so that many are
    beyond where of the outermost values, that many and one, one at most is the reference's: the
    test of exceedances, Gumbel and von Schelling (Annals of Mathematical Statistics 21, 1950).
    """
    return hypergeometric_tail(outside, drawn=outside + 1, special=n, others=m)


def _chi_squared(cells: Sequence[Pair]) -> float:
    """Pearson's test of homogeneity of two rows of counts, each with rows.

    The statistic is that of the 2 by B table, as the sum over cells of (a m - b n)^2 / (a + b),
    over n m.
    """
    n, m = map(sum, zip(*cells, strict=True))
    if not n or not m:
        return 1.0
    total = sum((a * m - b * n) ** 2 / (a + b) for a, b in cells)
    return chi_squared_tail(total / (n * m), len(cells) - 1)


def _stability(cells: Sequence[Pair], n: int, m: int) -> float:
    """The population stability index, less its bias (B - 1)(1/n + 1/m).

    Two samples of one distribution have about that index, not 0: Yurdakul and Naranjo, Statistical
    properties of the population stability index (Journal of Risk Model Validation 14, 2020).
    """
    live, other = n + SMOOTHING * len(cells), m + SMOOTHING * len(cells)
    index = 0.0
    for a, b in cells:
        p, q = (a + SMOOTHING) / live, (b + SMOOTHING) / other
        index += (p - q) * log(p / q)
    return index - (len(cells) - 1) * (1 / n + 1 / m)
