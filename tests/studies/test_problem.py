from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nas.budget import Budget
from nas.data.source import DataError
from nas.data.spec import open_source
from nas.fidelity import FIDELITIES
from nas.pretrained import read_pretrained
from search_spaces.presets import shared, single_task
from search_spaces.task_spec import ArchitectureError
from studies.config import SearchConfig
from studies.errors import UsageError
from studies.fidelity_choice import chosen_fidelity
from studies.problem import problem_of

Tiny = Callable[..., SearchConfig]


def test_tasks_are_all_that_the_data_labels_or_those_asked_for(tiny: Tiny) -> None:
    assert list(problem_of(tiny()).tasks) == ["depth", "motion", "segmentation"]
    some = problem_of(tiny(tasks=("segmentation", "depth")))
    assert list(some.tasks) == ["depth", "segmentation"]
    assert some.reference.streams == 1
    with pytest.raises(UsageError, match="did you mean depth"):
        problem_of(tiny(tasks=("dept",)))
    with pytest.raises(UsageError, match="each task once"):
        problem_of(tiny(tasks=("depth", "depth")))


def test_baselines_keep_the_reference_encoder_in_a_narrowed_space(tiny: Tiny) -> None:
    problem = problem_of(tiny(fix={"encoder": "resnet10", "width": "16"}))
    assert problem.reference.encoder.depth == "resnet10"
    for spec in problem.specs:
        assert problem.baseline(spec.name) == single_task(spec, shared(problem.specs))


def test_baselines_read_as_many_frames_as_the_candidates(tiny: Tiny) -> None:
    problem = problem_of(tiny(fix={"streams": "1"}))
    assert {problem.baseline(name).streams for name in problem.tasks} == {1}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"tasks": ("depth", "motion")},
        {"budget": Budget.parse(["20tops"])},
        {"objectives": ("delta_m", "params")},
        {"sampler": "random"},
        {"fix": {"encoder": "resnet18"}},
        {"fidelity": replace(FIDELITIES["quick"], samples=9)},
        {"sources": (open_source("synthetic", seed=5),)},
    ],
)
def test_what_makes_trials_incomparable_makes_another_study(
    tiny: Tiny, change: dict[str, object]
) -> None:
    assert problem_of(tiny(**change)).name != problem_of(tiny()).name


@pytest.mark.parametrize(
    "change",
    [{"trials": 99}, {"time_limit_s": 5.0}, {"device": "auto"}, {"storage": "sqlite:///x"}],
)
def test_what_changes_no_trial_goes_on_with_the_study(
    tiny: Tiny, change: dict[str, object]
) -> None:
    assert problem_of(tiny(**change)).name == problem_of(tiny()).name


def test_weights_to_begin_with_make_another_study_and_are_told(tiny: Tiny, resnet10: Path) -> None:
    begun = problem_of(tiny(pretrained=read_pretrained([f"resnet10={resnet10}"])))
    assert begun.name != problem_of(tiny()).name
    moved = resnet10.rename(resnet10.with_name("elsewhere.pth"))
    assert begun.name == problem_of(tiny(pretrained=read_pretrained([f"resnet10={moved}"]))).name
    assert begun.notes == (
        "encoders resnet10 of width 16 begin with the weights given, all others from scratch",
    )


def test_a_study_may_have_a_name(tiny: Tiny) -> None:
    assert problem_of(tiny(study="mine")).name == "mine"


@pytest.mark.parametrize(
    "change",
    [
        {"trials": 0},
        {"seed": -1},
        {"time_limit_s": 0.0},
        {"shared_weights": "sometimes"},
        {"shared_weights": "judge", "early_stopping": False},
    ],
)
def test_settings_that_make_no_sense(tiny: Tiny, change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="use"):
        tiny(**change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gpus_per_trial": 1.0}, "give --ray too"),
        ({"ray": "local", "device": "cuda"}, "leave --device out"),
        ({"ray": "local", "gpus_per_trial": 0.5, "device": "cpu"}, "leave --device out"),
        ({"ray": "local", "deterministic": True}, "give --workers"),
    ],
)
def test_runners_that_contradict_themselves(
    tiny: Tiny, change: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        tiny(**change)


def test_on_a_clusters_accelerators_the_fidelity_is_theirs() -> None:
    assert chosen_fidelity(None, "auto", gpus_per_trial=0.5).name == "standard"
    assert chosen_fidelity("quick", "auto", gpus_per_trial=0.5).name == "quick"


def test_no_data_and_unknown_axes(tiny: Tiny) -> None:
    with pytest.raises(DataError, match="no data is given"):
        problem_of(tiny(sources=()))
    with pytest.raises(ArchitectureError, match="did you mean width"):
        problem_of(tiny(fix={"widht": "32"}))


def test_another_order_of_the_data_is_another_study(tiny: Tiny) -> None:
    first, second = open_source("synthetic", seed=1), open_source("synthetic", seed=2)
    there, back = tiny(sources=(first, second)), tiny(sources=(second, first))
    assert problem_of(there).name != problem_of(back).name  # other frames in each batch


def test_motion_without_any_previous_frame_is_said(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem_of(tiny()).notes == ()
    monkeypatch.setattr("nas.data.synthetic.SyntheticSource.has_previous", False)
    problem = problem_of(tiny())
    assert problem.reference.streams == 1
    assert problem.notes == ("no data has previous frames: motion is learned from single frames",)
