"""The network of a plan: frames in, a dict of task outputs out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.compile import compile_plan
from nas.decoder import decoder_level
from nas.encoder import EncoderPart
from nas.fusion import RecurrentFusion, compared
from nas.head import head
from nas.initialization import initialize
from nas.link import Link
from nas.memory import check_weights
from nas.plan import ENCODER_KINDS, IMAGE, Node, Plan, Read
from nas.resnet import Stem, residual_stage
from nas.resolution import ENCODER_STRIDE
from search_spaces.architecture import Architecture

Maps = dict[str, Tensor]


class Network(nn.Module):
    """A multi-task network that executes its plan node by node.

    Frames are ``(B, streams, 3, H, W)``, the current one first, in the normalisation of
    ``nas.data.batches``. Outputs are in fp32, by task: ``(B, C, H, W)`` of pixels, ``(B, C,
    ⌈H/s⌉, ⌈W/s⌉)`` of cells of ``s`` pixels, ``(B, C)`` of whole frames. Sides that are no
    multiple of 32 are padded inside and the outputs cropped.

    Kernels are zero until someone fills them in, as ``build_network`` does.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.encoder = nn.ModuleDict(_encoder_parts(plan))
        self.augmentation = nn.ModuleDict()
        self.fusion = nn.ModuleDict()
        self.decoder = nn.ModuleDict()
        self.link = nn.ModuleDict()
        for node in plan.nodes:
            self._add(node)
        self._encoder_nodes = tuple(n for n in plan.nodes if n.kind in ENCODER_KINDS)
        self._decoder_nodes = tuple(n for n in plan.nodes if n.kind not in ENCODER_KINDS)

    @property
    def streams(self) -> int:
        """Frames that the network reads."""
        return self.plan.architecture.streams

    @property
    def trunk(self) -> EncoderPart:
        """The encoder part that holds the stem of the first task."""
        name = next(n.name for n in self.plan.nodes if n.kind == "stem").split(".")[1]
        return cast(EncoderPart, self.encoder[name])

    def forward(self, frames: Tensor, tasks: Collection[str] | None = None) -> dict[str, Tensor]:
        """Outputs of each task from ``(B, streams, 3, H, W)``.

        ``tasks`` names those that are wanted, by default all: what only the others need is not
        run, so it keeps its running statistics and gets no gradient.
        """
        _, streams, _, height, width = frames.shape
        if streams != self.streams:
            raise ValueError(f"got {streams} frames, this network reads {self.streams}")
        wanted = self._nodes_for(tasks)
        current = _padded(frames[:, 0])
        if not self.plan.features:
            outputs = self._decode(self._encode(current, wanted), {}, wanted)
        else:
            maps, previous = self._encode_pair(current, _padded(frames[:, 1]), wanted)
            outputs = self._decode(maps, previous, wanted)
        return self._cropped(outputs, height, width)

    def _nodes_for(self, tasks: Collection[str] | None) -> frozenset[str]:
        """Names of the nodes that some tasks need."""
        wanted = self.plan.outputs if tasks is None else tasks
        return frozenset(n.name for n in self.plan.nodes if set(wanted) & set(n.readers))

    def streaming(
        self, image: Tensor, features: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Outputs from the current frame ``(B, 3, H, W)`` and the previous frame's features.

        Returns the outputs and this frame's features, to be given with the next frame.
        """
        maps = self._encode(_padded(image))
        outputs = self._cropped(self._decode(maps, features), image.shape[-2], image.shape[-1])
        return outputs, self._kept(maps)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """What the next frame needs of this one ``(B, 3, H, W)``, to begin a stream with."""
        return self._kept(self._encode(_padded(image), only=self.plan.previous_nodes))

    def _kept(self, maps: Maps) -> dict[str, Tensor]:
        return {n: maps[n][:, :channels] for n, channels in self.plan.feature_channels.items()}

    def trace(self, current: Tensor, previous: Tensor) -> dict[str, Tensor]:
        """The same outputs with each frame encoded by a call of its own.

        For tools that follow channels through the graph and lose them where two frames share a
        batch. Both frames are ``(B, 3, H, W)`` with sides that are multiples of 32.
        """
        maps = self._encode(current)
        if not self.plan.features:
            return self._decode(maps, {})
        return self._decode(maps, self._kept(self._encode(previous, self.plan.previous_nodes)))

    def parameters_of(self, node: Node) -> list[nn.Parameter]:
        """All that is learned in a node of the plan."""
        if node.kind != "stem":
            return list(self.get_submodule(node.name).parameters())
        part = cast(EncoderPart, self.encoder[self._path(node)[0]])
        return [p for module in part.modules_of(node.stage) for p in module.parameters()]

    # --- execution ----------------------------------------------------------------------------

    def _encode(self, image: Tensor, only: frozenset[str] | None = None) -> Maps:
        maps = {IMAGE: image}
        for node in self._encoder_nodes:
            if only is None or node.name in only:
                maps[node.name] = self._run_encoder(node, _joined(node.reads, maps))
        return maps

    def _encode_pair(
        self, current: Tensor, previous: Tensor, wanted: frozenset[str]
    ) -> tuple[Maps, Maps]:
        """Both frames in one batch; nodes that only the current frame needs see that alone."""
        batch = current.shape[0]
        maps = {IMAGE: torch.cat([current, previous])}
        for node in self._encoder_nodes:
            if node.name not in wanted:
                continue
            x = _joined(node.reads, maps)
            if node.name not in self.plan.previous_nodes:
                x = x[:batch]
            maps[node.name] = self._run_encoder(node, x)
        return (
            {name: x[:batch] for name, x in maps.items()},
            {name: maps[name][batch:] for name in self.plan.features if name in maps},
        )

    def _run_encoder(self, node: Node, x: Tensor) -> Tensor:
        part, name = self._path(node)
        if node.kind == "augmentation":
            return self.augmentation[part][name](x)  # type: ignore[index,no-any-return]
        return cast(EncoderPart, self.encoder[part]).stage(node.stage, x)

    def _decode(
        self,
        maps: Maps,
        previous: Mapping[str, Tensor],
        wanted: frozenset[str] | None = None,
    ) -> dict[str, Tensor]:
        maps = dict(maps)
        outputs = {}
        for node in self._decoder_nodes:
            if wanted is not None and node.name not in wanted:
                continue
            value = self._run_decoder(node, maps, previous)
            if node.kind == "head":
                outputs[node.owners[0]] = value
            else:
                maps[node.name] = value
        return {task: outputs[task] for task in self.plan.outputs if task in outputs}

    def _run_decoder(self, node: Node, maps: Maps, previous: Mapping[str, Tensor]) -> Tensor:
        values = [(r, _prefix(r, previous if r.frame == "previous" else maps)) for r in node.reads]
        part, name = self._path(node)
        module = cast(nn.ModuleDict, getattr(self, node.name.split(".", 1)[0])[part])[name]
        if node.kind != "level":
            return module(*(value for _, value in values))  # type: ignore[no-any-return]
        coarser = [v for r, v in values if self.plan.by_name[r.node].kind in ("level", "link")]
        features = [v for r, v in values if self.plan.by_name[r.node].kind not in ("level", "link")]
        if node.operation == "compare":
            features = compared(features)
        x = features[0] if len(features) == 1 else torch.cat(features, dim=1)
        return module(x, coarser[0] if coarser else None)  # type: ignore[no-any-return]

    def _cropped(self, outputs: dict[str, Tensor], height: int, width: int) -> dict[str, Tensor]:
        """Outputs at the frame's size; no slice where nothing was padded, for exported graphs."""
        return {
            task: _crop(output, self.plan.by_name[self.plan.outputs[task]].stride, height, width)
            for task, output in outputs.items()
        }

    # --- construction -------------------------------------------------------------------------

    def _add(self, node: Node) -> None:
        if node.kind in ("stem", "stage"):
            return
        container = getattr(self, node.name.split(".", 1)[0])
        part, name = self._path(node)
        if part not in container:
            container[part] = nn.ModuleDict()
        container[part][name] = self._module(node)

    def _module(self, node: Node) -> nn.Module:
        if node.kind == "augmentation":
            return Stem(node) if node.stage == 0 else residual_stage(node)
        if node.kind == "fusion":
            return RecurrentFusion(node)
        if node.kind == "level":
            return decoder_level(node)
        if node.kind == "link":
            return Link(node)
        spec = self.plan.architecture.task(node.owners[0])
        return head(node, positive=spec.positive)

    @staticmethod
    def _path(node: Node) -> tuple[str, str]:
        _, part, name = node.name.split(".")
        return part, name


def build_network(architecture: Architecture, *, seed: int = 0, training: bool = False) -> Network:
    """An initialised network of an architecture; equal seeds give equal weights.

    ``training`` keeps auxiliary tasks, which are gone at inference. Raises ``MemoryError`` before
    anything is allocated where the weights would not fit.
    """
    plan = compile_plan(architecture, training=training)
    check_weights(plan)
    network = Network(plan)
    initialize(network, seed)
    return network


def network_without_memory(plan: Plan) -> Network:
    """The network of a plan on the meta device: shapes alone, however large they are."""
    with torch.device("meta"):
        return Network(plan)


def _encoder_parts(plan: Plan) -> dict[str, nn.Module]:
    parts: dict[str, list[Node]] = {}
    for node in plan.nodes:
        if node.kind in ("stem", "stage"):
            parts.setdefault(node.name.split(".")[1], []).append(node)
    return {name: EncoderPart(nodes) for name, nodes in parts.items()}


def _prefix(read: Read, maps: Mapping[str, Tensor]) -> Tensor:
    x = maps[read.node]
    return x if x.shape[1] == read.channels else x[:, : read.channels]


def _joined(reads: tuple[Read, ...], maps: Mapping[str, Tensor]) -> Tensor:
    if len(reads) == 1:
        return _prefix(reads[0], maps)
    values = [_prefix(read, maps) for read in reads]
    batch = min(value.shape[0] for value in values)
    return torch.cat([value[:batch] for value in values], dim=1)


def _padded(image: Tensor) -> Tensor:
    height, width = (int(side) for side in image.shape[-2:])  # plain numbers also when traced
    bottom, right = -height % ENCODER_STRIDE, -width % ENCODER_STRIDE
    return F.pad(image, (0, right, 0, bottom)) if bottom or right else image


def _crop(output: Tensor, stride: int, height: int, width: int) -> Tensor:
    """What a map of that stride, one of the padded frame, holds of the frame itself."""
    if not stride:
        return output
    rows, columns = -(-height // stride), -(-width // stride)
    return output if output.shape[-2:] == (rows, columns) else output[..., :rows, :columns]
