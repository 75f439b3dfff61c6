"""What is said of clusterings: sizes, noise, scores that are missing, spaces."""

import pytest

from tasks.report import charts, cluster_words, leaderboard, sentences, view
from tasks.report.artifacts import leaderboard_rows
from tasks.report.recommended import recommendation_lines
from tasks.results import Cell, Dataset, StudyResult
from tests.tasks.report.synthetic import data_of, make_study, recommended
from tests.tasks.report.test_leaderboard import cell_line, printed


@pytest.fixture
def noisy() -> StudyResult:
    """K-means, and DBSCAN whose baseline found one cluster and whose searches have noise."""
    study = make_study(clusterers=("kmeans", "dbscan"))
    for cell in data_of(study, "burger-king").cells:
        if cell.algorithm == "dbscan" and cell.status == "completed":
            if cell.search == "baseline":
                cell.metrics = {"clusters": 1.0, "largest_share": 0.957, "noise_share": 0.043}
            else:
                cell.metrics["noise_share"] = 0.243
    return recommended(study)


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
    about = Dataset(name="d", task="clustering", target=None, rows=70, columns=["a"], sha256="", path="")
    return recommended(make_study((), ()).model_copy(update={"cells": [cell], "datasets": [about]}))


def test_a_clustering_without_two_clusters_has_a_sentence_and_no_rank(noisy: StudyResult) -> None:
    cells = data_of(noisy, "burger-king").cells
    assert cluster_words.findings(cells) == [
        "dbscan baseline: 1 cluster (4.3 % of the rows are noise); a silhouette needs at least two clusters."
    ]
    chosen = data_of(noisy, "burger-king").recommendation
    assert chosen is not None
    assert chosen.search != "baseline"
    gains = [
        line for line in sentences.gains(data_of(noisy, "burger-king")) if line.startswith("dbscan, grid")
    ]
    assert gains[0].startswith(
        "dbscan, grid search: silhouette 0.423; the baseline has no silhouette. The search took"
    )
    assert "nan" not in " ".join(sentences.dataset_findings(data_of(noisy, "burger-king")))


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
    column, noise = data.headings.index("Clusters"), data.headings.index("Noise")
    base, grid, *_ = data.groups["dbscan"]
    assert (base.figures[0], base.figures[column], base.figures[noise]) == ("–", "1", "4.30 %")
    assert (grid.figures[column], grid.figures[noise]) == ("2", "24.30 %")
    assert data.groups["kmeans"][0].figures[column] == "8"
    assert "A way without a mark found too few clusters for these figures." in data.charts[0].caption


def test_a_lopsided_clustering_is_not_recommended_although_it_scores_highest() -> None:
    study = make_study()
    for cell in study.cells:
        if cell.dataset == "burger-king" and cell.status == "completed" and cell.search == "grid":
            cell.metrics |= {"silhouette": 0.69, "largest_share": 0.986}
    [answer, *_] = recommendation_lines(data_of(recommended(study), "burger-king"))
    assert answer.startswith("Recommended for burger-king: kmeans random, silhouette 0.423")
    assert "Not considered: kmeans grid (one cluster holds 98.6 % of the rows)." in answer
    [gain] = [line for line in sentences.gains(data_of(study, "burger-king")) if "grid search" in line]
    assert "Mind the sizes: one cluster holds 98.6 % of the rows." in gain


def test_the_spaces_are_named_and_told_apart(noisy: StudyResult) -> None:
    words = cluster_words.spaces(data_of(noisy, "burger-king").cells)
    assert "are computed in the space the model was fitted in (standardised)" in words
    assert "figures called 'raw' are computed for the same clusters on the raw columns" in words
    data = next(d for d in view.datasets(noisy) if d.name == "burger-king")
    assert words in data.remarks


def test_a_study_whose_clusterings_all_lack_scores_is_shown() -> None:
    study = only_unscored()
    data = data_of(study, "d")
    assert recommendation_lines(data)[0].startswith("Recommended for d: none. No model has a score")
    assert charts.dataset_charts(data, "d")[0].title != "Quality"
    assert "100 % of the rows" in printed(study, 120).replace("100.0 %", "100 %")
    assert leaderboard_rows(study)[0]["clusters"] == 0.0
    assert leaderboard.RECOMMENDED not in [row["recommended"] for row in leaderboard_rows(study)]


def test_estimated_silhouettes_are_named_as_estimates_with_their_errors(noisy: StudyResult) -> None:
    cells = data_of(noisy, "burger-king").cells
    assert cluster_words.estimates(cells) == []
    assert {cluster_words.basis(cell) for cell in cells} == {"on all rows"}
    for cell in cells:
        cell.metrics |= {"silhouette_error": 0.0041, "silhouette_rows": 1024.0}
    [sentence] = cluster_words.estimates(cells)
    assert (
        "estimates: the mean silhouette of 1,024 rows drawn at random, each compared with the rows of "
        "each cluster, at most 131,072 of one" in sentence
    )
    text = printed(recommended(noisy), 200)
    assert "error" in heading(text)
    assert "0.004" in cell_line(text[text.index("burger-king") :], "local", "grid")
    assert (
        "measured on 1,024 sampled rows, each compared with up to 131,072 rows of each cluster (standard error 0.004)"
        in " ".join(text.split())
    )
    searched, baseline = cells[0].model_copy(deep=True), cells[0].model_copy(deep=True)
    searched.metrics["silhouette"], baseline.metrics["silhouette"] = 0.430, 0.400
    assert "(each silhouette is an estimate; the standard error of the difference is at most 0.006)" in str(
        cluster_words.gain(searched, baseline)
    )
    searched.metrics["silhouette_error"] = 0.02
    assert "the error of the two estimates can cause this difference" in str(
        cluster_words.gain(searched, baseline)
    )
