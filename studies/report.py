"""The end of a run: the front beside the single-task networks, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.quantity import written
from search_spaces.spelling import one_line
from studies.commands.options import DEFAULT_STORAGE
from studies.commands.parser import PROGRAM
from studies.delta_m import signed_change
from studies.errors import StudyError
from studies.figures import percent, short_metric
from studies.finalists_report import finalist_lines, finalist_tables
from studies.record import TrialRecord
from studies.redaction import shown
from studies.result import StudyResult

#: Columns of the page where the output is no terminal.
PAGE_WIDTH = 100
#: Tasks whose metrics fit beside each other on a page, and networks beside the tasks.
_MOST_TASKS_BESIDE = 3
_MOST_TRIALS_BESIDE = 6


def print_report(
    result: StudyResult, console: Console | None = None, *, named: bool = False
) -> None:
    """Print what a study found; legible at 100 columns.

    ``named``: it is not the study last written, so the next commands must name it.
    """
    console = console or page()
    study = one_line(result.study)
    console.print(Text(f"study {study}\nin {shown(result.storage)}"), soft_wrap=True)
    console.print(Text(_counted(result)))
    if result.baselines:
        console.print(baseline_table(result))
    if not result.front:
        console.print(Text("no candidate was trained yet: the same command goes on"))
        return
    for table in front_tables(result):
        console.print(table)
    for sentence in (verdict(result), *warnings(result)):
        console.print(Text(sentence))
    print_finalists(result, console)
    console.print(Text("next:"))
    for command in next_commands(result, named=named):
        console.print(Text(f"  {command}", no_wrap=True), soft_wrap=True)


def print_finalists(result: StudyResult, console: Console) -> None:
    """What networks of the study reached on the test split, where they were trained for it."""
    if result.finalists is None:
        return
    if not result.finalists.trials:
        console.print(Text("finalists: no network of the study is trained to its end yet"))
        return
    for table in finalist_tables(result.finalists):
        console.print(table)
    for line in finalist_lines(result.finalists):
        console.print(Text(line))


def page() -> Console:
    """Standard output: as wide as the terminal, or a page of 100 columns.

    Brackets are printed as they are: what a study names may have come from elsewhere.
    """
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, markup=False, width=PAGE_WIDTH)


def front_tables(result: StudyResult) -> Iterator[Table]:
    """Each network of the front: metrics with their change, Δm, MACs, budget, parameters.

    More tasks than fit beside each other stand in tables of their own, a row a task.
    """
    tasks = list(result.front[0].metrics)
    together = len(tasks) <= _MOST_TASKS_BESIDE
    table = _table("front")
    table.add_column("trial", justify="right")
    for task in tasks if together else ():
        head = f"{task}\n{short_metric(result.primary[task])}"
        table.add_column(head, justify="right", overflow="fold")
    for head in ("Δm\n%", "MACs", "budget", "params"):
        table.add_column(head, justify="right", no_wrap=True)
    if any(record.latency_ms is not None for record in result.front):
        table.add_column("ms", justify="right", no_wrap=True)
    for record in result.front:
        table.add_row(*_cells(record, result, tasks if together else (), len(table.columns)))
    yield table
    if not together:
        for start in range(0, len(result.front), _MOST_TRIALS_BESIDE):
            yield _task_table(result, tasks, result.front[start : start + _MOST_TRIALS_BESIDE])


def _task_table(result: StudyResult, tasks: Sequence[str], records: Sequence[TrialRecord]) -> Table:
    """Metrics of some networks of the front, a row a task; ↑ is better than the task alone."""
    table = _table("by task")
    table.add_column("task", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    for record in records:
        table.add_column(f"trial {record.number}", justify="right", no_wrap=True)
    for task in tasks:
        cells = [_metric(record, result, task, compact=True) for record in records]
        table.add_row(task, short_metric(result.primary[task]), *cells)
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def baseline_table(result: StudyResult) -> Table:
    """The single-task networks, all of them together, and the best constant predictions."""
    table = _table("to compare with")
    table.add_column("task")
    for head in ("metric", "single-task network", "MACs", "best constant"):
        table.add_column(head, justify="right")
    for task, baseline in sorted(result.baselines.items()):
        metric = result.primary[task]
        constant = result.constants.get(task, {}).get(metric)
        table.add_row(
            task,
            metric,
            f"{baseline.metrics[metric]:.3f}",
            written("macs", baseline.macs),
            "–" if constant is None else f"{constant:.3f}",
        )
    table.add_row("together", "", "", written("macs", result.single_task_macs), "")
    return table


def best_of(result: StudyResult) -> TrialRecord:
    """The network of the front that one would take: one that is better and cheaper, if any.

    Raises ``StudyError`` where no candidate was trained yet.
    """
    if not result.front:
        raise StudyError(f"study {result.study} has no trained candidate yet, run it again")
    better = [record for record in result.front if beats_single_tasks(record, result)]
    return max(better or result.front, key=lambda record: record.delta_m)


def beats_single_tasks(record: TrialRecord, result: StudyResult) -> bool:
    """Whether a network is better (Δm above 0) at less than all single-task networks' MACs."""
    return record.delta_m > 0 and record.macs < result.single_task_macs


