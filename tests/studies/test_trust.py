from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from search_spaces.axes import Choice
from studies.ranking import Array
from studies.trust import Group, MisleadingAxis, distrusted, misleading_axes

_TASKS = ("depth", "motion", "segmentation")


def _drawn(rng: np.random.Generator) -> dict[str, Choice]:
    """A network's parameters, as many axes as a small space has."""
    parameters: dict[str, Choice] = {
        "encoder.width": int(rng.choice([16, 32, 64])),
        "decoder.kind": str(rng.choice(["fpn", "fcn8"])),
        "weighting": str(rng.choice(["sum", "geometric"])),
    }
    if parameters["decoder.kind"] == "fpn":
        parameters["decoder.width"] = int(rng.choice([32, 64]))
    for task in _TASKS:
        parameters[f"prune.{task}.shared"] = float(rng.choice([0.0, 0.25, 0.5]))
        parameters[f"link.{task}.source"] = str(rng.choice(["none", "some"]))
    return parameters


def _found(
    seed: int,
    bias: Callable[[Mapping[str, Choice]], float] = lambda parameters: 0.0,
    *,
    networks: int = 40,
    seed_sd: float = 0.0,
) -> tuple[MisleadingAxis, ...]:
    """What is found where the cheap score is lower by a bias, in sd of the trained value.

    Width makes networks better, for half of their variance; the cheap score has noise of half an
    sd and another scale.
    """
    rng = np.random.default_rng(seed)
    parameters = [_drawn(rng) for _ in range(networks)]
    width = _standard(np.array([float(p["encoder.width"]) for p in parameters]))
    true = _standard(width + rng.standard_normal(networks))
    trained = true + seed_sd * rng.standard_normal(networks)
    cheap = true + 0.5 * rng.standard_normal(networks) - [bias(p) for p in parameters]
    return misleading_axes(
        parameters, np.exp(cheap) - 90, trained, rng=rng, seed_sd=seed_sd, permutations=499
    )


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / values.std())


@pytest.mark.parametrize("seed_sd", [0.0, 0.4])
def test_no_alarm_where_a_score_is_only_noisy(seed_sd: float) -> None:
    alarms = sum(bool(_found(seed, seed_sd=seed_sd)) for seed in range(60))
    assert alarms < 0.05 * 60


@pytest.mark.parametrize(
    ("axis", "bias"),
    [
        ("decoder", lambda p: p["decoder.kind"] == "fpn"),
        ("weighting", lambda p: p["weighting"] == "sum"),
        ("link", lambda p: sum(p[f"link.{t}.source"] == "some" for t in _TASKS) >= 2),
    ],
)
def test_a_bias_of_one_sd_is_found_with_40_networks(
    axis: str, bias: Callable[[Mapping[str, Choice]], float]
) -> None:
    found = [_found(seed, bias) for seed in range(25)]
    assert sum(axis in [m.axis for m in misleading] for misleading in found) > 0.8 * 25
    assert sum(any(m.axis != axis for m in misleading) for misleading in found) <= 3


def test_what_is_found_says_which_networks_and_which_way() -> None:
    (misleading,) = _found(3, lambda p: p["decoder.kind"] == "fpn", networks=200)
    assert (misleading.axis, misleading.group.parameter) == ("decoder", "decoder.kind")
    assert misleading.networks == 200
    better = misleading.group.value == "fpn"
    assert 0.5 < misleading.residual * (1 if better else -1) < 1.2
    assert distrusted({"decoder.kind": "fpn"}, [misleading]) == better
    assert distrusted({"decoder.kind": "fcn8"}, [misleading]) != better
    assert not distrusted({"encoder.width": 64}, [misleading])
    assert not distrusted({"decoder.kind": "fpn"}, [])


def test_a_bias_the_other_way_round_has_the_other_sign() -> None:
    (under,) = _found(3, lambda p: 2.0 * (p["weighting"] == "sum"), networks=100)
    (over,) = _found(3, lambda p: -2.0 * (p["weighting"] == "sum"), networks=100)
    assert under.group == over.group
    assert under.residual * over.residual < 0


def test_with_few_networks_nothing_is_said() -> None:
    def bias(parameters: Mapping[str, Choice]) -> float:
        return 9.0 * (parameters["decoder.kind"] == "fpn")

    assert _found(0, bias, networks=11) == ()
    assert _found(0, bias, networks=60)


def test_equal_networks_mislead_in_nothing() -> None:
    rng = np.random.default_rng(0)
    parameters = [_drawn(rng) for _ in range(20)]
    assert misleading_axes(parameters, rng.random(20), np.ones(20), rng=rng) == ()
    same: list[dict[str, Choice]] = [{"streams": 2}] * 20
    assert misleading_axes(same, rng.random(20), rng.random(20), rng=rng) == ()


def test_the_same_seed_says_the_same() -> None:
    assert _found(1, lambda p: p["weighting"] == "sum") == _found(
        1, lambda p: p["weighting"] == "sum"
    )


@pytest.mark.parametrize(
    ("group", "written", "inside", "outside"),
    [
        (Group(parameter="a.b", value="x"), "a.b x", {"a.b": "x"}, {"a.b": "y"}),
        (Group(parameter="a.b", low=0.5), "a.b from 0.5", {"a.b": 0.5}, {"a.b": 0.25}),
        (Group(parameter="a.b", high=32), "a.b below 32", {"a.b": 16}, {"a.b": 32}),
        (
            Group(parameter="prune.*.shared", low=0.25),
            "prune.*.shared from 0.25",
            {"prune.depth.shared": 0.5, "prune.motion.shared": 0.0},
            {"prune.depth.shared": 0.25, "prune.motion.shared": 0.0, "prune.depth.branch": 1.0},
        ),
        (
            Group(parameter="link.*.source", low=2),
            "link.*.source from 2",
            {"link.a.source": "b", "link.b.source": "a", "link.c.source": "none"},
            {"link.a.source": "b", "link.b.source": "none"},
        ),
    ],
)
def test_groups(
    group: Group, written: str, inside: dict[str, Choice], outside: dict[str, Choice]
) -> None:
    assert str(group) == written
    assert group.holds(inside)
    assert not group.holds(outside)
    assert not group.holds({"other": 1})


def test_a_sentence_for_people() -> None:
    axis = MisleadingAxis(
        axis="link", group=Group(parameter="link.*.source", low=2), residual=1.84, p=0.004,
        networks=40,
    )  # fmt: skip
    assert axis.sentence("%") == (
        "inherited weights mislead on link: networks with link.*.source from 2 end 1.8 % better "
        "than their first score says (p = 0.004, 40 networks): these are trained before they are "
        "judged"
    )
