"""The scikit-learn step that turns the columns of a prepared table into the numbers that an algorithm uses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from tasks.datasets.column_selection import MOST_COLUMNS, selects_columns
from tasks.datasets.encoding.ngrams import NGramEncoder, TargetType
from tasks.datasets.encoding.strongest_columns import StrongestColumns
from tasks.datasets.prepared import PreparedDataset


def preprocessor(prepared: PreparedDataset, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Make the unfitted step from a table to numbers; fit it on the training rows of a fold only.

    Fit and transform the training rows in one call of `fit_transform`, as pipelines do: there the encoding of a row
    of a column of many values is learned from the targets of other rows.

    Parameters
    ----------
    prepared : PreparedDataset
        The data set whose columns are transformed.
    scale : bool
        Whether columns are scaled to mean 0 and standard deviation 1, except for the columns of 0 and 1.
    impute : bool
        Whether missing numbers are filled with the column's median; if False, missing numbers stay NaN.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        The unfitted transformer, with the steps `numeric` (of a very wide table the most strongly associated columns),
        `categories` (a column for each category; a missing text is a category of its own, and an unknown text is none),
        `means` (many values: the mean target of each value, or the share of each class) and `ngrams` (texts and codes).
        The names of the new columns hold no `[`, `]` or `<`, which XGBoost refuses.
    """
    numeric = [StrongestColumns(bool(prepared.classes), most=MOST_COLUMNS)] * selects_columns(
        prepared.recipe, prepared.rows
    )
    numeric += [SimpleImputer(strategy="median", keep_empty_features=True)] * impute + [
        StandardScaler()
    ] * scale
    categories = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, feature_name_combiner=category_name
    )
    kind = target_type(prepared)
    # without regard to the classes, of which one can have fewer rows than there are folds
    means = TargetEncoder(target_type=kind, cv=KFold(5, shuffle=True, random_state=0))
    has_only_texts = prepared.columns == prepared.texts
    place = {name: at for at, name in enumerate(prepared.recipe.outputs)}

    def places(names: Sequence[str]) -> list[int]:
        return [place[name] for name in names]

    # by their places, because scikit-learn looks for each name among all names: the time of the square of a wide table
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(*numeric) if numeric else "passthrough", places(prepared.numeric)),
            ("categories", categories, places(prepared.categorical)),
            (
                "means",
                make_pipeline(means, StandardScaler()) if scale else means,
                places(prepared.many_valued),
            ),
            (
                "ngrams",
                NGramEncoder(kind, lengths=has_only_texts),
                places([*prepared.many_valued, *prepared.texts]),
            ),
        ],
        verbose_feature_names_out=plain_name,
    )


def target_type(prepared: PreparedDataset) -> TargetType:
    """Type of the target as scikit-learn's `TargetEncoder` names types; a quantity may consist of whole numbers."""
    if not prepared.classes:
        return "continuous"
    return "binary" if len(prepared.classes) == 2 else "multiclass"


def category_name(column: str, category: object) -> str:
    """Name of a one-hot column, for example `colour=red`."""
    return f"{column}={category}"


def plain_name(_step: str, column: str) -> str:
    """Name of a column with look-alikes in place of the three characters that XGBoost refuses."""
    return column.translate(str.maketrans("[]<", "⁅⁆‹"))


def input_columns(fitted: ColumnTransformer) -> list[str]:
    """Name of the column of the prepared table that each column of numbers comes from.

    Parameters
    ----------
    fitted : ColumnTransformer
        A fitted `preprocessor`.
    """
    return [
        name for step, encoder, columns in fitted_steps(fitted) for name in _INPUTS[step](encoder, columns)
    ]


def fitted_steps(fitted: ColumnTransformer) -> Iterator[tuple[str, Any, list[str]]]:
    """Name, fitted encoder and input columns of each step that has columns.

    Parameters
    ----------
    fitted : ColumnTransformer
        A fitted `preprocessor`.
    """
    for step, encoder, places in fitted.transformers_:
        if places:
            yield step, encoder, list(fitted.feature_names_in_[places])


def _repeated(columns: Sequence[str], widths: Any) -> list[str]:
    return [str(name) for name in np.repeat(columns, widths)]


_INPUTS: Mapping[str, Callable[[Any, Sequence[str]], list[str]]] = {
    "numeric": lambda encoder, columns: list(encoder.get_feature_names_out(columns)),
    "categories": lambda encoder, columns: _repeated(columns, [len(known) for known in encoder.categories_]),
    "means": lambda encoder, columns: _repeated(
        columns, len(encoder.get_feature_names_out(columns)) // len(columns)
    ),
    "ngrams": lambda encoder, columns: _repeated(columns, encoder.widths_),
}
"""Functions that give the input column of each column that a step makes, by the name of the step."""
