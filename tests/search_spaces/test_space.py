from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import optuna
import pytest

from search_spaces.architecture import Architecture
from search_spaces.axes import AXES, Choice
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import (
    ALL_TASKS,
    DEFAULT_TASKS,
    DEPTH,
    DETECTION,
    MOTION,
    ODOMETRY,
    SEGMENTATION,
    SOILING_TILES,
)
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import preset
from search_spaces.sharing import Sharing
from search_spaces.space import MutationError, SearchSpace
from search_spaces.synergy import SynergyLink
from search_spaces.task_spec import ArchitectureError, TaskSpec

NAMES = ("depth", "motion", "segmentation")


class Scripted:
    """Chooses by a list of indices, then 0, and notes what it was asked."""

    def __init__(self, indices: Sequence[int] = ()) -> None:
        self.indices = list(indices)
        self.asked: dict[str, tuple[Choice, ...]] = {}
        self.path: list[tuple[int, int]] = []

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        assert name not in self.asked, f"{name} asked twice"
        self.asked[name] = tuple(choices)
        index = self.indices[len(self.path)] if len(self.path) < len(self.indices) else 0
        self.path.append((index, len(choices)))
        return choices[index]


class Named:
    """Chooses from a dict of parameters; every one of them must be asked for."""

    def __init__(self, values: dict[str, Choice]) -> None:
        self.values = dict(values)

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        value = self.values.pop(name)
        assert value in choices
        return value


def _every_walk(space: SearchSpace) -> Iterator[tuple[Architecture, Scripted]]:
    """All ways through the parameters, as an odometer."""
    indices: list[int] | None = []
    while indices is not None:
        suggester = Scripted(indices)
        yield space.suggest(suggester), suggester
        path = list(suggester.path)
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        indices = [i for i, _ in path[:-1]] + [path[-1][0] + 1] if path else None


@cache
def _walks(name: str) -> list[tuple[Architecture, Scripted]]:
    return list(_every_walk(SMALL_SPACES[name]))


def _narrow(**changes: object) -> SearchSpace:
    """One choice an axis but for the changes."""
    narrow = {
        "tasks": DEFAULT_TASKS,
        "encoders": ("resnet18",),
        "widths": (32,),
        "decoders": ("fpn",),
        "decoder_widths": (64,),
        "shared_stages": (5,),
        "links": ("none",),
        "augmentations": (0,),
        "pruning": (0.0,),
        "weightings": ("geometric",),
    }
    return SearchSpace(**{**narrow, **changes})  # type: ignore[arg-type]


TWO = (DEPTH, MOTION)
SMALL_SPACES = {
    "one": _narrow(),
    "globals": _narrow(
        encoders=("resnet10", "resnet50"),
        widths=(16, 32, 64),
        decoders=("fpn", "fcn8"),
        decoder_widths=(32, 64),
        streams=(1, 2),
        fusions=("concat", "recurrent"),
        weightings=("geometric", "sum"),
    ),
    "trees of three": _narrow(shared_stages=()),
    "trees of four": _narrow(
        tasks=(*DEFAULT_TASKS, TaskSpec(name="flow", kind="depth", channels=2)), shared_stages=()
    ),
    "equal depths": _narrow(shared_stages=(0, 2, 5), augmentations=(0, 8)),
    "links": _narrow(tasks=TWO, links=("none", "add", "gate"), link_levels=(8, 32)),
    "links of three": _narrow(links=("none", "concat"), link_levels=(8, 32)),
    "links for all": _narrow(links=("add",)),
    "augmentations": _narrow(tasks=TWO, shared_stages=(), augmentations=(0, 8, 16)),
    "augmented for all": _narrow(tasks=TWO, shared_stages=(), augmentations=(8,)),
    "two or four stages": _narrow(
        tasks=TWO, shared_stages=(), augmentations=(0, 8), augmented_stages=(2, 4)
    ),
    "pruning": _narrow(
        tasks=TWO, decoders=("fpn", "fcn8"), shared_stages=(), pruning=(0.0, 0.25, 0.5)
    ),
    "pruned for all": _narrow(tasks=TWO, shared_stages=(), pruning=(0.25, 0.5)),
    "trees with augmentations": _narrow(shared_stages=(), augmentations=(0, 8)),
    "trees with pruning": _narrow(
        decoders=("fcn8",), shared_stages=(), pruning=(0.0, 0.5), augmented_stages=(1,)
    ),
    "pixels, cells and frames": _narrow(
        tasks=(DEPTH, DETECTION, ODOMETRY),
        decoders=("fcn8",),
        shared_stages=(),
        pruning=(0.0, 0.5),
        augmented_stages=(1,),
    ),
    "either decoder beside cells": _narrow(
        tasks=(DEPTH, DETECTION), decoders=("fpn", "fcn8"), shared_stages=(), pruning=(0.0, 0.5)
    ),
    "links between cells": _narrow(
        tasks=(DEPTH, DETECTION, ODOMETRY, SOILING_TILES),
        links=("none", "add"),
        link_levels=(8, 32),
    ),
    "no pixels": _narrow(
        tasks=(DETECTION, ODOMETRY), decoders=("fpn", "fcn8"), decoder_widths=(32, 64)
    ),
    "a single task": SearchSpace(tasks=(DEPTH,), widths=(16, 32), encoders=("resnet10",)),
}


