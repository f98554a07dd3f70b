"""The quality model: its gradient, what it predicts, and what it learns from early values."""

import numpy as np
import pytest

from studies.quality_model import Layout, Observations, QualityModel, _Posterior, fit


def _layout(columns: int) -> Layout:
    return Layout(ties=np.eye(columns), mean=np.zeros(columns), deviation=np.ones(columns))


def _observations(
    features: np.ndarray, value: np.ndarray, stage: np.ndarray | None = None
) -> Observations:
    return Observations(
        features=features, value=value, stage=np.zeros(len(value)) if stage is None else stage
    )


def test_gradient_agrees_with_differences() -> None:
    rng = np.random.default_rng(0)
    features, stage = rng.random((12, 3)), rng.choice([-2.0, -1.0, 0.0], 12)
    posterior = _Posterior(_observations(features, rng.random(12), stage), _layout(3))
    at = posterior.mean + 0.3 * rng.standard_normal(len(posterior.mean))
    gradient = posterior.loss(at)[1]
    for i in range(len(at)):
        step = np.zeros(len(at))
        step[i] = 1e-5
        slope = (posterior.loss(at + step)[0] - posterior.loss(at - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_a_feature_without_effect_loses_its_weight() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((60, 2))
    kernel = fit(_observations(features, np.sin(5 * features[:, 0])), _layout(2))
    assert kernel.weights[0] > 10 * kernel.weights[1]


def test_predictions_pass_near_observations_and_doubt_far_ones() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((40, 2))
    value = 100 + 10 * features[:, 0]
    observations = _observations(features, value)
    model = QualityModel(fit(observations, _layout(2)), observations)
    mean, deviation = model.predict(np.vstack([features, [[9.0, 9.0]]]))
    assert mean[:-1] == pytest.approx(value, abs=1.0)
    assert deviation[-1] > 5 * deviation[:-1].max()


def test_early_values_help_where_final_ones_are_missing() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((60, 2))
    value = np.sin(6 * features[:, 0]) + features[:, 1]
    final = _observations(features[:8], value[:8])
    early = _observations(features, value + 0.05 * rng.standard_normal(60), np.full(60, -2.0))
    alone = QualityModel(fit(final, _layout(2)), final)
    both = final.and_also(early)
    together = QualityModel(fit(both, _layout(2)), both)
    errors = [np.abs(m.predict(features[8:])[0] - value[8:]).mean() for m in (alone, together)]
    assert errors[1] < 0.5 * errors[0]


def test_equal_values_give_a_model_too() -> None:
    observations = _observations(np.eye(3), np.full(3, 7.0))
    mean, deviation = QualityModel(fit(observations, _layout(3)), observations).predict(np.eye(3))
    assert mean == pytest.approx(np.full(3, 7.0))
    assert np.isfinite(deviation).all()
