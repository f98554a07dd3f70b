from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.data.source import DataSource, Frame, Split
from nas.data.spec import open_source
from nas.resolution import Resolution
from nas.training import TrainingError
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.task_spec import TaskSpec
from studies.errors import StudyError, UsageError
from studies.observer import Observer
from studies.reproduction import Outcome, Reproduction
from studies.reproduction_config import ReproductionConfig
from studies.workbench import Workbench
from tests.studies.conftest import TINY, Log

Make = Callable[..., ReproductionConfig]


@pytest.fixture
def small(tmp_path: Path) -> Make:
    """A reproduction that takes a second or two, with whatever else a test needs."""

    def make(**changes: Any) -> ReproductionConfig:
        values: dict[str, Any] = {
            "sources": (open_source("synthetic", seed=0, fidelity=TINY),),
            "tables": (1,),
            "seeds": 2,
            "fidelity": TINY,
            "encoder": EncoderSpec(depth="resnet10", width=8),
            "device": "cpu",
            "out": tmp_path / "runs.json",
        }
        return ReproductionConfig(**{**values, **changes})

    return make


class Part:
    """A source without some splits or tasks of another one."""

    def __init__(self, source: DataSource, without: tuple[str, ...]) -> None:
        self.source = source
        self.without = without
        self.name = source.name
        self.has_previous = source.has_previous
        self.tasks: tuple[TaskSpec, ...] = tuple(
            spec for spec in source.tasks if spec.name not in without
        )

    def length(self, split: Split) -> int:
        return 0 if split in self.without else self.source.length(split)

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        return self.source.frame(split, index, resolution)

    def fingerprint(self) -> str:
        return f"{self.source.fingerprint()} without {self.without}"


def reproduce(config: ReproductionConfig, observer: Observer | None = None) -> Outcome:
    return Reproduction(config, observer or Observer()).run()


def test_all_tables_are_trained_once_a_network_and_seed(small: Make, log: Log) -> None:
    outcome = reproduce(small(tables=(1, 2, 3)), log)
    networks = set(outcome.networks.values())
    assert len(outcome.networks) == 18
    assert len(log.trained) == 2 * len(networks) == 32
    assert {len(runs) for runs in outcome.runs.values()} == {2}
    assert [title for title, _ in log.trained[:2]] == ["SegNet, seed 0", "MSNet2, seed 0"]
    three = outcome.runs[outcome.networks[3, "3-task, product"].id][0]
    assert set(three.metrics) == set(three.constants) == {"segmentation", "depth", "motion"}


def test_seeds_change_the_training_and_not_the_data(small: Make) -> None:
    outcome = reproduce(small(tables=(3,)))
    first, second = outcome.runs[outcome.networks[3, "1-task depth"].id]
    assert (first.seed, second.seed) == (0, 1)
    assert first.constants == second.constants
    assert first.metrics != second.metrics


def test_what_was_trained_is_not_trained_again(small: Make, log: Log) -> None:
    before = reproduce(small())
    again = reproduce(small(tables=(1, 3), seeds=2), log)
    titles = [title for title, _ in log.trained]
    assert "MSNet2, seed 0" not in titles
    assert "SegNet, seed 0" not in titles
    assert "1-task depth, seed 1" in titles
    assert (
        "24 trainings on 8 samples at 64x32, of networks: 12, seeds: 2; 6 of them are"
        in " ".join(log.events)
    )
    for name in ("SegNet", "MSNet2"):
        key = before.networks[1, name].id
        assert before.runs[key] == again.runs[key]


@pytest.mark.parametrize(
    "change",
    [
        {"fidelity": replace(TINY, samples=12)},
        {"sources": (open_source("synthetic", seed=1, fidelity=TINY),)},
    ],
    ids=["fidelity", "data"],
)
def test_other_settings_train_anew_and_keep_the_old_runs(
    small: Make, log: Log, change: dict[str, Any]
) -> None:
    before = reproduce(small(seeds=1))
    other = reproduce(small(seeds=1, **change), log)
    assert len(log.trained) == 3
    assert other.runs != before.runs
    after = Log()
    assert reproduce(small(seeds=1), after).runs == before.runs
    assert after.trained == []


