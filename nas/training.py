"""Training one network for a fixed number of samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.asynchronous import OwnGradients
from nas.data.batches import Batch, TrainingData
from nas.head import Head
from nas.key_performance import key_performance
from nas.network import Network
from nas.precision import Precision, training_precision
from nas.tasks.task import LabelStatistics
from nas.weighting import make_weighting
from nas.weighting_step import ParameterReaders, unchanged_statistics

#: Called with the steps done and the steps in all.
StepProgress = Callable[[int, int], None]


#: Steps after which a new optimizer runs at the full rate.
_FIRST_STEPS = 10


class TrainingError(RuntimeError):
    """A candidate that could not be trained; fails that candidate, never the study."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """AdamW (arXiv 1711.05101) on a one-cycle schedule (Smith, arXiv 1803.09820).

    ``encoder_share`` is the encoder's share of the learning rate, below 1 where its weights are
    worth keeping.
    """

    learning_rate: float = 6e-3
    weight_decay: float = 1e-2
    warmup: float = 0.2
    encoder_share: float = 1.0

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step: linear up from a tenth, then a cosine down to a hundredth."""
        rise = max(1, round(self.warmup * steps))
        if step < rise:
            return self.learning_rate * (0.1 + 0.9 * step / rise)
        fall = (step - rise) / max(1, steps - rise)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


class Training:
    """The state of one training: network, optimizer, and how many steps are done.

    ``statistics`` are of the labels of every task; the output layers begin at the bias that
    predicts the labels' distribution, unless the network's weights were ``learnt`` before.
    ``history`` holds each step's losses by task.

    Batches may label some of the tasks: what only the others need is not run and stays as it is,
    and a task's own parameters are updated once a batch of its samples was seen (``OwnGradients``).
    """

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        statistics: Mapping[str, LabelStatistics],
        *,
        recipe: Recipe | None = None,
        device: torch.device | None = None,
        precision: Precision | None = None,
        learnt: bool = False,
    ) -> None:
        self.data = data
        self.statistics = statistics
        self.recipe = recipe or Recipe()
        self.device = device or torch.device("cpu")
        self.precision = precision or training_precision(self.device)
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.weighting = make_weighting(network.plan.architecture)
        if not learnt:
            begin_at_prior(network, statistics)
        self.replace_network(network)

    def replace_network(self, network: Network) -> None:
        """Go on with another network, as after pruning; the schedule goes on, moments do not.

        The rate rises anew over a few steps: Adam's first steps without moments are all of the
        full rate, and at the height of the schedule they would undo what was learnt.
        """
        self._moments_since = self.step
        self.network = network.to(self.device).train()
        self.precision.prepare(self.network)
        own = own_parameters(self.network)
        self._own_gradients = OwnGradients(own, self.data.batch_size)
        self._readers = ParameterReaders(self.network)
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(network, self.recipe), lr=0.0, fused=True
        )

    def run(self, until: int | None = None, progress: StepProgress | None = None) -> None:
        """Train to a step, by default to the end; raises ``TrainingError`` on divergence."""
        steps = len(self.data)
        for step in range(self.step, steps if until is None else until):
            rising = min(1.0, (step - self._moments_since + 1) / _FIRST_STEPS)
            self._set_rate(self.recipe.rate(step, steps) * rising)
            self._learn(self.data.batch(step).to(self.device))
            self.step = step + 1
            if progress is not None:
                progress(self.step, steps)

    def _learn(self, batch: Batch) -> None:
        outputs = self._outputs(batch)
        losses = self._losses_of(outputs, batch)
        values = {name: loss.item() for name, loss in losses.items()}
        self._refuse_divergence(values)
        self.optimizer.zero_grad(set_to_none=True)
        self.weighting.backward(
            self._readers.step(losses, lambda: self._performance(outputs, batch))
        )
        self._own_gradients.settle(batch.samples)
        self.optimizer.step()
        if self.weighting.needs_second_pass:
            self.weighting.after_step(lambda: self._losses_again(batch))
        self.history.append(values)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of every task that the batch labels."""
        return self._losses_of(self._outputs(batch), batch)

    def _outputs(self, batch: Batch) -> dict[str, Tensor]:
        with self.precision.autocast(self.device):
            outputs: dict[str, Tensor] = self.network(batch.frames, tasks=batch.labels)
        return outputs

    @torch.no_grad()
    def _losses_again(self, batch: Batch) -> dict[str, Tensor]:
        with unchanged_statistics(self.network):
            return self.losses(batch)

    def _performance(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, float]:
        return {
            name: key_performance(
                self.data.tasks[name], outputs[name], label, self.statistics[name]
            )
            for name, label in batch.labels.items()
        }

    def _losses_of(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {
            name: self.data.tasks[name].loss(outputs[name], label, self.statistics[name])
            for name, label in batch.labels.items()
        }

    def _refuse_divergence(self, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            if not math.isfinite(value):
                raise TrainingError(f"diverged: the loss of {name} is {value} at step {self.step}")

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]


def own_parameters(network: Network) -> dict[str, list[nn.Parameter]]:
    """By task, the parameters that it alone needs; those of several tasks are in none."""
    own: dict[str, list[nn.Parameter]] = {task: [] for task in network.plan.outputs}
    for node in network.plan.nodes:
        if len(node.readers) == 1:
            own[node.readers[0]] += network.parameters_of(node)
    return own


def begin_at_prior(network: Network, statistics: Mapping[str, LabelStatistics]) -> None:
    """Set each output layer's bias so that it predicts the distribution of the labels."""
    for node in network.plan.nodes:
        if node.kind == "head" and node.owners[0] in statistics:
            head = network.get_submodule(node.name)
            assert isinstance(head, Head)
            assert head.score.bias is not None
            with torch.no_grad():
                head.score.bias.copy_(statistics[node.owners[0]].initial_bias)


def _parameter_groups(network: Network, recipe: Recipe) -> list[dict[str, object]]:
    """Kernels decay; biases and normalisation do not. The encoder has its share of the rate."""
    encoder = {id(parameter) for parameter in network.encoder.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        share = recipe.encoder_share if id(parameter) in encoder else 1.0
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((share, decay), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "share": share}
        for (share, decay), parameters in groups.items()
    ]
