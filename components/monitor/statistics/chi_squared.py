"""Tail probabilities: of the chi-squared distribution, and of the hypergeometric one.

scipy has both and weighs 100 MB, which the monitor's image does without; the tests hold these to
scipy's.
"""

import math
from typing import Final

_ENOUGH: Final = 1e-16
_TINY: Final = 1e-300
# Both expansions of a = 50,000 degrees need about 5 sqrt(a) terms.
_MOST_TERMS: Final = 100_000


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """Computes the probability of a chi-squared value at least as large as one found.

    The regularized upper incomplete gamma function Q(degrees / 2, statistic / 2): by its series
    below a + 1, by its continued fraction (Lentz) from there on. Press et al., Numerical Recipes
    (3rd edition, 2007), section 6.2; DLMF 8.11.4 and 8.9.2.

    Args:
        statistic: 0 or more.
        degrees: of freedom, 1 or more.

    Returns:
        The probability, from 0 to 1; right to 1e-12 of itself up to 1000 degrees.
    """
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1 - front * _series(a, x))
    return min(1.0, front * _fraction(a, x))


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    for n in range(1, _MOST_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * _ENOUGH:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    result = d
    for n in range(1, _MOST_TERMS):
        step = -n * (n - a)
        b += 2
        d = 1 / _away_from_zero(step * d + b)
        c = _away_from_zero(b + step / c)
        result *= c * d
        if abs(c * d - 1) < _ENOUGH * 4:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def hypergeometric_tail(found: int, drawn: int, special: int, others: int) -> float:
    """Computes the probability of at least so many special ones among those drawn.

    Fisher's exact test, one-sided: Fisher, Statistical Methods for Research Workers (5th edition,
    1934), section 21.02.

    Args:
        found: special ones that were drawn.
        drawn: how many were drawn, without putting back.
        special: how many there are.
        others: how many others there are.

    Returns:
        The probability, from 0 to 1.
    """
    if found <= max(0, drawn - others):
        return 1.0
    last = min(special, drawn)
    if found > last:
        return 0.0
    term = math.exp(
        _log_choose(special, found)
        + _log_choose(others, drawn - found)
        - _log_choose(special + others, drawn)
    )
    total = term
    for k in range(found, last):
        term *= (special - k) * (drawn - k) / ((k + 1) * (others - drawn + k + 1))
        total += term
        if term < total * _ENOUGH:
            break
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
