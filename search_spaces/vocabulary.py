"""The closed lists of words that an architecture chooses from."""

from __future__ import annotations

from typing import Literal

LinkOperation = Literal["add", "concat", "gate"]
PrunedPart = Literal["shared", "branch", "decoder"]
Fusion = Literal["concat", "recurrent"]
Weighting = Literal[
    "geometric",
    "sum",
    "fixed",
    "uncertainty",
    "gradnorm",
    "dynamic_priority",
    "famo",
    "pcgrad",
    "cagrad",
]
DecoderKind = Literal["fpn", "fcn8"]
EncoderFamily = Literal["resnet", "efficientnet_lite"]
