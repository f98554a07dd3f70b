"""What a network tells the weighting of its losses: which parameters which tasks need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas.network import Network
from nas.plan import ENCODER_KINDS
from nas.weighting import WeightingStep


class ParameterReaders:
    """Which output tasks need each parameter of a network, by its plan."""

    def __init__(self, network: Network) -> None:
        self._places = [
            (parameter, order, node)
            for order, node in enumerate(network.plan.nodes)
            for parameter in network.parameters_of(node)
        ]

    def step(
        self, losses: Mapping[str, Tensor], kpis: Callable[[], Mapping[str, float]]
    ) -> WeightingStep:
        """What is trained, split by whether several of the tasks with a loss need it."""
        shared: list[tuple[tuple[int, bool, int], nn.Parameter]] = []
        own: list[nn.Parameter] = []
        for parameter, order, node in self._places:
            if not parameter.requires_grad:
                continue
            readers = len(losses.keys() & set(node.readers))
            if readers > 1:
                shared.append(((readers, node.kind in ENCODER_KINDS, order), parameter))
            else:
                own.append(parameter)
        shared.sort(key=lambda item: item[0])
        return WeightingStep(
            losses=losses, shared=[parameter for _, parameter in shared], own=own, kpis=kpis
        )


@contextmanager
def unchanged_statistics(network: nn.Module) -> Iterator[None]:
    """A forward pass inside normalises by its batch but leaves the running averages alone.

    For a second look at a batch: with it they would count every batch twice.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
