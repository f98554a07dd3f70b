"""How many synthetic frame pairs with labels one and two processes render in a second.

Run from the project's root: ``python benchmarks/synthetic.py [--pairs 60] [--resolution 128x64]``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from nas.data.synthetic import SyntheticSource
from nas.resolution import Resolution

SEEDS = (0, 1, 2, 3, 4)


def render(seed: int, indices: Iterable[int], resolution: Resolution) -> int:
    """Render these training frames; returns their number."""
    source = SyntheticSource(seed=seed)
    return sum(source.frame("train", index, resolution).previous is not None for index in indices)


def pairs_per_second(
    pool: ProcessPoolExecutor, processes: int, seed: int, pairs: int, resolution: Resolution
) -> float:
    """One measurement: the frames are dealt out to the processes in turn."""
    start = time.perf_counter()
    parts = [
        pool.submit(render, seed, range(first, pairs, processes), resolution)
        for first in range(processes)
    ]
    done = sum(part.result() for part in parts)
    return done / (time.perf_counter() - start)


def main() -> None:
    """Print median and spread over seeds, for one and for two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60, help="frame pairs a measurement")
    parser.add_argument("--resolution", type=Resolution.parse, default=Resolution(128, 64))
    arguments = parser.parse_args()
    for processes in (1, 2):
        with ProcessPoolExecutor(processes) as pool:
            pairs_per_second(pool, processes, 0, 2 * processes, arguments.resolution)  # warm up
            rates = [
                pairs_per_second(pool, processes, seed, arguments.pairs, arguments.resolution)
                for seed in SEEDS
            ]
        print(
            f"{arguments.resolution}, {processes} process(es): median "
            f"{statistics.median(rates):.1f} frame pairs/s, "
            f"{min(rates):.1f} to {max(rates):.1f} over {len(SEEDS)} seeds"
        )


if __name__ == "__main__":
    main()
