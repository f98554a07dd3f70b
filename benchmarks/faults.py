"""Does a search keep what it has when its processes are killed at random moments?

    python benchmarks/faults.py [--searches 10] [--trials 4] [--workers 2] [--kills 1] [--seed 0]
        [--storage URL]

First one search runs undisturbed, for its duration. Then in each search a random process of it, the
command's own or a worker's, is killed with SIGKILL at a random moment: some time after a random
number of its trials were complete, none among them. The command is run again wherever it was cut
off, with another kill, until ``--kills`` are spent.
Trainings are real but tiny. At the end the database is asked: trials that were complete before a
kill must be there unchanged, as many must be complete as were asked for, no network may be
trained to its end twice, and nothing may be left running or waiting. Prints a row a search; the
exit code is 1 where any of that is violated.

Without ``--storage`` each search has an SQLite file of its own in a temporary folder; on a server
(its database is to exist) each one is a study of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from studies.errors import StudyError
from studies.opening import load_study
from studies.record import TrialRecord

_ROOT = Path(__file__).parents[1]
#: The command line with a fidelity that takes seconds.
_COMMAND = """
import sys
import nas.fidelity
from nas.resolution import Resolution
nas.fidelity.FIDELITIES = {
    "quick": nas.fidelity.Fidelity(
        name="quick", resolution=Resolution(64, 32), samples=8, batch_size=4,
        train=12, val=6, test=4,
    )
}
from studies.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""
_ARGUMENTS = (
    *("--budget", "30tops", "--tasks", "depth,segmentation", "--sampler", "tpe"),
    *("--fix", "encoder=resnet10", "--fix", "width=16,24", "--fix", "pruning=none"),
    *("--early-stopping", "off", "--device", "cpu"),
)
#: A command that was not killed and does not end counts as a violation.
_PATIENCE_S = 300.0
#: Runs of one search, at most: one more than there are kills, and what goes wrong.
_MOST_RUNS = 10


@dataclass(kw_only=True)
class Told:
    """One search: the kills, and what was complete at each of them."""

    name: str
    kills: list[str] = field(default_factory=list)
    complete: list[list[TrialRecord]] = field(default_factory=list)
    runs: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Command:
    """The search in a process of its own."""

    def __init__(self, folder: Path, storage: str, name: str, options: argparse.Namespace) -> None:
        arguments = [*_ARGUMENTS, "--storage", storage, "--study", name]
        arguments += ["--trials", str(options.trials), "--workers", str(options.workers)]
        self.log = (folder / f"{name}.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def wait(self, seconds: float) -> int | None:
        """Its exit code, None where it still runs after that time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill_one(self, rng: random.Random) -> str:
        """Kill the command's own process or one of its workers; which one."""
        workers = _workers_of(self.process.pid)
        pid = rng.choice([self.process.pid, *workers])
        os.kill(pid, signal.SIGKILL)
        return "driver" if pid == self.process.pid else "worker"

    def clear_away(self) -> None:
        """Leave nothing behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def main() -> int:
    """Run it all; 1 where anything was lost or counted twice."""
    options = _options()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="neurall-search-faults-") as folder:
        first = disturbed(Path(folder), "undisturbed", options, rng, duration=None)
        print(f"undisturbed: {first.seconds:.0f} s, {'; '.join(first.wrong) or 'as asked'}")
        print(f"{'search':>8}{'runs':>6}  {'killed (complete at that moment)':<48}violations")
        told = []
        for number in range(options.searches):
            name = f"search{number}"
            told.append(disturbed(Path(folder), name, options, rng, duration=first.seconds))
            kills = ", ".join(told[-1].kills)
            wrong = "; ".join(told[-1].wrong) or "none"
            print(f"{number:>8}{told[-1].runs:>6}  {kills:<48}{wrong}", flush=True)
    violations = sum(len(t.wrong) for t in [first, *told])
    print(
        f"{sum(len(t.kills) for t in told)} kills in {len(told)} searches, {violations} violations"
    )
    return 1 if violations else 0


def disturbed(
    folder: Path,
    name: str,
    options: argparse.Namespace,
    rng: random.Random,
    duration: float | None,
) -> Told:
    """One search with its kills; without a ``duration`` there are none."""
    storage = options.storage or f"sqlite:///{folder}/{name}.db"
    told, begin = Told(name=name), time.monotonic()
    kills_left = options.kills if duration else 0
    while told.runs < _MOST_RUNS:
        told.runs += 1
        command = Command(folder, storage, name, options)
        try:
            while kills_left and _comes_to(command, rng, storage, name, options, duration or 0.0):
                kills_left -= 1
                killed = command.kill_one(rng)
                told.complete.append(_complete(storage, name))
                told.kills.append(f"{killed} ({len(told.complete[-1])})")
                if killed == "driver":
                    break
            code = command.wait(_PATIENCE_S)
        finally:
            command.clear_away()
        if code == 0:
            break
        if code != -signal.SIGKILL:
            last = (folder / f"{name}.log").read_text().strip().splitlines()[-1:]
            told.wrong.append(f"it ended with {code}: {' '.join(last)[:200]}")
            break
    told.seconds = time.monotonic() - begin
    told.wrong += _violations(storage, name, options.trials, told.complete)
    return told


def _comes_to(
    command: Command,
    rng: random.Random,
    storage: str,
    name: str,
    options: argparse.Namespace,
    duration: float,
) -> bool:
    """Wait for a random moment; whether it still runs then."""
    complete = rng.randrange(options.trials)
    delay = rng.uniform(0.0, duration / (options.trials if complete else 2))
    while len(_complete(storage, name)) < complete:
        if command.wait(0.1) is not None:
            return False
    return command.wait(delay) is None


def _violations(storage: str, name: str, trials: int, before: list[list[TrialRecord]]) -> list[str]:
    records = load_study(storage, name).records()
    complete = [r for r in records if r.status == "complete"]
    wrong = []
    if len(complete) != trials:
        wrong.append(f"{len(complete)} of {trials} are complete")
    if len({r.network for r in complete}) != len(complete):
        wrong.append("a network was trained twice")
    if {r.status for r in records} & {"running", "waiting"}:
        wrong.append("some are left running or waiting")
    lost = {r.number for kept in before for r in kept if records[r.number] != r}
    if lost:
        wrong.append(f"complete ones are lost or changed: {sorted(lost)}")
    return wrong


def _complete(storage: str, name: str) -> list[TrialRecord]:
    """What is complete now; nothing before there is a study."""
    try:
        return [r for r in load_study(storage, name).records() if r.status == "complete"]
    except StudyError:
        return []


def _workers_of(parent: int) -> list[int]:
    """Workers that a process has started, without what Python started beside them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if int(after_name[1]) == parent and "spawn_main" in command and after_name[0] != "Z":
            found.append(int(entry.name))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--searches", type=int, default=10)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", default="")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
