from __future__ import annotations

import pytest
import torch

from nas.tasks.column_position import decode_rows, peaked_logits, row_divergence, row_target

POSITIONS = torch.tensor([[0.0, 0.013, 0.31, 0.5, 0.987, 1.0]])


@pytest.mark.parametrize("rows", [8, 16, 40])
def test_positions_are_kept_finer_than_a_row(rows: int) -> None:
    decoded = decode_rows(peaked_logits(POSITIONS, rows))
    torch.testing.assert_close(decoded, POSITIONS, atol=1e-5, rtol=0)


def test_a_target_is_shared_between_the_two_nearest_rows() -> None:
    target = row_target(torch.tensor([[0.25]]), 4)  # row 0.75 of 0 to 3
    assert target[0, :, 0].tolist() == pytest.approx([0.25, 0.75, 0, 0])


def test_divergence_is_least_at_the_position_itself() -> None:
    logits = torch.zeros(1, 9, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        loss = row_divergence(logits, POSITIONS).sum()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 1e-2
    torch.testing.assert_close(decode_rows(logits.detach()), POSITIONS, atol=2e-3, rtol=0)


def test_divergence_grows_with_the_distance_of_a_blurred_peak() -> None:
    row = torch.arange(20)[:, None]
    blurred = -((row - torch.tensor([10.0, 12.0, 15.0, 19.0])) ** 2)[None] / 8
    divergence = row_divergence(blurred, torch.full((1, 4), 10 / 19))[0]
    assert (divergence.diff() > 0).all()


def test_a_lower_peak_far_away_does_not_pull() -> None:
    logits = torch.full((1, 20, 1), -20.0)
    logits[0, 5], logits[0, 15] = 3.0, 2.9
    assert float(decode_rows(logits)) == pytest.approx(5 / 19, abs=1e-5)


def test_scores_that_are_not_finite_decode_within_the_column() -> None:
    for value in (float("nan"), float("inf"), -float("inf")):
        decoded = decode_rows(torch.full((1, 8, 2), value))
        assert ((decoded >= 0) & (decoded <= 1)).all()
