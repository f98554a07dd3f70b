from __future__ import annotations

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from benchmarks.ranking import Ranking, Row, Rows, identity_of, problem, read_rows, report, signed
from nas.evaluation import Metrics
from search_spaces.architecture import Architecture
from studies.problem import Problem


@pytest.fixture(scope="module")
def args() -> SimpleNamespace:
    return SimpleNamespace(
        data=["synthetic"],
        tasks="depth,segmentation",
        fidelity="quick",
        budget=["30tops"],
        fix=["encoder=resnet10"],
        seeds=2,
        repeated=6,
    )


@pytest.fixture(scope="module")
def asked(args: SimpleNamespace) -> Problem:
    return problem(args, 0)


def _metrics(depth: float, segmentation: float) -> Metrics:
    return {"depth": {"delta_1_25": depth}, "segmentation": {"miou": segmentation}}


def _row(score: str = "trained", name: str = "a", seed: int = 0, weights: str = "") -> Row:
    return Row(score=score, id=name, seed=seed, metrics=_metrics(0.5, 0.3), weights=weights)


def test_what_is_written_is_read_again(tmp_path: Path, asked: Problem) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(_row().line(asked.reference, "x") + "\n", encoding="utf-8")
    assert read_rows(file, "x") == {("trained", "a", 0): _row()}


def test_rows_of_other_data_and_of_other_shared_weights_are_left_out(
    tmp_path: Path, asked: Problem
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [(_row(), "x"), (_row(name="b"), "y"), (_row("inherited", weights="w"), "x")]
    lines = [row.line(asked.reference, identity) for row, identity in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert set(read_rows(file, "x", "w")) == {("trained", "a", 0), ("inherited", "a", 0)}
    assert set(read_rows(file, "x", "v")) == {("trained", "a", 0)}


def test_trainings_of_other_tools_are_taken_and_failed_ones_kept_as_failed(tmp_path: Path) -> None:
    lines = [
        {"kind": "base", "id": "a", "seed": 0, "metrics": _metrics(0.5, 0.3)},
        {"kind": "pool", "id": "b", "seed": 1, "metrics": {"error": "diverged"}},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    rows = read_rows(file, "x")
    assert rows["trained", "a", 0].metrics == _metrics(0.5, 0.3)
    assert rows["trained", "b", 1].metrics is None


def test_compared_values_are_higher_where_a_network_is_better(asked: Problem) -> None:
    values = signed(_metrics(0.6, 0.3), asked, _metrics(0.5, 0.3))
    assert values == {"delta_m": pytest.approx(10.0), "depth": 0.6, "segmentation": 0.3}


def test_the_report_gives_the_ceiling_and_full_agreement_where_there_is(
    args: SimpleNamespace, asked: Problem
) -> None:
    lines = list(report(_judged(args, asked), ["inherited"]))
    assert lines[0] == "6 networks trained, 6 of them with 2 seeds"
    delta_m = next(line for line in lines if line.startswith("  delta_m"))
    assert "τ  1.00" in delta_m
    assert "100% of 1.00" in delta_m
    depth = next(line for line in lines if line.startswith("  depth"))
    assert "τ -1.00" in depth


def _judged(args: SimpleNamespace, asked: Problem) -> Ranking:
    """Six networks, trained twice; a score that turns the order of depth around."""
    ranking = object.__new__(Ranking)
    ranking.args, ranking.problem, ranking.identity = args, asked, identity_of(asked)
    ranking.sample = _networks(asked)
    ranking.rows = _rows(asked, ranking.sample)
    return ranking


def _networks(asked: Problem) -> list[Architecture]:
    rng = Random(0)
    return [asked.space.sample(rng) for _ in range(6)]


def _rows(asked: Problem, sample: list[Architecture]) -> Rows:
    rows = [
        Row(score="trained", id=asked.baseline(t).id, seed=s, metrics=_metrics(0.5, 0.3))
        for t in asked.tasks
        for s in range(2)
    ]
    for i, network in enumerate(sample):
        trained = _metrics(0.5 + 0.01 * i, 0.3 + 0.1 * i)
        cheap = _metrics(0.5 - 0.01 * i, 0.3 + 0.1 * i)
        rows += [Row(score="trained", id=network.id, seed=s, metrics=trained) for s in range(2)]
        rows.append(Row(score="inherited", id=network.id, seed=0, metrics=cheap))
    return {(row.score, row.id, row.seed): row for row in rows}
