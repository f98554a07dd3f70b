"""Early values on the scale of final ones."""

import pytest

from studies.rung_alignment import aligned, stages


def test_offset_is_taken_from_those_that_went_on() -> None:
    finished = [{100.0: v, 400.0: v + 10} for v in (20.0, 22.0, 24.0)]
    stopped = [{100.0: 1.0}]
    found = aligned([*finished, *stopped])
    assert found[0] == {100.0: pytest.approx(30.0), 400.0: 30.0}
    assert found[3][100.0] == pytest.approx(11.0)


def test_lines_are_chained_over_rungs() -> None:
    found = aligned([{1.0: 0.0, 2.0: 5.0}, {2.0: 5.0, 3.0: 7.0}])
    assert found[0][1.0] == pytest.approx(7.0)


def test_values_stay_where_nobody_went_on() -> None:
    assert aligned([{1.0: 3.0}, {2.0: 4.0}]) == [{1.0: 3.0}, {2.0: 4.0}]


def test_the_last_stage_is_nought() -> None:
    found = stages([{0.0: 1.0, 99.0: 1.0}, {9.0: 1.0}])
    assert found[99.0] == 0.0
    assert found[0.0] < found[9.0] < 0.0
