from __future__ import annotations

from pathlib import Path

import pytest

from examples import own_task_and_data
from studies.export import load_exported
from studies.opening import load_study
from studies.result import read_result


def test_example_searches_and_exports_a_task_and_data_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    storage = f"sqlite:///{tmp_path}/discs.db"
    own_task_and_data.main(["--out", "exported", "--storage", storage])

    result = read_result(load_study(storage, ""))
    assert len(result.complete) == 2
    assert result.front
    learned = result.baselines["distance"].metrics["mean_error"]
    assert learned < 0.8 * result.constants["distance"]["mean_error"]
    assert "mean_error" in capsys.readouterr().out
    assert list(load_exported(tmp_path / "exported").plan.outputs) == ["disc", "distance"]
    assert "share of the frame's width" in (tmp_path / "exported/README.md").read_text()