# --- suggesting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL_SPACES)
def test_size_is_the_number_of_different_architectures(name: str) -> None:
    assert len({architecture for architecture, _ in _walks(name)}) == SMALL_SPACES[name].size()


@pytest.mark.parametrize("name", SMALL_SPACES)
def test_choices_never_depend_on_other_values(name: str) -> None:
    choices: dict[str, tuple[Choice, ...]] = {}
    for _, suggester in _walks(name):
        for parameter, offered in suggester.asked.items():
            assert choices.setdefault(parameter, offered) == offered
            assert len(offered) > 1


@pytest.mark.parametrize("name", SMALL_SPACES)
def test_every_parameter_that_is_asked_for_has_an_effect(name: str) -> None:
    """What can still become of the network differs between some of a parameter's values."""
    futures: dict[tuple[int, ...], dict[int, set[Architecture]]] = {}
    for architecture, suggester in _walks(name):
        indices = tuple(index for index, _ in suggester.path)
        for position, index in enumerate(indices):
            by_value = futures.setdefault(indices[:position], {})
            by_value.setdefault(index, set()).add(architecture)
    for by_value in futures.values():
        first, *others = by_value.values()
        assert any(other != first for other in others)


def test_parameters_without_effect_are_not_asked_for(space: SearchSpace) -> None:
    rng = random.Random(0)
    for _ in range(300):
        asked = space.parameters(space.sample(rng))
        value = asked.get
        assert ("decoder.width" in asked) == (value("decoder.kind") == "fpn")
        for task in NAMES:
            linked = value(f"link.{task}.source") != "none"
            assert (f"link.{task}.level" in asked) == linked
            assert (f"link.{task}.operation" in asked) == linked
            assert (f"prune.{task}.shared" in asked) == (f"augment.{task}.channels" in asked)
            assert (f"prune.{task}.decoder" in asked) == (value("decoder.kind") == "fpn")
            if f"augment.{task}.stages" in asked:
                assert value(f"augment.{task}.channels")
        assert "sharing.depth.depth" not in asked
        assert "sharing.motion.parent" not in asked
        if "sharing.segmentation.parent" in asked:
            assert value("sharing.segmentation.depth")
        whole = [task for task in NAMES if f"prune.{task}.branch" not in asked]
        assert len(whole) != 1, "a task without a branch shares all stages with another one"


def test_none_is_always_first(space: SearchSpace) -> None:
    suggester = Scripted()
    space.suggest(suggester)
    asked = {**suggester.asked}
    for architecture in (preset("shared", DEFAULT_TASKS), preset("independent", DEFAULT_TASKS)):
        again = Scripted()
        space.suggest(_Both(again, Named(space.parameters(architecture))))
        asked |= again.asked
    devices = [name for name in asked if name.startswith(("link.", "augment.", "prune."))]
    assert len([n for n in devices if n.endswith(("source", "channels")) or "prune" in n]) == 15
    for name in devices:
        assert asked[name][0] in ("none", 0)


