"""How the losses of several tasks become one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from search_spaces.vocabulary import Weighting

#: Keeps the logarithm finite where a loss is zero.
_EPSILON = 1e-8


def combine(losses: Mapping[str, Tensor], weighting: Weighting) -> Tensor:
    """One scalar loss of the tasks that are labelled in a batch.

    ``geometric``: (Π L_i)^(1/n), NeurAll (arXiv 1902.03589), eq. 1, as exp(mean log(L_i + ε)) so
    that a zero loss neither stops the others nor makes gradients infinite. ``sum``: Σ L_i.
    """
    stacked = torch.stack(tuple(losses.values()))
    if weighting == "sum":
        return stacked.sum()
    return (stacked + _EPSILON).log().mean().exp()
