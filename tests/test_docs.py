"""The task that docs/adding_a_task.md adds does what the page says."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas.resolution import Resolution

PAGE = Path(__file__).parents[1] / "docs" / "adding_a_task.md"
IMPORTS = """
from __future__ import annotations
from collections.abc import Iterable
from dataclasses import dataclass, replace
import numpy as np
import torch
from torch import Tensor
from nas.data.source import Frame, Split
from nas.data.synthetic import SyntheticSource
from nas.data.window import Window
from nas.fidelity import FIDELITIES
from nas.resolution import Resolution
from nas.tasks.kinds import KINDS
from nas.tasks.task import Array, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import TaskSpec
from studies.config import SearchConfig
from studies.search import search
"""


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """What the blocks define, the search left out."""
    module = ModuleType("adding_a_task")
    sys.modules[module.__name__] = module  # where dataclasses look themselves up
    spec, task, _, source, _ = blocks()
    exec(compile("\n".join((IMPORTS, spec, task, source)), str(PAGE), "exec"), module.__dict__)
    return module


def contract() -> ModuleType:
    file = Path(__file__).parent / "nas" / "tasks" / "test_contract.py"
    spec = importlib.util.spec_from_file_location("contract_of_tasks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CONTRACT = contract()
CHECKS = [
    check
    for name, check in vars(CONTRACT).items()
    if name.startswith("test_") and name != "test_every_kind_has_a_case"
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_task_of_the_page_passes_the_contract(
    page: ModuleType, check: Callable[..., None]
) -> None:
    names = {**vars(page), **vars(CONTRACT)}
    exec(compile(blocks()[2], str(PAGE), "exec"), names)
    case = names["case"]
    task = page.Count(page.COUNT)
    generator = np.random.default_rng(0)
    drawn = [case.label(generator) for _ in range(6)]
    labels = [task.resize_label(label, Resolution(64, 48)) for label in drawn]
    given: dict[str, Any] = {
        "case": case,
        "task": task,
        "drawn": drawn,
        "labels": labels,
        "statistics": task.statistics(iter(labels)),
        "size": "64x48",
    }
    check(**{name: given[name] for name in inspect.signature(check).parameters})


@pytest.mark.slow
def test_the_search_of_the_page_ends_with_a_front(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = SimpleNamespace(**vars(page))
    exec(compile(blocks()[4], str(PAGE), "exec"), vars(names))
    assert names.result.front[0].metrics["pedestrians"]["mean_error"] < 99
