"""A data source whose tasks go by other names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from nas.data.source import DataError, DataSource, Frame, SelectiveSource, Split
from nas.resolution import Resolution
from search_spaces.task_spec import ArchitectureError, TaskSpec


class RenamedSource:
    """The same frames and labels, with some tasks renamed.

    ``names`` maps old to new names. Raises ``DataError`` where an old name is not a task of the
    source, or two tasks would have one name.
    """

    def __init__(self, source: DataSource, names: Mapping[str, str]) -> None:
        known = [spec.name for spec in source.tasks]
        for old in names:
            if old not in known:
                raise DataError(
                    f"{source.name}: cannot rename {old!r}, its tasks are {', '.join(known)}"
                )
        renamed = [names.get(name, name) for name in known]
        if len(set(renamed)) < len(renamed):
            raise DataError(f"{source.name}: two tasks would be named alike: {', '.join(renamed)}")
        self._source = source
        self._names = dict(names)
        self.tasks = tuple(self._rename(spec) for spec in source.tasks)

    @property
    def name(self) -> str:
        """The source's own name."""
        return self._source.name

    @property
    def has_previous(self) -> bool:
        """Whether frames come with the frame before them."""
        return self._source.has_previous

    @property
    def default_tasks(self) -> tuple[str, ...]:
        """The source's own choice under the new names, all tasks where it makes none."""
        if not isinstance(self._source, SelectiveSource):
            return tuple(spec.name for spec in self.tasks)
        return tuple(self._names.get(name, name) for name in self._source.default_tasks)

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return self._source.length(split)

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """The source's frame, its labels under their new names."""
        frame = self._source.frame(split, index, resolution)
        labels = {self._names.get(name, name): label for name, label in frame.labels.items()}
        return dataclasses.replace(frame, labels=labels)

    def fingerprint(self) -> str:
        """The source's, and the new names."""
        return f"{self._source.fingerprint()}#{json.dumps(self._names, sort_keys=True)}"

    def _rename(self, spec: TaskSpec) -> TaskSpec:
        try:
            return dataclasses.replace(spec, name=self._names.get(spec.name, spec.name))
        except ArchitectureError as error:
            raise DataError(f"{self._source.name}: {error}") from error
