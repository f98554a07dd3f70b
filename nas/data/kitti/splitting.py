"""Train, val and test of recordings, so that no two of them share neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nas.data.source import SPLITS, Split

Item = TypeVar("Item")
Name = TypeVar("Name")

#: Aimed at, in the order of ``SPLITS``.
_SHARES: Mapping[Split, float] = {"train": 0.7, "val": 0.15, "test": 0.15}
#: Least shares that make it worth to keep recordings whole.
_LEAST: Mapping[Split, float] = {"train": 1 / 3, "val": 0.05, "test": 0.05}


@dataclass(frozen=True, kw_only=True)
class TimeRule:
    """How a recording is split by time: items left out between two splits, and the fewest items of
    each of val and test; train has at least twice as many. A shorter recording is all train."""

    gap: int
    fewest: int

    @property
    def shortest(self) -> int:
        """Items of the shortest recording that is split."""
        return 2 * self.gap + 4 * self.fewest


#: Frames at 10 Hz. Ten are left out, and one more, which the first frame of val and test has as its
#: previous one; so a drive is split from 42 frames on.
DRIVES = TimeRule(gap=11, fewest=5)
#: Frames that were picked apart from each other.
PICKED = TimeRule(gap=1, fewest=1)


def split_in_time(items: Sequence[Item], rule: TimeRule) -> dict[Split, list[Item]]:
    """The first 70 % of a recording are train, then val and test 15 % each, without the gaps."""
    if len(items) < rule.shortest:
        return {"train": list(items), "val": [], "test": []}
    usable = len(items) - 2 * rule.gap
    held = max(rule.fewest, round(usable * _SHARES["val"]))
    train = usable - 2 * held
    val = train + rule.gap
    test = val + held + rule.gap
    return {
        "train": list(items[:train]),
        "val": list(items[val : val + held]),
        "test": list(items[test:]),
    }


def split_whole(
    lengths: Mapping[Name, int], labels: Mapping[Name, frozenset[str]]
) -> dict[Split, list[Name]] | None:
    """Whole recordings by split, or None where there are not enough for that.

    From the longest to the shortest (then in the given order), each goes where most frames are
    missing to 70, 15 and 15 %; the last ones go to splits that are still empty. It is enough if a
    third of the frames is left to train, val and test have a twentieth each, and all three splits
    have all labels that any recording has.
    """
    chosen = _assign(lengths)
    total = sum(lengths.values())
    every_label = _union(labels.values())
    for split, names in chosen.items():
        frames = sum(lengths[name] for name in names)
        if frames < max(1, _LEAST[split] * total):
            return None
        if _union(labels[name] for name in names) != every_label:
            return None
    return chosen


def _assign(lengths: Mapping[Name, int]) -> dict[Split, list[Name]]:
    """Each recording in a split, none of which stays empty where there are three."""
    chosen: dict[Split, list[Name]] = {split: [] for split in SPLITS}
    missing = {split: share * sum(lengths.values()) for split, share in _SHARES.items()}
    longest_first = sorted(lengths, key=lambda name: -lengths[name])
    for position, name in enumerate(longest_first):
        empty = [split for split in SPLITS if not chosen[split]]
        last_ones = len(longest_first) - position <= len(empty)
        split = max(empty if last_ones else SPLITS, key=lambda split: missing[split])
        chosen[split].append(name)
        missing[split] -= lengths[name]
    return chosen


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(label for one in sets for label in one)
