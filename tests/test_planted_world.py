from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from nas.resolution import Resolution
from search_spaces.filter_ratios import FilterRatio

SIZE = Resolution(64, 32)
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def benchmarks_on_path() -> Iterator[None]:
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def world() -> ModuleType:
    return import_module("planted_world")


@pytest.fixture(scope="module")
def truths() -> ModuleType:
    return import_module("planted_truths")


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    return import_module("planted")


def test_frames_are_a_function_of_seed_split_and_index(truths: ModuleType) -> None:
    source = truths.EXPERIMENTS[0].world
    first = source.frame("train", 3, SIZE)

    assert np.array_equal(first.image, source.frame("train", 3, SIZE).image)
    for other in (
        source.frame("train", 4, SIZE),
        source.frame("val", 3, SIZE),
        replace(source, seed=1).frame("train", 3, SIZE),
    ):
        assert not np.array_equal(first.image, other.image)
    assert source.fingerprint() != replace(source, seed=1).fingerprint()


def test_labels_are_the_classes_of_texture_and_hue(world: ModuleType) -> None:
    tasks = (
        world.PlantedTask(name="shape", latent="texture", classes=(1, 2, 3, 0)),
        world.PlantedTask(name="colour", latent="hue", classes=(0, 1)),
    )
    source = world.PlantedWorld(planted=tasks)
    scene, frame = source.scene("val", 5, SIZE), source.frame("val", 5, SIZE)

    assert np.array_equal(frame.labels["shape"], (scene.textures + 1) % 4)
    assert np.array_equal(frame.labels["colour"], scene.hues)


def test_rectangles_end_where_cells_of_four_pixels_do(truths: ModuleType) -> None:
    scene = truths.EXPERIMENTS[0].world.scene("train", 0, SIZE)
    for layout in (scene.textures, scene.hues):
        cells = layout.reshape(SIZE.height // 4, 4, SIZE.width // 4, 4)
        assert (cells == cells[:, :1, :, :1]).all()


def test_a_task_has_labels_in_its_share_of_training_frames_and_in_all_others(
    truths: ModuleType,
) -> None:
    share = next(e.world for e in truths.EXPERIMENTS if e.name == "share")
    for index in range(16):
        labelled = set(share.frame("train", index, SIZE).labels)
        assert labelled == ({"first", "second"} if index % 8 == 0 else {"first"})
        assert set(share.frame("val", index, SIZE).labels) == {"first", "second"}


def test_a_voice_is_how_large_the_loss_is(world: ModuleType) -> None:
    def loss(voice: str) -> float:
        spec = world.PlantedTask(name="t", latent="hue", classes=(0, 1), voice=voice).spec
        task = world.WORLD_KINDS[spec.kind](spec)
        label = torch.zeros(1, 4, 4, dtype=torch.uint8)
        statistics = task.statistics([label.numpy(), 1 - label.numpy()])
        return float(task.loss(torch.ones(1, 2, 4, 4), label, statistics))

    assert loss("firm") == pytest.approx(5 * loss("plain"))
    assert loss("loud") == pytest.approx(100 * loss("plain"))


def test_a_few_filters_solve_the_simple_task(
    truths: ModuleType, planted: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path))
    prune = next(e for e in truths.EXPERIMENTS if e.name == "prune")
    simple = tuple(task for task in prune.world.planted if task.name == "simple")
    alone = replace(prune, world=replace(prune.world, planted=simple, train=256), samples=512)
    bench = planted.open_workbench(planted.problem_of(planted.config(alone, 0, "unused")))
    metrics = bench.train_candidate(truths.network(alone.world)).metrics
    assert metrics["simple"]["pixel_accuracy"] > 0.95


def test_planted_networks_are_within_their_spaces_and_found_by_their_events(
    truths: ModuleType, planted: ModuleType
) -> None:
    for experiment in truths.EXPERIMENTS:
        space = planted.problem_of(planted.config(experiment, 0, "unused")).space
        for contrast in experiment.contrasts:
            assert contrast.planted != contrast.contrary
            assert contrast.planted in space, contrast.name
            assert contrast.contrary in space, contrast.name
        truth, contrast = experiment.truths[0], experiment.contrasts[0]
        assert truth.found([truths.Point(architecture=contrast.planted, delta_m=1.0)])
        assert not truth.found([truths.Point(architecture=contrast.contrary, delta_m=1.0)])


def test_networks_that_prune_both_alike_do_not_tell_which_can_spare_more(
    truths: ModuleType,
) -> None:
    world = next(e for e in truths.EXPERIMENTS if e.name == "prune").world

    def point(simple: float, texture: float) -> Any:
        ratios = {"simple": simple, "texture": texture}
        pruning = tuple(
            FilterRatio(task=task, part="decoder", ratio=ratio)
            for task, ratio in ratios.items()
            if ratio
        )
        network = truths.network(world, width=16, decoder_width=32, pruning=pruning)
        return truths.Point(architecture=network, delta_m=0.0)

    found = truths.pruned_harder("simple", "texture", by=0.25)
    alike = [point(0.0, 0.0), point(0.75, 0.75), point(0.5, 0.5)]
    assert not found(alike)
    assert found([*alike, point(0.75, 0.25), point(0.5, 0.25)])
    assert not found([*alike, point(0.75, 0.25), point(0.25, 0.5)])


def test_the_best_network_of_a_front_decides(truths: ModuleType) -> None:
    contrast = next(e for e in truths.EXPERIMENTS if e.name == "branch").contrasts[0]
    event = truths.best(lambda a: a == contrast.planted)
    front = [
        truths.Point(architecture=contrast.planted, delta_m=-1.0),
        truths.Point(architecture=contrast.contrary, delta_m=-2.0),
    ]
    assert event(front)
    assert not event([front[1], replace(front[0], delta_m=-3.0)])


def test_chance_is_the_share_of_the_space_where_one_network_in_six_has_the_choice(
    truths: ModuleType, planted: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "_POOL", 200)
    monkeypatch.setattr(planted, "_FRONTS", 200)
    branch = next(e for e in truths.EXPERIMENTS if e.name == "branch")
    independent = truths.Truth(
        name="independent",
        says="",
        found=truths.best(lambda a: a.sharing.depth_between("loud", "texture") == 0),
    )
    chances = planted.chance(replace(branch, truths=(independent,)), "unused")
    assert 0.08 < chances["independent"] < 0.26


def test_probability_of_so_many_successes_or_more(planted: ModuleType) -> None:
    assert planted.at_least(0, 5, 0.3) == pytest.approx(1.0)
    assert planted.at_least(5, 5, 0.5) == pytest.approx(0.5**5)
    assert planted.at_least(1, 2, 0.25) == pytest.approx(1 - 0.75**2)