def verdict(result: StudyResult) -> str:
    """Whether some network of the front beats all single-task networks together."""
    best = best_of(result)
    together = f"all single-task networks together ({written('macs', result.single_task_macs)})"
    found = f"trial {best.number} has Δm {best.delta_m:+.1f} % at {written('macs', best.macs)}"
    if beats_single_tasks(best, result):
        return f"{found}: better than {together}, and cheaper{_terms(result)}"
    return (
        f"no network of the front is better and cheaper than {together}: {found}, the best; "
        f"more --trials may find one{_terms(result)}"
    )


def _terms(result: StudyResult) -> str:
    """What the comparison with single-task networks leaves out."""
    if not result.inherits or result.finalists is not None:
        return ""
    return (
        ". Candidates began with shared weights, single-task networks from scratch: "
        "neurall-search finalize compares them on equal terms"
    )


def warnings(result: StudyResult) -> list[str]:
    """One line for each network of the front that does a task no better than a constant."""
    lines = []
    for record in result.front:
        for task, metrics in record.metrics.items():
            metric = result.primary[task]
            constant = result.constants.get(task, {}).get(metric)
            if constant is None:
                continue
            if signed_change(metrics[metric], constant, result.directions[task]) <= 0:
                lines.append(
                    f"warning: trial {record.number} does {task} no better than the best constant "
                    f"prediction: {metric} {metrics[metric]:.3f}, constant {constant:.3f}"
                )
    return lines


def next_commands(result: StudyResult, *, named: bool = False) -> list[str]:
    """What one would type next; storage and study are told where they are not the default."""
    best = best_of(result).number
    url = quote(shown(result.storage))
    storage = "" if result.storage == DEFAULT_STORAGE else f" --storage {url}"
    where = storage + (f" --study {quote(result.study)}" if named else "")
    finalize = [] if result.finalists else [f"{PROGRAM} finalize{where}"]
    return [
        f"{PROGRAM} show {best}{where}",
        f"{PROGRAM} export {best} --out trial-{best}{where}",
        f"{PROGRAM} front --plot front.html --plot front.png{where}",
        f"{PROGRAM} dashboard{storage}",
        *finalize,
    ]


def _cells(
    record: TrialRecord, result: StudyResult, tasks: Sequence[str], columns: int
) -> list[Text]:
    cells = [Text(str(record.number))]
    cells += [_metric(record, result, task) for task in tasks]
    cells += [
        Text(f"{record.delta_m:+.1f}", style=_colour(record.delta_m)),
        Text(written("macs", record.macs)),
        Text(percent(record.share)),
        Text(written("params", record.params).replace("params", "")),
    ]
    if record.latency_ms is not None and len(cells) < columns:
        cells.append(Text(f"{record.latency_ms:.1f}"))
    return cells


def _metric(record: TrialRecord, result: StudyResult, task: str, *, compact: bool = False) -> Text:
    """A value and its change; where that has no room, an arrow: ↑ is better."""
    metric = result.primary[task]
    value = record.metrics[task][metric]
    text = Text(f"{value:.3f}")
    if task in result.baselines:
        baseline = result.baselines[task].metrics[metric]
        change = signed_change(value, baseline, result.directions[task])
        if compact:
            text.stylize(_colour(change))
            text.append("↑" if change > 0 else "↓" if change < 0 else " ")
        else:
            text.append(f" {change:+.1f} %", style=_colour(change))
    return text


def _colour(change: float) -> str:
    return "green" if change > 0 else "red" if change < 0 else ""


def _counted(result: StudyResult) -> str:
    counts: Mapping[str, int] = result.counts()
    words = [f"{counts['complete']} trained"]
    if counts["stopped_early"]:
        words.append(f"{counts['stopped_early']} stopped early")
    words += [f"{counts['refused']} refused over the budget", f"{counts['failed']} failed"]
    return ", ".join(words) + ("; interrupted" if result.interrupted else "")
