"""Everything a candidate needs to be trained and judged, made ready once per run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from nas.compile import compile_plan
from nas.data.batches import TrainingData
from nas.data.cache import CachedFrames, prepare
from nas.data.source import Split
from nas.evaluation import Metrics, constant_metrics, evaluate, label_statistics
from nas.fidelity import Fidelity
from nas.memory import check_memory
from nas.network import Network
from nas.pretrained import PretrainedEncoder
from nas.tasks.task import LabelStatistics, Task
from nas.training import Recipe, StepProgress, Training
from pruning.recovery import dense_network
from search_spaces.architecture import Architecture
from studies.candidate_training import CandidateTraining, Trained, training_error
from studies.errors import StudyError, UsageError
from studies.problem import Problem

#: For networks whose encoder begins with published weights. EfficientNet-Lite0 on CamVid at
#: quick fidelity reached 0.42, 0.44, 0.43 and 0.42 mIoU at shares of 1, 0.3, 0.1 and 0.03, and 0.25
#: from scratch (``benchmarks/pretrained.py``, one seed: all shares lie within what seeds differ).
PRETRAINED_RECIPE = Recipe(encoder_share=0.1)
#: For networks that have learnt already.
INHERITED_RECIPE = Recipe(learning_rate=3e-3)
#: Called with the source's name, the split, frames done and frames in all.
DataProgress = Callable[[str, str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """Decoded data, label statistics and settings that all candidates of a study share.

    ``constants`` are the validation metrics of the best constant prediction of each task.
    """

    tasks: Mapping[str, Task]
    train: tuple[CachedFrames, ...]
    val: tuple[CachedFrames, ...]
    data: TrainingData
    statistics: Mapping[str, LabelStatistics]
    constants: Metrics
    fidelity: Fidelity
    seed: int
    device: torch.device
    pretrained: tuple[PretrainedEncoder, ...] = ()

    def check_memory(self, architecture: Architecture) -> None:
        """Raise ``TrainingMemoryError`` where the training would not fit the device."""
        plan = compile_plan(architecture.dense, training=True)
        check_memory(plan, self.fidelity.resolution, self.fidelity.batch_size, self.device)

    def train_candidate(
        self,
        architecture: Architecture,
        progress: StepProgress | None = None,
        *,
        network: Network | None = None,
    ) -> Trained:
        """Train, prune and judge one architecture; raises ``TrainingError`` with the reason.

        ``network`` is one of the architecture that has learnt already; by default the training
        begins without anything learned but what ``pretrained`` gives.
        """
        start = time.monotonic()
        trained = self.begin(architecture, network=network).judged_at(1.0, progress)
        return replace(trained, seconds=time.monotonic() - start)

    def begin(
        self,
        architecture: Architecture,
        *,
        network: Network | None = None,
        seed: int | None = None,
    ) -> CandidateTraining:
        """The same training, before its first step; raises ``TrainingError`` with the reason.

        ``seed`` is that of the weights that it begins with, by default the bench's own. Samples
        come in the bench's order whatever it is, so that networks learn from the same.
        """
        data = self.data.for_tasks(architecture.task_names, streams=architecture.streams)
        recipe = INHERITED_RECIPE if network is not None else Recipe()
        begun = next((p for p in self.pretrained if p.encoder == architecture.encoder), None)
        try:
            beginning = network or dense_network(architecture, self.seed if seed is None else seed)
            if network is None and begun is not None:
                begun.load(beginning)
                recipe = PRETRAINED_RECIPE
            training = Training(
                beginning,
                data,
                self._statistics(data),
                recipe=recipe,
                device=self.device,
                learnt=network is not None,
            )
        except (RuntimeError, MemoryError, OSError) as error:
            raise training_error(error, self.device) from error
        return CandidateTraining(training, architecture, self.measure)

    def judge(self, network: Network) -> Trained:
        """A network as it is, with its validation metrics."""
        start = time.monotonic()
        metrics = self.measure(network)
        return Trained(network=network, metrics=metrics, seconds=time.monotonic() - start)

    def measure(self, network: Network) -> Metrics:
        """The validation metrics of a network, which is put into evaluation mode."""
        network = network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        return evaluate(network, self.val, self.tasks)

    def _statistics(self, data: TrainingData) -> dict[str, LabelStatistics]:
        return {name: self.statistics[name] for name in data.tasks}


def open_workbench(problem: Problem, progress: DataProgress | None = None) -> Workbench:
    """Decode or find the data and measure its labels; raises ``DataError``."""
    config, fidelity = problem.config, problem.config.fidelity

    def sets(split: Split) -> tuple[CachedFrames, ...]:
        return tuple(
            prepare(
                source,
                split,
                fidelity.resolution,
                tasks=problem.tasks,
                progress=_reporting(progress, source.name, split),
            )
            for source in problem.sources
        )

    train, val = sets("train"), sets("val")
    _check_labelled(train, val, problem.tasks)
    _check_sources(train)
    statistics = label_statistics(train, problem.tasks)
    data = TrainingData(
        train,
        problem.tasks,
        streams=problem.reference.streams,
        samples=fidelity.samples,
        batch_size=fidelity.batch_size,
        seed=config.seed,
    )
    _check_taught(data, fidelity.samples)
    return Workbench(
        tasks=problem.tasks,
        train=train,
        val=val,
        data=data,
        statistics=statistics,
        constants=constant_metrics(statistics, val, problem.tasks),
        fidelity=fidelity,
        seed=config.seed,
        device=device_named(config.device),
        pretrained=config.pretrained,
    )


def device_named(name: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda``; raises ``UsageError`` where it is not there."""
    available = torch.cuda.is_available()
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device is {name!r}, use auto, cpu or cuda")
    if name == "cuda" and not available:
        raise UsageError("device is 'cuda', but torch sees no CUDA device here; use cpu or auto")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and available) else "cpu")


def _check_labelled(
    train: Sequence[CachedFrames], val: Sequence[CachedFrames], tasks: Mapping[str, Task]
) -> None:
    for split, sets in (("train", train), ("val", val)):
        for name in tasks:
            if not any(cached.labelled[name].any() for cached in sets if name in cached.labelled):
                raise StudyError(
                    f"task {name}: no frame of the split {split} has a label of it; "
                    "add labels or leave the task out with --tasks"
                )


def _check_sources(train: Sequence[CachedFrames]) -> None:
    """Sources take turns, so each must have something to teach."""
    for cached in train:
        if not any(labelled.any() for labelled in cached.labelled.values()):
            raise StudyError(
                f"{cached.source_name}: no training frame has a label of the chosen tasks "
                f"({', '.join(cached.labelled)}); leave this --data out or name other --tasks"
            )


def _check_taught(data: TrainingData, samples: int) -> None:
    for name in data.tasks:
        if not len(data.for_tasks([name], streams=data.streams)):
            raise StudyError(
                f"task {name}: so few training frames have a label of it that none is among the "
                f"{samples} samples of a candidate; label more, leave the task out with --tasks, "
                "or take a larger --fidelity"
            )


def _reporting(
    progress: DataProgress | None, source: str, split: str
) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(source, split, done, total)
