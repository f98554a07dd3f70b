from __future__ import annotations

import pytest
import torch

from nas import memory
from nas.compile import compile_plan
from nas.memory import (
    TrainingMemoryError,
    available_bytes,
    check_memory,
    is_out_of_memory,
    training_bytes,
)
from nas.resolution import Resolution
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.paper_presets import two_stream_three_task
from search_spaces.presets import shared

CPU = torch.device("cpu")


def test_a_larger_batch_frame_or_network_needs_more() -> None:
    small = compile_plan(shared(DEFAULT_TASKS), training=True)
    large = compile_plan(two_stream_three_task(DEFAULT_TASKS), training=True)
    frame = Resolution(128, 64)
    assert training_bytes(small, frame, 8) > training_bytes(small, frame, 4)
    assert training_bytes(small, Resolution(256, 128), 4) > training_bytes(small, frame, 4)
    assert training_bytes(large, frame, 4) > training_bytes(small, frame, 4)


def test_what_does_not_fit_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = compile_plan(shared(DEFAULT_TASKS), training=True)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 10**6)
    with pytest.raises(TrainingMemoryError, match=r"needs about \d+\.\d GB, 0\.0 GB are free"):
        check_memory(plan, Resolution(128, 64), 4, CPU)


def test_a_small_training_fits_here() -> None:
    plan = compile_plan(shared(DEFAULT_TASKS), training=True)
    assert available_bytes(CPU) > 10**8
    check_memory(plan, Resolution(64, 32), 2, CPU)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("could not create a primitive"), False),
    ],
)
def test_an_error_that_says_there_is_no_memory_is_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
