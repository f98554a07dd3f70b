from __future__ import annotations

import random

import optuna
import pytest
from optuna.trial import TrialState

from nas.budget import Budget
from nas.cost import cost_of
from nas.tasks.kinds import make_task
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH, SEGMENTATION
from search_spaces.space import SearchSpace
from studies.admission import network_key
from studies.architecture_space import ArchitectureSpace
from studies.errors import StudyError
from studies.objectives import objectives_named
from studies.samplers import SAMPLERS, make_sampler

_OBJECTIVES = objectives_named(
    ("delta_m", "macs"), {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
)
#: 96 networks, 24 of them within the budget.
_FEW = SearchSpace.for_tasks((DEPTH, SEGMENTATION)).fix(
    {
        "encoder": "resnet10",
        "width": "8,16",
        "decoder": "fpn",
        "decoder_width": "32",
        "links": "none,add",
        "link_level": "8",
        "augmentation": "none",
        "pruning": "none",
        "weighting": "geometric,sum",
    }
)
_BUDGET = Budget.parse(["1.6gmacs"])


pytestmark = pytest.mark.usefixtures("few_draws")


def _sampler(
    name: str, seed: int, space: SearchSpace = _FEW, budget: Budget = _BUDGET
) -> optuna.samplers.BaseSampler:
    return make_sampler(name, seed, ArchitectureSpace(space, budget), _OBJECTIVES)


def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=["maximize", "minimize"])


def _tell(study: optuna.Study, trial: optuna.Trial, architecture: Architecture) -> None:
    """Stands in for a training: wider and shared networks are better."""
    quality = architecture.encoder.width + architecture.sharing.depth("depth")
    study.tell(trial, [float(quality), float(cost_of(architecture).macs)])


def test_an_unknown_sampler_is_named_with_those_there_are() -> None:
    with pytest.raises(StudyError, match=r"'tpee', did you mean tpe\? Use front, tpe, nsga2, rand"):
        _sampler("tpee", 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes_members_and_learns_from_refusals(name: str) -> None:
    study = _study()
    study.sampler = _sampler(name, 0)
    for index in range(14):
        trial = study.ask()
        assert _FEW.suggest(trial) in _FEW
        if index % 3:
            study.tell(trial, [float(index), 1.0])
        else:
            trial.set_constraint("1.6 gmacs", 0.5)
            study.tell(trial, state=TrialState.PRUNED)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_seed_proposes_the_same(name: str) -> None:
    def first(seed: int) -> str:
        study = _study()
        study.sampler = _sampler(name, seed)
        return _FEW.suggest(study.ask()).id

    assert first(7) == first(7)
    assert len({first(seed) for seed in range(4)}) > 1


def test_the_front_sampler_tries_every_network_within_the_budget_once() -> None:
    rng = random.Random(0)
    drawn = [_FEW.sample(rng) for _ in range(600)]
    within = {network_key(a) for a in drawn if _BUDGET.allows(cost_of(a))}
    assert 10 < len(within) < len({network_key(a) for a in drawn})
    study, proposed = _study(), []
    study.sampler = _sampler("front", 0)
    for _ in range(len(within) - 2):
        trial = study.ask()
        architecture = _FEW.suggest(trial)
        proposed.append(network_key(architecture))
        _tell(study, trial, architecture)
    assert len(set(proposed)) == len(proposed)
    assert set(proposed) <= within


def test_the_front_sampler_goes_on_after_a_trial_was_cut_off_and_queued_again() -> None:
    def proposed(cut_off: int | None) -> list[str]:
        study, found = _study(), []
        study.sampler = _sampler("front", 3)
        while len(found) < 10:
            trial = study.ask()
            architecture = _FEW.suggest(trial)
            if trial.number == cut_off:
                study.tell(trial, state=TrialState.FAIL)
                study.enqueue_trial(trial.params)
                study.sampler = _sampler("front", 3)
                continue
            found.append(architecture.id)
            _tell(study, trial, architecture)
        return found

    whole = proposed(None)
    assert proposed(2) == proposed(7) == whole
