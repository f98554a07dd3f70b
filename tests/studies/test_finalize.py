from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna_dashboard import get_note

from nas.data.cache import prepare
from nas.data.source import DataSource, Frame, Split
from nas.data.spec import open_source
from nas.elastic.weights import ElasticWeights
from nas.evaluation import evaluate
from nas.resolution import Resolution
from search_spaces.task_spec import TaskSpec
from studies.config import SearchConfig
from studies.errors import StudyError, UsageError
from studies.finalize import FinalizeConfig, Finalized, finalize
from studies.problem import problem_of
from studies.result import StudyResult, read_result
from studies.shared_weights import save_weights
from studies.storage import artifact_folder
from studies.store import StudyStore
from studies.workbench import open_workbench
from tests.studies.conftest import SMALL, TINY, Bench, Log

TASKS = ["depth", "motion", "segmentation"]
#: What the search of ``finished`` began with, and the seeds that follow from it.
SEED, SEEDS = 3, [1003, 2003, 3003]


@pytest.fixture
def config() -> SearchConfig:
    """What ``finished`` was searched with."""
    return SearchConfig(
        sources=(open_source("synthetic", seed=0, fidelity=TINY),),
        fidelity=TINY,
        fix={**SMALL, "width": "16,64"},
        device="cpu",
        seed=SEED,
    )


class Without:
    """A source without a split."""

    def __init__(self, source: DataSource, split: Split) -> None:
        self.source, self.split = source, split
        self.name, self.has_previous = "streets", source.has_previous
        self.tasks: tuple[TaskSpec, ...] = source.tasks

    def length(self, split: Split) -> int:
        return 0 if split == self.split else self.source.length(split)

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        return self.source.frame(split, index, resolution)

    def fingerprint(self) -> str:
        return f"{self.source.fingerprint()} without {self.split}"


def titles(log: Log) -> list[str]:
    return [title for title, _ in log.trained]


def ran(store: StudyStore, config: SearchConfig, **options: Any) -> tuple[Finalized, list[str]]:
    log = Log()
    return finalize(store, config, FinalizeConfig(**options), log), titles(log)


def test_front_and_single_task_networks_are_trained_with_seeds_that_the_search_did_not_use(
    store: StudyStore, config: SearchConfig, bench: Bench, log: Log
) -> None:
    before = read_result(store)
    outcome = finalize(store, config, FinalizeConfig(seeds=2), log)
    front = [trial.number for trial in before.front]
    names = [f"single-task {task}" for task in TASKS] + [f"trial {number}" for number in front]
    assert titles(log) == [f"{name}, seed {seed}" for seed in SEEDS[:2] for name in names]
    assert [b.seed for b in bench.benches] == [seed for seed in SEEDS[:2] for _ in names]
    finalists = outcome.result.finalists
    assert finalists is not None
    assert [trial.number for trial in finalists.trials] == front
    assert {tuple(runs) for runs in finalists.runs.values()} == {tuple(SEEDS[:2])}
    assert set(finalists.baselines) == set(TASKS)
    assert not outcome.failures
    assert not outcome.interrupted
    assert "trainings on 8 samples at 64x32" in " ".join(log.events)
    assert "about 1 min 00 s" in " ".join(log.events)


