"""Networks as a command line names them: a preset, an architecture file, a trial of a study."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from search_spaces.architecture import Architecture
from search_spaces.architecture_file import read_architecture
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS
from search_spaces.presets import is_preset, preset, preset_forms, takes_its_own_tasks
from search_spaces.spelling import unknown
from search_spaces.task_spec import ArchitectureError, TaskSpec
from studies.commands.values import chosen
from studies.errors import StudyError, UsageError


def default_tasks(args: argparse.Namespace) -> tuple[TaskSpec, ...]:
    """The default tasks, or those of the embedded world that ``--tasks`` names.

    Raises ``UsageError``.
    """
    return chosen(ALL_TASKS, args.tasks) if args.tasks else DEFAULT_TASKS


def offered_tasks(
    network: str,
    named: Sequence[str],
    *,
    every: Sequence[TaskSpec] = ALL_TASKS,
    default: Sequence[TaskSpec] = DEFAULT_TASKS,
) -> Sequence[TaskSpec]:
    """The tasks that a preset may take: those of ``--tasks``, else the default ones.

    One of the paper's networks finds the tasks that it needs among all there are. Raises
    ``UsageError``.
    """
    if named:
        return chosen(every, named)
    return every if takes_its_own_tasks(network) else default


def is_trial(text: str) -> bool:
    """Whether a network is named by its trial number."""
    return text.isascii() and text.isdigit() and not Path(text).exists()


def read_network(text: str, tasks: Sequence[TaskSpec]) -> Architecture:
    """A preset for some tasks, or what an architecture file holds.

    Raises ``ArchitectureError`` naming the file, ``StudyError`` where it cannot be read.
    """
    if is_preset(text):
        return preset(text, tasks)
    path = Path(text).expanduser()
    if not path.exists() and path.suffix != ".json":
        raise UsageError(f"{unknown('preset', text, preset_forms())}, or give an ARCHITECTURE.json")
    try:
        return read_architecture(path)
    except OSError as error:
        raise StudyError(f"{text}: {error.strerror or error}") from None
    except ArchitectureError as error:
        raise ArchitectureError(f"{text}: {error}") from None
