from __future__ import annotations

from collections.abc import Callable

import torch

from nas.network import build_network
from nas.resolution import Resolution
from nas.streaming import StreamingForm
from search_spaces.architecture import Architecture

ODD = Resolution(70, 50)


def test_inputs_and_outputs_are_the_networks_in_the_order_of_their_names(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(8):
        network = build_network(architecture).eval()
        form = StreamingForm(network)
        inputs = form.random_inputs(ODD, torch.Generator().manual_seed(0))
        assert tuple(tuple(x.shape) for x in inputs) == form.input_shapes(ODD)
        with torch.no_grad():
            values = form(*inputs)
            outputs, kept = network.streaming(
                inputs[0], dict(zip(form.features, inputs[1:], strict=True))
            )
        wanted = [outputs[name] for name in form.outputs] + [kept[n] for n in form.features]
        assert len(values) == len(wanted)
        assert all(torch.equal(a, b) for a, b in zip(values, wanted, strict=True))


def test_random_inputs_repeat_and_features_are_not_those_of_the_image(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    architecture = next(a for a in small_architectures(8) if a.streams == 2)
    form = StreamingForm(build_network(architecture)).eval()
    one = form.random_inputs(ODD, torch.Generator().manual_seed(1))
    two = form.random_inputs(ODD, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    kept = form.network.features(one[0])
    assert not torch.equal(kept[form.features[0]], one[1])
