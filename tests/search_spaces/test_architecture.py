from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import LEVELS, DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH, MOTION, SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.loss_weights import LossWeight
from search_spaces.sharing import Sharing, all_sharings
from search_spaces.synergy import OPERATIONS, SynergyLink
from search_spaces.task_spec import ArchitectureError, TaskSpec

NAMES = ("depth", "motion", "segmentation")


def _architecture(**values: object) -> Architecture:
    given = {"tasks": DEFAULT_TASKS, "sharing": Sharing.shared(NAMES), **values}
    return Architecture(**given)  # type: ignore[arg-type]


def _link(source: str, target: str, level: int = 8, operation: str = "add") -> SynergyLink:
    return SynergyLink(source=source, target=target, level=level, operation=operation)  # type: ignore[arg-type]


def _extra(task: str, stage: int, channels: int = 8) -> Augmentation:
    return Augmentation(task=task, stage=stage, channels=channels)


def _ratio(task: str, part: str, ratio: float = 0.5) -> FilterRatio:
    return FilterRatio(task=task, part=part, ratio=ratio)  # type: ignore[arg-type]


def _weight(task: str, weight: float) -> LossWeight:
    return LossWeight(task=task, weight=weight)


def _random(rng: random.Random) -> Architecture:
    """Anything that an architecture may be, far outside of the default space too."""
    links = tuple(
        _link(s, t, rng.choice(LEVELS), rng.choice(OPERATIONS))
        for s in NAMES
        for t in NAMES
        if s != t and rng.random() < 0.4
    )
    extra = tuple(
        _extra(t, s, 8 * rng.randrange(5)) for t in NAMES for s in range(5) if rng.random() < 0.4
    )
    ratios = tuple(
        _ratio(t, p, rng.randrange(90) / 100) for t in NAMES for p in PARTS if rng.random() < 0.4
    )
    return _architecture(
        sharing=rng.choice(all_sharings(NAMES)),
        encoder=EncoderSpec(depth=rng.choice(("resnet10", "resnet101")), width=40),
        decoder=DecoderSpec(kind=rng.choice(("fpn", "fcn8")), width=rng.choice((8, 64))),
        streams=rng.choice((1, 2)),
        fusion=rng.choice(("concat", "recurrent")),
        links=links,
        augmentations=extra,
        pruning=ratios,
        auxiliary=rng.choice(((), ("depth",), ("motion", "depth"))),
        weighting=rng.choice(("geometric", "sum", "fixed")),
        loss_weights=tuple(_weight(t, rng.choice((1, 400, 1000))) for t in NAMES),
    )


# --- canonical form -----------------------------------------------------------------------------

