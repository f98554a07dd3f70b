from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nas.key_performance import key_performance
from nas.tasks.calibration import Calibration
from nas.tasks.depth import Depth
from nas.tasks.task import LabelStatistics, Metric
from search_spaces.default_tasks import CALIBRATION, DEPTH

STATISTICS = LabelStatistics(
    initial_bias=torch.zeros(1), weights=None, constant=torch.full((1,), 10.0)
)


class RelativeDepth(Depth):
    metrics = (Metric(name="abs_rel", direction="minimize", unit="share"),)


def kpi(task: Any, predicted: float, label: Tensor) -> float:
    output = torch.full((2, 1, 4, 4), predicted, requires_grad=True)
    return key_performance(task, output, label, STATISTICS)


def test_a_metric_to_maximise_is_taken_as_it_is() -> None:
    label = torch.full((2, 4, 4), 20.0)
    label[0] = 10.0
    assert kpi(Depth(DEPTH), 20.0, label) == pytest.approx(0.5)
    assert kpi(Depth(DEPTH), 60.0, label) == 0.0


def test_an_error_is_seen_beside_that_of_the_best_constant() -> None:
    label = torch.full((2, 4, 4), 20.0)  # the constant, 10, is half of it away
    task = RelativeDepth(DEPTH)
    assert kpi(task, 20.0, label) == 1.0
    assert kpi(task, 10.0, label) == pytest.approx(0.5)
    assert kpi(task, 18.0, label) == pytest.approx(0.5 / 0.6)
    assert kpi(task, 60.0, label) == pytest.approx(0.5 / 2.5)


@pytest.mark.parametrize("task", [Depth(DEPTH), RelativeDepth(DEPTH)])
def test_a_batch_without_labels_gives_a_number(task: Any) -> None:
    assert 0 <= kpi(task, 20.0, torch.zeros(2, 4, 4)) <= 1


def test_outputs_of_a_vector_are_judged_too() -> None:
    class Vector(RelativeDepth):
        def evaluator(self) -> Any:
            class Mean:
                total = 0.0

                def update(self, output: Tensor, label: Tensor) -> None:
                    self.total = (output - label).abs().mean().item()

                def result(self) -> dict[str, float]:
                    return {"abs_rel": self.total}

            return Mean()

    got = key_performance(
        Vector(DEPTH), torch.full((3, 1), 14.0), torch.full((3, 1), 16.0), STATISTICS
    )
    assert got == pytest.approx(6 / 8)


def test_a_vanishing_point_is_seen_beside_the_best_point_not_the_centre() -> None:
    task = Calibration(CALIBRATION)
    label = torch.tensor([[0.42, 0.3, 0.6, 1.2, 0.5, 0.5]] * 2)
    statistics = task.statistics([row.numpy() for row in label])
    flat = torch.zeros(2, 1, 8, 16)
    assert key_performance(task, flat, label, statistics) < 0.1
