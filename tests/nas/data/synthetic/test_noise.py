import numpy as np

from nas.data.synthetic.noise import FRACTAL, fractal_noise, fraction, hashed

PLACES = np.random.default_rng(0).uniform(-50, 50, (2, 4000)).astype(np.float32)


def at(footprint: float, shift: float = 0.0) -> np.ndarray:
    u, v = PLACES
    return FRACTAL.at(u + np.float32(shift), v, np.full(4000, footprint, np.float32), 0.1)


def test_noise_belongs_to_the_place():
    np.testing.assert_array_equal(at(0.05), at(0.05))
    assert np.corrcoef(at(0.05), at(0.05, shift=3.0))[0, 1] < 0.3
    np.testing.assert_array_equal(fractal_noise(20).table, FRACTAL.table)


def test_what_is_finer_than_a_pixel_is_gone():
    contrast = [at(footprint).std() for footprint in (0.05, 0.4, 1.6, 6.4)]
    assert contrast == sorted(contrast, reverse=True)
    assert 0.9 < contrast[0] < 1.1
    assert contrast[-1] < 0.5


def test_patterns_differ():
    u, v = PLACES
    fine = np.full(4000, 0.05, np.float32)
    assert abs(np.corrcoef(FRACTAL.at(u, v, fine, 0.1, 5000), at(0.05))[0, 1]) < 0.3


def test_hashes_are_spread_over_the_unit_interval():
    values = hashed(np.arange(-5000, 5000, dtype=np.int32))
    assert values.min() >= 0
    assert values.max() < 1
    assert np.histogram(values, 10, (0, 1))[0].min() > 800


def test_fraction_is_the_rest_above_the_next_lower_integer():
    np.testing.assert_allclose(fraction(np.array([-1.25, 0.0, 2.5], np.float32)), [0.75, 0, 0.5])
