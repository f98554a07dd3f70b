"""The encoder: consecutive stages of a published network, with its usual parameter names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from nas.efficientnet import efficientnet_modules
from nas.plan import Node
from nas.resnet import resnet_modules

#: What builds the stages of each family of encoders: modules by name in running order.
_MODULES: Mapping[str, Callable[[Node], dict[str, nn.Module]]] = MappingProxyType(
    {"resnet": resnet_modules, "efficientnet_lite": efficientnet_modules}
)


class EncoderPart(nn.Module):
    """The consecutive stages that one group of tasks computes together.

    Where the group has all stages, the parameter names are those of a whole network: of a ResNet
    ``conv1``, ``bn1``, ``layer1.0.conv1``, …
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        super().__init__()
        self._running: dict[int, tuple[str, ...]] = {}
        for node in nodes:
            modules = _MODULES[node.operation](node)
            self._running[node.stage] = tuple(modules)
            for name, module in modules.items():
                self.add_module(name, module)

    def stage(self, index: int, x: Tensor) -> Tensor:
        """Run one of the part's stages; 0 is the stem."""
        for module in self.modules_of(index):
            x = module(x)
        return x

    def modules_of(self, index: int) -> list[nn.Module]:
        """The modules of a stage in the order in which they run."""
        return [self.get_submodule(name) for name in self._running[index]]
