"""How long the front sampler thinks, and how much memory it takes, by trials of the study.

    python benchmarks/sampler_time.py [--trials 100,1000,10000] [--parameters 20] [--asks 20]

The study is in memory, its trials are random ones of a space of so many parameters with five
choices each, a third of them stopped at the first of three rungs. Printed are milliseconds of CPU
a further trial on one thread, each with a result, so that models are fitted as they would be; the
first trial, which reads the whole study; and the memory that the sampler holds.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import time
import tracemalloc

import optuna
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.candidate_space import Params
from studies.front_sampler import FrontSampler

_CHOICES = ("a", "b", "c", "d", "e")
_RUNGS = (1000, 3000, 9000)


def cost(params: Params) -> float:
    """Dearer by choice and by parameter."""
    return 1.0 + sum(_CHOICES.index(str(v)) * (i + 1) for i, v in enumerate(params.values()))


def quality(params: Params) -> float:
    """Concave in the cost, with jumps."""
    values = list(params.values())
    return float(cost(params) ** 0.5) - sum(a == b for a, b in itertools.pairwise(values))


def finished(distributions: dict[str, BaseDistribution], rng: random.Random) -> FrozenTrial:
    """A random trial, complete or stopped early."""
    params = {name: rng.choice(_CHOICES) for name in distributions}
    stopped = rng.random() < 1 / 3
    rungs = _RUNGS[:1] if stopped else _RUNGS
    return create_trial(
        state=TrialState.PRUNED if stopped else TrialState.COMPLETE,
        params=params,
        distributions=distributions,
        values=None if stopped else [quality(params), cost(params)],
        intermediate_values={step: quality(params) - 3 + i for i, step in enumerate(rungs)},
    )


def main() -> None:
    """Measure and print one line a size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", default="100,1000,10000")
    parser.add_argument("--parameters", type=int, default=20)
    parser.add_argument("--asks", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"{'trials':>8}{'first ms':>10}{'median ms':>11}{'mean ms':>9}{'most ms':>9}{'MB':>7}")
    for count in (int(text) for text in arguments.trials.split(",")):
        _measure(count, arguments.parameters, arguments.asks)


def _measure(count: int, parameters: int, asks: int) -> None:
    distributions: dict[str, BaseDistribution] = {
        f"p{i}": CategoricalDistribution(_CHOICES) for i in range(parameters)
    }
    rng = random.Random(0)
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials([finished(distributions, rng) for _ in range(count)])
    tracemalloc.start()
    study.sampler = FrontSampler(known={1: cost}, seed=0)
    study.ask().relative_params  # noqa: B018
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    study.sampler = FrontSampler(known={1: cost}, seed=0)
    times = [_ask(study, distributions) for _ in range(asks + 1)]
    print(
        f"{count:8}{times[0]:10.0f}{statistics.median(times[1:]):11.1f}"
        f"{statistics.mean(times[1:]):9.1f}{max(times[1:]):9.1f}{held:7.1f}",
        flush=True,
    )


def _ask(study: optuna.Study, distributions: dict[str, BaseDistribution]) -> float:
    """Milliseconds of CPU to propose a candidate, which is then evaluated."""
    begin = time.process_time()
    trial = study.ask()
    params = {name: trial.suggest_categorical(name, _CHOICES) for name in distributions}
    spent = time.process_time() - begin
    study.tell(trial, [quality(params), cost(params)])
    return 1000 * spent


if __name__ == "__main__":
    main()
