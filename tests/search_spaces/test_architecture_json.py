from __future__ import annotations

import copy
import json
import random
import time
from typing import Any

import pytest

from search_spaces.architecture import Architecture
from search_spaces.architecture_json import LONGEST_DOCUMENT
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import preset, preset_names
from search_spaces.space import SearchSpace
from search_spaces.task_spec import MOST_TASKS, ArchitectureError


def _plain() -> dict[str, Any]:
    space = SearchSpace.for_tasks(DEFAULT_TASKS)
    rng = random.Random(3)
    while True:
        architecture = space.sample(rng)
        if architecture.links and architecture.augmentations and architecture.pruning:
            return json.loads(architecture.to_json())  # type: ignore[no-any-return]


PLAIN = _plain()


def test_round_trip_of_samples(space: SearchSpace) -> None:
    rng = random.Random(4)
    for _ in range(200):
        architecture = space.sample(rng)
        again = Architecture.from_json(architecture.to_json())
        assert again == architecture
        assert again.to_json() == architecture.to_json()
        assert again.id == architecture.id


@pytest.mark.parametrize("name", preset_names(DEFAULT_TASKS))
def test_round_trip_of_presets(name: str) -> None:
    architecture = preset(name, DEFAULT_TASKS)
    assert Architecture.from_dict(architecture.to_dict()) == architecture


def test_values_are_plain(space: SearchSpace) -> None:
    values = space.sample(random.Random(5)).to_dict()
    assert json.loads(json.dumps(values)) == values


def test_fields_with_a_default_may_be_absent() -> None:
    short = {key: PLAIN[key] for key in ("tasks", "sharing")}
    assert Architecture.from_dict(short).streams == 1


def _with(path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(PLAIN)
    place: Any = values
    *parents, last = path.split(".")
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"an architecture is a JSON object, got \[\]"),
        (None, "an architecture is a JSON object, got None"),
        (_with("format", 2), "format is 2, this version reads 1"),
        (_with("stream", 1), "stream is not known, use tasks, sharing"),
        ({k: v for k, v in PLAIN.items() if k != "tasks"}, "tasks is missing, add it"),
        (_with("tasks", "depth"), "tasks is 'depth', give a list"),
        (_with("tasks.0", "depth"), r"tasks\[0\] is 'depth', give an object"),
        (_with("tasks.0.channels", "1"), r"tasks\[0\].channels is '1', give a int"),
        (_with("tasks.0.channels", True), r"tasks\[0\].channels is True, give a int"),
        (_with("tasks.0.channels", None), r"tasks\[0\].channels is None, give a int"),
        (_with("tasks.0.positive", 1), r"tasks\[0\].positive is 1, give a bool"),
        (_with("tasks.2.classes.0", 7), r"tasks\[2\].classes\[0\] is 7, give a str"),
        (_with("tasks.0.units", "m"), r"tasks\[0\].units is not known, use name, kind"),
        (_with("encoder", None), "encoder is None, give an object"),
        (_with("encoder.width", 32.0), r"encoder.width is 32.0, give a int"),
        (_with("encoder.width", 33), r"encoder.width is 33, use a multiple of 8"),
        (_with("encoder.depth", 18), r"encoder.depth is 18, give a str"),
        (_with("decoder.kind", "unet"), "decoder.kind is 'unet', use fpn, fcn8"),
        (_with("streams", "2"), "streams is '2', give a int"),
        (_with("streams", 4), "streams is 4, use 1"),
        (_with("sharing", {}), r"sharing is \{\}, give a list"),
        (_with("sharing.1", 3), r"sharing\[1\] is 3, give a list"),
        (_with("sharing.1.0", "depth"), r"sharing\[1\] is 'depth', give a list"),
        (_with("sharing.1.0.0", 3), r"sharing\[1\] holds 3, give names of tasks"),
        (_with("sharing.1.0.0", None), r"sharing\[1\] holds None, give names of tasks"),
        (_with("sharing.1.0.0", "flow"), r"sharing\[1\] holds .*flow.*exactly once"),
        (_with("links.0.level", 2), "links: level is 2, use an output stride"),
        (_with("links.0", ["depth"]), r"links\[0\] is \['depth'\], give an object"),
        (_with("augmentations.0.channels", 7), "augmentations: channels is 7"),
        (_with("pruning.0.ratio", "half"), r"pruning\[0\].ratio is 'half', give a float"),
        (_with("pruning.0.ratio", float("nan")), r"pruning: ratio of .* is nan, use 0 to 0.9"),
        (_with("pruning.0.ratio", True), r"pruning\[0\].ratio is True, give a float"),
        (_with("weighting", 1), "weighting is 1, give a str"),
        (
            {**PLAIN, "weighting": "fixed", "loss_weights": [{"task": "depth", "weight": "4"}]},
            r"loss_weights\[0\].weight is '4', give a float",
        ),
        (
            {**PLAIN, "weighting": "fixed", "loss_weights": [{"task": "depth"}]},
            r"loss_weights\[0\].weight is missing, add it",
        ),
        (_with("auxiliary", "depth"), "auxiliary is 'depth', give a list"),
    ],
)
def test_broken_documents_name_the_field(values: object, message: str) -> None:
    Architecture.from_dict(PLAIN)
    with pytest.raises(ArchitectureError, match=message):
        Architecture.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, '{"tasks": 1' + "}" * 3])
