"""Replays samplers on a table of recorded networks: how much of the true front do they find?

    python benchmarks/replay.py --table FILE.npz --latency KEY [--latency KEY]…
        [--quality accuracy] [--seeds 10] [--evaluations 30,100,300] [--samplers front,tpe,…]
        [--threads 1]

The table holds `operations` (N, E) integers, one row a network, the first of which counts where
one comes twice; a quality (N,), higher is better; and costs (N,), lower is better. A combination
that is not in the table is infeasible: the front sampler knows that and draws recorded ones only,
the others spend evaluations on it. Printed is the share of the table's hypervolume, reference point
quality 0 and 1.0001 × the largest cost, as mean ± standard deviation over seeds; different
networks; and seconds of CPU that the sampler and Optuna took to the last count, alone and a trial.
The front sampler knows the cost beforehand.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from studies.candidate_space import Params, Value
from studies.errors import UsageError
from studies.front_sampler import FrontSampler

Array = NDArray[np.float64]
Cells = tuple[int, ...]

_MOST_MUTATIONS = 50


class Table:
    """Recorded networks; also the space of them that the front sampler draws from."""

    def __init__(self, operations: NDArray[np.int64], quality: Array, cost: Array) -> None:
        self._rows = [tuple(int(v) for v in row) for row in operations]
        self._index = {cells: i for i, cells in enumerate(self._rows)}
        self.quality, self.cost = quality, cost
        self.reference = float(cost.max() + 1e-4 * np.abs(cost).max())
        self.distributions: Mapping[str, BaseDistribution] = {
            f"edge{edge}": CategoricalDistribution([f"op{v}" for v in np.unique(column)])
            for edge, column in enumerate(operations.T)
        }
        self.hypervolume = hypervolume(quality, cost, self.reference)

    def row(self, params: Params) -> int | None:
        """Where a network is, None if it was not recorded."""
        return self._index.get(self._cells(params))

    def sample(self, rng: random.Random) -> dict[str, Value]:
        """A random network."""
        return self._params(rng.choice(self._rows))

    def mutate(self, params: Params, rng: random.Random) -> dict[str, Value]:
        """A recorded network with one or two other operations, any if none is found."""
        for _ in range(_MOST_MUTATIONS):
            changed = dict(params)
            for name in rng.sample(list(params), rng.choice((1, 1, 2))):
                distribution = self.distributions[name]
                assert isinstance(distribution, CategoricalDistribution)
                changed[name] = rng.choice(distribution.choices)
            if changed != params and self.row(changed) is not None:
                return changed
        return self.sample(rng)

    def key(self, params: Params) -> Hashable:
        """The operations."""
        return self._cells(params)

    def share(self, rows: Sequence[int]) -> float:
        """Percent of the table's hypervolume that some of its networks have."""
        found = list(rows)
        if not found:
            return 0.0
        part = hypervolume(self.quality[found], self.cost[found], self.reference)
        return 100 * part / self.hypervolume

    def _params(self, cells: Cells) -> dict[str, Value]:
        return {f"edge{edge}": f"op{value}" for edge, value in enumerate(cells)}

    def _cells(self, params: Params) -> Cells:
        return tuple(int(str(params.get(name, "op-1"))[2:]) for name in self.distributions)


def hypervolume(quality: Array, cost: Array, reference: float) -> float:
    """Area between the front and (quality 0, cost ``reference``)."""
    order = np.lexsort((-quality, cost))
    best = np.maximum.accumulate(np.maximum(quality[order], 0.0))
    return float((np.diff(np.append(cost[order], reference)) * best).sum())


def read_table(path: Path, quality: str, latency: str) -> Table:
    """A table from a file; raises ``UsageError`` naming what is missing."""
    if not path.is_file():
        raise UsageError(f"--table {path}: there is no such file, name an .npz file")
    try:
        with np.load(path) as stored:
            for key in ("operations", quality, latency):
                if key not in stored:
                    there = ", ".join(sorted(stored))
                    raise UsageError(f"{path} has no {key!r}, it has {there}")
            operations, *values = (stored[key] for key in ("operations", quality, latency))
    except (OSError, TypeError, ValueError, zipfile.BadZipFile):
        raise UsageError(
            f"--table {path} is no .npz file of numbers, make one with numpy.savez"
        ) from None
    _check(path, operations, {quality: values[0], latency: values[1]})
    kept = np.isfinite(values[0]) & np.isfinite(values[1])
    rows = operations[kept].astype(np.int64)
    first = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    table = Table(rows[first], *(column[kept][first].astype(float) for column in values))
    if not table.hypervolume > 0:
        raise UsageError(f"{path}: no {quality} is above 0, or every {latency} is 0: no front")
    return table


