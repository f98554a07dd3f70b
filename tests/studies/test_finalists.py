from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from studies.finalists import Conditions, Finalists, SeedRun
from studies.record import TrialRecord

#: Primary metric of depth (to minimize) and segmentation (to maximize), one each a seed.
Values = tuple[tuple[float, float], ...]
TASKS = ("depth", "segmentation")
SEEDS = (1000, 2000, 3000)
ALONE: Values = ((2.0, 0.40), (2.0, 0.50), (2.0, 0.40))


def finalists_of(
    networks: Mapping[int, Values],
    *,
    alone: Values = ALONE,
    macs: Mapping[int, int] | None = None,
    objectives: tuple[Any, ...] = (("delta_m", "maximize"), ("macs", "minimize")),
) -> Finalists:
    """Finalists with these metrics by trial; trial N costs N MACs unless ``macs`` says else."""
    costs = {number: (macs or {}).get(number, number) for number in networks}
    records = [
        TrialRecord(
            number=number,
            status="complete",
            architecture=shared(DEFAULT_TASKS),
            values=tuple({"macs": float(costs[number])}.get(name, 99.0) for name, _ in objectives),
            metrics={},
            macs=costs[number],
        )
        for number in networks
    ]
    return Finalists(
        conditions=Conditions(
            fidelity="quick",
            samples=8,
            begin="scratch",
            judged_on=("synthetic",),
            constants={"depth": {"rmse": 9.0}, "segmentation": {"miou": 0.1}},
        ),
        trials=tuple(sorted(records, key=lambda record: record.macs)),
        runs={
            number: _runs(values, ("depth", "segmentation")) for number, values in networks.items()
        },
        baselines={task: _runs(alone, (task,)) for task in TASKS if alone},
        objectives=objectives,
        primary={"depth": "rmse", "segmentation": "miou"},
        directions={"depth": "minimize", "segmentation": "maximize"},
    )


def _runs(values: Values, tasks: tuple[str, ...]) -> dict[int, SeedRun]:
    return {
        seed: SeedRun(
            seed=seed,
            metrics={
                task: {"rmse": depth, "other": 1.0} if task == "depth" else {"miou": miou}
                for task in tasks
            },
            seconds=1.0,
        )
        for seed, (depth, miou) in zip(SEEDS, values, strict=False)
    }


def test_delta_m_is_taken_against_the_single_task_networks_of_the_same_seed() -> None:
    finalists = finalists_of({1: ((1.0, 0.40), (2.0, 0.50), (2.0, 0.60))})
    delta_m = finalists.delta_m(1)
    assert delta_m is not None
    assert delta_m.values == pytest.approx((25.0, 0.0, 25.0))
    assert finalists.metric(1, "segmentation").mean == pytest.approx(0.5)
    assert finalists.metric(1, "depth", "other").mean == 1.0


def test_a_seed_without_all_single_task_networks_tells_no_delta_m() -> None:
    networks = {1: ((1.0, 0.4), (1.0, 0.5))}
    some, none = finalists_of(networks, alone=ALONE[:1]), finalists_of(networks, alone=())
    delta_m = some.delta_m(1)
    assert delta_m is not None
    assert len(delta_m.values) == 1
    assert none.delta_m(1) is None
    assert none.dominated() == {}
    assert list(none.comparisons()) == []
    assert none.baseline("depth") is None


def test_neighbours_along_the_front_are_compared_seed_by_seed() -> None:
    """The single-task networks of the second seed are bad: that makes no difference to a pair."""
    alone = ((2.0, 0.40), (2.0, 0.10), (2.0, 0.40))
    cheap = tuple((2.0, miou) for _, miou in alone)
    dear = ((1.9, 0.40), (1.9, 0.10), (1.88, 0.40))
    noisy = ((1.9, 0.44), (2.3, 0.05), (1.7, 0.45))
    finalists = finalists_of({3: cheap, 5: dear, 8: noisy}, alone=alone)
    pairs = list(finalists.comparisons())
    assert [(p.cheaper, p.dearer) for p in pairs] == [(3, 5), (5, 8)]
    assert [p.distinguishable for p in pairs] == [True, False]
    assert pairs[0].difference.values == pytest.approx((2.5, 2.5, 3.0))
    assert finalists.to_json()["not_distinguishable"] == [[5, 8]]


def test_one_seed_tells_nothing_apart() -> None:
    finalists = finalists_of({1: ((1.0, 0.9),), 2: ((9.0, 0.1),)})
    assert [p.distinguishable for p in finalists.comparisons()] == [False]


def test_the_front_is_found_anew_from_the_means_on_the_test_split() -> None:
    better, worse = ((1.0, 0.5),) * 3, ((1.5, 0.5),) * 3
    assert finalists_of({1: better, 2: worse}).dominated() == {2: 1}
    assert finalists_of({1: worse, 2: better}).dominated() == {}


def test_a_task_as_objective_counts_with_its_mean_and_what_needs_no_training_as_it_is() -> None:
    objectives = (("segmentation", "maximize"), ("latency_ms", "minimize"))
    networks = {1: ((1.0, 0.5),) * 3, 2: ((9.0, 0.6),) * 3}
    assert finalists_of(networks, objectives=objectives).dominated() == {1: 2}


def test_the_document_holds_every_metric_with_its_spread() -> None:
    document: Any = finalists_of({1: ALONE, 2: ALONE}).to_json()
    assert [network["trial"] for network in document["networks"]] == [1, 2]
    assert document["networks"][0]["metrics"]["depth"]["other"] == {
        "mean": 1.0,
        "std": 0.0,
        "values": [1.0, 1.0, 1.0],
    }
    assert document["networks"][1]["dominated_by"] == 1
    assert document["networks"][0]["delta_m"]["mean"] == 0.0
    assert [entry["task"] for entry in document["baselines"]] == ["depth", "segmentation"]
    assert document["baselines"][1]["seeds"] == list(SEEDS)
    assert (document["split"], document["begin"]) == ("test", "scratch")
