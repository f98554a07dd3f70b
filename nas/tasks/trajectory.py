"""Trajectories of a camera, and how KITTI's odometry benchmark measures their errors.

Source: the benchmark's development kit, ``evaluate_odometry.cpp`` (cvlibs.net, "Visual Odometry /
SLAM Evaluation 2012"; Geiger, Lenz and Urtasun, "Are we ready for autonomous driving?", CVPR 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Metres of path that the benchmark measures drift over.
SEGMENT_LENGTHS = (100, 200, 300, 400, 500, 600, 700, 800)
#: A segment starts at every tenth frame: one a second.
SEGMENT_STEP = 10


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Stretches of a trajectory, ``(N,)`` each: metres of path, metres and radians of error."""

    length: Array
    translation: Array
    rotation: Array


def poses(vectors: Array) -> Array:
    """Rigid motions ``(N, 4, 4)`` of translations in metres and rotation vectors in radians.

    ``vectors`` is ``(N, 6)``. Rotations by Rodrigues' formula.
    """
    angle = np.linalg.norm(vectors[:, 3:], axis=1)
    axis = vectors[:, 3:] / np.maximum(angle, 1e-12)[:, None]
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 2, 1], cross[:, 0, 2], cross[:, 1, 0] = axis.T
    cross -= cross.transpose(0, 2, 1)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    motion = np.tile(np.eye(4), (len(vectors), 1, 1))
    motion[:, :3, :3] += sine * cross + (1 - cosine) * (cross @ cross)
    motion[:, :3, 3] = vectors[:, :3]
    return motion


def chain(motions: Array) -> Array:
    """Poses ``(N + 1, 4, 4)`` in the axes of the first one, of motions from each to the next."""
    path = np.tile(np.eye(4), (len(motions) + 1, 1, 1))
    for index, motion in enumerate(motions):
        path[index + 1] = path[index] @ motion
    return path


def path_lengths(path: Array) -> Array:
    """Metres travelled from the first pose to each, ``(N,)``."""
    steps = np.linalg.norm(np.diff(path[:, :3, 3], axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def benchmark_segments(truth: Array, guess: Array) -> Segments:
    """Every segment that the benchmark measures of two paths ``(N, 4, 4)``; none of short ones.

    From every tenth frame to the first one that is more than 100, 200, … 800 m down the true path.
    Lengths are these round numbers, which the benchmark divides errors by.
    """
    travelled = path_lengths(truth)
    starts = np.arange(0, len(truth), SEGMENT_STEP)
    firsts = np.repeat(starts, len(SEGMENT_LENGTHS))
    wanted = np.tile(np.array(SEGMENT_LENGTHS, np.float64), len(starts))
    lasts = np.searchsorted(travelled, travelled[firsts] + wanted, side="right")
    there = lasts < len(truth)
    translation, rotation = drift(truth, guess, firsts[there], lasts[there])
    return Segments(length=wanted[there], translation=translation, rotation=rotation)


def whole_segment(truth: Array, guess: Array) -> Segments:
    """All of a path as one segment, with the metres that it has."""
    last = np.array([len(truth) - 1])
    translation, rotation = drift(truth, guess, np.array([0]), last)
    return Segments(length=path_lengths(truth)[last], translation=translation, rotation=rotation)


def single_segments(truth: Array, guess: Array) -> Segments:
    """Motions ``(N, 4, 4)`` that continue none as a segment each."""
    translation, rotation = _difference(truth, guess)
    length = np.linalg.norm(truth[:, :3, 3], axis=1)
    return Segments(length=length, translation=translation, rotation=rotation)


def drift(
    truth: Array, guess: Array, firsts: NDArray[np.intp], lasts: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Metres and radians ``(N,)`` by which the motions from first to last frames differ."""
    true_motion = _inverse(truth[firsts]) @ truth[lasts]
    return _difference(true_motion, _inverse(guess[firsts]) @ guess[lasts])


def _inverse(motions: Array) -> Array:
    """Of rigid motions ``(N, 4, 4)``."""
    back = motions[:, :3, :3].transpose(0, 2, 1)
    inverse = np.tile(np.eye(4), (len(motions), 1, 1))
    inverse[:, :3, :3] = back
    inverse[:, :3, 3:] = -back @ motions[:, :3, 3:]
    return inverse


def _difference(truth: Array, guess: Array) -> tuple[Array, Array]:
    """Metres and radians ``(N,)`` between motions ``(N, 4, 4)``.

    The angle is the benchmark's arc cosine of the trace, computed as an arc tangent: near zero
    the arc cosine loses half of its digits.
    """
    error = _inverse(guess) @ truth
    turn = error[:, :3, :3]
    twist = (turn - turn.transpose(0, 2, 1))[:, [2, 0, 1], [1, 2, 0]]
    sine = np.linalg.norm(twist, axis=1) / 2
    cosine = (np.trace(turn, axis1=1, axis2=2) - 1) / 2
    return np.linalg.norm(error[:, :3, 3], axis=1), np.arctan2(sine, cosine)
