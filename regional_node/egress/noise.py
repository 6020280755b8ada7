"""Discrete Gaussian noise from integers (Canonne, Kamath, Steinke 2020). Nothing here computes with a float or asks the clock.

Every draw uses only `below(n)`: a uniform integer in [0, n). In production that is `secrets.randbelow`. A float anywhere in the
path would make some answers impossible for one neighbour and so tell them apart (Mironov 2012), which is why none is here.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import TypeAlias

from policies.engine.errors import Code, DomicileError

Below: TypeAlias = Callable[[int], int]


def gaussian_variance(sensitivity_squared: int, rho: Fraction) -> Fraction:
    """The sigma squared that costs `rho` zCDP at an L2 sensitivity whose square is given: D^2 / (2 rho)."""
    if rho <= 0 or sensitivity_squared <= 0:
        raise DomicileError("noise needs a positive charge and a positive sensitivity", code=Code.QUESTION_UNSUPPORTED)
    return Fraction(sensitivity_squared * rho.denominator, 2 * rho.numerator)


def discrete_gaussian(variance: Fraction, below: Below) -> int:
    """One draw with probability proportional to exp(-x^2 / (2 variance)) over all integers."""
    if variance <= 0:
        raise DomicileError("the variance of noise is not positive", code=Code.QUESTION_UNSUPPORTED)
    n, d = variance.numerator, variance.denominator
    t = isqrt(n // d) + 1
    # accept y with exp(-(|y| - variance/t)^2 / (2 variance)), written over one integer denominator
    denominator = 2 * n * d * t * t
    while True:
        y = _discrete_laplace(t, below)
        if _bernoulli_exp((abs(y) * d * t - n) ** 2, denominator, below):
            return y


def _discrete_laplace(t: int, below: Below) -> int:
    while True:
        u = below(t)
        if not _bernoulli_exp_unit(u, t, below):
            continue
        v = 0
        while _bernoulli_exp_unit(1, 1, below):
            v += 1
        x = u + t * v
        if below(2) == 0:
            return x
        if x != 0:  # a negative zero would count zero twice
            return -x


def _bernoulli_exp(numerator: int, denominator: int, below: Below) -> bool:
    """True with probability exp(-numerator/denominator): whole steps of exp(-1), then the rest."""
    while numerator > denominator:
        if not _bernoulli_exp_unit(1, 1, below):
            return False
        numerator -= denominator
    return _bernoulli_exp_unit(numerator, denominator, below)


def _bernoulli_exp_unit(numerator: int, denominator: int, below: Below) -> bool:
    """The same for a ratio of at most 1: draw Bernoulli(g/1), (g/2), ... until one fails at step k; true iff k is odd."""
    k = 1
    while below(denominator * k) < numerator:
        k += 1
    return k % 2 == 1