class _Both:
    def __init__(self, notes: Scripted, speaks: Named) -> None:
        self.notes, self.speaks = notes, speaks

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        self.notes.suggest_categorical(name, choices)
        return self.speaks.suggest_categorical(name, choices)


@pytest.mark.parametrize("tasks", [DEFAULT_TASKS, ALL_TASKS], ids=["three", "all"])
def test_all_parameters_are_listed_with_the_choices_that_are_asked_for(
    tasks: tuple[TaskSpec, ...],
) -> None:
    space, rng = SearchSpace.for_tasks(tasks), random.Random(9)
    asked: dict[str, tuple[Choice, ...]] = {}
    for _ in range(200):
        heard = Scripted()
        space.suggest(_Both(heard, Named(space.parameters(space.sample(rng)))))
        for name, offered in heard.asked.items():
            assert asked.setdefault(name, offered) == offered
    assert asked == space.choices()


@pytest.mark.parametrize("name", SMALL_SPACES)
def test_listed_choices_hold_all_that_a_small_space_asks_for(name: str) -> None:
    listed = SMALL_SPACES[name].choices()
    assert all(len(offered) > 1 for offered in listed.values())
    for _, suggester in _walks(name):
        assert suggester.asked.items() <= listed.items()


def test_parameters_stand_for_one_architecture_and_missing_ones_for_the_first_choice(
    space: SearchSpace,
) -> None:
    rng = random.Random(11)
    for _ in range(100):
        architecture = space.sample(rng)
        assert space.architecture(space.parameters(architecture)) == architecture
    first = space.suggest(Scripted())
    assert space.architecture({}) == first
    assert space.architecture({"encoder.width": 48}).encoder.width == 48
    with pytest.raises(ArchitectureError, match=r"encoder\.width is 40, .*use 16, 24, 32, 48"):
        space.architecture({"encoder.width": 40})


def test_a_suggester_that_invents_a_value_is_told() -> None:
    class Inventive:
        def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
            return "resnet7"

    with pytest.raises(ArchitectureError, match=r"encoder\.depth is 'resnet7', .*use resnet10"):
        SearchSpace.for_tasks(DEFAULT_TASKS).suggest(Inventive())


# --- Optuna -------------------------------------------------------------------------------------


def test_a_fixed_trial_gives_the_architecture(space: SearchSpace) -> None:
    architecture = space.sample(random.Random(1))
    trial = optuna.trial.FixedTrial(space.parameters(architecture))
    assert space.suggest(trial) == architecture


def test_a_study_can_be_given_known_architectures(space: SearchSpace) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=3))
    known = preset("two-stream-three-task", DEFAULT_TASKS)
    study.enqueue_trial(space.parameters(known))
    found = []

    def objective(trial: optuna.Trial) -> float:
        found.append(space.suggest(trial))
        assert space.parameters(found[-1]).keys() == trial.params.keys()
        return random.Random(found[-1].id).random()

    study.optimize(objective, n_trials=12)
    assert found[0] == known
    assert len(set(found)) > 6


# --- sampling, membership, mutation -------------------------------------------------------------


def test_samples_are_inside_and_their_parameters_give_them_back(space: SearchSpace) -> None:
    rng = random.Random(2)
    for _ in range(500):
        architecture = space.sample(rng)
        assert architecture in space
        values = Named(space.parameters(architecture))
        assert space.suggest(values) == architecture
        assert not values.values, "parameters that suggest does not ask for"


def test_equal_seeds_sample_equal_architectures(space: SearchSpace) -> None:
    one, other = random.Random(3), random.Random(3)
    assert [space.sample(one) for _ in range(5)] == [space.sample(other) for _ in range(5)]
    assert len({space.sample(one) for _ in range(200)}) > 195


