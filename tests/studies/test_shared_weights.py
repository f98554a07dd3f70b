from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.budget import Budget
from nas.cost import cost_of
from nas.elastic.training import ElasticTraining
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from search_spaces.presets import independent
from studies.errors import StudyError
from studies.opening import load_study
from studies.problem import problem_of
from studies.shared_weights import load_weights, sandwich, save_weights, train_shared_weights


def test_weights_come_back_as_they_were_saved(climbed: Any, tmp_path: Path) -> None:
    bench, reference = climbed.run.bench, climbed.run.problem.reference
    kept = load_study(climbed.config.storage).shared_weights()
    assert kept is not None
    weights = load_weights(kept, bench, 0)
    save_weights(weights, tmp_path / "weights.safetensors")
    again = load_weights((tmp_path / "weights.safetensors").read_bytes(), bench, 0)
    assert again.tensors.keys() == weights.tensors.keys()
    first, second = (w.network(reference).state_dict() for w in (weights, again))
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_what_is_no_file_of_weights_says_what_to_do(climbed: Any) -> None:
    with pytest.raises(StudyError, match=r"are damaged \(.*put their file back .* --study NAME"):
        load_weights(b"nothing of the kind", climbed.run.bench, 0)


def test_the_weights_of_all_allowed_networks_learn_but_no_dearer_ones(climbed: Any) -> None:
    problem = climbed.run.problem
    draw = sandwich(problem)
    budget = problem.config.budget
    networks = [network for step in range(16) for network in draw(step)]
    assert all(budget.allows(cost_of(network)) for network in networks)
    assert not budget.allows(cost_of(problem.space.nearest(independent(problem.specs))))
    assert len(set(networks)) > 8
    assert problem.reference.encoder in {network.encoder for network in networks}


@pytest.mark.parametrize(
    ("fix", "learns"),
    [
        ({"sharing": "independent", "links": "none,add"}, lambda a: bool(a.links)),
        ({"sharing": "0,5"}, lambda a: a.sharing.depth_between("depth", "segmentation") == 0),
        ({"augmentation": "none,16"}, lambda a: bool(a.augmentations)),
    ],
    ids=["links", "branches", "private channels"],
)
def test_what_only_adds_to_the_reference_network_learns_too(
    climbed: Any, fix: dict[str, str], learns: Callable[[Architecture], bool]
) -> None:
    narrow = {**climbed.config.fix, "width": "8", "links": "none", **fix}
    problem = problem_of(replace(climbed.config, budget=Budget(), fix=narrow))
    draw = sandwich(problem)
    drawn = [network for step in range(24) for network in draw(step)]
    assert 4 < sum(learns(network) for network in drawn) < 24


def test_where_no_network_is_allowed_the_cheapest_of_the_family_learns(climbed: Any) -> None:
    budget = Budget.parse(["2mmacs"])
    problem = problem_of(replace(climbed.config, budget=budget))
    draw = sandwich(problem)
    networks = {network for step in range(8) for network in draw(step)}
    assert networks == set(draw.large.values())
    assert {network.encoder.width for network in networks} == {8}


def test_running_out_of_memory_is_a_training_error(
    climbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr(ElasticTraining, "run", explode)
    with pytest.raises(TrainingError, match="shared weights: out of memory on cpu"):
        train_shared_weights(climbed.run.problem, climbed.run.bench)
