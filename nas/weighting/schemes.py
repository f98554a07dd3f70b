"""Which class weighs the losses for which word of an architecture: a new scheme is a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nas.weighting.cagrad import CaGrad
from nas.weighting.dynamic_priority import DynamicPriority
from nas.weighting.famo import Famo
from nas.weighting.fixed import Fixed
from nas.weighting.geometric import Geometric
from nas.weighting.gradnorm import GradNorm
from nas.weighting.pcgrad import PcGrad
from nas.weighting.scheme import LossWeighting
from nas.weighting.summed import Summed
from nas.weighting.uncertainty import Uncertainty
from search_spaces.architecture import Architecture
from search_spaces.vocabulary import Weighting

SCHEMES: Mapping[Weighting, type[LossWeighting]] = MappingProxyType(
    {
        "geometric": Geometric,
        "sum": Summed,
        "fixed": Fixed,
        "uncertainty": Uncertainty,
        "gradnorm": GradNorm,
        "dynamic_priority": DynamicPriority,
        "famo": Famo,
        "pcgrad": PcGrad,
        "cagrad": CaGrad,
    }
)


def make_weighting(architecture: Architecture) -> LossWeighting:
    """The weighting that an architecture names, at the begin of a training."""
    return SCHEMES[architecture.weighting](architecture)
