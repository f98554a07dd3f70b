from __future__ import annotations

import numpy as np

from nas.data.fitting import fit_frame, resize_image
from nas.data.source import Frame
from nas.resolution import Resolution


def test_smaller_images_are_means_over_areas() -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (96, 128, 3), np.uint8)
    resized = resize_image(image, Resolution(64, 32))
    expected = image.reshape(32, 3, 64, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert resized.shape == (3, 32, 64)
    assert np.abs(resized - expected).max() <= 1


def test_image_of_its_own_size_is_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    np.testing.assert_array_equal(resize_image(image, Resolution(48, 32)), image.transpose(2, 0, 1))


def test_larger_images_and_other_aspect_ratios_are_squeezed() -> None:
    image = np.zeros((40, 200, 3), np.uint8)
    image[:, 100:] = 200
    resized = resize_image(image, Resolution(64, 64))
    assert (resized[:, :, :30] == 0).all()
    assert (resized[:, :, -30:] == 200).all()


def test_one_stream_leaves_the_previous_frame_out() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    frame = Frame(image=image, previous=image + 9)
    one = fit_frame(frame, {}, Resolution(32, 32), streams=1, where="here")
    two = fit_frame(frame, {}, Resolution(32, 32), streams=2, where="here")
    assert one.streams.shape == (1, 3, 32, 32)
    assert [int(stream.max()) for stream in two.streams] == [0, 9]
