"""Cleaning: a recipe is learned from a training table and applied to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.inference import is_category, labels
from tasks.datasets.raw import RawTable
from tasks.datasets.recipe import Recipe, learn
from tasks.datasets.table_rules import TableRules


@dataclass(frozen=True)
class Cleaned:
    """A table ready to be kept.

    Parameters
    ----------
    recipe : Recipe
        The steps that prepared the columns, which a model applies to every table that it predicts.
    features : pandas.DataFrame
        Prepared columns of float64 (missing: NaN) and of category, of the rows that have a target.
    target : numpy.ndarray, optional
        Class codes (int64) or the quantity to predict (float64); None for clustering.
    notes : list of str
        Sentences that tell with counts what was changed or left out.
    """

    recipe: Recipe
    features: pd.DataFrame
    target: npt.NDArray[Any] | None
    notes: list[str]


def clean(table: RawTable, frame: pd.DataFrame, source: Source, rules: TableRules) -> Cleaned:
    """Leave out rows without a target, learn a recipe from the others, and apply it to them.

    Parameters
    ----------
    table : RawTable
        The training table.
    frame : pandas.DataFrame
        The same columns with the types that `infer` gave them; `check` has let them pass.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem.

    Raises
    ------
    DataError
        If no column is left to learn from.
    """
    is_known = _is_known(frame, source)
    recipe, notes = learn(table, frame, is_known, source, rules)
    unknown = int((~is_known).sum())
    if unknown:
        notes.insert(0, f"{unknown} of {len(frame)} rows left out: '{source.target}' is empty there")
    if not recipe.inputs:
        raise DataError(
            f"'{source.path}' has no column to learn from: {'; '.join(notes) or 'only the target is there'}"
        )
    features = _rows(recipe.apply(table), is_known)
    target = recipe.target.encode(frame.loc[is_known, recipe.target.name]) if recipe.target else None
    return Cleaned(recipe, features, target, notes)


def _is_known(frame: pd.DataFrame, source: Source) -> npt.NDArray[np.bool_]:
    """Mask of the rows that have a target; all rows if there is no target to predict."""
    if source.target is None:
        return np.ones(len(frame), bool)
    known: npt.NDArray[np.bool_] = labels(frame[source.target]).notna().to_numpy()
    return known


def _rows(features: pd.DataFrame, wanted: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The wanted rows, without categories that occur in no wanted row."""
    rows = features[wanted].reset_index(drop=True)
    for name in rows:
        if is_category(rows[name]):
            rows[name] = rows[name].cat.remove_unused_categories()
    return rows
