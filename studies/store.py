"""A study in its storage: the only place that writes to Optuna."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import FrozenTrial, TrialState

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from studies.artifact_file import MOST_BYTES, read_artifact
from studies.curves import save_learning_curves
from studies.errors import StudyError
from studies.halving import FrontHalving, Standing
from studies.objectives import Objective
from studies.record import (
    Baseline,
    Status,
    TrialRecord,
    architecture_attributes,
    outcome_attributes,
    read_record,
)
from studies.rungs import RungRecord, write_rung
from studies.storage import (
    artifact_folder,
    existing_storage,
    open_storage,
    sqlite_file,
    storage_errors,
)
from studies.stored import Stored, unreadable

_HOST, _PID = "host", "pid"
_BASELINES, _SETTINGS, _CONSTANTS = "baselines", "settings", "constants"
_SHARED_WEIGHTS, _SHARED_SECONDS = "shared_weights", "shared_weights_seconds"
_STATUS, _REASON = "status", "reason"
#: Where Optuna keeps the parameters of a queued trial.
_FIXED = "fixed_params"

_STATES: Mapping[TrialState, Status] = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "refused",
    TrialState.FAIL: "failed",
}


class StudyStore:
    """One study: asks for candidates and writes down what became of them.

    Every method raises ``StudyError`` where the storage is locked, damaged or gone.
    """

    def __init__(self, study: optuna.Study, url: str) -> None:
        self._study = study
        self.url = url
        self.artifacts = FileSystemArtifactStore(artifact_folder(url))

    @property
    def name(self) -> str:
        """Name of the study."""
        return self._study.study_name

    # --- reading ------------------------------------------------------------------------------

    def records(self) -> list[TrialRecord]:
        """All trials, in their order."""
        with storage_errors(self.url), unreadable(self.url):
            return [_record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def record(self, number: int) -> TrialRecord:
        """One trial; raises ``StudyError`` where there is none of that number."""
        records = self.records()
        if not 0 <= number < len(records):
            there = f"0 to {len(records) - 1}" if records else "none yet"
            raise StudyError(f"study {self.name} has no trial {number}, there are {there}")
        return records[number]

    def baselines(self) -> dict[str, Baseline]:
        """The single-task networks that were trained so far, by task."""
        with storage_errors(self.url):
            stored = self._study.user_attrs.get(_BASELINES, {})
        found = map(Baseline.from_json, Stored(stored, _BASELINES).mapping().values())
        return {baseline.task: baseline for baseline in found}

    def settings(self) -> dict[str, Any]:
        """What the study was made with, as plain values."""
        with storage_errors(self.url):
            stored = self._study.user_attrs.get(_SETTINGS, {})
        return dict(Stored(stored, _SETTINGS).mapping())

    def weights(self, record: TrialRecord, most_bytes: int = MOST_BYTES) -> bytes:
        """The weights file of a trained trial, if it is no larger than so many bytes."""
        if not record.weights:
            raise StudyError(f"trial {record.number} has no weights: it is {record.status}")
        what = f"the weights of trial {record.number}"
        return read_artifact(artifact_folder(self.url), record.weights, what, most_bytes)

    def has_shared_weights(self) -> bool:
        """Whether the weights that candidates share are trained."""
        with storage_errors(self.url):
            return _SHARED_WEIGHTS in self._study.user_attrs

    def shared_weights_seconds(self) -> float:
        """Seconds in which the weights that candidates share were trained, 0 before they are."""
        with storage_errors(self.url):
            stored = self._study.user_attrs.get(_SHARED_SECONDS, 0.0)
        return Stored(stored, _SHARED_SECONDS).number()

    def shared_weights(self) -> bytes | None:
        """The file of the weights that candidates share, None before there is one."""
        with storage_errors(self.url):
            artifact = self._study.user_attrs.get(_SHARED_WEIGHTS)
        if artifact is None:
            return None
        try:
            return read_artifact(artifact_folder(self.url), artifact, "the shared weights")
        except StudyError as error:
            raise StudyError(
                f"{error}; put the folder back as it was or begin another study with --study NAME"
            ) from None

    def keep_shared_weights(self, file: Path, seconds: float) -> None:
        """Keep the file of the weights that candidates share, and how long they were trained."""
        with storage_errors(self.url):
            artifact = upload_artifact(
                artifact_store=self.artifacts, file_path=str(file), study_or_trial=self._study
            )
            self._study.set_user_attr(_SHARED_SECONDS, seconds)
            self._study.set_user_attr(_SHARED_WEIGHTS, artifact)

    # --- asking -------------------------------------------------------------------------------

    def ask(
        self, space: SearchSpace, sampler: optuna.samplers.BaseSampler
    ) -> tuple[int, Architecture]:
        """The next candidate: one that waits, or one that the sampler proposes."""
        with storage_errors(self.url):
            self._study.sampler = sampler
            trial = self._study.ask()
            trial.set_user_attr(_HOST, socket.gethostname())
            trial.set_user_attr(_PID, os.getpid())
            architecture = space.suggest(trial)
            for name, value in architecture_attributes(architecture).items():
                trial.set_user_attr(name, value)
        return trial.number, architecture

    def enqueue(self, space: SearchSpace, architecture: Architecture) -> None:
        """Let an architecture be asked for before anything else; raises ``ArchitectureError``."""
        with storage_errors(self.url):
            self._study.enqueue_trial(
                space.parameters(architecture), user_attrs=architecture_attributes(architecture)
            )

    # --- writing ------------------------------------------------------------------------------

    def complete(
        self,
        record: TrialRecord,
        constraints: Mapping[str, float],
        files: Sequence[Path],
        note: str,
    ) -> None:
        """Write down a trained trial with its files; the last write makes it count."""
        with storage_errors(self.url):
            trial = self._trial(record.number)
            for file in files:
                upload_artifact(
                    artifact_store=self.artifacts, file_path=str(file), study_or_trial=trial
                )
            for name, value in outcome_attributes(record).items():
                trial.set_user_attr(name, value)
            for name, value in constraints.items():
                trial.set_constraint(name, value)
            _save_note(trial, note)
            self._study.tell(record.number, list(record.values))

    def report_rung(
        self, number: int, samples: int, values: Sequence[float], seconds: float = 0.0
    ) -> None:
        """Write down the objectives' values of a running trial after so many samples."""
        with storage_errors(self.url):
            rung = RungRecord(samples=samples, values=tuple(values), seconds=seconds)
            write_rung(self._trial(number), rung)

    def standing(self, number: int, samples: int, halving: FrontHalving) -> Standing:
        """Where a running trial stands among all that reported at the same rung."""
        with storage_errors(self.url):
            return halving.standing(self._trial(number), samples)

    def stop(self, record: TrialRecord, constraints: Mapping[str, float]) -> None:
        """Write down a trial that was stopped early, with its reason and what it reached.

        The sampler learns it as worse than those that were trained to the end.
        """
        with storage_errors(self.url):
            trial = self._trial(record.number)
            for name, value in outcome_attributes(record).items():
                trial.set_user_attr(name, value)
        self._prune(record.number, "stopped", record.reason, constraints)

    def draw_curves(self) -> None:
        """Show the dashboard the first objective of all trials at their rungs, as they are now."""
        with storage_errors(self.url):
            title = (self._study.metric_names or [""])[0]
            save_learning_curves(self._study, title=title)

    def upload(self, number: int, file: Path) -> str:
        """Keep a file of a trial; returns its id."""
        with storage_errors(self.url):
            return upload_artifact(
                artifact_store=self.artifacts,
                file_path=str(file),
                study_or_trial=self._trial(number),
            )

    def refuse(
        self, number: int, status: Status, reason: str, constraints: Mapping[str, float]
    ) -> None:
        """Write down why a candidate is not trained; the sampler learns it as infeasible."""
        self._prune(number, status, reason, constraints)

    def fail(self, number: int, status: Status, reason: str) -> None:
        """Write down that a training failed or was interrupted."""
        with storage_errors(self.url):
            trial = self._trial(number)
            trial.set_user_attr(_STATUS, status)
            trial.set_user_attr(_REASON, reason)
            self._study.tell(number, state=TrialState.FAIL)

    def add_baseline(self, baseline: Baseline) -> None:
        """Write down a single-task network."""
        with storage_errors(self.url):
            stored = dict(self._study.user_attrs.get(_BASELINES, {}))
            stored[baseline.task] = baseline.to_json()
            self._study.set_user_attr(_BASELINES, stored)

    def set_constants(self, constants: Metrics) -> None:
        """Write down the metrics of the best constant prediction of each task."""
        with storage_errors(self.url):
            self._study.set_user_attr(_CONSTANTS, constants)

    def constants(self) -> Metrics:
        """Metrics of the best constant prediction by task, empty before the data was read."""
        with storage_errors(self.url):
            stored = self._study.user_attrs.get(_CONSTANTS, {})
        return Stored(stored, _CONSTANTS).metrics()

    def attributes(self, prefix: str) -> dict[str, Any]:
        """What else is written on the study under names that begin so."""
        with storage_errors(self.url):
            found = self._study.user_attrs.items()
        return {name: value for name, value in found if name.startswith(prefix)}

    def set_attribute(self, name: str, value: object) -> None:
        """Write a plain value on the study; Optuna lets nothing be added to a trial that ended."""
        with storage_errors(self.url):
            self._study.set_user_attr(name, value)

    def annotate(self, number: int, line: str) -> None:
        """End the dashboard's note of a trial with a line, in place of one that begins alike."""
        from optuna_dashboard import get_note  # takes a third of a second to import

        with storage_errors(self.url):
            trial = self._trial(number)
            start = line.partition(":")[0]
            kept = [old for old in get_note(trial).split("\n") if not old.startswith(start)]
            _save_note(trial, "\n".join(kept).rstrip() + f"\n\n{line}")

    def requeue_stale(self) -> list[int]:
        """Queue again what a process that is no longer there had begun; returns the numbers."""
        stale = []
        with storage_errors(self.url), unreadable(self.url):
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if _is_stale(trial):
                    self.retry(trial.number)
                    stale.append(trial.number)
        return stale

    def retry(self, number: int) -> None:
        """Mark a trial as interrupted and queue the same candidate again."""
        with storage_errors(self.url):
            trial = self._study.get_trials(deepcopy=False)[number]
            parameters = trial.params or trial.system_attrs.get(_FIXED)
            self.fail(number, "interrupted", "stopped before its end; queued again")
            if parameters:
                kept = {n: v for n, v in trial.user_attrs.items() if n.startswith("architecture")}
                self._study.enqueue_trial(parameters, user_attrs=kept)

    def _prune(
        self, number: int, status: Status, reason: str, constraints: Mapping[str, float]
    ) -> None:
        with storage_errors(self.url):
            trial = self._trial(number)
            trial.set_user_attr(_STATUS, status)
            trial.set_user_attr(_REASON, reason)
            for name, value in constraints.items():
                trial.set_constraint(name, value)
            self._study.tell(number, state=TrialState.PRUNED)

    def _trial(self, number: int) -> optuna.Trial:
        stored = self._study.get_trials(deepcopy=False)[number]
        return optuna.Trial(self._study, stored._trial_id)


