"""What every study can expect of the front sampler, and that it learns."""

from __future__ import annotations

import itertools
import pickle
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from studies.candidate_pool import Candidates
from studies.candidate_space import Params
from studies.errors import UsageError
from studies.front_model import FrontModel, Outlook
from studies.front_sampler import FrontSampler

NAMES = [f"p{i}" for i in range(5)]
CHOICES = ["none", "skip", "small", "large"]
GAIN = {"none": 0.0, "skip": 1.0, "small": 3.0, "large": 4.0}
COST = {"none": 1.0, "skip": 1.0, "small": 2.0, "large": 5.0}


def cost(params: Params) -> float:
    return sum(COST[str(params[name])] for name in NAMES)


def quality(params: Params) -> float:
    gains = [GAIN[str(params[name])] * (i + 1) for i, name in enumerate(NAMES)]
    return sum(gains) - (20.0 if params["p0"] == params["p1"] else 0.0)


def suggest(trial: optuna.Trial) -> dict[str, str]:
    return {name: trial.suggest_categorical(name, CHOICES) for name in NAMES}


def two(trial: optuna.Trial) -> tuple[float, float]:
    params = suggest(trial)
    return quality(params), cost(params)


def study_of(
    sampler: optuna.samplers.BaseSampler, directions: Sequence[str] = ("maximize", "minimize")
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=list(directions), sampler=sampler)


def asked(study: optuna.Study) -> list[tuple[object, ...]]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


