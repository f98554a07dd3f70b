"""Whether a training fits the machine's memory, estimated before it starts."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nas.cost import DEPLOYMENT, plan_cost
from nas.plan import ENCODER_KINDS, Plan
from nas.resolution import Resolution

#: Weight, gradient and two moments in fp32.
_BYTES_PER_PARAMETER = 16
_BYTES_PER_WEIGHT = 4
#: Kept for the backward pass per output value of a layer: the convolution's output, the
#: normalisation's and the activation's, and their gradients, in fp32.
_BYTES_PER_ACTIVATION = 24
#: Share of what is free that a training may take.
_USABLE = 0.8
#: What torch's allocator of main memory says where it fails (a plain ``RuntimeError``), and oneDNN,
#: which torch's convolutions come from.
_NO_MEMORY = ("DefaultCPUAllocator", "could not create a primitive")
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class TrainingMemoryError(RuntimeError):
    """A network that would not fit the memory of the device it is to be trained on."""


def training_bytes(plan: Plan, resolution: Resolution, batch_size: int) -> int:
    """Upper estimate of the memory that a training step takes, in bytes."""
    padded = resolution.padded
    values = 0
    for node in plan.nodes:
        frames = 2 if node.kind in ENCODER_KINDS and node.name in plan.previous_nodes else 1
        for layer in node.layers:
            stride = layer.output_stride
            positions = (padded.width // stride) * (padded.height // stride) if stride else 1
            values += frames * layer.out_channels * positions
    outputs = sum(t.channels for t in plan.architecture.tasks if t.output_stride == 1)
    values += outputs * padded.width * padded.height
    params = plan_cost(plan, DEPLOYMENT).params
    return params * _BYTES_PER_PARAMETER + batch_size * values * _BYTES_PER_ACTIVATION


def available_bytes(device: torch.device) -> int:
    """Memory that is free on a device; of a container, at most its limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([_meminfo_available() or free, *_container_limits()])


def check_memory(plan: Plan, resolution: Resolution, batch_size: int, device: torch.device) -> None:
    """Raise ``TrainingMemoryError`` where a training would not fit."""
    needed, free = training_bytes(plan, resolution, batch_size), available_bytes(device)
    if needed > _USABLE * free:
        raise TrainingMemoryError(
            f"training at {resolution} with batches of {batch_size} needs about "
            f"{needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free on {device}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or this machine has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def check_weights(plan: Plan) -> None:
    """Raise ``MemoryError`` where the weights alone would not fit: descriptions cost nothing."""
    needed = plan_cost(plan, DEPLOYMENT).params * _BYTES_PER_WEIGHT
    free = available_bytes(torch.device("cpu"))
    if needed > _USABLE * free:
        raise MemoryError(
            f"the network has {needed / 1e9:.1f} GB of weights, {free / 1e9:.1f} GB are free"
        )


def _meminfo_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    amounts = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(amount) * 1024 for amount in amounts), None)


def _container_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return limits
