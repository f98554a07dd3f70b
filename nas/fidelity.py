"""How thoroughly each candidate is trained: resolution and samples, the same for all of a study."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from nas.resolution import Resolution


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """A named training budget.

    ``samples`` is what one candidate sees in all, recovery after pruning included. ``train``,
    ``val`` and ``test`` are the frames that a data source which renders is asked for.
    """

    name: str
    resolution: Resolution
    samples: int
    batch_size: int
    train: int
    val: int
    test: int

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(
                f"fidelity {self.name}: batch_size is {self.batch_size}, use 2 or more: what is "
                "normalised over a whole frame needs another one beside it"
            )


FIDELITIES = MappingProxyType(
    {
        f.name: f
        for f in (
            Fidelity(
                name="quick",
                resolution=Resolution(128, 64),
                samples=1200,
                batch_size=8,
                train=1200,
                val=240,
                test=240,
            ),
            Fidelity(
                name="standard",
                resolution=Resolution(256, 128),
                samples=8000,
                batch_size=8,
                train=4000,
                val=400,
                test=400,
            ),
            Fidelity(
                name="full",
                resolution=Resolution(512, 256),
                samples=200_000,
                batch_size=16,
                train=20_000,
                val=1000,
                test=1000,
            ),
        )
    }
)
