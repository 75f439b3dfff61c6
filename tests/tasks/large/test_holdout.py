"""Scores on parts of the held-out rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, roc_auc_score

from tasks.large.holdout import PARTS, PredictedRows, scores_of_parts


def rows(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 2))
    return pd.DataFrame(X, columns=["a", "b"]), X[:, 0] + rng.logistic(size=count)


@pytest.mark.parametrize("metric", ["accuracy", "r2", "roc_auc", "neg_log_loss"])
def test_the_mean_of_the_parts_is_the_score_and_their_spread_its_error(metric: str) -> None:
    classes = metric != "r2"
    X, quantity = rows(1_000, 0)
    model = LogisticRegression().fit(X, quantity > 0) if classes else LinearRegression().fit(X, quantity)
    scorer = get_scorer(metric)
    means, errors, scores = [], [], []
    for seed in range(1, 51):
        X, quantity = rows(1_000, seed)
        y = quantity > 0 if classes else quantity
        parts = scores_of_parts(PredictedRows(model, X), y, metric)
        assert len(parts) == PARTS
        means.append(np.mean(parts))
        errors.append(np.std(parts, ddof=1) / np.sqrt(PARTS))
        scores.append(scorer(model, X, y))
    np.testing.assert_allclose(means, scores, atol=3e-3)
    assert np.mean(errors) == pytest.approx(np.std(scores, ddof=1), rel=0.3)


def test_the_error_of_the_area_under_the_curve_is_that_of_delong() -> None:
    X, quantity = rows(4_000, 1)
    y = quantity > 0
    model = LogisticRegression().fit(X, y)
    score = model.predict_proba(X)[:, 1]
    positive, negative = score[y], score[~y]
    above = stats.rankdata(np.concatenate([positive, negative]))
    own_positive, own_negative = stats.rankdata(positive), stats.rankdata(negative)
    of_positive = (above[: len(positive)] - own_positive) / len(negative)
    of_negative = 1 - (above[len(positive) :] - own_negative) / len(positive)
    assert of_positive.mean() == pytest.approx(roc_auc_score(y, score))
    delong = np.sqrt(of_positive.var(ddof=1) / len(positive) + of_negative.var(ddof=1) / len(negative))
    parts = scores_of_parts(PredictedRows(model, X), y, "roc_auc")
    assert np.std(parts, ddof=1) / np.sqrt(PARTS) == pytest.approx(delong, rel=0.3)
