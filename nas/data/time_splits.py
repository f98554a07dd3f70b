"""Splits of a recording that comes without any: by time, with gaps."""

from __future__ import annotations

from nas.data.source import Split

_HELD_OUT_PERCENT = 15


def split_in_time(frames: int, *, gap: int) -> dict[Split, range]:
    """The numbers of a recording's frames by split: the first 70 % or so train, then val, test.

    Up to ``gap`` frames, but no more than a tenth, are left out between two splits, for neighbours
    are almost the same picture. Fewer than three frames are all for training.
    """
    if frames < 3:
        return {"train": range(frames), "val": range(0), "test": range(0)}
    gap = min(gap, frames // 10)
    held_out = max(1, (frames - 2 * gap) * _HELD_OUT_PERCENT // 100)
    train = frames - 2 * held_out - 2 * gap
    return {
        "train": range(train),
        "val": range(train + gap, train + gap + held_out),
        "test": range(frames - held_out, frames),
    }