_ALONE = Sharing.independent(NAMES)
_STEM = Sharing.shared(NAMES, 1)
_TWO = Sharing.from_parents(NAMES, {"motion": ("depth", 2), "segmentation": ("motion", 4)})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"tasks": DEFAULT_TASKS[::-1]}, {}, id="order of tasks"),
        pytest.param({"tasks": list(DEFAULT_TASKS)}, {}, id="list of tasks"),
        pytest.param({"fusion": "recurrent"}, {}, id="fusion of one stream"),
        pytest.param(
            {"decoder": DecoderSpec(kind="fcn8", width=32)},
            {"decoder": DecoderSpec(kind="fcn8", width=128)},
            id="width of fcn8",
        ),
        pytest.param(
            {"links": (_link("motion", "depth"), _link("depth", "motion"))},
            {"links": [_link("depth", "motion"), _link("motion", "depth")]},
            id="order of links",
        ),
        pytest.param(
            {"links": (_link("motion", "depth"),) * 2},
            {"links": (_link("motion", "depth"),)},
            id="a link twice",
        ),
        pytest.param({"links": (_link("motion", "flow"),)}, {}, id="link into no task"),
        pytest.param({"links": (_link("flow", "motion"),)}, {}, id="link from no task"),
        pytest.param(
            {"links": (_link("depth", "motion", 4),), "decoder": DecoderSpec(kind="fcn8")},
            {"decoder": DecoderSpec(kind="fcn8")},
            id="link at a level that the decoder has not",
        ),
        pytest.param({"augmentations": (_extra("flow", 1),)}, {}, id="augmentation of no task"),
        pytest.param({"augmentations": (_extra("depth", 1, 0),)}, {}, id="no channels"),
        pytest.param(
            {"augmentations": (_extra("motion", 1), _extra("depth", 2))},
            {"augmentations": [_extra("depth", 2), _extra("motion", 1)]},
            id="order of augmentations",
        ),
        pytest.param(
            {"sharing": _STEM, "augmentations": (_extra("depth", 2),)},
            {"sharing": _STEM},
            id="augmentation of a stage that is not shared",
        ),
        pytest.param(
            {"augmentations": (_extra("depth", 0),)}, {}, id="augmented stem that nothing reads"
        ),
        pytest.param(
            {"augmentations": (_extra("depth", 1),), "decoder": DecoderSpec(kind="fcn8")},
            {"decoder": DecoderSpec(kind="fcn8")},
            id="augmented stage 1 that fcn8 does not read",
        ),
        pytest.param(
            {
                "sharing": _TWO,
                "augmentations": (_extra("motion", 1),),
                "decoder": DecoderSpec(kind="fcn8"),
            },
            {"sharing": _TWO, "decoder": DecoderSpec(kind="fcn8")},
            id="augmentation where two leave together",
        ),
        pytest.param({"pruning": (_ratio("flow", "decoder"),)}, {}, id="pruning of no task"),
        pytest.param(
            {"loss_weights": (_weight("depth", 400),)}, {}, id="weights that nothing asks for"
        ),
        pytest.param(
            {"weighting": "fixed", "loss_weights": (_weight("depth", 1), _weight("flow", 3))},
            {"weighting": "sum"},
            id="fixed weights of 1",
        ),
        pytest.param(
            {"weighting": "fixed", "loss_weights": (_weight("motion", 2), _weight("depth", 400))},
            {
                "weighting": "fixed",
                "loss_weights": [
                    _weight("depth", 400.0),
                    _weight("motion", 2),
                    _weight("motion", 2),
                ],
            },
            id="order and repetition of loss weights",
        ),
        pytest.param({"pruning": (_ratio("depth", "decoder", 0),)}, {}, id="no pruning"),
        pytest.param({"pruning": (_ratio("depth", "branch"),)}, {}, id="no branch to prune"),
        pytest.param(
            {"sharing": _ALONE, "pruning": (_ratio("depth", "shared"),)},
            {"sharing": _ALONE},
            id="nothing shared to prune",
        ),
        pytest.param(
            {"decoder": DecoderSpec(kind="fcn8"), "pruning": (_ratio("depth", "decoder"),)},
            {"decoder": DecoderSpec(kind="fcn8")},
            id="fcn8 has nothing to prune",
        ),
        pytest.param({"auxiliary": ("flow",)}, {}, id="auxiliary is no task"),
        pytest.param(
            {"auxiliary": ["motion", "depth", "motion"]},
            {"auxiliary": ("depth", "motion")},
            id="order of auxiliary tasks",
        ),
    ],
)
def test_descriptions_of_one_network_have_one_id(
    one: dict[str, object], other: dict[str, object]
) -> None:
    first, second = _architecture(**one), _architecture(**other)
    assert first == second
    assert hash(first) == hash(second)
    assert first.id == second.id


@pytest.mark.parametrize(
    "changed",
    [
        {"sharing": Sharing.shared(NAMES, 4)},
        {"encoder": EncoderSpec(depth="resnet34")},
        {"decoder": DecoderSpec(kind="fcn8")},
        {"streams": 2},
        {"streams": 2, "fusion": "recurrent"},
        {"links": (_link("depth", "motion"),)},
        {"links": (_link("motion", "depth"),)},
        {"links": (_link("depth", "motion", 4),)},
        {"links": (_link("depth", "motion", 8, "gate"),)},
        {"augmentations": (_extra("depth", 1),)},
        {"augmentations": (_extra("depth", 1), _extra("depth", 0))},
        {"augmentations": (_extra("depth", 2),)},
        {"augmentations": (_extra("depth", 2, 16),)},
        {"pruning": (_ratio("depth", "shared"),)},
        {"pruning": (_ratio("depth", "decoder"),)},
        {"pruning": (_ratio("depth", "decoder", 0.25),)},
        {"auxiliary": ("depth",)},
        {"weighting": "sum"},
        {"weighting": "fixed", "loss_weights": (_weight("depth", 400),)},
        {"tasks": (SEGMENTATION, MOTION, replace(DEPTH, positive=False))},
    ],
)
def test_different_networks_have_different_ids(changed: dict[str, object]) -> None:
    plain, other = _architecture(), _architecture(**changed)
    assert plain != other
    assert plain.id != other.id


def test_weighting_of_one_task_is_moot() -> None:
    one = Architecture(tasks=(DEPTH,), sharing=Sharing.independent(("depth",)), weighting="sum")
    assert one.weighting == "geometric"
    weight = (_weight("depth", 400),)
    assert replace(one, weighting="fixed", loss_weights=weight) == one


def test_tasks_without_a_fixed_weight_count_once() -> None:
    fixed = _architecture(weighting="fixed", loss_weights=(_weight("segmentation", 400),))
    assert [fixed.loss_weight(name) for name in NAMES] == [1, 1, 400]
    assert fixed != replace(fixed, loss_weights=(_weight("segmentation", 1000),))
    assert Architecture.from_json(fixed.to_json()) == fixed


