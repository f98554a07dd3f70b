from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import nas.fidelity
import studies.storage
from nas.budget import Budget
from nas.cost import cost_of
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS
from search_spaces.presets import preset, preset_names
from studies.cli import main
from studies.commands.options import DEFAULT_STORAGE
from studies.commands.parser import (
    COMMANDS,
    SAMPLER_NAMES,
    USES_OF_SHARED_WEIGHTS,
    make_parser,
)
from studies.config import DEFAULT_OBJECTIVES, DEFAULT_TRIALS, SearchConfig, SharedWeights
from studies.opening import create_study
from studies.patience import PATIENCE_VARIABLE
from studies.problem import problem_of
from studies.result import StudyResult, read_result
from studies.samplers import SAMPLERS
from studies.store import StudyStore
from tests.studies.conftest import Bench

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies.storage, "_LOCK_TIMEOUT_S", 0.2)
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.2")
    return tmp_path


@pytest.fixture
def tiny_fidelity(tiny: Callable[..., SearchConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    """``quick`` takes seconds."""
    monkeypatch.setattr(nas.fidelity, "FIDELITIES", {"quick": tiny().fidelity})


def _json(command: str, capsys: Out) -> object:
    capsys.readouterr()
    assert main(command.split()) == 0
    return json.loads(capsys.readouterr().out)


# --- without training ---------------------------------------------------------------------------


def test_no_argument_prints_help(capsys: Out) -> None:
    assert main([]) == 0
    assert "neurall-search --budget 30tops" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: Out) -> None:
    assert main([command, "--help"]) == 0
    assert f"neurall-search {command}" in capsys.readouterr().out


def test_version(capsys: Out) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("neurall-search 0.")


def test_search_is_the_default_command() -> None:
    parser = make_parser()
    args = parser.parse_args(["search", "--budget", "30tops"])
    assert (args.command, args.budget, args.trials) == ("search", ["30tops"], DEFAULT_TRIALS)
    assert args.objectives == DEFAULT_OBJECTIVES
    assert (args.time, args.seed, args.storage) == (None, 0, DEFAULT_STORAGE)


def test_what_the_parser_repeats_agrees_with_its_source() -> None:
    import studies.config

    assert tuple(SAMPLERS) == SAMPLER_NAMES
    assert get_args(SharedWeights) == USES_OF_SHARED_WEIGHTS
    assert studies.config.DEFAULT_STORAGE == DEFAULT_STORAGE


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200)])
def test_times_are_read_in_three_units(text: str, seconds: float) -> None:
    assert make_parser().parse_args(["search", "--time", text]).time == seconds


def test_sample_is_reproducible_and_priced(capsys: Out) -> None:
    command = "sample -n 5 --budget 30tops --seed 4 --fix encoder=resnet18 --json"
    entries = _json(command, capsys)
    assert isinstance(entries, list)
    assert entries == _json(command, capsys)
    budget = Budget.parse(["30tops"])
    for entry in entries:
        architecture = Architecture.from_dict(entry["architecture"])
        cost = cost_of(architecture)
        assert architecture.encoder.depth == "resnet18"
        assert (entry["macs"], entry["params"]) == (cost.macs, cost.params)
        assert sum(part["macs"] for part in entry["by_task"].values()) == cost.macs
        assert sum(part["params"] for part in entry["by_task"].values()) == cost.params
        assert entry["within_budget"] == budget.allows(cost)


def test_sample_of_some_tasks(capsys: Out) -> None:
    assert main(["sample", "-n", "2", "--tasks", "depth,segmentation"]) == 0
    assert "2 of" in capsys.readouterr().out


def test_presets(capsys: Out) -> None:
    entries = _json("presets --json", capsys)
    assert isinstance(entries, list)
    assert [entry["name"] for entry in entries] == [*preset_names(DEFAULT_TASKS), "neurall"]
    for entry in entries:
        tasks = ALL_TASKS if entry["name"] == "neurall" else DEFAULT_TASKS
        architecture = preset(entry["name"], tasks)
        assert entry["macs"] == cost_of(architecture).macs
        assert entry["tasks"] == list(architecture.task_names)
    assert main(["presets", "--tasks", "depth,motion,odometry"]) == 0
    out = capsys.readouterr().out
    assert "two-task-depth-odometry" in out
    assert "preset neurall needs a task of kind segmentation, one of kind detection" in out


