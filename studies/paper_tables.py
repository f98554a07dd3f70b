"""Tables I, II and III of the paper as data: which networks stand in them, and what it prints.

NeurAll (Sistu et al., arXiv 1902.03589). Only numbers that could be read in a source stand here,
each with it; a number that could not is absent and shown as such, never guessed:

- parameter counts of the one-, two- and three-task networks: the paper itself;
- mean IoU with two frames: Sistu et al., 'Multi-stream CNN based Video Semantic Segmentation for
  Automated Driving', arXiv 1901.02511, tables 2 (KITTI) and 3 (SYNTHIA), whose networks with shared
  weights the paper takes up: FCN is SegNet, MSFCN-2 MSNet2, RFCN-2 RNNet2;
- what auxiliary depth brings: Chennupati et al., 'AuxNet', arXiv 1901.05808, abstract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.loss_weights import LossWeight
from search_spaces.paper_presets import PAPER_ENCODER, of_kinds
from search_spaces.presets import preset
from search_spaces.task_spec import TaskSpec
from search_spaces.vocabulary import Weighting

#: Kinds of the tasks in the paper's experiments, in its order.
TASK_KINDS = ("segmentation", "depth", "motion")


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One network of a table.

    ``family`` is its preset, or ``one-task`` or ``two-task``, whose presets are named by tasks.
    ``kinds`` are the kinds of the tasks it is judged by. ``weighting`` None keeps the preset's;
    ``main_weight`` is the fixed weight of the loss of the first of them, all others count once.
    ``params_m`` is what the paper prints, in millions; ``printed`` holds the numbers of a source
    by the table's ``printed_columns``.
    """

    name: str
    family: str
    kinds: tuple[str, ...] = ("segmentation",)
    weighting: Weighting | None = None
    main_weight: float | None = None
    params_m: float | None = None
    printed: Mapping[str, float] = field(default_factory=dict)

    def architecture(
        self, tasks: Sequence[TaskSpec], encoder: EncoderSpec = PAPER_ENCODER
    ) -> Architecture:
        """The row's network for the tasks at hand; raises ``ArchitectureError`` naming a lack."""
        chosen = of_kinds(self.name, tasks, *self.kinds)
        name = self.family
        if name in ("one-task", "two-task"):
            name = "-".join((name, *(task.name for task in chosen)))
        network = preset(name, tasks, encoder)
        if self.main_weight is not None:
            weights = (LossWeight(task=chosen[0].name, weight=self.main_weight),)
            return replace(network, weighting="fixed", loss_weights=weights)
        return replace(network, weighting=self.weighting) if self.weighting else network


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a table is there to show: the row ``better`` beats ``than`` in tasks of a kind."""

    better: str
    than: str
    kind: str = "segmentation"


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of the paper; ``remark`` says where printed numbers stand, and what is not there."""

    number: int
    title: str
    rows: tuple[PaperRow, ...]
    comparisons: tuple[Comparison, ...]
    printed_columns: tuple[str, ...] = ()
    remark: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the tasks that some row is judged by, in the paper's order."""
        return tuple(kind for kind in TASK_KINDS if any(kind in row.kinds for row in self.rows))


_KITTI, _SYNTHIA = "KITTI mIoU %", "SYNTHIA mIoU %"
_SEGNET = PaperRow(
    name="SegNet", family="segnet", params_m=23.77, printed={_KITTI: 74.00, _SYNTHIA: 84.08}
)

TABLE_1 = PaperTable(
    number=1,
    title="Table I: segmentation of one frame and of two",
    rows=(
        _SEGNET,
        PaperRow(name="MSNet2", family="msnet2", printed={_KITTI: 85.31, _SYNTHIA: 88.88}),
        PaperRow(name="RNNet2", family="rnnet2", printed={_KITTI: 84.19, _SYNTHIA: 88.16}),
    ),
    comparisons=(
        Comparison(better="MSNet2", than="SegNet"),
        Comparison(better="RNNet2", than="SegNet"),
    ),
    printed_columns=(_KITTI, _SYNTHIA),
    remark="printed: FCN, MSFCN-2 and RFCN-2 with shared weights in tables 2 and 3 of "
    "arXiv 1901.02511, the experiment that the paper takes up; they have 23.67, 23.72 and 31.85 M "
    "parameters there, for fewer classes and with an LSTM",
)

TABLE_2 = PaperTable(
    number=2,
    title="Table II: segmentation with depth as an auxiliary task",
    rows=(
        replace(_SEGNET, printed={}),
        PaperRow(name="AuxNet 400", family="auxnet", main_weight=400),
        PaperRow(name="AuxNet 1000", family="auxnet", main_weight=1000),
        PaperRow(name="AuxNet uncertainty", family="auxnet", weighting="uncertainty"),
        PaperRow(name="AuxNet product", family="auxnet", weighting="geometric"),
    ),
    comparisons=tuple(
        Comparison(better=f"AuxNet {how}", than="SegNet")
        for how in ("400", "1000", "uncertainty", "product")
    ),
    remark="printed row by row: not available here; the abstract of AuxNet (arXiv 1901.05808) "
    "tells of an improvement of 5 % on KITTI and 3 % on SYNTHIA",
)


def _table_3_rows() -> Iterator[PaperRow]:
    for kind, params_m in zip(TASK_KINDS, (23.77, 23.59, 23.60), strict=True):
        yield PaperRow(name=f"1-task {kind}", family="one-task", kinds=(kind,), params_m=params_m)
    for how, weighting in _WEIGHTINGS.items():
        for other in ("depth", "motion"):
            yield PaperRow(
                name=f"2-task seg. + {other}, {how}",
                family="two-task",
                kinds=("segmentation", other),
                weighting=weighting,
                params_m=23.86,
            )
    for how, weighting in (*_WEIGHTINGS.items(), ("uncertainty", "uncertainty")):
        yield PaperRow(
            name=f"3-task, {how}",
            family="two-stream-three-task",
            kinds=TASK_KINDS,
            weighting=weighting,
            params_m=23.87,
        )


_WEIGHTINGS: Mapping[str, Weighting] = {"sum": "sum", "product": "geometric"}

TABLE_3 = PaperTable(
    number=3,
    title="Table III: one, two and three tasks on one encoder",
    rows=tuple(_table_3_rows()),
    comparisons=tuple(
        Comparison(better="3-task, product", than=than, kind=kind)
        for kind in TASK_KINDS
        for than in (f"1-task {kind}", "3-task, sum")
    ),
    remark="printed: parameters; the metrics that the paper prints are not available here",
)

TABLES: Mapping[int, PaperTable] = MappingProxyType(
    {table.number: table for table in (TABLE_1, TABLE_2, TABLE_3)}
)
