"""What a reproduction found, beside what the paper prints: as tables for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.paper_params import PAPER_TASKS, paper_params
from nas.tasks.task import Metric
from studies.figures import short_metric
from studies.paper_tables import TASK_KINDS, Comparison, PaperRow, PaperTable
from studies.report import page
from studies.reproduction import Outcome
from studies.spread import TIED, Spread

_NOT_AVAILABLE = "–"


def spread_of(outcome: Outcome, table: PaperTable, row: str, kind: str) -> Spread | None:
    """Primary metric of a row's task of a kind, None where it has none or was not trained."""
    architecture = outcome.networks.get((table.number, row))
    task = _task(outcome, kind)
    if architecture is None or task is None:
        return None
    name = outcome.tasks[task].primary.name
    runs = outcome.runs.get(architecture.id, ())
    values = tuple(run.metrics[task][name] for run in runs if task in run.metrics)
    return Spread(values=values) if values else None


def to_json(outcome: Outcome) -> dict[str, object]:
    """The document of ``reproduce tables --json``."""
    config = outcome.config
    return {
        "fidelity": config.fidelity.name,
        "encoder": {"depth": config.used_encoder.depth, "width": config.used_encoder.width},
        "data": [source.name for source in config.sources],
        "judged_on": dict(outcome.judged),
        "seeds": config.seeds,
        "metrics": {kind: metric.name for kind in TASK_KINDS if (metric := _metric(outcome, kind))},
        "tables": [_table_json(outcome, table) for table in outcome.tables],
        "failures": list(outcome.failures),
        "interrupted": outcome.interrupted,
    }


def print_report(outcome: Outcome, console: Console | None = None) -> None:
    """Every table with what came out beside what the paper prints, and what follows from it."""
    console = console or page()
    for table in outcome.tables:
        console.print(_drawn(outcome, table))
        for line in (*_verdicts(outcome, table), table.remark):
            console.print(Text(f"  {line}"))
        console.print()
    for line in _legend(outcome):
        console.print(Text(line))


# --- JSON ---------------------------------------------------------------------------------------


def _table_json(outcome: Outcome, table: PaperTable) -> dict[str, object]:
    return {
        "table": table.number,
        "title": table.title,
        "rows": [_row_json(outcome, table, row) for row in table.rows],
        "comparisons": [
            {
                "better": comparison.better,
                "than": comparison.than,
                "task": comparison.kind,
                "change": change,
                "distinguishable": clear,
            }
            for comparison, change, clear in _compared(outcome, table)
        ],
        "not_distinguishable": {kind: _tied_pairs(outcome, table, kind) for kind in table.kinds},
        "remark": table.remark,
    }


def _row_json(outcome: Outcome, table: PaperTable, row: PaperRow) -> dict[str, object]:
    place = (table.number, row.name)
    architecture = outcome.networks.get(place)
    found = {kind: spread_of(outcome, table, row.name, kind) for kind in row.kinds}
    return {
        "network": row.name,
        "architecture": architecture.to_dict() if architecture else None,
        "missing": outcome.missing.get(place),
        "params_of_the_papers_network": params_of_the_papers_network(row),
        "paper": {
            "params": None if row.params_m is None else round(row.params_m * 1e6),
            **{column: row.printed.get(column) for column in table.printed_columns},
        },
        "metrics": {kind: spread.to_json() if spread else None for kind, spread in found.items()},
    }


def params_of_the_papers_network(row: PaperRow) -> int:
    """Parameters of a row's network as the paper builds it and counts them."""
    return paper_params(row.architecture(PAPER_TASKS))


def _tied_pairs(outcome: Outcome, table: PaperTable, kind: str) -> list[list[str]]:
    """Rows of which two differ by less than the spread of their seeds."""
    found = [(row.name, spread_of(outcome, table, row.name, kind)) for row in table.rows]
    return [
        [one, other]
        for (one, a), (other, b) in combinations(found, 2)
        if a is not None and b is not None and not a.differs_from(b)
    ]


# --- for people ---------------------------------------------------------------------------------


