"""Dendrograms: the height of the cut, the clusters of the nodes, and any number of rows."""

import base64

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster

from tasks.clustering import AgglomerativeClustering
from tasks.clustering.dendrogram import linkage_matrix
from tasks.pictures.merges import cluster_of_each_node, cut_height, dendrogram

ROWS = np.random.default_rng(1).normal(size=(80, 3))


@pytest.mark.parametrize("linkage", ["ward", "average", "single"])
@pytest.mark.parametrize("k", [1, 2, 7, 80])
def test_the_line_cuts_the_tree_into_the_clusters(linkage: str, k: int) -> None:
    model = AgglomerativeClustering(k, linkage=linkage).fit(ROWS)
    cut = fcluster(linkage_matrix(model), cut_height(model), criterion="distance")
    assert len(set(cut)) == k
    assert len(set(zip(cut, model.labels_, strict=True))) == k


def test_a_node_belongs_to_the_cluster_of_its_rows() -> None:
    model = AgglomerativeClustering(5).fit(ROWS)
    found = cluster_of_each_node(model)
    rows: list[set[int]] = [{i} for i in range(80)]
    for left, right in model.children_:
        rows.append(rows[left] | rows[right])
    for node, members in enumerate(rows):
        clusters = set(model.labels_[list(members)])
        assert found[node] == (clusters.pop() if len(clusters) == 1 else -1)


@pytest.mark.parametrize("rows", [2, 30, 80])
def test_any_number_of_rows_is_drawn(rows: int) -> None:
    model = AgglomerativeClustering(2).fit(ROWS[:rows])
    assert base64.b64decode(dendrogram(model)).startswith(b"\x89PNG")
