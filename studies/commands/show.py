"""``neurall-search show``: one network as a tree with its costs."""

from __future__ import annotations

import argparse
import json

from nas.cost import DEPLOYMENT
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from studies.commands.networks import is_trial, offered_tasks, read_network
from studies.errors import StudyError
from studies.tree import network_tree, tree_json


def run(args: argparse.Namespace) -> int:
    """Draw a trial, an architecture file or a preset."""
    if is_trial(args.network):
        architecture, resolution, metrics, standing = _of_trial(args)
    else:
        architecture = read_network(args.network, offered_tasks(args.network, args.tasks))
        resolution, metrics, standing = DEPLOYMENT, {}, ""
    if args.json:
        document = tree_json(architecture, resolution, metrics)
        print(json.dumps(document | ({"standing": standing} if standing else {}), indent=2))
        return 0
    from studies.report import page
    from studies.tree_drawing import draw_tree

    if standing:
        page().print(standing, markup=False, highlight=False)
    page().print(draw_tree(network_tree(architecture, resolution, metrics)))
    return 0


def _of_trial(
    args: argparse.Namespace,
) -> tuple[Architecture, Resolution, dict[str, dict[str, float]], str]:
    """Architecture, deployment, metrics, and what a reader must know of them, if anything."""
    from studies.figures import trial_line
    from studies.opening import load_study
    from studies.trial_network import budget_from

    store = load_study(args.storage, args.study)
    record = store.record(int(args.network))
    if record.architecture is None:
        raise StudyError(f"trial {record.number} has no architecture yet, it is {record.status}")
    return (
        record.architecture,
        budget_from(store.settings().get("budget")).deployment.resolution,
        record.metrics,
        "" if record.status == "complete" else trial_line(record),
    )
