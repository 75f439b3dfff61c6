"""DBSCAN on standardised columns; the values of `eps` come from the distances between the rows."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import randint, rv_histogram
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, Demand, ModelOptions, Space, scaled_pipeline
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor
from tasks.large.training import InMemory

CORE_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
"""Shares of the rows that become core rows under the values of `eps` that a search tries."""
FEWEST_NEIGHBOURS = 3  # with two, DBSCAN is single linkage
DEFAULT_NEIGHBOURS = 5  # scikit-learn's default


def _make(dataset: PreparedDataset, _options: ModelOptions) -> Pipeline:
    from tasks.clustering import DBSCAN
    from tasks.clustering.k_distances import knee

    # scikit-learn's default of 0.5 does not suit rows whose distances are not known in advance
    eps = _rounded(knee(_distances(dataset)))
    return scaled_pipeline(dataset, DBSCAN(eps, min_samples=_usual_neighbours(dataset)))


def _grid(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    from tasks.clustering.k_distances import knee

    curve = _distances(dataset)
    counts = np.geomspace(FEWEST_NEIGHBOURS, _most_neighbours(dataset), 4).round()
    return {
        "model__eps": sorted({_rounded(eps) for eps in (knee(curve), *np.quantile(curve, CORE_SHARES))}),
        "model__min_samples": sorted({int(count) for count in counts}),
    }


def _distributions(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    shares = np.linspace(CORE_SHARES[0], CORE_SHARES[-1], 35)
    edges, first = np.unique(np.quantile(_distances(dataset), shares), return_index=True)
    # shares of core rows are drawn uniformly; distances drawn uniformly would mostly fit the few farthest rows
    drawn = rv_histogram((np.diff(shares[first]), edges), density=False)() if len(edges) > 1 else list(edges)
    return {
        "model__eps": drawn,
        "model__min_samples": randint(FEWEST_NEIGHBOURS, _most_neighbours(dataset) + 1),
    }


def _most_neighbours(dataset: PreparedDataset) -> int:
    """Twice the number of columns (Sander et al. 1998, section 4.2), but at most a tenth of the number of rows."""
    return max(FEWEST_NEIGHBOURS, min(2 * len(dataset.columns), dataset.rows // 10))


def _usual_neighbours(dataset: PreparedDataset) -> int:
    return min(DEFAULT_NEIGHBOURS, _most_neighbours(dataset))


def _distances(dataset: PreparedDataset) -> NDArray[np.float64]:
    """Distances to the k-th nearest row in the prepared space, all above zero."""
    return _distances_of(dataset.model_dump_json(), _usual_neighbours(dataset))


@lru_cache(maxsize=4)
def _distances_of(described: str, k: int) -> NDArray[np.float64]:
    from tasks.clustering.k_distances import k_distances

    dataset = PreparedDataset.model_validate_json(described)
    curve = k_distances(preprocessor(dataset, scale=True, impute=True).fit_transform(dataset.load()[0]), k)
    # if every row has k duplicates, all distances are zero, and every eps finds the same clusters
    return curve[curve > 0] if curve[-1] > 0 else np.ones(1)


def _rounded(eps: float) -> float:
    """Round to three significant digits, as the report does, so that all machines use the same value."""
    return float(f"{eps:.3g}")


def _row_bytes(columns: int) -> int:
    """Bytes of a row in a worker, as measured for a grid: boxes, neighbours of rows, and the labels of all settings."""
    return 130 * columns + 500


def _usual_model(X: Any) -> Any:
    from tasks.clustering import DBSCAN
    from tasks.clustering.k_distances import k_distances, knee

    return DBSCAN(knee(k_distances(X, DEFAULT_NEIGHBOURS)) or 1.0)


def _notes(dataset: PreparedDataset) -> tuple[str, ...]:
    from tasks.clustering.k_distances import MOST_ROWS

    if dataset.rows <= MOST_ROWS:
        return ()
    return (
        f"The values of eps that DBSCAN tries come from the k-distances of {MOST_ROWS:,} rows drawn at random; the "
        f"distance of each is that to its k-th nearest among all {dataset.rows:,} rows.",
    )


DBSCAN = Algorithm(
    name="dbscan",
    title="DBSCAN",
    makers={"clustering": _make},
    grid=_grid,
    distributions=_distributions,
    large=InMemory(),
    demand=Demand(_row_bytes, _usual_model),
    notes=_notes,
)
