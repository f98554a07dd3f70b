"""Cuts a trained network to the widths of a plan.

The pruned network is built anew from the plan and takes over the weights that survive; so its
shapes are the plan's, or loading fails. Shared filters are stored in the order in which they are
kept: a task that gave up filters reads a prefix.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas.compile import compile_plan
from nas.network import Network
from pruning.groups import Coupling
from search_spaces.architecture import Architecture

_Convolution = nn.Conv2d | nn.ConvTranspose2d


def prune(
    dense: Network,
    architecture: Architecture,
    found: Sequence[Coupling],
    orders: Sequence[Tensor],
) -> Network:
    """The network of ``architecture`` with the weights of ``dense`` that come first.

    ``dense`` is the trained network of ``architecture.dense``; ``found`` are its couplings and
    ``orders`` the channels of each, first to be kept first.
    """
    assert dense.plan.architecture == architecture.dense
    training = bool(architecture.auxiliary) and len(dense.plan.outputs) == len(architecture.tasks)
    pruned = Network(compile_plan(architecture, training=training))
    ranks = _ranks(dense, pruned, found, orders)
    kept = {name: _kept(name, dense, pruned, ranks) for name, _ in _wide(dense)}
    modules = dict(_wide(dense))
    pruned.load_state_dict(
        {
            key: _sliced(value, modules[key.rpartition(".")[0]], *kept[key.rpartition(".")[0]])
            for key, value in dense.state_dict().items()
        }
    )
    parameter = next(dense.parameters())
    return pruned.to(parameter.device).train(dense.training)


def _wide(network: nn.Module) -> list[tuple[str, nn.Module]]:
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    return [(n, m) for n, m in network.named_modules() if isinstance(m, kinds)]


def _widths(module: nn.Module) -> tuple[int, int]:
    """Output and input channels."""
    if isinstance(module, _Convolution):
        return module.out_channels, module.in_channels
    assert isinstance(module, nn.BatchNorm2d)
    return module.num_features, module.num_features


# --- order of channels --------------------------------------------------------------------------

_Ranks = dict[str, tuple[Tensor, Tensor]]


def _ranks(
    dense: Network,
    pruned: Network,
    found: Sequence[Coupling],
    orders: Sequence[Tensor],
) -> _Ranks:
    """For every module the rank of each output and input channel, lowest first to be kept.

    Channels of couplings that stay whole keep their order.
    """
    ranks: _Ranks = {}
    for name, module in _wide(dense):
        out, into = _widths(module)
        ranks[name] = torch.arange(out), torch.arange(into)
    for coupling, order in zip(found, orders, strict=True):
        if not _is_cut(coupling, dense, pruned):
            continue
        rank = torch.argsort(order)
        for cut in coupling.cuts:
            ranks[cut.module][cut.side == "in"][cut.positions] = rank[cut.channels]
    return ranks


def _is_cut(coupling: Coupling, dense: Network, pruned: Network) -> bool:
    return any(
        _widths(dense.get_submodule(cut.module))[cut.side == "in"]
        != _widths(pruned.get_submodule(cut.module))[cut.side == "in"]
        for cut in coupling.cuts
    )


# --- selection ----------------------------------------------------------------------------------


def _kept(name: str, dense: Network, pruned: Network, ranks: _Ranks) -> tuple[Tensor, Tensor]:
    """Positions of the dense module's outputs and inputs that the pruned one has, in its order."""
    out, _ = _widths(pruned.get_submodule(name))
    rank_out, rank_in = ranks[name]
    kept_out = _first(rank_out, out)
    if name not in dense.plan.layers:
        return kept_out, kept_out
    before, after = dense.plan.layers[name].inputs, pruned.plan.layers[name].inputs
    return kept_out, _first_of_each(rank_in, before, after)


def _first(rank: Tensor, width: int) -> Tensor:
    return torch.argsort(rank, stable=True)[:width]


def _first_of_each(rank: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor:
    """Of each of the maps that lie side by side in an input, the first channels by rank."""
    kept, start = [], 0
    for wide, narrow in zip(before, after, strict=True):
        kept.append(start + _first(rank[start : start + wide], narrow))
        start += wide
    return torch.cat(kept)


def _sliced(value: Tensor, module: nn.Module, out: Tensor, into: Tensor) -> Tensor:
    """The part of a module's parameter or buffer that belongs to those outputs and inputs."""
    out, into = out.to(value.device), into.to(value.device)
    if value.ndim == 0:
        return value
    if value.ndim == 1 or _is_depthwise(module):
        return value[out]
    return value[into][:, out] if isinstance(module, nn.ConvTranspose2d) else value[out][:, into]


def _is_depthwise(module: nn.Module) -> bool:
    """Whether every output channel reads the input channel of its own number alone."""
    return isinstance(module, nn.Conv2d) and module.groups > 1
