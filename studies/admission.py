"""Decides before training whether a candidate may be trained: budget, memory, never twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from nas.budget import Budget
from nas.compile import compile_plan
from nas.cost import Cost, cost_of
from nas.latency import measure_latency
from nas.plan import Node
from search_spaces.architecture import Architecture
from search_spaces.space import MutationError, SearchSpace
from studies.errors import StudyError

_SAMPLES = 200
_DESCENT_STEPS = 300


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The cost of a candidate, and why it is not admitted, empty if it is.

    ``constraints`` holds for each bound how far the candidate is over it, as a share; none is
    above zero where it is within.
    """

    cost: Cost
    latency_ms: float | None
    constraints: dict[str, float]
    reason: str = ""

    @property
    def admitted(self) -> bool:
        """Whether it may be trained."""
        return not self.reason


def admit(architecture: Architecture, budget: Budget, *, measure: bool, device: str) -> Admission:
    """Check the bounds, the cheap ones first: latency is measured only where the others hold."""
    resolution = budget.deployment.resolution
    cost = cost_of(architecture, resolution)
    latency = None
    if measure and budget.allows(cost):
        latency = measure_latency(architecture, resolution, device=device).median
    return Admission(
        cost=cost,
        latency_ms=latency,
        constraints={
            bound.given: excess
            for bound, excess in zip(budget.bounds, budget.excesses(cost, latency), strict=True)
        },
        reason="; ".join(str(violation) for violation in budget.violations(cost, latency)),
    )


def network_key(architecture: Architecture) -> tuple[object, ...]:
    """Equal for architectures whose training would be the same, also where ratios round alike."""
    nodes: tuple[Node, ...] = compile_plan(architecture, training=True).nodes
    return nodes, architecture.weighting, architecture.loss_weights, architecture.auxiliary


@lru_cache(maxsize=8192)
def network_id(architecture: Architecture) -> str:
    """``network_key`` as a short text that is kept with a trial."""
    return hashlib.sha256(repr(network_key(architecture)).encode()).hexdigest()[:16]


def cheapest(space: SearchSpace, budget: Budget, seed: int) -> Architecture:
    """The cheapest network that a bounded search finds, by the bounds that need no measuring.

    Random samples, then steps to cheaper neighbours.
    """
    rng = random.Random(seed)
    resolution = budget.deployment.resolution

    def price(architecture: Architecture) -> tuple[float, int]:
        cost = cost_of(architecture, resolution)
        return max(budget.excesses(cost), default=0.0), cost.macs

    best = min((space.sample(rng) for _ in range(_SAMPLES)), key=price)
    for _ in range(_DESCENT_STEPS):
        try:
            neighbour = space.mutate(best, rng)
        except MutationError:
            break
        best = min(best, neighbour, key=price)
    return best


def check_feasible(
    space: SearchSpace, check: Callable[[Architecture], Admission], budget: Budget, seed: int
) -> Architecture:
    """The cheapest network found; raises ``StudyError`` where even that is over the budget."""
    best = cheapest(space, budget, seed)
    admission = check(best)
    if not admission.admitted:
        raise StudyError(
            f"no network of the space is within the budget: the cheapest that was found costs "
            f"{_priced(admission)}: {admission.reason}; raise --budget or widen the space"
        )
    return best


def _priced(admission: Admission) -> str:
    cost = admission.cost
    words = [f"{cost.macs / 1e9:.3g} GMAC", f"{cost.params / 1e6:.3g} M parameters"]
    words.append(f"{cost.activation_bytes / 1e6:.3g} MB of activations")
    if admission.latency_ms is not None:
        words.append(f"{admission.latency_ms:.3g} ms")
    return ", ".join(words)
