"""Networks trained anew over several seeds and judged on the test split, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from nas.evaluation import Metrics
from studies.delta_m import signed_change
from studies.pareto import Direction, dominates
from studies.record import TrialRecord
from studies.spread import Spread


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """One training of a network: its metrics on the test split."""

    seed: int
    metrics: Metrics
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all trainings of finalists and baselines had in common.

    ``begin`` says what weights networks began with; ``judged_on`` are the sources whose test
    splits they were judged on, ``constants`` the metrics of the best constant predictions there.
    """

    fidelity: str
    samples: int
    begin: str
    judged_on: tuple[str, ...]
    constants: Metrics


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two neighbours along the front: Δm of the dearer one less that of the cheaper, by seed.

    Both are taken against the same single-task networks at each seed, whose noise cancels.
    """

    cheaper: int
    dearer: int
    difference: Spread

    @property
    def distinguishable(self) -> bool:
        """Whether they differ by more than the spread of their difference over seeds."""
        return self.difference.is_clear


@dataclass(frozen=True, kw_only=True)
class Finalists:
    """The networks of a study that were trained on their own, beside its single-task networks.

    ``trials`` are cheapest first; ``runs`` are by trial and ``baselines`` by task, each by seed.
    ``objectives`` are name and direction of each objective of the study, in the order of the
    trials' values; ``primary`` and ``directions`` are the metric of each task that counts.
    """

    conditions: Conditions
    trials: tuple[TrialRecord, ...]
    runs: Mapping[int, Mapping[int, SeedRun]]
    baselines: Mapping[str, Mapping[int, SeedRun]]
    objectives: tuple[tuple[str, Direction], ...]
    primary: Mapping[str, str]
    directions: Mapping[str, Direction]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of the networks' metrics."""
        first = next((run for runs in self.runs.values() for run in runs.values()), None)
        return tuple(first.metrics) if first else ()

    def metric(self, number: int, task: str, name: str = "") -> Spread:
        """A metric of a trial's network over its seeds, by default the primary one."""
        return _spread(self.runs[number], task, name or self.primary[task])

    def baseline(self, task: str, name: str = "") -> Spread | None:
        """A metric of a single-task network, None where it was not trained yet."""
        runs = self.baselines.get(task, {})
        return _spread(runs, task, name or self.primary[task]) if runs else None

    def delta_m(self, number: int) -> Spread | None:
        """Δm over the seeds, in percent, against the single-task networks of the same seed each.

        None before some seed has them all.
        """
        by_seed = self._delta_m_by_seed(number)
        return Spread(values=tuple(by_seed.values())) if by_seed else None

    def comparisons(self) -> Iterator[Comparison]:
        """Each two neighbours along the front that have a seed in common, cheapest first."""
        for one, other in pairwise(record.number for record in self.trials):
            a, b = self._delta_m_by_seed(one), self._delta_m_by_seed(other)
            seeds = [seed for seed in a if seed in b]
            if seeds:
                cheap = Spread(values=tuple(a[seed] for seed in seeds))
                dear = Spread(values=tuple(b[seed] for seed in seeds))
                yield Comparison(cheaper=one, dearer=other, difference=dear.minus(cheap))

    def dominated(self) -> dict[int, int]:
        """Trials that another one dominates by its means on the test split, and that other one."""
        values = {r.number: v for r in self.trials if (v := self._values(r)) is not None}
        directions = [direction for _, direction in self.objectives]
        found = {}
        for number, point in values.items():
            better = (n for n, other in values.items() if dominates(other, point, directions))
            first = next(better, None)
            if first is not None:
                found[number] = first
        return found

    def to_json(self) -> dict[str, object]:
        """The document under ``finalists``."""
        dominated = self.dominated()
        return {
            "split": "test",
            "judged_on": list(self.conditions.judged_on),
            "fidelity": self.conditions.fidelity,
            "samples": self.conditions.samples,
            "begin": self.conditions.begin,
            "constants": self.conditions.constants,
            "baselines": [
                {"task": task, "seeds": list(runs), "metrics": _all_metrics(runs).get(task, {})}
                for task, runs in self.baselines.items()
            ],
            "networks": [self._network_json(r, dominated.get(r.number)) for r in self.trials],
            "comparisons": [_comparison_json(c) for c in self.comparisons()],
            "not_distinguishable": [
                [c.cheaper, c.dearer] for c in self.comparisons() if not c.distinguishable
            ],
        }

    def _network_json(self, record: TrialRecord, dominated_by: int | None) -> dict[str, object]:
        runs, delta_m = self.runs[record.number], self.delta_m(record.number)
        return {
            "trial": record.number,
            "macs": record.macs,
            "params": record.params,
            "seeds": list(runs),
            "metrics": _all_metrics(runs),
            "delta_m": delta_m.to_json() if delta_m else None,
            "dominated_by": dominated_by,
        }

    def _delta_m_by_seed(self, number: int) -> dict[int, float]:
        return {
            seed: self._delta_m(run, seed)
            for seed, run in self.runs[number].items()
            if all(seed in self.baselines.get(task, {}) for task in run.metrics)
        }

    def _delta_m(self, run: SeedRun, seed: int) -> float:
        changes = []
        for task, metrics in run.metrics.items():
            name = self.primary[task]
            alone = self.baselines[task][seed].metrics[task][name]
            changes.append(signed_change(metrics[name], alone, self.directions[task]))
        return sum(changes) / len(changes)

    def _values(self, record: TrialRecord) -> tuple[float, ...] | None:
        """The objectives on the test split: means over seeds, and what needs no training as is."""
        delta_m = self.delta_m(record.number)
        if delta_m is None:
            return None
        values = []
        for (name, _), value in zip(self.objectives, record.values, strict=True):
            if name == "delta_m":
                values.append(delta_m.mean)
            elif name in self.primary:
                values.append(self.metric(record.number, name).mean)
            else:
                values.append(value)
        return tuple(values)


def _spread(runs: Mapping[int, SeedRun], task: str, name: str) -> Spread:
    return Spread(values=tuple(run.metrics[task][name] for run in runs.values()))


def _all_metrics(runs: Mapping[int, SeedRun]) -> dict[str, dict[str, object]]:
    first = next(iter(runs.values()), None)
    return {
        task: {name: _spread(runs, task, name).to_json() for name in metrics}
        for task, metrics in (first.metrics if first else {}).items()
    }


def _comparison_json(comparison: Comparison) -> dict[str, object]:
    return {
        "trials": [comparison.cheaper, comparison.dearer],
        "delta_m_difference": comparison.difference.to_json(),
        "distinguishable": comparison.distinguishable,
    }
