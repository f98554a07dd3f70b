"""What a trial reached at each rung, as it stands in the study's storage.

A rung is a training budget in samples. Its values are a user attribute, ``rung 600``, so that
they outlive the process, other workers see them, and the dashboard lists them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studies.errors import UsageError
from studies.stored import Stored

if TYPE_CHECKING:
    import optuna

_NAME = re.compile(r"rung ([0-9]{1,15})")


@dataclass(frozen=True, kw_only=True)
class RungRecord:
    """One rung of a trial: samples it had trained on, the objectives' values, seconds it took.

    A value that is not finite is read back as NaN.
    """

    samples: int
    values: tuple[float, ...]
    seconds: float = 0.0


def write_rung(trial: optuna.Trial, rung: RungRecord) -> None:
    """Write down a rung of a running trial; again for the same samples replaces it.

    A study with one objective gets an intermediate value too: the dashboard draws these. With
    several it does not draw them (optuna-dashboard 0.21), and ``TPESampler`` fails on a stopped
    trial that has one (Optuna 5.0 asks for the study's only direction). Raises ``UsageError``
    where the study has another number of objectives.
    """
    objectives = len(trial.study.directions)
    if len(rung.values) != objectives:
        raise UsageError(
            f"{len(rung.values)} values at rung {rung.samples}: the study has {objectives} "
            "objectives, give one value for each"
        )
    trial.set_user_attr(_name(rung.samples), [v if math.isfinite(v) else None for v in rung.values])
    trial.set_user_attr(f"{_name(rung.samples)} seconds", rung.seconds)
    if objectives == 1:
        trial.report(rung.values[0], rung.samples)


def rung_values(attributes: Mapping[str, Any], samples: int) -> tuple[float, ...] | None:
    """The values of one rung from a trial's user attributes, None where it did not get there."""
    name = _name(samples)
    if attributes.get(name) is None:
        return None
    values = [value.optional_number() for value in Stored(attributes[name], name).items()]
    return tuple(math.nan if value is None else value for value in values)


def read_rungs(attributes: Mapping[str, Any]) -> tuple[RungRecord, ...]:
    """All rungs of a trial from its user attributes, by growing samples."""
    found = sorted(int(match[1]) for name in attributes if (match := _NAME.fullmatch(name)))
    return tuple(
        RungRecord(
            samples=samples,
            values=rung_values(attributes, samples) or (),
            seconds=Stored(attributes, "a trial").entry(f"{_name(samples)} seconds", 0.0).number(),
        )
        for samples in found
    )


def _name(samples: int) -> str:
    return f"rung {samples}"
