"""The network as it runs in a car: tensors in, tensors out, by position."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.network import Network
from nas.resolution import Resolution


class StreamingForm(nn.Module):
    """A network as a function of the current frame and the previous frame's features.

    Inputs are the image ``(B, 3, H, W)`` and one map for each name of ``features``; outputs are
    one map for each name of ``outputs`` and then this frame's ``features``, in the same order.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.outputs = tuple(network.plan.outputs)
        self.features = network.plan.features

    def forward(self, image: Tensor, *features: Tensor) -> tuple[Tensor, ...]:
        """Outputs of every task, then features to be given with the next frame."""
        previous = dict(zip(self.features, features, strict=True))
        outputs, kept = self.network.streaming(image, previous)
        return (*(outputs[name] for name in self.outputs), *(kept[n] for n in self.features))

    def input_shapes(self, resolution: Resolution) -> tuple[tuple[int, ...], ...]:
        """Shapes ``(1, C, H, W)`` of the image and of each feature."""
        plan = self.network.plan
        padded = resolution.padded
        strides = {name: plan.by_name[name].stride for name in self.features}
        return (
            (1, 3, resolution.height, resolution.width),
            *(
                (1, plan.feature_channels[n], padded.height // s, padded.width // s)
                for n, s in strides.items()
            ),
        )

    def random_inputs(
        self, resolution: Resolution, generator: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Normal noise as image; as features what the network itself keeps of other noise.

        On the network's device, batch 1.
        """
        device = next(self.parameters()).device
        shape = (2, 1, 3, resolution.height, resolution.width)
        image, before = torch.randn(shape, generator=generator).to(device)
        with torch.no_grad():
            kept = self.network.features(before) if self.features else {}
        return (image, *(kept[name].contiguous() for name in self.features))
