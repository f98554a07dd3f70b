"""What is searched, how long, and by which kinds of search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nas.fidelity import FIDELITIES, Fidelity
from nas.resolution import Resolution
from studies.config import SharedWeights


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


def _fidelity(name: str, samples: int) -> Fidelity:
    """Small frames, of which a network learns in seconds what tells it from others."""
    return Fidelity(
        name=name,
        resolution=Resolution(64, 32),
        samples=samples,
        batch_size=8,
        train=samples,
        val=120,
        test=240,
    )


_NARROW = {"encoder": "resnet10,resnet18", "width": "8,16,24", "decoder_width": "16,32"}
#: ``small`` shows that all of this works: a tenth of its compute is two trainings, which means
#: nothing. ``medium`` is long enough for that, on frames that small, and ``default`` is the search
#: as it comes, for a machine with an accelerator or some days.
SETTINGS = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                name="small",
                fidelity=_fidelity("search-small", 480),
                budget="3gmacs",
                trials=24,
                finalist_seeds=2,
                worst=-50.0,
                best=0.0,
                tasks=("depth", "segmentation"),
                fix=_NARROW,
            ),
            Setting(
                name="medium",
                fidelity=_fidelity("search-medium", 960),
                budget="3gmacs",
                trials=192,
                finalist_seeds=2,
                worst=-30.0,
                best=5.0,
                tasks=("depth", "segmentation"),
                fix=_NARROW,
            ),
            Setting(
                name="default",
                fidelity=FIDELITIES["quick"],
                budget="30tops",
                trials=192,
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
    shared_weights: SharedWeights
    early_stopping: bool


ARMS = MappingProxyType(
    {
        "random": Arm(sampler="random", shared_weights="off", early_stopping=False),
        "tpe": Arm(sampler="tpe", shared_weights="off", early_stopping=False),
        "front": Arm(sampler="front", shared_weights="off", early_stopping=True),
        "front-scratch": Arm(sampler="front", shared_weights="off", early_stopping=False),
        "front-judge": Arm(sampler="front", shared_weights="judge", early_stopping=True),
        "front-inherit": Arm(sampler="front", shared_weights="inherit", early_stopping=True),
    }
)
#: The product as it comes, and what it is compared with.
THIS, OTHERS = "front", ("tpe", "random")
