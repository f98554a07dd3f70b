"""The trainings of a reproduction, kept in one JSON file as they end, so that it can go on."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nas.evaluation import Metrics
from search_spaces.json_document import read_json
from search_spaces.spelling import brief, one_line
from studies.errors import StudyError

_FORMAT = 1
#: A run has a few hundred bytes, a table some hundred runs.
_MOST_BYTES = 64 * 2**20
_FIELDS = {"settings": str, "architecture": str, "network": str, "seed": int, "seconds": float}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One trained network: its metrics on the judged split, and all that a repetition depends on.

    ``constants`` are the metrics of the best constant prediction of each of its tasks there.
    ``settings`` is a digest of data, tasks, fidelity and recipe; ``architecture`` an id;
    ``network`` the row's name, for people.
    """

    settings: str
    architecture: str
    network: str
    seed: int
    metrics: Metrics
    constants: Metrics
    seconds: float

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes two trainings the same."""
        return (self.settings, self.architecture, self.seed)


class RunFile:
    """A file of runs; those of other settings in it are kept as they are.

    Raises ``StudyError`` where it is there but cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._runs = self._read()

    def find(self, settings: str, architecture: str, seed: int) -> Run | None:
        """The run of that network with those settings, None where it was not trained."""
        return self._runs.get((settings, architecture, seed))

    def add(self, run: Run) -> None:
        """Keep a run; the file is replaced in one step, and what others wrote meanwhile stays.

        Raises ``StudyError`` where it cannot be written.
        """
        self._runs = {**self._read(), run.key: run}
        values = {"format": _FORMAT, "runs": [asdict(run) for run in self._runs.values()]}
        beside = self.path.with_name(f".{self.path.name}-{uuid.uuid4().hex[:8]}")
        try:
            beside.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
            os.replace(beside, self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StudyError(f"{self.path}: {error.strerror or error}") from None

    def check_writable(self) -> None:
        """Raise ``StudyError`` where the file could not be written after hours of training."""
        folder = self.path.parent
        if not folder.is_dir():
            raise StudyError(f"{self.path}: the folder {folder} does not exist, make it first")
        if self.path.is_dir() or not os.access(folder, os.W_OK):
            raise StudyError(f"{self.path}: cannot be written, name another file with --out")

    def _read(self) -> dict[tuple[str, str, int], Run]:
        try:
            with self.path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            text = content.decode()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{self.path}: cannot be read: {error}") from None
        try:
            values = read_json(text, longest=_MOST_BYTES)
            runs = [_run(entry) for entry in _checked(values)["runs"]]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise StudyError(
                f"{self.path} holds no runs of this version ({one_line(str(error))}): name "
                "another file with --out, or move it away to begin anew"
            ) from None
        return {run.key: run for run in runs}


def _checked(values: object) -> dict[str, list[object]]:
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT}")
    return values


def _run(entry: object) -> Run:
    if not isinstance(entry, Mapping):
        raise TypeError("a run is no object")
    for name, kind in _FIELDS.items():
        if not isinstance(entry[name], kind):
            raise TypeError(f"{name} of a run is {brief(entry[name])}")
    return Run(
        metrics=_metrics(entry["metrics"]),
        constants=_metrics(entry["constants"]),
        **{name: entry[name] for name in _FIELDS},
    )


def _metrics(values: object) -> Metrics:
    if not isinstance(values, Mapping):
        raise TypeError(f"metrics are {brief(values)}")
    return {
        str(task): {str(name): float(value) for name, value in by_name.items()}
        for task, by_name in values.items()
    }