@pytest.mark.parametrize("network", ["segnet", "two-task-motion-depth", "neurall"])
def test_presets_of_the_paper_find_their_tasks_among_all(network: str, capsys: Out) -> None:
    priced = _json(f"cost {network} --json", capsys)
    assert isinstance(priced, dict)
    assert Architecture.from_dict(priced["architecture"]) == preset(network, ALL_TASKS)
    assert main(["show", network]) == 0
    assert "resnet50" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("auxnet --tasks depth", "preset auxnet needs a task of kind segmentation; the tasks are"),
        ("one-task-dpeth", "preset one-task-dpeth: unknown task 'dpeth', did you mean depth?"),
        ("two-task-depth", "name two different tasks, as in two-task-depth-"),
        ("segnte", "unknown preset 'segnte', did you mean segnet?"),
    ],
)
def test_presets_that_cannot_be_built_are_told_in_one_line(
    network: str, told: str, capsys: Out
) -> None:
    assert main(["cost", *network.split()]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_cost_of_a_file_is_that_of_the_preset_in_it(here: Path, capsys: Out) -> None:
    (here / "a.json").write_text(preset("shared", DEFAULT_TASKS).to_json())
    of_file = _json("cost a.json --budget 5tops --resolution 512x256 --json", capsys)
    assert of_file == _json("cost shared --budget 5tops --resolution 512x256 --json", capsys)
    assert main(["cost", "shared", "--budget", "5gmacs"]) == 0
    assert "over the budget" in capsys.readouterr().out


def test_show_draws_a_preset(capsys: Out) -> None:
    assert main(["show", "shared"]) == 0
    out = capsys.readouterr().out
    assert "segmentation" in out
    assert max(map(len, out.splitlines())) <= 100


def test_data_list(capsys: Out) -> None:
    entries = _json("data list --json", capsys)
    assert isinstance(entries, list)
    assert "synthetic" in [entry["name"] for entry in entries]


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["--budget", "30topps"], 2), (["show", "sharde"], 2)]
)
def test_help_and_wrong_usage_answer_without_loading_torch(arguments: list[str], code: int) -> None:
    script = (
        "import sys; from studies.cli import main; code = main(sys.argv[1:]);"
        "assert not {'torch', 'optuna', 'rich'} & set(sys.modules); sys.exit(code)"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True)
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr
    assert time.monotonic() - start < 5  # 0.1 s where nobody else uses the machine


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m studies.cli sample -n 300 --json | head -n 1"
    root = Path(studies.storage.__file__).parents[1]
    done = subprocess.run(command, shell=True, cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "["
    assert done.stderr == ""


# --- with training ------------------------------------------------------------------------------


@pytest.mark.usefixtures("tiny_fidelity")
def test_from_a_search_to_an_export(here: Path, capsys: Out) -> None:
    search = (
        "--budget 30tops --trials 2 --device cpu --json "
        "--fix encoder=resnet10 --fix width=16 --fix pruning=none"
    )
    document = _json(search, capsys)
    assert isinstance(document, dict)
    assert list(document) == [
        "study",
        "storage",
        "objectives",
        "budget",
        "trials",
        "baselines",
        "front",
    ]
    assert document["trials"]["complete"] == 2
    assert document["budget"]["macs_per_frame"] == 37_500_000_000
    assert document == _json("front --json", capsys)
    assert document == _json(search, capsys)
    trial = document["front"][0]["trial"]
    assert main(["front"]) == 0
    assert "neurall-search export" in capsys.readouterr().out
    shown = _json(f"show {trial} --json", capsys)
    assert isinstance(shown, dict)
    assert shown["macs"] == document["front"][0]["macs"]
    assert main(f"export {trial} --out out --resolution 128x64".split()) == 0
    assert {p.name for p in (here / "out").iterdir()} == {
        "architecture.json",
        "weights.safetensors",
        "model.onnx",
        "README.md",
    }
    exported = Architecture.from_json((here / "out" / "architecture.json").read_text())
    assert exported.to_dict() == document["front"][0]["architecture"]


@pytest.mark.usefixtures("tiny_fidelity")
def test_dry_run_says_what_would_run_and_writes_nothing(here: Path, capsys: Out) -> None:
    document = _json("--budget 30tops --dry-run --json --trials 7", capsys)
    assert isinstance(document, dict)
    assert 0.3 < document["share_within_budget"] < 1
    assert document["macs"]["min"] < 37.5e9 < document["macs"]["max"]
    assert (document["trials"], document["trained"]) == (7, 0)
    assert document["samples_per_candidate"] == 8
    assert document["minutes"] > 0
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("tiny_fidelity")
def test_train_one_network_beside_the_best_constant(here: Path, capsys: Out) -> None:
    (here / "a.json").write_text(preset("shared", DEFAULT_TASKS[:1]).to_json())
    document = _json("train a.json --device cpu --json", capsys)
    assert isinstance(document, dict)
    assert set(document["metrics"]) == set(document["constants"]) == {"segmentation"}
    assert main(["train", "a.json", "--device", "cpu"]) == 0
    assert "best constant" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny_fidelity")
def test_data_preview_and_prepare(here: Path, capsys: Out) -> None:
    assert main(["data", "preview", "synthetic", "--out", "p.png"]) == 0
    assert (here / "p.png").read_bytes().startswith(b"\x89PNG")
    assert main(["data", "prepare", "synthetic"]) == 0
    assert "12 train, 6 val, 4 test" in capsys.readouterr().out


# --- what users get wrong -----------------------------------------------------------------------

_WRONG_USAGE = {
    "unknown command": "serch",
    "unknown option": "--bugdet 30tops",
    "abbreviated option": "search --bud 30tops",
    "unit typo": "--budget 30topps",
    "no unit": "--budget 30",
    "no number": "--budget tops",
    "decimal comma": "--budget 1,5tops",
    "budget of nothing": "--budget 0tops",
    "negative budget": "--budget=-30tops",
    "nan budget": "--budget nantops",
    "absurd budget": "--budget 1e30tops",
    "second budget wrong": "--budget 30tops --budget 5foo",
    "fps 0": "--budget 30tops --fps 0",
    "fps a word": "--budget 30tops --fps fast",
    "utilization 2": "--budget 30tops --utilization 2",
    "no cameras": "--budget 30tops --cameras 0",
    "bad resolution": "--budget 30tops --resolution 1024",
    "tiny resolution": "cost shared --resolution 3x3",
    "trials 0": "--trials 0",
    "trials half": "--trials 2.5",
    "seed -1": "--seed -1",
    "time without unit": "--time 15",
    "time of nothing": "--time 0m",
    "unknown task": "--tasks depth,motino",
    "task twice": "--tasks depth,depth",
    "unknown task of sample": "sample --tasks depth,flow",
    "unknown preset": "show sharde",
    "unknown preset to enqueue": "--enqueue sharde",
    "unknown axis": "--fix enkoder=resnet18",
    "unknown value of an axis": "--fix encoder=resnet81",
    "fix without value": "--fix encoder",
    "unknown weights": "--pretrained imagenets",
    "weights that are not there": "train shared --pretrained resnet18=nothing.pth",
    "axis twice": "--fix width=32 --fix width=48",
    "unknown objective": "--objectives delta_m,flops",
    "objective twice": "--objectives macs,macs",
    "unknown sampler": "--sampler gp",
    "unknown device": "--device tpu",
    "unknown fidelity": "--fidelity fast",
    "plot of another kind": "front --plot front.pdf",
    "plot of finalists of another kind": "finalize --plot finalists.pdf",
    "preview of another kind": "data preview synthetic --out p.jpg",
    "export to nowhere": "export shared",
    "sample of none": "sample -n 0",
    "no seeds": "finalize --seeds 0",
    "trial that is no number": "finalize --trial best",
    "port out of range": "dashboard --port 70000",
    "broken JSON": "cost broken.json",
    "JSON of something else": "cost other.json",
    "binary architecture": "cost binary.json",
}
_FAILED = {
    "unknown data": "--data cityscapes:x",
    "path that is not there": "--data camvid:nowhere",
    "data without its path": "--data camvid",
    "path for what has none": "--data synthetic:x",
    "file where a folder should be": "--data camvid:text.db",
    "folder where a file should be": "--data manifest:folder",
    "broken manifest": "--data manifest:text.db",
    "data twice": "--data synthetic --data synthetic",
    "architecture that is not there": "cost nothing.json",
    "folder as an architecture": "cost folder",
    "storage that is not there": "front",
    "storage of finalists not there": "finalize",
    "storage of the dashboard not there": "dashboard --storage sqlite:///none.db",
    "no URL": "--storage neurall.db",
    "unknown database": "--storage foo:///x.db",
    "storage in a missing folder": "--storage sqlite:///missing/study.db",
    "text as a database": "--storage sqlite:///text.db",
    "text as a database to read": "front --storage sqlite:///text.db",
    "folder as a database": "--storage sqlite:///folder",
    "empty database": "front --storage sqlite:///empty.db",
    "nothing within the budget": "--budget 1mmacs",
    "export into a folder with files": "export shared --out full --resolution 64x64",
    "export over a file": "export shared --out text.db --resolution 64x64",
    "preview into a missing folder": "data preview synthetic --out missing/p.png",
    "cuda where there is none": "--device cuda",
}


@pytest.fixture
def rubble(here: Path) -> None:
    """Files that are not what they are given for."""
    (here / "text.db").write_text("this is no database\n" * 100)
    (here / "empty.db").touch()
    (here / "folder").mkdir()
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("precious")
    (here / "broken.json").write_text('{"tasks": [')
    (here / "other.json").write_text('{"colour": "red"}')
    (here / "binary.json").write_bytes(bytes(range(128, 256)))


def _complaint(code: int, capsys: Out) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    complaints = [line for line in err.splitlines() if line.startswith("neurall-search: error: ")]
    assert len(complaints) == 1
    assert err.splitlines()[-1] == complaints[0]
    return complaints[0]


@pytest.mark.usefixtures("rubble", "tiny_fidelity")
@pytest.mark.parametrize("command", _WRONG_USAGE.values(), ids=_WRONG_USAGE)
def test_wrong_usage_is_told_in_one_line(command: str, capsys: Out) -> None:
    code = main(command.split())
    complaint = _complaint(code, capsys)
    assert code == 2, complaint


@pytest.mark.usefixtures("rubble", "tiny_fidelity")
@pytest.mark.parametrize("command", _FAILED.values(), ids=_FAILED)
def test_what_fails_is_told_in_one_line(command: str, here: Path, capsys: Out) -> None:
    code = main(command.split())
    complaint = _complaint(code, capsys)
    assert code in (1, 2), complaint
    assert (here / "full" / "thesis.txt").read_text() == "precious"
    assert (here / "text.db").read_text().startswith("this is no database")


@pytest.fixture
def study(finished: StudyResult) -> str:
    """Options that name a finished study."""
    return f"--storage {finished.storage}"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("show 999", "has no trial 999, there are 0 to"),
        ("export 999 --out out", "has no trial 999"),
        ("finalize --study other", "no study 'other'"),
        ("finalize", "does not remember which data it was made from: name it with --data"),
        ("front --study other", "no study 'other'"),
        ("front --plot missing/front.html", "cannot be written"),
        ("front --plot missing/front.png", "cannot be written"),
    ],
)
def test_what_a_study_does_not_have(command: str, words: str, study: str, capsys: Out) -> None:
    assert main(f"{command} {study}".split()) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_a_refused_trial_cannot_be_exported(finished: StudyResult, capsys: Out) -> None:
    refused = next(trial for trial in finished.trials if trial.status == "refused")
    command = f"export {refused.number} --out out --storage {finished.storage}"
    assert main(command.split()) == 1
    assert "has no trained network, it is refused" in capsys.readouterr().err
    assert main(f"show {refused.number} --storage {finished.storage}".split()) == 0


