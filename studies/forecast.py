"""What a search is going to do, told before it does it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from nas.cost import Cost, cost_of
from nas.quantity import written
from studies.estimate import Estimate, estimate
from studies.figures import duration
from studies.opening import find_study
from studies.problem import Problem
from studies.redaction import shown

_SAMPLES = 300


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A search that was not run: which part of its space fits, and how long it would take.

    ``share`` is that of ``_SAMPLES`` random networks within the bounds that need no measuring;
    ``cheapest`` and ``dearest`` are the MACs of the extremes among all of them.
    """

    problem: Problem
    share: float
    cheapest: int
    dearest: int
    reference: Cost
    trained: int
    estimate: Estimate

    def lines(self) -> list[str]:
        """For people."""
        problem, config = self.problem, self.problem.config
        names = ", ".join(problem.tasks)
        known = f", {self.trained} are trained already" if self.trained else ""
        return [
            config.budget.explain(),
            *problem.notes,
            f"study {problem.name} in {shown(config.storage)}",
            f"tasks {names}; data {', '.join(source.name for source in problem.sources)}",
            f"space of {problem.space.size():.2g} networks: {self.share:.0%} of {_SAMPLES} samples "
            f"fit, they cost {written('macs', self.cheapest)} to {written('macs', self.dearest)}",
            f"first candidate: {problem.reference.encoder.depth} of width "
            f"{problem.reference.encoder.width}, shared by all tasks: "
            f"{written('macs', self.reference.macs)}, {written('params', self.reference.params)}",
            f"{config.trials} candidates{known}",
            plan_line(problem, self.estimate),
        ]

    def to_json(self) -> dict[str, object]:
        """The document of ``search --dry-run --json``."""
        problem, config = self.problem, self.problem.config
        return {
            "study": problem.name,
            "storage": shown(config.storage),
            "tasks": list(problem.tasks),
            "budget": config.budget.to_dict(),
            "share_within_budget": self.share,
            "macs": {"min": self.cheapest, "max": self.dearest},
            "reference": {
                "architecture": problem.reference.to_dict(),
                "macs": self.reference.macs,
                "params": self.reference.params,
            },
            "samples_per_candidate": config.fidelity.samples,
            "trials": config.trials,
            "trained": self.trained,
            "minutes": round(self.estimate.total_s / 60, 2),
        }


def forecast(problem: Problem) -> Forecast:
    """Work out what a search would do; takes a few seconds and writes nothing."""
    budget, rng = problem.config.budget, random.Random(0)
    where = budget.deployment.resolution
    costs = [cost_of(problem.space.sample(rng), where) for _ in range(_SAMPLES)]
    macs = [cost.macs for cost in costs]
    return Forecast(
        problem=problem,
        share=sum(budget.allows(cost) for cost in costs) / _SAMPLES,
        cheapest=min(macs),
        dearest=max(macs),
        reference=cost_of(problem.reference, where),
        trained=_trained(problem)[0],
        estimate=estimate_left(problem),
    )


def estimate_left(problem: Problem) -> Estimate:
    """Estimate what is left of a search that may have been begun; raises ``StudyError``."""
    trained, baselines, shared = _trained(problem)
    return estimate(problem, trained=trained, baselines=baselines, shared=shared)


def plan_line(problem: Problem, expected: Estimate) -> str:
    """What follows from the fidelity, in one line."""
    fidelity = problem.config.fidelity
    limit = problem.config.time_limit_s
    words = [
        f"fidelity {fidelity.name}: networks train on {fidelity.samples} samples at "
        f"{fidelity.resolution}, about {duration(expected.candidate_s)} each"
        f"{', with those stopped early' if problem.config.early_stopping else ''}",
        f"in all about {duration(expected.total_s)}",
    ]
    parts = {"to prepare the data": expected.data_s, "for shared weights": expected.shared_s}
    spent = [f"{duration(seconds)} {what}" for what, seconds in parts.items() if seconds >= 1]
    if spent:
        words[-1] += f", of it {' and '.join(spent)}"
    if problem.config.workers is not None:
        words.append(f"{problem.config.workers} at a time")
    if limit is not None:
        words.append(f"stopped after {duration(limit)}")
    return "; ".join(words)


def _trained(problem: Problem) -> tuple[int, int, bool]:
    """Candidates and baselines that the study has already, and whether it has shared weights."""
    store = find_study(problem.config.storage, problem.name)
    if store is None:
        return 0, 0, False
    complete = sum(record.status == "complete" for record in store.records())
    return complete, len(store.baselines()), store.has_shared_weights()
