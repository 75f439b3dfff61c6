"""Clustering: groups of a table's rows, without a target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from infra.engines import Engine
from infra.errors import DataError
from infra.progress import Progress
from infra.readable import listed
from tasks import models
from tasks.clustering.labelings import NOISE, has_scores
from tasks.clustering.metrics import SILHOUETTE_ROWS, cluster_metrics
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.columns import Column
from tasks.datasets.prepared import PreparedDataset, Split
from tasks.datasets.preprocessing import preprocessor
from tasks.datasets.raw import RawTable
from tasks.datasets.table_rules import TableRules
from tasks.large.drawn_rows import DrawnRows
from tasks.large.training_rows import LargeTrainingRows
from tasks.pictures.best_clusterings import clustering_pictures
from tasks.pictures.drawn_clusters import DrawnClusters
from tasks.problems.base import MetricColumn, Problem
from tasks.report import cluster_words
from tasks.report.quality_charts import Chart, clustering_chart
from tasks.results import Cell, Evaluation, Picture, Recommendation


class ClusterRules(TableRules):
    """Demands on a table without a target: distances need at least one numeric column."""

    task: Task = "clustering"
    uses_texts: bool = False

    def learn_target(self, table: RawTable, source: Source, folds: int) -> None:
        return None

    def check(self, columns: Sequence[Column], source: Source) -> None:
        if not any(column.numeric for column in columns):
            raise DataError(
                f"'{source.path}' has no numeric column, and clustering needs at least one; columns: "
                f"{listed([column.name for column in columns])}. For classification name the target"
            )


class Clustering(Problem):
    """Groups of a table's rows; the metric is the silhouette."""

    name: ClassVar[Task] = "clustering"
    metric: ClassVar[str] = "silhouette"
    ranking: ClassVar[str] = "silhouette"
    score_bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    space: ClassVar[str] = "standardised"
    exact: ClassVar[bool] = True
    rules: ClassVar[TableRules | None] = ClusterRules()
    columns = (
        MetricColumn("silhouette", "Silhouette", "silhouette", "silh."),
        MetricColumn("silhouette_error", "Silhouette: standard error", "std.\nerror", "±", optional=True),
        MetricColumn("davies_bouldin", "Davies-Bouldin", "Davies-\nBouldin", "D-B"),
        MetricColumn("calinski_harabasz", "Calinski-Harabasz", "Calinski-\nHarabasz", "C-H", 2),
        MetricColumn("clusters", "Clusters", "k", "k"),
        MetricColumn("noise_share", "Noise", "noise\n%", "noise\n%", 1, optional=True),
    )

    def warm_up(self) -> None:
        from tasks.compiling import compile_kernels

        compile_kernels()

    def split(self, dataset: PreparedDataset, seed: int = 0) -> Split:
        if dataset.by_blocks:
            return Split(LargeTrainingRows(DrawnRows(dataset, seed)))
        X, _ = dataset.load()
        return Split(X)

    def quality(
        self, dataset: PreparedDataset, winner: Any, split: Split, engine: Engine
    ) -> dict[str, float]:
        labels = winner[-1].labels_
        sizes = cluster_sizes(labels)
        if not has_scores(labels):
            return sizes
        unscaled = preprocessor(dataset, scale=False, impute=True)
        if isinstance(split.X, LargeTrainingRows):
            spaces = [split.X.transformed(winner[:-1]), split.X.blocks(unscaled)]
        else:
            spaces = [winner[:-1].transform(split.X), unscaled.fit_transform(split.X)]
        own, of_raw = (cluster_metrics(X, [labels], engine)[0] for X in spaces)
        of_raw.pop(SILHOUETTE_ROWS, None)  # the rows are the same in both spaces
        return sizes | own | {f"raw_{name}": value for name, value in of_raw.items()}

    def keep(
        self, model: Any, description: models.Description, dataset: PreparedDataset, seed: int, folder: Path
    ) -> None:
        DrawnClusters.of(model, LargeTrainingRows(DrawnRows(dataset, seed))).save(folder)

    def words_on_size(self, sample: int, held_out: int) -> str:
        return (
            f"the searches of K-means compare their candidates on a sample of {sample:,} rows, and each model of "
            "K-means begins with the centres that it finds on the sample, and is fitted on all rows; columns are "
            "scaled as the sample is; --exhaustive asks for searches on all rows, which takes much longer"
        )

    def objection(self, cell: Cell) -> str | None:
        return cluster_words.objection(cell)

    def quality_chart(self, cells: Sequence[Cell], evaluations: Sequence[Evaluation]) -> Chart | None:
        return clustering_chart(cells)

    def gain_in_words(self, searched: Cell, baseline: Cell) -> str | None:
        return cluster_words.gain(searched, baseline)

    def findings(self, cells: Sequence[Cell]) -> list[str]:
        return cluster_words.findings(cells)

    def remarks(self, cells: Sequence[Cell]) -> list[str]:
        return [cluster_words.spaces(cells), *cluster_words.estimates(cells)]

    def basis(self, cell: Cell) -> str:
        return cluster_words.basis(cell)

    def pictures(
        self,
        dataset: PreparedDataset,
        cells: Sequence[Cell],
        recommendation: Recommendation | None,
        progress: Progress | None = None,
    ) -> list[Picture]:
        return clustering_pictures(dataset, cells)


def cluster_sizes(labels: Any) -> dict[str, float]:
    """Number of clusters, share of the rows in the largest cluster, and share of the rows that are noise."""
    counts = np.unique(labels[labels != NOISE], return_counts=True)[1]
    return {
        "clusters": float(len(counts)),
        "largest_share": float(counts.max(initial=0) / len(labels)),
        "noise_share": float(np.mean(labels == NOISE)),
    }
