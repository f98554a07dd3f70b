"""How the numbers of a study are written for people."""

from __future__ import annotations

from nas.quantity import written
from studies.record import TrialRecord

#: Metric and direction, as short as the head of a table needs them.
_SHORT = {"delta_1_25": "δ<1.25"}


def short_metric(name: str) -> str:
    """A metric's name in the head of a table."""
    return _SHORT.get(name, name)


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``1 h 05 min``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def percent(share: float | None) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if share is None else f"{share:.0%}"


def trial_line(record: TrialRecord) -> str:
    """A trial that ended, in one line without control characters; each task's primary metric."""
    if record.status != "complete":
        return f"trial {record.number} {record.status}: {record.reason}"
    metrics = ", ".join(
        f"{task} {next(iter(metrics.values())):.3f}" for task, metrics in record.metrics.items()
    )
    return (
        f"trial {record.number}: Δm {record.delta_m:+.1f} %, {written('macs', record.macs)}, "
        f"{metrics} ({duration(record.seconds)})"
    )
