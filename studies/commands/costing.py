"""What networks cost, as JSON and as lines for people."""

from __future__ import annotations

import argparse

from nas.budget import Budget
from nas.cost import Cost, cost_of
from nas.deployment import Deployment
from search_spaces.architecture import Architecture


def budget_of(args: argparse.Namespace) -> Budget:
    """The budget of the options that a command has; raises ``BudgetError``."""
    given = vars(args)
    names = ("resolution", "fps", "cameras", "utilization")
    return Budget.parse(args.budget, Deployment(**{n: given[n] for n in names if n in given}))


def priced(architecture: Architecture, budget: Budget) -> dict[str, object]:
    """The entry of one network in the JSON of ``sample`` and ``cost``.

    ``by_task`` splits the totals: work of one task under its name, shared work under the names of
    all that need it, joined by ``+``.
    """
    cost = cost_of(architecture, budget.deployment.resolution)
    return {
        "architecture": architecture.to_dict(),
        "macs": cost.macs,
        "params": cost.params,
        "by_task": {
            readers: {"macs": macs, "params": cost.params_by_task[readers]}
            for readers, macs in cost.macs_by_task.items()
        },
        "within_budget": not complaint(architecture, budget, cost),
    }


def complaint(architecture: Architecture, budget: Budget, cost: Cost) -> str:
    """Which bounds are broken, empty if none is; latency is measured where the others hold."""
    if budget.needs_latency and budget.allows(cost):
        from studies.admission import admit  # loads torch

        return admit(architecture, budget, measure=True, device="cpu").reason
    return "; ".join(str(violation) for violation in budget.violations(cost))
