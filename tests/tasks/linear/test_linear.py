"""Linear models by blocks against scikit-learn's, and on every engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
from sklearn.datasets import load_diabetes, load_iris, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.engines import ArraySource, blocks, connect
from infra.errors import DataError, ParameterError
from tasks import ways
from tasks.linear import LogisticRegression, Ridge
from tests.infra.engines.work import CountedSource


@parametrize_with_checks([LogisticRegression(max_iter=1000), Ridge()])
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def classes(count: int) -> tuple[Any, Any]:
    X, y = make_classification(900, 8, n_informative=6, n_classes=count, flip_y=0.1, random_state=count)
    return StandardScaler().fit_transform(X), np.array(["oats", "rye", "wheat", "spelt"])[y]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("parameters", [{}, {"C": 0.01}, {"fit_intercept": False}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_coefficients_are_those_of_scikit_learn(
    count: int, parameters: dict[str, Any], weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 97)
    X, y = classes(count)
    weights = np.random.default_rng(0).exponential(size=len(X)) if weighted else None
    exact = {"tol": 1e-8, "max_iter": 1000, **parameters}
    ours = LogisticRegression(**exact).fit(X, y, sample_weight=weights)
    theirs = sklearn.linear_model.LogisticRegression(**exact).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.classes_.tolist() == theirs.classes_.tolist()


def test_default_parameters_score_like_scikit_learn() -> None:
    X, y = load_iris(return_X_y=True)
    ours = LogisticRegression(max_iter=1000).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-2)
    assert ours.score(X, y) == theirs.score(X, y)


@pytest.mark.parametrize(
    "parameters", [{}, {"alpha": 30.0}, {"fit_intercept": False}, {"alpha": 0.0}], ids=str
)
@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_coefficients_are_those_of_scikit_learn(
    parameters: dict[str, Any], weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 97)
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X) + 3
    weights = np.random.default_rng(0).exponential(size=len(X)) if weighted else None
    ours = Ridge(**parameters).fit(X, y, sample_weight=weights)
    theirs = sklearn.linear_model.Ridge(**parameters).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-9)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8)


def test_columns_that_are_equal_share_their_coefficient() -> None:
    X = np.column_stack([np.arange(20.0)] * 2)
    np.testing.assert_allclose(Ridge(alpha=0.0).fit(X, 4 * X[:, 0]).coef_, [2.0, 2.0])


@pytest.mark.parametrize("make", [LogisticRegression, Ridge])
def test_paths_and_sources_give_the_coefficients_of_arrays(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 97)
    X, y = classes(3) if make is LogisticRegression else make_regression(700, 8, noise=9, random_state=0)
    frame = pd.DataFrame(X).add_prefix("x").assign(target=y)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=150)
    weights = np.arange(len(X)) % 3
    here = make().fit(X, y)
    path = make().fit(tmp_path / "t.parquet", "target")
    source = make().fit(ArraySource(X, y, block_rows=97))
    for other in (path, source):
        assert other.coef_.tobytes() == here.coef_.tobytes()
        assert other.predict(ArraySource(X, block_rows=97)).tolist() == here.predict(X).tolist()
    assert path.predict(tmp_path / "t.parquet").tolist() == here.predict(X).tolist()
    assert path.feature_names_in_.tolist() == [f"x{i}" for i in range(8)]
    weighted = make().fit(X, y, sample_weight=weights)
    assert (
        make().fit(ArraySource(X, y, weights * 1.0, block_rows=97)).coef_.tobytes()
        == weighted.coef_.tobytes()
    )


@pytest.mark.parametrize("make", [LogisticRegression, Ridge])
def test_rows_that_do_not_fit_in_memory_are_read_in_each_round(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.random.default_rng(0).normal(size=(2000, 5))
    monkeypatch.setattr(ways, "allowed_bytes", lambda _engine: ways.PROCESS + 2000 * 20)
    with connect("local", workers=1) as engine:
        model = make(engine=engine)
        CountedSource.most = 0
        # the targets of this source are row numbers: for classes, one for each of 40 rows
        source = CountedSource(
            X[:40] if make is LogisticRegression else X, 10 if make is LogisticRegression else 50
        )
        if make is LogisticRegression:
            monkeypatch.setattr(ways, "allowed_bytes", lambda _engine: ways.PROCESS + 40 * 44)
        model.fit(source)
    assert str(model.way_).endswith(", read anew in each round")
    assert 0 < CountedSource.most <= 3


@pytest.mark.parametrize("make", [LogisticRegression, Ridge])
def test_missing_values_are_refused(make: Any, tmp_path: Path) -> None:
    X = np.arange(12.0).reshape(6, 2)
    X[3, 1] = np.nan
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(y=[0, 1] * 3)
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'b' has missing or infinite values"):
        make().fit(tmp_path / "t.parquet", "y")
    with pytest.raises(
        DataError, match="X: a missing or infinite value; a linear model needs finite numbers"
    ):
        make().fit(ArraySource(X, np.array([0, 1] * 3)))


def test_one_class_and_too_few_iterations_are_told() -> None:
    X, y = classes(2)
    with pytest.raises(ParameterError, match="at least two classes are needed, found one class, 'rye'"):
        LogisticRegression().fit(X, np.full(len(X), "rye"))
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=2 iterations; scale the"):
        LogisticRegression(max_iter=2).fit(X, y)
