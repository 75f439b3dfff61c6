"""Images with more than 8 bits a pixel: the range of their values, and its map to 0 to 255."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ValueRange = tuple[float, float]
"""The values that become black and white."""

FULL_RANGE: ValueRange = (0.0, 65535.0)
"""Range of 16-bit values."""
HIGHEST_VALUES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""Highest values of the usual depths: shares, and 8, 10, 12, 14 and 16 bits."""


def is_deep(mode: str) -> bool:
    """Whether the images of a Pillow mode have one channel of more than 8 bits."""
    return mode.startswith("I;16") or mode in ("I", "F")


def common_range(ranges: Iterable[ValueRange]) -> ValueRange:
    """Range for all deep images of a data set, so that a dark image stays darker than a bright one.

    Values from zero get the range of the lowest usual depth that holds all of them: 12-bit values in 16-bit files keep
    their contrast. Other values get the range from the lowest to the highest of them.

    Parameters
    ----------
    ranges : iterable of (float, float)
        Lowest and highest value of each image; none for images of 8 bits only.
    """
    every = list(ranges)
    if not every:
        return FULL_RANGE
    low, high = min(low for low, _ in every), max(high for _, high in every)
    if low < 0 or high > HIGHEST_VALUES[-1]:
        return low, high
    return 0.0, next(highest for highest in HIGHEST_VALUES if high <= highest)


def value_range(values: NDArray[np.generic]) -> ValueRange:
    """Lowest and highest finite value of an image; zeros if it has none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def to_bytes(values: NDArray[np.generic], limits: ValueRange) -> NDArray[np.uint8]:
    """Map the values from `limits` to 0 to 255; lower and higher ones are clipped, and NaN becomes black."""
    low, high = limits
    shares = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / ((high - low) or 1.0)
    return np.rint(np.clip(shares, 0.0, 1.0) * 255.0).astype(np.uint8)
