"""What is planted in each world, when a front has found it, and which networks differ by it alone.

Every truth is tested in a world of its own with one axis of the space free, sometimes beside
another one that distracts; ``ALL_AXES`` has four of them in one world with all axes free at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from planted_world import PlantedTask, PlantedWorld

from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import STAGES, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink
from search_spaces.vocabulary import DecoderKind, PrunedPart


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network of a front, and its Δm in percent."""

    architecture: Architecture
    delta_m: float


#: Whether a front, at least one network, has found a truth.
Event = Callable[[Sequence[Point]], bool]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Something that is planted: ``says`` what, ``found`` tells it from the front alone."""

    name: str
    says: str
    found: Event


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two networks that differ by a planted choice alone, and the task that should feel it.

    ``expects`` is what the choice does to that task's primary metric.
    """

    name: str
    task: str
    expects: str
    planted: Architecture
    contrary: Architecture


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A world, the axes that its search leaves free, and what the search should find.

    Every network trains on so many ``samples``.
    """

    name: str
    world: PlantedWorld
    fix: Mapping[str, str]
    trials: int
    samples: int = 1024
    truths: tuple[Truth, ...]
    contrasts: tuple[Contrast, ...]


# --- when a truth is found ----------------------------------------------------------------------


def best(choice: Callable[[Architecture], bool]) -> Event:
    """The network with the highest Δm of the front has the planted choice."""

    def found(front: Sequence[Point]) -> bool:
        return choice(max(front, key=lambda point: point.delta_m).architecture)

    return found


def pruned_harder(simple: str, other: str, *, by: float) -> Event:
    """Where the front prunes two decoders differently, ``simple``'s gives up more on the average.

    Networks that prune both alike say nothing of which can spare more; the cheapest network of all
    and the unpruned one always do, so a mean over the whole front falls as the front gets longer.
    Of the decoder alone: what a task reads of shared stages is free to prune for either task. Not
    judged by the best Δm: what is free to prune does not raise it, it makes the same Δm cheaper.
    """

    def found(front: Sequence[Point]) -> bool:
        gaps = [
            p.architecture.ratio(simple, "decoder") - p.architecture.ratio(other, "decoder")
            for p in front
        ]
        told = [gap for gap in gaps if gap]
        return bool(told) and sum(told) / len(told) >= by

    return found


def augmented(a: Architecture, task: str) -> int:
    """Private channels of a task over all stages."""
    return sum(entry.channels for entry in a.augmentations if entry.task == task)


def linked(a: Architecture, source: str, target: str, levels: Sequence[int]) -> bool:
    """Whether a link leads from one task to another at one of the levels."""
    return any(
        (link.source, link.target) == (source, target) and link.level in levels for link in a.links
    )


# --- networks of the worlds ---------------------------------------------------------------------


def network(
    world: PlantedWorld,
    *,
    shared: int = STAGES,
    width: int = 8,
    decoder: DecoderKind = "fpn",
    decoder_width: int = 16,
    links: tuple[SynergyLink, ...] = (),
    augmentations: tuple[Augmentation, ...] = (),
    pruning: tuple[FilterRatio, ...] = (),
) -> Architecture:
    """A small network of a world's tasks, all of which share the first ``shared`` stages."""
    names = sorted(task.name for task in world.tasks)
    return Architecture(
        tasks=world.tasks,
        sharing=Sharing.shared(names, shared),
        encoder=EncoderSpec(depth="resnet10", width=width),
        decoder=DecoderSpec(kind=decoder, width=decoder_width),
        weighting="sum",
        links=links,
        augmentations=augmentations,
        pruning=pruning,
    )


def _fixed(**axes: str) -> dict[str, str]:
    """All devices absent and all tasks sharing everything, but for the axes named."""
    return {
        "encoder": "resnet10",
        "width": "8",
        "decoder": "fpn",
        "decoder_width": "16",
        "sharing": "shared",
        "links": "none",
        "augmentation": "none",
        "pruning": "none",
        "weighting": "sum",
        **axes,
    }


def _private(task: str, channels: int) -> tuple[Augmentation, ...]:
    return tuple(Augmentation(task=task, stage=stage, channels=channels) for stage in range(STAGES))