OBJECTIVES: dict[str, tuple[Sequence[str], Callable[[optuna.Trial], object], dict[int, object]]] = {
    "one": (["maximize"], lambda t: quality(suggest(t)), {}),
    "two, cost known": (["maximize", "minimize"], two, {1: cost}),
    "two, none known": (["maximize", "minimize"], two, {}),
    "two, all known": (["maximize", "minimize"], two, {0: quality, 1: cost}),
    "two, cost first": (["minimize", "maximize"], lambda t: two(t)[::-1], {0: cost}),
    "three": (
        ["maximize", "minimize", "maximize"],
        lambda t: (*two(t), float(t.params["p3"] == "skip")),
        {1: cost},
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_candidate_comes_twice(name: str) -> None:
    directions, objective, known = OBJECTIVES[name]
    study = study_of(FrontSampler(known=known, seed=1), directions)  # type: ignore[arg-type]
    study.optimize(objective, n_trials=20)  # type: ignore[arg-type]
    assert len(set(asked(study))) == 20


def test_it_finds_more_of_the_front_than_random_draws() -> None:
    every = [dict(zip(NAMES, v, strict=True)) for v in itertools.product(CHOICES, repeat=5)]
    whole = _area([(quality(params), cost(params)) for params in every])

    def share(sampler: optuna.samplers.BaseSampler) -> float:
        study = study_of(sampler)
        study.optimize(two, n_trials=30)
        return _area([(trial.values[0], trial.values[1]) for trial in study.trials]) / whole

    ours, others = (
        [share(sampler(seed)) for seed in range(3)]
        for sampler in (
            lambda seed: FrontSampler(known={1: cost}, seed=seed),
            lambda seed: optuna.samplers.RandomSampler(seed=seed),
        )
    )
    assert statistics.fmean(ours) > 0.94
    assert max(others) < 0.90 < min(ours)


def test_every_choice_gets_several_tries_however_bad_it_was_at_first() -> None:
    """What a dear choice costs is known: nothing else speaks for it."""

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = suggest(trial)
        return quality(params) - (30.0 if params["p2"] == "large" else 0.0), cost(params)

    study = study_of(FrontSampler(known={1: cost}, seed=0))
    study.optimize(objective, n_trials=48)
    for name in NAMES:
        tries = Counter(trial.params[name] for trial in study.trials)
        assert min(tries[choice] for choice in CHOICES) >= 3, (name, tries)


@pytest.mark.parametrize("end", [RuntimeError, optuna.TrialPruned])
def test_a_choice_that_always_fails_is_not_asked_for_again_and_again(end: type[Exception]) -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = suggest(trial)
        if params["p2"] == "large":
            raise end
        return quality(params), cost(params)

    study = study_of(FrontSampler(known={1: cost}, seed=0))
    study.optimize(objective, n_trials=60, catch=RuntimeError)
    failed = [trial.params["p2"] == "large" for trial in study.trials]
    assert sum(failed) < 30  # random draws: 15
    assert "11111111" not in "".join(map(str, map(int, failed)))


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
def test_units_of_objectives_make_no_difference(unit: float) -> None:
    def scaled(params: Params) -> float:
        return unit * cost(params)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = suggest(trial)
        return unit * quality(params), scaled(params)

    plain, other = (study_of(FrontSampler(known={1: f}, seed=0)) for f in (cost, scaled))
    plain.optimize(two, n_trials=24)
    other.optimize(objective, n_trials=24)
    assert asked(plain) == asked(other)


def _area(points: list[tuple[float, float]]) -> float:
    """Hypervolume above quality 0 and below the largest cost there is, 25."""
    area, best = 0.0, 0.0
    ordered = sorted((known, -value) for value, known in points)
    for (known, negative), following in itertools.zip_longest(ordered, ordered[1:]):
        best = max(best, -negative)
        area += best * ((following[0] if following else 25.0) - known)
    return area


def test_by_ratio_the_cheap_part_of_a_front_is_worth_as_much_as_the_dear_one() -> None:
    """Costs double from 1 to 512; quality grows by 1 each time."""

    def doubled(params: Params) -> float:
        return float(2 ** int(str(params["size"])))

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        size = trial.suggest_categorical("size", [str(k) for k in range(10)])
        kind = trial.suggest_categorical("kind", CHOICES)
        return int(size) + GAIN[kind], doubled({"size": size})

    def sizes(seed: int, by_ratio: bool) -> int:
        study = study_of(FrontSampler(known={1: doubled}, by_ratio=by_ratio, seed=seed))
        study.optimize(objective, n_trials=12)
        return sum(int(trial.params["size"]) for trial in study.trials)

    assert all(sizes(seed, by_ratio=True) < sizes(seed, by_ratio=False) for seed in range(3))


def test_infeasible_candidates_are_never_proposed() -> None:
    sampler = FrontSampler(
        space=optuna_space(), known={1: cost}, feasible=lambda p: cost(p) <= 9, seed=0
    )
    study = study_of(sampler)
    study.optimize(two, n_trials=20)
    assert all(trial.values[1] <= 9 for trial in study.trials)


def optuna_space() -> object:
    from studies.seen_space import SeenSpace

    return SeenSpace({n: optuna.distributions.CategoricalDistribution(CHOICES) for n in NAMES}, [])


def test_violated_constraints_are_avoided_and_are_no_part_of_the_front() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = suggest(trial)
        bad = params["p4"] == "large"
        trial.set_constraint("p4", 1.0 if bad else -1.0)
        return quality(params), cost(params)

    study = study_of(FrontSampler(known={1: cost}, seed=0))
    study.optimize(objective, n_trials=40)
    late = [trial.params["p4"] == "large" for trial in study.trials[20:]]
    assert sum(late) <= 5  # the best qualities are all there


def test_costs_of_trials_that_broke_off_are_unknown() -> None:
    def known(params: Params) -> float:
        return float(params["x"]) + float(params["y"])  # type: ignore[arg-type]

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = trial.suggest_int("x", 0, 9)
        if x < 5:
            trial.set_constraint("x", 1.0)
            raise optuna.TrialPruned
        y = trial.suggest_int("y", 0, 9)
        return float(x * y), float(x + y)

    study = study_of(FrontSampler(known={1: known}, by_ratio=True, seed=0))
    study.enqueue_trial({"x": 3})
    study.optimize(objective, n_trials=20)
    study.enqueue_trial({"x": 7})
    study.ask().suggest_int("x", 0, 9)
    study.optimize(objective, n_trials=4)
    assert len(study.trials) == 25


def test_with_a_space_of_its_own_a_missing_parameter_is_an_error() -> None:
    """What is drawn there is whole: a name that is not in it is misspelt."""
    sampler = FrontSampler(space=optuna_space(), known={1: lambda p: float(p["size"])})  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        study_of(sampler).optimize(two, n_trials=1)


def test_running_and_waiting_candidates_are_not_proposed_again() -> None:
    study = study_of(FrontSampler(known={1: cost}, seed=0))
    study.optimize(two, n_trials=8)
    study.enqueue_trial(dict.fromkeys(NAMES, "small"))
    for _ in range(12):
        suggest(study.ask())
    assert len(set(asked(study))) == 20


def test_of_many_at_a_time_some_are_chosen_at_once_and_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outlooks: list[int] = []
    outlook = FrontModel.outlook

    def counted(self: FrontModel, candidates: Candidates, awaited: Sequence[Params]) -> Outlook:
        outlooks.append(len(awaited))
        return outlook(self, candidates, awaited)

    monkeypatch.setattr(FrontModel, "outlook", counted)

    def evaluated(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        study = study_of(sampler)
        running = [(trial := study.ask(), two(trial)) for _ in range(70)]
        for _ in range(60):
            study.tell(*running.pop(0))
            running.append((trial := study.ask(), two(trial)))
        for trial, values in running:
            study.tell(trial, values)
        return study

    def area(study: optuna.Study) -> float:
        return _area([(trial.values[0], trial.values[1]) for trial in study.trials])

    study = evaluated(FrontSampler(space=optuna_space(), known={1: cost}, seed=0))  # type: ignore[arg-type]
    assert 60 / 3 <= len(outlooks) < 25
    assert len(set(asked(study))) == 130
    assert area(study) > area(evaluated(optuna.samplers.RandomSampler(seed=0)))


def test_a_trial_whose_parameters_are_not_asked_for_yet_is_not_proposed_again() -> None:
    study = study_of(FrontSampler(space=optuna_space(), known={1: cost}, seed=0))  # type: ignore[arg-type]
    study.optimize(two, n_trials=8)
    first, second = study.ask(), study.ask()
    assert first.relative_params != second.relative_params


def test_going_on_is_the_same_as_not_having_stopped() -> None:
    whole = study_of(FrontSampler(known={1: cost}, seed=3))
    whole.optimize(two, n_trials=24)
    parts = study_of(FrontSampler(known={1: cost}, seed=3))
    for trials in (3, 10, 11):
        parts.sampler = FrontSampler(known={1: cost}, seed=3)
        parts.optimize(two, n_trials=trials)
    assert asked(parts) == asked(whole)


def test_seeds_differ() -> None:
    first, second = (study_of(FrontSampler(known={1: cost}, seed=seed)) for seed in (0, 1))
    first.optimize(two, n_trials=4)
    second.optimize(two, n_trials=4)
    assert asked(first) != asked(second)


def test_a_space_that_was_tried_out_repeats_and_ends() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        value = trial.suggest_int("a", 0, 2) + 3 * trial.suggest_categorical("b", [0, 1])
        return float(value), float(value % 4)

    study = study_of(FrontSampler(seed=0))
    study.optimize(objective, n_trials=9)
    assert len(set(asked(study)[:6])) == 6
    assert len(set(asked(study))) == 6


def test_conditional_parameters_do_not_hide_repeats() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        width = trial.suggest_int("width", 1, 4) if kind != "a" else 0
        deep = kind == "c" and width > 2 and trial.suggest_categorical("deep", [True, False])
        return width + 2.0 * deep, float(width)

    study = study_of(FrontSampler(seed=0))
    study.optimize(objective, n_trials=11)  # 1 + 4 + 2 + 2·2 there are
    assert len(set(asked(study))) == 11


def test_continuous_parameters_are_searched_too() -> None:
    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", 1e-3, 1, log=True)
        return (x - 0.3) ** 2 + (np.log10(y) + 1) ** 2

    study = study_of(FrontSampler(seed=0), ["minimize"])
    study.optimize(objective, n_trials=30)
    assert study.best_value < 0.02


def test_four_numbers_are_found_in_sixty_trials() -> None:
    """Random draws end at 5; with weights as free as those of choices it was 1.2."""

    def objective(trial: optuna.Trial) -> float:
        return sum((trial.suggest_float(f"x{i}", -5, 5) - i) ** 2 for i in range(4))

    def best(seed: int) -> float:
        study = study_of(FrontSampler(seed=seed), ["minimize"])
        study.optimize(objective, n_trials=60)
        return study.best_value

    assert statistics.median(best(seed) for seed in range(5)) < 0.5


def test_stopped_trials_teach_by_their_early_values() -> None:
    """All but a few trials are stopped at half of their quality; the best is found yet."""
    study = study_of(FrontSampler(known={1: cost}, seed=0))
    for number in range(30):
        trial = study.ask()
        value, known = two(trial)
        _report(study, trial, {100: value / 2})
        if number % 3:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            _report(study, trial, {400: value})
            study.tell(trial, [value, known])
    tried = [quality(trial.params) for trial in study.trials]
    assert max(tried[10:]) > 50  # of 60, where random draws have a mean of 26
    assert len(set(asked(study))) == 30


def _report(study: optuna.Study, trial: optuna.Trial, values: dict[int, float]) -> None:
    """``trial.report`` refuses studies with several objectives; the storage does not."""
    for step, value in values.items():
        study._storage.set_trial_intermediate_value(trial._trial_id, step, value)


def test_trials_that_fail_or_are_refused_are_survived() -> None:
    study = study_of(FrontSampler(known={1: cost}, seed=0))
    for number in range(15):
        trial = study.ask()
        params = suggest(trial)
        if number % 3 == 0:
            study.tell(trial, [quality(params), cost(params)])
        else:
            study.tell(trial, state=[TrialState.PRUNED, TrialState.FAIL][number % 3 - 1])
    assert len(set(asked(study))) == 15


def test_a_trial_that_broke_off_while_asking_does_not_close_its_region() -> None:
    study = study_of(FrontSampler(space=optuna_space(), known={1: cost}, seed=0))  # type: ignore[arg-type]
    for choice in CHOICES:
        study.enqueue_trial({"p0": choice})
        trial = study.ask()
        trial.suggest_categorical("p0", CHOICES)
        study.tell(trial, state=TrialState.FAIL)
    study.optimize(two, n_trials=6)
    assert all(trial.values[1] == cost(trial.params) for trial in study.trials[4:])
    assert len(set(asked(study)[4:])) == 6


def test_few_feasible_candidates_are_found_and_costs_that_are_no_number_left_out() -> None:
    def known(params: Params) -> float:
        return float("nan") if params["p1"] == "large" else cost(params)

    sampler = FrontSampler(
        space=optuna_space(),  # type: ignore[arg-type]
        known={1: known},
        feasible=lambda p: cost(p) == 5 and p["p0"] == "skip",
        seed=0,
    )
    study = study_of(sampler)
    study.optimize(two, n_trials=16)  # all there are: none or skip at the other four
    assert all(t.values[1] == 5 and t.params["p0"] == "skip" for t in study.trials)
    assert len(set(asked(study))) == 16


def test_of_many_trials_a_bounded_number_of_values_is_used() -> None:
    rng = np.random.default_rng(0)
    study = study_of(FrontSampler(space=optuna_space(), known={1: cost}, seed=0))  # type: ignore[arg-type]
    distribution = optuna.distributions.CategoricalDistribution(CHOICES)
    for _ in range(400):
        params = {name: str(rng.choice(CHOICES)) for name in NAMES}
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=dict.fromkeys(NAMES, distribution),
                values=[quality(params), cost(params)],
                intermediate_values={10: quality(params) - 5, 90: quality(params)},
            )
        )
    study.optimize(two, n_trials=2)
    model = study.sampler._search._view._model  # type: ignore[attr-defined]
    observations = model._observations(0, 402)
    assert 150 < len(observations.value) <= 256
    assert set(observations.stage) == {0.0, np.log1p(10) - np.log1p(90)}
    assert max(quality(t.params) for t in study.trials) == pytest.approx(-observations.value.min())


def test_it_can_be_sent_to_another_process() -> None:
    study = study_of(FrontSampler(seed=2))
    study.optimize(two, n_trials=8)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(two, n_trials=2)
    assert len(set(asked(study))) == 10


def test_an_unknown_objective_is_refused() -> None:
    study = study_of(FrontSampler(known={2: cost}))
    with pytest.raises(UsageError, match="known objective 2"):
        study.optimize(two, n_trials=1)
