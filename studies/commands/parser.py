"""Every command and option of the command line, without what is slow to load."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType
from typing import NoReturn

from search_spaces.presets import preset_forms
from studies.commands import options, values
from studies.redaction import redacted

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
        "finalize": "studies.commands.finalize",
        "export": "studies.commands.export",
        "reproduce": "studies.commands.reproduce",
        "dashboard": "studies.commands.dashboard",
        "data": "studies.commands.data",
    }
)
#: The same as of ``studies.samplers`` and ``studies.config``, which load optuna and torch.
SAMPLER_NAMES = ("front", "tpe", "nsga2", "random")
USES_OF_SHARED_WEIGHTS = ("judge", "inherit", "off")
_NETWORK = "ARCHITECTURE.json|PRESET"
_DESCRIPTION = (
    "Search multi-task perception networks under an embedded compute budget. "
    "Without a command: search, as in neurall-search --budget 30tops."
)
_EPILOG = (
    "Budgets: tops, gops (rates, shared out over frames and cameras); gmacs, mmacs (per frame); "
    "ms; mparams; mb. Data: synthetic, or as `data list` tells. "
    f"Presets: {', '.join(preset_forms())}."
)


class _Parser(argparse.ArgumentParser):
    """Complains in one line instead of printing the usage first."""

    def error(self, message: str) -> NoReturn:
        command = f" {self.prog.partition(' ')[2]}".rstrip()
        line = redacted(" ".join(message.split()))
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
    _finalize(commands)
    _export(commands)
    _reproduce(commands)
    _dashboard(commands)
    _data(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add(commands: _Commands[_Parser], name: str, text: str) -> _Parser:
    return commands.add_parser(name, help=text, description=text, allow_abbrev=False)


def _search(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "search", "search networks within a budget (the default command)")
    options.budget(p)
    options.deployment(p)
    options.training(p)
    options.tasks(p, "tasks to search for, by default all that the data labels, of synthetic three")
    options.pretrained(p)
    p.add_argument(
        "--trials",
        type=values.whole_number(1, 1_000_000),
        default=12,
        metavar="N",
        help="trained candidates of the study in total (default: 12)",
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
        type=options.one_of("sampler", SAMPLER_NAMES),
        default="front",
        metavar="NAME",
        help=f"{', '.join(SAMPLER_NAMES)} (default: front, which knows the costs beforehand)",
    )
    p.add_argument(
        "--shared-weights",
        type=options.one_of("shared-weights", USES_OF_SHARED_WEIGHTS),
        default="off",
        metavar="USE",
        help="of one elastic network, trained once: judge candidates before they are trained from "
        "scratch, inherit to train on from them, or off (default: off)",
    )
    p.add_argument(
        "--early-stopping",
        type=values.switch,
        default=True,
        metavar="on|off",
        help="stop candidates early that are behind the front (default: on)",
    )
    options.workers(p)
    options.fix(p)
    p.add_argument(
        "--enqueue",
        action="append",
        default=[],
        metavar=_NETWORK,
        help="a network to try first; may be repeated",
    )
    options.storage(p, "the one of the same settings")
    options.artifacts(p)
    p.add_argument("--dry-run", action="store_true", help="say what would run, and stop")
    options.as_json(p)


def _front(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "front", "show the front of a study")
    options.storage(p)
    options.plot(p)
    options.as_json(p)


def _show(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "show", "draw one network as a tree with its costs")
    p.add_argument("network", metavar=f"TRIAL|{_NETWORK}")
    options.storage(p)
    options.tasks(p, "tasks of a preset, by default segmentation, depth and motion")
    options.as_json(p)


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
    options.tasks(p, "tasks, by default segmentation, depth and motion")
    options.budget(p)
    options.fix(p)
    options.seed(p)
    options.as_json(p)


def _presets(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "presets", "known networks with their costs")
    options.tasks(p, "tasks, by default segmentation, depth and motion")
    options.as_json(p)


def _cost(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "cost", "cost of one network, in total and by task")
    p.add_argument("network", metavar=_NETWORK)
    options.budget(p)
    options.resolution(p)
    options.tasks(p, "tasks of a preset, by default segmentation, depth and motion")
    options.as_json(p)


def _train(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "train", "train one network and judge it beside the best constant")
    p.add_argument("network", metavar=_NETWORK)
    options.training(p)
    options.tasks(p, "tasks of a preset, by default all that the data labels")
    options.pretrained(p)
    options.resolution(p)
    p.add_argument("--out", metavar="FOLDER", help="export the trained network into this folder")
    options.as_json(p)


def _finalize(commands: _Commands[_Parser]) -> None:
    p = _add(
        commands,
        "finalize",
        "train the front of a study over several seeds and judge it on the test split",
    )
    options.storage(p)
    options.seeds(p)
    p.add_argument(
        "--trial",
        action="append",
        type=values.whole_number(0, 1_000_000_000),
        default=[],
        metavar="N",
        help="a network of the study; may be repeated (default: its front)",
    )
    p.add_argument(
        "--from",
        dest="begin",
        choices=("scratch", "inherited"),
        default="scratch",
        help="weights to begin with; inherited are those that the study's candidates share "
        "(default: scratch, as single-task networks do)",
    )
    p.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="SPEC",
        help="where the study's data is, if not where it was; may be repeated",
    )
    options.pretrained(p, "where the weights are that the study began with, if not where they were")
    options.fidelity(p, "that of the study")
    options.device(p, "that of the study")
    options.plot(p)
    options.as_json(p)


def _export(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "export", "write a network as weights, ONNX and a readme, and check them")
    p.add_argument("network", metavar=f"TRIAL|{_NETWORK}")
    p.add_argument("--out", required=True, metavar="FOLDER", help="a folder that is empty or new")
    options.resolution(p, None)
    options.storage(p)
    options.tasks(p, "tasks of a preset, by default segmentation, depth and motion")


def _reproduce(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "reproduce", "train the networks of the paper's tables and compare them")
    actions = p.add_subparsers(dest="action", metavar="tables", required=True)
    p = _add(
        actions,
        "tables",
        "the paper's tables I, II and III, trained over several seeds, beside what it prints",
    )
    options.data(p)
    options.fidelity(p)
    options.device(p)
    options.seeds(p)
    p.add_argument(
        "--table",
        action="append",
        type=values.whole_number(1, 3),
        default=[],
        metavar="1|2|3",
        help="one table only; may be repeated (default: all three)",
    )
    p.add_argument(
        "--out",
        default="neurall-reproduction.json",
        metavar="FILE.json",
        help="where trainings are kept as they end; the same command goes on from it "
        "(default: neurall-reproduction.json)",
    )
    options.as_json(p)


def _dashboard(commands: _Commands[_Parser]) -> None:
    p = _add(commands, "dashboard", "serve optuna-dashboard on the studies of a storage")
    p.add_argument(
        "--storage", default=options.DEFAULT_STORAGE, metavar="URL", help=options.STORAGE_HELP
    )
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
    options.as_json(listing)
    preview = _add(actions, "preview", "a picture of frames and labels")
    preview.add_argument("spec", metavar="SPEC")
    preview.add_argument("--out", required=True, metavar="FILE.png")
    prepare = _add(actions, "prepare", "check and decode a data set into the cache")
    prepare.add_argument("spec", metavar="SPEC")
    for p in (preview, prepare):
        options.fidelity(p)
        options.seed(p)


class _Version(argparse.Action):
    """Looks the version up only where it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"{PROGRAM} {metadata.version(PROGRAM)}")
        parser.exit()
