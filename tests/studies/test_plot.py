from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.errors import StudyError, UsageError
from studies.plot import picture_of, plot_front, summary
from studies.result import StudyResult
from studies.rungs import RungRecord


def test_a_page_that_needs_nothing_else(finished: StudyResult, tmp_path: Path) -> None:
    file = tmp_path / "front.html"
    plot_front(finished, str(file))
    page = file.read_text(encoding="utf-8")
    assert not re.search(r'<script[^>]+src="http', page)
    for trial in finished.complete:
        assert f"trial {trial.number}\\u003c\\u002fb" in page or f"trial {trial.number}<" in page
    assert "GMAC per frame" in page
    assert "resnet10 width" in page


def test_a_picture_with_something_on_it(finished: StudyResult, tmp_path: Path) -> None:
    file = tmp_path / "front.png"
    plot_front(finished, str(file))
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert pixels.shape[1] >= 800
    red = (pixels[..., 0] > 190) & (pixels[..., 1] < 80) & (pixels[..., 2] < 80)
    assert red.any()


def test_points_are_the_front_and_the_rest_in_readable_units(finished: StudyResult) -> None:
    picture = picture_of(finished)
    assert [p[2] for p in picture.front] == list(finished.front)
    assert len(picture.front) + len(picture.others) == len(finished.complete)
    x, y, trial = picture.front[0]
    assert (x, y) == (trial.macs / 1e9, trial.delta_m)
    assert "%" in picture.y_title
    lines = {line.title: line.x for line in picture.lines if line.x is not None}
    assert lines["budget 12.5 GMAC"] == 12.5
    assert finished.single_task_macs / 1e9 in lines.values()


def test_one_objective_is_drawn_over_macs(finished: StudyResult) -> None:
    single = replace(
        finished,
        objectives=finished.objectives[:1],
        trials=tuple(replace(t, values=t.values[:1]) for t in finished.trials),
    )
    picture = picture_of(single)
    assert picture.x_title.startswith("GMAC")
    assert picture.front[0][0] == picture.front[0][2].macs / 1e9


def test_trials_that_were_stopped_early_are_there_without_stretching_the_picture(
    finished: StudyResult, tmp_path: Path
) -> None:
    far = RungRecord(samples=0, values=(-5000.0, 2e9))
    stopped = replace(
        finished.complete[0], number=9, status="stopped", values=(), rungs=(far,), reason="why"
    )
    result = replace(finished, trials=(*finished.trials, stopped))
    assert picture_of(result).stopped == ((2.0, -5000.0, stopped),)
    assert picture_of(finished).stopped == ()
    plot_front(result, str(tmp_path / "front.html"))
    page = (tmp_path / "front.html").read_text(encoding="utf-8")
    assert "stopped early: why" in page
    assert page.count('"visible":"legendonly"') == 1
    plot_front(result, str(tmp_path / "with.png"))
    plot_front(finished, str(tmp_path / "without.png"))
    with_it, without = (
        (np.asarray(Image.open(tmp_path / name).convert("RGB")) == [214, 39, 40]).all(axis=2)
        for name in ("with.png", "without.png")
    )
    assert (with_it & without).sum() > 0.8 * without.sum() > 0


def test_no_budget_has_no_line(finished: StudyResult) -> None:
    free = replace(finished, budget={**finished.budget, "macs_per_frame": None})
    assert not any("budget" in line.title for line in picture_of(free).lines)


@pytest.mark.parametrize("name", ["front.pdf", "front", "png"])
def test_other_endings_are_refused(finished: StudyResult, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.html or \.png"):
        plot_front(finished, name)


def test_nothing_to_plot(finished: StudyResult, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="nothing to plot"):
        plot_front(replace(finished, trials=()), str(tmp_path / "front.png"))


def test_a_summary_tells_every_device() -> None:
    assert summary(shared(DEFAULT_TASKS)).split("\n")[0] == "resnet18 width 32, fpn"
    space = SearchSpace.for_tasks(DEFAULT_TASKS).fix(
        {"links": "gate", "augmentation": "16", "pruning": "0.5", "sharing": "3"}
    )
    text = summary(space.nearest(shared(DEFAULT_TASKS)))
    for word in ("two streams", "link", "gate", "+16 channels", "pruned by 50%", "depth | motion"):
        assert word in text
