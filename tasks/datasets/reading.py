"""A source becomes a frame of numbers, categories and dates, or is refused with the reason."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.delimited import read_delimited
from tasks.datasets.parquet import read_folder, read_parquet

MISSING = ("", "?", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "null", "NULL")
MIN_ROWS = 10
HOLDOUT_SHARE = 149 / 768  # published work holds out 149 of the 768 rows of the diabetes table
HOLDOUT_PER_CLASS = 2

NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity))$"
DECIMAL_COMMA = r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$"


def read(source: Source) -> pd.DataFrame:
    """Read a source's table.

    Numbers and booleans become float64 (missing: NaN), texts become category, dates datetime64; anything else
    stays as it came, for the cleaning to leave out. Texts that all stand for numbers become numbers too.

    Parameters
    ----------
    source : Source
        What to read; cells such as "", "NA" and "?" are missing.

    Returns
    -------
    pandas.DataFrame
        One row a record, in the order of the file.

    Raises
    ------
    DataError
        If the table cannot be read whole, two columns share a name, or a column of numbers holds some text;
        names the file, the column and the line.
    """
    table, decimal, place = _table(source)
    names = [" ".join(name.split()) for name in table.column_names]
    _require_distinct(names, source)
    columns: dict[str, Any] = {}
    for name, values in zip(names, table.columns, strict=True):
        is_target = name == source.target
        if pa.types.is_boolean(values.type) and is_target:
            values = values.cast(pa.string())
        if _is_text(values.type):
            columns[name] = _from_text(values, name, source, decimal, None if is_target else place)
        elif _is_number(values.type):
            columns[name] = values.cast(pa.float64(), safe=False).to_numpy()
        else:
            columns[name] = values.to_pandas(date_as_object=False)
    return pd.DataFrame(columns)


def check(frame: pd.DataFrame, source: Source, folds: int = 2) -> None:
    """Refuse a table from which nothing honest can be learned.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read` gave.
    source : Source
        Where it comes from and what it is for.
    folds : int
        Folds of the cross-validation; every class must reach each of them after the hold-out took its share.

    Raises
    ------
    DataError
        If rows or columns are too few, a column has no name, or the target is missing, empty, of one value,
        has a class that is too small, or is text where a quantity is to be predicted.
    """
    if len(frame) < MIN_ROWS:
        raise DataError(f"'{source.path}' has {len(frame)} rows; at least {MIN_ROWS} are needed")
    if "" in frame and not is_row_number(frame[""]):
        raise DataError(
            f"column {list(frame).index('') + 1} of '{source.path}' has no name; give every column one"
        )
    features = frame.drop(columns=[*source.identifiers, source.target, ""], errors="ignore")
    if source.task == "clustering" and not any(is_numeric(features[name]) for name in features):
        raise DataError(
            f"'{source.path}' has no numeric column, and clustering needs at least one; "
            f"columns: {_listed(frame)}. For classification name the target"
        )
    if source.target is not None:
        _check_target(frame, source, folds)


def settled(source: Source, frame: pd.DataFrame) -> Source:
    """The source with its task: regression, where that is told by the values of the target."""
    if not source.by_values or source.target not in frame:
        return source
    column = frame[source.target]
    distinct = column.nunique()
    measured = is_numeric(column) and distinct > 1 and _is_measured(column, distinct)
    return replace(source, task="regression" if measured else "classification", by_values=False)


def held_out(count: int) -> int:
    """How many of a class's `count` rows are held out of the search at most."""
    return max(HOLDOUT_PER_CLASS, math.ceil(count * HOLDOUT_SHARE))


def labels(target: pd.Series) -> pd.Series:
    """Class names of a target column, as text: whole numbers without a decimal point, missing kept."""
    if not is_numeric(target):
        return target.astype(object)
    finite = target.where(np.isfinite(target))
    whole = bool((finite.dropna() % 1 == 0).all())
    names = {value: str(int(value)) if whole else repr(float(value)) for value in finite.dropna().unique()}
    return finite.map(names).astype(object)


def is_numeric(column: pd.Series) -> bool:
    """Whether `read` took the column for numbers."""
    return column.dtype == np.float64


def is_row_number(column: pd.Series) -> bool:
    """Whether a column is empty or only counts the rows from 0 or 1, as some programs add one."""
    if bool(column.isna().all()):
        return True
    if not is_numeric(column):
        return False
    return any(np.array_equal(column.to_numpy(), np.arange(len(column)) + start) for start in (0, 1))


def _table(source: Source) -> tuple[pa.Table, str, Callable[[int], str]]:
    """Give the raw columns, the decimal mark of their texts, and how to say where in the file a row is."""
    try:
        if source.kind == "text":
            parsed = read_delimited(source.path)
            decimal = "," if parsed.separator == ";" else "."
            return parsed.table, decimal, lambda row: f"line {parsed.line(row)}"
        table = read_folder(source.path) if source.kind == "folder" else read_parquet(source.path)
    except OSError as error:
        raise DataError(f"'{source.path}' cannot be read: {error.strerror or error}") from None
    return table, ".", lambda row: f"row {row + 1}"


def _check_target(frame: pd.DataFrame, source: Source, folds: int) -> None:
    name, path = source.target, source.path
    if name not in frame:
        raise DataError(f"'{path}' has no column '{name}' for the target; columns: {_listed(frame)}")
    column = frame[name]
    if not (is_numeric(column) or isinstance(column.dtype, pd.CategoricalDtype)) and not column.isna().all():
        raise DataError(f"target '{name}' of '{path}' is {column.dtype}; classes are texts or numbers")
    counts = Counter(labels(column).dropna())
    if not counts:
        raise DataError(f"target '{name}' of '{path}' is empty in all {len(frame)} rows")
    if len(counts) == 1:
        raise DataError(
            f"target '{name}' of '{path}' has one value only, '{next(iter(counts))}'; at least two are needed"
        )
    if source.task == "regression":
        if not is_numeric(column):
            raise DataError(f"target '{name}' of '{path}' holds texts, and regression needs numbers")
        return
    small, count = min(counts.items(), key=lambda item: item[1])
    if count - held_out(count) < folds:
        needed = next(n for n in range(folds, 10**9) if n - held_out(n) >= folds)
        raise DataError(
            f"class '{small}' of target '{name}' in '{path}' has {count} rows; at least {needed} a class are "
            f"needed for {folds} folds beside the held-out rows"
        )


def _is_measured(column: pd.Series, distinct: int) -> bool:
    """Whether numbers look like a quantity and not like class numbers."""
    rows = int(column.notna().sum())
    fractional = bool((column.dropna() % 1 != 0).any())
    return distinct > min(20, rows / 2) and (fractional or rows < 50 * distinct)


def _require_distinct(names: list[str], source: Source) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            at = ", ".join(str(index + 1) for index, other in enumerate(names) if other == name)
            called = f"are all called '{name}'" if name else "have no name"
            raise DataError(f"columns {at} of '{source.path}' {called}; give every column a name of its own")


def _from_text(
    values: pa.ChunkedArray, name: str, source: Source, decimal: str, place: Callable[[int], str] | None
) -> Any:
    """Numbers if all values are; else a category, refused if most are numbers (`place` None: a target)."""
    text = pc.utf8_trim_whitespace(values.cast(pa.large_string()))
    text = pc.if_else(pc.is_in(text, pa.array(MISSING, pa.large_string())), None, text)
    digits = pc.replace_substring_regex(text, DECIMAL_COMMA, r"\1.\2") if decimal == "," else text
    is_number = pc.match_substring_regex(digits, NUMBER)
    present, numbers = len(text) - text.null_count, pc.sum(is_number).as_py() or 0
    if numbers == present:
        return digits.cast(pa.float64()).to_numpy()
    if place is not None and numbers * 2 >= present:
        row = pc.index(is_number, False).as_py()
        raise DataError(
            f"'{source.path}', {place(row)}: column '{name}' holds {_short(text[row].as_py())} where numbers "
            f"belong ({present - numbers} of {present} values are text); put a number there or leave it empty"
        )
    return text.combine_chunks().dictionary_encode().to_pandas()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _short(value: str) -> str:
    shown = re.sub(r"\s+", " ", value)
    return f"'{shown[:40]}...'" if len(shown) > 40 else f"'{shown}'"


def _listed(frame: pd.DataFrame, most: int = 20) -> str:
    more = f" and {frame.shape[1] - most} more" if frame.shape[1] > most else ""
    return ", ".join(str(name) for name in list(frame)[:most]) + more
