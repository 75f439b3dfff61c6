"""What is new in rows to predict: texts that the training table did not have, and columns without any value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from infra.readable import shortened
from tasks.datasets.preprocessing import fitted_steps
from tasks.datasets.recipe import Recipe

SHOWN = 3  # number of new texts that a sentence shows
MEANINGS: Mapping[str, str] = {
    "categories": "for the model these rows hold none of the known texts",
    "means": "the model gives these texts the mean target of all training rows",
}
"""What a new text is to a model, by the name of the preprocessor's step that encodes the texts."""


def novelties(recipe: Recipe, fitted: ColumnTransformer, X: pd.DataFrame) -> list[str]:
    """Sentences about what rows to predict have that the training rows did not have.

    Parameters
    ----------
    recipe : Recipe
        The recipe that prepared the rows.
    fitted : ColumnTransformer
        The fitted preprocessor of the model, which knows the texts of the training rows.
    X : pandas.DataFrame of shape (rows, n_features)
        The prepared rows, at least one.
    """
    return [*_empty_columns(recipe, X), *_new_texts(fitted, X)]


def _empty_columns(recipe: Recipe, X: pd.DataFrame) -> Iterator[str]:
    for column in recipe.columns:
        if column.is_used and X[list(column.outputs)].isna().all(axis=None):
            yield (
                f"{column.name}: the new rows have no value in this column, and the training table had values; the "
                "model predicts as for a row without this value"
            )


def _new_texts(fitted: ColumnTransformer, X: pd.DataFrame) -> Iterator[str]:
    for known in _known_texts(fitted):
        counts = X[known.column].value_counts(sort=False)
        new = counts[(counts > 0) & ~counts.index.isin(known.texts)].sort_values(
            ascending=False, kind="stable"
        )
        if len(new):
            yield _told(known, new, len(X))


@dataclass(frozen=True)
class _KnownTexts:
    """The texts of a column of the training rows, and what another text is to the model."""

    column: str
    texts: Any
    meaning: str


def _known_texts(fitted: ColumnTransformer) -> Iterator[_KnownTexts]:
    for step, encoder, columns in fitted_steps(fitted):
        if step in MEANINGS:
            first = encoder[0] if isinstance(encoder, Pipeline) else encoder
            for column, texts in zip(columns, first.categories_, strict=True):
                yield _KnownTexts(column, texts, MEANINGS[step])


def _told(known: _KnownTexts, new: pd.Series, rows: int) -> str:
    shown = ", ".join(f"'{shortened(str(text))}'" for text in new.index[:SHOWN])
    more = f" and {len(new) - SHOWN:,} more" if len(new) > SHOWN else ""
    return (
        f"{known.column}: {new.sum():,} of {rows:,} rows hold {len(new):,} {'text' if len(new) == 1 else 'texts'} that "
        f"the training table did not have ({shown}{more}); {known.meaning}"
    )
