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

    What a task may do of its own depends on the number of stages that it shares, and on whether
    its decoder can be pruned (an FCN8 cannot): the sum over all trees of the product over tasks
    is a recursion over group sizes.
    """
    if not space.predicts_pixels:
        decoders = len(space.decoder_widths) * _sharings(space, fixed=0)
    else:
        pixels = sum(task.output_stride == 1 for task in space.tasks)
        decoders = sum(
            _sharings(space, fixed=pixels)
            if kind == "fcn8"
            else len(space.decoder_widths) * _sharings(space, fixed=0)
            for kind in space.decoders
        )
    fusions = len(space.fusions) if space.fuses_frames else 1
    streams = sum(fusions if count == 2 else 1 for count in space.streams)
    weightings = len(space.weightings) if len(space.tasks) > 1 else 1
    encoders = len(space.encoders) * len(space.widths)
    return encoders * streams * weightings * _links(space) * decoders


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


def _sharings(space: SearchSpace, *, fixed: int) -> int:
    """Sharing trees, each weighted with what its tasks may do of their own.

    ``fixed`` of the tasks have decoders that cannot be pruned.
    """
    depths = range(STAGES + 1)
    rigid, free = ([_own_choices(space, d, can) for d in depths] for can in (False, True))
    others = len(space.tasks) - fixed
    if space.shared_stages and len(space.tasks) > 1:
        return sum(rigid[d] ** fixed * free[d] ** others for d in space.shared_stages)

    @cache
    def group(rigids: int, frees: int, depth: int) -> int:
        """Futures of a group that has shared ``depth`` stages."""
        if rigids + frees == 1 or depth == STAGES:
            futures: int = rigid[depth] ** rigids * free[depth] ** frees
            return futures
        return parted(rigids, frees, depth)

    @cache
    def parted(rigids: int, frees: int, depth: int) -> int:
        """Ways to part a group for the next stage, one new group after the other.

        The first member's group is chosen first: it is a rigid one while there are any.
        """
        if rigids + frees == 0:
            return 1
        first = (1, 0) if rigids else (0, 1)
        return sum(
            comb(rigids - first[0], k - first[0])
            * comb(frees - first[1], m - first[1])
            * group(k, m, depth if k + m == 1 else depth + 1)
            * parted(rigids - k, frees - m, depth)
            for k in range(first[0], rigids + 1)
            for m in range(first[1], frees + 1)
        )

    return group(fixed, others, 0)
