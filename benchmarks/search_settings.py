"""What is searched, how long, and by which kinds of search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nas.fidelity import FIDELITIES, Fidelity
from nas.resolution import Resolution


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A problem on the embedded data, and the compute that every arm may spend on it.

    ``trials`` is that compute, in trainings from scratch of a mean network within the budget.
    ``worst`` and ``best`` are the Δm in percent between which hypervolume is measured; ``tasks``
    empty means the usual three.
    """

    name: str
    fidelity: Fidelity
    budget: str
    trials: int
    finalist_seeds: int
    worst: float
    best: float
    tasks: tuple[str, ...] = ()
    fix: Mapping[str, str]


SETTINGS = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                name="small",
                fidelity=Fidelity(
                    name="search-small",
                    resolution=Resolution(64, 32),
                    samples=480,
                    batch_size=8,
                    train=480,
                    val=120,
                    test=240,
                ),
                budget="3gmacs",
                trials=24,
                finalist_seeds=2,
                worst=-50.0,
                best=0.0,
                tasks=("depth", "segmentation"),
                fix={"encoder": "resnet10,resnet18", "width": "8,16,24", "decoder_width": "16,32"},
            ),
            Setting(
                name="medium",
                fidelity=FIDELITIES["quick"],
                budget="20gmacs",
                trials=64,
                finalist_seeds=2,
                worst=-50.0,
                best=10.0,
                fix={"encoder": "resnet10,resnet18", "width": "16,24,32"},
            ),
            Setting(
                name="default",
                fidelity=FIDELITIES["quick"],
                budget="30tops",
                trials=96,
                finalist_seeds=2,
                worst=-50.0,
                best=10.0,
                fix={},
            ),
        )
    }
)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A kind of search."""

    sampler: str
    share_weights: bool
    early_stopping: bool


ARMS = MappingProxyType(
    {
        "random": Arm(sampler="random", share_weights=False, early_stopping=False),
        "tpe": Arm(sampler="tpe", share_weights=False, early_stopping=False),
        "front": Arm(sampler="front", share_weights=True, early_stopping=True),
        "front-scratch": Arm(sampler="front", share_weights=False, early_stopping=False),
        "front-halving": Arm(sampler="front", share_weights=False, early_stopping=True),
        "front-shared": Arm(sampler="front", share_weights=True, early_stopping=False),
    }
)
#: The product as it comes, and what it is compared with.
THIS, OTHERS = "front", ("tpe", "random")
