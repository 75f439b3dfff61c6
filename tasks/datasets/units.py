"""Units beside numbers: one unit of a column, letters such as k and M that multiply, and percent signs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.number_style import NumberStyle

CODES = (
    "AED|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SAR|SEK|SGD|THB|"
    "TRY|USD|ZAR|Fr\\.|Rs\\.?|kr\\.?"
)
CURRENCY = rf"(?:[A-Z]{{0,3}}\p{{Sc}}|{CODES})"
POWERS: Mapping[str, int] = {"": 0, "k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "%": -2}
"""Power of ten of each letter, in lower case."""
SCALE = rf"^(?P<scale>(?i:mn|bn|[kmb])|%)?(?P<money>{CURRENCY})?$"
MAIN_SHARE = 0.95  # share of the cells with a unit that the unit of a column must have
LEAST_THOUSANDS = 1_000  # least size of the plain numbers beside millions
SHOWN = 3  # number of different units that are kept for a note
LETTERS = "a letter such as k or M behind a number multiplies the number"
SHARES = "a percent sign divides by 100, because the numbers without the sign are at most 1"
PERCENTS = (
    "numbers without the percent sign are taken for percent too, because they are as large as the others"
)


@dataclass(frozen=True)
class Marked:
    """Numbers with what stands beside them, one entry for each different text of a column.

    Parameters
    ----------
    prefix, gap, suffix : pyarrow.Array of large_string
        What stands before the digits, a blank behind them, and what follows; null for a text that is no number.
    counts : numpy.ndarray of int64
        Number of cells with each text.
    """

    prefix: pa.Array
    gap: pa.Array
    suffix: pa.Array
    counts: npt.NDArray[np.int64]

    @property
    def unit(self) -> pa.Array:
        """What stands beside the digits; null for a text that is no number."""
        return _joined(self.prefix, self.suffix)


@dataclass(frozen=True)
class Units:
    """How the numbers of a column are read because of what stands beside them.

    Parameters
    ----------
    style : NumberStyle
        A style with the unit of the column, or whose letters multiply.
    allowed : pyarrow.Array of bool
        Mask of the texts with the unit of the column or without a unit.
    powers : pyarrow.Array of int64, optional
        Power of ten by which each text's number is multiplied; None if no number is multiplied.
    mixed : tuple of str
        The most frequent units, if the column mixes units and is therefore not read as numbers.
    told : str
        Clause that tells how the units were read; empty if there is one unit.
    is_doubtful : bool
        Whether a person should check how the units were read.
    """

    style: NumberStyle
    allowed: pa.Array
    powers: pa.Array | None = None
    mixed: tuple[str, ...] = ()
    told: str = ""
    is_doubtful: bool = False

    def shifted(self, exponent: pa.Array) -> pa.Array:
        """The exponents of the numbers ("", "e5"), raised as the letters behind the numbers say."""
        if self.powers is None:
            return exponent
        written = pc.replace_substring_regex(exponent, r"^[eE]\+?", "")
        raised = pc.add(pc.if_else(pc.equal(written, ""), "0", written).cast(pa.int64()), self.powers)
        return _joined(pa.scalar("e", pa.large_string()), raised.cast(pa.large_string()))


def read_units(marked: Marked, values: npt.NDArray[np.float64], trained: NumberStyle | None) -> Units:
    """Find the unit of a column, or letters that multiply.

    Parameters
    ----------
    marked : Marked
        The different texts of the column, with their units.
    values : numpy.ndarray of float64
        Number of each text without its unit; NaN for a text that is no number.
    trained : NumberStyle, optional
        The style of the column in the training table.
    """
    known = trained.unit if trained else ""
    scales, money = (None, set()) if known else _scales(marked)
    if scales is None:
        return _with_one_unit(marked, known)
    if money or (trained and trained.is_scaled):
        return _scaled(marked, scales, LETTERS)
    return _judged(marked, scales, values)


def _scales(marked: Marked) -> tuple[pa.Array | None, set[str]]:
    """Letter, in lower case, behind each number, and the currency; None without letters and among other units."""
    is_number = pc.is_valid(marked.suffix)
    parts = pc.extract_regex(marked.suffix, SCALE)
    if pc.any(pc.and_(is_number, pc.is_null(parts))).as_py():
        return None, set()
    scale, after = parts.flatten() if len(parts) else (marked.suffix, marked.suffix)
    money, lower = _different(_joined(marked.prefix, after)), pc.utf8_lower(scale)
    return (lower, money) if len(money) < 2 and _different(lower) else (None, money)


def _judged(marked: Marked, scales: pa.Array, values: npt.NDArray[np.float64]) -> Units:
    """Whether letters multiply, are a unit, or are mixed with numbers of another size."""
    is_plain = _numpy(pc.equal(scales, ""))
    plain = np.abs(values[is_plain & np.isfinite(values) & (values != 0)])
    others = np.abs(values[~is_plain & np.isfinite(values)])
    letters = _different(scales)
    if letters == {"%"}:
        return _with_percent(marked, scales, plain, others)
    if "%" in letters:
        return _mixed(marked)
    if len(letters) == 1:
        if _different(marked.gap) or _different(marked.suffix) <= {"m", "b"}:
            return _with_one_unit(marked, "")  # a physical unit, as in "300 K" and "5m"
        if letters != {"k"} and len(plain) and np.median(plain) < LEAST_THOUSANDS:
            return _mixed(marked)
    return _scaled(marked, scales, LETTERS)


def _with_percent(
    marked: Marked, scales: pa.Array, plain: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> Units:
    """Percent signs beside plain numbers: the size of the plain numbers tells whether they are percent too."""
    found = _with_one_unit(marked, "%")
    if not (len(plain) and len(others)):
        return found
    if np.median(plain) >= np.median(others) / 10:
        return replace(found, told=PERCENTS, is_doubtful=True)
    return replace(_scaled(marked, scales, SHARES), is_doubtful=True) if plain.max() <= 1 else _mixed(marked)


def _scaled(marked: Marked, scales: pa.Array, told: str) -> Units:
    places = pc.index_in(scales, pa.array(list(POWERS), pa.large_string()))
    powers = pa.array(list(POWERS.values()), pa.int64()).take(places)
    return Units(NumberStyle(is_scaled=True), pc.is_valid(marked.suffix), powers, told=told)


def _with_one_unit(marked: Marked, known: str) -> Units:
    """The unit that (nearly) all cells with a unit have, with or without the "s" of a plural."""
    units, counts = _counted(marked)
    if not len(units):
        return Units(NumberStyle(), pc.is_valid(marked.suffix))
    unit = units[int(counts.argmax())]
    unit = unit[:-1] if unit.endswith("s") and unit[:-1] in units else unit
    if known in units:
        unit = known
    elif counts[np.isin(units, (unit, f"{unit}s"))].sum() < MAIN_SHARE * counts.sum():
        return _mixed(marked)
    allowed = pc.is_in(marked.unit, pa.array(["", unit, f"{unit}s"], pa.large_string()))
    return Units(NumberStyle(unit=unit), allowed)


def _mixed(marked: Marked) -> Units:
    """Only numbers without a unit are numbers, because the units differ."""
    units, counts = _counted(marked)
    shown = sorted(units[np.argsort(-counts, kind="stable")[:SHOWN]].tolist())
    mixed = shown if len(shown) > 1 else ["", *shown]
    return Units(NumberStyle(), pc.equal(marked.unit, ""), mixed=tuple(mixed))


def _counted(marked: Marked) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float64]]:
    """The different units, and the number of cells with each of them."""
    encoded = marked.unit.dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes, weights=marked.counts, minlength=len(encoded.dictionary) + 1)[:-1]
    units = encoded.dictionary.to_numpy(zero_copy_only=False)
    is_unit = units != ""
    return units[is_unit], counts[is_unit]


def _joined(first: pa.Array, second: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(first, second, pa.scalar("", pa.large_string()))


def _different(texts: pa.Array) -> set[str]:
    """The different texts that are not empty."""
    return set(pc.unique(texts).drop_null().to_pylist()) - {""}


def _numpy(mask: pa.Array) -> npt.NDArray[np.bool_]:
    values: npt.NDArray[np.bool_] = mask.fill_null(False).to_numpy(zero_copy_only=False)
    return values
