"""Options that several commands have."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from collections.abc import Callable

from nas.fidelity import FIDELITIES
from search_spaces.spelling import unknown
from studies.commands import values

DEFAULT_STORAGE = "sqlite:///neurall-search.db"
_LARGEST_SEED = 2**31 - 1
STORAGE_HELP = (
    "where studies are kept: sqlite:///FILE, postgresql://…, mysql://… or, in a shared folder, "
    f"journal:FILE (default: {DEFAULT_STORAGE})"
)


def budget(p: ArgumentParser) -> None:
    """Bounds on cost."""
    p.add_argument(
        "--budget",
        action="append",
        default=[],
        metavar="B",
        help="most that a network may cost, as 30tops, 20gmacs, 15ms, 10mparams or 50mb; "
        "may be repeated, every bound holds",
    )


def resolution(p: ArgumentParser, default: str | None = "1024x512") -> None:
    """Frame size at deployment; None means that of the study."""
    p.add_argument(
        "--resolution",
        type=values.resolution,
        default=default,
        metavar="1024x512",
        help=f"frame size at deployment in pixels (default: {default or 'that of the study'})",
    )


def deployment(p: ArgumentParser) -> None:
    """Where the network will run."""
    resolution(p)
    p.add_argument("--fps", type=_number, default=30.0, help="of each camera (default: 30)")
    p.add_argument("--cameras", type=values.whole_number(1, 10_000), default=4, help="(default: 4)")
    p.add_argument(
        "--utilization",
        type=_number,
        default=0.3,
        help="share of the nominal rate that is reached (default: 0.3)",
    )


def training(p: ArgumentParser) -> None:
    """What networks are trained on, and how."""
    data(p)
    fidelity(p)
    seed(p)
    device(p)


def data(p: ArgumentParser) -> None:
    """Data sets."""
    p.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="SPEC",
        help="synthetic (the default), camvid:FOLDER, manifest:FILE, or one of those that "
        "`neurall-search data list` names; may be repeated",
    )


def seeds(p: ArgumentParser) -> None:
    """How often each network trains."""
    p.add_argument(
        "--seeds",
        type=values.whole_number(1, 100),
        default=3,
        metavar="N",
        help="trainings of each network, to tell the spread (default: 3)",
    )


def device(p: ArgumentParser, remembered: str = "") -> None:
    """Where networks train; None where ``remembered`` says whence it comes by default."""
    p.add_argument(
        "--device",
        type=one_of("device", ("auto", "cpu", "cuda")),
        default=None if remembered else "auto",
        metavar="NAME",
        help=f"auto, cpu or cuda (default: {remembered or 'auto'})",
    )


def pretrained(p: ArgumentParser, text: str = "") -> None:
    """Weights that encoders begin with."""
    p.add_argument(
        "--pretrained",
        action="append",
        default=[],
        metavar="SPEC",
        help=text
        or "begin with published weights where depth and width of the encoder are theirs: "
        "imagenet (EfficientNet-Lite0 of the extra [pretrained]) or ENCODER=FILE, as "
        "resnet50=resnet50.pth; may be repeated",
    )


def fidelity(p: ArgumentParser, default: str = "standard with an accelerator, else quick") -> None:
    """How long each network trains; None by default."""
    p.add_argument(
        "--fidelity",
        type=one_of("fidelity", tuple(FIDELITIES)),
        metavar="NAME",
        help=f"quick, standard or full: how long each candidate trains (default: {default})",
    )


def workers(p: ArgumentParser) -> None:
    """How many networks train at a time, and where."""
    p.add_argument(
        "--workers",
        type=values.whole_number(1, 10_000),
        metavar="N",
        help="networks that train at a time, each in a process of its own (default: 1, with --ray "
        "as many as fit)",
    )
    p.add_argument(
        "--ray",
        default="",
        metavar="ADDRESS",
        help="train on a Ray cluster: auto for the one that runs, local for one on this machine, "
        "or its address",
    )
    p.add_argument(
        "--gpus-per-trial",
        type=_number,
        default=0.0,
        metavar="SHARE",
        help="accelerators for each training on a Ray cluster, as 1 or 0.5 (default: 0)",
    )
    p.add_argument(
        "--deterministic",
        action="store_true",
        help="begin candidates in rounds of one for each worker: the same front each time",
    )


def fix(p: ArgumentParser) -> None:
    """Axes of the space that are narrowed."""
    p.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="AXIS=VALUE",
        help="narrow an axis of the space, as encoder=resnet18 or width=32,48; may be repeated",
    )


def tasks(p: ArgumentParser, text: str) -> None:
    """Names of tasks."""
    p.add_argument("--tasks", type=values.names, default=(), metavar="a,b,c", help=text)


def seed(p: ArgumentParser) -> None:
    """Seed of all that is random."""
    p.add_argument(
        "--seed",
        type=values.whole_number(0, _LARGEST_SEED),
        default=0,
        metavar="N",
        help="(default: 0)",
    )


def storage(p: ArgumentParser, default: str = "the one last written") -> None:
    """Which study."""
    p.add_argument("--storage", default=DEFAULT_STORAGE, metavar="URL", help=STORAGE_HELP)
    p.add_argument("--study", default="", metavar="NAME", help=f"by default {default}")


def artifacts(p: ArgumentParser) -> None:
    """Where files are kept."""
    p.add_argument(
        "--artifacts",
        default="",
        metavar="FOLDER",
        help="keep weights and pictures of trials there; the study remembers it (default: beside "
        "the storage's file, for a database server neurall-search.artifacts in this folder)",
    )


def plot(p: ArgumentParser) -> None:
    """Pictures."""
    p.add_argument(
        "--plot",
        action="append",
        default=[],
        metavar="FILE.html|FILE.png",
        help="draw it; may be repeated",
    )


def as_json(p: ArgumentParser) -> None:
    """Output as JSON."""
    p.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def one_of(what: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    """A reader of one of some words, for ``type=`` of an option."""

    def read(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(unknown(what, text, allowed))
        return text

    return read