def test_half_of_the_samples_of_each_task_go_without_a_device(space: SearchSpace) -> None:
    rng = random.Random(4)
    without: Counter[str] = Counter()
    could_augment = 0
    for _ in range(2000):
        a = space.sample(rng)
        without["link"] += all(link.target != "motion" for link in a.links)
        without["pruning"] += all(p.task != "motion" for p in a.pruning)
        if a.sharing.depth("motion"):
            could_augment += 1
            without["augmentation"] += all(x.task != "motion" for x in a.augmentations)
    assert 0.46 < without["link"] / 2000 < 0.54
    assert 0.48 < without["pruning"] / 2000 < 0.58
    assert 0.46 < without["augmentation"] / could_augment < 0.54


def test_samples_reach_every_choice() -> None:
    for name in ("globals", "trees of three", "links", "augmentations"):
        space = SMALL_SPACES[name]
        rng = random.Random(5)
        assert len({space.sample(rng) for _ in range(40 * space.size())}) == space.size()


def test_mutants_are_inside_and_different(space: SearchSpace) -> None:
    rng = random.Random(6)
    architecture = preset("shared", DEFAULT_TASKS)
    for _ in range(500):
        mutant = space.mutate(architecture, rng)
        assert mutant in space
        assert mutant != architecture
        architecture = mutant


def test_a_mutant_keeps_most_parameters(space: SearchSpace) -> None:
    rng = random.Random(7)
    for _ in range(200):
        architecture = space.sample(rng)
        before = space.parameters(architecture)
        after = space.parameters(space.mutate(architecture, rng))
        both = before.keys() & after.keys()
        changed = [name for name in both if before[name] != after[name]]
        # A parent may be spelt anew, and a clipped number of stages too.
        spelling = [name for name in changed if name.endswith((".parent", ".stages"))]
        assert len(changed) - len(spelling) <= 2 + any("sharing" in name for name in changed)


@pytest.mark.parametrize("name", [name for name in SMALL_SPACES if name != "one"])
def test_mutation_finds_another_one_in_every_space(name: str) -> None:
    space = SMALL_SPACES[name]
    rng = random.Random(8)
    for _ in range(30):
        architecture = space.sample(rng)
        assert space.mutate(architecture, rng) != architecture


def test_mutation_in_a_space_of_one_is_an_error() -> None:
    space = SMALL_SPACES["one"]
    with pytest.raises(MutationError, match="in a space of 1, fix fewer axes"):
        space.mutate(space.sample(random.Random(0)), random.Random(0))


def _changed(**values: object) -> Architecture:
    return replace(preset("shared", DEFAULT_TASKS), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outside", "message"),
    [
        (_changed(encoder=EncoderSpec(depth="resnet101", width=32)), r"encoder\.depth is 'resn"),
        (_changed(encoder=EncoderSpec(depth="resnet18", width=40)), r"encoder\.width is 40,.*48"),
        (_changed(decoder=DecoderSpec(width=128)), r"decoder\.width is 128, .*use 32, 64"),
        (_changed(streams=1), r"streams is 1, .*use 2"),
        (
            _changed(links=(SynergyLink(source="depth", target="motion", level=4),)),
            r"link\.motion\.level is 4, .*use 8, 16, 32",
        ),
        (
            _changed(
                links=(
                    SynergyLink(source="depth", target="motion", level=8),
                    SynergyLink(source="segmentation", target="motion", level=8),
                )
            ),
            "links .* outside .*at most one link into a task",
        ),
        (
            _changed(augmentations=(Augmentation(task="depth", stage=4, channels=24),)),
            r"augment\.depth\.channels is 24, .*use 0, 8, 16, 32",
        ),
        (
            _changed(augmentations=(Augmentation(task="depth", stage=1, channels=8),)),
            "augmentations .* outside .*last shared stages",
        ),
        (
            _changed(
                augmentations=tuple(
                    Augmentation(task="depth", stage=stage, channels=8) for stage in range(1, 5)
                )
            ),
            r"augment\.depth\.stages is 4, .*use 1, 2, 3",
        ),
        (
            _changed(pruning=(FilterRatio(task="depth", part="decoder", ratio=0.3),)),
            r"prune\.depth\.decoder is 0\.3, .*use 0\.0, 0\.25",
        ),
        (_changed(auxiliary=("depth",)), "auxiliary .* outside .*every task is an output"),
        (preset("shared", TWO), "tasks of .* are depth, motion and differ from the space's depth"),
        (
            preset("shared", (SEGMENTATION, MOTION, replace(DEPTH, channels=2))),
            "tasks of .* differ .* in name, kind, channels or classes",
        ),
    ],
)
def test_what_is_outside_says_on_which_axis(
    space: SearchSpace, outside: Architecture, message: str
) -> None:
    assert outside not in space
    with pytest.raises(ArchitectureError, match=message):
        space.parameters(outside)