@pytest.mark.usefixtures("tiny_fidelity")
def test_a_study_of_that_name_with_other_settings_is_left_alone(
    finished: StudyResult, capsys: Out
) -> None:
    command = f"--budget 31tops --storage {finished.storage} --study {finished.study}"
    assert main(command.split()) == 1
    assert "was made with another" in capsys.readouterr().err


@pytest.fixture
def locked(here: Path) -> Iterator[str]:
    """A database that another program keeps to itself."""
    connection = sqlite3.connect(here / "locked.db")
    connection.execute("BEGIN EXCLUSIVE")
    yield "sqlite:///locked.db"
    connection.close()


@pytest.mark.usefixtures("tiny_fidelity")
@pytest.mark.parametrize("command", ["search", "front", "show 0", "dashboard"])
def test_a_locked_database(command: str, locked: str, capsys: Out) -> None:
    assert main([*command.split(), "--storage", locked]) == 1
    assert "locked by another program" in _complaint(1, capsys)


def test_a_port_that_is_taken(finished: StudyResult, capsys: Out) -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["dashboard", "--port", str(port), "--storage", finished.storage]) == 1
    assert f"port {port} is taken" in capsys.readouterr().err


def test_ctrl_c_before_anything_was_found(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("studies.commands.presets.run", interrupted)
    assert main(["presets"]) == 130
    assert capsys.readouterr().err == "neurall-search: interrupted\n"


def test_an_own_mistake_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.commands.presets.run", lambda _: {}["no such key"])
    with pytest.raises(KeyError):
        main(["presets"])


# --- data that is broken ------------------------------------------------------------------------


def _break_label(folder: Path, label: NDArray[np.uint8]) -> None:
    Image.fromarray(label).save(folder / "label1.png")


_DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "label of another size": (
        lambda folder: _break_label(folder, np.zeros((16, 64), np.uint8)),
        "label1.png",
    ),
    "label outside of the classes": (
        lambda folder: _break_label(folder, np.full((32, 64), 7, np.uint8)),
        "label1.png",
    ),
    "half an image": (
        lambda folder: (folder / "image1.png").write_bytes(
            (folder / "image1.png").read_bytes()[:200]
        ),
        "image1.png",
    ),
    "no image at all": (
        lambda folder: (folder / "image1.png").write_text("no picture"),
        "image1.png",
    ),
    "a file that is missing": (lambda folder: (folder / "label3.png").unlink(), "label3.png"),
    "a folder as a label": (
        lambda folder: ((folder / "label1.png").unlink(), (folder / "label1.png").mkdir()),
        "label1.png",
    ),
    "a line that is no JSON": (
        lambda folder: (folder / "drive.jsonl").write_text(
            (folder / "drive.jsonl").read_text() + "\n{"
        ),
        "drive.jsonl:6",
    ),
}


