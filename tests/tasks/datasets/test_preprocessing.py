"""Columns of texts as numbers inside the folds, the same wherever a pipeline is fitted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from infra.engines import connect
from infra.ledger import Ledger
from tasks import evaluation, models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import input_columns
from tasks.problems import EvaluationScheme
from tasks.registry import ALGORITHMS
from tasks.results import Way
from tasks.search import GridSearch
from tests.tasks.preparing import prepare

ALL = ["random_forest", "gradient_boosting", "xgboost", "linear_model"]


def shops(rows: int = 900) -> pd.DataFrame:
    """Shops with a rate each, a sentence, a colour and a number: a column of each kind."""
    random = np.random.default_rng(0)
    rates = random.choice([0.05, 0.95], 60)
    shop = random.integers(0, 60, rows)
    buys = random.random(rows) < rates[shop]
    words = random.choice(["good", "fine", "<old>", "[new]"], (rows, 3))
    return pd.DataFrame(
        {
            "shop": [f"S{i:03d}" for i in shop],
            "note": [f"{' '.join(w)} {i * 7919 % 10_007}" for i, w in enumerate(words)],
            "colour": random.choice(["red", "blue"], rows),
            "size": random.normal(size=rows).round(3),
            "buys": np.where(buys, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return prepared_from(shops(), "buys", tmp_path_factory.mktemp("shops"))


def prepared_from(frame: pd.DataFrame, target: str, folder: Path) -> PreparedDataset:
    frame.to_csv(folder / "table.csv", index=False)
    return prepare(resolve(str(folder / "table.csv"), target), folder)


def test_the_columns_are_of_the_expected_kinds(dataset: PreparedDataset) -> None:
    kinds = dataset.numeric, dataset.categorical, dataset.many_valued, dataset.texts
    assert kinds == (["size"], ["colour"], ["shop"], ["note"])


@pytest.mark.parametrize("algorithm", ALL)
def test_a_value_of_many_is_used_by_every_algorithm(dataset: PreparedDataset, algorithm: str) -> None:
    X, y = dataset.load()
    model = ALGORITHMS[algorithm].make(dataset, ModelOptions())
    assert cross_val_score(model, X, y, cv=5).mean() > 0.85


@pytest.mark.parametrize("algorithm", ALL)
def test_a_saved_model_scores_new_texts_and_values_like_the_fitted_one(
    dataset: PreparedDataset, algorithm: str, tmp_path: Path
) -> None:
    X, y = dataset.load()
    fitted = ALGORITHMS[algorithm].make(dataset, ModelOptions()).fit(X, y)
    folder = fit_whole(dataset, Way(algorithm, "baseline"), {}, ModelOptions(), tmp_path / "model")
    rows = shops()
    rows.to_csv(tmp_path / "same.csv", index=False)
    model, description = models.load(folder)
    found = models.score_table(model, description, resolve(str(tmp_path / "same.csv")))
    assert found["probability of yes"].to_numpy().tobytes() == fitted.predict_proba(X)[:, 1].tobytes()
    rows.head(5).assign(shop="S999", note=None, colour="green").to_csv(tmp_path / "new.csv", index=False)
    assert len(models.score_table(model, description, resolve(str(tmp_path / "new.csv")))) == 5


def test_every_column_of_numbers_is_traced_to_its_input(dataset: PreparedDataset) -> None:
    X, y = dataset.load()
    fitted = ALGORITHMS["xgboost"].make(dataset, ModelOptions()).fit(X, y)[0]
    names, sources = list(fitted.get_feature_names_out()), input_columns(fitted)
    assert len(names) == len(sources) == fitted.transform(X).shape[1]
    for name, source in zip(names, sources, strict=True):
        assert name.startswith(source)
        assert not set(name) & set("[]<")


def test_a_search_scores_as_scikit_learns_grid_search_on_every_engine(dataset: PreparedDataset) -> None:
    X, y = dataset.load()
    model = ALGORITHMS["xgboost"].make(dataset, ModelOptions())
    space = {"model__max_depth": [2, 4], "model__n_estimators": [10, 20]}
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    peer = GridSearchCV(model, space, cv=folds, scoring="accuracy").fit(X, y)
    for name in ("local", "dask"):
        with connect(name, workers=2) as engine:
            own = GridSearch(model, space, cv=folds, scoring="accuracy", engine=engine).fit(X, y)
        assert own.cv_results_["mean_test_score"].tolist() == peer.cv_results_["mean_test_score"].tolist()
        assert (
            own.best_estimator_.predict_proba(X).tobytes() == peer.best_estimator_.predict_proba(X).tobytes()
        )


def test_an_evaluation_scores_as_scikit_learns_cross_validation(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    X, y = dataset.load()
    scheme = EvaluationScheme(folds=3, repeats=1, seed=0, candidates=1)
    with connect("local", workers=1) as engine:
        [found] = evaluation.evaluate(
            dataset,
            [Way("linear_model", "baseline")],
            scheme,
            ModelOptions(),
            engine,
            Ledger(tmp_path / "ledger"),
        )
    from tasks.problems import problem_of

    splitter = problem_of(dataset.task).evaluation_splitter(scheme)
    peer = cross_val_score(ALGORITHMS["linear_model"].make(dataset, ModelOptions()), X, y, cv=splitter)
    assert found.scores == pytest.approx(peer.tolist())


def test_whole_numbers_as_a_quantity_are_encoded_by_their_mean(tmp_path: Path) -> None:
    frame = shops().assign(buys=lambda table: (table["buys"] == "yes") * 100 + np.arange(len(table)) % 97)
    dataset = prepared_from(frame, "buys", tmp_path)
    assert dataset.task == "regression"
    X, y = dataset.load()
    model = ALGORITHMS["gradient_boosting"].make(dataset, ModelOptions())
    assert cross_val_score(model, X, y, cv=5).mean() > 0.4


def test_a_table_of_identifiers_alone_trains(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    codes = [f"{value:08x}x" for value in random.integers(0, 2**32, 120)]
    dataset = prepared_from(pd.DataFrame({"code": codes, "y": ["no", "yes"] * 60}), "y", tmp_path)
    X, y = dataset.load()
    for algorithm in ALL:
        assert len(ALGORITHMS[algorithm].make(dataset, ModelOptions()).fit(X, y).predict(X)) == 120


def test_models_of_a_very_wide_table_get_the_most_strongly_associated_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 1_200)).round(2)).add_prefix("g")
    frame["y"] = np.where(frame["g7"] + frame["g1100"] > 0, "yes", "no")
    dataset = prepared_from(frame, "y", tmp_path)
    assert dataset.notes[-1] == (
        "each model uses only 1,000 of the 1,200 columns of numbers, those that are most strongly associated with the "
        "target in its training rows, because the table has only 60 rows"
    )
    X, y = dataset.load()
    fitted = ALGORITHMS["linear_model"].make(dataset, ModelOptions()).fit(X, y)[0]
    assert len(input_columns(fitted)) == 1_000
    assert {"g7", "g1100"} <= set(input_columns(fitted))
