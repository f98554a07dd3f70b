"""Candidates as numbers for the quality model, and which of its weights columns share."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from studies.candidate_space import Params, Value
from studies.quality_model import Layout
from studies.seen_space import levels, to_unit

Array = NDArray[np.float64]

#: More values than these are a number alone.
_MOST_LEVELS = 12
#: So many parameters with the same choices make a group.
_GROUP = 3
#: Candidates whose columns are kept.
_MOST_ROWS = 8192
#: Prior weight of a block of columns, once each is scaled to a mean squared distance of 1.
_CHOICES, _COUNTS, _NUMBERS, _COSTS = 1.0, 0.3, 0.3, 0.1
#: Prior deviations of logarithms of weights: of blocks, of parameters with choices, of numbers,
#: of costs. Numbers do with less: with that of choices they are found less well.
_BLOCK_SPREAD, _SPREAD, _NUMBER_SPREAD, _COST_SPREAD = 1.0, 1.2, 0.7, 1.5


@dataclass
class _Ties:
    """Collects the logarithms that weights are made of, and which columns use which."""

    means: list[float] = field(default_factory=list)
    deviations: list[float] = field(default_factory=list)
    columns: list[list[int]] = field(default_factory=list)

    def logarithm(self, mean: float, deviation: float) -> int:
        self.means.append(mean)
        self.deviations.append(deviation)
        return len(self.means) - 1

    def column(self, *logarithms: int) -> int:
        self.columns.append(list(logarithms))
        return len(self.columns) - 1

    def layout(self) -> Layout:
        ties = np.zeros((len(self.columns), len(self.means)))
        for row, logarithms in enumerate(self.columns):
            ties[row, logarithms] = 1.0
        return Layout(ties=ties, mean=np.array(self.means), deviation=np.array(self.deviations))


class CandidateFeatures:
    """Turns parameters and known costs into rows of numbers.

    Columns: every choice of every parameter as 0 or 1, with one more for a parameter that is not
    in use; numbers by their place in their range; where at least three parameters offer the same
    choices, how many of them take each (a weight of a choice is then shared as well: what a choice
    does here, it likely does there); and the logarithm of every known cost, since dearer
    candidates tend to be better ones.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], costs: Array) -> None:
        self._distributions = {n: d for n, d in distributions.items() if not d.single()}
        self._ties = _Ties()
        self._levels = {n: _few_levels(d) for n, d in self._distributions.items()}
        self._groups = self._grouped()
        self._choice_columns: dict[str, dict[Value, int]] = {}
        self._absent: dict[str, int] = {}
        self._number_columns: dict[str, int] = {}
        self._count_columns: dict[tuple[Value, ...], dict[Value, int]] = {}
        self._scales: list[float] = []
        self._lay_choices()
        self._lay_counts()
        self._costs = [_CostScale.of(costs[:, k]) for k in range(costs.shape[1])]
        for _ in self._costs:
            self._ties.column(self._ties.logarithm(math.log(_COSTS), _COST_SPREAD))
            self._scales.append(1.0)
        self.layout = self._ties.layout()
        #: Columns that are above 0 where a parameter has a certain value, or is not in use, and how
        #: many values it has.
        self.choices, self.choices_beside = self._choices()
        self._chosen_by = [n for n, by in self._choice_columns.items() for _ in range(len(by) + 1)]
        self._rows: dict[frozenset[tuple[str, Value]], Array] = {}

    def encode(self, candidates: Sequence[Params], costs: Array) -> Array:
        """Rows (C, P) of candidates; ``costs`` (C, K) in the order of the known objectives."""
        rows = np.zeros((len(candidates), len(self._scales)))
        for row, params in zip(rows, candidates, strict=True):
            row[:] = self._row(params)
        for k, scale in enumerate(self._costs):
            rows[:, len(self._scales) - len(self._costs) + k] = scale(costs[:, k])
        return rows

    def taken(self, params: Params, *, whole: bool) -> NDArray[np.bool_]:
        """Which of ``choices`` a trial took; if it was not ``whole``, of what it asked for."""
        taken: NDArray[np.bool_] = self._row(params)[self.choices] > 0
        if not whole:
            taken &= np.array([name in params for name in self._chosen_by], dtype=bool)
        return taken

    def _choices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        columns = {
            column: len(by_value)
            for name, by_value in self._choice_columns.items()
            for column in (*by_value.values(), self._absent[name])
        }
        return np.array([*columns], dtype=np.intp), np.array([*columns.values()], dtype=np.intp)

    def _row(self, params: Params) -> Array:
        """Without costs; what runs is asked for again and again."""
        key = frozenset(params.items())
        if key not in self._rows:
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
            row = np.zeros(len(self._scales))
            self._fill(row, params)
            self._rows[key] = row * np.array(self._scales)
        return self._rows[key]

    def _fill(self, row: Array, params: Params) -> None:
        for name, column in self._absent.items():
            value = params.get(name, _NOTHING)
            row[self._choice_columns[name].get(value, column)] = 1.0
        for name, column in self._number_columns.items():
            inside = name in params
            row[column] = self._unit(name, params[name]) if inside else 0.5
        for choices, columns in self._count_columns.items():
            taken = Counter(params[n] for n in self._groups[choices] if n in params)
            for value, column in columns.items():
                row[column] = taken[value]

    def _unit(self, name: str, value: Value) -> float:
        distribution = self._distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            numbers = sorted(distribution.choices)  # type: ignore[type-var]
            return numbers.index(value) / (len(numbers) - 1) if value in numbers else 0.5
        return to_unit(distribution, value)

    def _lay_choices(self) -> None:
        """A column for each choice and for being absent, and one for each number."""
        count = max(len(self._distributions), 1)
        choices = self._ties.logarithm(math.log(_CHOICES), _BLOCK_SPREAD)
        numbers = self._ties.logarithm(math.log(_NUMBERS), _BLOCK_SPREAD)
        shared: dict[tuple[Value, ...], dict[Value, int]] = {
            group: {value: self._ties.logarithm(0.0, _SPREAD) for value in group}
            for group in self._groups
        }
        for name, distribution in self._distributions.items():
            is_choice = isinstance(distribution, CategoricalDistribution)
            own = self._ties.logarithm(0.0, _SPREAD if is_choice else _NUMBER_SPREAD)
            values = self._levels[name]
            by_value = shared.get(values, {})
            # a different choice changes two columns
            scale = math.sqrt(1 / (2 * count))
            columns = {}
            for value in values:
                ties = (choices, own, by_value[value]) if by_value else (choices, own)
                columns[value] = self._column(scale, *ties)
            self._choice_columns[name] = columns
            self._absent[name] = self._column(scale, choices, own)
            if _is_number(distribution):
                # two uniform numbers are 1/6 apart in mean square
                self._number_columns[name] = self._column(math.sqrt(6 / count), numbers, own)

    def _lay_counts(self) -> None:
        """A column for each choice of a group, holding how many parameters take it."""
        if not self._groups:
            return
        counts = self._ties.logarithm(math.log(_COUNTS), _BLOCK_SPREAD)
        for choices, names in self._groups.items():
            spread = 2 * (1 - 1 / len(choices)) * len(names) * len(self._groups)
            self._count_columns[choices] = {
                value: self._column(
                    1 / math.sqrt(spread), counts, self._ties.logarithm(0.0, _SPREAD)
                )
                for value in choices
            }

    def _column(self, scale: float, *logarithms: int) -> int:
        self._scales.append(scale)
        return self._ties.column(*logarithms)

    def _grouped(self) -> dict[tuple[Value, ...], list[str]]:
        """Parameters with the same few choices."""
        groups: dict[tuple[Value, ...], list[str]] = defaultdict(list)
        for name, values in self._levels.items():
            if values:
                groups[values].append(name)
        return {values: names for values, names in groups.items() if len(names) >= _GROUP}


