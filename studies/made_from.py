"""What a study was made from, remembered so that its networks can be trained anew from its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeVar

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
from studies.stored import Stored

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
    settings = Stored(store.settings(), "settings")
    known = settings.entry("made_from", {})
    seed = known.entry("seed", settings.entry("identity").entry("seed", 0).value).count()
    before = _fidelity(known.entry("fidelity"), settings.entry("fidelity"))
    specs = tuple(data)
    tasks = known.entry("tasks", list(settings.entry("primary").mapping()))
    config = SearchConfig(
        sources=_named(specs, seed, before) or _remembered(store, known, seed, before),
        tasks=tuple(task.word() for task in tasks.items()),
        fidelity=before,
        fix={axis: value.line() for axis, value in known.entry("fix", {}).entries().items()},
        pretrained=read_pretrained(pretrained) or _remembered_weights(known),
        seed=seed,
        device=device or known.entry("device", "auto").word(),
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
    known = _identity(store).get("data")
    return known is not None and known != [s.fingerprint() for s in problem.sources]


# --- details ------------------------------------------------------------------------------------


def _place(given: str, resolved: str) -> dict[str, str]:
    return {"given": given, "resolved": resolved}


def _identity(store: StudyStore) -> Mapping[str, object]:
    return Stored(store.settings(), "settings").entry("identity").mapping()


def _fidelity(stored: Stored, name: Stored) -> Fidelity:
    if stored.value is not None:
        return _stored_fidelity(stored)
    if name.word() not in fidelities.FIDELITIES:
        raise StudyError(
            f"the study was made with fidelity {name.word()}, which is none of "
            f"{', '.join(fidelities.FIDELITIES)}; finish it from the script that made it"
        )
    return fidelities.FIDELITIES[name.word()]


def _stored_fidelity(stored: Stored) -> Fidelity:
    counts = ("samples", "batch_size", "train", "val", "test")
    try:
        return Fidelity(
            name=stored.entry("name").word(),
            resolution=Resolution.parse(stored.entry("resolution").word()),
            **{name: stored.entry(name).count() for name in counts},
        )
    except StudyError:
        raise
    except ValueError as error:
        raise StudyError(f"the study's fidelity is damaged: {error}") from None


def _named(specs: Sequence[str], seed: int, fidelity: Fidelity) -> tuple[DataSource, ...]:
    return tuple(open_source(spec, seed=seed, fidelity=fidelity) for spec in specs)


def _remembered(
    store: StudyStore, known: Stored, seed: int, fidelity: Fidelity
) -> tuple[DataSource, ...]:
    places = known.entry("data", []).items()
    if not places:
        raise StudyError(
            f"study {store.name} does not remember which data it was made from: name it with --data"
        )

    def opened(spec: str) -> DataSource:
        return open_source(spec, seed=seed, fidelity=fidelity)

    return tuple(_opened(place, opened, "--data") for place in places)


def _remembered_weights(known: Stored) -> tuple[PretrainedEncoder, ...]:
    found = [
        _opened(place, lambda spec: read_pretrained([spec])[0], "--pretrained")
        for place in known.entry("pretrained", []).items()
    ]
    return tuple(found)


def _opened(place: Stored, open_: Callable[[str], Opened], option: str) -> Opened:
    """What lies where it lay, or where the same words lead from here."""
    given, resolved = place.entry("given").line(), place.entry("resolved").line()
    try:
        return open_(resolved)
    except (DataError, PretrainedError) as error:
        first = error
    try:
        return open_(given)
    except (DataError, PretrainedError):
        raise StudyError(
            f"{given}, which the study was made from, cannot be opened any more: {first}; "
            f"name it again with {option}"
        ) from None


def _check_unchanged(store: StudyStore, problem: Problem, *, named: bool) -> None:
    if not named and data_changed(store, problem):
        names = ", ".join(source.name for source in problem.sources)
        raise StudyError(
            f"the data of study {store.name} ({names}) changed since the search: what is its test "
            "split now may have been searched on; if it is still right, name it again with --data"
        )
    begun = Stored(_identity(store), "identity").entry("pretrained", [])
    wanted = [weights.line() for weights in begun.items()]
    if wanted != problem.identity.get("pretrained", []):
        raise StudyError(
            f"study {store.name} began with the weights {', '.join(wanted) or 'none'} (encoder and "
            "digest of the file), which these are not: name them with --pretrained"
        )
