import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from tasks.clustering.k_distances import MOST_ROWS, k_distances, knee

ROWS = np.random.default_rng(2).normal(size=(60, 3))


@pytest.mark.parametrize("k", [1, 4, 60])
def test_a_row_is_its_own_first_neighbour(k: int) -> None:
    expected = np.sort(np.sort(pairwise_distances(ROWS), axis=1)[:, k - 1])
    np.testing.assert_allclose(k_distances(ROWS, k), expected, atol=1e-12)


def test_a_sample_is_asked_about_all_rows() -> None:
    rows = np.random.default_rng(3).random((20_000, 2))
    curve = k_distances(rows, 5)
    assert len(curve) == MOST_ROWS
    np.testing.assert_array_equal(curve, k_distances(rows, 5))
    every = NearestNeighbors(n_neighbors=5).fit(rows).kneighbors(rows)[0][:, -1]
    assert np.median(curve) == pytest.approx(np.median(every), rel=0.03)


def test_the_knee_is_where_the_curve_bends() -> None:
    assert knee(np.array([1.0, 1.1, 1.2, 1.3, 6.0, 11.0])) == 1.3
    assert knee(np.full(5, 2.0)) == 2.0
