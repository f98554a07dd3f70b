from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from nas.budget import Budget
from nas.cost import cost_of
from nas.training import Training, TrainingError
from search_spaces.architecture import Architecture
from search_spaces.presets import shared, single_task
from studies.admission import network_key
from studies.cli import main
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.opening import load_study
from studies.problem import problem_of
from studies.report import verdict
from studies.result import StudyResult
from studies.search import search
from studies.shared_weights import load_weights
from studies.store import StudyStore

Tiny = Callable[..., SearchConfig]

#: The command line with a fidelity that takes seconds.
TINY_COMMAND = """
import sys
import nas.fidelity
from nas.resolution import Resolution
nas.fidelity.FIDELITIES = {
    "quick": nas.fidelity.Fidelity(
        name="quick", resolution=Resolution(64, 32), samples=%d, batch_size=4,
        train=12, val=6, test=4,
    )
}
from studies.cli import main
sys.exit(main())
"""


class Log(Protocol):
    events: list[str]
    trained: list[tuple[str, Architecture]]
    ended: list[Any]
    fronts: list[Any]


def _front_json(result: StudyResult) -> dict[str, object]:
    return {k: v for k, v in result.to_json().items() if k != "storage"}


def test_baselines_then_the_shared_preset_then_as_many_candidates_as_asked(
    tiny: Tiny, log: Log
) -> None:
    config = tiny(fix={"width": "32", "encoder": "resnet18", "pruning": "none"})
    result = search(config, log)
    titles = [title for title, _ in log.trained]
    assert titles[:3] == ["single-task depth", "single-task motion", "single-task segmentation"]
    specs = problem_of(config).specs
    for (_, architecture), spec in zip(log.trained[:3], specs, strict=True):
        assert architecture == single_task(spec, shared(specs))
    assert log.trained[3][1] == shared(specs)
    assert result.counts()["complete"] == 2 == len(log.trained) - 3
    assert set(result.baselines) == {"depth", "motion", "segmentation"}
    assert {trial.number for trial in result.front} <= {t.number for t in result.complete}


def test_the_same_command_with_more_trials_goes_on(tiny: Tiny, log: Log) -> None:
    first = search(tiny(trials=1))
    second = search(tiny(trials=3), log)
    assert second.study == first.study
    assert second.complete[0] == first.complete[0]
    assert len(second.complete) == 3
    assert all(title.startswith("trial ") for title, _ in log.trained)
    assert second.baselines == first.baselines


def test_a_study_that_has_its_trials_trains_nothing(tiny: Tiny, log: Log) -> None:
    first = search(tiny(trials=1))
    assert search(tiny(trials=1), log).to_json() == first.to_json()
    assert log.trained == []


def test_one_seed_gives_one_result_also_when_it_was_stopped_between(
    tiny: Tiny, tmp_path: Path
) -> None:
    def into(name: str, trials: int) -> SearchConfig:
        return tiny(trials=trials, storage=f"sqlite:///{tmp_path}/{name}.db")

    whole = search(into("whole", 2))
    again = search(into("again", 2))
    search(into("stopped", 1))
    stopped = search(into("stopped", 2))
    assert json.dumps(_front_json(again)) == json.dumps(_front_json(whole))
    assert json.dumps(_front_json(stopped)) == json.dumps(_front_json(whole))


def test_another_seed_is_another_study(tiny: Tiny) -> None:
    assert problem_of(tiny(seed=1)).name != problem_of(tiny(seed=0)).name


def test_no_network_is_trained_twice_and_a_small_space_ends(tiny: Tiny, log: Log) -> None:
    narrow = {
        "encoder": "resnet10",
        "width": "16",
        "decoder": "fcn8",
        "sharing": "shared",
        "links": "none",
        "augmentation": "none",
        "pruning": "none",
        "fusion": "concat",
        "weighting": "geometric,sum",
    }
    space = problem_of(tiny(fix=narrow)).space
    result = search(tiny(fix=narrow, trials=5), log)
    networks = [architecture for title, architecture in log.trained if title.startswith("trial")]
    assert len(networks) == len(set(networks)) == len(result.complete) == space.size() == 2
    assert any("no further network" in event for event in log.events)


