"""Known architectures by name, and the single-task networks that studies compare against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType

from search_spaces import paper_presets
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.paper_presets import one_task, two_task
from search_spaces.sharing import Sharing
from search_spaces.space import default_streams
from search_spaces.spelling import unknown
from search_spaces.task_spec import ArchitectureError, TaskSpec, ordered_tasks
from search_spaces.vocabulary import Weighting

#: Makes a network of some tasks; the encoder, where it is given, stands in for the usual one.
Preset = Callable[..., Architecture]

#: On the embedded world at ``quick`` the sum does better than the paper's geometric mean: 0.318,
#: 0.562 and 0.299 in segmentation, depth and motion against 0.299, 0.551 and 0.265 (two seeds).
REFERENCE_WEIGHTING: Weighting = "sum"


def reference_encoder() -> EncoderSpec:
    """The encoder of a study's single-task networks: small enough to train on a CPU."""
    return EncoderSpec(depth="resnet18", width=32)


def reference_decoder() -> DecoderSpec:
    """The decoder of a study's single-task networks."""
    return DecoderSpec(kind="fpn", width=64)


def independent(tasks: Sequence[TaskSpec], encoder: EncoderSpec | None = None) -> Architecture:
    """Every task has a reference encoder of its own."""
    return _reference(tasks, Sharing.independent, encoder)


def shared(tasks: Sequence[TaskSpec], encoder: EncoderSpec | None = None) -> Architecture:
    """All tasks share one whole reference encoder."""
    return _reference(tasks, Sharing.shared, encoder)


#: Presets with a name of their own; the families beside them are named by their tasks.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "independent": independent,
        "shared": shared,
        "segnet": paper_presets.segnet,
        "msnet2": paper_presets.msnet2,
        "rnnet2": paper_presets.rnnet2,
        "auxnet": paper_presets.auxnet,
        "two-stream-three-task": paper_presets.two_stream_three_task,
        "neurall": paper_presets.neurall,
    }
)
#: Families of presets by the beginning of their names: how many tasks follow, joined by dashes.
FAMILIES: Mapping[str, int] = MappingProxyType({"one-task-": 1, "two-task-": 2})


def preset(
    name: str, tasks: Sequence[TaskSpec], encoder: EncoderSpec | None = None
) -> Architecture:
    """A preset for some tasks, with another encoder than its own where one is given.

    Raises ``ArchitectureError`` with the names there are, or with the task that is missing.
    """
    family = _family(name)
    if family:
        return _of_family(name, family, tasks, encoder)
    if name not in PRESETS:
        raise ArchitectureError(unknown("preset", name, preset_forms()))
    return PRESETS[name](tasks) if encoder is None else PRESETS[name](tasks, encoder)


def is_preset(name: str) -> bool:
    """Whether a name is that of a preset, or begins as those of a family do."""
    return name in PRESETS or bool(_family(name))


def takes_its_own_tasks(name: str) -> bool:
    """Whether a preset takes the tasks that it needs; ``independent`` and ``shared`` take all."""
    return is_preset(name) and name not in ("independent", "shared")


def preset_names(tasks: Sequence[TaskSpec]) -> tuple[str, ...]:
    """Every preset that the tasks allow, families written out for them."""
    names = [task.name for task in ordered_tasks(tasks)]
    members = [
        prefix + "-".join(group)
        for prefix, count in FAMILIES.items()
        for group in combinations(names, count)
    ]
    fixed = [name for name in PRESETS if not missing_tasks(name, tasks)]
    at = fixed.index("two-stream-three-task") if "two-stream-three-task" in fixed else len(fixed)
    return (*fixed[:at], *members, *fixed[at:])


def missing_tasks(name: str, tasks: Sequence[TaskSpec]) -> str:
    """Why a preset cannot be built of some tasks, empty where it can."""
    try:
        preset(name, tasks)
    except ArchitectureError as error:
        return str(error)
    return ""


def preset_forms() -> tuple[str, ...]:
    """Names of presets as help and complaints give them, one form for each family."""
    return (*PRESETS, "one-task-TASK", "two-task-TASK-TASK")


def preset_summary(name: str) -> str:
    """What a preset is, in one line."""
    builders = {"one-task-": one_task, "two-task-": two_task}
    builder = builders.get(_family(name)) or PRESETS[name]
    return (builder.__doc__ or "").strip()


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


def _family(name: str) -> str:
    return next((prefix for prefix in FAMILIES if name.startswith(prefix)), "")


def _of_family(
    name: str, family: str, tasks: Sequence[TaskSpec], encoder: EncoderSpec | None
) -> Architecture:
    known = {task.name: task for task in ordered_tasks(tasks)}
    wanted = name.removeprefix(family).split("-")
    for word in wanted:
        if word not in known:
            raise ArchitectureError(f"preset {name}: {unknown('task', word, known)}")
    if len(set(wanted)) != FAMILIES[family]:
        form = {1: "one task", 2: "two different tasks"}[FAMILIES[family]]
        example = family + "-".join([*dict.fromkeys((*wanted, *known))][: FAMILIES[family]])
        raise ArchitectureError(f"preset {name}: name {form}, as in {example}")
    encoder = encoder or paper_presets.PAPER_ENCODER
    chosen = tuple(known[word] for word in wanted)
    return one_task(chosen[0], encoder) if len(chosen) == 1 else two_task(chosen, encoder)


def _reference(
    tasks: Sequence[TaskSpec],
    sharing: Callable[[Sequence[str]], Sharing],
    encoder: EncoderSpec | None,
) -> Architecture:
    ordered = ordered_tasks(tasks)
    return Architecture(
        tasks=ordered,
        sharing=sharing(tuple(task.name for task in ordered)),
        encoder=encoder or reference_encoder(),
        decoder=reference_decoder(),
        streams=default_streams(ordered),
        weighting=REFERENCE_WEIGHTING,
    )
