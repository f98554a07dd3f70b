"""A Ray cluster of two nodes on this machine, and what may happen to it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import optuna
import pytest

from studies.conductor import Conductor
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.opening import load_study
from studies.result import StudyResult
from studies.search import search
from tests.studies.runners import faults
from tests.studies.runners.drivers import statuses, until
from tests.studies.runners.faults import Faults

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")
Config = Callable[..., SearchConfig]


class Log(Protocol):
    events: list[str]


class TwoNodes:
    """A cluster with a processor on each of two nodes, whose workers read faults from a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "faults.json"
        os.environ[faults.VARIABLE] = str(self.file)  # the nodes inherit it
        self._cluster = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        self.second = self._cluster.add_node(num_cpus=1)
        del os.environ[faults.VARIABLE]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def kill_second(self) -> None:
        """Nothing of it says goodbye."""
        self._cluster.remove_node(self.second, allow_graceful=False)

    def shutdown(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    made = TwoNodes(tmp_path_factory.mktemp("cluster"))
    yield made
    made.shutdown()


@pytest.fixture
def fault(
    cluster: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Faults]:
    """Lets faults happen in the cluster's workers."""

    def let(**values: Any) -> Faults:
        made = Faults(trace=str(tmp_path / "trace.jsonl"), **values)
        cluster.file.write_text(made.to_json())
        monkeypatch.setattr("studies.runners.ray_cluster._Training", faults.ray_training())
        return made

    return let


def _kept(result: StudyResult, config: SearchConfig) -> set[int]:
    study = optuna.load_study(study_name=result.study, storage=config.storage)
    return {t.number for t in study.best_trials}


def test_a_search_on_two_nodes_ends_with_as_many_as_asked_by_two_actors(
    cluster: TwoNodes, config: Config, fault: Callable[..., Faults]
) -> None:
    happened = fault()
    asked = config(trials=5, workers=None, ray=cluster.address)
    result = search(asked)
    assert [t.status for t in result.trials] == ["complete"] * 5
    assert {t.number for t in result.front} == _kept(result, asked)
    began = happened.began()
    assert max(Counter(b.title for b in began).values()) == 1
    assert len({b.pid for b in began}) < len(began) == 7


def test_a_fault_of_the_conductor_is_told_as_what_it_is(
    cluster: TwoNodes,
    config: Config,
    fault: Callable[..., Faults],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault()

    def fail(*_: object) -> bool:
        raise StudyError("the storage burnt down")

    monkeypatch.setattr(Conductor, "_judged", fail)
    with pytest.raises(StudyError, match="the storage burnt down"):
        search(config(ray=cluster.address))
    assert "running" not in statuses(load_study(config().storage).records())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_ctrl_c_queues_again_what_ran(
    cluster: TwoNodes, config: Config, fault: Callable[..., Faults], number: signal.Signals
) -> None:
    happened = fault(stuck=("trial 1", "trial 2"))

    def press() -> None:
        until(lambda: {"trial 1", "trial 2"} <= {b.title for b in happened.began()})
        os.kill(os.getpid(), number)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)  # as the command line has it
    presser = threading.Thread(target=press)
    presser.start()
    try:
        result = search(config(ray=cluster.address))
    finally:
        signal.signal(signal.SIGTERM, before)
        presser.join()
    assert result.interrupted
    ran = statuses(list(result.trials)).count("interrupted")
    assert ran in (2, 3)  # one may have waited for an actor
    assert statuses(list(result.trials)) == [
        "complete",
        *["interrupted"] * ran,
        *["waiting"] * ran,
    ]


def test_a_cluster_without_accelerators_says_so_at_once(cluster: TwoNodes, config: Config) -> None:
    begin = time.monotonic()
    with pytest.raises(StudyError, match="no room for a training with 1 accelerators"):
        search(config(ray=cluster.address, gpus_per_trial=1.0, device="auto"))
    assert time.monotonic() - begin < 30
    assert not ray.is_initialized()


def test_a_node_that_dies_in_the_middle_of_trainings_costs_no_trial(
    cluster: TwoNodes, config: Config, fault: Callable[..., Faults], log: Log
) -> None:
    happened = fault(held=("trial 1", "trial 2"))  # one on each node

    def kill() -> None:
        until(lambda: {"trial 1", "trial 2"} <= {b.title for b in happened.began()})
        cluster.kill_second()
        happened.release()

    killer = threading.Thread(target=kill)
    killer.start()
    asked = config(trials=4, ray=cluster.address)
    result = search(asked, log)
    killer.join()
    assert result.counts()["complete"] == 4
    assert len({t.architecture for t in result.complete}) == 4
    assert {t.number for t in result.front} == _kept(result, asked)
    twice = [
        title for title, times in Counter(b.title for b in happened.began()).items() if times > 1
    ]
    assert len(twice) == 1
    assert any("the node of it was lost; attempt 2 of 3" in event for event in log.events)


def test_a_cluster_that_is_not_there_is_told_in_one_line(config: Config) -> None:
    begin = time.monotonic()
    with pytest.raises(
        StudyError, match=r"no Ray cluster at '127.0.0.1:1': .*ray start --head"
    ) as e:
        search(config(ray="127.0.0.1:1"))
    assert "\n" not in str(e.value)
    assert time.monotonic() - begin < 30


def test_without_ray_the_error_names_the_extra(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "studies.runners.ray_cluster", raising=False)
    with pytest.raises(StudyError, match=r"pip install 'neurall-search\[ray\]'"):
        search(config(ray="local"))
