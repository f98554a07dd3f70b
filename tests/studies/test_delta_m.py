from __future__ import annotations

import pytest

from nas.tasks.depth import Depth
from nas.tasks.kinds import make_task
from nas.tasks.task import Metric
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH
from studies.delta_m import delta_m, relative_change, signed_change, small_denominators

_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_BASELINES = {
    "segmentation": {"miou": 0.5},
    "depth": {"delta_1_25": 0.8},
    "motion": {"iou_moving": 0.02},
}


def test_mean_relative_change_in_percent() -> None:
    metrics = {"segmentation": {"miou": 0.6}, "depth": {"delta_1_25": 0.6}}
    assert delta_m(metrics, _BASELINES, _TASKS) == pytest.approx((20 - 25) / 2)


def test_equal_to_the_baselines_is_zero() -> None:
    assert delta_m(_BASELINES, _BASELINES, _TASKS) == 0


def test_a_tiny_denominator_counts_as_a_twentieth() -> None:
    metrics = {"motion": {"iou_moving": 0.07}}
    assert delta_m(metrics, _BASELINES, _TASKS) == pytest.approx(100)
    assert small_denominators(_BASELINES, _TASKS) == ["motion"]


def test_less_of_what_is_to_be_minimized_is_better() -> None:
    class Error(Depth):
        metrics = (Metric(name="abs_rel", direction="minimize", unit="share"),)

    change = relative_change({"depth": {"abs_rel": 0.3}}, {"depth": {"abs_rel": 0.4}}, Error(DEPTH))
    assert change == pytest.approx(25)
    assert signed_change(0.3, 0.4, "maximize") == pytest.approx(-25)
