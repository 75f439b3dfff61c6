"""Texts as numbers: the n-grams that are significantly associated with the target."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from tasks.datasets.encoding.association import (
    Association,
    ClassAssociation,
    QuantityAssociation,
    strongest,
)

Array = NDArray[Any]
TargetType = Literal["binary", "multiclass", "continuous"]
LENGTHS = (2, 5)
"""Smallest and largest number of characters of an n-gram of characters."""
MOST_CHARACTERS = 500_000
"""Largest number of characters from which n-grams are chosen: the time and the memory of a fit stay bounded."""
LEVEL = 0.05


class NGramEncoder(TransformerMixin, BaseEstimator):
    """Columns of 0 and 1: whether a text contains an n-gram that tells something about the target.

    N-grams are 2 to 5 characters inside a word (with the blanks around the word, so that beginnings and ends of
    words and codes are n-grams of their own), single words, and pairs of words; capitals do not count. Of n-grams that
    stand in the same training rows only one is used. An n-gram is kept if it is significantly associated with the
    target: Fisher's exact test for classes, Wilcoxon's rank-sum test for a quantity, with at most 5 % expected false
    discoveries. A column of texts without meaning, for example random identifiers, gives no columns. A missing text
    contains no n-gram; whether a text is there counts as an n-gram too.

    Parameters
    ----------
    target_type : {"binary", "multiclass", "continuous"}
        Type of the target, as for scikit-learn's `TargetEncoder`.
    most : int, default=150
        Largest number of n-grams that are kept of one column.
    fewest_rows : int, default=5
        Smallest number of training rows that contain a kept n-gram, and of rows that do not.
    lengths : bool, default=False
        Whether the number of characters of each text is a column too (missing: 0), so that there is always a column.

    Attributes
    ----------
    ngrams_ : list of list of str
        Kept n-grams of each input column, the most significant first.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Names of the input columns.
    n_features_in_ : int
        Number of input columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from tasks.datasets.encoding.ngrams import NGramEncoder
    >>> notes = pd.DataFrame({"note": ["a refund please", "thanks", "refund it", "many thanks"] * 5})
    >>> encoder = NGramEncoder("binary").fit(notes, [1, 0, 1, 0] * 5)
    >>> encoder.get_feature_names_out().tolist()
    ['note~" refund "']
    >>> encoder.transform(pd.DataFrame({"note": ["Refund!", None]})).tolist()
    [[1.0], [0.0]]
    """

    def __init__(
        self, target_type: TargetType, *, most: int = 150, fewest_rows: int = 5, lengths: bool = False
    ) -> None:
        self.target_type = target_type
        self.most = most
        self.fewest_rows = fewest_rows
        self.lengths = lengths

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the n-grams of each column.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Texts; a missing text is None or NaN.
        y : array-like of shape (n_rows,)
            Targets.
        """
        test = _TESTS[self.target_type]
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.ngrams_ = [self._choose(X[name], np.asarray(y), test) for name in X]
        return self

    def transform(self, X: Any) -> Array:
        """Look for the n-grams in texts.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Texts, which may be new.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float64
        """
        check_is_fitted(self)
        parts = [self._found(X[name], ngrams) for name, ngrams in zip(X, self.ngrams_, strict=True)]
        return np.hstack(parts)

    def get_feature_names_out(self, _input_features: Any = None) -> Array:
        """Names such as `note~" refund "`, in the order of the columns."""
        names = [
            f"{column}~{text}"
            for column, ngrams in zip(self.feature_names_in_, self.ngrams_, strict=True)
            for text in [*(f'"{ngram}"' for ngram in ngrams), *["length"] * self.lengths]
        ]
        return np.asarray(names, dtype=object)

    @property
    def widths_(self) -> list[int]:
        """Number of columns that each input column gives."""
        return [len(ngrams) + self.lengths for ngrams in self.ngrams_]

    def _choose(self, column: "pd.Series[Any]", y: Array, test: type[Association]) -> list[str]:
        codes, texts = pd.factorize(column)
        if not len(texts):
            return []
        chosen = _within_budget(list(texts))
        place = np.full(len(texts) + 1, len(chosen))  # the last place is for missing texts
        place[chosen] = np.arange(len(chosen))
        kept = (codes < 0) | np.isin(codes, chosen)
        vectorizer = CountVectorizer(analyzer=_ngrams, binary=True, dtype=np.int64)
        presence = vectorizer.fit_transform([texts[i] for i in chosen] + [None]).tocsc()
        association = test(y[kept])
        weights = np.zeros((len(chosen) + 1, association.weights.shape[1] + 1), association.weights.dtype)
        np.add.at(
            weights, place[codes[kept]], np.column_stack([np.ones(kept.sum(), int), association.weights])
        )
        names = vectorizer.get_feature_names_out()
        rows = (presence.T @ weights[:, 0]).astype(np.int64)
        usual = np.flatnonzero((rows >= self.fewest_rows) & (rows <= kept.sum() - self.fewest_rows))
        tested = _distinct(presence[:, usual], names[usual], usual)
        p, outcomes = association.p_values(rows[tested], presence[:, tested].T @ weights[:, 1:])
        return [str(names[tested[i]]) for i in strongest(p, outcomes, LEVEL, self.most)]

    def _found(self, column: "pd.Series[Any]", ngrams: Sequence[str]) -> Array:
        codes, texts = pd.factorize(column)
        spelled = pa.array([spelling(text) for text in texts], pa.large_string())
        found = np.zeros((len(texts) + 1, len(ngrams) + self.lengths))  # the last line is for missing texts
        for i, ngram in enumerate(ngrams):
            found[:-1, i] = pc.match_substring(spelled, ngram).to_numpy(zero_copy_only=False)
        if self.lengths:
            found[:-1, -1] = [len(text) for text in texts]
        lines: Array = found[codes]
        return lines


