from pathlib import Path

import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler

from infra.monitoring import Usage
from tasks.datasets.catalogue import resolve
from tasks.datasets.preparation import PreparedDataset, prepare
from tasks.pictures import pictures
from tasks.published import beside_published
from tasks.results import Cell


def cell(dataset: PreparedDataset, algorithm: str, **fields: object) -> Cell:
    values = {"engine": "local", "search": "baseline", "usage": Usage(wall_s=1.5), **fields}
    return Cell(dataset=dataset.name, algorithm=algorithm, **values)


def test_diabetes_is_quoted_with_its_standard_error(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    accuracy, seconds = beside_published(
        dataset, [cell(dataset, "xgboost", metrics={"holdout_accuracy": 113 / 149, "holdout_rows": 149})], []
    )
    assert "74.50 %" in accuracy.published
    assert "75.84%" in accuracy.ours.replace(" ", "")
    assert "113 of 149" in accuracy.remark
    assert "3.5 points" in accuracy.remark
    assert "local 1.50 s" in seconds.ours


def test_the_menus_figures_are_scikit_learns_in_both_spaces(tmp_path: Path) -> None:
    dataset = prepare(resolve("burger-king"), tmp_path)
    silhouette, davies_bouldin, _ = beside_published(dataset, [cell(dataset, "kmeans")], [])
    frame, _ = dataset.load()
    raw = frame.fillna(frame.median()).to_numpy()
    for name, space in (("raw", raw), ("standardised", StandardScaler().fit_transform(raw))):
        labels = KMeans(2, n_init=10, random_state=0).fit(space).labels_
        assert f"{name} {silhouette_score(space, labels):.3f}" in silhouette.ours
        assert f"{name} {davies_bouldin_score(space, labels):.3f}" in davies_bouldin.ours


def test_the_users_own_table_has_no_published_figures(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(30)))
    dataset = prepare(resolve(str(tmp_path / "own.csv")), tmp_path)
    assert beside_published(dataset, [cell(dataset, "kmeans")], []) == []


@pytest.mark.parametrize("rows", [30, 6000])
def test_the_best_clustering_is_drawn(tmp_path: Path, rows: int) -> None:
    (tmp_path / "own.csv").write_text("a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(rows)))
    dataset = prepare(resolve(str(tmp_path / "own.csv")), tmp_path)
    poor = cell(dataset, "kmeans", metrics={"silhouette": 0.1}, params={"n_clusters": 5})
    best = cell(dataset, "kmeans", metrics={"silhouette": 0.5}, params={"n_clusters": 3}, search="grid")
    drawn = pictures(dataset, [poor, best])
    assert [p.png[:5] for p in drawn] == ["iVBOR", "iVBOR"]
    assert all("k=3" in p.caption for p in drawn)
    failed = best.model_copy(update={"status": "failed"})
    assert pictures(dataset, [failed]) == []
