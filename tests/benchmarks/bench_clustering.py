"""Clustering beside its peers, in one run on one machine: K-means, DBSCAN, linkages, silhouettes, searches.

The peers are no dependencies of the project: install them by `pip install -e .[bench]`.
"""

import importlib
import importlib.util
import sys

from tests.benchmarks.timing import save

PEERS = ("dask_ml", "dbscan", "fastcluster")
PARTS = ("kmeans", "dbscan", "agglomerative", "metrics", "search")


def main() -> None:
    """Run all parts, one after the other."""
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} missing: install the peers by pip install -e .[bench]")
    parts = [importlib.import_module(f"tests.benchmarks.clustering_{part}") for part in PARTS]
    save([row for part in parts for row in part.rows()])


if __name__ == "__main__":
    main()