def test_a_tree_is_outside_where_all_tasks_must_share_alike(space: SearchSpace) -> None:
    tree = _changed(sharing=Sharing.from_parents(NAMES, {"motion": ("depth", 5)}))
    assert tree in space
    with pytest.raises(ArchitectureError, match=r"sharing .* outside"):
        space.fix({"sharing": "5"}).parameters(tree)


def test_other_things_are_not_inside(space: SearchSpace) -> None:
    assert "shared" not in space


def test_nearest_keeps_what_the_space_has(space: SearchSpace) -> None:
    narrow = space.fix({"encoder": "resnet34,resnet50", "width": "40,64", "streams": "1"})
    nearest = narrow.nearest(preset("shared", DEFAULT_TASKS))
    assert nearest == _changed(encoder=EncoderSpec(depth="resnet34", width=40), streams=1)
    rng = random.Random(9)
    for _ in range(100):
        architecture = space.sample(rng)
        assert space.nearest(architecture) == architecture
        assert narrow.nearest(architecture) in narrow


# --- the space itself ---------------------------------------------------------------------------


def test_default_space_for_motion_has_two_streams() -> None:
    assert SearchSpace.for_tasks(DEFAULT_TASKS).streams == (2,)
    assert SearchSpace.for_tasks(DEFAULT_TASKS, has_previous=False).streams == (1,)
    assert SearchSpace.for_tasks((DEPTH, SEGMENTATION)).streams == (1,)


def test_order_of_tasks_and_choices_does_not_matter() -> None:
    one = _narrow(tasks=DEFAULT_TASKS[::-1], widths=(64, 16, 16), links=("gate", "none"))
    other = _narrow(widths=(16, 64), links=("none", "gate"))
    assert one == other
    assert one.fingerprint == other.fingerprint


def test_whole_ratios_are_ratios() -> None:
    assert _narrow(pruning=(0, 0.5)).fingerprint == _narrow(pruning=(0.0, 0.5)).fingerprint
    assert _narrow().fix({"pruning": "-0"}).fingerprint == _narrow().fingerprint


def test_fingerprints_tell_spaces_apart() -> None:
    prints = {space.fingerprint for space in SMALL_SPACES.values()}
    assert len(prints) == len(SMALL_SPACES)
    assert SMALL_SPACES["one"].fingerprint == "1-6cc500be"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ()}, "tasks is empty"),
        ({"tasks": (DEPTH, DEPTH)}, "tasks names depth twice"),
        ({"tasks": (replace(DEPTH, name="none"),)}, "'none' means no link"),
        ({"widths": ()}, "widths is empty, give at least one of a multiple of 8"),
        ({"widths": (20,)}, "widths: 20 is not allowed, use a multiple of 8 from 8 to 512"),
        ({"widths": (32.0,)}, r"widths: 32\.0 is not allowed"),
        ({"streams": (True,)}, "streams: True is not allowed, use 1, 2"),
        ({"encoders": ("vgg16",)}, "encoders: 'vgg16' is not allowed, use resnet10"),
        ({"pruning": (1.0,)}, r"pruning: 1\.0 is not allowed, use none, a number from 0 to 0\.9"),
        ({"link_levels": (4,)}, "link_levels: 4 is not allowed, use 8, 16, 32"),
    ],
)
def test_choices_outside_of_what_can_be_built_are_rejected(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ArchitectureError, match=message):
        _narrow(**changes)


