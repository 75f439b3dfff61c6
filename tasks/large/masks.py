"""Rows chosen by their numbers: a row's number and a seed decide, so that no list of rows is kept or sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CHUNK = 1 << 20  # rows whose numbers are looked at together when rows are counted
_GOLDEN = 0x9E3779B97F4A7C15  # increment of the generator SplitMix64
_MIXERS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Draw:
    """Rows whose random number lies in an interval.

    Parameters
    ----------
    seed : int
        Seed of the random numbers; other seeds give independent numbers.
    low, high : float
        Ends of the interval within 0 and 1; the upper end is outside. If `low` is above `high`, the interval goes from
        `low` over 1, where it begins again at 0, to `high`.
    """

    seed: int
    low: float
    high: float

    def of(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Mask of the rows `start` to `stop` (exclusive) of a table."""
        numbers = random_numbers(np.arange(start, stop), self.seed)
        above, below = numbers >= self.low, numbers < self.high
        return np.asarray(above | below if self.low > self.high else above & below)


@dataclass(frozen=True)
class RowMask:
    """Rows that are in each of some draws; without a draw, all rows.

    Parameters
    ----------
    draws : tuple of Draw
        The draws.
    """

    draws: tuple[Draw, ...] = ()

    def of(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Mask of the rows `start` to `stop` (exclusive) of a table."""
        mask = np.ones(stop - start, bool)
        for draw in self.draws:
            mask &= draw.of(start, stop)
        return mask

    def count(self, start: int, stop: int) -> int:
        """Number of the chosen rows among the rows `start` to `stop` (exclusive)."""
        return sum(int(self.of(a, b).sum()) for a, b in _chunks(start, stop))

    def __and__(self, draw: Draw) -> "RowMask":
        return RowMask((*self.draws, draw))


def random_numbers(rows: npt.NDArray[np.integer[Any]], seed: int) -> npt.NDArray[np.float64]:
    """Random numbers of rows, uniform in [0, 1); each depends on the row's number and on the seed only.

    Parameters
    ----------
    rows : numpy.ndarray of int, shape (n,)
        Numbers of the rows in their table.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    numpy.ndarray of shape (n,), float64

    References
    ----------
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): the output function of SplitMix64
    is applied to the seed, and then to the row's number.

    Examples
    --------
    >>> import numpy as np
    >>> from tasks.large.masks import random_numbers
    >>> random_numbers(np.array([7]), seed=1) == random_numbers(np.arange(10), seed=1)[7]
    array([ True])
    """
    with np.errstate(over="ignore"):
        origin = _mixed(np.array([seed + 1], np.uint64) * np.uint64(_GOLDEN))
        mixed = _mixed(origin + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN))
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / (1 << 53))


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    for shift, factor in _MIXERS:
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))


def _chunks(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for first in range(start, stop, CHUNK):
        yield first, min(first + CHUNK, stop)
