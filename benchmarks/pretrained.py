"""What ImageNet weights bring: EfficientNet-Lite0 from scratch beside the same, pretrained.

    python benchmarks/pretrained.py --data camvid:FOLDER [--tasks segmentation] [--seeds 3]
                                    [--fidelity quick] [--shares 0.1] [--threads N]

Both are trained by one recipe on the same samples, but for the encoder's share of the learning rate
(``--shares``, several to compare them), and judged on the split test, which no search reads. Needs
the package of the extra [pretrained].
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch

from nas.data.cache import CachedFrames, prepare
from nas.data.spec import open_source
from nas.evaluation import evaluate
from nas.fidelity import FIDELITIES
from nas.pretrained import PretrainedEncoder, read_pretrained
from nas.training import Recipe, Training
from pruning.recovery import dense_network, train_and_prune
from search_spaces.architecture import Architecture
from search_spaces.presets import shared
from studies.config import SearchConfig
from studies.problem import Problem, problem_of
from studies.workbench import PRETRAINED_RECIPE, Workbench, open_workbench


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """How the encoder begins and learns; ``weights`` is None from scratch."""

    name: str
    weights: PretrainedEncoder | None
    share: float


def beginnings(weights: PretrainedEncoder, shares: list[float]) -> Iterator[Beginning]:
    """From scratch first, then pretrained at each share of the learning rate."""
    yield Beginning(name="from scratch", weights=None, share=1.0)
    for share in shares:
        yield Beginning(name=f"pretrained, rate x {share:g}", weights=weights, share=share)


def trained_score(
    bench: Workbench,
    test: tuple[CachedFrames, ...],
    architecture: Architecture,
    beginning: Beginning,
) -> dict[str, float]:
    """Primary metric of every task on the test frames after one training."""
    network = dense_network(architecture, bench.seed)
    if beginning.weights is not None:
        beginning.weights.load(network)
    training = Training(
        network,
        bench.data.for_tasks(architecture.task_names, streams=architecture.streams),
        bench.statistics,
        recipe=replace(Recipe(), encoder_share=beginning.share),
        device=bench.device,
    )
    metrics = evaluate(train_and_prune(training, architecture), test, bench.tasks)
    return {name: metrics[name][task.primary.name] for name, task in bench.tasks.items()}


def problem(args: SimpleNamespace, seed: int) -> Problem:
    """The search that the arguments describe, of which only the data is used."""
    fidelity = FIDELITIES[args.fidelity]
    sources = tuple(open_source(spec, seed=0, fidelity=fidelity) for spec in args.data)
    tasks = tuple(args.tasks.split(","))
    return problem_of(SearchConfig(sources=sources, tasks=tasks, fidelity=fidelity, seed=seed))


def test_frames(asked: Problem) -> tuple[CachedFrames, ...]:
    """The frames of the split test, decoded."""
    resolution = asked.config.fidelity.resolution
    return tuple(prepare(s, "test", resolution, tasks=asked.tasks) for s in asked.sources)


def main(args: SimpleNamespace) -> None:
    """Print every run, then mean, spread and difference of each task."""
    if args.threads:
        torch.set_num_threads(args.threads)
    (weights,) = read_pretrained(["imagenet"])
    compared = list(beginnings(weights, args.shares))
    scores: dict[tuple[str, str], list[float]] = {}
    for seed in range(args.seeds):
        asked = problem(args, seed)
        bench, test = open_workbench(asked), test_frames(asked)
        architecture = replace(shared(asked.specs), encoder=weights.encoder, streams=1)
        for beginning in compared:
            found = trained_score(bench, test, architecture, beginning)
            for task, score in found.items():
                scores.setdefault((task, beginning.name), []).append(score)
                print(f"seed {seed}  {task:14} {beginning.name:24} {score:.4f}", flush=True)
    for task in asked.tasks:
        scratch = scores[task, compared[0].name]
        for beginning in compared:
            print(_line(task, beginning.name, scores[task, beginning.name], scratch))


def _line(task: str, name: str, scores: list[float], scratch: list[float]) -> str:
    difference = [a - b for a, b in zip(scores, scratch, strict=True)]
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return (
        f"{task:14} {name:24} mean {statistics.mean(scores):.4f}  spread {spread:.4f}  "
        f"difference {statistics.mean(difference):+.4f} "
        f"({min(difference):+.4f} to {max(difference):+.4f})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", action="append", required=True, metavar="camvid:FOLDER")
    parser.add_argument("--tasks", default="segmentation", metavar="a,b")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fidelity", choices=tuple(FIDELITIES), default="quick")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[PRETRAINED_RECIPE.encoder_share], metavar="S"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    main(SimpleNamespace(**vars(parser.parse_args())))
