from __future__ import annotations

import pytest

from nas.resolution import Resolution


@pytest.mark.parametrize("text", ["1024x512", " 1024 X 512 ", "1024×512"])
def test_width_comes_first(text: str) -> None:
    assert Resolution.parse(text) == Resolution(1024, 512)


@pytest.mark.parametrize("text", ["1024", "1024x", "1024x512x3", "-64x64", "a x b", "", "64.5x64"])
def test_other_forms_are_explained(text: str) -> None:
    with pytest.raises(ValueError, match="write width and height as in 1024x512"):
        Resolution.parse(text)


@pytest.mark.parametrize(("width", "height", "side"), [(31, 64, "width"), (64, 20000, "height")])
def test_sides_have_limits(width: int, height: int, side: str) -> None:
    with pytest.raises(ValueError, match=f"{side} is"):
        Resolution(width, height)


def test_sides_are_padded_to_the_encoders_stride() -> None:
    assert Resolution(1242, 375).padded == Resolution(1248, 384)
    assert Resolution(1024, 512).padded == Resolution(1024, 512)


def test_it_is_written_as_it_is_read() -> None:
    assert Resolution.parse(str(Resolution(640, 384))) == Resolution(640, 384)
