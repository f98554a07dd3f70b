"""Which fidelity a run has where none is named."""

from __future__ import annotations

from nas import fidelity
from nas.fidelity import Fidelity


def chosen_fidelity(name: str | None, device: str, gpus_per_trial: float = 0.0) -> Fidelity:
    """The named fidelity; else ``standard`` on an accelerator and ``quick`` without one.

    With ``gpus_per_trial`` it is accelerators of other machines that train.
    """
    if name is None and gpus_per_trial:
        name = "standard"
    if name is None:
        from studies.workbench import device_named  # loads torch

        name = "quick" if device_named(device).type == "cpu" else "standard"
    return fidelity.FIDELITIES[name]
