from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from nas.network import build_network
from nas.training import TrainingError
from search_spaces.presets import independent
from studies.course import Course


def _state(trained: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.network.state_dict().items()}


def test_at_rung_0_a_network_is_judged_with_the_weights_that_it_inherits(climbed: Any) -> None:
    course, reference = climbed.run.course, climbed.run.problem.reference
    steps: list[int] = []
    first = course.climb(reference).to(0, lambda done, total: steps.append(done))
    assert steps == []
    assert set(first.metrics) == {"depth", "segmentation"}
    assert not first.network.training
    random = dict(build_network(reference, seed=0).named_parameters())
    learnt = dict(first.network.named_parameters())
    assert any(not torch.equal(random[name], value) for name, value in learnt.items())
    norm = next(m for m in first.network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert norm.running_mean is not None
    assert norm.running_mean.abs().sum() > 0


def _climbed(course: Course, architecture: Any) -> tuple[list[Any], list[tuple[int, int]]]:
    """States at every rung, and the steps done and in all that were told."""
    steps: list[tuple[int, int]] = []
    climb = course.climb(architecture)
    states = [
        _state(climb.to(rung, lambda done, total: steps.append((done, total))))
        for rung in course.rungs
    ]
    return states, steps


def test_after_it_was_judged_a_candidate_trains_from_scratch(climbed: Any) -> None:
    """16 samples in batches of 4: rung 8 is two steps, rung 16 two more."""
    bench, reference = climbed.run.bench, climbed.run.problem.reference
    states, steps = _climbed(climbed.run.course, reference)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    scratch = _state(bench.train_candidate(reference))
    assert all(torch.equal(scratch[name], value) for name, value in states[-1].items())


def test_where_candidates_inherit_they_train_on_from_there(climbed: Any) -> None:
    course = replace(climbed.run.course, inherit=True)
    states, steps = _climbed(course, climbed.run.problem.reference)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    scratch = _state(climbed.run.bench.train_candidate(climbed.run.problem.reference))
    assert any(not torch.equal(scratch[name], value) for name, value in states[-1].items())
    moved = [name for name in states[0] if "running" not in name and "num_batches" not in name]
    far = [max(float((s[n] - states[0][n]).abs().max()) for n in moved) for s in states[1:]]
    assert 0 < far[0] < 0.1


def test_what_a_candidate_inherits_depends_on_no_other_candidate(climbed: Any) -> None:
    problem, course = climbed.run.problem, climbed.run.course
    branched = problem.space.nearest(independent(problem.specs))
    alone = course.climb(branched).to(0).metrics
    trained = replace(course, inherit=True).climb(problem.reference).to(8)
    assert trained.network.plan.architecture == problem.reference
    assert course.climb(branched).to(0).metrics == alone


def test_running_out_of_memory_fails_one_candidate(
    climbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("studies.course.calibrate", explode)
    with pytest.raises(TrainingError, match="out of memory on cpu"):
        climbed.run.course.climb(climbed.run.problem.reference).to(0)
