"""What is said of clusterings: sizes, noise, scores that are missing, spaces."""

import pytest

from tasks.report import charts, leaderboard, sentences, view
from tasks.report.artifacts import leaderboard_rows
from tasks.report.clusters import cluster_findings, spaces_in_words
from tasks.report.payoff import payoff
from tasks.report.selection import best_cell, cells_of
from tasks.results import Cell, StudyResult
from tests.tasks.report.synthetic import make_study
from tests.tasks.report.test_leaderboard import cell_line, printed


@pytest.fixture
def noisy() -> StudyResult:
    """K-means, and DBSCAN whose baseline found one cluster and whose searches have noise."""
    study = make_study(clusterers=("kmeans", "dbscan"))
    for cell in cells_of(study, "burger-king"):
        if cell.algorithm == "dbscan" and cell.status == "completed":
            if cell.search == "baseline":
                cell.metrics = {"clusters": 1.0, "largest_share": 0.957, "noise_share": 0.043}
            else:
                cell.metrics["noise_share"] = 0.243
    return study


def only_unscored() -> StudyResult:
    cell = Cell(
        dataset="d",
        algorithm="dbscan",
        engine="local",
        search="baseline",
        space="standardised",
        score_name="silhouette",
        metrics={"clusters": 0.0, "largest_share": 0.0, "noise_share": 1.0},
    )
    return make_study((), ()).model_copy(update={"cells": [cell], "datasets": []})


def test_a_clustering_without_two_clusters_has_a_sentence_and_no_rank(noisy: StudyResult) -> None:
    cells = cells_of(noisy, "burger-king")
    assert cluster_findings(cells) == [
        "dbscan baseline: 1 cluster (4.3 % of the rows are noise); with fewer than two there is no silhouette."
    ]
    best = best_cell(cells)
    assert best is not None
    assert best.search != "baseline"
    gains = [line for line in sentences.gains(noisy, "burger-king") if line.startswith("dbscan, grid")]
    assert gains[0].startswith(
        "dbscan, grid search: silhouette 0.423, the baseline has none. The search took"
    )
    assert "nan" not in " ".join(sentences.dataset_findings(noisy, "burger-king"))


def heading(text: str) -> str:
    """Column heads of the clustering table."""
    return text[text.index("burger-king") : text.index("kmeans")]


@pytest.mark.parametrize("width", [80, 120])
def test_the_leaderboard_shows_noise_where_there_is_some(noisy: StudyResult, width: int) -> None:
    text = printed(noisy, width)
    assert "noise" in heading(text)
    assert "noise" not in heading(printed(make_study(), width))
    below = text[text.index("dbscan") :]
    base = cell_line(below, "local", "baseline" if width == 120 else "base")
    assert base.split().count("–") >= 4
    assert "4.3" in base
    assert "24.3" in below


def test_the_report_shows_clusters_noise_and_missing_scores(noisy: StudyResult) -> None:
    data = next(d for d in view.datasets(noisy) if d.name == "burger-king")
    column = data.headings.index("Clusters")
    base, grid, *_ = data.groups["dbscan"]
    assert (base.figures[0], base.figures[column]) == ("–", "1\nnoise 4.3 %")
    assert grid.figures[column] == "2\nnoise 24.3 %"
    assert data.groups["kmeans"][0].figures[column] == "8"
    assert "Without a mark: fewer than two clusters." in data.charts[0].caption


def test_a_lopsided_winner_comes_with_a_warning() -> None:
    study = make_study()
    for cell in cells_of(study, "burger-king"):
        if cell.status == "completed" and cell.search == "grid":
            cell.metrics |= {"silhouette": 0.69, "largest_share": 0.986}
    assert cluster_findings(cells_of(study, "burger-king"))[0].startswith(
        "Mind the sizes: one cluster of kmeans grid holds 98.6 % of the rows."
    )
    assert cluster_findings(cells_of(make_study(), "burger-king")) == []


def test_the_spaces_are_named_and_told_apart(noisy: StudyResult) -> None:
    words = spaces_in_words(cells_of(noisy, "burger-king"))
    assert "hold in the space the model was fitted in (standardised)" in words
    assert "'raw' scores the same clusters on the columns as they are" in words
    data = next(d for d in view.datasets(noisy) if d.name == "burger-king")
    assert words in data.remarks


def test_a_study_whose_clusterings_all_lack_scores_is_shown() -> None:
    study = only_unscored()
    cells = cells_of(study, "d")
    assert best_cell(cells) is None
    assert payoff(study, "d") is None
    assert charts.dataset_charts(cells, [], True, "d")[0].title != "Quality"
    assert "highest silhouette" in printed(study, 120)
    assert "100 % of the rows" in printed(study, 120).replace("100.0 %", "100 %")
    assert leaderboard_rows(study)[0]["clusters"] == 0.0
    assert leaderboard.BEST not in [row["best"] for row in leaderboard_rows(study)]
