"""A study in its storage: the only place that writes to Optuna, and knows what can go wrong."""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.artifacts import FileSystemArtifactStore, download_artifact, upload_artifact
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from search_spaces.task_spec import ArchitectureError
from studies.errors import StudyError
from studies.objectives import Objective
from studies.record import (
    Baseline,
    Status,
    TrialRecord,
    architecture_attributes,
    outcome_attributes,
    read_record,
)
from studies.samplers import make_sampler

_LOCK_TIMEOUT_S = 30
_HOST, _PID = "host", "pid"
_BASELINES, _SETTINGS, _CONSTANTS = "baselines", "settings", "constants"
_STATUS, _REASON = "status", "reason"
#: Where Optuna keeps the parameters of a queued trial.
_FIXED = "fixed_params"

#: What comes of overwritten bytes in a database whose pages are still whole.
_DAMAGE = (UnicodeDecodeError, json.JSONDecodeError, LookupError)

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
        with _storage_errors(self.url):
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
        with _storage_errors(self.url):
            stored = self._study.user_attrs.get(_BASELINES, {})
        return {task: Baseline.from_json(values) for task, values in stored.items()}

    def settings(self) -> dict[str, Any]:
        """What the study was made with, as plain values."""
        with _storage_errors(self.url):
            return dict(self._study.user_attrs.get(_SETTINGS, {}))

    def weights(self, record: TrialRecord) -> bytes:
        """The weights file of a trained trial."""
        if not record.weights:
            raise StudyError(f"trial {record.number} has no weights: it is {record.status}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights"
            try:
                download_artifact(
                    artifact_store=self.artifacts,
                    artifact_id=record.weights,
                    file_path=str(path),
                )
            except (OSError, optuna.artifacts.exceptions.ArtifactNotFound) as error:
                raise StudyError(
                    f"the weights of trial {record.number} are not in "
                    f"{artifact_folder(self.url)}: {error}"
                ) from None
            return path.read_bytes()

    # --- asking -------------------------------------------------------------------------------

    def ask(self, space: SearchSpace, sampler: str, seed: int) -> tuple[int, Architecture]:
        """The next candidate: one that waits, or one that the sampler proposes.

        The sampler is made anew from ``seed`` each time, so that a study that was stopped and
        started again goes on as if it had not been.
        """
        with _storage_errors(self.url):
            self._study.sampler = make_sampler(sampler, seed)
            trial = self._study.ask()
            trial.set_user_attr(_HOST, socket.gethostname())
            trial.set_user_attr(_PID, os.getpid())
            architecture = space.suggest(trial)
            for name, value in architecture_attributes(architecture).items():
                trial.set_user_attr(name, value)
        return trial.number, architecture

    def enqueue(self, space: SearchSpace, architecture: Architecture) -> None:
        """Let an architecture be asked for before anything else; raises ``ArchitectureError``."""
        with _storage_errors(self.url):
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
        with _storage_errors(self.url):
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

    def upload(self, number: int, file: Path) -> str:
        """Keep a file of a trial; returns its id."""
        with _storage_errors(self.url):
            return upload_artifact(
                artifact_store=self.artifacts,
                file_path=str(file),
                study_or_trial=self._trial(number),
            )

    def refuse(
        self, number: int, status: Status, reason: str, constraints: Mapping[str, float]
    ) -> None:
        """Write down why a candidate is not trained; the sampler learns it as infeasible."""
        with _storage_errors(self.url):
            trial = self._trial(number)
            trial.set_user_attr(_STATUS, status)
            trial.set_user_attr(_REASON, reason)
            for name, value in constraints.items():
                trial.set_constraint(name, value)
            self._study.tell(number, state=TrialState.PRUNED)

    def fail(self, number: int, status: Status, reason: str) -> None:
        """Write down that a training failed or was interrupted."""
        with _storage_errors(self.url):
            trial = self._trial(number)
            trial.set_user_attr(_STATUS, status)
            trial.set_user_attr(_REASON, reason)
            self._study.tell(number, state=TrialState.FAIL)

    def add_baseline(self, baseline: Baseline) -> None:
        """Write down a single-task network."""
        with _storage_errors(self.url):
            stored = dict(self._study.user_attrs.get(_BASELINES, {}))
            stored[baseline.task] = baseline.to_json()
            self._study.set_user_attr(_BASELINES, stored)

    def set_constants(self, constants: Metrics) -> None:
        """Write down the metrics of the best constant prediction of each task."""
        with _storage_errors(self.url):
            self._study.set_user_attr(_CONSTANTS, constants)

    def constants(self) -> Metrics:
        """Metrics of the best constant prediction by task, empty before the data was read."""
        with _storage_errors(self.url):
            return dict(self._study.user_attrs.get(_CONSTANTS, {}))

    def attributes(self, prefix: str) -> dict[str, Any]:
        """What else is written on the study under names that begin so."""
        with _storage_errors(self.url):
            found = self._study.user_attrs.items()
        return {name: value for name, value in found if name.startswith(prefix)}

    def set_attribute(self, name: str, value: object) -> None:
        """Write a plain value on the study; Optuna lets nothing be added to a trial that ended."""
        with _storage_errors(self.url):
            self._study.set_user_attr(name, value)

    def annotate(self, number: int, line: str) -> None:
        """End the dashboard's note of a trial with a line, in place of one that begins alike."""
        from optuna_dashboard import get_note  # takes a third of a second to import

        with _storage_errors(self.url):
            trial = self._trial(number)
            start = line.partition(":")[0]
            kept = [old for old in get_note(trial).split("\n") if not old.startswith(start)]
            _save_note(trial, "\n".join(kept).rstrip() + f"\n\n{line}")

    def requeue_stale(self) -> list[int]:
        """Queue again what a process that is no longer there had begun; returns the numbers."""
        stale = []
        with _storage_errors(self.url):
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if _is_stale(trial):
                    self.retry(trial.number)
                    stale.append(trial.number)
        return stale

    def retry(self, number: int) -> None:
        """Mark a trial as interrupted and queue the same candidate again."""
        with _storage_errors(self.url):
            trial = self._study.get_trials(deepcopy=False)[number]
            parameters = trial.params or trial.system_attrs.get(_FIXED)
            self.fail(number, "interrupted", "stopped before its end; queued again")
            if parameters:
                kept = {n: v for n, v in trial.user_attrs.items() if n.startswith("architecture")}
                self._study.enqueue_trial(parameters, user_attrs=kept)

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
    with _storage_errors(url):
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
        elif known.get("identity") != settings["identity"]:
            changed = [k for k, v in settings["identity"].items() if known["identity"].get(k) != v]  # type: ignore[attr-defined]
            raise StudyError(
                f"study {name!r} was made with another {', '.join(changed)}: its trials would not "
                "compare; use another --study name"
            )
        artifact_folder(url).mkdir(exist_ok=True)
    return StudyStore(study, url)


def load_study(url: str, name: str = "") -> StudyStore:
    """Open a study by name, by default the one last written; raises ``StudyError``."""
    storage = existing_storage(url)
    with _storage_errors(url):
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
    with _storage_errors(url):
        file = _sqlite_file(url)
        if file is not None and not file.is_file():
            return None
        storage = open_storage(url)
        names = [study.study_name for study in storage.get_all_studies()]
        return load_study(url, name) if name in names else None


def existing_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage that must be there already; raises ``StudyError``."""
    _check_exists(url)
    return open_storage(url)


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage; raises ``StudyError``."""
    optuna.logging.set_verbosity(logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with _storage_errors(url):
        if _sqlite_file(url) is None:
            return _other_storage(url)
        arguments = {"connect_args": {"timeout": _LOCK_TIMEOUT_S}}
        return optuna.storages.RDBStorage(url, engine_kwargs=arguments)


def _other_storage(url: str) -> optuna.storages.BaseStorage:
    try:
        return optuna.storages.get_storage(url)
    except ValueError as error:
        raise StudyError(f"storage {url}: {' '.join(str(error).split())}") from None


def artifact_folder(url: str) -> Path:
    """Where the files of a storage's trials lie: beside a SQLite file, else in this folder."""
    file = _sqlite_file(url)
    return Path("neurall-search.artifacts") if file is None else Path(f"{file}.artifacts")


def _sqlite_file(url: str) -> Path | None:
    """The file of a SQLite storage, None for another kind; raises ``StudyError``."""
    with _storage_errors(url):
        parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise StudyError(f"storage {url} names no file, write sqlite:///neurall-search.db")
    file = Path(parsed.database or "")
    folder = file.resolve().parent
    if not folder.is_dir():
        raise StudyError(f"storage {url}: the folder {folder} is not there, create it first")
    if file.is_dir():
        raise StudyError(f"storage {url}: {file} is a folder, name a file")
    return file


@contextmanager
def _storage_errors(url: str) -> Iterator[None]:
    """One clear line for what databases do."""
    try:
        yield
    except sqlalchemy.exc.ArgumentError:
        raise StudyError(
            f"storage {url!r} is no URL, write for example sqlite:///neurall-search.db"
        ) from None
    except _DAMAGE as error:
        raise StudyError(
            f"storage {url}: it holds what nobody can read ({_explained(error)}): the file is "
            "damaged; move it away or use another --storage"
        ) from None
    except (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        OSError,
        ImportError,
        RuntimeError,
    ) as error:
        raise StudyError(f"storage {url}: {_explained(error)}") from None


def _explained(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    text = " ".join(str(getattr(cause, "orig", None) or cause).split())
    if "database is locked" in text:
        return "it is locked by another program; close that or use another --storage"
    if "not a database" in text or "malformed" in text:
        return f"{text}: the file is damaged or no database; move it away or use another --storage"
    if "readonly" in text or "unable to open" in text:
        return f"{text}: check the path and that it may be written"
    return text[:300]


def _check_exists(url: str) -> None:
    file = _sqlite_file(url)
    if file is not None and not file.is_file():
        raise StudyError(
            f"there is no storage {url}, run neurall-search first or name another with --storage"
        )


def _last_written(storage: optuna.storages.BaseStorage, name: str) -> float:
    trials = storage.get_all_trials(storage.get_study_id_from_name(name), deepcopy=False)
    times = [t.datetime_complete or t.datetime_start for t in trials]
    return max((time.timestamp() for time in times if time), default=0.0)


def _record(trial: FrozenTrial) -> TrialRecord:
    status = trial.user_attrs.get(_STATUS, _STATES[trial.state])
    values = tuple(trial.values) if trial.state == TrialState.COMPLETE else ()
    try:
        return read_record(trial.number, status, trial.user_attrs, values)
    except ArchitectureError as error:
        raise StudyError(
            f"the architecture of trial {trial.number} is damaged or of another version: {error}"
        ) from None


def _is_stale(trial: FrozenTrial) -> bool:
    if trial.user_attrs.get(_HOST, socket.gethostname()) != socket.gethostname():
        return False
    pid = trial.user_attrs.get(_PID)
    return pid is None or pid == os.getpid() or not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _save_note(trial: optuna.Trial, note: str) -> None:
    from optuna_dashboard import save_note  # takes a third of a second to import

    save_note(trial, note)
