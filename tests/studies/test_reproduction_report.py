from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.data.spec import open_source
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from studies.paper_tables import TABLES
from studies.reproduction import Outcome
from studies.reproduction_config import ReproductionConfig
from studies.reproduction_report import print_report, spread_of, to_json
from studies.reproduction_runs import Run
from tests.studies.conftest import TINY

SEGNET, MSNET, RNNET = (row.architecture(DEFAULT_TASKS) for row in TABLES[1].rows)


def outcome_of(values: dict[str, tuple[float, ...]], **changes: Any) -> Outcome:
    """Table I with these segmentation values by architecture id, one a seed."""
    runs = {
        network.id: tuple(
            Run(
                settings="s",
                architecture=network.id,
                network="n",
                seed=seed,
                metrics={"segmentation": {"miou": value}},
                constants={"segmentation": {"miou": 0.05}},
                seconds=1.0,
            )
            for seed, value in enumerate(values.get(network.id, ()))
        )
        for network in (SEGNET, MSNET, RNNET)
    }
    given: dict[str, Any] = {
        "config": ReproductionConfig(
            sources=(open_source("synthetic", seed=0, fidelity=TINY),),
            tables=(1,),
            fidelity=TINY,
            out=Path("runs.json"),
        ),
        "tables": (TABLES[1],),
        "tasks": {spec.name: make_task(spec) for spec in DEFAULT_TASKS},
        "networks": {
            (1, row.name): network
            for row, network in zip(TABLES[1].rows, (SEGNET, MSNET, RNNET), strict=True)
        },
        "missing": {},
        "runs": runs,
        "judged": {"synthetic": "test"},
    }
    return Outcome(**{**given, **changes})


CLEAR = {SEGNET.id: (0.40, 0.41, 0.42), MSNET.id: (0.50, 0.51, 0.52), RNNET.id: (0.49, 0.52, 0.5)}


def printed(outcome: Outcome) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    print_report(outcome, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_shows_both_and_marks_what_cannot_be_told_apart() -> None:
    text = printed(outcome_of(CLEAR))
    lines = {line.split()[0]: line for line in reversed(text.splitlines()) if line.strip()}
    assert "0.410 ±0.010" in lines["SegNet"]
    assert "≈" not in lines["SegNet"]
    assert "74.00" in lines["SegNet"]
    assert "23.775" in lines["SegNet"]
    assert "0.510 ±0.010 *" in lines["MSNet2"]
    assert "0.503 ±0.015 ≈" in lines["RNNet2"]
    assert "MSNet2 against SegNet, segmentation miou: +0.100, better" in text
    assert "0.050" in lines["best"]
    assert max(map(len, text.splitlines())) <= 100


def test_what_speaks_against_the_paper_is_told_as_plainly() -> None:
    turned = {SEGNET.id: CLEAR[MSNET.id], MSNET.id: CLEAR[SEGNET.id], RNNET.id: CLEAR[RNNET.id]}
    text = printed(outcome_of(turned))
    assert "MSNet2 against SegNet, segmentation miou: -0.100, worse" in text
    assert "RNNet2 against SegNet, segmentation miou: -0.007, not distinguishable" in text


def test_one_seed_distinguishes_nothing() -> None:
    text = printed(outcome_of({key: values[:1] for key, values in CLEAR.items()}))
    assert "MSNet2 against SegNet, segmentation miou: +0.100, not distinguishable" in text
    assert "one seed tells no spread" in text


def test_rows_that_were_not_trained_are_empty() -> None:
    outcome = outcome_of({SEGNET.id: (0.4, 0.5)}, interrupted=True, failures=("MSNet2: lost",))
    text = printed(outcome)
    assert "MSNet2 against" not in text
    assert "over 0 to 2 of 3 seeds" in text
    assert "failed: MSNet2: lost" in text
    assert "interrupted: the same command goes on" in text
    assert printed(outcome_of({})).count("SegNet") == 1


def test_json_holds_what_the_page_does() -> None:
    document = json.loads(json.dumps(to_json(outcome_of(CLEAR))))
    (table,) = document["tables"]
    assert (table["table"], document["judged_on"]) == (1, {"synthetic": "test"})
    assert [row["network"] for row in table["rows"]] == ["SegNet", "MSNet2", "RNNet2"]
    segnet = table["rows"][0]
    assert segnet["params_of_the_papers_network"] == 23_774_712
    assert segnet["paper"] == {
        "params": 23_770_000,
        "KITTI mIoU %": 74.0,
        "SYNTHIA mIoU %": 84.08,
    }
    assert segnet["metrics"]["segmentation"]["values"] == list(CLEAR[SEGNET.id])
    assert table["not_distinguishable"] == {"segmentation": [["MSNet2", "RNNet2"]]}
    assert [c["distinguishable"] for c in table["comparisons"]] == [True, True]
    assert spread_of(outcome_of(CLEAR), TABLES[1], "SegNet", "depth") is None
