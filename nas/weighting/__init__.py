"""How the losses of several tasks become one gradient: one file a scheme."""

from nas.weighting.scheme import LossWeighting, WeightingStep
from nas.weighting.schemes import SCHEMES, make_weighting

__all__ = ["SCHEMES", "LossWeighting", "WeightingStep", "make_weighting"]
