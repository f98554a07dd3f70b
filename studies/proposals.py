"""Where candidates come from: what waits, draws from the space at first, then the sampler."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import optuna

from nas.cost import cost_of
from search_spaces.architecture import Architecture
from search_spaces.space import MutationError
from studies.admission import Admission, admit, check_feasible, network_id
from studies.architecture_space import ArchitectureSpace
from studies.front_sampler import FrontSampler
from studies.problem import Problem
from studies.record import TrialRecord
from studies.samplers import STARTUP, make_sampler
from studies.store import StudyStore

#: Proposals in a row that are refused or known before candidates are drawn from the space.
_PATIENCE = 20
#: Proposals in a row without a new candidate before the search ends.
_MOST_PROPOSALS = 200
#: Random draws, and steps to neighbours, when looking for new networks within the budget.
_MOST_DRAWS, _MOST_STEPS = 600, 600
#: Networks within the budget among which the one nearest to a wanted cost is taken.
_POOL = 24
#: Of so many nearest ones, the one that trains fastest is taken: pruning begins dense.
_NEAREST = 4
#: Steps of it modulo 1 fill the unit interval evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A candidate with its trial; ``known`` is the trial that trained the same network before."""

    number: int
    architecture: Architecture
    admission: Admission
    known: int | None

    @property
    def accepted(self) -> bool:
        """Whether it is to be trained."""
        return self.admission.admitted and self.known is None


class Proposals:
    """Proposes candidates of a study that are within the budget and were not trained before.

    Other processes may propose for the same study meanwhile: none trains what another one does.
    ``measures`` tells whether latencies are measured of what is proposed.
    """

    def __init__(self, problem: Problem, device: str) -> None:
        self.problem = problem
        self._known: set[str] = set()
        self._config = problem.config
        self._device = device
        self.measures = problem.config.budget.needs_latency or any(
            objective.name == "latency_ms" for objective in problem.objectives
        )
        self._cheapest: Architecture | None = None
        self._candidates = ArchitectureSpace(problem.space, problem.config.budget)
        self._front_sampler: FrontSampler | None = None

    @property
    def cheapest(self) -> Architecture:
        """The cheapest network that a bounded search finds.

        Raises ``StudyError`` with its cost where even that is over the budget.
        """
        if self._cheapest is None:
            self._cheapest = check_feasible(
                self.problem.space, self.admission, self._config.budget, self._config.seed
            )
        return self._cheapest

    def check_feasible(self) -> None:
        """Raise ``StudyError`` with the cheapest cost where no network is within the budget."""
        _ = self.cheapest

    def admission(self, architecture: Architecture) -> Admission:
        """What an architecture costs, and whether that is within the budget."""
        return admit(architecture, self._config.budget, measure=self.measures, device=self._device)

    def enqueue_first(self, store: StudyStore) -> None:
        """Queue the shared preset and what the user gave, as far as it is new to the study."""
        known = {record.architecture for record in store.records()}
        for architecture in dict.fromkeys((self.problem.reference, *self._config.enqueue)):
            if architecture not in known:
                store.enqueue(self.problem.space, architecture)

    def propose(self, store: StudyStore, records: Sequence[TrialRecord]) -> Iterator[Proposal]:
        """One proposal after the other, bounded; ends early where nothing new is found.

        What is proposed depends on the study's seed and its trials alone, however often it was
        stopped, where no more than 32 train at a time.
        """
        for attempt in range(_MOST_PROPOSALS):
            if attempt:
                records = store.records()
            begun = self._begin(store, records, attempt)
            if begun is None:
                return
            number, architecture = begun
            yield Proposal(
                number=number,
                architecture=architecture,
                admission=self.admission(architecture),
                known=store.earlier(number, network_id(architecture)),
            )

    def _begin(
        self, store: StudyStore, records: Sequence[TrialRecord], attempt: int
    ) -> tuple[int, Architecture] | None:
        """Begin the trial of the next candidate, None where no new one is found."""
        self._known = {record.network for record in records if record.counts}
        statuses = [record.status for record in records]
        begun = sum(s in ("running", "complete", "stopped") for s in statuses)
        seen = sum(s not in ("waiting", "interrupted", "failed") for s in statuses)
        seed = zlib.crc32(f"{self._config.seed}/{seen}/{attempt}".encode())
        space = self.problem.space
        if "waiting" in statuses:
            return store.ask(space, self._sampler(seed))
        if not self._draws(begun, attempt):
            sampler = self._sampler(seed)
            if not isinstance(sampler, FrontSampler):
                return store.ask(space, sampler)
            proposed = store.propose(sampler)
            if proposed:
                architecture = space.architecture(proposed)
                return store.begin(space, architecture), architecture
        drawn = self._drawn(random.Random(seed), begun)
        return None if drawn is None else (store.begin(space, drawn), drawn)

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """The front sampler stays, as what it learnt follows from the trials; others begin anew.

        So a study that was stopped and started again goes on as if it had not been.
        """
        name = self._config.sampler
        if self._front_sampler is not None:
            return self._front_sampler
        own = self._config.seed if name == "front" else seed
        sampler = make_sampler(name, own, self._candidates, self.problem.objectives)
        if isinstance(sampler, FrontSampler):
            self._front_sampler = sampler
        return sampler

    def _draws(self, begun: int, attempt: int) -> bool:
        """Whether to draw from the space: at first, and where the sampler finds nothing new."""
        if self._config.sampler == "front":
            return attempt >= _PATIENCE
        return self._config.sampler == "random" or begun < STARTUP or attempt >= _PATIENCE

    def _drawn(self, rng: random.Random, begun: int) -> Architecture | None:
        """A random new network within the bounds that need no measuring, None if none is found.

        But for the random sampler, draws are spread evenly over the logarithm of MACs: costs are
        known before training, and a front spans them all.
        """
        pool = self._pool(rng, 1 if self._config.sampler == "random" else _POOL)
        if not pool:
            return None
        low, high = min(pool.values()), max(pool.values())
        wanted = low + (high - low) * (begun * _GOLDEN % 1)
        near = sorted(pool, key=lambda architecture: abs(pool[architecture] - wanted))[:_NEAREST]
        return min(near, key=lambda architecture: cost_of(architecture.dense).macs)

    def _pool(self, rng: random.Random, size: int) -> dict[Architecture, float]:
        """New networks within the budget with the logarithm of their MACs.

        Samples of the space; where these are too dear, neighbours of the cheapest network.
        """
        space, budget, pool = self.problem.space, self._config.budget, dict[Architecture, float]()

        def collect(architecture: Architecture) -> bool:
            cost = cost_of(architecture, budget.deployment.resolution)
            if budget.allows(cost) and network_id(architecture) not in self._known:
                pool[architecture] = math.log(cost.macs)
            return budget.allows(cost)

        for _ in range(_MOST_DRAWS):
            if len(pool) < size:
                collect(space.sample(rng))
        if pool:
            return pool
        collect(self.cheapest)
        within = [self.cheapest]
        for _ in range(_MOST_STEPS):
            if len(pool) < size:
                try:
                    neighbour = space.mutate(rng.choice(within), rng)
                except MutationError:
                    break
                if collect(neighbour):
                    within.append(neighbour)
        return pool
