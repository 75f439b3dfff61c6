"""Ensembles on Dask beside the libraries they are made of."""

from tests.benchmarks import ensembles_boosting, ensembles_forest, ensembles_memory
from tests.benchmarks.timing import save


def main() -> None:
    """Run all comparisons and save them."""
    save([*ensembles_boosting.rows(), *ensembles_forest.rows(), *ensembles_memory.rows()])


if __name__ == "__main__":
    main()
