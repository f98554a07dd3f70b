"""One number a task that is trained beside the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

#: Adam moves a number by about its rate in each step, whatever the scale of the losses. FAMO and
#: GradNorm train theirs at 0.025; the network's own rate would not move them from where they begin
#: in the few hundred steps that a candidate gets, while this crosses a factor of e in 40.
RATE = 0.025
#: Adam's usual 0.999 remembers a thousand steps, more than a candidate has.
_BETAS = (0.9, 0.99)


class LearntScalars:
    """Numbers of tasks, moved by an Adam of their own in fp64 on the CPU.

    Those of tasks that a batch does not label keep value and moments. ``decay`` is a squared
    penalty; values stay between ``least`` and ``most``.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        start: float,
        least: float,
        most: float,
        decay: float = 0.0,
    ) -> None:
        self._values = {
            name: torch.nn.Parameter(torch.tensor(start, dtype=torch.float64)) for name in names
        }
        self._limits = (least, most)
        self._optimizer = torch.optim.Adam(
            list(self._values.values()), lr=RATE, betas=_BETAS, weight_decay=decay
        )

    def __getitem__(self, name: str) -> float:
        return self._values[name].item()

    def descend(self, gradients: Mapping[str, float]) -> None:
        """One step of Adam for the named ones."""
        for name, value in self._values.items():
            there = name in gradients
            value.grad = torch.tensor(gradients[name], dtype=value.dtype) if there else None
        self._optimizer.step()
        for name in gradients:
            self.assign(name, self[name])

    def assign(self, name: str, value: float) -> None:
        """Put a number in place, within the limits."""
        least, most = self._limits
        with torch.no_grad():
            self._values[name].fill_(min(max(value, least), most))
