"""How large a noised count must be for its cell to be shown: cells and variance in, a number out. It sees no record, draws nothing.

Showing only what lies over a noisy threshold is partition selection (Korolova et al. 2009; Desfontaines, Voss, Gipson,
Mandayam 2022). Here the cells are public and all noised, so the threshold costs nothing and hides nobody; it keeps out groups that
are not there. Floats are allowed, because the threshold is public and no draw is made from it.
"""

from fractions import Fraction
from math import ceil, sqrt
from statistics import NormalDist

CHANCE = Fraction(1, 100)
"""At most this often does an answer show even one cell without anybody in it."""

_STANDARD = NormalDist()


def threshold(variance: Fraction, *, cells: int, min_cell: int) -> int:
    """The least count that is shown, `min_cell` at least.

    Each of `cells` empty cells passes with a chance of at most CHANCE / cells, so any of them with at most CHANCE (union bound).
    A discrete Gaussian is at most a step beyond the continuous one: P[X >= m] <= P[N(0, variance) >= m - 1] (Canonne, Kamath,
    Steinke 2020, proposition 25).
    """
    if variance <= 0 or cells < 1:
        return min_cell
    quantile = -_STANDARD.inv_cdf(float(CHANCE / cells))
    return max(min_cell, ceil(sqrt(variance) * quantile) + 1)
