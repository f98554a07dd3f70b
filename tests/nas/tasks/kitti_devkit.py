"""KITTI's odometry metrics written down frame by frame, and drives to measure."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np


def reference_errors(truth: np.ndarray, guess: np.ndarray) -> list[tuple[float, float, float]]:
    """(length, translation error, rotation error) as ``evaluate_odometry.cpp`` goes about it."""
    distances = [0.0]
    for before, after in pairwise(truth):
        distances.append(distances[-1] + math.dist(before[:3, 3], after[:3, 3]))
    errors = []
    for first in range(0, len(truth), 10):
        for length in (100, 200, 300, 400, 500, 600, 700, 800):
            last = next(
                (i for i in range(first, len(truth)) if distances[i] > distances[first] + length),
                None,
            )
            if last is None:
                continue
            true_delta = np.linalg.inv(truth[first]) @ truth[last]
            guessed_delta = np.linalg.inv(guess[first]) @ guess[last]
            error = np.linalg.inv(guessed_delta) @ true_delta
            cosine = max(min(0.5 * (np.trace(error[:3, :3]) - 1), 1), -1)
            errors.append((length, float(np.linalg.norm(error[:3, 3])), math.acos(cosine)))
    return errors


def drive(frames: int, seed: int) -> np.ndarray:
    """Motions ``(frames, 6)`` of a winding road, about 1.2 m a frame."""
    generator = np.random.default_rng(seed)
    motions = generator.normal(0, (0.02, 0.02, 0.2, 0.002, 0.01, 0.002), (frames, 6))
    motions[:, 2] += 1.2
    motions[:, 4] += 0.02 * np.sin(np.arange(frames) / 60)
    return motions
