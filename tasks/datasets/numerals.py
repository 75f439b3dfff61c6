"""Numbers as people write them: decimal and thousands marks, currencies, percent, units, and signs of minus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.marks import Hints, settle
from tasks.datasets.number_style import STYLES, NumberStyle

CODES = (
    "AED|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SAR|SEK|SGD|THB|"
    "TRY|USD|ZAR|Fr\\.|Rs\\.?|kr\\.?"
)
CURRENCY = rf"(?:[A-Z]{{0,3}}\p{{Sc}}|{CODES})"
UNIT = r"[\p{L}°%‰\p{Sc}][\p{L}\p{N}°%‰/·.^-]{0,11}"
NUMERAL = (
    rf"^(?P<sign>[+-]?) ?(?P<prefix>{CURRENCY})? ?(?P<sign_after>[+-]?) ?(?P<digits>[\d.,' ]*\d[.,]?)"
    rf"(?P<exponent>[eE][+-]?\d+)? ?(?P<suffix>{UNIT})?$"
)
NOTHING, MINUS = (pa.scalar(text, pa.large_string()) for text in ("", "-"))
INFINITE = r"^[+-]?(?i:inf|infinity)$"
SCALES = {"k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "mn": 1e6, "b": 1e9, "B": 1e9, "bn": 1e9}
MAIN_SHARE = 0.95  # share of the cells with a unit that the unit of a column must have
PEEK = 1_000  # number of cells that show cheaply that no point of a column can be a thousands mark
MAY_BE_THOUSANDS = r"^[+-]?([1-9]\d{0,2}(\.\d{3})+|\d{1,3})$"


@dataclass(frozen=True)
class NumberReading:
    """The cells of a column of texts, read as numbers.

    Parameters
    ----------
    style : NumberStyle
        The way in which the numbers are written.
    numbers : numpy.ndarray of float64, shape (rows,)
        The numbers; NaN for a cell without a value and for a word.
    is_word : numpy.ndarray of bool, shape (rows,)
        Mask of the cells that hold a text which is no number.
    doubt : str
        Clause that tells why an ambiguous mark was read as it was; empty if the marks are clear.
    units : tuple of str
        Different units, if the column mixes units and is therefore not read as numbers.
    shows_decimals : bool
        Whether a number is written with a decimal mark.
    """

    style: NumberStyle
    numbers: npt.NDArray[np.float64]
    is_word: npt.NDArray[np.bool_]
    doubt: str = ""
    units: tuple[str, ...] = ()
    shows_decimals: bool = False


@dataclass(frozen=True)
class _Numerals:
    """The different texts of a column, taken apart; the parts of a text that is no number are null or empty."""

    digits: pa.Array
    sign: pa.Array
    exponent: pa.Array
    unit: pa.Array
    infinite: pa.Array
    counts: npt.NDArray[np.int64]

    def weight(self, mask: pa.Array) -> int:
        """Number of cells whose text is in a mask of the different texts."""
        return int(self.counts[_numpy(mask)].sum())


def read_numbers(texts: pa.ChunkedArray, hints: Hints = Hints()) -> NumberReading:  # noqa: B008 (frozen)
    """Find the style of a column of texts, and read its numbers.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray of large_string
        Trimmed texts; null for a cell without a value.
    hints : Hints
        What else is known of the marks: the user's word, the training table's style, the table's other columns.
    """
    plain = plain_numbers(texts)
    if plain is not None:
        return plain
    encoded = texts.combine_chunks().dictionary_encode()
    indices = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    counts = np.bincount(indices, minlength=len(encoded.dictionary) + 1)[:-1]
    numerals, style, units = _with_one_unit(_taken_apart(encoded.dictionary, counts), hints.unit)
    marks, doubt = _marks(numerals, hints)
    style = style.model_copy(update={"decimal": marks.decimal, "thousands": marks.thousands})
    values, is_number = _values(numerals, style)
    return NumberReading(
        style,
        np.append(values, np.nan)[indices],
        np.append(~is_number, False)[indices],
        doubt,
        units,
        bool(pc.any(pc.match_substring(numerals.digits, style.decimal)).as_py()),
    )


def holds_words(texts: pa.ChunkedArray) -> bool:
    """Whether a text is no number in any style; False: each text is a number in some style, or null."""
    numerals = _taken_apart(pc.unique(texts).drop_null(), np.zeros(0, np.int64))
    return bool(pc.any(pc.and_(pc.is_null(numerals.digits), pc.is_null(numerals.infinite))).as_py())


def plain_numbers(texts: pa.ChunkedArray) -> NumberReading | None:
    """Read texts that are all written as programs write numbers, quickly; None if one is not, or is ambiguous."""
    numbers = _plain_values(texts)
    if numbers is None:
        return None
    shows_decimals = bool(pc.any(pc.match_substring(texts[:PEEK], ".")).as_py())
    return NumberReading(NumberStyle(), numbers, np.zeros(len(texts), bool), shows_decimals=shows_decimals)


def _plain_values(texts: pa.ChunkedArray) -> npt.NDArray[np.float64] | None:
    try:
        numbers: npt.NDArray[np.float64] = texts.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    for sample in (texts[:PEEK], texts):
        points = pc.any(pc.match_substring(sample, ".")).as_py()
        if not (points and pc.all(pc.match_substring_regex(sample, MAY_BE_THOUSANDS)).as_py()):
            return numbers if points or sample is texts else _without_points(texts, numbers)
    return None


def _without_points(
    texts: pa.ChunkedArray, numbers: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """The numbers of a column whose first cells have no point, unless later points may be thousands marks."""
    marked = texts.filter(pc.match_substring(texts, "."))
    may_be_thousands = len(marked) and pc.all(pc.match_substring_regex(marked, MAY_BE_THOUSANDS)).as_py()
    return None if may_be_thousands else numbers


def _taken_apart(distinct: pa.Array, counts: npt.NDArray[np.int64]) -> _Numerals:
    text = distinct
    for pattern, replacement in (
        ("[−﹣－‐–]", "-"),
        ("[\u00a0\u2007\u2009\u202f]", " "),
        ("[’`´]", "'"),
        (rf"^({CURRENCY})? ?\((.+)\)$", r"-\1\2"),  # accountants write a negative number in parentheses
        (r"^([\d.,' ]+)-$", r"-\1"),
    ):
        text = pc.replace_substring_regex(text, pattern, replacement)
    parts = pc.extract_regex(text, NUMERAL)
    part = dict(zip(parts.type.names, parts.flatten(), strict=True)) if len(parts) else _no_parts(parts.type)
    return _Numerals(
        digits=part["digits"],
        sign=pc.if_else(
            pc.or_(pc.equal(part["sign"], "-"), pc.equal(part["sign_after"], "-")), MINUS, NOTHING
        ),
        exponent=part["exponent"],
        unit=pc.binary_join_element_wise(part["prefix"], part["suffix"], NOTHING),
        infinite=pc.if_else(pc.match_substring_regex(text, INFINITE), text, None),
        counts=counts,
    )


def _no_parts(kind: pa.StructType) -> dict[str, pa.Array]:
    return {name: pa.array([], pa.large_string()) for name in kind.names}


def _with_one_unit(numerals: _Numerals, known: str) -> tuple[_Numerals, NumberStyle, tuple[str, ...]]:
    """The numerals that have the unit of the column or no unit, a style with this unit, and units that are mixed."""
    units: Counter[str] = Counter()
    for unit, count in zip(numerals.unit.to_pylist(), numerals.counts.tolist(), strict=True):
        if unit:
            units[unit] += count
    if len(units) > 1 and set(units) <= SCALES.keys():
        return numerals, NumberStyle(is_scaled=True), ()
    unit = _main_unit(units, known)
    allowed = pc.is_in(numerals.unit, pa.array(["", unit, f"{unit}s"], numerals.unit.type))
    kept = _Numerals(**{**vars(numerals), "digits": pc.if_else(allowed, numerals.digits, None)})
    return kept, NumberStyle(unit=unit), () if unit or len(units) < 2 else tuple(sorted(units))


def _main_unit(units: Counter[str], known: str) -> str:
    """The unit that (nearly) all cells with a unit have, without the "s" of a plural; "" if there is no such unit."""
    if known in units:
        return known
    singular: Counter[str] = Counter()
    for unit, count in units.items():
        one = unit[:-1] if unit.endswith("s") and unit[:-1] in units else unit
        singular[one] += count
    [(unit, count)] = singular.most_common(1) or [("", 0)]
    return unit if count >= MAIN_SHARE * singular.total() else ""


def _marks(numerals: _Numerals, hints: Hints) -> tuple[NumberStyle, str]:
    """The style that reads most numerals, and how an ambiguous mark was decided."""
    present = _present_marks(numerals.digits)
    possible = [style for style in STYLES if {style.thousands} - {""} <= present]
    fitting = [(style, pc.match_substring_regex(numerals.digits, style.grammar)) for style in possible]
    weights = [numerals.weight(mask) for _, mask in fitting]
    best = [style for (style, _), weight in zip(fitting, weights, strict=True) if weight == max(weights)]
    return settle(_different(numerals, best), numerals.digits.drop_null(), hints)


def _present_marks(digits: pa.Array) -> set[str]:
    return {mark for mark in ".,' " if pc.any(pc.match_substring(digits, mark)).as_py()}


def _different(numerals: _Numerals, styles: Sequence[NumberStyle]) -> list[NumberStyle]:
    """The styles that give different numbers; of styles that give equal numbers the first one."""
    kept: list[tuple[NumberStyle, npt.NDArray[np.float64]]] = []
    for style in styles:
        values, _ = _values(numerals, style)
        if not any(np.array_equal(values, other, equal_nan=True) for _, other in kept):
            kept.append((style, values))
    return [style for style, _ in kept]


def _values(numerals: _Numerals, style: NumberStyle) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Number of each different text (NaN for a word), and the mask of the texts that are numbers."""
    is_number = pc.match_substring_regex(numerals.digits, style.grammar).fill_null(False)
    digits = pc.if_else(is_number, numerals.digits, None)
    for mark, replacement in ((style.thousands, ""), (style.decimal, ".")):
        digits = pc.replace_substring(digits, mark, replacement) if mark else digits
    written = pc.binary_join_element_wise(numerals.sign, digits, numerals.exponent, NOTHING)
    numbers = pc.coalesce(written, numerals.infinite).cast(pa.float64())
    values = numbers.to_numpy(zero_copy_only=False)
    if style.is_scaled:
        values = values * np.array([SCALES.get(unit or "", 1.0) for unit in numerals.unit.to_pylist()])
    return values, _numpy(is_number) | _numpy(pc.is_valid(numerals.infinite))


def _numpy(mask: pa.Array) -> npt.NDArray[np.bool_]:
    values: npt.NDArray[np.bool_] = mask.fill_null(False).to_numpy(zero_copy_only=False)
    return values