def _ratio(task: str, part: PrunedPart, ratio: float) -> tuple[FilterRatio, ...]:
    return (FilterRatio(task=task, part=part, ratio=ratio),)


# --- the experiments ----------------------------------------------------------------------------

_SIMPLE = PlantedTask(name="simple", latent="hue", classes=(0, 1))
_TEXTURE = PlantedTask(name="texture", latent="texture", classes=(0, 1, 2, 3))


#: Task, part that is pruned, and what that does to the task.
_PRUNED: tuple[tuple[str, PrunedPart, str], ...] = (
    ("simple", "decoder", "none"),
    ("texture", "decoder", "loss"),
    ("texture", "shared", "less"),
)


def _prune() -> Experiment:
    """A simple task beside one on six textures, in one shared encoder of sixteen filters."""
    texture = PlantedTask(name="texture", latent="texture", classes=(0, 1, 2, 3, 4, 5))
    world = PlantedWorld(planted=(_SIMPLE, texture), textures=6)
    plain = network(world, width=16, decoder_width=32)

    def pruned(task: str, part: PrunedPart) -> Architecture:
        return network(world, width=16, decoder_width=32, pruning=_ratio(task, part, 0.75))

    return Experiment(
        name="prune",
        world=world,
        fix=_fixed(width="16", decoder_width="32", pruning="0,0.25,0.5,0.75"),
        trials=16,
        truths=(
            Truth(
                name="prune",
                says="the simple task's decoder is pruned harder than the textures'",
                found=pruned_harder("simple", "texture", by=0.25),
            ),
        ),
        contrasts=tuple(
            Contrast(
                name=f"{task} task's {part} pruned by 0.75",
                task=task,
                expects=expects,
                planted=pruned(task, part),
                contrary=plain,
            )
            for task, part, expects in _PRUNED
        ),
    )


def _augment() -> Experiment:
    """Six textures and a simple task in a trunk of eight filters."""
    texture = PlantedTask(name="texture", latent="texture", classes=(0, 1, 2, 3, 4, 5))
    world = PlantedWorld(planted=(_SIMPLE, texture), textures=6)
    return Experiment(
        name="augment",
        world=world,
        fix=_fixed(augmentation="0,8,16,24", augmented_stages="1,3,5"),
        trials=16,
        truths=(
            Truth(
                name="augment",
                says="the texture task has 40 private channels at least",
                found=best(lambda a: augmented(a, "texture") >= 40),
            ),
        ),
        contrasts=tuple(
            Contrast(
                name=f"16 private channels for {task}",
                task=task,
                expects=expects,
                planted=network(world, augmentations=_private(task, 16)),
                contrary=network(world),
            )
            for task, expects in (("texture", "gain"), ("simple", "less"))
        ),
    )


def _link() -> Experiment:
    """Textures labelled in every frame for the guide, in one of eight for the follower.

    Each task has an encoder of its own, and 32 batches of labels are too few for the follower's to
    learn textures; a link brings the class that the guide's decoder found, and what is left to
    learn is the order of four classes. That it cannot see textures cannot be planted: both read
    one image with encoders alike. The guide is firm, else the follower's gradients disturb it
    through the link: its mIoU fell by 0.09 to 0.28 in five seeds.
    """
    guide = PlantedTask(name="guide", latent="texture", classes=(0, 1, 2, 3), voice="firm")
    follower = PlantedTask(name="follower", latent="texture", classes=(1, 2, 3, 0), every=8)
    world = PlantedWorld(planted=(guide, follower))

    def link(source: str, target: str) -> Architecture:
        links = (SynergyLink(source=source, target=target, level=8, operation="concat"),)
        return network(world, shared=0, decoder="fcn8", links=links)

    alone = network(world, shared=0, decoder="fcn8")
    return Experiment(
        name="link",
        world=world,
        fix=_fixed(decoder="fcn8", sharing="independent", links="none,add,concat,gate"),
        trials=16,
        samples=2048,
        truths=(
            Truth(
                name="link",
                says="the follower's decoder reads the guide's at level 8 or 16",
                found=best(lambda a: linked(a, "guide", "follower", (8, 16))),
            ),
        ),
        contrasts=tuple(
            Contrast(
                name=f"link {source} > {target} at level 8",
                task=task,
                expects=expects,
                planted=link(source, target),
                contrary=alone,
            )
            for source, target, task, expects in (
                ("guide", "follower", "follower", "gain"),
                ("guide", "follower", "guide", "none"),
                ("follower", "guide", "guide", "none"),
            )
        ),
    )


