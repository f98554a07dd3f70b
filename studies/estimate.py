"""How long a search will take, from a few training steps on random frames.

Nothing here changes a random state that results depend on.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from nas.cost import cost_of
from nas.data.cache import is_prepared
from nas.data.source import SPLITS, Split
from nas.fidelity import Fidelity
from nas.network import build_network
from nas.precision import training_precision
from nas.training_cost import step_macs, training_macs
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import ENCODERS
from search_spaces.vocabulary import EncoderFamily
from studies.config import SearchConfig
from studies.course import rungs_of
from studies.problem import Problem
from studies.shared_weights import TRAINING_SHARE, sandwich
from studies.workbench import device_named

#: Networks that are drawn to find the mean cost of those within the budget.
_DRAWN = 50
#: Measured about this long for each of two or three networks, after one step of warming up.
_SECONDS = 0.7
_LEAST_STEPS, _MOST_STEPS = 4, 8
#: A forward pass is about a third of a training step.
_FORWARD_SHARE = 1 / 3
#: Proposing a candidate, ranking its filters, its picture and files: 1 to 4 s on 2 cores.
_OVERHEAD_S = 2.5
#: What a rung takes beside training: writing it down, estimating statistics anew.
_RUNG_S = 0.3
#: Building a network and lending it weights, in the training of shared weights.
_LENDING_S = 0.1
#: Steps of that training whose networks are drawn to know what they take.
_DRAWN_STEPS = 20
_SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds that a search is expected to take, by what they go into.

    ``candidate_s`` is the mean for one trained candidate, with all those that are stopped early
    for one that is trained to the end; the others are totals. ``shared_s`` goes into the weights
    that candidates share. ``parallel`` trainings go on at the pace of one.
    """

    candidates: int
    candidate_s: float
    baselines_s: float
    data_s: float
    shared_s: float = 0.0
    parallel: int = 1

    @property
    def total_s(self) -> float:
        """All of it."""
        trained = self.baselines_s + self.candidates * self.candidate_s
        return self.data_s + self.shared_s + trained / self.parallel


def estimate(
    problem: Problem, *, trained: int = 0, baselines: int = 0, shared: bool = False
) -> Estimate:
    """Estimate a search of which so many candidates and baselines are trained already.

    ``shared`` says that its shared weights are.
    """
    config = problem.config
    pace = _pace(problem)
    candidates = max(0, config.trials - trained)
    likely = _within_budget(problem) or [problem.reference]
    single = [problem.baseline(task) for task in list(problem.tasks)[baselines:]]
    busy = candidates > 0
    # the front sampler spreads candidates over ratios of cost, the others draw as here
    mean = statistics.geometric_mean if config.sampler == "front" else statistics.fmean
    return Estimate(
        candidates=candidates,
        candidate_s=mean([_candidate_seconds(problem, pace, a) for a in likely]),
        baselines_s=sum(pace.training(a) for a in single) if busy else 0.0,
        data_s=_data_seconds(problem, _SPLITS) if busy else 0.0,
        shared_s=_shared_seconds(problem, pace) if busy and not shared else 0.0,
        parallel=_parallel(config),
    )


def _parallel(config: SearchConfig) -> int:
    """Trainings that do not take from each other: workers of one processor share its cores."""
    workers = config.workers or 1
    if config.ray:
        return workers
    on_cuda = device_named(config.device).type == "cuda"
    return min(workers, torch.cuda.device_count()) if on_cuda else 1


def _candidate_seconds(problem: Problem, pace: _Pace, architecture: Architecture) -> float:
    """Of a candidate that is trained to the end, with those stopped at every rung before."""
    config = problem.config
    rungs = rungs_of(config)
    seconds = _OVERHEAD_S
    for place, rung in enumerate(rungs):
        climbing = config.reduction ** (len(rungs) - 1 - place)
        before = rungs[place - 1] if place else 0
        share = (rung - before) / config.fidelity.samples
        seconds += climbing * (pace.training(architecture, share) + _RUNG_S)
    return seconds


def _shared_seconds(problem: Problem, pace: _Pace) -> float:
    if problem.config.shared_weights == "off":
        return 0.0
    draw, fidelity = sandwich(problem), problem.config.fidelity
    drawn = [a for step in range(_DRAWN_STEPS) for a in draw(step)]
    mean = sum(pace.step(a) + _LENDING_S for a in drawn) / _DRAWN_STEPS
    return mean * TRAINING_SHARE * fidelity.samples / fidelity.batch_size


def estimate_trainings(problem: Problem, networks: Sequence[Architecture]) -> float:
    """Seconds that training and judging these networks takes, and decoding every split first."""
    pace = _pace(problem)
    return sum(pace.training(a) for a in networks) + _data_seconds(problem, SPLITS)


