"""Quality of clusterings, one or many of the same rows in one pass, on every engine.

Without noise the scores are scikit-learn's. Rows labelled -1 are noise, which scikit-learn would take for a
cluster; here they belong to none:

- A noise row's silhouette is 0, and no other row counts it as a neighbour. It does count in the mean, so that
  no clustering gains by calling rows noise: the mean is that of the rows in clusters times their share of all.
- Davies-Bouldin and Calinski-Harabasz are those of the rows in clusters alone.

The silhouette is exact: it takes time that grows with the square of the rows, and each worker holds all rows
once (a matrix of distances is never made). The other two read the rows block by block, twice. Results are the
same to the last bit on every engine, with any number of workers, alone or among other labelings.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from infra.engines import ArraySource, BlockSource, Engine, ParquetSource
from infra.engines.local import LocalEngine
from tasks.clustering import dispersion
from tasks.clustering.dispersion import Dispersion
from tasks.clustering.labelings import check_labels, coded
from tasks.clustering.silhouettes import silhouettes

Array = NDArray[Any]
METRICS = ("silhouette", "davies_bouldin", "calinski_harabasz")
HERE = 2**29  # a tenth of a second of arithmetic: less than it takes to hand a job to a cluster
_OF_DISPERSION: dict[str, Callable[[Dispersion], float]] = {
    "davies_bouldin": dispersion.davies_bouldin,
    "calinski_harabasz": dispersion.calinski_harabasz,
}


def cluster_metrics(
    X: Any, labelings: Sequence[ArrayLike], engine: Engine | None = None, metrics: Sequence[str] = METRICS
) -> list[dict[str, float]]:
    """Scores of each labeling of the rows of `X`, all from the same passes over the rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), BlockSource, or path to Parquet
        Rows of a path are read where the engine runs. All must be finite.
    labelings : sequence of array-like of shape (n_samples,)
        Integers; -1 is noise.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.
    metrics : sequence of {"silhouette", "davies_bouldin", "calinski_harabasz"}, default=all
        Scores to compute.

    Returns
    -------
    list of dict of str to float
        Of each labeling, its scores by name.

    Raises
    ------
    ParameterError
        If a labeling has fewer than two clusters, as many as rows in clusters, or another number of rows.

    References
    ----------
    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis" (1987).
    Davies and Bouldin, "A cluster separation measure" (1979). Calinski and Harabasz, "A dendrite method for
    cluster analysis" (1974).
    """
    for labels in labelings:
        check_labels(labels, metrics[0])
    if not len(labelings):
        return []
    source = _source(X)
    distinct, which = coded(labelings, source.n_rows)
    scores: dict[str, Sequence[float]] = {}
    with _connected(engine, source, len(distinct)) as used:
        if "silhouette" in metrics:
            scores["silhouette"] = [float(row.mean()) for row in silhouettes(source, distinct, used)]
        if any(name in metrics for name in _OF_DISPERSION):
            found = dispersion.dispersions(source, distinct, used)
            scores |= {name: list(map(score, found)) for name, score in _OF_DISPERSION.items()}
    return [{name: scores[name][i] for name in metrics} for i in which]


def silhouette(X: Any, labels: ArrayLike, engine: Engine | None = None) -> float:
    """Mean silhouette of all rows, -1 to 1, higher is better; parameters as in `cluster_metrics`."""
    return cluster_metrics(X, [labels], engine, ["silhouette"])[0]["silhouette"]


def davies_bouldin(X: Any, labels: ArrayLike, engine: Engine | None = None) -> float:
    """Davies-Bouldin index, 0 or more, lower is better; parameters as in `cluster_metrics`."""
    return cluster_metrics(X, [labels], engine, ["davies_bouldin"])[0]["davies_bouldin"]


def calinski_harabasz(X: Any, labels: ArrayLike, engine: Engine | None = None) -> float:
    """Calinski-Harabasz index, higher is better; parameters as in `cluster_metrics`."""
    return cluster_metrics(X, [labels], engine, ["calinski_harabasz"])[0]["calinski_harabasz"]


def silhouette_samples(X: Any, labels: ArrayLike, engine: Engine | None = None) -> Array:
    """Silhouette of each row; float64, shape (n_samples,). Parameters as in `cluster_metrics`."""
    check_labels(labels, "silhouette")
    source = _source(X)
    distinct, _ = coded([labels], source.n_rows)
    with _connected(engine, source, 1) as used:
        return np.asarray(silhouettes(source, distinct, used)[0])


def _source(X: Any) -> BlockSource:
    if isinstance(X, BlockSource):
        return X
    if isinstance(X, str | Path):
        return ParquetSource(X)
    return ArraySource(check_array(X, dtype=[np.float64, np.float32], order="C"))


def _connected(
    engine: Engine | None, source: BlockSource, n_labelings: int
) -> AbstractContextManager[Engine]:
    """The engine that works: this process where none is given, or the rows are here and few."""
    few = source.n_rows**2 * (source.n_columns + n_labelings) < HERE and isinstance(source, ArraySource)
    return LocalEngine(1) if engine is None or few else nullcontext(engine)