@pytest.mark.usefixtures("tiny_fidelity")
def test_reproduce_prints_one_document_and_goes_on_from_its_file(here: Path, capsys: Out) -> None:
    command = "reproduce tables --table 1 --seeds 1 --device cpu --out runs.json"
    document = _json(f"{command} --json", capsys)
    assert isinstance(document, dict)
    assert [table["table"] for table in document["tables"]] == [1]
    assert document["encoder"] == {"depth": "resnet10", "width": 32}
    assert (here / "runs.json").exists()
    assert main(command.split()) == 0
    out, err = capsys.readouterr()
    assert "3 of them are in runs.json" in err
    assert "Table I: segmentation" in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("reproduce", 2, "required: tables"),
        ("reproduce figures", 2, "invalid choice: 'figures'"),
        ("reproduce tables --table 4", 2, "'4' is not allowed, use a whole number from 1 to 3"),
        ("reproduce tables --seeds 0", 2, "'0' is not allowed"),
        ("reproduce tables --data nowhere", 1, "nowhere"),
        ("reproduce tables --device cpu --out gone/runs.json", 1, "the folder gone does not exist"),
    ],
)
def test_wrong_reproductions_are_told_in_one_line(
    command: str, code: int, told: str, capsys: Out
) -> None:
    assert main(command.split()) == code
    err = capsys.readouterr().err
    assert told in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.usefixtures("tiny_fidelity")
