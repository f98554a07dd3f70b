from __future__ import annotations

from nas.data.synthetic.world import CLASSES
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS, SEGMENTATION_CLASSES


def test_default_classes_are_those_of_the_rendered_world() -> None:
    assert SEGMENTATION_CLASSES == CLASSES


def test_default_tasks_suit_their_kinds() -> None:
    assert [make_task(spec).spec for spec in DEFAULT_TASKS] == list(DEFAULT_TASKS)
