"""KITTI's stereo, flow and semantics benchmark of 2015: segmentation, depth and moving cars.

Source: the readme of the scene flow development kit and
https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php (images, disparities, object maps,
calibration, the multi-view extension), https://www.cvlibs.net/datasets/kitti/eval_semseg.php
(classes as in Cityscapes); Menze and Geiger, "Object Scene Flow for Autonomous Vehicles", CVPR
2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.cityscapes_classes import CITYSCAPES_CLASSES, CITYSCAPES_OBJECTS, training_ids
from nas.data.image_files import check_file, check_size, read_label, read_rgb, stamp_files
from nas.data.kitti.calibration import read_camera
from nas.data.kitti.number_files import read_calibration_file
from nas.data.kitti.specs import SEGMENTATION
from nas.data.kitti.splitting import PICKED, split_in_time
from nas.data.source import IGNORE, DataError, Frame, Split
from nas.resolution import Resolution
from search_spaces.default_tasks import DEPTH, MOTION

_READER = 1
#: Folder of a task's labels, and the download that has it.
_FOLDERS = {
    "segmentation": ("semantic", "data_semantics.zip"),
    "depth": ("disp_occ_0", "data_scene_flow.zip"),
    "motion": ("obj_map", "data_scene_flow.zip"),
}
_CALIBRATION = "calib_cam_to_cam"
_TASKS = (SEGMENTATION, DEPTH, MOTION)
#: Disparities are stored as pixels × 256.
_DISPARITY_SCALE = 256
#: Training ids of what can move but never has an object map, which are fitted to cars alone.
_OTHER_MOVERS = [CITYSCAPES_CLASSES.index(name) for name in CITYSCAPES_OBJECTS if name != "car"]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    image: Path
    previous: Path | None
    labels: dict[str, Path]
    calibration: Path | None

    def files(self) -> list[Path]:
        extra = [path for path in (self.previous, self.calibration) if path is not None]
        return [self.image, *self.labels.values(), *extra]


class KittiScenesSource:
    """The 200 training scenes, in the folder that holds ``training``'s folders.

    The labelled frame is ``NNNNNN_10``; the frame before it is ``NNNNNN_09`` of the multi-view
    extension, where that is unpacked over it. Depth comes from the disparity of all pixels, by
    baseline × focal length / disparity. Moving are the pixels of ``obj_map``, which has the cars
    that move; where classes are labelled too, persons, riders, two-wheelers, trucks, buses and
    trains are 255, for nobody fitted models to them. Which labels there are depends on the folders
    that are there. The first 70 % of scenes are train, then val and test 15 % each, one scene left
    out between two splits, for numbers follow the drives that scenes were picked from.
    """

    name = "kitti_2015"

    def __init__(self, training: Path) -> None:
        folders = {
            task: training / folder
            for task, (folder, _) in _FOLDERS.items()
            if (training / folder).is_dir()
        }
        if not folders:
            needed = ", ".join(f"{folder} ({zip_})" for folder, zip_ in _FOLDERS.values())
            raise DataError(f"{training}: there are no labels, unpack at least one of {needed}")
        images = sorted((training / "image_2").glob("[0-9]*_10.png"))
        scenes = [_scene(training, image, folders) for image in images]
        self._scenes = split_in_time(scenes, PICKED)
        self.tasks = tuple(task for task in _TASKS if task.name in folders)
        self.has_previous = any(scene.previous for scene in scenes)

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._scenes[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        scene = self._scenes[split][index]
        image = read_rgb(scene.image)
        previous = None
        if scene.previous is not None:
            previous = read_rgb(scene.previous)
            check_size(previous.shape, image.shape, scene.previous, scene.image)
        values = {task: read_label(path) for task, path in scene.labels.items()}
        for task, value in values.items():
            check_size(value.shape, image.shape, scene.labels[task], scene.image)
        return Frame(image=image, previous=previous, labels=_labels(values, scene))

    def fingerprint(self) -> str:
        """Changes with size or time of any file of any scene."""
        files = (f for scenes in self._scenes.values() for scene in scenes for f in scene.files())
        return f"kitti-2015-{_READER}-{stamp_files(files)}"


def _scene(training: Path, image: Path, folders: dict[str, Path]) -> _Scene:
    labels = {task: folder / image.name for task, folder in folders.items()}
    for task, path in labels.items():
        _require(path, f"{image.name} of {_FOLDERS[task][1]}")
    previous = image.with_name(image.name.replace("_10", "_09"))
    calibration = training / _CALIBRATION / f"{image.stem.removesuffix('_10')}.txt"
    if "depth" in labels:
        _require(calibration, "data_scene_flow_calib.zip, which turns disparity into metres")
    return _Scene(
        image=image,
        previous=previous if previous.is_file() else None,
        labels=labels,
        calibration=calibration if "depth" in labels else None,
    )


def _require(path: Path, source: str) -> None:
    try:
        check_file(path)
    except DataError as error:
        raise DataError(f"{error}; unpack {source}, or remove the folder {path.parent}") from error


def _labels(
    values: dict[str, NDArray[np.generic]], scene: _Scene
) -> dict[str, NDArray[np.generic]]:
    labels: dict[str, NDArray[np.generic]] = {}
    classes = None
    if "segmentation" in values:
        classes = training_ids(values["segmentation"], scene.labels["segmentation"])
        labels["segmentation"] = classes
    if "depth" in values and scene.calibration is not None:
        labels["depth"] = _metres(values["depth"], scene.labels["depth"], scene.calibration)
    if "motion" in values:
        labels["motion"] = _moving(values["motion"], scene.labels["motion"], classes)
    return labels


def _metres(stored: NDArray[np.generic], path: Path, calibration: Path) -> NDArray[np.float32]:
    """Metres along the optical axis ``(H, W)``, 0 where there is no disparity."""
    if stored.dtype.kind not in "ui" or stored.dtype.itemsize == 1:
        raise DataError(
            f"{path}: the disparity holds {stored.dtype} values, must be 16-bit integers (pixels "
            f"x {_DISPARITY_SCALE}); take it from data_scene_flow.zip again"
        )
    file = read_calibration_file(calibration)
    left, right = (read_camera(file, f"P_rect_{camera}") for camera in ("02", "03"))
    baseline = float(left.offset[0] - right.offset[0])
    if baseline <= 0:
        raise DataError(
            f"{calibration}: camera 03 is {baseline:g} m right of camera 02, must be positive; "
            "take it from data_scene_flow_calib.zip again"
        )
    disparity = stored.astype(np.float64) / _DISPARITY_SCALE
    metres = np.zeros(disparity.shape, np.float32)
    np.divide(baseline * left.focal, disparity, out=metres, where=disparity > 0, casting="unsafe")
    return metres


def _moving(
    instances: NDArray[np.generic], path: Path, classes: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    if instances.dtype.kind not in "ui":
        raise DataError(
            f"{path}: the object map holds {instances.dtype} values, must be whole numbers; take "
            "it from data_scene_flow.zip again"
        )
    moving = instances.astype(np.int64) > 0
    unknown = np.zeros_like(moving) if classes is None else np.isin(classes, _OTHER_MOVERS)
    return np.where(moving, 1, np.where(unknown, IGNORE, 0)).astype(np.uint8)