def _drawn(outcome: Outcome, table: PaperTable) -> Table:
    drawn = Table(
        title=table.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    drawn.add_column("network")
    for kind in table.kinds:
        metric = _metric(outcome, kind)
        drawn.add_column(
            f"{kind}\n{short_metric(metric.name) if metric else ''}", justify="right", no_wrap=True
        )
    for head in ("Mparams\ncounted", "Mparams\nprinted", *table.printed_columns):
        drawn.add_column(head.replace(" mIoU", "\nmIoU"), justify="right")
    for row in table.rows:
        drawn.add_row(*_cells(outcome, table, row))
    if any(_constant(outcome, kind) is not None for kind in table.kinds):
        constants = (_constant(outcome, kind) for kind in table.kinds)
        drawn.add_row("best constant", *(_written(value, 3) for value in constants))
    return drawn


def _cells(outcome: Outcome, table: PaperTable, row: PaperRow) -> Iterator[Text]:
    yield Text(row.name)
    for kind in table.kinds:
        yield _value(outcome, table, row.name, kind)
    yield Text(f"{params_of_the_papers_network(row) / 1e6:.3f}")
    yield Text(_written(row.params_m, 2))
    for column in table.printed_columns:
        yield Text(_written(row.printed.get(column), 2))


def _value(outcome: Outcome, table: PaperTable, row: str, kind: str) -> Text:
    spread = spread_of(outcome, table, row, kind)
    if spread is None:
        judged = kind in next(r.kinds for r in table.rows if r.name == row)
        return Text(_NOT_AVAILABLE if judged else "")
    best = _best(outcome, table, kind)
    if best is spread or best is None or spread.values == best.values:
        return Text(f"{spread} *")
    return Text(f"{spread} {' ' if spread.differs_from(best) else TIED}")


def _best(outcome: Outcome, table: PaperTable, kind: str) -> Spread | None:
    metric = _metric(outcome, kind)
    spreads = [spread_of(outcome, table, row.name, kind) for row in table.rows]
    found = [spread for spread in spreads if spread is not None]
    if not found or metric is None:
        return None
    sign = 1 if metric.direction == "maximize" else -1
    return max(found, key=lambda spread: sign * spread.mean)


def _verdicts(outcome: Outcome, table: PaperTable) -> Iterator[str]:
    for comparison, change, clear in _compared(outcome, table):
        metric = _metric(outcome, comparison.kind)
        assert metric is not None
        better = change > 0 if metric.direction == "maximize" else change < 0
        told = ("better" if better else "worse") if clear else "not distinguishable"
        yield (
            f"{comparison.better} against {comparison.than}, {comparison.kind} {metric.name}: "
            f"{change:+.3f}, {told}"
        )


def _compared(outcome: Outcome, table: PaperTable) -> Iterator[tuple[Comparison, float, bool]]:
    """Each claim whose two rows were trained, the change of the mean, and whether it is clear."""
    for comparison in table.comparisons:
        one = spread_of(outcome, table, comparison.better, comparison.kind)
        other = spread_of(outcome, table, comparison.than, comparison.kind)
        if one is not None and other is not None:
            yield comparison, one.mean - other.mean, one.differs_from(other)


def _legend(outcome: Outcome) -> Iterator[str]:
    config = outcome.config
    encoder = config.used_encoder
    splits = ", ".join(f"{name} ({split})" for name, split in outcome.judged.items())
    trained = sorted({len(runs) for runs in outcome.runs.values()})
    seeds = f"{trained[0]}" if len(trained) == 1 else f"{trained[0]} to {trained[-1]}"
    yield (
        f"mean ± standard deviation over {seeds} of {config.seeds} seeds on {splits}, "
        f"{encoder.depth} of width {encoder.width}, fidelity {config.fidelity.name}"
    )
    yield (
        f"* best of its column; {TIED} differs from it by less than the spread of the seeds "
        "(√(s₁² + s₂²)): not distinguishable"
    )
    if trained[-1] < 2:
        yield "one seed tells no spread: nothing is distinguishable, take more --seeds"
    yield (
        "Mparams: of the paper's own network (ResNet-50, 20 classes), counted as the paper counts "
        f"and as it prints them; {_NOT_AVAILABLE} not available"
    )
    yield from (f"failed: {failure}" for failure in outcome.failures)
    if outcome.interrupted:
        yield f"interrupted: the same command goes on, {config.out} keeps what was trained"


def _constant(outcome: Outcome, kind: str) -> float | None:
    """The best constant prediction's primary metric, None before any network of it was trained."""
    task = _task(outcome, kind)
    if task is None:
        return None
    name = outcome.tasks[task].primary.name
    runs = (run for runs in outcome.runs.values() for run in runs if task in run.constants)
    return next((run.constants[task][name] for run in runs), None)


def _task(outcome: Outcome, kind: str) -> str | None:
    """Name of the task of a kind, None where the data has none."""
    return next((name for name, task in outcome.tasks.items() if task.spec.kind == kind), None)


def _metric(outcome: Outcome, kind: str) -> Metric | None:
    task = _task(outcome, kind)
    return None if task is None else outcome.tasks[task].primary


def _written(value: float | None, digits: int) -> str:
    return _NOT_AVAILABLE if value is None else f"{value:.{digits}f}"
