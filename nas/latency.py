"""Latency in milliseconds, measured on this machine and remembered per architecture."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from nas.cost import DEPLOYMENT
from nas.data.cache import cache_root
from nas.network import build_network
from nas.resolution import Resolution
from nas.streaming import StreamingForm
from search_spaces.architecture import Architecture

_FORMAT = 1
_FILE = "latency.json"
#: A median of fewer runs than these follows single hiccups.
_FEWEST_RUNS = 3
_MS = 1e3


@dataclass(frozen=True, kw_only=True)
class LatencyMs:
    """Time of one frame in streaming form, batch 1: median, fastest and slowest run, in ms."""

    median: float
    fastest: float
    slowest: float
    runs: int


def measure_latency(
    architecture: Architecture,
    resolution: Resolution = DEPLOYMENT,
    *,
    device: str = "cpu",
    runs: int = 10,
    warmup: int = 2,
    seconds: float = 5.0,
    remember: bool = True,
) -> LatencyMs:
    """Latency of the untrained network with its widths after pruning, fp32, evaluation mode.

    Weights do not matter to the time, so nothing is trained. Measuring ends after ``runs`` runs
    or about ``seconds``, but not before three runs. What was measured on this machine with this
    number of threads and version of torch is remembered in ``latency.json`` in the cache folder;
    a file that cannot be read or written is done without.
    """
    key = _key(architecture, resolution, device)
    known = _remembered(key) if remember else None
    if known is not None:
        return known
    form = StreamingForm(build_network(architecture)).eval().to(device)
    inputs = form.random_inputs(resolution, torch.Generator().manual_seed(0))
    measured = time_calls(
        lambda: _run(form, inputs, device), runs=runs, warmup=warmup, seconds=seconds
    )
    if remember:
        _remember(key, measured)
    return measured


def time_calls(
    call: Callable[[], None], *, runs: int, warmup: int, seconds: float = math.inf
) -> LatencyMs:
    """Time a call that returns when its work is done, warmed up, within about ``seconds``."""
    end = time.perf_counter() + seconds
    for _ in range(max(1, warmup)):
        call()
        if time.perf_counter() > end:
            break
    times: list[float] = []
    while len(times) < max(_FEWEST_RUNS, runs):
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        times.append((now - start) * _MS)
        if now > end and len(times) >= _FEWEST_RUNS:
            break
    return LatencyMs(
        median=statistics.median(times), fastest=min(times), slowest=max(times), runs=len(times)
    )


def _run(form: StreamingForm, inputs: tuple[Tensor, ...], device: str) -> None:
    with torch.inference_mode():
        form(*inputs)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


# --- what is remembered -------------------------------------------------------------------------


def _key(architecture: Architecture, resolution: Resolution, device: str) -> str:
    machine = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    threads = torch.get_num_threads()
    where = f"{platform.node()}, {machine}, {threads} threads, torch {torch.__version__}"
    return f"{architecture.id} at {resolution} on {where}"


@cache
def _processor() -> str:
    """Model of the processor; ``platform`` knows only its family on Linux."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _remembered(key: str) -> LatencyMs | None:
    values = _entries().get(key)
    if not isinstance(values, dict):
        return None
    try:
        latency = LatencyMs(**values)
        ordered = 0 < latency.fastest <= latency.median <= latency.slowest < math.inf
    except TypeError:
        return None
    return latency if ordered else None


def _remember(key: str, latency: LatencyMs) -> None:
    """Add an entry to the file as it is now; two processes at once may lose one of theirs."""
    entries = {**_entries(), key: asdict(latency)}
    text = json.dumps({"format": _FORMAT, "entries": entries}, indent=1)
    folder = cache_root()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{_FILE}-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, folder / _FILE)
        finally:
            Path(name).unlink(missing_ok=True)


def _entries() -> dict[str, object]:
    """What the file holds, nothing where it is missing, damaged or of another format."""
    try:
        values = json.loads((cache_root() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        return {}
    entries = values.get("entries")
    return entries if isinstance(entries, dict) else {}
