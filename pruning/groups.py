"""Which channels of which modules are one and the same: all that we ask of torch-pruning.

Fang et al., 'DepGraph: towards any structural pruning', arXiv 2301.12900.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch_pruning as tp
from torch import Tensor, nn

from nas.network import Network
from nas.resolution import ENCODER_STRIDE

Side = Literal["out", "in"]
Criterion = Literal["taylor", "magnitude"]
_TRACED_SIDE = 2 * ENCODER_STRIDE


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where the channels of a coupling lie in one module.

    ``positions[i]`` of the module's outputs or inputs holds channel ``channels[i]``.
    """

    module: str
    side: Side
    positions: Tensor
    channels: Tensor


@dataclass(frozen=True, kw_only=True)
class Coupling:
    """``channels`` filters that can only be reordered or removed in all modules together.

    ``score`` gives their importance ``(channels,)`` from the weights as they are and, for the
    Taylor criterion, from the gradients that the parameters hold.
    """

    channels: int
    cuts: tuple[Cut, ...]
    score: Callable[[Criterion], Tensor]


def couplings(network: Network) -> tuple[Coupling, ...]:
    """Every coupling of the network's convolutions, in the order of the network."""
    graph = _dependency_graph(network)
    names = {module: name for name, module in network.named_modules()}
    found = []
    for group in graph.get_all_groups(
        ignored_layers=[], root_module_types=(nn.Conv2d, nn.ConvTranspose2d)
    ):
        root = group[0].dep.target.module
        cuts = [cut for item in group if (cut := _cut(graph, item, names)) is not None]
        found.append(Coupling(channels=root.out_channels, cuts=tuple(cuts), score=_scorer(group)))
    return tuple(found)


def _dependency_graph(network: Network) -> Any:
    """The traced graph; both frames are encoded by calls of their own (see ``Network.trace``)."""
    parameter = next(network.parameters())
    frame = torch.zeros(1, 3, _TRACED_SIDE, _TRACED_SIDE, device=parameter.device)
    return tp.DependencyGraph().build_dependency(
        network,
        example_inputs={"current": frame, "previous": frame},
        forward_fn=lambda model, frames: list(model.trace(**frames).values()),
        verbose=False,
    )


def _cut(graph: Any, item: Any, names: dict[nn.Module, str]) -> Cut | None:
    module = item.dep.target.module
    if module not in names or not isinstance(
        module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d
    ):
        return None
    out = graph.is_out_channel_pruning_fn(item.dep.handler)
    return Cut(
        module=names[module],
        side="out" if out else "in",
        positions=torch.tensor(item.idxs),
        channels=torch.tensor(item.root_idxs),
    )


def _scorer(group: Any) -> Callable[[Criterion], Tensor]:
    depthwise = [
        (item.dep.target.module, torch.tensor(item.idxs), torch.tensor(item.root_idxs))
        for item in group
        if isinstance(item.dep.target.module, nn.Conv2d) and item.dep.target.module.groups > 1
    ]

    def score(criterion: Criterion) -> Tensor:
        kind = (
            tp.importance.GroupTaylorImportance
            if criterion == "taylor"
            else tp.importance.GroupMagnitudeImportance
        )
        scores: Tensor = kind(group_reduction="sum", normalizer=None)(group)
        scores = scores.detach().float().cpu()
        for module, positions, channels in depthwise:
            scores.index_add_(0, channels, _kernel_worth(module, criterion)[positions])
        return scores

    return score


def _kernel_worth(module: nn.Conv2d, criterion: Criterion) -> Tensor:
    """Importance of each kernel of a depthwise convolution, which torch-pruning leaves out."""
    kernels = module.weight.detach()
    if criterion == "magnitude":
        worth = kernels.square()
    else:
        assert module.weight.grad is not None
        worth = (kernels * module.weight.grad).abs()
    return worth.flatten(1).sum(1).float().cpu()
