"""One network of tasks whose labels lie in different data: is each better than a constant?

    python benchmarks/mixed_data.py --data camvid:FOLDER --data manifest:drive.jsonl
        --tasks segmentation,depth,motion,detection,odometry [--seeds 3] [--fidelity quick]

Trains the preset ``shared`` asynchronously on all data, once a seed, and judges it on the split
test, which no training and no search reads. Prints mean and spread of every task's primary metric
beside the best constant prediction, which is found on training labels.
"""

from __future__ import annotations

import argparse
import statistics
from types import SimpleNamespace

import torch

from nas.data.cache import CachedFrames, prepare
from nas.data.spec import open_source
from nas.evaluation import Metrics, constant_metrics, evaluate
from nas.fidelity import FIDELITIES
from nas.tasks.task import Task
from studies.config import SearchConfig
from studies.problem import Problem, problem_of
from studies.workbench import open_workbench


def problem(args: SimpleNamespace, seed: int) -> Problem:
    """The search that the arguments describe, of which only the data and its network are used."""
    fidelity = FIDELITIES[args.fidelity]
    sources = tuple(open_source(spec, seed=0, fidelity=fidelity) for spec in args.data)
    tasks = tuple(args.tasks.split(","))
    return problem_of(SearchConfig(sources=sources, tasks=tasks, fidelity=fidelity, seed=seed))


def judged(asked: Problem) -> tuple[Metrics, Metrics]:
    """Metrics of a trained network and of the best constants on the test frames."""
    bench = open_workbench(asked)
    resolution = asked.config.fidelity.resolution
    test: tuple[CachedFrames, ...] = tuple(
        prepare(source, "test", resolution, tasks=asked.tasks) for source in asked.sources
    )
    network = bench.train_candidate(asked.reference).network
    constants = constant_metrics(bench.statistics, test, asked.tasks)
    return evaluate(network, test, asked.tasks), constants


def main(args: SimpleNamespace) -> None:
    """Print every run, then mean and spread of each task beside its constant."""
    if args.threads:
        torch.set_num_threads(args.threads)
    runs: list[tuple[Metrics, Metrics]] = []
    for seed in range(args.seeds):
        asked = problem(args, seed)
        runs.append(judged(asked))
        values = ", ".join(
            f"{name} {runs[-1][0][name][task.primary.name]:.3f}"
            for name, task in asked.tasks.items()
        )
        print(f"seed {seed}: {values}", flush=True)
    for name, task in asked.tasks.items():
        print(_line(name, task, runs))


def _line(name: str, task: Task, runs: list[tuple[Metrics, Metrics]]) -> str:
    metric = task.primary
    values = [metrics[name][metric.name] for metrics, _ in runs]
    constant = runs[0][1][name][metric.name]
    sign = 1 if metric.direction == "maximize" else -1
    better = sum(sign * (value - constant) > 0 for value in values)
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return (
        f"{name:14} {metric.name:20} {statistics.mean(values):8.3f} ± {spread:.3f}   "
        f"constant {constant:.3f}   better with {better} of {len(values)} seeds"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", action="append", required=True, metavar="SPEC")
    parser.add_argument("--tasks", required=True, metavar="a,b")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fidelity", choices=tuple(FIDELITIES), default="quick")
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    main(SimpleNamespace(**vars(parser.parse_args())))