def test_networks_are_judged_on_the_test_split_beside_its_best_constants(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    outcome, _ = ran(store, config, seeds=1)
    assert {cached.split for b in bench.benches for cached in b.val} == {"test"}
    assert {len(cached) for b in bench.benches for cached in b.val} == {TINY.test}
    finalists = outcome.result.finalists
    assert finalists is not None
    assert finalists.conditions.constants == bench.benches[0].constants
    assert finalists.conditions.constants != outcome.result.constants
    assert finalists.conditions.judged_on == ("synthetic",)


def test_a_finalist_is_trained_as_in_the_search_with_another_seed(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    record = read_result(store).front[0]
    assert record.architecture is not None
    bench.real = {record.architecture.id}
    outcome, _ = ran(store, config, seeds=1, trials=(record.number,))
    problem = problem_of(replace(config, seed=SEEDS[0]))
    network = open_workbench(problem).train_candidate(record.architecture).network
    test = prepare(config.sources[0], "test", TINY.resolution, tasks=problem.tasks)
    assert outcome.result.finalists is not None
    run = outcome.result.finalists.runs[record.number][SEEDS[0]]
    assert run.metrics == evaluate(network, (test,), problem.tasks)
    assert run.metrics != record.metrics


def test_what_was_trained_is_not_trained_again(
    store: StudyStore, config: SearchConfig, bench: Bench, log: Log
) -> None:
    ran(store, config, seeds=1)
    _, more = ran(store, config, seeds=2)
    assert more
    assert all(title.endswith(f"seed {SEEDS[1]}") for title in more)
    outcome = finalize(store, config, FinalizeConfig(seeds=1), log)
    assert titles(log) == []
    assert any("all of them are done already" in event for event in log.events)
    assert outcome.result.finalists is not None
    assert {tuple(r) for r in outcome.result.finalists.runs.values()} == {tuple(SEEDS[:2])}


def test_an_interrupted_call_keeps_what_it_found_and_goes_on(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    bench.most = 4
    whole = 3 + len(read_result(store).front)
    outcome = finalize(store, config, FinalizeConfig(seeds=2))
    assert outcome.interrupted
    assert outcome.to_json()["interrupted"] is True
    bench.most = 1000
    rest, trained = ran(store, config, seeds=2)
    assert not rest.interrupted
    assert len(trained) == 2 * whole - 4


def test_a_training_that_fails_fails_alone_and_is_tried_again(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    first = read_result(store).front[0]
    assert first.architecture is not None
    bench.broken = {(first.architecture.id, SEEDS[0])}
    outcome, trained = ran(store, config, seeds=2)
    title = f"trial {first.number}, seed {SEEDS[0]}"
    assert outcome.failures == (f"{title}: diverged: the loss is inf",)
    assert outcome.result.finalists is not None
    assert list(outcome.result.finalists.runs[first.number]) == [SEEDS[1]]
    bench.broken = set()
    outcome, trained = ran(store, config, seeds=2)
    assert trained == [title]
    assert outcome.result.finalists is not None
    assert list(outcome.result.finalists.runs[first.number]) == SEEDS[:2]


def test_another_fidelity_is_kept_apart_and_the_one_last_asked_for_is_shown(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    quick, trained = ran(store, config, seeds=1)
    longer = replace(config, fidelity=replace(TINY, name="standard", samples=12))
    other, again = ran(store, longer, seeds=1)
    assert again == trained
    assert other.result.finalists is not None
    assert other.result.finalists.conditions.samples == 12
    back, nothing = ran(store, config, seeds=1)
    assert nothing == []
    assert back.result.finalists == quick.result.finalists


def test_networks_inherit_where_asked_and_single_task_ones_never_do(
    store: StudyStore, config: SearchConfig, bench: Bench, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="no shared weights to inherit; use --from scratch"):
        ran(store, config, seeds=1, inherit=True)
    artifact_folder(store.url).mkdir(exist_ok=True)
    save_weights(ElasticWeights({}, seed=0), tmp_path / "shared.safetensors")
    store.keep_shared_weights(tmp_path / "shared.safetensors", seconds=1.0)
    ran(store, config, seeds=1)
    outcome, trained = ran(store, config, seeds=1, inherit=True)
    front = read_result(store).front
    begun = [network and network.plan.architecture for network in bench.begun[-len(front) :]]
    assert begun == [record.architecture for record in front]
    assert bench.begun[-len(trained) : -len(front)] == [None] * 3
    assert outcome.result.finalists is not None
    assert outcome.result.finalists.conditions.begin == "inherited weights"


def test_the_study_tells_of_its_finalists_and_keeps_all_else(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    before = read_result(store).to_json()
    ran(store, config, seeds=2)
    after = json.loads(json.dumps(read_result(store).to_json()))
    finalists = after.pop("finalists")
    assert after == json.loads(json.dumps(before))
    assert "finalists" not in before
    assert [n["trial"] for n in finalists["networks"]] == [t["trial"] for t in after["front"]]
    assert finalists["networks"][0]["seeds"] == SEEDS[:2]


def test_the_note_of_a_finalist_ends_with_one_line_of_it(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    number = read_result(store).front[0].number
    trial = store._trial(number)
    before = get_note(trial)
    for seeds in (1, 2):
        ran(store, config, seeds=seeds, trials=(number,))
    note = get_note(trial)
    assert note.startswith(before + "\n\nOn the test split: Δm ")
    assert note.count("On the test split") == 1
    assert note.endswith(f"(trained anew with the seeds {SEEDS[0]}, {SEEDS[1]}).")


# --- what users get wrong -----------------------------------------------------------------------


def test_only_networks_that_were_trained_can_be_finalists(
    store: StudyStore, config: SearchConfig, finished: StudyResult, bench: Bench
) -> None:
    refused = next(trial for trial in finished.trials if trial.status == "refused")
    with pytest.raises(StudyError, match=rf"trial {refused.number} cannot .* is refused: .*over"):
        ran(store, config, trials=(refused.number,))
    with pytest.raises(StudyError, match="has no trial 999, there are 0 to"):
        ran(store, config, trials=(999,))


def test_a_study_without_a_front_says_so(
    store: StudyStore, config: SearchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "records", list)
    with pytest.raises(StudyError, match=r"has no front yet.*neurall-search search"):
        ran(store, config)


def test_data_without_a_test_split_is_named_before_anything_is_trained(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    source = Without(config.sources[0], "test")
    with pytest.raises(StudyError, match="task depth: streets has no frames in the split test"):
        ran(store, replace(config, sources=(source,)))
    assert bench.benches == []


def test_a_source_without_a_test_split_beside_one_that_has_it_is_not_judged_on(
    store: StudyStore, config: SearchConfig, bench: Bench, log: Log
) -> None:
    sources = (*config.sources, Without(open_source("synthetic", seed=1, fidelity=TINY), "test"))
    finalize(store, replace(config, sources=sources), FinalizeConfig(seeds=1), log)
    assert {cached.source_name for b in bench.benches for cached in b.val} == {"synthetic"}
    told = " ".join(log.events)
    assert "streets has no test split: networks are judged on the other data" in told
    assert "the data is not what study" in told


def test_tasks_with_other_classes_are_refused(
    store: StudyStore, config: SearchConfig, drive: Path
) -> None:
    renamed = open_source("synthetic#segmentation=another", seed=0, fidelity=TINY)
    other = open_source(f"manifest:{drive}#surface=segmentation", seed=0)
    with pytest.raises(UsageError, match="the data labels segmentation with other classes"):
        ran(store, replace(config, sources=(renamed, other)))
    with pytest.raises(UsageError, match="unknown task 'depth'"):
        ran(store, replace(config, sources=(other,)))


def test_wrong_numbers_of_seeds_say_what_is_allowed() -> None:
    with pytest.raises(UsageError, match="seeds is 0, use 1 to 100"):
        FinalizeConfig(seeds=0)


def test_damaged_finalists_are_one_clear_error(
    store: StudyStore, config: SearchConfig, bench: Bench
) -> None:
    ran(store, config, seeds=1)
    key = store.attributes("finalized")["finalized"]["latest"]
    store.set_attribute("finalized single-task depth", {key: [{"seed": 1}]})
    with pytest.raises(StudyError, match=r"metrics of finalists of single-task depth\[0\] is None"):
        read_result(store)
    store.set_attribute("finalized", {"latest": "gone"})
    with pytest.raises(StudyError, match="is damaged or of another version"):
        read_result(store)
