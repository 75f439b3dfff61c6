"""One rule, one answer: the best way, or a cheaper one whose loss is shown to be small."""

from typing import Any

import pytest

from infra.monitoring import Usage
from tasks.problems import problem_of
from tasks.recommendation import recommend
from tasks.results import Cell, Comparison, Evaluation, Recommendation, Search, Way

CLASSES, CLUSTERS = problem_of("classification"), problem_of("clustering")


def evaluation(algorithm: str, mean: float, seconds: float, search: Search = "baseline") -> Evaluation:
    return Evaluation(
        dataset="d", algorithm=algorithm, search=search, metric="accuracy", folds=10, repeats=1, scores=[mean] * 10,
        mean=mean, low=mean - 0.03, high=mean + 0.03, seconds=seconds,
    )  # fmt: skip


def compared(first: Evaluation, second: Evaluation, low: float, high: float, p: float = 0.4) -> Comparison:
    return Comparison(
        dataset="d", first=str(first.way), second=str(second.way), difference=(low + high) / 2, low=low, high=high,
        p_value=p,
    )  # fmt: skip


def cell(
    algorithm: str, search: Search = "baseline", engine: Any = "local", wall: float = 1.0, **metrics: float
) -> Cell:
    return Cell(
        dataset="d",
        algorithm=algorithm,
        engine=engine,
        search=search,
        metrics=metrics,
        usage=Usage(wall_s=wall),
    )


def of_classes(
    evaluations: list[Evaluation], comparisons: list[Comparison], margin: float = 0.01
) -> Recommendation:
    return recommend("d", CLASSES, [], evaluations, comparisons, margin)


BEST, CHEAP = evaluation("random_forest", 0.983, 0.7), evaluation("xgboost", 0.943, 0.03)