@pytest.mark.parametrize(
    "weight", [0, -1, 1e10, 10**400, float("inf"), float("nan"), True, "400", None]
)
def test_loss_weights_are_finite_and_positive(weight: float) -> None:
    with pytest.raises(
        ArchitectureError, match=r"weight of depth is .*, use a number above 0 and up to 1e\+09"
    ):
        _weight("depth", weight)


def test_augmented_stem_lives_where_the_next_stage_reads_it() -> None:
    kept = _architecture(augmentations=(_extra("depth", 0), _extra("depth", 1)))
    branch = _architecture(sharing=_STEM, augmentations=(_extra("depth", 0),))
    assert kept.augmented_channels("depth", 0) == 8
    assert branch.augmented_channels("depth", 0) == 8


def test_canonical_form_is_a_fixed_point() -> None:
    rng = random.Random(1)
    for _ in range(200):
        architecture = _random(rng)
        again = replace(architecture)
        assert again == architecture
        for f in fields(Architecture):
            assert getattr(again, f.name) == getattr(architecture, f.name)


def test_lookups_say_zero_where_nothing_is_named() -> None:
    architecture = _architecture(
        pruning=(_ratio("depth", "shared", 0.25),), augmentations=(_extra("motion", 4, 16),)
    )
    assert architecture.ratio("depth", "shared") == 0.25
    assert architecture.ratio("depth", "decoder") == 0
    assert architecture.augmented_channels("motion", 4) == 16
    assert architecture.augmented_channels("depth", 4) == 0
    assert architecture.dense == replace(architecture, pruning=())
    assert architecture.task("depth") == DEPTH


# --- validation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"tasks": ()}, "tasks is empty, name at least one"),
        ({"tasks": (DEPTH, DEPTH)}, "tasks names depth twice, give each task its own name"),
        ({"tasks": (DEPTH,)}, "sharing speaks of depth, motion, segmentation, the tasks are depth"),
        ({"streams": 3}, "streams is 3, use 1"),
        ({"streams": True}, "streams is True, use 1"),
        ({"streams": 2.0}, r"streams is 2\.0, use 1"),
        ({"fusion": "sum"}, "fusion is 'sum', use concat, recurrent"),
        ({"weighting": "mean"}, "weighting is 'mean', use geometric, sum"),
        ({"auxiliary": NAMES}, "auxiliary names every task, leave one"),
        ({"auxiliary": "depth"}, "auxiliary is 'depth', give a tuple"),
        (
            {"links": (_link("depth", "motion"), _link("depth", "motion", 8, "gate"))},
            "links says two different things",
        ),
        (
            {"augmentations": (_extra("depth", 1), _extra("depth", 1, 16))},
            "augmentations says two different things",
        ),
        (
            {"augmentations": (_extra("depth", 1), _extra("depth", 1, 0))},
            "augmentations says two different things",
        ),
        (
            {"weighting": "fixed", "loss_weights": (_weight("depth", 2), _weight("depth", 1))},
            "loss_weights says two different things",
        ),
        (
            {"pruning": (_ratio("depth", "shared"), _ratio("depth", "shared", 0))},
            "pruning says two different things",
        ),
    ],
)
def test_broken_architectures_are_rejected(broken: dict[str, object], message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        _architecture(**broken)


# --- id -----------------------------------------------------------------------------------------

_FIXED = {
    "sharing": _TWO,
    "encoder": EncoderSpec(depth="resnet34", width=48),
    "streams": 2,
    "fusion": "recurrent",
    "links": (_link("depth", "motion", 16, "gate"),),
    "augmentations": (_extra("segmentation", 3, 16),),
    "pruning": (_ratio("depth", "branch", 0.25),),
    "auxiliary": ("depth",),
    "weighting": "sum",
    "tasks": (
        TaskSpec(name="segmentation", kind="segmentation", channels=2, classes=("a", "b")),
        TaskSpec(name="depth", kind="depth", channels=1, positive=True),
        TaskSpec(name="motion", kind="motion", channels=2),
    ),
}
_FIXED_ID = "3371835a1372"


def test_ids_never_change() -> None:
    assert _architecture(**_FIXED).id == _FIXED_ID


@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_another_process_gives_the_same_id(hash_seed: str) -> None:
    program = (
        "import sys; from search_spaces.architecture import Architecture; "
        "print(Architecture.from_json(sys.stdin.read()).id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=_architecture(**_FIXED).to_json(),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == _FIXED_ID


def test_ids_of_random_architectures_are_unique() -> None:
    rng = random.Random(2)
    architectures = {_random(rng) for _ in range(500)}
    assert len({a.id for a in architectures}) == len(architectures)
