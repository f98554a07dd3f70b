"""Every command and option of the command line, without what is slow to load."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from importlib import metadata
from types import MappingProxyType
from typing import NoReturn

from nas.fidelity import FIDELITIES
from search_spaces.presets import PRESETS
from search_spaces.spelling import unknown
from studies.commands import values

PROGRAM = "neurall-search"
#: Where each command is: its module has ``run(args) -> exit code``.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "search": "studies.commands.search",
        "front": "studies.commands.front",
        "show": "studies.commands.show",
        "sample": "studies.commands.sample",
        "presets": "studies.commands.presets",
        "cost": "studies.commands.cost",
        "train": "studies.commands.train",
        "export": "studies.commands.export",
        "dashboard": "studies.commands.dashboard",
        "data": "studies.commands.data",
    }
)
#: The same as of ``studies.samplers``, which loads optuna.
SAMPLER_NAMES = ("tpe", "nsga2", "random")
DEFAULT_STORAGE = "sqlite:///neurall-search.db"
_LARGEST_SEED = 2**31 - 1
_NETWORK = "ARCHITECTURE.json|PRESET"
_DESCRIPTION = (
    "Search multi-task perception networks under an embedded compute budget. "
    "Without a command: search, as in neurall-search --budget 30tops."
)
_EPILOG = (
    "Budgets: tops, gops (rates, shared out over frames and cameras); gmacs, mmacs (per frame); "
    "ms; mparams; mb. Data: synthetic, camvid:FOLDER, manifest:FILE. "
    f"Presets: {', '.join(PRESETS)}."
)


class _Parser(argparse.ArgumentParser):
    """Complains in one line instead of printing the usage first."""

    def error(self, message: str) -> NoReturn:
        command = f" {self.prog.partition(' ')[2]}".rstrip()
        line = " ".join(message.split())
        self.exit(2, f"{PROGRAM}: error: {line} (see {PROGRAM}{command} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``args.command`` names the one that was given."""
    parser = _Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _search(commands)
    _front(commands)
    _show(commands)
    _sample(commands)
    _presets(commands)
    _cost(commands)
    _train(commands)
    _export(commands)
    _dashboard(commands)
    _data(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add(commands: _Commands[_Parser], name: str, text: str) -> _Parser:
    return commands.add_parser(name, help=text, description=text, allow_abbrev=False)


def _search(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "search", "search networks within a budget (the default command)")
    _budget(p)
    _deployment(p)
    _training(p)
    _tasks(p, "tasks to search for, by default all that the data labels")
    p.add_argument(
        "--trials",
        type=values.whole_number(1, 1_000_000),
        default=20,
        metavar="N",
        help="trained candidates of the study in total (default: 20)",
    )
    p.add_argument(
        "--time",
        type=values.seconds,
        metavar="15m",
        help="start no candidate that would end later; units s, m, h",
    )
    p.add_argument(
        "--objectives",
        type=values.names,
        default=("delta_m", "macs"),
        metavar="A,B",
        help="of delta_m, macs, params, activation_bytes, latency_ms, or a task for its primary "
        "metric (default: delta_m,macs)",
    )
    p.add_argument(
        "--sampler",
        type=_one_of("sampler", SAMPLER_NAMES),
        default="tpe",
        metavar="NAME",
        help=f"{', '.join(SAMPLER_NAMES)} (default: tpe)",
    )
    _fix(p)
    p.add_argument(
        "--enqueue",
        action="append",
        default=[],
        metavar=_NETWORK,
        help="a network to try first; may be repeated",
    )
    _storage(p)
    p.add_argument("--dry-run", action="store_true", help="say what would run, and stop")
    _json(p)


def _front(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "front", "show the front of a study")
    _storage(p)
    p.add_argument(
        "--plot",
        action="append",
        default=[],
        metavar="FILE.html|FILE.png",
        help="draw it; may be repeated",
    )
    _json(p)


def _show(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "show", "draw one network as a tree with its costs")
    p.add_argument("network", metavar=f"TRIAL|{_NETWORK}")
    _storage(p)
    _tasks(p, "tasks of a preset, by default those of the synthetic data")
    _json(p)


def _sample(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "sample", "random networks of the space with their costs")
    p.add_argument(
        "-n",
        dest="count",
        type=values.whole_number(1, 1_000_000),
        default=10,
        metavar="N",
        help="how many (default: 10)",
    )
    _tasks(p, "tasks, by default those of the synthetic data")
    _budget(p)
    _fix(p)
    _seed(p)
    _json(p)


def _presets(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "presets", "known networks with their costs")
    _tasks(p, "tasks, by default those of the synthetic data")
    _json(p)


def _cost(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "cost", "cost of one network, in total and by task")
    p.add_argument("network", metavar=_NETWORK)
    _budget(p)
    _resolution(p)
    _tasks(p, "tasks of a preset, by default those of the synthetic data")
    _json(p)


def _train(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "train", "train one network and judge it beside the best constant")
    p.add_argument("network", metavar=_NETWORK)
    _training(p)
    _tasks(p, "tasks of a preset, by default all that the data labels")
    _resolution(p)
    p.add_argument("--out", metavar="FOLDER", help="export the trained network into this folder")
    _json(p)


def _export(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "export", "write a network as weights, ONNX and a readme, and check them")
    p.add_argument("network", metavar=f"TRIAL|{_NETWORK}")
    p.add_argument("--out", required=True, metavar="FOLDER", help="a folder that is empty or new")
    _resolution(p, None)
    _storage(p)
    _tasks(p, "tasks of a preset, by default those of the synthetic data")


def _dashboard(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "dashboard", "serve optuna-dashboard on the studies of a storage")
    p.add_argument("--storage", default=DEFAULT_STORAGE, metavar="URL", help=_STORAGE_HELP)
    p.add_argument(
        "--port",
        type=values.whole_number(1, 65535),
        default=8080,
        help="port on this machine (default: 8080)",
    )


def _data(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "data", "list data sets, look at one, or decode it ahead of a search")
    actions = p.add_subparsers(dest="action", metavar="list|preview|prepare", required=True)
    listing = _add(actions, "list", "the data sets that --data knows")
    _json(listing)
    preview = _add(actions, "preview", "a picture of frames and labels")
    preview.add_argument("spec", metavar="SPEC")
    preview.add_argument("--out", required=True, metavar="FILE.png")
    prepare = _add(actions, "prepare", "check and decode a data set into the cache")
    prepare.add_argument("spec", metavar="SPEC")
    for p in (preview, prepare):
        _fidelity(p)
        _seed(p)


# --- options that several commands have ---------------------------------------------------------

_STORAGE_HELP = f"where studies are kept (default: {DEFAULT_STORAGE})"


def _budget(p: _Parser) -> None:
    p.add_argument(
        "--budget",
        action="append",
        default=[],
        metavar="B",
        help="most that a network may cost, as 30tops, 20gmacs, 15ms, 10mparams or 50mb; "
        "may be repeated, every bound holds",
    )


def _resolution(p: _Parser, default: str | None = "1024x512") -> None:
    p.add_argument(
        "--resolution",
        type=values.resolution,
        default=default,
        metavar="1024x512",
        help=f"frame size at deployment in pixels (default: {default or 'that of the study'})",
    )


def _deployment(p: _Parser) -> None:
    _resolution(p)
    p.add_argument("--fps", type=_number, default=30.0, help="of each camera (default: 30)")
    p.add_argument("--cameras", type=values.whole_number(1, 10_000), default=4, help="(default: 4)")
    p.add_argument(
        "--utilization",
        type=_number,
        default=0.3,
        help="share of the nominal rate that is reached (default: 0.3)",
    )


def _training(p: _Parser) -> None:
    p.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="SPEC",
        help="synthetic (the default), camvid:FOLDER, manifest:FILE; may be repeated",
    )
    _fidelity(p)
    _seed(p)
    p.add_argument(
        "--device",
        type=_one_of("device", ("auto", "cpu", "cuda")),
        default="auto",
        metavar="NAME",
        help="auto, cpu or cuda (default: auto)",
    )