def test_a_cheap_way_is_not_recommended_because_a_difference_is_not_significant() -> None:
    """A table of 178 rows: 94.3 and 98.3 % differ by less than the noise, which proves no equality."""
    found = of_classes([BEST, CHEAP], [compared(BEST, CHEAP, -0.03, 0.11, p=0.24)])
    assert found.way == Way("random_forest", "baseline")
    assert found.reason == (
        "random_forest baseline has the highest accuracy, and no cheaper way is shown to be within the margin of "
        "1.0 points."
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_cheap_way_is_recommended_where_its_loss_lies_within_the_margin(turned: bool) -> None:
    near = evaluation("xgboost", 0.981, 0.03)
    pair = compared(near, BEST, -0.006, 0.002) if turned else compared(BEST, near, -0.002, 0.006)
    found = of_classes([BEST, near], [pair])
    assert found.way == Way("xgboost", "baseline")
    assert (found.score, found.low, found.high) == (near.mean, near.low, near.high)
    assert (
        "random_forest baseline has the highest accuracy, 98.3 %, but takes 0.70 s instead of 0.030 s"
        in found.reason
    )
    assert "its lead is -0.2 to 0.6 points (95 % interval), within the margin of 1.0 points" in found.reason


def test_the_margin_is_the_users() -> None:
    near = evaluation("xgboost", 0.981, 0.03)
    pairs = [compared(BEST, near, -0.002, 0.006)]
    assert of_classes([BEST, near], pairs, margin=0.005).algorithm == "random_forest"
    assert of_classes([BEST, near], pairs, margin=0.006).algorithm == "xgboost"


def test_of_several_cheap_ways_the_cheapest_is_taken_and_of_equal_times_the_better() -> None:
    ways = [BEST, evaluation("a", 0.981, 0.30), evaluation("b", 0.979, 0.029), evaluation("c", 0.980, 0.030)]
    pairs = [compared(BEST, one, -0.002, 0.008) for one in ways[1:]]
    assert of_classes(ways, pairs).algorithm == "c"


def test_a_linear_model_is_a_candidate_like_any_other() -> None:
    linear = evaluation("linear_model", 0.99, 0.02)
    found = of_classes([BEST, linear], [compared(linear, BEST, -0.01, 0.024)])
    assert found.way == Way("linear_model", "baseline")
    assert found.engine is None
    assert found.reason == "linear_model baseline has the highest accuracy, and no other way is cheaper."


def test_equal_means_go_to_the_cheaper_way() -> None:
    same = evaluation("xgboost", BEST.mean, 0.03)
    assert of_classes([BEST, same], [compared(BEST, same, -0.04, 0.04)]).algorithm == "xgboost"


def test_the_engine_is_the_one_that_made_the_model_fastest() -> None:
    cells = [
        cell("random_forest", engine=e, wall=w) for e, w in (("local", 2.0), ("dask", 1.0), ("spark", 3.0))
    ]
    found = recommend("d", CLASSES, cells, [BEST], [], 0.01)
    assert found.engine == "dask"
    assert found.reason == "No other way was measured."
    assert found.basis == "by 1 x 10 cross-validation"


def test_without_cross_validation_the_highest_hold_out_is_recommended_without_interval() -> None:
    cells = [cell("a", holdout_accuracy=0.80, wall=9.0), cell("b", holdout_accuracy=0.79, wall=0.1)]
    found = recommend("d", CLASSES, cells, [], [], 0.05)
    assert (found.algorithm, found.metric, found.low, found.high) == ("a", "holdout_accuracy", None, None)
    assert found.basis == "on one hold-out, without an interval"


def test_a_clustering_that_sets_a_few_rows_apart_is_not_recommended() -> None:
    apart = cell("agglomerative", silhouette=0.69, largest_share=0.986, noise_share=0.0)
    sound = cell("kmeans", silhouette=0.43, largest_share=0.6, noise_share=0.0)
    found = recommend("d", CLUSTERS, [apart, sound], [], [], 0.01)
    assert found.algorithm == "kmeans"
    assert "Not considered: agglomerative baseline (one cluster holds 98.6 % of the rows)." in found.reason
    none = recommend("d", CLUSTERS, [apart], [], [], 0.01)
    assert none.way is None
    assert "one cluster holds 98.6 % of the rows" in none.reason


def test_a_clustering_of_noise_is_not_recommended() -> None:
    noise = cell("dbscan", silhouette=0.02, largest_share=0.04, noise_share=0.93)
    assert recommend("d", CLUSTERS, [noise], [], [], 0.01).way is None


def test_silhouettes_are_exact_so_a_cheaper_clustering_may_lose_the_margin() -> None:
    cells = [
        cell("kmeans", "grid", silhouette=0.430, largest_share=0.6, wall=2.0),
        cell("kmeans", silhouette=0.424, largest_share=0.6, wall=0.1),
    ]
    found = recommend("d", CLUSTERS, cells, [], [], 0.01)
    assert (found.search, found.basis) == ("baseline", "on all rows")
    assert recommend("d", CLUSTERS, cells, [], [], 0.001).search == "grid"


def test_where_nothing_completed_nothing_is_recommended() -> None:
    failed = cell("kmeans").model_copy(update={"status": "failed"})
    assert recommend("d", CLUSTERS, [failed], [], [], 0.01).reason == "No cell completed."


def estimated(search: Search, silhouette: float, error: float, wall: float) -> Cell:
    return cell(
        "kmeans",
        search,
        silhouette=silhouette,
        silhouette_error=error,
        silhouette_rows=1024.0,
        largest_share=0.6,
        wall=wall,
    )


def test_of_estimated_silhouettes_a_cheaper_way_is_taken_only_if_the_error_cannot_hide_a_loss() -> None:
    grid, cheap = estimated("grid", 0.430, 0.004, 2.0), estimated("baseline", 0.424, 0.004, 0.1)
    assert recommend("d", CLUSTERS, [grid, cheap], [], [], 0.01).search == "grid"
    found = recommend("d", CLUSTERS, [grid, cheap], [], [], 0.02)
    assert found.search == "baseline"
    assert "its lead is -0.005 to 0.017 (95 % interval)" in found.reason
    same = estimated("baseline", 0.430, 0.004, 0.1)
    assert recommend("d", CLUSTERS, [grid, same], [], [], 0.01).search == "baseline"


def test_an_estimated_silhouette_is_recommended_with_its_standard_error() -> None:
    found = recommend("d", CLUSTERS, [estimated("grid", 0.43, 0.0042, 2.0)], [], [], 0.01)
    compared = "each compared with up to 131,072 rows of each cluster"
    assert found.basis == f"on 1,024 sampled rows, {compared} (standard error 0.004)"
    assert (found.low, found.high) == (None, None)
