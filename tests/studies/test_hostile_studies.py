"""Properties of whatever the storage of a study from elsewhere may hold."""

from __future__ import annotations

import io
import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from studies.errors import StudyError
from studies.made_from import remembered_config
from studies.opening import load_study
from studies.plot import picture_of
from studies.record import Baseline, read_record
from studies.report import print_report
from studies.reproduction_runs import RunFile
from studies.result import StudyResult, read_result
from studies.spread import Spread
from studies.store import StudyStore
from studies.stored import Stored
from studies.trial_network import budget_from

_TRIES = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # what is changed is changed back
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, 1e308, "delta_m", "maximize", "\x1b[2J", "[/red]", "../a"])
    | st.floats()
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
_SETTINGS = ("objectives", "budget", "fidelity", "primary", "directions", "identity", "made_from")


def _shown(store: StudyStore) -> StudyResult:
    """All that ``front`` does."""
    result = read_result(store)
    json.dumps(result.to_json())
    text = io.StringIO()
    print_report(result, Console(file=text, markup=False, width=100))
    assert "\x1b" not in text.getvalue()
    if result.front:
        picture_of(result)
    return result


@_TRIES
@given(st.sampled_from(_SETTINGS), _VALUES)
def test_any_setting_is_read_or_one_clear_line(store: StudyStore, name: str, value: object) -> None:
    before = store.settings()
    store.set_attribute("settings", {**before, name: value})
    try:
        _shown(store)
    except StudyError as error:
        message = str(error)
        assert message.isprintable()
    finally:
        store.set_attribute("settings", before)


@_TRIES
@given(st.sampled_from(["settings", "baseline depth", "constants", "finalized"]), _VALUES)
def test_any_attribute_of_a_study_is_read_or_one_clear_line(
    store: StudyStore, name: str, value: object
) -> None:
    before = store.attributes("").get(name, {})
    store.set_attribute(name, value)
    try:
        _shown(store)
    except StudyError as error:
        message = str(error)
        assert message.isprintable()
    finally:
        store.set_attribute(name, before)


_ATTRIBUTES = (
    "architecture",
    "metrics",
    "delta_m",
    "macs",
    "latency_ms",
    "budget_share",
    "seconds",
    "reason",
    "weights",
    "rung 300",
    "rung 300 seconds",
    "rung ²",
    "rung 99999999999999999999999",
)


@_TRIES
@given(st.sampled_from(_ATTRIBUTES), _VALUES, _VALUES | st.just("complete"))
def test_any_attribute_of_a_trial_is_read_or_one_clear_line(
    name: str, value: object, status: object
) -> None:
    try:
        record = read_record(3, status, {name: value}, ())
    except StudyError as error:
        message = str(error)
        assert message.isprintable()
    else:
        assert record.reason.isprintable()
        assert isinstance(record.macs, int)


@_TRIES
@given(_VALUES)
def test_any_value_is_a_network_a_budget_or_one_clear_line(value: object) -> None:
    for read in (Baseline.from_json, budget_from):
        with pytest.raises(StudyError) as caught:
            read(value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed of made_from of settings is -1, must be a whole number from 0"),
        ({"tasks": "depth"}, "tasks of made_from of settings is 'depth', must be a list"),
        ({"data": ["synthetic"]}, r"data of made_from of settings\[0\] is 'synthetic', must be an"),
        ({"fidelity": {"name": "quick"}}, "resolution of fidelity of made_from"),
        ({"fix": ["encoder"]}, "fix of made_from of settings is"),
        ({"device": 7}, "device of made_from of settings is 7"),
    ],
)
def test_what_a_study_was_made_from_is_read_with_its_types(
    store: StudyStore, change: dict[str, Any], message: str
) -> None:
    known = store.settings()
    data = [{"given": "synthetic", "resolved": "synthetic"}]
    made_from = {**known["made_from"], "data": data, **change}
    store.set_attribute("settings", {**known, "made_from": made_from})
    with pytest.raises(StudyError, match=message):
        remembered_config(store)


def test_an_id_that_leads_out_of_the_folder_is_no_file(finished: StudyResult) -> None:
    record = read_record(0, "complete", {"weights": "../../etc/passwd"}, (1.0,))
    with pytest.raises(StudyError, match=r"weights of trial 0 .* their id names no file"):
        load_study(finished.storage).weights(record)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": 1, "runs": [{"seed": 1}]}', "\xff"])
def test_a_file_of_runs_from_elsewhere_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.json").write_text(text, encoding="latin-1")
    with pytest.raises(StudyError, match=r"runs\.json") as caught:
        RunFile(tmp_path / "runs.json")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("values", [(math.inf, 1.0), (math.inf, -math.inf), (math.nan, 1.0)])
def test_values_that_are_not_finite_have_no_mean_and_no_spread(values: tuple[float, ...]) -> None:
    spread = Spread(values=values)
    assert math.isnan(spread.mean)
    assert spread.std is not None
    assert math.isnan(spread.std)
    assert not spread.is_clear


def test_numbers_stay_numbers_and_texts_are_made_printable() -> None:
    stored = Stored({"a": 10**400, "b": "two\nlines\x1b", "c": 3}, "study")
    assert stored.entry("a").number() == math.inf
    assert stored.entry("b").text() == "two lines�"
    assert stored.entry("c").count() == 3
    assert Stored("/my  data/a", "path").line() == "/my  data/a"
    with pytest.raises(StudyError, match=r"path is 'a\\nb', must be a text of one line"):
        Stored("a\nb", "path").line()
    assert stored.entry("d").optional_number() is None
    with pytest.raises(StudyError, match=r"a of study is 10000.*, must be a whole number from 0"):
        stored.entry("a").count()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update trial_params set distribution_json = 'null'", "nobody can read"),
        ("update trial_params set param_value = 1e400", "nobody can read"),
        (
            "update trial_params set distribution_json = "
            """'{"name": "IntDistribution", "attributes": {"low": 5, "high": 1}}'""",
            "nobody can read .*must hold",
        ),
        ("update trial_values set value = 'abc'", r"values of trial \d+\[0\] is 'abc', must be"),
        ("delete from trial_values", "contradicts itself, trial .* has 0 values"),
        ("update study_user_attributes set value_json = '7'", "settings is 7, must be an object"),
        ("create trigger t after insert on trials begin delete from trials; end", "the trigger t"),
        (
            "drop table trial_values; create view trial_values as with recursive c(x) as "
            "(select 1 union all select x + 1 from c) select x as trial_value_id, 1 as trial_id, "
            "0 as objective, 1.0 as value, 'FINITE' as value_type from c",
            "holds the view trial_values, which no study has",
        ),
    ],
)
def test_a_database_that_optuna_did_not_write_is_one_clear_line(
    store: StudyStore, change: str, message: str
) -> None:
    file = store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(change)
    with pytest.raises(StudyError, match=message) as caught:
        read_result(load_study(store.url))
    assert str(caught.value).isprintable()
