"""What a network costs, quantity by quantity: names, and how their values are written."""

from __future__ import annotations

from typing import Literal, get_args

Quantity = Literal["macs", "latency_ms", "params", "activation_bytes"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def written(quantity: Quantity, value: float) -> str:
    """A value with its unit for people, three or four digits: ``37.5 GMAC``, ``11.2 ms``."""
    if quantity == "latency_ms":
        return f"{_digits(value)} ms"
    number, prefix = _scaled(value)
    if quantity == "macs":
        return f"{number} {prefix}MAC"
    if quantity == "params":
        return f"{number} {prefix}params" if prefix else f"{number} params"
    return f"{number} {prefix}B"


def _scaled(value: float) -> tuple[str, str]:
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return _digits(value / factor), prefix
    return _digits(value), ""


def _digits(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"