# --- opening ------------------------------------------------------------------------------------


def create_study(
    url: str, name: str, objectives: Sequence[Objective], settings: Mapping[str, object]
) -> StudyStore:
    """Create a study, or open it where it is already there.

    Raises ``StudyError`` where the storage cannot be used, or a study of that name has other
    settings, so that its trials would not compare.
    """
    with storage_errors(url):
        study = optuna.create_study(
            study_name=name,
            storage=open_storage(url),
            directions=[objective.direction for objective in objectives],
            load_if_exists=True,
        )
        known = study.user_attrs.get(_SETTINGS)
        if known is None:
            study.set_metric_names([objective.name for objective in objectives])
            study.set_user_attr(_SETTINGS, dict(settings))
        elif (before := _identity(known)) != settings["identity"]:
            changed = [k for k, v in _identity(settings).items() if before.get(k) != v]
            raise StudyError(
                f"study {name!r} was made with another {', '.join(changed)}: its trials would not "
                "compare; use another --study name"
            )
        artifact_folder(url).mkdir(exist_ok=True)
    return StudyStore(study, url)


def load_study(url: str, name: str = "") -> StudyStore:
    """Open a study by name, by default the one last written; raises ``StudyError``."""
    storage = existing_storage(url)
    with storage_errors(url), unreadable(url):
        names = [s.study_name for s in storage.get_all_studies() if _SETTINGS in s.user_attrs]
        if name and name not in names:
            raise StudyError(
                f"there is no study {name!r} in {url}, there are: {', '.join(names) or 'none'}"
            )
        if not names:
            raise StudyError(f"there is no study in {url}, run neurall-search first")
        chosen = name or max(names, key=lambda n: _last_written(storage, n))
        return StudyStore(optuna.load_study(study_name=chosen, storage=storage), url)


