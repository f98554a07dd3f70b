from __future__ import annotations

from nas.data.synthetic.source import SyntheticSource
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS


def test_the_rendered_world_labels_all_tasks_and_trains_the_default_ones() -> None:
    source = SyntheticSource()
    assert set(source.tasks) == set(ALL_TASKS)
    assert set(source.default_tasks) == {task.name for task in DEFAULT_TASKS}


def test_default_tasks_suit_their_kinds() -> None:
    assert [make_task(spec).spec for spec in DEFAULT_TASKS] == list(DEFAULT_TASKS)