_TESTS: dict[TargetType, type[Association]] = {
    "binary": ClassAssociation,
    "multiclass": ClassAssociation,
    "continuous": QuantityAssociation,
}


def spelling(text: str) -> str:
    """The text in small letters with single blanks, then its words without punctuation if they differ.

    Each n-gram of the text is a part of this spelling, so that a search for the part finds the n-gram.
    """
    whole = " ".join(text.lower().split())
    words = _words(whole)
    return f" {whole} " if words == whole else f" {whole}  {words} "


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text))


_characters = CountVectorizer(analyzer="char_wb", ngram_range=LENGTHS, lowercase=False).build_analyzer()


def _ngrams(text: str | None) -> Iterator[str]:
    """All n-grams of a text; the empty one stands for the presence of a text."""
    if text is None:
        return
    yield ""
    spelled = spelling(text)
    yield from _characters(spelled)
    words = _words(text.lower()).split()
    yield from (f" {word} " for word in words)
    yield from (f" {first} {second} " for first, second in pairwise(words))


def _within_budget(texts: Sequence[str]) -> Array:
    """Indices of texts, drawn by a fixed seed, that have at most `MOST_CHARACTERS` together; at least one."""
    order = np.random.default_rng(0).permutation(len(texts))
    total = np.cumsum([len(texts[i]) for i in order])
    return order[: max(1, np.searchsorted(total, MOST_CHARACTERS))]


def _distinct(presence: Any, names: Array, indices: Array) -> Array:
    """One n-gram of those that stand in the same texts: the one that a person reads most easily."""
    signature = np.random.default_rng(0).integers(-(2**62), 2**62, presence.shape[0]) @ presence
    order = sorted(range(len(names)), key=lambda i: _readability(str(names[i])))
    _, first = np.unique(signature[order], return_index=True)
    return indices[np.asarray(order, dtype=np.intp)[np.sort(first)]]


def _readability(ngram: str) -> tuple[bool, int, int, str]:
    """Words before parts of words, one word before two, and long before short."""
    is_part = not re.fullmatch(r" .* ", ngram)
    return is_part, len(ngram.split()), -len(ngram), ngram
