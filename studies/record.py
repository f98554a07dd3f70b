"""What is written down of each trial, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from search_spaces.task_spec import ArchitectureError
from studies.admission import network_id
from studies.errors import StudyError
from studies.owner import Owner
from studies.rungs import RungRecord, read_rungs
from studies.stored import Stored

#: ``refused``: over the budget, not trained. ``repeated``: known already, not trained again.
#: ``stopped``: early, at a rung where others were better.
Status = Literal[
    "running",
    "waiting",
    "complete",
    "stopped",
    "refused",
    "repeated",
    "failed",
    "interrupted",
]

_STATUSES: tuple[Status, ...] = get_args(Status)
_ARCHITECTURE = "architecture"
#: User attributes of a trial: what became of it, and why.
STATUS, REASON = "status", "reason"
#: User attributes of a trial: its network, how often it was begun, where first, and by whom.
NETWORK, ATTEMPT, ORIGIN, OWNER = "network", "attempt", "origin", "owner"


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial of a study; metrics and costs only where it was trained.

    ``share`` is the share of the budget that it takes, None without a budget; ``reason`` says
    why it was refused, stopped or failed; ``weights`` is the file's id in the study's artifacts.
    ``rungs`` are what it reached on its way, by growing samples; those of a trial that was stopped
    early end where it was stopped, and its metrics are of that moment. ``network`` is equal for
    trials whose training is the same (``admission.network_id``). ``attempt`` counts from 1 how
    often its training was begun, with those trials that were cut off before; ``origin`` is the
    first of these, whose number its seed comes from. ``owner`` runs it.
    """

    number: int
    status: Status
    architecture: Architecture | None = None
    values: tuple[float, ...] = ()
    metrics: Metrics
    delta_m: float = 0.0
    macs: int = 0
    params: int = 0
    activation_bytes: int = 0
    latency_ms: float | None = None
    share: float | None = None
    seconds: float = 0.0
    reason: str = ""
    weights: str = ""
    rungs: tuple[RungRecord, ...] = ()
    network: str = ""
    attempt: int = 1
    origin: int | None = None
    owner: Owner | None = None

    @property
    def counts(self) -> bool:
        """Whether its network is not to be trained again: it runs, or came to an end."""
        return self.status in ("running", "complete", "stopped", "failed")

    def to_json(self) -> dict[str, object]:
        """The entry of a front in the JSON of ``search`` and ``front``."""
        assert self.architecture is not None
        return {
            "trial": self.number,
            "architecture": self.architecture.to_dict(),
            "metrics": self.metrics,
            "delta_m": self.delta_m,
            "macs": self.macs,
            "params": self.params,
            "latency_ms": self.latency_ms,
        }


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The single-task network of a task, on the study's reference encoder."""

    task: str
    architecture: Architecture
    metrics: Mapping[str, float]
    macs: int

    def to_json(self) -> dict[str, object]:
        """The entry in the JSON of ``search`` and ``front``."""
        return {
            "task": self.task,
            "architecture": self.architecture.to_dict(),
            "metrics": dict(self.metrics),
            "macs": self.macs,
        }

    @classmethod
    def from_json(cls, values: object) -> Baseline:
        """Read what ``to_json`` wrote; raises ``StudyError``."""
        stored = Stored(values, "a single-task network")
        task = stored.entry("task").word()
        return cls(
            task=task,
            architecture=_architecture(stored.entry("architecture").value, f"of task {task}"),
            metrics=stored.entry("metrics").numbers(),
            macs=stored.entry("macs").count(),
        )


def outcome_attributes(record: TrialRecord) -> dict[str, object]:
    """User attributes of a trained trial, each readable in the dashboard; rungs have their own."""
    flat = {
        f"{task}.{metric}": value
        for task, metrics in record.metrics.items()
        for metric, value in metrics.items()
    }
    return {
        **flat,
        "delta_m": record.delta_m,
        "macs": record.macs,
        "params": record.params,
        "activation_bytes": record.activation_bytes,
        "latency_ms": record.latency_ms,
        "budget_share": record.share,
        "seconds": record.seconds,
        "weights": record.weights,
        "metrics": record.metrics,
    }


def architecture_attributes(architecture: Architecture) -> dict[str, object]:
    """User attributes that say which network a trial is."""
    return {
        "architecture_id": architecture.id,
        NETWORK: network_id(architecture),
        _ARCHITECTURE: json.dumps(architecture.to_dict(), separators=(",", ":")),
    }


def read_record(
    number: int, status: object, attributes: Mapping[str, Any], values: tuple[float, ...]
) -> TrialRecord:
    """A trial from its user attributes; raises ``StudyError`` where they are not what they were."""
    stored = Stored(attributes, f"trial {number}")
    known = next((s for s in get_args(Status) if s == status), None)
    if known is None:
        Stored(status, f"{STATUS} of trial {number}").refuse(
            f"one of {', '.join(get_args(Status))}"
        )
    text = stored.entry(_ARCHITECTURE).value
    return TrialRecord(
        number=number,
        status=known,
        architecture=None if text is None else _architecture(text, f"of trial {number}"),
        values=values,
        metrics=stored.entry("metrics", {}).metrics(),
        delta_m=stored.entry("delta_m", 0.0).number(),
        macs=stored.entry("macs", 0).count(),
        params=stored.entry("params", 0).count(),
        activation_bytes=stored.entry("activation_bytes", 0).count(),
        latency_ms=stored.entry("latency_ms").optional_number(),
        share=stored.entry("budget_share").optional_number(),
        seconds=stored.entry("seconds", 0.0).number(),
        reason=stored.entry(REASON, "").text(),
        weights=stored.entry("weights", "").text(),
        rungs=read_rungs(attributes),
        network=stored.entry(NETWORK, "").text(),
        attempt=stored.entry(ATTEMPT, 1).count(),
        origin=stored.entry(ORIGIN).count() if ORIGIN in attributes else None,
        owner=Owner.from_json(attributes[OWNER]) if OWNER in attributes else None,
    )


def _architecture(stored: object, whose: str) -> Architecture:
    """From a text, as trials have it, or from plain values."""
    try:
        if isinstance(stored, str):
            return Architecture.from_json(stored)
        return Architecture.from_dict(stored)
    except ArchitectureError as error:
        raise StudyError(
            f"the architecture {whose} is damaged or of another version: {error}"
        ) from None
