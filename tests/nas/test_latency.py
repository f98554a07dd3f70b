from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nas import latency
from nas.latency import measure_latency, time_calls
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import MOTION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing

SMALL = Resolution(96, 64)
ARCHITECTURE = Architecture(
    tasks=(MOTION,),
    sharing=Sharing.independent(("motion",)),
    encoder=EncoderSpec(depth="resnet10", width=8),
    streams=2,
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "latency.json"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the architectures that were really measured."""
    built: list[str] = []
    real = latency.build_network

    def counted(architecture: Architecture) -> object:
        built.append(architecture.id)
        return real(architecture)

    monkeypatch.setattr(latency, "build_network", counted)
    return built


def test_the_median_is_of_the_runs_after_the_warm_up() -> None:
    pauses = iter([0.3, 0.002, 0.002, 0.03, 0.002, 0.002])
    measured = time_calls(lambda: time.sleep(next(pauses)), runs=5, warmup=1)
    assert measured.runs == 5
    assert 2 <= measured.median < 30
    assert 30 <= measured.slowest < 300
    assert measured.fastest <= measured.median


def test_time_is_bounded_but_three_runs_are_made() -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(time.perf_counter())
        time.sleep(0.02)

    assert time_calls(call, runs=1000, warmup=1000, seconds=0.01).runs == 3
    assert len(calls) == 4


def test_a_measured_network_is_remembered(cache: Path, builds: list[str]) -> None:
    first = measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    assert first.median > 0
    assert measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1) == first
    assert builds == [ARCHITECTURE.id]
    measure_latency(ARCHITECTURE, Resolution(64, 64), runs=3, warmup=1)
    measure_latency(replace(ARCHITECTURE, streams=1), SMALL, runs=3, warmup=1)
    assert len(builds) == 3
    assert len(json.loads(cache.read_text())["entries"]) == 3
    assert [path.name for path in cache.parent.iterdir()] == ["latency.json"]


def test_another_number_of_threads_is_measured_anew(
    cache: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    monkeypatch.setattr(latency.torch, "get_num_threads", lambda: 63)
    measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    assert len(builds) == 2


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 0, "entries": {}}', '{"format": 1, "entries": [1]}', "[" * 99999],
)
def test_a_damaged_file_is_measured_over(text: str, cache: Path, builds: list[str]) -> None:
    cache.parent.mkdir()
    cache.write_text(text)
    first = measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    assert measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1) == first
    assert len(builds) == 1


@pytest.mark.parametrize(
    "entry", [1, {"median": 1.0}, {"median": "a", "fastest": 1, "slowest": 2, "runs": 3}]
)
def test_a_damaged_entry_is_measured_over(entry: object, cache: Path, builds: list[str]) -> None:
    measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    values = json.loads(cache.read_text())
    values["entries"] = dict.fromkeys(values["entries"], entry)
    cache.write_text(json.dumps(values))
    measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1)
    assert len(builds) == 2


def test_without_a_cache_folder_it_still_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path / "file"))
    assert measure_latency(ARCHITECTURE, SMALL, runs=3, warmup=1).median > 0
