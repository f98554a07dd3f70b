"""What is written down of each trial, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from studies.admission import network_id
from studies.owner import Owner
from studies.rungs import RungRecord, read_rungs

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
    def from_json(cls, values: Mapping[str, Any]) -> Baseline:
        """Read what ``to_json`` wrote."""
        return cls(
            task=values["task"],
            architecture=Architecture.from_dict(values["architecture"]),
            metrics=values["metrics"],
            macs=values["macs"],
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
    number: int, status: Status, attributes: Mapping[str, Any], values: tuple[float, ...]
) -> TrialRecord:
    """A trial from its user attributes."""
    text = attributes.get(_ARCHITECTURE)
    return TrialRecord(
        number=number,
        status=status,
        architecture=Architecture.from_json(text) if text else None,
        values=values,
        metrics=attributes.get("metrics", {}),
        delta_m=attributes.get("delta_m", 0.0),
        macs=attributes.get("macs", 0),
        params=attributes.get("params", 0),
        activation_bytes=attributes.get("activation_bytes", 0),
        latency_ms=attributes.get("latency_ms"),
        share=attributes.get("budget_share"),
        seconds=attributes.get("seconds", 0.0),
        reason=attributes.get(REASON, ""),
        weights=attributes.get("weights", ""),
        rungs=read_rungs(attributes),
        network=attributes.get(NETWORK, ""),
        attempt=attributes.get(ATTEMPT, 1),
        origin=attributes.get(ORIGIN),
        owner=Owner.from_json(attributes[OWNER]) if OWNER in attributes else None,
    )
