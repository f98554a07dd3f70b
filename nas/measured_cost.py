"""MACs counted on the built network by fvcore: the independent check of ``nas.cost``.

The only place that speaks to fvcore, which calls MACs "flops" and counts normalisation and
resampling too; only convolutions, transposed convolutions and matrix products are kept here.
"""

from __future__ import annotations

import torch
from fvcore.nn import FlopCountAnalysis

from nas.network import Network
from nas.resolution import Resolution
from nas.streaming import StreamingForm

#: fvcore's names of the operations that are counted; ``conv`` are transposed ones too.
_COUNTED = ("conv", "linear", "addmm", "baddbmm", "mm", "bmm", "matmul", "einsum")


def count_macs(network: Network, resolution: Resolution) -> int:
    """MACs of one frame in streaming form, batch 1, from a traced forward pass.

    Takes as long as that pass: 0.5–3 s at 1024x512 on one core. Leaves the network's mode as it
    was.
    """
    training = network.training
    form = StreamingForm(network).eval()
    device = next(network.parameters()).device
    inputs = tuple(torch.zeros(shape, device=device) for shape in form.input_shapes(resolution))
    try:
        with torch.no_grad():
            counted = _analysis(form, inputs).by_operator()
    finally:
        network.train(training)
    return int(sum(counted[name] for name in _COUNTED))


def _analysis(form: StreamingForm, inputs: tuple[torch.Tensor, ...]) -> FlopCountAnalysis:
    analysis = FlopCountAnalysis(form, inputs)
    analysis.unsupported_ops_warnings(False)
    analysis.uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    return analysis
