"""What to reproduce of the paper: which tables, on which data, how thoroughly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nas.data.source import DataSource
from nas.fidelity import FIDELITIES, Fidelity
from nas.tasks.kinds import KINDS
from nas.tasks.task import Task
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.paper_presets import PAPER_ENCODER
from studies.errors import UsageError
from studies.paper_tables import TABLES

#: Stands in for the paper's ResNet-50 where networks train for seconds: on 2 cores SegNet takes
#: 11 s with it, and 19 s with ResNet-18 of the same width, which is no better after 1,200 samples
#: (segmentation mIoU 0.37 both).
_QUICK_ENCODER = EncoderSpec(depth="resnet10", width=32)
_MOST_SEEDS = 100


@dataclass(frozen=True, kw_only=True)
class ReproductionConfig:
    """What to reproduce: ``tables`` by number, on which data, over how many seeds.

    A seed is that of weights and of the order and augmentation of samples; the data stays.
    ``encoder`` None means the paper's, at quick fidelity a small one.
    """

    sources: tuple[DataSource, ...]
    tables: tuple[int, ...] = tuple(TABLES)
    seeds: int = 3
    fidelity: Fidelity = FIDELITIES["quick"]
    encoder: EncoderSpec | None = None
    device: str = "auto"
    out: Path = Path("neurall-reproduction.json")
    kinds: Mapping[str, type[Task]] = field(default_factory=lambda: KINDS)

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise UsageError(f"seeds is {self.seeds}, use 1 to {_MOST_SEEDS}")
        for number in self.tables:
            if number not in TABLES:
                raise UsageError(f"table is {number!r}, use {', '.join(map(str, TABLES))}")
        if not self.tables:
            raise UsageError("tables is empty, name at least one")

    @property
    def used_encoder(self) -> EncoderSpec:
        """The encoder of every network."""
        if self.encoder is not None:
            return self.encoder
        return _QUICK_ENCODER if self.fidelity.name == "quick" else PAPER_ENCODER
