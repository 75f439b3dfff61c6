"""N-grams are kept where they tell something about the target, and nothing is kept of texts without meaning."""

import uuid
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from tasks.datasets.encoding import ngrams
from tasks.datasets.encoding.ngrams import NGramEncoder

WORDS = ["phone", "box", "thanks", "late", "love", "broken", "ok"]


def texts(*values: str | None) -> pd.DataFrame:
    return pd.DataFrame({"note": pd.Series(values, dtype="category")})


def sentences(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Sentences of random words, of which one decides the class."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    found = [" ".join([*random.choice(WORDS, 4), "Refund!" if angry else "kind"]) for angry in y]
    return texts(*found), y


def test_the_word_that_decides_comes_first_and_predicts_new_sentences() -> None:
    X, y = sentences(200)
    encoder = NGramEncoder("binary").fit(X, y)
    assert encoder.ngrams_[0][0] in (" kind ", " refund ")
    model = make_pipeline(NGramEncoder("binary"), LogisticRegression())
    assert cross_val_score(model, X, y).mean() == 1.0


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "continuous"])
def test_random_identifiers_give_no_column_in_19_of_20_tables(target_type: ngrams.TargetType) -> None:
    useless = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        X = texts(*(str(uuid.UUID(bytes=random.bytes(16))) for _ in range(100)))
        y = {
            "binary": random.integers(0, 2, 100),
            "multiclass": random.choice(5, 100, p=[0.6, 0.2, 0.1, 0.06, 0.04]),
            "continuous": np.exp(random.standard_cauchy(100).clip(-50, 50)),  # some quantities are extreme
        }[target_type]
        useless += NGramEncoder(target_type).fit_transform(X, y).shape[1] > 0
    assert useless <= 5  # with a chance of 5 % a table, more would be found in 1 of 70 runs


def test_the_last_letter_of_a_code_is_found_before_all_else() -> None:
    random = np.random.default_rng(0)
    last = random.choice(list("XY"), 300)
    X = texts(*(f"AB-{random.integers(1000, 9999)}-{letter}" for letter in last))
    y = np.where(random.random(300) < 0.9, last == "X", last != "X")
    kept = NGramEncoder("binary").fit(X, y).ngrams_[0]
    assert kept[0] in (" x ", " y ")


def test_a_word_that_raises_a_price_is_found_in_titles() -> None:
    random = np.random.default_rng(0)
    gold = random.random(300) < 0.3
    X = texts(*(f"Ring {'gold' if g else 'tin'} no. {random.integers(1000)}" for g in gold))
    price = np.exp(random.normal(3, 0.3, 300) + gold)
    assert NGramEncoder("continuous").fit(X, price).ngrams_[0][0] in (" gold ", " tin ")


def test_a_rare_word_of_a_rare_class_is_found() -> None:
    y = np.repeat([0, 1, 2], [600, 380, 20])
    random = np.random.default_rng(0)
    X = texts(*(" ".join([*random.choice(WORDS, 4), *["recall"] * int(c == 2)]) for c in y))
    assert " recall " in NGramEncoder("multiclass").fit(X, y).ngrams_[0]


def test_a_missing_text_has_no_ngram_and_its_absence_can_be_one() -> None:
    X, y = sentences(100)
    encoder = NGramEncoder("binary").fit(X, y)
    assert not encoder.transform(texts(None, "never seen")).any()
    absent = texts(*(None if c else text.split()[0] for c, text in zip(y, X["note"], strict=True)))
    assert "" in NGramEncoder("binary").fit(absent, y).ngrams_[0]


def test_a_column_without_a_text_gives_no_column_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = NGramEncoder("binary").fit(texts(*[None] * 20), [0, 1] * 10)
        assert encoder.transform(texts(None, "new")).shape == (2, 0)
        assert list(encoder.get_feature_names_out()) == []


def test_capitals_and_blanks_do_not_count_and_a_pair_of_words_is_found_beside_punctuation() -> None:
    X = texts(*["please,  REFUND it"] * 10, *["it, please refund? no"] * 10)
    encoder = NGramEncoder("binary").fit(X, [1] * 10 + [0] * 10)
    assert encoder.transform(texts("Please refund IT")).any()


def test_ngrams_in_the_same_rows_are_one_column_named_after_the_longest_word() -> None:
    X = texts(*["extraordinary"] * 10, *["plain"] * 10)
    kept = NGramEncoder("binary").fit(X, [1] * 10 + [0] * 10).ngrams_[0]
    assert " extraordinary " in kept
    assert len(kept) == 2


def test_equal_rows_in_another_order_give_the_same_ngrams() -> None:
    X, y = sentences(300)
    order = np.random.default_rng(1).permutation(300)
    assert (
        NGramEncoder("binary").fit(X, y).ngrams_
        == NGramEncoder("binary").fit(X.iloc[order], y[order]).ngrams_
    )


def test_long_texts_are_sampled_so_that_a_fit_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = sentences(400)
    monkeypatch.setattr(ngrams, "MOST_CHARACTERS", 3_000)
    kept = NGramEncoder("binary").fit(X, y).ngrams_[0]
    assert kept[0] in (" kind ", " refund ")


def test_each_class_gets_its_share_of_the_columns() -> None:
    random = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [500, 50, 50])
    own = {0: "apple", 1: "pear", 2: "plum"}
    X = texts(*(f"{own[c]} {random.choice(WORDS)}" for c in y))
    assert {" apple ", " pear ", " plum "} <= set(NGramEncoder("multiclass", most=3).fit(X, y).ngrams_[0])


def test_a_length_column_is_there_on_request() -> None:
    X, y = sentences(100)
    encoder = NGramEncoder("binary", most=1, lengths=True).fit(X, y)
    assert encoder.get_feature_names_out()[-1] == "note~length"
    assert encoder.transform(texts("abc", None))[:, -1].tolist() == [3.0, 0.0]
    assert clone(encoder).get_params() == encoder.get_params()
