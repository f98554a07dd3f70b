from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studies.config import SearchConfig
from tests.studies.runners import faults
from tests.studies.runners.drivers import Driver
from tests.studies.runners.faults import Faults


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faults]:
    """Lets faults happen in the workers of this process and of those that it starts."""

    def let(**values: Any) -> Faults:
        made = Faults(trace=str(tmp_path / "trace.jsonl"), **values)
        monkeypatch.setenv(faults.VARIABLE, made.to_json())
        monkeypatch.setattr("studies.runners.processes._work", faults.work)
        return made

    return let


@pytest.fixture
def config(tiny: Callable[..., SearchConfig]) -> Callable[..., SearchConfig]:
    """A search of two workers that stops candidates early, with whatever else a test needs."""

    def make(**changes: Any) -> SearchConfig:
        return tiny(**{"trials": 4, "workers": 2, "tasks": ("depth", "segmentation"), **changes})

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    """Starts searches in a folder of their own; nothing is left of them."""
    started: list[Driver] = []

    def begin(*arguments: str, storage: str = "", **options: object) -> Driver:
        url = storage or f"sqlite:///{tmp_path}/study.db"
        driver = Driver(tmp_path, url, *arguments, **options)  # type: ignore[arg-type]
        started.append(driver)
        return driver

    yield begin
    for driver in started:
        driver.clear_away()
