"""Compiles an architecture to its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from nas.decoder_plan import decoder_nodes
from nas.encoder_plan import encoder_nodes
from nas.plan import IMAGE, Node, Plan
from search_spaces.architecture import Architecture


@lru_cache(maxsize=512)
def compile_plan(architecture: Architecture, *, training: bool = False) -> Plan:
    """The plan of the network that runs in the car, or of the one that is trained.

    They differ where tasks are auxiliary: at inference these have no head, and nothing is left
    that only they needed.
    """
    nodes = [*encoder_nodes(architecture), *decoder_nodes(architecture)]
    hidden = () if training else architecture.auxiliary
    return Plan(architecture=architecture, nodes=_needed(nodes, hidden))


def _needed(nodes: Sequence[Node], hidden: Sequence[str]) -> tuple[Node, ...]:
    """Only nodes that some output reads, each with the output tasks that need it."""
    readers: dict[str, set[str]] = {node.name: set() for node in nodes}
    readers[IMAGE] = set()
    for node in reversed(nodes):
        if node.kind == "head" and node.owners[0] not in hidden:
            readers[node.name].add(node.owners[0])
        for read in node.reads:
            readers[read.node] |= readers[node.name]
    return tuple(
        replace(node, readers=tuple(sorted(readers[node.name])))
        for node in nodes
        if readers[node.name]
    )
