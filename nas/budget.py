"""Budgets: what a network may cost per frame, and by how much one is over it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nas.cost import Cost
from nas.deployment import BudgetError, Deployment
from nas.quantity import Quantity, written
from search_spaces.spelling import one_line, unknown

#: Operations per second of each unit that is a rate.
RATES: Mapping[str, float] = MappingProxyType({"tops": 1e12, "gops": 1e9})
#: Quantity and size of each unit that is bounded per frame.
UNITS: Mapping[str, tuple[Quantity, float]] = MappingProxyType(
    {
        "gmacs": ("macs", 1e9),
        "mmacs": ("macs", 1e6),
        "ms": ("latency_ms", 1.0),
        "mparams": ("params", 1e6),
        "mb": ("activation_bytes", 1e6),
    }
)
#: What lies outside is a slip of the pen: no network is so small, no machine so large.
_SENSIBLE: Mapping[Quantity, tuple[float, float]] = MappingProxyType(
    {
        "macs": (1e3, 1e16),
        "latency_ms": (1e-3, 1e7),
        "params": (1e1, 1e13),
        "activation_bytes": (1e3, 1e14),
    }
)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)"
#: Characters of an amount; what is longer is cut, and then no amount.
_LONGEST = 60
_FORM = "write a number and a unit as in 30tops, 20gmacs, 15ms, 10mparams or 50mb"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """``quantity`` is at most ``limit`` (MACs, ms, parameters or bytes), inclusive.

    ``given`` is the amount as it was asked for, such as ``30 tops``.
    """

    quantity: Quantity
    limit: float
    given: str


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A bound that a network breaks; ``excess`` is the share that it lies above the limit."""

    bound: Bound
    value: float
    excess: float

    def __str__(self) -> str:
        quantity, limit = self.bound.quantity, self.bound.limit
        over = f"{self.excess:.0%}" if self.excess >= 0.01 else f"{self.excess:.2g}"
        return f"{written(quantity, self.value)} is {over} over {written(quantity, limit)}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """All bounds of a run at one deployment; each of them holds. None at all allow everything."""

    deployment: Deployment = field(default_factory=Deployment)
    bounds: tuple[Bound, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str], deployment: Deployment | None = None) -> Budget:
        """The budget of ``--budget`` values; one that is given twice counts once."""
        where = deployment or Deployment()
        bounds = dict.fromkeys(parse_bound(text, where) for text in texts)
        return cls(deployment=where, bounds=tuple(bounds))

    @property
    def macs_per_frame(self) -> int | None:
        """The tightest bound on MACs per frame, None where there is none."""
        limits = [math.floor(b.limit) for b in self.bounds if b.quantity == "macs"]
        return min(limits, default=None)

    @property
    def needs_latency(self) -> bool:
        """Whether a bound can only be checked by measuring."""
        return any(bound.quantity == "latency_ms" for bound in self.bounds)

    def excesses(self, cost: Cost, latency_ms: float | None = None) -> tuple[float, ...]:
        """For each bound how far the network is over it, as a share; not positive is within.

        A latency that was not measured counts as just within, so that what needs no
        measurement can be checked first.
        """
        return tuple(_excess(bound, _value(bound, cost, latency_ms)) for bound in self.bounds)

    def violations(self, cost: Cost, latency_ms: float | None = None) -> tuple[Violation, ...]:
        """The bounds that the network breaks, in the order given."""
        found = []
        excesses = self.excesses(cost, latency_ms)
        for bound, excess in zip(self.bounds, excesses, strict=True):
            value = _value(bound, cost, latency_ms)
            if value is not None and excess > 0:
                found.append(Violation(bound=bound, value=value, excess=excess))
        return tuple(found)

    def allows(self, cost: Cost, latency_ms: float | None = None) -> bool:
        """Whether no bound is broken; see ``excesses`` for a latency that was not measured."""
        return not self.violations(cost, latency_ms)

    def share(self, cost: Cost, latency_ms: float | None = None) -> float | None:
        """Share of the budget that the network takes, of its tightest bound; None without one."""
        shares = [
            value / bound.limit
            for bound in self.bounds
            if (value := _value(bound, cost, latency_ms)) is not None
        ]
        return max(shares, default=None)

    def explain(self) -> str:
        """One line with the sum that leads to every bound."""
        if not self.bounds:
            return f"no budget: any cost is allowed, counted at {self.deployment.resolution}"
        return "; ".join(_explained(bound, self.deployment) for bound in self.bounds)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        where = self.deployment
        return {
            "resolution": str(where.resolution),
            "fps": where.fps,
            "cameras": where.cameras,
            "utilization": where.utilization,
            "bounds": [
                {"quantity": b.quantity, "limit": b.limit, "given": b.given} for b in self.bounds
            ],
            "macs_per_frame": self.macs_per_frame,
        }


def parse_bound(text: str, deployment: Deployment) -> Bound:
    """Read ``30tops``, ``20 GMACs``, ``15ms``, …; raises ``BudgetError`` with the repair."""
    text = one_line(text, _LONGEST)
    number, unit = _split(text)
    _check_number(text, number)
    if unit in RATES:
        quantity: Quantity = "macs"
        limit = deployment.macs_per_frame(number * RATES[unit])
    else:
        quantity, size = UNITS[unit]
        limit = number * size
    _check_sensible(text, quantity, limit)
    return Bound(quantity=quantity, limit=limit, given=f"{number:.12g} {unit}")


def _split(text: str) -> tuple[float, str]:
    word = text.strip().lower()
    match = re.fullmatch(rf"({_NUMBER})\s*([a-zµ/]*)", word)
    if not match:
        hint = "; use a point for decimals" if re.match(r"\d+,\d", word) else ""
        raise BudgetError(f"budget {text!r} is no amount: {_FORM}{hint}")
    number, unit = match.groups()
    allowed = [*RATES, *UNITS]
    if not unit:
        raise BudgetError(
            f"budget {text!r} has no unit: write {number}tops, or one of {', '.join(allowed)}"
        )
    if unit not in allowed:
        raise BudgetError(f"budget {text!r}: {unknown('unit', unit, allowed)}")
    return float(number), unit


def _check_number(text: str, number: float) -> None:
    if not math.isfinite(number):
        raise BudgetError(f"budget {text!r} is not a finite number: leave it out for no budget")
    if number <= 0:
        raise BudgetError(f"budget {text!r} allows nothing: give more than 0")


def _check_sensible(text: str, quantity: Quantity, limit: float) -> None:
    low, high = _SENSIBLE[quantity]
    if not low <= limit <= high:
        raise BudgetError(
            f"budget {text!r} is {written(quantity, limit)} per frame, "
            f"give {written(quantity, low)} to {written(quantity, high)}: is the unit right?"
        )


def _value(bound: Bound, cost: Cost, latency_ms: float | None) -> float | None:
    if bound.quantity == "latency_ms":
        return latency_ms
    return float(getattr(cost, bound.quantity))


def _excess(bound: Bound, value: float | None) -> float:
    return 0.0 if value is None else value / bound.limit - 1


def _explained(bound: Bound, where: Deployment) -> str:
    limit = written(bound.quantity, bound.limit)
    unit = bound.given.split()[-1]
    if unit in RATES:
        return (
            f"{bound.given} × {where.utilization:g} utilization ÷ (2 × {where.fps:g} fps × "
            f"{where.cameras} camera{'s' * (where.cameras != 1)}) = {limit} per frame "
            f"at {where.resolution}"
        )
    if bound.quantity == "latency_ms":
        return f"at most {limit} per frame at {where.resolution}, measured on this machine"
    if bound.quantity == "params":
        return f"at most {limit}"
    if bound.quantity == "macs":
        return f"at most {limit} per frame at {where.resolution}"
    return f"at most {limit} of activations at {where.resolution} (fp32, batch 1)"
