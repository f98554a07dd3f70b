from __future__ import annotations

from nas.data.synthetic.source import SyntheticSource
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS


def test_default_tasks_are_those_of_the_rendered_world() -> None:
    assert set(DEFAULT_TASKS) == set(SyntheticSource().tasks)


def test_default_tasks_suit_their_kinds() -> None:
    assert [make_task(spec).spec for spec in DEFAULT_TASKS] == list(DEFAULT_TASKS)
