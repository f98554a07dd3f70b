"""Shows that measured latency falls with pruned MACs, on one network.

    python benchmarks/latency.py [--resolution 512x256] [--repeats 5] [--threads N]

Three tasks share a whole two-stream ResNet-18 of width 64; every part of every task is pruned by
the same ratio. Ratios take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

import torch

from nas.cost import cost_of
from nas.latency import measure_latency
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.presets import shared

RATIOS = (0.0, 0.25, 0.5, 0.75)


def pruned(ratio: float) -> Architecture:
    """The benchmark's network with every part of every task pruned by one ratio."""
    dense = replace(shared(DEFAULT_TASKS), encoder=EncoderSpec(depth="resnet18", width=64))
    return replace(
        dense,
        pruning=tuple(
            FilterRatio(task=task, part=part, ratio=ratio)
            for task in dense.task_names
            for part in PARTS
        ),
    )


def main() -> None:
    """Measure and print one line a ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=Resolution.parse, default=Resolution(512, 256))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    medians: dict[float, list[float]] = {ratio: [] for ratio in RATIOS}
    for _ in range(arguments.repeats):
        for ratio in RATIOS:
            latency = measure_latency(
                pruned(ratio), arguments.resolution, seconds=2.0, remember=False
            )
            medians[ratio].append(latency.median)
    _print_table(medians, arguments.resolution)


def _print_table(medians: dict[float, list[float]], resolution: Resolution) -> None:
    print(f"{resolution}, batch 1, fp32, {torch.get_num_threads()} threads, streaming form")
    print("ratio   GMAC  of dense     ms  of dense  spread of repeats (ms)")
    dense_macs = cost_of(pruned(0.0), resolution).macs
    dense_ms = statistics.median(medians[0.0])
    for ratio, values in medians.items():
        macs, ms = cost_of(pruned(ratio), resolution).macs, statistics.median(values)
        print(
            f"{ratio:5.2f} {macs / 1e9:6.2f} {macs / dense_macs:9.2f} {ms:6.1f} "
            f"{ms / dense_ms:9.2f}  {min(values):.1f} to {max(values):.1f}"
        )


if __name__ == "__main__":
    main()
