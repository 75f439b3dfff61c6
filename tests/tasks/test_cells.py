"""A cell: trained or searched, measured, scored, profiled on request, and not computed twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_diabetes
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
    silhouette_samples,
    silhouette_score,
)
from sklearn.preprocessing import StandardScaler

from infra.engines import Engine, connect
from infra.errors import ParameterError
from infra.ledger import Ledger
from infra.study_folder import StudyFolder
from tasks import cells
from tasks.algorithms.base import ModelOptions
from tasks.cell_request import CellRequest
from tasks.cells import run_cell
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset, Split
from tasks.large import row_roles
from tasks.large.drawn_rows import DrawnRows
from tasks.pictures.drawn_clusters import DrawnClusters
from tasks.problems import problem_of
from tasks.registry import ALGORITHMS
from tasks.search.trials import run_batch
from tasks.vision.curves import CurveFile
from tests.infra.engines.starting import started
from tests.tasks.datasets.images import image_files
from tests.tasks.large.tables import clustered
from tests.tasks.preparing import prepare


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedDataset]:
    folder = tmp_path_factory.mktemp("data")
    return {name: prepare(resolve(name), folder) for name in ("diabetes", "burger-king")}


@pytest.fixture(scope="module", params=["local", "dask"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started(request.param, 2, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.fixture
def request_for(datasets: dict[str, PreparedDataset], engine: Engine, tmp_path: Path) -> Any:
    def make(dataset: str, search: str, **changes: Any) -> CellRequest:
        values: dict[str, Any] = {
            "algorithm": "xgboost" if dataset == "diabetes" else "kmeans",
            "engine": engine.name,
            "options": ModelOptions(seed=3),
            "folds": 3,
            "candidates": 4,
            "workers": 2,
            "folder": StudyFolder(home=tmp_path, id="study"),
        }
        return CellRequest(dataset=datasets[dataset], search=search, **{**values, **changes})

    return make


def split_of(dataset: PreparedDataset) -> Split:
    return problem_of(dataset.task).split(dataset)


def test_a_baseline_scores_on_rows_it_has_not_seen(request_for: Any, engine: Engine) -> None:
    request = request_for("diabetes", "baseline")
    cell = run_cell(request, engine)
    rows = split_of(request.dataset)
    assert len(rows.X) + len(rows.X_test) == 768
    assert not set(rows.X.index) & set(rows.X_test.index)
    expected = xgboost.XGBClassifier(n_jobs=1, random_state=3).fit(rows.X, rows.y)
    assert cell.metrics == {
        "holdout_accuracy": accuracy_score(rows.y_test, expected.predict(rows.X_test)),
        "holdout_auc": roc_auc_score(rows.y_test, expected.predict_proba(rows.X_test)[:, 1]),
        "holdout_rows": 149,
    }
    assert (cell.status, cell.workers, cell.score_name, cell.trials) == ("completed", 2, "accuracy", [])
    assert cell.implementation.startswith("one fit")
    assert cell.params["n_estimators"] == 100
    assert "engine" not in cell.params
    assert cell.usage.wall_s > 0
    assert cell.profile is None


def test_a_quantity_is_predicted_for_rows_not_seen(tmp_path: Path, engine: Engine) -> None:
    rows, target = load_diabetes(return_X_y=True, as_frame=True)
    rows.assign(progression=target).to_csv(tmp_path / "progression.csv", index=False)
    dataset = prepare(resolve(str(tmp_path / "progression.csv"), "progression"), tmp_path)
    assert (dataset.task, dataset.classes) == ("regression", [])
    cells = {
        search: run_cell(
            CellRequest(
                dataset=dataset,
                algorithm="xgboost",
                engine=engine.name,
                search=search,
                options=ModelOptions(seed=3),
                folds=3,
                candidates=4,
                workers=2,
                folder=StudyFolder(home=tmp_path, id="study"),
            ),
            engine,
        )
        for search in ("baseline", "grid")
    }
    seen = split_of(dataset)
    assert (len(seen.X), len(seen.X_test)) == (356, 86)
    expected = xgboost.XGBRegressor(n_jobs=1, random_state=3).fit(seen.X, seen.y).predict(seen.X_test)
    assert cells["baseline"].metrics == {
        "holdout_r2": pytest.approx(r2_score(seen.y_test, expected)),
        "holdout_rmse": pytest.approx(root_mean_squared_error(seen.y_test, expected)),
        "holdout_mae": pytest.approx(mean_absolute_error(seen.y_test, expected)),
        "holdout_rows": 86,
    }
    assert cells["grid"].score_name == "r2"
    assert cells["grid"].metrics["holdout_r2"] > cells["baseline"].metrics["holdout_r2"]


def test_a_clustering_is_scored_in_both_spaces(request_for: Any, engine: Engine) -> None:
    request = request_for("burger-king", "baseline")
    cell = run_cell(request, engine)
    frame, _ = request.dataset.load()
    raw = frame.fillna(frame.median()).to_numpy()
    space = StandardScaler().fit_transform(raw)
    from tasks.clustering import KMeans

    labels = KMeans(8, random_state=3).fit(space).labels_
    assert cell.metrics["silhouette"] == pytest.approx(silhouette_score(space, labels))
    assert cell.metrics["raw_silhouette"] == pytest.approx(silhouette_score(raw, labels))
    assert cell.space == "standardised"
    assert cell.implementation.startswith("blocks of rows over 2")


@pytest.mark.parametrize("algorithm", ["kmeans", "dbscan", "agglomerative"])
def test_a_clustering_tells_its_clusters_and_its_noise(
    request_for: Any, engine: Engine, algorithm: str
) -> None:
    request = request_for("burger-king", "grid", algorithm=algorithm)
    cell = run_cell(request, engine)
    model = ALGORITHMS[algorithm].make(request.dataset, request.options)
    model[-1].set_params(**cell.params)
    labels = model.fit(request.dataset.load()[0])[-1].labels_
    assert cell.metrics["clusters"] == len(set(labels) - {-1})
    assert cell.metrics["noise_share"] == np.mean(labels == -1)
    assert cell.metrics["largest_share"] == np.bincount(labels[labels >= 0]).max() / 70
    assert cell.metrics["silhouette"] == pytest.approx(cell.cv_score)
    assert (cell.metrics["noise_share"] > 0) == (algorithm == "dbscan")


@pytest.mark.parametrize(("eps", "clusters", "noise"), [(1e-3, 0, 1.0), (1e3, 1, 0.0)])
def test_a_baseline_without_two_clusters_completes_without_scores(
    request_for: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch, eps: float, clusters: int, noise: float
) -> None:
    monkeypatch.setattr("tasks.clustering.k_distances.knee", lambda _curve: eps)
    cell = run_cell(request_for("burger-king", "baseline", algorithm="dbscan"), engine)
    largest = 1.0 if clusters else 0.0
    assert cell.status == "completed"
    assert cell.metrics == {"clusters": clusters, "largest_share": largest, "noise_share": noise}


def test_candidates_without_two_clusters_fail_alone(request_for: Any, engine: Engine) -> None:
    cell = run_cell(request_for("burger-king", "grid", algorithm="dbscan"), engine)
    failed = [trial for trial in cell.trials if trial.error]
    assert 0 < len(failed) < len(cell.trials)
    assert all("have no silhouette score" in str(t.error) and t.mean_score is None for t in failed)
    assert cell.fits == 1


def test_a_search_of_which_all_candidates_fail_says_why(
    request_for: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopeless = replace(ALGORITHMS["dbscan"], grid=lambda *_: {"model__eps": [1e3, 2e3]})
    monkeypatch.setitem(cast(Any, ALGORITHMS), "dbscan", hopeless)
    with pytest.raises(
        ParameterError, match=r"all 2 candidates failed; .* 1 clusters of 70 rows have no silh"
    ):
        run_cell(request_for("burger-king", "grid", algorithm="dbscan"), engine)


@pytest.mark.parametrize("search", ["grid", "random"])
@pytest.mark.parametrize("dataset", ["diabetes", "burger-king"])
def test_a_search_has_all_its_trials_and_is_not_computed_twice(
    request_for: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch, search: str, dataset: str
) -> None:
    request = request_for(dataset, search)
    seen: list[tuple[int, int, float | None]] = []
    cell = run_cell(request, engine, lambda *news: seen.append(news))
    folds = 3 if dataset == "diabetes" else 1
    assert all(len(trial.scores) == folds and trial.error is None for trial in cell.trials)
    assert cell.cv_score == max(trial.mean_score for trial in cell.trials if trial.mean_score is not None)
    assert seen[-1] == (cell.fits, cell.fits, pytest.approx(cell.cv_score))
    assert cell.kept == 0
    if search == "random":
        assert len(cell.trials) == 4
    elif dataset == "diabetes":
        assert (len(cell.trials), cell.fits) == (18, 18)  # three numbers of rounds share each of 6 x 3 fits
    monkeypatch.setattr(cells, "_compute", None)
    again = run_cell(request, engine)
    assert again == cell.model_copy(update={"kept": len(cell.trials) * folds})


def test_an_interrupted_search_keeps_its_trials(request_for: Any, engine: Engine) -> None:
    request = request_for("diabetes", "grid")

    def interrupt(done: int, _total: int, _best: float | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cell(request, engine, interrupt)
    assert Ledger(request.folder.ledger).get(request.key) is None
    cell = run_cell(request, engine)
    assert cell.kept == 5 * 3
    assert cell.fits == 18 - 5


def test_a_cell_is_another_one_when_what_determines_it_changes(request_for: Any, tmp_path: Path) -> None:
    request = request_for("diabetes", "grid")
    for change in (
        {"options": ModelOptions(seed=4)},
        {"folds": 4},
        {"candidates": 5},
        {"workers": 3},
        {"profile": True},
    ):
        assert request.model_copy(update=change).key != request.key
    assert request.model_copy(update={"folder": StudyFolder(home=tmp_path, id="other")}).key == request.key
    assert request.key.startswith(f"diabetes/xgboost/{request.engine}/grid/")
    assert request.title == f"diabetes xgboost {request.engine} grid"


def test_a_profile_names_what_the_workers_did(request_for: Any, engine: Engine) -> None:
    table = run_cell(request_for("diabetes", "random", profile=True), engine).profile
    assert table is not None
    head, *lines = table.splitlines()
    assert head.split() == ["calls", "own", "s", "cumulative", "s", "function"]
    assert len(lines) == 25
    # XGBoost's rounds run in the workers alone: the driver fits the winner and nothing else
    updates = next(line for line in lines if line.endswith("update") and "xgboost/core.py" in line)
    refit = int(run_cell(request_for("diabetes", "random"), engine).params["n_estimators"])
    assert int(updates.split()[0].replace(",", "")) > refit
    assert run_batch.__module__ == "tasks.search.trials"


def test_a_profile_does_not_change_the_results(request_for: Any, engine: Engine) -> None:
    plain = run_cell(request_for("burger-king", "grid"), engine)
    profiled = run_cell(request_for("burger-king", "grid", profile=True), engine)
    assert profiled.profile
    assert profiled.metrics == plain.metrics
    assert [t.scores for t in profiled.trials] == [t.scores for t in plain.trials]


@pytest.mark.parametrize("search", ["baseline", "grid"])
def test_a_network_in_training_is_resumed(
    search: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographs = prepare(
        resolve(str(image_files.folder(tmp_path / "pets", count=12))), tmp_path, first_look=False
    )

    def run(name: str) -> Any:
        request = CellRequest(
            dataset=photographs, algorithm="convnet", engine="local", search=search, folds=3, candidates=1,
            options=ModelOptions(epochs=4), workers=2, folder=StudyFolder(home=tmp_path, id=name),
        )  # fmt: skip
        with connect("local", workers=2) as engine:
            return request, run_cell(request, engine)

    undisturbed, expected = run("undisturbed")
    trained: list[int] = []

    def interrupted(self: CurveFile, epoch: int, metrics: Any) -> None:
        trained.append(epoch)
        if len(trained) == 2:
            raise InterruptedError

    monkeypatch.setattr(CurveFile, "on_epoch", interrupted)
    with pytest.raises(InterruptedError):
        run("disturbed")
    request, cell = run("disturbed")
    assert trained == [1, 2, 3, 4]
    weights = [Path(one.network) / "model.safetensors" for one in (expected, cell)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert cell.metrics == expected.metrics
    assert cell.params == expected.params
    assert "checkpoints" not in cell.params or cell.params["checkpoints"] is None
    assert not request.folder.checkpoints(request.key).exists()
    assert not undisturbed.folder.checkpoints(undisturbed.key).exists()


@pytest.mark.parametrize("profile", [False, True])
def test_an_estimator_without_engine_is_fitted_by_one_worker(
    request_for: Any, engine: Engine, profile: bool
) -> None:
    request = request_for("diabetes", "baseline", algorithm="linear_model", profile=profile)
    cell = run_cell(request, engine)
    rows = split_of(request.dataset)
    expected = ALGORITHMS["linear_model"].make(request.dataset, request.options).fit(rows.X, rows.y)
    assert cell.metrics["holdout_accuracy"] == accuracy_score(rows.y_test, expected.predict(rows.X_test))
    assert cell.implementation in ("one fit in one process", "one fit on one worker")
    assert (cell.profile is not None) == profile


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    monkeypatch.setattr(row_roles, "SAMPLE_CELLS", 2 * 900)
    monkeypatch.setattr(row_roles, "FEWEST_ROWS", 0)
    monkeypatch.setattr("tasks.datasets.preparation.ROW_GROUP", 700)
    return clustered(tmp_path)


@pytest.mark.parametrize("name", ["kmeans", "dbscan", "agglomerative"])
def test_a_clustering_of_a_large_table_has_the_figures_of_all_rows(
    request_for: Any, engine: Engine, groups: PreparedDataset, name: str
) -> None:
    request = request_for("burger-king", "grid", algorithm=name).model_copy(update={"dataset": groups})
    cell = run_cell(request, engine)
    pipeline = ALGORITHMS[name].make(groups, ModelOptions())
    pipeline[-1].set_params(**cell.params)
    X, _ = groups.load()
    labels = pipeline.fit(X)[-1].labels_
    assert cell.metrics["silhouette"] == pytest.approx(
        silhouette_of(pipeline[:-1].transform(X), labels), abs=0.01
    )
    assert cell.metrics["clusters"] == len(set(labels) - {-1})
    assert "3,000 rows" in cell.implementation
    assert cell.model is not None
    drawn = DrawnClusters.load(Path(cell.model))
    [picture, *_] = problem_of("clustering").pictures(groups, [cell], None)
    assert f"{len(drawn.labels):,} of 3,000 rows are drawn" in picture.caption
    kept = DrawnRows(groups, 3).sample_numbers()
    assert adjusted_rand_score(drawn.labels, labels[kept]) > 0.99


def silhouette_of(X: Any, labels: Any) -> float:
    """scikit-learn's mean silhouette, in which rows of noise count as zero."""
    values = np.zeros(len(labels))
    clustered_rows = labels != -1
    values[clustered_rows] = silhouette_samples(X[clustered_rows], labels[clustered_rows])
    return float(values.mean())
