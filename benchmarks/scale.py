"""How many workers can one driver keep busy, and what does it take after 10,000 trials?

    python benchmarks/scale.py [--storage URL]… [--trials 10000] [--workers 256] [--seconds 60]
        [--recorded URL] [--out FILE.json] [--plot FILE.png]

Everything is real but the training: proposals, early stopping and storage are those of a search,
and a worker answers with values that follow from its network after a time that is only counted. The
driver's own time is measured and put on the same clock: it answers one worker after the other, and
who has to wait for it is not busy. Times of trainings are drawn from those of a finished study
(``--recorded``), or spread as those of the default search were (``_SPREAD``), with a mean of
``--seconds``.

Without ``--storage``: SQLite and Optuna's journal in a temporary folder. For a server give its URL,
of an empty database.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import math
import random
import resource
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from nas.budget import Budget
from nas.cost import cost_of
from nas.data.spec import open_source
from nas.evaluation import Metrics
from nas.fidelity import FIDELITIES
from studies.conductor import Conductor
from studies.config import SearchConfig
from studies.course import rungs_of
from studies.job import Job, Judged, Later
from studies.observer import Observer
from studies.opening import create_study, load_study
from studies.problem import Problem, problem_of
from studies.proposals import Proposals
from studies.search import study_settings
from studies.storage import open_storage

#: Standard deviation of the logarithm of seconds a training, in a default search of 20 candidates.
_SPREAD = 0.6
#: Trials after which figures are taken, and how many are averaged.
_MARKS = (100, 300, 1000, 3000, 10_000)
_WINDOW = 100
#: Seconds after which a worker that was told to wait asks again.
_POLL_S = 1.0
_WEIGHTS = b"0" * 1000


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Figures around one number of trials: medians and 95 % quantiles in ms, memory in MB.

    ``wait`` is from a worker's question for a candidate to having it; ``busy`` is the share of all
    workers' time in which they trained, since the mark before.
    """

    trials: int
    ask_ms: float
    ask_95_ms: float
    answer_ms: float
    wait_ms: float
    wait_95_ms: float
    busy: float
    memory_mb: float


@dataclass(kw_only=True)
class Clock:
    """The driver's time on the clock of the simulation: it does one thing at a time."""

    free_at: float = 0.0

    def take(self, asked_at: float, seconds: float) -> float:
        """When it has done what it was asked for."""
        self.free_at = max(self.free_at, asked_at) + seconds
        return self.free_at


class Simulation:
    """A search whose trainings take no time but on its own clock."""

    def __init__(self, url: str, args: argparse.Namespace, durations: Sequence[float]) -> None:
        problem = problem_of(
            SearchConfig(
                sources=(open_source("synthetic", seed=0, fidelity=FIDELITIES["quick"]),),
                budget=Budget.parse(["30tops"]),
                trials=1_000_000,
                workers=args.workers,
                storage=url,
                study="scale",
            )
        )
        self.problem = problem
        self.workers, self.trials = args.workers, args.trials
        self._durations = durations
        self._rng = random.Random(0)
        store = create_study(url, "scale", problem.objectives, study_settings(problem))
        self._conductor = Conductor(
            problem,
            store,
            Proposals(problem, "cpu"),
            Observer(),
            rungs=rungs_of(problem.config),
            workers=args.workers,
        )
        self._clock = Clock()
        self._asks: list[float] = []
        self._answers: list[float] = []
        self._waits: list[float] = []
        self._busy = 0.0
        self._since = (0.0, 0.0)

    def run(self) -> Iterator[Mark]:
        """All trials; a mark whenever there are figures for one."""
        gc.freeze()  # as a search does
        order = count()
        events: list[tuple[float, int, Job | None, int]] = [
            (0.0, next(order), None, 0) for _ in range(self.workers)
        ]
        begun, marks = 0, [m for m in _MARKS if m <= self.trials]
        while marks:
            now, _, job, rung = heapq.heappop(events)
            if job is not None and self._goes_on(job, rung, now):
                heapq.heappush(events, self._trains(job, rung + 1, self._clock.free_at, order))
                continue
            found = self._next(self._clock.free_at if job is not None else now)
            if isinstance(found, Job):
                begun += found.trial is not None
                heapq.heappush(events, self._trains(found, 0, self._clock.free_at, order))
            else:
                heapq.heappush(events, (now + _POLL_S, next(order), None, 0))
            if begun == marks[0] and isinstance(found, Job) and found.trial is not None:
                now = self._clock.free_at
                to_come = sum(max(0.0, event[0] - now) for event in events if event[2] is not None)
                yield self._mark(marks.pop(0), to_come)

    def _next(self, now: float) -> Job | Later | None:
        began = time.perf_counter()
        job = self._conductor.next_job()
        took = time.perf_counter() - began
        ready = self._clock.take(now, took)
        if isinstance(job, Job) and job.trial is not None:
            self._asks.append(took)
            self._waits.append(ready - now)
        return job

    def _goes_on(self, job: Job, rung: int, now: float) -> bool:
        answer = Judged(
            rung=job.rungs[rung],
            metrics=_metrics(self.problem, job),
            seconds=1.0,
            weights=_WEIGHTS,
            picture=_WEIGHTS,
        )
        began = time.perf_counter()
        goes_on = self._conductor.answered(job, answer)
        took = time.perf_counter() - began
        self._answers.append(took)
        self._clock.take(now, took)
        return goes_on

    def _trains(
        self, job: Job, rung: int, now: float, order: Iterator[int]
    ) -> tuple[float, int, Job, int]:
        before = job.rungs[rung - 1] if rung else 0
        share = (job.rungs[rung] - before) / job.rungs[-1]
        seconds = self._rng.choice(self._durations) * share
        self._busy += seconds
        return now + seconds, next(order), job, rung

    def _mark(self, trials: int, to_come: float) -> Mark:
        """Figures after so many trials; ``to_come`` are seconds of trainings that are not over."""
        now, trained = self._clock.free_at, self._busy - to_come
        busy, since = trained - self._since[0], now - self._since[1]
        self._since = (trained, now)
        asks, waits = self._asks[-_WINDOW:], self._waits[-_WINDOW:]
        return Mark(
            trials=trials,
            ask_ms=1e3 * statistics.median(asks),
            ask_95_ms=1e3 * _quantile(asks),
            answer_ms=1e3 * statistics.median(self._answers[-_WINDOW:]),
            wait_ms=1e3 * statistics.median(waits),
            wait_95_ms=1e3 * _quantile(waits),
            busy=busy / (since * self.workers) if since else math.nan,
            memory_mb=_memory_mb(),
        )


