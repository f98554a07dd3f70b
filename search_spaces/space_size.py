"""How many architectures a space holds, counted without enumerating the sharing trees."""

from __future__ import annotations

from functools import cache
from math import comb
from typing import TYPE_CHECKING

from search_spaces.axes import NONE
from search_spaces.encoder_spec import STAGES

if TYPE_CHECKING:
    from search_spaces.space import SearchSpace


def size(space: SearchSpace) -> int:
    """Exact number of different architectures.

    Tasks differ in name only, so what a task may do of its own depends on the number of stages
    that it shares and on nothing else: the sum over all trees of the product over tasks is a
    recursion over group sizes.
    """
    per_decoder = {
        kind: _sharings(space, kind != "fcn8")
        * (1 if kind == "fcn8" else len(space.decoder_widths))
        for kind in space.decoders
    }
    streams = sum(len(space.fusions) if count == 2 else 1 for count in space.streams)
    weightings = len(space.weightings) if len(space.tasks) > 1 else 1
    encoders = len(space.encoders) * len(space.widths)
    return encoders * streams * weightings * _links(space) * sum(per_decoder.values())


def _links(space: SearchSpace) -> int:
    """Choices of at most one link into each task."""
    kinds = len(space.link_levels) * sum(word != NONE for word in space.links)
    total = 1
    for name in space.task_names:
        sources = space.link_sources(name)
        total *= sum(1 if source == NONE else kinds for source in sources)
    return total


def _own_choices(space: SearchSpace, depth: int, decoder_can_prune: bool) -> int:
    """Augmentations times prunings of one task that shares its first ``depth`` stages."""
    chains = len({min(n, depth) for n in space.augmented_stages})
    augmentations = sum(chains if channels else 1 for channels in space.augmentations)
    parts = (depth > 0) + (depth < STAGES) + decoder_can_prune
    prunings: int = len(space.pruning) ** parts
    return prunings * (augmentations if depth else 1)


def _sharings(space: SearchSpace, decoder_can_prune: bool) -> int:
    """Sharing trees, each weighted with what its tasks may do of their own."""
    own = [_own_choices(space, depth, decoder_can_prune) for depth in range(STAGES + 1)]
    tasks = len(space.tasks)
    if space.shared_stages and tasks > 1:
        return sum(own[depth] ** tasks for depth in space.shared_stages)

    @cache
    def group(members: int, depth: int) -> int:
        """Futures of a group that has shared ``depth`` stages."""
        if members == 1:
            return own[depth]
        return own[depth] ** members if depth == STAGES else parted(members, depth)

    @cache
    def parted(members: int, depth: int) -> int:
        """Ways to part a group for the next stage; the first member's new group has ``k``."""
        if members == 0:
            return 1
        return sum(
            comb(members - 1, k - 1)
            * (own[depth] if k == 1 else group(k, depth + 1))
            * parted(members - k, depth)
            for k in range(1, members + 1)
        )

    return group(tasks, 0)
