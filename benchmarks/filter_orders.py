"""Which filters should be kept? Networks with pruned decoders, trained with each order of filters.

    python benchmarks/filter_orders.py [--networks 12] [--seeds 3] [--threads 1]

Random networks of depth and segmentation whose pyramid decoders give up half of their filters or
more are trained on small frames, as a search trains them. Only the order in which filters are kept
differs: the one of a search, by importance and by what is new in each; by importance alone, with
the Taylor criterion or with magnitude; and a random one. All see the same samples and begin with
the same weights. Printed are the metrics of both tasks, mean ± standard deviation over networks
and seeds, and how many trainings left a task lost: closer to the best constant than to the median.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from nas.budget import Budget
from nas.data.batches import Batch
from nas.data.spec import open_source
from nas.fidelity import Fidelity
from nas.network import Network
from nas.resolution import Resolution
from nas.training import Training
from pruning.groups import Coupling, Criterion, couplings
from pruning.importance import importance_by_task
from pruning.prune import prune
from pruning.recovery import DENSE_SHARE, dense_network
from pruning.selection import filter_orders
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.problem import Problem, problem_of
from studies.workbench import Workbench, open_workbench

Order = Callable[[Training, Sequence[Coupling], Sequence[Batch]], list[Tensor]]

_TASKS = {"depth": "delta_1_25", "segmentation": "miou"}
_FIX = {
    "encoder": "resnet10",
    "width": "8,16,24",
    "decoder": "fpn",
    "decoder_width": "16,32",
    "links": "none",
}
_LEAST = 0.5
_BATCHES = 6
_FIDELITY = Fidelity(
    name="pruning",
    resolution=Resolution(64, 32),
    samples=960,
    batch_size=8,
    train=960,
    val=120,
    test=240,
)


def _by_importance(criterion: Criterion) -> Order:
    def order(
        training: Training, found: Sequence[Coupling], batches: Sequence[Batch]
    ) -> list[Tensor]:
        scores = _importance(training, found, batches, criterion)
        totals = [torch.stack(of_tasks).sum(0) for of_tasks in zip(*scores.values(), strict=True)]
        return [torch.argsort(total, descending=True, stable=True) for total in totals]

    return order


def _by_importance_and_news(
    training: Training, found: Sequence[Coupling], batches: Sequence[Batch]
) -> list[Tensor]:
    scores = _importance(training, found, batches, "taylor")
    return filter_orders(training.network, found, scores, [batch.frames for batch in batches])


def _at_random(
    training: Training, found: Sequence[Coupling], batches: Sequence[Batch]
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randperm(coupling.channels, generator=generator) for coupling in found]


ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "importance and news": _by_importance_and_news,
        "importance (Taylor)": _by_importance("taylor"),
        "importance (magnitude)": _by_importance("magnitude"),
        "random": _at_random,
    }
)


def _importance(
    training: Training,
    found: Sequence[Coupling],
    batches: Sequence[Batch],
    criterion: Criterion,
) -> dict[str, list[Tensor]]:
    return importance_by_task(
        training.network, found, training.data.tasks, training.statistics, batches, criterion
    )


def trained(bench: Workbench, architecture: Architecture, order: Order) -> Network:
    """A network that is cut where a search cuts it, with the filters that an order keeps."""
    data = bench.data.for_tasks(architecture.task_names, streams=architecture.streams)
    training = Training(dense_network(architecture, bench.seed), data, bench.statistics)
    training.run(until=round(DENSE_SHARE * len(data)))
    found = couplings(training.network)
    orders = order(training, found, [data.batch(step) for step in range(_BATCHES)])
    with torch.no_grad():
        training.replace_network(prune(training.network, architecture, found, orders))
    training.run()
    return training.network


def pruned_networks(problem: Problem, count: int) -> list[Architecture]:
    """Random networks of which every task's decoder gives up many filters."""
    rng, found = random.Random(0), dict[str, Architecture]()
    while len(found) < count:
        network = problem.space.sample(rng)
        ratios = {r.task: r.ratio for r in network.pruning if r.part == "decoder"}
        if all(ratios.get(task, 0.0) >= _LEAST for task in _TASKS):
            found[network.id] = network
    return list(found.values())


def _problem(seed: int) -> Problem:
    return problem_of(
        SearchConfig(
            sources=(open_source("synthetic", seed=0, fidelity=_FIDELITY),),
            tasks=tuple(_TASKS),
            budget=Budget.parse(["30gmacs"]),
            fidelity=_FIDELITY,
            fix=_FIX,
            seed=seed,
        )
    )


def main() -> int:
    """Train all and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if min(arguments.networks, arguments.seeds, arguments.threads) < 1:
        print("--networks, --seeds and --threads: give numbers of at least 1", file=sys.stderr)
        return 2
    torch.set_num_threads(arguments.threads)
    reached: dict[str, dict[str, list[float]]] = {
        name: {task: [] for task in _TASKS} for name in ORDERS
    }
    constants: dict[str, float] = {}
    for seed in range(arguments.seeds):
        problem = _problem(seed)
        bench = open_workbench(problem)
        constants = {task: bench.constants[task][metric] for task, metric in _TASKS.items()}
        for network in pruned_networks(problem, arguments.networks):
            for name, order in ORDERS.items():
                metrics = bench.measure(trained(bench, network, order))
                for task, metric in _TASKS.items():
                    reached[name][task].append(metrics[task][metric])
                last = ", ".join(f"{task} {v[-1]:.3f}" for task, v in reached[name].items())
                print(f"seed {seed}, {network.id}, {name}: {last}", flush=True)
    print_table(reached, constants)
    return 0


def print_table(
    reached: Mapping[str, Mapping[str, Sequence[float]]], constants: Mapping[str, float]
) -> None:
    """A line for each order of filters."""
    typical = {
        task: statistics.median([v for values in reached.values() for v in values[task]])
        for task in _TASKS
    }
    heads = [f"{task} {metric} ({constants[task]:.3f})" for task, metric in _TASKS.items()]
    print(f"{'order of filters':24}{heads[0]:>28}{heads[1]:>28}   lost tasks")
    for name, values in reached.items():
        halfway = {task: (constants[task] + typical[task]) / 2 for task in _TASKS}
        lost = sum(value < halfway[task] for task in _TASKS for value in values[task])
        cells = [f"{statistics.fmean(v):.3f} ± {_spread(v):.3f}" for v in values.values()]
        count = sum(len(v) for v in values.values())
        print(f"{name:24}{cells[0]:>28}{cells[1]:>28}   {lost} of {count}")


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else math.nan


if __name__ == "__main__":
    sys.exit(main())
