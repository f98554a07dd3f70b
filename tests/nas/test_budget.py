from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nas.budget import Bound, Budget, parse_bound
from nas.cost import Cost
from nas.deployment import BudgetError, Deployment
from nas.resolution import Resolution

COST = Cost(
    macs=37_500_000_000,
    params=5_000_000,
    activation_bytes=20_000_000,
    macs_by_task={},
    params_by_task={},
)


def test_xaviers_thirty_tops_are_37_5_gmacs_per_camera_frame() -> None:
    bound = parse_bound("30tops", Deployment())
    assert (bound.quantity, bound.limit) == ("macs", 37.5e9)


@pytest.mark.parametrize(
    ("text", "quantity", "limit"),
    [
        ("30000gops", "macs", 37.5e9),
        ("20gmacs", "macs", 20e9),
        ("250 MMACs", "macs", 250e6),
        (" 12.5 ms ", "latency_ms", 12.5),
        ("3.5MParams", "params", 3.5e6),
        (".5mb", "activation_bytes", 5e5),
        ("1e1 GMacs", "macs", 1e10),
        ("+2gmacs", "macs", 2e9),
    ],
)
def test_every_unit_is_read(text: str, quantity: str, limit: float) -> None:
    bound = parse_bound(text, Deployment())
    assert (bound.quantity, bound.limit) == (quantity, pytest.approx(limit))


def test_a_rate_is_shared_among_cameras_and_frames() -> None:
    deployment = Deployment(fps=10, cameras=1, utilization=0.5)
    assert parse_bound("2tops", deployment).limit == pytest.approx(2e12 * 0.5 / 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30top", "did you mean tops"),
        ("30gmac", "did you mean gmacs"),
        ("30gflops", "did you mean gops"),
        ("30", "has no unit"),
        ("", "no amount"),
        ("tops", "no amount"),
        ("thirty tops", "no amount"),
        ("37,5gmacs", "point for decimals"),
        ("0tops", "more than 0"),
        ("-3ms", "more than 0"),
        ("nan ms", "not a finite number"),
        ("inftops", "not a finite number"),
        ("1e400tops", "not a finite number"),
        ("1e12tops", "is the unit right"),
        ("1e-9mmacs", "is the unit right"),
        ("30tops 20tops", "no amount"),
    ],
)
def test_a_wrong_amount_is_explained(text: str, expected: str) -> None:
    with pytest.raises(BudgetError, match=expected) as error:
        parse_bound(text, Deployment())
    assert repr(text) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        {"fps": 0},
        {"fps": float("nan")},
        {"fps": True},
        {"cameras": 0},
        {"cameras": 1.5},
        {"utilization": 0},
        {"utilization": 1.01},
        {"utilization": -0.3},
        {"resolution": "1024x512"},
    ],
)
def test_a_wrong_deployment_names_its_field(values: dict[str, object]) -> None:
    with pytest.raises(BudgetError, match=next(iter(values))):
        Deployment(**values)  # type: ignore[arg-type]


def test_a_network_at_the_limit_is_allowed_and_one_mac_more_is_not() -> None:
    budget = Budget.parse(["30tops"])
    assert budget.allows(COST)
    assert not budget.allows(replace(COST, macs=COST.macs + 1))


def test_all_bounds_hold_and_each_violation_tells_its_excess() -> None:
    budget = Budget.parse(["30gmacs", "60tops", "4mparams", "10mb", "8ms"])
    found = budget.violations(COST, latency_ms=10.0)
    assert [(v.bound.quantity, pytest.approx(v.excess)) for v in found] == [
        ("macs", 0.25),
        ("params", 0.25),
        ("activation_bytes", 1.0),
        ("latency_ms", 0.25),
    ]
    assert str(found[0]) == "37.5 GMAC is 25% over 30 GMAC"
    assert budget.excesses(COST, 10.0)[1] == pytest.approx(-0.5)
    assert budget.share(COST, 10.0) == pytest.approx(2.0)


def test_unmeasured_latency_violates_nothing_and_is_asked_for() -> None:
    budget = Budget.parse(["8ms"])
    assert budget.needs_latency
    assert budget.allows(COST)
    assert not budget.allows(COST, 8.1)
    assert budget.share(COST) is None


def test_the_tightest_bound_on_macs_is_told() -> None:
    budget = Budget.parse(["30tops", "20gmacs", "25gmacs", "9mparams"])
    values = json.loads(json.dumps(budget.to_dict()))
    assert values["macs_per_frame"] == 20_000_000_000
    assert [bound["given"] for bound in values["bounds"]] == [
        "30 tops",
        "20 gmacs",
        "25 gmacs",
        "9 mparams",
    ]
    assert Budget.parse(["9mparams"]).to_dict()["macs_per_frame"] is None


def test_a_budget_is_read_back_from_what_was_given() -> None:
    budget = Budget.parse(["30 TOPS", "30tops", "20.25ms"])
    assert len(budget.bounds) == 2
    assert Budget.parse([bound.given for bound in budget.bounds]) == budget


def test_without_bounds_everything_is_allowed() -> None:
    budget = Budget()
    assert budget.allows(COST)
    assert budget.macs_per_frame is None
    assert "no budget" in budget.explain()


def test_the_sum_is_explained_in_one_line() -> None:
    assert Budget.parse(["30tops"]).explain() == (
        "30 tops × 0.3 utilization ÷ (2 × 30 fps × 4 cameras) = 37.5 GMAC per frame at 1024x512"
    )
    several = Budget.parse(
        ["1.5gmacs", "7ms", "3mparams", "40mb"], Deployment(resolution=Resolution(640, 320))
    ).explain()
    for part in ("1.5 GMAC", "640x320", "7 ms", "3 Mparams", "40 MB"):
        assert part in several
    assert "\n" not in several


def test_a_bound_is_a_plain_value() -> None:
    assert parse_bound("20 gmacs", Deployment()) == Bound(
        quantity="macs", limit=20e9, given="20 gmacs"
    )