def _branch() -> Experiment:
    """Textures beside hues whose loss is a hundred times as large, in a plain sum."""
    loud = PlantedTask(name="loud", latent="hue", classes=(0, 1, 2, 3, 4, 5), voice="loud")
    world = PlantedWorld(planted=(loud, _TEXTURE), hues=6)
    return Experiment(
        name="branch",
        world=world,
        fix=_fixed(sharing="0,1,2,3,4,5", links="none,add"),
        trials=16,
        truths=(
            Truth(
                name="branch",
                says="the two tasks share no stage",
                found=best(lambda a: a.sharing.depth_between("loud", "texture") == 0),
            ),
        ),
        contrasts=tuple(
            Contrast(
                name=f"{depth} instead of {STAGES} stages shared",
                task="texture",
                expects=expects,
                planted=network(world, shared=depth),
                contrary=network(world),
            )
            for depth, expects in ((0, "gain"), (1, "less"))
        ),
    )


def _share() -> Experiment:
    """Textures twice, under other names: for the first task in every frame, else in one of eight.

    Those are 16 batches: too few for an encoder of one's own, enough to read what the first task
    taught a shared one, for decoders of scores have little to learn. Two to four stages are nearly
    as good as all with some seeds, so they are no choice here.
    """
    first = PlantedTask(name="first", latent="texture", classes=(0, 1, 2, 3))
    second = PlantedTask(name="second", latent="texture", classes=(1, 2, 3, 0), every=8)
    world = PlantedWorld(planted=(first, second))
    return Experiment(
        name="share",
        world=world,
        fix=_fixed(decoder="fcn8", sharing="0,1,5", pruning="0,0.25,0.5,0.75"),
        trials=16,
        truths=(
            Truth(
                name="share",
                says="the two tasks share the whole encoder",
                found=best(lambda a: a.sharing.depth_between("first", "second") == STAGES),
            ),
        ),
        contrasts=tuple(
            Contrast(
                name=f"{STAGES} instead of {depth} stages shared",
                task=task,
                expects=expects,
                planted=network(world, decoder="fcn8"),
                contrary=network(world, decoder="fcn8", shared=depth),
            )
            for depth, task, expects in (
                (0, "second", "gain"),
                (0, "first", "little"),
                (1, "second", "gain"),
            )
        ),
    )


EXPERIMENTS = (_prune(), _augment(), _link(), _branch(), _share())


def _all_axes() -> Experiment:
    """Loud hues, textures, and their twin with labels in one frame of eight; every axis free."""
    loud = replace(_SIMPLE, name="loud", voice="loud")
    twin = PlantedTask(name="twin", latent="texture", classes=(1, 2, 3, 0), every=8)
    world = PlantedWorld(planted=(loud, _TEXTURE, twin))
    fix = _fixed(links="none,add,concat,gate", augmentation="0,8,16", pruning="0,0.25,0.5,0.75")
    return Experiment(
        name="all-axes",
        world=world,
        fix={axis: value for axis, value in fix.items() if axis != "sharing"},
        trials=40,
        truths=(
            Truth(
                name="prune",
                says="loud is simple, and pruned harder than texture",
                found=pruned_harder("loud", "texture", by=0.25),
            ),
            Truth(
                name="branch",
                says="loud shares the stem with texture at most",
                found=best(lambda a: a.sharing.depth_between("loud", "texture") <= 1),
            ),
            Truth(
                name="share or link",
                says="twin shares four stages with texture at least, or is linked from it",
                found=best(
                    lambda a: (
                        a.sharing.depth_between("texture", "twin") >= 4
                        or linked(a, "texture", "twin", (8, 16))
                    )
                ),
            ),
        ),
        contrasts=(),
    )


ALL_AXES = _all_axes()
