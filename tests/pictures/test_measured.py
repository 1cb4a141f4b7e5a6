"""Pictures of instruments: values that are no brightness become one that shows something."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, TiffImagePlugin

from studio.pictures.normalise import normalise

RAMP = np.tile(np.linspace(0, 1, 500), (40, 1))


def shown(values: npt.NDArray[np.generic], format: str, **given: object) -> npt.NDArray[np.uint8]:
    """The greys of the clean picture."""
    out = io.BytesIO()
    Image.fromarray(values).save(out, format, **given)
    with Image.open(io.BytesIO(normalise(out.getvalue()).data)) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ((RAMP * 4095).astype(np.uint16), "PNG"),  # a camera of 12 bits
        ((RAMP * 1000).astype(np.uint16), "TIFF"),
        ((7000 + RAMP * 1500).astype(np.uint16), "TIFF"),  # counts of a thermal camera
        ((29_000 + RAMP * 2000).astype(np.uint16), "PNG"),  # hundredths of a kelvin
        ((RAMP * 60 - 20).astype(np.int32), "TIFF"),  # degrees
        ((RAMP * 60 - 20).astype(np.float32), "TIFF"),
        ((273 + RAMP * 40).astype(np.float32), "TIFF"),
        (RAMP.astype(np.float32), "TIFF"),
        ((RAMP * 65535).astype(np.uint16), "PNG"),
    ],
)
def test_a_ramp_goes_from_black_to_white(values: npt.NDArray[np.generic], format: str) -> None:
    greys = shown(values, format)
    assert greys.min() <= 2 and greys.max() >= 253 and greys[0, 0] < greys[0, 250] < greys[0, -1]


def test_a_dark_photo_stays_dark_and_a_plain_one_plain() -> None:
    assert 60 <= shown((RAMP * 0.3 * 65535).astype(np.uint16), "PNG").max() <= 80
    for value in (0, 300, 30_000, 65_535):
        assert np.ptp(shown(np.full((20, 20), value, np.uint16), "PNG")) == 0


def test_white_may_be_zero_and_values_may_be_missing() -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[262] = 0
    greys = shown((RAMP * 4095).astype(np.uint16), "TIFF", tiffinfo=info)
    assert greys[0, 0] > 250 and greys[0, -1] < 5
    values = RAMP.astype(np.float32) * 100
    values[3] = np.nan
    values[4] = np.inf
    assert shown(values, "TIFF").max() > 90
