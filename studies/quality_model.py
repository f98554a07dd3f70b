"""A Gaussian process that predicts a candidate's quality, also from cheaper, earlier values.

k((x, s), (x', s')) = (v exp(-r) + u Σ w_p x_p x'_p) · exp(-λ |s - s'|) with
r² = Σ w_p (x_p - x'_p)²: an exponential kernel (Rasmussen & Williams 2006, equation 4.18, γ = 1)
with a weight for each feature, and a linear one with the same weights, since much of what choices
do adds up. Matérn and smoother kernels predicted recorded networks worse: one choice can matter
much. The last factor ties the stages s of training of one candidate together, as in MOBSTER (Klein
et al. 2020, arXiv:2003.10865), with a correlation that is learnt. Weights, u, v, noise and λ are
the most probable ones under log-normal priors, found by gradient steps of bounded number from the
same start, so that they follow from the observations alone. The priors of v and u are tight: trials
that gather where all are alike would else make v, and doubt everywhere, too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 45
_FIRST_STEP, _LEAST_STEP, _LARGEST_STEP = 0.1, 1e-3, 0.7
_JITTER = 1e-6
#: Rows whose squared distance is below are the same one.
_SAME = 1e-12
#: Prior means and deviations of the logarithms of v, u, noise and λ.
_PRIOR = (
    (0.0, 0.4),
    (math.log(0.1), 0.7),
    (math.log(1e-3), 1.5),
    (math.log(0.1), 1.5),
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which weights the feature columns share: log w = ``ties`` @ logarithms, and their priors.

    ``ties`` is (P, H), ``mean`` and ``deviation`` (H,): the prior of each logarithm.
    """

    ties: Array
    mean: Array
    deviation: Array


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Features (N, P), stage of training (N,) and value (N,); the last stage is 0."""

    features: Array
    stage: Array
    value: Array

    def and_also(self, other: Observations) -> Observations:
        """These and others."""
        return Observations(
            features=np.concatenate([self.features, other.features]),
            stage=np.concatenate([self.stage, other.stage]),
            value=np.concatenate([self.value, other.value]),
        )


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """Hyper-parameters: w for each feature, v, u, variance of noise, and decay λ along stages."""

    weights: Array
    variance: float
    linear: float
    noise: float
    decay: float

    @classmethod
    def from_logarithms(cls, logarithms: Array, layout: Layout) -> Self:
        """From the vector that is fitted: tied weights first, then v, u, noise and λ."""
        variance, linear, noise, decay = np.exp(logarithms[-4:])
        weights = np.exp(layout.ties @ logarithms[:-4])
        return cls(weights=weights, variance=variance, linear=linear, noise=noise, decay=decay)


def squared_distance(a: Array, b: Array, weights: Array) -> Array:
    """Weighted squared distances of the rows of (N, P) and (C, P), (N, C)."""
    weighted = a * weights
    square: Array = (weighted * a).sum(axis=1)[:, None] + (b * b) @ weights - 2 * weighted @ b.T
    np.maximum(square, 0.0, out=square)
    return square


def fit(observations: Observations, layout: Layout) -> Kernel:
    """The most probable kernel given the observations; the same for the same observations."""
    posterior = _Posterior(observations, layout)
    logarithms = posterior.mean.copy()
    step, before = np.full(len(logarithms), _FIRST_STEP), np.zeros(len(logarithms))
    best, least = logarithms, np.inf
    for _ in range(_STEPS):  # iRprop⁻ (Igel & Hüsken 2000): the signs of the gradient alone
        loss, gradient = posterior.loss(logarithms)
        if loss < least:
            best, least = logarithms, loss
        sign = np.sign(gradient * before)
        step = np.clip(
            step * np.select([sign > 0, sign < 0], [1.3, 0.5], 1.0), _LEAST_STEP, _LARGEST_STEP
        )
        before = np.where(sign < 0, 0.0, gradient)
        logarithms = logarithms - np.sign(before) * step
    return Kernel.from_logarithms(best, layout)


class _Posterior:
    """Minus the logarithm of the posterior of a kernel's logarithms, with its gradient."""

    def __init__(self, observations: Observations, layout: Layout) -> None:
        prior = np.array(_PRIOR)
        self.mean = np.concatenate([layout.mean, prior[:, 0]])
        self._deviation = np.concatenate([layout.deviation, prior[:, 1]])
        self._observations, self._layout = observations, layout
        self._value = _standard(observations.value)[0]
        self._square = observations.features**2
        self._apart = np.abs(observations.stage[:, None] - observations.stage[None, :])

    def loss(self, logarithms: Array) -> tuple[float, Array]:
        """Rasmussen & Williams 2006, equations 5.8 and 5.9, plus the prior."""
        kernel = Kernel.from_logarithms(logarithms, self._layout)
        features, n = self._observations.features, len(self._value)
        r = squared_distance(features, features, kernel.weights)
        r = np.sqrt(np.where(r > _SAME, r, 0.0))
        decay = np.exp(-kernel.decay * self._apart)
        smooth = kernel.variance * np.exp(-r) * decay
        linear = kernel.linear * (features * kernel.weights) @ features.T * decay
        covariance = smooth + linear
        root = np.linalg.cholesky(covariance + (kernel.noise + _JITTER) * np.eye(n))
        half = np.linalg.inv(root)
        inverse = half.T @ half
        alpha = inverse @ self._value
        off = (logarithms - self.mean) / self._deviation
        loss = 0.5 * self._value @ alpha + np.log(np.diag(root)).sum() + 0.5 * off @ off

        outer = 0.5 * (inverse - np.outer(alpha, alpha))
        by_covariance = outer * covariance
        # d exp(-r) / d r² = -exp(-r) / 2r; the distance of a row from itself stays 0
        by_square = -0.5 * outer * smooth / np.where(r > 0, r, np.inf)
        by_product = kernel.linear * outer * decay - 2 * by_square
        by_weight = 2 * (self._square.T @ by_square.sum(axis=1)) + np.einsum(
            "np,np->p", features, by_product @ features
        )
        gradient = off / self._deviation
        gradient[:-4] += self._layout.ties.T @ (by_weight * kernel.weights)
        gradient[-4] += (outer * smooth).sum()
        gradient[-3] += (outer * linear).sum()
        gradient[-2] += np.trace(outer) * kernel.noise
        gradient[-1] -= (by_covariance * self._apart).sum() * kernel.decay
        return float(loss), gradient