def test_what_is_over_the_budget_is_refused_and_never_trained(tiny: Tiny, log: Log) -> None:
    budget = Budget.parse(["5gmacs"])
    config = tiny(budget=budget)
    space = problem_of(config).space
    dear = shared(problem_of(config).specs)
    dear = space.nearest(dear)
    over = Budget.parse([f"{(cost_of(dear).macs - 1) / 1e6}mmacs"])
    result = search(tiny(budget=over), log)
    networks = [architecture for title, architecture in log.trained if title.startswith("trial")]
    assert dear not in networks
    assert all(over.allows(cost_of(network)) for network in networks)
    refused = [trial for trial in result.trials if trial.status == "refused"]
    assert dear in [trial.architecture for trial in refused]
    assert "over" in refused[0].reason
    assert result.counts() == {
        "complete": 2,
        "stopped_early": 0,
        "refused": len(refused),
        "failed": 0,
    }


def test_nothing_within_the_budget_names_the_cheapest_cost(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"the cheapest that was found costs [\d.]+ GMAC"):
        search(tiny(budget=Budget.parse(["1mmacs"])))
    assert not (tmp_path / "study.db").exists()


def _diverging(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """The first candidates that train have a loss that is not a number, so many times."""
    losses = Training._losses_of
    doomed: list[Training] = []

    def diverging(training: Training, outputs: Any, batch: Any) -> Any:
        right = losses(training, outputs, batch)
        if len(training.data.tasks) < 3:
            return right
        if training not in doomed and len(doomed) < most:
            doomed.append(training)
        factor = float("nan") if training in doomed else 1.0
        return {name: loss * factor for name, loss in right.items()}

    monkeypatch.setattr(Training, "_losses_of", diverging)


def test_a_candidate_that_diverges_is_tried_again_with_another_seed(
    tiny: Tiny, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    _diverging(monkeypatch, 1)
    result = search(tiny(), log)
    first, second = result.trials[:2]
    assert [first.status, second.status] == ["interrupted", "complete"]
    assert "nan" in first.reason
    assert first.architecture == second.architecture
    assert (second.attempt, second.origin) == (2, None)
    assert result.counts()["failed"] == 0
    assert result.counts()["complete"] == 2


def test_a_candidate_that_always_diverges_fails_alone_with_its_reason(
    tiny: Tiny, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    _diverging(monkeypatch, 3)
    result = search(tiny(), log)
    assert [t.status for t in result.trials[:4]] == ["interrupted"] * 2 + ["failed", "complete"]
    assert "nan" in result.trials[2].reason
    assert result.trials[2].attempt == 3
    assert result.counts()["failed"] == 1
    assert result.counts()["complete"] == 2
    assert [record.status for record in log.ended].count("failed") == 1


def test_networks_given_by_the_user_come_early_also_when_a_study_goes_on(tiny: Tiny) -> None:
    space = problem_of(tiny()).space
    given = space.nearest(shared(space.tasks))
    one, two = (space.fix({"sharing": word}).nearest(given) for word in ("independent", "2"))
    first = search(tiny(trials=3, enqueue=(one,)))
    assert first.complete[1].architecture == one
    result = search(tiny(trials=4, enqueue=(one, two)))
    assert result.complete[3].architecture == two


def test_a_network_of_another_space_cannot_be_enqueued(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="outside of this space"):
        search(tiny(enqueue=(shared(problem_of(tiny()).specs),)))


def test_the_time_limit_starts_no_further_candidate(tiny: Tiny, log: Log) -> None:
    result = search(tiny(trials=50, time_limit_s=0.001), log)
    assert len(result.complete) <= 1
    assert "the time is up" in log.events


# --- shared weights, early stopping, the front sampler ------------------------------------------


def _elsewhere(climbed: Any, folder: Path, **changes: Any) -> SearchConfig:
    """The finished search again, in a storage of its own."""
    config: SearchConfig = climbed.config
    return replace(config, storage=f"sqlite:///{folder}/study.db", **changes)


def _ended(result: StudyResult) -> list[tuple[object, ...]]:
    """What became of every candidate that was not cut off, but for its number and the seconds."""
    return [
        (t.status, t.architecture, t.metrics, t.values, [(r.samples, r.values) for r in t.rungs])
        for t in result.trials
        if t.status != "interrupted"
    ]


def test_the_weights_that_candidates_share_are_trained_once_before_the_baselines(
    climbed: Any,
) -> None:
    titles = [title for title, _ in climbed.log.trained]
    assert titles[:4] == [
        "shared weights",
        "single-task depth",
        "single-task segmentation",
        "trial 0",
    ]
    assert titles.count("shared weights") == 1
    kept = load_study(climbed.config.storage).shared_weights()
    assert kept is not None
    learnt = load_weights(kept, climbed.run.bench, 0).tensors
    assert {"encoder", "decoder", "head"} <= {key.partition("/")[0] for key in learnt}


def test_candidates_behind_the_front_are_stopped_at_a_rung(climbed: Any) -> None:
    result = climbed.result
    assert result.counts()["stopped_early"] == len(result.stopped) > 0
    assert result.counts()["complete"] == len(result.complete) == 4
    for trial in result.stopped:
        samples = [rung.samples for rung in trial.rungs]
        assert samples in ([0], [0, 8])
        assert f"after {samples[-1]} of 16 samples" in trial.reason
        assert set(trial.metrics) == {"depth", "segmentation"}
    for trial in result.complete:
        assert [rung.samples for rung in trial.rungs] == [0, 8, 16]
        assert trial.rungs[-1].values == trial.values
    assert not {trial.number for trial in result.stopped} & {t.number for t in result.front}


def test_what_is_shown_of_a_stopped_trial_says_so(
    climbed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    result = climbed.result
    for trial, says in ((result.stopped[0], True), (result.complete[0], False)):
        command = ["show", str(trial.number), "--storage", result.storage, "--study", result.study]
        assert main(command) == 0
        assert (f"trial {trial.number} stopped: after" in capsys.readouterr().out) is says
        assert main([*command, "--json"]) == 0
        assert ("standing" in json.loads(capsys.readouterr().out)) is says


def test_the_front_sampler_neither_repeats_a_network_nor_exceeds_the_budget(climbed: Any) -> None:
    networks = [a for title, a in climbed.log.trained if title.startswith("trial")]
    assert len({network_key(network) for network in networks}) == len(networks)
    assert {t.status for t in climbed.result.trials} == {"complete", "stopped"}
    budget, space = climbed.config.budget, climbed.run.problem.space
    assert all(budget.allows(cost_of(network)) for network in networks)
    rng = random.Random(0)
    assert not all(budget.allows(cost_of(space.sample(rng))) for _ in range(20))


@pytest.mark.usefixtures("few_draws", "judged_by_name")
def test_a_search_cut_off_in_a_training_goes_on_to_the_same_front_with_the_same_shared_weights(
    climbed: Any, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _elsewhere(climbed, tmp_path)
    cut_off = f"trial {climbed.result.complete[1].number}"

    def press_ctrl_c(*_: int) -> None:
        if log.trained[-1][0] == cut_off:
            raise KeyboardInterrupt

    monkeypatch.setattr(log, "training_step", press_ctrl_c, raising=False)
    begun = search(config, log)
    assert begun.interrupted
    assert [t.status for t in begun.trials][-2:] == ["interrupted", "waiting"]
    weights = load_study(config.storage).shared_weights()
    monkeypatch.setattr(log, "training_step", lambda *_: None)
    result = search(config, log)
    assert [title for title, _ in log.trained].count("shared weights") == 1
    assert load_study(config.storage).shared_weights() == weights
    assert _ended(result) == _ended(climbed.result)
    assert [t.to_json() | {"trial": 0} for t in result.front] == [
        t.to_json() | {"trial": 0} for t in climbed.result.front
    ]


@pytest.mark.usefixtures("few_draws", "judged_by_name")
def test_what_was_stopped_is_not_trained_again_when_a_study_goes_on(
    climbed: Any, tmp_path: Path, log: Log
) -> None:
    copied(climbed, tmp_path)
    stopped = climbed.result.stopped[0].architecture
    search(_elsewhere(climbed, tmp_path, trials=5, enqueue=(stopped,)), log)
    assert len(log.trained) > 0
    assert stopped not in [network for _, network in log.trained]


def copied(climbed: Any, folder: Path) -> StudyStore:
    """The finished study in a folder of its own, to write to."""
    file = climbed.config.storage.removeprefix("sqlite:///")
    shutil.copy(file, folder / "study.db")
    shutil.copytree(f"{file}.artifacts", folder / "study.db.artifacts")
    return load_study(f"sqlite:///{folder}/study.db")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "shared weights are not in .*study.db.artifacts"),
        (lambda file: file.write_bytes(b""), "shared weights of the study are damaged"),
        (lambda file: os.truncate(file, 1000), "shared weights of the study are damaged"),
    ],
    ids=["missing", "empty", "cut short"],
)
def test_lost_shared_weights_are_one_line_that_says_what_to_do(
    climbed: Any, tmp_path: Path, log: Log, damage: Callable[[Path], None], message: str
) -> None:
    content = copied(climbed, tmp_path).shared_weights()
    (file,) = (f for f in (tmp_path / "study.db.artifacts").iterdir() if f.read_bytes() == content)
    damage(file)
    with pytest.raises(StudyError, match=rf"{message}.* back as it was or .* --study") as raised:
        search(_elsewhere(climbed, tmp_path, trials=5), log)
    assert "\n" not in str(raised.value)
    assert log.trained == []


def test_shared_weights_that_diverge_say_how_to_do_without(
    climbed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object) -> None:
        raise TrainingError("the shared weights diverged at step 3")

    monkeypatch.setattr("studies.search.train_shared_weights", diverge)
    with pytest.raises(StudyError, match="diverged at step 3; --shared-weights off does without"):
        search(_elsewhere(climbed, tmp_path))


@pytest.mark.usefixtures("few_draws")
def test_without_shared_weights_the_first_rung_is_in_the_middle(
    climbed: Any, tmp_path: Path, log: Log
) -> None:
    config = _elsewhere(climbed, tmp_path, shared_weights="off", trials=1)
    result = search(config, log)
    assert result.study != climbed.result.study
    assert "shared weights" not in [title for title, _ in log.trained]
    assert load_study(config.storage).shared_weights() is None
    assert [[r.samples for r in t.rungs] for t in result.complete] == [[8, 16]]


@pytest.mark.usefixtures("few_draws")
def test_without_early_stopping_every_candidate_is_trained_to_the_end(
    climbed: Any, tmp_path: Path, log: Log
) -> None:
    config = _elsewhere(climbed, tmp_path, early_stopping=False, shared_weights="off", trials=3)
    result = search(config, log)
    assert [trial.status for trial in result.trials] == ["complete"] * 3
    assert {tuple(r.samples for r in t.rungs) for t in result.trials} == {(16,)}


@pytest.mark.usefixtures("few_draws")
def test_where_candidates_inherit_the_study_says_so(climbed: Any, tmp_path: Path, log: Log) -> None:
    config = _elsewhere(climbed, tmp_path, shared_weights="inherit", trials=1)
    result = search(config, log)
    assert result.inherits
    assert not climbed.result.inherits
    assert [title for title, _ in log.trained].count("shared weights") == 1
    (trial,) = result.complete
    assert [rung.samples for rung in trial.rungs] == [0, 8, 16]
    scratch = climbed.run.bench.train_candidate(trial.architecture)
    assert trial.metrics != scratch.metrics
    assert "from scratch: neurall-search finalize" in verdict(result)
    assert "finalize" not in verdict(replace(result, inherits=False))


# --- processes that end too early ---------------------------------------------------------------


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line in a process of its own; whatever still runs is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, samples: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", TINY_COMMAND % samples, *arguments],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"{word!r} was not said before the end")


_SLOW = 100_000
_ARGUMENTS = ("--budget", "30tops", "--fix", "encoder=resnet10", "--fix", "width=16")


@pytest.mark.slow
def test_a_killed_run_loses_no_trial_and_goes_on(
    running: Callable[..., subprocess.Popen[str]], tmp_path: Path, tiny: Tiny
) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    config = tiny(trials=1)
    before = search(config)
    script = _KILLED.format(tests=str(Path(__file__).parent), storage=storage)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("training trial 1")
    process.kill()
    process.communicate()
    records = load_study(storage).records()
    assert [r.status for r in records if r.number == 1] == ["running"]
    cut_off = records[1].architecture
    after = search(tiny(trials=2))
    assert after.complete[0] == before.complete[0]
    statuses = [trial.status for trial in after.trials]
    assert "running" not in statuses
    assert statuses[1] == "interrupted"
    assert cut_off in [trial.architecture for trial in after.complete]
    assert len(after.complete) == 2


#: Goes on with the test's study, says when trial 1 trains, and then never comes to its end.
_KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from conftest import SMALL, TINY
from nas.budget import Budget
from nas.data.spec import open_source
from studies.config import SearchConfig
from studies.observer import Observer
from studies.search import search

class Stuck(Observer):
    def training_starts(self, title, architecture):
        print("training", title, flush=True)
    def training_step(self, title, done, total):
        time.sleep(600)

search(
    SearchConfig(
        sources=(open_source("synthetic", seed=0, fidelity=TINY),),
        budget=Budget.parse(["30tops"]), fidelity=TINY, trials=2, fix=SMALL, device="cpu",
        sampler="tpe", shared_weights="off", early_stopping=False, storage={storage!r},
    ),
    Stuck(),
)
"""


@pytest.mark.slow
def test_ctrl_c_prints_the_front_and_exits_130(
    running: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    every = ("--shared-weights", "off", "--early-stopping", "off")  # a line for every trial
    process = running(*_ARGUMENTS, *every, "--trials", "500", "--json", samples=8)
    _wait_for(process, "trial 1:")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["trials"]["complete"] >= 2
    assert document["front"]
    assert "Traceback" not in err
    statuses = [r.status for r in load_study(f"sqlite:///{tmp_path}/neurall-search.db").records()]
    assert "running" not in statuses
