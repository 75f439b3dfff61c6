"""What is done to a table before it is learned from, each step counted and told."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.reading import is_numeric, is_row_number, labels

ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"
UNNAMED = r"(Unnamed: \d+|__index_level_\d+__)?"  # what table programs call a column of row numbers


@dataclass(frozen=True)
class Cleaned:
    """A table ready to be kept.

    Parameters
    ----------
    features : pandas.DataFrame
        Columns of float64 (missing: NaN) and of category.
    target : numpy.ndarray, optional
        Class codes (int64) or the quantity to predict (float64); None for clustering.
    classes : list of str
        The class of each code; empty for regression and clustering.
    notes : list of str
        What was changed or left out, with counts.
    """

    features: pd.DataFrame
    target: npt.NDArray[Any] | None
    classes: list[str]
    notes: list[str]


def clean(frame: pd.DataFrame, source: Source) -> Cleaned:
    """Encode the target, mark what was not measured as missing, and leave out what is no feature.

    Rows without a target are left out; infinite numbers become missing; missing cells are kept and counted.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read` gave and `check` let pass.
    source : Source
        Where it comes from and what it is for.

    Raises
    ------
    DataError
        If no feature is left.
    """
    notes: list[str] = []
    for name in [name for name in frame if re.fullmatch(UNNAMED, str(name)) and is_row_number(frame[name])]:
        notes.append(f"{name or 'a column without a name'}: left out, it only counts the rows")
        frame = frame.drop(columns=name)
    target: npt.NDArray[Any] | None = None
    classes: list[str] = []
    if source.target is not None:
        frame, target, classes = _encode_target(frame, source, notes)
    features: dict[str, pd.Series] = {}
    for name in frame.columns.drop([source.target], errors="ignore"):
        column = frame[name]
        reason = _reason_to_leave_out(column, source)
        if reason:
            notes.append(f"{name}: left out, {reason}")
        else:
            features[name] = _mended(column, source, notes)
    if not features:
        raise DataError(
            f"'{source.path}' has no column to learn from: {'; '.join(notes) or 'only the target is there'}"
        )
    return Cleaned(pd.DataFrame(features), target, classes, notes)


def _encode_target(
    frame: pd.DataFrame, source: Source, notes: list[str]
) -> tuple[pd.DataFrame, npt.NDArray[Any], list[str]]:
    names = labels(frame[source.target])  # what is not finite has none
    known = names.notna()
    if not known.all():
        notes.append(f"{int((~known).sum())} of {len(frame)} rows left out: '{source.target}' is empty there")
        frame, names = frame[known].reset_index(drop=True), names[known]
    numeric = is_numeric(frame[source.target])
    if source.task == "regression":
        return frame, frame[source.target].to_numpy(), []
    classes = sorted(
        names.unique(), key=lambda name: (name == source.positive, float(name) if numeric else name)
    )
    return frame, pd.Categorical(names, categories=classes).codes.astype(np.int64), classes


def _reason_to_leave_out(column: pd.Series, source: Source) -> str | None:
    """Why a column is no feature; None if it is one."""
    if column.name in source.identifiers:
        return "it names the rows"
    if column.isna().all() or (is_numeric(column) and not np.isfinite(column).any()):
        return "it is empty"
    if is_numeric(column):
        return None
    if pd.api.types.is_datetime64_any_dtype(column):
        return "it holds dates; turn them into numbers (for example days) to use them"
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return "it holds neither numbers nor texts"
    return _reason_against_text(column, source)


def _reason_against_text(column: pd.Series, source: Source) -> str | None:
    texts, present = column.cat.remove_unused_categories().cat.categories, int(column.notna().sum())
    if texts.str.fullmatch(ISO_DATE).all():
        return "it holds dates; turn them into numbers (for example days) to use them"
    if source.task == "clustering":
        return "it holds texts, and distances are taken between numbers"
    if len(texts) * 2 > present:
        return f"it names the rows: {len(texts)} texts in {present} rows, for example '{texts[0][:40]}'"
    return None


def _mended(column: pd.Series, source: Source, notes: list[str]) -> pd.Series:
    missing = int(column.isna().sum())
    if missing:
        notes.append(f"{column.name}: {missing} of {len(column)} cells are missing")
    if not is_numeric(column):
        used = column.cat.remove_unused_categories()
        return used.cat.reorder_categories(sorted(used.cat.categories))
    infinite = np.isinf(column)
    if infinite.any():
        notes.append(f"{column.name}: {int(infinite.sum())} infinite values, now missing")
        column = column.mask(infinite)
    if column.name in source.not_measured:
        value = source.not_measured[str(column.name)]
        unmeasured = column == value
        shown = "zeros" if value == 0 else f"values {value:g}"
        notes.append(f"{column.name}: {int(unmeasured.sum())} {shown} are 'not measured', now missing")
        column = column.mask(unmeasured)
    return column
