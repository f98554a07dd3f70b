"""Average precision of boxes, as COCO defines it, by its own code (``pycocotools``)."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nas.data.source import IGNORE
from nas.tasks.box_decoding import MOST_DETECTIONS, Boxes

#: Boxes are judged in a frame of so many pixels a side. Overlaps are the same in any frame, and
#: COCO's small, medium and large objects, in pixels of its own pictures, are not told apart.
_SIDE = 1000.0


class AveragePrecision:
    """Collects true and found boxes frame by frame, then judges all of them."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._frames = 0
        self._truth: list[dict[str, Any]] = []  # COCO's annotations
        self._found: list[dict[str, Any]] = []

    def add(self, truth: NDArray[np.float32], found: Boxes) -> None:
        """One frame: its true boxes ``(N, 5)`` with their class or 255, and those found."""
        self._frames += 1
        for kind, *corners in truth.tolist():
            kinds = range(len(self._classes)) if kind == IGNORE else (int(kind),)
            for each in kinds:
                self._truth.append(self._annotation(self._truth, each, corners))
                self._truth[-1]["iscrowd"] = int(kind == IGNORE)
        rows = zip(found.kinds.tolist(), found.scores.tolist(), found.corners.tolist(), strict=True)
        for each, score, corners in rows:
            self._found.append(self._annotation(self._found, each, corners))
            self._found[-1]["score"] = score

    def _annotation(
        self, others: list[dict[str, Any]], kind: int, corners: list[float]
    ) -> dict[str, Any]:
        x1, y1, x2, y2 = (corner * _SIDE for corner in corners)
        return {
            "id": len(others) + 1,  # COCO takes a match with id 0 for none
            "image_id": self._frames,
            "category_id": kind,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
        }

    def result(self) -> dict[str, float]:
        """``map_50``, ``map`` and ``ap_50_<class>``: shares, higher is better.

        Means are over the classes that occur in the truth, a class that does not has 0; without
        any object all are 0.
        """
        if not any(not truth["iscrowd"] for truth in self._truth):
            precision = np.full((10, 1, len(self._classes)), -1.0)
        else:
            precision = self._precision()
        single = [_mean(precision[0, :, index]) for index in range(len(self._classes))]
        return {
            "map_50": _mean(precision[0]),
            "map": _mean(precision),
            **{f"ap_50_{name}": ap for name, ap in zip(self._classes, single, strict=True)},
        }

    def _precision(self) -> NDArray[np.float64]:
        """Precision ``(T, R, C)`` at overlaps 0.5 to 0.95 and 101 recalls; -1: no such object."""
        with redirect_stdout(StringIO()):  # it prints its progress
            judge = COCOeval(self._coco(self._truth), self._coco(self._found), "bbox")
            judge.params.maxDets = [MOST_DETECTIONS]
            judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
            judge.evaluate()
            judge.accumulate()
        return np.asarray(judge.eval["precision"][..., 0, 0], np.float64)

    def _coco(self, annotations: list[dict[str, Any]]) -> Any:
        coco = COCO()
        coco.dataset = {
            "images": [{"id": index + 1} for index in range(self._frames)],
            "categories": [{"id": index} for index in range(len(self._classes))],
            "annotations": annotations,
        }
        coco.createIndex()
        return coco


def _mean(precision: NDArray[np.float64]) -> float:
    """The mean of what is known; 0 where nothing is."""
    known = precision[precision > -1]
    return float(known.mean()) if known.size else 0.0
