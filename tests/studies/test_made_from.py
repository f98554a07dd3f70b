from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.data.spec import open_source, resolved_spec
from nas.fidelity import FIDELITIES
from nas.pretrained import read_pretrained, resolved_pretrained
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.made_from import data_changed, remembered_config
from studies.opening import create_study
from studies.problem import problem_of
from studies.search import study_settings
from studies.store import StudyStore
from tests.studies.conftest import TINY

Tiny = Callable[..., SearchConfig]


def study_of(config: SearchConfig) -> StudyStore:
    """A study that was begun, without any trial."""
    problem = problem_of(config)
    return create_study(config.storage, problem.name, problem.objectives, study_settings(problem))


def on(specs: tuple[str, ...], tiny: Tiny, **changes: Any) -> SearchConfig:
    sources = tuple(open_source(spec, seed=0, fidelity=TINY) for spec in specs)
    return tiny(sources=sources, data_specs=specs, **changes)


def test_a_study_remembers_what_its_networks_are_trained_on_and_how(
    tiny: Tiny, resnet10: Path
) -> None:
    weights = (f"resnet10={resnet10}",)
    config = on(
        ("synthetic",),
        tiny,
        tasks=("motion", "depth"),
        pretrained=read_pretrained(weights),
        pretrained_specs=weights,
    )
    again = remembered_config(study_of(config))
    assert problem_of(again).identity["data"] == problem_of(config).identity["data"]
    assert again.tasks == ("depth", "motion")
    for name in ("fidelity", "seed", "device", "fix", "pretrained"):
        assert getattr(again, name) == getattr(config, name)


def test_another_fidelity_leaves_the_data_as_it_was(tiny: Tiny) -> None:
    store = study_of(on(("synthetic",), tiny))
    again = remembered_config(store, fidelity=FIDELITIES["standard"], device="auto")
    assert again.fidelity == FIDELITIES["standard"]
    assert again.device == "auto"
    assert [source.length("train") for source in again.sources] == [TINY.train]
    assert not data_changed(store, problem_of(again))


def test_a_path_leads_to_the_same_data_from_any_folder(
    tiny: Tiny, drive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(drive.parent)
    store = study_of(on(("manifest:drive.jsonl",), tiny))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert not data_changed(store, problem_of(remembered_config(store)))
    kept = store.settings()["made_from"]["data"]
    assert kept == [{"given": "manifest:drive.jsonl", "resolved": f"manifest:{drive}"}]


def test_data_that_is_gone_is_asked_for_with_its_name(tiny: Tiny, drive: Path) -> None:
    store = study_of(on((f"manifest:{drive}",), tiny))
    drive.unlink()
    with pytest.raises(StudyError, match=r"manifest:.*cannot be opened any more.*with --data"):
        remembered_config(store)


def test_data_that_changed_is_used_only_where_it_is_named_again(tiny: Tiny, drive: Path) -> None:
    store = study_of(on((f"manifest:{drive}",), tiny))
    drive.write_text(drive.read_text().replace('"val"', '"val" '))
    with pytest.raises(StudyError, match=r"drive\) changed since the search.*with --data"):
        remembered_config(store)
    again = remembered_config(store, data=[f"manifest:{drive}"])
    assert data_changed(store, problem_of(again))
    assert again.tasks == ("surface",)


def test_a_study_of_a_script_or_of_an_older_version_asks_for_its_data(tiny: Tiny) -> None:
    store = study_of(tiny())
    with pytest.raises(StudyError, match=r"does not remember which data.*name it with --data"):
        remembered_config(store)
    assert not data_changed(store, problem_of(remembered_config(store, data=["synthetic"])))
    older = {k: v for k, v in store.settings().items() if k != "made_from"}
    store.set_attribute("settings", {**older, "fidelity": "standard"})
    again = remembered_config(store, data=["synthetic"])
    assert again.fidelity == FIDELITIES["standard"]
    assert again.tasks == ("depth", "motion", "segmentation")
    store.set_attribute("settings", {**older, "fidelity": "mine"})
    with pytest.raises(StudyError, match="fidelity mine, which is none of quick, standard, full"):
        remembered_config(store, data=["synthetic"])


def test_weights_that_are_gone_or_others_are_asked_for(tiny: Tiny, resnet10: Path) -> None:
    weights = (f"resnet10={resnet10}",)
    config = on(("synthetic",), tiny, pretrained=read_pretrained(weights), pretrained_specs=weights)
    store = study_of(config)
    moved = resnet10.rename(resnet10.with_name("moved.pth"))
    with pytest.raises(StudyError, match=r"resnet10=.* cannot be opened.*with --pretrained"):
        remembered_config(store)
    again = remembered_config(store, pretrained=[f"resnet10={moved}"])
    assert again.pretrained == config.pretrained
    script = study_of(replace(config, pretrained_specs=(), study="script"))
    with pytest.raises(StudyError, match=r"began with the weights resnet10 of width 16"):
        remembered_config(script)


@pytest.mark.parametrize(
    ("spec", "resolved"),
    [
        ("synthetic", "synthetic"),
        ("synthetic#depth=range", "synthetic#depth=range"),
        ("manifest:a/b.jsonl", "manifest:{here}/a/b.jsonl"),
        ("camvid:a:b#segmentation=road", "camvid:{here}/a:b#segmentation=road"),
        ("camvid:/data/camvid", "camvid:/data/camvid"),
        ("camvid", "camvid"),
    ],
)
def test_only_the_path_of_a_spec_is_made_absolute(spec: str, resolved: str) -> None:
    assert resolved_spec(spec) == resolved.format(here=os.getcwd())


def test_only_the_path_of_weights_is_made_absolute() -> None:
    assert resolved_pretrained("imagenet") == "imagenet"
    assert resolved_pretrained("resnet18= a.pth") == f"resnet18={os.getcwd()}/a.pth"
