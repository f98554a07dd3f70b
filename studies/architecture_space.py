"""The search space as the front sampler sees it: candidates by their parameters, costs known."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache

from optuna.distributions import BaseDistribution, CategoricalDistribution

from nas.budget import Budget
from nas.cost import Cost, cost_of
from search_spaces.architecture import Architecture
from search_spaces.space import MutationError, SearchSpace
from studies.admission import network_id
from studies.candidate_space import Params, Value
from studies.objectives import Objective, Outcome


class ArchitectureSpace:
    """A candidate space (``studies.candidate_space``) of architectures within a budget.

    Two candidates are the same where their networks are, also if their parameters differ.
    """

    def __init__(self, space: SearchSpace, budget: Budget) -> None:
        self._space = space
        self._budget = budget
        self._built = lru_cache(maxsize=8192)(self._build)
        self.distributions: Mapping[str, BaseDistribution] = {
            name: CategoricalDistribution(choices) for name, choices in space.choices().items()
        }

    def sample(self, rng: random.Random) -> dict[str, Value]:
        """A random candidate."""
        return dict(self._space.parameters(self._space.sample(rng)))

    def mutate(self, params: Params, rng: random.Random) -> dict[str, Value]:
        """A neighbour of a candidate; itself where it has none."""
        architecture = self.architecture(params)
        try:
            return dict(self._space.parameters(self._space.mutate(architecture, rng)))
        except MutationError:
            return dict(params)

    def key(self, params: Params) -> Hashable:
        """Equal for candidates whose training would be the same."""
        return network_id(self.architecture(params))

    def feasible(self, params: Params) -> bool:
        """Whether a candidate is within the bounds that need no measuring."""
        return self._budget.allows(self._cost(params))

    def architecture(self, params: Params) -> Architecture:
        """The architecture that parameters stand for."""
        return self._built(tuple(sorted(params.items())))

    def known(self, objective: Objective) -> Callable[[Params], float]:
        """An objective's value, for one that is a cost."""
        return lambda params: objective.value(
            Outcome(metrics={}, delta_m=0.0, cost=self._cost(params))
        )

    def _cost(self, params: Params) -> Cost:
        return cost_of(self.architecture(params), self._budget.deployment.resolution)

    def _build(self, params: tuple[tuple[str, Value], ...]) -> Architecture:
        return self._space.architecture(dict(params))
