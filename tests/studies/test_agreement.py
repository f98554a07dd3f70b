from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from studies.agreement import agreement, kendall_tau, mean_ranks, noise_ceiling, spearman_rho
from studies.ranking import Array


def _tau_by_pairs(x: Array, y: Array) -> float:
    """Tau-b by its definition."""
    concordant = discordant = untied_x = untied_y = 0
    for i, j in combinations(range(len(x)), 2):
        sign = (x[i] - x[j]) * (y[i] - y[j])
        concordant += sign > 0
        discordant += sign < 0
        untied_x += x[i] != x[j]
        untied_y += y[i] != y[j]
    return float((concordant - discordant) / math.sqrt(untied_x * untied_y))


def _rho_by_counting(x: Array, y: Array) -> float:
    """The correlation of ranks, each counted against all others."""

    def ranks(s: Array) -> list[float]:
        return [sum(o < v for o in s) + (sum(o == v for o in s) + 1) / 2 for v in s]

    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_those_of_their_definitions(ties: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.random((2, int(rng.integers(3, 15))))
        if ties:
            x, y = np.round(x, 1), np.round(y, 1)
        if len(set(x)) > 1 and len(set(y)) > 1:
            assert kendall_tau(x, y) == pytest.approx(_tau_by_pairs(x, y))
            assert spearman_rho(x, y) == pytest.approx(_rho_by_counting(x, y))


@pytest.mark.parametrize("measure", [kendall_tau, spearman_rho])
def test_only_the_order_counts(measure: object) -> None:
    assert callable(measure)
    x = np.random.default_rng(1).standard_normal(20)
    assert measure(x, np.exp(x)) == pytest.approx(1.0)
    assert measure(x, -(x**3)) == pytest.approx(-1.0)
    assert math.isnan(measure(x, np.ones(20)))


def test_tied_scores_share_the_mean_of_their_ranks() -> None:
    assert mean_ranks(np.array([5.0, 1.0, 5.0, 0.0])).tolist() == [3.5, 2.0, 3.5, 1.0]


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Correlation 0.8 of normal scores is a tau of 2/π·asin(0.8) = 0.590."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(40):
        x = rng.standard_normal(40)
        y = 0.8 * x + 0.6 * rng.standard_normal(40)
        found = agreement(x, y, rng=rng, resamples=100)
        assert found.low < found.value < found.high
        held += found.low <= 2 / math.pi * math.asin(0.8) <= found.high
    assert held >= 34


def test_the_same_seed_gives_the_same_interval() -> None:
    x, y = np.random.default_rng(3).random((2, 15))
    first, again = (agreement(x, y, rng=np.random.default_rng(4), resamples=50) for _ in range(2))
    assert first == again


def test_a_noise_ceiling_is_the_mean_agreement_of_two_trainings() -> None:
    rng = np.random.default_rng(5)
    replicates = rng.standard_normal((30, 1)) + 0.3 * rng.standard_normal((30, 3))
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([_tau_by_pairs(replicates[:, a], replicates[:, b]) for a, b in pairs])
    ceiling = noise_ceiling(replicates, rng=rng, resamples=100)
    assert ceiling.value == pytest.approx(float(expected))
    assert ceiling.low < ceiling.value < ceiling.high < 1
    exact = noise_ceiling(np.repeat(replicates[:, :1], 2, axis=1), rng=rng, resamples=10)
    assert exact.low == pytest.approx(1.0)


def test_one_training_of_each_network_has_no_ceiling() -> None:
    with pytest.raises(ValueError, match=r"\(5, 1\): give \(networks, 2 or more seeds\)"):
        noise_ceiling(np.ones((5, 1)), rng=np.random.default_rng(0))
