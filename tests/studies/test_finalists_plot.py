from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from studies.errors import StudyError, UsageError
from studies.finalists_plot import plot_finalists, points_of
from tests.studies.test_finalists import ALONE, finalists_of

BETTER = ((1.0, 0.5),) * 3
FINALISTS = finalists_of({1: BETTER, 2: ALONE}, macs={1: 4_000_000_000, 2: 5_000_000_000})


def test_every_finalist_is_a_point_with_the_spread_of_its_seeds() -> None:
    one, two = points_of(FINALISTS)
    assert (one.trial, one.x, one.dominated) == (1, 4.0, False)
    assert (two.x, two.y, two.spread, two.dominated) == (5.0, 0.0, 0.0, True)
    assert one.spread == pytest.approx(7.2, abs=0.1)


def test_html_and_png_are_written(tmp_path: Path) -> None:
    plot_finalists("study", FINALISTS, str(tmp_path / "a.html"))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "trial 1" in page
    assert "dominated on the test split" in page
    plot_finalists("study", FINALISTS, str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1080, 720)


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.html or \.png"):
        plot_finalists("study", FINALISTS, "a.pdf")
    with pytest.raises(StudyError, match="cannot be written"):
        plot_finalists("study", FINALISTS, str(tmp_path / "missing" / "a.png"))
    with pytest.raises(StudyError, match="no finalist with a Δm yet"):
        plot_finalists("study", finalists_of({1: BETTER}, alone=()), str(tmp_path / "a.png"))
