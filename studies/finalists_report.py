"""Finalists as tables for people: mean and spread on the test split, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from nas.quantity import written
from studies.delta_m import signed_change
from studies.figures import short_metric
from studies.finalists import Finalists
from studies.record import TrialRecord
from studies.spread import TIED, Spread

TITLE = "finalists on the test split"
_NOT_AVAILABLE = "–"
#: Tasks whose metrics fit beside each other on a page, and networks beside the tasks.
_MOST_TASKS_BESIDE = 3
_MOST_TRIALS_BESIDE = 3


def finalist_tables(finalists: Finalists) -> Iterator[Table]:
    """Each finalist, the single-task networks, and the best constants; legible at 100 columns.

    More tasks than fit beside each other stand in tables of their own, a row a task.
    """
    tasks = finalists.tasks
    if len(tasks) <= _MOST_TASKS_BESIDE:
        yield _table(finalists, tasks)
        return
    yield _table(finalists, ())
    for start in range(0, len(finalists.trials), _MOST_TRIALS_BESIDE):
        yield _task_table(finalists, finalists.trials[start : start + _MOST_TRIALS_BESIDE])


def finalist_lines(finalists: Finalists) -> Iterator[str]:
    """What the tables mean, and what follows: the pairs that cannot be told apart, and so on."""
    conditions = finalists.conditions
    yield (
        f"mean ± standard deviation over {_counted(finalists)} on the test split of "
        f"{', '.join(conditions.judged_on)}, each network trained from {conditions.begin} on "
        f"{conditions.samples} samples, fidelity {conditions.fidelity}; Δm against the single-task "
        "networks of the same seed"
    )
    yield (
        f"{TIED} next: its Δm and the next dearer network's differ, seed by seed, by less than the "
        "standard deviation of that difference: not distinguishable"
    )
    yield from _told_pairs(finalists)
    yield from (
        f"trial {number} is dominated on the test split by trial {other}"
        for number, other in finalists.dominated().items()
    )
    yield from _useless(finalists)
    if max(len(runs) for runs in finalists.runs.values()) < 2:
        yield "one seed tells no spread: nothing is distinguishable, take more --seeds"


# --- tables -------------------------------------------------------------------------------------


def _table(finalists: Finalists, tasks: Sequence[str]) -> Table:
    table = _empty(TITLE)
    table.add_column("trial")
    for task in tasks:
        head = f"{task}\n{short_metric(finalists.primary[task])}"
        table.add_column(head, justify="right", overflow="fold")
    table.add_column("Δm\n%", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("")
    marks = _marks(finalists)
    for record in finalists.trials:
        number = record.number
        table.add_row(
            str(number),
            *(str(finalists.metric(number, task)) for task in tasks),
            _change(finalists.delta_m(number)),
            written("macs", record.macs),
            marks[number],
        )
    if tasks:
        table.add_row("single", *(_or_dash(finalists.baseline(task)) for task in tasks))
        table.add_row("constant", *(_constant(finalists, task) for task in tasks))
    return table


def _task_table(finalists: Finalists, records: Sequence[TrialRecord]) -> Table:
    table = _empty("by task")
    columns: dict[str, Callable[[str], str]] = {
        f"trial {record.number}": _value_of(finalists, record.number) for record in records
    }
    columns["single-task"] = lambda task: _or_dash(finalists.baseline(task))
    columns["constant"] = lambda task: _constant(finalists, task)
    for name in ("task", "metric"):
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for task in finalists.tasks:
        cells = (cell(task) for cell in columns.values())
        table.add_row(task, short_metric(finalists.primary[task]), *cells)
    return table


def _value_of(finalists: Finalists, number: int) -> Callable[[str], str]:
    return lambda task: str(finalists.metric(number, task))


def _empty(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _marks(finalists: Finalists) -> dict[int, str]:
    dominated = finalists.dominated()
    tied = {c.cheaper for c in finalists.comparisons() if not c.distinguishable}
    return {
        record.number: ", ".join(
            [
                *([f"{TIED} next"] if record.number in tied else []),
                *([f"dominated by {dominated[n]}"] if (n := record.number) in dominated else []),
            ]
        )
        for record in finalists.trials
    }


def _change(delta_m: Spread | None) -> Text:
    if delta_m is None:
        return Text(_NOT_AVAILABLE)
    return Text(f"{delta_m:+.1f}", style="green" if delta_m.mean > 0 else "red")


def _constant(finalists: Finalists, task: str) -> str:
    value = finalists.conditions.constants.get(task, {}).get(finalists.primary[task])
    return _NOT_AVAILABLE if value is None else f"{value:.3f}"


def _or_dash(spread: Spread | None) -> str:
    return _NOT_AVAILABLE if spread is None else str(spread)


# --- sentences ----------------------------------------------------------------------------------


def _counted(finalists: Finalists) -> str:
    runs = (*finalists.runs.values(), *finalists.baselines.values())
    counts = sorted({len(by_seed) for by_seed in runs})
    if counts == [1]:
        return "one seed"
    return f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _told_pairs(finalists: Finalists) -> Iterator[str]:
    for pair in finalists.comparisons():
        if not pair.distinguishable and pair.difference.std is not None:
            yield (
                f"trials {pair.cheaper} and {pair.dearer} are not distinguishable: Δm differs by "
                f"{pair.difference:+.1f} %"
            )


def _useless(finalists: Finalists) -> Iterator[str]:
    """Finalists that do a task no better than the best constant prediction."""
    for record in finalists.trials:
        for task in finalists.tasks:
            name = finalists.primary[task]
            constant = finalists.conditions.constants.get(task, {}).get(name)
            value = finalists.metric(record.number, task)
            if constant is None:
                continue
            if signed_change(value.mean, constant, finalists.directions[task]) <= 0:
                yield (
                    f"warning: trial {record.number} does {task} no better than the best constant "
                    f"prediction on the test split: {name} {value}, constant {constant:.3f}"
                )
