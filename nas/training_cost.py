"""What training an architecture takes: MACs of a sample's forward pass."""

from __future__ import annotations

from nas.compile import compile_plan
from nas.cost import node_macs
from nas.fidelity import Fidelity
from nas.plan import ENCODER_KINDS, Node, Plan
from nas.weighting.effort import effort
from search_spaces.architecture import Architecture


def training_macs(architecture: Architecture, fidelity: Fidelity) -> int:
    """MACs of one sample's forward pass in training: dense, every stream, every task."""
    plan = compile_plan(architecture.dense, training=True)
    return sum(_forward_macs(plan, node, fidelity) for node in plan.nodes)


def step_macs(architecture: Architecture, fidelity: Fidelity) -> float:
    """MACs of the forward pass whose plain training step takes as long as this one's.

    As ``training_macs``, with what is repeated for the weighting of the losses.
    """
    plan = compile_plan(architecture.dense, training=True)
    return sum(
        effort(architecture.weighting, len(node.readers)) * _forward_macs(plan, node, fidelity)
        for node in plan.nodes
    )


def _forward_macs(plan: Plan, node: Node, fidelity: Fidelity) -> int:
    twice = node.kind in ENCODER_KINDS and node.name in plan.previous_nodes
    return node_macs(node, fidelity.resolution) * (2 if twice else 1)
