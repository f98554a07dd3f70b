"""What README and docs tell to type, import and open is there."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.manifest import ManifestSource
from nas.resolution import Resolution
from studies.cli import main
from studies.commands.parser import COMMANDS, make_parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Words in capital letters stand for what one fills in.
FILLED = {"COMMAND": "search", "SPEC": "synthetic", "FOLDER": "folder", "FILE.html": "front.html"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every ``neurall-search`` command of the pages, with its words."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = re.findall(r"^ {4}(?:.*&& )?(neurall-search .*)$", text, re.MULTILINE)
        inline = re.findall(r"`(neurall-search [^`]*)`", text)
        for line in dict.fromkeys(lines + inline):
            words = [FILLED.get(word, word) for word in shlex.split(line)[1:]]
            yield f"{page.name}: {line}", words


@pytest.mark.parametrize("words", [pytest.param(w, id=name) for name, w in commands()])
def test_command_is_understood(words: list[str]) -> None:
    if "--help" in words:
        assert main(words) == 0
        return
    arguments = words if words[0] in COMMANDS else ["search", *words]
    assert make_parser().parse_args(arguments).command == arguments[0]


def test_every_command_is_in_the_readme() -> None:
    told = {words[0] for name, words in commands() if name.startswith("README.md") and words}
    assert set(COMMANDS) - {"search"} <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    folders = "search_spaces|nas|pruning|studies|tests|benchmarks|examples|docs"
    named = re.findall(rf"\b((?:{folders})/[\w/]+\.\w+)", page.read_text(encoding="utf-8"))
    assert [p for p in named if "NAME" not in p and not (ROOT / p).exists()] == []


def test_python_of_the_readme_imports_what_is_there() -> None:
    snippets = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    assert snippets
    for node in ast.walk(ast.parse("\n".join(snippets))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, name.name) for name in node.names)


@pytest.mark.parametrize("name", ["README.md", "docs/data.md"])
def test_a_manifest_that_is_shown_can_be_read(name: str, tmp_path: Path) -> None:
    text = re.search(r"```json\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    assert text
    file = tmp_path / "drive.jsonl"
    file.write_text(text[1])
    for frame in map(json.loads, text[1].splitlines()[1:]):
        for path in (frame["image"], frame.get("previous", frame["image"])):
            _save(np.zeros((32, 64, 3), np.uint8), tmp_path / path)
        for path in frame["labels"].values():
            _save(np.ones((32, 64), np.uint8), tmp_path / path)
    source = ManifestSource(file)
    for split in ("train", "val"):
        assert source.frame(split, 0, Resolution(64, 32)).labels


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_the_drawn_network_is_the_one_in_the_examples(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    drawn = re.search(r"<!-- tree -->\n```\n(.*?)```", PAGES[0].read_text("utf-8"), re.DOTALL)
    assert drawn
    assert main(["show", "examples/four_axes.json"]) == 0
    assert drawn[1].split() == capsys.readouterr().out.split()
