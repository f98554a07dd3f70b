from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna
import pytest

from studies.errors import UsageError
from studies.halving import FrontHalving, places_ahead, places_at_rung
from studies.pareto import Direction
from studies.ranking import nondominated_ranks

_RUNGS = (0, 300, 1200)
_BOTH: tuple[Direction, ...] = ("maximize", "minimize")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _study(directions: Sequence[Direction] = _BOTH) -> optuna.Study:
    return optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=0))


def _stopped(
    values: Sequence[Sequence[float]],
    directions: Sequence[Direction] = _BOTH,
    *,
    rung: int = 300,
    constraints: Sequence[float] | None = None,
) -> list[bool]:
    """What is decided for each trial, once all have reported."""
    study, halving = _study(directions), FrontHalving(rungs=_RUNGS, reduction=3)
    trials = [study.ask() for _ in values]
    for index, (trial, vector) in enumerate(zip(trials, values, strict=True)):
        if constraints is not None:
            trial.set_constraint("budget", constraints[index])
        halving.report(trial, rung, vector)
    return [halving.should_stop(trial, rung) for trial in trials]


def test_one_objective_keeps_the_better_third() -> None:
    values = [4.0, 9.0, 1.0, 7.0, 5.0, 8.0, 2.0, 3.0, 6.0]
    assert _stopped([(v,) for v in values], ["maximize"]) == [v < 7 for v in values]
    assert _stopped([(v,) for v in values], ["minimize"]) == [v > 3 for v in values]


def test_the_decisions_are_those_of_sorting_by_layer_at_every_size() -> None:
    rng = np.random.default_rng(0)
    for reached in range(1, 30):
        losses = rng.random((reached, 2))
        ahead = [places_ahead(losses, np.zeros(reached), i) for i in range(reached)]
        ranks = nondominated_ranks(losses)
        assert sorted(ahead) == list(range(reached))
        assert (np.diff(ranks[np.argsort(ahead)]) >= 0).all()


def test_a_layer_that_does_not_fit_is_thinned_evenly_rather_than_from_one_end() -> None:
    front = [(10.0 - i, 10.0 - i) for i in range(9)]  # accuracy up, cost up
    kept = [not stopped for stopped in _stopped(front)]
    assert [i for i, stays in enumerate(kept) if stays] == [0, 4, 8]


def test_dominated_trials_go_before_any_of_the_front() -> None:
    front = [(3.0, 3.0), (2.0, 2.0), (1.0, 1.0)]
    dominated = [(0.5, 2.5), (1.0, 3.5), (2.5, 3.5), (0.0, 1.0), (0.0, 9.0), (1.5, 2.5)]
    assert _stopped(front + dominated) == [False] * 3 + [True] * 6


def test_three_objectives_keep_the_best_of_each() -> None:
    values = [(9.0, 5.0, 5.0), (1.0, 0.0, 5.0), (1.0, 5.0, 0.0)]
    values += [(0.0, 6.0 + i, 6.0 + i) for i in range(6)]
    assert _stopped(values, ["maximize", "minimize", "minimize"]) == [False] * 3 + [True] * 6


def test_while_few_have_results_all_go_on() -> None:
    assert _stopped([(0.0, 9.0), (1.0, 1.0)]) == [False, False]
    assert _stopped([(0.0, 9.0), (1.0, 1.0), (2.0, 0.5)]) == [True, True, False]


def test_nobody_is_stopped_at_the_last_rung() -> None:
    assert not any(_stopped([(float(i), float(i)) for i in range(9)], rung=1200))


