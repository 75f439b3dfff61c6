"""Scores of clusterings, one or many of the same rows in one pass, on every engine.

Without noise the scores are scikit-learn's. Rows labelled -1 are noise: scikit-learn takes them for a cluster,
here they belong to none.

- The silhouette of a noise row is 0, and noise rows do not count in the silhouettes of other rows. They do count
  in the mean, so that no clustering gains by calling rows noise: the mean over all rows is the mean over the rows
  in clusters times the share of these rows.
- The scores of Davies and Bouldin and of Calinski and Harabasz are those of the rows in clusters alone.

The silhouette of up to 20,000 rows is exact: it takes time that grows with the square of the number of rows, and
each worker holds all rows once (there is no matrix of distances). The silhouette of more rows is an estimate with a
standard error, from 1,024 sampled rows, the same for all labelings, each compared with the rows of each cluster, in
a cluster of more than 131,072 rows with about so many of them. The other two scores
are exact, and read the rows block by block, twice. Scores are the same to the last bit on every engine, with any
number of workers, alone or among other labelings.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from infra.engines import ArraySource, Blocks, BlockSource, Engine, ParquetSource
from tasks.clustering import dispersion
from tasks.clustering.base import engine_or_this_process
from tasks.clustering.dispersion import Dispersion
from tasks.clustering.labelings import Labelings, check_labels, encode
from tasks.clustering.silhouette_means import SAMPLED_ROWS, mean_silhouettes
from tasks.clustering.silhouettes import silhouettes
from tasks.clustering.sources import PairedSource
from tasks.ways import way_over_blocks

Array = NDArray[Any]
METRICS = ("silhouette", "davies_bouldin", "calinski_harabasz")
SILHOUETTE_ERROR = "silhouette_error"
"""Name under which the standard error of an estimated silhouette is given."""
SILHOUETTE_ROWS = "silhouette_rows"
"""Name under which the number of rows is given that a silhouette is estimated from."""
LOCAL_OPERATIONS = 2**29  # a tenth of a second: less than the time to start a job on a cluster
_OF_DISPERSION: dict[str, Callable[[Dispersion], float]] = {
    "davies_bouldin": dispersion.davies_bouldin,
    "calinski_harabasz": dispersion.calinski_harabasz,
}


def cluster_metrics(
    X: Any, labelings: Sequence[ArrayLike], engine: Engine | None = None, metrics: Sequence[str] = METRICS
) -> list[dict[str, float]]:
    """Compute the scores of each labeling of the rows of `X`, all in the same passes over the rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), BlockSource, or path to Parquet
        Rows; all values must be finite. Rows of a path are read where the engine runs.
    labelings : sequence of array-like of shape (n_samples,)
        Labels; -1 is noise.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.
    metrics : sequence of {"silhouette", "davies_bouldin", "calinski_harabasz"}, default=all
        Scores to compute.

    Returns
    -------
    list of dict of str to float
        Scores of each labeling, by name. A silhouette that is an estimate has its standard error beside it,
        "silhouette_error", and the number of sampled rows, "silhouette_rows".

    Raises
    ------
    ParameterError
        If a labeling has fewer than two clusters, as many clusters as rows in clusters, or another number of
        rows.

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
    distinct, which = encode(labelings, source.n_rows)
    scores: dict[str, Sequence[float]] = {}
    with _engine_for(engine, source, len(distinct)) as used:
        paired = PairedSource(source, np.ascontiguousarray(distinct.codes.T))
        blocks = used.partition(paired.streamed() if _are_streamed(paired, distinct, used) else paired)
        if "silhouette" in metrics:
            scores |= _silhouettes(source, distinct, blocks, used)
        if any(name in metrics for name in _OF_DISPERSION):
            found = dispersion.dispersions(blocks, distinct, used)
            scores |= {name: list(map(score, found)) for name, score in _OF_DISPERSION.items()}
    names = [*metrics, *(name for name in scores if name not in METRICS)]
    return [{name: scores[name][i] for name in names} for i in which]


def _are_streamed(rows: PairedSource, labelings: Labelings, engine: Engine) -> bool:
    """Whether each pass reads the rows anew, because they do not fit in the memory of the workers."""
    if isinstance(rows.rows, ArraySource):
        return False
    beside = labelings.codes.itemsize * len(labelings)
    return way_over_blocks("cluster_metrics", rows, engine, beside=beside, in_memory=False).streamed


def _silhouettes(
    source: BlockSource, labelings: Labelings, blocks: Blocks, engine: Engine
) -> dict[str, Sequence[float]]:
    means = mean_silhouettes(source, labelings, blocks, engine)
    found: dict[str, Sequence[float]] = {"silhouette": [one.mean for one in means]}
    errors = [one.error for one in means if one.error is not None]
    if errors:
        found |= {SILHOUETTE_ERROR: errors, SILHOUETTE_ROWS: [float(SAMPLED_ROWS)] * len(errors)}
    return found


def silhouette_samples(X: Any, labels: ArrayLike, engine: Engine | None = None) -> Array:
    """Compute the silhouette of each row.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), BlockSource, or path to Parquet
        Rows; all values must be finite. Rows of a path are read where the engine runs.
    labels : array-like of shape (n_samples,)
        Labels; -1 is noise.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Returns
    -------
    ndarray of shape (n_samples,), float64

    Raises
    ------
    ParameterError
        If there are fewer than two clusters, as many clusters as rows in clusters, or another number of rows.
    """
    check_labels(labels, "silhouette")
    source = _source(X)
    distinct, _ = encode([labels], source.n_rows)
    with _engine_for(engine, source, 1) as used:
        return np.asarray(silhouettes(source, distinct, used)[0])


def _source(X: Any) -> BlockSource:
    if isinstance(X, BlockSource):
        return X
    if isinstance(X, str | Path):
        return ParquetSource(X)
    return ArraySource(check_array(X, dtype=[np.float64, np.float32], order="C"))


def _engine_for(
    engine: Engine | None, source: BlockSource, n_labelings: int
) -> AbstractContextManager[Engine]:
    """The engine that works: this process if none is given, or if the rows are an array of few."""
    n_operations = source.n_rows**2 * (source.n_columns + n_labelings)
    few = isinstance(source, ArraySource) and n_operations < LOCAL_OPERATIONS
    return engine_or_this_process(None if few else engine)
