"""How fast one fixed network trains here, beside a plain fp32 loop on the same network.

    python benchmarks/training_step.py

Three tasks, two streams, ResNet-18 of width 32, 256x128. Both arms take the same batches from
the same first weights and take turns, so that a machine whose speed drifts slows both. Prints
samples/s of each arm and their ratio (median and range over rounds), the loss curves of several
seeds, and the share of the machine's 3×3-convolution training rate in the same precision.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from nas.compile import compile_plan
from nas.cost import node_macs
from nas.data.batches import TrainingData
from nas.data.cache import CachedFrames, prepare
from nas.data.synthetic import SyntheticSource
from nas.evaluation import label_statistics
from nas.network import build_network
from nas.plan import ENCODER_KINDS, Plan
from nas.precision import PLAIN, Precision, training_precision
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import Task
from nas.training import Training
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared

RESOLUTION = Resolution(256, 128)
BATCH = 8
#: Forward, gradient of the inputs, gradient of the weights.
PASSES = 3
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Frames, tasks and their label statistics."""

    sets: tuple[CachedFrames, ...]
    tasks: dict[str, Task]

    def data(self, seed: int, steps: int) -> TrainingData:
        """The batches of a training."""
        return TrainingData(
            self.sets, self.tasks, streams=2, samples=steps * BATCH, batch_size=BATCH, seed=seed
        )

    def training(self, seed: int, steps: int, precision: Precision) -> Training:
        """The fixed network, about to be trained."""
        network = build_network(shared([t.spec for t in self.tasks.values()]), seed=seed)
        return Training(
            network,
            self.data(seed, steps),
            label_statistics(self.sets, self.tasks),
            precision=precision,
        )


def plain_step(training: Training, step: int) -> float:
    """One step as a tutorial would write it: fp32, channels first, AdamW as it comes."""
    batch = training.data.batch(step)
    outputs = training.network(batch.frames)
    losses = {
        name: training.data.tasks[name].loss(outputs[name], label, training.statistics[name])
        for name, label in batch.labels.items()
    }
    total = (torch.stack(tuple(losses.values())) + 1e-8).log().mean().exp()
    training.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    training.optimizer.step()
    return float(total.detach())


def plain_training(bench: Bench, seed: int, steps: int) -> Training:
    """A training in fp32 whose optimizer is the default one."""
    training = bench.training(seed, steps, PLAIN)
    groups = training.optimizer.param_groups
    training.optimizer = torch.optim.AdamW(
        [{"params": g["params"], "weight_decay": g["weight_decay"]} for g in groups]
    )
    return training


def timed(action: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def compare_speed(bench: Bench, rounds: int, steps: int) -> tuple[list[float], list[float]]:
    """Samples/s of the plain and of our loop, by round, in turns."""
    total = (rounds + 1) * steps
    plain = plain_training(bench, 0, total)
    ours = bench.training(0, total, training_precision(CPU))
    rates: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):

        def plain_round(turn: int = turn) -> None:
            for step in range(turn * steps, (turn + 1) * steps):
                plain_step(plain, step)

        def our_round(turn: int = turn) -> None:
            ours.run(until=(turn + 1) * steps)

        seconds = (timed(plain_round), timed(our_round))
        if turn:  # the first one warms up
            for rate, elapsed in zip(rates, seconds, strict=True):
                rate.append(steps * BATCH / elapsed)
    return rates


def loss_curve(bench: Bench, seed: int, steps: int, precision: Precision) -> list[float]:
    """Geometric mean of the task losses by step, on the real schedule."""
    training = bench.training(seed, steps, precision)
    training.run()
    return [statistics.geometric_mean(losses.values()) for losses in training.history]


def convolution_rate(precision: Precision) -> float:
    """GFLOP/s of the fastest of some 3×3 convolutions, forward and backward."""
    dtype = torch.bfloat16 if precision.bfloat16 else torch.float32
    layout = torch.channels_last if precision.channels_last else torch.contiguous_format
    return max(_rate(channels, side, dtype, layout) for channels, side in ((64, 64), (128, 32)))


def _rate(channels: int, side: int, dtype: torch.dtype, layout: torch.memory_format) -> float:
    x = torch.randn(16, channels, side, side, dtype=dtype).to(memory_format=layout)
    weight = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=layout)
    x.requires_grad_()
    weight.requires_grad_()
    gradient = torch.randn_like(x)

    def step() -> None:
        F.conv2d(x, weight, padding=1).backward(gradient)  # type: ignore[no-untyped-call]

    step()
    seconds = statistics.median(timed(step) for _ in range(9))
    return 2 * PASSES * 16 * side * side * channels * channels * 9 / seconds / 1e9


def training_macs(plan: Plan) -> int:
    """Forward multiply-accumulates of one sample: the encoder runs on both frames."""
    return sum(
        node_macs(node, RESOLUTION)
        * (2 if node.kind in ENCODER_KINDS and node.name in plan.previous_nodes else 1)
        for node in plan.nodes
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=8, help="steps a round")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the loss curves, 0 for none")
    parser.add_argument("--curve", type=int, default=90, help="steps of a loss curve")
    options = parser.parse_args(arguments)

    source = SyntheticSource(seed=0, train=240, val=1, test=1)
    tasks = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
    bench = Bench(sets=(prepare(source, "train", RESOLUTION, tasks=tasks),), tasks=tasks)
    precision = training_precision(CPU)
    print(
        f"ours: bfloat16 {precision.bfloat16}, channels last {precision.channels_last}; "
        f"{torch.get_num_threads()} threads"
    )

    plain, ours = compare_speed(bench, options.rounds, options.steps)
    ratios = [b / a for a, b in zip(plain, ours, strict=True)]
    for name, values in (
        ("plain fp32 samples/s", plain),
        ("ours samples/s", ours),
        ("ratio", ratios),
    ):
        print(
            f"{name:22s} median {statistics.median(values):6.2f}  "
            f"range {min(values):.2f} to {max(values):.2f}"
        )

    rate = convolution_rate(precision)
    plan = compile_plan(shared([t.spec for t in tasks.values()]), training=True)
    reached = 2 * PASSES * training_macs(plan) * statistics.median(ours) / 1e9
    print(
        f"convolution training rate {rate:.0f} GFLOP/s, "
        f"reached {reached:.0f} ({reached / rate:.0%})"
    )

    for seed in range(options.seeds):
        a = loss_curve(bench, seed, options.curve, PLAIN)
        b = loss_curve(bench, seed, options.curve, precision)
        third = len(a) // 3
        parts = [slice(0, third), slice(third, 2 * third), slice(2 * third, None)]
        text = "  ".join(f"{statistics.mean(a[p]):.4f} {statistics.mean(b[p]):.4f}" for p in parts)
        print(f"seed {seed}: mean loss by thirds, plain and ours: {text}")


if __name__ == "__main__":
    main()
