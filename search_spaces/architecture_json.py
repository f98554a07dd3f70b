"""Architectures as JSON values, read strictly: every complaint names the field and the repair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.loss_weights import LossWeight
from search_spaces.sharing import Sharing
from search_spaces.spelling import LONGEST_NAME, brief, is_name, one_line
from search_spaces.synergy import SynergyLink
from search_spaces.task_spec import ArchitectureError, TaskSpec

if TYPE_CHECKING:
    from search_spaces.architecture import Architecture

FORMAT = 1
#: Characters of a document that is read; eleven tasks with every link there is take 60,000.
LONGEST_DOCUMENT = 4 * 2**20
_T = TypeVar("_T")
_PLAIN = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}
_WORDS = ("LinkOperation", "PrunedPart", "Fusion", "Weighting", "DecoderKind")
_RECORDS: Mapping[str, type[Any]] = {
    "EncoderSpec": EncoderSpec,
    "DecoderSpec": DecoderSpec,
    "TaskSpec": TaskSpec,
    "SynergyLink": SynergyLink,
    "Augmentation": Augmentation,
    "FilterRatio": FilterRatio,
    "LossWeight": LossWeight,
}


def encode(architecture: Architecture) -> dict[str, object]:
    """Plain values; the sharing is its list of partitions, stem first.

    Loss weights are written where there are any, so that other documents and ids stay as they were.
    """
    values = asdict(architecture)
    for task in values["tasks"]:
        if task["output_stride"] == 1:  # as before there were others: ids stay the same
            del task["output_stride"]
    if not architecture.loss_weights:
        del values["loss_weights"]
    return {"format": FORMAT, **_listed(values), "sharing": _listed(values["sharing"]["stages"])}


def decode(values: object, kind: type[_T]) -> _T:
    """Build ``kind`` (the architecture class) from what ``encode`` gave."""
    if not isinstance(values, Mapping):
        raise ArchitectureError(f"an architecture is a JSON object, got {brief(values)}")
    given = dict(values)
    version = given.pop("format", FORMAT)
    if version != FORMAT:
        raise ArchitectureError(f"format is {brief(version)}, this version reads {FORMAT}")
    return _record(given, kind, "")


def _record(values: object, kind: type[_T], where: str) -> _T:
    if not isinstance(values, Mapping):
        raise ArchitectureError(f"{where} is {brief(values)}, give an object")
    known: dict[str, Field[Any]] = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    for name in values:
        if name not in known:
            stranger = one_line(f"{prefix}{name}")
            raise ArchitectureError(f"{stranger} is not known, use {', '.join(known)}")
    for name, f in known.items():
        if name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise ArchitectureError(f"{prefix}{name} is missing, add it")
    return kind(
        **{
            name: _value(value, str(known[name].type), prefix + name)
            for name, value in values.items()
        }
    )


def _value(value: object, annotation: str, where: str) -> object:
    if annotation == "Sharing":
        return Sharing(stages=_partitions(value, where))
    if annotation.startswith("tuple["):
        inner = annotation.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(
            _value(item, inner, f"{where}[{i}]") for i, item in enumerate(_list(value, where))
        )
    if annotation in _RECORDS:
        return _record(value, _RECORDS[annotation], where)
    allowed = _PLAIN["str"] if annotation in _WORDS else _PLAIN[annotation]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise ArchitectureError(f"{where} is {brief(value)}, give a {allowed[0].__name__}")
    return _text(value, where) if isinstance(value, str) else value


def _partitions(value: object, where: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    return tuple(
        tuple(
            tuple(
                _task_name(task, f"{where}[{stage}]") for task in _list(group, f"{where}[{stage}]")
            )
            for group in _list(partition, f"{where}[{stage}]")
        )
        for stage, partition in enumerate(_list(value, where))
    )


def _task_name(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ArchitectureError(f"{where} holds {brief(value)}, give names of tasks")
    return _text(value, where)


def _text(value: str, where: str) -> str:
    """All texts of a document are names, and every later error may show them as they are."""
    if not is_name(value):
        raise ArchitectureError(
            f"{where} is {brief(value)}, give 1 to {LONGEST_NAME} printable characters"
        )
    return value


def _list(value: object, where: str) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise ArchitectureError(f"{where} is {brief(value)}, give a list")
    return value


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return value
