"""The parameters of the space: which there are, when each has an effect, and what they build.

``build`` walks through them once and asks a chooser for each; ``wanted`` reads an architecture
back. A name always comes with the same choices, so that Optuna can store them, and a parameter
that could have no effect given the ones before it is not asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.architecture import Architecture
from search_spaces.axes import NONE, Choice
from search_spaces.choosing import Chooser
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import STAGES, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.synergy import OPERATIONS, SynergyLink
from search_spaces.task_spec import TaskSpec

if TYPE_CHECKING:
    from search_spaces.space import SearchSpace

_DEPTHS = tuple(range(STAGES + 1))


def build(space: SearchSpace, choose: Chooser) -> Architecture:
    """The architecture whose parameters a chooser names, coarse decisions first."""
    encoder = EncoderSpec(
        depth=choose("encoder.depth", space.encoders), width=choose("encoder.width", space.widths)
    )
    decoder = _decoder(space, choose)
    streams = choose("streams", space.streams)
    fusion = choose("fusion", space.fusions) if streams == 2 and space.fuses_frames else "concat"
    names = space.task_names
    weighting = choose("weighting", space.weightings) if len(names) > 1 else "geometric"
    sharing = _sharing(space, choose)
    depths = {name: sharing.depth(name) for name in names}
    return Architecture(
        tasks=space.tasks,
        sharing=sharing,
        encoder=encoder,
        decoder=decoder,
        streams=streams,
        fusion=fusion,
        links=tuple(link for name in names for link in _link(space, choose, name)),
        augmentations=tuple(
            a for name in names for a in _augmentations(space, choose, name, depths[name])
        ),
        pruning=tuple(
            p
            for task in space.tasks
            for p in _ratios(space, choose, task, depths[task.name], decoder)
        ),
        weighting=weighting,
    )


def choices(space: SearchSpace) -> dict[str, tuple[Choice, ...]]:
    """Every parameter that any architecture of the space may ask for, with all its choices.

    Without those that have a single choice.
    """
    names = space.task_names
    found: dict[str, tuple[Choice, ...]] = {
        "encoder.depth": space.encoders,
        "encoder.width": space.widths,
        "decoder.kind": space.decoders if space.predicts_pixels else (),
        "decoder.width": space.decoder_widths,
        "streams": space.streams,
        "fusion": space.fusions if 2 in space.streams and space.fuses_frames else (),
        "weighting": space.weightings if len(names) > 1 else (),
    }
    if space.shared_stages:
        found["sharing.stages"] = space.shared_stages
    for index, task in enumerate(names):
        if index and not space.shared_stages:
            found[f"sharing.{task}.depth"] = _DEPTHS
            found[f"sharing.{task}.parent"] = names[:index]
        found[f"link.{task}.source"] = space.link_sources(task)
        if space.link_sources(task) != (NONE,):
            found[f"link.{task}.level"] = space.link_levels
            found[f"link.{task}.operation"] = tuple(o for o in OPERATIONS if o in space.links)
        if len(names) > 1:
            found[f"augment.{task}.channels"] = space.augmentations
            found[f"augment.{task}.stages"] = space.augmented_stages
        found |= {f"prune.{task}.{part}": space.pruning for part in PARTS}
    return {name: values for name, values in found.items() if len(values) > 1}


def wanted(space: SearchSpace, architecture: Architecture) -> dict[str, Choice]:
    """The parameters that come nearest to an architecture of the space's tasks.

    They are its own if ``build`` gives it back. Holds more than has an effect.
    """
    names = space.task_names
    sharing = architecture.sharing
    values: dict[str, Choice] = {
        "encoder.depth": architecture.encoder.depth,
        "encoder.width": architecture.encoder.width,
        "decoder.kind": architecture.decoder.kind,
        "decoder.width": architecture.decoder.width,
        "streams": architecture.streams,
        "fusion": architecture.fusion,
        "weighting": architecture.weighting,
        "sharing.stages": max(sharing.depth(name) for name in names),
    }
    for task, (parent, depth) in sharing.parents(names).items():
        values[f"sharing.{task}.parent"] = parent
        values[f"sharing.{task}.depth"] = depth
    for link in architecture.links:
        values[f"link.{link.target}.source"] = link.source
        values[f"link.{link.target}.level"] = link.level
        values[f"link.{link.target}.operation"] = link.operation
    for a in architecture.augmentations:
        values[f"augment.{a.task}.channels"] = a.channels
    for name in {a.task for a in architecture.augmentations}:
        stages = sum(a.task == name for a in architecture.augmentations)
        values[f"augment.{name}.stages"] = _as_asked(space, stages, sharing.depth(name))
    for p in architecture.pruning:
        values[f"prune.{p.task}.{p.part}"] = p.ratio
    return values


def _as_asked(space: SearchSpace, stages: int, depth: int) -> int:
    """The first choice that gives so many augmented stages to a task that shares ``depth``."""
    return next((n for n in space.augmented_stages if min(n, depth) == stages), stages)


def _decoder(space: SearchSpace, choose: Chooser) -> DecoderSpec:
    kind = choose("decoder.kind", space.decoders) if space.predicts_pixels else "fpn"
    if kind == "fcn8":
        return DecoderSpec(kind=kind)
    return DecoderSpec(kind=kind, width=choose("decoder.width", space.decoder_widths))


def _sharing(space: SearchSpace, choose: Chooser) -> Sharing:
    names = space.task_names
    if len(names) == 1:
        return Sharing.independent(names)
    if space.shared_stages:
        return Sharing.shared(names, choose("sharing.stages", space.shared_stages))
    parents: dict[str, tuple[str, int]] = {}
    for index, task in enumerate(names[1:], 1):
        depth = choose(f"sharing.{task}.depth", _DEPTHS)
        if not depth:
            continue
        earlier = names[:index]
        tree = Sharing.from_parents(earlier, parents)
        parent = names[0]
        if any(tree.depth_between(names[0], other) < depth for other in earlier[1:]):
            parent = choose(f"sharing.{task}.parent", earlier)
        parents[task] = (parent, depth)
    return Sharing.from_parents(names, parents)


def _link(space: SearchSpace, choose: Chooser, target: str) -> tuple[SynergyLink, ...]:
    sources = space.link_sources(target)
    source = choose(f"link.{target}.source", sources)
    if source == NONE:
        return ()
    operations = tuple(o for o in OPERATIONS if o in space.links)
    level = choose(f"link.{target}.level", space.link_levels)
    operation = choose(f"link.{target}.operation", operations)
    return (SynergyLink(source=source, target=target, level=level, operation=operation),)


def _augmentations(
    space: SearchSpace, choose: Chooser, task: str, depth: int
) -> tuple[Augmentation, ...]:
    channels = choose(f"augment.{task}.channels", space.augmentations) if depth else 0
    if not channels:
        return ()
    stages = space.augmented_stages[0]
    if len({min(n, depth) for n in space.augmented_stages}) > 1:
        stages = choose(f"augment.{task}.stages", space.augmented_stages)
    return tuple(
        Augmentation(task=task, stage=stage, channels=channels)
        for stage in range(max(0, depth - stages), depth)
    )


def _ratios(
    space: SearchSpace, choose: Chooser, task: TaskSpec, depth: int, decoder: DecoderSpec
) -> tuple[FilterRatio, ...]:
    name = task.name
    active = {
        "shared": depth > 0,
        "branch": depth < STAGES,
        "decoder": decoder.kind_of(task) != "fcn8",
    }
    return tuple(
        FilterRatio(task=name, part=part, ratio=choose(f"prune.{name}.{part}", space.pruning))
        for part in PARTS
        if active[part]
    )
