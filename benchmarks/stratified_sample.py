"""Networks that stand for a space: evenly over encoders and over the logarithm of MACs."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from nas.cost import cost_of
from nas.training_cost import training_macs
from search_spaces.architecture import Architecture
from studies.errors import StudyError
from studies.problem import Problem

#: Networks that are drawn, and that are looked at for them.
_POOL, _MOST_DRAWS = 3000, 60_000
#: Its multiples modulo 1 fill an interval evenly, however many there are (the golden ratio - 1).
_GOLDEN = 0.6180339887


def stratified_sample(
    problem: Problem, count: int, *, seed: int = 0, pool: int = _POOL
) -> Sequence[Architecture]:
    """``count`` different networks within the budget, none dearer to train than the reference.

    Encoders take turns; of ``pool`` random networks each is the one whose MACs come nearest to
    where the logarithm of MACs is still empty. Raises ``StudyError`` where there are too few.
    """
    drawn = _drawn(problem, pool, random.Random(seed))
    low, high = min(m for _, m in drawn), max(m for _, m in drawn)
    encoders = problem.space.encoders
    chosen: list[Architecture] = []
    for index in range(count):
        encoder = encoders[index % len(encoders)]
        left = [(a, m) for a, m in drawn if a.encoder.depth == encoder and a not in chosen]
        if not left:
            raise StudyError(
                f"only {len(chosen)} of {count} networks were found: no other one with {encoder} "
                "is within the budget and no dearer to train than the reference; ask for fewer, "
                "or fix the encoder"
            )
        wanted = low + (high - low) * (index * _GOLDEN % 1)
        chosen.append(min(left, key=lambda item: abs(item[1] - wanted))[0])
    return chosen


def _drawn(problem: Problem, pool: int, rng: random.Random) -> list[tuple[Architecture, float]]:
    """Random networks that may be taken, each with the logarithm of its MACs."""
    budget, fidelity = problem.config.budget, problem.config.fidelity
    dearest = training_macs(problem.reference, fidelity)
    found: list[tuple[Architecture, float]] = []
    for _ in range(_MOST_DRAWS):
        if len(found) == pool:
            return found
        network = problem.space.sample(rng)
        cost = cost_of(network, budget.deployment.resolution)
        if budget.allows(cost) and training_macs(network, fidelity) <= dearest:
            found.append((network, math.log(cost.macs)))
    if not found:
        raise StudyError(
            f"none of {_MOST_DRAWS} random networks is within the budget and no dearer to train "
            "than the reference: allow more with --budget"
        )
    return found
