"""AdamW for shared weights: only what a network was lent moves, and only its moments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from nas.elastic.weights import ElasticWeights, Slice, enlarged
from nas.network import Network

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


class ElasticAdamW:
    """Decoupled weight decay (arXiv 1711.05101) on slices of shared weights.

    Filters that a network does not have are left alone: with gradients of zero their moments would
    fade, and the old ones would go on moving them.
    """

    def __init__(self, weights: ElasticWeights, *, weight_decay: float) -> None:
        self._weights = weights
        self._decay = weight_decay
        self._means: dict[str, Tensor] = {}
        self._squares: dict[str, Tensor] = {}
        self._steps: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, network: Network, rate: float) -> None:
        """Move the shared weights by the gradients of a network that was lent them."""
        learnt = [piece for piece in self._weights.slices(network) if piece.gradient is not None]
        kernels = [piece for piece in learnt if piece.shared.ndim > 1]
        others = [piece for piece in learnt if piece.shared.ndim == 1]
        self._move(kernels, rate, self._decay)
        self._move(others, rate, 0.0)

    def _move(self, pieces: Sequence[Slice], rate: float, decay: float) -> None:
        for piece in pieces:
            self._remember(piece.key)
        adamw(
            [piece.shared for piece in pieces],
            [piece.gradient for piece in pieces if piece.gradient is not None],
            [_like(self._means[piece.key], piece.shared) for piece in pieces],
            [_like(self._squares[piece.key], piece.shared) for piece in pieces],
            [],
            [self._steps[piece.key] for piece in pieces],
            foreach=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=rate,
            weight_decay=decay,
            eps=_EPSILON,
            maximize=False,
        )

    def _remember(self, key: str) -> None:
        tensor = self._weights.tensors[key]
        for moments in (self._means, self._squares):
            known = moments.get(key)
            if known is None or known.shape != tensor.shape:
                fresh = torch.zeros_like(tensor)
                moments[key] = fresh if known is None else enlarged(known, fresh)
        self._steps.setdefault(key, torch.zeros(()))


def _like(whole: Tensor, piece: Tensor) -> Tensor:
    """The part of a tensor that lies where ``piece`` lies in one of the same shape."""
    return whole[tuple(slice(0, size) for size in piece.shape)]
