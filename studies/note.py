"""What the dashboard shows of a trial: its tasks beside their single-task networks, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from nas.evaluation import Metrics
from nas.tasks.task import Task
from studies.delta_m import relative_change
from studies.finalists import Finalists
from studies.record import TrialRecord


def trial_note(record: TrialRecord, baselines: Metrics, tasks: Mapping[str, Task]) -> str:
    """A table of the primary metrics, and the cost."""
    lines = ["| task | metric | this network | single-task | change |", "|---|---|---|---|---|"]
    for name in record.metrics:
        metric = tasks[name].primary.name
        value, baseline = record.metrics[name][metric], baselines[name][metric]
        change = relative_change(record.metrics, baselines, tasks[name])
        lines.append(f"| {name} | {metric} | {value:.4f} | {baseline:.4f} | {change:+.1f} % |")
    share = "" if record.share is None else f", {record.share:.0%} of the budget"
    lines += [
        "",
        f"Δm {record.delta_m:+.2f} %, {record.macs / 1e9:.2f} GMAC per frame{share}, "
        f"{record.params / 1e6:.2f} M parameters.",
        "",
        "`predictions.png`: per row a validation frame, then label and prediction of each task.",
    ]
    return "\n".join(lines)


def finalist_note(finalists: Finalists, number: int) -> str:
    """One line: what a trial's network reached on the test split over several seeds."""
    delta_m = finalists.delta_m(number)
    words = [f"Δm {delta_m:+.1f} %"] if delta_m else []
    words += [f"{task} {finalists.metric(number, task)}" for task in finalists.tasks]
    other = finalists.dominated().get(number)
    if other is not None:
        words.append(f"dominated by trial {other}")
    seeds = ", ".join(str(seed) for seed in finalists.runs[number])
    return f"On the test split: {'; '.join(words)} (trained anew with the seeds {seeds})."
