"""Which clusterings are drawn, and what is said of them."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures import best_clusterings
from tasks.pictures.best_clusterings import clustering_pictures
from tasks.results import Cell, Picture
from tests.tasks.preparing import prepare

PARAMETERS: dict[str, dict[str, Any]] = {
    "kmeans": {"n_clusters": 3, "random_state": 0},
    "dbscan": {"eps": 0.6, "min_samples": 4},
    "agglomerative": {"n_clusters": 3, "linkage": "single"},
}


@pytest.fixture
def dataset(tmp_path: Path) -> PreparedDataset:
    return table(tmp_path, 90)


def table(folder: Path, rows: int) -> PreparedDataset:
    """Three groups of rows and one row far from all."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 2)) + 12.0 * rng.integers(0, 3, (rows, 1))
    values[-1] = 60
    np.savetxt(folder / "own.csv", values, delimiter=",", header="a,b", comments="")
    return prepare(resolve(str(folder / "own.csv")), folder)


def cell(dataset: PreparedDataset, algorithm: str, silhouette: float | None, **fields: Any) -> Cell:
    metrics = {"clusters": 3.0} | ({} if silhouette is None else {"silhouette": silhouette})
    values = {"engine": "local", "search": "grid", "space": "standardised", "metrics": metrics, **fields}
    return Cell(dataset=dataset.name, algorithm=algorithm, **{"params": PARAMETERS[algorithm], **values})


def titles(drawn: list[Picture]) -> list[str]:
    return [picture.title.partition(":")[0] for picture in drawn]


def image(picture: Picture) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(picture.png)))


def test_the_best_of_each_algorithm_are_drawn_side_by_side(dataset: PreparedDataset) -> None:
    poor = cell(dataset, "kmeans", 0.1, params={"n_clusters": 5}, search="baseline")
    cells = [
        poor,
        cell(dataset, "kmeans", 0.5),
        cell(dataset, "dbscan", 0.6),
        cell(dataset, "agglomerative", 0.4),
    ]
    drawn = clustering_pictures(dataset, cells)
    assert titles(drawn) == [
        "Clusters in the first two principal components",
        "Silhouette of each row",
        "DBSCAN",
        "Agglomerative clustering",
    ]
    caption = drawn[0].caption
    named = [
        "DBSCAN, grid, eps=0.6, min_samples=4",
        "K-means, grid, n_clusters=3",
        "Agglomerative clustering, grid",
    ]
    assert sorted(named, key=caption.index) == named
    assert "n_clusters=5" not in caption
    assert caption.count("standardised space") == 3
    assert image(drawn[0]).width > 1.5 * image(drawn[2]).width


def test_a_clustering_without_a_silhouette_is_no_winner(dataset: PreparedDataset) -> None:
    one_cluster = cell(dataset, "dbscan", None, params={"eps": 50.0, "min_samples": 4})
    assert titles(clustering_pictures(dataset, [one_cluster])) == ["DBSCAN"]
    drawn = clustering_pictures(dataset, [one_cluster, cell(dataset, "kmeans", 0.5)])
    assert "DBSCAN" not in drawn[0].caption
    assert clustering_pictures(dataset, []) == []


def test_of_a_large_table_some_rows_of_every_cluster_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = table(tmp_path, 2_000)
    monkeypatch.setattr(best_clusterings, "MOST_ROWS", 40)
    lonely = cell(dataset, "agglomerative", 0.9, params={"n_clusters": 2, "linkage": "single"})
    drawn = clustering_pictures(dataset, [lonely])
    assert "of 2,000 rows are drawn" in drawn[0].caption
    assert "computed among the drawn rows alone" in drawn[1].caption
    assert len(drawn) == 3


def test_the_rows_of_a_sampled_k_distance_graph_are_told(tmp_path: Path) -> None:
    few, many = (tmp_path / name for name in ("few", "many"))
    few.mkdir()
    many.mkdir()
    for folder, rows, told in ((few, 90, False), (many, 1_200, True)):
        dataset = table(folder, rows)
        caption = clustering_pictures(dataset, [cell(dataset, "dbscan", 0.5)])[-1].caption
        assert ("The curve is that of 1,000 of 1,200 rows." in caption) == told


def test_a_clustering_that_can_be_recommended_is_drawn_before_one_that_sets_a_row_apart(
    dataset: PreparedDataset,
) -> None:
    metrics = {"clusters": 2.0, "silhouette": 0.9, "largest_share": 0.99}
    apart = cell(dataset, "kmeans", None, params={"n_clusters": 2}, metrics=metrics)
    sound = cell(dataset, "kmeans", 0.5)
    assert "n_clusters=3" in clustering_pictures(dataset, [apart, sound])[0].caption
    assert "n_clusters=2" in clustering_pictures(dataset, [apart])[0].caption
