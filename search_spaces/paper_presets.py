"""The networks that the paper builds and compares, for whatever tasks are at hand.

Sistu et al., 'NeurAll: Towards a Unified Visual Perception Model for Automated Driving', ITSC 2019,
arXiv 1902.03589: a ResNet-50 whose features FCN8 decoders read, of one frame or of two. A network
takes the tasks that it needs by their kind, the first by name where there are several of a kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.loss_weights import LossWeight
from search_spaces.sharing import Sharing
from search_spaces.space import default_streams
from search_spaces.task_spec import ArchitectureError, TaskSpec, ordered_tasks

#: The paper's encoder: ResNet-50 as published.
PAPER_ENCODER = EncoderSpec(depth="resnet50", width=64)
#: The smaller of the two fixed weights of the segmentation loss that AuxNet tries (400 and 1000).
_AUXNET_WEIGHT = 400.0
_FCN8 = DecoderSpec(kind="fcn8")
#: Kinds of the five tasks that share one encoder in the paper's Fig. 1.
_NEURALL_KINDS = ("segmentation", "depth", "motion", "detection", "odometry")


def segnet(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """Segmentation of one frame by ResNet-50 and FCN8: what the others are compared with."""
    return _network(of_kinds("preset segnet", tasks, "segmentation"), encoder, streams=1)


def msnet2(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """Segmentation of two frames, whose features are concatenated."""
    return _network(of_kinds("preset msnet2", tasks, "segmentation"), encoder, streams=2)


def rnnet2(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """Segmentation of two frames, whose features a recurrent unit joins."""
    return _network(
        of_kinds("preset rnnet2", tasks, "segmentation"), encoder, streams=2, recurrent=True
    )


def auxnet(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """Segmentation of one frame, with depth as an auxiliary task that is gone at inference."""
    segmentation, depth = of_kinds("preset auxnet", tasks, "segmentation", "depth")
    network = _network((segmentation, depth), encoder, streams=1, auxiliary=(depth.name,))
    weights = (LossWeight(task=segmentation.name, weight=_AUXNET_WEIGHT),)
    return replace(network, weighting="fixed", loss_weights=weights)


def one_task(task: TaskSpec, encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """One task alone; it reads two frames where it is about what moved between them."""
    return _network((task,), encoder, streams=default_streams((task,)))


def two_task(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """Two tasks on one encoder; both decoders read both frames' features."""
    return _network(tasks, encoder, streams=2)


def two_stream_three_task(
    tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER
) -> Architecture:
    """Segmentation, depth and motion on one encoder of two frames: the paper's experiment."""
    kinds = ("segmentation", "depth", "motion")
    return _network(of_kinds("preset two-stream-three-task", tasks, *kinds), encoder, streams=2)


def neurall(tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER) -> Architecture:
    """The unified model: segmentation, depth, motion, detection and odometry on one encoder."""
    return _network(of_kinds("preset neurall", tasks, *_NEURALL_KINDS), encoder, streams=2)


def of_kinds(who: str, tasks: Sequence[TaskSpec], *kinds: str) -> tuple[TaskSpec, ...]:
    """The first task by name of each kind; raises ``ArchitectureError`` naming what is missing."""
    ordered = ordered_tasks(tasks)
    found = {kind: next((t for t in ordered if t.kind == kind), None) for kind in kinds}
    missing = [kind for kind, task in found.items() if task is None]
    if missing:
        names = ", ".join(task.name for task in ordered)
        raise ArchitectureError(
            f"{who} needs a task of kind {', one of kind '.join(missing)}; the tasks are {names}"
        )
    return tuple(task for task in found.values() if task is not None)


def _network(
    tasks: Sequence[TaskSpec],
    encoder: EncoderSpec,
    *,
    streams: int,
    recurrent: bool = False,
    auxiliary: tuple[str, ...] = (),
) -> Architecture:
    ordered = ordered_tasks(tasks)
    return Architecture(
        tasks=ordered,
        sharing=Sharing.shared(tuple(task.name for task in ordered)),
        encoder=encoder,
        decoder=_FCN8,
        streams=streams,
        fusion="recurrent" if recurrent else "concat",
        auxiliary=auxiliary,
        weighting="geometric",
    )
