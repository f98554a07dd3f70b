"""The trained network of a trial, rebuilt from the study's files."""

from __future__ import annotations

from nas.budget import Budget
from nas.compile import compile_plan
from nas.deployment import Deployment
from nas.network import Network
from nas.resolution import Resolution
from nas.stored_weights import StoredWeightsError, most_weight_bytes, stored_network
from studies.errors import StudyError
from studies.record import TrialRecord
from studies.store import StudyStore
from studies.stored import Stored


def trial_network(store: StudyStore, record: TrialRecord) -> Network:
    """The network of a trial in evaluation mode on the CPU.

    Raises ``StudyError`` where the trial was not trained, or its weights are gone or damaged.
    """
    if record.status != "complete" or record.architecture is None:
        why = f": {record.reason}" if record.reason else ""
        raise StudyError(
            f"trial {record.number} has no trained network, it is {record.status}{why}"
        )
    plan = compile_plan(record.architecture, training=True)
    weights = store.weights(record, most_weight_bytes(plan))
    try:
        return stored_network(plan, weights).eval()
    except StoredWeightsError as error:
        raise StudyError(
            f"the weights of trial {record.number} are damaged or of another version ({error}); "
            "train it anew in another --study"
        ) from None


def budget_from(values: object) -> Budget:
    """The budget that ``Budget.to_dict`` wrote on a study; raises ``StudyError``."""
    stored = Stored(values, "budget")
    try:
        where = Deployment(
            resolution=Resolution.parse(stored.entry("resolution").word()),
            fps=stored.entry("fps").number(),
            cameras=stored.entry("cameras").count(),
            utilization=stored.entry("utilization").number(),
        )
        bounds = [bound.entry("given").word() for bound in stored.entry("bounds").items()]
        return Budget.parse(bounds, where)
    except StudyError:
        raise
    except ValueError as error:
        raise StudyError(f"the study's budget is damaged or of another version: {error}") from None
