"""Boxes against the object masks that they are drawn around."""

import numpy as np

from nas.data.synthetic import SyntheticSource, render_frame
from nas.data.synthetic.boxes import FEWEST_PIXELS, visible_boxes
from nas.data.synthetic.render import View
from nas.data.synthetic.solids import Box
from nas.data.synthetic.world import CLASSES, Material, Part, Thing
from nas.resolution import Resolution
from search_spaces.default_tasks import DETECTION_CLASSES

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=5)


def block(kind: str, x: float, y: float, size: tuple[float, float, float]) -> Thing:
    length, width, height = size
    solid = Box(low=(-length / 2, -width / 2, 0.0), high=(length / 2, width / 2, height))
    part = Part(solid=solid, material=Material.METAL, colour=(0.3, 0.3, 0.3))
    return Thing(kind=kind, x=x, y=y, yaw=0.0, size=size, parts=(part,), pattern=1)


CAR, POST = (4.0, 2.0, 1.5), (0.2, 0.2, 3.0)


def nothing_hidden(view: View) -> np.ndarray:
    return np.zeros(view.depth.shape, bool)


def brute_force(view: View, kinds: list[str], hidden: np.ndarray) -> np.ndarray:
    height, width = view.object_id.shape
    found = []
    for number, kind in enumerate(kinds):
        mask = view.object_id == number
        if kind not in DETECTION_CLASSES or not mask.any():
            continue
        seen = mask & ~hidden
        enough = seen.sum() >= FEWEST_PIXELS
        rows, columns = np.nonzero(seen if enough else mask)
        left, right = columns.min() / width, (columns.max() + 1) / width
        top, bottom = rows.min() / height, (rows.max() + 1) / height
        label = DETECTION_CLASSES.index(kind) if enough else 255
        found.append((label, left, top, right, bottom))
    return np.array(found, np.float32).reshape(-1, 5)


def test_boxes_hold_what_is_seen_of_each_object():
    rng, classes = np.random.default_rng(0), set()
    for index in range(12):
        world = SOURCE.world("val", index)
        view = render_frame(world, 0.0, world.ego.camera(0.0), SMALL)
        hidden = rng.random((64, 128)) < 0.3 * (index % 2)
        hidden[:, : 10 * (index % 3)] = True
        boxes = visible_boxes(view, world.things, hidden)
        expected = brute_force(view, [thing.kind for thing in world.things], hidden)
        np.testing.assert_array_equal(boxes, expected)
        classes |= set(boxes[:, 0].tolist())
    assert classes == {0, 1, 255}


def test_a_box_is_where_geometry_puts_it(flat_world, eye):
    world = flat_world(block("vehicle", 12.0, 1.0, CAR))  # its back is 10 m away
    view = render_frame(world, 0.0, eye, Resolution(512, 256))
    ((label, *box),) = visible_boxes(view, world.things, nothing_hidden(view))
    focal_x, focal_y = 0.6, 1.2
    left, right = 0.5 - focal_x * 2.0 / 10, 0.5 + focal_x * 0.0 / 10
    top, bottom = 0.5 + focal_y * (1.4 - 1.5) / 10, 0.5 + focal_y * 1.4 / 10
    # The side that faces the camera ends farther away, and the roof is just above the eye.
    np.testing.assert_allclose(box[0], left, atol=1 / 512)
    np.testing.assert_allclose(box[2], right, atol=1 / 512)
    np.testing.assert_allclose(box[1::2], [top, bottom], atol=1 / 256)
    assert label == 0


def test_a_vehicle_behind_a_post_is_one_box(flat_world, eye):
    world = flat_world(block("vehicle", 12.0, 0.0, CAR), block("pole", 6.0, 0.0, POST))
    view = render_frame(world, 0.0, eye, SMALL)
    middle = view.object_id[36]
    assert (middle == 1).any()
    left, right = np.flatnonzero(middle == 0)[[0, -1]]
    assert (middle[left:right] == 1).any()  # it is seen left and right of the post
    boxes = visible_boxes(view, world.things, nothing_hidden(view))
    np.testing.assert_allclose(boxes[:, [0, 1, 3]], [[0, left / 128, (right + 1) / 128]])


def test_vehicles_side_by_side_keep_a_box_each(flat_world, eye):
    world = flat_world(*(block("vehicle", 12.0, y, CAR) for y in (-2.0, 0.0, 2.0)))
    view = render_frame(world, 0.0, eye, SMALL)
    row = view.class_id[36] == CLASSES.index("vehicle")
    assert np.diff(np.flatnonzero(row)).max() == 1  # no gap between them
    boxes = visible_boxes(view, world.things, nothing_hidden(view))
    assert len(boxes) == 3
    np.testing.assert_allclose(boxes[1, [1, 3]], [0.5 - 0.06, 0.5 + 0.06], atol=1 / 128)


def test_what_is_too_small_or_hidden_is_ignored_and_what_is_unseen_has_no_box(flat_world, eye):
    far, hidden = block("pedestrian", 45.0, 0.3, (0.4, 0.5, 1.7)), (6.0, 4.0, 3.0)
    world = flat_world(
        far,
        block("vehicle", 12.0, 5.0, CAR),
        block("building", 12.0, -6.0, hidden),
        block("vehicle", 20.0, -10.0, CAR),  # behind the building
    )
    view = render_frame(world, 0.0, eye, SMALL)
    assert 0 < (view.object_id == 0).sum() < FEWEST_PIXELS
    covered = np.zeros(view.depth.shape, bool)
    assert visible_boxes(view, world.things, covered)[:, 0].tolist() == [255, 0]
    covered[:, :60] = True  # dirt over the vehicle on the left
    boxes = visible_boxes(view, world.things, covered)
    assert boxes[:, 0].tolist() == [255, 255]
    assert boxes[1, 1] < 0.4


def test_a_street_without_vehicles_and_people_has_no_boxes(flat_world, eye):
    world = flat_world(block("building", 12.0, -6.0, (6.0, 4.0, 3.0)))
    view = render_frame(world, 0.0, eye, SMALL)
    boxes = visible_boxes(view, world.things, nothing_hidden(view))
    assert (boxes.shape, boxes.dtype) == ((0, 5), np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low = np.maximum(a[:, None, 1:3], b[None, :, 1:3])
    high = np.minimum(a[:, None, 3:], b[None, :, 3:])
    joint = np.clip(high - low, 0, None).prod(-1)
    sizes = [(c[:, 3:] - c[:, 1:3]).prod(-1) for c in (a, b)]
    return joint / (sizes[0][:, None] + sizes[1][None] - joint)


def test_boxes_do_not_depend_on_the_resolution():
    best = []
    for index in range(10):
        small, large = (
            SOURCE.frame("val", index, resolution).labels["detection"]
            for resolution in (SMALL, Resolution(256, 128))
        )
        kept = small[small[:, 0] < 2]
        if len(kept):
            best += overlap(kept, large).max(axis=1).tolist()
    assert len(best) > 40
    assert np.median(best) > 0.85
    assert np.mean(np.array(best) > 0.5) > 0.95