@pytest.mark.parametrize("name", _DAMAGE)
def test_broken_data_is_told_with_its_file_before_training(
    name: str, drive: Path, capsys: Out
) -> None:
    damage, word = _DAMAGE[name]
    damage(drive.parent)
    assert main(["--data", f"manifest:{drive}", "--budget", "30tops"]) == 1
    out, err = capsys.readouterr()
    last = err.splitlines()[-1]
    assert last.startswith("neurall-search: error: ")
    assert word in last
    assert "training" not in err
    assert "Traceback" not in out + err


@pytest.mark.usefixtures("tiny_fidelity")
def test_data_without_previous_frames_says_so(drive: Path, capsys: Out) -> None:
    options = ["--tasks", "surface,motion", "--dry-run"]
    assert main(["--data", f"manifest:{drive}", "--data", "synthetic", *options]) == 0
    assert "drive has no previous frames: the current frame stands in" in capsys.readouterr().out


# --- finalists ----------------------------------------------------------------------------------


def test_finalize_prints_one_document_and_front_shows_it(
    store: StudyStore, bench: Bench, here: Path, capsys: Out
) -> None:
    where = f"--storage {store.url}"
    command = f"finalize --data synthetic --seeds 2 {where}"
    document = _json(f"{command} --json", capsys)
    front = _json(f"front --json {where}", capsys)
    assert isinstance(document, dict)
    assert isinstance(front, dict)
    assert document["finalists"] == front["finalists"]
    assert [n["trial"] for n in document["finalists"]["networks"]] == [
        trial["trial"] for trial in front["front"]
    ]
    assert (document["failures"], document["interrupted"]) == ([], False)
    assert main(f"{command} --plot {here}/finalists.png".split()) == 0
    out, err = capsys.readouterr()
    assert "all of them are done already" in err
    assert (here / "finalists.png").read_bytes().startswith(b"\x89PNG")
    assert out.startswith("finalists on the test split")
    assert max(map(len, out.splitlines())) <= 100
    assert main(f"front {where}".split()) == 0
    assert out in capsys.readouterr().out