def _check(path: Path, operations: NDArray[Any], values: Mapping[str, NDArray[Any]]) -> None:
    """Raise ``UsageError`` where a table holds something else than numbers in its shape."""
    numbers = operations.dtype.kind in "iuf" and np.array_equal(operations, np.trunc(operations))
    if operations.ndim != 2 or not numbers:
        raise UsageError(f"{path}: operations must be integers, (N, E)")
    for key, column in values.items():
        if column.shape != operations.shape[:1] or column.dtype.kind not in "iuf":
            raise UsageError(f"{path}: {key} must be numbers, (N,) as operations has rows")
    if not np.logical_and(*map(np.isfinite, values.values())).any():
        raise UsageError(f"{path}: no network has numbers for both {' and '.join(values)}")


def _front(table: Table, seed: int) -> optuna.samplers.BaseSampler:
    def cost(params: Params) -> float:
        row = table.row(params)
        return float("nan") if row is None else float(table.cost[row])

    return FrontSampler(space=table, known={1: cost}, seed=seed)


SAMPLERS: Mapping[str, Callable[[Table, int], optuna.samplers.BaseSampler]] = {
    "random": lambda _, seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda _, seed: optuna.samplers.TPESampler(seed=seed),
    "tpe-multivariate": lambda _, seed: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    "nsga2": lambda _, seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=20),
    "gp": lambda _, seed: optuna.samplers.GPSampler(seed=seed),
    "front": _front,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One search: percent of hypervolume by evaluations, different networks, seconds of CPU."""

    shares: Mapping[int, float]
    distinct: int
    seconds: float


def run(table: Table, sampler: str, seed: int, evaluations: Sequence[int]) -> Run:
    """One sampler, one seed."""
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=SAMPLERS[sampler](table, seed)
    )
    rows: list[int] = []
    shares, begin = {}, time.process_time()
    for count in range(1, max(evaluations) + 1):
        trial = study.ask()
        params = {
            name: trial.suggest_categorical(name, distribution.choices)
            for name, distribution in table.distributions.items()
            if isinstance(distribution, CategoricalDistribution)
        }
        row = table.row(params)
        if row is None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            rows.append(row)
            study.tell(trial, [float(table.quality[row]), float(table.cost[row])])
        if count in evaluations:
            shares[count] = table.share(rows)
    return Run(shares=shares, distinct=len(set(rows)), seconds=time.process_time() - begin)


def chosen_samplers(names: str) -> list[str]:
    """Samplers by name; raises ``UsageError``, and says which cannot run here."""
    chosen = names.split(",")
    for name in chosen:
        if name not in SAMPLERS:
            raise UsageError(f"sampler {name!r} is unknown, there are {', '.join(SAMPLERS)}")
    if "gp" in chosen and importlib.util.find_spec("scipy") is None:
        print("gp is left out: Optuna's GPSampler needs scipy, which is not installed")
        chosen.remove("gp")
    return chosen


def main() -> int:
    """Measure and print one line a sampler and cost."""
    arguments = _arguments()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    try:
        counts = _counts(arguments.evaluations)
        if min(arguments.seeds, arguments.threads) < 1:
            raise UsageError("--seeds and --threads: give numbers of at least 1")
        torch.set_num_threads(arguments.threads)
        tables = {
            key: read_table(arguments.table, arguments.quality, key) for key in arguments.latency
        }
        samplers = chosen_samplers(arguments.samplers)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    head = "".join(f"{f'% at {count}':>16}" for count in counts)
    print(f"{'cost':18}{'sampler':18}{head}{'distinct':>10}{'seconds':>9}{'ms a trial':>12}")
    for key, table in tables.items():
        for sampler in samplers:
            runs = [run(table, sampler, seed, counts) for seed in range(arguments.seeds)]
            print(f"{key:18}{sampler:18}{_line(runs, counts)}", flush=True)
    return 0


def _counts(text: str) -> list[int]:
    """Counts of evaluations, ascending."""
    words = text.split(",")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError(f"--evaluations {text}: give numbers of at least 1, as in 30,100")
    return sorted({int(word) for word in words})


def _line(runs: Sequence[Run], counts: Sequence[int]) -> str:
    shares = ""
    for count in counts:
        values = [r.shares[count] for r in runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        shares += f"{f'{statistics.mean(values):.2f} ± {spread:.2f}':>16}"
    distinct = statistics.mean(r.distinct for r in runs)
    seconds = statistics.mean(r.seconds for r in runs)
    return f"{shares}{distinct:10.1f}{seconds:9.1f}{1000 * seconds / counts[-1]:12.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--latency", action="append", required=True)
    parser.add_argument("--quality", default="accuracy")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", default="30,100,300")
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
