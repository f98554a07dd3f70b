"""The weights that a study's candidates share: trained once, kept with the study."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from nas.cost import cost_of
from nas.data.batches import TrainingData
from nas.elastic.sandwich import Sandwich
from nas.elastic.training import ElasticTraining
from nas.elastic.weights import ElasticWeights
from nas.training import StepProgress, TrainingError
from nas.training_cost import step_macs
from search_spaces.architecture import Architecture
from search_spaces.presets import single_task
from search_spaces.spelling import one_line
from studies.candidate_training import training_error
from studies.errors import StudyError
from studies.problem import Problem
from studies.workbench import Workbench

#: Steps of the shared weights for each step of a candidate.
TRAINING_SHARE = 3.0
#: Networks that tell how dear the allowed ones are.
_DRAWN = 100
#: Room for links and augmented channels beside an encoder for each task.
_ROOM = 1.25
#: Apart from the seeds of candidates' data.
_SEED = 7919


def train_shared_weights(
    problem: Problem, bench: Workbench, progress: StepProgress | None = None
) -> ElasticWeights:
    """Train the weights of all networks of the space; raises ``TrainingError`` with the reason."""
    fidelity, config = problem.config.fidelity, problem.config
    data = TrainingData(
        bench.train,
        problem.tasks,
        streams=max(problem.space.streams),
        samples=round(TRAINING_SHARE * fidelity.samples),
        batch_size=fidelity.batch_size,
        seed=config.seed + _SEED,
    )
    weights = ElasticWeights(bench.statistics, seed=config.seed)
    training = ElasticTraining(weights, data, sandwich(problem), device=bench.device)
    try:
        training.run(progress)
    except (RuntimeError, MemoryError, OSError) as error:
        raise TrainingError(f"shared weights: {training_error(error, bench.device)}") from error
    return weights


def save_weights(weights: ElasticWeights, file: Path) -> None:
    """Write the weights into a file that ``load_weights`` reads."""
    save_file({key: tensor.contiguous() for key, tensor in weights.tensors.items()}, file)


def load_weights(content: bytes, bench: Workbench, seed: int) -> ElasticWeights:
    """Read what ``save_weights`` wrote; raises ``StudyError`` where that is something else."""
    weights = ElasticWeights(bench.statistics, seed=seed)
    try:
        weights.tensors = load(content)
    except (SafetensorError, KeyError) as error:  # KeyError: a type that torch does not have
        raise _damaged(str(error)) from None
    wrong = next((k for k, t in weights.tensors.items() if t.dtype != torch.float32), None)
    if wrong is not None:
        raise _damaged(f"{one_line(wrong)} is of {weights.tensors[wrong].dtype}")
    return weights


def _damaged(how: str) -> StudyError:
    return StudyError(
        f"the shared weights of the study are damaged ({how}): put their file back as it was "
        "or begin another study with --study NAME"
    )


def sandwich(problem: Problem) -> Sandwich:
    """The networks that learn together, none dearer than what is allowed.

    Large ones are no dearer than the reference, random ones than an encoder for each task: in a
    narrow space every branch, link and private channel makes a network dearer than the reference,
    and what never learns leaves all candidates with the same inherited value.
    """
    config, space = problem.config, problem.space
    resolution = config.budget.deployment.resolution

    def allowed(architecture: Architecture) -> bool:
        return config.budget.allows(cost_of(architecture, resolution))

    def effort(architecture: Architecture) -> float:
        return step_macs(architecture, config.fidelity)

    return Sandwich(
        space,
        problem.reference,
        effort=effort,
        large_limit=min(effort(problem.reference), _dearest(problem, allowed, effort)),
        limit=_ROOM * sum(effort(single_task(s, problem.reference)) for s in problem.specs),
        allowed=allowed,
        seed=config.seed,
    )


def _dearest(
    problem: Problem,
    allowed: Callable[[Architecture], bool],
    effort: Callable[[Architecture], float],
) -> float:
    """The most that an allowed network takes, of some that are drawn; 0 where none is."""
    rng = random.Random(problem.config.seed)
    drawn = [problem.space.sample(rng) for _ in range(_DRAWN)]
    return max((effort(a) for a in drawn if allowed(a)), default=0.0)
