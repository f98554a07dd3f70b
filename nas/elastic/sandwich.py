"""Which network learns at a step: mostly a random one of a family, at times its large one.

The sandwich of BigNAS (Yu et al., arXiv 2003.11142, section 3.1) keeps the weights good for large
networks while smaller ones learn on prefixes of them; here its layers come one after another, each
with a batch of its own. Encoders of one kind of blocks make a family; families take turns, each as
often as it has encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from nas.elastic.address import blocks_of
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.space import MutationError, SearchSpace

#: The large networks learn in one of so many rounds of turns. Inherited scores of 25 networks then
#: had a τ of 0.53 to Δm when trained, after 600 steps (303 s of CPU); 0.46 where at each of 240
#: steps a large one and two random ones learnt (446 s; ``benchmarks/ranking.py``, quick).
_ROUNDS = 4
_MOST_DRAWS = 50


class Sandwich:
    """Gives the network of each step: the same one for the same seed and step.

    ``effort`` is what a training step of an architecture takes, in any unit. The large network of
    a family is like the reference, is not pruned, and takes at most ``large_limit``; random ones
    take at most ``limit``, more, so that what adds to a large network is among them, and all of
    these are ``allowed``.
    """

    def __init__(
        self,
        space: SearchSpace,
        reference: Architecture,
        *,
        effort: Callable[[Architecture], float],
        large_limit: float,
        limit: float,
        allowed: Callable[[Architecture], bool],
        seed: int,
    ) -> None:
        self._space = space
        self._effort, self._limit, self._allowed = effort, limit, allowed
        self._seed = seed
        self.large = _large_networks(space, reference, effort, large_limit)
        self._turns = [blocks_of(EncoderSpec(depth=depth)) for depth in space.encoders]

    def __call__(self, step: int) -> Sequence[Architecture]:
        """The network of a step, alone."""
        turn, place = divmod(step, len(self._turns))
        large = self.large[self._turns[place]]
        if turn % _ROUNDS == 0:
            return [large]
        return [self._like(large, Random(f"{self._seed}/{step}"))]

    def _fits(self, architecture: Architecture) -> bool:
        return self._effort(architecture) <= self._limit and self._allowed(architecture)

    def _like(self, large: Architecture, rng: Random) -> Architecture:
        """A random network with the encoder's blocks of a large one, else a neighbour of it."""
        blocks = blocks_of(large.encoder)
        for _ in range(_MOST_DRAWS):
            drawn = self._space.sample(rng)
            if blocks_of(drawn.encoder) == blocks and self._fits(drawn):
                return drawn
        return self._near(large, rng)

    def _near(self, large: Architecture, rng: Random) -> Architecture:
        network = self._space.nearest(large)
        for _ in range(_MOST_DRAWS):
            try:
                network = self._space.mutate(network, rng)
            except MutationError:
                break
            if blocks_of(network.encoder) == blocks_of(large.encoder) and self._fits(network):
                return network
        return large


def _large_networks(
    space: SearchSpace,
    reference: Architecture,
    effort: Callable[[Architecture], float],
    limit: float,
) -> Mapping[str, Architecture]:
    """The dearest network like the reference within the limit for each kind of blocks.

    The cheapest where none is within it.
    """
    families: dict[str, list[Architecture]] = {}
    for depth in space.encoders:
        for width in space.widths:
            encoder = EncoderSpec(depth=depth, width=width)
            like = replace(reference, encoder=encoder, pruning=())
            families.setdefault(blocks_of(encoder), []).append(like)
    return {
        blocks: max(
            [a for a in networks if effort(a) <= limit] or [min(networks, key=effort)], key=effort
        )
        for blocks, networks in families.items()
    }