def test_an_interrupted_finalize_prints_what_it_has_and_exits_130(
    store: StudyStore, bench: Bench, capsys: Out
) -> None:
    bench.most = 4
    command = f"finalize --data synthetic --seeds 2 --storage {store.url}"
    assert main(command.split()) == 130
    out, err = capsys.readouterr()
    assert "finalists on the test split" in out
    assert "interrupted: the same command goes on" in out
    assert "Traceback" not in err


def test_a_finalist_that_cannot_be_trained_fails_the_command(
    store: StudyStore, bench: Bench, capsys: Out
) -> None:
    network = read_result(store).front[0]
    assert network.architecture is not None
    bench.broken = {(network.architecture.id, 1003)}
    command = f"finalize --data synthetic --seeds 1 --trial {network.number} --storage {store.url}"
    assert main(command.split()) == 1
    out = capsys.readouterr().out
    assert "no network of the study is trained to its end yet" in out
    assert f"failed: trial {network.number}, seed 1003: diverged: the loss is inf" in out


def test_a_search_can_be_finalized_from_its_name_alone(
    tiny: Callable[..., SearchConfig], bench: Bench, capsys: Out
) -> None:
    from studies.search import study_settings

    config = tiny(data_specs=("synthetic",))
    problem = problem_of(config)
    create_study(config.storage, problem.name, problem.objectives, study_settings(problem))
    assert main(f"finalize --storage {config.storage}".split()) == 1
    assert "has no front yet" in capsys.readouterr().err