def test_infeasible_trials_come_after_feasible_ones_the_more_the_worse() -> None:
    values = [(9.0, 0.0)] * 3 + [(float(i), float(i)) for i in range(3)]
    assert _stopped(values, constraints=[2.0, 1.0, 3.0, 0.0, -1.0, 0.0])[:3] == [True] * 3
    losses = np.zeros((4, 2))
    violations = np.array([2.0, 1.0, 3.0, 0.0])
    assert [places_ahead(losses, violations, i) for i in range(4)] == [2, 1, 3, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_the_worst_even_of_the_cheapest(bad: float) -> None:
    values = [(bad, 0.0), *((float(i), 10.0 + i) for i in range(5))]
    assert _stopped(values)[0]
    losses = np.array([[bad, 0.0], [1.0, 1.0], [5.0, 5.0]])
    assert places_ahead(losses, np.array([0.0, 0.0, 99.0]), 0) == 2


def test_failed_and_waiting_trials_do_not_count() -> None:
    study, halving = _study(), FrontHalving(rungs=_RUNGS)
    trials = [study.ask() for _ in range(4)]
    for index, trial in enumerate(trials):
        halving.report(trial, 0, (float(index), 1.0))
    study.tell(trials[3], state=optuna.trial.TrialState.FAIL)
    study.enqueue_trial({"x": 1})
    assert halving.standing(trials[2], 0).reached == 3
    assert halving.standing(trials[2], 0).ahead == 0


def test_stopped_and_finished_trials_count() -> None:
    study, halving = _study(), FrontHalving(rungs=_RUNGS)
    trials = [study.ask() for _ in range(3)]
    for index, trial in enumerate(trials):
        halving.report(trial, 0, (9.0 - index, 1.0))
    study.tell(trials[0], (9.0, 1.0))
    study.tell(trials[1], state=optuna.trial.TrialState.PRUNED)
    standing = halving.standing(trials[2], 0)
    assert (standing.reached, standing.ahead, standing.places) == (3, 2, 1)


def test_places_are_a_share_also_for_reductions_that_are_no_integer() -> None:
    assert [places_at_rung(n, 3) for n in (1, 2, 3, 5, 6, 9)] == [1, 2, 1, 1, 2, 3]
    assert [places_at_rung(n, 1.5) for n in (1, 3, 6, 9)] == [1, 2, 4, 6]


def test_an_objective_function_that_stops_early_with_the_samplers_of_optuna() -> None:
    """The way a user's own study takes it; TPE must be able to read the stopped trials."""
    halving = FrontHalving(rungs=(0, 1, 3), reduction=2)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        width = trial.suggest_int("width", 1, 100)
        quality = trial.suggest_float("quality", 0.0, 1.0)
        for epochs in halving.rungs:
            accuracy = quality * math.log(width + 1) * (1 - 0.5 ** (epochs + 1))
            halving.report(trial, epochs, (accuracy, width))
            if halving.should_stop(trial, epochs):
                raise optuna.TrialPruned
        return accuracy, width

    for sampler in (
        optuna.samplers.TPESampler(seed=0, n_startup_trials=5),
        optuna.samplers.NSGAIISampler(seed=0, population_size=5),
    ):
        study = optuna.create_study(directions=_BOTH, sampler=sampler)
        study.optimize(objective, n_trials=30)
        states = [trial.state.name for trial in study.trials]
        assert states.count("PRUNED") >= 10
        assert states.count("COMPLETE") >= 5
        assert len(states) == states.count("PRUNED") + states.count("COMPLETE")
        assert all("rung 0" in trial.user_attrs for trial in study.trials)


def test_one_objective_leaves_a_learning_curve_for_the_dashboard() -> None:
    study, halving = _study(["maximize"]), FrontHalving(rungs=_RUNGS)
    trial = study.ask()
    for samples, value in ((0, 1.0), (300, math.nan), (1200, 3.0)):
        halving.report(trial, samples, [value])
    curve = study.trials[0].intermediate_values
    assert list(curve) == [0, 300, 1200]
    assert (curve[0], curve[1200]) == (1.0, 3.0)


def test_trials_of_another_process_count(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=url, study_name="one", directions=_BOTH)
    halving, mine = FrontHalving(rungs=_RUNGS), study.ask()
    halving.report(mine, 0, (1.0, 5.0))
    assert not halving.should_stop(mine, 0)
    script = (
        "import sys, optuna\n"
        "from studies.halving import FrontHalving\n"
        "study = optuna.load_study(study_name='one', storage=sys.argv[1])\n"
        "halving = FrontHalving(rungs=(0, 300, 1200))\n"
        "trials = [study.ask() for _ in range(3)]\n"
        "for i, trial in enumerate(trials): halving.report(trial, 0, (2.0 + i, 4.0 - i))\n"
        "print([halving.standing(trial, 0) for trial in trials])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, url], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("reached=4") == 3
    standing = halving.standing(mine, 0)
    assert (standing.reached, standing.ahead, standing.goes_on) == (4, 3, False)


def test_halving_keeps_more_of_the_true_front_than_stopping_at_random() -> None:
    """Same rungs, same number of trials let through; values at a rung are the true ones and noise.

    Mean of 20 studies of 60 networks; noise of 1 sd at rung 0 and 0.3 sd at rung 300.
    """
    kept, at_random = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cost = rng.random(60)
        true = np.stack([-np.sqrt(cost) - 0.3 * rng.standard_normal(60), cost], axis=1)
        there = np.arange(60)
        for noise in (1.0, 0.3):
            seen = true.copy()
            seen[:, 0] += noise * true[:, 0].std() * rng.standard_normal(60)
            places = places_at_rung(len(there), 2)
            ahead = [places_ahead(seen[there], np.zeros(len(there)), i) for i in range(len(there))]
            there = there[np.argsort(ahead)[:places]]
        front = np.flatnonzero(nondominated_ranks(true) == 0)
        kept.append(np.isin(front, there).mean())
        at_random.append(len(there) / 60)
    assert np.mean(kept) > 2 * np.mean(at_random)


@pytest.mark.parametrize("rungs", [(), (300, 300), (300, 0), (-1, 5)])
def test_rungs_that_do_not_grow(rungs: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="sample numbers from 0 that grow"):
        FrontHalving(rungs=rungs)


@pytest.mark.parametrize("reduction", [1.0, 0.0, -2.0, math.inf, math.nan])
def test_a_reduction_that_stops_nobody_or_everybody(reduction: float) -> None:
    with pytest.raises(UsageError, match="above 1"):
        FrontHalving(rungs=_RUNGS, reduction=reduction)


def test_what_cannot_be_reported_or_asked() -> None:
    study, halving = _study(), FrontHalving(rungs=_RUNGS)
    trial = study.ask()
    with pytest.raises(UsageError, match="rung 7 is none of 0, 300, 1200"):
        halving.report(trial, 7, (1.0, 2.0))
    with pytest.raises(UsageError, match="1 values at rung 0: the study has 2"):
        halving.report(trial, 0, (1.0,))
    with pytest.raises(UsageError, match="trial 0 has no values at rung 300"):
        halving.should_stop(trial, 300)
