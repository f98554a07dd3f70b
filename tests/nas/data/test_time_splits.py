from __future__ import annotations

import pytest

from nas.data.time_splits import split_in_time


@pytest.mark.parametrize("frames", [3, 4, 7, 10, 30, 100, 999])
def test_splits_follow_each_other_with_gaps(frames: int) -> None:
    splits = split_in_time(frames, gap=10)
    train, val, test = splits["train"], splits["val"], splits["test"]
    gap = min(10, frames // 10)
    assert train.start == 0
    assert train.stop + gap == val.start
    assert val.stop + gap == test.start
    assert test.stop == frames
    assert len(val) == len(test) > 0
    assert len(train) >= len(val)


def test_too_short_recordings_are_for_training() -> None:
    assert [len(part) for part in split_in_time(2, gap=10).values()] == [2, 0, 0]
