from __future__ import annotations

from dataclasses import replace

import pytest

from nas.compile import compile_plan
from nas.paper_params import PAPER_TASKS, paper_params
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS, DEPTH, SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.loss_weights import LossWeight
from search_spaces.task_spec import ArchitectureError, TaskSpec
from studies.paper_tables import TABLES, TASK_KINDS, PaperRow, PaperTable

ROWS = [(table, row) for table in TABLES.values() for row in table.rows]
IDS = [f"{table.number}-{row.name}" for table, row in ROWS]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=IDS)
def test_every_row_is_a_network_of_the_papers_encoder(table: PaperTable, row: PaperRow) -> None:
    network = row.architecture(DEFAULT_TASKS)
    assert network.encoder == EncoderSpec(depth="resnet50", width=64)
    assert network.decoder.kind == "fcn8"
    assert Architecture.from_json(network.to_json()) == network
    assert set(compile_plan(network).outputs) == set(row.kinds)
    assert network == row.architecture(ALL_TASKS)


@pytest.mark.parametrize(("table", "row"), ROWS, ids=IDS)
def test_printed_parameters_are_those_that_are_counted(table: PaperTable, row: PaperRow) -> None:
    if row.params_m is not None:
        counted = paper_params(row.architecture(PAPER_TASKS))
        assert counted == pytest.approx(row.params_m * 1e6, rel=5e-4)
    assert set(row.printed) <= set(table.printed_columns)


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_rows_have_names_of_their_own_and_comparisons_speak_of_them(table: PaperTable) -> None:
    rows = {row.name: row for row in table.rows}
    assert len(rows) == len(table.rows)
    assert table.comparisons
    for comparison in table.comparisons:
        assert comparison.kind in rows[comparison.better].kinds
        assert comparison.kind in rows[comparison.than].kinds


def test_a_network_that_stands_in_several_tables_is_one() -> None:
    segnets = {
        row.architecture(DEFAULT_TASKS)
        for _, row in ROWS
        if row.name in ("SegNet", "1-task segmentation")
    }
    assert len(segnets) == 1
    assert len({row.architecture(DEFAULT_TASKS) for _, row in ROWS}) == len(ROWS) - 2
    assert TABLES[3].kinds == TASK_KINDS


def test_auxiliary_networks_differ_in_their_weighting_alone() -> None:
    networks = {row.name: row.architecture(DEFAULT_TASKS) for row in TABLES[2].rows}
    fixed = networks["AuxNet 1000"]
    assert (fixed.weighting, fixed.loss_weights) == (
        "fixed",
        (LossWeight(task="segmentation", weight=1000),),
    )
    assert fixed.auxiliary == ("depth",)
    plain = {
        replace(network, weighting="sum", loss_weights=())
        for name, network in networks.items()
        if name != "SegNet"
    }
    assert len(plain) == 1


def test_tasks_of_other_names_are_found_by_kind() -> None:
    tasks = (replace(SEGMENTATION, name="surface"), TaskSpec(name="z", kind="depth", channels=1))
    row = next(row for row in TABLES[3].rows if row.name == "2-task seg. + depth, sum")
    assert row.architecture(tasks).task_names == ("surface", "z")


def test_a_row_whose_task_is_missing_says_which() -> None:
    row = next(row for row in TABLES[3].rows if row.name == "1-task motion")
    with pytest.raises(ArchitectureError, match="1-task motion needs a task of kind motion"):
        row.architecture((SEGMENTATION, DEPTH))
