"""Parameters as the paper counts them, which is not how ``nas.cost`` counts.

NeurAll (arXiv 1902.03589) and the papers whose networks it combines (arXiv 1901.02511, 1904.08492)
count as Keras does: every convolution has a bias, also where a normalisation follows, and a
normalised channel has four numbers, scale and shift and the running mean and variance. ResNet-50
without its classifier then has 23,587,712 parameters, and the two-frame segmentation network of
12 classes 23,715,272, which is what arXiv 1901.02511 prints in its table 2 (MSFCN-2, shared
weights).
"""

from __future__ import annotations

from nas.compile import compile_plan
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import MOTION_CLASSES
from search_spaces.task_spec import TaskSpec

#: Numbers of one normalised channel: scale, shift, running mean and running variance.
_NORM_NUMBERS = 4
#: Classes of the paper's segmentation: the 19 of Cityscapes and one for all else.
_SEGMENTATION_CLASSES = 20
#: The three tasks of the paper's experiment, with as many channels as it gives them.
PAPER_TASKS = (
    TaskSpec(name="segmentation", kind="segmentation", channels=_SEGMENTATION_CLASSES),
    TaskSpec(name="depth", kind="depth", channels=1, positive=True),
    TaskSpec(
        name="motion", kind="motion", channels=len(MOTION_CLASSES), classes=tuple(MOTION_CLASSES)
    ),
)


def paper_params(architecture: Architecture) -> int:
    """Parameters of the network at inference, counted as the paper counts them."""
    return sum(
        layer.weights + layer.out_channels * (1 + _NORM_NUMBERS * layer.norm)
        for node in compile_plan(architecture).nodes
        for layer in node.layers
    )
