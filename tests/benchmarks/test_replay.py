from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import replay

_ROWS = np.unique(np.random.default_rng(0).integers(0, 3, (120, 4)), axis=0)
_QUALITY = _ROWS.sum(axis=1) + 1.0
_COST = (_ROWS**2).sum(axis=1) + 1.0


def _table(folder: Path, **changes: Any) -> Path:
    path = folder / "table.npz"
    np.savez(path, **({"operations": _ROWS, "accuracy": _QUALITY, "ms": _COST} | changes))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"operations": _ROWS.astype(float)},
        {"accuracy": np.where(_COST > 9, np.nan, _QUALITY)},
        {
            name: np.concatenate([v, v[:9]])
            for name, v in (("operations", _ROWS), ("accuracy", _QUALITY), ("ms", _COST))
        },
        {"ms": _COST - 5},
    ],
    ids=["plain", "floats", "not a number", "twice", "negative costs"],
)
def test_all_of_a_table_is_all_of_its_hypervolume(tmp_path: Path, changes: dict[str, Any]) -> None:
    table = replay.read_table(_table(tmp_path, **changes), "accuracy", "ms")
    assert table.share(range(len(table.cost))) == pytest.approx(100)
    assert len(table.cost) <= len(_ROWS)
    found = replay.run(table, "front", 0, (12,))
    assert found.distinct == 12
    assert found.shares[12] > 60


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": np.full(len(_ROWS), np.nan)},
        {"accuracy": -_QUALITY},
        {"ms": np.zeros(len(_ROWS))},
        {"accuracy": np.array(["a"] * len(_ROWS))},
        {"operations": _ROWS + 0.5},
        {"operations": _ROWS[:, 0]},
        {"ms": _COST[1:]},
        {"operations": np.array([{}] * len(_ROWS), dtype=object)},
    ],
    ids=["nan", "negative", "free", "text", "halves", "flat", "shorter", "objects"],
)
def test_what_is_no_table_ends_in_one_line(
    tmp_path: Path,
    changes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = _table(tmp_path, **changes)
    monkeypatch.setattr(sys, "argv", ["replay.py", "--table", str(path), "--latency", "ms"])
    assert replay.main() == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert error.count("\n") == 1
