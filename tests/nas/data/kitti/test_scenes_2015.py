from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.cityscapes_classes import CITYSCAPES_CLASSES
from nas.data.kitti import open_kitti
from nas.data.kitti.scenes_2015 import KittiScenesSource
from nas.data.source import SPLITS, DataError, DataSource
from nas.resolution import Resolution

ANY = Resolution(64, 32)
SHAPE = (48, 120)
ROAD, CAR, PERSON, STATIC = 7, 26, 24, 4


def full(scenes: Any, number: int, **frames: Any) -> None:
    semantic = np.full(SHAPE, ROAD, np.uint8)
    semantic[10:20, 10:40] = CAR
    semantic[30:40, 10:20] = PERSON
    semantic[0] = STATIC
    disparity = np.zeros(SHAPE, np.uint16)
    disparity[5, 7] = 27 * 256
    disparity[6, 7] = 691
    objects = np.zeros(SHAPE, np.uint8)
    objects[10:20, 10:25] = 3
    scenes.scene(number, semantic=semantic, disparity=disparity, objects=objects, **frames)


def names(source: DataSource) -> list[str]:
    return [task.name for task in source.tasks]


def read_all(folder: Path) -> None:
    source = open_kitti(folder)
    for index in range(source.length("train")):
        source.frame("train", index, ANY)


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        read_all(folder)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_all_three_labels_of_frame_10(scenes: Any) -> None:
    full(scenes, 3)
    for folder in (scenes.root, scenes.training):
        source = open_kitti(folder)
        assert isinstance(source, KittiScenesSource)
        assert names(source) == ["segmentation", "depth", "motion"]
        assert source.tasks[0].classes == CITYSCAPES_CLASSES
        assert source.length("train") == 1
        frame = source.frame("train", 0, ANY)
        assert (frame.image == 3 * 20 + 10).all()
        classes = frame.labels["segmentation"]
        assert (classes[15, 15], classes[35, 15], classes[45, 5]) == (13, 11, 0)
        assert (classes[0] == 255).all()


def test_metres_are_baseline_times_focal_length_by_disparity(scenes: Any) -> None:
    full(scenes, 0)
    depth = open_kitti(scenes.root).frame("train", 0, ANY).labels["depth"]
    assert depth.dtype == np.float32
    # 0.54 m apart, 100 pixels of focal length.
    assert depth[5, 7] == pytest.approx(0.54 * 100 / 27)
    assert depth[6, 7] == pytest.approx(0.54 * 100 / (691 / 256))
    assert np.count_nonzero(depth) == 2


def test_cars_of_the_object_map_move_and_other_movers_are_uncertain(scenes: Any) -> None:
    full(scenes, 0)
    motion = open_kitti(scenes.root).frame("train", 0, ANY).labels["motion"]
    assert motion.dtype == np.uint8
    assert (motion[15, 15], motion[15, 30], motion[35, 15], motion[45, 5]) == (1, 0, 255, 0)


def test_without_classes_all_but_the_object_map_is_static(scenes: Any) -> None:
    objects = np.zeros(SHAPE, np.uint8)
    objects[3, 4] = 1
    scenes.scene(0, objects=objects)
    source = open_kitti(scenes.root)
    assert names(source) == ["motion"]
    np.testing.assert_array_equal(source.frame("train", 0, ANY).labels["motion"], objects)


def test_previous_frame_is_of_the_multi_view_extension(scenes: Any) -> None:
    full(scenes, 0, frames=range(21))
    full(scenes, 1)
    source = open_kitti(scenes.root)
    assert source.has_previous
    previous = source.frame("train", 0, ANY).previous
    assert previous is not None
    assert (previous == 9).all()
    assert source.frame("train", 1, ANY).previous is None


def test_without_the_extension_there_is_no_previous_frame(scenes: Any) -> None:
    full(scenes, 0)
    source = open_kitti(scenes.root)
    assert not source.has_previous
    assert source.frame("train", 0, ANY).previous is None


def test_semantics_alone_need_no_calibration(scenes: Any) -> None:
    scenes.scene(0, semantic=np.full(SHAPE, ROAD, np.uint8))
    (scenes.training / "calib_cam_to_cam/000000.txt").unlink()
    assert names(open_kitti(scenes.root)) == ["segmentation"]


def test_scenes_are_split_in_order_with_one_left_out(scenes: Any) -> None:
    for number in range(12):
        scenes.scene(number, semantic=np.full(SHAPE, ROAD, np.uint8))
    source = open_kitti(scenes.root)
    found = {
        split: [
            (int(source.frame(split, index, ANY).image[0, 0, 0]) - 10) // 20
            for index in range(source.length(split))
        ]
        for split in SPLITS
    }
    assert found == {"train": [0, 1, 2, 3, 4, 5], "val": [7, 8], "test": [10, 11]}


def test_fingerprint_follows_labels_and_calibration(scenes: Any) -> None:
    full(scenes, 0)
    seen = {open_kitti(scenes.root).fingerprint()}
    (scenes.training / "obj_map/000000_10.png").write_bytes(b"changed")
    seen.add(open_kitti(scenes.root).fingerprint())
    (scenes.training / "calib_cam_to_cam/000000.txt").write_text("changed")
    seen.add(open_kitti(scenes.root).fingerprint())
    assert len(seen) == 3


def test_folder_without_labels(scenes: Any) -> None:
    scenes.scene(0)
    fails(scenes.root, "training: there are no labels", "semantic (data_semantics.zip)", "obj_map")


@pytest.mark.parametrize("folder", ["semantic", "disp_occ_0", "obj_map"])
def test_missing_label(scenes: Any, folder: str) -> None:
    full(scenes, 0)
    full(scenes, 1)
    (scenes.training / folder / "000001_10.png").unlink()
    fails(scenes.root, f"{folder}/000001_10.png: the file does not exist", "or remove the folder")


def test_missing_and_broken_calibration(scenes: Any) -> None:
    full(scenes, 0)
    file = scenes.training / "calib_cam_to_cam/000000.txt"
    text = file.read_text()
    file.write_text(text.replace("P_rect_03", "P_rect_04"))
    fails(scenes.root, "000000.txt: there is no line P_rect_03:")
    lines = text.splitlines()
    swapped = [line.replace("02:", "x:").replace("03:", "02:") for line in lines]
    file.write_text("\n".join(line.replace("x:", "03:") for line in swapped))
    fails(scenes.root, "000000.txt: camera 03 is -0.54 m right of camera 02")
    file.unlink()
    fails(scenes.root, "000000.txt: the file does not exist", "data_scene_flow_calib.zip")


def test_disparity_of_8_bits(scenes: Any) -> None:
    full(scenes, 0)
    Image.new("L", (120, 48), 9).save(scenes.training / "disp_occ_0/000000_10.png")
    fails(scenes.root, "disp_occ_0/000000_10.png", "uint8 values, must be 16-bit integers")


def test_value_that_is_no_label_id(scenes: Any) -> None:
    scenes.scene(0, semantic=np.full(SHAPE, 77, np.uint8))
    fails(scenes.root, "semantic/000000_10.png", "value 77")


def test_label_of_another_size(scenes: Any) -> None:
    full(scenes, 0)
    Image.new("L", (60, 48)).save(scenes.training / "obj_map/000000_10.png")
    fails(scenes.root, "obj_map/000000_10.png: 60x48 pixels", "image_2/000000_10.png has 120x48")