def test_an_interrupted_reproduction_keeps_what_it_found_and_goes_on(small: Make) -> None:
    class Impatient(Log):
        def training_starts(self, title: str, architecture: Any) -> None:
            super().training_starts(title, architecture)
            if len(self.trained) == 3:
                raise KeyboardInterrupt

    outcome = reproduce(small(), Impatient())
    assert outcome.interrupted
    assert sum(len(runs) for runs in outcome.runs.values()) == 2
    rest = Log()
    assert not reproduce(small(), rest).interrupted
    assert len(rest.trained) == 4


def test_a_network_that_diverges_fails_alone(
    small: Make, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    train = Workbench.train_candidate

    def sometimes(self: Workbench, architecture: Any, progress: Any = None) -> Any:
        if architecture.fusion == "recurrent":
            raise TrainingError("diverged: the loss is inf")
        return train(self, architecture, progress)

    monkeypatch.setattr(Workbench, "train_candidate", sometimes)
    outcome = reproduce(small(seeds=1), log)
    assert outcome.failures == ("RNNet2, seed 0: diverged: the loss is inf",)
    assert outcome.runs[outcome.networks[1, "RNNet2"].id] == ()
    assert len(outcome.runs[outcome.networks[1, "SegNet"].id]) == 1


def test_networks_are_judged_on_test_frames_or_where_there_are_none_on_validation(
    small: Make, log: Log
) -> None:
    source = open_source("synthetic", seed=0, fidelity=TINY)
    with_test = reproduce(small(seeds=1))
    without = reproduce(small(seeds=1, sources=(Part(source, ("test",)),)), log)
    assert (with_test.judged, without.judged) == ({"synthetic": "test"}, {"synthetic": "val"})
    assert "synthetic: judged on the split val, which is never trained on" in log.events
    key = with_test.networks[1, "SegNet"].id
    assert with_test.runs[key][0].constants != without.runs[key][0].constants


def test_rows_without_their_labels_are_left_out_with_a_reason(small: Make, log: Log) -> None:
    source = Part(open_source("synthetic", seed=0, fidelity=TINY), ("motion", "depth"))
    outcome = reproduce(small(tables=(2, 3), seeds=1, sources=(source,)), log)
    assert set(outcome.networks) == {(2, "SegNet"), (3, "1-task segmentation")}
    assert len(log.trained) == 1
    assert any("table 3, 1-task motion: left out, 1-task motion needs" in e for e in log.events)


def test_data_that_labels_nothing_of_it_is_refused(small: Make) -> None:
    source = Part(open_source("synthetic", seed=0, fidelity=TINY), ("segmentation",))
    with pytest.raises(UsageError, match="no network of the tables can be trained: SegNet needs"):
        reproduce(small(sources=(source,)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no json", "holds no runs of this version"),
        ('{"format": 7, "runs": []}', "its format is not 1"),
        ('{"format": 1, "runs": [{}]}', "holds no runs"),
        ('{"format": 1, "runs": 3}', "holds no runs"),
    ],
)
def test_a_file_that_is_no_file_of_runs_is_left_alone(small: Make, text: str, told: str) -> None:
    config = small()
    config.out.write_text(text)
    with pytest.raises(StudyError, match=told):
        reproduce(config)
    assert config.out.read_text() == text


def test_a_place_that_cannot_be_written_is_told_before_training(small: Make, log: Log) -> None:
    for out in (Path("/nowhere/runs.json"), small().out.parent):
        with pytest.raises(StudyError, match=r"does not exist|cannot be read"):
            reproduce(small(out=out), log)
    assert log.trained == []


def test_wrong_values_say_what_is_allowed(small: Make) -> None:
    with pytest.raises(UsageError, match="seeds is 0, use 1 to"):
        small(seeds=0)
    with pytest.raises(UsageError, match="table is 4, use 1, 2, 3"):
        small(tables=(4,))


def test_quick_fidelity_takes_a_small_encoder_and_full_the_papers(small: Make) -> None:
    assert small(encoder=None).used_encoder == EncoderSpec(depth="resnet10", width=32)
    full = replace(TINY, name="full")
    assert small(encoder=None, fidelity=full).used_encoder.depth == "resnet50"


def test_the_file_of_runs_is_readable_json(small: Make) -> None:
    config = small(seeds=1)
    reproduce(config)
    values = json.loads(config.out.read_text())
    assert values["format"] == 1
    assert [run["network"] for run in values["runs"]] == ["SegNet", "MSNet2", "RNNet2"]
    assert list(config.out.parent.glob(".*")) == []