# --- fix ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "text", "field", "choices"),
    [
        ("encoder", "resnet18", "encoders", ("resnet18",)),
        ("encoder", "resnet101", "encoders", ("resnet101",)),
        ("width", "40", "widths", (40,)),
        ("width", "48, 32,48", "widths", (32, 48)),
        ("decoder", "fcn8", "decoders", ("fcn8",)),
        ("decoder_width", "128", "decoder_widths", (128,)),
        ("decoder-width", "64", "decoder_widths", (64,)),
        ("streams", "1", "streams", (1,)),
        ("fusion", "concat", "fusions", ("concat",)),
        ("sharing", "shared", "shared_stages", (5,)),
        ("sharing", "independent", "shared_stages", (0,)),
        ("sharing", "3,shared", "shared_stages", (3, 5)),
        ("links", "none", "links", ("none",)),
        ("links", "gate,none", "links", ("none", "gate")),
        ("link_level", "16", "link_levels", (16,)),
        ("augmentation", "none", "augmentations", (0,)),
        ("augmentations", "none,64", "augmentations", (0, 64)),
        ("augmented_stages", "1", "augmented_stages", (1,)),
        ("pruning", "none", "pruning", (0.0,)),
        ("pruning", "0.5,0", "pruning", (0.0, 0.5)),
        ("weighting", "sum", "weightings", ("sum",)),
        ("weighting", "famo,pcgrad,geometric", "weightings", ("geometric", "famo", "pcgrad")),
    ],
)
def test_fix_narrows_one_axis(
    space: SearchSpace, axis: str, text: str, field: str, choices: tuple[Choice, ...]
) -> None:
    fixed = space.fix({axis: text})
    assert fixed == replace(space, **{field: choices})
    assert fixed.sample(random.Random(0)) in fixed


def test_every_axis_can_be_fixed_at_once(space: SearchSpace) -> None:
    fixed = space.fix(
        {
            "encoder": "resnet50",
            "width": "64",
            "decoder": "fcn8",
            "streams": "2",
            "fusion": "concat",
            "sharing": "shared",
            "links": "none",
            "augmentation": "none",
            "pruning": "none",
            "weighting": "geometric",
        }
    )
    assert fixed.size() == 1
    assert fixed.sample(random.Random(0)) == preset("two-stream-three-task", DEFAULT_TASKS)


@pytest.mark.parametrize(
    ("axis", "text", "message"),
    [
        ("encodr", "resnet18", "unknown axis 'encodr', did you mean encoder. Use encoder, width"),
        ("colour", "red", "unknown axis 'colour', use encoder, width"),
        ("", "", "unknown axis '', use encoder"),
        ("encoder", "resnet81", "unknown encoder 'resnet81', did you mean resnet18. Use resnet10"),
        ("encoder", "ResNet18", "unknown encoder 'ResNet18', did you mean resnet18"),
        ("width", "33", "unknown width '33', use a multiple of 8 from 8 to 512"),
        ("width", "wide", "unknown width 'wide', use a multiple of 8"),
        ("width", "1e1", "unknown width '1e1'"),
        ("width", "", "unknown width '', use a multiple of 8"),
        ("width", "32,,48", "unknown width ''"),
        ("width", "1024", "unknown width '1024', use .* to 512"),
        ("streams", "3", "unknown streams '3', use 1, 2"),
        ("sharing", "6", "unknown sharing '6', use independent, shared, 0, 1"),
        ("links", "ad", "unknown links 'ad', did you mean add"),
        ("pruning", "0.95", r"unknown pruning '0\.95', use none, a number from 0 to 0\.9"),
        ("pruning", "nan", "unknown pruning 'nan'"),
        ("augmentation", "12", "unknown augmentation '12', use none, a multiple of 8"),
        ("weighting", "geo", "unknown weighting 'geo', use geometric, sum, uncertainty"),
        ("weighting", "fixed", "unknown weighting 'fixed', use geometric, sum, uncertainty"),
    ],
)
def test_fix_says_what_is_allowed(space: SearchSpace, axis: str, text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        space.fix({axis: text})


def test_every_axis_is_a_field_of_the_space(space: SearchSpace) -> None:
    names = {axis.field_name for axis in AXES.values()}
    assert names | {"tasks"} == set(SearchSpace.__dataclass_fields__)
