"""Loads the weights of a published network into a network's encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from zipfile import ZIP_STORED, ZipFile, is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from nas.efficientnet_weights import efficientnet_weights
from nas.network import Network
from nas.plan import Layer
from search_spaces.spelling import one_line
from search_spaces.vocabulary import EncoderFamily

_Weights = Mapping[str, Tensor]
#: A ResNet-101 of twice the published width has 0.7 GB in fp32.
_MOST_BYTES = 2 * 2**30


class TrunkWeightsError(ValueError):
    """A file of weights that does not fit the encoder; names the file, the key and the repair."""


def load_trunk_weights(network: Network, path: Path) -> None:
    """Copy a published state dict from a file into the encoder; see ``copy_trunk_weights``.

    ``path`` ends in ``.safetensors``, or in ``.pth`` or ``.pt``, which is read without unpickling
    code. Raises ``TrunkWeightsError`` and then has changed nothing.
    """
    copy_trunk_weights(network, read_trunk_weights(path), path)


def copy_trunk_weights(network: Network, published: _Weights, path: Path) -> None:
    """Copy a published state dict into the encoder; ``path`` is where it comes from.

    Keys are those of the usual ResNets (``conv1.weight``, ``layer1.0.bn1.bias``, …) or, where the
    encoder is an EfficientNet-Lite, of its ports (``_conv_stem.weight``, …); the classifier is
    ignored. Every encoder part gets the stages that it has, so tasks with branches of their own
    begin with the same weights. Where a branch also reads augmented feature maps, the weights of
    those inputs stay as they are.

    Raises ``TrunkWeightsError`` and then has changed nothing.
    """
    weights = _TRANSLATIONS[network.plan.architecture.encoder.description.family](published)
    known = {key for part in network.encoder.values() for key in part.state_dict()}
    _check_nothing_left(weights, known, path, network)
    changes: list[tuple[Tensor, Tensor]] = []
    for name, part in network.encoder.items():
        for key, target in part.state_dict().items():
            change = _change(network, f"encoder.{name}.", key, target, weights, path)
            changes += [change] if change else []
    with torch.no_grad():
        for target, source in changes:
            target.copy_(source)


def _without_classifier(published: _Weights) -> _Weights:
    return {key: value for key, value in published.items() if not key.startswith("fc.")}


#: Published names and normalisation as ours, by family of encoders.
_TRANSLATIONS: Mapping[EncoderFamily, Callable[[_Weights], _Weights]] = MappingProxyType(
    {"resnet": _without_classifier, "efficientnet_lite": efficientnet_weights}
)


def _change(
    network: Network, prefix: str, key: str, target: Tensor, weights: _Weights, path: Path
) -> tuple[Tensor, Tensor] | None:
    """Where to copy what, None where the network keeps its own."""
    layer = network.plan.layers.get((prefix + key).removesuffix(".weight"))
    if key not in weights:
        if key.endswith("num_batches_tracked") or _is_own_shortcut(network, prefix, key):
            return None
        raise TrunkWeightsError(f"{path} has no {key}: {_repair(network)}")
    source = weights[key]
    if layer is not None and len(layer.inputs) > 1 and source.shape == _shared_shape(layer):
        target = target[:, : layer.inputs[0]]
    if source.shape != target.shape:
        raise TrunkWeightsError(
            f"{path}: {key} is {_shape(source)}, the network has {_shape(target)}: "
            f"{_repair(network)}"
        )
    return target, source


def _is_own_shortcut(network: Network, prefix: str, key: str) -> bool:
    """Whether a convolution stands in a shortcut only because a branch reads augmented maps."""
    layer = network.plan.layers.get(f"{prefix}layer1.0.downsample.0")
    return key.startswith("layer1.0.downsample.") and layer is not None and len(layer.inputs) > 1


def _shared_shape(layer: Layer) -> tuple[int, ...]:
    return (layer.out_channels, layer.inputs[0], layer.kernel, layer.kernel)


def _check_nothing_left(weights: _Weights, known: set[str], path: Path, network: Network) -> None:
    left = next((key for key in weights if key not in known), None)
    if left is not None:
        raise TrunkWeightsError(
            f"{path} holds {one_line(left)}, the network does not: {_repair(network)}"
        )


def _repair(network: Network) -> str:
    architecture = network.plan.architecture
    encoder = architecture.encoder
    pruned = ", load them before pruning" if architecture.pruning else ""
    return (
        f"the encoder is {encoder.depth} of width {encoder.width}, use weights of the same "
        f"(as published: width {encoder.description.native_width}){pruned}"
    )


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


# --- files --------------------------------------------------------------------------------------


def read_trunk_weights(path: Path) -> _Weights:
    """The state dict in a file; raises ``TrunkWeightsError``."""
    if not path.is_file():
        raise TrunkWeightsError(f"{path} is no file, give the weights of an encoder")
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise TrunkWeightsError(f"{path} has {size} bytes, at most {_MOST_BYTES} are read")
    values = _loaded(path)
    if isinstance(values, Mapping) and isinstance(values.get("state_dict"), Mapping):
        values = values["state_dict"]
    if not isinstance(values, Mapping) or not all(map(_is_plain, values.values())):
        raise TrunkWeightsError(f"{path} holds no state dict, save model.state_dict()")
    return {str(key).removeprefix("module."): value for key, value in values.items()}


def _is_plain(value: object) -> bool:
    """Whether a value is a tensor of numbers that are there, neither sparse nor quantized."""
    return (
        isinstance(value, Tensor)
        and value.device.type == "cpu"
        and value.layout == torch.strided
        and not value.is_quantized
    )


def _loaded(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix in (".pth", ".pt"):
            _check_not_packed(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a broken file makes the readers stumble over
        reason = one_line(str(error).partition("\n")[0]) or type(error).__name__
        raise TrunkWeightsError(f"{path} cannot be read as plain weights: {reason}") from None
    raise TrunkWeightsError(f"{path}: use a file that ends in .safetensors, .pth or .pt")


def _check_not_packed(path: Path) -> None:
    """torch packs nothing in its archives, so that no small file becomes a large one."""
    if not is_zipfile(path):
        return  # as torch wrote it before 1.6
    with ZipFile(path) as archive:
        packed = next((i for i in archive.infolist() if i.compress_type != ZIP_STORED), None)
    if packed is not None:
        raise ValueError(f"{packed.filename} is compressed, torch.save does not do so")
