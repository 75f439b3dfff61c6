"""What is new in rows to predict: texts that the training table did not have, and columns without any value."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from infra.readable import shortened
from tasks.datasets.preprocessing import fitted_steps
from tasks.datasets.recipe import Recipe

SHOWN = 3  # number of new texts that a sentence shows
MOST_KEPT = 1_000
"""Largest number of new texts of a column that are kept for each piece of a table, the most frequent ones."""
MEANINGS: Mapping[str, str] = {
    "categories": "for the model these rows hold none of the known texts",
    "means": "the model gives these texts the mean target of all training rows",
}
"""What a new text is to a model, by the name of the preprocessor's step that encodes the texts."""


class NewTexts(BaseModel):
    """Texts of a column that the training table did not have.

    Parameters
    ----------
    rows : int
        Number of rows with such a text.
    counts : dict of str to int
        Number of rows of each text, the most frequent text first.
    is_cut : bool
        Whether there are more texts than those that were kept.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    counts: dict[str, int]
    is_cut: bool = False

    def cut(self) -> "NewTexts":
        """The same with the most frequent texts only, so that any number of pieces needs little memory."""
        kept = dict(list(self.counts.items())[:MOST_KEPT])
        return NewTexts(rows=self.rows, counts=kept, is_cut=self.is_cut or len(kept) < len(self.counts))


class Novelties(BaseModel):
    """What rows to predict have that the training rows did not have.

    Parameters
    ----------
    rows : int
        Number of rows.
    empty : tuple of str
        Columns without any value.
    texts : dict of str to NewTexts
        The new texts by column.
    """

    model_config = ConfigDict(frozen=True)

    rows: int = 0
    empty: tuple[str, ...] = ()
    texts: dict[str, NewTexts] = {}

    def cut(self) -> "Novelties":
        """The same with the most frequent texts only."""
        return self.model_copy(update={"texts": {name: texts.cut() for name, texts in self.texts.items()}})

    def sentences(self, fitted: ColumnTransformer) -> list[str]:
        """Sentences for a person; the fitted preprocessor tells what a new text is to the model."""
        empty = [
            f"{name}: the new rows have no value in this column, and the training table had values; the model predicts "
            "as for a row without this value"
            for name in self.empty
        ]
        new = [
            _told(known, self.texts[known.column], self.rows)
            for known in _known_texts(fitted)
            if known.column in self.texts
        ]
        return [*empty, *new]


def find_novelties(recipe: Recipe, fitted: ColumnTransformer, X: pd.DataFrame) -> Novelties:
    """Compare rows to predict with what the model knows of the training rows.

    Parameters
    ----------
    recipe : Recipe
        The recipe that prepared the rows.
    fitted : ColumnTransformer
        The fitted preprocessor of the model, which knows the texts of the training rows.
    X : pandas.DataFrame of shape (rows, n_features)
        The prepared rows, at least one.
    """
    empty = [
        column.name
        for column in recipe.columns
        if column.is_used and X[list(column.outputs)].isna().all(axis=None)
    ]
    return Novelties(rows=len(X), empty=tuple(empty), texts=dict(_new_texts(fitted, X)))


def merged_novelties(found: Sequence[Novelties]) -> Novelties:
    """The novelties of several pieces of a table as one: a column is empty if it is empty in every piece."""
    rows: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {}
    cut: set[str] = set()
    for name, new in (pair for one in found for pair in one.texts.items()):
        rows[name] += new.rows
        counts.setdefault(name, Counter()).update(new.counts)
        cut |= {name} if new.is_cut else set()
    texts = {
        name: NewTexts(rows=rows[name], counts=_most_frequent_first(held), is_cut=name in cut)
        for name, held in counts.items()
    }
    empty = [name for name in found[0].empty if all(name in one.empty for one in found)] if found else []
    return Novelties(rows=sum(one.rows for one in found), empty=tuple(empty), texts=texts)


def _most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _new_texts(fitted: ColumnTransformer, X: pd.DataFrame) -> Iterator[tuple[str, NewTexts]]:
    for known in _known_texts(fitted):
        counts = X[known.column].value_counts(sort=False)
        new = counts[(counts > 0) & ~counts.index.isin(known.texts)].sort_values(
            ascending=False, kind="stable"
        )
        if len(new):
            held = {str(text): int(count) for text, count in new.items()}
            yield known.column, NewTexts(rows=int(new.sum()), counts=held)


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


def _told(known: _KnownTexts, new: NewTexts, rows: int) -> str:
    count = len(new.counts)
    shown = ", ".join(f"'{shortened(text)}'" for text in list(new.counts)[:SHOWN])
    more = f" and {count - SHOWN:,} more" if count > SHOWN else ""
    least = "at least " if new.is_cut else ""
    return (
        f"{known.column}: {new.rows:,} of {rows:,} rows hold {least}{count:,} {'text' if count == 1 else 'texts'} that "
        f"the training table did not have ({shown}{more}); {known.meaning}"
    )
