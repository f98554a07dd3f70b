from __future__ import annotations

import json
from pathlib import Path

import pytest
from search_report import Point, document, plot, print_ratios, print_spread, print_table


def points(values: list[float], networks: str) -> list[Point]:
    """Two checkpoints; each network's Δm is its place, with noise of ±1 over two seeds."""
    return [
        Point(
            macs=1e12 * (place + 1),
            seconds=10.0 * (place + 1),
            trained=3,
            finalists=tuple(networks),
            finalist_macs=tuple(range(len(networks))),
            delta_m=tuple((-n - 1.0, -n + 1.0) for n in range(len(networks))),
            validation_delta_m=tuple(3.0 - n for n in range(len(networks))),
            hypervolume=value,
            linear=value / 2,
        )
        for place, value in enumerate(values)
    ]


ARMS = {
    "front": {0: points([0.2, 0.6], "abc"), 1: points([0.4, 0.6], "de")},
    "tpe": {0: points([0.1, 0.4], "af"), 1: points([0.1, 0.4], "g")},
}


def test_table_holds_mean_and_spread_over_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ARMS)
    printed = capsys.readouterr().out
    assert "0.300 ± 0.141" in printed
    assert "0.600 ± 0.000" in printed


def test_spread_tells_noise_from_difference_and_what_the_search_saw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_spread(ARMS)
    printed = capsys.readouterr().out
    assert "Δm of 8 finalists" in printed
    assert "between trainings of one 1.41" in printed
    assert "front: Δm from scratch on the test split less Δm in the search -3.0" in printed
    assert "correlation 1.00 over 5 finalists" in printed


def test_ratio_is_on_the_mean_curves_and_by_seed(capsys: pytest.CaptureFixture[str]) -> None:
    print_ratios(ARMS, "front", ["tpe", "random"])
    printed = capsys.readouterr().out
    assert "1.50 on the mean curves; by seed: 1.33, more than 2.00" in printed
    assert "random" not in printed


def test_document_is_plain_and_the_picture_is_drawn(tmp_path: Path) -> None:
    stored = json.loads(json.dumps(document(ARMS, "front", ["tpe", "random"])))
    assert stored["arms"]["tpe"]["1"][1]["hypervolume"] == 0.4
    assert stored["ratios"]["tpe over front, macs"]["mean"][0]["value"] == pytest.approx(1.5)
    plot(ARMS, "title", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