def _fidelity(p: _Parser) -> None:
    p.add_argument(
        "--fidelity",
        type=_one_of("fidelity", tuple(FIDELITIES)),
        metavar="NAME",
        help="quick, standard or full: how long each candidate trains "
        "(default: standard with an accelerator, else quick)",
    )


def _fix(p: _Parser) -> None:
    p.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="AXIS=VALUE",
        help="narrow an axis of the space, as encoder=resnet18 or width=32,48; may be repeated",
    )


def _tasks(p: _Parser, text: str) -> None:
    p.add_argument("--tasks", type=values.names, default=(), metavar="a,b,c", help=text)


def _seed(p: _Parser) -> None:
    p.add_argument(
        "--seed",
        type=values.whole_number(0, _LARGEST_SEED),
        default=0,
        metavar="N",
        help="(default: 0)",
    )


def _storage(p: _Parser) -> None:
    p.add_argument("--storage", default=DEFAULT_STORAGE, metavar="URL", help=_STORAGE_HELP)
    p.add_argument(
        "--study", default="", metavar="NAME", help="by default the one of the same settings"
    )


def _json(p: _Parser) -> None:
    p.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _one_of(what: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    """A reader of one of some words, for ``type=`` of an option."""

    def read(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(unknown(what, text, allowed))
        return text

    return read


class _Version(argparse.Action):
    """Looks the version up only where it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"{PROGRAM} {metadata.version(PROGRAM)}")
        parser.exit()
