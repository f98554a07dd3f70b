"""Writes down a candidate that was trained to its end, with its weights and a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from nas.evaluation import Metrics
from nas.tasks.task import Task
from studies.job import Judged
from studies.note import trial_note
from studies.record import TrialRecord
from studies.store import StudyStore


def complete_trial(
    store: StudyStore,
    record: TrialRecord,
    judged: Judged,
    *,
    constraints: Mapping[str, float],
    baselines: Metrics,
    tasks: Mapping[str, Task],
) -> None:
    """Keep its files first: the trial counts with the last write."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        picture = Path(folder) / "predictions.png"
        weights.write_bytes(judged.weights)
        picture.write_bytes(judged.picture)
        note = trial_note(record, baselines, tasks)
        store.complete(record, constraints, weights=weights, picture=picture, note=note)