def _quantile(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _memory_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _metrics(problem: Problem, job: Job) -> Metrics:
    """Dearer networks are better, with noise that follows from the network."""
    macs = cost_of(job.architecture, problem.config.budget.deployment.resolution).macs
    noise = zlib.crc32(job.architecture.id.encode()) / 2**32
    value = 0.2 + 0.03 * math.log10(macs) + 0.05 * noise
    return {
        name: {metric.name: value for metric in problem.tasks[name].metrics}
        for name in job.architecture.task_names
    }


def durations_of(args: argparse.Namespace) -> list[float]:
    """Seconds of trainings, with the mean that was asked for."""
    if args.recorded:
        store = load_study(args.recorded)
        seconds = [r.seconds for r in store.records() if r.status == "complete" and r.seconds]
    else:
        rng = random.Random(1)
        seconds = [rng.lognormvariate(0.0, _SPREAD) for _ in range(1000)]
    mean = statistics.fmean(seconds)
    return [args.seconds * value / mean for value in seconds]


def main(given: Sequence[str] | None = None) -> int:
    """Measure every storage, print a table."""
    args = _arguments(given)
    durations = durations_of(args)
    found: dict[str, list[Mark]] = {}
    with tempfile.TemporaryDirectory() as folder:
        urls = args.storage or [f"sqlite:///{folder}/scale.db", f"journal:///{folder}/scale.log"]
        for url in urls:
            kind = url.partition(":")[0]
            print(f"{kind}: {args.workers} workers, trainings of {args.seconds:g} s", flush=True)
            print(_HEAD, flush=True)
            found[kind] = []
            for mark in Simulation(url, args, durations).run():
                found[kind].append(mark)
                print(_line(mark), flush=True)
            _print_opening(url)
    if args.out:
        values = {kind: [asdict(mark) for mark in marks] for kind, marks in found.items()}
        args.out.write_text(json.dumps(values, indent=1) + "\n")
    if args.plot:
        plot(found, args.plot)
    return 0


def _print_opening(url: str) -> None:
    began = time.perf_counter()
    open_storage(url)
    records = load_study(url, "scale").records()
    print(f"opened again with {len(records)} trials in {time.perf_counter() - began:.1f} s\n")


_HEAD = (
    f"{'trials':>7} {'ask ms':>8} {'95 %':>7} {'answer ms':>10} {'wait ms':>9} {'95 %':>8} "
    f"{'busy':>6} {'memory MB':>10}"
)


def _line(mark: Mark) -> str:
    return (
        f"{mark.trials:>7} {mark.ask_ms:>8.0f} {mark.ask_95_ms:>7.0f} {mark.answer_ms:>10.0f} "
        f"{mark.wait_ms:>9.0f} {mark.wait_95_ms:>8.0f} {mark.busy:>6.1%} {mark.memory_mb:>10.0f}"
    )


def plot(found: dict[str, list[Mark]], file: Path) -> None:
    """Time to propose a candidate over trials, one line a storage."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    for kind, marks in found.items():
        axes.plot([m.trials for m in marks], [m.ask_ms for m in marks], marker="o", label=kind)
    axes.axhline(100, color="grey", linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="trials of the study", ylabel="ask, ms (median)", ylim=(0, None))
    axes.legend()
    figure.savefig(file, dpi=120)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--storage", action="append", metavar="URL")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=60.0, help="mean of a whole training")
    parser.add_argument("--recorded", metavar="URL", help="a study whose times are drawn from")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