class QualityModel:
    """The process given a kernel and observations; predicts at the last stage.

    It is solved in double precision; what follows for candidates is computed in single precision,
    which halves the time and is far below the noise.
    """

    def __init__(self, kernel: Kernel, observations: Observations) -> None:
        self._kernel = kernel
        self._rows = _scaled(observations.features, kernel)
        self._stage = torch.from_numpy(observations.stage)
        value, self._mean, self._scale = _standard(observations.value)
        covariance = self._covariance(self._rows, self._stage)
        covariance.diagonal().add_(kernel.noise + _JITTER)
        root = torch.linalg.cholesky(covariance)
        alpha = torch.cholesky_solve(torch.from_numpy(value)[:, None], root)
        self._root, self._alpha = root.float(), alpha[:, 0].float()

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation, (C,) each, of candidates (C, P) at the last stage."""
        asked = _scaled(features, self._kernel).float()
        across = self._covariance(asked, torch.zeros(len(asked)))  # (N, C)
        solved = torch.linalg.solve_triangular(self._root, across, upper=False)
        mean = (self._alpha @ across).double().numpy()
        alone = self._kernel.variance + self._kernel.linear * asked.square().sum(dim=1)
        variance = (alone - (solved * solved).sum(dim=0)).double().numpy()
        deviation = np.sqrt(np.maximum(variance, _JITTER))
        return self._mean + self._scale * mean, self._scale * deviation

    def _covariance(self, rows: torch.Tensor, stage: torch.Tensor) -> torch.Tensor:
        """Covariance of each observation with each of C rows, (N, C), in their precision."""
        own = self._rows.to(rows.dtype)
        product = own @ rows.T
        square = own.square().sum(1)[:, None] + rows.square().sum(1) - 2 * product
        root = square.clamp_(min=0.0).sqrt_()
        covariance = root.neg_().exp_().mul_(self._kernel.variance) + self._kernel.linear * product
        if self._stage.any():
            own_stage = self._stage.to(rows.dtype)
            apart = (own_stage[:, None] - stage.to(rows.dtype)).abs()
            covariance *= torch.exp(-self._kernel.decay * apart)
        return covariance


def _scaled(features: Array, kernel: Kernel) -> torch.Tensor:
    """Rows whose plain squared distance is the kernel's weighted one."""
    return torch.from_numpy(features * np.sqrt(kernel.weights))


def _standard(value: Array) -> tuple[Array, float, float]:
    """Values of mean 0 and deviation 1, with what the mean and the deviation were."""
    mean, deviation = float(value.mean()), float(value.std())
    scale = deviation if deviation > 0 else 1.0
    return (value - mean) / scale, mean, scale
