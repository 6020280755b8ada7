"""The noise is the distribution it says it is, drawn from integers only, and fast enough for a thousand cells."""

import ast
import math
import secrets
import time
from fractions import Fraction
from pathlib import Path

import pytest

from policies.engine.errors import DomicileError
from regional_node.egress import answering, disclosure, noise
from regional_node.egress.noise import discrete_gaussian, gaussian_variance
from tests.unit.egress.ordinary import seeded

PATH = [noise, disclosure, answering]


def floats_in(source: str) -> list[str]:
    """Whatever in a module's text could make or meet a float."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"{node.lineno}: {node.value}")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"{node.lineno}: /")
        if isinstance(node, ast.Name) and node.id in {"float", "complex", "round", "numpy"}:
            found.append(f"{node.lineno}: {node.id}")
        if isinstance(node, ast.ImportFrom) and node.module in {"math", "random", "numpy", "cmath", "statistics"}:
            found += [f"{node.lineno}: {a.name}" for a in node.names if a.name not in {"isqrt", "gcd"}]
        if isinstance(node, ast.Import):
            found += [f"{node.lineno}: {a.name}" for a in node.names if a.name in {"math", "random", "numpy", "cmath"}]
    return found


@pytest.mark.parametrize("module", PATH, ids=lambda module: module.__name__)
def test_no_float_stands_in_the_noise_path(module):
    assert floats_in(Path(module.__file__).read_text()) == []


@pytest.mark.parametrize("weakened", ["x = 1 / 2", "x = 0.5", "from math import sqrt", "import random", "y = float('1')", "x /= 2"])
def test_a_float_in_the_noise_path_is_found(weakened):
    assert floats_in(weakened)


def chi_square(variance: Fraction, draws: list[int], reach: int) -> tuple[float, int]:
    weights = {x: math.exp(-x * x / (2 * float(variance))) for x in range(-20 * reach, 20 * reach + 1)}
    total = sum(weights.values())
    cells = {x: weights[x] / total * len(draws) for x in range(-reach, reach + 1)}
    tail = len(draws) - sum(cells.values())
    seen = dict.fromkeys(cells, 0)
    outside = 0
    for draw in draws:
        if draw in seen:
            seen[draw] += 1
        else:
            outside += 1
    statistic = sum((seen[x] - e) ** 2 / e for x, e in cells.items()) + (outside - tail) ** 2 / max(tail, 1)
    return statistic, len(cells)


@pytest.mark.parametrize(("variance", "reach"), [(Fraction(1, 3), 1), (Fraction(5, 2), 4), (Fraction(9), 8), (Fraction(200), 35)])
def test_draws_follow_the_exact_probabilities(variance, reach):
    below = seeded(20261122).randrange
    statistic, freedom = chi_square(variance, [discrete_gaussian(variance, below) for _ in range(20_000)], reach)
    assert statistic < freedom + 4 * math.sqrt(2 * freedom)


def test_a_sampler_that_counts_zero_twice_is_caught_by_the_same_check(monkeypatch):
    def careless(t, below):
        while True:
            u = below(t)
            if noise._bernoulli_exp_unit(u, t, below):
                break
        v = 0
        while noise._bernoulli_exp_unit(1, 1, below):
            v += 1
        return (u + t * v) * (1 if below(2) else -1)

    monkeypatch.setattr(noise, "_discrete_laplace", careless)
    below = seeded(20261122).randrange
    statistic, freedom = chi_square(Fraction(5, 2), [discrete_gaussian(Fraction(5, 2), below) for _ in range(20_000)], 4)
    assert statistic > freedom + 4 * math.sqrt(2 * freedom)


def test_the_variance_of_large_noise_is_as_declared():
    below = seeded(5).randrange
    variance = Fraction(50_000_000_000_000)
    draws = [discrete_gaussian(variance, below) for _ in range(4_000)]
    assert abs(sum(d * d for d in draws) / len(draws) / float(variance) - 1) < 0.1
    assert abs(sum(draws) / len(draws)) < 5 * math.sqrt(float(variance) / len(draws))


def test_a_charge_buys_the_declared_variance():
    assert gaussian_variance(1, Fraction(1, 400)) == 200
    assert gaussian_variance(4, Fraction(1, 3)) == Fraction(6)


@pytest.mark.parametrize(("square", "rho"), [(0, Fraction(1)), (1, Fraction(0)), (1, Fraction(-1, 2))])
def test_no_charge_or_no_sensitivity_gives_no_noise_and_no_answer(square, rho):
    with pytest.raises(DomicileError):
        gaussian_variance(square, rho)


def test_a_thousand_cells_take_a_tenth_of_a_second_at_most():
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(1_000):
            discrete_gaussian(Fraction(200), secrets.randbelow)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.1
