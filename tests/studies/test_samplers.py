from __future__ import annotations

import optuna
import pytest

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.space import SearchSpace
from studies.errors import StudyError
from studies.samplers import SAMPLERS, make_sampler


def test_an_unknown_sampler_is_named_with_those_there_are() -> None:
    with pytest.raises(StudyError, match=r"'tpee', did you mean tpe\? Use tpe, nsga2, random"):
        make_sampler("tpee", 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes_members_and_learns_from_refusals(name: str) -> None:
    space = SearchSpace.for_tasks(DEFAULT_TASKS)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for index in range(14):
        study.sampler = make_sampler(name, index)
        trial = study.ask()
        assert space.suggest(trial) in space
        if index % 3:
            study.tell(trial, [float(index), 1.0])
        else:
            trial.set_constraint("30 tops", 0.5)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_seed_proposes_the_same(name: str) -> None:
    space = SearchSpace.for_tasks(DEFAULT_TASKS)

    def first() -> str:
        study = optuna.create_study(
            directions=["maximize", "minimize"], sampler=make_sampler(name, 7)
        )
        return space.suggest(study.ask()).id

    assert first() == first()
