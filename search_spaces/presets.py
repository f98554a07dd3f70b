"""Known architectures by name, and the single-task networks that studies compare against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing
from search_spaces.space import default_streams
from search_spaces.spelling import unknown
from search_spaces.task_spec import ArchitectureError, TaskSpec, ordered_tasks


def reference_encoder() -> EncoderSpec:
    """The encoder of a study's single-task networks: small enough to train on a CPU."""
    return EncoderSpec(depth="resnet18", width=32)


def reference_decoder() -> DecoderSpec:
    """The decoder of a study's single-task networks."""
    return DecoderSpec(kind="fpn", width=64)


def independent(tasks: Sequence[TaskSpec]) -> Architecture:
    """Every task has a reference encoder of its own."""
    return _reference(tasks, Sharing.independent)


def shared(tasks: Sequence[TaskSpec]) -> Architecture:
    """All tasks share one whole reference encoder."""
    return _reference(tasks, Sharing.shared)


def two_stream_three_task(tasks: Sequence[TaskSpec]) -> Architecture:
    """NeurAll's network (arXiv 1902.03589): two streams of a fully shared ResNet-50, FCN8."""
    ordered = ordered_tasks(tasks)
    return Architecture(
        tasks=ordered,
        sharing=Sharing.shared(_names(ordered)),
        encoder=EncoderSpec(depth="resnet50", width=64),
        decoder=DecoderSpec(kind="fcn8"),
        streams=2,
        fusion="concat",
        weighting="geometric",
    )


PRESETS: Mapping[str, Callable[[Sequence[TaskSpec]], Architecture]] = MappingProxyType(
    {
        "independent": independent,
        "shared": shared,
        "two-stream-three-task": two_stream_three_task,
    }
)


def preset(name: str, tasks: Sequence[TaskSpec]) -> Architecture:
    """A preset for some tasks; raises ``ArchitectureError`` with the names there are."""
    if name not in PRESETS:
        raise ArchitectureError(unknown("preset", name, PRESETS))
    return PRESETS[name](tasks)


def single_task(task: TaskSpec, like: Architecture | None = None) -> Architecture:
    """The network of one task alone, with encoder, decoder and streams of another network.

    Without ``like`` these are the reference ones. A study passes its ``shared`` preset, so that
    every task is compared on equal terms: two streams for all if one task is about motion.
    """
    like = like or shared((task,))
    return Architecture(
        tasks=(task,),
        sharing=Sharing.independent((task.name,)),
        encoder=like.encoder,
        decoder=like.decoder,
        streams=like.streams,
        fusion=like.fusion,
    )


def _reference(
    tasks: Sequence[TaskSpec], sharing: Callable[[Sequence[str]], Sharing]
) -> Architecture:
    ordered = ordered_tasks(tasks)
    return Architecture(
        tasks=ordered,
        sharing=sharing(_names(ordered)),
        encoder=reference_encoder(),
        decoder=reference_decoder(),
        streams=default_streams(ordered),
    )


def _names(tasks: Sequence[TaskSpec]) -> tuple[str, ...]:
    return tuple(task.name for task in tasks)
