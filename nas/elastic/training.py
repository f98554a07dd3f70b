"""Training the weights that architectures share: at every step some other networks of the space.

Guo et al., 'Single path one-shot neural architecture search', arXiv 1904.00420; Yu et al.,
'BigNAS', arXiv 2003.11142.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nas.data.batches import Batch, TrainingData
from nas.elastic.optimizer import ElasticAdamW
from nas.elastic.weights import ElasticWeights
from nas.precision import training_precision
from nas.training import Recipe, StepProgress, TrainingError
from search_spaces.architecture import Architecture

#: Networks in a row without finite losses before training gives up.
_MOST_SKIPPED = 20
_LARGEST_NORM = 5.0


class ElasticTraining:
    """Trains shared weights for as many steps as ``data`` has.

    ``draw`` gives the networks of a step, which learn from its batch one after another.
    ``history`` holds each step's mean loss over networks, by task.
    """

    def __init__(
        self,
        weights: ElasticWeights,
        data: TrainingData,
        draw: Callable[[int], Sequence[Architecture]],
        *,
        recipe: Recipe | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.weights = weights
        self.data = data
        self.draw = draw
        self.recipe = recipe or Recipe()
        self.device = device or torch.device("cpu")
        self.precision = training_precision(self.device)
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._optimizer = ElasticAdamW(weights, weight_decay=self.recipe.weight_decay)
        self._skipped = 0

    def run(self, progress: StepProgress | None = None) -> None:
        """Train to the end; raises ``TrainingError`` where losses stay without bounds."""
        steps = len(self.data)
        for step in range(self.step, steps):
            batch = self.data.batch(step).to(self.device)
            rate = self.recipe.rate(step, steps)
            losses = [self._learn(batch, a, rate) for a in self.draw(step)]
            self.history.append({n: sum(v[n] for v in losses) / len(losses) for n in losses[0]})
            self.step = step + 1
            if progress is not None:
                progress(self.step, steps)

    def _learn(self, batch: Batch, architecture: Architecture, rate: float) -> dict[str, float]:
        network = self.weights.network(architecture).to(self.device)
        self.precision.prepare(network)
        with self.precision.autocast(self.device):
            outputs = network.train()(batch.frames[:, : network.streams], tasks=batch.labels)
        losses = {
            name: self.data.tasks[name].loss(outputs[name], label, self.weights.statistics[name])
            for name, label in batch.labels.items()
        }
        values = {name: loss.item() for name, loss in losses.items()}
        if not self._is_finite(values):
            return values
        total: Tensor = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_NORM)
        self._optimizer.step(network, rate)
        return values

    def _is_finite(self, losses: dict[str, float]) -> bool:
        finite = all(math.isfinite(value) for value in losses.values())
        self._skipped = 0 if finite else self._skipped + 1
        if self._skipped >= _MOST_SKIPPED:
            raise TrainingError(f"the shared weights diverged at step {self.step}: {losses}")
        return finite
