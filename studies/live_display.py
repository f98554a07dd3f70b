"""A search on a terminal: bars with their time left, and the front as it grows."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from nas.quantity import written
from search_spaces.architecture import Architecture
from studies.figures import duration, percent, trial_line
from studies.observer import Observer
from studies.pace import Pace
from studies.record import TrialRecord

_REFRESH_PER_SECOND = 4
_MOST_ROWS = 12


class LiveDisplay(Observer):
    """Draws itself again and again at the foot of a terminal; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._front: Sequence[TrialRecord] = ()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
        )
        self._shown: dict[str, TaskID] = {}
        self._live = Live(
            console=console,
            get_renderable=self._drawing,
            refresh_per_second=_REFRESH_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._front = ()
        for name in list(self._shown):
            self._hide(name)
        self._live.stop()

    def message(self, text: str) -> None:
        """A line that stays, above the rest."""
        self._console.print(text, markup=False, highlight=False)

    def data(self, source: str, split: str, done: int, total: int) -> None:
        """A bar while a split is decoded."""
        name = f"data {source}, {split}"
        self._show(name, done, total, f"{done} of {total} frames")
        if done == total:
            self._hide(name)

    def progress(self, trained: int, trials: int) -> None:
        """The bar of the whole study."""
        self._pace.progress(trained, trials)
        self._show("candidates", trained, trials, self._pace.summary())

    def training_starts(self, title: str, architecture: Architecture) -> None:
        """A bar for one network."""
        self._pace.training_starts(title)
        self._show(title, 0, 1, "starting")

    def training_step(self, title: str, done: int, total: int) -> None:
        """It went on; after its last step it is judged."""
        self._pace.training_step(title, done, total)
        left = duration(self._pace.training_left_s(title))
        note = f"step {done} of {total}, {left} left" if done < total else "judging"
        self._show(title, done, total, note)

    def training_ends(self, title: str) -> None:
        """The bar goes."""
        self._pace.training_ends(title)
        self._hide(title)

    def trial_ends(self, record: TrialRecord) -> None:
        """A line for a trial that was trained, stopped early or failed; others are counted."""
        self._pace.trial_ends(record)
        if record.status in ("complete", "stopped", "failed"):
            self.message(trial_line(record))
        self._show("candidates", self._pace.trained, self._pace.trials, self._pace.summary())

    def front(self, front: Sequence[TrialRecord]) -> None:
        """The table."""
        self._front = front

    def _show(self, name: str, done: int, total: int, note: str) -> None:
        if name not in self._shown:
            self._shown[name] = self._bars.add_task(name, total=total, note=note)
        self._bars.update(self._shown[name], completed=done, total=total, note=note)

    def _hide(self, name: str) -> None:
        if name in self._shown:
            self._bars.remove_task(self._shown.pop(name))

    def _drawing(self) -> Group:
        return Group(*([front_sketch(self._front)] if self._front else []), self._bars)


def front_sketch(front: Sequence[TrialRecord]) -> Table:
    """The front in a few columns, its best networks by Δm where there are many."""
    best = sorted(front, key=lambda record: -record.delta_m)[:_MOST_ROWS]
    hidden = len(front) - len(best)
    title = f"front of {len(front)}" + (f", {hidden} not shown" if hidden else "")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("trial", justify="right")
    table.add_column("Δm %", justify="right")
    table.add_column("MACs", justify="right")
    table.add_column("budget", justify="right")
    for task in best[0].metrics if best else ():
        table.add_column(task, justify="right")
    for record in sorted(best, key=lambda record: record.macs):
        table.add_row(
            str(record.number),
            f"{record.delta_m:+.1f}",
            written("macs", record.macs),
            percent(record.share),
            *(f"{next(iter(values.values())):.3f}" for values in record.metrics.values()),
        )
    return table
