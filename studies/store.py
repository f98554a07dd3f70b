"""A study in its storage: the only place that writes to Optuna."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import optuna
from optuna.artifacts import upload_artifact
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from studies.artifact_file import MOST_BYTES, read_artifact
from studies.artifact_store import AtomicArtifactStore
from studies.curves import save_learning_curves
from studies.errors import StudyError, TrialTakenError
from studies.front_sampler import FrontSampler
from studies.halving import FrontHalving, Standing
from studies.owner import Owner
from studies.patient_storage import PatientStorage
from studies.record import (
    ATTEMPT,
    NETWORK,
    ORIGIN,
    OWNER,
    REASON,
    STATUS,
    Baseline,
    Status,
    TrialRecord,
    architecture_attributes,
    outcome_attributes,
)
from studies.run_marks import RunMarks
from studies.rungs import RungRecord, write_rung
from studies.storage import artifact_folder, storage_errors
from studies.stored import Stored, unreadable
from studies.trial_reader import TrialReader

#: On the study: what it was made with, and the folder of its trials' files where none follows.
SETTINGS, ARTIFACTS = "settings", "artifact_folder"
_BASELINE, _CONSTANTS = "baseline ", "constants"
_SHARED_WEIGHTS, _SHARED_SECONDS = "shared_weights", "shared_weights_seconds"
#: Where Optuna keeps the parameters of a queued trial.
_FIXED = "fixed_params"
#: Seconds in which another process names the network of a trial that it has begun.
_NAMING_S, _POLL_S = 20.0, 0.2


class StudyStore:
    """One study: asks for candidates and writes down what became of them.

    Every method raises ``StudyError`` where the storage is locked, damaged or gone.
    """

    def __init__(self, study: optuna.Study, url: str) -> None:
        self._study = study
        self._storage = cast(PatientStorage, study._storage)
        self._reader = TrialReader()
        self.url = url
        self.owner = Owner.here()
        self.artifacts = AtomicArtifactStore(_files_of(study, url))

    @property
    def name(self) -> str:
        """Name of the study."""
        return self._study.study_name

    @property
    def runs(self) -> RunMarks:
        """What this run tells others of the study, and they tell it."""
        return RunMarks(self._storage, self._study._study_id, self.url, self.owner)

    # --- reading ------------------------------------------------------------------------------

    def records(self) -> list[TrialRecord]:
        """All trials, in their order."""
        with unreadable(self.url):
            return self._reader.read(self._trials())

    def record(self, number: int) -> TrialRecord:
        """One trial; raises ``StudyError`` where there is none of that number."""
        trials = self._trials()
        if not 0 <= number < len(trials):
            there = f"0 to {len(trials) - 1}" if trials else "none yet"
            raise StudyError(f"study {self.name} has no trial {number}, there are {there}")
        with unreadable(self.url):
            return self._reader.read_one(trials[number])

    def baselines(self) -> dict[str, Baseline]:
        """The single-task networks that were trained so far, by task."""
        found = map(Baseline.from_json, self.attributes(_BASELINE).values())
        return {baseline.task: baseline for baseline in found}

    def settings(self) -> dict[str, Any]:
        """What the study was made with, as plain values."""
        with storage_errors(self.url):
            stored = self._study.user_attrs.get(SETTINGS, {})
        return dict(Stored(stored, SETTINGS).mapping())

    def weights(self, record: TrialRecord, most_bytes: int = MOST_BYTES) -> bytes:
        """The weights file of a trained trial, if it is no larger than so many bytes."""
        if not record.weights:
            raise StudyError(f"trial {record.number} has no weights: it is {record.status}")
        what = f"the weights of trial {record.number}"
        return read_artifact(self.artifacts.folder, record.weights, what, most_bytes)

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
            return read_artifact(self.artifacts.folder, artifact, "the shared weights")
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

    def begin(self, space: SearchSpace, architecture: Architecture) -> int:
        """Begin a trial of an architecture, in a single write; returns its number."""
        parameters, choices = space.parameters(architecture), space.choices()
        template = create_trial(
            state=TrialState.RUNNING,
            params=parameters,
            distributions={name: CategoricalDistribution(choices[name]) for name in parameters},
            user_attrs={**architecture_attributes(architecture), OWNER: self.owner.to_json()},
        )
        with storage_errors(self.url):
            trial_id = self._storage.create_new_trial(self._study._study_id, template)
            return self._storage.get_trial_number_from_id(trial_id)

    def ask(
        self, space: SearchSpace, sampler: optuna.samplers.BaseSampler
    ) -> tuple[int, Architecture]:
        """The next candidate: one that waits, or one that the sampler proposes."""
        with storage_errors(self.url):
            self._study.sampler = sampler
            trial = self._study.ask()
            trial.set_user_attr(OWNER, self.owner.to_json())
            architecture = space.suggest(trial)
            for name, value in architecture_attributes(architecture).items():
                if not trial.user_attrs.get(name):
                    trial.set_user_attr(name, value)
        return trial.number, architecture

    def propose(self, sampler: FrontSampler) -> Mapping[str, object]:
        """What the front sampler would try next; empty where it finds nothing new."""
        with storage_errors(self.url):
            return sampler.propose(self._study)

    def earlier(self, number: int, network: str) -> int | None:
        """The trial before one, of whatever process, that has the same network, or waits with it.

        Of two processes that come upon a network at once, so the later one turns back. Waits a
        little for a process that has begun a trial and not said of which network.
        """
        patience = time.monotonic() + _NAMING_S
        while True:
            before = [r for r in self.records() if r.number < number]
            same = [
                r for r in before if r.network == network and (r.counts or r.status == "waiting")
            ]
            if same:
                return same[0].number
            unnamed = any(r.status == "running" and not r.network for r in before)
            if not unnamed or time.monotonic() > patience:
                return None
            time.sleep(_POLL_S)

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
        *,
        weights: Path,
        picture: Path,
        note: str,
    ) -> None:
        """Write down a trained trial with its files; the last write makes it count."""
        with self._of_mine(record.number):
            kept = replace(record, weights=self._upload(record.number, weights))
            self._upload(record.number, picture)

        def write(trial: optuna.Trial) -> None:
            _set(trial, outcome_attributes(kept), constraints)
            _first_note(trial, note)

        self._write(record.number, write)
        self._tell(record.number, list(record.values))

    def report_rung(
        self, number: int, samples: int, values: Sequence[float], seconds: float = 0.0
    ) -> None:
        """Write down the objectives' values of a running trial after so many samples."""
        rung = RungRecord(samples=samples, values=tuple(values), seconds=seconds)
        self._write(number, lambda trial: write_rung(trial, rung))

    def standing(
        self, number: int, samples: int, halving: FrontHalving, *, below: int | None = None
    ) -> Standing:
        """Where a running trial stands among all that reported at the same rung.

        With ``below`` among itself and those whose numbers are smaller.
        """
        with storage_errors(self.url):
            return halving.standing(self._trial(number), samples, below=below)

    def stop(self, record: TrialRecord, constraints: Mapping[str, float]) -> None:
        """Write down a trial that was stopped early, with its reason and what it reached.

        The sampler learns it as worse than those that were trained to the end.
        """
        self._prune(
            record.number, "stopped", record.reason, constraints, outcome_attributes(record)
        )

    def draw_curves(self) -> None:
        """Show the dashboard the first objective of all trials at their rungs, as they are now."""
        with storage_errors(self.url):
            title = (self._study.metric_names or [""])[0]
            save_learning_curves(self._study, title=title)

    def refuse(
        self, number: int, status: Status, reason: str, constraints: Mapping[str, float]
    ) -> None:
        """Write down why a candidate is not trained; the sampler learns it as infeasible."""
        self._prune(number, status, reason, constraints, {})

    def fail(self, number: int, status: Status, reason: str) -> None:
        """Write down that a training failed or was interrupted."""
        self._write(number, lambda trial: _set(trial, {STATUS: status, REASON: reason}, {}))
        self._tell(number, state=TrialState.FAIL)

    def add_baseline(self, baseline: Baseline) -> None:
        """Write down a single-task network."""
        self.set_attribute(f"{_BASELINE}{baseline.task}", baseline.to_json())

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
        from optuna_dashboard import get_note, save_note  # takes a third of a second to import

        with storage_errors(self.url):
            trial = self._trial(number)
            start = line.partition(":")[0]
            kept = [old for old in get_note(trial).split("\n") if not old.startswith(start)]
            save_note(trial, "\n".join(kept).rstrip() + f"\n\n{line}")

    # --- several processes --------------------------------------------------------------------

    def attempt_on(self, number: int, attempt: int) -> None:
        """Write down how often the training of a running trial was begun."""
        self._write(number, lambda trial: trial.set_user_attr(ATTEMPT, attempt))

    def queue_again(self, number: int, reason: str, *, attempt: int, same_seed: bool) -> None:
        """Mark a trial as interrupted, and queue the same candidate as its next attempt."""
        with storage_errors(self.url):
            trial = self._trials()[number]
            parameters = trial.params or trial.system_attrs.get(_FIXED)
            self.fail(number, "interrupted", reason)
            if not parameters:
                return
            kept = {n: v for n, v in trial.user_attrs.items() if n.startswith("architecture")}
            kept |= {n: v for n, v in trial.user_attrs.items() if n == NETWORK and v}
            kept[ATTEMPT] = attempt
            if same_seed:
                kept[ORIGIN] = trial.user_attrs.get(ORIGIN, number)
            self._study.enqueue_trial(parameters, user_attrs=kept)

    # --- inside -------------------------------------------------------------------------------

    def _prune(
        self,
        number: int,
        status: Status,
        reason: str,
        constraints: Mapping[str, float],
        attributes: Mapping[str, object],
    ) -> None:
        all_of_it = {**attributes, STATUS: status, REASON: reason}
        self._write(number, lambda trial: _set(trial, all_of_it, constraints))
        self._tell(number, state=TrialState.PRUNED)

    def _write(self, number: int, write: Callable[[optuna.Trial], None]) -> None:
        """Write on a trial that this process runs, all at once where the storage can."""
        with self._of_mine(number):
            # another trial each time: it remembers what was to be written
            self._storage.together(lambda: write(self._trial(number)))

    def _tell(
        self, number: int, values: list[float] | None = None, state: TrialState | None = None
    ) -> None:
        with self._of_mine(number):
            self._study.tell(number, values, state=state)

    @contextmanager
    def _of_mine(self, number: int) -> Iterator[None]:
        """Raises ``TrialTakenError`` once another process ended a trial that this one runs."""
        with storage_errors(self.url):
            try:
                yield
            except UpdateFinishedTrialError:
                raise TrialTakenError(
                    f"trial {number} was ended by another process meanwhile"
                ) from None

    def _upload(self, number: int, file: Path) -> str:
        """Keep a file of a trial; not within ``_write``, which may be repeated."""
        return upload_artifact(
            artifact_store=self.artifacts, file_path=str(file), study_or_trial=self._trial(number)
        )

    def _trial(self, number: int) -> optuna.Trial:
        study_id = self._study._study_id
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        return optuna.Trial(self._study, trial_id)

    def _trials(self) -> list[FrozenTrial]:
        with storage_errors(self.url):
            return self._storage.get_all_trials(self._study._study_id, deepcopy=False)


def _files_of(study: optuna.Study, url: str) -> Path:
    with storage_errors(url):
        return artifact_folder(url, study.user_attrs.get(ARTIFACTS, ""))


def _set(
    trial: optuna.Trial, attributes: Mapping[str, object], constraints: Mapping[str, float]
) -> None:
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    for name, value in constraints.items():
        trial.set_constraint(name, value)


def _first_note(trial: optuna.Trial, note: str) -> None:
    """The dashboard's note of a trial that has none: ``save_note`` would read all trials' notes."""
    from optuna_dashboard import _note  # takes a third of a second to import

    study_id, number = trial.study._study_id, trial._trial_id
    parts = {_note.note_ver_key(number): 1, **_note.split_body(note, number)}
    for name, value in parts.items():
        trial.storage.set_study_system_attr(study_id, name, value)
