from __future__ import annotations

import itertools
import random

import pytest

from search_spaces.sharing import Sharing, all_sharings
from search_spaces.task_spec import ArchitectureError

ABC = ("a", "b", "c")


@pytest.mark.parametrize(("count", "trees"), [(1, 1), (2, 6), (3, 51), (4, 561), (5, 7556)])
def test_number_of_sharing_trees(count: int, trees: int) -> None:
    found = all_sharings(tuple("abcde"[:count]))
    assert len(found) == len(set(found)) == trees


def test_trees_are_all_chains_of_finer_partitions() -> None:
    partitions = [
        (("a", "b", "c"),),
        (("a",), ("b", "c")),
        (("a", "b"), ("c",)),
        (("a", "c"), ("b",)),
        (("a",), ("b",), ("c",)),
    ]
    chains = set()
    for stages in itertools.product(partitions, repeat=5):
        try:
            chains.add(Sharing(stages=stages))
        except ArchitectureError:
            continue
    assert chains == set(all_sharings(ABC))


def test_parents_invert_from_parents_for_every_tree() -> None:
    for sharing in all_sharings(("a", "b", "c", "d")):
        parents = sharing.parents(("a", "b", "c", "d"))
        assert Sharing.from_parents(("a", "b", "c", "d"), parents) == sharing


def test_every_choice_of_parents_is_valid_and_parents_are_the_earliest() -> None:
    rng = random.Random(0)
    tasks = ("a", "b", "c", "d", "e")
    for _ in range(300):
        chosen = {
            task: (rng.choice(tasks[:index]), rng.randrange(6))
            for index, task in enumerate(tasks)
            if index
        }
        sharing = Sharing.from_parents(tasks, chosen)
        for task, (parent, depth) in sharing.parents(tasks).items():
            assert sharing.depth_between(task, parent) == depth == chosen[task][1]
            assert tasks.index(parent) <= tasks.index(chosen[task][0])


def test_order_of_tasks_and_groups_does_not_matter() -> None:
    stage = (("c", "a"), ("b",))
    assert Sharing(stages=(stage,) * 5) == Sharing(stages=((("b",), ("a", "c")),) * 5)


def test_depths_of_a_tree_where_two_leave_together_and_part_later() -> None:
    sharing = Sharing.from_parents(ABC, {"b": ("a", 2), "c": ("b", 4)})
    assert sharing.stages[1] == (("a", "b", "c"),)
    assert sharing.stages[3] == (("a",), ("b", "c"))
    assert sharing.depth_between("a", "c") == 2
    assert [sharing.depth(task) for task in ABC] == [2, 4, 4]
    assert sharing.group("c", 3) == ("b", "c")
    assert sharing.tasks == ABC


@pytest.mark.parametrize("depth", range(6))
def test_shared_and_independent_are_the_ends(depth: int) -> None:
    sharing = Sharing.shared(ABC, depth)
    assert {sharing.depth_between(x, y) for x, y in itertools.combinations(ABC, 2)} == {depth}
    assert (sharing == Sharing.independent(ABC)) == (depth == 0)


def test_group_of_an_unknown_task() -> None:
    with pytest.raises(KeyError, match="d"):
        Sharing.independent(ABC).group("d", 0)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((((("a",)),),) * 4, "has 4 stages, give 5"),
        (((("a",), ("b",)),) * 4 + ((("a",),),), "name each of a, b exactly once"),
        (((("a",), ("a",)),) * 5, "exactly once"),
        (((("a",), ()),) * 5, "exactly once"),
        (((("a",), ("b",)),) + ((("a", "b"),),) * 4, "cannot come back"),
        ((("ab", ("c",)),) * 5, "'ab' is no group"),
        ((((1,),),) * 5, "is no group"),
    ],
)
def test_broken_partitions_are_rejected(stages: object, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        Sharing(stages=stages)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({"b": ("c", 2)}, "use a task before it"),
        ({"b": ("b", 2)}, "use a task before it"),
        ({"b": ("a", 6)}, "shares 6 stages, use 0 to 5"),
        ({"b": ("a", -1)}, "use 0 to 5"),
        ({"d": ("a", 1)}, "'d' has a parent but is no task, use a, b, c"),
    ],
)
def test_broken_parents_are_rejected(parents: dict[str, tuple[str, int]], message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        Sharing.from_parents(ABC, parents)
