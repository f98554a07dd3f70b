from __future__ import annotations

import pytest

from nas.data.kitti.splitting import DRIVES, PICKED, split_in_time, split_whole
from nas.data.source import SPLITS


@pytest.mark.parametrize("frames", [*range(42, 80), 154, 1000, 4661])
def test_splits_of_a_drive_are_apart_and_in_order(frames: int) -> None:
    parts = split_in_time(range(frames), DRIVES)
    train, val, test = (parts[split] for split in SPLITS)
    assert train[0] == 0
    assert test[-1] == frames - 1
    # Ten frames lie between the last of one split and the previous one of the next split's first.
    assert val[0] - 1 - train[-1] > 10
    assert test[0] - 1 - val[-1] > 10
    assert min(len(val), len(test)) >= 5
    assert len(train) >= len(val) + len(test)


@pytest.mark.parametrize(("items", "rule"), [(0, DRIVES), (4, DRIVES), (41, DRIVES), (5, PICKED)])
def test_short_recordings_are_all_train(items: int, rule: object) -> None:
    assert isinstance(rule, type(DRIVES))
    assert split_in_time(range(items), rule) == {
        "train": list(range(items)), "val": [], "test": [],
    }  # fmt: skip


def test_scenes_of_2015() -> None:
    parts = split_in_time(range(200), PICKED)
    assert {split: (part[0], part[-1]) for split, part in parts.items()} == {
        "train": (0, 137), "val": (139, 168), "test": (170, 199),
    }  # fmt: skip


def whole(lengths: list[int], labels: dict[int, set[str]] | None = None) -> object:
    names = range(len(lengths))
    given = labels or {}
    return split_whole(
        dict(zip(names, lengths, strict=True)),
        {name: frozenset(given.get(name, {"depth"})) for name in names},
    )


def test_longest_recordings_train() -> None:
    assert whole([100, 300, 90]) == {"train": [1], "val": [0], "test": [2]}
    assert whole([100] * 3) == {"train": [0], "val": [1], "test": [2]}


@pytest.mark.parametrize("lengths", [[100], [100, 100], [300, 300, 4], [500, 4, 4]])
def test_too_few_recordings_are_not_kept_whole(lengths: list[int]) -> None:
    assert whole(lengths) is None


@pytest.mark.parametrize("count", [3, 5, 10, 28, 61])
def test_many_recordings_come_near_the_shares(count: int) -> None:
    lengths = [80 + 37 * number % 200 for number in range(count)]
    parts = whole(lengths)
    assert isinstance(parts, dict)
    assert sorted(name for part in parts.values() for name in part) == list(range(count))
    if count >= 10:
        shares = [sum(lengths[name] for name in parts[s]) / sum(lengths) for s in SPLITS]
        assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.06)


def test_every_split_needs_every_label() -> None:
    lengths = [300, 100, 100]
    assert whole(lengths, {0: {"depth"}, 1: {"depth"}, 2: {"depth", "motion"}}) is None
    assert whole(lengths, {n: {"depth", "motion"} for n in range(3)}) is not None
