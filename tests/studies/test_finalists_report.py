from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from studies.finalists import Finalists, SeedRun
from studies.finalists_report import finalist_lines, finalist_tables
from studies.note import finalist_note
from tests.studies.test_finalists import ALONE, finalists_of

BETTER = ((1.0, 0.5), (1.0, 0.6), (1.1, 0.5))
TIED = {1: ALONE, 2: tuple((d - 0.01 * k, m) for k, (d, m) in enumerate(ALONE)), 3: BETTER}


def printed(finalists: Finalists) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    for item in (*finalist_tables(finalists), *finalist_lines(finalists)):
        console.print(item)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_shows_mean_and_spread_and_marks_neighbours_that_are_alike() -> None:
    text = printed(finalists_of(TIED))
    lines = {line.split()[0]: line for line in reversed(text.splitlines()) if line.strip()}
    assert "finalists on the test split" in text
    assert "1.990 ±0.010" in lines["2"]
    assert "≈" in lines["1"]
    assert "≈" not in lines["2"]
    assert "+35.8 ±1.4" in lines["3"]
    assert "2.000 ±0.000" in lines["single"]
    assert "9.000" in lines["constant"]
    assert "trials 1 and 2 are not distinguishable: Δm differs by +0.3 ±0.3 %" in text
    assert "over 3 seeds on the test split of synthetic" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_page_tells_who_is_dominated_and_what_is_worse_than_a_constant() -> None:
    text = printed(finalists_of({1: BETTER, 2: ((9.5, 0.5),) * 3}))
    assert "trial 2 is dominated on the test split by trial 1" in text
    assert "trial 2 does depth no better than the best constant" in text.replace("\n", " ")
    assert "trial 1 does" not in text


def test_one_seed_says_that_it_tells_no_spread() -> None:
    text = printed(finalists_of({1: ALONE[:1], 2: ALONE[:1]}, alone=ALONE[:1]))
    assert "over one seed" in text
    assert "one seed tells no spread" in text
    assert "±0" not in text


def test_networks_that_are_not_done_yet_have_a_dash() -> None:
    text = printed(finalists_of({1: ALONE[:2]}, alone=()))
    lines = {line.split()[0]: line for line in reversed(text.splitlines()) if line.strip()}
    assert "–" in lines["1"]
    assert "–" in lines["single"]


def test_more_tasks_than_fit_beside_each_other_stand_in_rows() -> None:
    names = ("depth", "detection", "motion", "odometry", "segmentation_of_the_road")
    finalists = finalists_of(dict.fromkeys(range(1, 7), ALONE))
    metrics = {name: {"value": 0.5} for name in names}
    run = SeedRun(seed=1000, metrics=metrics, seconds=1.0)
    many = replace(
        finalists,
        runs={number: {1000: run, 2000: run} for number in finalists.runs},
        baselines={name: {1000: run, 2000: run} for name in names},
        primary=dict.fromkeys(names, "value"),
        directions=dict.fromkeys(names, "maximize"),
    )
    text = printed(many)
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("by task") == 2
    assert text.count("0.500 ±0.000") == len(names) * (6 + 2)


def test_the_note_of_a_trial_is_one_line() -> None:
    note = finalist_note(finalists_of({1: BETTER, 2: ALONE}), 2)
    assert note.startswith("On the test split: Δm +0.0 ±0.0 %; depth 2.000 ±0.000; segmentation")
    assert "dominated by trial 1 (trained anew with the seeds 1000, 2000, 3000)." in note
    assert "\n" not in note
