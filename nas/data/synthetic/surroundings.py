"""How neighbourhoods differ: city, suburb, country."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """How a neighbourhood is built: ranges in metres, shares from 0 to 1."""

    setback: tuple[float, float]
    length: tuple[float, float]
    height: tuple[float, float]
    gap: tuple[float, float]
    gap_share: float
    pitched: float
    tree_gap: tuple[float, float]
    tree_share: float
    hedge_share: float
    lamp_gap: float


CITY = Surroundings(
    setback=(0.0, 1.0),
    length=(9.0, 24.0),
    height=(7.0, 22.0),
    gap=(2.0, 9.0),
    gap_share=0.2,
    pitched=0.1,
    tree_gap=(7.0, 16.0),
    tree_share=0.4,
    hedge_share=0.1,
    lamp_gap=20.0,
)
SUBURB = Surroundings(
    setback=(2.5, 8.0),
    length=(8.0, 14.0),
    height=(3.5, 7.0),
    gap=(3.0, 10.0),
    gap_share=0.9,
    pitched=0.8,
    tree_gap=(6.0, 14.0),
    tree_share=0.6,
    hedge_share=0.5,
    lamp_gap=26.0,
)
COUNTRY = Surroundings(
    setback=(6.0, 14.0),
    length=(9.0, 18.0),
    height=(3.5, 7.5),
    gap=(12.0, 40.0),
    gap_share=1.0,
    pitched=0.8,
    tree_gap=(5.0, 16.0),
    tree_share=0.75,
    hedge_share=0.35,
    lamp_gap=34.0,
)
