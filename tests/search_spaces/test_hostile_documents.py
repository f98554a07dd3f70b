"""Properties of whatever an architecture file or ``--fix`` may hold."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.architecture import Architecture
from search_spaces.axes import AXES, read_assignment
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.json_document import JsonError, read_json
from search_spaces.space import SearchSpace
from search_spaces.spelling import brief, one_line
from search_spaces.task_spec import ArchitectureError

_TRIES = settings(max_examples=150, derandomize=True, deadline=None)
_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 10**400, -1, 8, 512])
    | st.floats()
    | st.text(max_size=80)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


def _holds_or_refuses(text: str) -> None:
    """Either an architecture that is its own document, or one line that can be printed."""
    try:
        architecture = Architecture.from_json(text)
    except ArchitectureError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 1000
    else:
        assert Architecture.from_json(architecture.to_json()) == architecture


@_TRIES
@given(st.text() | _VALUES.map(json.dumps))
def test_any_text_is_an_architecture_or_one_clear_line(text: str) -> None:
    _holds_or_refuses(text)


@_TRIES
@given(st.integers(0, 50), st.randoms(use_true_random=False), _VALUES)
def test_any_value_anywhere_in_a_document_is_one_clear_line(
    seed: int, rng: Random, value: object
) -> None:
    document = _SPACE.sample(Random(seed)).to_dict()
    place: object = document
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))  # type: ignore[arg-type]
        key = rng.choice(list(keys))
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
            break
        place = inner
    place[key] = value  # type: ignore[index]
    _holds_or_refuses(json.dumps(document))


@_TRIES
@given(st.dictionaries(st.text(max_size=9), st.integers(), min_size=1))
def test_a_name_that_stands_twice_is_refused(values: dict[str, int]) -> None:
    text = json.dumps(values)
    assert read_json(text, longest=len(text)) == values
    twice = f"{text[:-1]}, {json.dumps(min(values))}: 1}}"
    with pytest.raises(JsonError, match="stands twice in one object"):
        read_json(twice, longest=len(twice))


@_TRIES
@given(st.sampled_from([*AXES, "widht"]), st.text(max_size=200))
def test_any_choice_of_an_axis_is_allowed_or_one_clear_line(axis: str, text: str) -> None:
    try:
        field_name, choices = read_assignment(axis, text)
    except ArchitectureError as error:
        message = str(error)
        assert message.isprintable()
    else:
        assert field_name
        assert choices


@_TRIES
@given(_VALUES, st.text())
def test_what_is_shown_is_short_and_on_one_line(value: object, text: str) -> None:
    assert len(brief(value)) <= 40
    assert one_line(text).isprintable()
    assert len(one_line(text)) <= 300