def find_study(url: str, name: str) -> StudyStore | None:
    """A study by name, None where it was not begun yet; raises ``StudyError``."""
    with storage_errors(url):
        file = sqlite_file(url)
        if file is not None and not file.is_file():
            return None
        storage = open_storage(url)
        names = [study.study_name for study in storage.get_all_studies()]
        return load_study(url, name) if name in names else None


def _identity(settings: object) -> Mapping[str, object]:
    return Stored(settings, _SETTINGS).entry("identity", {}).mapping()


def _last_written(storage: optuna.storages.BaseStorage, name: str) -> float:
    trials = storage.get_all_trials(storage.get_study_id_from_name(name), deepcopy=False)
    times = [t.datetime_complete or t.datetime_start for t in trials]
    return max((time.timestamp() for time in times if time), default=0.0)


def _record(trial: FrozenTrial) -> TrialRecord:
    number = Stored(trial.number, "number of a trial").count()
    status = trial.user_attrs.get(_STATUS, _STATES[trial.state])
    complete = trial.state == TrialState.COMPLETE
    values = Stored((complete and trial.values) or (), f"values of trial {number}").items()
    return read_record(number, status, trial.user_attrs, tuple(v.number() for v in values))


def _is_stale(trial: FrozenTrial) -> bool:
    if trial.user_attrs.get(_HOST, socket.gethostname()) != socket.gethostname():
        return False
    pid = trial.user_attrs.get(_PID)
    return type(pid) is not int or pid == os.getpid() or not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _save_note(trial: optuna.Trial, note: str) -> None:
    from optuna_dashboard import save_note  # takes a third of a second to import

    save_note(trial, note)
