"""Does the search find what is there? Worlds in which the truth is known by construction.

    python benchmarks/planted.py [--seeds 5] [--only NAME]… [--verify] [--all-axes] [--out FILE]

For each truth of ``planted_truths`` a search with the product's settings runs once a seed, and
its front says whether it was found. Chance is how often the front of as many random networks of
the same space says so, costs being real and qualities drawn; p is the probability that chance
alone finds it in that many seeds or more. ``--verify`` trains instead, with the same data and
seeds, networks that differ by the planted choice alone, so that a truth is known to be one.
``--all-axes`` is one world with four truths and all axes free at once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from planted_truths import ALL_AXES, EXPERIMENTS, Contrast, Experiment, Point, Truth
from planted_world import WORLD_KINDS

from nas.cost import cost_of
from nas.fidelity import Fidelity
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.pareto import front_indices
from studies.problem import problem_of
from studies.search import search
from studies.workbench import open_workbench

RESOLUTION = Resolution(64, 32)
BATCH = 8
#: Networks of a space that chance draws from, and fronts of them that it counts.
_POOL, _FRONTS = 2000, 2000


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Of one search: by truth whether it was found, Δm of the best network, and the time."""

    seed: int
    found: dict[str, bool]
    front: int
    best_delta_m: float
    best: Architecture
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of one truth: in how many searches it was found, and what chance gives."""

    truth: str
    says: str
    found: int
    seeds: int
    chance: float
    p: float


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Of one contrast: the task's primary metric with and without, one value a seed."""

    contrast: str
    task: str
    expects: str
    planted: list[float]
    contrary: list[float]
    planted_macs: int
    contrary_macs: int


def config(experiment: Experiment, seed: int, folder: str) -> SearchConfig:
    """The search of an experiment; its data have the seed too."""
    world = replace(experiment.world, seed=seed)
    return SearchConfig(
        sources=(world,),
        kinds=WORLD_KINDS,
        fix=experiment.fix,
        fidelity=Fidelity(
            name="planted",
            resolution=RESOLUTION,
            samples=experiment.samples,
            batch_size=BATCH,
            train=world.train,
            val=world.val,
            test=0,
        ),
        trials=experiment.trials,
        seed=seed,
        device="cpu",
        storage=f"sqlite:///{folder}/{experiment.name}-{seed}.db",
    )


# --- the search ---------------------------------------------------------------------------------


def findings(experiment: Experiment, seeds: Sequence[int], folder: str) -> list[Finding]:
    """One search a seed."""
    return [_finding(experiment, seed, folder) for seed in seeds]


def _finding(experiment: Experiment, seed: int, folder: str) -> Finding:
    begin = time.monotonic()
    front = [
        Point(architecture=trial.architecture, delta_m=trial.delta_m)
        for trial in search(config(experiment, seed, folder)).front
        if trial.architecture is not None
    ]
    top = max(front, key=lambda point: point.delta_m)
    finding = Finding(
        seed=seed,
        found={truth.name: truth.found(front) for truth in experiment.truths},
        front=len(front),
        best_delta_m=top.delta_m,
        best=top.architecture,
        seconds=time.monotonic() - begin,
    )
    words = ", ".join(f"{name} {'yes' if yes else 'no'}" for name, yes in finding.found.items())
    _note(f"{experiment.name} seed {seed}: {words} ({finding.seconds:.0f} s)")
    return finding


def verdicts(experiment: Experiment, found: Sequence[Finding], folder: str) -> list[Verdict]:
    """Every truth of an experiment beside chance."""
    chances = chance(experiment, folder)
    return [_verdict(truth, found, chances[truth.name]) for truth in experiment.truths]


def _verdict(truth: Truth, found: Sequence[Finding], by_chance: float) -> Verdict:
    count = sum(finding.found[truth.name] for finding in found)
    return Verdict(
        truth=truth.name,
        says=truth.says,
        found=count,
        seeds=len(found),
        chance=by_chance,
        p=at_least(count, len(found), by_chance),
    )


# --- chance -------------------------------------------------------------------------------------


def chance(experiment: Experiment, folder: str) -> dict[str, float]:
    """By truth, how often a front of random networks with random Δm has found it.

    Each has as many networks as the search trains, its first one among them, and their real MACs.
    """
    problem, rng = problem_of(config(experiment, 0, folder)), random.Random(0)
    pool = [problem.space.sample(rng) for _ in range(_POOL)]
    counts = dict.fromkeys((truth.name for truth in experiment.truths), 0)
    for _ in range(_FRONTS):
        front = _random_front(problem.reference, pool, experiment.trials, rng)
        for truth in experiment.truths:
            counts[truth.name] += truth.found(front)
    return {name: count / _FRONTS for name, count in counts.items()}