def test_text_that_is_not_json(text: str) -> None:
    with pytest.raises(ArchitectureError, match="not a JSON document"):
        Architecture.from_json(text)


def test_every_single_damage_is_an_architecture_error() -> None:
    """Replace each value of a document by values of other types: never another exception."""
    for path in _paths(PLAIN, ""):
        for value in (None, True, -1, 2.5, "x", [], {}, [[]], {"a": 1}, 10**400):
            damaged = _with(path, value)
            try:
                architecture = Architecture.from_dict(damaged)
            except ArchitectureError:
                continue
            assert Architecture.from_dict(architecture.to_dict()).id == architecture.id


def _paths(values: object, prefix: str) -> list[str]:
    items = (
        values.items()
        if isinstance(values, dict)
        else enumerate(values)
        if isinstance(values, list)
        else ()
    )
    found = []
    for key, value in items:
        found.append(f"{prefix}{key}")
        found += _paths(value, f"{prefix}{key}.")
    return found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1, "format": 2}', "the name 'format' stands twice in one object"),
        ('{"streams": ' + "1" * 5000 + "}", "a number has too many digits"),
        (" " * (LONGEST_DOCUMENT + 1), "characters, at most 4194304 are read"),
        ("[" * 990 + "]" * 990, "an architecture is a JSON object, got|nested too deeply"),
        ('{"tasks": ' + "[" * 960 + "]" * 960 + "}", "give an object|nested too deeply"),
        ('{"\\u001b[2J": 1}', "�\\[2J is not known"),
    ],
)
def test_hostile_documents_end_in_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message) as caught:
        Architecture.from_json(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "two\nlines", "\u202egnp.exe", "\ud800", "a" * 65, "", " "]
)
@pytest.mark.parametrize(
    "place", ["tasks.0.kind", "tasks.2.classes.0", "sharing.1.0.0", "links.0.source", "auxiliary"]
)
def test_texts_are_names_that_can_be_printed(place: str, text: str) -> None:
    values = json.dumps(_with(place, [text] if place == "auxiliary" else text))
    with pytest.raises(ArchitectureError, match=r"give 1 to 64 printable characters"):
        Architecture.from_json(values)


def test_more_tasks_than_any_vehicle_has_are_refused() -> None:
    names = [f"t{index}" for index in range(MOST_TASKS + 1)]
    tasks = [{"name": name, "kind": "depth", "channels": 1} for name in names]
    with pytest.raises(ArchitectureError, match="33 tasks, use at most 32"):
        Architecture.from_dict({"tasks": tasks, "sharing": [[names]] * 5})


def test_a_sharing_of_very_many_tasks_is_refused_before_its_groups_are_compared() -> None:
    names = [f"t{index}" for index in range(50_000)]
    tasks = [{"name": "t0", "kind": "depth", "channels": 1}]
    start = time.process_time()
    with pytest.raises(ArchitectureError, match=r"sharing\[0\] holds 50000 tasks, use at most 32"):
        Architecture.from_dict({"tasks": tasks, "sharing": [[[name] for name in names]] * 5})
    assert time.process_time() - start < 2
