"""Begins studies, and finds them again in their storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna

from studies.errors import StudyError
from studies.objectives import Objective
from studies.redaction import shown
from studies.storage import (
    artifact_folder,
    existing_storage,
    is_server,
    open_storage,
    storage_errors,
    storage_exists,
)
from studies.store import ARTIFACTS, SETTINGS, StudyStore
from studies.stored import Stored, unreadable


def create_study(
    url: str,
    name: str,
    objectives: Sequence[Objective],
    settings: Mapping[str, object],
    artifacts: str = "",
) -> StudyStore:
    """Create a study, or open it where it is already there.

    ``artifacts`` names the folder of its trials' files; empty means the one it has, for a new study
    the one that follows from the storage. Raises ``StudyError`` where the storage or the folder
    cannot be used, or a study of that name has other settings, so that its trials would not
    compare.
    """
    with storage_errors(url):
        study = optuna.create_study(
            study_name=name,
            storage=open_storage(url),
            directions=[objective.direction for objective in objectives],
            load_if_exists=True,
        )
        known = study.user_attrs.get(SETTINGS)
        if known is None:
            study.set_metric_names([objective.name for objective in objectives])
            study.set_user_attr(SETTINGS, dict(settings))
        elif (before := _identity(known)) != settings["identity"]:
            changed = [k for k, v in _identity(settings).items() if before.get(k) != v]
            raise StudyError(
                f"study {name!r} was made with another {', '.join(changed)}: its trials would not "
                "compare; use another --study name"
            )
        _choose_folder(study, url, artifacts)
    return StudyStore(study, url)


def load_study(url: str, name: str = "") -> StudyStore:
    """Open a study by name, by default the one last written; raises ``StudyError``."""
    storage = existing_storage(url)
    with storage_errors(url), unreadable(url):
        names = [s.study_name for s in storage.get_all_studies() if SETTINGS in s.user_attrs]
        if name and name not in names:
            raise StudyError(
                f"there is no study {name!r} in {shown(url)}, there are: "
                f"{', '.join(names) or 'none'}"
            )
        if not names:
            raise StudyError(f"there is no study in {shown(url)}, run neurall-search first")
        chosen = name or max(names, key=lambda n: _last_written(storage, n))
        return StudyStore(optuna.load_study(study_name=chosen, storage=storage), url)


def find_study(url: str, name: str) -> StudyStore | None:
    """A study by name, None where it was not begun yet; raises ``StudyError``."""
    if not storage_exists(url):
        return None
    with storage_errors(url):
        storage = open_storage(url)
        names = [study.study_name for study in storage.get_all_studies()]
        return load_study(url, name) if name in names else None


def artifact_folders(url: str) -> list[Path]:
    """The folders of the files of all studies of a storage; raises ``StudyError``."""
    storage = existing_storage(url)
    with storage_errors(url):
        named = [study.user_attrs.get(ARTIFACTS, "") for study in storage.get_all_studies()]
    return [artifact_folder(url, name) for name in dict.fromkeys([*named, ""])]


def _choose_folder(study: optuna.Study, url: str, named: str) -> None:
    """Make the folder of a study's files; write it down where the URL does not tell it."""
    known = study.user_attrs.get(ARTIFACTS, "")
    folder = artifact_folder(url, named or known)
    if known and not named and not folder.is_dir():
        raise StudyError(
            f"study {study.study_name} keeps the files of its trials in {folder}, which is not "
            "here: mount it, or name another folder with --artifacts"
        )
    try:
        folder.mkdir(parents=bool(named), exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"files of trials cannot be kept in {folder}: {error.strerror}; name another folder "
            "with --artifacts"
        ) from None
    if named or (is_server(url) and not known):
        study.set_user_attr(ARTIFACTS, str(folder))


def _identity(settings: object) -> Mapping[str, object]:
    return Stored(settings, SETTINGS).entry("identity", {}).mapping()


def _last_written(storage: optuna.storages.BaseStorage, name: str) -> float:
    trials = storage.get_all_trials(storage.get_study_id_from_name(name), deepcopy=False)
    times = [t.datetime_complete or t.datetime_start for t in trials]
    return max((time.timestamp() for time in times if time), default=0.0)