def _random_front(
    first: Architecture, pool: Sequence[Architecture], trials: int, rng: random.Random
) -> list[Point]:
    """The front of ``trials`` different networks, ``first`` and others of the pool."""
    drawn = [first, *rng.sample(pool, min(len(pool), 8 * trials))]
    networks = list(dict.fromkeys(drawn))[:trials]
    points = [Point(architecture=network, delta_m=rng.random()) for network in networks]
    values = [(point.delta_m, float(cost_of(point.architecture).macs)) for point in points]
    return [points[index] for index in front_indices(values, ("maximize", "minimize"))]


def at_least(count: int, seeds: int, probability: float) -> float:
    """Probability of ``count`` or more successes of ``seeds`` (binomial)."""
    return sum(
        math.comb(seeds, k) * probability**k * (1 - probability) ** (seeds - k)
        for k in range(count, seeds + 1)
    )


# --- verification -------------------------------------------------------------------------------


def effects(experiment: Experiment, seeds: Sequence[int], folder: str) -> list[Effect]:
    """Every contrast of an experiment, trained once a seed with and without."""
    by_seed = [_scores(experiment, seed, folder) for seed in seeds]
    return [
        Effect(
            contrast=contrast.name,
            task=contrast.task,
            expects=contrast.expects,
            planted=[scores[contrast.planted][contrast.task] for scores in by_seed],
            contrary=[scores[contrast.contrary][contrast.task] for scores in by_seed],
            planted_macs=cost_of(contrast.planted).macs,
            contrary_macs=cost_of(contrast.contrary).macs,
        )
        for contrast in experiment.contrasts
    ]


def _scores(experiment: Experiment, seed: int, folder: str) -> dict[Architecture, dict[str, float]]:
    """The primary metric of every task by each network of the contrasts."""
    problem = problem_of(config(experiment, seed, folder))
    bench = open_workbench(problem)
    scores: dict[Architecture, dict[str, float]] = {}
    for network in _networks(experiment.contrasts):
        metrics = bench.train_candidate(network).metrics
        scores[network] = {
            name: metrics[name][task.primary.name] for name, task in problem.tasks.items()
        }
        values = ", ".join(f"{task} {value:.3f}" for task, value in scores[network].items())
        _note(f"{experiment.name} seed {seed}, network {network.id}: {values}")
    return scores


def _networks(contrasts: Sequence[Contrast]) -> list[Architecture]:
    """Each network of some contrasts once."""
    return list(dict.fromkeys(n for c in contrasts for n in (c.contrary, c.planted)))


# --- output -------------------------------------------------------------------------------------


def _verdict_line(verdict: Verdict) -> str:
    return (
        f"{verdict.truth:12} found in {verdict.found} of {verdict.seeds} seeds   "
        f"chance {verdict.chance:.2f}   p {verdict.p:.4f}   {verdict.says}"
    )


def _effect_line(effect: Effect) -> str:
    gains = [a - b for a, b in zip(effect.planted, effect.contrary, strict=True)]
    return (
        f"{effect.contrast:34} {effect.task:9} {_spread(effect.planted)} against "
        f"{_spread(effect.contrary)}   gain {_spread(gains, sign='+')} (expected: "
        f"{effect.expects})   at {effect.planted_macs / effect.contrary_macs:.2f} × the MACs"
    )


def _spread(values: Sequence[float], sign: str = "") -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):{sign}.3f} ± {spread:.3f}"


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _as_json(value: object) -> object:
    return value.to_dict() if isinstance(value, Architecture) else vars(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Search or verify, print the table, write the file."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    experiments = [ALL_AXES] if options.all_axes else list(EXPERIMENTS)
    chosen = [e for e in experiments if not options.only or e.name in options.only]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    document: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEURALL_CACHE"] = folder
        for experiment in chosen:
            if options.trials:
                experiment = replace(experiment, trials=options.trials)
            if options.verify:
                measured = effects(experiment, seeds, folder)
                for effect in measured:
                    print(_effect_line(effect), flush=True)
                document.append({"experiment": experiment.name, "effects": measured})
                continue
            found = findings(experiment, seeds, folder)
            told = verdicts(experiment, found, folder)
            for verdict in told:
                print(_verdict_line(verdict), flush=True)
            document.append(
                {"experiment": experiment.name, "trials": experiment.trials}
                | {"verdicts": told, "searches": found}
            )
    if options.out:
        options.out.write_text(json.dumps(document, default=_as_json, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = tuple(experiment.name for experiment in EXPERIMENTS)
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N")
    parser.add_argument("--only", action="append", choices=names, help="several times for several")
    parser.add_argument("--trials", type=int, default=0, help="instead of each experiment's own")
    parser.add_argument("--verify", action="store_true", help="train the contrasts, do not search")
    parser.add_argument("--all-axes", action="store_true", help="the world with all axes free")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    return parser


if __name__ == "__main__":
    main()
