from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from nas.elastic.weights import ElasticWeights
from nas.network import build_network
from nas.training import TrainingError
from search_spaces.presets import independent
from studies.course import Course
from studies.shared_weights import load_weights
from studies.store import load_study


def _state(trained: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.network.state_dict().items()}


def test_at_rung_0_a_network_is_judged_with_the_weights_that_it_inherits(climbed: Any) -> None:
    course, reference = climbed.run.course, climbed.run.problem.reference
    steps: list[int] = []
    first = course.train(reference, 0, None, lambda done, total: steps.append(done))
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
    trained, states = None, []
    for rung in course.rungs:
        trained = course.train(
            architecture, rung, trained, lambda done, total: steps.append((done, total))
        )
        states.append(_state(trained))
    return states, steps


def test_after_it_was_judged_every_rung_trains_from_scratch(climbed: Any) -> None:
    """16 samples in batches of 4: rung 4 is one step, rung 16 four."""
    bench, reference = climbed.run.bench, climbed.run.problem.reference
    states, steps = _climbed(climbed.run.course, reference)
    assert steps == [(1, 1), (1, 4), (2, 4), (3, 4), (4, 4)]
    scratch = _state(bench.train_candidate(reference))
    assert all(torch.equal(scratch[name], value) for name, value in states[-1].items())


def test_where_candidates_inherit_every_rung_trains_on_from_the_one_before(climbed: Any) -> None:
    run = climbed.run
    course = Course(run.bench, run.course.rungs, _weights(climbed), inherit=True)
    states, steps = _climbed(course, run.problem.reference)
    assert steps == [(1, 1), (1, 3), (2, 3), (3, 3)]
    for before, after in itertools.pairwise(states):
        assert any(not torch.equal(before[name], after[name]) for name in before)


def _weights(climbed: Any) -> ElasticWeights:
    kept = load_study(climbed.config.storage).shared_weights()
    assert kept is not None
    return load_weights(kept, climbed.run.bench, climbed.config.seed)


def test_what_a_candidate_inherits_depends_on_no_other_candidate(climbed: Any) -> None:
    problem, course = climbed.run.problem, climbed.run.course
    branched = problem.space.nearest(independent(problem.specs))
    alone = course.train(branched, 0, None).metrics
    trained = course.train(problem.reference, 4, None)
    assert trained.network.plan.architecture == problem.reference
    assert course.train(branched, 0, None).metrics == alone


def test_running_out_of_memory_fails_one_candidate(
    climbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("studies.course.estimate_statistics", explode)
    with pytest.raises(TrainingError, match="out of memory on cpu"):
        climbed.run.course.train(climbed.run.problem.reference, 0, None)
