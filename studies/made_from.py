"""What a study was made from, remembered so that its networks can be trained anew from its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from nas import fidelity as fidelities
from nas.data.source import DataError, DataSource
from nas.data.spec import open_source, resolved_spec
from nas.fidelity import Fidelity
from nas.pretrained import (
    PretrainedEncoder,
    PretrainedError,
    read_pretrained,
    resolved_pretrained,
)
from nas.resolution import Resolution
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.problem import Problem, problem_of
from studies.store import StudyStore

Opened = TypeVar("Opened")


def made_from(problem: Problem) -> dict[str, object]:
    """Data, weights, tasks and training of a search as plain values, for its study's settings."""
    config = problem.config
    return {
        "data": [_place(spec, resolved_spec(spec)) for spec in config.data_specs],
        "pretrained": [_place(s, resolved_pretrained(s)) for s in config.pretrained_specs],
        "tasks": list(problem.tasks),
        "fidelity": {**asdict(config.fidelity), "resolution": str(config.fidelity.resolution)},
        "seed": config.seed,
        "device": config.device,
        "fix": dict(config.fix),
    }


def remembered_config(
    store: StudyStore,
    *,
    data: Sequence[str] = (),
    pretrained: Sequence[str] = (),
    fidelity: Fidelity | None = None,
    device: str | None = None,
) -> SearchConfig:
    """The search that a study was made by, with what is given in place of what it remembers.

    Data stays as it was for the study's own fidelity, whichever one networks train at. Raises
    ``StudyError`` where data or weights are not remembered, not there any more, or changed since.
    """
    settings = store.settings()
    known: Mapping[str, Any] = settings.get("made_from", {})
    seed = known.get("seed", settings["identity"].get("seed", 0))
    before = _fidelity(known.get("fidelity"), settings["fidelity"])
    specs = tuple(data)
    config = SearchConfig(
        sources=_named(specs, seed, before) or _remembered(store, known, seed, before),
        tasks=tuple(known.get("tasks", settings["primary"])),
        fidelity=before,
        fix=known.get("fix", {}),
        pretrained=read_pretrained(pretrained) or _remembered_weights(store, known),
        seed=seed,
        device=device or known.get("device", "auto"),
        storage=store.url,
        study=store.name,
        data_specs=specs,
    )
    _check_unchanged(store, problem_of(config), named=bool(specs))
    return config if fidelity is None else replace(config, fidelity=fidelity)


def data_changed(store: StudyStore, problem: Problem) -> bool:
    """Whether any frame may be another one than those that the study was searched with.

    A source knows its files by path, size and time, so data that moved counts as changed.
    """
    known = store.settings()["identity"].get("data")
    return known is not None and known != [s.fingerprint() for s in problem.sources]


# --- details ------------------------------------------------------------------------------------


def _place(given: str, resolved: str) -> dict[str, str]:
    return {"given": given, "resolved": resolved}


def _fidelity(stored: Mapping[str, Any] | None, name: str) -> Fidelity:
    if stored is not None:
        return Fidelity(**{**stored, "resolution": Resolution.parse(stored["resolution"])})
    if name not in fidelities.FIDELITIES:
        raise StudyError(
            f"the study was made with fidelity {name}, which is none of "
            f"{', '.join(fidelities.FIDELITIES)}; finish it from the script that made it"
        )
    return fidelities.FIDELITIES[name]


def _named(specs: Sequence[str], seed: int, fidelity: Fidelity) -> tuple[DataSource, ...]:
    return tuple(open_source(spec, seed=seed, fidelity=fidelity) for spec in specs)


def _remembered(
    store: StudyStore, known: Mapping[str, Any], seed: int, fidelity: Fidelity
) -> tuple[DataSource, ...]:
    places = known.get("data", [])
    if not places:
        raise StudyError(
            f"study {store.name} does not remember which data it was made from: name it with --data"
        )

    def opened(spec: str) -> DataSource:
        return open_source(spec, seed=seed, fidelity=fidelity)

    return tuple(_opened(place, opened, "--data") for place in places)


def _remembered_weights(
    store: StudyStore, known: Mapping[str, Any]
) -> tuple[PretrainedEncoder, ...]:
    found = [
        _opened(place, lambda spec: read_pretrained([spec])[0], "--pretrained")
        for place in known.get("pretrained", [])
    ]
    return tuple(found)


def _opened(place: Mapping[str, str], open_: Callable[[str], Opened], option: str) -> Opened:
    """What lies where it lay, or where the same words lead from here."""
    try:
        return open_(place["resolved"])
    except (DataError, PretrainedError) as error:
        first = error
    try:
        return open_(place["given"])
    except (DataError, PretrainedError):
        raise StudyError(
            f"{place['given']}, which the study was made from, cannot be opened any more: {first}; "
            f"name it again with {option}"
        ) from None


def _check_unchanged(store: StudyStore, problem: Problem, *, named: bool) -> None:
    if not named and data_changed(store, problem):
        names = ", ".join(source.name for source in problem.sources)
        raise StudyError(
            f"the data of study {store.name} ({names}) changed since the search: what is its test "
            "split now may have been searched on; if it is still right, name it again with --data"
        )
    wanted = store.settings()["identity"].get("pretrained", [])
    if wanted != problem.identity.get("pretrained", []):
        raise StudyError(
            f"study {store.name} began with the weights {', '.join(wanted) or 'none'} (encoder and "
            "digest of the file), which these are not: name them with --pretrained"
        )
