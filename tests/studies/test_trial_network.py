from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nas.budget import Budget
from nas.deployment import Deployment
from nas.resolution import Resolution
from studies.errors import StudyError
from studies.opening import load_study
from studies.result import StudyResult
from studies.storage import artifact_folder
from studies.trial_network import budget_from, trial_network


def test_the_trained_network_comes_back(finished: StudyResult) -> None:
    store = load_study(finished.storage)
    network = trial_network(store, finished.complete[0])
    outputs = network(torch.zeros(1, network.streams, 3, 32, 64))
    assert set(outputs) == {"depth", "motion", "segmentation"}
    assert not network.training
    again = trial_network(store, finished.complete[0])
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True)
    )


def test_what_was_not_trained_has_no_network(finished: StudyResult) -> None:
    refused = next(trial for trial in finished.trials if trial.status == "refused")
    with pytest.raises(StudyError, match=r"no trained network, it is refused: .* over"):
        trial_network(load_study(finished.storage), refused)


def test_weights_of_another_network_are_refused(finished: StudyResult) -> None:
    first, second = finished.complete[:2]
    swapped = replace(first, weights=second.weights)
    with pytest.raises(StudyError, match="damaged or of another version"):
        trial_network(load_study(finished.storage), swapped)


def test_damaged_weights_are_refused(finished: StudyResult) -> None:
    store = load_study(finished.storage)
    file = artifact_folder(finished.storage) / "broken"
    file.write_bytes(b"no safetensors")
    with pytest.raises(StudyError, match="damaged or of another version"):
        trial_network(store, replace(finished.complete[0], weights="broken"))


@pytest.mark.parametrize("texts", [[], ["30tops"], ["12.5 gmacs", "7mparams", "15ms", "50mb"]])
def test_a_budget_comes_back_from_a_study(texts: list[str]) -> None:
    where = Deployment(resolution=Resolution(640, 384), fps=25, cameras=2, utilization=0.5)
    budget = Budget.parse(texts, where)
    assert budget_from(budget.to_dict()) == budget
