from __future__ import annotations

import torch

from nas.tasks.heat_map import map_divergence, map_position, map_target, peaked_map

POSITIONS = torch.tensor([[0.5, 0.5], [0.2, 0.81], [0.05, 0.95], [0.333, 0.1]])


def test_a_target_is_a_distribution_whose_mean_is_the_position() -> None:
    target = map_target(POSITIONS, 20, 40)
    torch.testing.assert_close(target.sum((1, 2)), torch.ones(4))
    torch.testing.assert_close(map_position(target.clamp(min=1e-9).log()), POSITIONS)
    assert (target > 0).sum((1, 2)).max() <= 4


def test_positions_survive_being_told_by_scores() -> None:
    torch.testing.assert_close(
        map_position(peaked_map(POSITIONS, 32, 64)), POSITIONS, atol=1e-5, rtol=0
    )


def test_divergence_is_zero_at_the_target_and_else_above() -> None:
    scores = peaked_map(POSITIONS, 8, 16)
    assert map_divergence(scores, POSITIONS).max() < 1e-5
    assert map_divergence(scores, POSITIONS.flip(0)).min() > 1
    flat = torch.zeros_like(scores).requires_grad_()
    map_divergence(flat, POSITIONS).sum().backward()
    assert flat.grad is not None
    assert (flat.grad[map_target(POSITIONS, 8, 16) > 0.1] < 0).all()


def test_scores_that_are_no_numbers_still_tell_a_place() -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        place = map_position(torch.full((1, 4, 8), value))
        torch.testing.assert_close(place, torch.tensor([[0.5, 0.5]]))
