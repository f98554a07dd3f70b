"""What runs of one study tell each other: that they are there, and who makes what all share."""

from __future__ import annotations

from typing import Any

from optuna.storages import BaseStorage

from studies.owner import Owner
from studies.storage import storage_errors

#: On the study, out of the dashboard's sight.
_BEAT, _CLAIM = "beat ", "claim "


class RunMarks:
    """Marks of runs on a study; every method raises ``StudyError`` where the storage is gone."""

    def __init__(self, storage: BaseStorage, study_id: int, url: str, owner: Owner) -> None:
        self._storage, self._study_id, self._url = storage, study_id, url
        self._owner = owner

    def beat(self, count: int) -> None:
        """Let others know that this run is still there."""
        self._set(f"{_BEAT}{self._owner.run}", count)

    def beats(self) -> dict[str, int]:
        """How often each run let know, or ``heartbeat.ENDED``."""
        return {
            name.removeprefix(_BEAT): value
            for name, value in self._all().items()
            if name.startswith(_BEAT) and type(value) is int
        }

    def claim(self, what: str) -> None:
        """Say that this run makes something that all runs of the study share."""
        self._set(f"{_CLAIM}{what}", self._owner.to_json())

    def claimed(self, what: str) -> Owner | None:
        """Who makes it, None where nobody said so."""
        return Owner.from_json(self._all().get(f"{_CLAIM}{what}"))

    def _all(self) -> dict[str, Any]:
        with storage_errors(self._url):
            return self._storage.get_study_system_attrs(self._study_id)

    def _set(self, name: str, value: str | int) -> None:
        with storage_errors(self._url):
            self._storage.set_study_system_attr(self._study_id, name, value)
