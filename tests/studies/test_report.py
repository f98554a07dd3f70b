from __future__ import annotations

import io
from dataclasses import replace
from typing import Literal

import pytest
from rich.console import Console

from studies.record import TrialRecord
from studies.report import best_of, front_tables, next_commands, print_report, verdict, warnings
from studies.result import StudyResult

_METRICS = {
    "depth": {"delta_1_25": 0.66},
    "motion": {"iou_moving": 0.2},
    "segmentation": {"miou": 0.5},
}


@pytest.fixture
def result(finished: StudyResult) -> StudyResult:
    """Two networks with metrics as a longer training gives them."""
    baselines = {
        task: replace(baseline, metrics={metric: value})
        for (task, baseline), (metric, value) in zip(
            sorted(finished.baselines.items()),
            [("delta_1_25", 0.6), ("iou_moving", 0.25), ("miou", 0.5)],
            strict=True,
        )
    }
    constants = {
        "depth": {"delta_1_25": 0.2},
        "motion": {"iou_moving": 0.2},
        "segmentation": {"miou": 0.1},
    }
    return replace(
        finished,
        baselines=baselines,
        constants=constants,
        trials=(_trial(0, finished, 5.0, 9e9), _trial(1, finished, -2.0, 4e9)),
    )


def _trial(number: int, finished: StudyResult, delta_m: float, macs: float) -> TrialRecord:
    return replace(
        finished.complete[0],
        number=number,
        delta_m=delta_m,
        macs=int(macs),
        values=(delta_m, macs),
        metrics=_METRICS,
        share=macs / 12.5e9,
    )


def _printed(result: StudyResult, *, colour: bool = False) -> str:
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(file=io.StringIO(), width=100, force_terminal=colour, color_system=system)
    with console.capture() as capture:
        print_report(result, console)
    return capture.get()


def _page(text: str) -> list[str]:
    """The lines but for the commands and the study's name, which are to be copied whole."""
    lines = text.splitlines()
    return lines[2 : lines.index("next:")]


def test_every_metric_stands_beside_its_change(result: StudyResult) -> None:
    text = _printed(result)
    row = next(line for line in text.splitlines() if line.strip().startswith("0 "))
    for word in ("0.660 +10.0 %", "0.200 -20.0 %", "0.500 +0.0 %", "+5.0", "9 GMAC", "72%"):
        assert word in row
    assert max(map(len, _page(text))) <= 100


def test_better_is_green_and_worse_is_red(result: StudyResult) -> None:
    text = _printed(result, colour=True)
    assert "\x1b[32m +10.0 %" in text
    assert "\x1b[31m -20.0 %" in text


def test_single_task_networks_and_constants_are_told(result: StudyResult) -> None:
    text = _printed(result)
    row = next(line for line in text.splitlines() if line.split()[:1] == ["depth"])
    assert row.split()[1:3] == ["delta_1_25", "0.600"]
    assert row.split()[-1] == "0.200"
    assert any(line.split()[:1] == ["together"] for line in text.splitlines())


def test_the_verdict_names_the_network_that_is_better_and_cheaper(result: StudyResult) -> None:
    assert best_of(result).number == 0
    assert verdict(result).startswith("trial 0 has Δm +5.0 % at 9 GMAC: better than all")


@pytest.mark.parametrize(("delta_m", "macs"), [(0.0, 1e9), (-3.0, 1e9), (8.0, 1e12)])
def test_the_verdict_says_so_where_there_is_none(
    result: StudyResult, delta_m: float, macs: float
) -> None:
    alone = replace(result, trials=(_trial(0, result, delta_m, macs),))
    assert verdict(alone).startswith("no network of the front is better and cheaper than all")


def test_what_is_no_better_than_a_constant_is_warned_of(result: StudyResult) -> None:
    lines = warnings(result)
    assert [line.split(":")[1].split("no better")[0].strip() for line in lines] == [
        "trial 1 does motion",
        "trial 0 does motion",
    ]
    assert lines[0][:60] in _printed(result)


def test_less_of_what_is_to_be_minimized_is_no_warning(result: StudyResult) -> None:
    turned = replace(result, directions={**result.directions, "depth": "minimize"})
    assert any("does depth" in line for line in warnings(turned))


def test_next_commands_name_the_study_where_it_is_not_the_default(result: StudyResult) -> None:
    commands = next_commands(replace(result, storage="sqlite:///neurall-search.db"))
    assert commands[:2] == ["neurall-search show 0", "neurall-search export 0 --out trial-0"]
    assert commands[3:] == ["neurall-search dashboard", "neurall-search finalize"]
    elsewhere = next_commands(replace(result, storage="sqlite:///my study.db"), named=True)
    assert "--storage 'sqlite:///my study.db' --study" in elsewhere[0]


def test_nothing_trained_yet_is_told(result: StudyResult) -> None:
    text = _printed(replace(result, trials=(), interrupted=True))
    assert "0 trained" in text
    assert "interrupted" in text
    assert "no candidate was trained yet" in text


def test_latency_has_a_column_only_where_it_was_measured(result: StudyResult) -> None:
    timed = replace(result, trials=tuple(replace(t, latency_ms=12.34) for t in result.trials))
    assert len(next(front_tables(timed)).columns) == len(next(front_tables(result)).columns) + 1
    assert "12.3" in _printed(timed)


def test_five_tasks_fit_the_page(result: StudyResult) -> None:
    names = ["depth", "drivable_area", "lanes", "motion", "segmentation"]
    wide = replace(
        result,
        primary=dict.fromkeys(names, "miou"),
        directions=dict.fromkeys(names, "maximize"),
        baselines={},
        constants={},
        trials=tuple(
            replace(trial, metrics={name: {"miou": 0.5} for name in names})
            for trial in result.trials
        ),
    )
    assert max(map(len, _page(_printed(wide)))) <= 100


def test_many_tasks_stand_in_rows_that_fit_a_page(result: StudyResult) -> None:
    names = [f"a_task_with_a_long_name_{index}" for index in range(11)]
    metrics = {name: {"rotation_deg_per_m": 0.25} for name in names}
    trials = tuple(
        replace(_trial(n, result, float(n), 1e9 * (n + 1)), metrics=metrics) for n in range(8)
    )
    baseline = replace(result.baselines["depth"], metrics={"rotation_deg_per_m": 0.5})
    many = replace(
        result,
        trials=trials,
        baselines=dict.fromkeys(names, baseline),
        primary=dict.fromkeys(names, "rotation_deg_per_m"),
        directions=dict.fromkeys(names, "minimize"),
        constants={},
        storage="sqlite:///neurall-search.db",
    )
    text = _printed(many)
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("0.250↑") == 11 * 8
    assert text.count("by task") == 2


def test_trials_that_were_stopped_early_are_counted(result: StudyResult) -> None:
    stopped = tuple(replace(result.trials[0], number=n, status="stopped") for n in range(2, 13))
    text = _printed(replace(result, trials=result.trials + stopped))
    assert "2 trained, 11 stopped early, 0 refused over the budget, 0 failed" in text
    assert "stopped early" not in _printed(result)