#: Stands for the value of a parameter that is not in use: no choice equals it.
_NOTHING = "\0absent"


def _few_levels(distribution: BaseDistribution) -> tuple[Value, ...]:
    """The choices that get columns of their own, none where they are too many."""
    values = levels(distribution)
    categorical = isinstance(distribution, CategoricalDistribution)
    few = values is not None and (categorical or len(values) <= _MOST_LEVELS)
    return values if few and values is not None else ()


def _is_number(distribution: BaseDistribution) -> bool:
    if not isinstance(distribution, CategoricalDistribution):
        return True
    return _are_numbers(distribution.choices)


def _are_numbers(values: Iterable[Value]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


@dataclass(frozen=True, kw_only=True)
class _CostScale:
    """The logarithm of a cost where all are positive, to a mean squared distance of 1."""

    logarithmic: bool
    mean: float
    spread: float

    @classmethod
    def of(cls, costs: Array) -> _CostScale:
        costs = costs[np.isfinite(costs)]
        if not len(costs):
            return cls(logarithmic=False, mean=0.0, spread=1.0)
        logarithmic = bool((costs > 0).all())
        values = np.log(costs) if logarithmic else costs
        spread = math.sqrt(2) * float(values.std())
        return cls(
            logarithmic=logarithmic, mean=float(values.mean()), spread=spread if spread > 0 else 1.0
        )

    def __call__(self, costs: Array) -> Array:
        values = np.log(np.maximum(costs, 1e-300)) if self.logarithmic else costs
        return np.nan_to_num(np.clip((values - self.mean) / self.spread, -5.0, 5.0))