def _within_budget(problem: Problem) -> list[Architecture]:
    budget, rng = problem.config.budget, random.Random(0)
    drawn = [problem.space.sample(rng) for _ in range(_DRAWN)]
    return [a for a in drawn if budget.allows(cost_of(a, budget.deployment.resolution))]


@dataclass(frozen=True, kw_only=True)
class _Pace:
    """Seconds that training and judging takes on this machine.

    A line for each family of encoders, through two networks or, where only one is timed, in
    proportion to its MACs: depthwise convolutions hardly fill vector units. On one AVX-512 core a
    MAC of EfficientNet-Lite0 took 2.8 times as long as one of a ResNet-18 of the same width, and
    about the same at widths of 16 to 64.
    """

    fidelity: Fidelity
    lines: Mapping[EncoderFamily, tuple[float, float]]
    judged: float

    def step(self, architecture: Architecture) -> float:
        """Seconds of a training step."""
        return self._seconds(architecture, step_macs(architecture, self.fidelity))

    def training(self, architecture: Architecture, share: float = 1.0) -> float:
        """Seconds of training on a share of the samples, and of judging."""
        steps = share * self.fidelity.samples / self.fidelity.batch_size
        plain = self._seconds(architecture, training_macs(architecture, self.fidelity))
        return self.step(architecture) * steps + plain * self.judged * _FORWARD_SHARE

    def _seconds(self, architecture: Architecture, macs: float) -> float:
        fixed, per_mac = self.lines[architecture.encoder.description.family]
        return fixed + per_mac * macs


def _pace(problem: Problem) -> _Pace:
    fidelity = problem.config.fidelity
    judged = sum(source.length("val") for source in problem.sources) / fidelity.batch_size
    return _Pace(fidelity=fidelity, lines=_lines(problem), judged=judged)


def _lines(problem: Problem) -> dict[EncoderFamily, tuple[float, float]]:
    """Fixed seconds of a step and seconds per MAC, for every family that the search may train."""
    fidelity, device = problem.config.fidelity, device_named(problem.config.device)
    points: dict[EncoderFamily, list[tuple[int, float]]] = {}
    for network in _timed(problem):
        point = training_macs(network, fidelity), _step_seconds(network, fidelity, device)
        points.setdefault(network.encoder.description.family, []).append(point)
    return {family: _line(measured) for family, measured in points.items()}


def _timed(problem: Problem) -> list[Architecture]:
    """A small network, the reference, and one of every other family of encoders."""
    reference = problem.reference
    timed = [problem.baseline(min(problem.tasks)), reference]
    for depth in problem.space.encoders:
        if all(a.encoder.description.family != ENCODERS[depth].family for a in timed):
            encoder = replace(reference.encoder, depth=depth)
            timed.append(replace(reference, encoder=encoder))
    return timed


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Seconds of a step that do not depend on MACs, and seconds per MAC; neither is negative."""
    (small, fast), (large, slow) = points[0], points[-1]
    per_mac = (slow - fast) / (large - small) if large > small else 0.0
    per_mac = min(max(per_mac, 0.0), slow / large)
    if per_mac == 0.0:
        per_mac = slow / large
    return max(0.0, slow - per_mac * large), per_mac


def _step_seconds(architecture: Architecture, fidelity: Fidelity, device: torch.device) -> float:
    """The fastest of a few training steps on random frames, without the tasks' own losses."""
    precision = training_precision(device)
    with torch.random.fork_rng(devices=[]):
        network = build_network(architecture.dense, training=True).to(device).train()
        precision.prepare(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, fused=True)
    height, width = fidelity.resolution.height, fidelity.resolution.width
    size = (fidelity.batch_size, architecture.streams, 3, height, width)
    frames = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(device)

    def step() -> float:
        start = time.perf_counter()
        with precision.autocast(device):
            outputs = network(frames)
        loss = torch.stack([output.float().square().mean() for output in outputs.values()]).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()
        return time.perf_counter() - start

    end = time.perf_counter() + step() + _SECONDS
    times = [step()]
    while len(times) < _LEAST_STEPS or (time.perf_counter() < end and len(times) < _MOST_STEPS):
        times.append(step())
    return min(times)


def _data_seconds(problem: Problem, splits: Sequence[Split]) -> float:
    """Seconds to decode what is not in the cache yet, from one frame of each source."""
    resolution, seconds = problem.config.fidelity.resolution, 0.0
    for source in problem.sources:
        missing = [
            source.length(split)
            for split in splits
            if source.length(split)
            and not is_prepared(source, split, resolution, tasks=problem.tasks)
        ]
        if missing:
            start = time.perf_counter()
            source.frame("train", 0, resolution)
            seconds += (time.perf_counter() - start) * sum(missing) / torch.get_num_threads()
    return seconds
