"""Trains an architecture: first dense, then pruned to its plan, within one sample budget.

Train, order filters by what tasks lose without them and by what is new in each, cut, recover.
"""

from __future__ import annotations

import torch

from nas.network import Network, build_network
from nas.training import StepProgress, Training
from pruning.groups import Criterion, couplings
from pruning.importance import importance_by_task
from pruning.prune import prune
from pruning.selection import filter_orders
from search_spaces.architecture import Architecture

#: Share of the samples before pruning, enough to rank filters; the rest recovers.
DENSE_SHARE = 0.25
#: Training batches on which importance is estimated.
_RANKING_BATCHES = 6


def dense_network(architecture: Architecture, seed: int) -> Network:
    """The network that the training of an architecture begins with."""
    return build_network(architecture.dense, seed=seed, training=True)


def train_and_prune(
    training: Training,
    architecture: Architecture,
    *,
    until: float = 1.0,
    criterion: Criterion = "taylor",
    progress: StepProgress | None = None,
) -> Network:
    """The trained network of an architecture, pruned where it says so.

    ``training`` holds the architecture's dense network, or its own, to go on with. ``until`` is a
    share of its samples: all of them are used either way, so that pruned and unpruned candidates
    compare, and a training that stopped before the end goes on with another call.
    """
    end, cut = round(until * len(training.data)), round(DENSE_SHARE * len(training.data))
    if training.network.plan.architecture != architecture:
        training.run(until=min(cut, end), progress=progress)
        if training.step >= cut:
            training.replace_network(_pruned(training, architecture, criterion))
    training.run(until=end, progress=progress)
    return training.network


def _pruned(training: Training, architecture: Architecture, criterion: Criterion) -> Network:
    steps = range(min(_RANKING_BATCHES, training.step))
    network = training.network
    found = couplings(network)
    batches = [training.data.batch(step).to(training.device) for step in steps]
    importance = importance_by_task(
        network, found, training.data.tasks, training.statistics, batches, criterion
    )
    orders = filter_orders(network, found, importance, [batch.frames for batch in batches])
    with torch.no_grad():
        return prune(network, architecture, found, orders)
