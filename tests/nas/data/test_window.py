from __future__ import annotations

import torch

from nas.data.window import Window

WINDOW = Window(top=10, left=8, rows=20, columns=40, height=40, width=80)


def test_pixels_are_those_under_the_centres() -> None:
    assert WINDOW.pixel_rows().tolist() == [10 + i // 2 for i in range(40)]
    assert WINDOW.pixel_columns().tolist() == [8 + i // 2 for i in range(80)]


def test_coarse_maps_are_cropped_by_their_own_cells() -> None:
    assert WINDOW.pixel_columns(20).tolist() == [2 + (2 * i + 1) // 4 for i in range(20)]


def test_places_move_with_their_pixels() -> None:
    x = torch.tensor([8 / 80, 28 / 80, 48 / 80])
    torch.testing.assert_close(WINDOW.x_of(x), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(WINDOW.y_of(torch.tensor([0.25, 0.75])), torch.tensor([0.0, 1.0]))
    assert (WINDOW.vertical_zoom, WINDOW.horizontal_zoom) == (2.0, 2.0)
