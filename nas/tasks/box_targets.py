"""What every cell of a detector should say, from lists of boxes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nas.tasks.box_labels import ignored, objects

#: Standard deviation of an object's bump as share of its sides, and in cells at least. TTFNet's
#: best is 0.09 (arXiv 1909.00700). Objects are few and small here, and training is short: with
#: 0.25 and 1 networks of 150 steps had about 1.5 times the AP that they had with 0.17 and 0.5.
SPREAD = 0.25
_LEAST_SPREAD = 1.0
#: Cells where an object's bump is lower do not learn its box.
_LEAST_SHARE = 0.1
#: Power of the bump that weighs the boxes: half as wide. With 1 the same training had three
#: quarters of the AP.
_NARROWER = 4


@dataclass(frozen=True, kw_only=True)
class BoxTargets:
    """Targets of ``h`` × ``w`` cells.

    ``heat`` ``(B, C, h, w)``: 1 in the cell of an object's centre, falling off around it as a
    Gaussian bump. ``boxes`` ``(B, 4, h, w)``: the box of the object whose bump is highest, as the
    network gives it (``nas.tasks.box_decoding``). ``weight`` ``(B, h, w)``: how much a cell's box
    matters, a narrower bump, scaled to a sum of 1 an object. ``ignored`` ``(B, h, w)``: cells that
    a region to ignore touches.
    """

    heat: Tensor
    boxes: Tensor
    weight: Tensor
    ignored: Tensor


def box_targets(label: Tensor, classes: int, rows: int, columns: int) -> BoxTargets:
    """Targets of labels ``(B, N, 5)``; of two objects in one cell, the first one's box."""
    there = objects(label)
    centre, size = _centres_and_sizes(label)
    cells = torch.tensor([columns, rows], dtype=torch.float32, device=label.device)
    cell = (centre * cells).floor().clamp(min=0).minimum(cells - 1)  # (B, N, 2)
    bump = _bumps(cell, size * cells, rows, columns) * there[..., None, None]
    kinds = label[..., 0, None, None]
    heat = [(bump * (kinds == index)).amax(1) for index in range(classes)]
    owner = bump.argmax(1, keepdim=True)  # (B, 1, h, w)
    own = torch.zeros_like(bump).scatter(1, owner, bump.gather(1, owner))
    own = own.pow(_NARROWER) * (own > _LEAST_SHARE)
    share = own / own.sum((2, 3), keepdim=True).clamp(min=1e-9)
    return BoxTargets(
        heat=torch.stack(heat, dim=1),
        boxes=_as_outputs(_picked(centre, owner), _picked(size, owner)),
        weight=share.sum(1),
        ignored=_touched(label, rows, columns),
    )


def cell_centres(rows: int, columns: int, device: torch.device) -> Tensor:
    """Centres of cells that cover the frame evenly, x and y as shares, ``(2, h, w)``."""
    y = (torch.arange(rows, device=device) + 0.5) / rows
    x = (torch.arange(columns, device=device) + 0.5) / columns
    return torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)])


def _centres_and_sizes(label: Tensor) -> tuple[Tensor, Tensor]:
    """Both ``(B, N, 2)``, x and y, as shares; filling gets a size that has a logarithm."""
    low, high = label[..., 1:3].float(), label[..., 3:5].float()
    return (low + high) / 2, (high - low).clamp(min=1e-6)


def _bumps(cell: Tensor, size: Tensor, rows: int, columns: int) -> Tensor:
    """Gaussian bumps ``(B, N, h, w)`` of height 1 around cells, wide as the boxes of ``size``."""
    spread = (SPREAD * size).clamp(min=_LEAST_SPREAD)
    column = torch.arange(columns, device=cell.device) - cell[..., :1]
    row = torch.arange(rows, device=cell.device) - cell[..., 1:]
    across = torch.exp(-0.5 * (column / spread[..., :1]).square())
    down = torch.exp(-0.5 * (row / spread[..., 1:]).square())
    return down[..., :, None] * across[..., None, :]


def _picked(values: Tensor, owner: Tensor) -> Tensor:
    """Values ``(B, N, 2)`` of each cell's owner ``(B, 1, h, w)``, ``(B, 2, h, w)``."""
    batch, _, rows, columns = owner.shape
    index = owner.view(batch, -1, 1).expand(-1, -1, 2)
    return values.gather(1, index).view(batch, rows, columns, 2).permute(0, 3, 1, 2)


def _as_outputs(centre: Tensor, size: Tensor) -> Tensor:
    """Shares ``(B, 2, h, w)`` each, as the box channels ``(B, 4, h, w)`` say them."""
    rows, columns = centre.shape[-2:]
    cells = torch.tensor([columns, rows], device=centre.device).view(2, 1, 1)
    offset = (centre - cell_centres(rows, columns, centre.device)) * cells
    return torch.cat([offset, size.log()], dim=1)


def _touched(label: Tensor, rows: int, columns: int) -> Tensor:
    """Cells ``(B, h, w)`` that any region to ignore touches."""
    column = torch.arange(columns, device=label.device)
    row = torch.arange(rows, device=label.device)
    x1, y1, x2, y2 = (label[..., i, None] for i in range(1, 5))  # (B, N, 1)
    across = (column + 1 > x1 * columns) & (column < x2 * columns) & ignored(label)[..., None]
    down = (row + 1 > y1 * rows) & (row < y2 * rows)
    return (down[..., :, None] & across[..., None, :]).any(1)
